"""Objects whose own methods raise, attribute access among them: problems, or the error of the application's own code."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import re
import sys
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import pytest

from gnomon_gtype import (
    Closed,
    DumpError,
    Email,
    GType,
    Min,
    Open,
    Predicate,
    SchemaError,
    Sensitive,
    UniqueItems,
    UnsupportedAnnotation,
    ValidationError,
    g,
)
from gnomon_gtype import schema as n


def _raise(*_: object) -> Any:
    raise RuntimeError("no")


class Silent:
    """Says nothing about itself, not even its class."""

    __getattribute__ = _raise


class Classless:
    __class__ = property(_raise)  # type: ignore[assignment]


@dataclasses.dataclass
class Point:
    x: int = 1


class Pair(NamedTuple):
    a: int = 1


class Simple(TypedDict):
    a: int


class Secret(TypedDict):
    a: Sensitive[int]


class Cat(TypedDict):
    kind: Literal["cat"]


class Dog(TypedDict):
    kind: Literal["dog"]


class Colour(enum.Enum):
    RED = "red"


def silent(base: type[Any], *arguments: Any, **named: Any) -> Any:
    """An instance of a subclass of `base` whose attributes cannot be read."""
    return type(f"Silent{base.__name__}", (base,), {"__getattribute__": _raise})(*arguments, **named)


VALUES: list[Any] = [
    Silent(),
    Classless(),
    silent(int, 5),
    silent(float, 1.5),
    silent(str, "a"),
    silent(bytes, b"a"),
    silent(list, [1]),
    silent(dict, {"a": 1}),
    silent(tuple, (1, "a")),
    silent(set, {1}),
    silent(frozenset, {1}),
    silent(decimal.Decimal, "1.5"),
    silent(dt.datetime, 2026, 1, 1, tzinfo=dt.UTC),
    silent(dt.date, 2026, 1, 1),
    silent(dt.time, 1),
    silent(dt.timedelta, 1),
    type("SilentPoint", (Point,), {"__getattribute__": _raise})(),
    silent(Pair, 1),
]
VALUES += [[value] for value in VALUES] + [{"a": value} for value in VALUES]

PLAIN: list[Any] = [
    None,
    bool,
    int,
    float,
    int | float,
    str,
    bytes,
    decimal.Decimal,
    Annotated[decimal.Decimal, Min(1)],
    dt.date,
    dt.datetime,
    dt.time,
    dt.timedelta,
    uuid.UUID,
    pathlib.Path,
    re.Pattern,
    Any,
    Literal["a", 1],
    Literal[1],
    Colour,
    list[int],
    tuple[int, str],
    tuple[int, ...],
    Sequence[int],
    set[int],
    frozenset[int],
    dict[str, int],
    dict[int, int],
    Simple,
    Closed[Simple],
    Open[Simple],
    Secret,
    int | str,
    Simple | None,
    Cat | Dog,
    Email,
    Sensitive[int],
    Annotated[list[Any], UniqueItems()],
    n.Not(n.Integer()),
    g.intersection(Simple, g.object({"b": int})),
    n.Record(patterns=(("a", n.Integer()),), extra="keep", max_length=3),
]
OWN_CODE: list[Any] = [
    Point,
    Pair,
    Simple | Point | None,
    Annotated[int, Predicate(lambda value: value > 0, "above 0", id="positive")],
]


@pytest.fixture(autouse=True)
def _quiet_engine(monkeypatch):
    """Where the engine asks such an object for its class, it reports the error here and goes on."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)


@pytest.mark.parametrize("annotation", PLAIN + OWN_CODE, ids=str)
def test_problems_and_no_error_of_the_value(annotation):
    gtype: GType[Any] = GType(annotation)
    for value in VALUES:
        problems = gtype.problems(value)
        assert all(problem.message and len(problem.actual) <= 200 for problem in problems)
        assert gtype.is_valid(value) == (not problems)
        gtype.redact(value)
        try:
            gtype.dump_json(value)
        except DumpError as error:
            assert str(error)


@pytest.mark.parametrize("annotation", PLAIN, ids=str)
def test_lax_mode_has_problems_too(annotation):
    gtype: GType[Any] = GType(annotation)
    for value in VALUES:
        assert all(problem.message for problem in gtype.problems(value, "lax"))


def test_the_problem_says_what_was_raised_and_where():
    (problem,) = GType(dict[str, list[int]]).problems({"a": [1, Silent()]})
    assert problem.path == ("a", 1)
    assert problem.code == "wrong_type"
    assert problem.message == "Expected an integer, found a Silent that raises RuntimeError when it is read."
    (problem,) = GType(decimal.Decimal).problems(Silent(), "lax")
    assert (problem.code, problem.message) == (
        "invalid",
        "The value raises RuntimeError when it is read.",
    )
    assert problem.actual == "an object that cannot be shown (RuntimeError)"
    (problem,) = GType(Sensitive[decimal.Decimal]).problems(Silent(), "lax")
    assert problem.actual == "(hidden)"


def broken(_: Any) -> bool:
    raise KeyError("of the application")


@dataclasses.dataclass
class Broken:
    x: int

    def __post_init__(self) -> None:
        raise KeyError("of the application")


class Foreign:
    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        return {"type": "function-plain", "function": {"type": "no-info", "function": broken}}


FACTORY = n.Record((n.Field(name="a", schema=n.Integer(), default_factory=lambda: broken(0)),))


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (Annotated[int, Predicate(broken, "never")], "1"),
        (Broken, '{"x": 1}'),
        (FACTORY, "{}"),
        (list[Annotated[int, Predicate(broken, "never")]], "[1]"),
    ],
)
def test_an_error_of_the_application_is_passed_on(annotation, text):
    gtype: GType[Any] = GType(annotation)
    with pytest.raises(KeyError, match="of the application"):
        gtype.validate_json(text)
    if annotation is Broken:
        return
    for mode in ("strict", "lax"):
        with pytest.raises(KeyError, match="of the application"):
            gtype.validate({"1": 1, "[1]": [1], "{}": {}}[text], mode)  # type: ignore[arg-type]


@dataclasses.dataclass
class Mutable:
    x: int


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: int


class Family(TypedDict):
    children: set[Family]


NO_ITEM: list[tuple[Any, str]] = [
    (set[list[int]], "[]"),
    (frozenset[dict[str, int]], "[]"),
    (set[set[int]], "[]"),
    (set[Simple], "[]"),
    (set[Mutable], "[]"),
    (set[list[int] | Simple], "[]"),
    (set[tuple[int, list[int]]], "[]"),
    (set[Annotated[list[int], Predicate(bool, "not empty")]], "[]"),
    (list[set[list[int]]], "[][]"),
    (dict[list[int], str], "{key}"),  # type: ignore[type-var]
    (Family, "Family.children[]"),
    (g.set(list[int]), "[]"),
    (n.Set(n.Intersection((n.Array(rest=n.Integer()), n.Array(rest=n.Integer(minimum=1))))), "[]"),
]


@pytest.mark.parametrize(("annotation", "path"), NO_ITEM, ids=str)
def test_a_set_that_only_the_empty_one_would_be_is_refused_when_the_type_is_made(annotation, path):
    with pytest.raises(UnsupportedAnnotation, match=r"must be hashable.*write tuple\[\.\.\.\]") as caught:
        GType(annotation)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "annotation",
    [
        set[Any],
        set[frozenset[int]],
        set[Frozen],
        set[Pair],
        set[tuple[int, ...]],
        set[tuple[list[int], ...]],  # type: ignore[type-var]
        set[Sequence[int]],
        set[int | list[int]],
        dict[tuple[int, str], int],
        g.define(g.ref("T"), {"T": g.frozenset(g.tuple(g.ref("T")))}),
        g.define(g.set(g.ref("T")), {"T": g.tuple(g.ref("T"))}),
    ],
    ids=str,
)
def test_a_set_that_might_have_an_item_is_served(annotation):
    assert GType(annotation).schema


def test_a_tree_may_say_what_an_annotation_may_not():
    gtype = GType.from_schema(n.Set(n.Array(rest=n.Integer())))
    assert gtype.validate(set()) == set()
    with pytest.raises(ValidationError) as caught:
        gtype.validate_json("[[1]]")
    assert [problem.code for problem in caught.value.problems] == ["unhashable"]
    with pytest.raises(SchemaError):
        GType.from_schema(list)  # type: ignore[arg-type]


def test_mocks_of_a_class_are_no_instances_of_it():
    class Pretender:
        __class__ = collections.OrderedDict  # type: ignore[assignment]

    (problem,) = GType(dict[str, int]).problems(Pretender())
    assert problem.code == "wrong_type"
