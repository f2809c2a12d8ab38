"""Where a replay begins, and what is changed before it does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from gnomon_snapshot._errors import ReplayDiverged, ReplayError
from gnomon_snapshot._recording import RecordedRequest, Recording, Traced
from gnomon_snapshot._snapshot import Snapshot

_KEEP: Final[Any] = object()
_ENDS: Final = frozenset(
    {
        "handler.end",
        "handler.error",
        "hook.end",
        "hook.error",
        "hook.timeout",
        "validation.end",
        "validation.error",
    }
)
#: What a trace shows of a step that was cancelled.
CANCELLED: Final = "Cancelled: cancelled"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What to change of a recorded request before it is replayed.

    Args:
        method: Another method.
        target: Another path and query.
        headers: Header fields to set, in small letters; `None` takes one out.
        body: Another body: bytes, or a value to send as JSON.
        state: Keys to set in the local context, where the replay begins; `...` takes one out.

    >>> Edit(headers={"x-beta": "1"}, body={"quantity": 2}).headers
    {'x-beta': '1'}
    """

    method: str | None = None
    target: str | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = _KEEP
    state: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, request: RecordedRequest) -> RecordedRequest:
        """The request with the changes."""
        headers = tuple(pair for pair in request.headers if pair[0].lower() not in self.headers)
        added = tuple((name, value) for name, value in self.headers.items() if value is not None)
        edited = request._replace(
            method=self.method or request.method,
            target=self.target or request.target,
            headers=headers + added,
        )
        if self.body is _KEEP:
            return edited
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return edited._replace(body=body, value=None, missing="", pieces=None)


class Start:
    """Where a replay begins.

    Attributes:
        boundary: The number of the snapshot, `None` for the arrival of the request.
        snapshot: That snapshot.
        over: The steps that are not to be called.
        first: The step that is called first.
        answers_at: The skipped step at which the response is put in place: the one that finished it, else the first.
        skipped_calls: How many calls are over.
        edit_at: The call before which the state is edited, `None` where it is edited at the beginning.
        arrived: Whether the state was put in place.
        registered: What the request had registered on itself there.
        skipped_draws: How many times, random numbers and ids are over, by kind.
        outcome: What the request had come to, `ok` as long as nothing is settled.
        failed: The skipped step that failed, if one did.
        last: The step after which it was settled.
    """

    def __init__(self, recording: Recording, step: int | str | None) -> None:
        self.boundary: int | None = None
        self.snapshot: Snapshot | None = None
        self.over: frozenset[str] = frozenset()
        self.first = self.answers_at = ""
        self.skipped_calls = 0
        self.edit_at: int | None = None
        self.arrived = False
        self.registered: list[Any] = []
        self.skipped_draws: dict[str, int] = {}
        self.outcome = "ok"
        self.failed: Traced | None = None
        self.last = ""
        if step is None:
            return
        kind, number = _find_step(recording, step)
        places = recording.node["places"]
        if kind == "call":
            self.edit_at = number
            passed = [at for at, (_, calls, *_) in enumerate(places) if calls <= number]
            if not passed:
                return
            number = passed[-1]
        self.boundary = number
        timeline = recording.timeline
        assert timeline is not None
        self.snapshot = timeline.at(number)
        self.first, self.skipped_calls, registered = recording.fresh()["places"][number]
        self.registered, self.skipped_draws = registered["entries"], registered["draws"]
        before = [name for name, *_ in places[:number]]
        self.over = frozenset(before) - {self.first}
        finished = (at for at in range(1, number + 1) if _is_finished(timeline.at(at)))
        self.answers_at = before[next(finished, 1) - 1] if before else ""
        self.outcome = self.snapshot.outcome or "ok"
        if self.outcome != "ok":
            self.failed = _failing_step(recording)
            self.last = next((entry.id or "" for entry in _ends(recording)), "")

    def error(self) -> BaseException:
        """What the request had failed with, as a fresh object."""
        assert self.snapshot is not None
        error = self.snapshot.fresh()["outcome"]["error"]
        return (
            error if isinstance(error, BaseException) else ReplayDiverged(f"an exception was lost: {error}")
        )


def _ends(recording: Recording) -> list[Traced]:
    """How the steps ended that ran until the request failed, the last one first."""
    found = []
    for entry in recording.trace:
        if entry.kind == "phase" and entry.name == "failed":
            break
        if entry.kind in _ENDS:
            found.append(entry)
    return found[::-1]


def _failing_step(recording: Recording) -> Traced | None:
    """The step with which a request failed, `None` if it was none: a guard, the validation, a task."""
    last = next(iter(_ends(recording)), None)
    return None if last is None or not last.error else last


def _is_finished(snapshot: Snapshot) -> bool:
    return snapshot.response is not None and snapshot.response.finished


def _find_step(recording: Recording, step: int | str) -> tuple[str, int]:
    steps = recording.steps
    for number, each in enumerate(steps):
        if step in (number, each.name):
            return each.kind, each.number
    shown = ", ".join(f"{number} {each.name}" for number, each in enumerate(steps[:50]))
    raise ReplayError(f"the recording has no step {step!r}; there are: {shown or 'none'}")
