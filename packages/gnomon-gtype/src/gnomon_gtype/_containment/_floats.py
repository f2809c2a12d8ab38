"""Floats: exact, because they are finitely many and in an order, and `multiple_of` reads each as its shortest decimal."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from gnomon_gtype._containment._numbers import (
    EXACT,
    UNPROVEN,
    Range,
    above,
    below,
    cut,
    first_of,
    fraction_of,
    literals,
    nearest,
    outward,
)
from gnomon_gtype._containment._outcome import EMPTY, Budget, Found, Outcome, Unclear
from gnomon_gtype._containment._search import Search
from gnomon_gtype._scalars import Literal


def ordinal(value: float) -> int:
    """Floats as consecutive whole numbers in their own order, 0 for both zeros."""
    bits = int.from_bytes(struct.pack(">d", value), signed=True)
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def float_at(place: int) -> float:
    """The float with that ordinal."""
    (value,) = struct.unpack("<d", struct.pack("<q", abs(place)))
    return float(value) if place >= 0 else -float(value)


_LARGEST = ordinal(1.7976931348623157e308)


def _limits(node: Any) -> tuple[int, int]:
    """The ordinals of the first and the last float within the limits of a node."""
    low, high = -_LARGEST, _LARGEST
    if node.minimum is not None:
        low = _cut_at(lambda value: above(value, node))
    if node.maximum is not None:
        high = _cut_at(lambda value: not below(value, node)) - 1
    return low, high


def _cut_at(holds: Callable[[float], bool]) -> int:
    low, high = -_LARGEST, _LARGEST + 1
    while low < high:
        middle = (low + high) // 2
        if holds(float_at(middle)):
            high = middle
        else:
            low = middle + 1
    return low


def floats(search: Search, _: Any, wanted: list[Any], unwanted: list[Any]) -> Outcome:
    """Finite floats."""
    given = literals(wanted, float)
    if given is not None:
        return first_of(search, given, wanted, unwanted)
    points = {
        ordinal(value)
        for node in unwanted
        if isinstance(node, Literal)
        for value in node.values
        if type(value) is float
    }
    against = [node for node in unwanted if not isinstance(node, Literal)]
    steps = [fraction_of(node.multiple_of) for node in against if node.multiple_of is not None]
    low = max((_limits(node)[0] for node in wanted), default=-_LARGEST)
    high = min((_limits(node)[1] for node in wanted), default=_LARGEST)
    if low > high:
        return EMPTY
    wanted_steps = [fraction_of(node.multiple_of) for node in wanted if node.multiple_of is not None]
    step = lcm_of(wanted_steps) if wanted_steps else None
    numbered = dict(enumerate(dict.fromkeys(steps), start=2))
    numbers = {fraction: index for index, fraction in numbered.items()}
    ranges = [
        Range(*_limits(node), 1 if node.multiple_of is None else numbers[fraction_of(node.multiple_of)])
        for node in against
    ]
    last: Outcome = EMPTY
    for start, end, inforce in cut(low, high, ranges):
        assert start is not None
        assert end is not None
        if 1 in inforce:
            continue
        outcome = _in_piece(search.budget, start, end, step, [numbered[index] for index in inforce], points)
        if isinstance(outcome, Found):
            return outcome
        if isinstance(outcome, Unclear):
            last = outcome
    return last


def lcm_of(steps: list[Fraction]) -> Fraction:
    """The smallest number above 0 that is a whole multiple of each of some fractions."""
    bottom = math.lcm(*(step.denominator for step in steps))
    return Fraction(math.lcm(*(int(step * bottom) for step in steps)), bottom)


def _in_piece(
    budget: Budget, start: int, end: int, step: Fraction | None, against: list[Fraction], points: set[int]
) -> Outcome:
    if step is not None and any((step / each).denominator == 1 for each in against):
        return EMPTY
    if _all_multiples(start, end, against):
        return EMPTY
    candidates = _free(start, end, len(points)) if step is None else _stepped(start, end, step)
    for value in candidates:
        budget.spend()
        if value is None:
            return EMPTY
        place = ordinal(value)
        exact = fraction_of(value)
        if (
            start <= place <= end
            and place not in points
            and (step is None or (exact / step).denominator == 1)
            and not any((exact / each).denominator == 1 for each in against)
        ):
            return Found(value)
    return UNPROVEN


def _all_multiples(start: int, end: int, against: list[Fraction]) -> bool:
    """Whether every float of a piece is a multiple of one and the same step, because floats that large are all so coarse."""
    if start <= 0 <= end:
        return False
    smallest = min(abs(float_at(start)), abs(float_at(end)))
    # a float has 17 significant digits at most; from 2**53 on it is whole
    grain = Fraction(10) ** (math.floor(math.log10(smallest)) - 16)
    return any(
        (grain / each).denominator == 1 or (smallest >= EXACT and (1 / each).denominator == 1)
        for each in against
    )


def _free(start: int, end: int, excluded: int) -> Iterator[float | None]:
    """Floats of a piece: legible ones first, then enough of its ends; `None` when these were all."""
    yield from (0.0, 0.5, 1.5, -0.5, 0.1)
    for digits in range(3):
        near = nearest(start, end)
        yield round(float_at(near), digits)
        yield round(float_at(near), digits) + (10.0**-digits if near >= 0 else -(10.0**-digits))
    enough = excluded + 64
    for number in range(min(enough, end - start + 1)):
        yield float_at(start + number)
    if end - start + 1 <= enough:
        yield None
    for number in range(enough):
        yield float_at(end - number)
        yield float_at(start + (end - start) * (number + 1) // (enough + 2))


def _stepped(start: int, end: int, step: Fraction) -> Iterator[float | None]:
    """Floats of a piece that stand for multiples of a step, those near 0 first; `None` when these were all."""
    first, last = (
        math.ceil(Fraction(float_at(start)) / step) - 1,
        math.floor(Fraction(float_at(end)) / step) + 1,
    )
    for count, number in enumerate(outward(first, last)):
        if count > 512:
            break
        yield _as_float(number * step)
    else:
        yield None
    for power in range(1, 330):
        coarse = step * 10**power
        place = nearest(
            math.ceil(Fraction(float_at(start)) / coarse), math.floor(Fraction(float_at(end)) / coarse)
        )
        for number in range(place - 2, place + 3):
            yield _as_float(number * coarse)


def _as_float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return 0.0
