"""Bodies that somebody gives piece by piece, and bodies that somebody looks at while they are streamed."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable

from ._request import BodySource, body_too_large


class Given:
    """A body out of an async iterable, as a source."""

    def __init__(self, pieces: AsyncIterable[bytes]) -> None:
        self._pieces = pieces

    async def read(self, limit: int) -> bytes:
        return b"".join([piece async for piece in self.stream(limit)])

    def stream(self, limit: int) -> AsyncIterator[bytes]:
        return _Limited(aiter(self._pieces), limit)


class _Limited:
    def __init__(self, pieces: AsyncIterator[bytes], limit: int) -> None:
        self._pieces = pieces
        self._limit = limit
        self._size = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces)
        self._size += len(piece)
        if self._size > self._limit:
            raise body_too_large(self._limit)
        return piece


class Watched:
    """A source whose pieces are shown to somebody as they are taken from a stream; read whole, it shows none."""

    def __init__(self, source: BodySource, fn: Callable[[bytes], object]) -> None:
        self._source = source
        self._fn = fn

    async def read(self, limit: int) -> bytes:
        return await self._source.read(limit)

    def stream(self, limit: int) -> AsyncIterator[bytes]:
        return _Shown(self._source.stream(limit), self._fn)


class _Shown:
    def __init__(self, pieces: AsyncIterator[bytes], fn: Callable[[bytes], object]) -> None:
        self._pieces = pieces
        self._fn = fn

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._fn(b"")
            raise
        self._fn(piece)
        return piece
