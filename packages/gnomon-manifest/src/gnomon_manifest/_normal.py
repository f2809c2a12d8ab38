"""The normal form of a piece of source, and what that piece reaches.

The form is our own, not that of `ast.dump`, which differs between versions of Python: it knows no positions, no
docstrings and no optional fields that are empty, and every name in it that is not local stands with what it
refers to, so that import aliases and the order of imports do not show.

One pass does it all. Whether a name is local is only known at the end of its function, so names are written as
slots that are settled when their scope closes.

Longer than most modules: one writer knows every sort of syntax, and its parts share the scopes they are in.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from ._names import Imported, Inside, Module, Names, Outside, WholeModule, dotted, imported_names

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


@dataclass(frozen=True, slots=True)
class ModuleUse:
    """A module of the global context that the code asks for."""

    how: str
    name: str
    node: ast.AST


@dataclass(frozen=True, slots=True)
class RegisteredHook:
    """A hook that the code registers on the local context."""

    point: str
    call: ast.expr
    nested: ast.FunctionDef | ast.AsyncFunctionDef | None


@dataclass(frozen=True, slots=True)
class StatusUse:
    """A status that the code sends or raises; None when it is computed."""

    status: int | None
    code: str | None
    raised: bool
    node: ast.AST


@dataclass(slots=True)
class Facts:
    """What one definition is and does."""

    digest: str = ""
    references: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    dynamic: list[tuple[str, ast.AST]] = field(default_factory=list)
    modules: list[ModuleUse] = field(default_factory=list)
    hooks: list[RegisteredHook] = field(default_factory=list)
    statuses: list[StatusUse] = field(default_factory=list)
    too_deep: bool = False


class _Scope:
    __slots__ = (
        "aliases",
        "bound",
        "comprehension",
        "functions",
        "globals",
        "imports",
        "is_class",
        "local",
        "pending",
    )

    def __init__(self, *, is_class: bool = False, comprehension: bool = False) -> None:
        self.bound: set[str] = set()
        self.globals: set[str] = set()
        self.imports: dict[str, Imported] = {}
        self.aliases: set[str] = set()
        self.local: set[str] = set()
        self.functions: dict[str, Any] = {}
        self.pending: list[tuple[int, tuple[str, ...], ast.AST]] = []
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
        self.scopes: list[_Scope] = [_Scope()]
        self.calls: list[tuple[int, ast.Call]] = []
        self.subscripts: list[tuple[int, ast.Subscript]] = []

    def write(self, node: Any) -> None:
        _WRITERS[node.__class__](self, node)

    def write_all(self, nodes: Sequence[Any]) -> None:
        self.out.append(f"[{len(nodes)}")
        for node in nodes:
            writer = _WRITERS.get(node.__class__)
            if writer is not None:
                writer(self, node)
            else:
                self.out.append("-" if node is None else repr(node))

    def body(self, nodes: Sequence[ast.stmt]) -> None:
        first = nodes[0] if nodes else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            nodes = nodes[1:]
        self.out.append("{")
        for node in nodes:
            if node.__class__ is not ast.Pass:
                self.write(node)
        self.out.append("}")

    def name(self, node: ast.Name) -> None:
        scope = self.scopes[-1]
        if node.ctx.__class__ is not ast.Load:
            scope.bound.add(node.id)
        scope.pending.append((len(self.out), (node.id,), node))
        self.out.append("?")

    def refer(self, path: tuple[str, ...], node: ast.AST) -> None:
        self.scopes[-1].pending.append((len(self.out), path, node))
        self.out.append("?")

    def bind(self, name: str) -> None:
        self.scopes[-1].bound.add(name)

    def attribute(self, node: ast.Attribute) -> None:
        path = dotted(node)
        if path is not None:
            self.refer(path, node)
            return
        self.out.append(f".{node.attr}")
        self.write(node.value)

    def constant(self, node: ast.Constant) -> None:
        value = node.value
        if type(value) is int:
            self.out.append(hex(value))
        else:
            self.out.append(repr(value))

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
        elif node is None:
            self.out.append("-")
        else:
            self.write(node)

    def call(self, node: ast.Call) -> None:
        self.out.append("Call(")
        self.calls.append((len(self.out), node))
        self.write(node.func)
        self.write_all(node.args)
        # keyword arguments are written in their order: it is the order in which they are evaluated
        self.write_all(node.keywords)
        self.out.append(")")
        for argument in node.args:
            if (
                isinstance(argument, ast.Attribute)
                and argument.attr == "modules"
                and (path := dotted(argument))
            ):
                self.facts.dynamic.append((".".join(path), argument))
        function = node.func
        if isinstance(function, ast.Attribute):
            self.method_call(node, function)

    def method_call(self, node: ast.Call, function: ast.Attribute) -> None:
        if function.attr in ("status", "problem") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, int) and 100 <= first.value <= 599:
                self.facts.statuses.append(StatusUse(first.value, _code_of(node), False, node))
            elif isinstance(function.value, ast.Name) and function.value.id == "res":
                self.facts.statuses.append(StatusUse(None, None, False, node))
        elif function.attr in _POINTS and isinstance(function.value, ast.Name):
            nested = None
            if node.args and isinstance(node.args[0], ast.Name):
                name = node.args[0].id
                nested = next(
                    (scope.functions[name] for scope in self.scopes if name in scope.functions), None
                )
            if any(function.value.id in scope.local for scope in self.scopes):
                self.facts.hooks.append(RegisteredHook(function.attr, node, nested))

    def subscript(self, node: ast.Subscript) -> None:
        self.out.append("Subscript(")
        self.subscripts.append((len(self.out), node))
        self.write(node.value)
        self.write(node.slice)
        self.out.append(")")
        path = dotted(node.value)
        if path is not None and self.is_modules(path):
            name = ast.unparse(node.slice)
            how = "item" if not isinstance(node.slice, ast.Constant) else "key"
            self.facts.modules.append(ModuleUse(how, name, node))

    def is_modules(self, path: tuple[str, ...]) -> bool:
        """Whether a path is the modules of a global context: `gctx.modules`, or a local name for it."""
        first, last = path[0], path[-1]
        if len(path) > 1:
            return last == "modules" and first not in self.module.imports
        return any(first in scope.aliases for scope in self.scopes)

    def assign(self, node: ast.Assign) -> None:
        path = dotted(node.value)
        if path and self.is_modules(path):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.scopes[-1].aliases.add(target.id)
        self.out.append("Assign(")
        self.write_all(node.targets)
        self.write(node.value)
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
        everything = [
            *node.posonlyargs,
            *node.args,
            *([node.vararg] if node.vararg else []),
            *node.kwonlyargs,
        ]
        for argument in [*everything, *([node.kwarg] if node.kwarg else [])]:
            self.out.append(f"a:{argument.arg}")
            self.annotation(argument.annotation)
        counts = (
            len(node.posonlyargs),
            len(node.args),
            len(node.kwonlyargs),
            bool(node.vararg),
            bool(node.kwarg),
        )
        self.out.append(repr(counts))
        self.write_all(node.defaults)
        self.write_all(node.kw_defaults)

    def open_function(self, node: ast.arguments) -> None:
        scope = _Scope()
        for argument in [*node.posonlyargs, *node.args, *node.kwonlyargs, node.vararg, node.kwarg]:
            if argument is not None:
                scope.bound.add(argument.arg)
                annotation = dotted(argument.annotation) if argument.annotation is not None else None
                if argument.arg == "lctx" or (annotation and annotation[-1] == "LocalContext"):
                    scope.local.add(argument.arg)
        self.scopes.append(scope)

    def close(self) -> None:
        """Settle the names of a scope: local ones stay, the others go to the scope around it."""
        scope = self.scopes.pop()
        outer = next(candidate for candidate in reversed(self.scopes) if not candidate.is_class)
        direct = self.scopes[-1]
        for slot in scope.pending:
            index, path, node = slot
            first = path[0]
            if first in scope.imports:
                self.settle(index, path, scope.imports[first])
            elif first in scope.globals:
                self.scopes[0].pending.append(slot)
            elif first in scope.bound:
                self.out[index] = "n:" + ".".join(path)
                self.used_locally(path, node, scope)
            else:
                # a comprehension in a class body sees the class, a function in it does not
                (direct if scope.comprehension else outer).pending.append(slot)

    def used_locally(self, path: tuple[str, ...], node: ast.AST, scope: _Scope) -> None:
        if (path[0] in scope.aliases or path[0] == "modules") and len(path) > 1:
            self.facts.modules.append(ModuleUse("attribute", path[1], node))
        elif "modules" in path[1:-1]:
            self.facts.modules.append(ModuleUse("attribute", path[path.index("modules", 1) + 1], node))
        if scope.is_class:
            # before it is bound in the class, the name is that of the module
            found = self.names.resolve(self.module, path[:1])
            if isinstance(found, Inside):
                self.facts.references.add(found.definition.key)

    def settle(self, index: int, path: tuple[str, ...], imported: Imported | None) -> None:
        """Replace a slot by what the name stands for at the top level of its module."""
        if imported is None:
            found = self.names.resolve(self.module, path)
        else:
            found = self.names.imported(imported, path[1:])
        if isinstance(found, Inside):
            self.facts.references.add(found.definition.key)
            self.out[index] = "g:" + ".".join((found.definition.key, *found.rest))
        elif isinstance(found, WholeModule):
            self.facts.references.update(item.key for item in found.module.definitions.values())
            self.out[index] = "m:" + found.module.name
        elif isinstance(found, Outside):
            self.out[index] = "o:" + found.name
            if not found.name.startswith("builtins."):
                self.facts.outside.add(found.name)
        else:
            self.out[index] = "u:" + ".".join(path)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        for scope in self.scopes[-1:]:
            scope.bound.add(node.name)
            scope.functions[node.name] = node
        self.out.append(f"{kind} {node.name}(")
        self.write_all([decorator for decorator in node.decorator_list if not self.skipped(decorator)])
        for decorator in node.decorator_list:
            self.registration(decorator, node)
        self.open_parameters(node)
        self.arguments(node.args)
        self.annotation(node.returns)
        self.open_function(node.args)
        self.body(node.body)
        self.close()
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

    def open_parameters(self, node: Any) -> None:
        """The scope of `def f[T]` and `class C[T]` (PEP 695), which is empty for most."""
        scope = _Scope()
        self.scopes.append(scope)
        for parameter in getattr(
            node, "type_params", ()
        ):  # pragma: no cover - CPython 3.11 does not parse this
            scope.bound.add(parameter.name)
            self.out.append(f"{type(parameter).__name__} {parameter.name}")
            for part in ("bound", "default_value"):
                if (value := getattr(parameter, part, None)) is not None:
                    self.out.append(part)
                    self.write(value)

    def class_(self, node: ast.ClassDef) -> None:
        self.bind(node.name)
        self.out.append(f"class {node.name}(")
        self.write_all(node.decorator_list)
        self.open_parameters(node)
        self.write_all(node.bases)
        self.write_all(node.keywords)
        self.scopes.append(_Scope(is_class=True))
        self.body(node.body)
        self.close()
        self.close()
        self.out.append(")")

    def type_alias(self, node: Any) -> None:  # pragma: no cover - CPython 3.11 does not parse this
        self.write(node.name)
        self.open_parameters(node)
        self.write(node.value)
        self.close()

    def lambda_(self, node: ast.Lambda) -> None:
        self.out.append("lambda(")
        self.arguments(node.args)
        self.open_function(node.args)
        self.write(node.body)
        self.close()
        self.out.append(")")

    def comprehension(self, node: Any) -> None:
        self.out.append(type(node).__name__ + "(")
        self.write(node.generators[0].iter)  # it is evaluated outside
        self.scopes.append(_Scope(comprehension=True))
        for position, generator in enumerate(node.generators):
            self.out.append(f"for {generator.is_async}")
            self.write(generator.target)
            if position:
                self.write(generator.iter)
            self.write_all(generator.ifs)
        for name in ("key", "value", "elt"):
            part = getattr(node, name, None)
            if part is not None:
                self.write(part)
        self.close()
        self.out.append(")")

    def import_(self, node: ast.Import | ast.ImportFrom) -> None:
        scope = self.scopes[-1]
        for name, target in imported_names(node, self.module.package):
            scope.imports[name] = target
            self.out.append(f"import {target.module} {target.attribute}")

    def global_(self, node: ast.Global) -> None:
        self.scopes[-1].globals.update(node.names)

    def nonlocal_(self, node: ast.Nonlocal) -> None:
        # the names belong to a function around this one, where they are bound as well
        self.out.append("nonlocal " + ",".join(sorted(node.names)))

    def binding(self, node: Any) -> None:
        """Nodes that bind a name they hold as text: `except ... as name`, and patterns."""
        for attribute in ("name", "rest"):
            if name := getattr(node, attribute, None):
                self.bind(name)
        _PLAIN[node.__class__](self, node)

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
            self.out.append(type(inner.op).__name__)
            self.write(inner.right)

    def finish(self) -> Facts:
        root = self.scopes[0]
        for index, path, _ in root.pending:
            if path[0] in root.imports:
                self.settle(index, path, root.imports[path[0]])
            else:
                self.settle(index, path, None)
        for index, call in self.calls:
            self.judge_call(self.out[index], call)
        text = "\x1f".join(self.out)
        self.facts.digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return self.facts

    def judge_call(self, callee: str, call: ast.Call) -> None:
        if not callee.startswith("o:"):
            return
        name = callee[2:]
        if name in _DYNAMIC or (
            name in _BY_NAME and not all(isinstance(item, ast.Constant) for item in call.args[1:2])
        ):
            self.facts.dynamic.append((name.removeprefix("builtins."), call))
        elif name.rpartition(".")[2] == "HttpError" and call.args:
            first = call.args[0]
            value = first.value if isinstance(first, ast.Constant) else None
            status = value if isinstance(value, int) else None
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
    # one field comes alone and not in a tuple
    get: Any = (
        attrgetter(*fields) if len(fields) > 1 else lambda node, only=attrgetter(*fields): (only(node),)
    )

    def write(writer: _Writer, node: Any) -> None:
        out = writer.out
        out.append(name)
        for value in get(node):
            inner = _WRITERS.get(value.__class__)
            if inner is not None:
                inner(writer, value)
            elif value.__class__ is list:
                writer.write_all(value)
            else:
                out.append("-" if value is None else repr(value))

    return write


_NODES: Final = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)]
_PLAIN: Final = {kind: _plain(kind) for kind in _NODES}
_WRITERS: Final[dict[type, Callable[[_Writer, Any], None]]] = {
    **_PLAIN,
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
        return writer.finish()
    except RecursionError:
        # the text is a stand-in that changes too often rather than too rarely
        segments = [ast.get_source_segment(module.source.text, node) or "" for node in nodes]
        digest = hashlib.sha256("\0".join(segments).encode("utf-8", "surrogatepass")).hexdigest()
        return Facts(
            digest=digest, references={item.key for item in module.definitions.values()}, too_deep=True
        )
