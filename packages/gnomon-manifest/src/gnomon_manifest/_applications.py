"""Hooks that the source gives to an application: `App(hooks=[...])`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ._declared import DeclaredHook, Reader
from ._names import Module, Outside, dotted

__all__ = ["application_hooks"]


def _calls(module: Module, reader: Reader) -> Iterator[ast.Call]:
    """Every call of `App`, at any depth, in the order of the source."""
    tree = module.source.tree
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree else []
    for call in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
        path = dotted(call.func)
        target = reader.names.resolve(module, path) if path else None
        if isinstance(target, Outside) and target.name == "gnomon.App":
            yield call


def application_hooks(module: Module, reader: Reader) -> Iterator[DeclaredHook]:
    """The hooks that a module gives to applications; what is no hook of the project becomes a finding.

    They run for every handler, whatever level their decorator says, as they do at run time.
    """
    for call in _calls(module, reader):
        for word in call.keywords:
            if word.arg is None:
                message = "the arguments of the application are computed, and hooks may be among them"
                reader.report("dynamic_hook", message, word.value, module)
            if word.arg != "hooks":
                continue
            for reference in reader.hooks("before", word.value, module):
                home = reference.definition.module
                hook = reader.hook(reference.node, home, reference.qualified)
                if hook is not None:
                    yield hook
                    continue
                message = (
                    f"{reference.qualified} says not when it runs; decorate it with @before, @after or @catch"
                )
                reader.report("invalid_declaration", message, word.value, module)
