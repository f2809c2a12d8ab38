"""The OpenAPI document of an application, and schemathesis, which calls the application as it describes it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import trio
from serving import serving

from gnomon import App
from gnomon_manifest import build, openapi

# without integers in JSON: JSON Schema takes 1.0 for one, and the runtime does not
SOURCE = """
import datetime as dt
from typing import Annotated, Literal, NotRequired, TypedDict
from annotated_types import Ge, Le, MaxLen, MinLen
from gnomon import HttpError, Request, Response, delete, get, patch, post, put

class NewOrder(TypedDict):
    sku: Annotated[str, MinLen(3), MaxLen(20)]
    quantity: Annotated[float, Ge(1), Le(100)]
    colour: NotRequired[Literal["red", "blue"]]
    due: dt.date | None

class Order(NewOrder):
    id: int

class Page(TypedDict):
    limit: NotRequired[Annotated[float, Ge(1), Le(50)]]
    word: NotRequired[str]

class Missing(TypedDict):
    lost: int

ORDERS: dict[int, Order] = {}

@post("/orders")
async def place(req: Request[NewOrder], res: Response[Order], lctx, gctx):
    order: Order = {**req.body, "id": len(ORDERS) + 1}
    ORDERS[order["id"]] = order
    res.status(201).json(order)

@get("/orders")
async def find(req: Request[None, Page], res: Response[list[Order]], lctx, gctx):
    res.json(list(ORDERS.values())[: int(req.query.get("limit", 10))])

@get("/orders/{id:int}", responses={409: Missing})
async def read(req, res: Response[Order], lctx, gctx):
    if req.params["id"] < 0:
        return res.status(409).json({"lost": req.params["id"]})
    if req.params["id"] not in ORDERS:
        raise HttpError(404, "no_such_order")
    res.json(ORDERS[req.params["id"]])

@put("/notes/{rest:path}")
async def write(req: Request[list[float]], res: Response[float], lctx, gctx):
    if req.body:
        res.status(201)
    res.json(float(len(req.body)))

@delete("/orders/{id:int}")
async def drop(req, res, lctx, gctx):
    ORDERS.pop(req.params["id"], None)
    res.empty()

@patch("/names/{name}")
def rename(req: Request[Literal["upper", "lower"]], res: Response[str], lctx, gctx):
    name = req.params["name"]
    res.json(name.upper() if req.body == "upper" else name.lower())
"""
# every check that judges an answer by the document; the application keeps what it has no reason to refuse
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
)
# a method that nobody declares is no part of the document
CONFIGURATION = """
hooks = "hooks.py"
[phases.coverage]
unexpected-methods = []
"""
# that a path holds no control characters is for HTTP to say and not for a schema
HOOKS = """
from urllib.parse import unquote
import schemathesis

@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    return all(unquote(str(value)).isprintable() for value in (path_parameters or {}).values())
"""


def load(package: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("described", package)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["described"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def schemathesis() -> list[str]:
    """The command; it is a plugin of pytest as well, which these tests have no use for."""
    if importlib.util.find_spec("schemathesis") is None and "CI" not in os.environ:
        pytest.skip("schemathesis is not installed, and CI would fail")
    return [sys.executable, "-m", "schemathesis.cli", "run"]


def test_an_application_answers_as_its_document_says(tmp_path: Path, schemathesis: list[str]) -> None:
    source = tmp_path / "described.py"
    source.write_text(SOURCE, encoding="utf-8")
    manifest = build(source)
    assert manifest.findings == ()
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(openapi(manifest)), encoding="utf-8")
    Path(tmp_path, "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
    Path(tmp_path, "hooks.py").write_text(HOOKS, encoding="utf-8")
    # the same calls every time, and no more of them than take a few seconds
    options = ["--generation-deterministic", "--seed", "1", "--max-examples", "10"]
    options += ["--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS), "--no-color"]
    options += ["--request-timeout", "60", "--suppress-health-check", "all", "--warnings", "off"]

    async def main() -> subprocess.CompletedProcess[bytes]:
        async with serving(App(load(source))) as client:
            command = [*schemathesis, str(document), "--url", str(client.base_url).rstrip("/"), *options]
            return await trio.run_process(
                command, capture_stdout=True, capture_stderr=True, check=False, cwd=tmp_path
            )

    try:
        done = trio.run(main)
    finally:
        sys.modules.pop("described", None)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-8000:]
    assert "6 selected / 6 total" in done.stdout.decode()
