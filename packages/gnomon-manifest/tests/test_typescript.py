"""The TypeScript client, judged by the compiler of TypeScript."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon_manifest import Manifest, build, typescript_client
from gnomon_manifest._typescript import expression
from gnomon_manifest.testing import Project, projects, write_package

Build = Callable[..., Manifest]
OPTIONS = [
    "--strict",
    "--erasableSyntaxOnly",
    "--noEmit",
    "--exactOptionalPropertyTypes",
    "--noUncheckedIndexedAccess",
    "--target",
    "es2022",
]

SOURCE = """
from typing import Annotated, Literal, TypedDict
from annotated_types import MinLen
class Line(TypedDict):
    sku: Annotated[str, MinLen(1)]
    inner: "list[Line]"
class Order(TypedDict):
    id: str
    kind: Literal["a", 1, None]
    pair: tuple[int, str]
    many: tuple[int, ...]
    map: dict[str, Line]
    either: int | list[str] | None
class Query(TypedDict, total=False):
    limit: int
    tags: list[str]
class Must(TypedDict):
    key: str
class Problem(TypedDict):
    mine: bool

@post("/orders/{id:int}/{rest:path}", deprecated=True, responses={409: Problem, 410: Problem})
async def create(req: Request[Order, Query, Must], res: Response[Order], lctx, gctx):
    "Create an order. */ alert(1)"
    raise HttpError(409)

@handler("/", methods=("GET", "HEAD"))
def delete(req, res: Response[list[Line]], lctx, gctx): ...

@get("/query")
def search(req: Request[None, Query], res, lctx, gctx):
    res.status(204)
"""


@pytest.fixture
def manifest(manifest_of: Build) -> Manifest:
    other = "from gnomon import put\n@put('/orders')\ndef create(req, res, lctx, gctx): ..."
    return manifest_of(SOURCE, other=other)


def compiled(tsc: list[str], folder: Path, *files: tuple[str, str]) -> str:
    for name, text in files:
        (folder / name).write_text(text)
    done = subprocess.run(
        [*tsc, *OPTIONS, *(name for name, _ in files)], cwd=folder, capture_output=True, text=True
    )
    return done.stdout


USE = """
import { Client, Errors, Order, ProblemError } from "./client";
const client = new Client({ baseUrl: "http://localhost", headers: { authorization: "x" } });
export async function use(order: Order, signal: AbortSignal): Promise<string> {
  try {
    const params = { id: 1, rest: "a/b" };
    const made = await client.main_create({ params, headers: { key: "k" }, body: order, signal });
    // @ts-expect-error the number of an order is no text
    await client.main_create({ params: { id: "1", rest: "" }, headers: { key: "k" }, body: order });
    return made.id + (await client.search()) + (await client.delete_get({ signal })).map((line) => line.sku).join();
  } catch (error) {
    if (error instanceof ProblemError) return (error as Errors["main_create"]).problem.code ?? "";
    throw error;
  }
}
"""


def test_the_client_has_a_call_for_every_operation(manifest: Manifest) -> None:
    text = typescript_client(manifest)
    assert typescript_client(Manifest.from_json(manifest.to_json())) == text
    for part in (
        'export type Line = { "inner": Array<Line>; "sku": string };',
        '"kind": "a" | 1 | null; "many": Array<number>; "map": { [name: string]: Line }; "pair": [number, string]',
        '"\\/orders\\/" + encodeURIComponent(textOf(given.params["id"])) + "\\/" + restOf(given.params["rest"])',
        "ProblemError<409, Problem_ | ProblemDetails>",
        "ProblemError<410, Problem_>",
        "/** Create an order. * / alert(1) @deprecated */",
    ):
        assert part in text, text


def test_the_client_compiles_and_can_be_used(manifest: Manifest, tmp_path: Path, tsc: list[str]) -> None:
    files = (
        ("client.ts", typescript_client(manifest)),
        ("use.ts", USE),
        ("evil.ts", typescript_client(evil(manifest))),
    )
    assert compiled(tsc, tmp_path, *files) == ""


@pytest.mark.slow
def test_the_client_of_every_generated_project_compiles(tmp_path: Path, tsc: list[str]) -> None:
    texts: list[tuple[str, str]] = []

    @settings(max_examples=200)
    @given(projects())
    def collect(project: Project) -> None:
        number = len(texts)
        found = build(write_package(tmp_path / str(number), project.files))
        texts.append((f"client{number}.ts", typescript_client(found)))

    collect()
    assert compiled(tsc, tmp_path, *texts) == ""


EVIL = "x\"'`*/ ${alert(1)} </script> \u2028 \n // {a} 1 é"


def evil(manifest: Manifest) -> Manifest:
    """A manifest whose every name is an attack."""
    handlers = tuple(
        replace(handler, id=f"{EVIL}.{number}{EVIL}", summary=EVIL, path=f"/{EVIL}/{{id}}")
        for number, handler in enumerate(manifest.handlers)
    )
    types = {
        digest: replace(
            entry,
            validation={
                "title": EVIL,
                "type": "object",
                "properties": {EVIL: {"const": EVIL}},
                "required": [EVIL],
            },
        )
        for digest, entry in manifest.types.items()
    }
    types_of = [replace(handler.types, params={"id": next(iter(types))}) for handler in handlers]
    return replace(
        manifest,
        handlers=tuple(
            replace(handler, types=types) for handler, types in zip(handlers, types_of, strict=True)
        ),
        types=types,
    )


def test_nothing_in_a_manifest_becomes_code(manifest: Manifest) -> None:
    text = typescript_client(evil(manifest))
    assert "alert(1)" in text
    for line in text.splitlines():
        bare = line.replace('\\"', "")
        outside = "".join(bare.split('"')[::2])
        assert "alert(" not in outside or outside.lstrip().startswith("/**")
        assert outside.count("*/") <= 1
    assert "</script" not in text
    assert "\u2028" not in text


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (True, "unknown"),
        (False, "never"),
        ({}, "unknown"),
        ({"type": "null"}, "null"),
        ({"type": "what"}, "unknown"),
        ({"type": ["string", "null"]}, "string | null"),
        ({"const": {"a": 1}}, "unknown"),
        ({"enum": []}, "never"),
        ({"anyOf": [{"type": "string"}, {"type": "string"}]}, "string"),
        ({"oneOf": [{"type": "string"}, {}]}, "unknown"),
        ({"anyOf": []}, "never"),
        ({"allOf": [{"$ref": "#/A"}, {"anyOf": [{"$ref": "#/B"}, {"type": "null"}]}]}, "A & (B | null)"),
        ({"$ref": "elsewhere"}, "unknown"),
        ({"type": "array"}, "Array<unknown>"),
        (
            {"type": "array", "prefixItems": [{"type": "string"}, {}], "minItems": 1},
            "[string, (unknown)?, ...Array<unknown>]",
        ),
        ({"type": "object"}, "object"),
        ({"type": "object", "additionalProperties": False}, "Record<string, never>"),
        ({"type": "object", "additionalProperties": True}, "{ [name: string]: unknown }"),
        (
            {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string"}},
            '{ "a"?: unknown; [name: string]: unknown }',
        ),
    ],
)
def test_each_keyword_as_a_type(schema: Any, text: str) -> None:
    assert expression(schema, "#/") == text


@given(
    st.recursive(
        st.booleans(), lambda inner: st.builds(lambda x: {"anyOf": [x], "type": "array", "items": x}, inner)
    )
)
def test_any_schema_gives_a_type(schema: Any) -> None:
    assert expression(schema, "#/")


def test_depth_is_bounded() -> None:
    schema: Any = {"type": "string"}
    for _ in range(300):
        schema = {"type": "array", "items": schema}
    assert expression(schema, "#/").count("Array<") == 100
    assert json.dumps(expression(schema, "#/"))
