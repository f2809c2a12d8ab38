"""Strategies for recursive types come to an end, those for long collections do not try to be longer than memory."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import find, given, seed, settings

from gnomon_gtype import GType, g
from gnomon_gtype import schema as t
from gnomon_gtype._testing_recursion import Recursion
from gnomon_gtype.testing import near_misses, values

N = g.ref("N")


def recursive(body: t.Schema) -> GType[Any]:
    return GType.from_schema(g.define(N, {"N": body}))


WIDE = {
    "arrays": recursive(g.array(N)),
    "arrays of at most one": recursive(g.array(N, max_length=1)),
    "arrays of at most two": recursive(g.array(N, max_length=2)),
    "arrays of at most a hundred": recursive(g.array(N, max_length=100)),
    "a tree": recursive(g.object({"value": int, "children": g.array(N)})),
    "two lists": recursive(g.object({"left": g.array(N, max_length=4), "right": g.array(N, max_length=4)})),
    "many optional keys": recursive(g.object(dict.fromkeys("abcde", g.optional(N)))),
    "maps": recursive(t.Map(t.String(), N)),
    "JSON": recursive(g.union(int, g.array(N), g.record(str, N))),
    "unique items": recursive(g.union(int, t.Array(rest=N, unique=True, max_length=4))),
    "tuples": recursive(g.union(int, g.tuple(N, rest=N))),
    "optional items": recursive(t.Array((N, N), required=0)),
    "typed rest": recursive(g.object({"a": int}, rest=N)),
    "patterns": recursive(t.Record(patterns=(("^x", N),))),
    "frozen sets": recursive(t.Set(N, frozen=True)),
    "at least one": recursive(
        g.union(None, t.Array(rest=N, min_length=1), t.Map(t.String(), N, min_length=1))
    ),
    "both": recursive(g.union(int, g.intersection(g.array(N), g.array(N)))),
}


@pytest.mark.parametrize("name", WIDE)
def test_values_of_recursive_types_need_no_luck(name: str):
    gtype = WIDE[name]
    for number, strategy in enumerate((values, near_misses)):

        @seed(number)
        @settings(database=None, max_examples=10)
        @given(strategy(gtype))
        def drawn(value: object) -> None:
            seen.add(gtype.is_valid(value))

        seen: set[bool] = set()
        drawn()
        assert seen == {strategy is values}


@pytest.mark.parametrize(
    ("needed", "height"),
    [
        (t.Map(t.String(), N, min_length=1), 1),
        (t.Map(t.Set(N, frozen=True, min_length=1), t.Integer(), min_length=1), 1),
        (t.Set(N, min_length=1), 1),
        (t.Set(N), 0),
        (t.Array(rest=N, min_length=1), 1),
        (t.Sensitive(g.tuple(N)), 1),
        (g.intersection(g.tuple(N), t.Not(t.Null())), 1),
    ],
)
def test_what_no_value_is_without_counts(needed: t.Schema, height: int):
    assert Recursion({"N": g.union(str, g.tuple(N))}).height(needed) == height


def test_recursive_values_have_several_levels():
    def depth(value: Any) -> int:
        return 1 + max(map(depth, value), default=0)

    assert depth(find(values(WIDE["arrays"]), lambda value: depth(value) > 4)) == 5
    chain = recursive(g.object({"next": g.optional(N)}))
    assert find(values(chain), lambda value: str(value).count("next") > 6)


def test_a_way_out_is_found_through_several_definitions():
    known: dict[str, t.Schema] = {
        "A": g.union(g.tuple(g.ref("A"), g.ref("B")), g.object({"b": g.ref("B")})),
        "B": g.union(g.tuple(g.ref("A")), g.tuple(g.ref("C"))),
        "C": g.union(g.tuple(g.ref("B")), str),
        "D": g.tuple(g.ref("D")),
    }
    recursion = Recursion(known)
    heights = [recursion.height(g.ref(name)) for name in "ABCD"]
    assert heights == [3, 2, 1, float("inf")]
    union = known["A"]
    assert isinstance(union, t.Union)
    assert recursion.shortest(union.members) == [g.object({"b": g.ref("B")})]
    tree = GType.from_schema(g.define(g.ref("A"), known))
    assert tree.is_valid(find(values(tree), lambda _: True))


@pytest.mark.parametrize(
    "node",
    [
        t.String(max_length=2**62),
        t.Bytes(max_length=2**62),
        t.Array(rest=t.Integer(), max_length=2**62),
        t.Set(t.Integer(), max_length=2**62),
        t.Map(t.String(), t.Integer(), max_length=2**62),
        t.Record(extra="keep", max_length=2**62),
    ],
    ids=lambda node: type(node).__name__,
)
def test_the_longest_lengths_have_near_misses_that_are_not_too_long(node: t.Schema):
    gtype = GType.from_schema(node)

    @settings(database=None, max_examples=20)
    @given(near_misses(gtype))
    def refused(value: object) -> None:
        assert len(gtype.problems(value)) == 1

    refused()
