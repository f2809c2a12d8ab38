"""From the sources given to an application to the handlers, hooks and modules declared in them, in their order."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

from gnomon_manifest.declare import (
    HandlerDeclaration,
    HookDeclaration,
    ModuleDeclaration,
    declaration_of,
    hook_of,
    module_of,
)

from ._errors import SourceUnusable

Source: TypeAlias = Callable[..., Any] | ModuleType | str


@dataclass(frozen=True, slots=True)
class Declared:
    """What the sources declare: handlers, global hooks and modules, by source, module name and line."""

    handlers: tuple[tuple[Callable[..., Any], HandlerDeclaration], ...]
    hooks: tuple[tuple[Callable[..., Any], HookDeclaration], ...]
    modules: tuple[tuple[Callable[..., Any], ModuleDeclaration], ...]


def collect(sources: Iterable[Source]) -> Declared:
    """Read the declarations of every source, each function or class once.

    Args:
        sources: Decorated functions and classes, modules, or names of modules; a package stands for all its modules.

    Raises:
        SourceUnusable: A source that cannot be imported or that declares nothing, or a route's hook in no route.
    """
    functions: dict[int, Callable[..., Any]] = {}
    for source in sources:
        found = list(_functions(source))
        if not found:
            raise SourceUnusable(
                f"{_shown(source)} declares no handler and no hook: decorate a function, as in @get('/path')"
            )
        functions.update({id(function): function for function in found})
    handlers: list[tuple[Callable[..., Any], HandlerDeclaration]] = []
    hooks: list[tuple[Callable[..., Any], HookDeclaration]] = []
    listed: list[tuple[Callable[..., Any], HookDeclaration]] = []
    modules: list[tuple[Callable[..., Any], ModuleDeclaration]] = []
    for function in functions.values():
        if (declaration := declaration_of(function)) is not None:
            handlers.append((function, declaration))
        elif (hook := hook_of(function)) is not None:
            (hooks if hook.level == "global" else listed).append((function, hook))
        elif (module := module_of(function)) is not None:
            modules.append((function, module))
    _refuse_unlisted(listed, [declaration for _, declaration in handlers])
    return Declared(tuple(handlers), tuple(hooks), tuple(modules))


def _refuse_unlisted(
    hooks: Iterable[tuple[Callable[..., Any], HookDeclaration]], routes: Iterable[HandlerDeclaration]
) -> None:
    """A hook that somebody believes to run, and that runs nowhere, may be the one that keeps a route closed."""
    named = {id(hook) for route in routes for hook in (*route.before, *route.after, *route.catch)}
    for function, hook in hooks:
        if id(function) not in named:
            raise SourceUnusable(
                f"{hook.name} is a hook of a route, and no route names it: write {hook.point}=[{function.__name__}] "
                "in the decorator of one, or leave level='route' out"
            )


def _functions(source: Source) -> Iterator[Callable[..., Any]]:
    if isinstance(source, str):
        yield from _functions(_imported(source))
    elif isinstance(source, ModuleType):
        for module in _modules(source):
            yield from _declared_in(module)
    elif callable(source):
        if _declares(source):
            yield source
    else:
        raise SourceUnusable(f"{source!r} is no source: give a handler, a module, or the name of a module")


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise
        raise SourceUnusable(
            f"there is no module {name!r}: start where it can be imported, or install the package it is in"
        ) from error


def _modules(module: ModuleType) -> list[ModuleType]:
    below = pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}.")
    names = [entry.name for entry in below if entry.name.rpartition(".")[2] != "__main__"]
    return sorted([module, *map(_imported, names)], key=lambda each: each.__name__)


def _declared_in(module: ModuleType) -> list[Callable[..., Any]]:
    own = [
        value
        for value in vars(module).values()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
        and _declares(value)
    ]
    return sorted(own, key=_line)


def _declares(value: Any) -> bool:
    return any(found(value) is not None for found in (declaration_of, hook_of, module_of))


def _line(declared: Any) -> int:
    """The line of a function. Classes, which are modules, have no order but that of their definition."""
    code = getattr(inspect.unwrap(declared), "__code__", None)
    return 0 if code is None else int(code.co_firstlineno)


def _shown(source: Source) -> str:
    if isinstance(source, str):
        return repr(source)
    name = getattr(source, "__qualname__", None) or source.__name__
    return f"{type(source).__name__} {name}"
