"""The JSON numbers that a decimal is read from: whole numbers exactly, floats as the shortest decimal that stands for each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from gnomon_gtype._composites import Not, intersection, union
from gnomon_gtype._scalars import DecimalNumber, Integer, Nothing, Number
from gnomon_gtype._schema import Schema

_MOST_EXPONENT = 300
_MOST_PLACES = 40
_POINTLESS = 10**16
"""From here on a float is written without a point, and so without decimal places."""


def numbers_of(node: DecimalNumber) -> Schema | None:
    """The numbers that a node reads, `None` when no node says which these are."""
    limits = [number for number in (node.minimum, node.maximum, node.multiple_of) if number is not None]
    if any(abs(number.adjusted()) > _MOST_EXPONENT for number in limits):
        return None
    counts = [number for number in (node.max_digits, node.decimal_places) if number is not None]
    step = None if node.multiple_of is None else float(node.multiple_of)
    if (counts and min(counts) > _MOST_PLACES) or (node.max_digits or 0) > _MOST_EXPONENT:
        return None
    if step is not None and _shortest(step) != node.multiple_of:
        return None
    low = high = None
    if node.minimum is not None:
        low = _first(node.minimum, math.inf, exclusive=node.exclusive_minimum)
    if node.maximum is not None:
        high = _first(node.maximum, -math.inf, exclusive=node.exclusive_maximum)
    within = Number(minimum=low, maximum=high, multiple_of=step)
    floats = intersection(union(*_with_digits(node)), within, Not(Integer()))
    return union(_whole(node), floats)


def _shortest(value: float) -> Decimal:
    return Decimal(float.__repr__(value))


def _first(limit: Decimal, way: float, *, exclusive: bool) -> float:
    """The float nearest to a limit that is within it, where more of them lie that way."""

    def outside(value: float) -> bool:
        exact = _shortest(value)
        return (exclusive and exact == limit) or (exact < limit if way > 0 else exact > limit)

    found = float(limit)
    while outside(found):
        found = math.nextafter(found, way)
    return found


def _whole(node: DecimalNumber) -> Schema:
    low, high = node.minimum, node.maximum
    least = None if low is None else math.floor(low) + 1 if node.exclusive_minimum else math.ceil(low)
    most = None if high is None else math.ceil(high) - 1 if node.exclusive_maximum else math.floor(high)
    step = None if node.multiple_of is None else node.multiple_of.as_integer_ratio()[0]
    found: Schema = Integer(least, most, step)
    if node.max_digits is not None:
        end = 10**node.max_digits - 1
        found = intersection(found, Integer(-end, end)) if end else Nothing()
    return found


def _with_digits(node: DecimalNumber) -> Iterator[Number]:
    """Numbers that together are the floats which keep the limits of digits.

    A float below `_POINTLESS` has one decimal place at least. It has `k` of them or fewer when it is a multiple of `10**-k`, and
    then `d - k` digits may stand before the point.
    """
    digits, places = node.max_digits, node.decimal_places
    if digits is None:
        if places is None:
            yield Number()
        elif places:
            yield Number(multiple_of=float(f"1e-{places}"))
        else:
            yield from (Number(minimum=_POINTLESS), Number(maximum=-_POINTLESS))
        return
    for place in range(1, min(digits, digits if places is None else places) + 1):
        yield _below(10 ** (digits - place), float(f"1e-{place}"))
    if 10**digits > _POINTLESS:
        end = 10**digits
        yield Number(minimum=_POINTLESS, maximum=end, exclusive_maximum=True)
        yield Number(minimum=-end, maximum=-_POINTLESS, exclusive_minimum=True)


def _below(end: int, step: float) -> Number:
    return Number(minimum=-end, maximum=end, exclusive_minimum=True, exclusive_maximum=True, multiple_of=step)
