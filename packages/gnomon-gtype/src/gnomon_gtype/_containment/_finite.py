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
from gnomon_gtype._containment._outcome import EMPTY, Found, Outcome, Unclear
from gnomon_gtype._containment._search import Search
from gnomon_gtype._scalars import Literal
from gnomon_gtype._schema import Schema

_MOST_FLAGS = 8


def members(search: Search, kind: Any, wanted: list[Schema], unwanted: list[Schema]) -> Outcome:
    """Settle a kind by trying its values, or as many of each sort that nodes tell apart as are needed to avoid given ones."""
    given = [node.values for node in wanted if isinstance(node, Literal)]
    if given:
        return first_of(search, given[0], wanted, unwanted)
    spare = 1 + sum(isinstance(node, Same) for node in unwanted)
    for value in _values(kind, spare):
        search.budget.spend(1 + len(wanted) + len(unwanted))
        if all(search.accepts(node, value) for node in wanted) and not any(
            search.accepts(node, value) for node in unwanted
        ):
            return Found(value)
    if kind[0] == "enum" and issubclass(kind[1], enum.Flag) and len(kind[1]) > _MOST_FLAGS:
        return Unclear(f"{kind[1].__name__} has too many combinations of flags to try them all")
    return EMPTY


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
