"""Corners of the way out: what is broken, stubborn, or in the wrong moment."""

from __future__ import annotations

import types

import pytest
import trio
from trio.testing import trio_test

from gnomon_context import LocalContext, open_global_context
from gnomon_orchestrator import Hook, Orchestrator, _compile, _leaks
from gnomon_orchestrator._streams import validated_items
from gnomon_orchestrator._threads import Threads
from gnomon_orchestrator.testing import (
    Bench,
    EventLog,
    FakeRequest,
    FakeResponse,
    FakeValidator,
    Refused,
    Scenario,
    Trace,
)


def answer(req, res, lctx, gctx):
    res.json("fine")


def fail(req, res, lctx, gctx):
    raise KeyError


async def rich_fail(req, res, lctx, gctx):
    lctx.on_cleanup(lambda: None)
    raise KeyError


@types.coroutine
def pause():
    yield


async def pausing_hook():
    await pause()


@pytest.mark.parametrize("extras", [False, True])
@pytest.mark.parametrize("where", ["handler", "after", "catch"])
@trio_test
async def test_a_loop_that_goes_away_is_not_awaited(where, extras, autojump_clock):
    async def handler(req, res, lctx, gctx):
        if extras:
            lctx.on_cleanup(lambda: None)
        res.json("fine")
        if where == "handler":
            await pause()
        if where == "catch":
            raise KeyError

    log = EventLog()
    plan = Orchestrator([Hook(pausing_hook, where)] if where != "handler" else [], [log]).plan(handler)
    async with open_global_context() as gctx:
        lctx = LocalContext(gctx)
        request = plan.run(FakeRequest(), FakeResponse(), lctx, gctx)
        request.send(None)
        request.close()
    assert log.events[-1].kind == "request.finished"
    assert "closed" in repr(lctx)


@trio_test
async def test_only_a_status_of_a_failure_is_taken_from_an_error(autojump_clock):
    for status in (200, 399, 600, "404"):

        def handler(req, res, lctx, gctx):
            raise Refused(status)

        bench = Bench()
        await bench(handler)
        assert bench.res.sent[0] == 500


@trio_test
async def test_where_leaks_cannot_be_seen_they_are_not_looked_for(autojump_clock, monkeypatch):
    monkeypatch.setattr(_compile, "LEAKS_SHOW", False)
    monkeypatch.setattr(_leaks, "LEAKS_SHOW", False)
    for handler, kind in ((answer, "ok"), (fail, "error")):
        assert (await Bench()(handler)).kind == kind


@trio_test
async def test_the_loop_is_watched_once(autojump_clock):
    log = EventLog()
    plan = Orchestrator(listeners=[log], blocking=1.0).plan(answer)
    async with open_global_context() as gctx:
        for _ in range(2):
            assert (await plan.run(FakeRequest(), FakeResponse(), LocalContext(gctx), gctx)).kind == "ok"
    assert [event.detail for event in log.events if event.kind == "handler.end"] == [None, None]


@trio_test
async def test_a_response_that_is_broken_itself(autojump_clock, caplog):
    class Broken(FakeResponse):
        def problem(self, *args, **kwargs):
            raise ValueError("broken")

    ran = []

    def handler(req, res, lctx, gctx):
        lctx.on_cleanup(ran.append, "cleanup")
        raise KeyError

    bench = Bench()
    bench.res = Broken()
    outcome = await bench(handler)
    assert outcome.kind == "error"
    assert ran == ["cleanup"]
    assert bench.res.sent == []
    assert bench.log.events[-1].kind == "request.finished"
    assert "could not be made" in caplog.text


@pytest.mark.parametrize("handler", [answer, fail, rich_fail])
@trio_test
async def test_a_failed_write_is_a_disconnect(handler, autojump_clock):
    bench = Bench()
    bench.res.fail = trio.BrokenResourceError()
    outcome = await bench(handler)
    assert outcome.kind == ("disconnect" if handler is answer else "error")
    assert bench.res.sent == []


@trio_test
async def test_an_answer_that_cannot_be_sent_is_a_failure_of_step_6(autojump_clock):
    undone = []

    def handler(req, res, lctx, gctx):
        lctx.compensate(undone.append, "undone")
        res.json("fine")

    for run, status in ((answer, 200), (handler, 200), (fail, 500)):
        bench = Bench()
        bench.res.fail = KeyError()
        outcome = await bench(run, [Hook(bench.note("catch"), "catch"), Hook(bench.note("after"), "after")])
        assert outcome.kind == "error"
        assert not outcome.truncated
        assert bench.res.sent[0] == 500
        assert bench.ran == (["after", "catch"] if status == 200 else ["catch", "after"])
    assert undone == ["undone"]


@trio_test
async def test_a_recovery_that_cannot_be_sent_is_none(autojump_clock):
    bench = Bench()
    bench.res.fail = KeyError()
    outcome = await bench(fail, [Hook(lambda res: res.json("stale"), "catch")])
    assert bench.res.sent[0] == 500
    assert not outcome.recovered


@trio_test
async def test_the_first_cause_wins_between_a_task_and_a_cancellation(autojump_clock):
    error = KeyError()

    async def child():
        raise error

    async def handler(req, res, lctx, gctx):
        lctx.start_soon(child)
        try:
            await trio.sleep(10)
        finally:
            lctx.cancel()

    outcome = await Bench()(handler)
    assert outcome.kind == "error"


class Fatal(BaseException):
    pass


def fatal(*args):
    raise Fatal


@pytest.mark.parametrize("where", ["catch", "after", "compensation", "cleanup", "send", "on_error", "second"])
@trio_test
async def test_what_is_no_exception_is_raised_when_everything_else_is_done(where, autojump_clock):
    bench = Bench()

    def handler(req, res, lctx, gctx):
        lctx.on_cleanup(bench.ran.append, "cleanup")
        if where == "compensation":
            lctx.compensate(fatal)
        elif where == "cleanup":
            lctx.on_cleanup(fatal)
        elif where == "on_error":
            lctx.on_error(fatal)
        raise KeyError

    hooks = [Hook(lambda: fatal(), where, name="fatal")] if where in ("catch", "after") else []
    if where == "second":
        hooks = [Hook(lambda: fatal(), point, name=point) for point in ("catch", "after")]
    if where == "send":
        bench.res.fail = Fatal()
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - trio puts a group around it
        await bench(handler, hooks)
    error = caught.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, Fatal)
    assert bench.ran == ["cleanup"]
    assert bench.res.sent[:1] == ([] if where == "send" else [500])
    assert bench.log.events[-1].kind == "request.finished"


@pytest.mark.parametrize("response", [None, FakeValidator(lambda res: True)])
@trio_test
async def test_a_hook_that_shields_itself_beyond_the_exit(response, autojump_clock):
    async def stubborn():
        with trio.CancelScope(shield=True):
            await trio.sleep(20)
        await trio.sleep(20)

    bench = Bench()
    outcome = await bench(fail, [Hook(stubborn, "catch")], response=response)
    assert outcome.kind == "error"
    assert bench.res.sent[0] == 500
    assert trio.current_time() == 20

    # The answer of a catch hook that nobody had the time to validate is not sent.
    bench = Bench()
    hooks = [Hook(stubborn, "after"), Hook(lambda res: res.json("stale"), "catch")]
    outcome = await bench(fail, hooks, response=response)
    assert bench.res.sent[0] == (200 if response is None else 500)
    assert outcome.recovered == (response is None)


@trio_test
async def test_tasks_of_after_hooks_do_not_hold_a_failure_up(autojump_clock):
    bench = Bench()
    hook = Hook(lambda lctx: lctx.start_soon(trio.sleep_forever) and None, "after")
    outcome = await bench(fail, [hook])
    assert outcome.kind == "error"
    assert trio.current_time() <= 5
    assert bench.lctx.tasks[0].status == "cancelled"


@trio_test
async def test_an_answer_to_a_cancelled_request_is_not_sent_for_ever(autojump_clock):
    async def slow(req, res, lctx, gctx):
        await trio.sleep(100)

    bench = Bench()
    bench.res.delay = 60.0
    outcome = await bench(slow, timeout=1.0)
    assert (outcome.kind, outcome.truncated) == ("timeout", True)
    assert trio.current_time() == 6.0

    class Stuck(FakeResponse):
        async def send(self, before_first_byte=None):
            await trio.sleep(60)

    bench = Bench()
    bench.res = Stuck()
    outcome = await bench(slow, timeout=1.0)
    assert (outcome.kind, outcome.truncated) == ("timeout", False)


@trio_test
async def test_cancelled_from_outside_while_a_failure_is_sent(autojump_clock):
    bench = Bench()
    bench.res.delay = 10.0
    with trio.move_on_after(1.0) as scope:
        await bench(fail)
    assert scope.cancelled_caught
    assert bench.lctx.outcome.truncated


@trio_test
async def test_items_are_closed_with_what_they_are_read_from():
    async def items():
        try:
            yield 1
        finally:
            closed.append(True)

    class Plain:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise StopAsyncIteration

    closed = []
    validator = types.SimpleNamespace(validate_item=lambda item: None)
    checked = validated_items(items(), validator)
    assert [item async for item in checked] == [1]
    checked = validated_items(items(), validator)
    assert await anext(checked) == 1
    await checked.aclose()
    assert closed == [True, True]
    await validated_items(Plain(), validator).aclose()


@trio_test
async def test_a_thread_that_has_nothing_left_to_do(monkeypatch):
    monkeypatch.setattr(Threads, "enter", lambda self, lease: False)
    bench = Bench()
    assert (await bench(answer, [Hook(bench.note("never"), in_thread=True)])).kind == "ok"
    assert bench.ran == []


@trio_test
async def test_fakes():
    res = FakeResponse()
    res.text("fine")
    committed = []
    await res.send(lambda: committed.append(list(res.sent)))
    await res.send()
    assert (res.sent, committed) == ([200, "fine"], [[]])
    log = EventLog()
    log.events.append(None)
    log.clear()
    assert log.events == []

    async def items():
        yield 1
        yield 2

    res = FakeResponse(fail_after=(1, KeyError()))
    res.stream(items())
    with pytest.raises(KeyError):
        await res.send()
    assert res.sent == [200, 1]
    trace = Trace((("phase", "routed", 1, None, "received", 0),), "ok", (False, False), (200,))
    assert list(trace.lines()) == ["phase routed 1 received 0", "ok (False, False) (200,) None"]
    assert list(Scenario(()).of("handler")) == []
