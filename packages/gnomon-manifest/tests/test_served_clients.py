"""Generated clients against an application that is served over a socket: streams, bytes, text, abort, typed errors."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import types
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from gnomon import App
from gnomon_manifest import Manifest, build, check, openapi, python_client, typescript_client

SOURCE = '''
from collections.abc import AsyncIterator
from typing import Annotated, Literal, NotRequired, TypedDict
import trio
from annotated_types import Ge
from gnomon import HttpError, Request, Response, get, post
from gnomon_ingress import Event

class Item(TypedDict):
    number: int
    text: str

class Flat(TypedDict):
    name: str
    tags: list[str]
    age: NotRequired[Annotated[int, Ge(0)]]

class Search(TypedDict):
    limit: NotRequired[Annotated[int, Ge(0)]]

class Trace(TypedDict):
    x_trace: NotRequired[str]

CLOSED = []
TEXT = "a\\u2028b\\r\\nc"

async def items(count):
    try:
        for number in range(count):
            yield {"number": number, "text": TEXT}
            await trio.sleep(0)
    finally:
        CLOSED.append(count)

@get("/lines/{count:int}")
async def lines(req, res: Response[AsyncIterator[Item]], lctx, gctx):
    """Items, one in a line."""
    if req.params["count"] < 0:
        raise HttpError(404, "none", "there is nothing")
    res.ndjson(items(req.params["count"]))

@get("/events/{count:int}")
async def events(req, res: Response[AsyncIterator[Item]], lctx, gctx):
    res.events(items(req.params["count"]))

async def endless():
    try:
        number = 0
        while True:
            yield Event(data={"number": number, "text": ""}, id=str(number))
            number += 1
            await trio.sleep(0.01)
    finally:
        CLOSED.append("endless")

@get("/endless")
async def watch(req, res: Response[AsyncIterator[Item]], lctx, gctx):
    res.events(endless())

async def words_of():
    for word in ("plain", "12", '"quoted"', "two\\nlines", "null", ""):
        yield word

@get("/words")
async def words(req, res: Response[AsyncIterator[str]], lctx, gctx):
    res.events(words_of())

async def pieces():
    for piece in (b"\\x00\\xff", b"\\r\\n", b"end"):
        yield piece
        await trio.sleep(0)

@get("/pieces")
async def chunks(req, res: Response[AsyncIterator[bytes]], lctx, gctx):
    res.stream(pieces())

@post("/echo")
async def echo(req: Request[bytes], res: Response[bytes], lctx, gctx):
    res.header("x-type", req.headers.get("content-type", "none"))
    res.bytes(req.body, media_type="image/png")

@get("/page")
async def page(req: Request[None, Search, Trace], res: Response[str], lctx, gctx):
    res.text(f"{req.query.get('limit')} {req.headers_typed.get('x_trace')}")

@post("/form")
async def form(req: Request[Flat], res: Response[Flat], lctx, gctx):
    res.json(req.body)
'''


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("source")
    (folder / "streams_service.py").write_text(SOURCE, encoding="utf-8")
    found = build(folder)
    assert found.findings == ()
    assert check(folder) == ()
    return found


@pytest.fixture(scope="module")
def service(manifest: Manifest) -> types.ModuleType:
    return sys.modules[manifest.handlers[0].module]


@asynccontextmanager
async def serving(module: types.ModuleType) -> AsyncIterator[str]:
    """The address of the application, on a free port of loopback."""
    async with trio.open_nursery() as nursery:
        yield await nursery.start(App(module).serve, "127.0.0.1", 0)
        nursery.cancel_scope.cancel()


def loaded(manifest: Manifest) -> Any:
    module = types.ModuleType("client")
    exec(compile(python_client(manifest), "client.py", "exec"), vars(module))
    return module


TEXT = "a\u2028b\r\nc"
WORDS = ["plain", "12", '"quoted"', "two\nlines", "null", ""]


def expected(count: int) -> list[Any]:
    return [{"number": number, "text": TEXT} for number in range(count)]


# httpx leaves the generators that it is made of to the collector when a stream is left early
@pytest.mark.filterwarnings("ignore:Async generator .http:ResourceWarning")
def test_the_async_client_iterates_and_closes(manifest: Manifest, service: Any) -> None:
    client_module = loaded(manifest)

    async def run() -> None:
        async with serving(service) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
            client = client_module.AsyncClient(http)
            for call in (client.lines, client.events):
                async with call(count=3) as items:
                    assert [item async for item in items] == expected(3)
            async with client.words() as words:
                assert [word async for word in words] == WORDS
            async with client.chunks() as chunks:
                assert b"".join([chunk async for chunk in chunks]) == b"\x00\xff\r\nend"
            service.CLOSED.clear()
            async with client.watch() as events:
                async for event in events:
                    if event["number"] == 2:
                        break
            with trio.fail_after(60):
                while service.CLOSED != ["endless"]:
                    await trio.sleep(0.01)
            with pytest.raises(client_module.ProblemError) as caught:
                async with client.lines(count=-1):
                    raise AssertionError("there is no stream")
            assert (caught.value.status, caught.value.problem["code"]) == (404, "none")
            assert await client.echo(b"\x00\xff") == b"\x00\xff"

            async def parts() -> AsyncIterator[bytes]:
                yield b"a"
                yield b"b"

            assert await client.echo(parts(), content_type="text/x") == b"ab"
            assert await client.echo() == b""
            assert await client.page(query={"limit": 3}, headers={"x_trace": "t"}) == "3 t"

    trio.run(run)
    gc.collect()


def test_the_blocking_client_iterates_and_closes(manifest: Manifest, service: Any) -> None:
    client_module = loaded(manifest)

    def use(url: str) -> None:
        with httpx.Client(base_url=url, timeout=10) as http:
            client = client_module.Client(http)
            for call in (client.lines, client.events):
                with call(count=3) as items:
                    assert list(items) == expected(3)
            with client.words() as words:
                assert list(words) == WORDS
            with client.chunks() as chunks:
                assert b"".join(chunks) == b"\x00\xff\r\nend"
            with client.watch() as events:
                assert next(events)["number"] == 0
                assert next(events)["number"] == 1

            def parts() -> Iterator[bytes]:
                yield b"a"
                yield b"b"

            assert client.echo(parts()) == b"ab"
            with pytest.raises(client_module.ProblemError), client.lines(count=-1):
                raise AssertionError("there is no stream")

    async def run() -> None:
        async with serving(service) as url:
            await trio.to_thread.run_sync(use, url)

    trio.run(run)


def test_lines_and_events_are_found_however_they_arrive(manifest: Manifest) -> None:
    """Every cut of what arrives gives the same items."""
    client_module = loaded(manifest)
    events = b'data: {"a":1}\r\n\r\n:\n\nid: 7\rdata:x\rdata\rdata:  y\r\revent: e\n\ndata: cut'
    lines = b'{"a":\r1}\r\n\n[1]\n"\xe2\x80\xa8"'
    for media, data, wanted in (
        ("text/event-stream", events, [{"a": 1}, "x\n\n y"]),
        ("application/x-ndjson", lines, [{"a": 1}, [1], "\u2028"]),
    ):
        for size in range(1, len(data) + 1):
            items = client_module._Items(media, "any")
            found = [
                item for start in range(0, len(data), size) for item in items.feed(data[start : start + size])
            ]
            assert [*found, *items.finish()] == wanted, size


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('"1"', "text", '"1"'),
        ('"1"', "string", "1"),
        ("1", "string", "1"),
        ("a", "string", "a"),
        ("1", "any", 1),
        ("a", "any", "a"),
        ("1", "json", 1),
    ],
)
def test_the_text_of_an_item(manifest: Manifest, text: str, kind: str, value: Any) -> None:
    client_module = loaded(manifest)
    assert client_module._item(text, kind) == value
    with pytest.raises(ValueError, match="Expecting value"):
        client_module._item("a", "json")


USE_PYTHON = """
from client import AsyncClient, Client, Item

def use(client: Client) -> int:
    with client.lines(count=1) as items:
        for item in items:
            number: int = item["number"]
            text: int = item["text"]  # type: ignore[assignment]
    data: bytes = client.echo(b"a")
    client.echo("a")  # type: ignore[arg-type]
    page: str = client.page()
    return number + text

async def later(client: AsyncClient) -> list[Item]:
    async with client.watch() as events:
        return [event async for event in events]
"""


def test_the_python_client_is_typed(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(python_client(manifest), encoding="utf-8")
    (tmp_path / "use.py").write_text(USE_PYTHON, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "client.py", "use.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


PROGRAM = """
import { Client, Errors, Item, ProblemError } from "./client";
declare const process: { argv: string[] };
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
async function main(): Promise<unknown> {
  const client = new Client({ baseUrl: process.argv[2] ?? "" });
  const lines: Item[] = await all(client.lines({ params: { count: 2 } }));
  const events: Item[] = await all(client.events({ params: { count: 2 } }));
  const words: string[] = await all(client.words());
  const chunks: Uint8Array[] = await all(client.chunks());
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  const left: number[] = [];
  for await (const event of client.watch()) {
    left.push(event.number);
    if (event.number === 1) break;
  }
  const aborted: string[] = [];
  const controller = new AbortController();
  try {
    for await (const event of client.watch({ signal: controller.signal })) {
      if (event.number === 1) controller.abort();
    }
  } catch (error) {
    aborted.push((error as Error).name);
  }
  const early = new AbortController();
  early.abort();
  await client.page({ signal: early.signal }).catch((error: Error) => aborted.push(error.name));
  let problem: unknown = null;
  try {
    await all(client.lines({ params: { count: -1 } }));
  } catch (error) {
    if (error instanceof ProblemError) {
      const typed = error as Errors["lines"];
      problem = [typed.status, typed.problem.code];
    }
  }
  const data = new Uint8Array([0, 255]);
  const echoed: Blob = await client.echo({ body: data });
  const typed = await client.echo({ body: new Blob([data], { type: "text/x" }) });
  const stream = new ReadableStream<Uint8Array>({
    start(controller) { controller.enqueue(data); controller.close(); },
  });
  const streamed = await client.echo({ body: stream, contentType: "a/b" });
  const sizes = [echoed.size, typed.size, streamed.size, (await client.echo()).size];
  const page: string = await client.page({ query: { limit: 3 }, headers: { x_trace: "t" } });
  return { lines, events, words, bytes, left, aborted, problem, kind: echoed.type, sizes, page };
}
main().then((found) => console.log(JSON.stringify(found)));
"""


def test_the_typescript_client_runs(
    manifest: Manifest, service: Any, tmp_path: Path, node: str, tsc: list[str]
) -> None:
    (tmp_path / "client.ts").write_text(typescript_client(manifest), encoding="utf-8")
    (tmp_path / "use.ts").write_text(PROGRAM, encoding="utf-8")
    options = [
        "--strict",
        "--erasableSyntaxOnly",
        "--exactOptionalPropertyTypes",
        "--noUncheckedIndexedAccess",
    ]
    options += ["--target", "es2022", "--lib", "es2022,dom,dom.asynciterable", "--module", "commonjs"]
    done = subprocess.run(
        [*tsc, *options, "use.ts"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout

    async def run() -> Any:
        service.CLOSED.clear()
        async with serving(service) as url:
            command = [node, "use.js", url]
            done = await trio.run_process(command, cwd=tmp_path, capture_stdout=True)
            with trio.fail_after(60):
                while service.CLOSED.count("endless") < 2:
                    await trio.sleep(0.01)
            return json.loads(done.stdout)

    assert trio.run(run) == {
        "lines": expected(2),
        "events": expected(2),
        "words": WORDS,
        "bytes": 7,
        "left": [0, 1],
        "aborted": ["AbortError", "AbortError"],
        "problem": [404, "none"],
        "kind": "image/png",
        "sizes": [2, 2, 2, 0],
        "page": "3 t",
    }


def test_what_openapi_says_of_forms_and_bytes_is_what_is_taken(manifest: Manifest, service: Any) -> None:
    document = openapi(manifest)

    async def run() -> None:
        async with serving(service) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
            example = document["paths"]["/form"]["post"]["requestBody"]["content"]
            for media, described in example.items():
                fields = {"name": "n", **described.get("example", {}), "age": 7}
                if media == "application/json":
                    answer = await http.post("/form", json=fields)
                elif media == "multipart/form-data":
                    parts = [("name", (None, fields["name"])), ("age", (None, "7"))]
                    parts += [("tags", (None, "a")), ("tags", (None, "b"))]
                    fields["tags"] = ["a", "b"]
                    answer = await http.post("/form", files=parts)
                else:
                    fields["tags"] = ["a"]
                    answer = await http.post("/form", data=fields)
                assert answer.json() == fields, answer.text
            for kind in ("application/octet-stream", "text/anything"):
                answer = await http.post("/echo", content=b"\xff", headers={"content-type": kind})
                assert (answer.content, answer.headers["x-type"]) == (b"\xff", kind)

    trio.run(run)
