"""Types from strings alone, and the converting mode."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

import pytest

from gnomon_gtype import Closed, GType, Max, MaxLength, Min, MinLength, Predicate, ValidationError
from gnomon_gtype import schema as n

ID = "12345678-1234-5678-1234-567812345678"


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Query(TypedDict):
    page: Annotated[int, Min(1)]
    tags: NotRequired[list[str]]
    ids: NotRequired[set[int]]
    flag: NotRequired[bool]
    since: NotRequired[dt.date | None]
    colour: NotRequired[Colour]


class Tree(TypedDict):
    next: NotRequired[Tree]
    value: int


@dataclasses.dataclass
class Paging:
    page: int
    size: int = 10
    tags: list[str] = dataclasses.field(default_factory=list)
    total: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.size > 100:
            raise ValueError("too many")


def small(value: Any) -> bool:
    return len(value) < 2


READ: list[tuple[Any, Any, Any]] = [
    (str, "a", "a"),
    (str, ["a"], "a"),
    (int, "12", 12),
    (int, "-3", -3),
    (float, "1.5", 1.5),
    (float, "2", 2.0),
    (int | float, "2", 2),
    (Decimal, "1.50", Decimal("1.50")),
    (bool, "true", True),
    (bool, "0", False),
    (None, "null", None),
    (int | None, "3", 3),
    (int | str, "3", 3),
    (int | str, "x", "x"),
    (dt.datetime, "2026-01-02T03:04:05Z", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
    (UUID, ID, UUID(ID)),
    (Literal[1, "x"], "1", 1),
    (Literal[1, "x"], "x", "x"),
    (Literal["1"], "1", "1"),
    (Colour, "red", Colour.RED),
    (Level, "1", Level.LOW),
    (Any, "1", "1"),
    (bytes, "YWI=", b"ab"),
    (list[int], ["1", "2"], [1, 2]),
    (list[int], "1", [1]),
    (list[int | str], ["1", "a"], [1, "a"]),
    (list[bool], ["1", "false"], [True, False]),
    (list[dt.date], ["2026-01-02"], [dt.date(2026, 1, 2)]),
    (tuple[int, str], ["1", "2"], (1, "2")),
    (tuple[int, ...], ["1"], (1,)),
    (frozenset[int], ["1"], frozenset({1})),
    (list[int] | None, ["1"], [1]),
    (Annotated[list[int], MaxLength(2)] | None, ["1", "2"], [1, 2]),
    (Query, {"page": "2"}, {"page": 2}),
    (
        Query,
        {
            "page": ["2"],
            "tags": ["a", "b"],
            "ids": "1",
            "flag": "1",
            "since": "2026-01-02",
            "colour": "red",
            "x": "y",
        },
        {
            "page": 2,
            "tags": ["a", "b"],
            "ids": {1},
            "flag": True,
            "since": dt.date(2026, 1, 2),
            "colour": Colour.RED,
        },
    ),
    (Tree, {"value": "1", "next": {"value": "2"}}, {"value": 1, "next": {"value": 2}}),
    (Paging, {"page": "1"}, Paging(1)),
    (Paging, {"page": "1", "size": "20", "tags": "a"}, Paging(1, 20, ["a"])),
    (Annotated[Query, Predicate(small)], {"page": "1"}, {"page": 1}),
    (n.Record((n.Field(name="a", schema=n.Integer(), default=4),)), {}, {"a": 4}),
]


@pytest.mark.parametrize(("annotation", "given", "value"), READ)
def test_strings_read(annotation, given, value):
    result = GType(annotation).validate_strings(given)
    assert result == value
    assert type(result) is type(value)


REFUSED: list[tuple[Any, Any, list[tuple[str, str]]]] = [
    (int, "1.0", [("", "wrong_type")]),
    (int, " 1", [("", "wrong_type")]),
    (int, "1_000", [("", "wrong_type")]),
    (int, "9" * 5_000, [("", "wrong_type")]),
    (int, "", [("", "wrong_type")]),
    (int, ["1", "2"], [("", "repeated")]),
    (int, [], [("", "repeated")]),
    (int, {"a": "1"}, [("", "wrong_type")]),
    (int, 3, [("", "wrong_type")]),
    (bool, "yes", [("", "wrong_type")]),
    (float, "NaN", [("", "wrong_type")]),
    (float, "1e999", [("", "not_finite")]),
    (list[int], ["1", "a"], [("[1]", "wrong_type")]),
    (list[int], [1], [("", "wrong_type")]),
    (list[int] | None, ["a"], [("[0]", "wrong_type")]),
    (list[int] | set[int], ["a"], [("", "no_match")]),
    (tuple[int, str], ["1", "2", "3"], [("", "too_long")]),
    (Query, {}, [("page", "missing")]),
    (
        Query,
        {"page": "0", "flag": "maybe", "tags": [3]},
        [("page", "too_small"), ("tags", "wrong_type"), ("flag", "wrong_type")],
    ),
    (Query, "page=1", [("", "wrong_type")]),
    (Closed[Query], {"page": "1", "x": "y"}, [("x", "unknown_key")]),
    (Annotated[Query, MaxLength(1)], {"page": "1", "x": "y"}, [("", "too_long")]),
    (Paging, {"page": "1", "size": "101"}, [("", "refused")]),
    (Annotated[Query, Predicate(small)], {"page": "1", "flag": "1"}, [("", "refused")]),
    (
        Annotated[Paging, Predicate(lambda value: value.page < 2, id="p")],
        {"page": "1", "size": "101"},
        [("", "refused")],
    ),
]


@pytest.mark.parametrize(("annotation", "given", "problems"), REFUSED)
def test_strings_refused(annotation, given, problems):
    with pytest.raises(ValidationError) as caught:
        GType(annotation).validate_strings(given)
    assert [(p.location, p.code) for p in caught.value.problems] == problems


def test_strings_stop_listing_problems():
    with pytest.raises(ValidationError) as caught:
        GType(list[int]).validate_strings(["a"] * 2_000)
    assert len(caught.value.problems) == 1_001


LAX: list[tuple[Any, Any, Any]] = [
    (int, "1", 1),
    (int, 1.0, 1),
    (int, True, 1),
    (float, "1.5", 1.5),
    (bool, "yes", True),
    (str, "a", "a"),
    (list[int], ("1", 2), [1, 2]),
    (list[int], (item for item in "12"), [1, 2]),
    (set[int], ["1", "1"], {1}),
    (tuple[int, str], [1, "a"], (1, "a")),
    (dt.date, "2026-01-02", dt.date(2026, 1, 2)),
    (dt.datetime, "2026-01-02T03:04:05Z", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
    (UUID, ID.replace("-", ""), UUID(ID)),
    (Decimal, "1.5", Decimal("1.5")),
    (Query, {"page": "1", "flag": "on"}, {"page": 1, "flag": True}),
    (Annotated[int, Max(3)], "3", 3),
]


@pytest.mark.parametrize(("annotation", "given", "value"), LAX)
def test_lax_converts(annotation, given, value):
    gtype = GType(annotation)
    assert gtype.validate(given if not hasattr(given, "__next__") else list(given), "lax") == value
    assert gtype.is_valid(value, "lax")


def test_lax_reads_an_iterator():
    assert GType(list[int]).validate(iter("12"), "lax") == [1, 2]


LAX_REFUSED: list[tuple[Any, Any, list[tuple[str, str]]]] = [
    (int, "a", [("", "invalid")]),
    (int, None, [("", "wrong_type")]),
    (list[int], ["a", "1"], [("[0]", "invalid")]),
    (Annotated[int, Max(3)], "4", [("", "too_large")]),
    (Annotated[str, MinLength(3)], "a", [("", "too_short")]),
    (Query, {"page": "0"}, [("page", "too_small")]),
    (Query, {}, [("page", "missing")]),
    (Closed[Query], {"page": 1, "x": 1}, [("x", "unknown_key")]),
    (Literal["a"], "b", [("", "not_one_of")]),
    (Annotated[int, Predicate(lambda value: False, id="no")], "1", [("", "refused")]),
]


@pytest.mark.parametrize(("annotation", "given", "problems"), LAX_REFUSED)
def test_lax_refuses(annotation, given, problems):
    gtype = GType(annotation)
    found = gtype.problems(given, "lax")
    assert [(p.location, p.code) for p in found] == problems
    assert all(p.message.endswith(".") and p.expected for p in found)
    assert not gtype.is_valid(given, "lax")


def test_there_are_two_modes():
    with pytest.raises(ValueError, match="'strict' or 'lax'"):
        GType(int).validate(1, "loose")  # type: ignore[arg-type]


class Raising:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class RaisingDict(dict[str, str]):
    def items(self) -> Any:
        raise RuntimeError("items")


class RaisingList(list[str]):
    def __iter__(self) -> Any:
        raise RuntimeError("iter")


class OwnText(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    "make", [Raising, lambda: RaisingDict(a="1"), lambda: RaisingList("1"), lambda: {"a": RaisingList("1")}]
)
def test_what_cannot_even_be_looked_at_is_no_mapping_of_strings(make: Callable[[], Any]):
    value = make()
    for annotation in (Closed[TypedDict("A", {"a": int})], list[int], int | None):
        with pytest.raises(ValidationError) as caught:
            GType(annotation).validate_strings(value)
        assert [problem.code for problem in caught.value.problems] == ["wrong_type"]


def test_text_of_a_class_of_its_own_is_text():
    numbers = GType(TypedDict("A", {"a": int}))
    assert numbers.validate_strings({OwnText("a"): OwnText("7")}) == {"a": 7}
    assert GType(bool).validate_strings(OwnText("true")) is True
