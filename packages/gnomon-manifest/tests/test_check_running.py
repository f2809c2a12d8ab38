"""A manifest beside running code: hooks, roles, and the applications that stand in its modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from gnomon_manifest import check
from gnomon_manifest.testing import write_package

HEAD = "from gnomon_manifest.declare import *\n"
ROUTE = "@get('/a')\ndef a(req, res, lctx, gctx): ...\n"


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name == "app" or name.startswith("app.")]:
        del sys.modules[name]


def checked(tmp_path: Path, source: str) -> tuple[str, ...]:
    return check(write_package(tmp_path, {"main.py": HEAD + dedent(source)}))


def test_hooks_and_roles_that_agree(tmp_path: Path) -> None:
    source = """
        @before(timeout=1.5, retries=2, at="received")
        def early(lctx): ...
        class Kept:
            @after(isolated=True)
            def late(self, res): ...
        @catch(level="route")
        def told(error): ...
        @authenticator(roles=("b", "a"))
        class Tokens: ...
        class More(Tokens): ...
        @authenticator(roles=())
        def none(): ...
        @get("/a", roles=("a",), catch=[told])
        def a(req, res, lctx, gctx): ...
        """
    assert checked(tmp_path, source) == ()


def test_hooks_and_roles_that_differ(tmp_path: Path) -> None:
    source = f"""
def later(value): return value
@before(timeout=later(1))
def slow(lctx): ...
@(after if later(1) else before)
def chosen(res): ...
@before
def gone(lctx): ...
del gone
(authenticator if later(1) else module)(roles=("x",))(later)
{ROUTE}"""
    assert checked(tmp_path, source) == (
        "hook app.main.chosen is in the running code and not in the source",
        "hook app.main.gone is in the source and not in the running code",
        "hook app.main.slow: timeout is None in the source and 1.0 in the running code",
        "the authenticators: roles is None in the source and ('x',) in the running code",
    )


def test_without_a_handler_there_are_no_hooks_to_compare(tmp_path: Path) -> None:
    assert checked(tmp_path, "@before\ndef early(lctx): ...") == ()


APPLICATION = (
    """
from gnomon import App
@before
def one(lctx): ...
@before(at="received")
def two(lctx): ...
@after
def three(res): ...
@after
def four(res): ...
@catch
def five(error): ...
"""
    + ROUTE
)


def test_an_application_runs_the_hooks_of_the_manifest_in_its_order(tmp_path: Path) -> None:
    assert checked(tmp_path, APPLICATION + "app = again = App(__name__)") == ()


def test_an_application_that_runs_others(tmp_path: Path) -> None:
    source = APPLICATION + "def sixth(res): ...\nextra = {'hooks': [after(sixth)]}\napp = App(a, **extra)"
    assert checked(tmp_path, source) == (
        "hook app.main.sixth is in the running code and not in the source",
        "handler app.main.a: no application runs the global after hooks app.main.four, app.main.three",
        "handler app.main.a: no application runs the global before hooks app.main.two, app.main.one",
        "handler app.main.a: no application runs the global catch hooks app.main.five",
        "handler app.main.a: the global after hooks are app.main.four, app.main.three in the source and app.main.sixth in the application",
    )


def test_a_hook_that_one_of_several_applications_runs_is_run(tmp_path: Path) -> None:
    assert checked(tmp_path, APPLICATION + "part, whole = App(a), App(__name__)") == ()


def test_another_order_is_told(tmp_path: Path) -> None:
    source = APPLICATION + "app = App(a, two, four, three, one, five)"
    assert checked(tmp_path, source) == (
        "handler app.main.a: the global after hooks are app.main.four, app.main.three in the source and app.main.three, app.main.four in the application",
    )


def test_code_without_the_runtime_is_checked_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gnomon", None)
    assert checked(tmp_path, ROUTE) == ()
