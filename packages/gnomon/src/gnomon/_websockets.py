"""From a declared WebSocket handler to what runs for it: its plan, and the types of its messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from gnomon_context import GlobalContext, LocalContext
from gnomon_gtype import GType
from gnomon_ingress import HttpError, WebSocket
from gnomon_manifest.declare import HandlerDeclaration
from gnomon_orchestrator import Hook, Orchestrator, WebSocketPlan
from gnomon_orchestrator.protocols import Guard

from ._binding import message_types, request_validator
from ._hooks import route_hooks
from ._lanes import Spec


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """One WebSocket handler: its plan, and what its messages are checked by."""

    plan: WebSocketPlan
    spec: Spec
    receive: GType[Any] | None
    send: GType[Any] | None
    message_limit: int | None

    async def run(
        self, ws: WebSocket[Any, Any], req: Any, lctx: LocalContext, gctx: GlobalContext[Any]
    ) -> None:
        """Run one WebSocket from its opening request to its close."""
        ws.bind(self.receive, self.send)
        if self.message_limit is not None:
            ws.message_limit = self.message_limit
        await self.plan.run(req, ws, lctx, gctx)


def socket_route(
    orchestrator: Orchestrator,
    handler: Callable[..., Any],
    declaration: HandlerDeclaration,
    everywhere: Iterable[Hook],
    guards: Iterable[Guard],
) -> SocketRoute:
    """Make what runs for a WebSocket handler.

    Args:
        orchestrator: Has the global hooks.
        handler: Takes `req`, `ws`, `lctx` and `gctx`.
        declaration: What it declares.
        everywhere: The global hooks, which those of the route may require.
        guards: Those of this route alone.

    Raises:
        HandlerUnusable: `req` or `ws` is annotated with something else than `Request[...]` or `WebSocket[...]`.
        UnsupportedAnnotation: A type that no validator can be made of.
    """
    receive, send = message_types(handler)
    plan = orchestrator.websocket_plan(
        handler,
        hooks=route_hooks(declaration, everywhere),
        guards=guards,
        request=request_validator(handler),
        name=declaration.id,
        version=declaration.version or "",
    )
    return SocketRoute(plan, Spec(handler, declaration), receive, send, declaration.body_limit)


def upgrade_required() -> HttpError:
    """The answer to a plain request where there is a WebSocket (RFC 9110, section 15.5.22)."""
    detail = "This path speaks WebSocket only."
    return HttpError(426, "websocket_required", detail, headers={"Sec-WebSocket-Version": "13"})
