"""Doubts about declarations whose meaning is clear."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from ._declared import Declared, DeclaredHook, Reader
from ._findings import CODES, Code, Finding, Position
from ._model import Handler
from ._names import Module, Outside, dotted

__all__ = ["lint", "swapped"]

_PARAMETER = re.compile(r"\{[^{}:]*(:[^{}]*)?\}")
_CONTEXTS = {"lctx": "GlobalContext", "gctx": "LocalContext"}


Shown: TypeAlias = tuple[str, Position]


def lint(
    handlers: Sequence[Handler], hooks: Iterable[Shown], roles: tuple[str, ...] | None
) -> Iterator[Finding]:
    """Give every doubt about the declarations of a project that needs all of it.

    Args:
        handlers: all handlers, sorted by id.
        hooks: name and place of each hook that is declared.
        roles: what the declared authenticators may give; None when that is not known.
    """
    yield from _duplicates(handlers)
    yield from _conflicts(handlers)
    yield from _unreachable(hooks, handlers)
    if roles is not None:
        for handler in handlers:
            yield from _ungiven(handler, roles)
    for handler in handlers:
        if handler.hooks:
            yield from _twice(handler)
        if handler.types.body is not None:
            yield from _body_on_get(handler)


def _finding(code: Code, message: str, position: Position) -> Finding:
    return Finding(position, code, message, CODES[code])


def _duplicates(handlers: Sequence[Handler]) -> Iterator[Finding]:
    first: dict[str, Handler] = {}
    for handler in handlers:
        known = first.setdefault(handler.id, handler)
        if known is not handler:
            message = f"the id {handler.id!r} is that of the handler at {known.source}"
            yield _finding("lint_duplicate_id", message, handler.source)


def _conflicts(handlers: Sequence[Handler]) -> Iterator[Finding]:
    first: dict[tuple[str, str], Handler] = {}
    for handler in handlers:
        if handler.path is None:
            continue
        shape = handler.path
        if "{" in shape:
            shape = _PARAMETER.sub(lambda match: "{" + (match[1] or ":str") + "}", shape)
        for method in handler.methods:
            known = first.setdefault((method, shape), handler)
            if known is not handler:
                message = f"{method} {handler.path} is answered by {known.id} at {known.source} as well"
                yield _finding("lint_route_conflict", message, handler.source)


def _unreachable(hooks: Iterable[Shown], handlers: Iterable[Handler]) -> Iterator[Finding]:
    used = {(hook.name, hook.source) for handler in handlers for hook in handler.hooks}
    for name, place in hooks:
        if (name, place) not in used:
            yield _finding("lint_unreachable_hook", f"no handler runs the hook {name}", place)


def _ungiven(handler: Handler, roles: tuple[str, ...]) -> Iterator[Finding]:
    for role in handler.policies.roles:
        if role not in roles:
            message = f"{handler.id} demands the role {role!r}, which no authenticator gives"
            yield _finding("lint_role_not_given", message, handler.source)


def _twice(handler: Handler) -> Iterator[Finding]:
    always = {(hook.name, hook.point) for hook in handler.hooks if hook.level == "global"}
    for hook in handler.hooks:
        if hook.level == "route" and (hook.name, hook.point) in always:
            message = f"{hook.name} runs for every route, and {handler.id} lists it again"
            yield _finding("lint_hook_runs_twice", message, handler.source)


def _body_on_get(handler: Handler) -> Iterator[Finding]:
    silent = {"GET", "HEAD"} & set(handler.methods)
    if silent and not handler.websocket:
        message = f"{handler.id} reads a body, which a {' or '.join(sorted(silent))} request does not have"
        yield _finding("lint_body_on_get", message, handler.source)


def _last_name(node: ast.expr | None, module: Module, reader: Reader) -> str | None:
    base = node.value if isinstance(node, ast.Subscript) else node
    if isinstance(base, ast.Constant) and isinstance(base.value, str):
        return base.value.partition("[")[0].rpartition(".")[2]
    path = dotted(base) if base is not None else None
    found = reader.names.resolve(module, path) if path else None
    return found.name.rpartition(".")[2] if isinstance(found, Outside) else None


def swapped(found: Iterable[Declared | DeclaredHook], reader: Reader) -> Iterator[Finding]:
    """Doubt contexts that are annotated with each other's type.

    Args:
        found: handlers and hooks.
        reader: looks names up.
    """
    for item in found:
        arguments = item.node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            wrong = _CONTEXTS.get(argument.arg)
            if wrong and _last_name(argument.annotation, item.module, reader) == wrong:
                place = Position(item.module.source.file, argument.lineno, argument.col_offset + 1)
                yield _finding("lint_swapped_contexts", f"{argument.arg} is annotated with {wrong}", place)
