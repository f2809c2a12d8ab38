"""What a request has registered on itself at a boundary: hooks, callbacks, compensations, cleanups, tasks.

A recording keeps the names and the functions by their ids; a replay that begins there registers them again, where the
application has the functions. Nothing is imported for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any, Final, NamedTuple

from gnomon_context import LocalContext, TrackedTask
from gnomon_context.runtime import Step, rebuild
from gnomon_snapshot._restore import restored_tasks
from gnomon_snapshot._session import Session

_POINTS: Final = ("before", "after", "catch")
_CALLBACKS: Final = ("on_error", "on_timeout", "cleanups", "compensations")
_SHOWN: Final[Mapping[str, str]] = {
    "before": "before hook",
    "after": "after hook",
    "catch": "catch hook",
    "on_error": "on_error callback",
    "on_timeout": "on_timeout callback",
    "cleanups": "cleanup",
    "compensations": "compensation",
    "entered": "context manager",
    "task": "task",
}
_OWN: Final = f"{__name__.partition('.')[0]}._"


class Registered(NamedTuple):
    """One thing that a request had registered on itself.

    Attributes:
        kind: A hook point, or what it is else.
        name: Its name.
        module: The module of its function, `*` for a call on a module of the application, empty if that is not known.
        function: Its name there, or the path of the call.
        args: What it is called with; those of compensations stand in the snapshot.
        timeout: Its own, in seconds.
        retries: Of a hook.
        backoff: Of a hook.
        retry_on: Of a hook: module and name of each class.
        isolated: Of a hook.
    """

    kind: str
    name: str
    module: str = ""
    function: str = ""
    args: list[Any] = []  # noqa: RUF012 - read, never changed
    timeout: float | None = None
    retries: int = 0
    backoff: float = 0.0
    retry_on: list[list[str]] = []  # noqa: RUF012 - the same
    isolated: bool = False

    def __str__(self) -> str:
        return f"the {_SHOWN[self.kind]} {self.name}"


def registered(lctx: LocalContext, session: Session) -> dict[str, Any]:
    """The encoded form of what is registered on a request now, and how many draws are over, by kind."""
    draws = {kind: len(drawn) for kind, drawn in session.draws.items()}
    return {"draws": draws, "entries": [list(each) for each in _entries(lctx, session)]}


def _entries(lctx: LocalContext, session: Session) -> list[Registered]:
    extras = lctx.extras
    if extras is None:
        return []
    found = []
    for point in _POINTS:
        for hook in tuple(getattr(extras, point)):
            where = _where(hook.fn, session)
            found.append(
                Registered(
                    point,
                    hook.name,
                    *where,
                    timeout=hook.timeout,
                    retries=hook.retries,
                    backoff=hook.backoff,
                    retry_on=[[cls.__module__, cls.__qualname__] for cls in hook.retry_on],
                    isolated=hook.isolated,
                )
            )
    for kind in _CALLBACKS:
        for step in tuple(getattr(extras, kind)):
            if step.held is not None:
                found.append(Registered("entered", step.name))
                continue
            args = [session.write(each) for each in step.args] if kind == "cleanups" else []
            found.append(Registered(kind, step.name, *_where(step.fn, session), args, step.timeout))
    found += [Registered("task", task.name) for task in tuple(extras.tasks) if task.status == "pending"]
    return found


def _where(function: Any, session: Session) -> tuple[str, str]:
    """Where a function is found again: its module and name there."""
    if type(function) not in (FunctionType, BuiltinFunctionType) and not isinstance(function, type):
        return "", ""  # a method of an object, or a partial: its name alone says too little
    module, qualified = str(function.__module__), str(function.__qualname__)
    if not module.startswith(_OWN):
        return module, qualified
    paths = [full for full, shown in session.names.items() if shown == qualified]
    return ("*", paths[0]) if len(paths) == 1 else ("", "")


def find(module: str, qualified: str) -> Any:
    """What has a name in a module that is loaded, `None` if there is nothing."""
    found: Any = sys.modules.get(module)
    for part in qualified.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found


class Restored:
    """Registers again what a request had registered on itself.

    Args:
        lctx: The request that is replayed.
        call: Gives the function for the path of a call on a module.
        gate: Put around hooks, so that those that are over are not called; `None` where nobody asks.
        diverge: Told what cannot come back, with the reason.
    """

    def __init__(
        self,
        lctx: LocalContext,
        *,
        call: Callable[[str], Callable[..., Any]],
        gate: Callable[[Callable[..., Any]], Callable[..., Any]] | None,
        diverge: Callable[[Registered, str], object],
    ) -> None:
        self._lctx = lctx
        self._call = call
        self._gate = gate or (lambda function: function)
        self._diverge = diverge

    def register(self, entries: list[Any], values: dict[str, Any]) -> None:
        """Register all of it, in its order.

        Args:
            entries: What `registered` returned, decoded.
            values: Those of the snapshot.
        """
        undone = [compensation["args"] for compensation in values["compensations"]]
        tasks: list[TrackedTask] = [task for task in restored_tasks(values) if task.status != "pending"]
        steps: list[Step] = []
        for each in map(Registered._make, entries):
            if each.kind in _POINTS:
                self._hook(each)
            elif each.kind == "compensations":
                steps.append(Step(self._function(each), tuple(undone[len(steps)]), each.name, each.timeout))
            elif each.kind == "cleanups":
                options: dict[str, Any] = {"name": each.name, "timeout": each.timeout}
                self._lctx.on_cleanup(self._function(each), *each.args, **options)
            elif each.kind in _CALLBACKS:
                register = getattr(self._lctx, each.kind)
                register(self._function(each), name=each.name, timeout=each.timeout)
            else:
                self._diverge(each, "was there already where the replay begins, and does not come back")
        rebuild(
            self._lctx,
            phase=self._lctx.phase,
            cancel_reason=self._lctx.cancel_reason,
            outcome=self._lctx.outcome,
            tasks=tasks,
            compensations=steps,
        )

    def _hook(self, each: Registered) -> None:
        retry_on = [find(*where) for where in each.retry_on]
        getattr(self._lctx, each.kind)(
            self._gate(self._function(each, hook=True)),
            name=each.name,
            timeout=each.timeout,
            retries=each.retries,
            backoff=each.backoff,
            retry_on=tuple(cls for cls in retry_on if isinstance(cls, type)),
            isolated=each.isolated,
        )

    def _function(self, each: Registered, *, hook: bool = False) -> Callable[..., Any]:
        """The function, or what tells that it is not there, where it would have run."""
        if each.module == "*":
            return self._call(each.function)
        found = find(each.module, each.function)
        if callable(found):
            function: Callable[..., Any] = found
            return function
        shown = f"{each.module}.{each.function}" if each.module else "a method, a closure or a partial"

        def missing(*_args: Any) -> None:
            self._diverge(
                each,
                f"was registered by a step that is not run, and its function is not in the application ({shown})",
            )

        return (lambda: missing()) if hook else missing  # a hook takes what it names, and nothing else
