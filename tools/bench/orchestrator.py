"""Plans: what they cost over the bare handler, and what listeners, timeouts and concurrency add."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from bench.harness import Case, Sampler, unit_loop
from gnomon_context import LocalContext, open_global_context
from gnomon_context.runtime import begin, end
from gnomon_orchestrator import EVENT_KINDS, Hook, LifecycleEvent, Orchestrator, Plan

TOGETHER = 4000
BATCH = 300
BATCHES = 20
REQUIRES: tuple[str, ...] = ()

RunOne = Callable[[Any, "Response", LocalContext, Any], Awaitable[object]]


class Response:
    """As little as a plan can do with, so that only the plan is measured."""

    __slots__ = ("body", "finished", "started", "status_code")

    def __init__(self) -> None:
        self.status_code = 200
        self.body: object = b""
        self.started = self.finished = False

    async def send(self, before_first_byte: object = None) -> None:
        self.started = True


class Listens:
    def __init__(self, *kinds: Any) -> None:
        self.kinds = kinds or EVENT_KINDS

    def __call__(self, event: LifecycleEvent, /) -> None: ...


async def handler(req: object, res: Response, lctx: object, gctx: object) -> None:
    res.finished = True


def sync_hook(req: object, res: object, lctx: object, gctx: object) -> None: ...


async def async_hook(req: object, res: object, lctx: object, gctx: object) -> None: ...


async def bare(req: object, res: Response, lctx: LocalContext, gctx: object) -> None:
    """What there is without a plan: the context begins and ends, the handler runs, the answer is sent."""
    begin(lctx)
    await handler(req, res, lctx, gctx)
    await res.send()
    end(lctx)


def hooks(count: int, point: Any, **options: Any) -> list[Hook]:
    """Half of them async."""
    return [Hook((sync_hook, async_hook)[n % 2], point, **options) for n in range(count)]


def plan(before: int = 0, after: int = 0, *listeners: Listens, more: tuple[Hook, ...] = ()) -> Plan:
    chosen = [*hooks(before, "before"), *hooks(after, "after"), *more]
    return Orchestrator(chosen, listeners).plan(handler)


def lower_quartile(spent: list[int]) -> float:
    """Of nanoseconds, as seconds each: what a batch costs that nothing came between."""
    return sorted(spent)[len(spent) // 4] / BATCH / 1e9


def added(first: RunOne, second: RunOne, count: int) -> Sampler:
    """Processor seconds that ``first`` takes more than ``second``, per one of ``count`` things.

    Both cost ten times what is looked for, so that each sample takes them in turn, in small batches.
    """

    async def batch(run_one: RunOne, gctx: Any) -> int:
        res = Response()
        began = time.thread_time_ns()
        for _ in range(BATCH):
            res.finished = False
            await run_one(None, res, LocalContext(gctx), gctx)
        return time.thread_time_ns() - began

    async def run() -> float:
        async with open_global_context() as gctx:
            rounds = [(await batch(first, gctx), await batch(second, gctx)) for _ in range(BATCHES)]
        return (
            lower_quartile([one for one, _ in rounds]) - lower_quartile([other for _, other in rounds])
        ) / count

    return lambda: trio.run(run)


def unit() -> float:
    """The unit in processor time, taken as above."""
    spent = []
    for _ in range(BATCHES):
        began = time.thread_time_ns()
        unit_loop(BATCH)
        spent.append(time.thread_time_ns() - began)
    return lower_quartile(spent)


async def timed(req: object, res: object, lctx: object, gctx: object) -> None: ...


async def five_scopes(req: object, res: Response, lctx: LocalContext, gctx: object) -> None:
    begin(lctx)
    for _ in range(5):
        with trio.move_on_after(5.0):
            await timed(req, res, lctx, gctx)
    await handler(req, res, lctx, gctx)
    await res.send()
    end(lctx)


def around(width: int, *, planned: bool) -> float:
    """Mean processor seconds that a request spends outside of its handler, with ``width`` at once that each sleep.

    The sleep itself and the change of tasks cost ten times what is looked for, and differ from run to run by as
    much as that; so the clock is read where the handler begins and ends, and only what is around it counts: there
    is no checkpoint in it. Collections of garbage fall into it as they come.
    """
    clock = time.thread_time_ns
    spent = 0

    async def sleeper(req: Any, res: Response, lctx: object, gctx: object) -> None:
        req.append(clock())
        await trio.sleep(0.001)
        res.finished = True
        req.append(clock())

    async def without_plan(req: Any, res: Response, lctx: LocalContext, gctx: object) -> None:
        begin(lctx)
        await sleeper(req, res, lctx, gctx)
        await res.send()
        end(lctx)

    run: Any = Orchestrator([*hooks(5, "before"), *hooks(5, "after")]).plan(sleeper).run
    if not planned:
        run = without_plan

    async def one(gctx: Any) -> None:
        nonlocal spent
        res = Response()
        for _ in range(TOGETHER // width):
            res.finished = False
            lctx = LocalContext(gctx, timeout=30.0)
            marks: list[int] = []
            began = clock()
            await run(marks, res, lctx, gctx)
            spent += clock() - began - (marks[1] - marks[0])

    async def run_all() -> None:
        async with open_global_context() as gctx, trio.open_nursery() as nursery:
            for _ in range(width):
                nursery.start_soon(one, gctx)

    trio.run(run_all)
    return spent / TOGETHER / 1e9


def overhead(width: int) -> Sampler:
    """What a plan adds to each of ``width`` requests at once."""
    return lambda: around(width, planned=True) - around(width, planned=False)


def cases() -> list[Case]:
    zero, ten = plan(), plan(5, 5)
    heard, heard_ten = plan(0, 0, Listens()), plan(5, 5, Listens())
    one_kind = plan(5, 5, Listens("request.finished"))
    scoped = Orchestrator([Hook(timed, timeout=5.0, name=str(n)) for n in range(5)]).plan(handler)
    in_units: dict[str, Any] = {"peer": unit, "peer_name": "unit"}
    return [
        Case("no hooks, over calling the handler", added(zero.run, bare, 1), at_most=1.0, **in_units),
        Case("10 no-op hooks, over calling the handler", added(ten.run, bare, 1), at_most=3.0, **in_units),
        Case(
            "a listener, per event (30 of 10 hooks)",
            added(heard_ten.run, ten.run, 30),
            at_most=0.4,
            **in_units,
        ),
        Case(
            "a listener, per event (10 of no hooks)",
            added(heard.run, zero.run, 10),
            at_most=0.4,
            **in_units,
        ),
        Case("a listener of one kind, whole", added(one_kind.run, ten.run, 1), at_most=0.5, **in_units),
        Case(
            "5 async hooks with timeouts, over a plan without hooks",
            added(scoped.run, zero.run, 1),
            added(five_scopes, bare, 1),
            "5 × trio.move_on_after",
            at_most=1.2,
        ),
        Case(
            "1,000 requests at once: overhead of each",
            overhead(1000),
            overhead(10),
            "10 at once",
            at_most=1.1,
            rounds=11,
        ),
    ]
