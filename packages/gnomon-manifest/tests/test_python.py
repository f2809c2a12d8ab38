"""The Python client, judged by mypy, and called."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given, settings

from gnomon_manifest import Manifest, build, python_client
from gnomon_manifest._python import _expression
from gnomon_manifest.testing import Project, projects, write_package

Build = Callable[..., Manifest]
SOURCE = """
from typing import Annotated, Literal, TypedDict
class Line(TypedDict):
    sku: str
    inner: "list[Line]"
class Order(TypedDict):
    id: str
    kind: Literal["a", 1, None]
    pair: tuple[int, str]
    map: dict[str, Line]
    either: int | list[str] | None
class Query(TypedDict, total=False):
    limit: int
    tags: list[str]
class Must(TypedDict):
    key: str

@post("/orders/{id:int}/{rest:path}", deprecated=True)
async def create(req: Request[Order, Query, Must], res: Response[Order], lctx, gctx):
    "Create an order."
    raise HttpError(409)

@handler("/", methods=("GET", "HEAD"))
def read(req, res: Response[list[Line]], lctx, gctx): ...

@get("/query")
def search(req: Request[None, Query], res, lctx, gctx):
    res.status(204)
"""
ORDER = {"id": "1", "kind": "a", "pair": [1, "x"], "map": {}, "either": None}


@pytest.fixture
def manifest(manifest_of: Build) -> Manifest:
    return manifest_of(
        SOURCE, other="from gnomon import put\n@put('/orders')\ndef create(req, res, lctx, gctx): ..."
    )


def loaded(manifest: Manifest) -> Any:
    module = types.ModuleType("client")
    exec(compile(python_client(manifest), "client.py", "exec"), vars(module))
    return module


def refused(folder: Path, *files: tuple[str, str]) -> str:
    for name, text in files:
        (folder / name).write_text(text)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--cache-dir",
            str(folder / ".cache"),
            *(name for name, _ in files),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return "" if done.returncode == 0 else done.stdout


EVIL = 'x"\'`*/ ${alert(1)} \\ \u2028 \n""" __import__(\'os\') {a} 1 é'
USE = """
from client import AsyncClient, Client, Order

def use(client: Client, order: Order) -> str:
    made: Order = client.main_create(order, id=1, rest="a/b", headers={"key": "k"})
    client.main_create(order, id="1", rest="", headers={"key": "k"})  # type: ignore[arg-type]
    return made["id"] + client.read_get()[0]["sku"]

async def later(client: AsyncClient, order: Order) -> str:
    return (await client.main_create(order, id=1, rest="a/b", query={"limit": 1}, headers={"key": "k"}))["id"]
"""


def evil(manifest: Manifest) -> Manifest:
    handlers = tuple(
        replace(
            handler,
            id=f"{EVIL}.{number}{EVIL}",
            summary=EVIL,
            path=f"/{EVIL}/{{1 id}}/{{1_id}}",
            types=replace(handler.types, params={}),
        )
        for number, handler in enumerate(manifest.handlers)
    )
    evil_type = {"title": EVIL, "type": "object", "properties": {EVIL: {"const": EVIL}}, "required": [EVIL]}
    entries = {
        digest: replace(entry, validation=evil_type, serialization={**evil_type, "title": f"{EVIL} "})
        for digest, entry in manifest.types.items()
    }
    return replace(manifest, handlers=handlers, types=entries)


def test_the_client_passes_the_type_checker(manifest: Manifest, tmp_path: Path) -> None:
    texts = (
        ("client.py", python_client(manifest)),
        ("use.py", USE),
        ("evil.py", python_client(evil(manifest))),
    )
    assert refused(tmp_path, *texts) == ""


@pytest.mark.slow
def test_the_client_of_every_generated_project_passes(tmp_path: Path) -> None:
    texts: list[tuple[str, str]] = []

    @settings(max_examples=200)
    @given(projects())
    def collect(project: Project) -> None:
        found = build(write_package(tmp_path / str(len(texts)), project.files))
        texts.append((f"client{len(texts)}.py", python_client(found)))

    collect()
    assert refused(tmp_path, *texts) == ""


@settings(max_examples=10)
@given(projects())
def test_the_client_of_every_generated_project_loads(tmp_path_factory: Any, project: Project) -> None:
    found = build(write_package(tmp_path_factory.mktemp("p"), project.files))
    assert loaded(found).Client
    assert python_client(Manifest.from_json(found.to_json())) == python_client(found)


def answering(seen: list[httpx.Request], *answers: httpx.Response | Exception) -> httpx.MockTransport:
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return httpx.MockTransport(answer)


def test_a_call_sends_what_it_is_given_and_gives_what_comes_back(manifest: Manifest) -> None:
    module, seen = loaded(manifest), list[httpx.Request]()
    transport = answering(
        seen, httpx.Response(200, json=ORDER), httpx.Response(204), httpx.Response(200, json=[])
    )
    client = module.Client(httpx.Client(transport=transport, base_url="http://test"))
    made = client.main_create(
        ORDER, id=1, rest="a b/ü", query={"limit": 2, "tags": ["x", "y"]}, headers={"key": "k"}
    )
    assert made == ORDER
    assert str(seen[0].url) == "http://test/orders/1/a%20b/%C3%BC?limit=2&tags=x&tags=y"
    assert (seen[0].method, seen[0].headers["key"], json.loads(seen[0].content)) == ("POST", "k", ORDER)
    assert client.search() is None
    assert client.read_get() == []


def test_a_problem_is_an_exception_with_its_document(manifest: Manifest) -> None:
    module = loaded(manifest)
    answers = (
        httpx.Response(404, json={"title": "Gone"}),
        httpx.Response(500, text="no"),
        httpx.Response(502, json=[]),
    )
    client = module.Client(httpx.Client(transport=answering([], *answers), base_url="http://test"))
    for status, words in ((404, "Gone"), (500, "status 500"), (502, "status 502")):
        with pytest.raises(module.ProblemError, match=words) as caught:
            client.read_get()
        assert caught.value.status == status


def test_only_what_may_be_repeated_is_sent_again(manifest: Manifest) -> None:
    module, seen = loaded(manifest), list[httpx.Request]()
    down = httpx.ConnectError("down")
    transport = answering(seen, down, down, httpx.Response(200, json=[]), down, down, down, down)
    client = module.Client(httpx.Client(transport=transport, base_url="http://test"), retries=2)
    assert client.read_get() == []
    with pytest.raises(httpx.ConnectError):
        client.read_get()
    with pytest.raises(httpx.ConnectError):
        client.main_create(ORDER, id=1, rest="", headers={"key": "k"})
    assert len(seen) == 7


@pytest.mark.parametrize(
    "run", [asyncio.run, lambda coroutine: trio.run(lambda: coroutine)], ids=["asyncio", "trio"]
)
def test_the_async_client_runs_on_both_loops(manifest: Manifest, run: Any) -> None:
    module = loaded(manifest)

    async def call() -> Any:
        transport = answering(
            [], httpx.ConnectError("down"), httpx.Response(200, json=[{"sku": "x", "inner": []}])
        )
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return await module.AsyncClient(http, retries=1).read_get()

    assert run(call()) == [{"sku": "x", "inner": []}]


def test_nothing_in_a_manifest_becomes_code(manifest: Manifest) -> None:
    text = python_client(evil(manifest))
    assert text.isascii()
    assert loaded(evil(manifest)).Client


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (True, "Any"),
        ({"const": 1.5}, "Any"),
        ({"enum": [True, None, "a'"]}, 'Literal[True] | Literal[None] | Literal["a\'"]'),
        ({"oneOf": [{"type": "integer"}, {"type": ["number", "null"]}]}, "int | float | None"),
        ({"type": "array", "prefixItems": [{"type": "string"}], "items": False}, "list[str]"),
        ({"type": "array"}, "list[Any]"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "dict[str, str]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({"type": [1]}, "Any"),
        ({"$ref": "#/1 class"}, "p_1_class"),
        ({"$ref": "#/class"}, "class_"),
        ({"$ref": "elsewhere"}, "Any"),
    ],
)
def test_each_keyword_as_a_type(schema: Any, text: str) -> None:
    assert _expression(schema, "#/") == text


def test_depth_is_bounded() -> None:
    schema: Any = {"type": "string"}
    for _ in range(300):
        schema = {"type": "array", "items": schema}
    assert _expression(schema, "#/").count("list[") == 100
