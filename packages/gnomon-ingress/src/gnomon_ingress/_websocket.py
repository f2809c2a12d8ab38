"""A WebSocket as a handler sees it, whatever carries its messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast

from ._errors import InvalidHeader, MessageInvalid, WebSocketClosed
from ._generic import In, Out, TwoParameters
from ._headers import MutableHeaders, check_name, check_value
from ._json import dump_json

if TYPE_CHECKING:
    from ._response import Response

#: Close codes after which iterating ends quietly: done, going away, none given.
_NORMAL = (1000, 1001, 1005)
_ASSIGNED = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014})


class MessageType(Protocol):
    """What received messages need of a type; raises an exception with ``problems`` to refuse one."""

    def validate_json(self, data: bytes, /) -> Any:
        """Parse JSON into a value of the type."""
        ...


class OutgoingType(Protocol):
    """What sent messages need of a type; raises an exception with ``problems`` to refuse one."""

    def validate(self, value: Any, /) -> Any:
        """Return the value as the type sees it."""
        ...

    def dump_json(self, value: Any, /) -> bytes:
        """Encode a validated value."""
        ...


class Link(Protocol):
    """What carries the messages of one WebSocket: an HTTP/1.1 connection, an ASGI server, a test."""

    @property
    def answer(self) -> Response[Any]:
        """What is sent in place of the acceptance."""
        ...

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """What the client offers."""
        ...

    @property
    def draining(self) -> bool:
        """Whether the handler is to come to an end."""
        ...

    #: The largest message in bytes that is received.
    message_limit: int
    closed: bool
    close_code: int | None
    close_reason: str

    async def open(self, subprotocol: str | None, headers: MutableHeaders) -> None:
        """Send the acceptance."""
        ...

    async def receive(self) -> str | bytes:
        """Return the next message, or raise ``WebSocketClosed``."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send one message, or raise ``WebSocketClosed``."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake."""
        ...


class WebSocket(TwoParameters[In, Out]):
    """One WebSocket, from its opening request (``req.websocket``) to its close.

    Until it is accepted, ``answer`` is an ordinary response and may be sent instead. ``receive`` and ``send`` accept it
    by themselves. Pings are answered, clients that fall silent are pinged, and messages compressed if the server is told to.

    >>> async def dispatch(req, res):
    ...     ws = req.websocket
    ...     if ws is None:
    ...         raise HttpError(426, "websocket_only")
    ...     async for message in ws:
    ...         await ws.send({"echo": message})
    """

    __slots__ = ("_accepted", "_link", "_on_accept", "_receive_type", "_send_type", "_subprotocol")

    def __init__(self, link: Link) -> None:
        self._link: Link = link
        self._accepted: bool = False
        self._subprotocol: str | None = None
        self._receive_type: MessageType | None = None
        self._send_type: OutgoingType | None = None
        self._on_accept: Callable[[], object] | None = None

    @property
    def accepted(self) -> bool:
        """Whether the acceptance is sent, or on its way."""
        return self._accepted

    @property
    def closed(self) -> bool:
        """Whether no message can be sent any more; what was received before the close can still be taken."""
        return self._link.closed

    @property
    def draining(self) -> bool:
        """Whether the server drains: iterating has ended, and what is sent goes out until the handler is over.

        A handler that has neither received nor asked for this learns of the drain from its next ``send``, which raises.
        """
        return self._link.draining

    @property
    def close_code(self) -> int | None:
        """Why it was closed (RFC 6455, section 7.4): by whoever said so first, 1006 if the connection was lost."""
        return self._link.close_code

    @property
    def close_reason(self) -> str:
        """The words that came with the code, empty if there were none."""
        return self._link.close_reason

    @property
    def answer(self) -> Response[Any]:
        """The response that is sent if the WebSocket is not accepted."""
        return self._link.answer

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """The subprotocols the client offers, the preferred one first."""
        return self._link.subprotocols

    @property
    def subprotocol(self) -> str | None:
        """The one that was chosen."""
        return self._subprotocol

    @property
    def message_limit(self) -> int:
        """The largest message in bytes that is received (beyond: 1009); a route may set it before accepting."""
        return self._link.message_limit

    @message_limit.setter
    def message_limit(self, limit: int) -> None:
        self._link.message_limit = limit

    def bind(self, receive: MessageType | None = None, send: OutgoingType | None = None) -> None:
        """Give the messages of either direction a type; without one they are ``str`` and ``bytes``, or plain JSON to send.

        Args:
            receive: Every message must be JSON of this type.
            send: Every message but ``str`` and ``bytes`` must be of this type.
        """
        self._receive_type = receive
        self._send_type = send

    def bind_accept(self, fn: Callable[[], object], /) -> None:
        """Have ``fn`` called once, when the WebSocket is accepted: a runtime ends the deadline of the request there."""
        self._on_accept = fn

    async def accept(self, subprotocol: str | None = None, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send the acceptance; fields set on ``answer``, cookies for example, go with it.

        Args:
            subprotocol: One of ``subprotocols``.
            headers: Further fields.

        Raises:
            ValueError: The client did not offer that subprotocol.
            InvalidHeader: A field must not go on the wire.
            ResponseState: The answer was sent instead.
            ClientGone: The client left.
        """
        if self._accepted:
            return
        if subprotocol is not None and subprotocol not in self._link.subprotocols:
            raise ValueError(f"the client offers {self._link.subprotocols!r} and not {subprotocol!r}")
        answer = self._link.answer
        answer._check_open()
        fields = answer.headers
        for name, value in _checked(headers):
            fields.add(name, value)
        # From here on: a second task that sends meanwhile must wait for this acceptance, not make another.
        self._accepted = True
        self._subprotocol = subprotocol
        answer._status, answer._body = 101, None
        answer._finished = answer._started = answer._sent = True
        if self._on_accept is not None:
            self._on_accept()
        await self._link.open(subprotocol, fields)

    async def receive(self) -> In:
        """Return the next message, accepting the WebSocket first if need be.

        When the server drains there is none any more: the WebSocket is closed with 1001. A loop over it just ends, and
        leaves it open for a last message.

        Raises:
            WebSocketClosed: There will be none, whoever closed.
            MessageInvalid: The message is not of the bound type; the next one can still be received.
        """
        try:
            return await self._receive()
        except WebSocketClosed as closed:
            if not self._link.closed:
                await self._link.close(closed.close_code, closed.close_reason)
            raise

    async def _receive(self) -> In:
        if not self._accepted:
            await self.accept()
        message = await self._link.receive()
        kind = self._receive_type
        if kind is None:
            return cast(In, message)
        try:
            return cast(In, kind.validate_json(message.encode() if isinstance(message, str) else message))
        except Exception as error:
            _refuse(error, "received")

    async def send(self, message: Out) -> None:
        """Send a message: ``str`` as text, bytes as binary, anything else as JSON text.

        Waits while the client does not take it, at most until the send deadline. A send that is cancelled half-way ends
        the connection, because nothing can follow half a message.

        Raises:
            WebSocketClosed: It is closed, whoever did that; the server too, when it drains and nothing was ever received.
            MessageInvalid: The message is not of the bound type.
            TypeError, ValueError: It has no JSON form.
        """
        data = self._encode(message)
        if not self._accepted:
            await self.accept()
        await self._link.send(data)

    def _encode(self, message: Any) -> str | bytes:
        if isinstance(message, str):
            message.encode()
            return message
        if isinstance(message, (bytes, bytearray, memoryview)):
            return bytes(message)
        kind = self._send_type
        if kind is None:
            return dump_json(message).decode()
        try:
            return kind.dump_json(kind.validate(message)).decode()
        except Exception as error:
            _refuse(error, "sent")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin the closing handshake; does nothing if it is closed already. Not accepted yet, it is refused with 403.

        What was received and not taken is dropped. The connection waits for the client's part after the handler.

        Args:
            code: 1000 to 1014 as far as RFC 6455 lets a server send them, or 3000 to 4999.
            reason: Shown to the client; cut at 123 bytes of UTF-8.

        Raises:
            ValueError: A code that must not be sent.
        """
        if not _may_be_sent(code):
            raise ValueError(
                f"{code} must not be sent as a close code: use 1000, 1001, 1008, 1011 or 3000 to 4999"
            )
        if self._accepted:
            await self._link.close(code, reason)
        elif not self.answer.started:
            self.answer.problem(403, code="websocket_refused", detail=reason or None)

    def __aiter__(self) -> AsyncIterator[In]:
        return self

    async def __anext__(self) -> In:
        """Return the next message; a normal close (1000, 1001 or without a code) ends the loop."""
        try:
            return await self._receive()
        except WebSocketClosed as closed:
            if closed.close_code in _NORMAL:
                raise StopAsyncIteration from None
            raise

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open" if self._accepted else "opening"
        return f"<WebSocket {state}>"


def _may_be_sent(code: int) -> bool:
    return code in _ASSIGNED or 3000 <= code <= 4999


def failure_code(error: Exception) -> int:
    """Return the close code that an exception of a handler asks for, 1011 if it asks for none."""
    stated = getattr(error, "close_code", None)
    # That of another client's WebSocket says nothing about this one.
    if isinstance(error, WebSocketClosed) or not isinstance(stated, int) or not _may_be_sent(stated):
        return 1011
    return stated


def _checked(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    checked = [(check_name(name), check_value(name, value)) for name, value in headers]
    for name, _ in checked:
        if name.startswith("sec-websocket-"):
            raise InvalidHeader(f"the connection itself writes {name!r}; give accept() a subprotocol instead")
    return checked


def _refuse(error: Exception, direction: str) -> NoReturn:
    problems = getattr(error, "problems", None)
    if problems is None:
        raise error
    raise MessageInvalid(direction, problems) from error
