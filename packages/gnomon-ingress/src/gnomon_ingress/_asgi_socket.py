"""A WebSocket over ASGI: the server does the frames, we do the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import trio

from ._errors import ClientGone, WebSocketClosed
from ._headers import MutableHeaders

if TYPE_CHECKING:
    from ._request import Request
    from ._response import Response

_LOST = 1006


class AsgiLink:
    """Carries the messages of one WebSocket over the two callables of ASGI.

    Args:
        scope: Of the connection.
        receive: Of the connection; ``websocket.connect`` has been received.
        send: Of the connection.
        message_limit: The largest message in bytes.
    """

    def __init__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
        message_limit: int,
    ) -> None:
        self.subprotocols: tuple[str, ...] = tuple(scope.get("subprotocols", ()))
        self.message_limit: int = message_limit
        self.closed: bool = False
        #: Such a server tells nobody.
        self.draining: bool = False
        self.close_code: int | None = None
        self.close_reason: str = ""
        self.request: Request[Any, Any, Any] | None = None
        self.response: Response[Any] | None = None
        self._receive = receive
        self._send = send

    @property
    def answer(self) -> Response[Any]:
        """What is sent in place of the acceptance."""
        assert self.response is not None
        return self.response

    async def open(self, subprotocol: str | None, headers: MutableHeaders) -> None:
        """Send the acceptance."""
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.lines()]
        await self._tell({"type": "websocket.accept", "subprotocol": subprotocol, "headers": fields})

    async def receive(self) -> str | bytes:
        """Return the next message."""
        await trio.lowlevel.checkpoint()
        if not self.closed:
            message = await self._receive()
            if message["type"] == "websocket.receive":
                text = message.get("text")
                data: str | bytes = text if text is not None else bytes(message["bytes"])
                if len(data if isinstance(data, bytes) else data.encode()) <= self.message_limit:
                    return data
                await self.close(1009, f"a message has more than {self.message_limit} bytes")
            else:
                self._end(int(message.get("code") or 1005), message.get("reason") or "")
        raise WebSocketClosed(_LOST if self.close_code is None else self.close_code, self.close_reason)

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        if self.closed:
            await trio.lowlevel.checkpoint()
            raise WebSocketClosed(_LOST if self.close_code is None else self.close_code, self.close_reason)
        await self._tell({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})

    async def close(self, code: int, reason: str) -> None:
        """Have the server close."""
        if not self.closed:
            self._end(code, reason)
            await self._tell({"type": "websocket.close", "code": code, "reason": reason})

    async def _tell(self, message: MutableMapping[str, Any]) -> None:
        try:
            await self._send(message)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            self._end(_LOST, "")
            raise ClientGone("the client left before it had its message") from None

    def _end(self, code: int, reason: str) -> None:
        if self.closed:
            return
        self.closed = True
        self.close_code, self.close_reason = code, reason
        if code == _LOST and self.request is not None:
            self.request.abort("disconnect")
