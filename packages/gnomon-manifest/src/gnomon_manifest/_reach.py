"""What a handler reaches: the closure of the project's definitions, and where it ends."""

from __future__ import annotations

import ast
import importlib.metadata
import sys
from collections.abc import Callable, Iterable
from functools import cache

from ._model import OpenEdge
from ._names import Definition, Module, Names
from ._normal import Facts, read_facts

__all__ = ["Reach", "installed_version"]


@cache
def installed_version(package: str) -> str | None:
    """The version of the distribution that offers a top-level package, where it is installed.

    Reads metadata only; nothing is imported.
    """
    try:
        return importlib.metadata.version(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        pass
    for name in importlib.metadata.packages_distributions().get(package, ())[:1]:
        return importlib.metadata.version(name)
    return None


class Reach:
    """The facts of every definition, and closures over them."""

    def __init__(self, names: Names, is_declaration: Callable[[ast.expr, Module], bool]) -> None:
        self.names = names
        self.is_declaration = is_declaration
        self.too_deep: list[Definition] = []
        self._facts: dict[str, Facts] = {}
        self._definitions = {
            definition.key: definition
            for module in names.modules.values()
            for definition in module.definitions.values()
        }

    def facts(self, key: str) -> Facts:
        """What one definition is and does."""
        known = self._facts.get(key)
        if known is None:
            known = self._facts[key] = self._read(self._definitions[key])
        return known

    def _read(self, definition: Definition) -> Facts:
        module = definition.module

        def skipped(decorator: ast.expr) -> bool:
            return self.is_declaration(decorator, module)

        facts = read_facts([*definition.guards, *definition.nodes], module, self.names, skipped=skipped)
        if facts.too_deep:
            self.too_deep.append(definition)
        return facts

    def closure(self, roots: Iterable[str], *, known: frozenset[str] = frozenset()) -> frozenset[str]:
        """Everything that is reached from some definitions, themselves included.

        Args:
            roots: keys of definitions.
            known: a closure to add to.
        """
        found = set(known)
        waiting = [root for root in roots if root not in found]
        found.update(waiting)
        while waiting:
            new = self.facts(waiting.pop()).references - found
            found |= new
            waiting.extend(new)
        return frozenset(found)

    def edges(self, reached: Iterable[str]) -> tuple[OpenEdge, ...]:
        """Where a closure ends, sorted, each edge once."""
        found: dict[tuple[str, str], OpenEdge] = {}
        packages: set[str] = set()
        for key in reached:
            facts = self._facts[key]
            packages.update(name.partition(".")[0] for name in facts.outside)
            for use in facts.modules:
                found["module", use.name] = OpenEdge(kind="module", name=use.name)
            for name, _ in facts.dynamic:
                found["dynamic", name] = OpenEdge(kind="dynamic", name=name)
        for package in packages:
            # a part of the project that was not read has no version of its own
            if package not in sys.stdlib_module_names:
                found["distribution", package] = OpenEdge(
                    kind="distribution", name=package, version=installed_version(package)
                )
        return tuple(found[key] for key in sorted(found))
