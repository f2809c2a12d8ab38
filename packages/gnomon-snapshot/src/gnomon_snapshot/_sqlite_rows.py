"""What a snapshot is in an SQLite file: a row, and one for each word that it is found by."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw

from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._store import Summary, microseconds, summarise, words_in, words_of

# The words that all snapshots of a route have in common stand once: to write them down for each of them was most of what
# storing it cost.
_LABELS: Final = """
CREATE TABLE label (id INTEGER PRIMARY KEY, words TEXT NOT NULL UNIQUE) STRICT;
CREATE INDEX by_label ON snapshot (label, at, request_id) WHERE label > 0;
"""
_MOST_LABELS: Final = 1024  # a search looks at each of them
# The data stands last, so that a listing never reads it.
SCHEMA: Final = f"""
CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    route TEXT NOT NULL,
    version TEXT NOT NULL,
    handler_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    label INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX by_time ON snapshot (at, request_id, size);
CREATE INDEX by_route ON snapshot (route, at, request_id);
CREATE INDEX by_version ON snapshot (version, at, request_id);
CREATE INDEX by_outcome ON snapshot (outcome, at, request_id);
CREATE TABLE word (
    word TEXT NOT NULL,
    at INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    PRIMARY KEY (word, at, request_id)
) STRICT, WITHOUT ROWID;
{_LABELS}
"""
# Snapshots that were there before have no label, and all their words at themselves.
MIGRATION: Final = f"""
DROP INDEX IF EXISTS word_by_request;
ALTER TABLE snapshot ADD COLUMN label INTEGER NOT NULL DEFAULT 0;
{_LABELS}
"""
COLUMNS: Final = "request_id, at, method, path, route, version, handler_id, outcome, error, digest, size"
_INSERT: Final = f"INSERT OR IGNORE INTO snapshot ({COLUMNS}, label, data) VALUES "  # noqa: S608 - constants
_INDEXED: Final = (
    "SELECT request_id, at, method, path, route, handler_id, error FROM snapshot WHERE request_id = ?"
)
_INSERT_WORD: Final = "INSERT INTO word VALUES "
# Rows that one statement puts in: each statement waits for the lock of the interpreter once, and so does the event loop.
_ROWS, _WORDS = 32, 128


def put_rows(connection: apsw.Connection, snapshots: Iterable[Snapshot], labels: dict[str, int]) -> None:
    """Put snapshots in, each in the place of one of the same request; of several of one request the last.

    Args:
        connection: In a transaction.
        snapshots: What to put in.
        labels: The labels that are known to be there, by their words; those that are found or made are added.
    """
    rows: dict[str, tuple[Any, ...]] = {}
    words: dict[str, list[tuple[str, int, str]]] = {}
    for snapshot in snapshots:
        summary = summarise(snapshot)
        request_id, at = summary.request_id, microseconds(summary.captured_at)
        label, own = _label_of(connection, summary, labels)
        rows[request_id] = (request_id, at, *summary[2:], label, snapshot.to_bytes())
        words[request_id] = [(word, at, request_id) for word in own]
    for some in _batched([*rows.values()], _ROWS):
        if _insert(connection, _INSERT, some, _ROWS) < len(some):  # some are there already
            delete_rows(connection, [row[0] for row in some])
            _insert(connection, _INSERT, some, _ROWS)
    # in the order of the index, where neighbours lie on one page
    found = sorted(itertools.chain.from_iterable(words.values()))
    for entries in _batched(found, _WORDS):
        _insert(connection, _INSERT_WORD, entries, _WORDS)


def _label_of(
    connection: apsw.Connection, summary: Summary, labels: dict[str, int]
) -> tuple[int, Sequence[str]]:
    """The label of a snapshot, 0 for none, and the words that it has besides."""
    words = words_of(summary)
    shared = words_in(summary.method, summary.route, summary.handler_id)
    own = _besides(words, shared)
    if own is None:
        return 0, words
    text = " ".join(shared)
    label = labels.get(text)
    if label is None:
        if len(labels) >= _MOST_LABELS:
            labels.clear()
        label = labels[text] = _make_label(connection, text)
    return (label, own) if label else (0, words)


@functools.lru_cache(maxsize=1024)
def _besides(words: tuple[str, ...], shared: tuple[str, ...]) -> tuple[str, ...] | None:
    """The words that are not shared; `None` if not all that are shared are among them, which are bounded."""
    return tuple(word for word in words if word not in shared) if shared and {*shared} <= {*words} else None


def _make_label(connection: apsw.Connection, text: str) -> int:
    if connection.execute("SELECT count(*) FROM label").get >= _MOST_LABELS:
        return int(connection.execute("SELECT id FROM label WHERE words = ?", (text,)).get or 0)
    connection.execute("INSERT INTO label (words) VALUES (?) ON CONFLICT DO NOTHING", (text,))
    return int(connection.execute("SELECT id FROM label WHERE words = ?", (text,)).get)


def delete_rows(connection: apsw.Connection, request_ids: list[str]) -> int:
    """Forget the snapshots of these requests; how many there were."""
    keys = [(request_id,) for request_id in request_ids]
    found = [row for key in keys for row in connection.execute(_INDEXED, key)]
    words = [(word, at, request_id) for request_id, at, *texts in found for word in words_in(*texts)]
    connection.executemany("DELETE FROM word WHERE word = ? AND at = ? AND request_id = ?", words)
    before = connection.total_changes()
    connection.executemany("DELETE FROM snapshot WHERE request_id = ?", keys)
    return connection.total_changes() - before


def _insert(connection: apsw.Connection, insert: str, rows: Sequence[tuple[Any, ...]], full: int) -> int:
    """Insert a batch: a full one in one statement, which stays prepared; how many were inserted."""
    before = connection.total_changes()
    if len(rows) == full:
        connection.execute(_statement(insert, len(rows[0]), full), [*itertools.chain.from_iterable(rows)])
    else:
        connection.executemany(_statement(insert, len(rows[0]), 1), rows)
    return connection.total_changes() - before


@functools.cache
def _statement(insert: str, columns: int, rows: int) -> str:
    row = f"({','.join('?' * columns)})"
    return insert + ",".join([row] * rows)


def _batched(rows: list[tuple[Any, ...]], size: int) -> Iterable[list[tuple[Any, ...]]]:
    return (rows[at : at + size] for at in range(0, len(rows), size))
