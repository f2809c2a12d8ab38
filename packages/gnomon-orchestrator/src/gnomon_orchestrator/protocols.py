"""What the orchestrator needs of its neighbours, in its own words: anything of these shapes will do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from gnomon_context import GlobalContext, LocalContext

    from ._events import EventKind, LifecycleEvent
    from ._steps import Step


class Question(Protocol):
    """A request, as far as a plan looks at it: handlers and hooks get the object itself."""

    async def read(self) -> bytes:
        """Receive the whole body, once; later calls return the same bytes.

        Raises:
            StatusError: The body is too large (413) or too slow (408).
        """
        ...


class Answer(Protocol):
    """A response that a plan can complete, replace and send.

    A *finished* response has everything it needs to be sent (a body, or a stream to run); a *started* one
    has put its first byte on the network. ``body`` is the value given by the handler, or the async
    iterator of a stream, and may be replaced until the response has started.
    """

    body: Any

    @property
    def status_code(self) -> int:
        """The HTTP status as it would be sent now."""
        ...

    @property
    def finished(self) -> bool:
        """Whether there is something to send."""
        ...

    @property
    def started(self) -> bool:
        """Whether the first byte is out: from here on nothing can be taken back."""
        ...

    def problem(
        self,
        status: int,
        *,
        code: str,
        detail: str | None = None,
        errors: Sequence[object] = (),
        headers: Mapping[str, str] | None = None,
    ) -> object:
        """Finish with problem details (RFC 9457).

        Args:
            status: The HTTP status.
            code: A stable word that a client can compare.
            detail: A sentence for people; never the text of an unexpected exception.
            errors: The problems that the validator raised, or what the ``StatusError`` carried.
            headers: Added to the headers that are there.
        """
        ...

    def reset(self) -> object:
        """Drop body and status, keep the headers: the response is not finished afterwards."""
        ...

    async def send(self, before_first_byte: Callable[[], object] | None = None) -> None:
        """Put the response on the network; a second call does nothing.

        Args:
            before_first_byte: Called when the answer can no longer be taken back: for a buffered response
                immediately before its first byte, for a stream at its last item.

        Raises:
            trio.BrokenResourceError: The client is gone.
        """
        ...


class Socket(Protocol):
    """A WebSocket (RFC 6455), as far as a plan looks at it: the handler gets the object itself.

    Until it is *accepted* its opening request can still be answered like any other: that is ``answer``.
    """

    @property
    def accepted(self) -> bool:
        """Whether the opening handshake is over: from here on there are messages, and no HTTP answer."""
        ...

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more: one side has closed, or the connection is lost."""
        ...

    @property
    def draining(self) -> bool:
        """Whether the server drains: a failure that states the ``close_code`` 1001 is its end then, and not the client's."""
        ...

    @property
    def answer(self) -> Answer:
        """What is sent if the WebSocket is not accepted."""
        ...

    def bind_accept(self, fn: Callable[[], object], /) -> None:
        """Have ``fn`` called once, when the WebSocket is accepted: the request deadline ends there."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a status code (RFC 6455, section 7.4); does nothing if ``closed``.

        Raises:
            trio.BrokenResourceError: The client is gone.
        """
        ...


class Problem(Protocol):
    """One thing that is wrong with a value."""

    @property
    def pointer(self) -> str:
        """Where, as a JSON pointer (RFC 6901)."""
        ...

    @property
    def code(self) -> str:
        """What kind of problem, as a stable word."""
        ...

    @property
    def message(self) -> str:
        """What is wrong, for people."""
        ...

    @property
    def expected(self) -> object:
        """What would have been right."""
        ...


class Validator(Protocol):
    """Checks a request before the ``before`` hooks, or a response before it is sent.

    ``validate`` is given the request or the response, and raises an exception with ``problems`` (a
    sequence of :class:`Problem`) to refuse it; a request validator may also raise a :class:`StatusError`
    (415 for a content type). A validator that also has ``validate_item(item)`` is asked for every item of
    a streamed response.
    """

    @property
    def reads_body(self) -> bool:
        """Whether the body of the request has to be received first."""
        ...

    def validate(self, subject: Any, /) -> None:
        """Return if ``subject`` is as declared, raise otherwise."""
        ...


@runtime_checkable
class ItemValidator(Protocol):
    """What a response validator has in addition when the items of a stream have a declared type."""

    def validate_item(self, item: Any, /) -> None:
        """Return if one item of a stream is as declared, raise otherwise."""
        ...


@runtime_checkable
class StatusError(Protocol):
    """An exception that knows its answer; any other exception is a 500 that says nothing about itself."""

    status: int
    code: str
    detail: str | None
    headers: Mapping[str, str] | None
    errors: Sequence[object]


class Guard(Protocol):
    """What enforces a policy (authentication, limits), before validation and hooks.

    It lets a request pass by returning, and refuses it by raising, best a :class:`StatusError`. One that
    finishes the response answers in the place of the handler, as a ``before`` hook may.
    """

    @property
    def name(self) -> str:
        """What ``describe()`` and events call it."""
        ...

    def check(
        self, req: Any, res: Any, lctx: LocalContext, gctx: GlobalContext[Any]
    ) -> Awaitable[None] | None:
        """Return or raise; may be a coroutine function."""
        ...


class Listener(Protocol):
    """Receives the lifecycle events it wants, on the loop, synchronously: it must be cheap.

    One that raises is left out for the rest of that request, with a warning.
    """

    @property
    def kinds(self) -> Collection[EventKind]:
        """The kinds it wants; no other is built for it."""
        ...

    def __call__(self, event: LifecycleEvent, /) -> object:
        """Take note of one event."""
        ...


class Boundary(Protocol):
    """Stands at both sides of every step of a request: for snapshots, and for gates that hold a request.

    ``before_step`` and ``after_step`` may wait as long as the deadline of the request allows. A boundary
    that raises is left out for the rest of that request, with a warning.
    """

    async def before_step(self, step: Step, lctx: LocalContext, /) -> None:
        """The step is about to run."""
        ...

    async def after_step(self, step: Step, lctx: LocalContext, error: BaseException | None, /) -> None:
        """The step has run and returned, or has failed with ``error``."""
        ...
