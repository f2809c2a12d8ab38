"""The deadline of a request: armed by the watchdog, exact, told apart from other timeouts."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test

from gnomon_context import (
    ContextClosed,
    DeadlineExceeded,
    GlobalContext,
    LocalContext,
    open_global_context,
    open_local_context,
)
from gnomon_context.runtime import begin, cancel_live, end, move_deadline, stop_clock, wait_idle
from gnomon_context.testing import local_context, virtual_clock


@given(
    requests=st.lists(
        st.tuples(st.floats(0, 2), st.floats(0.001, 2), st.floats(0, 3)), min_size=1, max_size=8
    )
)
def test_deadlines_are_exact_however_requests_overlap(requests: list[tuple[float, float, float]]) -> None:
    async def request(gctx: object, start: float, timeout: float, work: float) -> None:
        await trio.sleep(start)
        began = trio.current_time()
        try:
            async with open_local_context(gctx, timeout=timeout) as lctx:  # type: ignore[arg-type]
                assert lctx.deadline == began + timeout
                await trio.sleep(work)
            assert work < timeout and not lctx.deadline_passed
        except DeadlineExceeded:
            assert work >= timeout and lctx.deadline_passed
        assert trio.current_time() == pytest.approx(began + min(timeout, work))

    async def main() -> None:
        async with open_global_context() as gctx, trio.open_nursery() as nursery:
            for each in requests:
                nursery.start_soon(request, gctx, *each)

    trio.run(main, clock=virtual_clock())


@trio_test
async def test_quick_requests_leave_their_scope_untouched(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        scope = trio.CancelScope()
        with scope:
            for _ in range(100):
                lctx = LocalContext(gctx, timeout=1, scope=scope)
                begin(lctx)
                await trio.sleep(0.03)
                end(lctx)
                assert scope.deadline == math.inf
            slow = LocalContext(gctx, timeout=1, scope=scope)
            begin(slow)
            await trio.sleep(0.2)
            assert scope.deadline == slow.deadline
            end(slow)
            # The next request of the connection does not inherit it.
            assert scope.deadline == math.inf


@trio_test
async def test_only_its_own_deadline_is_taken_off_a_scope(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        without = LocalContext(gctx, timeout=0.1)
        begin(without)
        end(without)
        with trio.CancelScope() as scope:
            lctx = LocalContext(gctx, timeout=0.1, scope=scope)
            begin(lctx)
            assert scope.deadline == 0.1
            scope.deadline = 7
            end(lctx)
            assert scope.deadline == 7


@trio_test
async def test_remaining_time(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        lctx = LocalContext(gctx, timeout=2)
        await trio.sleep(0.5)
        assert lctx.remaining() == 1.5
        await trio.sleep(5)
        assert lctx.remaining() == 0
    assert local_context().remaining() == local_context().deadline == math.inf


@trio_test
async def test_a_deadline_can_be_moved_and_lifted(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        async with open_local_context(gctx, timeout=1) as lctx:
            task = lctx.start_soon(trio.sleep, 10)
            await trio.sleep(0.5)
            move_deadline(lctx, math.inf)
            await trio.sleep(20)
        assert task.status == "done"
        with pytest.raises(DeadlineExceeded):
            async with open_local_context(gctx) as lctx:
                move_deadline(lctx, trio.current_time() + 2)
                await trio.sleep(30)
        assert trio.current_time() == pytest.approx(22.5)
        async with open_local_context(gctx, timeout=100) as lctx:
            move_deadline(lctx, math.inf)
            assert lctx._watched == 0
        with pytest.raises(ValueError, match="not nan"):
            move_deadline(LocalContext(gctx), math.nan)


@trio_test
async def test_the_users_own_timeouts_are_told_apart(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx, open_local_context(gctx, timeout=10) as lctx:
        with trio.move_on_after(1):
            await trio.sleep(5)
        await trio.sleep(1)
        assert not lctx.deadline_passed and lctx.cancel_reason is None


@trio_test
async def test_a_swallowed_deadline_is_still_the_outcome(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        with pytest.raises(DeadlineExceeded):
            async with open_local_context(gctx, timeout=1) as lctx:
                try:
                    await trio.sleep(5)
                except trio.Cancelled:
                    pass
        assert lctx.outcome is not None and lctx.outcome.kind == "timeout"


@trio_test
async def test_an_idle_application_does_not_wake(autojump_clock: MockClock) -> None:
    steps: list[str] = []

    class Steps(trio.abc.Instrument):
        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            steps.append(task.name)

    async with open_global_context() as gctx:
        async with open_local_context(gctx, timeout=3600) as lctx:
            await trio.sleep(1)
            trio.lowlevel.add_instrument(Steps())
            await trio.sleep(1000)
            assert lctx.remaining() == pytest.approx(2599)
        assert "gnomon watchdog" not in steps


@trio_test
async def test_live_requests_can_be_cancelled_and_awaited(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        outcomes: list[str] = []

        async def request() -> None:
            async with open_local_context(gctx) as lctx:
                await trio.sleep_forever()
            assert lctx.outcome is not None
            outcomes.append(lctx.outcome.kind)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(request)
            nursery.start_soon(request)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(wait_idle, gctx)
            await trio.sleep(1)
            cancel_live(gctx, "shutdown")
        assert outcomes == ["shutdown", "shutdown"]
        await wait_idle(gctx)


@trio_test
async def test_cancelled_from_outside_is_passed_on(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        log: list[str] = []
        with trio.move_on_after(1) as outer:
            async with open_local_context(gctx) as lctx:
                lctx.on_cleanup(log.append, "cleanup")
                lctx.compensate(log.append, "compensation")
                await trio.sleep_forever()
        assert outer.cancelled_caught
        assert log == ["compensation", "cleanup"]
        assert lctx.outcome is not None and lctx.outcome.kind == "cancelled" and lctx.cancel_reason is None
        # Cancelled from outside while it joins its tasks.
        with trio.move_on_after(1) as outer:
            async with open_local_context(gctx) as lctx:
                task = lctx.start_soon(trio.sleep_forever)
        assert outer.cancelled_caught and task.status == "cancelled"


@trio_test
async def test_a_failure_beside_a_cancellation_is_raised(autojump_clock: MockClock) -> None:
    async def fail() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError

    async with open_global_context() as gctx:
        with pytest.raises(ExceptionGroup) as caught:
            async with open_local_context(gctx, timeout=1) as lctx:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(fail)
                    nursery.start_soon(fail)
        assert len(caught.value.exceptions) == 2
        assert lctx.outcome is not None and lctx.outcome.kind == "timeout"


@trio_test
async def test_what_a_scope_meets_after_the_request_does_not_change_its_reason(
    autojump_clock: MockClock,
) -> None:
    async with open_global_context() as gctx:
        with trio.CancelScope() as scope:
            lctx = LocalContext(gctx, scope=scope, timeout=0.1)
            begin(lctx)
            lctx.settle("ok")
            end(lctx)
            await trio.sleep(1)
            # The next request of the same connection is cancelled.
            scope.cancel()
    assert lctx.cancel_reason is None


@trio_test
async def test_a_stopped_clock_keeps_what_is_left_until_the_application_is_opened(
    autojump_clock: MockClock,
) -> None:
    gctx: GlobalContext[Any] = GlobalContext()
    stop_clock(gctx, at=7.0)
    lctx = local_context(gctx, timeout=2.5)
    await trio.sleep(100)
    assert (lctx.deadline, lctx.remaining()) == (9.5, 2.5)
    async with open_global_context(gctx):
        with pytest.raises(ContextClosed, match="the clock of an application that was opened"):
            stop_clock(gctx)
        later = local_context(gctx, timeout=2.5)
        await trio.sleep(2)
        assert (later.deadline, later.remaining()) == (102.5, 0.5)
    with pytest.raises(ContextClosed):
        stop_clock(gctx)
