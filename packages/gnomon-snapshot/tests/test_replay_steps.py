"""Where a replay may begin, what may be edited first, and what is seen of what requests share."""

import pytest
from replays import first, last, recorded, second, untouched

from gnomon_context import SharedState
from gnomon_snapshot import (
    Difference,
    Edit,
    MemoryStore,
    Recorder,
    ReplayError,
    replay,
)
from gnomon_snapshot.testing import Application, Asked


def steps_recording():
    return recorded(last, hooks=[first, second])


def test_a_replay_goes_on_at_a_boundary():
    recording = steps_recording()
    assert [step.name for step in recording.steps] == [
        "first",
        "store.price('a')",
        "second",
        "store.price('bb')",
        "handler",
        "store.load(1)",
        "store.load(2)",
    ]
    called = []

    def wrong(req, res, lctx, gctx):
        called.append(req)

    wrong.__name__ = "first"
    for step in (2, "second"):
        report = replay(recording, untouched(last, hooks=[wrong, second]), from_step=step)
        assert report.empty, str(report)
    assert called == []
    report = replay(
        recording,
        untouched(last, hooks=[first, second]),
        from_step="handler",
        edit=Edit(state={"second": 50, "list": ...}),
    )
    assert report.response == (Difference("/body/second", 3, 50), Difference("/body/list", [1], None))
    assert replay(recording, untouched(last, hooks=[first, second]), from_step=0).empty


def test_a_replay_goes_on_at_a_call_with_the_earlier_ones_answered():
    recording = steps_recording()

    async def watching(req, res, lctx, gctx):
        before = lctx.get("who")
        await last(req, res, lctx, gctx)
        res.body["before"] = before

    report = replay(
        recording,
        untouched(watching, hooks=[first, second]),
        from_step="store.load(2)",
        edit=Edit(state={"who": "eve", "gone": ...}),
    )
    body = report.replayed.snapshot.response.body
    assert (body["before"], body["who"], body["sum"]) == (None, "eve", 3)
    # without snapshots it begins at the beginning
    app = untouched(last, hooks=[first, second], recorder=Recorder(MemoryStore()))
    plain = recorded(last, hooks=[first, second], recorder=Recorder(MemoryStore()))
    report = replay(plain, app, from_step="store.load(2)", edit=Edit(state={"who": "eve"}))
    assert report.response == (Difference("/body/who", None, "eve"),)
    with pytest.raises(ReplayError, match=r"no step 'nowhere'; there are: 0 store.price\('a'\)"):
        replay(plain, app, from_step="nowhere")


def test_a_step_that_is_gone_is_said_to_be():
    recording = steps_recording()
    report = replay(recording, untouched(last, hooks=[second]), from_step="second")
    assert report.divergences == ()

    def renamed(req, res, lctx, gctx):
        raise LookupError("before the handler")

    report = replay(recording, untouched(last, hooks=[renamed]), from_step="handler")
    (divergence,) = report.divergences
    assert str(divergence).startswith("call 2: the step handler was not reached: it is not there any more")


def test_the_request_may_be_edited_first():
    def handler(req, res, lctx, gctx):
        res.body = [req.method, req.target, dict(req.headers), req.raw_body, req.body, lctx.get("flag")]

    recording = recorded(handler, Asked("GET", "/a", {"x-one": "1", "X-Two": "2"}, b"body"))
    edit = Edit(
        method="PUT",
        target="/b",
        headers={"x-two": "3", "x-one": None, "x-no": None},
        body={"a": 1},
        state={"flag": 1},
    )
    body = replay(recording, untouched(handler), edit=edit).replayed.snapshot.response.body
    assert body == ["PUT", "/b", {"x-two": "3"}, b'{"a": 1}', None, 1]
    body = replay(recording, untouched(handler), edit=Edit(body=b"raw")).replayed.snapshot.response.body
    assert (body[0], body[3]) == ("GET", b"raw")


def test_shared_state_is_answered_from_the_recording() -> None:
    async def handler(req, res, lctx, gctx) -> None:
        state = gctx.state
        before = state.get("visits", 0)
        now = state.update("visits", lambda visits: visits + 1, default=0)
        narrow = gctx.view(only=()).state.snapshot()
        res.body = [before, now, narrow, "visits" in state, len(state), isinstance(state, SharedState)]
        with pytest.raises(KeyError):
            state.delete("nothing")

    app = Application(handler)
    recording = app.record()
    assert [str(call).partition("(")[0] for call in recording.calls] == [
        "gctx.state.get",
        "gctx.state.update",
        "gctx.state.snapshot",
        "gctx.state.__contains__",
        "gctx.state.__len__",
        "gctx.state.delete",
    ]
    assert not recording.unrecorded
    assert recording.snapshot.response is not None
    assert recording.snapshot.response.body == [0, 1, {"visits": 1}, True, 1, True]
    assert replay(recording, app).empty, str(replay(recording, app))

    async def other(req, res, lctx, gctx) -> None:
        res.body = gctx.state.get("other")

    report = replay(recording, Application(other))
    assert [each.actual for each in report.divergences] == ["gctx.state.get('other')"]


def test_messages_of_a_topic_are_said_to_be_unrecorded() -> None:
    async def handler(req, res, lctx, gctx) -> None:
        with gctx.subscribe("news", max_buffer=1):
            await gctx.publish("news", "here")
            res.body = "published"

    app = Application(handler)
    recording = app.record()
    told = (
        "gctx.subscribe: the messages of a topic are not recorded (here 'news')",
        "gctx.publish: the messages for a topic are not recorded (here 'news')",
    )
    assert recording.unrecorded == told
    report = replay(recording, app)
    assert (report.empty, report.unrecorded) == (True, told)
    assert f"unrecorded  {told[0]}" in str(report)


def test_a_property_that_raises_raises_again() -> None:
    class Account:
        @property
        def balance(self):
            raise ValueError("closed")

    async def handler(req, res, lctx, gctx) -> None:
        try:
            res.body = gctx.modules.account.balance
        except ValueError as error:
            res.body = str(error)

    app = Application(handler, modules={"account": Account()})
    recording = app.record()
    assert [(call.mode, call.outcome) for call in recording.calls] == [("get", "raised")]
    assert replay(recording, app).empty


def test_arguments_that_a_module_changes_are_said_to_be_unrecorded() -> None:
    class Basket:
        def fill(self, things, *, more=()):
            things.append(1)

        async def look(self, things, *, more=()):
            return len(things)

        async def empty(self, things):
            things.clear()

    async def handler(req, res, lctx, gctx) -> None:
        basket, things = gctx.modules.basket, [0]
        basket.fill(things)
        await basket.look(things, more={"a": things, "b": things})
        await basket.empty([1])
        res.body = len(things)

    recording = Application(handler, modules={"basket": Basket()}).record()
    reason = "an argument was changed while it ran, and a replay changes none"
    assert recording.unrecorded == (f"basket.fill: {reason}", f"basket.empty: {reason}")


class Closed(Exception):
    def __init__(self, *, shop):
        super().__init__(f"{shop} is closed")
        self.shop = shop


def test_a_failure_of_an_unregistered_class_is_the_same_failure() -> None:
    class Shop:
        async def enter(self):
            raise Closed(shop="corner")

    async def handler(req, res, lctx, gctx) -> None:
        await gctx.modules.shop.enter()

    app = Application(handler, modules={"shop": Shop()})
    recording = app.record()
    assert any(each.error == "Closed: corner is closed" for each in recording.trace)
    report = replay(recording, app)
    assert not report.lifecycle, str(report)
