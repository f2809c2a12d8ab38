"""What a route may demand before its handler runs, normalised to plain data."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ._errors import DeclarationError

__all__ = ["UNBOUNDED", "RateLimit", "parse_rate_limit", "parse_roles", "positive_bytes", "positive_seconds"]

# the word for infinity in JSON, which has no such number
UNBOUNDED: Final = "Infinity"

_UNITS: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_RATE: Final = re.compile(
    r"(?P<limit>[0-9]{1,12})\s*/\s*(?:(?P<count>[0-9]{1,9})\s*)?(?P<unit>second|minute|hour|day)s?"
    r"(?:\s+burst\s+(?P<burst>[0-9]{1,12}))?"
)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How often one client may call a route.

    Args:
        limit: calls that are admitted per window, at least 1.
        window: length of the window in seconds.
        burst: calls that may arrive at once, at least 1 and at most `limit`.

    Raises:
        DeclarationError: when a number is out of its range.
    """

    limit: int
    window: float
    burst: int

    def __post_init__(self) -> None:
        if self.limit < 1 or not 0 < self.window < math.inf:
            raise DeclarationError(f"a rate limit admits at least 1 call in a window longer than 0 s: {self}")
        if not 1 <= self.burst <= self.limit:
            raise DeclarationError(f"the burst of a rate limit lies between 1 and its limit: {self}")


def parse_rate_limit(text: str) -> RateLimit:
    """Read a rate limit from words.

    Args:
        text: `"100/minute"`, `"10/5 seconds"`, `"100/minute burst 20"`; the units are second, minute, hour
            and day. Without `burst` the whole limit may arrive at once.

    Raises:
        DeclarationError: when the text has another form or a number is out of its range.

    >>> parse_rate_limit("100/minute")
    RateLimit(limit=100, window=60.0, burst=100)
    >>> parse_rate_limit("10/5 seconds burst 2")
    RateLimit(limit=10, window=5.0, burst=2)
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise DeclarationError(
            f"{text!r} is not a rate limit; write '100/minute', '10/5 seconds' or '100/minute burst 20'"
        )
    limit = int(match["limit"])
    window = int(match["count"] or 1) * _UNITS[match["unit"]]
    return RateLimit(limit, window, int(match["burst"] or limit))


def parse_roles(roles: Iterable[Any]) -> tuple[str, ...]:
    """Put roles into order, each once.

    Raises:
        DeclarationError: for a bare string, which would be read as a role per letter, and for an empty role.

    >>> parse_roles(["seller", "buyer", "seller"])
    ('buyer', 'seller')
    """
    if isinstance(roles, str):
        raise DeclarationError(f"roles is a sequence of names; write roles=({roles!r},)")
    found = tuple(roles)
    if not all(isinstance(role, str) and role.strip() for role in found):
        raise DeclarationError(f"each role is a non-empty string: {found!r}")
    return tuple(sorted(set(found)))


def positive_seconds(value: Any, what: str, *, unbounded: bool = False) -> float:
    """Take a duration in seconds, which is a positive number.

    Args:
        value: the number.
        what: what it is for.
        unbounded: whether it may be infinity.

    Raises:
        DeclarationError: when it is anything else.
    """
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
    if not fits or (value == math.inf and not unbounded):
        raise DeclarationError(f"{what} is a positive number of seconds, not {value!r}")
    try:
        return float(value)
    except OverflowError as error:
        raise DeclarationError(f"{what} is a number of seconds that is far too large") from error


def positive_bytes(value: Any, what: str) -> int:
    """Take a size in bytes, which is a whole number of at least 0.

    Raises:
        DeclarationError: when it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DeclarationError(f"{what} is a whole number of bytes, not {value!r}")
    return value
