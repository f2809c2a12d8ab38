"""What a handler answers with: buffered until it is sent, so that hooks and validation see it whole.

Longer than its neighbours because it is one class: what a handler can say of its answer stands together, and half of it is
documentation.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

from ._cookies import SameSite, format_cookie
from ._errors import ResponseState
from ._events import MEDIA_TYPE as EVENTS_TYPE
from ._events import Encoded, encode_event, encode_line
from ._file_answer import answer_with_file
from ._generic import Body, OneParameter
from ._headers import MutableHeaders, check_value
from ._json import dump_json
from ._problem import MEDIA_TYPE as PROBLEM_TYPE
from ._problem import problem_document
from ._sink import Commit, Sink

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
BYTES_TYPE = "application/octet-stream"

_CHECKED = frozenset({JSON_TYPE, TEXT_TYPE, BYTES_TYPE, PROBLEM_TYPE})


# The successes of which a body is declared: not 204 and 205, which have none (RFC 9110, sections 15.3.5 and 15.3.6).
WithBody: TypeAlias = Literal[200, 201, 202, 203, 206, 207, 208, 226]


def encode_text(value: str) -> bytes:
    return value.encode()


def encode_bytes(value: bytes | bytearray | memoryview) -> bytes:
    return bytes(value)


class Response(OneParameter[Body]):
    """The answer to one request.

    The finishing methods (``json``, ``text``, ``bytes``, ``redirect``, ``problem``, ``stream``) set the whole body; until
    the first byte is sent a later call replaces an earlier one, and ``status``, ``headers`` and ``body`` may be edited.
    The runtime sends a finished response when the dispatch returns; ``send`` does it earlier.

    >>> res = Response()
    >>> res.status(201).header("X-Total", "1").json({"id": "a1"})
    >>> res.status_code, res.headers["content-type"], res.body, res.finished
    (201, 'application/json', {'id': 'a1'}, True)
    """

    # Class attributes instead of slots: most of these stay as they are, and a request is cheaper for it.
    _status: int = 200
    _headers: MutableHeaders | None = None
    _media: str | None = None
    _body: Any = None
    _payload: builtins.bytes | None = None
    # ``None`` is JSON: a function that is a class attribute is slow to get at.
    _encode: Callable[[Any], builtins.bytes] | None = None
    _stream: bool = False
    _finished: bool = False
    _started: bool = False
    _sent: bool = False
    # Of a stream: its length if that is known, and the seconds between heartbeats.
    _length: int | None = None
    _heartbeat: float | None = None
    # Whether a finishing method has more to do than to store the body.
    _touched: bool = False

    # One per request, so the argument is positional: that is cheaper.
    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink

    @property
    def status_code(self) -> int:
        """The status as it stands, 200 until something else is set."""
        return self._status

    @property
    def headers(self) -> MutableHeaders:
        """The header fields as they stand; assignments are checked."""
        headers = self._headers
        if headers is None:
            headers = self._headers = MutableHeaders()
            self._touched = True
            if self._media is not None:
                headers["content-type"] = self._media
        return headers

    @property
    def finished(self) -> bool:
        """Whether the body is complete (or, for a stream, given)."""
        return self._finished

    def set_item_encoder(self, dump: Callable[[Any], builtins.bytes]) -> None:
        """Let the items of ``ndjson`` and the data of ``events`` be encoded by a type instead of as plain JSON."""
        self._check_open()
        for encode in (encode_line, encode_event):
            if self._encode is encode:
                self._encode = partial(encode, dump=dump)

    def note_start(self) -> None:
        """Called by the sink of a stream when its head is about to leave."""
        self._started = True

    @property
    def started(self) -> bool:
        """Whether the first byte is on its way: from then on nothing can be changed."""
        return self._started

    @property
    def sent(self) -> bool:
        """Whether sending was begun, so that ``send`` has nothing left to do."""
        return self._sent

    @property
    def streaming(self) -> bool:
        """Whether ``body`` is an iterator that is run while it is sent."""
        return self._stream

    @property
    def body(self) -> Any:
        """What was given to the finishing method; assigning replaces it and keeps the encoding."""
        return self._body

    @body.setter
    def body(self, value: Any) -> None:
        self._check_open()
        if not self._finished:
            self._finish(value, None, JSON_TYPE)
            return
        self._body = value
        self._payload = None

    @overload
    def status(self, code: WithBody) -> Response[Body]: ...

    @overload
    def status(self, code: int) -> Response[Any]: ...

    def status(self, code: int) -> Response[Any]:
        """Set the status.

        Type checkers hold what follows to the declared body where the status is a success that has one; for others, and
        where they do not know the status, to nothing: those bodies are declared by status, and checked at run time.

        Args:
            code: 200 to 599; informational statuses belong to the connection.

        Raises:
            ValueError: The code is outside that range.
            ResponseState: The first byte was sent.
        """
        if self._started:
            self._check_open()
        if not 200 <= code <= 599:
            raise ValueError(f"{code} is not a final status: give one from 200 to 599")
        self._status = code
        return self

    def header(self, name: str, value: str) -> Response[Body]:
        """Set a header field, replacing it; ``res.headers.add`` repeats one.

        Raises:
            InvalidHeader: The name or value must not go on the wire, or is written by the connection.
            ResponseState: The first byte was sent.
        """
        self._check_open()
        self.headers[name] = value
        return self

    def cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = True,
        http_only: bool = True,
        same_site: SameSite | None = "lax",
    ) -> Response[Body]:
        """Add a cookie; the defaults are the safe ones (Secure, HttpOnly, SameSite=Lax).

        Args:
            name: Its name, a token.
            value: Its value, printable ASCII without blanks, commas, semicolons, quotes and backslashes.
            path: The paths it is sent to.
            domain: The hosts it is sent to; ``None`` means this host alone.
            secure: Whether it travels over HTTPS only.
            http_only: Whether scripts of the page are kept from it.
            same_site: Whether requests from other sites carry it.
            max_age: Seconds to keep it; 0 deletes it, ``None`` ends it with the browser's session.

        Raises:
            InvalidHeader: A part has a character a cookie cannot carry.

        >>> Response().cookie("session", "abc").headers["set-cookie"]
        'session=abc; Path=/; Secure; HttpOnly; SameSite=Lax'
        """
        self._check_open()
        line = format_cookie(
            name, value, max_age=max_age, path=path, domain=domain,
            secure=secure, http_only=http_only, same_site=same_site,
        )  # fmt: skip
        self.headers.add("set-cookie", line)
        return self

    def json(self, value: Body) -> None:
        """Finish with a JSON body; it is encoded once, when it is validated or sent."""
        if self._touched:
            self._finish(value, None, JSON_TYPE)
            return
        self._body = value
        self._media = JSON_TYPE
        self._finished = self._touched = True

    def text(self, value: str, *, media_type: str = TEXT_TYPE) -> None:
        """Finish with text in UTF-8."""
        self._finish(value, encode_text, media_type)

    def bytes(self, value: builtins.bytes | bytearray | memoryview, *, media_type: str = BYTES_TYPE) -> None:
        """Finish with bytes as they are."""
        self._finish(value, encode_bytes, media_type)

    def empty(self) -> None:
        """Finish without a body; an untouched status becomes 204.

        >>> res = Response()
        >>> res.empty()
        >>> res.status_code
        204
        """
        if self._status == 200:
            self._status = 204
        self._finish(b"", encode_bytes, None)

    def redirect(self, location: str, *, status: int = 303) -> None:
        """Finish with a redirection.

        Args:
            location: A URI reference; it goes on the wire as it is, so encode what comes from users.
            status: 301, 302, 303, 307 or 308.

        Raises:
            ValueError: Another status.
            InvalidHeader: The location has a character a header cannot carry.
        """
        if status not in (301, 302, 303, 307, 308):
            raise ValueError(f"{status} is not a redirection: use 301, 302, 303, 307 or 308")
        self.header("location", location)
        self._status = status
        self._finish(b"", encode_bytes, None)

    def problem(
        self,
        status: int,
        *,
        code: str,
        detail: str | None = None,
        errors: Iterable[object] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Finish with a problem document (RFC 9457).

        >>> res = Response()
        >>> res.problem(404, code="no_such_order")
        >>> res.body["title"], res.headers["content-type"]
        ('Not Found', 'application/problem+json')
        """
        document = problem_document(status, code=code, detail=detail, errors=errors)
        self.status(status)
        for name, value in (headers or {}).items():
            self.headers[name] = value
        self._finish(document, None, PROBLEM_TYPE)

    def stream(
        self,
        chunks: AsyncIterable[builtins.bytes],
        *,
        media_type: str = BYTES_TYPE,
        length: int | None = None,
    ) -> None:
        """Finish with a body that is produced while it is sent.

        Args:
            chunks: Any async iterable of bytes; it is closed once it is sent or has failed.
            media_type: The content type.
            length: The bytes there will be, if that is known; with more or fewer the answer is cut.

        Raises:
            TypeError: ``chunks`` is no async iterable.
            ValueError: The length is negative.
        """
        if length is not None and length < 0:
            raise ValueError(f"the length of a body is not negative: {length!r}")
        self._finish_stream(chunks, encode_bytes, media_type, "stream", "bytes")
        self._length = length

    def ndjson(self, items: AsyncIterable[Any]) -> None:
        """Finish with one JSON value per line, produced while it is sent."""
        self._finish_stream(items, encode_line, "application/x-ndjson", "ndjson", "json")

    def events(self, items: AsyncIterable[Any], *, heartbeat: float = 15.0) -> None:
        """Finish with Server-Sent Events, produced while they are sent; a drain of the server ends them cleanly.

        Args:
            items: ``Event`` objects, or the data of events.
            heartbeat: Seconds between comments that keep idle proxies from closing the connection.
        """
        self._finish_stream(items, encode_event, EVENTS_TYPE, "events", "json")
        self._heartbeat = heartbeat
        self.headers.setdefault("cache-control", "no-store")

    def etag(self, tag: str, *, weak: bool = False) -> Response[Body]:
        """Set the entity tag; a request that knows it already is answered with 304.

        Args:
            tag: The tag without quotes, such as a version or a digest.
            weak: Whether it stands for equivalent bodies instead of identical ones.
        """
        return self.header("etag", f'W/"{tag}"' if weak else f'"{tag}"')

    async def file(
        self,
        path: str,
        *,
        root: str | Path,
        media_type: str | None = None,
        download_name: str | None = None,
    ) -> None:
        """Finish with a file: with validators, conditional (304, 412) and in ranges (206, 416).

        Args:
            path: Relative to the root, as it comes from a client.
            root: The folder that nothing leaves, not even through a symbolic link.
            media_type: The content type, by the name of the file if not given.
            download_name: Offers a download under this name.

        Raises:
            HttpError: 404 for everything that is not a regular file below the root; 412 and 416.
        """
        self._check_open()
        await answer_with_file(self, path, root=root, media_type=media_type, download_name=download_name)

    def reset(self) -> None:
        """Drop body and status, keep the headers: for the default answer after a failure.

        Raises:
            ResponseState: The first byte was sent.
        """
        self._check_open()
        self._status = 200
        self._body = None
        self._payload = None
        self._encode = None
        self._stream = False
        self._finished = False
        self._touched = True

    def encoded(self) -> builtins.bytes:
        """Return the body as it will be sent, encoding it on the first call.

        Raises:
            ResponseState: The response is not finished, or is a stream.
            TypeError, ValueError: The body cannot be encoded.
        """
        payload = self._payload
        if payload is None:
            if not self._finished or self._stream:
                raise ResponseState(
                    "there are no bytes yet: finish the response with json, text, bytes, … first"
                )
            payload = self._payload = (self._encode or dump_json)(self._body)
        return payload

    def set_encoded(self, payload: builtins.bytes) -> None:
        """Keep the bytes a validator made of ``body``, so that it is encoded once."""
        self._check_open()
        self._payload = payload

    async def send(self, before_first_byte: Commit | None = None) -> None:
        """Commit the response to the network; a second call does nothing.

        Args:
            before_first_byte: Called just before a buffered response leaves, and when a stream's iterator is exhausted.

        Raises:
            ResponseState: The response is not finished, or does not belong to a connection.
            ClientGone: The client left or did not take the bytes before the send deadline.
        """
        if self._sent:
            return
        if self._sink is None:
            raise ResponseState("this response belongs to no connection, so it cannot be sent")
        if self._stream:
            await self._send_stream(self._sink, before_first_byte)
            return
        payload = self.encoded()
        if before_first_byte is not None:
            before_first_byte()
        self._sent = self._started = True
        verdict = self._sink.deliver_nowait(self, payload)
        if verdict == 0:
            await self._sink.deliver(self, payload)
        elif verdict == 2:
            await self._sink.flush()

    async def _send_stream(self, sink: Sink, before_last_byte: Commit | None) -> None:
        encode = self._encode
        chunks = self._body if encode is encode_bytes else Encoded(self._body, encode)
        self._sent = True
        try:
            await sink.deliver_stream(self, chunks, before_last_byte)
        except BaseException:
            if not self._started:
                # It failed before there was anything to send, so another answer can take its place.
                self._sent = False
                self.reset()
            raise

    def _finish(self, value: Any, encode: Callable[[Any], builtins.bytes] | None, media: str | None) -> None:
        if self._started:
            self._check_open()
        if media is not None and media not in _CHECKED:
            check_value("content-type", media)
        self._body = value
        self._encode = encode
        self._payload = None
        self._stream = False
        self._length = self._heartbeat = None
        self._finished = self._touched = True
        self._media = media
        headers = self._headers
        if headers is not None:
            if media is not None:
                headers["content-type"] = media
            else:
                headers.pop("content-type", None)

    def _finish_stream(
        self,
        items: AsyncIterable[Any],
        encode: Callable[[Any], builtins.bytes],
        media: str,
        method: str,
        instead: str,
    ) -> None:
        if not hasattr(items, "__aiter__"):
            raise TypeError(
                f"res.{method} takes an async iterable, not {type(items).__name__}: "
                f"call an async generator function, or finish with res.{instead}"
            )
        self._finish(items, encode, media)
        self._stream = True

    def _check_open(self) -> None:
        if self._started:
            raise ResponseState("the first byte of this response was sent: it cannot be changed any more")

    def __repr__(self) -> str:
        state = "started" if self._started else "finished" if self._finished else "open"
        return f"<Response {self._status} {state}>"
