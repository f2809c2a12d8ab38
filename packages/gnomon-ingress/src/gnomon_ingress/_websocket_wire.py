"""A WebSocket over an HTTP/1.1 connection: frames by wsproto, limits and deadlines by us (RFC 6455).

One task per WebSocket reads, so that pings are answered and a lost client is noticed whatever the handler does. It runs
in the server's nursery under a scope of its own and ends before the connection does.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

import trio
from wsproto.connection import Connection as FrameConnection
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping, Pong, TextMessage

from ._deflate import negotiate
from ._errors import ClientGone, WebSocketClosed
from ._handshake import acceptance
from ._headers import MutableHeaders
from ._incoming import Incoming
from ._limits import ConnectionEvent
from ._transport import Interrupted

if TYPE_CHECKING:
    from ._carrier import Carrier
    from ._response import Response

_READ = 16 * 1024
# Small frames are cheap to send and dear to parse: other tasks get a turn among them.
_EVENTS_IN_A_ROW = 32
# What waits for the handler before the client has to wait.
_MESSAGES_WAITING = 16
_BYTES_WAITING = 64 * 1024
# Within one ping interval; no honest client comes near.
_CONTROL_FRAMES = 1024

_GOING_AWAY = 1001
_TOO_BIG = 1009
_SHUTTING_DOWN = "the server is shutting down"

LOST = 1006


class WireLink:
    """The server's end of one WebSocket; ``run`` is its reading task.

    Args:
        carrier: The connection that has received the opening request.
        key: Of the opening request.
        subprotocols: Offered by the client.
        extensions: Offered by the client, as they stand in its request.
    """

    def __init__(
        self, carrier: Carrier, key: str, subprotocols: tuple[str, ...], extensions: str = ""
    ) -> None:
        limits = carrier.server.limits
        self._carrier = carrier
        self._key = key
        self.subprotocols: tuple[str, ...] = subprotocols
        self.message_limit: int = limits.message_size
        self.closed: bool = False
        self.close_code: int | None = None
        self.close_reason: str = ""
        #: What an exception of the handler asks for.
        self.failure_code: int = 0
        #: Whether a task reads for this WebSocket.
        self.reading: bool = False
        self._limits = limits
        self._incoming = Incoming(limits.message_timeout, limits.body_rate)
        self._extensions, self._deflate = negotiate(
            extensions,
            carrier.server.config.websocket_deflate,
            lambda: self.message_limit - self._incoming.size,
        )
        self._frames = FrameConnection(
            ConnectionType.SERVER, extensions=[] if self._deflate is None else [self._deflate]
        )
        self._draining = False
        # Whether the handler has learned of the drain, or will when it next receives.
        self._told = False
        self._lock = trio.Lock()
        # Messages that have arrived, and who waits for them or for room.
        self._queue: deque[tuple[str | bytes, int]] = deque()
        self._waiting_bytes = 0
        self._arrived = trio.lowlevel.ParkingLot()
        self._room = trio.lowlevel.ParkingLot()
        self._pong: bytes | None = None
        self._control_frames = 0
        # Since the last look at the clock.
        self._heard = False
        self._held_back = False
        # Set by the next bytes that come, while a ping is out.
        self._sign: trio.Event | None = None
        self._scope = trio.CancelScope()
        self._read_all = trio.Event()
        self._handler_done = trio.Event()

    @property
    def answer(self) -> Response[Any]:
        """The response of the connection."""
        response = self._carrier.response
        assert response is not None
        return response

    async def open(self, subprotocol: str | None, headers: MutableHeaders) -> None:
        """Send ``101 Switching Protocols`` and begin to read."""
        head = acceptance(self._key, subprotocol, self._extensions, headers)
        async with self._lock:
            try:
                await self._carrier.switch_protocols(head)
            except ClientGone:
                self._lose()
                raise
        self.reading = True
        self._draining = self._carrier.server.draining
        self._carrier.server.start_reader(self.run)

    @property
    def draining(self) -> bool:
        """Whether the handler is to come to an end: nothing more is received, and what it sends still goes out."""
        # Whoever asks, knows, and may say goodbye.
        self._told = self._told or self._draining
        return self._draining

    def drain(self) -> None:
        """Tell the handler, by ending what it receives, that the server drains; one that never receives, by its next send."""
        self._draining = True
        self._incoming.clear()
        self._arrived.unpark_all()
        self._room.unpark_all()

    async def receive(self) -> str | bytes:
        """Return the next message."""
        queue = self._queue
        self._told = True
        if queue or self.closed or self._draining:
            await trio.lowlevel.checkpoint()
        while not queue:
            if self.closed:
                raise self._closed_error()
            if self._draining:
                raise WebSocketClosed(_GOING_AWAY, _SHUTTING_DOWN)
            await self._arrived.park()
        message, size = queue.popleft()
        self._waiting_bytes -= size
        self._room.unpark_all()
        return message

    async def send(self, message: str | bytes) -> None:
        """Send one message, in one frame."""
        event: Message[Any] = TextMessage(message) if isinstance(message, str) else BytesMessage(message)
        if self._draining and not self._told:
            await self.close(_GOING_AWAY, _SHUTTING_DOWN)
        async with self._lock:
            if self._deflate is not None:
                await self._deflate.prepare(message)
            if self.closed:
                raise self._closed_error()
            await self._write(event)

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame, and drop what nobody has taken."""
        if not self.closed:
            if self._draining and code in (1000, _GOING_AWAY):
                # Its client is to come back, elsewhere.
                code, reason = _GOING_AWAY, reason or _SHUTTING_DOWN
            self._queue.clear()
            self._waiting_bytes = 0
            await self._shut(code, reason)

    async def finish(self, code: int, reason: str = "") -> None:
        """The handler is over: close, and wait until the client has, within ``close_timeout``."""
        self._handler_done.set()
        if not self.reading:
            return
        await self.close(code, reason)
        with trio.move_on_after(self._limits.close_timeout):
            await self._read_all.wait()
        self._scope.cancel()
        await self._read_all.wait()

    async def run(self) -> None:
        """Read until the WebSocket is closed by its client, or lost."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._keep_alive)
                    await self._read()
                    nursery.cancel_scope.cancel()
                # The handler learns of the close when it next receives or sends. One that does neither is told.
                with trio.move_on_after(self._limits.close_timeout):
                    await self._handler_done.wait()
                    return
                self._carrier.disconnect()
        except Exception as error:
            # A fault of this module must not reach the connections of others.
            self._carrier.report_crash(error)
        finally:
            # Whatever went wrong, nobody is left waiting.
            self._end(LOST, "")
            self._read_all.set()

    async def _read(self) -> None:
        data = self._carrier.take_buffered()
        try:
            while not data or await self._take(data):
                received = await self._receive_in_time()
                if received is None:
                    await self._fail(1008, "slow_message", "a message took too long")
                    return
                data = received
                if not data:
                    break
                self._heard = True
                if self._sign is not None:
                    self._sign.set()
            else:
                return
        except (Interrupted, ClientGone):
            pass
        self._lose()

    async def _receive_in_time(self) -> bytes | None:
        """Return more bytes, none at the end; ``None`` once a message has taken too long."""
        deadline = math.inf if self.closed or self._draining else self._incoming.deadline
        if deadline == math.inf:
            return await self._carrier.receive_frames(_READ)
        with trio.move_on_at(deadline):
            return await self._carrier.receive_frames(_READ)
        return None

    async def _take(self, data: bytes) -> bool:
        """Parse what came; return whether more is to be read."""
        complete = False
        self._frames.receive_data(data)
        for number, event in enumerate(self._frames.events(), 1):
            if not number % _EVENTS_IN_A_ROW:
                await trio.lowlevel.checkpoint()
            if isinstance(event, (TextMessage, BytesMessage)):
                complete |= event.message_finished
                if not (self.closed or self._draining) and not await self._gather(event):
                    return False
            elif isinstance(event, CloseConnection):
                await self._take_close(event)
                return False
            else:
                complete = True
                self._control_frames += 1
                if self._control_frames > _CONTROL_FRAMES:
                    await self._fail(1008, "control_flood", "too many control frames")
                    return False
                if isinstance(event, Ping):
                    # Only the last one has to be answered (RFC 6455, section 5.5.3).
                    self._pong = bytes(event.payload)
        await self._answer_ping()
        self._incoming.note(len(data), complete=complete, now=trio.current_time())
        return True

    async def _answer_ping(self) -> None:
        # Whoever holds the lock sends it behind what it sends.
        if self._pong is not None and not self._lock.locked():
            async with self._lock:
                await self._write(None)

    async def _gather(self, event: TextMessage | BytesMessage) -> bool:
        """Take a piece of a message; return whether it is within the limits."""
        incoming = self._incoming
        incoming.count(event)
        if incoming.size > self.message_limit:
            await self._fail(_TOO_BIG)
            return False
        if incoming.fragments > self._limits.message_fragments:
            await self._fail(1008, "too_many_fragments", "a message has too many fragments")
            return False
        message = incoming.join(event)
        if message is not None:
            await self._deliver(message)
        return True

    async def _deliver(self, message: str | bytes) -> None:
        """Hand a message over, and wait while the handler has enough."""
        size = self._incoming.clear()
        self._queue.append((message, size))
        self._waiting_bytes += size
        self._arrived.unpark()
        while len(self._queue) >= _MESSAGES_WAITING or self._waiting_bytes >= _BYTES_WAITING:
            if self.closed or self._draining:
                return
            self._held_back = True
            if self._pong is None or self._lock.locked():
                await self._room.park()
            else:
                await self._answer_ping()
        self._held_back = False

    async def _take_close(self, event: CloseConnection) -> None:
        state = self._frames.state
        if state is ConnectionState.REMOTE_CLOSING:
            self._end(int(event.code), event.reason or "")
            await self._say_goodbye(event.response())
        elif state is not ConnectionState.CLOSED:
            # wsproto reports bytes that are no frames in the same way, and so what our extension refuses.
            await self._fail(int(event.code), "malformed_frame", event.reason or "")

    async def _fail(self, code: int, name: str = "", reason: str = "") -> None:
        """Close because of what the client sent."""
        if code == _TOO_BIG:
            name, reason = "message_too_large", f"a message has more than {self.message_limit} bytes"
        self._carrier.server.report(ConnectionEvent("refused", code, name, reason))
        await self._shut(code, reason)

    async def _shut(self, code: int, reason: str) -> None:
        self._end(code, reason)
        await self._say_goodbye(CloseConnection(code, reason))

    async def _say_goodbye(self, event: CloseConnection) -> None:
        async with self._lock:
            try:
                await self._write(event)
            except ClientGone:
                # It has what it wanted.
                pass

    async def _write(self, event: Event | None) -> None:
        """Send a frame, and the answer to the last ping behind it; the lock is held."""
        try:
            await self._carrier.send_frames(self._encode(event))
            while self._pong is not None:
                # It came while the frame waited for the client, and nobody else would answer it.
                await self._carrier.send_frames(self._encode(None))
        except ClientGone:
            self._lose()
            raise
        except BaseException:
            # Whoever sends gave up half-way, so it is the one who knows: nobody has to tell it.
            self._end(LOST, "")
            self._scope.cancel()
            raise

    def _encode(self, event: Event | None) -> bytearray:
        """Return a frame and a pong that is due, as far as either can still be sent."""
        frames = self._frames
        data = bytearray()
        pong, self._pong = self._pong, None
        # While it waited for the lock, a close may have made it pointless.
        if frames.state is ConnectionState.OPEN or (
            frames.state is ConnectionState.REMOTE_CLOSING and isinstance(event, CloseConnection)
        ):
            if event is not None:
                data += frames.send(event)
            if pong is not None and frames.state is ConnectionState.OPEN:
                data += frames.send(Pong(pong))
        return data

    async def _keep_alive(self) -> None:
        """Ping a client that says nothing."""
        carrier, limits = self._carrier, self._limits
        try:
            while not self.closed:
                await trio.sleep(limits.ping_interval)
                if not (self.closed or self._heard or self._held_back):
                    self._sign = sign = trio.Event()
                    async with self._lock:
                        await self._write(Ping())
                    with trio.move_on_after(limits.pong_timeout):
                        await sign.wait()
                    self._sign = None
                    if not (self._heard or self._held_back):
                        carrier.server.report(ConnectionEvent("timeout", code="pong"))
                        break
                self._heard = False
                self._control_frames = 0
            else:
                return
        except ClientGone:
            pass
        self._lose()
        self._scope.cancel()

    def _lose(self) -> None:
        """The connection is gone: nothing more comes or goes."""
        self._end(LOST, "")
        if not self._handler_done.is_set():
            self._carrier.disconnect()

    def _end(self, code: int, reason: str) -> None:
        """Let nothing more be sent; the first to say so says why."""
        if self.closed:
            return
        self.closed = True
        self.close_code, self.close_reason = code, reason
        self._arrived.unpark_all()
        self._room.unpark_all()

    def _closed_error(self) -> WebSocketClosed:
        return WebSocketClosed(LOST if self.close_code is None else self.close_code, self.close_reason)
