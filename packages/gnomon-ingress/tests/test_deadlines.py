"""How long a client may take for a head, a body and an answer."""

from __future__ import annotations

import pytest
import trio
from ingress_support import everything, head, hello
from trio.testing import MockClock, trio_test

from gnomon_ingress import (
    ClientGone,
    Config,
    ConnectionEvent,
    Limits,
    Request,
    Response,
)
from gnomon_ingress.testing import Client, MemoryStream


@trio_test
async def test_deadlines_of_a_head(autojump_clock: MockClock) -> None:
    events: list[ConnectionEvent] = []
    config = Config(limits=Limits(idle_timeout=60, head_timeout=10), on_event=events.append)
    async with Client(hello, config=config) as client:
        started = trio.current_time()
        idle = client.connect()
        assert await everything(idle) == b""
        assert 60 <= trio.current_time() - started < 60.3

        slow = client.connect()
        started = trio.current_time()

        async def drip() -> None:
            with trio.CancelScope() as scope:
                scopes.append(scope)
                for byte in head():
                    await slow.send_all(bytes([byte]))
                    await trio.sleep(1)

        scopes: list[trio.CancelScope] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip)
            data = b""
            while b"slow_request" not in data:
                data += await slow.receive_some()
            scopes[0].cancel()
        assert data.startswith(b"HTTP/1.1 408 ")
        assert 10 <= trio.current_time() - started < 12

        used = client.connect()
        await used.send_all(head())
        await used.receive_some()
        await trio.sleep(59)
        await used.send_all(head())
        assert b"200 OK" in await used.receive_some()
    assert [event.code for event in events if event.kind == "timeout"] == ["idle", "head"]


@trio_test
async def test_the_deadline_of_a_body_allows_for_its_size(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.json(len(await req.read()))

    limits = Limits(body_timeout=5, body_rate=100, body_size=10_000)
    async with Client(dispatch, config=Config(limits=limits)) as client:
        for rate, status in ((1, 408), (1000, 200)):
            stream = client.connect()
            await stream.send_all(head(b"/", b"Content-Length: 10000", method=b"POST"))
            started = trio.current_time()

            async def drip(stream: MemoryStream = stream, rate: int = rate) -> None:
                try:
                    for _ in range(10_000 // rate):
                        await trio.sleep(1)
                        await stream.send_all(b"x" * rate)
                except trio.BrokenResourceError:
                    pass

            async with trio.open_nursery() as nursery:
                nursery.start_soon(drip)
                assert f"HTTP/1.1 {status}".encode() in await stream.receive_some()
                nursery.cancel_scope.cancel()
            assert trio.current_time() - started == pytest.approx(5 if status == 408 else 10, abs=0.3)


@trio_test
async def test_a_reader_that_does_not_read_is_cut(autojump_clock: MockClock) -> None:
    seen: list[BaseException] = []
    payload = b"x" * 10_000_000

    async def dispatch(req: Request, res: Response) -> None:
        res.bytes(payload)
        try:
            await res.send()
        except ClientGone as error:
            seen.append(error)
            raise

    async with Client(dispatch, config=Config(limits=Limits(send_timeout=5, send_rate=1e9))) as client:
        stream = client.connect(capacity=1000)
        started = trio.current_time()
        await stream.send_all(head())
        while not seen:
            await trio.sleep(0.1)
        assert trio.current_time() - started == pytest.approx(5, abs=0.3)
        assert isinstance(seen[0], trio.BrokenResourceError)
        trickle = client.connect(capacity=1000)
        await trickle.send_all(head())
        received = 0
        with trio.move_on_after(60):
            while piece := await trickle.receive_some(100):
                received += len(piece)
                await trio.sleep(1)
        assert 0 < received < 2000
        assert len(seen) == 2


@trio_test
async def test_a_small_answer_to_a_full_pipe(autojump_clock: MockClock) -> None:
    async with Client(hello) as client:
        stream = client.connect(capacity=50)
        await stream.send_all(head())
        data = b""
        while not data.endswith(b"hello"):
            await trio.sleep(1)
            data += await stream.receive_some()
