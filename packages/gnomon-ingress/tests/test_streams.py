"""Answers that are produced while they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from ingress_support import ScriptedTransport, everything, head
from trio.testing import MockClock, trio_test

from gnomon_ingress import (
    Request,
    Response,
    Server,
)
from gnomon_ingress._connection import Connection
from gnomon_ingress._transport import SocketTransport
from gnomon_ingress.testing import Client


class Counted:
    def __init__(self, *chunks: bytes, error: Exception | None = None, pause: float = 0) -> None:
        self.chunks = list(chunks)
        self.error = error
        self.pause = pause
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep(self.pause)
        if self.chunks:
            return self.chunks.pop(0)
        if self.error is not None:
            raise self.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


@trio_test
async def test_streams(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    sources: list[Counted] = []
    commits: list[str] = []

    async def dispatch(req: Request, res: Response) -> None:
        error = RuntimeError("cut") if req.path == "/cut" else None
        source = Counted(b"one", b"", b"two", error=error)
        sources.append(source)
        res.stream(source, media_type="text/plain")
        if req.path == "/empty":
            res.status(204)
        await res.send(lambda: commits.append(req.path))

    async with Client(dispatch) as client:
        answer = await client.get("/")
        assert answer.body == b"onetwo"
        assert answer.headers["transfer-encoding"] == "chunked"
        answer = await client.head("/")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert (await client.get("/empty")).status == 204
        assert commits == ["/", "/", "/empty"]

        stream = client.connect()
        await stream.send_all(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        data = await everything(stream)
        assert data.endswith(b"\r\n\r\nonetwo")
        assert b"transfer-encoding" not in data
        assert b"connection: close" in data

        stream = client.connect()
        await stream.send_all(head(b"/cut") + head())
        data = await everything(stream)
        assert b"two" in data
        assert not data.endswith(b"0\r\n\r\n"), "a stream that fails has no clean end"
        assert data.count(b"HTTP/1.1") == 1
        assert "cut" in caplog.text
    assert all(source.closed for source in sources)
    assert commits == ["/", "/", "/empty", "/"]


@trio_test
async def test_a_stream_whose_client_leaves(autojump_clock: MockClock) -> None:
    source = Counted(*[b"x"] * 100, pause=1)

    async def dispatch(req: Request, res: Response) -> None:
        res.stream(source)

    async with Client(dispatch) as client:
        async with client.stream("GET", "/") as answer:
            assert answer.status == 200
            async for piece in answer:
                assert piece == b"x"
                break
        await trio.sleep(1)
        assert source.closed
        assert len(source.chunks) >= 97


@trio_test
async def test_a_streamed_answer_read_whole(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.stream(Counted(b"a", b"b"))

    async with Client(dispatch) as client:
        async with client.stream("GET", "/") as answer:
            assert await answer.read() == b"ab"
        assert client.server.statistics().connections == 1


class Eager(ScriptedTransport):
    """A socket that never has to be waited for."""

    send = ScriptedTransport.send_nowait

    async def send_rest(self, data: memoryview) -> None:
        transport: Any = SocketTransport.__new__(SocketTransport)
        transport._sock, transport.sent = self, 0
        await transport.send_rest(data)


@pytest.mark.parametrize(("size", "count"), [(128 * 1024, 40), (10, 2000), (1024 * 1024, 5)])
@trio_test
async def test_a_stream_that_never_waits_lets_others_run(
    autojump_clock: MockClock, size: int, count: int
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield bytes(size)

    async def dispatch(req: Request, res: Response) -> None:
        res.stream(chunks())

    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    # They take everything at once, as a fast client does.
    transport: Any = Eager([head()])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await Connection(Server(dispatch), transport).run()
        nursery.cancel_scope.cancel()
    body = transport.written.partition(b"\r\n\r\n")[2]
    assert body == (b"%x\r\n%b\r\n" % (size, bytes(size))) * count + b"0\r\n\r\n"
    assert turns >= 15
