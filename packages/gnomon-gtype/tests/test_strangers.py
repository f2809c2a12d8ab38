"""What somebody writes who has read the first page alone: it works, or the error says how it is written."""

from __future__ import annotations

import collections.abc
import enum
import re
import typing
from typing import Annotated, Any, Dict, List, Literal, Optional, Set, Tuple, TypedDict, Union  # noqa: UP035

import pytest
from typing_extensions import LiteralString, Self

from gnomon_gtype import (
    DumpError,
    Email,
    GType,
    Length,
    Min,
    Predicate,
    Sensitive,
    UnsupportedAnnotation,
    ValidationError,
    contains,
)
from gnomon_gtype import schema as n


class Point(TypedDict):
    x: int
    y: int


class Shape(enum.Enum):
    ONE = 1
    PAIR = (1, (2, "a"))
    NAMED = {"x": 1}  # noqa: RUF012 (a value that JSON has)


class Both(enum.Enum):
    PAIR = (1, 2)
    ITEMS = [1, 2]  # noqa: RUF012 (a value that JSON has)


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (list[int, str], "list takes one argument, not 2: write list[int], or list[int | str]"),
        (set[int, str], "set takes one argument, not 2"),
        (collections.abc.Sequence[int, str], "Sequence takes one argument, not 2"),
        (dict[str], "dict takes 2 arguments, not 1: write dict[str, int]"),
        (dict[str, int, int], "dict takes 2 arguments, not 3"),
        (Annotated[int, Sensitive], "write Sensitive[int] for Annotated[int, Sensitive]"),
        (Annotated[str, Email], "Email alone for Annotated[str, Email]"),
        (Annotated[str, Length(3, 1)], "nothing has a length of at least 3 and at most 1"),
        (enum.Enum, "Enum has no members"),
        (enum.IntFlag, "IntFlag has no members"),
        (Optional, "write Optional[...]"),
        (Union, "write Union[..., ...]"),
        (Literal, "write Literal"),
        (Annotated, "write Annotated[int, Min(1)]"),
        (Self, "write the class by its name, in quotes"),
        (LiteralString, "write str"),
    ],
)
def test_what_would_do_nothing_is_refused(annotation, said):
    with pytest.raises(UnsupportedAnnotation, match=re.escape(said)):
        GType(annotation)


def test_names_of_typing_alone_are_the_classes():
    for alone, cls in (
        (List, list),
        (Dict, dict),
        (Set, set),
        (Tuple, tuple),
        (typing.Sequence, collections.abc.Sequence),
    ):
        assert GType(alone) == GType(cls)
    assert GType(tuple[()]) != GType(tuple)


def test_members_of_enumerations_that_are_tuples_are_read_as_they_are_written():
    shapes = GType(Shape)
    for member in Shape:
        assert shapes.validate_json(shapes.dump_json(member)) is member
    for text in ("[1]", '[1,[2,"b"]]', '[true,[2,"a"]]', '[1,[2,"a"],3]', "[]"):
        with pytest.raises(ValidationError):
            shapes.validate_json(text)
    assert GType(Both).validate_json("[1,2]") is Both.ITEMS
    assert contains(GType(Both), shapes, channel="json").answer == "no"
    assert GType(Literal[Shape.PAIR]).validate_json('[1,[2,"a"]]') is Shape.PAIR


def test_types_are_asked_about_and_not_annotations():
    for wider, narrower in ((int, GType(int)), (GType(int), int)):
        with pytest.raises(TypeError, match=r"write contains\(GType\(...\), GType\(...\)\)"):
            contains(wider, narrower)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'python' or 'json', not 'text'"):
        contains(GType(int), GType(int), channel="text")  # type: ignore[arg-type]


def test_what_cannot_be_written_is_told_by_its_place():
    points: GType[Any] = GType(list[Point])
    with pytest.raises(DumpError, match=r"as JSON: \[0\]\.x: Expected an integer, found a str\. \(1 more\)$"):
        points.dump_json([{"x": "a", "y": "b"}])
    with pytest.raises(DumpError, match=r"as JSON: \[0\]: Expected a dict, found a str\.$"):
        points.dump_json(["x"])
    with pytest.raises(DumpError, match="surrogates not allowed"):
        GType(Any).dump_json("\ud800")
    with pytest.raises(DumpError, match="Expected an integer, found a str"):
        GType(Sensitive[int]).dump_json("secret")  # type: ignore[arg-type]
    hidden = GType.from_schema(n.Sensitive(n.Anything()))
    with pytest.raises(DumpError, match="as JSON: it is not of the type$"):
        hidden.dump_json("secret\ud800")


def test_a_check_that_raises_has_no_say_in_what_cannot_be_written():
    def fails(_value: object) -> bool:
        raise LookupError

    with pytest.raises(DumpError, match="cannot be written as JSON"):
        GType(Annotated[Any, Predicate(fails)]).dump_json("\ud800")


def test_a_missing_key_of_strings_says_what_was_expected():
    with pytest.raises(ValidationError) as caught:
        GType(Point).validate_strings({"x": "1"})
    assert str(caught.value) == "y: The key is missing; expected an integer."


def test_text_with_a_lone_surrogate_is_told_from_what_is_no_text():
    for data, said in (('"\ud800"', "it contains a lone surrogate"), (5, "Expected bytes, bytearray or str")):
        with pytest.raises(ValidationError, match=said):
            GType(Annotated[int, Min(1)] | str).validate_json(data)  # type: ignore[arg-type]
