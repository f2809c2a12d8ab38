"""What goes into responses and comes out of requests: files, events, codings, forms, codecs, CORS."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brotli
import pytest
import trio
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test

import gnomon_ingress
from gnomon_ingress import (
    BytesCodec,
    Codecs,
    Config,
    Cors,
    Event,
    FormCodec,
    HttpError,
    JsonCodec,
    MultipartCodec,
    Request,
    Response,
    ResponseState,
    TextCodec,
    make_request,
    static,
)
from gnomon_ingress import _compression as compression
from gnomon_ingress._compression import choose, parse_weights
from gnomon_ingress._files import FileChunks
from gnomon_ingress._forms import parse_form, parse_multipart
from gnomon_ingress._preconditions import byte_range, precondition
from gnomon_ingress.testing import Client


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "public"
    (folder / "sub").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>home</h1>")
    (folder / "sub" / "index.html").write_text("<h1>sub</h1>")
    (folder / "a.txt").write_text("0123456789")
    (folder / "app.mjs").write_text("1")
    (folder / "big.bin").write_bytes(bytes(range(256)) * 2048)
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    return folder


@trio_test
async def test_files(root: Path) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/download":
            await res.file("a.txt", root=root, download_name='Zoë "1".txt', media_type="text/x-own")
            return
        await res.file(req.path, root=root)

    async with Client(dispatch) as client:
        answer = await client.get("/a.txt")
        assert (answer.status, answer.text) == (200, "0123456789")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["accept-ranges"] == "bytes"
        etag, modified = answer.headers["etag"], answer.headers["last-modified"]
        assert (await client.get("/app.mjs")).headers["content-type"].startswith("text/javascript")

        for headers, status, body in [
            ({"if-none-match": etag}, 304, ""),
            ({"if-none-match": f'"x", W/{etag}'}, 304, ""),
            ({"if-none-match": "*"}, 304, ""),
            ({"if-none-match": '"x"'}, 200, "0123456789"),
            ({"if-modified-since": modified}, 304, ""),
            ({"if-modified-since": "Mon, 01 Jan 2001 00:00:00 GMT"}, 200, "0123456789"),
            ({"if-modified-since": "nonsense"}, 200, "0123456789"),
            ({"if-match": etag}, 200, "0123456789"),
            ({"if-match": '"x"'}, 412, None),
            ({"if-unmodified-since": "Mon, 01 Jan 2001 00:00:00 GMT"}, 412, None),
            ({"if-unmodified-since": modified}, 200, "0123456789"),
            ({"range": "bytes=2-4"}, 206, "234"),
            ({"range": "bytes=7-"}, 206, "789"),
            ({"range": "bytes=-3"}, 206, "789"),
            ({"range": "bytes=-30"}, 206, "0123456789"),
            ({"range": "bytes=5-500"}, 206, "56789"),
            ({"range": "bytes=10-"}, 416, None),
            ({"range": "bytes=-0"}, 416, None),
            ({"range": "bytes=4-2"}, 200, "0123456789"),
            ({"range": "bytes=-"}, 200, "0123456789"),
            ({"range": "bytes=0-1,3-4"}, 200, "0123456789"),
            ({"range": "lines=1-2"}, 200, "0123456789"),
            ({"range": "bytes=2-4", "if-range": etag}, 206, "234"),
            ({"range": "bytes=2-4", "if-range": modified}, 206, "234"),
            ({"range": "bytes=2-4", "if-range": '"x"'}, 200, "0123456789"),
        ]:
            answer = await client.get("/a.txt", headers=headers)
            assert answer.status == status, headers
            if body is not None:
                assert answer.text == body, headers
        answer = await client.get("/a.txt", headers={"range": "bytes=2-4"})
        assert answer.headers["content-range"] == "bytes 2-4/10"
        answer = await client.get("/a.txt", headers={"range": "bytes=10-"})
        assert answer.headers["content-range"] == "bytes */10"
        assert (await client.post("/a.txt", headers={"range": "bytes=2-4"})).text == "0123456789"

        answer = await client.get("/big.bin")
        assert answer.body == (root / "big.bin").read_bytes()
        assert answer.headers["content-length"] == "524288"
        answer = await client.head("/big.bin")
        assert answer.headers["content-length"] == "524288"
        answer = await client.get("/big.bin", headers={"range": "bytes=100000-400000"})
        assert answer.body == (root / "big.bin").read_bytes()[100000:400001]
        answer = await client.get("/download")
        assert answer.headers["content-type"] == "text/x-own"
        assert answer.headers["content-disposition"].startswith('attachment; filename="Zo_ _1_.txt"')


@trio_test
async def test_no_path_leaves_its_root(root: Path) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        await res.file(req.path, root=root)

    paths = [
        "/../secret", "/%2e%2e/secret", "/..%2fsecret", "/%2e%2e%2fsecret", "/..%5csecret", "/sub/../../secret", "/link", "/sub",
        "/", "//etc/passwd", "/%2Fetc%2Fpasswd", "/etc/passwd", "/nothing", "/..", "/sub/%2e%2e/%2e%2e/secret",
        "/%252e%252e/secret", "/..%c0%afsecret", "/....//secret", "/a.txt%00.html", "/a.txt/", "/" + "a" * 5000,
    ]  # fmt: skip
    async with Client(dispatch) as client:
        for path in paths:
            answer = await client.get(path)
            assert answer.status in (400, 404), path
            assert b"secret" not in answer.body
        with pytest.raises(HttpError):
            await Response().file("\0", root=root)
        res: Response = Response()
        await res.file("a.txt", root=root)
        assert res.body == b"0123456789"


@trio_test
async def test_a_file_that_shrinks_is_cut(root: Path) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        await res.file("big.bin", root=root)
        os.truncate(root / "big.bin", 300_000)

    async with Client(dispatch) as client:
        with pytest.raises(trio.BrokenResourceError):
            await client.get("/")
    await FileChunks(root / "big.bin", 0, 1).aclose()


@trio_test
async def test_a_stream_keeps_its_promised_length(autojump_clock: MockClock) -> None:
    async def two() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    async def dispatch(req: Request, res: Response) -> None:
        res.stream(two(), length=int(req.path[1:]))
        if req.path != "/2":
            with pytest.raises(ResponseState):
                await res.send()

    async with Client(dispatch) as client:
        assert (await client.get("/2")).body == b"ab"
        with pytest.raises(trio.BrokenResourceError):
            await client.get("/3")
        stream = client.connect()
        await stream.send_all(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
        data = b""
        while piece := await stream.receive_some():
            data += piece
        assert data.endswith(b"\r\n\r\na"), "not a byte more than promised, and the end of the connection"


@trio_test
async def test_static(root: Path) -> None:
    with pytest.raises(NotADirectoryError):
        static(root / "nothing")
    async with Client(static(root)) as client:
        assert (await client.get("/")).text == "<h1>home</h1>"
        assert (await client.get("/sub/")).text == "<h1>sub</h1>"
        assert (await client.get("/nothing")).status == 404
        answer = await client.post("/")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    async with Client(static(root, prefix="/app", fallback="index.html")) as client:
        assert (await client.get("/app/")).text == "<h1>home</h1>"
        assert (await client.get("/app/orders/7")).text == "<h1>home</h1>"
        assert (await client.get("/a.txt")).status == 404


@trio_test
async def test_events(autojump_clock: MockClock) -> None:
    async def ticks(pause: float, count: int) -> AsyncIterator[Any]:
        for number in range(count):
            yield {"n": number} if number else Event(data="a\nb\r\nc\rd", event="e", id="1", retry=2.5)
            await trio.sleep(pause)

    async def failing() -> AsyncIterator[Any]:
        yield "x"
        raise RuntimeError("source")

    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/failing":
            res.events(failing())
            with pytest.raises(RuntimeError):
                await res.send()
        elif req.path == "/endless":
            res.events(ticks(1, 10_000))
        else:
            res.header("cache-control", "private").events(ticks(5, 3), heartbeat=2)

    async with Client(dispatch) as client:
        answer = await client.get("/")
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "private"
        text = answer.text
        assert text.startswith("event: e\nid: 1\nretry: 2500\ndata: a\ndata: b\ndata: c\ndata: d\n\n")
        assert 'data: {"n":1}\n\n' in text
        assert text.count(":\n\n") in (6, 7)
        with pytest.raises(trio.BrokenResourceError):
            await client.get("/failing")
        stream = client.connect()
        await stream.send_all(b"GET / HTTP/1.0\r\n\r\n")
        data = b""
        while piece := await stream.receive_some():
            data += piece
        assert data.endswith(b":\n\n")
        async with client.stream("GET", "/endless") as answer_:
            assert answer_.headers["cache-control"] == "no-store"
            await trio.sleep(20)
            client.server.drain()
            rest = await answer_.read()
        assert rest.count(b"data: {") >= 19, "and a clean end"


@trio_test
async def test_events_whose_client_leaves(autojump_clock: MockClock) -> None:
    ended = trio.Event()

    async def silent() -> AsyncIterator[Any]:
        try:
            await trio.sleep_forever()
            yield "never"
        finally:
            ended.set()

    async def dispatch(req: Request, res: Response) -> None:
        req.bind_abort(lambda reason: None)
        res.events(silent(), heartbeat=1)

    async with Client(dispatch, config=Config(half_close=True)) as client:
        async with client.stream("GET", "/"):
            pass
        with trio.fail_after(60):
            await ended.wait()


def test_events_fit_on_their_lines() -> None:
    for options in ({"event": "a\nb"}, {"id": "a\r"}, {"id": "a\0"}):
        with pytest.raises(ValueError, match="one line"):
            Event(data=1, **options).encode()


@trio_test
async def test_ndjson(autojump_clock: MockClock) -> None:
    class Items:
        def __init__(self) -> None:
            self.left = 2

        def __aiter__(self) -> Items:
            return self

        async def __anext__(self) -> Any:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return {"left": self.left}

    async def dispatch(req: Request, res: Response) -> None:
        res.ndjson(Items())

    async with Client(dispatch) as client:
        answer = await client.get("/")
        assert answer.text == '{"left":1}\n{"left":0}\n'
        assert answer.headers["content-type"] == "application/x-ndjson"


@trio_test
async def test_entity_tags(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.etag("v1", weak=req.path == "/weak").json({"big": 1})

    async with Client(dispatch) as client:
        assert (await client.get("/")).headers["etag"] == '"v1"'
        for path in ("/", "/weak"):
            answer = await client.get(path, headers={"if-none-match": '"v1"'})
            assert (answer.status, answer.body) == (304, b"")
            assert (await client.get(path, headers={"if-none-match": '"v2"'})).status == 200
            assert (await client.post(path, headers={"if-none-match": '"v1"'})).status == 200


DECODERS = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@trio_test
async def test_compression() -> None:
    text = "words and words " * 100

    async def dispatch(req: Request, res: Response) -> None:
        match req.path:
            case "/png":
                res.bytes(text.encode(), media_type="image/png")
            case "/done":
                res.header("content-encoding", "gzip").text(text)
            case "/no":
                res.header("cache-control", "no-transform").text(text)
            case "/small":
                res.text("words")
            case "/tag":
                res.etag("v1").text(text)
            case "/weak":
                res.etag("v1", weak=True).text(text)
            case "/large":
                res.text(text * 50)
            case "/error":
                raise HttpError(404, "x", text)
            case _:
                res.text(text)

    async with Client(dispatch, config=Config(compress_from=100)) as client:
        for accept, coding in [
            ("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("gzip, br", "br"), ("gzip, br;q=0.5", "gzip"), ("*", "br"),
            ("br;q=0, *", "zstd"), ("GZIP", "gzip"), ("gzip;q=1.0", "gzip"),
        ]:  # fmt: skip
            answer = await client.get("/", headers={"accept-encoding": accept})
            assert answer.headers["content-encoding"] == coding, accept
            assert DECODERS[coding](answer.body).decode() == text
            assert answer.headers["vary"] == "Accept-Encoding"
            assert int(answer.headers["content-length"]) == len(answer.body)
        for accept in ("", "identity", "deflate", "gzip;q=0", "gzip;q=x", "gzip;q=2", "identity, gzip;q=0.5"):
            answer = await client.get("/", headers={"accept-encoding": accept})
            assert "content-encoding" not in answer.headers, accept
            assert answer.headers["vary"] == "Accept-Encoding"
        gz = {"accept-encoding": "gzip"}
        for path in ("/png", "/small", "/no"):
            assert "content-encoding" not in (await client.get(path, headers=gz)).headers
        assert (await client.get("/done", headers=gz)).text == text
        assert (await client.get("/tag", headers=gz)).headers["etag"] == 'W/"v1"'
        assert (await client.get("/weak", headers=gz)).headers["etag"] == 'W/"v1"'
        assert (await client.get("/tag", headers={**gz, "if-none-match": 'W/"v1"'})).status == 304
        assert gzip.decompress((await client.get("/error", headers=gz)).body)
        with trio.fail_after(60):
            large = await client.get("/large", headers=gz)
        assert gzip.decompress(large.body).decode() == text * 50
        assert (await client.head("/", headers=gz)).headers["content-encoding"] == "gzip"
    async with Client(dispatch) as client:
        assert "content-encoding" not in (await client.get("/", headers={"accept-encoding": "gzip"})).headers


def test_codings_without_their_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(compression.importlib, "import_module", missing)
    assert list(compression.available()) == ["gzip"]


@given(st.text(max_size=40))
def test_weights_never_fail(text: str) -> None:
    assert all(0 <= weight <= 1 for weight in parse_weights(text).values())
    choose(text, {"gzip": zlib.compress})


FORM = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="../f.png"\r\nContent-Type: image/png\r\n\r\n\x00\xff\r\n'
    b'--x\r\nContent-Disposition: form-data; name="g"; filename="g"\r\n\r\n\r\n--x--\r\n'
)


@trio_test
async def test_forms(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        form = await req.form()
        files = [[f.name, f.filename, f.media_type, f.content.hex()] for f in form.files]
        res.json({"fields": form.fields, "files": files})

    async with Client(dispatch) as client:
        answer = await client.post("/", form={"a": ["1", "2"], "b": "ü"})
        assert answer.json() == {"fields": {"a": ["1", "2"], "b": "ü"}, "files": []}
        multipart = {"content-type": "multipart/form-data; boundary=x"}
        answer = await client.post("/", body=FORM, headers=multipart)
        assert answer.json() == {
            "fields": {"a": ["1", "2"]},
            "files": [["f", "../f.png", "image/png", "00ff"], ["g", "g", "application/octet-stream", ""]],
        }
        for body, kind, status in [
            (b"a=%ff", "application/x-www-form-urlencoded", 400),
            (b"\xff", "application/x-www-form-urlencoded", 400),
            (b"&".join([b"a=1"] * 1001), "application/x-www-form-urlencoded", 400),
            (FORM[:-10], "multipart/form-data; boundary=x", 400),
            (FORM, "multipart/form-data; boundary=y", 400),
            (FORM, "multipart/form-data", 400),
            (FORM.replace(b"1\r\n", b"\xff\r\n"), "multipart/form-data; boundary=x", 400),
            (b"--x\r\nX: " + b"y" * 9000, "multipart/form-data; boundary=x", 400),
            (b"{}", "application/json", 415),
        ]:
            assert (await client.post("/", body=body, headers={"content-type": kind})).status == status, kind


@given(st.binary(max_size=200))
def test_broken_forms_are_refused_and_nothing_else(data: bytes) -> None:
    for parse in (lambda: parse_multipart(b"--x\r\n" + data, "x"), lambda: parse_form(data)):
        try:
            parse()
        except HttpError as error:
            assert error.status == 400


@trio_test
async def test_codecs(autojump_clock: MockClock) -> None:
    codecs = Codecs()

    async def dispatch(req: Request, res: Response) -> None:
        value = await codecs.decode(req)
        codecs.encode(getattr(value, "fields", value), req, res)

    async with Client(dispatch) as client:
        for body, kind, accept, status, text in [
            (b'{"a":1}', "application/json", None, 200, '{"a":1}'),
            (b'{"a":1}', "application/json; charset=UTF-8", "*/*", 200, '{"a":1}'),
            (b'{"a":1}', "application/vnd.x+json", "application/*", 200, '{"a":1}'),
            (b'{"a":1}', "application/json; charset=latin-1", None, 415, None),
            (b'{"a":1}', "application/json", "text/html", 406, None),
            (b'{"a":1}', "application/json", "text/plain", 406, None),
            (b'"t"', "application/json", "text/plain", 200, "t"),
            (b"t\xfc", "text/plain; charset=latin-1", "text/plain;q=0.9, application/json;q=0.1", 200, "tü"),
            (b"t\xfc", "text/plain", None, 400, None),
            (b"t", "text/plain; charset=klingon", None, 415, None),
            (b"abc", "application/octet-stream", None, 200, "abc"),
            (b"a=1", "application/x-www-form-urlencoded", None, 200, '{"a":"1"}'),
            (FORM, "multipart/form-data; boundary=x", None, 200, '{"a":["1","2"]}'),
            (b"<a/>", "application/xml", None, 415, None),
            (b"x", "", None, 415, None),
        ]:
            headers = {"content-type": kind} | ({"accept": accept} if accept else {})
            answer = await client.post("/", body=body, headers=headers)
            assert answer.status == status, (kind, accept, answer.body)
            if text is not None:
                assert answer.text == text
                assert answer.headers["vary"] == "Accept"
            if status == 415 and "klingon" not in kind:
                assert "accept" in answer.headers
    for codec in (FormCodec(), MultipartCodec(), TextCodec(), BytesCodec()):
        with pytest.raises(TypeError):
            codec.encode({})
    with pytest.raises(HttpError):
        await Codecs([TextCodec()]).decode(make_request(headers={"content-type": "a/b+json"}))
    assert JsonCodec().encode([1]) == b"[1]"


@trio_test
async def test_cors(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/error":
            raise HttpError(404, "x")
        res.text("ok")

    good, evil = {"origin": "https://a.example"}, {"origin": "https://a.example.evil"}
    asks = {"access-control-request-method": "PUT", "access-control-request-headers": "content-type"}
    cors = Cors(["https://a.example"], credentials=True, expose=["x-total"], max_age=60)
    async with Client(cors.wrap(dispatch)) as client:
        for path in ("/", "/error"):
            answer = await client.get(path, headers=good)
            assert answer.headers["access-control-allow-origin"] == "https://a.example"
            assert answer.headers["access-control-allow-credentials"] == "true"
            assert answer.headers["access-control-expose-headers"] == "x-total"
            assert answer.headers["vary"] == "Origin"
        for headers in (evil, {}, {"origin": "null"}):
            answer = await client.get("/", headers=headers)
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["vary"] == "Origin"
        answer = await client.options("/", headers=good | asks)
        assert answer.status == 204
        assert answer.headers["access-control-allow-methods"] == "DELETE, GET, HEAD, PATCH, POST, PUT"
        assert answer.headers["access-control-allow-headers"] == "content-type"
        assert answer.headers["access-control-max-age"] == "60"
        answer = await client.options("/", headers=evil | asks)
        assert (answer.status, "access-control-allow-origin" in answer.headers) == (204, False)
        assert (await client.options("/", headers=good)).text == "ok"
    async with Client(Cors("*", headers=()).wrap(dispatch)) as client:
        answer = await client.get("/", headers=evil)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "vary" not in answer.headers
        answer = await client.options("/", headers=good | asks)
        assert "access-control-allow-headers" not in answer.headers
    async with Client(Cors(lambda origin: origin.endswith(".example")).wrap(dispatch)) as client:
        assert "access-control-allow-origin" in (await client.get("/", headers=good)).headers
        assert "access-control-allow-origin" not in (await client.get("/", headers=evil)).headers
    with pytest.raises(ValueError, match="credentials"):
        Cors("*", credentials=True)
    for origin in ("https://a.example/", "a.example", "https://"):
        with pytest.raises(ValueError, match="not an origin"):
            Cors([origin])


def test_preconditions_of_what_has_no_validators() -> None:
    headers = make_request(headers={"if-match": "*"}).headers
    assert precondition("GET", headers, etag=None, modified=None) == 412
    headers = make_request(headers={"if-none-match": '"a"'}).headers
    assert precondition("GET", headers, etag=None, modified=None) is None
    assert precondition("PUT", headers, etag='"a"', modified=None) == 412
    headers = make_request(headers={"if-unmodified-since": "Mon, 01 Jan 2001 00:00:00 GMT"}).headers
    assert precondition("GET", headers, etag=None, modified=None) is None
    headers = make_request(headers={"if-modified-since": "Mon, 01 Jan 2001 00:00:00 -0000"}).headers
    assert precondition("GET", headers, etag=None, modified=datetime(2000, 1, 1, tzinfo=UTC)) == 304


@given(st.binary(max_size=20).map(lambda b: b.decode("latin-1")), st.integers(0, 30))
def test_ranges_stay_inside(text: str, size: int) -> None:
    headers = make_request().headers
    headers = gnomon_ingress.Headers([(b"range", b"bytes=" + text.encode("latin-1"))])
    try:
        chosen = byte_range(headers, size, etag='"a"', modified=datetime(2000, 1, 1, tzinfo=UTC))
    except ValueError:
        return
    assert chosen is None or 0 <= chosen[0] < chosen[1] <= size


def test_weights_with_other_parameters() -> None:
    assert parse_weights("a;level=1;q=0.5") == {"a": 0.5}
