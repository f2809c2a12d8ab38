"""Ages connections and finds clients that left, every 50 ms, so that no request has to look at a clock."""

from __future__ import annotations

import select
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import trio

from ._connection import Connection
from ._limits import ConnectionEvent
from ._output import BODY, HEAD, IDLE, LAST, RUN, SEND, SOCKET

if TYPE_CHECKING:
    from ._server import Server

PERIOD = 0.05

# Where the kernel cannot report a FIN by itself, only a reset or a failed write tells of the client.
_FIN: int = getattr(select, "POLLRDHUP", 0)


class Watchdog:
    """One per server: deadlines, disconnects, the stages of a drain, and the Date field."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._second = -1

    async def run(self) -> None:
        """Tick until cancelled."""
        last = trio.current_time()
        while True:
            await trio.sleep(PERIOD)
            now = trio.current_time()
            self.tick(now - last)
            last = now
            self._server.advance_drain(now)

    def tick(self, passed: float) -> None:
        """Look at every connection; ``passed`` seconds went by since the last time."""
        self.refresh_date()
        running: dict[int, Connection] = {}
        # A copy, because an abort may end connections while we look.
        for connection in list(self._server.connections):
            if connection.seen != connection.sequence:
                connection.seen = connection.sequence
                connection.age = connection.body_age = connection.send_age = 0.0
                connection.transport.sent = 0
            state = connection.state
            if state == RUN:
                # Waiting for the next request starts at zero again.
                connection.age = 0.0
                self._look_for_client(connection, running)
            elif state in (IDLE, HEAD):
                self._age_head(connection, state, passed)
            elif state == BODY:
                self._age_body(connection, passed)
            elif state == SEND:
                self._age_send(connection, passed)
            elif state == SOCKET:
                # A task reads there and sees a FIN in its turn, unless the handler has more messages than it takes.
                self._look_for_client(connection, running)
            else:
                assert state == LAST
        if running:
            self._poll(running)

    def refresh_date(self) -> None:
        """Renew the Date field once a second."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._server.set_date(formatdate(second, usegmt=True))

    def _age_head(self, connection: Connection, state: int, passed: float) -> None:
        limits = self._server.limits
        if state == HEAD and connection.aged != HEAD:
            connection.age = 0.0
        connection.aged = state
        connection.age += passed
        if connection.age > (limits.idle_timeout if state == IDLE else limits.head_timeout):
            self._expire(connection, "idle" if state == IDLE else "head")

    def _age_body(self, connection: Connection, passed: float) -> None:
        limits = self._server.limits
        connection.body_age += passed
        if connection.body_age > limits.body_timeout + connection.received / limits.body_rate:
            self._expire(connection, "body")

    def _age_send(self, connection: Connection, passed: float) -> None:
        limits = self._server.limits
        connection.send_age += passed
        if connection.send_age > limits.send_timeout + connection.transport.sent / limits.send_rate:
            self._expire(connection, "send")

    def _expire(self, connection: Connection, code: str) -> None:
        connection.expire("deadline")
        self._server.report(ConnectionEvent("timeout", code=code))

    def _look_for_client(self, connection: Connection, running: dict[int, Connection]) -> None:
        descriptor = connection.transport.fileno()
        if descriptor >= 0:
            running[descriptor] = connection
        elif (
            _FIN
            and not connection.half_close
            and connection.state == RUN
            and connection.transport.peer_gone()
        ):
            connection.disconnect()

    def _poll(self, running: dict[int, Connection]) -> None:
        poll = select.poll()
        for descriptor, connection in running.items():
            poll.register(descriptor, 0 if connection.state == SOCKET or connection.half_close else _FIN)
        # Errors and hang-ups are always reported; nothing else is, because nothing else is asked for.
        for descriptor, _ in poll.poll(0):
            running[descriptor].disconnect()
