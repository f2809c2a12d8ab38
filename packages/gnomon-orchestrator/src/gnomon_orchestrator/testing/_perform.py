"""A scenario on real plans and contexts, in virtual time."""

# ruff: noqa: ARG001, ARG005 - the functions made here have the names that they are called with

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import trio
import trio.testing

from gnomon_context import GlobalContext, LocalContext, open_global_context
from gnomon_orchestrator import Hook, LifecycleEvent, Orchestrator, Plan, WebSocketPlan

from ._bench import FakeGuard, FakeValidator, Refused
from ._fakes import EventLog, FakeRequest, FakeResponse, FakeSocket
from ._scenario import EXIT, Act, Callback, Child, Part, Scenario, Trace, milliseconds


class Broken(Exception):
    """What a part raises when it raises."""


class ChildFailed(Exception):
    """What a task raises."""


class _Whole(random.Random):
    """No jitter."""

    def random(self) -> float:
        return 0.0


class _Sources:
    random = _Whole()

    def now(self) -> datetime:
        return datetime(2000, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return trio.current_time()

    def uuid(self) -> uuid.UUID:  # pragma: no cover - part of the protocol, no scenario asks for one
        return uuid.UUID(int=0)


class Performance:
    """The functions of one scenario, and the plan made of them."""

    handler: Part
    trace: Trace

    def __init__(self, scenario: Scenario, *, boundaries: tuple[Any, ...] = (), silent: bool = False) -> None:
        self.scenario = scenario
        self.log: EventLog = EventLog()
        self.req: FakeRequest = FakeRequest()
        self.res: FakeResponse = FakeResponse(delay=scenario.send_delay)
        self.calls: dict[str, int] = {}
        self.functions: dict[str, Callable[..., object]] = {
            part.name: self._function(part) for part in scenario.parts
        }
        guards = [FakeGuard(self.functions[part.name], part.name) for part in scenario.of("guard")]
        orchestrator = Orchestrator(
            self._hooks("global"),
            () if silent else (self.log,),
            guards=guards,
            boundaries=boundaries,
            exit_timeout=EXIT,
            clock_ns=lambda: round(trio.current_time() * 1e9),
        )
        self.ws: FakeSocket = FakeSocket(answer=self.res)
        self.plan: Plan | WebSocketPlan
        if scenario.refusal:
            self.plan = orchestrator.refusal(lambda: Refused(404), name="here")
            return
        (handler,) = scenario.of("handler")
        # The handler is known by its name in the scenario.
        self.handler = handler
        refused = scenario.response
        options: dict[str, Any] = {"hooks": self._hooks("route"), "name": "here"}
        if scenario.request is not None:
            options["request"] = FakeValidator(lambda _: scenario.request == "accept")
        if scenario.websocket:
            self.plan = orchestrator.websocket_plan(self.functions[handler.name], **options)
            return
        if refused is not None:
            options["response"] = FakeValidator(lambda res: res.status_code not in refused)
        self.plan = orchestrator.plan(self.functions[handler.name], **options)

    def _hooks(self, level: str) -> list[Hook]:
        return [
            Hook(
                self.functions[part.name],
                part.point,  # type: ignore[arg-type]
                name=part.name,
                timeout=part.timeout,
                retries=part.retries,
                backoff=part.backoff,
                isolated=part.isolated,
                at="received" if part.received else None,
                requires=None if part.requires is None else self.functions[part.requires],
            )
            for part in self.scenario.parts
            if part.level == level and part.point not in ("guard", "handler")
        ]

    def _function(self, part: Part) -> Callable[..., object]:
        def begin(lctx: LocalContext) -> Act:
            number = self.calls.get(part.name, 0)
            self.calls[part.name] = number + 1
            if number == 0:
                self._register(part, lctx)
            return part.act(number)

        async def run_async(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
            await run_any(res, lctx)

        async def run_socket(req: Any, ws: Any, lctx: Any, gctx: Any) -> None:
            await run_any(ws.answer, lctx, ws)

        async def run_any(res: Any, lctx: Any, ws: Any = None) -> None:
            act = begin(lctx)
            if self.calls[part.name] == 1:
                for callback in part.registers:
                    if callback.kind == "entered":
                        await lctx.enter(_Manager(callback), name=callback.name)
            if act.accepts:
                await ws.accept()
            if act.cancels:
                lctx.cancel()
            if act.delay:
                await trio.sleep(act.delay)
            _end(act, res)

        def run_sync(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
            act = begin(lctx)
            if act.cancels:
                lctx.cancel()
            _end(act, res)

        function: Callable[..., object] = run_sync if part.sync else run_async
        if self.scenario.websocket and part.point == "handler":
            function = run_socket
        function.__qualname__ = part.name
        return function

    def _register(self, part: Part, lctx: LocalContext) -> None:
        for callback in part.registers:
            if callback.kind == "compensation":
                lctx.compensate(_callback(callback), name=callback.name)
            elif callback.kind == "cleanup":
                lctx.on_cleanup(_callback(callback), name=callback.name)
            elif callback.kind == "on_error":
                lctx.on_error(_callback(callback, takes_error=True), name=callback.name)
            elif callback.kind == "on_timeout":
                lctx.on_timeout(_callback(callback, takes_error=True), name=callback.name)
        for hook in part.hooks:
            options = {
                "name": hook.name,
                "timeout": hook.timeout,
                "retries": hook.retries,
                "backoff": hook.backoff,
                "isolated": hook.isolated,
            }
            getattr(lctx, hook.point)(self._function(hook), **options)
        for child in part.children:
            lctx.start_soon(_child, child, name=child.name, isolated=child.isolated)

    async def run(self) -> Trace:
        """Run the request in an application of its own; to be called once, in virtual time."""
        async with open_global_context() as gctx:
            gctx.on_alert(lambda alert: None)
            self.trace = await self.run_in(gctx)
        return self.trace

    async def run_in(self, gctx: GlobalContext[Any]) -> Trace:
        """Run the request in an application that has others; to be called once, in virtual time."""
        raised: str | None = None
        outcome: Any = None
        began = trio.current_time()
        outside, scope = trio.CancelScope(), trio.CancelScope()
        lctx = LocalContext(gctx, scope=scope, timeout=self.scenario.deadline, sources=_Sources())
        async with trio.open_nursery() as nursery:
            with outside, scope:
                if self.scenario.interruption is not None:
                    nursery.start_soon(self._interrupt, lctx, outside)
                try:
                    subject: Any = self.ws if self.scenario.websocket else self.res
                    outcome = await self.plan.run(self.req, subject, lctx, gctx)
                except BaseException as error:
                    raised = type(error).__name__
            nursery.cancel_scope.cancel()
        settled = lctx.outcome
        assert settled is not None
        return Trace(
            tuple(self._line(event, began) for event in self.log.events),
            None if outcome is None else outcome.kind,
            (settled.truncated, settled.recovered),
            (*self.ws.sent, *("body" if position else item for position, item in enumerate(self.res.sent))),
            raised,
        )

    async def _interrupt(self, lctx: LocalContext, outside: trio.CancelScope) -> None:
        interruption = self.scenario.interruption
        assert interruption is not None
        await trio.sleep(interruption.at)
        if interruption.kind == "outside":
            outside.cancel()
        else:
            lctx.cancel(interruption.kind)

    def _line(self, event: LifecycleEvent, began: float) -> tuple[object, ...]:
        detail = event.detail
        if event.kind == "request.finished":
            detail = (detail.kind, detail.truncated, detail.recovered)
        timed = event.kind.split(".")[0] not in ("compensation", "cleanup") and event.point != "callback"
        at = milliseconds(event.at_ns / 1e9 - began) if timed else None
        error = None if event.error is None else type(event.error).__name__
        name = self.handler.name if event.kind.startswith("handler") else event.name
        return (event.kind, name, event.attempt, error, detail, at)


def _end(act: Act, res: Any) -> None:
    if act.then == "answer":
        res.status(act.status).json("body")
    elif act.then == "raise":
        raise Broken
    elif act.then == "refuse":
        raise Refused(act.status)


class _Manager:
    """Something to enter; its exit is the act of the callback."""

    def __init__(self, callback: Callback) -> None:
        self._exit = _callback(callback)

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *args: object) -> None:
        await self._exit()


def _callback(callback: Callback, *, takes_error: bool = False) -> Callable[..., Any]:
    async def run() -> None:
        if callback.act.delay:
            await trio.sleep(callback.act.delay)
        if callback.act.then == "raise":
            raise Broken

    async def run_with_error(error: BaseException) -> None:
        await run()

    return run_with_error if takes_error else run


async def _child(child: Child) -> None:
    await trio.sleep(child.delay)
    if child.fails:
        raise ChildFailed


def performed(scenario: Scenario, *, silent: bool = False, boundaries: tuple[Any, ...] = ()) -> Trace:
    """How ``scenario`` goes on real plans.

    Args:
        scenario: What happens.
        silent: Without a listener, which is other compiled code.
        boundaries: For the plan.
    """
    performance = Performance(scenario, silent=silent, boundaries=boundaries)
    return trio.run(performance.run, clock=trio.testing.MockClock(autojump_threshold=0))


__all__ = ["Performance", "performed"]
