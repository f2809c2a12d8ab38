"""A manifest of a thousand handlers, against parsing and hashing the same files, and against FastAPI."""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from bench.harness import Case, Sampler

REQUIRES = ("fastapi>=0.115",)
MODULES, HANDLERS = 200, 5

_HEAD = '''
"""Orders of shop {number}."""

from __future__ import annotations

from typing import Annotated, TypedDict

{imports}


class NewOrder{number}(TypedDict):
    email: str
    sku: Annotated[str, MinLen(3)]
    quantity: int
    note: str | None


class Order{number}(NewOrder{number}):
    id: str
    lines: list[NewOrder{number}]


def price{number}(order: NewOrder{number}) -> int:
    """The price in cents."""
    total = order["quantity"] * 100
    if total > 10_000:
        return total - total // 10
    return total


def valid{number}(order: NewOrder{number}) -> bool:
    return bool(order["sku"]) and price{number}(order) > 0
'''
_OURS = '''

@post("/shop{number}/orders/{index}", roles=("buyer",), rate_limit="100/minute", timeout=2.0)
async def create{index}(
    req: Request[NewOrder{number}], res: Response[Order{number}], lctx: LocalContext, gctx: GlobalContext
) -> None:
    """Place an order."""
    if not valid{number}(req.body):
        raise HttpError(409, "invalid", f"no such thing: {{req.body['sku']}}")
    order = await gctx.modules.orders.create(req.body)
    lctx.compensate(gctx.modules.orders.cancel, order["id"])
    lines = [line for line in order["lines"] if line["quantity"] > 0]
    lctx.set("price", sum(price{number}(line) for line in lines))
    res.status(201).json(order)
'''
_FASTAPI = '''

@app.post("/shop{number}/orders/{index}", status_code=201)
async def create{index}(order: NewOrder{number}) -> Order{number}:
    """Place an order."""
    if not valid{number}(order):
        raise HTTPException(409, f"no such thing: {{order['sku']}}")
    lines = [line for line in order["lines"] if line["quantity"] > 0]
    print("price", sum(price{number}(line) for line in lines))
    return order
'''


def _write(folder: Path, handler: str, imports: str) -> Path:
    package = folder / "shops"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for number in range(MODULES):
        text = _HEAD.format(number=number, imports=imports)
        text += "".join(handler.format(number=number, index=index) for index in range(HANDLERS))
        (package / f"shop{number}.py").write_text(text)
    return package


@cache
def _project() -> Path:
    imports = (
        "from annotated_types import MinLen\n"
        "from gnomon import GlobalContext, HttpError, LocalContext, Request, Response, post"
    )
    return _write(Path(tempfile.mkdtemp()), _OURS, imports)


def _timed(function: object) -> Sampler:
    def sample() -> float:
        started = time.perf_counter()
        function()  # type: ignore[operator]
        return time.perf_counter() - started

    return sample


def _cold() -> None:
    from gnomon_manifest import build

    manifest = build(_project())
    if len(manifest.handlers) != MODULES * HANDLERS or manifest.findings:
        raise SystemExit(f"{len(manifest.handlers)} handlers, {manifest.findings[:3]}")


def _parse_and_hash() -> None:
    for file in sorted(_project().glob("*.py")):
        data = file.read_bytes()
        hashlib.sha256(data).hexdigest()
        ast.parse(data)


@cache
def _fastapi_program() -> str:
    folder = Path(tempfile.mkdtemp())
    imports = "from annotated_types import MinLen\nfrom fastapi import HTTPException\nfrom shops import app"
    package = _write(folder, _FASTAPI, imports)
    (package / "__init__.py").write_text("from fastapi import FastAPI\n\napp = FastAPI()\n")
    return (
        f"import sys, time; sys.path.insert(0, {str(folder)!r})\n"
        "from importlib import import_module; import fastapi\n"
        "started = time.perf_counter()\n"
        f"for number in range({MODULES}): import_module(f'shops.shop{{number}}')\n"
        "import shops; shops.app.openapi(); print(time.perf_counter() - started)"
    )


def _fastapi() -> float:
    done = subprocess.run(
        [sys.executable, "-c", _fastapi_program()], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _edited() -> Sampler:
    """One edit of one file of a tree that was read before."""
    from gnomon_manifest import SourceTree

    number = 0
    file = _project() / "shop7.py"
    text = file.read_text()
    tree: SourceTree | None = None

    def sample() -> float:
        nonlocal number, tree
        if tree is None:
            tree = SourceTree(_project())
            tree.read()
        number += 1
        file.write_text(f"{text}\n\nEDIT = {number}\n")
        started = time.perf_counter()
        manifest = tree.read()
        took = time.perf_counter() - started
        file.write_text(text)
        if len(manifest.handlers) != MODULES * HANDLERS:
            raise SystemExit(f"{len(manifest.handlers)} handlers")
        return took

    return sample


def _cached() -> Sampler:
    """The same edit for a program that begins with a cache file."""
    from gnomon_manifest import build

    cache = Path(tempfile.mkdtemp(), "cache")
    number = 0
    file = _project() / "shop8.py"
    text = file.read_text()

    def sample() -> float:
        nonlocal number
        if not cache.exists():
            build(_project(), cache=cache)
        number += 1
        file.write_text(f"{text}\n\nEDIT = {number}\n")
        started = time.perf_counter()
        build(_project(), cache=cache)
        took = time.perf_counter() - started
        file.write_text(text)
        return took

    return sample


@cache
def _long_file() -> Path:
    """The same in one file of 19,000 lines, where anything that looks through all of it for each of its parts would show."""
    parts = [path.read_text() for path in sorted(_project().glob("shop*.py"))]
    head, _, first = parts[0].partition("\n\n\n")
    bodies = [first, *(part.partition("\n\n\n")[2] for part in parts[1:])]
    texts = [re.sub(r"def create(\d)", rf"def create{number}_\1", body) for number, body in enumerate(bodies)]
    file = Path(tempfile.mkdtemp(), "shops.py")
    file.write_text("\n\n\n".join([head, *texts]))
    return file


def _long() -> None:
    from gnomon_manifest import build

    if len(build(_long_file()).handlers) != MODULES * HANDLERS:
        raise SystemExit("the long file has other handlers")


def cases() -> list[Case]:
    """The goals of the package, and the peer beside them."""
    cold = _timed(_cold)
    return [
        Case(
            "cold build, 1,000 handlers",
            cold,
            _timed(_parse_and_hash),
            "ast.parse + sha256",
            at_most=3.0,
            rounds=5,
        ),
        Case("one edit, tree kept", _edited(), cold, "cold build", at_most=0.05, rounds=5),
        Case("one edit, from a cache file", _cached(), cold, "cold build", at_most=0.05, rounds=5),
        Case("the same handlers in one file", _timed(_long), cold, "cold build", rounds=3),
        Case("cold build beside importing", cold, _fastapi, "FastAPI import + openapi()", rounds=3),
    ]
