"""What ASGI says of a request and of the head of an answer, for applications that are mounted."""

from __future__ import annotations

from typing import Any

from ._asgi import Message
from ._headers import check_name
from ._request import Request
from ._response import Response
from ._target import decode_segment

#: What the connection writes by itself.
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive", "date"})


def scope_of(req: Request[Any, Any, Any], root: str) -> dict[str, Any]:
    """Return what a scope says of a request, whatever its type."""
    client = req.client
    return {
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "path": decode_segment(req.path),
        "raw_path": req.target.partition("?")[0].encode("ascii"),
        "query_string": req.query_string.encode("ascii"),
        "root_path": root,
        "headers": [(name.lower(), value) for name, value in req.headers.raw],
        "client": None if client is None else list(client),
        "server": None,
    }


def take_head(res: Response[Any], start: Message) -> str:
    """Give a response the status and the fields of an application's answer; return its media type."""
    res.status(start["status"])
    for raw_name, raw_value in start.get("headers", ()):
        name = bytes(raw_name).decode("latin-1").lower()
        if name not in _OURS:
            res.headers.add(check_name(name), bytes(raw_value).decode("latin-1").strip())
    return res.headers.get("content-type", "")
