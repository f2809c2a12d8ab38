"""What goes wrong over TLS goes wrong for one connection, and is told as it would be in the clear."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
import trustme
from trio.testing import trio_test

from gnomon_ingress import Config, ConnectionEvent, Limits, Request, Response, Server, open_tcp_listeners

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class Served:
    """A server over TLS, what it reported, and clients of it."""

    def __init__(
        self, authority: trustme.CA, dispatch: Callable[[Request, Response], Awaitable[None]], limits: Limits
    ) -> None:
        self.events: list[ConnectionEvent] = []
        self.opened: list[trio.SocketStream] = []
        self.server = Server(
            dispatch, config=Config(limits=limits, on_event=self.events.append, drain_grace=0.2)
        )
        self.ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(self.ours)
        self.theirs = ssl.create_default_context()
        authority.configure_trust(self.theirs)

    async def __aenter__(self) -> Served:
        self._manager = trio.open_nursery()
        self.nursery = await self._manager.__aenter__()
        listeners = open_tcp_listeners("127.0.0.1", 0)
        self.port: int = listeners[0].getsockname()[1]
        await self.nursery.start(
            lambda task_status: self.server.serve(listeners, tls=self.ours, task_status=task_status)
        )
        return self

    async def __aexit__(self, *exception: object) -> bool | None:
        for stream in self.opened:
            stream.socket.close()
        self.server.drain()
        return await self._manager.__aexit__(*exception)  # type: ignore[arg-type]

    async def raw(self) -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        self.opened.append(stream)
        return stream

    async def connect(self) -> trio.SSLStream[trio.SocketStream]:
        stream = trio.SSLStream(
            await self.raw(), self.theirs, server_hostname="127.0.0.1", https_compatible=True
        )
        await stream.do_handshake()
        return stream

    async def is_well(self) -> None:
        """The others are served, and nothing is left of this one."""
        stream = await self.connect()
        await stream.send_all(GET)
        assert b"200 OK" in bytes(await stream.receive_some())
        await stream.transport_stream.aclose()
        with trio.fail_after(60):
            while self.server.statistics().connections:
                await trio.sleep(0.01)
        assert [event for event in self.events if event.kind == "crashed"] == []


async def echo_size(req: Request, res: Response) -> None:
    res.json(len(await req.read()))


@trio_test
async def test_what_is_no_tls(authority: trustme.CA) -> None:
    async with Served(authority, echo_size, Limits()) as served:
        for data in (
            GET,
            b"",
            b"\x16\x03\x01\x00\x05",
            os.urandom(3000),
            b"\x16\x03\x01\xff\xff" + b"\0" * 70_000,
        ):
            stream = await served.raw()
            await stream.send_all(data)
            with trio.fail_after(60):
                try:
                    await stream.send_eof()
                    while await stream.receive_some():
                        pass
                except trio.BrokenResourceError:
                    pass
            await stream.aclose()
        # The handshake, and then garbage in place of records.
        tls = await served.connect()
        await tls.send_all(GET)
        assert b"200 OK" in bytes(await tls.receive_some())
        await tls.transport_stream.send_all(os.urandom(500))
        with trio.fail_after(60):
            try:
                while await tls.transport_stream.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass
        await tls.transport_stream.aclose()
        await served.is_well()


@pytest.mark.parametrize("how", ["goodbye", "fin", "rst"])
def test_a_client_that_leaves_in_the_middle(how: str, authority: trustme.CA) -> None:
    @trio_test
    async def test() -> None:
        ended: list[str | None] = []

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 100_000

        async def dispatch(req: Request, res: Response) -> None:
            try:
                if req.method == "POST":
                    await req.read()
                elif req.path == "/endless":
                    res.stream(endless())
                    await res.send()
            except BaseException:
                ended.append(req.abort_reason)
                raise
            res.text("ok")

        async with Served(authority, dispatch, Limits(send_timeout=1)) as served:
            for data in (POST + b"x" * 1000, GET.replace(b"/ ", b"/endless ")):
                stream = await served.connect()
                await stream.send_all(data)
                await trio.sleep(0.1)
                if how == "goodbye":
                    await stream.aclose()
                elif how == "fin":
                    await stream.transport_stream.aclose()
                else:
                    sock = stream.transport_stream.socket
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.close()
            with trio.fail_after(60):
                while len(ended) < 2:
                    await trio.sleep(0.01)
            await served.is_well()
        assert ended[0] == "disconnect"

    test()


@trio_test
async def test_requests_in_pieces_and_in_a_row(authority: trustme.CA) -> None:
    async with Served(authority, echo_size, Limits()) as served:
        stream = await served.connect()
        await stream.send_all(GET * 5 + POST)
        for start in range(0, 100_000, 7_000):
            await stream.send_all(b"x" * min(7_000, 100_000 - start))
        await stream.send_all(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        data = b""
        while piece := bytes(await stream.receive_some()):
            data += piece
        assert data.count(b"200 OK") == 7
        assert b"\r\n\r\n100000HTTP" in data
        await served.is_well()


@trio_test
async def test_deadlines_and_readers_that_do_not_read(authority: trustme.CA) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.bytes(b"x" * (50_000_000 if req.path == "/large" else 2))

    limits = Limits(head_timeout=0.3, idle_timeout=0.3, send_timeout=0.3)
    async with Served(authority, dispatch, limits) as served:
        idle, slow, deaf = [await served.connect() for _ in range(3)]
        await slow.send_all(b"GET / HT")
        await deaf.send_all(GET.replace(b"/ ", b"/large "))
        with trio.fail_after(60):
            assert bytes(await slow.receive_some()).startswith(b"HTTP/1.1 408")
            assert bytes(await idle.receive_some()) == b""
            while not {"idle", "head", "send"} <= {event.code for event in served.events}:
                await trio.sleep(0.01)
        for stream in (idle, slow, deaf):
            await stream.transport_stream.aclose()
        await served.is_well()
