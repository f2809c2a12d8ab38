"""How a request ends: tasks joined, callbacks, compensations and cleanups run, each isolated and bounded."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import trio

from ._errors import ContextError, DeadlineExceeded
from ._extras import Extras, Step, abandon

if TYPE_CHECKING:
    from ._local import LocalContext

EXIT_LIMIT = 5.0
# How many further callbacks those of the ending may register: one that registers itself would never end.
MAX_ADDED = 1000

StepKind: TypeAlias = Literal["on_error", "on_timeout", "compensation", "cleanup", "after_hook", "catch_hook"]


class StepReport(NamedTuple):
    """One callback of the ending, at its start and at its end.

    `status` is `start`, then `end`, `error` or `timeout`; stamps are on the monotonic clock.

    >>> StepReport("cleanup", "close", "end", 1_000, 3_000, None).status
    'end'
    """

    kind: StepKind
    name: str
    status: Literal["start", "end", "error", "timeout"]
    started_ns: int
    ended_ns: int | None
    error: BaseException | None


Observe: TypeAlias = Callable[[StepReport], object]


async def join_tasks(lctx: LocalContext, *, failed: bool = False, limit: float = EXIT_LIMIT) -> None:
    """Wait for the tasks of a request, until its deadline; then cancel what is left and wait for that.

    Args:
        lctx: the request.
        failed: the handler has failed, so that the tasks are cancelled at once.
        limit: seconds that cancelled tasks have to come to their end. One that takes longer (a shield
            without a deadline) becomes the alert `task_outlived`.

    Raises:
        BaseException: the failure of a task that was not isolated; a group if several failed.
        DeadlineExceeded: the deadline passed, and there is no cancel scope through which to say so.
    """
    extras = lctx._extras
    if extras is None:
        return
    extras.joining = True
    overran = False
    if extras.pending:
        doomed = failed or extras.failures or lctx.cancel_reason is not None
        if not doomed:
            try:
                await _wait_within_deadline(lctx, extras, limit)
            except trio.Cancelled:
                # KeyboardInterrupt and its like are raised in its place, and never lost behind it.
                if all(isinstance(failure, Exception) for failure in extras.failures):
                    raise
            overran = lctx.scope is None and lctx.remaining() == 0
            if overran:
                lctx.cancel("deadline")
        if extras.pending:
            await _cancel_and_wait(lctx, extras, limit)
    failures, extras.failures = extras.failures, []
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise BaseExceptionGroup("tasks of the request failed", failures)
    if overran:
        raise DeadlineExceeded(f"the tasks of the request {lctx.request_id} did not end before its deadline")


async def _wait_within_deadline(lctx: LocalContext, extras: Extras, limit: float) -> None:
    extras.idle = trio.Event()
    if lctx._watched < 2 and lctx._deadline != math.inf:
        lctx._arm()
    try:
        # A failing task sets `idle` through the others, which it cancels. The scope of the request, where it
        # has one, carries the deadline.
        if lctx.scope is None:
            with trio.move_on_at(lctx._deadline):
                await extras.idle.wait()
        else:
            await extras.idle.wait()
    except trio.Cancelled:
        await _cancel_and_wait(lctx, extras, limit)
        raise
    finally:
        extras.idle = None


async def _cancel_and_wait(lctx: LocalContext, extras: Extras, limit: float) -> None:
    lctx._cancel_tasks()
    if not extras.pending:
        return
    extras.idle = trio.Event()
    with trio.move_on_after(limit, shield=True) as patience:
        await extras.idle.wait()
    extras.idle = None
    if patience.cancelled_caught:
        stuck = [task.name for task in extras.tasks if task.status == "pending"]
        lctx.gctx.alert("task_outlived", None, request_id=lctx.request_id, tasks=stuck)


async def run_failure_callbacks(
    lctx: LocalContext,
    error: BaseException | None,
    *,
    observe: Observe | None = None,
    limit: float = EXIT_LIMIT,
) -> None:
    """Call what was registered with `on_timeout` if the deadline passed, else with `on_error`, in order.

    Args:
        lctx: the request.
        error: what each of them is given.
        observe: told of the start and the end of each.
        limit: seconds for all of them together.
    """
    extras = lctx._extras
    if extras is None:
        return
    timed_out = lctx.deadline_passed or (lctx._outcome is not None and lctx._outcome.kind == "timeout")
    kind: StepKind = "on_timeout" if timed_out else "on_error"
    steps, others = extras.on_error, extras.on_timeout
    if timed_out:
        steps, others = others, steps
    others.clear()
    await _run_all(lctx, kind, steps, observe, limit, failure=(error,))


async def leave_entered(
    lctx: LocalContext,
    error: BaseException | None,
    *,
    observe: Observe | None = None,
    limit: float = EXIT_LIMIT,
) -> None:
    """Leave the context managers that `lctx.enter` entered, last in first out; each is left once.

    On success this belongs just before the answer goes out, so that an answer never promises what a commit
    then refuses. Each exit runs alone, shielded and for a share of `limit`. What is entered later is left
    by the next call, or by `run_cleanups`.

    Args:
        lctx: the request.
        error: what each manager is told; None leaves it as after a block that ended well, unless the
            request is cancelled, or settled as a failure.
        observe: told of the start and the end of each exit, as a `cleanup`.
        limit: seconds for all of them together.

    Raises:
        BaseException: after a success, the first failure of an exit (`TimeoutError` if it overran); the
            managers that are left after it are told of it, as in an `AsyncExitStack`. After a failure only
            what is no Exception; the rest is the alert `cleanup_failed`.
        Cancelled: the request is cancelled already, and there is something to be left with success.
    """
    extras = lctx._extras
    if extras is None or not any(step.held for step in extras.cleanups):
        return
    settled = lctx._outcome
    if error is None and (settled is None or settled.ok):
        # While nothing has been left yet, so that whoever runs the request has it undone as a whole.
        await trio.lowlevel.checkpoint_if_cancelled()
    told = _told_of(lctx, error)
    refused: BaseException | None = None
    fatal: BaseException | None = None
    end = trio.current_time() + limit
    while (step := _take_entered(extras)) is not None:
        now = trio.current_time()
        share = max(0.0, end - now) / (2 if any(other.held for other in extras.cleanups) else 1)
        raises = told is None
        failure = await run_step(lctx, "cleanup", step, now + share, observe, told=told, alert=not raises)
        if failure is not None and raises:
            refused, told = failure, _told_of(lctx, failure)
        if failure is not None and not isinstance(failure, Exception):
            fatal = fatal or failure
    if fatal is not None:
        raise fatal
    if refused is not None:
        raise refused


def _take_entered(extras: Extras) -> Step | None:
    """Take the context manager that was entered last out of the cleanups."""
    for index in range(len(extras.cleanups) - 1, -1, -1):
        if extras.cleanups[index].held is not None:
            return extras.cleanups.pop(index)
    return None


async def run_compensations(
    lctx: LocalContext, *, observe: Observe | None = None, limit: float = EXIT_LIMIT
) -> None:
    """Call the compensations, last registered first; each failure is the alert `compensation_failed`.

    Args:
        lctx: the request.
        observe: told of the start and the end of each.
        limit: seconds for all of them together.
    """
    extras = lctx._extras
    if extras is None:
        return
    try:
        await _run_all(lctx, "compensation", extras.compensations, observe, limit)
    finally:
        extras.sealed = True


async def run_cleanups(
    lctx: LocalContext, *, observe: Observe | None = None, limit: float = EXIT_LIMIT
) -> None:
    """Call the cleanups, last registered first; context managers that were not left yet are among them.

    Tasks that were started after the join are cancelled and awaited before.

    Args:
        lctx: the request.
        observe: told of the start and the end of each.
        limit: seconds for all of them together.
    """
    extras = lctx._extras
    if extras is None:
        return
    extras.joining = True
    if extras.pending:
        await _cancel_and_wait(lctx, extras, limit)
    extras.sealed = extras.cleaning = True
    await _run_all(lctx, "cleanup", extras.cleanups, observe, limit)


def commit(lctx: LocalContext) -> None:
    """Discard the compensations for good, and refuse further ones: the answer is about to leave.

    A runtime that runs nothing of the user's after this may leave it out while `lctx.extras` is None.

    >>> from gnomon_context.testing import local_context
    >>> lctx = local_context()
    >>> commit(lctx)
    >>> lctx.compensate(print)
    Traceback (most recent call last):
    gnomon_context.IllegalPhase: the compensation 'print' comes after the request was committed or undone ...
    """
    extras = lctx._more()
    extras.compensations.clear()
    extras.sealed = True


async def _run_all(
    lctx: LocalContext,
    kind: StepKind,
    steps: list[Step],
    observe: Observe | None,
    limit: float,
    *,
    failure: tuple[BaseException | None] | None = None,
) -> None:
    """Run `steps`, those included that a step adds; what is no Exception is raised at the end.

    With a `failure` they are called with it, the first first; else with their own arguments, the last first.
    """
    end = trio.current_time() + limit
    fatal: BaseException | None = None
    left = len(steps) + MAX_ADDED
    while steps and left:
        left -= 1
        step = steps.pop() if failure is None else steps.pop(0)
        step.args = step.args if failure is None else failure
        now = trio.current_time()
        # Half of what is left, so that a step that hangs leaves time for each that follows.
        share = max(0.0, end - now) / (2 if steps else 1)
        allowed = share if step.timeout is None else min(step.timeout, max(0.0, end - now))
        told = None if step.held is None else _failure_of(lctx)
        error = await run_step(lctx, kind, step, now + allowed, observe, told=told)
        if error is not None and not isinstance(error, Exception) and fatal is None:
            fatal = error
    if steps:
        lctx.gctx.alert(
            f"{kind}s_skipped", None, request_id=lctx.request_id, names=[each.name for each in steps]
        )
        abandon(steps)
    if fatal is not None:
        raise fatal


async def run_step(
    lctx: LocalContext,
    kind: StepKind,
    step: Step,
    deadline: float,
    observe: Observe | None,
    *,
    told: BaseException | None = None,
    alert: bool = True,
) -> BaseException | None:
    """Run one step, shielded until `deadline` (trio clock); what it raised comes back, and is an alert."""
    started_ns = time.monotonic_ns()
    _tell(lctx, observe, StepReport(kind, step.name, "start", started_ns, None, None))
    error: BaseException | None = None
    # Shielded, for the request may be cancelled already; never without a deadline.
    scope = trio.CancelScope(shield=True, deadline=deadline)
    try:
        # Inside the `try`, so that the scope takes its own cancellation out of a group that it is raised in.
        with scope:
            if step.held is not None:
                error = await step.held.stop(told, deadline)
                if error is None and step.held.was_cancelled:
                    # Whether it committed before is not to be known.
                    error = TimeoutError(f"the exit of {step.name!r} was cancelled at its deadline")
            else:
                result: Any = step.fn(*step.args)
                if inspect.isawaitable(result):
                    await result
    except BaseException as raised:
        error = raised
    overran = trio.current_time() > deadline
    status: Literal["end", "error", "timeout"] = "end" if error is None else "error"
    if scope.cancelled_caught or overran or (isinstance(error, TimeoutError) and step.held is not None):
        status = "timeout"
    _tell(lctx, observe, StepReport(kind, step.name, status, started_ns, time.monotonic_ns(), error))
    if status != "end" and alert:
        lctx.gctx.alert(f"{kind}_failed", error, name=step.name, status=status, request_id=lctx.request_id)
    return error


def _tell(lctx: LocalContext, observe: Observe | None, report: StepReport) -> None:
    if observe is not None:
        try:
            observe(report)
        except Exception as error:
            lctx.gctx.alert("observer_failed", error, name=report.name)


def _failure_of(lctx: LocalContext) -> Exception | None:
    """What a context manager is told that is left with the outcome of the request."""
    outcome = lctx._outcome
    if outcome is None:
        reason = lctx.cancel_reason
        return None if reason is None else ContextError(f"the request was cancelled ({reason})")
    if outcome.kind == "ok":
        return None
    # A cancellation or an interrupt is not raised again in another task.
    if isinstance(outcome.error, Exception):
        return outcome.error
    return ContextError(f"the request ended as {outcome.kind}")


def _told_of(lctx: LocalContext, error: BaseException | None) -> Exception | None:
    """What a context manager is told that is left with `error`."""
    if isinstance(error, Exception):
        return error
    known = _failure_of(lctx)
    if known is not None or error is None:
        return known
    return ContextError(f"the request ended with {type(error).__name__}")
