"""Dates, times and durations: whole numbers of days or microseconds, in intervals."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from gnomon_gtype._containment._nodes import Same
from gnomon_gtype._containment._numbers import Range, first_of, solve
from gnomon_gtype._containment._outcome import Found, Outcome
from gnomon_gtype._containment._search import Search

_MICROSECOND = datetime.timedelta(microseconds=1)
_MINUTE, _DAY = 60_000_000, 86_400_000_000
# zones are less than a day from UTC; Python compares times of day by offsets of whole minutes
_OFFSET = _DAY - _MINUTE
# naive on purpose: these two are scales to count on, and the zone is added where a value has one
_FIRST, _FINAL = datetime.datetime.min, datetime.datetime.max  # noqa: DTZ901


def moments(search: Search, kind: Any, wanted: list[Any], unwanted: list[Any]) -> Outcome:
    """Values of one of these kinds."""
    given = [node.value for node in wanted if isinstance(node, Same)]
    if given:
        return first_of(search, given, wanted, unwanted)
    number_of, value_of, domain = _SCALES[kind]
    points = {number_of(node.value) for node in unwanted if isinstance(node, Same)}
    ranges = [_range(node, number_of, domain) for node in unwanted if not isinstance(node, Same)]
    outcome = solve(
        [domain, *(_range(node, number_of, domain) for node in wanted)], ranges, points, search.budget
    )
    return Found(value_of(outcome.value)) if isinstance(outcome, Found) else outcome


def _range(node: Any, number_of: Callable[[Any], int], domain: Range) -> Range:
    low = domain.low if node.minimum is None else number_of(node.minimum) + node.exclusive_minimum
    high = domain.high if node.maximum is None else number_of(node.maximum) - node.exclusive_maximum
    return Range(low, high)


def _of_datetime(value: datetime.datetime) -> int:
    offset = value.utcoffset() or datetime.timedelta()
    return (value.replace(tzinfo=None) - _FIRST) // _MICROSECOND - offset // _MICROSECOND


def _to_naive(number: int) -> datetime.datetime:
    return _FIRST + number * _MICROSECOND


def _to_aware(number: int) -> datetime.datetime:
    """A moment, in UTC unless that would leave the years that Python has."""
    shift = _shift(number, _LAST)
    return (_FIRST + (number + shift) * _MICROSECOND).replace(tzinfo=_zone(shift))


def _shift(number: int, last: int) -> int:
    """The offset of a zone, in whole minutes, where a number below 0 or above the last one is neither."""
    if number < 0:
        return -(number // _MINUTE) * _MINUTE
    return min(0, (last - number) // _MINUTE * _MINUTE)


def _zone(shift: int) -> datetime.timezone:
    return datetime.timezone(shift * _MICROSECOND) if shift else datetime.UTC


def _of_time(value: datetime.time) -> int:
    since = datetime.datetime.combine(_FIRST, value.replace(tzinfo=None)) - _FIRST
    return since // _MICROSECOND - (value.utcoffset() or datetime.timedelta()) // _MICROSECOND


def _to_time(number: int) -> datetime.time:
    return _to_naive(number).time()


def _to_aware_time(number: int) -> datetime.time:
    """A time of day; before midnight in UTC, or after the next, it stands in a zone where it is within the day."""
    shift = _shift(number, _DAY - 1)
    return _to_naive(number + shift).time().replace(tzinfo=_zone(shift))


_LAST = _of_datetime(_FINAL)
_SCALES: dict[Any, tuple[Callable[[Any], int], Callable[[int], Any], Range]] = {
    "date": (
        datetime.date.toordinal,
        datetime.date.fromordinal,
        Range(datetime.date.min.toordinal(), datetime.date.max.toordinal()),
    ),
    "datetime-naive": (_of_datetime, _to_naive, Range(0, _LAST)),
    "datetime-aware": (_of_datetime, _to_aware, Range(-_OFFSET, _LAST + _OFFSET)),
    "time-naive": (_of_time, _to_time, Range(0, _DAY - 1)),
    "time-aware": (_of_time, _to_aware_time, Range(-_OFFSET, _DAY - 1 + _OFFSET)),
    "timedelta": (
        lambda value: value // _MICROSECOND,
        lambda number: number * _MICROSECOND,
        Range(datetime.timedelta.min // _MICROSECOND, datetime.timedelta.max // _MICROSECOND),
    ),
}
