"""Trees of JSON values: what the JSON text that a type reads looks like, before anything is made of it.

A question about JSON text is a question about parsed JSON. Every node becomes a node that accepts, of parsed JSON, exactly what
the node reads: a tuple and a set become arrays, a dataclass becomes an object, a UUID becomes text of its form. Text that
stands for a scalar and has no regular form becomes `Spelled`, which is settled by looking for the scalar.

What nodes cannot say (that no two items of a set become equal, say) is left to the reading itself, as code is that cannot be
looked into. The nodes beside it accept everything that this code does, so that an answer is never wrong because of it.
"""

from __future__ import annotations

import base64
import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gnomon_gtype import _checks as checks
from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._containment._search import has_code
from gnomon_gtype._containment._shapes_decimals import numbers_of
from gnomon_gtype._interpret import Reading
from gnomon_gtype._problems import shown
from gnomon_gtype._schema import Schema

_PLAIN = (s.Anything, s.Nothing, s.Null, s.Boolean, s.Integer, s.Float, s.Number, s.String, c.Opaque, c.Ref)
_SPELLED = (s.Date, s.Time, s.DateTime, s.Duration, s.IpAddress, s.Regex)
_FEWER_VALUES: dict[type[Schema], Schema] = {
    s.Uuid: s.Uuid(),
    s.Bytes: s.Bytes(),
    s.Time: s.Time(zone="any"),
    s.DateTime: s.DateTime(zone="any"),
    s.Duration: s.Duration(),
    s.DecimalNumber: s.DecimalNumber(),
    s.Float: s.Float(),
}
"""Scalars of which one value is written in several ways, and the node of all their values."""

_FOUR = "(?:[A-Za-z0-9+/]{4})*"
_ENDS = (("", 0), ("[A-Za-z0-9+/]{2}==", 1), ("[A-Za-z0-9+/]{3}=", 2))
_EXACT = 1 << 53
_HASHABLE = c.union(s.Null(), s.Boolean(), s.Number(), s.String())
"""Parsed JSON that can be an item of a set as it is."""


class Shapes:
    """The JSON shapes of one question.

    Args:
        known: the nodes that references name, as they are.
    """

    def __init__(self, known: Mapping[str, Schema]) -> None:
        self.known = known
        self._code: dict[Schema, Schema] = {}

    def definitions(self) -> dict[str, Schema]:
        """The shapes of the nodes that references name."""
        return {name: self.of(node) for name, node in self.known.items()}

    def of(self, node: Schema) -> Schema:
        """The node that accepts the parsed JSON which a node reads."""
        if isinstance(node, _PLAIN):
            return node
        if isinstance(node, _SPELLED):
            return c.Spelled(node)
        match node:
            case s.DecimalNumber():
                return self._decimal(node)
            case s.Bytes():
                return _base64(node)
            case s.Literal():
                return self._one_of(node, node.values)
            case s.EnumMember():
                return self._one_of(node, node.cls)
            case s.Uuid():
                return s.String(patterns=(_uuid(node.version),))
            case s.FilePath():
                return s.String(patterns=(r"^[^\x00]*$",)) if node.kind in _PATHS else c.Spelled(node)
            case c.Sensitive():
                return self.of(node.base)
            case c.Refined():
                return c.intersection(self.of(node.base), self._read(node))
            case c.Array():
                return self._array(node)
            case c.Record():
                return self._record(node)
            case c.Set():
                return self._set(node)
            case c.Map():
                return self._map(node)
        return node.map_children(self.of)

    def _read(self, node: Schema) -> Schema:
        """What a node reads, as code."""
        found = self._code.get(node)
        if found is None:
            found = c.Refined(s.Anything(), id=f"how {shown(node)} is read", check=self._reads(node))
            self._code[node] = found
        return found

    def _reads(self, node: Schema) -> Callable[[Any], bool]:
        return lambda value: not Reading("json", self.known).attempt(node, value, ())[1]

    def _decimal(self, node: s.DecimalNumber) -> Schema:
        text: Schema = s.String(patterns=(checks.DECIMAL,))
        if node == s.DecimalNumber():
            return c.union(s.Number(), text)
        numbers = numbers_of(node)
        if numbers is None:
            return c.intersection(c.union(s.Number(), text), self._read(node))
        return c.union(numbers, c.Spelled(node))

    def _one_of(self, node: Schema, values: Iterable[Any]) -> Schema:
        plain: list[Any] = []
        for value in values:
            written = _written(value)
            if type(written) not in (type(None), bool, int, float, str):
                return self._read(node)
            if written == written:
                plain.append(written)
        scalars = [value for value in plain if value is not None]
        null = [s.Null()] if None in plain else []
        return c.union(*null, *([s.literal(*scalars)] if scalars else []))

    def _array(self, node: c.Array) -> Schema:
        shape: Schema = replace(node.map_children(self.of), container="list", cls=None, names=())
        return c.intersection(shape, self._read(node)) if has_code(node.cls) else shape

    def _record(self, node: c.Record) -> Schema:
        made = node.map_children(self.of)
        fields = tuple(
            c.Field(name=item.name, schema=item.schema, required=item.required)
            for item in made.fields
            if item.init
        )
        shape: Schema = replace(made, fields=fields, cls=None)
        return c.intersection(shape, self._read(node)) if has_code(node.cls) else shape

    def _set(self, node: c.Set) -> Schema:
        sort, alike = _sort(node.items)
        shape = c.Array(
            rest=_HASHABLE if isinstance(node.items, s.Anything) else self.of(node.items),
            min_length=node.min_length,
            max_length=node.max_length,
            unique=sort != "any",
        )
        if sort == "one":
            return shape
        return c.intersection(shape, self._read(node if alike is None else c.Set(alike)))

    def _map(self, node: c.Map) -> Schema:
        asked = c.unwrapped(node.keys)
        sort, alike = _key_sort(asked)
        keys: Schema | None = None
        if isinstance(asked, s.Integer):
            keys = s.String(patterns=(checks.INTEGER_KEY,))
        elif sort != "any":
            keys = self.of(asked)
        shape = c.Record(
            rest=self.of(node.values),
            keys=keys,
            extra="keep",
            min_length=node.min_length,
            max_length=node.max_length,
        )
        if sort == "one":
            return shape
        return c.intersection(shape, self._read(c.Map(asked if alike is None else alike)))


def _sort(items: Schema) -> tuple[str, Schema | None]:
    """How JSON values that differ become equal items, and the node that stands for all of that sort.

    `one`: they never do, and values that are equal as JSON always do. `some`: they may, and values that are equal as JSON always do.
    `any`: nothing is known.
    """
    while isinstance(items, c.Sensitive | c.Refined):
        items = items.base
    if isinstance(items, c.Union):
        kinds = {_kind(member) for member in items.members}
        return ("any" if None in kinds or kinds >= {"boolean", "number"} else "one"), None
    if isinstance(items, s.Float) and _is_small(items):
        return "one", None
    if type(items) in _FEWER_VALUES:
        return "some", _FEWER_VALUES[type(items)]
    if isinstance(items, s.Anything | s.IpAddress | s.FilePath):
        return "some", items
    return ("any" if _kind(items) is None else "one"), None


def _key_sort(keys: Schema) -> tuple[str, Schema | None]:
    """The same for the keys of a map, which are read from text."""
    if isinstance(keys, s.Anything):
        return "one", None
    members = keys.members if isinstance(keys, c.Union) else (keys,)
    if all(_kind(member) == "text" for member in members):
        return "one", None
    if isinstance(keys, s.Integer):
        return "any", keys
    if type(keys) in _FEWER_VALUES and not isinstance(keys, s.DecimalNumber | s.Float):
        return "some", _FEWER_VALUES[type(keys)]
    return "any", None


def _kind(node: Schema) -> str | None:
    """What a scalar is in JSON and as an item, when both are one and the same; `None` otherwise."""
    match node:
        case s.Null():
            return "null"
        case s.Boolean():
            return "boolean"
        case s.Integer() | s.Number():
            return "number"
        case s.String() | s.Date():
            return "text"
        case s.Literal():
            return "text" if all(type(value) is str for value in node.values) else None
        case s.EnumMember():
            own = node.cls.__eq__ in (object.__eq__, str.__eq__) and node.cls.__hash__ in _HASHES
            return "text" if own and all(type(_written(member)) is str for member in node.cls) else None
    return None


_HASHES = (enum.Enum.__hash__, str.__hash__)


def _is_small(node: s.Float) -> bool:
    """Whether no two whole numbers of a node become one float; `_EXACT` and the next one do."""
    limits = (node.minimum, node.maximum)
    return all(limit is not None and abs(limit) < _EXACT for limit in limits)


def _written(value: Any) -> Any:
    plain = value.value if isinstance(value, enum.Enum) else value
    return base64.b64encode(plain).decode() if type(plain) is bytes else plain


def _uuid(version: int | None) -> str:
    if version is None:
        return checks.UUID
    digits = "[0-9A-Fa-f]"
    return f"^{digits}{{8}}-{digits}{{4}}-{version}{digits}{{3}}-[89ABab]{digits}{{3}}-{digits}{{12}}$"


def _base64(node: s.Bytes) -> Schema:
    """Base64 text of so many bytes: three to four characters, and one or two more in the last four."""
    found = []
    for end, over in _ENDS:
        low = max(0, -(-(node.min_length - over) // 3))
        high = None if node.max_length is None else (node.max_length - over) // 3
        if high is None or high >= low:
            more = 4 * (over > 0)
            most = None if high is None else 4 * high + more
            pattern = f"^{_FOUR}{end}$"
            found.append(s.String(min_length=4 * low + more, max_length=most, patterns=(pattern,)))
    return c.union(*found)


def _paths() -> frozenset[str]:
    """The classes of paths that this machine can make."""
    found = set()
    for kind, cls in checks.PATHS.items():
        try:
            cls("a")
        except NotImplementedError:  # the paths of another system
            continue
        found.add(kind)
    return frozenset(found)


_PATHS = _paths()
