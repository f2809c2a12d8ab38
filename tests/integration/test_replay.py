"""Recording and replay through the assembled runtime: real plans, generated handlers, generated modules."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypedDict

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from serving import serving
from trio.testing import MockClock

from gnomon import App, Config, HttpError, Module, Request, after, before, catch, get, post
from gnomon.testing import Client
from gnomon_gtype import Sensitive
from gnomon_snapshot import (
    Difference,
    Edit,
    MemoryStore,
    Recorder,
    Recording,
    ReplayReport,
    Sampling,
    SqliteStore,
    Types,
    compare,
    replay,
    replay_all,
)

CANARY = "canary-2c81-sesame"


class NoSuchThing(LookupError):
    """What a module raises."""


class World:
    """A module whose answers are given, and which counts how often it is touched."""

    touched = 0

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def _answer(self, key: str) -> Any:
        World.touched += 1
        value = self.answers.get(key)
        if value == "missing":
            raise NoSuchThing(key)
        return value

    def look(self, key: str) -> Any:
        return self._answer(key)

    async def fetch(self, key: str) -> Any:
        await trio.sleep(len(key) / 100)
        return self._answer(key)

    async def stream(self, key: str) -> Any:
        for number in range(len(key)):
            yield [number, self._answer(key)]

    def open(self, key: str) -> "Handle":
        return Handle(self, key)


class Handle:
    """A live handle, such as a transaction."""

    def __init__(self, world: World, key: str) -> None:
        self.world, self.key = world, key

    async def __aenter__(self) -> "Handle":
        await trio.lowlevel.checkpoint()
        return self

    async def __aexit__(self, *error: object) -> None:
        World.touched += 1

    async def read(self, count: int) -> Any:
        await trio.sleep(0.001 * count)
        return [self.world._answer(self.key)] * count


class Untouchable:
    """Stands where the outside world would be: to make one is a failure."""

    def __init__(self) -> None:
        raise AssertionError("the outside world was touched")


KEYS = st.sampled_from(["a", "bb", "ccc"])
ANSWERS = st.dictionaries(
    KEYS,
    st.none()
    | st.integers()
    | st.text(max_size=3)
    | st.just("missing")
    | st.lists(st.booleans(), max_size=2),
)
# A handler is a program: what it does, one after the other.
STEPS = st.lists(
    st.tuples(st.sampled_from(["look", "fetch", "stream", "read", "caught"]), KEYS)
    | st.tuples(st.just("parallel"), st.lists(KEYS, min_size=2, max_size=3))
    | st.tuples(st.sampled_from(["uuid", "now", "random", "config", "sleep", "outside ids"]), st.none())
    | st.tuples(st.sampled_from(["set", "header", "status", "compensate", "task"]), st.integers(1, 3))
    | st.tuples(st.just("raise"), st.sampled_from([409, 500])),
    max_size=5,
)


async def run_step(kind: str, value: Any, said: list[Any], res: Any, lctx: Any, gctx: Any) -> None:
    world = gctx.modules.world
    if kind == "look":
        said.append(world.look(value))
    elif kind == "fetch":
        said.append(await world.fetch(value))
    elif kind == "stream":
        said.append([item async for item in world.stream(value)])
    elif kind == "read":
        async with world.open(value) as handle:
            said.append(await handle.read(2))
    elif kind == "caught":
        try:
            said.append(await world.fetch(value))
        except NoSuchThing as error:
            said.append(["caught", *error.args])
    elif kind == "parallel":

        async def one(key: str) -> None:
            try:
                said.append(await world.fetch(key))
            except NoSuchThing:
                said.append("parallel")

        async with trio.open_nursery() as nursery:
            for key in value:
                nursery.start_soon(one, key)
    elif kind == "task":
        lctx.start_soon(world.fetch, "a" * value, name="task", isolated=True)
    elif kind == "compensate":
        lctx.compensate(world.look, "a" * value)
    elif kind == "outside ids":
        said.append({"id": str(uuid.uuid4()), "at": datetime.now(UTC).isoformat()})
    elif kind == "raise":
        raise HttpError(value, "told_to") if value == 409 else ZeroDivisionError
    else:
        plain(kind, value, said, res, lctx, gctx)
        if kind == "sleep":
            await trio.sleep(0.01)


def plain(kind: str, value: Any, said: list[Any], res: Any, lctx: Any, gctx: Any) -> None:
    if kind == "uuid":
        said.append(str(lctx.uuid()))
    elif kind == "now":
        said.append([lctx.now().isoformat(), lctx.monotonic()])
    elif kind == "random":
        said.append([lctx.random.random(), lctx.random.randint(1, 100), lctx.random.choice("abc")])
    elif kind == "config":
        said.append(gctx.config.shop.name)
    elif kind == "set":
        lctx.set(f"key {value}", [value])
    elif kind == "header":
        res.header(f"x-{value}", str(value))
    elif kind == "status":
        res.status(200 + value)


def make(steps: list[Any], hook_steps: list[Any], modules: dict[str, Any], recorder: Recorder) -> App:
    """An application whose handler and hook run such programs."""

    @before
    async def ahead(req, res, lctx, gctx):
        said: list[Any] = []
        for kind, value in hook_steps:
            await run_step(kind, value, said, res, lctx, gctx)
        lctx.set("ahead", said)

    @after
    def behind(res, lctx):
        res.header("x-request", lctx.meta.request_id)

    @catch
    def caught(error, res, lctx):
        lctx.set("caught", type(error).__name__)

    @post("/run")
    async def run(req, res, lctx, gctx):
        said: list[Any] = [(await req.read()).decode()]
        for kind, value in steps:
            await run_step(kind, value, said, res, lctx, gctx)
        res.json(said)

    config = Config(settings={"shop": {"name": "abc"}}, timeout=5.0)
    return App(run, ahead, behind, caught, modules=modules, config=config, recording=recorder)


def new_recorder(store: MemoryStore, **options: Any) -> Recorder:
    return Recorder(store, types=Types(NoSuchThing, trio.Cancelled), **options)


def record(
    steps: list[Any], hook_steps: list[Any], answers: dict[str, Any], *, snapshots: bool = False
) -> Recording:
    """Serve one request and take its recording out of the store."""

    async def main() -> Recording:
        store = MemoryStore()
        app = make(steps, hook_steps, {"world": World(answers)}, new_recorder(store, steps=snapshots))
        async with Client(app) as client:
            answer = await client.post("/run", body=b'{"n": 1}', headers={"content-type": "application/json"})
        return Recording.of(await store.get(answer.headers["x-request"]))

    return trio.run(main, clock=MockClock(autojump_threshold=0))


def again(recording: Recording, steps: list[Any], hook_steps: list[Any], **options: Any) -> ReplayReport:
    modules = {"world": Module(factory=Untouchable)}
    return replay(recording, make(steps, hook_steps, modules, new_recorder(MemoryStore())), **options)


@pytest.mark.property(45)
@given(STEPS, STEPS, ANSWERS, STEPS, STEPS)
def test_any_recording_is_replayed_against_any_version_without_touching_the_outside_world(
    steps, hook_steps, answers, other_steps, other_hook_steps
):
    recording = record(steps, hook_steps, answers)
    recording = Recording.from_bytes(recording.to_bytes())
    touched = World.touched
    report = again(recording, other_steps, other_hook_steps)
    assert report.replayed.request_id == recording.request_id
    assert report.replayed.snapshot.outcome in ("ok", "error", "timeout")
    assert World.touched == touched
    # and on the version that was recorded there is nothing to tell, twice
    same = [again(recording, steps, hook_steps) for _ in range(2)]
    assert [each.empty for each in same] == [True, True], str(same[0])
    assert compare(same[0].replayed, same[1].replayed).empty
    assert World.touched == touched


def without_ids(value: Any) -> Any:
    """What a replay said, without what the program took from outside of its context."""
    if isinstance(value, dict) and value.keys() == {"id", "at"}:
        return "ids"
    if isinstance(value, dict):
        return {key: without_ids(item) for key, item in value.items()}
    return [without_ids(item) for item in value] if isinstance(value, (list, tuple)) else value


def seen(recording: Recording) -> Any:
    """Response and lifecycle of a replay, read from what it did and by no means that `compare` has."""
    snapshot = recording.snapshot
    calls: dict[str, list[str]] = {}
    for call in recording.calls:
        calls.setdefault(call.task, []).append(f"{call.on} {call.name} {call.args!r}")
    return json.dumps(
        {
            "response": [
                snapshot.response.status_code,
                sorted(snapshot.response.headers),
                without_ids(snapshot.response.body),
            ],
            "trace": [[entry.kind, entry.name, entry.error, entry.detail] for entry in recording.trace],
            "outcome": snapshot.outcome,
            "calls": calls,
            "state": without_ids(snapshot.state),
        },
        sort_keys=True,
        default=repr,
    )


def changed(steps: list[Any]) -> st.SearchStrategy[list[Any]]:
    """The same program, one with a step more or less or in another place, or quite another one."""
    some = [*steps, ("random", None)]
    return (
        st.just(list(steps))
        | st.integers(0, len(steps)).map(lambda at: [*steps[:at], *steps[at + 1 :]])
        | st.tuples(st.integers(0, len(steps)), STEPS.map(lambda more: more[:1])).map(
            lambda drawn: [*steps[: drawn[0]], *drawn[1], *steps[drawn[0] :]]
        )
        | st.permutations(some)
        | STEPS
    )


@pytest.mark.property(46)
@given(st.data(), STEPS, STEPS, ANSWERS)
def test_two_replays_differ_if_and_only_if_responses_and_traces_do(data, steps, hook_steps, answers):
    recording = record(steps, hook_steps, answers)
    other = data.draw(changed(steps))
    one, two = again(recording, steps, hook_steps), again(recording, other, hook_steps)
    difference = compare(one.replayed, two.replayed)
    assert difference.empty == (seen(one.replayed) == seen(two.replayed)), str(difference)
    # times and ids that were taken from outside of the context differ on every run, and are aside
    assert compare(one.replayed, again(recording, steps, hook_steps).replayed).empty


# What goes with it.


class NewOrder(TypedDict):
    user: str
    password: Sensitive[str]


@post("/orders")
async def order(req: Request[NewOrder], res, lctx, gctx):
    lctx.set("order", gctx.modules.world.look("a"))
    res.status(201).json({"for": req.body["user"], "at": lctx.now().isoformat()})


@get("/stream")
async def stream(req, res, lctx, gctx):
    res.stream(chunks(gctx))


async def chunks(gctx):
    for key in ("a", "bb"):
        yield str(await gctx.modules.world.fetch(key)).encode()


@get("/slow", timeout=0.5)
async def slow(req, res, lctx, gctx):
    await gctx.modules.world.fetch("x" * 1000)
    res.text("done")


def shop(store: Any, *handlers: Callable[..., Any], **options: Any) -> App:
    recorder = Recorder(store, types=Types(NoSuchThing), **options)
    modules = {"world": World({"a": 1, "bb": [2]})}
    return App(*(handlers or (order, stream, slow)), modules=modules, recording=recorder)


async def ask_shop(store: MemoryStore, method: str, target: str, **options: Any) -> Recording:
    async with Client(shop(store)) as client:
        await client.request(method, target, **options)
    (summary,) = (await store.list()).summaries
    return Recording.of(await store.get(summary.request_id))


def recorded(method: str, target: str, **options: Any) -> Recording:
    async def main() -> Recording:
        return await ask_shop(MemoryStore(), method, target, **options)

    return trio.run(main, clock=MockClock(autojump_threshold=0))


def test_a_sensitive_place_is_in_no_byte_and_the_replay_still_validates():
    recording = recorded("POST", "/orders", json={"user": "ada", "password": CANARY})
    assert CANARY.encode() not in recording.to_bytes()
    assert recording.request.value == {"user": "ada", "password": "<withheld>"}
    report = replay(recording, shop(MemoryStore()))
    assert report.empty, str(report)


def test_a_request_that_no_longer_validates_is_reported_with_its_problems():
    class Other(TypedDict):
        user: int

    @post("/orders")
    async def order(req: Request[Any], res, lctx, gctx): ...

    order.__annotations__["req"] = Request[Other]
    recording = recorded("POST", "/orders", json={"user": "ada", "password": "x"})
    report = replay(recording, shop(MemoryStore(), order))
    assert [(pointer, code) for pointer, code, *_ in report.problems] == [("/user", "wrong_type")]
    assert report.response[0] == Difference("/status", 201, 400)


def test_streams_are_compared_by_what_was_sent():
    recording = recorded("GET", "/stream")
    assert b"".join(recording.snapshot.response.body) == b"1[2]"
    report = replay(recording, shop(MemoryStore()))
    assert report.empty, str(report)


def test_a_deadline_passes_again_without_anybody_waiting_for_it():
    recording = recorded("GET", "/slow")
    assert recording.snapshot.outcome == "timeout"
    report = replay(recording, shop(MemoryStore()))
    assert report.empty, str(report)


def test_what_no_handler_serves_is_replayed_too():
    for method, target in (("GET", "/nowhere"), ("DELETE", "/orders")):
        recording = recorded(method, target)
        assert replay(recording, shop(MemoryStore())).empty
    report = replay(
        recorded("POST", "/orders", json={"user": "a", "password": "b"}), shop(MemoryStore(), stream)
    )
    assert report.response[0] == Difference("/status", 201, 404)


def test_only_chosen_requests_are_recorded_over_real_sockets(tmp_path):
    async def main() -> tuple[int, int]:
        async with SqliteStore(tmp_path / "store.sqlite3") as store:
            sampling = Sampling(rate=0.0, failures=False, header="x-record", callers=("127.0.0.1",))
            async with serving(shop(store, sampling=sampling)) as client:
                for number in range(6):
                    headers = {"x-record": "1"} if number % 2 else {}
                    body = {"user": str(number), "password": "p"}
                    answer = await client.post("/orders", json=body, headers=headers)
                    assert answer.status_code == 201
            summary = await replay_all(store, app=shop(MemoryStore()))
            return len((await store.list()).summaries), summary.equal

    assert trio.run(main) == (3, 3)


def test_failures_are_kept_and_successes_dropped_if_asked_for():
    async def main() -> list[str]:
        store = MemoryStore()
        async with Client(shop(store, sampling=Sampling(failures=True))) as client:
            await client.post("/orders", json={"user": "a", "password": "b"})
            await client.post("/orders", json={})
        return [summary.outcome for summary in (await store.list()).summaries]

    assert trio.run(main) == ["error"]


def test_a_replay_goes_on_at_the_handler_and_at_a_call():
    steps, hooks = [("fetch", "a"), ("set", 1), ("fetch", "bb")], [("look", "ccc"), ("set", 2)]
    recording = record(steps, hooks, {"a": 1, "bb": 2, "ccc": 3}, snapshots=True)
    names = [step.name for step in recording.steps]
    assert names[:3] == [names[0], "world.look('ccc')", "handler"]
    changed_hooks = [("look", "a"), ("set", 3)]
    for step in ("handler", names.index("handler"), "world.fetch('bb')"):
        report = again(recording, steps, changed_hooks, from_step=step)
        assert report.empty, str(report)
    edited = again(recording, steps, hooks, from_step="handler", edit=Edit(state={"key 2": "edited"}))
    assert edited.state == (Difference("/key 2", [2], "edited"),)
    after_hook = next(name for name in names if name.startswith("after:"))
    report = again(recording, [("raise", 500)], changed_hooks, from_step=after_hook)
    assert report.empty, str(report)


def test_the_body_may_be_edited_first():
    recording = record([("look", "a")], [], {"a": 1})
    report = again(recording, [("look", "a")], [], edit=Edit(body={"n": 2}))
    assert report.response == (Difference("/body/0", '{"n": 1}', '{"n": 2}'),)


def test_live_modules_are_asked_and_the_others_are_not():
    recording = record([("look", "a")], [], {"a": 1})
    app = make([("look", "a")], [], {"world": World({"a": 5})}, new_recorder(MemoryStore()))
    assert replay(recording, app, allow_live={"world"}).response == (Difference("/body/1", 1, 5),)
