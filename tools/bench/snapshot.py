"""What a snapshot costs, beside what the standard library does with the same state; and a listing among many."""

from __future__ import annotations

import copy
import datetime
import pickle
import tempfile
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import trio

from bench.harness import Case, Sampler, per_await, per_call

REQUIRES: tuple[str, ...] = ()

GOAL_CAPTURE, GOAL_ENCODE, GOAL_DECODE, GOAL_LISTING = 0.7, 8.0, 4.0, 1.5
_MANY, _FEW = 1_000_000, 10_000


def state() -> dict[str, Any]:
    """Twenty keys of nested data: mostly what JSON has, with some times, ids and amounts."""
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return {
        f"key{n}": {
            "id": n * 1000,
            "name": f"customer {n}",
            "email": f"c{n}@example.org",
            "tags": ["a", "b", "c"],
            "price": 9.99 * n,
            "active": True,
            "address": {"street": "Main 1", "city": "Berlin", "zip": "10115", "place": [52.5, 13.4]},
            "items": [{"sku": f"s{m}", "quantity": m, "note": None} for m in range(3)],
            **({"at": moment, "key": uuid.UUID(int=n), "total": Decimal("12.50")} if n % 4 == 0 else {}),
        }
        for n in range(20)
    }


def _context() -> Any:
    from gnomon_context import GlobalContext, LocalContext

    lctx = LocalContext(GlobalContext(), method="POST", path="/orders", route="/orders")
    for key, value in state().items():
        lctx.set(key, value)
    return lctx


def _encoding() -> Sampler:
    """Only the encoding: each call gets a snapshot that was just captured."""
    from gnomon_snapshot import capture
    from gnomon_snapshot._format import pack

    tree = capture(_context()).tree
    return per_call(lambda: pack(tree))


def _filled(path: Path, rows: int) -> None:
    from gnomon_snapshot import SqliteStore

    async def make() -> None:
        async with SqliteStore(path):
            pass

    trio.run(make)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(
        """
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
        INSERT INTO snapshot
        SELECT n, printf('%032x', n), n * 1000, 'GET', '/orders/' || n, '/orders/{id}', 'v' || (n % 7), 'orders.show',
               CASE n % 10 WHEN 0 THEN 'error' ELSE 'ok' END, '', '', 700, zeroblob(700)
        FROM numbers
        """,
        (rows,),
    )
    connection.close()


def _listing(rows: int, query: Callable[[], Any]) -> Sampler:
    sampler: Sampler | None = None

    def sample() -> float:
        nonlocal sampler
        if sampler is None:
            folder = tempfile.TemporaryDirectory()
            path = Path(folder.name) / "snapshots.sqlite3"
            _filled(path, rows)
            store = _store(path)
            asked = query()

            async def page() -> object:
                return folder, await store.list(asked, limit=100)

            sampler = per_await(page)
        return sampler()

    return sample


def _store(path: Path) -> Any:
    from gnomon_snapshot import SqliteStore

    return SqliteStore(path)


def _query(**conditions: Any) -> Callable[[], Any]:
    def make() -> Any:
        from gnomon_snapshot import Query

        return Query(**conditions)

    return make


def cases() -> list[Case]:
    from gnomon_snapshot import Snapshot, capture

    lctx, plain = _context(), state()
    encoded, pickled = capture(lctx).to_bytes(), pickle.dumps(plain)
    dumps, loads = per_call(lambda: pickle.dumps(plain)), per_call(lambda: pickle.loads(pickled))
    return [
        Case(
            "capture 20 keys of nested data",
            per_call(lambda: capture(lctx)),
            peer=per_call(lambda: copy.deepcopy(plain)),
            peer_name="deepcopy",
            at_most=GOAL_CAPTURE,
        ),
        Case("encode it", _encoding(), peer=dumps, peer_name="pickle.dumps", at_most=GOAL_ENCODE),
        Case(
            "capture and encode it",
            per_call(lambda: capture(lctx).to_bytes()),
            peer=dumps,
            peer_name="pickle.dumps",
        ),
        Case(
            "decode it",
            per_call(lambda: Snapshot.from_bytes(encoded)),
            peer=loads,
            peer_name="pickle.loads",
            at_most=GOAL_DECODE,
        ),
        Case(
            "newest 100 of 1,000,000",
            _listing(_MANY, _query()),
            peer=_listing(_FEW, _query()),
            peer_name="of 10,000",
            at_most=GOAL_LISTING,
        ),
        Case(
            "newest 100 errors of 1,000,000",
            _listing(_MANY, _query(outcome="error")),
            peer=_listing(_FEW, _query(outcome="error")),
            peer_name="of 10,000",
            at_most=GOAL_LISTING,
        ),
    ]
