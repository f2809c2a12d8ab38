"""Options of hooks: timeouts, retries, isolation, threads, moments, requirements."""

from __future__ import annotations

import math
import threading

import pytest
import trio
from trio.testing import trio_test

from gnomon_context import ContextClosed, LocalContext, current_context, open_global_context
from gnomon_orchestrator import (
    Hook,
    HookTimeout,
    InvalidHook,
    Orchestrator,
    OrchestratorError,
    UnexpectedReturn,
    UnknownHook,
)
from gnomon_orchestrator.testing import Bench, FakeRequest, FakeResponse, FakeValidator


def answer(req, res, lctx, gctx):
    res.json("fine")


def of(bench, family):
    return [event for event in bench.log.events if event.kind.startswith(family)]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"point": "around"}, "point is before, after or catch, not 'around'"),
        ({"level": "module"}, "level is global, route or local, not 'module'"),
        ({"timeout": 0}, "timeout is a number of seconds above 0, not 0"),
        ({"timeout": math.inf}, "timeout is a number of seconds above 0"),
        ({"retries": -1}, "retries is a whole number, 0 or more, not -1"),
        ({"backoff": -0.1}, "backoff is a number of seconds, 0 or more"),
        ({"backoff": math.nan}, "backoff is a number of seconds, 0 or more"),
        ({"retry_on": BaseException}, "retry_on names subclasses of Exception"),
        ({"retry_on": (KeyError, "x")}, "retry_on names subclasses of Exception"),
        ({"at": "noon"}, "at='noon' does not go with point='before'"),
        ({"at": "first_byte"}, "at='first_byte' is for after hooks"),
        ({"at": "received", "level": "route"}, "at='received' is for global hooks"),
        ({"requires": answer}, "requires= is for after and catch hooks"),
    ],
)
def test_options_that_make_no_sense(options, complaint):
    with pytest.raises(InvalidHook, match=r"hook 'x': .*" + complaint.replace("(", r"\(")) as caught:
        Hook(lambda: None, name="x", **options)
    assert isinstance(caught.value, (ValueError, OrchestratorError))


def test_more_options_that_make_no_sense():
    async def run_async():
        pass

    with pytest.raises(InvalidHook, match="in_thread=True is for sync functions"):
        Hook(run_async, in_thread=True)
    with pytest.raises(InvalidHook, match="takes Hook objects"):
        Orchestrator([run_async])
    with pytest.raises(InvalidHook, match="at='received' is for global hooks"):
        Orchestrator().plan(answer, hooks=[Hook(lambda: None, at="received")])
    for options in ({"exit_timeout": 0}, {"exit_timeout": math.inf}, {"threads": 0}, {"blocking": 0}):
        with pytest.raises(InvalidHook, match=next(iter(options))):
            Orchestrator(**options)
    for options in ({"timeout": 0}, {"timeout": math.nan}, {"stream_timeout": -1}):
        with pytest.raises(InvalidHook, match=next(iter(options))):
            Orchestrator().plan(answer, **options)


def test_a_hook_may_state_its_level_wherever_it_is_given():
    outer = Hook(lambda: None, level="global", name="outer")
    plan = Orchestrator([Hook(lambda: None, name="first")]).plan(
        answer, hooks=[Hook(lambda: None, name="r"), outer]
    )
    assert [step.name for step in plan.describe().steps if step.what == "before"] == ["first", "outer", "r"]


@trio_test
async def test_a_timeout_cancels_an_async_body(autojump_clock):
    cancelled = []

    async def slow():
        try:
            await trio.sleep(10)
        except trio.Cancelled:
            cancelled.append(trio.current_time())
            raise

    bench = Bench()
    outcome = await bench(answer, [Hook(slow, timeout=0.5, name="slow")])
    assert cancelled == [0.5]
    assert isinstance(outcome.error, HookTimeout)
    assert (outcome.error.name, outcome.error.timeout, outcome.error.code) == ("slow", 0.5, "hook_timeout")
    assert [event.kind for event in of(bench, "hook")] == ["hook.start", "hook.timeout", "hook.error"]
    # Without a listener it is the same.
    bench = Bench()
    outcome = await bench(answer, [Hook(slow, timeout=0.5, name="slow")], listeners=[])
    assert isinstance(outcome.error, HookTimeout)


@trio_test
async def test_a_sync_body_that_overruns_is_reported_when_it_returns(autojump_clock):
    def slow():
        autojump_clock.jump(2.0)

    async def stubborn():
        try:
            await trio.sleep(10)
        except trio.Cancelled:
            pass

    for body in (slow, stubborn):
        bench = Bench()
        outcome = await bench(answer, [Hook(body, timeout=0.5)])
        assert outcome.kind == "ok"
        assert [event.kind for event in of(bench, "hook")] == ["hook.start", "hook.timeout", "hook.end"]


@trio_test
async def test_retries_wait_longer_each_time_and_say_so(autojump_clock):
    times = []

    async def flaky(lctx):
        times.append(trio.current_time())
        assert lctx.execution.attempt == len(times)
        if len(times) < 4:
            raise KeyError(len(times))

    bench = Bench()
    outcome = await bench(answer, [Hook(flaky, retries=5, backoff=1.0)])
    assert outcome.kind == "ok"
    waits = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    for number, wait in enumerate(waits):
        assert 2**number / 2 <= wait <= 2**number
    retries = of(bench, "hook.retry")
    assert [event.attempt for event in retries] == [2, 3, 4]
    assert [event.detail for event in retries] == pytest.approx(waits)
    assert [event.error.args for event in retries] == [(1,), (2,), (3,)]
    assert of(bench, "hook.end")[0].attempt == 4


@trio_test
async def test_only_what_retry_on_names_is_retried_and_not_for_ever(autojump_clock):
    calls = []

    def fails(error):
        def hook():
            calls.append(error)
            raise error

        return hook

    for retry_on, error, count in [
        (KeyError, KeyError(), 3),
        ((ValueError, LookupError), KeyError(), 3),
        (KeyError, ValueError(), 1),
        (Exception, HookTimeout("x"), 3),
    ]:
        calls.clear()
        outcome = await Bench()(answer, [Hook(fails(error), retries=2, retry_on=retry_on)], listeners=[])
        assert outcome.error is error
        assert len(calls) == count


@trio_test
async def test_a_timeout_bounds_each_attempt(autojump_clock):
    bench = Bench()
    outcome = await bench(answer, [Hook(trio_sleep, timeout=0.5, retries=2)])
    assert isinstance(outcome.error, HookTimeout)
    assert trio.current_time() == 1.5
    kinds = [event.kind.removeprefix("hook.") for event in of(bench, "hook")]
    assert kinds == ["start", "timeout", "retry", "timeout", "retry", "timeout", "error"]


async def trio_sleep():
    await trio.sleep(10)


@trio_test
async def test_a_request_that_is_cancelled_is_not_retried(autojump_clock):
    def cancel(lctx):
        lctx.cancel()
        raise KeyError

    bench = Bench()
    outcome = await bench(answer, [Hook(cancel, retries=5)])
    assert outcome.kind == "cancelled"
    assert isinstance(outcome.error.__cause__, KeyError)
    assert not of(bench, "hook.retry")


@trio_test
async def test_an_isolated_failure_goes_no_further(autojump_clock):
    def fails():
        raise KeyError

    bench = Bench()
    hooks = [
        Hook(fails, isolated=True, name="before"),
        Hook(fails, "after", isolated=True),
        Hook(trio_sleep, isolated=True, timeout=0.1, name="slow"),
        Hook(bench.note("after it"), "after", requires=fails),
        Hook(bench.note("anyway"), "after"),
    ]
    outcome = await bench(answer, hooks)
    assert outcome.kind == "ok"
    assert len(of(bench, "hook.error")) == 3
    # The hook that the third requires has run, but has not returned.
    assert bench.ran == ["anyway"]


@trio_test
async def test_after_requires_a_hook_that_has_returned(autojump_clock):
    opening = Hook(lambda: None, name="open")

    def breaks():
        raise KeyError

    for extra in ([], [Hook(breaks, name="breaks")]):
        for required in (opening, opening.fn):
            bench = Bench()
            hooks = [
                opening,
                *extra,
                Hook(bench.note("second open"), name="second"),
                Hook(bench.note("close"), "after", requires=required),
                Hook(bench.note("report"), "catch", requires=required),
            ]
            hooks.append(Hook(bench.note("second close"), "after", requires=hooks[-3]))
            await bench(answer, hooks)
            assert bench.ran == (["report", "close"] if extra else ["second open", "second close", "close"])

    with pytest.raises(
        UnknownHook, match=r"hook 'x' requires '.*<lambda>', which is no before hook of this plan"
    ):
        Orchestrator([Hook(breaks, "after", name="x", requires=lambda: None)]).plan(answer)


@trio_test
async def test_the_moments_around_sending(autojump_clock):
    def handler(req, res, lctx, gctx):
        lctx.compensate(bench.note("undone"))
        res.json("fine")

    def fails():
        raise KeyError

    for timeouts in ({}, {"stream_timeout": 3.0}):
        bench = Bench()
        hooks = [
            Hook(
                lambda res: bench.ran.append(f"first {res.started}"), "after", at="first_byte", name="first"
            ),
            Hook(lambda res: bench.ran.append(f"last {res.sent}"), "after", at="last_byte", name="last"),
            Hook(fails, "after", at="first_byte", name="fails"),
            Hook(fails, "after", at="last_byte", name="fails too"),
            Hook(bench.note("after"), "after"),
        ]
        for run, status in ((handler, 200), (lambda req, res, lctx, gctx: fails(), 500)):
            bench.__init__()
            outcome = await bench(run, hooks, response=FakeValidator(lambda res: True), **timeouts)
            assert outcome.kind == ("ok" if status == 200 else "error")
            assert bench.ran == ["after", "first False", f"last {bench.res.sent}"]
            assert bench.res.sent[0] == status
            assert len(of(bench, "hook.error")) == 2

    class Fatal(BaseException):
        pass

    def fatal():
        raise Fatal

    bench = Bench()
    with pytest.raises(BaseExceptionGroup):
        await bench(answer, [Hook(fatal, "after", at="last_byte")])
    assert bench.res.sent == [200, "fine"]


@trio_test
async def test_a_stream_may_have_a_deadline_of_its_own(autojump_clock):
    async def numbers():
        for number in range(10):
            yield number
            await trio.sleep(1)

    def handler(req, res, lctx, gctx):
        res.stream(numbers())

    # The request deadline ends at the first byte.
    bench = Bench()
    assert (await bench(handler, timeout=2.5)).kind == "ok"
    assert len(bench.res.sent) == 12
    bench = Bench()
    outcome = await bench(handler, timeout=2.5, stream_timeout=4.5)
    assert (outcome.kind, outcome.truncated) == ("timeout", True)
    assert bench.res.sent == [200, 0, 1, 2, 3, 4]
    bench = Bench()
    assert (await bench(answer, timeout=2.5, stream_timeout=4.5)).kind == "ok"


@trio_test
async def test_the_timeout_of_a_plan_holds_where_the_context_has_none(autojump_clock):
    bench = Bench()

    async def slow(req, res, lctx, gctx):
        await trio.sleep(10)

    async with open_global_context() as gctx:
        plan = Orchestrator().plan(slow, timeout=0.5)
        assert plan.timeout == 0.5
        with trio.CancelScope() as scope:
            outcome = await plan.run(FakeRequest(), FakeResponse(), LocalContext(gctx, scope=scope), gctx)
        assert outcome.kind == "timeout"
        assert trio.current_time() == 0.5
        with trio.CancelScope() as scope:
            lctx = LocalContext(gctx, scope=scope, timeout=2.0)
            await plan.run(FakeRequest(), FakeResponse(), lctx, gctx)
        assert trio.current_time() == 2.5
    del bench


@trio_test
async def test_without_a_scope_tasks_still_end_at_the_deadline(autojump_clock):
    def handler(req, res, lctx, gctx):
        lctx.start_soon(trio.sleep, 100)
        res.json("fine")

    async with open_global_context() as gctx:
        res = FakeResponse()
        outcome = (
            await Orchestrator().plan(handler).run(FakeRequest(), res, LocalContext(gctx, timeout=0.5), gctx)
        )
    assert outcome.kind == "timeout"
    assert res.sent[0] == 504


@trio_test
async def test_any_name_will_do(autojump_clock):
    odd = "\0'\"\n{x}\\"
    bench = Bench()
    hooks = [Hook(lambda: None, name=odd), Hook(lambda: None, "after", name=odd, timeout=1, id="ü")]
    assert (await bench(answer, hooks, name=odd)).kind == "ok"
    assert {event.name for event in of(bench, "hook")} == {odd}
    assert (await Bench()(answer, hooks, name=odd, listeners=[])).kind == "ok"


# Threads. Each waits for an event that the test sets, so that nothing here takes or measures real time.


class Running:
    """Lets virtual time pass only when a thread runs: it would not wait for the thread to begin."""

    def __init__(self, clock):
        self.clock = clock
        self.token = trio.lowlevel.current_trio_token()
        clock.autojump_threshold = math.inf

    def begun(self):
        self.token.run_sync_soon(setattr, self.clock, "autojump_threshold", 0)


@trio_test
async def test_a_thread_sees_the_request():
    seen = []

    def body(req, res, lctx, gctx):
        seen.append(threading.current_thread() is threading.main_thread())
        lctx.set("key", "value")
        assert lctx.get("key") == "value"
        assert "key" in lctx
        assert list(lctx) == ["key"]
        assert len(lctx) == 1
        assert lctx
        assert "in a thread" in repr(lctx)
        assert current_context() is lctx
        assert gctx is bench.gctx
        assert req.body == b"abc"
        res.body = None
        return res.header("x", "y")

    def handler(req, res, lctx, gctx):
        body(req, res, lctx, gctx)
        res.json(lctx.get("key"))

    bench = Bench()
    bench.req.body = b"abc"
    outcome = await bench(handler, [Hook(body, in_thread=True, timeout=60.0)], in_thread=True)
    assert outcome.kind == "ok", outcome.error
    assert seen == [False, False]
    assert bench.res.sent == [200, "value"]
    assert bench.res.headers == {"x": "y"}
    assert bench.orchestrator.thread_statistics().running == 0

    bench = Bench()
    outcome = await bench(answer, [Hook(lambda: "lost", in_thread=True)])
    assert isinstance(outcome.error, UnexpectedReturn)


@trio_test
async def test_a_thread_is_given_up_at_its_deadline_counted_and_cut_off(autojump_clock):
    release = threading.Event()
    results = trio.lowlevel.current_trio_token(), []
    over = trio.Event()

    def late(res, lctx):
        for use in (
            lambda: lctx.set("a", 1),
            lambda: taken("a", 1),
            lambda: res.json("late"),
            lambda: setattr(res, "body", 1),
            lambda: "a" in lctx,
            lambda: list(lctx),
            lambda: len(lctx),
            lambda: current_context().meta,
        ):
            try:
                use()
            except ContextClosed as error:
                results[1].append(str(error))
        results[0].run_sync_soon(over.set)

    taken = None

    running = Running(autojump_clock)

    def body(res, lctx):
        nonlocal taken
        taken = lctx.set
        running.begun()
        release.wait(10)
        late(res, lctx)

    bench = Bench()
    statistics = []

    def look(lctx):
        statistics.append(bench.orchestrator.thread_statistics())
        release.set()

    async def handler(req, res, lctx, gctx):
        await over.wait()
        res.json(sorted(lctx))

    hooks = [Hook(body, in_thread=True, timeout=0.5, isolated=True), Hook(look, name="look")]
    outcome = await bench(handler, hooks, threads=3)
    assert outcome.kind == "ok"
    assert bench.res.sent == [200, []]
    assert len(results[1]) == 8
    assert all("given up at its deadline" in text for text in results[1])
    (before,) = statistics
    assert (before.limit, before.running, before.abandoned, before.abandoned_total) == (3, 1, 1, 1)
    assert [event.kind for event in of(bench, "hook")][:3] == ["hook.start", "hook.timeout", "hook.error"]


@trio_test
async def test_threads_are_limited(autojump_clock):
    release = threading.Event()
    bench = Bench()

    running = Running(autojump_clock)

    def stuck():
        running.begun()
        release.wait(10)

    def too_many():
        bench.ran.append("never")

    hooks = [
        Hook(stuck, in_thread=True, timeout=0.5, isolated=True),
        Hook(too_many, in_thread=True, timeout=0.5, isolated=True),
    ]
    outcome = await bench(answer, hooks, threads=1)
    assert outcome.kind == "ok"
    assert bench.ran == []
    # Only the first has held a thread: the other never got one.
    assert bench.orchestrator.thread_statistics().abandoned_total == 1
    release.set()
    limiter = bench.orchestrator._threads.limiter
    async with limiter:
        pass
    assert bench.orchestrator.thread_statistics().abandoned == 0


def test_a_thread_that_comes_too_late_does_nothing():
    from gnomon_orchestrator._threads import Lease, Threads

    threads = Threads(1)
    lease = Lease("late")
    threads.give_up(lease)
    assert not threads.enter(lease)
    assert threads.statistics().abandoned_total == 0
