"""One request on its way through a plan: its steps one by one, with everything a step can ask for."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import trio

from gnomon_context import GlobalContext, LocalContext, RequestPhase

from ._errors import HookTimeout, UnexpectedReturn
from ._local import LocalHooks
from ._observer import Hear, Observer
from ._threads import run_in_thread

if TYPE_CHECKING:
    from ._entries import Entry
    from ._hook import Hook
    from ._orchestrator import Plan, WebSocketPlan
    from .protocols import Boundary

_log = logging.getLogger("gnomon_orchestrator")
# More doublings than this would overflow long after any deadline.
_MOST_DOUBLINGS = 60


class Run:
    """What the steps of one request share."""

    __slots__ = (
        "boundaries",
        "done",
        "exit_at",
        "gctx",
        "lctx",
        "local_before",
        "observer",
        "plan",
        "req",
        "res",
        "status",
        "ws",
    )

    def __init__(
        self,
        plan: Plan | WebSocketPlan,
        req: Any,
        res: Any,
        lctx: LocalContext,
        gctx: GlobalContext[Any],
        status: object,
        ws: Any = None,
    ) -> None:
        self.plan = plan
        # The innermost cancel scope of the task at the start; see _leaks.
        self.status = status
        self.req = req
        # The WebSocket of a request that opens one; `res` is then what is answered instead.
        self.ws = ws
        self.res = res
        self.lctx = lctx
        self.gctx = gctx
        self.observer: Observer | None = None
        self.boundaries: tuple[Boundary, ...] = plan.boundaries
        self.done = 0
        self.local_before: LocalHooks | None = None
        # When the exit has to be over, once there is one: from then on the request deadline counts no more.
        self.exit_at = math.inf

    def observe(self, listeners: Sequence[Hear], request_id: str, epoch: float, began_ns: int) -> None:
        """Go on with the events that compiled code has begun."""
        plan = self.plan
        self.observer = Observer(
            plan.table,
            listeners,
            name=plan.name,
            clock=plan.clock_ns,
            request_id=request_id,
            epoch=epoch,
            began_ns=began_ns,
        )

    def advance(self, phase: RequestPhase) -> None:
        """Move the request to ``phase`` and say so."""
        before = self.lctx.phase
        self.lctx.advance(phase)
        if self.observer is not None:
            self.observer.tell("phase", phase.value, detail=before.value)

    async def local_hooks_before(self) -> None:
        """Run the ``before`` hooks that this request registered, those included that they register."""
        self.local_before = self.local_before or LocalHooks(self.plan, self.lctx, "before")
        while not self.res.finished:
            entry = self.local_before.next()
            if entry is None:
                return
            await self.step(entry)

    async def step(
        self, entry: Entry, error: BaseException | None = None, *, limit: float | None = None
    ) -> bool:
        """Run one step with its options.

        Args:
            entry: The step.
            error: What a catch hook is given.
            limit: Seconds that all its attempts have together; ``None`` leaves that to the request deadline.

        Returns:
            Whether it returned; an isolated failure does not.
        """
        self.lctx.execution = entry.execution
        observer = self.observer
        if self.boundaries:
            await self._at_boundaries("before_step", entry)
        since = 0 if observer is None else observer.tell(f"{entry.event}.start", entry.name, entry=entry)
        failure: BaseException | None = None
        try:
            if limit is None:
                await self._perform(entry, error, since)
            else:
                with trio.move_on_after(limit) as scope:
                    await self._perform(entry, error, since)
                if scope.cancelled_caught:
                    raise self._tell_timeout(entry, None, self._attempt_number(), since)
        except BaseException as raised:
            failure = raised
            if observer is not None:
                observer.tell(
                    f"{entry.event}.error",
                    entry.name,
                    entry=entry,
                    attempt=self._attempt_number(),
                    since_ns=since,
                    error=raised,
                )
            if not (isinstance(raised, Exception) and getattr(entry.hook, "isolated", False)):
                raise
            return False
        else:
            if observer is not None:
                watch = self.plan.watch
                observer.tell(
                    f"{entry.event}.end",
                    entry.name,
                    entry=entry,
                    attempt=self._attempt_number(),
                    since_ns=since,
                    detail=None if watch is None else watch.held_ns(since, observer.clock()),
                )
            self.done |= entry.provides
            return True
        finally:
            if self.boundaries and not isinstance(failure, GeneratorExit):
                await self._at_boundaries("after_step", entry, failure)

    def _attempt_number(self) -> int:
        execution = self.lctx.execution
        return 1 if execution is None else execution.attempt

    async def _perform(self, entry: Entry, error: BaseException | None, since: int) -> None:
        if entry.plain:
            await self._call(entry, error)
        else:
            await self._attempts(entry, error, since)

    async def _call(self, entry: Entry, error: BaseException | None) -> None:
        result = entry.call(self.req, self.res, self.lctx, self.gctx, error, self.ws)
        if entry.is_async:
            result = await result
        if result is not None and result is not self.res and result is not self.ws:
            await settle_result(result, self.res, entry.name)

    async def _attempts(self, entry: Entry, error: BaseException | None, since: int) -> None:
        hook = entry.hook
        retries = 0 if hook is None else hook.retries
        retry_on = () if hook is None else hook.retry_on
        attempt = 1
        while True:
            try:
                await self._attempt(entry, error, attempt, since)
                return
            except retry_on as raised:
                if attempt > retries or not isinstance(raised, Exception):
                    raise
                assert hook is not None
                delay = self._delay(hook, attempt)
                if delay is None:
                    raise
                attempt += 1
                if self.observer is not None:
                    self.observer.tell(
                        "hook.retry",
                        entry.name,
                        entry=entry,
                        attempt=attempt,
                        since_ns=since,
                        error=raised,
                        detail=delay,
                    )
            # A checkpoint even without a delay: a storm of retries stops at the deadline.
            await trio.sleep(delay)
            self.lctx.execution = replace(entry.execution, attempt=attempt)

    def _delay(self, hook: Hook | Any, attempt: int) -> float | None:
        """How long to wait before the next attempt; ``None`` if the time that is left does not reach."""
        now = trio.current_time()
        limit = trio.current_effective_deadline()
        if self.exit_at == math.inf:
            limit = min(limit, self.lctx.deadline)
        if self.lctx.cancel_reason is not None and self.exit_at == math.inf:
            return None
        whole: float = hook.backoff * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS)
        delay = whole * (1.0 - 0.5 * self.lctx.random.random()) if whole else 0.0
        return None if now + delay >= limit else delay

    async def _attempt(self, entry: Entry, error: BaseException | None, attempt: int, since: int) -> None:
        hook = entry.hook
        timeout = None if hook is None else hook.timeout
        if entry.in_thread:
            with trio.move_on_after(math.inf if timeout is None else timeout) as scope:
                result = await run_in_thread(self, entry, error)
                if result is not None:
                    await settle_result(result, self.res, entry.name)
        elif timeout is None:
            await self._call(entry, error)
            return
        else:
            with trio.move_on_after(timeout) as scope:
                await self._call(entry, error)
            overran = scope.cancel_called or trio.current_time() > scope.deadline
            if overran and not scope.cancelled_caught:
                # It did not let itself be cancelled, but it came back: that is reported, and no failure.
                self._tell_timeout(entry, timeout, attempt, since)
        if scope.cancelled_caught:
            raise self._tell_timeout(entry, timeout, attempt, since)

    def _tell_timeout(self, entry: Entry, timeout: float | None, attempt: int, since: int) -> HookTimeout:
        error = HookTimeout(entry.name, timeout)
        if self.observer is not None:
            self.observer.tell(
                "hook.timeout", entry.name, entry=entry, attempt=attempt, since_ns=since, error=error
            )
        return error

    async def _at_boundaries(self, side: str, entry: Entry, *arguments: Any) -> None:
        step = entry.step(self.req, self.res)
        for boundary in self.boundaries:
            try:
                await getattr(boundary, side)(step, self.lctx, *arguments)
            except Exception as error:
                self.boundaries = tuple(other for other in self.boundaries if other is not boundary)
                _log.warning(
                    "the boundary %r raised and is left out of this request", boundary, exc_info=error
                )


async def settle_result(result: object, res: object, name: str) -> None:
    """Deal with what a step returned that is neither nothing nor the response: await it, or refuse it.

    Raises:
        UnexpectedReturn: It is a value, which nothing would have looked at.
    """
    if inspect.isawaitable(result):
        result = await result
    if result is not None and result is not res:
        raise UnexpectedReturn(
            f"{name} returned an object of type {type(result).__name__}, which nothing looks at: "
            "a handler or hook answers through res, as in res.json(...), and returns nothing"
        )
