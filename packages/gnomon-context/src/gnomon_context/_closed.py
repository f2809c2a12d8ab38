"""A context after the end of its request: what it did is refused, what it was can be read."""

from __future__ import annotations

from typing import Any, NoReturn

from ._errors import ContextClosed
from ._local import LocalContext
from ._local_state import LocalState


class ClosedContext(LocalContext):  # type: ignore[misc]  # the one subclass: a context after its end
    """A context whose request is over.

    A context becomes one by a change of class, so that an open context pays nothing for the check.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<LocalContext {self._method} {self._path} {self._phase}, closed>"


def _refuse(name: str) -> Any:
    def refuse(self: LocalContext, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise ContextClosed(
            f"the request {self.request_id} is over, {name} on its context came too late: keep no context "
            "beyond its request, and hand work that outlives it to detach()"
        )

    return refuse


# Everything that changes or serves a running request; what describes the ended one stays readable.
for _name in [
    "get",
    "set",
    "delete",
    "clear",
    "__contains__",
    "__iter__",
    "__len__",
    "advance",
    "on_phase_change",
    "local_hooks",
    "before",
    "after",
    "catch",
    "on_cleanup",
    "on_error",
    "on_timeout",
    "compensate",
    "commit",
    "enter",
    "start_soon",
    "detach",
    "publish",
    "subscribe",
    "wait_for",
    "remaining",
    "cancel",
    "settle",
    "truncated",
    "recovered",
    "now",
    "monotonic",
    "uuid",
]:
    setattr(ClosedContext, _name, _refuse(_name))
ClosedContext.random = property(_refuse("random"))  # type: ignore[method-assign, assignment]
# Read after the end, and no longer set.
for _name in ["execution", "gctx", "scope"]:
    _slot = LocalState.__dict__[_name]
    setattr(ClosedContext, _name, property(_slot.__get__, _refuse(f"setting {_name}")))
