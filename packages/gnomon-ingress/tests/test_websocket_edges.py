"""What goes wrong around a WebSocket: clients that left too early, pipes that are full, faults of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from ingress_support import ScriptedTransport
from trio.testing import MockClock, trio_test
from websocket_support import echo, handled, opening
from wsproto.connection import Connection as FrameConnection

from gnomon_ingress import (
    ClientGone,
    Config,
    ConnectionEvent,
    HttpError,
    Limits,
    Request,
    Response,
    Server,
    WebSocket,
    WebSocketClosed,
)
from gnomon_ingress._connection import Connection
from gnomon_ingress.testing import Client, ClientSocket


def ignore(_reason: str) -> None:
    pass


@trio_test
async def test_a_client_that_left_before_the_acceptance(autojump_clock: MockClock) -> None:
    seen: list[Any] = []

    async def handler(req: Request, ws: WebSocket) -> None:
        req.bind_abort(ignore)
        await trio.sleep(1)
        with pytest.raises(ClientGone):
            await ws.accept()
        seen.append((ws.accepted, ws.closed, ws.close_code))
        with pytest.raises(WebSocketClosed):
            await ws.receive()
        with pytest.raises(WebSocketClosed):
            await ws.send("anybody?")

    async with Client(handled(handler)) as client:
        stream = client.connect()
        await stream.send_all(opening())
        await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()
        await trio.sleep(5)
        assert client.server.statistics().connections == 0
    assert seen == [(True, True, 1006)]


@trio_test
async def test_a_fault_of_ours_ends_one_connection(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_self: object) -> Any:
        raise AssertionError("a fault")

    events: list[ConnectionEvent] = []
    async with Client(handled(echo), config=Config(on_event=events.append)) as client:
        async with client.websocket("/") as good:
            await good.send("a")
            assert await good.receive() == "a"
            async with client.websocket("/") as bad:
                with monkeypatch.context() as patch:
                    patch.setattr(FrameConnection, "events", broken)
                    await bad.stream.send_all(b"\x81\x80abcd")
                    await trio.testing.wait_all_tasks_blocked()
                bad.close_code = 1006
            await good.send("b")
            assert await good.receive() == "b"
    assert [event.kind for event in events] == ["crashed"]
    assert "a fault" in caplog.text


@trio_test
async def test_a_drain_while_a_reader_waits_for_room(autojump_clock: MockClock) -> None:
    """What had arrived can still be taken; what came later is dropped."""
    taken: list[str | bytes] = []

    async def handler(_req: Request, ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep(5)
        assert ws.draining
        async for message in ws:
            taken.append(message)

    async with Client(handled(handler)) as client, client.websocket("/") as socket:
        for number in range(100):
            await socket.send(str(number))
        await trio.testing.wait_all_tasks_blocked()
        client.server.drain()
        assert [message async for message in socket] == []
        assert socket.close_code == 1001
        await trio.sleep(6)
    assert taken == [str(number) for number in range(16)]


async def full(client: Client, act: Callable[[ClientSocket], Any]) -> None:
    """A WebSocket whose pipe to the client has no room left."""
    async with client.websocket("/", capacity=1000) as socket:
        await act(socket)
        await trio.sleep(60)
        assert client.server.statistics().connections == 0
        socket.close_code = 1006


@trio_test
async def test_goodbyes_and_pings_that_nobody_takes(autojump_clock: MockClock) -> None:
    async def handler(req: Request, ws: WebSocket) -> None:
        # With its four bytes of head exactly what fits.
        await ws.send(b"x" * 996)
        if silent:
            await trio.sleep_forever()

    async def nothing(_socket: ClientSocket) -> None:
        pass

    async def close(socket: ClientSocket) -> None:
        await trio.testing.wait_all_tasks_blocked()
        await socket.stream.send_all(b"\x88\x80abcd")

    limits = Limits(send_timeout=2, ping_interval=5, close_timeout=2)
    for silent, act in ((False, nothing), (True, nothing), (True, close)):
        async with Client(handled(handler), config=Config(limits=limits)) as client:
            await full(client, act)


@trio_test
async def test_a_ping_that_cannot_be_answered(autojump_clock: MockClock) -> None:
    reasons: list[str] = []

    async def handler(req: Request, ws: WebSocket) -> None:
        req.bind_abort(reasons.append)
        await ws.send(b"x" * 996)
        with pytest.raises(WebSocketClosed):
            await ws.receive()

    async def ping(socket: ClientSocket) -> None:
        await trio.testing.wait_all_tasks_blocked()
        await socket.ping(b"well?")

    async with Client(handled(handler), config=Config(limits=Limits(send_timeout=2))) as client:
        await full(client, ping)
    assert reasons == ["disconnect"]


@trio_test
async def test_the_limit_of_a_route(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        assert ws.message_limit == 1024 * 1024
        ws.message_limit = 10
        async for message in ws:
            await ws.send(message)

    async with Client(handled(handler)) as client, client.websocket("/") as socket:
        await socket.send("x" * 10)
        assert await socket.receive() == "x" * 10
        await socket.send("x" * 11)
        with pytest.raises(WebSocketClosed) as closed:
            await socket.receive()
        assert closed.value.close_code == 1009


@trio_test
async def test_a_close_that_waits_behind_a_message(autojump_clock: MockClock) -> None:
    """Both sides close while a third task still sends: one close frame goes out, and it is ours."""

    async def handler(_req: Request, ws: WebSocket) -> None:
        await ws.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, b"x" * 3000)
            await trio.sleep(1)
            nursery.start_soon(ws.close, 4000, "ours")
            await trio.sleep(1)
        assert ws.close_code == 4000

    async with Client(handled(handler)) as client:
        async with client.websocket("/", capacity=1000) as socket:
            await trio.sleep(1.5)
            await socket.stream.send_all(b"\x88\x80abcd")
            received = b""
            with trio.move_on_after(5):
                while piece := await socket.stream.receive_some():
                    received += piece
            assert received == b"\x82\x7e\x0b\xb8" + b"x" * 3000 + b"\x88\x06\x0f\xa0ours"
            socket.close_code = 4000


@trio_test
async def test_the_client_of_tests(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/hangs":
            assert req.scope is not None
            await trio.sleep(1)
            res.status(500).text("no")
        elif req.websocket is None:
            raise HttpError(426, "websocket_only")
        elif req.path == "/talks":
            await req.websocket.send("first")
            await req.websocket.close(4000)
        else:
            await echo(req, req.websocket)

    async with Client(dispatch, config=Config(drain_grace=0, exit_timeout=0)) as client:
        async with client.websocket("/talks") as socket:
            await trio.testing.wait_all_tasks_blocked()
            # What comes before the close is dropped by closing.
            await socket.close()
            assert socket.close_code == 4000
            await socket.close()
        async with client.websocket("/talks") as socket:
            assert await anext(socket) == "first"
            with pytest.raises(WebSocketClosed):
                await anext(socket)
        async with client.websocket("/") as socket:
            await socket.send("a")
            await socket.stream.aclose()
        with pytest.raises(ZeroDivisionError):
            async with client.websocket("/"):
                raise ZeroDivisionError
        async with trio.open_nursery() as nursery:

            async def open_and_lose() -> None:
                with pytest.raises(trio.BrokenResourceError):
                    async with client.websocket("/hangs"):
                        raise AssertionError

            nursery.start_soon(open_and_lose)
            await trio.sleep(0.5)
            client.server.drain()


@trio_test
async def test_nothing_follows_half_a_frame(autojump_clock: MockClock) -> None:
    transport: Any = ScriptedTransport([])
    connection = Connection(Server(handled(echo)), transport)
    connection._broken = True
    with pytest.raises(ClientGone):
        await connection.send_frames(b"the next one")
    assert not transport.written


@trio_test
async def test_a_ping_that_fails_is_a_disconnect(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Any] = []

    async def fail(_self: object, _data: bytes) -> None:
        raise ClientGone("the kernel says so before the reader hears of it")

    async def handler(req: Request, ws: WebSocket) -> None:
        await ws.accept()
        monkeypatch.setattr(Connection, "send_frames", fail)
        try:
            await trio.sleep_forever()
        finally:
            ended.append((req.abort_reason, ws.close_code))

    async with Client(handled(handler), config=Config(limits=Limits(ping_interval=5))) as client:
        async with client.websocket("/") as socket:
            await trio.sleep(10)
            assert client.server.statistics().connections == 0
            socket.close_code = 1006
    assert ended == [("disconnect", 1006)]
