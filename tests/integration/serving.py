"""An application behind a real socket, and a real client before it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import trio

from gnomon import App


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """Serve on a free port of loopback for as long as the block runs."""
    async with trio.open_nursery() as nursery:
        url: str = await nursery.start(app.serve, "127.0.0.1", 0)
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            yield client
        nursery.cancel_scope.cancel()
