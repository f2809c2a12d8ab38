"""Rows for lists, tuples, sequences, dicts and sets, from Python and from JSON."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from typing_extensions import Unpack

from gnomon_gtype import GType, Length, MaxLength, MinLength, UniqueItems, g
from gnomon_gtype import schema as n

no = pytest.Refused
ID = uuid.UUID(int=7)


class MyList(list):
    pass


class Level(enum.IntEnum):
    LOW = 1


class Loud:
    def __hash__(self) -> int:
        raise RuntimeError("no hashing")


class Endless(list):
    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __iter__(self):
        raise RuntimeError("no items")


Middle = tuple[int, Unpack[tuple[str, ...]], bool]
Unique = Annotated[list[Any], UniqueItems()]

TABLE = [
    (list, "python", [1, "a"], [1, "a"]),
    (list[int], "python", [1, 2], [1, 2]),
    (list[int], "python", MyList([1]), [1]),
    (list[int], "python", Endless([1]), [1]),
    (list[int], "python", (1,), no("wrong_type")),
    (list[int], "python", {1}, no("wrong_type")),
    (list[int], "python", "ab", no("wrong_type")),
    (list[int], "python", ["a", 1, "b"], no("wrong_type", "wrong_type")),
    (list[int], "json", "[1, 2]", [1, 2]),
    (list[int], "json", "[1, null, 2.5]", no("wrong_type", "wrong_type")),
    (list[int], "json", "{}", no("wrong_type")),
    (list[list[int]], "json", '[[1], ["a"]]', no("wrong_type")),
    (Annotated[list[int], Length(1, 2)], "python", [], no("too_short")),
    (Annotated[list[int], Length(1, 2)], "json", "[1, 2, 3]", no("too_long")),
    (Annotated[list[int], MinLength(1)], "json", "[1]", [1]),
    (Unique, "python", [1, True, "1"], [1, True, "1"]),
    (Unique, "python", [1, 1.0], no("duplicate_item")),
    (Unique, "python", [{"a": 1}, {"a": 1.0}], no("duplicate_item")),
    (Unique, "python", [[1], [True], (1,)], no("duplicate_item")),
    (Unique, "python", [Loud(), Loud()], None),
    (Unique, "python", [{1}, {1}], no("duplicate_item")),
    (Unique, "json", "[1, 2, 1, 1]", no("duplicate_item", "duplicate_item")),
    (tuple, "python", (1, "a"), (1, "a")),
    (tuple[int, str], "python", (1, "a"), (1, "a")),
    (tuple[int, str], "python", [1, "a"], no("wrong_type")),
    (tuple[int, str], "python", (1,), no("too_short")),
    (tuple[int, str], "python", (1, "a", 2), no("too_long")),
    (tuple[int, str], "python", ("a", 1), no("wrong_type", "wrong_type")),
    (tuple[int, str], "json", '[1, "a"]', (1, "a")),
    (tuple[int, str], "json", "[1]", no("too_short")),
    (tuple[()], "python", (), ()),
    (tuple[()], "json", "[1]", no("too_long")),
    (tuple[int, ...], "python", (1, 2, 3), (1, 2, 3)),
    (tuple[int, ...], "json", "[]", ()),
    (tuple[int, ...], "json", '["a"]', no("wrong_type")),
    (Annotated[tuple[int, ...], MaxLength(1)], "python", (1, 2), no("too_long")),
    (Middle, "python", (1, True), (1, True)),
    (Middle, "python", (1, "a", "b", True), (1, "a", "b", True)),
    (Middle, "python", (1, "a", 2, True), no("wrong_type")),
    (Middle, "python", (1,), no("too_short")),
    (Middle, "json", '[1, "a", false]', (1, "a", False)),
    (tuple[int, *tuple[str, bool]], "python", (1, "a", True), (1, "a", True)),
    (tuple[*tuple[str, ...], *tuple[int, int]], "python", ("a", 1, 2), ("a", 1, 2)),
    (tuple[int, *tuple[str, *tuple[bool, ...]]], "python", (1, "a", True), (1, "a", True)),
    (g.tuple(int, g.optional(str)), "python", (1,), (1,)),
    (g.tuple(int, g.optional(str)), "python", (1, "a"), (1, "a")),
    (g.tuple(int, g.optional(str)), "python", (), no("too_short")),
    (g.tuple(int, g.optional(str), rest=bool), "json", '[1, "a", true]', (1, "a", True)),
    (g.tuple(int, g.optional(str), rest=bool), "json", "[1, true]", no("wrong_type")),
    (Sequence, "python", (1,), (1,)),
    (Sequence[int], "python", [1], [1]),
    (Sequence[int], "python", (1,), (1,)),
    (Sequence[int], "python", deque([1]), no("wrong_type")),
    (Sequence[str], "python", "ab", no("wrong_type")),
    (Sequence[int], "json", "[1]", [1]),
    (n.Array((n.Integer(),), n.String()), "python", [1, "a"], [1, "a"]),
    (n.Array((n.Integer(),), n.String()), "python", (1, "a"), no("wrong_type")),
    (n.Array((n.Integer(),), n.String(), container="sequence"), "python", (1, "a"), (1, "a")),
    (n.Array(rest=n.Anything(), contains=((n.Integer(), 1, 2),)), "python", ["a", 1], ["a", 1]),
    (n.Array(rest=n.Anything(), contains=((n.Integer(), 1, 2),)), "python", ["a"], no("contains")),
    (n.Array(rest=n.Anything(), contains=((n.Integer(), 1, 2),)), "json", "[1, 2, 3]", no("contains")),
    (dict, "python", {1: "a"}, {1: "a"}),
    (dict[str, int], "python", {"a": 1}, {"a": 1}),
    (dict[str, int], "python", OrderedDict(a=1), {"a": 1}),
    (Mapping[str, int], "python", {"a": 1}, {"a": 1}),
    (dict[str, int], "python", {1: 1}, no("wrong_key")),
    (dict[str, int], "python", {"\ud800": 1}, no("wrong_key")),
    (dict[str, int], "python", {"a": "b"}, no("wrong_type")),
    (dict[str, int], "python", [("a", 1)], no("wrong_type")),
    (dict[str, int], "json", '{"a": 1, "__proto__": 2}', {"a": 1, "__proto__": 2}),
    (dict[str, int], "json", '{"a": 1, "a": 2}', no("duplicate_key")),
    (dict[str, int], "json", '{"a":1,"\\u0061":1}', no("duplicate_key")),
    (dict[str, Any], "json", '{"a": {"b": 1, "b": 1}}', no("duplicate_key")),
    (dict[str, list[dict[str, int]]], "json", '{"a": [{"b": 1}, {"b": 1, "b": 2}]}', no("duplicate_key")),
    (dict[str, int], "json", "[]", no("wrong_type")),
    (Annotated[dict[str, int], MinLength(1)], "json", "{}", no("too_short")),
    (Annotated[dict[str, int], MaxLength(1)], "python", {"a": 1, "b": 2}, no("too_long")),
    (dict[int, str], "python", {1: "a"}, {1: "a"}),
    (dict[int, str], "python", {"1": "a"}, no("wrong_key")),
    (dict[int, str], "json", '{"1": "a", "-2": "b"}', {1: "a", -2: "b"}),
    (dict[int, str], "json", '{"01": "a"}', no("wrong_key")),
    (dict[int, str], "json", '{" 1": "a"}', no("wrong_key")),
    (dict[float, str], "json", '{"1": "a", "1.0": "b"}', no("duplicate_key")),
    (dict[float, str], "python", {2**53: "a", 2**53 + 1: "b"}, no("duplicate_key")),
    (dict[int | float, int], "json", '{"1.5": 1}', {1.5: 1}),
    (dict[Decimal, int], "json", '{"1.50": 1}', {Decimal("1.5"): 1}),
    (dict[bool, int], "json", '{"true": 1, "false": 0}', {True: 1, False: 0}),
    (dict[bool, int], "json", '{"1": 1}', no("wrong_key")),
    (dict[None, int], "json", '{"null": 1}', {None: 1}),
    (dict[uuid.UUID, int], "json", f'{{"{ID}": 1}}', {ID: 1}),
    (dict[dt.date, int], "json", '{"2026-01-02": 1}', {dt.date(2026, 1, 2): 1}),
    (dict[Literal["a"], int], "json", '{"a": 1}', {"a": 1}),
    (dict[Literal["a"], int], "json", '{"b": 1}', no("wrong_key")),
    (dict[Literal[1, "x"], int], "json", '{"1": 1, "x": 2}', {1: 1, "x": 2}),
    (dict[Level, int], "json", '{"1": 1}', {Level.LOW: 1}),
    (dict[int | str, int], "json", '{"1": 1, "a": 2}', {1: 1, "a": 2}),
    (set, "python", {1}, {1}),
    (set[int], "python", {1, 2}, {1, 2}),
    (set[int], "python", [1], no("wrong_type")),
    (set[int], "python", frozenset({1}), no("wrong_type")),
    (set[int], "python", {"a"}, no("wrong_type")),
    (AbstractSet[int], "python", {1}, {1}),
    (set[int], "json", "[1, 2]", {1, 2}),
    (set[int], "json", "[1, 1]", no("duplicate_item")),
    (set[float], "json", "[1, 1.0]", no("duplicate_item")),
    (set[float], "python", {2**53, 2**53 + 1}, no("duplicate_item")),
    (set[Any], "json", "[[1]]", no("unhashable")),
    (set[int | list[int]], "json", "[1, [1]]", no("unhashable")),
    (Annotated[set[int], Length(1)], "json", "[]", no("too_short")),
    (frozenset, "python", frozenset({1}), frozenset({1})),
    (frozenset[int], "python", {1}, no("wrong_type")),
    (frozenset[int], "json", "[1]", frozenset({1})),
    (Annotated[frozenset[int], MaxLength(1)], "python", frozenset({1, 2}), no("too_long")),
]


@pytest.mark.parametrize(("annotation", "channel", "given", "outcome"), TABLE)
def test_row(rows, annotation, channel, given, outcome):
    if outcome is None:
        assert GType(annotation).is_valid(given)
        return
    rows(annotation, channel, given, outcome)


def test_a_long_list_of_wrong_items_stops_listing_problems():
    problems = GType(list[int]).problems(["a"] * 5_000)
    assert len(problems) == 1_001
    assert problems[-1].code == "too_many_problems"


@pytest.mark.parametrize(
    "make",
    [
        lambda: n.Array(min_length=-1),
        lambda: n.Array(max_length=-1),
        lambda: n.Array(container="bag"),  # type: ignore[arg-type]
        lambda: n.Array((n.Null(),), required=2),
        lambda: n.Array(suffix=(n.Null(),)),
        lambda: n.Array((n.Null(),), n.Null(), (n.Null(),), required=0),
        lambda: n.Array(container="namedtuple"),
        lambda: n.Map(min_length=-1),
        lambda: n.Set(max_length=1.5),  # type: ignore[arg-type]
    ],
)
def test_nodes_that_mean_nothing_are_refused(make):
    with pytest.raises(ValueError):
        make()


def test_lengths_that_say_nothing_are_left_out():
    assert n.Array(
        (n.Null(), n.Null()), required=2, min_length=1, max_length=3, container="tuple"
    ) == n.Array((n.Null(), n.Null()), container="tuple")
    assert n.Array((n.Null(),), min_length=1).longest == 1
    assert n.Array((n.Null(), n.Null()), required=0, max_length=1).longest == 1
    assert n.Array(rest=n.Null(), max_length=4).longest == 4
