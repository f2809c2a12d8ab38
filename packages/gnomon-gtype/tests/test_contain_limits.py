"""Containment where it ends: what is unknown and why, code, budgets, depth, and what the page about it says."""

from __future__ import annotations

import collections
import decimal
import doctest
import itertools
import pathlib
import re
import uuid
from typing import Annotated, Any

import pytest
from containments import asked, linked, record, row
from made_classes import Checked, Frozen, Many

import gnomon_gtype
from gnomon_gtype import Containment, GType, Max, Min, contains
from gnomon_gtype._containment._nodes import Doubt, Plainly
from gnomon_gtype._containment._search import Search
from gnomon_gtype.schema import (
    Anything,
    Array,
    Boolean,
    Bytes,
    DecimalNumber,
    EnumMember,
    Field,
    FilePath,
    Float,
    Integer,
    Literal,
    Map,
    Not,
    Nothing,
    Null,
    Number,
    Opaque,
    Record,
    Ref,
    Refined,
    Schema,
    Set,
    String,
    definitions,
    intersection,
    literal,
    union,
)

D = decimal.Decimal


INT, TEXT = Integer(), String()


class Guarded(collections.namedtuple("Guarded", "left")):
    def __new__(cls, left: Any) -> Guarded:
        if left == 0:
            raise ValueError("zero")
        return super().__new__(cls, left)


def of(cls: type, **fields: Schema) -> Record:
    return Record(tuple(Field(name=name, schema=node) for name, node in fields.items()), cls=cls)


BITS = [row(*map(literal, bits)) for bits in itertools.product((True, False), repeat=4)]


A, B = record(tag=literal("a"), x=INT), record(tag=literal("b"), y=TEXT)


LISTS = Array(rest=Anything())


def looped(leaf: Schema) -> Schema:
    """Three types in a circle, with a leaf in the middle one."""
    return definitions(
        Ref("A"),
        {
            "A": union(Null(), record(b=Ref("B"))),
            "B": record(leaf=leaf, c=Ref("C")),
            "C": record(back=Ref("A")),
        },
    )


def even(value: int) -> bool:
    return value % 2 == 0


def breaks(value: object) -> bool:
    raise TypeError(value)


EVEN = Refined(INT, "even", even)
FOREIGN = Opaque("foreign", {"type": "int"})

ODD = Not(Integer(multiple_of=2))
EVEN_AND_ODD = intersection(EVEN, ODD)
NEVER_SEEN = intersection(Refined(INT, "even too", even), ODD)

TWO_ZEROS = union(literal(0), DecimalNumber(minimum=D(0), maximum=D(0)))

UNKNOWN: list[tuple[Schema, Schema, str]] = [
    (Integer(multiple_of=2), EVEN, "code that cannot be looked into: even"),
    (EVEN, Integer(multiple_of=2), "code that cannot be looked into: even"),
    (EVEN, Refined(Integer(multiple_of=2), "whole", lambda value: True), "even, whole"),
    (FOREIGN, INT, "code that cannot be looked into: foreign"),
    (INT, Opaque("text", {"type": "str", "min_length": 30}), "code that cannot be looked into: text"),
    (Refined(INT, "breaks", breaks), INT, "breaks"),
    (of(Checked, x=INT), of(Checked, x=Integer(minimum=0)), "Checked|Record"),
    (
        Array(max_length=1),
        Array(rest=Array((Map(INT, literal(0), min_length=1),)), unique=True, min_length=2),
        "differ",
    ),
    (Array(rest=Anything(), unique=True), Array(rest=INT, max_length=10**6, min_length=10**6), "parts"),
    (Array(rest=INT), Array(rest=Anything(), min_length=10**6), "parts"),
    (Array(rest=INT, max_length=3), Array(rest=INT, unique=True, min_length=3_000), "parts"),
    (Record(max_length=3), Record(min_length=10**6), "parts"),
    (String(max_length=3), String(min_length=10**6), "parts"),
    (Bytes(max_length=3), Bytes(min_length=10**6), "parts"),
    (
        String(patterns=("(a|b)*a(a|b){20}b*$",)),
        String(patterns=("(b|a)*a(a|b){20}$",)),
        "too large for the budget",
    ),
    (String(patterns=("(?x)a b",)), TEXT, "not modelled"),
    (TEXT, row(NEVER_SEEN), "even"),
    (row(Integer(multiple_of=2)), row(EVEN), "even"),
    (Array(rest=Anything(), unique=True), Array((EVEN, Not(Integer(multiple_of=2)))), "even"),
    (Array(rest=Anything(), unique=True), Array((literal(1), literal(1.0))), "such as 1 and 1.0"),
    (
        TEXT,
        Array(rest=INT, contains=tuple((literal(number), 1, None) for number in range(5))),
        "how many items",
    ),
    (Array(rest=INT, contains=((literal(1), 0, 2),)), Array(rest=INT, min_length=3_000), "parts"),
    (
        TEXT,
        Array(
            rest=Integer(minimum=1, maximum=40),
            min_length=12,
            unique=True,
            contains=((literal(*range(1, 30)), 0, 0),),
        ),
        "how many items",
    ),
    (TEXT, Array(rest=NEVER_SEEN, contains=((Null(), 1, 1),), min_length=1), "even"),
    (
        TEXT,
        Array(rest=INT, contains=((EVEN, 1, 1), (Integer(multiple_of=2), 0, 0)), max_length=1),
        "how many items",
    ),
    (TEXT, Array(rest=union(EVEN_AND_ODD, literal(2)), unique=True, min_length=2), "even"),
    (DecimalNumber(decimal_places=5_000), DecimalNumber(), "how many digits"),
    (DecimalNumber(maximum=D("1e999999")), DecimalNumber(minimum=D("-1e999999")), "exponents"),
    (TEXT, Array(rest=INT, contains=((literal(1), 10**9, None),)), "parts"),
    (Array(rest=INT, contains=((literal(1), 0, 10**9),)), Array(rest=INT), "parts|budget"),
    (DecimalNumber(decimal_places=5_000), DecimalNumber(multiple_of=D(1)), "how many digits"),
    (
        DecimalNumber(maximum=D(-1)),
        DecimalNumber(minimum=D(0), exclusive_minimum=True, maximum=D("1e-500")),
        "how many digits",
    ),
    (Float(multiple_of=0.5), Float(minimum=2**51, maximum=2**52 - 1), "floats leave gaps"),
    (Float(multiple_of=0.5), Float(minimum=2**51, maximum=2**52 - 1, multiple_of=0.1), "floats leave gaps"),
    (
        Float(multiple_of=3),
        intersection(Float(multiple_of=6), Integer(minimum=0)),
        "multiples|too many steps",
    ),
    (INT, record(a=NEVER_SEEN), "even"),
    (record(a=Integer(multiple_of=2)), record(a=EVEN), "even"),
    (
        TEXT,
        Record(patterns=tuple((f"{number}", INT) for number in range(9)), min_length=1),
        "more patterns of keys",
    ),
    (
        Record(rest=INT),
        Record(patterns=tuple((f"{number}", TEXT) for number in range(9))),
        "more patterns of keys",
    ),
    (Record(max_length=0), Record(rest=NEVER_SEEN), "even"),
    (TEXT, Record(record(a_=NEVER_SEEN).fields, extra="forbid", min_length=1), "even"),
    (
        TEXT,
        Record(keys=Refined(TEXT, "starts with ?", lambda key: key[:1] == "?"), min_length=2),
        "starts with",
    ),
    (TEXT, Record(rest=NEVER_SEEN, keys=literal("a"), min_length=1), "even"),
    (TEXT, Set(of(Frozen, x=LISTS), min_length=1), "no instance"),
    (INT, String(format="json", patterns=(r"^\[a",)), "no regular language"),
    (linked(Integer(multiple_of=2)), linked(EVEN, "Other"), "even"),
    (Set(row(Float())), Set(row(Integer(minimum=0, maximum=2**60))), "become the same float"),
    (union(Map(values=INT), Map(values=TEXT)), Map(TWO_ZEROS, union(INT, TEXT)), "become the same float"),
    (
        Nothing(),
        Set(union(literal(0), DecimalNumber(minimum=D(0), maximum=D(0))), min_length=2),
        "become the same float",
    ),
    (
        Array(rest=Anything(), unique=True),
        Array((Array((literal("a"),)), row(literal("a")))),
        "such as 1 and 1.0",
    ),
    (looped(Integer(multiple_of=2)), looped(EVEN), "even"),
]


@pytest.mark.parametrize(("wider", "narrower", "reason"), UNKNOWN)
def test_unknown_says_why(wider: Schema, narrower: Schema, reason: str):
    found = asked(wider, narrower, budget=200_000)
    assert found.answer == "unknown"
    assert re.search(reason, found.reason)


def test_types_too_many_to_compare_are_said_to_be(monkeypatch: pytest.MonkeyPatch):
    def overflow(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(Search, "settle", overflow)
    assert asked(INT, TEXT).reason == "the types have too many parts in one place"


def test_a_finite_type_with_code_is_decided():
    assert asked(literal(2, 4), intersection(EVEN, literal(1, 2, 3, 4))).answer == "yes"
    assert asked(literal(2), intersection(EVEN, literal(1, 2, 3, 4))).witness == 4
    assert asked(TEXT, intersection(Refined(INT, "breaks", breaks), literal(1))).answer == "unknown"


def test_nodes_of_a_search_are_told_apart_by_the_code_in_them():
    other = Refined(INT, "even", lambda value: value % 2 == 0)
    assert Doubt(EVEN) == Doubt(Refined(INT, "even", even))
    assert Doubt(EVEN) != Doubt(other)
    assert Plainly(of(Checked, x=INT)) == Plainly(of(Checked, x=INT))


def test_code_is_run_on_a_few_values_before_giving_up():
    assert asked(INT, EVEN).answer == "yes"
    assert asked(EVEN, EVEN).answer == "yes"
    assert asked(union(EVEN, TEXT), EVEN).answer == "yes"
    assert asked(EVEN, INT).witness == 1
    assert asked(Integer(minimum=0), EVEN).witness == -2
    assert asked(TEXT, FOREIGN).witness == 0
    assert asked(FOREIGN, Anything()).witness is None
    assert asked(record(a=EVEN), record(a=INT)).witness == {"a": 1}
    assert asked(of(Checked, x=INT), of(Checked, x=TEXT)).answer == "unknown"
    assert asked(INT, of(Checked, x=INT)).witness == Checked(0)
    assert asked(union(of(Checked, x=INT), INT), of(Checked, x=INT)).answer == "yes"


def test_named_tuples_that_refuse_are_code():
    def guarded(part: Schema) -> Array:
        return Array((part,), container="namedtuple", cls=Guarded, names=("left",))

    assert asked(INT, guarded(INT)).witness == (1,)
    assert asked(union(guarded(INT), TEXT), guarded(INT)).answer == "yes"
    assert asked(guarded(INT), guarded(Integer(minimum=1))).answer == "unknown"


def test_flags_too_many_to_combine():
    assert asked(EnumMember(Many), Literal((Many.F1,))).answer == "yes"
    assert asked(Literal((Many.F1,)), EnumMember(Many)).answer == "no"
    pairs = (one | other for one, other in itertools.combinations(Many, 2))
    few = Literal((Many(0), *Many, *pairs))
    assert asked(few, EnumMember(Many)).answer == "unknown"


def test_the_budget_ends_every_question():
    wide = union(*BITS[:-1])
    assert asked(wide, row(*[Boolean()] * 4), budget=10) == Containment(
        answer="unknown", reason="the budget of 10 steps is spent"
    )
    hard = [
        row(*(Integer(multiple_of=prime) if place == spot else INT for place in range(12)))
        for spot in range(12)
        for prime in (2, 3, 5, 7)
    ]
    found = asked(union(*hard), row(*[INT] * 12), budget=20_000)
    assert found.answer in ("no", "unknown")


def test_deep_types_do_not_overflow_the_stack():
    deep, wide = Schema_of(INT, 120), Schema_of(Number(), 120)
    assert asked(wide, deep).answer == "yes"


def Schema_of(leaf: Schema, depth: int) -> Schema:
    for _ in range(depth):
        leaf = Array(rest=leaf)
    return leaf


def test_many_shapes_in_one_place_are_no_crash():
    shapes = [Array((literal(number),), rest=INT, min_length=2) for number in range(150)]
    found = asked(union(*shapes), Array(rest=INT, min_length=2))
    assert found.answer in ("no", "unknown")


def test_a_validator_that_breaks_confirms_nothing():
    found = asked(Refined(INT, "breaks", breaks), Refined(TEXT, "breaks too", breaks))
    assert found.answer == "unknown"


def test_a_witness_that_is_not_confirmed_is_not_returned(monkeypatch: pytest.MonkeyPatch):
    def fails(*_: object) -> bool:
        raise TypeError

    monkeypatch.setattr(GType, "is_valid", fails)
    assert contains(GType(int), GType(str)).answer == "unknown"
    monkeypatch.setattr(GType, "is_valid", lambda self, value: True)
    found = contains(GType(int), GType(str))
    assert found == Containment(
        answer="unknown", reason="the validators do not confirm the value that the search found"
    )


def test_paths_of_another_system_have_no_values_here():
    other = "WindowsPath" if isinstance(pathlib.Path(), pathlib.PosixPath) else "PosixPath"
    assert asked(Nothing(), FilePath(other)).answer == "yes"


PAGE = pathlib.Path(__file__).parents[3] / "docs" / "explanation" / "containment.md"


def test_the_examples_of_the_page_run():
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), {"__name__": "page"})


def test_the_surprises_of_the_page_are_true():
    assert contains(GType(float), GType(int)).answer == "no"
    assert contains(GType(float), GType(Annotated[int, Min(0), Max(9)])).answer == "yes"
    assert contains(GType(int | float), GType(int)).answer == "yes"
    assert contains(GType(str), GType(uuid.UUID)).answer == "no"
    assert contains(GType(int), GType(bool)).witness is True


def test_the_examples_of_docstrings_run():
    tests = doctest.DocTestFinder().find(contains, globs={"contains": contains})
    assert sum(len(test.examples) for test in tests) == 6
    assert all(doctest.DocTestRunner().run(test).failed == 0 for test in tests)


def test_it_is_public():
    assert gnomon_gtype.contains is contains
    assert contains.__module__ == Containment.__module__ == "gnomon_gtype"
