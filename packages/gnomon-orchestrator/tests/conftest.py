from __future__ import annotations

import os

import pytest
import trio.testing
from hypothesis import HealthCheck, settings

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile(
    "slow", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(PROFILE)


@pytest.fixture
def autojump_clock() -> trio.testing.MockClock:
    return trio.testing.MockClock(autojump_threshold=0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PROFILE != "slow":
        skip = pytest.mark.skip(reason="runs with HYPOTHESIS_PROFILE=slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


class Bench:
    """Runs one request through a plan, in an application of its own."""

    def __init__(self) -> None:
        from gnomon_orchestrator.testing import EventLog, FakeRequest, FakeResponse

        self.log = EventLog()
        self.req = FakeRequest()
        self.res = FakeResponse()
        self.alerts: list = []
        self.lctx = None

    async def __call__(self, handler, hooks=(), *, timeout=float("inf"), during=None, **options):
        """Run `handler`; options with a known name go to the orchestrator, the others to the plan."""
        from gnomon_context import LocalContext, open_global_context
        from gnomon_orchestrator import Orchestrator

        general = {
            name: options.pop(name)
            for name in ("exit_timeout", "boundaries", "threads", "clock_ns")
            if name in options
        }
        listeners = options.pop("listeners", [self.log])
        everywhere = [hook for hook in hooks if hook.level in (None, "global")]
        route = [hook for hook in hooks if hook.level == "route"]
        self.orchestrator = Orchestrator(everywhere, listeners, **general)
        if handler is None:
            plan = self.orchestrator.refusal(options.pop("refusal"), name="nowhere")
        else:
            plan = self.orchestrator.plan(handler, hooks=route, **{"name": "here", **options})
        self.plan = plan
        async with open_global_context() as gctx:
            gctx.on_alert(self.alerts.append)
            with trio.CancelScope() as scope:
                self.lctx = LocalContext(gctx, scope=scope, timeout=timeout)
                if during is None:
                    return await plan.run(self.req, self.res, self.lctx, gctx)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(during, self)
                    outcome = await plan.run(self.req, self.res, self.lctx, gctx)
                    nursery.cancel_scope.cancel()
                return outcome


@pytest.fixture
def bench() -> Bench:
    return Bench()
