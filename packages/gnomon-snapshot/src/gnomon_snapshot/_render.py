"""Snapshots, listings and differences as text for people; whatever a request held, nothing of it moves a cursor."""

from __future__ import annotations

import json
import pprint
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from gnomon_snapshot._calls import ModuleCall
from gnomon_snapshot._json import to_json
from gnomon_snapshot._patch import Operation, form
from gnomon_snapshot._recording import Recording
from gnomon_snapshot._records import Lost, RecordedError
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._store import Summary

_WIDTH: Final = 100
_LONGEST: Final = 300  # of a value within one line
_HEADS: Final = ("TAKEN (UTC)", "REQUEST ID", "METHOD", "PATH", "VERSION", "OUTCOME", "SIZE", "ERROR")

# What differs between any two requests: times and ids. A star stands for one step. Two recordings are compared by
# replaying one of them, which knows what of them are times and ids.
USUAL: Final = (
    "/captured_at",
    "/remaining",
    "/meta/request_id",
    "/meta/trace_id",
    "/meta/parent_id",
    "/meta/received_at",
    "/meta/received_ns",
    "/tasks/*/started_ns",
    "/tasks/*/ended_ns",
    "/recording",
)


def clean(text: str) -> str:
    """Text that a terminal shows and does not obey."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in text
    )


def summary_as_json(summary: Summary) -> dict[str, Any]:
    """A row of a listing, for programs."""
    return {**summary._asdict(), "captured_at": summary.captured_at.isoformat()}


def table(summaries: Iterable[Summary], *, heads: bool) -> Iterator[str]:
    """The lines of a listing."""
    rows = [_HEADS] if heads else []
    for one in summaries:
        taken = one.captured_at.strftime("%Y-%m-%d %H:%M:%S")
        cells = (
            taken,
            one.request_id,
            one.method,
            one.path,
            one.version or "-",
            one.outcome or "-",
            _bytes(one.size),
            one.error,
        )
        rows.append(tuple(clean(_cut(cell, 60)).replace("\n", " ") for cell in cells))  # type: ignore[arg-type]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _bytes(size: int) -> str:
    return (
        f"{size} B" if size < 1000 else f"{size / 1000:.1f} kB" if size < 10**6 else f"{size / 10**6:.1f} MB"
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def snapshot_as_json(snapshot: Snapshot) -> dict[str, Any]:
    """All of a snapshot, in the JSON form that patches are about."""
    losses = [loss._asdict() for loss in snapshot.losses]
    return {"digest": snapshot.digest, "losses": losses, **to_json(snapshot.tree)}


def show(snapshot: Snapshot) -> Iterator[str]:
    """The lines that tell what a snapshot holds."""
    meta, execution = snapshot.meta, snapshot.execution
    yield clean(f"{meta.method} {meta.path}")
    for name, value in (
        ("request id", meta.request_id),
        ("route", meta.route),
        ("version", meta.version),
        ("flags", ", ".join(meta.flags)),
        ("client", meta.client_id or ""),
        ("trace", meta.trace_id),
        ("received", meta.received_at),
        ("taken", snapshot.captured_at),
        ("phase", snapshot.phase),
        ("outcome", snapshot.outcome or "none yet"),
        ("remaining", "no deadline" if snapshot.remaining == float("inf") else f"{snapshot.remaining:.3f} s"),
        ("manifest", snapshot.manifest),
        ("recording", "yes: it can be replayed" if "recording" in snapshot.tree else ""),
        ("digest", snapshot.digest),
    ):
        if str(value):
            yield clean(f"  {name:<11}{value}")
    if execution is not None:
        yield from _section("execution", {name: getattr(execution, name) for name in _EXECUTION})
    if snapshot.error is not None:
        yield from _section("error", {"": snapshot.error})
    yield from _section("state", snapshot.state)
    if "recording" in snapshot.tree:
        yield from _recorded(Recording.of(snapshot))
    for name, message in (("request", snapshot.request), ("response", snapshot.response)):
        if message is not None:
            fields = message._asdict()
            headers = fields.pop("headers")
            yield from _section(name, fields)
            yield from _lines((f"header {header}", value) for header, value in headers)
    for name, listed in (
        ("tasks", snapshot.tasks),
        ("compensations", snapshot.compensations),
        ("events", snapshot.events),
        ("losses", snapshot.losses),
    ):
        yield from _section(name, {str(number): item for number, item in enumerate(listed)})


def _recorded(recording: Recording) -> Iterator[str]:
    """What ran, what it asked of the outside world, and what of that went unseen; each in the order in which it happened."""
    for name, lines in (
        ("lifecycle", map(str, recording.trace)),
        ("module calls", map(_call, recording.calls)),
        ("unrecorded", recording.unrecorded),
    ):
        shown = [f"  {clean(_cut(line, _LONGEST))}" for line in lines]
        yield from ["", name, *shown] if shown else ()


def _call(call: ModuleCall) -> str:
    took = "" if call.ended is None else f"  ({(call.ended - call.started) * 1000:.1f} ms)"
    answer: str = call.outcome
    if answer in ("handle", "class"):
        answer = f"-> {call.value}"
    elif answer == "returned":
        answer = f"-> {call.value!r}"
    elif answer == "raised":
        answer = f"raised {call.value if isinstance(call.value, RecordedError) else repr(call.value)}"
    return f"{call.task + ': ' if call.task else ''}{call} {answer}{took}"


_EXECUTION: Final = ("handler_id", "version", "step", "hook_id", "level", "attempt")


def _section(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    if values:
        yield ""
        yield name
        yield from _lines(values.items())


def _lines(pairs: Iterable[tuple[str, Any]]) -> Iterator[str]:
    pairs = list(pairs)
    width = min(max((len(name) for name, _ in pairs), default=0), 24)
    for name, value in pairs:
        shown = clean(pprint.pformat(value, width=_WIDTH, compact=True, sort_dicts=False))
        if isinstance(value, Lost):
            shown = clean(repr(value))
        if "\n" in shown:
            yield clean(f"  {name}")
            yield textwrap.indent(shown, "      ")
        else:
            yield clean(f"  {name:<{width}}  {shown}" if name else f"  {shown}")


def chosen(patch: Iterable[Operation], only: Iterable[str], ignore: Iterable[str]) -> list[Operation]:
    """The operations below one of some places (all, without any) and below none of others."""
    wanted, unwanted = [one.split("/") for one in only], [one.split("/") for one in ignore]
    return [
        operation
        for operation in patch
        if (not wanted or any(_below(operation.path, place) for place in wanted))
        and not any(_below(operation.path, place) for place in unwanted)
    ]


def _below(path: str, place: list[str]) -> bool:
    steps = path.split("/")
    return len(steps) >= len(place) and all(
        there in ("*", step) for step, there in zip(steps, place, strict=False)
    )


def changes(patch: Iterable[Operation], before: Snapshot) -> Iterator[tuple[str, str]]:
    """A sign, `+`, `-` or `~`, and a line for each operation of a `diff`."""
    document = form(before)
    for operation in patch:
        path = clean(operation.path) or "/"
        if operation.op == "add":
            yield "+", f"{path}: {_compact(operation.value)}"
        elif operation.op == "remove":
            yield "-", f"{path}: {_compact(_find(document, operation.path))}"
        elif operation.op == "order":
            yield "~", f"{path}: the keys are in another order"
        else:
            old = _compact(_find(document, operation.path))
            yield "~", f"{path}: {old} -> {_compact(operation.value)}"


def _find(document: Any, path: str) -> Any:
    for step in path.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def _compact(value: Any) -> str:
    return _cut(json.dumps(value), _LONGEST)
