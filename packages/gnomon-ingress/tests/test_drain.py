"""Drains, health, and who is told of what happens."""

from __future__ import annotations

import pytest
import trio
from ingress_support import everything, head, hello
from trio.testing import MockClock, trio_test, wait_all_tasks_blocked

from gnomon_ingress import (
    Config,
    ConnectionEvent,
    Limits,
    Request,
    Response,
    WebSocketClosed,
)
from gnomon_ingress.testing import Client


@trio_test
async def test_drain_lets_requests_finish_and_closes_the_rest(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        await trio.sleep(5)
        res.text("done")

    async with Client(dispatch) as client:
        idle, busy, partial = client.connect(), client.connect(), client.connect()
        await busy.send_all(head())
        await partial.send_all(b"GET / HTTP/1.1\r\n")
        await trio.sleep(1)
        client.server.drain()
        assert await everything(idle) == b""
        data = await everything(busy)
        assert b"connection: close" in data
        assert data.endswith(b"done")
        assert b"408" in await everything(partial)
    assert client.server.statistics().draining


@trio_test
async def test_a_request_right_behind_the_last_answer_is_not_lost(autojump_clock: MockClock) -> None:
    """The end of a connection and the next request on it must not cross on their way."""
    async with Client(hello) as client:
        busy, quiet = client.connect(), client.connect()
        for stream in (busy, quiet):
            await stream.send_all(head())
            assert b"hello" in await stream.receive_some()
        await trio.sleep(5)
        # Between two looks of the watchdog.
        await busy.send_all(head())
        assert b"hello" in await busy.receive_some()
        started = trio.current_time()
        client.server.drain()
        assert await everything(quiet) == b""
        assert trio.current_time() - started < 0.1
        await trio.sleep(0.8)
        await busy.send_all(head())
        data = await everything(busy)
        assert data.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in data


@trio_test
async def test_a_drain_ends_who_says_nothing_more(autojump_clock: MockClock) -> None:
    async with Client(hello) as client:
        stream = client.connect()
        await stream.send_all(head())
        assert b"hello" in await stream.receive_some()
        started = trio.current_time()
        client.server.drain()
        assert await everything(stream) == b""
        assert trio.current_time() - started == pytest.approx(1, abs=0.15)


@trio_test
async def test_drain_past_its_grace(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/deaf":
            req.bind_abort(lambda reason: None)
        if req.path == "/stream":
            res.bytes(b"x" * 10_000_000)
            return
        await trio.sleep(1000)

    config = Config(drain_grace=3, exit_timeout=2, limits=Limits(send_timeout=1000))
    async with Client(dispatch, config=config) as client:
        busy, partial, deaf, unread = (
            client.connect(),
            client.connect(),
            client.connect(),
            client.connect(capacity=10),
        )
        await busy.send_all(head())
        await deaf.send_all(head(b"/deaf"))
        await unread.send_all(head(b"/stream"))
        await partial.send_all(b"GET / HTTP/1.1\r\n")
        await trio.sleep(1)
        started = trio.current_time()
        client.server.drain()
        data = await everything(busy)
        assert data.startswith(b"HTTP/1.1 503")
        assert b"connection: close" in data
        assert trio.current_time() - started == pytest.approx(3, abs=0.1)
        assert await everything(partial) == b""
        assert await everything(deaf) == b""
        assert trio.current_time() - started == pytest.approx(5, abs=0.1)


@trio_test
async def test_health(autojump_clock: MockClock) -> None:
    ready = True
    release = trio.Event()

    async def dispatch(req: Request, res: Response) -> None:
        await release.wait()
        res.text(req.path)

    async with Client(dispatch, config=Config(is_ready=lambda: ready, ready_path="/ready")) as client:
        assert (await client.get("/livez")).text == "ok\n"
        assert (await client.get("/ready")).status == 200
        ready = False
        answer = await client.get("/ready")
        assert (answer.status, answer.json()["code"]) == (503, "not_ready")
        ready = True
        stream = client.connect()
        await stream.send_all(head() + head(b"/ready"))
        await wait_all_tasks_blocked()
        client.server.drain()
        release.set()
        assert (await everything(stream)).count(b"HTTP/1.1") == 1
    release.set()
    async with Client(dispatch, config=Config(live_path=None, ready_path=None)) as client:
        assert (await client.get("/livez")).text == "/livez"


@trio_test
async def test_a_listener_of_events_that_raises(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    def bad(event: ConnectionEvent) -> None:
        raise RuntimeError("observer")

    async with Client(hello, config=Config(on_event=bad)) as client:
        stream = client.connect()
        await stream.send_all(b"x\r\n\r\n")
        assert (await everything(stream)).startswith(b"HTTP/1.1 400")
    assert "observer" in caplog.text


@trio_test
async def test_websockets_that_only_push(autojump_clock: MockClock) -> None:
    ended: dict[str, float] = {}

    async def dispatch(req: Request, res: Response) -> None:
        ws = req.websocket
        assert ws is not None
        if req.path == "/subscribed":
            await ws.receive()
        try:
            while req.path != "/asks" or not ws.draining:
                await ws.send("tick")
                await trio.sleep(1)
            await ws.send("goodbye")
        except WebSocketClosed as closed:
            assert (closed.close_code, closed.close_reason) == (1001, "the server is shutting down")
            assert req.abort_reason is None
            raise
        finally:
            ended[req.path] = trio.current_time() - started

    started = 0.0
    async with Client(dispatch, config=Config(drain_grace=7)) as client, trio.open_nursery() as nursery:

        async def listen(path: str, last: str) -> None:
            async with client.websocket(path) as socket:
                await socket.send("subscribe")
                messages = [message async for message in socket]
                assert (socket.close_code, messages[-1]) == (1001, last)

        for path, last in (("/pushes", "tick"), ("/asks", "goodbye"), ("/subscribed", "tick")):
            nursery.start_soon(listen, path, last)
        await trio.sleep(2.5)
        started = trio.current_time()
        client.server.drain()
    assert ended == {
        "/pushes": pytest.approx(0.5, abs=0.1),
        "/asks": pytest.approx(0.5, abs=0.1),
        "/subscribed": pytest.approx(7, abs=0.1),
    }
