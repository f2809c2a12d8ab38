"""The normal form of a piece of source, and what that piece reaches.

The form is our own, not that of `ast.dump`, which differs between versions of Python: it knows no positions, no
docstrings and no optional fields that are empty, and every name in it that is not local stands with what it
refers to, so that import aliases and the order of imports do not show.

One pass does it all. Whether a name is local is only known at the end of its function, so every name is written
as if it were local, and those that turn out not to be are written over when their scope closes.

The whole tree of every reachable function goes through here, so it is written for speed: each class of node has a
function of its own, found by one look into a table, and a name is looked up once for each scope and not once for each use.

Longer than most modules: one writer knows every sort of syntax, and its parts share the scopes they are in.
"""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final, TypeAlias

from ._constants import NotStatic, constant
from ._flow import SENDERS, answers_plainly
from ._model import OpenEdge
from ._names import (
    Definition,
    Imported,
    Inside,
    Module,
    Names,
    Outside,
    Resolved,
    WholeModule,
    dotted,
    imported_names,
)

__all__ = ["Facts", "ModuleUse", "RegisteredHook", "StatusUse", "read_facts"]

_IGNORED: Final = frozenset({"ctx", "kind", "type_comment", "type_ignores", "lineno", "simple", "str"})
_DYNAMIC: Final = frozenset(
    {
        "builtins.eval",
        "builtins.exec",
        "builtins.compile",
        "builtins.globals",
        "builtins.locals",
        "builtins.__import__",
        "importlib.import_module",
        "importlib.reload",
        "runpy.run_path",
        "runpy.run_module",
    }
)
_BY_NAME: Final = frozenset(
    {"builtins.getattr", "builtins.setattr", "builtins.delattr", "operator.attrgetter"}
)
_POINTS: Final = frozenset({"before", "after", "catch"})
_STATUS: Final = frozenset({"status", "problem"})
# what finishes an answer without a body, with its status where none is given
_BODILESS: Final = {"empty": 204, "redirect": 303}
_NONE: Final[frozenset[str]] = frozenset()
_LOAD: Final = ast.Load


@dataclass(frozen=True, slots=True)
class ModuleUse:
    """A module of the global context that the code asks for."""

    how: str
    name: str
    node: ast.AST


@dataclass(slots=True)
class RegisteredHook:
    """A hook that the code registers on the local context.

    Args:
        point: `before`, `after` or `catch`.
        call: what registers it.
        nested: the function inside of the same definition that it is.
        found: what the name that is given stands for at the top level of its module; None for anything else.
    """

    point: str
    call: ast.expr
    nested: ast.FunctionDef | ast.AsyncFunctionDef | None
    found: Resolved = None


@dataclass(frozen=True, slots=True)
class StatusUse:
    """A status that the code sends or raises; None when it is computed."""

    status: int | None
    code: str | None
    raised: bool
    node: ast.AST


@dataclass(slots=True)
class Facts:
    """What one definition is and does.

    `line` is its key and digest as JSON, and `closure` what it reaches, once somebody has asked. `plain` is whether it may
    answer without naming a status.
    """

    digest: str = ""
    line: str = ""
    closure: frozenset[Definition] | None = None
    references: set[Definition] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    dynamic: list[tuple[str, ast.AST]] = field(default_factory=list)
    modules: list[ModuleUse] = field(default_factory=list)
    hooks: list[RegisteredHook] = field(default_factory=list)
    statuses: list[StatusUse] = field(default_factory=list)
    sends: set[tuple[str, str]] = field(default_factory=set)
    plain: bool = False
    edges: frozenset[OpenEdge] = frozenset()
    too_deep: bool = False


# where a dotted path was written, the path, and its node
_Slot: TypeAlias = tuple[int, tuple[str, ...], ast.AST]


class _Scope:
    __slots__ = (
        "aliases",
        "answers",
        "bound",
        "comprehension",
        "functions",
        "globals",
        "imports",
        "is_class",
        "local",
        "names",
        "paths",
    )

    def __init__(self, *, is_class: bool = False, comprehension: bool = False) -> None:
        self.bound: set[str] = set()
        # by first name: where it was written alone, and where it starts a path
        self.names: defaultdict[str, list[int]] = defaultdict(list)
        self.paths: defaultdict[str, list[_Slot]] = defaultdict(list)
        # most scopes have none of these, so they share the empty ones until one is needed
        self.globals: Collection[str] = _NONE
        self.imports: dict[str, Imported] | None = None
        self.aliases: frozenset[str] = _NONE
        self.local: frozenset[str] = _NONE
        self.answers: frozenset[str] = _NONE
        self.functions: dict[str, Any] | None = None
        self.is_class = is_class
        self.comprehension = comprehension


class _Writer:
    """Writes the normal form of some nodes of one module."""

    def __init__(self, module: Module, names: Names, skipped: Callable[[ast.expr], bool]) -> None:
        self.module = module
        self.names = names
        self.skipped = skipped
        self.out: list[str] = []
        self.facts = Facts()
        self.scope = _Scope()
        self.scopes: list[_Scope] = [self.scope]
        self.calls: dict[int, ast.Call] = {}
        self.hooks: dict[int, RegisteredHook] = {}

    def write(self, node: Any) -> None:
        _WRITERS[type(node)](self, node)

    def write_all(self, nodes: Sequence[Any]) -> None:
        self.out.append(_COUNTS[len(nodes)] if len(nodes) < 16 else f"[{len(nodes)}")
        for node in nodes:
            _WRITERS[type(node)](self, node)

    def missing(self, _: None) -> None:
        self.out.append("-")

    def plain_value(self, value: Any) -> None:
        self.out.append(repr(value))

    def body(self, nodes: Sequence[ast.stmt]) -> None:
        out = self.out
        out.append("{")
        first = nodes[0]
        if type(first) is ast.Expr and type(first.value) is ast.Constant and type(first.value.value) is str:
            nodes = nodes[1:]
        for node in nodes:
            if type(node) is not ast.Pass:
                _WRITERS[type(node)](self, node)
        out.append("}")

    def name(self, node: ast.Name) -> None:
        scope, out, name = self.scope, self.out, node.id
        if type(node.ctx) is not _LOAD:
            scope.bound.add(name)
        scope.names[name].append(len(out))
        out.append("n:" + name)

    def attribute(self, node: ast.Attribute) -> None:
        parts = [node.attr]
        inner = node.value
        while type(inner) is ast.Attribute:
            parts.append(inner.attr)
            inner = inner.value
        if type(inner) is not ast.Name:
            self.out.append("." + node.attr)
            _WRITERS[type(node.value)](self, node.value)
            return
        first: str = inner.id
        parts.append(first)
        parts.reverse()
        out = self.out
        self.scope.paths[first].append((len(out), tuple(parts), node))
        out.append("n:" + ".".join(parts))

    def bind(self, name: str) -> None:
        self.scope.bound.add(name)

    def constant(self, node: ast.Constant) -> None:
        value = node.value
        # not a boolean, which is an int as well
        self.out.append(hex(value) if type(value) is int else repr(value))

    def formatted(self, node: ast.JoinedStr) -> None:
        """Versions differ in how they split the constant parts of a formatted string."""
        self.out.append("f(")
        text = ""
        for value in node.values:
            if isinstance(value, ast.Constant):
                text += str(value.value)
                continue
            self.out.append(repr(text))
            text = ""
            self.write(value)
        self.out.extend((repr(text), ")"))

    def annotation(self, node: ast.expr | None) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                self.write(ast.parse(node.value.strip(), mode="eval").body)
            except (SyntaxError, ValueError):
                self.constant(node)
        else:
            _WRITERS[type(node)](self, node)

    def call(self, node: ast.Call) -> None:
        out, function, arguments = self.out, node.func, node.args
        out.append("Call(")
        if type(function) is ast.Name or type(function) is ast.Attribute:
            self.calls[len(out)] = node
        _WRITERS[type(function)](self, function)
        first = len(out) + 1
        self.write_all(arguments)
        # keyword arguments are written in their order: it is the order in which they are evaluated
        for word in node.keywords:
            out.append(f"{word.arg}=")
            _WRITERS[type(word.value)](self, word.value)
        out.append(")")
        for argument in arguments:
            if type(argument) is ast.Attribute and argument.attr == "modules" and (path := dotted(argument)):
                self.facts.dynamic.append((".".join(path), argument))
        if type(function) is ast.Attribute:
            name: str = function.attr
            if name in _STATUS:
                self.status(node, function)
            elif name in _POINTS:
                self.local_hook(node, function, first)
            elif name in SENDERS:
                self.sending(node, function)
            elif name in _BODILESS:
                self.bodiless(node, function)

    def sending(self, node: ast.Call, function: Any) -> None:
        """`res.text(...)`, `res.status(201).json(...)`."""
        inner = function.value
        named = False
        while type(inner) is ast.Call and type(inner.func) is ast.Attribute:
            named = named or inner.func.attr == "status"
            inner = inner.func.value
        if type(inner) is not ast.Name or not any(inner.id in scope.answers for scope in self.scopes):
            return
        media = SENDERS[function.attr]
        for word in node.keywords:
            if word.arg in ("media_type", None):
                value = word.value.value if isinstance(word.value, ast.Constant) else None
                media = value.partition(";")[0].strip().lower() if isinstance(value, str) else ""
        self.facts.sends.add((function.attr, media or "*/*"))
        self.facts.plain = self.facts.plain or not named

    def bodiless(self, node: ast.Call, function: Any) -> None:
        """`res.empty()`, `res.redirect("/orders", status=308)`; not `res.status(202).empty()`, which names its status."""
        inner = function.value
        if type(inner) is not ast.Name or not any(inner.id in scope.answers for scope in self.scopes):
            return
        status: int | None = _BODILESS[function.attr]
        for word in node.keywords:
            if word.arg in ("status", None):
                value = word.value.value if isinstance(word.value, ast.Constant) else None
                status = value if isinstance(value, int) and 300 <= value <= 399 else None
        self.facts.statuses.append(StatusUse(status, None, False, node))

    def status(self, node: ast.Call, function: Any) -> None:
        """`res.status(404)`, `res.problem(404)`."""
        if not node.args:
            return
        for status in self.statuses(node.args[0]):
            known = status is not None and 100 <= status <= 599
            if known or (isinstance(function.value, ast.Name) and function.value.id == "res"):
                code = _code_of(node) if known else None
                self.facts.statuses.append(StatusUse(status if known else None, code, False, node))

    def statuses(self, node: ast.expr) -> list[int | None]:
        """The values that a status may have: a number, one of two, or a constant; None for one that is computed."""
        if type(node) is ast.Constant:
            return [node.value if type(node.value) is int else None]
        if type(node) is ast.IfExp:
            return [*self.statuses(node.body), *self.statuses(node.orelse)]
        path = dotted(node)
        # a short name in small letters may well be that of a variable
        if path is not None and (len(path) > 1 or path[0].isupper()):
            try:
                value = constant(node, self.module, self.names)
            except NotStatic:
                return [None]
            return [value if type(value) is int else None]
        return [None]

    def local_hook(self, node: ast.Call, function: Any, first: int) -> None:
        """`lctx.after(hook)`."""
        if not isinstance(function.value, ast.Name):
            return
        nested = None
        if node.args and isinstance(node.args[0], ast.Name):
            name = node.args[0].id
            nested = next(
                (
                    scope.functions[name]
                    for scope in reversed(self.scopes)
                    if scope.functions and name in scope.functions
                ),
                None,
            )
        if any(function.value.id in scope.local for scope in self.scopes):
            hook = self.hooks[first] = RegisteredHook(function.attr, node, nested)
            self.facts.hooks.append(hook)

    def subscript(self, node: ast.Subscript) -> None:
        value = node.value
        self.out.append("Subscript(")
        _WRITERS[type(value)](self, value)
        _WRITERS[type(node.slice)](self, node.slice)
        self.out.append(")")
        if self.is_modules(value):
            how = "item" if not isinstance(node.slice, ast.Constant) else "key"
            self.facts.modules.append(ModuleUse(how, ast.unparse(node.slice), node))

    def is_modules(self, node: ast.expr) -> bool:
        """Whether an expression is the modules of a global context: `gctx.modules`, or a local name for it."""
        if type(node) is ast.Name:
            name: str = node.id
            return any(name in scope.aliases for scope in self.scopes)
        if type(node) is ast.Attribute and node.attr == "modules":
            path = dotted(node)
            return path is not None and path[0] not in self.module.imports
        return False

    def assign(self, node: ast.Assign) -> None:
        value = node.value
        if self.is_modules(value):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.scope.aliases |= {target.id}
        self.out.append("Assign(")
        self.write_all(node.targets)
        _WRITERS[type(value)](self, value)
        self.out.append(")")

    def annotated(self, node: ast.AnnAssign) -> None:
        self.out.append("AnnAssign(")
        self.write(node.target)
        self.annotation(node.annotation)
        if node.value is not None:
            self.write(node.value)
        self.out.append(")")

    def named(self, node: ast.NamedExpr) -> None:
        # it binds in the function around a comprehension
        scope = next(scope for scope in reversed(self.scopes) if not scope.comprehension)
        scope.bound.add(node.target.id)
        self.out.append(f":= {node.target.id}")
        self.write(node.value)

    def arguments(self, node: ast.arguments) -> None:
        """The parts that are evaluated where the function is defined."""
        out = self.out
        sorts = (
            ("/", node.posonlyargs),
            ("a", node.args),
            ("*", (node.vararg,) if node.vararg else ()),
            ("k", node.kwonlyargs),
            ("**", (node.kwarg,) if node.kwarg else ()),
        )
        for sort, found in sorts:
            for argument in found:
                out.append(f"{sort}:{argument.arg}")
                self.annotation(argument.annotation)
        self.write_all(node.defaults)
        self.write_all(node.kw_defaults)

    def enter(self, scope: _Scope) -> None:
        self.scope = scope
        self.scopes.append(scope)

    def open_function(self, node: ast.arguments) -> None:
        scope = _Scope()
        for group in (node.posonlyargs, node.args, node.kwonlyargs, (node.vararg, node.kwarg)):
            for argument in group:
                if argument is None:
                    continue
                scope.bound.add(argument.arg)
                annotation = argument.annotation
                if type(annotation) is ast.Subscript:
                    annotation = annotation.value
                last = getattr(annotation, "attr", None) or getattr(annotation, "id", None)
                if argument.arg == "lctx" or last == "LocalContext":
                    scope.local |= {argument.arg}
                if argument.arg == "res" or last == "Response":
                    scope.answers |= {argument.arg}
        self.enter(scope)

    def close(self) -> None:
        """Settle the names of a scope: local ones stay, the others go to the scope around it."""
        scope = self.scopes.pop()
        direct = self.scope = self.scopes[-1]
        outer = direct
        if direct.is_class and not scope.comprehension:
            # a comprehension in a class body sees the class, a function in it does not
            outer = next(candidate for candidate in reversed(self.scopes) if not candidate.is_class)
        bound, imports, elsewhere = scope.bound, scope.imports, scope.globals
        for first, places in scope.names.items():
            if imports and first in imports:
                found = self.names.imported(self.module, imports[first], ())
                for index in places:
                    self.settle(index, found, (first,))
            elif first not in bound or first in elsewhere:
                (self.scopes[0] if first in elsewhere else outer).names[first] += places
            elif scope.is_class:
                self.used_in_class(first)
        for first, slots in scope.paths.items():
            if imports and first in imports:
                for index, path, _ in slots:
                    self.settle(index, self.names.imported(self.module, imports[first], path[1:]), path)
            elif first not in bound or first in elsewhere:
                (self.scopes[0] if first in elsewhere else outer).paths[first] += slots
            else:
                self.used_locally(first, slots, scope)

    def used_in_class(self, first: str) -> None:
        """Before it is bound in the class, the name is that of the module."""
        found = self.names.resolve(self.module, (first,))
        if isinstance(found, Inside):
            self.facts.references.add(found.definition)

    def used_locally(self, first: str, slots: list[_Slot], scope: _Scope) -> None:
        modules = first in scope.aliases or first == "modules"
        for _, path, node in slots:
            if modules:
                self.facts.modules.append(ModuleUse("attribute", path[1], node))
            elif len(path) > 2 and "modules" in path[1:-1]:
                name = path[path.index("modules", 1) + 1]
                self.facts.modules.append(ModuleUse("attribute", name, node))
        if scope.is_class:
            self.used_in_class(first)

    def settle(self, index: int, found: Any, path: tuple[str, ...]) -> None:
        """Write over a name with what it stands for at the top level of its module."""
        kind = type(found)
        if index in self.hooks:
            self.hooks[index].found = found
        if kind is Outside:
            name = found.name
            self.out[index] = "o:" + name
            if not name.startswith("builtins."):
                self.facts.outside.add(name)
            if index in self.calls:
                self.judge_call(name, self.calls[index])
        elif kind is Inside:
            self.facts.references.add(found.definition)
            self.out[index] = "g:" + ".".join((found.definition.key, *found.rest))
        elif kind is WholeModule:
            self.facts.references.update(found.module.definitions.values())
            self.out[index] = "m:" + found.module.name
        else:
            self.out[index] = "u:" + ".".join(path)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        scope = self.scope
        scope.bound.add(node.name)
        if scope.functions is None:
            scope.functions = {}
        scope.functions[node.name] = node
        self.out.append(f"{kind} {node.name}(")
        self.write_all([decorator for decorator in node.decorator_list if not self.skipped(decorator)])
        for decorator in node.decorator_list:
            self.registration(decorator, node)
        generic = self.open_parameters(node)
        self.arguments(node.args)
        self.annotation(node.returns)
        self.open_function(node.args)
        self.body(node.body)
        self.close()
        if generic:  # pragma: no cover - CPython 3.11 does not parse this
            self.close()
        self.out.append(")")

    def registration(self, decorator: ast.expr, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """`@lctx.after` above a nested function."""
        path = dotted(decorator)
        if (
            path
            and len(path) == 2
            and path[1] in _POINTS
            and any(path[0] in scope.local for scope in self.scopes)
        ):
            self.facts.hooks.append(RegisteredHook(path[1], decorator, node))

    def open_parameters(self, node: Any) -> bool:
        """Open the scope of `def f[T]` and `class C[T]` (PEP 695), and say whether there is one."""
        parameters = getattr(node, "type_params", ())
        if not parameters:
            return False
        return self.type_parameters(parameters)  # pragma: no cover - CPython 3.11 does not parse this

    def type_parameters(
        self, parameters: Sequence[Any]
    ) -> bool:  # pragma: no cover - CPython 3.11 does not parse this
        self.enter(_Scope())
        for parameter in parameters:
            self.scope.bound.add(parameter.name)
            self.out.append(f"{type(parameter).__name__} {parameter.name}")
            for part in ("bound", "default_value"):
                if (value := getattr(parameter, part, None)) is not None:
                    self.out.append(part)
                    self.write(value)
        return True

    def class_(self, node: ast.ClassDef) -> None:
        self.bind(node.name)
        self.out.append(f"class {node.name}(")
        self.write_all(node.decorator_list)
        generic = self.open_parameters(node)
        self.write_all(node.bases)
        self.write_all(node.keywords)
        self.enter(_Scope(is_class=True))
        self.body(node.body)
        self.close()
        if generic:  # pragma: no cover - CPython 3.11 does not parse this
            self.close()
        self.out.append(")")

    def type_alias(self, node: Any) -> None:  # pragma: no cover - CPython 3.11 does not parse this
        self.write(node.name)
        generic = self.open_parameters(node)
        self.write(node.value)
        if generic:
            self.close()

    def lambda_(self, node: ast.Lambda) -> None:
        self.out.append("lambda(")
        self.arguments(node.args)
        self.open_function(node.args)
        self.write(node.body)
        self.close()
        self.out.append(")")

    def comprehension(self, node: Any) -> None:
        self.out.append(node.__class__.__name__ + "(")
        self.write(node.generators[0].iter)  # it is evaluated outside
        self.enter(_Scope(comprehension=True))
        for position, generator in enumerate(node.generators):
            self.out.append(f"for {generator.is_async}")
            self.write(generator.target)
            if position:
                self.write(generator.iter)
            self.write_all(generator.ifs)
        if type(node) is ast.DictComp:
            self.write(node.key)
            self.write(node.value)
        else:
            self.write(node.elt)
        self.close()
        self.out.append(")")

    def import_(self, node: ast.Import | ast.ImportFrom) -> None:
        scope = self.scope
        if scope.imports is None:
            scope.imports = {}
        for name, target in imported_names(node, self.module.package):
            scope.imports[name] = target
            self.out.append(f"import {target.module} {target.attribute}")

    def global_(self, node: ast.Global) -> None:
        self.scope.globals = {*self.scope.globals, *node.names}

    def nonlocal_(self, node: ast.Nonlocal) -> None:
        # the names belong to a function around this one, where they are bound as well
        self.out.append("nonlocal " + ",".join(sorted(node.names)))

    def binding(self, node: Any) -> None:
        """Nodes that bind a name they hold as text: `except ... as name`, and patterns."""
        for attribute in ("name", "rest"):
            if name := getattr(node, attribute, None):
                self.bind(name)
        _PLAIN[type(node)](self, node)

    def if_(self, node: ast.If) -> None:
        """A long chain of elif is deep in the tree and flat in the form."""
        while True:
            self.out.append("if")
            self.write(node.test)
            self.write_all(node.body)
            if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
                node = node.orelse[0]
                self.out.append("else")
                continue
            self.write_all(node.orelse)
            return

    def binary(self, node: ast.BinOp) -> None:
        """A long sum is deep in the tree and flat in the form."""
        spine: list[ast.BinOp] = [node]
        while isinstance(spine[-1].left, ast.BinOp):
            spine.append(spine[-1].left)
        self.out.append(f"binary {len(spine)}")
        self.write(spine[-1].left)
        for inner in reversed(spine):
            self.out.append(inner.op.__class__.__name__)
            self.write(inner.right)

    def finish(self) -> Facts:
        root = self.scopes[0]
        names, module = self.names, self.module
        imports = root.imports or {}
        for first, places in root.names.items():
            if first in imports:
                found = names.imported(module, imports[first], ())
            else:
                found = names.resolve(module, (first,))
            for index in places:
                self.settle(index, found, (first,))
        for first, slots in root.paths.items():
            for index, path, _ in slots:
                if first in imports:
                    found = names.imported(module, imports[first], path[1:])
                else:
                    found = names.resolve(module, path)
                self.settle(index, found, path)
        text = "\x1f".join(self.out)
        self.facts.digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return self.facts

    def judge_call(self, name: str, call: ast.Call) -> None:
        if name in _DYNAMIC or (
            name in _BY_NAME and not all(isinstance(item, ast.Constant) for item in call.args[1:2])
        ):
            self.facts.dynamic.append((name.removeprefix("builtins."), call))
        elif name.rpartition(".")[2] == "HttpError":
            given = call.args[:1] or [word.value for word in call.keywords if word.arg == "status"]
            for status in (status for node in given for status in self.statuses(node)):
                self.facts.statuses.append(StatusUse(status, _code_of(call), True, call))


def _code_of(call: ast.Call) -> str | None:
    """The problem code that a call names: `problem(404, code="gone")`, `HttpError(404, "gone")`."""
    candidates = [word.value for word in call.keywords if word.arg == "code"] or call.args[1:2]
    for candidate in candidates:
        if isinstance(candidate, ast.Constant) and isinstance(candidate.value, str):
            return candidate.value
    return None


def _plain(kind: type[ast.AST]) -> Callable[[_Writer, Any], None]:
    """What writes a node without a meaning of its own: its name, then its fields."""
    name = kind.__name__
    fields = [field for field in kind._fields if field not in _IGNORED]
    if not fields:
        return lambda writer, _: writer.out.append(name)
    if len(fields) == 1:
        only = attrgetter(*fields)

        def write_one(writer: _Writer, node: Any) -> None:
            writer.out.append(name)
            value = only(node)
            _WRITERS[type(value)](writer, value)

        return write_one
    get = attrgetter(*fields)

    def write(writer: _Writer, node: Any) -> None:
        writer.out.append(name)
        for value in get(node):
            _WRITERS[type(value)](writer, value)

    return write


_COUNTS: Final = tuple(f"[{count}" for count in range(16))
_NODES: Final = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)]
_PLAIN: Final = {kind: _plain(kind) for kind in _NODES}
_WRITERS: Final[dict[type, Callable[[_Writer, Any], None]]] = {
    **_PLAIN,
    list: _Writer.write_all,
    type(None): _Writer.missing,
    str: _Writer.plain_value,
    int: _Writer.plain_value,
    bool: _Writer.plain_value,
    ast.Name: _Writer.name,
    ast.Attribute: _Writer.attribute,
    ast.Constant: _Writer.constant,
    ast.JoinedStr: _Writer.formatted,
    ast.Call: _Writer.call,
    ast.Subscript: _Writer.subscript,
    ast.Assign: _Writer.assign,
    ast.AnnAssign: _Writer.annotated,
    ast.NamedExpr: _Writer.named,
    ast.FunctionDef: _Writer.function,
    ast.AsyncFunctionDef: _Writer.function,
    ast.ClassDef: _Writer.class_,
    ast.Lambda: _Writer.lambda_,
    ast.ListComp: _Writer.comprehension,
    ast.SetComp: _Writer.comprehension,
    ast.DictComp: _Writer.comprehension,
    ast.GeneratorExp: _Writer.comprehension,
    ast.Import: _Writer.import_,
    ast.ImportFrom: _Writer.import_,
    ast.Global: _Writer.global_,
    ast.Nonlocal: _Writer.nonlocal_,
    ast.ExceptHandler: _Writer.binding,
    ast.MatchAs: _Writer.binding,
    ast.MatchStar: _Writer.binding,
    ast.MatchMapping: _Writer.binding,
    ast.If: _Writer.if_,
    ast.BinOp: _Writer.binary,
}
if hasattr(ast, "TypeAlias"):  # pragma: no cover - CPython 3.11 has no such statement
    _WRITERS[ast.TypeAlias] = _Writer.type_alias


def read_facts(
    nodes: Sequence[ast.AST],
    module: Module,
    names: Names,
    *,
    skipped: Callable[[ast.expr], bool] = lambda _: False,
) -> Facts:
    """Give the digest of some nodes of a module, and everything they reach.

    Args:
        nodes: statements and expressions at the top level of the module.
        module: where they stand.
        names: what the names of the project stand for.
        skipped: says of a decorator that it is no part of the form, because it is a declaration.
    """
    writer = _Writer(module, names, skipped)
    try:
        for node in nodes:
            writer.write(node)
        facts = writer.finish()
        if facts.plain and any(not use.raised for use in facts.statuses):
            facts.plain = answers_plainly(nodes)
        return facts
    except RecursionError:
        # the text is a stand-in that changes too often rather than too rarely
        segments = [ast.get_source_segment(module.source.text, node) or "" for node in nodes]
        digest = hashlib.sha256("\0".join(segments).encode("utf-8", "surrogatepass")).hexdigest()
        return Facts(digest=digest, references=set(module.definitions.values()), too_deep=True)
