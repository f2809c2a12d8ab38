"""What changes the two digests, and what must not."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gnomon_manifest import Handler, SourceTree, build
from gnomon_manifest.testing import write_package

MAIN = '''
from __future__ import annotations
from typing import TypedDict
from gnomon import *
from .helpers import price, Store, RATES
from . import deep
import json

class NewOrder(TypedDict):
    """An order."""
    sku: str
    count: int

@before
def note(lctx): lctx.set("a", 1)

def check(req):
    """Check."""
    return deep.valid(req.body)

@post("/orders", roles=("buyer",), timeout=2.0, before=[check])
async def create(req: Request[NewOrder], res: Response[NewOrder], lctx, gctx):
    """Create an order."""
    total = price(req.body, rate=RATES["x"])
    if total > 10 and not req.body["sku"]:
        raise HttpError(409, "empty")
    text = f"{total!r:>10} of {json.dumps('x')}"
    names = [name for name in gctx.modules.store.all() if name]
    async with Store(text, names) as store:
        await store.save(total)
    res.status(201).json(req.body)

def unrelated(): return 1
'''
HELPERS = '''
"""Helpers."""
import decimal
from decimal import Decimal
RATES = {"x": 2}
RATES["y"] = 3
LIMIT = 10
def price(order, *, rate=1):
    # a comment
    return rounded(order["count"]) * rate
def rounded(value, places=2):
    try:
        return Decimal(value)
    except ValueError as error:
        return LIMIT
class Base:
    async def __aenter__(self): return self
class Store(Base):
    kept = "yes"
    def __init__(self, text, names): self.text = text
    async def save(self, total): return total
'''
DEEP = "def valid(body): return bool(body) and deeper(body)\ndef deeper(body): return lambda x: x in body\n"
FILES = {"main.py": MAIN, "helpers.py": HELPERS, "deep.py": DEEP}


def read(folder: Path, files: dict[str, str]) -> Handler:
    manifest = build(write_package(folder, files))
    assert manifest.findings == ()
    (handler,) = manifest.handlers
    return handler


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Handler:
    return read(tmp_path_factory.mktemp("original"), dict(FILES))


def edited(folder: Path, file: str, old: str, new: str) -> Handler:
    assert FILES[file].count(old) == 1, old
    return read(folder, {**FILES, file: FILES[file].replace(old, new)})


SAME = [
    ("helpers.py", "# a comment", "# another comment, with more words"),
    ("helpers.py", '"""Helpers."""', '"""Other words."""'),
    ("main.py", '"""Check."""', '"""Check the body."""'),
    ("main.py", '"""Check."""', "pass"),
    ("main.py", '"""Create an order."""', '"""Make one."""'),
    ("main.py", '"""An order."""', ""),
    ("main.py", "import json", "import json as j, json"),
    (
        "main.py",
        "from .helpers import price, Store, RATES\nfrom . import deep",
        "from . import deep\nfrom .helpers import RATES, Store, price",
    ),
    (
        "main.py",
        "from .helpers import price, Store, RATES",
        "from app.helpers import Store, RATES\nfrom app.helpers import price",
    ),
    ("main.py", "from .helpers import price, Store, RATES", "from .helpers import *"),
    ("main.py", 'price(req.body, rate=RATES["x"])', "(price(\n        req.body, rate=RATES['x'],\n    ))"),
    ("main.py", "total > 10", "total > 0xA"),
    ("main.py", "def unrelated(): return 1", "def unrelated(): return 2\nMORE = 3"),
    ("main.py", "req: Request[NewOrder],", "req: 'Request[NewOrder]',"),
    ("main.py", "def unrelated(): return 1", ""),
    ("main.py", 'f"{total!r:>10} of {json', 'f"{total!r:>10}" f" of {json'),
    ("helpers.py", "import decimal\n", ""),
    ("helpers.py", "from decimal import Decimal", "from decimal import Decimal as Decimal"),
]

OTHER = [
    # the handler
    ("main.py", "total > 10", "total > 11"),
    ("main.py", "total > 10", "total >= 10"),
    ("main.py", "and not", "or not"),
    ("main.py", "!r:>10", "!s:>10"),
    ("main.py", "!r:>10", "!r:>11"),
    ("main.py", "json.dumps('x')", "json.dumps(b'x')"),
    ("main.py", "json.dumps('x')", "json.loads('x')"),
    ("main.py", "if name]", "if not name]"),
    ("main.py", "async with", "with"),
    ("main.py", "await store", "store"),
    ("main.py", "async def create", "def create"),
    ("main.py", "res.status(201).json(req.body)", "res.status(201).json(req.body, x=1)"),
    ("main.py", "res.status(201).json(req.body)", "res.status(201).json(*req.body)"),
    # what it reaches
    ("helpers.py", '{"x": 2}', '{"x": 4}'),
    ("helpers.py", 'RATES["y"] = 3', 'RATES["y"] = 4'),
    ("helpers.py", 'RATES["y"] = 3', "RATES.clear()"),
    ("helpers.py", "LIMIT = 10", "LIMIT = 11"),
    ("helpers.py", "LIMIT = 10", "LIMIT = 10.0"),
    ("helpers.py", "LIMIT = 10", "LIMIT = True"),
    ("helpers.py", "LIMIT = 10", "LIMIT = 10\nLIMIT += 1"),
    ("helpers.py", "LIMIT = 10", "if decimal:\n  LIMIT = 10"),
    ("helpers.py", "rate=1", "rate=2"),
    ("helpers.py", "*, rate", "rate"),
    ("helpers.py", "places=2", "places=3"),
    ("helpers.py", "except ValueError", "except KeyError"),
    ("helpers.py", "from decimal import Decimal", "from fractions import Fraction as Decimal"),
    ("helpers.py", 'kept = "yes"', 'kept = "no"'),
    ("helpers.py", "self.text = text", "self.text = names"),
    ("helpers.py", "async def __aenter__(self): return self", "async def __aenter__(self): return None"),
    ("helpers.py", "class Store(Base)", "class Store(Base, object)"),
    ("deep.py", "bool(body) and", "body and"),
    ("deep.py", "x in body", "x not in body"),
    ("deep.py", "lambda x: x", "lambda x, y=1: x"),
    # its hooks
    ("main.py", "before=[check]", "before=[]"),
    ("main.py", "return deep.valid(req.body)", "return not deep.valid(req.body)"),
    ("main.py", 'lctx.set("a", 1)', 'lctx.set("a", 2)'),
    ("main.py", "@before", "@before(timeout=1)"),
    ("main.py", "@before", "@after"),
]

CONTRACT = [
    ("main.py", '"/orders"', '"/order"'),
    ("main.py", "@post", "@put"),
    ("main.py", '("buyer",)', '("buyer", "seller")'),
    ("main.py", "timeout=2.0", "timeout=3.0"),
    ("main.py", "timeout=2.0", 'rate_limit="1/minute"'),
    ("main.py", "timeout=2.0", "body_limit=1"),
    ("main.py", "count: int", "count: str"),
    ("main.py", "count: int", "number: int"),
    ("main.py", "res: Response[NewOrder]", "res: Response[list[NewOrder]]"),
    ("main.py", "status(201)", "status(200)"),
    ("main.py", "HttpError(409", "HttpError(410"),
    ("main.py", "timeout=2.0", "timeout=2.0, responses={409: str}"),
]


@pytest.mark.parametrize("edit", SAME, ids=str)
def test_what_means_the_same_has_the_same_digests(
    tmp_path: Path, original: Handler, edit: tuple[str, str, str]
) -> None:
    handler = edited(tmp_path, *edit)
    assert handler.contract == original.contract
    assert handler.fingerprint == original.fingerprint


@pytest.mark.parametrize("edit", OTHER, ids=str)
def test_every_reachable_change_is_another_fingerprint(
    tmp_path: Path, original: Handler, edit: tuple[str, str, str]
) -> None:
    handler = edited(tmp_path, *edit)
    assert handler.contract == original.contract
    assert handler.fingerprint != original.fingerprint


@pytest.mark.parametrize("edit", CONTRACT, ids=str)
def test_every_change_of_a_promise_is_another_contract(
    tmp_path: Path, original: Handler, edit: tuple[str, str, str]
) -> None:
    handler = edited(tmp_path, *edit)
    assert handler.contract != original.contract
    assert handler.fingerprint != original.fingerprint


def test_the_place_of_a_file_does_not_matter(tmp_path: Path, original: Handler) -> None:
    files = {
        "main/__init__.py": MAIN.replace("from .", "from app.").replace("from app. import", "from app import")
    }
    handler = read(
        tmp_path / "elsewhere", {**files, "helpers.py": "\n\n" + HELPERS, "deep/__init__.py": DEEP}
    )
    assert (handler.contract, handler.fingerprint) == (original.contract, original.fingerprint)


def test_the_order_of_keys_and_documentation_is_no_part_of_the_contract(
    tmp_path: Path, original: Handler
) -> None:
    handler = edited(tmp_path, "main.py", "    sku: str\n    count: int\n", "    count: int\n    sku: str\n")
    assert handler.contract == original.contract
    assert handler.fingerprint != original.fingerprint


def test_the_ends_of_the_reach_are_listed(original: Handler) -> None:
    assert [(edge.kind, edge.name) for edge in original.open_edges] == [
        ("distribution", "gnomon"),
        ("module", "store"),
    ]


@pytest.mark.parametrize(
    ("statement", "edge"),
    [
        ("import trio; trio.run(req)", ("distribution", "trio")),
        ("from not_installed import x; x(req)", ("distribution", "not_installed")),
        ("import yaml.nodes as n; n.x", ("distribution", "yaml")),
        ("eval('1')", ("dynamic", "eval")),
        ("import importlib; importlib.import_module('x')", ("dynamic", "importlib.import_module")),
        ("getattr(req, name)", ("dynamic", "getattr")),
        ("getattr(req, 'name')", None),
        ("import math; math.floor(1)", None),
    ],
)
def test_each_kind_of_edge(tmp_path: Path, statement: str, edge: tuple[str, str] | None) -> None:
    handler = read(
        tmp_path, {"a.py": f"from gnomon import get\n@get('/a')\ndef a(req, res, lctx, gctx): {statement}"}
    )
    found = [(item.kind, item.name) for item in handler.open_edges]
    assert found == ([edge, ("distribution", "gnomon")] if edge and edge[0] == "dynamic" else []) or set(
        found
    ) <= {
        edge,
        ("distribution", "gnomon"),
    }
    assert edge is None or edge in found


MADE_ONCE = "62a2e9ba0ec9f58cc3a40495163be5ed217c1113e2f8c5259c7fb05ff1cc3cdb"
PIECES = [
    "x = 1",
    "x: int = 1",
    "x: 'int'",
    "x += 1",
    "del x",
    "return x",
    "raise x from y",
    "res.problem(404, q)",
    "assert x, y",
    "global x; x = 1",
    "x = y = (z := 3)",
    "while x:\n  break\nelse:\n  continue_",
    "for x in y:\n  continue",
    "async for x in y: pass",
    "with x as y, z: pass",
    "try: x\nexcept* E as e: e\nelse: y\nfinally: z",
    "match x:\n  case {'a': 1, **rest}: rest\n  case [1, *more] | (2 as more): more\n  case C(x, y=1) if x: x\n  case None: y\n  case _: z",
    "import a.b as c; c.d",
    "from . import helpers as h; h.price",
    "from .. import nothing",
    "lambda a, /, b=1, *c, d, e=2, **f: (a, b, c, d, e, f)",
    "{x: y for x in z if x for y in x}",
    "{x for x in z}",
    "(x async for x in z)",
    "[x for x in z][0:1:2]",
    "{**x, 'a': [*y]}",
    "x if y else z",
    "not x < y <= z is None",
    "f'{x=} {y!r:{z}} {{}}'",
    "yield x",
    "yield from x",
    "(await x).y.z(1)[2]",
    "@x\ndef inner(a: 'int' = 1) -> 'nothing )':\n  nonlocal q\n  return a",
    "class Inner(Base, metaclass=M):\n  a = 1\n  b = a\n  int = int\n  def m(self): return a",
    "b'x' + 1.5 + 2j + ... + True",
    "x @ y ** -z // ~w",
    "res.status(); x.y.before(z)",
    "import json; import math; json",
    "class Inner:\n  a = b = 1\n  c = a.real",
]


@pytest.mark.parametrize("piece", PIECES)
def test_every_construct_counts(tmp_path: Path, piece: str) -> None:
    body = "\n".join("    " + line for line in piece.splitlines())
    plain = "from gnomon import get\n@get('/a')\nasync def a(req, res, lctx, gctx):\n    q = 1\n"
    with_piece = read(tmp_path / "one", {"a.py": plain + body, "helpers.py": HELPERS})
    without = read(tmp_path / "two", {"a.py": plain, "helpers.py": HELPERS})
    unparsed = read(tmp_path / "three", {"a.py": ast.unparse(ast.parse(plain + body)), "helpers.py": HELPERS})
    assert with_piece.fingerprint != without.fingerprint
    assert unparsed.fingerprint == with_piece.fingerprint


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax of PEP 695")
def test_type_parameters_and_aliases_count(tmp_path: Path) -> None:
    source = (
        "from gnomon import *\nfrom typing import TypedDict\nclass Page[T: int = int](TypedDict):\n  items: list[T]\n"
        "type Both[A, *B] = tuple[A, *B]\ndef pick[T: (int, str)](x: T) -> T: return x\n"
        "@get('/a')\ndef a(req, res: Response[Page[int]], lctx, gctx):\n  pick(Both)\n"
    )
    if sys.version_info < (3, 13):
        source = source.replace(" = int]", "]")
    handlers = [read(tmp_path / "0", {"a.py": source})]
    for number, (old, new) in enumerate(
        [("int, str)", "int, bytes)"), ("tuple[A", "list[A"), ("T: int", "T: str")], 1
    ):
        handlers.append(read(tmp_path / str(number), {"a.py": source.replace(old, new)}))
    assert len({handler.fingerprint for handler in handlers}) == 4


def test_the_whole_of_a_module_that_is_passed_around_counts(tmp_path: Path) -> None:
    source = (
        "from gnomon import get\nfrom . import deep\n@get('/a')\ndef a(req, res, lctx, gctx): return deep"
    )
    one = read(tmp_path / "one", {"a.py": source, "deep.py": DEEP})
    two = read(tmp_path / "two", {"a.py": source, "deep.py": DEEP.replace("x in body", "x")})
    assert one.fingerprint != two.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        "for x in y: LIMIT = x",
        "with x as LIMIT:\n  import json as q\n  q\n  q.y",
        "with x as LIMIT: pass",
        "while x: LIMIT = 1",
        "match x:\n  case 1: LIMIT = 1",
    ],
)
def test_constants_that_are_bound_by_statements_count(tmp_path: Path, change: str) -> None:
    source = "from gnomon import get\n@get('/a')\ndef a(req, res, lctx, gctx): return LIMIT\n"
    one = read(tmp_path / "one", {"a.py": source + change})
    two = read(tmp_path / "two", {"a.py": source + change.replace("x", "z")})
    assert one.fingerprint != two.fingerprint


def test_every_version_of_python_gives_the_same_digests(tmp_path: Path) -> None:
    """The constant was made once; each version that runs the tests has to make the same."""
    pieces = "".join(
        f"@get('/{number}')\nasync def a{number}(req, res, lctx, gctx):\n    q = 1\n"
        + "\n".join("    " + line for line in piece.splitlines())
        + "\n"
        for number, piece in enumerate(PIECES)
    )
    root = write_package(tmp_path, {"helpers.py": HELPERS, "pieces.py": "from gnomon import get\n" + pieces})
    fingerprints = "".join(handler.fingerprint for handler in build(root).handlers)
    assert hashlib.sha256(fingerprints.encode()).hexdigest() == MADE_ONCE


def mutants(text: str) -> Iterator[str]:
    """Every change of one node: a constant, a name, an operator, a statement that is gone."""
    kinds = (
        ast.Constant,
        ast.Name,
        ast.Attribute,
        ast.arg,
        ast.keyword,
        ast.Compare,
        ast.BoolOp,
        ast.UnaryOp,
    )
    size = sum(1 for _ in ast.walk(ast.parse(text)))
    for number in range(size):
        tree = ast.parse(text)
        node = list(ast.walk(tree))[number]
        if isinstance(node, ast.Constant) and not isinstance(node.value, str):
            node.value = (node.value, 1)[0] is None or 77
        elif isinstance(node, ast.Constant):
            node.value += "?"
        elif isinstance(node, (ast.Name, ast.Attribute, ast.arg, ast.keyword)):
            field = {ast.Name: "id", ast.Attribute: "attr"}.get(type(node), "arg")
            setattr(node, field, getattr(node, field) + "_")
        elif isinstance(node, ast.Compare):
            node.ops = [ast.IsNot()]
        elif isinstance(node, ast.BoolOp):
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        elif isinstance(node, ast.UnaryOp):
            node.op = ast.UAdd()
        elif (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.For, ast.If, ast.Try))
            and len(node.body) > 1
        ):
            node.body.pop()
        else:
            continue
        assert isinstance(node, (*kinds, ast.stmt))
        yield ast.unparse(tree)


REACHED = """
def first(gctx, *, limit=3, deep=None):
    total = limit + -1
    for item in second(total):
        if item > 2 and not item.closed or limit == 4:
            total += item.value[0]
            yield f"{item!r} {total:>3}"
    with open("x", mode="r") as file, lock:
        return [line for line in file if line != "end"]

def second(count: int = 5) -> "list[int]":
    try:
        return {"a": lambda x, y=2: (x, *y, ...)}[count]
    except KeyError as error:
        del error
        raise ValueError("no") from None
"""


def test_every_change_of_one_node_in_reached_code_is_another_fingerprint(tmp_path: Path) -> None:
    main = "from gnomon import get\nfrom .reached import first\n@get('/a')\ndef a(req, res, lctx, gctx): first(gctx)"
    root = write_package(tmp_path, {"main.py": main, "reached.py": REACHED})
    tree = SourceTree(root)

    def fingerprint(text: str) -> str:
        (root / "reached.py").write_text(text)
        (handler,) = tree.read().handlers
        return handler.fingerprint

    original = fingerprint(REACHED)
    assert fingerprint(ast.unparse(ast.parse(REACHED))) == original
    changed = [text for text in mutants(REACHED) if "def first(" in text and "def second(" in text]
    assert len(changed) > 60
    assert [text for text in changed if fingerprint(text) == original] == []
