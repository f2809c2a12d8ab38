"""What does not end when it is told to is named: nothing else says why a process does not stop."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Sequence
from typing import Any, Final

import trio

from gnomon_context import GlobalContext, LocalContext
from gnomon_context.runtime import live_requests, lone_error
from gnomon_ingress import Server

_logger = logging.getLogger("gnomon")

# Seconds between two looks while a server drains, and what a request gets beyond its time to end.
_PERIOD: Final = 1.0


async def serve_watched(
    server: Server, listeners: Sequence[socket.socket], tls: ssl.SSLContext | None, gctx: GlobalContext[Any]
) -> None:
    """Serve until drained or cancelled, and name in the log the requests that hold up the end."""
    with lone_error():
        async with trio.open_nursery() as nursery:
            # What cancels the server begins its drain, and this is about the drain; it ends with the server.
            watching = trio.CancelScope(shield=True)
            nursery.start_soon(_name_late, server, gctx, watching)
            try:
                await server.serve(listeners, tls=tls)
            finally:
                watching.cancel(reason="the server has ended")


async def _name_late(server: Server, gctx: GlobalContext[Any], watching: trio.CancelScope) -> None:
    with watching:
        await server.drain_begun.wait()
        told: dict[LocalContext, float] = {}
        while True:
            now = trio.current_time()
            for lctx in live_requests(gctx):
                if (
                    lctx.cancel_reason is not None
                    and now - told.setdefault(lctx, now) > server.config.exit_timeout
                ):
                    _name(lctx, now - told[lctx])
                    told[lctx] = float("inf")
            await trio.sleep(_PERIOD)


def _name(lctx: LocalContext, since: float) -> None:
    meta, execution = lctx.meta, lctx.execution
    _logger.error(
        "%s %s (%s, request %s) does not end: it has run for %.1f s, and was told to stop %.1f s ago (%s); "
        "a shield without a deadline holds it, or a thread",
        meta.method,
        meta.route or meta.path,
        execution.handler_id if execution is not None else "no handler",
        meta.request_id,
        meta.elapsed,
        since,
        lctx.cancel_reason,
    )
