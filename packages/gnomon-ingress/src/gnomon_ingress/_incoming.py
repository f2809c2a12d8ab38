"""The message of a WebSocket that is arriving: its pieces so far, and how long it may take."""

from __future__ import annotations

import io
import math
from typing import Any

from wsproto.events import BytesMessage, TextMessage


class Incoming:
    """Counts and joins the pieces of one message after the other.

    Args:
        timeout: Seconds from the first byte of a message to its last.
        rate: Bytes per second that prolong it.
    """

    __slots__ = ("_began", "_bytes", "_pieces", "_rate", "_timeout", "fragments", "size")

    def __init__(self, timeout: float, rate: float) -> None:
        self._timeout = timeout
        self._rate = rate
        #: Bytes and frames of the message so far.
        self.size = 0
        self.fragments = 0
        self._pieces: io.StringIO | io.BytesIO | None = None
        # When what is not complete yet began to arrive, and in how many bytes it has.
        self._began: float | None = None
        self._bytes = 0

    def count(self, event: TextMessage | BytesMessage) -> None:
        """Take note of a piece before it is kept."""
        data = event.data
        if isinstance(data, str):
            self.size += len(data) if data.isascii() else len(data.encode())
        else:
            self.size += len(data)
        self.fragments += event.frame_finished

    def join(self, event: TextMessage | BytesMessage) -> str | bytes | None:
        """Keep a piece; return the message if it was the last."""
        data = event.data
        pieces: Any = self._pieces
        if pieces is None:
            if event.message_finished:
                return data if isinstance(data, str) else bytes(data)
            pieces = self._pieces = io.StringIO(newline="") if isinstance(data, str) else io.BytesIO()
        pieces.write(data)
        whole: str | bytes | None = pieces.getvalue() if event.message_finished else None
        return whole

    def clear(self) -> int:
        """Begin the next message; return the size of the last."""
        size, self.size, self.fragments = self.size, 0, 0
        self._pieces = self._began = None
        self._bytes = 0
        return size

    def note(self, count: int, *, complete: bool, now: float) -> None:
        """Take note of bytes that came, and of whether a message or a control frame ended among them."""
        self._bytes += count
        if complete and self._pieces is None:
            # The begin of another may be among them, too; the next byte of that one shows it.
            self._began, self._bytes = None, 0
        elif self._began is None:
            self._began = now

    @property
    def deadline(self) -> float:
        """When what is arriving has to be here, infinite while nothing is."""
        if self._began is None:
            return math.inf
        return self._began + self._timeout + self._bytes / self._rate
