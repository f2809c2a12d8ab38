"""Whole numbers and floats: whether some number lies in every wanted range and in no unwanted one, where a range is an interval and a step.

Both solvers do the same. The line is cut where an unwanted range begins or ends; in each piece a fixed set of unwanted steps
is in force; and in each piece a multiple of all wanted steps is looked for that is a multiple of none of these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from gnomon_gtype._containment._outcome import EMPTY, Budget, Empty, Found, Outcome, Unclear
from gnomon_gtype._containment._search import Search
from gnomon_gtype._scalars import Float, Integer, Literal, Number

MOST_SCANNED = 20_000
EXACT = 1 << 53
_MOST_FLOAT_INT = 2**1024 - 2**970 - 1
"""The largest whole number that still rounds to a float."""

_ANY_INTEGER = Integer()
UNPROVEN = Unclear("it depends on multiples among numbers so large that floats leave gaps between them")


@dataclass(frozen=True, slots=True)
class Range:
    """The multiples of `step` from `low` to `high`, both inclusive, `None` for no limit."""

    low: int | None
    high: int | None
    step: int = 1


def cut(
    low: int | None, high: int | None, ranges: Iterable[Range]
) -> Iterator[tuple[int | None, int | None, set[int]]]:
    """The pieces of an interval in which one set of ranges is in force, those near 0 first, with the steps of these."""
    ranges = list(ranges)
    edges = {each.low for each in ranges} | {each.high + 1 for each in ranges if each.high is not None}
    inner = sorted(
        edge
        for edge in edges
        if edge is not None and (low is None or edge > low) and (high is None or edge <= high)
    )
    starts: list[int | None] = [low, *inner]
    ends: list[int | None] = [*(edge - 1 for edge in inner), high]
    pieces = []
    for start, end in zip(starts, ends, strict=True):
        steps = {
            each.step
            for each in ranges
            if (each.low is None or (start is not None and each.low <= start))
            and (each.high is None or (end is not None and end <= each.high))
        }
        pieces.append((start, end, steps))
    return iter(sorted(pieces, key=lambda piece: abs(nearest(piece[0], piece[1]))))


def nearest(low: int | None, high: int | None) -> int:
    """The number of an interval that is nearest to 0."""
    if low is not None and low > 0:
        return low
    return high if high is not None and high < 0 else 0


def outward(low: int | None, high: int | None) -> Iterator[int]:
    """The whole numbers of an interval from the one nearest to 0: up to the end, and down in turn."""
    up = down = nearest(low, high)
    yield up
    going = True
    while going:
        going = False
        if high is None or up < high:
            up, going = up + 1, True
            yield up
        if low is None or down > low:
            down, going = down - 1, True
            yield down


def scan(
    low: int | None,
    high: int | None,
    divisors: Iterable[int],
    excluded: int,
    good: Callable[[int], bool],
    budget: Budget,
) -> int | Unclear | None:
    """A good number of an interval that none of some divisors divides, `None` when there is none.

    Args:
        low: the first number, if there is one.
        high: the last number, if there is one.
        divisors: numbers above 1.
        excluded: how many numbers `good` refuses at most.
        good: whether a number is not one of these.
        budget: what the scan costs is taken from it.
    """
    own = list(divisors)
    # among 2**n successive numbers one is divisible by none of n divisors, so this many are enough (Jacobsthal's function)
    enough = min((excluded + 1) * (2 ** min(len(own), 30) + 1), MOST_SCANNED)
    for count, number in enumerate(outward(low, high)):
        if count > 2 * enough:
            return Unclear("there are too many steps to try")
        budget.spend()
        if good(number) and not any(number % divisor == 0 for divisor in own):
            return number
    return None


def solve(
    wanted: list[Range],
    unwanted: list[Range],
    points: set[int],
    budget: Budget,
    good: Callable[[int], bool] | None = None,
) -> Outcome:
    """A whole number in every wanted range, in no unwanted one, and not among some points.

    Args:
        wanted: ranges.
        unwanted: ranges.
        points: numbers that are not meant.
        budget: what it costs is taken from it.
        good: a last condition, tried number by number.
    """
    low = max((each.low for each in wanted if each.low is not None), default=None)
    high = min((each.high for each in wanted if each.high is not None), default=None)
    step = math.lcm(*(each.step for each in wanted))
    if low is not None and high is not None and low > high:
        return EMPTY
    last: Outcome = EMPTY
    spared = len(points) if good is None else len(points) + 256
    for start, end, steps in cut(low, high, unwanted):
        if any(step % each == 0 for each in steps):
            continue
        first = None if start is None else -(-start // step)
        final = None if end is None else end // step
        if first is not None and final is not None and first > final:
            continue
        divisors = {each // math.gcd(each, step) for each in steps}
        found = scan(
            first,
            final,
            divisors,
            spared,
            lambda number: number * step not in points and (good is None or good(number * step)),
            budget,
        )
        if isinstance(found, int):
            return Found(found * step)
        if isinstance(found, Unclear):
            last = found
    return last


def integers(search: Search, _: Any, wanted: list[Any], unwanted: list[Any]) -> Outcome:
    """Whole numbers."""
    given = literals(wanted, int)
    if given is not None:
        return first_of(search, given, wanted, unwanted)
    wanted = [node for node in wanted if node != _ANY_INTEGER]
    points = {
        value for node in unwanted if isinstance(node, Literal) for value in node.values if type(value) is int
    }
    against = [node for node in unwanted if not isinstance(node, Literal)]
    rough = [node for node in (*wanted, *against) if _is_rough(node)]
    if not rough:
        return solve(
            [_whole(node) for node in wanted], [_whole(node) for node in against], points, search.budget
        )
    # among numbers that floats hold exactly nothing is rounded
    near = Range(-EXACT, EXACT)
    inside = solve(
        [near, *(_whole(node) for node in wanted)], [_whole(node) for node in against], points, search.budget
    )
    if not isinstance(inside, Empty):
        return inside
    if all(isinstance(node, Float) for node in (*wanted, *against)) and not points:
        # whether one is accepted depends on the float it becomes alone, and there is no such float
        from gnomon_gtype._containment._floats import floats  # it needs this module

        return floats(search, "float", wanted, unwanted)
    return _far(search, wanted, unwanted, points)


def _far(search: Search, wanted: list[Any], unwanted: list[Any], points: set[int]) -> Outcome:
    """Whole numbers beyond those that floats hold exactly, when one has to be rounded to see whether it is a multiple."""

    def good(number: int) -> bool:
        return all(search.accepts(node, number) for node in wanted) and not any(
            search.accepts(node, number) for node in unwanted
        )

    # from 2**53 on every float is even, so that only steps above 2 are left to be tried
    coarse = [node for node in (*wanted, *unwanted) if _is_rough(node) and _step(node) > 2]
    firm = [_loose(node) for node in unwanted if not isinstance(node, Literal) and node not in coarse]
    last: Outcome = EMPTY
    for side in (Range(EXACT + 1, None), Range(None, -EXACT - 1)):
        outcome = solve([side, *map(_loose, wanted)], firm, points, search.budget, good if coarse else None)
        if isinstance(outcome, Found):
            return outcome
        if not isinstance(outcome, Empty):
            last = outcome
    return last


def _loose(node: Any) -> Range:
    """The whole numbers of a node, multiples or not where they are rounded first."""
    found = _whole(node)
    return replace(found, step=1) if _is_rough(node) else found


def _is_rough(node: Any) -> bool:
    """Whether a whole number is rounded to a float before it is seen whether it is a multiple, and that can make a difference."""
    return isinstance(node, Float) and node.multiple_of is not None and _step(node) > 1


def literals(nodes: list[Any], kind: type) -> list[Any] | None:
    """The values of the shortest literal among some nodes, `None` when there is no literal."""
    found = [
        [value for value in node.values if type(value) is kind] for node in nodes if isinstance(node, Literal)
    ]
    return min(found, key=len) if found else None


def first_of(search: Search, values: Iterable[Any], wanted: list[Any], unwanted: list[Any]) -> Outcome:
    """The first of some values that is asked for."""
    for value in values:
        search.budget.spend(1 + len(wanted) + len(unwanted))
        if all(search.accepts(node, value) for node in wanted) and not any(
            search.accepts(node, value) for node in unwanted
        ):
            return Found(value)
    return EMPTY


def _step(node: Any) -> int:
    """The step of a node among whole numbers: a decimal `p/q` in lowest terms divides exactly the multiples of `p`."""
    return 1 if node.multiple_of is None else fraction_of(node.multiple_of).numerator


def fraction_of(value: int | float | Decimal) -> Fraction:
    """The exact value of the shortest decimal that stands for a number."""
    return Fraction(Decimal(float.__repr__(value))) if isinstance(value, float) else Fraction(value)


def _whole(node: Any) -> Range:
    """The whole numbers of a node, as if none had to be rounded to see whether it is a multiple."""
    if isinstance(node, Integer):
        return Range(node.minimum, node.maximum, node.multiple_of or 1)
    low = node.minimum
    if low is not None:
        low = math.floor(low) + 1 if node.exclusive_minimum else math.ceil(low)
    high = node.maximum
    if high is not None:
        high = math.ceil(high) - 1 if node.exclusive_maximum else math.floor(high)
    if isinstance(node, Number):
        return Range(low, high, _step(node))
    low, high = _rounding(node, low, high)
    return Range(low, high, _step(node))


def _rounding(node: Float, low: int | None, high: int | None) -> tuple[int, int]:
    """Limits of whole numbers that are rounded to floats before they are compared."""
    if low is None or abs(low) >= EXACT:
        low = _turn(lambda number: node.minimum is None or above(float(number), node))
    if high is None or abs(high) >= EXACT:
        high = _turn(lambda number: node.maximum is not None and not below(float(number), node)) - 1
    return low, high


def above(value: float, node: Float) -> bool:
    return value > node.minimum if node.exclusive_minimum else bool(value >= node.minimum)


def below(value: float, node: Float) -> bool:
    return value < node.maximum if node.exclusive_maximum else bool(value <= node.maximum)


def _turn(holds: Callable[[int], bool]) -> int:
    """The first whole number that fits a float and for which something holds that keeps holding above it."""
    low, high = -_MOST_FLOAT_INT, _MOST_FLOAT_INT + 1
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
