"""Rows for dates, times, datetimes and durations, from Python and from JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any, NotRequired, TypedDict

import annotated_types as at
import pytest

from gnomon_gtype import (
    DumpError,
    Gt,
    GType,
    Max,
    Min,
    NaiveDatetime,
    Timestamp,
    UnsupportedAnnotation,
    ValidationError,
    Zone,
)

no = pytest.Refused


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (dt.timedelta(), "PT0S"),
        (dt.timedelta(1), "P1D"),
        (dt.timedelta(-1), "-P1D"),
        (dt.timedelta(seconds=-1.5), "-PT1.5S"),
        (dt.timedelta(hours=10, seconds=30), "PT10H30S"),
        (dt.timedelta(minutes=5), "PT5M"),
        (dt.timedelta(0, 10, 20), "PT10.00002S"),
        (dt.timedelta(365), "P365D"),
        (dt.timedelta(1481, 3661), "P1481DT1H1M1S"),
        (dt.timedelta.max, "P999999999DT23H59M59.999999S"),
        (dt.timedelta.min, "-P999999999D"),
    ],
)
def test_durations_are_written_as_they_are_read(length, text):
    for annotation, value, written in (
        (dt.timedelta, length, f'"{text}"'),
        (dt.timedelta | int, length, f'"{text}"'),
        (dict[dt.timedelta, int], {length: 1}, f'{{"{text}":1}}'),
    ):
        made: GType[Any] = GType(annotation)
        assert made.dump_json(value).decode() == written
        assert made.validate_json(written) == value
    with pytest.raises(DumpError, match="Expected a timedelta, found a str"):
        GType(dt.timedelta).dump_json(text)  # type: ignore[arg-type]


UTC = dt.UTC
EAST = dt.timezone(dt.timedelta(hours=2))
NOON = dt.datetime(2026, 1, 2, 12, tzinfo=UTC)
AnyMoment = Annotated[dt.datetime, Zone("any")]

TABLE = [
    (dt.date, "python", dt.date(2026, 1, 2), dt.date(2026, 1, 2)),
    (dt.date, "python", NOON, no("wrong_type")),
    (dt.date, "python", "2026-01-02", no("wrong_type")),
    (dt.date, "json", '"2026-01-02"', dt.date(2026, 1, 2)),
    (dt.date, "json", '"2026-02-30"', no("format")),
    (dt.date, "json", '"0000-01-01"', no("format")),
    (dt.date, "json", '"2026-1-2"', no("format")),
    (dt.date, "json", '"1767312000"', no("format")),
    (dt.date, "json", '"2026-01-02T00:00:00"', no("format")),
    (dt.date, "json", "1767312000", no("wrong_type")),
    (Annotated[dt.date, Min(dt.date(2026, 1, 1))], "json", '"2025-12-31"', no("too_small")),
    (Annotated[dt.date, Max(dt.date(2026, 1, 1))], "python", dt.date(2026, 1, 1), dt.date(2026, 1, 1)),
    (dt.datetime, "python", NOON, NOON),
    (dt.datetime, "python", dt.datetime(2026, 1, 2), no("timezone")),
    (dt.datetime, "python", dt.date(2026, 1, 2), no("wrong_type")),
    (dt.datetime, "json", '"2026-01-02T12:00:00Z"', NOON),
    (dt.datetime, "json", '"2026-01-02t14:00:00.5+02:00"', NOON.replace(microsecond=500_000)),
    (dt.datetime, "json", '"2026-01-02T12:00:00"', no("timezone")),
    (dt.datetime, "json", '"2026-01-02 12:00:00Z"', no("format")),
    (dt.datetime, "json", '"2026-01-02T12:00Z"', no("format")),
    (dt.datetime, "json", '"2026-01-02T25:00:00Z"', no("format")),
    (dt.datetime, "json", '"2026-01-02T12:00:60Z"', no("format")),
    (dt.datetime, "json", '"2026-01-02T12:00:00+24:00"', no("format")),
    (dt.datetime, "json", '"1767312000"', no("format")),
    (dt.datetime, "json", "1767312000", no("wrong_type")),
    (Timestamp, "json", '"2026-01-02T12:00:00Z"', NOON),
    (NaiveDatetime, "json", '"2026-01-02T12:00:00"', dt.datetime(2026, 1, 2, 12)),
    (NaiveDatetime, "python", NOON, no("timezone")),
    (AnyMoment, "python", NOON, NOON),
    (AnyMoment, "python", dt.datetime(2026, 1, 2), dt.datetime(2026, 1, 2)),
    (Annotated[dt.datetime, at.Timezone(None)], "python", NOON, no("timezone")),
    (Annotated[dt.datetime, at.Timezone(...)], "python", NOON, NOON),
    (Annotated[dt.datetime, Gt(NOON)], "json", '"2026-01-02T14:00:00+02:00"', no("too_small")),
    (Annotated[dt.datetime, Gt(NOON)], "json", '"2026-01-02T13:00:00Z"', NOON.replace(hour=13)),
    (dt.time, "python", dt.time(1, 2), dt.time(1, 2)),
    (dt.time, "json", '"01:02"', dt.time(1, 2)),
    (dt.time, "json", '"01:02:03.5Z"', dt.time(1, 2, 3, 500_000, tzinfo=UTC)),
    (dt.time, "json", '"24:00"', no("format")),
    (dt.time, "json", '"3600"', no("format")),
    (dt.time, "json", "1", no("wrong_type")),
    (dt.time, "python", "01:02", no("wrong_type")),
    (Annotated[dt.time, Zone("aware")], "json", '"01:02"', no("timezone")),
    (Annotated[dt.time, Zone("naive"), Min(dt.time(12))], "json", '"11:59"', no("too_small")),
    (dt.timedelta, "python", dt.timedelta(1), dt.timedelta(1)),
    (dt.timedelta, "python", 1, no("wrong_type")),
    (dt.timedelta, "json", '"P1DT2H3M4.5S"', dt.timedelta(1, 4.5, minutes=3, hours=2)),
    (dt.timedelta, "json", '"-PT1S"', dt.timedelta(seconds=-1)),
    (dt.timedelta, "json", '"P2W"', dt.timedelta(14)),
    (dt.timedelta, "json", '"P1M"', no("format")),
    (dt.timedelta, "json", '"P1Y"', no("format")),
    (dt.timedelta, "json", '"PT"', no("format")),
    (dt.timedelta, "json", '"P999999999W"', no("format")),
    (dt.timedelta, "json", '"1 day, 00:00"', no("format")),
    (dt.timedelta, "json", '"3600"', no("format")),
    (dt.timedelta, "json", "3600", no("wrong_type")),
    (Annotated[dt.timedelta, Max(dt.timedelta(hours=1))], "json", '"PT61M"', no("too_large")),
]


@pytest.mark.parametrize(("annotation", "channel", "given", "outcome"), TABLE)
def test_row(rows, annotation, channel, given, outcome):
    rows(annotation, channel, given, outcome)


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[dt.datetime, at.Timezone("Europe/Paris")],
        Annotated[dt.datetime, Min(dt.datetime(2026, 1, 1))],
        Annotated[dt.datetime, Min(3)],
        Annotated[str, Zone("any")],
        Annotated[dt.datetime, Zone("local")],
    ],
)
def test_limits_and_zones_that_mean_nothing_are_refused(annotation):
    with pytest.raises(UnsupportedAnnotation):
        GType(annotation)


class Meeting(TypedDict):
    topic: str
    at: dt.datetime
    until: NotRequired[dt.time]


@pytest.mark.parametrize("read", [str, str.encode])
def test_the_colons_of_times_hide_no_key_that_stands_twice(read: Callable[[str], str | bytes]):
    meeting = GType(Meeting)
    for text, codes in [
        ('{"topic":"a","at":"2026-01-02T03:04:05Z"}', ()),
        ('{"topic":"a","at":"2026-01-02T03:04:05Z","until":"05:00"}', ()),
        (r'{"topic":"a","at":"2026-01-02T03\u003a04:05Z"}', ()),
        (r'{"topic":"a","topic":"b","at":"2026-01-02T03\u003a04:05Z"}', ("duplicate_key",)),
        ('{"topic":"a","at":"2026-01-02T03:04:05Z","at":"2026-01-02T03:04:05Z"}', ("duplicate_key",)),
        ('{"topic":"a: b","at":"2026-01-02T03:04:05Z"}', ()),
        ('{"topic":"a","at":"2026-01-02T03:04:05"}', ("timezone",)),
    ]:
        try:
            meeting.validate_json(read(text))
        except ValidationError as error:
            assert tuple(problem.code for problem in error.problems) == codes, text
        else:
            assert not codes, text
