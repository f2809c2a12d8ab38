"""WebSockets: requests until they are accepted, messages after that; one row of the page per case."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import trio_test

from gnomon_context import LocalContext, open_global_context
from gnomon_context.testing import cancel_at_every_checkpoint
from gnomon_orchestrator import BindingError, Hook, InvalidHook, Orchestrator
from gnomon_orchestrator.testing import (
    Bench,
    EventLog,
    FakeGuard,
    FakeRequest,
    FakeSocket,
    FakeValidator,
    Refused,
)

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "lifecycle.md"
CASES = {}


def row(name):
    def register(function):
        CASES[name] = function
        return function

    return register


def everything(bench):
    """A hook of every point and level, each of which notes that it ran."""
    return [
        Hook(bench.note("received"), "before", at="received"),
        Hook(bench.note("before global"), "before"),
        Hook(bench.note("before route"), "before", level="route"),
        Hook(bench.note("after global"), "after"),
        Hook(bench.note("after route"), "after", level="route"),
        Hook(bench.note("catch global"), "catch"),
        Hook(bench.note("catch route"), "catch", level="route"),
        Hook(bench.note("first"), "after", at="first_byte"),
        Hook(bench.note("last"), "after", at="last_byte"),
    ]


def undoing(bench, then):
    async def handler(req, ws, lctx, gctx):
        bench.ran.append("handler")
        lctx.compensate(bench.ran.append, "compensation")
        lctx.on_cleanup(bench.ran.append, "cleanup")
        lctx.on_error(lambda error: bench.ran.append("on_error"))
        await then(ws, lctx)

    return handler


async def echo(ws, lctx):
    async for message in ws:
        await ws.send(message)


async def stay(ws, lctx):
    await ws.accept()
    await trio.sleep_forever()


IN = ["received", "before global", "before route", "handler"]
CATCH = ["catch route", "catch global"]
ANSWERED = ["after route", "after global", "first", "last"]


def run(bench, then, hooks=None, **options):
    return bench(
        undoing(bench, then), everything(bench) if hooks is None else hooks, websocket=True, **options
    )


def cancels(reason, at=0.7):
    async def during(bench):
        await trio.sleep(at)
        bench.lctx.cancel(reason)

    return during


@row("all is well")
async def _(bench):
    bench.ws.incoming = ["a", "b"]
    outcome = await run(bench, echo)
    assert outcome.kind == "ok"
    assert bench.ran == [*IN, "cleanup"]
    # The client has closed: there is nothing to say.
    assert bench.ws.sent == ["accepted", "a", "b"]

    async def say_one_thing(ws, lctx):
        await ws.send("a")

    bench.__init__()
    assert (await run(bench, say_one_thing)).kind == "ok"
    assert bench.ran == [*IN, "cleanup"]
    assert bench.ws.sent == ["accepted", "a", "closed 1000"]
    assert bench.res.sent == []


@row("the handler closes it")
async def _(bench):
    async def close(ws, lctx):
        await ws.accept()
        await ws.close(4001, "enough")
        await ws.close(4002, "the first counts")

    assert (await run(bench, close)).kind == "ok"
    assert bench.ws.sent == ["accepted", "closed 4001"]

    async def go_on(ws, lctx):
        await close(ws, lctx)
        await ws.send("more")

    # Where the two can be told apart, that is nobody's fault who went away.
    bench.__init__()
    outcome = await run(bench, go_on)
    assert (outcome.kind, outcome.truncated) == ("error", False)
    assert isinstance(outcome.error, trio.ClosedResourceError)
    assert bench.ws.sent == ["accepted", "closed 4001"]


@row("a before hook finishes `res`; the handler finishes `ws.answer` and does not accept")
async def _(bench):
    hooks = [*everything(bench), Hook(lambda res: res.status(302).json("there"), "before", name="early")]
    assert (await run(bench, echo, hooks)).kind == "ok"
    assert bench.ran == ["received", "before global", *ANSWERED]
    assert bench.res.sent == [302, "there"]
    assert bench.ws.sent == []

    async def refuse(ws, lctx):
        ws.answer.status(409).json("taken")

    bench.__init__()
    assert (await run(bench, refuse)).kind == "ok"
    assert bench.ran == [*IN, *ANSWERED[:-1], "last", "cleanup"]
    assert bench.res.sent == [409, "taken"]


@row("guard says no; the opening request fails its GType; a failure before it is accepted")
async def _(bench):
    def no(req, res, lctx, gctx):
        raise Refused(401)

    async def fail(ws, lctx):
        raise Refused(403)

    for then, options, status, ran in (
        (echo, {"guards": [FakeGuard(no)]}, 401, ["received", *CATCH, "after global", "first", "last"]),
        (echo, {"request": FakeValidator(lambda req: False)}, 400, ["received", *CATCH, *ANSWERED]),
        (
            fail,
            {},
            403,
            [
                *IN,
                "on_error",
                *CATCH,
                "compensation",
                "after route",
                "after global",
                "first",
                "last",
                "cleanup",
            ],
        ),
    ):
        bench.__init__()
        outcome = await run(bench, then, **options)
        assert outcome.kind == "error"
        assert bench.ran == ran
        assert bench.res.sent[0] == status
        assert bench.ws.sent == []


@row("the handler returns, and has neither accepted nor answered")
async def _(bench):
    async def nothing(ws, lctx):
        pass

    outcome = await run(bench, nothing)
    assert outcome.error.code == "no_answer"
    assert "ws.accept()" in str(outcome.error)
    assert bench.res.sent[0] == 500


@row("the request deadline passes before it is accepted")
async def _(bench):
    async def slow(ws, lctx):
        await trio.sleep(10)

    outcome = await run(bench, slow, timeout=0.7)
    assert outcome.kind == "timeout"
    assert bench.res.sent[0] == 504
    assert bench.ws.sent == []


@row("the request deadline passes after that")
async def _(bench):
    async def long(ws, lctx):
        await trio.sleep(0.5)
        await ws.accept()
        assert lctx.remaining() == float("inf")
        await trio.sleep(100)
        await ws.send("still here")

    outcome = await run(bench, long, timeout=0.7)
    assert outcome.kind == "ok"
    assert bench.ws.sent == ["accepted", "still here", "closed 1000"]


@row("handler raises; a child task fails")
async def _(bench):
    error = RuntimeError("secret")

    async def fail(ws, lctx):
        await ws.accept()
        raise error

    async def child():
        raise error

    async def have_a_child(ws, lctx):
        await ws.accept()
        lctx.start_soon(child)
        await trio.sleep_forever()

    for then in (fail, have_a_child):
        bench.__init__()
        outcome = await run(bench, then)
        assert (outcome.kind, outcome.error, outcome.truncated) == ("error", error, False)
        # Catch hooks look on, each of them; there is no answer for after hooks to edit.
        assert bench.ran == [*IN, "on_error", *CATCH, "compensation", "cleanup"]
        assert bench.ws.sent == ["accepted", "closed 1011"]
        assert bench.res.sent == []


@row("an error states a `close_code`")
async def _(bench):
    class Invalid(ValueError):
        close_code = 1007

    class Silly(ValueError):
        close_code = 99

    class Lost(ValueError):
        close_code = 1006

    for error, code in ((Invalid(), 1007), (Silly(), 1011), (Lost(), 1011)):

        async def fail(ws, lctx):
            await ws.accept()
            raise error

        bench.__init__()
        assert (await run(bench, fail)).error is error
        assert bench.ws.sent == ["accepted", f"closed {code}"]


@row("what was entered cannot be left")
async def _(bench):
    error = RuntimeError("conflict")

    @asynccontextmanager
    async def transaction():
        yield
        raise error

    async def enter(ws, lctx):
        await ws.accept()
        await lctx.enter(transaction())

    outcome = await run(bench, enter)
    assert (outcome.kind, outcome.error) == ("error", error)
    assert bench.ran == [*IN, "on_error", *CATCH, "compensation", "cleanup"]
    assert bench.ws.sent == ["accepted", "closed 1011"]


@row("tasks are still running when the handler returns")
async def _(bench):
    async def tail(ws, lctx):
        await ws.accept()
        lctx.start_soon(trio.sleep_forever, name="ticker")
        lctx.start_soon(trio.sleep, 1.0, name="last words")

    began = trio.current_time()
    outcome = await run(bench, tail)
    assert outcome.kind == "ok"
    assert [task.status for task in bench.lctx.tasks] == ["cancelled", "done"]
    assert trio.current_time() - began == pytest.approx(5.0)


@row("the client goes away")
async def _(bench):
    outcome = await run(bench, stay, during=cancels("disconnect"))
    assert (outcome.kind, outcome.truncated) == ("disconnect", True)
    assert bench.ran == [*IN, "compensation", "cleanup"]
    assert bench.ws.sent == ["accepted"]

    async def receive_for_ever(ws, lctx):
        while True:
            await ws.receive()

    bench.__init__()
    outcome = await run(bench, receive_for_ever)
    assert outcome.kind == "disconnect"
    assert bench.ran == [*IN, "compensation", "cleanup"]


@row("`lctx.cancel()`")
async def _(bench):
    outcome = await run(bench, stay, during=cancels("explicit"))
    assert outcome.kind == "cancelled"
    assert bench.ran == [*IN, "on_error", *CATCH, "compensation", "cleanup"]
    assert bench.ws.sent == ["accepted", "closed 1011"]


@row("the server drains, and the handler waits for a message, or sends one")
async def _(bench):
    async def receive_for_ever(ws, lctx):
        await ws.accept()
        ws.draining = True
        await ws.receive()

    outcome = await run(bench, receive_for_ever)
    assert (outcome.kind, outcome.truncated) == ("shutdown", False)
    assert bench.ran == [*IN, "on_error", *CATCH, "compensation", "cleanup"]
    assert bench.ws.sent == ["accepted", "closed 1001"]

    async def a_connection_of_its_own(ws, lctx):
        await ws.accept()
        ws.draining, ws.closed = True, True
        raise trio.BrokenResourceError

    bench.__init__()
    assert (await run(bench, a_connection_of_its_own)).kind == "disconnect"


@row("drain past its grace")
async def _(bench):
    outcome = await run(bench, stay, during=cancels("shutdown"))
    assert outcome.kind == "shutdown"
    assert bench.ran == [*IN, "on_error", *CATCH, "compensation", "cleanup"]
    assert bench.ws.sent == ["accepted", "closed 1001"]

    bench.__init__()
    bench.ws.delay = 5.0
    outcome = await run(bench, stay, during=cancels("shutdown"))
    assert outcome.kind == "shutdown"
    assert bench.res.sent[0] == 503


@row("it cannot be closed: the client is gone, or takes too long")
async def _(bench):
    async def fail(ws, lctx):
        await ws.accept()
        raise KeyError

    for ws in (
        FakeSocket(answer=bench.res, fail=trio.BrokenResourceError()),
        FakeSocket(answer=bench.res, fail=ValueError()),
        FakeSocket(answer=bench.res),
    ):
        bench.__init__()
        bench.ws = ws

        async def slow_down(ws, lctx):
            await ws.accept()
            ws.delay = 99.0
            raise KeyError

        outcome = await run(bench, fail if ws.fail else slow_down)
        assert (outcome.kind, outcome.truncated) == ("error", True)
        assert isinstance(outcome.error, KeyError)

    # A success stays one: the handler had done its work.
    bench.__init__()
    bench.ws.fail = trio.BrokenResourceError()
    assert (await run(bench, lambda ws, lctx: ws.accept())).kind == "ok"


@row("KeyboardInterrupt, SystemExit, cancelled from outside the runtime")
async def _(bench):
    async def interrupt(ws, lctx):
        await ws.accept()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        try:
            await run(bench, interrupt)
        except BaseExceptionGroup as group:
            nested = group
            while isinstance(nested, BaseExceptionGroup):
                (nested,) = nested.exceptions
            raise nested from None
    assert bench.ran == [*IN, "on_error", *CATCH, "compensation", "cleanup"]
    assert bench.ws.sent == ["accepted", "closed 1011"]

    bench.__init__()
    with trio.move_on_after(0.5) as scope:
        await run(bench, stay)
    assert scope.cancelled_caught
    assert bench.ran == [*IN, "on_error", *CATCH, "compensation", "cleanup"]
    assert bench.ws.sent == ["accepted", "closed 1011"]


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    bench = Bench()
    trio.run(CASES[name], bench, clock=trio.testing.MockClock(autojump_threshold=0))
    kinds = [event.kind for event in bench.log.events]
    assert kinds.count("request.received") == kinds.count("request.finished") == 1
    assert kinds[-1] == "request.finished"


def test_the_page_has_a_row_for_each_case():
    section = PAGE.read_text().split("## WebSockets")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \|", section, re.MULTILINE)
    assert [name for name in rows if name != "case"] == list(CASES)


@pytest.mark.parametrize("observed", [True, False])
@trio_test
async def test_with_boundaries_and_options_it_is_the_same(autojump_clock, bench, observed):
    class Onlooker:
        async def before_step(self, step, lctx):
            steps.append(step.name)

        async def after_step(self, step, lctx, error):
            pass

    steps = []
    bench.ws.incoming = ["a"]
    options = {} if observed else {"listeners": []}
    assert (await run(bench, echo, boundaries=[Onlooker()], **options)).kind == "ok"
    assert bench.ws.sent == ["accepted", "a"]
    assert steps[0] == "received"
    assert steps[-1].endswith("handler")


@trio_test
async def test_events_are_those_of_any_request(autojump_clock, bench):
    bench.ws.incoming = ["a"]
    await run(bench, echo, hooks=[], name="GET /chat")
    assert bench.log.names() == [
        "request.received GET /chat",
        "phase routed",
        "phase authorized",
        "phase validated",
        "phase processing",
        "handler.start undoing.<locals>.handler",
        "handler.end undoing.<locals>.handler",
        "phase responding",
        "cleanup.start list.append",
        "cleanup.end list.append",
        "phase completed",
        "request.finished GET /chat",
    ]


@trio_test
async def test_returning_the_websocket_is_as_good_as_nothing(autojump_clock, bench):
    async def handler(req, ws, lctx, gctx):
        await ws.accept()
        return ws

    class Onlooker:
        async def before_step(self, step, lctx):
            pass

        async def after_step(self, step, lctx, error):
            pass

    for boundaries in ((), (Onlooker(),)):
        bench.__init__()
        assert (await bench(handler, websocket=True, boundaries=boundaries)).kind == "ok"
    bench.__init__()

    async def wrong(req, ws, lctx, gctx):
        await ws.accept()
        return "hello"

    assert (await bench(wrong, websocket=True)).error.code == "unexpected_return"


@trio_test
async def test_a_scope_left_open_is_noticed(autojump_clock, bench):
    async def leak(ws, lctx):
        await ws.accept()
        trio.CancelScope().__enter__()

    outcome = await run(bench, leak)
    assert outcome.error.code == "scope_leaked"
    assert bench.ws.sent == ["accepted", "closed 1011"]


@trio_test
async def test_a_swallowed_cancellation_is_noticed(autojump_clock, bench):
    async def swallow(ws, lctx):
        await ws.accept()
        try:
            await trio.sleep(9)
        except trio.Cancelled:
            pass

    assert (await run(bench, swallow, during=cancels("shutdown"))).kind == "shutdown"
    assert bench.ws.sent == ["accepted", "closed 1001"]


def test_other_names_are_refused_with_the_right_form():
    async def handler(req, res, lctx, gctx): ...

    async def socket(req, ws, lctx, gctx): ...

    orchestrator = Orchestrator()
    with pytest.raises(BindingError, match=r"did you mean 'ws'\?.*async def handler\(req, ws, lctx, gctx\)"):
        orchestrator.websocket_plan(handler)
    with pytest.raises(BindingError, match=r"did you mean 'res'\?.*async def socket\(req, res, lctx, gctx\)"):
        orchestrator.plan(socket)
    with pytest.raises(InvalidHook, match="timeout is a number of seconds above 0"):
        orchestrator.websocket_plan(socket, timeout=0)


def test_it_is_described():
    async def chat(req, ws, lctx, gctx): ...

    hooks = [
        Hook(lambda: None, "before", name="open"),
        Hook(lambda: None, "after", name="stamp"),
        Hook(lambda: None, "catch", name="sorry"),
    ]
    plan = Orchestrator(hooks).websocket_plan(chat, name="GET /chat", timeout=2.0, version="v1", id="chat")
    assert str(plan.describe()).splitlines() == [
        "GET /chat  timeout=2",
        "  in   before      global  open",
        "  in   websocket           test_it_is_described.<locals>.chat",
        "  out  close",
        "  http after       global  stamp",
        "  http send",
        "  fail catch       global  sorry",
    ]
    assert repr(plan) == "<WebSocketPlan GET /chat>"
    assert (plan.id, plan.version) == ("chat", "v1")


@trio_test
async def test_the_timeout_of_the_plan_holds_where_the_context_has_none(autojump_clock, bench):
    async def slow(ws, lctx):
        await trio.sleep(10)

    async with open_global_context() as gctx:
        plan = Orchestrator().websocket_plan(undoing(bench, slow), timeout=0.5)
        with trio.CancelScope() as scope:
            lctx = LocalContext(gctx, scope=scope)
            assert (await plan.run(bench.req, bench.ws, lctx, gctx)).kind == "timeout"


class Journey:
    """One WebSocket with a checkpoint everywhere, and what has become of it."""

    def __init__(self, *, fails):
        self.ran = Counter()
        self.log = EventLog()
        self.ws = FakeSocket(["a", "b"], delay=0.1)
        self.fails = fails
        hooks = [
            Hook(self.step("before"), retries=1, timeout=5.0),
            Hook(self.step("catch"), "catch"),
            Hook(self.step("after"), "after"),
        ]
        self.plan = Orchestrator(hooks, [self.log]).websocket_plan(self.handler)

    def step(self, name):
        async def hook():
            await trio.sleep(0.1)
            self.ran[name] += 1

        return hook

    async def callback(self, name):
        self.ran[name] += 1
        await trio.sleep(0.1)

    @asynccontextmanager
    async def transaction(self):
        self.ran["entered"] += 1
        try:
            yield
        except BaseException:
            self.ran["rolled back"] += 1
            raise
        await trio.sleep(0.1)
        self.ran["committed"] += 1

    async def handler(self, req, ws, lctx, gctx):
        self.ran["handler"] += 1
        lctx.on_cleanup(self.callback, "cleanup")
        lctx.compensate(self.callback, "compensation")
        await lctx.enter(self.transaction())
        lctx.start_soon(trio.sleep, 0.3)
        async for message in ws:
            await ws.send(message)
            await trio.sleep(0.1)
        # As if the client had not closed yet.
        ws.closed = False
        if self.fails:
            raise KeyError

    async def run(self, enter):
        async with open_global_context() as gctx:
            gctx.on_alert(lambda alert: None)
            with trio.CancelScope() as scope:
                self.lctx = LocalContext(gctx, scope=scope, timeout=60)
                with enter(self.lctx):
                    await self.plan.run(FakeRequest(), self.ws, self.lctx, gctx)

    def check(self):
        outcome, ran = self.lctx.outcome, self.ran
        kinds = Counter(event.kind for event in self.log.events)
        assert kinds["request.received"] == kinds["request.finished"] == 1
        assert self.log.events[-1].kind == "request.finished"
        assert all(count == 1 for count in ran.values()), ran
        assert ran["cleanup"] == ran["handler"]
        # Either everything is done, or everything is undone.
        assert ran["compensation"] == (ran["handler"] and not ran["committed"])
        assert ran["committed"] + ran["rolled back"] == ran["entered"]
        closed = [message for message in self.ws.sent if str(message).startswith("closed")]
        if outcome.kind == "ok":
            assert ran["committed"]
            assert closed == ["closed 1000"]
        elif self.ws.accepted:
            # Cancelled while the handler was leaving: it has done its work, and is closed as such.
            code = 1000 if ran["committed"] else 1011
            assert closed == ([f"closed {code}"] if outcome.kind in ("error", "cancelled") else [])
            assert not self.ws.answer.sent
            assert not ran["after"]
        elif outcome.kind != "disconnect":
            assert self.ws.answer.sent[0] == 500
        assert all(task.status != "pending" for task in self.lctx.tasks)


@pytest.mark.parametrize("by", ["context", "disconnect", "outside"])
@pytest.mark.parametrize("fails", [False, True])
def test_cancelled_at_every_checkpoint(fails, by):
    journeys = []

    async def scenario(trial):
        journey = Journey(fails=fails)
        journeys.append(journey)
        if by == "outside":
            await journey.run(lambda lctx: trial)
        elif by == "context":
            await journey.run(lambda lctx: trial.by(lctx.cancel))
        else:
            await journey.run(lambda lctx: trial.by(lambda: lctx.cancel("disconnect")))

    cancel_at_every_checkpoint(scenario)
    for journey in journeys:
        journey.check()
    assert len(journeys) > 10
    assert len({journey.lctx.outcome.kind for journey in journeys}) > 1
