"""Multipart forms, part by part: the same however they are cut, within limits, as fast as they are taken."""

from __future__ import annotations

import email.parser
import email.policy
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st
from ingress_support import head
from trio.testing import MockClock, trio_test, wait_all_tasks_blocked

from gnomon_ingress import Config, HttpError, Limits, Request, RequestState, Response
from gnomon_ingress import _parts as parts_module
from gnomon_ingress._multipart import BLOCK, MultipartFeed
from gnomon_ingress._parts import Parts
from gnomon_ingress.testing import Client

TYPE = {"content-type": "multipart/form-data; boundary=xyz"}


def form(*parts: tuple[str, bytes], boundary: str = "xyz", end: bytes = b"\r\n") -> bytes:
    lines = [
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n"
        % (boundary.encode(), names.encode(), content)
        for names, content in parts
    ]
    return b"".join(lines) + f"--{boundary}--".encode() + end


async def pieces_of(data: bytes, cuts: Sequence[int]) -> AsyncIterator[bytes]:
    start = 0
    for cut in [*sorted(cuts), len(data)]:
        if data[start:cut]:
            yield data[start:cut]
        start = max(start, cut)


def taken(data: bytes, cuts: Sequence[int], boundary: str = "xyz") -> Any:
    """What comes of a body that is cut in pieces: its parts, or the refusal."""

    async def take() -> Any:
        found = []
        try:
            feed = MultipartFeed(boundary, part_count=20)
            async for part in Parts(pieces_of(data, cuts), feed, part_size=None):
                content = await part.read(limit=len(data))
                found.append((part.name, part.filename, part.media_type, dict(part.headers), content))
        except HttpError as error:
            return error.status, error.detail
        return found

    return trio.run(take)


NAMES = st.text(st.sampled_from("abcXYZ019 _-.[]"), max_size=8)
CONTENTS = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"--", b"--xyz", b"\r\n--xy", b"\x00\xff", b"text", b"-"]),
    max_size=8,
).map(b"".join)


@st.composite
def forms(draw: st.DrawFn) -> list[tuple[str, str | None, str | None, bytes]]:
    number = draw(st.integers(0, 5))
    kinds = st.sampled_from([None, "text/plain", "image/png; a=b", "Application/JSON"])
    return [
        (draw(NAMES), draw(st.none() | NAMES), draw(kinds), draw(CONTENTS.filter(lambda c: b"\r\n--xyz" not in b"\r\n" + c)))
        for _ in range(number)
    ]  # fmt: skip


def written(parts: Sequence[tuple[str, str | None, str | None, bytes]]) -> bytes:
    data = b""
    for name, filename, kind, content in parts:
        names = f'name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        data += f"--xyz\r\nContent-Disposition: form-data; {names}\r\n".encode()
        data += f"Content-Type: {kind}\r\n".encode() if kind is not None else b""
        data += b"\r\n" + content + b"\r\n"
    return data + b"--xyz--\r\n"


@given(forms(), st.lists(st.integers(0, 600), max_size=12))
def test_any_cut_gives_the_parts_that_were_written(
    parts: list[tuple[str, str | None, str | None, bytes]], cuts: list[int]
) -> None:
    data = written(parts)
    found = taken(data, cuts)
    assert [(name, filename, content) for name, filename, _, _, content in found] == [
        (name, filename, content) for name, filename, _, content in parts
    ]
    for (_, filename, kind, _), (_, _, media_type, headers, _) in zip(parts, found, strict=True):
        plain = "text/plain" if filename is None else "application/octet-stream"
        assert media_type == (plain if kind is None else kind.partition(";")[0].lower())
        assert headers.get("content-type") == kind
    # One byte at a time, and with blocks so small that every one of them ends somewhere inside.
    assert taken(data, range(len(data))) == found


@given(forms().filter(bool))
def test_the_standard_library_reads_the_same(parts: list[tuple[str, str | None, str | None, bytes]]) -> None:
    # It takes a lone CR or LF for the end of a line too, so boundaries behind one are not for it.
    parts = [part for part in parts if re.search(rb"[\r\n]--xyz", part[3]) is None]
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    data = written([*parts, ("last", None, None, b"")])
    message = parser.parsebytes(b"Content-Type: multipart/form-data; boundary=xyz\r\n\r\n" + data)
    theirs = [
        (part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
        for part in message.iter_parts()
    ]
    assert [(name, content) for name, *_, content in taken(data, [])] == theirs


JUNK = st.lists(
    st.sampled_from(
        [b"--xyz", b"--xyz--", b"\r\n", b"\n", b"\r", b" ", b":", b"--", b"a", b"\xff", b"\x00",
         b"Content-Disposition: form-data; name=a\r\n", b"Content-Length: 3\r\n", b"\r\n--xyz\r\n"]
    ), max_size=20,
).map(b"".join)  # fmt: skip


@given(JUNK, st.lists(st.integers(0, 200), max_size=8))
@example(b"--xyz\r\n\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--xyz--", [8])
@example(b"abc\r\n--xyz--\r\n", [3])
@example(b"--xyz--\r\nbehind", [7])
def test_broken_forms_are_refused_the_same_however_they_are_cut(junk: bytes, cuts: list[int]) -> None:
    for data in (junk, b"--xyz\r\n" + junk, form(("name=a", junk)), form(("name=a", b""), end=junk)):
        whole = taken(data, [])
        assert whole == taken(data, cuts)
        assert isinstance(whole, list) or whole[0] == 400


@pytest.mark.parametrize("around", range(-8, 9))
def test_an_end_of_a_block_anywhere_about_a_boundary(around: int) -> None:
    data = form(("name=a", b"x" * (BLOCK - 60 + around)), ("name=b", b"y" * BLOCK), end=b"\r\n" * 9)
    found = taken(data, [7, 5000])
    assert [(name, len(content)) for name, _, _, _, content in found] == [
        ("a", BLOCK - 60 + around),
        ("b", BLOCK),
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut short"),
        (b"preamble\r\n--xyz--", "begin with its boundary"),
        (form(("name=a", b"1"))[:-5], "cut short"),
        (b"--xyz\r\n\r\n\r\n--xyz--", "malformed"),
        (b"--xyz\r\nContent-Disposition: form-data; filename=a\r\n\r\n\r\n--xyz--", "no name"),
        (b"--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--xyz--", "malformed"),
        (form(("name=a\r\nX: 1\r\nx: 2", b"")), "twice"),
        (form(("name=a\r\nX: 1\x002", b"")), "control characters"),
        (form(("name=a\r\nX: " + "y" * 5000, b"")), "too long"),
        (form(("name=a" + "".join(f"\r\nX-{n}: 1" for n in range(8)), b"")), "too many"),
        (form(*[("name=a", b"")] * 21), "more than 20 parts"),
    ],
)  # fmt: skip
def test_what_is_refused(data: bytes, words: str) -> None:
    status, detail = taken(data, [])
    assert status == 400
    assert words in detail


@pytest.mark.parametrize("boundary", ["", "a" * 71, "ends in a blank ", 'quote"', "ü", "a\r\nb"])
def test_a_boundary_that_is_none(boundary: str) -> None:
    assert taken(b"", [], boundary)[0] == 400


@trio_test
async def test_fields_and_files(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        found = []
        async for part in req.parts(part_size=10, part_count=3):
            if part.filename is None:
                found.append([part.name, (await part.read()).decode()])
            elif part.name != "dropped":
                found.append([part.name, part.filename, [piece.hex() async for piece in part.stream()]])
        res.json(found)

    body = form(
        ("name=greeting", "grüß".encode()),
        ('name=dropped; filename="a"', b"x" * 100),
        ('name="file"; filename="../ü.bin"', b"\x00\xff"),
    )
    async with Client(dispatch) as client:
        for _ in range(2):
            answer = await client.post("/", body=body, headers=TYPE)
            assert answer.json() == [["greeting", "grüß"], ["file", "../ü.bin", ["00ff"]]]
        for data, kind, status, code in [
            (form(("name=a", b"x" * 11)), None, 413, "part_too_large"),
            (form(*[("name=a", b"")] * 4), None, 400, "invalid_form"),
            (b"--xyz--"[:-1], None, 400, "invalid_form"),
            (body, "multipart/form-data", 400, "invalid_form"),
            (body, "multipart/mixed; boundary=xyz", 415, "unsupported_media_type"),
        ]:
            headers = TYPE if kind is None else {"content-type": kind}
            answer = await client.post("/", body=data, headers=headers)
            assert (answer.status, answer.json()["code"]) == (status, code)


@trio_test
async def test_limits_and_what_may_follow_them(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        found = []
        async for part in req.parts():
            try:
                found.append(len(await part.read(limit=5)))
            except HttpError as error:
                found.append(error.status)
        res.json(found)

    body = form(("name=a", b"12345"), ("name=b", b"123456" * 50_000), ("name=c", b"1"))
    async with Client(dispatch) as client:
        assert (await client.post("/", body=body, headers=TYPE)).json() == [5, 413, 1]
    async with Client(dispatch, config=Config(limits=Limits(body_size=1000))) as client:
        answer = await client.post("/", body=body, headers=TYPE)
        assert (answer.status, answer.json()["code"]) == (413, "body_too_large")


@trio_test
async def test_wrong_use(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        parts = aiter(req.parts())
        with pytest.raises(RequestState, match=r"parts\(\) took the body"):
            await req.read()
        first = await anext(parts)
        assert repr(first) == "<Part 'a'>"
        pieces = first.stream()
        with pytest.raises(RequestState, match="taken already"):
            await first.read()
        second = await anext(parts)
        with pytest.raises(RequestState, match="part 'a' is over"):
            await anext(pieces)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(second.read)
            await wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await anext(parts)
            nursery.cancel_scope.cancel()
        raise HttpError(418, "done")

    body = form(("name=a", b"1" * 10), ("name=b", b"2" * BLOCK * 3))
    async with Client(dispatch) as client:
        stream = client.connect()
        lines = b"Content-Type: multipart/form-data; boundary=xyz", b"Content-Length: %d" % len(body)
        await stream.send_all(head(b"/", *lines, method=b"POST") + body[: BLOCK + 100])
        assert b" 418 " in await stream.receive_some()


@trio_test
async def test_iterators_that_are_over_stay_over(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        assert await req.read()
        parts = aiter(req.parts())
        pieces = (await anext(parts)).stream()
        assert [piece async for piece in pieces] == [b"1"]
        assert [piece async for piece in pieces] == []
        assert [part async for part in parts] == []
        assert [part async for part in parts] == []
        # What was read whole can be taken again.
        assert [part.name async for part in req.parts()] == ["a"]
        res.empty()

    async with Client(dispatch) as client:
        assert (await client.post("/", body=form(("name=a", b"1")), headers=TYPE)).status == 204


@trio_test
async def test_a_cancelled_reader_loses_only_what_it_had(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        size = 0
        parts = aiter(req.parts())
        pieces = (await anext(parts)).stream()
        while True:
            with trio.move_on_after(0.01):
                async for piece in pieces:
                    size += len(piece)
                break
        res.json([size, [part.name async for part in parts]])

    body = form(("name=a", b"1" * BLOCK * 3), ("name=b", b""))
    async with Client(dispatch) as client:
        stream = client.connect()
        lines = b"Content-Type: multipart/form-data; boundary=xyz", b"Content-Length: %d" % len(body)
        await stream.send_all(head(b"/", *lines, method=b"POST"))
        for start in range(0, len(body), 30_000):
            await trio.sleep(0.1)
            await stream.send_all(body[start : start + 30_000])
        answer = await stream.receive_some()
        assert answer.endswith(b'[196608,["b"]]')


@trio_test
async def test_nothing_is_held_but_what_has_just_arrived(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    go_on = trio.Event()

    class Watched(Parts):
        async def _next_block(self) -> bytes:
            block = await super()._next_block()
            held.append(len(block) + len(self._pending))
            return block

    async def dispatch(req: Request, res: Response) -> None:
        req.body_limit = 2**31
        size = 0
        async for part in req.parts():
            await go_on.wait()
            async for piece in part.stream():
                size += len(piece)
        res.json(size)

    monkeypatch.setattr(parts_module, "Parts", Watched)
    sent = 0
    chunk = b"x" * 2**20
    begin, end = form(("name=a; filename=a", b"")).split(b"\r\n\r\n\r\n")
    body = 64 * len(chunk)

    async with Client(dispatch) as client:
        stream = client.connect(capacity=2**16)

        async def send() -> None:
            nonlocal sent
            length = len(begin) + 4 + body + 2 + len(end)
            lines = b"Content-Type: multipart/form-data; boundary=xyz", b"Content-Length: %d" % length
            await stream.send_all(head(b"/", *lines, method=b"POST") + begin + b"\r\n\r\n")
            for _ in range(64):
                await stream.send_all(chunk)
                sent += len(chunk)
            await stream.send_all(b"\r\n" + end)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            assert sent < 2 * len(chunk), "a handler that takes nothing holds its client back"
            go_on.set()
        answer = b""
        while not answer.endswith(b"%d" % body):
            answer += await stream.receive_some()
    assert max(held) < 3 * BLOCK


@trio_test
async def test_the_client_of_tests_writes_forms_as_browsers_do(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        form = await req.form()
        files = [[file.name, file.filename, file.media_type, file.content.decode()] for file in form.files]
        res.json([form.fields, files])

    name = 'qu"ote\r\n'
    async with Client(dispatch) as client:
        answer = await client.post("/", form={name: ["ü", 2], "b": ""}, files={name: (name, b"--\r\n")})
        file = [name, name, "application/octet-stream", "--\r\n"]
        assert answer.json() == [{name: ["ü", "2"], "b": ""}, [file]]
        assert (await client.post("/", files={"a": ("b", b"c")})).json() == [
            {},
            [["a", "b", "application/octet-stream", "c"]],
        ]
