"""Tasks, entered context managers and detached work of a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, trio_test

from gnomon_context import (
    Alert,
    ContextClosed,
    ContextError,
    DeadlineExceeded,
    DetachRefused,
    LocalContext,
    TrackedTask,
    current_context,
    open_global_context,
    open_local_context,
)
from gnomon_context.runtime import begin, end, join_tasks, run_cleanups
from gnomon_context.testing import Trial, cancel_at_every_checkpoint, local_context, virtual_clock


async def work(seconds: float, error: BaseException | None = None) -> float:
    await trio.sleep(seconds)
    if error is not None:
        raise error
    return seconds


@trio_test
async def test_a_task_shows_how_it_stands(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx, open_local_context(gctx) as lctx:
        task = lctx.start_soon(work, 2, name="slow work")
        quick = lctx.start_soon(work, 1)
        assert (task.name, task.status, task.result, task.ended_ns) == ("slow work", "pending", None, None)
        assert lctx.tasks == (task, quick)
        await quick.wait()
        assert (quick.name, quick.status, quick.result) == ("work", "done", 1)
        assert trio.current_time() == 1
        await quick.wait()
        with trio.move_on_after(0.1):
            await task.wait()
        task.cancel()
        await task.wait()
        task.cancel()
        quick.cancel()
        assert (task.status, quick.status, task.error) == ("cancelled", "done", None)
        assert task.ended_ns is not None and task.ended_ns >= task.started_ns
        assert repr(task) == "<TrackedTask 'slow work' cancelled>"
    assert lctx.outcome is not None and lctx.outcome.ok


@trio_test
async def test_an_isolated_failure_is_recorded_and_changes_nothing(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        async with open_local_context(gctx) as lctx:
            task = lctx.start_soon(work, 1, OSError(), isolated=True)
            await trio.sleep(2)
        assert task.status == "failed" and isinstance(task.error, OSError)
        assert lctx.outcome is not None and lctx.outcome.ok


@pytest.mark.parametrize("when", ["handler runs", "handler is done", "handler waits no more"])
def test_a_failing_task_counts_as_the_handlers_raising(when: str) -> None:
    async def main() -> None:
        async with open_global_context() as gctx:
            with pytest.raises(OSError, match="from a task"):
                async with open_local_context(gctx, timeout=60) as lctx:
                    other = lctx.start_soon(work, 30)
                    lctx.start_soon(work, 1, OSError("from a task"))
                    if when == "handler runs":
                        await trio.sleep_forever()
                    elif when == "handler waits no more":
                        with trio.CancelScope(shield=True):
                            await trio.sleep(2)
            assert trio.current_time() == (2 if when == "handler waits no more" else 1)
            assert other.status == "cancelled"
            assert lctx.outcome is not None and lctx.outcome.kind == "error" and lctx.cancel_reason is None

    trio.run(main, clock=virtual_clock())


@trio_test
async def test_groups_of_one_are_unwrapped(autojump_clock: MockClock) -> None:
    async def nest() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work, 1, OSError("deep"))
            nursery.start_soon(trio.sleep_forever)

    async with open_global_context() as gctx:
        with pytest.raises(OSError, match="deep"):
            async with open_local_context(gctx) as lctx:
                lctx.start_soon(nest)


@trio_test
async def test_the_blocks_own_failure_comes_first(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        with pytest.raises(ZeroDivisionError):
            async with open_local_context(gctx) as lctx:
                task = lctx.start_soon(work, 30)
                raise ZeroDivisionError
        assert trio.current_time() == 0 and task.status == "cancelled"
        with pytest.raises(ZeroDivisionError):
            async with open_local_context(gctx) as lctx:
                lctx.start_soon(work, 1, OSError())
                try:
                    await trio.sleep_forever()
                finally:
                    raise ZeroDivisionError
        # A task that fails while it is cancelled, too: both are told, as a nursery would.
        with pytest.raises(ExceptionGroup, match="tasks of the request failed") as caught:
            async with open_local_context(gctx) as lctx:
                lctx.start_soon(work, 1, ZeroDivisionError())
                lctx.start_soon(fail_when_cancelled)
        assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError, OSError]


async def fail_when_cancelled() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise OSError("while cancelled")


@trio_test
async def test_tasks_find_their_request(autojump_clock: MockClock) -> None:
    seen: list[LocalContext] = []

    async def look() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look_inside)

    async def look_inside() -> None:
        seen.append(current_context())

    async with open_global_context() as gctx, open_local_context(gctx) as outer:
        outer.start_soon(look)
        async with open_local_context(gctx) as inner:
            inner.start_soon(look)
            outer.start_soon(look)
        assert current_context() is outer
    assert sorted(map(id, seen)) == sorted(map(id, [outer, outer, inner]))


@trio_test
async def test_a_task_that_ignores_its_end_is_an_alert(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []

    async def stubborn() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(20)

    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        with pytest.raises(DeadlineExceeded):
            async with open_local_context(gctx, timeout=1) as lctx:
                lctx.start_soon(stubborn, name="stubborn")
        assert trio.current_time() < 15
        assert alerts[0].kind == "task_outlived" and alerts[0].detail["tasks"] == ["stubborn"]
    # The application itself does not end before it.
    assert trio.current_time() == pytest.approx(20)


@trio_test
async def test_tasks_started_after_the_join_end_before_the_cleanups(autojump_clock: MockClock) -> None:
    log: list[str] = []

    async def late() -> None:
        try:
            await trio.sleep_forever()
        finally:
            log.append("late task over")

    async with open_global_context() as gctx:
        lctx = LocalContext(gctx)
        begin(lctx)
        await join_tasks(lctx)
        lctx.start_soon(late)
        await trio.sleep(1)
        lctx.on_cleanup(log.append, "cleanup")
        await run_cleanups(lctx)
        with pytest.raises(ContextClosed, match=r"detach\(\)"):
            lctx.start_soon(late)
        end(lctx)
        assert log == ["late task over", "cleanup"]
        # A runner that forgets to join: the tasks are cancelled all the same.
        forgetful = LocalContext(gctx)
        begin(forgetful)
        task = forgetful.start_soon(work, 50)
        end(forgetful)
        await trio.testing.wait_all_tasks_blocked()
        assert task.status == "cancelled"


@trio_test
async def test_a_runner_that_forgets_the_cleanups_is_told(autojump_clock: MockClock) -> None:
    log: list[str] = []
    alerts: list[Alert] = []

    @asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        finally:
            log.append("left")

    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        lctx = LocalContext(gctx)
        begin(lctx)
        await lctx.enter(manager(), name="manager")
        lctx.on_cleanup(print, name="cleanup")
        end(lctx)
        await trio.testing.wait_all_tasks_blocked()
        assert log == ["left"]
        assert [(alert.kind, alert.detail["names"]) for alert in alerts] == [
            ("cleanups_skipped", ["manager", "cleanup"])
        ]


@trio_test
async def test_joining_without_a_scope_keeps_to_the_deadline(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        lctx = LocalContext(gctx, timeout=3)
        task = lctx.start_soon(work, 50)
        with pytest.raises(DeadlineExceeded, match="did not end before its deadline"):
            await join_tasks(lctx)
        assert trio.current_time() == 3 and task.status == "cancelled" and lctx.deadline_passed
        # A failed handler does not wait for its tasks.
        lctx = LocalContext(gctx, timeout=3)
        task = lctx.start_soon(work, 2)
        await join_tasks(lctx, failed=True)
        assert trio.current_time() == 3 and task.status == "cancelled"
        # Nor does a cancelled one.
        lctx = LocalContext(gctx)
        task = lctx.start_soon(work, 2)
        lctx.cancel("disconnect")
        await join_tasks(lctx)
        assert trio.current_time() == 3 and task.status == "cancelled"


def test_an_interrupt_in_a_task_gets_out() -> None:
    async def main(isolated: bool) -> None:
        async with open_global_context() as gctx, open_local_context(gctx) as lctx:
            lctx.start_soon(work, 1, KeyboardInterrupt(), isolated=isolated)
            await trio.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main, False, clock=virtual_clock())
    with pytest.raises(KeyboardInterrupt):
        trio.run(main, True, clock=virtual_clock())


def test_the_application_is_cancelled_while_tasks_run() -> None:
    async def both() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail_when_cancelled)

    async def main() -> list[TrackedTask]:
        tasks: list[TrackedTask] = []
        with trio.move_on_after(1):
            async with open_global_context() as gctx, open_local_context(gctx) as lctx:
                tasks += [lctx.start_soon(trio.sleep_forever), lctx.start_soon(both)]
                await trio.sleep_forever()
        return tasks

    # As a nursery would tell it: the cancellation went on, and the failure beside it did not get lost.
    with pytest.raises(ExceptionGroup) as caught:
        trio.run(main, clock=virtual_clock())
    assert caught.group_contains(OSError, match="while cancelled")
    assert caught.value.subgroup(trio.Cancelled) is None


def test_tasks_need_a_running_application() -> None:
    with pytest.raises(ContextClosed, match="open_global_context"):
        local_context().start_soon(work, 1)


@asynccontextmanager
async def transaction(log: list[str]) -> AsyncIterator[str]:
    try:
        yield "value"
    except Exception as error:
        log.append(f"rollback {type(error).__name__}")
        raise
    log.append("commit")


@pytest.mark.parametrize(
    ("reason", "told"),
    [(None, "commit"), ("disconnect", "rollback ContextError"), ("error", "rollback ZeroDivisionError")],
)
def test_an_entered_manager_is_left_with_the_outcome(reason: Any, told: str) -> None:
    async def main() -> None:
        log: list[str] = []
        async with open_global_context() as gctx:
            with pytest.raises(ZeroDivisionError) if reason == "error" else trio.CancelScope() as caught:
                async with open_local_context(gctx) as lctx:
                    lctx.on_cleanup(log.append, "registered before")
                    # Entered and left inside a scope of the user's own: nothing of it is the user's to untangle.
                    with trio.move_on_after(10):
                        assert await lctx.enter(transaction(log)) == "value"
                    lctx.on_cleanup(log.append, "registered after")
                    if reason == "error":
                        raise ZeroDivisionError
                    if reason is not None:
                        lctx.cancel(reason)
        # Before the cleanups, so that a commit that fails is known while the request can still be undone.
        assert log == [told, "registered after", "registered before"]
        if reason == "error":
            # The story of the error is not told by the task that held the manager.
            frames = [entry.name for entry in caught.traceback]  # type: ignore[union-attr]
            assert "_run" not in frames

    trio.run(main, clock=virtual_clock())


@trio_test
async def test_an_entered_manager_that_fails(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []

    @asynccontextmanager
    async def bad_entry() -> AsyncIterator[None]:
        await trio.sleep(1)
        raise OSError("entry")
        yield

    @asynccontextmanager
    async def bad_exit() -> AsyncIterator[None]:
        try:
            yield
        finally:
            raise OSError("exit")

    @asynccontextmanager
    async def hangs_in_exit() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await trio.sleep_forever()

    @asynccontextmanager
    async def shielded_in_exit() -> AsyncIterator[None]:
        yield
        with trio.CancelScope(shield=True):
            await trio.sleep(100)

    @asynccontextmanager
    async def dies(error: Exception | None) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            if error is None:
                nursery.cancel_scope.deadline = trio.current_time() + 1
            else:
                nursery.start_soon(work, 1, error)
            yield

    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        async with open_local_context(gctx) as lctx:
            with pytest.raises(OSError, match="entry"):
                await lctx.enter(bad_entry())
            assert lctx._extras is not None and not lctx._extras.cleanups
        with pytest.raises(ZeroDivisionError):
            async with open_local_context(gctx) as lctx:
                await lctx.enter(bad_exit(), name="bad exit")
                await lctx.enter(hangs_in_exit(), name="hangs in exit")
                raise ZeroDivisionError
        assert [(alert.kind, alert.detail["name"], alert.detail["status"]) for alert in alerts] == [
            ("cleanup_failed", "hangs in exit", "timeout"),
            ("cleanup_failed", "bad exit", "error"),
        ]
        with pytest.raises(OSError, match="died"):
            async with open_local_context(gctx) as lctx:
                await lctx.enter(dies(OSError("died")))
                await trio.sleep_forever()
        with pytest.raises(ContextError, match="ended before the request"):
            async with open_local_context(gctx) as lctx:
                await lctx.enter(dies(None), name="dies")
                await trio.sleep_forever()
        alerts.clear()
        start = trio.current_time()
        with pytest.raises(TimeoutError, match="overran its deadline"):
            async with open_local_context(gctx) as lctx:
                await lctx.enter(shielded_in_exit())
        assert trio.current_time() - start <= 6.01
        assert alerts == []


@trio_test
async def test_two_things_of_a_request_fail_at_once(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def dies() -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work, 1, OSError("manager"))
            yield

    async with open_global_context() as gctx:
        gctx.on_alert(lambda alert: None)
        with pytest.raises((OSError, ExceptionGroup)):
            async with open_local_context(gctx) as lctx:
                await lctx.enter(dies())
                lctx.start_soon(work, 1, OSError("task"))
                await trio.sleep_forever()


@trio_test
async def test_the_last_task_cancels_its_request(autojump_clock: MockClock) -> None:
    async def leave() -> None:
        await trio.sleep(1)
        current_context().cancel("disconnect")

    async with open_global_context() as gctx:
        async with open_local_context(gctx) as lctx:
            task = lctx.start_soon(leave)
        assert task.status == "done"
        assert lctx.outcome is not None and lctx.outcome.kind == "disconnect"


@trio_test
async def test_two_managers_die(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def dies(error: Exception) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work, 1, error)
            yield

    async with open_global_context() as gctx:
        gctx.on_alert(lambda alert: None)
        with pytest.raises(ExceptionGroup, match="tasks of the request failed"):
            async with open_local_context(gctx) as lctx:
                await lctx.enter(dies(OSError("first")))
                await lctx.enter(dies(OSError("second")))
                await trio.sleep_forever()


@trio_test
async def test_the_first_cause_of_two_stays(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        gctx.on_alert(lambda alert: None)
        # Cancelled first; a task that fails on its way out does not make an error of it.
        with pytest.raises(OSError, match="while cancelled"):
            async with open_local_context(gctx) as lctx:
                lctx.start_soon(fail_when_cancelled)
                await trio.sleep(1)
                lctx.cancel("disconnect")
                await trio.sleep(1)
        assert lctx.outcome is not None and lctx.outcome.kind == "disconnect"
        # Failed first; a cancellation after it is seen by cleanups, and is not the outcome.
        with pytest.raises(OSError, match="failed first"):
            async with open_local_context(gctx) as lctx:
                lctx.start_soon(work, 1, OSError("failed first"))
                try:
                    await trio.sleep_forever()
                finally:
                    lctx.cancel("disconnect")
        assert (
            lctx.outcome is not None and lctx.outcome.kind == "error" and lctx.cancel_reason == "disconnect"
        )


@trio_test
async def test_detached_work_has_a_context_of_its_own(autojump_clock: MockClock) -> None:
    seen: list[LocalContext] = []

    async def later(number: int) -> None:
        seen.append(current_context())
        await trio.sleep(number)

    async with open_global_context() as gctx:
        async with open_local_context(
            gctx, path="/a", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        ) as lctx:
            lctx.set("mine", 1)
            lctx.detach(later, 5)
        await trio.sleep(1)
        [small] = seen
        assert small.get("mine") is None and small.meta.path == "/a" and small.meta.method == "detached"
        assert small.request_id != lctx.request_id
        assert (small.meta.trace_id, small.meta.parent_id) == (lctx.meta.trace_id, lctx.meta.parent_id)
    assert trio.current_time() == 5


@trio_test
async def test_detached_work_is_bounded_and_its_failures_are_alerts(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []
    async with open_global_context(max_detached=2) as gctx:
        gctx.on_alert(alerts.append)
        async with open_local_context(gctx) as lctx:
            lctx.detach(work, 1, OSError("detached"), name="fails")
            lctx.detach(work, 10, name="overruns", timeout=2.0)
            with pytest.raises(DetachRefused, match="2 detached tasks are running already"):
                lctx.detach(work, 1)
        await trio.sleep(3)
        kinds = [(alert.kind, alert.detail["name"], type(alert.error)) for alert in alerts]
        assert kinds == [
            ("detached_failed", "fails", OSError),
            ("detached_failed", "overruns", DeadlineExceeded),
        ]


@trio_test
async def test_detached_work_is_drained_then_cancelled_at_shutdown(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []
    refused: list[bool] = []

    async def again() -> None:
        await trio.sleep(1)
        with pytest.raises(DetachRefused, match="shutting down"):
            current_context().detach(work, 1)
        refused.append(True)

    async with open_global_context(shutdown_timeout=20) as gctx:
        gctx.on_alert(alerts.append)
        async with open_local_context(gctx) as lctx:
            lctx.detach(again)
            lctx.detach(work, 1000, name="endless")
    assert refused == [True]
    assert trio.current_time() == 10
    assert [(alert.kind, alert.detail) for alert in alerts] == [("detached_cancelled", {"name": "endless"})]


def test_detached_work_and_the_end_of_everything() -> None:
    async def both() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail_when_cancelled)

    async def interrupted() -> None:
        async with open_global_context() as gctx, open_local_context(gctx) as lctx:
            lctx.detach(work, 1, KeyboardInterrupt())
            await trio.sleep(5)

    async def cancelled(alerts: list[str]) -> None:
        with trio.move_on_after(1):
            async with open_global_context() as gctx:
                gctx.on_alert(lambda alert: alerts.append(alert.kind))
                async with open_local_context(gctx) as lctx:
                    lctx.detach(both)
                await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(interrupted, clock=virtual_clock())
    alerts: list[str] = []
    trio.run(cancelled, alerts, clock=virtual_clock())
    assert alerts == ["detached_failed"]


def test_detached_work_has_its_time_when_the_application_is_cancelled() -> None:
    done: list[float] = []

    async def mail() -> None:
        await trio.sleep(2)
        done.append(trio.current_time())

    async def main() -> float:
        with trio.move_on_after(1):
            async with open_global_context() as gctx, open_local_context(gctx) as lctx:
                lctx.detach(mail)
                await trio.sleep_forever()
        return trio.current_time()

    clock = virtual_clock()
    started = clock.current_time()
    done_at = trio.run(main, clock=clock)
    assert done == [done_at] and done_at == pytest.approx(started + 2)


async def exit_when_cancelled() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise SystemExit


async def fails_beside_a_cancelled_one() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(fail_when_cancelled)


def test_an_exit_in_detached_work_cancels_what_runs_beside_it() -> None:
    tasks: list[TrackedTask] = []
    alerts: list[str] = []

    async def main() -> None:
        async with open_global_context() as gctx, open_local_context(gctx) as lctx:
            gctx.on_alert(lambda alert: alerts.append(alert.kind))
            for forever in (trio.sleep_forever, fails_beside_a_cancelled_one):
                tasks.append(lctx.start_soon(forever))
                lctx.detach(forever)
            lctx.detach(exit_when_cancelled)
            lctx.detach(work, 1, SystemExit())
            await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as caught:
        trio.run(main, clock=virtual_clock())
    assert caught.group_contains(SystemExit) and caught.value.subgroup(trio.Cancelled) is None
    assert [task.status for task in tasks] == ["cancelled", "failed"]
    assert alerts.count("detached_failed") == 3


def test_a_failure_and_an_exit_in_detached_work_come_out_together() -> None:
    async def main() -> None:
        async with open_global_context() as gctx, open_local_context(gctx) as lctx:
            lctx.detach(exit_when_cancelled)
            raise ValueError

    with pytest.raises(BaseExceptionGroup) as caught:
        trio.run(main, clock=virtual_clock())
    assert {type(error) for error in caught.value.exceptions} == {ValueError, SystemExit}


def test_tasks_cancelled_at_every_checkpoint() -> None:
    async def scenario(trial: Trial) -> None:
        log: list[str] = []

        async def child(name: str) -> None:
            log.append(f"{name} starts")
            try:
                await trio.sleep(1 if name == "fails" else 0.5)
                if name == "fails":
                    raise OSError
            finally:
                log.append(f"{name} ends")

        async with open_global_context() as gctx:
            gctx.on_alert(lambda alert: None)
            with trial:
                try:
                    async with open_local_context(gctx, timeout=10) as lctx:
                        lctx.start_soon(child, "isolated", isolated=True)
                        lctx.start_soon(child, "fails")
                        lctx.detach(child, "detached")
                        await trio.sleep(5)
                except OSError:
                    pass
            if lctx.tasks:
                assert all(task.status != "pending" for task in lctx.tasks)
            if not trial.cancelled:
                assert [task.status for task in lctx.tasks] == ["done", "failed"]
        for name in ("isolated", "fails", "detached"):
            assert log.count(f"{name} starts") == log.count(f"{name} ends") <= 1
        if not trial.cancelled:
            assert log.count("detached ends") == 1

    assert cancel_at_every_checkpoint(scenario).checkpoints > 5


@trio_test
async def test_a_request_without_a_scope_does_not_wait_for_a_shield_beyond_its_deadline(
    autojump_clock: MockClock,
) -> None:
    async def stubborn() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(20)

    alerts: list[Alert] = []
    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        lctx = LocalContext(gctx, timeout=1)
        begin(lctx)
        lctx.start_soon(stubborn)
        started = trio.current_time()
        with pytest.raises(DeadlineExceeded):
            await join_tasks(lctx, limit=2)
        assert trio.current_time() - started == 3
        end(lctx)
    assert [alert.kind for alert in alerts] == ["task_outlived"]
