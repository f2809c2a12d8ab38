"""Listeners, sinks and boundaries."""

from __future__ import annotations

from datetime import UTC

import pytest
import trio
from trio.testing import trio_test

from gnomon_context import RequestPhase, current_context
from gnomon_orchestrator import (
    EVENT_KINDS,
    BoundedSink,
    Hook,
    InvalidHook,
    LifecycleEvent,
    Orchestrator,
    listen,
)
from gnomon_orchestrator.testing import (
    Act,
    Bench,
    EventLog,
    FakeGuard,
    FakeRequest,
    FakeResponse,
    FakeValidator,
)
from gnomon_orchestrator.testing._bench import Refused


async def handler(req, res, lctx, gctx):
    lctx.compensate(failing, name="undo")
    lctx.on_cleanup(failing, name="clean")
    lctx.on_error(failing_with, name="callback")
    await trio.sleep(1)
    raise Refused(409)


def failing():
    raise KeyError


def failing_with(error):
    raise KeyError


HOOKS = [
    Hook(lambda: None, name="received", at="received"),
    Hook(lambda: None, name="before"),
    Hook(lambda: None, "after", name="after", level="route"),
    Hook(lambda: None, "catch", name="catch"),
]


@trio_test
async def test_events_of_a_failure(autojump_clock):
    bench = Bench()
    options = {
        "guards": [FakeGuard(lambda req, res, lctx, gctx: None)],
        "request": FakeValidator(lambda req: True),
    }
    outcome = await bench(handler, HOOKS, response=FakeValidator(lambda res: True), **options)
    assert bench.log.names() == [
        "request.received here",
        "hook.start received",
        "hook.end received",
        "phase routed",
        "hook.start guard",
        "hook.end guard",
        "phase authorized",
        "validation.start request",
        "validation.end request",
        "phase validated",
        "phase processing",
        "hook.start before",
        "hook.end before",
        "handler.start handler",
        "handler.error handler",
        "phase failed",
        "hook.start callback",
        "hook.error callback",
        "hook.start catch",
        "hook.end catch",
        "compensation.start undo",
        "compensation.error undo",
        "compensation.alert undo",
        "hook.start after",
        "hook.end after",
        "validation.start response",
        "validation.end response",
        "cleanup.start clean",
        "cleanup.error clean",
        "request.finished here",
    ]
    by_name = {f"{event.kind} {event.name}": event for event in bench.log.events}
    assert by_name["hook.start after"].level == "route"
    assert by_name["hook.start guard"].point == "guard"
    assert by_name["hook.start callback"].point == "callback"
    assert by_name["handler.error handler"].duration == pytest.approx(0, abs=0.5)
    assert by_name["handler.error handler"].error is outcome.error
    assert by_name["request.finished here"].detail is outcome
    assert by_name["request.finished here"].error is outcome.error
    assert by_name["phase failed"].detail == "processing"
    assert [alert.kind for alert in bench.alerts] == [
        "on_error_failed",
        "compensation_failed",
        "cleanup_failed",
    ]
    started = bench.log.events[0].started_at
    assert started.tzinfo is UTC
    assert {event.started_at for event in bench.log.events} == {started}
    assert {event.kind for event in bench.log.events} <= EVENT_KINDS


def test_an_event_is_immutable():
    event = LifecycleEvent("phase", "1", 0, 0.0, "routed")
    with pytest.raises(AttributeError):
        event.name = "other"
    assert event.duration is None


@pytest.mark.parametrize("kind", sorted(EVENT_KINDS))
@trio_test
async def test_a_listener_hears_what_it_wants_and_nothing_else(kind, autojump_clock):
    everything, one = EventLog(), EventLog({kind})
    hooks = [
        *HOOKS,
        Hook(failing, retries=1, isolated=True, name="retried"),
        Hook(slow, timeout=0.1, isolated=True),
    ]
    await Bench()(handler, hooks, listeners=[everything, one], request=FakeValidator(lambda req: True))
    assert [event[4:] for event in one.events] == [
        event[4:] for event in everything.events if event.kind == kind
    ]
    alone = EventLog({kind})
    await Bench()(handler, hooks, listeners=[alone], request=FakeValidator(lambda req: True))
    assert [event.name for event in alone.events] == [event.name for event in one.events]


async def slow():
    await trio.sleep(10)


class Raises(EventLog):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def __call__(self, event):
        super().__call__(event)
        if event.kind == self.kind:
            raise KeyError(self.kind)


@pytest.mark.parametrize("kind", ["request.received", "phase", "hook.end", "handler.start", "handler.end"])
@pytest.mark.parametrize("extra", [[], [Hook(lambda: None, isolated=True)]])
@trio_test
async def test_a_listener_that_raises_is_left_out_of_that_request(kind, extra, autojump_clock, caplog):
    bad, good = Raises(kind), EventLog()
    orchestrator = Orchestrator([Hook(lambda: None, name="one"), *extra], [bad, good])

    def fine(req, res, lctx, gctx):
        lctx.before(lambda: None)
        res.json("fine")

    bench = Bench()
    plan = orchestrator.plan(fine)
    from gnomon_context import LocalContext, open_global_context

    async with open_global_context() as gctx:
        for number in (1, 2):
            outcome = await plan.run(FakeRequest(), FakeResponse(), LocalContext(gctx), gctx)
            assert outcome.kind == "ok"
            # The next request starts with every listener.
            assert [event.kind for event in bad.events].count(kind) == number
    assert len([event for event in good.events if event.kind == "request.finished"]) == 2
    assert [record.levelname for record in caplog.records if record.levelname != "ERROR"] == [
        "WARNING",
        "WARNING",
    ]
    assert "hears no more" in caplog.text
    del bench


@trio_test
async def test_a_listener_that_raises_during_a_failure(autojump_clock):
    bad = Raises("hook.end")
    bench = Bench()
    await bench(
        handler, [*HOOKS, Hook(lambda lctx: lctx.before(lambda: None) and None)], listeners=[bad, bench.log]
    )
    assert len(bad.events) < len(bench.log.events)
    bad = Raises("cleanup.start")
    bench = Bench()
    await bench(handler, HOOKS, listeners=[bad, bench.log])
    assert bad.events[-1].kind == "cleanup.start"
    assert bench.log.events[-1].kind == "request.finished"


@trio_test
async def test_the_current_context_is_there_for_listeners(autojump_clock):
    seen = []

    @listen("request.received", "request.finished")
    def look(event):
        seen.append((event.request_id, current_context().request_id, current_context().phase))

    def fine(req, res, lctx, gctx):
        res.json("fine")

    bench = Bench()
    await bench(fine, listeners=[look])
    request_id = bench.lctx.request_id
    assert seen == [
        (request_id, request_id, RequestPhase.RECEIVED),
        (request_id, request_id, RequestPhase.COMPLETED),
    ]
    assert repr(look).startswith("<listener test_the_current_context")


def test_wrong_listeners():
    with pytest.raises(InvalidHook, match="callable and has `kinds`"):
        Orchestrator(listeners=[print])
    with pytest.raises(InvalidHook, match="wants hook.middle: there is no such kind"):
        Orchestrator(listeners=[EventLog({"hook.middle"})])
    with pytest.raises(InvalidHook, match="callable and has `kinds`"):
        Orchestrator(listeners=[Act()])


def test_listen_to_everything():
    heard = []
    everything = listen()(heard.append)
    assert everything.kinds == EVENT_KINDS
    everything("event")
    assert heard == ["event"]


@trio_test
async def test_a_plain_function_with_kinds_is_a_listener_too(autojump_clock):
    heard = []

    def hear(event):
        heard.append(event.kind)

    hear.kinds = {"request.finished"}
    await Bench()(handler, listeners=[hear])
    assert heard == ["request.finished"]


@trio_test
async def test_a_sink_delivers_in_order_and_counts_what_it_drops(autojump_clock):
    taken = []

    async def consume(event):
        await trio.sleep(1)
        if event.at_ns == 1:
            raise KeyError
        taken.append(event.at_ns)

    sink = BoundedSink(consume, kinds={"phase"}, capacity=3)
    await sink.drain()

    def event(number):
        return LifecycleEvent("phase", "1", number, 0.0, "routed")

    for number in range(5):
        sink(event(number))
    assert sink.statistics().waiting == 3
    assert sink.statistics().dropped == 2
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sink.run)
        await sink.drain()
        assert taken == [0, 2]
        sink(event(5))
        await trio.sleep(0.5)
        sink(event(6))
        await sink.drain()
        assert taken == [0, 2, 5, 6]
        nursery.cancel_scope.cancel()
    statistics = sink.statistics()
    assert (statistics.capacity, statistics.waiting, statistics.delivered) == (3, 0, 4)
    assert (statistics.dropped, statistics.failed) == (2, 1)
    with pytest.raises(InvalidHook, match="capacity"):
        BoundedSink(consume, capacity=0)


@trio_test
async def test_a_sink_listens(autojump_clock):
    finished = []

    async def consume(event):
        finished.append(event.detail.kind)

    sink = BoundedSink(consume, kinds={"request.finished"})
    await Bench()(handler, listeners=[sink])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sink.run)
        await sink.drain()
        nursery.cancel_scope.cancel()
    assert finished == ["error"]


class Gate:
    def __init__(self, *, fails=None):
        self.passed = []
        self.fails = fails

    async def before_step(self, step, lctx):
        self.passed.append(f"before {step.kind} {step.name}")
        assert lctx.execution is not None
        if step.name == self.fails:
            raise KeyError

    async def after_step(self, step, lctx, error):
        self.passed.append(f"after {step.kind} {step.name} {type(error).__name__}")
        assert step.res is not None
        await trio.sleep(0.1)


@trio_test
async def test_boundaries_stand_between_all_steps(autojump_clock):
    gate = Gate()
    bench = Bench()
    guards = [FakeGuard(lambda req, res, lctx, gctx: None)]
    await bench(handler, HOOKS, boundaries=[gate], guards=guards, request=FakeValidator(lambda req: True))
    assert gate.passed == [
        f"{side} {step}{'' if side == 'before' else error}"
        for step, error in [
            ("hook received", " NoneType"),
            ("guard guard", " NoneType"),
            ("validation request", " NoneType"),
            ("hook before", " NoneType"),
            ("handler handler", " Refused"),
            ("hook catch", " NoneType"),
            ("hook after", " NoneType"),
        ]
        for side in ("before", "after")
    ]


@trio_test
async def test_a_boundary_can_hold_a_request_until_it_is_cancelled(autojump_clock):
    class Hold(Gate):
        async def before_step(self, step, lctx):
            if step.kind == "handler":
                await trio.sleep_forever()

    outcome = await Bench()(handler, HOOKS, boundaries=[Hold()], timeout=1.0)
    assert outcome.kind == "timeout"


@trio_test
async def test_a_boundary_that_raises_is_left_out(autojump_clock, caplog):
    bad, good = Gate(fails="before"), Gate()
    outcome = await Bench()(handler, HOOKS, boundaries=[bad, good])
    assert outcome.error.status == 409
    assert bad.passed[-1] == "before hook before"
    assert len(good.passed) > len(bad.passed)
    assert "left out of this request" in caplog.text
