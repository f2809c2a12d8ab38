"""Many replays: grouped by cause, in this process and in several."""

import functools
import subprocess
import sys

import pytest
import trio
from replays import app_of, recorded, untouched

from gnomon_snapshot import (
    MemoryStore,
    Query,
    Recorder,
    capture,
    replay_all,
)
from gnomon_snapshot import _replay_all as many
from gnomon_snapshot.testing import Application, Asked, make_snapshot


def pricey(req, res, lctx, gctx):
    res.body = gctx.modules.store.price(req.target)


def dearer(req, res, lctx, gctx):
    res.body = gctx.modules.store.price(req.target) + (req.target > "/b")


def strange(req, res, lctx, gctx):
    res.body = gctx.modules.store.price("other")


def make_dearer():
    return untouched(dearer)


def filled(count=120):
    async def main():
        store = MemoryStore()
        for number in range(count):
            recording = await app_of(pricey).serve(Asked(target=f"/{'abc'[number % 3]}{number}"))
            await store.put(recording.snapshot)
        await store.put(make_snapshot(1))
        return store

    return trio.run(main)


def test_many_are_replayed_and_grouped_by_cause():
    store = filled()
    seen = []

    async def main(app, **options):
        return await replay_all(store, app=app, progress=lambda *figures: seen.append(figures), **options)

    summary = trio.run(main, untouched(pricey))
    assert (summary.replayed, summary.equal, summary.skipped, summary.empty) == (120, 120, 1, True)
    assert seen[-1] == (120, 0)
    summary = trio.run(main, make_dearer)
    (cause,) = summary.causes
    assert (cause.cause, cause.count, len(cause.request_ids)) == ("response differs at /body", 80, 80)
    assert seen[-1] == (120, 80)
    assert "    80  response differs" in str(summary)
    written = summary.to_json()
    assert written["causes"][0]["example"]["cause"] == cause.cause
    summary = trio.run(main, untouched(strange))
    assert summary.causes[0].cause == "divergence at store.price: has no answer in the recording"


def test_what_cannot_be_replayed_is_a_cause_too():
    class Gone(MemoryStore.__mro__[0] if False else object):
        def __init__(self, inner):
            self.inner = inner

        async def list(self, query=None, *, limit=100, after=None):
            return await self.inner.list(query or Query(), limit=limit, after=after)

        async def get(self, request_id):
            return await MemoryStore().get(request_id)

    async def main():
        from gnomon_context.testing import global_context, local_context

        store = MemoryStore()
        live = Recorder(MemoryStore()).begin(global_context())
        await store.put(live.finish(local_context(live.gctx)).snapshot)
        one = await replay_all(store, app=untouched(pricey))
        two = await replay_all(Gone(store), app=untouched(pricey))
        return one, two

    one, two = trio.run(main)
    assert [cause.cause for cause in one.causes] == ["cannot be replayed: replay_error"]
    assert [cause.cause for cause in two.causes] == ["cannot be replayed: snapshot_not_found"]


def test_an_application_and_a_process_are_needed():
    with pytest.raises(ValueError, match="needs an application"):
        trio.run(replay_all, MemoryStore())


def test_no_more_ids_are_kept_than_anybody_reads(monkeypatch):
    monkeypatch.setattr(many, "_IDS", 2)
    tally = many._Tally(None)
    tally.add([many.Outcome(str(number), "why", "", None) for number in range(5)])
    (cause,) = tally.summary().causes
    assert (cause.count, cause.request_ids) == (5, ("0", "1"))


def test_a_process_of_the_pool_replays_what_it_is_given():
    data = [recorded(pricey, Asked(target="/c")).to_bytes(), capture_bytes()]
    many._begin(make_dearer, frozenset())
    one, two = many._run_there(data)
    assert (one.cause, two.cause) == ("response differs at /body", "snapshot_not_recorded")


def capture_bytes():
    from gnomon_context.testing import local_context

    return capture(local_context()).to_bytes()


PROGRAM = """
import trio
from gnomon_snapshot import MemoryStore, Recorder, replay_all
from gnomon_snapshot.testing import Application, Asked

def old(req, res, lctx, gctx):
    res.body = 1

def new(req, res, lctx, gctx):
    res.body = 2 if req.target == "/3" else 1

def make():
    return Application(new)

async def main():
    store = MemoryStore()
    for number in range(6):
        await store.put((await Application(old).serve(Asked(target=f"/{number}"))).snapshot)
    return await replay_all(store, app=make, processes=2)

if __name__ == "__main__":
    summary = trio.run(main)
    assert (summary.replayed, summary.equal) == (6, 5), summary
"""


def test_processes_of_a_pool_are_given_batches():
    make = functools.partial(Application, print)

    async def main():
        store = MemoryStore()
        for number in range(2):
            await store.put((await make().serve(Asked(target=f"/{number}"))).snapshot)
        return await replay_all(store, app=make, processes=2)

    assert trio.run(main).equal == 2


def test_what_is_no_application_is_refused():
    async def main(app):
        store = MemoryStore()
        await store.put((await Application(print).serve(Asked())).snapshot)
        return await replay_all(store, app=app)

    with pytest.raises(TypeError, match="is needed, not 7"):
        trio.run(main, 7)
    with pytest.raises(TypeError, match="returned no application, but 7"):
        trio.run(main, lambda: 7)


def test_a_replay_that_breaks_its_application_stops_no_other():
    class Breaking(Application):
        async def _run(self, request, *args):
            if request.target == "/breaks":
                raise LookupError("broken")
            await super()._run(request, *args)

    async def main():
        store = MemoryStore()
        for target in ("/fine", "/breaks"):
            await store.put((await Application(lambda *_: None).serve(Asked(target=target))).snapshot)
        return await replay_all(store, app=Breaking(lambda *_: None))

    summary = trio.run(main)
    assert (summary.replayed, summary.equal) == (2, 1)
    assert (summary.causes[0].cause, summary.causes[0].example) == (
        "cannot be replayed: LookupError",
        "LookupError: broken",
    )


def test_several_processes_share_the_work(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    subprocess.run([sys.executable, str(tmp_path / "program.py")], check=True, timeout=60)


# The plugin.
