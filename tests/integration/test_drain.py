"""A drain past its grace: what runs is cancelled and undone, and the client is told."""

import trio
from trio.testing import MockClock, trio_test

from gnomon import App, Config, get
from gnomon.testing import Client
from gnomon_ingress import Config as ServerConfig


@trio_test
async def test_a_request_that_outlasts_the_grace_is_undone(autojump_clock: MockClock):
    ran = []

    @get("/long")
    async def long(req, res, lctx, gctx):
        lctx.compensate(ran.append, "undone")
        lctx.on_cleanup(lambda: ran.append(lctx.cancel_reason))
        await trio.sleep_forever()

    app = App(long, config=Config(server=ServerConfig(drain_grace=1)))
    answers = []
    async with Client(app) as client, trio.open_nursery() as nursery:

        async def ask():
            answers.append(await client.get("/long"))

        nursery.start_soon(ask)
        await trio.sleep(0.1)
        client.server.drain()
    assert ran == ["undone", "shutdown"]
    assert (answers[0].status, answers[0].json()["code"]) == (503, "shutting_down")
    assert answers[0].headers["connection"] == "close"
