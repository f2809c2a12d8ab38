"""Documents made of manifests, judged by the real tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator

from gnomon_manifest import Manifest, build, markdown, mermaid, openapi, sarif, typescript_client
from gnomon_manifest.testing import Project, projects, write_package

Build = Callable[..., Manifest]
SOURCE = '''
from typing import Annotated, TypedDict
class Line(TypedDict):
    """One line."""
    sku: str
    inner: "list[Line]"
class Order(TypedDict):
    id: str
    lines: list[Line]
class Query(TypedDict, total=False):
    limit: int
class Headers(TypedDict):
    x_trace: str
class Problem(TypedDict):
    mine: bool

@before
def note(lctx): ...

@post(
    "/orders/{id:int}", roles=("buyer",), rate_limit="1/minute burst 1", body_limit=9, timeout=1.5, tags=("orders",),
    deprecated="use v2", responses={409: Problem},
)
async def create(req: Request[Order, Query, Headers], res: Response[Order], lctx, gctx):
    """Create | an <order>.

    At *length*.

    Args:
        id: of the order.
        limit: how many.
    """
    if await gctx.modules.orders.full(): raise HttpError(402, "pay-first")
    raise HttpError(409)
    res.status(201).json({})

@handler("/orders/{id:int}", methods=("GET", "HEAD"))
def read(req, res: Response[list[Line]], lctx, gctx): ...

@delete("/nothing", deprecated=True)
def nothing(req: Request[None], res: "Response[None]", lctx, gctx):
    res.status(299).json(None)
'''


@pytest.fixture
def manifest(manifest_of: Build) -> Manifest:
    found = manifest_of(
        SOURCE,
        live="from gnomon_manifest.declare import *\n@websocket('/w')\ndef w(req, ws, lctx, gctx): ...",
    )
    assert found.findings == ()
    return found


def test_openapi_tells_everything_that_a_route_can_give(manifest: Manifest) -> None:
    document = openapi(manifest, title="Orders", version="2", servers=["https://example.org"])
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": "https://example.org"}]
    assert sorted(document["paths"]) == ["/nothing", "/orders/{id}"]
    post = document["paths"]["/orders/{id}"]["post"]
    assert post["operationId"] == "app.main.create"
    assert (post["summary"], post["tags"], post["deprecated"]) == ("Create | an <order>.", ["orders"], True)
    assert post["description"] == "At *length*.\n\nDeprecated: use v2"
    assert [
        (item["name"], item["in"], item["required"], item.get("description")) for item in post["parameters"]
    ] == [
        ("id", "path", True, "of the order."),
        ("limit", "query", False, "how many."),
        ("x-trace", "header", True, None),
    ]
    order = {"id": "string", "lines": [{"sku": "string", "inner": []}]}
    assert post["requestBody"]["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/Order"},
        "example": order,
    }
    assert [item["example"] for item in post["parameters"]] == [1, 1, "string"]
    assert sorted(post["responses"]) == [
        "201", "400", "401", "402", "403", "404", "409", "413", "415", "429", "500", "503", "504"
    ]  # fmt: skip
    assert post["responses"]["201"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/OrderOutput"}, "example": order}
    }
    shutdown = post["responses"]["503"]
    assert "Retry-After" in shutdown["headers"]
    assert shutdown["content"]["application/problem+json"]["examples"]["1"]["value"] == {
        "title": "Service Unavailable",
        "status": 503,
        "code": "shutting_down",
    }
    assert post["responses"]["409"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/ProblemOutput"
    }
    problem = post["responses"]["402"]["content"]["application/problem+json"]
    assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert problem["examples"]["1"]["value"] == {
        "title": "Payment Required",
        "status": 402,
        "code": "pay-first",
    }
    assert "Retry-After" in post["responses"]["429"]["headers"]
    assert post["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["paths"]["/orders/{id}"]["get"]["operationId"] == "app.main.read.get"
    assert "content" not in document["paths"]["/orders/{id}"]["head"]["responses"]["200"]
    nothing = document["paths"]["/nothing"]["delete"]
    assert "requestBody" not in nothing
    assert nothing["responses"]["299"]["description"] == "Status 299"


def test_openapi_takes_other_security_schemes(manifest: Manifest) -> None:
    document = openapi(manifest, security={"key": {"type": "apiKey", "in": "header", "name": "X-Key"}})
    OpenAPIV31SpecValidator(document).validate()
    assert document["paths"]["/orders/{id}"]["post"]["security"] == [{"key": []}]


def test_definitions_of_one_name_and_another_meaning_are_kept_apart(manifest_of: Build) -> None:
    manifest = manifest_of(
        """
        from . import one, two
        @post("/a")
        def a(req: Request[list[one.Item]], res: Response[one.Item], lctx, gctx): ...
        @post("/b")
        def b(req: Request[list[two.Item]], res: Response[two.Item], lctx, gctx): ...
        """,
        one="from typing import TypedDict\nclass Item(TypedDict):\n  a: int",
        two="from typing import TypedDict\nclass Item(TypedDict):\n  b: int",
    )
    document = openapi(manifest)
    OpenAPIV31SpecValidator(document).validate()
    assert set(document["components"]["schemas"]) == {"Item", "Item2", "ItemOutput", "ItemOutput2", "Problem"}


@settings(max_examples=10)
@given(projects())
def test_every_generated_project_gives_valid_documents(tmp_path_factory: Any, project: Project) -> None:
    manifest = build(write_package(tmp_path_factory.mktemp("p"), project.files))
    OpenAPIV31SpecValidator(openapi(manifest)).validate()
    assert openapi(manifest) == openapi(Manifest.from_json(manifest.to_json()))


def test_markdown_shows_every_part(manifest: Manifest) -> None:
    page = markdown(manifest, title="All <of> it")
    assert page.startswith("# All \\<of\\> it\n")
    for part in (
        "## `POST /orders/{id:int}`",
        "**Deprecated.** use v2",
        "Create \\| an \\<order\\>.",
        "| roles | `buyer` |",
        "| rate limit | 1 in 60 s, 1 at once |",
        "| body limit | 9 bytes |",
        "| timeout | 1.5 s |",
        "| query | `Query` |",
        "| answer | 201 Created: `Order` |",
        "| answer | 200 OK: `Array<Line>` |",
        "| error | 402 Payment Required: `pay-first` |",
        "| before | `app.main.note` (global) |",
        "| module | `orders` |",
    ):
        assert part in page


def test_text_can_not_leave_its_place(manifest: Manifest) -> None:
    evil = '`</script>|\n# x`` ]"; click --> [(\\'
    handlers = tuple(
        replace(handler, id=evil, summary=evil, path="/" + evil, tags=(evil,))
        for handler in manifest.handlers
    )
    found = replace(manifest, handlers=(*handlers, replace(handlers[0], path=None)))
    assert "\n# x" not in markdown(found)
    assert "<" not in mermaid(found).replace("<-", "")
    assert all(line.count('"') in (0, 2) for line in mermaid(found).splitlines())


def test_mermaid_draws_hooks_handlers_and_modules(manifest_of: Build) -> None:
    found = manifest_of(
        "@after\ndef late(res): ...\n@get('/a')\ndef a(req, res, lctx, gctx): gctx.modules.store.x"
    )
    assert mermaid(found).splitlines() == [
        "flowchart LR",
        '    handler0["GET /a app.main.a"]',
        '    hook1("after app.main.late")',
        "    handler0 --> hook1",
        '    module2[("store")]',
        "    handler0 -.-> module2",
    ]


def test_sarif_has_the_required_shape(manifest_of: Build) -> None:
    found = manifest_of(
        "@get(path())\ndef a(req, res, lctx, gctx): ...\n@before(level='route')\ndef hook(req): ..."
    )
    document = json.loads(json.dumps(sarif(found.findings)))
    jsonschema.validate(document, json.loads((Path(__file__).parent / "sarif-subset.json").read_text()))
    results = document["runs"][0]["results"]
    assert [(result["ruleId"], result["level"]) for result in results] == [
        ("dynamic_value", "error"),
        ("lint_unreachable_hook", "warning"),
    ]
    assert results[0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 6}


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {
            "$ref": "#/$defs/A",
            "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/B"}, {"$ref": "#/$defs/missing"}]}, "B": {}},
        },
        {"$ref": "#/$defs/missing"},
        {"$defs": 1, "properties": 1, "required": 1, "type": "object"},
        {"$ref": "#/$defs/1 a", "$defs": {"1 a": {"type": "object", "properties": 3}}},
        {"type": "array", "prefixItems": [{}], "minItems": "x", "enum": 1, "anyOf": 1},
    ],
)
def test_any_json_may_stand_where_a_schema_should(manifest: Manifest, schema: Any) -> None:
    types = {
        digest: replace(entry, validation=schema, serialization=schema)
        for digest, entry in manifest.types.items()
    }
    found = Manifest.from_json(replace(manifest, types=types).to_json())
    assert openapi(found)
    assert typescript_client(found)
    assert markdown(found)


@pytest.mark.parametrize(
    ("pattern", "missing"), [("int", True), ("float", True), ("uuid", True), ("path", False)]
)
def test_a_value_of_another_form_is_no_path(manifest_of: Build, pattern: str, missing: bool) -> None:
    manifest = manifest_of(f"@get('/a/{{id:{pattern}}}')\ndef a(req, res, lctx, gctx): ...")
    (path,) = openapi(manifest)["paths"].values()
    assert ("404" in path["get"]["responses"]) == missing
