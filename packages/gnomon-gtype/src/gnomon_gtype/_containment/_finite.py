"""Kinds of few values, and kinds whose values no node tells apart: settled by trying them one after the other."""

from __future__ import annotations

import enum
import ipaddress
import itertools
import operator
import re
import uuid
from collections.abc import Iterator
from functools import reduce
from typing import Any

from gnomon_gtype._containment._nodes import Same
from gnomon_gtype._containment._numbers import first_of
from gnomon_gtype._containment._outcome import Found, Outcome, Unclear
from gnomon_gtype._containment._search import Search
from gnomon_gtype._scalars import Literal
from gnomon_gtype._schema import Schema

_MOST_FLAGS = 8


def members(search: Search, kind: Any, wanted: list[Schema], unwanted: list[Schema]) -> Outcome:
    """Settle a kind by trying its values, or as many of each sort that nodes tell apart as are needed to avoid given ones."""
    literals = [node.values for node in wanted if isinstance(node, Literal)]
    given = [
        value for values in literals for value in values if isinstance(kind, tuple) and type(value) is kind[1]
    ]
    spare = 1 + sum(isinstance(node, Same) for node in unwanted)
    found = first_of(search, itertools.chain(given, _values(kind, spare)), wanted, unwanted)
    if isinstance(found, Found) or kind[0] != "enum" or not issubclass(kind[1], enum.Flag):
        return found
    # a combination of flags that was not tried is no member of a literal, but it may be equal to an int in one
    if len(kind[1]) <= _MOST_FLAGS or any(int not in map(type, values) for values in literals):
        return found
    return Unclear(f"{kind[1].__name__} has too many combinations of flags to try them all")


def _values(kind: Any, spare: int) -> Iterator[Any]:
    match kind:
        case "null":
            yield None
        case "bool":
            yield from (True, False)
        case "nonfinite":
            yield from (float("nan"), float("inf"), float("-inf"))
        case "other":
            yield ...
        case "uuid":
            for number, version in itertools.product(range(spare), (4, 7, 1, 3, 5, 6, 8, 2, 0)):
                variant = 0b10 << 62 if version else 0
                yield uuid.UUID(int=(number << 100) | (version << 76) | variant)
        case "regex":
            yield from (re.compile("a" * number) for number in range(spare))
        case ("enum", cls):
            yield from _members(cls)
        case ("path", cls):
            yield from (cls("a" * number) for number in range(1, spare + 1))
        case _:
            bits = ipaddress.IPV4LENGTH if "4" in kind[1].__name__ else ipaddress.IPV6LENGTH
            yield from (kind[1]((1 << (bits - 1)) + number) for number in range(spare))


def _members(cls: type[enum.Enum]) -> Iterator[enum.Enum]:
    yield from cls
    if issubclass(cls, enum.Flag):
        flags = list(cls)
        for size in range(len(flags) + 1) if len(flags) <= _MOST_FLAGS else (0, 2):
            yield from (reduce(operator.or_, parts, cls(0)) for parts in itertools.combinations(flags, size))
