"""Server-Sent Events, as the HTML standard writes them."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import trio

from ._json import dump_json

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b":\n\n"
# Seconds for which the head waits for the first event.
_HEAD_PATIENCE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    r"""One event.

    Args:
        data: Text as it is, anything else as JSON.
        event: Its type; browsers dispatch ``message`` without one.
        id: What the client sends back as ``Last-Event-ID`` when it reconnects.
        retry: Seconds the client should wait before it reconnects.

    >>> Event(data={"n": 1}, event="tick", id="7").encode()
    b'event: tick\nid: 7\ndata: {"n":1}\n\n'
    """

    data: Any
    event: str | None = None
    id: str | None = None
    retry: float | None = None

    def encode(self, *, dump: Callable[[Any], bytes] = dump_json) -> bytes:
        """Return the event as it goes on the wire.

        Args:
            dump: Encodes data that is not text.

        Raises:
            ValueError: ``event`` or ``id`` contains a line break, or ``id`` a NUL.
        """
        lines = []
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None:
                if any(character in value for character in "\r\n\0"):
                    raise ValueError(f"the {name} of an event must fit on one line: {value!r}")
                lines.append(f"{name}: {value}")
        if self.retry is not None:
            lines.append(f"retry: {int(self.retry * 1000)}")
        text = self.data if isinstance(self.data, str) else dump(self.data).decode()
        # splitlines() would also split at characters that are no line break in this format.
        pieces = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        lines += [f"data: {piece}" for piece in pieces]
        return ("\n".join(lines) + "\n\n").encode()


class Encoded:
    """Items of another iterable, encoded as they pass; closing it closes the other."""

    def __init__(self, items: AsyncIterable[Any], encode: Any) -> None:
        self._items = aiter(items)
        self._encode = encode

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        encoded: bytes = self._encode(await anext(self._items))
        return encoded

    async def aclose(self) -> None:
        """Close what stands behind it."""
        close = getattr(self._items, "aclose", None)
        if close is not None:
            await close()


def encode_event(item: Any, dump: Callable[[Any], bytes] = dump_json) -> bytes:
    """Encode an ``Event``, or anything else as the data of one."""
    return (item if isinstance(item, Event) else Event(data=item)).encode(dump=dump)


def encode_line(item: Any, dump: Callable[[Any], bytes] = dump_json) -> bytes:
    """Encode an item as one line of NDJSON."""
    return dump(item) + b"\n"


async def send_with_heartbeat(
    events: AsyncIterator[bytes],
    start: Callable[[], Awaitable[None]],
    write: Callable[[bytes], Awaitable[None]],
    *,
    every: float,
    ending: trio.Event,
) -> None:
    """Send events as they come, and a comment when there has been none to send for long.

    Args:
        events: What is sent.
        start: Sends the head, once; called before anything else, and soon even if there is no event yet.
        write: Sends one piece whole.
        every: Seconds between heartbeats.
        ending: Set when the server stops; then so does the stream.
    """
    lock = trio.Lock()
    failures: list[Exception] = []

    async def keep_alive() -> None:
        # A client waits for the head to know that it is connected, whenever the first event may come.
        await trio.sleep(_HEAD_PATIENCE)
        async with lock:
            await start()
        while True:
            with trio.move_on_after(every):
                await ending.wait()
                # A stream of events never ends by itself; its client reconnects elsewhere.
                return
            async with lock:
                await write(HEARTBEAT)

    async def send_events() -> None:
        async for event in events:
            async with lock:
                await start()
                await write(event)

    async with trio.open_nursery() as nursery:

        async def until_it_ends(run: Callable[[], Awaitable[None]]) -> None:
            try:
                await run()
            except Exception as error:
                failures.append(error)
            # Under the lock, so that the other one is never cut in the middle of a write.
            async with lock:
                nursery.cancel_scope.cancel()

        nursery.start_soon(until_it_ends, keep_alive)
        await until_it_ends(send_events)
    if failures:
        raise failures[0]
    await start()
