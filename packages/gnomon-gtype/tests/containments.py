"""What the tests of containment ask with: an answer whose witness was shown to both validators, and short nodes."""

from __future__ import annotations

from typing import Any

from gnomon_gtype import Containment, GType, contains
from gnomon_gtype.schema import Array, Field, Null, Record, Ref, Schema, definitions, union


def asked(wider: Schema, narrower: Schema, **options: Any) -> Containment:
    """The answer, after its witness has been shown to both validators."""
    large, small = GType.from_schema(wider), GType.from_schema(narrower)
    found = contains(large, small, **options)
    if found.answer == "no":
        assert small.is_valid(found.witness)
        assert not large.is_valid(found.witness)
    else:
        assert found.witness is None
    assert bool(found.reason) == (found.answer == "unknown")
    return found


def record(extra: Any = "drop", **fields: Schema) -> Record:
    """A record; a name that ends in an underscore is optional."""
    listed = (
        Field(name=name.rstrip("_"), schema=node, required=name[-1] != "_") for name, node in fields.items()
    )
    return Record(tuple(listed), extra=extra)


def row(*parts: Schema, **more: Any) -> Array:
    return Array(parts, container="tuple", **more)


def linked(item: Schema, name: str = "Node") -> Schema:
    return definitions(Ref(name), {name: union(Null(), record("forbid", head=item, tail=Ref(name)))})
