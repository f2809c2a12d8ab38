"""What a recorder chooses, and what it keeps of a request that was chosen."""

import functools
import random
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from recordings import Store, calls_of, record

from gnomon_context import Module
from gnomon_context.testing import global_context, local_context
from gnomon_snapshot import (
    MemoryStore,
    Recorder,
    Recording,
    Sampling,
    traced,
)
from gnomon_snapshot._recording import Traced
from gnomon_snapshot._standin import owner_of
from gnomon_snapshot.testing import Application, difference
from gnomon_snapshot.testing.strategies import TYPES, graphs, values


def asked(host, **headers):
    return SimpleNamespace(headers=headers, client=None if host is None else SimpleNamespace(host=host))


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (asked("10.1.2.3", record="1"), True),
        (asked("::ffff:10.1.2.3", record="1"), True),
        (asked("::1", record="1"), False),
        (asked("192.168.0.1", record="1"), False),
        (asked("10.1.2.3"), False),
        (asked(None, record="1"), False),
        (asked("a socket", record="1"), False),
        (None, False),
    ],
)
def test_a_header_of_an_allowed_caller_chooses_its_request(request_, wanted):
    sampling = Sampling(header="record", callers=("10.0.0.0/8",))
    assert sampling.wants(local_context(), request=request_) is wanted


def test_a_failure_is_chosen_when_it_has_failed():
    lctx = local_context()
    lctx.settle("error")
    assert Sampling().wants(lctx)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Sampling(rate=2)


def test_callers_are_addresses():
    with pytest.raises(ValueError, match="nowhere"):
        Sampling(callers=("nowhere",))


def test_a_recorder_keeps_what_was_chosen_and_failures_if_asked_to():
    async def main(sampling, outcome):
        store = MemoryStore()
        recorder = Recorder(store, sampling=sampling)
        assert recorder.statistics() is None
        await recorder.aclose()
        lctx = local_context()
        wanted = recorder.wants(lctx)
        live = recorder.begin(global_context())
        recorded = local_context(live.gctx)
        recorded.settle(outcome)
        recording = live.finish(recorded)
        assert recording.request is None
        assert recording.initial.request is None
        assert not recorder.offer(recording, recorded)  # it does not run yet
        async with trio.open_nursery() as nursery:
            await nursery.start(recorder.run)
            kept = recorder.offer(recording, recorded)
            await recorder.aclose()
        assert recorder.statistics().written == kept
        return wanted, kept

    assert trio.run(main, Sampling(rate=1.0, failures=False), "ok") == (True, True)
    assert trio.run(main, Sampling(rate=0.0, failures=False), "ok") == (False, False)
    assert trio.run(main, Sampling(rate=0.0, failures=True), "ok") == (True, False)
    assert trio.run(main, Sampling(rate=0.0, failures=True), "error") == (True, True)


def test_lazy_modules_that_start_later_are_told():
    async def handler(req, res, lctx, gctx):
        await gctx.start_module("lazy")

    modules = {"lazy": Module(factory=Store, lazy=True), "never": Module(factory=Store, lazy=True)}
    recording = Application(handler, modules=modules).record()
    assert [line.partition(":")[0] for line in recording.unrecorded] == ["lazy"]


def test_steps_are_kept_if_asked_for():
    def first(req, res, lctx, gctx):
        lctx.set("step", 1)
        gctx.modules.store.price("a")

    def handler(req, res, lctx, gctx):
        lctx.set("step", 2)
        gctx.modules.store.price("b")

    app = Application(
        handler, hooks=[first], modules={"store": Store()}, recorder=Recorder(MemoryStore(), steps=True)
    )
    recording = app.record()
    assert [(step.kind, step.name) for step in recording.steps] == [
        ("boundary", "first"),
        ("call", "store.price('a')"),
        ("boundary", "handler"),
        ("call", "store.price('b')"),
    ]
    assert [recording.timeline.at(number).state for number in range(2)] == [{}, {"step": 1}]


def test_a_trace_holds_what_is_the_same_on_every_run():
    class Unprintable(Exception):
        def __str__(self):
            raise RuntimeError

    def event(**fields):
        return SimpleNamespace(
            **{"kind": "k", "name": "n", "id": None, "attempt": 1, "error": None, "detail": None, **fields}
        )

    assert traced(event(error=Unprintable())).error.endswith("Unprintable: ")
    outcome = SimpleNamespace(kind="error", truncated=True, recovered=False)
    assert traced(event(detail=outcome)).detail == "error truncated"
    assert traced(event(detail=0.25)).detail == ""
    assert (
        str(traced(event(attempt=2, detail="x", error=ValueError("y"))))
        == "k n (attempt 2) [x]: ValueError: y"
    )
    problem = SimpleNamespace(pointer="/a", code="missing", message="It is missing.")
    error = ValueError()
    error.problems = [problem]
    entry = traced(event(kind="validation.error", error=error))
    assert entry.problems == (("/a", "missing", "It is missing.", ""),)
    assert Traced._make(entry) == entry


def test_a_partial_is_a_method_and_a_nameless_function_gets_a_name():
    class Odd:
        def __init__(self):
            self.twice = functools.partial(lambda x: x * 2)

    def handler(req, res, lctx, gctx):
        assert gctx.modules.odd.twice(4) == 8
        assert gctx.modules.odd.twice.__qualname__ == "odd.twice"
        assert gctx.modules.store.price.__qualname__ == "Store.price"

    assert calls_of(record(handler, odd=Odd(), store=Store())) == [("odd.twice(4)", "sync", "returned", 8)]


def test_random_numbers_are_as_random_as_before():
    async def main():
        live = Recorder(MemoryStore()).begin(global_context())
        lctx = local_context(live.gctx)
        drawn = [lctx.random.random() for _ in range(100)]
        assert len(set(drawn)) == 100
        assert not isinstance(lctx.random, random.SystemRandom)

    trio.run(main)


def test_a_stand_in_stands_for_something():
    async def main():
        live = Recorder(MemoryStore()).begin(global_context(modules={"store": Store()}))
        assert owner_of(live.gctx.modules.store).module == "store"
        assert owner_of("text") is None
        lctx = local_context(live.gctx)
        lctx.set("module", live.gctx.modules.store)
        assert [loss.reason for loss in live.finish(lctx).losses] == ["unencodable"]

    trio.run(main)


# Property 18.


class Echo:
    def give(self, value):
        return self.value

    async def give_later(self, value):
        return self.value


calls = st.sampled_from(["give", "give_later"])


things: st.SearchStrategy[Any] = values() | graphs()


hopeless = st.sampled_from([threading.Lock(), print, [threading.Lock()], {"f": len}, (object(),), range(3)])


@pytest.mark.property(18)
@given(calls, things | hopeless, things | hopeless)
def test_module_calls_survive_unchanged_or_are_refused_with_the_reason(name, argument, result):
    echo = Echo()
    echo.value = result

    async def handler(req, res, lctx, gctx):
        given = getattr(gctx.modules.echo, name)(argument)
        if name == "give_later":
            await given

    recorder = Recorder(MemoryStore(), types=TYPES)
    recording = Application(handler, modules={"echo": echo}, recorder=recorder).record()
    (call,) = Recording.from_bytes(recording.to_bytes(), types=TYPES).calls
    if call.outcome == "handle":
        return  # recorded through its own calls, as the tests above show
    unchanged = not difference(call.args, (argument,)) and not difference(call.value, result)
    assert unchanged or call.refused or call.losses
    assert all(loss.reason and loss.path for loss in call.losses)
