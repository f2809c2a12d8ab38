"""A dispatch as an ASGI application, for servers that speak what this one does not (HTTP/2, HTTP/3)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import trio

from ._asgi_socket import AsgiLink
from ._connection import Dispatch
from ._errors import ClientGone, HttpError, is_goodbye, is_of_client
from ._events import send_with_heartbeat
from ._failure import answer_failure
from ._handshake import Origins, check_origin
from ._head import Refusal
from ._headers import Headers
from ._limits import Limits
from ._request import Client, Request, body_too_large
from ._response import Response
from ._sink import Commit
from ._target import BadTarget, Line, split_target
from ._websocket import WebSocket, failure_code

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

logger = logging.getLogger("gnomon_ingress")


def asgi(
    dispatch: Dispatch,
    *,
    limits: Limits | None = None,
    websocket_origins: Origins = (),
    lifespan: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
) -> AsgiApp:
    """Return an ASGI 3 application for servers that run trio, such as hypercorn's trio worker.

    Framing, deadlines and the address of the client behind proxies are the server's business then. A disconnect reaches
    the request when the server reports it, unless there is more of its body to read.

    WebSockets work as everywhere; pings and fragments are the server's business. Pages of other origins are refused
    unless ``websocket_origins`` lets them in, as in ``Config``.

    Args:
        dispatch: What is served.
        limits: Only ``body_size`` and ``message_size`` apply.
        websocket_origins: Whose pages may open WebSockets, beside the server's own.
        lifespan: Makes the context manager in which requests are served, from the server's start to its end (ASGI lifespan).
    """
    bounds = limits or Limits()

    async def application(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send, lifespan or nullcontext)
        elif scope["type"] == "http":
            await _Exchange(scope, receive, send, bounds.body_size).run(dispatch)
        elif scope["type"] == "websocket":
            link = AsgiLink(scope, receive, send, bounds.message_size)
            await _Opening(scope, receive, send, link, websocket_origins).run(dispatch)
        else:
            raise NotImplementedError(f"this application serves HTTP, not {scope['type']}")

    return application


async def _live(
    receive: Receive, send: Send, lifespan: Callable[[], AbstractAsyncContextManager[Any]]
) -> None:
    stage = "startup"
    await receive()
    try:
        async with lifespan():
            await send({"type": "lifespan.startup.complete"})
            stage = "shutdown"
            await receive()
    except Exception as error:
        logger.exception("the %s of the application failed", stage)
        await send({"type": f"lifespan.{stage}.failed", "message": str(error)})
    else:
        await send({"type": "lifespan.shutdown.complete"})


def _has_body(scope: MutableMapping[str, Any], headers: Headers) -> bool:
    """Whether anything may follow the head: HTTP/2 needs no field to say so."""
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        return True
    return scope.get("http_version", "1.1")[0] != "1" and scope.get("method") not in ("GET", "HEAD")


class _Exchange:
    """One request and its response over ASGI: origin, body source and sink in one."""

    def __init__(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send, body_limit: int
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        # Set when nothing but a disconnect can be received.
        self._body_read = trio.Event()
        self.body_limit = body_limit
        self.scope: trio.CancelScope | None = trio.CancelScope()
        self.request: Request[Any, Any, Any] | None = None
        self._kind = "http.response"
        # Around what is sent when the dispatch is over; before, the request's own scope is the one to cancel.
        self._sending = trio.CancelScope()

    async def run(self, dispatch: Dispatch) -> None:
        """Run the dispatch and send its answer."""
        response: Response[Any] = Response(self)
        try:
            self.request = request = self._make_request()
        except HttpError as error:
            response.problem(error.status, code=error.code, detail=error.detail)
            await response.send()
            return
        if not _has_body(self._scope, request.headers):
            self._body_read.set()
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, request)
            try:
                await self._answer_request(dispatch, request, response)
            except Exception as error:  # raised below, without the group that the nursery would put around it
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _watch(self, request: Request[Any, Any, Any]) -> None:
        """Tell the request when its client has left; the server knows, and says so to whoever receives."""
        await self._body_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        request.abort("disconnect")
        self._sending.cancel()

    async def _answer_request(
        self, dispatch: Dispatch, request: Request[Any, Any, Any], response: Response[Any]
    ) -> None:
        assert self.scope is not None
        with self.scope:
            try:
                await dispatch(request, response)
            except Exception as error:
                # Of another client's WebSocket it is a failure like any other.
                if not (request.abort_reason is not None and is_goodbye(error)):
                    self._answer_exception(response, error)
        if request.abort_reason is not None:
            return
        if not response.finished:
            response.problem(500, code="no_response", detail="The server did not answer this request.")
        with self._sending:
            try:
                await response.send()
            except ClientGone:
                raise
            except Exception as error:
                self._answer_exception(response, error)
                await response.send()

    def _make_request(self) -> Request[Any, Any, Any]:
        scope = self._scope
        pairs = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        raw = bytes(scope.get("raw_path") or scope["path"].encode()) + (
            b"?" + scope["query_string"] if scope.get("query_string") else b""
        )
        try:
            method = scope.get("method", "GET")
            target = split_target(raw, asterisk=method == "OPTIONS")
            line = Line(method, raw.decode("ascii"), target.path, target.query_string, 1)
        except (BadTarget, UnicodeDecodeError):
            raise HttpError(400, "invalid_target", "The target is not one this server answers.") from None
        request: Request[Any, Any, Any] = Request(line, Headers(pairs), self)
        request._raw = None
        request._read = False
        request._source = self
        if "content-encoding" in request.headers:
            request.decode_body(allowed=False)
        return request

    def _answer_exception(self, response: Response[Any], error: Exception) -> None:
        if response.started:
            raise error
        unanswered = answer_failure(response, error)
        if unanswered is not None:
            logger.error("the dispatch of %r raised", self.request, exc_info=unanswered)

    def describe_client(self, headers: Headers) -> tuple[Client | None, str]:  # noqa: ARG002 — the server looked at them
        """Return what the server says."""
        address = self._scope.get("client")
        return None if address is None else Client(address[0], address[1]), self._scope.get("scheme", "http")

    async def read(self, limit: int) -> bytes:
        """Return the whole body."""
        return b"".join([piece async for piece in self.stream(limit)])

    def stream(self, limit: int) -> AsyncIterator[bytes]:
        """Return an iterator over the body."""
        return _Pieces(self, limit)

    async def next_piece(self) -> bytes:
        """Return the next piece of the body, none at its end."""
        while not self._body_read.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                assert self.request is not None
                self.request.abort("disconnect")
                await trio.lowlevel.checkpoint()
                raise ClientGone("the client left in the middle of the body")
            if not message.get("more_body", False):
                self._body_read.set()
            piece = message.get("body", b"")
            if piece:
                return bytes(piece)
        return b""

    def deliver_nowait(self, response: Response[Any], payload: bytes) -> int:  # noqa: ARG002 — nothing goes without waiting
        """Leave it to ``deliver``."""
        return 0

    async def flush(self) -> None:
        """Nothing is ever left over."""

    async def deliver(self, response: Response[Any], payload: bytes) -> None:
        """Send head and body."""
        bodiless = response.status_code in (204, 304)
        await self._start(response, None if bodiless else len(payload))
        await self._send({"type": f"{self._kind}.body", "body": b"" if bodiless else payload})

    async def deliver_stream(
        self, response: Response[Any], chunks: AsyncIterable[bytes], before_last_byte: Commit | None
    ) -> None:
        """Send the head, then each chunk."""

        async def start() -> None:
            if not response.started:
                response.note_start()
                await self._start(response, response._length)

        async def write(chunk: bytes) -> None:
            await self._send({"type": f"{self._kind}.body", "body": bytes(chunk), "more_body": True})

        iterator = aiter(chunks)
        try:
            if response._heartbeat is None:
                async for chunk in iterator:
                    await start()
                    await write(chunk)
                await start()
            else:
                # The server has no way to say that it stops.
                await send_with_heartbeat(
                    iterator, start, write, every=response._heartbeat, ending=trio.Event()
                )
            if before_last_byte is not None:
                before_last_byte()
            await self._send({"type": f"{self._kind}.body", "body": b""})
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()

    async def _start(self, response: Response[Any], length: int | None) -> None:
        fields = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.lines()
        ]
        if length is not None:
            fields.append((b"content-length", b"%d" % length))
        await self._send({"type": f"{self._kind}.start", "status": response.status_code, "headers": fields})


class _Opening(_Exchange):
    """The opening request of a WebSocket, answered with it or with an ordinary response."""

    def __init__(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Send,
        link: AsgiLink,
        origins: Origins,
    ) -> None:
        super().__init__(scope, receive, send, 0)
        self._link = link
        self._origins = origins
        self._kind = "websocket.http.response"
        self._body_read.set()

    async def run(self, dispatch: Dispatch) -> None:
        """Run the dispatch, then close, or send what it answered instead."""
        if (await self._receive())["type"] != "websocket.connect":
            return
        link = self._link
        self.response = link.response = response = Response(self)
        try:
            self.request = link.request = request = self._make_request()
            check_origin(request.headers, self._origins)
        except (HttpError, Refusal) as error:
            response.problem(error.status, code=error.code, detail=error.detail)
            await self._answer(response)
            return
        request.websocket = socket = WebSocket(link)
        code = 1000
        assert self.scope is not None
        with self.scope:
            try:
                await dispatch(request, response)
            except Exception as error:
                if link.closed and is_goodbye(error):
                    pass
                elif socket.accepted:
                    if not is_of_client(error):
                        logger.exception("the dispatch of %r raised", request)
                    code = failure_code(error)
                else:
                    self._answer_exception(response, error)
        if socket.accepted:
            try:
                await link.close(1011 if self.scope.cancelled_caught else code, "")
            except ClientGone:
                pass
        elif request.abort_reason is None:
            if not response.finished:
                response.problem(500, code="no_response", detail="The server did not answer this request.")
            await self._answer(response)

    async def _answer(self, response: Response[Any]) -> None:
        if "websocket.http.response" in self._scope.get("extensions", ()):
            await response.send()
        elif not response.sent:
            # All such a server can say is 403.
            await self._send({"type": "websocket.close", "code": 1008})


class _Pieces:
    def __init__(self, exchange: _Exchange, limit: int) -> None:
        self._exchange = exchange
        self._limit = limit
        self._taken = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._exchange.next_piece()
        self._taken += len(piece)
        if self._taken > self._limit:
            raise body_too_large(self._limit)
        if not piece:
            raise StopAsyncIteration
        return piece
