# ruff: noqa: A001, A002 (the builders are named like the types they build, and are read with the prefix `g.`)
"""Builders of schema trees, in the vocabulary of TypeScript: `g.object({"id": g.integer(), "tags": g.array(g.string())})`.

Every builder returns a schema node; `GType.from_schema` makes a type of it. Where a node is wanted, an annotation or a `GType`
does as well: `g.array(int)`. Trees from builders and from annotations are equal when they mean the same.

Longer than most modules: a namespace is one module, and most of it is documentation.

>>> from gnomon_gtype import GType, g
>>> g.array(g.union(g.string(), g.null())) == GType(list[str | None]).schema
True
"""

from __future__ import annotations

import builtins as _builtins
import enum as _enum
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from gnomon_gtype import _composites as _c
from gnomon_gtype import _scalars as _s
from gnomon_gtype._annotations import tree_of
from gnomon_gtype._composites import Field
from gnomon_gtype._errors import SchemaError
from gnomon_gtype._markers import Describe as _Describe
from gnomon_gtype._markers import Discriminator, Hidden, Predicate
from gnomon_gtype._recursion import definitions
from gnomon_gtype._schema import Schema

_Float = _builtins.float
_Object = _builtins.object
_T = TypeVar("_T")


def _tuple(items: Iterable[_T]) -> _builtins.tuple[_T, ...]:
    return _builtins.tuple(items)


__all__ = [
    "any",
    "array",
    "bigint",
    "boolean",
    "bytes",
    "date",
    "datetime",
    "decimal",
    "define",
    "describe",
    "discriminated",
    "duration",
    "enum",
    "exclude",
    "extract",
    "float",
    "frozenset",
    "integer",
    "intersection",
    "ip",
    "keyof",
    "literal",
    "map",
    "never",
    "non_nullable",
    "null",
    "number",
    "object",
    "omit",
    "optional",
    "partial",
    "path",
    "pick",
    "predicate",
    "readonly",
    "record",
    "ref",
    "regex",
    "required",
    "sensitive",
    "set",
    "string",
    "template",
    "time",
    "tuple",
    "undefined",
    "union",
    "unknown",
    "uuid",
]


@dataclass(frozen=True, slots=True)
class Optional:
    """A node that may be missing: as the value of a key, or as an item of a tuple."""

    schema: Schema


def _node(item: Any) -> Schema:
    if isinstance(item, Schema):
        return item
    if isinstance(item, Optional):
        raise SchemaError("only a key of an object or an item of a tuple can be optional")
    schema = getattr(item, "schema", None)
    return schema if isinstance(schema, Schema) else tree_of(item)


def _built(root: Schema) -> Schema:
    """The tree with definitions of its parts lifted to its root."""
    return definitions(root, {}) if _holds_definitions(root) else root


def _holds_definitions(root: Schema) -> bool:
    return next((True for _, node in root.walk() if isinstance(node, _c.Definitions)), False)


def string(
    *,
    min_length: int = 0,
    max_length: int | None = None,
    pattern: str | None = None,
    format: str | None = None,
) -> Schema:
    """Text (`str`).

    Args:
        min_length: fewest characters.
        max_length: most characters.
        pattern: a regular expression that is found in it.
        format: a name in `gnomon_gtype.schema.FORMATS`.
    """
    return _s.String(min_length, max_length, () if pattern is None else (pattern,), format)


def integer(
    *, minimum: int | None = None, maximum: int | None = None, multiple_of: int | None = None
) -> Schema:
    """Whole numbers (`int`).

    Args:
        minimum: the least, inclusive.
        maximum: the greatest, inclusive.
        multiple_of: the number that divides it.
    """
    return _s.Integer(minimum, maximum, multiple_of)


def bigint(*, minimum: int | None = None, maximum: int | None = None) -> Schema:
    """Whole numbers of any size, which every `int` is.

    Args:
        minimum: the least, inclusive.
        maximum: the greatest, inclusive.
    """
    return _s.Integer(minimum, maximum)


def number(
    *,
    minimum: int | _Float | None = None,
    maximum: int | _Float | None = None,
    exclusive_minimum: bool = False,
    exclusive_maximum: bool = False,
    multiple_of: int | _Float | None = None,
) -> Schema:
    """JSON numbers, kept as the `int` or `float` they are (`int | float`).

    Args:
        minimum: the lower limit.
        maximum: the upper limit.
        exclusive_minimum: true when the lower limit itself is out.
        exclusive_maximum: true when the upper limit itself is out.
        multiple_of: the number that divides it, by decimal value.
    """
    return _s.Number(minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of)


def float(
    *,
    minimum: int | _Float | None = None,
    maximum: int | _Float | None = None,
    exclusive_minimum: bool = False,
    exclusive_maximum: bool = False,
    multiple_of: int | _Float | None = None,
) -> Schema:
    """Finite floating-point numbers (`float`); whole numbers are converted.

    Args:
        minimum: the lower limit.
        maximum: the upper limit.
        exclusive_minimum: true when the lower limit itself is out.
        exclusive_maximum: true when the upper limit itself is out.
        multiple_of: the number that divides it, by decimal value.
    """
    return _s.Float(minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of)


def decimal(*, max_digits: int | None = None, decimal_places: int | None = None) -> Schema:
    """Exact decimal numbers (`decimal.Decimal`).

    Args:
        max_digits: most digits in all.
        decimal_places: most digits right of the point.
    """
    return _s.DecimalNumber(max_digits=max_digits, decimal_places=decimal_places)


def boolean() -> Schema:
    """`True` and `False` (`bool`)."""
    return _s.Boolean()


def null() -> Schema:
    """`None`."""
    return _s.Null()


def undefined() -> Optional:
    """What is not there: a key or item that is missing, in a union with what it is when it is there."""
    return Optional(_s.Nothing())


def optional(item: Any) -> Optional:
    """A key of an object or an item of a tuple that may be missing (`NotRequired[...]`).

    Args:
        item: what it is when it is there.
    """
    return item if isinstance(item, Optional) else Optional(_node(item))


def any() -> Schema:
    """Every value (`Any`)."""
    return _s.Anything()


def unknown() -> Schema:
    """Every value, like `any` (`object`)."""
    return _s.Anything()


def never() -> Schema:
    """No value (`Never`)."""
    return _s.Nothing()


def bytes(*, min_length: int = 0, max_length: int | None = None) -> Schema:
    """Bytes, base64 in JSON (`bytes`).

    Args:
        min_length: fewest bytes.
        max_length: most bytes.
    """
    return _s.Bytes(min_length, max_length)


def literal(*values: Any) -> Schema:
    """Exactly these values (`Literal[...]`).

    Args:
        values: text, numbers, booleans, bytes, enum members or `None`.
    """
    return _s.literal(*values)


def enum(*values: Any) -> Schema:
    """The members of an enumeration: of an `Enum` class, or values as they stand.

    Args:
        values: one `Enum` class, or values.
    """
    if len(values) == 1 and isinstance(values[0], type) and issubclass(values[0], _enum.Enum):
        return _s.EnumMember(values[0])
    return _s.literal(*values)


_PARTS: dict[type[Schema], str] = {
    _s.String: r"(?s:.*)",
    _s.Integer: r"-?(?:0|[1-9][0-9]*)",
    _s.Number: r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?",
    _s.Float: r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?",
    _s.Boolean: "true|false",
    _s.Null: "null",
}


def template(*parts: Any) -> Schema:
    """Text made of fixed and free parts, like a template literal type: `g.template("user-", g.integer())`.

    Args:
        parts: text that stands as it is, or nodes without constraints: string, integer, number, boolean, null, literals and
            unions of them.
    """
    return _s.String(patterns=(f"^{''.join(_part(part) for part in parts)}$",))


def _part(part: Any) -> str:
    if isinstance(part, str):
        return re.escape(part)
    node = _node(part)
    if isinstance(node, _c.Union):
        return f"(?:{'|'.join(_part(member) for member in node.members)})"
    if isinstance(node, _s.Literal):
        return f"(?:{'|'.join(re.escape(str(value)) for value in node.values)})"
    known = _PARTS.get(type(node))
    if known is None or node != type(node)():
        raise SchemaError(f"a template has no part of {node!r}: write the pattern with g.string(pattern=...)")
    return f"(?:{known})"


def array(item: Any, *, min_length: int = 0, max_length: int | None = None, unique: bool = False) -> Schema:
    """Lists of one type (`list[...]`).

    Args:
        item: what each item is.
        min_length: fewest items.
        max_length: most items.
        unique: whether no two items may be equal.
    """
    node = _c.Array(rest=_node(item), min_length=min_length, max_length=max_length, unique=unique)
    return _built(node)


def tuple(*items: Any, rest: Any = None, suffix: Sequence[Any] = ()) -> Schema:
    """Tuples (`tuple[...]`).

    Args:
        items: what each item is; `g.optional(...)` for trailing ones that may be missing.
        rest: what all further items are; none when left out.
        suffix: what the items after the rest are.
    """
    given = [item.schema if isinstance(item, Optional) else _node(item) for item in items]
    required = len([item for item in items if not isinstance(item, Optional)])
    if [item for item in items[:required] if isinstance(item, Optional)]:
        raise SchemaError("an optional item of a tuple has only optional items behind it")
    return _built(
        _c.Array(
            _tuple(given),
            None if rest is None else _node(rest),
            _tuple([_node(item) for item in suffix]),
            required,
            container="tuple",
        )
    )


def object(
    fields: Mapping[str, Any], *, extra: Literal["drop", "forbid", "keep"] | None = None, rest: Any = None
) -> Schema:
    """Records: dicts with known keys (`TypedDict`).

    Args:
        fields: what is under each key; `g.optional(...)` for keys that may be missing.
        extra: what happens to other keys: `drop` them (the default), `forbid` or `keep` them.
        rest: what is under all other keys, which are then kept.
    """
    known = [_field(name, item) for name, item in fields.items()]
    if rest is not None:
        return _built(_c.Record(_tuple(known), extra=extra or "keep", rest=_node(rest)))
    return _built(_c.Record(_tuple(known), extra=extra or "drop"))


def _field(name: str, item: Any) -> Field:
    if isinstance(item, Optional):
        return Field(name=name, schema=item.schema, required=False)
    return Field(name=name, schema=_node(item))


def record(keys: Any, values: Any) -> Schema:
    """Objects with keys of one type and values of another: a record where the keys are literals, else a map.

    Args:
        keys: what the keys are.
        values: what the values are.
    """
    node, value = _node(keys), _node(values)
    if isinstance(node, _s.Literal) and _builtins.all(type(name) is str for name in node.values):
        return _built(_c.Record(_tuple([Field(name=str(name), schema=value) for name in node.values])))
    return _built(_c.Map(node, value))


def map(keys: Any, values: Any, *, min_length: int = 0, max_length: int | None = None) -> Schema:
    """Dicts with any number of keys (`dict[...]`).

    Args:
        keys: what the keys are.
        values: what the values are.
        min_length: fewest keys.
        max_length: most keys.
    """
    return _built(_c.Map(_node(keys), _node(values), min_length, max_length))


def set(item: Any, *, min_length: int = 0, max_length: int | None = None) -> Schema:
    """Sets (`set[...]`).

    Args:
        item: what each item is.
        min_length: fewest items.
        max_length: most items.
    """
    return _built(_c.Set(_node(item), min_length, max_length))


def frozenset(item: Any, *, min_length: int = 0, max_length: int | None = None) -> Schema:
    """Immutable sets (`frozenset[...]`).

    Args:
        item: what each item is.
        min_length: fewest items.
        max_length: most items.
    """
    return _built(_c.Set(_node(item), min_length, max_length, frozen=True))


def date() -> Schema:
    """Calendar dates (`datetime.date`)."""
    return _s.Date()


def time(*, zone: Literal["aware", "naive", "any"] = "any") -> Schema:
    """Times of day (`datetime.time`).

    Args:
        zone: whether they have a time zone.
    """
    return _s.Time(zone=zone)


def datetime(*, zone: Literal["aware", "naive", "any"] = "aware") -> Schema:
    """Moments, which is what `Date` of TypeScript is (`datetime.datetime`).

    Args:
        zone: whether they have a time zone.
    """
    return _s.DateTime(zone=zone)


def duration() -> Schema:
    """Lengths of time (`datetime.timedelta`)."""
    return _s.Duration()


def uuid(*, version: int | None = None) -> Schema:
    """UUIDs (`uuid.UUID`).

    Args:
        version: 1 to 8, or any.
    """
    return _s.Uuid(version)


def path() -> Schema:
    """File system paths (`pathlib.Path`)."""
    return _s.FilePath()


def ip(*, version: Literal[4, 6] = 4, kind: Literal["address", "network", "interface"] = "address") -> Schema:
    """IP addresses, networks and interfaces (`ipaddress`).

    Args:
        version: 4 or 6.
        kind: which of the three.
    """
    return _s.IpAddress(kind, version)


def regex() -> Schema:
    """Compiled regular expressions (`re.Pattern[str]`)."""
    return _s.Regex()


def union(*members: Any) -> Any:
    """Values of any member (`A | B`). With `g.undefined()` among them, something optional.

    Args:
        members: the types.
    """
    absent = [member for member in members if isinstance(member, Optional)]
    nodes = [member.schema if isinstance(member, Optional) else _node(member) for member in members]
    whole = _built(_c.union(*nodes))
    return Optional(whole) if absent else whole


def discriminated(key: str, *members: Any) -> Schema:
    """A union of records that one key tells apart.

    Args:
        key: the key, with literals of its own in each member.
        members: the records.

    Raises:
        SchemaError: the key does not tell them apart.
    """
    return Discriminator(key).apply(_c.union(*[_node(member) for member in members]))


def intersection(*members: Any) -> Schema:
    """Values of every member: `A & B`.

    Args:
        members: the types.
    """
    return _built(_c.intersection(*[_node(member) for member in members]))


def ref(name: str) -> Schema:
    """The definition of that name, in a `g.define` around it.

    Args:
        name: which.
    """
    return _c.Ref(name)


def define(root: Any, known: Mapping[str, Any]) -> Schema:
    """A type that refers to itself: `g.define(g.ref("Node"), {"Node": g.object({"next": g.optional(g.ref("Node"))})})`.

    Args:
        root: the type.
        known: what each name of a `g.ref` stands for.

    Raises:
        SchemaError: a name is not defined, or is nothing but itself.
    """
    return definitions(_node(root), {name: _node(item) for name, item in known.items()})


def sensitive(item: Any) -> Schema:
    """The same values, which no diagnostic shows (`Sensitive[...]`).

    Args:
        item: the type.
    """
    return _built(Hidden().apply(_node(item)))


def predicate(item: Any, check: Callable[[Any], _Object], message: str, *, id: str | None = None) -> Schema:
    """The values for which a function is true (`Annotated[..., Predicate(...)]`).

    Args:
        item: the type.
        check: gets the validated value.
        message: what a problem says.
        id: the identity that fingerprints know it by; module and name when left out.
    """
    return _built(Predicate(check, message, id).apply(_node(item)))


def describe(item: Any, description: str | None = None, *, title: str | None = None) -> Schema:
    """The same type with words for people.

    Args:
        item: the type.
        description: a sentence or more.
        title: a name.
    """
    return _Describe(description, title).apply(_node(item))


def _on_record(item: Any, change: Callable[[_c.Record], Schema]) -> Schema:
    node = _node(item)
    if isinstance(node, _c.Definitions):
        root = node.root
        while isinstance(root, _c.Ref):
            root = node.by_name[root.name]
        return definitions(_on_record(root, change), node.by_name)
    if isinstance(node, _c.Sensitive):
        return replace(node, base=_on_record(node.base, change))
    if isinstance(node, _c.Union):
        return _c.union(*[_on_record(member, change) for member in node.members])
    if not isinstance(node, _c.Record):
        raise SchemaError(f"only records have keys to choose from, not {type(node).__name__}")
    return change(replace(node, cls=None, meta=None) if node.cls is not None else replace(node, meta=None))


def _with_fields(record: _c.Record, fields: list[Field]) -> Schema:
    return replace(record, fields=_tuple(fields))


def partial(item: Any) -> Schema:
    """The record with every key optional.

    Args:
        item: a record; a dataclass becomes a plain record.
    """
    return _on_record(item, lambda r: _with_fields(r, [replace(f, required=False) for f in r.fields]))


def required(item: Any) -> Schema:
    """The record with every key required, defaults removed.

    Args:
        item: a record; a dataclass becomes a plain record.
    """
    return _on_record(
        item,
        lambda r: _with_fields(
            r, [Field(name=f.name, schema=f.schema, read_only=f.read_only) for f in r.fields]
        ),
    )


def readonly(item: Any) -> Schema:
    """The record with every key marked read-only, which type checkers and JSON Schema show.

    Args:
        item: a record; a dataclass becomes a plain record.
    """
    return _on_record(item, lambda r: _with_fields(r, [replace(f, read_only=True) for f in r.fields]))


def pick(item: Any, *names: str) -> Schema:
    """The record with these keys alone.

    Args:
        item: a record; a dataclass becomes a plain record.
        names: the keys to keep.

    Raises:
        SchemaError: a key is not there.
    """
    return _on_record(
        item, lambda r: _with_fields(_known(r, names), [f for f in r.fields if f.name in names])
    )


def omit(item: Any, *names: str) -> Schema:
    """The record without these keys.

    Args:
        item: a record; a dataclass becomes a plain record.
        names: the keys to leave out.

    Raises:
        SchemaError: a key is not there.
    """
    return _on_record(
        item, lambda r: _with_fields(_known(r, names), [f for f in r.fields if f.name not in names])
    )


def _known(record: _c.Record, names: Sequence[str]) -> _c.Record:
    missing = [name for name in names if record.field(name) is None]
    if missing:
        there = ", ".join([item.name for item in record.fields])
        raise SchemaError(f"the record has no key {missing[0]!r}; it has {there or 'none'}")
    return record


def keyof(item: Any) -> Schema:
    """The names of the keys, as literals.

    Args:
        item: a record.
    """
    return _on_record(item, lambda r: _s.literal(*[f.name for f in r.fields]))


def _members(item: Any) -> list[Schema]:
    node = _node(item)
    nodes = list(node.members) if isinstance(node, _c.Union) else [node]
    found: list[Schema] = []
    for each in nodes:
        if isinstance(each, _s.Literal):
            found.extend([_s.Literal((value,)) for value in each.values])
        elif isinstance(each, _s.Boolean):
            found.extend([_s.Literal((True,)), _s.Literal((False,))])
        else:
            found.append(each)
    return found


def exclude(item: Any, *removed: Any) -> Schema:
    """The members of a union without some of them.

    Args:
        item: a union, literals among them counted one by one.
        removed: the members to take out.
    """
    out = [member for part in removed for member in _members(part)]
    return _rejoined([member for member in _members(item) if member not in out])


def extract(item: Any, *kept: Any) -> Schema:
    """The members of a union that are among some others.

    Args:
        item: a union, literals among them counted one by one.
        kept: the members to keep.
    """
    wanted = [member for part in kept for member in _members(part)]
    return _rejoined([member for member in _members(item) if member in wanted])


def _rejoined(members: list[Schema]) -> Schema:
    truths = [each for each in members if isinstance(each, _s.Literal) and type(each.values[0]) is bool]
    if len(truths) == 2:
        members = [each for each in members if each not in truths] + [_s.Boolean()]
    return _c.union(*members)


def non_nullable(item: Any) -> Schema:
    """The union without `None`.

    Args:
        item: a union.
    """
    return exclude(item, null())
