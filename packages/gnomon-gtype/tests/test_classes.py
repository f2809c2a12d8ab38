"""Rows for dataclasses and named tuples, from Python and from JSON."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, TypeVar

import pytest

from gnomon_gtype import Closed, GType, Min, UnsupportedAnnotation
from gnomon_gtype import schema as n

no = pytest.Refused
T = TypeVar("T")


@dataclasses.dataclass
class Point:
    """A place."""

    kind: ClassVar[str] = "point"
    x: int
    y: float = 0.0


@dataclasses.dataclass
class Point3(Point):
    z: int = 0


@dataclasses.dataclass(slots=True, frozen=True, kw_only=True)
class Tagged:
    name: str
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Checked:
    low: int
    high: int
    width: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")
        self.width = self.high - self.low


@dataclasses.dataclass
class Guarded:
    low: int

    def __post_init__(self) -> None:
        assert self.low > 0, "low is not above 0"


@dataclasses.dataclass
class Box(Generic[T]):
    item: T


@dataclasses.dataclass(init=False)
class ByHand:
    a: int

    def __init__(self, a: int) -> None:
        self.a = a + 1


@dataclasses.dataclass
class Node:
    value: int
    next: Node | None = None


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Twin(NamedTuple, Generic[T]):
    one: T
    two: T


Bare = namedtuple("Bare", ["a", "b"])  # noqa: PYI024

TABLE = [
    (Point, "python", Point(1), Point(1)),
    (Point, "python", Point(1, 2), Point(1, 2.0)),
    (Point, "python", Point3(1, 2.0, 3), Point(1, 2.0)),
    (Point3, "json", '{"x": 1, "z": 3}', Point3(1, 0.0, 3)),
    (Point, "python", Point("a"), no("wrong_type")),  # type: ignore[arg-type]
    (Point, "python", {"x": 1}, no("wrong_type")),
    (Point, "python", None, no("wrong_type")),
    (Point, "json", '{"x": 1}', Point(1)),
    (Point, "json", '{"x": 1, "y": 2, "z": 3}', Point(1, 2.0)),
    (Point, "json", '{"x": 1, "x": 2}', no("duplicate_key")),
    (Point, "json", '{"y": "a"}', no("missing", "wrong_type")),
    (Point, "json", "[1]", no("wrong_type")),
    (Closed[Point], "json", '{"x": 1, "z": 3}', no("unknown_key")),
    (Tagged, "json", '{"name": "a"}', Tagged(name="a")),
    (Tagged, "python", Tagged(name="a", tags=["b"]), Tagged(name="a", tags=["b"])),
    (Tagged, "python", Tagged(name="a", tags=[1]), no("wrong_type")),  # type: ignore[list-item]
    (Checked, "json", '{"low": 1, "high": 3}', Checked(1, 3)),
    (Checked, "json", '{"low": 1, "high": 3, "width": 9}', Checked(1, 3)),
    (Checked, "json", '{"low": 3, "high": 1}', no("refused")),
    (Checked, "python", Checked(1, 3), Checked(1, 3)),
    (Guarded, "json", '{"low": 0}', no("refused")),
    (Box[int], "json", '{"item": 1}', Box(1)),
    (Box[int], "json", '{"item": "a"}', no("wrong_type")),
    (ByHand, "json", '{"a": 1}', None),
    (Node, "json", '{"value": 1, "next": {"value": 2}}', Node(1, Node(2))),
    (Node, "json", '{"value": 1, "next": {"value": "a"}}', no("wrong_type")),
    (Pair, "python", Pair(1), Pair(1)),
    (Pair, "python", (1, "a"), no("wrong_type")),
    (Pair, "python", Pair("a", 1), no("wrong_type", "wrong_type")),  # type: ignore[arg-type]
    (Pair, "json", "[1]", Pair(1)),
    (Pair, "json", '[1, "a"]', Pair(1, "a")),
    (Pair, "json", '[1, "a", 2]', no("too_long")),
    (Pair, "json", '{"left": 1}', no("wrong_type")),
    (Twin[int], "json", "[1, 2]", Twin(1, 2)),
    (Bare, "json", '[1, "a"]', Bare(1, "a")),
]


@pytest.mark.parametrize(("annotation", "channel", "given", "outcome"), TABLE)
def test_row(rows, annotation, channel, given, outcome):
    if outcome is None:
        assert GType(annotation).validate_json(given) == ByHand(1)
        return
    rows(annotation, channel, given, outcome)


def test_a_default_factory_makes_a_new_one_each_time():
    gtype: GType[Tagged] = GType(Tagged)
    gtype.validate_json('{"name": "a"}').tags.append("x")
    assert gtype.validate_json('{"name": "a"}').tags == []


def test_an_instance_that_lacks_a_field_is_refused():
    point = Point(1)
    del point.__dict__["x"]
    assert [problem.code for problem in GType(Point).problems(point)] == ["missing"]


def test_an_init_var_is_not_kept_and_so_not_served():
    @dataclasses.dataclass
    class Made:
        a: dataclasses.InitVar[int]

    with pytest.raises(UnsupportedAnnotation, match="InitVar"):
        GType(Made)


def test_two_classes_of_one_name_are_two_types():
    def make(low: int) -> Any:
        @dataclasses.dataclass
        class Local:
            a: Annotated[int, Min(0)]

        return Local

    one, other = make(0), make(0)
    assert GType(one).fingerprint == GType(other).fingerprint
    assert GType(one) != GType(other)
    assert type(GType(one).validate_json('{"a": 1}')) is one
    assert type(GType(other).validate_json('{"a": 1}')) is other
    assert not GType(one).is_valid(other(1))


def test_words_that_dataclass_writes_itself_are_no_description():
    assert GType(Point).schema.meta.description == "A place."
    assert GType(Tagged).schema.meta.description is None


def test_a_field_that_a_tree_does_not_require_is_left_to_the_class():
    fields = (n.Field(name="x", schema=n.Integer()), n.Field(name="y", schema=n.Float(), required=False))
    gtype = GType.from_schema(n.Record(fields, cls=Point))
    assert gtype.validate_json('{"x": 1}') == Point(1)
    assert gtype.validate(Point(1, 2)) == Point(1, 2.0)
    assert [problem.path for problem in gtype.problems(Point("1"))] == [("x",)]
