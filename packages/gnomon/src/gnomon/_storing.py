"""Recordings are stored as long as requests run, and a while longer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio

from gnomon_context.runtime import lone_error
from gnomon_snapshot import Recorder

# Seconds that recordings which wait for their store get at the shutdown.
_GRACE: Final = 10.0


@asynccontextmanager
async def storing(recorder: Recorder | None) -> AsyncIterator[None]:
    """Store recordings until the last request is over.

    Args:
        recorder: What takes them; None for nothing to store.
    """
    if recorder is None:
        yield
        return
    with lone_error():
        async with trio.open_nursery() as nursery:
            writing = await nursery.start(_write, recorder)
            try:
                yield
            finally:
                with trio.move_on_after(_GRACE, shield=True):
                    await recorder.aclose()
                writing.cancel(reason="the application is shut down")


async def _write(recorder: Recorder, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
    """Write also while the application is cancelled: what was recorded until then is still to be stored."""
    with trio.CancelScope(shield=True) as writing:  # cancelled by whoever started it, after the grace
        async with trio.open_nursery() as nursery:
            await nursery.start(recorder.run)
            task_status.started(writing)
