"""The body of a replayed request, where it was streamed, or where the recording does not have all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol, final

import trio

from gnomon_snapshot._recording import RecordedRequest


class _Clocked(Protocol):
    """When the request began, and what time it is, in seconds."""

    began: float
    clock: Callable[[], float]


@final
class RecordedBody:
    """The pieces of a body, each when it came; then the end, or what the recording knows of why there is none.

    Args:
        request: Where the pieces stand.
        session: Of the replay; asked when the first piece is taken.
        waits: Whether a piece comes when it came then.
        cut: Whether the request was cancelled then, so that whoever waits for more waits until it is again.
        diverge: Called with the number of pieces and the reason; raises.
    """

    def __init__(
        self,
        request: RecordedRequest,
        session: Callable[[], _Clocked],
        *,
        waits: bool,
        cut: bool,
        diverge: Callable[[int, str], object],
    ) -> None:
        self._pieces = iter(request.pieces or ())
        self._missing = request.missing
        self._session = session
        self._waits = waits
        self._cut = cut
        self._diverge = diverge
        self._given = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for at, piece in self._pieces:
            session = self._session()
            delay = session.began + at - session.clock()
            await trio.sleep(delay if self._waits and delay > 0 else 0)
            self._given += 1
            return piece
        await trio.lowlevel.checkpoint()
        if self._missing:
            if self._cut:
                await trio.sleep_forever()
            self._diverge(self._given, self._missing)
        raise StopAsyncIteration
