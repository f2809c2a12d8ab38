"""The writing half of a connection: answers as HTTP/1.1 bytes, whole or while they are produced."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import trio

from ._body import BodyReader
from ._compression import choose, compressible
from ._errors import ClientGone, ResponseState
from ._events import send_with_heartbeat
from ._head import HeadParser
from ._headers import add_vary
from ._preconditions import matches, precondition
from ._request import Request
from ._response import Response
from ._sink import Commit
from ._transport import Interrupted, Transport
from ._wire import fields, length_field

if TYPE_CHECKING:
    from ._server import Server

IDLE: Final = 0
HEAD: Final = 1
RUN: Final = 2
BODY: Final = 3
SEND: Final = 4
LAST: Final = 5
SOCKET: Final = 6

_JOIN_BELOW = 64 * 1024
_COMPRESS_HERE = 64 * 1024
_BODILESS = (204, 304)
# Nor has one, but says so by its length (RFC 9110, section 15.3.6).
_EMPTY = 205
# And one that has a field of its own.
_WITH_CARE = frozenset({*_BODILESS, _EMPTY, 426})
# What is never compressed: there is nothing, or it is a part of something.
_AS_IT_IS = frozenset({*_BODILESS, 206})
# What a stream may write before others get a turn, in bytes; a chunk counts as so many more.
_TURN = 256 * 1024
_CHUNK = 4 * 1024

Start = Callable[[], Awaitable[None]]


def _nothing() -> None:
    pass


class Output:
    """The sink of responses: framing, negotiation, and the writes themselves."""

    __slots__ = (
        "_broken",
        "_close",
        "_join_below",
        "_parser",
        "_reader",
        "_rest",
        "_send",
        "_special",
        "request",
        "server",
        "state",
        "transport",
    )

    def __init__(self, server: Server, transport: Transport) -> None:
        self.server: Server = server
        self.transport: Transport = transport
        self._send = transport.send_nowait
        self.state: int = IDLE
        self.request: Request[Any, Any, Any] | None = None
        self._parser = HeadParser(server.limits)
        self._join_below = min(_JOIN_BELOW, server.config.compress_from or _JOIN_BELOW)
        self._broken = False
        self._close = False
        self._reader: BodyReader | None = None
        self._rest: memoryview | None = None
        #: Whether the answer needs more care than the common one: a HEAD, a body under way, an end of the connection.
        self._special = False

    def close_after_answer(self) -> None:
        """Make the answer under way the last one."""
        self._close = self._special = True

    def deliver_nowait(self, response: Response[Any], payload: bytes) -> int:
        """Write a plain buffered response as far as it goes without waiting."""
        status = response._status
        length = len(payload)
        if self._special or length >= self._join_below or status in _WITH_CARE:
            return 0
        if response._headers is None:
            data = self.server.heads[status, response._media, length] + payload
        elif "etag" in response._headers:
            return 0
        else:
            data = b"".join((self._begin_head(response), length_field(length), payload))
        try:
            written = self._send(data)
        except BlockingIOError:
            written = 0
        except OSError:
            self._broken = True
            raise ClientGone("the client left before it had its answer") from None
        if written == len(data):
            return 1
        self._rest = memoryview(data)[written:]
        return 2

    async def flush(self) -> None:
        """Write what ``deliver_nowait`` could not."""
        rest, self._rest = self._rest, None
        if rest is not None:
            await self._write_rest(rest)

    async def deliver(self, response: Response[Any], payload: bytes) -> None:
        """Write a buffered response."""
        request = self.request
        assert request is not None
        payload = b"" if response._status == _EMPTY else await self._negotiate(request, response, payload)
        head = self._begin_head(response)
        if response._status in _BODILESS:
            await self._write(head + b"\r\n")
            return
        head += length_field(len(payload))
        if request.method == "HEAD":
            await self._write(head)
        elif len(payload) < _JOIN_BELOW:
            await self._write(head + payload)
        else:
            await self._write(head)
            await self._write(payload)

    async def _negotiate(
        self, request: Request[Any, Any, Any], response: Response[Any], payload: bytes
    ) -> bytes:
        """Answer with 304 what the client has, and compress what it can decompress."""
        headers = response.headers
        status = response._status
        etag = headers.get("etag")
        floor = self.server.config.compress_from
        shrinks = (
            floor is not None
            and len(payload) >= floor
            and status not in _AS_IT_IS
            and "content-encoding" not in headers
            and compressible(headers.get("content-type", ""))
        )
        if shrinks or (floor is not None and status in (206, 304)):
            add_vary(headers, "Accept-Encoding")
        if etag is not None and status == 200 and request.method in ("GET", "HEAD"):
            status = precondition(request.method, request.headers, etag=etag, modified=None) or status
        if status == 304:
            response._status = status
            known = request.headers.get("if-none-match")
            if known is not None and etag is not None and not matches(known, etag, weak=False):
                # It has the compressed body, which was sent with a weak tag.
                headers["etag"] = f"W/{etag.removeprefix('W/')}"
            return b""
        if not shrinks:
            return payload
        coding = choose(request.headers.get("accept-encoding", ""), self.server.codings)
        if coding is None or "no-transform" in headers.get("cache-control", ""):
            return payload
        headers["content-encoding"] = coding
        # Ranges are those of the body as it is.
        headers.pop("accept-ranges", None)
        if etag is not None and not etag.startswith("W/"):
            # The bytes differ from those the tag was made for.
            headers["etag"] = f"W/{etag}"
        encode = self.server.codings[coding]
        if len(payload) < _COMPRESS_HERE:
            return encode(payload)
        return await trio.to_thread.run_sync(encode, payload)

    async def deliver_stream(
        self, response: Response[Any], chunks: AsyncIterable[bytes], before_last_byte: Commit | None
    ) -> None:
        """Write a response while it is produced; without a clean end if producing it fails."""
        iterator: AsyncIterator[bytes] | None = None
        try:
            iterator = aiter(chunks)
            await self._write_stream(response, iterator, before_last_byte or _nothing)
        except BaseException:
            if response.started:
                # The next answer must never be taken for the rest of this one.
                self._broken = True
            raise
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()

    async def _write_stream(
        self, response: Response[Any], iterator: AsyncIterator[bytes], commit: Commit
    ) -> None:
        request = self.request
        length = response._length
        bodiless_status = response._status in _BODILESS
        if response._status == _EMPTY:
            length = 0
        chunked = length is None and self._parser.minor == 1
        if length is None and not chunked:
            # HTTP/1.0 has no chunks: the end of the connection is the end of the body.
            self._close = True
        head = self._begin_head(response)
        if length is not None and not bodiless_status:
            head += length_field(length)
        else:
            head += b"transfer-encoding: chunked\r\n\r\n" if chunked and not bodiless_status else b"\r\n"
        silent = bodiless_status or response._status == _EMPTY
        if silent or (request is not None and request.method == "HEAD"):
            response.note_start()
            await self._write(head)
            commit()
            return

        async def start() -> None:
            # Not before there is something to send: what fails first can still be answered.
            if not response.started:
                response.note_start()
                await self._write(head)

        if response._heartbeat is None:
            await self._write_chunks(iterator, start, chunked=chunked, length=length)
        else:
            await self._write_with_heartbeat(iterator, start, response._heartbeat, chunked=chunked)
        commit()
        if chunked:
            await self._write(b"0\r\n\r\n")

    async def _write_chunks(
        self, iterator: AsyncIterator[bytes], start: Start, *, chunked: bool, length: int | None = None
    ) -> None:
        written = 0
        turn = _TURN
        async for chunk in iterator:
            if turn <= 0:
                # Neither side may ever wait: what is produced at once for a client that reads at once must not hold the loop.
                turn = _TURN
                await trio.lowlevel.checkpoint()
            turn -= len(chunk) + _CHUNK
            await start()
            written += len(chunk)
            if length is not None and written > length:
                raise ResponseState(f"the stream has more than the {length} bytes it promised")
            # An empty chunk would end the body.
            if chunk:
                await (self._write_chunk(chunk) if chunked else self._write(bytes(chunk)))
        await start()
        if length is not None and written < length:
            raise ResponseState(f"the stream has {written} bytes and not the {length} it promised")

    async def _write_with_heartbeat(
        self, iterator: AsyncIterator[bytes], start: Start, every: float, *, chunked: bool
    ) -> None:
        async def write(event: bytes) -> None:
            await self._write(b"%x\r\n%b\r\n" % (len(event), event) if chunked else event)

        await send_with_heartbeat(iterator, start, write, every=every, ending=self.server.drain_begun)

    def _begin_head(self, response: Response[Any]) -> bytes:
        headers = response._headers
        heads = self.server.heads
        if headers is None:
            head = heads.begin(response._status, response._media)
        else:
            head = fields(response) if "date" in headers else fields(response) + heads.shared
        reader = self._reader
        if reader is not None and not reader.decoder.done and self._must_not_discard(reader):
            self._close = True
        if response._status == 426:
            # It says to what (RFC 9110, section 15.5.22), and handlers must not.
            options = b"upgrade, close" if self._close else b"upgrade"
            return head + b"upgrade: websocket\r\nconnection: " + options + b"\r\n"
        if self._close:
            return head + b"connection: close\r\n"
        return head if self._parser.minor else head + b"connection: keep-alive\r\n"

    def _must_not_discard(self, reader: BodyReader) -> bool:
        # The rest of a chunked body has no known length, and a body that waits for an invitation may never come.
        left = reader.length - reader.taken
        return reader.length < 0 or reader.waits_for_invitation or left > self.server.limits.discard_size

    async def _write_chunk(self, chunk: bytes) -> None:
        if len(chunk) < _JOIN_BELOW:
            await self._write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            return
        # Three writes cost less than to copy this much.
        await self._write(b"%x\r\n" % len(chunk))
        await self._write(bytes(chunk))
        await self._write(b"\r\n")

    async def _write(self, data: bytes) -> None:
        if len(data) > _TURN:
            await self._write_rest(memoryview(data))
            return
        try:
            written = self.transport.send_nowait(data)
        except BlockingIOError:
            written = 0
        except OSError:
            self._broken = True
            raise ClientGone("the client left before it had its answer") from None
        if written != len(data):
            await self._write_rest(memoryview(data)[written:])

    async def _write_rest(self, data: memoryview) -> None:
        before = self.state
        self.state = SEND
        try:
            await self.transport.send_rest(data)
        except (Interrupted, OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            self._broken = True
            raise ClientGone("the client did not take its answer in time, or left") from None
        except BaseException:
            # A part of the message is out, so nothing else can follow it.
            self._broken = True
            raise
        finally:
            self.state = before
