"""Hypothesis strategies for numbers within limits and in steps. Imported by `gnomon_gtype.testing` alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from gnomon_gtype import _scalars as s

Strategy = st.SearchStrategy[Any]
_FAR = 2**40


def exact(value: int | float) -> Fraction:
    """A number as the shortest decimal that stands for it."""
    return Fraction(Decimal(repr(value)))


def times(number: int, step: Decimal | None) -> Decimal:
    """An exact product: the context of `decimal` would round it."""
    assert step is not None
    sign, digits, exponent = step.as_tuple()
    assert isinstance(exponent, int)
    return Decimal(f"{number * int(''.join(map(str, digits))) * (-1) ** sign}e{exponent}")


def quotient(limit: Any, step: Fraction, rounded: Callable[[Fraction], int], otherwise: int) -> int:
    return otherwise if limit is None else rounded(Fraction(limit) / step)


def integers(low: Any, high: Any, step: int) -> Strategy:
    first = None if low is None else math.ceil(Fraction(low) / step)
    last = None if high is None else math.floor(Fraction(high) / step)
    if first is not None and last is not None and first > last:
        return st.nothing()
    return st.integers(first, last).map(lambda k: k * step)


def floats(node: s.Float | s.Number) -> Strategy:
    low, high = _inside(node.minimum, 1), _inside(node.maximum, -1)
    if (low is not None and math.isinf(low)) or (high is not None and math.isinf(high)):
        return st.nothing()
    if low is not None and high is not None and low > high:
        return st.nothing()
    if node.multiple_of is None:
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    step = exact(node.multiple_of)
    first = quotient(low, step, math.ceil, -_FAR)
    last = quotient(high, step, math.floor, _FAR)
    return st.integers(first, last).map(lambda k: float(k * step)) if first <= last else st.nothing()


def _inside(limit: int | float | None, direction: int) -> float | None:
    """The nearest float that is not beyond a limit; infinite when there is none."""
    if limit is None:
        return None
    try:
        found = float(limit)
    except OverflowError:
        return math.inf if limit > 0 else -math.inf
    beyond = found < limit if direction > 0 else found > limit
    return math.nextafter(found, direction * math.inf) if beyond else found
