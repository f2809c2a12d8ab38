"""The document of what is written accepts what is written, also where items differ and their texts do not."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import jsonschema_rs
import pytest

from gnomon_gtype import GType
from gnomon_gtype import schema as t

KEY = t.Field(name="a", schema=t.Integer())


@dataclasses.dataclass(eq=False, frozen=True)
class Token:
    text: str


def differing(items: t.Schema) -> t.Array:
    return t.Array(rest=items, unique=True)


SAME_TEXT: list[tuple[t.Schema, Any]] = [
    (differing(t.Record((KEY,))), [{"a": 1, "x": 1}, {"a": 1, "x": 2}]),
    (differing(t.Record((KEY,), extra="keep")), [{"a": 1, "x": math.nan}, {"a": 1, "x": None}]),
    (differing(t.Float()), [2**53 + 1, 2.0**53]),
    (differing(t.Anything()), [math.nan, None]),
    (differing(t.union(t.Array(rest=t.Integer()), t.Set(t.Integer()))), [[1], {1}]),
    (t.Set(GType(Token).schema), {Token("a"), Token("a")}),
]
DIFFERENT_TEXT: list[tuple[t.Schema, Any]] = [
    (differing(t.Record((KEY,), extra="forbid")), [{"a": 1}, {"a": 2}]),
    (differing(t.Record((KEY,), extra="keep", rest=t.String())), [{"a": 1}, {"a": 1, "x": "y"}]),
    (differing(t.Float(minimum=0, maximum=100)), [1.5, 2]),
    (differing(t.Number()), [2**53 + 1, 2.0**53]),
    (t.Set(t.Float()), {1.5, 2.0}),
]


@pytest.mark.parametrize(("node", "value"), [*SAME_TEXT, *DIFFERENT_TEXT])
def test_what_is_written_is_accepted(node: t.Schema, value: Any):
    gtype = GType.from_schema(node)
    text = gtype.dump_json(gtype.validate(value))
    assert jsonschema_rs.is_valid(gtype.json_schema(mode="serialization"), json.loads(text))
    assert jsonschema_rs.is_valid(gtype.json_schema(mode="serialization"), json.loads(gtype.dump_json(value)))


@pytest.mark.parametrize(("node", "value"), DIFFERENT_TEXT)
def test_texts_that_differ_are_said_to_differ(node: t.Schema, value: Any):
    del value
    assert GType.from_schema(node).json_schema(mode="serialization")["uniqueItems"] is True
