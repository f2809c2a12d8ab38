"""WebSockets with a client that we did not write, in the clear and over TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
import trio
import trustme
from websocket_support import Handler, handled
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from gnomon_ingress import (
    Request,
    WebSocket,
    serve,
)


async def serve_to(
    use: Callable[[str], None], handler: Handler, *, tls: ssl.SSLContext | None = None
) -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(lambda task_status: serve(
            handled(handler), "127.0.0.1", 0, tls=tls, task_status=task_status
        ))  # fmt: skip
        port = server.addresses[0][1]
        await trio.to_thread.run_sync(use, f"ws{'s' if tls else ''}://127.0.0.1:{port}/")
        server.drain()


async def commands(_req: Request, ws: WebSocket) -> None:
    async for message in ws:
        if message == "fail":
            raise RuntimeError("on purpose")
        if message == "leave":
            return
        await ws.send(message)


def test_a_client_we_did_not_write(caplog: pytest.LogCaptureFixture) -> None:
    def use(url: str) -> None:
        with connect(url, compression="deflate") as socket:
            assert socket.protocol.extensions == []
            for message in ("héllo", b"\0" * 300_000, "", "x" * 70_000):
                socket.send(message)
                assert socket.recv() == message
            socket.send(["in ", "three ", "pieces"])
            assert socket.recv() == "in three pieces"
            assert socket.ping(b"there?").wait(5)
            socket.close(1001, "off I go")
        for command, code in (("fail", 1011), ("leave", 1000)):
            with connect(url) as socket:
                socket.send(command)
                with pytest.raises(ConnectionClosed):
                    socket.recv()
                assert socket.close_code == code
        with connect(url, max_size=None) as socket:
            socket.send("y" * (1024 * 1024 + 1))
            with pytest.raises(ConnectionClosed):
                socket.recv()
            assert socket.close_code == 1009
        with pytest.raises(InvalidStatus, match="403"):
            connect(url, origin="https://evil.example")  # type: ignore[arg-type]

    trio.run(serve_to, use, commands)


def test_over_tls() -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)

    def use(url: str) -> None:
        with connect(url, ssl=client) as socket:
            for message in ("over TLS", b"z" * 500_000):
                socket.send(message)
                assert socket.recv() == message
        with connect(url, ssl=client) as socket:
            socket.send("here")
            assert socket.recv() == "here"
            socket.socket.close()

    trio.run(lambda: serve_to(use, commands, tls=server))
