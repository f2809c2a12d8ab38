"""What a store of snapshots is, how it is asked, and the one that keeps them in memory."""

from __future__ import annotations

import bisect
import builtins
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol, final

import trio
from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._build import Builder
from gnomon_snapshot._errors import SnapshotNotFound
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._types import NO_TYPES, Types

MAX_PAGE: Final = 1000
_MAX_WORDS: Final = 32
_WORD = re.compile(r"\w+")
_BUILDER: Final = Builder(NO_TYPES)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Summary(NamedTuple):
    """What a listing tells of a snapshot.

    Attributes:
        request_id: The key to `SnapshotStore.get`.
        captured_at: When it was taken, in UTC.
        method: The method of the request.
        path: Its path.
        route: The pattern that matched.
        version: The version that served it.
        handler_id: The handler that served it, empty if none had been chosen.
        outcome: How it had ended, empty while it had not.
        error: Class and message of the exception that ended it, bounded, empty without one.
        digest: The digest of the snapshot.
        size: Its length in bytes.
    """

    request_id: str
    captured_at: datetime
    method: str
    path: str
    route: str
    version: str
    handler_id: str
    outcome: str
    error: str
    digest: str
    size: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which snapshots to list; every condition that is given must hold.

    Args:
        since: Taken at or after this time (timezone-aware).
        until: Taken before this time (timezone-aware).
        route: The pattern that matched, exactly.
        version: The version, exactly.
        outcome: The outcome, exactly.
        text: Words, in any case and order, that occur in method, path, route, handler or error.

    Raises:
        ValueError: A time has no zone.
    """

    since: datetime | None = None
    until: datetime | None = None
    route: str | None = None
    version: str | None = None
    outcome: str | None = None
    text: str = ""

    def __post_init__(self) -> None:
        for moment in (self.since, self.until):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{moment} has no time zone: give one, as in datetime.now(timezone.utc)")


EVERYTHING: Final = Query()


class Page(NamedTuple):
    """A part of a listing, newest first.

    Attributes:
        summaries: The snapshots of this page.
        next: The `after` of the following page, `None` on the last one.
    """

    summaries: tuple[Summary, ...]
    next: str | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What a store keeps: the newest snapshots within all bounds that are given.

    Args:
        age: Seconds since a snapshot was taken.
        count: How many snapshots.
        size: How many bytes of snapshots together.

    Raises:
        ValueError: A bound is negative.
    """

    age: float | None = None
    count: int | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        if any(bound is not None and bound < 0 for bound in (self.age, self.count, self.size)):
            raise ValueError("a retention bound is not negative")


class SnapshotStore(Protocol):
    """Keeps snapshots by request id. `gnomon_snapshot.testing.check_store` tells whether a class is one."""

    async def put(self, *snapshots: Snapshot) -> None:
        """Keep snapshots, all or none; one of a request that is there already takes its place.

        Raises:
            StoreError: The store could not keep them.
        """
        ...

    async def get(self, request_id: str) -> Snapshot:
        """The snapshot of a request.

        Raises:
            SnapshotNotFound: There is none.
            SnapshotCorrupt: It was damaged.
            StoreError: The store could not look.
        """
        ...

    async def list(self, query: Query = ..., *, limit: int = 100, after: str | None = None) -> Page:
        """A page of summaries, newest first, then by descending request id.

        Args:
            query: Which snapshots.
            limit: How many at most, 1 to 1000.
            after: `Page.next` of the page before.

        Raises:
            ValueError: The limit is out of range, or `after` comes from nowhere.
            StoreError: The store could not look.
        """
        ...

    async def delete(self, request_id: str) -> bool:
        """Forget the snapshot of a request; whether there was one."""
        ...

    async def prune(self, retention: Retention, *, now: datetime | None = None) -> int:
        """Forget what is beyond the bounds, oldest first; how many.

        Args:
            retention: The bounds.
            now: From when ages count; the wall clock by default.
        """
        ...

    async def aclose(self) -> None:
        """Release what the store holds; twice is fine."""
        ...


def summarise(snapshot: Snapshot) -> Summary:
    """Made of the encoded form, so that nothing has to be built for it."""
    data = snapshot.to_bytes()
    known: Summary | None = snapshot._summary
    if known is not None:
        return known
    tree = snapshot.tree
    meta, execution, outcome = tree["meta"], tree["execution"], tree["outcome"]
    moment: datetime = _BUILDER.make(tag.DATETIME, tree["captured_at"].value)
    return Summary(
        _text(meta["request_id"]),
        moment.astimezone(UTC),
        _text(meta["method"]),
        _text(meta["path"]),
        _text(meta["route"]),
        _text(meta["version"]),
        "" if execution is None else _text(execution["handler_id"]),
        "" if outcome is None else _text(outcome["kind"]),
        "" if outcome is None else _shown(outcome["error"]),
        snapshot.digest,
        len(data),
    )


def _text(node: Any) -> str:
    """Text for an index: what was lost is empty, and what UTF-8 cannot hold is replaced."""
    return node.encode(errors="replace").decode() if type(node) is str else ""


def _shown(node: Any) -> str:
    """Class and message of an exception."""
    while type(node) is CBORTag and node.tag == tag.SHARED:
        node = node.value[1]
    if type(node) is not CBORTag or node.tag not in (tag.EXCEPTION, tag.LOST):
        return ""
    name = _text(node.value[0]).removeprefix("builtins.")
    arguments = node.value[1] if node.tag == tag.EXCEPTION else ()
    message = ", ".join(_text(str(argument)) for argument in arguments if type(argument) in (str, int, float))
    return f"{name}: {message}"[:500] if message else name


def words_of(summary: Summary) -> tuple[str, ...]:
    """The words a text search finds a snapshot by."""
    return words_in(summary.method, summary.path, summary.route, summary.handler_id, summary.error)


def words_in(*texts: str) -> tuple[str, ...]:
    """The same of those texts, in that order."""
    return _words(" ".join(texts))


@functools.lru_cache(maxsize=1024)
def _words(text: str) -> tuple[str, ...]:
    return split_words(text)[:_MAX_WORDS]


def split_words(text: str) -> tuple[str, ...]:
    """Words in small letters, each once, in their order; long ones cut."""
    return tuple(dict.fromkeys(word[:64].casefold() for word in _WORD.findall(text)))


def microseconds(moment: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(stamp: int) -> datetime:
    return _EPOCH + timedelta(microseconds=stamp)


def check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise ValueError(f"a page has 1 to {MAX_PAGE} entries, not {limit}")


def cursor(summary: Summary) -> str:
    return f"{microseconds(summary.captured_at)} {summary.request_id}"


def read_cursor(after: str) -> tuple[int, str]:
    stamp, space, request_id = after.partition(" ")
    if not space or not stamp.lstrip("-").isdecimal():
        raise ValueError(f"{after!r:.100} is no place in a listing: give Page.next of the page before")
    return int(stamp), request_id


@final
class MemoryStore:
    """Keeps snapshots, encoded, for as long as it lives; for tests and development.

    Args:
        types: The classes that come back as themselves.

    >>> import trio
    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import capture
    >>> async def main():
    ...     lctx = LocalContext(GlobalContext(), path="/orders")
    ...     store = MemoryStore()
    ...     await store.put(capture(lctx))
    ...     return (await store.get(lctx.request_id)).meta.path
    >>> trio.run(main)
    '/orders'
    """

    def __init__(self, *, types: Types = NO_TYPES) -> None:
        self._types = types
        self._kept: dict[str, tuple[tuple[int, str], Summary, frozenset[str], bytes]] = {}
        self._order: list[tuple[int, str]] = []  # oldest first

    async def put(self, *snapshots: Snapshot) -> None:
        """Keep snapshots; see `SnapshotStore.put`."""
        await trio.lowlevel.checkpoint()
        made = [(summarise(snapshot), snapshot.to_bytes()) for snapshot in snapshots]
        for summary, data in made:
            self._forget(summary.request_id)
            key = (microseconds(summary.captured_at), summary.request_id)
            bisect.insort(self._order, key)
            self._kept[summary.request_id] = (key, summary, frozenset(words_of(summary)), data)

    async def get(self, request_id: str) -> Snapshot:
        """The snapshot of a request; see `SnapshotStore.get`."""
        await trio.lowlevel.checkpoint()
        if request_id not in self._kept:
            raise not_found(request_id)
        return Snapshot.from_bytes(self._kept[request_id][3], types=self._types)

    async def list(self, query: Query = EVERYTHING, *, limit: int = 100, after: str | None = None) -> Page:
        """A page of summaries; see `SnapshotStore.list`."""
        await trio.lowlevel.checkpoint()
        check_limit(limit)
        end = len(self._order) if after is None else bisect.bisect_left(self._order, read_cursor(after))
        words = set(split_words(query.text))
        found: builtins.list[Summary] = []
        for _, request_id in reversed(self._order[:end]):
            _, summary, known, _ = self._kept[request_id]
            if _fits(summary, query) and words <= known:
                found.append(summary)
                if len(found) > limit:
                    break
        return page_of(found, limit)

    async def delete(self, request_id: str) -> bool:
        """Forget a snapshot; see `SnapshotStore.delete`."""
        await trio.lowlevel.checkpoint()
        return self._forget(request_id)

    async def prune(self, retention: Retention, *, now: datetime | None = None) -> int:
        """Forget what is beyond the bounds; see `SnapshotStore.prune`."""
        await trio.lowlevel.checkpoint()
        oldest = oldest_kept(retention, now)
        size = 0
        beyond: builtins.list[str] = []
        for count, (stamp, request_id) in enumerate(reversed(self._order), start=1):
            size += self._kept[request_id][1].size
            if (
                beyond
                or (oldest is not None and stamp < oldest)
                or (retention.count is not None and count > retention.count)
                or (retention.size is not None and size > retention.size)
            ):
                beyond.append(request_id)
        for request_id in beyond:
            self._forget(request_id)
        return len(beyond)

    async def aclose(self) -> None:
        """Do nothing; what was kept stays readable."""
        await trio.lowlevel.checkpoint()

    def _forget(self, request_id: str) -> bool:
        kept = self._kept.pop(request_id, None)
        if kept is None:
            return False
        del self._order[bisect.bisect_left(self._order, kept[0])]
        return True


def not_found(request_id: str) -> SnapshotNotFound:
    return SnapshotNotFound(
        f"there is no snapshot of the request {request_id!r:.100}: it was not recorded, or it was pruned"
    )


def oldest_kept(retention: Retention, now: datetime | None) -> int | None:
    """The first moment, in microseconds since the epoch, that an age still allows."""
    if retention.age is None:
        return None
    return microseconds((now or datetime.now(UTC)) - timedelta(seconds=retention.age))


def page_of(found: Iterable[Summary], limit: int) -> Page:
    """A page of up to `limit` of what was found, which is one more if there is a next one."""
    summaries = tuple(found)
    more = len(summaries) > limit
    return Page(summaries[:limit], cursor(summaries[limit - 1]) if more else None)


def _fits(summary: Summary, query: Query) -> bool:
    return (
        (query.since is None or summary.captured_at >= query.since)
        and (query.until is None or summary.captured_at < query.until)
        and (query.route is None or summary.route == query.route)
        and (query.version is None or summary.version == query.version)
        and (query.outcome is None or summary.outcome == query.outcome)
    )
