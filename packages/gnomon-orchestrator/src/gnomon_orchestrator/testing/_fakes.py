"""A request, a response and a listener for tests, of the shapes that a plan asks for."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Collection, Mapping, Sequence
from typing import Any

import trio

from gnomon_orchestrator import EVENT_KINDS, EventKind, LifecycleEvent


class FakeRequest:
    """A request with a body that is there, late, or refused.

    Args:
        body: What ``read`` returns.
        delay: Seconds that receiving it takes.
        error: Raised by ``read`` instead.
    """

    def __init__(self, body: bytes = b"", *, delay: float = 0.0, error: Exception | None = None) -> None:
        self.body = body
        self.delay = delay
        self.error = error
        self.reads: int = 0

    async def read(self) -> bytes:
        """Receive the body."""
        self.reads += 1
        if self.delay:
            await trio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        return self.body


class FakeResponse:
    """A response that keeps what would have gone to the network.

    ``sent`` is the list of what a client received: the status first, then the body, or the items of a
    stream and ``END`` if the stream came to its end.

    Args:
        delay: Seconds that sending the body, or each item of a stream, takes.
        fail: Raised by ``send`` before the first byte.
        fail_after: Raised by ``send`` when this many items of a stream are out.
    """

    END = "<end>"

    def __init__(
        self,
        *,
        delay: float = 0.0,
        fail: Exception | None = None,
        fail_after: tuple[int, Exception] | None = None,
    ) -> None:
        self.body: Any = None
        self.headers: dict[str, str] = {}
        self.sent: list[Any] = []
        self.delay = delay
        self.fail = fail
        self.fail_after = fail_after
        self._status = 200
        self._finished = False
        self._streams = False

    @property
    def status_code(self) -> int:
        """The status as it would be sent now."""
        return self._status

    @property
    def finished(self) -> bool:
        """Whether there is something to send."""
        return self._finished

    @property
    def started(self) -> bool:
        """Whether the first byte is out."""
        return bool(self.sent)

    def status(self, status: int) -> FakeResponse:
        """Set the status."""
        self._status = status
        return self

    def header(self, name: str, value: str) -> FakeResponse:
        """Set a header."""
        self.headers[name] = value
        return self

    def json(self, body: Any) -> FakeResponse:
        """Finish with a body."""
        self.body, self._finished, self._streams = body, True, False
        return self

    def text(self, body: str) -> FakeResponse:
        """Finish with a text."""
        return self.json(body)

    def stream(self, items: AsyncIterable[Any]) -> FakeResponse:
        """Finish with a stream."""
        self.body, self._finished, self._streams = items, True, True
        return self

    def problem(
        self,
        status: int,
        *,
        code: str,
        detail: str | None = None,
        errors: Sequence[object] = (),
        headers: Mapping[str, str] | None = None,
    ) -> FakeResponse:
        """Finish with problem details."""
        self.headers.update(headers or {})
        return self.status(status).json(
            {"status": status, "code": code, "detail": detail, "errors": list(errors)}
        )

    def reset(self) -> None:
        """Drop body and status, keep the headers."""
        self.body, self._status, self._finished, self._streams = None, 200, False, False

    async def send(self, before_first_byte: Callable[[], object] | None = None) -> None:
        """Put everything into ``sent``."""
        if self.sent:
            return
        await trio.lowlevel.checkpoint()
        if self.fail is not None:
            fail, self.fail = self.fail, None
            raise fail
        if self._streams:
            await self._send_stream(before_first_byte)
            return
        if before_first_byte is not None:
            before_first_byte()
        self.sent.append(self._status)
        if self.delay:
            await trio.sleep(self.delay)
        self.sent.append(self.body)

    async def _send_stream(self, before_last_byte: Callable[[], object] | None) -> None:
        self.sent.append(self._status)
        async for item in self.body:
            if self.delay:
                await trio.sleep(self.delay)
            self.sent.append(item)
            if self.fail_after is not None and len(self.sent) - 1 == self.fail_after[0]:
                raise self.fail_after[1]
        if before_last_byte is not None:
            before_last_byte()
        self.sent.append(self.END)


class _GoingAway(trio.EndOfChannel):
    close_code = 1001


class FakeSocket:
    """A WebSocket whose client is a list of messages.

    ``sent`` is what the client received: ``accepted``, messages, and ``closed`` with the code.

    Args:
        incoming: What the client sends; then it closes.
        answer: What is sent if the WebSocket is not accepted.
        delay: Seconds that accepting takes, and closing.
        fail: Raised by ``close``.
    """

    def __init__(
        self,
        incoming: Sequence[Any] = (),
        *,
        answer: FakeResponse | None = None,
        delay: float = 0.0,
        fail: BaseException | None = None,
    ) -> None:
        self.incoming: list[Any] = list(incoming)
        self.answer: FakeResponse = FakeResponse() if answer is None else answer
        self.delay = delay
        self.fail = fail
        self.accepted: bool = False
        self.closed: bool = False
        #: Whether the server drains: receiving closes then.
        self.draining: bool = False
        self.sent: list[Any] = []
        self._on_accept: Callable[[], object] | None = None

    def bind_accept(self, fn: Callable[[], object], /) -> None:
        """Have ``fn`` called when it is accepted."""
        self._on_accept = fn

    async def accept(self) -> None:
        """Accept, once."""
        if self.accepted:
            return
        await trio.sleep(self.delay)
        self.accepted = True
        self.sent.append("accepted")
        if self._on_accept is not None:
            self._on_accept()

    async def send(self, message: Any) -> None:
        """Send one message.

        Raises:
            trio.ClosedResourceError: It was closed from this side.
            trio.BrokenResourceError: The client has closed.
        """
        await self.accept()
        await trio.lowlevel.checkpoint()
        if self.closed:
            ours = str(self.sent[-1]).startswith("closed")
            raise (trio.ClosedResourceError if ours else trio.BrokenResourceError)("the WebSocket is closed")
        self.sent.append(message)

    async def receive(self) -> Any:
        """Receive one message.

        Raises:
            trio.EndOfChannel: The client has closed, or the server drains.
        """
        await self.accept()
        await trio.lowlevel.checkpoint()
        if self.draining:
            await self.close(1001)
            raise _GoingAway
        if self.incoming:
            return self.incoming.pop(0)
        self.closed = True
        raise trio.EndOfChannel

    def __aiter__(self) -> FakeSocket:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    async def close(self, code: int = 1000, reason: str = "") -> None:  # noqa: ARG002 - as a WebSocket has it
        """Close."""
        if self.closed:
            return
        if self.fail is not None:
            raise self.fail
        await trio.sleep(self.delay)
        self.closed = True
        self.sent.append(f"closed {code}")


class EventLog:
    """A listener that keeps what it hears.

    Args:
        kinds: The kinds it wants; all by default.
    """

    def __init__(self, kinds: Collection[EventKind] = EVENT_KINDS) -> None:
        self.kinds: frozenset[EventKind] = frozenset(kinds)
        self.events: list[LifecycleEvent] = []

    def __call__(self, event: LifecycleEvent, /) -> None:
        self.events.append(event)

    def names(self) -> list[str]:
        """What was heard, as ``kind name``."""
        return [f"{event.kind} {event.name}" for event in self.events]

    def clear(self) -> None:
        """Forget."""
        self.events.clear()
