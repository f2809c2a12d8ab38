"""The richest request, cancelled at every one of its checkpoints."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager

import pytest
import trio

from gnomon_context import LocalContext, open_global_context
from gnomon_context.testing import cancel_at_every_checkpoint
from gnomon_orchestrator import Hook, Orchestrator
from gnomon_orchestrator.testing import EventLog, FakeGuard, FakeRequest, FakeResponse, FakeValidator


class Journey:
    """One request with a checkpoint everywhere, and what has become of it."""

    def __init__(self, *, stream, fails):
        self.ran = Counter()
        self.log = EventLog()
        self.res = FakeResponse(delay=0.1)
        self.stream = stream
        self.fails = fails
        hooks = [
            Hook(self.step("received"), at="received"),
            Hook(self.step("before"), retries=1, timeout=5.0),
            Hook(self.step("route"), level="route"),
            Hook(self.step("after"), "after", requires=None),
            Hook(self.step("after isolated"), "after", isolated=True, level="route"),
            Hook(self.step("catch"), "catch"),
            Hook(self.step("first"), "after", at="first_byte"),
            Hook(self.step("last"), "after", at="last_byte"),
        ]
        self.plan = Orchestrator(
            [hook for hook in hooks if hook.level is None],
            [self.log],
            guards=[FakeGuard(self.guard)],
        ).plan(
            self.handler,
            hooks=[hook for hook in hooks if hook.level],
            request=FakeValidator(lambda req: True, reads_body=True),
            response=FakeValidator(lambda res: True),
        )

    def step(self, name):
        async def hook():
            await trio.sleep(0.1)
            self.ran[name] += 1

        hook.__qualname__ = name
        return hook

    async def guard(self, req, res, lctx, gctx):
        await trio.sleep(0.1)

    async def callback(self, name):
        self.ran[name] += 1
        await trio.sleep(0.1)

    @asynccontextmanager
    async def transaction(self):
        self.ran["entered"] += 1
        try:
            yield
        except BaseException:
            self.ran["rolled back"] += 1
            raise
        await trio.sleep(0.1)
        self.ran["committed"] += 1

    async def items(self):
        for item in range(3):
            await trio.sleep(0.1)
            yield item

    async def handler(self, req, res, lctx, gctx):
        self.ran["handler"] += 1
        lctx.compensate(self.callback, "compensation")
        lctx.on_cleanup(self.callback, "cleanup")
        lctx.after(self.step("local"))
        await lctx.enter(self.transaction())
        lctx.start_soon(trio.sleep, 0.3)
        await trio.sleep(0.1)
        if self.fails:
            raise KeyError
        if self.stream:
            res.stream(self.items())
        else:
            res.json("fine")

    async def run(self, enter):
        async with open_global_context() as gctx:
            gctx.on_alert(lambda alert: None)
            with trio.CancelScope() as scope:
                self.lctx = LocalContext(gctx, scope=scope)
                with enter(self.lctx):
                    await self.plan.run(FakeRequest(b"{}", delay=0.1), self.res, self.lctx, gctx)

    def check(self):
        outcome = self.lctx.outcome
        assert outcome is not None
        kinds = Counter(event.kind for event in self.log.events)
        assert kinds["request.received"] == kinds["request.finished"] == 1
        assert self.log.events[-1].kind == "request.finished"
        assert all(count == 1 for count in self.ran.values()), self.ran
        assert self.ran["cleanup"] == self.ran["handler"]
        # Undone as a whole or not at all: once the transaction is committed, just before the client has the whole
        # answer, the rest stays, too.
        answered = bool(self.res.sent) and self.res.sent[0] == 200
        whole = answered and (self.res.END in self.res.sent if self.stream else True)
        assert self.ran["committed"] + self.ran["rolled back"] == self.ran["entered"]
        assert self.ran["compensation"] == (self.ran["handler"] and not self.ran["committed"])
        assert self.ran["committed"] >= whole
        if answered:
            assert outcome.truncated == (self.res.sent[-1] != (self.res.END if self.stream else "fine"))
        assert all(task.status != "pending" for task in self.lctx.tasks)


@pytest.mark.parametrize("by", ["context", "disconnect", "outside"])
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_cancelled_at_every_checkpoint(stream, fails, by):
    journeys = []

    async def scenario(trial):
        journey = Journey(stream=stream, fails=fails)
        journeys.append(journey)
        if by == "outside":
            await journey.run(lambda lctx: trial)
        elif by == "context":
            await journey.run(lambda lctx: trial.by(lctx.cancel))
        else:
            await journey.run(lambda lctx: trial.by(lambda: lctx.cancel("disconnect")))

    cancel_at_every_checkpoint(scenario)
    for journey in journeys:
        journey.check()
    assert len(journeys) > 15
    assert len({journey.lctx.outcome.kind for journey in journeys}) > 1
