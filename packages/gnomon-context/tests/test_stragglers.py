"""What ignores its cancellation keeps the application from ending, and is named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, trio_test

from gnomon_context import Alert, GlobalContext, open_global_context, open_local_context


async def detach(gctx: GlobalContext[Any], stubborn: Callable[[], Awaitable[None]]) -> None:
    async with open_local_context(gctx) as lctx:
        lctx.detach(stubborn, name="report")


async def start(gctx: GlobalContext[Any], stubborn: Callable[[], Awaitable[None]]) -> None:
    async with open_local_context(gctx) as lctx:
        lctx.start_soon(stubborn, name="report")
        lctx.cancel()


async def enter(gctx: GlobalContext[Any], stubborn: Callable[[], Awaitable[None]]) -> None:
    @asynccontextmanager
    async def lock() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await stubborn()

    async with open_local_context(gctx) as lctx:
        await lctx.enter(lock(), name="report")
        lctx.cancel()


@pytest.mark.parametrize("use", [detach, start, enter])
@pytest.mark.parametrize("shutdown_timeout", [20.0, 0.4])
@trio_test
async def test_a_task_that_outlives_the_shutdown_is_named(
    use: Any, shutdown_timeout: float, autojump_clock: MockClock
) -> None:
    alerts: list[tuple[float, Alert]] = []
    released = trio.Event()
    began = 0.0

    def note(alert: Alert) -> None:
        alerts.append((trio.current_time() - began, alert))
        if alert.kind == "task_outlived" and "request_id" not in alert.detail:
            released.set()

    async def stubborn() -> None:
        with trio.CancelScope(shield=True):
            await released.wait()

    async with open_global_context(shutdown_timeout=shutdown_timeout) as gctx:
        gctx.on_alert(note)
        await use(gctx, stubborn)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
    when, alert = alerts[-1]
    assert (alert.kind, alert.detail) == ("task_outlived", {"tasks": ["report"]})
    # Cancelled tasks have a moment after a shutdown that took all of its time.
    assert shutdown_timeout <= when <= shutdown_timeout + 3.0


@trio_test
async def test_what_ends_in_time_is_not_named(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []

    async def slow() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 0.5):
                await trio.sleep(0.4)

    async with open_global_context(shutdown_timeout=4) as gctx:
        gctx.on_alert(alerts.append)
        await detach(gctx, slow)
    assert [alert.kind for alert in alerts] == ["detached_cancelled"]
    assert trio.current_time() < 4
