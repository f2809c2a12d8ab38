"""What is known of a request from its beginning and never changes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import final

# version "-" trace-id "-" parent-id "-" flags; a later version may carry more (W3C Trace Context, 3.2.2)
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def parse_traceparent(header: str | None) -> tuple[str, str] | None:
    """Read trace id and parent id from a `traceparent` header, or None if it is absent or invalid.

    Source: W3C Trace Context, section 3.2.

    >>> parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    ('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331')
    """
    if header is None:
        return None
    match = _TRACEPARENT.fullmatch(header)
    if match is None:
        return None
    version, trace_id, parent_id, more = match.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    if trace_id == "0" * 32 or parent_id == "0" * 16:
        return None
    return trace_id, parent_id


@final
@dataclass(frozen=True, slots=True)
class RequestMeta:
    """The frozen description of one request.

    Args:
        request_id: unguessable, unique, sortable by time of receipt (to the millisecond).
        trace_id: from a valid `traceparent`, else the request id, which has the form of one.
        parent_id: the caller's span from a valid `traceparent`, else None.
        client_id: who calls, if the runtime knows.
        method: the HTTP method or another verb.
        path: the path as received.
        route: the pattern that matched.
        version: the version that serves the request.
        flags: free marks, in the order given.
        received_at: when the request was received, timezone-aware.
        received_ns: the same on the monotonic clock, in nanoseconds.

    >>> from gnomon_context.testing import local_context
    >>> meta = local_context(method="GET", path="/orders").meta
    >>> meta.method, meta.path, meta.trace_id == meta.request_id
    ('GET', '/orders', True)
    """

    request_id: str
    trace_id: str
    parent_id: str | None
    client_id: str | None
    method: str
    path: str
    route: str
    version: str
    flags: tuple[str, ...]
    received_at: datetime
    received_ns: int
    _monotonic: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    @property
    def elapsed(self) -> float:
        """Seconds since the request was received, on the monotonic clock."""
        return max(0.0, self._monotonic() - self.received_ns / 1e9)
