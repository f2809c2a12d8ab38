"""The diagram of phases, walked: every move that it draws is made by some request, and no other."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given

from gnomon_context import RequestPhase
from gnomon_orchestrator import Hook
from gnomon_orchestrator.testing import Bench, FakeGuard, FakeValidator, Refused, performed
from gnomon_orchestrator.testing.strategies import scenarios

MOVES = {(str(phase), str(following)) for phase in RequestPhase for following in phase.following}


def fail(*args):
    raise Refused(400)


def answer(req, res, lctx, gctx):
    res.json("fine")


def early(res):
    res.json("early")


async def broken():
    yield 1
    raise KeyError


def stream(req, res, lctx, gctx):
    res.stream(broken())


WALKS = [
    (answer, [], {}),
    (answer, [Hook(early, at="received")], {}),
    (answer, [], {"guards": [FakeGuard(lambda req, res, lctx, gctx: res.json("early"))]}),
    (answer, [Hook(lambda: fail(), at="received")], {}),
    (answer, [], {"guards": [FakeGuard(lambda req, res, lctx, gctx: fail())]}),
    (answer, [], {"request": FakeValidator(lambda req: False)}),
    (lambda req, res, lctx, gctx: fail(), [], {}),
    (stream, [], {}),
]


def moves_of(events):
    return {(event.detail, event.name) for event in events if event.kind == "phase"}


def test_the_walks_make_every_move_that_a_plan_can_make():
    made = set()
    for handler, hooks, options in WALKS:
        bench = Bench()

        async def main(bench=bench, handler=handler, hooks=hooks, options=options):
            await bench(handler, hooks, **options)

        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        made |= moves_of(bench.log.events)
    # Nothing runs in `authorized` that could answer, and nothing in `validated` that could answer or fail:
    # these moves are another runtime's to make.
    assert MOVES - made == {
        ("authorized", "responding"),
        ("validated", "responding"),
        ("validated", "failed"),
    }
    assert made <= MOVES


@given(scenario=scenarios())
def test_no_request_makes_any_other_move(scenario):
    phases = [(event[4], event[1]) for event in performed(scenario).events if event[0] == "phase"]
    assert set(phases) <= MOVES
    assert phases[0][0] == "received"
    assert [before for before, _ in phases[1:]] == [after for _, after in phases[:-1]]
    assert RequestPhase(phases[-1][1]).ended


@pytest.mark.parametrize("handler", [answer, lambda req, res, lctx, gctx: fail()])
def test_watchers_on_the_context_see_the_same(handler):
    seen = []
    bench = Bench()

    async def main():
        hook = Hook(
            lambda lctx: lctx.on_phase_change(lambda new, old: seen.append((str(old), str(new)))) and None,
            at="received",
            name="watch",
        )
        await bench(handler, [hook])

    trio.run(main)
    assert seen == [(event.detail, event.name) for event in bench.log.events if event.kind == "phase"]
