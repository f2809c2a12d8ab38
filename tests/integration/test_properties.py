"""Properties of the assembled runtime: every request through parser, router, plan and back, in memory."""

from collections import defaultdict
from typing import Annotated, Any, TypedDict

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gnomon import App, HttpError, Request, Response, after, before, get, post
from gnomon.testing import Client
from gnomon.types import Email, Max, MaxLength, Min
from gnomon_gtype import GType
from gnomon_orchestrator import EVENT_KINDS


class Line(TypedDict):
    sku: Annotated[str, MaxLength(5)]
    quantity: Annotated[int, Min(1), Max(9)]


class Cart(TypedDict):
    email: Email
    lines: Annotated[list[Line], MaxLength(3)]
    note: str | None


CART = GType(Cart)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=7),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
near_carts = st.fixed_dictionaries(
    {
        "email": st.sampled_from(["ada@example.org", "ada", "", "a@b.cd"]) | json_values,
        "lines": st.lists(
            st.fixed_dictionaries({"sku": st.text(max_size=7), "quantity": st.integers(-1, 11)})
            | json_values,
            max_size=4,
        ),
        "note": st.none() | st.text(max_size=5) | json_values,
    }
)
bodies = near_carts | json_values


def accepted(value: Any) -> bool:
    return CART.is_valid(value)


@pytest.mark.property(10)
@given(bodies)
def test_a_handler_never_sees_a_body_that_its_type_rejects(body):
    seen = []

    @post("/carts")
    async def take(req: Request[Cart], res, lctx, gctx):
        seen.append(req.body)
        res.json({})

    async def main():
        async with Client(App(take)) as client:
            return await client.post("/carts", json=body)

    answer = trio.run(main)
    assert all(accepted(value) for value in seen)
    assert (answer.status, len(seen)) == ((200, 1) if accepted(body) else (400, 0))


@pytest.mark.property(11)
@given(bodies, st.sampled_from([200, 201, 409]))
def test_a_client_never_receives_a_body_that_the_type_of_its_status_rejects(body, status):
    @get("/cart", responses={409: Cart})
    async def give(req, res: Response[Cart], lctx, gctx):
        res.status(status).json(body)

    async def main():
        async with Client(App(give)) as client:
            return await client.get("/cart")

    answer = trio.run(main)
    if answer.status == status:
        assert accepted(answer.json())
    else:
        assert not accepted(body)
        assert (answer.status, answer.json()["code"]) == (500, "internal_error")


class Recorder:
    kinds = EVENT_KINDS

    def __init__(self) -> None:
        self.events = defaultdict(list)

    def __call__(self, event):
        self.events[event.request_id].append(event)


@get("/fine")
async def fine(req, res, lctx, gctx):
    await trio.sleep(0.01)
    res.text(lctx.meta.request_id)


@get("/refused")
async def refused(req, res, lctx, gctx):
    raise HttpError(409, "refused")


@get("/broken")
def broken(req, res, lctx, gctx):
    lctx.compensate(lambda: None)
    raise ZeroDivisionError


@get("/late", timeout=0.1)
async def late(req, res, lctx, gctx):
    await trio.sleep(10)


@get("/parallel")
async def parallel(req, res, lctx, gctx):
    lctx.start_soon(trio.sleep, 0.02)
    lctx.on_cleanup(lambda: None)
    res.text("")


@post("/carts")
async def take(req: Request[Cart], res, lctx, gctx):
    res.json({})


@before
async def look(req):
    if "x-stop" in req.headers:
        raise HttpError(403, "stopped")


@after
def stamp(res, lctx):
    res.header("x-request", lctx.meta.request_id)


KINDS = [
    "/fine",
    "/refused",
    "/broken",
    "/late",
    "/parallel",
    "/nowhere",
    "stopped",
    "invalid",
    "wrong method",
]
LAST_PHASE = {"completed", "failed"}


async def ask(client, kind):
    if kind == "stopped":
        return await client.get("/fine", headers={"x-stop": "1"})
    if kind == "invalid":
        return await client.post("/carts", json={})
    if kind == "wrong method":
        return await client.delete("/fine")
    return await client.get(kind)


@pytest.mark.property(3)
@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8))
def test_every_request_has_an_id_of_its_own_and_one_lifecycle(kinds):
    recorder = Recorder()
    shown = []

    async def main():
        app = App(fine, refused, broken, late, parallel, take, look, stamp, listeners=[recorder])
        async with Client(app) as client, trio.open_nursery() as nursery:

            async def one(kind):
                shown.append((await ask(client, kind)).headers["x-request"])

            for kind in kinds:
                nursery.start_soon(one, kind)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert len(set(shown)) == len(kinds)
    assert set(recorder.events) == set(shown)
    for events in recorder.events.values():
        names = [event.kind for event in events]
        assert names[0] == "request.received"
        assert names[-1] == "request.finished"
        assert names.count("request.received") == names.count("request.finished") == 1
        phases = [event.name for event in events if event.kind == "phase"]
        assert len(phases) == len(set(phases))
        assert phases[-1] in LAST_PHASE
        steps = [(event.kind, event.id) for event in events if event.kind.endswith(".start")]
        assert len(steps) == len(set(steps))
