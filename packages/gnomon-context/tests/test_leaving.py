"""What `enter` entered is left once, before the answer, and a commit that fails is a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test

from gnomon_context import (
    Alert,
    ContextError,
    DeadlineExceeded,
    LocalContext,
    open_global_context,
    open_local_context,
)
from gnomon_context.runtime import (
    StepReport,
    begin,
    end,
    leave_entered,
    run_cleanups,
)
from gnomon_context.testing import Trial, cancel_at_every_checkpoint, virtual_clock

EXITS = ["commits", "commits late", "fails", "hangs", "hangs quietly", "suppresses"]


@asynccontextmanager
async def manager(name: str, how: str, log: list[tuple[str, str]]) -> AsyncIterator[str]:
    """Notes what it is told when it is left, then leaves in a certain way."""
    try:
        yield name
    except Exception as error:
        log.append((name, type(error).__name__))
        if how != "suppresses":
            raise
    else:
        log.append((name, "commit"))
    if how == "fails":
        raise OSError(f"the commit of {name} failed")
    if how == "commits late":
        await trio.sleep(0.001)
    if how == "hangs":
        await trio.sleep_forever()
    if how == "hangs quietly":
        with trio.CancelScope() as scope:
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                scope.shield = True


@given(exits=st.lists(st.sampled_from(EXITS), max_size=5), error=st.sampled_from([None, ValueError("own")]))
def test_each_is_left_once_and_the_first_failure_of_a_commit_is_raised(
    exits: list[str], error: Exception | None
) -> None:
    log: list[tuple[str, str]] = []
    reports: list[StepReport] = []
    alerts: list[Alert] = []
    raised: list[BaseException] = []

    async def main() -> None:
        async with open_global_context() as gctx:
            gctx.on_alert(alerts.append)
            lctx = LocalContext(gctx)
            begin(lctx)
            lctx.on_cleanup(log.append, ("cleanup", "ran"))
            for index, how in enumerate(exits):
                assert await lctx.enter(manager(str(index), how, log), name=str(index)) == str(index)
            try:
                await leave_entered(lctx, error, observe=reports.append, limit=2.0)
            except Exception as caught:
                raised.append(caught)
            assert trio.current_time() <= 2.01
            left = list(log)
            await leave_entered(lctx, None)
            assert log == left
            await run_cleanups(lctx)
            end(lctx)

    trio.run(main, clock=virtual_clock())
    assert [name for name, _ in log] == [*map(str, reversed(range(len(exits)))), "cleanup"]
    assert [(report.name, report.status == "start") for report in reports] == [
        (str(index), start) for index in reversed(range(len(exits))) for start in (True, False)
    ]
    bad = [
        index for index in reversed(range(len(exits))) if exits[index] in ("fails", "hangs", "hangs quietly")
    ]
    told = dict(log)
    if error is None and bad:
        refused = OSError if exits[bad[0]] == "fails" else TimeoutError
        assert [type(each) for each in raised] == [refused]
        # Those before it had committed; those after it are told.
        assert all(told[str(index)] == "commit" for index in range(bad[0], len(exits)))
        assert all(told[str(index)] == refused.__name__ for index in range(bad[0]))
    else:
        assert raised == []
        assert {told[str(index)] for index in range(len(exits))} <= {"ValueError" if error else "commit"}
    assert {alert.kind for alert in alerts} <= {"cleanup_failed"}


@pytest.mark.parametrize("how", ["fails", "hangs"])
@trio_test
async def test_a_commit_that_fails_makes_the_request_fail(how: str, autojump_clock: MockClock) -> None:
    log: list[tuple[str, str]] = []
    ran: list[str] = []
    with pytest.raises(
        OSError, match="the commit of payment failed" if how == "fails" else "overran"
    ) as caught:
        async with open_global_context() as gctx, open_local_context(gctx) as lctx:
            await lctx.enter(manager("audit", "commits", log))
            await lctx.enter(manager("payment", how, log))
            lctx.compensate(ran.append, "compensation")
            lctx.on_error(lambda error: ran.append(type(error).__name__))
            lctx.on_cleanup(ran.append, "cleanup")
    failure = type(caught.value).__name__
    assert log == [("payment", "commit"), ("audit", failure)]
    assert ran == [failure, "compensation", "cleanup"]
    assert lctx.outcome is not None and (lctx.outcome.kind, lctx.outcome.error) == ("error", caught.value)


@trio_test
async def test_nothing_is_committed_for_a_request_that_is_cancelled(autojump_clock: MockClock) -> None:
    log: list[tuple[str, str]] = []
    async with open_global_context() as gctx:
        # Through its scope the runtime hears of it.
        scope = trio.CancelScope()
        lctx = LocalContext(gctx, scope=scope)
        with scope:
            await lctx.enter(manager("scope", "commits", log))
            lctx.cancel("disconnect")
            await leave_entered(lctx, None)
        assert scope.cancelled_caught and log == []
        await leave_entered(lctx, None)
        # Without a scope, and settled as a failure, the managers do.
        await run_cleanups(lctx)
        lctx = LocalContext(gctx)
        await lctx.enter(manager("settled", "commits", log))
        lctx.settle("error", KeyboardInterrupt())
        await leave_entered(lctx, None)
        lctx = LocalContext(gctx)
        await lctx.enter(manager("told", "commits", log))
        await leave_entered(lctx, trio.TooSlowError())
    assert log == [("scope", "ContextError"), ("settled", "ContextError"), ("told", "TooSlowError")]


@trio_test
async def test_what_fell_over_before_is_not_left_with_success(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def falls_over(error: Exception | None) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            if error is None:
                nursery.cancel_scope.deadline = trio.current_time() + 1
            else:
                nursery.start_soon(_raise_later, error)
            yield

    async with open_global_context() as gctx:
        for error, expected in ((OSError("died"), OSError), (None, ContextError)):
            lctx = LocalContext(gctx)
            await lctx.enter(falls_over(error))
            await trio.sleep(2)
            with pytest.raises(expected, match="died|ended before"):
                await leave_entered(lctx, None)


async def _raise_later(error: Exception) -> None:
    await trio.sleep(1)
    raise error


@pytest.mark.parametrize("error", [None, ValueError()])
def test_an_interrupt_in_an_exit_is_raised_when_all_are_left(error: Exception | None) -> None:
    log: list[tuple[str, str]] = []

    @asynccontextmanager
    async def interrupts(kind: type[BaseException]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            raise kind

    async def main() -> None:
        async with open_global_context() as gctx:
            gctx.on_alert(lambda alert: None)
            lctx = LocalContext(gctx)
            await lctx.enter(manager("first", "commits", log))
            await lctx.enter(interrupts(SystemExit))
            await lctx.enter(interrupts(KeyboardInterrupt))
            await leave_entered(lctx, error)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert log == [("first", "ContextError" if error is None else "ValueError")]


def test_cancelled_at_every_checkpoint_of_leaving() -> None:
    """All are left once; all commit or none does, and what the request did is undone exactly if none did."""

    @asynccontextmanager
    async def transaction(log: list[str]) -> AsyncIterator[None]:
        await trio.sleep(0.1)
        log.append("begin")
        try:
            yield
        except BaseException:
            with trio.move_on_after(1, shield=True):
                await trio.sleep(0.1)
                log.append("rollback")
            raise
        await trio.sleep(0.1)
        await trio.sleep(0.1)
        log.append("commit")

    def scenario(how: str) -> Callable[[Trial], Awaitable[None]]:
        async def run(trial: Trial) -> None:
            log: list[str] = []
            outcome: Any = None
            async with open_global_context() as gctx:
                alerts: list[Alert] = []
                gctx.on_alert(alerts.append)
                if how == "from outside":
                    with trial:
                        async with open_local_context(gctx, timeout=30) as lctx:
                            await work(lctx, log)
                else:
                    scope = trio.CancelScope()
                    lctx = LocalContext(gctx, scope=scope)
                    begin(lctx)
                    with trial.by(lambda: lctx.cancel("disconnect")):
                        error: BaseException | None = None
                        with scope:
                            await work(lctx, log)
                            await leave_entered(lctx, None)
                        if scope.cancelled_caught:
                            outcome = lctx.settle("cancelled")
                            await leave_entered(lctx, error)
                            lctx.compensate(log.append, "undone")
                        await run_cleanups(lctx)
                    end(lctx)
                assert gctx._application.live == set() and alerts == []
            begun = log.count("begin")
            assert begun == log.count("commit") + log.count("rollback") <= 2
            assert log.count("commit") in (0, 2)
            if not trial.cancelled:
                assert log == ["begin", "begin", "commit", "commit"]
            elif outcome is not None:
                assert log.count("commit") == 0

        return run

    async def work(lctx: LocalContext, log: list[str]) -> None:
        await lctx.enter(transaction(log))
        await lctx.enter(transaction(log))
        await trio.sleep(0.1)

    assert cancel_at_every_checkpoint(scenario("from outside")).checkpoints > 10
    assert cancel_at_every_checkpoint(scenario("by a runtime")).checkpoints > 10


@trio_test
async def test_what_a_failing_request_enters_is_left_too(autojump_clock: MockClock) -> None:
    log: list[tuple[str, str]] = []
    async with open_global_context() as gctx, open_local_context(gctx) as lctx:

        async def late(error: BaseException | None) -> None:
            await lctx.enter(manager("late", "commits", log))

        lctx.on_error(late)
        lctx.cancel("disconnect")
    assert log == [("late", "ContextError")]


@pytest.mark.parametrize(
    ("kind", "error", "told"),
    [("ok", None, "commit"), ("error", OSError(), "OSError"), ("timeout", None, "ContextError")],
)
@trio_test
async def test_what_a_runtime_did_not_leave_is_left_at_the_cleanups(
    kind: Any, error: Exception | None, told: str, autojump_clock: MockClock
) -> None:
    log: list[tuple[str, str]] = []
    async with open_global_context() as gctx:
        lctx = LocalContext(gctx)
        lctx.on_cleanup(log.append, ("cleanup", "ran"))
        await lctx.enter(manager("kept", "commits", log))
        lctx.settle(kind, error)
        await run_cleanups(lctx)
    assert log == [("kept", told), ("cleanup", "ran")]


@pytest.mark.parametrize("timeout", [2.0, 0.1])
@trio_test
async def test_a_deadline_that_passes_while_it_commits_undoes_nothing(
    timeout: float, autojump_clock: MockClock
) -> None:
    log: list[str] = []

    @asynccontextmanager
    async def slow_to_commit(name: str) -> AsyncIterator[None]:
        yield
        await trio.sleep(1.5)
        log.append(f"commit {name}")

    async with open_global_context() as gctx:
        async with open_local_context(gctx, timeout=timeout) as lctx:
            await lctx.enter(slow_to_commit("a"))
            await lctx.enter(slow_to_commit("b"))
            lctx.compensate(log.append, "undone")
            lctx.on_timeout(lambda error: log.append("timeout"))
            await trio.sleep(timeout - 0.05)
        assert lctx.outcome is not None and lctx.outcome.ok
    assert log == ["commit b", "commit a"]


@trio_test
async def test_a_cancellation_that_comes_while_it_commits_undoes_nothing(autojump_clock: MockClock) -> None:
    log: list[str] = []

    @asynccontextmanager
    async def slow_to_commit() -> AsyncIterator[None]:
        yield
        await trio.sleep(1.5)
        log.append("commit")

    async with open_global_context() as gctx, trio.open_nursery() as nursery:
        async with open_local_context(gctx) as lctx:
            await lctx.enter(slow_to_commit())
            lctx.compensate(log.append, "undone")

            @nursery.start_soon
            async def leave() -> None:
                await trio.sleep(1)
                lctx.cancel("disconnect")

        assert lctx.outcome is not None and lctx.outcome.kind == "disconnect"
    assert log == ["commit"]


@trio_test
async def test_a_deadline_that_passed_unnoticed_lets_nothing_commit(autojump_clock: MockClock) -> None:
    log: list[tuple[str, str]] = []
    async with open_global_context() as gctx:
        with pytest.raises(DeadlineExceeded):
            async with open_local_context(gctx, timeout=2.0) as lctx:
                await lctx.enter(manager("kept", "commits", log))
                lctx.compensate(log.append, ("undone", ""))
                # The loop is blocked meanwhile.
                autojump_clock.jump(3)
    assert log == [("kept", "ContextError"), ("undone", "")]
