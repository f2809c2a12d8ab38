"""The same bytes through h11: what we accept, it reads the same way; what only we refuse, a table explains."""

from __future__ import annotations

import re
from typing import Any

import h11
import trio
from hypothesis import given
from hypothesis import strategies as st
from ingress_support import ScriptedTransport

from gnomon_ingress import Config, ConnectionEvent, HttpError, Request, Response, Server
from gnomon_ingress._connection import Connection

Exchange = tuple[bytes, bytes, bytes]

#: Codes of ours that h11 has no counterpart for, and why we are stricter.
STRICTER = {
    "malformed_request": "bare LF, obsolete folding and repeated equal lengths pass h11, and other parsers read them otherwise",
    "malformed_request_line": "more than one line break before a request",
    "unknown_method": "h11 takes any token, in front of any version",
    "method_not_implemented": "h11 takes any token; CONNECT, TRACE and methods of other protocols are not for an origin server",
    "invalid_target": "h11 does not look into the target: forms, fragments, escapes",
    "invalid_host": "h11 does not look into the Host field",
    "host_mismatch": "h11 does not compare the absolute form with the Host field",
    "repeated_header": "h11 lets Content-Type, Expect and Upgrade occur twice",
    "unknown_expectation": "h11 leaves expectations to the application",
    "unknown_transfer_coding": "h11 refuses it too, as an error of its own",
    "invalid_transfer_encoding": "h11 takes Transfer-Encoding on HTTP/1.0",
    "too_many_headers": "h11 has no limit of their number",
    "malformed_chunk": "h11 does not look into chunk extensions and is lax about trailers",
    "unknown_version": "h11 takes HTTP/1.2 and above",
    "target_too_long": "h11 limits the head as a whole",
    "missing_host": "h11 reads an unknown minor version as 1.1",
}

#: Where h11 is stricter than RFC 9112 asks: what to find in the bytes, and the section.
LAXER = {
    rb"HTTP/1\.0\r\n": "9.3: HTTP/1.0 persists if it asks to, h11 always closes",
    rb"(^|\r\n|[^\r\n])\r\n(\r\n)+": "2.2: an empty line before a request should be ignored",
    rb"^\r\n": "2.2: the same before the first request",
    rb"[ \t];|;[ \t]|[ \t]=|=[ \t]": "7.1.1: bad whitespace around chunk extensions must be parsed and removed",
}


def oracle(data: bytes) -> list[Exchange]:
    """What h11 makes of the bytes of a client that then closes its side."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    connection.receive_data(b"")
    exchanges: list[Exchange] = []
    try:
        while True:
            event = connection.next_event()
            if not isinstance(event, h11.Request):
                return exchanges
            request, body = event, b""
            while not isinstance(event := connection.next_event(), h11.EndOfMessage):
                body += bytes(event.data) if isinstance(event, h11.Data) else b""
            exchanges.append((bytes(request.method), bytes(request.target), body))
            connection.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE:
                return exchanges
            connection.start_next_cycle()
    except h11.RemoteProtocolError:
        return exchanges


def ours(data: bytes) -> tuple[list[Exchange], str | None]:
    """What we make of them, and the code of the refusal, if any."""
    exchanges: list[Exchange] = []
    codes: list[str] = []

    async def record(req: Request, res: Response) -> None:
        try:
            body = await req.read()
        except HttpError as error:
            codes.append(error.code)
            raise
        exchanges.append((req.method.encode(), req.target.encode(), body))
        res.empty()

    def note(event: ConnectionEvent) -> None:
        codes.append(event.code)

    async def main() -> None:
        transport: Any = ScriptedTransport([data])
        server = Server(record, config=Config(on_event=note, live_path=None, ready_path=None))
        await Connection(server, transport).run()

    trio.run(main)
    return exchanges, codes[0] if codes else None


def check(data: bytes) -> None:
    # The server answers the asterisk by itself.
    expected = [exchange for exchange in oracle(data) if exchange[1] != b"*"]
    taken, code = ours(data)
    common = min(len(taken), len(expected))
    assert taken[:common] == expected[:common], "what both accept, both read the same way"
    if len(taken) > len(expected):
        assert any(re.search(pattern, data) for pattern in LAXER), f"only we read {taken[common]}"
    if len(taken) < len(expected):
        assert code in STRICTER, f"h11 read {expected[len(taken)]}, we refused with {code}"


TOKENS = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"TRACE", b"FOO"])
TARGETS = st.sampled_from([b"/", b"/a?b=c", b"/%20", b"*", b"http://a/", b"http://b/x", b"/#", b"//", b"a"])
VERSIONS = st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0"])
FIELDS = st.sampled_from(
    [
        b"Host: a", b"Host: b", b"Connection: close", b"Connection: keep-alive", b"Content-Length: 3", b"Content-Length: 0",
        b"Content-Length: 03", b"Content-Length: 3, 3", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: identity", b"Expect: 100-continue", b"Expect: x", b"X: y", b"X:", b"Cookie: a=b", b"Upgrade: h2c",
        b" folded", b"X : y", b"Content-Type: text/plain", b"X: a\tb  ", b"Connection: upgrade, close",
    ]
)  # fmt: skip
BODIES = st.sampled_from(
    [
        b"",
        b"abc",
        b"0\r\n\r\n",
        b"3\r\nabc\r\n0\r\n\r\n",
        b"3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"0003\r\nabc\r\n0\r\n\r\n",
    ]
)
ENDINGS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r"])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    lines = [
        draw(TOKENS) + b" " + draw(TARGETS) + b" " + draw(VERSIONS),
        b"Host: a",
        *draw(st.lists(FIELDS, max_size=4)),
        b"",
    ]
    return b"".join(line + draw(ENDINGS) for line in lines) + draw(BODIES)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        with_ = draw(
            st.one_of(
                st.binary(max_size=2),
                st.sampled_from([b"\r\n", b"\n", b" ", b":", b"\t", b"\r\n ", b",", b";", b"\x00"]),
            )
        )
        data = data[:place] + with_ + data[place + draw(st.integers(0, 2)) :]
    return data


@given(mutated())
def test_grammar(data: bytes) -> None:
    check(data)


def test_corpus() -> None:
    from ingress_corpus import CASES

    for case in CASES:
        if len(case.data) < 10_000:
            check(case.data)


@given(mutated(), st.data())
def test_any_split(data: bytes, choices: st.DataObject) -> None:
    from ingress_support import answers, echo, without_interim

    cuts = sorted(choices.draw(st.lists(st.integers(0, len(data)), max_size=6)))
    pieces = [piece for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if (piece := data[a:b])]

    async def main() -> None:
        whole = await answers(Server(echo), [data] if data else [])
        assert without_interim(await answers(Server(echo), pieces)) == without_interim(whole)

    trio.run(main)
