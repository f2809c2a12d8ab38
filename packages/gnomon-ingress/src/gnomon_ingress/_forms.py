"""Form bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from ._errors import HttpError
from ._target import MAX_FIELDS, collect, parse_query

FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"

_MAX_PART_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a form; ``filename`` is what the client says and must not be used as a path."""

    name: str
    filename: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, in which a repeated name is a list, and its files in order."""

    fields: Mapping[str, str | list[str]]
    files: tuple[Upload, ...] = ()


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
            400, "invalid_form", "The body is not a form of at most 1000 fields in UTF-8."
        ) from None


def parse_multipart(data: bytes, boundary: str) -> Form:
    """Read a multipart form (RFC 7578) of at most 1000 parts.

    Raises:
        HttpError: 400 for what is no such form.
    """
    # Imported late: most services never see one.
    import multipart  # type: ignore[import-untyped]  # ships no types

    pairs: list[tuple[str, str]] = []
    files: list[Upload] = []
    try:
        parser = multipart.PushMultipartParser(
            boundary, max_header_size=_MAX_PART_HEAD, max_segment_count=MAX_FIELDS, strict=True
        )
        part: Any = None
        pieces: list[bytes] = []
        with parser:
            for event in parser.parse(data):
                if event is None:
                    _take_part(part, b"".join(pieces), pairs, files)
                elif isinstance(event, (bytes, bytearray)):
                    pieces.append(bytes(event))
                else:
                    part, pieces = event, []
    except (multipart.MultipartError, ValueError):
        raise HttpError(
            400, "invalid_form", "The body is not a multipart form of at most 1000 parts in UTF-8."
        ) from None
    return Form(collect(pairs), tuple(files))


def _take_part(part: Any, content: bytes, pairs: list[tuple[str, str]], files: list[Upload]) -> None:
    if part.filename is None:
        pairs.append((part.name, content.decode("utf-8")))
    else:
        files.append(
            Upload(part.name, part.filename, part.content_type or "application/octet-stream", content)
        )


def parameters_of(content_type: str) -> dict[str, str]:
    """Return the parameters of a media type, names in lower case.

    >>> parameters_of('multipart/form-data; boundary="a;b"; Charset=utf-8')
    {'boundary': 'a;b', 'charset': 'utf-8'}
    """
    message = Message()
    message["content-type"] = content_type
    found = message.get_params(failobj=[], header="content-type")
    return {name.lower(): value for name, value in found[1:]}
