"""Contexts for tests: real ones, made in one call."""

from __future__ import annotations

from typing import Any

from gnomon_context._global import GlobalContext
from gnomon_context._local import LocalContext


def global_context(**options: Any) -> GlobalContext[Any]:
    """A real global context that is not running: state and modules without a start-up.

    Args:
        options: what `GlobalContext` takes. Modules given as values can be used at once.

    >>> global_context(modules={"answer": 42}).modules.answer
    42
    """
    gctx: GlobalContext[Any] = GlobalContext(**options)
    gctx._registry.show_values()
    return gctx


def local_context(gctx: GlobalContext[Any] | None = None, **meta: Any) -> LocalContext:
    """A real local context, not begun: tasks need a running global context, the rest works at once.

    Args:
        gctx: its global context; by default an empty one that is not running.
        meta: what `LocalContext` takes, such as `method`, `path`, `timeout` (seconds).

    >>> local_context(path="/orders").meta.path
    '/orders'
    """
    return LocalContext(global_context() if gctx is None else gctx, **meta)
