"""What runs when a request ends: isolated, bounded, exactly once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test

from gnomon_context import (
    Alert,
    ContextClosed,
    DeadlineExceeded,
    IllegalPhase,
    LocalContext,
    RequestPhase,
    current_context,
    open_global_context,
    open_local_context,
)
from gnomon_context.runtime import (
    StepReport,
    begin,
    end,
    join_tasks,
    run_cleanups,
    run_compensations,
    run_failure_callbacks,
)
from gnomon_context.testing import Trial, cancel_at_every_checkpoint, virtual_clock

KINDS = [
    "sync",
    "async",
    "slow",
    "raises",
    "raises late",
    "hangs",
    "swallows",
    "cancels",
    "registers",
    "publishes",
]


def step_of(kind: str, lctx: LocalContext, ran: list[str], name: str) -> Callable[[], Awaitable[None] | None]:
    """A cleanup of a certain kind that notes its start in `ran`."""

    async def asynchronous() -> None:
        ran.append(name)
        if kind == "slow":
            await trio.sleep(0.1)
        elif kind == "raises late":
            await trio.sleep(0.01)
            raise OSError
        elif kind == "hangs":
            await trio.sleep_forever()
        elif kind == "swallows":
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                await trio.sleep_forever()

    def synchronous() -> None:
        ran.append(name)
        if kind == "raises":
            raise ValueError
        if kind == "cancels":
            lctx.cancel("disconnect")
        if kind == "registers":
            lctx.on_cleanup(ran.append, f"{name} inner")
        if kind == "publishes":
            lctx.publish("topic", name)

    return asynchronous if kind in ("async", "slow", "raises late", "hangs", "swallows") else synchronous


def expected_order(kinds: list[str]) -> list[str]:
    order = []
    for index in reversed(range(len(kinds))):
        order.append(str(index))
        if kinds[index] == "registers":
            order.append(f"{index} inner")
    return order


@pytest.mark.property(8)
@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=6),
    timeout=st.sampled_from([0.01, 0.2, 3.0]),
    awkward=st.sampled_from(["sleeps", "swallows once", "busy in children", "own scope"]),
)
def test_an_overrun_is_cancelled_and_every_cleanup_runs_once(
    kinds: list[str], timeout: float, awkward: str
) -> None:
    ran: list[str] = []
    cancelled: list[float] = []

    async def handler(lctx: LocalContext) -> None:
        try:
            if awkward == "own scope":
                with trio.move_on_after(1000):
                    await trio.sleep_forever()
            elif awkward == "busy in children":
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(trio.sleep_forever)
                    lctx.start_soon(trio.sleep_forever)
            else:
                await trio.sleep_forever()
        except BaseException:
            cancelled.append(trio.current_time())
            if awkward == "swallows once":
                await trio.sleep(5)
            raise

    async def main() -> None:
        async with open_global_context() as gctx:
            gctx.on_alert(lambda alert: None)
            with pytest.raises(DeadlineExceeded):
                async with open_local_context(gctx, timeout=timeout) as lctx:
                    for index, kind in enumerate(kinds):
                        lctx.on_cleanup(step_of(kind, lctx, ran, str(index)))
                    await handler(lctx)
            # Cleanups have five seconds together.
            assert trio.current_time() <= timeout + 5.1
            assert lctx.outcome is not None and lctx.outcome.kind == "timeout"
            assert not lctx._extras or all(task.status == "cancelled" for task in lctx.tasks)

    trio.run(main, clock=virtual_clock())
    assert cancelled == [pytest.approx(timeout)]
    assert ran == expected_order(kinds)


@given(kinds=st.lists(st.sampled_from(KINDS), max_size=6), limit=st.sampled_from([0.0, 0.05, 5.0]))
def test_every_step_is_reported_at_start_and_end(kinds: list[str], limit: float) -> None:
    ran: list[str] = []
    reports: list[StepReport] = []
    alerts: list[Alert] = []

    async def main() -> None:
        async with open_global_context() as gctx:
            gctx.on_alert(alerts.append)
            lctx = LocalContext(gctx)
            begin(lctx)
            for index, kind in enumerate(kinds):
                lctx.on_cleanup(step_of(kind, lctx, ran, str(index)), name=f"{index} {kind}")
            await run_cleanups(lctx, observe=reports.append, limit=limit)
            end(lctx)
            assert trio.current_time() <= limit + 0.01

    trio.run(main, clock=virtual_clock())
    assert ran == expected_order(kinds)
    assert len(reports) == 2 * len(ran)
    failed = 0
    for start, finish in zip(reports[::2], reports[1::2], strict=True):
        assert start.status == "start" and start.name == finish.name and start.ended_ns is None
        assert finish.ended_ns is not None and finish.ended_ns >= start.started_ns
        kind = start.name.partition(" ")[2]
        if kind in ("hangs", "swallows"):
            assert finish.status == "timeout"
        if kind == "raises":
            assert finish.status == "error" and isinstance(finish.error, ValueError)
        if kind == "sync":
            assert finish.status == "end" and finish.error is None
        failed += finish.status != "end"
    assert len(alerts) == failed


@trio_test
async def test_a_sync_cleanup_that_overruns_is_reported(autojump_clock: MockClock) -> None:
    reports: list[StepReport] = []
    async with open_global_context() as gctx:
        lctx = LocalContext(gctx)
        lctx.on_cleanup(lambda: autojump_clock.jump(2), timeout=1)
        lctx.on_cleanup(lambda: None, timeout=1)
        gctx.on_alert(lambda alert: None)
        await run_cleanups(lctx, observe=reports.append)
    assert [report.status for report in reports] == ["start", "end", "start", "timeout"]


@trio_test
async def test_an_observer_that_fails_stops_nothing(autojump_clock: MockClock) -> None:
    ran: list[str] = []
    alerts: list[Alert] = []

    def observe(report: StepReport) -> None:
        raise ValueError

    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        lctx = LocalContext(gctx)
        lctx.on_cleanup(ran.append, "ran")
        await run_cleanups(lctx, observe=observe)
    assert ran == ["ran"] and {alert.kind for alert in alerts} == {"observer_failed"}


@trio_test
async def test_compensations_run_in_reverse_and_their_failures_are_alerts(autojump_clock: MockClock) -> None:
    ran: list[str] = []
    alerts: list[Alert] = []

    async def fail() -> None:
        ran.append("fail")
        raise OSError

    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        with pytest.raises(ZeroDivisionError):
            async with open_local_context(gctx) as lctx:
                lctx.compensate(ran.append, "discarded")
                lctx.commit()
                lctx.compensate(ran.append, "first")
                lctx.compensate(fail)
                lctx.compensate(ran.append, "last")
                raise ZeroDivisionError
        with pytest.raises(IllegalPhase):
            lctx2 = LocalContext(gctx)
            lctx2.on_cleanup(print)
            await run_compensations(lctx2)
            lctx2.compensate(print)
    assert ran == ["last", "fail", "first"]
    assert [(alert.kind, alert.detail["name"].rpartition(".")[2]) for alert in alerts] == [
        ("compensation_failed", "fail")
    ]


@trio_test
async def test_errors_and_timeouts_have_callbacks_of_their_own(autojump_clock: MockClock) -> None:
    heard: list[Any] = []

    async def hear(error: BaseException | None) -> None:
        await trio.sleep(0)
        heard.append(("error", type(error), current_context().outcome))

    async with open_global_context() as gctx:
        with pytest.raises(ZeroDivisionError):
            async with open_local_context(gctx) as lctx:
                lctx.on_error(hear)
                lctx.on_timeout(heard.append)
                raise ZeroDivisionError
        assert heard == [("error", ZeroDivisionError, lctx.outcome)]
        heard.clear()
        with pytest.raises(DeadlineExceeded):
            async with open_local_context(gctx, timeout=1) as lctx:
                lctx.on_error(hear)
                lctx.on_timeout(lambda error: heard.append("first"))
                lctx.on_timeout(lambda error: heard.append("second"))
                await trio.sleep(2)
        assert heard == ["first", "second"]
        heard.clear()
        # A timeout of the user's own is an error like any other.
        with pytest.raises(trio.TooSlowError):
            async with open_local_context(gctx, timeout=10) as lctx:
                lctx.on_error(lambda error: heard.append(type(error)))
                with trio.fail_after(1):
                    await trio.sleep(2)
        assert heard == [trio.TooSlowError]


@pytest.mark.parametrize("where", ["on_error", "compensate", "on_cleanup"])
def test_an_interrupt_is_raised_when_everything_has_run(where: str) -> None:
    ran: list[str] = []

    def interrupt(*args: object) -> None:
        ran.append("interrupt")
        raise KeyboardInterrupt

    async def main() -> None:
        async with open_global_context() as gctx:
            gctx.on_alert(lambda alert: None)
            async with open_local_context(gctx) as lctx:
                lctx.on_cleanup(ran.append, "cleanup")
                lctx.compensate(ran.append, "compensation")
                getattr(lctx, where)(interrupt)
                if where != "on_cleanup":
                    lctx.cancel()
                    await trio.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main, clock=virtual_clock())
    assert sorted(ran) == sorted(
        {
            "on_error": ["interrupt", "compensation", "cleanup"],
            "compensate": ["interrupt", "compensation", "cleanup"],
            "on_cleanup": ["interrupt", "cleanup"],
        }[where]
    )


def test_a_fatal_error_of_two_steps_is_the_first() -> None:
    def leave(number: int) -> None:
        raise SystemExit(number)

    async def main() -> None:
        async with open_global_context() as gctx:
            gctx.on_alert(lambda alert: None)
            async with open_local_context(gctx) as lctx:
                lctx.on_cleanup(leave, 2)
                lctx.on_cleanup(leave, 1)

    with pytest.raises(SystemExit) as caught:
        trio.run(main)
    assert caught.value.code == 1


@trio_test
async def test_nothing_to_do_is_nothing_done(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        lctx = LocalContext(gctx)
        begin(lctx)
        await join_tasks(lctx)
        await run_failure_callbacks(lctx, None)
        await run_compensations(lctx)
        await run_cleanups(lctx)
        assert lctx.extras is None
        end(lctx)


EVERYTHING_ELSE: list[Callable[[LocalContext], Any]] = [
    lambda lctx: lctx.get("a"),
    lambda lctx: lctx.set("a", 1),
    lambda lctx: lctx.delete("a"),
    lambda lctx: lctx.clear(),
    lambda lctx: "a" in lctx,
    lambda lctx: list(lctx),
    lambda lctx: len(lctx),
    lambda lctx: lctx.before(print),
    lambda lctx: lctx.after(print),
    lambda lctx: lctx.catch(print),
    lambda lctx: lctx.on_cleanup(print),
    lambda lctx: lctx.on_error(print),
    lambda lctx: lctx.on_timeout(print),
    lambda lctx: lctx.on_phase_change(print),
    lambda lctx: lctx.compensate(print),
    lambda lctx: lctx.commit(),
    lambda lctx: lctx.enter(asynccontextmanager(lambda: None)()),  # type: ignore[arg-type]
    lambda lctx: lctx.start_soon(trio.sleep, 1),
    lambda lctx: lctx.detach(trio.sleep, 1),
    lambda lctx: lctx.publish("a", 1),
    lambda lctx: lctx.subscribe("a"),
    lambda lctx: lctx.wait_for("a"),
    lambda lctx: lctx.cancel(),
    lambda lctx: lctx.remaining(),
    lambda lctx: lctx.now(),
    lambda lctx: lctx.monotonic(),
    lambda lctx: lctx.random,
    lambda lctx: lctx.uuid(),
    lambda lctx: lctx.settle("ok"),
    lambda lctx: lctx.local_hooks("before"),
    lambda lctx: lctx.advance(RequestPhase.FAILED),
]


@trio_test
async def test_use_after_the_end_is_refused(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        async with open_local_context(gctx, path="/a") as lctx:
            lctx.set("a", 1)
        for use in EVERYTHING_ELSE:
            with pytest.raises(ContextClosed, match=lctx.request_id):
                use(lctx)
        assert repr(lctx) == "<LocalContext  /a completed, closed>"
        assert lctx.meta.path == "/a" and lctx.tasks == () and lctx.cancel_reason is None


def test_cancelled_at_every_checkpoint() -> None:
    """Cleanups run exactly once, the transaction is rolled back or committed, wherever the cancellation falls."""

    @asynccontextmanager
    async def transaction(log: list[str]) -> Any:
        await trio.sleep(0.1)
        log.append("begin")
        try:
            async with trio.open_nursery():
                yield
        except BaseException:
            with trio.move_on_after(1, shield=True):
                await trio.sleep(0.1)
                log.append("rollback")
            raise
        await trio.sleep(0.1)
        log.append("commit")

    async def child(lctx: LocalContext, log: list[str]) -> None:
        log.append("child")
        try:
            await trio.sleep(1)
            lctx.publish("done", 1)
        finally:
            log.append("child over")

    async def cleanup(log: list[str]) -> None:
        await trio.sleep(0.1)
        log.append("cleanup")

    def scenario(how: str) -> Callable[[Trial], Awaitable[None]]:
        async def run(trial: Trial) -> None:
            log: list[str] = []
            registered = 0
            outcome = None
            async with open_global_context() as gctx:
                alerts: list[Alert] = []
                gctx.on_alert(alerts.append)
                if how == "from outside":
                    with trial:
                        async with open_local_context(gctx, timeout=30) as lctx:
                            registered = 1
                            lctx.on_cleanup(cleanup, log)
                            await lctx.enter(transaction(log))
                            task = lctx.start_soon(child, lctx, log)
                            await lctx.wait_for("done")
                            await task.wait()
                        outcome = lctx.outcome
                else:
                    async with open_local_context(gctx, timeout=30) as lctx:
                        with trial.by(lambda: lctx.cancel("disconnect")):
                            registered = 1
                            lctx.on_cleanup(cleanup, log)
                            await lctx.enter(transaction(log))
                            lctx.start_soon(child, lctx, log)
                            await lctx.wait_for("done")
                    outcome = lctx.outcome
                    if trial.cancelled:
                        assert outcome is not None and outcome.kind == "disconnect"
                assert gctx._application.live == set()
                assert len(gctx._application.topics) == 0
                assert alerts == []
            if registered:
                assert log.count("cleanup") == 1
            assert log.count("begin") == log.count("rollback") + log.count("commit")
            assert log.count("child") == log.count("child over") <= 1
            if not trial.cancelled:
                assert log == ["begin", "child", "child over", "commit", "cleanup"]
            elif outcome is not None and "begin" in log:
                assert log.count("commit") == (outcome.kind == "ok")

        return run

    assert cancel_at_every_checkpoint(scenario("from outside")).checkpoints > 8
    assert cancel_at_every_checkpoint(scenario("a disconnect")).checkpoints > 5


async def fails_when_cancelled() -> None:
    """Hangs; its cancellation comes out in a group, beside the failure that it causes."""

    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("in the way out")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        await trio.sleep_forever()


@trio_test
async def test_an_overrun_that_fails_too_is_isolated(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []
    ran: list[str] = []
    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        with pytest.raises(ValueError, match="own"):
            async with open_local_context(gctx) as lctx:
                lctx.on_cleanup(ran.append, "cleanup")
                lctx.on_cleanup(fails_when_cancelled)
                lctx.compensate(fails_when_cancelled)
                raise ValueError("own")
    assert ran == ["cleanup"]
    assert [(alert.kind, alert.detail["status"]) for alert in alerts] == [
        ("compensation_failed", "timeout"),
        ("cleanup_failed", "timeout"),
    ]


@trio_test
async def test_an_interrupt_in_a_task_is_not_lost_behind_the_failure_it_causes(
    autojump_clock: MockClock,
) -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt

    async with open_global_context() as gctx:
        with pytest.raises(BaseExceptionGroup) as caught:
            async with open_local_context(gctx) as lctx:
                lctx.start_soon(interrupted)
                try:
                    await trio.sleep_forever()
                finally:
                    raise OSError("in the way out")
    assert {type(each) for each in caught.value.exceptions} == {KeyboardInterrupt, OSError}


@trio_test
async def test_callbacks_may_register_more_but_not_without_end(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []
    ran: list[str] = []
    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        with pytest.raises(ValueError, match="own"):
            async with open_local_context(gctx) as lctx:

                def fails(error: BaseException | None) -> None:
                    ran.append("first")
                    lctx.on_error(lambda error: ran.append(f"added for {error}"))

                def again() -> None:
                    lctx.on_cleanup(again, name="again")

                lctx.on_error(fails)
                lctx.on_error(lambda error: ran.append("second"))
                lctx.on_cleanup(again)
                raise ValueError("own")
    assert ran == ["first", "second", "added for own"]
    assert [(alert.kind, alert.detail["names"]) for alert in alerts] == [("cleanups_skipped", ["again"])]


@pytest.mark.parametrize("point", ["after", "catch", "on_error", "on_timeout"])
@trio_test
async def test_what_would_never_run_is_refused_during_the_cleanup(point: str) -> None:
    refused: list[IllegalPhase] = []

    def late() -> None:
        with pytest.raises(IllegalPhase, match="would never run") as caught:
            getattr(lctx, point)(print)
        refused.append(caught.value)

    async with open_global_context() as gctx, open_local_context(gctx) as lctx:
        lctx.on_cleanup(late)
    assert len(refused) == 1


@trio_test
async def test_the_execution_of_an_ended_request_is_read_and_not_replaced() -> None:
    async with open_global_context() as gctx:
        async with open_local_context(gctx) as lctx:
            assert lctx.execution is None
        for name in ("execution", "scope", "gctx"):
            with pytest.raises(ContextClosed, match=f"setting {name} on its context came too late"):
                setattr(lctx, name, None)
        assert lctx.execution is None and lctx.gctx is gctx and lctx.scope is not None
