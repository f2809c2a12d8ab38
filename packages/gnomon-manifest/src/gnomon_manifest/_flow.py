"""Whether a function can answer without naming a status, on some way through it.

An answer without a status has 200. Where a function names others as well, which of them an answer has depends on the
way to it, so the statements are followed as they may run: of two ways the one on which no status was named counts, a
loop may run or not, and anything in a `try` may fail before its first statement is done.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from typing import Final

__all__ = ["SENDERS", "answer_names", "answers_plainly"]

# what finishes an answer with a body, with the media type that it has where none is given
SENDERS: Final = {
    "json": "application/json",
    "text": "text/plain",
    "bytes": "application/octet-stream",
    "stream": "application/octet-stream",
    "ndjson": "application/x-ndjson",
    "events": "text/event-stream",
    "file": "*/*",
}
_PERHAPS: Final = (ast.BoolOp, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NAMES_STATUS: Final = frozenset({"status", "problem", "redirect", "empty"})


def answer_names(node: ast.arguments) -> frozenset[str]:
    """The parameters of a function that are the answer: `res`, and what is annotated with `Response`."""
    found = set()
    for argument in (*node.posonlyargs, *node.args, *node.kwonlyargs):
        annotation = argument.annotation
        if isinstance(annotation, ast.Subscript):
            annotation = annotation.value
        last = getattr(annotation, "attr", None) or getattr(annotation, "id", None)
        if argument.arg == "res" or last == "Response":
            found.add(argument.arg)
    return frozenset(found)


def answers_plainly(nodes: Sequence[ast.AST]) -> bool:
    """Whether some function in the nodes can finish an answer for which no status was named on the way.

    Args:
        nodes: the statements of a definition. Ways are followed within one function: one that is handed an answer may
            be handed it without a status.
    """
    flow = _Flow()
    try:
        for node in nodes:
            flow.inside(node, True)
    except RecursionError:
        return True
    return flow.plain


class _Flow:
    """Follows statements; `True` is the state in which no status may have been named yet."""

    def __init__(self) -> None:
        self.plain = False
        self.answers: Collection[str] = frozenset()
        # the states in which the loop around a statement is left or begun again
        self.left: list[bool] = []

    def block(self, nodes: Sequence[ast.stmt], state: bool) -> bool:
        for node in nodes:
            state = self.statement(node, state)
        return state

    def statement(self, node: ast.stmt, state: bool) -> bool:
        """The state after a statement; False as well where nothing comes after it."""
        if isinstance(node, ast.If):
            return self.choice(node, state)
        if isinstance(node, (ast.While, ast.For, ast.AsyncFor)):
            return self.loop(node, state)
        if isinstance(node, (ast.Try, ast.TryStar)):
            return self.attempt(node, state)
        if isinstance(node, ast.Match):
            state = self.inside(node.subject, state)
            last = node.cases[-1]
            every = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and not last.guard
            return any([state and not every, *[self.block(case.body, state) for case in node.cases]])
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                state = self.inside(item.context_expr, state)
            return self.block(node.body, state)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.function(node, state)
            return state
        state = self.inside(node, state)
        if isinstance(node, (ast.Break, ast.Continue)):
            self.left[-1:] = [self.left[-1] or state]
        return state and not isinstance(node, (ast.Return, ast.Raise, ast.Break, ast.Continue))

    def choice(self, node: ast.If, state: bool) -> bool:
        """A long chain of elif is deep in the tree."""
        after = False
        while True:
            state = self.inside(node.test, state)
            after = self.block(node.body, state) or after
            if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
                return self.block(node.orelse, state) or after
            node = node.orelse[0]

    def loop(self, node: ast.While | ast.For | ast.AsyncFor, state: bool) -> bool:
        state = self.inside(node.test if isinstance(node, ast.While) else node.iter, state)
        self.left.append(False)
        after = self.block(node.body, state)
        left = self.left.pop()
        endless = (
            isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
        )
        # an endless loop is only left by a break
        return left or self.block(node.orelse, (state or after) and not endless)

    def attempt(self, node: ast.Try | ast.TryStar, state: bool) -> bool:
        after = self.block(node.orelse, self.block(node.body, state))
        for handler in node.handlers:
            after = self.block(handler.body, state) or after
        # on the way of a failure what is answered here is never sent
        return self.block(node.finalbody, after)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, state: bool) -> None:
        """A function with an answer of its own, or one that uses that of the function around it."""
        own = answer_names(node.args)
        around, left = (self.answers, self.left)
        self.answers, self.left = own or around, []
        self.block(node.body, state or bool(own))
        self.answers, self.left = around, left

    def inside(self, node: ast.AST, state: bool) -> bool:
        """The state after the expressions in a node, in the order in which they are written."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.function(node, state)
            return state
        if isinstance(node, ast.IfExp):
            state = self.inside(node.test, state)
            first = self.inside(node.body, state)
            return self.inside(node.orelse, state) or first
        before = state
        for place, inner in enumerate(ast.iter_child_nodes(node)):
            state = self.inside(inner, state)
            # the first part of `a and b` always runs; a comprehension and a lambda may never do
            before = state if place == 1 and isinstance(node, ast.BoolOp) else before
        if isinstance(node, _PERHAPS):
            return before
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            steps, root = _steps(node)
            if isinstance(root, ast.Name) and root.id in self.answers:
                if not _NAMES_STATUS.isdisjoint(steps):
                    return False
                self.plain = self.plain or (state and node.func.attr in SENDERS)
        return state


def _steps(call: ast.expr) -> tuple[list[str], ast.expr]:
    """The methods in a chain of calls, and what the chain begins with."""
    steps: list[str] = []
    while isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        steps.append(call.func.attr)
        call = call.func.value
    return steps, call
