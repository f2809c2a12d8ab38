"""JSON text: what the engine lets through and the standard does not, and keys that stand twice."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._problems import Problem
from gnomon_gtype._schema import Schema
from gnomon_gtype._unions import resolved

Known = Mapping[str, Schema]
Count = Callable[[Any], int]
"""How many keys the JSON text of a validated value has, if none stands twice and none was dropped; negative: unknown."""

_UNKNOWN = -1_000_000_000
_SPACED = re.compile(r"[ \t\r\n]:")
_SPACED_BYTES = re.compile(rb"[ \t\r\n]:")


class _Twice(dict[str, Any]):
    """An object of which a key stands twice."""

    names: tuple[str, ...] = ()


def parse(data: str | bytes | bytearray) -> tuple[Any, tuple[Problem, ...]]:
    """The parsed text, or what keeps it from being JSON."""
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        return None, (_not_json(str(error)),)
    return value, strict_problems(data)


def _not_json(reason: str) -> Problem:
    return Problem(
        (), "json_invalid", f"The text is not JSON: {reason}.", "JSON text", "text that is not JSON"
    )


def strict_problems(data: str | bytes | bytearray) -> tuple[Problem, ...]:
    """Keys that stand twice, and numbers that no float holds, in text that has been parsed once."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) == len(items):
            return found
        seen: set[str] = set()
        twice = _Twice(found)
        twice.names = tuple(dict.fromkeys(key for key, _ in items if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
        return twice

    try:
        value = json.loads(data, object_pairs_hook=pairs, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return (_not_json(str(error)),)
    problems: list[Problem] = []
    _walk(value, (), problems)
    return tuple(problems)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _walk(value: Any, path: tuple[str | int, ...], problems: list[Problem]) -> None:
    if isinstance(value, dict):
        for name in value.names if isinstance(value, _Twice) else ():
            message = "The key stands twice in one object."
            problems.append(
                Problem((*path, name), "duplicate_key", message, "keys that differ", repr(name)[:200])
            )
        for key, item in value.items():
            _walk(item, (*path, key), problems)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, (*path, index), problems)
    elif isinstance(value, float) and not math.isfinite(value):
        message = "The number is too large for a float."
        problems.append(Problem(path, "not_finite", message, "a finite number", "a number above 1.8e308"))


def guard_for(tree: Schema) -> Callable[[str | bytes | bytearray, Any], bool]:
    """A test that is true when text that was accepted surely has no key twice and no number too large.

    Every key of an object is followed by one colon. So when the text has no more colons after quotes than the result has
    keys, none can stand twice. Counting is many times faster than parsing; where it cannot tell, the text is parsed again.
    """
    known = tree.by_name if isinstance(tree, c.Definitions) else {}
    count = _counter(tree.root if isinstance(tree, c.Definitions) else tree, known, {})
    if count is None:
        return lambda _data, _result: True

    counted = count

    def surely(data: str | bytes | bytearray, result: Any) -> bool:
        expected = counted(result)
        if isinstance(data, str):
            if data.count(":") == expected:
                return True
            return data.count('":') == expected and _SPACED.search(data) is None
        if data.count(b":") == expected:
            return True
        return data.count(b'":') == expected and _SPACED_BYTES.search(data) is None

    return surely


def _unknown(_value: Any) -> int:
    return _UNKNOWN


_KEYLESS = (
    s.Nothing,
    s.Null,
    s.Boolean,
    s.Integer,
    s.Float,
    s.Number,
    s.DecimalNumber,
    s.String,
    s.Bytes,
    s.Literal,
    s.EnumMember,
    s.Date,
    s.Time,
    s.DateTime,
    s.Duration,
    s.Uuid,
    s.FilePath,
    s.IpAddress,
    s.Regex,
)


def _counter(node: Schema, known: Known, memo: dict[str, Count]) -> Count | None:
    """How to count the keys of a value of `node`; `None` when it never has any."""
    if isinstance(node, c.Sensitive):
        return _counter(node.base, known, memo)
    if isinstance(node, _KEYLESS):
        return None
    if isinstance(node, c.Array):
        return _array_counter(node, known, memo)
    if isinstance(node, c.Set):
        return None if _counter(node.items, known, memo) is None else _unknown
    if isinstance(node, c.Record):
        return _record_counter(node, known, memo)
    if isinstance(node, c.Map) and isinstance(resolved(node.keys, known), s.String):
        return _map_counter(node, known, memo)
    if isinstance(node, c.Union):
        return _union_counter(node, known, memo)
    return _anything_counter if isinstance(node, s.Anything) else _unknown


def _anything_counter(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_anything_counter, value.values()))
    if isinstance(value, list):
        return sum(map(_anything_counter, value))
    return _UNKNOWN if isinstance(value, float) and not math.isfinite(value) else 0


def _array_counter(node: c.Array, known: Known, memo: dict[str, Count]) -> Count | None:
    parts = [_counter(part, known, memo) for _, part in node.children()]
    if not any(parts):
        return None
    each = parts[0]
    if node.prefix or node.suffix or node.contains or each is None:
        return _unknown
    return lambda value: sum(map(each, value))


def _record_counter(node: c.Record, known: Known, memo: dict[str, Count]) -> Count:
    if (
        node.cls is not None
        or node.patterns
        or any(item.has_default or not item.init for item in node.fields)
    ):
        return _unknown
    if node.extra == "keep":
        rest = _anything_counter if node.rest is None else _counter(node.rest, known, memo)
        if rest is not None:
            return _unknown if node.rest is not None or node.fields else _anything_counter
    nested = [(item.name, _counter(item.schema, known, memo)) for item in node.fields]
    inner = [(name, count) for name, count in nested if count is not None]
    if not inner:
        return len

    def count_record(value: dict[str, Any]) -> int:
        total = len(value)
        for name, count in inner:
            if name in value:
                total += count(value[name])
        return total

    return count_record


def _map_counter(node: c.Map, known: Known, memo: dict[str, Count]) -> Count:
    each = _counter(node.values, known, memo)
    if each is None:
        return len
    counted = each
    return lambda value: len(value) + sum(map(counted, value.values()))


def _union_counter(node: c.Union, known: Known, memo: dict[str, Count]) -> Count | None:
    counts = [(member, _counter(member, known, memo)) for member in node.members]
    keyed = [(member, count) for member, count in counts if count is not None]
    if not keyed:
        return None
    if all(count is len for _, count in keyed):
        return lambda value: (
            len(value) if isinstance(value, dict) else 0 if isinstance(value, _ATOMS) else _UNKNOWN
        )
    if len(keyed) > 1:
        return _unknown
    member, only = keyed[0]
    kind = dict if isinstance(c.unwrapped(member), (c.Record, c.Map)) else list
    counted = only
    return lambda value: (
        counted(value) if type(value) is kind else 0 if isinstance(value, _ATOMS) else _UNKNOWN
    )


_ATOMS = (str, int, float, type(None))
