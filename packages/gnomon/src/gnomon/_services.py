"""From what services declare about themselves, with `@module`, to modules of the global context with capabilities."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gnomon_context import Capabilities, Module
from gnomon_manifest.declare import ModuleDeclaration, module_of

from ._errors import SourceUnusable


def services(
    declared: Iterable[tuple[Callable[..., Any], ModuleDeclaration]], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The modules of an application by name; one that is given takes the place of one that a source declares.

    Args:
        declared: Factories and classes found in the sources.
        given: Values, modules and declared factories, by name.

    Raises:
        SourceUnusable: Two sources declare one name, or a service is given under another name than its own.
    """
    found: dict[str, Any] = {}
    for made, declaration in declared:
        if declaration.name in found:
            raise SourceUnusable(
                f"two modules are declared with the name {declaration.name!r}, one of them at {_place(made)}: "
                "rename one, or leave its source out"
            )
        found[declaration.name] = _module(Module(factory=made, promises=_promised(made)), declaration)
    return found | {name: _as_given(name, value) for name, value in given.items()}


def _as_given(name: str, value: Any) -> Any:
    made = value.factory if isinstance(value, Module) else value
    declaration = module_of(made)
    if declaration is None:
        return value
    if declaration.name != name:
        raise SourceUnusable(
            f"{_place(made)} declares a module {declaration.name!r}, and it is given as {name!r}: "
            "give it under its own name"
        )
    return _module(
        value if isinstance(value, Module) else Module(factory=made, promises=_promised(made)), declaration
    )


def _module(module: Module, declaration: ModuleDeclaration) -> Module:
    """A module with the capabilities that were declared, unless it states its own."""
    if module.capabilities is not None:
        return module
    allowed = Capabilities(
        hosts=declaration.hosts,
        files=declaration.files,
        writable=declaration.writable,
        secrets=declaration.secrets,
        modules=declaration.modules,
    )
    return replace(module, capabilities=allowed, depends_on=module.depends_on or declaration.modules)


def _promised(made: Any) -> type[Any] | None:
    """The class that is declared, if the service is an instance of it and not what entering one gives."""
    return made if inspect.isclass(made) and not hasattr(made, "__aenter__") else None


def _place(made: Any) -> str:
    return f"{made.__module__}.{made.__qualname__}"
