"""Time in a replay: it stands while code runs, and jumps to where somebody waits for it when nothing else is left."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, final

import trio

# Seconds between two looks at threads that are still at work.
_LOOK: Final = 0.01


@final
class ReplayClock(trio.abc.Clock):
    """The clock of the event loop of a replay.

    Nothing waits in a replay for anything but time, unless modules are live or a thread is at work: then the clock
    flows, or waits for the thread.

    Args:
        flowing: Whether it goes as the real one does, because live modules talk to the real world.
    """

    def __init__(self, *, flowing: bool = False) -> None:
        self._flowing = flowing
        self._now = 0.0
        self._real = 0.0
        self._busy: list[Callable[[], bool]] = [_threads_at_work]

    def wait_for(self, busy: Callable[[], bool]) -> None:
        """Stand as long as `busy()` says that something is at work that does not wait for time."""
        self._busy.append(busy)

    def start_clock(self) -> None:
        """Begin at zero."""
        self._real = time.perf_counter()

    def current_time(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._real if self._flowing else self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Jump to the deadline: the loop asks when no task can run."""
        if self._flowing:
            return deadline - self.current_time()
        if any(busy() for busy in self._busy):
            return _LOOK
        if deadline == math.inf:
            return math.inf
        self._now = max(self._now, deadline)
        return 0.0


def _threads_at_work() -> bool:
    return trio.to_thread.current_default_thread_limiter().borrowed_tokens > 0


class _Shuffle:
    """Stands for trio's generator: in the threads of replays it leaves tasks in their order, in all others it is as before.

    A generator that began anew with each replay would not do: there is one for the whole process, from which loops in
    other threads take numbers, too.
    """

    def __init__(self, usual: Any, before: bool) -> None:
        self.usual = usual
        self.before = before
        self.replays = 0
        self.steady = threading.local()

    def shuffle(self, tasks: list[Any]) -> None:
        """What trio does with the tasks that can run, in the order in which they were made, before it takes the last."""
        if getattr(self.steady, "here", False):
            tasks.reverse()
        else:
            self.usual.shuffle(tasks)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.usual, name)


_LOCK: Final = threading.Lock()


@contextmanager
def steady_scheduling() -> Iterator[None]:
    """Let trio run the tasks of a loop in this thread in the same order every time.

    trio shuffles tasks that can run at the same moment. It has no public way to say otherwise: an `Instrument` sees the
    order and does not choose it. What stands here is the switch that it has for tests that have to be repeatable, as
    pytest-trio uses it, and this is the only place that knows of it. A trio without it replays as well, but for the
    order of such tasks; `test_clock.py` fails with such a trio.
    """
    core: Any = sys.modules.get("trio._core._run")
    if not (hasattr(core, "_r") and hasattr(core, "_ALLOW_DETERMINISTIC_SCHEDULING")):
        yield  # pragma: no cover - another trio
        return  # pragma: no cover - the same
    with _LOCK:
        if type(core._r) is not _Shuffle:
            core._r = _Shuffle(core._r, core._ALLOW_DETERMINISTIC_SCHEDULING)
        shuffle = core._r
        shuffle.replays += 1
        core._ALLOW_DETERMINISTIC_SCHEDULING = True
    before, shuffle.steady.here = getattr(shuffle.steady, "here", False), True
    try:
        yield
    finally:
        shuffle.steady.here = before
        with _LOCK:
            shuffle.replays -= 1
            if not shuffle.replays:
                core._r, core._ALLOW_DETERMINISTIC_SCHEDULING = shuffle.usual, shuffle.before
