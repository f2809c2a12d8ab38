"""What a context costs: making one, its id, its life, reaching a module; in units and beside plain Python."""

from __future__ import annotations

import gc
import tracemalloc
from contextvars import ContextVar
from typing import Any
from uuid import uuid4

from bench.harness import Case, Sampler, in_trio, per_loop

REQUIRES: tuple[str, ...] = ()

GOAL_CREATE, GOAL_MODULE = 1.0, 3.0
CONCURRENT = 10_000


def _fields() -> dict[str, Any]:
    return {"method": "GET", "path": "/orders/7", "route": "/orders/{id}", "version": "1", "client_id": "c"}


def _create_with_id() -> Sampler:
    from gnomon_context import LocalContext
    from gnomon_context.testing import global_context

    gctx = global_context()

    def run(count: int) -> None:
        for _ in range(count):
            lctx = LocalContext(
                gctx, method="GET", path="/orders/7", route="/orders/{id}", version="1", client_id="c"
            )
            _ = lctx.request_id

    return per_loop(run)


def _whole_life() -> Sampler:
    from gnomon_context import LocalContext, RequestPhase
    from gnomon_context.runtime import begin, commit, end
    from gnomon_context.testing import global_context

    gctx = global_context()
    phases = [phase for phase in RequestPhase if phase not in (RequestPhase.RECEIVED, RequestPhase.FAILED)]

    def run(count: int) -> None:
        for _ in range(count):
            lctx = LocalContext(gctx, method="GET", path="/orders/7", route="/orders/{id}", version="1")
            begin(lctx)
            for phase in phases:
                lctx.advance(phase)
            lctx.settle("ok")
            if lctx.extras is not None:
                commit(lctx)
            end(lctx)

    return per_loop(run)


def _uuid_and_dict() -> Sampler:
    """What a program without a context does: an id and a dict in a context variable."""
    variable: ContextVar[dict[str, Any] | None] = ContextVar("request", default=None)

    def run(count: int) -> None:
        for _ in range(count):
            variable.set({"id": uuid4().hex, **_fields()})
            variable.set(None)

    return per_loop(run)


def _module(how: str) -> Sampler:
    from gnomon_context.testing import global_context

    gctx = global_context(modules={"orders": object(), "users": object()})
    modules = gctx.modules
    plain = {"orders": object(), "users": object()}

    def attribute(count: int) -> None:
        for _ in range(count):
            _ = modules.orders

    def item(count: int) -> None:
        for _ in range(count):
            modules["orders"]

    def lookup(count: int) -> None:
        for _ in range(count):
            plain["orders"]

    return per_loop({"attribute": attribute, "item": item, "dict": lookup}[how])


def _task(how: str) -> Sampler:
    import trio

    from gnomon_context import open_global_context, open_local_context

    async def nothing() -> None: ...

    async def tracked(count: int) -> None:
        async with open_global_context() as gctx:
            for _ in range(count):
                async with open_local_context(gctx) as lctx:
                    lctx.start_soon(nothing)

    async def nursery(count: int) -> None:
        for _ in range(count):
            async with trio.open_nursery() as children:
                children.start_soon(nothing)

    return in_trio(tracked if how == "tracked" else nursery)


def _memory_left() -> float:
    """Bytes that ten thousand concurrent contexts leave behind when they have ended."""
    from gnomon_context import LocalContext
    from gnomon_context.runtime import begin, end
    from gnomon_context.testing import global_context

    gctx = global_context()

    def wave() -> None:
        live = [LocalContext(gctx, **_fields()) for _ in range(CONCURRENT)]
        for lctx in live:
            begin(lctx)
            lctx.set("user", lctx.request_id)
        for lctx in live:
            end(lctx)

    wave()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        wave()
        gc.collect()
        return float(max(0, tracemalloc.get_traced_memory()[0] - before))
    finally:
        tracemalloc.stop()


def _memory_of_the_wave() -> float:
    """Bytes that the ten thousand hold while they are alive."""
    from gnomon_context import LocalContext
    from gnomon_context.testing import global_context

    gctx = global_context()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        live = [LocalContext(gctx, **_fields()) for _ in range(CONCURRENT)]
        return float(tracemalloc.get_traced_memory()[0] - before + len(live) * 0)
    finally:
        tracemalloc.stop()


def cases() -> list[Case]:
    """The figures that the package promises, and two that say what they are worth."""
    return [
        Case("create with metadata, empty hooks and id", _create_with_id(), at_most=GOAL_CREATE),
        Case("a whole life without extras", _whole_life()),
        Case(
            "create with metadata and id",
            _create_with_id(),
            peer=_uuid_and_dict(),
            peer_name="uuid4 and a dict in a contextvar",
        ),
        Case(
            "module by attribute",
            _module("attribute"),
            peer=_module("dict"),
            peer_name="dict lookup",
            at_most=GOAL_MODULE,
        ),
        Case(
            "module by item",
            _module("item"),
            peer=_module("dict"),
            peer_name="dict lookup",
            at_most=GOAL_MODULE,
        ),
        Case(
            "a request with one task",
            _task("tracked"),
            peer=_task("nursery"),
            peer_name="a nursery with one task",
        ),
        Case(
            "left of 10,000 contexts after their end",
            _memory_left,
            peer=_memory_of_the_wave,
            peer_name="bytes while they live",
            at_most=0.01,
            rounds=3,
        ),
    ]
