"""Where a replay begins, and what is changed before it does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

from gnomon_snapshot._errors import ReplayError
from gnomon_snapshot._recording import RecordedRequest, Recording
from gnomon_snapshot._snapshot import Snapshot

_KEEP: Final[Any] = object()


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
        if step is None:
            return
        kind, number = _find_step(recording, step)
        places = recording.node["places"]
        if kind == "call":
            self.edit_at = number
            passed = [at for at, (_, calls, _) in enumerate(places) if calls <= number]
            if not passed:
                return
            number = passed[-1]
        self.boundary = number
        timeline = recording.timeline
        assert timeline is not None
        self.snapshot = timeline.at(number)
        self.first, self.skipped_calls, _ = places[number]
        self.registered = recording.fresh()["places"][number][2]
        before = [name for name, *_ in places[:number]]
        self.over = frozenset(before) - {self.first}
        finished = (at for at in range(1, number + 1) if _is_finished(timeline.at(at)))
        self.answers_at = before[next(finished, 1) - 1] if before else ""


def _is_finished(snapshot: Snapshot) -> bool:
    return snapshot.response is not None and snapshot.response.finished


def _find_step(recording: Recording, step: int | str) -> tuple[str, int]:
    steps = recording.steps
    for number, each in enumerate(steps):
        if step in (number, each.name):
            return each.kind, each.number
    shown = ", ".join(f"{number} {each.name}" for number, each in enumerate(steps[:50]))
    raise ReplayError(f"the recording has no step {step!r}; there are: {shown or 'none'}")
