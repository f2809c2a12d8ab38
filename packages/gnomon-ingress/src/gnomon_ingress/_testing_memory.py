"""An in-memory connection: two streams, and the bytes between them."""

from __future__ import annotations

import math

import trio


class _Pipe:
    """Bytes in one direction, up to a capacity."""

    def __init__(self, capacity: float) -> None:
        self.capacity: float = capacity
        self.data: bytearray = bytearray()
        self.ended: bool = False
        self.reset: bool = False
        self._changed = trio.lowlevel.ParkingLot()

    def changed(self) -> None:
        self._changed.unpark_all()

    async def wait(self) -> None:
        await self._changed.park()


class MemoryStream(trio.abc.HalfCloseableStream):
    """One end of an in-memory connection; ``send_all`` waits while the other end has too much unread."""

    def __init__(self, incoming: _Pipe, outgoing: _Pipe) -> None:
        self._in = incoming
        self._out = outgoing
        self._closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write bytes, waiting for the other end to make room."""
        await trio.lowlevel.checkpoint()
        out = self._out
        view = memoryview(data)
        while view:
            if self._closed:
                raise trio.ClosedResourceError("this end of the connection was closed")
            if out.reset:
                raise trio.BrokenResourceError("the other end closed the connection")
            room = out.capacity - len(out.data)
            if room > 0:
                piece = view if room >= len(view) else view[: int(room)]
                out.data += piece
                view = view[len(piece) :]
                out.changed()
            else:
                await out.wait()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        await trio.lowlevel.checkpoint()
        while len(self._out.data) >= self._out.capacity and not self._out.reset:
            await self._out.wait()

    async def send_eof(self) -> None:
        """End the outgoing direction, as a FIN does."""
        await trio.lowlevel.checkpoint()
        self._out.ended = True
        self._out.changed()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the bytes that are there, or wait for some; nothing at the end."""
        await trio.lowlevel.checkpoint()
        pipe = self._in
        while not pipe.data and not pipe.ended:
            if self._closed:
                raise trio.ClosedResourceError("this end of the connection was closed")
            await pipe.wait()
        count = len(pipe.data) if max_bytes is None else max_bytes
        data = bytes(pipe.data[:count])
        del pipe.data[:count]
        pipe.changed()
        return data

    def close(self) -> None:
        """Close both directions at once."""
        self._closed = True
        self._out.ended = True
        self._in.reset = True
        self._out.changed()
        self._in.changed()

    async def aclose(self) -> None:
        """Close both directions."""
        self.close()
        await trio.lowlevel.checkpoint()

    def peer_gone(self) -> bool:
        """Whether the other end has ended or closed the connection."""
        return self._in.ended


def memory_pair(*, capacity: float = math.inf) -> tuple[MemoryStream, MemoryStream]:
    """Return the two ends of a connection.

    Args:
        capacity: Bytes that may be unread in each direction before a sender waits.
    """
    there, back = _Pipe(capacity), _Pipe(capacity)
    return MemoryStream(back, there), MemoryStream(there, back)
