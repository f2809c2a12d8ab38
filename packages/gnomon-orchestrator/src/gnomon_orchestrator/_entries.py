"""Entries: the steps of a plan as the plan keeps them, with everything decided that can be at registration."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import CellType, CodeType, FunctionType
from typing import Any

from gnomon_context import Execution, LocalHook

from ._binding import ARGUMENTS, CATCH_ARGUMENTS, SOCKET_ARGUMENTS, Binding, bind, is_async, name_of
from ._errors import UnknownHook
from ._hook import Hook
from ._steps import Level, Step, StepKind
from .protocols import Guard, Validator

Call = Callable[..., Any]


class Entry:
    """One step of one plan.

    ``call`` takes ``(req, res, lctx, gctx, error)``, and ``ws`` if there is one; ``provides`` is the bit that a completed step sets for
    those that require it, ``needs`` the bit that has to be set for this one to run. A step that is not
    ``plain`` (options, a thread) cannot be inlined into compiled code.
    """

    __slots__ = (
        "binding",
        "call",
        "event",
        "execution",
        "hook",
        "id",
        "in_thread",
        "index",
        "is_async",
        "kind",
        "level",
        "name",
        "needs",
        "plain",
        "point",
        "provides",
        "timeout",
    )

    def __init__(
        self,
        kind: StepKind,
        name: str,
        binding: Binding,
        *,
        id: str,  # noqa: A002 - the word of the design
        point: str | None = None,
        level: Level | None = None,
        hook: Hook | LocalHook | None = None,
        plain: bool = True,
        in_thread: bool = False,
    ) -> None:
        self.kind: StepKind = kind
        self.name: str = name
        self.id: str = id
        self.point: str | None = point
        self.level: Level | None = level
        self.hook: Hook | LocalHook | None = hook
        self.plain: bool = plain
        self.in_thread: bool = in_thread
        self.binding: Binding = binding
        self.call: Call = binding.adapter()
        self.is_async: bool = binding.is_async
        self.event: str = "handler" if kind == "handler" else "validation" if kind == "validation" else "hook"
        self.index: int = -1
        self.execution: Execution = Execution()
        self.provides: int = 0
        self.needs: int = 0
        # Set if a timeout is all that keeps the step from being plain.
        self.timeout: float | None = None

    def place(self, index: int, handler_id: str, version: str) -> None:
        """Give the step its number within the plan."""
        self.index = index
        hook_id = self.id if self.kind == "hook" else None
        self.execution = Execution(handler_id, version, index, hook_id, self.level)

    def step(self, req: Any, res: Any) -> Step:
        """The step as a boundary sees it."""
        return Step(
            kind=self.kind, name=self.name, id=self.id, level=self.level, point=self.point, req=req, res=res
        )


def handler_entry(
    handler: Callable[..., object], name: str, *, in_thread: bool = False, websocket: bool = False
) -> Entry:
    """The entry of a handler.

    Raises:
        BindingError: It does not take exactly ``req``, ``res`` (or ``ws``), ``lctx`` and ``gctx``.
    """
    names, role = (SOCKET_ARGUMENTS, "WebSocket handler") if websocket else (ARGUMENTS, "handler")
    binding = bind(handler, allowed=names, exactly=True, role=role)
    return Entry("handler", name, binding, id="handler", plain=not in_thread, in_thread=in_thread)


def hook_entry(hook: Hook) -> Entry:
    """The entry of a global or route hook that ``resolve`` has completed."""
    assert hook.name is not None
    assert hook.id is not None
    names = CATCH_ARGUMENTS if hook.point == "catch" else ARGUMENTS
    binding = bind(hook.fn, allowed=names, exactly=False, role=f"{hook.point} hook")
    entry = Entry(
        "hook",
        hook.name,
        binding,
        id=hook.id,
        point=hook.point,
        level=hook.level,
        hook=hook,
        plain=hook.plain,
        in_thread=hook.in_thread,
    )
    if not (hook.retries or hook.isolated or hook.in_thread):
        entry.timeout = hook.timeout
    return entry


def local_entry(hook: LocalHook, point: str, number: int, handler_id: str, version: str) -> Entry:
    """The entry of a hook that a request registered on itself, made while it runs.

    Raises:
        BindingError: The function takes other names.
    """
    binding = _bind_cached(hook.fn, point)
    plain = not (hook.timeout is not None or hook.retries or hook.isolated)
    entry = Entry(
        "hook",
        hook.name,
        binding,
        id=f"local:{point}:{hook.name}#{number}",
        point=point,
        level="local",
        hook=hook,
        plain=plain,
    )
    entry.place(-1, handler_id, version)
    return entry


def guard_entry(guard: Guard, number: int) -> Entry:
    """The entry of a guard; it is called by position, with all four."""
    binding = Binding(guard.check, ARGUMENTS, ", ".join(ARGUMENTS), is_async(guard.check))
    name = str(getattr(guard, "name", None) or name_of(type(guard)))
    return Entry("guard", name, binding, id=f"guard:{name}#{number}", point="guard")


def validation_entry(validator: Validator, subject: str) -> Entry:
    """The entry of a validation of the ``request`` or of the ``response``."""
    argument = "req" if subject == "request" else "res"
    binding = Binding(validator.validate, (argument,), argument, is_async=False)
    return Entry("validation", subject, binding, id=f"validation:{subject}", point=subject)


def body_entry() -> Entry:
    """The entry of the body that is received for a validation."""
    return Entry("body", "body", Binding(body_entry, (), "", is_async=True), id="body")


def require(providers: Sequence[Entry], others: Sequence[Entry]) -> None:
    """Give each hook that requires another the bit that the other sets.

    Raises:
        UnknownHook: There is no such one among ``providers``.
    """
    for entry in others:
        required = getattr(entry.hook, "requires", None)
        if required is None:
            continue
        function = required.fn if isinstance(required, Hook) else required
        for number, provider in enumerate(providers):
            if provider.binding.function is function:
                provider.provides = entry.needs = 1 << number
                break
        else:
            raise UnknownHook(
                f"hook {entry.name!r} requires {name_of(function)!r}, which is no before hook of this plan"
            )


def _bind_cached(function: Callable[..., object], point: str) -> Binding:
    # A request makes its local hooks anew, of the same code each time: reading a signature takes 20 µs.
    catch = point == "catch"
    if type(function) is FunctionType and not function.__dict__:
        names, arguments, runs_async = _bind_code(function.__code__, point, catch)
        if names is not None:
            return Binding(function, names, arguments, runs_async)
    names_allowed = CATCH_ARGUMENTS if catch else ARGUMENTS
    return bind(function, allowed=names_allowed, exactly=False, role=f"local {point} hook")


@functools.lru_cache(maxsize=1024)
def _bind_code(code: CodeType, point: str, catch: bool) -> tuple[tuple[str, ...] | None, str, bool]:
    stand_in = FunctionType(code, {}, closure=_cells(code))
    try:
        names_allowed = CATCH_ARGUMENTS if catch else ARGUMENTS
        binding = bind(stand_in, allowed=names_allowed, exactly=False, role=f"local {point} hook")
    except TypeError:
        return None, "", False
    return binding.names, binding.arguments, binding.is_async


def _cells(code: CodeType) -> tuple[CellType, ...]:
    return tuple(CellType() for _ in code.co_freevars)
