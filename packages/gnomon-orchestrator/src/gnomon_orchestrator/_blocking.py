"""Who holds the event loop: an instrument that measures every step of every task, for those who ask for it."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable

import trio

# Blocks are rare; a step asks about its own right after they happened.
_REMEMBERED = 64


class LoopWatch(trio.abc.Instrument):
    """Measures how long tasks run without giving way.

    Args:
        threshold: Seconds; a shorter stretch is nobody's concern.
        clock_ns: The monotonic clock, in nanoseconds.
    """

    def __init__(self, threshold: float, clock_ns: Callable[[], int]) -> None:
        self.threshold_ns: int = int(threshold * 1e9)
        self._clock_ns = clock_ns
        self._began_ns = 0
        self._blocks: deque[tuple[weakref.ref[trio.lowlevel.Task], int, int]] = deque(maxlen=_REMEMBERED)
        self._token: trio.lowlevel.TrioToken | None = None

    def install(self) -> None:
        """Watch the loop that runs this, if it is not watched already."""
        token = trio.lowlevel.current_trio_token()
        if token is not self._token:
            self._token = token
            self._began_ns = self._clock_ns()
            trio.lowlevel.add_instrument(self)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - trio's signature
        """Part of trio's instrument interface."""
        self._began_ns = self._clock_ns()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Part of trio's instrument interface."""
        now = self._clock_ns()
        if now - self._began_ns > self.threshold_ns:
            self._blocks.append((weakref.ref(task), self._began_ns, now))

    def held_ns(self, since_ns: int, until_ns: int) -> int | None:
        """The longest time for which the current task has held the loop in between, if that is too long."""
        task = trio.lowlevel.current_task()
        longest = until_ns - max(since_ns, self._began_ns)
        for blamed, began, ended in self._blocks:
            if blamed() is task and ended > since_ns:
                longest = max(longest, ended - max(began, since_ns))
        return longest if longest > self.threshold_ns else None
