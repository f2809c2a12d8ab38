"""A transaction that a request has entered is over before the client hears of it, through the assembled runtime."""

from __future__ import annotations

from contextlib import asynccontextmanager

import trio
from trio.testing import trio_test

from gnomon import App, get, post, websocket
from gnomon.testing import Client
from gnomon_ingress import WebSocketClosed


class Ledger:
    """Keeps what is committed, and refuses a commit when it is told to."""

    def __init__(self):
        self.kept = []
        self.undone = []
        self.refuses = False

    @asynccontextmanager
    async def transaction(self):
        entries = []
        yield entries
        await trio.sleep(0.1)
        if self.refuses:
            raise RuntimeError("somebody else has changed it")
        self.kept += entries


@post("/entries")
async def add(req, res, lctx, gctx):
    entries = await lctx.enter(gctx.modules.ledger.transaction())
    entries.append("entry")
    lctx.compensate(gctx.modules.ledger.undone.append, "entry")
    res.status(201).json({"added": "entry"})


@get("/export")
async def export(req, res, lctx, gctx):
    entries = await lctx.enter(gctx.modules.ledger.transaction())

    async def lines():
        for number in range(3):
            entries.append(number)
            yield b"%d\n" % number

    res.stream(lines())


@websocket("/entries/live")
async def live(req, ws, lctx, gctx):
    entries = await lctx.enter(gctx.modules.ledger.transaction())
    async for message in ws:
        entries.append(message)
        if message == "done":
            return


@trio_test
async def test_what_was_answered_is_kept(autojump_clock):
    ledger = Ledger()
    async with Client(App(add, export, modules={"ledger": ledger})) as client:
        assert (await client.post("/entries")).status == 201
        assert ledger.kept == ["entry"]
        assert (await client.get("/export")).text == "0\n1\n2\n"
        assert ledger.kept == ["entry", 0, 1, 2]
        assert (await client.request("HEAD", "/export")).status == 200
    assert ledger.undone == []


@trio_test
async def test_a_commit_that_is_refused_is_no_success(autojump_clock):
    ledger = Ledger()
    ledger.refuses = True
    async with Client(App(add, export, modules={"ledger": ledger})) as client:
        answer = await client.post("/entries")
        assert (answer.status, answer.json()["code"]) == (500, "internal_error")
        assert ledger.undone == ["entry"]
        try:
            await client.get("/export")
        except trio.BrokenResourceError:
            cut = True
        assert cut
    assert ledger.kept == []


@trio_test
async def test_a_websocket_is_closed_when_its_work_is_kept(autojump_clock):
    for refuses, code in ((False, 1000), (True, 1011)):
        ledger = Ledger()
        ledger.refuses = refuses
        app = App(live, modules={"ledger": ledger})
        async with Client(app) as client, client.websocket("/entries/live") as socket:
            await socket.send("done")
            try:
                await socket.receive()
            except WebSocketClosed as closed:
                assert closed.close_code == code
            assert ledger.kept == ([] if refuses else ["done"])
