"""The exceptions of this package; every class carries a stable ``code``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TypeGuard

import trio

_NOT_THE_TYPE = 1007


class IngressError(RuntimeError):
    """The root of what this package raises on purpose."""

    code: str = "ingress"


class HttpError(IngressError):
    """Raise from anywhere under a handler to answer with a status and a problem document.

    Args:
        status: An HTTP status from 400 to 599.
        code: A short stable name for programs, such as ``"out_of_stock"``.
        detail: One sentence for people; it is shown to the client.
        headers: Extra response headers, such as ``Retry-After``.
        errors: One entry per problem, rendered into the ``errors`` member (RFC 9457, section 3).

    Raises:
        ValueError: The status is not an error status.

    >>> error = HttpError(409, "out_of_stock", "Nothing left of this one.")
    >>> error.status, error.code
    (409, 'out_of_stock')
    """

    code: str = "http_error"

    def __init__(
        self,
        status: int,
        code: str,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[object] = (),
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(
                f"HttpError takes a status from 400 to 599, not {status}: answer through the response"
            )
        super().__init__(status, code, detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.errors = errors

    def __str__(self) -> str:
        text = f"{self.status} {self.code}"
        return text if self.detail is None else f"{text}: {self.detail}"


class RequestInvalid(IngressError, ValueError):
    """The request fails the types its route declares; ``problems`` says where."""

    code: str = "request_invalid"
    status = HTTPStatus.BAD_REQUEST.value
    detail: str = "The request does not have the declared shape."
    headers: Mapping[str, str] | None = None

    def __init__(self, problems: Sequence[object], *, detail: str | None = None) -> None:
        super().__init__(f"the request has {len(problems)} problem(s)")
        self.problems: tuple[object, ...] = tuple(problems)
        if detail is not None:
            self.detail = detail

    @property
    def errors(self) -> tuple[object, ...]:
        """The problems, under the name a problem document gives them."""
        return self.problems


def _in_words(problem: object) -> str:
    """Where and what, without a value."""
    where = getattr(problem, "pointer", "") or "the whole"
    return f"{where}: {getattr(problem, 'message', problem)}"


class ResponseInvalid(IngressError, ValueError):
    """The response fails the type its route declares for its status; a fault of the server."""

    code: str = "response_invalid"

    def __init__(self, status: int | None, problems: Sequence[object]) -> None:
        what = "an item of the stream" if status is None else f"the body for status {status}"
        said = "; ".join(map(_in_words, problems))
        super().__init__(f"{what} is not as declared: {said:.500}")
        #: ``None`` for an item of a stream.
        self.status_code: int | None = status
        self.problems: tuple[object, ...] = tuple(problems)


class RequestState(IngressError):
    """Something of a request was used before it is there, or after it is gone."""

    code: str = "request_state"


class ResponseState(IngressError):
    """A response was changed after its first byte, or sent before it was finished."""

    code: str = "response_state"


class InvalidHeader(IngressError, ValueError):
    """A header name or value that must not go on the wire (RFC 9110, section 5)."""

    code: str = "invalid_header"


class ClientGone(IngressError, trio.BrokenResourceError):
    """The client went away, or did not take its bytes in time, while the request still ran."""

    code: str = "client_gone"


class WebSocketClosed(IngressError, trio.BrokenResourceError):
    """A WebSocket is closed: ``close_code`` and ``close_reason`` say why (RFC 6455, section 7.4), 1006 that it was lost."""

    code: str = "websocket_closed"

    def __init__(self, close_code: int, close_reason: str = "") -> None:
        super().__init__(
            f"the WebSocket was closed with {close_code}" + (close_reason and f": {close_reason}")
        )
        self.close_code: int = close_code
        self.close_reason: str = close_reason


def is_goodbye(error: BaseException) -> bool:
    """Whether an exception says only that the client is gone, be it out of the nurseries of a handler."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_goodbye(member) for member in error.exceptions)
    return isinstance(error, (ClientGone, WebSocketClosed))


class MessageInvalid(IngressError, ValueError):
    """A message of a WebSocket fails the type its route declares; ``problems`` says where.

    Nobody catching it, the WebSocket is closed with ``close_code``: 1007 for one that was received, 1011 for one to send.
    """

    code: str = "message_invalid"

    def __init__(self, direction: str, problems: Sequence[object]) -> None:
        # No values: they are the user's data, and messages of exceptions end up in logs.
        super().__init__(f"a {direction} message has {len(problems)} problem(s)")
        self.problems: tuple[object, ...] = tuple(problems)
        self.close_code: int = _NOT_THE_TYPE if direction == "received" else 1011


def is_of_client(error: Exception) -> TypeGuard[MessageInvalid]:
    """Whether an exception says that a client sent what does not fit: nothing that a server logs."""
    return isinstance(error, MessageInvalid) and error.close_code == _NOT_THE_TYPE
