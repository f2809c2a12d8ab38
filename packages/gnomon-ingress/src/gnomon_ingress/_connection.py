"""One connection: the loop between bytes and ``Dispatch``."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import trio

from ._body import BodyReader
from ._compression import choose, compressible
from ._errors import ClientGone, HttpError, RequestInvalid, ResponseState
from ._events import HEARTBEAT
from ._head import HeadParser, Refusal
from ._headers import Headers, add_vary
from ._limits import ConnectionEvent
from ._preconditions import precondition
from ._proxy import seen_through_proxies
from ._request import Client, Request
from ._response import Commit, Response
from ._transport import Interrupted, Transport
from ._wire import canned, fields, length_field

if TYPE_CHECKING:
    from ._server import Server

Dispatch = Callable[[Request[Any, Any, Any], Response[Any]], Awaitable[None]]

logger = logging.getLogger("gnomon_ingress")

IDLE: Final = 0
HEAD: Final = 1
RUN: Final = 2
BODY: Final = 3
SEND: Final = 4
LAST: Final = 5

_LINGER_SECONDS = 1.0
_LINGER_BYTES = 1024 * 1024
_BODY_PIECE = 64 * 1024
_JOIN_BELOW = 64 * 1024
_COMPRESS_HERE = 64 * 1024
_BODILESS = (204, 304)


def _nothing() -> None:
    pass


class Connection:
    """Reads requests, runs them one after the other, writes the answers in order.

    The watchdog reads ``state`` and ``sequence`` to age the connection, and ends waits through ``expire``.
    """

    __slots__ = (
        "_broken",
        "_buffer",
        "_burst",
        "_client",
        "_close",
        "_dispatch",
        "_join_below",
        "_parser",
        "_reader",
        "_rest",
        "_scheme",
        "_special",
        "age",
        "aged",
        "body_age",
        "body_limit",
        "expired",
        "received",
        "request",
        "response",
        "scope",
        "seen",
        "send_age",
        "sequence",
        "server",
        "state",
        "transport",
    )  # fmt: skip

    def __init__(
        self, server: Server, transport: Transport, *, client: Client | None = None, scheme: str = "http"
    ) -> None:
        self.server = server
        self.transport = transport
        self.state = IDLE
        #: Counts requests, so that the watchdog can tell two of them apart.
        self.sequence = 0
        self.scope: trio.CancelScope | None = None
        self.request: Request[Any, Any, Any] | None = None
        self.response: Response[Any] | None = None
        #: Set by the watchdog before it interrupts: ``"deadline"`` or ``"shutdown"``.
        self.expired: str | None = None
        #: Bytes of the current body that came in waits of their own, for the body deadline.
        self.received = 0
        self.seen = -1
        self.aged = IDLE
        self.age = self.body_age = self.send_age = 0.0
        self.body_limit = server.body_limit
        self._join_below = min(_JOIN_BELOW, server.config.compress_from or _JOIN_BELOW)
        self._dispatch = server.dispatch
        self._parser = HeadParser(server.limits, server.lines)
        self._buffer = b""
        self._burst = 0
        self._broken = False
        self._close = False
        self._reader: BodyReader | None = None
        self._client = client
        self._scheme = scheme
        #: Whether the answer needs more care than the common one: a HEAD, a body under way, an end of the connection.
        self._special = False
        self._rest: memoryview | None = None

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        try:
            while await self._run_under_scope():
                pass
        except (ClientGone, Interrupted):
            pass
        except Exception as error:
            # A fault of this module must not reach the connections of others.
            self._report_crash(error)
        finally:
            self._parser.close()
            self.transport.close()
            self.server.forget(self)

    async def _run_under_scope(self) -> bool:
        # One scope serves all requests until one of them touches it; the next then starts under a fresh one.
        again = True
        with trio.CancelScope() as scope:
            self.scope = scope
            again = await self._serve(scope)
        if self.request is None:
            return again
        # The request was cancelled, so its answer has to leave from outside the scope.
        return await self._conclude_cancelled()

    async def _serve(self, scope: trio.CancelScope) -> bool:
        server = self.server
        dispatch = self._dispatch
        reserved = server.reserved
        sock = self.transport.sock
        receive = self.transport.receive
        wait_readable = trio.lowlevel.wait_readable
        size = server.limits.head_size
        while True:
            try:
                if self._buffer:
                    request = await self._next_pipelined()
                elif server.draining:
                    return False
                else:
                    if sock is None:
                        data = await receive(size)
                    else:
                        # What ``receive`` does, without a coroutine in between.
                        await wait_readable(sock)
                        data = sock.recv(size)
                    if not data:
                        return False
                    self._burst = 0
                    self._buffer = data
                    request = self._take_head() or await self._receive_head()
            except Refusal as refusal:
                await self._refuse(refusal)
                return False
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):
                return False
            if request is None:
                return False
            self.request = request
            self.response = response = Response(self)
            try:
                if request.path in reserved:
                    server.answer_health(request, response)
                else:
                    await dispatch(request, response)
                done = response._sent or (response._finished and self._send_at_once(response))
            except Exception as error:
                self._answer_exception(response, error)
                done = False
            if scope.deadline != math.inf or (self._buffer and scope.cancel_called):
                return True
            if done and not self._special and self._rest is None and not self._broken:
                self.request = None
                self.state = IDLE
            elif scope.cancel_called:
                return True
            elif not await self._finish(request, response):
                return False

    def _send_at_once(self, response: Response[Any]) -> bool:
        """Send a plain buffered response without waiting; return whether that was possible."""
        if response._stream or self._special or not self.deliver_nowait(response, response.encoded()):
            return False
        response._started = response._sent = True
        return True

    async def _finish(self, request: Request[Any, Any, Any], response: Response[Any]) -> bool:
        """Send what is unsent and get ready for the next request; return whether there may be one."""
        if self._broken or request.abort_reason == "disconnect":
            return False
        if not response._finished:
            response.problem(500, code="no-response", detail="The server did not answer this request.")
        try:
            await response.send()
            await self.flush()
        except ClientGone:
            raise
        except Exception as error:
            if self._broken:
                self._report_crash(error)
                return False
            self._answer_exception(response, error)
            await response.send()
        self.request = None
        if self._close:
            await self._linger()
            return False
        reader = self._reader
        if reader is not None:
            self._reader = None
            if not reader.decoder.done and not await reader.discard(self.server.limits.discard_size):
                await self._linger()
                return False
        self.state = IDLE
        return True

    async def _conclude_cancelled(self) -> bool:
        request, response = self.request, self.response
        assert request is not None
        assert response is not None
        if self._broken or request.abort_reason == "disconnect" or (response.started and not response.sent):
            return False
        if not response.finished:
            if request.abort_reason == "shutdown":
                response.problem(503, code="shutting-down", detail="The server is shutting down.")
                self.close_after_answer()
            else:
                response.problem(500, code="cancelled", detail="The request was cancelled.")
        return await self._finish(request, response)

    def _answer_exception(self, response: Response[Any], error: Exception) -> None:
        if isinstance(error, ClientGone):
            self._broken = True
            return
        if response.started or self._broken:
            # Whatever is on the wire cannot be taken back; without a clean end the client can tell.
            self._broken = True
            self._report_crash(error)
            return
        response.reset()
        if isinstance(error, (HttpError, RequestInvalid)):
            response.problem(
                error.status, code=error.code, detail=error.detail, errors=error.errors, headers=error.headers
            )
            return
        self._report_crash(error)
        self.close_after_answer()
        response.problem(500, code="internal-error", detail="The server failed to answer this request.")

    def _report_crash(self, error: Exception) -> None:
        logger.error("the dispatch of %r raised", self.request, exc_info=error)
        self.server.report(ConnectionEvent("crashed", 500, "internal-error", "", error))

    async def _next_pipelined(self) -> Request[Any, Any, Any] | None:
        """Take the next request from bytes that are here already."""
        self._burst += 1
        if self._burst >= self.server.limits.pipeline_depth:
            # One client's pipeline must not hold the loop.
            self._burst = 0
            await trio.lowlevel.checkpoint()
        return self._take_head() or await self._receive_head()

    def _take_head(self) -> Request[Any, Any, Any] | None:
        """Make a request of the buffer if it begins with a complete head."""
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end <= 0 or buffer[0] == 13:
            return None
        end += 4
        if len(buffer) == end:
            self._buffer = b""
        else:
            self._buffer = buffer[end:]
            buffer = buffer[:end]
        self.sequence += 1
        self.state = RUN
        parser = self._parser
        parser.complete(buffer)
        return self._make_request(parser)

    async def _receive_head(self) -> Request[Any, Any, Any] | None:
        """Receive until the buffer begins with a complete head; ``None`` if the connection ends before."""
        size = self.server.limits.head_size
        stripped = False
        while True:
            while self._buffer[:2] == b"\r\n" and not stripped:
                # One empty line before a request is forgiven (RFC 9112, section 2.2).
                stripped = True
                self._buffer = self._buffer[2:]
            if self._buffer[:1] == b"\r" and (stripped or len(self._buffer) > 1):
                raise Refusal(
                    400, "malformed-request-line", "The message begins with more than one line break."
                )
            request = self._take_head()
            if request is not None:
                return request
            if self._buffer and self._buffer != b"\r":
                self._parser.feed(self._buffer)
            self._burst = 0
            self.state = HEAD if self._buffer or stripped else IDLE
            try:
                data = await self.transport.receive(size)
            except Interrupted:
                if self.state == HEAD and self.expired == "deadline":
                    raise Refusal(408, "slow-request", "The request head took too long.") from None
                raise
            if not data:
                return None
            self._buffer += data

    def close_after_answer(self) -> None:
        """Make the answer under way the last one."""
        self._close = self._special = True

    def disconnect(self) -> None:
        """Tell the running request that its client left."""
        if self.request is not None:
            self.request.abort("disconnect")

    def shut_down(self) -> None:
        """End the connection because the grace of a drain is over."""
        if self.request is not None:
            self.request.abort("shutdown")
        else:
            self.expire("shutdown")

    def _make_request(self, parser: HeadParser) -> Request[Any, Any, Any]:
        length = parser.content_length
        reader = None
        request: Request[Any, Any, Any] = Request(parser.line, parser.headers, self)
        if length:
            buffer = self._buffer
            if 0 < length <= len(buffer):
                request._raw = buffer[:length]
                self._buffer = buffer[length:]
            else:
                request._raw = None
                self.received = 0
                request._source = reader = self._reader = BodyReader(self, length, expects=parser.expects)
        server = self.server
        self._close = close = (
            not parser.keep_alive or server.draining or self.sequence >= server.requests_per_connection
        )
        self._special = close or reader is not None or not parser.line.minor or request.method == "HEAD"
        return request

    async def _refuse(self, refusal: Refusal) -> None:
        server = self.server
        server.report(ConnectionEvent("refused", refusal.status, refusal.code, refusal.detail))
        self.state = LAST
        answer = canned(refusal.status, code=refusal.code, detail=refusal.detail, shared=server.heads.shared)
        try:
            await self._write(answer)
        except ClientGone:
            return
        await self._linger()

    async def _linger(self) -> None:
        # Closing a socket with unread bytes resets the connection, and the reset can overtake our answer.
        self.state = LAST
        left = _LINGER_BYTES
        with trio.move_on_after(_LINGER_SECONDS):
            await self.transport.send_eof()
            while left > 0:
                data = await self.transport.receive(_BODY_PIECE)
                if not data:
                    return
                left -= len(data)

    def describe_client(self, headers: Headers) -> tuple[Client | None, str]:
        """Return address and scheme as the client sees them."""
        return seen_through_proxies(self._client, self._scheme, headers, self.server.trusted)

    def expire(self, reason: str) -> None:
        """End the wait under way, because a deadline passed or the server drains."""
        self.expired = reason
        self.transport.interrupt()

    def take_buffered(self) -> bytes:
        data, self._buffer = self._buffer, b""
        return data

    def give_back(self, rest: bytes) -> None:
        self._buffer = rest

    async def receive_body(self) -> bytes:
        self.state = BODY
        try:
            data = await self.transport.receive(_BODY_PIECE)
        except Interrupted:
            self.close_after_answer()
            raise HttpError(408, "slow-request", "The request body took too long.") from None
        finally:
            self.state = RUN
        if not data:
            self._broken = True
            if self.request is not None:
                self.request.abort("disconnect")
            await trio.lowlevel.checkpoint()
            raise ClientGone("the client left in the middle of the body")
        self.received += len(data)
        return data

    async def invite_body(self) -> None:
        await self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def deliver_nowait(self, response: Response[Any], payload: bytes) -> int:
        """Write a plain buffered response as far as it goes without waiting."""
        status = response._status
        length = len(payload)
        if self._special or length >= self._join_below or status in _BODILESS:
            return 0
        if response._headers is None:
            head = self.server.heads[status, response._media]
        elif "etag" in response._headers:
            return 0
        else:
            head = self._begin_head(response)
        data = b"".join((head, length_field(length), payload))
        try:
            written = self.transport.send_nowait(data)
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
        if request is not None:
            payload = await self._negotiate(request, response, payload)
        head = self._begin_head(response)
        if response._status in _BODILESS:
            await self._write(head + b"\r\n")
            return
        head += length_field(len(payload))
        if request is not None and request.method == "HEAD":
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
        etag = headers.get("etag")
        if etag is not None and response._status == 200 and request.method in ("GET", "HEAD"):
            verdict = precondition(request.method, request.headers, etag=etag, modified=None)
            if verdict == 304:
                response._status = 304
                return b""
        floor = self.server.config.compress_from
        if floor is None or len(payload) < floor or response._status in (*_BODILESS, 206):
            return payload
        if "content-encoding" in headers or not compressible(headers.get("content-type", "")):
            return payload
        add_vary(headers, "Accept-Encoding")
        coding = choose(request.headers.get("accept-encoding", ""), self.server.codings)
        if coding is None or "no-transform" in headers.get("cache-control", ""):
            return payload
        headers["content-encoding"] = coding
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
        iterator = aiter(chunks)
        commit = before_last_byte or _nothing
        try:
            await self._write_stream(response, iterator, commit)
        except BaseException:
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
        chunked = length is None and self._parser.line.minor == 1
        if length is None and not chunked:
            # HTTP/1.0 has no chunks: the end of the connection is the end of the body.
            self._close = True
        head = self._begin_head(response)
        if length is not None and not bodiless_status:
            head += length_field(length)
        else:
            head += b"transfer-encoding: chunked\r\n\r\n" if chunked and not bodiless_status else b"\r\n"
        await self._write(head)
        if bodiless_status or (request is not None and request.method == "HEAD"):
            commit()
            return
        if response._heartbeat is None:
            await self._write_chunks(iterator, chunked=chunked, length=length)
        else:
            await self._write_with_heartbeat(iterator, response._heartbeat, chunked=chunked)
        commit()
        if chunked:
            await self._write(b"0\r\n\r\n")

    async def _write_chunks(
        self, iterator: AsyncIterator[bytes], *, chunked: bool, length: int | None = None
    ) -> None:
        written = 0
        async for chunk in iterator:
            written += len(chunk)
            if length is not None and written > length:
                raise ResponseState(f"the stream has more than the {length} bytes it promised")
            # An empty chunk would end the body.
            if chunk:
                await self._write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else bytes(chunk))
        if length is not None and written < length:
            raise ResponseState(f"the stream has {written} bytes and not the {length} it promised")

    async def _write_with_heartbeat(
        self, iterator: AsyncIterator[bytes], every: float, *, chunked: bool
    ) -> None:
        lock = trio.Lock()
        beat = b"%x\r\n%b\r\n" % (len(HEARTBEAT), HEARTBEAT) if chunked else HEARTBEAT
        failures: list[Exception] = []

        async def keep_alive() -> None:
            while True:
                with trio.move_on_after(every):
                    await self.server.drain_begun.wait()
                    # A stream of events never ends by itself; its client reconnects elsewhere.
                    return
                async with lock:
                    await self._write(beat)

        async def send_events() -> None:
            async for chunk in iterator:
                async with lock:
                    await self._write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)

        async with trio.open_nursery() as nursery:

            async def until_it_ends(run: Callable[[], Awaitable[None]]) -> None:
                try:
                    await run()
                except Exception as error:
                    failures.append(error)
                # Under the lock, so that the other one is never cut in the middle of a write.
                async with lock:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(until_it_ends, keep_alive)
            await until_it_ends(send_events)
        if failures:
            raise failures[0]

    def _begin_head(self, response: Response[Any]) -> bytes:
        headers = response._headers
        heads = self.server.heads
        if headers is None:
            head = heads[response._status, response._media]
        else:
            head = fields(response) if "date" in headers else fields(response) + heads.shared
        reader = self._reader
        if reader is not None and not reader.decoder.done and self._must_not_discard(reader):
            self._close = True
        if self._close:
            return head + b"connection: close\r\n"
        return head if self._parser.line.minor else head + b"connection: keep-alive\r\n"

    def _must_not_discard(self, reader: BodyReader) -> bool:
        # The rest of a chunked body has no known length, and a body that waits for an invitation may never come.
        left = reader.length - reader.taken
        return reader.length < 0 or reader.waits_for_invitation or left > self.server.limits.discard_size

    async def _write(self, data: bytes) -> None:
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
