"""Tasks that a request starts: they run in the application's nursery and never outlive the request.

Each has a cancel scope that the request owns, so that nothing is entered by hand inside user code: trio
forbids a scope that is entered inside somebody else's `with` block and left outside of it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import trio

from ._current import current
from ._extras import await_call

if TYPE_CHECKING:
    from ._local import LocalContext

TaskStatus: TypeAlias = Literal["pending", "done", "failed", "cancelled"]


@final
class TrackedTask:
    """One task of a request, as it stands.

    `status` is `pending`, `done`, `failed` or `cancelled`; `result` and `error` say how it ended;
    `started_ns` and `ended_ns` are on the monotonic clock.

    >>> import trio
    >>> from gnomon_context import open_global_context, open_local_context
    >>> async def double(number):
    ...     return 2 * number
    >>> async def main():
    ...     async with open_global_context() as gctx, open_local_context(gctx) as lctx:
    ...         task = lctx.start_soon(double, 21)
    ...         await task.wait()
    ...         return task.status, task.result
    >>> trio.run(main)
    ('done', 42)
    """

    __slots__ = ("_ended", "ended_ns", "error", "isolated", "name", "result", "scope", "started_ns", "status")

    def __init__(self, name: str, isolated: bool, scope: trio.CancelScope) -> None:
        self.name: str = name
        self.isolated: bool = isolated
        self.scope: trio.CancelScope = scope
        self.status: TaskStatus = "pending"
        self.result: Any = None
        self.error: BaseException | None = None
        self.started_ns: int = time.monotonic_ns()
        self.ended_ns: int | None = None
        self._ended: trio.Event | None = None

    def cancel(self) -> None:
        """Ask this task to stop; it ends as `cancelled` unless it is over already."""
        if self.status == "pending":
            self.scope.cancel(reason=f"task {self.name!r} was cancelled by its request")

    async def wait(self) -> None:
        """Wait until this task is over, however it ended."""
        if self.status != "pending":
            await trio.lowlevel.checkpoint()
            return
        if self._ended is None:
            self._ended = trio.Event()
        await self._ended.wait()

    def _finish(self, status: TaskStatus) -> None:
        self.status = status
        self.ended_ns = time.monotonic_ns()
        if self._ended is not None:
            self._ended.set()

    def __repr__(self) -> str:
        return f"<TrackedTask {self.name!r} {self.status}>"


def split_cancelled(error: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """The part of `error` that is cancellation, and the rest; a lone exception loses its group."""
    if isinstance(error, trio.Cancelled):
        return error, None
    if not isinstance(error, BaseExceptionGroup):
        return None, error
    cancelled, rest = error.split(trio.Cancelled)
    return cancelled, _unwrap(rest)


def _unwrap(error: BaseException | None) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def without_cancelled(error: BaseException) -> BaseException | None:
    """What is left of `error` when cancellation is taken out of it; a lone exception loses its group."""
    return split_cancelled(error)[1]


async def run_tracked(
    lctx: LocalContext, task: TrackedTask, fn: Callable[..., Awaitable[Any]], args: tuple[Any, ...]
) -> None:
    """The body of a tracked task: run `fn`, write down how it ended, tell the request."""
    current.set(lctx)
    status: TaskStatus = "cancelled"
    try:
        with task.scope:
            task.result = await await_call(fn, args)
            status = "done"
    except BaseException as error:
        cancelled, failure = split_cancelled(error)
        if failure is not None:
            status, task.error = "failed", failure
        if cancelled is not None:
            # The application is being cancelled; a failure beside it is recorded all the same.
            raise cancelled from None
        if task.isolated and not isinstance(failure, Exception):
            # KeyboardInterrupt and SystemExit are nobody's to keep.
            raise
    finally:
        task._finish(status)
        _report(lctx, task)


def _report(lctx: LocalContext, task: TrackedTask) -> None:
    extras = lctx._more()
    if task.error is not None and not task.isolated:
        lctx._child_failed(task.name, task.error)
    extras.pending -= 1
    if extras.pending == 0 and extras.idle is not None:
        extras.idle.set()
