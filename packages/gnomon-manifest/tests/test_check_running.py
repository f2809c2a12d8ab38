"""A manifest beside running code: hooks, roles, and the applications that stand in its modules."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from gnomon_manifest import check
from gnomon_manifest._services import RESOURCES, AuthenticatorDeclaration, ModuleDeclaration
from gnomon_manifest._words import _at_home
from gnomon_manifest.declare import HandlerDeclaration, HookDeclaration
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


EVERY_HANDLER = """
from typing import TypedDict
from collections.abc import AsyncIterator
from gnomon import Request, Response
class Body(TypedDict):
    a: int
class Gone(TypedDict):
    b: int
class Query(TypedDict, total=False):
    c: int
@before(level="route")
def first(lctx): ...
def plain(lctx): ...
@after(level="route", requires=first)
def last(res): ...
@catch(level="route")
def told(error): ...
@handler("/a/{id}", methods=("PUT", "POST"), id="everything", roles=("x",), rate_limit="1/minute", body_limit=1,
    timeout=2, responses={409: Gone, 410: None}, before=[first, plain], after=[last], catch=[told], tags=("t",),
    version="1", deprecated="not that")
async def a(req: Request[Body, Query, Query], res: Response[list[Body]], lctx, gctx):
    '''Summary.

    Description.

    Args:
        id: which.
    '''
    res.status(409)
    res.status(410)
@get("/b")
def b(req: Request[bytes], res: "Response[AsyncIterator[Body]]", lctx, gctx): ...
@websocket("/c")
def c(req, ws, lctx, gctx): ...
"""
EVERY_HOOK = (
    ROUTE
    + """
import json
from json import JSONDecodeError as Bad
class Own(Exception): ...
@before(name="one", timeout=1, retries=2, backoff=3, retry_on=(Bad, json.JSONDecodeError, IOError, Own), isolated=True, at="received")
async def one(lctx): ...
@after(in_thread=True, requires="one")
def two(res): ...
@after(requires=two)
def three(res): ...
"""
)


def test_everything_that_a_handler_declares_agrees(tmp_path: Path) -> None:
    assert checked(tmp_path, EVERY_HANDLER) == ()


def test_everything_that_a_hook_declares_agrees(tmp_path: Path) -> None:
    assert checked(tmp_path, EVERY_HOOK) == ()


HANDLER_CHANGES: dict[str, object] = {
    "methods": ("GET",),
    "path": "/z",
    "id": "other",
    "websocket": True,
    "roles": ("z",),
    "rate_limit": None,
    "body_limit": 9,
    "timeout": 9.0,
    "responses": {409: int},
    "before": (),
    "after": (),
    "catch": (),
    "summary": "z",
    "description": "z",
    "tags": ("z",),
    "version": "z",
    "deprecated": "z",
    "parameters": {"z": "z"},
}
HOOK_CHANGES: dict[str, object] = {
    "point": "after",
    "name": "z",
    "level": "route",
    "timeout": 9.0,
    "retries": 9,
    "backoff": 9.0,
    "retry_on": (KeyError,),
    "isolated": False,
    "in_thread": True,
    "at": None,
    "requires": "z",
}


def changed(source: str, name: str, carrier: str, change: dict[str, object]) -> str:
    """A module that declares something else when it runs than its source says."""
    values = ", ".join(f"{field}={value!r}" for field, value in change.items()).replace(
        "<class 'int'>", "int"
    )
    values = values.replace("<class 'KeyError'>", "KeyError")
    return f"{source}\nimport dataclasses\nfor live in [{name}]: vars(live)[{carrier!r}] = dataclasses.replace(vars(live)[{carrier!r}], {values})\n"


def test_every_field_of_a_declaration_is_compared() -> None:
    """A field that a declaration gains has to be compared, and stand here."""
    assert HANDLER_CHANGES.keys() == {field.name for field in dataclasses.fields(HandlerDeclaration)}
    assert HOOK_CHANGES.keys() == {field.name for field in dataclasses.fields(HookDeclaration)}
    assert {"name", "summary", *RESOURCES} == {field.name for field in dataclasses.fields(ModuleDeclaration)}
    assert {"roles"} == {field.name for field in dataclasses.fields(AuthenticatorDeclaration)}


@pytest.mark.parametrize("field", HANDLER_CHANGES)
def test_a_handler_that_runs_with_another_declaration_is_told(tmp_path: Path, field: str) -> None:
    source = changed(EVERY_HANDLER, "a", "__gnomon_handler__", {field: HANDLER_CHANGES[field]})
    told = checked(tmp_path, source)
    assert len(told) == (2 if field == "id" else 1), told
    assert all(line.startswith("handler ") for line in told)
    assert field == "id" or f": {field} is " in told[0]


@pytest.mark.parametrize("field", HOOK_CHANGES)
def test_a_hook_that_runs_with_another_declaration_is_told(tmp_path: Path, field: str) -> None:
    source = changed(EVERY_HOOK, "one", "__gnomon_hook__", {field: HOOK_CHANGES[field]})
    told = checked(tmp_path, source)
    assert len(told) == (2 if field == "name" else 1), told
    assert all(line.startswith("hook ") for line in told)
    assert field in ("name", "level") or f": {field} is " in told[0]


@pytest.mark.parametrize("field", ["timeout", "name"])
def test_a_hook_of_a_route_that_runs_with_another_declaration_is_told(tmp_path: Path, field: str) -> None:
    source = changed(EVERY_HANDLER, "first", "__gnomon_hook__", {field: HOOK_CHANGES[field]})
    told = checked(tmp_path, source)
    assert told
    assert all("first" in line for line in told)


@pytest.mark.parametrize(
    ("name", "annotation", "part"),
    [
        ("req", "Request[int, Query, Query]", "body"),
        ("req", "Request[Body, None, Query]", "query"),
        ("req", "Request[Body, Query]", "headers"),
        ("res", "Response[int]", "responses"),
        ("res", "Response[AsyncIterator[list[Body]]]", "stream"),
        ("req", "int", "body"),
        ("req", "Request[lambda: 0, Query, Query]", "body"),
        ("req", "'Unknown[int]'", "body"),
    ],
)
def test_a_handler_that_runs_with_other_types_is_told(
    tmp_path: Path, name: str, annotation: str, part: str
) -> None:
    told = checked(
        tmp_path, EVERY_HANDLER + f"\nfor live in [a]: live.__annotations__[{name!r}] = {annotation}\n"
    )
    assert any(line.startswith(f"handler everything: {part} is ") for line in told), told


def test_a_handler_that_runs_asynchronously_is_told(tmp_path: Path) -> None:
    source = (
        ROUTE
        + "async def later(req, res, lctx, gctx): ...\nvars(later).update(vars(a))\nglobals()['a'] = later\n"
    )
    assert checked(tmp_path, source) == (
        "handler app.main.a: async is False in the source and True in the running code",
    )


def test_an_exception_that_is_not_there_keeps_its_name() -> None:
    assert _at_home("nowhere.Error") == "nowhere.Error"
    assert _at_home("json.nothing") == "json.nothing"
    assert _at_home("json.dumps") == "json.dumps"
