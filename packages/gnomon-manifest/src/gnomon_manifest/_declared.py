"""Reading declarations from the syntax tree, by the rules of the decorators themselves.

Values are taken from the source as constants and then judged by the same functions that judge them at
registration, so that what a manifest says and what a decorator accepts can not drift apart.

A little longer than most modules: decorators, groups, options and hooks refer to each other.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

from ._constants import NotStatic, binding_value, constant
from ._declarations import check_path
from ._docstring import parse_docstring
from ._errors import DeclarationError
from ._findings import CODES, Code, Finding, Position
from ._hooks import _check_options
from ._model import ModuleEntry
from ._names import Definition, FunctionNode, Inside, Module, Names, Outside, Resolved, dotted
from ._policy import parse_roles
from ._routes import _GROUP_OPTIONS, _ROUTE_OPTIONS, METHODS, _check_methods, _known, _merge, _policies
from ._services import RESOURCES, check_module

__all__ = ["DECLARATIONS", "HOMES", "Declared", "DeclaredHook", "HookReference", "Reader", "TypeExpression"]

HOMES: Final = ("gnomon_manifest.declare", "gnomon")
_VERBS: Final = frozenset({method.lower() for method in METHODS} | {"handler", "websocket"})
_POINTS: Final = frozenset({"before", "after", "catch"})
_SERVICES: Final = frozenset({"module", "authenticator"})
# every name that leads to a declaration
DECLARATIONS: Final = _VERBS | _POINTS | _SERVICES | {"group"}
_HOOK_DEFAULTS: Final[dict[str, Any]] = {
    "name": None,
    "level": "global",
    "timeout": None,
    "retries": 0,
    "backoff": 0.1,
    "isolated": False,
    "in_thread": False,
}
_HOOK_OPTIONS: Final = frozenset({*_HOOK_DEFAULTS, "retry_on"})
Point: TypeAlias = Literal["before", "after", "catch"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TypeExpression:
    """An annotation that was not read yet, and where its names are looked up."""

    node: ast.expr
    module: Module


@dataclass(frozen=True, slots=True)
class HookReference:
    """A function of the project that a route or group lists as hook."""

    definition: Definition
    qualified: str
    node: FunctionNode


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """What a group shares."""

    prefix: str
    shared: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """A decorator of this package, as some expression refers to it."""

    name: str
    group: GroupInfo | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """A handler as it is declared."""

    node: FunctionNode
    module: Module
    qualified: str
    verb: str
    path: str | None
    methods: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class DeclaredHook:
    """A hook as it is declared; `declared` is false for a plain function that a route lists."""

    node: FunctionNode
    module: Module
    qualified: str
    point: Point
    options: Mapping[str, Any]
    declared: bool = True


def position(node: ast.AST, module: Module) -> Position:
    """Where a node stands; columns count characters, from 1."""
    line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    return Position(module.source.file, line, offset + 1)


def function_position(node: FunctionNode, module: Module) -> Position:
    """Where a function is named, below its decorators."""
    return Position(module.source.file, node.lineno, node.col_offset + 1)


def docstring(node: FunctionNode | ast.ClassDef) -> str | None:
    """The docstring as it stands in the source."""
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        value = first.value.value
        return value if isinstance(value, str) else None
    return None


class Reader:
    """Reads the declarations of a project; what can not be read becomes a finding."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.findings: list[Finding] = []

    def remembered(self, module: Module, key: Any, make: Callable[[], T], unfinished: T) -> T:
        """What was made of something in a module, made once; its findings are those of everybody who asks.

        Args:
            module: what is made lasts as long as this does.
            key: what it is made of.
            make: makes it.
            unfinished: what it is to those who ask while it is being made.
        """
        known: tuple[T, Sequence[Finding]] | None = module.memory.get(key)
        if known is None:
            module.memory[key] = (unfinished, ())
            before, self.findings = self.findings, []
            known = module.memory[key] = (make(), self.findings)
            self.findings = before
        self.findings += known[1]
        return known[0]

    def report(self, code: Code, message: str, node: ast.AST, module: Module) -> None:
        self.findings.append(Finding(position(node, module), code, message, CODES[code]))

    def not_static(self, error: NotStatic, code: Code = "dynamic_value") -> None:
        self.report(code, error.reason, error.node, error.module)

    # which decorator an expression refers to

    def verb(self, node: ast.expr, module: Module) -> Verb | None:
        """The decorator that an expression refers to, through imports, aliases and groups; None for any other."""
        path = dotted(node)
        if path is not None:
            known = module.memory.get(path)
            if known is not None and not known[1]:
                return known[0]  # type: ignore[no-any-return]
            return self.remembered(module, path, lambda: self._named(path, module, ()), None)
        if isinstance(node, ast.Attribute) and node.attr in _VERBS and isinstance(node.value, ast.Call):
            group = self.group(node.value, module)
            return Verb(node.attr, group) if group else None
        return None

    def _named(self, path: tuple[str, ...], module: Module, seen: tuple[str, ...]) -> Verb | None:
        found = self.names.resolve(module, path)
        if isinstance(found, Outside):
            home, _, name = found.name.rpartition(".")
            known = home in HOMES and name in DECLARATIONS
            return Verb(name) if known else None
        if not isinstance(found, Inside) or found.definition.key in seen:
            return None
        value = binding_value(found.definition)
        if value is None:
            return None
        inner = found.definition.module
        alias = dotted(value)
        if alias is not None:
            return self._named((*alias, *found.rest), inner, (*seen, found.definition.key))
        if isinstance(value, ast.Call) and len(found.rest) == 1 and found.rest[0] in _VERBS | {"group"}:
            group = self.group_of(found.definition, value)
            return Verb(found.rest[0], group) if group else None
        return None

    def group_of(self, definition: Definition, value: ast.Call) -> GroupInfo | None:
        module = definition.module
        # a group that is made of itself is none
        return self.remembered(module, ("group:", definition.key), lambda: self.group(value, module), None)

    def group(self, node: ast.Call, module: Module) -> GroupInfo | None:
        """What `group(...)` or `outer.group(...)` shares; None when the call is another."""
        outer: GroupInfo | None = None
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
            outer = self.group(node.func.value, module)
            if outer is None or node.func.attr != "group":
                return None
        else:
            verb = self.verb(node.func, module)
            if verb is None or verb.name != "group":
                return None
            outer = verb.group
        try:
            prefix = self.path_argument(node, module, "prefix")
            given = self.options(node, module, _GROUP_OPTIONS, "a group")
            prefix = (outer.prefix if outer else "") + check_path(prefix, prefix=True)
            return GroupInfo(prefix, _merge(outer.shared if outer else {}, given))
        except NotStatic as error:
            self.not_static(error)
        except DeclarationError as error:
            self.report("invalid_declaration", str(error), node, module)
        return GroupInfo(outer.prefix if outer else "", outer.shared if outer else {})

    # what a decorator is given

    def path_argument(self, call: ast.Call, module: Module, word: str) -> str:
        given = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == word), None)
        if given is None:
            raise DeclarationError(f"the {word} is missing")
        return cast(str, constant(given, module, self.names))

    def keywords(self, call: ast.Call, module: Module) -> Iterator[tuple[str, ast.expr, Module]]:
        """The keyword arguments of a call, `**NAME` resolved where the name is a literal dictionary."""
        for word in call.keywords:
            if word.arg is not None:
                yield word.arg, word.value, module
                continue
            node, home = self.literal(word.value, module)
            if not isinstance(node, ast.Dict) or any(key is None for key in node.keys):
                raise NotStatic("the options are computed when the program runs", word.value, module)
            for key, value in zip(node.keys, node.values, strict=True):
                yield str(constant(cast(ast.expr, key), home, self.names)), value, home

    def literal(self, node: ast.expr, module: Module) -> tuple[ast.expr, Module]:
        """The display behind a name, followed through module-level constants."""
        for _ in range(20):
            path = dotted(node)
            found = self.names.resolve(module, path) if path else None
            value = binding_value(found.definition) if isinstance(found, Inside) and not found.rest else None
            if value is None or not isinstance(found, Inside):
                return node, module
            node, module = value, found.definition.module
        return node, module

    def options(self, call: ast.Call, module: Module, known: frozenset[str], what: str) -> dict[str, Any]:
        """The options of a route or group, normalised like the decorator does it."""
        plain: dict[str, Any] = {}
        hooks: dict[str, tuple[HookReference, ...]] = {}
        for name, node, home in self.keywords(call, module):
            if name in ("path", "prefix", "methods"):
                continue
            _known({name: node}, known, what)
            if name in _POINTS:
                hooks[name] = tuple(self.hooks(cast(Point, name), node, home))
            elif name == "responses":
                plain[name] = self.responses(node, home)
            else:
                try:
                    plain[name] = constant(node, home, self.names)
                except NotStatic as error:
                    self.not_static(error)
        return {**_policies(plain), **hooks}

    def responses(self, node: ast.expr, module: Module) -> dict[Any, TypeExpression]:
        node, module = self.literal(node, module)
        found: dict[Any, TypeExpression] = {}
        if not isinstance(node, ast.Dict):
            self.report("dynamic_value", "the responses are computed when the program runs", node, module)
            return found
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                found.update(self.responses(value, module))
                continue
            try:
                found[constant(key, module, self.names)] = TypeExpression(value, module)
            except NotStatic as error:
                self.not_static(error)
        return found

    def hooks(self, point: Point, node: ast.expr, module: Module) -> Iterator[HookReference]:
        """The functions in a list of hooks; what is no function of the project becomes a finding."""
        node, module = self.literal(node, module)
        if isinstance(node, (ast.List, ast.Tuple)):
            for item in node.elts:
                if isinstance(item, ast.Starred):
                    yield from self.hooks(point, item.value, module)
                    continue
                reference = self.hook_reference(item, module)
                if reference is None:
                    self.report(
                        "dynamic_hook",
                        f"{ast.unparse(item)[:80]!r} is no function of the project",
                        item,
                        module,
                    )
                else:
                    yield reference
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield from self.hooks(point, node.left, module)
            yield from self.hooks(point, node.right, module)
        else:
            self.report(
                "dynamic_hook", f"the hooks for {point} are computed when the program runs", node, module
            )

    def hook_reference(self, node: ast.expr, module: Module) -> HookReference | None:
        """The function of the project that an expression names."""
        path = dotted(node)
        return self.function_of(self.names.resolve(module, path) if path else None)

    def function_of(self, found: Resolved) -> HookReference | None:
        """The function of the project that a name stands for, through constants that name it."""
        if isinstance(found, Inside) and not found.rest and (value := binding_value(found.definition)):
            node, module = self.literal(value, found.definition.module)
            path = dotted(node)
            found = self.names.resolve(module, path) if path else None
        if not isinstance(found, Inside) or found.definition.ambiguous:
            return None
        binding: ast.AST | None = found.definition.binding
        for step in found.rest:
            body = binding.body if isinstance(binding, ast.ClassDef) else []
            binding = next((item for item in body if getattr(item, "name", None) == step), None)
        if isinstance(binding, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return HookReference(found.definition, ".".join((found.definition.name, *found.rest)), binding)
        return None

    # what is declared

    def module(self, call: ast.Call, made: FunctionNode | ast.ClassDef, module: Module) -> ModuleEntry:
        """What `@module(...)` says; raises what the decorator would, and NotStatic."""
        given = {}
        for name, node, home in self.keywords(call, module):
            _known({name: node}, frozenset({"name", *RESOURCES}), "a module")
            given[name] = constant(node, home, self.names)
        values = check_module(self.path_argument(call, module, "name"), given)
        return ModuleEntry(
            **values,
            summary=parse_docstring(docstring(made)).summary,
            source=position(made, module),
        )

    def roles(self, call: ast.Call, module: Module) -> tuple[str, ...]:
        """What `@authenticator(roles=...)` says; raises what the decorator would, and NotStatic."""
        found: tuple[str, ...] | None = None
        for name, node, home in self.keywords(call, module):
            _known({name: node}, frozenset({"roles"}), "an authenticator")
            found = parse_roles(constant(node, home, self.names))
        if found is None:
            raise DeclarationError("an authenticator needs the roles that it may give; write roles=(...)")
        return found

    def handler(
        self, decorator: ast.expr, verb: Verb, function: FunctionNode, module: Module, qualified: str
    ) -> Declared | None:
        if not isinstance(decorator, ast.Call):
            self.report(
                "invalid_declaration",
                f'a route needs its path; write @{verb.name}("/...")',
                decorator,
                module,
            )
            return None
        shared = verb.group.shared if verb.group else {}
        prefix = verb.group.prefix if verb.group else ""
        path: str | None = None
        methods: tuple[str, ...] = ()
        options: dict[str, Any] | None = None
        try:
            path = check_path(prefix + check_path(self.path_argument(decorator, module, "path")))
            if not path:
                raise DeclarationError("the path of a route is not empty; write '/'")
        except NotStatic as error:
            self.not_static(error)
        except DeclarationError as error:
            self.report("invalid_declaration", str(error), decorator, module)
        try:
            options = _merge(shared, self.options(decorator, module, _ROUTE_OPTIONS, "a route"))
            methods = self.methods(decorator, verb, module)
        except NotStatic as error:
            self.not_static(error)
        except DeclarationError as error:
            self.report("invalid_declaration", str(error), decorator, module)
        if options is None:
            options = _merge(shared, _policies({}))
        return Declared(function, module, qualified, verb.name, path, methods, options)

    def methods(self, call: ast.Call, verb: Verb, module: Module) -> tuple[str, ...]:
        if verb.name == "websocket":
            return ("GET",)
        if verb.name != "handler":
            return (verb.name.upper(),)
        for name, node, home in self.keywords(call, module):
            if name == "methods":
                return _check_methods(constant(node, home, self.names))
        raise DeclarationError("handler() needs methods=(...)")

    def hook_options(self, call: ast.Call | None, point: Point, module: Module) -> dict[str, Any]:
        """The options of a hook, judged like the decorator does it; names of exceptions and hooks as text."""
        values = dict(_HOOK_DEFAULTS)
        known = _HOOK_OPTIONS | {"before": {"at"}, "after": {"requires"}, "catch": set()}[point]
        texts: dict[str, Any] = {"retry_on": ("builtins.Exception",), "requires": None}
        for name, node, home in self.keywords(call, module) if call else ():
            _known({name: node}, frozenset(known), f"a hook for {point}")
            try:
                if name == "retry_on":
                    texts[name] = tuple(self.exceptions(node, home))
                elif name == "requires":
                    texts[name] = self.required(node, home)
                else:
                    values[name] = constant(node, home, self.names)
            except NotStatic as error:
                self.not_static(error)
        return {"at": None, **_check_options(point, {**values, "retry_on": Exception}), **texts}

    def exceptions(self, node: ast.expr, module: Module) -> Iterator[str]:
        node, module = self.literal(node, module)
        for item in node.elts if isinstance(node, ast.Tuple) else [node]:
            path = dotted(item)
            found = self.names.resolve(module, path) if path else None
            if isinstance(found, Inside):
                yield ".".join((found.definition.module.name, found.definition.name, *found.rest))
            elif isinstance(found, Outside):
                yield found.name
            else:
                raise NotStatic(f"{ast.unparse(item)[:80]!r} is no exception that can be found", item, module)

    def required(self, node: ast.expr, module: Module) -> str:
        reference = self.hook_reference(node, module)
        if reference is None:
            return str(constant(node, module, self.names))
        declared = self.hook(reference.node, reference.definition.module, reference.qualified)
        return (
            declared.options["name"]
            if declared
            else f"{reference.definition.module.name}.{reference.qualified}"
        )

    def hook(self, function: FunctionNode, module: Module, qualified: str) -> DeclaredHook | None:
        """The hook that a function is declared as, or None."""
        for decorator in function.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            verb = self.verb(call.func if call else decorator, module)
            if verb is not None and verb.name in _POINTS:
                return self.declared_hook(
                    call, cast(Point, verb.name), function, module, qualified, decorator
                )
        return None

    def declared_hook(
        self,
        call: ast.Call | None,
        point: Point,
        function: FunctionNode,
        module: Module,
        qualified: str,
        node: ast.AST,
        *,
        declared: bool = True,
    ) -> DeclaredHook:
        try:
            options = self.hook_options(call, point, module)
        except NotStatic as error:
            self.not_static(error)
            options = self.hook_options(None, point, module)
        except DeclarationError as error:
            self.report("invalid_declaration", str(error), node, module)
            options = self.hook_options(None, point, module)
        options["name"] = options["name"] or f"{module.name}.{qualified}"
        return DeclaredHook(function, module, qualified, point, options, declared)
