"""Listening, accepting, and draining."""

from __future__ import annotations

import errno
import logging
import select
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import trio

from ._compression import available
from ._connection import Connection, Dispatch
from ._limits import Config, ConnectionEvent, Limits
from ._listeners import Listener, described, open_tcp_listeners
from ._output import HEAD, IDLE
from ._proxy import Networks
from ._ready import note_accepting
from ._request import Client, Request
from ._response import Response
from ._transport import Interrupted, SocketTransport, StreamTransport, Transport
from ._watchdog import Watchdog
from ._wire import Heads, canned

logger = logging.getLogger("gnomon_ingress")

_OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_BACK_OFF = 0.1
# A storm of connections must not hold up those that are open: they get a turn after each one that is welcomed, and after so
# many that were reset before.
_ACCEPTS_IN_A_ROW = 8
# Seconds without a request after which a drain ends a connection: whoever has just connected, or had an answer, may be about
# to send one, which an end that crosses it on its way would lose. Its answer then says that it is the last.
_QUIET = 1.0


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """What a server is doing at one moment, for tools and tests."""

    connections: int
    running: int
    draining: bool


class Server:
    """One server over one ``Dispatch``: its connections, its watchdog, its drain.

    ``serve`` is the short way; a ``Server`` of your own can be asked and drained while it runs.

    Args:
        dispatch: Called with each request and its response.
        config: How it behaves.
    """

    def __init__(self, dispatch: Dispatch, *, config: Config | None = None) -> None:
        self.dispatch: Dispatch = dispatch
        config = config or Config()
        self.config: Config = config
        self.limits: Limits = config.limits
        self.body_limit: int = config.limits.body_size
        self.requests_per_connection: int = config.limits.requests_per_connection
        self.trusted: Networks = config.trusted_networks()
        self.connections: set[Connection] = set()
        self.draining: bool = False
        self.heads: Heads = Heads(b"")
        # The asterisk asks about the server as a whole (RFC 9110, section 9.3.7), so no route can answer it.
        self.reserved: frozenset[str] = frozenset(
            path for path in (config.live_path, config.ready_path, "*") if path is not None
        )
        self._listeners: list[Listener] = []
        self.codings: dict[str, Callable[[bytes], bytes]] = (
            available() if config.compress_from is not None else {}
        )
        self._accepting = trio.Event()
        self._asked_to_drain = trio.Event()
        self._ended = trio.Event()
        #: Set once a drain has begun.
        self.drain_begun: trio.Event = trio.Event()
        self._drain_started = 0.0
        self._stage = 0
        self._nursery: trio.Nursery | None = None
        self._watchdog = Watchdog(self)
        self._watchdog.refresh_date()

    @property
    def addresses(self) -> tuple[tuple[str, int] | str, ...]:
        """Where the server listens: ``(host, port)``, or the path of a Unix socket."""
        names = [listener.socket.getsockname() for listener in self._listeners]
        return tuple(name if isinstance(name, str) else name[:2] for name in names)

    def statistics(self) -> ServerStatistics:
        """Return what the server is doing now."""
        running = sum(connection.state not in (IDLE, HEAD) for connection in self.connections)
        return ServerStatistics(len(self.connections), running, self.draining)

    def drain(self) -> None:
        """Stop accepting, let running requests finish, then end ``serve``; may be called from any task."""
        self._asked_to_drain.set()

    def hasten(self) -> None:
        """End the grace of a drain under way now: what still runs is told to stop, and has the exit timeout for it."""
        if self.draining:
            self._drain_started = min(self._drain_started, trio.current_time() - self.config.drain_grace)

    async def serve(
        self,
        listeners: Sequence[socket.socket | Listener],
        *,
        tls: ssl.SSLContext | None = None,
        task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve listening sockets until drained or cancelled; a cancellation drains too, and a second Ctrl-C hastens it.

        Args:
            listeners: Non-blocking listening sockets, or ``Listener``s that say more about one; the server closes them.
            tls: Wraps every connection if given.
            task_status: Started with the server once it accepts.
        """
        self._listeners = described(listeners)
        try:
            async with trio.open_nursery() as outside:
                try:
                    # Not start(): cancelled in the meantime, it would wait for a task that waits for the drain we begin below.
                    outside.start_soon(self._run_shielded, tls)
                    await self._accepting.wait()
                    task_status.started(self)
                    await self._asked_to_drain.wait()
                finally:
                    self._begin_drain()
                    await self._wait_for_end()
        except BaseExceptionGroup as group:
            # That there is a nursery is nobody's business; who presses Ctrl-C expects a KeyboardInterrupt.
            lone = _only_member(group)
            if lone is None:
                raise
            context = lone.__context__
            try:
                raise lone
            finally:
                lone.__context__ = context
                del lone, context

    async def _wait_for_end(self) -> None:
        impatient: KeyboardInterrupt | None = None
        # What is waited for has its own end: grace and exit timeout.
        with trio.CancelScope(shield=True):
            while not self._ended.is_set():
                try:
                    await self._ended.wait()
                except KeyboardInterrupt as error:
                    impatient = error
                    self.hasten()
        # The first interrupt is on its way already, if that was what began the drain.
        if impatient is not None and not isinstance(sys.exception(), KeyboardInterrupt):
            raise impatient

    async def _run_shielded(self, tls: ssl.SSLContext | None) -> None:
        # Cancelling serve() begins a drain; the watchdog ends what is inside, at the latest after grace and exit timeout.
        try:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    nursery.start_soon(self._watchdog.run)
                    for listener in self._listeners:
                        nursery.start_soon(self._accept, listener, tls)
                    self._accepting.set()
                    note_accepting(listener.socket for listener in self._listeners)
                    # A cancellation may have begun the drain before there was anything to end.
                    self._end_if_empty()
        finally:
            self._ended.set()

    def _begin_drain(self) -> None:
        self.draining = True
        self.drain_begun.set()
        self._drain_started = trio.current_time()
        for listener in self._listeners:
            trio.lowlevel.notify_closing(listener.socket)
            listener.socket.close()
        for connection in self.connections:
            connection.close_after_answer()
            if connection.link is not None:
                connection.link.drain()
        self._end_idle()
        self._end_if_empty()

    def _end_idle(self) -> None:
        """End the connections that nobody uses; not those whose next request is here, or may be about to be."""
        idle = [
            connection
            for connection in self.connections
            if connection.state == IDLE and connection.age > _QUIET and connection.seen == connection.sequence
        ]
        poll = select.poll()
        for descriptor in {connection.transport.fileno() for connection in idle} - {-1}:
            poll.register(descriptor, select.POLLIN)
        unread = {descriptor for descriptor, _ in poll.poll(0)}
        for connection in idle:
            if connection.transport.fileno() not in unread:
                connection.expire("shutdown")

    def advance_drain(self, now: float) -> None:
        """Take the next stage of a drain when its time has come."""
        if not self.draining:
            return
        self._end_idle()
        waited = now - self._drain_started
        if self._stage == 0 and waited >= self.config.drain_grace:
            self._stage = 1
            for connection in list(self.connections):
                connection.shut_down()
        if self._stage == 1 and waited >= self.config.drain_grace + self.config.exit_timeout:
            self._stage = 2
            assert self._nursery is not None
            self._nursery.cancel_scope.cancel()

    async def _accept(self, listener: Listener, tls: ssl.SSLContext | None) -> None:
        while not self.draining:
            try:
                await trio.lowlevel.wait_readable(listener.socket)
            except trio.ClosedResourceError:
                return
            for _ in range(_ACCEPTS_IN_A_ROW):
                try:
                    sock, address = listener.socket.accept()
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno in _OUT_OF_RESOURCES:
                        # The connection stays in the backlog until there is a descriptor for it.
                        self.report(ConnectionEvent("accept", error=error))
                        await trio.sleep(_BACK_OFF)
                    break
                if self._welcome(sock, address, tls, listener.half_close):
                    break

    def _welcome(
        self, sock: socket.socket, address: object, tls: ssl.SSLContext | None, half_close: bool | None
    ) -> bool:
        """Start serving a connection; return whether there was one to serve."""
        assert self._nursery is not None
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            # Reset while it waited to be accepted: a storm of these must cost as little as it can.
            sock.close()
            return False
        sock.setblocking(False)
        if len(self.connections) >= self.limits.connections:
            self._turn_away(sock)
            return True
        if isinstance(address, tuple):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = Client(address[0], address[1])
        else:
            client = Client("", 0)
        if tls is None:
            connection = self.start_connection(SocketTransport(sock), client=client)
        else:
            connection = self._start_tls(sock, tls, client)
        if half_close is not None:
            connection.half_close = half_close
        return True

    def start_connection(self, transport: Transport, *, client: Client | None) -> Connection:
        """Serve one transport beside those that were accepted."""
        assert self._nursery is not None
        connection = Connection(self, transport, client=client)
        self.connections.add(connection)
        self._nursery.start_soon(connection.run)
        return connection

    def start_reader(self, read: Callable[[], Awaitable[None]]) -> None:
        """Run the reading task of a WebSocket beside its connection, which waits for its end."""
        assert self._nursery is not None
        self._nursery.start_soon(read)

    def forget(self, connection: Connection) -> None:
        """Take note of the end of a connection; the last one ends a drain."""
        self.connections.discard(connection)
        self._end_if_empty()

    def _end_if_empty(self) -> None:
        if self.draining and not self.connections and self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    def _start_tls(self, sock: socket.socket, tls: ssl.SSLContext, client: Client) -> Connection:
        assert self._nursery is not None
        stream = trio.SSLStream(
            trio.SocketStream(trio.socket.from_stdlib_socket(sock)),
            tls,
            server_side=True,
            https_compatible=True,
        )
        transport = StreamTransport(stream, sock=sock)
        connection = Connection(self, transport, client=client, scheme="https")
        # A handshake counts as a connection, so that slow ones cannot add up.
        self.connections.add(connection)
        connection.state = HEAD
        self._nursery.start_soon(self._serve_tls, connection, transport)
        return connection

    async def _serve_tls(self, connection: Connection, transport: StreamTransport) -> None:
        try:
            await transport.handshake()
        except (Interrupted, trio.BrokenResourceError, trio.ClosedResourceError):
            return
        finally:
            if not transport.ready:
                transport.close()
                self.forget(connection)
        connection.state = IDLE
        await connection.run()

    def _turn_away(self, sock: socket.socket) -> None:
        self.report(ConnectionEvent("overload", 503, "too_many_connections"))
        answer = canned(
            503, code="too_many_connections", detail="The server has no connection to spare.",
            shared=self.heads.shared, extra=b"retry-after: 1\r\n",
        )  # fmt: skip
        try:
            sock.send(answer)
        except OSError:
            pass
        sock.close()

    def set_date(self, date: str) -> None:
        """Renew the fields that all responses share."""
        server = self.config.server_header
        shared = f"date: {date}\r\n" + (f"server: {server}\r\n" if server else "")
        self.heads = Heads(shared.encode("latin-1"))

    def report(self, event: ConnectionEvent) -> None:
        """Hand an event to the configured listener."""
        listener = self.config.on_event
        if listener is None:
            return
        try:
            listener(event)
        except Exception:
            # An observer must not decide about connections.
            logger.exception("Config.on_event raised")

    async def answer_health(self, request: Request[Any, Any, Any], response: Response[Any]) -> None:
        """Answer a liveness or readiness probe or ``OPTIONS *``, whatever the state of the application."""
        if request.path == "*":
            response.empty()
            return
        if request.path == self.config.live_path or (not self.draining and await self._is_ready()):
            response.text("ok\n")
        else:
            response.problem(503, code="not_ready", detail="This server takes no work at the moment.")

    async def _is_ready(self) -> bool:
        answer = True if self.config.is_ready is None else self.config.is_ready()
        return answer if isinstance(answer, bool) else await answer


def _only_member(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """Return the one exception inside, however deep; ``None`` if there are several."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        if len(error.exceptions) != 1:
            return None
        error = error.exceptions[0]
    return error


async def serve(
    dispatch: Dispatch,
    host: str,
    port: int,
    *,
    config: Config | None = None,
    tls: ssl.SSLContext | None = None,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve HTTP on every address of a host, until cancelled; a cancellation drains.

    Args:
        dispatch: ``async (req, res) -> None``.
        host: A name or an address.
        port: 0 lets the system choose; ``server.addresses`` of the started ``Server`` tells.
        config: Limits, drain, proxies, health.
        tls: Speaks HTTPS if given.
        task_status: Started with the ``Server`` once it accepts.

    Raises:
        OSError: The address is in use or not ours.
    """
    server = Server(dispatch, config=config)
    listeners = open_tcp_listeners(host, port, backlog=server.config.backlog)
    await server.serve(listeners, tls=tls, task_status=task_status)
