"""Server processes under load: each server alone in a process, the load from another one.

A benchmark of servers is a script beside its module: ``python MODULE.py serve NAME PORT`` runs one of its servers. The
load is wrk if it is there, else a bundled generator over epoll: 32 keep-alive connections, each sending its next
request when it has its answer. It is the same for every server of a run.
"""

from __future__ import annotations

import atexit
import functools
import json
import math
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
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
    """Load a server from a process of its own, on another core if there is one.

    Args:
        port: Where it listens on loopback.
        request: The whole request, head and body, as it goes over the wire.

    Returns:
        Requests per second, and the 99th percentile of the latency in seconds.

    Raises:
        RuntimeError: The server does not answer the request with a success.
    """
    _check(port, request)
    return _wrk(port, request) if shutil.which("wrk") else _bundled(port, request)


def _bundled(port: int, request: bytes) -> tuple[float, float]:
    command = [*_elsewhere(), sys.executable, __file__, str(port)]
    done = subprocess.run(command, input=request, stdout=subprocess.PIPE, check=True)
    rate, tail = done.stdout.split()
    return float(rate), float(tail)


def _wrk(port: int, request: bytes) -> tuple[float, float]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    method, target, _ = line.split()
    script = [f"wrk.method = {json.dumps(method)}", f"wrk.body = {json.dumps(body.decode())}"]
    script += [
        f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}"
        for name, value in (field.split(": ", 1) for field in fields)
        if name.lower() != "content-length"
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write("\n".join(script))
        file.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{math.ceil(SECONDS)}s", "--latency", "-s", file.name]
        done = subprocess.run(
            [*_elsewhere(), *command, f"http://127.0.0.1:{port}{target}"],
            capture_output=True,
            text=True,
            check=True,
        )
    return read_wrk(done.stdout)


def read_wrk(report: str) -> tuple[float, float]:
    """Requests per second and the 99th percentile in seconds, from what wrk prints.

    Raises:
        RuntimeError: Some answers were no success, or sockets failed: such a figure is worth nothing.
    """
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", report)
    if rate is None or tail is None or "Non-2xx" in report or "Socket errors" in report:
        raise RuntimeError(f"wrk could not measure: {report}")
    return float(rate[1]), float(tail[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[tail[2]]


def _elsewhere() -> list[str]:
    """Put the load on the last core; a benchmark puts its server on the first."""
    if shutil.which("taskset") is None or len(os.sched_getaffinity(0)) < 2:
        return []
    return ["taskset", "-c", str(max(os.sched_getaffinity(0)))]


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


def _check(port: int, request: bytes) -> None:
    """A server that answers with an error would be measured at refusing."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(request)
        answer = b""
        while not answer.endswith(b"}"):
            piece = sock.recv(65536)
            if not piece:
                break
            answer += piece
    if answer[9:10] != b"2":
        raise RuntimeError(f"the server does not answer with a success: {answer!r}")


if __name__ == "__main__":
    print(*generate(int(sys.argv[1]), sys.stdin.buffer.read(), SECONDS))
