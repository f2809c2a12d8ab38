"""What an application calls sensitive is hidden in every snapshot of its requests, and in those of no other."""

from types import SimpleNamespace

from trio.testing import trio_test

from gnomon_context import GlobalContext, LocalContext
from gnomon_snapshot import MemoryStore, Recorder, TimeTravel, capture, protect


class Blank:
    """Takes one key out of a mapping."""

    def __init__(self, name):
        self.name = name

    def redact(self, value):
        return {**value, self.name: "***"}


class Given:
    """A request."""

    method, target, headers = "POST", "/pay", {}

    def __init__(self, body):
        self.body = body


def bodies(lctx, response):
    return {"request.body": Blank("card")}


def test_all_views_of_an_application_are_meant_and_no_other():
    gctx, other = GlobalContext(), GlobalContext()
    protect(gctx, bodies)
    request = Given({"card": "4111-1111"})
    for shared, shown in ((gctx, "<withheld>"), (gctx.view(), "<withheld>"), (other, "4111-1111")):
        lctx = LocalContext(shared)
        lctx.set("card", "4111-1111")
        assert capture(lctx, request=request).state == {"card": shown}


def test_what_is_given_for_the_same_place_and_for_others_is_asked_too():
    gctx = GlobalContext()
    protect(gctx, bodies)
    lctx = LocalContext(gctx)
    lctx.set("form", {"pin": "48151", "page": 7})
    own = {"request.body": Blank("code"), "state.form": Blank("pin")}
    request = Given({"card": "4111-1111", "code": "sesame-7", "sku": "a"})
    snapshot = capture(lctx, request=request, redactors=own)
    assert snapshot.request.body == {"card": "***", "code": "***", "sku": "a"}
    assert snapshot.state == {"form": {"pin": "***", "page": 7}}


def test_what_was_hidden_once_stays_hidden_when_it_is_taken_out_of_the_request():
    gctx = GlobalContext()
    protect(gctx, bodies)
    lctx = LocalContext(gctx)
    request = Given({"card": "4111-1111"})
    capture(lctx, request=request)
    lctx.set("card", request.body.pop("card"))
    assert capture(lctx).state == {"card": "<withheld>"}


class NoReference(tuple):
    """A response that no weak reference can be kept of."""

    __slots__ = ()


@trio_test
async def test_time_travel_that_begins_late_knows_the_request_from_its_last_step():
    gctx = GlobalContext()
    protect(gctx, bodies)
    lctx = LocalContext(gctx)
    wanted = []
    travel = TimeTravel(wants=lambda lctx: bool(wanted))
    request = Given({"card": "4111-1111"})
    step = SimpleNamespace(kind="hook", name="pay", id="pay", req=request, res=NoReference())
    await travel.before_step(step, lctx)
    lctx.set("card", "4111-1111")
    assert travel.timeline(lctx.request_id) is None
    wanted.append(True)
    travel.keep(lctx, "late")
    snapshot = travel.timeline(lctx.request_id).at(0)
    assert snapshot.state == {"card": "<withheld>"}
    assert snapshot.response is None


@trio_test
async def test_a_topic_that_is_named_after_a_secret_is_not_told():
    live = Recorder(MemoryStore()).begin(GlobalContext())
    lctx = LocalContext(live.gctx)
    live.began(lctx)
    live.gctx.publish_nowait("card 4111-1111", None)
    redactors = {"request.body": Blank("card")}
    recording = live.finish(lctx, request=Given({"card": "4111-1111"}), redactors=redactors)
    assert "card <withheld>" in recording.unrecorded[0]
    assert b"4111-1111" not in recording.to_bytes()
