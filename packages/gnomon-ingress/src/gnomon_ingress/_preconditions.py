"""Conditional and range requests (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ._headers import Headers

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]*)[ \t]*-[ \t]*([0-9]*)")


def matches(header: str, etag: str, *, weak: bool) -> bool:
    """Whether a list of entity tags contains one.

    Args:
        header: ``*`` or a list of tags.
        etag: The tag of the representation, with its quotes.
        weak: Compare weakly, as If-None-Match does; If-Match and If-Range compare strongly.

    >>> matches('"a", W/"b"', '"b"', weak=True), matches('"a", W/"b"', '"b"', weak=False)
    (True, False)
    """
    if header.strip() == "*":
        return True
    tags = _TAG.findall(header)
    if weak:
        return etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags}
    return not etag.startswith("W/") and etag in tags


def precondition(method: str, headers: Headers, *, etag: str | None, modified: datetime | None) -> int | None:
    """Return 304 or 412 if that is the answer, ``None`` if the request stands (RFC 9110, section 13.2.2)."""
    reads = method in ("GET", "HEAD")
    if (wanted := headers.get("if-match")) is not None:
        if etag is None or not matches(wanted, etag, weak=False):
            return 412
    elif (
        (since := _date(headers.get("if-unmodified-since"))) is not None
        and modified is not None
        and modified > since
    ):
        return 412
    if (known := headers.get("if-none-match")) is not None:
        if etag is not None and matches(known, etag, weak=True):
            return 304 if reads else 412
    elif reads and modified is not None:
        since = _date(headers.get("if-modified-since"))
        if since is not None and modified <= since:
            return 304
    return None


def byte_range(headers: Headers, size: int, *, etag: str, modified: datetime) -> tuple[int, int] | None:
    """Return the first and one past the last byte of a satisfiable single range, ``None`` for the whole.

    Several ranges in one request are answered with the whole, which RFC 9110, section 14.2 allows.

    Raises:
        ValueError: The range lies outside the representation (416).
    """
    match = _RANGE.fullmatch(headers.get("range", ""))
    if match is None or match[1] == match[2] == "":
        return None
    condition = headers.get("if-range")
    if condition is not None and not matches(condition, etag, weak=False) and _date(condition) != modified:
        return None
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
        if match[2].strip("0") == "":
            raise ValueError("the last zero bytes are no range")
    else:
        start = int(match[1])
        end = min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= size:
        raise ValueError("the range begins behind the end")
    return start, end


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
