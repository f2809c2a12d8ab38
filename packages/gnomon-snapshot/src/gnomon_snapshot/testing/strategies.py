"""Hypothesis strategies: values of every type that a snapshot holds, and graphs with sharing and cycles."""

from __future__ import annotations

import datetime
import enum
from collections import Counter, OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from gnomon_snapshot import Types

__all__ = ["TYPES", "atoms", "errors", "graphs", "hashables", "values"]


class Colour(enum.Enum):
    """An enum whose values have several types."""

    RED = 1
    GREEN = "green"
    BLUE = (0, 0, 255)


class Access(enum.Flag):
    """Flags, whose combinations may have no name."""

    READ = 1
    WRITE = 2
    RUN = 4


class Point(NamedTuple):
    """A named tuple."""

    x: Any
    y: Any


@dataclass(frozen=True)
class Money:
    """A frozen dataclass, which can be a key."""

    amount: Decimal
    currency: str


@dataclass
class Node:
    """A dataclass that may refer to anything."""

    left: Any = None
    right: Any = None


@dataclass(slots=True)
class Slotted:
    """A dataclass with slots."""

    item: Any = None


class Plain:
    """An ordinary class, with whatever attributes."""


class Label(str):
    """Text with a type of its own."""

    __slots__ = ()


class Bag(dict[Any, Any]):
    """A dictionary with attributes."""


class OrderNotFound(LookupError):
    """An exception of an application, with an attribute."""

    def __init__(self, order: object, *, shop: str = "") -> None:
        super().__init__(order)
        self.shop = shop


TYPES = Types(Colour, Access, Point, Money, Node, Slotted, Plain, Label, Bag, OrderNotFound)

_ZONES = st.sampled_from(
    (
        None,
        datetime.UTC,
        datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)),
        datetime.timezone(datetime.timedelta(hours=1), "CET"),
    )
) | st.sampled_from(("Europe/Berlin", "America/New_York")).map(ZoneInfo)


def hashables() -> st.SearchStrategy[Any]:
    """Values that can be keys and members of sets, without identity of their own."""
    simple = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.integers(-(2**200), 2**200)
        | st.floats()
        | st.text(alphabet=st.characters())
        | st.binary()
        | st.complex_numbers()
        | st.decimals(allow_nan=False)
        | st.dates()
        | st.times(timezones=_ZONES)
        | st.datetimes(timezones=_ZONES)
        | st.timedeltas()
        | st.uuids()
    )
    return simple | st.sampled_from(Colour) | st.builds(Access, st.integers(0, 7))


def atoms() -> st.SearchStrategy[Any]:
    """Values that hold no others."""
    return hashables() | st.decimals() | st.builds(bytearray, st.binary()) | st.builds(Label, st.text())


def errors() -> st.SearchStrategy[BaseException]:
    """Exceptions with arguments, attributes, notes, chains and groups."""
    plain = (
        st.builds(ValueError, st.text())
        | st.builds(KeyError, st.integers(), st.none())
        | st.builds(OSError, st.just(2), st.text(max_size=5), st.just("file"))
        | st.builds(OrderNotFound, st.integers(), shop=st.text())
        | st.builds(
            UnicodeDecodeError, st.just("utf-8"), st.just(b"\xff"), st.just(0), st.just(1), st.just("x")
        )
        | st.builds(StopIteration, st.integers())
    )
    return st.recursive(
        plain,
        lambda inner: (
            st.builds(_chained, inner, inner, st.booleans())
            | st.builds(ExceptionGroup, st.text(), st.lists(inner, min_size=1, max_size=3))
        ),
        max_leaves=5,
    )


def _chained(error: BaseException, other: BaseException, explicit: bool) -> BaseException:
    if explicit:
        error.__cause__ = other
    else:
        error.__context__ = other
    error.add_note("noted")
    return error


def values() -> st.SearchStrategy[Any]:
    """Trees of every type that a snapshot holds, without sharing."""
    return st.recursive(
        atoms() | errors(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(), inner, max_size=4)
            | st.dictionaries(hashables(), inner, max_size=4)
            | st.sets(hashables(), max_size=4)
            | st.frozensets(hashables(), max_size=4)
            | st.tuples(inner, inner)
            | st.builds(Point, inner, inner)
            | st.builds(Node, inner, inner)
            | st.builds(Slotted, inner)
            | st.builds(Money, st.decimals(allow_nan=False), st.text())
            | st.builds(Bag, st.dictionaries(st.text(), inner, max_size=2))
            | st.builds(OrderedDict, st.dictionaries(st.text(), inner, max_size=3))
            | st.builds(Counter, st.lists(st.text(max_size=1)))
        ),
        max_leaves=12,
    )


@st.composite
def graphs(draw: st.DrawFn) -> Any:
    """Graphs in which containers and objects are shared and form cycles, also through tuples and as keys."""
    kinds = draw(st.lists(st.sampled_from("ldnsptbke"), min_size=1, max_size=8))
    made: list[Any] = []
    for kind in kinds:
        earlier = made[draw(st.integers(0, len(made) - 1))] if made else draw(atoms())
        made.append(_MAKERS[kind](earlier))
    for owner in made:
        for _ in range(draw(st.integers(0, 3))):
            _wire(owner, draw(st.integers(0, len(made) - 1).map(made.__getitem__) | atoms()))
    return made[draw(st.integers(0, len(made) - 1))]


_MAKERS: dict[str, Any] = {
    "l": lambda _: [],
    "d": lambda _: {},
    "n": lambda _: Node(),
    "s": lambda _: Slotted(),
    "p": lambda _: Plain(),
    "b": lambda _: Bag(),
    "t": lambda earlier: (earlier, [earlier]),
    "k": lambda earlier: Point(earlier, None),
    "e": lambda _: OrderNotFound("made"),
}


def _wire(owner: Any, child: Any) -> None:
    if isinstance(owner, list):
        owner.append(child)
    elif isinstance(owner, dict):
        owner[f"key {len(owner)}"] = child
    elif isinstance(owner, Node):
        owner.left, owner.right = owner.right, child
    elif isinstance(owner, Slotted):
        owner.item = child
    elif isinstance(owner, Plain):
        owner.__dict__[f"attribute_{len(owner.__dict__)}"] = child
    elif isinstance(owner, OrderNotFound):
        owner.detail = child  # type: ignore[attr-defined]
