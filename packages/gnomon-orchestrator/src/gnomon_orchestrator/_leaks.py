"""Finding a cancel scope or nursery that user code entered by hand and left open.

Trio says so only when the scope around it is left, which on a kept-alive connection is many requests later,
and until then the deadline of the forgotten scope cancels whatever runs. Trio has no public way to ask a
task for its innermost scope; where this private one should go away, nothing is looked for.
"""

from __future__ import annotations

import trio

from ._errors import ScopeLeaked

LEAKS_SHOW = hasattr(trio.lowlevel.Task, "_cancel_status")


def innermost() -> object:
    """What is the same at the beginning and at the end of a request, unless something was left open."""
    return getattr(trio.lowlevel.current_task(), "_cancel_status", None)


def leaked(name: str) -> ScopeLeaked:
    """The error for a request that left something open."""
    return ScopeLeaked(
        f"a hook or the handler of {name} has entered a cancel scope or a nursery that is still open: enter them "
        "with `with` and `async with` only, and start tasks with lctx.start_soon()"
    )
