"""Emission of JSON Schema: the document of each node, and that it accepts what the type accepts and writes."""

from __future__ import annotations

import datetime
import decimal
import doctest
import enum
import json
import typing
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, NotRequired, TypedDict

import jsonschema_rs
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import core_schema

from gnomon_gtype import Email, GType, Sensitive, _json_schema_emit
from gnomon_gtype import schema as t
from gnomon_gtype._json_schema_emit import emit
from gnomon_gtype._json_schema_import import read
from gnomon_gtype.testing import values

DIALECT = "https://json-schema.org/draft/2020-12/schema"
HEX = "[0-9A-Fa-f]"
BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
DECIMAL = r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?$"
UUID = f"^{HEX}{{8}}(?:-{HEX}{{4}}){{3}}-{HEX}{{12}}$"
ZONE = "(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
TIME = r"^[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"


class Odd(enum.Enum):
    A = (1, 2)
    B = object()
    C = "c"


class Truth(enum.Enum):
    YES = True
    NOT_KNOWN = None


class Nobody(enum.Enum):
    pass


def fields(**nodes: t.Schema) -> tuple[t.Field, ...]:
    return tuple(t.Field(name=name, schema=node) for name, node in nodes.items())


NODE = t.definitions(t.Ref("Node"), {"Node": t.Record(fields(next=t.union(t.Ref("Node"), t.Null())))})
SMALL = t.Record(fields(a=t.Integer()))

ROWS: list[tuple[t.Schema, dict[str, Any]]] = [
    (t.Anything(), {}),
    (t.Nothing(), {"not": {}}),
    (t.Null(), {"type": "null"}),
    (t.Boolean(), {"type": "boolean"}),
    (t.Integer(1, 9, 2), {"type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2}),
    (t.Float(0, 1.5, True, True), {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1.5}),
    (t.Float(multiple_of=0.1), {"type": "number", "multipleOf": 0.1}),
    (t.Number(multiple_of=1), {"type": "integer"}),
    (t.Number(multiple_of=3, minimum=0.5), {"type": "integer", "minimum": 0.5, "multipleOf": 3}),
    (t.DecimalNumber(), {"anyOf": [{"type": "number"}, {"type": "string", "pattern": DECIMAL}]}),
    (
        t.DecimalNumber(
            decimal.Decimal("0.1"),
            decimal.Decimal(10**30),
            multiple_of=decimal.Decimal("0.1" + "0" * 20 + "1"),
        ),
        {
            "anyOf": [
                {"type": "number", "minimum": 0.1, "maximum": 10**30},
                {"type": "string", "pattern": DECIMAL},
            ],
            "$comment": f"as a decimal number: minimum 0.1, maximum {10**30}, multipleOf 0.1{'0' * 20}1",
        },
    ),
    (
        t.DecimalNumber(max_digits=1, decimal_places=2),
        {
            "anyOf": [{"type": "number"}, {"type": "string", "pattern": DECIMAL}],
            "$comment": "as a decimal number: at most 1 digit, at most 2 decimal places",
        },
    ),
    (
        t.String(1, 2, ("a", "b")),
        {"type": "string", "minLength": 1, "maxLength": 2, "pattern": "a", "allOf": [{"pattern": "b"}]},
    ),
    (
        t.String(patterns=(r"\bx",)),
        {
            "type": "string",
            "$comment": r"the pattern \bx, in the syntax of the Rust regex crate, is found in it",
        },
    ),
    (
        t.String(format="slug", max_length=9),
        {"type": "string", "format": "slug", "maxLength": 9, "pattern": "^[a-z0-9]+(?:-[a-z0-9]+)*$"},
    ),
    (t.String(format="base64"), {"type": "string", "contentEncoding": "base64", "pattern": BASE64}),
    (
        t.String(format="json"),
        {"type": "string", "contentMediaType": "application/json", "$comment": "it is JSON text"},
    ),
    (t.Bytes(), {"type": "string", "contentEncoding": "base64", "pattern": BASE64}),
    (t.Literal(("a",)), {"const": "a"}),
    (t.literal(1, 1.0, "a", b"x", Colour.RED, 1e300, 10**300), {"enum": [1, "a", "eA==", 1e300, 10**300]}),
    (t.literal(True), {"const": True}),
    (t.EnumMember(Colour), {"title": "Colour", "enum": [1, "g"]}),
    (t.EnumMember(Truth), {"title": "Truth", "enum": [True, None]}),
    (t.EnumMember(Odd), {"title": "Odd", "enum": [[1, 2], "c"]}),
    (t.EnumMember(Nobody), {"title": "Nobody", "not": {}}),
    (t.Date(), {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
    (
        t.Date(datetime.date(2020, 1, 1), exclusive_minimum=True),
        {
            "type": "string",
            "format": "date",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            "$comment": "exclusiveMinimum 2020-01-01",
        },
    ),
    (t.Time(), {"type": "string", "pattern": f"{TIME}{ZONE}?$"}),
    (t.Time(zone="naive"), {"type": "string", "format": "time-local", "pattern": f"{TIME}$"}),
    (t.DateTime(), {"type": "string", "format": "date-time", "pattern": f"{MOMENT}{ZONE}$"}),
    (
        t.Uuid(),
        {"type": "string", "format": "uuid", "pattern": f"^{HEX}{{8}}(?:-{HEX}{{4}}){{3}}-{HEX}{{12}}$"},
    ),
    (
        t.Uuid(version=7),
        {
            "type": "string",
            "format": "uuid",
            "pattern": f"^{HEX}{{8}}-{HEX}{{4}}-7{HEX}{{3}}-[89ABab]{HEX}{{3}}-{HEX}{{12}}$",
        },
    ),
    (t.FilePath(), {"type": "string", "format": "path", "pattern": r"^[^\x00]*$"}),
    (t.IpAddress(version=6), {"type": "string", "format": "ipv6"}),
    (t.IpAddress("network", 4), {"type": "string", "format": "ipv4network"}),
    (t.Regex(), {"type": "string", "$comment": "it is a regular expression of Python's re"}),
    (t.Array(rest=t.Anything()), {"type": "array"}),
    (
        t.Array(rest=t.Null(), min_length=1, max_length=2, unique=True),
        {"type": "array", "items": {"type": "null"}, "minItems": 1, "maxItems": 2, "uniqueItems": True},
    ),
    (t.Array(), {"type": "array", "maxItems": 0}),
    (
        t.Array(prefix=(t.Null(), t.Boolean())),
        {
            "type": "array",
            "prefixItems": [{"type": "null"}, {"type": "boolean"}],
            "items": False,
            "minItems": 2,
        },
    ),
    (
        t.Array(prefix=(t.Null(),), rest=t.Boolean(), suffix=(t.Null(),)),
        {
            "type": "array",
            "prefixItems": [{"type": "null"}],
            "items": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
            "minItems": 2,
            "$comment": "the types of the last items count from the end: 1 of them",
        },
    ),
    (
        t.Array(rest=t.Anything(), contains=((t.Null(), 1, None),)),
        {"type": "array", "contains": {"type": "null"}},
    ),
    (
        t.Array(rest=t.Anything(), contains=((t.Null(), 0, 2), (t.Boolean(), 2, None))),
        {
            "type": "array",
            "allOf": [
                {"contains": {"type": "null"}, "minContains": 0, "maxContains": 2},
                {"contains": {"type": "boolean"}, "minContains": 2},
            ],
        },
    ),
    (
        t.Array(rest=t.Anything(), contains=((t.Regex(), 1, 2),)),
        {
            "type": "array",
            "contains": {"type": "string", "$comment": "it is a regular expression of Python's re"},
            "$comment": "at most 2 items are such",
        },
    ),
    (
        t.Set(t.String(), 1, 2),
        {"type": "array", "uniqueItems": True, "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
    ),
    (t.Set(), {"type": "array", "uniqueItems": True}),
    (
        t.Map(t.String(), t.Null(), 1, 2),
        {"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 1, "maxProperties": 2},
    ),
    (t.Map(), {"type": "object"}),
    (
        t.Map(t.Integer(minimum=1)),
        {
            "type": "object",
            "propertyNames": {"pattern": "^-?(?:0|[1-9][0-9]*)$", "$comment": "as a number: minimum 1"},
        },
    ),
    (t.Map(t.Boolean()), {"type": "object", "propertyNames": {"enum": ["true", "false"]}}),
    (
        t.Map(t.union(t.Null(), t.literal("a", 1))),
        {"type": "object", "propertyNames": {"anyOf": [{"const": "null"}, {"enum": ["a", "1"]}]}},
    ),
    (t.Map(t.literal(True)), {"type": "object", "propertyNames": {"const": "true"}}),
    (t.Map(t.literal(1.5)), {"type": "object", "propertyNames": {"$comment": "a key is one of 1.5"}}),
    (t.Map(t.EnumMember(Colour)), {"type": "object", "propertyNames": {"enum": ["1", "g"]}}),
    (
        t.Map(t.Sensitive(t.Refined(t.String(2), id="x", check=bool))),
        {"type": "object", "propertyNames": {"type": "string", "minLength": 2}},
    ),
    (SMALL, {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
    (t.Record(extra="forbid"), {"type": "object", "additionalProperties": False}),
    (
        t.Record(
            (t.Field(name="a", schema=t.Null(), required=False, read_only=True),),
            extra="keep",
            rest=t.Null(),
            keys=t.String(1),
            min_length=1,
            max_length=2,
        ),
        {
            "type": "object",
            "properties": {"a": {"type": "null", "readOnly": True}},
            "additionalProperties": {"type": "null"},
            "propertyNames": {"type": "string", "minLength": 1},
            "minProperties": 1,
            "maxProperties": 2,
        },
    ),
    (
        t.Record(patterns=(("^x", t.Null()),), extra="forbid"),
        {"type": "object", "patternProperties": {"^x": {"type": "null"}}, "additionalProperties": False},
    ),
    (
        t.Record(patterns=((r"\bx", t.Null()),), extra="forbid"),
        {"type": "object", "$comment": r"keys in which \bx is found have a type of their own"},
    ),
    (
        t.Record((t.Field(name="a", schema=t.Integer(), default=3),)),
        {"type": "object", "properties": {"a": {"type": "integer", "default": 3}}},
    ),
    (
        t.Record((t.Field(name="a", schema=t.Anything(), default=object()),)),
        {"type": "object", "properties": {"a": {}}},
    ),
    (
        t.Record((t.Field(name="a", schema=t.Sensitive(t.String()), default="secret"),)),
        {"type": "object", "properties": {"a": {"type": "string"}}},
    ),
    (
        t.Record((t.Field(name="a", schema=t.Float(finite=False), default=float("inf")),)),
        {"type": "object", "properties": {"a": {"type": "number"}}},
    ),
    (t.union(t.Null(), t.String()), {"anyOf": [{"type": "null"}, {"type": "string"}]}),
    (t.intersection(t.String(), t.Number()), {"allOf": [{"type": "string"}, {"type": "number"}]}),
    (t.Not(t.String()), {"not": {"type": "string"}}),
    (t.Sensitive(t.String()), {"type": "string"}),
    (
        t.Refined(t.Integer(), id="app:even", check=bool),
        {"type": "integer", "$comment": "app:even decides too"},
    ),
    (
        t.Refined(t.Regex(), id="x", check=bool, message="No."),
        {"type": "string", "$comment": "it is a regular expression of Python's re; No."},
    ),
    (t.Opaque("app:thing", core_schema.any_schema()), {"$comment": "app:thing decides"}),
    (
        NODE,
        {
            "$ref": "#/$defs/Node",
            "$defs": {
                "Node": {
                    "type": "object",
                    "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}},
                    "required": ["next"],
                }
            },
        },
    ),
    (
        t.String(
            meta=t.Meta(
                title="T", description="D", examples=("a", datetime.date(2020, 1, 1)), deprecated=True
            )
        ),
        {
            "title": "T",
            "description": "D",
            "deprecated": True,
            "examples": ["a", "2020-01-01"],
            "type": "string",
        },
    ),
    (t.Sensitive(t.String(), meta=t.Meta(examples=("secret",))), {"type": "string"}),
    (t.String(meta=t.Meta(examples=(object(),))), {"type": "string"}),
]


@pytest.mark.parametrize(("tree", "document"), ROWS, ids=[repr(row[0])[:80] for row in ROWS])
def test_the_document_of_each_node(tree: t.Schema, document: dict[str, Any]):
    found = GType.from_schema(tree).json_schema()
    assert found == {"$schema": DIALECT, **document}
    jsonschema_rs.meta.validate(found)


# what json_schema(mode="serialization") says that the other mode does not
WRITTEN: list[tuple[t.Schema, dict[str, Any]]] = [
    (SMALL, {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}),
    (t.Record(rest=t.Null(), keys=t.String(1), min_length=1), {"type": "object", "additionalProperties": False}),
    (t.Record(extra="keep", rest=t.Null(), min_length=1), {"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 1}),
    (
        t.Record((t.Field(name="a", schema=t.Integer(), default=3), t.Field(name="b", schema=t.Null(), required=False)), extra="keep", max_length=1),
        {"type": "object", "properties": {"a": {"type": "integer", "default": 3}, "b": {"type": "null"}}, "required": ["a"]},
    ),
    (t.Set(t.Integer()), {"type": "array", "uniqueItems": True, "items": {"type": "integer"}}),
    (t.Set(t.union(t.Bytes(), t.String())), {"type": "array", "items": {"anyOf": [{"type": "string", "contentEncoding": "base64", "pattern": BASE64}, {"type": "string"}]}}),
    (t.Set(t.Uuid()), {"type": "array", "uniqueItems": True, "items": {"type": "string", "format": "uuid", "pattern": UUID}}),
    (t.Set(t.literal("a", 1)), {"type": "array", "uniqueItems": True, "items": {"enum": ["a", 1]}}),
    (t.Set(t.literal("a", b"x")), {"type": "array", "items": {"enum": ["a", "eA=="]}}),
    (t.Array(rest=t.Number(), contains=((t.Number(1), 0, 1),)), {"type": "array", "items": {"type": "number"}, "contains": {"type": "number", "minimum": 1}, "minContains": 0, "maxContains": 1}),
    (t.Array(rest=t.Null(), unique=True), {"type": "array", "items": {"type": "null"}, "uniqueItems": True}),
    (t.Array(rest=t.Anything(), unique=True), {"type": "array", "$comment": "the items differ"}),
    (t.Array(rest=t.Anything(), contains=((t.Uuid(), 0, 1),)), {"type": "array", "contains": {"type": "string", "format": "uuid", "pattern": UUID}, "minContains": 0, "$comment": "at most 1 items are such"}),
    (t.Not(t.String()), {"$comment": "some values are excluded that JSON Schema cannot tell"}),
    (t.Not(t.Array(rest=t.Boolean(), container="namedtuple", cls=tuple)), {"$comment": "some values are excluded that JSON Schema cannot tell"}),
    (t.DecimalNumber(), {"type": "string", "pattern": r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$"}),
    (t.Date(), {"type": "string", "format": "date"}),
    (t.DateTime(zone="naive"), {"type": "string", "format": "date-time-local"}),
    (t.Duration(), {"type": "string", "format": "duration"}),
    (t.Intersection((SMALL, t.Record(fields(b=t.Null()), min_length=1))), {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"type": "null"}}, "required": ["b"]},
        ]
    }),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "document"), WRITTEN, ids=[repr(row[0])[:80] for row in WRITTEN])
def test_the_document_of_what_is_written(tree: t.Schema, document: dict[str, Any]):
    found = emit(tree, "serialization")
    assert found == {"$schema": DIALECT, **document}
    jsonschema_rs.meta.validate(found)


def test_a_recursive_record_in_an_intersection_stays_open_when_written():
    body = t.Record(
        fields(
            next=t.union(t.Null(), t.Intersection((t.Ref("N"), t.Record(fields(b=t.Null()), min_length=1))))
        )
    )
    found = emit(t.definitions(t.Ref("N"), {"N": body}), "serialization")
    assert found["$defs"]["N"]["additionalProperties"] is False
    assert "additionalProperties" not in found["$defs"]["N_part"]


@pytest.mark.parametrize(
    "base",
    [
        t.Date(),
        t.Integer(),
        t.literal(1),
        t.literal(1.0),
        t.literal(2**60),
        t.EnumMember(Odd),
        t.Set(t.Number()),
    ],
    ids=repr,
)
def test_what_is_wider_is_not_negated(base: t.Schema):
    said = "some values are excluded that JSON Schema cannot tell"
    assert emit(t.Not(base), "validation") == {"$schema": DIALECT, "$comment": said}


def test_a_definition_that_is_found_to_be_wider_may_not_be_negated():
    body = t.Record(fields(when=t.Date(), not_me=t.Not(t.Ref("N")), next=t.union(t.Null(), t.Ref("N"))))
    found = emit(t.definitions(t.Ref("N"), {"N": body}), "validation")
    assert found["$defs"]["N"]["properties"]["not_me"] == {
        "$comment": "some values are excluded that JSON Schema cannot tell"
    }
    exact = t.Record(fields(not_me=t.Not(t.Ref("N")), next=t.union(t.Null(), t.Ref("N"))))
    found = emit(t.definitions(t.Ref("N"), {"N": exact}), "validation")
    assert found["$defs"]["N"]["properties"]["not_me"] == {"not": {"$ref": "#/$defs/N"}}


def test_titled_records_and_enums_get_definitions_of_their_own():
    one = t.Record(fields(a=t.Integer()), meta=t.Meta(title="Box[int]"))
    other = t.Record(fields(a=t.String()), meta=t.Meta(title="Box[int]"))
    colour = t.EnumMember(Colour, meta=t.Meta(title="Colour"))
    third = t.Record(fields(a=t.Null()), meta=t.Meta(title="Box[int]"))
    again = t.Record(fields(a=t.Integer()), meta=t.Meta(title="Box[int]"))
    found = emit(
        t.Record(fields(a=one, b=other, c=one, d=colour, e=again, f=third), meta=t.Meta(title="Root")),
        "validation",
    )
    assert found["title"] == "Root"
    assert [found["properties"][name]["$ref"] for name in "abcdef"] == [
        "#/$defs/Box_int", "#/$defs/Box_int_2", "#/$defs/Box_int", "#/$defs/Colour", "#/$defs/Box_int", "#/$defs/Box_int_3"
    ]  # fmt: skip
    assert list(found["$defs"]) == ["Box_int", "Box_int_2", "Box_int_3", "Colour"]
    assert emit(t.Record(fields(a=t.Record(meta=t.Meta(title="+")))), "validation")["$defs"].keys() == {
        "Type"
    }


def test_names_of_definitions_do_not_clash():
    inner = t.Record(fields(x=t.Null()), meta=t.Meta(title="N"))
    body = t.Record(fields(a=inner, n=t.union(t.Null(), t.Ref("N"), t.Ref("N N"))))
    tree = t.definitions(t.Ref("N"), {"N": body, "N N": t.Array(rest=t.Ref("N"))})
    found = emit(tree, "validation")
    assert set(found["$defs"]) == {"N", "N_2", "N_N"}
    assert read(found) == read(emit(read(found), "validation"))


def test_a_map_whose_keys_are_recursive():
    loop = t.definitions(
        t.Map(t.Ref("K")), {"K": t.union(t.String(1), t.Array(rest=t.Ref("K"), container="tuple"))}
    )
    found = emit(loop, "validation")
    assert found["propertyNames"]["anyOf"][0] == {"type": "string", "minLength": 1}
    jsonschema_rs.meta.validate(found)
    endless = t.Definitions(t.Map(t.Ref("K")), (("K", t.Union((t.Ref("K"), t.String(1)))),))
    assert emit(endless, "validation")["propertyNames"] == {"anyOf": [{}, {"type": "string", "minLength": 1}]}


def test_a_class_that_describes_itself_is_asked():
    class Inner(pydantic.BaseModel):
        when: datetime.date = pydantic.Field(default=datetime.date(2020, 1, 1))

    class Model(pydantic.BaseModel):
        inner: list[Inner]

    class Odd(pydantic.BaseModel):
        call: typing.Callable[[], int]

    class Inner_(TypedDict):  # noqa: N801
        x: int

    Inner_.__name__ = "Inner"

    class Whole(TypedDict):
        own: Inner_
        a: Model
        b: Model
        odd: Odd

    gtype = GType(Whole)
    found = gtype.json_schema()
    assert [found["properties"][name].get("$ref") for name in ("own", "a", "b", "odd")] == [
        "#/$defs/Inner", "#/$defs/Model", "#/$defs/Model", None
    ]  # fmt: skip
    assert found["$defs"]["Model"]["properties"]["inner"]["items"] == {"$ref": "#/$defs/Inner_2"}
    assert found["$defs"]["Inner_2"]["properties"]["when"]["format"] == "date"
    assert "required" not in found["$defs"]["Inner_2"]
    assert gtype.json_schema(mode="serialization")["$defs"]["Inner_2"].get("required") is None
    assert found["properties"]["odd"]["$comment"].endswith("Odd decides")
    jsonschema_rs.meta.validate(found)


class Looping(pydantic.BaseModel):
    me: Looping | None = None


def test_a_class_that_describes_itself_may_recur():
    found = GType(list[Looping]).json_schema()
    assert found["items"]["$ref"] == "#/$defs/Looping"
    assert jsonschema_rs.Draft202012Validator(found).is_valid([{"me": {"me": None}}])
    assert not jsonschema_rs.Draft202012Validator(found).is_valid([{"me": 1}])


def test_numbers_that_python_does_not_print_are_written():
    huge = 10**5000
    record = t.Record(
        fields(a=t.Integer(huge), b=t.literal(huge), c=t.Map(t.Integer(huge))), meta=t.Meta(title="Huge")
    )
    found = emit(t.Array(rest=record), "validation")["$defs"]["Huge"]["properties"]
    assert found["a"]["minimum"] == found["b"]["const"] == huge
    assert found["c"]["propertyNames"]["$comment"] == "as a number: minimum a very large number"
    far = t.DecimalNumber(decimal.Decimal("1E+999999"))
    assert emit(far, "validation")["anyOf"][0] == {"type": "number"}


def test_defaults_with_secrets_in_a_recursive_type_are_not_shown():
    body = t.Record(fields(key=t.Sensitive(t.String()), next=t.union(t.Null(), t.Ref("N"))))
    first = t.Field(name="first", schema=t.Ref("N"), default={"key": "secret", "next": None})
    found = emit(t.definitions(t.Record((first,)), {"N": body}), "validation")
    assert "secret" not in repr(found)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="not 'both'"):
        emit(t.Null(), "both")  # type: ignore[arg-type]


@dataclass
class Line:
    """One line."""

    sku: Annotated[str, "doc"]
    tags: list[str] = field(default_factory=list)
    note: str | None = None
    key: str = field(init=False, default="k")


class Order(TypedDict):
    id: int
    lines: list[Line]
    colour: NotRequired[Colour]


class Point(NamedTuple):
    x: int
    y: float


class Tree(TypedDict):
    value: int
    children: list[Tree]


def test_the_document_of_classes():
    assert GType(Order).json_schema() == {
        "$schema": DIALECT,
        "title": "Order",
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
            "colour": {"$ref": "#/$defs/Colour"},
        },
        "required": ["id", "lines"],
        "$defs": {
            "Colour": {"title": "Colour", "enum": [1, "g"]},
            "Line": {
                "title": "Line",
                "description": "One line.",
                "type": "object",
                "properties": {
                    "sku": {"type": "string"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
                },
                "required": ["sku"],
            },
        },
    }
    written = GType(Order).json_schema(mode="serialization")["$defs"]["Line"]
    assert written["required"] == ["sku", "tags", "note", "key"]
    assert written["additionalProperties"] is False


TYPES: list[Any] = [
    int, float, str, bool, None, bytes, decimal.Decimal, datetime.date, datetime.datetime, datetime.time, datetime.timedelta,
    list[int], tuple[int, str], tuple[int, ...], dict[str, int], dict[int, str], dict[Colour, int], set[int], frozenset[str],
    Colour, Odd, Order, Line, Point, Tree, Email, Sensitive[str], int | str | None,
]  # fmt: skip
TREES: list[t.Schema] = [
    t.Bytes(min_length=low, max_length=high)
    for low in range(5)
    for high in (None, low, low + 1, low + 2, low + 5)
]
TREES += [
    t.Uuid(version=4),
    t.Uuid(),
    t.Time(zone="aware"),
    t.DateTime(zone="any"),
    t.IpAddress("interface", 6),
    t.Regex(),
    t.FilePath("PurePosixPath"),
    t.String(format="url"),
    t.String(format="json"),
    t.DecimalNumber(decimal_places=2),
    t.Array(prefix=(t.Integer(),), rest=t.String(), suffix=(t.Null(),), container="tuple"),
    t.Array(rest=t.Number(), unique=True, contains=((t.Integer(), 1, 2),)),
    t.Record(
        fields(a=t.Integer()),
        extra="keep",
        rest=t.String(),
        patterns=(("^x", t.Null()),),
        keys=t.String(max_length=3),
    ),
    t.Record(fields(a=t.Integer()), extra="drop", patterns=(("^x", t.Null()),)),
    t.Intersection((SMALL, t.Record(fields(b=t.Null()), min_length=1))),
    t.Not(t.String()),
]
GTYPES = [*map(GType, TYPES), *map(GType.from_schema, TREES)]
SOME = settings(
    max_examples=settings().max_examples // 16,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("gtype", GTYPES, ids=repr)
def test_what_is_written_and_read_is_in_the_documents(gtype: GType[Any]):
    written = jsonschema_rs.Draft202012Validator(gtype.json_schema(mode="serialization"))
    accepted = jsonschema_rs.Draft202012Validator(gtype.json_schema())
    jsonschema_rs.meta.validate(gtype.json_schema())
    jsonschema_rs.meta.validate(gtype.json_schema(mode="serialization"))

    @SOME
    @given(values(gtype))
    def check(value: Any) -> None:
        if value is Odd.B:
            return  # it has no JSON form
        plain = json.loads(gtype.dump_json(value))
        assert written.is_valid(plain), plain
        for text in (plain, plain | {"unknown": 1} if isinstance(plain, dict) else [plain]):
            if accepts(gtype, text):
                assert accepted.is_valid(text), text

    check()


def accepts(gtype: GType[Any], value: Any) -> bool:
    try:
        gtype.validate_json(json.dumps(value))
    except ValueError:
        return False
    return True


TEXT = st.sampled_from(
    [
        "",
        "a",
        "YQ==",
        "YWI=",
        "YWJj",
        "YWJjZA==",
        "2020-01-01",
        "12:00",
        "1",
        "-1",
        "1e3",
        "null",
        "k",
        "1.5",
        "g",
    ]
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 3), st.sampled_from([0.5, -1.25]), TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["a", "b", "1", "x", "id", "sku", "lines", "value", "children"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=5,
)
# the types of which a document says everything, so that it refuses what they refuse
EXACT = [
    gtype
    for gtype in GTYPES
    if not any(
        isinstance(node, (t.Date, t.Time, t.DateTime, t.Duration, t.IpAddress, t.Regex, t.Not))
        or (isinstance(node, t.String) and node.format == "json")
        or (isinstance(node, t.Array) and node.suffix)
        or (isinstance(node, t.DecimalNumber) and node.decimal_places is not None)
        or (isinstance(node, t.EnumMember) and node.cls is Odd)
        for _, node in gtype.schema.walk()
    )
]


@pytest.mark.parametrize("gtype", GTYPES, ids=repr)
def test_the_document_accepts_what_the_type_accepts(gtype: GType[Any]):
    validator = jsonschema_rs.Draft202012Validator(gtype.json_schema())

    @SOME
    @given(JSON)
    def check(value: Any) -> None:
        if accepts(gtype, value):
            assert validator.is_valid(value)
        elif gtype in EXACT:
            assert not validator.is_valid(value)

    check()


# trees that a document says everything about, numbers in JSON's sense, unknown keys kept
def _json_trees() -> st.SearchStrategy[t.Schema]:
    sizes = st.tuples(st.integers(0, 2), st.one_of(st.none(), st.integers(2, 4)))
    leaves = st.one_of(
        st.sampled_from(
            [t.Null(), t.Boolean(), t.Number(), t.Number(multiple_of=1), t.String(), t.Anything()]
        ),
        st.builds(lambda low, high: t.Number(low, high), st.integers(-5, 0), st.integers(0, 5)),
        st.builds(
            lambda size, patterns: t.String(*size, tuple(patterns)), sizes, st.sampled_from([(), ("^a",)])
        ),
        st.sampled_from([t.String(format=name) for name in t.FORMATS if name != "json"]),
        st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=2).map(
            lambda found: t.literal(*found)
        ),
        st.sampled_from([t.literal(1, 1.0), t.literal(True), t.literal(0.5)]),
    )

    def extend(inner: st.SearchStrategy[t.Schema]) -> st.SearchStrategy[t.Schema]:
        field = st.builds(lambda node, required: (node, required), inner, st.booleans())
        return st.one_of(
            st.builds(lambda node, size: t.Array(rest=node, min_length=size[0], max_length=size[1]), inner, sizes),
            st.lists(inner, min_size=1, max_size=3).map(lambda nodes: t.Array(prefix=tuple(nodes))),
            st.builds(lambda node, unique: t.Array(rest=t.Anything(), contains=((node, 1, None),), unique=unique), inner, st.booleans()),
            st.builds(
                lambda found, extra: t.Record(
                    tuple(t.Field(name=key, schema=node, required=needed) for key, (node, needed) in found.items()), extra=extra
                ),
                st.dictionaries(st.sampled_from(["a", "b", "é/~"]), field, max_size=3),
                st.sampled_from(["keep", "forbid"]),
            ),
            st.builds(lambda node, keys: t.Record(extra="keep", rest=node, keys=keys), inner, st.sampled_from([None, t.String(1)])),
            st.lists(inner, min_size=2, max_size=3).map(lambda nodes: t.union(*nodes)),
            inner.map(lambda node: t.definitions(t.Ref("R"), {"R": t.Record((*fields(x=node), t.Field(name="next", schema=t.Ref("R"), required=False)), extra="keep")})),
        )  # fmt: skip

    return st.recursive(leaves, extend, max_leaves=5)


@given(_json_trees())
def test_tree_to_document_to_tree(tree: t.Schema):
    tree = GType.from_schema(tree).schema
    assert read(json.loads(json.dumps(emit(tree, "validation")))) == tree


def test_the_examples_in_the_documentation_run():
    assert doctest.testmod(_json_schema_emit).failed == 0
