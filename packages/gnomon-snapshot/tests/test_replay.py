"""What a replay answers, and where it diverges."""

import time
from types import SimpleNamespace

import pytest
import trio
from replays import CONFIG, Never, OrderNotFound, Secret, Store, app_of, busy, last, recorded, untouched
from trio.testing import MockClock

from gnomon_context import Module, ModuleKey
from gnomon_snapshot import (
    Difference,
    Edit,
    Lost,
    MemoryStore,
    Recorder,
    Recording,
    ReplayDiverged,
    ReplayError,
    ReplayRun,
    Types,
    Withheld,
    compare,
    replay,
    replay_async,
)
from gnomon_snapshot._secrets import Secrets, stand_for_secrets
from gnomon_snapshot.testing import Application, Asked


def test_a_replay_asks_no_module_and_is_the_same_every_time():
    recording = recorded(busy, config=CONFIG)
    assert recording.snapshot.error is None
    before = Store.asked
    reports = [replay(recording, untouched(busy)) for _ in range(3)]
    assert Store.asked == before
    for report in reports:
        assert report.empty, str(report)
        assert (report.cause, report.unrecorded) == ("", ())
        assert report.replayed.snapshot.response == recording.snapshot.response
        assert compare(reports[0].replayed, report.replayed).empty
    assert "no difference" in str(reports[0])
    assert reports[0].to_json()["empty"] is True


def test_an_exception_that_is_not_registered_comes_back_as_a_stand_in():
    async def handler(req, res, lctx, gctx):
        try:
            await gctx.modules.store.load(-1)
        except OrderNotFound:
            res.body = "not found"
        except Exception as error:
            res.body = type(error).__name__

    recording = Recording.from_bytes(recorded(handler).to_bytes())
    report = replay(recording, untouched(handler, recorder=Recorder(MemoryStore())))
    assert report.response == (Difference("/body", "not found", "RecordedError"),)
    assert any(loss.reason == "unregistered" for loss in report.losses)
    assert "OrderNotFound" in next(loss.type for loss in report.losses)


def test_concurrent_tasks_get_the_answers_of_their_own():
    async def handler(req, res, lctx, gctx):
        found = []

        async def fetch(first, second):
            found.append(await gctx.modules.store.slow(first))
            found.append(await gctx.modules.store.slow(second))
            lctx.monotonic()

        async with trio.open_nursery() as nursery:
            for first in (0.03, 0.01, 0.02):
                nursery.start_soon(fetch, first, first * 10)
        res.body = found

    recording = recorded(handler)
    started = time.perf_counter()
    for _ in range(10):
        assert replay(recording, untouched(handler)).empty
    assert time.perf_counter() - started < 30  # not one of the recorded waits is waited for


def test_a_timeout_around_a_call_passes_if_it_passed_then():
    """Code takes no time in a replay, and a call what it took, whenever that was."""

    async def handler(req, res, lctx, gctx):
        found = []

        async def ask(seconds):
            found.append(await gctx.modules.store.slow(seconds))

        with trio.move_on_after(0.2):
            async with trio.open_nursery() as nursery:
                for seconds in (0.19, 0.01, 5.0):
                    nursery.start_soon(ask, seconds)
        res.body = found

    recording = app_of(handler).record(clock=MockClock(autojump_threshold=0))
    calls = {entry["args"][0]: entry for entry in recording.node["calls"]}
    for entry in calls.values():  # as on a machine that was busy with the code before them
        entry["started"] += 50_000_000
        entry["ended"] = entry["ended"] and entry["ended"] + 50_000_000
    assert recording.snapshot.response.body == [0.01, 0.19]
    assert replay(recording, untouched(handler)).empty


def test_what_ended_first_ends_first_whenever_it_began():
    async def handler(req, res, lctx, gctx):
        found = []

        async def ask(seconds):
            found.append(await gctx.modules.store.slow(seconds))

        async with trio.open_nursery() as nursery:
            for seconds in (0.02, 0.03, 0.01):
                nursery.start_soon(ask, seconds)
        res.body = found

    recording = app_of(handler).record(clock=MockClock(autojump_threshold=0))
    calls = {entry["args"][0]: entry for entry in recording.node["calls"]}
    # as if the last one had begun late: it took less time than the second, and ended behind it
    calls[0.02]["started"] = calls[0.02]["ended"] - 1_000_000
    assert replay(recording, untouched(handler)).replayed.snapshot.response.body == [0.01, 0.02, 0.03]


def test_tasks_of_one_name_that_nobody_had_then_diverge_alone():
    async def handler(req, res, lctx, gctx):
        lctx.start_soon(gctx.modules.store.load, 1, name="load")

    async def more(req, res, lctx, gctx):
        async def load(number):
            try:
                await gctx.modules.store.load(number)
            except ReplayDiverged:
                lctx.set("diverged", number)

        lctx.start_soon(load, 2, name="load")
        lctx.start_soon(load, 1, name="load")

    report = replay(recorded(handler), untouched(more))
    assert [each.actual for each in report.divergences] == ["store.load(2)"]
    assert report.replayed.snapshot.state == {"diverged": 2}


def test_what_the_recording_cannot_answer_is_a_divergence_with_its_position():
    def old(req, res, lctx, gctx):
        gctx.modules.store.price("a")
        gctx.modules.store.price("b")

    def new(req, res, lctx, gctx):
        gctx.modules.store.price("a")
        gctx.modules.store.price("x")

    report = replay(recorded(old), untouched(new))
    (divergence,) = report.divergences
    assert divergence == (1, "", "store.price('b')", "store.price('x')", "has no answer in the recording")
    assert report.calls == (Difference("/1", "store.price('b')", "store.price('x')"),)
    assert not report.empty
    assert report.cause == "divergence at store.price: has no answer in the recording"
    assert "call 1: store.price('x')" in str(report)
    assert report.to_json()["divergences"][0]["position"] == 1
    # and one call too many
    report = replay(
        recorded(old),
        untouched(lambda req, res, lctx, gctx: [gctx.modules.store.price(s) for s in "abb"] and None),
    )
    assert str(report.divergences[0]).endswith("recorded is no further call")


def test_calls_may_come_in_another_order_and_may_be_left_out():
    def old(req, res, lctx, gctx):
        res.body = sum(gctx.modules.store.price(sku) for sku in ("a", "bb", "ccc"))

    def new(req, res, lctx, gctx):
        res.body = sum(gctx.modules.store.price(sku) for sku in ("ccc", "a")) + 2

    report = replay(recorded(old), untouched(new))
    assert (report.divergences, report.response) == ((), ())
    assert report.calls == (
        Difference("/0", "store.price('a')", "store.price('ccc')"),
        Difference("/1", "store.price('bb')", "store.price('a')"),
        Difference("/2", "store.price('ccc')", "(nothing)"),
    )
    assert report.cause == "calls differs at store.price -> store.price"
    assert replay(report.replayed, untouched(old)).divergences[0].expected == "store.price('ccc')"


def test_a_call_that_moved_into_another_task_is_still_answered():
    def old(req, res, lctx, gctx):
        gctx.modules.store.price("a")

    async def new(req, res, lctx, gctx):
        async def ask():
            gctx.modules.store.price("a")

        lctx.start_soon(ask)

    report = replay(recorded(old), untouched(new))
    assert report.divergences == ()
    assert [difference.path for difference in report.calls][0] == "/0"


def test_arguments_are_found_again_whatever_their_order_and_form():
    def arguments():
        inner = [1]
        return [
            {"b": 1, "a": inner, "c": inner},
            {"one", "two", "three", "four"},
            frozenset({1, "x"}),
            "lone \ud800 ünï",
            {"\ud800": 1, "plain": 2},
            {1: "a", "1": "b", (2, 3): "c"},
            ValueError("why"),
        ]

    def handler(req, res, lctx, gctx):
        given = arguments()
        gctx.modules.store.take(*given, pair=(given[0], given[0]))
        lctx.set("kept", given)

    def other(req, res, lctx, gctx):
        given = arguments()
        given[0] = {"c": (inner := [1]), "a": inner, "b": 1}
        given[1] = {*given[1]}
        gctx.modules.store.take(*given, pair=(given[0], given[0]))
        lctx.set("kept", arguments())

    app = app_of(handler, modules={"store": SimpleNamespace(take=lambda *_, **__: None)})
    recording = app.record()
    assert recording.snapshot.error is None
    again = Recording.from_bytes(recording.to_bytes())
    assert replay(again, app).empty
    assert replay(again, app_of(other, modules=app.modules)).calls[0].path == "/0"  # shared in another way
    assert "ValueError" in str(replay(again, app_of(other, modules=app.modules)))


def test_refused_answers_diverge_with_the_reason():
    class Odd:
        def give(self):
            return [print]

    def handler(req, res, lctx, gctx):
        gctx.modules.odd.give()

    app = app_of(handler, modules={"odd": Odd()})
    report = replay(app.record(), app)
    assert "cannot be answered: its answer holds a builtins.builtin_function" in report.divergences[0].reason
    assert report.unrecorded[0].startswith("odd.give()")
    assert "unrecorded" in str(report)


def test_a_handle_as_an_argument_is_shown_by_its_path():
    def use(first, second):
        def handler(req, res, lctx, gctx):
            one, two = gctx.modules.store.begin(), gctx.modules.store.begin()
            gctx.modules.other.take({"one": one, "two": two}[first], second)

        return handler

    modules = {"store": Store(), "other": SimpleNamespace(take=lambda *_: None)}
    recording = app_of(use("one", 1), modules=modules).record()
    report = replay(recording, app_of(use("two", 1), modules=modules))
    assert report.calls == (Difference("/2", "other.take(store#1, 1)", "other.take(store#2, 1)"),)
    report = replay(recording, app_of(use("one", print), modules=modules))
    assert report.divergences[0].actual.startswith("other.take(store#1, <builtins.builtin_function")


def test_a_manager_that_is_left_by_a_divergence_does_not_hide_it():
    async def old(req, res, lctx, gctx):
        async with gctx.modules.store.begin() as transaction:
            await transaction.insert("a")

    async def new(req, res, lctx, gctx):
        async with gctx.modules.store.begin() as transaction:
            await transaction.insert("b")

    assert [each.actual for each in replay(recorded(old), untouched(new)).divergences] == [
        "store#1.insert('b')"
    ]

    class Sync:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def use(self, what):
            return what

    class Pool:
        def take(self):
            return Sync()

    def use(what):
        def handler(req, res, lctx, gctx):
            with gctx.modules.pool.take() as taken:
                taken.use(what)

        return handler

    recording = app_of(use(1), modules={"pool": Pool()}).record()
    report = replay(recording, app_of(use(2), modules={"pool": Pool()}))
    assert [each.actual for each in report.divergences] == ["pool#1.use(2)"]
    # a manager that nobody had left with an exception is another matter

    async def raising(req, res, lctx, gctx):
        async with gctx.modules.store.begin():
            raise ValueError

    report = replay(recorded(old), untouched(raising))
    assert report.divergences[0].actual == "store#1.__aexit__(builtins.ValueError())"


def test_classes_that_modules_offer():
    async def handler(req, res, lctx, gctx):
        try:
            await gctx.modules.store.load(-1)
        except gctx.modules.store.Missing:
            res.body = "missing"

    recording = recorded(handler)
    assert replay(recording, untouched(handler)).empty
    report = replay(recording, untouched(handler, recorder=Recorder(MemoryStore(), types=Types(Store))))
    assert "give it to Types" in report.divergences[0].reason


def test_modules_are_found_by_type_and_key_and_are_what_they_promise():
    key = ModuleKey("store", Store)

    def handler(req, res, lctx, gctx):
        assert isinstance(gctx.modules[Store], Store)
        res.body = gctx.modules[key].price("abc")

    recording = recorded(handler)
    assert recording.snapshot.error is None
    assert replay(recording, untouched(handler)).empty


def test_time_stands_and_goes_on_as_recorded():
    async def handler(req, res, lctx, gctx):
        await gctx.modules.store.slow(0.05)
        with trio.move_on_after(0.02) as scope:
            await gctx.modules.store.slow(0.5)
        res.body = {
            "cut": scope.cancelled_caught,
            "now": lctx.now().isoformat(),
            "elapsed": lctx.meta.elapsed,
        }

    recording = recorded(handler)
    assert recording.snapshot.response.body["cut"] is True
    assert replay(recording, untouched(handler)).empty

    async def later(req, res, lctx, gctx):
        await trio.sleep(3600)
        await handler(req, res, lctx, gctx)
        # more than was recorded: time stands, and ids and numbers are made up, the same every time
        res.body |= {
            "more": [lctx.now().isoformat(), lctx.monotonic()],
            "made": [str(lctx.uuid()), lctx.random.random(), lctx.random.getrandbits(8)],
        }

    one, two = replay(recording, untouched(later)), replay(recording, untouched(later))
    assert one.replayed.snapshot.response == two.replayed.snapshot.response
    body = one.replayed.snapshot.response.body
    assert body["more"][0] == body["now"]


def test_sources_that_were_never_asked_say_when_the_request_came():
    recording = recorded(lambda req, res, lctx, gctx: None)
    tree = recording.snapshot.tree
    tree["recording"]["draws"].update(now=[], monotonic=[])

    def handler(req, res, lctx, gctx):
        res.body = {"at": lctx.now(), "mono": lctx.monotonic(), "bits": lctx.random.getrandbits(4)}

    body = replay(recording, untouched(handler)).replayed.snapshot.response.body
    assert body["at"] == recording.snapshot.meta.received_at
    assert body["mono"] == recording.snapshot.meta.received_ns / 1e9


def test_numbers_are_drawn_again_where_code_draws_others():
    recording = recorded(lambda req, res, lctx, gctx: lctx.random.getrandbits(64) and None)

    def handler(req, res, lctx, gctx):
        res.body = [lctx.random.getrandbits(1), lctx.random.random()]

    one, two = (replay(recording, untouched(handler)).replayed.snapshot.response.body for _ in range(2))
    assert one == two
    assert one[0] in (0, 1)


def test_configuration_is_answered_and_what_was_not_read_is_told():
    def old(req, res, lctx, gctx):
        res.body = [gctx.config.shop.name, dict(gctx.config.limits), len(gctx.config.limits)]

    def new(req, res, lctx, gctx):
        res.body = [gctx.config.shop.name, dict(gctx.config.limits), len(gctx.config.limits)]
        lctx.set("extra", [gctx.config.shop.extra, gctx.config.debug, len(gctx.config), gctx.config.own.deep])
        assert gctx.config.shop is gctx.config.shop
        with pytest.raises(AttributeError):
            gctx.config.nothing  # noqa: B018
        with pytest.raises(AttributeError):
            gctx.config.shop.nothing  # noqa: B018

    config = {"shop": {"name": "then", "extra": 1}, "limits": {"a": 1}}
    today = {"shop": {"name": "now", "extra": 2}, "limits": {"a": 5}, "debug": True, "own": {"deep": 1}}
    recording = recorded(old, config=config)
    report = replay(recording, untouched(new, config=today))
    assert report.response == ()
    assert report.replayed.snapshot.error is None
    assert report.replayed.snapshot.state["extra"][:2] == [2, True]
    assert [each.actual for each in report.divergences] == [
        "config.shop.extra",
        "config.debug",
        "config.own.deep",
    ]
    # a section that is only iterated over is today's where nothing of it was read
    plain = recorded(lambda req, res, lctx, gctx: None)
    report = replay(
        plain, untouched(lambda req, res, lctx, gctx: setattr(res, "body", sorted(gctx.config)), config=today)
    )
    assert report.replayed.snapshot.response.body == sorted(today)


def test_secrets_come_back_as_stand_ins():
    def handler(req, res, lctx, gctx):
        store = gctx.modules.store
        held = store.secret()
        texts = [held["one"].reveal(), held["more"][0].reveal(), held["pair"][0].reveal()]
        res.body = [text if isinstance(held["one"], Withheld) else "<withheld>" for text in texts]
        store.price(f"token {texts[0]}")
        store.begin.__name__  # noqa: B018
        store.price(gctx.modules.keys.bytes_of())
        if req.headers["authorization"].removeprefix("Bearer ") in ("a-token", "<withheld>"):
            store.price(req.headers["authorization"])

    recorder = Recorder(MemoryStore(), secrets=["keys"])
    app = app_of(handler, modules={"store": Store(), "keys": Store()}, recorder=recorder)
    recording = app.record(Asked(headers={"authorization": "Bearer a-token"}))
    assert b"sesame" not in recording.to_bytes()
    assert [call.args for call in recording.calls if call.name == "price"] == [
        ("token <withheld>",),
        (b"<withheld>",),
        ("Bearer <withheld>",),
    ]
    report = replay(recording, app)
    assert report.empty, str(report)


def test_a_secret_may_be_handed_on():
    def handler(req, res, lctx, gctx):
        held = gctx.modules.store.secret()
        gctx.modules.other.take(held["one"], held)

    app = app_of(handler, modules={"store": Store(), "other": SimpleNamespace(take=lambda *_: None)})
    recording = app.record()
    assert recording.snapshot.error is None
    assert replay(recording, app).empty


def test_live_modules_are_asked():
    class Cache:
        def get(self, key):
            return f"live {key}"

    class Recorded:
        def get(self, key):
            return f"then {key}"

    def handler(req, res, lctx, gctx):
        res.body = [gctx.modules.cache.get("a"), gctx.modules.store.price("a")]

    recording = app_of(handler, modules={"cache": Recorded(), "store": Store()}).record()
    modules = {"cache": Cache(), "store": Module(factory=Never)}
    today = app_of(handler, modules=modules)
    assert replay(recording, today).empty
    report = replay(recording, today, allow_live="cache")
    assert report.response == (Difference("/body/0", "then a", "live a"),)
    assert report.cause == "response differs at /body/*"
    (call, _) = report.replayed.calls
    assert call.value == "live a"

    async def waits(req, res, lctx, gctx):
        await trio.sleep(0.001)
        await gctx.modules.store.load(1)
        gctx.modules.cache.get("a")

    recording = app_of(waits, modules={"cache": Recorded(), "store": Store()}).record()
    assert replay(recording, app_of(waits, modules=modules), allow_live={"cache"}).empty


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_live_module_that_is_none_of_the_application_is_refused(cancelled):
    def handler(req, res, lctx, gctx):
        if cancelled:
            lctx.cancel("disconnect")

    recording = recorded(handler)
    with pytest.raises(ReplayError, match="no module 'stroe' that could be live; it has: store"):
        replay(recording, app_of(handler), allow_live=["store", "stroe"])
    with pytest.raises(ReplayError, match="it has: none"):
        replay(recording, app_of(handler, modules={}), allow_live="store")


class Refused(ValueError):
    problems = (SimpleNamespace(pointer="/age", code="missing", message="It is missing."),)


class Blunt(ValueError):
    problems = ()


@pytest.mark.parametrize(
    ("error", "problems"),
    [(Refused, (("/age", "missing", "It is missing.", ""),)), (Blunt, (("", "refused", "Blunt: ", ""),))],
)
def test_a_request_that_no_longer_validates_is_reported_as_such(error, problems):
    def strict(req, res, lctx, gctx):
        raise error

    recording = recorded(lambda req, res, lctx, gctx: None)
    report = replay(recording, untouched(strict))
    assert report.problems == problems
    assert report.cause == f"the request no longer validates: {problems[0][1]} at {problems[0][0] or '/'}"
    assert problems[0][2] in str(report)
    assert report.to_json()["problems"][0]["code"] == problems[0][1]
    # one that was refused then is refused still
    assert replay(recorded(strict), untouched(strict)).problems == ()


def test_a_request_that_its_client_gave_up_is_given_up_again():
    async def handler(req, res, lctx, gctx):
        await gctx.modules.store.load(1)
        if req.body != "again":
            lctx.cancel("disconnect")
        await gctx.modules.store.slow(50)

    recording = recorded(handler)
    assert recording.node["cancelled"] == "disconnect"

    async def waiting(req, res, lctx, gctx):
        req.body = "again"
        await handler(req, res, lctx, gctx)

    report = replay(recording, untouched(waiting))
    assert report.replayed.snapshot.outcome == recording.snapshot.outcome == "disconnect"
    assert report.empty, str(report)

    def at_once(req, res, lctx, gctx):
        res.body = "answered"

    # one that comes to an end before it was given up is not
    assert replay(recording, untouched(at_once)).replayed.snapshot.outcome == "ok"

    def quick(req, res, lctx, gctx):
        lctx.cancel()

    recording = recorded(quick)
    assert recording.node["cancelled"] == "explicit"
    assert replay(recording, untouched(quick)).empty


def test_a_call_that_never_ended_waits_for_whatever_ends_it():
    async def handler(req, res, lctx, gctx):
        with trio.move_on_after(0.01):
            await gctx.modules.store.slow(100)
        res.body = "gave up"

    recording = recorded(handler)
    assert replay(recording, untouched(handler)).empty

    async def patient(req, res, lctx, gctx):
        await gctx.modules.store.slow(100)

    # a request without a deadline that waits for what never came is given up by the replay itself
    report = replay(recording, untouched(patient))
    assert report.replayed.snapshot.response.body == "Cancelled"


def test_a_sync_call_that_did_not_end_then_has_no_answer():
    class Rude:
        def stop(self):
            raise KeyboardInterrupt

    def handler(req, res, lctx, gctx):
        try:
            gctx.modules.rude.stop()
        except KeyboardInterrupt:
            res.body = "stopped"

    app = app_of(handler, modules={"rude": Rude()})
    report = replay(app.record(), app)
    assert report.response == (
        Difference("/status", 200, 500),
        Difference("/body", "stopped", "ReplayDiverged"),
    )


def test_an_exception_that_was_lost_is_said_to_be():
    recording = recorded(lambda req, res, lctx, gctx: gctx.modules.store.price("a") and None)
    node = recording.node["calls"][0]
    node["how"], node["value"] = "raised", "no exception"
    report = replay(recording, untouched(lambda req, res, lctx, gctx: gctx.modules.store.price("a") and None))
    assert report.replayed.snapshot.error.args == ("an exception was lost: no exception",)


def test_threads_are_waited_for_while_time_stands():
    async def handler(req, res, lctx, gctx):
        with trio.fail_after(60):
            await trio.to_thread.run_sync(time.sleep, 0.05)
        res.body = "done"

    assert replay(recorded(handler), untouched(handler, timeout=1)).empty


def test_a_recording_without_its_request_cannot_be_replayed():
    async def main():
        from gnomon_context.testing import global_context, local_context

        live = Recorder(MemoryStore()).begin(global_context())
        return live.finish(local_context(live.gctx))

    with pytest.raises(ReplayError, match="has no request"):
        replay(trio.run(main), untouched(last))


def test_a_stage_that_never_finishes_is_told():
    class Lazy(Application):
        async def _run(self, *args):
            await trio.lowlevel.checkpoint()

    recording = recorded(lambda req, res, lctx, gctx: None)
    with pytest.raises(ReplayError, match="came to no end"):
        replay(recording, Lazy(lambda: None))


# Reports.


def test_async_code_awaits_a_replay():
    recording, app = recorded(busy, config=CONFIG), untouched(busy)

    async def sync():
        replay(recording, app)

    async def main():
        return await replay_async(recording, app, edit=Edit(state={"more": 1}))

    with pytest.raises(ReplayError, match=r"await replay_async\(\) with the same arguments"):
        trio.run(sync)
    assert [difference.path for difference in trio.run(main).state] == ["/more"]


def test_a_request_that_is_over_is_not_cancelled():
    async def handler(req, res, lctx, gctx):
        lctx.cancel("disconnect")
        await trio.lowlevel.checkpoint()

    run = ReplayRun(recorded(handler), Recorder(MemoryStore()), live=frozenset(), from_step=None, edit=None)
    trio.run(run.cancel_as_recorded)


def test_secrets_are_looked_for_as_deep_as_anybody_hides_them():
    deep = inner = []
    for _ in range(12):
        inner.append([])
        inner = inner[0]
    inner.append(Lost("builtins.str", "", "sensitive"))
    assert stand_for_secrets(deep) is deep
    secrets = Secrets()
    secrets.learn(Secret([deep]))
    assert secrets.texts == set()
