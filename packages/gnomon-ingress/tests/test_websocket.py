"""What a handler and its client can do to each other over a WebSocket; in memory, under a virtual clock."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

import pytest
import trio
from trio.testing import MockClock, trio_test
from websocket_support import echo, handled, opening, until_closed

from gnomon_ingress import (
    ClientGone,
    Config,
    ConnectionEvent,
    Limits,
    MessageInvalid,
    Request,
    WebSocket,
    WebSocketClosed,
)
from gnomon_ingress.testing import Client


def test_messages_go_both_ways() -> None:
    seen: dict[str, Any] = {}

    async def handler(_req: Request, ws: WebSocket) -> None:
        seen["before"] = ws.accepted, ws.closed, repr(ws)
        async for message in ws:
            seen.setdefault("open", (ws.accepted, ws.closed, repr(ws)))
            await ws.send(message if message != "json" else {"n": [1, None]})
        seen["after"] = ws.accepted, ws.closed, ws.close_code, ws.close_reason, repr(ws)

    @trio_test
    async def test(autojump_clock: MockClock) -> None:
        async with Client(handled(handler)) as client, client.websocket("/") as socket:
            for message in ("héllo", "", b"\0\xff", b"", "\r\n\r", "x" * 70_000, b"y" * 200_000):
                await socket.send(message)
                assert await socket.receive() == message
            await socket.send("json")
            assert await socket.receive_json() == {"n": [1, None]}
            await socket.close(4321, "bye")
            assert socket.close_code == 4321

    # The loop ends quietly at a normal close only.
    test(autojump_clock=MockClock(autojump_threshold=0))
    assert seen == {
        "before": (False, False, "<WebSocket opening>"),
        "open": (True, False, "<WebSocket open>"),
    }


@trio_test
async def test_the_end_of_the_loop(autojump_clock: MockClock) -> None:
    ends: list[Any] = []

    async def handler(_req: Request, ws: WebSocket) -> None:
        try:
            async for _ in ws:
                pass
        except WebSocketClosed as closed:
            ends.append((closed.close_code, closed.close_reason, str(closed)))
        else:
            ends.append((ws.close_code, ws.close_reason, repr(ws)))
        for _ in range(2):
            with pytest.raises(WebSocketClosed):
                await ws.receive()
            with pytest.raises(WebSocketClosed):
                await ws.send("too late")
        await ws.close(1011, "does nothing")

    async with Client(handled(handler)) as client:
        for code, reason in ((1000, ""), (1001, "gone"), (4000, "why not")):
            async with client.websocket("/") as socket:
                await socket.close(code, reason)
                assert (socket.close_code, socket.close_reason) == (code, reason)
        async with client.websocket("/") as socket:
            # A close frame without a code.
            await socket.stream.send_all(b"\x88\x80abcd")
            with pytest.raises(WebSocketClosed):
                await socket.receive()
            assert socket.close_code == 1005
    assert ends == [
        (1000, "", "<WebSocket closed>"),
        (1001, "gone", "<WebSocket closed>"),
        (4000, "why not", "the WebSocket was closed with 4000: why not"),
        (1005, "", "<WebSocket closed>"),
    ]


class Point(NamedTuple):
    x: int


class Wrong(ValueError):
    problems = ("x is no integer",)


class PointType:
    """A type of messages, of the shape a ``GType`` has."""

    def validate_json(self, data: bytes) -> Point:
        value = json.loads(data)
        if not isinstance(value["x"], int):
            raise Wrong
        return Point(value["x"])

    def validate(self, value: Any) -> Any:
        if not isinstance(value, Point):
            raise Wrong
        return value

    def dump_json(self, value: Any) -> bytes:
        return json.dumps({"x": value.x}).encode()


@trio_test
async def test_typed_messages(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(req: Request, ws: WebSocket[Point, Point]) -> None:
        ws.bind(PointType(), PointType())
        if req.path == "/careless":
            async for point in ws:
                await ws.send(Point(point.x + 1))
        elif req.path == "/wrong":
            await ws.accept()
            await ws.send(3)  # type: ignore[arg-type]
        else:
            with pytest.raises(MessageInvalid) as invalid:
                await ws.receive()
            assert invalid.value.problems == ("x is no integer",)
            assert invalid.value.close_code == 1007
            await ws.send("raw")  # type: ignore[arg-type]
            with pytest.raises(KeyError):
                await ws.receive()

    events: list[ConnectionEvent] = []
    async with Client(handled(handler), config=Config(on_event=events.append)) as client:
        async with client.websocket("/careless") as socket:
            await socket.send({"x": 1})
            assert await socket.receive_json() == {"x": 2}
            await socket.send(b'{"x": 2}')
            assert await socket.receive_json() == {"x": 3}
            await socket.send({"x": "one"})
            with pytest.raises(WebSocketClosed) as closed:
                await socket.receive()
            assert closed.value.close_code == 1007
        async with client.websocket("/wrong") as socket:
            with pytest.raises(WebSocketClosed) as closed:
                await socket.receive()
            assert closed.value.close_code == 1011
        async with client.websocket("/careful") as socket:
            await socket.send({"x": "one"})
            assert await socket.receive() == "raw"
            await socket.send({"y": 1})
            assert [message async for message in socket] == []
            assert socket.close_code == 1000
    # What a client sent is its own fault and fills no log; what we sent is a crash.
    assert "a received message" not in caplog.text
    assert "MessageInvalid: a sent message has 1 problem(s)" in caplog.text
    assert [(event.kind, event.status, event.code) for event in events] == [
        ("refused", 1007, "message_invalid"),
        ("crashed", 500, "internal_error"),
    ]


@trio_test
async def test_what_cannot_be_sent_sends_nothing(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        for wrong in (object(), "\ud800", math.nan):
            with pytest.raises((TypeError, ValueError)):
                await ws.send(wrong)
        assert not ws.accepted
        for code in (0, 999, 1004, 1005, 1006, 1010, 1015, 2999, 5000):
            with pytest.raises(ValueError, match="close code"):
                await ws.close(code)
        for right in (memoryview(b"m"), bytearray(b"b")):
            await ws.send(right)
        await ws.close(3000, "é" * 100)

    async with Client(handled(handler)) as client, client.websocket("/") as socket:
        assert [await socket.receive(), await socket.receive()] == [b"m", b"b"]
        with pytest.raises(WebSocketClosed) as closed:
            await socket.receive()
        assert (closed.value.close_code, closed.value.close_reason) == (3000, "é" * 61)


@trio_test
async def test_how_a_handler_ends_is_the_close_code(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(req: Request, ws: WebSocket) -> None:
        await ws.accept()
        if req.path == "/raises":
            raise KeyError("secret")
        if req.path == "/cancels":
            assert req.scope is not None
            req.scope.cancel()
            await trio.sleep_forever()
        if req.path == "/closes":
            await ws.close(4001, "enough")
            await ws.close()
            with pytest.raises(WebSocketClosed):
                await ws.receive()

    events: list[ConnectionEvent] = []
    async with Client(handled(handler), config=Config(on_event=events.append)) as client:
        for path, code in (("/", 1000), ("/raises", 1011), ("/cancels", 1011), ("/closes", 4001)):
            async with client.websocket(path) as socket:
                with pytest.raises(WebSocketClosed) as closed:
                    await socket.receive()
                assert closed.value.close_code == code
                # The server then closes the connection, and does not wait for more.
                assert await socket.stream.receive_some() == b""
    assert [event.kind for event in events] == ["crashed"]
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("tidy", [True, False])
@trio_test
async def test_a_client_that_leaves_is_a_disconnect(tidy: bool, autojump_clock: MockClock) -> None:
    """A FIN without a close frame, in the middle of a message or between two."""
    ended: list[Any] = []

    async def handler(req: Request, ws: WebSocket) -> None:
        assert await ws.receive() == "here"
        try:
            await trio.sleep_forever()
        finally:
            ended.append((req.abort_reason, ws.close_code, trio.current_time()))
            with trio.CancelScope(shield=True):
                with pytest.raises((ClientGone, WebSocketClosed)):
                    await ws.send("anybody?")

    async with Client(handled(handler)) as client:
        async with client.websocket("/") as socket:
            await socket.send("here")
            await trio.testing.wait_all_tasks_blocked()
            await socket.stream.send_all(b"" if tidy else b"\x81\x85abcd")
            before = trio.current_time()
            await (socket.stream.send_eof() if tidy else socket.stream.aclose())
            await trio.testing.wait_all_tasks_blocked()
            assert [end[:2] for end in ended] == [("disconnect", 1006)]
            assert ended[0][2] - before <= 0.25
            socket.close_code = 1006
        await trio.sleep(1)
        assert client.server.statistics().connections == 0


@trio_test
async def test_a_disconnect_that_a_route_takes_upon_itself(autojump_clock: MockClock) -> None:
    reasons: list[str] = []

    async def handler(req: Request, ws: WebSocket) -> None:
        req.bind_abort(reasons.append)
        await ws.accept()
        with pytest.raises(WebSocketClosed) as closed:
            await ws.receive()
        reasons.append(str(closed.value.close_code))

    async with Client(handled(handler)) as client:
        async with client.websocket("/") as socket:
            await trio.testing.wait_all_tasks_blocked()
            await socket.stream.aclose()
            socket.close_code = 1006
        await trio.sleep(1)
    assert reasons == ["disconnect", "1006"]


@trio_test
async def test_a_handler_that_does_not_notice_a_close(autojump_clock: MockClock) -> None:
    ended: list[Any] = []

    async def handler(req: Request, ws: WebSocket) -> None:
        await ws.accept()
        start = trio.current_time()
        try:
            await trio.sleep_forever()
        finally:
            ended.append((req.abort_reason, ws.close_code, trio.current_time() - start))

    async with Client(handled(handler)) as client:
        async with client.websocket("/") as socket:
            await socket.close()
            assert socket.close_code == 1000
            await trio.sleep(11)
    assert ended == [("disconnect", 1000, 10.0)]


@trio_test
async def test_a_client_that_does_not_answer_a_close(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        await ws.close(1000) if ws.accepted else await ws.accept()

    async with Client(handled(handler)) as client:
        stream = client.connect()
        await stream.send_all(opening())
        start = trio.current_time()
        answer = await until_closed(stream)
        assert answer.endswith(b"\x88\x02\x03\xe8")
        # close_timeout, and what the client had to close the connection
        assert 10 <= trio.current_time() - start <= 11.5


@trio_test
async def test_silence_is_pinged_and_then_lost(autojump_clock: MockClock) -> None:
    ended: list[Any] = []
    events: list[ConnectionEvent] = []

    async def handler(req: Request, ws: WebSocket) -> None:
        start = trio.current_time()
        try:
            async for message in ws:
                await ws.send(message)
        finally:
            ended.append((req.abort_reason, ws.close_code, trio.current_time() - start))

    limits = Limits(ping_interval=5, pong_timeout=3)
    async with Client(handled(handler), config=Config(limits=limits, on_event=events.append)) as client:
        async with client.websocket("/") as socket:
            # A client that answers its pings may say nothing for ever.
            with trio.move_on_after(21):
                await socket.receive()
            assert socket.pings == [b""] * 4
            # One that talks is not pinged.
            for _ in range(10):
                await trio.sleep(2)
                await socket.send("x")
                await socket.receive()
            assert socket.pings == [b""] * 4
            assert not ended
            # One that is silent is lost after interval and patience.
            await trio.sleep(30)
            assert [(reason, code) for reason, code, _ in ended] == [("disconnect", 1006)]
            assert 47 < ended[0][2] < 54
            socket.close_code = 1006
    assert [(event.kind, event.code) for event in events] == [("timeout", "pong")]


@trio_test
async def test_pings_are_answered_while_the_handler_is_busy(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep(100)
        await ws.send("done")

    async with Client(handled(handler)) as client, client.websocket("/") as socket:
        for number in range(30):
            await socket.ping(b"%d" % number)
        assert await socket.receive() == "done"
        # Of pings that come together only the last has to be answered.
        assert socket.pongs[-1] == b"29"


@trio_test
async def test_pressure_reaches_a_client_that_sends_too_fast(autojump_clock: MockClock) -> None:
    go = trio.Event()
    taken: list[int] = []

    async def handler(_req: Request, ws: WebSocket) -> None:
        await ws.accept()
        await go.wait()
        async for message in ws:
            taken.append(len(message))

    async with Client(handled(handler)) as client:
        async with client.websocket("/", capacity=50_000) as socket:
            sent = 0
            with trio.move_on_after(90):
                while True:
                    await socket.send(b"x" * 10_000)
                    sent += 1
            # 64 KiB for the handler, what one read holds, what the pipe holds.
            assert 8 <= sent <= 20
            # Nobody is taken for silent because he is not read.
            assert client.server.statistics().connections == 1
            go.set()
            await trio.testing.wait_all_tasks_blocked()
            assert taken == [10_000] * sent


@trio_test
async def test_many_small_messages_are_held_back_too(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep(5)
        assert len(ws._link._queue) == 16  # type: ignore[attr-defined]
        for number in range(500):
            assert await ws.receive() == str(number)
        # Closed while its reader waits for room.
        await trio.sleep(5)
        await ws.close(4000)

    async with Client(handled(handler)) as client, client.websocket("/") as socket:
        for number in range(600):
            await socket.send(str(number))
        with pytest.raises(WebSocketClosed):
            await socket.receive()
        assert socket.close_code == 4000


@trio_test
async def test_a_client_that_does_not_read_is_cut(autojump_clock: MockClock) -> None:
    ended: list[Any] = []

    async def handler(req: Request, ws: WebSocket) -> None:
        await ws.accept()
        start = trio.current_time()
        try:
            for _ in range(1000):
                await ws.send(b"x" * 10_000)
        finally:
            ended.append((req.abort_reason, trio.current_time() - start))

    async with Client(handled(handler), config=Config(limits=Limits(send_timeout=3))) as client:
        async with client.websocket("/", capacity=50_000) as socket:
            await trio.sleep(10)
            [(reason, seconds)] = ended
            assert reason == "disconnect"
            assert 3 <= seconds < 5
            socket.close_code = 1006


@trio_test
async def test_a_reader_that_is_slow_and_steady_is_not_cut(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        for _ in range(20):
            await ws.send(b"x" * 10_000)

    async with Client(handled(handler), config=Config(limits=Limits(send_timeout=5))) as client:
        async with client.websocket("/", capacity=20_000) as socket:
            for _ in range(20):
                await trio.sleep(2)
                assert await socket.receive() == b"x" * 10_000


@trio_test
async def test_a_send_that_is_cancelled_half_way_ends_the_connection(autojump_clock: MockClock) -> None:
    caught: list[bool] = []

    async def handler(req: Request, ws: WebSocket) -> None:
        await ws.accept()
        with trio.move_on_after(1) as scope:
            await ws.send(b"x" * 100_000)
        caught.append(scope.cancelled_caught)
        caught.append(ws.closed)
        await trio.sleep_forever()

    async with Client(handled(handler)) as client:
        async with client.websocket("/", capacity=20_000) as socket:
            await trio.sleep(2)
            socket.close_code = 1006
    assert caught == [True, True]


@trio_test
async def test_two_tasks_send_whole_messages(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        async def say(message: bytes) -> None:
            for _ in range(20):
                await ws.send(message)

        async with trio.open_nursery() as nursery:
            for letter in (b"a", b"b"):
                nursery.start_soon(say, letter * 30_000)

    async with Client(handled(handler)) as client:
        async with client.websocket("/", capacity=20_000) as socket:
            await socket.ping(b"amid")
            messages = [await socket.receive() for _ in range(40)]
            assert sorted(messages) == [b"a" * 30_000] * 20 + [b"b" * 30_000] * 20
            assert socket.pongs == [b"amid"]


@trio_test
async def test_a_drain_ends_websockets(autojump_clock: MockClock) -> None:
    ended: list[Any] = []
    start = trio.current_time()

    async def handler(req: Request, ws: WebSocket) -> None:
        await ws.accept()
        try:
            if req.path == "/loops":
                async for _ in ws:
                    pass
            else:
                await trio.sleep_forever()
        finally:
            ended.append((req.path, req.abort_reason, ws.close_code, round(trio.current_time() - start)))

    async with Client(handled(handler), config=Config(drain_grace=3)) as client:
        async with client.websocket("/loops") as loops, client.websocket("/sleeps") as sleeps:
            client.server.drain()
            for socket in (sleeps, loops):
                with pytest.raises(WebSocketClosed) as closed:
                    await socket.receive()
                assert (closed.value.close_code, closed.value.close_reason) == (
                    1001,
                    "the server is shutting down",
                )
            await trio.sleep(10)
    assert ended == [("/loops", None, None, 0), ("/sleeps", "shutdown", None, 3)]


@trio_test
async def test_a_drain_while_a_pong_is_due(autojump_clock: MockClock) -> None:
    async with Client(handled(echo), config=Config(limits=Limits(ping_interval=1))) as client:
        async with client.websocket("/") as socket:
            await socket.send("a")
            assert await socket.receive() == "a"
            await trio.sleep(3)
            client.server.drain()
            assert [message async for message in socket] == []
            assert socket.close_code == 1001


@trio_test
async def test_a_drain_that_cannot_wait(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        await ws.accept()
        with trio.CancelScope(shield=True) as scope:
            scope.shield = True
            with trio.move_on_after(20):
                await trio.sleep_forever()

    async with Client(handled(handler), config=Config(drain_grace=1, exit_timeout=1)) as client:
        async with client.websocket("/") as socket:
            client.server.drain()
            await trio.sleep(40)
            assert client.server.statistics().connections == 0
            socket.close_code = 1006
