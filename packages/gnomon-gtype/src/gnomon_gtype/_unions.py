"""Which member of a union a value belongs to when more than one accepts it: the same answer however the union is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._schema import Schema

_RANKS: tuple[type[Schema], ...] = (
    s.Nothing,
    s.Null,
    s.Boolean,
    s.Literal,
    s.EnumMember,
    s.Integer,
    s.Number,
    s.Float,
    s.DecimalNumber,
    s.Uuid,
    s.DateTime,
    s.Date,
    s.Time,
    s.Duration,
    s.IpAddress,
    s.String,
    s.Bytes,
    s.Regex,
    s.FilePath,
    c.Record,
    c.Map,
    c.Array,
    c.Set,
    c.Union,
    c.Intersection,
    c.Not,
    c.Opaque,
    s.Anything,
)


def resolved(node: Schema, known: Mapping[str, Schema]) -> Schema:
    """The node behind references and wrappers, which decides where a member ranks."""
    while True:
        if isinstance(node, (c.Sensitive, c.Spelled, c.Refined)):
            node = node.base
        elif isinstance(node, c.Ref):
            node = known[node.name]
        else:
            return node


def preferred(members: Sequence[Schema], known: Mapping[str, Schema]) -> list[Schema]:
    """The members in the order they are tried: narrow kinds before wide ones, text last among what JSON writes as text.

    So `1` is an integer before it is a float, and `"2026-01-01"` a date before it is text. Members of one kind are tried in
    the order of their digests, records with more required fields first, so that the order written never matters.
    """

    def rank(node: Schema) -> tuple[int, int, int, str]:
        inner = resolved(node, known)
        required = sum(item.required for item in inner.fields) if isinstance(inner, c.Record) else 0
        wrapped = 0 if node is inner or isinstance(node, c.Ref) else -1
        return (_RANKS.index(type(inner)), -required, wrapped, node.digest)

    return sorted(members, key=rank)


def competing_records(members: Sequence[Schema], known: Mapping[str, Schema]) -> bool:
    """Whether two members or more are records of plain dicts: the one with most of its keys in the value then wins."""
    inner = [resolved(node, known) for node in members]
    return sum(isinstance(node, c.Record) and node.cls is None for node in inner) > 1


def order_for(members: Sequence[Schema], value: object, known: Mapping[str, Schema]) -> list[Schema]:
    """The members in the order in which they are tried for one value."""
    order = preferred(members, known)
    if competing_records(order, known):
        order.sort(key=lambda member: -known_keys(member, value, known))
    return order


def known_keys(node: Schema, value: object, known: Mapping[str, Schema]) -> int:
    """How many keys of `value` the record behind `node` names."""
    inner = resolved(node, known)
    if not isinstance(inner, c.Record) or not isinstance(value, dict):
        return -1
    names = {
        key for key in dict.keys(value) if type(key) is str
    }  # not the methods of a subclass, nor of its keys
    return sum(item.name in names for item in inner.fields)
