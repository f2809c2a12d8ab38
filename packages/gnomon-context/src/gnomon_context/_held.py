"""An async context manager held open by a task of its own.

Entered and left in one task, as trio demands of whatever opens a nursery or a scope, while its owner may
be any other task. Used for modules (owned by the application) and for `lctx.enter` (owned by a request).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, final

import trio

from ._errors import ContextError
from ._tasks import without_cancelled


@final
class HeldManager:
    """Holds `manager` open from `start` to `stop`; `died(error)` is called if it falls over in between."""

    __slots__ = ("_died", "_error", "_hold", "_manager", "_over", "_stop", "_traceback", "failure")

    def __init__(
        self, manager: AbstractAsyncContextManager[Any], died: Callable[[BaseException | None], None]
    ) -> None:
        self._manager = manager
        self._died = died
        self._stop = trio.Event()
        self._over = trio.Event()
        self._hold = trio.CancelScope()
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None
        self.failure: BaseException | None = None

    async def start(self, nursery: trio.Nursery, name: str) -> Any:
        """Enter the manager in a task `name` of `nursery` and return its value; an exception of it comes out here.

        Until the manager is entered the new task belongs to the caller's scopes: cancelling the caller
        cancels the entry, and waits for it.
        """
        return await nursery.start(self._run, name=name)

    @property
    def is_over(self) -> bool:
        """Whether the manager has been left, for whatever reason."""
        return self._over.is_set()

    @property
    def was_cancelled(self) -> bool:
        """Whether the exit was cancelled at its deadline, also if it swallowed that and ended quietly."""
        return self._hold.cancel_called

    async def stop(self, error: BaseException | None, deadline: float) -> BaseException | None:
        """Leave the manager, with `error` if there is one; returns what its exit raised, if anything.

        Args:
            error: what the manager's `__aexit__` is told; None leaves it as after a success.
            deadline: trio clock; then the exit is cancelled.
        """
        if self._over.is_set() and not self._stop.is_set():
            # It fell over before: not what anybody who is about to leave it counts on.
            return self.failure or ContextError("the context manager ended before it was left")
        self._error = error
        self._traceback = None if error is None else error.__traceback__
        self._hold.deadline = deadline
        self._stop.set()
        # The wait is bounded by the deadline of `_hold`: when it passes, the exit is cancelled for real.
        until = max(deadline, trio.current_time()) + 1.0
        with trio.CancelScope(shield=True, deadline=until) as patience:
            await self._over.wait()
        if patience.cancelled_caught or self._hold.cancelled_caught:
            return TimeoutError("the exit of the context manager overran its deadline and was cancelled")
        return self.failure

    def hasten(self, deadline: float) -> None:
        """Let the exit that runs end at `deadline`, if that is earlier than its own."""
        self._hold.deadline = min(self._hold.deadline, deadline)

    def abandon(self) -> None:
        """Cancel the manager without waiting for its exit: its owner ended without stopping it."""
        self._stop.set()
        self._hold.shield = False
        self._hold.cancel(reason="the owner of the context manager ended without leaving it")

    async def _until_stopped(self) -> None:
        await self._stop.wait()
        if self._error is not None:
            raise self._error

    async def _run(self, *, task_status: trio.TaskStatus[Any]) -> None:
        held = False
        owner = trio.lowlevel.current_task().parent_nursery
        try:
            with self._hold:
                async with self._manager as value:
                    task_status.started(value)
                    # Not moved: the starter was cancelled meanwhile, and this task goes down with it.
                    held = trio.lowlevel.current_task().parent_nursery is not owner
                    # Held open until its owner stops it, in the owner's order, even while the application
                    # is being cancelled; `stop`, which the owner always calls, gives this shield its
                    # deadline.
                    self._hold.shield = held
                    await self._until_stopped()
        except BaseException as error:
            if not held:
                raise
            failure = without_cancelled(error)
            if failure is None:  # pragma: no cover - a manager raised a Cancelled that is not its own
                raise
            if failure is not self._error:
                self.failure = failure
            else:
                # Raised here only to tell the manager; the frames of this task are no part of its story.
                failure.with_traceback(self._traceback)
        finally:
            self._over.set()
            if held and not self._stop.is_set():
                self._died(self.failure)
