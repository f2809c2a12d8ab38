"""Messages of WebSockets that trickle in: each has a deadline of its own."""

from __future__ import annotations

import math

import pytest
import trio
from trio.testing import MockClock, trio_test
from websocket_support import echo, handled, opening, until_closed

from gnomon_ingress import Config, ConnectionEvent, Limits, Request, WebSocket
from gnomon_ingress._incoming import Incoming
from gnomon_ingress.testing import Client, MemoryStream

MASK = b"\0\0\0\0"
PAYLOAD = b"x" * 120
LIMITS = Limits(message_timeout=10, body_rate=10, ping_interval=1000, close_timeout=1)
SLOW = b"\x88\x19\x03\xf0a message took too long"


async def opened(client: Client) -> MemoryStream:
    stream = client.connect()
    await stream.send_all(opening())
    assert b"\r\n\r\n" in await stream.receive_some()
    return stream


async def trickle(stream: MemoryStream, data: bytes) -> bytes:
    """Send a byte per second until the server has enough of it; return what it said."""
    said = b""
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            try:
                for byte in data:
                    await stream.send_all(bytes([byte]))
                    await trio.sleep(1)
            except trio.BrokenResourceError:
                pass

        nursery.start_soon(send)
        said = await until_closed(stream)
        nursery.cancel_scope.cancel()
    return said


@trio_test
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x82\xf8" + MASK + PAYLOAD, id="a frame"),
        pytest.param(b"".join(b"%c\x81" % (0 if n else 2) + MASK + b"x" for n in range(60)), id="fragments"),
        pytest.param(b"\x02\x80" + MASK + b"\x89\x80" + (MASK + b"\x8a\x80") * 40, id="pongs in between"),
        pytest.param(b"\x89\xfd" + MASK + PAYLOAD, id="a ping"),
        pytest.param(b"\x82\xfe\x01\x00" + MASK + PAYLOAD, id="a long frame"),
    ],
)
async def test_a_byte_per_second(data: bytes, autojump_clock: MockClock) -> None:
    events: list[ConnectionEvent] = []
    async with Client(handled(echo), config=Config(limits=LIMITS, on_event=events.append)) as client:
        stream = await opened(client)
        started = trio.current_time()
        assert (await trickle(stream, data)).endswith(SLOW)
        # Ten seconds, one more for what came in ten, and the wait for a close.
        assert trio.current_time() - started == pytest.approx(12.2, abs=1.0)
    assert [(event.kind, event.status, event.code) for event in events] == [("refused", 1008, "slow_message")]


@trio_test
async def test_the_end_of_one_message_gives_the_next_its_time(autojump_clock: MockClock) -> None:
    async with Client(handled(echo), config=Config(limits=LIMITS)) as client:
        stream = await opened(client)
        frame = b"\x82\x81" + MASK + b"x"
        data = frame * 5
        # Most pieces are the end of one message and the begin of the next.
        for start in range(0, len(data), 3):
            await stream.send_all(data[start : start + 3])
            await trio.sleep(3)
        assert await stream.receive_some() == b"\x82\x01x" * 5
        # With nothing but the first byte of a frame it is silence, and that is for pings to find out about.
        await stream.send_all(frame + frame[:1])
        await trio.sleep(100)
        await stream.send_all(frame[1:])
        assert await stream.receive_some() == b"\x82\x01x"
        assert await stream.receive_some() == b"\x82\x01x"
        await stream.aclose()


@trio_test
async def test_a_large_message_may_take_its_time(autojump_clock: MockClock) -> None:
    async with Client(handled(echo), config=Config(limits=LIMITS)) as client:
        stream = await opened(client)
        await stream.send_all(b"\x82\xfe\x01\xf4" + MASK)
        for _ in range(25):
            await stream.send_all(b"y" * 20)
            await trio.sleep(1.5)
        assert await stream.receive_some() == b"\x82\x7e\x01\xf4" + b"y" * 500
        await stream.aclose()


@trio_test
async def test_a_slow_handler_does_not_count(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        async for message in ws:
            await trio.sleep(5)
            await ws.send(message)

    async with Client(handled(handler), config=Config(limits=LIMITS)) as client:
        stream = await opened(client)
        frame = b"\x82\x81" + MASK + b"x"
        # The last one is not whole when the handler has as many as it can hold.
        await stream.send_all(frame * 40 + frame[:-1])
        received = b""
        with trio.fail_after(1000):
            while len(received) < 3 * 39:
                received += await stream.receive_some()
            await stream.send_all(frame[-1:])
            while len(received) < 3 * 41:
                received += await stream.receive_some()
        assert received == b"\x82\x01x" * 41
        await stream.aclose()


def test_nothing_has_no_deadline() -> None:
    incoming = Incoming(30, 1024)
    assert incoming.deadline == math.inf
    incoming.note(3, complete=False, now=5.0)
    incoming.note(1021, complete=False, now=7.0)
    assert incoming.deadline == 36.0
    incoming.note(10, complete=True, now=8.0)
    assert incoming.deadline == math.inf
