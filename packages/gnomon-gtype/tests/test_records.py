"""Rows for TypedDict, from Python and from JSON, and the nodes behind it."""

from __future__ import annotations

from typing import Annotated, Any, Generic, NotRequired, Required, TypedDict, TypeVar

import pytest
from typing_extensions import ReadOnly
from typing_extensions import TypedDict as NewTypedDict

from gnomon_gtype import Closed, GType, Length, MaxLength, MinLength, Open, UnknownKeys, UnsupportedAnnotation
from gnomon_gtype import schema as n

no = pytest.Refused
T = TypeVar("T")
K = TypeVar("K")


class User(TypedDict):
    """A person."""

    name: str
    age: NotRequired[int]


class Loose(TypedDict, total=False):
    name: Required[str]
    age: int


class Grown(User):
    city: str


class Marked(TypedDict):
    id: ReadOnly[int]
    note: ReadOnly[NotRequired[Annotated[str, MinLength(1)]]]


class Page(TypedDict, Generic[T]):
    items: list[T]
    next: T | None


class Pages(Page[T], Generic[T, K]):
    key: K


class IntPage(Page[int]):
    total: int


class Shut(NewTypedDict, closed=True):
    a: int


class Rest(NewTypedDict, extra_items=int):
    a: str


class Odd(TypedDict):
    __proto__: int


Functional = TypedDict("Functional", {"a-b": int, "class": str})

TABLE = [
    (User, "python", {"name": "Ada"}, {"name": "Ada"}),
    (User, "python", {"name": "Ada", "age": 36}, {"name": "Ada", "age": 36}),
    (User, "python", {"name": "Ada", "city": "London"}, {"name": "Ada"}),
    (User, "python", {"name": "Ada", 1: 2}, {"name": "Ada"}),
    (User, "python", {"name": "Ada", "\ud800": 2}, {"name": "Ada"}),
    (User, "python", {}, no("missing")),
    (User, "python", {"name": 1, "age": "x"}, no("wrong_type", "wrong_type")),
    (User, "python", {"name": True}, no("wrong_type")),
    (User, "python", [], no("wrong_type")),
    (User, "python", None, no("wrong_type")),
    (User, "json", '{"age": 1, "name": "Ada", "x": null}', {"name": "Ada", "age": 1}),
    (User, "json", '{"name": "a", "name": "b"}', no("duplicate_key")),
    (User, "json", '{"name":"a","x":1,"x":2}', no("duplicate_key")),
    (User, "json", '{"name": "a:b", "x": "c:d"}', {"name": "a:b"}),
    (User, "json", '{"age": null}', no("missing", "wrong_type")),
    (Loose, "python", {"age": 1}, no("missing")),
    (Loose, "python", {"name": "a"}, {"name": "a"}),
    (Grown, "python", {"name": "a", "city": "b"}, {"name": "a", "city": "b"}),
    (Marked, "python", {"id": 1}, {"id": 1}),
    (Marked, "json", '{"id": 1, "note": ""}', no("too_short")),
    (Page[int], "python", {"items": [1], "next": None}, {"items": [1], "next": None}),
    (Page[str], "python", {"items": [1], "next": 1}, no("wrong_type", "no_match")),
    (Page, "python", {"items": [1], "next": "a"}, {"items": [1], "next": "a"}),
    (Pages[int, str], "python", {"items": [1], "next": 2, "key": "k"}, {"items": [1], "next": 2, "key": "k"}),
    (Pages[int, str], "python", {"items": ["a"], "next": None, "key": 1}, no("wrong_type", "wrong_type")),
    (IntPage, "python", {"items": ["a"], "next": None, "total": 1}, no("wrong_type")),
    (Page[Page[int]], "python", {"items": [], "next": {"items": ["a"], "next": None}}, no("wrong_type")),
    (Shut, "python", {"a": 1, "b": 2}, no("unknown_key")),
    (Rest, "python", {"a": "x", "b": 2}, {"a": "x", "b": 2}),
    (Rest, "json", '{"a": "x", "b": "y"}', no("wrong_type")),
    (Odd, "json", '{"__proto__": 1}', {"__proto__": 1}),
    (Functional, "json", '{"a-b": 1, "class": "x"}', {"a-b": 1, "class": "x"}),
    (Closed[User], "python", {"name": "Ada"}, {"name": "Ada"}),
    (Closed[User], "python", {"name": "Ada", "x": 1, "y": 2}, no("unknown_key", "unknown_key")),
    (Closed[User], "python", {"name": "Ada", 1: 2}, no("wrong_key")),
    (Closed[User], "json", '{"name": "Ada", "x": 1}', no("unknown_key")),
    (Open[User], "python", {"name": "Ada", "x": 1}, {"name": "Ada", "x": 1}),
    (Open[User], "python", {"name": "Ada", 1: 2}, no("wrong_key")),
    (Open[User], "python", {"name": "Ada", "\ud800": 2}, no("wrong_key")),
    (Open[User], "json", '{"name": "Ada", "x": {"y": 1, "y": 2}}', no("duplicate_key")),
    (Open[User], "json", '{"name": "Ada", "x": {"y": 1}}', {"name": "Ada", "x": {"y": 1}}),
    (Open[User], "json", '{"name": "Ada", "x": 1e999}', no("not_finite")),
    (Annotated[User, Length(1, 2)], "python", {"name": "a", "b": 1, "c": 2}, no("too_long")),
    (Annotated[Closed[User], MaxLength(1)], "json", '{"name": "a", "age": 1}', no("too_long")),
    (Annotated[Open[User], MinLength(2)], "json", '{"name": "a"}', no("too_short")),
    (n.Record(patterns=(("^x", n.Integer()),), extra="forbid"), "python", {"xa": 1}, {"xa": 1}),
    (
        n.Record(patterns=(("^x", n.Integer()),), extra="forbid"),
        "json",
        '{"xa": "b", "y": 1}',
        no("wrong_type", "unknown_key"),
    ),
    (n.Record(patterns=(("^x", n.Integer()),)), "python", {"xa": 1, "b": 2}, {}),
    (n.Record(keys=n.String(max_length=1), extra="keep"), "python", {"a": 1}, {"a": 1}),
    (n.Record(keys=n.String(max_length=1), extra="keep"), "json", '{"ab": 1}', no("wrong_key")),
    (n.Record(rest=n.Integer()), "python", {"a": 1}, {}),
    (n.Record(rest=n.Integer()), "python", {"a": "b"}, no("wrong_type")),
    (n.Record((n.Field(name="a", schema=n.Integer(), default=3),)), "python", {}, {"a": 3}),
    (n.Record((n.Field(name="a", schema=n.Integer(), default_factory=int),)), "json", "{}", {"a": 0}),
    (
        n.Record((n.Field(name="a", schema=n.Integer(), default=3),)),
        "json",
        '{"a":1,"a":1}',
        no("duplicate_key"),
    ),
]


@pytest.mark.parametrize(("annotation", "channel", "given", "outcome"), TABLE)
def test_row(rows, annotation, channel, given, outcome):
    rows(annotation, channel, given, outcome)


def test_the_words_of_a_class_are_kept_and_mean_nothing():
    tree = GType(User).schema
    assert tree.meta == n.Meta(title="User", description="A person.")
    assert tree == GType(TypedDict("Other", {"age": NotRequired[int], "name": str})).schema


def test_read_only_is_kept():
    tree = GType(Marked).schema
    assert tree.field("id").read_only
    assert tree.field("note").read_only
    assert tree.field("nothing") is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: n.Record((n.Field(name="a", schema=n.Null()), n.Field(name="a", schema=n.Null()))),
        lambda: n.Record(extra="ignore"),  # type: ignore[arg-type]
        lambda: n.Record(extra="forbid", rest=n.Null()),
        lambda: n.Record(patterns=(("(", n.Null()),)),
        lambda: n.Record(cls=int, rest=n.Null()),
        lambda: n.Record(cls=int, extra="keep"),
        lambda: n.Field(name=1, schema=n.Null()),  # type: ignore[arg-type]
        lambda: n.Field(name="a", schema=int),  # type: ignore[arg-type]
    ],
)
def test_nodes_that_mean_nothing_are_refused(make):
    with pytest.raises(ValueError):
        make()


def test_markers_of_records_stand_on_records():
    with pytest.raises(UnsupportedAnnotation, match="records"):
        GType(Closed[int])
    with pytest.raises(UnsupportedAnnotation, match="extra is"):
        GType(Annotated[User, UnknownKeys("ignore")])


def test_a_mutable_default_is_not_shared():
    gtype: GType[Any] = GType.from_schema(
        n.Record((n.Field(name="a", schema=n.Array(rest=n.Integer()), default=[1]),))
    )
    gtype.validate({})["a"].append(2)
    assert gtype.validate({}) == {"a": [1]}
