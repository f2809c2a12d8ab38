"""What a connection remembers of a head never changes the verdict on the next one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_ingress import Limits
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


def verdict(parser: HeadParser, head: bytes) -> object:
    try:
        parser.complete(head)
    except Refusal as refusal:
        return refusal.status, refusal.code
    return (
        parser.line,
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
        parser = HeadParser(Limits(), {})
        verdict(parser, before + block)
        assert verdict(parser, line + block) == verdict(HeadParser(Limits(), {}), line + block), line


@given(st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(BLOCKS)), min_size=2, max_size=6))
def test_any_order_of_heads(heads: list[tuple[bytes, bytes]]) -> None:
    lines = {}
    parser = HeadParser(Limits(), lines)
    for line, block in heads:
        alone = verdict(HeadParser(Limits(), {}), line + block)
        assert verdict(parser, line + block) == alone
        if isinstance(alone, tuple) and len(alone) == 2:
            # A refusal is the end of a connection; what the server remembers stays.
            parser = HeadParser(Limits(), lines)
