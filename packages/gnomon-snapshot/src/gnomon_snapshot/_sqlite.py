"""The embedded store: one SQLite file, in WAL mode, used from worker threads, with one writer."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Self, TypeVar, final

import apsw
import trio

from gnomon_snapshot._errors import StoreError
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._sqlite_rows import MIGRATION, SCHEMA, delete_rows, put_rows
from gnomon_snapshot._sqlite_search import find_rows
from gnomon_snapshot._store import (
    EVERYTHING,
    Page,
    Query,
    Retention,
    Summary,
    check_limit,
    moment_of,
    not_found,
    oldest_kept,
    page_of,
    read_cursor,
)
from gnomon_snapshot._types import NO_TYPES, Types

T = TypeVar("T")

APPLICATION_ID: Final = 0x474E534E  # "GNSN"
SCHEMA_VERSION: Final = 2
_READERS: Final = 2
_LOG: Final = (
    4000  # pages of the log that are taken over at once: the busy ones among them are written once for all
)

_RANKED: Final = """
SELECT at, request_id FROM (
    SELECT at, request_id, row_number() OVER newest AS place, sum(size) OVER newest AS total
    FROM snapshot WINDOW newest AS (ORDER BY at DESC, request_id DESC)
) WHERE """
_OLDEST: Final = """
SELECT request_id FROM snapshot WHERE (at, request_id) <= (?, ?) ORDER BY at, request_id LIMIT ?
"""
_STEP: Final = 200  # snapshots that are forgotten in one transaction, some milliseconds
_PAGES: Final = 1000  # that go back to the file system in one


@final
class SqliteStore:
    """Keeps snapshots in one SQLite file; several processes may use it at once.

    The file is opened at the first use. What `put` returned from survives the death of the process; the last of it
    may be lost when the machine loses power, and the file stays whole then.

    Args:
        path: The file; it is made if it is not there. Its folder must be.
        types: The classes that come back as themselves.
        patience: Seconds to wait for another process that writes.

    >>> import tempfile, trio
    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import capture
    >>> async def main(folder):
    ...     lctx = LocalContext(GlobalContext(), path="/orders")
    ...     async with SqliteStore(f"{folder}/snapshots.sqlite3") as store:
    ...         await store.put(capture(lctx))
    ...         return (await store.get(lctx.request_id)).meta.path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trio.run(main, folder)
    '/orders'
    """

    def __init__(
        self, path: str | os.PathLike[str], *, types: Types = NO_TYPES, patience: float = 5.0
    ) -> None:
        self._path = os.fspath(path)
        self._types = types
        self._patience = patience
        self._closed = False
        # a connection belongs to the thread that holds its limiter; the writer also has the schema made
        self._writer: apsw.Connection | None = None
        self._labels: dict[str, int] = {}
        self._writing = trio.CapacityLimiter(1)
        self._readers: list[apsw.Connection] = []
        self._reading = trio.CapacityLimiter(_READERS)

    async def __aenter__(self) -> Self:
        await self._write(lambda _: None)
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def put(self, *snapshots: Snapshot) -> None:
        """Keep snapshots, all in one transaction; see `SnapshotStore.put`."""
        await self._write(lambda connection: put_rows(connection, snapshots, self._labels))

    async def get(self, request_id: str) -> Snapshot:
        """The snapshot of a request; see `SnapshotStore.get`."""
        data = await self._read(lambda connection: _get(connection, request_id))
        if data is None:
            raise not_found(request_id)
        return Snapshot.from_bytes(data, types=self._types)

    async def list(self, query: Query = EVERYTHING, *, limit: int = 100, after: str | None = None) -> Page:
        """A page of summaries; see `SnapshotStore.list`."""
        check_limit(limit)
        place = None if after is None else read_cursor(after)
        rows = await self._read(lambda connection: find_rows(connection, query, place, limit + 1))
        return page_of((Summary(row[0], moment_of(row[1]), *row[2:]) for row in rows), limit)

    async def delete(self, request_id: str) -> bool:
        """Forget a snapshot; see `SnapshotStore.delete`."""
        return await self._write(lambda connection: delete_rows(connection, [request_id])) > 0

    async def prune(
        self,
        retention: Retention,
        *,
        now: datetime | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> int:
        """Forget what is beyond the bounds and give the room back to the file system; see `SnapshotStore.prune`.

        It does so in small steps, between which others write. Where it is cancelled, the oldest are gone.

        Args:
            retention: The bounds.
            now: From when ages count; the wall clock by default.
            progress: Called now and then with how many were forgotten so far.
        """
        oldest = oldest_kept(retention, now)
        newest_beyond = await self._read(lambda connection: _newest_beyond(connection, retention, oldest))
        if newest_beyond is None:
            return 0
        forgotten = 0
        while some := await self._write(lambda connection: _forget_some(connection, newest_beyond)):
            forgotten += some
            if progress is not None:
                progress(forgotten)
        while await self._write(_shrink, transaction=False):
            pass
        return forgotten

    async def aclose(self) -> None:
        """Close the file; twice is fine."""
        self._closed = True

        def close() -> None:
            for connection in (*self._readers, *([self._writer] if self._writer else [])):
                connection.close()
            self._readers.clear()
            self._writer = None

        with trio.CancelScope(shield=True, deadline=trio.current_time() + 2 * self._patience):
            # the last one to close a file in WAL mode tidies it up, which takes its time
            await trio.to_thread.run_sync(close, limiter=self._writing, abandon_on_cancel=True)

    # Threads.

    async def _write(self, work: Callable[[apsw.Connection], T], *, transaction: bool = True) -> T:
        def run() -> T:
            if self._writer is None:
                opened = self._open()
                try:
                    _prepare(opened)
                except BaseException:
                    opened.close()
                    raise
                self._writer = opened
            if not transaction:
                return work(self._writer)
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._writer)
                self._writer.execute("COMMIT")
                return result
            except BaseException:
                self._labels.clear()  # those of this transaction are gone
                _roll_back(self._writer)
                raise

        return await self._in_thread(run, self._writing)

    async def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        if self._writer is None:
            await self._write(lambda _: None)  # makes the file

        def run() -> T:
            connection = self._readers.pop() if self._readers else self._open()
            try:
                return work(connection)
            finally:
                if self._closed:
                    connection.close()
                else:
                    self._readers.append(connection)

        return await self._in_thread(run, self._reading)

    async def _in_thread(self, run: Callable[[], T], limiter: trio.CapacityLimiter) -> T:
        if self._closed:
            raise StoreError(f"the store {self._path} is closed: open another")
        try:
            return await trio.to_thread.run_sync(run, limiter=limiter)
        except apsw.Error as error:
            raise StoreError(f"the store {self._path} failed: {_explain(error, self._path)}") from error

    def _open(self) -> apsw.Connection:
        connection = apsw.Connection(self._path)
        connection.set_busy_timeout(int(self._patience * 1000))
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG}")
        return connection


def _explain(error: apsw.Error, path: str) -> str:
    file = Path(path).absolute()
    unopened = "the file cannot be opened: mind its owner and its folder"
    if file.is_dir():
        unopened = "it is a folder: name a file in it"
    elif not file.parent.is_dir():
        unopened = f"its folder {file.parent} is not there: make it, or name a file elsewhere"
    advice = {
        apsw.FullError: "the disk is full: make room, or prune",
        apsw.ReadOnlyError: "the file cannot be written: mind its owner and its folder",
        apsw.BusyError: "another process has held the file for too long",
        apsw.CantOpenError: unopened,
        apsw.CorruptError: "the file is damaged: take it from a backup",
        apsw.NotADBError: "the file is no database: move it away, or name another",
    }
    return f"{advice.get(type(error), 'SQLite says')} ({error})"


def _prepare(connection: apsw.Connection) -> None:
    """Make the schema in a new file, or see that it is ours; a file of something else is not touched."""
    if connection.pragma("user_version") == 0 and not _has_tables(connection):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        _create(connection)
    if connection.pragma("application_id") != APPLICATION_ID:
        raise StoreError(f"{connection.filename} is a database of something else: choose another file")
    version = connection.pragma("user_version")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{connection.filename} has schema version {version}, and this release knows {SCHEMA_VERSION}: update it"
        )
    if version < SCHEMA_VERSION:
        _migrate(connection)


def _migrate(connection: apsw.Connection) -> None:
    """Make of a file of the first schema one of the second; what stands in it stays as it is."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.pragma("user_version") < SCHEMA_VERSION:  # no other process was faster
            connection.execute(MIGRATION)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _has_tables(connection: apsw.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_schema").get)


def _create(connection: apsw.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _has_tables(connection):  # no other process was faster
            connection.execute(SCHEMA)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: apsw.Connection) -> None:
    """SQLite does it by itself after some errors, and refuses to do it again, which would hide them."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _get(connection: apsw.Connection, request_id: str) -> bytes | None:
    for (data,) in connection.execute("SELECT data FROM snapshot WHERE request_id = ?", (request_id,)):
        return bytes(data)
    return None


def _newest_beyond(
    connection: apsw.Connection, retention: Retention, oldest: int | None
) -> tuple[int, str] | None:
    """The newest snapshot beyond a bound: it goes, and so does every older one."""
    bounds = ((oldest, "at < ?"), (retention.count, "place > ?"), (retention.size, "total > ?"))
    beyond = [(bound, condition) for bound, condition in bounds if bound is not None]
    if not beyond:
        return None
    statement = _RANKED + " OR ".join(condition for _, condition in beyond)
    statement += " ORDER BY at DESC, request_id DESC LIMIT 1"
    for at, request_id in connection.execute(statement, tuple(bound for bound, _ in beyond)):
        return at, request_id
    return None


def _forget_some(connection: apsw.Connection, newest: tuple[int, str]) -> int:
    rows = connection.execute(_OLDEST, (*newest, _STEP))
    return delete_rows(connection, [row[0] for row in rows])


def _shrink(connection: apsw.Connection) -> bool:
    """Give some room back; whether there is more."""
    for _ in connection.execute(f"PRAGMA incremental_vacuum({_PAGES})"):
        pass
    return bool(connection.pragma("freelist_count"))
