"""Snapshots of failed requests, in a SQLite file of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gnomon import LocalContext, Request, Response
from gnomon_snapshot import SnapshotNotFound, SnapshotStore, SqliteStore, capture

from .shapes import Failure


class FailureLog:
    """Writes what a failed request looked like, and reads it back."""

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store

    async def write(self, req: Request[Any], res: Response[Any], lctx: LocalContext) -> None:
        """Keep a snapshot of a request as it is now."""
        await self._store.put(capture(lctx, request=req, response=res))

    async def read(self, request_id: str) -> Failure | None:
        """What is known of a failed request."""
        try:
            snapshot = await self._store.get(request_id)
        except SnapshotNotFound:
            return None
        return {"request_id": request_id, "phase": snapshot.phase, "path": snapshot.meta.path}


@asynccontextmanager
async def open_failures(path: str) -> AsyncIterator[FailureLog]:
    """Open the file for as long as the application lives."""
    async with SqliteStore(path) as store:
        yield FailureLog(store)
