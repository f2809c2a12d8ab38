"""From a schema tree to a serialiser of the engine; where the engine has none that is exact, a plain walk of the tree."""

from __future__ import annotations

import base64
import datetime
import enum
import ipaddress
import math
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from pydantic_core import CoreConfig, SchemaSerializer, to_jsonable_python
from pydantic_core import core_schema as core

from gnomon_gtype import _checks as checks
from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._interpret import REFUSED, Reading
from gnomon_gtype._read_composites import _nodes_for
from gnomon_gtype._schema import Schema
from gnomon_gtype._unions import order_for

CoreSchema = Any
Known = Mapping[str, Schema]


def build_serializer(tree: Schema) -> SchemaSerializer:
    """The compiled serialiser of a tree."""
    known = tree.by_name if isinstance(tree, c.Definitions) else {}
    root = tree.root if isinstance(tree, c.Definitions) else tree
    schema = _serial(root, known)
    if known:
        bodies: list[CoreSchema] = [dict(_serial(node, known), ref=name) for name, node in known.items()]
        schema = core.definitions_schema(schema, bodies)
    return SchemaSerializer(schema, CoreConfig(ser_json_inf_nan="null"))


def _serial(node: Schema, known: Known) -> CoreSchema:
    return SERIALISERS.get(type(node), _by_walk)(node, known)


def _by_walk(node: Schema, known: Known) -> CoreSchema:
    def walk(value: Any) -> Any:
        return jsonable(node, value, known)

    return core.any_schema(serialization=core.plain_serializer_function_ser_schema(walk))


def jsonable(node: Schema, value: Any, known: Known) -> Any:
    """The JSON form of a value of `node`, as Python objects that every encoder knows."""
    if isinstance(node, c.Ref):
        return jsonable(known[node.name], value, known)
    if isinstance(node, (c.Sensitive, c.Refined)):
        return jsonable(node.base, value, known)
    if isinstance(node, c.Union):
        return jsonable(_member_of(node, value, known), value, known)
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, _WRITTEN_AS_TEXT):
        return str(value)
    if isinstance(value, datetime.timedelta):
        return checks.write_duration(value)
    if isinstance(node, c.Array) and isinstance(value, (list, tuple)):
        return [
            jsonable(part, item, known)
            for part, item in zip(_nodes_for(node, len(value)), value, strict=False)
        ]
    if isinstance(node, c.Set) and isinstance(value, (set, frozenset)):
        return [jsonable(node.items, item, known) for item in value]
    if isinstance(node, c.Record) and (isinstance(value, dict) or node.cls is not None):
        return _jsonable_record(node, value, known)
    if isinstance(node, c.Map) and isinstance(value, dict):
        return {_key_text(key): jsonable(node.values, item, known) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("JSON has no word for a number that is not finite")
    return to_jsonable_python(value)


_WRITTEN_AS_TEXT = (
    PurePath,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)


def _key_text(key: Any) -> Any:
    if isinstance(key, enum.Enum):
        key = key.value
    if isinstance(key, bytes):
        return base64.b64encode(key).decode()
    if key is None:
        return "null"
    if isinstance(key, datetime.timedelta):
        return checks.write_duration(key)
    return str(key).lower() if isinstance(key, bool) else key


def _member_of(node: c.Union, value: Any, known: Known) -> Schema:
    for member in order_for(node.members, value, known):
        if Reading("python", known, limit=1).attempt(member, value, ())[0] is not REFUSED:
            return member
    raise ValueError("the value belongs to no member of the union")


def _jsonable_record(node: c.Record, value: Any, known: Known) -> dict[str, Any]:
    entries = value if node.cls is None else {item.name: getattr(value, item.name) for item in node.fields}
    found: dict[str, Any] = {}
    for key, item in entries.items():
        field = node.field(key)
        if field is not None:
            found[key] = jsonable(field.schema, item, known)
        elif node.extra == "keep" or node.patterns:
            found[key] = jsonable(node.rest or s.Anything(), item, known)
    return found


def _float(node: s.Float, known: Known) -> CoreSchema:
    return core.float_schema() if node.finite else _by_walk(node, known)


def _duration(_node: s.Duration, _known: Known) -> CoreSchema:
    """The engine writes years, which have no length and are not read."""

    def write(value: Any) -> str:
        if not isinstance(value, datetime.timedelta):
            raise TypeError("a duration is a timedelta")
        return checks.write_duration(value)

    return core.any_schema(serialization=core.plain_serializer_function_ser_schema(write))


def _literal(node: s.Literal, known: Known) -> CoreSchema:
    return (
        core.literal_schema(list(node.values))
        if all(type(v) in (str, int) for v in node.values)
        else _by_walk(node, known)
    )


def _array(node: c.Array, known: Known) -> CoreSchema:
    if node.prefix or node.suffix or node.rest is None or node.container == "sequence":
        return _by_walk(node, known)
    item = _serial(node.rest, known)
    if node.container == "list":
        return core.list_schema(item)
    return core.tuple_schema([item], variadic_item_index=0)


def _record(node: c.Record, known: Known) -> CoreSchema:
    if node.patterns or node.rest is not None or any(not item.init for item in node.fields):
        return _by_walk(node, known)
    if node.cls is not None:
        fields = [core.dataclass_field(item.name, _serial(item.schema, known)) for item in node.fields]
        arguments = core.dataclass_args_schema(node.cls.__name__, fields)
        names = [item.name for item in node.fields]
        return core.dataclass_schema(node.cls, arguments, names, slots="__slots__" in vars(node.cls))
    typed = {
        item.name: core.typed_dict_field(_serial(item.schema, known), required=item.required)
        for item in node.fields
    }
    return core.typed_dict_schema(typed, extra_behavior="allow" if node.extra == "keep" else "ignore")


def _map(node: c.Map, known: Known) -> CoreSchema:
    keys = node.keys
    if isinstance(keys, (s.String, s.Integer, s.Uuid, s.Date)):
        return core.dict_schema(_serial(keys, known), _serial(node.values, known))
    return _by_walk(node, known)


def _set(node: c.Set, known: Known) -> CoreSchema:
    build: Any = core.frozenset_schema if node.frozen else core.set_schema
    return build(_serial(node.items, known))


def _union(node: c.Union, known: Known) -> CoreSchema:
    others = [member for member in node.members if not isinstance(member, s.Null)]
    if len(others) == 1:
        return core.nullable_schema(_serial(others[0], known))
    tag = node.discriminator
    if tag is None:
        return _by_walk(node, known)
    choices: dict[Any, CoreSchema] = {}
    for member, values in c.choices_of(node, tag):
        choices.update(dict.fromkeys(values, _serial(member, known)))
    return core.tagged_union_schema(choices, discriminator=tag)


SERIALISERS: dict[type[Schema], Callable[[Any, Known], CoreSchema]] = {
    s.Anything: lambda _node, _known: core.any_schema(),
    s.Null: lambda _node, _known: core.none_schema(),
    s.Boolean: lambda _node, _known: core.bool_schema(),
    s.Integer: lambda _node, _known: core.int_schema(),
    s.Float: _float,
    s.Number: lambda _node, _known: core.union_schema([core.int_schema(), core.float_schema()]),
    s.DecimalNumber: lambda _node, _known: core.decimal_schema(),
    s.String: lambda _node, _known: core.str_schema(),
    s.Literal: _literal,
    s.Date: lambda _node, _known: core.date_schema(),
    s.Time: lambda _node, _known: core.time_schema(),
    s.DateTime: lambda _node, _known: core.datetime_schema(),
    s.Duration: _duration,
    s.Uuid: lambda _node, _known: core.uuid_schema(),
    c.Array: _array,
    c.Record: _record,
    c.Map: _map,
    c.Set: _set,
    c.Union: _union,
    c.Sensitive: lambda node, known: _serial(node.base, known),
    c.Refined: lambda node, known: _serial(node.base, known),
    c.Opaque: lambda node, _known: dict(node.core_schema),
    c.Ref: lambda node, _known: core.definition_reference_schema(node.name),
}
