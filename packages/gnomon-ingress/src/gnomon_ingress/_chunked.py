"""The chunked transfer coding, decoded strictly and incrementally (RFC 9112, section 7.1)."""

from __future__ import annotations

import re

from ._errors import HttpError

# Extensions are parsed by nobody and smuggled through by everybody: they are held to their grammar and then dropped.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[ \t]*"
    + _TOKEN
    + rb"(?:[ \t]*=[ \t]*(?:"
    + _TOKEN
    + rb"|"
    + _QUOTED
    + rb"))?)*)"
)
_TRAILER = re.compile(_TOKEN + rb":[\t -~\x80-\xff]*")

MAX_LINE = 256
MAX_TRAILERS = 8 * 1024

_SIZE, _DATA, _DATA_END, _TRAILERS, _DONE = range(5)


class ChunkedDecoder:
    r"""Turns the bytes of a chunked body into the body.

    ``feed`` returns what became available; when ``done``, ``rest`` holds the bytes that belong to the next message.
    Trailers are checked against their grammar and dropped.

    >>> decoder = ChunkedDecoder()
    >>> decoder.feed(b"5\r\nhello\r\n0\r\n\r\nGET")
    b'hello'
    >>> decoder.done, decoder.rest
    (True, b'GET')
    """

    __slots__ = ("_buffer", "_left", "_state", "_trailers", "done", "rest")

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0
        self._state = _SIZE
        self._trailers = 0
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the network, return bytes of the body.

        Raises:
            HttpError: 400, the coding is broken; the connection cannot go on.
        """
        buffer = self._buffer + data
        self._buffer = b""
        pieces: list[bytes] = []
        position = 0
        while self._state != _DONE:
            if self._state == _DATA:
                piece = buffer[position : position + self._left]
                position += len(piece)
                self._left -= len(piece)
                pieces.append(piece)
                if self._left:
                    return b"".join(pieces)
                self._state = _DATA_END
            elif self._state == _DATA_END:
                ending = buffer[position : position + 2]
                if not b"\r\n".startswith(ending):
                    raise _broken("a chunk is longer than its size says")
                if len(ending) < 2:
                    break
                position += 2
                self._state = _SIZE
            else:
                line, position = self._line(buffer, position)
                if line is None:
                    break
                self._take_line(line)
        if self.done:
            self.rest = buffer[position:]
        else:
            self._buffer = buffer[position:]
        return b"".join(pieces)

    def _line(self, buffer: bytes, position: int) -> tuple[bytes | None, int]:
        limit = MAX_LINE if self._state == _SIZE else MAX_TRAILERS - self._trailers
        end = buffer.find(b"\n", position, position + limit + 2)
        if end < 0:
            waiting = buffer[position : position + limit + 2]
            if len(waiting) >= limit + 2:
                raise _broken("a line of it is too long")
            cut = waiting.find(b"\r")
            if 0 <= cut < len(waiting) - 1:
                raise _broken("a line of it does not end in CRLF")
            return None, position
        line = buffer[position:end]
        if line[-1:] != b"\r" or b"\r" in line[:-1]:
            raise _broken("a line of it does not end in CRLF")
        return line[:-1], end + 1

    def _take_line(self, line: bytes) -> None:
        if self._state == _SIZE:
            match = _SIZE_LINE.fullmatch(line)
            if match is None:
                raise _broken("a chunk size is not hexadecimal, or its extension is malformed")
            self._left = int(match[1], 16)
            self._state = _DATA if self._left else _TRAILERS
        elif not line:
            self._state = _DONE
            self.done = True
        else:
            if _TRAILER.fullmatch(line) is None:
                raise _broken("a trailer is not a field")
            self._trailers += len(line) + 2


def _broken(what: str) -> HttpError:
    return HttpError(400, "malformed_chunk", f"The chunked body is broken: {what}.")
