"""What one request does, no other sees."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test

from gnomon_context import (
    DeadlineExceeded,
    GlobalContext,
    LocalContext,
    current_context,
    open_global_context,
    open_local_context,
)
from gnomon_context.runtime import begin, end
from gnomon_context.testing import VirtualSources, global_context, local_context, virtual_clock

FAILURES = [
    "raises",
    "times out",
    "is cancelled",
    "a task fails",
    "a cleanup fails",
    "a hook swallows",
    "none",
]


# What the catch hook of each hears, once.
OUTCOMES = {
    "raises": ["error"],
    "times out": ["timeout"],
    "is cancelled": ["cancelled"],
    "a task fails": ["error"],
    "a hook swallows": ["timeout"],
}


async def misbehave(gctx: GlobalContext[Any], failure: str, start: float, caught: list[str]) -> None:
    async def fail() -> None:
        await trio.sleep(0.1)
        raise OSError

    async def hear(lctx: LocalContext, error: BaseException | None) -> None:
        await trio.sleep(0.1)
        assert current_context() is lctx and lctx.get("shared name") == "bad" and lctx.outcome is not None
        caught.append(lctx.outcome.kind)

    await trio.sleep(start)
    try:
        async with open_local_context(gctx, path="/bad", timeout=0.5) as lctx:
            lctx.set("shared name", "bad")
            lctx.after(fail, isolated=True)
            lctx.catch(hear)
            lctx.catch(fail)
            lctx.compensate(fail)
            lctx.publish("topic", "bad")
            if failure == "a cleanup fails":
                lctx.on_cleanup(fail)
            if failure == "a task fails":
                lctx.start_soon(fail)
            if failure == "is cancelled":
                lctx.cancel()
            if failure == "raises":
                raise ZeroDivisionError
            try:
                await trio.sleep(2 if failure in ("times out", "a hook swallows", "a task fails") else 0.2)
            except trio.Cancelled:
                if failure != "a hook swallows":
                    raise
    except (ZeroDivisionError, OSError, DeadlineExceeded):
        pass


def now() -> float:
    # The virtual clock adds up its jumps, and more of them round otherwise.
    return round(trio.current_time(), 6)


async def observe(gctx: GlobalContext[Any], start: float, pauses: list[float]) -> list[Any]:
    """Everything a well-behaved request can see of itself and of its surroundings."""
    await trio.sleep(start)
    seen: list[Any] = []
    async with open_local_context(gctx, path="/good", timeout=30, sources=VirtualSources(seed=3)) as lctx:
        lctx.set("shared name", "good")
        with lctx.subscribe("topic") as messages:
            task = lctx.start_soon(trio.sleep, 0.3)
            for pause in pauses:
                await trio.sleep(pause)
                seen.append(
                    (current_context() is lctx, dict.fromkeys(lctx), lctx.get("shared name"), len(messages))
                )
                seen.append(
                    (lctx.meta.path, lctx.phase, lctx.cancel_reason, round(lctx.remaining(), 6), lctx.uuid())
                )
                seen.append([len(lctx.local_hooks(point)) for point in ("before", "after", "catch")])
                seen.append((gctx.state.snapshot(), gctx.config, list(gctx.modules), now()))
        await task.wait()
    seen.append((task.status, lctx.outcome))
    return seen


@pytest.mark.property(6)
@given(
    failures=st.lists(st.tuples(st.sampled_from(FAILURES), st.floats(0, 1)), max_size=4),
    start=st.floats(0, 1),
    pauses=st.lists(st.floats(0, 0.5), min_size=1, max_size=4),
)
def test_a_failing_request_changes_nothing_others_can_see_and_its_own_catch_hooks_run(
    failures: list[tuple[str, float]], start: float, pauses: list[float]
) -> None:
    caught: list[list[str]] = [[] for _ in failures]

    async def main(with_failures: bool) -> list[Any]:
        result: list[Any] = []

        async def run() -> None:
            result.extend(await observe(gctx, start, pauses))

        async with open_global_context(modules={"a": 1}, config={"b": 2}) as gctx:
            gctx.on_alert(lambda alert: None)
            gctx.state.set("c", 3)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run)
                for each, own in zip(failures, caught, strict=True) if with_failures else []:
                    nursery.start_soon(misbehave, gctx, *each, own)
        return result

    alone = trio.run(main, False, clock=virtual_clock())
    assert trio.run(main, True, clock=virtual_clock()) == alone
    assert caught == [OUTCOMES.get(failure, []) for failure, _ in failures]


@trio_test
async def test_ten_thousand_concurrent_requests(autojump_clock: MockClock) -> None:
    done = 0

    async def request(number: int) -> None:
        nonlocal done
        async with open_local_context(gctx, path=f"/{number}", timeout=60) as lctx:
            lctx.set("number", number)
            await trio.sleep(1)
            assert current_context() is lctx
            assert (lctx.get("number"), len(lctx), lctx.meta.path) == (number, 1, f"/{number}")
            done += 1

    async with open_global_context() as gctx:
        async with trio.open_nursery() as nursery:
            for number in range(10_000):
                nursery.start_soon(request, number)
        assert done == 10_000 and not gctx._application.live


def test_contexts_leave_no_memory_behind() -> None:
    gctx = global_context()

    def round_of(count: int) -> None:
        live = []
        for _ in range(count):
            lctx = local_context(gctx)
            begin(lctx)
            lctx.set("a", 1)
            live.append(lctx)
        for lctx in live:
            end(lctx)

    round_of(10_000)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            round_of(10_000)
        gc.collect()
        # Less than a byte and a half for each of the thirty thousand.
        assert tracemalloc.get_traced_memory()[0] - before < 40_000
    finally:
        tracemalloc.stop()


def test_a_context_dies_with_its_request_without_the_collector() -> None:
    gctx = global_context()
    gc.disable()
    try:
        lctx = local_context(gctx)
        begin(lctx)
        lctx.set("a", 1)
        _ = lctx.meta
        gone = weakref.ref(lctx)
        end(lctx)
        del lctx
        assert gone() is None
    finally:
        gc.enable()


def test_a_context_that_uses_nothing_allocates_nothing_for_it() -> None:
    gctx = global_context()
    lctx = LocalContext(gctx)
    begin(lctx)
    _ = lctx.meta, lctx.phase, lctx.tasks, lctx.local_hooks("before"), lctx.remaining(), lctx.cancel_reason
    lctx.commit()
    assert lctx.extras is None
    end(lctx)
