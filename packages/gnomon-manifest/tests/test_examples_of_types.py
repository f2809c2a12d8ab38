"""The examples in documents: small, the same every time, and accepted by the very types they are examples of."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import ipaddress
import json
import uuid
from typing import Annotated, Any, Literal, TypedDict

import jsonschema
import pytest
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon_gtype import GType
from gnomon_manifest import Manifest, TypeEntry, build
from gnomon_manifest._examples import NOTHING, Examples
from gnomon_manifest.testing import Project, projects, write_package


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(TypedDict):
    sku: Annotated[str, MinLen(3)]
    amount: Annotated[int, Ge(1), Lt(5), MultipleOf(2)]
    inner: list[Leaf]


class Chain(TypedDict):
    after: Chain | None


@dataclasses.dataclass
class Everything:
    at: datetime.datetime
    day: datetime.date
    hour: datetime.time
    took: datetime.timedelta
    key: uuid.UUID
    price: decimal.Decimal
    raw: bytes
    colour: Colour
    pair: tuple[int, str]
    address: ipaddress.IPv4Address
    choice: Literal["x", 3]
    note: str | None = None


def examples_of(validation: Any, serialization: Any = True) -> Examples:
    entry = TypeEntry(name=None, validation=validation, serialization=serialization)
    return Examples(Manifest(types={"t": entry}))


def of(annotation: Any) -> Any:
    gtype: GType[Any] = GType(annotation)
    found = examples_of(gtype.json_schema(), gtype.json_schema(mode="serialization"))
    sent = found.of("t", "serialization")
    if sent is not NOTHING:
        jsonschema.validate(sent, gtype.json_schema(mode="serialization"))
    return found.of("t", "validation")


@pytest.mark.parametrize(
    ("annotation", "example"),
    [
        (str, "string"),
        (None, None),
        (bool, True),
        (int, 1),
        (float, 1.5),
        (int | str, 1),
        (str | None, "string"),
        (Any, {}),
        (dict[str, int], {}),
        (list[int], [1]),
        (tuple[()], []),
        (Annotated[list[int], MaxLen(0)], []),
        (Annotated[list[str], MinLen(2)], ["string", "string"]),
        (Annotated[set[int], MinLen(3)], [1, 2, 3]),
        (Annotated[set[str], MinLen(2)], ["string", "string1"]),
        (Annotated[set[Colour], MinLen(2)], ["red", "blue"]),
        (Annotated[str, MaxLen(2)], "st"),
        (Annotated[str, MinLen(8)], "stringst"),
        (Annotated[float, Gt(3), Lt(3.4)], 3.001),
        (Annotated[float, Gt(1.9), Le(2)], 2),
        (Annotated[int, Ge(10), MultipleOf(7)], 14),
        (Annotated[int, Lt(-10)], -11),
        (list[Leaf], [{"sku": "string", "amount": 2, "inner": []}]),
        (Chain, {"after": None}),
        (
            Everything,
            {
                "at": "2026-01-01T12:00:00Z",
                "day": "2026-01-01",
                "hour": "12:00:00",
                "took": "PT1M",
                "key": "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
                "price": 1.5,
                "raw": "c3RyaW5n",
                "colour": "red",
                "pair": [1, "string"],
                "address": "192.0.2.1",
                "choice": "x",
                "note": "string",
            },
        ),
    ],
)
def test_an_example_is_what_the_type_accepts(annotation: Any, example: Any) -> None:
    found = of(annotation)
    assert found == example
    GType(annotation).validate_json(json.dumps(found))


@settings(max_examples=20)
@given(projects())
def test_every_type_of_a_generated_project_has_an_example(tmp_path_factory: Any, project: Project) -> None:
    manifest = build(write_package(tmp_path_factory.mktemp("p"), project.files))
    examples, again = Examples(manifest), Examples(Manifest.from_json(manifest.to_json()))
    for digest, entry in manifest.types.items():
        found = examples.of(digest, "validation")
        jsonschema.validate(found, entry.validation)
        jsonschema.validate(examples.of(digest, "serialization"), entry.serialization)
        assert json.dumps(found) == json.dumps(again.of(digest, "validation"))


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"examples": ["mine"], "type": "string"}, "mine"),
        ({"const": 3}, 3),
        ({"default": "d", "type": "string"}, "d"),
        ({"allOf": [{"type": "integer"}, {"minimum": 7}]}, 7),
        ({"oneOf": [{"type": "null"}, {"type": "string", "maxLength": 1}]}, "s"),
        ({"type": ["null", "integer"]}, 1),
        ({"properties": {"a": {"type": "null"}, "b": False}}, {"a": None}),
        ({"type": "array", "items": {"type": "object"}, "uniqueItems": True}, [{}]),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "format": []}, "string"),
    ],
)
def test_schemas_that_no_type_of_ours_makes_have_examples_as_well(schema: Any, example: Any) -> None:
    assert examples_of(schema).of("t", "validation") == example


@pytest.mark.parametrize(
    "schema",
    [
        False,
        7,
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$ref": "#/$defs/missing"},
        {"enum": [1], "minimum": 2},
        {"type": "nothing"},
        {"type": "array", "minItems": 10**9, "items": {"type": "integer"}},
        {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": "object"}},
        {"type": "array", "prefixItems": [False]},
        {"type": "string", "minLength": 10**9},
        {"type": "string", "pattern": "^unguessable$"},
        {"type": "string", "pattern": "("},
        {"type": "string", "pattern": 1},
        {"type": "integer", "minimum": 0.1, "maximum": 0.9},
        {"type": "integer", "multipleOf": -1},
        {"properties": {"a": False}, "required": ["a"]},
        {"anyOf": [False]},
    ],
)
def test_what_can_not_be_proved_has_no_example(schema: Any) -> None:
    assert examples_of(schema).of("t", "validation") is NOTHING


def test_a_schema_that_is_nested_too_deeply_has_no_example() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(20):
        schema = {"type": "array", "minItems": 1, "items": schema}
    assert examples_of(schema).of("t", "validation") is NOTHING


@given(st.integers(-(10**6), 10**6), st.integers(0, 100))
def test_numbers_between_whole_bounds_have_examples(least: int, width: int) -> None:
    schema = {"type": "integer", "minimum": least, "maximum": least + width}
    found = examples_of(schema).of("t", "validation")
    assert least <= found <= least + width
