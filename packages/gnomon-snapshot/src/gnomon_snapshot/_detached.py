"""Detached work is no part of the request that hands it over: a recording has none of its calls, a replay does not run it.

It outlives its request, so that a recording could hold no more of it than what happened to be over when the request
was; in a replay it would come to another place, for nobody waits for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final, Protocol

from gnomon_context import LocalContext, NoContext, current_context

#: What the tasks of detached work are called in a session; what is called so is not written down.
DETACHED: Final = "(detached)"
_UNSEEN: Final = "it was detached, so that it is no part of the request: what it does is not recorded, and it is not replayed"


class Detaching(Protocol):
    """A session, as far as detached work concerns it."""

    names: dict[str, str]
    detaches: bool


def is_detached(lctx: LocalContext | None) -> bool | None:
    """Whether what runs now has another context than a request, as detached work has; `None` where it has none."""
    try:
        return current_context() is not lctx
    except NoContext:
        return None


def detached_unseen(session: Detaching, *, run: bool) -> Callable[[str], bool]:
    """What tells a session that work is detached.

    Args:
        session: The session.
        run: Whether the work is run.
    """
    return functools.partial(_tell, session, run)


def _tell(session: Detaching, run: bool, name: str) -> bool:
    session.detaches = True
    session.names[f"lctx.detach({name})!"] = _UNSEEN
    return run
