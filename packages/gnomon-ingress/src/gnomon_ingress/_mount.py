"""A foreign ASGI application under a prefix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import trio

from ._asgi import AsgiApp, Message
from ._connection import Dispatch
from ._errors import HttpError, IngressError
from ._foreign import scope_of, take_head
from ._mount_socket import MountedSocket
from ._request import Request
from ._response import Response


def mount(prefix: str, app: AsgiApp) -> Dispatch:
    """Return a dispatch that hands the paths under a prefix to an ASGI application that runs on trio.

    The application sees the prefix as ``root_path``. Bodies stream in both directions and WebSockets work; there is no
    lifespan: whoever mounts it starts and stops it.

    Args:
        prefix: Such as ``"/legacy"``; a request elsewhere is 404.
        app: An ASGI 3 application.

    Raises:
        ValueError: The prefix does not begin with a slash.
    """
    if not prefix.startswith("/"):
        raise ValueError(f"a prefix begins with a slash: {prefix!r}")
    root = prefix.rstrip("/")

    async def dispatch(req: Request[Any, Any, Any], res: Response[Any]) -> None:
        if req.path != root and not req.path.startswith(root + "/"):
            raise HttpError(404, "not_found", "There is nothing at this path.")
        if req.websocket is not None:
            await MountedSocket(req, req.websocket).run(app, root)
            return
        exchange = _Mounted(req, res)
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exchange.run, app, root)
            try:
                await exchange.answer()
            except Exception as error:
                failure = error
                nursery.cancel_scope.cancel()
            exchange.over.set()
        if failure is not None:
            raise failure

    return dispatch


class _Mounted:
    """Carries one request into an ASGI application and its answer out."""

    def __init__(self, req: Request[Any, Any, Any], res: Response[Any]) -> None:
        self._req = req
        self._res = res
        self._body = req.stream()
        self._send_channel, self._receive_channel = trio.open_memory_channel[Message](0)
        self._error: Exception | None = None
        self._body_done = False
        #: Set when the answer is complete.
        self.over = trio.Event()
        #: Whether the chunk before was the last one.
        self.last = False

    async def run(self, app: AsgiApp, root: str) -> None:
        """Run the application; what it raises is kept for ``answer``."""
        req = self._req
        scope = {"type": "http", **scope_of(req, root), "method": req.method, "scheme": req.scheme}
        async with self._send_channel:
            try:
                await app(scope, self._receive, self._send_channel.send)
            except trio.BrokenResourceError:
                # The answer was cut, so nobody takes what the application still sends.
                pass
            except Exception as error:
                self._error = error

    async def _receive(self) -> Message:
        if self._body_done:
            # If the client leaves before, the connection cancels this task.
            await self.over.wait()
            return {"type": "http.disconnect"}
        piece = await anext(self._body, b"")
        self._body_done = not piece
        return {"type": "http.request", "body": piece, "more_body": not self._body_done}

    async def answer(self) -> None:
        """Turn the messages of the application into the response and send it."""
        async with self._receive_channel:
            start = await self._next()
            if start is None or start["type"] != "http.response.start":
                raise self._error or IngressError("the mounted application ended without an answer")
            media = take_head(self._res, start)
            first = await self._next()
            if first is None:
                raise self._error or IngressError("the mounted application ended without a body")
            if not first.get("more_body", False):
                self._res.bytes(first.get("body", b""), media_type=media)
            else:
                self._res.stream(_Chunks(first.get("body", b""), self), media_type=media)
            if not media:
                # The application named none, and we know no better.
                del self._res.headers["content-type"]
            await self._res.send()

    async def _next(self) -> Message | None:
        try:
            return await self._receive_channel.receive()
        except trio.EndOfChannel:
            return None

    async def next_chunk(self) -> bytes:
        """Return the next chunk of a streamed answer."""
        message = await self._next()
        if message is None:
            raise self._error or IngressError("the mounted application ended in the middle of its answer")
        body: bytes = message.get("body", b"")
        self.last = not message.get("more_body", False)
        return body


class _Chunks:
    def __init__(self, first: bytes, exchange: _Mounted) -> None:
        self._first: bytes | None = first
        self._exchange = exchange

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._exchange.last:
            raise StopAsyncIteration
        return await self._exchange.next_chunk()
