"""Request bodies with a Content-Encoding: refused where they are read, or decompressed within the limit."""

from __future__ import annotations

import gzip
import random
import zlib
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from ingress_support import answers
from trio.testing import MockClock, trio_test

from gnomon_ingress import Config, Limits, Request, Response, Server
from gnomon_ingress.testing import Answer, Client

BODY = b"say it again and " * 1000
ON = Config(decompress=True)


async def echo(req: Request, res: Response) -> None:
    res.bytes(await req.read())


async def pieces(req: Request, res: Response) -> None:
    sizes = [len(piece) async for piece in req.stream()]
    assert max(sizes, default=0) <= 65536
    res.text(str(sum(sizes)))


async def post(coding: str, body: bytes, *, config: Config | None = None, dispatch: Any = echo) -> Answer:
    async with Client(dispatch, config=config) as client:
        return await client.post("/", body=body, headers={"content-encoding": coding})


@trio_test
async def test_off_by_default(autojump_clock: MockClock) -> None:
    for dispatch in (echo, pieces):
        answer = await post("gzip", gzip.compress(BODY), dispatch=dispatch)
        assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")
        assert answer.json()["code"] == "unsupported_content_encoding"
    assert (await post("identity", BODY)).body == BODY
    assert (await post("Identity", BODY, dispatch=pieces)).text == str(len(BODY))
    # Here before anybody asks for it.
    assert (await post("identity", b"small")).body == b"small"
    assert (await post("identity", b"small", config=Config(limits=Limits(body_size=4)))).status == 413

    async def never_reads(_req: Request, res: Response) -> None:
        res.text("fine")

    assert (await post("gzip", b"whatever", dispatch=never_reads)).text == "fine"


@trio_test
async def test_on(autojump_clock: MockClock) -> None:
    for coding, body in (
        ("gzip", gzip.compress(BODY)),
        ("X-GZip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("gzip", gzip.compress(b"")),
        ("identity", BODY),
    ):
        for dispatch in (echo, pieces):
            answer = await post(coding, body, config=ON, dispatch=dispatch)
            assert answer.status == 200
            assert answer.body in (BODY, b"", str(len(BODY)).encode(), b"0")
    for coding in ("br", "gzip, gzip", "compress"):
        answer = await post(coding, gzip.compress(BODY), config=ON)
        assert (answer.status, answer.headers["accept-encoding"]) == (415, "gzip, deflate")


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        gzip.compress(BODY)[:-1],
        gzip.compress(BODY)[:-8] + b"\0" * 8,
        gzip.compress(BODY) + b"more",
        gzip.compress(BODY) * 2,
    ],
)
@trio_test
async def test_what_is_broken(body: bytes, autojump_clock: MockClock) -> None:
    answer = await post("gzip", body, config=ON)
    assert (answer.status, answer.json()["code"]) == (400, "malformed_encoding")


@trio_test
async def test_a_bomb_is_413_before_it_goes_off(autojump_clock: MockClock) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    largest = 0

    async def watch(req: Request, res: Response) -> None:
        nonlocal largest
        async for piece in req.stream():
            largest = max(largest, len(piece))
        res.empty()

    for dispatch in (echo, watch):
        answer = await post("gzip", bomb, config=ON, dispatch=dispatch)
        assert (answer.status, answer.json()["code"]) == (413, "body_too_large")
    assert largest <= 65536
    # The bytes on the wire count too.
    noise = gzip.compress(random.Random(1).randbytes(3000))
    small = Config(decompress=True, limits=Limits(body_size=2000))
    assert (await post("gzip", noise, config=small)).status == 413


@given(st.binary(max_size=200), st.lists(st.integers(0, 400), max_size=5))
def test_the_split_changes_nothing(body: bytes, cuts: list[int]) -> None:
    packed = gzip.compress(body, mtime=0)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    data = head + packed
    cuts = sorted(min(cut, len(data)) for cut in cuts)
    split = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    whole = trio.run(answers, Server(echo, config=ON), [data])
    assert trio.run(answers, Server(echo, config=ON), [piece for piece in split if piece]) == whole
    assert whole.endswith(b"\r\n\r\n" + body)
