"""The local context: everything that belongs to one request and dies with it."""

# Over 400 lines because it is one class whose methods are the public face of a request; each is a few lines
# over a module that holds the idea.

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, TypeVar, final, overload

import trio

from ._errors import ContextClosed, ContextError, IllegalPhase
from ._extras import Extras, HookPoint, LocalHook, Step, abandon, name_of
from ._held import HeldManager
from ._keys import ContextKey
from ._meta import RequestMeta, parse_traceparent
from ._outcome import KIND_OF_REASON, OK, CancelReason, Execution, OutcomeKind, RequestOutcome
from ._phase import RequestPhase
from ._request_id import ids, make_request_id, request_id_at
from ._sources import SYSTEM, Sources
from ._tasks import TrackedTask, run_tracked
from ._topics import Delivery, Subscription, Topics, wait_for

if TYPE_CHECKING:
    from ._global import GlobalContext

T = TypeVar("T")
D = TypeVar("D")
F = TypeVar("F", bound=Callable[..., Any])

# The mapping of every context in which nothing was put yet; nothing is ever put in here.
NOTHING: dict[str, Any] = {}

RetryOn: TypeAlias = "type[BaseException] | tuple[type[BaseException], ...]"

_INF = math.inf
_RECEIVED = RequestPhase.RECEIVED
# A before hook registered from here on would never run.
_ANSWERED = (RequestPhase.RESPONDING, RequestPhase.COMPLETED, RequestPhase.FAILED)


@final
class LocalContext:
    """The state of one request.

    Made by whoever runs the request (`open_local_context`, or a runtime through `gnomon_context.runtime`).
    It may be used from the tasks of its request only, in the thread of the event loop; after the end of the
    request every use raises `ContextClosed`, while `meta`, `phase`, `outcome`, `execution`,
    `cancel_reason` and `tasks` stay readable.

    Args:
        gctx: what this request shares with the others.
        method: the HTTP method or another verb.
        path: the path as received.
        route: the pattern that matched.
        version: the version that serves the request.
        flags: free marks.
        client_id: who calls.
        traceparent: the W3C header of that name, as received.
        scope: the cancel scope that `cancel()` and the deadline act on; its owner keeps it.
        timeout: seconds until the request deadline.
        request_id: an id to keep (a restored request); by default one is made when first asked for.
        sources: where time, randomness and ids come from; those of `gctx` by default.

    Raises:
        TypeError: `flags` is one string, or holds what is none.
        ValueError: `timeout` is not a number.
    """

    __slots__ = (
        "__weakref__",
        "_cancel_reason",
        "_cause",
        "_client_id",
        "_deadline",
        "_extras",
        "_flags",
        "_meta",
        "_method",
        "_outcome",
        "_path",
        "_phase",
        "_received",
        "_request_id",
        "_route",
        "_sources",
        "_traceparent",
        "_values",
        "_version",
        "_watched",
        "execution",
        "gctx",
        "scope",
    )

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
        scope: trio.CancelScope | None = None,
        timeout: float = _INF,
        request_id: str | None = None,
        sources: Sources | None = None,
    ) -> None:
        self.gctx = gctx
        self.scope = scope
        self.execution: Execution | None = None
        self._method = method
        self._path = path
        self._route = route
        self._version = version
        self._flags = _frozen(flags) if flags else ()
        self._client_id = client_id
        self._traceparent = traceparent
        self._request_id = request_id
        self._sources = source = sources or gctx._sources
        self._values = NOTHING
        self._extras: Extras | None = None
        self._meta: RequestMeta | None = None
        self._phase = _RECEIVED
        self._cause: OutcomeKind | None = None
        self._cancel_reason: CancelReason | None = None
        self._outcome: RequestOutcome | None = None
        # How often the watchdog met this request; 2 when its deadline is armed.
        self._watched = 0
        self._deadline = _INF if timeout == _INF else _deadline_in(timeout, gctx)
        # Seconds of the monotonic clock: the comparisons in `request_id` are cheap for floats.
        self._received = monotonic() if source is None else source.monotonic()

    # The mapping.

    @overload
    def get(self, key: ContextKey[T]) -> T | None: ...
    @overload
    def get(self, key: ContextKey[T], default: T | D) -> T | D: ...
    @overload
    def get(self, key: str, default: Any = None) -> Any: ...

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default`."""
        return self._values.get(key, default)

    @overload
    def set(self, key: ContextKey[T], value: T) -> None: ...
    @overload
    def set(self, key: str, value: Any) -> None: ...

    def set(self, key: str, value: Any) -> None:
        """Put `value` under `key`, for this request alone."""
        if self._values is NOTHING:
            self._values = {}
        self._values[key] = value

    def delete(self, key: str) -> None:
        """Take `key` out.

        Raises:
            KeyError: there is nothing under `key`.
        """
        del self._values[key]

    def clear(self) -> None:
        """Take every key out."""
        self._values.clear()

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        # A context is there even while it holds nothing.
        return True

    # What is known of the request.

    @property
    def request_id(self) -> str:
        """The id of the request; made when first asked for."""
        made = self._request_id
        if made is None:
            if self._sources is None:
                # As in make_request_id, written out: this is asked for in every request.
                since, until, prefix = ids.millisecond
                try:
                    fresh = since <= self._received < until
                    made = prefix + ids.pool.pop() if fresh else make_request_id(self._received)
                except IndexError:
                    made = make_request_id(self._received)
            else:
                made = request_id_at(self._received_at().timestamp())
            self._request_id = made
        return made

    @property
    def meta(self) -> RequestMeta:
        """The frozen description of the request."""
        made = self._meta
        if made is None:
            request_id = self.request_id
            trace_id, parent_id = parse_traceparent(self._traceparent) or (request_id, None)
            made = self._meta = RequestMeta(
                request_id,
                trace_id,
                parent_id,
                self._client_id,
                self._method,
                self._path,
                self._route,
                self._version,
                self._flags,
                self._received_at(),
                round(self._received * 1e9),
                self._source().monotonic,
            )
        return made

    def _received_at(self) -> datetime:
        # Reckoned back from now, so that a request whose metadata nobody reads pays for one clock only.
        source = self._source()
        waited = source.monotonic() - self._received
        return source.now() - timedelta(seconds=waited)

    @property
    def phase(self) -> RequestPhase:
        """Where the request is."""
        return self._phase

    def advance(self, phase: RequestPhase) -> None:
        """Move the request to `phase`; for whoever runs it.

        Raises:
            IllegalPhase: the lifecycle has no such move.
        """
        old = self._phase
        if phase not in old.following:
            raise IllegalPhase(
                f"a request cannot go from {old} to {phase}: from here it goes "
                + ("nowhere" if old.ended else "to " + " or ".join(map(str, old.following)))
            )
        self._phase = phase
        if self._extras is not None:
            for watch in tuple(self._extras.phase_watchers):
                try:
                    watch(phase, old)
                except Exception as error:
                    self.gctx.alert("phase_watcher_failed", error, name=name_of(watch))

    def on_phase_change(self, fn: F) -> F:
        """Call `fn(new, old)` at every later change of phase; what it raises becomes an alert."""
        self._more().phase_watchers.append(fn)
        return fn

    # Hooks and callbacks.

    @property
    def extras(self) -> Extras | None:
        """None until this request uses hooks, tasks, callbacks, compensations, cleanups or topics."""
        return self._extras

    def _more(self) -> Extras:
        extras = self._extras
        if extras is None:
            extras = self._extras = Extras()
        return extras

    def local_hooks(self, point: HookPoint) -> tuple[LocalHook, ...]:
        """The hooks this request has registered at `point` (`before`, `after` or `catch`), in order."""
        if point not in ("before", "after", "catch"):
            raise ValueError(f"there is no hook point {point!r}: it is before, after or catch")
        if self._extras is None:
            return ()
        return tuple(getattr(self._extras, point))

    def before(
        self,
        fn: F,
        *,
        name: str | None = None,
        timeout: float | None = None,
        retries: int = 0,
        backoff: float = 0.0,
        retry_on: RetryOn = Exception,
        isolated: bool = False,
    ) -> F:
        """Run `fn` before the handler of this request, after the hooks that are already planned.

        Args:
            fn: a function of some of `req`, `res`, `lctx`, `gctx`, sync or async.
            name: shown in events and errors.
            timeout: seconds for one attempt; the deadline of the request bounds it in any case.
            retries: how many further attempts after a failure.
            backoff: seconds before the first retry; each further wait is twice the last.
            retry_on: which exceptions are worth another attempt.
            isolated: a failure is recorded and changes nothing.

        Raises:
            IllegalPhase: the request is being answered, the hook would never run.
        """
        if self._phase in _ANSWERED:
            raise IllegalPhase(
                f"a before hook registered while the request is {self._phase} would never run: "
                "register it in an earlier before hook"
            )
        self._more().before.append(_local_hook(fn, name, timeout, retries, backoff, retry_on, isolated))
        return fn

    def after(
        self,
        fn: F,
        *,
        name: str | None = None,
        timeout: float | None = None,
        retries: int = 0,
        backoff: float = 0.0,
        retry_on: RetryOn = Exception,
        isolated: bool = False,
    ) -> F:
        """Run `fn` when the answer of this request is made; arguments as for `before`."""
        self._open_for_hooks("an after hook").after.append(
            _local_hook(fn, name, timeout, retries, backoff, retry_on, isolated)
        )
        return fn

    def catch(
        self,
        fn: F,
        *,
        name: str | None = None,
        timeout: float | None = None,
        retries: int = 0,
        backoff: float = 0.0,
        retry_on: RetryOn = Exception,
        isolated: bool = False,
    ) -> F:
        """Run `fn` (which may also take `error`) if this request fails; arguments as for `before`."""
        self._open_for_hooks("a catch hook").catch.append(
            _local_hook(fn, name, timeout, retries, backoff, retry_on, isolated)
        )
        return fn

    def _open_for_hooks(self, what: str) -> Extras:
        extras = self._more()
        if extras.cleaning:
            raise IllegalPhase(
                f"{what} registered while the request is cleaned up would never run: register it earlier"
            )
        return extras

    def on_cleanup(self, fn: F, *args: Any, name: str | None = None, timeout: float | None = None) -> F:
        """Call `fn(*args)` once when the request ends, however it ends; last registered, first called.

        Args:
            fn: sync or async.
            args: what it is called with.
            name: shown in reports.
            timeout: seconds; by default a fair share of what all cleanups have together. An async cleanup
                that overruns is cancelled; a sync one can only be reported.
        """
        self._more().cleanups.append(_step(fn, args, name, timeout))
        return fn

    def on_error(self, fn: F, *, name: str | None = None, timeout: float | None = None) -> F:
        """Call `fn(error)` if the request fails otherwise than by its deadline."""
        self._open_for_hooks("an on_error callback").on_error.append(_step(fn, (), name, timeout))
        return fn

    def on_timeout(self, fn: F, *, name: str | None = None, timeout: float | None = None) -> F:
        """Call `fn(error)` if the deadline of the request passes."""
        self._open_for_hooks("an on_timeout callback").on_timeout.append(_step(fn, (), name, timeout))
        return fn

    def compensate(self, fn: F, *args: Any, name: str | None = None, timeout: float | None = None) -> F:
        """Call `fn(*args)` if the request fails before it is committed; last registered, first called.

        Raises:
            IllegalPhase: the answer is on its way or undone already, the compensation would never run.
        """
        extras = self._more()
        if extras.sealed:
            raise IllegalPhase(
                f"the compensation {name or name_of(fn)!r} comes after the request was committed or undone "
                "and would never run: register it before the answer is sent"
            )
        extras.compensations.append(_step(fn, args, name, timeout))
        return fn

    def commit(self) -> None:
        """Discard the compensations registered so far: what they would undo now stays."""
        if self._extras is not None:
            self._extras.compensations.clear()

    async def enter(self, manager: AbstractAsyncContextManager[T], *, name: str | None = None) -> T:
        """Enter `manager` and tie it to this request: it is left with the outcome of the request.

        It is held open in a task of its own. After a success it is left as after a block that ended well,
        before the answer goes out and before the cleanups; if its exit fails then, the request has failed.
        Else it is left with the error of the request. Several are left last in, first out.

        Returns:
            what the manager's `__aenter__` returned.
        """
        extras = self._open_for_tasks("a context manager")
        shown = name or name_of(manager)
        held = HeldManager(manager, lambda error: self._held_died(shown, error))
        value: T = await held.start(self.gctx._application.open_nursery())
        extras.cleanups.append(Step(held.stop, (), shown, None, held))
        return value

    def _held_died(self, name: str, error: BaseException | None) -> None:
        self._child_failed(
            name, error or ContextError(f"the context manager {name!r} ended before the request")
        )

    # Tasks.

    def start_soon(
        self, fn: Callable[..., Awaitable[Any]], *args: Any, name: str | None = None, isolated: bool = False
    ) -> TrackedTask:
        """Start `await fn(*args)` as a task of this request, which does not end before the task has.

        A failing task cancels the handler and counts as its raising, unless it is isolated. Tasks are
        awaited within the deadline of the request, then cancelled.

        Args:
            fn: an async function.
            args: what it is called with.
            name: shown in `tasks` and in reports.
            isolated: a failure is recorded on the task and changes nothing else.
        """
        extras = self._open_for_tasks("a task")
        nursery = self.gctx._application.open_nursery()
        shown = name or name_of(fn)
        task = TrackedTask(shown, isolated, trio.CancelScope(deadline=self._deadline))
        nursery.start_soon(run_tracked, self, task, fn, args, name=shown)
        extras.tasks.append(task)
        extras.pending += 1
        return task

    def detach(
        self,
        fn: Callable[..., Awaitable[Any]],
        *args: Any,
        name: str | None = None,
        timeout: float = math.inf,
    ) -> None:
        """Hand `await fn(*args)` over to the application: it goes on when this request is over.

        It has a small context of its own (a new request id, the same trace), counts against the
        application's `max_detached`, and has the time of the shutdown to finish. Its failure is the alert
        `detached_failed`.

        Args:
            fn: an async function; the context of this request must not be used in it.
            args: what it is called with.
            name: shown in alerts.
            timeout: seconds it may take.

        Raises:
            DetachRefused: too many are running, or the application is shutting down.
        """
        trace = self.meta.trace_id
        self.gctx._application.detach(
            self.gctx,
            fn,
            args,
            name or name_of(fn),
            method="detached",
            path=self._path,
            route=self._route,
            version=self._version,
            flags=self._flags,
            client_id=self._client_id,
            traceparent=f"00-{trace}-{self.meta.parent_id or trace[-16:]}-01",
            timeout=timeout,
            sources=self._sources,
        )

    def _open_for_tasks(self, what: str) -> Extras:
        extras = self._more()
        if extras.cleaning:
            raise ContextClosed(f"{what} cannot be started while the request is cleaned up: use detach()")
        return extras

    @property
    def tasks(self) -> tuple[TrackedTask, ...]:
        """The tasks this request has started, oldest first."""
        return () if self._extras is None else tuple(self._extras.tasks)

    def _child_failed(self, name: str, error: BaseException) -> None:
        extras = self._more()
        extras.failures.append(error)
        if len(extras.failures) > 1:
            return
        if self._outcome is None and self._cause is None and self.cancel_reason is None:
            self._cause = "error"
        self._cancel_tasks()
        # While the request waits for its tasks there is nothing else to cancel.
        if not extras.joining and self.scope is not None:
            self.scope.cancel(reason=f"{name!r}, a task of the request, failed")

    def _cancel_tasks(self) -> None:
        if self._extras is not None and self._extras.pending:
            for task in self._extras.tasks:
                task.cancel()

    # Topics.

    def _topics(self) -> Topics:
        extras = self._more()
        if extras.topics is None:
            extras.topics = Topics(f"the request {self.request_id}")
        return extras.topics

    def publish(self, topic: str, payload: Any) -> Delivery:
        """Hand `payload` to every subscriber of `topic` in this request, to all of them or to none.

        Raises:
            TopicFull: the buffer of a subscriber with the policy `refuse` is full; nobody got it.
        """
        topics = self._topics()
        delivery = topics.publish_nowait(topic, payload)
        topics.last[topic] = payload
        return delivery

    def subscribe(
        self, topic: str, *, max_buffer: int = 1000, overflow: Literal["refuse", "drop_oldest"] = "refuse"
    ) -> Subscription:
        """Subscribe to `topic` within this request: `with lctx.subscribe("x") as messages:`.

        Args:
            topic: the name.
            max_buffer: how many messages wait to be read.
            overflow: what happens when they are that many: the publisher is refused (`refuse`), or the
                oldest is lost and counted (`drop_oldest`).
        """
        return self._topics().subscribe(topic, max_buffer, overflow)

    async def wait_for(self, topic: str, timeout: float = math.inf) -> Any:
        """The last message of `topic` in this request; waits for the first if none has come yet.

        Args:
            topic: the name.
            timeout: seconds.

        Raises:
            trio.TooSlowError: none came in time.
        """
        return await wait_for(self._topics(), topic, timeout)

    # Deadline and cancellation.

    @property
    def deadline(self) -> float:
        """When the request must be done, in seconds of the trio clock; infinite if it has no limit."""
        return self._deadline

    def remaining(self) -> float:
        """Seconds until the deadline, never less than zero."""
        if self._deadline == math.inf:
            return math.inf
        return max(0.0, self._deadline - self.gctx._application.clock())

    def cancel(self, reason: CancelReason = "explicit") -> None:
        """Cancel what runs for this request; the first reason stays.

        Args:
            reason: `explicit`, `deadline`, `disconnect` or `shutdown`.
        """
        kind = KIND_OF_REASON.get(reason)
        if kind is None:
            raise ValueError(
                f"there is no cancel reason {reason!r}: it is one of {', '.join(KIND_OF_REASON)}"
            )
        if self.cancel_reason is None:
            self._cancel_reason = reason
            if self._cause is None:
                self._cause = kind
        self._cancel_tasks()
        if self.scope is not None:
            self.scope.cancel(reason=f"the request was cancelled ({reason})")

    @property
    def cancel_reason(self) -> CancelReason | None:
        """Why the request was cancelled: `deadline`, `disconnect`, `shutdown`, `explicit`, or None."""
        # An armed deadline fires inside trio without a word to us: it shows on the scope.
        if (
            self._cancel_reason is None
            and self._watched == 2
            and self._cause is None
            and self.scope is not None
            and self.gctx._application.clock() >= self._deadline
            and self.scope.cancel_called
        ):
            self._cancel_reason = "deadline"
            self._cause = "timeout"
        return self._cancel_reason

    @property
    def deadline_passed(self) -> bool:
        """Whether the deadline of the request (no other timeout) has cancelled it."""
        return self.cancel_reason == "deadline"

    def _arm(self) -> None:
        self._watched = 2
        if self.scope is not None and self.scope.deadline > self._deadline:
            self.scope.deadline = self._deadline

    def _move_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        if self._extras is not None:
            for task in self._extras.tasks:
                task.scope.deadline = deadline
        if self._watched == 2 and self.scope is not None:
            self.scope.deadline = deadline
        elif deadline != math.inf:
            self._arm()

    @property
    def outcome(self) -> RequestOutcome | None:
        """How the request ended; None while it has not."""
        return self._outcome

    def settle(self, kind: OutcomeKind, error: BaseException | None = None) -> RequestOutcome:
        """Write down how the request ended; the first cause wins, a cancellation that came before included.

        Args:
            kind: the outcome as its runner sees it.
            error: the exception that ended it.

        Returns:
            the outcome that holds.
        """
        settled = self._outcome
        if settled is None:
            if self._watched == 2 or self._cause is not None:
                self.cancel_reason  # noqa: B018 - asking brings in a deadline that fired
                kind = self._cause or kind
            settled = self._outcome = OK if kind == "ok" else RequestOutcome(kind, error)
        return settled

    def truncated(self) -> None:
        """Mark the answer as cut after its first byte; for whoever runs the request."""
        settled = self._settled("truncated")
        self._outcome = RequestOutcome(settled.kind, settled.error, True, settled.recovered)

    def recovered(self) -> None:
        """Mark a failure as answered with a success; for whoever runs the request."""
        settled = self._settled("recovered")
        self._outcome = RequestOutcome(settled.kind, settled.error, settled.truncated, True)

    def _settled(self, flag: str) -> RequestOutcome:
        if self._outcome is None:
            raise IllegalPhase(f"a request without an outcome cannot be {flag}: call settle() first")
        return self._outcome

    # Sources of what is not deterministic.

    def _source(self) -> Sources:
        return self._sources or SYSTEM

    def now(self) -> datetime:
        """The wall clock of this request, timezone-aware."""
        return self._source().now()

    def monotonic(self) -> float:
        """The monotonic clock of this request, in seconds."""
        return self._source().monotonic()

    @property
    def random(self) -> random.Random:
        """The random generator of this request."""
        return self._source().random

    def uuid(self) -> uuid.UUID:
        """A unique id from the source of this request."""
        return self._source().uuid()

    def _disarm(self) -> None:
        if self.scope is not None and self.scope.deadline == self._deadline:
            # The scope may serve the next request of a connection.
            self.scope.deadline = math.inf
        # Asked for the last time: what happens to the scope from now on is none of this request's.
        self.cancel_reason  # noqa: B018
        self._watched = 0

    def _leave_extras(self, extras: Extras) -> None:
        self._cancel_tasks()
        if extras.topics is not None:
            extras.topics.close()
        if extras.cleanups:
            names = [step.name for step in extras.cleanups]
            self.gctx.alert("cleanups_skipped", None, request_id=self.request_id, names=names)
            abandon(extras.cleanups)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._method} {self._path} {self._phase}>"


def _frozen(flags: Iterable[str]) -> tuple[str, ...]:
    frozen = tuple(flags)
    if isinstance(flags, str) or not all(isinstance(flag, str) for flag in frozen):
        raise TypeError(f"flags are a sequence of strings, such as ('canary',), not {flags!r}")
    return frozen


def _deadline_in(timeout: float, gctx: GlobalContext[Any]) -> float:
    if timeout != timeout:
        raise ValueError("the timeout of a request is a number of seconds, not nan")
    return gctx._application.clock() + timeout


def _local_hook(
    fn: Callable[..., Any],
    name: str | None,
    timeout: float | None,
    retries: int,
    backoff: float,
    retry_on: RetryOn,
    isolated: bool,
) -> LocalHook:
    if not callable(fn):
        raise TypeError(f"a hook is a function, not {fn!r}")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"the timeout of a hook is a positive number of seconds, not {timeout!r}")
    if retries < 0 or backoff < 0:
        raise ValueError(f"retries and backoff are not negative: got {retries!r} and {backoff!r}")
    kinds = retry_on if isinstance(retry_on, tuple) else (retry_on,)
    return LocalHook(fn, name or name_of(fn), timeout, retries, backoff, kinds, isolated)


def _step(fn: Callable[..., Any], args: tuple[Any, ...], name: str | None, timeout: float | None) -> Step:
    if not callable(fn):
        raise TypeError(f"a callback is a function, not {fn!r}")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"the timeout of a callback is a positive number of seconds, not {timeout!r}")
    return Step(fn, args, name or name_of(fn), timeout)


class ClosedContext(LocalContext):  # type: ignore[misc]  # the one subclass: a context after its end
    """A context whose request is over.

    A context becomes one by a change of class, so that an open context pays nothing for the check.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<LocalContext {self._method} {self._path} {self._phase}, closed>"


def _refuse(name: str) -> Any:
    def refuse(self: LocalContext, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise ContextClosed(
            f"the request {self.request_id} is over, {name} on its context came too late: keep no context "
            "beyond its request, and hand work that outlives it to detach()"
        )

    return refuse


# Everything that changes or serves a running request; what describes the ended one stays readable.
for _name in [
    "get",
    "set",
    "delete",
    "clear",
    "__contains__",
    "__iter__",
    "__len__",
    "advance",
    "on_phase_change",
    "local_hooks",
    "before",
    "after",
    "catch",
    "on_cleanup",
    "on_error",
    "on_timeout",
    "compensate",
    "commit",
    "enter",
    "start_soon",
    "detach",
    "publish",
    "subscribe",
    "wait_for",
    "remaining",
    "cancel",
    "settle",
    "truncated",
    "recovered",
    "now",
    "monotonic",
    "uuid",
]:
    setattr(ClosedContext, _name, _refuse(_name))
ClosedContext.random = property(_refuse("random"))  # type: ignore[method-assign, assignment]
# Read after the end, and no longer set.
for _name in ["execution", "gctx", "scope"]:
    _slot = LocalContext.__dict__[_name]
    setattr(ClosedContext, _name, property(_slot.__get__, _refuse(f"setting {_name}")))
