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
        self.reads = 0

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


class EventLog:
    """A listener that keeps what it hears.

    Args:
        kinds: The kinds it wants; all by default.
    """

    def __init__(self, kinds: Collection[EventKind] = EVENT_KINDS) -> None:
        self.kinds = frozenset(kinds)
        self.events: list[LifecycleEvent] = []

    def __call__(self, event: LifecycleEvent, /) -> None:
        self.events.append(event)

    def names(self) -> list[str]:
        """What was heard, as ``kind name``."""
        return [f"{event.kind} {event.name}" for event in self.events]

    def clear(self) -> None:
        """Forget."""
        self.events.clear()
