"""What a server holds after a long time: no more than after a short one."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the resident size from /proc"),
]

SERVER = textwrap.dedent(
    """
    import sys, trio
    from gnomon_ingress import serve

    async def dispatch(req, res):
        if req.websocket is not None:
            async for message in req.websocket:
                await req.websocket.send(message)
        elif req.path == "/upload":
            req.body_limit = 2**32
            sizes = []
            async for part in req.parts():
                sizes.append(sum([len(piece) async for piece in part.stream()]))
            res.json(sizes)
        elif req.method == "POST":
            res.json(len(await req.read()))
        elif req.path == "/stream":
            async def chunks():
                yield b"a" * 100
                yield b"b" * 100
            res.stream(chunks())
        elif req.path == "/fails":
            raise KeyError
        else:
            res.json({"path": req.path, "agent": req.headers.get("user-agent")})

    async def main():
        async with trio.open_nursery() as nursery:
            server = await nursery.start(serve, dispatch, "127.0.0.1", 0)
            print(server.addresses[0][1], flush=True)

    import logging
    logging.disable()
    trio.run(main)
    """
)


@pytest.fixture
def server() -> Iterator[tuple[int, int]]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def resident(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def hello(connection: socket.socket, count: int) -> None:
    """Send and receive ``count`` requests, many at a time."""
    batch = 50
    request = b"GET /hello HTTP/1.1\r\nHost: a\r\nUser-Agent: soak\r\n\r\n"
    for _ in range(count // batch):
        connection.sendall(request * batch)
        left = batch
        while left:
            left -= connection.recv(65536).count(b"HTTP/1.1 200")


def test_memory_after_a_million_requests(server: tuple[int, int]) -> None:
    port, process = server
    with socket.create_connection(("127.0.0.1", port)) as connection:
        hello(connection, 10_000)
        before = resident(process)
        hello(connection, 990_000)
        after = resident(process)
    print(f"resident after 10,000 requests {before / 2**20:.2f} MiB, after 1,000,000 {after / 2**20:.2f} MiB")
    assert after <= before * 1.01


def all_kinds(port: int, number: int) -> None:
    address = ("127.0.0.1", port)
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /%d HTTP/1.1\r\nHost: a\r\nX-Number: %d\r\n\r\n" % (number, number))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += connection.recv(65536)
        connection.sendall(b"GET /fails HTTP/1.1\r\nHost: a\r\n\r\n")
        while connection.recv(65536):
            pass
    for bad in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
    ):
        with socket.create_connection(address) as connection:
            connection.sendall(bad)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    with connect(f"ws://127.0.0.1:{port}/") as websocket:
        websocket.send(str(number))
        assert websocket.recv() == str(number)


def test_memory_after_every_kind_of_connection(server: tuple[int, int]) -> None:
    port, process = server
    for number in range(500):
        all_kinds(port, number)
    before = resident(process)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        number += 1
        all_kinds(port, number)
    after = resident(process)
    print(f"{number} rounds: {before / 2**20:.2f} MiB, then {after / 2**20:.2f} MiB")
    # The caches of request lines and header names are bounded and still fill.
    assert after <= before + 2 * 2**20


def test_an_upload_of_two_gigabytes(server: tuple[int, int]) -> None:
    port, process = server
    begin = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
    chunk = bytes(range(256)) * 4096

    def upload(chunks: int) -> tuple[int, float]:
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            length = len(begin) + chunks * len(chunk) + len(b"\r\n--x--")
            connection.sendall(
                b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"
                b"Content-Length: %d\r\n\r\n" % length
            )
            connection.sendall(begin)
            for _ in range(chunks):
                connection.sendall(chunk)
            connection.sendall(b"\r\n--x--")
            assert connection.recv(65536).endswith(b"[%d]" % (chunks * len(chunk)))
        return resident(process), time.monotonic() - started

    small, _ = upload(2)
    large, seconds = upload(2048)
    print(
        f"resident after 2 MiB {small / 2**20:.2f} MiB, after 2 GiB {large / 2**20:.2f} MiB, in {seconds:.1f} s"
    )
    assert large - small < 2**20


def test_an_idle_connection_costs_what_is_said(server: tuple[int, int]) -> None:
    port, process = server
    page = (Path(__file__).parents[3] / "docs/reference/ingress.md").read_text()
    said = re.search(r"An idle keep-alive connection holds about\s+(\d+) KiB", page)
    assert said is not None
    open_now: list[socket.socket] = []

    def more(count: int) -> int:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\nUser-Agent: soak\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            open_now.append(connection)
        return resident(process)

    try:
        each = (-more(100) + more(700)) / 700
    finally:
        for connection in open_now:
            connection.close()
    print(f"an idle connection holds {each / 1024:.1f} KiB")
    assert each <= (int(said[1]) + 1) * 1024
