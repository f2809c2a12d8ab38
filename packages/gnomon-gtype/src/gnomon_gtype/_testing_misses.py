"""Hypothesis strategies for values that are wrong in exactly one place. Imported by `gnomon_gtype.testing` alone."""

from __future__ import annotations

import datetime
import enum
import math
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, TypeGuard

from hypothesis import strategies as st

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._schema import Schema
from gnomon_gtype._testing_values import Making, Strategy, can_hash

_OTHERS: tuple[Any, ...] = (
    None,
    True,
    7,
    -1,
    1.5,
    math.nan,
    Decimal("0.5"),
    "",
    "text",
    b"x",
    (),
    [],
    {},
    {1: 2},
    set(),
)
"""One of nearly every kind: what is tried in place of a value."""
_LONG = 2_000
"""No value is made that is longer, only to be too long."""


class Breaking:
    """Makes strategies for near misses of the nodes of one tree."""

    def __init__(self, making: Making) -> None:
        self.making = making
        self.made: dict[str, Strategy] = {}

    def misses(self, node: Schema) -> Strategy:
        """Values that the node refuses for one reason, in one place."""
        if isinstance(node, (c.Sensitive, c.Definitions)):
            return self.misses(node.base if isinstance(node, c.Sensitive) else node.root)
        if isinstance(node, c.Ref):
            return self.reference(node)
        wrong = [value for value in _OTHERS if self.one_place(node, value)]
        strategies = [st.sampled_from(wrong)] if wrong else []
        strategies += [self.guarded(node, found) for found in _BREAKERS.get(type(node), _nothing)(self, node)]
        return st.one_of(strategies)

    def one_place(self, node: Schema, value: Any) -> bool:
        """Whether the node refuses the value, and everything that it finds wrong is in one place."""
        return len({problem.path for problem in self.making.problems(node, value)}) == 1

    def guarded(self, node: Schema, strategy: Strategy) -> Strategy:
        """The values of `strategy` that are wrong in one place."""
        return strategy.filter(lambda value: self.one_place(node, value))

    def reference(self, node: c.Ref) -> Strategy:
        if node.name not in self.made:
            self.made[node.name] = st.deferred(lambda: self.misses(self.making.known[node.name]))
        return self.made[node.name]

    def number(self, node: Any) -> list[Strategy]:
        """Just outside of the limits, and between the steps."""
        kind = Decimal if isinstance(node, s.DecimalNumber) else int
        found: list[Strategy] = []
        for limit, away in ((node.minimum, -1), (node.maximum, 1)):
            if limit is not None:
                found.append(st.integers(0, 1000).map(partial(_moved, kind, limit, away)))
        if node.multiple_of is not None:
            halves = [self.making.values(node).map(lambda value: value + type(value)(1))]
            found.extend(halves)
        if isinstance(node, s.DecimalNumber):
            found.append(st.just(Decimal("1234567890.123456789")))
        return found

    def text(self, node: s.String) -> list[Strategy]:
        """Valid text with something cut off or put on, and any other text."""
        valid = self.making.values(node)
        short = node.max_length is not None and node.max_length < 12
        found = [st.text(max_size=12)] if node.patterns or node.format or short else []
        if node.patterns or node.format:
            found.append(st.tuples(valid, st.sampled_from(["\n", " ", "!", "\0", "é"])).map("".join))
        if node.min_length:
            found.append(valid.map(lambda text: text[: node.min_length - 1]))
        if _may_exceed(node.max_length):
            most = node.max_length
            found.append(valid.map(lambda text: (text + "x" * most)[:most] + "x"))
        return [st.just("\ud800"), *found]

    def bytes(self, node: s.Bytes) -> list[Strategy]:
        found = []
        if node.min_length:
            found.append(st.binary(max_size=node.min_length - 1))
        if _may_exceed(node.max_length):
            found.append(st.binary(min_size=node.max_length + 1, max_size=node.max_length + 3))
        return found

    def literal(self, node: s.Literal | s.EnumMember) -> list[Strategy]:
        """The same value in another kind, and its near neighbours."""
        values = node.values if isinstance(node, s.Literal) else node.members
        near: list[Any] = []
        for value in values:
            if isinstance(value, enum.Enum):
                near.append(value.value)
            elif isinstance(value, str):
                near += [value + " ", value[:-1], value.swapcase(), value.encode()]
            elif isinstance(value, bytes):
                near.append(value + b" ")
            else:
                near += [value + 1, str(value), not value, float(value) if abs(value) < 2**53 else value + 1]
        return [st.sampled_from(near)] if near else []

    def moment(self, node: s.Date | s.Time | s.DateTime | s.Duration) -> list[Strategy]:
        """Outside of the limits, in the wrong zone, of the neighbouring kind, and as text."""
        valid = self.making.values(node)
        bare = type(node)() if isinstance(node, (s.Date, s.Duration)) else type(node)(zone=node.zone)
        found: list[Strategy] = [valid.map(str)]
        if node.minimum is not None or node.maximum is not None:
            found.append(self.making.values(bare))
        if isinstance(node, s.Date):
            found.append(st.datetimes())
        elif isinstance(node, s.DateTime):
            found += [st.dates(), st.datetimes(), valid.map(lambda value: value.replace(tzinfo=None))]
            found.append(valid.map(lambda value: value.replace(tzinfo=datetime.UTC)))
        elif isinstance(node, s.Time):
            found.append(
                valid.map(lambda value: value.replace(tzinfo=None if value.tzinfo else datetime.UTC))
            )
        return found

    def spelled(self, node: Schema) -> list[Strategy]:
        """What JSON would write: text in place of the object."""
        found = [self.making.values(node).map(str)]
        if isinstance(node, s.Uuid) and node.version is not None:
            found.append(self.making.values(s.Uuid(version=node.version % 8 + 1)))
        return found

    def array(self, node: c.Array) -> list[Strategy]:
        """One item broken, missing, too many, or there twice."""
        valid = self.making.values(node)
        remade = _remaking(node)
        nodes = {part for part in (*node.prefix, node.rest, *node.suffix) if part is not None}
        broken = st.one_of([self.misses(part) for part in nodes])
        found = [_replacing(valid.filter(_has_items), broken, remade)]
        if node.cls is None:
            found.append(valid.map(lambda value: remade(list(value)[:-1])))
            found.append(valid.filter(_has_items).map(lambda value: remade([*value, value[-1]])))
            if _may_exceed(node.max_length):
                longer = c.Array(rest=node.rest or s.Anything(), min_length=node.max_length + 1)
                found.append(self.making.values(longer).map(remade))
        found.append(valid.map(tuple if node.container == "list" else list))
        return found

    def record(self, node: c.Record) -> list[Strategy]:
        """One value broken, one key missing or unknown."""
        if node.cls is not None:
            return self._dataclass(node)
        valid = self.making.values(node)
        found = []
        for item in node.fields:
            if item.required:
                found.append(valid.map(partial(_without, item.name)))
            found.append(self._put(valid, st.just(item.name), self.misses(item.schema)))
        names = st.text(max_size=8)
        if node.extra == "forbid":
            found.append(self._put(valid, names, st.none()))
        if node.rest is not None:
            found.append(self._put(valid, names, self.misses(node.rest)))
        for pattern, part in node.patterns:
            found.append(
                self._put(valid, self.making.values(s.String(patterns=(pattern,))), self.misses(part))
            )
        if node.keys is not None:
            found.append(
                self._put(valid, self.misses(node.keys).filter(lambda key: type(key) is str), st.none())
            )
        if node.min_length or _may_exceed(node.max_length):
            free = c.Record(
                node.fields, extra=node.extra, rest=node.rest, patterns=node.patterns, keys=node.keys
            )
            found.append(self.making.values(free))
            most = node.max_length if _may_exceed(node.max_length) else 0
            found.append(st.dictionaries(names, st.none(), min_size=most + 1, max_size=most + 3))
        return found

    @staticmethod
    def _put(valid: Strategy, keys: Strategy, values: Strategy) -> Strategy:
        # tuples, because Hypothesis sees that they are empty when one of them is
        return st.tuples(valid, keys, values).map(lambda parts: {**parts[0], parts[1]: parts[2]})

    def _dataclass(self, node: c.Record) -> list[Strategy]:
        """An instance with one attribute broken after it was made, as code that is not typed would."""
        valid = self.making.values(node)
        broken = [
            st.tuples(valid, st.just(field.name), self.misses(field.schema)).map(_with_attribute)
            for field in node.fields
        ]
        plain = valid.map(lambda value: {item.name: getattr(value, item.name, None) for item in node.fields})
        return [*broken, plain]

    def map(self, node: c.Map) -> list[Strategy]:
        """One key or one value broken, or the wrong number of them."""
        valid = self.making.values(node)
        keys, values = self.making.hashable(node.keys), self.making.values(node.values)
        hashable = self.misses(node.keys).filter(can_hash)
        found = [self._put(valid, hashable, values), self._put(valid, keys, self.misses(node.values))]
        if node.min_length or _may_exceed(node.max_length):
            found.append(st.dictionaries(keys, values))
        if _may_exceed(node.max_length):
            found.append(st.dictionaries(keys, values, min_size=node.max_length + 1))
        return found

    def set(self, node: c.Set) -> list[Strategy]:
        """One item broken, the wrong number, or another kind of container."""
        kind: Any = frozenset if node.frozen else set
        valid = self.making.values(node)
        hashable = self.misses(node.items).filter(can_hash)
        found = [st.tuples(valid, hashable).map(lambda parts: kind([*parts[0], parts[1]])), valid.map(list)]
        if node.min_length or _may_exceed(node.max_length):
            most = node.max_length if _may_exceed(node.max_length) else -1
            free = c.Set(node.items, min_length=most + 1, frozen=node.frozen)
            found += [
                valid.map(lambda value: kind(list(value)[: max(0, node.min_length - 1)])),
                self.making.values(free),
            ]
        return found

    def combined(self, node: c.Union | c.Intersection) -> list[Strategy]:
        """What a member refuses, and is still wrong in one place for all of them."""
        found = [self.misses(member) for member in node.members]
        if isinstance(node, c.Intersection):
            found.append(self.making.values(c.union(*node.members)))
            parts = [member for member in node.members if isinstance(member, c.Record)]
            valid = self.making.values(node).filter(lambda value: type(value) is dict)
            found += [
                self._put(valid, st.just(item.name), self.misses(item.schema))
                for part in parts
                for item in part.fields
            ]
        return found

    def negated(self, node: c.Not) -> list[Strategy]:
        return [self.making.values(node.base)]

    def refined(self, node: c.Refined) -> list[Strategy]:
        return [self.misses(node.base), self.making.values(node.base)]


def _may_exceed(limit: int | None) -> TypeGuard[int]:
    """Whether a value that is longer than the limit can be made in reasonable time."""
    return limit is not None and limit <= _LONG


def _nothing(_breaking: Breaking, _node: Any) -> list[Strategy]:
    return []


def _has_items(
    value: Any,
) -> bool:  # not `len` itself, which Hypothesis reads, and then trips over lists of at most one item
    return len(value) > 0


def _moved(kind: type, limit: Any, away: int, number: int) -> Any:
    """A limit, and what lies a little beyond it."""
    return limit + away * number / 8 if isinstance(limit, float) else limit + kind(away * number)


def _without(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != name}


def _remaking(node: c.Array) -> Callable[[list[Any]], Any]:
    if node.cls is not None:
        cls: Any = node.cls
        return lambda items: cls(*items)
    return tuple if node.container == "tuple" else list


def _replacing(valid: Strategy, broken: Strategy, remade: Callable[[list[Any]], Any]) -> Strategy:
    """A valid sequence with one item replaced by a broken one."""

    def replaced(parts: tuple[Any, int, Any]) -> Any:
        items = list(parts[0])
        items[parts[1] % len(items)] = parts[2]
        return remade(items)

    return st.tuples(valid, st.integers(0, 1000), broken).map(replaced)


def _with_attribute(parts: tuple[Any, str, Any]) -> Any:
    """A dataclass instance with one attribute replaced, frozen or not."""
    value, name, item = parts
    object.__setattr__(value, name, item)
    return value


_BREAKERS: dict[type[Schema], Callable[[Breaking, Any], list[Strategy]]] = {
    s.Integer: Breaking.number,
    s.Float: Breaking.number,
    s.Number: Breaking.number,
    s.DecimalNumber: Breaking.number,
    s.String: Breaking.text,
    s.Bytes: Breaking.bytes,
    s.Literal: Breaking.literal,
    s.EnumMember: Breaking.literal,
    s.Date: Breaking.moment,
    s.Time: Breaking.moment,
    s.DateTime: Breaking.moment,
    s.Duration: Breaking.moment,
    s.Uuid: Breaking.spelled,
    s.FilePath: Breaking.spelled,
    s.IpAddress: Breaking.spelled,
    c.Array: Breaking.array,
    c.Record: Breaking.record,
    c.Map: Breaking.map,
    c.Set: Breaking.set,
    c.Union: Breaking.combined,
    c.Intersection: Breaking.combined,
    c.Not: Breaking.negated,
    c.Refined: Breaking.refined,
}
