"""What the routes of an application lead to."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon_orchestrator import Plan, WebSocketPlan

from ._lanes import Spec
from ._websockets import SocketRoute


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path, and everything that runs for it."""

    method: str
    path: str
    id: str
    plan: Plan | WebSocketPlan

    @property
    def websocket(self) -> bool:
        """Whether it speaks WebSocket; a plain request is then answered with 426."""
        return isinstance(self.plan, WebSocketPlan)

    def describe(self) -> str:
        """What runs for a request to this route, in order, as text."""
        return str(self.plan.describe())


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What runs where a path and a method lead."""

    plan: Plan
    timeout: float
    body_limit: int | None
    version: str
    where: str
    spec: Spec
    socket: SocketRoute | None = None

    @property
    def typed(self) -> Spec:
        """Where the types of its requests and answers are."""
        return self.spec if self.socket is None else self.socket.spec

    def __str__(self) -> str:
        # What a conflict of routes shows.
        return self.where
