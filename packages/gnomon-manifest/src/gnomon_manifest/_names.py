"""What each module binds at its top level, and what a dotted name in it stands for.

Nothing is looked up in a running interpreter: names are followed through imports, re-exports and star imports of
the files that were read, and end in a definition of the project or in the qualified name of something outside it.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ._outside import exported_names
from ._source import SourceFile

__all__ = ["Definition", "Inside", "Module", "Names", "Outside", "Resolved", "WholeModule", "dotted", "index"]

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_BUILTINS: Final = frozenset(dir(builtins))
_TYPE_ALIAS: Final[tuple[type[ast.AST], ...]] = (ast.TypeAlias,) if hasattr(ast, "TypeAlias") else ()


@dataclass(slots=True, eq=False)
class Definition:
    """A name that a module defines, with every top-level statement that binds or changes it."""

    module: Module
    name: str
    nodes: list[ast.stmt] = field(default_factory=list)
    guards: list[ast.expr] = field(default_factory=list)
    binding: ast.stmt | None = None
    ambiguous: bool = False

    @property
    def key(self) -> str:
        """`module:name`, unique within a project."""
        return f"{self.module.name}:{self.name}"


@dataclass(frozen=True, slots=True)
class Imported:
    """A name bound by an import: a module, or an attribute of one."""

    module: str
    attribute: str | None


@dataclass(slots=True, eq=False)
class Module:
    """The top level of one file."""

    name: str
    source: SourceFile
    definitions: dict[str, Definition] = field(default_factory=dict)
    imports: dict[str, Imported] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    functions: list[tuple[FunctionNode, tuple[ast.ClassDef, ...]]] = field(default_factory=list)

    @property
    def package(self) -> str:
        """What relative imports of this module start from."""
        return self.name if self.source.is_package else self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Inside:
    """A definition of the project, and the attributes that follow it."""

    definition: Definition
    rest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WholeModule:
    """A module of the project."""

    module: Module


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that the project imports from elsewhere, or a builtin, by its qualified name."""

    name: str


Resolved: TypeAlias = Inside | WholeModule | Outside | None


def dotted(node: ast.expr) -> tuple[str, ...] | None:
    """The parts of a dotted name, or None when the expression is more than that."""
    if isinstance(node, ast.Name):
        return (node.id,)
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    parts.append(node.id)
    return tuple(reversed(parts))


def imported_names(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Imported]]:
    """The names that an import binds; `*` for a star import."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                yield alias.asname, Imported(alias.name, None)
            else:
                top = alias.name.partition(".")[0]
                yield top, Imported(top, None)
        return
    base = node.module or ""
    if node.level:
        parts = package.split(".") if package else []
        kept = parts[: len(parts) - (node.level - 1)]
        base = ".".join([*kept, *([base] if base else [])])
    for alias in node.names:
        yield alias.asname or alias.name, Imported(base, alias.name)


def _targets(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, (ast.Tuple, ast.List)):
        for element in node.elts:
            yield from _targets(element)
    elif isinstance(node, (ast.Starred, ast.Attribute, ast.Subscript)):
        yield from _targets(node.value)


def _changed(call: ast.expr) -> str | None:
    """The name whose object a bare call statement may change: `name.append(x)`."""
    if isinstance(call, ast.Await):
        call = call.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        path = dotted(call.func)
        return path[0] if path else None
    return None


def _is_type_checking(test: ast.expr) -> bool:
    path = dotted(test)
    return path is not None and path[-1] == "TYPE_CHECKING"


class _Indexer:
    def __init__(self, module: Module) -> None:
        self.module = module
        self.guards: list[ast.expr] = []
        self.doubtful = False

    def bind(self, name: str, node: ast.stmt, *, binds: bool = True) -> None:
        definition = self.module.definitions.get(name)
        if definition is None:
            if not binds:
                return
            definition = self.module.definitions[name] = Definition(self.module, name)
        elif binds and self.doubtful:
            definition.ambiguous = True
        if binds and name in self.module.imports:
            definition.ambiguous = self.doubtful
            if not self.doubtful:
                del self.module.imports[name]
        definition.nodes.append(node)
        definition.guards.extend(guard for guard in self.guards if guard not in definition.guards)
        if binds:
            definition.binding = node

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, target in imported_names(node, self.module.package):
            if name == "*":
                self.module.stars.append(target.module)
                continue
            if name in self.module.definitions and self.doubtful:
                self.module.definitions[name].ambiguous = True
                continue
            self.module.imports[name] = target

    def body(self, statements: Iterable[ast.stmt]) -> None:
        for node in statements:
            self.statement(node)

    def branch(self, *bodies: Iterable[ast.stmt], guards: Sequence[ast.expr], doubtful: bool = True) -> None:
        before = self.doubtful
        self.guards.extend(guards)
        self.doubtful = self.doubtful or doubtful
        for body in bodies:
            self.body(body)
        self.doubtful = before
        del self.guards[len(self.guards) - len(guards) :]

    def statement(self, node: ast.stmt) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.bind(node.name, node)
            self.module.functions.append((node, ()))
        elif isinstance(node, ast.ClassDef):
            self.bind(node.name, node)
            self.methods(node, ())
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imports(node)
        elif isinstance(node, ast.Assign):
            self.assign(node, node.targets)
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            self.assign(node, [node.target], augments=isinstance(node, ast.AugAssign))
        elif isinstance(node, _TYPE_ALIAS):  # pragma: no cover - CPython 3.11 does not parse this
            self.bind(node.name.id, node)  # type: ignore[attr-defined]
        else:
            self.compound(node)

    def methods(self, node: ast.ClassDef, outer: tuple[ast.ClassDef, ...]) -> None:
        for item in node.body:
            if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.module.functions.append((item, (*outer, node)))
            elif isinstance(item, ast.ClassDef):
                self.methods(item, (*outer, node))

    def assign(self, node: ast.stmt, targets: Sequence[ast.expr], *, augments: bool = False) -> None:
        for target in targets:
            binds = isinstance(target, (ast.Name, ast.Tuple, ast.List)) and not augments
            for name in _targets(target):
                self.bind(name, node, binds=binds)

    def compound(self, node: ast.stmt) -> None:
        if isinstance(node, ast.If):
            if _is_type_checking(node.test):
                # what type checkers see wins, so it comes last
                self.branch(node.orelse, node.body, guards=(), doubtful=False)
            elif isinstance(node.test, ast.UnaryOp) and _is_type_checking(node.test.operand):
                self.branch(node.body, node.orelse, guards=(), doubtful=False)
            else:
                self.branch(node.body, node.orelse, guards=(node.test,))
        elif isinstance(node, (ast.Try, ast.TryStar)):
            handlers = [handler.body for handler in node.handlers]
            self.branch(node.body, *handlers, node.orelse, node.finalbody, guards=())
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                for name in _targets(item.optional_vars) if item.optional_vars else ():
                    self.bind(name, node)
            self.branch(node.body, guards=[item.context_expr for item in node.items], doubtful=False)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            for name in _targets(node.target):
                self.bind(name, node)
            self.branch(node.body, node.orelse, guards=(node.iter,))
        elif isinstance(node, ast.While):
            self.branch(node.body, node.orelse, guards=(node.test,))
        elif isinstance(node, ast.Match):
            self.branch(*(case.body for case in node.cases), guards=(node.subject,))
        elif isinstance(node, ast.Expr) and (changed := _changed(node.value)):
            self.bind(changed, node, binds=False)


def index(source: SourceFile) -> Module:
    """Read what a file binds at its top level."""
    module = Module(source.module, source)
    if source.tree is not None:
        _Indexer(module).body(source.tree.body)
    return module


class Names:
    """All modules of a project, and what names in them stand for."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules: dict[str, Module] = {}
        self.packages: set[str] = set()
        for module in modules:
            self.modules[module.name] = module
            parts = module.name.split(".")
            self.packages.update(".".join(parts[:end]) for end in range(1, len(parts)))
        self._known: dict[tuple[str, tuple[str, ...]], Resolved] = {}

    def resolve(self, module: Module, path: tuple[str, ...]) -> Resolved:
        """Say what a dotted name stands for at the top level of a module; None when nothing binds it."""
        key = (module.name, path)
        if key not in self._known:
            self._known[key] = self._follow(module, path, set())
        return self._known[key]

    def imported(self, target: Imported, rest: tuple[str, ...]) -> Resolved:
        """Say what an imported name stands for, with the attributes that follow it."""
        path = rest if target.attribute is None else (target.attribute, *rest)
        return self._within(target.module, path, set())

    def _follow(self, module: Module, path: tuple[str, ...], seen: set[tuple[str, str]]) -> Resolved:
        first, rest = path[0], path[1:]
        if (module.name, first) in seen:  # modules that import a name from each other in a circle
            return None
        seen.add((module.name, first))
        if first in module.imports:
            target = module.imports[first]
            inner = rest if target.attribute is None else (target.attribute, *rest)
            return self._within(target.module, inner, seen)
        if first in module.definitions:
            return Inside(module.definitions[first], rest)
        unknown: str | None = None
        for star in reversed(module.stars):
            if star in self.modules:
                found = self._star(self.modules[star], path, seen)
                if found is not None:
                    return found
                continue
            names = exported_names(star)
            if names is None:
                unknown = unknown or star
            elif first in names:
                return Outside(".".join((star, *path)))
        if first in _BUILTINS:
            return Outside(".".join(("builtins", *path)))
        # it can only come from the star import that nothing is known about
        return Outside(".".join((unknown, *path))) if unknown else None

    def _star(self, module: Module, path: tuple[str, ...], seen: set[tuple[str, str]]) -> Resolved:
        exported = self.exported(module)
        if path[0] not in exported if exported is not None else path[0].startswith("_"):
            return None
        found = self._follow(module, path, seen)
        return None if isinstance(found, Outside) and found.name.startswith("builtins.") else found

    def exported(self, module: Module) -> frozenset[str] | None:
        """The names in `__all__` where it is a literal, else None."""
        definition = module.definitions.get("__all__")
        binding = definition.binding if definition else None
        if isinstance(binding, (ast.Assign, ast.AnnAssign)) and isinstance(
            binding.value, (ast.List, ast.Tuple)
        ):
            found = [item.value for item in binding.value.elts if isinstance(item, ast.Constant)]
            return frozenset(name for name in found if isinstance(name, str))
        return None

    def _within(self, name: str, path: tuple[str, ...], seen: set[tuple[str, str]]) -> Resolved:
        """Follow attributes from a module by name, through submodules, into a definition."""
        found: Resolved
        while True:
            module = self.modules.get(name)
            if module is None and name not in self.packages:
                return Outside(".".join((name, *path)))
            if not path:
                return WholeModule(module) if module else None
            if module is not None:
                found = self._follow(module, path, seen)
                if found is not None and not (
                    isinstance(found, Outside) and found.name.startswith("builtins.")
                ):
                    return found
            inner = f"{name}.{path[0]}"
            if inner not in self.modules and inner not in self.packages:
                return None
            name, path = inner, path[1:]
