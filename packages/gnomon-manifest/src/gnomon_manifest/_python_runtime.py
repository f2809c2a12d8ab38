"""What every client in Python begins with: how a request is sent, and how what comes back is read."""

from __future__ import annotations

from typing import Final

__all__ = ["CLIENT", "HEAD", "RUNTIME"]

HEAD: Final = '''\
"""Generated from a manifest; changes are lost when it is generated again."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Literal, NamedTuple, NotRequired, TypeAlias, TypedDict, cast
from urllib.parse import quote

import httpx

'''
RUNTIME: Final = r'''class ProblemError(Exception):
    """An answer that the operation does not declare as a success; `problem` has its JSON (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("title") or f"status {status}")
        self.status = status
        self.problem = problem


class _Call(NamedTuple):
    method: str
    path: str
    success: tuple[int, ...]
    accept: str = "application/json"
    forms: tuple[str, ...] = ("json",)
    query: Mapping[str, Any] | None = None
    headers: Mapping[str, Any] | None = None
    body: Any = None
    has_body: bool = False
    content_type: str = "application/json"
    raw: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again after the connection failed (RFC 9110, section 9.2.2)."""
        again = not self.raw or isinstance(self.body, (bytes, type(None)))
        return again and self.method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _part(value: Any) -> str:
    return quote(_text(value), safe="")


def _rest(value: Any) -> str:
    return quote(_text(value), safe="/")


def _options(call: _Call) -> dict[str, Any]:
    found: dict[str, Any] = {"headers": {"accept": call.accept}}
    for name, value in (call.headers or {}).items():
        found["headers"][name.replace("_", "-")] = _text(value)
    query = [
        (name, _text(item))
        for name, value in (call.query or {}).items()
        for item in (value if isinstance(value, list) else [value])
    ]
    if query:
        found["params"] = query
    if call.has_body and not (call.raw and call.body is None):
        found["content"] = call.body if call.raw else json.dumps(call.body).encode()
        found["headers"]["content-type"] = call.content_type
    return found


def _media(response: httpx.Response) -> str:
    media, _, _ = str(response.headers.get("content-type", "")).partition(";")
    return media.strip().lower()


def _answer(call: _Call, response: httpx.Response) -> Any:
    if response.status_code not in call.success:
        raise _refused(response)
    media = _media(response)
    if "json" in call.forms and (call.forms == ("json",) or media == "application/json" or media.endswith("+json")):
        return response.json() if response.content else None
    if "bytes" not in call.forms or ("text" in call.forms and media.startswith("text/")):
        return response.text
    return response.content


def _refused(response: httpx.Response) -> ProblemError:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    return ProblemError(response.status_code, problem if isinstance(problem, dict) else {})


def _item(text: str, kind: str) -> Any:
    """The value of an item that is written as it is when it is text, and as JSON otherwise."""
    if kind == "text":
        return text
    try:
        value = json.loads(text)
    except ValueError:
        if kind == "json":
            raise
        return text
    return text if kind == "string" and not isinstance(value, str) else value


class _Items:
    """Takes the items of a stream out of what arrives of it."""

    def __init__(self, media: str, kind: str) -> None:
        self._kind = kind
        self._events = media == "text/event-stream"
        self._lines = media.endswith("ndjson")
        self._ends = re.compile(rb"\r\n|\n|\r(?!$)" if self._events else rb"\n")
        self._parts: list[bytes] = []
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Any]:
        if not self._events and not self._lines:
            yield chunk
            return
        self._parts.append(chunk)
        if b"\n" not in chunk and b"\r" not in chunk:
            return
        *lines, rest = self._ends.split(b"".join(self._parts))
        self._parts = [rest]
        for line in lines:
            yield from self._line(line.decode())

    def finish(self) -> Iterator[Any]:
        rest = b"".join(self._parts)
        if self._lines and rest.strip():
            yield json.loads(rest)

    def _line(self, line: str) -> Iterator[Any]:
        if self._lines:
            if line.strip():
                yield json.loads(line)
        elif line == "":
            if self._data:
                yield _item("\n".join(self._data), self._kind)
            self._data = []
        elif line == "data" or line.startswith("data:"):
            self._data.append(line[5:].removeprefix(" "))
'''
CLIENT: Final = '''\
class {name}:
    """Calls the API through a client of httpx, which has its base URL.

    A call that may be repeated is sent again up to `retries` times when the connection fails. A stream is a context
    manager that gives the items as they come, and closes the answer when it is left.
    """

    def __init__(self, http: httpx.{name}, *, retries: int = 0) -> None:
        self._http = http
        self._retries = retries

    {asynchronous}def _open(self, call: _Call, *, stream: bool = False) -> httpx.Response:
        left = self._retries if call.repeatable else 0
        while True:
            try:
                request = self._http.build_request(call.method, call.path, **_options(call))
                return {wait}self._http.send(request, stream=stream)
            except httpx.TransportError:
                if left == 0:
                    raise
                left -= 1

    {asynchronous}def _send(self, call: _Call) -> Any:
        return _answer(call, {wait}self._open(call))

    @{manager}
    {asynchronous}def _stream(self, call: _Call, kind: str) -> {kind}Iterator[{kind}Iterator[Any]]:
        response = {wait}self._open(call, stream=True)
        try:
            if response.status_code not in call.success:
                {wait}response.{prefix}read()
                raise _refused(response)
            items = self._items(response, kind)
            try:
                yield items
            finally:
                {wait}items.{prefix}close()
        finally:
            {wait}response.{prefix}close()

    {asynchronous}def _items(self, response: httpx.Response, kind: str) -> {kind}Generator[{given}]:
        items = _Items(_media(response), kind)
        {asynchronous}for chunk in response.{prefix}iter_bytes():
            for item in items.feed(chunk):
                yield item
        for item in items.finish():
            yield item
'''
