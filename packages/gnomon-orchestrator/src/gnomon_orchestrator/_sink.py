"""For consumers that are too slow to listen on the loop: a bounded queue that never makes a request wait."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import final

import trio

from ._errors import InvalidHook
from ._events import EVENT_KINDS, EventKind, LifecycleEvent

_log = logging.getLogger("gnomon_orchestrator")


@dataclass(frozen=True, slots=True)
class SinkStatistics:
    """What became of the events that a sink was given.

    Args:
        capacity: How many may wait.
        waiting: How many wait now.
        delivered: How many the consumer has taken.
        dropped: How many found no place and are lost.
        failed: How many made the consumer raise.
    """

    capacity: int
    waiting: int
    delivered: int
    dropped: int
    failed: int


@final
class BoundedSink:
    """A listener that hands events to an async consumer, one by one and in order, and drops what is too much.

    Run it beside the application: ``nursery.start_soon(sink.run)``.

    Args:
        consume: An async function of one event; what it raises is logged and counted.
        kinds: The kinds it wants; all by default.
        capacity: How many events may wait; the next one is dropped and counted.

    Raises:
        InvalidHook: The capacity is not positive.

    >>> import trio
    >>> async def consume(event):
    ...     await trio.sleep(0)
    >>> sink = BoundedSink(consume, kinds={"request.finished"}, capacity=100)
    >>> sink.statistics().dropped
    0
    """

    def __init__(
        self,
        consume: Callable[[LifecycleEvent], Awaitable[object]],
        *,
        kinds: Collection[EventKind] = EVENT_KINDS,
        capacity: int = 1024,
    ) -> None:
        if capacity < 1:
            raise InvalidHook(f"the capacity of a sink is 1 or more, not {capacity!r}")
        self.kinds: frozenset[EventKind] = frozenset(kinds)
        self._consume = consume
        self._capacity = capacity
        self._waiting: deque[LifecycleEvent] = deque()
        self._arrived = trio.Event()
        self._idle = trio.Event()
        self._idle.set()
        self._delivered = 0
        self._dropped = 0
        self._failed = 0

    def __call__(self, event: LifecycleEvent, /) -> None:
        """Take an event, or drop it: never wait."""
        if len(self._waiting) >= self._capacity:
            self._dropped += 1
            return
        self._waiting.append(event)
        self._arrived.set()
        if self._idle.is_set():
            self._idle = trio.Event()

    async def run(self) -> None:
        """Deliver until cancelled; what waits then stays in the sink."""
        while True:
            await self._arrived.wait()
            while self._waiting:
                await self._deliver(self._waiting.popleft())
            self._arrived = trio.Event()
            self._idle.set()

    async def _deliver(self, event: LifecycleEvent) -> None:
        try:
            await self._consume(event)
        except Exception:
            self._failed += 1
            _log.exception("a consumer of lifecycle events failed on %s", event.kind)
        else:
            self._delivered += 1

    async def drain(self) -> None:
        """Wait until everything that was taken has been delivered; somebody has to be in ``run``."""
        await self._idle.wait()

    def statistics(self) -> SinkStatistics:
        """The figures of this moment."""
        return SinkStatistics(
            self._capacity, len(self._waiting), self._delivered, self._dropped, self._failed
        )
