"""The writer in front of a store never makes a request wait, and counts what it loses."""

import pytest
import trio
from trio.testing import trio_test

from gnomon_snapshot import BackgroundWriter, MemoryStore
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
