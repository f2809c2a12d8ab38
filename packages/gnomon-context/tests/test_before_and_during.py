"""What a runtime can ask: whether the modules of an application can start, and which requests are live."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, trio_test

from gnomon_context import GlobalContext, Module, ModuleCycle, ModuleNotFound, open_global_context
from gnomon_context.runtime import begin, check_modules, end, live_requests
from gnomon_context.testing import local_context


def module(*needs: str) -> Module:
    return Module(factory=lambda: 1, depends_on=needs)


def test_modules_that_cannot_start_are_found_without_starting_any() -> None:
    check_modules(GlobalContext(modules={"a": module("b"), "b": module()}))
    with pytest.raises(ModuleCycle, match="a -> b -> a"):
        check_modules(GlobalContext(modules={"a": module("b"), "b": module("a")}))
    with pytest.raises(ModuleNotFound, match="'a' depends on one that is missing"):
        check_modules(GlobalContext(modules={"a": module("b")}))


@trio_test
async def test_live_requests_are_those_that_have_begun_and_not_ended(autojump_clock: MockClock) -> None:
    async with open_global_context(GlobalContext()) as gctx:
        first, second = local_context(gctx), local_context(gctx)
        for lctx in (second, first):
            begin(lctx)
        assert set(live_requests(gctx.view())) == {first, second}
        assert [each.meta.received_ns for each in live_requests(gctx)] == sorted(
            each.meta.received_ns for each in (first, second)
        )
        end(first)
        assert live_requests(gctx) == (second,)
        end(second)
        assert live_requests(gctx) == ()
        await trio.lowlevel.checkpoint()
