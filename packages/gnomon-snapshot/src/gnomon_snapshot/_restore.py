"""Makes a local context again out of a snapshot."""

from __future__ import annotations

from typing import Any, NoReturn, final

import trio

from gnomon_context import Execution, GlobalContext, LocalContext, RequestOutcome, TrackedTask
from gnomon_context.runtime import Step, rebuild, stop_clock
from gnomon_snapshot._errors import SnapshotCorrupt, SnapshotError
from gnomon_snapshot._records import Lost, RecordedError
from gnomon_snapshot._snapshot import Snapshot


def restore(snapshot: Snapshot, *, gctx: GlobalContext[Any] | None = None) -> LocalContext:
    """Make a local context that equals the one the snapshot was taken from, but for what `losses` names.

    State, tasks, execution, phase, outcome, metadata and pending compensations are as they were, and what was one
    object is one object. Tasks do not run: a pending one waits to be started again by name. A compensation
    keeps its name and arguments, and refuses to run. The context belongs to no live request.

    Args:
        snapshot: Where to take it from; each call makes a context of its own.
        gctx: The global context to put it into; then its deadline starts to run again. By default an empty one,
            in which time stands still.

    Raises:
        SnapshotCorrupt: The snapshot holds no such request.

    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import capture
    >>> lctx = LocalContext(GlobalContext(), method="GET", path="/orders/7")
    >>> lctx.set("order", {"id": 7})
    >>> again = restore(capture(lctx))
    >>> again.meta == lctx.meta, again.get("order")
    (True, {'id': 7})
    """
    values = snapshot.fresh()
    try:
        return _restored(snapshot, values, _still() if gctx is None else gctx)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise SnapshotCorrupt(f"a part of the snapshot has another shape: {error}") from error


def _restored(snapshot: Snapshot, values: dict[str, Any], gctx: GlobalContext[Any]) -> LocalContext:
    meta = snapshot.meta
    lctx = LocalContext(
        gctx,
        method=meta.method,
        path=meta.path,
        route=meta.route,
        version=meta.version,
        flags=meta.flags,
        client_id=meta.client_id,
        timeout=values["remaining"],
    )
    rebuild(
        lctx,
        meta=meta,
        phase=snapshot.phase,
        cancel_reason=values["cancel_reason"],
        outcome=_outcome(values["outcome"]),
        tasks=restored_tasks(values),
        compensations=map(_compensation, values["compensations"]),
    )
    if values["execution"] is not None:
        lctx.execution = Execution(**values["execution"])
    for key, value in values["state"].items():
        lctx.set(key, value)
    return lctx


def _still() -> GlobalContext[Any]:
    """An application in which time stands still, so that what was left until the deadline stays."""
    gctx: GlobalContext[Any] = GlobalContext()
    stop_clock(gctx)
    return gctx


def _outcome(fields: dict[str, Any] | None) -> RequestOutcome | None:
    if fields is None:
        return None
    return RequestOutcome(
        fields["kind"], _as_error(fields["error"]), fields["truncated"], fields["recovered"]
    )


def _compensation(fields: dict[str, Any]) -> Step:
    return Step(_Restored(fields["name"]), tuple(fields["args"]), fields["name"], fields["timeout"])


def restored_tasks(values: dict[str, Any]) -> list[TrackedTask]:
    """The tasks of a snapshot, as they stood."""
    return list(map(_task, values["tasks"]))


def _task(fields: dict[str, Any]) -> TrackedTask:
    task = TrackedTask(fields["name"], fields["isolated"], trio.CancelScope())
    task.status = fields["status"]
    task.result = fields["result"]
    task.error = _as_error(fields["error"])
    task.started_ns = fields["started_ns"]
    task.ended_ns = fields["ended_ns"]
    return task


def _as_error(value: Any) -> BaseException | None:
    """An exception, also where one was lost."""
    if isinstance(value, Lost):
        return RecordedError(value.type, (), {})
    return value  # type: ignore[no-any-return]


@final
class _Restored:
    """Stands for a function of which a snapshot knows the name only."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *_arguments: object) -> NoReturn:
        raise SnapshotError(
            f"{self.name} was restored from a snapshot, which holds its name and not its code"
        )
