"""Two records as one, as `A & B` of TypeScript means it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gnomon_gtype._composites import Field, Record, intersection
from gnomon_gtype._scalars import Nothing
from gnomon_gtype._schema import Schema


def merge_records(left: Schema, right: Schema) -> Schema | None:
    """The record of both, unless one of them is a dataclass or says something about keys that it does not name."""
    assert isinstance(left, Record)
    assert isinstance(right, Record)
    if not (_plain(left) and _plain(right)):
        return None
    fields: list[Field] = []
    for item in left.fields:
        other = right.field(item.name)
        fields.append(_closed_out(item, right) if other is None else _both(item, other))
    fields += [_closed_out(item, left) for item in right.fields if left.field(item.name) is None]
    choices: set[Any] = {left.extra, right.extra}
    extra: Any = "forbid" if "forbid" in choices else "keep" if "keep" in choices else "drop"
    return Record(tuple(fields), extra=extra)


def _plain(node: Record) -> bool:
    bare = node.cls is None and node.rest is None and not node.patterns and node.keys is None
    return (
        bare
        and not node.min_length
        and node.max_length is None
        and not any(item.has_default for item in node.fields)
    )


def _both(one: Field, other: Field) -> Field:
    schema = intersection(one.schema, other.schema)
    return replace(
        one,
        schema=schema,
        required=one.required or other.required,
        read_only=one.read_only and other.read_only,
    )


def _closed_out(item: Field, other: Record) -> Field:
    """A key that the other record does not know: refused there when it is closed."""
    return replace(item, schema=Nothing()) if other.extra == "forbid" else item
