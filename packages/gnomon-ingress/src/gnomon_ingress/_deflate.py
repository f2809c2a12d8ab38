"""Compressed messages of WebSockets (RFC 7692), inflated no further than a message may grow."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

import trio
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

from ._limits import Deflate

_NAME = "permessage-deflate"
_BITS = re.compile(r'"?([89]|1[0-5])"?')
#: Every message ends with these, and every sender leaves them out.
_TAIL = b"\x00\x00\xff\xff"
# zlib's scale of 1 to 9: 16 KiB of hash tables, as much as a window of 12 bits takes.
_MEMORY_LEVEL = 5
# As of HTTP bodies: what takes longer than a hop into a thread.
_THREAD_FROM = 64 * 1024
# Compressed bytes a message may have beyond twice its limit: empty blocks and the seams of fragments.
_SLACK = 1024


def negotiate(
    field: str, settings: Deflate | None, room: Callable[[], int]
) -> tuple[str, PerMessageDeflate | None]:
    """Choose the first offer that can be taken, and say what is answered: an empty field and ``None`` if there is none.

    Args:
        field: ``Sec-WebSocket-Extensions`` of the opening request.
        settings: What the server wants, ``None`` for no compression.
        room: How many more bytes the message that is arriving may have.

    >>> field, _ = negotiate("permessage-deflate; client_max_window_bits", Deflate(), lambda: 100)
    >>> field
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=12'
    """
    if settings is None:
        return "", None
    for offer in field.split(","):
        name, *parts = [part.strip(" \t") for part in offer.split(";")]
        parameters = _parameters(parts)
        if name == _NAME and parameters is not None:
            return _accept(parameters, settings, room)
    return "", None


def _parameters(parts: list[str]) -> dict[str, int] | None:
    """Read the parameters of an offer; ``None`` for one that has to be declined (section 7.1)."""
    found: dict[str, int] = {}
    for part in parts:
        name, equals, value = (text.strip(" \t") for text in part.partition("="))
        bits = _BITS.fullmatch(value)
        if name in found:
            return None
        if name in ("server_no_context_takeover", "client_no_context_takeover") and not equals:
            found[name] = 0
        elif name == "client_max_window_bits" and not equals:
            found[name] = 15
        elif name in ("server_max_window_bits", "client_max_window_bits") and bits is not None:
            found[name] = int(bits[1])
        else:
            return None
    # zlib cannot write for a window of 8 bits.
    return None if found.get("server_max_window_bits") == 8 else found


def _accept(
    parameters: dict[str, int], settings: Deflate, room: Callable[[], int]
) -> tuple[str, PerMessageDeflate]:
    field = _NAME
    keep_ours = settings.context_takeover and "server_no_context_takeover" not in parameters
    keep_theirs = settings.context_takeover and "client_no_context_takeover" not in parameters
    ours, theirs = settings.window_bits, 15
    if not keep_ours:
        field += "; server_no_context_takeover"
    if not keep_theirs:
        field += "; client_no_context_takeover"
    if "server_max_window_bits" in parameters:
        ours = min(ours, parameters["server_max_window_bits"])
        field += f"; server_max_window_bits={ours}"
    if "client_max_window_bits" in parameters:
        theirs = min(settings.window_bits, parameters["client_max_window_bits"])
        field += f"; client_max_window_bits={theirs}"
    extension = PerMessageDeflate(
        room, settings.compress_from, ours=ours, theirs=theirs, keep_ours=keep_ours, keep_theirs=keep_theirs
    )
    return field, extension


class PerMessageDeflate(Extension):
    """Inflates what comes and deflates what goes.

    wsproto brings an extension of its own, which inflates whatever it is given before anybody can look at the size.

    Args:
        room: How many more bytes the message that is arriving may have.
        compress_from: Bytes from which messages are compressed.
        ours: Bits of the window we write for.
        theirs: Bits of the window the client writes for.
        keep_ours: Whether our window goes on from message to message.
        keep_theirs: Whether the client's does.
    """

    name = _NAME

    def __init__(
        self,
        room: Callable[[], int],
        compress_from: int,
        *,
        ours: int,
        theirs: int,
        keep_ours: bool,
        keep_theirs: bool,
    ) -> None:
        self._room = room
        self._compress_from = compress_from
        self._ours, self._theirs = ours, theirs
        self._keep_ours, self._keep_theirs = keep_ours, keep_theirs
        self._deflater: zlib._Compress | None = None
        self._inflater: zlib._Decompress | None = None
        # What the next message becomes, if that is known.
        self._prepared: tuple[bool, bytes] | None = None
        # Whether a control frame is arriving; of the message: whether it is compressed, and its bytes before and after.
        self._control = False
        self._compressed = False
        self._taken = self._given = 0

    def enabled(self) -> bool:
        """Whether it was negotiated: it is made when it was."""
        return True

    def offer(self) -> bool:
        """Nothing: a server is offered things."""
        return False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002 — wsproto passes it
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,  # noqa: ARG002 — wsproto passes it
    ) -> CloseReason | RsvBits:
        """Note whether a message is compressed; only its first frame may say so (section 6)."""
        self._control = opcode.iscontrol()
        if rsv.rsv1 and (self._control or opcode is Opcode.CONTINUATION):
            return CloseReason.PROTOCOL_ERROR
        if not self._control and opcode is not Opcode.CONTINUATION:
            self._compressed = rsv.rsv1
            self._taken = self._given = 0
        return RsvBits(True, False, False)

    def frame_inbound_payload_data(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002 — wsproto passes it
        data: bytes,
    ) -> bytes | CloseReason:
        """Inflate a piece of a message."""
        if self._control or not self._compressed:
            return data
        self._taken += len(data)
        # What inflates to nothing is bounded as well.
        if self._taken > 2 * (self._given + self._room()) + _SLACK:
            return CloseReason.MESSAGE_TOO_BIG
        piece = self._inflate(data)
        # Behind the end of a stream zlib keeps whatever comes; one byte may be there (section 7.2.3.4).
        if self._inflater is not None and len(self._inflater.unused_data) > 1:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return piece

    def frame_inbound_complete(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002 — wsproto passes it
        fin: bool,
    ) -> bytes | CloseReason | None:
        """Inflate what a message has left out at its end."""
        if self._control or not self._compressed or not fin:
            return None
        rest = self._inflate(_TAIL)
        # A client may end its stream with a message; the next one then begins afresh.
        if not self._keep_theirs or (self._inflater is not None and self._inflater.eof):
            self._inflater = None
        return rest

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        if self._inflater is None:
            self._inflater = zlib.decompressobj(-max(self._theirs, 9))
        room = max(self._room(), 0)
        try:
            # One byte more than there is room for is enough to know.
            piece = self._inflater.decompress(data, room + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._given += len(piece)
        return piece if len(piece) <= room else CloseReason.MESSAGE_TOO_BIG

    def frame_outbound(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002 — wsproto passes it
        opcode: Opcode,
        rsv: RsvBits,
        data: bytes,
        fin: bool,  # noqa: ARG002 — every message leaves in one frame
    ) -> tuple[RsvBits, bytes]:
        """Deflate a message that is worth it."""
        if opcode.iscontrol():
            return rsv, data
        prepared, self._prepared = self._prepared, None
        compressed, payload = prepared or self._deflate(data)
        return RsvBits(compressed, rsv.rsv2, rsv.rsv3), payload

    async def prepare(self, message: str | bytes) -> None:
        """Deflate the next message in a thread if it is large enough to hold up others."""
        if len(message) >= _THREAD_FROM:
            data = message.encode() if isinstance(message, str) else message
            self._prepared = await trio.to_thread.run_sync(self._deflate, data)

    def _deflate(self, data: bytes) -> tuple[bool, bytes]:
        """Return whether it is compressed, and what goes on the wire."""
        if len(data) < self._compress_from:
            return False, data
        deflater = self._deflater
        if deflater is None:
            deflater = zlib.compressobj(wbits=-self._ours, memLevel=_MEMORY_LEVEL)
        small = (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)
        if self._keep_ours:
            # What went into the window has to reach the client, be it no smaller.
            self._deflater = deflater
            return True, small
        return (True, small) if len(small) < len(data) else (False, data)
