"""The keywords of JSON Schema that speak about one kind of value: numbers, strings, arrays, objects, and constants."""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeGuard

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._errors import UnsupportedSchema
from gnomon_gtype._formats import FORMATS, Format
from gnomon_gtype._json_schema_import_document import DEEPEST, Place, is_text, shown
from gnomon_gtype._json_schema_numbers import spellings
from gnomon_gtype._json_schema_pattern_tokens import UntranslatablePattern
from gnomon_gtype._json_schema_patterns import ecma_to_engine, engine_to_ecma
from gnomon_gtype._patterns import found_in
from gnomon_gtype._schema import Schema

Child = Callable[..., Schema]
"""`child(keyword, *tokens)` is the node of the schema below a keyword."""

OBJECT = c.Record(extra="keep")
ARRAY = c.Array(rest=s.Anything())
BARE: dict[str, Schema] = {
    "null": s.Null(),
    "boolean": s.Boolean(),
    "number": s.Number(),
    "string": s.String(),
    "array": ARRAY,
    "object": OBJECT,
}
"""Every value of each kind, as imported types hold them: objects keep every key."""

KEYWORDS: dict[str, frozenset[str]] = {
    "null": frozenset(),
    "boolean": frozenset(),
    "number": frozenset(["multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"]),
    "string": frozenset(["maxLength", "minLength", "pattern"]),
    "array": frozenset(
        [
            "prefixItems",
            "items",
            "contains",
            "minContains",
            "maxContains",
            "maxItems",
            "minItems",
            "uniqueItems",
        ]
    ),
    "object": frozenset(
        [
            "properties",
            "patternProperties",
            "additionalProperties",
            "propertyNames",
            "maxProperties",
            "minProperties",
            "required",
        ]
    ),
}


def read_kinds(place: Place, body: dict[str, Any], child: Child) -> Schema:
    """What `type` and the keywords of single kinds say together."""
    kinds = _types(place, body)
    readers = {"number": _number, "integer": _number, "string": _string, "array": _array, "object": _object}
    if "type" not in body and not any(keyword in body for words in KEYWORDS.values() for keyword in words):
        return s.Anything()
    if "integer" in kinds and "number" in kinds:
        kinds.remove("integer")
    spoken_of = [kind for kind, words in KEYWORDS.items() if not words.isdisjoint(body)]
    # a keyword about another kind does nothing, but must still be well-formed
    nodes = {
        kind: readers[kind](place, body, child)
        for kind in dict.fromkeys((*kinds, *spoken_of))
        if kind in readers
    }
    return c.union(*(nodes.get(kind, BARE.get(kind, s.Nothing())) for kind in kinds))


def _types(place: Place, body: dict[str, Any]) -> list[str]:
    if "type" not in body:
        return list(BARE)
    value = body["type"]
    kinds = [value] if isinstance(value, str) else value
    known = (*BARE, "integer")
    good = (
        isinstance(kinds, list) and kinds and all(isinstance(kind, str) and kind in known for kind in kinds)
    )
    if not good or len(set(kinds)) != len(kinds):
        reason = (
            f"it is one of {', '.join(sorted(known))}, or an array of some, each once; not {shown(value)}"
        )
        raise UnsupportedSchema("type", place.pointer, reason)
    return list(kinds)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value of a document is a finite JSON number."""
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _number(place: Place, body: dict[str, Any], _child: Child) -> Schema:
    for keyword in sorted(KEYWORDS["number"] & body.keys()):
        if not is_number(body[keyword]):
            raise UnsupportedSchema(
                keyword, place.pointer, f"it is a finite number, not {shown(body[keyword])}"
            )
    low, above = _limit(body, "minimum", "exclusiveMinimum", max)
    high, below = _limit(body, "maximum", "exclusiveMaximum", min)
    step = body.get("multipleOf")
    if step is not None and step <= 0:
        raise UnsupportedSchema("multipleOf", place.pointer, f"it is above 0, not {shown(step)}")
    kinds = body.get("type", "number")
    if "integer" in kinds and "number" not in kinds:
        # the whole numbers among the multiples of p/q in lowest terms are the multiples of p
        step = 1 if step is None else decimal.Decimal(repr(step)).as_integer_ratio()[0]
    return s.Number(low, high, above, below, step)


def _limit(body: dict[str, Any], inclusive: str, exclusive: str, stronger: Any) -> tuple[Any, bool]:
    """The stronger of two limits, and whether it is itself left out."""
    given = [body[keyword] for keyword in (inclusive, exclusive) if keyword in body]
    if not given:
        return None, False
    limit = stronger(given)
    return limit, exclusive in body and body[exclusive] == limit


def size_of(place: Place, body: dict[str, Any], keyword: str) -> int | None:
    """The whole number, 0 or more, that a keyword gives; `None` without the keyword."""
    if keyword not in body:
        return None
    value = body[keyword]
    if not is_number(value) or value < 0 or value != int(value):
        raise UnsupportedSchema(
            keyword, place.pointer, f"it is a whole number, 0 or more, not {shown(value)}"
        )
    return min(int(value), s.LONGEST)  # nothing is longer, so the meaning is the same


def _string(place: Place, body: dict[str, Any], _child: Child) -> Schema:
    pattern = read_pattern(place, "pattern", body["pattern"]) if "pattern" in body else None
    shortest, longest = size_of(place, body, "minLength") or 0, size_of(place, body, "maxLength")
    known = _formats().get(pattern or "")
    if known is None or not (
        known.max_length is None or (longest is not None and longest <= known.max_length)
    ):
        return s.String(shortest, longest, () if pattern is None else (pattern,))
    # exactly one of our own formats: the same meaning, with a better message
    return s.String(shortest, None if longest == known.max_length else longest, (), known.name)


@lru_cache(maxsize=1)
def _formats() -> dict[str, Format]:
    """The formats that a pattern and a longest length define, by the pattern as it looks after it was written to a document."""
    found = {}
    for item in FORMATS.values():
        written = engine_to_ecma(item.pattern)
        if item.pattern and item.check is None and not item.min_length and written is not None:
            found[ecma_to_engine(written)] = item
    return found


def read_pattern(place: Place, keyword: str, pattern: object) -> str:
    """An ECMA-262 pattern of the document in the engine's dialect."""
    if not isinstance(pattern, str):
        raise UnsupportedSchema(keyword, place.pointer, f"a pattern is text, not {shown(pattern)}")
    try:
        return ecma_to_engine(pattern)
    except UntranslatablePattern as error:
        raise UnsupportedSchema(keyword, place.pointer, f"{shown(pattern)}: {error}") from None


def _array(place: Place, body: dict[str, Any], child: Child) -> Schema:
    prefix = tuple(child("prefixItems", index) for index in range(len(body.get("prefixItems", ()))))
    rest = child("items") if "items" in body else s.Anything()
    shortest, longest = size_of(place, body, "minItems") or 0, size_of(place, body, "maxItems")
    if longest is not None and longest <= len(prefix):
        prefix, rest = prefix[:longest], s.Nothing()  # the others have no place
    unique = body.get("uniqueItems", False)
    if type(unique) is not bool:
        raise UnsupportedSchema("uniqueItems", place.pointer, f"it is true or false, not {shown(unique)}")
    fewest, most = size_of(place, body, "minContains"), size_of(place, body, "maxContains")
    contains: tuple[tuple[Schema, int, int | None], ...] = ()
    if "contains" in body and (fewest != 0 or most is not None):
        contains = ((child("contains"), 1 if fewest is None else fewest, most),)
    return c.Array(
        prefix=prefix,
        rest=None if isinstance(rest, s.Nothing) else rest,
        required=min(shortest, len(prefix)),
        min_length=shortest,
        max_length=longest,
        unique=unique,
        contains=contains,
    )


def _object(place: Place, body: dict[str, Any], child: Child) -> Schema:
    patterns = tuple(
        (read_pattern(place, "patternProperties", pattern), child("patternProperties", pattern))
        for pattern in body.get("patternProperties", ())
    )
    rest = child("additionalProperties") if "additionalProperties" in body else s.Anything()
    required = read_names(place, "required", body.get("required", []))
    known = body.get("properties", {})
    fields = [
        c.Field(
            name=name,
            schema=child("properties", name),
            required=name in required,
            read_only=isinstance(known[name], dict) and known[name].get("readOnly") is True,
        )
        for name in known
    ]
    for name in required:
        if name not in known:  # then it is not among `properties`, and additionalProperties speaks of it too
            matched = any(found_in(pattern, name) for pattern, _ in patterns)
            fields.append(c.Field(name=name, schema=s.Anything() if matched else rest))
    closed = isinstance(rest, s.Nothing)
    return c.Record(
        tuple(fields),
        extra="forbid" if closed else "keep",
        rest=None if closed else rest,
        patterns=patterns,
        keys=child("propertyNames") if "propertyNames" in body else None,
        min_length=size_of(place, body, "minProperties") or 0,
        max_length=size_of(place, body, "maxProperties"),
    )


def read_names(place: Place, keyword: str, value: object) -> list[str]:
    """An array of keys, each there once."""
    if not isinstance(value, list) or not all(map(is_text, value)) or len(set(value)) != len(value):
        raise UnsupportedSchema(
            keyword, place.pointer, f"it is an array of keys, each once, not {shown(value)}"
        )
    return value


def read_constants(place: Place, body: dict[str, Any]) -> list[Schema]:
    """What `const` and `enum` allow, one node for each keyword that is there."""
    found = []
    if "const" in body:
        found.append(constant(place, "const", body["const"], 0))
    if "enum" in body:
        values = body["enum"]
        if not isinstance(values, list):
            raise UnsupportedSchema("enum", place.pointer, f"it is an array of values, not {shown(values)}")
        found.append(c.union(*(constant(place, "enum", value, 0) for value in values)))
    return found


def constant(place: Place, keyword: str, value: object, depth: int) -> Schema:
    """The values that are equal to `value` as JSON values: `1` and `1.0` are, `1` and `true` are not."""
    if depth > DEEPEST:
        raise UnsupportedSchema(keyword, place.pointer, f"the value is nested deeper than {DEEPEST} levels")
    if value is None:
        return s.Null()
    if type(value) is bool:
        return s.Literal((value,))
    if is_text(value):
        return s.Literal((str(value),))
    if is_number(value):
        return s.Literal(spellings(value))
    if isinstance(value, list):
        return c.Array(prefix=tuple(constant(place, keyword, item, depth + 1) for item in value))
    if isinstance(value, dict) and all(map(is_text, value)):
        fields = (
            c.Field(name=key, schema=constant(place, keyword, item, depth + 1)) for key, item in value.items()
        )
        return c.Record(tuple(fields), extra="forbid")
    raise UnsupportedSchema(keyword, place.pointer, f"{shown(value)} is no JSON value")
