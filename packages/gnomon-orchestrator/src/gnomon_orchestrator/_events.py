"""Lifecycle events: the closed set of kinds, and the immutable record of one."""

from __future__ import annotations

import datetime
from typing import Any, Literal, NamedTuple, get_args

EventKind = Literal[
    "request.received",
    "request.finished",
    "phase",
    "validation.start",
    "validation.end",
    "validation.error",
    "hook.start",
    "hook.end",
    "hook.error",
    "hook.retry",
    "hook.timeout",
    "handler.start",
    "handler.end",
    "handler.error",
    "compensation.start",
    "compensation.end",
    "compensation.error",
    "compensation.alert",
    "cleanup.start",
    "cleanup.end",
    "cleanup.error",
]
EVENT_KINDS: frozenset[EventKind] = frozenset(get_args(EventKind))


class LifecycleEvent(NamedTuple):
    """One step of one request, immutable; read it by name, for fields may be added at the end.

    Args:
        kind: What happened, one of ``EVENT_KINDS``.
        request_id: The request it happened to.
        at_ns: When, on the monotonic clock.
        epoch: When the *request* started, in seconds since 1970 (one wall clock reading per request).
        name: The name of the step; the route of the plan for ``request.*``, the phase for ``phase``.
        id: The id of the step within the plan, ``None`` for ``request.*`` and ``phase``.
        level: ``global``, ``route`` or ``local`` for a hook.
        point: ``before``, ``after``, ``catch``, ``guard`` or ``callback`` for a hook; ``request`` or
            ``response`` for a validation.
        attempt: Which attempt this is, from 1.
        duration_ns: How long the step took (``request.finished``: the whole request); ``None`` at a start.
        error: The exception of ``*.error``, ``hook.retry``, ``hook.timeout`` and a failed request.
        detail: What else belongs to the kind: the outcome for ``request.finished``, the previous phase
            for ``phase``, the delay in seconds for ``hook.retry``; for ``*.end``, if the orchestrator watches
            the loop, how many nanoseconds the step has held it without a break, if that was too long.
    """

    kind: EventKind
    request_id: str
    at_ns: int
    epoch: float
    name: str
    id: str | None = None
    level: str | None = None
    point: str | None = None
    attempt: int = 1
    duration_ns: int | None = None
    error: BaseException | None = None
    detail: Any = None

    @property
    def started_at(self) -> datetime.datetime:
        """When the request started, in UTC."""
        return datetime.datetime.fromtimestamp(self.epoch, datetime.UTC)

    @property
    def duration(self) -> float | None:
        """How long the step took, in seconds."""
        return None if self.duration_ns is None else self.duration_ns / 1e9
