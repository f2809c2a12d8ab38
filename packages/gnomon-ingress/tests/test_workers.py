"""Supervised workers, in a process of their own."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gnomon_ingress import run_workers
from gnomon_ingress._workers import _said

PROGRAM = """
import os, signal, sys
import trio
import gnomon_ingress

async def dispatch(req, res):
    if req.path == "/die":
        os._exit(3)
    if req.path == "/slow":
        await trio.sleep(0.5)
    res.json(os.getpid())

def work(listeners):
    async def main():
        async with trio.open_nursery() as nursery:
            async def stop():
                with trio.open_signal_receiver(signal.SIGTERM) as signals:
                    async for _ in signals:
                        nursery.cancel_scope.cancel()
            nursery.start_soon(stop)
            await trio.sleep(0.2)
            await gnomon_ingress.Server(dispatch).serve(listeners)
    if "deaf" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        import time
        print("deaf", flush=True)
        time.sleep(100)
    trio.run(main)

gnomon_ingress.run_workers(work, "127.0.0.1", int(sys.argv[1]), workers=2, stop_timeout=0.3 if "deaf" in sys.argv else 20)
"""


def eventually(check: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class Supervised:
    def __init__(self, *arguments: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self.port), *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def get(self, path: str = "/") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return int(connection.getresponse().read())
        finally:
            connection.close()

    def workers(self) -> set[int]:
        found = set()
        for _ in range(20):
            try:
                found.add(self.get())
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        return found

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.communicate()


@pytest.fixture
def supervised() -> Iterator[Supervised]:
    program = Supervised()
    yield program
    program.end()


def test_workers(supervised: Supervised) -> None:
    eventually(lambda: len(supervised.workers()) == 2)
    before = supervised.workers()

    with pytest.raises((OSError, http.client.HTTPException)):
        supervised.get("/die")
    eventually(lambda: len(supervised.workers() - before) == 1)

    before = supervised.workers()
    supervised.process.send_signal(signal.SIGHUP)
    eventually(lambda: len(supervised.workers() - before) == 2)
    # A worker that was replaced is gone once it has drained.
    eventually(lambda: all(not Path(f"/proc/{pid}").exists() for pid in before))

    last = supervised.workers()
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.process.wait(20) == 0
    assert all(not Path(f"/proc/{pid}").exists() for pid in last)


def test_a_restart_loses_no_request(supervised: Supervised) -> None:
    eventually(lambda: len(supervised.workers()) == 2)
    first = supervised.workers()
    stop = threading.Event()
    failures: list[BaseException] = []
    served: set[int] = set()

    def ask(path: str) -> None:
        while not stop.is_set():
            try:
                served.add(supervised.get(path))
            except BaseException as error:
                failures.append(error)

    def keep_asking(pause: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", supervised.port, timeout=20)
        answered = time.monotonic()
        while not stop.is_set():
            try:
                connection.request("GET", "/")
                served.add(int(connection.getresponse().read()))
            except BaseException as error:
                # A connection that nobody has used for a second may end at any time.
                if time.monotonic() - answered < 1.0:
                    failures.append(error)
                connection.close()
            answered = time.monotonic()
            time.sleep(pause)
        connection.close()

    threads = [threading.Thread(target=ask, args=(path,)) for path in ("/", "/slow", "/slow")]
    threads += [threading.Thread(target=keep_asking, args=(pause,)) for pause in (0.0, 0.005, 0.05)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = served | supervised.workers()
        supervised.process.send_signal(signal.SIGHUP)
        eventually(lambda before=before: len(served - before) >= 2)  # type: ignore[misc]
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(served - first) >= 6


def test_workers_do_not_outlive_their_supervisor(supervised: Supervised) -> None:
    eventually(lambda: len(supervised.workers()) == 2)
    workers = supervised.workers()
    supervised.process.kill()
    eventually(lambda: all(not _runs(pid) for pid in workers))


def _runs(pid: int) -> bool:
    try:
        # A zombie that nobody waits for is over, too.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_that_does_not_stop_is_killed() -> None:
    program = Supervised("deaf")
    try:
        assert program.process.stdout is not None
        assert sorted(program.process.stdout.read(10)) == sorted(b"deaf\ndeaf\n")
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(20) == 0
    finally:
        program.end()


def test_what_cannot_be_supervised() -> None:
    for port, workers in ((0, 1), (80, 0)):
        with pytest.raises(ValueError, match="at least one worker"):
            run_workers(lambda listeners: None, "127.0.0.1", port, workers=workers)


def test_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same supervisor where it can be watched: workers that crash come back more and more slowly."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    starts: list[float] = []
    real_fork = os.fork

    def fork() -> int:
        starts.append(time.monotonic())
        pid = real_fork()
        if pid == 0:
            os._exit(1 if len(starts) < 4 else _wait_for_the_end())
        if len(starts) == 4:
            os.kill(os.getpid(), signal.SIGHUP)
        if len(starts) == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return pid

    monkeypatch.setattr(os, "fork", fork)
    run_workers(lambda listeners: None, "127.0.0.1", port, workers=1, stop_timeout=0.5)
    assert len(starts) == 5
    gaps = [b - a for a, b in zip(starts[:4], starts[1:4], strict=False)]
    assert gaps == sorted(gaps)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def _wait_for_the_end() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    time.sleep(100)
    return 0


def test_how_a_worker_ended_is_said_in_words() -> None:
    assert _said(256) == "exit code 1"
    assert _said(signal.SIGKILL) == "signal 9"
