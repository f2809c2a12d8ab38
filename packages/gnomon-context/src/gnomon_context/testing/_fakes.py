"""A clock, randomness and memory that a test decides on."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, final

import trio
import trio.testing

from gnomon_context._global import GlobalContext
from gnomon_context._pressure import MemoryFigures


def virtual_clock() -> trio.testing.MockClock:
    """A clock for `trio.run(..., clock=virtual_clock())` that jumps to the next deadline when all tasks wait.

    >>> import trio
    >>> async def nap():
    ...     await trio.sleep(3600)
    ...     return trio.current_time()
    >>> trio.run(nap, clock=virtual_clock())
    3600.0
    """
    return trio.testing.MockClock(autojump_threshold=0)


@final
class VirtualSources:
    """Sources that repeat: time follows trio's clock, randomness and ids follow a seed.

    Args:
        seed: of randomness and ids.
        start: the wall clock when trio's clock stands at zero.

    >>> VirtualSources(seed=1).uuid() == VirtualSources(seed=1).uuid()
    True
    """

    def __init__(self, *, seed: int = 0, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError("start is a timezone-aware datetime")
        self.random: random.Random = random.Random(seed)  # noqa: S311 - it repeats on purpose
        self._ids = random.Random(seed)  # noqa: S311
        self._start = start

    def now(self) -> datetime:
        """The start, and what has passed on trio's clock."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Trio's clock; zero outside of a run."""
        try:
            return trio.current_time()
        except RuntimeError:
            return 0.0

    def uuid(self) -> uuid.UUID:
        """The next id of the seed, in the form of version 4."""
        return uuid.UUID(int=self._ids.getrandbits(128), version=4)


@final
class FakeMemory:
    """Memory figures that a test sets; `install` makes an application read them.

    >>> memory = FakeMemory(used=1, limit=10)
    >>> memory().pressure
    0.1
    """

    def __init__(self, *, used: int = 0, limit: int = 100) -> None:
        self.used: int = used
        self.limit: int = limit

    def install(self, gctx: GlobalContext[Any]) -> None:
        """Let `gctx` read these figures instead of the system's."""
        gctx._application.read_memory = self

    def __call__(self) -> MemoryFigures:
        return MemoryFigures(self.used, self.limit, "fake")
