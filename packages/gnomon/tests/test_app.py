import time
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypedDict

import pytest
import trio
from trio.testing import trio_test

from gnomon import (
    App,
    AppAlreadyOpen,
    AppNotRunning,
    Config,
    HandlerUnusable,
    HttpError,
    Module,
    PolicyNotEnforced,
    Request,
    Response,
    SourceUnusable,
    after,
    before,
    catch,
    get,
    handler,
    post,
)
from gnomon.testing import Client
from gnomon.types import Max, Min
from gnomon_orchestrator import Hook
from gnomon_router import RouteConflict


class Count(TypedDict):
    count: Annotated[int, Min(0)]


class Refusal(TypedDict):
    why: str


@post("/counts", responses={409: Refusal, 410: None})
async def add_count(req: Request[Count], res: Response[Count], lctx, gctx):
    if req.body["count"] == 409:
        res.status(409).json({"why": "taken"})
    elif req.body["count"] == 410:
        res.status(409).json({"wrong": "shape"})
    else:
        res.status(201).json(req.body)


@get("/items/{number:int}/{name}")
async def read_item(req, res, lctx, gctx):
    res.json({"params": dict(req.params), "route": lctx.meta.route, "path": lctx.meta.path})


@handler("/both", methods=("PUT", "DELETE"))
def sync_handler(req, res, lctx, gctx):
    res.text(req.method)


@trio_test
async def test_a_request_goes_the_whole_way():
    async with Client(App(add_count)) as client:
        answer = await client.post("/counts", json={"count": 1})
        assert (answer.status, answer.json()) == (201, {"count": 1})


@trio_test
async def test_a_request_of_the_wrong_type_never_reaches_the_handler():
    async with Client(App(add_count)) as client:
        answer = await client.post("/counts", json={"count": -1})
    assert answer.status == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/count"]


@trio_test
async def test_a_declared_status_is_checked_by_its_own_type():
    async with Client(App(add_count)) as client:
        taken = await client.post("/counts", json={"count": 409})
        assert (taken.status, taken.json()) == (409, {"why": "taken"})
        wrong = await client.post("/counts", json={"count": 410})
        assert wrong.status == 500


@trio_test
async def test_parameters_and_metadata_come_from_the_route():
    async with Client(App(read_item)) as client:
        answer = await client.get("/items/7/a%20b")
    assert answer.json() == {
        "params": {"number": 7, "name": "a b"},
        "route": "/items/{number:int}/{name}",
        "path": "/items/7/a b",
    }


@pytest.mark.parametrize(
    ("sent", "received"), [("a%2Fb", "a/b"), ("100%25", "100%"), ("%252F", "%2F"), ("%C3%A9", "é")]
)
@trio_test
async def test_what_is_escaped_in_a_parameter_is_data(sent, received):
    async with Client(App(read_item)) as client:
        answer = await client.get(f"/items/7/{sent}")
    assert answer.json()["params"] == {"number": 7, "name": received}


@trio_test
async def test_a_handler_of_several_methods_and_what_it_does_not_answer():
    async with Client(App(sync_handler)) as client:
        assert (await client.put("/both")).text == "PUT"
        assert (await client.delete("/both")).text == "DELETE"
        assert (await client.post("/both")).status == 405
        refused = await client.get("/both")
    assert refused.status == 405
    assert refused.headers["allow"] == "DELETE, PUT"


@trio_test
async def test_hooks_run_in_the_order_of_the_lifecycle():
    ran = []

    @before
    def declared():
        ran.append("declared")

    @after
    def last():
        ran.append("after")

    def listed():
        ran.append("listed")

    @catch
    def caught(error):
        ran.append(type(error).__name__)

    @get("/", before=[listed])
    async def fails(req, res, lctx, gctx):
        ran.append("handler")
        raise HttpError(418, "teapot", "Short and stout.")

    outer = Hook(lambda: ran.append("given"), "before", name="given")
    async with Client(App(fails, declared, last, caught, hooks=[outer])) as client:
        answer = await client.get("/")
    assert (answer.status, answer.json()["code"]) == (418, "teapot")
    assert ran == ["given", "declared", "listed", "handler", "HttpError", "after"]


@trio_test
async def test_hooks_listed_by_a_route_run_at_their_point():
    ran = []

    def behind():
        ran.append("after")

    @catch(level="route")
    def caught():
        ran.append("catch")

    @get("/", after=[behind], catch=[caught])
    async def fails(req, res, lctx, gctx):
        raise HttpError(418, "teapot")

    async with Client(App(fails)) as client:
        assert (await client.get("/")).status == 418
    assert ran == ["catch", "after"]


@trio_test
async def test_after_hooks_run_on_what_finds_no_route():
    @after
    def stamp(res):
        res.header("x-stamp", "1")

    async with Client(App(read_item, stamp)) as client:
        answer = await client.get("/nowhere")
    assert (answer.status, answer.json()["code"], answer.headers["x-stamp"]) == (404, "route_not_found", "1")


@trio_test
async def test_modules_live_as_long_as_the_application():
    seen = []

    def make():
        seen.append("made")
        return {"answer": 42}

    @get("/")
    async def read(req, res, lctx, gctx):
        res.json(gctx.modules.table)

    app = App(read, modules={"table": Module(factory=make, promises=dict)})
    async with Client(app) as client:
        assert (await client.get("/")).json() == {"answer": 42}
    assert seen == ["made"]
    async with Client(app) as client:
        assert (await client.get("/")).json() == {"answer": 42}
    assert seen == ["made", "made"]


@trio_test
async def test_a_request_past_its_deadline_is_answered(autojump_clock):
    @get("/slow", timeout=2)
    async def slow(req, res, lctx, gctx):
        await trio.sleep_forever()

    @get("/default")
    async def default(req, res, lctx, gctx):
        res.json(lctx.remaining())

    async with Client(App(slow, default, config=Config(timeout=7))) as client:
        started = trio.current_time()
        answer = await client.get("/slow")
        assert answer.status == 504
        assert trio.current_time() - started == pytest.approx(2, abs=0.2)
        assert (await client.get("/default")).json() == pytest.approx(7, abs=0.2)


@trio_test
async def test_a_route_limits_its_body():
    @post("/small", body_limit=10)
    async def small(req, res, lctx, gctx):
        res.bytes(await req.read())

    async with Client(App(small)) as client:
        assert (await client.post("/small", body=b"x" * 10)).body == b"x" * 10
        assert (await client.post("/small", body=b"x" * 11)).status == 413


@trio_test
async def test_an_application_serves_only_while_it_is_open():
    app = App(read_item)
    with pytest.raises(AppNotRunning, match="open the application first"):
        await app.dispatch(None, None)
    async with app.open():
        with pytest.raises(AppAlreadyOpen, match="open already"):
            async with app.open():
                pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"roles": ("buyer",)}, r"GET /guarded demands roles=\('buyer',\)  \(.*test_app.py:\d+\)"),
        ({"rate_limit": "10/minute"}, "GET /guarded demands rate_limit=10 in 60 s"),
    ],
)
def test_a_policy_that_nothing_enforces_is_refused(options, message):
    @get("/guarded", **options)
    async def guarded(req, res, lctx, gctx): ...

    with pytest.raises(PolicyNotEnforced, match=message):
        App(guarded)


def test_two_handlers_of_one_route_are_refused():
    @get("/items/{count:int}/{other}")
    async def twin(req, res, lctx, gctx): ...

    with pytest.raises(RouteConflict, match=r"twin \(.*test_app.py:\d+\).*read_item \(.*test_app.py:\d+\)"):
        App(read_item, twin)


def test_a_type_that_cannot_be_served_is_refused():
    class Bad(TypedDict):
        thread: trio.Event

    @get("/bad")
    async def bad(req: Request[Bad], res, lctx, gctx): ...

    with pytest.raises(HandlerUnusable, match="thread"):
        App(bad)


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Count, r"test_app.py:\d+: .*handle: req is annotated with .*Count.*; write req: Request\[...\]"),
        ("Request[NoSuchName]", "the annotation of req names 'NoSuchName'"),
    ],
)
def test_an_annotation_that_checks_nothing_is_refused(annotation, message):
    async def handle(req, res, lctx, gctx): ...

    handle.__annotations__["req"] = annotation
    with pytest.raises(HandlerUnusable, match=message):
        App(post("/x")(handle))


@pytest.mark.parametrize("annotation", [Request, Any, "Request[Any]", "Request[None]"])
def test_an_annotation_may_leave_the_body_open(annotation):
    async def handle(req, res, lctx, gctx): ...

    handle.__annotations__["req"] = annotation
    App(post("/x")(handle))


@pytest.mark.parametrize("by", ["name", "function"])
@trio_test
async def test_a_hook_may_require_another(by):
    ran = []

    @before(name="open")
    def opened(req, res):
        if "x-stop" in req.headers:
            raise HttpError(418, "teapot")

    @after(requires="open" if by == "name" else opened)
    def closed():
        ran.append("closed")

    async with Client(App(sync_handler, opened, hooks=[closed])) as client:
        assert (await client.put("/both", headers={"x-stop": "1"})).status == 418
        assert ran == []
        await client.put("/both")
        assert ran == ["closed"]


@trio_test
async def test_a_hook_of_a_route_may_require_a_given_one_by_name():
    ran = []

    @after(level="route", requires="given")
    def closed():
        ran.append("closed")

    @get("/", after=[closed])
    async def read(req, res, lctx, gctx):
        res.text("")

    async with Client(App(read, hooks=[Hook(lambda: None, name="given")])) as client:
        await client.get("/")
    assert ran == ["closed"]


def test_a_hook_that_requires_nobody_is_refused():
    @after(requires="opened")
    def closed(): ...

    with pytest.raises(SourceUnusable, match="closed' requires 'opened'; there are: .*closed"):
        App(sync_handler, closed)


def test_a_hook_without_a_point_is_refused():
    def plain(): ...

    with pytest.raises(SourceUnusable, match="says not when it runs"):
        App(read_item, hooks=[plain])


@trio_test
async def test_only_declared_statuses_are_checked():
    @get("/", responses={409: Refusal, 410: None, 411: Any})
    async def answer(req, res, lctx, gctx):
        res.status(int(req.headers["x-status"])).json({"any": "thing"})

    async with Client(App(answer)) as client:
        statuses = [
            (await client.get("/", headers={"x-status": wanted})).status
            for wanted in ("200", "409", "410", "411")
        ]
    assert statuses == [200, 500, 500, 411]


@pytest.mark.parametrize(("body", "status"), [("", 200), ("something", 500)])
@trio_test
async def test_an_answer_without_a_body_has_none(body, status):
    @get("/")
    async def answer(req, res: Response[None], lctx, gctx):
        res.text(body)

    async with Client(App(answer)) as client:
        assert (await client.get("/")).status == status


@trio_test
async def test_a_request_without_a_body_has_none_whatever_is_sent():
    @post("/")
    async def take(req: Request[None], res, lctx, gctx):
        res.json(repr(req.body))

    async with Client(App(take)) as client:
        assert (await client.post("/", body=b"anything")).json() == "None"


@trio_test
async def test_a_body_of_bytes_comes_as_it_is():
    @post("/")
    async def take(req: Request[bytes], res, lctx, gctx):
        res.json(repr(req.body))

    async with Client(App(take)) as client:
        assert (await client.post("/", body=b"\x00\xff")).json() == repr(b"\x00\xff")


@trio_test
async def test_items_of_a_stream_are_of_the_declared_type():
    @get("/{last:int}")
    async def count(req, res: Response[AsyncIterator[Annotated[int, Max(3)]]], lctx, gctx):
        async def items():
            for number in range(1, req.params["last"] + 1):
                yield number

        res.ndjson(items())

    async with Client(App(count)) as client:
        assert (await client.get("/3")).body == b"1\n2\n3\n"
        with pytest.raises(trio.BrokenResourceError, match="before the response was complete"):
            await client.get("/4")


@pytest.mark.parametrize(("send", "line"), [("ndjson", b'"%b"\n'), ("events", b'data: "%b"\n\n')])
@trio_test
async def test_items_of_a_stream_are_written_by_their_type(send, line):
    made = uuid.UUID(int=7)

    @get("/")
    async def ids(req, res: Response[AsyncIterator[uuid.UUID]], lctx, gctx):
        async def items():
            yield made

        getattr(res, send)(items())

    async with Client(App(ids)) as client:
        assert (await client.get("/")).body == line % str(made).encode()


@pytest.mark.parametrize("development", [True, False])
def test_in_development_who_holds_the_event_loop_is_told(development):
    told = []

    class Ends:
        kinds = frozenset({"handler.end"})

        def __call__(self, event):
            told.append(event.detail)

    @get("/")
    def hold(req, res, lctx, gctx):
        time.sleep(0.15)
        res.text("")

    async def main():
        async with Client(App(hold, listeners=[Ends()], config=Config(development=development))) as client:
            await client.get("/")

    trio.run(main)
    (detail,) = told
    assert bool(detail) is development


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_is_positive(timeout):
    with pytest.raises(ValueError, match="positive number of seconds"):
        Config(timeout=timeout)


def test_routes_tell_what_runs():
    (route,) = App(read_item).routes
    assert (route.method, route.path) == ("GET", "/items/{number:int}/{name}")
    assert "read_item" in route.describe()


def test_every_named_type_and_constraint_is_in_one_place():
    import gnomon_gtype
    from gnomon import types

    markers = {
        name
        for name in gnomon_gtype.__all__
        if isinstance(each := getattr(gnomon_gtype, name), type)
        and issubclass(each, gnomon_gtype.Marker)
        and each is not gnomon_gtype.Marker
    }
    assert markers <= set(types.__all__)
    assert all(getattr(types, name) is getattr(gnomon_gtype, name) for name in types.__all__)
