"""What a skipped step had registered on its request is there again where a replay goes on."""

import functools
from contextlib import asynccontextmanager

import pytest
import trio

from gnomon import App, before, get
from gnomon.testing import Client
from gnomon_snapshot import MemoryStore, Recorder, Recording, replay

called: list[str] = []


class Orders:
    def cancel(self, number):
        called.append(f"cancelled {number}")

    def keep(self, number):
        return number


def stamp(res):
    called.append("stamp")
    res.header("x-stamp", "1")


def ahead(lctx):
    called.append("ahead")
    lctx.set("ahead", True)


def caught(res, error):
    called.append("caught")
    res.status(409).text(str(error))


def tidy(what):
    called.append(f"tidy {what}")


def undo(what):
    called.append(f"undo {what['id']}")


def noted(error):
    called.append(f"noted {error}")


async def double(number):
    return number * 2


async def forever():
    await trio.sleep_forever()


@before
async def prepare(req, lctx, gctx):
    called.append("prepare")
    order = {"id": 7}
    lctx.set("order", order)
    lctx.before(ahead)
    lctx.after(stamp, retries=1, retry_on=(OSError,))
    lctx.catch(caught)
    lctx.on_cleanup(tidy, "up", timeout=1.0)
    lctx.on_error(noted)
    lctx.compensate(undo, order)
    lctx.compensate(gctx.modules.orders.cancel, 7)
    await lctx.start_soon(double, 21, name="double").wait()


@get("/")
async def fine(req, res, lctx, gctx):
    called.append("handler")
    results = {task.name: task.result for task in lctx.tasks}
    res.json({"order": lctx.get("order"), "ahead": lctx.get("ahead"), "tasks": results})


@get("/")
async def failing(req, res, lctx, gctx):
    called.append("handler")
    lctx.get("order")["id"] = 8  # the compensation has the same object
    raise LookupError("none left")


failing.__name__ = failing.__qualname__ = "fine"


def app_of(*sources):
    return App(*sources, modules={"orders": Orders()}, recording=Recorder(MemoryStore(), steps=True))


def recorded(*sources) -> Recording:
    async def main():
        app = app_of(*sources)
        async with Client(app) as client:
            await client.get("/")
        store = app.recorder.store
        (summary,) = (await store.list()).summaries
        return await store.get(summary.request_id)

    called.clear()
    recording = Recording.from_bytes(trio.run(main).to_bytes())
    called.clear()
    return recording


def test_hooks_tasks_and_callbacks_of_skipped_steps_are_there():
    recording = recorded(fine, prepare)
    assert recording.snapshot.response.body == {"order": {"id": 7}, "ahead": True, "tasks": {"double": 42}}
    report = replay(recording, app_of(fine, prepare), from_step="handler")
    assert report.empty, str(report)
    # the local before hook is over, too: its step is told, and its function is not called
    assert called == ["handler", "stamp", "tidy up"]
    called.clear()
    local = next(step.name for step in recording.steps if "ahead" in step.name)
    report = replay(recording, app_of(fine, prepare), from_step=local)
    assert report.empty, str(report)
    assert called == ["ahead", "handler", "stamp", "tidy up"]


def test_a_failure_is_undone_by_what_skipped_steps_had_registered():
    recording = recorded(failing, prepare)
    assert recording.snapshot.response.status_code == 409
    report = replay(recording, app_of(failing, prepare), from_step="handler")
    assert called == ["handler", "noted none left", "caught", "undo 8", "stamp", "tidy up"]
    # the call of the module is answered by the recording, which has it
    assert report.empty, str(report)
    called.clear()
    # code that fails where it did not then: the recording has no answer for what undoes it
    report = replay(recorded(fine, prepare), app_of(failing, prepare), from_step="handler")
    assert [each.actual for each in report.divergences] == ["orders.cancel(7)"]


class Held:
    def method(self):
        called.append("method")


@asynccontextmanager
async def transaction():
    yield "transaction"


def test_what_cannot_come_back_is_a_divergence():
    @before
    async def prepare(req, lctx, gctx):
        lctx.before(lambda: None, name="nothing")
        lctx.after(lambda: called.append("closure"), name="closure")
        lctx.after(functools.partial(tidy, "partial"), name="partial")
        lctx.on_cleanup(Held().method)
        lctx.start_soon(forever, name="forever", isolated=True)
        await lctx.enter(transaction())
        lctx.compensate(lambda: None, name="unasked")

    @get("/")
    def handler(req, res, lctx, gctx):
        for task in lctx.tasks:
            task.cancel()
        res.text("done")

    recording = recorded(handler, prepare)
    assert called == []
    assert replay(recording, app_of(handler, prepare)).empty
    report = replay(recording, app_of(handler, prepare), from_step="handler")
    found = [(each.actual, each.reason) for each in report.divergences]
    gone = "was there already where the replay begins, and does not come back"
    names = [name for name, _ in found]
    assert names[:2] == ["the context manager _AsyncGeneratorContextManager", "the task forever"]
    assert {reason for _, reason in found[:2]} == {gone}
    assert names[2:] == ["the after hook partial", "the after hook closure", "the cleanup Held.method"]
    assert "<lambda>" in found[3][1]
    assert "a method, a closure or a partial" in found[4][1]
    assert not report.empty


@pytest.mark.parametrize("module", ["", "no_such_module"])
def test_nothing_is_imported_for_it(module):
    from gnomon_snapshot._registered import find

    assert find(module, "anything") is None
    assert find("gnomon_snapshot._registered", "find") is find
    assert find("gnomon_snapshot", "Recording.of") is Recording.__dict__["of"].__func__
