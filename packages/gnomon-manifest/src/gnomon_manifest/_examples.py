"""Small values that a JSON Schema accepts, for documents: made by a few plain rules, and proved before they are shown."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from gnomon_gtype import GType

from ._components import Mode, mapping, sequence
from ._manifest import Manifest

__all__ = ["NOTHING", "Examples"]

NOTHING: Final = object()

_DEPTH: Final = 12
_ITEMS: Final = 8
_LENGTH: Final = 200
_WORDS: Final = (
    "string",
    "2026-01-01T12:00:00Z",
    "2026-01-01T12:00:00",
    "2026-01-01",
    "12:00:00",
    "PT1M",
    "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
    "someone@example.org",
    "https://example.org/",
    "example.org",
    "192.0.2.1",
    "2001:db8::1",
    "192.0.2.0/24",
    "2001:db8::/32",
    "/",
    "c3RyaW5n",
    "1",
    "1.5",
    "12345",
    "a",
    "A",
    "ABC",
    "abc-123",
    "ABC-123",
    "",
)
_FORMATS: Final = {
    "date-time": "2026-01-01T12:00:00Z",
    "date": "2026-01-01",
    "time": "12:00:00Z",
    "duration": "PT1M",
    "uuid": "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


def _is_name(kind: Any) -> bool:
    """Whether something can be the type in a schema, which may be any JSON."""
    return kind is None or isinstance(kind, str)


class Examples:
    """Examples for the types of a manifest, each made once.

    Args:
        manifest: where the types are. Its schemas may come from anybody: sizes and depth are bounded, and what can not
            be proved has no example.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.of = cache(self._of)

    def _of(self, digest: str, mode: Mode) -> Any:
        """A value that the schema of a type accepts, or `NOTHING`."""
        entry = self.manifest.types[digest]
        document = entry.validation if mode == "validation" else entry.serialization
        found = _Maker(mapping(mapping(document).get("$defs"))).make(document, _DEPTH)
        return found if found is not NOTHING and _accepts(document, found) else NOTHING


def _accepts(document: Any, value: Any) -> bool:
    """Whether a schema accepts a value; not, when the schema is none."""
    try:
        return GType.from_json_schema(document).is_valid(value)
    except (ValueError, TypeError, RecursionError):
        # a manifest may hold any JSON where a schema should stand
        return False


class _Maker:
    """Makes values for the schemas of one document; the first rule that gives one wins."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions
        self.open: set[str] = set()

    def make(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return NOTHING if schema is False else {}
        if depth == 0:
            return NOTHING
        for key in ("examples", "enum"):
            if given := sequence(schema.get(key)):
                return given[0]
        for key in ("const", "default"):
            if key in schema and schema[key] is not None:
                return schema[key]
        if isinstance(reference := schema.get("$ref"), str):
            return self.definition(reference.removeprefix("#/$defs/"), depth - 1)
        for key in ("anyOf", "oneOf"):
            if choices := sequence(schema.get(key)):
                # a choice says its own part, and the schema around it what they share
                around = {name: value for name, value in schema.items() if name != key}
                return self.first(({**around, **mapping(choice)} for choice in choices), depth - 1)
        if parts := sequence(schema.get("allOf")):
            merged = {name: value for name, value in schema.items() if name != "allOf"}
            for part in parts:
                merged |= mapping(part)
            return self.make(merged, depth - 1)
        return self.plain(schema, depth)

    def definition(self, name: str, depth: int) -> Any:
        """An example of a definition; none inside of itself, so that what may be left out is."""
        if name in self.open:
            return NOTHING
        self.open.add(name)
        try:
            return self.make(self.definitions.get(name, False), depth)
        finally:
            self.open.discard(name)

    def resolved(self, schema: Any) -> Any:
        """What a schema refers to, where it refers to a definition."""
        reference = mapping(schema).get("$ref")
        return (
            self.definitions.get(reference.removeprefix("#/$defs/")) if isinstance(reference, str) else schema
        )

    def first(self, schemas: Iterator[dict[str, Any]], depth: int) -> Any:
        """An example of the first that has one, and one of those that are not null before null."""
        nullable = False
        for schema in itertools.islice(schemas, _ITEMS):
            if schema.get("type") == "null":
                nullable = True
            elif (found := self.make(schema, depth)) is not NOTHING:
                return found
        return None if nullable else NOTHING

    def plain(self, schema: Mapping[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if kinds := sequence(kind):
            return self.first(({**schema, "type": one} for one in kinds), depth - 1)
        if kind == "object" or (kind is None and "properties" in schema):
            return self.record(schema, depth)
        if kind == "array":
            return self.array(schema, depth)
        if kind == "string":
            return _text(schema)
        if kind in ("integer", "number"):
            return _number(schema, whole=kind == "integer")
        return {"boolean": True, "null": None, None: {}}.get(kind, NOTHING) if _is_name(kind) else NOTHING

    def record(self, schema: Mapping[str, Any], depth: int) -> Any:
        found: dict[str, Any] = {}
        required = sequence(schema.get("required"))
        for name, inner in mapping(schema.get("properties")).items():
            value = self.make(inner, depth - 1)
            if value is not NOTHING:
                found[name] = value
            elif name in required:
                return NOTHING
        return found

    def array(self, schema: Mapping[str, Any], depth: int) -> Any:
        found = [self.make(item, depth - 1) for item in sequence(schema.get("prefixItems"))[:_ITEMS]]
        if NOTHING in found:
            return NOTHING
        least, most = _count(schema.get("minItems"), 0), _count(schema.get("maxItems"), 1)
        items = schema.get("items", not found)
        wanted = max(least, min(most, 1)) - len(found)
        if wanted > 0 and items is not False:
            item = self.make(items, depth - 1)
            if item is not NOTHING:
                choices = sequence(mapping(self.resolved(items)).get("enum"))
                several = (
                    _several(item, choices) if schema.get("uniqueItems") is True else itertools.repeat(item)
                )
                found += itertools.islice(several, wanted)
        return found if len(found) >= least else NOTHING


def _several(item: Any, choices: Sequence[Any]) -> Iterator[Any]:
    """Values that differ, of the sort of one; it is proved later that they may stand where it does."""
    if choices:
        return iter(choices)
    if type(item) in (int, float):
        return itertools.count(item)
    if type(item) is str:
        return (f"{item}{number or ''}" for number in itertools.count())
    return iter((item,))


def _count(value: Any, default: int) -> int:
    return min(value, _ITEMS) if type(value) is int and value >= 0 else default


def _text(schema: Mapping[str, Any]) -> Any:
    """The first of some words that the schema accepts, made longer or shorter where it asks for that."""
    least = schema.get("minLength")
    most = schema.get("maxLength")
    form = schema.get("format")
    words = [_FORMATS[form]] if isinstance(form, str) and form in _FORMATS else []
    words += ["c3RyaW5n"] if schema.get("contentEncoding") == "base64" else []
    words += _WORDS
    if "pattern" not in schema and "format" not in schema:
        word = "string"
        if type(least) is int and len(word) < least <= _LENGTH:
            word = (word * least)[:least]
        words.insert(0, word[:most] if type(most) is int and most >= 0 else word)
    # what it says beside its own text was said by something around it
    own = {
        key: schema[key] for key in ("type", "format", "pattern", "minLength", "maxLength") if key in schema
    }
    try:
        gtype: GType[Any] = GType.from_json_schema(own)
    except (ValueError, TypeError):
        return NOTHING
    return next((word for word in words if gtype.is_valid(word)), NOTHING)


def _number(schema: Mapping[str, Any], *, whole: bool) -> Any:
    """A number by the bounds, 1 where they allow it."""
    bounds = {
        name: schema[name]
        for name in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")
        if type(schema.get(name)) in (int, float) and abs(schema[name]) < 2**53
    }
    step = bounds.get("multipleOf", 1) or 1
    candidates: list[Any] = [1 if whole else 1.5, 1, 0, -1]
    finer: list[Any] = []
    for name, sign in (("minimum", 1), ("exclusiveMinimum", 1), ("maximum", -1), ("exclusiveMaximum", -1)):
        if name in bounds:
            edge = bounds[name]
            candidates += [edge, (math.floor(edge / step) + sign) * step, math.ceil(edge / step) * step]
            finer += [edge + sign * 0.5, edge + sign * 0.001]
    candidates += [step, *finer]
    try:
        gtype: GType[Any] = GType.from_json_schema({"type": schema["type"], **bounds})
    except (ValueError, TypeError):
        return NOTHING
    for candidate in candidates:
        # 3.0 is written as 3 where whole numbers are asked for
        value = int(candidate) if whole and float(candidate).is_integer() else candidate
        if gtype.is_valid(value):
            return value
    return NOTHING
