"""Snapshots of a store as one file."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import trio_test

from gnomon_context import GlobalContext, LocalContext
from gnomon_snapshot import (
    MemoryStore,
    Query,
    Sampling,
    SnapshotCorrupt,
    SnapshotTooNew,
    SqliteStore,
    export_snapshots,
    import_snapshots,
)
from gnomon_snapshot.testing import make_snapshot


async def filled(count):
    store = MemoryStore()
    await store.put(*(make_snapshot(number) for number in range(count)))
    return store


@trio_test
async def test_there_and_back(tmp_path):
    store = await filled(250)
    path = tmp_path / "export"
    assert await export_snapshots(store, path) == 250
    assert [file.name for file in tmp_path.iterdir()] == ["export"]
    async with SqliteStore(tmp_path / "s") as other:
        await other.put(make_snapshot(7, outcome="error"))
        assert await import_snapshots(other, path) == 250
        assert (await other.list(limit=1000)) == (await store.list(limit=1000))
        for number in (0, 7, 249):
            assert await other.get(f"{number:032x}") == make_snapshot(number)


@trio_test
async def test_a_part_and_nothing(tmp_path):
    store = await filled(5)
    assert await export_snapshots(store, tmp_path / "e", query=Query(text="3")) == 1
    assert await import_snapshots(MemoryStore(), tmp_path / "e") == 1
    assert await export_snapshots(MemoryStore(), tmp_path / "e") == 0
    assert await import_snapshots(MemoryStore(), tmp_path / "e") == 0


@trio_test
async def test_what_is_pruned_meanwhile_is_left_out(tmp_path):
    store = await filled(5)
    listed = await store.list()
    await store.delete(make_snapshot(2).request_id)

    class Stale:
        async def list(self, query, *, limit, after):
            return listed

        get = store.get

    assert await export_snapshots(Stale(), tmp_path / "e") == 4
    assert await import_snapshots(MemoryStore(), tmp_path / "e") == 4


@trio_test
async def test_how_far_it_is(tmp_path):
    told = []
    store = await filled(230)
    await export_snapshots(store, tmp_path / "e", progress=told.append)
    assert told == [100, 200, 230]
    told.clear()
    await import_snapshots(MemoryStore(), tmp_path / "e", progress=told.append)
    assert told == [100, 200]


@trio_test
async def test_a_failed_export_leaves_what_was_there(tmp_path):
    store = await filled(5)
    path = tmp_path / "e"
    await export_snapshots(store, path)
    before = path.read_bytes()

    class Failing:
        list = store.list

        async def get(self, request_id):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await export_snapshots(Failing(), path)
    with trio.CancelScope() as scope:
        scope.cancel()
        await export_snapshots(store, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["e"]


@trio_test
async def test_damage(tmp_path):
    path = tmp_path / "e"
    await export_snapshots(await filled(2), path)
    data = path.read_bytes()
    places = {*range(60), *range(60, len(data), 17), *range(len(data) - 20, len(data))}
    for length in places:
        path.write_bytes(data[:length])
        with pytest.raises(SnapshotCorrupt):
            await import_snapshots(MemoryStore(), path)
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises((SnapshotCorrupt, SnapshotTooNew)):
            await import_snapshots(MemoryStore(), path)
    path.write_bytes(data + b"\0")
    with pytest.raises(SnapshotCorrupt):
        await import_snapshots(MemoryStore(), path)


# Sampling.


@given(st.integers(0, 2**64), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_contains_a_smaller_one(number, one, other):
    lctx = LocalContext(GlobalContext(), request_id=f"{number:032x}")
    small, large = sorted((one, other))
    assert Sampling(rate=large).wants(lctx) >= Sampling(rate=small).wants(lctx)
    assert Sampling(rate=one).wants(lctx) == Sampling(rate=one).wants(lctx)
    assert Sampling(rate=1).wants(lctx)
    assert not Sampling().wants(lctx)


def test_the_share_is_about_right():
    chosen = sum(
        Sampling(rate=0.1).wants(LocalContext(GlobalContext(), request_id=f"{number:032x}"))
        for number in range(10_000)
    )
    assert 800 < chosen < 1200


def test_routes_and_failures():
    sampling = Sampling(rate=0.0, routes={"/orders": 1.0, "/health": 0.0})
    assert sampling.wants(LocalContext(GlobalContext(), route="/orders"))
    assert not sampling.wants(LocalContext(GlobalContext(), route="/other"))
    failed = LocalContext(GlobalContext(), route="/health")
    assert not sampling.wants(failed)
    failed.settle("timeout")
    assert sampling.wants(failed)
    assert not Sampling(failures=False).wants(failed)
    fine = LocalContext(GlobalContext())
    fine.settle("ok")
    assert not Sampling().wants(fine)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Sampling(rate=1.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Sampling(routes={"/": -1})
