"""The hooks that a request registered on itself, one after the other, those included that they register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gnomon_context import LocalContext

    from ._entries import Entry
    from ._orchestrator import Plan, WebSocketPlan

# How many more the hooks of one point may register while they run: one that registers itself comes to an end.
MAX_ADDED = 1000


class LocalHooks:
    """Gives the hooks of one point, each once; in reverse order of registration on the way out.

    Args:
        plan: What makes a step of a hook.
        lctx: The context of the request.
        point: The hooks that are meant.
    """

    __slots__ = ("_entered", "_lctx", "_most", "_plan", "_point")

    def __init__(
        self, plan: Plan | WebSocketPlan, lctx: LocalContext, point: Literal["before", "after", "catch"]
    ) -> None:
        self._plan = plan
        self._lctx = lctx
        self._point: Literal["before", "after", "catch"] = point
        self._entered: set[int] = set()
        self._most = 0

    def next(self) -> Entry | None:
        """The next one, or `None` if there is none that was not given."""
        hooks = self._lctx.local_hooks(self._point)
        count = len(hooks)
        self._most = self._most or count + MAX_ADDED
        numbers = range(1, count + 1) if self._point == "before" else range(count, 0, -1)
        left = [number for number in numbers if number not in self._entered]
        if not left:
            return None
        if len(self._entered) >= self._most:
            self._entered.update(left)
            names = [hooks[number - 1].name for number in left]
            self._lctx.gctx.alert("hooks_skipped", None, request_id=self._lctx.request_id, names=names)
            return None
        self._entered.add(left[0])
        return self._plan.local_entry(hooks[left[0] - 1], self._point, left[0])
