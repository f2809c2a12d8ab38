"""Snapshots of a store as one file, written and read piece by piece.

GNSX, a byte of format version; for each snapshot its length (8 bytes, big-endian) and its bytes; a length
of zero; the number of snapshots (8 bytes).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from gnomon_snapshot._errors import SnapshotCorrupt, SnapshotNotFound, SnapshotTooNew
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._store import EVERYTHING, Query, SnapshotStore

_MAGIC: Final = b"GNSX"
_VERSION: Final = 1
_LARGEST: Final = 2**30  # far beyond what `Limits` let through
_PAGE: Final = 100


async def export_snapshots(
    store: SnapshotStore,
    path: str | os.PathLike[str],
    *,
    query: Query = EVERYTHING,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Write snapshots of a store into a file, newest first; the file is there when it is complete.

    Args:
        store: Where they are.
        path: The file; one that is there is replaced at the end.
        query: Which.
        progress: Called now and then with how many were written so far.

    Returns:
        How many were written.

    Raises:
        StoreError: The store could not be read.
        OSError: The file could not be written.
    """
    target = trio.Path(path)
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    count = 0
    try:
        async with await draft.open("wb") as file:
            await file.write(_MAGIC + bytes((_VERSION,)))
            after: str | None = None
            while True:
                page = await store.list(query, limit=_PAGE, after=after)
                for summary in page.summaries:
                    try:
                        data = (await store.get(summary.request_id)).to_bytes()
                    except SnapshotNotFound:  # pruned meanwhile
                        continue
                    await file.write(len(data).to_bytes(8, "big") + data)
                    count += 1
                if progress is not None:
                    progress(count)
                after = page.next
                if after is None:
                    break
            await file.write(bytes(8) + count.to_bytes(8, "big"))
        await draft.replace(target)
    except BaseException:
        _discard(draft)
        raise
    return count


async def import_snapshots(
    store: SnapshotStore, path: str | os.PathLike[str], *, progress: Callable[[int], object] | None = None
) -> int:
    """Put the snapshots of a file into a store; one of a request that is there already is replaced.

    Args:
        store: Where to put them.
        path: What `export_snapshots` wrote.
        progress: Called now and then with how many were put so far.

    Returns:
        How many there were.

    Raises:
        SnapshotCorrupt: The file is none, or it was changed or cut; what came before that place is in the store.
        SnapshotTooNew: A later release wrote it.
        StoreError: The store could not keep them.
    """
    count = 0
    batch: list[Snapshot] = []
    async with await trio.open_file(path, "rb") as file:
        head = await file.read(5)
        if head[:4] != _MAGIC or len(head) < 5:
            raise SnapshotCorrupt("the file is no export of snapshots: one begins with GNSX")
        if head[4] > _VERSION:
            raise SnapshotTooNew(f"the file has format version {head[4]}, and this release reads {_VERSION}")
        while True:
            length = int.from_bytes(await file.read(8), "big")
            if length == 0:
                break
            data = await file.read(length) if length <= _LARGEST else b""
            if len(data) < length:
                raise SnapshotCorrupt(f"the export is damaged or cut after {count} snapshots")
            batch.append(Snapshot.from_bytes(data))
            count += 1
            if len(batch) == _PAGE:
                await store.put(*batch)
                batch.clear()
                if progress is not None:
                    progress(count)
        await store.put(*batch)
        if await file.read() != count.to_bytes(8, "big"):
            raise SnapshotCorrupt(f"the export is damaged or cut after {count} snapshots")
        return count


def _discard(draft: trio.Path) -> None:
    """At once and not in a thread: a cancelled task may not wait."""
    Path(draft).unlink(missing_ok=True)
