"""Keeps snapshots without making a request wait: a bounded queue in front of a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import trio

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
        self, store: SnapshotStore, *, capacity: int = 256, batch: int = 32, grace: float = 5.0
    ) -> None:
        if capacity < 1 or batch < 1:
            raise ValueError("capacity and batch are at least 1")
        self._store = store
        self._batch = batch
        self._grace = grace
        self._send, self._receive = trio.open_memory_channel[Snapshot](capacity)
        self._over = trio.Event()
        self._running = False
        self._offered = self._written = self._dropped = self._failed = self._pending = 0
        self._last_error = ""
        self._failing = False

    def offer(self, snapshot: Snapshot) -> bool:
        """Queue a snapshot; `False`, and counted, if there is no room or the writer does not run. Never waits."""
        self._offered += 1
        if self._running:
            try:
                self._send.send_nowait(snapshot)
                self._pending += 1
                return True
            except (trio.WouldBlock, trio.ClosedResourceError):
                pass
        self._dropped += 1
        self._failing = True
        return False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until `aclose`; for `nursery.start`."""
        self._running = True
        task_status.started()
        try:
            async for first in self._receive:
                batch = [first]
                while len(batch) < self._batch:
                    try:
                        batch.append(self._receive.receive_nowait())
                    except (trio.WouldBlock, trio.EndOfChannel):
                        break
                await self._put(batch)
        finally:
            self._running = False
            self._dropped += self._pending
            self._failing = self._failing or self._pending > 0
            self._pending = 0
            self._over.set()

    async def _put(self, batch: list[Snapshot]) -> None:
        try:
            await self._store.put(*batch)
        except Exception as error:  # whatever a store does, requests go on
            self._failed += len(batch)
            self._failing = True
            self._last_error = f"{type(error).__name__}: {error}"[:500]
        else:
            self._written += len(batch)
            self._failing = False
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
        self._send.close()
        if self._running:
            with trio.move_on_after(self._grace):
                await self._over.wait()
        else:
            await trio.lowlevel.checkpoint()
