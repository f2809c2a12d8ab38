"""Where responses go."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ._request import Request
    from ._response import Response

Commit = Callable[[], object]


class Sink(Protocol):
    """Where a response goes: an HTTP/1.1 connection, an ASGI server, a test."""

    def deliver_nowait(self, response: Response[Any], payload: bytes) -> int:
        """Write a buffered response without waiting: 0 not begun, 1 done, 2 begun, ``flush`` has to follow."""
        ...

    async def flush(self) -> None:
        """Write what ``deliver_nowait`` could not."""
        ...

    async def deliver(self, response: Response[Any], payload: bytes) -> None:
        """Write the head and a complete body."""
        ...

    @property
    def request(self) -> Request[Any, Any, Any] | None:
        """The request that is being answered."""
        ...

    async def deliver_stream(
        self, response: Response[Any], chunks: AsyncIterable[bytes], before_last_byte: Commit | None
    ) -> None:
        """Write the head, then each chunk as it comes; call ``before_last_byte`` when the iterator is exhausted.

        ``response.note_start()`` is called just before the head, and the head waits for the first chunk (of events: for a
        moment), so that a failure before it can still be answered.
        """
        ...
