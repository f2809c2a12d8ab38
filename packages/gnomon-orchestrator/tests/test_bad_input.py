"""What comes of handlers and hooks that misbehave: one case per row of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from gnomon_context import LocalContext, open_global_context
from gnomon_orchestrator import (
    BindingError,
    DuplicateHook,
    Hook,
    NoAnswer,
    Orchestrator,
    ScopeLeaked,
    UnexpectedReturn,
)
from gnomon_orchestrator._leaks import close_leaks, innermost
from gnomon_orchestrator.testing import Bench, FakeRequest, FakeResponse, Refused

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "lifecycle.md"
CASES = {}


def row(name):
    def register(function):
        CASES[name] = function
        return function

    return register


def lone(group, kind):
    """The one exception that is in nested groups."""
    while isinstance(group, BaseExceptionGroup):
        (group,) = group.exceptions
    assert isinstance(group, kind)
    return group


@row("returns something")
async def _(bench):
    async def answer_later(res):
        await trio.sleep(1)
        res.json("later")

    outcome = await bench(lambda req, res, lctx, gctx: answer_later(res))
    assert (outcome.kind, bench.res.sent) == ("ok", [200, "later"])

    outcome = await Bench()(lambda req, res, lctx, gctx: res.json("fluent"))
    assert outcome.kind == "ok"

    def returns(req, res, lctx, gctx):
        res.json("lost")
        return {"an": "answer"}

    async def returns_async(req, res, lctx, gctx):
        return returns(req, res, lctx, gctx)

    def fine(req, res, lctx, gctx):
        res.json("fine")

    cases = [
        (returns, []),
        (returns_async, []),
        (fine, [Hook(lambda lctx: False, "before")]),
        (fine, [Hook(lambda: 1, "after", timeout=5.0)]),
    ]
    for handler, hooks in cases:
        bench = Bench()
        outcome = await bench(handler, hooks)
        assert outcome.kind == "error"
        assert isinstance(outcome.error, UnexpectedReturn)
        assert bench.res.sent[0] == 500


@row("returns without an answer")
async def _(bench):
    async def forget(req, res, lctx, gctx):
        await trio.sleep(0)

    outcome = await bench(forget)
    assert outcome.kind == "error"
    assert isinstance(outcome.error, NoAnswer)
    assert bench.res.sent[0] == 500


@row("raises `BaseException`")
async def _(bench):
    class Odd(BaseException):
        pass

    def odd(req, res, lctx, gctx):
        lctx.on_cleanup(bench.note("cleanup"))
        raise Odd

    with pytest.raises(BaseExceptionGroup) as caught:
        await bench(odd, [Hook(bench.note("catch"), "catch")])
    lone(caught.value, Odd)
    assert bench.ran == ["catch", "cleanup"]
    assert bench.res.sent[0] == 500


@row("raises an `ExceptionGroup`")
async def _(bench):
    async def lonely(req, res, lctx, gctx):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            await trio.sleep_forever()

    async def fail():
        raise Refused(409, "taken")

    seen = []
    outcome = await bench(lonely, [Hook(lambda error: seen.append(error), "catch", name="see")])
    assert outcome.kind == "error"
    assert seen == [outcome.error]
    assert isinstance(outcome.error, Refused)
    assert bench.res.sent[0] == 409

    def several(req, res, lctx, gctx):
        raise ExceptionGroup("two", [Refused(409), Refused(410)])

    bench = Bench()
    outcome = await bench(several)
    assert isinstance(outcome.error, ExceptionGroup)
    assert bench.res.sent[0] == 500


@row("swallows `Cancelled`")
async def _(bench):
    async def stubborn(req, res, lctx, gctx):
        lctx.on_cleanup(bench.note("cleanup"))
        try:
            await trio.sleep(10)
        except trio.Cancelled:
            res.json("nevertheless")

    outcome = await bench(stubborn, timeout=1.0)
    assert outcome.kind == "timeout"
    assert bench.ran == ["cleanup"]
    assert bench.res.sent[0] == 504

    async def stubborn_after(res):
        try:
            await trio.sleep(10)
        except trio.Cancelled:
            pass

    for extra in (False, True):

        def plain(req, res, lctx, gctx):
            if extra:
                lctx.on_cleanup(bench.note("cleanup"))
            res.json("fine")

        bench = Bench()
        outcome = await bench(plain, [Hook(stubborn_after, "after")], timeout=1.0)
        assert outcome.kind == "timeout"
        assert bench.res.sent[0] == 504


@row("leaks a scope or nursery")
async def _(bench):
    def leak(req, res, lctx, gctx):
        trio.move_on_after(60).__enter__()
        res.json("fine")

    def leak_with_cleanup(req, res, lctx, gctx):
        lctx.on_cleanup(bench.note("cleanup"))
        leak(req, res, lctx, gctx)

    def leak_and_raise(req, res, lctx, gctx):
        leak(req, res, lctx, gctx)
        raise KeyError

    async def leak_and_be_cancelled(req, res, lctx, gctx):
        trio.move_on_after(1).__enter__()
        await trio.sleep(60)

    async def leak_nurseries(req, res, lctx, gctx):
        for _ in range(2):
            nursery = await trio.open_nursery().__aenter__()
            nursery.start_soon(trio.sleep_forever)
        trio.CancelScope().__enter__()
        res.json("fine")

    async def fail():
        try:
            await trio.sleep_forever()
        finally:
            raise KeyError

    async def leak_a_failing_nursery(req, res, lctx, gctx):
        nursery = await trio.open_nursery().__aenter__()
        nursery.start_soon(fail)
        await trio.sleep(1)
        res.json("fine")

    handlers = [
        leak,
        leak_with_cleanup,
        leak_and_raise,
        leak_and_be_cancelled,
        leak_nurseries,
        leak_a_failing_nursery,
    ]
    for handler in handlers:
        bench.__init__()
        # That this returns shows that the task is sound: trio finds nothing to complain of.
        outcome = await bench(handler, [Hook(bench.note("catch"), "catch")])
        assert outcome.kind == "error"
        assert isinstance(outcome.error, KeyError if handler is leak_and_raise else ScopeLeaked)
        assert bench.res.sent[0] == 500
        assert "catch" in bench.ran

    # A hook that has a scope of its own finds the leak by itself.
    bench.__init__()
    hook = Hook(lambda: trio.CancelScope().__enter__() and None, "before", timeout=1.0, isolated=True)
    assert (await bench(answer, [hook])).kind == "ok"


@trio_test
async def test_a_nursery_that_cannot_be_closed(autojump_clock):
    async def stubborn():
        with trio.CancelScope(shield=True):
            await trio.sleep(60)

    async def leak(req, res, lctx, gctx):
        nursery = await trio.open_nursery().__aenter__()
        nursery.start_soon(stubborn)
        res.json("fine")

    plan = Orchestrator().plan(leak)
    res = FakeResponse()
    async with open_global_context() as gctx:
        status = innermost()
        with pytest.raises(ScopeLeaked, match="still open"):
            await plan.run(FakeRequest(), res, LocalContext(gctx), gctx)
        assert res.sent[0] == 500
        # With more patience it can, or trio would bring down this test.
        await close_leaks(status, limit=100)


def answer(req, res, lctx, gctx):
    res.json("fine")


@row("blocks the loop")
async def _(bench):
    clock = trio.lowlevel.current_clock()
    now = [0]

    def read():
        return now[0] + round(trio.current_time() * 1e9)

    def block():
        now[0] += 2_000_000_000

    async def block_async(req, res, lctx, gctx):
        await trio.sleep(0.5)
        block()
        await trio.sleep(0.5)
        res.json("fine")

    def block_sync(req, res, lctx, gctx):
        block()
        res.json("fine")

    async def patient(req, res, lctx, gctx):
        await trio.sleep(1)
        res.json("fine")

    for handler, held in ((block_async, 2e9), (block_sync, 2e9), (patient, None)):
        for hooks in ([], [Hook(bench.note("x"), "before", isolated=True)]):
            bench = Bench()
            outcome = await bench(handler, hooks, clock_ns=read, blocking=0.1)
            assert outcome.kind == "ok"
            (end,) = [event for event in bench.log.events if event.kind == "handler.end"]
            assert end.detail == held

    hook = Hook(block, "before", isolated=True, name="block")
    bench = Bench()
    await bench(patient, [hook], clock_ns=read, blocking=0.1)
    assert [event.detail for event in bench.log.events if event.kind == "hook.end"] == [2e9]

    def late(req, res, lctx, gctx):
        clock.jump(2.0)
        res.json("late")

    def late_with_cleanup(req, res, lctx, gctx):
        lctx.on_cleanup(bench.note("cleanup"))
        late(req, res, lctx, gctx)

    for handler in (late, late_with_cleanup):
        bench = Bench()
        outcome = await bench(handler, timeout=1.0)
        assert outcome.kind == "timeout"
        assert bench.res.sent[0] == 504


@row("spawns tasks that outlive it")
async def _(bench):
    async def child(seconds):
        try:
            await trio.sleep(seconds)
            bench.ran.append("done")
        finally:
            bench.ran.append(f"over at {trio.current_time():g}")

    def handler(req, res, lctx, gctx):
        lctx.start_soon(child, 0.5)
        lctx.start_soon(child, 50)
        res.json("fine")

    outcome = await bench(handler, timeout=1.0)
    assert outcome.kind == "timeout"
    assert bench.ran == ["done", "over at 0.5", "over at 1"]
    assert {task.status for task in bench.lctx.tasks} == {"done", "cancelled"}

    # What an after hook starts is joined before the answer is sent.
    bench = Bench()
    hook = Hook(lambda lctx: lctx.start_soon(child, 0.5) and None, "after")
    assert (await bench(answer, [hook])).kind == "ok"
    assert bench.lctx.tasks[0].status == "done"


@row("answers twice")
async def _(bench):
    def twice(req, res, lctx, gctx):
        res.status(201).json("first")
        res.status(200).json("second")

    assert (await bench(twice)).kind == "ok"
    assert bench.res.sent == [200, "second"]


@row("finishes `res` and then raises")
async def _(bench):
    def regret(req, res, lctx, gctx):
        res.header("x-kept", "yes").json("lost")
        raise Refused(409, "taken", detail="Somebody was faster.")

    outcome = await bench(regret)
    assert outcome.kind == "error"
    assert bench.res.sent[0] == 409
    assert bench.res.body["code"] == "taken"
    assert bench.res.headers == {"x-kept": "yes"}


@row("is one of 1,000 hooks")
async def _(bench):
    before = [Hook(bench.note(f"b{number}"), "before") for number in range(500)]
    after = [Hook(bench.note(f"a{number}"), "after", level="route") for number in range(500)]
    assert (await bench(answer, [*before, *after])).kind == "ok"
    assert bench.ran == [*(f"b{n}" for n in range(500)), *(f"a{n}" for n in reversed(range(500)))]


async def runs_of_a_hook_that_registers_itself(point):
    bench, ran = Bench(), []

    def again(lctx):
        ran.append(point)
        getattr(lctx, point)(again, name="again")

    def first(lctx):
        getattr(lctx, point)(again, name="again")

    def handler(req, res, lctx, gctx):
        if point == "catch":
            raise Refused(409)
        res.json("fine")

    outcome = await bench(handler, [Hook(first, "before")])
    assert outcome.kind == ("error" if point == "catch" else "ok")
    assert [(alert.kind, alert.detail["names"]) for alert in bench.alerts] == [("hooks_skipped", ["again"])]
    return len(ran)


@row("registers itself on the request")
async def _(bench):
    for point in ("before", "after", "catch"):
        assert await runs_of_a_hook_that_registers_itself(point) == 1001


@row("has a name that exists")
async def _(bench):
    hook = Hook(lambda: None, "before", name="same")
    for make in (
        lambda: Orchestrator([hook, Hook(lambda: None, "before", name="same")]),
        lambda: Orchestrator([hook]).plan(answer, hooks=[Hook(lambda: None, "before", name="same")]),
        lambda: Orchestrator([Hook(lambda: None, "before", id="1"), Hook(lambda: None, "before", id="1")]),
    ):
        with pytest.raises(DuplicateHook, match="another name"):
            make()
    # At another point the name is free, and names that nobody gave are told apart.
    plan = Orchestrator([hook, Hook(hook.fn, "after", name="same")]).plan(
        answer, hooks=[Hook(lambda: None, "before"), Hook(lambda: None, "before")]
    )
    assert len({entry.id for entry in plan.entries}) == len(plan.entries)


@row("contains a `yield`")
async def _(bench):
    def generator(res):
        yield

    with pytest.raises(BindingError, match="contains a yield"):
        Hook(generator)

    def register(lctx):
        with pytest.raises(TypeError, match="contains a yield"):
            lctx.after(generator)

    assert (await bench(answer, [Hook(register)])).kind == "ok"


@row("is retried against a deadline of 10 ms")
async def _(bench):
    def storm():
        bench.ran.append("attempt")
        clock.jump(0.001)
        raise KeyError

    clock = trio.lowlevel.current_clock()
    outcome = await bench(answer, [Hook(storm, "before", retries=1_000_000)], timeout=0.01)
    assert outcome.kind == "timeout"
    assert 5 <= len(bench.ran) <= 12

    bench = Bench()
    outcome = await bench(answer, [Hook(storm, "before", retries=1_000_000, backoff=1.0)], timeout=0.01)
    assert outcome.kind == "error"
    assert isinstance(outcome.error, KeyError)


@row("has a deadline that is past at the start")
async def _(bench):
    hooks = [Hook(bench.note(point), point) for point in ("before", "after", "catch")]
    for timeout in (0.0, -1.0):
        bench.__init__()
        outcome = await bench(
            lambda req, res, lctx, gctx: bench.ran.append("handler"), hooks, timeout=timeout
        )
        assert outcome.kind == "timeout"
        assert bench.ran == ["catch", "after"]
        assert bench.res.sent[0] == 504


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    trio.run(CASES[name], Bench(), clock=trio.testing.MockClock(autojump_threshold=0))


def test_the_page_has_a_row_for_each_case():
    rows = re.findall(
        r"^\| (.*?) \|", PAGE.read_text().split("## Bad input")[1].split("\n## ")[0], re.MULTILINE
    )
    assert [name for name in rows if name != "a handler or hook …"] == list(CASES)
