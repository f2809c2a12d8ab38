"""From a source tree to its manifest.

A little longer than most modules: the steps from declarations to handlers share what they have found so far.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

from ._declared import Declared, DeclaredHook, Reader, function_position, position
from ._docstring import parse_docstring
from ._findings import CODES, Finding, Position
from ._lints import lint
from ._manifest import Manifest
from ._model import Handler, HandlerTypes, Hook, HookLevel, ModuleDependency, Policies, Problem
from ._names import FunctionNode, Module, Names, dotted, index
from ._normal import RegisteredHook
from ._reach import Reach
from ._signature import CATCH, HANDLER, HOOK, WEBSOCKET, Shape, describe, faults
from ._source import SourceFile, find_files, read
from ._types import Types
from ._wire import encode

__all__ = ["build"]

_POINTS = ("before", "after", "catch")


def build(
    path: str | Path, *, undecorated: bool = False, progress: Callable[[int, int], None] | None = None
) -> Manifest:
    """Read a source tree and say what it exposes, without importing any of it.

    Args:
        path: a package, a folder of modules, or one file.
        undecorated: whether a module-level function that takes exactly `req, res, lctx, gctx` counts as a handler
            without a declaration.
        progress: is called with the number of files read and the number of all files.

    Returns:
        The manifest. What could not be known is in its `findings`.

    Raises:
        ManifestError: when there is nothing at the path.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from gnomon_manifest import build
    >>> source = '''
    ... from gnomon import get
    ...
    ... @get("/health")
    ... async def health(req, res, lctx, gctx):
    ...     res.json({"ok": True})
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "service.py").write_text(source)
    ...     manifest = build(folder)
    >>> [(handler.id, handler.methods, handler.path) for handler in manifest.handlers]
    [('service.health', ('GET',), '/health')]
    """
    files = list(find_files(Path(path)))
    sources: list[SourceFile] = []
    with _collecting_later():
        for number, (file, shown, module) in enumerate(files, 1):
            sources.append(read(file, shown, module))
            if progress is not None:
                progress(number, len(files))
        return _Builder(sources, undecorated=undecorated).run()


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Syntax trees are millions of objects without a cycle; looking for cycles in them costs more than all else."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _shapes(arguments: ast.arguments) -> list[Shape]:
    shapes = [Shape(item.arg, "positional-only") for item in arguments.posonlyargs]
    shapes += [Shape(item.arg, "plain") for item in arguments.args]
    shapes += [Shape(arguments.vararg.arg, "*")] if arguments.vararg else []
    shapes += [Shape(item.arg, "keyword-only") for item in arguments.kwonlyargs]
    return shapes + ([Shape(arguments.kwarg.arg, "**")] if arguments.kwarg else [])


class _Builder:
    def __init__(self, sources: Sequence[SourceFile], *, undecorated: bool) -> None:
        self.sources = sources
        self.undecorated = undecorated
        self.names = Names(index(source) for source in sources)
        self.reader = Reader(self.names)
        self.types = Types(self.names, self.reader)
        self.reach = Reach(self.names, self.is_declaration)
        self.declared: list[Declared] = []
        self.hooks: list[DeclaredHook] = []
        self.sent: dict[Position, frozenset[int] | None] = {}

    def is_declaration(self, decorator: ast.expr, module: Module) -> bool:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        return self.reader.verb(call, module) is not None

    def run(self) -> Manifest:
        for module in sorted(self.names.modules.values(), key=attrgetter("name")):
            self.scan(module)
        self.always = [hook for hook in self.hooks if hook.options["level"] == "global"]
        self.common = self.reach.closure(_roots(self.always))
        handlers = tuple(sorted(map(self.handler, self.declared), key=lambda h: (h.id, h.source)))
        findings = [finding for source in self.sources for finding in source.findings]
        for definition in self.reach.too_deep:
            message = f"{definition.name} is nested too deeply for its normal form; its text counts instead"
            self.reader.report("too-deep", message, definition.nodes[0], definition.module)
        findings += self.reader.findings
        findings += lint(self.declared, self.hooks, handlers, self.reader, self.sent)
        used = sorted({digest for handler in handlers for digest in _digests(handler.types)})
        edges = {(edge.kind, edge.name): edge for handler in handlers for edge in handler.open_edges}
        return Manifest(
            handlers=handlers,
            types={digest: self.types.entry(digest) for digest in used},
            findings=tuple(sorted(dict.fromkeys(findings))),
            open_edges=tuple(edges[key] for key in sorted(edges)),
        )

    # finding what is declared

    def scan(self, module: Module) -> None:
        last = {definition.binding for definition in module.definitions.values()}
        for node, owners in module.functions:
            qualified = ".".join((*(owner.name for owner in owners), node.name))
            if (
                self.function(node, module, qualified, method=bool(owners))
                and not owners
                and node not in last
            ):
                message = f"{qualified} is defined again below, and the runtime sees only the last definition"
                self.reader.report("ambiguous-definition", message, node, module)
        if self.mentions_declarations(module):
            self.stray(module)

    def function(self, node: FunctionNode, module: Module, qualified: str, *, method: bool) -> bool:
        declared = False
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            verb = self.reader.verb(call.func if call else decorator, module)
            if verb is None:
                continue
            declared = True
            if verb.name in _POINTS:
                form = CATCH if verb.name == "catch" else HOOK
                if self.check_signature(node, module, form, method=method):
                    point = cast(Any, verb.name)
                    self.hooks.append(
                        self.reader.declared_hook(call, point, node, module, qualified, decorator)
                    )
            elif verb.name == "group":
                self.reader.report(
                    "dynamic-declaration",
                    "a group is no decorator; use one of its methods",
                    decorator,
                    module,
                )
            elif self.check_signature(
                node, module, WEBSOCKET if verb.name == "websocket" else HANDLER, method=method
            ):
                found = self.reader.handler(decorator, verb, node, module, qualified)
                self.declared += [found] if found else []
        if not declared and self.undecorated and not method and not faults(_shapes(node.args), HANDLER):
            self.declared.append(Declared(node, module, qualified, "", None, (), dict(_NO_OPTIONS)))
        return declared

    def check_signature(self, node: FunctionNode, module: Module, form: Any, *, method: bool) -> bool:
        shapes = _shapes(node.args)
        owner = None
        static = any(dotted(decorator) == ("staticmethod",) for decorator in node.decorator_list)
        if method and not static and shapes and shapes[0].name not in form.names:
            owner = shapes.pop(0).name
        found = faults(shapes, form)
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

    def mentions_declarations(self, module: Module) -> bool:
        """Whether the decorators can be referred to in a module at all."""
        candidates = [*module.imports, *module.definitions]
        return bool(module.stars) or any(
            self.reader.verb(ast.Name(name), module)
            or any(
                self.reader.verb(ast.Attribute(ast.Name(name), verb), module) for verb in ("post", "group")
            )
            for name in candidates
        )

    def stray(self, module: Module) -> None:
        """Declarations that are made by a call, in a loop, or inside of a function."""
        top = {id(node) for node, _ in module.functions}
        for statement in _statements(module.source.tree.body if module.source.tree else ()):
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and id(statement) not in top:
                for decorator in statement.decorator_list:
                    if self.is_declaration(decorator, module):
                        message = f"{statement.name} is declared inside of a function, each time that it runs"
                        self.reader.report("dynamic-declaration", message, decorator, module)
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Call):
                verb = self.reader.verb(value.func.func, module)
                if verb is not None and verb.name != "group":
                    message = f"{ast.unparse(value)[:80]!r} declares a route by a call"
                    self.reader.report("dynamic-declaration", message, value, module)

    # what one handler is

    def handler(self, declared: Declared) -> Handler:
        node, module, options = declared.node, declared.module, declared.options
        documentation = parse_docstring(ast.get_docstring(node, clean=False))
        own = list(self.route_hooks(declared))
        reached = self.reach.closure(_roots([declared, *own]), known=self.common)
        local = list(self.local_hooks(reached))
        while (wider := self.reach.closure(_roots(local), known=reached)) != reached:
            # A hook may register hooks that the handler does not reach itself; only some generated projects do it.
            reached = wider  # pragma: no cover - as above
            local = list(self.local_hooks(wider))  # pragma: no cover - as above
        facts = [self.reach.facts(key) for key in sorted(reached)]
        uses = [use for fact in facts for use in fact.statuses]
        sent = {use.status: use.raised for use in uses if use.status is not None}
        types = self.types.of_handler(declared, sent)
        policies = Policies(
            **{
                name: options[name]
                for name in ("roles", "rate_limit", "body_limit", "timeout")
                if name in options
            }
        )
        hooks = _ordered(self.always, own, local)
        deprecated = documentation.deprecated
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
            modules=self.modules(reached),
            open_edges=self.reach.edges(reached),
            contract="",
            fingerprint="",
        )
        closed = all(
            edge.kind == "distribution" and edge.name.startswith("gnomon") for edge in handler.open_edges
        )
        all_known = closed and all(use.status is not None for use in uses)
        self.sent[handler.source] = frozenset(sent) if all_known else None
        contract = _sha256(_contract(handler))
        implementation = [[key, self.reach.facts(key).digest] for key in sorted(reached)]
        shape = [replace(hook, source=_NOWHERE) for hook in hooks]
        fingerprint = _sha256(
            [contract, handler.asynchronous, implementation, [encode(item) for item in shape]]
        )
        return replace(handler, contract=contract, fingerprint=fingerprint)

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
                    self.reader.report("invalid-declaration", message, declared.node, declared.module)
                else:
                    yield known

    def local_hooks(self, reached: Iterable[str]) -> Iterator[DeclaredHook]:
        """Hooks that the reachable code registers on the local context."""
        for key in sorted(reached):
            module = self.names.modules[key.partition(":")[0]]
            for registered in self.reach.facts(key).hooks:
                yield from self.local_hook(registered, module, key.partition(":")[2])

    def local_hook(self, registered: RegisteredHook, module: Module, owner: str) -> Iterator[DeclaredHook]:
        call = registered.call if isinstance(registered.call, ast.Call) else None
        point: Any = registered.point
        given = call.args[0] if call and call.args else None
        if registered.nested is not None:
            name = f"{owner}.<locals>.{registered.nested.name}"
            yield self.reader.declared_hook(
                call, point, registered.nested, module, name, registered.call, declared=False
            )
            return
        reference = self.reader.hook_reference(given, module) if given is not None else None
        if reference is None:
            message = f"{ast.unparse(registered.call)[:80]!r} registers a hook that is computed when the program runs"
            self.reader.report("dynamic-hook", message, registered.call, module)
            return
        home = reference.definition.module
        yield self.reader.declared_hook(
            call, point, reference.node, home, reference.qualified, registered.call, declared=False
        )

    def modules(self, reached: Iterable[str]) -> tuple[ModuleDependency, ...]:
        found: dict[tuple[str, str], ModuleDependency] = {}
        for key in sorted(reached):
            module = self.names.modules[key.partition(":")[0]]
            for use in self.reach.facts(key).modules:
                place = ModuleDependency(name=use.name, how=use.how, source=position(use.node, module))
                known = found.get((use.name, use.how))
                if known is None or place.source < known.source:
                    found[use.name, use.how] = place
        return tuple(found[key] for key in sorted(found))


_NOWHERE = Position("", 0, 0)
_NO_OPTIONS: dict[str, Any] = {"responses": {}, "tags": ()}


def _roots(found: Iterable[Declared | DeclaredHook]) -> Iterator[str]:
    """The definitions that hold some functions; a nested function is part of the one around it."""
    for item in found:
        yield f"{item.module.name}:{item.qualified.partition('.')[0]}"


_COMPOUND = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.Match, ast.Try, ast.TryStar),
    *(ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith),
)


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement of a body, at every depth, but no expression."""
    waiting = list(body)
    while waiting:
        statement = waiting.pop()
        yield statement
        if not isinstance(statement, _COMPOUND):
            continue
        for name in ("body", "orelse", "finalbody"):
            waiting.extend(getattr(statement, name, ()))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            waiting.extend(part.body)


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


def _problems(uses: Iterable[Any]) -> tuple[Problem, ...]:
    pairs = {
        (use.status, use.code) for use in uses if use.status is not None and (use.raised or use.status >= 400)
    }
    return tuple(
        Problem(status=status, code=code) for status, code in sorted(pairs, key=lambda p: (p[0], p[1] or ""))
    )


def _digests(types: HandlerTypes) -> Iterator[str]:
    for digest in (*types.params.values(), types.query, types.headers, types.body, *types.responses.values()):
        if digest is not None:
            yield digest


def _contract(handler: Handler) -> Any:
    """What a handler promises: path, methods, types, statuses, policies."""
    return {
        "path": handler.path,
        "methods": sorted(handler.methods),
        "websocket": handler.websocket,
        "types": encode(handler.types),
        "problems": sorted({problem.status for problem in handler.problems}),
        "policies": encode(handler.policies),
    }


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
