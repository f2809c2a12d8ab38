"""Steps: the units that a plan runs, as data that describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

StepKind = Literal["guard", "body", "validation", "hook", "handler", "refusal"]
Level = Literal["global", "route", "local"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step at the moment it runs, as a :class:`Boundary` sees it.

    Args:
        kind: What sort of step it is.
        name: Its name, as in ``Plan.describe()``.
        id: Its id within the plan, as in ``lctx.execution`` and in events.
        level: The level of a hook; ``None`` for anything else.
        point: ``before``, ``after`` or ``catch`` for a hook; ``request`` or ``response`` for a validation.
        req: The request.
        res: The response.
    """

    kind: StepKind
    name: str
    id: str
    level: Level | None = None
    point: str | None = None
    req: Any = None
    res: Any = None
