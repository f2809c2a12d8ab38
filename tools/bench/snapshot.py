"""What a snapshot costs, beside what the standard library does with the same state; and a listing among many.

Then recording and replay: replays per second on one core, and the throughput of a server that records none, a hundredth
and all of its requests. The server is loaded over real sockets by another process. A request that finds no room for its
recording is not recorded, which makes it cheap: so what share was really kept stands beside the throughput.
"""

from __future__ import annotations

import copy
import datetime
import functools
import gc
import json
import os
import pickle
import statistics
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import trio

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import servers
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
               CASE n % 10 WHEN 0 THEN 'error' ELSE 'ok' END, '', '', 700, 0, zeroblob(700)
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


# Recording and replay.

ORDER = {"user": "ada", "sku": "apple", "quantity": 2, "note": None}
BODY = json.dumps(ORDER).encode()
POST = (
    b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    % (len(BODY), BODY)
)
GOAL_REPLAYS, GOAL_ALL, ALL_KEPT, REPLAYS = 500.0, 0.4, 0.999, 1000
# Of 25 values the 8th and the 18th enclose the median of what they come from in 95.7 % of all cases, whatever their
# distribution is (binomial). A machine that others use, too, has outliers that Student's t would believe.
PAIRS, LOW, HIGH = 25, 7, 17
NARROW = 0.08  # what wider an interval reaches 1 by itself


class Stock:
    """A module with two calls for each request, which answer at once."""

    async def find(self, sku: str) -> dict[str, Any]:
        """Look something up."""
        return {"sku": sku, "price": 12, "tags": ["fresh", "red"]}

    async def take(self, sku: str, quantity: int) -> int:
        """Change something."""
        return 100 - quantity


def order_app(recorder: Any) -> Any:
    """A service with a validated body, a hook and two module calls."""
    from typing import TypedDict

    from gnomon import App, Request, before, get, post

    class Order(TypedDict):
        user: str
        sku: str
        quantity: int
        note: str | None

    @before
    async def note_user(lctx: Any) -> None:
        lctx.set("seen", True)

    @get("/recorded")
    async def recorded(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        figures = None if recorder is None else recorder.statistics()
        res.json(
            {} if figures is None else {"offered": figures.offered, "lost": figures.dropped + figures.failed}
        )

    @post("/orders")
    async def order(req: Request[Order], res: Any, lctx: Any, gctx: Any) -> None:
        stock = gctx.modules.stock
        found = await stock.find(req.body["sku"])
        left = await stock.take(found["sku"], req.body["quantity"])
        res.json({"id": str(lctx.uuid()), "left": left, "price": found["price"] * req.body["quantity"]})

    order.__annotations__["req"] = Request[Order]
    return App(order, recorded, note_user, modules={"stock": Stock()}, recording=recorder)


def serve(name: str, port: int) -> None:
    """One server of the load test: `plain`, or the percentage it records."""
    from gnomon_snapshot import Recorder, Sampling, SqliteStore

    with tempfile.TemporaryDirectory() as folder:
        recorder = None
        if name != "plain":
            sampling = Sampling(rate=float(name) / 100, failures=False)
            recorder = Recorder(SqliteStore(f"{folder}/recordings.sqlite3"), sampling=sampling)
        app = order_app(recorder)
        gc.collect()
        gc.freeze()
        app.run(port=port)


class Server:
    """One server under load, with what became of its recordings meanwhile."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kept: list[float] = []
        self.tails: list[float] = []
        self._before = (0, 0)

    def rate(self) -> float:
        """Requests per second."""
        port = servers.start(__file__, "serve", self.name)
        rate, tail = servers.load(port, POST)
        self.tails.append(tail)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/recorded") as answer:
            figures = json.load(answer)
        if figures:
            offered, lost = figures["offered"], figures["lost"]
            self.kept.append(1 - (lost - self._before[1]) / max(1, offered - self._before[0]))
            self._before = offered, lost
        return rate


@functools.cache
def _server(name: str) -> Server:
    return Server(name)


def _rate(name: str) -> Sampler:
    return lambda: _server(name).rate()


def _of(name: str, figures: Callable[[Server], list[float]]) -> Sampler:
    """The median of what was noted while a server was measured, but for the first time, which warms up."""
    return lambda: statistics.median(figures(_server(name))[1:])


@functools.cache
def _interval(name: str) -> tuple[float, float]:
    """The 95 % confidence interval of the median of one server's rate as a share of that of the plain one.

    Of the ratios of pairs, in which the two take turns at going first.
    """
    ours, plain = _rate(name), _rate("plain")
    ours(), plain()
    ratios = []
    for number in range(PAIRS):
        if number % 2:
            mine, other = ours(), plain()
        else:
            other, mine = plain(), ours()
        ratios.append(mine / other)
    ratios.sort()
    return ratios[LOW], ratios[HIGH]


def _replays() -> Sampler:
    """Replays per second of processor time, of recordings that were encoded."""
    from gnomon.testing import Client
    from gnomon_snapshot import MemoryStore, Recorder
    from gnomon_snapshot._replay_all import run_batch

    made: list[Any] = []

    async def record() -> list[bytes]:
        store = MemoryStore()
        app = order_app(Recorder(store, capacity=REPLAYS))
        async with Client(app) as client:
            for _ in range(REPLAYS):
                await client.post("/orders", json=ORDER)
        page = await store.list(limit=REPLAYS)
        made.append(app)
        return [(await store.get(each.request_id)).to_bytes() for each in page.summaries]

    def sample() -> float:
        if not made:
            made.append(trio.run(record))
        app, recordings = made
        started = time.process_time()
        outcomes = run_batch(recordings, app, frozenset())
        spent = time.process_time() - started
        assert not any(outcome.cause for outcome in outcomes)
        return len(recordings) / spent

    return sample


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
        Case(
            "replays a second of 1,000 recordings",
            _replays(),
            peer=lambda: 1.0,
            peer_name="one",
            at_least=GOAL_REPLAYS,
            rounds=5,
        ),
        Case(
            "recording 1 %, share of req/s, 95 % from",
            lambda: _interval("1")[0],
            peer=lambda: 1.0,
            peer_name="recording none",
            rounds=1,
        ),
        # not measurably below: the interval reaches up to 1
        Case(
            "recording 1 %, share of req/s, 95 % up to",
            lambda: _interval("1")[1],
            peer=lambda: 1.0,
            peer_name="recording none",
            at_least=1.0,
            rounds=1,
        ),
        Case(
            "recording 1 %, width of that interval",
            lambda: _interval("1")[1] - _interval("1")[0],
            peer=lambda: 1.0,
            peer_name="recording none",
            at_most=NARROW,
            rounds=1,
        ),
        Case(
            "recording 1 %, share that was kept",
            _of("1", lambda server: server.kept),
            peer=lambda: 1.0,
            peer_name="all of them",
            at_least=ALL_KEPT,
            rounds=1,
        ),
        Case(
            "recording 100 % of requests, req/s",
            _rate("100"),
            peer=_rate("plain"),
            peer_name="recording none",
            at_least=GOAL_ALL,
            rounds=7,
        ),
        Case(
            "recording 100 %, share that was kept",
            _of("100", lambda server: server.kept),
            peer=lambda: 1.0,
            peer_name="all of them",
            at_least=ALL_KEPT,
            rounds=1,
        ),
        Case(
            "recording 100 %, 99 % of answers within",
            _of("100", lambda server: server.tails),
            peer=_of("plain", lambda server: server.tails),
            peer_name="recording none",
            rounds=1,
        ),
    ]


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    serve(sys.argv[2], int(sys.argv[3]))
