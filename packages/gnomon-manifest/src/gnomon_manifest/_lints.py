"""Doubts about declarations whose meaning is clear."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ._declared import Declared, DeclaredHook, Reader, function_position
from ._findings import CODES, Code, Finding, Position
from ._model import Handler
from ._names import Module, Outside, dotted

__all__ = ["lint"]

_PARAMETER = re.compile(r"\{[^{}:]*(:[^{}]*)?\}")
_CONTEXTS = {"lctx": "GlobalContext", "gctx": "LocalContext"}


def lint(
    declared: Sequence[Declared],
    hooks: Sequence[DeclaredHook],
    handlers: Sequence[Handler],
    reader: Reader,
    sent: Mapping[Position, frozenset[int] | None],
) -> Iterator[Finding]:
    """Give every doubt about the declarations of a project.

    Args:
        declared: the handlers that are declared.
        hooks: the hooks that are declared.
        handlers: the same handlers, as the manifest shows them.
        reader: looks names up.
        sent: by place of a handler, the statuses that it sends, or None where they can not all be known.
    """
    yield from _duplicates(handlers)
    yield from _conflicts(handlers)
    yield from _unreachable(hooks, handlers)
    yield from _twice(handlers)
    for handler in handlers:
        yield from _body_on_get(handler)
    yield from _swapped([*declared, *hooks], reader)
    yield from _never_sent(declared, sent)


def _finding(code: Code, message: str, position: Position) -> Finding:
    return Finding(position, code, message, CODES[code])


def _duplicates(handlers: Sequence[Handler]) -> Iterator[Finding]:
    first: dict[str, Handler] = {}
    for handler in handlers:
        known = first.setdefault(handler.id, handler)
        if known is not handler:
            message = f"the id {handler.id!r} is that of the handler at {known.source}"
            yield _finding("lint-duplicate-id", message, handler.source)


def _conflicts(handlers: Sequence[Handler]) -> Iterator[Finding]:
    first: dict[tuple[str, str], Handler] = {}
    for handler in handlers:
        if handler.path is None:
            continue
        shape = _PARAMETER.sub(lambda match: "{" + (match[1] or ":str") + "}", handler.path)
        for method in handler.methods:
            known = first.setdefault((method, shape), handler)
            if known is not handler:
                message = f"{method} {handler.path} is answered by {known.id} at {known.source} as well"
                yield _finding("lint-route-conflict", message, handler.source)


def _unreachable(hooks: Sequence[DeclaredHook], handlers: Sequence[Handler]) -> Iterator[Finding]:
    used = {(hook.name, hook.source) for handler in handlers for hook in handler.hooks}
    for hook in hooks:
        place = function_position(hook.node, hook.module)
        if (hook.options["name"], place) not in used:
            yield _finding("lint-unreachable-hook", f"no handler runs the hook {hook.options['name']}", place)


def _twice(handlers: Iterable[Handler]) -> Iterator[Finding]:
    for handler in handlers:
        always = {(hook.name, hook.point) for hook in handler.hooks if hook.level == "global"}
        for hook in handler.hooks:
            if hook.level == "route" and (hook.name, hook.point) in always:
                message = f"{hook.name} runs for every route, and {handler.id} lists it again"
                yield _finding("lint-hook-runs-twice", message, handler.source)


def _body_on_get(handler: Handler) -> Iterator[Finding]:
    silent = {"GET", "HEAD"} & set(handler.methods)
    if handler.types.body is not None and silent and not handler.websocket:
        message = f"{handler.id} reads a body, which a {' or '.join(sorted(silent))} request does not have"
        yield _finding("lint-body-on-get", message, handler.source)


def _last_name(node: ast.expr | None, module: Module, reader: Reader) -> str | None:
    base = node.value if isinstance(node, ast.Subscript) else node
    if isinstance(base, ast.Constant) and isinstance(base.value, str):
        return base.value.partition("[")[0].rpartition(".")[2]
    path = dotted(base) if base is not None else None
    found = reader.names.resolve(module, path) if path else None
    return found.name.rpartition(".")[2] if isinstance(found, Outside) else None


def _swapped(found: Iterable[Declared | DeclaredHook], reader: Reader) -> Iterator[Finding]:
    for item in found:
        arguments = item.node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            wrong = _CONTEXTS.get(argument.arg)
            if wrong and _last_name(argument.annotation, item.module, reader) == wrong:
                place = Position(item.module.source.file, argument.lineno, argument.col_offset + 1)
                yield _finding("lint-swapped-contexts", f"{argument.arg} is annotated with {wrong}", place)


def _never_sent(
    declared: Sequence[Declared], sent: Mapping[Position, frozenset[int] | None]
) -> Iterator[Finding]:
    """A declared status that nothing sends, where every status that is sent is known."""
    for item in declared:
        place = function_position(item.node, item.module)
        known = sent.get(place)
        for status in item.options["responses"] if known is not None else ():
            if known is not None and status not in known:
                message = f"{item.qualified} declares an answer with status {status}, and nothing that it reaches sends it"
                yield _finding("lint-response-never-sent", message, place)
