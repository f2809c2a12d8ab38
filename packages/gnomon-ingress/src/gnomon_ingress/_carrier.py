"""What a WebSocket needs of the connection that carries its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ._response import Response
    from ._server import Server


class Carrier(Protocol):
    """What a WebSocket needs of its connection."""

    @property
    def server(self) -> Server:
        """Limits, drain, events."""
        ...

    response: Response[Any] | None

    def take_buffered(self) -> bytes:
        """Return the bytes that came behind the opening request."""
        ...

    async def receive_frames(self, size: int) -> bytes:
        """Return more bytes, none at the end; raises ``Interrupted``."""
        ...

    async def send_frames(self, data: bytes | bytearray) -> None:
        """Write under the send deadline; raises ``ClientGone``."""
        ...

    async def switch_protocols(self, head: bytes) -> None:
        """Write the head of the acceptance."""
        ...

    def disconnect(self) -> None:
        """Tell the handler that its client left."""
        ...

    def report_crash(self, error: Exception) -> None:
        """Take note of a fault."""
        ...
