"""Hypothesis strategies for the values of each node of a schema tree. Imported by `gnomon_gtype.testing` alone.

Longer than most modules: one short method per class of node, in the order of the table in `gnomon_gtype.schema`.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import math
import re
import string
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from gnomon_gtype import _checks as checks
from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._containment._decide import contains
from gnomon_gtype._formats import FORMATS
from gnomon_gtype._gtype import GType
from gnomon_gtype._interpret import REFUSED, Reading
from gnomon_gtype._json_schema_patterns import engine_to_python
from gnomon_gtype._problems import Problem
from gnomon_gtype._recursion import definitions
from gnomon_gtype._schema import Schema
from gnomon_gtype._testing_numbers import exact, floats, integers, quotient, times
from gnomon_gtype._testing_recursion import Recursion

Strategy = st.SearchStrategy[Any]

JSON_VALUES: Strategy = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
_NONE = object()
_STEPS = 20_000
"""How long it is searched for a reason why a type accepts nothing."""
_MAYBE_EMPTY = (c.Array, c.Record, c.Map, c.Set, c.Intersection, c.Not, c.Refined, s.String, s.DecimalNumber)
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m)))
_ZONES = st.one_of(st.just(datetime.UTC), _OFFSETS)


class Making:
    """Makes strategies for the nodes of one tree.

    Args:
        known: the nodes that references name.
        opaque: a strategy for each id of an opaque part that has none of its own.
        level: how many references lead to the values that are made.
    """

    def __init__(
        self, known: Mapping[str, Schema], opaque: Mapping[str, Strategy], *, level: int = 0
    ) -> None:
        self.known = known
        self.opaque_values = opaque
        self.level = level
        self.recursion = Recursion(known)
        self.made: dict[str, Strategy] = {}
        self.emptiness: dict[Schema, bool] = {}
        self._deeper: Making | None = None

    @property
    def deepest(self) -> bool:
        """Whether values must end here, as soon as their type lets them."""
        return self.level == self.recursion.levels

    def deeper(self) -> Making:
        """What makes the values behind a reference."""
        if self.deepest:
            return self
        if self._deeper is None:
            self._deeper = Making(self.known, self.opaque_values, level=self.level + 1)
            self._deeper.emptiness = self.emptiness
        return self._deeper

    def most(self, node: Schema, low: int, high: int | None) -> int | None:
        """Most items of a collection of `node`: few when each may hold further ones, or the values would never end."""
        if not self.recursion.inside(node):
            return high
        spare = 0 if self.deepest else max(1, 3 - self.level)
        return low + spare if high is None else max(low, min(high, low + spare))

    def problems(self, node: Schema, value: Any) -> tuple[Problem, ...]:
        """What is wrong with a Python value."""
        return Reading("python", self.known).attempt(node, value, ())[1]

    def accepts(self, node: Schema, value: Any) -> bool:
        """Whether the node accepts a Python value."""
        return Reading("python", self.known, limit=1).attempt(node, value, ())[0] is not REFUSED

    def checked(self, node: Schema, strategy: Strategy) -> Strategy:
        """The values of `strategy` that the node accepts."""
        return strategy.filter(lambda value: self.accepts(node, value))

    def values(self, node: Schema) -> Strategy:
        """Values that the node accepts."""
        if isinstance(node, _MAYBE_EMPTY) and self.empty(node):
            return st.nothing()
        return _MAKERS[type(node)](self, node)

    def empty(self, node: Schema) -> bool:
        """Whether it is certain that the node accepts nothing, which Hypothesis would take for a mistake or search in vain."""
        if node not in self.emptiness:
            tree: GType[Any] = GType.from_schema(definitions(node, self.known))
            nothing: GType[Any] = GType.from_schema(s.Nothing())
            self.emptiness[node] = contains(nothing, tree, budget=_STEPS).answer == "yes"
        return self.emptiness[node]

    def only_empty(self, node: c.Array | c.Map | c.Set) -> bool:
        """Whether a collection without items is all that the node accepts, which itself accepts something."""
        return not node.min_length and self.empty(replace(node, min_length=1))

    def reference(self, node: c.Ref) -> Strategy:
        below = self.deeper()
        if node.name not in below.made:
            below.made[node.name] = st.deferred(lambda: below.values(below.known[node.name]))
        return below.made[node.name]

    def literal(self, node: s.Literal) -> Strategy:
        return st.sampled_from(node.values)

    def enum(self, node: s.EnumMember) -> Strategy:
        return st.sampled_from(node.members) if node.members else st.nothing()

    def integer(self, node: s.Integer) -> Strategy:
        return integers(node.minimum, node.maximum, node.multiple_of or 1)

    def float(self, node: s.Float) -> Strategy:
        found = self.checked(node, floats(node))
        return (
            found
            if node.finite
            else st.one_of(found, self.checked(node, st.sampled_from([math.inf, -math.inf, math.nan])))
        )

    def number(self, node: s.Number) -> Strategy:
        step = Fraction(1) if node.multiple_of is None else exact(node.multiple_of)
        whole = integers(node.minimum, node.maximum, step.numerator)
        return st.one_of(self.checked(node, whole), self.checked(node, floats(node)))

    def decimal(self, node: s.DecimalNumber) -> Strategy:
        most = 10 ** min(node.max_digits, 40) - 1 if node.max_digits is not None else 10**20
        deepest = min(6, node.max_digits or 6) if node.decimal_places is None else node.decimal_places
        step = None if node.multiple_of is None else Fraction(node.multiple_of)

        def at_places(places: int) -> Strategy:
            unit = step or Fraction(1, 10**places)
            low = quotient(node.minimum, unit, math.ceil, -most)
            high = quotient(node.maximum, unit, math.floor, most)
            if low > high:
                return st.nothing()
            if node.multiple_of is not None:
                return st.integers(low, high).map(lambda k: times(k, node.multiple_of))
            return st.integers(low, high).map(lambda n: Decimal(f"{n}e-{places}"))

        places = [at_places(number) for number in range(1 if step else deepest + 1)]
        return self.checked(node, st.one_of(places))

    def text(self, node: s.String) -> Strategy:
        patterns = list(node.patterns)
        low, high = node.min_length, node.max_length
        if node.format is not None:
            item = FORMATS[node.format]
            if item.name == "json":
                return self.checked(node, JSON_VALUES.map(json.dumps))
            patterns.insert(0, item.pattern)
        if not patterns:
            return st.text(min_size=low, max_size=high) if high is None or low <= high else st.nothing()
        python = engine_to_python(patterns[0])
        found = st.text(min_size=low, max_size=high) if python is None else st.from_regex(python)
        return self.checked(node, found)

    def bytes(self, node: s.Bytes) -> Strategy:
        low, high = node.min_length, node.max_length
        return st.binary(min_size=low, max_size=high) if high is None or low <= high else st.nothing()

    def date(self, node: s.Date) -> Strategy:
        low, high = _between(node, datetime.date.min, datetime.date.max)
        return self.checked(node, st.dates(low, high)) if low <= high else st.nothing()

    def time(self, node: s.Time) -> Strategy:
        return self._zoned(node, datetime.time.min, datetime.time.max, st.times)

    def datetime(self, node: s.DateTime) -> Strategy:
        # a day from the ends, so that no offset leads beyond them
        first, last = datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30)  # noqa: DTZ001
        return self._zoned(node, first, last, st.datetimes)

    def _zoned(self, node: Any, first: Any, last: Any, make: Callable[..., Strategy]) -> Strategy:
        limits = [limit for limit in (node.minimum, node.maximum) if limit is not None]
        zone = limits[0].tzinfo if limits else None
        low, high = node.minimum, node.maximum
        if zone is not None and isinstance(limits[0], datetime.datetime):
            low, high = (None if limit is None else limit.astimezone(zone) for limit in (low, high))
        low, high = (None if limit is None else limit.replace(tzinfo=None) for limit in (low, high))
        low, high = first if low is None else low, last if high is None else high
        if low > high:
            return st.nothing()
        naive = make(low, high)
        aware = make(low, high, timezones=_ZONES if zone is None else st.just(zone))
        choices = {"aware": aware, "naive": naive, "any": st.one_of(naive, aware)}
        return self.checked(node, choices[node.zone])

    def duration(self, node: s.Duration) -> Strategy:
        low, high = _between(node, datetime.timedelta.min, datetime.timedelta.max)
        return self.checked(node, st.timedeltas(low, high)) if low <= high else st.nothing()

    def uuid(self, node: s.Uuid) -> Strategy:
        version = node.version
        if version is None:
            return st.uuids()
        # RFC 9562: the version in bits 48 to 51, the variant 10 in bits 64 and 65
        kept = ~((0xF << 76) | (0x3 << 62))
        return st.integers(0, 2**128 - 1).map(lambda n: uuid.UUID(int=n & kept | version << 76 | 0x2 << 62))

    def path(self, node: s.FilePath) -> Strategy:
        cls = checks.PATHS[node.kind]
        try:
            cls("a")
        except NotImplementedError:  # a WindowsPath elsewhere, or the other way round
            return st.nothing()
        part = st.text(string.ascii_letters + string.digits + " ._-é", min_size=1, max_size=12)
        return st.builds(
            lambda root, parts: cls(root, *parts), st.sampled_from(["", "/"]), st.lists(part, max_size=4)
        )

    def ip(self, node: s.IpAddress) -> Strategy:
        cls = checks.IPS[node.kind, node.version]
        addresses = st.ip_addresses(v=node.version)
        if node.kind == "address":
            return addresses
        prefix = st.integers(0, 32 if node.version == 4 else 128)
        interface = ipaddress.IPv4Interface if node.version == 4 else ipaddress.IPv6Interface
        made = st.builds(lambda address, length: interface((int(address), length)), addresses, prefix)
        return (
            made.map(lambda item: item.network)
            if node.kind == "network"
            else made.map(lambda item: cls(str(item)))
        )

    def regex(self, _node: s.Regex) -> Strategy:
        return st.sampled_from(["", "a+", "^[0-9]{2}$", "(?P<x>.)(?P=x)", r"\bé\b"]).map(re.compile)

    def array(self, node: c.Array) -> Strategy:
        if node.rest is not None and not (node.prefix or node.suffix or node.contains):
            key = checks.json_key if node.unique else None
            most = self.most(node.rest, node.min_length, node.max_length)
            items = (
                st.builds(list)
                if most == 0 or self.only_empty(node)
                else st.lists(self.values(node.rest), min_size=node.min_length, max_size=most, unique_by=key)
            )
            return items if node.container in ("list", "sequence") else items.map(tuple)
        return self.checked(node, self._composed_array(node))

    def _composed_array(self, node: c.Array) -> Strategy:
        prefix, suffix = (
            [self.values(item) for item in node.prefix],
            [self.values(item) for item in node.suffix],
        )
        rest = None if node.rest is None or self.empty(node.rest) else self.values(node.rest)
        wanted = [
            (self.values(c.intersection(node.rest or s.Anything(), part)), fewest)
            for part, fewest, _ in node.contains
        ]

        longest_given = len(prefix)
        if self.deepest and any(map(self.recursion.inside, node.prefix)):
            longest_given = node.required or 0

        @st.composite
        def build(draw: st.DrawFn) -> Any:
            complete = node.required is None
            fewest_given = node.required or 0
            number = len(prefix) if complete else draw(st.integers(fewest_given, longest_given))
            items = [draw(item) for item in prefix[:number]]
            if rest is not None and number == len(prefix):
                for strategy, fewest in wanted:
                    items += [draw(strategy) for _ in range(fewest)]
                missing = max(0, node.shortest - len(items) - len(suffix))
                limit = None if node.max_length is None else node.max_length - len(items) - len(suffix)
                assume(limit is None or limit >= missing)
                limit = self.most(node.rest or s.Anything(), missing, limit)
                items += draw(st.lists(rest, min_size=missing, max_size=limit))
            items += [draw(item) for item in suffix]
            if node.cls is not None:
                return node.cls(*items)
            return tuple(items) if node.container == "tuple" else items

        return build()

    def record(self, node: c.Record) -> Strategy:
        fields = [item for item in node.fields if item.init]
        required = {item.name: self.values(item.schema) for item in fields if item.required}
        optional = {
            item.name: self.values(item.schema)
            for item in fields
            if not (item.required or isinstance(item.schema, s.Nothing))
            and not (self.deepest and self.recursion.inside(item.schema))
        }
        named: Strategy = st.fixed_dictionaries(required, optional=optional)
        if node.cls is not None:
            cls = node.cls
            return self.checked(node, named.map(lambda found: cls(**found)))
        parts = [named, *(self._matching(pattern, part) for pattern, part in node.patterns)]
        if node.extra == "keep":
            parts.append(self._others(node))
        # named fields last, so that they win
        merged = (
            named
            if len(parts) == 1
            else st.tuples(*parts[1:], named).map(lambda found: dict(_chained(found)))
        )
        plain = not (node.patterns or node.keys or node.min_length or node.max_length is not None)
        return merged if plain else self.checked(node, merged)

    def _matching(self, pattern: str, part: Schema) -> Strategy:
        text = s.String(patterns=(pattern,))
        most = self.most(part, 0, 2)
        if most == 0 or self.empty(text) or self.empty(part):
            return st.builds(dict)
        keys = self.values(text)
        return st.dictionaries(keys, self.values(part), max_size=most)

    def _others(self, node: c.Record) -> Strategy:
        names = {item.name for item in node.fields}
        text = s.String() if node.keys is None else c.intersection(s.String(), node.keys)
        rest = node.rest or s.Anything()
        fewest = max(0, node.min_length - len(names))
        most = self.most(rest, fewest, fewest + 2)
        if most == 0 or self.empty(text) or self.empty(rest):
            return st.builds(dict)
        keys = st.text(max_size=8) if node.keys is None else self.values(text)
        return st.dictionaries(
            keys.filter(lambda key: key not in names),
            self.values(rest),
            min_size=fewest,
            max_size=most,
        )

    def map(self, node: c.Map) -> Strategy:
        low, high = node.min_length, self.most(node, node.min_length, node.max_length)
        if high == 0 or self.only_empty(node):
            return st.builds(dict)
        pairs = st.dictionaries(
            self.hashable(node.keys), self.values(node.values), min_size=low, max_size=high
        )
        return self.checked(node, pairs)

    def hashable(self, node: Schema) -> Strategy:
        """The values of a node that may be in a set, or be keys."""
        return self.values(_hashable_part(node)).filter(can_hash)

    def set(self, node: c.Set) -> Strategy:
        low, high = node.min_length, self.most(node.items, node.min_length, node.max_length)
        if high == 0 or self.only_empty(node):
            return st.builds(frozenset if node.frozen else set)
        items = st.lists(self.hashable(node.items), min_size=low, max_size=high, unique=True)
        return self.checked(node, items.map(frozenset if node.frozen else set))

    def union(self, node: c.Union) -> Strategy:
        members = self.recursion.shortest(node.members) if self.deepest else node.members
        return st.one_of([self.values(member) for member in members])

    def intersection(self, node: c.Intersection) -> Strategy:
        makers = [self.values(member) for member in node.members if not isinstance(member, c.Not)]
        makers = makers or [JSON_VALUES]

        def chosen(found: tuple[Any, ...]) -> Any:
            tried = list(found)
            if all(type(item) is dict for item in found):
                tried.insert(0, dict(_chained(found)))
            return next((value for value in tried if self.accepts(node, value)), _NONE)

        return st.tuples(*makers).map(chosen).filter(lambda value: value is not _NONE)

    def negated(self, node: c.Not) -> Strategy:
        return self.checked(node, JSON_VALUES)

    def refined(self, node: c.Refined) -> Strategy:
        return self.checked(node, self.values(node.base))

    def opaque(self, node: c.Opaque) -> Strategy:
        if node.id in self.opaque_values:
            return self.checked(node, self.opaque_values[node.id])
        if node.cls is not None:
            return self.checked(node, st.from_type(node.cls))
        reason = (
            f"{node.id!r} is opaque and no class; give values for it with opaque={{{node.id!r}: strategy}}"
        )
        raise ValueError(reason)


def _between(node: s.Bounded, first: Any, last: Any) -> tuple[Any, Any]:
    return (first if node.minimum is None else node.minimum), (last if node.maximum is None else node.maximum)


def _chained(parts: Any) -> Any:
    return (pair for part in parts for pair in part.items())


def _hashable_part(node: Schema) -> Schema:
    """A node without the union members of which no value can be hashed."""
    if isinstance(node, c.Union):
        return c.union(*map(_hashable_part, node.members))
    mutable = isinstance(node, c.Map) or (isinstance(node, c.Array) and node.container == "list")
    mutable = mutable or (isinstance(node, c.Record) and node.cls is None)
    return s.Nothing() if mutable or (isinstance(node, c.Set) and not node.frozen) else node


def can_hash(value: Any) -> bool:
    """Whether a value may be in a set, or be a key."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


_MAKERS: dict[type[Schema], Callable[[Making, Any], Strategy]] = {
    s.Anything: lambda _making, _node: JSON_VALUES,
    s.Nothing: lambda _making, _node: st.nothing(),
    s.Null: lambda _making, _node: st.none(),
    s.Boolean: lambda _making, _node: st.booleans(),
    s.Integer: Making.integer,
    s.Float: Making.float,
    s.Number: Making.number,
    s.DecimalNumber: Making.decimal,
    s.String: Making.text,
    s.Bytes: Making.bytes,
    s.Literal: Making.literal,
    s.EnumMember: Making.enum,
    s.Date: Making.date,
    s.Time: Making.time,
    s.DateTime: Making.datetime,
    s.Duration: Making.duration,
    s.Uuid: Making.uuid,
    s.FilePath: Making.path,
    s.IpAddress: Making.ip,
    s.Regex: Making.regex,
    c.Array: Making.array,
    c.Record: Making.record,
    c.Map: Making.map,
    c.Set: Making.set,
    c.Union: Making.union,
    c.Intersection: Making.intersection,
    c.Not: Making.negated,
    c.Sensitive: lambda making, node: making.values(node.base),
    c.Refined: Making.refined,
    c.Opaque: Making.opaque,
    c.Ref: Making.reference,
    c.Definitions: lambda making, node: making.values(node.root),
}
