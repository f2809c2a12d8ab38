"""Properties of the product that are the orchestrator's to keep, for generated requests."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from gnomon_orchestrator import Hook
from gnomon_orchestrator.testing import Bench, FakeValidator, Performance, Refused
from gnomon_orchestrator.testing.strategies import scenarios


def run(bench, *args, **options):
    async def main():
        return await bench(*args, **options)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


SECONDS = st.sampled_from([0.01, 0.2, 0.7, 3.0])


@pytest.mark.property(8)
@given(
    deadline=SECONDS,
    before=st.lists(st.sampled_from(["fine", "raises", "hangs"]), max_size=4),
    inside=st.lists(st.sampled_from(["fine", "raises", "hangs"]), max_size=4),
    sync=st.booleans(),
)
def test_a_handler_that_overruns_its_deadline_is_cancelled_and_every_cleanup_runs_once(
    deadline, before, inside, sync
):
    ran = []
    cancelled_at = []

    def register(lctx, behaviours, where):
        for number, behaviour in enumerate(behaviours):
            name = f"{where} {number}"
            if sync and behaviour != "hangs":
                lctx.on_cleanup(clean_sync, name, behaviour)
            else:
                lctx.on_cleanup(clean, name, behaviour)

    async def clean(name, behaviour):
        ran.append(name)
        await trio.sleep(100 if behaviour == "hangs" else 0.1)
        if behaviour == "raises":
            raise KeyError

    def clean_sync(name, behaviour):
        ran.append(name)
        if behaviour == "raises":
            raise KeyError

    async def handler(req, res, lctx, gctx):
        register(lctx, inside, "inside")
        try:
            await trio.sleep(100)
            lctx.on_cleanup(ran.append, "never")
        except trio.Cancelled:
            cancelled_at.append(trio.current_time())
            raise

    bench = Bench()
    hook = Hook(lambda lctx: register(lctx, before, "before"), "before", name="register")
    outcome = run(bench, handler, [hook], timeout=deadline)
    assert outcome.kind == "timeout"
    assert cancelled_at == [pytest.approx(deadline)]
    registered = [f"before {n}" for n in range(len(before))] + [f"inside {n}" for n in range(len(inside))]
    assert Counter(ran) == Counter(registered)


@pytest.mark.property(10)
@given(
    body=st.binary(max_size=8),
    rejected=st.sets(st.binary(max_size=8), max_size=3),
    itself=st.booleans(),
    hooks=st.lists(st.sampled_from(["before", "after", "catch"]), max_size=4),
    delay=st.sampled_from([0.0, 0.1]),
)
def test_a_handler_never_sees_a_body_that_its_request_type_rejects(body, rejected, itself, hooks, delay):
    seen = []
    rejected = rejected | {body} if itself else rejected

    async def handler(req, res, lctx, gctx):
        seen.append(req.body)
        res.json("fine")

    async def hook(req):
        await trio.sleep(delay)

    bench = Bench()
    bench.req.body = body
    bench.req.delay = delay
    validator = FakeValidator(lambda req: req.body not in rejected, reads_body=True)
    outcome = run(bench, handler, [Hook(hook, point) for point in hooks], request=validator)
    assert not rejected.intersection(seen)
    assert (outcome.kind, bench.res.sent[0]) == (("error", 400) if body in rejected else ("ok", 200))


ANSWERS = st.tuples(st.sampled_from([200, 201, 404, 409]), st.integers(0, 3))


@pytest.mark.property(11)
@given(
    answer=ANSWERS,
    fails=st.sampled_from([None, KeyError(), Refused(404), Refused(409)]),
    edits=st.lists(st.one_of(ANSWERS, st.just("raise")), max_size=3),
    caught=st.lists(st.one_of(st.none(), ANSWERS), max_size=3),
    declared=st.dictionaries(st.sampled_from([200, 201, 404, 409]), st.sets(st.integers(0, 3)), max_size=4),
    extras=st.booleans(),
)
def test_a_client_never_receives_a_body_that_the_type_declared_for_its_status_rejects(
    answer, fails, edits, caught, declared, extras
):
    def give(answer):
        def hook(res):
            if answer == "raise":
                raise KeyError
            if answer is not None:
                res.status(answer[0]).json(answer[1])

        return hook

    def handler(req, res, lctx, gctx):
        if extras:
            lctx.compensate(lambda: None)
        if fails is not None:
            raise fails
        give(answer)(res)

    def accepts(res):
        return res.status_code not in declared or res.body in list(declared[res.status_code])

    bench = Bench()
    hooks = [Hook(give(edit), "after") for edit in edits] + [Hook(give(each), "catch") for each in caught]
    run(bench, handler, hooks, response=FakeValidator(accepts))
    status, body = bench.res.sent
    assert status not in declared or body in list(declared[status])


class ItemsAreSmall(FakeValidator):
    def __init__(self):
        super().__init__(lambda res: True)

    def validate_item(self, item, /):
        if item > 2:
            raise KeyError(item)


@pytest.mark.property(11)
@given(items=st.lists(st.integers(0, 3), max_size=6), extras=st.booleans())
def test_a_client_never_receives_an_item_of_a_stream_that_its_type_rejects(items, extras):
    async def stream():
        for item in items:
            yield item

    def handler(req, res, lctx, gctx):
        if extras:
            lctx.on_cleanup(lambda: None)
        res.stream(stream())

    bench = Bench()
    outcome = run(bench, handler, response=ItemsAreSmall())
    good = items if 3 not in items else items[: items.index(3)]
    assert bench.res.sent == [200, *good, *([bench.res.END] if 3 not in items else [])]
    assert (outcome.kind, outcome.truncated) == (("error", True) if 3 in items else ("ok", False))


@pytest.mark.property(20)
@given(scenario=scenarios())
def test_every_step_that_ran_has_its_events_in_order(scenario):
    performance = Performance(scenario)
    trio.run(performance.run, clock=trio.testing.MockClock(autojump_threshold=0))
    events = performance.log.events
    assert (events[0].kind, events[-1].kind) == ("request.received", "request.finished")
    assert {event.request_id for event in events} == {events[0].request_id}
    assert len({event.epoch for event in events}) == 1
    open_steps = []
    ran = Counter()
    for event in events[1:-1]:
        family, _, what = event.kind.partition(".")
        step = (family, event.id, event.name)
        if what == "start":
            assert event.duration is None
            open_steps.append((step, event.at_ns))
            ran[event.name] += 1
        elif what in ("end", "error"):
            (started, at_ns) = open_steps.pop()
            assert started == step
            assert event.duration_ns == event.at_ns - at_ns
            assert event.at_ns >= at_ns
            assert (event.error is not None) == (what == "error")
        elif what == "retry":
            assert event.error is not None
            ran[event.name] += 1
    assert open_steps == []
    # What ran is known from the functions themselves; a retry that the deadline forestalled is announced only.
    names = {part.name if part.point != "handler" else "handler" for part in scenario.parts}
    calls = {
        ("handler" if name == getattr(performance, "handler", None) else name): n
        for name, n in performance.calls.items()
    }
    for name, count in calls.items():
        shown = name if name in ran else performance.plan.handler_entry.name
        assert count <= ran[shown] <= count + 1, (name, names)


@st.composite
def registrations(draw):
    """Hooks in the order of registration, each as (point, level)."""
    points = st.sampled_from(["before", "after", "catch"])
    levels = st.sampled_from(["global", "route", "local"])
    return draw(st.lists(st.tuples(points, levels), max_size=12))


@pytest.mark.property(25)
@given(hooks=registrations(), fails=st.booleans())
def test_hooks_run_global_route_local_on_the_way_in_and_the_other_way_round_on_the_way_out(hooks, fails):
    ran = []

    def note(number):
        return lambda: ran.append(number)

    def register(lctx):
        for number, (point, level) in enumerate(hooks):
            if level == "local":
                getattr(lctx, point)(note(number))

    def handler(req, res, lctx, gctx):
        ran.append("handler")
        if fails:
            raise KeyError
        res.json("fine")

    declared = [
        Hook(note(number), point, level=level)
        for number, (point, level) in enumerate(hooks)
        if level != "local"
    ]
    run(Bench(), handler, [Hook(register, "before", at="received"), *declared])
    order = {"global": 0, "route": 1, "local": 2}

    def of(point):
        return sorted(
            (n for n, hook in enumerate(hooks) if hook[0] == point), key=lambda n: (order[hooks[n][1]], n)
        )

    way_out = [*reversed(of("catch")), *reversed(of("after"))] if fails else [*reversed(of("after"))]
    assert ran == [*of("before"), "handler", *way_out]


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(min_size=1, max_size=5),
        "timeout": st.floats(0.2, 1e6),
        "retries": st.integers(0, 3),
        "backoff": st.floats(0, 1),
        "retry_on": st.sampled_from([Exception, KeyError, (KeyError, ValueError)]),
        "isolated": st.booleans(),
    },
)


@pytest.mark.property(24)
@given(
    hooks=st.lists(
        st.tuples(st.sampled_from(["before", "after", "catch"]), st.booleans(), OPTIONS), max_size=6
    ),
    failures=st.integers(0, 3),
)
def test_hooks_of_every_sort_can_be_registered_on_a_local_context(hooks, failures):
    calls = Counter()

    def hook(number, is_async):
        def called():
            calls[number] += 1
            if calls[number] <= failures:
                raise KeyError

        async def called_async():
            await trio.sleep(0.1)
            called()

        return called_async if is_async else called

    def register(lctx):
        for number, (point, is_async, options) in enumerate(hooks):
            getattr(lctx, point)(hook(number, is_async), **options)

    def handler(req, res, lctx, gctx):
        raise ValueError

    bench = Bench()
    # With all the time in the world: how the exit bounds its hooks is another test's concern.
    run(bench, handler, [Hook(register, "before", name="register")], exit_timeout=1e9)
    # A before hook that fails for good keeps the later ones from running; nothing else is kept from it.
    stopped = False
    for number, (point, _, options) in enumerate(hooks):
        tries = min(failures, options.get("retries", 0)) + 1
        if point == "before":
            assert calls[number] == (0 if stopped else tries)
            stopped = stopped or (tries <= failures and not options.get("isolated", False))
        elif point == "catch":
            assert calls[number] == tries
        else:
            assert calls[number] in (0, tries)
    # Of after hooks, only a second failure keeps the rest from running.
    fatal = [
        n
        for n, (point, _, options) in enumerate(hooks)
        if point == "after" and calls[n] and calls[n] <= failures and not options.get("isolated", False)
    ]
    skipped = [n for n, (point, _, _) in enumerate(hooks) if point == "after" and not calls[n]]
    assert not skipped or len(fatal) == 2
