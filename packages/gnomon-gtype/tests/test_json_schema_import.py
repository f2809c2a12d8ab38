"""Import of JSON Schema: each keyword as JSON Schema 2020-12 says, with the cases that implementations get wrong.

Every row is also tried against two independent implementations, so that the rows themselves are right, and against the document
that the imported type gives back.
"""

from __future__ import annotations

import doctest
import json
from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from gnomon_gtype import GType, _json_schema_import
from gnomon_gtype import schema as t
from gnomon_gtype._json_schema_emit import emit
from gnomon_gtype._json_schema_import import read

REF = "http://example.com/"

ROWS: list[tuple[Any, list[str], list[str]]] = [
    (True, ["null", "1", "{}"], []),
    (False, [], ["null", "1", "{}"]),
    ({}, ["null", "[1]"], []),
    # type
    (
        {"type": "integer"},
        ["1", "1.0", "-0.0", "1e2", "12345678901234567890"],
        ["1.5", '"1"', "true", "null", "[]"],
    ),
    ({"type": "number"}, ["1", "1.5", "1e-7"], ['"1"', "true", "{}"]),
    ({"type": "string"}, ['""', '"é"'], ["1", "null", "[]"]),
    ({"type": "object"}, ["{}", '{"__proto__": 1}'], ["[]", "null", '"{}"']),
    ({"type": "array"}, ["[]", "[1, null]"], ["{}", "null"]),
    ({"type": "boolean"}, ["true", "false"], ["0", "1", '"true"', "null"]),
    ({"type": "null"}, ["null"], ["0", "false", '""']),
    ({"type": ["integer", "string"]}, ["1", '"a"', "1.0"], ["1.5", "null"]),
    ({"type": ["integer", "number"]}, ["1", "1.5"], ["null"]),
    ({"type": ["array"]}, ["[]"], ["{}"]),
    # const, enum
    ({"const": 1}, ["1", "1.0", "1e0"], ["true", "2", '"1"']),
    ({"const": 0}, ["0", "0.0", "-0.0"], ["false", "[]", '""', "null"]),
    ({"const": 1.0}, ["1", "1.0"], ["true"]),
    ({"const": 2**53 + 1}, ["9007199254740993"], ["9007199254740992", "9007199254740992.0"]),
    ({"const": 10**400}, ["1" + "0" * 400], ["1", "1" + "0" * 399]),
    ({"const": True}, ["true"], ["1", "1.0", "false"]),
    ({"const": False}, ["false"], ["0", "0.0", "null"]),
    ({"const": None}, ["null"], ["0", "false", "{}"]),
    ({"const": [True]}, ["[true]"], ["[1]", "[true, true]", "[]"]),
    ({"const": [False]}, ["[false]"], ["[0]", "[0.0]"]),
    (
        {"const": {"a": 1, "b": [2]}},
        ['{"b": [2.0], "a": 1.0}'],
        ['{"a": 1}', '{"a": 1, "b": [2], "c": 0}', "[]"],
    ),
    ({"const": {}}, ["{}"], ['{"a": 1}', "[]"]),
    ({"const": []}, ["[]"], ["[1]", "{}", "null"]),
    ({"const": 0.5}, ["0.5", "5e-1"], ["1", '"0.5"']),
    ({"const": "hello\0there"}, ['"hello\\u0000there"'], ['"hellothere"']),
    ({"const": {"__proto__": 1}}, ['{"__proto__": 1}'], ["{}"]),
    ({"enum": [1, "a", None, [], True]}, ["1.0", '"a"', "null", "[]", "true"], ["2", '"b"', "false", "{}"]),
    (
        {"enum": [6, "foo", [], True, {"foo": 12}]},
        ['{"foo": 12}', '{"foo": 12.0}'],
        ['{"foo": false}', '{"foo": 12, "b": 1}'],
    ),
    ({"enum": []}, [], ["1", "null"]),
    ({"enum": [1, 1.0]}, ["1"], ["true"]),
    # numbers
    ({"minimum": 1.1}, ["1.1", "2", '"x"', "null"], ["0.6", "1"]),
    ({"minimum": -2}, ["-2", "-2.0"], ["-3", "-2.0001"]),
    ({"maximum": 3.0}, ["3", "2.6"], ["3.5", "4"]),
    ({"exclusiveMinimum": 1.1}, ["1.2"], ["1.1", "0.6"]),
    ({"exclusiveMaximum": 3}, ["2.2"], ["3", "3.0", "3.5"]),
    ({"minimum": 1, "exclusiveMinimum": 1}, ["2"], ["1"]),
    ({"minimum": 2, "exclusiveMinimum": 1}, ["2"], ["1.5"]),
    ({"maximum": 1, "exclusiveMaximum": 2}, ["1"], ["1.5"]),
    ({"minimum": 2**53 + 1}, ["9007199254740993"], ["9007199254740992"]),
    ({"multipleOf": 2}, ["10", "10.0", "0", '"x"', "-4"], ["7", "10.5"]),
    ({"multipleOf": 1.5}, ["0", "4.5"], ["35", "0.5"]),
    ({"type": "integer", "multipleOf": 1.5}, ["3", "6.0"], ["1.5", "2", "4.5"]),
    ({"type": "integer", "multipleOf": 0.123456789}, ["123456789"], ["1"]),
    ({"type": "integer", "minimum": 0, "maximum": 3}, ["0", "3.0"], ["-1", "4", "0.5"]),
    # strings
    ({"minLength": 2}, ['"fo"', "1", '"😀😀"'], ['"f"', '"😀"']),
    ({"maxLength": 2}, ['"fo"', '"😀😀"', "100"], ['"foo"']),
    ({"minLength": 2.0, "maxLength": 3.0}, ['"ab"'], ['"a"', '"abcd"']),
    ({"pattern": "^a*$"}, ['"aaa"', '""', "1", "null"], ['"abc"']),
    ({"pattern": "a+"}, ['"xxaayy"'], ['"x"']),
    ({"pattern": r"^\S(?:|(?:.|\n)*\S)$", "type": "string"}, ['"ab cd"'], ['" ab"', '""']),
    ({"type": "string", "minLength": 3, "maxLength": 2}, [], ['"ab"', '"abc"', "1"]),
    # arrays
    ({"items": {"type": "integer"}}, ["[1, 2]", "[]", "{}", '"x"'], ['[1, "x"]']),
    ({"items": False}, ["[]"], ["[1]"]),
    (
        {"prefixItems": [{"type": "integer"}, {"type": "string"}]},
        ["[1]", '[1, "a"]', "[]", '[1, "a", null]'],
        ['["a"]', "[1, 2]"],
    ),
    ({"prefixItems": [{}, {}], "items": False}, ["[1, 2]", "[1]", "[]"], ["[1, 2, 3]"]),
    ({"prefixItems": [{}], "items": {"type": "integer"}}, ['["x", 2]', '["x"]'], ['["x", "y"]']),
    ({"minItems": 1}, ["[1]", "1"], ["[]"]),
    ({"maxItems": 2.0}, ["[1, 2]", "{}"], ["[1, 2, 3]"]),
    (
        {"uniqueItems": True},
        ["[1, 2]", "[1, true]", "[0, false]", '[{"a": 1}, {"a": true}]', "[[1], [true]]", '["a", "A"]'],
        [
            "[1, 1.0]",
            "[0, -0.0]",
            '[{"a": 1, "b": 2}, {"b": 2, "a": 1.0}]',
            "[[1], [1]]",
            "[null, null]",
            "[true, true]",
        ],
    ),
    ({"uniqueItems": False}, ["[1, 1]"], []),
    (
        {"uniqueItems": True, "prefixItems": [{"type": "boolean"}, {"type": "boolean"}], "items": False},
        ["[true, false]"],
        ["[true, true]", "[true, false, null]"],
    ),
    ({"contains": {"minimum": 5}}, ["[3, 5]", "{}", '["x"]'], ["[]", "[2, 3]"]),
    ({"contains": {"const": 5}, "maxContains": 1}, ["[5, 4]"], ["[5, 5]", "[]", "[4]"]),
    ({"contains": {"const": 5}, "minContains": 2}, ["[5, 5.0]"], ["[5]", "[]"]),
    ({"contains": {"const": 5}, "minContains": 0}, ["[]", "[4]", "[5, 5]"], []),
    ({"contains": {"const": 5}, "minContains": 0, "maxContains": 1}, ["[]", "[5]"], ["[5, 5]"]),
    ({"contains": {"const": 5}, "minContains": 2, "maxContains": 1}, ["null"], ["[5]", "[5, 5]", "[]"]),
    ({"contains": False}, ["null"], ["[]", "[1]"]),
    ({"contains": {"if": False, "else": True}}, ['["foo"]'], ["[]"]),
    ({"minContains": 2, "maxContains": 1}, ["[]", "[1]"], []),
    # objects
    (
        {"properties": {"foo": {"type": "integer"}, "bar": {"type": "string"}}},
        ['{"foo": 1, "bar": "x"}', "{}", "[]", '{"q": []}'],
        ['{"foo": 1, "bar": {}}'],
    ),
    (
        {"properties": {"__proto__": {"type": "number"}, "constructor": {"type": "number"}}},
        ["{}", '{"__proto__": 1}'],
        ['{"__proto__": "x"}', '{"constructor": {"length": 3}}'],
    ),
    (
        {"properties": {"foo": True, "bar": False}},
        ['{"foo": 1}', "{}"],
        ['{"bar": 1}', '{"foo": 1, "bar": 2}'],
    ),
    (
        {"properties": {"a\nb": {"type": "number"}, 'x"y': {"type": "number"}}},
        ['{"a\\nb": 1}'],
        ['{"a\\nb": "1"}', '{"x\\"y": "1"}'],
    ),
    ({"required": ["foo"]}, ['{"foo": null}', "[]", '"x"', "12"], ["{}", '{"Foo": 1}']),
    (
        {"required": ["__proto__", "toString"]},
        ['{"__proto__": 1, "toString": 2}', "[]"],
        ["{}", '{"toString": 1}'],
    ),
    ({"required": ["x"], "additionalProperties": {"type": "string"}}, ['{"x": "a"}'], ['{"x": 1}', "{}"]),
    ({"required": ["x"], "additionalProperties": False}, ["null"], ["{}", '{"x": 1}']),
    (
        {"required": ["x1"], "patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False},
        ['{"x1": 1}'],
        ["{}", '{"x1": "a"}'],
    ),
    (
        {"patternProperties": {"f.*o": {"type": "integer"}}},
        ['{"foo": 1, "foooooo": 2}', '{"bar": "x"}', "[]"],
        ['{"foo": "x"}', '{"afoo": "x"}'],
    ),
    (
        {"patternProperties": {"[0-9]{2,}": {"type": "boolean"}, "X_": {"type": "string"}}},
        ['{"answer 1": "42"}', '{"a31b": null}'.replace("null", "true")],
        ['{"a31b": null}', '{"a_X_3": 3}'],
    ),
    (
        {"patternProperties": {"f.*": True, "b.*": False}},
        ['{"foo": 1}', "{}"],
        ['{"bar": 2}', '{"foobar": 1}'],
    ),
    (
        {
            "properties": {"foo": {}, "bar": {}},
            "patternProperties": {"^v": {}},
            "additionalProperties": False,
        },
        ['{"foo": 1}', '{"vroom": 2}', "[]"],
        ['{"foo": 1, "quux": 2}'],
    ),
    (
        {
            "properties": {"foo": {"maxItems": 3}},
            "patternProperties": {"f.o": {"minItems": 2}},
            "additionalProperties": {"type": "integer"},
        },
        ['{"foo": [1, 2], "x": 3}', '{"fxo": [1, 2]}'],
        ['{"foo": []}', '{"foo": [1, 2, 3, 4]}', '{"fxo": []}', '{"x": "y"}'],
    ),
    ({"additionalProperties": {"type": "boolean"}}, ['{"a": true}', "{}"], ['{"a": 1}']),
    ({"propertyNames": {"maxLength": 3}}, ['{"f": {}, "foo": 1}', "[]", "12"], ['{"foobar": {}}']),
    ({"propertyNames": {"type": "integer"}}, ["{}"], ['{"1": 1}']),
    ({"propertyNames": False}, ["{}"], ['{"a": 1}']),
    ({"propertyNames": {"enum": ["a", 1]}}, ['{"a": 1}'], ['{"1": 1}']),
    ({"minProperties": 1}, ['{"a": 1}', "[]"], ["{}"]),
    ({"maxProperties": 2.0}, ['{"a": 1}'], ['{"a": 1, "b": 2, "c": 3}']),
    ({"maxProperties": 0}, ["{}"], ['{"a": 1}']),
    (
        {"dependentRequired": {"bar": ["foo"]}},
        ["{}", '{"foo": 1}', '{"foo": 1, "bar": 2}', '["bar"]', '"bar"'],
        ['{"bar": 2}'],
    ),
    ({"dependentRequired": {"bar": []}}, ['{"bar": 2}', "1"], []),
    (
        {"dependentRequired": {"q": ["foo", "bar"]}},
        ['{"foo": 1, "bar": 2, "q": 3}'],
        ['{"foo": 1, "q": 2}', '{"q": 1}'],
    ),
    (
        {"dependentSchemas": {"bar": {"properties": {"foo": {"type": "integer"}}}}},
        ['{"foo": 1, "bar": 2}', '{"foo": "x"}', '["bar"]'],
        ['{"foo": "x", "bar": 2}'],
    ),
    (
        {"dependentSchemas": {"foo": True, "bar": False}},
        ['{"foo": 1}', "{}"],
        ['{"bar": 2}', '{"foo": 1, "bar": 2}'],
    ),
    # applicators
    (
        {"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]},
        ['{"a": 1}'],
        ["{}", '{"a": "x"}'],
    ),
    ({"allOf": [{"minimum": 30}, {"maximum": 20}]}, ['"x"'], ["25"]),
    ({"allOf": [True, False]}, [], ["1"]),
    ({"allOf": [{"type": "string"}, {"type": "number"}]}, [], ["1", '"x"']),
    ({"anyOf": [{"type": "integer"}, {"minimum": 2}]}, ["1", "2.5", "3", '"x"'], ["1.5"]),
    ({"type": "string", "anyOf": [{"maxLength": 2}, {"minLength": 4}]}, ['"ab"', '"abcd"'], ['"abc"', "3"]),
    ({"anyOf": [False, False]}, [], ["1"]),
    ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, ["1", "2.5"], ["3", "1.5"]),
    ({"oneOf": [True, True, True]}, [], ["1"]),
    ({"oneOf": [True, False, False]}, ["1"], []),
    ({"oneOf": [{"multipleOf": 2}]}, ["2"], ["3"]),
    (
        {"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}, {"multipleOf": 5}]},
        ["2", "3", "5", "4"],
        ["6", "10", "15", "30", "1", '"x"'],
    ),
    ({"oneOf": [{"type": "string"}, {"type": "string"}, {"type": "integer"}]}, ["1"], ['"x"']),
    (
        {"oneOf": [{"required": ["foo"]}, {"required": ["bar"]}]},
        ['{"foo": 1}', '{"bar": 1}'],
        ['{"foo": 1, "bar": 2}', "{}", "1"],
    ),
    ({"oneOf": [{"const": "a"}, {"enum": ["a", "b"]}, {"const": 1}]}, ['"b"', "1.0"], ['"a"', "true"]),
    (
        {"oneOf": [{"type": "number", "maximum": 1}, {"type": "number", "exclusiveMinimum": 1}]},
        ["1", "2"],
        ['"x"'],
    ),
    (
        {"oneOf": [{"type": "number", "maximum": 1}, {"type": "number", "minimum": 1}]},
        ["0", "2"],
        ["1", "1.0"],
    ),
    ({"oneOf": [{"type": "number", "minimum": 3}, {"type": "number", "maximum": 1}]}, ["0", "3"], ["2"]),
    ({"oneOf": [{"const": "ab"}, {"type": "string", "maxLength": 1}]}, ['"ab"', '"a"'], ['"abc"']),
    (
        {
            "oneOf": [
                {"type": "object", "required": ["a"]},
                {"type": "object", "properties": {"b": {}}, "additionalProperties": False},
            ]
        },
        ['{"a": 1}', '{"b": 1}'],
        ["[]", '{"c": 1}'],
    ),
    (
        {"oneOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "array", "minItems": 3}]},
        ["[]", "[[], []]", "[1, 2, 3]"],
        ["[[], [], []]", "[1]", "1"],
    ),
    ({"not": {"type": "integer"}}, ['"foo"', "1.1", "true"], ["1", "1.0"]),
    ({"not": {"type": ["integer", "boolean"]}}, ['"foo"'], ["1", "true"]),
    ({"not": {}}, [], ["1", "null"]),
    ({"not": False}, ["1", "null"], []),
    ({"not": {"not": {"type": "integer"}}}, ["1"], ['"x"']),
    ({"properties": {"foo": {"not": {}}}}, ['{"bar": 1}'], ['{"foo": 1}']),
    (
        {"type": "string", "not": {"anyOf": [{"minLength": 3}, {"type": "integer"}]}},
        ['"ab"'],
        ['"abc"', "1", "null"],
    ),
    ({"if": {"exclusiveMaximum": 0}, "then": {"minimum": -10}}, ["-1", "3", '"x"'], ["-100"]),
    ({"if": {"exclusiveMaximum": 0}, "else": {"multipleOf": 2}}, ["-1", "4"], ["3"]),
    (
        {"if": {"exclusiveMaximum": 0}, "then": {"minimum": -10}, "else": {"multipleOf": 2}},
        ["-1", "4"],
        ["-100", "3"],
    ),
    ({"if": {"const": 0}}, ["0", '"x"'], []),
    ({"then": False, "else": False}, ["0"], []),
    ({"if": True, "then": {"const": 1}}, ["1"], ["2"]),
    ({"if": False, "then": False, "else": {"const": 1}}, ["1"], ["2"]),
    # annotations and unknown keywords change nothing
    (
        {
            "title": "T",
            "description": "d",
            "examples": [1],
            "deprecated": True,
            "default": [],
            "$comment": "c",
            "readOnly": True,
            "writeOnly": True,
            "x-mine": {"type": "nonsense"},
            "format": "email",
            "contentMediaType": "application/json",
            "contentEncoding": "base64",
            "contentSchema": {"type": "integer"},
            "$vocabulary": {},
        },
        ["1", '"x"', "{}"],
        [],
    ),
    ({"type": "string", "format": "date"}, ['"no date"'], ["1"]),
    ({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "null"}, ["null"], ["1"]),
    # references
    ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}, ["1"], ['"x"']),
    ({"$ref": "#/$defs/a", "maximum": 3, "$defs": {"a": {"minimum": 1}}}, ["2"], ["0", "4"]),
    (
        {"properties": {"foo": {"$ref": "#"}}, "additionalProperties": False},
        ['{"foo": {"foo": false}}', "1"],
        ['{"bar": 1}', '{"foo": {"bar": false}}'],
    ),
    ({"$ref": "#/$defs/t~1i~0l%25d%22e", "$defs": {'t/i~l%d"e': {"type": "integer"}}}, ["1"], ['"x"']),
    ({"$ref": "#/prefixItems/1", "prefixItems": [{}, {"type": "array"}]}, ["[1, []]"], ["1", "[1, 2]"]),
    ({"$ref": "#foo", "$defs": {"A": {"$anchor": "foo", "type": "integer"}}}, ["1"], ['"x"']),
    ({"$dynamicRef": "#foo", "$defs": {"A": {"$dynamicAnchor": "foo", "type": "integer"}}}, ["1"], ['"x"']),
    (
        {
            "$dynamicAnchor": "node",
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$dynamicRef": "#node"}}},
        },
        ['{"kids": [{"kids": []}]}'],
        ['{"kids": [1]}'],
    ),
    ({"$ref": "#/definitions/a", "definitions": {"a": {"type": "integer"}}}, ["1"], ['"x"']),
    (
        {
            "$ref": "#/components/schemas/a",
            "components": {
                "schemas": {"a": {"items": {"$ref": "#/components/schemas/b"}}, "b": {"type": "integer"}}
            },
        },
        ["[1]"],
        ['["x"]'],
    ),
    ({"$ref": "#/x-list/1", "x-list": [0, {"type": "integer"}]}, ["1"], ['"x"']),
    ({"$ref": "#/$defs/yes", "$defs": {"yes": True}}, ["1"], []),
    ({"$ref": "#/$defs/no", "$defs": {"no": False}}, [], ["1"]),
    ({"$defs": {"": {"$defs": {"": {"type": "number"}}}}, "$ref": "#/$defs//$defs/"}, ["1"], ['"x"']),
    (
        {
            "$id": REF + "root",
            "$defs": {"A": {"$id": "sub/", "$defs": {"B": {"$id": "b.json", "type": "integer"}}}},
            "items": {"$ref": "sub/b.json"},
        },
        ["[1]"],
        ['["x"]'],
    ),
    (
        {"$id": REF + "root", "$ref": REF + "int#", "$defs": {"i": {"$id": "/int", "type": "integer"}}},
        ["1"],
        ['"x"'],
    ),
    (
        {
            "$id": REF + "a",
            "$defs": {"i": {"$id": "b", "$anchor": "x", "type": "integer", "items": {"$ref": "#x"}}},
            "$anchor": "x",
            "$ref": "b#x",
        },
        ["1"],
        ['"x"'],
    ),
    (
        {
            "$id": "urn:uuid:deadbeef-1234-0000-0000-4321feebdaed",
            "$ref": "#/$defs/a",
            "$defs": {"a": {"type": "integer"}},
        },
        ["1"],
        ['"x"'],
    ),
    (
        {
            "$id": "urn:example:a",
            "$ref": "urn:example:a#here",
            "$defs": {"a": {"$anchor": "here", "type": "integer"}},
        },
        ["1"],
        ['"x"'],
    ),
    ({"const": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "integer"}}}, ['{"$ref": "#/$defs/a"}'], ["1"]),
    ({"properties": {"$ref": {"type": "string"}}}, ['{"$ref": "a"}'], ['{"$ref": 2}']),
    (
        {"enum": [{"$id": "x", "type": "null"}], "$defs": {"x": {"$id": "x"}}},
        ['{"$id": "x", "type": "null"}'],
        ["null"],
    ),
    (
        {
            "$defs": {
                "n": {
                    "type": "object",
                    "properties": {
                        "l": {"$ref": "#/$defs/n"},
                        "r": {"$ref": "#/$defs/n"},
                        "v": {"type": "integer"},
                    },
                    "additionalProperties": False,
                }
            },
            "items": {"$ref": "#/$defs/n"},
        },
        ['[{"l": {"v": 1}, "r": {}}]'],
        ['[{"l": {"v": "x"}}]', "[1]"],
    ),
    (
        {
            "$defs": {
                "a": {"items": {"$ref": "#/$defs/b"}, "type": "array"},
                "b": {"properties": {"a": {"$ref": "#/$defs/a"}}, "type": "object"},
            },
            "$ref": "#/$defs/a",
        },
        ['[{"a": [{}]}]'],
        ['[{"a": [1]}]', "{}"],
    ),
    (
        {
            "items": {"$ref": "#/$defs/a"},
            "$defs": {
                "a": {"items": {"$ref": "#/$defs/c"}, "contains": {"$ref": "#/$defs/b"}},
                "b": {"items": {"$ref": "#/$defs/c"}},
                "c": {"type": "integer"},
            },
        },
        ["[1]"],
        ['[["x"]]', "[[]]"],
    ),
    (
        {
            "oneOf": [
                {
                    "allOf": [
                        {"type": "array", "minItems": 1},
                        {"type": "array", "items": {"type": "integer"}},
                    ]
                },
                {"type": "array", "uniqueItems": True},
            ]
        },
        ["[1, 1]", "[]", '["x"]'],
        ["[1]", '["x", "x"]'],
    ),
    (
        {
            "oneOf": [
                {"type": "object", "required": ["a", "b"]},
                {"type": "object", "properties": {"b": {"const": 1}}},
            ]
        },
        ['{"a": 1, "b": 2}', '{"a": 1}'],
        ['{"a": 1, "b": 1}', '{"b": 2}'],
    ),
    # unevaluated
    (
        {
            "allOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/x"}],
            "unevaluatedProperties": False,
            "$defs": {"x": {"properties": {"a": {}}}},
        },
        ['{"a": 1}'],
        ['{"b": 1}'],
    ),
    ({"unevaluatedProperties": False}, ["{}", "1"], ['{"a": 1}']),
    ({"unevaluatedProperties": {"type": "string"}}, ['{"a": "x"}'], ['{"a": 1}']),
    ({"unevaluatedProperties": True}, ['{"a": 1}'], []),
    (
        {"properties": {"a": {}}, "patternProperties": {"^b": {}}, "unevaluatedProperties": False},
        ['{"a": 1, "b1": 2}'],
        ['{"c": 1}'],
    ),
    ({"additionalProperties": True, "unevaluatedProperties": False}, ['{"c": 1}'], []),
    (
        {"allOf": [{"properties": {"a": {}}}], "properties": {"b": {}}, "unevaluatedProperties": False},
        ['{"a": 1, "b": 2}'],
        ['{"c": 1}'],
    ),
    (
        {
            "$ref": "#/$defs/x",
            "properties": {"b": {}},
            "unevaluatedProperties": False,
            "$defs": {"x": {"properties": {"a": {"type": "string"}}}},
        },
        ['{"a": "x", "b": 2}'],
        ['{"a": 1}', '{"c": 1}'],
    ),
    (
        {
            "anyOf": [
                {"properties": {"b": {"const": 1}}, "required": ["b"]},
                {"properties": {"c": {"const": 2}}, "required": ["c"]},
                {"required": ["d"]},
            ],
            "properties": {"a": {}, "d": {}},
            "unevaluatedProperties": False,
        },
        ['{"b": 1}', '{"a": 0, "c": 2}', '{"b": 1, "c": 2}', '{"d": 1}'],
        ['{"b": 1, "c": 3}', '{"a": 1}', '{"b": 1, "x": 1}', '{"d": 1, "c": 3}'],
    ),
    (
        {
            "oneOf": [
                {"properties": {"b": {"const": 1}}, "required": ["b"]},
                {"properties": {"c": {"const": 2}}, "required": ["c"]},
            ],
            "unevaluatedProperties": False,
        },
        ['{"b": 1}', '{"c": 2}'],
        ['{"b": 1, "c": 3}', "{}", '{"b": 1, "c": 2}'],
    ),
    ({"not": {"not": {"properties": {"b": {}}}}, "unevaluatedProperties": False}, ["{}"], ['{"b": 1}']),
    (
        {
            "if": {"properties": {"a": {"const": 1}}, "required": ["a"]},
            "then": {"properties": {"b": {}}},
            "else": {"properties": {"c": {}}},
            "unevaluatedProperties": False,
        },
        ['{"a": 1, "b": 2}', '{"c": 2}'],
        ['{"a": 1, "c": 2}', '{"b": 1}', '{"a": 2, "c": 1}'],
    ),
    (
        {"if": {"properties": {"a": {"const": 1}}, "required": ["a"]}, "unevaluatedProperties": False},
        ['{"a": 1}', "{}"],
        ['{"a": 2}', '{"b": 1}'],
    ),
    (
        {"if": {"required": ["a"]}, "then": {"properties": {"a": {}}}, "unevaluatedProperties": False},
        ['{"a": 1}', "{}"],
        ['{"a": 1, "b": 1}', '{"b": 1}'],
    ),
    (
        {
            "dependentSchemas": {"a": {"properties": {"b": {"const": 1}}, "required": ["b"]}},
            "properties": {"a": {}},
            "unevaluatedProperties": False,
        },
        ['{"a": 1, "b": 1}', "{}"],
        ['{"b": 1}', '{"a": 1}'],
    ),
    ({"allOf": [{"unevaluatedProperties": True}], "unevaluatedProperties": False}, ['{"a": 1}'], []),
    (
        {
            "allOf": [True, {"properties": {"a": {}}, "unevaluatedProperties": False}],
            "unevaluatedProperties": False,
        },
        ['{"a": 1}'],
        ['{"b": 1}'],
    ),
    (
        {
            "type": "object",
            "properties": {
                "next": {"$ref": "#", "properties": {"extra": {}}, "unevaluatedProperties": False}
            },
        },
        ['{"next": {"extra": 1}}', '{"next": {"next": {}}}'],
        ['{"next": {"x": 1}}', '{"next": {"next": {"x": 1}}}'],
    ),
    ({"unevaluatedItems": False}, ["[]", "{}"], ["[1]"]),
    ({"unevaluatedItems": {"type": "string"}}, ['["a"]'], ["[1]"]),
    ({"prefixItems": [{}], "unevaluatedItems": False}, ["[1]", "[]"], ["[1, 2]"]),
    ({"items": {}, "unevaluatedItems": False}, ["[1, 2]"], []),
    (
        {
            "prefixItems": [{"type": "string"}],
            "allOf": [{"prefixItems": [True, {"type": "number"}]}],
            "unevaluatedItems": False,
        },
        ['["a", 4]'],
        ['["a", 4, true]'],
    ),
    ({"contains": {"type": "string"}, "unevaluatedItems": False}, ['["a"]'], ['["a", 1]', "[1]"]),
    (
        {
            "allOf": [{"contains": {"multipleOf": 2}}, {"contains": {"multipleOf": 3}}],
            "unevaluatedItems": {"multipleOf": 5},
        },
        ["[2, 3, 4, 5, 6]"],
        ["[2, 3, 7]"],
    ),
    (
        {
            "anyOf": [{"prefixItems": [{}, {"const": 1}]}, {"prefixItems": [{}, {}, {"const": 2}]}],
            "unevaluatedItems": False,
        },
        ["[0, 1]", "[0, 1, 2]", "[0]"],
        ["[0, 1, 3]", "[0, 1, 2, 3]"],
    ),
    (
        {
            "anyOf": [{"allOf": [{"unevaluatedItems": True}]}],
            "unevaluatedItems": False,
            "unevaluatedProperties": False,
        },
        ["[1]"],
        ['{"a": 1}'],
    ),
]


def checkers(document: Any) -> list[Any]:
    tree = read(document)
    gtype = GType.from_schema(tree)
    emitted = emit(tree, "validation")

    def by_gtype(text: str) -> bool:
        try:
            gtype.validate_json(text)
        except ValueError:
            return False
        return True

    return [
        by_gtype,
        lambda text: gtype.is_valid(json.loads(text)),
        lambda text: jsonschema_rs.Draft202012Validator(document).is_valid(json.loads(text)),
        lambda text: jsonschema_rs.Draft202012Validator(emitted).is_valid(json.loads(text)),
        lambda text: jsonschema.Draft202012Validator(document).is_valid(json.loads(text)),
    ]


@pytest.mark.parametrize(
    ("document", "valid", "invalid"), ROWS, ids=[json.dumps(row[0])[:80] for row in ROWS]
)
def test_keywords_mean_what_the_standard_says(document: Any, valid: list[str], invalid: list[str]):
    for index, check in enumerate(checkers(document)):
        for text in valid:
            assert check(text), (index, text)
        for text in invalid:
            assert not check(text), (index, text)


def test_trees_have_the_shape_that_one_would_write():
    assert read({"type": "string", "minLength": 1}) == t.String(min_length=1)
    assert read({"type": "integer", "minimum": 0}) == t.Number(minimum=0, multiple_of=1)
    assert read({"type": "string", "anyOf": [{"minLength": 3}, {"maxLength": 1}]}) == t.union(
        t.String(3), t.String(0, 1)
    )
    assert read({"oneOf": [{"type": "integer"}, {"type": "string"}]}) == t.union(
        t.Number(multiple_of=1), t.String()
    )
    assert read({"not": {}}) == t.Nothing()
    one = {"type": "object", "required": ["k"], "properties": {"k": {"const": "a"}}}
    other = {"type": "object", "required": ["k"], "properties": {"k": {"const": "b"}}}
    tree = read({"oneOf": [{"$ref": "#/$defs/one"}, other], "$defs": {"one": one}})
    assert isinstance(tree, t.Union)
    assert tree.discriminator == "k"


def test_annotations_become_meta():
    tree = read(
        {
            "type": "object",
            "title": "T",
            "description": "D",
            "examples": [{}],
            "deprecated": True,
            "properties": {"id": {"type": "string", "readOnly": True}},
        }
    )
    assert isinstance(tree, t.Record)
    assert tree.meta == t.Meta(title="T", description="D", examples=({},), deprecated=True)
    assert tree.fields[0].read_only


def test_annotations_beside_a_reference_stay_with_it():
    tree = read(
        {
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"$ref": "#/$defs/x", "title": "A"}},
            "$defs": {"x": {"type": "null"}},
        }
    )
    assert isinstance(tree, t.Record)
    assert tree.fields[0].schema.meta == t.Meta(title="A")
    assert read(
        {"$defs": {"n": {"items": {"$ref": "#/$defs/n", "title": "Inner"}}}, "$ref": "#/$defs/n"}
    ).digest


def test_equal_documents_give_equal_fingerprints():
    one = {
        "properties": {"a": {"$ref": "#/$defs/x"}, "b": {}},
        "$defs": {"x": {"items": {"$ref": "#/$defs/x"}}},
    }
    other = {
        "$defs": {"y": {"items": {"$ref": "#/$defs/y"}}},
        "properties": {"b": True, "a": {"$ref": "#/$defs/y"}},
        "title": "T",
    }
    assert GType.from_json_schema(one) == GType.from_json_schema(other)


def test_the_examples_in_the_documentation_run():
    assert doctest.testmod(_json_schema_import).failed == 0
