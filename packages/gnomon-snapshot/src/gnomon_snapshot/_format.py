"""The envelope: magic, format version, digest, then one CBOR map (RFC 8949).

offset  bytes  what
0       4      `GNSN`
4       1      format version
5       32     SHA-256 of the byte at 4 and of everything from 37 on
37      …      the body; of format version 1 as it stands, of 2 as `_compact` tells
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._errors import SnapshotCorrupt, SnapshotTooNew

MAGIC: Final = b"GNSN"
PLAIN: Final = 1  # what `capture` makes, and any recording can be written as
COMPACT: Final = 2  # an ordinary recording, see `_compact`
_START: Final = len(MAGIC) + 1 + 32
MAX_DEPTH: Final = 400  # 64 containers are at most four CBOR containers each, and some for the frame


def pack(body: dict[str, Any], *, magic: bytes = MAGIC) -> bytes:
    """Encode a tree into an envelope."""
    try:
        encoded = cbor2.dumps(body)
    except UnicodeEncodeError:
        encoded = cbor2.dumps(without_surrogates(body))
    return seal(encoded, PLAIN, magic=magic)


def seal(encoded: bytes, version: int, *, magic: bytes = MAGIC) -> bytes:
    """Put an encoded body into an envelope."""
    mark = bytes((version,))
    digest = hashlib.sha256(mark)
    digest.update(encoded)
    return b"".join((magic, mark, digest.digest(), encoded))


def version_of(data: bytes) -> int:
    """The format version of an envelope that was checked."""
    return data[4]


def unpack(data: bytes, *, magic: bytes = MAGIC, newest: int = COMPACT) -> bytes:
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
    if version[0] > newest:
        raise SnapshotTooNew(
            f"the snapshot has format version {version[0]}, and this release reads up to {newest}: "
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
