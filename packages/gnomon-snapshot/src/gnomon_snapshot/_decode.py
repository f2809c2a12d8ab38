"""Turns an encoded body into values: as fast as the CBOR library goes where nothing is shared, else node by node."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Final

import cbor2
from cbor2 import CBORSimpleValue, CBORTag, undefined

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._build import LEAVES, TWO_STEPS, Builder
from gnomon_snapshot._errors import SnapshotCorrupt
from gnomon_snapshot._format import MAX_DEPTH
from gnomon_snapshot._graph import ATOMS
from gnomon_snapshot._types import Types

_PLAIN: Final = ATOMS | {str, bytes}
_FOREIGN: Final = frozenset({CBORSimpleValue, type(undefined)})
_LOOKED_AT: Final = _FOREIGN | {dict, list, CBORTag}
_JOIN: Final = "".join
_FLAT: Final = chain.from_iterable
_BIGNUMS: Final = (2, 3)  # RFC 8949, section 3.4.3

_Hook = Callable[[Any, bool], Any]


class _Closed(dict[int, _Hook]):
    """The tags that a body may hold, and no other: not those either that the library knows by itself."""

    text_keys = True

    def __missing__(self, number: int) -> _Hook:
        if number in _BIGNUMS:
            raise KeyError(number)  # left to the library

        def refuse(_content: Any, _immutable: bool) -> Any:
            raise SnapshotCorrupt(f"tag {number} does not belong into a snapshot")

        return refuse


def decode(encoded: bytes, types: Types) -> dict[str, Any]:
    """The body with its values.

    Raises:
        SnapshotCorrupt: The body is none that this package writes.
    """
    try:
        try:
            body = _loads(encoded, _building(types))
        except _OtherKeys:
            raw(encoded)  # refuses maps with such keys, and leaves dictionaries that were made with them
            body = _loads(encoded, _building(types, text_keys=False))
    except _Shared:
        try:
            body = _Rebuild(Builder(types), raw(encoded)).body
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            raise SnapshotCorrupt(f"the body of the snapshot cannot be read: {error}") from error
    if type(body) is not dict:
        raise SnapshotCorrupt("the body of a snapshot is a map")
    return body


def raw(encoded: bytes) -> dict[str, Any]:
    """The body as the tree that was encoded."""
    try:
        body = _loads(encoded, _KEEPING)
    except _OtherKeys:
        raise SnapshotCorrupt("the keys of a map in a snapshot are text") from None
    if type(body) is not dict:
        raise SnapshotCorrupt("the body of a snapshot is a map")
    return body


class _Shared(Exception):
    """The body has shared nodes."""


class _OtherKeys(Exception):
    """There is a dictionary with other keys than text."""


def _loads(encoded: bytes, hooks: _Closed) -> Any:
    try:
        body = cbor2.loads(
            encoded,
            semantic_decoders=hooks,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
        _check(body, hooks.text_keys)
    except (cbor2.CBORDecodeError, _OtherKeys, TypeError, ValueError, RecursionError) as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, (_Shared, _OtherKeys)):
                raise cause from None
            cause = cause.__cause__
        raise SnapshotCorrupt(f"the body of the snapshot cannot be read: {error}") from error
    return body


def _check(content: Any, text_keys: bool) -> None:
    """Refuse what CBOR has and a snapshot has not; built values are left alone, their tags have looked after them."""
    level: Iterable[Any] = (content,)
    try:
        while level:
            maps: list[dict[Any, Any]] = []
            below: list[Iterable[Any]] = []
            for item in level:
                cls = type(item)
                if cls not in _LOOKED_AT:  # nearly all: a quarter of reading is this loop
                    continue
                if cls is dict:
                    maps.append(item)
                    below.append(item.values())
                elif cls is list:
                    below.append(item)
                elif cls is CBORTag:
                    below.append((item.value,))
                else:
                    raise SnapshotCorrupt(f"{item!r:.100} does not belong into a snapshot")
            if text_keys:
                _JOIN(_FLAT(maps))  # the fastest way to see that all are text
            level = _FLAT(below) if below else ()
    except TypeError:
        raise _OtherKeys from None


@functools.lru_cache(maxsize=64)
def _building(types: Types, *, text_keys: bool = True) -> _Closed:
    builder = Builder(types)

    def hook(number: int) -> _Hook:
        leaf = LEAVES.get(number)
        if leaf is not None:
            make = leaf
            return lambda content, _immutable: make(content)

        def build(content: Any, _immutable: bool) -> Any:
            _check(content, text_keys)
            return builder.make(number, content)

        return build

    def shared(_content: Any, _immutable: bool) -> Any:
        raise _Shared

    hooks = _Closed({number: hook(number) for number in range(tag.LOST, tag.LAST + 1)})
    hooks[tag.SHARED] = hooks[tag.REF] = shared
    hooks.text_keys = text_keys
    return hooks


def _keep(number: int) -> _Hook:
    return lambda content, _immutable: CBORTag(number, content)


_KEEPING = _Closed({number: _keep(number) for number in range(tag.FIRST, tag.LAST + 1)})


class _Busy(Exception):
    """A value is referred to from inside, before it could be made."""


class _Rebuild:
    """Builds a body with shared nodes and cycles, in the order in which it was written.

    A reference reaches a value that was begun before. If that is one that has to be made at once and is still
    being made, the container that holds the reference is filled at the end.
    """

    def __init__(self, builder: Builder, body: dict[str, Any]) -> None:
        self.builder = builder
        self.values: dict[int, Any] = {}
        self.late: list[Callable[[], None]] = []
        self.body = self.build(body)
        while self.late:
            late, self.late = self.late, []
            for fill in late:
                fill()
            if len(self.late) >= len(late):
                raise SnapshotCorrupt("a reference in the snapshot leads nowhere, or to itself")

    def build(self, node: Any) -> Any:
        cls = type(node)
        if cls in _PLAIN:
            return node
        if cls is dict:
            return self._fill({}, node, self._fill_dict)
        if cls is list:
            return self._fill([], node, self._fill_list)
        number, content = node.tag, node.value
        if number == tag.REF:
            return self._look_up(content)
        if number == tag.SHARED:
            return self._shared(*content)
        return self._tagged(number, content, None)

    def _look_up(self, number: Any) -> Any:
        if type(number) is not int or number not in self.values:
            raise _Busy
        return self.values[number]

    def _shared(self, number: Any, node: Any) -> Any:
        if type(number) is not int:
            raise SnapshotCorrupt("the number of a shared value is an integer")
        if number in self.values:  # the container that holds it is filled again
            return self.values[number]
        value: Any
        cls = type(node)
        if cls is dict:
            value = self.values[number] = {}
            return self._fill(value, node, self._fill_dict)
        if cls is list:
            value = self.values[number] = []
            return self._fill(value, node, self._fill_list)
        if cls is not CBORTag or node.tag in (tag.SHARED, tag.REF):
            raise SnapshotCorrupt("only containers and objects are shared")
        value = self._tagged(node.tag, node.value, number)
        self.values[number] = value
        return value

    def _tagged(self, number: int, content: Any, shared: int | None) -> Any:
        if number in TWO_STEPS:
            value = self.builder.create(number, content)
            if value is not None:
                if shared is not None:
                    self.values[shared] = value
                return self._fill(value, content, functools.partial(self._fill_tagged, number))
        return self.builder.make(number, self._parts(number, content))

    def _fill(self, value: Any, node: Any, fill: Callable[[Any, Any], None]) -> Any:
        try:
            fill(value, node)
        except _Busy:
            self.late.append(lambda: self._fill(value, node, fill))
        return value

    def _fill_dict(self, value: dict[str, Any], node: dict[str, Any]) -> None:
        value.clear()
        value.update(self._level(node))

    def _fill_list(self, value: list[Any], node: list[Any]) -> None:
        value[:] = self._level(node)

    def _fill_tagged(self, number: int, value: Any, content: Any) -> None:
        self.builder.fill(number, value, self._parts(number, content))

    def _parts(self, number: int, content: Any) -> Any:
        """The content of a tag, built; its own lists and maps are no values and are never filled later."""
        if number == tag.PAIRS:
            return [self._level(pair) for pair in content]
        if number in (tag.OBJECT, tag.NAMEDTUPLE):
            return [content[0], self._level(content[1])]
        if number == tag.SUBCLASS:
            return [content[0], self._level(content[1]), self._level(content[2])]
        if number == tag.EXCEPTION:
            name, arguments, fields, cause, context, suppress, trace, members = content
            parts = [self._level(part) for part in (arguments, fields)]
            return [
                name,
                *parts,
                self.build(cause),
                self.build(context),
                suppress,
                trace,
                self._level(members),
            ]
        return self._level(content)

    def _level(self, node: Any) -> Any:
        """One list, map or collection, without the leave that `build` gives to fill it later."""
        cls = type(node)
        if cls is dict:
            return {key: item if type(item) in _PLAIN else self.build(item) for key, item in node.items()}
        if cls is list:
            return [item if type(item) in _PLAIN else self.build(item) for item in node]
        if cls is CBORTag and node.tag in (tag.PAIRS, tag.SET):
            return self.builder.make(node.tag, self._parts(node.tag, node.value))
        return self.build(node)
