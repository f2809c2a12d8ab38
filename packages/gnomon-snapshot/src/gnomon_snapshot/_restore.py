"""Makes a local context again out of a snapshot.

Reaches into private parts of `LocalContext`, in this one module: what a request went through cannot be repeated
through its public methods.
"""

from __future__ import annotations

from typing import Any, NoReturn, final

import trio

from gnomon_context import Execution, GlobalContext, LocalContext, RequestOutcome, TrackedTask
from gnomon_context._extras import Step
from gnomon_snapshot._errors import SnapshotError
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
    if gctx is None:
        gctx = GlobalContext()
        gctx._application.clock = lambda: 0.0
    values = snapshot.fresh()
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
        request_id=meta.request_id,
    )
    lctx._meta = meta
    lctx._received_ns = meta.received_ns
    lctx._phase = snapshot.phase
    lctx._cancel_reason = values["cancel_reason"]
    if values["execution"] is not None:
        lctx.execution = Execution(**values["execution"])
    if values["outcome"] is not None:
        fields = values["outcome"]
        lctx._outcome = RequestOutcome(
            fields["kind"], _as_error(fields["error"]), fields["truncated"], fields["recovered"]
        )
    for key, value in values["state"].items():
        lctx.set(key, value)
    if values["tasks"]:
        lctx._more().tasks += [_task(fields) for fields in values["tasks"]]
    if values["compensations"]:
        lctx._more().compensations += [
            Step(_Restored(fields["name"]), tuple(fields["args"]), fields["name"], fields["timeout"])
            for fields in values["compensations"]
        ]
    return lctx


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
