"""An in-memory connection pair, and a client that talks to a dispatch through the real connection code.

No socket and no thread is involved, so a test may run under ``trio.testing.MockClock``.
"""

from __future__ import annotations

import json as _json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import httptools
import trio

from ._connection import Dispatch
from ._headers import Headers
from ._limits import Config
from ._request import Client as _Address
from ._server import Server
from ._testing_forms import multipart
from ._testing_memory import MemoryStream, memory_pair
from ._testing_socket import ClientSocket, Opened, SocketRefused
from ._transport import StreamTransport

__all__ = [
    "Answer",
    "Client",
    "ClientSocket",
    "MemoryStream",
    "SocketRefused",
    "StreamedAnswer",
    "memory_pair",
]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as the client received it."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return _json.loads(self.body)


class _Reader:
    """Parses responses off one stream."""

    def __init__(self, stream: MemoryStream) -> None:
        self.stream: MemoryStream = stream
        self.reusable: bool = True
        self._parser: httptools.HttpResponseParser | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.pairs: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.head_done: bool = False
        self.done: bool = False
        self.status: int = 0
        self.keep_alive: bool = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name, value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        self.keep_alive = self._parser.should_keep_alive()
        self.head_done = True

    def on_body(self, data: bytes) -> None:
        self.pieces.append(data)

    def on_message_complete(self) -> None:
        if self.status < 200:
            # An interim response; the final one follows.
            self.pairs, self.head_done = [], False
        else:
            self.done = True

    async def more(self) -> None:
        """Receive once."""
        assert self._parser is not None
        data = await self.stream.receive_some(65536)
        if not data:
            self.reusable = False
            if not self.head_done or not self._ends_with_connection():
                raise trio.BrokenResourceError(
                    "the server closed the connection before the response was complete"
                )
            self.done = True
            return
        self._parser.feed_data(data)

    def _ends_with_connection(self) -> bool:
        names = {name.lower() for name, _ in self.pairs}
        return b"content-length" not in names and b"transfer-encoding" not in names

    async def head(self, method: str) -> None:
        """Receive until the final head is complete, passing interim responses by."""
        self._begin()
        while not self.head_done or self.status < 200:
            await self.more()
        self.reusable = self.keep_alive
        if method == "HEAD":
            # The parser cannot know that no body follows a HEAD, so it starts afresh with the next response.
            self.done = True


class StreamedAnswer:
    """A response that is still arriving: iterate over it; leaving its block hangs up if there is more."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self.status: int = reader.status
        self.headers: Headers = Headers(reader.pairs)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece of the body."""
        reader = self._reader
        while not reader.pieces:
            if reader.done:
                raise StopAsyncIteration
            await reader.more()
        return reader.pieces.pop(0)

    async def read(self) -> bytes:
        """Return what is left of the body."""
        return b"".join([piece async for piece in self])


class _Streaming(AbstractAsyncContextManager[StreamedAnswer]):
    def __init__(
        self, client: Client, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        self._client = client
        self._arguments = method, target, headers, body

    async def __aenter__(self) -> StreamedAnswer:
        self._reader = await self._client._send(*self._arguments)
        return StreamedAnswer(self._reader)

    async def __aexit__(self, *_: object) -> None:
        self._client._give_back(self._reader)


class Client:
    """Talks to a dispatch in this process, through parser, connection loop, limits and watchdog.

    Args:
        dispatch: What would be served.
        config: As for ``serve``.
        base_headers: Sent with every request, unless the request has its own.
        client: The address the server sees.

    >>> async def hello(req, res):
    ...     res.json({"hello": req.path})
    >>> async def main():
    ...     async with Client(hello) as client:
    ...         answer = await client.get("/world")
    ...         print(answer.status, answer.json())
    >>> trio.run(main)
    200 {'hello': '/world'}
    """

    def __init__(
        self,
        dispatch: Dispatch,
        *,
        config: Config | None = None,
        base_headers: Mapping[str, str] | None = None,
        client: tuple[str, int] = ("127.0.0.1", 50000),
    ) -> None:
        self.server: Server = Server(dispatch, config=config)
        self._base = {name.lower(): value for name, value in (base_headers or {}).items()}
        self._address = _Address(*client)
        self._idle: list[_Reader] = []
        self._open = False
        self._streams: set[MemoryStream] = set()

    async def __aenter__(self) -> Client:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        await self._nursery.start(self._serve)
        self._open = True
        return self

    async def _serve(self, *, task_status: trio.TaskStatus[Server]) -> None:
        await self.server.serve((), task_status=task_status)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        for stream in self._streams:
            stream.close()
        self.server.drain()
        self._open = False
        return await self._manager.__aexit__(kind, error, trace)

    def connect(self, *, capacity: float = math.inf) -> MemoryStream:
        """Open a connection and return its near end, for tests that speak raw bytes.

        Raises:
            RuntimeError: The client is not open.
        """
        if not self._open:
            raise RuntimeError("the client is not open: use it inside of `async with Client(...) as client:`")
        near, far = memory_pair(capacity=capacity)
        self._streams.add(near)
        self.server.start_connection(StreamTransport(far), client=self._address)
        return near

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        body: bytes = b"",
        json: Any = ...,
        form: Mapping[str, Any] | None = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Answer:
        """Send a request and receive the whole response.

        Args:
            method: Such as ``"GET"``.
            target: Path and query, sent as they are.
            headers: Added to the base headers.
            params: Appended to the target as a query string; a list repeats its key.
            body: The bytes of the body.
            json: A value to send as JSON instead.
            form: Fields to send as an urlencoded form instead.
            files: Files to send behind those fields, in a multipart form: by field, the name and the content of each.

        Raises:
            trio.BrokenResourceError: The connection ended before the response was complete.
            RuntimeError: The client is not open.
        """
        reader = await self._send(method, *self._prepare(target, headers, params, body, json, form, files))
        try:
            while not reader.done:
                await reader.more()
            return Answer(reader.status, Headers(reader.pairs), b"".join(reader.pieces))
        finally:
            self._give_back(reader)

    def stream(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        body: bytes = b"",
        json: Any = ...,
    ) -> AbstractAsyncContextManager[StreamedAnswer]:
        """Send a request and receive the response piece by piece: ``async with client.stream(…) as answer``."""
        return _Streaming(self, method, *self._prepare(target, headers, params, body, json, None))

    def websocket(
        self,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
        behind: bytes = b"",
        capacity: float = math.inf,
    ) -> AbstractAsyncContextManager[ClientSocket]:
        """Open a WebSocket: ``async with client.websocket("/chat") as socket``.

        Args:
            target: Path and query, sent as they are.
            headers: Added to the base headers.
            subprotocols: What is offered, the preferred one first.
            behind: Raw bytes sent right behind the opening request.
            capacity: Bytes that may be unread in each direction before a sender waits.

        Raises:
            SocketRefused: On entering: the server answered with something else.
        """
        fields = {**self._base, **{name.lower(): value for name, value in (headers or {}).items()}}
        if subprotocols:
            fields["sec-websocket-protocol"] = ", ".join(subprotocols)
        return Opened(self.connect(capacity=capacity), target, fields, behind)

    async def get(self, target: str, **options: Any) -> Answer:
        """Send a GET; options as for ``request``."""
        return await self.request("GET", target, **options)

    async def post(self, target: str, **options: Any) -> Answer:
        """Send a POST; options as for ``request``."""
        return await self.request("POST", target, **options)

    async def put(self, target: str, **options: Any) -> Answer:
        """Send a PUT; options as for ``request``."""
        return await self.request("PUT", target, **options)

    async def patch(self, target: str, **options: Any) -> Answer:
        """Send a PATCH; options as for ``request``."""
        return await self.request("PATCH", target, **options)

    async def delete(self, target: str, **options: Any) -> Answer:
        """Send a DELETE; options as for ``request``."""
        return await self.request("DELETE", target, **options)

    async def head(self, target: str, **options: Any) -> Answer:
        """Send a HEAD; options as for ``request``."""
        return await self.request("HEAD", target, **options)

    async def options(self, target: str, **options: Any) -> Answer:
        """Send an OPTIONS; options as for ``request``."""
        return await self.request("OPTIONS", target, **options)

    def _prepare(
        self,
        target: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, Any] | None,
        body: bytes,
        json: Any,
        form: Mapping[str, Any] | None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        fields = {"host": "testserver", **self._base}
        if json is not ...:
            body = _json.dumps(json).encode()
            fields["content-type"] = "application/json"
        elif files is not None:
            body, fields["content-type"] = multipart(form or {}, files)
        elif form is not None:
            body = urlencode(form, doseq=True).encode()
            fields["content-type"] = "application/x-www-form-urlencoded"
        fields.update({name.lower(): value for name, value in (headers or {}).items()})
        if body and "transfer-encoding" not in fields:
            fields.setdefault("content-length", str(len(body)))
        if params:
            target += ("&" if "?" in target else "?") + urlencode(params, doseq=True)
        return target, list(fields.items()), body

    async def _send(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> _Reader:
        reader = self._idle.pop() if self._idle else _Reader(self.connect())
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        try:
            await reader.stream.send_all(
                f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body
            )
            await reader.head(method)
        except BaseException:
            self._hang_up(reader)
            raise
        return reader

    def _give_back(self, reader: _Reader) -> None:
        if reader.done and reader.reusable:
            self._idle.append(reader)
        else:
            self._hang_up(reader)

    def _hang_up(self, reader: _Reader) -> None:
        reader.stream.close()
        self._streams.discard(reader.stream)


for _name in __all__:
    if globals()[_name].__module__.startswith("gnomon_ingress._"):
        globals()[_name].__module__ = __name__
