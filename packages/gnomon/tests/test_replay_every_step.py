"""From whatever step a replay goes on, on the same code it comes to the same end."""

import pytest
import trio

from gnomon import App, HttpError, after, before, catch, get
from gnomon.testing import Client
from gnomon_snapshot import MemoryStore, Recorder, Recording, Types, replay

called: list[str] = []


class SoldOut(LookupError):
    pass


class Stock:
    def __init__(self):
        self.left = {"apple": 3}

    async def take(self, sku):
        await trio.sleep(0.001)
        if not self.left.get(sku):
            raise SoldOut(sku)
        self.left[sku] -= 1
        return self.left[sku]


@before
async def draw(req, lctx, gctx):
    called.append("draw")
    lctx.set("drawn", [lctx.random.random(), str(lctx.uuid()), lctx.now().isoformat(), lctx.monotonic()])
    lctx.set("left", await gctx.modules.stock.take("apple"))


@before
def closed(req, res):
    called.append("closed")
    if req.query.get("closed"):
        raise HttpError(503, "closed")
    if req.query.get("answered"):
        res.text("answered already")


@catch
def sold_out(res, error, lctx):
    called.append("sold_out")
    if isinstance(error, SoldOut):
        res.status(409).json({"sold_out": str(error), "by": lctx.random.random()})


@catch
async def noted(lctx, error):
    called.append("noted")
    lctx.set("noted", type(error).__name__)


@after
async def stamp(res, lctx):
    called.append("stamp")
    res.header("x-drawn", f"{lctx.random.random()} {lctx.monotonic()}")


def drawn(lctx):
    return [*lctx.get("drawn"), lctx.get("left"), lctx.random.random(), lctx.uuid().hex]


@get("/fine")
async def fine(req, res, lctx, gctx):
    called.append("handler")
    res.json([*drawn(lctx), await gctx.modules.stock.take("apple")])


@get("/fails")
def fails(req, res, lctx, gctx):
    called.append("handler")
    raise LookupError("nothing")


@get("/group")
async def group(req, res, lctx, gctx):
    called.append("handler")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gctx.modules.stock.take, "pear")


@get("/groups")
async def groups(req, res, lctx, gctx):
    called.append("handler")
    raise ExceptionGroup("two", [ValueError("one"), SoldOut("two")])


@get("/slow", timeout=0.5)
async def slow(req, res, lctx, gctx):
    called.append("handler")
    await trio.sleep(10)


@get("/cancelled")
async def cancelled(req, res, lctx, gctx):
    called.append("handler")
    lctx.cancel()
    await trio.sleep(10)


@get("/cancelled/sync")
def cancelled_sync(req, res, lctx, gctx):
    called.append("handler")
    lctx.cancel()


@get("/child")
async def child(req, res, lctx, gctx):
    called.append("handler")
    lctx.start_soon(gctx.modules.stock.take, "pear")
    await trio.sleep(10)


SOURCES = (
    draw,
    closed,
    sold_out,
    noted,
    stamp,
    fine,
    fails,
    group,
    groups,
    slow,
    cancelled,
    cancelled_sync,
    child,
)


def app_of():
    recorder = Recorder(MemoryStore(), steps=True, types=Types(SoldOut))
    return App(*SOURCES, modules={"stock": Stock()}, recording=recorder)


def recorded(target) -> Recording:
    async def main():
        app = app_of()
        async with Client(app) as client:
            await client.get(target)
        (summary,) = (await app.recorder.store.list()).summaries
        return await app.recorder.store.get(summary.request_id)

    snapshot = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return Recording.from_bytes(snapshot.to_bytes())


@pytest.mark.parametrize(
    "target",
    [
        "/fine",
        "/fine?answered=1",
        "/fine?closed=1",
        "/fails",
        "/group",
        "/groups",
        "/slow",
        "/cancelled",
        "/cancelled/sync",
        "/child",
        "/nowhere",
    ],
)
def test_every_step_leads_to_the_same_end(target):
    recording = recorded(target)
    assert len(recording.steps) > 1
    order = ["draw", "closed", "handler", "noted", "sold_out", "stamp"]
    for number, step in enumerate(recording.steps):
        called.clear()
        report = replay(recording, app_of(), from_step=number)
        assert report.empty, f"{step}: {report}"
        if step.kind == "boundary":
            first = next(name for name in order if name in step.name)
            assert called == [name for name in order if name in called]  # each once, in order
            assert called[0] == first
