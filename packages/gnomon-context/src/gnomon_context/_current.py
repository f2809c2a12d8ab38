"""The context variable through which a task finds its request."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from ._errors import NoContext

if TYPE_CHECKING:
    from ._local import LocalContext

current: ContextVar[LocalContext | None] = ContextVar("gnomon_context", default=None)


def current_context() -> LocalContext:
    """The local context of the request in whose task tree this is called.

    Raises:
        NoContext: no request runs here.

    >>> current_context()
    Traceback (most recent call last):
    gnomon_context.NoContext: no request runs here: ...
    """
    lctx = current.get()
    if lctx is None:
        raise NoContext(
            "no request runs here: current_context() works in a handler, a hook and the tasks they start; "
            "elsewhere open one with `async with open_local_context(gctx)`"
        )
    return lctx
