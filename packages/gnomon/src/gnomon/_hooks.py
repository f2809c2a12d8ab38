"""From what a decorator declares to the hook that the orchestrator runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gnomon_manifest.declare import HandlerDeclaration, HookDeclaration, Point, hook_of
from gnomon_orchestrator import Hook

from ._binding import check_hook
from ._errors import SourceUnusable

Given = Hook | Callable[..., Any]


def global_hooks(given: Iterable[Given], declared: Iterable[Callable[..., Any]]) -> list[Hook]:
    """The hooks of every request: those given to the application first, then those its sources declare.

    Raises:
        SourceUnusable: A function that declares no hook, or requires one by a name that nobody has.
    """
    functions: list[Given] = [*given, *declared]
    named = _named(functions)
    return [_as_hook(function, None, named) for function in functions]


def route_hooks(declaration: HandlerDeclaration, everywhere: Iterable[Hook]) -> list[Hook]:
    """The hooks that a route lists, in their order.

    Args:
        declaration: What the route declares.
        everywhere: The global hooks, which its hooks may require by name.

    Raises:
        SourceUnusable: A hook requires one by a name that nobody has, or runs for every request anyway.
    """
    everywhere = list(everywhere)
    named = _named([*everywhere, *declaration.before])
    points: dict[Point, tuple[Callable[..., Any], ...]] = {
        "before": declaration.before,
        "after": declaration.after,
        "catch": declaration.catch,
    }
    always = {id(hook.fn) for hook in everywhere}
    for function in (function for functions in points.values() for function in functions):
        if id(function) in always:
            raise SourceUnusable(
                f"{getattr(function, '__qualname__', function)} runs for every request already, and {declaration.id} "
                "lists it once more: declare it with level='route', or take it out of the route"
            )
    return [_as_hook(function, point, named) for point, functions in points.items() for function in functions]


def _named(hooks: Iterable[Given]) -> dict[str, Callable[..., Any]]:
    """The functions that a hook may require by name."""
    found = {}
    for hook in hooks:
        if isinstance(hook, Hook):
            found[hook.name or str(getattr(hook.fn, "__name__", ""))] = hook.fn
        elif (declared := hook_of(hook)) is not None:
            found[declared.name] = hook
    return found


def _as_hook(given: Given, point: Point | None, named: Mapping[str, Callable[..., Any]]) -> Hook:
    check_hook(given.fn if isinstance(given, Hook) else given)
    if isinstance(given, Hook):
        return given
    declared = hook_of(given)
    if declared is not None:
        return _from_declaration(given, declared, named)
    if point is None:
        raise SourceUnusable(f"{given!r} says not when it runs: decorate it with @before, @after or @catch")
    return Hook(given, point)


def _from_declaration(
    function: Callable[..., Any], declared: HookDeclaration, named: Mapping[str, Callable[..., Any]]
) -> Hook:
    requires = declared.requires
    if isinstance(requires, str):
        if requires not in named:
            raise SourceUnusable(
                f"hook {declared.name!r} requires {requires!r}; there are: {', '.join(sorted(named))}"
            )
        requires = named[requires]
    return Hook(
        function,
        declared.point,
        name=declared.name,
        timeout=declared.timeout,
        retries=declared.retries,
        backoff=declared.backoff if declared.retries else 0.0,
        retry_on=declared.retry_on,
        isolated=declared.isolated,
        in_thread=declared.in_thread,
        at=declared.at,
        requires=requires,
    )
