"""What begins or goes wrong while a request or the application ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, trio_test, wait_all_tasks_blocked

from gnomon_context import (
    Alert,
    ContextClosed,
    LocalContext,
    Module,
    open_global_context,
    open_local_context,
)
from gnomon_context._topics import Delivery, Topics
from gnomon_context.runtime import begin, end, wait_idle


@pytest.mark.parametrize("joined", [True, False])
@trio_test
async def test_a_manager_entered_too_late_is_left_at_once(joined: bool, autojump_clock: MockClock) -> None:
    left: list[float] = []

    @asynccontextmanager
    async def slow() -> AsyncIterator[None]:
        await trio.sleep(1)
        try:
            yield
        finally:
            left.append(trio.current_time())

    async def enter(lctx: LocalContext) -> None:
        with pytest.raises(ContextClosed, match="ended while the context manager 'slow' was entered"):
            await lctx.enter(slow(), name="slow")

    async with trio.open_nursery() as nursery, open_global_context() as gctx:
        if joined:
            async with open_local_context(gctx) as lctx:
                lctx.on_cleanup(print)
                nursery.start_soon(enter, lctx)
                await wait_all_tasks_blocked()
        else:
            lctx = LocalContext(gctx)
            begin(lctx)
            nursery.start_soon(enter, lctx)
            await wait_all_tasks_blocked()
            end(lctx)
        await trio.sleep(2)
    assert left == [1]
    # The application did not wait for it.
    assert trio.current_time() == 2


@trio_test
async def test_a_task_that_nobody_joined_leaves_the_scope_alone(autojump_clock: MockClock) -> None:
    async def child() -> None:
        try:
            await trio.sleep(100)
        finally:
            raise ValueError("late")

    async with open_global_context() as gctx:
        with trio.CancelScope() as scope:
            lctx = LocalContext(gctx, scope=scope)
            begin(lctx)
            task = lctx.start_soon(child)
            await trio.sleep(1)
            end(lctx)
            # The next request of the connection.
            await trio.sleep(1)
        assert task.status == "failed" and not scope.cancelled_caught


@trio_test
async def test_a_module_that_starts_during_the_shutdown(autojump_clock: MockClock) -> None:
    refused: list[str] = []

    async def slow() -> int:
        await trio.sleep(20)
        return 1

    async def shielded() -> int:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await trio.sleep(20)
        return 1

    modules = {
        "slow": Module(factory=slow, lazy=True),
        "above": Module(factory=dict, depends_on=("slow",), lazy=True),
        "shielded": Module(factory=shielded, lazy=True),
    }
    async with trio.open_nursery() as nursery:
        async with open_global_context(modules=modules) as gctx:

            async def start(name: str) -> None:
                with pytest.raises(ContextClosed, match="the application is shutting down"):
                    await gctx.start_module(name)
                refused.append(name)

            for name in modules:
                nursery.start_soon(start, name)
            await trio.sleep(0.5)
        assert trio.current_time() == 1
    assert sorted(refused) == sorted(modules)


@trio_test
async def test_a_module_that_is_up_when_the_shutdown_has_begun(autojump_clock: MockClock) -> None:
    log: list[str] = []

    @asynccontextmanager
    async def service() -> AsyncIterator[int]:
        await trio.sleep(1)
        yield 1
        log.append("stopped")

    async with open_global_context(modules={"a": Module(factory=service, lazy=True)}) as gctx:
        async with trio.open_nursery() as nursery:

            async def start() -> None:
                with pytest.raises(ContextClosed, match="the application is shutting down"):
                    await gctx.start_module("a")

            nursery.start_soon(start)
            await wait_all_tasks_blocked()
            # As when the entry succeeds in the very moment in which the shutdown begins.
            gctx._registry.closed = True
    assert log == ["stopped"]


@pytest.mark.parametrize("ticks", range(5))
@trio_test
async def test_a_restart_during_the_shutdown_is_bounded_by_it(ticks: int, autojump_clock: MockClock) -> None:
    log: list[tuple[str, float]] = []

    @asynccontextmanager
    async def below() -> AsyncIterator[None]:
        yield
        log.append(("below", trio.current_time()))

    @asynccontextmanager
    async def above() -> AsyncIterator[None]:
        yield
        try:
            await trio.sleep(100)
        finally:
            log.append(("above", trio.current_time()))

    modules = {
        "below": Module(factory=below),
        "above": Module(factory=above, depends_on=("below",), stop_timeout=50),
    }
    async with trio.open_nursery() as nursery:
        async with open_global_context(modules=modules, shutdown_timeout=4) as gctx:
            gctx.on_alert(lambda alert: None)

            async def restart() -> None:
                with pytest.raises(ContextClosed):
                    await gctx.restart_module("above")

            nursery.start_soon(restart)
            for _ in range(ticks):
                await trio.sleep(0)
        assert trio.current_time() == 4
    assert ("above", 4) in log


@trio_test
async def test_modules_below_wait_for_one_that_is_being_stopped(autojump_clock: MockClock) -> None:
    log: list[str] = []

    @asynccontextmanager
    async def below() -> AsyncIterator[None]:
        yield
        log.append("below")

    @asynccontextmanager
    async def above() -> AsyncIterator[None]:
        yield
        await trio.sleep(1)
        log.append("above")

    modules = {"below": Module(factory=below), "above": Module(factory=above, depends_on=("below",))}
    async with trio.open_nursery() as nursery:
        async with open_global_context(modules=modules) as gctx:

            async def restart() -> None:
                with pytest.raises(ContextClosed):
                    await gctx.restart_module("above")

            nursery.start_soon(restart)
            await wait_all_tasks_blocked()
    assert log == ["above", "below"]


@trio_test
async def test_an_interrupt_at_the_announcement_spares_no_request(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []
    outcomes: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    async with trio.open_nursery() as nursery:
        with pytest.raises(KeyboardInterrupt):
            async with open_global_context() as gctx:
                gctx.on_alert(alerts.append)
                gctx.on_pre_shutdown(interrupt)

                async def request() -> None:
                    async with open_local_context(gctx) as lctx:
                        await trio.sleep(100)
                    assert lctx.outcome is not None
                    outcomes.append(lctx.outcome.kind)

                nursery.start_soon(request)
                await wait_all_tasks_blocked()
        assert outcomes == ["shutdown"] and trio.current_time() == 0


@trio_test
async def test_an_exit_of_a_task_is_not_lost_behind_the_deadline(autojump_clock: MockClock) -> None:
    async def child() -> None:
        try:
            await trio.sleep(100)
        finally:
            raise SystemExit(3)

    async with open_global_context() as gctx:
        with pytest.raises(SystemExit):
            async with open_local_context(gctx, timeout=1) as lctx:
                lctx.start_soon(child)
        assert lctx.outcome is not None and lctx.outcome.kind == "timeout"


@trio_test
async def test_a_cancelled_publisher_forgets_nobody_elses_topic(autojump_clock: MockClock) -> None:
    # Which of two tasks that wake at once runs first is random: often enough for both.
    for _ in range(20):
        topics = Topics("the application")
        scope, left = trio.CancelScope(), trio.Event()
        delivered: list[Delivery] = []
        first = topics.subscribe("news", 1, "wait")
        await topics.publish("news", 0)

        async def give_up(topics: Topics = topics, scope: trio.CancelScope = scope) -> None:
            with scope:
                await topics.publish("news", 2)

        async def follow(
            topics: Topics = topics, left: trio.Event = left, delivered: list[Delivery] = delivered
        ) -> None:
            await left.wait()
            with topics.subscribe("news", 2, "wait"):
                await trio.sleep(1)
                delivered.append(await topics.publish("news", 3))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(topics.publish, "news", 1)
            await wait_all_tasks_blocked()
            nursery.start_soon(give_up)
            nursery.start_soon(follow)
            await wait_all_tasks_blocked()
            first.close()
            left.set()
            scope.cancel()
        assert delivered == [Delivery(1, 0)]
        assert len(topics) == 0


@trio_test
async def test_a_request_that_begins_during_the_drain_is_cancelled_too(autojump_clock: MockClock) -> None:
    outcomes: list[tuple[str, float]] = []
    async with trio.open_nursery() as nursery:
        async with open_global_context() as gctx:

            async def request(begins: float) -> None:
                await trio.sleep(begins)
                async with open_local_context(gctx) as lctx:
                    lctx.on_cleanup(trio.sleep, 2)
                    await trio.sleep(100)
                assert lctx.outcome is not None
                outcomes.append((lctx.outcome.kind, trio.current_time()))

            nursery.start_soon(request, 0)
            nursery.start_soon(request, 1)
            await wait_all_tasks_blocked()
    assert [kind for kind, _ in outcomes] == ["shutdown", "shutdown"]
    assert outcomes[-1][1] == pytest.approx(3, abs=0.1)


@trio_test
async def test_everybody_who_waits_for_the_last_request_hears_of_it(autojump_clock: MockClock) -> None:
    heard: list[float] = []
    async with open_global_context() as gctx:

        async def wait() -> None:
            await wait_idle(gctx)
            heard.append(trio.current_time())

        async with trio.open_nursery() as nursery:
            for round_ in (1, 2):
                async with open_local_context(gctx):
                    nursery.start_soon(wait)
                    nursery.start_soon(wait)
                    await trio.sleep(1)
                await wait_all_tasks_blocked()
                assert heard[-2:] == [round_, round_]


@trio_test
async def test_nothing_begins_after_the_end_of_the_application(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        gctx.on_shutdown(lambda: None)
    with pytest.raises(ContextClosed, match="the application has ended"):
        async with open_local_context(gctx):
            pytest.fail("it began")
    with pytest.raises(ContextClosed, match="the application has ended"):
        gctx.on_memory_pressure(lambda figures: None)
