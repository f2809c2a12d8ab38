"""For whoever runs requests: begin and end a context, and the steps of its ending.

`open_local_context` is built on these functions alone; a runtime with a plan of its own calls them in the
order of the lifecycle: `begin`, the handler, `join_tasks`, on failure `run_failure_callbacks`, `leave_entered`
with the error and `run_compensations`, else `leave_entered` with None and `commit`, then `run_cleanups` and `end`.

A runtime in a few lines, for requests that answer with what their handler returns:

>>> import trio
>>> from gnomon_context import open_global_context
>>> async def run(gctx, handler):
...     with trio.CancelScope() as scope:
...         lctx = LocalContext(gctx, scope=scope, timeout=2.0)
...         begin(lctx)
...         try:
...             answer = await handler(lctx)
...             await join_tasks(lctx)
...             await leave_entered(lctx, None)
...             commit(lctx)
...             lctx.settle("ok")
...         except Exception as error:
...             lctx.settle("error", error)
...             await join_tasks(lctx, failed=True)
...             await run_failure_callbacks(lctx, error)
...             await leave_entered(lctx, error)
...             await run_compensations(lctx)
...             answer = "sorry"
...         await run_cleanups(lctx)
...         end(lctx)
...     return answer, lctx.outcome.kind
>>> async def handler(lctx):
...     lctx.compensate(print, "undone")
...     raise ValueError("out of stock")
>>> async def main():
...     async with open_global_context() as gctx:
...         return await run(gctx, handler)
>>> trio.run(main)
undone
('sorry', 'error')
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ._closed import ClosedContext
from ._config import read_through
from ._current import current
from ._ending import (
    EXIT_LIMIT,
    Observe,
    StepReport,
    commit,
    join_tasks,
    leave_entered,
    run_cleanups,
    run_compensations,
    run_failure_callbacks,
)
from ._extras import Step
from ._global import GlobalContext
from ._local import LocalContext
from ._local_state import NOTHING
from ._lone import lone_error
from ._meta import RequestMeta
from ._outcome import CancelReason, RequestOutcome
from ._phase import RequestPhase
from ._tasks import TrackedTask

__all__ = [
    "EXIT_LIMIT",
    "Observe",
    "Step",
    "StepReport",
    "application_of",
    "begin",
    "cancel_live",
    "check_modules",
    "commit",
    "end",
    "join_tasks",
    "leave_entered",
    "live_requests",
    "lone_error",
    "move_deadline",
    "pass_through",
    "read_through",
    "rebase",
    "rebuild",
    "run_cleanups",
    "run_compensations",
    "run_failure_callbacks",
    "stop_clock",
    "wait_idle",
]


def begin(lctx: LocalContext) -> None:
    """Make `lctx` the current context of this task, and one of the application's live requests.

    >>> from gnomon_context import current_context
    >>> from gnomon_context.testing import local_context
    >>> lctx = local_context()
    >>> begin(lctx)
    >>> current_context() is lctx
    True
    >>> end(lctx)
    """
    current.set(lctx)
    application = lctx.gctx._application
    application.live.add(lctx)
    if lctx._deadline != math.inf:
        application.arm_in_time(lctx)


def end(lctx: LocalContext) -> None:
    """Take `lctx` out of this task and of the live requests, and close it.

    Tasks that are still there (the runner did not join them) are cancelled.

    >>> from gnomon_context.testing import local_context
    >>> lctx = local_context()
    >>> begin(lctx)
    >>> end(lctx)
    >>> lctx.set("late", 1)
    Traceback (most recent call last):
    gnomon_context.ContextClosed: the request ...
    """
    # Written out here, and not in methods: this is paid for by every request.
    extras = lctx._extras
    if extras is not None:
        lctx._leave_extras(extras)
    current.set(None)
    application = lctx.gctx._application
    application.live.discard(lctx)
    if application.idle is not None and not application.live:
        application.idle.set()
    if lctx._watched == 2:
        lctx._disarm()
    lctx._values = NOTHING
    lctx.__class__ = ClosedContext


def pass_through(lctx: LocalContext, phase: RequestPhase) -> None:
    """Move the request forward to `phase` through all phases between; one store if nobody watches.

    Raises:
        IllegalPhase: `phase` does not come later on the way of an answered request.

    >>> from gnomon_context.testing import local_context
    >>> lctx = local_context()
    >>> pass_through(lctx, RequestPhase.PROCESSING)
    >>> lctx.phase.value
    'processing'
    """
    if lctx._extras is None and phase in lctx._phase.ahead:
        lctx._phase = phase
        return
    ahead = lctx._phase.ahead
    if phase not in ahead:
        lctx.advance(phase)
        return
    for step in ahead[: ahead.index(phase) + 1]:
        lctx.advance(step)


def application_of(gctx: GlobalContext[Any]) -> object:
    """What all views of one application have in common, and those of no other; a weak reference to it can be kept.

    Args:
        gctx: the global context, or a view of it.

    >>> gctx = GlobalContext()
    >>> application_of(gctx.view()) is application_of(gctx)
    True
    """
    return gctx._application


def rebase(lctx: LocalContext, gctx: GlobalContext[Any]) -> None:
    """Give a request that has not begun another view of its application, and the sources of that view.

    Its id, the time of its arrival and its deadline stay.

    Args:
        lctx: a context that did not `begin` yet.
        gctx: a view of the global context that it was made with.

    Raises:
        ValueError: it is the context of another application.

    >>> from gnomon_context.testing import VirtualSources, local_context
    >>> lctx = local_context(path="/orders")
    >>> rebase(lctx, lctx.gctx.view(sources=VirtualSources(seed=1)))
    >>> lctx.now().year, lctx.meta.path
    (2030, '/orders')
    """
    if gctx._application is not lctx.gctx._application:
        raise ValueError("a request stays in its application: give a view of its own global context")
    lctx.gctx = gctx
    lctx._sources = gctx._sources
    # What was made of it asks the sources from before.
    lctx._meta = None


def rebuild(
    lctx: LocalContext,
    *,
    meta: RequestMeta | None = None,
    phase: RequestPhase | None = None,
    cancel_reason: CancelReason | None = None,
    outcome: RequestOutcome | None = None,
    tasks: Iterable[TrackedTask] = (),
    compensations: Iterable[Step] = (),
) -> None:
    """Put a fresh context into the state of one that was: for whoever restores a stored request.

    Nothing is checked, watched or started: the tasks stand as they are given.

    Args:
        lctx: a context that nobody has used yet.
        meta: its metadata, identity included.
        phase: where it was, whatever the moves that led there.
        cancel_reason: why it was cancelled, if it was.
        outcome: how it ended, if it had.
        tasks: what it had started.
        compensations: what would undo it, oldest first.

    >>> from gnomon_context.testing import local_context
    >>> lctx = local_context()
    >>> rebuild(lctx, phase=RequestPhase.PROCESSING)
    >>> lctx.phase
    <RequestPhase.PROCESSING: 'processing'>
    """
    if meta is not None:
        lctx._meta, lctx._request_id, lctx._received = meta, meta.request_id, meta.received_ns / 1e9
    lctx._phase = phase or lctx._phase
    lctx._cancel_reason = cancel_reason
    lctx._outcome = outcome
    for task in tasks:
        lctx._more().tasks.append(task)
    for step in compensations:
        lctx._more().compensations.append(step)


def stop_clock(gctx: GlobalContext[Any], *, at: float = 0.0) -> None:
    """Let time stand still for the deadlines of an application that is not opened, as in a stored request.

    What is left until the deadline of its contexts stays. When it is opened after all, trio's clock counts.

    Args:
        gctx: a global context that was not opened yet.
        at: what the clock shows, in seconds.

    Raises:
        ContextClosed: the application runs or has run: the deadlines of its requests are on trio's clock.

    >>> from gnomon_context.testing import local_context
    >>> gctx = GlobalContext()
    >>> stop_clock(gctx)
    >>> local_context(gctx, timeout=2.5).remaining()
    2.5
    """
    gctx._application.stop_clock(at)


def move_deadline(lctx: LocalContext, deadline: float) -> None:
    """Give the request another deadline, in seconds of the trio clock; infinite lifts it.

    Raises:
        ValueError: the deadline is not a number.

    >>> from gnomon_context.testing import local_context
    >>> lctx = local_context(timeout=2.0)
    >>> move_deadline(lctx, math.inf)
    >>> lctx.remaining()
    inf
    """
    if math.isnan(deadline):
        raise ValueError("a deadline is a time on the trio clock, not nan")
    lctx._move_deadline(deadline)


def cancel_live(gctx: GlobalContext[object], reason: CancelReason) -> None:
    """Cancel every live request of the application, for instance when a drain is past its grace."""
    gctx._application.cancel_live(reason)


def check_modules(gctx: GlobalContext[Any]) -> None:
    """Check that the modules of an application can be started in some order; nothing is started.

    Args:
        gctx: the global context, or a view of it.

    Raises:
        ModuleNotFound: a module depends on one that is not registered.
        ModuleCycle: modules depend on each other, with the chain in the message.

    >>> check_modules(GlobalContext(modules={"answer": 42}))
    """
    gctx._registry.check()


def live_requests(gctx: GlobalContext[Any]) -> tuple[LocalContext, ...]:
    """The requests of the application that have begun and not ended, oldest first.

    Args:
        gctx: the global context, or a view of it.

    >>> live_requests(GlobalContext())
    ()
    """
    return tuple(sorted(gctx._application.live, key=lambda lctx: lctx.meta.received_ns))


async def wait_idle(gctx: GlobalContext[object]) -> None:
    """Wait until no request of the application is live."""
    await gctx._application.wait_idle()
