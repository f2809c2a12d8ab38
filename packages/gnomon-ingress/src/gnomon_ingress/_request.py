"""What a client asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, Protocol, cast

import trio

from ._cookies import parse_cookies
from ._errors import HttpError, RequestState
from ._forms import FORM_TYPE, MULTIPART_TYPE, Form, boundary_of, parse_form, parse_multipart
from ._generic import Body, Fields, Query, ThreeParameters
from ._headers import Headers
from ._json import is_json, parse_json
from ._target import MAX_FIELDS, PlainLine, parse_query

if TYPE_CHECKING:
    from ._parts import Part
    from ._websocket import WebSocket

AbortReason = Literal["disconnect", "shutdown"]

_UNSET: Any = object()


class Client(NamedTuple):
    """The other end: host is an IP address, or empty for a Unix socket."""

    host: str
    port: int


class BodySource(Protocol):
    """Where the bytes of a body come from, while they are not all there yet."""

    async def read(self, limit: int) -> bytes:
        """Return the whole body, or raise the ``HttpError`` that refuses it."""
        ...

    def stream(self, limit: int) -> AsyncIterator[bytes]:
        """Yield the body in pieces, as fast as they are taken."""
        ...


class Origin(Protocol):
    """What all requests of one connection share."""

    scope: trio.CancelScope | None
    body_limit: int
    #: The request under way.
    request: Request[Any, Any, Any] | None

    def describe_client(self, headers: Headers) -> tuple[Client | None, str]:
        """Return the client's address and the scheme, seen through trusted proxies."""
        ...


class Request(ThreeParameters[Body, Query, Fields]):
    """One request, with its body still on the way until it is read.

    ``params`` belongs to whoever routes, ``body``, ``query`` and ``headers_typed`` to whoever validates.
    """

    #: Of the request line: the method, the target as it came, the path decoded once, and what stands behind the ``?``.
    method: str
    target: str
    path: str
    query_string: str

    # Class attributes instead of slots: most of these stay as they are, and a request is cheaper for it.
    #: What the router found in the path.
    params: Mapping[str, Any] = MappingProxyType({})
    #: Why the connection gave the request up: ``None``, ``"disconnect"`` or ``"shutdown"``.
    abort_reason: AbortReason | None = None
    #: The WebSocket that a valid opening request asks for; ``None`` for every other request.
    websocket: WebSocket[Any, Any] | None = None
    _abort: Callable[[AbortReason], object] | None = None
    _body: Any = _UNSET
    _query: Any = _UNSET
    _fields: Any = _UNSET
    _cookies: dict[str, str] | None = None
    _client: Client | None = _UNSET
    _scheme: str = ""

    # All bytes of the body if they are here; nobody sees them before they are read, because that they are is chance.
    _raw: bytes | None = b""
    _read: bool = True
    _source: BodySource | None = None
    _limit: int | None = None

    def __init__(self, line: PlainLine, headers: Headers, origin: Origin) -> None:
        self.method, self.target, self.path, self.query_string, _ = line
        self.headers: Headers = headers
        self._origin = origin

    @property
    def body_limit(self) -> int:
        """The largest body in bytes that ``read`` and ``stream`` let through; a route may set it before reading."""
        return self._origin.body_limit if self._limit is None else self._limit

    @body_limit.setter
    def body_limit(self, limit: int) -> None:
        self._limit = limit

    @property
    def scope(self) -> trio.CancelScope | None:
        """The cancel scope of whoever runs this request; opened by the connection, so that nobody has to open one."""
        return self._origin.scope

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies, by name."""
        cookies = self._cookies
        if cookies is None:
            cookies = self._cookies = parse_cookies(self.headers.get("cookie", ""))
        return cookies

    @property
    def client(self) -> Client | None:
        """The address of the client; through a proxy only if that proxy is trusted by the configuration."""
        if self._client is _UNSET:
            self._look_at_origin()
        return self._client

    @property
    def scheme(self) -> str:
        """``"http"`` or ``"https"``, as the client sees it."""
        if not self._scheme:
            self._look_at_origin()
        return self._scheme

    def _look_at_origin(self) -> None:
        self._client, self._scheme = self._origin.describe_client(self.headers)

    @property
    def body(self) -> Body:
        """The body: typed once it is validated, the raw bytes once it is read.

        Raises:
            RequestState: It was not read yet.
        """
        if self._body is not _UNSET:
            return cast(Body, self._body)
        if not self._read:
            _too_early("body", "await req.read() first, or give the route a body type")
        return cast(Body, self._raw)

    @body.setter
    def body(self, value: Body) -> None:
        self._body = value

    @property
    def query(self) -> Query:
        """The query: typed once it is validated, else a dict of strings in which a repeated key is a list.

        Raises:
            HttpError: 400, the query string is not form-encoded UTF-8.
        """
        if self._query is _UNSET:
            self._query = parse_query(self.query_string)
        return cast(Query, self._query)

    @query.setter
    def query(self, value: Query) -> None:
        self._query = value

    @property
    def headers_typed(self) -> Fields:
        """The headers as the type the route declares.

        Raises:
            RequestState: No header type is declared, or it was not validated yet.
        """
        if self._fields is _UNSET:
            _too_early("headers_typed", "give the route a header type: Request[Body, Query, Headers]")
        return cast(Fields, self._fields)

    @headers_typed.setter
    def headers_typed(self, value: Fields) -> None:
        self._fields = value

    @property
    def media_type(self) -> str:
        """The media type of the body in lower case, without parameters; empty if the client named none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def raw_body(self) -> bytes | None:
        """The bytes of the body once they are read (or if there are none to read), else ``None``."""
        return self._raw if self._read else None

    async def read(self) -> bytes:
        """Return the whole body; a second call returns the same bytes.

        Raises:
            HttpError: 413 beyond ``body_limit``, 408 from a client that is too slow, 400 for broken chunks.
            ClientGone: The client left.
        """
        raw = self._raw
        if raw is None:
            if self._source is None:
                _too_early("read()", "stream() or parts() took the body")
            source, self._source = self._source, None
            raw = self._raw = await source.read(self.body_limit)
        elif len(raw) > self.body_limit:
            raise body_too_large(self.body_limit)
        self._read = True
        return raw

    def stream(self) -> AsyncIterator[bytes]:
        """Return an iterator over the body in pieces; the client is read only as fast as they are taken.

        Raises:
            HttpError: As ``read`` does, from the iterator and possibly after some pieces.
            RequestState: The body is being streamed already.
        """
        raw = self._raw
        if raw is not None:
            return _Whole(raw, self.body_limit)
        if self._source is None:
            _too_early("stream()", "stream() or parts() took the body")
        source, self._source = self._source, None
        return source.stream(self.body_limit)

    async def json(self) -> Any:
        """Read the body as JSON (RFC 8259) in UTF-8.

        Raises:
            HttpError: 400 for what is not JSON or has a duplicate key, 415 for another content type, and as ``read``.
        """
        media = self.media_type
        if media and not is_json(media):
            raise unsupported_media(("application/json",))
        return parse_json(await self.read())

    async def form(self) -> Form:
        """Read the body as a form, urlencoded or multipart.

        Raises:
            HttpError: 400 for a broken form, 415 for another content type, and as ``read``.
        """
        media = self.media_type
        if media == FORM_TYPE:
            return Form(parse_form(await self.read()))
        if media == MULTIPART_TYPE:
            return parse_multipart(await self.read(), boundary_of(self.headers))
        raise unsupported_media((FORM_TYPE, MULTIPART_TYPE))

    def parts(self, *, part_size: int | None = None, part_count: int = MAX_FIELDS) -> AsyncIterator[Part]:
        """Return an iterator over the parts of a multipart form; nothing is held but what has just arrived.

        The client is read only as fast as the parts are taken, in blocks of 64 KiB. The whole form is still bounded by
        ``body_limit``.

        Args:
            part_size: The most bytes of one part.
            part_count: The most parts.

        Raises:
            HttpError: 415 for another content type; 400 for a broken form, 413 for a part that is too large, and as ``read``
                does, from the iterator and possibly after some parts.
            RequestState: As ``stream`` does.

        >>> async def dispatch(req, res):
        ...     req.body_limit = 2 * 2**30
        ...     sizes = {}
        ...     async for part in req.parts():
        ...         sizes[part.name] = sum([len(piece) async for piece in part.stream()])
        ...     res.json(sizes)
        """
        # Imported late: most services never see one.
        from ._multipart import MultipartFeed
        from ._parts import Parts

        if self.media_type != MULTIPART_TYPE:
            raise unsupported_media((MULTIPART_TYPE,))
        feed = MultipartFeed(boundary_of(self.headers), part_count=part_count)
        return Parts(self.stream(), feed, part_size=part_size)

    def decode_body(self, *, allowed: bool) -> None:
        """Let the body be read as its ``Content-Encoding`` says; for whoever makes requests.

        Args:
            allowed: Whether bodies are decompressed at all; otherwise reading one is 415.
        """
        # Imported late: most services never see one.
        from ._decoding import decoded

        source = self._source if self._raw is None else _Buffered(self._raw)
        assert source is not None
        self._raw = None
        self._source = decoded(source, self.headers["content-encoding"], allowed=allowed)

    def watch_body(self, fn: Callable[[bytes], object]) -> None:
        """Let ``fn`` see each piece that ``stream`` hands out, and ``b""`` at the end; for whoever records requests.

        A body that is read whole is not shown: it is ``raw_body`` then.
        """
        if self._read:
            return
        # Imported late: most services never record a stream.
        from ._pieces import Watched

        source = self._source if self._raw is None else _Buffered(self._raw)
        if source is not None:
            self._raw, self._source = None, Watched(source, fn)

    def bind_abort(self, fn: Callable[[AbortReason], object]) -> None:
        """Let ``abort`` call ``fn(reason)`` instead of cancelling ``scope``; a runtime binds its own cancellation.

        Bound after the fact, it is called at once.
        """
        self._abort = fn
        if self.abort_reason is not None:
            fn(self.abort_reason)

    def abort(self, reason: AbortReason) -> None:
        """Tell whoever runs this request that it is over: the client left, or the server drains.

        Only the first call counts.
        """
        if self.abort_reason is not None:
            return
        self.abort_reason = reason
        if self._abort is not None:
            self._abort(reason)
        elif (scope := self._origin.scope) is not None and self._origin.request is self:
            # Once this request is over, the scope is that of the next one.
            scope.cancel()

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


class _Buffered:
    """A body that is all here, as a source."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    async def read(self, limit: int) -> bytes:
        if len(self._raw) > limit:
            raise body_too_large(limit)
        return self._raw

    def stream(self, limit: int) -> AsyncIterator[bytes]:
        return _Whole(self._raw, limit)


class _Whole:
    """A body that is all here, as a stream of at most one piece."""

    def __init__(self, raw: bytes, limit: int) -> None:
        self._raw = raw
        self._limit = limit

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        raw, self._raw = self._raw, b""
        if len(raw) > self._limit:
            raise body_too_large(self._limit)
        if not raw:
            raise StopAsyncIteration
        return raw


def _too_early(name: str, advice: str) -> NoReturn:
    raise RequestState(f"req.{name} is not there: {advice}")


def body_too_large(limit: int) -> HttpError:
    """The refusal of a body beyond its limit (RFC 9110, section 15.5.14)."""
    return HttpError(413, "body_too_large", f"The body is larger than {limit} bytes.")


def unsupported_media(accepted: tuple[str, ...]) -> HttpError:
    """The refusal of a body nobody can read here (RFC 9110, section 15.5.16)."""
    return HttpError(
        415,
        "unsupported_media_type",
        f"The body must be {' or '.join(accepted)}.",
        headers={"accept": ", ".join(accepted)},
    )
