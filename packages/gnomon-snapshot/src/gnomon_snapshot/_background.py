"""Keeps snapshots without making a request wait: a bounded queue in front of a store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import trio

from gnomon_snapshot._errors import StoreError
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._store import SnapshotStore


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WriterStatistics:
    """What became of the snapshots that were offered.

    Args:
        offered: How many there were.
        written: How many the store has.
        dropped: How many found the queue full, or the writer not running.
        failed: How many the store refused.
        queued: How many wait.
        last_error: What the store said last, empty if it never refused.
        failing: Whether the last snapshot was dropped or refused, and none was written since.
    """

    offered: int
    written: int
    dropped: int
    failed: int
    queued: int
    last_error: str
    failing: bool

    @property
    def healthy(self) -> bool:
        """Whether snapshots are kept now; what was lost before is in the figures."""
        return not self.failing


@final
class BackgroundWriter:
    """Puts what is offered into a store, in batches, in a task of its own.

    A store that is slow, full or gone costs snapshots, which are counted, and never a request.

    Args:
        store: Where to put it.
        capacity: How many snapshots may wait.
        batch: How many are put at once at most.
        grace: Seconds that `aclose` gives the queue to empty.
        linger: Seconds that a snapshot may wait for others to be put together with, unless they are a batch before.
        changed: Called when snapshots begin to be lost, with the reason, and when they are kept again, with `None`.

    >>> import trio
    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import MemoryStore, capture
    >>> async def main():
    ...     writer = BackgroundWriter(MemoryStore())
    ...     async with trio.open_nursery() as nursery:
    ...         await nursery.start(writer.run)
    ...         assert writer.offer(capture(LocalContext(GlobalContext())))
    ...         await writer.aclose()
    ...     return writer.statistics().written
    >>> trio.run(main)
    1
    """

    def __init__(
        self,
        store: SnapshotStore,
        *,
        capacity: int = 256,
        batch: int = 32,
        grace: float = 5.0,
        linger: float = 0.0,
        changed: Callable[[Exception | None], object] | None = None,
    ) -> None:
        if capacity < 1 or batch < 1:
            raise ValueError("capacity and batch are at least 1")
        self._store = store
        self._batch = batch
        self._grace = grace
        self._linger = linger
        self._capacity = capacity
        self._waiting: deque[Snapshot] = deque()
        self._arrived = trio.Event()  # set when there is something to do, and when there is a batch of it
        self._awaited = 1
        self._closed = False
        self._over = trio.Event()
        self._running = False
        self._offered = self._written = self._dropped = self._failed = self._pending = 0
        self._last_error = ""
        self._failing = False
        self._changed = changed
        self._told = False

    def offer(self, snapshot: Snapshot) -> bool:
        """Queue a snapshot; `False`, and counted, if there is no room or the writer does not run. Never waits."""
        self._offered += 1
        waiting = self._waiting
        if not self._running or self._closed or len(waiting) >= self._capacity:
            self._drop()
            return False
        waiting.append(snapshot)
        self._pending += 1
        if len(waiting) >= self._awaited:
            self._arrived.set()
        return True

    @property
    def has_room(self) -> bool:
        """Whether what is begun now will likely be taken: the queue is less than seven eighths full."""
        return self._running and not self._closed and 8 * len(self._waiting) < 7 * self._capacity

    def refuse(self) -> None:
        """Count a snapshot that is not even made, because there is no room for it."""
        self._offered += 1
        self._drop()

    def _drop(self) -> None:
        self._dropped += 1
        self._failing = True
        if self._running and not self._closed:
            self._tell(
                StoreError(f"the store is too slow: {self._capacity} snapshots wait, and more are dropped")
            )

    def _tell(self, error: Exception | None) -> None:
        """Say once that snapshots are lost, and once that they are kept again."""
        told, self._told = self._told, error is not None
        if told is not self._told and self._changed is not None:
            self._changed(error)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until `aclose`; for `nursery.start`."""
        self._running = True
        task_status.started()
        try:
            while await self._wait():
                count = min(self._batch, len(self._waiting))
                await self._put([self._waiting.popleft() for _ in range(count)])
        finally:
            self._running = False
            self._dropped += self._pending
            self._failing = self._failing or self._pending > 0
            self._pending = 0
            self._over.set()

    async def _wait(self) -> bool:
        """Wait for a batch, or for the end of the time that a smaller one is waited for; whether there is one."""
        await self._wait_for(1)
        if self._linger and len(self._waiting) < self._batch:
            with trio.move_on_after(self._linger):
                await self._wait_for(self._batch)
        return bool(self._waiting)

    async def _wait_for(self, count: int) -> None:
        if len(self._waiting) < count and not self._closed:
            self._awaited = count
            self._arrived = trio.Event()
            await self._arrived.wait()

    async def _put(self, batch: list[Snapshot]) -> None:
        try:
            await self._store.put(*batch)
        except Exception as error:  # whatever a store does, requests go on
            self._failed += len(batch)
            self._failing = True
            self._last_error = f"{type(error).__name__}: {error}"[:500]
            self._tell(error)
        else:
            self._written += len(batch)
            self._failing = False
            self._tell(None)
        self._pending -= len(batch)

    def statistics(self) -> WriterStatistics:
        """The figures as they stand; also the health check of the store."""
        return WriterStatistics(
            offered=self._offered,
            written=self._written,
            dropped=self._dropped,
            failed=self._failed,
            queued=self._pending,
            last_error=self._last_error,
            failing=self._failing,
        )

    async def aclose(self) -> None:
        """Take nothing more and wait, within the grace, until the queue is written; twice is fine."""
        self._closed = True
        self._arrived.set()
        if self._running:
            with trio.move_on_after(self._grace):
                await self._over.wait()
        else:
            await trio.lowlevel.checkpoint()
