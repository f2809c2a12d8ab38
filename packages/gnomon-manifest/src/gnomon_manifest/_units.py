"""What one module of the project declares, and what its handlers are.

Longer than most modules: the steps from declarations to handlers share what they have found so far.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, cast

from ._applications import application_hooks
from ._constants import NotStatic
from ._declared import Declared, DeclaredHook, Reader, docstring, function_position, position
from ._docstring import parse_docstring
from ._errors import DeclarationError
from ._findings import CODES, Finding, Position
from ._lints import swapped
from ._mentions import Mentions
from ._model import Handler, Hook, HookLevel, ModuleDependency, ModuleEntry, OpenEdge, Policies, Problem
from ._names import Definition, FunctionNode, Module, Names, dotted
from ._normal import Facts, RegisteredHook, StatusUse
from ._reach import Reach, open_edges
from ._signature import CATCH, HANDLER, HOOK, WEBSOCKET, Shape, describe, faults
from ._types import Types
from ._wire import encode

__all__ = ["Analysis", "Everywhere", "Unit"]

_POINTS = ("before", "after", "catch")


def _shapes(arguments: ast.arguments) -> list[Shape]:
    shapes = [Shape(item.arg, "positional-only") for item in arguments.posonlyargs]
    shapes += [Shape(item.arg, "plain") for item in arguments.args]
    shapes += [Shape(arguments.vararg.arg, "*")] if arguments.vararg else []
    shapes += [Shape(item.arg, "keyword-only") for item in arguments.kwonlyargs]
    return shapes + ([Shape(arguments.kwarg.arg, "**")] if arguments.kwarg else [])


def _faults(node: FunctionNode, form: Any, *, method: bool) -> tuple[tuple[str, ...], str | None]:
    """What keeps the parameters of a function from being bound, and the name of its instance."""
    shapes = _shapes(node.args)
    owner = None
    static = any(dotted(decorator) == ("staticmethod",) for decorator in node.decorator_list)
    if method and not static and shapes and shapes[0].name not in form.names:
        owner = shapes.pop(0).name
    return faults(shapes, form), owner


@dataclass(slots=True, eq=False)
class Unit:
    """What one module of the project declares, and what its handlers are.

    Args:
        name: dotted name of the module.
        looked_into: the modules that it looked into.
        declared: the handlers that it declares, as they stand in the source.
        hooks: the hooks that it declares.
        always: the hooks that it gives to applications.
        gives: whether it has hooks that run for handlers of other modules.
        shown: name and place of each hook that it declares.
        scanned: what is wrong with its declarations.
        findings: that, and what is wrong with what its handlers reach.
        handlers: in the order in which they stand.
        modules: the modules of the global context that it declares.
        roles: the roles that the authenticators it declares may give; None without one.
        roles_open: whether some of those can not be known.
        types: the types of its handlers by digest; None for one that was taken from a cache.
        live: whether it was made from the source, and not taken from a cache.
    """

    name: str
    looked_into: set[str]
    declared: list[Declared] = field(default_factory=list)
    hooks: list[DeclaredHook] = field(default_factory=list)
    always: list[DeclaredHook] = field(default_factory=list)
    gives: bool = False
    shown: list[tuple[str, Position]] = field(default_factory=list)
    scanned: list[Finding] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    handlers: list[Handler] = field(default_factory=list)
    types: dict[str, Any] = field(default_factory=dict)
    modules: list[ModuleEntry] = field(default_factory=list)
    roles: tuple[str, ...] | None = None
    roles_open: bool = False
    live: bool = True

    @property
    def everywhere(self) -> list[DeclaredHook]:
        """The global hooks that it declares."""
        return [hook for hook in self.hooks if hook.options["level"] == "global"]


class Analysis:
    """Reads the modules of one project, one after the other."""

    def __init__(self, names: Names, *, undecorated: bool) -> None:
        self.names = names
        self.undecorated = undecorated
        self.reader = Reader(names)
        self.types = Types(names, self.reader)
        self.reach = Reach(names, self.is_declaration)
        self.mentions = Mentions(names, self.reader, self.reach)

    def is_declaration(self, decorator: ast.expr, module: Module) -> bool:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        return self.reader.verb(call, module) is not None

    def everywhere(self, hooks: Sequence[DeclaredHook]) -> Everywhere:
        """What the global hooks add to every handler."""
        return Everywhere(hooks, self.closure(hooks))

    def closure(self, found: Iterable[Declared | DeclaredHook]) -> frozenset[Definition]:
        """Everything that some handlers and hooks reach."""
        return frozenset().union(*[self.reach.closure(root) for root in _roots(found)])

    def look(self, unit: Unit) -> None:
        """Read everything that the handlers of a module reach."""
        self.closure(unit.declared)

    def complete(self, unit: Unit, everywhere: Everywhere) -> None:
        """Say what the handlers of a module are, for these global hooks."""
        self.reader.findings = unit.findings = list(unit.scanned)
        self.types.kept = unit.types = {}
        unit.handlers = [self.handler(declared, everywhere) for declared in unit.declared]
        unit.findings += swapped([*unit.declared, *unit.hooks], self.reader)
        self.reader.findings = []

    # finding what is declared

    def scan(self, module: Module) -> Unit:
        """Find what a module declares."""
        module.load()
        unit = Unit(module.name, module.looked_into)
        self.reader.findings = unit.scanned
        last = {id(definition.binding) for definition in module.definitions.values()}
        for node, owners in module.functions:
            if not node.decorator_list and not self.undecorated:
                continue
            qualified = ".".join((*(owner.name for owner in owners), node.name))
            if (
                self.function(node, unit, module, qualified, method=bool(owners))
                and not owners
                and id(node) not in last
            ):
                message = f"{qualified} is defined again below, and the runtime sees only the last definition"
                self.reader.report("ambiguous_definition", message, node, module)
        for made in module.classes:
            for decorator in made.decorator_list:
                self.class_decorator(decorator, made, unit, module)
        self.stray(module)
        if "App(" in module.source.text:
            unit.always += application_hooks(module, self.reader)
        unit.gives = bool(unit.always or unit.everywhere)
        unit.shown = [
            (hook.options["name"], function_position(hook.node, hook.module)) for hook in unit.hooks
        ]
        return unit

    def class_decorator(self, decorator: ast.expr, made: ast.ClassDef, unit: Unit, module: Module) -> None:
        call = decorator if isinstance(decorator, ast.Call) else None
        verb = self.reader.verb(call.func if call else decorator, module)
        if verb is None:
            self.computed(decorator, made.name, module, fits=False)
        elif verb.name in ("module", "authenticator"):
            self.service(verb.name, decorator, made, unit, module)
        else:
            message = f"@{verb.name} stands above the class {made.name}; it declares functions"
            self.reader.report("invalid_declaration", message, decorator, module)

    def service(
        self, verb: str, decorator: ast.expr, made: FunctionNode | ast.ClassDef, unit: Unit, module: Module
    ) -> None:
        """`@module(...)` and `@authenticator(...)`, above a function or a class."""
        try:
            if not isinstance(decorator, ast.Call):
                raise DeclarationError(f"write @{verb}(...), with what it declares")
            if verb == "module":
                unit.modules.append(self.reader.module(decorator, made, module))
            else:
                unit.roles = (*(unit.roles or ()), *self.reader.roles(decorator, module))
        except NotStatic as error:
            self.reader.not_static(error)
            if verb == "authenticator":
                unit.roles_open = True
        except DeclarationError as error:
            self.reader.report("invalid_declaration", str(error), decorator, module)

    def function(
        self, node: FunctionNode, unit: Unit, module: Module, qualified: str, *, method: bool
    ) -> bool:
        declared = False
        others: list[ast.expr] = []
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            verb = self.reader.verb(call.func if call else decorator, module)
            if verb is None:
                others.append(decorator)
                continue
            if verb.name in ("module", "authenticator"):
                self.service(verb.name, decorator, node, unit, module)
                continue
            declared = True
            if verb.name in _POINTS:
                form = CATCH if verb.name == "catch" else HOOK
                if self.check_signature(node, module, form, method=method):
                    point = cast(Any, verb.name)
                    unit.hooks.append(
                        self.reader.declared_hook(call, point, node, module, qualified, decorator)
                    )
            elif verb.name == "group":
                self.reader.report(
                    "dynamic_declaration",
                    "a group is no decorator; use one of its methods",
                    decorator,
                    module,
                )
            elif self.check_signature(
                node, module, WEBSOCKET if verb.name == "websocket" else HANDLER, method=method
            ):
                found = self.reader.handler(decorator, verb, node, module, qualified)
                unit.declared += [found] if found else []
        for decorator in others:
            fits = not declared and self.fits(node, method=method)
            self.computed(decorator, qualified, module, fits=fits)
        if not declared and self.undecorated and not method and not faults(_shapes(node.args), HANDLER):
            unit.declared.append(Declared(node, module, qualified, "", None, (), dict(_NO_OPTIONS)))
        return declared

    def computed(self, decorator: ast.expr, name: str, module: Module, *, fits: bool) -> None:
        """Tell that a decorator may declare something, where it can not be known.

        Args:
            decorator: one that is none of ours.
            name: what it stands above.
            module: where it stands.
            fits: whether that is what a handler looks like.
        """
        owner = name.partition(".")[0] if "." in name else None
        verdict = self.mentions.decorator(decorator, module, owner)
        if verdict == "declares":
            message = f"{ast.unparse(decorator)[:80]!r} may declare {name}, and what it declares is computed"
        elif verdict == "computed" or (verdict == "foreign" and fits):
            message = f"{ast.unparse(decorator)[:80]!r} may declare {name}, and nothing is known of it"
        else:
            return
        self.reader.report("dynamic_declaration", message, decorator, module)

    def fits(self, node: FunctionNode, *, method: bool) -> bool:
        """Whether a function has the parameters of a handler."""
        return any(not _faults(node, form, method=method)[0] for form in (HANDLER, WEBSOCKET))

    def check_signature(self, node: FunctionNode, module: Module, form: Any, *, method: bool) -> bool:
        found, owner = _faults(node, form, method=method)
        if found:
            asynchronous = isinstance(node, ast.AsyncFunctionDef)
            message = describe(form, found, name=node.name, asynchronous=asynchronous, owner=owner)
            self.reader.findings.append(
                Finding(
                    function_position(node, module),
                    "signature",
                    message.replace("\n ", ";"),
                    CODES["signature"],
                )
            )
        return not found

    def stray(self, module: Module) -> None:
        """Declarations that are made by a call, in a loop, or inside of a function, or by what is handed on."""
        top = {id(node) for node, _ in module.functions}
        decorated = [*module.classes, *(node for node, _ in module.functions)]
        # a decorator needs its sign: where there are no more of them, a look into every function is spared
        nested = module.source.text.count("@") > sum(len(node.decorator_list) for node in decorated)
        body = module.source.tree.body if nested and module.source.tree else ()
        for function in _functions(body):
            for decorator in () if id(function) in top else function.decorator_list:
                if (
                    self.is_declaration(decorator, module)
                    or self.mentions.decorator(decorator, module) == "declares"
                ):
                    message = f"{function.name} is declared inside of a function, each time that it runs"
                    self.reader.report("dynamic_declaration", message, decorator, module)
        for node in self.mentions.strays(module):
            message = (
                f"{ast.unparse(node)[:80]!r} stands where it is no decorator, so what it declares is computed"
            )
            self.reader.report("dynamic_declaration", message, node, module)

    # what one handler is

    def handler(self, declared: Declared, everywhere: Everywhere) -> Handler:
        node, module, options = declared.node, declared.module, declared.options
        documentation = parse_docstring(docstring(node))
        own = list(self.route_hooks(declared))
        reached = sorted(everywhere.closure | self.closure([declared, *own]), key=attrgetter("key"))
        # the hooks that are registered are reached as well: the code that registers them names them
        local: list[DeclaredHook] = []
        uses: list[StatusUse] = []
        sends: set[tuple[str, str]] = set()
        lines: list[str] = []
        for definition in reached:
            facts: Facts = definition.facts
            lines.append(facts.line)
            uses += facts.statuses
            sends |= facts.sends
            if facts.hooks:
                local += self.local_hooks(definition)
            if facts.too_deep:
                self.too_deep(definition)
        sent: dict[int, bool] = {}
        for use in uses:
            if use.status is not None:
                sent[use.status] = sent.get(use.status, True) and use.raised
        itself = [definition.facts for definition in self.closure([declared])]
        # of the handler itself and what it calls: hooks may send something else
        bodiless = any(_is_bodiless(use) for facts in itself for use in facts.statuses)
        types = self.types.of_handler(
            declared,
            sent,
            sends,
            bodiless=bodiless and not any(facts.sends for facts in itself),
            plain=any(facts.plain for facts in itself),
        )
        policies = Policies(**{name: options[name] for name in _POLICIES if name in options})
        hooks = _ordered(everywhere.hooks, own, local)
        deprecated = documentation.deprecated
        edges = open_edges(reached)
        self.never_sent(declared, uses, edges)
        handler = Handler(
            id=options.get("id") or f"{module.name}.{declared.qualified}",
            module=module.name,
            name=declared.qualified,
            path=declared.path,
            methods=declared.methods,
            websocket=declared.verb == "websocket",
            asynchronous=isinstance(node, ast.AsyncFunctionDef),
            source=function_position(node, module),
            summary=options.get("summary", documentation.summary),
            description=options.get("description", documentation.description),
            tags=options["tags"],
            version=options.get("version"),
            deprecated=options.get("deprecated", False if deprecated is None else deprecated or True),
            parameters=dict(sorted(documentation.parameters)),
            types=types,
            problems=_problems(uses),
            policies=policies,
            hooks=hooks,
            modules=_modules(reached),
            open_edges=edges,
            contract="",
            fingerprint="",
        )
        contract = _sha256(_contract(handler))
        what_it_does = [
            f'"{contract}"',
            _CANONICAL(handler.asynchronous),
            f"[{','.join(lines)}]",
            _CANONICAL([_shape(hook) for hook in hooks]) if hooks else "[]",
        ]
        fingerprint = hashlib.sha256(f"[{','.join(what_it_does)}]".encode("ascii")).hexdigest()
        # the one writing to a frozen object: nobody has seen it yet, and copying it costs as much as making it
        object.__setattr__(handler, "contract", contract)
        object.__setattr__(handler, "fingerprint", fingerprint)
        return handler

    def too_deep(self, definition: Definition) -> None:
        message = f"{definition.name} is nested too deeply for its normal form; its text counts instead"
        self.reader.report("too_deep", message, definition.nodes[0], definition.module)

    def never_sent(self, declared: Declared, uses: Sequence[StatusUse], edges: Iterable[OpenEdge]) -> None:
        """Doubt a declared status that nothing sends, where every status that is sent is known."""
        responses = declared.options["responses"]
        closed = responses and all(
            edge.kind == "distribution" and edge.name.startswith("gnomon") for edge in edges
        )
        if not closed or any(use.status is None for use in uses):
            return
        sent = {use.status for use in uses}
        for status in responses:
            if status not in sent:
                message = f"{declared.qualified} declares an answer with status {status}, and nothing that it reaches sends it"
                self.reader.report("lint_response_never_sent", message, declared.node, declared.module)

    def route_hooks(self, declared: Declared) -> Iterator[DeclaredHook]:
        for point in _POINTS:
            for reference in declared.options.get(point, ()):
                home = reference.definition.module
                known = self.reader.hook(reference.node, home, reference.qualified)
                form = CATCH if point == "catch" else HOOK
                if known is None:
                    if self.check_signature(reference.node, home, form, method="." in reference.qualified):
                        yield self.reader.declared_hook(
                            None,
                            cast(Any, point),
                            reference.node,
                            home,
                            reference.qualified,
                            reference.node,
                            declared=False,
                        )
                elif known.point != point:
                    message = f"{known.options['name']} is a hook for {known.point}; it can not stand in {point}=[...]"
                    self.reader.report("invalid_declaration", message, declared.node, declared.module)
                else:
                    yield known

    def local_hooks(self, definition: Definition) -> Iterator[DeclaredHook]:
        """Hooks that reachable code registers on the local context."""
        for registered in definition.facts.hooks:
            yield from self.local_hook(registered, definition.module, definition.name)

    def local_hook(self, registered: RegisteredHook, module: Module, owner: str) -> Iterator[DeclaredHook]:
        call = registered.call if isinstance(registered.call, ast.Call) else None
        point: Any = registered.point
        if registered.nested is not None:
            name = f"{owner}.<locals>.{registered.nested.name}"
            yield self.reader.declared_hook(
                call, point, registered.nested, module, name, registered.call, declared=False
            )
            return
        reference = self.reader.function_of(registered.found)
        if reference is None:
            message = f"{ast.unparse(registered.call)[:80]!r} registers a hook that is computed when the program runs"
            self.reader.report("dynamic_hook", message, registered.call, module)
            return
        home = reference.definition.module
        yield self.reader.declared_hook(
            call, point, reference.node, home, reference.qualified, registered.call, declared=False
        )


@dataclass(frozen=True, slots=True)
class Everywhere:
    """The global hooks, and everything that they reach."""

    hooks: Sequence[DeclaredHook]
    closure: frozenset[Definition]


def _modules(reached: Iterable[Definition]) -> tuple[ModuleDependency, ...]:
    found: dict[tuple[str, str], ModuleDependency] = {}
    for definition in reached:
        for use in definition.facts.modules:
            place = ModuleDependency(name=use.name, how=use.how, source=position(use.node, definition.module))
            known = found.get((use.name, use.how))
            if known is None or place.source < known.source:
                found[use.name, use.how] = place
    return tuple(found[key] for key in sorted(found))


_POLICIES = ("roles", "rate_limit", "body_limit", "timeout")
_NO_OPTIONS: dict[str, Any] = {"responses": {}, "tags": ()}


def _roots(found: Iterable[Declared | DeclaredHook]) -> Iterator[Definition]:
    """The definitions that hold some functions; a nested function is part of the one around it."""
    for item in found:
        yield item.module.definitions[item.qualified.partition(".")[0]]


def _functions(body: Sequence[ast.stmt]) -> Iterator[FunctionNode]:
    """Every function, at every depth."""
    waiting = list(body)
    while waiting:
        statement = waiting.pop()
        blocks = _BLOCKS.get(statement.__class__)
        if blocks is None:
            continue
        if not isinstance(statement, _FUNCTIONS):
            for name in blocks:
                inner = getattr(statement, name)
                if name == "handlers" or name == "cases":
                    for part in inner:
                        waiting.extend(part.body)
                else:
                    waiting.extend(inner)
            continue
        yield statement
        waiting.extend(statement.body)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS: dict[type[ast.stmt], tuple[str, ...]] = {
    **dict.fromkeys((*_FUNCTIONS, ast.ClassDef, ast.With, ast.AsyncWith), ("body",)),
    **dict.fromkeys((ast.If, ast.For, ast.AsyncFor, ast.While), ("body", "orelse")),
    **dict.fromkeys((ast.Try, ast.TryStar), ("body", "handlers", "orelse", "finalbody")),
    ast.Match: ("cases",),
}


def _hook(declared: DeclaredHook, level: HookLevel, order: int) -> Hook:
    options = declared.options
    return Hook(
        name=options["name"],
        point=declared.point,
        level=level,
        order=order,
        timeout=options["timeout"],
        retries=options["retries"],
        backoff=options["backoff"],
        retry_on=options["retry_on"],
        isolated=options["isolated"],
        in_thread=options["in_thread"],
        at=options["at"],
        requires=options["requires"],
        asynchronous=isinstance(declared.node, ast.AsyncFunctionDef),
        source=function_position(declared.node, declared.module),
    )


def _ordered(
    always: Sequence[DeclaredHook], own: Sequence[DeclaredHook], local: Sequence[DeclaredHook]
) -> tuple[Hook, ...]:
    """In: what runs at `received`, then global, route, local. Out: local, route, global, each reversed."""
    found: list[Hook] = []
    if not (always or own or local):
        return ()
    levels: list[tuple[HookLevel, Sequence[DeclaredHook]]] = [
        ("global", always),
        ("route", own),
        ("local", local),
    ]
    for point in _POINTS:
        hooks: list[tuple[HookLevel, DeclaredHook]] = [
            (level, hook) for level, group in levels for hook in group if hook.point == point
        ]
        if point == "before":
            hooks.sort(key=lambda pair: pair[1].options["at"] != "received")
        else:
            hooks.reverse()
        found += [_hook(hook, level, order) for order, (level, hook) in enumerate(hooks)]
    return tuple(found)


def _is_bodiless(use: StatusUse) -> bool:
    return use.status is not None and (use.status in (204, 205) or 300 <= use.status < 400) and not use.raised


def _problems(uses: Iterable[Any]) -> tuple[Problem, ...]:
    pairs = {
        (use.status, use.code) for use in uses if use.status is not None and (use.raised or use.status >= 400)
    }
    return tuple(
        Problem(status=status, code=code) for status, code in sorted(pairs, key=lambda p: (p[0], p[1] or ""))
    )


def _contract(handler: Handler) -> Any:
    """What a handler promises: path, methods, types, statuses, policies."""
    types, policies = handler.types, handler.policies
    rate = policies.rate_limit
    return [
        handler.path,
        sorted(handler.methods),
        handler.websocket,
        [types.params, types.query, types.headers, types.body, types.responses],
        [types.accepts, types.media, types.stream, types.items],
        sorted({problem.status for problem in handler.problems}),
        [
            policies.roles,
            [rate.limit, rate.window, rate.burst] if rate else None,
            policies.body_limit,
            policies.timeout,
        ],
        *([[types.receives, types.sends]] if handler.websocket else []),
    ]


def _shape(hook: Hook) -> Any:
    """A hook without its place, which is no part of what it does."""
    return {**encode(hook), "source": None}


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def _sha256(value: Any) -> str:
    return hashlib.sha256(_CANONICAL(value).encode("ascii")).hexdigest()
