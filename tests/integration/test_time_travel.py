"""Time travel and breakpoints in the real lifecycle: requests through parser, plan and context."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import trio_test

from gnomon_context import GlobalContext, LocalContext, open_global_context
from gnomon_ingress import HttpError, Request, Response
from gnomon_ingress.testing import Client
from gnomon_orchestrator import EVENT_KINDS, Hook, LifecycleEvent, Orchestrator
from gnomon_snapshot import (
    BackgroundWriter,
    Breakpoint,
    Debugger,
    MemoryStore,
    Sampling,
    Snapshot,
    StoreError,
    Timeline,
    TimeTravel,
    Types,
    capture,
)


@asynccontextmanager
async def served(
    orchestrator: Orchestrator,
    handler: Callable[..., Any],
    *,
    hooks: tuple[Hook, ...] = (),
    timeout: float = 60.0,
    seen: list[LocalContext] | None = None,
) -> AsyncIterator[Client]:
    """A client of one handler."""
    plan = orchestrator.plan(handler, hooks=hooks, name="create_order", version="1")
    async with open_global_context() as gctx:

        async def dispatch(req: Request, res: Response) -> None:
            lctx = LocalContext(
                gctx,
                method=req.method,
                path=req.path,
                route="/orders",
                version="1",
                scope=req.scope,
                timeout=timeout,
            )
            req.bind_abort(lctx.cancel)
            if seen is not None:
                seen.append(lctx)
            await req.read()
            await plan.run(req, res, lctx, gctx)

        async with Client(dispatch) as client:
            yield client


def authenticate(lctx: LocalContext) -> None:
    lctx.set("user", "eve")


async def load(lctx: LocalContext) -> None:
    lctx.set("cart", ["apple"])


async def sign(res: Response) -> None:
    res.header("signature", "s")


HOOKS = (Hook(authenticate, level="global"), Hook(sign, point="after", level="global"))
ROUTE = (Hook(load, level="route"),)


@trio_test
async def test_a_snapshot_at_every_boundary(autojump_clock: trio.abc.Clock) -> None:
    timelines: dict[str, Timeline] = {}
    types = Types(LifecycleEvent)
    travel = TimeTravel(kinds=EVENT_KINDS, finished=timelines.__setitem__, types=types)

    async def create(req: Request, res: Response, lctx: LocalContext, gctx: GlobalContext[Any]) -> None:
        lctx.get("cart").append("pear")
        travel.keep(lctx, "call orders.create")
        lctx.set("order", 7)
        res.status(201).json({"id": 7})

    orchestrator = Orchestrator(HOOKS, [travel], boundaries=[travel])
    async with served(orchestrator, create, hooks=ROUTE) as client:
        answer = await client.post("/orders", body=b"{}")
    assert answer.status == 201
    ((_, timeline),) = timelines.items()
    for each in (timeline, Timeline.from_bytes(timeline.to_bytes(), types=types)):
        at = {name: each.at(number) for number, name in enumerate(each.names)}
        names = list(each.names)
        handler = names.index("before handler")
        assert names[handler : handler + 3] == ["before handler", "call orders.create", "after handler"]
        assert names[-1] == "finished"
        assert at["before handler"].state == {"user": "eve", "cart": ["apple"]}
        assert at["call orders.create"].state == {"user": "eve", "cart": ["apple", "pear"]}
        assert at["after handler"].state == {"user": "eve", "cart": ["apple", "pear"], "order": 7}
        assert each.at(0).state == {}
        assert at["before handler"].response is not None
        assert at["before handler"].response.body is None
        assert at["after handler"].response is not None
        assert at["after handler"].response.body == {"id": 7}
        assert at["finished"].outcome == "ok"
        assert [event.kind for event in at["finished"].events][-1] == "request.finished"
        assert at["before handler"].execution is not None
        assert at["before handler"].execution.handler_id == "create_order"
    assert travel.request_ids == ()


@trio_test
async def test_a_request_that_fails_is_kept_to_its_end(autojump_clock: trio.abc.Clock) -> None:
    timelines: dict[str, Timeline] = {}
    travel = TimeTravel(finished=timelines.__setitem__)

    async def create(req: Request, res: Response, lctx: LocalContext, gctx: GlobalContext[Any]) -> None:
        lctx.set("order", 7)
        raise HttpError(409, "sold_out")

    async with served(Orchestrator(HOOKS, [travel], boundaries=[travel]), create) as client:
        assert (await client.post("/orders")).status == 409
    (timeline,) = timelines.values()
    assert "failed handler" in timeline.names
    assert timeline.at(-1).outcome == "error"
    assert timeline.at(timeline.names.index("failed handler")).state["order"] == 7


@trio_test
async def test_what_is_not_sampled_leaves_nothing(autojump_clock: trio.abc.Clock) -> None:
    travel = TimeTravel(wants=Sampling(rate=0.0).wants)

    async def create(req: Request, res: Response, lctx: LocalContext, gctx: GlobalContext[Any]) -> None:
        res.text("fine")

    async with served(Orchestrator(HOOKS, [travel], boundaries=[travel]), create) as client:
        assert (await client.get("/orders")).status == 200
    assert travel.request_ids == ()


@given(
    before=st.lists(st.dictionaries(st.sampled_from("abc"), st.integers() | st.text()), max_size=5),
    after=st.lists(st.dictionaries(st.sampled_from("abc"), st.integers() | st.text()), max_size=5),
    fails=st.booleans(),
)
def test_every_hook_finds_its_state_again(
    before: list[dict[str, Any]], after: list[dict[str, Any]], fails: bool
) -> None:
    """Whatever hooks there are, the snapshot at each boundary has the state that the step met."""
    met: list[dict[str, Any]] = []

    def stores(values: dict[str, Any]) -> Callable[[LocalContext], None]:
        def hook(lctx: LocalContext) -> None:
            met.append({key: lctx.get(key) for key in lctx})
            for key, value in values.items():
                lctx.set(key, value)

        return hook

    async def create(req: Request, res: Response, lctx: LocalContext, gctx: GlobalContext[Any]) -> None:
        met.append({key: lctx.get(key) for key in lctx})
        if fails:
            raise ValueError("no")
        res.text("fine")

    timelines: dict[str, Timeline] = {}
    travel = TimeTravel(finished=timelines.__setitem__)
    hooks = [Hook(stores(values), name=f"b{number}") for number, values in enumerate(before)]
    hooks += [Hook(stores(values), "after", name=f"a{number}") for number, values in enumerate(after)]

    async def main() -> None:
        async with served(Orchestrator(hooks, [travel], boundaries=[travel]), create) as client:
            await client.get("/orders")

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    (timeline,) = timelines.values()
    entered = [number for number, name in enumerate(timeline.names) if name.startswith("before ")]
    assert [timeline.at(number).state for number in entered] == met


@trio_test
async def test_a_breakpoint_edits_a_real_request(autojump_clock: trio.abc.Clock) -> None:
    debugger = Debugger()

    async def create(req: Request, res: Response, lctx: LocalContext, gctx: GlobalContext[Any]) -> None:
        res.status(201).json({"user": lctx.get("user"), "via": req.headers["via"]})

    point = Breakpoint(handler="create_order", match=[("/state/user", "==", "eve")], timeout=30)
    late = Breakpoint(handler="create_order", when="after", timeout=30)
    async with (
        served(Orchestrator(HOOKS, boundaries=[debugger]), create, timeout=5) as client,
        trio.open_nursery() as nursery,
    ):
        with debugger.attach(point, late) as session:
            answers: list[Any] = []

            async def ask() -> None:
                answers.append(await client.get("/orders", headers={"Via": "one"}))

            nursery.start_soon(ask)
            paused = await session.next()
            assert paused.snapshot.state == {"user": "eve"}
            await trio.sleep(20)  # longer than the request may take: its deadline stands still
            paused.edit("/state/user", "adam")
            paused.edit("/request/headers/via", "two")
            paused.proceed()
            paused = await session.next()
            assert paused.snapshot.response is not None
            assert paused.snapshot.response.body == {"user": "adam", "via": "two"}
            paused.edit("/response/status_code", 202)
            paused.edit("/response/headers/seen", "yes")
            paused.edit("/response/body/user", "nobody")
            paused.proceed()
    (answer,) = answers
    assert (answer.status, answer.headers["seen"]) == (202, "yes")
    assert answer.json() == {"user": "nobody", "via": "two"}
    assert answer.headers["signature"] == "s"


@trio_test
async def test_a_breakpoint_aborts_a_real_request(autojump_clock: trio.abc.Clock) -> None:
    debugger = Debugger()
    ran: list[str] = []
    seen: list[LocalContext] = []

    async def create(req: Request, res: Response, lctx: LocalContext, gctx: GlobalContext[Any]) -> None:
        ran.append("handler")

    async with (
        served(Orchestrator(HOOKS, boundaries=[debugger]), create, seen=seen) as client,
        trio.open_nursery() as nursery,
    ):
        with debugger.attach(Breakpoint(hook="*", match=[("/state/user", "exists", False)])) as session:
            nursery.start_soon(client.get, "/orders")
            (await session.next()).abort()
    assert ran == []
    assert seen[0].outcome is not None
    assert seen[0].outcome.kind == "cancelled"


@trio_test
async def test_the_end_of_a_session_lets_real_requests_go(autojump_clock: trio.abc.Clock) -> None:
    debugger = Debugger()

    async def create(req: Request, res: Response, lctx: LocalContext, gctx: GlobalContext[Any]) -> None:
        res.text("fine")

    statuses: list[int] = []
    async with served(Orchestrator(HOOKS, boundaries=[debugger]), create) as client:

        async def ask() -> None:
            statuses.append((await client.get("/orders")).status)

        async with trio.open_nursery() as nursery:
            with debugger.attach(Breakpoint(handler="*", times=None)) as session:
                nursery.start_soon(ask)
                await session.next()
    assert statuses == [200]
    assert trio.current_time() < 1


async def slow(*snapshots: Snapshot) -> None:
    await trio.sleep(3600)


async def full(*snapshots: Snapshot) -> None:
    raise StoreError("the disk is full")


async def gone(*snapshots: Snapshot) -> None:
    raise ZeroDivisionError  # as no store should


@pytest.mark.parametrize("put", [slow, full, gone])
def test_a_bad_store_neither_slows_nor_fails_a_request(
    put: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    monkeypatch.setattr(store, "put", put)
    writer = BackgroundWriter(store, capacity=4, batch=2)

    async def create(req: Request, res: Response, lctx: LocalContext, gctx: GlobalContext[Any]) -> None:
        writer.offer(capture(lctx, request=req, response=res))
        res.text("fine")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(writer.run)
            async with served(Orchestrator(HOOKS), create) as client:
                for _ in range(20):
                    assert (await client.get("/orders")).status == 200
            assert trio.current_time() < 1
            statistics = writer.statistics()
            assert not statistics.healthy
            assert statistics.offered == 20
            assert statistics.written == 0
            nursery.cancel_scope.cancel()
        statistics = writer.statistics()
        assert statistics.dropped + statistics.failed == 20
        assert statistics.queued == 0

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.01))
