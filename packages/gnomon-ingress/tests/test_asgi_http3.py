"""The same dispatch over HTTP/3: a real server that speaks it, and a real client, both over QUIC."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import hypercorn.config
import hypercorn.trio
import pytest
import trio
import trustme
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated
from trio.testing import trio_test

from gnomon_ingress import Event, HttpError, Request, Response, asgi


async def dispatch(req: Request, res: Response) -> None:
    async def numbers() -> AsyncIterator[Event]:
        for number in range(3):
            yield Event(data=number)
            await trio.sleep(0.01)

    if req.method == "POST":
        res.json([len(await req.read()), req.headers["content-type"]])
    elif req.path == "/events":
        res.events(numbers())
    elif req.path == "/large":
        res.bytes(b"x" * 1_000_000)
    elif req.path == "/große":
        assert req.client is not None
        res.cookie("a", "b").json([req.method, req.scheme, req.client.host, req.headers["host"], req.query])
    else:
        raise HttpError(404, "nothing_here", headers={"x-why": "because"})


class Answer:
    """What came on one stream."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.content: bytes = b""
        self.complete: trio.Event = trio.Event()


class Client:
    """aioquic's client on trio: it makes datagrams and takes them, and we carry them."""

    def __init__(self, address: tuple[str, int], trusted: Path) -> None:
        configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name="localhost")
        configuration.load_verify_locations(str(trusted))
        self._quic = QuicConnection(configuration=configuration)
        self._address = address
        self._http: H3Connection | None = None
        self._answers: dict[int, Answer] = {}
        self._sock = trio.socket.socket(type=socket.SOCK_DGRAM)

    async def run(self) -> None:
        """Connect, and carry datagrams until cancelled."""
        with self._sock:
            await self._sock.bind(("127.0.0.1", 0))
            self._quic.connect(self._address, now=trio.current_time())
            self._http = H3Connection(self._quic)
            while True:
                await self._send()
                with trio.move_on_at(self._quic.get_timer() or trio.current_time() + 1):
                    data, address = await self._sock.recvfrom(65536)
                    self._quic.receive_datagram(data, address, now=trio.current_time())
                if (self._quic.get_timer() or trio.current_time() + 1) <= trio.current_time():
                    self._quic.handle_timer(now=trio.current_time())
                while (event := self._quic.next_event()) is not None:
                    assert not isinstance(event, ConnectionTerminated), event
                    for message in self._http.handle_event(event):
                        self._take(message)

    async def _send(self) -> None:
        for data, address in self._quic.datagrams_to_send(now=trio.current_time()):
            await self._sock.sendto(data, address)

    def _take(self, message: object) -> None:
        assert isinstance(message, (HeadersReceived, DataReceived))
        answer = self._answers[message.stream_id]
        if isinstance(message, HeadersReceived):
            answer.headers |= {name.decode(): value.decode() for name, value in message.headers}
        else:
            answer.content += message.data
        if message.stream_ended:
            answer.complete.set()

    async def ask(self, method: str, path: str, *, body: bytes = b"") -> Answer:
        while self._http is None:
            await trio.sleep(0.01)
        stream = self._quic.get_next_available_stream_id()
        answer = self._answers[stream] = Answer()
        fields = {":method": method, ":scheme": "https", ":authority": "localhost", ":path": path}
        if body:
            fields["content-type"] = "application/octet-stream"
        encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
        self._http.send_headers(stream, encoded, end_stream=not body)
        if body:
            self._http.send_data(stream, body, end_stream=True)
        await self._send()
        with trio.fail_after(60):
            await answer.complete.wait()
        return answer


class Config(hypercorn.config.Config):
    """One that keeps the socket: the system chooses its port, and nobody else closes it."""

    quic_socket: socket.socket

    def create_sockets(self) -> hypercorn.config.Sockets:
        sockets = super().create_sockets()
        [self.quic_socket] = sockets.quic_sockets
        return sockets


@pytest.fixture
def files(tmp_path: Path) -> Path:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return tmp_path


@trio_test
async def test_http3(files: Path) -> None:
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.quic_bind = ["127.0.0.1:0"]
    config.certfile, config.keyfile = str(files / "cert.pem"), str(files / "key.pem")
    config.accesslog = config.errorlog = None
    application = asgi(dispatch)
    async with trio.open_nursery() as nursery:
        await nursery.start(
            lambda task_status: hypercorn.trio.serve(application, config, task_status=task_status)  # type: ignore[arg-type]
        )
        client = Client(config.quic_socket.getsockname(), files / "authority.pem")
        nursery.start_soon(client.run)

        answer = await client.ask("GET", "/gro%C3%9Fe?a=1")
        assert answer.headers[":status"] == "200"
        assert json.loads(answer.content) == ["GET", "https", "127.0.0.1", "localhost", {"a": "1"}]
        assert answer.headers["set-cookie"].startswith("a=b")
        answer = await client.ask("POST", "/", body=b"x" * 150_000)
        assert json.loads(answer.content) == [150_000, "application/octet-stream"]
        answer = await client.ask("GET", "/large")
        assert (answer.headers["content-length"], len(answer.content)) == ("1000000", 1_000_000)
        assert (await client.ask("GET", "/events")).content == b"".join(b"data: %d\n\n" % n for n in range(3))
        answer = await client.ask("GET", "/nothing")
        assert (answer.headers[":status"], answer.headers["x-why"]) == ("404", "because")

        # Streams of one connection are served side by side.
        answers: list[Answer] = []

        async def ask() -> None:
            answers.append(await client.ask("GET", "/events"))

        async with trio.open_nursery() as many:
            for _ in range(20):
                many.start_soon(ask)
        assert {answer.headers[":status"] for answer in answers} == {"200"}
        nursery.cancel_scope.cancel()
    config.quic_socket.close()
