"""Nodes that only a search uses, beside those of the schema tree, and the node that means one given value."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from gnomon_gtype._composites import Array, Field, Record
from gnomon_gtype._scalars import Literal, Null
from gnomon_gtype._schema import Schema


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
    """One value that no node of a schema tree stands for, such as a date."""

    tag: ClassVar[str] = "same"
    value: Any


def any_of(values: Iterable[Any], *, truths: bool) -> Iterator[Schema]:
    """Nodes that together accept what is equal to any of some values.

    Args:
        values: plain values.
        truths: whether `True` is equal to 1, as in Python, or not, as in JSON.
    """
    plain: list[Any] = []
    for value in values:
        if value is None:
            yield Null()
        elif isinstance(value, enum.Enum) or type(value) in (str, bytes):
            plain.append(value)
        elif type(value) is bool:
            plain += [value, int(value), float(value)] if truths else [value]
        elif type(value) in (int, float) and value == value and abs(value) != float("inf"):
            plain += _twins(value, truths=truths)
        elif type(value) in (list, tuple):
            parts = tuple(_alone(item, truths=truths) for item in value)
            yield Array(parts, container="list" if type(value) is list else "tuple")
        elif type(value) is dict and all(type(key) is str for key in value):
            fields = (Field(name=key, schema=_alone(item, truths=truths)) for key, item in value.items())
            yield Record(tuple(fields), extra="forbid")
        else:
            yield Same(value)
    if plain:
        yield Literal(tuple(plain))


def _twins(value: int | float, *, truths: bool) -> list[Any]:
    found: list[Any] = [value]
    if isinstance(value, float) and value.is_integer():
        found.append(int(value))
    elif isinstance(value, int) and abs(value) <= 1 << 53:
        found.append(float(value))
    if truths and value in (0, 1):
        found.append(bool(value))
    return found


def _alone(value: Any, *, truths: bool) -> Schema:
    (node,) = any_of([value], truths=truths)
    return node
