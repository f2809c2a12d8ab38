"""The JSON form of a manifest: writing it, refusing what is not one, and the JSON Schema that says so.

All three follow from the classes of the model, by the same walk over their annotations.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal

from ._errors import ManifestError
from ._policy import UNBOUNDED

__all__ = ["ManifestRefused", "decode", "encode", "loads", "schema_of"]

_DEPTH: Final = 200


class ManifestRefused(ManifestError):
    """A text is no manifest of a format that this version understands; says where and why."""

    code = "manifest_refused"


def encode(value: Any) -> Any:
    """The JSON form of a part of a manifest."""
    if isinstance(value, (str, int, float)) or value is None:
        return UNBOUNDED if value == math.inf else value
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    kind: Any = type(value)
    names = _fields(kind)
    if names:
        return {name: encode(getattr(value, name)) for name in names}
    return [encode(item) for item in value]


@cache
def _fields(kind: Any) -> dict[str, Any]:
    """The fields of a class of the model with their types; empty for any other class."""
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        # the classes name their public home as their module; their annotations mean the private ones
        homes = [
            importlib.import_module(f".{home}", __package__)
            for home in ("_findings", "_policy", "_model", "_manifest")
        ]
        return typing.get_type_hints(
            kind,
            globalns={name: value for home in homes for name, value in vars(home).items()},
            include_extras=True,
        )
    return {}


def loads(text: str | bytes) -> Any:
    """Parse JSON as RFC 8259 allows a careful reader to: no duplicate keys, no number that is not finite.

    Raises:
        ManifestRefused: with the reason.
    """

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(found)
        if len(result) < len(found):
            raise ManifestRefused("the manifest has an object with two equal keys")
        return result

    def refuse(word: str) -> Any:
        raise ManifestRefused(f"the manifest holds {word}, which is no JSON number")

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=refuse)
    except ManifestRefused:
        raise
    except RecursionError:
        raise ManifestRefused("the manifest is nested too deeply") from None
    except ValueError as error:
        raise ManifestRefused(f"the manifest is not JSON: {error}") from error


def _fail(pointer: str, expected: str, value: Any) -> ManifestRefused:
    shown = (
        json.dumps(value)[:80]
        if isinstance(value, (str, int, float, bool)) or value is None
        else type(value).__name__
    )
    return ManifestRefused(f"at {pointer or 'the root'}: expected {expected}, found {shown}")


def decode(kind: Any, value: Any, pointer: str = "") -> Any:
    """Make an object of the model from its JSON form.

    Raises:
        ManifestRefused: with the place and what was expected there.
    """
    if kind is Any:
        return _plain(value, pointer, _DEPTH)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _union(arguments, value, pointer)
    if origin is Literal:
        if isinstance(value, str) and value in arguments:
            return value
        raise _fail(pointer, f"one of {', '.join(map(str, arguments))}", value)
    if origin is Annotated:
        return math.inf if value == UNBOUNDED else decode(arguments[0], value, pointer)
    if origin is tuple:
        if not isinstance(value, list):
            raise _fail(pointer, "an array", value)
        return tuple(decode(arguments[0], item, f"{pointer}/{index}") for index, item in enumerate(value))
    if origin is not None:
        if not isinstance(value, dict):
            raise _fail(pointer, "an object", value)
        key, inner = arguments
        return {
            _key(key, name, pointer): decode(inner, item, f"{pointer}/{name}") for name, item in value.items()
        }
    if names := _fields(kind):
        return _record(kind, names, value, pointer)
    return _scalar(kind, value, pointer)


def _key(kind: type, name: str, pointer: str) -> Any:
    if kind is str:
        return name
    if name.isascii() and name.isdigit() and len(name) == 3:
        return int(name)
    raise _fail(f"{pointer}/{name}", "an HTTP status as key", name)


def _union(choices: tuple[Any, ...], value: Any, pointer: str) -> Any:
    if value is None and type(None) in choices:
        return None
    wanted = [choice for choice in choices if choice is not type(None)]
    for choice in wanted[:-1]:
        if choice is type(value):
            return value
    return decode(wanted[-1], value, pointer)


def _record(kind: Any, names: Mapping[str, Any], value: Any, pointer: str) -> Any:
    if not isinstance(value, dict):
        raise _fail(pointer, "an object", value)
    for name in value:
        if name not in names:
            raise ManifestRefused(f"at {pointer or 'the root'}: the key {name!r} is not known")
    for name in names:
        if name not in value:
            raise ManifestRefused(f"at {pointer or 'the root'}: the key {name!r} is missing")
    made = {name: decode(inner, value[name], f"{pointer}/{name}") for name, inner in names.items()}
    try:
        return kind(**made)
    except ManifestError as error:
        raise ManifestRefused(f"at {pointer or 'the root'}: {error}") from error


def _scalar(kind: Any, value: Any, pointer: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise _fail(
            pointer,
            {str: "a string", int: "an integer", float: "a number", bool: "true or false"}[kind],
            value,
        )
    return value


def _plain(value: Any, pointer: str, depth: int) -> Any:
    """JSON of any shape, to a bounded depth."""
    if depth == 0:
        raise ManifestRefused(f"at {pointer[:80]}…: the manifest is nested too deeply")
    if isinstance(value, dict):
        return {name: _plain(item, f"{pointer}/{name}", depth - 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, f"{pointer}/{index}", depth - 1) for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise _fail(pointer, "a finite number", str(value))
    return value


def schema_of(kind: Any, definitions: dict[str, Any]) -> Any:
    """The JSON Schema (2020-12) of a part of the model; classes go to the definitions."""
    if kind is Any:
        return True
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [schema_of(choice, definitions) for choice in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is Annotated:
        return {"anyOf": [schema_of(arguments[0], definitions), {"const": UNBOUNDED}]}
    if origin is tuple:
        return {"type": "array", "items": schema_of(arguments[0], definitions)}
    if origin is not None:
        found = {"type": "object", "additionalProperties": schema_of(arguments[1], definitions)}
        return {**found, "propertyNames": {"pattern": "^[0-9]{3}$"}} if arguments[0] is int else found
    if names := _fields(kind):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = {}
            definitions[kind.__name__].update(
                type="object",
                properties={name: schema_of(inner, definitions) for name, inner in names.items()},
                required=list(names),
                additionalProperties=False,
            )
        return {"$ref": f"#/$defs/{kind.__name__}"}
    scalars: dict[Any, str] = {
        str: "string",
        int: "integer",
        float: "number",
        bool: "boolean",
        type(None): "null",
    }
    return {"type": scalars[kind]}
