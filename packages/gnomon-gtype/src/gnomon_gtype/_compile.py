"""From a schema tree to core schemas of the engine, in strict mode.

Where the engine has the exact meaning of a node, it is used. Where it is close but not exact (literals, text forms of times,
duplicate items), a check of its own stands before or after. Where it has no such thing, the node is read by the interpreter.

Longer than most modules: one function per class of node, in the order of the table in `gnomon_gtype.schema`.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic_core import CoreConfig, SchemaValidator
from pydantic_core import SchemaError as CoreSchemaError
from pydantic_core import core_schema as core

from gnomon_gtype import _checks as checks
from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._errors import SchemaError
from gnomon_gtype._formats import FORMATS
from gnomon_gtype._interpret import REFUSED, Channel, Reading
from gnomon_gtype._read_composites import read_key
from gnomon_gtype._read_scalars import decimal_from_json
from gnomon_gtype._schema import UNSET, Schema
from gnomon_gtype._unions import competing_records, preferred, resolved

CoreSchema = Any
CONFIG = CoreConfig(strict=True, allow_inf_nan=False)
LAX = CoreConfig(strict=False, allow_inf_nan=False)


class Known(dict[str, Schema]):
    """The definitions of a tree, and what it is compiled for.

    Args:
        definitions: the nodes that references name.
        channel: whether Python objects or JSON text will be read; each has a validator of its own, which knows only that.
        config: what every record repeats, because the engine does not hand it down.
    """

    def __init__(
        self, definitions: Mapping[str, Schema], channel: Channel = "python", config: CoreConfig = CONFIG
    ) -> None:
        super().__init__(definitions)
        self.channel: Channel = channel
        self.config = config

    @property
    def json(self) -> bool:
        return self.channel == "json"


_EXACT_FLOAT = 1 << 53


def core_schema_of(tree: Schema, *, channel: Channel = "python", config: CoreConfig = CONFIG) -> CoreSchema:
    """The core schema of a whole tree."""
    if not isinstance(tree, c.Definitions):
        return compile_node(tree, Known({}, channel, config))
    known = Known(tree.by_name, channel, config)
    bodies: list[CoreSchema] = []
    for name, node in tree.definitions:
        body: CoreSchema = dict(compile_node(node, known))
        if "ref" in body or body["type"] == "definition-ref":
            body = dict(core.chain_schema([body]))
        body["ref"] = name
        bodies.append(body)
    return core.definitions_schema(compile_node(tree.root, known), bodies)


def build_validator(
    tree: Schema, *, channel: Channel = "python", config: CoreConfig = CONFIG
) -> SchemaValidator:
    """The compiled validator of a tree for one channel, strict unless `config` says other.

    Raises:
        SchemaError: the engine cannot serve it.
    """
    try:
        return SchemaValidator(core_schema_of(tree, channel=channel, config=config), config)
    except CoreSchemaError as error:
        raise SchemaError(f"the engine cannot compile the type: {error}") from error


def compile_node(node: Schema, known: Known) -> CoreSchema:
    """The core schema of one node."""
    return COMPILERS[type(node)](node, known)


def _read_by(node: Schema, known: Known) -> CoreSchema:
    """The node, read by the interpreter from inside the engine."""

    def read(value: Any) -> Any:
        result = Reading(known.channel, known, limit=1).attempt(node, value, ())[0]
        if result is REFUSED:
            raise ValueError("refused")
        return result

    return core.no_info_plain_validator_function(read)


def _scalar(build: Callable[..., CoreSchema], **fixed: Any) -> Callable[[Any, Known], CoreSchema]:
    return lambda _node, _known: build(**fixed)


def _integer(node: s.Integer, _: Known) -> CoreSchema:
    return core.int_schema(ge=node.minimum, le=node.maximum, multiple_of=node.multiple_of)


def _first_of(choices: list[CoreSchema]) -> CoreSchema:
    """The first choice that accepts. Not strict itself: older engines would force that upon the conversions inside."""
    return {**core.union_schema(choices, mode="left_to_right"), "strict": False}


def _check_after(schema: CoreSchema, holds: Callable[[Any], bool]) -> CoreSchema:
    def check(value: Any) -> Any:
        if holds(value):
            return value
        raise ValueError("refused")

    return core.no_info_after_validator_function(check, schema)


def _float_limits(node: Any) -> dict[str, Any]:
    return {
        "gt" if node.exclusive_minimum else "ge": None if node.minimum is None else float(node.minimum),
        "lt" if node.exclusive_maximum else "le": None if node.maximum is None else float(node.maximum),
    }


def _small(*limits: Any) -> bool:
    """Limits that a float holds exactly, with every integer on their near side."""
    return all(limit is None or abs(limit) < _EXACT_FLOAT for limit in limits)


def _float_schema(known: Known, **limits: Any) -> CoreSchema:
    """The float of the engine, without its way of taking anything that has `__float__`, such as a `Decimal`."""
    schema = core.float_schema(**limits)
    if known.json or not known.config.get("strict"):
        return schema
    return core.chain_schema([core.is_instance_schema((float, int)), schema])


def _float(node: s.Float, known: Known) -> CoreSchema:
    step = node.multiple_of
    if known.json and not node.finite:
        node = replace(node, finite=True)
    exact = _small(node.minimum, node.maximum)
    if exact and (node.finite or (node.minimum is None and node.maximum is None)):
        schema = _float_schema(known, allow_inf_nan=not node.finite, **_float_limits(node))
    else:
        schema = _float_schema(known, allow_inf_nan=not node.finite)
        schema = _check_after(schema, lambda value: value != value or checks.within(node, value) is None)
    if step is not None:
        schema = _check_after(
            schema, lambda value: not math.isfinite(value) or checks.is_multiple(value, step)
        )
    return schema


def _number(node: s.Number, known: Known) -> CoreSchema:
    step = node.multiple_of
    low, high = node.minimum, node.maximum
    if _small(low, high):
        least = None if low is None else math.floor(low) + 1 if node.exclusive_minimum else math.ceil(low)
        most = None if high is None else math.ceil(high) - 1 if node.exclusive_maximum else math.floor(high)
        choices = [core.int_schema(ge=least, le=most), _float_schema(known, **_float_limits(node))]
        schema: CoreSchema = _first_of(choices)
    else:
        schema = _first_of([core.int_schema(), _float_schema(known)])
        schema = _check_after(schema, lambda value: checks.within(node, value) is None)
    if step is None:
        return schema
    return _check_after(schema, lambda value: checks.is_multiple(value, step))


def _decimal(node: s.DecimalNumber, known: Known) -> CoreSchema:
    def from_json(value: Any) -> Any:
        found = decimal_from_json(value)
        if found is None:
            raise ValueError("refused")
        return found

    def fits(value: Any) -> bool:
        return (
            value.is_finite()
            and checks.within(node, value) is None
            and (node.multiple_of is None or checks.is_multiple(value, node.multiple_of))
            and checks.decimal_fits(node, value)
        )

    schema = core.no_info_plain_validator_function(from_json) if known.json else core.decimal_schema()
    limits = (node.minimum, node.maximum, node.multiple_of, node.max_digits, node.decimal_places)
    if all(limit is None for limit in limits):
        return _check_after(schema, lambda value: value.is_finite()) if known.json else schema
    return _check_after(schema, fits)


def _text(known: Known, **limits: Any) -> CoreSchema:
    """Text. A lower limit, even 0, makes the engine check that text from Python is Unicode; JSON text always is."""
    if not known.json:
        limits.setdefault("min_length", 0)
    return core.str_schema(**limits)


def _string(node: s.String, known: Known) -> CoreSchema:
    low, high, patterns = node.min_length, node.max_length, list(node.patterns)
    check = None
    if node.format is not None:
        item = FORMATS[node.format]
        low = max(low, item.min_length)
        high = (
            high
            if item.max_length is None
            else item.max_length
            if high is None
            else min(high, item.max_length)
        )
        check = item.check
        if item.pattern:
            patterns.append(item.pattern)
    limits: dict[str, Any] = {"min_length": low} if low else {}
    schema = _text(known, max_length=high, pattern=patterns[0] if patterns else None, **limits)
    for pattern in patterns[1:]:
        schema = core.chain_schema([schema, core.str_schema(pattern=pattern)])
    return schema if check is None else _check_after(schema, check)


def _text_or(
    known: Known,
    python: Callable[[], CoreSchema],
    parse: Callable[[str], Any] | CoreSchema,
    *,
    pattern: str | None = None,
) -> CoreSchema:
    """From Python as `python` says; from JSON, text that matches and is then parsed."""
    if not known.json:
        return python()
    text = core.str_schema(pattern=pattern)
    if callable(parse):
        return core.no_info_after_validator_function(parse, text)
    return core.chain_schema([text, parse])


def _bytes(node: s.Bytes, known: Known) -> CoreSchema:
    plain = core.bytes_schema(min_length=node.min_length, max_length=node.max_length)
    if not known.json:
        return plain
    decoded = core.no_info_after_validator_function(checks.read_base64, core.str_schema())
    return core.chain_schema([decoded, plain])


def _literal(node: s.Literal, known: Known) -> CoreSchema:
    kinds = {type(value) for value in node.values}
    if kinds == {str}:
        return core.literal_schema(list(node.values))
    if kinds == {int}:
        return core.chain_schema([core.int_schema(), core.literal_schema(list(node.values))])
    if kinds == {bool}:
        return core.chain_schema([core.bool_schema(), core.literal_schema(list(node.values))])
    return _read_by(node, known)


def _enum(node: s.EnumMember, known: Known) -> CoreSchema:
    if not known.json:
        return core.is_instance_schema(node.cls)
    kinds = {type(member.value) for member in node.members}
    if kinds not in ({str}, {int}):
        return _read_by(node, known)
    table = {member.value: member for member in node.members}

    def find(value: Any) -> enum.Enum:
        try:
            return table[value]
        except KeyError:
            raise ValueError("refused") from None

    return core.no_info_after_validator_function(
        find, core.int_schema() if kinds == {int} else core.str_schema()
    )


def _within(node: s.Bounded, schema: CoreSchema) -> CoreSchema:
    if node.minimum is None and node.maximum is None:
        return schema
    return _check_after(schema, lambda value: checks.within(node, value) is None)


def _date(node: s.Date, known: Known) -> CoreSchema:
    return _within(
        node, _text_or(known, core.date_schema, core.date_schema(strict=False), pattern=checks.DATE)
    )


def _time(node: s.Time, known: Known) -> CoreSchema:
    schema = _text_or(known, core.time_schema, checks.parse_time, pattern=checks.TIME)
    if node.zone != "any":
        schema = _check_after(schema, lambda value: (value.utcoffset() is None) == (node.zone == "naive"))
    return _within(node, schema)


def _datetime(node: s.DateTime, known: Known) -> CoreSchema:
    zone: Any = None if node.zone == "any" else node.zone
    parse = core.datetime_schema(tz_constraint=zone, strict=False)
    schema = _text_or(known, lambda: core.datetime_schema(tz_constraint=zone), parse, pattern=checks.DATETIME)
    return _within(node, schema)


def _duration(node: s.Duration, known: Known) -> CoreSchema:
    return _within(
        node, _text_or(known, core.timedelta_schema, checks.parse_duration, pattern=checks.DURATION)
    )


def _uuid(node: s.Uuid, known: Known) -> CoreSchema:
    schema = _text_or(known, core.uuid_schema, core.uuid_schema(strict=False), pattern=checks.UUID)
    if node.version is None:
        return schema
    return _check_after(schema, lambda value: value.version == node.version)


def _path(node: s.FilePath, known: Known) -> CoreSchema:
    return _text_or(
        known,
        lambda: core.is_instance_schema(checks.PATHS[node.kind]),
        lambda text: checks.read_path(node, text),
    )


def _ip(node: s.IpAddress, known: Known) -> CoreSchema:
    return _text_or(known, lambda: _read_by(node, known), lambda text: checks.read_ip(node, text))


def _regex(node: s.Regex, known: Known) -> CoreSchema:
    return _text_or(known, lambda: _read_by(node, known), checks.read_regex)


def _array(node: c.Array, known: Known) -> CoreSchema:
    if node.unique or node.contains or node.required is not None or node.cls is not None:
        return _read_by(node, known)
    if not node.prefix and not node.suffix and node.rest is not None:
        return _homogeneous(node, known)
    if not _plain_tuple(node):
        return _read_by(node, known)
    items = [compile_node(item, known) for item in node.prefix]
    if node.rest is None:
        return core.tuple_schema(items)
    middle = len(items)
    items.append(compile_node(node.rest, known))
    items.extend(compile_node(item, known) for item in node.suffix)
    return core.tuple_schema(items, variadic_item_index=middle)


def _plain_tuple(node: c.Array) -> bool:
    return node.container == "tuple" and node.min_length == 0 and node.max_length is None


def _homogeneous(node: c.Array, known: Known) -> CoreSchema:
    assert node.rest is not None
    item = compile_node(node.rest, known)
    low, high = node.min_length or None, node.max_length
    as_list = core.list_schema(item, min_length=low, max_length=high, fail_fast=True)
    if node.container == "list" or (known.json and node.container == "sequence"):
        return as_list
    as_tuple = core.tuple_schema(
        [item], variadic_item_index=0, min_length=low, max_length=high, fail_fast=True
    )
    if node.container == "tuple":
        return as_tuple
    return _first_of([as_list, as_tuple])


def _field(item: c.Field, known: Known) -> CoreSchema:
    schema = compile_node(item.schema, known)
    if item.default is not UNSET:
        return core.with_default_schema(schema, default=item.default)
    if item.default_factory is not UNSET:
        return core.with_default_schema(schema, default_factory=item.default_factory)
    return schema


def _record(node: c.Record, known: Known) -> CoreSchema:
    if node.cls is not None:
        return _dataclass(node, known)
    unusual = node.patterns or node.keys is not None or node.min_length or node.max_length is not None
    if unusual or (node.rest is not None and node.extra == "drop"):
        return _read_by(node, known)
    fields = {
        item.name: core.typed_dict_field(_field(item, known), required=item.required)
        for item in node.fields
        if item.init
    }
    behaviour: Any = {"drop": "ignore", "forbid": "forbid", "keep": "allow"}[node.extra]
    extras = None if node.rest is None else compile_node(node.rest, known)
    return core.typed_dict_schema(fields, extra_behavior=behaviour, extras_schema=extras, config=known.config)


def _dataclass(node: c.Record, known: Known) -> CoreSchema:
    cls = node.cls
    assert cls is not None
    names = [item.name for item in node.fields]
    plain = all(item.init and (item.required or item.has_default) for item in node.fields)
    if not (plain and is_dataclass(cls) and _generated_init(cls)):
        return _read_by(node, known)
    fields = [
        core.dataclass_field(item.name, _field(item, known), kw_only=item.keyword_only)
        for item in node.fields
    ]
    behaviour: Any = "forbid" if node.extra == "forbid" else "ignore"
    return core.dataclass_schema(
        cls,
        core.dataclass_args_schema(cls.__name__, fields, extra_behavior=behaviour),
        names,
        revalidate_instances="always",
        post_init=hasattr(cls, "__post_init__"),
        slots="__slots__" in vars(cls),
        config=known.config,
    )


def _generated_init(cls: type) -> bool:
    """Whether the class is made by the code that `dataclass` writes, so that the engine may fill it in the same way."""
    params = getattr(cls, "__dataclass_params__", None)
    return bool(params and params.init and not _own_new(cls) and "__dataclass_fields__" in vars(cls))


def _own_new(cls: type) -> bool:
    return any("__new__" in vars(base) for base in cls.__mro__[:-1])


def _map(node: c.Map, known: Known) -> CoreSchema:
    values = compile_node(node.values, known)
    low, high = node.min_length or None, node.max_length
    inner = resolved(node.keys, known)
    textual = isinstance(inner, s.String) or (
        isinstance(inner, s.Literal) and all(type(v) is str for v in inner.values)
    )
    if textual or isinstance(inner, s.Anything):
        return core.dict_schema(compile_node(node.keys, known), values, min_length=low, max_length=high)

    def from_text(key: Any) -> Any:
        result, why = read_key(Reading("json", known, limit=1), node.keys, key, ())
        if why:
            raise ValueError("refused")
        return result

    keys = core.no_info_plain_validator_function(from_text) if known.json else compile_node(node.keys, known)
    return _same_length(core.dict_schema(keys, values, min_length=low, max_length=high))


def _same_length(schema: CoreSchema) -> CoreSchema:
    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        result = handler(value)
        if len(result) != len(value):
            raise ValueError("refused")
        return result

    return core.no_info_wrap_validator_function(check, schema)


def _set(node: c.Set, known: Known) -> CoreSchema:
    item = compile_node(node.items, known)
    low, high = node.min_length or None, node.max_length
    build: Any = core.frozenset_schema if node.frozen else core.set_schema
    kind: Any = frozenset if node.frozen else set

    def gather(items: list[Any]) -> Any:
        try:
            found = kind(items)
        except TypeError:
            raise ValueError("refused") from None
        if len(found) != len(items):
            raise ValueError("refused")
        return found

    if known.json:
        listed = core.list_schema(item, min_length=low, max_length=high, fail_fast=True)
        return core.no_info_after_validator_function(gather, listed)
    python = build(item, min_length=low, max_length=high)
    inner = resolved(node.items, known)
    lossy = isinstance(inner, (s.Float, c.Union, c.Intersection, c.Array, c.Opaque))
    return _same_length(python) if lossy else python


def _union(node: c.Union, known: Known) -> CoreSchema:
    tag = node.discriminator
    if tag is not None:
        return _tagged(node, tag, known)
    order = preferred(node.members, known)
    if competing_records(order, known):
        return _read_by(node, known)
    null = [member for member in order if isinstance(member, s.Null)]
    others = [compile_node(member, known) for member in order if not isinstance(member, s.Null)]
    schema = others[0] if len(others) == 1 else _first_of(others)
    return core.nullable_schema(schema) if null else schema


def _tagged(node: c.Union, tag: str, known: Known) -> CoreSchema:
    choices: dict[Any, CoreSchema] = {}
    for member, values in c.choices_of(node, tag):
        choices.update(dict.fromkeys(values, compile_node(member, known)))
    return core.tagged_union_schema(choices, discriminator=tag)


def _refined(node: c.Refined, known: Known) -> CoreSchema:
    def check(value: Any) -> Any:
        verdict = node.check(value)
        if verdict is None or verdict:
            return value
        raise ValueError("refused")

    return core.no_info_after_validator_function(check, compile_node(node.base, known))


def _ref(node: c.Ref, _: Known) -> CoreSchema:
    return core.definition_reference_schema(node.name)


def _nothing(_node: s.Nothing, _: Known) -> CoreSchema:
    def refuse(_value: Any) -> Any:
        raise ValueError("refused")

    return core.no_info_plain_validator_function(refuse)


def _own_copy(node: c.Opaque) -> CoreSchema:
    return dict(node.core_schema)


@lru_cache(maxsize=256)
def foreign_validator(node: c.Opaque) -> SchemaValidator:
    """The validator of an opaque part alone."""
    return SchemaValidator(_own_copy(node), CONFIG)


COMPILERS: dict[type[Schema], Callable[[Any, Known], CoreSchema]] = {
    s.Anything: _scalar(core.any_schema),
    s.Nothing: _nothing,
    s.Null: _scalar(core.none_schema),
    s.Boolean: _scalar(core.bool_schema),
    s.Integer: _integer,
    s.Float: _float,
    s.Number: _number,
    s.DecimalNumber: _decimal,
    s.String: _string,
    s.Bytes: _bytes,
    s.Literal: _literal,
    s.EnumMember: _enum,
    s.Date: _date,
    s.Time: _time,
    s.DateTime: _datetime,
    s.Duration: _duration,
    s.Uuid: _uuid,
    s.FilePath: _path,
    s.IpAddress: _ip,
    s.Regex: _regex,
    c.Array: _array,
    c.Record: _record,
    c.Map: _map,
    c.Set: _set,
    c.Union: _union,
    c.Intersection: _read_by,
    c.Not: _read_by,
    c.Sensitive: lambda node, known: compile_node(node.base, known),
    c.Refined: _refined,
    c.Opaque: lambda node, _known: dict(node.core_schema),
    c.Ref: _ref,
}
