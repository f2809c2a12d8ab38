"""One request from its beginning to its end, through `open_local_context`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, trio_test

from gnomon_context import (
    ContextClosed,
    DeadlineExceeded,
    NoContext,
    current_context,
    open_global_context,
    open_local_context,
)


@trio_test
async def test_a_block_is_a_request(autojump_clock: MockClock) -> None:
    log: list[str] = []
    async with open_global_context() as gctx, open_local_context(gctx, path="/a") as lctx:
        assert current_context() is lctx
        lctx.on_cleanup(log.append, "first registered")
        lctx.on_cleanup(log.append, "last registered")
        lctx.compensate(log.append, "undone")
        assert lctx.meta.path == "/a"
    assert log == ["last registered", "first registered"]
    assert lctx.outcome is not None and lctx.outcome.ok
    with pytest.raises(NoContext):
        current_context()
    with pytest.raises(ContextClosed, match=lctx.request_id):
        lctx.get("anything")


@trio_test
async def test_the_deadline_cancels_and_undoes(autojump_clock: MockClock) -> None:
    log: list[str] = []
    async with open_global_context() as gctx:
        with pytest.raises(DeadlineExceeded):
            async with open_local_context(gctx, timeout=0.3) as lctx:
                lctx.compensate(log.append, "undone")
                lctx.on_timeout(lambda error: log.append("timeout"))
                lctx.on_error(lambda error: log.append("error"))
                lctx.on_cleanup(lambda: log.append(f"cleanup after {lctx.cancel_reason}"))
                await trio.sleep_forever()
        assert trio.current_time() == pytest.approx(0.3)
    assert log == ["timeout", "undone", "cleanup after deadline"]
    assert lctx.outcome is not None and lctx.outcome.kind == "timeout"


@trio_test
async def test_a_failing_task_cancels_the_block_and_is_what_it_raises(autojump_clock: MockClock) -> None:
    log: list[str] = []

    @asynccontextmanager
    async def transaction() -> AsyncIterator[str]:
        try:
            yield "transaction"
        except ZeroDivisionError:
            log.append("rolled back")
            raise
        log.append("committed")

    async def fail() -> None:
        await trio.sleep(1)
        raise ZeroDivisionError("a task failed")

    async with open_global_context() as gctx:
        with pytest.raises(ZeroDivisionError):
            async with open_local_context(gctx, timeout=10) as lctx:
                assert await lctx.enter(transaction()) == "transaction"
                task = lctx.start_soon(fail)
                await trio.sleep_forever()
        async with open_local_context(gctx) as other:
            await other.enter(transaction())
    assert log == ["rolled back", "committed"]
    assert task.status == "failed" and isinstance(task.error, ZeroDivisionError)
    assert lctx.outcome is not None and lctx.outcome.kind == "error"


@trio_test
async def test_tasks_are_joined_then_cancelled(autojump_clock: MockClock) -> None:
    async def work(seconds: float) -> float:
        await trio.sleep(seconds)
        return seconds

    async with open_global_context() as gctx:
        async with open_local_context(gctx, timeout=10) as lctx:
            short = lctx.start_soon(work, 3)
        assert trio.current_time() == 3 and (short.status, short.result) == ("done", 3)
        with pytest.raises(DeadlineExceeded):
            async with open_local_context(gctx, timeout=10) as lctx:
                long = lctx.start_soon(work, 30)
        assert trio.current_time() == 13 and long.status == "cancelled"
        assert lctx.tasks == (long,)


@trio_test
async def test_detached_work_outlives_its_request(autojump_clock: MockClock) -> None:
    seen: list[str] = []

    async def work() -> None:
        await trio.sleep(2)
        seen.append(current_context().meta.trace_id)

    async with open_global_context() as gctx:
        async with open_local_context(gctx) as lctx:
            lctx.detach(work)
        assert trio.current_time() == 0
    assert trio.current_time() == 2
    assert seen == [lctx.meta.trace_id]
