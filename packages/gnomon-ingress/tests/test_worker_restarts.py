"""Who takes a worker's place, and when; the supervisor runs step by step in this process, its workers are real."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from gnomon_ingress import Request, Response, Server, open_tcp_listeners, worker_ready
from gnomon_ingress import _ready as ready
from gnomon_ingress._workers import _Supervisor


class Driven:
    """A supervisor of one worker, whose conduct stands in a file when it starts."""

    def __init__(self, where: Path) -> None:
        self.conduct = where / "conduct"
        self.now = where / "now"
        self.listeners = open_tcp_listeners("127.0.0.1", 0)
        self.supervisor = _Supervisor(self.work, [self.listeners], start_timeout=60, stop_timeout=0.2)
        [self.slot] = self.supervisor._slots
        self.conduct.write_text("accepts")
        self.until(lambda: self.slot.pid != 0 and self.begun(self.slot.pid).exists())

    def begun(self, pid: int) -> Path:
        """What a worker leaves behind once it knows what to do."""
        return self.conduct.with_name(str(pid))

    def work(self, listeners: list[socket.socket]) -> None:
        conduct = self.conduct.read_text()
        self.begun(os.getpid()).touch()
        if conduct == "fails":
            os._exit(3)
        while conduct == "waits" and not self.now.exists():
            time.sleep(0.01)
        if conduct != "is stuck":
            worker_ready()
            worker_ready()
        time.sleep(100)

    def restart(self, conduct: str) -> None:
        self.conduct.write_text(conduct)
        self.supervisor._on_signal(signal.SIGHUP, None)
        self.supervisor._step()

    def until(self, check: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not check():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.supervisor._step()
            time.sleep(0.01)

    def end(self) -> None:
        self.supervisor._on_signal(signal.SIGTERM, None)
        self.supervisor._step()
        self.until(lambda: not self.supervisor._leaving)
        assert self.slot.pid == 0
        assert self.slot.successor is None
        for listener in self.listeners:
            listener.close()
        os.close(self.supervisor._lifeline)
        os.close(self.supervisor._alive)


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Driven]:
    driven = Driven(tmp_path)
    yield driven
    driven.end()


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_old_one_stays_until_the_new_one_accepts(driven: Driven) -> None:
    old = driven.slot.pid
    driven.restart("waits")
    first = driven.slot.successor
    assert first is not None
    # Asked again meanwhile: what the first successor has read may be out of date, so it is replaced in its turn.
    driven.supervisor._on_signal(signal.SIGHUP, None)
    for _ in range(10):
        driven.supervisor._step()
        time.sleep(0.01)
    assert driven.slot.pid == old
    assert driven.slot.successor == first
    assert not driven.supervisor._leaving
    assert runs(old)

    driven.now.touch()
    driven.until(lambda: driven.slot.pid not in (old, first.pid))
    driven.until(lambda: not driven.supervisor._leaving)
    assert not runs(old)
    assert not runs(first.pid)
    assert runs(driven.slot.pid)
    assert driven.slot.successor is None


def test_a_successor_that_fails_leaves_the_old_one(driven: Driven, caplog: pytest.LogCaptureFixture) -> None:
    old = driven.slot.pid
    driven.restart("fails")
    driven.until(lambda: driven.slot.successor is None)
    [record] = caplog.records
    assert record.getMessage() == (
        f"the successor of worker {old} ended with exit code 3 before it was relied on; the old one goes on"
    )
    assert (driven.slot.pid, runs(old), driven.supervisor._leaving) == (old, True, {})

    driven.restart("accepts")
    driven.until(lambda: driven.slot.pid != old)


def test_a_successor_that_never_accepts_is_given_up(driven: Driven, caplog: pytest.LogCaptureFixture) -> None:
    old = driven.slot.pid
    driven.restart("is stuck")
    successor = driven.slot.successor
    assert successor is not None
    driven.supervisor._start_timeout = 0.0
    driven.until(lambda: not runs(successor.pid))
    assert (
        f"the successor of worker {old} accepts no connections after 0.0 s; the old one goes on"
        in caplog.text
    )
    assert (driven.slot.pid, runs(old)) == (old, True)


def test_a_successor_inherits_early(driven: Driven, caplog: pytest.LogCaptureFixture) -> None:
    old = driven.slot.pid
    driven.restart("waits")
    successor = driven.slot.successor
    assert successor is not None
    os.kill(old, signal.SIGKILL)
    driven.until(lambda: driven.slot.pid == successor.pid)
    assert f"worker {old} ended with signal 9; its successor has started" in caplog.text


def test_who_has_served_well_is_replaced_at_once(driven: Driven, caplog: pytest.LogCaptureFixture) -> None:
    old = driven.slot.pid
    driven.slot.failures = 5
    driven.slot.started -= 60
    os.kill(old, signal.SIGKILL)
    driven.until(lambda: driven.slot.pid not in (0, old))
    assert f"worker {old} ended with signal 9; another starts in 0.0 s" in caplog.text


def test_an_end_while_a_successor_starts(driven: Driven) -> None:
    old = driven.slot.pid
    driven.restart("waits")
    successor = driven.slot.successor
    assert successor is not None
    driven.supervisor._on_signal(signal.SIGTERM, None)
    # Of both signals the end counts.
    driven.supervisor._on_signal(signal.SIGHUP, None)
    driven.supervisor._step()
    assert sorted(driven.supervisor._leaving) == sorted([old, successor.pid])


def test_what_the_system_has_none_left_of(
    driven: Driven, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    old = driven.slot.pid
    for name in ("fork", "pipe"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, none_left)
            driven.restart("accepts")
        assert f"the successor of worker {old} could not be started: [Errno 11]" in caplog.text
        caplog.clear()
        assert (driven.slot.pid, driven.slot.successor) == (old, None)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fork", none_left)
        os.kill(old, signal.SIGKILL)
        driven.until(lambda: driven.slot.pid == 0 and driven.slot.failures == 2)
    assert "a worker could not be started: [Errno 11]" in caplog.text
    # A restart does not wait for the back-off.
    driven.slot.start_at = time.monotonic() + 100
    driven.restart("accepts")
    assert driven.slot.pid != 0


def test_a_server_says_that_it_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        raise AssertionError

    async def accepting(listeners: list[socket.socket]) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(Server(dispatch).serve, listeners)
            nursery.cancel_scope.cancel()

    word, pipe = os.pipe()
    os.set_blocking(word, False)
    ours, others = open_tcp_listeners("127.0.0.1", 0), open_tcp_listeners("127.0.0.1", 0)
    monkeypatch.setattr(ready, "_pipe", None)
    ready.await_ready(pipe, ours)
    # An application may listen for its administrators before it is ready for anybody else.
    trio.run(accepting, others)
    with pytest.raises(BlockingIOError):
        os.read(word, 1)
    trio.run(accepting, ours)
    assert os.read(word, 2) == b"!"
    assert os.read(word, 1) == b""
    os.close(word)


def test_nobody_listens_for_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    word, pipe = os.pipe()
    os.close(word)
    monkeypatch.setattr(ready, "_pipe", None)
    ready.await_ready(pipe, ())
    worker_ready()
    # Whoever says it again, or where there is no supervisor, does nothing.
    worker_ready()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(pipe)
