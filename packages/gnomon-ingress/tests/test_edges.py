"""The rare branches: spurious wake-ups, full and broken sockets, clients that leave at the worst moment."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
import trio
from ingress_support import ScriptedTransport
from trio.testing import MockClock, trio_test, wait_all_tasks_blocked

import gnomon_ingress
from gnomon_ingress import ClientGone, Config, HttpError, Limits, Request, Response, Server
from gnomon_ingress import _head as head_module
from gnomon_ingress._body import BodyReader
from gnomon_ingress._connection import Connection
from gnomon_ingress._head import HeadParser
from gnomon_ingress._headers import MutableHeaders, add_vary
from gnomon_ingress._target import parse_query
from gnomon_ingress._transport import SocketTransport, StreamTransport
from gnomon_ingress.testing import Client, _Reader, memory_pair

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def hello(req: Request, res: Response) -> None:
    res.text("hello")


async def everything(stream: Any) -> bytes:
    data = b""
    while piece := await stream.receive_some():
        data += piece
    return data


def head(data: bytes = GET) -> HeadParser:
    parser = HeadParser(Limits())
    parser.complete(data)
    return parser


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "_REMEMBERED", 100)
    monkeypatch.setattr(head_module, "_names", head_module._Names())
    monkeypatch.setattr(head_module, "_good_hosts", set())
    parser = HeadParser(Limits())
    for number in range(250):
        parser.complete(b"GET /%d HTTP/1.1\r\nHost: h%d\r\nX%d: y\r\n\r\n" % (number, number, number))
        assert parser.line[2] == f"/{number}"
        assert parser.headers[f"x{number}"] == "y"
    assert max(len(head_module._names), len(head_module._good_hosts)) <= 100


def test_a_remembered_block_belongs_to_its_version() -> None:
    parser = HeadParser(Limits())
    for version, persists in ((b"1.1", True), (b"1.1", True), (b"1.0", False)):
        parser.complete(b"GET / HTTP/" + version + b"\r\nHost: a\r\n\r\n")
        assert parser.keep_alive == persists


def test_small_pieces() -> None:
    headers = MutableHeaders({"vary": "a"})
    add_vary(headers, "A")
    add_vary(headers, "b")
    assert headers.getall("vary") == ("a", "b")
    assert list(headers) == ["vary"]
    headers["vary"] = "*"
    add_vary(headers, "c")
    assert headers["vary"] == "*"
    assert parse_query("a=1&a=2&a=3") == {"a": ["1", "2", "3"]}


class Intake:
    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def take_buffered(self) -> bytes:
        return b""

    def give_back(self, rest: bytes) -> None:
        self.rest = rest

    async def receive_body(self) -> bytes:
        return self.pieces.pop(0)

    async def invite_body(self) -> None:
        self.pieces.insert(0, b"ab")


@trio_test
async def test_discarding_a_body() -> None:
    assert not await BodyReader(Intake(), 5, expects=True).discard(10)
    assert not await BodyReader(Intake(), 50, expects=False).discard(10)
    assert not await BodyReader(Intake(b"a\r\n0123456789"), -1, expects=False).discard(5)
    assert not await BodyReader(Intake(b"x\r\n"), -1, expects=False).discard(5)
    assert await BodyReader(Intake(b"1\r\na\r\n0\r\n\r\n"), -1, expects=False).discard(5)
    assert await BodyReader(Intake(), 2, expects=True).read(5) == b"ab"


@trio_test
async def test_a_body_that_is_not_worth_waiting_for(autojump_clock: MockClock) -> None:
    async with Client(hello, config=Config(limits=Limits(body_timeout=5))) as client:
        stream = client.connect()
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nx")
        started = trio.current_time()
        assert (await everything(stream)).endswith(b"hello")
        assert trio.current_time() - started < 7


@trio_test
async def test_a_cancelled_request_with_a_large_answer(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        assert req.scope is not None
        if req.path == "/deadline":
            req.scope.deadline = trio.current_time() + 100
            return
        req.scope.cancel()
        res.bytes(b"x" * 100_000)

    async with Client(dispatch) as client:
        assert len((await client.get("/")).body) == 100_000
        assert (await client.get("/deadline")).json()["code"] == "no_response"


@trio_test
async def test_a_fault_of_ours_stays_in_its_connection(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(ScriptedTransport):
        async def receive(self, size: int) -> bytes:
            raise ZeroDivisionError

    transport: Any = Faulty([])
    await Connection(Server(hello), transport).run()
    assert transport.closed
    assert "ZeroDivisionError" in caplog.text


@trio_test
async def test_a_connection_that_starts_into_a_drain(autojump_clock: MockClock) -> None:
    server, transport = Server(hello), ScriptedTransport([GET])
    server.draining = True
    scripted: Any = transport
    connection = Connection(server, scripted)
    connection.disconnect()
    await connection.run()
    assert b"connection: close" in transport.written, "whoever has connected is served once"
    async with Client(hello) as client:
        silent, late = client.connect(), client.connect()
        client.server.drain()
        await trio.sleep(0.9)
        await late.send_all(GET * 2)
        assert (await everything(late)).count(b"200 OK") == 1
        assert await everything(silent) == b""
        assert trio.current_time() == pytest.approx(1.1, abs=0.1)


@trio_test
async def test_a_refused_client_that_is_gone_or_never_stops(autojump_clock: MockClock) -> None:
    async with Client(hello) as client:
        gone = client.connect()
        await gone.send_all(b"nonsense\r\n\r\n")
        gone.close()
        await wait_all_tasks_blocked()
        flood = client.connect(capacity=100_000)
        await flood.send_all(b"nonsense\r\n\r\n")
        with pytest.raises(trio.BrokenResourceError):
            while True:
                await flood.send_all(b"x" * 100_000)
        await trio.sleep(2)
        assert client.server.statistics().connections == 0


class Awkward(ScriptedTransport):
    """Writes as its plan says: an error, or how many bytes fit."""

    def __init__(self, pieces: list[bytes], plan: list[Any]) -> None:
        super().__init__(pieces)
        self.plan = plan

    def send_nowait(self, data: bytes) -> int:
        step = self.plan.pop(0) if self.plan else len(data)
        if isinstance(step, Exception):
            raise step
        self.written += data[:step]
        return step

    async def send_rest(self, data: memoryview) -> None:
        if self.plan:
            raise self.plan.pop(0)
        self.written += data


@pytest.mark.parametrize(
    ("plan", "complete"),
    [
        ([], True),
        ([BlockingIOError()], True),
        ([3], True),
        ([ConnectionResetError()], False),
        ([3, ConnectionResetError()], False),
        ([3, trio.BrokenResourceError()], False),
    ],
)
@pytest.mark.parametrize("size", [5, 100_000])
@pytest.mark.parametrize("explicit", [False, True])
def test_awkward_writes(plan: list[Any], complete: bool, size: int, explicit: bool) -> None:
    errors: list[Exception] = []

    async def dispatch(req: Request, res: Response) -> None:
        res.bytes(b"x" * size)
        if explicit:
            try:
                await res.send()
            except ClientGone as error:
                errors.append(error)
                raise

    async def main() -> None:
        transport: Any = Awkward([GET], list(plan))
        await Connection(Server(dispatch), transport).run()
        assert transport.written.endswith(b"x" * size) == complete
        assert bool(errors) == (explicit and not complete)

    trio.run(main)


class Wrapped:
    """A socket that reports readiness once too often."""

    def __init__(self, sock: socket.socket, error: OSError) -> None:
        self._sock = sock
        self._error: OSError | None = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def fileno(self) -> int:
        return self._sock.fileno()

    def recv(self, size: int) -> bytes:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._sock.recv(size)


async def with_socket(test: Callable[[socket.socket, Any], Any], error: OSError | None = None) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        await test(theirs, ours if error is None else Wrapped(ours, error))


@trio_test
async def test_spurious_readiness() -> None:
    async def connection(theirs: socket.socket, ours: Any) -> None:
        theirs.send(GET.replace(b"Host", b"Connection: close\r\nHost"))
        theirs.shutdown(socket.SHUT_WR)
        await Connection(Server(hello), SocketTransport(ours)).run()
        assert theirs.recv(1000).endswith(b"hello")

    await with_socket(connection, BlockingIOError())

    async def transport(theirs: socket.socket, ours: Any) -> None:
        theirs.send(b"abc")
        assert await SocketTransport(ours).receive(10) == b"abc"

    await with_socket(transport, BlockingIOError())

    async def reset(theirs: socket.socket, ours: Any) -> None:
        theirs.send(b"abc")
        assert await SocketTransport(ours).receive(10) == b""

    await with_socket(reset, ConnectionResetError())


@trio_test
async def test_a_socket_that_is_interrupted_and_closed() -> None:
    async def test(theirs: socket.socket, ours: socket.socket) -> None:
        transport = SocketTransport(ours)
        assert not transport.peer_gone()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def receive() -> None:
                with pytest.raises(gnomon_ingress._transport.Interrupted):
                    await transport.receive(10)

            await wait_all_tasks_blocked()
            transport.interrupt()
        large = memoryview(bytes(5_000_000))
        received = 0

        async def drain() -> None:
            nonlocal received
            while received < len(large):
                await trio.lowlevel.wait_readable(theirs)
                received += len(theirs.recv(1_000_000))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain)
            await transport.send_rest(large)
        assert transport.sent == received == len(large)
        theirs.close()
        await transport.send_eof()
        ours.close()
        await transport.send_eof()

    await with_socket(test)


@trio_test
async def test_memory_streams(autojump_clock: MockClock) -> None:
    near, far = memory_pair(capacity=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.send_all, b"abc")
        await trio.sleep(1)
        async with trio.open_nursery() as inner:
            inner.start_soon(near.wait_send_all_might_not_block)
            await trio.sleep(1)
            assert await far.receive_some(2) == b"ab"
        assert await far.receive_some() == b"c"
    await near.wait_send_all_might_not_block()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def waiting() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await near.receive_some()

        await wait_all_tasks_blocked()
        await near.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await near.send_all(b"x")
    with pytest.raises(trio.BrokenResourceError):
        await far.send_all(b"x")
    assert await far.receive_some() == b""
    assert far.peer_gone()


@trio_test
async def test_other_streams(autojump_clock: MockClock) -> None:
    class Plain(trio.abc.Stream):
        async def send_all(self, data: Any) -> None:
            raise trio.BrokenResourceError

        async def wait_send_all_might_not_block(self) -> None:
            raise NotImplementedError

        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            raise trio.BrokenResourceError

        async def aclose(self) -> None:
            raise NotImplementedError

    StreamTransport(Plain()).interrupt()
    transport = StreamTransport(Plain())
    assert await transport.receive(10) == b""
    assert not transport.peer_gone()
    assert transport.fileno() == -1
    transport.interrupt()
    await transport.send_eof()
    transport.close()
    near, far = memory_pair()
    transport = StreamTransport(near)
    near.close()
    await transport.send_eof()
    assert await transport.receive(10) == b""
    assert far.peer_gone()


@trio_test
async def test_the_client_of_tests(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/cut":
            req.abort("disconnect")
            await trio.lowlevel.checkpoint()
        if req.path == "/read":
            await req.read()
        res.json([req.method, req.target, req.headers.get("x"), req.body_limit])

    async with Client(dispatch, base_headers={"X": "base"}) as client:
        assert (await client.put("/")).json()[0] == "PUT"
        assert (await client.patch("/", params={"a": 1})).json()[1] == "/?a=1"
        assert (await client.delete("/?b=2", params={"a": 1})).json()[1] == "/?b=2&a=1"
        assert (await client.get("/", headers={"X": "own"})).json()[2] == "own"
        assert (await client.post("/", json={"a": 1}, headers={"content-type": "text/x"})).json()[2] == "base"
        answer = await client.post("/read", body=b"x", headers={"expect": "100-continue"})
        assert answer.status == 200
        with pytest.raises(trio.BrokenResourceError):
            await client.get("/cut")
        chunked = {"transfer-encoding": "chunked"}
        assert (await client.post("/read", body=b"1\r\nx\r\n0\r\n\r\n", headers=chunked)).status == 200
        stream = client.connect()
        await stream.send_all(
            b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 100")


@trio_test
async def test_interim_responses_pass_by(autojump_clock: MockClock) -> None:
    for cut in range(1, 40):
        near, far = memory_pair()
        reader = _Reader(near)
        data = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\nhi"
        await far.send_all(data[:cut])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.head, "GET")
            await trio.sleep(1)
            await far.send_all(data[cut:])
        far.close()
        assert (reader.status, reader.pairs) == (200, [(b"A", b"b")])
        while not reader.done:
            await reader.more()
        assert b"".join(reader.pieces) == b"hi"


def test_a_coding_that_llhttp_let_pass() -> None:
    parser = head()
    with pytest.raises(head_module.Refusal, match="400"):
        parser._frame({"transfer-encoding": b"gzip"})


def test_a_refused_status_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="answer through the response"):
        HttpError(204, "x")


@trio_test
async def test_what_a_validator_encoded_is_sent(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.json([1])
        res.set_encoded(b"[1.0]")

    async with Client(dispatch) as client:
        assert (await client.get("/")).text == "[1.0]"
