"""Atheris against the decoders: whatever the bytes, they are read or refused, in bounded time and memory.

Run as `python fuzz.py CORPUS -runs=N`; the corpus is made of valid snapshots if it is empty.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gnomon_snapshot"]):
    import gnomon_snapshot
    from gnomon_snapshot import Snapshot, SnapshotCorrupt, SnapshotError, SnapshotTooNew, Timeline, restore
    from gnomon_snapshot._format import MAGIC, digest_of  # noqa: F401 - instrumented
    from gnomon_snapshot.testing import make_snapshot

import hashlib
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

TIMELINE = b"GNTL"


def sealed(body: bytes, magic: bytes = b"GNSN", version: int = 1) -> bytes:
    """An envelope with the right digest, so that what is inside is looked at."""
    head = bytes((version,))
    return magic + head + hashlib.sha256(head + body).digest() + body


def try_bytes(data: bytes) -> None:
    """One input: the first byte says how it is wrapped."""
    kind, body = data[:1], data[1:]
    if kind == b"r":
        envelope = body
    elif kind == b"v":
        envelope = sealed(body[1:], version=body[0] if body else 0)
    else:
        envelope = sealed(body)
    try:
        snapshot = Snapshot.from_bytes(envelope)
    except (SnapshotCorrupt, SnapshotTooNew):
        pass
    else:
        assert snapshot.to_bytes() == envelope
        assert isinstance(snapshot.losses, tuple)
        repr(snapshot.state)
        try:
            restore(snapshot)
        except SnapshotError:
            pass
    try:
        timeline = Timeline.from_bytes(sealed(body, TIMELINE))
        for number in range(min(len(timeline), 20)):
            timeline.at(number)
    except (SnapshotCorrupt, SnapshotTooNew):
        pass


def seed(folder: Path) -> None:
    """Valid snapshots of every kind of value."""
    shared = ["shared"]
    cycle: list[object] = [shared]
    cycle.append(cycle)
    values: list[object] = [
        1, -1, 2**80, 1.5, float("nan"), True, None, "text", "\ud800", b"bytes", bytearray(b"x"),
        (1, "a"), {1, 2}, frozenset("ab"), {1: "a", (2,): "b"}, {"a": {"b": []}}, 1j,
        datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), time(1, 2), timedelta(1), Decimal("1.5"),
        UUID(int=7), OrderedDict(a=1), cycle, [shared, shared], ValueError("no"),
        ExceptionGroup("g", [KeyError("k")]), gnomon_snapshot.Record("a.B", {"x": 1}), object(),
    ]  # fmt: skip
    for number, value in enumerate(values):
        body = make_snapshot(number, state={"v": value}).to_bytes()[37:]
        (folder / str(number)).write_bytes(b"s" + body)
    timeline = Timeline()
    for number in range(3):
        timeline.add(str(number), make_snapshot(number))
    (folder / "timeline").write_bytes(b"s" + timeline.to_bytes()[37:])


if __name__ == "__main__":
    corpus = Path(sys.argv[1])
    if not any(corpus.iterdir()):
        seed(corpus)
    atheris.Setup(sys.argv, try_bytes)
    atheris.Fuzz()
