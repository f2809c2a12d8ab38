"""How a request ended, and who was running in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, final

OutcomeKind: TypeAlias = Literal["ok", "error", "timeout", "disconnect", "cancelled", "shutdown"]
CancelReason: TypeAlias = Literal["deadline", "disconnect", "shutdown", "explicit"]

KIND_OF_REASON: dict[str, OutcomeKind] = {
    "deadline": "timeout",
    "disconnect": "disconnect",
    "shutdown": "shutdown",
    "explicit": "cancelled",
}


@final
@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """How a request ended; the first cause wins.

    Args:
        kind: `ok`, `error`, `timeout`, `disconnect`, `cancelled` or `shutdown`.
        error: the exception that ended it, if one did.
        truncated: the answer was cut after its first byte.
        recovered: a catch hook made a success of a failure.

    >>> RequestOutcome("ok").ok
    True
    """

    kind: OutcomeKind
    error: BaseException | None = field(default=None, compare=False)
    truncated: bool = False
    recovered: bool = False

    @property
    def ok(self) -> bool:
        """Whether the request ended without a failure."""
        return self.kind == "ok"

    def __str__(self) -> str:
        return self.kind


OK = RequestOutcome("ok")


@final
@dataclass(frozen=True, slots=True)
class Execution:
    """What runs at this moment; written by whoever runs the request.

    Args:
        handler_id: which handler serves the request.
        version: the version of that handler.
        step: index of the step in the plan.
        hook_id: the hook that runs, or None for the handler itself.
        level: `global`, `route` or `local` for a hook.
        attempt: counts from 1; more than 1 is a retry.

    >>> Execution(handler_id="orders.create", version="2", attempt=2).attempt
    2
    """

    handler_id: str = ""
    version: str = ""
    step: int = 0
    hook_id: str | None = None
    level: str | None = None
    attempt: int = 1
