"""What several test modules need: a scripted transport and an echo."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gnomon_ingress import Request, Response, Server
from gnomon_ingress._connection import Connection
from gnomon_ingress.testing import MemoryStream


class ScriptedTransport:
    """Hands out its pieces one receive at a time, and keeps what is written."""

    sock = None

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = list(pieces)
        self.written = bytearray()
        self.sent = 0
        self.ended = self.closed = False

    async def receive(self, size: int) -> bytes:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
            piece = piece[:size]
        return piece

    def send_nowait(self, data: bytes) -> int:
        self.written += data
        return len(data)

    async def send_rest(self, data: memoryview) -> None:
        raise AssertionError("everything fits")

    def interrupt(self) -> None:
        raise AssertionError("no deadline here")

    async def send_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def fileno(self) -> int:
        return -1

    def peer_gone(self) -> bool:
        return False


async def everything(stream: MemoryStream) -> bytes:
    data = b""
    while piece := await stream.receive_some():
        data += piece
    return re.sub(rb"date: [^\r]*\r\n", b"", data)


def head(target: bytes = b"/", *lines: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", b"Host: a", *lines, b"", b""])


async def hello(req: Request, res: Response) -> None:
    res.text("hello")


async def echo(req: Request, res: Response) -> None:
    body = await req.read()
    res.text(f"{req.method} {req.path}?{req.query_string} {body!r}")


async def answers(server: Server, pieces: Iterable[bytes]) -> bytes:
    transport: Any = ScriptedTransport(pieces)
    await Connection(server, transport).run()
    assert transport.closed
    return re.sub(rb"date: [^\r]*\r\n", b"", bytes(transport.written))


def without_interim(written: bytes) -> bytes:
    # Whether the client is invited depends on whether its body is there already.
    return written.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
