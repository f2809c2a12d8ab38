"""Request ids: unguessable, unique across processes and forks, sortable by time.

32 hexadecimal digits: 12 of milliseconds since the epoch, 20 (80 bits) from the system's random source.
Ids of one millisecond have no order among themselves. The form is also a valid W3C trace id.
"""

from __future__ import annotations

import os

_BATCH = 256
_RANDOM_DIGITS = 20

# Taken with `list.pop`, which is atomic: two threads never get the same bytes.
_pool: list[str] = []
_cached: tuple[int, str] = (-1, "")


def _refill() -> str:
    digits = os.urandom(_BATCH * _RANDOM_DIGITS // 2).hex()
    fresh = [digits[start : start + _RANDOM_DIGITS] for start in range(0, len(digits), _RANDOM_DIGITS)]
    own = fresh.pop()
    _pool.extend(fresh)
    return own


# A child must not hand out the bytes its parent will hand out too.
if hasattr(os, "register_at_fork"):  # pragma: no branch - missing on Windows only
    os.register_at_fork(after_in_child=_pool.clear)


def make_request_id(wall_ns: int) -> str:
    """Make an id for a request received at `wall_ns` (nanoseconds since the epoch).

    >>> make_request_id(0)[:12], len(make_request_id(0))
    ('000000000000', 32)
    """
    global _cached
    milliseconds = wall_ns // 1_000_000
    cached, prefix = _cached
    if cached != milliseconds:
        prefix = f"{milliseconds:012x}"
        # One tuple, so that another thread never sees a number with the prefix of another.
        _cached = (milliseconds, prefix)
    try:
        return prefix + _pool.pop()
    except IndexError:
        return prefix + _refill()
