"""How the bodies of requests and answers travel: as JSON, as a form, as text, as bytes, or item by item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from ._components import Components, mapping, sequence
from ._model import HandlerTypes

__all__ = [
    "ANY",
    "Form",
    "ItemText",
    "fits_forms",
    "form_of",
    "forms_of",
    "in_forms",
    "is_raw",
    "item_text",
    "streamed",
]

ANY: Final = "*/*"
_PLAIN: Final = frozenset({"string", "integer", "number", "boolean"})
Form: TypeAlias = Literal["json", "text", "bytes", "lines", "events"]
ItemText: TypeAlias = Literal["text", "string", "any", "json"]


def is_raw(types: HandlerTypes) -> bool:
    """Whether any body is taken, as it is."""
    return types.body is not None and ANY in types.accepts


def form_of(media: str, *, binary: bool, stream: bool) -> Form:
    """How to read what comes in a media type.

    Args:
        media: the media type.
        binary: whether the type of the body is that of bytes.
        stream: whether it comes item by item.
    """
    if stream:
        return "events" if media == "text/event-stream" else "lines" if media.endswith("ndjson") else "bytes"
    if media == "application/json" or media.endswith("+json"):
        return "json"
    return "bytes" if binary else "text"


def forms_of(types: HandlerTypes, components: Components, statuses: list[int]) -> list[Form]:
    """Every way in which the bodies of some answers can come, sorted; JSON where nothing is declared."""
    found: set[Form] = set()
    for status in statuses:
        digest = types.responses.get(status)
        stream = types.stream and digest is None
        binary = digest is not None and _binary(components.resolved(digest, "serialization"))
        found |= {
            form_of(media, binary=binary, stream=stream)
            for media in types.media.get(status, ("application/json",))
        }
    return sorted(found) or ["json"]


def streamed(types: HandlerTypes) -> list[int]:
    """The statuses of a stream: those without a body of their own."""
    good = sorted(status for status in types.responses if 200 <= status < 400)
    return [status for status in good if types.responses[status] is None] if types.stream else []


def _binary(schema: Any) -> bool:
    return "contentEncoding" in mapping(schema)


def fits_forms(schema: Any) -> bool:
    """Whether a form can carry a value: an object whose fields are plain, or arrays of what is plain."""
    fields = mapping(mapping(schema).get("properties"))
    return bool(fields) and all(_fits(inner) for inner in fields.values())


def in_forms(schema: Any, resolved: Any) -> Any:
    """The schema of a value in a form, in which an array without items is the same as none."""
    fields = mapping(mapping(resolved).get("properties"))
    needed = [name for name in sequence(mapping(resolved).get("required")) if isinstance(name, str)]
    arrays = [name for name in needed if mapping(fields.get(name)).get("type") == "array"]
    if not arrays:
        return schema
    return {"allOf": [schema, {"properties": {name: {"minItems": 1} for name in arrays}}]}


def _fits(schema: Any, *, inside: bool = False) -> bool:
    if not isinstance(schema, Mapping) or "$ref" in schema:
        return False
    if schema.get("type") == "array":
        return not inside and "prefixItems" not in schema and _fits(schema.get("items"), inside=True)
    values = [*sequence(schema.get("enum")), *([schema["const"]] if "const" in schema else [])]
    if values:
        return all(isinstance(value, str) for value in values)
    return isinstance(kind := schema.get("type"), str) and kind in _PLAIN


def item_text(schema: Any) -> ItemText:
    """What the text of an event is: always text, text or JSON that is a string, anything, or always JSON.

    The runtime writes an item that is text as it is, and any other as JSON.
    """
    schema = mapping(schema)
    kinds = schema.get("type")
    values = [*sequence(schema.get("enum")), *([schema["const"]] if "const" in schema else [])]
    if values:
        text = [isinstance(value, str) for value in values]
        return "string" if all(text) else "any" if any(text) else "json"
    if kinds == "string":
        return "string" if schema.keys() & {"format", "pattern", "contentEncoding"} else "text"
    return "json" if isinstance(kinds, str) else "any"
