"""Compressed messages: negotiated to the letter, the same however they are cut, and never inflated beyond their limit."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test
from websocket_support import echo, handled
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.extensions import PerMessageDeflate as TheirDeflate

from gnomon_ingress import Config, ConnectionEvent, Deflate, Limits, Request, Response, WebSocketClosed, serve
from gnomon_ingress._deflate import negotiate
from gnomon_ingress.testing import Client, ClientSocket

OFFER = "permessage-deflate; client_max_window_bits"
FIRST = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    ("field", "settings", "chosen"),
    [
        ("permessage-deflate", {}, FIRST),
        (OFFER, {}, f"{FIRST}; client_max_window_bits=12"),
        (OFFER, {"window_bits": 15, "context_takeover": True}, "permessage-deflate; client_max_window_bits=15"),
        ("permessage-deflate; client_max_window_bits=8", {}, f"{FIRST}; client_max_window_bits=8"),
        ('permessage-deflate; client_max_window_bits="10"', {}, f"{FIRST}; client_max_window_bits=10"),
        ("permessage-deflate; server_max_window_bits=10", {}, f"{FIRST}; server_max_window_bits=10"),
        ("permessage-deflate; server_max_window_bits=15", {}, f"{FIRST}; server_max_window_bits=12"),
        ("permessage-deflate; server_no_context_takeover", {"context_takeover": True},
         "permessage-deflate; server_no_context_takeover"),
        ("permessage-deflate; client_no_context_takeover", {"context_takeover": True},
         "permessage-deflate; client_no_context_takeover"),
        ("permessage-deflate; server_max_window_bits=8", {}, None),
        ("permessage-deflate; server_max_window_bits", {}, None),
        ("permessage-deflate; server_max_window_bits=16", {}, None),
        ("permessage-deflate; client_max_window_bits=07", {}, None),
        ("permessage-deflate; client_no_context_takeover=1", {}, None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", {}, None),
        ("permessage-deflate; unknown", {}, None),
        ("permessage-deflate; ", {}, None),
        ("x-webkit-deflate-frame", {}, None),
        ("", {}, None),
        ("permessage-deflate; server_max_window_bits=8 , foo, permessage-deflate", {}, FIRST),
    ],
)  # fmt: skip
def test_negotiation(field: str, settings: dict[str, Any], chosen: str | None) -> None:
    answer, extension = negotiate(field, Deflate(**settings), lambda: 100)
    assert (answer, extension is None) == (chosen or "", chosen is None)
    assert negotiate(field, None, lambda: 100) == ("", None)


@pytest.mark.parametrize("wrong", [{"compress_from": -1}, {"window_bits": 8}, {"window_bits": 16}])
def test_settings_out_of_their_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="window_bits"):
        Deflate(**wrong)


def pair(settings: Deflate, limit: int = 2**20) -> tuple[Connection, Connection, str]:
    """A client by wsproto and a server with our extension."""
    theirs = TheirDeflate()
    field, ours = negotiate(f"permessage-deflate; {theirs.offer()}", settings, lambda: limit)
    assert ours is not None
    assert not ours.offer()
    theirs.finalize(field)
    client = Connection(ConnectionType.CLIENT, extensions=[theirs])
    return client, Connection(ConnectionType.SERVER, extensions=[ours]), field


def messages(end: Connection) -> list[Any]:
    found, pieces = [], []
    for event in end.events():
        if isinstance(event, CloseConnection):
            return [*found, int(event.code)]
        assert isinstance(event, TextMessage | BytesMessage)
        pieces.append(event.data)
        if event.message_finished:
            found.append(type(pieces[0])().join(pieces))
            pieces = []
    return found


MESSAGES = st.lists(
    st.lists(st.text(max_size=8) | st.just("abc" * 700), min_size=1, max_size=4)
    | st.lists(st.binary(max_size=8) | st.just(b"\0" * 3000), min_size=1, max_size=4),
    max_size=5,
)


@given(MESSAGES, st.integers(1, 40), st.booleans(), st.integers(9, 15), st.sampled_from([0, 1, 1024]))
def test_messages_survive_in_both_directions(
    sent: list[list[Any]], step: int, takeover: bool, bits: int, floor: int
) -> None:
    settings = Deflate(compress_from=floor, context_takeover=takeover, window_bits=bits)
    client, server, field = pair(settings)
    assert ("no_context_takeover" not in field) == takeover
    for pieces in sent:
        kind = TextMessage if isinstance(pieces[0], str) else BytesMessage
        whole = type(pieces[0])().join(pieces)
        frames = b"".join(
            client.send(kind(piece, message_finished=number == len(pieces)))
            for number, piece in enumerate(pieces, 1)
        )
        got = []
        for start in range(0, len(frames), step):
            server.receive_data(frames[start : start + step])
            got += [event.data for event in server.events() if isinstance(event, TextMessage | BytesMessage)]
        assert type(whole)().join(got) == whole
        answer = server.send(kind(whole))
        size = len(whole.encode() if isinstance(whole, str) else whole)
        # Whether a message is compressed, its first byte says.
        assert size >= floor or not answer[0] & 0x40
        assert takeover or len(answer) <= size + 10
        client.receive_data(answer)
        assert messages(client) == [whole]


def frame(payload: bytes, *, first: int = 0xC1) -> bytes:
    """A masked frame with a mask of zeros; 0xC1 is the whole of a compressed text."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + b"\0\0\0\0" + payload


def received(*frames: bytes, limit: int = 2**20, takeover: bool = True) -> list[Any]:
    _, server, _ = pair(Deflate(context_takeover=takeover), limit)
    server.receive_data(b"".join(frames))
    return messages(server)


HELLO = bytes.fromhex("f248cdc9c90700")


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        # The examples of RFC 7692, section 7.2.3.
        ([frame(HELLO)], ["Hello"]),
        ([frame(HELLO[:3], first=0x41), frame(HELLO[3:], first=0x80)], ["Hello"]),
        ([frame(HELLO), frame(HELLO)], ["Hello", "Hello"]),
        ([frame(HELLO), frame(bytes.fromhex("f200110000"))], ["Hello", "Hello"]),
        ([frame(bytes.fromhex("000500faff48656c6c6f00"))], ["Hello"]),
        ([frame(bytes.fromhex("f348cdc9c9070000")), frame(HELLO)], ["Hello", "Hello"]),
        ([frame(bytes.fromhex("f248050000 00ffffcac9c90700"))], ["Hello"]),
        ([frame(b"\x00")], [""]),
        ([frame(b"Hello", first=0x81), frame(HELLO)], ["Hello", "Hello"]),
        ([frame(b"\xff")], [1007]),
        ([frame(bytes.fromhex("f348cdc9c9070000") + b"x")], [1007]),
        ([frame(bytes.fromhex("f348cdc9c9070000"), first=0x41), frame(b"x" * 100, first=0)], [1007]),
        ([frame(HELLO, first=0x41), frame(HELLO, first=0xC0)], [1002]),
        ([frame(b"", first=0xC9)], [1002]),
        ([frame(HELLO, first=0xE1)], [1002]),
    ],
)  # fmt: skip
def test_frames(frames: Sequence[bytes], found: list[Any]) -> None:
    assert received(*frames) == found


def test_a_message_may_not_refer_to_another_if_that_was_not_agreed() -> None:
    assert received(frame(HELLO), frame(bytes.fromhex("f200110000")), takeover=False) == ["Hello", 1007]


def test_a_ping_in_the_middle() -> None:
    _, server, _ = pair(Deflate())
    server.receive_data(
        frame(HELLO[:3], first=0x41) + frame(b"ping", first=0x89) + frame(HELLO[3:], first=0x80)
    )
    assert "".join(event.data for event in server.events() if isinstance(event, TextMessage)) == "Hello"


@pytest.mark.parametrize("limit", [0, 4, 5, 100])
def test_what_inflates_to_nothing_is_bounded_too(limit: int) -> None:
    assert received(frame(HELLO), limit=limit) == (["Hello"] if limit >= 5 else [1009])
    empty = b"\x00\x00\x00\xff\xff" * 400
    assert received(frame(empty, first=0x41), frame(empty, first=0), limit=limit) == [1009]


@given(st.lists(st.binary(max_size=60), max_size=6), st.booleans())
def test_no_bytes_do_more_than_close(payloads: list[bytes], takeover: bool) -> None:
    _, server, _ = pair(Deflate(context_takeover=takeover), 1000)
    for number, payload in enumerate(payloads):
        server.receive_data(frame(payload, first=0x42 if number == 0 else 0))
        for event in server.events():
            if isinstance(event, CloseConnection):
                assert event.code in (1007, 1009)
                assert server.state is not ConnectionState.REMOTE_CLOSING
                return
            assert isinstance(event, BytesMessage)
            assert len(event.data) <= 1000


def bomb(size: int) -> bytes:
    deflater = zlib.compressobj(9, wbits=-15)
    zeros = b"\0" * 2**20
    pieces = [deflater.compress(zeros) for _ in range(size // len(zeros))]
    return b"".join(pieces) + deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]


async def open_raw(client: Client) -> ClientSocket:
    socket = ClientSocket(client.connect())
    await socket.open("/", {"sec-websocket-extensions": OFFER})
    return socket


@trio_test
async def test_a_bomb_is_not_set_off(autojump_clock: MockClock) -> None:
    events: list[ConnectionEvent] = []
    config = Config(limits=Limits(message_size=2**16), websocket_deflate=Deflate(), on_event=events.append)
    payload = bomb(2**28)
    assert 200_000 < len(payload) < 300_000
    async with Client(handled(echo), config=config) as client:
        for fragment in (len(payload), 50_000, 100):
            socket = await open_raw(client)
            assert socket.headers["sec-websocket-extensions"] == f"{FIRST}; client_max_window_bits=12"
            tracemalloc.start()
            try:
                for start in range(0, len(payload), fragment):
                    piece = payload[start : start + fragment]
                    size = len(piece)
                    length = b"\xff" + size.to_bytes(8, "big") if size > 65535 else (
                        b"\xfe" + size.to_bytes(2, "big") if size > 125 else bytes([0x80 | size])
                    )  # fmt: skip
                    await socket.stream.send_all(
                        (b"\x42" if start == 0 else b"\0") + length + b"\0\0\0\0" + piece
                    )
                    if socket.stream.peer_gone():
                        break
            except trio.BrokenResourceError:
                pass
            with pytest.raises(WebSocketClosed):
                await socket.receive()
            assert socket.close_code == 1009
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 4 * 2**20
            assert events.pop() == ConnectionEvent(
                "refused", 1009, "message_too_large", "a message has more than 65536 bytes"
            )
            socket.stream.close()


@trio_test
async def test_only_where_it_is_wanted(autojump_clock: MockClock) -> None:
    async with Client(handled(echo)) as client:
        socket = await open_raw(client)
        assert "sec-websocket-extensions" not in socket.headers
        await socket.stream.send_all(frame(HELLO))
        with pytest.raises(WebSocketClosed, match="1002"):
            await socket.receive()
    config = Config(websocket_deflate=Deflate(compress_from=10))
    async with Client(handled(echo), config=config) as client, client.websocket("/") as plain:
        assert "sec-websocket-extensions" not in plain.headers
        await plain.send("a" * 100)
        assert await plain.receive() == "a" * 100


@pytest.mark.parametrize(
    "settings", [Deflate(compress_from=0), Deflate(context_takeover=True, window_bits=15)]
)
def test_a_client_we_did_not_write(settings: Deflate) -> None:
    def use(url: str) -> None:
        with connect(url, max_size=None) as socket:
            assert [extension.name for extension in socket.protocol.extensions] == ["permessage-deflate"]
            for message in ("héllo", b"\0" * 300_000, "", "x" * 70_000, "x" * 70_000, bytes(range(256)) * 99):
                socket.send(message)
                assert socket.recv() == message
            socket.send(["in ", "three " * 1000, "pieces"])
            assert socket.recv() == "in " + "three " * 1000 + "pieces"
            socket.send("y" * (1024 * 1024 + 1))
            with pytest.raises(ConnectionClosed):
                socket.recv()
            assert socket.close_code == 1009

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(lambda task_status: serve(
                handled(echo), "127.0.0.1", 0, config=Config(websocket_deflate=settings), task_status=task_status
            ))  # fmt: skip
            await trio.to_thread.run_sync(use, f"ws://127.0.0.1:{server.addresses[0][1]}/")
            server.drain()

    trio.run(main)


@trio_test
async def test_a_drain_in_the_middle_of_a_message(autojump_clock: MockClock) -> None:
    done = trio.Event()

    async def dispatch(req: Request, res: Response) -> None:
        assert req.websocket is not None
        assert await req.websocket.receive() == "Hello"
        await done.wait()
        assert req.websocket.draining
        await req.websocket.send("bye")

    config = Config(websocket_deflate=Deflate(), limits=Limits(message_size=100))
    async with Client(dispatch, config=config) as client:
        socket = await open_raw(client)
        await socket.stream.send_all(frame(HELLO) + frame(b"x" * 99, first=0x01))
        await trio.sleep(0.1)
        client.server.drain()
        await socket.stream.send_all(frame(b"", first=0x80) + frame(HELLO))
        await trio.sleep(0.1)
        done.set()
        assert [message async for message in socket] == ["bye"]
        assert socket.close_code == 1001
