"""How the interpreter reads each scalar node."""

from __future__ import annotations

import datetime
import decimal
import re
import uuid
from collections.abc import Callable
from typing import Any

from gnomon_gtype import _checks as checks
from gnomon_gtype import _scalars as s
from gnomon_gtype._describe import count, describe
from gnomon_gtype._formats import FORMATS
from gnomon_gtype._interpret import REFUSED, Path, Reading, reader
from gnomon_gtype._patterns import found_in
from gnomon_gtype._schema import Schema


@reader(s.Anything)
def _anything(_reading: Reading, _node: s.Anything, value: Any, _path: Path) -> Any:
    return value


@reader(s.Nothing)
def _nothing(reading: Reading, node: s.Nothing, value: Any, path: Path) -> Any:
    return reading.refuse(node, path, "never", "No value is accepted here.", value)


@reader(s.Null)
def _null(reading: Reading, node: s.Null, value: Any, path: Path) -> Any:
    return None if value is None else reading.wrong_type(node, value, path)


@reader(s.Boolean)
def _boolean(reading: Reading, node: s.Boolean, value: Any, path: Path) -> Any:
    return value if type(value) is bool else reading.wrong_type(node, value, path)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and type(value) is not bool


@reader(s.Integer)
def _integer(reading: Reading, node: s.Integer, value: Any, path: Path) -> Any:
    if not _is_int(value):
        return reading.wrong_type(node, value, path)
    value = int.__int__(value)
    if node.minimum is not None and value < node.minimum:
        return _too_small(reading, node, value, path, inclusive=True)
    if node.maximum is not None and value > node.maximum:
        return _too_large(reading, node, value, path, inclusive=True)
    return _stepped(reading, node, value, path)


def _too_small(reading: Reading, node: Any, value: Any, path: Path, *, inclusive: bool) -> Any:
    wanted = f"{'at least' if inclusive else 'more than'} {_limit(node.minimum)}"
    return reading.refuse(
        node, path, "too_small", f"Expected {wanted}.", value, expected=wanted, limit=node.minimum
    )


def _too_large(reading: Reading, node: Any, value: Any, path: Path, *, inclusive: bool) -> Any:
    wanted = f"{'at most' if inclusive else 'less than'} {_limit(node.maximum)}"
    return reading.refuse(
        node, path, "too_large", f"Expected {wanted}.", value, expected=wanted, limit=node.maximum
    )


def _limit(value: Any) -> str:
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, int) and value.bit_length() > 600:
        return "a very large number"
    return str(value)


def _bounded(reading: Reading, node: s.Bounded, value: Any, path: Path) -> Any:
    outside = checks.within(node, value)
    if outside == "too_small":
        return _too_small(reading, node, value, path, inclusive=not node.exclusive_minimum)
    if outside == "too_large":
        return _too_large(reading, node, value, path, inclusive=not node.exclusive_maximum)
    return value


def _stepped(reading: Reading, node: Any, value: Any, path: Path) -> Any:
    step = node.multiple_of
    if step is not None and not checks.is_multiple(value, step):
        wanted = "a whole number" if step == 1 else f"a multiple of {_limit(step)}"
        return reading.refuse(
            node, path, "not_multiple", f"Expected {wanted}.", value, expected=wanted, limit=step
        )
    return value


def _finite(value: float) -> bool:
    return -float("inf") < value < float("inf")


@reader(s.Float)
def _float(reading: Reading, node: s.Float, value: Any, path: Path) -> Any:
    if not (_is_int(value) or isinstance(value, float)):
        return reading.wrong_type(node, value, path)
    try:
        value = float.__float__(value) if isinstance(value, float) else int.__float__(value)
    except OverflowError:
        return reading.refuse(node, path, "too_large", "The number does not fit into a float.", value)
    if not _finite(value):
        if node.finite or reading.json:
            return reading.refuse(node, path, "not_finite", "Expected a finite number.", value)
        return value if value != value else _bounded(reading, node, value, path)
    if _bounded(reading, node, value, path) is REFUSED:
        return REFUSED
    return _stepped(reading, node, value, path)


@reader(s.Number)
def _number(reading: Reading, node: s.Number, value: Any, path: Path) -> Any:
    if isinstance(value, float):
        value = float.__float__(value)
        if not _finite(value):
            return reading.refuse(node, path, "not_finite", "Expected a finite number.", value)
    elif _is_int(value):
        value = int.__int__(value)
    else:
        return reading.wrong_type(node, value, path)
    if _bounded(reading, node, value, path) is REFUSED:
        return REFUSED
    return _stepped(reading, node, value, path)


@reader(s.DecimalNumber)
def _decimal(reading: Reading, node: s.DecimalNumber, value: Any, path: Path) -> Any:
    if reading.json:
        found = decimal_from_json(value)
        if found is None:
            return reading.wrong_type(node, value, path)
        value = found
    elif not isinstance(value, decimal.Decimal):
        return reading.wrong_type(node, value, path)
    if not decimal.Decimal.is_finite(value):
        return reading.refuse(node, path, "not_finite", "Expected a finite number.", value)
    if _bounded(reading, node, value, path) is REFUSED or _stepped(reading, node, value, path) is REFUSED:
        return REFUSED
    if not checks.decimal_fits(node, value):
        parts = []
        if node.max_digits is not None:
            parts.append(f"at most {count(node.max_digits, 'digit')}")
        if node.decimal_places is not None:
            parts.append(f"at most {count(node.decimal_places, 'decimal place')}")
        wanted = " and ".join(parts)
        return reading.refuse(node, path, "precision", f"Expected {wanted}.", value, expected=wanted)
    return value


def decimal_from_json(value: Any) -> decimal.Decimal | None:
    """The decimal that parsed JSON stands for, or `None`."""
    if isinstance(value, str):
        return decimal.Decimal(value) if found_in(checks.DECIMAL, value) else None
    if _is_int(value):
        return decimal.Decimal(value)
    if isinstance(value, float) and _finite(value):
        return decimal.Decimal(float.__repr__(value))
    return None


def _lengthy(reading: Reading, node: Any, value: Any, path: Path, noun: str) -> Any:
    if len(value) < node.min_length:
        wanted = f"at least {count(node.min_length, noun)}"
        message = f"Expected {wanted}{reading.found(len(value))}."
        return reading.refuse(node, path, "too_short", message, value, expected=wanted, limit=node.min_length)
    if node.max_length is not None and len(value) > node.max_length:
        wanted = f"at most {count(node.max_length, noun)}"
        message = f"Expected {wanted}{reading.found(len(value))}."
        return reading.refuse(node, path, "too_long", message, value, expected=wanted, limit=node.max_length)
    return value


@reader(s.String)
def _string(reading: Reading, node: s.String, value: Any, path: Path) -> Any:
    if not isinstance(value, str):
        return reading.wrong_type(node, value, path)
    value = str.__str__(value)
    if not checks.is_unicode(value):
        message = "The text contains a lone surrogate, which is not Unicode."
        return reading.refuse(node, path, "not_unicode", message, value)
    if _lengthy(reading, node, value, path, "character") is REFUSED:
        return REFUSED
    for pattern in node.patterns:
        if not found_in(pattern, value):
            wanted = f"text that matches {pattern}"
            return reading.refuse(
                node, path, "pattern", f"Expected {wanted}.", value, expected=wanted, limit=pattern
            )
    if node.format is not None and not format_holds(node.format, value):
        return reading.refuse(node, path, "format", f"Expected {FORMATS[node.format].expected}.", value)
    return value


def format_holds(name: str, text: str) -> bool:
    """Whether `text` is in the set that the format names."""
    item = FORMATS[name]
    if len(text) < item.min_length or (item.max_length is not None and len(text) > item.max_length):
        return False
    return found_in(item.pattern, text) and (item.check is None or item.check(text))


@reader(s.Bytes)
def _bytes(reading: Reading, node: s.Bytes, value: Any, path: Path) -> Any:
    if reading.json:
        if not isinstance(value, str):
            return reading.wrong_type(node, value, path)
        try:
            value = checks.read_base64(value)
        except ValueError:
            return reading.refuse(
                node, path, "format", "Expected base64 text.", value, expected="base64 text"
            )
    elif not isinstance(value, bytes):
        return reading.wrong_type(node, value, path)
    return _lengthy(reading, node, bytes(value), path, "byte")


@reader(s.Literal)
def _literal(reading: Reading, node: s.Literal, value: Any, path: Path) -> Any:
    find = checks.literal_from_json if reading.json else checks.literal_from_python
    try:
        return find(node, value)
    except ValueError:
        return reading.refuse(node, path, "not_one_of", f"Expected {describe(node)}.", value)


@reader(s.EnumMember)
def _enum(reading: Reading, node: s.EnumMember, value: Any, path: Path) -> Any:
    if not reading.json:
        return value if isinstance(value, node.cls) else reading.wrong_type(node, value, path)
    try:
        return checks.literal_from_json(node.cls, value)
    except ValueError:
        return reading.refuse(node, path, "not_one_of", f"Expected {describe(node, channel='json')}.", value)


def _read_text(
    reading: Reading, node: Schema, value: Any, path: Path, pattern: str | None, parse: Callable[[str], Any]
) -> Any:
    if not isinstance(value, str):
        return reading.wrong_type(node, value, path)
    if pattern is None or found_in(pattern, value):
        try:
            return parse(value)
        except (ValueError, OverflowError):
            pass  # the words below say it better
    wanted = describe(node, channel="json")
    return reading.refuse(node, path, "format", f"Expected {wanted}.", value)


@reader(s.Date)
def _date(reading: Reading, node: s.Date, value: Any, path: Path) -> Any:
    if reading.json:
        value = _read_text(reading, node, value, path, checks.DATE, datetime.date.fromisoformat)
        if value is REFUSED:
            return REFUSED
    elif not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        return reading.wrong_type(node, value, path)
    return _bounded(reading, node, value, path)


def _offset(node: s.Time | s.DateTime, value: Any) -> datetime.timedelta | None:
    """The offset of the zone, asked of the class that is wanted: a subclass may raise anything."""
    kind = datetime.time if isinstance(node, s.Time) else datetime.datetime
    return kind.utcoffset(value)


def _zoned(reading: Reading, node: s.Time | s.DateTime, value: Any, path: Path) -> Any:
    if node.zone != "any" and (_offset(node, value) is None) != (node.zone == "naive"):
        wanted = "a time zone" if node.zone == "aware" else "no time zone"
        return reading.refuse(node, path, "timezone", f"Expected {wanted}.", value, expected=wanted)
    return _bounded(reading, node, value, path)


@reader(s.Time)
def _time(reading: Reading, node: s.Time, value: Any, path: Path) -> Any:
    if reading.json:
        value = _read_text(reading, node, value, path, checks.TIME, checks.parse_time)
        if value is REFUSED:
            return REFUSED
    elif not isinstance(value, datetime.time):
        return reading.wrong_type(node, value, path)
    return _zoned(reading, node, value, path)


@reader(s.DateTime)
def _datetime(reading: Reading, node: s.DateTime, value: Any, path: Path) -> Any:
    if reading.json:
        value = _read_text(reading, node, value, path, checks.DATETIME, checks.parse_datetime)
        if value is REFUSED:
            return REFUSED
    elif not isinstance(value, datetime.datetime):
        return reading.wrong_type(node, value, path)
    return _zoned(reading, node, value, path)


@reader(s.Duration)
def _duration(reading: Reading, node: s.Duration, value: Any, path: Path) -> Any:
    if reading.json:
        value = _read_text(reading, node, value, path, checks.DURATION, checks.parse_duration)
        if value is REFUSED:
            return REFUSED
    elif not isinstance(value, datetime.timedelta):
        return reading.wrong_type(node, value, path)
    return _bounded(reading, node, value, path)


@reader(s.Uuid)
def _uuid(reading: Reading, node: s.Uuid, value: Any, path: Path) -> Any:
    if reading.json:
        value = _read_text(reading, node, value, path, checks.UUID, uuid.UUID)
        if value is REFUSED:
            return REFUSED
    elif not isinstance(value, uuid.UUID):
        return reading.wrong_type(node, value, path)
    if node.version is not None and value.version != node.version:
        wanted = f"a UUID of version {node.version}"
        return reading.refuse(node, path, "format", f"Expected {wanted}.", value, expected=wanted)
    return value


@reader(s.FilePath)
def _path(reading: Reading, node: s.FilePath, value: Any, path: Path) -> Any:
    if reading.json:
        return _read_text(reading, node, value, path, None, lambda text: checks.read_path(node, text))
    return value if isinstance(value, checks.PATHS[node.kind]) else reading.wrong_type(node, value, path)


@reader(s.IpAddress)
def _ip(reading: Reading, node: s.IpAddress, value: Any, path: Path) -> Any:
    if reading.json:
        return _read_text(reading, node, value, path, None, lambda text: checks.read_ip(node, text))
    kind = checks.IPS[node.kind, node.version]
    return value if type(value) is kind else reading.wrong_type(node, value, path)


@reader(s.Regex)
def _regex(reading: Reading, node: s.Regex, value: Any, path: Path) -> Any:
    if reading.json:
        return _read_text(reading, node, value, path, None, checks.read_regex)
    good = isinstance(value, re.Pattern) and isinstance(value.pattern, str)
    return value if good else reading.wrong_type(node, value, path)
