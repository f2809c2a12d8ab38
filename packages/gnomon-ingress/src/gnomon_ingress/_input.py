"""The side of a connection that faces its client: bodies and frames in, refusals, the last goodbye."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import trio

from ._errors import ClientGone, HttpError
from ._handshake import check_opening, check_origin, offered_subprotocols
from ._head import Refusal
from ._headers import Headers
from ._limits import ConnectionEvent
from ._output import BODY, LAST, RUN, SOCKET, Output
from ._proxy import seen_through_proxies
from ._request import Client, Request
from ._response import Response
from ._transport import Interrupted, Transport
from ._websocket import WebSocket
from ._websocket_wire import LOST, WireLink
from ._wire import canned

if TYPE_CHECKING:
    from ._server import Server

logger = logging.getLogger("gnomon_ingress")

_LINGER_SECONDS = 1.0
_LINGER_BYTES = 1024 * 1024
# Nobody waits for what is dropped: those who are served come first.
_LINGER_PAUSE = 0.02
_LINGER_PIECE = 256 * 1024
_BODY_PIECE = 64 * 1024


class Input(Output):
    """What requests, bodies and WebSockets ask of their connection, and what the watchdog tells it."""

    #: What the connection waits for, as in ``_output``.
    state: int
    #: The request under way.
    request: Request[Any, Any, Any] | None

    __slots__ = ("_buffer", "_client", "_scheme", "expired", "link", "received", "response", "send_age")

    def __init__(self, server: Server, transport: Transport, *, client: Client | None, scheme: str) -> None:
        super().__init__(server, transport)
        self.response: Response[Any] | None = None
        #: What carries the frames, once the request under way asked for a WebSocket.
        self.link: WireLink | None = None
        #: Set by the watchdog before it interrupts: ``"deadline"`` or ``"shutdown"``.
        self.expired: str | None = None
        #: Bytes of the current body that came in waits of their own, for the body deadline.
        self.received: int = 0
        #: Seconds the current answer or frame has waited for the client.
        self.send_age: float = 0.0
        self._buffer = b""
        self._client = client
        self._scheme = scheme

    def report_crash(self, error: Exception) -> None:
        """Log a fault and tell the listener of events."""
        logger.error("the dispatch of %r raised", self.request, exc_info=error)
        self.server.report(ConnectionEvent("crashed", 500, "internal_error", "", error))

    def disconnect(self) -> None:
        """Tell the running request that its client left."""
        if self.request is not None:
            self.request.abort("disconnect")

    def shut_down(self) -> None:
        """End the connection because the grace of a drain is over."""
        if self.request is not None:
            self.request.abort("shutdown")
        else:
            self.expire("shutdown")

    def _offer_socket(self, request: Request[Any, Any, Any], length: int) -> None:
        headers = request.headers
        check_opening(request.method, headers, body=length != 0)
        check_origin(headers, self.server.config.websocket_origins)
        subprotocols = offered_subprotocols(headers)
        extensions = headers.get("sec-websocket-extensions", "")
        self.link = WireLink(self, headers["sec-websocket-key"], subprotocols, extensions)
        request.websocket = WebSocket(self.link)

    async def _end_socket(self, link: WireLink, code: int) -> None:
        await link.finish(link.failure_code or code)
        self.request = None
        if not self._broken and link.close_code != LOST:
            await self._linger()

    async def switch_protocols(self, head: bytes) -> None:
        """Accept the WebSocket; from here on the connection carries frames."""
        self.state = SOCKET
        await self.send_frames(head + self.server.heads.shared + b"\r\n")

    async def receive_frames(self, size: int) -> bytes:
        """Return more bytes of the WebSocket, none at the end."""
        return await self.transport.receive(size)

    async def send_frames(self, data: bytes | bytearray) -> None:
        """Write frames; each has the whole send deadline."""
        if self._broken:
            raise ClientGone("the client left before it had its message")
        self.send_age = 0.0
        self.transport.sent = 0
        await self._write(bytes(data))

    async def _refuse(self, refusal: Refusal) -> None:
        server = self.server
        server.report(ConnectionEvent("refused", refusal.status, refusal.code, refusal.detail))
        self.state = LAST
        answer = canned(
            refusal.status,
            code=refusal.code,
            detail=refusal.detail,
            shared=server.heads.shared,
            extra=refusal.extra,
        )
        try:
            await self._write(answer)
        except ClientGone:
            return
        await self._linger()

    async def _linger(self) -> None:
        # Closing a socket with unread bytes resets the connection, and the reset can overtake our answer.
        self.state = LAST
        left = _LINGER_BYTES
        with trio.move_on_after(_LINGER_SECONDS):
            await self.transport.send_eof()
            while left > 0:
                data = await self.transport.receive(_LINGER_PIECE)
                if not data:
                    return
                left -= len(data)
                if len(data) >= _BODY_PIECE:
                    await trio.sleep(_LINGER_PAUSE)

    def describe_client(self, headers: Headers) -> tuple[Client | None, str]:
        """Return address and scheme as the client sees them."""
        return seen_through_proxies(self._client, self._scheme, headers, self.server.trusted)

    def expire(self, reason: str) -> None:
        """End the wait under way, because a deadline passed or the server drains."""
        self.expired = reason
        self.transport.interrupt()

    def take_buffered(self) -> bytes:
        data, self._buffer = self._buffer, b""
        return data

    def give_back(self, rest: bytes) -> None:
        self._buffer = rest

    async def receive_body(self) -> bytes:
        self.state = BODY
        try:
            data = await self.transport.receive(_BODY_PIECE)
        except Interrupted:
            self.close_after_answer()
            raise HttpError(408, "slow_request", "The request body took too long.") from None
        finally:
            self.state = RUN
        if not data:
            self._broken = True
            if self.request is not None:
                self.request.abort("disconnect")
            await trio.lowlevel.checkpoint()
            raise ClientGone("the client left in the middle of the body")
        self.received += len(data)
        return data

    async def invite_body(self) -> None:
        await self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
