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

# A decorated function or class, an object with decorated methods, a module, or the name of one.
Source: TypeAlias = Callable[..., Any] | ModuleType | str | object


@dataclass(frozen=True, slots=True)
class Declared:
    """What the sources declare: handlers, global hooks and modules, by source, module name and line."""

    handlers: tuple[tuple[Callable[..., Any], HandlerDeclaration], ...]
    hooks: tuple[tuple[Callable[..., Any], HookDeclaration], ...]
    modules: tuple[tuple[Callable[..., Any], ModuleDeclaration], ...]


def collect(sources: Iterable[Source]) -> Declared:
    """Read the declarations of every source, each function or class once.

    Args:
        sources: Decorated functions and classes, objects with decorated methods, modules, or names of modules; a package
            stands for all its modules.

    Raises:
        SourceUnusable: A source that cannot be imported or that declares nothing, a route's hook in no route, or a class
            with decorated methods and no object of it.
    """
    functions: dict[tuple[int, int], Callable[..., Any]] = {}
    for source in sources:
        found = list(_functions(source))
        if not found:
            raise SourceUnusable(
                f"{_shown(source)} declares no handler and no hook: decorate a function, as in @get('/path')"
            )
        functions.update({_identity(function): function for function in found})
    handlers: list[tuple[Callable[..., Any], HandlerDeclaration]] = []
    hooks: list[tuple[Callable[..., Any], HookDeclaration]] = []
    listed: list[tuple[Callable[..., Any], HookDeclaration]] = []
    modules: list[tuple[Callable[..., Any], ModuleDeclaration]] = []
    for function in functions.values():
        if (declaration := declaration_of(function)) is not None:
            handlers.append((function, declaration))
        elif (hook := hook_of(function)) is not None:
            (hooks if hook.level == "global" else listed).append((function, hook))
        else:
            module = module_of(function)
            assert module is not None, "nothing else is collected"
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
        modules = _modules(source)
        _refuse_without_object(modules)
        for module in modules:
            yield from _declared_in(module)
    elif callable(source) and _declares(source):
        yield source
    elif inspect.isclass(source) and _decorated_names(source):
        raise _no_object(source)
    elif methods := _methods(source):
        yield from methods
    elif not callable(source):
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
    objects = [each for each in _objects(module) if type(each).__module__ == module.__name__]
    return sorted([*own, *(method for each in objects for method in _methods(each))], key=_line)


def _objects(module: ModuleType) -> list[object]:
    """What a module has made of classes with decorated methods, each once."""
    made = {id(each): each for each in vars(module).values() if _decorated_names(type(each))}
    return list(made.values())


def _refuse_without_object(modules: Iterable[ModuleType]) -> None:
    """A method answers nothing without an object: a class of which there is none would be left out in silence."""
    made = {klass for module in modules for each in _objects(module) for klass in type(each).__mro__}
    for module in modules:
        for value in vars(module).values():
            own = inspect.isclass(value) and value.__module__ == module.__name__
            if own and value not in made and _decorated_names(value):
                raise _no_object(value)


def _no_object(made: type) -> SourceUnusable:
    return SourceUnusable(
        f"{made.__qualname__}.{_decorated_names(made)[0]} is decorated, and there is no object of that class: make one in "
        f"its module, as in {made.__name__.lower()} = {made.__name__}(), or give one to App"
    )


def _methods(made: object) -> list[Callable[..., Any]]:
    """The decorated methods of an object, bound to it, in their order in the source."""
    return sorted((getattr(made, name) for name in _decorated_names(type(made))), key=_line)


def _decorated_names(made: type) -> list[str]:
    """The names of the methods of a class that are handlers or hooks."""
    found = {}
    for each in reversed(made.__mro__):
        found.update({name: inspect.unwrap(_plain(value)) for name, value in vars(each).items()})
    return [name for name, value in found.items() if inspect.isfunction(value) and _declares(value)]


def _plain(value: Any) -> Any:
    return value.__func__ if isinstance(value, (staticmethod, classmethod)) else value


def _identity(function: Callable[..., Any]) -> tuple[int, int]:
    """The same for the same function, or the same method of the same object."""
    return id(getattr(function, "__func__", function)), id(getattr(function, "__self__", None))


def _declares(value: Any) -> bool:
    return any(found(value) is not None for found in (declaration_of, hook_of, module_of))


def _line(declared: Any) -> int:
    """The line of a function. Classes, which are modules, have no order but that of their definition."""
    code = getattr(inspect.unwrap(declared), "__code__", None)
    return 0 if code is None else int(code.co_firstlineno)


def _shown(source: Source) -> str:
    if isinstance(source, str):
        return repr(source)
    name = getattr(source, "__qualname__", None) or getattr(source, "__name__", repr(source))
    return f"{type(source).__name__} {name}"
