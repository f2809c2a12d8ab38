"""A workbench: one request, with everything around it that a plan needs."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import trio

from gnomon_context import Alert, GlobalContext, LocalContext, RequestOutcome, open_global_context
from gnomon_orchestrator import Hook, Orchestrator, Plan, WebSocketPlan

from ._fakes import EventLog, FakeRequest, FakeResponse, FakeSocket

_GENERAL = ("boundaries", "exit_timeout", "threads", "clock_ns", "blocking")


class Refused(Exception):
    """A ``StatusError`` for tests."""

    def __init__(
        self,
        status: int,
        code: str = "refused",
        *,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[object] = (),
    ) -> None:
        super().__init__(status)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.errors = errors


class Invalid(Exception):
    """What a ``FakeValidator`` raises."""

    def __init__(self, *problems: object) -> None:
        super().__init__("invalid")
        self.problems = problems


class FakeValidator:
    """A validator made of a predicate.

    Args:
        accepts: Whether a request or response is as declared.
        reads_body: Whether the body is received first.
        error: Raised for what is not accepted.
    """

    def __init__(
        self, accepts: Callable[[Any], bool], *, reads_body: bool = False, error: Exception | None = None
    ) -> None:
        self.accepts = accepts
        self.reads_body = reads_body
        self.error = error
        self.asked: int = 0

    def validate(self, subject: Any, /) -> None:
        """Return or raise."""
        self.asked += 1
        if not self.accepts(subject):
            raise self.error or Invalid("problem")


class FakeGuard:
    """A guard made of a function of all four."""

    def __init__(self, check: Callable[..., Any], name: str = "guard") -> None:
        self.name = name
        self.check = check


class Bench:
    """Runs one request through a plan of its own, in an application of its own.

    ``log`` has the events, ``alerts`` the alerts, ``res.sent`` what the client received, ``ran`` the names
    that hooks made by ``note`` have written down.

    >>> import trio
    >>> def hello(req, res, lctx, gctx):
    ...     res.text("hello")
    >>> bench = Bench()
    >>> trio.run(bench, hello).kind, bench.res.sent
    ('ok', [200, 'hello'])
    """

    gctx: GlobalContext[Any]
    lctx: LocalContext
    scope: trio.CancelScope
    outcome: RequestOutcome

    def __init__(self) -> None:
        self.log: EventLog = EventLog()
        self.req: FakeRequest = FakeRequest()
        self.res: FakeResponse = FakeResponse()
        self.ws: FakeSocket = FakeSocket(answer=self.res)
        self.alerts: list[Alert] = []
        self.ran: list[str] = []

    def note(self, name: str) -> Callable[[], None]:
        """A hook that writes down that it ran."""

        def hook() -> None:
            self.ran.append(name)

        hook.__qualname__ = name
        return hook

    async def __call__(
        self,
        handler: Callable[..., object] | None,
        hooks: Sequence[Hook] = (),
        *,
        timeout: float = math.inf,
        during: Callable[[Bench], Awaitable[object]] | None = None,
        refusal: Callable[[], Exception] | None = None,
        websocket: bool = False,
        **options: Any,
    ) -> RequestOutcome:
        """Run ``handler``.

        Args:
            handler: The handler, or ``None`` for a ``refusal``.
            hooks: Global ones, and those of level ``route``.
            timeout: Seconds until the request deadline.
            during: An async function of this bench that runs beside the request.
            refusal: Makes the error where there is no handler.
            websocket: Whether ``handler`` is one of WebSockets: it gets ``ws``, whose ``answer`` is ``res``.
            options: Those of an orchestrator and those of a plan.
        """
        general = {name: options.pop(name) for name in _GENERAL if name in options}
        listeners = options.pop("listeners", [self.log])
        everywhere = [hook for hook in hooks if hook.level != "route"]
        self.orchestrator: Orchestrator = Orchestrator(everywhere, listeners, **general)
        if handler is None:
            assert refusal is not None
            self.plan: Plan | WebSocketPlan = self.orchestrator.refusal(refusal, name="nowhere")
        else:
            route = [hook for hook in hooks if hook.level == "route"]
            make = self.orchestrator.websocket_plan if websocket else self.orchestrator.plan
            self.plan = make(handler, hooks=route, **{"name": "here", **options})
        async with open_global_context() as self.gctx:
            self.gctx.on_alert(self.alerts.append)
            async with trio.open_nursery() as nursery:
                with trio.CancelScope() as self.scope:
                    self.lctx = LocalContext(self.gctx, scope=self.scope, timeout=timeout)
                    if during is not None:
                        nursery.start_soon(during, self)
                    subject: Any = self.ws if websocket else self.res
                    self.outcome = await self.plan.run(self.req, subject, self.lctx, self.gctx)
                nursery.cancel_scope.cancel()
        return self.outcome
