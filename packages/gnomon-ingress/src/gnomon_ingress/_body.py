"""The body of a request while it is still on its way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from ._chunked import ChunkedDecoder
from ._errors import HttpError
from ._request import body_too_large


class Decoder(Protocol):
    """Cuts one body out of the bytes of a connection."""

    done: bool
    rest: bytes

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the connection, return bytes of the body."""
        ...


class LengthDecoder:
    """A body of a known length (RFC 9112, section 6.2)."""

    __slots__ = ("done", "left", "rest")

    def __init__(self, length: int) -> None:
        self.left = length
        self.done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        piece = data[: self.left]
        self.left -= len(piece)
        if not self.left:
            self.done = True
            self.rest = data[len(piece) :]
        return piece


class Intake(Protocol):
    """What a body needs of its connection."""

    def take_buffered(self) -> bytes:
        """Return the bytes that are here already, at most once."""
        ...

    def give_back(self, rest: bytes) -> None:
        """Return what belongs to the next message."""
        ...

    async def receive_body(self) -> bytes:
        """Wait for more bytes; raises what ``Request.read`` raises."""
        ...

    async def invite_body(self) -> None:
        """Send ``100 Continue``."""
        ...


class BodyReader:
    """Reads one body, whole or in pieces, within a limit.

    Args:
        intake: The connection.
        length: Bytes to come, -1 for chunked.
        expects: Whether the client waits for ``100 Continue``.
    """

    __slots__ = ("_expects", "_intake", "decoder", "length", "taken")

    def __init__(self, intake: Intake, length: int, *, expects: bool) -> None:
        self._intake = intake
        self._expects = expects
        self.length = length
        self.decoder: Decoder = ChunkedDecoder() if length < 0 else LengthDecoder(length)
        #: Bytes of the body so far.
        self.taken = 0

    @property
    def waits_for_invitation(self) -> bool:
        """Whether the client may still keep the body to itself."""
        return self._expects

    async def read(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            HttpError: 413 for more than ``limit`` bytes; 408 and 400 from below.
        """
        pieces = [piece async for piece in self.stream(limit)]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def stream(self, limit: int) -> AsyncIterator[bytes]:
        """Return an iterator over the pieces; 413 comes before any of them if the length is known."""
        return _Pieces(self, limit)

    async def take(self, limit: int) -> bytes:
        """Return the next piece, none at the end.

        Raises:
            HttpError: 413 for more than ``limit`` bytes; 408 and 400 from below.
        """
        if self.length > limit:
            raise body_too_large(limit)
        while not self.decoder.done:
            piece = await self._next()
            if self.taken > limit:
                raise body_too_large(limit)
            if piece:
                return piece
        return b""

    async def discard(self, limit: int) -> bool:
        """Drop what was not read; return whether the connection stands at the next message."""
        if self._expects or (self.length > self.taken + limit):
            return False
        start = self.taken
        try:
            while not self.decoder.done:
                await self._next()
                if self.taken - start > limit:
                    return False
        except HttpError:
            return False
        return True

    async def _next(self) -> bytes:
        decoder, intake = self.decoder, self._intake
        data = intake.take_buffered()
        if not data:
            if self._expects:
                self._expects = False
                await intake.invite_body()
            data = await intake.receive_body()
        self._expects = False
        piece = decoder.feed(data)
        self.taken += len(piece)
        if decoder.done:
            intake.give_back(decoder.rest)
        return piece


# A class and not an async generator: one may be left half-way without leaving anything to clean up.
class _Pieces:
    def __init__(self, reader: BodyReader, limit: int) -> None:
        self._reader = reader
        self._limit = limit

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._reader.take(self._limit)
        if not piece:
            raise StopAsyncIteration
        return piece
