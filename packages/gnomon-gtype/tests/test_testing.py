"""Strategies made of types: valid values are valid, near misses are wrong in exactly one place."""

from __future__ import annotations

import datetime
import decimal
import enum
import ipaddress
import pathlib
import re
import sys
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from pydantic_core import core_schema

from gnomon_gtype import Email, GType, Slug, Url
from gnomon_gtype import schema as t
from gnomon_gtype._testing_values import can_hash
from gnomon_gtype.testing import near_misses, values


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"


class Empty(enum.Enum):
    pass


@dataclass(frozen=True)
class Line:
    sku: str
    tags: list[str]
    price: float = 1.5
    key: str = field(init=False, default="k")


class Order(TypedDict):
    id: int
    note: NotRequired[str]


class Point(NamedTuple):
    x: int
    y: str


class Tree(TypedDict):
    value: int
    children: list[Tree]


class Even:
    """A class that describes itself to the engine."""

    def __init__(self, number: int) -> None:
        self.number = number

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return core_schema.is_instance_schema(cls)


ANNOTATIONS = [
    int,
    float,
    str,
    bool,
    None,
    bytes,
    Any,
    list[int],
    list[Any],
    tuple[int, str],
    tuple[int, ...],
    dict[str, int],
    set[int],
    frozenset[str],
    Literal[1, "a", True, b"x"],
    Colour,
    int | str | None,
    Order,
    Line,
    list[Line],
    Point,
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    decimal.Decimal,
    pathlib.Path,
    ipaddress.IPv4Address,
    ipaddress.IPv6Network,
    ipaddress.IPv4Interface,
    re.Pattern[str],
    Email,
    Url,
    Slug,
    Tree,
    dict[int, list[Order]],
    Even,
]

SECOND = datetime.timedelta(seconds=1)
NOON = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC)


def fields(**nodes: t.Schema) -> tuple[t.Field, ...]:
    return tuple(t.Field(name=name, schema=node) for name, node in nodes.items())


TREES = [
    t.Number(multiple_of=0.5, minimum=1),
    t.Number(multiple_of=1, maximum=10**400),
    t.Number(minimum=-(10**400), maximum=2**53 + 1),
    t.Integer(minimum=3, maximum=9, multiple_of=3),
    t.Float(minimum=0.1, maximum=0.3, multiple_of=0.1),
    t.Float(minimum=2**53 + 1, exclusive_minimum=True),
    t.Float(finite=False),
    t.DecimalNumber(max_digits=4, decimal_places=2, minimum=decimal.Decimal("1.5"), exclusive_minimum=True),
    t.DecimalNumber(multiple_of=decimal.Decimal("0.25"), maximum=decimal.Decimal(3)),
    t.DecimalNumber(minimum=decimal.Decimal("1.5"), maximum=decimal.Decimal("1.6")),
    t.String(min_length=3, max_length=5),
    t.String(patterns=("^[a-c]+$", "a")),
    t.String(patterns=(r"^(?i)a{1,3}$|\p{Greek}|^.{0,20}$",)),
    t.String(format="json"),
    t.Bytes(min_length=2, max_length=3),
    t.Date(minimum=datetime.date(2020, 1, 1), exclusive_minimum=True),
    t.DateTime(minimum=NOON, maximum=(NOON + SECOND).astimezone(datetime.timezone(5 * 3600 * SECOND))),
    t.DateTime(zone="any"),
    t.DateTime(zone="naive", maximum=datetime.datetime(1999, 1, 1)),
    t.Time(zone="aware"),
    t.Time(zone="aware", minimum=datetime.time(12, tzinfo=datetime.UTC)),
    t.Time(),
    t.Duration(minimum=SECOND, maximum=10 * SECOND),
    t.Uuid(version=7),
    t.Array(prefix=(t.Integer(),), rest=t.String(), suffix=(t.Boolean(),), container="tuple"),
    t.Array(rest=t.Integer(), unique=True, min_length=1, max_length=3),
    t.Array(prefix=(t.Integer(), t.String()), required=1),
    t.Array(rest=t.Anything(), contains=((t.Integer(), 1, 2),)),
    t.Array(prefix=(t.Integer(),), rest=t.Integer(), min_length=3, max_length=5),
    t.Record(fields(a=t.Integer()), extra="forbid"),
    t.Record((t.Field(name="a", schema=t.Nothing(), required=False),), extra="keep"),
    t.Record(
        fields(a=t.Integer()),
        extra="keep",
        rest=t.String(),
        patterns=(("^x", t.Integer()),),
        keys=t.String(max_length=4),
        max_length=4,
        min_length=2,
    ),
    t.Not(t.Integer()),
    t.Intersection((t.Not(t.Integer()), t.Not(t.String()))),
    t.Intersection(
        (
            t.Record(fields(a=t.Integer()), extra="keep"),
            t.Record(fields(b=t.Integer()), extra="keep", min_length=2),
        )
    ),
    t.Intersection((t.Number(), t.Union((t.Integer(minimum=3), t.Float(maximum=0))))),
    t.Refined(t.Integer(), id="even", check=lambda value: value % 2 == 0),
    t.Sensitive(t.String(min_length=1)),
    t.Map(t.Integer(minimum=0), t.String(), 1, 3),
    t.Map(t.String(), t.Integer(), min_length=2),
    t.Set(t.String(), 1, 2),
    t.Set(t.union(t.Array(rest=t.Integer()), t.Integer()), frozen=True),
    t.literal(1, 1.0, 2**60, b"x", Colour.RED),
]

# a share of the examples for each of the many rows
SOME = settings(
    max_examples=settings().max_examples // 12,
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
    database=None,
)


def given_values(strategy: st.SearchStrategy[Any]) -> Any:
    """Runs a check for examples of one strategy, as many as the profile says divided among the rows."""
    return lambda check: SOME(given(strategy)(check))()


def all_types() -> list[GType[Any]]:
    return [*(GType(annotation) for annotation in ANNOTATIONS), *map(GType.from_schema, TREES)]


@pytest.mark.parametrize("gtype", all_types(), ids=repr)
def test_values_are_accepted(gtype: GType[Any]):
    @given_values(values(gtype))
    def check(value: Any) -> None:
        assert gtype.problems(value) == ()


@pytest.mark.parametrize("gtype", [item for item in all_types() if item != GType(Any)], ids=repr)
def test_near_misses_are_wrong_in_one_place(gtype: GType[Any]):
    @given_values(near_misses(gtype))
    def check(value: Any) -> None:
        assert not gtype.is_valid(value)
        assert len({problem.path for problem in gtype.problems(value)}) == 1


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (Order, lambda value: value == {"id": 0, "note": None}),
        (Order, lambda value: value == {}),
        (list[int], lambda value: isinstance(value, list) and len(value) == 2),
        (tuple[int, str], lambda value: len(value) == 1),
        (tuple[int, str], lambda value: len(value) == 3),
        (Literal[1], lambda value: value is True),
        (Literal["a"], lambda value: value == "A"),
        (Colour, lambda value: value == 1 and type(value) is int),
        (datetime.date, lambda value: isinstance(value, datetime.datetime)),
        (datetime.datetime, lambda value: isinstance(value, datetime.datetime) and value.tzinfo is None),
        (Line, lambda value: isinstance(value, Line) and value.price == "text"),
        (Line, lambda value: isinstance(value, dict)),
        (dict[str, int], lambda value: set(value) == {7}),
    ],
)
def test_near_misses_come_near(annotation: Any, wanted: Any):
    def is_it(value: Any) -> bool:
        try:
            return bool(wanted(value))
        except (TypeError, KeyError, AttributeError, IndexError):
            return False

    found = find(
        near_misses(GType(annotation)),
        is_it,
        # the first that is found will do: making it small takes most of the time
        settings=settings(max_examples=20_000, database=None, deadline=None, phases=[Phase.generate]),
    )
    assert not GType(annotation).is_valid(found)


@pytest.mark.parametrize(
    "tree",
    [
        t.Nothing(),
        t.EnumMember(Empty),
        t.Integer(minimum=2, maximum=1),
        t.Integer(minimum=4, maximum=5, multiple_of=3),
        t.Float(minimum=2, maximum=1),
        t.Float(minimum=10**400),
        t.Float(minimum=0.1, maximum=0.15, multiple_of=0.2),
        t.DecimalNumber(minimum=decimal.Decimal(2), maximum=decimal.Decimal(1)),
        t.String(min_length=2, max_length=1),
        t.Bytes(min_length=2, max_length=1),
        t.Date(minimum=datetime.date(2020, 1, 2), maximum=datetime.date(2020, 1, 1)),
        t.Time(zone="naive", minimum=datetime.time(2), maximum=datetime.time(1)),
        t.Duration(minimum=SECOND, maximum=0 * SECOND),
        t.Record(fields(a=t.Nothing())),
        t.Map(t.String(), t.String(), 2, 1),
        t.Set(t.String(), 2, 1),
        t.FilePath("WindowsPath" if sys.platform != "win32" else "PosixPath"),
        t.Array(rest=t.Integer(), min_length=1, max_length=0),
        t.Array(prefix=(t.Integer(),), rest=t.Integer(), min_length=3, max_length=2),
        t.Array(prefix=(t.Integer(), t.Integer()), max_length=1),
        t.Array(rest=t.literal(1), unique=True, min_length=2),
        t.Array(prefix=(t.literal(1), t.literal(1.0)), unique=True),
        t.Array(rest=t.Integer(minimum=1, maximum=3), unique=True, min_length=4),
        t.Array(rest=t.Integer(), contains=((t.String(), 1, None),)),
        t.Array(rest=t.Array(rest=t.Integer(), min_length=2, max_length=1), min_length=1),
        t.Set(t.Array(rest=t.Integer()), 1),
        t.Set(t.Map(), 1, frozen=True),
        t.Set(t.Sensitive(t.Set(t.Integer())), 1),
        t.Set(t.Array(prefix=(t.Array(rest=t.Integer()),), container="tuple"), 1),
        t.Set(t.Boolean(), 3),
        t.Map(t.Array(rest=t.Integer()), t.Integer(), 1),
        t.Map(t.Boolean(), t.Integer(), 3),
        t.Map(t.Integer(), t.Nothing(), 1),
        t.Record(fields(a=t.Integer()), min_length=2, max_length=1),
        t.Record(extra="keep", keys=t.literal("a"), min_length=2),
        t.Record(fields(a=t.Array(rest=t.Integer(), min_length=1, max_length=0))),
        t.Intersection((t.Integer(), t.String())),
        t.Not(t.Anything()),
        t.String(patterns=("^a$", "^b$")),
        t.Definitions(t.Ref("x"), (("x", t.Record(fields(next=t.Ref("x")))),)),
        t.Definitions(t.Set(t.Ref("x"), 1), (("x", t.Array(rest=t.Ref("x"))),)),
    ],
    ids=repr,
)
def test_a_type_without_values_gives_nothing(tree: t.Schema):
    assert values(GType.from_schema(tree)).is_empty


@pytest.mark.parametrize(
    "tree",
    [
        t.Array(rest=t.Nothing(), max_length=3),
        t.Array(prefix=(t.Integer(),), rest=t.Nothing(), max_length=2),
        t.Array(rest=t.Array(rest=t.Integer(), min_length=1, max_length=0), container="tuple"),
        t.Array(rest=t.Integer(minimum=1, maximum=9), unique=True, min_length=9),
        t.Set(t.Array(rest=t.Integer()), 0, 3),
        t.Set(t.union(t.Array(rest=t.Integer()), t.literal(1)), 1),
        t.Set(t.Boolean(), 2, 9, frozen=True),
        t.Map(t.Nothing(), t.Integer(), 0, 2),
        t.Map(t.Integer(), t.Nothing(), 0, 2),
        t.Map(t.union(t.Array(rest=t.Integer()), t.Boolean()), t.Integer(), 1, 2),
        t.union(t.Array(rest=t.Integer(), min_length=1, max_length=0), t.Integer()),
        t.Record(extra="keep", rest=t.Nothing(), max_length=3),
        t.Record(extra="keep", keys=t.Nothing()),
        t.Record(patterns=(("^x", t.Nothing()),), extra="keep"),
    ],
    ids=repr,
)
def test_parts_without_values_are_left_out(tree: t.Schema):
    gtype = GType.from_schema(tree)

    @given_values(values(gtype))
    def check(value: Any) -> None:
        assert gtype.problems(value) == ()


def test_a_type_that_accepts_everything_has_no_near_misses():
    assert near_misses(GType(Any)).is_empty


def test_only_what_can_be_hashed_is_put_into_sets():
    assert can_hash((1, "a"))
    assert not can_hash(([],))


def test_opaque_parts():
    tree = t.Opaque("app:even", core_schema.int_schema(multiple_of=2))
    gtype = GType.from_schema(tree)
    with pytest.raises(ValueError, match=r"opaque=\{'app:even': strategy\}"):
        values(gtype)
    found = find(values(gtype, opaque={"app:even": st.integers()}), lambda value: value > 3)
    assert found == 4
    assert not gtype.is_valid(
        find(near_misses(gtype, opaque={"app:even": st.integers()}), lambda value: True)
    )


def test_the_public_names_say_where_they_are():
    assert values.__module__ == near_misses.__module__ == "gnomon_gtype.testing"
