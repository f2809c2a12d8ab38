"""What a client may and may not put into frames (RFC 6455, section 5), at every split."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test

from gnomon_ingress import Config, ConnectionEvent, Limits, Request, Response, WebSocketClosed
from gnomon_ingress.testing import Client

LIMIT = 200
FRAGMENTS = 8
LIMITS = Limits(message_size=LIMIT, message_fragments=FRAGMENTS)

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Frame(NamedTuple):
    opcode: int
    payload: bytes
    fin: bool = True
    reserved: int = 0
    masked: bool = True
    key: bytes = b"\x01\x80\xff\x00"

    def encode(self) -> bytes:
        first = self.fin << 7 | self.reserved << 4 | self.opcode
        size = len(self.payload)
        if size < 126:
            head = struct.pack("!BB", first, self.masked << 7 | size)
        elif size < 65536:
            head = struct.pack("!BBH", first, self.masked << 7 | 126, size)
        else:
            head = struct.pack("!BBQ", first, self.masked << 7 | 127, size)
        if not self.masked:
            return head + self.payload
        return head + self.key + bytes(byte ^ self.key[n % 4] for n, byte in enumerate(self.payload))


async def take(pieces: list[bytes], events: list[ConnectionEvent] | None = None) -> tuple[list[Any], int]:
    """Open a WebSocket, send the pieces, and return what the handler received and the code it ended with."""
    messages: list[Any] = []
    codes: list[int] = []

    async def dispatch(req: Request, _res: Response) -> None:
        ws = req.websocket
        assert ws is not None
        req.bind_abort(lambda _reason: None)
        try:
            while True:
                messages.append(await ws.receive())
        except WebSocketClosed as closed:
            codes.append(closed.close_code)

    config = Config(limits=LIMITS, on_event=(lambda _: None) if events is None else events.append)
    async with Client(dispatch, config=config) as client:
        async with client.websocket("/") as socket:
            for piece in pieces:
                await socket.stream.send_all(piece)
                await trio.testing.wait_all_tasks_blocked()
            await socket.stream.send_eof()
            while await socket.stream.receive_some():
                pass
            socket.close_code = 1006
        await trio.sleep(1)
        assert client.server.statistics().connections == 0
    return messages, codes[0]


@pytest.mark.parametrize(
    ("frames", "messages", "code"),
    [
        ([Frame(TEXT, b"a"), Frame(CLOSE, b"")], ["a"], 1005),
        ([Frame(TEXT, "é".encode()[:1], fin=False), Frame(0, "é".encode()[1:]), Frame(CLOSE, b"\x03\xe8")], ["é"], 1000),
        ([Frame(BINARY, b"a", fin=False), Frame(PING, b""), Frame(0, b"b"), Frame(CLOSE, b"\x0f\xa0ok")], [b"ab"], 4000),
        ([Frame(TEXT, b"a")], ["a"], 1006),
        ([Frame(TEXT, b"a"), Frame(TEXT, b"\xff")], ["a"], 1007),
        ([Frame(TEXT, b"\xed\xa0\x80")], [], 1007),
        ([Frame(TEXT, "é".encode()[:1])], [], 1007),
        ([Frame(CLOSE, b"\x03\xe8\xff")], [], 1007),
        ([Frame(TEXT, b"a", masked=False)], [], 1002),
        ([Frame(TEXT, b"a", reserved=4)], [], 1002),
        ([Frame(3, b"a")], [], 1002),
        ([Frame(11, b"")], [], 1002),
        ([Frame(CONTINUATION, b"a")], [], 1002),
        ([Frame(TEXT, b"a", fin=False), Frame(TEXT, b"b")], [], 1002),
        ([Frame(PING, b"a", fin=False)], [], 1002),
        ([Frame(PING, b"a" * 126)], [], 1002),
        ([Frame(CLOSE, b"\x03")], [], 1002),
        ([Frame(CLOSE, b"\x03\xed")], [], 1002),
        ([Frame(CLOSE, b"\x00\x01")], [], 1002),
        ([Frame(BINARY, b"a" * LIMIT), Frame(CLOSE, b"")], [b"a" * LIMIT], 1005),
        ([Frame(BINARY, b"a" * (LIMIT + 1))], [], 1009),
        ([Frame(TEXT, "é".encode() * (LIMIT // 2)), Frame(CLOSE, b"")], ["é" * (LIMIT // 2)], 1005),
        ([Frame(TEXT, "é".encode() * (LIMIT // 2 + 1))], [], 1009),
        ([Frame(BINARY, b"a" * LIMIT, fin=False), Frame(0, b"", fin=False), Frame(0, b"b")], [], 1009),
        ([Frame(BINARY, b"", fin=False)] + [Frame(0, b"", fin=False)] * FRAGMENTS, [], 1008),
        ([Frame(TEXT, b"", fin=False)] + [Frame(0, b"", fin=False)] * 6 + [Frame(0, b""), Frame(CLOSE, b"")], [""], 1005),
        ([Frame(PONG, b"?")] * 1025, [], 1008),
        ([Frame(PING, b"!")] * 1025, [], 1008),
        ([Frame(TEXT, b"a"), Frame(CLOSE, b""), Frame(TEXT, b"b")], ["a"], 1005),
    ],
)  # fmt: skip
@trio_test
async def test_frames(
    frames: list[Frame], messages: list[str | bytes], code: int, autojump_clock: MockClock
) -> None:
    data = b"".join(frame.encode() for frame in frames)
    events: list[ConnectionEvent] = []
    assert await take([data], events) == (messages, code)
    assert [event.status for event in events if event.kind == "refused"] == (
        [code] if code in (1002, 1007, 1008, 1009) else []
    )
    step = 1 if len(data) < 60 else len(data) // 6
    for cut in range(1, len(data), step):
        assert await take([data[:cut], data[cut:]]) == (messages, code)


@trio_test
async def test_lengths_that_are_not_the_shortest(autojump_clock: MockClock) -> None:
    for head in (b"\x82\xfe\x00\x05", b"\x82\xff" + b"\0" * 6 + b"\x00\x05", b"\x82\xff\xff" + b"\0" * 7):
        assert await take([head + b"\0\0\0\0abcde"]) == ([], 1002)


def expected(frames: list[Frame]) -> tuple[list[Any], int]:
    """A plain reading of the RFC and of our limits."""
    messages: list[Any] = []
    kind, pieces = None, 0
    data = b""
    for frame in frames:
        if frame.opcode not in (0, 1, 2, 8, 9, 10) or not frame.masked or frame.reserved:
            return messages, 1002
        if frame.opcode >= 8:
            if not frame.fin or len(frame.payload) > 125:
                return messages, 1002
            if frame.opcode == CLOSE:
                return messages, close_code(frame.payload)
            continue
        if (kind is None) == (frame.opcode == CONTINUATION):
            return messages, 1002
        kind = frame.opcode or kind
        data, pieces = data + frame.payload, pieces + 1
        if kind == TEXT and not is_text(data, whole=frame.fin):
            return messages, 1007
        if len(data) > LIMIT:
            return messages, 1009
        if pieces > FRAGMENTS:
            return messages, 1008
        if frame.fin:
            messages.append(data.decode() if kind == TEXT else data)
            kind, pieces, data = None, 0, b""
    return messages, 1006


def is_text(data: bytes, *, whole: bool) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        # What is cut off may still become text.
        return not whole and error.reason == "unexpected end of data"
    return True


def close_code(payload: bytes) -> int:
    if not payload:
        return 1005
    if len(payload) == 1:
        return 1002
    code = int.from_bytes(payload[:2], "big")
    known = code in (*range(1000, 1004), *range(1007, 1014)) or 3000 <= code <= 4999
    if not known:
        return 1002
    return code if is_text(payload[2:], whole=True) else 1007


texts = st.text(max_size=40).map(str.encode)
payloads = st.one_of(texts, st.binary(max_size=40), st.binary(min_size=120, max_size=LIMIT + 20))
keys = st.binary(min_size=4, max_size=4)
good = st.builds(
    lambda opcode, payload, fin, key: Frame(opcode, payload, fin, key=key),
    st.sampled_from([CONTINUATION, TEXT, TEXT, BINARY, PING, PONG]),
    texts,
    st.booleans(),
    keys,
)
closes = st.builds(
    lambda payload: Frame(CLOSE, payload),
    st.one_of(
        st.builds(lambda code, text: struct.pack("!H", code) + text, st.integers(990, 5010), texts),
        st.binary(max_size=3),
    ),
)
anything = st.builds(
    lambda *parts: Frame(*parts),
    st.integers(0, 15),
    payloads,
    st.booleans(),
    st.sampled_from([0, 0, 0, 0, 1, 4]),
    st.sampled_from([True, True, True, False]),
    keys,
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Frame]:
    frames: list[Frame] = []
    for _ in range(draw(st.integers(0, 6))):
        message = draw(st.one_of(texts, st.binary(max_size=90)))
        kind = TEXT if is_text(message, whole=True) and draw(st.booleans()) else BINARY
        cuts = sorted(draw(st.lists(st.integers(0, len(message)), max_size=3)))
        pieces = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
        for number, piece in enumerate(pieces):
            if draw(st.booleans()):
                frames.append(Frame(draw(st.sampled_from([PING, PONG])), draw(st.binary(max_size=125))))
            frames.append(Frame(CONTINUATION if number else kind, piece, number == len(pieces) - 1))
    frames += draw(st.lists(st.one_of(good, anything), max_size=3))
    return frames + draw(st.lists(closes, max_size=1))


@given(conversations(), st.data())
def test_any_conversation_at_any_split(frames: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(frame.encode() for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    messages, code = expected(frames)
    clock = MockClock(autojump_threshold=0)
    found = trio.run(take, [piece for piece in pieces if piece], clock=clock)
    assert found[0] == messages
    if code in (1007, 1009):
        # A message can be both no text and too long; what is found first may depend on the split.
        assert found[1] in (1007, 1009)
    else:
        assert found[1] == code


@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_close(data: bytes) -> None:
    _, code = trio.run(take, [data], clock=MockClock(autojump_threshold=0))
    assert 1000 <= code < 5000
