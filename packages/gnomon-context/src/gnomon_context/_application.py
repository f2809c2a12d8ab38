"""What the whole application owns: the nursery, the live requests, the watchdog, detached tasks, alerts."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import trio

from ._config import Config
from ._config_load import ConfigSources
from ._current import current
from ._errors import ContextClosed, ContextError, DetachRefused
from ._extras import await_call, name_of
from ._lifecycle import Callback, Check, run_shutdown
from ._outcome import CancelReason
from ._pressure import MemoryFigures, ReadMemory, read_memory
from ._state import SharedState
from ._tasks import split_cancelled
from ._topics import Topics

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

    >>> Alert("disk_full", None, {"path": "/data"}).kind
    'disk_full'
    """

    kind: str
    error: BaseException | None
    detail: dict[str, Any] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class MemoryWatch:
    """Who wants to hear of memory pressure."""

    fn: Callable[[MemoryFigures], Any]
    name: str
    threshold: float
    interval: float
    timeout: float


def _current_time() -> float:
    """The clock of an application that is not running, also outside of trio, where it stands still."""
    try:
        return trio.current_time()
    except RuntimeError:
        return 0.0


@final
class Application:
    """The running application behind every `GlobalContext` of it."""

    def __init__(self, *, max_detached: int) -> None:
        self.clock: Callable[[], float] = _current_time
        self.nursery: trio.Nursery | None = None
        self.live: set[LocalContext] = set()
        self.unarmed: trio.Event = trio.Event()
        self.watching: bool = False
        self.alert_listeners: list[Callable[[Alert], object]] = []
        self.opened: bool = False
        self.config: Config = Config()
        self.config_sources: ConfigSources | None = None
        self.reloading: trio.Lock = trio.Lock()
        self.config_watchers: list[tuple[Callable[[Config, Config], Any], str, float]] = []
        self.state: SharedState = SharedState()
        self.topics: Topics = Topics("the application")
        self.callbacks: dict[str, list[Callback]] = {"startup": [], "pre_shutdown": [], "shutdown": []}
        self.health_checks: list[tuple[int, Check]] = []
        self.memory_watches: list[MemoryWatch] = []
        self.read_memory: ReadMemory = read_memory
        self.announced: bool = False
        self.max_detached: int = max_detached
        self.detached: set[trio.CancelScope] = set()
        self.detached_idle: trio.Event | None = None
        self.draining: bool = False
        self.ended: bool = False
        self.idle: trio.Event | None = None

    def use_config(self, config: Config | ConfigSources | Mapping[str, Any] | None) -> None:
        if isinstance(config, ConfigSources):
            self.config_sources = config
            self.config = config.load()
        else:
            self.config = config if isinstance(config, Config) else Config(config or {})

    def lock_to_reload(self) -> trio.Lock:
        """What is held while the configuration is loaded again and all who hear of it are told."""
        if self.reloading.statistics().owner is trio.lowlevel.current_task():
            raise ContextError(
                "what hears of a reload runs within it, and cannot reload: start a task that does"
            )
        return self.reloading

    def start(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        # Asked once: the lookup of the current clock would cost every deadline.
        self.clock = trio.lowlevel.current_clock().current_time
        nursery.start_soon(self.watch, name="gnomon watchdog")
        for watch in self.memory_watches:
            nursery.start_soon(self._watch_memory, watch, name="gnomon memory watch")

    def stop_clock(self, at: float) -> None:
        """Let the clock stand at `at` seconds until the application is opened."""
        if self.opened:
            raise ContextClosed(
                "the clock of an application that was opened is trio's: stop that of one which is not, "
                "or run it under a virtual clock"
            )
        self.clock = lambda: at

    def stop(self) -> None:
        self.open_nursery().cancel_scope.cancel(reason="the application is shut down")
        self.nursery, self.ended = None, True

    def check_may_register(self, point: str) -> None:
        """Refuse a callback that would never be called."""
        late = (
            self.opened
            if point == "startup"
            else self.announced
            if point == "pre_shutdown"
            else self.draining
        )
        if late:
            before = {
                "startup": "the application is opened",
                "pre_shutdown": "the shutdown is announced",
                "shutdown": "the shutdown has begun",
            }
            raise ContextClosed(
                f"a callback for {point} comes too late, it would never be called: register it before "
                f"{before[point]}"
            )

    def own_checks(self) -> list[Check]:
        """Unhealthy from the announcement of the shutdown on, so that nobody sends new requests."""

        async def leaving() -> str:
            return "unhealthy"

        return [Check("shutting down", leaving, 1.0, True)] if self.announced else []

    async def begin_shutdown(self, gctx: GlobalContext[Any], deadline: float) -> None:
        if not self.announced:
            self.announced = True
            await run_shutdown("pre_shutdown", self.callbacks["pre_shutdown"], gctx, deadline, self.alert)

    async def drain(self, deadline: float) -> None:
        """Cancel what requests still run, wait for detached tasks, until `deadline`."""
        self.draining = True
        # The application may be cancelled already; the shutdown runs all the same.
        with trio.CancelScope(shield=True, deadline=deadline):
            while self.live:
                # Again and again: there may be some that begin only now.
                self.cancel_live("shutdown")
                with trio.move_on_after(TICK):
                    await self.wait_idle()
        if self.live:
            self.alert("requests_outlived", None, {"requests": [lctx.request_id for lctx in self.live]})
        await self.drain_detached(deadline)

    def watch_memory(self, watch: MemoryWatch) -> None:
        if self.ended:
            raise ContextClosed("the application has ended: nobody watches its memory any more")
        self.memory_watches.append(watch)
        if self.nursery is not None:
            self.nursery.start_soon(self._watch_memory, watch, name="gnomon memory watch")

    async def _watch_memory(self, watch: MemoryWatch) -> None:
        above = False
        while True:
            figures = self.read_memory()
            if figures is None:
                self.alert("memory_unknown", None, {"name": watch.name})
                return
            if figures.pressure >= watch.threshold and not above:
                above = True
                await self.call_bounded(
                    watch.fn, (figures,), watch.name, watch.timeout, "memory_callback_failed"
                )
            elif figures.pressure < watch.threshold * 0.95:
                # Below by a margin, so that a figure around the threshold does not call again and again.
                above = False
            await trio.sleep(watch.interval)

    async def call_bounded(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        name: str,
        timeout: float,
        kind: str,
        *,
        shield: bool = False,
    ) -> None:
        """Call `fn`, sync or async; that it raises or overruns is an alert."""
        failure: Exception | None = None
        patience = trio.move_on_after(timeout, shield=shield)
        try:
            # Inside the `try`: the scope takes its own cancellation out of a group that it is raised in.
            with patience:
                result = fn(*args)
                if inspect.isawaitable(result):
                    await result
        except Exception as error:
            failure = error
        if failure is not None or patience.cancelled_caught:
            self.alert(kind, failure, {"name": name, "timed_out": patience.cancelled_caught})

    def open_nursery(self) -> trio.Nursery:
        if self.nursery is None:
            raise ContextClosed(
                "the application is not running: tasks need a global context that was opened "
                "with `async with open_global_context(...)`"
            )
        return self.nursery

    def arm_in_time(self, lctx: LocalContext) -> None:
        """Arm a short deadline, leave a long one to the watchdog."""
        if lctx._deadline - self.clock() < SHORT or self.nursery is None:
            lctx._arm()
        elif not self.watching:
            self.watching = True
            self.unarmed.set()

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
            # One for all who wait.
            if self.idle is None or self.idle.is_set():
                self.idle = trio.Event()
            await self.idle.wait()

    def alert(self, kind: str, error: BaseException | None, detail: dict[str, Any]) -> None:
        """Tell every listener; with none, or when one fails, the log hears of it."""
        alert = Alert(kind, error, detail)
        if not self.alert_listeners:
            _log.error("%s: %s %s", kind, type(error).__name__ if error else "", detail, exc_info=error)
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
                async with open_local_context(gctx, **fields) as lctx:
                    # No request that a drain cancels: it has the time of the shutdown to finish.
                    self.live.discard(lctx)
                    lctx._arm()
                    await await_call(fn, args)
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
            with trio.CancelScope(shield=True, deadline=until):
                while self.detached:
                    self.detached_idle = trio.Event()
                    await self.detached_idle.wait()
            for scope in self.detached:
                scope.cancel(reason="the application is shutting down")
