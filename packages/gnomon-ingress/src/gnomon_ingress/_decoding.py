"""Content codings of request bodies: refused, or undone within a limit (RFC 9110, section 8.4)."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from ._errors import HttpError
from ._request import BodySource, body_too_large

_PIECE = 64 * 1024
#: The codings that can be undone piece by piece under a limit, with the window bits zlib knows them by.
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def decoded(source: BodySource, coding: str, *, allowed: bool) -> BodySource:
    """Return what gives the body of a request as its sender saw it.

    Args:
        source: The bytes on the wire.
        coding: The ``Content-Encoding`` field.
        allowed: Whether bodies are decompressed at all.
    """
    name = coding.strip().lower()
    if name == "identity":
        return source
    if not allowed or name not in _WINDOWS:
        return _Refused("gzip, deflate" if allowed else "identity")
    return _Decompressed(source, _WINDOWS[name])


class _Refused:
    """A body in a coding nobody undoes here; the refusal comes when somebody asks for it."""

    def __init__(self, accepted: str) -> None:
        self._accepted = accepted

    async def read(self, limit: int) -> bytes:  # noqa: ARG002 — its protocol has it
        raise self._refusal()

    def stream(self, limit: int) -> AsyncIterator[bytes]:  # noqa: ARG002 — its protocol has it
        raise self._refusal()

    def _refusal(self) -> HttpError:
        return HttpError(
            415,
            "unsupported_content_encoding",
            f"The codings of a body that are known here: {self._accepted}.",
            headers={"accept-encoding": self._accepted},
        )


class _Decompressed:
    """A body that is decompressed while it is read; the limit holds for both of its sizes."""

    def __init__(self, source: BodySource, window: int) -> None:
        self._source = source
        self._window = window

    async def read(self, limit: int) -> bytes:
        return b"".join([piece async for piece in self.stream(limit)])

    def stream(self, limit: int) -> AsyncIterator[bytes]:
        return _Inflating(self._source.stream(limit), self._window, limit)


class _Inflating:
    def __init__(self, pieces: AsyncIterator[bytes], window: int, limit: int) -> None:
        self._pieces = pieces
        self._inflate = zlib.decompressobj(window)
        self._limit = limit
        self._taken = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        inflate = self._inflate
        while not inflate.eof:
            data = inflate.unconsumed_tail or await anext(self._pieces, b"")
            if not data:
                raise _broken("it is cut short")
            try:
                # No more than is looked at, so that a bomb stays small.
                piece = inflate.decompress(data, _PIECE)
            except zlib.error:
                raise _broken("it is not in the coding it names") from None
            self._taken += len(piece)
            if self._taken > self._limit:
                raise body_too_large(self._limit)
            if piece:
                return piece
        if inflate.unused_data or await anext(self._pieces, b""):
            raise _broken("bytes follow its end")
        raise StopAsyncIteration


def _broken(what: str) -> HttpError:
    return HttpError(400, "malformed_encoding", f"The compressed body is broken: {what}.")
