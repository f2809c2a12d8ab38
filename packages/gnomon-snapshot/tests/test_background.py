"""The writer in front of a store never makes a request wait, and counts what it loses."""

import pytest
import trio
from trio.testing import trio_test

from gnomon_context import GlobalContext, LocalContext
from gnomon_context.runtime import lone_error
from gnomon_snapshot import BackgroundWriter, MemoryStore, Recorder, SqliteStore, StoreError
from gnomon_snapshot.testing import make_snapshot


class Slow:
    def __init__(self):
        self.batches = []
        self.gate = trio.Event()

    async def put(self, *snapshots):
        self.batches.append(len(snapshots))
        await self.gate.wait()


@trio_test
async def test_writes_in_batches(autojump_clock):
    store = Slow()
    writer = BackgroundWriter(store, capacity=10, batch=4)
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        assert all(writer.offer(make_snapshot(number)) for number in range(10))
        await trio.testing.wait_all_tasks_blocked()
        assert writer.statistics().queued == 10
        store.gate.set()
        await writer.aclose()
        await writer.aclose()
    assert store.batches == [4, 4, 2]
    statistics = writer.statistics()
    assert (statistics.offered, statistics.written, statistics.queued, statistics.healthy) == (
        10,
        10,
        0,
        True,
    )


@trio_test
async def test_a_slow_store_costs_snapshots_and_no_time(autojump_clock):
    store = Slow()
    writer = BackgroundWriter(store, capacity=2, batch=1, grace=3.0)
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        assert writer.offer(make_snapshot(0))
        await trio.testing.wait_all_tasks_blocked()
        assert [writer.offer(make_snapshot(number)) for number in range(1, 6)] == [
            True,
            True,
            False,
            False,
            False,
        ]
        before = trio.current_time()
        await writer.aclose()
        assert trio.current_time() == before + 3.0
        nursery.cancel_scope.cancel()
    statistics = writer.statistics()
    assert (statistics.written, statistics.dropped, statistics.queued) == (0, 6, 0)
    assert not statistics.healthy


@trio_test
async def test_a_store_that_fails(autojump_clock):
    class Failing:
        async def put(self, *snapshots):
            raise OSError("gone")

    writer = BackgroundWriter(Failing())
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        assert writer.offer(make_snapshot(0))
        await writer.aclose()
    statistics = writer.statistics()
    assert (statistics.failed, statistics.queued, statistics.last_error) == (1, 0, "OSError: gone")


@trio_test
async def test_offers_before_and_after():
    writer = BackgroundWriter(MemoryStore())
    assert not writer.offer(make_snapshot(0))
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        await writer.aclose()
        assert not writer.offer(make_snapshot(1))
    assert not writer.offer(make_snapshot(2))
    assert writer.statistics().dropped == 3
    idle = BackgroundWriter(MemoryStore())
    await idle.aclose()


def test_bounds():
    for options in ({"capacity": 0}, {"batch": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            BackgroundWriter(MemoryStore(), **options)


@trio_test
async def test_a_store_that_is_there_again(autojump_clock):
    class Moody:
        def __init__(self):
            self.gone = True

        async def put(self, *snapshots):
            if self.gone:
                raise OSError("gone")

    store = Moody()
    writer = BackgroundWriter(store)
    assert writer.statistics().healthy
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        writer.offer(make_snapshot(0))
        await trio.testing.wait_all_tasks_blocked()
        assert not writer.statistics().healthy
        store.gone = False
        writer.offer(make_snapshot(1))
        await trio.testing.wait_all_tasks_blocked()
        assert writer.statistics().healthy
        assert writer.statistics().failed == 1
        await writer.aclose()


@trio_test
async def test_losing_is_told_once_and_so_is_keeping_again(autojump_clock):
    class Store(MemoryStore):
        broken = False

        async def put(self, *snapshots):
            if self.broken:
                raise StoreError("gone")
            await super().put(*snapshots)

    told = []
    store = Store()
    writer = BackgroundWriter(store, capacity=2, changed=told.append)
    assert not writer.offer(make_snapshot(0))  # it does not run: nothing is told before
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        for store.broken in (False, True, True, False, True):
            writer.offer(make_snapshot(0))
            await trio.sleep(1)
        store.broken = False
        for _ in range(4):
            writer.offer(make_snapshot(0))
        await trio.sleep(1)
        assert [str(error) for error in told] == ["gone", "None", "gone", "None"]
        for _ in range(4):
            writer.offer(make_snapshot(0))
        assert "too slow" in str(told[-1])
        await writer.aclose()
    assert [error is None for error in told] == [False, True] * 3


@trio_test
async def test_an_application_hears_of_recordings_that_are_lost(autojump_clock):
    class Store(MemoryStore):
        broken = False

        async def put(self, *snapshots):
            if self.broken:
                raise StoreError("gone")

    gctx, alerts, store = GlobalContext(), [], Store()
    gctx.on_alert(alerts.append)
    recorder = Recorder(store)
    recorder.report_to(gctx)
    assert (await gctx.health()).status == "healthy"
    async with trio.open_nursery() as nursery:
        await nursery.start(recorder.run)
        for store.broken, status in ((True, "degraded"), (False, "healthy")):
            live = recorder.begin(gctx)
            lctx = LocalContext(live.gctx)
            live.began(lctx)
            assert recorder.offer(live.finish(lctx), lctx)
            await trio.sleep(1)
            assert (await gctx.health()).status == status
        await recorder.aclose()
    assert [(alert.kind, str(alert.error)) for alert in alerts] == [
        ("recordings_lost", "gone"),
        ("recordings_kept", "None"),
    ]


@trio_test
async def test_a_recorder_whose_store_cannot_be_used_does_not_start(tmp_path):
    with pytest.raises(StoreError, match="its folder .* is not there: make it"):
        with lone_error():
            async with trio.open_nursery() as nursery:
                await nursery.start(Recorder(SqliteStore(tmp_path / "no" / "s.sqlite3")).run)
