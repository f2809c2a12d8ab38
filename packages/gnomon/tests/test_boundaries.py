"""What stands between the steps of an application's requests: breakpoints and time travel, recorded or not."""

import pytest
import trio
from trio.testing import trio_test

from gnomon import App, before, get
from gnomon.testing import Client
from gnomon_snapshot import Breakpoint, Debugger, MemoryStore, Recorder, TimeTravel


@before
def look(lctx):
    lctx.set("seen", lctx.get("seen", 0) + 1)


@get("/seen")
async def seen(req, res, lctx, gctx):
    res.json({"seen": lctx.get("seen")})


@pytest.fixture(params=["plain", "recorded"])
def options(request):
    return {} if request.param == "plain" else {"recording": Recorder(MemoryStore(), steps=True)}


@trio_test
async def test_a_request_is_held_edited_and_let_go(options):
    debugger = Debugger()
    answers = []

    async def ask(client):
        answers.append((await client.get("/seen")).json())

    app = App(seen, look, boundaries=[debugger], **options)
    async with Client(app) as client, trio.open_nursery() as nursery:
        with debugger.attach(Breakpoint(handler="seen")) as session:
            nursery.start_soon(ask, client)
            paused = await session.next()
            assert paused.snapshot.state == {"seen": 1}
            paused.edit("/state/seen", 40)
            paused.proceed()
    assert answers == [{"seen": 40}]


@trio_test
async def test_every_moment_of_a_request_can_be_looked_at(options):
    timelines = {}
    travel = TimeTravel(finished=timelines.__setitem__)
    app = App(seen, look, boundaries=[travel], listeners=[travel], **options)
    async with Client(app) as client:
        await client.get("/seen")
    (timeline,) = timelines.values()
    states = [timeline.at(step).state for step in range(len(timeline))]
    assert states[0] == {}
    assert states[-1] == {"seen": 1}
