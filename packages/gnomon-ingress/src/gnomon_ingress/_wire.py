"""Responses as HTTP/1.1 bytes (RFC 9112, section 4)."""

from __future__ import annotations

from typing import Any

from ._json import dump_json
from ._problem import problem_document, reason
from ._response import Response

_REMEMBERED = 512
_lengths: list[bytes] = [b"content-length: %d\r\n\r\n" % length for length in range(1024)]


def status_line(status: int) -> bytes:
    r"""Return the status line with its CRLF.

    >>> status_line(404)
    b'HTTP/1.1 404 Not Found\r\n'
    """
    return f"HTTP/1.1 {status} {reason(status)}\r\n".encode("ascii")


class Heads(dict[tuple[int, str | None, int], bytes]):
    """Whole heads by status, content type and length; services use few of them, and Date changes once a second."""

    def __init__(self, shared: bytes) -> None:
        #: The fields of every response.
        self.shared: bytes = shared
        self._beginnings: dict[tuple[int, str | None], bytes] = {}

    def __missing__(self, key: tuple[int, str | None, int]) -> bytes:
        status, media, length = key
        head = self.begin(status, media) + length_field(length)
        if len(self) < _REMEMBERED:
            self[key] = head
        return head

    def begin(self, status: int, media: str | None) -> bytes:
        """Return a head up to its length."""
        known = self._beginnings.get((status, media))
        if known is None:
            kind = b"" if media is None else f"content-type: {media}\r\n".encode("latin-1")
            known = status_line(status) + kind + self.shared
            if len(self._beginnings) < _REMEMBERED:
                self._beginnings[status, media] = known
        return known


def length_field(length: int) -> bytes:
    """Return the Content-Length field and the end of the head."""
    return _lengths[length] if length < 1024 else b"content-length: %d\r\n\r\n" % length


def fields(response: Response[Any]) -> bytes:
    """Return status line and all fields a handler set."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in response.headers.lines()])
    return status_line(response.status_code) + lines.encode("latin-1")


def canned(status: int, *, code: str, detail: str, shared: bytes, extra: bytes = b"") -> bytes:
    """Return a whole problem response that closes the connection, for where there is no request."""
    body = dump_json(problem_document(status, code=code, detail=detail))
    return b"%bcontent-type: application/problem+json\r\n%b%bconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (
        status_line(status), shared, extra, len(body), body,
    )  # fmt: skip
