"""The orchestrator, which knows what holds for every request, and the plans it makes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, final

from gnomon_context import GlobalContext, LocalContext, LocalHook, RequestOutcome

from ._binding import Binding, name_of
from ._blocking import LoopWatch
from ._compile import compile_plan
from ._describe import PlanDescription, describe
from ._entries import (
    Entry,
    body_entry,
    guard_entry,
    handler_entry,
    hook_entry,
    local_entry,
    require,
    validation_entry,
)
from ._errors import InvalidHook
from ._hook import Hook, resolve
from ._observer import Table, listening_table
from ._options import (
    check_boundary,
    check_guard,
    check_seconds,
    check_validator,
    is_count,
    several,
)
from ._threads import Threads, ThreadStatistics

if TYPE_CHECKING:
    from .protocols import Answer, Boundary, Guard, Listener, Question, Socket, Validator


@final
class Orchestrator:
    """Compiles handlers and their hooks into plans.

    Args:
        hooks: Global hooks, in the order in which they run on the way in.
        listeners: Who is told of lifecycle events.
        guards: Run before those of a route, for every route.
        boundaries: Who stands between the steps of every request.
        exit_timeout: Seconds that the steps after a failure have together, and the cleanups again.
        threads: How many steps may run in threads at once, abandoned ones included.
        blocking: Seconds; a step that holds the event loop for longer without a break is reported, see
            ``LifecycleEvent.detail``. This puts an instrument into trio, which costs every step of every
            task about 0.3 µs; ``None`` measures nothing.
        clock_ns: The monotonic clock of events, in nanoseconds.

    Raises:
        InvalidHook: An option is out of range, or a listener is async or wants a kind that does not exist.
        DuplicateHook: Two hooks of one point have been given the same name.

    >>> orchestrator = Orchestrator([Hook(lambda res: res.header("x-served-by", "gnomon"), "after", name="stamp")])
    >>> def hello(req, res, lctx, gctx):
    ...     res.text("hello")
    >>> print(orchestrator.plan(hello, name="GET /hello").describe())
    GET /hello
      in   handler             hello
      out  after       global  stamp
      out  send
    """

    def __init__(
        self,
        hooks: Iterable[Hook] = (),
        listeners: Iterable[Listener] = (),
        *,
        guards: Iterable[Guard] = (),
        boundaries: Iterable[Boundary] = (),
        exit_timeout: float = 5.0,
        threads: int = 40,
        blocking: float | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        check_seconds(exit_timeout=exit_timeout, blocking=blocking)
        if not is_count(threads) or threads < 1:
            raise InvalidHook(f"threads is 1 or more, not {threads!r}")
        self._hooks = resolve(several(hooks, "hooks"), level="global")
        self._guards = several(guards, "guards")
        self._listeners = several(listeners, "listeners")
        self._table = listening_table(self._listeners)
        self._boundaries = several(boundaries, "boundaries")
        for boundary in self._boundaries:
            check_boundary(boundary)
        self._exit_timeout = exit_timeout
        self._threads = Threads(threads)
        self._clock_ns = clock_ns
        self._watch = None if blocking is None else LoopWatch(blocking, clock_ns)

    def plan(
        self,
        handler: Callable[..., object],
        *,
        hooks: Iterable[Hook] = (),
        request: Validator | None = None,
        response: Validator | None = None,
        timeout: float | None = None,
        stream_timeout: float | None = None,
        guards: Iterable[Guard] = (),
        in_thread: bool = False,
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - the word of the design
        version: str = "",
    ) -> Plan:
        """Compile one handler and what runs around it.

        Args:
            handler: Takes exactly ``req``, ``res``, ``lctx`` and ``gctx``, in any order; sync or async.
            hooks: The hooks of this route, run inside the global ones.
            request: Checks the request before the ``before`` hooks.
            response: Checks the response before it is sent.
            timeout: Seconds until the request deadline, for requests whose context was made without one.
                Giving it to the context (``timeout=plan.timeout``) is cheaper: it is then armed lazily.
            stream_timeout: Seconds that a streamed answer may take from its first byte on; by default the
                request deadline ends there, and only the limits of sending remain.
            guards: Enforce the policies of this route, after the global ones.
            in_thread: Run a sync handler in a thread.
            name: What people know the route by; the name of the handler if not given.
            id: What identifies the handler; the name if not given.
            version: The version of the handler.

        Raises:
            BindingError: The handler takes other names.
            InvalidHook: An option is out of range, or a guard or validator could not be asked.
            DuplicateHook: A hook name exists already at its point.
            UnknownHook: A hook requires one that is not part of this plan.
        """
        check_seconds(timeout=timeout, stream_timeout=stream_timeout)
        shown = name or name_of(handler)
        entry = handler_entry(handler, name_of(handler), in_thread=in_thread)
        if in_thread and entry.is_async:
            raise InvalidHook(f"{shown}: in_thread=True is for sync functions; an async one runs on the loop")
        route = resolve(several(hooks, "hooks"), level="route", taken=self._hooks)
        return Plan(
            self,
            name=shown,
            id=id or shown,
            version=version,
            handler=entry,
            hooks=(*self._hooks, *route),
            guards=(*self._guards, *several(guards, "guards")),
            request=request,
            response=response,
            timeout=timeout,
            stream_timeout=stream_timeout,
        )

    def websocket_plan(
        self,
        handler: Callable[..., object],
        *,
        hooks: Iterable[Hook] = (),
        request: Validator | None = None,
        timeout: float | None = None,
        guards: Iterable[Guard] = (),
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - the word of the design
        version: str = "",
    ) -> WebSocketPlan:
        """Compile one WebSocket handler and what runs around it.

        Args:
            handler: Takes exactly ``req``, ``ws``, ``lctx`` and ``gctx``, in any order.
            hooks: The hooks of this route, run inside the global ones; their ``res`` is ``ws.answer``.
            request: Checks the opening request before the ``before`` hooks.
            timeout: Seconds until the WebSocket has to be accepted or answered, for requests whose context was
                made without a deadline; messages have none.
            guards: Enforce the policies of this route, after the global ones.
            name: What people know the route by; the name of the handler if not given.
            id: What identifies the handler; the name if not given.
            version: The version of the handler.

        Raises:
            BindingError: The handler takes other names.
            InvalidHook: An option is out of range, or a guard or validator could not be asked.
            DuplicateHook: A hook name exists already at its point.
            UnknownHook: A hook requires one that is not part of this plan.
        """
        check_seconds(timeout=timeout)
        shown = name or name_of(handler)
        route = resolve(several(hooks, "hooks"), level="route", taken=self._hooks)
        return WebSocketPlan(
            self,
            name=shown,
            id=id or shown,
            version=version,
            handler=handler_entry(handler, name_of(handler), websocket=True),
            hooks=(*self._hooks, *route),
            guards=(*self._guards, *several(guards, "guards")),
            request=request,
            timeout=timeout,
        )

    def refusal(self, make_error: Callable[[], Exception], *, name: str) -> Plan:
        """Compile the answer to what reaches no handler: no such route, wrong method.

        Global hooks at ``received`` run first and may answer (a CORS preflight); then the error is raised,
        and takes the way out of a refusal: catch hooks, and global ``after`` hooks on the answer.

        Args:
            make_error: Makes the error of one request, best a ``StatusError``.
            name: What people know it by.

        Raises:
            InvalidHook: ``make_error`` is no function.
        """
        if not callable(make_error):
            raise InvalidHook(
                f"make_error is a function that makes the error of one request, not {make_error!r}"
            )
        binding = Binding(make_error, (), "", is_async=False)
        entry = Entry("refusal", name, binding, id="refusal")
        return Plan(self, name=name, id=name, version="", handler=entry, hooks=self._hooks)

    def thread_statistics(self) -> ThreadStatistics:
        """How many threads the steps of this orchestrator's plans hold."""
        return self._threads.statistics()


class _Compiled:
    """Everything that runs for the requests of one route, in order."""

    websocket: bool = False

    def __init__(
        self,
        orchestrator: Orchestrator,
        *,
        name: str,
        id: str,  # noqa: A002
        version: str,
        handler: Entry,
        hooks: Sequence[Hook],
        guards: Sequence[Guard] = (),
        request: Validator | None = None,
        response: Validator | None = None,
        timeout: float | None = None,
        stream_timeout: float | None = None,
    ) -> None:
        self.name: str = name
        self.id: str = id
        self.version: str = version
        self.timeout: float | None = timeout
        self.stream_timeout: float | None = stream_timeout
        self.response: Validator | None = response
        self.exit_timeout: float = orchestrator._exit_timeout
        self.listeners: tuple[Listener, ...] = orchestrator._listeners
        self.table: Table = orchestrator._table
        self.boundaries: tuple[Boundary, ...] = orchestrator._boundaries
        self.threads: Threads = orchestrator._threads
        self.clock_ns: Callable[[], int] = orchestrator._clock_ns
        self.watch: LoopWatch | None = orchestrator._watch

        for guard in guards:
            check_guard(guard)
        for option, validator in (("request", request), ("response", response)):
            if validator is not None:
                check_validator(validator, option)

        way_in, way_out = _ways(hooks)
        self.received: tuple[Entry, ...] = tuple(entry for entry in way_in if _at(entry) == "received")
        self.guards: tuple[Entry, ...] = tuple(
            guard_entry(guard, number) for number, guard in enumerate(guards, 1)
        )
        self.body_entry: Entry | None = body_entry() if request is not None and request.reads_body else None
        self.request_entry: Entry | None = None if request is None else validation_entry(request, "request")
        self.before: tuple[Entry, ...] = tuple(entry for entry in way_in if _at(entry) is None)
        self.refusal_entry: Entry | None = handler if handler.kind == "refusal" else None
        self.handler_entry: Entry = handler
        self.after: tuple[Entry, ...] = tuple(
            entry for entry in way_out if entry.point == "after" and _at(entry) is None
        )
        self.response_entry: Entry | None = (
            None if response is None else validation_entry(response, "response")
        )
        self.first_byte: tuple[Entry, ...] = tuple(entry for entry in way_out if _at(entry) == "first_byte")
        self.last_byte: tuple[Entry, ...] = tuple(entry for entry in way_out if _at(entry) == "last_byte")
        self.catch: tuple[Entry, ...] = tuple(entry for entry in way_out if entry.point == "catch")

        # Numbered in the order in which they run, so that a number says how far a request has come.
        inward = [*self.received, *self.guards]
        inward += [entry for entry in (self.body_entry, self.request_entry) if entry is not None]
        inward += [*self.before, handler]
        outward = [*self.after]
        outward += [entry for entry in (self.response_entry,) if entry is not None]
        self.out_index: int = len(inward)
        self.send_index: int = len(inward) + len(outward)
        self.entries: tuple[Entry, ...] = (*inward, *outward)
        others = (*self.first_byte, *self.last_byte, *self.catch)
        for index, entry in enumerate(self.entries):
            entry.place(index, id, version)
        for index, entry in enumerate(others, self.send_index + 1):
            entry.place(index, id, version)
        require([*self.received, *self.before], [*self.after, *others])
        # The compiled function takes the place of the method, whose frame would cost each request 0.1 µs.
        self.__dict__["run"] = compile_plan(self)  # type: ignore[arg-type]

    def describe(self) -> PlanDescription:
        """Everything that will run, in its effective order: as data, and as text with ``str()``."""
        return describe(self)  # type: ignore[arg-type]

    def local_entry(self, hook: LocalHook, point: str, number: int) -> Entry:
        """The entry of a hook that a request has registered on itself."""
        return local_entry(hook, point, number, self.id, self.version)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


@final
class Plan(_Compiled):
    """Everything that runs for the requests of one route, in order, compiled; made by an ``Orchestrator``."""

    async def run(
        self, req: Question, res: Answer, lctx: LocalContext, gctx: GlobalContext[Any]
    ) -> RequestOutcome:
        """Run one request through the lifecycle, to its end.

        Args:
            req: The request, handed to handler and hooks as it is.
            res: The response, which is sent from here.
            lctx: A fresh local context; it is closed afterwards. Its ``scope`` is the cancel scope in which
                this is awaited.
            gctx: The global context.

        Returns:
            How the request ended; a failing request does not raise.

        Raises:
            BaseException: KeyboardInterrupt, SystemExit (and whatever else is no ``Exception``), and a
                cancellation from outside of the request's scope, when the ending has run.
        """
        raise NotImplementedError  # pragma: no cover - see _Compiled


@final
class WebSocketPlan(_Compiled):
    """Everything that runs for a WebSocket, from its opening request to its close; made by an ``Orchestrator``."""

    websocket: bool = True

    async def run(
        self, req: Question, ws: Socket, lctx: LocalContext, gctx: GlobalContext[Any]
    ) -> RequestOutcome:
        """Run one WebSocket through the lifecycle, to its end.

        Until it is accepted it is a request like any other: what fails is answered through ``ws.answer``, with
        catch and ``after`` hooks. Once it is, there are messages until the handler returns; then tasks are
        joined, on failure callbacks, catch hooks (which can only look on) and compensations run, the WebSocket
        is closed (1000, 1011 for a failure, 1001 for a drain), and cleanups run.

        Args:
            req: The opening request, handed to handler and hooks as it is.
            ws: The WebSocket.
            lctx: A fresh local context; it is closed afterwards. Its ``scope`` is the cancel scope in which
                this is awaited.
            gctx: The global context.

        Returns:
            How it ended; a failing WebSocket does not raise.

        Raises:
            BaseException: KeyboardInterrupt, SystemExit (and whatever else is no ``Exception``), and a
                cancellation from outside of the request's scope, when the ending has run.
        """
        raise NotImplementedError  # pragma: no cover - see _Compiled


def _ways(hooks: Sequence[Hook]) -> tuple[list[Entry], list[Entry]]:
    """Entries of the hooks in the order of the way in, and in that of the way out."""
    levels = {"global": 0, "route": 1, "local": 2}
    ordered = sorted(hooks, key=lambda hook: levels[hook.level or "route"])
    inward = [hook_entry(hook) for hook in ordered if hook.point == "before"]
    outward = [hook_entry(hook) for hook in reversed(ordered) if hook.point != "before"]
    return inward, outward


def _at(entry: Entry) -> str | None:
    return getattr(entry.hook, "at", None)


__all__ = ["Orchestrator", "Plan", "WebSocketPlan"]
