"""Two manifests side by side, and a manifest beside the running code."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ._build import build
from ._declarations import declaration_of
from ._manifest import Manifest
from ._running import applications, hook_orders, live_hooks, live_roles, read_hooks
from ._services import RESOURCES, module_of
from ._source import find_files
from ._words import live_handler, read_handler

__all__ = ["Difference", "check", "compare"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs about one handler.

    Args:
        kind: `added`, `removed`, `contract` (it promises something else), `implementation` (it does something else).
        id: the handler.
    """

    kind: Literal["added", "contract", "implementation", "removed"]
    id: str


def compare(old: Manifest, new: Manifest) -> tuple[Difference, ...]:
    """Say which handlers came, went, promise something else, or do something else; sorted by id.

    >>> from gnomon_manifest import Manifest, compare
    >>> compare(Manifest(), Manifest())
    ()
    """
    before = {handler.id: handler for handler in old.handlers}
    after = {handler.id: handler for handler in new.handlers}
    found: list[Difference] = []
    for name in sorted({*before, *after}):
        if name not in before:
            found.append(Difference("added", name))
        elif name not in after:
            found.append(Difference("removed", name))
        elif before[name].contract != after[name].contract:
            found.append(Difference("contract", name))
        elif before[name].fingerprint != after[name].fingerprint:
            found.append(Difference("implementation", name))
    return tuple(found)


def check(path: str | Path) -> tuple[str, ...]:
    """Import a source tree, on purpose, and say where its manifest and the running code do not agree.

    Handlers with their types, hooks, modules and roles of authenticators are compared in everything that they declare, and
    the global hooks of each route as the applications (`gnomon.App`) run them that the modules hold.

    Args:
        path: a package, a folder of modules, or one file. Its modules are imported, and so they run.

    Returns:
        One sentence for each disagreement; nothing when they agree.

    Raises:
        ManifestError: when there is nothing at the path.
        Exception: whatever importing the modules raises.
    """
    files = list(find_files(Path(path)))
    manifest = build(path)
    root = files[0][0] if files else Path(path)
    depth = files[0][2].count(".") + (2 if root.name == "__init__.py" else 1) if files else 1
    folder = str(root.absolute().parents[depth - 1])
    sys.path.insert(0, folder)
    try:
        modules = [importlib.import_module(module) for _, _, module in files if module]
    finally:
        sys.path.remove(folder)
    live = {name: value for module in modules for name, value in _everything(module, manifest)}
    read = dict(_read(manifest))
    if manifest.handlers:  # without one, a manifest has no place for hooks
        functions = [item for module in modules for item in _functions(module, module.__name__)]
        listed = dict(read_hooks(manifest, "route"))
        running = dict(live_hooks(functions, listed))
        live |= running
        # a route may list a plain function, which declares nothing
        read |= {name: value for name, value in listed.items() if name in running}
        read |= read_hooks(manifest, "global")
    made = [item for module in modules for item in _made(module, module.__name__)]
    read["the authenticators"], live["the authenticators"] = (
        {"roles": manifest.roles},
        {"roles": live_roles(made)},
    )
    return (*_disagreements(read, live), *hook_orders(manifest, applications(modules)))


def _everything(module: Any, manifest: Manifest) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from _live(module, manifest)
    yield from _live_services(module)


def _made(owner: Any, module: str) -> Iterator[Any]:
    """Every function and class of a module, and of the classes in it."""
    yield from _functions(owner, module)
    for value in vars(owner).values():
        if isinstance(value, type) and value.__module__ == module and value is not owner:
            yield value
            yield from _made(value, module)


def _functions(owner: Any, module: str) -> Iterator[Any]:
    for value in vars(owner).values():
        value = inspect.unwrap(value.__func__ if isinstance(value, (staticmethod, classmethod)) else value)
        if inspect.isfunction(value) and value.__module__ == module:
            yield value
        elif isinstance(value, type) and value.__module__ == module and value is not owner:
            yield from _functions(value, module)


def _live(module: Any, manifest: Manifest) -> Iterator[tuple[str, dict[str, Any]]]:
    """The declarations of an imported module, in the words of a manifest."""
    statuses = {handler.id: handler.types.responses for handler in manifest.handlers}
    for function in _functions(module, module.__name__):
        if (declared := declaration_of(function)) is not None:
            yield f"handler {declared.id}", live_handler(function, declared, statuses.get(declared.id, ()))


def _live_services(module: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """What services of an imported module declare, in the words of a manifest."""
    for made in {id(made): made for made in _made(module, module.__name__)}.values():
        if (declared := module_of(made)) is not None:
            yield (
                f"module {declared.name}",
                {kind: getattr(declared, kind) for kind in (*RESOURCES, "summary")},
            )


def _read(manifest: Manifest) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in manifest.modules:
        yield f"module {entry.name}", {kind: getattr(entry, kind) for kind in (*RESOURCES, "summary")}
    for handler in manifest.handlers:
        yield f"handler {handler.id}", read_handler(handler)


def _disagreements(read: dict[str, Any], live: dict[str, Any]) -> Iterator[str]:
    for name in sorted({*read, *live}):
        if name not in live:
            yield f"{name} is in the source and not in the running code"
        elif name not in read:
            yield f"{name} is in the running code and not in the source"
        else:
            for part, value in read[name].items():
                if value != live[name][part]:
                    yield f"{name}: {part} is {value!r} in the source and {live[name][part]!r} in the running code"
