"""Two nodes of one kind as one: the values that both accept."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from gnomon_gtype import _scalars as s
from gnomon_gtype._schema import Meta, Schema


def merge(left: Schema, right: Schema) -> Schema | None:
    """One node that accepts what both accept and gives the same result; `None` when there is none."""
    if type(left) is not type(right):
        return None
    merged: Schema | None = None
    if isinstance(left, s.Integer) and isinstance(right, s.Integer):
        merged = _integers(left, right)
    elif isinstance(left, s.String) and isinstance(right, s.String):
        merged = _strings(left, right)
    elif isinstance(left, s.Bounded):
        merged = _bounded(left, right)
    elif isinstance(left, s.Bytes) and isinstance(right, s.Bytes):
        merged = s.Bytes(max(left.min_length, right.min_length), _least(left.max_length, right.max_length))
    elif left.tag == "record":
        from gnomon_gtype._merge_records import merge_records  # it needs records, which need this module

        merged = merge_records(left, right)
    return None if merged is None else replace(merged, meta=_both(left.meta, right.meta))


def _both(left: Meta | None, right: Meta | None) -> Meta | None:
    return right if left is None else left if right is None else left.merged(right)


def _least(left: Any, right: Any) -> Any:
    return left if right is None else right if left is None else min(left, right)


def _most(left: Any, right: Any) -> Any:
    return left if right is None else right if left is None else max(left, right)


def _integers(left: s.Integer, right: s.Integer) -> s.Integer:
    steps = [step for step in (left.multiple_of, right.multiple_of) if step is not None]
    return s.Integer(
        minimum=_most(left.minimum, right.minimum),
        maximum=_least(left.maximum, right.maximum),
        multiple_of=math.lcm(*steps) if steps else None,
    )


def _strings(left: s.String, right: s.String) -> s.String | None:
    if left.format is not None and right.format not in (None, left.format):
        return None
    return s.String(
        min_length=max(left.min_length, right.min_length),
        max_length=_least(left.max_length, right.max_length),
        patterns=left.patterns + right.patterns,
        format=left.format or right.format,
    )


def _tighter(left: Any, right: Any, name: str, best: Any) -> tuple[Any, bool]:
    one, other = getattr(left, name), getattr(right, name)
    limit = best(one, other)
    exclusive = any(
        getattr(node, f"exclusive_{name}")
        for node in (left, right)
        if limit is not None and getattr(node, name) == limit
    )
    return limit, exclusive


def _bounded(left: Any, right: Any) -> Schema | None:
    changes: dict[str, Any] = {}
    for name in ("zone", "finite", "max_digits", "decimal_places"):
        if getattr(left, name, None) != getattr(right, name, None):
            return None
    if hasattr(left, "multiple_of"):
        if left.multiple_of is not None and right.multiple_of not in (None, left.multiple_of):
            return None
        changes["multiple_of"] = left.multiple_of if right.multiple_of is None else right.multiple_of
    changes["minimum"], changes["exclusive_minimum"] = _tighter(left, right, "minimum", _most)
    changes["maximum"], changes["exclusive_maximum"] = _tighter(left, right, "maximum", _least)
    merged: Schema = replace(left, **changes)
    return merged
