"""What every store must do, as checks that run against any of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from gnomon_context import Execution, GlobalContext, LocalContext, SystemSources
from gnomon_context.runtime import rebuild
from gnomon_snapshot import Query, Retention, Snapshot, SnapshotNotFound, SnapshotStore, capture

StoreCheck: TypeAlias = Callable[[SnapshotStore], Awaitable[None]]

_START = datetime(2026, 1, 1, tzinfo=UTC)


class _Fixed(SystemSources):  # type: ignore[misc]  # final for users; here only the clock stands still
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def make_snapshot(
    number: int,
    *,
    at: datetime | None = None,
    route: str = "/orders/{id}",
    version: str = "v1",
    outcome: Any = "ok",
    error: BaseException | None = None,
    state: dict[str, Any] | None = None,
) -> Snapshot:
    """A snapshot of a request that never was.

    Args:
        number: Tells snapshots apart; the request id is made of it.
        at: When it was taken; by default `number` seconds into 2026.
        route: The route of the request.
        version: The version that served it.
        outcome: How it ended, `None` if it had not.
        error: The exception that ended it.
        state: What its context held.

    >>> make_snapshot(7).request_id
    '00000000000000000000000000000007'
    """
    lctx = LocalContext(
        GlobalContext(),
        method="GET",
        path=route.replace("{id}", str(number)),
        route=route,
        version=version,
        request_id=f"{number:032x}",
        sources=_Fixed(at or _START + timedelta(seconds=number)),
    )
    # the stamp of the monotonic clock is the one thing that would differ from call to call
    rebuild(lctx, meta=replace(lctx.meta, received_at=lctx.now(), received_ns=number))
    lctx.execution = Execution("orders.show", version)
    if outcome is not None:
        lctx.settle(outcome, error)
    for key, value in (state or {}).items():
        lctx.set(key, value)
    return capture(lctx)


def _is(answer: object, expected: object) -> None:
    # no assert statement: this is a product, and runs where those are switched off
    if answer != expected:
        raise AssertionError(f"the store answers {answer!r}, not {expected!r}")


async def _ids(store: SnapshotStore, query: Query, **options: Any) -> list[int]:
    page = await store.list(query, **options)
    return [int(summary.request_id, 16) for summary in page.summaries]


async def check_gives_back_what_it_took(store: SnapshotStore) -> None:
    """What was put is what is got, byte for byte."""
    snapshots = [make_snapshot(number, state={"number": number}) for number in range(5)]
    await store.put(*snapshots)
    for snapshot in snapshots:
        _is((await store.get(snapshot.request_id)).to_bytes(), snapshot.to_bytes())


async def check_says_what_it_does_not_have(store: SnapshotStore) -> None:
    """A request that was never put is not found, and neither is one that was deleted."""
    await store.put(make_snapshot(1))
    _is(await store.delete(make_snapshot(1).request_id), True)
    _is(await store.delete(make_snapshot(1).request_id), False)
    for request_id in (make_snapshot(1).request_id, "unknown", ""):
        try:
            await store.get(request_id)
        except SnapshotNotFound:
            continue
        raise AssertionError(f"the store found {request_id!r}, which it does not have")


async def check_replaces(store: SnapshotStore) -> None:
    """A later snapshot of a request takes the place of the earlier one, in listings too."""
    await store.put(make_snapshot(1, outcome="ok"), make_snapshot(2))
    later = make_snapshot(1, outcome="error", error=ValueError("melted"), at=_START + timedelta(hours=1))
    await store.put(later)
    _is((await store.get(later.request_id)).to_bytes(), later.to_bytes())
    _is(await _ids(store, Query()), [1, 2])
    _is(await _ids(store, Query(outcome="ok")), [2])
    _is(await _ids(store, Query(text="melted")), [1])
    await store.put(make_snapshot(1))
    _is(await _ids(store, Query(text="melted")), [])


async def check_lists_newest_first(store: SnapshotStore) -> None:
    """Pages follow each other without gap or overlap, also among snapshots of one moment."""
    await store.put(
        *(make_snapshot(number, at=_START + timedelta(seconds=number // 3)) for number in range(10))
    )
    _is(await _ids(store, Query()), list(reversed(range(10))))
    seen: list[str] = []
    after = None
    while True:
        page = await store.list(Query(), limit=4, after=after)
        seen += [summary.request_id for summary in page.summaries]
        after = page.next
        if after is None:
            break
    _is(seen, [make_snapshot(number).request_id for number in reversed(range(10))])
    _is((await store.list(Query(), limit=10)).next, None)


async def check_summaries(store: SnapshotStore) -> None:
    """A summary tells what the snapshot says."""
    snapshot = make_snapshot(3, outcome="error", error=LookupError("no such order"))
    await store.put(snapshot)
    summary = (await store.list(Query())).summaries[0]
    _is(summary.request_id, snapshot.request_id)
    _is(summary.captured_at, snapshot.captured_at)
    _is((summary.method, summary.path, summary.route), ("GET", "/orders/3", "/orders/{id}"))
    _is((summary.version, summary.handler_id), ("v1", "orders.show"))
    _is((summary.outcome, summary.error), ("error", "LookupError: no such order"))
    _is((summary.digest, summary.size), (snapshot.digest, len(snapshot.to_bytes())))


async def check_filters(store: SnapshotStore) -> None:
    """Every condition narrows a listing, and together they narrow it further."""
    await store.put(
        make_snapshot(1),
        make_snapshot(2, route="/carts/{id}"),
        make_snapshot(3, version="v2"),
        make_snapshot(4, outcome="error", error=ValueError("Out of STOCK")),
        make_snapshot(5, route="/carts/{id}", outcome="error", error=ValueError("out of money")),
        make_snapshot(6, outcome=None),
    )
    for query, expected in (
        (Query(route="/carts/{id}"), [5, 2]),
        (Query(version="v2"), [3]),
        (Query(outcome="error"), [5, 4]),
        (Query(outcome=""), [6]),
        (Query(since=_START + timedelta(seconds=5)), [6, 5]),
        (Query(until=_START + timedelta(seconds=2)), [1]),
        (Query(since=_START + timedelta(seconds=2), until=_START + timedelta(seconds=4)), [3, 2]),
        (Query(text="stock"), [4]),
        (Query(text="of OUT"), [5, 4]),
        (Query(text="out carts"), [5]),
        (Query(text="sto"), []),
        (Query(text="100% _"), []),
        (Query(route="/carts/{id}", outcome="error", text="money"), [5]),
        (Query(route="nowhere"), []),
    ):
        _is((query, await _ids(store, query)), (query, expected))
    page = await store.list(Query(text="show orders"), limit=2)
    _is([int(summary.request_id, 16) for summary in page.summaries], [6, 5])
    _is(await _ids(store, Query(text="show orders"), after=page.next), [4, 3, 2, 1])


async def check_refuses_bad_questions(store: SnapshotStore) -> None:
    """A page has 1 to 1000 entries, and follows another one."""
    for limit, after in ((0, None), (1001, None), (10, "nowhere")):
        try:
            await store.list(Query(), limit=limit, after=after)
        except ValueError:
            continue
        raise AssertionError(f"the store lists {limit} after {after!r}")


async def check_prunes(store: SnapshotStore) -> None:
    """Retention keeps the newest within every bound, and says how many it forgot."""
    snapshots = [make_snapshot(number) for number in range(10)]
    size = len(snapshots[9].to_bytes())
    now = _START + timedelta(seconds=10)
    await store.put(*snapshots)
    _is(await store.prune(Retention()), 0)
    _is(await store.prune(Retention(age=8.0), now=now), 2)
    _is(await _ids(store, Query()), [9, 8, 7, 6, 5, 4, 3, 2])
    _is(await store.prune(Retention(count=6, age=100.0), now=now), 2)
    _is(await store.prune(Retention(size=4 * size + size // 2)), 2)
    _is(await _ids(store, Query()), [9, 8, 7, 6])
    _is(await store.prune(Retention(count=0)), 4)
    _is(await _ids(store, Query(text="orders")), [])


async def check_takes_nothing(store: SnapshotStore) -> None:
    """Nothing at all is fine to put, and an empty store is fine to ask."""
    await store.put()
    _is(await store.list(Query()), ((), None))
    _is(await store.prune(Retention(count=0, age=0.0, size=0)), 0)


STORE_CHECKS: tuple[StoreCheck, ...] = (
    check_gives_back_what_it_took,
    check_says_what_it_does_not_have,
    check_replaces,
    check_lists_newest_first,
    check_summaries,
    check_filters,
    check_refuses_bad_questions,
    check_prunes,
    check_takes_nothing,
)


async def check_store(make: Callable[[], AbstractAsyncContextManager[SnapshotStore]]) -> None:
    """Run every check against an empty store of its own.

    Args:
        make: Opens an empty store and closes it.

    Raises:
        AssertionError: The store does not do what stores do; with what it does.

    >>> import trio
    >>> from contextlib import asynccontextmanager
    >>> from gnomon_snapshot import MemoryStore
    >>> @asynccontextmanager
    ... async def make():
    ...     yield MemoryStore()
    >>> trio.run(check_store, make)
    """
    for check in STORE_CHECKS:
        async with make() as store:
            await check(store)
