"""Form bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message

from ._errors import HttpError
from ._multipart import BLOCK, MultipartFeed, PartHead, broken_form
from ._target import MAX_FIELDS, collect, parse_query

FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"


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
    pairs: list[tuple[str, str]] = []
    files: list[Upload] = []
    head: PartHead | None = None
    pieces: list[bytes] = []
    feed = MultipartFeed(boundary, part_count=MAX_FIELDS)
    for start in range(0, len(data), BLOCK):
        for event in feed.feed(data[start : start + BLOCK]):
            if isinstance(event, PartHead):
                head, pieces = event, []
            elif event is not None:
                pieces.append(event)
            else:
                assert head is not None
                _take_part(head, b"".join(pieces), pairs, files)
    feed.close()
    return Form(collect(pairs), tuple(files))


def _take_part(head: PartHead, content: bytes, pairs: list[tuple[str, str]], files: list[Upload]) -> None:
    if head.filename is not None:
        files.append(Upload(head.name, head.filename, head.media_type, content))
        return
    try:
        pairs.append((head.name, content.decode("utf-8")))
    except UnicodeDecodeError:
        raise broken_form("a field is not UTF-8") from None


def parameters_of(content_type: str) -> dict[str, str]:
    """Return the parameters of a media type, names in lower case.

    >>> parameters_of('multipart/form-data; boundary="a;b"; Charset=utf-8')
    {'boundary': 'a;b', 'charset': 'utf-8'}
    """
    message = Message()
    message["content-type"] = content_type
    found = message.get_params(failobj=[], header="content-type")
    return {name.lower(): value for name, value in found[1:]}


def boundary_of(headers: Mapping[str, str]) -> str:
    """Return the boundary of a multipart body, empty if it has none."""
    return parameters_of(headers.get("content-type", "")).get("boundary", "")
