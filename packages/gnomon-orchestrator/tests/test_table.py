"""The table of the lifecycle: one case per row, and a row of the documentation per case."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from gnomon_orchestrator import EVENT_KINDS, Hook
from gnomon_orchestrator.testing import Bench, FakeGuard, FakeValidator, Invalid, Refused

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "lifecycle.md"
CASES = {}


def row(name):
    def register(function):
        CASES[name] = function
        return function

    return register


def everything(bench, **changes):
    """A hook of every point and level, each of which notes that it ran."""
    hooks = [
        Hook(bench.note("received"), "before", at="received"),
        Hook(bench.note("before global"), "before"),
        Hook(bench.note("before route"), "before", level="route"),
        Hook(bench.note("after global"), "after"),
        Hook(bench.note("after route"), "after", level="route"),
        Hook(bench.note("catch global"), "catch"),
        Hook(bench.note("catch route"), "catch", level="route"),
    ]
    return [*hooks, *changes.get("more", ())]


def undoing(bench, then=None):
    """A handler that has something to undo and to clean, and then does what it is told."""

    async def handler(req, res, lctx, gctx):
        bench.ran.append("handler")
        lctx.compensate(bench.ran.append, "compensation")
        lctx.on_cleanup(bench.ran.append, "cleanup")
        if then is not None:
            await then(req, res, lctx)
        else:
            res.status(201).json("made")

    return handler


IN = ["received", "before global", "before route", "handler"]
CATCH = ["catch route", "catch global"]
AFTER = ["after route", "after global"]


@row("all is well")
async def _(bench):
    outcome = await bench(undoing(bench), everything(bench))
    assert outcome.kind == "ok"
    assert bench.ran == [*IN, *AFTER, "cleanup"]
    assert bench.res.sent == [201, "made"]


@row("a before hook finishes `res`")
async def _(bench):
    response = FakeValidator(lambda res: True)
    hooks = everything(bench, more=[Hook(lambda res: res.json("early"), "before", name="early")])
    hooks.append(Hook(bench.note("too late"), "before", level="route", name="too late"))
    outcome = await bench(undoing(bench), hooks, response=response)
    assert outcome.kind == "ok"
    assert bench.ran == ["received", "before global", *AFTER]
    assert response.asked == 1
    assert bench.res.sent == [200, "early"]


@row("handler or hook itself sets 4xx/5xx")
async def _(bench):
    async def conflict(req, res, lctx):
        res.status(409).json("taken")

    outcome = await bench(undoing(bench, conflict), everything(bench))
    assert outcome.kind == "ok"
    assert bench.ran == [*IN, *AFTER, "cleanup"]
    assert bench.res.sent == [409, "taken"]


@row("no route, wrong method, guard says no, body too large or slow")
async def _(bench):
    def no(req, res, lctx, gctx):
        raise Refused(401, headers={"www-authenticate": "Bearer"})

    error = Refused(405, headers={"allow": "GET"})
    for options, status in (
        ({"handler": None, "refusal": lambda: error}, 405),
        ({"handler": undoing(bench), "guards": [FakeGuard(no)]}, 401),
        ({"handler": undoing(bench), "request": FakeValidator(lambda req: True, reads_body=True)}, 413),
    ):
        bench.__init__()
        bench.req.error = Refused(413)
        outcome = await bench(options.pop("handler"), everything(bench), **options)
        assert outcome.kind == "error"
        expected = CATCH if status != 405 else ["catch global"]
        assert bench.ran == ["received", *expected, "after global"]
        assert bench.res.sent[0] == status
        assert bench.res.headers == ({} if status == 413 else getattr(outcome.error, "headers"))


@row("refused by the HTTP parser")
async def _(bench):
    # No request was made of it, so there is no plan to run: the closed set has no kind for a connection.
    assert {kind.split(".")[0] for kind in EVENT_KINDS} == {
        *("request", "phase", "validation", "hook", "handler", "compensation", "cleanup")
    }


@row("request body, query, headers fail their GType")
async def _(bench):
    bench.req.body = b"{}"
    outcome = await bench(
        undoing(bench), everything(bench), request=FakeValidator(lambda req: False, reads_body=True)
    )
    assert outcome.kind == "error"
    assert isinstance(outcome.error, Invalid)
    assert bench.ran == ["received", *CATCH, *AFTER]
    assert bench.res.sent[0] == 400
    assert bench.res.body["errors"] == ["problem"]


@row("before hook *k* raises")
async def _(bench):
    error = RuntimeError("secret")

    def fail(lctx):
        lctx.compensate(bench.ran.append, "compensation")
        lctx.on_cleanup(bench.ran.append, "cleanup")
        raise error

    hooks = everything(bench, more=[Hook(fail, "before")])
    outcome = await bench(undoing(bench), hooks)
    assert outcome.kind == "error"
    assert outcome.error is error
    assert bench.ran == ["received", "before global", *CATCH, "compensation", *AFTER, "cleanup"]
    assert bench.res.sent[0] == 500
    assert "secret" not in str(bench.res.sent)


@row("handler raises; a child task fails")
async def _(bench):
    error = RuntimeError("secret")

    async def fail(req, res, lctx):
        raise error

    async def child():
        await trio.sleep(0.1)
        raise ExceptionGroup("lonely", [error])

    async def have_a_child(req, res, lctx):
        lctx.start_soon(child)
        await trio.sleep_forever()

    for then in (fail, have_a_child):
        bench.__init__()
        outcome = await bench(undoing(bench, then), everything(bench))
        assert outcome.kind == "error"
        assert outcome.error is error
        assert bench.ran == [*IN, *CATCH, "compensation", *AFTER, "cleanup"]
        assert bench.res.sent[0] == 500

    async def have_an_isolated_child(req, res, lctx):
        lctx.start_soon(child, isolated=True)
        res.json("fine")

    bench.__init__()
    assert (await bench(undoing(bench, have_an_isolated_child))).kind == "ok"
    assert bench.lctx.tasks[0].status == "failed"


@row("a catch hook answers 2xx")
async def _(bench):
    async def fail(req, res, lctx):
        raise RuntimeError

    response = FakeValidator(lambda res: True)
    hooks = everything(
        bench, more=[Hook(lambda res: res.json("stale"), "catch", level="route", name="stale")]
    )
    outcome = await bench(undoing(bench, fail), hooks, response=response)
    assert outcome.kind == "error"
    assert outcome.recovered
    assert bench.ran == [*IN, "compensation", *AFTER, "cleanup"]
    assert response.asked == 1
    assert bench.res.sent == [200, "stale"]


@row("a hook's own timeout, or the user's `fail_after`")
async def _(bench):
    async def slow():
        await trio.sleep(10)

    outcome = await bench(undoing(bench), [Hook(slow, "before", timeout=0.5)], timeout=5.0)
    assert outcome.kind == "error"
    assert outcome.error.code == "hook_timeout"
    assert bench.res.sent[0] == 500

    async def give_up(req, res, lctx):
        with trio.fail_after(0.5):
            await trio.sleep(10)

    bench.__init__()
    outcome = await bench(undoing(bench, give_up), timeout=5.0)
    assert outcome.kind == "error"
    assert isinstance(outcome.error, trio.TooSlowError)
    assert bench.res.sent[0] == 500


@row("the request deadline passes")
async def _(bench):
    async def slow(req, res, lctx):
        lctx.on_timeout(lambda error: bench.ran.append("on_timeout"))
        lctx.on_error(lambda error: bench.ran.append("on_error"))
        try:
            await trio.sleep(10)
        finally:
            bench.ran.append(f"cancelled at {trio.current_time() - began:g}")

    began = trio.current_time()
    outcome = await bench(undoing(bench, slow), everything(bench), timeout=0.7)
    assert outcome.kind == "timeout"
    assert bench.ran == [*IN, "cancelled at 0.7", "on_timeout", *CATCH, "compensation", *AFTER, "cleanup"]
    assert bench.res.sent[0] == 504


async def until_cancelled(req, res, lctx):
    await trio.sleep(10)


def cancels(reason):
    async def during(bench):
        await trio.sleep(0.7)
        bench.lctx.cancel(reason)

    return during


@row("the client goes away")
async def _(bench):
    outcome = await bench(undoing(bench, until_cancelled), everything(bench), during=cancels("disconnect"))
    assert outcome.kind == "disconnect"
    assert bench.ran == [*IN, "compensation", "cleanup"]
    assert bench.res.sent == []


@row("`lctx.cancel()`")
async def _(bench):
    outcome = await bench(undoing(bench, until_cancelled), everything(bench), during=cancels("explicit"))
    assert outcome.kind == "cancelled"
    assert outcome.error.reason == "explicit"
    assert bench.ran == [*IN, *CATCH, "compensation", *AFTER, "cleanup"]
    assert bench.res.sent[0] == 500


@row("drain past its grace")
async def _(bench):
    outcome = await bench(undoing(bench, until_cancelled), everything(bench), during=cancels("shutdown"))
    assert outcome.kind == "shutdown"
    assert bench.ran == [*IN, *CATCH, "compensation", *AFTER, "cleanup"]
    assert bench.res.sent[0] == 503
    assert bench.res.headers == {}


async def items(bench, *, error=None, delay=0.0):
    yield 1
    if delay:
        await trio.sleep(delay)
    if error is not None:
        raise error
    yield 2


@row("what the request entered cannot be left (a commit fails)")
async def _(bench):
    error = RuntimeError("conflict")

    @asynccontextmanager
    async def transaction():
        yield
        raise error

    async def enter(req, res, lctx):
        await lctx.enter(transaction())
        res.status(201).json("made")

    outcome = await bench(undoing(bench, enter), everything(bench))
    assert (outcome.kind, outcome.error) == ("error", error)
    # The after hooks have seen the answer that was not to be; they run once.
    assert bench.ran == [*IN, *AFTER, *CATCH, "compensation", "cleanup"]
    assert bench.res.sent[0] == 500


@row("failure after the first byte")
async def _(bench):
    error = RuntimeError()

    async def stream(req, res, lctx):
        res.stream(items(bench, error=error))

    outcome = await bench(undoing(bench, stream), everything(bench))
    assert (outcome.kind, outcome.truncated, outcome.error) == ("error", True, error)
    # The after hooks have seen the head; the catch hooks can only look on.
    assert bench.ran == [*IN, *AFTER, *CATCH, "compensation", "cleanup"]
    assert bench.res.sent == [200, 1]

    async def slow_stream(req, res, lctx):
        res.stream(items(bench, delay=10.0))

    bench.__init__()
    outcome = await bench(undoing(bench, slow_stream), everything(bench), during=cancels("disconnect"))
    assert (outcome.kind, outcome.truncated) == ("disconnect", True)
    assert bench.ran == [*IN, *AFTER, "compensation", "cleanup"]


@row("a catch, compensation or cleanup raises or overruns")
async def _(bench):
    def broken(*args):
        raise RuntimeError

    async def hanging(*args):
        await trio.sleep_forever()

    def broken_hook():
        raise RuntimeError

    async def hanging_hook():
        await trio.sleep_forever()

    async def fail(req, res, lctx):
        for callback in (broken, hanging):
            lctx.compensate(callback)
            lctx.on_cleanup(callback)
        raise KeyError

    hooks = everything(bench, more=[Hook(broken_hook, "catch"), Hook(hanging_hook, "catch")])
    with trio.fail_after(20):
        outcome = await bench(undoing(bench, fail), hooks)
    assert outcome.kind == "error"
    assert isinstance(outcome.error, KeyError)
    assert bench.ran == [*IN, *CATCH, "compensation", *AFTER, "cleanup"]
    assert bench.res.sent[0] == 500
    kinds = [event.kind for event in bench.log.events if event.error is not None]
    assert kinds.count("hook.error") == 2
    assert kinds.count("compensation.error") == kinds.count("compensation.alert") == 2
    assert kinds.count("cleanup.error") == 2
    assert [alert.kind for alert in bench.alerts].count("compensation_failed") == 2


@row("KeyboardInterrupt, SystemExit, cancelled from outside the runtime")
async def _(bench):
    for error in (KeyboardInterrupt, SystemExit):

        async def interrupt(req, res, lctx):
            raise error

        bench.__init__()
        with pytest.raises(error):
            try:
                await bench(undoing(bench, interrupt), everything(bench))
            except BaseExceptionGroup as group:
                (nested,) = group.exceptions
                while isinstance(nested, BaseExceptionGroup):
                    (nested,) = nested.exceptions
                raise nested from None
        assert bench.ran == [*IN, *CATCH, "compensation", *AFTER, "cleanup"]
        assert bench.res.sent[0] == 500

    bench.__init__()
    with trio.move_on_after(0.5) as scope:
        await bench(undoing(bench, until_cancelled), everything(bench))
    assert scope.cancelled_caught
    assert bench.ran == [*IN, *CATCH, "compensation", *AFTER, "cleanup"]
    assert bench.lctx.outcome.kind == "cancelled"
    assert bench.log.names()[-1] == "request.finished here"


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    bench = Bench()
    trio.run(CASES[name], bench, clock=trio.testing.MockClock(autojump_threshold=0))
    if bench.log.events:
        kinds = [event.kind for event in bench.log.events]
        assert kinds.count("request.finished") == 1
        assert kinds[-1] == "request.finished"


def test_the_page_has_a_row_for_each_case():
    rows = re.findall(r"^\| (.*?) \|", PAGE.read_text().split("## Cases")[1].split("\n## ")[0], re.MULTILINE)
    assert [name for name in rows if name != "case"] == list(CASES)
