"""Values that all differ: several solutions of one goal, and one solution for each of several goals."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gnomon_gtype._composites import Array, Opaque, Ref, Set, Union
from gnomon_gtype._containment._nodes import Like, any_of
from gnomon_gtype._containment._outcome import EMPTY, Budget, Empty, Found, Unclear
from gnomon_gtype._containment._search import Answer, Goal, Search, Steps, ask
from gnomon_gtype._scalars import Anything, Float, Integer
from gnomon_gtype._schema import Schema


@dataclass(slots=True)
class Supply:
    """Solutions of one goal that differ.

    Args:
        values: the solutions, each with its size.
        more: why there may be more than these, `None` when these are all.
    """

    values: list[Found] = field(default_factory=list)
    more: Unclear | None = None


def supply(goal: Goal, wanted: int, *, like: Like) -> Generator[Goal, Answer, Supply]:
    """Up to `wanted` solutions of a goal, or all there are.

    Args:
        goal: the goal.
        wanted: how many are enough.
        like: when values are equal.
    """
    found = Supply()
    while len(found.values) < wanted:
        known = (item.value for item in found.values)
        outcome = (yield goal.plus((), any_of(known, like=like))).outcome
        if isinstance(outcome, Empty):
            return found
        if isinstance(outcome, Unclear):
            found.more = outcome
            return found
        found.values.append(outcome)
    found.more = Unclear("more values that differ would be needed than are tried")
    return found


def assign(
    choices: Sequence[Sequence[Any]], key: Callable[[Any], Hashable], budget: Budget
) -> list[Any] | None:
    """One item out of each sequence of choices so that no two have one key, `None` when there is no such choice.

    Args:
        choices: the items that may be taken for each place.
        key: what must differ.
        budget: what it costs is taken from it.
    """
    owners: dict[_Mark, int] = {}
    marks: list[_Mark | None] = [None] * len(choices)
    chosen: list[Any] = [None] * len(choices)
    for start in range(len(choices)):
        mark, came = _augment(start, choices, key, owners, budget)
        if mark is None:
            return None
        while mark is not None:
            owner, item = came[mark]
            owners[mark] = owner
            mark, marks[owner], chosen[owner] = marks[owner], mark, item
    return chosen


_Mark = tuple[Hashable]


def _augment(
    start: int,
    choices: Sequence[Sequence[Any]],
    key: Callable[[Any], Hashable],
    owners: dict[_Mark, int],
    budget: Budget,
) -> tuple[_Mark | None, dict[_Mark, tuple[int, Any]]]:
    """A key that nobody has and that can be reached by moving others out of the way, and the way to each key seen."""
    came: dict[_Mark, tuple[int, Any]] = {}
    waiting = [start]
    for place in waiting:
        for item in choices[place]:
            budget.spend()
            mark: _Mark = (key(item),)
            if mark not in came:
                came[mark] = (place, item)
                if mark not in owners:
                    return mark, came
                waiting.append(owners[mark])
    return None, came


MERGED = Unclear(
    "it depends on values of different types being equal, such as numbers that become the same float"
)


def merged(
    search: Search,
    nodes: Iterable[Schema],
    parts: Goal,
    made: Callable[[int, int], Any],
    wanted: list[Any],
    unwanted: list[Any],
) -> Steps:
    """Whether two items, or two keys, that differ can become equal by becoming floats, which an unwanted node refuses.

    Args:
        search: the search.
        nodes: the nodes that the unwanted types have for the items.
        parts: the goal of one item.
        made: a value of two items.
        wanted: the nodes that are wanted of the whole value.
        unwanted: the nodes that are not.
    """
    if not any(_converts(search, node) for node in nodes):
        return EMPTY
    large = yield from ask(parts.plus((_LARGE,)))
    if isinstance(large, Empty):
        return EMPTY
    for number in (1 << 53, 10**17):
        for value in (made(number, number + 1), made(-number, -number - 1)):
            if all(search.accepts(node, value) for node in wanted) and not any(
                search.accepts(node, value) for node in unwanted
            ):
                return Found(value, 3)
    return MERGED


_LARGE = Union(
    (
        Integer(minimum=1 << 53),
        Integer(maximum=-(1 << 53)),
        Array(rest=Anything(), container="sequence"),
        Set(frozen=True),
    )
)


def _converts(search: Search, node: Schema) -> bool:
    """Whether a node may make one value of two: floats do of large whole numbers, and foreign types may of anything."""
    waiting, seen = [node], set()
    while waiting:
        for _, part in waiting.pop().walk():
            if isinstance(part, Float | Opaque):
                return True
            if isinstance(part, Ref) and part.name not in seen:
                seen.add(part.name)
                waiting.append(search.definitions[part.name])
    return False
