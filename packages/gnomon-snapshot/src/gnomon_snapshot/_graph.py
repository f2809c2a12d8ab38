"""Copies a graph of live objects into a tree that can be encoded: one pass, deep, bounded, without losing identity.

The tree is made of JSON values, bytes and tagged nodes (`_tags`). It shares nothing mutable with what was copied. No
code of a copied object runs, but for a `repr` of what cannot be written, which may raise or lie.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._readers import TEXT, ErrorParts, is_sensitive, reader_of, shown_of
from gnomon_snapshot._records import LossReason
from gnomon_snapshot._types import name_of

ATOMS = frozenset({type(None), bool, int, float})
PLAIN = ATOMS | {str, bytes}
_SMALL = frozenset({type(None), bool, float})
_BIG = 2**63
_MAX_INT_BITS = 8 * 4096


class NotPlain(Exception):
    """A value is more than JSON has, or refers to something twice: it takes a `Graph` to copy it."""


def copy_plain(value: Any, seen: set[int], depth: int = 32) -> Any:
    """The node of a value that is a JSON value or bytes, without the care that anything else needs.

    Nothing is bounded but the depth: whoever uses it looks at the length of what came of it.

    Args:
        value: What to copy.
        seen: The identities of the containers that were copied, so that none is met twice.
        depth: How many containers may be inside each other.

    Raises:
        NotPlain: It is something else.
    """
    cls = type(value)
    if cls in PLAIN:
        return value
    identity = id(value)
    if depth <= 0 or identity in seen:
        raise NotPlain
    # one step under the lock of the interpreter: a thread may be changing it
    if cls is dict:
        node: Any = value.copy()
        if not TEXT.issuperset(map(type, node)):
            raise NotPlain
        seen.add(identity)
        if not PLAIN.issuperset(map(type, node.values())):
            for key, item in node.items():
                if type(item) not in PLAIN:
                    node[key] = copy_plain(item, seen, depth - 1)
        return node
    if cls is list:
        node = value.copy()
        seen.add(identity)
        if not PLAIN.issuperset(map(type, node)):
            node = [copy_plain(item, seen, depth - 1) for item in node]
        return node
    raise NotPlain


class Graph:
    """One pass over everything that goes into one snapshot, so that identity holds across its parts."""

    def __init__(self, limits: Limits, *, first: int = 1) -> None:
        # the first number for what is shared: graphs that are copied apart and written together have numbers apart
        self.first = first
        self.limits = limits
        self.depth: int = limits.depth
        self.count: int = limits.count
        self.size: int = limits.size
        # by identity of the copied object: its node; the objects are kept, so that no identity is used twice
        self.seen: dict[int, Any] = {}
        self.kept: list[object] = []
        # by identity of a node that is referred to: its number
        self.numbers: dict[int, int] = {}

    def copy(self, value: object, depth: int = 0) -> Any:
        """The node of a value."""
        cls = type(value)
        if cls in ATOMS:
            return value if cls is not int else self.copy_integer(cast(int, value))
        handler = _HANDLERS.get(cls)
        return handler(self, value, depth) if handler is not None else self.copy_instance(value, cls, depth)

    def finish(self, root: dict[str, Any]) -> None:
        """Mark the nodes that something refers to, in place."""
        if self.numbers:
            self._mark(root)

    def _mark(self, node: Any) -> Any:
        number = self.numbers.get(id(node))
        children = node
        while type(children) is CBORTag:
            children = children.value
        if type(children) is dict:
            for key, child in children.items():
                if type(child) not in ATOMS:
                    children[key] = self._mark(child)
        elif type(children) is list:
            for index, child in enumerate(children):
                if type(child) not in ATOMS:
                    children[index] = self._mark(child)
        return node if number is None else CBORTag(tag.SHARED, [number, node])

    # Bounds and losses.

    def lost(self, value: object, reason: LossReason, *, shown: str | None = None) -> CBORTag:
        if shown is None:
            shown = shown_of(value, self.limits.shown)
        return CBORTag(tag.LOST, [name_of(type(value)), shown[: self.limits.shown], reason])

    def _refused(self, value: object, length: int, depth: int) -> CBORTag:
        if depth >= self.depth:
            return self.lost(value, "depth", shown="")
        return self.lost(value, "count", shown=f"{length} values")

    def _again(self, node: Any) -> CBORTag:
        number = self.numbers.setdefault(id(node), self.first + len(self.numbers))
        return CBORTag(tag.REF, number)

    def _begin(self, value: object, node: Any) -> None:
        self.seen[id(value)] = node
        self.kept.append(value)

    # Atoms.

    def copy_integer(self, value: int) -> Any:
        if value.bit_length() > _MAX_INT_BITS:
            return self.lost(value, "size", shown=f"{value.bit_length()} bits")
        return value

    def copy_text(self, value: str, _depth: int) -> Any:
        length = len(value)
        if length > self.limits.text or length > self.size:
            return self.lost(value, "size", shown=repr(value[: self.limits.shown]))
        self.size -= length
        return value

    def copy_binary(self, value: bytes, _depth: int) -> Any:
        length = len(value)
        if length > self.limits.text or length > self.size:
            return self.lost(value, "size", shown=repr(value[: self.limits.shown]))
        self.size -= length
        return value

    def copy_bytearray(self, value: bytearray, depth: int) -> Any:
        node = self.seen.get(id(value))
        if node is not None:
            return self._again(node)
        content = self.copy_binary(bytes(value), depth)
        if type(content) is not bytes:
            return self.lost(value, "size", shown=repr(bytes(value[: self.limits.shown])))
        node = CBORTag(tag.BYTEARRAY, content)
        self._begin(value, node)
        return node

    def copy_datetime(self, value: datetime, _depth: int) -> Any:
        parts = [
            value.year,
            value.month,
            value.day,
            value.hour,
            value.minute,
            value.second,
            value.microsecond,
        ]
        zone = self._zone(value.tzinfo, value)
        return zone if type(zone) is CBORTag else CBORTag(tag.DATETIME, [*parts, value.fold, zone])

    def copy_date(self, value: date, _depth: int) -> Any:
        return CBORTag(tag.DATE, [value.year, value.month, value.day])

    def copy_time(self, value: time, _depth: int) -> Any:
        zone = self._zone(value.tzinfo, value)
        parts = [value.hour, value.minute, value.second, value.microsecond, value.fold]
        return zone if type(zone) is CBORTag else CBORTag(tag.TIME, [*parts, zone])

    def _zone(self, zone: tzinfo | None, owner: datetime | time) -> Any:
        """`null`, [offset in microseconds, name or null], or [key, offset in microseconds]."""
        if zone is None:
            return None
        if zone is UTC:
            return [0, None]
        if type(zone) is timezone:
            moment = datetime(2000, 1, 1, tzinfo=zone)
            offset = cast(timedelta, moment.utcoffset())
            named = None if timezone(offset).tzname(None) == zone.tzname(None) else zone.tzname(None)
            return [_microseconds(offset), named]
        if type(zone) is ZoneInfo and zone.key is not None:
            return [zone.key, _microseconds(owner.utcoffset() or timedelta())]
        try:
            offset = cast(timedelta, owner.utcoffset())
            return [_microseconds(offset), None, name_of(type(zone))]
        except Exception:
            return self.lost(owner, "failed", shown=f"time zone {name_of(type(zone))}")

    def copy_duration(self, value: timedelta, _depth: int) -> Any:
        return CBORTag(tag.DURATION, [value.days, value.seconds, value.microseconds])

    def copy_decimal(self, value: Decimal, depth: int) -> Any:
        content = self.copy_text(str(value), depth)
        return CBORTag(tag.DECIMAL, content) if type(content) is str else self.lost(value, "size", shown="")

    def copy_uuid(self, value: UUID, _depth: int) -> Any:
        return CBORTag(tag.UUID, value.bytes)

    def copy_complex(self, value: complex, _depth: int) -> Any:
        return CBORTag(tag.COMPLEX, [value.real, value.imag])

    # Containers.

    def copy_dict(self, value: dict[Any, Any], depth: int) -> Any:
        seen = self.seen
        identity = id(value)
        if identity in seen:
            return self._again(seen[identity])
        # one step under the lock of the interpreter: a thread may be changing it
        node: Any = dict.copy(value)
        length = len(node)
        if depth >= self.depth or length > self.count:
            return self._refused(value, length, depth)
        self.count -= length
        if not TEXT.issuperset(map(type, node)):
            return self._pairs(value, node, depth)
        size = sum(map(len, node))
        if size > self.size:
            return self.lost(value, "size", shown="names of keys")
        self.size -= size
        seen[identity] = node
        self.kept.append(value)
        depth += 1
        size = 0
        for key, item in node.items():
            cls = type(item)
            if cls is str:
                size += len(item)
            elif cls is int:
                if not -_BIG < item < _BIG:
                    node[key] = self.copy_integer(item)
            elif cls is dict:
                node[key] = self.copy_dict(item, depth)
            elif cls is list:
                node[key] = self.copy_list(item, depth)
            elif cls not in _SMALL:
                node[key] = self.copy(item, depth)
        if size > self.size or size > self.limits.text:
            node.update({key: self.copy_text(item, 0) for key, item in node.items() if type(item) is str})
        else:
            self.size -= size
        return node

    def _pairs(self, value: dict[Any, Any], copied: dict[Any, Any], depth: int) -> Any:
        pairs: list[Any] = []
        node = CBORTag(tag.PAIRS, pairs)
        self._begin(value, node)
        for key, item in copied.items():
            pairs.append([self.copy(key, depth + 1), self.copy(item, depth + 1)])
        return node

    def copy_list(self, value: list[Any], depth: int) -> Any:
        seen = self.seen
        identity = id(value)
        if identity in seen:
            return self._again(seen[identity])
        node: Any = list(value)
        length = len(node)
        if depth >= self.depth or length > self.count:
            return self._refused(value, length, depth)
        self.count -= length
        seen[identity] = node
        self.kept.append(value)
        self._items(node, depth + 1)
        return node

    def _items(self, node: list[Any], depth: int) -> None:
        """Replace the items of a fresh list by their nodes."""
        size = 0
        for index, item in enumerate(node):
            cls = type(item)
            if cls is str:
                size += len(item)
            elif cls is int:
                if not -_BIG < item < _BIG:
                    node[index] = self.copy_integer(item)
            elif cls is dict:
                node[index] = self.copy_dict(item, depth)
            elif cls not in _SMALL:
                node[index] = self.copy(item, depth)
        if size > self.size or size > self.limits.text:
            for index, item in enumerate(node):
                if type(item) is str:
                    node[index] = self.copy_text(item, 0)
        else:
            self.size -= size

    def copy_tuple(self, value: tuple[Any, ...], depth: int) -> Any:
        return self._sequence(tag.TUPLE, value, value, depth)

    def copy_set(self, value: set[Any], depth: int) -> Any:
        return self._sequence(tag.SET, value, value, depth)

    def copy_frozenset(self, value: frozenset[Any], depth: int) -> Any:
        return self._sequence(tag.FROZENSET, value, value, depth)

    def _sequence(self, number: int, value: object, items: Collection[Any], depth: int) -> Any:
        node = self.seen.get(id(value))
        if node is not None:
            return self._again(node)
        content = list(items)
        if depth >= self.depth or len(content) > self.count:
            return self._refused(value, len(content), depth)
        self.count -= len(content)
        node = CBORTag(number, content)
        self._begin(value, node)
        self._items(content, depth + 1)
        return node

    # Instances of classes. What may run code of the class is read first, so that a node that was begun is finished.

    def copy_instance(self, value: Any, cls: type, depth: int) -> Any:
        node = self.seen.get(id(value))
        if node is not None:
            return self._again(node)
        if is_sensitive(cls):
            return self.lost(value, "sensitive", shown="")
        if depth >= self.depth:
            return self.lost(value, "depth", shown="")
        try:
            read = reader_of(cls)
            if read is None:
                return self.lost(value, "unencodable")
            number, name, first, fields = read(value, cls)
        except Exception:  # a slot, a `__dict__` or a member of an enum may be code of the class
            return self.lost(value, "failed", shown="")
        if number == tag.LOST:
            return CBORTag(tag.LOST, [name, *first])
        content: list[Any] = [name]
        node = CBORTag(number, content)
        self._begin(value, node)
        held = self.copy_dict(fields, depth)
        if type(held) is CBORTag:  # they do not fit, and nothing of them was copied
            self.seen[id(value)] = node = CBORTag(tag.LOST, [name, f"{len(fields)} fields", held.value[2]])
            return node
        if number == tag.ENUM:
            content += [held["name"], self.copy(first, depth + 1)]
        elif number == tag.SUBCLASS:
            content += [self.copy(first, depth), held]
        elif number == tag.EXCEPTION:
            content += self._error(first, held, depth + 1)
        else:
            content.append(held)
        return node

    def _error(self, parts: ErrorParts, fields: dict[str, Any], depth: int) -> list[Any]:
        members = parts.members
        return [
            [self.copy(argument, depth) for argument in parts.arguments],
            fields,
            self.copy(parts.cause, depth),
            self.copy(parts.context, depth),
            parts.suppress,
            parts.trace,
            None if members is None else [self.copy(error, depth) for error in members],
        ]


def _microseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


_HANDLERS: dict[type, Callable[[Graph, Any, int], Any]] = {
    str: Graph.copy_text,
    bytes: Graph.copy_binary,
    bytearray: Graph.copy_bytearray,
    dict: Graph.copy_dict,
    list: Graph.copy_list,
    tuple: Graph.copy_tuple,
    set: Graph.copy_set,
    frozenset: Graph.copy_frozenset,
    datetime: Graph.copy_datetime,
    date: Graph.copy_date,
    time: Graph.copy_time,
    timedelta: Graph.copy_duration,
    Decimal: Graph.copy_decimal,
    UUID: Graph.copy_uuid,
    complex: Graph.copy_complex,
}
