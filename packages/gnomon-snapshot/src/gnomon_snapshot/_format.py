"""The envelope: magic, format version, digest, then one CBOR map (RFC 8949).

offset  bytes  what
0       4      `GNSN`
4       1      format version
5       32     SHA-256 of the byte at 4 and of everything from 37 on
37      …      the body
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._errors import SnapshotCorrupt, SnapshotTooNew

MAGIC: Final = b"GNSN"
VERSION: Final = 1
_START: Final = len(MAGIC) + 1 + 32
MAX_DEPTH: Final = 400  # 64 containers are at most four CBOR containers each, and some for the frame


def pack(body: dict[str, Any], *, magic: bytes = MAGIC) -> bytes:
    """Encode a tree into an envelope."""
    try:
        encoded = _recording(body) if "recording" in body else cbor2.dumps(body)
    except UnicodeEncodeError:
        encoded = cbor2.dumps(without_surrogates(body))
    version = bytes((VERSION,))
    return magic + version + hashlib.sha256(version + encoded).digest() + encoded


# The lifecycle of one request is that of the next: the rows of a trace are encoded once. Bounded, for their names are
# those of hooks and handlers, which somebody may make anew for every request.
_ROWS: Final[dict[tuple[Any, ...], bytes]] = {}
_MOST_ROWS: Final = 2048
_MOST_INLINE: Final = 24


def _recording(body: dict[str, Any]) -> bytes:
    """What `cbor2.dumps` makes of a snapshot that carries a recording, with its trace put together of known rows."""
    trace = body["recording"].get("trace")
    if type(trace) is not list:
        return cbor2.dumps(body)
    part = _map({**body["recording"], "trace": None}, "trace", _trace(trace))
    return _map(body, "recording", part)


def _map(content: dict[str, Any], name: str, encoded: bytes) -> bytes:
    """A map of which one value is encoded already."""
    parts = [_head(5, len(content))]
    for key, value in content.items():
        parts += (cbor2.dumps(key), encoded if key == name else cbor2.dumps(value))
    return b"".join(parts)


def _trace(rows: list[Any]) -> bytes:
    return _head(4, len(rows)) + b"".join(map(_row, rows))


def _row(row: list[Any]) -> bytes:
    if len(row) != 7 or row[4] or row[6]:  # what one failure says, the next does not
        return cbor2.dumps(row)
    key = tuple(row[:6])
    known = _ROWS.get(key)
    if known is None:
        known = cbor2.dumps(row)
        if len(_ROWS) < _MOST_ROWS:
            _ROWS[key] = known
    return known


def _head(kind: int, length: int) -> bytes:
    """The head of an array (4) or map (5): RFC 8949, section 3; both are far below 2**32 items long."""
    if length < _MOST_INLINE:
        return bytes((kind << 5 | length,))
    if length < 1 << 8:
        return bytes((kind << 5 | _MOST_INLINE, length))
    size = 2 if length < 1 << 16 else 4
    return bytes((kind << 5 | _MOST_INLINE + size // 2,)) + length.to_bytes(size, "big")


def unpack(data: bytes, *, magic: bytes = MAGIC) -> bytes:
    """Check an envelope and return the encoded body.

    Raises:
        SnapshotCorrupt: It is none, or it was changed.
        SnapshotTooNew: A later release wrote it.
    """
    if not data.startswith(magic):
        raise SnapshotCorrupt(f"these bytes are no snapshot: one begins with {magic.decode()}")
    if len(data) <= _START:
        raise SnapshotCorrupt(f"the snapshot is cut: {len(data)} bytes are left of it")
    version, digest, encoded = data[4:5], data[5:_START], data[_START:]
    if hashlib.sha256(version + encoded).digest() != digest:
        raise SnapshotCorrupt(
            "the snapshot was damaged: its digest does not fit its content; take it from a backup"
        )
    if version[0] > VERSION:
        raise SnapshotTooNew(
            f"the snapshot has format version {version[0]}, and this release reads up to {VERSION}: "
            "read it with the release that wrote it, or a later one"
        )
    if version[0] < 1:
        raise SnapshotCorrupt("format version 0 was never written")
    return encoded


def digest_of(data: bytes) -> str:
    return data[5:_START].hex()


def without_surrogates(node: Any) -> Any:
    """A tree in which text that UTF-8 cannot hold is written as bytes; rare, so that the usual way has no check."""
    cls = type(node)
    if cls is str:
        try:
            node.encode()
        except UnicodeEncodeError:
            return CBORTag(tag.TEXT, node.encode("utf-8", "surrogatepass"))
        return node
    if cls is list:
        return [without_surrogates(item) for item in node]
    if cls is CBORTag:
        return CBORTag(node.tag, without_surrogates(node.value))
    if cls is dict:
        pairs = [[without_surrogates(key), without_surrogates(item)] for key, item in node.items()]
        if all(type(key) is str for key, _ in pairs):
            return dict(pairs)
        return CBORTag(tag.PAIRS, pairs)
    return node
