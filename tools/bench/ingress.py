"""Requests per second and tail latency of one server process, against the floor and against other servers.

The floor is the least a trio program can do over httptools: a non-blocking socket, one wait, one parse, fixed bytes
out. Rates are requests per second of the server's own processor time, which is what one core saturated with it gives and stays
comparable on a machine that does other things too; latency is wall time. Servers run one at a time under load, each in a process of its own; the load generator is another process with 32
keep-alive connections, each of which sends its next request when it has its answer.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypedDict

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.harness import Case, Sampler

REQUIRES: tuple[str, ...] = ("uvicorn", "uvloop", "hypercorn[trio]")

CONNECTIONS = 32
SECONDS = 0.8
PLAIN = b"GET / HTTP/1.1\r\nHost: localhost:8000\r\n\r\n"
BROWSER = (
    b"GET / HTTP/1.1\r\nHost: localhost:8000\r\nConnection: keep-alive\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\nCache-Control: max-age=0\r\n"
    b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nSec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-Site: none\r\nUpgrade-Insecure-Requests: 1\r\n\r\n"
)
# Far more paths than any server remembers: what honest traffic to a service with data behind it looks like.
PATHS = [
    BROWSER.replace(b"GET / ", b"GET /orders/%d?page=%d " % (number, number % 7)) for number in range(20_000)
]
# And what one client of such a service sends: a session that is renewed, and a trace of each request.
CHANGING = [
    request.replace(b"0123456789abcdef0123456789abcdef", b"%032x" % (number * 7919)).replace(
        b"Cache-Control: max-age=0", b"traceparent: 00-%032x-%016x-01" % (number * 31, number * 17)
    )
    for number, request in enumerate(PATHS)
]
# Orders of different lengths.
ORDERS = [
    b"POST /orders HTTP/1.1\r\nHost: localhost:8000\r\nConnection: keep-alive\r\nUser-Agent: httpx/0.28\r\nAccept: */*\r\n"
    b"Accept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(order), order)
    for order in (
        b'{"id":%d,"customer":"%b@example.org","items":["a-%d","b","c"],"total":%d.5}'
        % (n, b"x" * (n % 13), n, n)
        for n in range(2000)
    )
]
TRAFFIC: dict[str, list[bytes]] = {
    "plain": [PLAIN],
    "browser": [BROWSER],
    "paths": PATHS,
    "changing": CHANGING,
    "orders": ORDERS,
}


class Order(TypedDict):
    """What is ordered."""

    id: int
    customer: str
    items: list[str]
    total: float


def serve_floor(port: int) -> None:
    """The bare loop."""
    import httptools
    import trio

    from gnomon_gtype import GType

    validate = GType(Order).validate_json
    answer = (
        b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n{"hello":"world"}'
    )

    class Protocol:
        def __init__(self) -> None:
            self.complete = 0
            self.body = b""

        def on_body(self, body: bytes) -> None:
            self.body += body

        def on_message_complete(self) -> None:
            self.complete += 1
            if self.body:
                body, self.body = self.body, b""
                validate(body)

    async def connection(sock: socket.socket) -> None:
        protocol = Protocol()
        parser = httptools.HttpRequestParser(protocol)
        with sock, contextlib.suppress(ConnectionResetError):
            while True:
                await trio.lowlevel.wait_readable(sock)
                data = sock.recv(16384)
                if not data:
                    return
                parser.feed_data(data)
                while protocol.complete:
                    protocol.complete -= 1
                    sock.send(answer)

    async def main() -> None:
        listener = socket.create_server(("127.0.0.1", port))
        listener.setblocking(False)
        async with trio.open_nursery() as nursery:
            while True:
                await trio.lowlevel.wait_readable(listener)
                sock, _ = listener.accept()
                sock.setblocking(False)
                nursery.start_soon(connection, sock)

    trio.run(main)


def serve_ours(port: int) -> None:
    """gnomon-ingress with a dispatch that answers with JSON."""
    import gc

    import trio

    import gnomon_ingress
    from gnomon_gtype import GType

    validator = gnomon_ingress.RequestValidator(GType(Order))

    async def big() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield bytes(2**20)

    async def hello(req: gnomon_ingress.Request, res: gnomon_ingress.Response) -> None:
        if req.websocket is not None:
            async for message in req.websocket:
                await req.websocket.send(message)
        elif req.path == "/big":
            res.stream(big())
        elif req.method == "POST":
            await req.read()
            validator.validate(req)
            res.json({"hello": "world"})
        else:
            res.json({"hello": "world"})

    gc.collect()
    gc.freeze()
    trio.run(gnomon_ingress.serve, hello, "127.0.0.1", port)


async def bare_asgi(scope: dict[str, object], _receive: object, send: Callable[..., object]) -> None:
    """The smallest ASGI application."""
    assert scope["type"] == "http"
    head = [(b"content-type", b"application/json"), (b"content-length", b"17")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b'{"hello":"world"}'})


def serve_uvicorn(port: int) -> None:
    """Uvicorn at its fastest."""
    import uvicorn

    uvicorn.run(
        bare_asgi, host="127.0.0.1", port=port, loop="uvloop", http="httptools", lifespan="off",
        log_level="error", access_log=False,
    )  # fmt: skip


def serve_hypercorn(port: int) -> None:
    """Hypercorn's trio worker."""
    import hypercorn.config
    import hypercorn.trio
    import trio

    config = hypercorn.config.Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.accesslog = config.errorlog = None
    trio.run(hypercorn.trio.serve, bare_asgi, config)


def attack(kind: str, port: int) -> None:
    """Be one hostile client until killed; for as long as the connection lives, as fast as it goes."""
    while True:
        with contextlib.suppress(OSError):
            ATTACKS[kind](("127.0.0.1", port))


def trickle(address: tuple[str, int]) -> None:
    """500 heads, a byte of each now and then."""
    sockets = [socket.create_connection(address) for _ in range(500)]
    for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"a" * 1000:
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.send(bytes([byte]))
        time.sleep(0.2)


def never_read(address: tuple[str, int]) -> None:
    """20 answers of 200 MB each that nobody takes."""
    sockets = [socket.create_connection(address) for _ in range(20)]
    for sock in sockets:
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(60)


def read_eagerly(address: tuple[str, int]) -> None:
    """Five answers of 200 MB that are taken as fast as they come."""
    sockets = [socket.create_connection(address) for _ in range(5)]
    for sock in sockets:
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    buffer = bytearray(2**20)
    while sockets:
        for sock in select.select(sockets, [], [])[0]:
            if not sock.recv_into(buffer):
                sockets.remove(sock)
                sock.close()


def idle(address: tuple[str, int]) -> None:
    """1,000 connections that say nothing."""
    sockets = [socket.create_connection(address) for _ in range(1000)]
    time.sleep(60)
    del sockets


def churn(address: tuple[str, int]) -> None:
    """Connections that are opened and reset at once, in the middle of a head."""
    for _ in range(50):
        with socket.create_connection(address) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(b"GET / HTTP/1.1\r\nHo")
    time.sleep(0.01)


def long_target(address: tuple[str, int]) -> None:
    """A target of 1 MB."""
    with socket.create_connection(address) as sock:
        sock.sendall(b"GET /" + b"a" * 2**20 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.recv(65536)


def many_headers(address: tuple[str, int]) -> None:
    """10,000 header fields."""
    with socket.create_connection(address) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * 10_000 + b"\r\n")
        sock.recv(65536)


def frames(frame: bytes, first: bytes = b"") -> Callable[[tuple[str, int]], None]:
    """A WebSocket that is sent the same frame for ever."""
    opening = (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    def flood(address: tuple[str, int]) -> None:
        with socket.create_connection(address) as sock:
            sock.sendall(opening)
            sock.recv(65536)
            sock.sendall(first)
            sock.setblocking(False)
            while True:
                _, writable, _ = select.select([], [sock], [], 1.0)
                if writable:
                    sock.send(frame * 1000)
                # What comes back is dropped, so that only our own speed holds us up.
                with contextlib.suppress(BlockingIOError):
                    if not sock.recv(65536):
                        return

    return flood


ATTACKS: dict[str, Callable[[tuple[str, int]], None]] = {
    "trickled heads": trickle,
    "readers of nothing": never_read,
    "eager readers": read_eagerly,
    "idle connections": idle,
    "resets": churn,
    "long targets": long_target,
    "many headers": many_headers,
    "pings": frames(b"\x89\x80abcd"),
    "fragments": frames(b"\x00\x80abcd", b"\x01\x80abcd"),
    "small messages": frames(b"\x82\x81abcda"),
}

SERVERS = {"floor": serve_floor, "ours": serve_ours, "uvicorn": serve_uvicorn, "hypercorn": serve_hypercorn}


def generate_load(port: int, requests: list[bytes], seconds: float) -> tuple[int, float]:
    """Load a server and return how many requests it answered and the 99th percentile of their latency in seconds."""
    sockets = {}
    poll = select.epoll()
    sent: dict[int, float] = {}
    clock = time.perf_counter
    for _ in range(CONNECTIONS):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    following = itertools.cycle(requests)
    latencies: list[float] = []
    warming = 0
    started = clock()
    warm = started + seconds / 4
    end = warm + seconds
    for descriptor, sock in sockets.items():
        sent[descriptor] = clock()
        sock.send(next(following))
    now = started
    counted = None
    while now < end:
        for descriptor, _ in poll.poll():
            sock = sockets[descriptor]
            data = sock.recv(65536)
            if not data.endswith(b"}"):
                if not data:
                    raise RuntimeError(
                        f"the server sent an unexpected answer or closed the connection: {data!r:.200}"
                    )
                # Some servers send head and body apart.
                continue
            now = clock()
            latencies.append(now - sent[descriptor])
            sent[descriptor] = now
            sock.send(next(following))
        if counted is None and now >= warm:
            warming = len(latencies)
            latencies.clear()
            counted = now
    for sock in sockets.values():
        sock.close()
    assert counted is not None
    latencies.sort()
    return warming + len(latencies), latencies[len(latencies) * 99 // 100]


@functools.cache
def start(name: str) -> tuple[int, int]:
    """Start a server process and return its port and its id."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, "serve", name, str(port)])
    atexit.register(process.wait)
    atexit.register(process.kill)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return port, process.pid
    raise RuntimeError(f"the server {name} did not start")


def processor_seconds(process: int) -> float:
    """What a process has used of the processor so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(name: str, kind: str) -> tuple[float, float]:
    """Run the load generator in a process of its own; return requests per processor second, and the tail."""
    port, process = start(name)
    before = processor_seconds(process)
    done = subprocess.run(
        [sys.executable, __file__, "load", kind, str(port)], check=True, capture_output=True, text=True
    )
    answered, tail = done.stdout.split()
    return int(answered) / (processor_seconds(process) - before), float(tail)


def rate(name: str, kind: str = "plain") -> Sampler:
    """Requests per processor second."""
    return lambda: load(name, kind)[0]


def tail(name: str) -> Sampler:
    """The 99th percentile in seconds."""
    return lambda: load(name, "plain")[1]


def tail_beside(kind: str, *, attacked: str) -> Sampler:
    """The 99th percentile of our good clients while a hostile one does its worst, on our server or on another.

    The other is the control: with fewer cores than processes a hostile client takes time from everybody, whomever it attacks.
    """

    def sample() -> float:
        port, _ = start(attacked)
        hostile = subprocess.Popen([sys.executable, __file__, "attack", kind, str(port)])
        try:
            time.sleep(0.5)
            return load("ours", "plain")[1]
        finally:
            hostile.kill()
            hostile.wait()

    return sample


def cases() -> list[Case]:
    """The goals of the ingress."""
    return [
        Case("requests per second, hello", rate("ours"), rate("floor"), "bare loop", at_least=0.80, rounds=5),
        Case(
            "requests per second, ten headers",
            rate("ours", "browser"),
            rate("floor", "browser"),
            "bare loop",
            at_least=0.80,
            rounds=5,
        ),
        Case(
            "requests per second, ten headers, 20,000 paths",
            rate("ours", "paths"),
            rate("floor", "paths"),
            "bare loop",
            at_least=0.80,
            rounds=5,
        ),
        Case(
            "requests per second, ten headers of which two change, 20,000 paths",
            rate("ours", "changing"),
            rate("floor", "changing"),
            "bare loop",
            at_least=0.80,
            rounds=5,
        ),
        Case(
            "requests per second, JSON bodies, validated",
            rate("ours", "orders"),
            rate("floor", "orders"),
            "bare loop, validated",
            rounds=5,
        ),
        Case("99th percentile, hello", tail("ours"), tail("floor"), "bare loop", at_most=2.0, rounds=5),
        Case(
            "requests per second beside uvicorn",
            rate("ours"),
            rate("uvicorn"),
            "uvicorn, bare ASGI",
            at_least=1.1,
            rounds=5,
        ),
        Case(
            "requests per second beside hypercorn",
            rate("ours"),
            rate("hypercorn"),
            "hypercorn, trio",
            at_least=15.0,
            rounds=3,
        ),
        *(
            Case(
                f"99th percentile beside {kind}",
                tail_beside(kind, attacked="ours"),
                tail_beside(kind, attacked="floor"),
                "attacks another",
                at_most=2.0,
                rounds=3,
            )
            for kind in ATTACKS
        ),
    ]


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        SERVERS[sys.argv[2]](int(sys.argv[3]))
    elif sys.argv[1] == "attack":
        attack(sys.argv[2], int(sys.argv[3]))
    else:
        figures = generate_load(int(sys.argv[3]), TRAFFIC[sys.argv[2]], SECONDS)
        print(*figures)
