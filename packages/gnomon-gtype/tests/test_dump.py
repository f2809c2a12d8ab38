"""Writing JSON: exact forms, and refusal of what is not of the type."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import ipaddress
import math
import re
import uuid
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import pytest

from gnomon_gtype import AllowNonFinite, DumpError, GType, MinLength, Open, Predicate, Sensitive
from gnomon_gtype import schema as n


class Colour(enum.Enum):
    RED = "red"
    RAW = b"\xff"


class User(TypedDict):
    name: str
    photo: NotRequired[bytes]


class Tree(TypedDict):
    photo: bytes
    next: NotRequired[Tree]


class Cat(TypedDict):
    kind: Literal["cat"]
    photo: bytes


class Dog(TypedDict):
    kind: Literal["dog"]


@dataclasses.dataclass
class Plain:
    photo: bytes
    total: int = dataclasses.field(init=False, default=3)


@dataclasses.dataclass(slots=True)
class Slim:
    photo: bytes


class Pair(NamedTuple):
    photo: bytes
    when: dt.date


UTC = dt.UTC
WRITTEN: list[tuple[Any, Any, str]] = [
    (None, None, "null"),
    (bool, True, "true"),
    (int, 10**30, "1" + "0" * 30),
    (float, 1.0, "1.0"),
    (int | float, 1, "1"),
    (Decimal, Decimal("1.50"), '"1.50"'),
    (str, 'é"', '"é\\""'),
    (bytes, b"\xff\xfe", '"//4="'),
    (Colour, Colour.RED, '"red"'),
    (Colour, Colour.RAW, '"/w=="'),
    (Literal["a", 1], 1, "1"),
    (Literal[b"\xff"], b"\xff", '"/w=="'),
    (Literal[Colour.RED], Colour.RED, '"red"'),
    (dt.date, dt.date(2026, 1, 2), '"2026-01-02"'),
    (dt.datetime, dt.datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00Z"'),
    (dt.time, dt.time(1, 2), '"01:02:00"'),
    (dt.timedelta, dt.timedelta(1, 2), '"P1DT2S"'),
    (uuid.UUID, uuid.UUID(int=1), f'"{uuid.UUID(int=1)}"'),
    (PurePosixPath, PurePosixPath("a/b"), '"a/b"'),
    (ipaddress.IPv4Network, ipaddress.IPv4Network("10.0.0.0/8"), '"10.0.0.0/8"'),
    (re.Pattern, re.compile("a+"), '"a+"'),
    (list[bytes], [b"\xff"], '["/w=="]'),
    (tuple[bytes, int], (b"\xff", 1), '["/w==",1]'),
    (tuple[bytes, ...], (b"\xff",), '["/w=="]'),
    (set[bytes], {b"\xff"}, '["/w=="]'),
    (frozenset[int], frozenset({1}), "[1]"),
    (n.Array(rest=n.Bytes(), container="sequence"), (b"\xff",), '["/w=="]'),
    (n.Array((n.Bytes(),), n.Bytes()), [b"\xff", b"\xff"], '["/w==","/w=="]'),
    (dict[str, bytes], {"a": b"\xff"}, '{"a":"/w=="}'),
    (dict[int, int], {1: 2}, '{"1":2}'),
    (dict[bytes, int], {b"\xff": 2}, '{"/w==":2}'),
    (dict[bool, int], {True: 2}, '{"true":2}'),
    (dict[None, int], {None: 2}, '{"null":2}'),
    (dict[Colour, bytes], {Colour.RED: b"\xff"}, '{"red":"/w=="}'),
    (dict[dt.date, int], {dt.date(2026, 1, 2): 1}, '{"2026-01-02":1}'),
    (dict[float, int], {1.5: 1}, '{"1.5":1}'),
    (User, {"name": "a", "x": 1}, '{"name":"a"}'),
    (User, {"photo": b"\xff", "name": "a"}, '{"photo":"/w==","name":"a"}'),
    (Open[User], {"name": "a", "x": 1}, '{"name":"a","x":1}'),
    (n.Record(rest=n.Bytes(), extra="keep"), {"x": b"\xff"}, '{"x":"/w=="}'),
    (n.Record(patterns=(("x", n.Bytes()),)), {"x": 1, "y": b"\xff"}, '{"x":1,"y":"/w=="}'),
    (Tree, {"photo": b"\xff", "next": {"photo": b"\xff"}}, '{"photo":"/w==","next":{"photo":"/w=="}}'),
    (Cat | Dog, {"kind": "cat", "photo": b"\xff"}, '{"kind":"cat","photo":"/w=="}'),
    (Cat | Dog | None, None, "null"),
    (bytes | int, b"\xff", '"/w=="'),
    (bytes | None, b"\xff", '"/w=="'),
    (list[Tree | int], [{"photo": b"\xff"}, 1], '[{"photo":"/w=="},1]'),
    (Plain, Plain(b"\xff"), '{"photo":"/w==","total":3}'),
    (Slim, Slim(b"\xff"), '{"photo":"/w=="}'),
    (Pair, Pair(b"\xff", dt.date(2026, 1, 2)), '["/w==","2026-01-02"]'),
    (Sensitive[bytes], b"\xff", '"/w=="'),
    (Annotated[bytes, Predicate(bool)], b"\xff", '"/w=="'),
    (Annotated[float, AllowNonFinite()], 1.5, "1.5"),
    (Any, {"a": [1, None, dt.date(2026, 1, 2)]}, '{"a":[1,null,"2026-01-02"]}'),
    (n.Not(n.Integer()), "a", '"a"'),
    (n.Intersection((n.Map(n.String(), n.Bytes()), n.Record())), {"a": 1}, '{"a":1}'),
]


@pytest.mark.parametrize(("annotation", "value", "text"), WRITTEN)
def test_written(annotation, value, text):
    assert GType(annotation).dump_json(value) == text.encode()


REFUSED: list[tuple[Any, Any]] = [
    (int, "a"),
    (list[int], ["a"]),
    (User, {"name": 3}),
    (User, [1]),
    (str, "\ud800"),
    (Any, object()),
    (Any, "\ud800"),
    (Annotated[float, AllowNonFinite()], math.nan),
    (Annotated[float, AllowNonFinite()], math.inf),
    (int | bytes, "a"),
    (int | Annotated[list[Any], MinLength(2)], [1]),
    (Plain, {"photo": b""}),
]


@pytest.mark.parametrize(("annotation", "value"), REFUSED)
def test_refused(annotation, value):
    with pytest.raises(DumpError, match="cannot be written"):
        GType(annotation).dump_json(value)
