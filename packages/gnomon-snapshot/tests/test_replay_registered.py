"""What is there where a replay goes on: hooks, callbacks, tasks, what failed, and what comes next of chance."""

import functools
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import trio
from replays import OrderNotFound, Store

from gnomon_snapshot import Lost, MemoryStore, Recorder, Recording, ReplayDiverged, Types, replay
from gnomon_snapshot._registered import find
from gnomon_snapshot._start import Start
from gnomon_snapshot.testing import Application

called = []


def local_before():
    called.append("before")


def local_after():
    called.append("after")


def local_catch(error):
    called.append("catch")


def noted(error):
    called.append("noted")


def tidy(what):
    called.append(f"tidy {what}")


def undo(what):
    called.append(f"undo {what['id']}")


async def double(number):
    return number * 2


async def forever():
    await trio.sleep_forever()


class Held:
    def method(self):
        called.append("method")

    @staticmethod
    def static():
        called.append("static")


@asynccontextmanager
async def transaction():
    yield


def app_of(handler, *, modules=None, **options):
    recorder = Recorder(MemoryStore(), types=Types(OrderNotFound), steps=True)
    return Application(handler, modules=modules or {"store": Store()}, recorder=recorder, **options)


def recorded(app) -> Recording:
    return Recording.from_bytes(app.record().to_bytes())


async def register(req, res, lctx, gctx):
    order = {"id": 7}
    lctx.set("order", order)
    lctx.before(local_before)
    lctx.after(
        local_after, timeout=2.0, retries=1, backoff=0.5, retry_on=(OSError, OrderNotFound), isolated=True
    )
    lctx.catch(local_catch)
    lctx.on_error(noted)
    lctx.on_cleanup(tidy, "up", timeout=1.0)
    lctx.on_cleanup(Held.static)
    lctx.compensate(undo, order)
    lctx.compensate(gctx.modules.store.price, "abc", name="price")
    await lctx.start_soon(double, 21, name="double").wait()


def test_what_was_registered_is_registered_again():
    seen = []

    def handler(req, res, lctx, gctx):
        seen.append(lctx)
        hooks = [lctx.local_hooks(point) for point in ("before", "after", "catch")]
        seen.append([hook for (hook,) in hooks])
        seen.append(
            [
                [(step.name, step.timeout) for step in steps]
                for steps in (lctx.extras.on_error, lctx.extras.cleanups, lctx.extras.compensations)
            ]
        )
        seen.append([(task.name, task.status, task.result) for task in lctx.tasks])
        undone, priced = lctx.extras.compensations
        lctx.get("order")["id"] = 8
        undone.fn(*undone.args)
        res.body = priced.fn(*priced.args) if req.headers.get("price") else None

    app = app_of(handler, hooks=[register])
    recording = recorded(app)
    _, hooks, *then = seen
    called.clear()
    seen.clear()
    report = replay(recording, app, from_step="handler")
    assert report.empty, str(report)
    _, again, *now = seen
    assert (again, now) == (hooks, then)
    # the compensation has the very object that the state has
    assert called == ["undo 8"]


def test_hooks_are_gated_if_the_application_says_so():
    def handler(req, res, lctx, gctx):
        for point in ("before", "after"):
            for hook in lctx.local_hooks(point):
                hook.fn()

    class Gated(Application):
        async def _run(self, request, gctx, request_id, timeout, began, *rest):
            gate = functools.partial(began, gate=lambda fn: lambda: called.append("gated"))
            chosen = began if getattr(began, "__name__", "") == "began" and recording is None else gate
            await super()._run(request, gctx, request_id, timeout, chosen, *rest)

    recording = None
    recording = recorded(app_of(handler, hooks=[register]))
    called.clear()
    app = Gated(handler, hooks=[register], modules={"store": Store()}, recorder=app_of(handler).recorder)
    assert replay(recording, app, from_step="handler").empty
    assert called == ["gated", "gated"]


def test_what_cannot_come_back_is_a_divergence_where_it_would_have_run():
    async def unknown(req, res, lctx, gctx):
        lctx.after(lambda: None, name="closure")
        lctx.on_cleanup(Held().method)
        lctx.on_error(functools.partial(tidy, "partial"), name="partial")
        lctx.compensate(lambda: None, name="unasked")
        lctx.start_soon(forever, name="forever", isolated=True)
        await lctx.enter(transaction())

    def handler(req, res, lctx, gctx):
        for task in lctx.tasks:
            task.cancel()
        if asked:
            lctx.local_hooks("after")[0].fn()
            lctx.extras.cleanups[0].fn()
            lctx.extras.on_error[0].fn(ValueError())

    asked = []
    app = app_of(handler, hooks=[unknown])
    recording = recorded(app)
    for name in ([], ["asked"]):
        asked[:] = name
        report = replay(recording, app, from_step="handler")
        found = [each.actual for each in report.divergences]
        gone = ["the context manager _AsyncGeneratorContextManager", "the task forever"]
        assert found[:2] == gone
        assert found[2:] == [
            *["the after hook closure", "the cleanup Held.method", "the on_error callback partial"]
            * bool(asked)
        ]
    assert "does not come back" in report.divergences[0].reason
    assert "<lambda>" in report.divergences[2].reason
    assert "a method, a closure or a partial" in report.divergences[3].reason


def test_a_call_of_one_of_two_modules_of_a_class_is_not_guessed():
    async def both(req, res, lctx, gctx):
        lctx.compensate(gctx.modules.store.price, "a")
        gctx.modules.other.price  # noqa: B018 - so that the name is known twice

    def handler(req, res, lctx, gctx):
        lctx.extras.compensations[0].fn("a")

    app = app_of(handler, hooks=[both], modules={"store": Store(), "other": Store()})
    report = replay(recorded(app), app, from_step="handler")
    assert [each.actual for each in report.divergences] == ["the compensation Store.price"]


def test_nothing_is_imported_for_a_name():
    assert find("", "anything") is find("no_such_module", "anything") is None
    assert find(__name__, "Held.static") is Held.static
    assert find(__name__, "Held.nothing") is None


def test_chance_goes_on_where_it_stood():
    def first(req, res, lctx, gctx):
        lctx.set("first", [lctx.random.random(), lctx.uuid().hex, lctx.monotonic(), lctx.now().isoformat()])

    def handler(req, res, lctx, gctx):
        res.body = [lctx.random.random(), lctx.uuid().hex, lctx.monotonic(), lctx.now().isoformat()]

    app = app_of(handler, hooks=[first])
    recording = recorded(app)
    for step in (0, 1):
        report = replay(recording, app, from_step=step)
        assert report.empty, str(report)


# What failed before it.


def stamp(req, res, lctx, gctx):
    called.append("stamp")
    lctx.set("failed", lctx.outcome.kind)


async def fails(req, res, lctx, gctx):
    called.append("handler")
    await gctx.modules.store.load(-1)


async def fails_in_a_group(req, res, lctx, gctx):
    called.append("handler")
    raise ExceptionGroup("several", [ValueError("one"), ValueError("two")])


async def cancels(req, res, lctx, gctx):
    called.append("handler")
    lctx.cancel()
    await trio.sleep(1)


async def has_a_child_that_fails(req, res, lctx, gctx):
    called.append("handler")
    lctx.start_soon(gctx.modules.store.load, -1)
    await trio.sleep(1)


@pytest.mark.parametrize("handler", [fails, fails_in_a_group, cancels, has_a_child_that_fails])
def test_a_failure_comes_again(handler):
    app = app_of(handler, after=[stamp])
    recording = recorded(app)
    assert recording.snapshot.outcome != "ok"
    called.clear()
    report = replay(recording, app, from_step="stamp")
    assert report.empty, str(report)
    assert called == ["stamp"]


def test_a_failure_that_was_no_step_is_not_raised_by_one():
    async def leaves_a_child(req, res, lctx, gctx):
        called.append("handler")
        lctx.start_soon(gctx.modules.store.load, -1)

    app = app_of(leaves_a_child, after=[stamp])
    called.clear()
    report = replay(recorded(app), app, from_step="stamp")
    assert called[-1] == "stamp"
    assert report.lifecycle  # its child is over, and nothing fails any more: told as a difference


def test_a_trace_without_phases_tells_the_last_step():
    recording = recorded(app_of(fails, after=[stamp]))
    part = recording.node
    part["trace"] = [entry for entry in part["trace"] if entry[0] == "handler.error"]
    assert Start(recording, "stamp").failed.id == "handler"


def test_a_failure_that_was_lost_is_said_to_be():
    app = app_of(fails, after=[stamp])
    recording = recorded(app)
    start = Start(recording, "stamp")
    start.snapshot = SimpleNamespace(fresh=lambda: {"outcome": {"error": Lost("a.B", "", "failed")}})
    error = start.error()
    assert isinstance(error, ReplayDiverged)
    assert "an exception was lost" in str(error)


def test_a_group_that_was_taken_apart_is_one_again():
    async def grouped(req, res, lctx, gctx):
        raise OrderNotFound(7)

    app = app_of(grouped, after=[stamp])
    recording = recorded(app)
    for entry in recording.node["trace"]:
        if entry[0] == "handler.error":
            entry[4] = "ExceptionGroup: Exceptions from Trio nursery (1 sub-exception)"
    report = replay(recording, app, from_step="stamp")
    assert report.replayed.snapshot.response.body == "ExceptionGroup"
