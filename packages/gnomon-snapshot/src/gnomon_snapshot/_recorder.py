"""Records sampled requests: what the outside world answered them, in the order in which it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, final
from zlib import crc32

import trio

from gnomon_context import GlobalContext, LocalContext, Sources, SystemSources
from gnomon_snapshot._background import BackgroundWriter, WriterStatistics
from gnomon_snapshot._capture import CREDENTIAL_HEADERS, Redactor
from gnomon_snapshot._compact import Frames, Settings
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._recorded import LiveRecording
from gnomon_snapshot._recording import Recording
from gnomon_snapshot._sampling import Sampling
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._store import SnapshotStore
from gnomon_snapshot._types import NO_TYPES, Types

_ALL: Final = Sampling(rate=1.0, failures=False)
_LIMITS: Final = Limits()
_SYSTEM: Final = SystemSources()
# Recordings that are encoded one after the other: less than a millisecond, and with warm caches.
_AT_ONCE: Final = 16
_EVERY: Final = 2**32  # what no checksum reaches
_BATCH: Final = 512  # recordings that go into one transaction
# Seconds that a recording waits for others to be written with: each writing has a price of its own.
_LINGER: Final = 0.25


@final
class Recorder:
    """Chooses requests, records them, and keeps the recordings in a store without making a request wait.

    Args:
        store: Where recordings are kept; anybody's snapshots may stand beside them.
        sampling: Which requests; all by default. With `failures` every request is recorded and those that end well
            are dropped again unless they were chosen, which every request pays for; without, one that is not chosen
            pays for the choice alone.
        types: The classes that come back as themselves, the exceptions of modules among them.
        secrets: The names of modules whose answers are secret: only the arguments, such as the name of a secret, are
            written.
        redactors: By place, `request.body`, `response.body`, `state.<key>`, `modules.<module>.<method>.arguments` or
            `.result`: what blanks the sensitive parts of that value before it is written.
        credential_headers: Names of header fields, in small letters, whose values are not written.
        steps: Whether a snapshot is kept at every hook and handler, from which a replay can go on.
        manifest: The fingerprint of the manifest in force.
        limits: Bounds of the final snapshot, and again of each call.
        capacity: How many recordings may wait to be stored. When seven eighths of the room are taken, chosen requests
            are not recorded at all; what finds no room is dropped. Both are counted.

    >>> import trio
    >>> from gnomon_context import LocalContext
    >>> from gnomon_context.testing import global_context
    >>> from gnomon_snapshot import MemoryStore
    >>> class Prices:
    ...     def of(self, sku):
    ...         return 12 if sku == "apple" else 7
    >>> async def main():
    ...     recorder = Recorder(MemoryStore())
    ...     live = recorder.begin(global_context(modules={"prices": Prices()}))
    ...     lctx = LocalContext(live.gctx, path="/total")
    ...     live.began(lctx)
    ...     lctx.set("total", live.gctx.modules.prices.of("apple"))
    ...     return live.finish(lctx)
    >>> recording = trio.run(main)
    >>> [(str(call), call.value) for call in recording.calls]
    [("prices.of('apple')", 12)]
    """

    def __init__(
        self,
        store: SnapshotStore,
        *,
        sampling: Sampling = _ALL,
        types: Types = NO_TYPES,
        secrets: Iterable[str] = (),
        redactors: Mapping[str, Redactor] | None = None,
        credential_headers: frozenset[str] = CREDENTIAL_HEADERS,
        steps: bool = False,
        manifest: str = "",
        limits: Limits = _LIMITS,
        capacity: int = 2048,
    ) -> None:
        self.store: SnapshotStore = store
        self._sampling = sampling
        self.types: Types = types
        self.secrets: frozenset[str] = frozenset(secrets)
        self.redactors: dict[str, Redactor] = dict(redactors or {})
        self.credential_headers: frozenset[str] = credential_headers
        self.steps: bool = steps
        self.manifest: str = manifest
        self.limits: Limits = limits
        self._capacity = capacity
        self._settings = Settings(Frames(), manifest, limits, credential_headers)
        plain = not (sampling.failures or sampling.routes or sampling.header)
        self._limit: float | None = sampling.rate * _EVERY if plain else None
        self._unwritten: list[Snapshot] = []
        self._writer: BackgroundWriter | None = None
        self._alert: Callable[..., object] | None = None

    @property
    def sampling(self) -> Sampling:
        """Which requests are recorded."""
        return self._sampling

    def wants(self, lctx: LocalContext, request: Any = None) -> bool:
        """Whether this request has to be recorded from here on; see `Sampling.wants`.

        One that is chosen while there is hardly any room for recordings is not recorded at all, which is counted as
        dropped: so a store that is too slow costs recordings and not the time to make them.
        """
        limit = self._limit
        if (
            limit is not None
        ):  # only a rate decides: what every request pays for stands here as short as it can be
            if limit < _EVERY and crc32(lctx.request_id.encode("utf-8", "replace")) >= limit:
                return False
            chosen = True
        else:
            chosen = self._sampling.wants(lctx, request=request)
        if chosen and self._writer is not None and not self._writer.has_room:
            self._writer.refuse()
            return False
        return chosen or self._sampling.failures

    def begin(self, gctx: GlobalContext[Any], *, sources: Sources | None = None) -> LiveRecording:
        """Begin to record one request, in the task that runs it.

        Args:
            gctx: What requests share; the request gets `LiveRecording.gctx` in its place.
            sources: Where time, randomness and ids come from; the real ones by default.
        """
        return LiveRecording(self, gctx, sources or _SYSTEM)

    def offer(self, recording: Recording, lctx: LocalContext, request: Any = None) -> bool:
        """Keep a recording if its request was chosen, by now also for how it ended; never waits.

        Returns:
            Whether it was queued.
        """
        if self._writer is None or not self._sampling.wants(lctx, request=request):
            return False
        if not self._writer.offer(recording.snapshot):
            return False
        self._unwritten.append(recording.snapshot)
        if len(self._unwritten) >= _AT_ONCE:
            for snapshot in self._unwritten:
                snapshot.to_bytes()
            self._unwritten.clear()
        return True

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Store what is offered, until `aclose`; for `nursery.start`. It may be run again afterwards.

        Raises:
            StoreError: The store cannot be used, which is better known before the first request than after the last.
        """
        await self.store.list(limit=1)
        self._writer = BackgroundWriter(
            self.store, capacity=self._capacity, batch=_BATCH, linger=_LINGER, changed=self._turned
        )
        await self._writer.run(task_status=task_status)

    def report_to(self, gctx: GlobalContext[Any]) -> None:
        """Tell an application when recordings are lost: by its alerts, once, and by its health as long as it lasts.

        The alert is `recordings_lost` with what the store said, and `recordings_kept` when it is over. The health check
        `recordings` is degraded meanwhile, for requests are served all the same.

        Args:
            gctx: The application, before it is started.
        """
        self._alert = gctx.alert
        gctx.on_health_check(self._is_healthy, name="recordings", critical=False)

    def _is_healthy(self) -> bool:
        return self._writer is None or not self._writer.statistics().failing

    def _turned(self, error: Exception | None) -> None:
        if self._alert is not None:
            self._alert("recordings_kept" if error is None else "recordings_lost", error)

    async def aclose(self) -> None:
        """Take nothing more, and wait until what was taken is stored; the store stays open."""
        if self._writer is not None:
            await self._writer.aclose()
        else:
            await trio.lowlevel.checkpoint()

    def statistics(self) -> WriterStatistics | None:
        """What became of the recordings of the last `run`, `None` before the first."""
        return None if self._writer is None else self._writer.statistics()
