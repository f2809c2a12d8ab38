"""Replays many recordings, as a test that wrote itself: a day of traffic against new code."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias, final

import trio

from gnomon_context.runtime import lone_error
from gnomon_snapshot._clock import ReplayClock, steady_scheduling
from gnomon_snapshot._errors import NotRecorded, SnapshotError
from gnomon_snapshot._recording import Recording
from gnomon_snapshot._replay import Replayable, run_on
from gnomon_snapshot._store import EVERYTHING, Query, SnapshotStore

_BATCH: Final = 50
_IDS: Final = 1000


class Outcome(NamedTuple):
    """What one replay came to: the request, why it differs, the report as text and as data."""

    request_id: str
    cause: str
    text: str
    report: dict[str, Any] | None


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """Replays that differ for one reason.

    Args:
        cause: The reason, as `ReplayReport.cause` says it.
        count: How many there are.
        request_ids: The first thousand of them.
        example: The report of the first one, as text.
        report: The same as data, `None` if it could not be replayed.
    """

    cause: str
    count: int
    request_ids: tuple[str, ...]
    example: str
    report: dict[str, Any] | None


@final
@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """What became of many replays.

    Args:
        replayed: How many there were.
        equal: How many showed no difference.
        skipped: How many snapshots were no recordings.
        causes: The others by cause, the most frequent first.
    """

    replayed: int
    equal: int
    skipped: int
    causes: tuple[Cause, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not self.causes

    def to_json(self) -> dict[str, Any]:
        """The summary as JSON has it."""
        return {
            "replayed": self.replayed,
            "equal": self.equal,
            "skipped": self.skipped,
            "causes": [
                {
                    "cause": each.cause,
                    "count": each.count,
                    "request_ids": list(each.request_ids),
                    "example": each.report,
                }
                for each in self.causes
            ],
        }

    def __str__(self) -> str:
        """The summary as people read it."""
        lines = [f"{self.replayed} replayed, {self.equal} equal, {self.skipped} skipped"]
        for each in self.causes:
            lines += [f"{each.count:>6}  {each.cause}"]
            lines += [f"        {line}" for line in each.example.splitlines()]
        return "\n".join(lines)


Make: TypeAlias = Callable[[], Replayable]
Progress: TypeAlias = Callable[[int, int], object]


async def replay_all(
    store: SnapshotStore,
    query: Query = EVERYTHING,
    app: Replayable | Make | None = None,
    *,
    allow_live: Collection[str] = (),
    processes: int = 1,
    progress: Progress | None = None,
) -> ReplaySummary:
    """Replay every recording of a store that fits a query, newest first, and group what differs by its cause.

    Replays run beside the loop that this is awaited in, in a thread, while the next recordings are fetched; with
    `processes` in so many processes at once.

    Args:
        store: Where the recordings are.
        query: Which of them.
        app: What to replay them on: an application, or a function that makes one. For several processes a function of a
            module, which each of them calls once.
        allow_live: As for `replay`.
        processes: How many processes replay; 1 is a thread of this one.
        progress: Called with the number of replays that are over, and of those that differ.

    Raises:
        ValueError: There is no application, or `processes` is less than 1.
        StoreError: The store could not look.
        TypeError: `app` is no application, and makes none.

    >>> import trio
    >>> from gnomon_snapshot import MemoryStore
    >>> trio.run(replay_all, MemoryStore(), Query(outcome="error"), lambda: None).empty
    True
    """
    if app is None or processes < 1:
        raise ValueError("replay_all needs an application, and at least one process")
    if not (callable(app) or hasattr(app, "open_replay")):
        raise TypeError(f"an application, or a function that makes one, is needed, not {app!r:.100}")
    live = frozenset(allow_live)
    tally = _Tally(progress)
    send, receive = trio.open_memory_channel[list[bytes]](0)
    if processes == 1:
        await _run_all(store, query, tally, send, [(receive, _Here(app, live))])
        return tally.summary()
    context = multiprocessing.get_context("spawn")
    begin = functools.partial(_begin, app, live)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=begin) as pool:

        def there(batch: list[bytes]) -> list[Outcome]:
            return pool.submit(_run_there, batch).result()

        runners: list[tuple[trio.MemoryReceiveChannel[list[bytes]], Runner]] = [
            (receive.clone(), there) for _ in range(processes)
        ]
        receive.close()
        await _run_all(store, query, tally, send, runners)
    return tally.summary()


Runner: TypeAlias = Callable[[list[bytes]], list[Outcome]]


async def _run_all(
    store: SnapshotStore,
    query: Query,
    tally: _Tally,
    send: trio.MemorySendChannel[list[bytes]],
    runners: list[tuple[trio.MemoryReceiveChannel[list[bytes]], Runner]],
) -> None:
    with lone_error():
        async with trio.open_nursery() as nursery:
            for receive, runner in runners:
                nursery.start_soon(_consume, receive, runner, tally)
            async with send:
                await _fetch(store, query, send, tally)


async def _consume(receive: trio.MemoryReceiveChannel[list[bytes]], runner: Runner, tally: _Tally) -> None:
    async with receive:
        async for batch in receive:
            tally.add(await trio.to_thread.run_sync(runner, batch))


async def _fetch(
    store: SnapshotStore, query: Query, send: trio.MemorySendChannel[list[bytes]], tally: _Tally
) -> None:
    after: str | None = None
    batch: list[bytes] = []
    while True:
        page = await store.list(query, after=after)
        for summary in page.summaries:
            try:
                batch.append((await store.get(summary.request_id)).to_bytes())
            except SnapshotError as error:
                tally.add([_failure(summary.request_id, error)])
            if len(batch) == _BATCH:
                await send.send(batch)
                batch = []
        after = page.next
        if after is None:
            break
    if batch:
        await send.send(batch)


@dataclass(slots=True)
class _Found:
    """What is known of one cause so far."""

    first: Outcome
    count: int = 0
    request_ids: list[str] = field(default_factory=list)


class _Tally:
    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._replayed = self._equal = self._skipped = 0
        self._causes: dict[str, _Found] = {}

    def add(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.report is None and outcome.cause == NotRecorded.code:
                self._skipped += 1
                continue
            self._replayed += 1
            if not outcome.cause:
                self._equal += 1
                continue
            found = self._causes.setdefault(outcome.cause, _Found(outcome))
            found.count += 1
            if len(found.request_ids) < _IDS:
                found.request_ids.append(outcome.request_id)
        if self._progress is not None:
            self._progress(self._replayed, self._replayed - self._equal)

    def summary(self) -> ReplaySummary:
        causes = [
            Cause(cause, found.count, tuple(found.request_ids), found.first.text, found.first.report)
            for cause, found in self._causes.items()
        ]
        causes.sort(key=lambda each: -each.count)
        return ReplaySummary(self._replayed, self._equal, self._skipped, tuple(causes))


class _Here:
    """Runs batches in this process, on one application."""

    def __init__(self, app: Replayable | Make, live: frozenset[str]) -> None:
        self._given = app
        self._app: Any = None
        self._live = live

    def __call__(self, batch: list[bytes]) -> list[Outcome]:
        if self._app is None:
            given: Any = self._given
            self._app = given if hasattr(given, "open_replay") else _made(given)
        return run_batch(batch, self._app, self._live)


def _made(make: Make) -> Replayable:
    made = make()
    if not hasattr(made, "open_replay"):
        raise TypeError(f"{make!r:.100} returned no application, but {made!r:.100}")
    return made


_worker: _Here | None = None


def _begin(app: Replayable | Make, live: frozenset[str]) -> None:
    """Begin a process that replays."""
    global _worker
    _worker = _Here(app, live)


def _run_there(batch: list[bytes]) -> list[Outcome]:
    assert _worker is not None
    return _worker(batch)


def run_batch(batch: list[bytes], app: Replayable, live: frozenset[str]) -> list[Outcome]:
    """Replay encoded recordings one after the other, on one opening of the application."""

    async def main() -> list[Outcome]:
        async with app.open_replay(live=live) as stage:
            clock.wait_for(stage.busy)
            found = []
            for data in batch:
                recording = None
                try:
                    recording = Recording.from_bytes(data, types=stage.recorder.types)
                    report = await run_on(stage, recording, live=live)
                except (
                    Exception
                ) as error:  # what one does to the application is no reason to give up the others
                    found.append(_failure("" if recording is None else recording.request_id, error))
                else:
                    text = "" if report.empty else str(report)
                    found.append(Outcome(report.request_id, report.cause, text, report.to_json()))
            return found

    clock = ReplayClock(flowing=bool(live))
    with steady_scheduling():
        return trio.run(main, clock=clock)


def _failure(request_id: str, error: Exception) -> Outcome:
    if isinstance(error, NotRecorded):
        return Outcome(request_id, NotRecorded.code, "", None)
    reason = error.code if isinstance(error, SnapshotError) else type(error).__qualname__
    return Outcome(request_id, f"cannot be replayed: {reason}", f"{type(error).__qualname__}: {error}", None)
