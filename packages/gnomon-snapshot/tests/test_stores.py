"""Every store does what stores do; the SQLite one survives what files and processes go through."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import apsw
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from trio.testing import trio_test

from gnomon_context import GlobalContext, LocalContext
from gnomon_snapshot import (
    BackgroundWriter,
    MemoryStore,
    Query,
    Retention,
    Sampling,
    SnapshotCorrupt,
    SqliteStore,
    StoreError,
    _sqlite_rows,
    capture,
)
from gnomon_snapshot._sqlite import _migrate
from gnomon_snapshot._store import microseconds, summarise, words_of
from gnomon_snapshot.testing import STORE_CHECKS, check_store, difference, make_snapshot
from gnomon_snapshot.testing.strategies import TYPES, Node, values


@pytest.fixture(params=["memory", "sqlite"])
def make(request, tmp_path):
    @asynccontextmanager
    async def open_store():
        if request.param == "memory":
            store = MemoryStore()
            yield store
            await store.aclose()
        else:
            async with SqliteStore(tmp_path / f"{len(list(tmp_path.iterdir()))}.sqlite3") as store:
                yield store

    return open_store


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_conformance(make, check):
    async def main():
        async with make() as store:
            await check(store)

    trio.run(main)


def test_the_kit_in_one(make):
    trio.run(check_store, make)


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_the_kit_notices(check):
    """Each check fails for a store that does nothing right."""

    class Nothing:
        async def put(self, *snapshots):
            self.last = snapshots[-1:]

        async def get(self, request_id):
            return self.last[0] if self.last else make_snapshot(1)

        async def list(self, query, *, limit=100, after=None):
            return ((), "more") if after is None else ((), None)

        async def delete(self, request_id):
            return True

        async def prune(self, retention, *, now=None):
            return 1

    async def main():
        with pytest.raises((AssertionError, IndexError, AttributeError)):
            await check(Nothing())

    trio.run(main)


def test_what_cannot_be_found_must_not_be():
    class Always:
        async def put(self, *snapshots): ...
        async def delete(self, request_id):
            deleted, self.deleted = self.deleted, False
            return deleted

        deleted = True

        async def get(self, request_id):
            return make_snapshot(1)

        async def list(self, query, *, limit=100, after=None):
            return ((), None)

    checks = {check.__name__: check for check in STORE_CHECKS}
    with pytest.raises(AssertionError, match="which it does not have"):
        trio.run(checks["check_says_what_it_does_not_have"], Always())
    with pytest.raises(AssertionError, match="the store lists 0"):
        trio.run(checks["check_refuses_bad_questions"], Always())


class StoreMachine(RuleBasedStateMachine):
    """The SQLite store against the one in memory, and both against each other's files after a restart."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/s.sqlite3"
        self.memory = MemoryStore()

    def both(self, work):
        async def main():
            async with SqliteStore(self.path) as store:
                return await work(store), await work(self.memory)

        ours, model = trio.run(main)
        assert ours == model
        return ours

    numbers = st.integers(0, 12)

    @rule(
        number=numbers,
        second=st.integers(0, 5),
        route=st.sampled_from(("/a/{id}", "/b")),
        outcome=st.sampled_from((None, "ok", "error")),
        error=st.none() | st.text(max_size=8),
    )
    def put(self, number, second, route, outcome, error):
        at = datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)
        cause = None if error is None or outcome is None else ValueError(error)
        snapshot = make_snapshot(number, at=at, route=route, outcome=outcome, error=cause)
        self.both(lambda store: store.put(snapshot))

    @rule(number=numbers)
    def delete(self, number):
        self.both(lambda store: store.delete(f"{number:032x}"))

    @rule(
        text=st.sampled_from(("", "a", "orders show", "valueerror", "é")) | st.text(max_size=3),
        route=st.none() | st.sampled_from(("/a/{id}", "/b")),
        outcome=st.none() | st.sampled_from(("", "ok", "error")),
        since=st.none() | st.integers(0, 5),
        limit=st.integers(1, 4),
    )
    def page_through(self, text, route, outcome, since, limit):
        begin = None if since is None else datetime(2026, 1, 1, 0, 0, since, tzinfo=UTC)
        query = Query(text=text, route=route, outcome=outcome, since=begin)
        after = None
        while True:
            place = after
            page = self.both(lambda store: store.list(query, limit=limit, after=place))
            after = page.next
            if after is None:
                break

    @rule(
        count=st.none() | st.integers(0, 8),
        size=st.none() | st.integers(0, 6000),
        age=st.none() | st.integers(0, 6),
    )
    def prune(self, count, size, age):
        now = datetime(2026, 1, 1, 0, 0, 6, tzinfo=UTC)
        self.both(lambda store: store.prune(Retention(count=count, size=size, age=age), now=now))

    def teardown(self):
        self.folder.cleanup()


TestStores = StoreMachine.TestCase
TestStores.settings = settings(max_examples=max(15, settings().max_examples // 20), stateful_step_count=15)


@pytest.mark.property(44)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**32), st.sampled_from(("/a", "/b")), st.sampled_from(("ok", "error"))),
        max_size=8,
    ),
    values(),
    st.builds(
        Sampling,
        rate=st.floats(0, 1),
        routes=st.dictionaries(st.just("/a"), st.floats(0, 1)),
        failures=st.booleans(),
    ),
    st.integers(1, 4),
)
def test_every_request_of_the_sampled_share_is_stored_and_can_be_loaded(requests, value, sampling, batch):
    """Requests go through the sampling into the background writer; another store object loads them from the file."""
    contexts = []
    for number, route, outcome in {
        number: request for request in requests for number in request[:1]
    }.values():
        lctx = LocalContext(GlobalContext(), route=route, request_id=f"{number:032x}")
        lctx.set("value", value)
        lctx.settle(outcome, ValueError(number) if outcome == "error" else None)
        contexts.append(lctx)
    taken = {}

    async def main(path):
        async with SqliteStore(path) as store:
            writer = BackgroundWriter(store, batch=batch)
            async with trio.open_nursery() as nursery:
                await nursery.start(writer.run)
                for lctx in contexts:
                    if sampling.wants(lctx):
                        taken[lctx.request_id] = capture(lctx)
                        assert writer.offer(taken[lctx.request_id])
                await writer.aclose()
            assert writer.statistics().healthy
        async with SqliteStore(path, types=TYPES) as store:
            for request_id, snapshot in taken.items():
                loaded = await store.get(request_id)
                assert loaded == snapshot
                assert difference(value, loaded.state["value"]) == ""
            assert {summary.request_id for summary in (await store.list()).summaries} == taken.keys()

    with tempfile.TemporaryDirectory() as folder:
        trio.run(main, f"{folder}/s.sqlite3")
    for lctx in contexts:
        share = sampling.routes.get(lctx.meta.route, sampling.rate)
        if share == 1 or (sampling.failures and not lctx.outcome.ok):
            assert lctx.request_id in taken
        elif share == 0:
            assert lctx.request_id not in taken


def test_times_and_bounds_are_checked():
    with pytest.raises(ValueError, match="no time zone"):
        Query(since=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="not negative"):
        Retention(count=-1)


def test_summaries_of_odd_snapshots():
    class Token(Exception):
        __sensitive__ = True

    lctx = LocalContext(GlobalContext(), path="/\ud800", method="GET")
    lctx.settle("error", Token("canary"))
    lctx.set("again", lctx.outcome.error)
    summary = summarise(capture(lctx))
    assert summary.path == "/?"
    assert summary.error.endswith("Token")
    assert summary.handler_id == ""
    error = KeyError("a", 1, None, 2.5)
    lctx = LocalContext(GlobalContext())
    lctx.settle("error", error)
    lctx.set("again", error)
    assert summarise(capture(lctx)).error == "KeyError: a, 1, 2.5"
    lctx = LocalContext(GlobalContext())
    lctx.settle("error", None)
    assert summarise(capture(lctx)).error == ""
    lctx = LocalContext(GlobalContext())
    lctx.settle("error", ValueError())
    assert summarise(capture(lctx)).error == "ValueError"


def test_words_are_bounded():
    snapshot = make_snapshot(
        1, outcome="error", error=ValueError(" ".join(f"w{n}" for n in range(100)), "x" * 400)
    )
    words = words_of(summarise(snapshot))
    assert len(words) == 32
    assert all(len(word) <= 64 for word in words)


@trio_test
async def test_types_of_a_store(tmp_path):
    snapshot = make_snapshot(1, state={"node": Node(1)})
    for store in (MemoryStore(types=TYPES), SqliteStore(tmp_path / "s", types=TYPES)):
        await store.put(snapshot)
        assert (await store.get(snapshot.request_id)).state == {"node": Node(1)}
        await store.aclose()


# The file.


@trio_test
async def test_opened_at_the_first_use_and_closed_twice(tmp_path):
    path = tmp_path / "s.sqlite3"
    store = SqliteStore(path)
    assert not path.exists()
    assert (await store.list()).summaries == ()
    await store.put(make_snapshot(1))
    await store.aclose()
    await store.aclose()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.sqlite3"]
    with pytest.raises(StoreError, match="is closed"):
        await store.put(make_snapshot(2))
    async with SqliteStore(path) as store:
        assert (await store.get(make_snapshot(1).request_id)) == make_snapshot(1)
    unused = SqliteStore(tmp_path / "never")
    await unused.aclose()


@trio_test
async def test_a_store_that_is_closed_under_a_reader(tmp_path):
    store = SqliteStore(tmp_path / "s")
    await store.put(make_snapshot(1))

    def read(connection):
        store._closed = True
        return 7

    assert await store._read(read) == 7
    assert store._readers == []
    await store.aclose()


@trio_test
async def test_many_at_once(tmp_path):
    async with SqliteStore(tmp_path / "s") as store:
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(store.put, make_snapshot(number))
                nursery.start_soon(store.list)
        assert len((await store.list()).summaries) == 40


@trio_test
async def test_the_loop_goes_on_while_the_store_works(tmp_path):
    import threading

    gate = threading.Event()
    async with SqliteStore(tmp_path / "s") as store:
        async with trio.open_nursery() as nursery:
            entered = trio.Event()

            def hold(connection):
                trio.from_thread.run_sync(entered.set)
                gate.wait(5)

            nursery.start_soon(store._write, hold)
            await entered.wait()
            nursery.start_soon(store.put, make_snapshot(1))
            assert (await store.list()).summaries == ()  # readers go on too
            gate.set()
        assert len((await store.list()).summaries) == 1


@trio_test
async def test_a_full_disk(tmp_path):
    async with SqliteStore(tmp_path / "s") as store:
        await store.put(make_snapshot(1))
        await store._write(lambda connection: connection.pragma("max_page_count", 20), transaction=False)
        with pytest.raises(StoreError, match="the disk is full: make room, or prune"):
            await store.put(*(make_snapshot(number, state={"x": "x" * 50_000}) for number in range(2, 6)))
        assert len((await store.list()).summaries) == 1
        await store._write(lambda connection: connection.pragma("max_page_count", 10_000), transaction=False)
        await store.put(make_snapshot(2))
        assert len((await store.list()).summaries) == 2


@trio_test
async def test_work_that_fails_half_way_leaves_nothing(tmp_path):
    async with SqliteStore(tmp_path / "s") as store:
        with pytest.raises(AttributeError):
            await store.put(make_snapshot(1), None)
        assert (await store.list()).summaries == ()
        await store.put(make_snapshot(2))


@trio_test
async def test_a_file_that_cannot_be_written(tmp_path):
    async with SqliteStore(tmp_path / "s") as store:
        await store.put(make_snapshot(1))
        await store._write(lambda connection: connection.pragma("query_only", True), transaction=False)
        with pytest.raises(StoreError, match="cannot be written"):
            await store.put(make_snapshot(2))
        assert (await store.get(make_snapshot(1).request_id)) == make_snapshot(1)


@trio_test
async def test_a_locked_file(tmp_path):
    path = tmp_path / "s"
    async with SqliteStore(path, patience=0.01) as store:
        await store.put(make_snapshot(1))
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process has held the file"):
            await store.put(make_snapshot(2))
        assert len((await store.list()).summaries) == 1
        other.execute("ROLLBACK")
        other.close()
        await store.put(make_snapshot(2))


@trio_test
async def test_files_of_something_else(tmp_path):
    (tmp_path / "text").write_text("no database" * 100)
    foreign = apsw.Connection(str(tmp_path / "foreign"))
    foreign.execute("CREATE TABLE t (x)")
    foreign.execute("PRAGMA user_version = 7")
    foreign.close()
    unversioned = apsw.Connection(str(tmp_path / "unversioned"))
    unversioned.execute("CREATE TABLE t (x)")
    unversioned.close()
    async with SqliteStore(tmp_path / "newer"):
        pass
    newer = apsw.Connection(str(tmp_path / "newer"))
    newer.execute("PRAGMA user_version = 9")
    newer.close()
    for name, problem in (
        ("text", "no database"),
        ("foreign", "something else: choose another file"),
        ("unversioned", "something else: choose another file"),
        ("newer", "schema version 9, and this release knows 2"),
        ("no/such/folder", "its folder .* is not there: make it"),
        (".", "it is a folder: name a file in it"),
    ):
        with pytest.raises(StoreError, match=problem):
            async with SqliteStore(tmp_path / name):
                pass
    unversioned = apsw.Connection(str(tmp_path / "unversioned"))
    assert unversioned.execute("SELECT name FROM sqlite_schema").get == "t"
    unversioned.close()


FIRST_SCHEMA = """
CREATE TABLE snapshot (id INTEGER PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, at INTEGER NOT NULL, method TEXT NOT NULL,
    path TEXT NOT NULL, route TEXT NOT NULL, version TEXT NOT NULL, handler_id TEXT NOT NULL, outcome TEXT NOT NULL,
    error TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE INDEX by_time ON snapshot (at, request_id, size);
CREATE INDEX by_route ON snapshot (route, at, request_id);
CREATE INDEX by_version ON snapshot (version, at, request_id);
CREATE INDEX by_outcome ON snapshot (outcome, at, request_id);
CREATE TABLE word (word TEXT NOT NULL, at INTEGER NOT NULL, request_id TEXT NOT NULL,
    PRIMARY KEY (word, at, request_id)) STRICT, WITHOUT ROWID;
CREATE INDEX word_by_request ON word (request_id);
PRAGMA application_id = 0x474E534E;
PRAGMA user_version = 1;
"""


def make_first(path, *snapshots):
    """A file as the first schema had it."""
    old = apsw.Connection(str(path))
    old.execute("PRAGMA journal_mode = WAL")
    old.execute(FIRST_SCHEMA)
    for snapshot in snapshots:
        summary = summarise(snapshot)
        at = microseconds(summary.captured_at)
        row = (summary.request_id, at, *summary[2:], snapshot.to_bytes())
        old.execute(f"INSERT INTO snapshot VALUES (NULL, {', '.join('?' * 12)})", row)
        for word in words_of(summary):
            old.execute("INSERT INTO word VALUES (?, ?, ?)", (word, at, summary.request_id))
    old.close()


@trio_test
async def test_a_file_of_the_first_schema(tmp_path):
    path = tmp_path / "s"
    lost = ValueError("1 was lost")
    make_first(path, make_snapshot(1, route="/carts/{id}"), make_snapshot(2, route="/carts/{id}"))
    async with SqliteStore(path) as store, SqliteStore(path) as other:
        await store.put(make_snapshot(3, route="/carts/{id}", error=lost, outcome="error"))
        searches = [("carts", [3, 2, 1]), ("1", [3, 1]), ("carts 1", [3, 1]), ("2 3", []), ("get", [3, 2, 1])]
        for query, found in (*searches, ("lost carts", [3]), ("lost melons", [])):
            for asked in (store, other):
                page = await asked.list(Query(text=query))
                assert [each.request_id for each in page.summaries] == [
                    make_snapshot(n).request_id for n in found
                ]
        await store.put(make_snapshot(2, route="/melons"))
        assert await store.delete(make_snapshot(1).request_id)
        assert [len((await store.list(Query(text=text))).summaries) for text in ("2", "melons", "carts")] == [
            0,
            1,
            1,
        ]
    new = apsw.Connection(str(path))
    assert new.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'word_by_request'").get == 0
    assert {row[0] for row in new.execute("SELECT word FROM word")} == {"1", "3", "valueerror", "was", "lost"}
    new.close()


@trio_test
async def test_a_file_that_cannot_be_made_one_of_this_schema(tmp_path):
    path = tmp_path / "s"
    make_first(path, make_snapshot(1))
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE label (x)")
    with pytest.raises(StoreError, match="already exists"):
        async with SqliteStore(path):
            pass
    assert other.pragma("user_version") == 1
    other.execute("DROP TABLE label")
    other.close()
    async with SqliteStore(path) as store:
        assert len((await store.list()).summaries) == 1


def test_two_that_bring_a_file_up_to_date_at_once(tmp_path):
    make_first(tmp_path / "s")
    first, second = (apsw.Connection(str(tmp_path / "s")) for _ in range(2))
    _migrate(first)
    _migrate(second)
    assert second.pragma("user_version") == 2
    first.close()
    second.close()


@trio_test
async def test_words_of_a_route_stand_once_within_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(_sqlite_rows, "_MOST_LABELS", 2)
    snapshots = [make_snapshot(n, route=f"/r{n % 4}/{{id}}") for n in range(12)]
    async with SqliteStore(tmp_path / "s") as store, SqliteStore(tmp_path / "s") as other:
        for number, snapshot in enumerate(snapshots):
            await (store, other)[number // 6].put(snapshot)
        for text, found in (
            ("r1", 3),
            ("r3", 3),
            ("get", 12),
            ("r1 5", 1),
            ("r3 5", 0),
            ("id 7", 1),
            ("nowhere", 0),
        ):
            page = await store.list(Query(text=text))
            assert len(page.summaries) == found, text
        page = await store.list(Query(text="get"), limit=5)
        rest = await store.list(Query(text="get"), limit=50, after=page.next)
        ids = [each.request_id for each in (*page.summaries, *rest.summaries)]
        assert ids == [snapshot.request_id for snapshot in reversed(snapshots)]
    connection = apsw.Connection(str(tmp_path / "s"))
    assert connection.execute("SELECT count(*) FROM label").get == 2
    connection.close()


@trio_test
async def test_words_beyond_the_bound_are_not_found(tmp_path):
    route = "/".join(["", *(f"w{n}" for n in range(30)), "{id}"])
    memory = MemoryStore()
    async with SqliteStore(tmp_path / "s") as store:
        for kept in (make_snapshot(7, route=route), make_snapshot(8)):
            await memory.put(kept)
            await store.put(kept)
        for text in ("w29 7", "get", "id", "show", "orders 8"):
            assert await store.list(Query(text=text)) == await memory.list(Query(text=text))


_WORDS = st.sampled_from(["a", "bb", "get", "show", "orders", "ccc", "1", "2"])


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.lists(_WORDS, max_size=3), st.none() | _WORDS), min_size=1, max_size=8),
    st.lists(st.tuples(st.lists(_WORDS, min_size=1, max_size=3), st.integers(1, 4)), min_size=1, max_size=4),
)
def test_both_stores_find_the_same_by_words(kept, searches):
    async def main(folder):
        memory = MemoryStore()
        async with SqliteStore(f"{folder}/s") as store:
            for number, (parts, error) in enumerate(kept):
                failed = None if error is None else ValueError(error)
                outcome = "ok" if failed is None else "error"
                made = make_snapshot(
                    number, route="/".join(["", *parts, "{id}"]), error=failed, outcome=outcome
                )
                await memory.put(made)
                await store.put(made)
            for words, limit in searches:
                after = None
                while True:
                    expected = await memory.list(Query(text=" ".join(words)), limit=limit, after=after)
                    assert await store.list(Query(text=" ".join(words)), limit=limit, after=after) == expected
                    after = expected.next
                    if after is None:
                        break

    with tempfile.TemporaryDirectory() as folder:
        trio.run(main, folder)


@trio_test
async def test_labels_of_a_transaction_that_failed_are_forgotten(tmp_path, monkeypatch):
    async with SqliteStore(tmp_path / "s") as store:
        with monkeypatch.context() as patch:
            patch.setattr(_sqlite_rows, "_INSERT_WORD", "nonsense ")
            with pytest.raises(StoreError):
                await store.put(make_snapshot(1, route="/melons/{id}"))
        await store.put(make_snapshot(1, route="/melons/{id}"))
        assert len((await store.list(Query(text="get melons"))).summaries) == 1


def test_two_that_make_the_schema_at_once(tmp_path):
    from gnomon_snapshot._sqlite import _create, _prepare

    connection = apsw.Connection(str(tmp_path / "s"))
    _create(connection)
    _create(connection)
    _prepare(connection)
    connection.pragma("query_only", True)
    connection.close()
    full = apsw.Connection(str(tmp_path / "full"))
    full.pragma("max_page_count", 3)
    with pytest.raises(apsw.FullError):
        _create(full)
    assert not full.in_transaction
    full.close()


@trio_test
async def test_a_damaged_snapshot_is_noticed(tmp_path):
    path = tmp_path / "s"
    async with SqliteStore(path) as store:
        await store.put(make_snapshot(1))
    other = apsw.Connection(str(path))
    other.execute("UPDATE snapshot SET data = substr(data, 1, 80)")
    other.close()
    async with SqliteStore(path) as store:
        assert len((await store.list()).summaries) == 1
        with pytest.raises(SnapshotCorrupt):
            await store.get(make_snapshot(1).request_id)


@trio_test
async def test_a_damaged_file_is_noticed(tmp_path):
    path = tmp_path / "s"
    async with SqliteStore(path) as store:
        await store.put(*(make_snapshot(number, state={"x": "x" * 2000}) for number in range(30)))
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        async with SqliteStore(path) as store:
            await store.list()


@trio_test
async def test_pruning_gives_room_back(tmp_path):
    path = tmp_path / "s"
    async with SqliteStore(path) as store:
        await store.put(*(make_snapshot(number, state={"x": "x" * 20_000}) for number in range(50)))
    before = path.stat().st_size
    async with SqliteStore(path) as store:
        await store.prune(Retention(count=5))
    assert path.stat().st_size < before / 4


@trio_test
async def test_pruning_lets_others_write_between_its_steps(tmp_path, monkeypatch):
    monkeypatch.setattr("gnomon_snapshot._sqlite._STEP", 10)
    monkeypatch.setattr("gnomon_snapshot._sqlite._PAGES", 1)
    path = tmp_path / "s"
    async with (
        SqliteStore(path) as store,
        SqliteStore(path, patience=2) as other,
        trio.open_nursery() as nursery,
    ):
        await store.put(*(make_snapshot(number, state={"x": "x" * 9000}) for number in range(35)))
        told = []

        def progress(count):
            told.append(count)
            nursery.start_soon(other.put, make_snapshot(1000 + count))

        assert await store.prune(Retention(count=2), progress=progress) == 33
        assert told == [10, 20, 30, 33]
    assert stored_numbers(path) == {33, 34, 1010, 1020, 1030, 1033}


@trio_test
async def test_pruning_that_is_cancelled_has_forgotten_the_oldest(tmp_path, monkeypatch):
    monkeypatch.setattr("gnomon_snapshot._sqlite._STEP", 10)
    path = tmp_path / "s"
    async with SqliteStore(path) as store:
        await store.put(*(make_snapshot(number) for number in range(35)))
        with trio.CancelScope() as scope:
            await store.prune(Retention(count=2), progress=lambda _: scope.cancel())
        assert scope.cancelled_caught
    assert stored_numbers(path) == set(range(10, 35))


def stored_numbers(path):
    connection = apsw.Connection(str(path))
    try:
        return {int(row[0], 16) for row in connection.execute("SELECT request_id FROM snapshot")}
    finally:
        connection.close()


WRITER = """
import sys, trio
from gnomon_snapshot import SqliteStore
from gnomon_snapshot.testing import make_snapshot
async def main(path, first, count):
    async with SqliteStore(path) as store:
        for number in range(first, first + count):
            await store.put(make_snapshot(number))
            print(number, flush=True)
trio.run(main, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
"""


def start_writer(path, first, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first), str(count)], stdout=subprocess.PIPE, text=True
    )


def stored(path):
    async def main():
        async with SqliteStore(path) as store:
            summaries = (await store.list(limit=1000)).summaries
            for summary in summaries:
                assert (await store.get(summary.request_id)).digest == summary.digest
            return {int(summary.request_id, 16) for summary in summaries}

    return trio.run(main)


def test_two_processes_on_one_file(tmp_path):
    path = tmp_path / "s"
    writers = [start_writer(path, first, 30) for first in (0, 1000)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert stored(path) == {*range(30), *range(1000, 1030)}


@pytest.mark.parametrize("after", [0, 1, 7])
def test_a_process_that_is_killed(tmp_path, after):
    """What `put` returned from is there, and the file is whole; a write may be under way when the signal comes."""
    path = tmp_path / "s"
    writer = start_writer(path, 0, 100_000)
    for _ in range(after + 1):
        last = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.communicate()[0].split()
    acknowledged = range(int(rest[-1]) + 1 if rest else last + 1)
    assert set(acknowledged) <= stored(path)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(100))
def test_a_process_that_is_killed_at_any_moment(tmp_path, number):
    path = tmp_path / "s"
    writer = start_writer(path, 0, 100_000)
    writer.stdout.readline()
    try:
        writer.wait(timeout=0.0003 * number)
    except subprocess.TimeoutExpired:
        pass
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.communicate()[0].split()
    assert set(range(int(rest[-1]) + 1 if rest else 1)) <= stored(path)
