"""Server processes under load: each server alone in a process, the load from another one.

A benchmark of servers is a script beside its module: ``python MODULE.py serve NAME PORT`` runs one of its servers. The
load is a bundled generator over epoll with 32 keep-alive connections, each sending its next request when it has its
answer; it is the same for every server of a run.
"""

from __future__ import annotations

import atexit
import functools
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

CONNECTIONS = 32
SECONDS = 0.8
START_SECONDS = 30.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@functools.cache
def start(*command: str) -> int:
    """Start a server process once and return its port, which is added to the command.

    Args:
        command: A program and its arguments; a Python file runs under this interpreter.

    Raises:
        RuntimeError: It ended, or did not listen in time.
    """
    port = _free_port()
    arguments: Sequence[str] = [sys.executable, *command] if command[0].endswith(".py") else command
    process = subprocess.Popen([*arguments, str(port)], stdout=subprocess.DEVNULL)
    atexit.register(process.wait)
    atexit.register(process.kill)
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return port
    raise RuntimeError(f"the server did not start: {' '.join(command)}")


def load(port: int, request: bytes) -> tuple[float, float]:
    """Load a server from a process of its own.

    Returns:
        Requests per second, and the 99th percentile of the latency in seconds.
    """
    done = subprocess.run(
        [sys.executable, __file__, str(port)], input=request, stdout=subprocess.PIPE, check=True
    )
    rate, tail = done.stdout.split()
    return float(rate), float(tail)


def generate(port: int, request: bytes, seconds: float) -> tuple[float, float]:
    """Send requests for a while and measure; a quarter of the time warms up and does not count.

    Raises:
        RuntimeError: An answer that is not a success, or a closed connection.
    """
    clock = time.perf_counter
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    sent: dict[int, float] = {}
    for _ in range(CONNECTIONS):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    _check(next(iter(sockets.values())), request)
    started = clock()
    warm = started + seconds / 4
    end = warm + seconds
    for descriptor, sock in sockets.items():
        sent[descriptor] = clock()
        sock.send(request)
    now, counted = started, 0.0
    latencies: list[float] = []
    while now < end:
        for descriptor, _ in poll.poll():
            sock = sockets[descriptor]
            data = sock.recv(65536)
            if not data.endswith(b"}"):
                if not data:
                    raise RuntimeError("the server closed a connection")
                continue  # some servers send head and body apart
            now = clock()
            latencies.append(now - sent[descriptor])
            sent[descriptor] = now
            sock.send(request)
        if not counted and now >= warm:
            latencies.clear()
            counted = now
    for sock in sockets.values():
        sock.close()
    latencies.sort()
    return len(latencies) / (now - counted), latencies[len(latencies) * 99 // 100]


def _check(sock: socket.socket, request: bytes) -> None:
    """A server that answers with an error would be measured at refusing."""
    sock.settimeout(10)
    sock.send(request)
    answer = b""
    while not answer.endswith(b"}"):
        answer += sock.recv(65536)
    if answer[9:10] != b"2":
        raise RuntimeError(f"the server does not answer with a success: {answer!r}")
    sock.settimeout(None)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(*generate(int(sys.argv[1]), sys.stdin.buffer.read(), SECONDS))
