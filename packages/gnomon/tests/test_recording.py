"""What an application records and replays, and the command that does it."""

import json
import sys
from typing import Any, TypedDict

import pytest
import trio
from click.testing import CliRunner

from gnomon import App, HttpError, Request, Response, after, before, catch, get, post
from gnomon._standins import value_at
from gnomon.cli import main
from gnomon.testing import Client
from gnomon_gtype import Sensitive
from gnomon_orchestrator import Hook
from gnomon_snapshot import (
    Difference,
    Edit,
    MemoryStore,
    Recorder,
    Recording,
    Snapshot,
    SqliteStore,
    replay,
)


class Prices:
    def of(self, sku):
        return len(sku)


def app_of(*sources, store=None, modules=None, **options):
    recorder = Recorder(store or MemoryStore(), **options)
    return App(*sources, modules=modules or {"prices": Prices()}, recording=recorder)


def recorded(*sources, method="GET", target="/", hooks=(), **options) -> Recording:
    async def main() -> Snapshot:
        store = MemoryStore()
        recorder = Recorder(store, steps=True)
        app = App(*sources, modules={"prices": Prices()}, hooks=hooks, recording=recorder)
        async with Client(app) as client:
            await client.request(method, target, **options)
        (summary,) = (await store.list()).summaries
        return await store.get(summary.request_id)

    return Recording.of(trio.run(main))


@get("/")
def plain(req, res, lctx, gctx):
    lctx.set("price", gctx.modules.prices.of("apple"))
    res.text(
        f"{lctx.get('price')} for {req.client.host if req.client else 'nobody'} at {req.headers.get('host')}"
    )


def test_what_a_request_saw_of_its_client_is_there_again():
    recording = recorded(plain)
    assert recording.snapshot.response.body == "5 for 127.0.0.1 at testserver"
    report = replay(recording, app_of(plain))
    assert report.empty, str(report)


def test_an_application_that_does_not_record_replays_too():
    recording = recorded(plain)
    assert replay(recording, App(plain, modules={"prices": Prices()})).empty
    assert replay(recording, App(plain)).empty  # not even the name of a module is needed


def test_listeners_hear_of_recorded_requests_and_not_of_replayed_ones():
    heard = []

    class Listener:
        kinds = ("request.finished",)

        def __call__(self, event):
            heard.append(event.name)

    async def main():
        app = App(
            plain, modules={"prices": Prices()}, listeners=[Listener()], recording=Recorder(MemoryStore())
        )
        async with Client(app) as client:
            await client.get("/")
        return app

    app = trio.run(main)
    assert len(heard) == 1
    assert replay(recorded(plain), app).empty
    assert len(heard) == 1


def test_a_recorder_that_fails_costs_a_recording_and_no_request(monkeypatch):
    alerts = []

    async def main():
        app = app_of(plain)

        def fail(gctx):
            raise RuntimeError("no room")

        monkeypatch.setattr(app.recorder, "begin", fail)
        async with Client(app) as client:
            app._gctx.on_alert(alerts.append)
            return await client.get("/")

    assert trio.run(main).status == 200
    assert [alert.kind for alert in alerts] == ["recording_failed"]


def test_what_the_body_of_the_block_raises_comes_out_as_it_is():
    async def main():
        async with app_of(plain).open():
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        trio.run(main)


def test_gates_stand_before_every_kind_of_step():
    called = []

    def count(res):
        called.append("count")

    def undo(res):
        called.append("undo")

    def in_thread(lctx):
        called.append("thread")

    @before
    async def ahead(req):
        called.append("ahead")

    @catch
    def caught(error, res):
        called.append("caught")

    @get("/")
    async def handler(req, res, lctx, gctx):
        called.append("handler")
        res.json({"n": 1})

    first = Hook(count, "before", name="count")
    hooks = [
        first,
        Hook(undo, "after", requires=count, name="undo"),
        Hook(in_thread, "before", in_thread=True),
    ]
    recording = recorded(handler, ahead, caught, hooks=hooks)
    assert [step.name for step in recording.steps] == [
        "before:count",
        "before:test_gates_stand_before_every_kind_of_step.<locals>.in_thread",
        recording.steps[2].name,
        "handler",
        "after:undo",
    ] or recording.steps
    called.clear()
    app = App(handler, ahead, caught, hooks=hooks, recording=Recorder(MemoryStore()))
    report = replay(recording, app)
    assert report.empty, str(report)
    assert called == ["count", "thread", "ahead", "handler", "undo"]
    called.clear()
    report = replay(recording, app, from_step="handler")
    assert report.empty, str(report)
    assert called == ["handler", "undo"]
    called.clear()
    requiring = [first, Hook(undo, "after", requires=first, name="undo")]
    assert replay(recording, App(handler, ahead, caught, hooks=requiring), from_step="after:undo").lifecycle
    assert called == ["undo"]


@pytest.mark.parametrize(
    "answer",
    [
        lambda res: res.json({"a": 1}),
        lambda res: res.text("text"),
        lambda res: res.bytes(b"bytes"),
        lambda res: res.status(409).problem(409, code="no"),
        lambda res: res.json("a string"),
    ],
)
def test_a_response_is_put_where_it_stood(answer):
    @get("/")
    def handler(req, res, lctx, gctx):
        res.header("x-own", "1")
        answer(res)

    @get("/")
    def other(req, res, lctx, gctx):
        raise AssertionError("it is over already")

    other.__name__ = other.__qualname__ = handler.__name__

    @after
    def stamp(res):
        res.header("x-stamp", "2")

    recording = recorded(handler, stamp)
    name = recording.steps[-1].name
    report = replay(recording, app_of(other, stamp), from_step=name)
    assert (report.response, report.calls, report.state) == ((), (), ())


def test_a_before_hook_that_answered_has_answered():
    @before
    def closed(res):
        res.status(503).text("closed")

    @after
    def stamp(res):
        res.header("x-stamp", "2")

    recording = recorded(plain, closed, stamp)
    assert [step.kind for step in recording.steps] == ["boundary", "boundary"]
    assert replay(recording, app_of(plain, closed, stamp), from_step=1).empty


def test_streams_that_fail_are_compared_as_far_as_they_came():
    async def pieces(fail):
        yield b"one"
        if fail:
            raise HttpError(500, "broken")

    def streaming(fail):
        @get("/")
        async def handler(req, res, lctx, gctx):
            res.stream(pieces(fail))

        return handler

    @get("/")
    async def handler(req, res, lctx, gctx):
        class Empty:
            def __aiter__(self):
                return self

            async def __anext__(self):
                raise StopAsyncIteration

        res.stream(Empty())

    recording = recorded(streaming(False))
    assert recording.snapshot.response.body == [b"one"]
    assert replay(recording, app_of(streaming(False))).empty
    broken = replay(recording, app_of(streaming(True)))
    assert broken.replayed.snapshot.outcome == "error"
    empty = recorded(handler)
    assert empty.snapshot.response.body == []
    assert replay(empty, app_of(handler)).empty


class Login(TypedDict):
    user: str
    password: Sensitive[str]


class Token(TypedDict):
    token: Sensitive[str]


@post("/login")
async def login(req: Request[Login], res: Response[Token], lctx, gctx):
    res.json({"token": "sesame-" + req.body["user"]})


def test_what_the_types_of_a_route_call_sensitive_is_blanked():
    recording = recorded(
        login, method="POST", target="/login", json={"user": "ada", "password": "opensesame"}
    )
    assert b"sesame" not in recording.to_bytes()
    assert recording.snapshot.response.body == {"token": "(hidden)"}
    assert replay(recording, app_of(login)).empty


def test_a_blanked_place_is_forgiven_and_no_other():
    class Strict(TypedDict):
        user: int
        password: Sensitive[int]

    @post("/login")
    async def login(req: Request[Any], res, lctx, gctx):
        res.json({"user": req.body["user"]})

    login.__annotations__["req"] = Request[Strict]
    recording = recorded(login, method="POST", target="/login", json={"user": 1, "password": 2})
    report = replay(recording, app_of(login))
    assert report.empty, str(report)
    wrong = replay(recording, app_of(login), edit=Edit(body={"user": "ada", "password": 1}))
    assert [problem.pointer for problem in wrong.problems] == ["/user"]
    assert [
        value_at({"a": [{"b": 1}]}, "/a/0/b"),
        value_at({"a": []}, "/a/1"),
        value_at(1, "/a"),
        value_at({}, "/a/b"),
    ] == [
        1,
        None,
        None,
        None,
    ]


def test_repeated_headers_and_a_limit_of_the_body():
    @post("/", body_limit=4)
    async def handler(req, res, lctx, gctx):
        res.text((await req.read()).decode())

    recording = recorded(handler, method="POST", body=b"1234", headers={"x-a": "1"})
    assert replay(recording, app_of(handler)).empty
    report = replay(recording, app_of(handler), edit=Edit(body=b"12345"))
    assert report.response[0] == Difference("/status", 200, 413)


def test_errors_of_the_runtime_that_a_module_raises_come_back_as_themselves():
    class Failing:
        def of(self, sku):
            raise HttpError(402, "unpaid")

        async def late(self):
            raise trio.TooSlowError

    @get("/")
    async def handler(req, res, lctx, gctx):
        try:
            await gctx.modules.prices.late()
        except trio.TooSlowError:
            gctx.modules.prices.of("apple")

    async def main() -> Snapshot:
        store = MemoryStore()
        async with Client(app_of(handler, store=store, modules={"prices": Failing()})) as client:
            assert (await client.get("/")).status == 402
        (summary,) = (await store.list()).summaries
        return await store.get(summary.request_id)

    recording = Recording.from_bytes(trio.run(main).to_bytes())
    report = replay(recording, app_of(handler))
    assert report.empty, str(report)


# The command.

SHOP = """
from gnomon import App, get
from gnomon_snapshot import MemoryStore, Recorder

@get("/total/{{sku}}")
def total(req, res, lctx, gctx):
    res.json(gctx.modules.prices.of(req.params["sku"]) * {factor})

class Prices:
    def of(self, sku):
        return len(sku)

app = App(total, modules={{"prices": Prices()}}, recording=Recorder(MemoryStore(), steps=True))
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A store with one recording, the code that made it in one folder, and other code in another."""
    for folder, factor in (("here", 2), ("there", 3)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "replayed_shop.py").write_text(SHOP.format(factor=factor))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "here"), *sys.path])
    monkeypatch.setenv("GNOMON_SNAPSHOTS", str(tmp_path / "store.sqlite3"))
    import replayed_shop

    async def ask() -> Recording:
        memory = replayed_shop.app.recorder.store
        async with Client(replayed_shop.app) as client:
            await client.get("/total/apple")
            await client.get("/nowhere")
        found = [Recording.of(await memory.get(each.request_id)) for each in (await memory.list()).summaries]
        async with SqliteStore(tmp_path / "store.sqlite3") as store:
            await store.put(*(recording.snapshot for recording in found))
        return next(each for each in found if each.snapshot.outcome == "ok"), found

    recording, found = trio.run(ask)
    monkeypatch.delitem(sys.modules, "replayed_shop")
    yield recording, next(each for each in found if each is not recording)
    sys.modules.pop("replayed_shop", None)


def run(*arguments):
    done = CliRunner().invoke(main, ["replay", *map(str, arguments)])
    return done.exit_code, done.output


def test_a_request_is_replayed_against_the_code_of_today(shop):
    recording, _ = shop
    code, output = run(recording.request_id)
    assert (code, "no difference" in output) == (0, True), output
    sys.modules.pop("replayed_shop")
    code, output = run(recording.request_id, "--json", "--app", "replayed_shop:app", "--live", "prices")
    assert (code, json.loads(output)["empty"]) == (0, True)


def test_a_request_is_replayed_against_another_checkout(shop, tmp_path):
    recording, _ = shop
    code, output = run(recording.request_id, "--path", tmp_path / "there")
    assert code == 1
    assert "response    /body: 10 -> 15" in output
    sys.modules.pop("replayed_shop")
    code, output = run(recording.request_id, "--path", tmp_path / "there", "--from-step", "0", "--json")
    assert json.loads(output)["response"] == [{"path": "/body", "recorded": 10, "replayed": 15}]


def test_the_steps_of_a_recording_are_listed(shop, tmp_path):
    recording, _ = shop
    assert run(recording.request_id, "--steps")[1].split() == [
        "0",
        "boundary",
        "handler",
        "1",
        "call",
        "prices.of('apple')",
    ]
    (tmp_path / "file.gnomon").write_bytes(recording.to_bytes())
    listed = json.loads(run(tmp_path / "file.gnomon", "--steps", "--json")[1])
    assert listed[1] == {"kind": "call", "name": "prices.of('apple')", "number": 0}


def test_what_cannot_be_replayed_says_why(shop, tmp_path):
    recording, nowhere = shop
    (tmp_path / "cut.gnomon").write_bytes(recording.to_bytes()[:-1])
    (tmp_path / "text.sqlite3").write_text("no database " * 100)
    (tmp_path / "broken.py").write_text("1 / 0")
    for arguments, exit_code, told in (
        (["unknown"], 1, "no snapshot of the request"),
        (["unknown", "--store", tmp_path / "none.sqlite3"], 2, "there is no store"),
        (["unknown", "--store", tmp_path / "text.sqlite3"], 3, "is no database"),
        ([tmp_path / "cut.gnomon"], 3, "digest"),
        ([recording.request_id, "--from-step", "nowhere"], 2, "no step 'nowhere'"),
        ([recording.request_id, "--live", "nothing"], 2, "no module 'nothing'"),
        ([recording.request_id, "--app", "not_there"], 2, "there is no module"),
        (
            [recording.request_id, "--app", "broken", "--path", tmp_path],
            2,
            "Error: broken cannot be imported",
        ),
        ([nowhere.request_id], 2, "give --app"),
    ):
        code, output = run(*arguments)
        assert (code, told in output) == (exit_code, True), output


def test_a_hook_of_a_route_may_require_a_global_one_behind_gates_too():
    called = []

    @before(name="ahead")
    def ahead(lctx):
        called.append("ahead")

    @after(level="route", requires="ahead")
    def behind(lctx):
        called.append("behind")

    @get("/", after=[behind])
    def handler(req, res, lctx, gctx):
        res.text("done")

    recording = recorded(ahead, behind, handler)
    called.clear()
    assert replay(recording, app_of(ahead, behind, handler), from_step="handler").empty
    assert called == ["behind"]
