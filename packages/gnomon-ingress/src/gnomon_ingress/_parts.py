"""The parts of a multipart form, one after the other, as fast as they are taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import trio

from ._errors import HttpError, RequestState
from ._multipart import BLOCK, MultipartFeed, PartHead


class Part:
    """One part of a multipart form that is still arriving: a field, or a file if it has a ``filename``.

    Its content is taken once, before the next part is asked for; what is not taken is dropped.
    """

    __slots__ = ("_parts", "_taken", "filename", "headers", "media_type", "name")

    def __init__(self, head: PartHead, parts: Parts) -> None:
        self.name: str = head.name
        #: What the client says; it must not be used as a path. ``None`` for a field.
        self.filename: str | None = head.filename
        #: In lower case and without parameters; ``text/plain`` for a field that names none, else bytes.
        self.media_type: str = head.media_type
        #: The header fields of the part, by name in lower case.
        self.headers: Mapping[str, str] = head.headers
        self._parts = parts
        self._taken = False

    async def read(self, *, limit: int = BLOCK) -> bytes:
        """Return the whole content.

        Args:
            limit: The most bytes there may be.

        Raises:
            HttpError: 413 for more than ``limit`` bytes, and as ``req.parts`` does.
            RequestState: It was taken before, or the next part was asked for.
        """
        pieces: list[bytes] = []
        left = limit
        async for piece in self.stream():
            left -= len(piece)
            if left < 0:
                raise _too_large(self.name, limit)
            pieces.append(piece)
        return b"".join(pieces)

    def stream(self) -> AsyncIterator[bytes]:
        """Return an iterator over the content in pieces of at most 64 KiB.

        Raises:
            HttpError: As ``req.parts`` does, from the iterator.
            RequestState: As ``read`` does.
        """
        if self._taken:
            raise RequestState(
                f"the content of part {self.name!r} was taken already: keep what read() returns"
            )
        self._taken = True
        return _Content(self, self._parts)

    def __repr__(self) -> str:
        return f"<Part {self.name!r}>"


class _Content:
    def __init__(self, part: Part, parts: Parts) -> None:
        self._part = part
        self._parts = parts
        self._size = 0
        self._over = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._over:
            raise StopAsyncIteration
        piece = await self._parts.take(self._part)
        if piece is None:
            self._over = True
            raise StopAsyncIteration
        self._size += len(piece)
        limit = self._parts.part_size
        if limit is not None and self._size > limit:
            raise _too_large(self._part.name, limit)
        return piece


# Classes and not async generators: these may be left half-way without leaving anything to clean up, and a part that is being
# read when its task is cancelled loses nothing that was not handed out.
class Parts:
    """Reads a multipart body block by block.

    Args:
        pieces: The body.
        feed: Its grammar.
        part_size: The most bytes of one part that are handed out.
    """

    def __init__(self, pieces: AsyncIterator[bytes], feed: MultipartFeed, *, part_size: int | None) -> None:
        self.part_size: int | None = part_size
        self._pieces = pieces
        self._feed = feed
        self._events: Iterator[PartHead | bytes | None] = iter(())
        self._pending = bytearray()
        self._body_over = False
        self._over = False
        self._busy = False
        self._current: Part | None = None

    def __aiter__(self) -> AsyncIterator[Part]:
        return self

    async def __anext__(self) -> Part:
        self._current = None
        while not self._over:
            event = await self._next()
            if isinstance(event, PartHead):
                self._current = part = Part(event, self)
                return part
        raise StopAsyncIteration

    async def take(self, part: Part) -> bytes | None:
        """Return the next piece of the part that is arriving, ``None`` at its end."""
        if part is not self._current:
            raise RequestState(
                f"part {part.name!r} is over: take its content before the next part is asked for"
            )
        event = await self._next()
        assert not isinstance(event, PartHead)
        return event

    async def _next(self) -> PartHead | bytes | None:
        if self._busy:
            raise trio.BusyResourceError("another task is reading this form")
        self._busy = True
        try:
            while not self._over:
                for event in self._events:
                    return event
                block = await self._next_block()
                if block:
                    self._events = self._feed.feed(block)
                else:
                    self._feed.close()
                    self._over = True
            return None
        finally:
            self._busy = False

    async def _next_block(self) -> bytes:
        pending = self._pending
        while len(pending) < BLOCK and not self._body_over:
            piece = await anext(self._pieces, b"")
            pending += piece
            self._body_over = not piece
        block = bytes(pending[:BLOCK])
        del pending[:BLOCK]
        return block


def _too_large(name: str, limit: int) -> HttpError:
    return HttpError(413, "part_too_large", f"The part {name!r} is larger than {limit} bytes.")
