"""Serving an application until it is told to stop: announced, drained, shut down, in this order."""

from __future__ import annotations

import inspect
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import trio

from gnomon_context import GlobalContext
from gnomon_context.runtime import lone_error
from gnomon_ingress import Server, open_tcp_listeners, open_unix_listener, run_workers

from ._late import serve_watched

# Seconds for all callbacks that run while the shutdown is announced and requests are still served.
_ANNOUNCEMENT: Final = 10.0

# What ends an application that is served.
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

Ready = Callable[[str], object]


class Openable(Protocol):
    """What can be started, and shut down at the end of a block."""

    def open(self) -> AbstractAsyncContextManager[GlobalContext[Any]]:
        """Start it for the block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an application is served.

    Args:
        host: A name or an address.
        port: 0 takes a free one.
        uds: The path of a Unix socket, in place of host and port; it is removed at the end.
        uds_mode: Its permissions.
        tls: Speaks HTTPS if given.
        listeners: Sockets that listen already, in place of host and port.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    uds: str | os.PathLike[str] | None = None
    uds_mode: int = 0o600
    tls: ssl.SSLContext | None = None
    listeners: Sequence[socket.socket] = ()

    def listen(self, backlog: int) -> list[socket.socket]:
        """Listen there.

        Raises:
            OSError: The address is in use or not ours.
        """
        if self.listeners:
            return list(self.listeners)
        if self.uds is not None:
            return [open_unix_listener(os.fspath(self.uds), backlog=backlog, mode=self.uds_mode)]
        return open_tcp_listeners(self.host, self.port, backlog=backlog)

    def url(self, listener: socket.socket) -> str:
        """What a client asks for to reach a socket."""
        name = listener.getsockname()
        if isinstance(name, str):
            return f"unix:{name}"
        host, port = name[:2]
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def leave(self) -> None:
        """Remove what listening has left behind."""
        if self.uds is not None:
            Path(self.uds).unlink(missing_ok=True)


async def serve(
    app: Openable,
    server: Server,
    address: Address,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Open an application and serve it until cancelled or drained; started with the URL."""
    async with app.open() as gctx:
        await _listen(server, address, gctx, task_status=task_status)


async def _listen(
    server: Server, address: Address, gctx: GlobalContext[Any], *, task_status: trio.TaskStatus[str]
) -> None:
    listeners = address.listen(server.config.backlog)
    task_status.started(address.url(listeners[0]))
    try:
        await serve_watched(server, listeners, address.tls, gctx)
    finally:
        address.leave()


async def serve_until_signalled(
    app: Openable,
    server: Server,
    address: Address,
    ready: Ready | None,
    signals: Sequence[signal.Signals] = _SIGNALS,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        app: The application.
        server: Serves it.
        address: Where.
        ready: Called with the URL once requests are answered.
        signals: The signals that are obeyed.
    """
    serving = trio.CancelScope()
    with trio.open_signal_receiver(*signals) as received, lone_error():
        async with trio.open_nursery() as nursery:
            stop = _Stop(serving, server)
            nursery.start_soon(stop.obey, received)
            with serving:
                async with app.open() as gctx, trio.open_nursery() as running:
                    stop.gctx = gctx
                    url = await running.start(_listen, server, address, gctx)
                    if ready is not None:
                        ready(url)
            nursery.cancel_scope.cancel(reason="the server has stopped")


def serve_with_workers(
    app: Openable, make_server: Callable[[], Server], address: Address, workers: int, ready: Ready | None
) -> None:
    """Serve in several processes on one port until SIGINT or SIGTERM.

    Args:
        app: The application, which every process opens for itself.
        make_server: Makes what serves it.
        address: Where.
        workers: How many processes.
        ready: Called in each with the URL once it answers requests.

    Raises:
        ValueError: A Unix socket, or port 0.
        OSError: The address is in use or not ours.
    """
    if address.uds is not None:
        raise ValueError("workers share a port, not a Unix socket: serve each of them on a socket of its own")

    def work(listeners: list[socket.socket]) -> None:
        inherited = Address(tls=address.tls, listeners=listeners)
        trio.run(serve_until_signalled, app, make_server(), inherited, ready)

    run_workers(work, address.host, address.port, workers=workers)


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
