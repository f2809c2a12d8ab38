"""Several processes on one port, supervised: a dead worker is replaced, a restart loses no connection."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from ._listeners import open_tcp_listeners
from ._ready import await_ready

logger = logging.getLogger("gnomon_ingress")

Work = Callable[[list[socket.socket]], None]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STABLE_SECONDS = 10.0
_LONGEST_BACK_OFF = 30.0
_POLL_SECONDS = 0.05


def run_workers(
    work: Work,
    host: str,
    port: int,
    *,
    workers: int,
    backlog: int = 1024,
    start_timeout: float = 60.0,
    stop_timeout: float = 30.0,
) -> None:
    """Run ``work`` in several processes until SIGINT or SIGTERM.

    Each worker has listening sockets of its own on the same port (``SO_REUSEPORT``), and the kernel spreads the connections.
    This process keeps them open too, so a replaced worker's backlog is its successor's: nothing is lost. SIGINT and SIGTERM
    reach the workers as SIGTERM. SIGHUP replaces them: each old one is told to stop once its successor accepts connections, and
    goes on if that fails. Workers whose supervisor dies get a SIGTERM too, so that nothing keeps the port.

    Args:
        work: Called in each worker with its listening sockets; is to return soon after SIGTERM, for example by
            cancelling ``Server.serve``. One that does not serve with a ``Server`` calls ``worker_ready`` once it accepts.
        host: A name or an address.
        port: The port; 0 is refused, since each worker would get another.
        workers: How many processes.
        backlog: Connections the kernel keeps waiting, per worker.
        start_timeout: Seconds after which a successor that does not accept yet is given up.
        stop_timeout: Seconds after which a worker that was told to stop is killed.

    Raises:
        ValueError: No worker at all, or port 0.
        OSError: The address is in use or not ours.
    """
    if workers < 1 or not port:
        raise ValueError("run_workers needs at least one worker and a port that is not 0")
    sockets = [open_tcp_listeners(host, port, backlog=backlog, reuse_port=True) for _ in range(workers)]
    try:
        _Supervisor(work, sockets, start_timeout=start_timeout, stop_timeout=stop_timeout).run()
    finally:
        for listeners in sockets:
            for listener in listeners:
                listener.close()


class _Slot:
    """One place for a worker: its sockets, who sits there, how often that went wrong, and who comes next."""

    def __init__(self, listeners: list[socket.socket]) -> None:
        self.listeners = listeners
        self.pid = 0
        self.started = 0.0
        self.failures = 0
        self.start_at = 0.0
        self.successor: _Successor | None = None


class _Successor(NamedTuple):
    """A worker that takes a place over once it says that it accepts connections."""

    pid: int
    started: float
    #: Through which it says so.
    pipe: int


class _Supervisor:
    def __init__(
        self, work: Work, sockets: list[list[socket.socket]], *, start_timeout: float, stop_timeout: float
    ) -> None:
        self._work = work
        self._slots = [_Slot(listeners) for listeners in sockets]
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._stopping = False
        self._reload = False
        #: Workers that were told to stop, and when they are killed.
        self._leaving: dict[int, float] = {}
        # Nobody writes to it: that it ends is how workers learn that this process is gone.
        self._lifeline, self._alive = os.pipe()

    def run(self) -> None:
        previous = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            while not self._stopping or any(slot.pid for slot in self._slots) or self._leaving:
                self._step()
                time.sleep(_POLL_SECONDS)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            os.close(self._lifeline)
            os.close(self._alive)

    def _on_signal(self, number: int, frame: object) -> None:  # noqa: ARG002 — signal handlers get a frame
        if number == signal.SIGHUP:
            self._reload = True
        else:
            self._stopping = True

    def _step(self) -> None:
        self._reap()
        now = time.monotonic()
        if self._reload and not any(slot.successor for slot in self._slots):
            # Asked again while they start, they are replaced again: what they read may have changed since.
            self._reload = False
            for slot in self._slots:
                slot.start_at = now
                if slot.pid and not self._stopping:
                    self._prepare_successor(slot, now)
        for slot in self._slots:
            if self._stopping:
                self._dismiss(slot, now)
            elif slot.successor is not None:
                self._await_successor(slot, slot.successor, now)
            elif not slot.pid and now >= slot.start_at:
                self._start(slot, now)
        for pid, deadline in self._leaving.items():
            if now >= deadline:
                os.kill(pid, signal.SIGKILL)

    def _start(self, slot: _Slot, now: float) -> None:
        try:
            slot.pid = self._fork(slot, None)
            slot.started = now
        except OSError as error:
            # Its own words say it all.
            logger.error("a worker could not be started: %s; tried again in %.1f s", error, self._miss(slot))  # noqa: TRY400

    def _prepare_successor(self, slot: _Slot, now: float) -> None:
        try:
            word, pipe = os.pipe()
        except OSError as error:
            self._keep(slot, f"could not be started: {error}")
            return
        try:
            os.set_blocking(word, False)
            slot.successor = _Successor(self._fork(slot, pipe), now, word)
        except OSError as error:
            os.close(word)
            self._keep(slot, f"could not be started: {error}")
        finally:
            os.close(pipe)

    def _await_successor(self, slot: _Slot, successor: _Successor, now: float) -> None:
        try:
            ready = os.read(successor.pipe, 1) != b""
        except BlockingIOError:
            ready = False
        if ready:
            self._tell(slot.pid, now)
            self._install(slot, successor)
        elif now >= successor.started + self._start_timeout:
            self._give_up(slot, successor, now)
            self._keep(slot, f"accepts no connections after {self._start_timeout:.1f} s")

    def _install(self, slot: _Slot, successor: _Successor) -> None:
        os.close(successor.pipe)
        slot.pid, slot.started, slot.successor = successor.pid, successor.started, None

    def _give_up(self, slot: _Slot, successor: _Successor, now: float) -> None:
        os.close(successor.pipe)
        slot.successor = None
        self._tell(successor.pid, now)

    def _keep(self, slot: _Slot, why: str) -> None:
        logger.error("the successor of worker %d %s; the old one goes on", slot.pid, why)

    def _fork(self, slot: _Slot, pipe: int | None) -> int:
        # A signal that comes before the child has handlers of its own would be taken by a copy of ours, and lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:  # pragma: no cover — coverage of the child ends with the child
                self._become_worker(slot, pipe)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return pid

    def _become_worker(
        self, slot: _Slot, pipe: int | None
    ) -> NoReturn:  # pragma: no cover — runs in the child
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            # A terminal sends SIGINT to everybody; the supervisor turns it into an orderly SIGTERM.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.close(self._alive)
            threading.Thread(target=self._outlive_nobody, daemon=True).start()
            for other in self._slots:
                if other is not slot:
                    for listener in other.listeners:
                        listener.close()
            if pipe is not None:
                await_ready(pipe, slot.listeners)
            self._work(slot.listeners)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Not sys.exit: the stack below belongs to the supervisor.
            os._exit(status)

    def _outlive_nobody(self) -> None:  # pragma: no cover — runs in the child
        os.read(self._lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _dismiss(self, slot: _Slot, now: float) -> None:
        if slot.successor is not None:
            self._give_up(slot, slot.successor, now)
        if slot.pid:
            self._tell(slot.pid, now)
            slot.pid = 0

    def _tell(self, pid: int, now: float) -> None:
        self._leaving[pid] = now + self._stop_timeout
        os.kill(pid, signal.SIGTERM)

    def _reap(self) -> None:
        # Only our own children: the process may have others.
        for pid in [*self._leaving]:
            if _end_of(pid) is not None:
                del self._leaving[pid]
        for slot in self._slots:
            successor = slot.successor
            if successor is not None and (end := _end_of(successor.pid)) is not None:
                os.close(successor.pipe)
                slot.successor = None
                self._keep(slot, f"ended with {end} before it was relied on")
            if slot.pid and (end := _end_of(slot.pid)) is not None:
                self._take_loss(slot, end)

    def _take_loss(self, slot: _Slot, end: str) -> None:
        pid, slot.pid = slot.pid, 0
        if slot.successor is not None:
            logger.error("worker %d ended with %s; its successor has started", pid, end)
            self._install(slot, slot.successor)
            return
        if time.monotonic() - slot.started >= _STABLE_SECONDS:
            slot.failures = -1
        logger.error("worker %d ended with %s; another starts in %.1f s", pid, end, self._miss(slot))

    def _miss(self, slot: _Slot) -> float:
        """Take note that a place stays empty, and return for how many seconds."""
        slot.failures += 1
        wait = 0.0 if not slot.failures else min(_LONGEST_BACK_OFF, 0.1 * 2 ** min(slot.failures, 10))
        slot.start_at = time.monotonic() + wait
        return wait


def _end_of(pid: int) -> str | None:
    """How a child ended, in words; ``None`` while it runs."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return _said(status) if ended else None


def _said(status: int) -> str:
    """What a wait status says, in words."""
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
