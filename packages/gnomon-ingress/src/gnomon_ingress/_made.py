"""Requests that came over no connection: made for a test, or again out of a recording."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

import trio

from ._headers import Headers
from ._pieces import Given
from ._request import Client, Request
from ._target import Line, split_target


def make_request(
    method: str = "GET",
    target: str = "/",
    *,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    body: bytes | AsyncIterable[bytes] = b"",
    params: Mapping[str, Any] | None = None,
    scope: trio.CancelScope | None = None,
    client: Client | None = None,
) -> Request[Any, Any, Any]:
    """Make a request that no connection stands behind: for a test, or to run one again.

    Args:
        method: The method.
        target: Path and query, in ASCII.
        headers: By name, or pairs if one is repeated.
        body: All of it, or the pieces as `read` and `stream` are to get them.
        params: What a router found in the path.
        scope: What `abort` cancels.
        client: The other end, `None` if it is not known.

    >>> make_request("POST", "/orders?dry=1", body=b"{}").query
    {'dry': '1'}
    """
    path, query_string, _ = split_target(target.encode("ascii"), asterisk=True)
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    origin = _Nowhere(scope, client)
    request: Request[Any, Any, Any] = Request(
        Line(method, target, path, query_string, 1),
        Headers([(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]),
        origin,
    )
    origin.request = request
    if isinstance(body, bytes):
        request._raw = body
    else:
        request._raw, request._read, request._source = None, False, Given(body)
    request.params = params or {}
    return request


class _Nowhere:
    """The origin of a request that came over no connection."""

    body_limit = 1024 * 1024

    def __init__(self, scope: trio.CancelScope | None, client: Client | None) -> None:
        self.scope = scope
        self.request: Request[Any, Any, Any] | None = None
        self._client = client

    def describe_client(self, headers: Headers) -> tuple[Client | None, str]:  # noqa: ARG002 — its protocol has it
        return self._client, "http"
