"""JSON text: what the engine lets through and the standard does not, and keys that stand twice."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._problems import Problem
from gnomon_gtype._schema import Schema
from gnomon_gtype._unions import resolved

Known = Mapping[str, Schema]
_UNKNOWN = -1_000_000_000


class _Twice(dict[str, Any]):
    """An object of which a key stands twice."""

    names: tuple[str, ...] = ()


def parse(data: str | bytes | bytearray) -> tuple[Any, tuple[Problem, ...]]:
    """The parsed text, or what keeps it from being JSON."""
    try:
        value = from_json(data, allow_inf_nan=False)
    except TypeError as error:
        return None, (_not_json("it contains a lone surrogate" if isinstance(data, str) else str(error)),)
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

    value = json.loads(data, object_pairs_hook=pairs)
    problems: list[Problem] = []
    _walk(value, (), problems)
    return tuple(problems)


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


@dataclass(frozen=True, slots=True)
class Count:
    """How many colons the text of a value surely has.

    Args:
        of: counts them; negative when it cannot tell.
        fixed: how many every value has beyond its own keys, in the text of its times.
        flat: whether `fixed` and the length of the value is all.
        least: a lower bound that is found faster than by counting, as good as the count when no optional key is there.
        fewest: for a flat value, that bound, the same for all.
        timed: whether times are counted, whose colons may be written as escapes.
    """

    of: Callable[[Any], int]
    fixed: int = 0
    flat: bool = False
    least: Callable[[Any], int] | None = None
    fewest: int = 0
    timed: bool = False


def colons(tree: Schema) -> Count | None:
    """How to count the colons that the JSON text of a validated value surely has; `None` when no object is in it.

    Every key is followed by one colon. So when the text has no more colons than the result has keys (and times have in
    their text), then no key can stand twice and none was dropped. Counting is many times faster than parsing. Where it
    cannot tell, or text has colons of its own, the text is parsed again.
    """
    known = tree.by_name if isinstance(tree, c.Definitions) else {}
    count = _count(tree.root if isinstance(tree, c.Definitions) else tree, known)
    return None if isinstance(count, int) else count


def _unknown(_value: Any) -> int:
    return _UNKNOWN


_UNCLEAR = Count(_unknown)
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


def _count(node: Schema, known: Known) -> Count | int:
    """A counter, or the number of colons that every value of a node without keys has at least."""
    if isinstance(node, c.Sensitive):
        return _count(node.base, known)
    if isinstance(node, _KEYLESS):
        return 2 if isinstance(node, s.DateTime) else 1 if isinstance(node, s.Time) else 0
    if isinstance(node, c.Array):
        return _count_array(node, known)
    if isinstance(node, c.Set):
        inside = _count(node.items, known)
        return 0 if isinstance(inside, int) else _UNCLEAR
    if isinstance(node, c.Record):
        return _count_record(node, known)
    if isinstance(node, c.Map) and isinstance(resolved(node.keys, known), s.String):
        return _count_map(node, known)
    if isinstance(node, c.Union):
        return _count_union(node, known)
    return Count(_count_anything) if isinstance(node, s.Anything) else _UNCLEAR


def _count_anything(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_count_anything, value.values()))
    if isinstance(value, list):
        return sum(map(_count_anything, value))
    return _UNKNOWN if isinstance(value, float) and not math.isfinite(value) else 0


def _count_array(node: c.Array, known: Known) -> Count | int:
    parts = [_count(part, known) for _, part in node.children()]
    if all(isinstance(part, int) for part in parts):
        return 0
    each = parts[0]
    if len(parts) > 1 or isinstance(each, int):
        return _UNCLEAR
    of, least = each.of, each.least
    if each.flat:
        fixed, fewest = each.fixed, each.fewest
        return Count(
            lambda value: sum(map(len, value)) + fixed * len(value),
            least=lambda value: fewest * len(value),
            timed=each.timed,
        )
    if least is None:
        return Count(lambda value: sum(map(of, value)), timed=each.timed)
    quick = least
    return Count(
        lambda value: sum(map(of, value)), least=lambda value: sum(map(quick, value)), timed=each.timed
    )


def _count_record(node: c.Record, known: Known) -> Count:
    if (
        node.cls is not None
        or node.patterns
        or any(item.has_default or not item.init for item in node.fields)
    ):
        return _UNCLEAR
    if node.extra == "keep" and not isinstance(_count(node.rest or s.Anything(), known), int):
        return _UNCLEAR if node.rest is not None or node.fields else Count(_count_anything)
    fixed = 0
    timed = False
    inner: list[tuple[str, Count]] = []
    for item in node.fields:
        part = _count(item.schema, known)
        if not isinstance(part, int):
            inner.append((item.name, part))
            timed = timed or part.timed
        elif item.required and part:
            fixed += part
            timed = True
    fewest = fixed + sum(item.required for item in node.fields)
    if not inner:
        return Count(lambda value: len(value) + fixed, fixed, flat=True, fewest=fewest, timed=timed)
    counts = [(name, part.of) for name, part in inner]
    quick = [(name, part.least or part.of) for name, part in inner]

    def count_record(value: dict[str, Any]) -> int:
        total = len(value) + fixed
        for name, of in counts:
            if name in value:
                total += of(value[name])
        return total

    def count_least(value: dict[str, Any]) -> int:
        total = fewest
        for name, least in quick:
            if name in value:
                total += least(value[name])
        return total

    return Count(count_record, least=count_least, timed=timed)


def _count_map(node: c.Map, known: Known) -> Count:
    each = _count(node.values, known)
    if isinstance(each, int):
        return Count(len, flat=True)
    of = each.of
    return Count(lambda value: len(value) + sum(map(of, value.values())), timed=each.timed)


def _count_union(node: c.Union, known: Known) -> Count | int:
    counts = [(member, _count(member, known)) for member in node.members]
    keyed = [(member, part) for member, part in counts if not isinstance(part, int)]
    if not keyed:
        return 0
    if all(part.flat for _, part in keyed):
        return Count(lambda value: len(value) if isinstance(value, dict) else 0)
    if len(keyed) > 1:
        return _UNCLEAR
    member, only = keyed[0]
    kind = dict if isinstance(c.unwrapped(member), (c.Record, c.Map)) else list
    of = only.of
    return Count(lambda value: of(value) if type(value) is kind else 0, timed=only.timed)
