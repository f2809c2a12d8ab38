"""What strangers try: dates, links, names and fields that nobody sends, and the attacks that others had to mend."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st
from ingress_support import answers, echo, everything, head
from trio.testing import MockClock, trio_test

from gnomon_ingress import (
    Config,
    Headers,
    HttpError,
    InvalidHeader,
    Request,
    Response,
    Server,
    asgi,
    mount,
    static,
)
from gnomon_ingress._preconditions import byte_range, precondition
from gnomon_ingress.testing import Client

NOW = datetime.now(UTC)
DATES = st.lists(
    st.sampled_from(
        ["Mon, ", "01 ", "Jan ", "2001 ", "00:00:00 ", "GMT", "+9999999999999999", "-2400", "99999999", "+", " ", ",", ":", "1e9", "٣"]
    ), max_size=8,
).map("".join)  # fmt: skip


@given(DATES | st.text(max_size=30))
@example("Mon, 01 Jan 2001 00:00:00 +99999999999999")
@example("Mon, 01 Jan 0000 00:00:00 GMT")
def test_no_date_of_a_client_is_a_failure_of_ours(text: str) -> None:
    value = text.encode("utf-8", "replace")
    for name in (b"if-modified-since", b"if-unmodified-since"):
        assert precondition("GET", Headers([(name, value)]), etag=None, modified=NOW) in (None, 304, 412)
    headers = Headers([(b"range", b"bytes=0-1"), (b"if-range", value)])
    assert byte_range(headers, 10, etag='"a"', modified=NOW) in (None, (0, 2))


@trio_test
async def test_links_that_lead_in_circles_and_files_nobody_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "there").symlink_to(tmp_path / "back")
    (tmp_path / "back").symlink_to(tmp_path / "there")
    (tmp_path / "closed").write_text("closed")
    (tmp_path / "inside").symlink_to(tmp_path / "closed")
    os.mkfifo(tmp_path / "fifo")

    async def dispatch(req: Request, res: Response) -> None:
        await res.file(req.path, root=tmp_path)

    async with Client(dispatch) as client:
        assert (await client.get("/inside")).text == "closed"
        # Not through its permissions: tests that run as root may read everything.
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        for path in ("/loop", "/there", "/back", "/loop/deeper", "/fifo", "/closed"):
            answer = await client.get(path)
            assert (answer.status, answer.json()["code"]) == (404, "no_such_file"), path


@trio_test
async def test_an_error_with_a_field_that_cannot_go_out_is_answered(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        name = req.path.removeprefix("/")
        raise HttpError(400, "mistaken", headers={name: "a\r\nset-cookie: b=c"})

    for served in (dispatch, mount("/", asgi(dispatch))):
        caplog.clear()
        async with Client(served) as client:
            for path in ("/x-y", "/connection", "/content-length", "/a b"):
                answer = await client.get(path.replace(" ", "%20"))
                assert (answer.status, answer.json()["code"]) == (500, "internal_error")
                assert "set-cookie" not in answer.headers
        assert len(caplog.records) == 4


@pytest.mark.parametrize("name", ["__Host-a", "__host-a", "__HOST-a", "__Secure-a", "__SECURE-a"])
def test_prefixes_of_cookies_in_any_case(name: str) -> None:
    with pytest.raises(InvalidHeader, match="must be secure"):
        Response().cookie(name, "b", secure=False)
    Response().cookie(name, "b")
    if "host" in name.lower():
        for wrong in ({"path": "/a"}, {"path": None}, {"domain": "a.example"}):
            with pytest.raises(InvalidHeader, match="path='/'"):
                Response().cookie(name, "b", **wrong)  # type: ignore[arg-type]


BROKEN = ["a\r\nX: y", "a\nb", "a\rb", "a\0", "\x7f", " a", "a ", "ü€", "a\x0bb", "\ud800"]


@pytest.mark.parametrize("value", BROKEN)
def test_nothing_of_a_response_breaks_out_of_its_head(value: str) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        yield b""

    attempts: list[Any] = [
        lambda res: res.header("x", value),
        lambda res: res.header(value, "x"),
        lambda res: res.headers.add("x", value),
        lambda res: res.headers.__setitem__("x", value),
        lambda res: res.headers.setdefault("x", value),
        lambda res: res.headers.update({"x": value}),
        lambda res: res.headers.update({value: "x"}),
        lambda res: res.cookie(value, "x"),
        lambda res: res.cookie("x", value),
        lambda res: res.cookie("x", "y", path=value.strip() + "\n"),
        lambda res: res.cookie("x", "y", domain=value.strip() + "\n"),
        lambda res: res.cookie("x", "y", same_site=value),
        lambda res: res.cookie("x", "y", same_site="lax; Domain=evil"),
        lambda res: res.redirect(value),
        lambda res: res.etag(value.strip() + "\n"),
        lambda res: res.text("", media_type=value),
        lambda res: res.bytes(b"", media_type=value),
        lambda res: res.stream(nothing(), media_type=value),
        lambda res: res.problem(400, code="x", headers={"x": value}),
        lambda res: res.problem(400, code="x", headers={value: "x"}),
    ]
    for number, attempt in enumerate(attempts):
        res: Response = Response()
        with pytest.raises(InvalidHeader):
            attempt(res)
        assert "\n" not in "".join(f"{name}{value}" for name, value in res.headers.lines()), number


@trio_test
async def test_what_goes_with_compression(autojump_clock: MockClock, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 3000)

    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/file":
            await res.file("a.txt", root=tmp_path)
        else:
            res.etag("t").text("y" * 3000)

    async with Client(dispatch, config=Config(compress_from=1000)) as client:
        for path in ("/file", "/"):
            gzip = {"accept-encoding": "gzip"}
            whole = await client.get(path, headers=gzip)
            assert whole.headers["content-encoding"] == "gzip"
            assert whole.headers["etag"].startswith("W/")
            assert "accept-ranges" not in whole.headers, "ranges would be those of another body"
            # RFC 9110, section 15.4.5: what a 200 would have said of caching, a 304 says too.
            for known in (whole.headers["etag"], whole.headers["etag"].removeprefix("W/"), "*"):
                answer = await client.get(path, headers={**gzip, "if-none-match": known})
                assert (answer.status, answer.body, answer.headers["vary"]) == (304, b"", "Accept-Encoding")
                assert answer.headers["etag"] == whole.headers["etag"].removeprefix(
                    "" if known[0] == "W" else "W/"
                )
            answer = await client.head(path, headers=gzip)
            assert answer.headers["content-length"] == str(len(whole.body))
            assert answer.headers["content-encoding"] == "gzip"
        part = await client.get("/file", headers={"accept-encoding": "gzip", "range": "bytes=0-1999"})
        assert (part.status, part.body, part.headers["vary"]) == (206, b"x" * 2000, "Accept-Encoding")
        assert "content-encoding" not in part.headers


@trio_test
async def test_statuses_without_content(autojump_clock: MockClock) -> None:
    async def something() -> AsyncIterator[bytes]:
        yield b"something"

    async def dispatch(req: Request, res: Response) -> None:
        res.status(int(req.query_string))
        if req.path == "/stream":
            res.stream(something())
        else:
            res.header("x", "y").json({"some": "thing"})

    for config in (Config(), Config(compress_from=1)):
        async with Client(dispatch, config=config) as client:
            for status in (204, 205, 304):
                for path in ("/", "/stream"):
                    stream = client.connect()
                    target = f"{path}?{status}".encode()
                    await stream.send_all(head(target) + head(target, b"Connection: close"))
                    data = await everything(stream)
                    assert data.count(b"HTTP/1.1 %d" % status) == 2
                    assert b"some" not in data
                    assert b"transfer-encoding" not in data
                    assert data.count(b"content-length: 0\r\n") == (2 if status == 205 else 0)


#: Attacks that other servers and parsers had to mend; the request that would be smuggled asks for /smuggled.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
ATTACKS = {
    "a length with a sign (CVE-2022-24761, CVE-2023-47627)": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +36\r\n\r\n",
    "a length with a vertical tab (CVE-2019-16789)": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\x0b36\r\n\r\n",
    "a coding with a vertical tab (CVE-2019-16789)":
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a list of codings (CVE-2019-16786, CVE-2024-1135)":
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "chunked and then another (CVE-2024-6827)":
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gunicorn\r\n\r\n0\r\n\r\n",
    "both lengths, one of them twice (CVE-2019-16792)":
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 36\r\n\r\n",
    "a chunk size in C (CVE-2022-24761)": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a chunk whose end is not one (CVE-2025-43859)":
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nAAAAAXX2\r\n45\r\n0\r\n\r\n",
    "a line that ends in CR alone (CVE-2023-30589)":
        b"POST / HTTP/1.1\r\nHost: a\r\nX:\rContent-Length: 36\r\n\r\n",
    "a head that ends in CR and something (CVE-2025-23167)": b"GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n",
    "a field that begins with a blank (CVE-2024-27982)": b"GET / HTTP/1.1\r\nHost: a\r\n Content-Length: 36\r\n\r\n",
    "a blank before the colon (CVE-2019-15605)":
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "a coding over two fields (CVE-2022-32215)":
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding over two lines (CVE-2022-32215)":
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a bare LF in a chunk extension":
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n",
    "a bare LF ends a chunk": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n",
    "an endless chunk extension (CVE-2024-22019)":
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 100_000,
    "a NUL in a name (CVE-2025-22871)": b"GET / HTTP/1.1\r\nHost: a\r\nContent-\x00Length: 36\r\n\r\n",
    "an expectation that is hidden":
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: y 100-continue\r\nContent-Length: 36\r\n\r\n",
    "a version that is a fraction (CVE-2023-47641)":
        b"POST / HTTP/1.1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks on 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a trailer that is none (CVE-2025-53643)":
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_that_others_had_to_mend(name: str) -> None:
    server = Server(echo)
    data = ATTACKS[name] + SMUGGLED
    whole = trio.run(answers, server, [data])
    assert b"/smuggled" not in whole
    assert whole.count(b"HTTP/1.1 ") == 1
    assert whole[9:12] in (b"400", b"417", b"501", b"505")
    if len(data) < 1000:
        for cut in range(1, len(data)):
            assert trio.run(answers, server, [data[:cut], data[cut:]]) == whole


UPWARDS = [
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "%252e%252e",
    "..%00",
    "..;",
    "%c0%ae%c0%ae",
    "%u002e%u002e",
    "..%09",
    "。。",
]
SLASHES = ["/", "%2f", "%2F", "%252f", "\\", "%5c", "%255c", "//", "/./", "%c0%af"]


@pytest.mark.parametrize("prefix", ["/", "/app"])
def test_nothing_beside_a_served_folder_is_served(prefix: str, tmp_path: Path) -> None:
    folder = tmp_path / "public"
    (folder / "sub").mkdir(parents=True)
    (folder / "index.html").write_text("home")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "public-too").mkdir()
    (tmp_path / "public-too" / "secret").write_text("secret")
    (folder / "out").symlink_to(tmp_path)
    (folder / "sub" / "up").symlink_to("../../public-too")

    @trio_test
    async def test() -> None:
        start = prefix.rstrip("/")
        paths = [
            f"{start}{first}{up}{slash}{rest}"
            for up in UPWARDS
            for slash in SLASHES
            for first, rest in (
                ("/", "secret"),
                ("/sub/", f"{up}{slash}secret"),
                ("//", f"public-too{slash}secret"),
            )
        ]
        paths += [
            start + path
            for path in (
                "/out/secret",
                "/sub/up/secret",
                "-too/secret",
                "/sub/up",
                "/out",
                f"/{tmp_path}/secret",
            )
        ]
        async with Client(static(folder, prefix=prefix)) as client:
            for path in paths:
                stream = client.connect()
                await stream.send_all(head(path.encode(), b"Connection: close"))
                assert (await everything(stream))[9:12] in (b"400", b"404"), path
        async with Client(static(folder, prefix=prefix, fallback="index.html")) as client:
            assert (await client.get(f"{start}/%2e%2e/secret")).text == "home"

    test()
