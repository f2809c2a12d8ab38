"""A request as data: what each step of it does and when, for tests that compare two ways of running it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

# Seconds for the exit; not round, so that no two things that a scenario times happen at once.
EXIT = 4.097

Ending = Literal["return", "answer", "raise", "refuse"]
CallbackKind = Literal["compensation", "cleanup", "on_error", "on_timeout", "entered"]


def milliseconds(seconds: float) -> int:
    """For comparison: the shares of the exit are halves of halves, so halves must not decide the rounding."""
    return int(seconds * 1000 + 0.2345)


@dataclass(frozen=True, slots=True)
class Act:
    """What one call of a function does.

    Args:
        delay: Seconds that it sleeps first; 0 makes no checkpoint at all.
        then: ``return``, ``answer`` with ``status``, ``raise`` an error, or ``refuse`` with a ``StatusError``
            of ``status``.
        status: See ``then``.
        cancels: Calls ``lctx.cancel()`` before it sleeps.
        accepts: Accepts the WebSocket before that; for handlers of those.
    """

    delay: float = 0.0
    then: Ending = "return"
    status: int = 200
    cancels: bool = False
    accepts: bool = False


@dataclass(frozen=True, slots=True)
class Callback:
    """A compensation, cleanup or failure callback that a step registers, or the exit of what it enters."""

    kind: CallbackKind
    name: str
    act: Act = Act()


@dataclass(frozen=True, slots=True)
class Child:
    """A task that the handler starts."""

    name: str
    delay: float
    fails: bool = False
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One function of a request: a guard, a hook or the handler.

    Args:
        name: Unique within its scenario.
        point: ``guard``, ``before``, ``after``, ``catch`` or ``handler``.
        level: ``global``, ``route`` or ``local``.
        acts: What its calls do, the last one again for every further call.
        sync: Whether it is a sync function; it can then not sleep.
        registers: Callbacks that its first call registers; a sync function can enter nothing.
        hooks: Local hooks that its first call registers.
        children: Tasks that its first call starts.
        timeout: As for ``Hook``; so are the others.
    """

    name: str
    point: Literal["guard", "before", "after", "catch", "handler"]
    level: Literal["global", "route", "local"] = "global"
    acts: tuple[Act, ...] = (Act(),)
    sync: bool = False
    registers: tuple[Callback, ...] = ()
    hooks: tuple[Part, ...] = ()
    children: tuple[Child, ...] = ()
    timeout: float | None = None
    retries: int = 0
    backoff: float = 0.0
    isolated: bool = False
    received: bool = False
    requires: str | None = None

    def act(self, call: int) -> Act:
        """What call number ``call`` (from 0) does."""
        return self.acts[min(call, len(self.acts) - 1)]


@dataclass(frozen=True, slots=True)
class Interruption:
    """A cancellation at a time: ``disconnect``, ``shutdown`` and ``explicit`` by the context, or ``outside``."""

    at: float
    kind: Literal["disconnect", "shutdown", "explicit", "outside"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One request.

    Args:
        parts: Its guards, hooks and handler, in the order of registration.
        request: What the request validator does: accept, or refuse; ``None`` is no validator.
        response: Which statuses the response validator refuses; ``None`` is no validator.
        deadline: Seconds.
        interruption: A cancellation.
        send_delay: Seconds between the first byte of the answer and the last.
        refusal: Whether there is no route: the handler is not called.
        websocket: Whether the handler is one of WebSockets, which is async, and has no response validator.
    """

    parts: tuple[Part, ...]
    request: Literal["accept", "refuse"] | None = None
    response: frozenset[int] | None = None
    deadline: float = math.inf
    interruption: Interruption | None = None
    send_delay: float = 0.0
    refusal: bool = False
    websocket: bool = False

    def of(self, point: str, level: str | None = None) -> Sequence[Part]:
        """The parts of one point, and level."""
        return [part for part in self.parts if part.point == point and level in (None, part.level)]


@dataclass(frozen=True, slots=True)
class Trace:
    """How a request went.

    Args:
        events: ``(kind, name, attempt, error, detail, time)`` of each event; the error as the name of its
            class, the time in milliseconds (``None`` where the context keeps it).
        outcome: The outcome, or ``None`` if a cancellation came out.
        flags: ``truncated`` and ``recovered``.
        sent: What the client received.
        raised: The name of the class that came out of ``run``.
    """

    events: tuple[tuple[object, ...], ...]
    outcome: str | None
    flags: tuple[bool, bool]
    sent: tuple[object, ...]
    raised: str | None = None

    def lines(self) -> Iterator[str]:
        """For people."""
        for event in self.events:
            yield " ".join(str(field) for field in event if field is not None)
        yield f"{self.outcome} {self.flags} {self.sent} {self.raised}"
