"""What a plan will run, as data and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from ._hook import Hook

if TYPE_CHECKING:
    from ._entries import Entry
    from ._orchestrator import Plan, WebSocketPlan


Way: TypeAlias = Literal["in", "out", "http", "fail"]


@dataclass(frozen=True, slots=True)
class StepDescription:
    """One step that will run.

    Args:
        way: ``in``, ``out``, or ``fail`` for what runs on failure only; ``http`` for what runs if a WebSocket is
            answered instead of accepted.
        what: ``received``, ``guard``, ``body``, ``validation``, ``before``, ``handler``, ``websocket``,
            ``refusal``, ``after``, ``first_byte``, ``send``, ``last_byte``, ``close`` or ``catch``.
        name: Its name.
        level: ``global`` or ``route`` for a hook. Hooks of level ``local`` exist only while a request runs:
            the innermost, after the others on the way in and before them on the way out.
        options: What differs from the defaults: ``timeout``, ``retries``, ``isolated``, ….
    """

    way: Way
    what: str
    name: str
    level: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        options = " ".join(f"{name}={_shown(value)}" for name, value in self.options.items())
        return f"{self.way:<4} {self.what:<11} {self.level or '':<6}  {self.name}  {options}".rstrip()


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, slots=True)
class PlanDescription:
    """The effective order of everything that runs for one route.

    Args:
        name: The route.
        steps: What runs, in order; what runs on failure comes last.
        timeout: Seconds until the request deadline, if the plan sets one.
    """

    name: str
    steps: tuple[StepDescription, ...]
    timeout: float | None = None

    def __str__(self) -> str:
        head = self.name if self.timeout is None else f"{self.name}  timeout={self.timeout:g}"
        return "\n".join([head, *(f"  {step}" for step in self.steps)])


def describe(plan: Plan | WebSocketPlan) -> PlanDescription:
    """Read a plan out loud."""
    steps = [_one("in", "received", entry) for entry in plan.received]
    steps += [_one("in", "guard", entry) for entry in plan.guards]
    if plan.body_entry is not None:
        steps.append(StepDescription("in", "body", "read"))
    if plan.request_entry is not None:
        steps.append(StepDescription("in", "validation", "request"))
    steps += [_one("in", "before", entry) for entry in plan.before if plan.refusal_entry is None]
    steps.append(_one("in", "websocket" if plan.websocket else plan.handler_entry.kind, plan.handler_entry))
    out: Way = "http" if plan.websocket else "out"
    if plan.websocket:
        steps.append(StepDescription("out", "close", ""))
    steps += [_one(out, "after", entry) for entry in plan.after]
    if plan.response_entry is not None:
        steps.append(StepDescription("out", "validation", "response"))
    steps += [_one(out, "first_byte", entry) for entry in plan.first_byte]
    steps.append(StepDescription(out, "send", ""))
    steps += [_one(out, "last_byte", entry) for entry in plan.last_byte]
    steps += [_one("fail", "catch", entry) for entry in plan.catch]
    return PlanDescription(plan.name, tuple(steps), plan.timeout)


def _one(way: Way, what: str, entry: Entry) -> StepDescription:
    options: Mapping[str, object] = entry.hook.options if isinstance(entry.hook, Hook) else {}
    if entry.in_thread and not options:
        options = {"in_thread": True}
    return StepDescription(way, what, entry.name, entry.level, options)
