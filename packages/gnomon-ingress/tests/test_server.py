"""Real sockets, real clients: TCP, Unix, TLS, curl and httpx, resets, exhaustion, drains."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import ssl
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trustme
from trio.testing import trio_test, wait_all_tasks_blocked

from gnomon_ingress import (
    ClientGone,
    Config,
    ConnectionEvent,
    Limits,
    Listener,
    Request,
    Response,
    Server,
    open_tcp_listeners,
    open_unix_listener,
    serve,
)

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def echo(req: Request, res: Response) -> None:
    assert req.client is not None
    body = await req.read()
    res.json(
        {
            "method": req.method,
            "path": req.path,
            "scheme": req.scheme,
            "host": req.client.host,
            "size": len(body),
        }
    )


async def start(nursery: trio.Nursery, dispatch: Any, **options: Any) -> Server:
    async def run(task_status: trio.TaskStatus[Server]) -> None:
        await serve(dispatch, "127.0.0.1", 0, task_status=task_status, **options)

    server: Server = await nursery.start(run)
    return server


_opened: list[trio.SocketStream] = []


@pytest.fixture(autouse=True)
def close_what_was_opened() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().socket._sock.close()


async def connect(server: Server) -> trio.SocketStream:
    [(host, port)] = server.addresses
    stream = await trio.open_tcp_stream(host, port)
    _opened.append(stream)
    return stream


async def everything(stream: trio.abc.Stream) -> bytes:
    data = b""
    while piece := await stream.receive_some():
        data += piece
    return bytes(data)


@trio_test
async def test_tcp_and_httpx() -> None:
    async with trio.open_nursery() as nursery:
        server = await start(nursery, echo)
        [(host, port)] = server.addresses
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
            assert (await client.get("/a%20b")).json()["path"] == "/a b"
            answer = await client.post("/", content=b"x" * 900_000)
            assert answer.json()["size"] == 900_000

            async def chunks() -> Any:
                for _ in range(10):
                    yield b"y" * 1000

            assert (await client.post("/", content=chunks())).json()["size"] == 10_000
            assert (await client.head("/")).headers["content-length"] != "0"
            assert server.statistics().connections == 1
        nursery.cancel_scope.cancel()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@trio_test
async def test_curl(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(b"z" * 300_000)

    async with trio.open_nursery() as nursery:
        server = await start(nursery, echo)
        [(host, port)] = server.addresses
        url = f"http://{host}:{port}/"

        async def curl(*arguments: str) -> str:
            done = await trio.run_process(["curl", "-sS", *arguments], capture_stdout=True)
            return done.stdout.decode()

        assert '"path":"/"' in await curl(url)
        assert '"size":300000' in await curl("-H", "Expect: 100-continue", "--data-binary", f"@{upload}", url)
        assert '"size":300000' in await curl(
            "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{upload}", url
        )
        assert '"size":300000' in await curl("--http1.0", "--data-binary", f"@{upload}", url)
        assert (await curl("-I", url)).startswith("HTTP/1.1 200")
        assert (await curl(url + "1", url + "2")).count("GET") == 2
        nursery.cancel_scope.cancel()


@trio_test
async def test_unix_sockets(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with trio.open_nursery() as nursery:
        server = Server(echo)
        await nursery.start(
            lambda task_status: server.serve([open_unix_listener(path)], task_status=task_status)
        )
        assert server.addresses == (str(path),)
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(OSError, match="listens"):
            open_unix_listener(path)
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
            assert (await client.get("/")).json()["host"] == ""
        server.drain()
    open_unix_listener(path).close()
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        open_unix_listener(tmp_path / "file")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def contexts(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(ours)
    return ours, theirs


@trio_test
async def test_tls(authority: trustme.CA) -> None:
    ours, theirs = contexts(authority)
    reasons: list[str | None] = []

    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/wait":
            try:
                await trio.sleep(60)
            finally:
                reasons.append(req.abort_reason)
        await echo(req, res)

    async with trio.open_nursery() as nursery:
        server = await start(nursery, dispatch, tls=ours)
        [(host, port)] = server.addresses
        async with httpx.AsyncClient(base_url=f"https://{host}:{port}", verify=theirs) as client:
            assert (await client.get("/")).json()["scheme"] == "https"
            assert (await client.post("/", content=b"x" * 900_000)).json()["size"] == 900_000
            answer = await client.get("/", headers={"connection": "close"})
            assert answer.headers["connection"] == "close"
        plain = await connect(server)
        await plain.send_all(GET)
        await everything(plain)
        await plain.aclose()
        stream = await trio.open_ssl_over_tcp_stream(host, port, ssl_context=theirs, https_compatible=True)
        await stream.send_all(GET.replace(b"/ ", b"/wait "))
        await trio.sleep(0.05)
        await stream.aclose()
        with trio.fail_after(60):
            while not reasons or server.statistics().connections:
                await trio.sleep(0.01)
        assert reasons == ["disconnect"]
        nursery.cancel_scope.cancel()


@trio_test
async def test_slow_handshakes_time_out(authority: trustme.CA) -> None:
    ours, _ = contexts(authority)
    async with trio.open_nursery() as nursery:
        server = await start(nursery, echo, tls=ours, config=Config(limits=Limits(head_timeout=0.1)))
        stream = await connect(server)
        with trio.fail_after(60):
            assert await everything(stream) == b""
        assert server.statistics().connections == 0
        stream = await connect(server)
        await wait_all_tasks_blocked()
        with trio.fail_after(60):
            server.drain()


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_disconnect_of_a_socket(how: str) -> None:
    @trio_test
    async def test() -> None:
        ended: list[tuple[str | None, float]] = []

        async def dispatch(req: Request, res: Response) -> None:
            try:
                await trio.sleep(60)
            finally:
                ended.append((req.abort_reason, trio.current_time()))

        async with trio.open_nursery() as nursery:
            server = await start(nursery, dispatch)
            stream = await connect(server)
            await stream.send_all(GET * 3)
            await trio.sleep(0.05)
            left = trio.current_time()
            if how == "rst":
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                stream.socket.close()
            else:
                await stream.aclose()
            with trio.fail_after(60):
                while not ended:
                    await trio.sleep(0.01)
            assert ended[0][0] == "disconnect"
            # The quarter second is asserted under the virtual clock; this machine may be busy.
            assert ended[0][1] - left <= 2
            assert len(ended) == 1
            nursery.cancel_scope.cancel()

    test()


@trio_test
async def test_a_drain_reads_what_is_there() -> None:
    async with trio.open_nursery() as nursery:
        server = await start(nursery, echo)
        streams = [await connect(server) for _ in range(3)]
        for stream in streams[:2]:
            await stream.send_all(GET)
            assert b"200 OK" in await stream.receive_some()
        while server.statistics().connections < 3:
            await trio.sleep(0.01)
        os.write(streams[0].socket.fileno(), GET)
        os.write(streams[2].socket.fileno(), GET)
        # Nobody has read any of it yet, and nobody shall before the drain begins, after which they have been quiet for long.
        server.draining = True
        for connection in server.connections:
            connection.age, connection.seen = 5.0, connection.sequence
        server._end_idle()
        server.drain()
        for stream, count in zip(streams, (1, 0, 1), strict=True):
            data = await everything(stream)
            assert data.count(b"200 OK") == data.count(b"connection: close") == count


@trio_test
async def test_half_close_of_a_socket() -> None:
    async def dispatch(req: Request, res: Response) -> None:
        await trio.sleep(0.2)
        res.text("late")

    async with trio.open_nursery() as nursery:
        server = await start(nursery, dispatch, config=Config(half_close=True))
        stream = await connect(server)
        await stream.send_all(GET)
        await stream.send_eof()
        assert (await everything(stream)).endswith(b"late")
        nursery.cancel_scope.cancel()


@trio_test
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("usual", [False, True])
async def test_half_close_on_one_of_several_listeners(
    usual: bool, secure: bool, authority: trustme.CA
) -> None:
    aborted = trio.Event()

    async def dispatch(req: Request, res: Response) -> None:
        req.bind_abort(lambda reason: aborted.set())
        if req.path == "/allowed":
            # As many looks of the watchdog as the other needs, and more.
            with trio.move_on_after(0.5):
                await aborted.wait()
            res.text("late")
        else:
            await aborted.wait()

    ours, theirs = contexts(authority)
    bare, described = open_tcp_listeners("127.0.0.1", 0)[0], open_tcp_listeners("127.0.0.1", 0)[0]
    server = Server(dispatch, config=Config(half_close=usual))
    async with trio.open_nursery() as nursery:
        await nursery.start(
            partial(
                server.serve, [bare, Listener(described, half_close=not usual)], tls=ours if secure else None
            )
        )
        strict, lenient = server.addresses if not usual else server.addresses[::-1]
        for address, path in ((lenient, "/allowed"), (strict, "/")):
            assert isinstance(address, tuple)
            tcp = await trio.open_tcp_stream(*address)
            stream: trio.abc.Stream = tcp
            if secure:
                stream = trio.SSLStream(tcp, theirs, server_hostname="127.0.0.1", https_compatible=True)
            await stream.send_all(GET.replace(b"/", path.encode(), 1))
            await tcp.send_eof()
            data = await everything(stream) if path == "/allowed" or not secure else b""
            assert data.endswith(b"late") == (path == "/allowed")
            assert path == "/" or not aborted.is_set()
            with trio.fail_after(60):
                if path == "/":
                    await aborted.wait()
            tcp.socket.close()
        nursery.cancel_scope.cancel()


@trio_test
async def test_a_large_answer_to_a_reader_and_to_none() -> None:
    payload = bytes(8_000_000)
    errors: list[BaseException] = []

    async def dispatch(req: Request, res: Response) -> None:
        res.bytes(payload)
        try:
            await res.send()
        except ClientGone as error:
            errors.append(error)
            raise

    config = Config(limits=Limits(send_timeout=1, send_rate=1e12))
    async with trio.open_nursery() as nursery:
        server = await start(nursery, dispatch, config=config)
        stream = await connect(server)
        await stream.send_all(GET.replace(b"Host", b"Connection: close\r\nHost"))
        assert len(await everything(stream)) > len(payload)
        deaf = await connect(server)
        await deaf.send_all(GET)
        with trio.fail_after(60):
            while not errors:
                await trio.sleep(0.05)
        reset = await connect(server)
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await reset.send_all(GET)
        await reset.receive_some(1)
        reset.socket.close()
        with trio.fail_after(60):
            while server.statistics().connections:
                await trio.sleep(0.05)
        assert len(errors) == 2
        nursery.cancel_scope.cancel()


@trio_test
async def test_one_connection_too_many() -> None:
    events: list[ConnectionEvent] = []
    config = Config(limits=Limits(connections=1), on_event=events.append)
    async with trio.open_nursery() as nursery:
        server = await start(nursery, echo, config=config)
        first = await connect(server)
        await first.send_all(GET)
        await first.receive_some()
        second = await connect(server)
        data = await everything(second)
        assert data.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in data
        await first.send_all(GET)
        assert b"200 OK" in await first.receive_some()
        await first.aclose()
        with trio.fail_after(60):
            while server.statistics().connections:
                await trio.sleep(0.01)
        third = await connect(server)
        await third.send_all(GET)
        assert b"200 OK" in await third.receive_some()
        nursery.cancel_scope.cancel()
    assert [event.kind for event in events] == ["overload"]


class FailingListener:
    """A listening socket whose accept fails with an errno first."""

    def __init__(self, real: socket.socket, *codes: int) -> None:
        self._real = real
        self._codes = list(codes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def accept(self) -> Any:
        if self._codes:
            raise OSError(self._codes.pop(0), "planned")
        return self._real.accept()


@trio_test
async def test_accept_backs_off_and_recovers() -> None:
    events: list[ConnectionEvent] = []
    async with trio.open_nursery() as nursery:
        [real] = open_tcp_listeners("127.0.0.1", 0)
        listener: Any = FailingListener(real, errno.EMFILE, errno.ENOBUFS, errno.ECONNABORTED)
        server = Server(echo, config=Config(on_event=events.append))
        await nursery.start(lambda task_status: server.serve([listener], task_status=task_status))
        stream = await connect(server)
        await stream.send_all(GET)
        with trio.fail_after(60):
            assert b"200 OK" in await stream.receive_some()
        nursery.cancel_scope.cancel()
    assert [event.error.errno for event in events if isinstance(event.error, OSError)] == [
        errno.EMFILE,
        errno.ENOBUFS,
    ]


@trio_test
async def test_many_at_once() -> None:
    listeners = open_tcp_listeners("127.0.0.1", 0)
    address = listeners[0].getsockname()
    clients = [socket.create_connection(address) for _ in range(100)]
    async with trio.open_nursery() as nursery:
        server = Server(echo)
        await nursery.start(lambda task_status: server.serve(listeners, task_status=task_status))
        with trio.fail_after(60):
            while server.statistics().connections < 100:
                await trio.sleep(0.01)
        for client in clients:
            client.close()
        nursery.cancel_scope.cancel()


@trio_test
async def test_turned_away_by_a_client_that_left(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(echo)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.close()
    server._turn_away(ours)
    assert ours.fileno() == -1


@trio_test
async def test_cancelling_serve_drains() -> None:
    async def dispatch(req: Request, res: Response) -> None:
        await trio.sleep(0.3)
        res.text("done")

    answers: list[bytes] = []

    async def client(server: Server) -> None:
        stream = await connect(server)
        await stream.send_all(GET)
        answers.append(await everything(stream))

    async with trio.open_nursery() as outer:
        async with trio.open_nursery() as nursery:
            server = await start(nursery, dispatch)
            idle = await connect(server)
            outer.start_soon(client, server)
            await trio.sleep(0.1)
            address = server.addresses[0]
            nursery.cancel_scope.cancel()
        with pytest.raises(OSError, match="connect"):
            await trio.open_tcp_stream(*address)
        assert await everything(idle) == b""
    assert answers[0].endswith(b"done")
    assert b"connection: close" in answers[0]


@trio_test
async def test_serve_cancelled_before_it_starts() -> None:
    [listener] = open_tcp_listeners("127.0.0.1", 0)
    with trio.CancelScope() as scope:
        scope.cancel()
        await Server(echo).serve([listener])
    assert listener.fileno() == -1


def test_listeners() -> None:
    [first] = open_tcp_listeners("127.0.0.1", 0, reuse_port=True)
    port = first.getsockname()[1]
    [second] = open_tcp_listeners("127.0.0.1", port, reuse_port=True)
    with pytest.raises(OSError):
        open_tcp_listeners("127.0.0.1", port)
    both = open_tcp_listeners("", 0)
    families = {listener.family for listener in both}
    assert socket.AF_INET in families
    for listener in [first, second, *both]:
        listener.close()


@trio_test
async def test_two_listeners_and_ipv6(tmp_path: Path) -> None:
    listeners = [*open_tcp_listeners("127.0.0.1", 0), open_unix_listener(tmp_path / "s")]
    if socket.has_ipv6:
        try:
            listeners += open_tcp_listeners("::1", 0)
        except OSError:
            pass
    async with trio.open_nursery() as nursery:
        server = Server(echo)
        await nursery.start(lambda task_status: server.serve(listeners, task_status=task_status))
        for address in server.addresses:
            stream: trio.SocketStream
            if isinstance(address, str):
                stream = await trio.open_unix_socket(address)
            else:
                stream = await trio.open_tcp_stream(*address)
            await stream.send_all(GET)
            assert b"200 OK" in await stream.receive_some()
            await stream.aclose()
        nursery.cancel_scope.cancel()


@pytest.mark.slow
def test_good_clients_are_served_beside_bad_ones() -> None:
    @trio_test
    async def test() -> None:
        config = Config(limits=Limits(head_timeout=1, idle_timeout=2))
        async with trio.open_nursery() as nursery:
            server = await start(nursery, echo, config=config)
            idle = [await connect(server) for _ in range(400)]
            for stream in idle[:200]:
                await stream.send_all(b"GET / HT")
            good = await connect(server)
            worst = 0.0
            for _ in range(500):
                started = trio.current_time()
                await good.send_all(GET)
                assert b"200 OK" in await good.receive_some()
                worst = max(worst, trio.current_time() - started)
            assert worst < 0.5
            with trio.fail_after(60):
                while server.statistics().connections > 1:
                    await trio.sleep(0.1)
            nursery.cancel_scope.cancel()

    test()


@trio_test
async def test_connections_that_were_reset_before_they_were_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[object] = []
    begin = Server.start_connection

    def count(self: Server, *args: Any, **options: Any) -> None:
        served.append(args)
        begin(self, *args, **options)

    monkeypatch.setattr(Server, "start_connection", count)
    (listener,) = open_tcp_listeners("127.0.0.1", 0)
    for _ in range(20):
        with socket.create_connection(listener.getsockname()) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.sendall(b"GET / HTTP/1.1\r\nHo")
    server = Server(echo)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, [listener])
        await wait_all_tasks_blocked()
        stream = await connect(server)
        await stream.send_all(GET)
        with trio.fail_after(60):
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        assert len(served) == 1
        server.drain()


@trio_test
async def test_slow_handshakes_hold_nobody_up(authority: trustme.CA) -> None:
    ours, theirs = contexts(authority)
    async with trio.open_nursery() as nursery:
        server = await start(nursery, echo, tls=ours, config=Config(limits=Limits(head_timeout=30)))
        slow = [await connect(server) for _ in range(100)]
        for stream in slow:
            # The beginning of a handshake that does not go on.
            await stream.send_all(b"\x16\x03\x01\x02\x00\x01")
        stream = trio.SSLStream(await connect(server), theirs, server_hostname="localhost")
        with trio.fail_after(60):
            await stream.send_all(GET)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        assert server.statistics().connections == 101
        with trio.fail_after(60):
            server.drain()
            for other in slow:
                await other.aclose()
            await trio.aclose_forcefully(stream)
