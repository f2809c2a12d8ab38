"""The client's end of a WebSocket for tests, over an in-memory connection."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httptools
import trio
from wsproto.connection import Connection as FrameConnection
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage

from ._errors import WebSocketClosed
from ._handshake import accept_token
from ._headers import Headers

if TYPE_CHECKING:
    from ._testing_memory import MemoryStream

_NORMAL = (1000, 1001, 1005)


class SocketRefused(Exception):
    """The server answered an opening request with an ordinary response, or accepted it wrongly."""

    code: str = "socket_refused"

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        super().__init__(f"the opening request was answered with {status}: {body!r:.200}")
        self.status: int = status
        self.headers: Headers = headers
        self.body: bytes = body


class _Opening:
    """The answer to an opening request, as httptools reports it."""

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, bytes]] = []
        self.body: bytes = b""
        self.done: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name, value))

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.done = True


class ClientSocket:
    """Sends and receives messages; ``stream`` takes raw bytes, for frames nobody should send.

    Pings are answered only while ``receive`` runs, as by a client that has nothing else to do.
    """

    def __init__(self, stream: MemoryStream) -> None:
        #: The connection itself.
        self.stream: MemoryStream = stream
        #: Fields of the acceptance.
        self.headers: Headers = Headers()
        #: The subprotocol the server chose.
        self.subprotocol: str | None = None
        #: How the WebSocket ended: the server's code, or 1006 if there was none.
        self.close_code: int | None = None
        self.close_reason: str = ""
        #: Payloads of the pings and pongs that came.
        self.pings: list[bytes] = []
        self.pongs: list[bytes] = []
        self._frames = FrameConnection(ConnectionType.CLIENT)
        self._pieces: list[Any] = []
        self._queue: deque[str | bytes] = deque()

    async def open(self, target: str, fields: Mapping[str, str], *, behind: bytes = b"") -> None:
        """Send the opening request and read the answer.

        Raises:
            SocketRefused: The answer is no acceptance.
        """
        key = b64encode(os.urandom(16)).decode("ascii")
        opening = {
            "host": "testserver", "upgrade": "websocket", "connection": "Upgrade",
            "sec-websocket-version": "13", "sec-websocket-key": key, **fields,
        }  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in opening.items())
        await self.stream.send_all(f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + behind)
        answer = _Opening()
        parser = httptools.HttpResponseParser(answer)
        rest = data = b""
        try:
            while not answer.done:
                data = await self.stream.receive_some(65536)
                if not data:
                    raise trio.BrokenResourceError("the server closed the connection without an answer")
                parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        self.headers = headers = Headers(answer.pairs)
        status = parser.get_status_code()
        if status != 101 or headers.get("sec-websocket-accept") != accept_token(opening["sec-websocket-key"]):
            raise SocketRefused(status, headers, answer.body)
        self.subprotocol = headers.get("sec-websocket-protocol")
        self._frames.receive_data(rest)

    async def send(self, message: object) -> None:
        """Send a message: ``str`` as text, bytes as binary, anything else as JSON text."""
        if isinstance(message, (bytes, bytearray)):
            event: Message[Any] = BytesMessage(bytes(message))
        else:
            event = TextMessage(message if isinstance(message, str) else json.dumps(message))
        await self.stream.send_all(self._frames.send(event))

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping."""
        await self.stream.send_all(self._frames.send(Ping(payload)))

    async def receive(self) -> str | bytes:
        """Return the next message.

        Raises:
            WebSocketClosed: The server closed, or the connection ended.
        """
        while not self._queue:
            await self._take_events()
            if self._queue:
                break
            if self.close_code is not None:
                raise WebSocketClosed(self.close_code, self.close_reason)
            data = await self.stream.receive_some(65536)
            if not data:
                self.close_code = 1006
            else:
                self._frames.receive_data(data)
        return self._queue.popleft()

    async def receive_json(self) -> Any:
        """Return the next message, parsed."""
        return json.loads(await self.receive())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame and wait for the server's; messages that come before are dropped."""
        if self._frames.state is ConnectionState.OPEN:
            await self.stream.send_all(self._frames.send(CloseConnection(code, reason)))
        while self.close_code is None:
            try:
                await self.receive()
            except WebSocketClosed:
                return

    async def _take_events(self) -> None:
        for event in self._frames.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                self._pieces.append(event.data)
                if event.message_finished:
                    self._queue.append(self._pieces[0][:0].join(self._pieces))
                    self._pieces = []
            elif isinstance(event, Ping):
                self.pings.append(bytes(event.payload))
                if self._frames.state is not ConnectionState.OPEN:
                    continue
                await self.stream.send_all(self._frames.send(event.response()))
            elif isinstance(event, Pong):
                self.pongs.append(bytes(event.payload))
            else:
                assert isinstance(event, CloseConnection)
                self.close_code, self.close_reason = int(event.code), event.reason or ""
                if self._frames.state is ConnectionState.REMOTE_CLOSING:
                    await self.stream.send_all(self._frames.send(event.response()))
                return

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self

    async def __anext__(self) -> str | bytes:
        """Return the next message; a normal close ends the loop."""
        try:
            return await self.receive()
        except WebSocketClosed as closed:
            if closed.close_code in _NORMAL:
                raise StopAsyncIteration from None
            raise


class Opened(AbstractAsyncContextManager[ClientSocket]):
    """Opens a WebSocket for a block and closes it behind it; after an exception the connection is just dropped."""

    def __init__(self, stream: MemoryStream, target: str, fields: Mapping[str, str], behind: bytes) -> None:
        self._stream = stream
        self._arguments = target, fields, behind

    async def __aenter__(self) -> ClientSocket:
        target, fields, behind = self._arguments
        self._socket = ClientSocket(self._stream)
        try:
            await self._socket.open(target, fields, behind=behind)
        except BaseException:
            self._stream.close()
            raise
        return self._socket

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self._socket.close_code is None:
                await self._socket.close()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self._stream.close()
