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
from typing import NoReturn

from ._listeners import open_tcp_listeners

logger = logging.getLogger("gnomon_ingress")

Work = Callable[[list[socket.socket]], None]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STABLE_SECONDS = 10.0
_LONGEST_BACK_OFF = 30.0
_POLL_SECONDS = 0.05


def run_workers(
    work: Work, host: str, port: int, *, workers: int, backlog: int = 1024, stop_timeout: float = 30.0
) -> None:
    """Run ``work`` in several processes until SIGINT or SIGTERM.

    Each worker has listening sockets of its own on the same port (``SO_REUSEPORT``), and the kernel spreads the connections.
    This process keeps them open too, so a replaced worker's backlog is its successor's: nothing is lost. SIGINT and SIGTERM
    reach the workers as SIGTERM; SIGHUP replaces them, each old one after its successor has started. Workers whose supervisor
    dies get a SIGTERM too, so that nothing keeps the port.

    Args:
        work: Called in each worker with its listening sockets; is to return soon after SIGTERM, for example by
            cancelling ``Server.serve``.
        host: A name or an address.
        port: The port; 0 is refused, since each worker would get another.
        workers: How many processes.
        backlog: Connections the kernel keeps waiting, per worker.
        stop_timeout: Seconds after which a worker that was told to stop is killed.

    Raises:
        ValueError: No worker at all, or port 0.
        OSError: The address is in use or not ours.
    """
    if workers < 1 or not port:
        raise ValueError("run_workers needs at least one worker and a port that is not 0")
    sockets = [open_tcp_listeners(host, port, backlog=backlog, reuse_port=True) for _ in range(workers)]
    try:
        _Supervisor(work, sockets, stop_timeout).run()
    finally:
        for listeners in sockets:
            for listener in listeners:
                listener.close()


class _Slot:
    """One place for a worker: its sockets, who sits there, and how often that went wrong."""

    def __init__(self, listeners: list[socket.socket]) -> None:
        self.listeners = listeners
        self.pid = 0
        self.started = 0.0
        self.failures = 0
        self.start_at = 0.0


class _Supervisor:
    def __init__(self, work: Work, sockets: list[list[socket.socket]], stop_timeout: float) -> None:
        self._work = work
        self._slots = [_Slot(listeners) for listeners in sockets]
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
        for slot in self._slots:
            if self._stopping:
                self._dismiss(slot, now)
            elif not slot.pid and now >= slot.start_at:
                self._start(slot, now)
        if self._reload and not self._stopping:
            self._reload = False
            replaced = [slot.pid for slot in self._slots if slot.pid]
            for slot in self._slots:
                self._start(slot, now)
            for pid in replaced:
                self._tell(pid, now)
        for pid, deadline in self._leaving.items():
            if now >= deadline:
                os.kill(pid, signal.SIGKILL)

    def _start(self, slot: _Slot, now: float) -> None:
        # A signal that comes before the child has handlers of its own would be taken by a copy of ours, and lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:  # pragma: no cover — coverage of the child ends with the child
                self._become_worker(slot)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        slot.pid = pid
        slot.started = now

    def _become_worker(self, slot: _Slot) -> NoReturn:  # pragma: no cover — runs in the child
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
        if slot.pid:
            self._tell(slot.pid, now)
            slot.pid = 0

    def _tell(self, pid: int, now: float) -> None:
        self._leaving[pid] = now + self._stop_timeout
        os.kill(pid, signal.SIGTERM)

    def _reap(self) -> None:
        # Only our own children: the process may have others.
        for pid in [*self._leaving, *(slot.pid for slot in self._slots if slot.pid)]:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            if self._leaving.pop(pid, None) is None:
                self._take_loss(pid, status)

    def _take_loss(self, pid: int, status: int) -> None:
        now = time.monotonic()
        [slot] = [slot for slot in self._slots if slot.pid == pid]
        slot.failures = 0 if now - slot.started >= _STABLE_SECONDS else slot.failures + 1
        wait = 0.0 if not slot.failures else min(_LONGEST_BACK_OFF, 0.1 * 2 ** min(slot.failures, 10))
        slot.pid = 0
        slot.start_at = now + wait
        logger.error("worker %d ended with %s; another starts in %.1f s", pid, _said(status), wait)


def _said(status: int) -> str:
    """What a wait status says, in words."""
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
