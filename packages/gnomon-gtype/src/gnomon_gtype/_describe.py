"""Plain English for nodes: what a message says was expected."""

from __future__ import annotations

import enum
from typing import Any

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._formats import FORMATS
from gnomon_gtype._problems import MAX_SHOWN
from gnomon_gtype._schema import Schema

_NAMES: dict[type[Schema], str] = {
    s.Anything: "anything",
    s.Nothing: "nothing at all",
    s.Null: "null",
    s.Boolean: "true or false",
    s.Integer: "an integer",
    s.Float: "a number",
    s.Number: "a number",
    s.DecimalNumber: "a decimal number",
    s.Bytes: "bytes",
    s.Date: "a date (YYYY-MM-DD)",
    s.Time: "a time (hh:mm:ss)",
    s.DateTime: "a date and time (YYYY-MM-DDThh:mm:ssZ)",
    s.Duration: "a duration (such as PT30S)",
    s.Uuid: "a UUID with hyphens",
    s.FilePath: "a file path",
    s.Regex: "a regular expression",
    c.Map: "an object",
    c.Record: "an object",
    c.Set: "a set",
}
_PYTHON_NAMES: dict[type[Schema], str] = {
    s.Null: "None",
    s.Boolean: "True or False",
    s.Date: "a date",
    s.Time: "a time",
    s.DateTime: "a datetime",
    s.Duration: "a timedelta",
    s.Uuid: "a UUID",
    s.FilePath: "a path",
    s.DecimalNumber: "a Decimal",
    c.Map: "a dict",
    c.Record: "a dict",
}


def describe(node: Schema, *, channel: str = "python", depth: int = 0) -> str:
    """What `node` accepts, in a few words."""
    if isinstance(node, s.String):
        return FORMATS[node.format].expected if node.format else "text"
    if isinstance(node, s.Literal):
        return one_of([literal_text(value) for value in node.values])
    if isinstance(node, s.EnumMember):
        if channel == "json":
            return one_of([literal_text(member.value) for member in node.members])
        return f"a member of {node.cls.__name__}"
    if isinstance(node, s.IpAddress):
        return f"an IPv{node.version} {node.kind}"
    if isinstance(node, c.Array):
        if channel == "json" or node.container == "list":
            return "an array" if channel == "json" else "a list"
        if node.cls is not None:
            return f"a {node.cls.__name__}"
        return "a tuple" if node.container == "tuple" else "a list or tuple"
    if isinstance(node, c.Record) and node.cls is not None and channel != "json":
        return f"a {node.cls.__name__}"
    if isinstance(node, c.Set):
        return (
            "an array without duplicates"
            if channel == "json"
            else ("a frozenset" if node.frozen else "a set")
        )
    if isinstance(node, (c.Union, c.Intersection)):
        word = " or " if isinstance(node, c.Union) else " and "
        parts = (
            [describe(member, channel=channel, depth=depth + 1) for member in node.members]
            if depth < 3
            else ["…"]
        )
        return cut(word.join(dict.fromkeys(parts)))
    if isinstance(node, (c.Sensitive, c.Spelled, c.Refined)):
        return describe(node.base, channel=channel, depth=depth)
    if isinstance(node, c.Not):
        return cut(f"anything but {describe(node.base, channel=channel, depth=depth + 1)}")
    if isinstance(node, c.Opaque):
        return node.cls.__name__ if node.cls is not None else node.id
    if isinstance(node, c.Ref):
        return node.name
    if isinstance(node, c.Definitions):
        return describe(node.root, channel=channel, depth=depth)
    names = _NAMES if channel == "json" else _NAMES | _PYTHON_NAMES
    return names[type(node)]


def literal_text(value: Any) -> str:
    """How a literal value is written in a message."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def one_of(words: list[str]) -> str:
    """`'a'`, `'a' or 'b'`, `one of 'a', 'b', 'c'`, cut where it grows too long."""
    if not words:
        return "nothing at all"
    if len(words) <= 2:
        return cut(" or ".join(words))
    return cut(f"one of {', '.join(words)}")


def cut(text: str) -> str:
    """At most 200 characters."""
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def count(number: int, noun: str) -> str:
    """`1 item`, `2 items`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
