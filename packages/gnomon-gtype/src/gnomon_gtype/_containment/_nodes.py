"""Nodes that only a search uses, beside those of the schema tree, and the node that means one given value."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from typing import Literal as OneOf

from gnomon_gtype._composites import Array, Field, Record, Set, union
from gnomon_gtype._scalars import Literal, Null
from gnomon_gtype._schema import Schema

Like = OneOf["itself", "json", "python"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Doubt(Schema):
    """Values that the structure of `base` accepts and the code in it refuses."""

    tag: ClassVar[str] = "doubt"
    base: Schema

    def children(self) -> Iterator[tuple[str, Schema]]:
        yield "", self.base


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Plainly(Schema):
    """Values that the structure of `base` accepts, whatever the code in it says."""

    tag: ClassVar[str] = "plainly"
    base: Schema

    def children(self) -> Iterator[tuple[str, Schema]]:
        yield "", self.base


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hashable(Schema):
    """Values that can be keys of a `dict` and items of a `set`."""

    tag: ClassVar[str] = "hashable"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Same(Schema):
    """One value that no other node stands for, such as a date, or a `dict` whose keys are no text."""

    tag: ClassVar[str] = "same"
    value: Any


def any_of(values: Iterable[Any], *, like: Like) -> Iterator[Schema]:
    """Nodes that together accept what is equal to any of some values.

    Args:
        values: plain values.
        like: when values are equal: `json` takes 1 and 1.0 for equal, `python` these and `True`, `itself` none of them.
    """
    plain: list[Any] = []
    for value in values:
        if value is None:
            yield Null()
        elif isinstance(value, enum.Enum) or type(value) in (str, bytes):
            plain.append(value)
        elif type(value) is bool:
            plain += [value, int(value), float(value)] if like == "python" else [value]
        elif type(value) in (int, float) and value == value and abs(value) != float("inf"):
            plain += _twins(value, like=like)
        elif isinstance(value, list | tuple):
            parts = tuple(_alone(item, like=like) for item in value)
            yield Array(parts, container="list" if isinstance(value, list) else "tuple")
        elif isinstance(value, set | frozenset):
            items = union(*(_alone(item, like="python") for item in value))
            yield Set(items, len(value), len(value), frozen=isinstance(value, frozenset))
        elif type(value) is dict and all(type(key) is str for key in value):
            yield Record(_fields(value, like=like), extra="forbid")
        elif dataclasses.is_dataclass(value):
            names = (item.name for item in dataclasses.fields(value) if hasattr(value, item.name))
            found = {name: getattr(value, name) for name in names}
            yield Plainly(Record(_fields(found, like=like), cls=type(value)))
        else:
            yield Same(value)
    if plain:
        yield Literal(tuple(plain))


def _twins(value: int | float, *, like: Like) -> list[Any]:
    found: list[Any] = [value]
    if like == "itself":
        return found
    if isinstance(value, float) and value.is_integer():
        found.append(int(value))
    elif isinstance(value, int) and abs(value) <= 1 << 53:
        found.append(float(value))
    if like == "python" and value in (0, 1):
        found.append(bool(value))
    return found


def _fields(values: Mapping[str, Any], *, like: Like) -> tuple[Field, ...]:
    return tuple(Field(name=name, schema=_alone(item, like=like)) for name, item in values.items())


def _alone(value: Any, *, like: Like) -> Schema:
    (node,) = any_of([value], like=like)
    return node
