"""One process at a time, and another one whenever a file has changed."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ._watching import Look, changes

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

# Seconds between two looks at files, and at the process.
_PERIOD: Final = 0.2

# Seconds that requests get when a process is to end, and what is left of it after that, before it is killed.
_GRACE: Final = 1.0
_EXIT: Final = 8.0


class Supervisor:
    """Runs a process until a file changes, then, when it has ended, another; there are never two.

    Args:
        start: Starts a process.
        look: Looks at the files.
        tell: Called with what happens, in words.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        start: Callable[[], subprocess.Popen[bytes]],
        look: Callable[[], Look],
        *,
        tell: Callable[[str], object],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._start = start
        self._look = look
        self._tell = tell
        self._sleep = sleep
        self._signals = 0

    def run(self) -> None:
        """Run until SIGINT or SIGTERM; whatever happens, no process is left behind."""
        with self._counting():
            while not self._signals:
                # Before the start: what is written while it imports may be too late for it.
                seen = self._look()
                with self._child() as child:
                    self._attend(child, seen)

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Count signals, so that none comes at a moment at which a process would be left behind."""
        before = {number: signal.signal(number, self._count) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _count(self, *_: object) -> None:
        self._signals += 1

    @contextmanager
    def _child(self) -> Iterator[subprocess.Popen[bytes]]:
        child = self._start()
        try:
            yield child
            self._stop(child)
        finally:
            child.kill()
            child.wait()

    def _attend(self, child: subprocess.Popen[bytes], seen: Look) -> None:
        """Return when a file has changed, or when the end is asked for."""
        told = False
        while not self._signals:
            if child.poll() is not None and not told:
                told = True
                self._tell(f"it ended with {said(child.returncode)}; waiting for a change")
            self._sleep(_PERIOD)
            now = self._look()
            if now != seen and not self._signals:
                self._tell(f"changed: {_shown(changes(seen, self._settled(now)))}; starting again")
                return

    def _settled(self, now: Look) -> Look:
        """The files when they do not change any more: editors and checkouts write several."""
        while not self._signals:
            self._sleep(_PERIOD)
            before, now = now, self._look()
            if now == before:
                break
        return now

    def _stop(self, child: subprocess.Popen[bytes]) -> None:
        """End a process: asked, then urged, then killed; each further signal from outside hastens it."""
        for seconds in (_GRACE, _EXIT):
            if child.poll() is not None:
                return
            child.terminate()
            self._await(child, seconds)
        if child.poll() is None:
            self._tell("it did not end, and is killed")

    def _await(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        signals, waited = self._signals, 0.0
        while child.poll() is None and waited < seconds and self._signals == signals:
            self._sleep(_PERIOD / 4)
            waited += _PERIOD / 4


def said(status: int) -> str:
    """How a process ended, in words."""
    return f"exit code {status}" if status >= 0 else f"signal {-status}"


def _shown(paths: list[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more
