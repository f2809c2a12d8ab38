"""Rows for literals and enumerations, from Python and from JSON."""

from __future__ import annotations

import enum
from typing import Literal

import pytest

from gnomon_gtype import GType, SchemaError
from gnomon_gtype.schema import Boolean, EnumMember, literal
from gnomon_gtype.schema import Literal as LiteralNode

no = pytest.Refused


class Colour(enum.Enum):
    RED = "red"
    CRIMSON = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    A = "a"


class Mixed(enum.Enum):
    ONE = 1
    YES = True
    TEXT = "1"
    PAIR = (1, 2)


class Bit(enum.Flag):
    A = 1
    B = 2


class Empty(enum.Enum):
    pass


class Shout(str):
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparing")

    __hash__ = str.__hash__


TABLE = [
    (Literal["a", "b"], "python", "a", "a"),
    (Literal["a", "b"], "python", "c", no("not_one_of")),
    (Literal["a", "b"], "python", Word.A, "a"),
    (Literal["a", "b"], "python", b"a", no("not_one_of")),
    (Literal["a", "b"], "python", ["a"], no("not_one_of")),
    (Literal["a", "b"], "python", {}, no("not_one_of")),
    (Literal["a", "b"], "json", '"b"', "b"),
    (Literal["a", "b"], "json", '["b"]', no("not_one_of")),
    (Literal[1, 2], "python", 1, 1),
    (Literal[1, 2], "python", True, no("not_one_of")),
    (Literal[1, 2], "python", 1.0, no("not_one_of")),
    (Literal[1, 2], "json", "1", 1),
    (Literal[1, 2], "json", "true", no("not_one_of")),
    (Literal[1, 2], "json", "1.0", no("not_one_of")),
    (Literal[True], "python", True, True),
    (Literal[True], "python", 1, no("not_one_of")),
    (Literal[True], "json", "true", True),
    (Literal[True], "json", "1", no("not_one_of")),
    (Literal[1, "1"], "python", "1", "1"),
    (Literal[1, True], "python", True, True),
    (Literal[1, True], "json", "true", True),
    (Literal["a", None], "python", None, None),
    (Literal["a", None], "json", "null", None),
    (Literal["a", None], "json", "0", no("no_match")),
    (Literal[b"ab"], "python", b"ab", b"ab"),
    (Literal[b"ab"], "json", '"YWI="', b"ab"),
    (Literal[b"ab"], "json", '"ab"', no("not_one_of")),
    (Literal[Colour.RED], "python", Colour.RED, Colour.RED),
    (Literal[Colour.RED], "python", "red", no("not_one_of")),
    (Literal[Colour.RED], "json", '"red"', Colour.RED),
    (Literal[Colour.RED], "json", '"blue"', no("not_one_of")),
    (Colour, "python", Colour.BLUE, Colour.BLUE),
    (Colour, "python", "blue", no("wrong_type")),
    (Colour, "json", '"red"', Colour.RED),
    (Colour, "json", '"RED"', no("not_one_of")),
    (Colour, "json", "1", no("not_one_of")),
    (Level, "python", 1, no("wrong_type")),
    (Level, "json", "2", Level.HIGH),
    (Level, "json", "3", no("not_one_of")),
    (Level, "json", "true", no("not_one_of")),
    (Level, "json", "1.0", no("not_one_of")),
    (Word, "json", '"a"', Word.A),
    (Mixed, "json", "1", Mixed.ONE),
    (Mixed, "json", '"1"', Mixed.TEXT),
    (Mixed, "json", "2", no("not_one_of")),
    (Bit, "python", Bit.A, Bit.A),
    (Bit, "json", "2", Bit.B),
    (Empty, "python", 1, no("wrong_type")),
    (Empty, "json", "1", no("not_one_of")),
]


@pytest.mark.parametrize(("annotation", "channel", "given", "outcome"), TABLE)
def test_row(rows, annotation, channel, given, outcome):
    rows(annotation, channel, given, outcome)


def test_text_that_compares_in_its_own_way_is_no_member():
    for gtype in (GType(Literal["a"]), GType(Literal["a", 1])):
        assert [problem.code for problem in gtype.problems(Shout("a"))] == ["not_one_of"]


def test_both_booleans_are_boolean():
    assert literal(True, False) == Boolean() == GType(Literal[True, False]).schema


def test_values_are_told_apart_by_type():
    assert LiteralNode((1, True, 1.0, 1)).values == (1, True, 1.0)
    assert literal(1) != literal(True)


def test_the_names_of_members_and_aliases():
    assert EnumMember(Colour).members == (Colour.RED, Colour.BLUE)


@pytest.mark.parametrize("values", [(), ([1],), (float("nan"),), (float("inf"),)])
def test_what_is_no_literal(values):
    with pytest.raises(SchemaError):
        LiteralNode(values)


def test_an_enum_node_needs_an_enum():
    with pytest.raises(SchemaError, match=r"enum\.Enum"):
        EnumMember(int)  # type: ignore[arg-type]
