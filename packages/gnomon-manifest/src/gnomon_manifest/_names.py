"""What each module binds at its top level, and what a dotted name in it stands for.

Nothing is looked up in a running interpreter: names are followed through imports, re-exports and star imports of
the files that were read, and end in a definition of the project or in the qualified name of something outside it.

Every look into another module is noted in the module where it began, whether there was such a module or not: what is
known about a module holds as long as none of those that it looked into, and they in turn, has changed.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ._outside import exported_names
from ._source import SourceFile

__all__ = ["Definition", "Inside", "Module", "Names", "Outside", "Resolved", "WholeModule", "dotted", "index"]

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_BUILTINS: Final = frozenset(dir(builtins))
_TYPE_ALIAS: Final[tuple[type[ast.AST], ...]] = (ast.TypeAlias,) if hasattr(ast, "TypeAlias") else ()


@dataclass(slots=True, eq=False)
class Definition:
    """A name that a module defines, with every top-level statement that binds or changes it.

    Its `key` is `module:name`, unique within a project; `facts` is what it is and does, once that was read.
    """

    module: Module
    name: str
    key: str
    nodes: list[ast.stmt] = field(default_factory=list)
    guards: list[ast.expr] = field(default_factory=list)
    binding: ast.stmt | None = None
    ambiguous: bool = False
    facts: Any = None


@dataclass(frozen=True, slots=True)
class Imported:
    """A name bound by an import: a module, or an attribute of one."""

    module: str
    attribute: str | None


@dataclass(slots=True, eq=False)
class Module:
    """The top level of one file.

    `stars` has the modules that everything is imported from, with the number of the statement, and `bound_at` the number
    of the statement that binds a name last: what comes later wins.
    `looked_into` has the names of the modules that were asked for names on behalf of this one, `memory` what was made
    of expressions in it: both are as lasting as the module itself. A module that `later` is set for is indexed when
    somebody looks into it.
    """

    name: str
    source: SourceFile
    definitions: dict[str, Definition] = field(default_factory=dict)
    imports: dict[str, Imported] = field(default_factory=dict)
    stars: list[tuple[str, int]] = field(default_factory=list)
    bound_at: dict[str, int] = field(default_factory=dict)
    functions: list[tuple[FunctionNode, tuple[ast.ClassDef, ...]]] = field(default_factory=list)
    classes: list[ast.ClassDef] = field(default_factory=list)
    looked_into: set[str] = field(default_factory=set)
    resolved: dict[tuple[str, ...], Resolved] = field(default_factory=dict)
    memory: dict[Any, Any] = field(default_factory=dict)
    later: Callable[[], SourceFile] | None = None

    def load(self) -> None:
        """Parse and index the file, where that was put off."""
        if self.later is not None:
            self.source, self.later = self.later(), None
            _fill(self)

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
        self.number = 0

    def bind(self, name: str, node: ast.stmt, *, binds: bool = True) -> None:
        definition = self.module.definitions.get(name)
        if definition is None:
            if not binds:
                return
            key = f"{self.module.name}:{name}"
            definition = self.module.definitions[name] = Definition(self.module, name, key)
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
            self.module.bound_at[name] = self.number

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, target in imported_names(node, self.module.package):
            if name == "*":
                self.module.stars.append((target.module, self.number))
                continue
            if name in self.module.definitions and self.doubtful:
                self.module.definitions[name].ambiguous = True
                continue
            self.module.imports[name] = target
            self.module.bound_at[name] = self.number

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
        self.number += 1
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
        self.module.classes.append(node)
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
    _fill(module)
    return module


def _fill(module: Module) -> None:
    if module.source.tree is not None:
        _Indexer(module).body(module.source.tree.body)


_NEW: Final[Any] = object()


class Names:
    """All modules of a project, and what names in them stand for."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.replace({module.name: module for module in modules})

    def replace(self, modules: dict[str, Module]) -> None:
        """Let these be all modules of the project."""
        self.modules = modules
        self.packages = frozenset(package for name in modules for package in packages_of(name))

    def resolve(self, module: Module, path: tuple[str, ...]) -> Resolved:
        """Say what a dotted name stands for at the top level of a module; None when nothing binds it."""
        found: Resolved = module.resolved.get(path, _NEW)
        if found is _NEW:
            found = module.resolved[path] = self._follow(module, path, set(), module.looked_into)
        return found

    def imported(self, module: Module, target: Imported, rest: tuple[str, ...]) -> Resolved:
        """Say what a name that is imported inside of a function stands for, with the attributes that follow it."""
        path = rest if target.attribute is None else (target.attribute, *rest)
        return self._within(target.module, path, set(), module.looked_into)

    def _follow(
        self, module: Module, path: tuple[str, ...], seen: set[tuple[str, str]], trace: set[str]
    ) -> Resolved:
        if module.later is not None:
            module.load()
        first = path[0]
        if (module.name, first) in seen:  # modules that import a name from each other in a circle
            return None
        seen.add((module.name, first))
        bound = module.bound_at.get(first, -1)
        if module.stars and bound >= 0 and (found := self._later_star(module, path, bound, seen, trace)):
            return found
        target = module.imports.get(first)
        if target is not None:
            rest = path[1:]
            inner = rest if target.attribute is None else (target.attribute, *rest)
            return self._within(target.module, inner, seen, trace)
        definition = module.definitions.get(first)
        if definition is not None:
            return Inside(definition, path[1:])
        unknown: str | None = None
        for star, _ in reversed(module.stars):
            trace.add(star)
            if star in self.modules:
                found = self._star(self.modules[star], path, seen, trace)
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

    def _later_star(
        self, module: Module, path: tuple[str, ...], bound: int, seen: set[tuple[str, str]], trace: set[str]
    ) -> Resolved:
        """What a star import puts in the place of a name that was bound before it."""
        for star, number in reversed(module.stars):
            if number < bound:
                break
            trace.add(star)
            if star in self.modules:
                if found := self._star(self.modules[star], path, seen, trace):
                    return found
            elif path[0] in (exported_names(star) or ()):
                return Outside(".".join((star, *path)))
        return None

    def _star(
        self, module: Module, path: tuple[str, ...], seen: set[tuple[str, str]], trace: set[str]
    ) -> Resolved:
        module.load()
        exported = self.exported(module)
        if path[0] not in exported if exported is not None else path[0].startswith("_"):
            return None
        found = self._follow(module, path, seen, trace)
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

    def _within(
        self, name: str, path: tuple[str, ...], seen: set[tuple[str, str]], trace: set[str]
    ) -> Resolved:
        """Follow attributes from a module by name, through submodules, into a definition."""
        found: Resolved
        while True:
            trace.add(name)
            module = self.modules.get(name)
            if module is None and name not in self.packages:
                return Outside(".".join((name, *path)))
            if not path:
                if module is not None:
                    module.load()
                return WholeModule(module) if module else None
            if module is not None:
                found = self._follow(module, path, seen, trace)
                if found is not None and not (
                    isinstance(found, Outside) and found.name.startswith("builtins.")
                ):
                    return found
            inner = f"{name}.{path[0]}"
            if inner not in self.modules and inner not in self.packages:
                trace.add(inner)
                return None
            name, path = inner, path[1:]


def packages_of(module: str) -> Iterator[str]:
    """The packages around a module, the outermost first."""
    parts = module.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))
