"""The WebSocket of a foreign ASGI application."""

from __future__ import annotations

from typing import Any

import trio

from ._asgi import AsgiApp, Message
from ._errors import ClientGone, IngressError, WebSocketClosed
from ._foreign import scope_of, take_head
from ._request import Request
from ._websocket import WebSocket


class _Gone(OSError):
    """What ASGI has ``send`` raise when the client is gone."""


class MountedSocket:
    """Carries the messages of one WebSocket into an ASGI application and out; runs it in the task of the handler."""

    def __init__(self, req: Request[Any, Any, Any], ws: WebSocket[Any, Any]) -> None:
        self._req = req
        self._ws = ws
        self._connected = False
        # The answer in place of the acceptance.
        self._media = ""
        self._pieces: list[bytes] = []

    async def run(self, app: AsgiApp, root: str) -> None:
        """Run the application until it returns."""
        ws = self._ws
        scope = {
            "type": "websocket",
            **scope_of(self._req, root),
            "scheme": "wss" if self._req.scheme == "https" else "ws",
            "subprotocols": list(ws.subprotocols),
            "extensions": {"websocket.http.response": {}},
        }
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:
            if ws.closed and _is_about_the_end(error):
                return
            raise
        if not (ws.accepted or ws.answer.finished):
            raise IngressError("the mounted application neither accepted nor declined the WebSocket")

    async def _receive(self) -> Message:
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        ws = self._ws
        if not ws.accepted:
            # All that could come is that the client leaves, and then the connection cancels this task.
            await trio.sleep_forever()
        try:
            data = await ws.receive()
        except WebSocketClosed as closed:
            return {"type": "websocket.disconnect", "code": closed.close_code, "reason": closed.close_reason}
        return {"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data}

    async def _send(self, message: Message) -> None:
        ws = self._ws
        kind = message["type"]
        try:
            if kind == "websocket.accept":
                fields = [
                    (bytes(name).decode("latin-1"), bytes(value).decode("latin-1").strip())
                    for name, value in message.get("headers", ())
                ]
                await ws.accept(message.get("subprotocol"), fields)
            elif kind == "websocket.send":
                text = message.get("text")
                await ws.send(text if text is not None else bytes(message["bytes"]))
            elif kind == "websocket.close":
                await ws.close(message.get("code") or 1000, message.get("reason") or "")
            elif kind == "websocket.http.response.start":
                self._media = take_head(ws.answer, message)
            elif kind == "websocket.http.response.body":
                self._pieces.append(message.get("body", b""))
                if not message.get("more_body", False):
                    ws.answer.bytes(b"".join(self._pieces), media_type=self._media)
            else:
                raise IngressError(f"the mounted application sent {kind!r} over a WebSocket")
        except (WebSocketClosed, ClientGone) as error:
            raise _Gone("the WebSocket is closed") from error


def _is_about_the_end(error: BaseException | None) -> bool:
    """Whether an exception says, or comes of one that says, that the client is gone."""
    while error is not None:
        if isinstance(error, _Gone):
            return True
        error = error.__cause__ or error.__context__
    return False
