"""The sources of what is not deterministic: wall clock, monotonic clock, randomness, unique ids."""

from __future__ import annotations

import random
import time
import uuid
from datetime import UTC, datetime
from typing import Protocol, final


class Sources(Protocol):
    """Where a request takes time, randomness and unique ids from; replaceable per request.

    >>> from gnomon_context.testing import VirtualSources, local_context
    >>> lctx = local_context(sources=VirtualSources(seed=1))
    >>> lctx.now().year, lctx.monotonic(), lctx.uuid() == VirtualSources(seed=1).uuid()
    (2030, 0.0, True)
    """

    @property
    def random(self) -> random.Random:
        """The generator of random values."""
        ...

    def now(self) -> datetime:
        """The wall clock, timezone-aware."""
        ...

    def monotonic(self) -> float:
        """A clock that never goes back, in seconds."""
        ...

    def uuid(self) -> uuid.UUID:
        """A unique id."""
        ...


@final
class SystemSources:
    """The real sources.

    >>> SystemSources().now().tzinfo is not None
    True
    """

    __slots__ = ()
    # Unguessable, and without the state of 2.5 kB that a generator of its own would cost each request.
    random: random.Random = random.SystemRandom()

    def now(self) -> datetime:
        """The wall clock in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """The monotonic clock in seconds."""
        return time.monotonic()

    def uuid(self) -> uuid.UUID:
        """A random UUID (RFC 9562, version 4)."""
        return uuid.uuid4()


SYSTEM: Sources = SystemSources()
