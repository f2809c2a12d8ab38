"""Decimals, which have digits beside their value: `1` and `1.0` are equal, and differ in their decimal places."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from gnomon_gtype._containment._floats import lcm_of
from gnomon_gtype._containment._numbers import first_of, scan
from gnomon_gtype._containment._outcome import EMPTY, Found, Outcome, Unclear
from gnomon_gtype._containment._search import Search
from gnomon_gtype._scalars import DecimalNumber

_MOST_ZEROS = 2_000
_MOST_PLACES = 400
_MOST_POWERS = 50
_ONE = Fraction(1)
_MOST_EXPONENT = 1_000
_HUGE = Unclear("it depends on decimal numbers whose exponents are too large to calculate with")
_DIGITS = Unclear("it depends on how many digits decimal numbers are written with")


class _Piece(NamedTuple):
    """An interval without its ends, or one point when both ends are the same; `None` for no end."""

    low: Fraction | None
    high: Fraction | None

    def inside(self) -> Fraction:
        """Some number of the piece."""
        if self.low is None:
            return Fraction(0) if self.high is None else self.high - 1
        return self.low + 1 if self.high is None else (self.low + self.high) / 2


class _Written(NamedTuple):
    """How many digits the wanted nodes allow, `None` for any number."""

    digits: int | None
    places: int | None


def decimals(search: Search, _: Any, wanted: list[Any], unwanted: list[Any]) -> Outcome:
    """Finite decimals."""
    given = [node.value for node in wanted if not isinstance(node, DecimalNumber)]
    if given:
        return first_of(search, given, wanted, unwanted)
    against = [node for node in unwanted if isinstance(node, DecimalNumber)]
    if any(
        abs(number.adjusted()) > _MOST_EXPONENT for node in (*wanted, *against) for number in _numbers(node)
    ):
        return _HUGE
    digits = _least(node.max_digits for node in wanted)
    places = _least([digits, *(node.decimal_places for node in wanted)])
    grains = [Fraction(node.multiple_of) for node in wanted if node.multiple_of is not None]
    grains += [] if places is None else [Fraction(1, 10**places)]
    step = lcm_of(grains) if grains else None
    last: Outcome = EMPTY
    for piece in _pieces([*wanted, *against], digits):
        if not all(_spans(node, piece) for node in wanted):
            continue
        active = [node for node in against if _spans(node, piece)]
        allowed = _Written(_digits_in(piece, digits, places), _places_in(piece, digits, places))
        clean = [node for node in active if _allows(node, allowed)]
        outcome = _in_piece(search, piece, step, _Written(digits, places), clean, wanted, unwanted)
        if isinstance(outcome, Found):
            return outcome
        if isinstance(outcome, Unclear):
            last = outcome
    return last


def _numbers(node: DecimalNumber) -> Iterator[Decimal]:
    return (number for number in (node.minimum, node.maximum, node.multiple_of) if number is not None)


def _least(numbers: Iterable[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


def _pieces(nodes: list[DecimalNumber], digits: int | None) -> Iterator[_Piece]:
    """The line, cut at every limit into points and the open intervals between them; those near 0 first."""
    limits = {
        Fraction(limit) for node in nodes for limit in (node.minimum, node.maximum) if limit is not None
    }
    ends: list[Fraction | None] = [None, None]
    if digits is not None:
        ends = [Fraction(-(10**digits)), Fraction(10**digits)]
    inner = sorted(limit for limit in limits if digits is None or abs(limit) < 10**digits)
    marks = [ends[0], *inner, ends[1]]
    pieces = [_Piece(mark, mark) for mark in inner]
    pieces += [_Piece(low, high) for low, high in itertools.pairwise(marks)]
    return iter(sorted(pieces, key=lambda piece: abs(piece.inside())))


def _spans(node: DecimalNumber, piece: _Piece) -> bool:
    """Whether a piece, which no limit cuts, lies within the limits of a node."""
    value = piece.inside()
    low, high = node.minimum, node.maximum
    if low is not None and (value < Fraction(low) or (node.exclusive_minimum and value == Fraction(low))):
        return False
    return high is None or not (
        value > Fraction(high) or (node.exclusive_maximum and value == Fraction(high))
    )


def _digits_in(piece: _Piece, digits: int | None, places: int | None) -> int | None:
    """Most digits that a number of a piece is written with."""
    if places is None or piece.low is None or piece.high is None:
        return digits
    whole = len(str(math.floor(max(abs(piece.low), abs(piece.high)))))
    return whole + places if digits is None else min(digits, whole + places)


def _places_in(piece: _Piece, digits: int | None, places: int | None) -> int | None:
    """Most decimal places of a number of a piece: digits before the point leave fewer for those behind it."""
    if (
        digits is None
        or places is None
        or piece.low is None
        or piece.high is None
        or piece.low < 0 < piece.high
    ):
        return places
    whole = len(str(math.floor(min(abs(piece.low), abs(piece.high)))).lstrip("0"))
    return min(places, max(0, digits - whole))


def _allows(node: DecimalNumber, written: _Written) -> bool:
    """Whether a node never refuses a number for its digits."""
    pairs = ((node.max_digits, written.digits), (node.decimal_places, written.places))
    return all(most is None or (number is not None and number <= most) for most, number in pairs)


def _in_piece(
    search: Search,
    piece: _Piece,
    step: Fraction | None,
    written: _Written,
    clean: list[DecimalNumber],
    wanted: list[Any],
    unwanted: list[Any],
) -> Outcome:
    steps = [Fraction(node.multiple_of) for node in clean if node.multiple_of is not None]
    if len(steps) < len(clean):
        return EMPTY
    limits = [
        limit
        for node in unwanted
        if isinstance(node, DecimalNumber)
        for limit in (node.max_digits, node.decimal_places)
    ]
    zeros = 1 + max((limit for limit in limits if limit is not None), default=0)
    made: list[Outcome] = []

    def good(value: Fraction) -> bool:
        forms = _forms(value, written, min(zeros, _MOST_ZEROS))
        made[:] = [first_of(search, forms, wanted, unwanted)]
        return isinstance(made[0], Found)

    if step is None:
        return (
            made[0]
            if any(good(value) for value in (*_dense(piece, steps), *_long(piece, zeros)))
            else _DIGITS
        )
    if any((step / each).denominator == 1 for each in steps):
        return EMPTY
    first, last = _multiples(piece, step)
    if first is not None and last is not None and first > last:
        return EMPTY
    if any(good(value) for value in _long(piece, zeros, step)):
        return made[0]
    divisors = {(each / step).numerator for each in steps}
    found = scan(first, last, divisors, len(unwanted) + 64, lambda number: good(number * step), search.budget)
    if found is None and zeros <= _MOST_ZEROS:
        return EMPTY
    return made[0] if isinstance(found, int) else _DIGITS


def _multiples(piece: _Piece, step: Fraction) -> tuple[int | None, int | None]:
    """The first and the last multiple of a step in a piece, as numbers of steps."""
    if piece.low is not None and piece.low == piece.high:
        return math.ceil(piece.low / step), math.floor(piece.low / step)
    first = None if piece.low is None else math.floor(piece.low / step) + 1
    last = None if piece.high is None else math.ceil(piece.high / step) - 1
    return first, last


def _dense(piece: _Piece, steps: list[Fraction]) -> Iterator[Fraction]:
    """Numbers of a piece, ever finer, so that some is a multiple of none of some steps."""
    if piece.low is not None and piece.low == piece.high:
        yield piece.low
        return
    yield from (value for value in (Fraction(0), piece.inside()) if _within(value, piece))
    finest = max([8, *(len(str(each.denominator)) for each in steps)])
    width = Fraction(1) if piece.low is None or piece.high is None else piece.high - piece.low
    scale = min(len(str(width.denominator)), _MOST_PLACES)
    for places in range(scale + finest + 4):
        grain = Fraction(1, 10**places)
        middle = math.floor(piece.inside() / grain) * grain
        yield from (value for value in (middle, middle + grain, middle + 3 * grain) if _within(value, piece))


def _long(piece: _Piece, digits: int, step: Fraction = _ONE) -> Iterator[Fraction]:
    """Multiples of a step in a piece that have ever more digits before the point."""
    for power in range(min(digits, _MOST_POWERS) + 1):
        for end in (10**power, -(10**power)):
            yield from (value for value in (math.floor(end / step) * step,) if _within(value, piece))


def _within(value: Fraction, piece: _Piece) -> bool:
    return (piece.low is None or value > piece.low) and (piece.high is None or value < piece.high)


def _forms(value: Fraction, written: _Written, zeros: int) -> Iterator[Decimal]:
    """The shortest way to write a decimal number, and the one with most zeros at its end.

    What a limit of digits refuses it refuses with more zeros too, so no form between the two is refused when neither is.
    """
    places = 0
    while (value * 10**places).denominator > 1:
        places += 1
        if places > _MOST_PLACES:
            return
    most = [places + zeros, *([] if written.places is None else [written.places])]
    if written.digits is not None:
        most.append(written.digits - len(str(abs(int(value))).lstrip("0")))
    for length in sorted({places, max(places, min(most))}):
        number = int(value * 10**length)
        yield Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -length))
