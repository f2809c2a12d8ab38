"""Finding a cancel scope or nursery that user code entered by hand and left open, and closing it.

Trio says so only when the scope around it is left, which on a kept-alive connection is many requests later.
Until then the deadline of the forgotten scope cancels whatever runs, and a forgotten nursery brings down the
server's when its task ends. Trio has no public way to ask a task for its innermost scope, or to leave a nursery
without the manager that entered it; where these private ones should go away, nothing is looked for, and trio's
own complaint remains.
"""

from __future__ import annotations

import logging
from typing import Any

import trio

from ._errors import ScopeLeaked

LEAKS_SHOW = hasattr(trio.lowlevel.Task, "_cancel_status")
_POLL = 0.01

_log = logging.getLogger("gnomon_orchestrator")


def innermost() -> Any:
    """What is the same at the beginning and at the end of a request, unless something was left open."""
    task: Any = trio.lowlevel.current_task()
    return task._cancel_status if LEAKS_SHOW else None


def leaked(name: str) -> ScopeLeaked:
    """The error for a request that left something open."""
    return ScopeLeaked(
        f"a hook or the handler of {name} has entered a cancel scope or a nursery that is still open: enter them "
        "with `with` and `async with` only, and start tasks with lctx.start_soon()"
    )


async def close_leaks(status: object, *, limit: float) -> None:
    """Leave what was left open since the innermost scope was ``status``, the last one first.

    Args:
        status: What ``innermost`` returned at the beginning.
        limit: Seconds that the tasks of each forgotten nursery have to come to their end; where they take longer
            it stays open, and so does what is around it.
    """
    task = trio.lowlevel.current_task()
    while innermost() is not status:
        scope = innermost()._scope
        nursery = next((each for each in task.child_nurseries if each.cancel_scope is scope), None)
        if nursery is None:
            scope.__exit__(None, None, None)
            continue
        scope.cancel(reason="the nursery was left open")
        with trio.move_on_after(limit, shield=True):
            while nursery.child_tasks:  # noqa: ASYNC110 - whose nursery it is has told nobody of an event
                await trio.sleep(_POLL)
        if nursery.child_tasks:
            return
        manager: Any = trio.open_nursery()
        manager._nursery, manager._scope = nursery, scope
        try:
            await manager.__aexit__(None, None, None)
        except Exception as error:
            _log.warning("a task of a nursery that was left open failed", exc_info=error)
