"""The way out of a request: the numbered steps of the lifecycle, each item entered at most once.

Compiled plans take a success without frills out by themselves; everything else comes here, with the step
at which it left the compiled code. This module is written to be compared with the lifecycle line by line,
not to be fast. It is over 400 lines because it is that one text.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio

from gnomon_context import RequestOutcome, RequestPhase
from gnomon_context.runtime import (
    commit,
    end,
    join_tasks,
    leave_entered,
    move_deadline,
    run_cleanups,
    run_compensations,
    run_failure_callbacks,
)

from ._cause import LAST_RESORT, Cause, Default, Gone, Overdue, classify, default_for, without_cancelled
from ._errors import NoAnswer
from ._leaks import close_leaks, innermost, leaked
from ._local import LocalHooks
from ._streams import ending_with, validated_items
from .protocols import ItemValidator

if TYPE_CHECKING:
    from gnomon_context.runtime import Observe

    from ._entries import Entry
    from ._run import Run

_log = logging.getLogger("gnomon_orchestrator")

IN, AFTER, SENDING = range(3)


def check_in_time(run: Run) -> None:
    """Find a cancellation that a step has swallowed, or a deadline that passed while the loop was blocked.

    Raises:
        Overdue: There is one.
    """
    if run.lctx.cancel_reason is not None or run.lctx.deadline <= trio.current_time():
        raise Overdue


async def conclude(ending: Ending, since_ns: int, failure: BaseException | None) -> RequestOutcome:
    """Take a request from where compiled code left it to its end.

    Args:
        ending: Of the request.
        since_ns: When that step began, if it still has to be reported as failed; else -1.
        failure: What came out of it, or ``None`` if it left because the request uses more than a call.

    Raises:
        BaseException: What is no failure of the request (KeyboardInterrupt, SystemExit, a cancellation from
            outside), when everything else is done.
    """
    run = ending.run
    try:
        if isinstance(failure, GeneratorExit):
            # The event loop is gone: nothing can be awaited any more.
            raise failure
        if failure is None:
            failure = await ending.succeed()
        elif since_ns >= 0:
            ending.report(failure, since_ns)
        try:
            if failure is not None:
                await ending.fail(failure)
        except Exception as error:
            # The response object itself is broken: there is nothing to answer with.
            _log.exception("the answer to a failure of %s could not be made", run.plan.name)
            run.lctx.settle("error", error)
        await ending.clean()
    finally:
        # Whatever happens to this code, the request is over.
        outcome = ending.finish()
    if ending.fatal is None and innermost() is not run.status:
        # It could not be closed: answered as the request may be, the task is of no more use.
        ending.fatal = leaked(run.plan.name)
    if ending.fatal is not None:
        raise ending.fatal
    return outcome


class Ending:
    """What of the ending of one request is over, and what is to come.

    Args:
        run: The request.
        step: The number of the step that was entered last.
    """

    CUT_OFF = "%s failed while its answer was sent"

    __slots__ = (
        "after_at",
        "answered",
        "callbacks_run",
        "catch_at",
        "entry",
        "fatal",
        "first_at",
        "items",
        "local_after",
        "local_catch",
        "plan",
        "refused",
        "returned",
        "run",
        "stage",
    )

    def __init__(self, run: Run, step: int) -> None:
        plan = run.plan
        self.run = run
        self.plan = plan
        # Compiled code enters the after hooks in the order of plan.after, and numbers them so.
        self.after_at = sum(entry.index <= step for entry in plan.after)
        self.entry: Entry | None = plan.entries[step] if 0 <= step < plan.send_index else None
        self.stage = SENDING if step >= plan.send_index else AFTER if step >= plan.out_index else IN
        self.refused = False
        self.fatal: BaseException | None = None
        self.callbacks_run = False
        self.catch_at = 0
        self.first_at = 0
        self.local_after = LocalHooks(plan, run.lctx, "after")
        self.local_catch = LocalHooks(plan, run.lctx, "catch")
        # The stream that is sent.
        self.items: ending_with | None = None
        # Whether the one return to step 2 was made.
        self.returned = False
        # Whether the answer is that of a catch hook.
        self.answered = False

    # A request that has not failed.

    async def succeed(self) -> BaseException | None:
        """Steps 1, 4, 5 and 6 under the deadline of the request; returns what failed."""
        self.entry = None
        try:
            if self.stage == IN:
                await self._join_well()
                check_in_time(self.run)
            await self._answer_well()
        except GeneratorExit:
            raise
        except BaseException as failure:
            return failure
        return None

    async def _join_well(self) -> None:
        await join_tasks(self.run.lctx)

    async def _answer_well(self) -> None:
        """Steps 4 to 6."""
        run = self.run
        if not run.res.finished:
            raise NoAnswer(self._no_answer())
        self.stage = AFTER
        await self._after_hooks()
        await self._validate_response()
        check_in_time(run)
        self._check_leaks()
        # The request deadline ends here; what is sent, and what is left before that, has limits of its own.
        if run.lctx.deadline != math.inf:
            move_deadline(run.lctx, math.inf)
        if not hasattr(run.res.body, "__aiter__"):
            await self._leave_well()
        self.stage = SENDING
        await self._send()

    def _no_answer(self) -> str:
        return f"{self.plan.name} returned without finishing the response: call res.json(...)"

    def _check_leaks(self) -> None:
        if innermost() is not self.run.status:
            raise leaked(self.plan.name)

    async def _send(self) -> None:
        run = self.run
        run.advance(RequestPhase.RESPONDING)
        await self._first_byte()
        lctx = run.lctx
        if hasattr(run.res.body, "__aiter__"):
            if self.plan.stream_timeout is not None:
                move_deadline(lctx, trio.current_time() + self.plan.stream_timeout)
            run.res.body = self.items = ending_with(run.res.body, self._leave_well)
        await run.res.send(self._commit)
        if self.items is not None:
            # The answer to HEAD has no items.
            await self._leave_well()
        # The client has everything: whatever happens from here on changes nothing for it.
        lctx.settle("ok")
        await self._last_byte()

    async def _leave_well(self) -> None:
        """Leave what the request has entered as after a success; raises what a commit raises."""
        lctx = self.run.lctx
        extras = lctx.extras
        if extras is not None and any(step.held is not None for step in extras.cleanups):
            await leave_entered(lctx, None, observe=self._observe(), limit=self.plan.exit_timeout)
            # A transaction is committed, so the rest of the work stays, too, whether or not the client does.
            commit(lctx)

    def _commit(self) -> None:
        commit(self.run.lctx)

    # A request that has failed.

    def report(self, failure: BaseException, since_ns: int) -> None:
        """Say that a step of the compiled code failed: it has no time to say so itself."""
        entry, observer = self.entry, self.run.observer
        assert entry is not None
        assert observer is not None
        observer.tell(f"{entry.event}.error", entry.name, entry=entry, since_ns=since_ns, error=failure)

    async def fail(self, failure: BaseException) -> None:
        """Steps 1 to 6 of a request that has failed."""
        run = self.run
        lctx = run.lctx
        self.returned = self.stage != IN
        if innermost() is not run.status:
            if without_cancelled(failure) is None and lctx.cancel_reason is None:
                # It is the forgotten scope that was cancelled.
                failure = leaked(self.plan.name)
            await close_leaks(run.status, limit=self.plan.exit_timeout)
        cut, kind = self._is_cut(), "error"
        with trio.CancelScope(shield=True) as exit_scope:
            exit_scope.deadline = run.exit_at = trio.current_time() + self.plan.exit_timeout
            child = await self._join()
            if (reason := self._said_of_the_connection(failure)) is not None:
                # Ingress may not have noticed before us.
                lctx.cancel(reason)
            cause = classify(failure, lctx, child)
            kind = lctx.settle(cause.kind, cause.error).kind
            if kind != cause.kind and child is not None:
                # The task had failed before the request was cancelled.
                cause = Cause(kind, child, cause.again)
            self.fatal = cause.again
            self.refused = self.entry is not None and self.entry.kind in ("guard", "body", "refusal")
            if lctx.deadline != math.inf:
                move_deadline(lctx, math.inf)
            run.advance(RequestPhase.FAILED)
            if cut:
                self._mark_cut()
            if cause.kind == "disconnect":
                await self._undo(cause.error)
            elif cut:
                if cause.kind == "error" and not self._blames_the_client(cause.error):
                    _log.error(self.CUT_OFF, self.plan.name, exc_info=cause.error)
                await self._callbacks(cause.error)
                await self._catch(cause.error, observing=True)
                await self._undo(cause.error)
            else:
                await self._answer(cause)
        if cut:
            await self._end_cut(kind)
        elif kind != "disconnect":
            await self._send_failure(cut_short=exit_scope.cancelled_caught)

    def _is_cut(self) -> bool:
        """Whether it is too late for another answer."""
        return bool(self.run.res.started)

    def _mark_cut(self) -> None:
        self.run.lctx.truncated()

    def _blames_the_client(self, error: BaseException | None) -> bool:  # noqa: ARG002 - sockets look at it
        """Whether a failure says that the client did wrong, which is nothing to log: anybody could fill the log."""
        return False

    async def _end_cut(self, kind: str) -> None:
        """Say that it ends here, where there is a way to say so."""

    def _said_of_the_connection(self, failure: BaseException) -> Gone | None:
        """Why a request is over, if its failure says so: its client is gone, or its server goes."""
        if self.stage != SENDING or (self.items is not None and self.items.failure is failure):
            # What broke is a connection of the handler, or one that the stream reads from.
            return None
        return "disconnect" if isinstance(without_cancelled(failure), trio.BrokenResourceError) else None

    async def _join(self) -> BaseException | None:
        try:
            await join_tasks(self.run.lctx, failed=True, limit=self._share())
        except BaseException as child:
            return without_cancelled(child)
        return None

    async def _answer(self, cause: Cause) -> None:
        """Steps 2 to 5, and back to 2 once."""
        kind, error = cause.kind, cause.error
        while True:
            self._reset()
            await self._callbacks(error)
            await self._catch(error)
            if not self.run.res.finished:
                invalid = self.entry is not None and self.entry.id == "validation:request"
                default = default_for(kind, error, invalid_request=invalid and error is cause.error)
                if default is LAST_RESORT:
                    # The client is told nothing about it, so somebody else has to be.
                    _log.error("%s failed, and no catch hook answered", self.plan.name, exc_info=error)
                try:
                    self._problem(default)
                except Exception:
                    # An answer that cannot be made must not keep what was done from being undone.
                    _log.exception("the answer to a failure of %s could not be made", self.plan.name)
                    self._last_resort()
            await self._undo(error)
            try:
                await self._after_hooks(failed=True)
                await self._validate_response()
            except BaseException as second:
                own = without_cancelled(second)
                if own is None:
                    raise
                if not isinstance(own, Exception):
                    self.fatal = self.fatal or own
                if self.returned:
                    self._last_resort()
                    break
                self.returned = True
                kind, error = "error", own
            else:
                break
        # What after hooks have entered and, where nothing was undone so far, registered.
        await self._undo(error)

    async def _callbacks(self, error: BaseException) -> None:
        if not self.callbacks_run:
            self.callbacks_run = True
            await self._bounded(run_failure_callbacks, error)

    async def _catch(self, error: BaseException, *, observing: bool = False) -> None:
        res = self.run.res
        while observing or not res.finished:
            try:
                entry = self._next_catch()
                if entry is None:
                    return
                await self.run.step(entry, error, limit=self._share())
            except BaseException as raised:
                self._keep(raised, "catch hook")
            self.answered = res.finished

    def _next_catch(self) -> Entry | None:
        local = self.local_catch.next()
        while local is None and self.catch_at < len(self.plan.catch):
            entry = self.plan.catch[self.catch_at]
            self.catch_at += 1
            if not entry.needs & ~self.run.done:
                return entry
        return local

    async def _undo(self, error: BaseException) -> None:
        """Step 3: leave what was entered, as after a failure, and run the compensations."""
        await self._bounded(leave_entered, error)
        await self._bounded(run_compensations)

    async def _bounded(self, callbacks: Callable[..., Awaitable[None]], *arguments: object) -> None:
        """Run callbacks that the context keeps, within half of the time that is left."""
        run = self.run
        if run.lctx.extras is None:
            return
        try:
            await callbacks(run.lctx, *arguments, observe=self._observe(), limit=self._share())
        except BaseException as raised:
            self._keep(raised, "callback")

    def _keep(self, raised: BaseException, what: str) -> None:
        """Note what an isolated part raised: it is an event already, and goes no further."""
        own = without_cancelled(raised)
        if own is None:
            raise raised
        if isinstance(own, Exception):
            _log.warning("a %s of %s failed", what, self.plan.name, exc_info=own)
        else:
            self.fatal = self.fatal or own

    def _share(self) -> float:
        """Half of the time that is left, so that a step that hangs leaves time for each that follows."""
        return max(0.0, self.run.exit_at - trio.current_time()) / 2

    async def _send_failure(self, *, cut_short: bool) -> None:
        run = self.run
        res = run.res
        if not res.finished or (cut_short and self.plan.response_entry is not None):
            # The exit deadline passed before anybody answered, or before the answer was validated.
            self._last_resort()
        if not await self._try_to_send():
            self._last_resort()
            await self._try_to_send()
        if self.answered and res.status_code < 400:
            run.lctx.recovered()

    async def _try_to_send(self) -> bool:
        """Send what there is; returns whether that is settled, so that nothing else can be tried."""
        run = self.run
        res = run.res
        # Cancelled as the request may be, its answer goes out, and not for ever.
        cancelled = trio.current_effective_deadline() <= trio.current_time()
        limit = self.plan.exit_timeout if cancelled else math.inf
        try:
            with trio.CancelScope(shield=cancelled, deadline=trio.current_time() + limit) as scope:
                await self._first_byte()
                await res.send()
        except BaseException as raised:
            own = without_cancelled(raised)
            if own is None and run.lctx.cancel_reason is None:
                self.fatal = self.fatal or raised
            if own is not None and not isinstance(own, Exception):
                self.fatal = self.fatal or own
            if res.started:
                run.lctx.truncated()
            return res.started or not isinstance(own, Exception) or isinstance(own, trio.BrokenResourceError)
        if scope.cancelled_caught:
            if res.started:
                run.lctx.truncated()
        else:
            await self._last_byte()
        return True

    def _reset(self) -> None:
        self.answered = False
        self.run.res.reset()

    def _last_resort(self) -> None:
        self._reset()
        self._problem(LAST_RESORT)

    def _problem(self, answer: Default) -> None:
        self.run.res.problem(
            answer.status,
            code=answer.code,
            detail=answer.detail,
            errors=answer.errors,
            headers=answer.headers,
        )

    # Step 7.

    async def clean(self) -> None:
        """Run the cleanups, whatever happened before."""
        run = self.run
        lctx = run.lctx
        if lctx.extras is not None:
            try:
                await run_cleanups(lctx, observe=self._observe(), limit=self.plan.exit_timeout)
            except BaseException as raised:
                self._keep(raised, "cleanup")
        if lctx.phase is not RequestPhase.FAILED:
            run.advance(RequestPhase.COMPLETED)

    def finish(self) -> RequestOutcome:
        """Close the request, and say how it ended."""
        run = self.run
        outcome = run.lctx.outcome or run.lctx.settle("error", self.fatal)
        if run.observer is not None:
            run.observer.finished(outcome)
        end(run.lctx)
        return outcome

    # The steps that success and failure have in common.

    def _observe(self) -> Observe | None:
        observer = self.run.observer
        return None if observer is None else observer.report

    async def _after_hooks(self, *, failed: bool = False) -> None:
        run = self.run
        while True:
            entry = self._next_after()
            if entry is None:
                break
            await run.step(entry, limit=self._share() if failed else None)
        if run.lctx.extras is not None:
            # What after hooks have started belongs to this step.
            with trio.move_on_after(self._share() if failed else math.inf):
                await join_tasks(run.lctx)

    def _next_after(self) -> Entry | None:
        if not self.refused:
            local = self.local_after.next()
            if local is not None:
                return local
        while self.after_at < len(self.plan.after):
            entry = self.plan.after[self.after_at]
            self.after_at += 1
            if not entry.needs & ~self.run.done and (entry.level == "global" or not self.refused):
                return entry
        return None

    async def _validate_response(self) -> None:
        entry, validator = self.plan.response_entry, self.plan.response
        if entry is None:
            return
        await self.run.step(entry)
        res = self.run.res
        if isinstance(validator, ItemValidator) and hasattr(res.body, "__aiter__"):
            res.body = validated_items(res.body, validator)

    async def _first_byte(self) -> None:
        """Run the hooks of the moment before the first byte; the answer is decided, so a failure goes no further."""
        while self.first_at < len(self.plan.first_byte):
            entry = self.plan.first_byte[self.first_at]
            self.first_at += 1
            try:
                await self.run.step(entry, limit=self.plan.exit_timeout)
            except Exception as error:
                self._keep(error, "hook at the first byte")

    async def _last_byte(self) -> None:
        """Run the hooks of the moment after the last byte, cancelled or not."""
        for entry in self.plan.last_byte:
            try:
                with trio.move_on_after(self.plan.exit_timeout, shield=True):
                    await self.run.step(entry)
            except BaseException as error:
                self._keep(error, "hook at the last byte")
