"""Annotations with arguments in brackets: lists, tuples, dicts and sets."""

from __future__ import annotations

import re
import typing
from collections import abc
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import typing_extensions as te

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._errors import UnsupportedAnnotation
from gnomon_gtype._schema import Schema

if TYPE_CHECKING:
    from gnomon_gtype._annotations import Annotations


def read_arguments(
    reader: Annotations, origin: Any, arguments: Any, path: str, given: Mapping[Any, Any]
) -> Schema:
    """The node of one of `GENERICS` with its arguments."""
    wanted = _ARGUMENTS.get(origin)
    if wanted is not None and len(arguments) != wanted:
        if not arguments:  # List and its like, alone
            return reader.read(origin, path, given)
        raise UnsupportedAnnotation(path, _wrong_number(origin.__name__, wanted, len(arguments)))
    return GENERICS[origin](reader, arguments, path, given)


def _wrong_number(name: str, wanted: int, found: int) -> str:
    if wanted == 1:
        return f"{name} takes one argument, not {found}: write {name}[int], or {name}[int | str] for items of two kinds"
    return f"{name} takes {wanted} arguments, not {found}: write {name}[str, int]"


def _list(reader: Annotations, arguments: Any, path: str, given: Mapping[Any, Any]) -> Schema:
    return c.Array(rest=reader.read(arguments[0], f"{path}[]", given))


def _sequence(reader: Annotations, arguments: Any, path: str, given: Mapping[Any, Any]) -> Schema:
    return c.Array(rest=reader.read(arguments[0], f"{path}[]", given), container="sequence")


def _dict(reader: Annotations, arguments: Any, path: str, given: Mapping[Any, Any]) -> Schema:
    keys = reader.read(arguments[0], f"{path}{{key}}", given)
    return c.Map(keys, reader.read(arguments[1], f"{path}{{}}", given))


def _set(reader: Annotations, arguments: Any, path: str, given: Mapping[Any, Any]) -> Schema:
    return c.Set(reader.read(arguments[0], f"{path}[]", given))


def _frozenset(reader: Annotations, arguments: Any, path: str, given: Mapping[Any, Any]) -> Schema:
    return c.Set(reader.read(arguments[0], f"{path}[]", given), frozen=True)


def _pattern(_reader: Annotations, arguments: Any, path: str, _given: Mapping[Any, Any]) -> Schema:
    if arguments[0] not in (str, Any):
        raise UnsupportedAnnotation(path, "only re.Pattern[str] is supported")
    return s.Regex()


def _tuple(reader: Annotations, arguments: Any, path: str, given: Mapping[Any, Any]) -> Schema:
    if len(arguments) == 2 and arguments[1] is ...:
        return c.Array(rest=reader.read(arguments[0], f"{path}[]", given), container="tuple")
    before: list[Schema] = []
    after: list[Schema] = []
    middle: Schema | None = None
    for index, item in enumerate(arguments):
        place = f"{path}[{index}]"
        if not _is_unpacked(item):
            (before if middle is None else after).append(reader.read(item, place, given))
            continue
        inner = reader.read(_unpacked(item), place, given)
        if not isinstance(inner, c.Array) or inner.container != "tuple":
            raise UnsupportedAnnotation(place, "only a tuple can be unpacked into a tuple")
        if inner.rest is None and middle is None:
            before.extend(inner.prefix)
        elif inner.rest is None:
            after.extend(inner.prefix)
        elif middle is None:
            before.extend(inner.prefix)
            middle = inner.rest
            after.extend(inner.suffix)
        else:
            raise UnsupportedAnnotation(place, "a tuple has at most one part of any length")
    return c.Array(tuple(before), middle, tuple(after), container="tuple")


def _is_unpacked(item: Any) -> bool:
    return te.get_origin(item) in (typing.Unpack, te.Unpack) or bool(getattr(item, "__unpacked__", False))


def _unpacked(item: Any) -> Any:
    if te.get_origin(item) in (typing.Unpack, te.Unpack):
        return te.get_args(item)[0]
    return te.get_origin(item)[te.get_args(item)]


GENERICS: dict[Any, Callable[[Annotations, Any, str, Mapping[Any, Any]], Schema]] = {
    list: _list,
    abc.Sequence: _sequence,
    tuple: _tuple,
    dict: _dict,
    abc.Mapping: _dict,
    set: _set,
    abc.Set: _set,
    frozenset: _frozenset,
    re.Pattern: _pattern,
}
_ARGUMENTS = {
    list: 1,
    abc.Sequence: 1,
    dict: 2,
    abc.Mapping: 2,
    set: 1,
    abc.Set: 1,
    frozenset: 1,
}
