"""Finding handlers, in every way that a declaration can be written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gnomon_gtype import GType
from gnomon_manifest import Handler, Manifest, ManifestError, ManifestRefused, build, markdown, openapi
from gnomon_manifest.declare import RateLimit
from gnomon_manifest.testing import write_package

Build = Callable[..., Manifest]


def only(manifest: Manifest) -> Handler:
    assert manifest.findings == ()
    (handler,) = manifest.handlers
    return handler


def codes(manifest: Manifest) -> list[str]:
    return [finding.code for finding in manifest.findings]


def test_every_part_of_a_declaration_is_read(manifest_of: Build) -> None:
    handler = only(
        manifest_of(
            '''
            PREFIX = "/v1"
            SECONDS = 2

            @post(
                f"{PREFIX}/orders/{{id}}", id="create", roles=["b", "a"], rate_limit="5/minute burst 2",
                body_limit=10 * 1024, timeout=SECONDS, tags=("x", "y"), version="3", deprecated="use v2",
            )
            async def create(req, res, lctx, gctx):
                """Create.

                At length.

                Args:
                    id: of the order.
                """
            '''
        )
    )
    assert (handler.id, handler.module, handler.name) == ("create", "app.main", "create")
    assert (handler.path, handler.methods) == ("/v1/orders/{id}", ("POST",))
    assert handler.policies.roles == ("a", "b")
    assert handler.policies.rate_limit == RateLimit(5, 60.0, 2)
    assert (handler.policies.body_limit, handler.policies.timeout) == (10240, 2.0)
    assert (handler.tags, handler.version, handler.deprecated) == (("x", "y"), "3", "use v2")
    assert (handler.summary, handler.description, handler.parameters) == (
        "Create.",
        "At length.",
        {"id": "of the order."},
    )
    assert handler.asynchronous
    assert not handler.websocket
    assert (handler.source.file, handler.source.line, handler.source.column) == ("main.py", 10, 1)


def test_deprecation_from_the_docstring(manifest_of: Build) -> None:
    assert (
        only(
            manifest_of('@get("/a")\ndef a(req, res, lctx, gctx):\n  """A.\n\n  Deprecated:\n  """')
        ).deprecated
        is True
    )


@pytest.mark.parametrize(
    "source",
    [
        "from gnomon_manifest.declare import get\n@get('/a')",
        "from gnomon_manifest.declare import get as read\n@read('/a')",
        "import gnomon_manifest.declare\n@gnomon_manifest.declare.get('/a')",
        "import gnomon_manifest.declare as d\n@d.get('/a')",
        "from gnomon_manifest import declare\n@declare.get(path='/a')",
        "import gnomon\n@gnomon.get('/a')",
        "from gnomon import get\nread = get\n@read('/a')",
        "from .names import fetch\n@fetch('/a')",
        "from . import names\n@names.fetch('/a')",
        "from app.names import *\n@fetch('/a')",
        "from .names import api\n@api.get('')",
        "from .names import api\ninner = api.group('')\n@inner.get('')",
        "from gnomon import group\n@group('/a').get('')",
        "from gnomon import group\n@group('').group('/a').get('')",
        "from gnomon import group\ng = group('').group('/a')\n@g.get('')",
        "import gnomon\nOPTIONS = {'tags': ['x']}\n@gnomon.get('/a', **OPTIONS)",
        "from gnomon import handler\n@handler('/a', methods=['GET'])",
        "from gnomon import get\ndef traced(f): return f\n@traced\n@get('/a')\n@traced",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  from gnomon import get\n@get('/a')",
        "try:\n  from gnomon import get\nexcept ImportError:\n  get = None\n@get('/a')",
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_decorator_is_found_however_it_is_named(manifest_of: Build, source: str, kind: str) -> None:
    manifest = manifest_of(
        shop=f"{source}\n{kind} a(req, res, lctx, gctx): ...",
        names="from gnomon import group, get as fetch\napi = group('/a')\n",
    )
    handler = only(manifest)
    assert (handler.id, handler.path, handler.methods) == ("app.shop.a", "/a", ("GET",))


def test_nested_packages_classes_and_conditions(tmp_path: Path) -> None:
    body = "from gnomon import get\n"
    root = write_package(
        tmp_path,
        {
            "one/two/__init__.py": body + "@get('/a')\ndef a(req, res, lctx, gctx): ...",
            "one/__init__.py": "",
            "one/plain.py": body
            + "class Orders:\n  class Inner:\n    @get('/b')\n    def b(self, req, res, lctx, gctx): ...",
            "cond.py": body
            + "import sys\nif sys.platform:\n  @get('/c')\n  def c(req, res, lctx, gctx): ...",
            "static.py": body + "class S:\n  @staticmethod\n  @get('/d')\n  def d(req, res, lctx, gctx): ...",
        },
    )
    assert [handler.id for handler in build(root).handlers] == [
        "app.cond.c",
        "app.one.plain.Orders.Inner.b",
        "app.one.two.a",
        "app.static.S.d",
    ]
    assert [handler.id for handler in build(root / "one" / "plain.py").handlers] == [
        "app.one.plain.Orders.Inner.b"
    ]
    assert [handler.id for handler in build(root / "one").handlers] == [
        "app.one.plain.Orders.Inner.b",
        "app.one.two.a",
    ]
    assert [handler.id for handler in build(root / "one" / "two" / "__init__.py").handlers] == [
        "app.one.two.a"
    ]
    assert len(build(tmp_path).handlers) == 4


def test_there_must_be_something_to_read(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="there is no file or folder"):
        build(tmp_path / "nothing")


def test_a_websocket_handler(manifest_of: Build) -> None:
    handler = only(
        manifest_of(
            a="from gnomon_manifest.declare import websocket\n@websocket('/w')\nasync def w(req, ws, lctx, gctx): ..."
        )
    )
    assert handler.websocket
    assert handler.methods == ("GET",)
    assert handler.types.responses == {}


def test_functions_without_a_declaration_on_demand(manifest_of: Build) -> None:
    source = "async def a(gctx, req, res, lctx): ...\ndef b(req, res): ...\nclass C:\n  def c(req, res, lctx, gctx): ..."
    assert manifest_of(a=source).handlers == ()
    handler = only(manifest_of(a=source, undecorated=True))
    assert (handler.id, handler.path, handler.methods) == ("app.a.a", None, ())


def test_groups_share_what_they_are_given(manifest_of: Build) -> None:
    handler = only(
        manifest_of(
            """
            def check(req): ...
            def more(req): ...
            outer = group("/a", roles=("x", "y"), tags=("t",), before=[check], timeout=1, rate_limit="1/second")
            inner = outer.group("/b", tags=("u",))

            @inner.get("/c", roles=("x",), before=[more], timeout=2, rate_limit=None)
            def c(req, res, lctx, gctx): ...
            """
        )
    )
    assert (handler.path, handler.tags, handler.policies.roles) == ("/a/b/c", ("t", "u"), ("x",))
    assert (handler.policies.timeout, handler.policies.rate_limit) == (2.0, None)
    assert [hook.name for hook in handler.hooks] == ["app.main.check", "app.main.more"]


def test_types_of_request_and_response(manifest_of: Build) -> None:
    handler = only(
        manifest_of(
            """
            from typing import TypedDict
            from .models import Order, Missing

            class Query(TypedDict):
                limit: int

            Place = Request[Order, "Query"]
            MORE = {410: Missing}

            @post("/orders/{id:int}/{key:uuid}/{ratio:float}/{rest:path}", responses={404: Missing, **MORE})
            async def place(req: Place, res: "Response[list[Order]]", lctx, gctx):
                if not req.body: raise HttpError(409, "empty")
                if req.headers: return res.status(410).json({})
                if req.query: return res.problem(404, code="gone")
                res.status(201).json([])
            """,
            models="from typing import TypedDict\nclass Order(TypedDict):\n  id: int\nclass Missing(TypedDict):\n  what: str",
        )
    )
    from typing import TypedDict
    from uuid import UUID

    class Order(TypedDict):
        id: int

    class Missing(TypedDict):
        what: str

    class Query(TypedDict):
        limit: int

    def digest(annotation: Any) -> str:
        return GType(annotation).schema.digest

    assert handler.types.body == digest(Order)
    assert handler.types.query == digest(Query)
    assert handler.types.headers is None
    assert handler.types.params == {
        "id": digest(int),
        "key": digest(UUID),
        "ratio": digest(float),
        "rest": digest(str),
    }
    assert handler.types.responses == {201: digest(list[Order]), 404: digest(Missing), 410: digest(Missing)}
    assert [(problem.status, problem.code) for problem in handler.problems] == [
        (404, "gone"),
        (409, "empty"),
        (410, None),
    ]


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        ("res.empty()", [204]),
        ("res.status(202).empty()", [202]),
        ("res.redirect('/orders')", [303]),
        ("res.redirect(location='/orders')", [303]),
        ("res.redirect('/orders', status=308)", [308]),
        ("res.redirect('/orders', status=req.query['code'])", [200]),
        ("res.redirect('/orders', **req.query)", [200]),
        ("res.json({}) if req.query else res.empty()", [200, 204]),
        ("res.json({}) if req.query else res.redirect('/')", [200, 303]),
        ("res.status(201).json({}) if req.query else res.redirect('/')", [201, 303]),
        ("rows = []; rows.empty(); rows.redirect('/'); res.json(rows)", [200]),
        ("later(res)", [204]),
        ("other(res).empty()", [200]),
    ],
)
def test_answers_without_a_body_have_their_status(manifest_of: Build, body: str, statuses: list[int]) -> None:
    handler = only(
        manifest_of(
            f"""
            def later(res): res.empty()
            def other(res): return res
            @get("/")
            async def read(req, res, lctx, gctx):
                {body}
            """
        )
    )
    assert list(handler.types.responses) == statuses


def test_the_types_of_the_runtime_are_those_of_gtype(manifest_of: Build) -> None:
    from gnomon_gtype import Email

    source = "from gnomon.types import Email\n@post('/a')\ndef a(req: Request[Email], res, lctx, gctx): ..."
    assert only(manifest_of(source)).types.body == GType(Email).schema.digest


@pytest.mark.parametrize("annotation", ["Any", "object", '"Request"', "Request"])
def test_a_request_without_types_is_no_finding(manifest_of: Build, annotation: str) -> None:
    source = f"from typing import Any\n@get('/a')\ndef a(req: {annotation}, res, lctx, gctx): ..."
    types = only(manifest_of(source)).types
    assert (types.body, types.responses) == (None, {200: None})


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("Request[Elsewhere]", "elsewhere.Elsewhere comes from outside the project"),
        ("Request[Plain]", "the plain class Plain has no fields"),
        ("Request[Sub]", "says what it accepts only when it runs"),
        ("Request[nothing]", "nothing in the source binds the name 'nothing'"),
        ("Request[complex]", "complex"),
        ("Request[print]", "'print' is no type"),
        ("Request[1 + 1]", "is no type"),
        ("Request['1 +']", "is not an expression"),
        ("'1 +'", "is not an expression"),
        ("Elsewhere", "is not the Request of the runtime"),
        ("Plain", "is not the Request of the runtime"),
        ("Alias[int]", "is not the Request of the runtime"),
        ("1", "is not the Request of the runtime"),
        ("Request[Twice]", "several definitions"),
        ("Request[list[int, int, int]()]", "is computed when the program runs"),
        ("Request[os]", "os comes from outside the project"),
        ("Request[sibling]", "is a module, not a type"),
        ("Request[Shade.GREEN]", "has no GREEN"),
        ("Request[Holder.Other]", "has no Other"),
        ("Request[FORTY]", "is no type"),
        ("Request[int[str]]", "is no type"),
        ("Request[dt.nothing]", "is no type"),
        ("Request[typing.sys]", "is no type"),
        ("Request[a().b]", "is no type"),
        ("Request[Computed]", "computes its members"),
        ("Request[Unpacked]", "is unpacked"),
        ("Request[Broken]", "would not be made"),
        ("Request[BrokenEnum]", "would not be made"),
        ("Request[Starred]", "computed when the program runs"),
        ("Request[Circle]", "refers to itself before it exists"),
        ("Request[make()]", "is computed when the program runs"),
        ("Request[function]", "is no type"),
        ("Request[GType('1')]", "can not be used in a type"),
        ("Request[Annotated[int, lambda x: x]]", "computed when the program runs"),
        ("Request[Annotated[int, Predicate(lambda x: x)]]", "a function in a type needs a name"),
        ("Request[Annotated[int, Ge(**OPTIONS)]]", "the arguments are computed"),
        ("Request[Annotated[int, Ge()]]", "fails"),
        ("Request[Literal[make()]]", "computed when the program runs"),
        ("Request[Factory]", "needs a name"),
        ("Request[Initial]", "InitVar"),
        ("Request[Functional.C]", "has no C"),
        ("Request[sibling.Bad]", "elsewhere.Elsewhere comes from outside"),
        ("Place", "is not the Request of the runtime"),
        ("Request[Annotated[complex, [1]]]", "complex"),
    ],
)
def test_a_type_that_can_not_be_read_is_a_finding(manifest_of: Build, annotation: str, words: str) -> None:
    manifest = manifest_of(
        f"""
        import datetime as dt, enum, os, sys, typing
        from dataclasses import InitVar, dataclass, field
        from typing import Annotated, Literal, TypedDict
        from annotated_types import Ge, Predicate
        from elsewhere import Elsewhere
        from gnomon_gtype import GType
        from . import sibling

        OPTIONS = {{}}
        FORTY = 40
        Alias = Request[int]
        Circle = list["Circle"]
        def make(): ...
        def function(): ...
        class Plain: ...
        class Sub(str, metaclass=type): ...
        class Other(Elsewhere): ...
        class Shade(enum.Enum):
            RED = 1
        class Holder(TypedDict):
            a: int
        class Computed(enum.Enum):
            def _generate_next_value_(name, start, count, last): return name
            A = enum.auto()
        class Unpacked(enum.Enum):
            A, B = 1, 2
        class BrokenEnum(Shade):
            B = 2
        @dataclass
        class Broken:
            a: list = []
        @dataclass
        class Starred:
            a: int = field(**OPTIONS)
        Place = Place
        Functional = enum.Enum("Functional", "A B")
        @dataclass
        class Initial:
            a: InitVar[int]
        @dataclass
        class Factory:
            a: int = field(default_factory=OPTIONS["x"])
        if sys.platform == "x":
            class Twice(TypedDict): ...
        else:
            class Twice(TypedDict):
                a: int

        @post("/a")
        def a(req: {annotation}, res, lctx, gctx): ...
        """,
        sibling="from elsewhere import Elsewhere\nfrom typing import TypedDict\nclass Bad(TypedDict):\n  a: Elsewhere",
    )
    assert set(codes(manifest)) == {"unresolvable_type"}
    assert any(words in finding.message for finding in manifest.findings), manifest.findings
    assert manifest.handlers[0].types.body is None


@pytest.mark.parametrize(
    ("decorator", "code", "words"),
    [
        ("@get(PATH)", "dynamic_value", "computed when the program runs"),
        ("@get(f'/{PATH!r}')", "dynamic_value", "formatted text"),
        ("@get(f'/{print}')", "dynamic_value", "is not a constant"),
        ("@get('/a', timeout=make())", "dynamic_value", "computed when the program runs"),
        ("@get('/a', timeout=Config.other)", "dynamic_value", "is not a constant"),
        ("@get('/a', **make())", "dynamic_value", "the options are computed"),
        ("@get('/a', responses=make())", "dynamic_value", "the responses are computed"),
        ("@get('/a', responses={make(): int})", "dynamic_value", "computed when the program runs"),
        ("@get('/a', timeout='x' * 10**9)", "dynamic_value", "can not be computed"),
        ("@get('/a', timeout=9**999999)", "dynamic_value", "can not be computed"),
        ("@get('/a', timeout=1/0)", "dynamic_value", "can not be computed"),
        ("@get('/a', tags={[]: 1})", "dynamic_value", "is not a constant"),
        ("@get('/a', tags=(*1,))", "dynamic_value", "is not a constant"),
        ("@get('/a', tags=-'x')", "dynamic_value", "computed when the program runs"),
        ("@get('/a', before=make())", "dynamic_hook", "the hooks for before are computed"),
        ("@get('/a', before=[make()])", "dynamic_hook", "is no function of the project"),
        ("@get('/a', before=LOOP)", "dynamic_hook", "the hooks for before are computed"),
        ("@get('/a', timeout=make.seconds)", "dynamic_value", "is not a constant"),
        ("@get('/a', tags={'a', *'b'} and {**{'a': 1}, 'b': 2})", "dynamic_value", "computed when"),
        ("@get('/a', tags={**{'a': 1}, 'b': {1}})", None, ""),
        ("@get(f'/{1.5}')", "dynamic_value", "formatted text"),
        ("@get('/' + 'x' * 100_000 + 'y')", "dynamic_value", "can not be computed"),
        ("@get('/a', before=[decorated])", None, ""),
        ("@get('/a', before=[Config])", "dynamic_hook", "is no function of the project"),
        ("@get('/a', before=[os.getcwd])", "dynamic_hook", "is no function of the project"),
        ("@get('/a', before=[late])", "invalid_declaration", "is a hook for after"),
        ("@get('/a', before=[wrong])", "signature", "'x' is not one of them"),
        ("@get", "invalid_declaration", "needs its path"),
        ("@get()", "invalid_declaration", "the path is missing"),
        ("@get('')", "invalid_declaration", "is not empty"),
        ("@get('a')", "invalid_declaration", "does not start with a slash"),
        ("@get('/{a:color}')", "invalid_declaration", "'color' is no type of a path parameter"),
        ("@get('/a', roles='x')", "invalid_declaration", "roles is a sequence"),
        ("@get('/a', nothing=1)", "invalid_declaration", "has no option 'nothing'"),
        ("@handler('/a')", "invalid_declaration", "needs methods"),
        ("@handler('/a', methods=('x',))", "invalid_declaration", "in upper case"),
        ("@handler('/a', methods=make())", "dynamic_value", "computed when the program runs"),
        ("@group('/a')", "dynamic_declaration", "a group is no decorator"),
        ("@group('/a/').get('/x')", "invalid_declaration", "ends with a slash"),
        ("@group(PATH).get('/x')", "dynamic_value", "computed when the program runs"),
        ("@group('/a', id='x').get('/x')", "invalid_declaration", "a group has no option 'id'"),
        ("@admin.get('/b', roles=())", "invalid_declaration", "can only narrow"),
    ],
)
def test_what_is_not_static_or_not_valid_is_a_finding(
    manifest_of: Build, decorator: str, code: str | None, words: str
) -> None:
    manifest = manifest_of(
        f"""
        import os
        def make(): ...
        PATH = make()
        LOOP = LOOP
        make()()
        make().x = 1
        class Config:
            other_name, seconds = 1, 2
            seconds: float = 1.0
        @make
        @before(level="route")
        def decorated(req): ...
        admin = group("/admin", roles=("admin",))
        @after(level="route")
        def late(res): ...
        def wrong(x): ...

        {decorator}
        def a(req, res, lctx, gctx): ...
        @get("/other", after=[late])
        def other(req, res, lctx, gctx): ...
        """
    )
    assert [found for found in codes(manifest) if not found.startswith("lint_")] == ([code] if code else [])
    if code is None:
        return
    assert any(words in finding.message for finding in manifest.findings), manifest.findings


@pytest.mark.parametrize(
    "text",
    [
        "Config.seconds",
        "-(-1)",
        "+1",
        "not False",
        "1 if False else 2",
        "0.5 + 0.5",
        "2 ** 3",
        "math.inf",
        "math.nan",
        "10 ** 400",
        "1024 ** 1024 * 1024 ** 1024",
        "0x" + "f" * 5000,
        "float('inf')",
        "float(' Infinity')",
        "float('nan')",
        "float(Config.seconds)",
        "float('1', **{})",
        "len('inf')",
        "'inf'.upper('inf')",
        "LOOP",
    ],
)
def test_constants_are_computed_or_refused(manifest_of: Build, text: str) -> None:
    manifest = manifest_of(
        f"""
        import math
        LOOP = LOOP
        class Config:
            seconds: float = 1.0
        @get("/a", timeout={text})
        def a(req, res, lctx, gctx): ...
        """
    )
    expected = {
        "not False": ["invalid_declaration"],
        "1 if False else 2": ["dynamic_value"],
        "10 ** 400": ["invalid_declaration"],
        "1024 ** 1024 * 1024 ** 1024": ["dynamic_value"],
        "0x" + "f" * 5000: ["dynamic_value"],
        "math.nan": ["invalid_declaration"],
        "float('nan')": ["dynamic_value"],
        "float(Config.seconds)": ["dynamic_value"],
        "float('1', **{})": ["dynamic_value"],
        "len('inf')": ["dynamic_value"],
        "'inf'.upper('inf')": ["dynamic_value"],
        "LOOP": ["dynamic_value"],
    }
    assert codes(manifest) == expected.get(text, [])


def test_a_route_without_a_deadline_is_one(manifest_of: Build) -> None:
    manifest = manifest_of(
        """
        import math
        @get("/a", timeout=math.inf)
        def a(req, res, lctx, gctx): res.json({})
        @before(timeout=math.inf)
        def b(req): ...
        """
    )
    (handler,) = manifest.handlers
    assert codes(manifest) == ["invalid_declaration"]  # a hook declares no timeout instead
    assert handler.policies.timeout == math.inf
    assert '"timeout":"Infinity"' in manifest.to_json()
    assert Manifest.from_json(manifest.to_json()) == manifest
    jsonschema.validate(json.loads(manifest.to_json()), Manifest.json_schema())
    assert "504" not in openapi(manifest)["paths"]["/a"]["get"]["responses"]
    assert "| timeout | none |" in markdown(manifest)
    with pytest.raises(ManifestRefused, match="expected a number"):
        Manifest.from_json(manifest.to_json().replace('"timeout":"Infinity"', '"timeout":"NaN"'))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("get('/a')(print)", "stands where it is no decorator"),
        ("x = get('/a')(print)", "stands where it is no decorator"),
        ("for path in ('/a', '/b'):\n  get(path)(print)", "stands where it is no decorator"),
        ("def make():\n  @get('/a')\n  def a(req, res, lctx, gctx): ...\n  return a", "inside of a function"),
        (
            "def make():\n  try:\n    with x:\n      return get('/a')(print)\n  except E: ...",
            "stands where it is no decorator",
        ),
        ("match 1:\n  case 1:\n    get('/a')(print)", "stands where it is no decorator"),
    ],
)
def test_a_declaration_that_is_made_at_run_time_is_a_finding(
    manifest_of: Build, source: str, words: str
) -> None:
    for manifest in (
        manifest_of(a="from gnomon import get\n" + source),
        manifest_of(a="from gnomon import *\n" + source),
    ):
        assert codes(manifest) == ["dynamic_declaration"]
        assert words in manifest.findings[0].message


def test_a_definition_that_is_shadowed_is_told(manifest_of: Build) -> None:
    manifest = manifest_of(
        """
        @get("/a")
        def a(req, res, lctx, gctx): ...
        @get("/b")
        def a(req, res, lctx, gctx): ...
        """
    )
    assert [handler.path for handler in manifest.handlers] == ["/a", "/b"]
    assert codes(manifest) == ["ambiguous_definition", "lint_duplicate_id"]


def test_a_wrong_signature_is_told_with_the_right_form(manifest_of: Build) -> None:
    manifest = manifest_of(
        """
        @get("/a")
        async def a(request, res, lctx, gctx, *args, b=1, **rest): ...
        @before
        def hook(error, /): ...
        """
    )
    one, two = manifest.findings
    assert (one.code, one.position.line) == ("signature", 4)
    assert "did you mean 'req'?" in one.message
    assert "write: async def a(req, res, lctx, gctx)" in one.message
    assert "'error' is not one of them" in two.message
    assert manifest.handlers == ()


def test_a_fault_in_a_type_is_told_to_everybody_who_uses_it(manifest_of: Build) -> None:
    manifest = manifest_of(
        """
        from typing import TypedDict
        @post("/a")
        def a(req: Request[Outer], res, lctx, gctx): ...
        @post("/b")
        def b(req: Request[Inner], res, lctx, gctx): ...
        @post("/c")
        def c(req: Request[Outer], res, lctx, gctx): ...
        class Inner(TypedDict):
            wrong: missing
        class Outer(TypedDict):
            inner: list[Inner]
        """
    )
    assert [handler.types.body for handler in manifest.handlers] == [None, None, None]
    assert {finding.code for finding in manifest.findings} == {"unresolvable_type"}


@pytest.mark.parametrize("first", ["One", "Two"])
def test_types_in_a_circle_are_told_the_same_whichever_comes_first(manifest_of: Build, first: str) -> None:
    manifest = manifest_of(
        f"from .types import *\n@post('/a')\ndef a(req: Request[{first}], res, lctx, gctx): ...",
        types="One = list[Two]\nTwo = list[One]",
    )
    assert {"'One' refers to itself" in finding.message for finding in manifest.findings} == {True}
