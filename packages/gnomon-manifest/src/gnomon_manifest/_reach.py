"""What a handler reaches: the closure of the project's definitions, and where it ends."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from operator import attrgetter
from typing import Literal

from ._model import OpenEdge
from ._names import Definition, Module, Names
from ._normal import Facts, read_facts

__all__ = ["Reach", "installed_version", "open_edges"]


@cache
def installed_version(package: str) -> str | None:
    """The version of the distribution that offers a top-level package, where it is installed.

    Reads metadata only; nothing is imported.
    """
    try:
        return importlib.metadata.version(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        pass
    for name in _distributions().get(package, ())[:1]:
        return importlib.metadata.version(name)
    return None


@cache
def _distributions() -> Mapping[str, list[str]]:
    """The distributions by the packages that they offer; finding them takes long where many are installed."""
    return importlib.metadata.packages_distributions()


class Reach:
    """The facts of every definition, and closures over them."""

    def __init__(self, names: Names, is_declaration: Callable[[ast.expr, Module], bool]) -> None:
        self.names = names
        self.is_declaration = is_declaration

    def facts(self, definition: Definition) -> Facts:
        """What one definition is and does; read once."""
        known: Facts | None = definition.facts
        if known is None:
            module = definition.module

            def skipped(decorator: ast.expr) -> bool:
                return self.is_declaration(decorator, module)

            nodes = [*definition.guards, *definition.nodes]
            known = definition.facts = read_facts(nodes, module, self.names, skipped=skipped)
            known.edges = frozenset(_edges(known))
            known.line = f'["{json.dumps(definition.key)[1:-1]}","{known.digest}"]'
        return known

    def closure(self, root: Definition) -> frozenset[Definition]:
        """Everything that is reached from a definition, itself included; found once."""
        facts = self.facts(root)
        if facts.closure is None:
            found = {root}
            waiting = [root]
            while waiting:
                new = self.facts(waiting.pop()).references - found
                found |= new
                waiting.extend(new)
            facts.closure = frozenset(found)
        return facts.closure


def open_edges(reached: Iterable[Definition]) -> tuple[OpenEdge, ...]:
    """Where a closure ends, sorted, each edge once."""
    return _in_order(frozenset().union(*[definition.facts.edges for definition in reached]))


@lru_cache(maxsize=1000)
def _in_order(edges: frozenset[OpenEdge]) -> tuple[OpenEdge, ...]:
    return tuple(sorted(edges, key=attrgetter("kind", "name")))


def _edges(facts: Facts) -> Iterator[OpenEdge]:
    for use in facts.modules:
        yield _edge("module", use.name)
    for name, _ in facts.dynamic:
        yield _edge("dynamic", name)
    for package in {name.partition(".")[0] for name in facts.outside}:
        # a part of the project that was not read has no version of its own
        if package not in sys.stdlib_module_names:
            yield _edge("distribution", package)


@cache
def _edge(kind: Literal["distribution", "dynamic", "module"], name: str) -> OpenEdge:
    return OpenEdge(kind=kind, name=name, version=installed_version(name) if kind == "distribution" else None)
