"""What tests of WebSockets need: a dispatch around a handler, and an opening request of our own spelling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from gnomon_ingress import (
    HttpError,
    Request,
    Response,
    WebSocket,
)

Handler = Callable[[Request, WebSocket], Awaitable[None]]

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
OPENING = {
    "host": "testserver",
    "connection": "keep-alive, Upgrade",
    "upgrade": "WebSocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
}


def handled(handler: Handler) -> Callable[[Request, Response], Awaitable[None]]:
    async def dispatch(req: Request, res: Response) -> None:
        ws = req.websocket
        if ws is None:
            raise HttpError(426, "websocket_only", headers={"sec-websocket-version": "13"})
        assert ws.answer is res
        await handler(req, ws)

    return dispatch


async def echo(_req: Request, ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def opening(method: str = "GET", version: str = "1.1", **changes: str | None) -> bytes:
    fields = {**OPENING, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"{method} / HTTP/{version}\r\n{lines}\r\n".encode()


async def until_closed(stream: Any) -> bytes:
    received = b""
    with trio.fail_after(60):
        while data := await stream.receive_some():
            received += data
    return received
