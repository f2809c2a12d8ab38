"""Compiled plans against the plain interpreter of the lifecycle, event by event."""

from __future__ import annotations

import difflib
from dataclasses import replace

import pytest
import trio
import trio.testing
from hypothesis import example, given

from gnomon_context import open_global_context
from gnomon_orchestrator.testing import (
    Act,
    Callback,
    Child,
    Interruption,
    Part,
    Performance,
    Scenario,
    expected,
    performed,
)
from gnomon_orchestrator.testing.strategies import scenarios


class Onlooker:
    async def before_step(self, step, lctx):
        pass

    async def after_step(self, step, lctx, error):
        pass


RICH = Scenario(
    parts=(
        Part("early", "before", acts=(Act(0.1),), received=True),
        Part("guard", "guard", acts=(Act(0.1),)),
        Part("open", "before", acts=(Act(0.1, "raise"), Act(0.1)), retries=1, backoff=0.07, timeout=0.15),
        Part("close", "after", acts=(Act(0.1),), requires="open", level="route"),
        Part("last", "after", acts=(Act(0.1, "refuse", 404),)),
        Part("outer", "catch", acts=(Act(0.1, "answer", 200),)),
        Part("inner", "catch", acts=(Act(0.1, "raise"),), level="route"),
        Part(
            "handler",
            "handler",
            "route",
            acts=(Act(0.5, "answer", 201),),
            registers=(
                Callback("compensation", "undo", Act(0.1, "raise")),
                Callback("cleanup", "clean", Act(0.1)),
                Callback("on_error", "report", Act(0.1)),
                Callback("on_timeout", "late", Act(0.1)),
                Callback("entered", "outer", Act(0.1)),
                Callback("entered", "inner", Act(0.1)),
            ),
            hooks=(Part("mine", "after", "local", acts=(Act(3.0),), timeout=1.05, isolated=True),),
            children=(Child("child", 0.251),),
        ),
    ),
    request="accept",
    response=frozenset({404}),
    send_delay=0.2,
)

RICH_SOCKET = replace(
    RICH,
    parts=tuple(
        replace(part, acts=(replace(part.acts[0], accepts=True),)) if part.point == "handler" else part
        for part in RICH.parts
    ),
    response=None,
    websocket=True,
)
ACCEPTS = Part("handler", "handler", "route", acts=(Act(0.5, accepts=True),))
SLOW_TO_LEAVE = replace(
    ACCEPTS, acts=(Act(0.0, accepts=True),), registers=(Callback("entered", "slow", Act(0.5)),)
)
ANSWERS = Part("handler", "handler", "route", acts=(Act(0.0, "answer"),))
CANCELS = Part("handler", "handler", "route", acts=(Act(0.0, "answer", cancels=True),))
FAILS = Part("handler", "handler", "route", acts=(Act(0.0, "raise"),))
# A callback that raises, one that hangs, and one that is left out for want of the hook it requires.
CALLED_BACK = (
    Part(
        "registers",
        "before",
        registers=(
            Callback("on_error", "raises", Act(0.0, "raise")),
            Callback("on_error", "hangs", Act(3.0)),
        ),
    ),
    Part("open", "before", acts=(Act(0.0, "raise"),), isolated=True),
    Part("close", "after", requires="open"),
)
FAILING = tuple(Part(f"after{n}", "after", acts=(Act(0.0, "raise"),)) for n in range(3))
REFUSES_TO_COMMIT = replace(
    ANSWERS,
    registers=(
        Callback("compensation", "undo"),
        Callback("entered", "outer", Act(3.0)),
        Callback("entered", "inner", Act(0.5, "raise")),
    ),
)
HAS_A_FAILING_CHILD = Part(
    "handler", "handler", "route", acts=(Act(3.0, "answer"),), children=(Child("child", 0.251, fails=True),)
)
LATE = Part("late", "after", acts=(Act(0.0, cancels=True),))
LOCAL = Part("local", "before", "local", acts=(Act(0.0, "answer"),))


@given(scenario=scenarios())
@example(scenario=RICH)
@example(scenario=Scenario((CANCELS,)))
@example(scenario=Scenario((LATE, ANSWERS)))
@example(scenario=Scenario((Part("first", "before", hooks=(LOCAL,)), ANSWERS)))
@example(scenario=Scenario((Part("early", "before", acts=(Act(0.0, "answer"),), received=True), ANSWERS)))
@example(scenario=Scenario((*FAILING, ANSWERS)))
@example(scenario=Scenario((*FAILING, FAILS)))
@example(scenario=Scenario((FAILS,), send_delay=0.2, interruption=Interruption(0.113, "outside")))
@example(scenario=Scenario((HAS_A_FAILING_CHILD,)))
@example(scenario=RICH_SOCKET)
@example(scenario=Scenario((ACCEPTS,), websocket=True))
@example(scenario=Scenario((ACCEPTS,), websocket=True, interruption=Interruption(0.113, "disconnect")))
@example(scenario=Scenario((ACCEPTS,), websocket=True, interruption=Interruption(0.113, "shutdown")))
@example(scenario=Scenario((SLOW_TO_LEAVE,), websocket=True, interruption=Interruption(0.113, "disconnect")))
@example(scenario=Scenario((SLOW_TO_LEAVE,), websocket=True, interruption=Interruption(0.113, "shutdown")))
@example(
    scenario=Scenario(
        (ANSWERS,), websocket=True, send_delay=0.2, interruption=Interruption(0.013, "disconnect")
    )
)
@example(scenario=Scenario((REFUSES_TO_COMMIT,)))
@example(scenario=Scenario((REFUSES_TO_COMMIT, *FAILING), interruption=Interruption(0.113, "disconnect")))
@example(scenario=Scenario((FAILS, *CALLED_BACK)))
@example(scenario=Scenario((ANSWERS,), send_delay=0.2, interruption=Interruption(0.113, "shutdown")))
def test_plans_do_what_the_model_says(scenario):
    by_the_book, trace = expected(scenario), performed(scenario)
    if by_the_book != trace:
        pytest.fail(
            "\n".join(difflib.unified_diff([*by_the_book.lines()], [*trace.lines()], "model", "plan", n=99))
        )


@given(scenario=scenarios())
@example(scenario=RICH)
def test_plans_without_listeners_do_the_same(scenario):
    by_the_book, trace = expected(scenario), performed(scenario, silent=True)
    assert (trace.outcome, trace.flags, trace.sent, trace.raised) == (
        by_the_book.outcome,
        by_the_book.flags,
        by_the_book.sent,
        by_the_book.raised,
    )


@given(scenario=scenarios())
@example(scenario=RICH)
def test_boundaries_change_nothing(scenario):
    assert performed(scenario, boundaries=(Onlooker(),)) == expected(scenario)


async def two_at_once(one, other):
    async with open_global_context() as gctx, trio.open_nursery() as nursery:
        gctx.on_alert(lambda alert: None)
        traces = []

        async def run_other():
            traces.append(await other.run_in(gctx))

        nursery.start_soon(run_other)
        trace = await one.run_in(gctx)
    return trace, traces[0]


@pytest.mark.property(6)
@given(failing=scenarios(), calm=scenarios())
@example(failing=RICH, calm=RICH)
def test_a_request_that_fails_changes_nothing_for_others_and_runs_its_own_catch_hooks(failing, calm):
    alone = performed(calm)
    clock = trio.testing.MockClock(autojump_threshold=0)
    beside, failed = trio.run(two_at_once, Performance(calm), Performance(failing), clock=clock)
    assert beside == alone
    # The model says which catch hooks are its own to run.
    assert failed == expected(failing)


@pytest.mark.parametrize("rich", [RICH, RICH_SOCKET])
@pytest.mark.parametrize("kind", ["disconnect", "shutdown", "explicit", "outside"])
@pytest.mark.parametrize("at", [number * 100 + 13 for number in range(26)])
def test_the_richest_request_interrupted_at_any_time(rich, kind, at):
    scenario = replace(rich, interruption=Interruption(at / 1000, kind))
    assert performed(scenario) == expected(scenario)
