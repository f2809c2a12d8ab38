"""What tells the listeners: compiled code by itself, and this object wherever a request leaves it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gnomon_context.runtime import StepReport

from ._errors import HookTimeout, InvalidHook
from ._events import EVENT_KINDS, LifecycleEvent
from ._listen import Listening
from ._options import check_listener

if TYPE_CHECKING:
    from gnomon_context import RequestOutcome

    from ._entries import Entry
    from .protocols import Listener

Hear = Callable[[LifecycleEvent], object]
# Which listeners want a kind, as positions in the sequence of listeners.
Table = dict[str, tuple[int, ...]]

# The closed set of kinds has none for callbacks: they are hooks that a request registered on itself.
_FAMILIES: dict[str, tuple[str, str | None]] = {
    "on_error": ("hook", "callback"),
    "on_timeout": ("hook", "callback"),
    "compensation": ("compensation", None),
    "cleanup": ("cleanup", None),
}

_log = logging.getLogger("gnomon_orchestrator")


def listening_table(listeners: Sequence[Listener]) -> Table:
    """Which listeners want which kind.

    Raises:
        InvalidHook: A listener cannot hear, or wants a kind that does not exist.
    """
    table: Table = {}
    for position, listener in enumerate(listeners):
        check_listener(listener)
        kinds = set(listener.kinds)
        unknown = sorted(kinds - EVENT_KINDS)
        if unknown:
            raise InvalidHook(f"{listener!r} wants {', '.join(unknown)}: there is no such kind of event")
        for kind in kinds:
            table[kind] = (*table.get(kind, ()), position)
    return table


def direct(listener: Listener) -> Hear:
    """What calls a listener with the least ado."""
    if isinstance(listener, Listening):
        return listener.function
    return listener if inspect.isroutine(listener) else listener.__call__


def deaf(event: LifecycleEvent) -> None:
    """Take the place of a listener that raised, for the rest of one request."""


def give_up(listener: object, request_id: str, error: Exception) -> Hear:
    """Warn that a listener raised; returns what takes its place."""
    _log.warning(
        "the listener %r raised and hears no more of request %s", listener, request_id, exc_info=error
    )
    return deaf


class Observer:
    """Builds the events of one request, as far as somebody wants them."""

    __slots__ = ("began_ns", "clock", "epoch", "listeners", "name", "request_id", "table")

    def __init__(
        self,
        table: Table,
        listeners: Sequence[Hear],
        *,
        name: str,
        clock: Callable[[], int],
        request_id: str,
        epoch: float,
        began_ns: int,
    ) -> None:
        self.table = table
        self.listeners = list(listeners)
        self.name = name
        self.clock = clock
        self.request_id = request_id
        self.epoch = epoch
        self.began_ns = began_ns

    def deliver(self, event: LifecycleEvent) -> None:
        """Hand an event that is wanted to those who want it."""
        for position in self.table[event.kind]:
            listener = self.listeners[position]
            try:
                listener(event)
            except Exception as error:
                self.listeners[position] = give_up(listener, self.request_id, error)

    def tell(
        self,
        kind: str,
        name: str,
        *,
        entry: Entry | None = None,
        attempt: int = 1,
        since_ns: int | None = None,
        error: BaseException | None = None,
        detail: Any = None,
    ) -> int:
        """Build and deliver one event, if it is wanted; returns the time it says."""
        now = self.clock()
        if kind in self.table:
            where = (None, None, None) if entry is None else (entry.id, entry.level, entry.point)
            duration = None if since_ns is None else now - since_ns
            self.deliver(self._event(kind, now, name, where, attempt, duration, error, detail))
        return now

    def _event(
        self, kind: str, at_ns: int, name: str, where: tuple[str | None, ...], *rest: Any
    ) -> LifecycleEvent:
        return LifecycleEvent._make((kind, self.request_id, at_ns, self.epoch, name, *where, *rest))

    def finished(self, outcome: RequestOutcome) -> None:
        """The last event of the request."""
        self.tell("request.finished", self.name, since_ns=self.began_ns, error=outcome.error, detail=outcome)

    def report(self, report: StepReport) -> None:
        """Translate one callback, compensation or cleanup: the context runs those."""
        family, point = _FAMILIES[report.kind]
        where = (f"{report.kind}:{report.name}", None, point)
        duration = None if report.ended_ns is None else report.ended_ns - report.started_ns
        at_ns = report.started_ns if report.ended_ns is None else report.ended_ns
        error = report.error
        kinds = [f"{family}.{report.status}"]
        if report.status == "timeout":
            error = error or HookTimeout(report.name)
            kinds = ["hook.timeout", "hook.error"] if family == "hook" else [f"{family}.error"]
        if family == "compensation" and error is not None:
            kinds.append("compensation.alert")
        for kind in kinds:
            if kind in self.table:
                self.deliver(self._event(kind, at_ns, report.name, where, 1, duration, error, None))
