"""Problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"

# RFC 9110 renamed these; the standard library did so in CPython 3.13.
_RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}

_MEMBERS = ("source", "pointer", "location", "code", "message", "expected")


def reason(status: int) -> str:
    """Return the reason phrase of a status, or an empty string for one nobody registered.

    >>> reason(404)
    'Not Found'
    """
    renamed = _RENAMED.get(status)
    if renamed is not None:
        return renamed
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def problem_document(
    status: int, *, code: str, detail: str | None = None, errors: Iterable[object] = ()
) -> dict[str, Any]:
    """Build the members of a problem document, without anything that was found in the request.

    Args:
        status: The HTTP status.
        code: A stable name for programs, an extension member.
        detail: One sentence for people.
        errors: Mappings, taken as they are, or objects with any of ``source pointer location code message expected``.

    >>> problem_document(404, code="no_such_order")
    {'type': 'about:blank', 'title': 'Not Found', 'status': 404, 'code': 'no_such_order'}
    """
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": reason(status) or "Error",
        "status": status,
        "code": code,
    }
    if detail is not None:
        document["detail"] = detail
    rendered = [_render(error) for error in errors]
    if rendered:
        document["errors"] = rendered
    return document


def _render(error: object) -> dict[str, Any]:
    if isinstance(error, Mapping):
        return dict(error)
    # The value that was found stays out: it may be a secret, and the client knows what it sent.
    found = {name: getattr(error, name, None) for name in _MEMBERS}
    return {
        name: value if isinstance(value, str) else str(value)
        for name, value in found.items()
        if value is not None
    }
