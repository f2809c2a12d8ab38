"""What a connection remembers of a head never changes the verdict on the next one."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from ingress_support import answers, echo

from gnomon_ingress import Limits, Server
from gnomon_ingress._head import METHODS, HeadParser, Refusal

BLOCKS = [
    b"Host: a\r\n\r\n",
    b"Host: a\r\nCookie: a=1\r\n\r\n",
    b"Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"Host: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
    b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"Connection: keep-alive\r\n\r\n",
]
LINES = [
    *(method + b" /x HTTP/1.1\r\n" for method in [*METHODS, b"CONNECT", b"TRACE", b"PRI", b"FOO", b"get"]),
    *(b"GET /a%b HTTP/1.1\r\n".replace(b"%b", bytes([byte])) for byte in range(256)),
    *(b"GET /?a%b HTTP/1.1\r\n".replace(b"%b", bytes([byte])) for byte in range(256)),
    *(b"GET %b/ HTTP/1.1\r\n".replace(b"%b", bytes([byte])) for byte in range(256)),
    b"GET / HTTP/1.0\r\n",
    b"GET / HTTP/1.2\r\n",
    b"GET / HTTP/2.0\r\n",
    b"GET http://a/ HTTP/1.1\r\n",
    b"GET http://b/ HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"GET * HTTP/1.1\r\n",
    b"GET /%zz HTTP/1.1\r\n",
    b"GET /?%zz HTTP/1.1\r\n",
    b"GET /%2 HTTP/1.1\r\n",
    b"GET /a%20b%2Fc%25?d=%20e?f HTTP/1.1\r\n",
    b"GET /%ff HTTP/1.1\r\n",
    b"GET /? HTTP/1.1\r\n",
    b"GET //a/../b??c HTTP/1.1\r\n",
    b"GET-X / HTTP/1.1\r\n",
    b"GET /%00 HTTP/1.1\r\n",
    b"GET /" + b"a" * 300 + b" HTTP/1.1\r\n",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n",
    b"GET / HTTP/1.1\r\nX: y\r\n",
    b"GET / HTTP/1.1\r\nHost: b\r\n",
    b"\r\nGET / HTTP/1.1\r\n",
    b"",
]


# Heads of one client: the same fields, of which some change.
FIELDS: list[tuple[bytes, list[bytes]]] = [
    (b"Host", [b" a", b" a", b" a", b" b", b" a b", b"", b"a"]),
    (
        b"Cookie",
        [
            b" a=1",
            b" a=22",
            b" b=\xff",
            b"",
            b"  a=1 ",
            b"\ta=1\t",
            b" a=\x00",
            b" a\rX: y",
            b" \xa0",
            b" \x7f",
        ],
    ),
    (
        b"X-Request-Id",
        [b" 1", b" 2", b" 2\r\n 3", b" 3\r\nHost: b", b" 4\r\nX: y", b" 5\nX: y", b":", b" :", b" 6\r\n"],
    ),
    (b"Connection", [b" keep-alive", b" keep-alive", b" keep-alive", b" Keep-Alive", b" close", b" upgrade"]),
    (
        b"Content-Length",
        [b" 3", b" 44", b" 5 ", b"6", b" 0", b" 00", b" 07", b" x", b"", b" +8", b" 9" * 9, b" " + b"9" * 20],
    ),
    (b"Expect", [b" 100-continue", b" 100-continue", b" x"]),
    (b"Upgrade", [b" websocket", b" h2c", b" websocket"]),
    (b"Transfer-Encoding", [b" chunked", b" gzip", b" chunked, chunked"]),
    (b"Accept", [b" */*", b" */*", b" text/html", b" text/plain"]),
]


@st.composite
def clients(draw: st.DrawFn) -> list[bytes]:
    """The heads that one client sends, one after the other."""
    there = draw(st.lists(st.sampled_from(range(1, len(FIELDS))), max_size=5))
    heads = []
    for _ in range(draw(st.integers(2, 8))):
        if draw(st.integers(0, 9)) == 0:
            there = draw(st.permutations(there))
        lines = [FIELDS[0], *(FIELDS[number] for number in there)]
        block = b"".join(b"%b:%b\r\n" % (name, draw(st.sampled_from(values))) for name, values in lines)
        heads.append(draw(st.sampled_from(LINES[:40] + [b"GET /x HTTP/1.1\r\n"] * 200)) + block + b"\r\n")
    return heads


def verdict(parser: HeadParser, head: bytes) -> tuple[object, ...]:
    try:
        parser.complete(head)
    except Refusal as refusal:
        return refusal.status, refusal.code
    return (
        parser.line,
        parser.minor,
        parser.headers.raw,
        parser.keep_alive,
        parser.plain,
        parser.content_length,
        parser.expects,
        parser.opens_socket,
    )


@pytest.mark.parametrize("block", BLOCKS)
def test_any_line_before_the_last_block(block: bytes) -> None:
    before = b"GET /before HTTP/1.1\r\n" if b"Host" in block else b"GET /before HTTP/1.0\r\n"
    for line in LINES:
        parser = HeadParser(Limits())
        verdict(parser, before + block)
        assert verdict(parser, line + block) == verdict(HeadParser(Limits()), line + block), line


@given(clients())
def test_what_changes_between_the_heads_of_one_client(heads: list[bytes]) -> None:
    parser = HeadParser(Limits())
    for head in heads:
        alone = verdict(HeadParser(Limits()), head)
        assert verdict(parser, head) == alone
        if isinstance(alone[0], int) or not parser.keep_alive:
            # The end of the connection.
            parser = HeadParser(Limits())


def test_every_byte_where_a_value_changed() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: %b\r\nC: 3\r\nD: %b\r\nE: 5\r\n\r\n"
    for byte in range(256):
        for value in (bytes([byte]), b"a%bb" % bytes([byte])):
            for values in ((value, b"4"), (b"2", value)):
                parser = HeadParser(Limits())
                for known in ((b"2", b"4"), (b"2a", b"4"), (b"2b", b"4b")):
                    parser.complete(head % known)
                assert verdict(parser, head % values) == verdict(HeadParser(Limits()), head % values)


def test_a_form_is_learned() -> None:
    parser = HeadParser(Limits())
    head = b"GET /%d HTTP/1.1\r\nHost: a\r\nCookie: n=%d\r\nX-Id: %d\r\nAccept: */*\r\n\r\n"
    for number in range(2):
        parser.complete(head % (number, number, number))
    for number in range(2, 20):
        data = head % (number, number, number)
        assert parser.recognise(data + b"GET ") == len(data)
        assert parser.headers["cookie"] == f"n={number}"
        assert parser.headers.getall("x-id") == (str(number),)
    # Nor does the next one see what belongs to the last.
    kept = parser.headers
    parser.complete(head % (1, 1, 1))
    assert kept["cookie"] == "n=19"


def test_bodies_of_different_lengths() -> None:
    bodies = [b"", b"a", b"bb", b"c" * 11, b"", b"dd", b"e" * 7, b"ff", b"g" * 30]
    posts = [
        b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(b), len(b), b) for b in bodies
    ]
    data = b"".join(posts)

    async def main() -> None:
        server = Server(echo)
        whole = await answers(server, [data])
        for body in bodies:
            assert b"POST /%d? %r" % (len(body), body) in whole
        assert await answers(server, posts) == whole
        for cut in range(1, len(data)):
            assert await answers(server, [data[:cut], data[cut:]]) == whole

    trio.run(main)


def test_a_long_head_is_not_remembered() -> None:
    parser = HeadParser(Limits())
    for size in (10, 5000, 5000, 10):
        data = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"a" * size + b"\r\n\r\n"
        parser.complete(data)
        assert parser.headers["cookie"] == "a" * size
        assert (parser.recognise(data) == len(data)) == (size == 10)


def test_a_value_that_grows_is_not_remembered() -> None:
    parser = HeadParser(Limits())
    for size, known in ((1, False), (2, False), (3, True), (5000, False), (1, False)):
        data = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"a" * size + b"\r\n\r\n"
        assert bool(parser.recognise(data)) == known
        parser.complete(data)
        assert parser.headers["cookie"] == "a" * size


def test_a_form_has_few_changing_fields() -> None:
    parser = HeadParser(Limits())
    for number in range(30):
        fields = b"".join(b"X%d: %d\r\n" % (field, number if field <= number else 0) for field in range(20))
        parser.complete(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
        assert parser.headers["x0"] == str(number)
    assert not parser.recognise(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields.replace(b"29", b"30") + b"\r\n")


@given(st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(BLOCKS)), min_size=2, max_size=6))
def test_any_order_of_heads(heads: list[tuple[bytes, bytes]]) -> None:
    parser = HeadParser(Limits())
    for line, block in heads:
        alone = verdict(HeadParser(Limits()), line + block)
        assert verdict(parser, line + block) == alone
        if isinstance(alone[0], int):
            # A refusal is the end of a connection.
            parser = HeadParser(Limits())
