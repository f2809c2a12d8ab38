"""The grammar of multipart forms (RFC 7578): parsed by a library, under a policy of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ._errors import HttpError

#: What the parser is fed at a time. Its verdict on broken heads depends on where its input is cut; cut at the same places
#: always, it cannot depend on how the network cut it.
BLOCK = 64 * 1024

#: Bytes of one header line of a part, and how many of those (RFC 7578 knows three).
_HEADER_SIZE = 4096
_HEADER_COUNT = 8

#: RFC 2046, section 5.1.1.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NAMED = re.compile(r";[ \t]*name[ \t]*=", re.IGNORECASE)


class PartHead(NamedTuple):
    """What stands above the content of a part."""

    name: str
    filename: str | None
    media_type: str
    headers: Mapping[str, str]


class MultipartFeed:
    """Turns the blocks of a multipart body into heads, pieces of content, and ``None`` at the end of each part.

    Args:
        boundary: Of the content type.
        part_count: Parts there may be.

    Raises:
        HttpError: 400 for a boundary that is none.
    """

    def __init__(self, boundary: str, *, part_count: int) -> None:
        # Imported late: most services never see a form.
        import multipart  # type: ignore[import-untyped]  # ships no types

        if _BOUNDARY.fullmatch(boundary) is None:
            raise broken_form("its content type has no boundary")
        self._error: type[Exception] = multipart.MultipartError
        self._parser: Any = multipart.PushMultipartParser(
            boundary, max_header_size=_HEADER_SIZE, max_header_count=_HEADER_COUNT
        )
        self._begin: bytes | None = f"--{boundary}".encode("ascii")
        self._left = part_count
        self._count = part_count

    def feed(self, block: bytes) -> Iterator[PartHead | bytes | None]:
        """Parse a block of ``BLOCK`` bytes (the last one may be shorter) while its events are taken.

        Raises:
            HttpError: 400 for what is no multipart form.
        """
        if self._begin is not None:
            # A preamble is for readers of mail; no client writes one, and searching for its end costs what it likes.
            if not block.removeprefix(b"\r\n").startswith(self._begin):
                raise broken_form("it does not begin with its boundary")
            self._begin = None
        try:
            for event in self._parser.parse(block):
                if event is None or isinstance(event, (bytes, bytearray)):
                    yield event if event is None else bytes(event)
                else:
                    yield self._head(event)
        except self._error:
            raise broken_form("it is malformed, or a part has too many or too long headers") from None

    def close(self) -> None:
        """Note that there are no more blocks.

        Raises:
            HttpError: 400, the form is cut short.
        """
        try:
            self._parser.close()
        except self._error:
            raise broken_form("it is cut short") from None

    def _head(self, segment: Any) -> PartHead:
        if not self._left:
            raise broken_form(f"it has more than {self._count} parts")
        self._left -= 1
        headers = {name.lower(): value for name, value in segment.headerlist}
        if len(headers) != len(segment.headerlist):
            raise broken_form("a part has a header twice")
        if _CONTROL.search("".join(headers.values())):
            raise broken_form("a header of a part has control characters")
        if _NAMED.search(headers["content-disposition"]) is None:
            raise broken_form("a part has no name")
        fallback = "text/plain" if segment.filename is None else "application/octet-stream"
        return PartHead(segment.name, segment.filename, segment.content_type or fallback, headers)


def broken_form(what: str) -> HttpError:
    """The refusal of a body that is not the form it claims to be."""
    return HttpError(400, "invalid_form", f"The body is not a multipart form: {what}.")
