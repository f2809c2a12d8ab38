"""Reads the second format: makes the body of the first format of it, see `_compact`."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import cbor2
from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._decode import raw
from gnomon_snapshot._errors import SnapshotCorrupt

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
EXECUTION: Final = ("handler_id", "version", "step", "hook_id", "level", "attempt")
TRACED: Final = ("kind", "name", "id", "attempt", "error", "detail")
#: The draws of a recording; the numbers of their kinds are their places here.
KINDS: Final = ("now", "monotonic", "random", "uuid")
#: What recordings have in common that belong to one frame, and what each of them has besides, in their order.
FRAME: Final = (
    *("method", "route", "version", "flags", "manifest", "phase", "kind", "truncated", "recovered"),
    "execution",
)
VALUES: Final = (
    *("request_id", "trace_id", "parent_id", "client_id", "path", "received", "received_ns", "captured"),
    *("remaining", "timeout", "ended", "state", "target", "fields", "parsed", "data", "client", "status"),
    *("answered", "answer", "finished", "started", "calls", "names", "draws", "config"),
)
_UUID: Final = KINDS.index("uuid")
_CALL: Final = (
    *("task", "on", "name", "mode", "args", "kwargs", "started", "ended", "how", "value", "refused", "live"),
)
_SHORT: Final = 1 << 14
_WITHHELD: Final = ("str", "", "sensitive")


def expanded(encoded: bytes) -> tuple[bytes, dict[str, Any]]:
    """The body of the first format that says the same as one of the second, and its tree.

    Raises:
        SnapshotCorrupt: It is none.
    """
    body = raw(encoded)
    try:
        tree = tree_of(body)
        return cbor2.dumps(tree), tree
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        raise SnapshotCorrupt(f"a part of the recording has another shape: {error}") from error


def tree_of(body: dict[str, Any]) -> dict[str, Any]:
    """The tree of the first format."""
    data = body["frame"]
    frame = _read_frame(data) if len(data) <= _SHORT else raw(data)
    common = dict(zip(FRAME, frame["frame"], strict=True))
    own = dict(zip(VALUES, body["values"], strict=True))
    fields = own["fields"]
    fields, withheld = (fields[:-1], fields[-1]) if len(fields) % 2 else (fields, [])
    headers = _rows(fields, 2)
    execution = common["execution"]
    lost = CBORTag(tag.LOST, [*_WITHHELD])
    return {
        "captured_at": _moment(own["captured"]),
        "cancel_reason": None,
        "manifest": common["manifest"],
        "meta": {
            "request_id": own["request_id"],
            "trace_id": own["trace_id"],
            "parent_id": own["parent_id"],
            "client_id": own["client_id"],
            "method": common["method"],
            "path": own["path"],
            "route": common["route"],
            "version": common["version"],
            "received_at": _moment(own["received"]),
            "received_ns": own["received_ns"],
            "flags": common["flags"],
        },
        "phase": common["phase"],
        "execution": None if execution is None else dict(zip(EXECUTION, execution, strict=True)),
        "remaining": own["remaining"],
        "outcome": {
            "kind": common["kind"],
            "error": None,
            "truncated": common["truncated"],
            "recovered": common["recovered"],
        },
        "state": own["state"],
        "tasks": [],
        "compensations": [],
        "request": {
            "method": common["method"],
            "target": own["target"],
            "headers": [[name, lost if at in withheld else text] for at, (name, text) in enumerate(headers)],
            "body": own["parsed"],
        },
        "response": {
            "status_code": own["status"],
            "headers": [[name, lost if text is None else text] for name, text in _rows(own["answered"], 2)],
            "body": own["answer"],
            "finished": own["finished"],
            "started": own["started"],
        },
        "events": [],
        "recording": {
            "request": {
                "method": common["method"],
                "target": own["target"],
                "headers": headers,
                "client": own["client"],
                "body": own["data"],
                "value": None,
                "missing": "",
                "pieces": None,
            },
            "timeout": own["timeout"],
            "ended": own["ended"],
            "cancelled": None,
            "calls": [dict(zip(_CALL, entry, strict=True)) for entry in _rows(own["calls"], len(_CALL))],
            "names": own["names"],
            "draws": _drawn(own["draws"] or []),
            "config": own["config"] or [],
            "trace": [[*row, []] for row in _rows(frame["trace"], len(TRACED))],
            "places": [],
            "timeline": None,
        },
    }


@functools.lru_cache(maxsize=256)
def _read_frame(data: bytes) -> dict[str, Any]:
    """A frame that many recordings have; nothing in a tree is changed by whoever reads it."""
    return raw(data)


def _moment(stamp: int) -> CBORTag:
    moment = EPOCH + stamp * MICROSECOND
    parts = [*moment.timetuple()[:6], moment.microsecond, 0, [0, None]]
    return CBORTag(tag.DATETIME, parts)


def _rows(flat: list[Any], width: int) -> list[list[Any]]:
    if len(flat) % width:
        raise ValueError("a row is cut")
    return [flat[at : at + width] for at in range(0, len(flat), width)]


def _drawn(flat: list[Any]) -> dict[str, list[Any]]:
    draws: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for number, label, value in _rows(flat, 3):
        draws[KINDS[number]].append([label, CBORTag(tag.UUID, value) if number == _UUID else value])
    return draws
