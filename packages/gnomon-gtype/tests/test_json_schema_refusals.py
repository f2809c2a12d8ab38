"""What import refuses: every refusal names the keyword and where it stands, and hostile documents end in one too."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_gtype import GType, UnsupportedSchema
from gnomon_gtype._json_schema_import import read
from gnomon_gtype._json_schema_import_document import DEEPEST

REFUSED: list[tuple[Any, str, str, str]] = [
    # document, keyword, pointer, a part of the reason
    ([], "$schema", "", "an object or a boolean, not an array"),
    (None, "$schema", "", "not None"),
    ("{}", "$schema", "", "not '{}'"),
    ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema", "", "only https"),
    ({"$schema": 7}, "$schema", "", "not 7"),
    ({"items": {"$schema": "https://json-schema.org/draft/2019-09/schema"}}, "$schema", "/items", "2019-09"),
    # words of older drafts
    ({"additionalItems": False}, "additionalItems", "", "prefixItems"),
    ({"properties": {"a/b": {"dependencies": {}}}}, "dependencies", "/properties/a~1b", "dependentRequired"),
    ({"$recursiveRef": "#"}, "$recursiveRef", "", "$dynamicRef"),
    ({"$recursiveAnchor": True}, "$recursiveAnchor", "", "$dynamicAnchor"),
    ({"type": "string", "nullable": True}, "nullable", "", '"null"'),
    ({"items": [{}, {}]}, "items", "", "prefixItems"),
    # values of keywords of the wrong type
    ({"type": "any"}, "type", "", "not 'any'"),
    ({"type": []}, "type", "", "not an array"),
    ({"type": ["string", "string"]}, "type", "", "each once"),
    ({"type": [["string"]]}, "type", "", "array of some"),
    ({"type": {"type": "string"}}, "type", "", "not an object"),
    ({"enum": 1}, "enum", "", "not 1"),
    ({"enum": {"a": 1}}, "enum", "", "not an object"),
    ({"minimum": "1"}, "minimum", "", "not '1'"),
    ({"maximum": None}, "maximum", "", "not None"),
    ({"exclusiveMinimum": True}, "exclusiveMinimum", "", "not True"),
    ({"exclusiveMaximum": float("inf")}, "exclusiveMaximum", "", "finite number"),
    ({"minimum": float("nan")}, "minimum", "", "finite number"),
    ({"multipleOf": 0}, "multipleOf", "", "above 0"),
    ({"multipleOf": -1.5}, "multipleOf", "", "above 0"),
    ({"multipleOf": []}, "multipleOf", "", "not an array"),
    ({"type": "string", "multipleOf": 0}, "multipleOf", "", "above 0"),
    ({"minLength": -1}, "minLength", "", "whole number"),
    ({"maxLength": 1.5}, "maxLength", "", "whole number"),
    ({"minLength": True}, "minLength", "", "not True"),
    ({"maxLength": "1"}, "maxLength", "", "not '1'"),
    ({"maxLength": 1e400}, "maxLength", "", "whole number"),
    ({"pattern": 1}, "pattern", "", "text"),
    ({"minItems": -1.0}, "minItems", "", "whole number"),
    ({"maxItems": {}}, "maxItems", "", "not an object"),
    ({"uniqueItems": 1}, "uniqueItems", "", "true or false"),
    ({"contains": {}, "minContains": -1}, "minContains", "", "whole number"),
    ({"maxContains": "x"}, "maxContains", "", "whole number"),
    ({"items": None}, "items", "", "not None"),
    ({"contains": 1}, "contains", "", "not 1"),
    ({"prefixItems": {}}, "prefixItems", "", "array of one schema or more"),
    ({"prefixItems": []}, "prefixItems", "", "not []"),
    ({"prefixItems": [{}, 3]}, "prefixItems", "", "not 3"),
    ({"required": "a"}, "required", "", "array of keys"),
    ({"required": True}, "required", "", "array of keys"),
    ({"required": ["a", "a"]}, "required", "", "each once"),
    ({"required": [1]}, "required", "", "array of keys"),
    ({"required": ["\ud800"]}, "required", "", "array of keys"),
    ({"properties": []}, "properties", "", "object"),
    ({"properties": {"a": 1}}, "properties", "", "not 1"),
    ({"properties": {"\ud800": {}}}, "properties", "", "keys are text"),
    ({"properties": {1: {}}}, "properties", "", "keys are text"),
    ({"patternProperties": {"(": {}}}, "patternProperties", "", "unclosed group"),
    ({"additionalProperties": "no"}, "additionalProperties", "", "not 'no'"),
    ({"propertyNames": 1}, "propertyNames", "", "not 1"),
    ({"minProperties": None}, "minProperties", "", "not None"),
    ({"maxProperties": -3}, "maxProperties", "", "not -3"),
    ({"dependentRequired": []}, "dependentRequired", "", "not an array"),
    ({"dependentRequired": {"a": "b"}}, "dependentRequired", "", "array of keys"),
    ({"dependentRequired": {"a": ["b", "b"]}}, "dependentRequired", "", "each once"),
    ({"dependentRequired": {3: ["b"]}}, "dependentRequired", "", "array of keys"),
    ({"dependentSchemas": {"a": []}}, "dependentSchemas", "", "not an array"),
    ({"allOf": []}, "allOf", "", "not []"),
    ({"anyOf": {}}, "anyOf", "", "not an object"),
    ({"oneOf": [1]}, "oneOf", "", "not 1"),
    ({"not": "x"}, "not", "", "not 'x'"),
    ({"if": 0}, "if", "", "not 0"),
    ({"unevaluatedItems": []}, "unevaluatedItems", "", "not an array"),
    ({"unevaluatedProperties": 1}, "unevaluatedProperties", "", "not 1"),
    ({"title": 1}, "title", "", "text"),
    ({"description": []}, "description", "", "text"),
    ({"examples": {}}, "examples", "", "list"),
    ({"deprecated": 0}, "deprecated", "", "bool"),
    ({"$defs": []}, "$defs", "", "not an array"),
    ({"$defs": {"a": 1}}, "$defs", "", "not 1"),
    # values that are no JSON
    ({"const": (1, 2)}, "const", "", "no JSON value"),
    ({"const": {1: 2}}, "const", "", "no JSON value"),
    ({"const": float("nan")}, "const", "", "no JSON value"),
    ({"const": "\ud800"}, "const", "", "no JSON value"),
    ({"const": object()}, "const", "", "no JSON value"),
    ({"enum": [1, {"a": b"x"}]}, "enum", "", "no JSON value"),
    # patterns that the engine cannot match in linear time, or that are none
    ({"pattern": "(?=a)"}, "pattern", "", "looks around"),
    ({"pattern": "(?<!a)b"}, "pattern", "", "looks around"),
    ({"pattern": r"(a)\1"}, "pattern", "", "exact counterpart"),
    ({"pattern": r"\a"}, "pattern", "", "exact counterpart"),
    ({"pattern": r"\Z"}, "pattern", "", "exact counterpart"),
    ({"pattern": "(?i)a"}, "pattern", "", "sets flags"),
    ({"pattern": "*"}, "pattern", "", "nothing to repeat"),
    ({"items": {"pattern": "("}}, "pattern", "/items", "unclosed group"),
    ({"pattern": "(a{1000}){1000}"}, "pattern", "", "size limit"),
    ({"pattern": "a" * 30_000}, "pattern", "", "longer than"),
    ({"pattern": "\ud800"}, "pattern", "", "lone surrogate"),
    ({"propertyNames": {"pattern": "(?!x)"}}, "pattern", "/propertyNames", "looks around"),
    # references
    ({"$ref": 1}, "$ref", "", "URI reference"),
    ({"$ref": "\ud800"}, "$ref", "", "URI reference"),
    ({"$ref": "#/$defs/x"}, "$ref", "", "leads to nothing"),
    ({"$ref": "#x"}, "$ref", "", "leads to nothing"),
    ({"$ref": "#/$defs/a~2", "$defs": {"a~2": {}}}, "$ref", "", "leads to nothing"),
    ({"$ref": "#/%ff"}, "$ref", "", "leads to nothing"),
    ({"$ref": "#/items/0", "items": {}}, "$ref", "", "leads to nothing"),
    ({"$ref": "#/x/01", "x": [{}, {}]}, "$ref", "", "leads to nothing"),
    ({"$ref": "#/x/9", "x": [{}]}, "$ref", "", "leads to nothing"),
    ({"$ref": "#/x", "x": 3}, "$ref", "", "no schema"),
    ({"$ref": "#/const/a", "const": {"a": {}}}, "$ref", "", "value of const"),
    ({"items": {"$ref": "#/items/enum/0", "enum": [{}]}}, "$ref", "/items", "value of enum"),
    ({"$ref": "#/x/y", "x": {"y": {"$id": "http://example.com"}}}, "$id", "/x/y", "no schema"),
    ({"$ref": "#/x", "x": {"$anchor": "a"}}, "$anchor", "/x", "no schema"),
    ({"$ref": "#/x", "x": {"items": []}}, "items", "/x", "not an array"),
    ({"$ref": "http://example.com/schema.json"}, "$ref", "", "nothing is ever fetched"),
    ({"$ref": "other.json#/a"}, "$ref", "", "nothing is ever fetched"),
    ({"$ref": "file:///etc/passwd"}, "$ref", "", "nothing is ever fetched"),
    ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "$ref", "", "nothing is ever fetched"),
    ({"$id": "http://a/", "$ref": "http://[::1"}, "$ref", "", "no URI"),
    ({"$ref": "http://[#a"}, "$ref", "", "no URI"),
    ({"$dynamicRef": "#nowhere"}, "$dynamicRef", "", "leads to nothing"),
    ({"$dynamicRef": "http://example.com/#a"}, "$dynamicRef", "", "nothing is ever fetched"),
    (
        {
            "$dynamicRef": "#a",
            "$defs": {
                "x": {"$dynamicAnchor": "a"},
                "y": {"$id": "http://example.com/", "$dynamicAnchor": "a"},
            },
        },
        "$dynamicRef",
        "",
        "two schemas",
    ),
    ({"$anchor": "1a"}, "$anchor", "", "a name of letters"),
    ({"$anchor": 1}, "$anchor", "", "a name of letters"),
    ({"$dynamicAnchor": "#a"}, "$dynamicAnchor", "", "a name of letters"),
    ({"$anchor": "a", "items": {"$anchor": "a"}}, "$anchor", "/items", "two schemas"),
    ({"$id": "#a"}, "$id", "", "without a fragment"),
    ({"$id": 1}, "$id", "", "URI reference"),
    ({"$id": "http://[#"}, "$id", "", "no URI"),
    ({"$id": "http://example.com/a", "items": {"$id": "a"}}, "$id", "/items", "two schemas"),
    # definitions that are only themselves
    ({"$ref": "#"}, "$ref", "", "defined as itself"),
    ({"allOf": [{"$ref": "#"}]}, "$ref", "", "defined as itself"),
    (
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        "$ref",
        "/$defs/",
        "defined as itself",
    ),
    ({"items": {"not": {"$ref": "#/items"}}}, "$ref", "/items", "defined as itself"),
    ({"oneOf": [{"$ref": "#"}, {"type": "string"}]}, "$ref", "", "defined as itself"),
    ({"if": {"$ref": "#"}, "then": False}, "$ref", "", "defined as itself"),
    ({"dependentSchemas": {"a": {"$ref": "#"}}}, "$ref", "", "defined as itself"),
    ({"allOf": [{"$ref": "#"}], "unevaluatedProperties": False}, "$ref", "", "itself in place"),
    # what depends on too many combinations
    (
        {"anyOf": [{"properties": {f"p{i}": {}}} for i in range(7)], "unevaluatedProperties": False},
        "anyOf",
        "",
        "combinations",
    ),
    (
        {"allOf": [{"if": {"properties": {f"p{i}": {}}}} for i in range(7)], "unevaluatedProperties": False},
        "allOf",
        "",
        "combinations",
    ),
    ({"oneOf": [{"minLength": i} for i in range(301)]}, "oneOf", "", "300"),
]


@pytest.mark.parametrize(("document", "keyword", "pointer", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_says_what_where_and_why(document: Any, keyword: str, pointer: str, reason: str):
    with pytest.raises(UnsupportedSchema) as caught:
        GType.from_json_schema(document)
    assert caught.value.keyword == keyword
    assert (
        caught.value.pointer.startswith(pointer) if pointer.endswith("/") else caught.value.pointer == pointer
    )
    assert reason in caught.value.reason
    assert repr(keyword) in str(caught.value)
    assert len(str(caught.value)) < 700


def nested(keyword: str, depth: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(depth):
        document = {
            keyword: [document]
            if keyword.endswith("Of")
            else {"a": document}
            if keyword == "properties"
            else document
        }
    return document


@pytest.mark.parametrize(
    "keyword", ["not", "items", "properties", "allOf", "anyOf", "oneOf", "if", "$defs", "contentSchema"]
)
def test_deep_nesting_is_refused(keyword: str):
    document = nested(keyword, 100_000 if keyword == "items" else 5_000)
    try:
        with pytest.raises(UnsupportedSchema, match="nested deeper"):
            read(document)
    finally:
        while document:  # Python would take its own recursion to let go of it
            inner = document.pop(keyword)
            document = inner[0] if isinstance(inner, list) else inner["a"] if "a" in inner else inner


@pytest.mark.parametrize("keyword", ["const", "enum"])
def test_values_may_be_as_deep_as_documents(keyword: str):
    value: list[object] = []
    for _ in range(DEEPEST):
        value = [value]
    accepted = read({keyword: value if keyword == "const" else [value]})
    assert GType.from_schema(accepted).is_valid(value)
    with pytest.raises(UnsupportedSchema, match="nested deeper"):
        read({keyword: [value] if keyword == "const" else [[value]]})


@pytest.mark.parametrize(
    "keyword", ["not", "items", "properties", "allOf", "anyOf", "contains", "dependentSchemas"]
)
def test_nesting_up_to_the_limit_is_read(keyword: str):
    document = nested(keyword, 48) if keyword != "dependentSchemas" else nested("properties", 48)
    gtype = GType.from_json_schema(document)
    gtype.is_valid({"a": [1]})
    assert gtype == GType.from_json_schema(json.loads(json.dumps(document)))


def test_a_document_that_contains_itself_is_refused():
    one: dict[str, Any] = {}
    one.update(items=one, contains=one, properties={"a": one})
    with pytest.raises(UnsupportedSchema, match="nested deeper"):
        read(one)
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(UnsupportedSchema, match="nested deeper"):
        read({"const": deep})


def test_a_document_that_shares_parts_may_not_explode():
    part: dict[str, Any] = {}
    for _ in range(40):
        part = {"items": part, "contains": part}
    with pytest.raises(UnsupportedSchema, match="more than 50000 schemas"):
        read(part)


def test_references_may_not_explode():
    defs = {
        f"d{i}": {"items": {"$ref": f"#/$defs/d{i + 1}"}, "contains": {"$ref": f"#/$defs/d{i + 1}"}}
        for i in range(40)
    }
    document = {"$ref": "#/$defs/d0", "$defs": {**defs, "d40": {}}}
    started = time.perf_counter()
    with pytest.raises(UnsupportedSchema, match="50000 nodes") as caught:
        read(document)
    assert caught.value.keyword == "$ref"
    assert caught.value.pointer.startswith("/$defs/d")
    assert time.perf_counter() - started < 30


def test_a_long_chain_of_references_is_refused_or_read():
    def chain(length: int) -> dict[str, Any]:
        defs: dict[str, Any] = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(length)}
        return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{length}": {"type": "null"}}}

    assert GType.from_json_schema(chain(90)).is_valid(None)
    with pytest.raises(UnsupportedSchema, match="lead to each other"):
        read(chain(5_000))
    defs: dict[str, Any] = {
        f"d{i}": {"type": "array", "items": {"$ref": f"#/$defs/d{i + 1}"}} for i in range(149)
    }
    with pytest.raises(UnsupportedSchema, match="150 levels"):
        read({"items": {"items": {"$ref": "#/$defs/d0"}}, "$defs": {**defs, "d149": {"type": "null"}}})


def test_what_would_take_too_much_recursion_is_refused():
    defs: dict[str, Any] = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(5_000)}
    with pytest.raises(UnsupportedSchema, match="too deeply"):
        read(
            {
                "allOf": [{"$ref": "#/$defs/d0"}, {"type": "string"}],
                "$defs": {**defs, "d5000": {"type": "null"}},
            }
        )


def test_too_many_definitions_that_recur_are_refused():
    defs = {f"d{i}": {"items": {"$ref": f"#/$defs/d{(i + 1) % 400}"}} for i in range(400)}
    with pytest.raises(UnsupportedSchema, match="refer to each other"):
        read({"$ref": "#/$defs/d0", "$defs": defs})


def test_huge_numbers_are_numbers():
    huge = 10**5000
    gtype = GType.from_json_schema({"minimum": -huge, "maximum": huge, "multipleOf": 5})
    assert gtype.is_valid(huge)
    assert not gtype.is_valid(huge + 5)
    with pytest.raises(UnsupportedSchema, match="a very large number"):
        read({"maxLength": -huge})
    with pytest.raises(UnsupportedSchema):
        read(json.loads('{"minimum": 1e999}'))
    assert GType.from_json_schema({"maxLength": huge}).is_valid("a")


def test_no_network_is_touched(monkeypatch: pytest.MonkeyPatch):
    def fail(*args: object, **kwargs: object) -> Any:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "socket", fail)
    monkeypatch.setattr(urllib.request, "urlopen", fail)
    with pytest.raises(UnsupportedSchema):
        read(
            {
                "$id": "http://example.com/root",
                "$ref": "sibling.json",
                "$schema": "https://json-schema.org/draft/2020-12/schema",
            }
        )


def test_a_definition_that_nothing_refers_to_may_say_what_it_wants():
    assert read({"type": "null", "$defs": {"odd": {"pattern": "(?=x)", "required": "a"}}}) == read(
        {"type": "null"}
    )


JUNK = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.binary(max_size=2)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
WORDS = st.sampled_from(
    "type const enum minimum multipleOf maxLength pattern items prefixItems contains minContains uniqueItems properties"
    " patternProperties additionalProperties propertyNames required dependentRequired dependentSchemas allOf anyOf oneOf not if"
    " then else unevaluatedItems unevaluatedProperties $ref $dynamicRef $id $anchor $dynamicAnchor $defs $schema title examples"
    " deprecated".split()
)
BROKEN = st.recursive(
    JUNK,
    lambda inner: st.one_of(
        st.dictionaries(WORDS, inner, max_size=4),
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "#", "#a", "#/$defs/a"]), inner, max_size=2),
        st.just({"$ref": "#"}),
    ),
    max_leaves=8,
)


@given(st.dictionaries(WORDS, BROKEN, max_size=6))
def test_anything_is_either_read_or_refused(document: Any):
    try:
        gtype = GType.from_json_schema(document)
    except UnsupportedSchema as error:
        assert error.keyword
        assert error.pointer == "" or error.pointer.startswith("/")
        return
    gtype.is_valid([document])
