"""Containment of what JSON text is read: the shapes of types in JSON, the answers, and witnesses that are text."""

from __future__ import annotations

import base64
import collections
import dataclasses
import datetime
import enum
import ipaddress
import itertools
import json
import math
import pathlib
import re
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import pytest
from containments import record
from generated_trees import neighbours, recursive_trees, trees
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_classes import Colour, Level

from gnomon_gtype import (
    Closed,
    Containment,
    DumpError,
    GType,
    Max,
    Min,
    Predicate,
    Sensitive,
    ValidationError,
    contains,
)
from gnomon_gtype import schema as n
from gnomon_gtype._containment._shapes import Shapes
from gnomon_gtype._interpret import REFUSED, Reading, TooManyProblems
from gnomon_gtype.testing import values


class Odd(enum.Enum):
    NOTHING = None
    PAIR = (1, 2)
    ITEMS = [1, 2]  # noqa: RUF012 (a value that JSON has)


class Fickle(enum.Enum):
    A = "a"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class Strange(enum.Enum):
    A = "a"
    PAIR = (1, 2)
    NO_NUMBER = math.nan


class NoNumber(enum.Enum):
    A = "a"
    NAN = math.nan


class Unhashable(enum.Enum):
    A = "a"
    B = "b"

    __hash__ = None  # type: ignore[assignment]


@dataclasses.dataclass
class Point:
    x: int
    y: UUID | None = None


@dataclasses.dataclass
class Positive:
    x: int

    def __post_init__(self) -> None:
        if self.x <= 0:
            raise ValueError("above 0")


class Place(TypedDict):
    x: int
    y: NotRequired[str | None]


class Pair(NamedTuple):
    left: int
    right: int


def even(value: int) -> bool:
    return value % 2 == 0


JUNE, JULY = datetime.date(2020, 6, 1), datetime.date(2020, 7, 1)
FINE = Decimal("0.1000000000000000055")
PRICE = n.DecimalNumber(max_digits=9, decimal_places=2)


def of(item: Any) -> GType[Any]:
    return GType.from_schema(item) if isinstance(item, n.Schema) else GType(item)


def reads(gtype: GType[Any], text: str | bytes) -> bool:
    try:
        gtype.validate_json(text)
    except ValidationError:
        return False
    return True


def asked(wider: Any, narrower: Any, **options: Any) -> Containment:
    """The answer, after its witness has been read by both types."""
    large, small = of(wider), of(narrower)
    found = contains(large, small, channel="json", **options)
    if found.answer == "no":
        assert isinstance(found.witness, str)
        assert reads(small, found.witness)
        assert not reads(large, found.witness)
    else:
        assert found.witness is None
    return found


SAME = [
    (list[int], tuple[int, ...]),
    (Literal["red", "blue"], Colour),
    (Literal[1, 2], Level),
    (n.String(format="uuid"), UUID),
    (n.Uuid(), n.union(*(n.Uuid(version) for version in range(1, 9)), n.Uuid())),
    (set[str], frozenset[str]),
    (set[Colour], set[Literal["red", "blue"]]),
    (n.Array(rest=n.Integer(), unique=True), set[int]),
    (set[UUID], Sensitive[set[UUID]]),
    (n.Array(rest=n.Float(minimum=0, maximum=9), unique=True), n.Set(n.Float(minimum=0, maximum=9))),
    (n.Array(rest=n.union(n.Null(), n.String()), unique=True), set[str | None]),
    (dict[Sensitive[str], int], dict[str, int]),
    (dict[Sensitive[int], int], dict[int, int]),
    (n.Literal((b"a",)), n.Literal(("YQ==",))),
    (n.Array((n.Integer(), n.Integer())), Pair),
    (Odd, n.union(n.Null(), n.EnumMember(Odd))),
    (Decimal, n.union(n.Number(), n.Intersection((n.DecimalNumber(), n.String())))),
]
WITHIN = [
    (str, UUID),
    (str, datetime.datetime),
    (str, ipaddress.IPv6Network),
    (str, bytes),
    (str, re.Pattern),
    (str, pathlib.Path),
    (float | str, Annotated[Decimal, Max(1), Min(0)]),
    (Decimal, int),
    (Decimal, float),
    (n.DecimalNumber(max_digits=40), n.DecimalNumber(max_digits=39, decimal_places=40)),
    (n.DecimalNumber(decimal_places=40), n.DecimalNumber(max_digits=300, decimal_places=3)),
    (Annotated[Decimal, Min(0)], Annotated[Decimal, Min(1)]),
    (n.DecimalNumber(max_digits=10, decimal_places=2), PRICE),
    (n.DecimalNumber(decimal_places=2), PRICE),
    (n.DecimalNumber(minimum=Decimal(-(10**9)), maximum=Decimal(10**9)), PRICE),
    (n.DecimalNumber(multiple_of=Decimal("0.1")), n.DecimalNumber(multiple_of=Decimal("0.5"))),
    (n.Date(minimum=JUNE), n.Date(minimum=JULY)),
    (n.Uuid(), n.Uuid(4)),
    (n.DateTime(), n.String(patterns=("^2020-01-01T00:00:00Z$",))),
    (n.Bytes(min_length=2), n.Bytes(min_length=3, max_length=9)),
    (list[Any], set[UUID]),
    (set[str], set[UUID]),
    (set[UUID], set[Annotated[UUID, Predicate(bool)]]),
    (Place, Point),
    (n.Set(n.Uuid()), n.Set(n.Uuid(4))),
    (n.Set(n.Float()), n.Set(n.Float(minimum=0))),
    (list[str], set[Literal["a"] | Colour]),
    (list[Any], set[Any]),
    (dict[str, int], dict[int, int]),
    (dict[int, int], dict[int, Literal[2]]),
    (dict[str, Any], dict[UUID, int]),
    (dict[str, int], dict[Literal["a"], int]),
    (dict[UUID, int], dict[UUID, Literal[1]]),
    (n.Map(n.Uuid(), n.Anything()), n.Map(n.Uuid(4), n.Anything())),
    (dict[str, Any], dict[Decimal, int]),
    (dict[str, Any], dict[datetime.date | str, int]),
    (Point, TypedDict("P", {"x": Literal[1], "y": UUID})),
    (dict[str, Any], Positive),
    (dict[str, Any], Point),
    (n.Array(rest=n.Integer(), unique=True), set[Annotated[int, Min(3)]]),
    (int, Annotated[int, Predicate(even)]),
    (Annotated[int, Predicate(even)], Annotated[int, Predicate(even)]),
    (n.Nothing(), n.Set(n.Date(minimum=JUNE, maximum=JUNE), min_length=2)),
]
APART = [
    (UUID, str),
    (datetime.date, str),
    (datetime.datetime, datetime.date),
    (datetime.timedelta, str),
    (re.Pattern, str),
    (pathlib.Path, str),
    (ipaddress.IPv4Address, str),
    (ipaddress.IPv4Address, ipaddress.IPv6Address),
    (str, Decimal),
    (int, Decimal),
    (Annotated[Decimal, Min(1)], Annotated[Decimal, Min(0)]),
    (PRICE, n.DecimalNumber(max_digits=10, decimal_places=2)),
    (PRICE, n.DecimalNumber(max_digits=9)),
    (n.DecimalNumber(decimal_places=1), n.DecimalNumber(decimal_places=2)),
    (n.DecimalNumber(max_digits=20), n.DecimalNumber(max_digits=21, decimal_places=0)),
    (n.DecimalNumber(max_digits=0), n.DecimalNumber(max_digits=1)),
    (n.Date(minimum=JULY), n.Date(minimum=JUNE)),
    (n.Uuid(4), n.Uuid()),
    (n.Bytes(min_length=4), n.Bytes(min_length=3, max_length=9)),
    (n.Bytes(max_length=4), n.Bytes(min_length=3, max_length=9)),
    (bytes, str),
    (set[str], list[str]),
    (set[UUID], list[UUID]),
    (set[Any], list[int]),
    (set[Any], list[Any]),
    (set[float], list[float]),
    (dict[int, int], dict[str, int]),
    (dict[Literal["a"], int], dict[str, int]),
    (dict[UUID, int], dict[str, int]),
    (Colour, str),
    (Literal["red"], Colour),
    (int, Literal[1, 1.5]),
    (Point, Place),
    (Point, Closed[Place]),
    (int, Pair),
    (Positive, Point),
    (dict[Decimal, Any], dict[str, Any]),
    (set[Fickle], set[Fickle | int]),
    (set[Level], set[Level | float]),
    (Pair, list[int]),
    (n.Not(n.Set()), list[int]),
    (int, n.Float(finite=False)),
    (n.Date(maximum=JUNE), n.union(n.Date(maximum=JUNE), n.literal("2020-06-02"))),
    (n.Nothing(), n.Array(rest=n.IpAddress("address", 4), min_length=3, unique=True)),
    (record(a=n.Integer()), record(b=n.IpAddress("address", 6))),
]
UNKNOWN = [
    (set[bool | int], set[int | Literal[True]]),
    (Annotated[int, Predicate(even)], Annotated[int, Predicate(even), Min(0)]),
    (n.String(patterns=("^[0-8]",)), n.Date()),
    (n.DecimalNumber(max_digits=41), n.DecimalNumber(max_digits=41, minimum=Decimal(0))),
    (
        n.DecimalNumber(max_digits=301, decimal_places=1),
        n.DecimalNumber(max_digits=301, decimal_places=1, minimum=Decimal(0)),
    ),
    (n.DecimalNumber(decimal_places=41), n.DecimalNumber(decimal_places=41, minimum=Decimal(0))),
    (n.DecimalNumber(multiple_of=FINE), n.DecimalNumber(multiple_of=FINE, minimum=Decimal(0))),
    (n.DecimalNumber(minimum=Decimal("1e998")), n.DecimalNumber(minimum=Decimal("1e999"))),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_types_that_read_the_same_text(one, other):
    assert asked(one, other).answer == "yes"
    assert asked(other, one).answer == "yes"


@pytest.mark.parametrize(("wider", "narrower"), WITHIN)
def test_types_that_read_less(wider, narrower):
    assert asked(wider, narrower).answer == "yes"


@pytest.mark.parametrize(("wider", "narrower"), APART)
def test_text_that_tells_types_apart(wider, narrower):
    assert asked(wider, narrower).answer == "no"


@pytest.mark.parametrize(("wider", "narrower"), UNKNOWN)
def test_what_is_left_open(wider, narrower):
    found = asked(wider, narrower)
    assert found.answer == "unknown"
    assert found.reason


def test_the_reason_names_what_would_have_to_be_read():
    assert "how Set" in asked(set[bool | int], set[int | Literal[True]]).reason


def test_an_integer_too_long_to_be_written_shows_nothing():
    huge = n.Integer(minimum=10**5000)
    assert asked(n.Nothing(), huge).reason.startswith("the validators do not confirm")


def test_code_that_breaks_shows_nothing():
    def broken() -> int:
        raise RuntimeError

    field = n.Field(name="a", schema=n.Integer(), default_factory=broken)
    assert asked(n.Nothing(), n.Record((field,))).reason.startswith("the validators do not confirm")


# What tells readings apart: one value written in several ways, and the ends of what floats and digits can say.
SPECIAL = [
    "",
    "a",
    "red",
    "long",
    "YQ==",
    "YR==",
    "YWI=",
    "YWJj",
    "YWJj=",
    "a\0b",
    "(",
    "1.2.3.4",
    "01.2.3.4",
    "10.0.0.0/8",
    "10.0.0.1/8",
    "::1",
    "0:0:0:0:0:0:0:1",
    "2020-01-01",
    "2020-01-02",
    "2020-02-30",
    "2020-01-01T00:00:00Z",
    "2020-01-01T00:00:00.000+00:00",
    "2020-01-01T00:00:00",
    "01:30",
    "01:30:00Z",
    "P1D",
    "PT24H",
    "PT0S",
    "-0",
    "0",
    "1",
    "1.0",
    "01",
    "1e2",
    "2.50",
    "true",
    "null",
    "c0ffee00-0000-4000-8000-000000000000",
    "C0FFEE00-0000-4000-8000-000000000000",
    "c0ffee00-0000-4000-0000-000000000000",
    "c0ffee00-0000-7000-b000-000000000000",
    *(-3, -2, -1, 0, 1, 2, 3, 20, 98, 99, 100, 999, -999, 10**16, 2**53, 2**53 + 1, 2**64, 2**1024),
    *(
        10.0,
        -10.0,
        100.0,
        -100.0,
        1000.0,
        1e21,
        -1e21,
        -1e16,
        0.0,
        -0.0,
        0.5,
        1.0,
        1.5,
        2.25,
        0.05,
        0.001,
        12.5,
        99.99,
        1e-7,
        0.1,
        0.01,
        1e15,
        1e16,
        1e17,
        1.5e20,
        2.0**53,
    ),
    *(True, False, None),
]
NUMBERS = [item for item in SPECIAL if isinstance(item, int | float) or (item and item[-1].isdigit())]
TEXTS = st.sampled_from([item for item in SPECIAL if isinstance(item, str)])
PARSED = st.recursive(
    st.sampled_from(SPECIAL),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.lists(st.sampled_from(SPECIAL), max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c", "x", "y", "z", "tag"]) | TEXTS, parts, max_size=3)
    ),
    max_leaves=6,
)


def accepted(node: n.Schema, value: Any, known: Any) -> bool:
    try:
        return Reading("json", known).attempt(node, value, ())[0] is not REFUSED
    except TooManyProblems:
        return False


DECIMALS = st.builds(
    lambda low, high, open_ends, step, digits, places: n.DecimalNumber(
        minimum=low,
        maximum=high,
        exclusive_minimum=open_ends and low is not None,
        exclusive_maximum=open_ends and high is not None,
        multiple_of=step,
        max_digits=digits,
        decimal_places=places,
    ),
    st.none() | st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("-2.5"), Decimal("1e16")]),
    st.none()
    | st.sampled_from([Decimal(3), Decimal("99.99"), Decimal("1e17"), Decimal(2**53) + Decimal("0.1")]),
    st.booleans(),
    st.none() | st.sampled_from([Decimal(1), Decimal("0.5"), Decimal("0.05"), Decimal(3)]),
    st.none() | st.sampled_from([0, 1, 2, 3, 4, 17, 18, 21]),
    st.none() | st.sampled_from([0, 1, 2, 3, 41]),
)
ITEMS = (
    st.sampled_from(
        [
            *(n.Integer(), n.Float(), n.Float(minimum=0, maximum=9), n.Number(), n.Boolean(), n.Null()),
            *(n.Uuid(), n.Date(), n.DateTime(), n.Duration(), n.Bytes(), n.DecimalNumber(), n.Anything()),
            *(n.IpAddress("address", 6), n.EnumMember(Colour), n.EnumMember(Level), n.EnumMember(Odd)),
            *(n.literal("a", b"a", 1), n.literal("a", "1"), n.String(), n.Integer(minimum=1), n.FilePath()),
            n.Refined(n.Integer(), "even", even),
            n.Sensitive(n.Uuid(4)),
        ]
    )
    | DECIMALS
)
GROUPS = st.one_of(
    st.builds(lambda items, frozen: n.Set(items, frozen=frozen), ITEMS, st.booleans()),
    st.builds(lambda one, other: n.Set(n.union(one, other), min_length=2), ITEMS, ITEMS),
    st.builds(lambda keys: n.Map(keys, n.Anything()), ITEMS),
    st.builds(lambda one, other: n.Map(n.union(one, other), n.Integer()), ITEMS, ITEMS),
)
relaxed = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@relaxed
@given(trees | recursive_trees() | ITEMS | GROUPS, st.lists(PARSED | TEXTS | st.lists(TEXTS), max_size=8))
def test_a_shape_accepts_what_is_read_and_nothing_else(tree: n.Schema, found: list[Any]):
    root, known = (tree.root, dict(tree.definitions)) if isinstance(tree, n.Definitions) else (tree, {})
    shapes = Shapes(known)
    shape, shaped = shapes.of(root), shapes.definitions()
    for value in [
        *found,
        *([found] if found else []),
        *(dict.fromkeys(x, 1) for x in found if _are_texts(x)),
    ]:
        assert accepted(shape, value, shaped) == accepted(root, value, known), value


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is str for item in value)


def test_shapes_of_decimals_have_the_same_numbers():
    digits, places = (None, 0, 1, 2, 3, 4, 17, 18, 21), (None, 0, 1, 2, 3)
    lows = (None, *map(Decimal, ("0", "0.1", "-2.5", "-3", "1e16")))
    highs = (None, *map(Decimal, ("3", "99.99", "1e17", "0.5")))
    steps = (None, *map(Decimal, ("1", "0.05")))
    nodes = [n.DecimalNumber(max_digits=d, decimal_places=p) for d, p in itertools.product(digits, places)]
    nodes += [
        n.DecimalNumber(low, high, sharp and low is not None, sharp and high is not None, step)
        for low, high, sharp, step in itertools.product(lows, highs, (False, True), steps)
    ]
    for node in nodes:
        shape = Shapes({}).of(node)
        for value in NUMBERS:
            assert accepted(shape, value, {}) == accepted(node, value, {}), (node, value)


@pytest.mark.parametrize("end", [2**53 - 1, 2**53, 2**53 + 2, 2**54])
def test_shapes_of_sets_of_floats_know_where_whole_numbers_become_one(end):
    for limits in ({"minimum": 0, "maximum": end}, {"minimum": -end, "maximum": 0}):
        node = n.Set(n.Float(**limits))
        shape = Shapes({}).of(node)
        for low in (2**53 - 2, 2**53 - 1, 2**53, 2**53 + 1):
            for value in ([low, low + 1], [-low, -low - 1]):
                assert accepted(shape, value, {}) == accepted(node, value, {}), value


def test_shapes_of_bytes_have_the_same_lengths():
    texts = [base64.b64encode(bytes(length)).decode() for length in range(20)]
    for low, high in itertools.product(range(8), (None, *range(8), 14)):
        node = n.Bytes(min_length=low, max_length=high)
        shape = Shapes({}).of(node)
        assert [accepted(shape, text, {}) for text in texts] == [accepted(node, text, {}) for text in texts]


@pytest.mark.parametrize("cls", [Colour, Level, Odd, Strange, NoNumber, Fickle, Unhashable])
def test_shapes_of_members_and_of_sets_of_them(cls):
    node = n.EnumMember(cls)
    alone = [None, "a", "b", "red", 1, 1.0, 2, True, [1, 2], [1.0, 2], []]
    rows = [
        list(row) for length in range(4) for row in itertools.product(("a", "b", "red", 1), repeat=length)
    ]
    for tree, values_tried in ((node, alone), (n.Set(node), rows), (n.Set(node, min_length=2), rows)):
        shape = Shapes({}).of(tree)
        for value in values_tried:
            assert accepted(shape, value, {}) == accepted(tree, value, {}), value


TALLY: collections.Counter[str] = collections.Counter()


def written(gtype: GType[Any], data: st.DataObject) -> str | None:
    """The JSON text of some value of a type."""
    strategy = values(gtype)
    if strategy.is_empty:
        return None
    try:
        return gtype.dump_json(data.draw(strategy)).decode()
    except DumpError:
        return None


@relaxed
@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
@given(
    neighbours(trees | GROUPS) | neighbours(recursive_trees()),
    st.booleans(),
    st.lists(PARSED, max_size=8),
    st.data(),
)
def test_no_text_is_read_by_the_narrower_alone(pair, turned: bool, tried: list[Any], data: st.DataObject):
    narrower, wider = (GType.from_schema(node) for node in (reversed(pair) if turned else pair))
    found = asked(wider.schema, narrower.schema)
    TALLY[found.answer] += 1
    if found.answer != "yes":
        return
    texts = [json.dumps(value) for value in tried]
    text = written(narrower, data)
    for each in texts if text is None else [*texts, text]:
        assert reads(wider, each) or not reads(narrower, each), each


@relaxed
@given(trees | recursive_trees() | GROUPS, trees)
def test_laws(one: n.Schema, other: n.Schema):
    assert asked(n.union(one, other), one).answer != "no"
    assert asked(one, n.Intersection((one, other)) if one != other else one).answer != "no"
    assert asked(n.Anything(), one).answer == "yes"


def test_the_share_of_unknown(capsys: pytest.CaptureFixture[str]):
    total = sum(TALLY.values())
    shares = {answer: f"{count / total:.1%}" for answer, count in sorted(TALLY.items())}
    with capsys.disabled():
        print("\ncontainment of JSON text on generated pairs:", shares)
