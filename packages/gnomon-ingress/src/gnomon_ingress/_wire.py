"""Responses as HTTP/1.1 bytes (RFC 9112, section 4)."""

from __future__ import annotations

from typing import Any

from ._problem import problem_document, reason
from ._response import Response, encode_value

_REMEMBERED = 512
_prefixes: dict[tuple[int, str | None], bytes] = {}


def bodiless(status: int) -> bool:
    """Whether a response with this status never has a body (RFC 9110, section 6.4.1)."""
    return status in (204, 304)


def status_line(status: int) -> bytes:
    r"""Return the status line with its CRLF.

    >>> status_line(404)
    b'HTTP/1.1 404 Not Found\r\n'
    """
    return f"HTTP/1.1 {status} {reason(status)}\r\n".encode("ascii")


def prefix(status: int, media: str | None) -> bytes:
    """Return status line and content type, remembered because services use few of them."""
    known = _prefixes.get((status, media))
    if known is None:
        known = status_line(status)
        if media is not None:
            known += f"content-type: {media}\r\n".encode("latin-1")
        if len(_prefixes) < _REMEMBERED:
            _prefixes[status, media] = known
    return known


def fields(response: Response[Any]) -> bytes:
    """Return status line and all fields a handler set."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in response.headers.lines()])
    return status_line(response.status_code) + lines.encode("latin-1")


def canned(status: int, *, code: str, detail: str, shared: bytes, extra: bytes = b"") -> bytes:
    """Return a whole problem response that closes the connection, for where there is no request."""
    body = encode_value(problem_document(status, code=code, detail=detail))
    return b"%bcontent-type: application/problem+json\r\n%b%bconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (
        status_line(status), shared, extra, len(body), body,
    )  # fmt: skip
