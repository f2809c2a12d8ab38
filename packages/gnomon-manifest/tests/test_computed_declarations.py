"""What is declared by something that is computed is told, at its place; what is not declared is not."""

from __future__ import annotations

import importlib
import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_manifest import Manifest, build
from gnomon_manifest.declare import declaration_of, hook_of
from gnomon_manifest.testing import write_package

NUMBERS = itertools.count()
HEAD = """
import functools, importlib, operator, types
import gnomon
import gnomon_manifest.declare as declare
from functools import partial
from gnomon import after, before, catch, get, group, handler, post
from gnomon import get as fetch
"""
# what can stand between @ and the end of the line, with what it needs above it; {n} is another number each time
ROUTES = [
    ("", "(get if {n} else post)('/{n}')"),
    ("verbs{n} = {{'a': get, 'b': [post]}}", "verbs{n}['a']('/{n}')"),
    ("verbs{n} = {{'a': get, 'b': [post]}}", "verbs{n}['b'][0]('/{n}')"),
    ("def route{n}(path): return get('/v' + path)", "route{n}('/{n}')"),
    (
        "def route{n}(path, **more):\n    def inner(f): return get(path, **more)(f)\n    return inner",
        "route{n}('/{n}')",
    ),
    ("def deep{n}(path): return get(path)\ndef route{n}(path): return deep{n}(path)", "route{n}('/{n}')"),
    (
        "class Api{n}:\n    route = staticmethod(get)\n    def own(self, path): return get(path)",
        "Api{n}.route('/{n}')",
    ),
    (
        "class Api{n}:\n    route = staticmethod(get)\n    def own(self, path): return get(path)",
        "Api{n}().own('/{n}')",
    ),
    ("class Api{n}:\n    def own(self, path): return get(path)\napi{n} = Api{n}()", "api{n}.own('/{n}')"),
    ("verb{n} = partial(get, summary='x')", "verb{n}('/{n}')"),
    ("", "functools.partial(get, '/{n}')()"),
    ("verb{n} = get\nif {n}: verb{n} = post", "verb{n}('/{n}')"),
    ("verb{n} = get or post", "verb{n}('/{n}')"),
    ("verb{n} = (lambda: get)()", "verb{n}('/{n}')"),
    ("(verb{n}) = [get][0]", "verb{n}('/{n}')"),
    ("verb{n}, other{n} = get, post", "verb{n}('/{n}')"),
    ("verb{n} = other{n} = get", "verb{n}('/{n}')"),
    ("for verb{n} in (get, post): pass", "verb{n}('/{n}')"),
    ("with_{n} = types.SimpleNamespace(get=get)", "with_{n}.get('/{n}')"),
    ("", "(lambda f: get('/{n}')(f))"),
    ("", "(verb{n} := get)('/{n}')"),
    ("", "getattr(gnomon, 'g' + 'et')('/{n}')"),
    ("", "getattr(declare, 'get')('/{n}')"),
    ("", "operator.attrgetter('get')(gnomon)('/{n}')"),
    ("", "globals()['get']('/{n}')"),
    ("", "eval('get')('/{n}')"),
    ("", "importlib.import_module('gnomon').get('/{n}')"),
    ("", "__import__('gnomon').get('/{n}')"),
    ("groups{n} = [group('/g')]", "groups{n}[0].get('/{n}')"),
    ("make{n} = lambda: group('/g')", "make{n}().get('/{n}')"),
    ("def make{n}():\n    from gnomon import get\n    return get", "make{n}()('/{n}')"),
    ("def make{n}():\n    import gnomon\n    return gnomon.get", "make{n}()('/{n}')"),
    ("route{n} = [g for g in (get,)][0]", "route{n}('/{n}')"),
    ("def wrap{n}(f):\n    f = get('/{n}')(f)\n    return f", "wrap{n}"),
    (
        "class Wrap{n}:\n    def __init__(self, path): self.path = path\n    def __call__(self, f): return get(self.path)(f)",
        "Wrap{n}('/{n}')",
    ),
    ("from .deco import v1 as v{n}", "v{n}('/{n}')"),
    ("from . import deco", "deco.v1('/{n}')"),
    ("from . import deco", "deco.table['get']('/{n}')"),
]
HOOKS = [
    ("", "(after if {n} else before)"),
    ("", "(after if {n} else before)(name='h{n}')"),
    ("hooks{n} = [before, after]", "hooks{n}[0]"),
    ("def hook{n}(f): return before(f)", "hook{n}"),
    ("def hook{n}(): return before(timeout=1)", "hook{n}()"),
    ("timed{n} = partial(before, timeout=1)", "timed{n}()"),
    ("", "[before][0](name='h{n}')"),
    ("", "vars(gnomon)['before']"),
    ("", "dict(b=before)['b']"),
]
# these declare without a decorator, and above is the place
CALLS = [
    "{name} = get('/{n}')({name})",
    "get('/{n}')({name})",
    "for f in [{name}]: fetch('/{n}')(f)",
    "[get('/{n}')(f) for f in [{name}]]",
    "list(map(before, [{name}]))",
    "if {n}: before({name})",
    "while not hasattr({name}, '__gnomon_hook__'): before({name})",
    "declare.get('/{n}')({name})",
    "(lambda d: d('/{n}')({name}))(get)",
    "x{n} = {{'k': before({name})}}",
    "x{n} = (y := before)({name})",
    "def late{n}(decorate=before): return decorate({name})\nlate{n}()",
    "def late{n}():\n    global before\n    return before({name})\nlate{n}()",
    "class Late{n}:\n    before({name})",
    "try: before({name})\nexcept KeyError: pass",
    "assert before({name})",
    "group('/g').get('/{n}')({name})",
]
PLAIN = [
    "functools.cache",
    "functools.lru_cache(maxsize=1)",
    "plain",
    "plain_factory(1)",
    "Plain",
    "Plain().method",
    "PLAIN['a']",
    "(plain if 1 else functools.cache)",
    "(lambda f: f)",
]
DECO = """
from gnomon import get
def v1(path): return get("/v1" + path)
table = {"get": get}
"""
NOTHING = """
def plain(f): return f
def plain_factory(n): return plain
class Plain:
    def __init__(self, f=None): self.f = f
    def __call__(self, *a): return self.f(*a)
    def method(self, f): return f
PLAIN = {'a': plain}
"""


def made(source: str) -> tuple[Manifest, Any]:
    """The manifest of a module, and the module itself."""
    name = f"computed{next(NUMBERS)}"
    with tempfile.TemporaryDirectory() as folder:
        root = write_package(Path(folder), {"main.py": source, "deco.py": DECO}, name=name)
        manifest = build(root)
        sys.path.insert(0, folder)
        try:
            module = importlib.import_module(f"{name}.main")
        finally:
            sys.path.remove(folder)
            for known in [known for known in sys.modules if known.partition(".")[0] == name]:
                del sys.modules[known]
    return manifest, module


def declared(module: Any, name: str) -> bool:
    function = getattr(module, name)
    return declaration_of(function) is not None or hook_of(function) is not None


def told(manifest: Manifest, first: int, last: int) -> bool:
    return any(
        finding.code == "dynamic_declaration" and first <= finding.position.line <= last
        for finding in manifest.findings
    )


class Snippet:
    """A function that is declared in a way that can not be read, and where that stands."""

    def __init__(self, draw: Any, number: int) -> None:
        self.name = f"f{number}"
        words = {"n": str(number), "name": self.name}
        sort = draw(st.sampled_from(["route", "hook", "call", "plain"]))
        asynchronous = draw(st.sampled_from(["", "async "]))
        head = f"{asynchronous}def {self.name}(req, res, lctx, gctx): ..."
        self.plain = sort == "plain"
        self.above, self.lines = "", [head]
        if sort == "call":
            self.lines += draw(st.sampled_from(CALLS)).format(**words).split("\n")
        elif sort == "plain":
            self.lines.insert(0, "@" + draw(st.sampled_from(PLAIN)))
        else:
            above, decorator = draw(st.sampled_from(ROUTES if sort == "route" else HOOKS))
            self.above = above.format(**words)
            self.lines.insert(0, "@" + decorator.format(**words))
            if draw(st.booleans()):
                self.lines.insert(draw(st.integers(0, 1)), "@plain")


@st.composite
def snippets(draw: Any) -> list[Snippet]:
    return [Snippet(draw, number + 1) for number in range(draw(st.integers(1, 6)))]


@given(snippets())
def test_what_runs_and_is_not_in_the_manifest_is_told_at_its_place(found: list[Snippet]) -> None:
    """Decorators, calls and helpers in any mix: never silence, and no finding about what declares nothing."""
    lines = (HEAD + NOTHING + "\n".join(snippet.above for snippet in found)).split("\n")
    places: list[tuple[Snippet, int, int]] = []
    for snippet in found:
        places.append((snippet, len(lines) + 1, len(lines) + len(snippet.lines)))
        lines += snippet.lines
    source = "\n".join(lines) + "\n"
    manifest, module = made(source)
    read = {handler.name for handler in manifest.handlers}
    read |= {hook.name.rpartition(".")[2] for handler in manifest.handlers for hook in handler.hooks}
    for snippet, first, last in places:
        assert not (snippet.plain and declared(module, snippet.name))
        if snippet.plain:
            assert not told(manifest, first, last), (snippet.lines, manifest.findings)
        else:
            assert declared(module, snippet.name), snippet.lines
            assert snippet.name in read or told(manifest, first, last), (snippet.above, snippet.lines)


@pytest.mark.parametrize(("above", "decorator"), [*ROUTES, *HOOKS])
def test_each_form_of_a_decorator_is_told_where_it_stands(above: str, decorator: str) -> None:
    head = f"{HEAD}{above.format(n=7)}\n"
    source = f"{head}@{decorator.format(n=7)}\nasync def f(req, res, lctx, gctx): ...\n"
    manifest, module = made(source)
    assert declared(module, "f")
    first = head.count("\n") + 1
    assert not any(handler.name == "f" for handler in manifest.handlers)
    assert told(manifest, first, first + 1), manifest.findings


@pytest.mark.parametrize("call", CALLS)
def test_each_form_of_a_call_is_told_where_it_stands(call: str) -> None:
    head = f"{HEAD}def f(req, res, lctx, gctx): ...\n"
    manifest, module = made(head + call.format(n=7, name="f") + "\n")
    assert declared(module, "f")
    assert told(manifest, head.count("\n") + 1, 1000), manifest.findings


READ = """
from gnomon import after, before, get, group, post
fetch = get
api = group("/api", tags=("a",))
inner = api.group("/inner")
again = inner
if 1:
    late = before
@fetch("/1")
def a(req, res, lctx, gctx):
    "Do get it before you post it after all; get"
    get = {}.get
    return get("before"), [before for before in (1, 2)], (lambda get: get)(1)
@again.post("/2", before=[])
def b(req, res, lctx, gctx):
    def after(before): return before
    return after(1)
@late
def c(lctx, *, gctx=1): return [post for post in ()]
@staticmethod
def d(req): ...
class K:
    def deco(f): return f
    @property
    def x(self): return 1
    @x.setter
    def x(self, value): ...
    @deco
    def y(self, req, res, lctx, gctx): ...
    @get("/3")
    def z(self, req, res, lctx, gctx): ...
# get before after
"""


def test_what_is_read_is_not_told_as_well() -> None:
    manifest, _ = made(READ)
    assert [finding for finding in manifest.findings if finding.position.file == "main.py"] == []
    assert [handler.name for handler in manifest.handlers] == ["K.z", "a", "b"]


OTHERS: list[tuple[str, str, bool]] = [
    ("import somewhere", "@somewhere.route('/a')", True),
    ("from somewhere import route", "@route('/a')", True),
    ("import somewhere\napi = somewhere.Api()", "@api.get('/a')", True),
    ("", "@unknown('/a')", True),
    ("import functools", "@functools.cache", False),
    ("import gnomon", "@gnomon.something", True),
    ("from gnomon import psot", "@psot('/a')", True),
    ("import gnomon", "@gnomon.testing.something", False),
    ("import gnomon", "@gnomon.App", False),
    ("from . import main", "@main.something", True),
    ("from . import deco", "@deco", True),
]


@pytest.mark.parametrize(("above", "decorator", "doubtful"), OTHERS)
def test_decorators_from_elsewhere_above_what_looks_like_a_handler(
    tmp_path: Path, above: str, decorator: str, doubtful: bool
) -> None:
    signatures = {
        "req, res, lctx, gctx": doubtful,
        "gctx, lctx, ws, req": doubtful,
        "req": decorator == "@deco",
    }
    for parameters, wanted in signatures.items():
        source = f"{above}\n{decorator}\ndef f({parameters}): ...\n"
        manifest = build(write_package(tmp_path, {"main.py": source, "deco.py": DECO}))
        assert [finding.code for finding in manifest.findings if finding.position.file == "main.py"] == (
            ["dynamic_declaration"] if wanted else []
        )


def test_a_class_that_a_helper_decorates_is_told(tmp_path: Path) -> None:
    source = (
        HEAD
        + "service = partial(declare.module, 'x')\n@service()\nclass Db: ...\n@functools.total_ordering\nclass Other: ...\n"
    )
    manifest = build(write_package(tmp_path, {"main.py": source}))
    assert [finding.position.line for finding in manifest.findings] == [8, 9]


def places(manifest: Manifest) -> Iterator[int]:
    for finding in manifest.findings:
        assert finding.code == "dynamic_declaration"
        yield finding.position.line


def test_an_import_inside_of_a_function_that_brings_one_of_ours_is_told(tmp_path: Path) -> None:
    source = """def a():
    from .deco import *
    from .deco import v2
    from .deco import v1
    import os, gnomon
def b():
    from .deco import table
"""
    files = {"main.py": source, "deco.py": "from gnomon import get\nv2 = get\ndef v1(): ...\ntable = {}"}
    assert list(places(build(write_package(tmp_path, files)))) == [3, 5]


def test_a_number_of_any_size_in_a_type_is_no_fault_of_the_manifest(tmp_path: Path) -> None:
    text = f"from gnomon import *\nfrom typing import Literal\n@get('/a')\ndef a(req, res: Response[Literal[0x{'f' * 5000}]], lctx, gctx): ..."
    manifest = build(write_package(tmp_path, {"main.py": text}))
    assert [finding.code for finding in manifest.findings] == ["unresolvable_type"]
    assert Manifest.from_json(manifest.to_json()) == manifest
