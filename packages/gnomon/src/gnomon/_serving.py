"""Serving an application until it is told to stop: announced, drained, shut down, in this order."""

from __future__ import annotations

import inspect
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

import trio

from gnomon_context import GlobalContext
from gnomon_context.runtime import lone_error
from gnomon_ingress import Server, open_tcp_listeners

# Seconds for all callbacks that run while the shutdown is announced and requests are still served.
_ANNOUNCEMENT: Final = 10.0


class Openable(Protocol):
    """What can be started, and shut down at the end of a block."""

    def open(self) -> AbstractAsyncContextManager[GlobalContext[Any]]:
        """Start it for the block."""


async def serve(
    app: Openable,
    server: Server,
    host: str,
    port: int,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Open an application and serve it until cancelled or drained; started with the URL."""
    async with app.open():
        await _listen(server, host, port, task_status=task_status)


async def _listen(server: Server, host: str, port: int, *, task_status: trio.TaskStatus[str]) -> None:
    listeners = open_tcp_listeners(host, port, backlog=server.config.backlog)
    name, bound = listeners[0].getsockname()[:2]
    task_status.started(f"http://{f'[{name}]' if ':' in name else name}:{bound}")
    await server.serve(listeners)


async def serve_until_signalled(
    app: Openable, server: Server, host: str, port: int, ready: Callable[[str], object] | None
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        app: The application.
        server: Serves it.
        host: A name or an address.
        port: 0 takes a free one.
        ready: Called with the URL once requests are answered.
    """
    serving = trio.CancelScope()
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals, lone_error():
        async with trio.open_nursery() as nursery:
            stop = _Stop(serving, server)
            nursery.start_soon(stop.obey, signals)
            with serving:
                async with app.open() as stop.gctx, trio.open_nursery() as running:
                    url = await running.start(_listen, server, host, port)
                    if ready is not None:
                        ready(url)
            nursery.cancel_scope.cancel(reason="the server has stopped")


class _Stop:
    """What signals do to an application that is served."""

    def __init__(self, serving: trio.CancelScope, server: Server) -> None:
        self._serving = serving
        self._server = server
        #: The application, once it is open.
        self.gctx: GlobalContext[Any] | None = None

    async def obey(self, signals: AsyncIterator[int]) -> None:
        """Announce the shutdown and stop serving at the first signal; a second one ends the grace of what still runs."""
        await anext(signals)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hasten, signals)
            if self.gctx is not None:
                await self.gctx.begin_shutdown(timeout=_ANNOUNCEMENT)
            self._serving.cancel(reason="asked to stop by a signal")

    async def _hasten(self, signals: AsyncIterator[int]) -> None:
        async for _ in signals:
            await self._server.drain_begun.wait()
            self._server.hasten()


async def answered(question: Callable[[], bool | Awaitable[bool]]) -> bool:
    """What a function says, sync or async."""
    answer = question()
    return await answer if inspect.isawaitable(answer) else answer
