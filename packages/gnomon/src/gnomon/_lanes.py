"""The same routes with another orchestrator around them: for the requests that are recorded, and for replays.

A request that nobody records runs through plans that know nothing of recording. The others have plans of their own,
compiled when the first of them comes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import trio

from gnomon_ingress import RequestValidator
from gnomon_manifest.declare import HandlerDeclaration
from gnomon_orchestrator import Hook, Listener, Orchestrator, Plan
from gnomon_orchestrator.protocols import Boundary

from ._binding import request_validator, response_validator
from ._hooks import route_hooks
from ._policies import Guards

Gate = Callable[[Callable[..., Any]], Callable[..., Any]]
_ARGUMENTS: Final = ("req", "res", "lctx", "gctx", "error")


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """What a plan is made of: a handler and its declaration, or what makes the error of a refusal."""

    handler: Callable[..., Any] | None = None
    declaration: HandlerDeclaration | None = None
    make_error: Callable[[], Exception] | None = None


class Lane:
    """Plans for the routes of an application, made when they are first asked for.

    Args:
        hooks: The global hooks.
        guards: What stands before validation and hooks.
        listeners: Who hears of the lifecycle.
        boundaries: Who stands between the steps.
        development: As in the configuration of the application.
        gate: Put around handler and hooks, if anything is.
        wrap: Put around the validators of requests, if anything is.
    """

    def __init__(
        self,
        hooks: Sequence[Hook],
        guards: Guards,
        *,
        listeners: Iterable[Listener],
        boundaries: Iterable[Boundary] = (),
        development: bool,
        gate: Gate | None = None,
        wrap: Callable[[RequestValidator], Any] | None = None,
    ) -> None:
        self._gate = functools.cache(gate) if gate is not None else None
        self._wrap = wrap
        self._development = development
        self._hooks = tuple(hooks)
        self._guards = guards
        self.orchestrator = Orchestrator(
            hooks=self._gated(self._hooks),
            listeners=tuple(listeners),
            guards=guards.everywhere,
            boundaries=tuple(boundaries),
        )
        self._plans: dict[Spec, Plan] = {}

    def plan(self, spec: Spec) -> Plan:
        """The plan of this lane for a route."""
        made = self._plans.get(spec)
        if made is None:
            made = self._plans[spec] = self._make(spec)
        return made

    def _make(self, spec: Spec) -> Plan:
        if spec.make_error is not None:
            return self.orchestrator.refusal(spec.make_error, name="refusal")
        handler, declaration = spec.handler, spec.declaration
        assert handler is not None
        assert declaration is not None
        checked = request_validator(handler)
        return self.orchestrator.plan(
            handler if self._gate is None else self._gate(handler),
            hooks=self._gated(route_hooks(declaration, self._hooks)),
            guards=self._guards.of(declaration),
            request=checked if checked is None or self._wrap is None else self._wrap(checked),
            response=response_validator(handler, declaration, development=self._development),
            name=declaration.id,
            version=declaration.version or "",
        )

    def _gated(self, hooks: Iterable[Hook]) -> list[Hook]:
        if self._gate is None:
            return list(hooks)
        return [self._gated_hook(hook) for hook in hooks]

    def _gated_hook(self, hook: Hook) -> Hook:
        gate = self._gate
        assert gate is not None
        requires = hook.requires
        if requires is not None:
            requires = gate(requires.fn if isinstance(requires, Hook) else requires)
        return replace(hook, fn=gate(hook.fn), requires=requires)


def gate_around(
    function: Callable[..., Any], passes: Callable[[Any, Any], bool | None]
) -> Callable[..., Any]:
    """A function with the arguments of a handler or hook that calls another with those it takes, where it is let through.

    Args:
        function: A handler or hook.
        passes: Called with `lctx` and `res`; whether the function is called at all, `None` to wait for a cancellation.
    """
    names = [name for name in inspect.signature(function).parameters if name in _ARGUMENTS]

    def call(arguments: dict[str, Any]) -> Any:
        return function(**{name: arguments[name] for name in names})

    async def ask(arguments: dict[str, Any]) -> Any:
        verdict = passes(arguments["lctx"], arguments["res"])
        if verdict is None:
            await trio.sleep_forever()
        return await call(arguments) if verdict else None

    def ask_sync(arguments: dict[str, Any]) -> Any:
        return call(arguments) if passes(arguments["lctx"], arguments["res"]) else None

    made: Callable[..., Any]
    if inspect.iscoroutinefunction(function):
        if "error" in names:

            async def made(req: Any, res: Any, lctx: Any, gctx: Any, error: Any) -> Any:
                return await ask({"req": req, "res": res, "lctx": lctx, "gctx": gctx, "error": error})

        else:

            async def made(req: Any, res: Any, lctx: Any, gctx: Any) -> Any:
                return await ask({"req": req, "res": res, "lctx": lctx, "gctx": gctx})

    elif "error" in names:

        def made(req: Any, res: Any, lctx: Any, gctx: Any, error: Any) -> Any:
            return ask_sync({"req": req, "res": res, "lctx": lctx, "gctx": gctx, "error": error})

    else:

        def made(req: Any, res: Any, lctx: Any, gctx: Any) -> Any:
            return ask_sync({"req": req, "res": res, "lctx": lctx, "gctx": gctx})

    made.__name__, made.__qualname__ = function.__name__, function.__qualname__
    made.__module__ = function.__module__
    return made
