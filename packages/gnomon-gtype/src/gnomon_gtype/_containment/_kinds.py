"""The kinds of values, which nodes have values of which kind, and who settles a goal of one kind.

A kind is a set of values that no other kind shares: most are classes of Python. What a node *states* are the kinds it is made for;
it may *admit* more, as `String` admits the members of an enumeration of strings. A search looks for values of stated kinds only, and for them
asks every node whether it admits them.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import pathlib
import re
import uuid
from collections.abc import Callable
from typing import Any

from gnomon_gtype import _checks as checks
from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._containment._arrays import arrays
from gnomon_gtype._containment._decimals import decimals
from gnomon_gtype._containment._finite import members
from gnomon_gtype._containment._floats import floats
from gnomon_gtype._containment._nodes import Hashable, Plainly, Same
from gnomon_gtype._containment._numbers import integers
from gnomon_gtype._containment._outcome import EMPTY, Found, Outcome, Unclear
from gnomon_gtype._containment._records import instances, objects
from gnomon_gtype._containment._search import Goal, Search, Steps
from gnomon_gtype._containment._texts import blobs, texts
from gnomon_gtype._containment._times import moments
from gnomon_gtype._schema import Schema

Kind = str | tuple[Any, ...]

_JSON: tuple[Kind, ...] = ("null", "bool", "int", "float", "str", "list", "dict")
_PYTHON: tuple[Kind, ...] = (
    *_JSON,
    "bytes",
    "tuple",
    "set",
    "frozenset",
    "date",
    "datetime-aware",
    "datetime-naive",
    "time-aware",
    "time-naive",
    "timedelta",
    "decimal",
    "uuid",
    "regex",
    "nonfinite",
    "other",
)
_HASHABLE_BY_PARTS = frozenset({"tuple", "namedtuple", "instance"})
_UNHASHABLE = frozenset({"list", "dict", "set"})

_FIXED: dict[type[Schema], tuple[Kind, ...]] = {
    s.Null: ("null",),
    s.Boolean: ("bool",),
    s.Integer: ("int",),
    s.Number: ("int", "float"),
    s.DecimalNumber: ("decimal",),
    s.String: ("str",),
    s.Bytes: ("bytes",),
    s.Date: ("date",),
    s.Duration: ("timedelta",),
    s.Uuid: ("uuid",),
    s.Regex: ("regex",),
    c.Map: ("dict",),
    c.Spelled: ("str",),
}


def stated(node: Schema) -> tuple[Kind, ...]:
    """The kinds a node is made for."""
    match node:
        case s.Float():
            return ("int", "float") if node.finite else ("int", "float", "nonfinite")
        case s.Literal():
            return tuple(dict.fromkeys(kind_of(value) for value in node.values))
        case s.EnumMember():
            return (("enum", node.cls),)
        case s.Time() | s.DateTime():
            zones = ("aware", "naive") if node.zone == "any" else (node.zone,)
            return tuple(f"{node.tag}-{zone}" for zone in zones)
        case s.FilePath():
            return tuple(("path", cls) for cls in _PATHS if issubclass(cls, checks.PATHS[node.kind]))
        case s.IpAddress():
            return (("ip", checks.IPS[node.kind, node.version]),)
        case c.Array():
            if node.container == "sequence":
                return ("list", "tuple")
            return (node.container,) if node.cls is None else (("namedtuple", node.cls),)
        case c.Record():
            return ("dict",) if node.cls is None else (("instance", node.cls),)
        case c.Set():
            return ("frozenset" if node.frozen else "set",)
        case Hashable():
            return tuple(kind for kind in _PYTHON if kind not in _UNHASHABLE)
        case Same():
            return (kind_of(node.value),)
    return _FIXED[type(node)]


_PATHS: tuple[type[pathlib.PurePath], ...] = (
    type(pathlib.Path()),
    pathlib.PurePosixPath,
    pathlib.PureWindowsPath,
)
_CLASSES: dict[type, Kind] = {
    bool: "bool",
    int: "int",
    str: "str",
    bytes: "bytes",
    dict: "dict",
    datetime.date: "date",
    datetime.timedelta: "timedelta",
    decimal.Decimal: "decimal",
    uuid.UUID: "uuid",
    re.Pattern: "regex",
    type(...): "other",
}


def kind_of(value: object) -> Kind:
    """The kind of a value that stands in a literal, or in a node that means this value alone."""
    if isinstance(value, enum.Enum):
        return ("enum", type(value))
    if isinstance(value, float):
        return "float" if abs(value) < float("inf") else "nonfinite"
    if isinstance(value, datetime.datetime | datetime.time):
        return f"{type(value).__name__}-{'naive' if value.utcoffset() is None else 'aware'}"
    if isinstance(value, pathlib.PurePath):
        return ("path", type(value))
    return ("ip", type(value)) if type(value) in checks.IPS.values() else _CLASSES[type(value)]


def admits(node: Schema, kind: Kind) -> bool:
    """Whether some value of a kind may be a value of the node."""
    if isinstance(node, Hashable):
        return kind not in _UNHASHABLE and (kind[0] != "instance" or kind[1].__hash__ is not None)
    if isinstance(kind, tuple):
        name, cls = kind
        if name == "enum":
            return not isinstance(node, c.Array | c.Record | c.Map | c.Set)
        if name == "namedtuple" and isinstance(node, c.Array):
            return node.container in ("tuple", "sequence") if node.cls is None else issubclass(cls, node.cls)
        if name == "instance" and isinstance(node, c.Record):
            return node.cls is not None and issubclass(cls, node.cls)
    return kind in stated(node)


_Settle = Callable[[Search, Kind, list[Any], list[Any]], Outcome]
_PLAIN: dict[str, _Settle] = {
    "int": integers,
    "float": floats,
    "decimal": decimals,
    "str": texts,
    "bytes": blobs,
    **dict.fromkeys(
        ("date", "datetime-aware", "datetime-naive", "time-aware", "time-naive", "timedelta"), moments
    ),
}
_PARTED: dict[str, Callable[[Search, Kind, list[Any], list[Any]], Steps]] = {
    **dict.fromkeys(("list", "tuple", "namedtuple", "set", "frozenset"), arrays),
    "dict": objects,
    "instance": instances,
}


def by_kind(search: Search, goal: Goal) -> Steps:
    """Settle a goal of nodes that have no unions, intersections, negations or references at their top."""
    wanted, unwanted = _bare(search.ordered(goal.wanted)), _bare(search.ordered(goal.unwanted))
    unclear: Outcome = EMPTY
    for kind in _kinds(search, wanted):
        if not all(admits(node, kind) for node in wanted):
            continue
        against = [node for node in unwanted if admits(node, kind)]
        name = kind if isinstance(kind, str) else kind[0]
        own = (
            wanted
            if name in _HASHABLE_BY_PARTS
            else [node for node in wanted if not isinstance(node, Hashable)]
        )
        if name in _PARTED:
            outcome = yield from _PARTED[name](search, kind, own, against)
        else:
            settle: _Settle = _PLAIN.get(name, members)
            outcome = settle(search, kind, own, against)
        if isinstance(outcome, Found):
            return outcome
        if isinstance(outcome, Unclear):
            unclear = outcome
    return unclear


def _bare(nodes: list[Schema]) -> list[Schema]:
    return [node.base if isinstance(node, Plainly) else node for node in nodes]


def _kinds(search: Search, wanted: list[Schema]) -> list[Kind]:
    if not wanted:
        return list(_JSON if search.channel == "json" else _PYTHON)
    found = dict.fromkeys(kind for node in wanted for kind in stated(node))
    others = [] if search.channel == "json" else [kind for kind in found if kind not in _JSON]
    return [kind for kind in _JSON if kind in found] + others
