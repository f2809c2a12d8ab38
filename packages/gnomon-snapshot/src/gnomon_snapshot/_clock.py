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


_LOCK: Final = threading.Lock()


@contextmanager
def steady_scheduling() -> Iterator[None]:
    """Let trio run tasks in the same order every time; one such block at a time in a process.

    trio shuffles tasks that can run at the same moment, and has this switch for tests that have to be repeatable. A
    trio without it replays as well, but for the order of such tasks.
    """
    core: Any = sys.modules.get("trio._core._run")
    shuffle = getattr(core, "_r", None)
    with _LOCK:
        if shuffle is None or not hasattr(
            core, "_ALLOW_DETERMINISTIC_SCHEDULING"
        ):  # pragma: no cover - another trio
            yield
            return
        before = core._ALLOW_DETERMINISTIC_SCHEDULING, shuffle.getstate()
        core._ALLOW_DETERMINISTIC_SCHEDULING = True
        shuffle.seed(0)
        try:
            yield
        finally:
            core._ALLOW_DETERMINISTIC_SCHEDULING = before[0]
            shuffle.setstate(before[1])
