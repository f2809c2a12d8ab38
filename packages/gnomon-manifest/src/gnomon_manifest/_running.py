"""What running code says of its hooks, its roles and its applications, in the words of a manifest."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from ._declarations import hook_of
from ._manifest import Manifest
from ._model import Handler, Hook, HookLevel
from ._services import authenticator_of
from ._words import live_hook, read_hook

__all__ = ["applications", "hook_orders", "live_hooks", "live_roles", "read_hooks"]

_POINTS: Final = {
    "received": "before",
    "before": "before",
    "after": "after",
    "first_byte": "after",
    "last_byte": "after",
    "catch": "catch",
}


def live_hooks(functions: Iterable[Any], read: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The hooks that functions declare: those for every route, and of the others those that the manifest has.

    A hook for routes that no route lists is in no manifest.
    """
    for function in functions:
        declared = hook_of(function)
        if declared is not None and (declared.level == "global" or f"hook {declared.name}" in read):
            yield f"hook {declared.name}", live_hook(function, declared)


def read_hooks(manifest: Manifest, level: HookLevel) -> Iterator[tuple[str, dict[str, Any]]]:
    """The hooks of a level that a manifest has; without handlers it shows none."""
    for handler in manifest.handlers:
        for hook in handler.hooks:
            if hook.level == level:
                yield f"hook {hook.name}", read_hook(hook)


def live_roles(made: Iterable[Any]) -> tuple[str, ...] | None:
    """The roles that the authenticators among some functions and classes may give; None without one."""
    # a class that inherits from one declares nothing itself
    found = [authenticator_of(item) for item in made if "__gnomon_authenticator__" in vars(item)]
    given = [item.roles for item in found if item is not None]
    return tuple(sorted({role for roles in given for role in roles})) if given else None


def applications(modules: Iterable[Any]) -> list[Any]:
    """The applications of the runtime that modules hold; this package knows them by name only."""
    kind = getattr(sys.modules.get("gnomon"), "App", None)
    if kind is None:
        return []
    found = [value for module in modules for value in vars(module).values() if isinstance(value, kind)]
    return list({id(value): value for value in found}.values())


def hook_orders(manifest: Manifest, apps: Iterable[Any]) -> Iterator[str]:
    """Say where the global hooks that applications run for a handler are not those of the manifest, in its order.

    Which application serves a handler is not a property of its source, so a hook that one of them does not run is no
    disagreement while another does.
    """
    handlers = {handler.id: handler for handler in manifest.handlers}
    ran: dict[str, dict[str, set[str]]] = {}
    told: set[str] = set()
    for route in (route for app in apps for route in app.routes if route.id in handlers):
        for point, names in _orders(route.plan).items():
            read = _names(handlers[route.id], point)
            ran.setdefault(route.id, {}).setdefault(point, set()).update(names)
            common = [name for name in read if name in names]
            if [name for name in names if name in read] != common or len(common) < len(names):
                told.add(_sentence(route.id, point, read, names))
    for handler, points in ran.items():
        for point, run in points.items():
            if missing := [hook for hook in _names(handlers[handler], point) if hook not in run]:
                hooks = ", ".join(missing)
                told.add(f"handler {handler}: no application runs the global {point} hooks {hooks}")
    yield from sorted(told)


def _orders(plan: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"before": [], "after": [], "catch": []}
    for step in plan.describe().steps:
        if step.level == "global" and step.what in _POINTS:
            found[_POINTS[step.what]].append(step.name)
    return found


def _names(handler: Handler, point: str) -> list[str]:
    hooks: list[Hook] = [hook for hook in handler.hooks if hook.level == "global" and hook.point == point]
    return [hook.name for hook in hooks]


def _sentence(name: str, point: str, read: list[str], names: list[str]) -> str:
    source, running = (", ".join(given) or "none" for given in (read, names))
    return f"handler {name}: the global {point} hooks are {source} in the source and {running} in the application"
