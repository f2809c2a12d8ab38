"""A connection that is cancelled, or whose client leaves, at any of its checkpoints: nothing is left, nobody hangs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from gnomon_context.testing import Trial, cancel_at_every_checkpoint
from gnomon_ingress import Config, Request, Response, Server, WebSocketClosed, mount
from gnomon_ingress._transport import StreamTransport
from gnomon_ingress.testing import ClientSocket, MemoryStream, memory_pair

CONFIG = Config(drain_grace=1, exit_timeout=1)


class Chunks:
    """A stream that says when it is closed."""

    def __init__(self, opened: list[Chunks]) -> None:
        self.left = 3
        self.open = True
        opened.append(self)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep(0.01)
        self.left -= 1
        if self.left < 0:
            raise StopAsyncIteration
        return b"x" * 100

    async def aclose(self) -> None:
        self.open = False


async def foreign(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that streams, and echoes."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
    else:
        await send({"type": "http.response.start", "status": 200})
        while (message := await receive()).get("more_body", False):
            await send({"type": "http.response.body", "body": message["body"], "more_body": True})
        await send({"type": "http.response.body"})


def application(opened: list[Chunks]) -> Any:
    mounted = mount("/mounted", foreign)

    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/mounted":
            await mounted(req, res)
        elif req.path == "/upload":
            res.json([len(await part.read()) async for part in req.parts()])
        elif req.websocket is not None:
            async for message in req.websocket:
                await req.websocket.send(message)
        elif req.path == "/stream":
            res.stream(Chunks(opened))
        elif req.path == "/events":
            res.events(Chunks(opened))
        else:
            body = await req.read()
            await trio.sleep(0.01)
            res.json(len(body))

    return dispatch


REQUESTS = {
    "requests": b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789",
    "chunks": b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "stream": b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
    "upload": (
        b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 134\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n0123456789\r\n'
        b'--x\r\nContent-Disposition: form-data; name="b"\r\n\r\n0\r\n--x--\r\n'
    ),
    "mounted": b"POST /mounted HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789",
    "refusal": b"GET / HTTP/1.1\r\n\r\n",
}


SOCKETS: dict[str, tuple[str, dict[str, str]]] = {"websocket": ("/", {}), "mounted socket": ("/mounted", {})}


async def speak(kind: str, near: MemoryStream, done: trio.Event) -> None:
    """Be a client, as far as the server lets us."""
    try:
        if kind in SOCKETS:
            socket = ClientSocket(near)
            await socket.open(*SOCKETS[kind])
            for message in ("one", b"2" * 3000):
                await socket.send(message)
                assert await socket.receive() == message
            await socket.close()
        else:
            for piece in REQUESTS[kind].partition(b"\r\n\r\n"):
                await near.send_all(piece)
                await trio.sleep(0.01)
            await near.send_eof() if kind == "refusal" else None
            with trio.move_on_after(1):
                while await near.receive_some():
                    pass
    except (trio.BrokenResourceError, trio.ClosedResourceError, WebSocketClosed):
        pass
    finally:
        done.set()


@pytest.mark.parametrize("how", ["cancelled", "disconnected"])
@pytest.mark.parametrize("kind", [*REQUESTS, *SOCKETS])
def test_at_every_checkpoint(kind: str, how: str) -> None:
    async def scenario(trial: Trial) -> None:
        opened: list[Chunks] = []
        server = Server(application(opened), config=CONFIG)
        near, far = memory_pair(capacity=1000)
        done = trio.Event()

        def leave() -> None:
            for connection in list(server.connections):
                connection.disconnect()

        if how == "disconnected":
            trial.by(leave)
        async with trio.open_nursery() as nursery:
            with trial:
                async with trio.open_nursery() as serving:
                    await serving.start(lambda task_status: server.serve((), task_status=task_status))
                    server.start_connection(StreamTransport(far), client=None)
                    nursery.start_soon(speak, kind, near, done)
                    await done.wait()
                    near.close()
                    server.drain()
            near.close()
        assert not server.connections
        assert not [chunks for chunks in opened if chunks.open]

    assert cancel_at_every_checkpoint(scenario, time_limit=60).checkpoints > 10
