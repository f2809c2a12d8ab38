"""One connection: the loop between bytes and ``Dispatch``."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio

from ._body import BodyReader
from ._errors import ClientGone, is_goodbye, is_of_client
from ._failure import answer_failure
from ._form import LONGEST
from ._head import HeadParser, Refusal
from ._input import Input
from ._json import dump_json
from ._limits import ConnectionEvent
from ._output import HEAD, IDLE, RUN
from ._request import Client, Request
from ._response import Response
from ._transport import Interrupted, Transport
from ._websocket import failure_code

if TYPE_CHECKING:
    from ._server import Server

Dispatch = Callable[[Request[Any, Any, Any], Response[Any]], Awaitable[None]]


class Connection(Input):
    """Reads requests, runs them one after the other, writes the answers in order.

    The watchdog reads ``state`` and ``sequence`` to age the connection, and ends waits through ``expire``.
    """

    #: What the connection waits for, as in ``_output``.
    state: int
    #: The request under way, and its response.
    request: Request[Any, Any, Any] | None
    response: Response[Any] | None

    __slots__ = (
        "_again",
        "_burst",
        "_dispatch",
        "age",
        "aged",
        "body_age",
        "body_limit",
        "half_close",
        "scope",
        "seen",
        "sequence",
    )

    def __init__(
        self, server: Server, transport: Transport, *, client: Client | None = None, scheme: str = "http"
    ) -> None:
        super().__init__(server, transport, client=client, scheme=scheme)
        #: Counts requests, so that the watchdog can tell two of them apart.
        self.sequence: int = 0
        self.scope: trio.CancelScope | None = None
        self.seen: int = -1
        self.aged: int = IDLE
        self.age: float = 0.0
        self.body_age: float = 0.0
        self.body_limit: int = server.body_limit
        #: Whether a FIN of the client is no disconnect.
        self.half_close: bool = server.config.half_close
        self._dispatch = server.dispatch
        #: The bytes of the last request, if they were all there was and the same bytes may be served without a look.
        self._again: bytes | None = None
        self._burst = 0

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        try:
            while await self._run_under_scope():
                pass
        except (ClientGone, Interrupted):
            pass
        except Exception as error:
            # A fault of this module must not reach the connections of others.
            self.report_crash(error)
        finally:
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
        descriptor = self.transport.fileno()
        receive = self.transport.receive
        wait_readable = trio.lowlevel.wait_readable
        size = server.limits.head_size
        most = server.requests_per_connection - 1
        parser = self._parser
        request: Request[Any, Any, Any] | None
        while True:
            try:
                if self._buffer:
                    request = await self._next_pipelined()
                else:
                    if sock is None:
                        data = await receive(size)
                    else:
                        # What ``receive`` does, without a coroutine in between.
                        await wait_readable(descriptor)
                        data = sock.recv(size)
                    if not data:
                        return False
                    if (
                        (data == self._again or (parser.plain and parser.recognise(data) == len(data)))
                        and self.sequence < most
                        and not server.draining
                    ):
                        # Of the form of the last request, which has passed the policy and needed no care.
                        self._again = data
                        self._close = self._special = False
                        self.sequence += 1
                        self.state = RUN
                        request = Request(parser.line, parser.headers, self)
                    else:
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
                    await server.answer_health(request, response)
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
        if response._stream or self._special:
            return False
        payload = response._payload
        if payload is None:
            encode = response._encode
            payload = dump_json(response._body) if encode is None else encode(response._body)
            response._payload = payload
        if not self.deliver_nowait(response, payload):
            return False
        response._started = response._sent = True
        return True

    async def _finish(self, request: Request[Any, Any, Any], response: Response[Any]) -> bool:
        """Send what is unsent and get ready for the next request; return whether there may be one."""
        if self.link is not None and request.websocket is not None and request.websocket.accepted:
            await self._end_socket(self.link, 1000)
            return False
        if self._broken or request.abort_reason == "disconnect":
            return False
        if not response._finished:
            response.problem(500, code="no_response", detail="The server did not answer this request.")
        try:
            await response.send()
            await self.flush()
        except Exception as error:
            if self._broken:
                if not is_goodbye(error):
                    self.report_crash(error)
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
        if self.link is not None and request.websocket is not None and request.websocket.accepted:
            await self._end_socket(self.link, 1001 if request.abort_reason == "shutdown" else 1011)
            return False
        if self._broken or request.abort_reason == "disconnect" or (response.started and not response.sent):
            return False
        if not response.finished:
            scope = self.scope
            if request.abort_reason == "shutdown":
                response.problem(503, code="shutting_down", detail="The server is shutting down.")
                self.close_after_answer()
            elif scope is not None and scope.cancel_called:
                response.problem(500, code="cancelled", detail="The request was cancelled.")
        return await self._finish(request, response)

    def _answer_exception(self, response: Response[Any], error: Exception) -> None:
        if self.link is not None and response._status == 101 and response._started:
            # Of another client's WebSocket it would be a failure like any other.
            if not (self.link.closed and is_goodbye(error)):
                code = self.link.failure_code = failure_code(error)
                if is_of_client(error):
                    self.server.report(ConnectionEvent("refused", code, error.code, str(error)))
                else:
                    self.report_crash(error)
            return
        if self._broken and is_goodbye(error):
            return
        if response.started or self._broken:
            # Whatever is on the wire cannot be taken back; without a clean end the client can tell.
            self._broken = True
            self.report_crash(error)
            return
        unanswered = answer_failure(response, error)
        if unanswered is not None:
            self.report_crash(unanswered)
            self.close_after_answer()

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
        parser = self._parser
        self._again = None
        length = parser.recognise(buffer)
        if not length:
            end = buffer.find(b"\r\n\r\n")
            if end <= 0 or buffer[0] == 13:
                return None
            length = end + 4
            parser.parse(buffer[:length])
        self._buffer = buffer[length:]
        self.sequence += 1
        self.state = RUN
        request: Request[Any, Any, Any] = Request(parser.line, parser.headers, self)
        server = self.server
        if (
            parser.plain
            and request.method != "HEAD"
            and not server.draining
            and self.sequence < server.requests_per_connection
        ):
            self._close = self._special = False
            if length == len(buffer) <= LONGEST:
                self._again = buffer
        else:
            self._prepare(request, parser)
        return request

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
                    400, "malformed_request_line", "The message begins with more than one line break."
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
                    raise Refusal(408, "slow_request", "The request head took too long.") from None
                raise
            if not data:
                return None
            self._buffer += data

    def _prepare(self, request: Request[Any, Any, Any], parser: HeadParser) -> None:
        """Give a request its body, and note what its answer needs beyond the common one."""
        length = parser.content_length
        reader = None
        if length:
            buffer = self._buffer
            if 0 < length <= len(buffer):
                request._raw = buffer[:length]
                request._read = False
                self._buffer = buffer[length:]
            else:
                request._raw = None
                request._read = False
                self.received = 0
                request._source = reader = self._reader = BodyReader(self, length, expects=parser.expects)
            if "content-encoding" in request.headers:
                request.decode_body(allowed=self.server.config.decompress)
        if parser.opens_socket:
            self._offer_socket(request, length)
        server = self.server
        self._close = close = (
            # Whatever comes behind an opening request is no request, even if the opening is declined.
            parser.opens_socket
            or not parser.keep_alive
            or server.draining
            or self.sequence >= server.requests_per_connection
        )
        self._special = close or reader is not None or not parser.minor or request.method == "HEAD"
