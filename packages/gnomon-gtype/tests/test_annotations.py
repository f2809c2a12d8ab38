"""From annotations to trees: names, generics, recursion, aliases, forward references, and what cannot be served."""

from __future__ import annotations

import collections
import dataclasses
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    NamedTuple,
    NewType,
    NotRequired,
    TypedDict,
    TypeVar,
)

import annotated_types as at
import pytest
import typing_extensions as te

from gnomon_gtype import (
    Closed,
    Describe,
    GType,
    Max,
    MaxLength,
    Min,
    MinLength,
    Predicate,
    Sensitive,
    UnsupportedAnnotation,
)
from gnomon_gtype import schema as n

T = TypeVar("T")
Bound = TypeVar("Bound", bound=int)
Choice = TypeVar("Choice", int, str)
Default = te.TypeVar("Default", default=int)
UserId = NewType("UserId", int)
Json = te.TypeAliasType("Json", "None | bool | int | float | str | list[Json] | dict[str, Json]")
Pairs = te.TypeAliasType("Pairs", "list[tuple[T, T]]", type_params=(T,))


class Tree(TypedDict):
    value: int
    children: list[Tree]


class Ping(TypedDict):
    pong: Pong | None


class Pong(TypedDict):
    ping: Ping | None


@dataclasses.dataclass
class Linked(Generic[T]):
    value: T
    next: Linked[T] | None = None


class Late(TypedDict):
    item: Later


class Later(TypedDict):
    x: int


class Broken(TypedDict):
    lines: list[Line]


class Line(TypedDict):
    price: complex


class Plain:
    pass


def test_recursion():
    gtype = GType(Tree)
    assert (
        gtype.validate_json('{"value":1,"children":[{"value":2,"children":[]}]}')["children"][0]["value"] == 2
    )
    assert [
        p.location for p in gtype.problems({"value": 1, "children": [{"value": "a", "children": [1]}]})
    ] == [
        "children[0].value",
        "children[0].children[0]",
    ]
    assert isinstance(gtype.schema, n.Definitions)


def test_mutual_recursion():
    gtype = GType(Ping)
    assert gtype.is_valid({"pong": {"ping": {"pong": None}}})
    assert not gtype.is_valid({"pong": {"ping": {"pong": 1}}})


def test_generic_recursion():
    gtype = GType(Linked[int])
    assert gtype.validate_json('{"value":1,"next":{"value":2}}') == Linked(1, Linked(2))
    assert not gtype.is_valid(Linked(1, Linked("a")))


def test_aliases():
    json = GType(Json)
    assert json.validate_json('{"a":[1,null,{"b":"c"}]}') == {"a": [1, None, {"b": "c"}]}
    assert not json.is_valid({"a": object()})
    assert GType(Pairs[int]).schema == GType(list[tuple[int, int]]).schema
    assert GType(list[Pairs[str]]).schema == GType(list[list[tuple[str, str]]]).schema


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 came with CPython 3.12")
def test_the_type_statement():
    space: dict[str, Any] = {}
    exec("type Id = int\ntype Nested[T] = T | list[Nested[T]]", space)
    assert GType(space["Id"]).schema == n.Integer()
    assert GType(space["Nested"][int]).is_valid([1, [2, [3]]])
    assert not GType(space["Nested"][int]).is_valid([1, ["a"]])


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 came with CPython 3.12")
def test_classes_with_type_parameters():
    space: dict[str, Any] = {"TypedDict": TypedDict, "dataclass": dataclasses.dataclass}
    exec("class Page[T](TypedDict):\n    items: 'list[T]'\n@dataclass\nclass Box[T]:\n    item: T", space)
    assert GType(space["Page"][int]).schema == GType(TypedDict("P", {"items": list[int]})).schema
    assert not GType(space["Box"][int]).is_valid(space["Box"]("a"))


def test_type_variables():
    assert GType(T).schema == n.Anything()
    assert GType(Bound).schema == n.Integer()
    assert GType(Choice).schema == n.union(n.Integer(), n.String())
    assert GType(Default).schema == n.Integer()
    assert GType(UserId).schema == n.Integer()


def test_names_of_the_caller_are_found():
    class Inner(TypedDict):
        x: int

    assert GType("list[Inner]").schema == GType(list[Inner]).schema
    assert GType(list["Inner"]).schema == GType(list[Inner]).schema  # type: ignore[name-defined]
    assert GType(Late).schema == GType(TypedDict("L", {"item": Inner})).schema
    assert GType("list[X]", namespace={"X": int}).schema == GType(list[int]).schema


def test_recursion_inside_a_function():
    class Local(TypedDict):
        next: NotRequired[Local]

    assert GType(Local).is_valid({"next": {"next": {}}})
    assert not GType(Local).is_valid({"next": {"next": 1}})


def test_gtypes_and_trees_are_annotations_too():
    assert GType(list[GType(int)]).schema == GType(list[int]).schema  # type: ignore[misc]
    assert GType(n.String(min_length=1)).schema == n.String(min_length=1)


def test_markers_of_annotated_types():
    assert GType(Annotated[int, at.Ge(1), at.Lt(9)]).schema == n.Integer(1, 8)
    assert GType(Annotated[int, at.Interval(gt=0, le=5)]).schema == n.Integer(1, 5)
    assert GType(Annotated[int, at.MultipleOf(3)]).schema == n.Integer(multiple_of=3)
    assert GType(Annotated[str, at.Len(1, 4)]).schema == n.String(1, 4)
    assert GType(Annotated[str, at.MinLen(1), at.MaxLen(2)]).schema == n.String(1, 2)
    assert GType(Annotated[str, at.doc("words")]).schema.meta == n.Meta(description="words")
    assert GType(Annotated[str, te.Doc("words")]).schema.meta == n.Meta(description="words")
    assert not GType(Annotated[str, at.Predicate(str.islower)]).is_valid("A")
    assert GType(Annotated[int, "a note", 3]).schema == n.Integer()


def test_the_tighter_limit_counts():
    assert GType(Annotated[int, Min(1), Min(3), Max(9), Max(12)]).schema == n.Integer(3, 9)
    assert GType(Annotated[str, MinLength(3), MinLength(1), MaxLength(5), MaxLength(9)]).schema == n.String(
        3, 5
    )


def test_markers_reach_through_wrappers_and_unions():
    assert GType(Annotated[Sensitive[int], Min(1)]).schema == n.Sensitive(n.Integer(1))
    assert GType(Sensitive[Sensitive[int]]).schema == n.Sensitive(n.Integer())
    assert GType(Annotated[int | str | None, Describe("d")]).schema.meta.description == "d"


def test_a_marker_on_a_recursive_type_is_for_its_outermost_level():
    gtype = GType(Closed[Tree])
    assert [
        p.location
        for p in gtype.problems({"value": 1, "children": [{"value": 1, "children": [], "x": 1}], "y": 1})
    ] == ["y"]


def test_a_marker_on_a_type_inside_itself_is_refused():
    class Node(TypedDict):
        next: NotRequired[Closed[Node]]

    with pytest.raises(UnsupportedAnnotation, match="inside Node itself"):
        GType(Node)


def test_a_field_may_be_final():
    @dataclasses.dataclass
    class Fixed:
        a: Final[int]

    assert GType(Fixed).schema.field("a").schema == n.Integer()


def test_same_name_twice():
    def make(kind: Any) -> Any:
        Same = TypedDict("Same", {"a": kind, "next": "NotRequired[Same]"})
        Same.__annotations__["next"] = NotRequired[list["Same"]]  # type: ignore[valid-type]
        return GType(Same, namespace={"Same": Same})

    both = GType(tuple[make(int), make(str)])  # type: ignore[misc]
    assert both.is_valid(({"a": 1, "next": [{"a": 2}]}, {"a": "x", "next": [{"a": "y"}]}))
    assert not both.is_valid(({"a": 1, "next": [{"a": "x"}]}, {"a": "x"}))


class OutsideInit:
    def __init__(self, a: int) -> None: ...


UNSUPPORTED = [
    (complex, "complex", "two floats"),
    (list[complex], "[]", "two floats"),
    (dict[str, complex], "{}", "two floats"),
    (dict[complex, str], "{key}", "two floats"),
    (tuple[int, complex], "[1]", "two floats"),
    (set[complex], "[]", "two floats"),
    (frozenset[complex], "[]", "two floats"),
    (Broken, "Broken.lines[].price", "two floats"),
    (bytearray, "bytearray", "write bytes"),
    (Plain, "Plain", "make it a dataclass"),
    (Callable[[], int], "", "is no data"),
    (Iterator[int], "", r"list\[\.\.\.\]"),
    (Iterable, "Iterable", "Sequence"),
    (collections.deque, "deque", r"list\[\.\.\.\]"),
    (collections.OrderedDict[str, int], "", r"OrderedDict is not supported: write dict\[\.\.\.\]"),
    (collections.Counter, "Counter", r"dict\[\.\.\.\]"),
    (list[Annotated[int, Predicate(3)]], r"[]", "a Predicate takes a function of the value, not 3"),  # type: ignore[arg-type]
    (type, "type", "Literal of names"),
    (3, "", "is not a type"),
    ([int], "", "not a type"),
    ("list[", "", "cannot be read"),
    ("Nowhere", "", "'Nowhere' is not defined"),
    (ClassVar[int], "", "no field"),
    (Final, "", "needs a type"),
    (tuple[int, te.Unpack[list[int]]], "[1]", "only a tuple can be unpacked"),  # type: ignore[valid-type]
    (tuple[te.Unpack[tuple[int, ...]], te.Unpack[tuple[str, ...]]], "[1]", "at most one"),
    (te.LiteralString, "", "write str"),
    (types.SimpleNamespace, "SimpleNamespace", "plain class"),
    (Annotated[str, Min(3)], "", "numbers, dates and times"),
    (Annotated[int, MinLength(3)], "", "text, bytes and collections"),
    (Annotated[int, MinLength], "", "an instance, not the class"),
    (Annotated[int, Min(True)], "", "is a number"),
    (Annotated[int, Min("3")], "", "is a number"),
    (Annotated[int, Min(float("nan"))], "", "is a number"),
    (Annotated[float, Min(float("inf"))], "", "finite"),
    (Annotated[str, MinLength(-1)], "", "0 or more"),
]


@pytest.mark.parametrize(("annotation", "path", "reason"), UNSUPPORTED)
def test_what_cannot_be_served_says_where_and_what_to_write(annotation, path, reason):
    with pytest.raises(UnsupportedAnnotation, match=reason) as caught:
        GType(annotation)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: " if path else caught.value.reason)


def test_the_path_begins_with_the_class():
    class Point(NamedTuple):
        x: complex

    with pytest.raises(UnsupportedAnnotation) as caught:
        GType(Point)
    assert caught.value.path == "Point.x"


def test_an_annotation_nested_too_deeply():
    annotation: Any = int
    for _ in range(1_000):
        annotation = list[annotation]
    with pytest.raises(UnsupportedAnnotation, match="too deeply"):
        GType(annotation)
