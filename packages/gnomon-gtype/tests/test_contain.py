"""Containment, kind by kind: the answer, and that a witness is one.

Longer than most modules: two tables, one for each answer that can be proved.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import itertools
from typing import Any

import pytest
from containments import asked, linked, record, row
from made_classes import Colour, Deep, Frozen, Level, Many, Pair, Point, Right, Word

from gnomon_gtype import GType, contains
from gnomon_gtype.schema import (
    Anything,
    Array,
    Boolean,
    Bytes,
    Date,
    DateTime,
    DecimalNumber,
    Duration,
    EnumMember,
    Field,
    FilePath,
    Float,
    Integer,
    IpAddress,
    Literal,
    Map,
    Not,
    Nothing,
    Null,
    Number,
    Record,
    Ref,
    Regex,
    Schema,
    Sensitive,
    Set,
    String,
    Time,
    Uuid,
    definitions,
    intersection,
    literal,
    union,
)

D = decimal.Decimal
UTC = datetime.UTC
INT, TEXT = Integer(), String()


def tree_of(leaf: Schema) -> Schema:
    """A node with two branches, each a list of nodes: what one branch rests on the other rests on too."""
    return definitions(
        Ref("Node"),
        {
            "Node": record("forbid", leaf=leaf, left=Ref("Branch"), right=Ref("Branch")),
            "Branch": Array(rest=Ref("Node")),
        },
    )


def winding(leaf: Schema) -> Schema:
    """What is asked for inside of it is asked for already, and further up is another question that is open too."""
    inner = union(Array((leaf, literal("a"), Ref("A"))), Array((Boolean(), Boolean(), literal("a"))))
    return definitions(Ref("A"), {"A": Array((inner, INT))})


class Nobody(enum.Enum):
    pass


class Guarded(collections.namedtuple("Guarded", "left")):
    def __new__(cls, left: Any) -> Guarded:
        if left == 0:
            raise ValueError("zero")
        return super().__new__(cls, left)


def of(cls: type, **fields: Schema) -> Record:
    return Record(tuple(Field(name=name, schema=node) for name, node in fields.items()), cls=cls)


def named(left: Schema, right: Schema) -> Array:
    return Array((left, right), container="namedtuple", cls=Pair, names=("left", "right"))


BITS = [row(*map(literal, bits)) for bits in itertools.product((True, False), repeat=4)]
A, B = record(tag=literal("a"), x=INT), record(tag=literal("b"), y=TEXT)
TAGGED = [record(tag=literal(f"t{number}"), a=INT, b=Array(rest=Number())) for number in range(30)]
DAY = datetime.date(2020, 1, 2)
NOON = datetime.datetime(2020, 1, 1, 12, tzinfo=UTC)
LISTS = Array(rest=Anything())
PAIRS_OF_LISTS = row(Array(rest=literal(1), max_length=1), Array(rest=literal(1.0), max_length=1))
LATE = datetime.datetime.max.replace(tzinfo=UTC)
EARLY = datetime.datetime.min.replace(tzinfo=UTC)
WEST, EAST = (datetime.timezone(datetime.timedelta(hours=hours)) for hours in (-5, 5))

EVERY_KIND = union(
    *(Null(), Boolean(), Number(), Float(finite=False), TEXT, LISTS, Map(), Bytes(), row(rest=Anything())),
    *(
        Set(),
        Set(frozen=True),
        Date(),
        DateTime(zone="any"),
        Time(),
        Duration(),
        DecimalNumber(),
        Uuid(),
        Regex(),
    ),
)


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


YES: list[tuple[Schema, Schema]] = [
    # everything, nothing, negation
    (Anything(), INT),
    (INT, Nothing()),
    (Nothing(), intersection(INT, TEXT)),
    (Not(TEXT), INT),
    (union(TEXT, Not(TEXT)), Anything()),
    (Not(Not(INT)), INT),
    (Sensitive(INT), INT),
    (union(Null(), Not(Null())), union(Null(), INT)),
    # numbers
    (INT, Integer(minimum=3)),
    (union(Integer(maximum=5), Integer(minimum=6)), INT),
    (Integer(multiple_of=2), Integer(multiple_of=6)),
    (union(Integer(multiple_of=2), Not(Integer(multiple_of=4))), INT),
    (union(*(Not(Integer(multiple_of=step)) for step in (2, 3))), Integer(minimum=1, maximum=5)),
    (Number(), INT),
    (union(INT, Float()), Number()),
    (Float(), Integer(minimum=-5, maximum=5)),
    (Float(maximum=2**53), Integer(minimum=0, maximum=2**53 + 1)),
    (Integer(minimum=-(2**53) - 1), intersection(Float(minimum=-(2**53)), INT)),
    (Float(multiple_of=0.1), Float(multiple_of=0.2)),
    (Float(multiple_of=3), Float(multiple_of=6)),
    (Number(multiple_of=1), Integer(maximum=7)),
    (Number(multiple_of=0.5), INT),
    (Float(minimum=0), Float(minimum=0, exclusive_minimum=True)),
    (Number(maximum=2.5), Integer(maximum=2)),
    (Integer(maximum=2), intersection(INT, Number(maximum=3, exclusive_maximum=True))),
    (Integer(minimum=3), intersection(INT, Number(minimum=2, exclusive_minimum=True))),
    (Number(multiple_of=0.1), Float(minimum=10**15, maximum=2 * 10**15)),
    (Number(multiple_of=1), Float(minimum=2**53)),
    (literal(0.5, 1.0, 1.5), intersection(Float(minimum=0.5, maximum=1.5, multiple_of=0.5), Not(INT))),
    (union(Float(), Nothing()), literal(1.5)),
    (Float(finite=False), Float()),
    (Float(finite=False), Float(finite=False, minimum=0)),
    (
        union(DecimalNumber(multiple_of=D(2)), DecimalNumber(multiple_of=D(3))),
        DecimalNumber(
            minimum=D(1),
            exclusive_minimum=True,
            maximum=D(5),
            exclusive_maximum=True,
            multiple_of=D(1),
            decimal_places=0,
        ),
    ),
    (Float(multiple_of=1e-16), Float(minimum=1, maximum=2, multiple_of=1e-300)),
    (Float(multiple_of=3), intersection(Float(multiple_of=6), INT)),
    (
        union(Integer(multiple_of=2), Integer(multiple_of=3), Integer(multiple_of=5)),
        Integer(minimum=2, maximum=6),
    ),
    (literal(1.0, 1.0000000000000002), intersection(Float(minimum=1, maximum=1.0000000000000002), Not(INT))),
    (
        Float(multiple_of=2),
        intersection(Float(multiple_of=3, minimum=2.5, maximum=3.5), Not(literal(3, 3.0))),
    ),
    (Nothing(), Float(minimum=1.75e308, multiple_of=1e307)),
    # finite types
    (union(INT, Boolean()), Literal((1, True))),
    (union(TEXT, Boolean()), Literal(("ab", True))),
    (Nothing(), intersection(literal("q"), EnumMember(Word))),
    (literal(1, 2, 3), Integer(minimum=1, maximum=3)),
    (Integer(minimum=1, maximum=3), literal(1, 2, 3)),
    (Boolean(), union(literal(True), literal(False))),
    (union(literal(True), literal(False)), Boolean()),
    (EnumMember(Colour), Literal((Colour.RED,))),
    (Literal((Colour.RED, Colour.BLUE)), EnumMember(Colour)),
    (String(max_length=4), EnumMember(Word)),
    (Integer(minimum=1), EnumMember(Level)),
    (Nothing(), EnumMember(Nobody)),
    (literal("", "a"), intersection(String(max_length=1), literal("", "a", "ab"))),
    (literal(b"a"), intersection(Bytes(max_length=1), literal(b"a", b"ab"))),
    # text
    (String(patterns=("^a+$",)), String(patterns=("^aa$",))),
    (String(patterns=("a", "b")), String(patterns=("ab",))),
    (String(min_length=2), String(patterns=("^..$",))),
    (union(String(patterns=("a",)), String(patterns=("a", "a+"))), String(patterns=("^a+$",))),
    (String(max_length=254), String(format="email")),
    (TEXT, String(format="json")),
    (String(format="url"), String(format="http-url")),
    (String(format="hostname"), String(format="slug", max_length=63)),
    (union(String(max_length=3), String(min_length=4)), TEXT),
    (union(String(max_length=1), String(min_length=1)), intersection(TEXT, Not(literal("q")))),
    (Bytes(), Bytes(min_length=2)),
    (union(Bytes(max_length=2), Bytes(min_length=3)), Bytes()),
    # times and the like
    (Date(minimum=DAY), Date(minimum=DAY, exclusive_minimum=True)),
    (union(Date(maximum=DAY), Date(minimum=DAY)), Date()),
    (DateTime(zone="any"), DateTime(minimum=NOON)),
    (union(DateTime(), DateTime(zone="naive")), DateTime(zone="any")),
    (Time(), Time(zone="aware")),
    (Duration(), Duration(minimum=datetime.timedelta(1))),
    (Uuid(), Uuid(version=4)),
    (union(*(Uuid(version=number) for number in range(1, 9)), Not(Uuid())), Uuid(version=3)),
    (FilePath("PurePath"), FilePath("Path")),
    (FilePath("PurePosixPath"), FilePath("PosixPath")),
    (IpAddress(), IpAddress()),
    (Regex(), Regex()),
    # decimals
    (DecimalNumber(minimum=D(0)), DecimalNumber(minimum=D(1))),
    (DecimalNumber(multiple_of=D("0.5")), DecimalNumber(multiple_of=D(1))),
    (DecimalNumber(max_digits=4), DecimalNumber(decimal_places=2, minimum=D(0), maximum=D(99))),
    (DecimalNumber(decimal_places=3), DecimalNumber(max_digits=3)),
    (DecimalNumber(maximum=D(1000)), DecimalNumber(max_digits=3)),
    (union(DecimalNumber(maximum=D(1)), DecimalNumber(minimum=D(1))), DecimalNumber()),
    (Nothing(), DecimalNumber(minimum=D("0.1"), maximum=D("0.4"), multiple_of=D("0.5"))),
    (Nothing(), DecimalNumber(minimum=D(1), exclusive_minimum=True, maximum=D(1))),
    # records
    (A, record(tag=literal("a"), x=INT, y=TEXT)),
    (record(a=INT, b_=TEXT), record("forbid", a=INT)),
    (record("keep", a=INT), record(a=INT)),
    (Record(rest=INT, extra="keep"), record("forbid", a=INT)),
    (union(A, B), A),
    (union(A, B), record(tag=literal("a", "b"), x=INT, y=TEXT)),
    (union(record(a=literal(True)), record(a=literal(False))), record(a=Boolean())),
    (union(record(a=INT, b_=TEXT), record(a=TEXT)), record("forbid", a=union(INT, TEXT))),
    (intersection(record(a=INT), record(b=TEXT)), record(a=INT, b=TEXT)),
    (union(*TAGGED), union(*TAGGED[:20])),
    (Record(patterns=(("^a", INT),)), Record(patterns=(("^a", Integer(minimum=3)),))),
    (Record(patterns=(("^ab", INT),)), Record(patterns=(("^a", INT),))),
    (Record(patterns=(("^a", Number()),), rest=TEXT), Record(patterns=(("^a", INT),), rest=TEXT)),
    (Record(patterns=(("a", INT),), extra="forbid"), record("forbid", a=INT)),
    (Record(max_length=3), record("forbid", a=INT, b=INT, c_=INT)),
    (Record(min_length=2), record(a=INT, b=INT)),
    (Nothing(), Record(record("forbid", a=INT).fields, extra="forbid", min_length=2)),
    (Nothing(), Record(record("forbid", a=INT).fields, extra="forbid", keys=literal("b"))),
    (Nothing(), intersection(record("forbid", a=INT), record(b=INT))),
    (Nothing(), record(a=intersection(INT, TEXT))),
    (Nothing(), Record(record(a_=Nothing()).fields, extra="forbid", min_length=1)),
    (union(Record(rest=INT), Record(rest=TEXT)), Record(rest=union(INT, TEXT), keys=literal("k"))),
    (Nothing(), Record(keys=literal("a", "b"), min_length=3)),
    (Record(keys=literal("a", "b")), Record(extra="forbid", patterns=(("^[ab]$", INT),))),
    (record(a=INT), intersection(record(a_=INT), Record(keys=literal("a"), min_length=1))),
    # maps
    (Map(TEXT, INT), Map(String(min_length=1), INT)),
    (Map(INT, TEXT), Map(Integer(minimum=1), TEXT)),
    (Map(TEXT, Number()), record("forbid", a=INT, b_=Float())),
    (Record(), Map(INT, TEXT)),
    (Map(), Map(row(INT), INT)),
    (Map(values=Nothing()), Map(LISTS, INT)),
    (Map(max_length=2), Map(Boolean(), INT)),
    (Record(rest=INT, extra="keep"), Map(TEXT, INT)),
    # arrays
    (Array(rest=Number()), Array(rest=INT)),
    (Array(rest=INT, max_length=3), Array(rest=literal(1), max_length=2)),
    (union(Array(rest=INT), Array(rest=TEXT)), Array(rest=union(INT, TEXT), max_length=1)),
    (union(*BITS), row(*[Boolean()] * 4)),
    (Array(rest=INT, container="sequence"), row(INT, INT)),
    (row(INT, rest=Number()), row(INT, INT, rest=INT)),
    (row(INT, rest=TEXT, suffix=(INT,)), row(INT, TEXT, INT)),
    (row(INT, TEXT, required=1), row(INT)),
    (union(row(INT), row(INT, TEXT)), row(INT, TEXT, required=1)),
    (row(Number(), Anything()), named(INT, TEXT)),
    (named(Number(), Anything()), named(INT, TEXT)),
    (Nothing(), row(INT, intersection(INT, TEXT))),
    (Array(rest=INT, max_length=0), Array(rest=intersection(INT, TEXT))),
    (Array(rest=INT), Array(rest=INT, min_length=500)),
    (Array(rest=INT, min_length=10), Array(rest=INT, min_length=10**9)),
    # arrays of different items, and with items counted
    (Array(rest=INT, max_length=2), Array(rest=Boolean(), max_length=0)),
    (Array(rest=literal(1, 2), max_length=2), Array(rest=literal(1, 2), unique=True)),
    (Array(rest=INT, unique=True), Array(rest=INT, max_length=1)),
    (Array(rest=Anything(), unique=True), Array((INT, TEXT))),
    (Array(rest=Anything(), unique=True), Array((Array(rest=Null(), min_length=1), Array((Boolean(),))))),
    (
        Array(rest=INT, contains=((Integer(minimum=0), 1, None),)),
        Array(rest=INT, contains=((literal(1), 1, 2),)),
    ),
    (Array(rest=INT, contains=((literal(1), 0, 2),)), Array(rest=INT, max_length=2)),
    (
        Array(rest=literal(1, 2), contains=((literal(1), 1, None),)),
        Array(rest=literal(1, 2), contains=((literal(2), 0, 0),), min_length=1),
    ),
    (
        Array(rest=INT, contains=((literal(2), 1, None),)),
        Array(rest=literal(1, 2), unique=True, min_length=2),
    ),
    (
        Array(rest=INT, max_length=0),
        Array(rest=literal(1, 2), unique=True, contains=((literal(2), 2, None),)),
    ),
    # sets
    (Set(Number()), Set(INT)),
    (Set(Boolean(), max_length=2), Set(Boolean())),
    (Set(max_length=3), Set(union(literal(0, 1, 2), Boolean()))),
    (Set(INT, frozen=True, max_length=0), Set(LISTS, frozen=True)),
    (Set(union(INT, TEXT)), union(Set(INT), Set(TEXT))),
    # dataclasses
    (of(Point, x=Number()), of(Point, x=INT)),
    (of(Point, x=INT), of(Deep, x=INT, z=TEXT)),
    (Nothing(), of(Point, x=Nothing())),
    (Set(max_length=0), Set(of(Point, x=INT))),
    (Set(of(Frozen, x=Number())), Set(of(Frozen, x=INT))),
    (Set(Float()), Set(Integer(minimum=0, maximum=2**52))),
    (Set(Float()), Set(Float(minimum=0))),
    (Set(linked(Float())), Set(Null())),
    (Set(linked(INT)), Set(Null())),
    (Map(Float()), Map(Float(minimum=0))),
    (Map(Float()), Map(Integer(minimum=0, maximum=2**52))),
    (Set(literal(0, 1.0, 2), max_length=3), Set(literal(0, 1.0, 2))),
    (Record(max_length=0), Record(max_length=0, min_length=0, rest=INT)),
    (union(*(Record(min_length=size) for size in range(2, 9)), Record(max_length=1)), Record()),
    # recursion
    (linked(Number()), linked(INT, "Other")),
    (tree_of(Number()), tree_of(INT)),
    (
        linked(INT),
        definitions(
            Ref("A"), {"A": union(Null(), record("forbid", head=INT, tail=Ref("B"))), "B": linked(INT, "B")}
        ),
    ),
    (
        linked(INT),
        definitions(
            Ref("A"),
            {"A": union(Null(), record("forbid", head=INT, tail=record("forbid", head=INT, tail=Ref("A"))))},
        ),
    ),
    (Nothing(), definitions(Ref("A"), {"A": record(next=Ref("A"))})),
    (Array(max_length=0), Array(rest=Nothing())),
    (
        Array(rest=Array((TEXT,), container="sequence"), min_length=2, unique=True),
        Array(rest=Array((literal(0),), container="sequence"), min_length=2, unique=True),
    ),
]

NO: list[tuple[Schema, Schema]] = [
    (INT, Anything()),
    (Not(Null()), Null()),
    (INT, Boolean()),
    (Boolean(), literal(1)),
    (INT, Not(TEXT)),
    (union(Null(), Boolean(), Number(), TEXT, LISTS, Map()), Anything()),
    (Integer(minimum=4), Integer(minimum=3)),
    (union(Integer(maximum=5), Integer(minimum=7)), INT),
    (union(Integer(multiple_of=2), Integer(multiple_of=3)), INT),
    (union(*(Integer(multiple_of=step) for step in (2, 3, 5, 7))), Integer(minimum=2, maximum=11)),
    (Integer(maximum=-5), Integer(maximum=-3)),
    (literal(1, 2), Integer(minimum=1, maximum=3)),
    (Float(), INT),
    (Float(multiple_of=0.2), Float(multiple_of=0.1)),
    (Float(minimum=0, exclusive_minimum=True), Float(minimum=0)),
    (Number(multiple_of=3), Float(multiple_of=3)),
    (Float(multiple_of=3), Integer(multiple_of=3)),
    (Integer(maximum=2**53), intersection(Float(maximum=2**53), INT)),
    (Number(multiple_of=1), Number()),
    (Number(multiple_of=0.5), Number(minimum=1, exclusive_minimum=True, maximum=2, exclusive_maximum=True)),
    (literal(0.5), Float(minimum=0.5, maximum=0.5000000000000002)),
    (union(Float(maximum=1e300), literal(1.7976931348623157e308)), Float(minimum=1e300)),
    (Number(multiple_of=7), Float(minimum=2**60)),
    (Number(multiple_of=7), Float(minimum=1e22, multiple_of=0.5)),
    (Number(maximum=10**400), Integer(minimum=10**400)),
    (Float(minimum=-1), Float(maximum=-1e-300)),
    (Float(), Float(finite=False)),
    (Float(finite=False, minimum=0), Float(finite=False)),
    (EnumMember(Colour), EnumMember(Word)),
    (Literal((Colour.RED,)), EnumMember(Colour)),
    (Literal((Right.READ, Right.WRITE)), EnumMember(Right)),
    (EnumMember(Right), EnumMember(Many)),
    (String(max_length=3), EnumMember(Word)),
    (literal("a", "b"), literal("a", "c")),
    (String(patterns=("^aa$",)), String(patterns=("^a+$",))),
    (String(min_length=3), String(min_length=2)),
    (String(max_length=3), TEXT),
    (String(format="email"), TEXT),
    (String(format="json"), TEXT),
    (String(max_length=3), String(format="json")),
    (String(format="slug"), String(format="hostname")),
    (String(format="email", max_length=5), String(format="email")),
    (literal("0", "1"), String(format="json", max_length=1)),
    (Bytes(max_length=2), Bytes()),
    (literal(b"", *(bytes([number]) for number in range(255))), Bytes(max_length=1)),
    (literal(b"ab"), literal(b"a", b"ab")),
    (Date(minimum=DAY, exclusive_minimum=True), Date(minimum=DAY)),
    (DateTime(), DateTime(zone="naive")),
    (DateTime(maximum=NOON), DateTime()),
    (DateTime(minimum=EARLY), DateTime()),
    (DateTime(maximum=LATE), DateTime()),
    (Time(zone="naive"), Time()),
    (Time(zone="naive", maximum=datetime.time(5)), Time(zone="naive")),
    (Time(zone="aware", minimum=datetime.time(0, tzinfo=UTC)), Time(zone="aware")),
    (Time(zone="aware", maximum=datetime.time(23, 59, 59, 999_999, tzinfo=UTC)), Time(zone="aware")),
    (Duration(minimum=datetime.timedelta(0)), Duration()),
    (Uuid(version=4), Uuid()),
    (FilePath("PurePosixPath"), FilePath("PurePath")),
    (IpAddress(version=6), IpAddress(version=4)),
    (IpAddress(), IpAddress(kind="network")),
    (Regex(), TEXT),
    (TEXT, Regex()),
    (DecimalNumber(minimum=D(0)), DecimalNumber()),
    (DecimalNumber(decimal_places=2), DecimalNumber(multiple_of=D("0.01"))),
    (DecimalNumber(decimal_places=1), DecimalNumber(decimal_places=2)),
    (DecimalNumber(max_digits=2), DecimalNumber(max_digits=3)),
    (DecimalNumber(max_digits=70), DecimalNumber(multiple_of=D(1), minimum=D(0), maximum=D(9))),
    (DecimalNumber(max_digits=3), DecimalNumber(decimal_places=3, minimum=D(0), maximum=D(9))),
    (DecimalNumber(decimal_places=1), DecimalNumber(max_digits=3, minimum=D(5))),
    (DecimalNumber(multiple_of=D(2)), DecimalNumber(multiple_of=D(1), minimum=D(1))),
    (
        union(DecimalNumber(multiple_of=D("0.1")), DecimalNumber(multiple_of=D("0.3"))),
        DecimalNumber(minimum=D("0.1"), maximum=D("0.15")),
    ),
    (DecimalNumber(minimum=D(5)), DecimalNumber(maximum=D(4))),
    (DecimalNumber(), TEXT),
    (record(a=INT, b=TEXT), record(a=INT)),
    (record(a=INT, b_=TEXT), record(a=INT)),
    (record("forbid", a=INT), record(a=INT)),
    (record(a=INT), record(a_=INT)),
    (union(A, B), record(tag=literal("a", "b"), x=INT)),
    (union(*TAGGED[:29]), union(*TAGGED)),
    (Record(patterns=(("^a", INT),)), Record(patterns=(("^b", INT),))),
    (Record(patterns=(("^a", INT),)), Record(rest=TEXT)),
    (Record(patterns=(("^a", INT),), extra="forbid"), Record(patterns=(("^a", INT),))),
    (Record(min_length=3), Record(min_length=2)),
    (Record(max_length=1), record(a_=INT)),
    (Record(min_length=1, keys=String(max_length=1)), Record(keys=String(max_length=1))),
    (Record(keys=String(max_length=1)), record(ab_=INT)),
    (Record(max_length=2), Record(min_length=2)),
    (Record(rest=INT), Record(max_length=1)),
    (union(Record(rest=INT), Record(rest=TEXT)), Record(max_length=1)),
    (union(Record(patterns=(("^a", INT),)), Record(patterns=(("b$", TEXT),))), Record(max_length=1)),
    (Record(max_length=1), Record(keys=literal("a", "b", "c"))),
    (
        Record(max_length=2),
        Record(record(a_=INT).fields, keys=literal("a", "b", "c"), extra="keep", min_length=1),
    ),
    (union(Record(keys=literal("a")), Record(keys=literal("b"))), Record(keys=literal("a", "b"))),
    (Map(String(min_length=1), INT), Map(TEXT, INT)),
    (Map(TEXT, INT), Map(INT, INT)),
    (record("keep", a_=INT), Map(INT, INT)),
    (Map(max_length=1), Map(Boolean(), INT)),
    (Map(TEXT, INT), record(a=INT)),
    (Map(max_length=2), Map(union(INT, literal(1.0)), Null())),
    (Array(rest=INT), Array(rest=Number())),
    (union(Array(rest=INT), Array(rest=TEXT)), Array(rest=union(INT, TEXT))),
    (union(*BITS[:-1]), row(*[Boolean()] * 4)),
    (Array(rest=INT), row(INT)),
    (row(INT, INT), row(INT, rest=INT)),
    (row(INT, TEXT), row(INT, TEXT, required=1)),
    (row(INT, rest=TEXT, suffix=(INT,)), row(INT, rest=TEXT, suffix=(TEXT,))),
    (named(INT, TEXT), named(Number(), TEXT)),
    (named(INT, TEXT), row(INT, TEXT)),
    (Array(rest=INT, max_length=10), Array(rest=INT)),
    (Array(rest=INT, min_length=501), Array(rest=INT, min_length=500)),
    (Array(rest=INT, unique=True), Array(rest=INT)),
    (Array(rest=Anything(), unique=True), Array((INT, TEXT), rest=Null())),
    (Array((INT, INT), rest=INT, unique=True), Array((INT, TEXT), rest=INT, suffix=(TEXT,), min_length=4)),
    (Array(rest=INT, max_length=2), Array(rest=INT, unique=True)),
    (Array(rest=INT, max_length=60), Array(rest=INT, unique=True)),
    (
        Array(rest=Anything(), max_length=2),
        Array(
            rest=union(row(), record("forbid"), Uuid(), EnumMember(Colour), literal(None, True, 1)),
            unique=True,
        ),
    ),
    (Array(rest=Anything(), max_length=1), Array(rest=Array(rest=Null()), unique=True)),
    (Array(rest=INT, contains=((literal(1), 1, None),)), Array(rest=INT)),
    (Array(rest=INT, contains=((literal(1), 0, 2),)), Array(rest=INT)),
    (Array(rest=INT, contains=((literal(1), 2, None),)), Array(rest=INT, contains=((literal(1), 1, None),))),
    (
        Array(rest=INT, contains=((literal(1), 0, 1),), unique=False),
        Array(rest=INT, contains=((Integer(minimum=1), 2, 2),)),
    ),
    (Array(rest=INT, unique=True), Array(rest=INT, contains=((literal(1), 1, 1),))),
    (Array(rest=INT, contains=((literal(1, 2, 3), 0, 2),)), Array(rest=INT, unique=True)),
    (Set(INT, min_length=2), Set(INT)),
    (Set(Boolean(), max_length=1), Set(Boolean())),
    (Set(INT), Set(INT, frozen=True)),
    (Set(row(INT), max_length=1), Set(row(INT))),
    (Set(max_length=1), Set(Date())),
    (Set(max_length=1), Set(Set(INT, frozen=True, min_length=1))),
    (Array(rest=Anything(), max_length=1), Array(rest=of(Point, x=INT), unique=True)),
    (Array(rest=Anything(), max_length=1), Array(rest=named(INT, Null()), unique=True)),
    (Array(rest=Anything(), max_length=2), Array(rest=Set(INT), unique=True)),
    (of(Point, x=INT), of(Point, x=Number())),
    (of(Deep, x=INT), of(Point, x=INT)),
    (of(Point, x=INT, y=TEXT), of(Point, x=INT)),
    (linked(INT), linked(Number(), "Other")),
    (tree_of(INT), tree_of(Number())),
    (EVERY_KIND, Anything()),
    (INT, Literal((1, 2.0, True, "ab"))),
    (TEXT, Literal(("ab", True))),
    (INT, intersection(literal("a"), EnumMember(Word))),
    (Set(Float()), Set(Integer(minimum=0, maximum=2**60))),
    (Set(union(Float(), TEXT)), Set(Integer(minimum=-(2**60), maximum=0))),
    (Map(Float()), Map(Integer(minimum=0, maximum=2**60), Null())),
    *(
        (Array(rest=Anything(), max_length=2), Array(rest=row(part), unique=True, min_length=2))
        for part in (
            DecimalNumber(),
            Uuid(),
            Date(),
            DateTime(zone="naive"),
            Regex(),
            FilePath(),
            IpAddress(),
        )
    ),
    *(
        (Set(max_length=2), Set(part))
        for part in (Float(maximum=3), Integer(minimum=2**60), EnumMember(Right), TEXT, Bytes())
    ),
    (Number(multiple_of=3), Float(minimum=1e22, multiple_of=7)),
    (Float(multiple_of=3), Integer(multiple_of=2)),
    (union(Record(min_length=2), Record(min_length=3), Record(min_length=4)), Record()),
    (
        union(
            String(patterns=("a",)),
            String(patterns=("a",), min_length=3),
            String(patterns=("a",), max_length=5),
        ),
        String(min_length=3, max_length=5),
    ),
    (union(Record(min_length=2), Record(min_length=3)), Record()),
    (union(record(a=INT), record(a=TEXT)), Record()),
    (union(record("forbid", b_=INT), record("forbid", c_=INT)), record(a=INT)),
    (union(String(patterns=("a",)), String(patterns=("a",), min_length=3)), TEXT),
    (union(*(Integer(multiple_of=prime) for prime in (2, 3, 5, 7, 11, 13))), Integer(minimum=2, maximum=17)),
    (
        definitions(
            Ref("A"),
            {"A": union(Null(), record("forbid", head=INT, tail=record("forbid", head=INT, tail=Ref("A"))))},
        ),
        linked(INT),
    ),
    (intersection(A, Record(max_length=2)), A),
    (union(Integer(multiple_of=2), Not(INT)), Float(multiple_of=2)),  # 2**53 + 1 is even as a float
    (DateTime(maximum=LATE), DateTime(minimum=datetime.datetime.max.replace(tzinfo=WEST))),
    (DateTime(minimum=EARLY), DateTime(maximum=datetime.datetime.min.replace(tzinfo=EAST))),
    (union(Float(minimum=-2.5, maximum=-1.5), INT), Float(minimum=-2.5, maximum=-1.0)),
    (union(literal(-1.5), INT), Float(minimum=-1.5000000000000002, maximum=-1.5)),
    (Set(Float()), intersection(Set(Integer(maximum=2 * 10**17)), Set(Integer(minimum=2**54)))),
    (winding(INT), winding(literal("q"))),
    (winding(literal("q")), winding(INT)),
]


@pytest.mark.parametrize(("wider", "narrower"), YES)
def test_yes(wider: Schema, narrower: Schema):
    assert asked(wider, narrower).answer == "yes"


@pytest.mark.parametrize(("wider", "narrower"), NO)
def test_no(wider: Schema, narrower: Schema):
    assert asked(wider, narrower).answer == "no"


def test_answers_are_the_same_every_time():
    for wider, narrower in NO[:20]:
        first, again = (contains(GType.from_schema(wider), GType.from_schema(narrower)) for _ in range(2))
        assert repr(first) == repr(again)
