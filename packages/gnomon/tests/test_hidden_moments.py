"""What a type calls sensitive is in no snapshot that is taken while a request runs, whoever takes it."""

import logging

import pytest
import trio
from canaries import PLACES, SECRETS, WAYS, Bank, Queried, app_of, ask, forms_of, ways_of
from hypothesis import given
from hypothesis import strategies as st

from gnomon import App, Request, before, get, post, websocket
from gnomon.testing import Client
from gnomon.types import Sensitive
from gnomon_orchestrator import EVENT_KINDS
from gnomon_snapshot import Breakpoint, Debugger, MemoryStore, Recorder, Sampling, TimeTravel, capture


class Found:
    """Keeps every byte and every text that anybody could see of a request."""

    def __init__(self, **options):
        self.seen = []
        self.debugger = Debugger()
        self.travel = TimeTravel(finished=self.finished, kinds=EVENT_KINDS, **options)
        self.options = {"boundaries": [self.debugger, self.travel], "listeners": [self.travel]}

    def finished(self, request_id, timeline):
        self.seen.append(timeline.to_bytes())
        for step in range(len(timeline)):
            self.look_at(timeline.at(step))

    def look_at(self, snapshot):
        self.seen.append(snapshot.to_bytes())
        shown = f"{snapshot.state} {snapshot.request} {snapshot.response} {snapshot.error!r} {snapshot.tasks}"
        self.seen.append(f"{shown} {snapshot.events} {snapshot.losses} {snapshot.meta}".encode())

    async def hold(self, *, task_status):
        stops = [
            Breakpoint(handler="*"),
            Breakpoint(handler="*", when="after"),
            Breakpoint(hook="*", when="after", times=None),
        ]
        with self.debugger.attach(*stops) as session:
            task_status.started()
            async for paused in session:
                self.look_at(paused.snapshot)
                paused.edit("/request/method", "PUT")
                paused.edit("/request/target", "/elsewhere")
                self.look_at(paused.look())
                paused.edit("/request/method", "POST")
                paused.proceed()


def shown_of(found, app, request):
    """What could be seen of one request."""

    async def main():
        async with Client(app) as client, trio.open_nursery() as nursery:
            await nursery.start(found.hold)
            await request(client)
            nursery.cancel_scope.cancel()

    trio.run(main)
    return b"".join(found.seen)


@pytest.fixture(autouse=True)
def quiet(caplog):
    """What fails is in the log of the application, many times over."""
    caplog.set_level(logging.CRITICAL)


# The items of a stream are made when its handler is long over.
@given(
    st.sampled_from(PLACES[:-1]),
    SECRETS,
    st.lists(st.integers(0, len(WAYS) - 1), max_size=3),
    st.booleans(),
)
def test_it_is_in_no_snapshot_of_a_debugger_or_of_time_travel(place, secret, ways, recorded):
    if place == "header":
        secret = secret.encode("ascii", "ignore").decode()
    bank, found = Bank(), Found()
    bank.secret = secret
    recorder = Recorder(MemoryStore(), sampling=Sampling(rate=1.0)) if recorded else None
    app = app_of(recorder, bank, **found.options)
    data = shown_of(found, app, lambda client: ask(client, place, secret, ways_of(place, ways)))
    assert len(found.seen) > 4
    assert not [form for form in forms_of(secret) if form in data]


@given(st.sampled_from(PLACES[:5]), st.sampled_from([0, 3, 6]))
def test_time_travel_that_begins_with_a_failure_hides_what_was_there_before(place, way):
    """The request is wanted when its steps are over, and its types are asked all the same."""
    secret, found = "canary-77-sesame", Found(wants=Sampling(rate=0.0, failures=True).wants)
    app = app_of(None, Bank(), **found.options)
    data = shown_of(found, app, lambda client: ask(client, place, secret, [way, 2, 10]))
    assert len(found.seen) > 2
    assert not [form for form in forms_of(secret) if form in data]


class Code:
    def redact(self, value):
        return {**value, "code": "***"}


def test_a_snapshot_that_a_handler_takes_hides_it_too_beside_what_its_own_redactors_do():
    taken = []

    @post("/pay")
    async def pay(req: Request[dict[str, Sensitive[str]]], res, lctx, gctx):
        lctx.set("card", req.body["card"])
        taken.append(capture(lctx, request=req))
        taken.append(capture(lctx, request=req, redactors={"request.body": Code()}))
        res.json(None)

    async def main():
        async with Client(App(pay)) as client:
            answer = await client.post("/pay", json={"card": "canary-4711", "code": "other-4711"})
            assert answer.status == 200, answer.body

    trio.run(main)
    for snapshot in taken:
        assert snapshot.state == {"card": "<withheld>"}
        assert b"canary" not in snapshot.to_bytes()


@before
async def no_path(lctx):
    lctx.set("path", lctx.meta.path)


def test_requests_without_a_route_or_a_type_are_shown_as_they_are():
    @get("/plain")
    async def plain(req, res, lctx, gctx):
        res.json({"card": "4711-4711"})

    @websocket("/talk")
    async def talk(req: Request[None, Queried], ws, lctx, gctx):
        lctx.set("token", req.query["token"])
        await ws.send("hello")

    async def ask(client):
        await client.get("/plain")
        await client.get("/nowhere")
        await client.post("/plain")
        async with client.websocket("/talk?token=canary-77") as socket:
            assert await socket.receive() == "hello"

    found = Found()
    data = shown_of(found, App(plain, talk, no_path, **found.options), ask)
    assert b"4711-4711" in data
    assert b"canary" not in data
