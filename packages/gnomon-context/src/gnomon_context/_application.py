"""What the whole application owns: the nursery, the live requests, the watchdog, detached tasks, alerts."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import trio

from ._current import current
from ._errors import ContextClosed, DetachRefused
from ._extras import name_of
from ._outcome import CancelReason
from ._tasks import split_cancelled

if TYPE_CHECKING:
    from ._global import GlobalContext
    from ._local import LocalContext

TICK = 0.05
# Requests with less time than this are armed at their start: the watchdog might meet them too late.
SHORT = 0.15

_log = logging.getLogger("gnomon_context")


@final
@dataclass(frozen=True, slots=True)
class Alert:
    """Something went wrong that no request can answer for.

    Args:
        kind: what happened, such as `compensation_failed`.
        error: the exception, if there is one.
        detail: names and numbers that help to find the place.
    """

    kind: str
    error: BaseException | None
    detail: dict[str, Any] = field(default_factory=dict)


@final
class Application:
    """The running application behind every `GlobalContext` of it."""

    def __init__(self, *, max_detached: int) -> None:
        self.clock: Callable[[], float] = trio.current_time
        self.nursery: trio.Nursery | None = None
        self.live: set[LocalContext] = set()
        self.unarmed = trio.Event()
        self.watching = False
        self.alert_listeners: list[Callable[[Alert], object]] = []
        self.max_detached = max_detached
        self.detached: set[trio.CancelScope] = set()
        self.detached_idle: trio.Event | None = None
        self.draining = False
        self.idle: trio.Event | None = None

    def open_nursery(self) -> trio.Nursery:
        if self.nursery is None:
            raise ContextClosed(
                "the application is not running: tasks need a global context that was opened "
                "with `async with open_global_context(...)`"
            )
        return self.nursery

    def enter(self, lctx: LocalContext) -> None:
        """Count a request among the live ones; arm a short deadline, leave a long one to the watchdog."""
        self.live.add(lctx)
        deadline = lctx._deadline
        if deadline != math.inf:
            if deadline - self.clock() < SHORT or self.nursery is None:
                lctx._arm()
            elif not self.watching:
                self.watching = True
                self.unarmed.set()

    def leave(self, lctx: LocalContext) -> None:
        self.live.discard(lctx)
        if self.idle is not None and not self.live:
            self.idle.set()

    async def watch(self) -> None:
        """Arm the deadlines of requests that live longer than a tick; most requests never meet this."""
        while True:
            if not self.watching:
                # Parked while nobody needs a deadline, so that an idle application does not wake.
                self.unarmed = trio.Event()
                await self.unarmed.wait()
            await trio.sleep(TICK)
            waiting = False
            for lctx in self.live:
                if lctx._watched < 2 and lctx._deadline != math.inf:
                    if lctx._watched == 1:
                        lctx._arm()
                    else:
                        lctx._watched = 1
                        waiting = True
            self.watching = waiting

    def cancel_live(self, reason: CancelReason) -> None:
        for lctx in tuple(self.live):
            lctx.cancel(reason)

    async def wait_idle(self) -> None:
        while self.live:
            self.idle = trio.Event()
            await self.idle.wait()
        self.idle = None

    def alert(self, kind: str, error: BaseException | None, detail: dict[str, Any]) -> None:
        """Tell every listener; with none, or when one fails, the log hears of it."""
        alert = Alert(kind, error, detail)
        if not self.alert_listeners:
            _log.error("%s: %s %s", kind, type(error).__name__ if error else "", detail)
        for listener in tuple(self.alert_listeners):
            try:
                listener(alert)
            except Exception:
                _log.exception("the alert listener %s failed on %s", name_of(listener), kind)

    def detach(
        self,
        gctx: GlobalContext[Any],
        fn: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        name: str,
        **fields: Any,
    ) -> None:
        """Run `fn` as a request of its own in the application's nursery, bounded in number."""
        nursery = self.open_nursery()
        if self.draining:
            raise DetachRefused(f"{name!r} cannot be detached: the application is shutting down")
        if len(self.detached) >= self.max_detached:
            raise DetachRefused(
                f"{name!r} cannot be detached: {self.max_detached} detached tasks are running already; "
                "raise max_detached or do the work in the request"
            )
        scope = trio.CancelScope()
        self.detached.add(scope)
        nursery.start_soon(self._run_detached, scope, gctx, fn, args, name, fields, name=name)

    async def _run_detached(
        self,
        scope: trio.CancelScope,
        gctx: GlobalContext[Any],
        fn: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        name: str,
        fields: dict[str, Any],
    ) -> None:
        from ._open_local import open_local_context  # made of this module's users

        current.set(None)
        try:
            with scope:
                async with open_local_context(gctx, **fields):
                    await fn(*args)
            if scope.cancelled_caught:
                self.alert("detached_cancelled", None, {"name": name})
        except BaseException as error:
            cancelled, failure = split_cancelled(error)
            if failure is not None:
                self.alert("detached_failed", failure, {"name": name})
            if cancelled is not None:
                raise cancelled from None
            if not isinstance(failure, Exception):
                raise
        finally:
            self.detached.discard(scope)
            if self.detached_idle is not None and not self.detached:
                self.detached_idle.set()

    async def drain_detached(self, deadline: float) -> None:
        """Wait for detached tasks until `deadline`, then cancel them and wait a little longer."""
        for until in (deadline, deadline + 1.0):
            with trio.CancelScope(deadline=until):
                while self.detached:
                    self.detached_idle = trio.Event()
                    await self.detached_idle.wait()
            for scope in self.detached:
                scope.cancel(reason="the application is shutting down")
