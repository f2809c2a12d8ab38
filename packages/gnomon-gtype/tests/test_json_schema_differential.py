"""Imported types and emitted documents against two independent implementations of JSON Schema, value by value from JSON."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import jsonschema_rs
from hypothesis import given, note, settings
from hypothesis import strategies as st

from gnomon_gtype import GType, UnsupportedSchema
from gnomon_gtype._checks import json_equal
from gnomon_gtype._interpret import REFUSED, interpret
from gnomon_gtype._json_schema_emit import emit
from gnomon_gtype._json_schema_import import read

NAMES = st.sampled_from(["a", "b", "ab", "b2", ""])
TEXTS = st.one_of(NAMES, st.sampled_from(["abc", "é", "😀", "12", "a1"]))
# whole halves: the oracle in Python divides binary fractions, and these it divides exactly
NUMBERS = st.one_of(
    st.integers(-6, 6),
    st.integers(-12, 12).map(lambda n: n / 2),
    st.sampled_from([-0.0, 2**53, 1e300, 10**30]),
)
# every pattern means the same to ECMA-262, Python's re and the engine on the texts above
PATTERNS = st.sampled_from(
    ["^a", "b$", "^[a-b]+$", "[0-9]", "a|b", "^.?$", "^(?:ab|b2)?$", "\\d", "^\\w\\W?$"]
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=6,
)
SIZES = st.integers(0, 3)


def _number_keywords() -> st.SearchStrategy[dict[str, Any]]:
    limit = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, -1.5, 2.0]))
    return st.fixed_dictionaries(
        {},
        optional={
            "minimum": limit,
            "maximum": limit,
            "exclusiveMinimum": limit,
            "exclusiveMaximum": limit,
            "multipleOf": st.sampled_from([1, 2, 3, 0.5, 1.5, 2.0]),
        },
    )


def _object_keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.lists(NAMES, max_size=2, unique=True)
    return st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
            "additionalProperties": inner,
            "propertyNames": inner,
            "required": names,
            "minProperties": SIZES,
            "maxProperties": SIZES,
            "dependentRequired": st.dictionaries(NAMES, names, max_size=2),
            "dependentSchemas": st.dictionaries(NAMES, inner, max_size=2),
        },
    )


def _array_keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "items": inner,
            "contains": inner,
            "minContains": SIZES,
            "maxContains": SIZES,
            "minItems": SIZES,
            "maxItems": SIZES,
            "uniqueItems": st.booleans(),
        },
    )


def _applicators(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
            "unevaluatedProperties": inner,
            "unevaluatedItems": inner,
        },
    )


_TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
_STRINGS = st.fixed_dictionaries({}, optional={"minLength": SIZES, "maxLength": SIZES, "pattern": PATTERNS})
_COMMON = st.one_of(
    st.just({}),
    st.just({}),
    st.fixed_dictionaries({"type": st.one_of(_TYPES, st.lists(_TYPES, min_size=1, max_size=3, unique=True))}),
    st.fixed_dictionaries({"const": VALUES}),
    st.fixed_dictionaries({"enum": st.lists(VALUES, max_size=3)}),
)


def _extend(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keywords = st.one_of(_number_keywords(), _STRINGS, _object_keywords(inner), _array_keywords(inner))
    return st.builds(
        lambda *parts: {k: v for part in parts for k, v in part.items()},
        _COMMON,
        keywords,
        _applicators(inner),
    )


REFERENCES = st.sampled_from([{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}, {"$ref": "#anchor"}])
SIMPLE = st.one_of(st.booleans(), _COMMON, REFERENCES, _number_keywords(), _STRINGS)
SCHEMAS = st.recursive(SIMPLE, _extend, max_leaves=6)


@st.composite
def documents(draw: st.DrawFn) -> Any:
    document = draw(SCHEMAS)
    if isinstance(document, bool):
        return document
    # consumed by a step down, so that no reference leads to itself in place
    consuming = st.sampled_from(["properties", "items", "contains"])

    def around() -> dict[str, Any]:
        keyword, inner = draw(consuming), draw(SCHEMAS)
        return {keyword: {"a": inner} if keyword == "properties" else inner}

    return {**document, "$defs": {"x": around(), "y": {**around(), "$anchor": "anchor"}}}


def accepts(schema: Any, value: Any) -> bool:
    return interpret(schema, value, channel="json")[0] is not REFUSED


@settings(max_examples=settings().max_examples // 2)
@given(documents(), st.lists(VALUES, min_size=1, max_size=8))
def test_imported_types_decide_as_the_standard_says(document: Any, values: list[Any]):
    try:
        tree = read(document)
    except UnsupportedSchema as error:
        assert error.keyword == "$ref" or "combinations" in error.reason
        return
    note(repr(tree))
    gtype = GType.from_schema(tree)
    engine = jsonschema_rs.Draft202012Validator(document)
    plain = jsonschema.Draft202012Validator(document)
    again = jsonschema_rs.Draft202012Validator(emit(tree, "validation"))
    unevaluated = "unevaluated" in json.dumps(document)
    for value in values:
        text = json.dumps(value)
        expected = engine.is_valid(value)
        if not unevaluated:
            assert plain.is_valid(value) == expected
        assert accepts(tree, json.loads(text)) == expected, text
        assert accepts_json(gtype, text) == expected, text
        assert again.is_valid(value) == expected, text


def accepts_json(gtype: GType[Any], text: str) -> bool:
    try:
        found = gtype.validate_json(text)
    except ValueError:
        return False
    assert json_equal(found, json.loads(text))  # nothing is changed
    return True


@settings(max_examples=settings().max_examples // 2)
@given(documents())
def test_import_emission_and_import_again_is_one_type(document: Any):
    try:
        tree = read(document)
    except UnsupportedSchema:
        return
    assert read(emit(tree, "validation")) == tree
    assert read(json.loads(json.dumps(emit(tree, "validation")))) == tree
