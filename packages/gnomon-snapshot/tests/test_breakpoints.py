"""Breakpoints: requests are held, looked at, edited and let go, and none is left behind."""

import contextlib
import functools
import math
from types import SimpleNamespace

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test

from gnomon_context import Execution, GlobalContext, LocalContext, open_global_context, open_local_context
from gnomon_snapshot import Breakpoint, Condition, Debugger, Paused, PauseOver, capture


class Answer:
    def __init__(self):
        self.status_code = 200
        self.headers = {}
        self.body = None

    def status(self, code):
        self.status_code = code


def step(kind="handler", name="create", id="handler", req=None, res=None):
    return SimpleNamespace(kind=kind, name=name, id=id, req=req, res=res)


AUTHENTICATE = step("hook", "authenticate", "before:authenticate#1")


async def run(debugger, lctx, *, log=None, steps=(AUTHENTICATE, step()), act=None, error=None):
    """A request as an orchestrator runs it."""
    for one in steps:
        await debugger.before_step(one, lctx)
        if log is not None:
            log.append(one.name)
        if act is not None:
            act()
        await debugger.after_step(one, lctx, error)


@trio_test
async def test_held_looked_at_and_let_go(autojump_clock):
    debugger, log = Debugger(), []
    lctx = LocalContext(GlobalContext())
    lctx.set("user", "eve")
    async with trio.open_nursery() as nursery:
        with debugger.attach(Breakpoint(handler="create")) as session:
            nursery.start_soon(functools.partial(run, debugger, lctx, log=log))
            paused = await session.next()
            assert session.paused == (paused,)
            await trio.sleep(30)
            assert log == ["authenticate"]
            assert paused.step == "before handler"
            assert paused.snapshot.state == {"user": "eve"}
            assert paused.ending is None
            assert repr(paused) == f"<Paused {lctx.request_id} before handler, held>"
            assert paused.proceed()
            assert not paused.proceed()
            assert not paused.abort()
            await trio.sleep(1)
            assert session.paused == ()
    assert log == ["authenticate", "create"]
    assert paused.ending == "proceeded"


@trio_test
async def test_without_a_session_nothing_is_held(autojump_clock):
    debugger, log = Debugger(), []
    session = debugger.attach(Breakpoint(handler="*"))
    await run(debugger, LocalContext(GlobalContext()), log=log)  # it is not entered
    with session:
        pass
    await run(debugger, LocalContext(GlobalContext()), log=log)
    assert len(log) == 4
    with pytest.raises(trio.EndOfChannel):
        await session.next()
    assert [paused async for paused in session] == []


@pytest.mark.parametrize(
    ("breakpoint", "where"),
    [
        (Breakpoint(handler="*"), "before handler"),
        (Breakpoint(handler="create"), "before handler"),
        (Breakpoint(handler="orders.create"), "before handler"),
        (Breakpoint(handler="create", when="after"), "after handler"),
        (Breakpoint(hook="*"), "before before:authenticate#1"),
        (Breakpoint(hook="authenticate"), "before before:authenticate#1"),
        (Breakpoint(hook="before:authenticate#1", when="after"), "after before:authenticate#1"),
        (Breakpoint(handler="create", match=[("/state/n", "==", 1)]), "before handler"),
        (Breakpoint(handler="create", match=[("/state/n", "==", 2)]), None),
        (Breakpoint(handler="authenticate"), None),
        (Breakpoint(hook="create"), None),
        (Breakpoint(handler="delete"), None),
    ],
)
def test_places(breakpoint, where):
    async def main():
        debugger = Debugger()
        lctx = LocalContext(GlobalContext())
        lctx.execution = Execution("orders.create")
        lctx.set("n", 1)
        seen = []
        with debugger.attach(breakpoint) as session:
            async with trio.open_nursery() as nursery:

                async def request():
                    await run(debugger, lctx)
                    nursery.cancel_scope.cancel()

                nursery.start_soon(request)
                async for paused in session:
                    seen.append(paused.step)
                    paused.proceed()
        assert seen == ([where] if where else [])

    trio.run(main, clock=MockClock(autojump_threshold=0))


@trio_test
async def test_a_handler_that_is_not_known_by_id(autojump_clock):
    debugger = Debugger()
    with debugger.attach(Breakpoint(handler="orders.create")):
        await run(debugger, LocalContext(GlobalContext()))
    assert trio.current_time() == 0


@trio_test
async def test_a_request_is_held_for_some_time(autojump_clock):
    debugger, log = Debugger(), []
    with debugger.attach(Breakpoint(handler="*", timeout=20)) as session:
        await run(debugger, LocalContext(GlobalContext()), log=log)
        assert trio.current_time() == 20
        assert log == ["authenticate", "create"]
        assert session.paused == ()
        with trio.move_on_after(1):
            await session.next()  # it was let go before anybody asked
            raise AssertionError


@trio_test
async def test_one_or_many(autojump_clock):
    debugger = Debugger()
    gctx = GlobalContext()
    once, twice = Breakpoint(handler="*", timeout=1), Breakpoint(hook="*", times=2, timeout=1)
    with debugger.attach(once, twice):
        for expected in (2, 3, 3):
            await run(debugger, LocalContext(gctx))
            assert trio.current_time() == expected
    with debugger.attach(Breakpoint(handler="*", times=None, timeout=1)):
        for _ in range(3):
            await run(debugger, LocalContext(gctx))
    assert trio.current_time() == 6


@trio_test
async def test_equal_breakpoints_count_apart_and_sessions_too(autojump_clock):
    debugger = Debugger()
    make = functools.partial(Breakpoint, handler="*", timeout=1)
    with debugger.attach(make(), make()), debugger.attach(make()):
        for expected in (1, 2, 3, 3):
            await run(debugger, LocalContext(GlobalContext()))
            assert trio.current_time() == expected


@trio_test
async def test_not_too_many_at_once(autojump_clock):
    debugger = Debugger()
    gctx = GlobalContext()
    async with trio.open_nursery() as nursery:
        with debugger.attach(Breakpoint(handler="*", times=None), at_once=2) as session:
            for _ in range(5):
                nursery.start_soon(run, debugger, LocalContext(gctx))
            await trio.testing.wait_all_tasks_blocked()
            assert len(session.paused) == 2
            assert session.passed == 3
    with pytest.raises(ValueError, match="no request"):
        debugger.attach(at_once=0)


@trio_test
async def test_abort_cancels_the_request(autojump_clock):
    debugger, log = Debugger(), []
    async with open_global_context() as gctx, trio.open_nursery() as nursery:

        async def request():
            with trio.CancelScope() as scope:
                lctx = LocalContext(gctx, scope=scope)
                log.append(lctx)
                await run(debugger, lctx, log=log)

        with debugger.attach(Breakpoint(handler="*")) as session:
            nursery.start_soon(request)
            paused = await session.next()
            assert paused.abort()
            assert not paused.proceed()
            await trio.sleep(1)
            assert session.paused == ()
    assert paused.ending == "aborted"
    assert log[1:] == ["authenticate"]  # the handler was not entered
    assert log[0].cancel_reason == "explicit"


@trio_test
async def test_a_client_that_goes_away(autojump_clock):
    debugger = Debugger()
    with debugger.attach(Breakpoint(handler="*")) as session:
        with trio.move_on_after(1) as scope:
            await run(debugger, LocalContext(GlobalContext(), scope=scope))
        assert scope.cancelled_caught
        assert session.paused == ()


@trio_test
async def test_the_debugger_goes_away(autojump_clock):
    """Leaving the block lets everything go, however it is left."""
    debugger, log = Debugger(), []
    gctx = GlobalContext()
    async with trio.open_nursery() as nursery:
        with pytest.raises(KeyError), debugger.attach(Breakpoint(handler="*", times=None)) as session:
            for _ in range(3):
                nursery.start_soon(functools.partial(run, debugger, LocalContext(gctx), log=log))
            paused = await session.next()
            raise KeyError
    assert log.count("create") == 3
    assert trio.current_time() == 0
    assert paused.ending == "detached"
    with pytest.raises(PauseOver, match="held no more \\(detached\\)"):
        paused.edit("/state/x", 1)


@trio_test
async def test_the_deadline_of_the_request_stands_still(autojump_clock):
    debugger = Debugger()
    async with open_global_context() as gctx:
        with debugger.attach(Breakpoint(handler="*", timeout=50)) as session:
            async with open_local_context(gctx, timeout=5) as lctx:
                await trio.sleep(2)
                await run(debugger, lctx)
                assert trio.current_time() == 52
                assert lctx.remaining() == pytest.approx(3)
                assert lctx.deadline == pytest.approx(55)
            with pytest.raises(TimeoutError):
                async with open_local_context(gctx, timeout=5):
                    await trio.sleep(6)
            assert session.paused == ()


@trio_test
async def test_a_deadline_that_is_moved_meanwhile_stays_moved(autojump_clock):
    from gnomon_context.runtime import move_deadline

    debugger = Debugger()
    lctx = LocalContext(GlobalContext(), timeout=5)
    async with trio.open_nursery() as nursery:
        with debugger.attach(Breakpoint(handler="*")) as session:
            nursery.start_soon(run, debugger, lctx)
            paused = await session.next()
            assert lctx.deadline == math.inf
            move_deadline(lctx, 1000.0)
            paused.proceed()
            await trio.testing.wait_all_tasks_blocked()
    assert lctx.deadline == 1000.0


@trio_test
async def test_after_a_failure(autojump_clock):
    debugger = Debugger()
    async with trio.open_nursery() as nursery:
        with debugger.attach(Breakpoint(handler="*", when="after", times=None)) as session:
            nursery.start_soon(
                functools.partial(run, debugger, LocalContext(GlobalContext()), error=ValueError("no"))
            )
            paused = await session.next()
            assert repr(paused.error) == "ValueError('no')"
            paused.proceed()
            # what ends the process, or was cancelled, is not held up
            await run(debugger, LocalContext(GlobalContext()), error=KeyboardInterrupt())
            with trio.CancelScope() as scope:
                scope.cancel()
                await debugger.after_step(step(), LocalContext(GlobalContext()), ValueError())
            assert not scope.cancelled_caught


class Question:
    def __init__(self):
        self.method = "POST"
        self.target = "/orders"
        self.headers = {"accept": "a"}
        self.body = {"items": [1, {"sku": "x"}]}


async def held(act, *, req=None, res=None, state=None):
    """Edit a held request; returns its context."""
    debugger = Debugger()
    lctx = LocalContext(GlobalContext())
    for key, value in (state or {}).items():
        lctx.set(key, value)
    async with trio.open_nursery() as nursery:
        with debugger.attach(Breakpoint(handler="*")) as session:
            nursery.start_soon(functools.partial(run, debugger, lctx, steps=[step(req=req, res=res)]))
            act(await session.next())
    return lctx


@trio_test
async def test_edits(autojump_clock):
    req, res = Question(), Answer()

    def act(paused):
        fresh = ["pear"]
        paused.edit("/state/cart", fresh)
        fresh.append("not mine")
        paused.edit("/state/cart/-", "plum")
        paused.edit("/state/cart/0", "apple")
        paused.edit("/state/deep/a~1b/0", 2)
        paused.edit("/request/body/items/1/sku", "y")
        paused.edit("/request/method", "PUT")
        paused.edit("/request/target", "/other")
        paused.edit("/request/headers/accept", "b")
        paused.edit("/response/status_code", 202)
        paused.edit("/response/body", {"a": []})
        paused.edit("/response/body/a/-", 1)
        paused.edit("/response/headers/etag", "1")
        again = paused.look()
        assert again.state["cart"] == ["apple", "plum"]
        assert again.response.status_code == 202
        assert paused.snapshot.state["cart"] == []

    lctx = await held(act, req=req, res=res, state={"cart": [], "deep": {"a/b": [1]}})
    assert lctx.get("cart") == ["apple", "plum"]
    assert lctx.get("deep") == {"a/b": [2]}
    assert (req.method, req.target, req.headers) == ("PUT", "/other", {"accept": "b"})
    assert req.body == {"items": [1, {"sku": "y"}]}
    assert (res.status_code, res.headers, res.body) == (202, {"etag": "1"}, {"a": [1]})


@trio_test
async def test_headers_that_cannot_be_changed_are_replaced(autojump_clock):
    from collections.abc import Mapping

    class Fixed(Mapping):
        def __init__(self, fields):
            self.fields = fields

        def __getitem__(self, name):
            return self.fields[name.lower()][0]

        def __iter__(self):
            return iter(self.fields)

        def __len__(self):
            return len(self.fields)

    class Several(Fixed):
        def getall(self, name):
            return self.fields[name.lower()]

    for kind, others in ((Fixed, ("1",)), (Several, ("1", "2"))):
        req = Question()
        req.headers = kind({"accept": ["a", "b"], "other": ["1", "2"]})
        await held(lambda paused: paused.edit("/request/headers/Accept", "c"), req=req)
        assert req.headers["accept"] == req.headers["ACCEPT"] == "c"
        assert req.headers.getall("accept") == ("c",)
        assert tuple(req.headers.getall("other")) == others
        assert dict(req.headers) == {"other": "1", "Accept": "c"}
        assert len(req.headers) == 2


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "no place that can be edited"),
        ("/state", "no place"),
        ("state/x", "no place"),
        ("/meta/path", "no place"),
        ("/tasks/0", "no place"),
        ("/request/cookies", "no place"),
        ("/request/method/0", "no place"),
        ("/request/headers", "no place"),
        ("/request/headers/a/b", "no place"),
        ("/response/target", "no place"),
        ("/request/headers/x", "a header field is text"),
        ("/state/missing/0", "leads into a NoneType"),
        ("/state/cart/1", "the list has 1 items"),
        ("/state/cart/x", "the list has 1 items"),
        ("/state/cart/x/0", "the list has 1 items"),
        ("/state/map/x/0", "'x' is missing"),
        ("/state/text/0", "leads into a str"),
        ("/response/status_code", "OSError: 7"),
    ],
)
def test_what_cannot_be_edited(path, problem):
    class Full(Answer):
        def status(self, code):
            raise OSError(code)

    def act(paused):
        with pytest.raises(ValueError, match=problem):
            paused.edit(path, 7)

    state = {"cart": [1], "map": {}, "text": "abc"}
    trio.run(functools.partial(held, act, req=Question(), res=Full(), state=state))


@trio_test
async def test_a_request_that_is_not_there(autojump_clock):
    def act(paused):
        with pytest.raises(ValueError, match="no place"):
            paused.edit("/request/body", 1)
        with pytest.raises(ValueError, match="cannot be set"):
            paused.edit("/state/x", (one for one in ()))  # cannot be copied

    await held(act)


@trio_test
async def test_how_a_snapshot_is_taken(autojump_clock):
    class Blank:
        def redact(self, value):
            return "***"

    debugger = Debugger(take=functools.partial(capture, redactors={"state.card": Blank()}))
    lctx = LocalContext(GlobalContext())
    lctx.set("card", "4111")
    async with trio.open_nursery() as nursery:
        with debugger.attach(Breakpoint(handler="*")) as session:
            nursery.start_soon(run, debugger, lctx)
            paused = await session.next()
            assert paused.snapshot.state == paused.look().state == {"card": "***"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "give one of them"),
        ({"handler": "a", "hook": "b"}, "give one of them"),
        ({"handler": "a", "when": "during"}, "'before' or 'after'"),
        ({"handler": "a", "timeout": math.inf}, "not for ever"),
        ({"handler": "a", "timeout": 0}, "no timeout"),
        ({"handler": "a", "timeout": math.nan}, "no timeout"),
        ({"handler": "a", "times": 0}, "is none"),
        ({"handler": "a", "match": [("/state/x", "?", 1)]}, "no operator"),
        ({"handler": "a", "match": [[]]}, "no breakpoint"),
        ({"handler": "a", "match": 7}, "no breakpoint"),
        ({"handler": "a", "times": "x"}, "no breakpoint"),
        ({"handler": "a", "code": "import os"}, "has no 'code'"),
    ],
)
def test_what_is_no_breakpoint(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        Breakpoint.from_json(arguments)


def test_breakpoints_are_data():
    written = {
        "handler": "create",
        "when": "after",
        "match": [["/state/n", ">", 1]],
        "timeout": 5,
        "times": None,
    }
    made = Breakpoint.from_json(written)
    assert made == Breakpoint(
        handler="create", when="after", match=[Condition("/state/n", ">", 1)], timeout=5, times=None
    )


class CancelAt(trio.abc.Instrument):
    """Cancels a scope just before a task takes its nth step."""

    def __init__(self, scope, number):
        self.scope = scope
        self.left = number

    def before_task_step(self, task):
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()


@pytest.mark.parametrize("which", ["everything", "the session", "the request"])
def test_cancelled_at_every_step_nothing_stays_behind(which):
    """Whatever is cancelled, and whenever: no request is held, and those that were not cancelled arrive."""

    async def scenario(number):
        debugger, arrived = Debugger(), []
        scopes = {name: trio.CancelScope() for name in ("everything", "the session", "the request")}
        instrument = CancelAt(scopes[which], number)
        trio.lowlevel.add_instrument(instrument)
        all_paused = []

        async def debug(started):
            with scopes["the session"], debugger.attach(Breakpoint(handler="*", times=None)) as session:
                started.set()
                async for paused in session:
                    all_paused.append(paused)
                    await trio.lowlevel.checkpoint()
                    with contextlib.suppress(PauseOver):
                        paused.edit("/state/seen", True)
                    await trio.lowlevel.checkpoint()
                    paused.proceed()
                    if len(all_paused) == 2:
                        break

        async def request(name, gctx):
            with scopes["the request"] if name == "one" else trio.CancelScope():
                async with open_local_context(gctx) as lctx:
                    await run(debugger, lctx)
                    arrived.append(name)

        with scopes["everything"]:
            async with open_global_context() as gctx, trio.open_nursery() as debugging:
                started = trio.Event()
                debugging.start_soon(debug, started)
                await started.wait()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(request, "one", gctx)
                    nursery.start_soon(request, "two", gctx)
                debugging.cancel_scope.cancel()
        trio.lowlevel.remove_instrument(instrument)
        assert debugger._sessions == []
        assert all(isinstance(paused, Paused) and paused.ending is not None for paused in all_paused)
        if which == "the session":
            assert sorted(arrived) == ["one", "two"]
        elif which == "the request":
            assert "two" in arrived
        return instrument.left > 0

    number = 1
    while not trio.run(scenario, number, clock=MockClock(autojump_threshold=0)):
        number += 1
    assert number > 15


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from(["proceed", "abort", "nothing", "cancel"]),
            st.sampled_from(["before", "after"]),
        ),
        max_size=6,
    ),
    st.integers(1, 40),
)
def test_no_request_is_left_behind(requests, session_time):
    """Requests that come and go while a debugger does this and that: each ends, at a time that can be told."""

    async def main():
        debugger = Debugger()
        ends = {}
        points = [
            Breakpoint(handler=str(number), when=when, timeout=10)
            for number, (_, _, when) in enumerate(requests)
        ]

        async def request(number, start):
            await trio.sleep(start)
            with trio.CancelScope() as scope:
                lctx = LocalContext(GlobalContext(), scope=scope)
                lctx.set("number", number)
                await run(debugger, lctx, steps=[step(name=str(number))])
            ends[number] = trio.current_time() - start

        async with trio.open_nursery() as nursery:
            for number, (start, _, _) in enumerate(requests):
                nursery.start_soon(request, number, start)
            with trio.move_on_after(session_time), debugger.attach(*points) as session:
                async for paused in session:
                    act = requests[paused.snapshot.state["number"]][1]
                    if act == "proceed":
                        paused.proceed()
                    elif act == "abort":
                        paused.abort()
                    elif act == "cancel":
                        paused.lctx.cancel("disconnect")
        assert session.paused == ()
        assert debugger._sessions == []
        for number, (start, act, _) in enumerate(requests):
            held = 10 if act == "nothing" else 0
            assert ends[number] == max(0, min(held, session_time - start))

    trio.run(main, clock=MockClock(autojump_threshold=0))
