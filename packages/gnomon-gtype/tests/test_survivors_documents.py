"""Small mistakes in the reading of JSON Schema, of JSON text and of definitions that no other test noticed: one test for each."""

from __future__ import annotations

import datetime
import json
from typing import Any, NotRequired, TypedDict

import pytest
from typing_extensions import TypedDict as ExtendedTypedDict

from gnomon_gtype import GType, Slug, UnsupportedSchema
from gnomon_gtype import schema as n
from gnomon_gtype._compile import core_schema_of
from gnomon_gtype._json import colons

read = GType.from_json_schema


def nested(value: Any, levels: int, *, key: str) -> Any:
    for _ in range(levels):
        value = {key: value}
    return value


def test_a_document_of_a_named_format_gives_the_format_back():
    assert read(GType(Slug).json_schema()).schema == GType(Slug).schema


@pytest.mark.parametrize("key", ["const", "enum"])
def test_constants_may_be_as_deep_as_schemas(key):
    values = [nested(1, levels, key="a") for levels in (48, 49)]
    deep, deeper = ({key: value if key == "const" else [value]} for value in values)
    assert read(deep).is_valid(values[0])
    with pytest.raises(UnsupportedSchema, match="deeper than 48 levels"):
        read(deeper)


def test_schemas_nested_too_deep_are_refused_by_the_last_keyword():
    with pytest.raises(UnsupportedSchema, match="deeper than 48 levels") as caught:
        read(nested(True, 49, key="not"))
    assert caught.value.keyword == "not"


def test_definitions_are_called_as_in_the_document():
    items = {"type": "array", "items": {"$ref": "#/$defs/a~1b"}}
    assert [
        name for name, _ in read({"$ref": "#/$defs/a~1b", "$defs": {"a/b": items}}).schema.definitions
    ] == ["a/b"]
    assert [name for name, _ in read({"items": {"$ref": "#"}}).schema.definitions] == ["Root"]


def test_a_title_stays_with_a_schema_that_is_spelled_out():
    document = {"title": "T", "oneOf": [{"type": "integer", "maximum": 1}, {"type": "string"}]}
    assert read(document).schema.meta.title == "T"
    inner = {"properties": {"a": {"allOf": [{"title": "T", "type": "string"}, {"type": ["string", "null"]}]}}}
    assert "title='T'" in repr(read(inner).schema)


APART: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"const": "a"}, {"type": "string", "minLength": 3}),
    ({"type": "number", "maximum": 1}, {"type": "number", "minimum": 2}),
    ({"type": "number", "maximum": 1}, {"type": "number", "exclusiveMinimum": 1}),
]
TOUCHING: list[tuple[dict[str, Any], dict[str, Any], Any]] = [
    ({"type": "number", "maximum": 1}, {"type": "number"}, 1),
    ({"type": "number", "maximum": 1}, {"type": "number", "minimum": 1}, 1),
    ({"required": ["a"], "properties": {"a": {"type": "integer"}}}, {"properties": {"a": True}}, {"a": 1}),
    ({"required": ["a"]}, {"patternProperties": {"a": {"type": "integer"}}}, {"a": 1}),
]


@pytest.mark.parametrize("turned", [False, True])
def test_members_that_no_value_shares_are_a_plain_union(turned):
    for pair in APART:
        one, other = reversed(pair) if turned else pair
        assert read({"oneOf": [one, other]}).schema == read({"anyOf": [one, other]}).schema


@pytest.mark.parametrize("turned", [False, True])
def test_a_value_that_two_members_share_is_refused(turned):
    for one, other, value in TOUCHING:
        closed = {**other, "type": "object", "additionalProperties": False} if "type" not in other else other
        opened = {"type": "object", **one} if "type" not in one else one
        both = [closed, opened] if turned else [opened, closed]
        assert read({"anyOf": both}).is_valid(value)
        assert not read({"oneOf": both}).is_valid(value)


def test_a_message_shows_sixty_characters():
    for length, shown in ((58, repr("x" * 58)), (59, "'" + "x" * 58 + "…")):
        with pytest.raises(UnsupportedSchema) as caught:
            read({"type": "x" * length})
        assert str(caught.value).endswith(f"not {shown}")


def test_a_reference_behind_the_end_of_an_array_leads_to_nothing():
    assert read({"$ref": "#/x/0", "x": [{"type": "null"}]}).is_valid(None)
    with pytest.raises(UnsupportedSchema, match="leads to nothing"):
        read({"$ref": "#/x/1", "x": [{}]})


class Flat(TypedDict):
    a: int
    b: NotRequired[str]


class Timed(TypedDict):
    at: datetime.datetime
    on: datetime.time
    day: datetime.date


class Nested(TypedDict):
    one: Flat
    some: list[Flat]
    maybe: NotRequired[Flat | None]


class Kept(ExtendedTypedDict, extra_items=int):
    a: int


TEXT = '{"at":"2026-01-02T03:04:05Z","on":"03:04Z","day":"2026-01-02"}'


@pytest.mark.parametrize(
    ("annotation", "texts"),
    [
        (Flat, ['{"a":1}', '{"a":1,"b":"x"}']),
        (Timed, [TEXT]),
        (list[Timed], [f"[{TEXT},{TEXT}]"]),
        (Nested, ['{"one":{"a":1},"some":[{"a":1},{"a":2,"b":"x"}],"maybe":{"a":1,"b":"x"}}']),
        (Nested, ['{"one":{"a":1},"some":[],"maybe":null}', '{"one":{"a":1},"some":[]}']),
        (Kept, ['{"a":1,"b":2}']),
        (Flat | list[int], ['{"a":1,"b":"x"}', "[1]"]),
        (Flat | dict[str, int], ['{"a":1,"b":"x"}', '{"b":1,"c":2}']),
        (list[Flat] | None, ['[{"a":1}]', "null"]),
        (Nested | int, ['{"one":{"a":1},"some":[{"a":1}]}', "1"]),
        (list[int | str], ["[1]"]),
        (dict[str, list[Flat]], ['{"x":[{"a":1}],"y":[]}']),
    ],
)
def test_the_colons_of_a_text_are_counted_to_the_last(annotation, texts):
    made = GType(annotation)
    count = colons(made.schema)
    for text in texts:
        value = made.validate_json(text)
        assert text.count(":") == (0 if count is None else count.of(value))
        assert count is None or count.least is None or count.least(value) <= count.of(value)
    assert (count is None) == (":" not in "".join(texts))


def test_where_a_default_fills_in_colons_are_not_counted():
    fields = (n.Field(name="a", schema=n.Integer()), n.Field(name="b", schema=n.Integer(), default=1))
    count = colons(n.Record(fields))
    assert count is not None
    assert count.of({"a": 1, "b": 1}) < 0


def test_what_is_no_float_is_no_number_when_it_is_converted():
    for node in (n.Number(), n.Number(maximum=1 << 60)):
        assert not GType.from_schema(node).is_valid("inf", "lax")
        assert GType.from_schema(node).validate("1.5", "lax") == 1.5


def test_whole_numbers_keep_limits_that_are_none():
    between = GType.from_schema(n.Number(minimum=1.5, maximum=2.5))
    assert [value for value in range(5) if between.is_valid(value)] == [2]


def test_a_tuple_of_parts_has_its_own_length_too():
    long = GType.from_schema(n.Array(container="tuple", prefix=(n.Integer(),), rest=n.String(), min_length=3))
    assert long.is_valid((1, "a", "b"))
    assert not long.is_valid((1, "a"))


@pytest.mark.parametrize("channel", ["python", "json"])
def test_maps_of_text_are_read_by_the_engine_alone(channel):
    for keys in (n.String(), n.Literal(("a", "b")), n.Anything()):
        assert core_schema_of(n.Map(keys, n.Integer()), channel=channel)["type"] == "dict"
    assert core_schema_of(n.Map(n.Integer(), n.Integer()), channel=channel)["type"] != "dict"


def test_definitions_that_stand_twice_stay_one():
    tree = n.definitions(n.Ref("A"), {"A": n.Array(rest=n.Ref("A"))})
    twice = n.definitions(n.Array(prefix=(tree, tree)), {})
    assert [name for name, _ in twice.definitions] == ["A"]
    assert json.dumps(GType.from_schema(twice).json_schema()).count('"#/$defs/A"') == 3
