"""Detached work outlives its request: it is no part of the recording, and a replay does not run it."""

import trio
from trio.testing import trio_test

from gnomon import App, get
from gnomon.testing import Client
from gnomon_snapshot import MemoryStore, Recorder, Recording, Sampling, replay_async


class Mail:
    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, to: str) -> None:
        await trio.sleep(0.05)
        self.sent.append(to)


@get("/at-once")
async def at_once(req, res, lctx, gctx):
    await gctx.modules.mail.send("before")
    lctx.detach(gctx.modules.mail.send, "ada", name="mail", timeout=2)
    res.json(1)


@get("/closure")
async def closure(req, res, lctx, gctx):
    async def later() -> None:
        await gctx.modules.mail.send(gctx.config.get("to", "bob"))
        lctx_of_it.append(gctx.modules.mail)

    lctx_of_it: list[object] = []
    lctx.detach(later)

    async def child() -> None:
        await gctx.modules.mail.send("child")

    lctx.start_soon(child, name="child")
    await trio.sleep(0.2)
    res.json(lctx.random.random())


@trio_test
async def test_a_replay_of_unchanged_code_that_detaches_work_is_the_same(autojump_clock):
    store, mail = MemoryStore(), Mail()
    recorder = Recorder(store, sampling=Sampling(rate=1.0, failures=False))
    app = App(at_once, closure, modules={"mail": mail}, recording=recorder)
    async with Client(app) as client:
        for path in ("/at-once", "/closure"):
            await client.get(path)
            await trio.sleep(1)
    assert sorted(mail.sent) == ["ada", "before", "bob", "child"]
    recordings = [Recording.of(await store.get(each.request_id)) for each in (await store.list()).summaries]
    calls = {recording.snapshot.meta.path: list(map(str, recording.calls)) for recording in recordings}
    assert calls == {"/at-once": ["mail.send('before')"], "/closure": ["mail.send('child')"]}
    for recording in recordings:
        assert "it was detached" in recording.unrecorded[0]
        report = await replay_async(recording, app)
        assert report.empty, str(report)
    assert len(mail.sent) == 4
