"""Rows for unions, discriminated unions and intersections: which member wins, and why none did."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict, Union

import pytest
from made_classes import Colour
from typing_extensions import TypeAliasType

from gnomon_gtype import (
    Closed,
    Discriminator,
    Email,
    GType,
    Message,
    Min,
    MinLength,
    Sensitive,
    UnsupportedAnnotation,
    ValidationError,
    g,
)
from gnomon_gtype import schema as n

no = pytest.Refused


class Cat(TypedDict):
    kind: Literal["cat"]
    lives: int


class Dog(TypedDict):
    kind: Literal["dog", "puppy"]
    name: str


class Small(TypedDict):
    a: int


class Large(TypedDict):
    a: int
    b: int


class WithX(TypedDict):
    a: int
    x: NotRequired[int]


class WithY(TypedDict):
    a: int
    y: NotRequired[int]


Pet = Cat | Dog

TABLE = [
    (int | str, "python", 1, 1),
    (int | str, "python", "1", "1"),
    (int | str, "python", 1.0, no("no_match")),
    (int | str, "json", '"1"', "1"),
    (Union[int, None], "python", None, None),
    (Optional[str], "json", "null", None),
    (bool | int, "json", "true", True),
    (int | bool, "python", True, True),
    (float | int, "python", 1, 1),
    (Annotated[float, Min(0)] | int, "python", 1, 1),
    (int | Annotated[float, Min(0)], "json", "1.0", 1.0),
    (dt.date | str, "json", '"2026-01-02"', dt.date(2026, 1, 2)),
    (str | dt.date, "json", '"2026-01-02"', dt.date(2026, 1, 2)),
    (str | dt.date, "json", '"soon"', "soon"),
    (str | bytes, "json", '"YWI="', "YWI="),
    (Decimal | int, "json", "1", 1),
    (uuid.UUID | str, "python", "a", "a"),
    (Annotated[int | None, Min(3)], "python", None, None),
    (Annotated[int | None, Min(3)], "python", 2, no("too_small")),
    (Annotated[str | list[int], MinLength(1)], "python", [], no("too_short")),
    (list[int] | list[str], "json", '["a"]', ["a"]),
    (list[int] | list[str], "json", '["a", 1]', no("no_match")),
    (dict[str, int] | list[int], "json", '{"a": 1}', {"a": 1}),
    (dict[str, int] | list[int], "json", '{"a": 1, "a": 1}', no("duplicate_key")),
    (list[dict[str, int]] | None, "json", '[{"a": 1, "a": 1}]', no("duplicate_key")),
    (list[dict[str, int]] | None, "json", "null", None),
    (Pet, "python", {"kind": "cat", "lives": 9}, {"kind": "cat", "lives": 9}),
    (Pet, "json", '{"kind": "puppy", "name": "Rex"}', {"kind": "puppy", "name": "Rex"}),
    (Pet, "json", '{"kind": "cat", "kind": "cat", "lives": 1}', no("duplicate_key")),
    (Pet, "json", '{"kind": "cow"}', no("unknown_tag")),
    (Pet, "python", {"kind": ["cat"]}, no("unknown_tag")),
    (Pet, "json", '{"name": "Rex"}', no("missing")),
    (Pet, "json", '{"kind": "cat", "lives": "many"}', no("wrong_type")),
    (Pet, "json", "[]", no("no_match")),
    (Pet | None, "json", "null", None),
    (Pet | None, "json", '{"kind": "cat"}', no("missing")),
    (
        Annotated[Pet, Discriminator("kind")],
        "python",
        {"kind": "cat", "lives": 9},
        {"kind": "cat", "lives": 9},
    ),
    (Cat | Sensitive[Dog], "json", '{"kind": "dog"}', no("missing")),
    (Small | Large, "python", {"a": 1, "b": 2}, {"a": 1, "b": 2}),
    (Large | Small, "python", {"a": 1, "b": "x"}, {"a": 1}),
    (Closed[Small] | Large, "python", {"a": 1, "b": "x"}, no("no_match")),
    (WithX | WithY, "json", '{"a": 1, "y": 2}', {"a": 1, "y": 2}),
    (WithY | WithX, "json", '{"a": 1, "x": 2}', {"a": 1, "x": 2}),
    (g.intersection(Small, g.object({"b": int})), "python", {"a": 1, "b": 2}, {"a": 1, "b": 2}),
    (g.intersection(Small, g.object({"b": int})), "python", {"a": 1}, no("missing")),
    (g.intersection(Small, g.object({"b": int}, extra="forbid")), "python", {"a": 1, "b": 2}, no("never")),
    (g.intersection(g.string(min_length=2), g.string(pattern="a")), "python", "b", no("too_short")),
    (g.intersection(g.union(int, str), g.union(str, bool)), "python", "a", "a"),
    (g.intersection(g.union(int, str), g.union(str, bool)), "python", 1, no("no_match")),
    (
        n.Intersection((n.Map(n.String(), n.Anything()), GType(Small).schema)),
        "json",
        '{"a": 1, "z": 2}',
        {"a": 1, "z": 2},
    ),
    (n.Not(n.Integer()), "python", "a", "a"),
    (n.Not(n.Integer()), "python", 1, no("excluded")),
    (n.Not(n.Integer()), "json", "1", no("excluded")),
]


@pytest.mark.parametrize(("annotation", "channel", "given", "outcome"), TABLE)
def test_row(rows, annotation, channel, given, outcome):
    rows(annotation, channel, given, outcome)


def test_a_failure_says_why_each_member_refused():
    (problem,) = GType(int | list[str]).problems("a")
    assert problem.branches == (tuple(GType(int).problems("a")), tuple(GType(list[str]).problems("a")))
    assert str(problem) == "Expected an integer or a list, found a str."


class Square(TypedDict):
    shape: Literal["square"]
    side: int


class Circle(TypedDict):
    shape: Literal["circle"]
    radius: int


class Free(TypedDict):
    points: list[int]


Branches = TypeAliasType("Branches", "list[Branches | None]")
Shapes = list[Square | Circle | Free | Literal["none"] | None]


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (int | list[str], ["a", 1], "[1]: Expected text, found an int."),
        (Free | None, {"points": [1, "2"]}, "points[1]: Expected an integer, found a str."),
        (Email | None, "ada", "Expected an e-mail address."),
        (Annotated[str, MinLength(2)] | int, "a", "Expected at least 2 characters, found 1."),
        (Literal["a", "b"] | Annotated[int, Min(3)], 1, "Expected at least 3."),
        (Literal["a", "b"] | int, "c", "Expected 'a' or 'b'."),
        (Colour | int, 1.5, "Expected a member of Colour or an integer, found a float."),
        (Shapes, ["some"], "[0]: Expected 'none'."),
        (Shapes, [{"shape": "circle", "radius": 1.5}], "[0].radius: Expected an integer, found a float."),
        (
            Shapes,
            [{"shape": "oval"}],
            (
                "[0]: Fits none of 3 alternatives: (1) [0].shape: Expected 'square'. (2) [0].shape: Expected 'circle'."
                " (3) [0].points: The key is missing; expected a list."
            ),
        ),
        (
            list[list[int] | list[str] | list[bool] | list[float]],
            [[None]],
            (
                "[0]: Fits none of 4 alternatives: (1) [0][0]: Expected an integer, found None. (2) [0][0]: Expected True or"
                " False, found None. (3) [0][0]: Expected text, found None. …"
            ),
        ),
        (
            list[Literal["a", "b"] | Annotated[str, MinLength(2, message="no " * 80)]],
            ["c"],
            f"[0]: Fits none of 2 alternatives: (1) [0]: Expected 'a' or 'b'. (2) [0]: {('no ' * 80)[:154]}…",
        ),
        (Annotated[Free | int, Message("neither points nor a number")], {}, "neither points nor a number"),
        (Sensitive[Free | int], {}, "Expected a dict or an integer, found a dict."),
        (Branches | int, [None, ["a"]], "[1][0]: Expected Branches or None, found a str."),
        (
            list[int] | list[str],
            ["a", 1],
            "Fits none of 2 alternatives: (1) [0]: Expected an integer, found a str. (2) [1]: Expected text, found an int.",
        ),
    ],
)
def test_the_only_member_for_values_of_this_kind_says_why(annotation, value, said):
    assert [str(problem) for problem in GType(annotation).problems(value)] == [said]


def test_members_of_enumerations_are_told_apart_from_values_of_another_kind():
    for text, said in (
        ('"x"', "Expected 'red' or 'blue'."),
        ("1.5", "Expected 'red' or 'blue' or an integer, found a number."),
    ):
        with pytest.raises(ValidationError) as caught:
            GType(Colour | int).validate_json(text)
        assert str(caught.value) == said


def test_order_is_no_meaning_and_changes_no_result():
    one, other = GType(str | dt.date), GType(dt.date | str)
    assert one == other
    assert one.fingerprint == other.fingerprint
    assert one.validate_json('"2026-01-02"') == other.validate_json('"2026-01-02"')


def test_a_discriminator_is_found_without_being_told():
    assert GType(Pet).schema.discriminator == "kind"
    assert GType(Pet).schema == GType(Annotated[Pet, Discriminator("kind")]).schema
    assert GType(Small | Large).schema.discriminator is None
    assert n.discriminator_of((n.Record(),)) is None


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[Small | Large, Discriminator("a")],
        Annotated[Cat, Discriminator("kind")],
        Annotated[Pet, Discriminator("x")],
    ],
)
def test_a_discriminator_that_does_not_discriminate_is_refused(annotation):
    with pytest.raises(UnsupportedAnnotation):
        GType(annotation)


def test_shortest_forms():
    assert n.intersection() == n.Anything()
    assert n.intersection(n.String(), n.Nothing()) == n.Nothing()
    assert n.intersection(n.String(), n.Anything(), n.String()) == n.String()
    assert n.union(n.String(), n.Anything()) == n.Anything()
    assert n.union(n.literal("a"), n.literal("b")) == n.literal("b", "a")
    with pytest.raises(ValueError, match="two members"):
        n.Union((n.Null(),))


MERGED = [
    (n.Integer(1, 9, 2), n.Integer(0, 5, 3), n.Integer(1, 5, 6)),
    (n.Integer(), n.Integer(multiple_of=2), n.Integer(multiple_of=2)),
    (
        n.Float(minimum=1),
        n.Float(minimum=1, exclusive_minimum=True),
        n.Float(minimum=1, exclusive_minimum=True),
    ),
    (n.Float(maximum=1), n.Float(maximum=2, exclusive_maximum=True), n.Float(maximum=1)),
    (n.Float(multiple_of=2), n.Float(multiple_of=3), None),
    (n.Float(finite=False), n.Float(), None),
    (n.Date(), n.Date(minimum=dt.date(2026, 1, 1)), n.Date(minimum=dt.date(2026, 1, 1))),
    (n.DateTime(zone="any"), n.DateTime(), None),
    (n.String(1, 5, ("a",)), n.String(2, None, ("b",)), n.String(2, 5, ("a", "b"))),
    (n.String(format="slug"), n.String(format="email"), None),
    (n.String(format="slug"), n.String(), n.String(format="slug")),
    (n.Bytes(1, 3), n.Bytes(2), n.Bytes(2, 3)),
    (n.Boolean(), n.Null(), None),
    (n.Array(rest=n.Integer()), n.Array(rest=n.String()), None),
    (n.Record(cls=int), n.Record(), None),
    (n.Record(extra="keep"), n.Record(extra="forbid"), n.Record(extra="forbid")),
    (n.Record(extra="keep"), n.Record(), n.Record(extra="keep")),
    (
        n.Record((n.Field(name="a", schema=n.Integer(), required=False, read_only=True),)),
        n.Record((n.Field(name="a", schema=n.Integer(minimum=1)),)),
        n.Record((n.Field(name="a", schema=n.Integer(minimum=1)),)),
    ),
]


@pytest.mark.parametrize(("left", "right", "both"), MERGED)
def test_two_of_a_kind_become_one(left: Any, right: Any, both: Any):
    expected = n.Intersection((left, right)) if both is None else both
    assert n.intersection(left, right) == expected
    assert n.intersection(right, left) == expected


def test_merging_keeps_the_words():
    left, right = n.String(1, meta=n.Meta(title="A")), n.String(2, meta=n.Meta(description="b"))
    assert n.intersection(left, right).meta == n.Meta(title="A", description="b")
    assert n.intersection(left, n.String(3)).meta == n.Meta(title="A")
