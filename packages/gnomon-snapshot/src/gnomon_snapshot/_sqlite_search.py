"""How snapshots are found in an SQLite file: newest first, by their columns and by their words.

Most words of a snapshot are those of its route, and stand once for all of it, at its label. Only what a path or an
error has besides stands at the snapshot. So a search walks the snapshots of every label that has all the words, and,
where a snapshot may have some of them for itself, the entries of those words.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import apsw

from gnomon_snapshot._sqlite_rows import COLUMNS
from gnomon_snapshot._store import Query, microseconds, split_words

_SHOWN: Final = COLUMNS.replace("request_id, at", "walked.request_id, walked.at")
_ORDER: Final = "ORDER BY walked.at DESC, walked.request_id DESC LIMIT ?"
_BY_WORD: Final = "word AS walked CROSS JOIN snapshot USING (request_id)"
_HAS: Final = (
    "EXISTS (SELECT 1 FROM word WHERE word.word = ? AND word.at = walked.at"
    " AND word.request_id = walked.request_id)"
)


class _Walk(NamedTuple):
    """One statement: what is walked, and the conditions with their values."""

    table: str
    conditions: list[str]
    values: list[Any]


def find_rows(
    connection: apsw.Connection, query: Query, place: tuple[int, str] | None, limit: int
) -> list[tuple[Any, ...]]:
    """The newest rows that fit a query, below a place.

    Args:
        connection: Where to look.
        query: What they have to fit.
        place: Time and request id of the last row that is known already, `None` for none.
        limit: How many at most.
    """
    common = _conditions(query, place)
    walks = [*_walks(connection, query)]
    found: dict[str, tuple[Any, ...]] = {}
    for walk in walks:
        conditions, values = [*walk.conditions, *common.conditions], [*walk.values, *common.values]
        if len(found) >= limit:  # only what is newer than the last of them counts
            last = heapq.nlargest(limit, found.values(), key=_place)[-1]
            conditions.append("(walked.at, walked.request_id) > (?, ?)")
            values += _place(last)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = f"SELECT {_SHOWN} FROM {walk.table} {where} {_ORDER}"  # noqa: S608 - constants
        found.update((row[0], row) for row in connection.execute(statement, (*values, limit)))
    return heapq.nlargest(limit, found.values(), key=_place)


def _place(row: tuple[Any, ...]) -> tuple[int, str]:
    return row[1], row[0]


def _conditions(query: Query, place: tuple[int, str] | None) -> _Walk:
    made = _Walk("", [], [])
    for column, wanted in (("route", query.route), ("version", query.version), ("outcome", query.outcome)):
        if wanted is not None:
            made.conditions.append(f"{column} = ?")
            made.values.append(wanted)
    if query.since is not None:
        made.conditions.append("walked.at >= ?")
        made.values.append(microseconds(query.since))
    if query.until is not None:
        made.conditions.append("walked.at < ?")
        made.values.append(microseconds(query.until))
    if place is not None:
        made.conditions.append("(walked.at, walked.request_id) < (?, ?)")
        made.values.extend(place)
    return made


def _walks(connection: apsw.Connection, query: Query) -> Iterator[_Walk]:
    # the longest word is likely the rarest: its entries are walked, the others only looked up
    words = sorted(split_words(query.text), key=len, reverse=True)
    if not words:
        yield _Walk("snapshot AS walked", [], [])
        return
    labels = {label: {*text.split(" ")} for label, text in connection.execute("SELECT id, words FROM label")}
    having = {word: [label for label, own in labels.items() if word in own] for word in words}
    rare = [word for word in words if not having[word]]
    for walked in rare[:1] or words:
        others = [word for word in words if word != walked]
        yield _Walk(
            _BY_WORD, ["walked.word = ?", *(_has(having[word]) for word in others)], [walked, *others]
        )
    if not rare:
        for label in set.intersection(*(set(each) for each in having.values())):
            yield _Walk("snapshot AS walked", ["label = ?", "label > 0"], [label])  # as the index says


def _has(labels: list[int]) -> str:
    """That a snapshot has a word for itself, or with its label."""
    return f"(label IN ({','.join(map(str, labels))}) OR {_HAS})" if labels else _HAS
