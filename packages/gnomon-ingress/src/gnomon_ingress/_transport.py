"""What a connection reads from and writes to: a socket at full speed, or any trio stream."""

from __future__ import annotations

import socket
from typing import Protocol

import trio

_PIECE = 256 * 1024


class Interrupted(Exception):
    """The watchdog ended a wait because its deadline passed or the server drains."""


class SendNowait(Protocol):
    """Writes what fits now and returns how many bytes that was; ``BlockingIOError`` if nothing does."""

    def __call__(self, data: bytes, /) -> int:
        """Write."""
        ...


class Transport(Protocol):
    """Bytes in and out; one task reads and writes, the watchdog interrupts."""

    sent: int

    async def receive(self, size: int) -> bytes:
        """Return up to ``size`` bytes, none at the end of the stream."""
        ...

    @property
    def sock(self) -> socket.socket | None:
        """The socket if it can be read without this object in between."""
        ...

    @property
    def send_nowait(self) -> SendNowait:
        """Writes what fits now and returns how many bytes that was; ``BlockingIOError`` if nothing does."""
        ...

    async def send_rest(self, data: memoryview) -> None:
        """Write everything, waiting as long as it takes."""
        ...

    def interrupt(self) -> None:
        """Make the wait under way raise ``Interrupted``."""
        ...

    async def send_eof(self) -> None:
        """Say that nothing more will be written."""
        ...

    def close(self) -> None:
        """Give the transport back, at once."""
        ...

    def fileno(self) -> int:
        """Return a descriptor that poll understands, or -1."""
        ...

    def peer_gone(self) -> bool:
        """Whether the peer has left, for a transport without a descriptor."""
        ...


class SocketTransport:
    """A connected non-blocking socket, used without a stream object in between."""

    __slots__ = ("_fd", "_sock", "send_nowait", "sent", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = self.sock = sock
        self.send_nowait: SendNowait = sock.send
        self._fd = sock.fileno()
        #: Bytes written by ``send_rest``, for the send deadline.
        self.sent = 0

    async def receive(self, size: int) -> bytes:
        sock = self._sock
        try:
            await trio.lowlevel.wait_readable(sock)
            while True:
                try:
                    return sock.recv(size)
                except BlockingIOError:
                    await trio.lowlevel.wait_readable(sock)
        except trio.ClosedResourceError:
            raise Interrupted from None
        except OSError:
            return b""

    async def send_rest(self, data: memoryview) -> None:
        sock = self._sock
        position = 0
        while position < len(data):
            try:
                written = sock.send(data[position : position + _PIECE])
            except BlockingIOError:
                await self._wait_writable()
                continue
            position += written
            self.sent += written
            if written == _PIECE:
                # A client that reads as fast as we write must not hold the loop.
                await trio.lowlevel.checkpoint()

    async def _wait_writable(self) -> None:
        try:
            await trio.lowlevel.wait_writable(self._sock)
        except trio.ClosedResourceError:
            raise Interrupted from None

    def interrupt(self) -> None:
        # It only wakes who waits on the socket, with ClosedResourceError: no cancel scope per wait is needed.
        trio.lowlevel.notify_closing(self._sock)

    async def send_eof(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()

    def fileno(self) -> int:
        return self._fd

    def peer_gone(self) -> bool:
        return False


class StreamTransport:
    """Any trio stream: TLS, an in-memory pair. Slower, because each wait needs a cancel scope.

    Args:
        stream: Where the bytes go.
        sock: The socket under the stream, so that poll can see a disconnect.
    """

    __slots__ = ("_receiving", "_sending", "_sock", "_stream", "ready", "sent")

    sock: socket.socket | None = None

    def __init__(self, stream: trio.abc.Stream, *, sock: socket.socket | None = None) -> None:
        self._stream = stream
        self._sock = sock
        # One for each direction: a WebSocket reads while it writes.
        self._receiving: trio.CancelScope | None = None
        self._sending: trio.CancelScope | None = None
        #: Whether the handshake is done.
        self.ready = False
        self.sent = 0

    async def handshake(self) -> None:
        """Shake hands, if the stream is one that does.

        Raises:
            Interrupted: The watchdog ended it.
            trio.BrokenResourceError: The other end speaks no TLS, or left.
        """
        assert isinstance(self._stream, trio.SSLStream)
        with trio.CancelScope() as self._receiving:
            await self._stream.do_handshake()
            self.ready = True
            return
        raise Interrupted

    async def receive(self, size: int) -> bytes:
        with trio.CancelScope() as self._receiving:
            try:
                return bytes(await self._stream.receive_some(size))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return b""
        raise Interrupted

    def send_nowait(self, data: bytes) -> int:  # noqa: ARG002 — nothing can be written without waiting
        return 0

    async def send_rest(self, data: memoryview) -> None:
        position = 0
        while position < len(data):
            with trio.CancelScope() as self._sending:
                piece = data[position : position + _PIECE]
                await self._stream.send_all(piece)
                position += len(piece)
                self.sent += len(piece)
            if self._sending.cancelled_caught:
                raise Interrupted

    def interrupt(self) -> None:
        for scope in (self._receiving, self._sending):
            if scope is not None:
                scope.cancel()

    async def send_eof(self) -> None:
        stream = self._stream
        try:
            if isinstance(stream, trio.SSLStream):
                # Without it a client cannot tell the end of the answer from an attacker's cut.
                await stream.unwrap()
            elif isinstance(stream, trio.abc.HalfCloseableStream):
                await stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            pass

    def close(self) -> None:
        closing = getattr(self._stream, "close", None)
        if self._sock is not None:
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()
        elif closing is not None:
            closing()

    def fileno(self) -> int:
        return -1 if self._sock is None else self._sock.fileno()

    def peer_gone(self) -> bool:
        gone = getattr(self._stream, "peer_gone", None)
        return bool(gone()) if gone is not None else False
