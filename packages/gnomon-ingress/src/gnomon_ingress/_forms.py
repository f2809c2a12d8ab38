"""Form bodies."""

from __future__ import annotations

from ._errors import HttpError
from ._target import parse_query

FORM_TYPE = "application/x-www-form-urlencoded"


def parse_form(data: bytes) -> dict[str, str | list[str]]:
    """Read an urlencoded form; a repeated key becomes a list.

    Raises:
        HttpError: 400 for more than 1000 fields, or what is not form-encoded UTF-8.

    >>> parse_form(b"name=Ada+L&tag=a&tag=b")
    {'name': 'Ada L', 'tag': ['a', 'b']}
    """
    try:
        return parse_query(data.decode("ascii"))
    except (UnicodeDecodeError, HttpError):
        raise HttpError(
            400, "invalid-form", "The body is not a form of at most 1000 fields in UTF-8."
        ) from None
