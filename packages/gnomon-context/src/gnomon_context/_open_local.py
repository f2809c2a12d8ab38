"""A request context for programs without a runtime of their own."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, final

import trio

from ._async_only import AsyncOnly
from ._current import current
from ._ending import commit, join_tasks, leave_entered, run_cleanups, run_compensations, run_failure_callbacks
from ._errors import ContextClosed, DeadlineExceeded
from ._global import GlobalContext
from ._hooks import Outward
from ._local import LocalContext
from ._phase import RequestPhase
from ._sources import Sources
from ._tasks import without_cancelled
from .runtime import begin, end, move_deadline, pass_through


@final
class open_local_context(AsyncOnly):  # noqa: N801 - used like a function: `async with open_local_context(gctx)`
    """Run a block as one request: tasks joined, undone on failure, cleaned up, closed.

    The block is the handler: the after and catch hooks that it registers run when it is left, and take `lctx`,
    `gctx` and, to catch, `error`, by name. The phase is `processing` in the block, `responding` in the after hooks
    of a success, and then `completed` or `failed`. A before hook would come too late, and is the alert `hooks_skipped`.

    Args:
        gctx: an open global context.
        timeout: seconds until the block is cancelled. Managers that `lctx.enter` entered are left after it, within
            a limit of their own: what has begun to commit is neither cancelled nor compensated any more.
        others: see `LocalContext`.

    Raises:
        ContextClosed: the application has ended.
        DeadlineExceeded: the timeout passed. A request cancelled for another reason leaves the block
            silently, like a cancelled scope; `lctx.outcome` tells.
        BaseException: what the block or one of its tasks raised.

    >>> import trio
    >>> from gnomon_context import open_global_context
    >>> async def main():
    ...     async with open_global_context() as gctx:
    ...         async with open_local_context(gctx, timeout=2.0) as lctx:
    ...             lctx.on_cleanup(print, "cleaned up")
    ...     return lctx.outcome.kind
    >>> trio.run(main)
    cleaned up
    'ok'
    """

    def __init__(
        self,
        gctx: GlobalContext[Any],
        *,
        method: str = "",
        path: str = "",
        route: str = "",
        version: str = "",
        flags: Iterable[str] = (),
        client_id: str | None = None,
        traceparent: str | None = None,
        timeout: float = math.inf,
        request_id: str | None = None,
        sources: Sources | None = None,
    ) -> None:
        if not isinstance(gctx, GlobalContext):
            raise TypeError(
                f"open_local_context takes a GlobalContext, not {gctx!r}: get one with "
                "`async with open_global_context() as gctx`"
            )
        self._gctx = gctx
        self._fields: dict[str, Any] = {
            "method": method,
            "path": path,
            "route": route,
            "version": version,
            "flags": flags,
            "client_id": client_id,
            "traceparent": traceparent,
            "timeout": timeout,
            "request_id": request_id,
            "sources": sources,
        }

    async def __aenter__(self) -> LocalContext:
        if self._gctx._application.ended:
            raise ContextClosed("the application has ended: requests need a global context that runs")
        self._before = current.get()
        self._scope = trio.CancelScope()
        self._lctx = LocalContext(self._gctx, scope=self._scope, **self._fields)
        self._scope.__enter__()
        begin(self._lctx)
        pass_through(self._lctx, RequestPhase.PROCESSING)
        return self._lctx

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        lctx, hooks = self._lctx, Outward(self._lctx)
        leaving = error
        try:
            try:
                await join_tasks(lctx, failed=error is not None)
            except BaseException as raised:
                leaving = _combine(error, raised)
            # A request that was cancelled and did not notice has no answer that after hooks would be about.
            if leaving is None and lctx.cancel_reason is None:
                try:
                    await _go_on_to(lctx, RequestPhase.RESPONDING)
                    await hooks.run_after()
                    # What the hooks started is of the request, too.
                    await join_tasks(lctx)
                    await _leave_well(lctx)
                except BaseException as raised:
                    leaving = raised
            fatal = await _finish(lctx, leaving, hooks)
        finally:
            end(lctx)
            current.set(self._before)
        left = self._leave_scope(leaving)
        if fatal is not None:
            raise fatal
        if left is None and lctx.outcome is not None and lctx.outcome.kind == "timeout":
            raise DeadlineExceeded(
                f"the request {lctx.request_id} did not end within {self._fields['timeout']:g} s"
            ) from None
        if left is None or left is error:
            return left is None
        raise left

    def _leave_scope(self, leaving: BaseException | None) -> BaseException | None:
        """Leave the scope with `leaving`; what is not its own cancellation comes back."""
        try:
            if leaving is None:
                self._scope.__exit__(None, None, None)
            elif not self._scope.__exit__(type(leaving), leaving, leaving.__traceback__):
                return leaving
        except BaseException as rest:
            if isinstance(rest, BaseExceptionGroup) and len(rest.exceptions) == 1:
                return rest.exceptions[0]
            return rest
        return None


def _combine(error: BaseException | None, raised: BaseException) -> BaseException:
    """One exception of the block's own and of what its tasks made of it; the block's comes first."""
    if error is None:
        return raised
    failure = without_cancelled(raised)
    if failure is not None and not isinstance(failure, Exception):
        # KeyboardInterrupt and its like are never lost behind a failure that they brought about.
        return BaseExceptionGroup("a task of the request failed", [error, raised])
    if without_cancelled(error) is not None or isinstance(raised, trio.Cancelled):
        return error
    # The block was only cancelled, by the failure of a task; whose cancellation it is, the scope knows.
    return BaseExceptionGroup("a task of the request failed", [error, raised])


async def _go_on_to(lctx: LocalContext, phase: RequestPhase) -> None:
    """Move the request to `phase`, unless the block has moved it there, or beyond, itself."""
    if phase in lctx.phase.ahead:
        pass_through(lctx, phase)
    elif phase in lctx.phase.following:
        lctx.advance(phase)


async def _leave_well(lctx: LocalContext) -> None:
    """Leave what the request has entered as after a success; raises what a commit raises."""
    extras = lctx.extras
    if extras is None or not any(step.held is not None for step in extras.cleanups):
        return
    if lctx.remaining() == 0:
        # It passed while the loop was blocked.
        lctx.cancel("deadline")
    else:
        # It ends here: what is left with a success has a limit of its own, and cannot be undone half-way.
        move_deadline(lctx, math.inf)
    await leave_entered(lctx, None)
    # A transaction is committed, so the rest of the work stays, too.
    commit(lctx)


async def _finish(lctx: LocalContext, leaving: BaseException | None, hooks: Outward) -> BaseException | None:
    """Settle the outcome, undo or commit, clean up; returns a KeyboardInterrupt or the like of a step."""
    failure = None if leaving is None else without_cancelled(leaving)
    if failure is not None:
        outcome = lctx.settle("error", failure)
    else:
        outcome = lctx.settle("ok" if leaving is None else "cancelled", leaving)
    fatal: BaseException | None = None
    phase = RequestPhase.COMPLETED if outcome.ok else RequestPhase.FAILED
    steps: list[Callable[[], Awaitable[None]]] = [lambda: run_cleanups(lctx)]
    if not outcome.ok:
        # Nobody is there to hear an answer that after and catch hooks would be about.
        heard = outcome.kind != "disconnect"
        steps = [
            lambda: run_failure_callbacks(lctx, outcome.error),
            *([lambda: hooks.run_isolated("catch", outcome.error)] if heard else []),
            lambda: leave_entered(lctx, failure or leaving),
            lambda: run_compensations(lctx),
            *([lambda: hooks.run_isolated("after", None)] if heard else []),
            *steps,
        ]
    elif lctx.extras is not None:
        # Without extras nothing of the user's comes after this that could compensate too late.
        commit(lctx)
    hooks.report_skipped()
    for step in [lambda: _go_on_to(lctx, phase), *steps]:
        try:
            await step()
        except BaseException as raised:
            # A step absorbs its own cancellation and every Exception; this is KeyboardInterrupt or its like.
            fatal = fatal or raised
    return fatal
