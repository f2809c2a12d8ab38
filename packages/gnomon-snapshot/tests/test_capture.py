"""What a snapshot holds, and that it has nothing to do with the request any more."""

import collections
import math
from datetime import datetime, timedelta, timezone

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import trio_test

from gnomon_context import (
    ContextClosed,
    ContextKey,
    Execution,
    GlobalContext,
    LocalContext,
    RequestPhase,
    TrackedTask,
)
from gnomon_context.runtime import begin, end, join_tasks, rebuild
from gnomon_snapshot import Limits, Lost, Snapshot, capture, restore
from gnomon_snapshot.testing import difference
from gnomon_snapshot.testing.strategies import TYPES, graphs, values

# each example of these does the work of several
FEWER = settings(max_examples=settings().max_examples // 3)


class Request:
    method = "POST"
    target = "/orders?x=1"
    headers = {"Content-Type": "application/json", "Authorization": "Bearer canary"}
    body = {"sku": "abc"}


class Response:
    status_code = 500
    headers = {"Set-Cookie": "canary"}
    body = b"oops"
    finished = True
    started = False


def context(**options):
    return LocalContext(GlobalContext(), **options)


def test_request_and_response_so_far():
    snapshot = capture(
        context(), request=Request(), response=Response(), events=[("a", 1), "b"], manifest="m1"
    )
    assert snapshot.request.method == "POST"
    assert snapshot.request.target == "/orders?x=1"
    assert snapshot.request.headers == (
        ("Content-Type", "application/json"),
        ("Authorization", Lost("str", "", "sensitive")),
    )
    assert snapshot.request.body == {"sku": "abc"}
    assert snapshot.response == (500, (("Set-Cookie", Lost("str", "", "sensitive")),), b"oops", True, False)
    assert snapshot.events == (("a", 1), "b")
    assert snapshot.manifest == "m1"
    assert [loss.path for loss in snapshot.losses] == ["/request/headers/1/1", "/response/headers/0/1"]
    assert b"canary" not in snapshot.to_bytes()


def test_nothing_given_is_nothing_there():
    snapshot = capture(context())
    assert (snapshot.request, snapshot.response, snapshot.events, snapshot.manifest) == (None, None, (), "")
    assert (snapshot.execution, snapshot.outcome, snapshot.error, snapshot.tasks) == (None, None, None, ())
    assert snapshot.remaining == math.inf


def test_headers_with_several_values():
    class Headers(dict):
        def getall(self, name):
            return ("1", "2")

    class Many(Request):
        headers = Headers(a="1, 2")

    assert capture(context(), request=Many()).request.headers == (("a", "1"), ("a", "2"))


def test_a_request_that_raises_when_asked():
    class Raising:
        method = "GET"
        raw_body = b"half"

        @property
        def target(self):
            raise RuntimeError("canary")

        headers = property(target.fget)
        body = property(target.fget)

    snapshot = capture(context(), request=Raising())
    assert snapshot.request == ("GET", Lost("RuntimeError", "", "failed"), (), b"half")
    assert [loss.path for loss in snapshot.losses] == ["/request/target"]
    assert b"canary" not in snapshot.to_bytes()


class Blank:
    def __init__(self, *keys):
        self.keys = keys

    def redact(self, value):
        return {**value, **dict.fromkeys(self.keys, "***")}


class Failing:
    def redact(self, value):
        raise ValueError(value)


def test_redactors_blank_places():
    class Secretive(Request):
        body = {"user": "a", "password": "canary"}

    lctx = context()
    lctx.set("form", {"password": "canary"})
    lctx.set("other", 1)
    redactors = {
        "request.body": Blank("password"),
        "state.form": Blank("password"),
        "response.body": Failing(),
    }
    snapshot = capture(lctx, request=Secretive(), response=Response(), redactors=redactors)
    assert snapshot.request.body == {"user": "a", "password": "***"}
    assert snapshot.state == {"form": {"password": "***"}, "other": 1}
    assert snapshot.response.body == Lost("ValueError", "", "failed")
    assert b"canary" not in snapshot.to_bytes()


def test_a_body_that_was_not_parsed_cannot_be_blanked_and_is_left_out():
    class Unparsed:
        method, target, headers, raw_body = "GET", "/", {}, b"canary"

        @property
        def body(self):
            raise RuntimeError

    assert capture(context(), request=Unparsed(), redactors={"request.body": Blank()}).request.body == Lost(
        "TypeError", "", "failed"
    )


def test_an_ended_context_is_refused():
    lctx = context()
    begin(lctx)
    end(lctx)
    with pytest.raises(ContextClosed):
        capture(lctx)


def test_keys_are_names():
    lctx = context()
    lctx.set(ContextKey("user"), 7)
    snapshot = capture(lctx)
    assert [type(key) for key in snapshot.state] == [str]
    assert restore(snapshot).get(ContextKey("user")) == 7


def test_a_snapshot_cannot_be_made_by_hand():
    with pytest.raises(TypeError, match=r"capture\(\)"):
        Snapshot()


def test_snapshots_are_values():
    lctx = context(method="GET", path="/x")
    snapshot = capture(lctx)
    other = Snapshot.from_bytes(snapshot.to_bytes())
    assert snapshot == other
    assert hash(snapshot) == hash(other)
    assert snapshot != 1
    assert snapshot.digest == other.digest
    assert repr(snapshot) == f"<Snapshot {lctx.request_id} GET /x received>"
    lctx.set("x", 1)
    assert capture(lctx) != snapshot


def test_values_are_made_once_and_are_not_the_snapshot():
    lctx = context()
    lctx.set("cart", ["apple"])
    snapshot = capture(lctx)
    assert snapshot.state is snapshot.state
    snapshot.state["cart"].append("pear")
    assert restore(snapshot).get("cart") == ["apple"]


@trio_test
async def test_a_failing_request_in_full(autojump_clock):
    """Every part at once, with one object in several of them."""
    from gnomon_context import open_global_context

    shared = {"id": 7}
    async with open_global_context() as gctx:
        scope = trio.CancelScope()
        lctx = LocalContext(
            gctx,
            method="POST",
            path="/orders",
            route="/orders",
            version="v3",
            flags=("beta",),
            timeout=30.0,
            scope=scope,
        )
        with scope:
            begin(lctx)
            lctx.execution = Execution("orders.create", "v3", 4, "audit", "route", 2)
            for phase in (RequestPhase.ROUTED, RequestPhase.AUTHORIZED):
                lctx.advance(phase)

            async def work(result):
                await trio.sleep(1)
                return result

            async def fail():
                raise KeyError(shared)

            async def wait():
                await trio.sleep_forever()

            done = lctx.start_soon(work, shared, name="work")
            lctx.start_soon(fail, name="fail", isolated=True)
            waiting = lctx.start_soon(wait, name="wait")
            await trio.sleep(2)
            lctx.set("order", shared)
            lctx.compensate(print, shared, name="undo", timeout=1.5)
            error = ValueError("melted")
            lctx.settle("error", error)
            snapshot = capture(lctx, events=[{"error": error}])
            before = (done.started_ns, done.ended_ns)
            waiting.cancel()
            await join_tasks(lctx)
            end(lctx)

    again = Snapshot.from_bytes(snapshot.to_bytes())
    assert (again.meta, again.phase, again.execution) == (lctx.meta, RequestPhase.AUTHORIZED, lctx.execution)
    assert again.remaining == 28.0
    assert again.outcome == "error"
    assert repr(again.error) == "ValueError('melted')"
    assert again.events[0]["error"] is again.error
    assert [(task.name, task.status, task.isolated) for task in again.tasks] == [
        ("work", "done", False),
        ("fail", "failed", True),
        ("wait", "pending", False),
    ]
    assert (again.tasks[0].started_ns, again.tasks[0].ended_ns) == before
    assert again.tasks[0].result is again.state["order"] is again.compensations[0].args[0]
    assert again.tasks[1].error.args[0] is again.state["order"]
    assert again.compensations[0][::2] == ("undo", 1.5)

    restored = restore(again)
    assert [task.status for task in restored.tasks] == ["done", "failed", "pending"]
    assert restored.remaining() == 28.0
    assert (restored.meta, restored.phase, restored.execution) == (lctx.meta, lctx.phase, lctx.execution)
    assert restored.outcome.kind == "error"
    assert restored.request_id == lctx.request_id
    step = restored.extras.compensations[0]
    assert (step.name, step.timeout) == ("undo", 1.5)
    with pytest.raises(Exception, match="undo was restored from a snapshot"):
        step.fn(*step.args)


@trio_test
async def test_restore_into_a_live_application(autojump_clock):
    gctx = GlobalContext()
    lctx = LocalContext(gctx, timeout=10.0)
    snapshot = capture(lctx)
    await trio.sleep(60)
    restored = restore(snapshot, gctx=gctx)
    assert restored.gctx is gctx
    await trio.sleep(4)
    assert restored.remaining() == 6.0


@trio_test
async def test_time_stands_still_without_an_application(autojump_clock):
    snapshot = capture(LocalContext(GlobalContext(), timeout=10.0))
    restored = restore(snapshot)
    await trio.sleep(4)
    assert restored.remaining() == 10.0


class Fixed:
    def __init__(self, moment):
        self.moment = moment
        self.random = None

    def now(self):
        return self.moment

    def monotonic(self):
        return 0.0

    def uuid(self):
        raise NotImplementedError


phases = st.sampled_from(RequestPhase)
executions = st.none() | st.builds(
    Execution,
    st.text(),
    st.text(),
    st.integers(0, 99),
    st.none() | st.text(),
    st.sampled_from((None, "route")),
    st.integers(1, 9),
)


@st.composite
def tasks(draw, shared):
    made = []
    for name, status in draw(
        st.lists(
            st.tuples(st.text(), st.sampled_from(("pending", "done", "failed", "cancelled"))), max_size=3
        )
    ):
        task = TrackedTask(name, draw(st.booleans()), trio.CancelScope())
        task.status = status
        if status == "done":
            task.result = shared
        elif status == "failed":
            task.error = ValueError(shared)
        if status != "pending":
            task.ended_ns = task.started_ns + 1
        made.append(task)
    return made


@st.composite
def requests(draw):
    """Live requests: state with sharing and cycles, tasks in every status, any phase, execution and outcome."""
    moment = draw(
        st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(timezone(timedelta(hours=2))))
    )
    lctx = LocalContext(
        GlobalContext(),
        method=draw(st.sampled_from(("GET", "POST"))),
        path=draw(st.text()),
        route=draw(st.text()),
        version=draw(st.text()),
        flags=tuple(draw(st.lists(st.text(), max_size=2))),
        client_id=draw(st.none() | st.text()),
        sources=Fixed(moment),
    )
    shared = draw(graphs())
    for key, value in draw(st.dictionaries(st.text(), values() | st.just(shared), max_size=4)).items():
        lctx.set(key, value)
    rebuild(lctx, phase=draw(phases), tasks=draw(tasks(shared)))
    lctx.execution = draw(executions)
    kind = draw(st.sampled_from((None, "ok", "error", "timeout", "disconnect")))
    if kind is not None:
        lctx.settle(kind, None if kind == "ok" else KeyError(shared))
        for flag in draw(st.sets(st.sampled_from(("truncated", "recovered")))):
            getattr(lctx, flag)()
    for name in draw(st.lists(st.text(), max_size=2)):
        lctx.compensate(print, shared, name=name or "x")
    return lctx


def picture(lctx):
    """Everything that a snapshot promises, as one graph, so that sharing across its parts counts."""
    outcome = lctx.outcome
    return {
        "state": {str(key): lctx.get(key) for key in lctx},
        "tasks": [
            [task.name, task.status, task.isolated, task.result, task.error, task.started_ns, task.ended_ns]
            for task in lctx.tasks
        ],
        "compensations": [
            [step.name, list(step.args), step.timeout]
            for step in (lctx.extras.compensations if lctx.extras else [])
        ],
        "outcome": None
        if outcome is None
        else [outcome.kind, outcome.error, outcome.truncated, outcome.recovered],
    }


def plain(lctx):
    return (lctx.meta, lctx.phase, lctx.execution, lctx.remaining(), lctx.cancel_reason)


@pytest.mark.property(21)
@given(requests())
def test_a_snapshot_holds_everything_as_it_was_at_that_moment(lctx):
    expected = plain(lctx)
    first = capture(lctx)
    encoded = first.to_bytes()
    snapshot = Snapshot.from_bytes(encoded, types=TYPES)
    held = {
        "state": snapshot.state,
        "tasks": [list(task) for task in snapshot.tasks],
        "compensations": [[step.name, list(step.args), step.timeout] for step in snapshot.compensations],
        "outcome": None if snapshot.outcome is None else [*snapshot._read()["outcome"].values()],
    }
    assert difference(picture(lctx), held) == ""
    assert (snapshot.meta, snapshot.phase, snapshot.execution, snapshot.remaining) == expected[:4]
    if lctx.execution is not None:
        assert snapshot.execution.version == lctx.execution.version  # the version of the handler
        assert (snapshot.execution.step, snapshot.execution.hook_id) == (
            lctx.execution.step,
            lctx.execution.hook_id,
        )
    # and the live request cannot reach it any more
    for key in list(lctx):
        value = lctx.get(key)
        if isinstance(value, (list, dict, bytearray)):
            value.clear()
    lctx.clear()
    rebuild(lctx, phase=RequestPhase.FAILED)
    lctx.execution = None
    if lctx.extras:
        lctx.extras.tasks.clear()
        lctx.extras.compensations.clear()
    assert first.to_bytes() == encoded
    assert difference(held["state"], Snapshot.from_bytes(encoded, types=TYPES).state) == ""


@pytest.mark.property(47)
@given(requests())
def test_restoring_gives_back_exactly_what_was_there(lctx):
    lctx.set("left out", open)
    snapshot = Snapshot.from_bytes(capture(lctx).to_bytes(), types=TYPES)
    restored = restore(snapshot)
    # but for what the list of losses names
    assert [loss.path for loss in snapshot.losses] == ["/state/left out"]
    assert restored.get("left out") == Lost("builtins.builtin_function_or_method", repr(open), "unencodable")
    lctx.delete("left out")
    restored.delete("left out")
    assert difference(picture(lctx), picture(restored)) == ""
    assert plain(lctx) == plain(restored)


@FEWER
@given(requests())
def test_two_restored_contexts_share_nothing(lctx):
    snapshot = capture(lctx, types=TYPES)
    one, other = restore(snapshot), restore(snapshot)
    for key in one:
        value = one.get(key)
        if isinstance(value, (list, dict)):
            value.clear()
    assert difference(picture(other), picture(restore(snapshot))) == ""


def test_a_restored_error_that_was_lost():
    lctx = context()

    class Token(Exception):
        __sensitive__ = True

    lctx.settle("error", Token("canary"))
    snapshot = capture(lctx)
    assert b"canary" not in snapshot.to_bytes()
    assert str(restore(snapshot).outcome.error).endswith("Token")


def test_limits_are_checked():
    with pytest.raises(ValueError, match="at least 1"):
        Limits(count=0)
    with pytest.raises(ValueError, match="depth 65"):
        Limits(depth=65)


def test_a_repr_that_changes_the_request_meanwhile():
    """What is being captured was looked at before anything of a user could run."""
    ran = []

    class Sly(collections.deque):
        def __repr__(self):
            number = len(ran)
            ran.append(number)
            lctx.set(f"new {number}", 1)
            lctx.delete("last")
            lctx.set("last", 2)
            lctx.get("inner")[f"new {number}"] = 1
            lctx.compensate(print, Sly())
            events.append(Sly())
            return "sly"

    lctx = LocalContext(GlobalContext())
    events = [Sly()]
    lctx.set("sly", Sly())
    lctx.set("inner", {"sly": Sly()})
    lctx.set("last", 1)
    lctx.compensate(print, Sly())
    snapshot = capture(lctx, events=events)
    assert len(ran) == len(snapshot.losses) >= 4
    assert set(snapshot.state) == {"sly", "inner", "last"}
    assert snapshot.state["last"] == 1
    assert len(snapshot.events) < len(events)
    assert Snapshot.from_bytes(snapshot.to_bytes()) == snapshot


def test_a_redactor_that_changes_the_request_meanwhile():
    class Sly:
        def redact(self, value):
            lctx.set(f"new {value}", value)
            return value

    lctx = LocalContext(GlobalContext())
    for number in range(3):
        lctx.set(str(number), number)
    snapshot = capture(lctx, redactors={f"state.{number}": Sly() for number in range(3)})
    assert snapshot.state == {"0": 0, "1": 1, "2": 2}
