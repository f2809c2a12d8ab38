"""Request ids: unguessable, unique across processes and forks, sortable by time.

32 hexadecimal digits: 12 of milliseconds since the epoch, 20 (80 bits) from the system's random source.
Ids of one millisecond have no order among themselves. The form is also a valid W3C trace id.
"""

from __future__ import annotations

import os
import time
from typing import final

_BATCH = 256
_RANDOM_DIGITS = 20
_MILLISECOND = 1_000_000


@final
class _Ids:
    """What ids are made of; an object, so that the property of a context reaches it without a call."""

    __slots__ = ("millisecond", "pool")

    def __init__(self) -> None:
        # Taken with `list.pop`, which is atomic: two threads never get the same bytes.
        self.pool: list[str] = []
        # The prefix of the millisecond met last, and between which monotonic stamps it holds. One tuple, so
        # that another thread never sees the bounds of one millisecond with the prefix of another.
        self.millisecond: tuple[int, int, str] = (0, 0, "")


ids = _Ids()

# A child must not hand out the bytes its parent will hand out too.
if hasattr(os, "register_at_fork"):  # pragma: no branch - missing on Windows only
    os.register_at_fork(after_in_child=ids.pool.clear)


def _refill() -> str:
    digits = os.urandom(_BATCH * _RANDOM_DIGITS // 2).hex()
    fresh = [digits[start : start + _RANDOM_DIGITS] for start in range(0, len(digits), _RANDOM_DIGITS)]
    own = fresh.pop()
    ids.pool.extend(fresh)
    return own


def _prefix_for(received_ns: int) -> str:
    wall_ns = time.time_ns() - (time.monotonic_ns() - received_ns)
    into = wall_ns % _MILLISECOND
    prefix = f"{wall_ns // _MILLISECOND:012x}"
    ids.millisecond = (received_ns - into, received_ns - into + _MILLISECOND, prefix)
    return prefix


def make_request_id(received_ns: int) -> str:
    """Make an id for a request received at `received_ns` of the monotonic clock.

    >>> len(make_request_id(time.monotonic_ns()))
    32
    """
    since, until, prefix = ids.millisecond
    if not since <= received_ns < until:
        prefix = _prefix_for(received_ns)
    try:
        return prefix + ids.pool.pop()
    except IndexError:
        return prefix + _refill()


def request_id_at(wall_ns: int) -> str:
    """Make an id for a request that a replaced clock saw at `wall_ns` since the epoch.

    >>> request_id_at(1_000_000)[:12]
    '000000000001'
    """
    return f"{wall_ns // _MILLISECOND:012x}{os.urandom(_RANDOM_DIGITS // 2).hex()}"
