"""The exact meaning of single constraints, used by the interpreter, and by compiled validators where the engine has none."""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import enum
import ipaddress
import pathlib
import re
from typing import Any

from gnomon_gtype._scalars import DecimalNumber, FilePath, IpAddress, Literal

DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_ZONE = r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
TIME = rf"^[0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,6}})?)?{_ZONE}?$"
DATETIME = (
    rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]{{1,6}})?{_ZONE}?$"
)
DURATION = (
    r"^[+-]?P(?:[0-9]{1,9}W|[0-9]{1,9}D|(?:[0-9]{1,9}D)?T(?:[0-9]{1,9}H(?:[0-9]{1,9}M)?(?:[0-9]{1,9}(?:\.[0-9]{1,6})?S)?"
    r"|[0-9]{1,9}M(?:[0-9]{1,9}(?:\.[0-9]{1,6})?S)?|[0-9]{1,9}(?:\.[0-9]{1,6})?S))$"
)
UUID = "^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
DECIMAL = r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?$"
INTEGER_KEY = r"^-?(?:0|[1-9][0-9]*)$"
NUMBER_KEY = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?$"
BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


def is_multiple(value: int | float | decimal.Decimal, step: int | float | decimal.Decimal) -> bool:
    """Whether `value` is a whole multiple of `step`, both read as the shortest decimal that stands for them."""
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    if isinstance(value, float) and step == 1:
        return value.is_integer()
    left, right = _ratio(value), _ratio(step)
    return left[0] * right[1] % (left[1] * right[0]) == 0


def _ratio(value: int | float | decimal.Decimal) -> tuple[int, int]:
    if isinstance(value, float):
        return decimal.Decimal(float.__repr__(value)).as_integer_ratio()
    return value.as_integer_ratio()


def digits_of(value: decimal.Decimal) -> tuple[int, int]:
    """How many significant digits and how many decimal places a finite decimal has, zeros at its end counted."""
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if exponent >= 0:
        return (len(digits) + exponent if any(digits) else 1), 0
    return max(len(digits), -exponent), -exponent


def decimal_fits(node: DecimalNumber, value: decimal.Decimal) -> bool:
    """Whether a finite decimal keeps `max_digits` and `decimal_places`."""
    digits, places = digits_of(value)
    if node.max_digits is not None and digits > node.max_digits:
        return False
    return node.decimal_places is None or places <= node.decimal_places


def is_unicode(text: str) -> bool:
    """Whether the text has no lone surrogate."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def within(node: Any, value: Any) -> str | None:
    """`too_small` or `too_large` when the value is outside the limits of a bounded node."""
    if node.minimum is not None and (
        value < node.minimum or (node.exclusive_minimum and value == node.minimum)
    ):
        return "too_small"
    if node.maximum is not None and (
        value > node.maximum or (node.exclusive_maximum and value == node.maximum)
    ):
        return "too_large"
    return None


def json_equal(left: Any, right: Any) -> bool:
    """Equality of JSON values: numbers by value, `true` apart from `1`; other Python values by type and value."""
    return json_key(left) == json_key(right)


def json_key(value: Any) -> object:
    """A hashable key that two values share exactly when they are equal as JSON values."""
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return (kind.__name__, value)
    if kind is int or kind is float:
        return ("number", value)
    if issubclass(kind, (list, tuple)):
        return ("array", tuple(json_key(item) for item in value))
    if issubclass(kind, dict):
        return ("object", frozenset((json_key(key), json_key(item)) for key, item in value.items()))
    if issubclass(kind, (set, frozenset)):
        return ("set", frozenset(json_key(item) for item in value))
    try:
        hash(value)
    except Exception:  # an object that cannot be hashed is equal to itself alone
        return ("object", id(value))
    return (kind, value)


def read_base64(text: str) -> bytes:
    """The bytes of padded standard base64; `ValueError` for anything else."""
    if len(text) % 4:  # Python 3.11 and 3.12 let a padding in that is not needed
        raise ValueError("the padding does not fit")
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    return found


PATHS: dict[str, type[pathlib.PurePath]] = {
    "Path": pathlib.Path,
    "PurePath": pathlib.PurePath,
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
    "PosixPath": pathlib.PosixPath,
    "WindowsPath": pathlib.WindowsPath,
}
IPS: dict[tuple[str, int], type[Any]] = {
    ("address", 4): ipaddress.IPv4Address,
    ("address", 6): ipaddress.IPv6Address,
    ("network", 4): ipaddress.IPv4Network,
    ("network", 6): ipaddress.IPv6Network,
    ("interface", 4): ipaddress.IPv4Interface,
    ("interface", 6): ipaddress.IPv6Interface,
}


def read_path(node: FilePath, text: str) -> pathlib.PurePath:
    """The path that JSON text stands for."""
    if "\0" in text:
        raise ValueError("a path has no NUL")
    return PATHS[node.kind](text)


def read_ip(node: IpAddress, text: str) -> Any:
    """The address that JSON text stands for."""
    return IPS[node.kind, node.version](text)


def read_regex(text: str) -> re.Pattern[str]:
    """The compiled pattern that JSON text stands for."""
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None


def literal_from_python(node: Literal, value: Any) -> Any:
    """The member that `value` is; `ValueError` when it is none. Text is looked up, as a dict would do it."""
    for member in node.values:
        if member is value:
            return member
        if isinstance(member, enum.Enum):
            continue
        kind: Any = type(member)
        plain: Any = member
        if not issubclass(type(value), kind) or (kind is int and type(value) is bool):
            continue
        if _found({plain: None}, value) if kind is str else kind.__eq__(plain, value) is True:
            return member
    raise ValueError("none of the members")


def _found(table: dict[Any, None], value: Any) -> bool:
    try:
        return value in table
    except Exception:  # a subclass may raise anything when it is hashed or compared
        return False


def literal_from_json(node: Literal | type[enum.Enum], value: Any) -> Any:
    """The member whose JSON form is the parsed JSON `value`; `ValueError` when there is none."""
    alike = []
    for member in node.values if isinstance(node, Literal) else node:
        plain = member.value if isinstance(member, enum.Enum) else member
        if isinstance(plain, bytes):
            plain = base64.b64encode(plain).decode()
        if _same_json(plain, value):
            if not isinstance(plain, tuple):
                return member
            alike.append(member)  # a list is written so too, and is what the text says
    if alike:
        return alike[0]
    raise ValueError("none of the members")


def _same_json(plain: Any, value: Any) -> bool:
    """Whether `value` is what `plain` is written as: tuples are written as arrays."""
    if json_kind(plain) is not json_kind(value):
        return False
    if isinstance(plain, (list, tuple)):
        return len(plain) == len(value) and all(map(_same_json, plain, value))
    return bool(plain == value)


def json_kind(value: Any) -> type:
    """The class that tells JSON values apart: tuples count as lists."""
    for kind in (bool, int, float, str, dict):
        if isinstance(value, kind):
            return kind
    return list if isinstance(value, (list, tuple)) else type(value)


def parse_time(text: str) -> datetime.time:
    """The time that text of the form `TIME` stands for."""
    return datetime.time.fromisoformat(_padded(text))


def parse_datetime(text: str) -> datetime.datetime:
    """The moment that text of the form `DATETIME` stands for."""
    return datetime.datetime.fromisoformat(_padded(text))


def _padded(text: str) -> str:
    """The fraction of a second as six digits, which every Python reads, and capital letters."""
    found = re.search(r"\.([0-9]+)", text)
    if found:
        text = text[: found.start(1)] + found.group(1).ljust(6, "0") + text[found.end(1) :]
    return text.upper()


def parse_duration(text: str) -> datetime.timedelta:
    """The length of time that text of the form `DURATION` stands for."""
    amounts = {unit: amount for amount, unit in re.findall(r"([0-9.]+)([WDHMS])", text)}
    seconds, _, fraction = amounts.get("S", "0").partition(".")
    try:
        length = datetime.timedelta(
            weeks=int(amounts.get("W", 0)),
            days=int(amounts.get("D", 0)),
            hours=int(amounts.get("H", 0)),
            minutes=int(amounts.get("M", 0)),
            seconds=int(seconds),
            microseconds=int(fraction.ljust(6, "0")),
        )
    except OverflowError as error:
        raise ValueError(str(error)) from None
    return -length if text.startswith("-") else length


def write_duration(length: datetime.timedelta) -> str:
    """ISO 8601 text of the form `DURATION`: days, hours, minutes and seconds, no longer units."""
    sign, length = ("-", -length) if length < datetime.timedelta() else ("", length)
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    rest = (
        f"{seconds}.{length.microseconds:06}".rstrip("0").rstrip(".") if length.microseconds else f"{seconds}"
    )
    amounts = [(f"{hours}", "H"), (f"{minutes}", "M"), (rest, "S")]
    time = "".join(f"{amount}{unit}" for amount, unit in amounts if amount != "0")
    days = f"{length.days}D" if length.days else ""
    return f"{sign}P{days}{'T' + time if time else ''}" if days or time else "PT0S"
