"""Request targets and query strings (RFC 9112, section 3.2; RFC 3986)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from ._errors import HttpError

BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEPT = re.compile(r"(%2[fF]|%25)")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]+)((?:[/?#].*)?)", re.DOTALL)
_UNRENDERED = re.compile(r"[\x00-\x1f\x7f]")

MAX_FIELDS = 1000


class Target(NamedTuple):
    """A request target taken apart; ``authority`` is set for the absolute form only."""

    path: str
    query_string: str
    authority: bytes | None


class Line(NamedTuple):
    """A request line taken apart."""

    method: str
    target: str
    path: str
    query_string: str
    minor: int


# The same without names, for where each request makes one.
PlainLine = tuple[str, str, str, str, int]


class BadTarget(ValueError):
    """The target is not one an origin server answers."""


def split_target(raw: bytes, *, asterisk: bool = False) -> Target:
    """Take an origin-form, absolute-form or (with ``asterisk``) asterisk-form target apart.

    The path is percent-decoded exactly once, as UTF-8, but for two escapes. An encoded slash stays ``%2F``: it is data
    inside a segment, and must not become a separator. An encoded percent sign stays ``%25``, so that the two can be told
    apart; ``decode_segment`` decodes both.

    Raises:
        BadTarget: Another form, a fragment, 8-bit bytes, a broken escape, or an escape that is no UTF-8 text.

    >>> split_target(b"/a%20b/c%2Fd?x=1")
    Target(path='/a b/c%2Fd', query_string='x=1', authority=None)
    """
    authority = None
    if raw[:1] != b"/":
        if raw == b"*" and asterisk:
            return Target("*", "", None)
        match = _ABSOLUTE.fullmatch(raw)
        if match is None:
            raise BadTarget("the target must be a path or an http URL")
        authority, raw = match[1], match[2]
        if raw[:1] != b"/":
            raw = b"/" + raw
    if b"#" in raw:
        raise BadTarget("the target has a fragment")
    path, _, query = raw.decode("ascii").partition("?")
    if "%" in path:
        path = decode_path(path)
    if "%" in query and BROKEN_ESCAPE.search(query):
        raise BadTarget("the query has a broken percent escape")
    return Target(path, query, authority)


def decode_segment(text: str) -> str:
    """Decode what ``Request.path`` leaves encoded, in a part of it that is data: a path parameter, a file name.

    >>> decode_segment("a%2Fb"), decode_segment("100%25"), decode_segment("%252F")
    ('a/b', '100%', '%2F')
    """
    return text.replace("%2F", "/").replace("%25", "%") if "%" in text else text


def decode_path(path: str) -> str:
    """Percent-decode a path once, leaving encoded slashes and percent signs encoded.

    Raises:
        BadTarget: A broken escape, an escaped control character, or bytes that are no UTF-8.
    """
    if BROKEN_ESCAPE.search(path):
        raise BadTarget("the path has a broken percent escape")
    try:
        pieces = [
            unquote_to_bytes(piece).decode("utf-8") if number % 2 == 0 else piece.upper()
            for number, piece in enumerate(_KEPT.split(path))
        ]
    except UnicodeDecodeError:
        raise BadTarget("the path is not UTF-8 after percent-decoding") from None
    decoded = "".join(pieces)
    if _UNRENDERED.search(decoded):
        raise BadTarget("the path has an escaped control character")
    return decoded


def parse_query(query_string: str) -> dict[str, str | list[str]]:
    """Read a query string; a repeated key becomes a list.

    Raises:
        HttpError: 400 for more than 1000 fields, or escapes that are no UTF-8.

    >>> parse_query("tag=a&tag=b&q=x+y&empty=")
    {'tag': ['a', 'b'], 'q': 'x y', 'empty': ''}
    """
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HttpError(
            400, "invalid_query", "The query string is not form-encoded UTF-8 of at most 1000 fields."
        ) from None
    return collect(pairs)


def collect(pairs: list[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Fold pairs into a mapping in which a repeated key is a list."""
    values: dict[str, str | list[str]] = {}
    for name, value in pairs:
        known = values.get(name)
        if known is None:
            values[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            values[name] = [known, value]
    return values
