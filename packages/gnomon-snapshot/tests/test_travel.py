"""Snapshots at the boundaries of requests, without a runtime: what keeps them, and what bounds them."""

import functools
from types import SimpleNamespace

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import trio_test

from gnomon_context import GlobalContext, LocalContext, open_global_context, open_local_context
from gnomon_context.runtime import begin, end
from gnomon_snapshot import Sampling, Timeline, TimeTravel, capture


def step(name, *, req=None, res=None):
    return SimpleNamespace(kind="hook", name=name, id=name, req=req, res=res)


def event(kind, lctx):
    return SimpleNamespace(kind=kind, request_id=lctx.request_id)


async def take_steps(travel, lctx, *names):
    for number, name in enumerate(names):
        await travel.before_step(step(name), lctx)
        lctx.set("done", number)
        await travel.after_step(step(name), lctx, None)


@trio_test
async def test_both_sides_of_every_step():
    travel = TimeTravel()
    lctx = LocalContext(GlobalContext())
    await take_steps(travel, lctx, "authenticate", "handler")
    timeline = travel.timeline(lctx.request_id)
    assert timeline.names == ("before authenticate", "after authenticate", "before handler", "after handler")
    assert [timeline.at(number).state for number in range(4)] == [{}, {"done": 0}, {"done": 0}, {"done": 1}]
    assert travel.request_ids == (lctx.request_id,)
    assert travel.forget(lctx.request_id)
    assert not travel.forget(lctx.request_id)
    assert travel.timeline(lctx.request_id) is None


@trio_test
async def test_a_step_that_failed():
    travel = TimeTravel()
    lctx = LocalContext(GlobalContext())
    await travel.before_step(step("handler"), lctx)
    await travel.after_step(step("handler"), lctx, ValueError("no"))
    assert travel.timeline(lctx.request_id).names == ("before handler", "failed handler")


@trio_test
async def test_what_stood_in_request_and_response():
    class Answer:
        status_code, headers, body = 200, {}, None

    class Question:
        method, target, headers, body = "GET", "/", {}, "?"

    travel = TimeTravel()
    lctx = LocalContext(GlobalContext())
    answer = Answer()
    await travel.before_step(step("one", req=Question(), res=answer), lctx)
    answer.body = "!"
    assert travel.keep(lctx, "call clock.now") == 1  # request and response as the last step had them
    timeline = travel.timeline(lctx.request_id)
    assert [timeline.at(number).response.body for number in (0, 1)] == [None, "!"]
    assert timeline.at(1).request.body == "?"
    assert timeline.names[1] == "call clock.now"


@trio_test
async def test_only_those_that_are_wanted():
    travel = TimeTravel(wants=Sampling(routes={"/orders": 1.0}).wants)
    gctx = GlobalContext()
    orders, other = LocalContext(gctx, route="/orders"), LocalContext(gctx, route="/other")
    for lctx in (orders, other):
        await take_steps(travel, lctx, "handler")
    assert travel.request_ids == (orders.request_id,)
    assert travel.keep(other, "call") is None
    other.settle("error", ValueError())  # from here on it is wanted
    assert travel.keep(other, "call") == 0
    assert travel.timeline(other.request_id).at(0).outcome == "error"


@trio_test
async def test_events_and_the_end(autojump_clock):
    done = {}
    travel = TimeTravel(kinds={"handler.start"}, finished=done.__setitem__)
    assert travel.kinds == {"handler.start", "request.finished"}
    async with open_global_context() as gctx, open_local_context(gctx) as lctx:
        stranger = LocalContext(gctx)
        travel(event("handler.start", stranger))  # not the one that runs
        assert travel.request_ids == ()
        travel(event("handler.start", lctx))
        await take_steps(travel, lctx, "handler")
        lctx.set("done", "last")
        travel(event("handler.start", lctx))
        travel(event("request.finished", stranger))
        travel(event("request.finished", lctx))
        travel(event("request.finished", lctx))
    timeline = done.pop(lctx.request_id)
    assert not done
    assert travel.request_ids == ()
    assert timeline.names[-1] == "finished"
    assert [event.kind for event in timeline.at(-1).events] == [
        "handler.start",
        "handler.start",
        "request.finished",
    ]
    assert [event.kind for event in timeline.at(0).events] == ["handler.start"]
    assert timeline.at(-1).state == {"done": "last"}


def test_events_outside_of_requests():
    travel = TimeTravel(kinds={"handler.start"})
    travel(event("handler.start", LocalContext(GlobalContext())))
    assert travel.request_ids == ()


@trio_test
async def test_without_a_callback_the_timeline_stays():
    travel = TimeTravel()
    lctx = LocalContext(GlobalContext())
    await take_steps(travel, lctx, "handler")
    travel(event("request.finished", lctx))
    assert travel.timeline(lctx.request_id).names == ("before handler", "after handler", "finished")
    travel(event("request.finished", lctx))
    assert len(travel.timeline(lctx.request_id)) == 3


@trio_test
async def test_a_call_after_the_end(autojump_clock):
    travel = TimeTravel()
    async with open_global_context() as gctx:
        async with open_local_context(gctx) as lctx:
            travel.keep(lctx, "one")
        assert travel.keep(lctx, "late") is None
    assert travel.timeline(lctx.request_id).names == ("one",)


@trio_test
async def test_room_for_some_requests():
    travel = TimeTravel(keep=2)
    gctx = GlobalContext()
    one, two, three, four = (LocalContext(gctx) for _ in range(4))
    for lctx in (one, two, three, four):
        begin(lctx)
    assert travel.keep(one, "x") == travel.keep(two, "x") == 0
    assert travel.keep(three, "x") is None  # both still run
    assert travel.refused == 1
    travel(event("request.finished", two))
    assert travel.keep(three, "x") == 0
    assert travel.request_ids == (one.request_id, three.request_id)
    end(one)  # and nobody said so
    assert travel.keep(four, "x") == 0
    assert travel.request_ids == (three.request_id, four.request_id)


@trio_test
async def test_room_for_some_steps():
    travel = TimeTravel(steps=3)
    lctx = LocalContext(GlobalContext())
    assert [travel.keep(lctx, "x") for _ in range(5)] == [0, 1, 2, None, None]
    timeline = travel.timeline(lctx.request_id)
    assert timeline.missed == 2
    assert Timeline.from_bytes(timeline.to_bytes()).missed == 2


@trio_test
async def test_room_for_some_bytes():
    travel = TimeTravel(size=40_000)
    gctx = GlobalContext()
    done, running = LocalContext(gctx), LocalContext(gctx)
    for lctx in (done, running):
        lctx.set("big", "x" * 30_000)
    assert travel.keep(done, "x") == 0
    assert travel.keep(running, "x") == 0
    assert travel.keep(running, "x") is None  # no request is over
    travel(event("request.finished", done))
    assert travel.keep(running, "x") == 1
    assert travel.request_ids == (running.request_id,)
    assert travel.timeline(running.request_id).missed == 1
    assert travel.timeline(running.request_id).size < 32_000


def test_how_a_snapshot_is_taken():
    class Blank:
        def redact(self, value):
            return "***"

    travel = TimeTravel(take=functools.partial(capture, redactors={"state.card": Blank()}))
    lctx = LocalContext(GlobalContext())
    lctx.set("card", "4111")
    travel.keep(lctx, "x")
    timeline = travel.timeline(lctx.request_id)
    assert timeline.at(0).state == {"card": "***"}
    assert b"4111" not in timeline.to_bytes()


@pytest.mark.parametrize("bound", ["keep", "steps", "size"])
def test_bounds_are_checked(bound):
    with pytest.raises(ValueError, match="at least 1"):
        TimeTravel(**{bound: 0})


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers() | st.lists(st.integers())),
        max_size=60,
    )
)
def test_any_of_them_is_rebuilt(moves):
    """Requests side by side, and every boundary of each."""
    gctx = GlobalContext()
    travel = TimeTravel()
    contexts = [LocalContext(gctx) for _ in range(3)]
    expected = {lctx.request_id: [] for lctx in contexts}

    async def main():
        for which, key, value in moves:
            lctx = contexts[which]
            lctx.set(key, value)
            await travel.before_step(step("x"), lctx)
            expected[lctx.request_id].append({key: lctx.get(key) for key in lctx})

    trio.run(main)
    for request_id, states in expected.items():
        timeline = travel.timeline(request_id)
        if timeline is None:
            assert not states
        else:
            again = Timeline.from_bytes(timeline.to_bytes())
            assert [again.at(number).state for number in range(len(again))] == states
