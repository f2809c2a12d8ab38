"""What a replay answers, where it diverges, and what its report says."""

import functools
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import trio

from gnomon_context import Module, ModuleKey, SharedState
from gnomon_snapshot import (
    Edit,
    Lost,
    MemoryStore,
    Query,
    Recorder,
    Recording,
    ReplayDiverged,
    ReplayError,
    ReplayRun,
    Types,
    Withheld,
    capture,
    compare,
    replay,
    replay_all,
)
from gnomon_snapshot import _replay_all as many
from gnomon_snapshot._clock import ReplayClock, steady_scheduling
from gnomon_snapshot._report import Difference
from gnomon_snapshot._secrets import Secrets, stand_for_secrets
from gnomon_snapshot.testing import Application, Asked, make_snapshot


class OrderNotFound(LookupError):
    pass


class Secret:
    __sensitive__ = True

    def __init__(self, text):
        self._text = text

    def reveal(self):
        return self._text


class Transaction:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        return None

    async def insert(self, row):
        return f"inserted {row}"


class Store:
    """Counts how often it is asked, so that a test sees whether it was."""

    Missing = OrderNotFound
    asked = 0

    def __init__(self):
        self.limit = 3

    def price(self, sku):
        Store.asked += 1
        return len(sku)

    async def load(self, number):
        Store.asked += 1
        if number < 0:
            raise OrderNotFound(number)
        return {"id": number, "seen": Store.asked}

    async def slow(self, seconds):
        await trio.sleep(seconds)
        return seconds

    def begin(self):
        return Transaction()

    async def scan(self):
        yield 1
        yield 2

    def secret(self):
        return {
            "one": Secret("sesame-one"),
            "more": [Secret("sesame-two")],
            "pair": (Secret("sesame-three"),),
        }

    def bytes_of(self):
        return b"sesame-bytes"


class Never:
    """A module that must not be started."""

    def __init__(self):
        raise AssertionError("a module was started")


def app_of(handler, *, hooks=(), modules=None, recorder=None, **options):
    modules = {"store": Store()} if modules is None else modules
    recorder = recorder or Recorder(MemoryStore(), types=Types(OrderNotFound), steps=True)
    return Application(handler, hooks=hooks, modules=modules, recorder=recorder, **options)


def untouched(handler, **options):
    """The same application with modules that nobody may start."""
    return app_of(handler, modules={"store": Module(factory=Never, promises=Store)}, **options)


def recorded(handler, request=None, **options):
    return app_of(handler, **options).record(request)


async def busy(req, res, lctx, gctx):
    store = gctx.modules.store
    async with store.begin() as transaction:
        row = await transaction.insert("a")
    try:
        await store.load(-1)
    except OrderNotFound as error:
        lctx.set("missing", error.args[0])
    items = [item async for item in store.scan()]
    with pytest.raises(AttributeError):
        store.nothing  # noqa: B018
    res.body = {
        "row": row,
        "items": items,
        "price": store.price("apple"),
        "limit": store.limit,
        "at": lctx.now().isoformat(),
        "mono": lctx.monotonic(),
        "id": str(lctx.uuid()),
        "dice": [lctx.random.randint(1, 6), lctx.random.random(), lctx.random.randbytes(4).hex()],
        "name": gctx.config.shop.name,
        "again": await store.load(1),
        "method": store.price.__qualname__,
        "request": lctx.meta.request_id,
    }


CONFIG = {"shop": {"name": "abc"}}


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


def first(req, res, lctx, gctx):
    lctx.set("first", gctx.modules.store.price("a"))
    lctx.set("list", [1])


def second(req, res, lctx, gctx):
    lctx.set("second", lctx.get("first") + gctx.modules.store.price("bb"))


async def last(req, res, lctx, gctx):
    one = await gctx.modules.store.load(1)
    two = await gctx.modules.store.load(2)
    res.body = {
        "who": lctx.get("who"),
        "sum": one["id"] + two["id"],
        "second": lctx.get("second"),
        "list": lctx.get("list"),
    }


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


class Refused(ValueError):
    problems = (SimpleNamespace(pointer="/age", code="missing", message="It is missing."),)


class Blunt(ValueError):
    problems = ()


@pytest.mark.parametrize(
    ("error", "problems"),
    [(Refused, (("/age", "missing", "It is missing."),)), (Blunt, (("", "refused", "Blunt: "),))],
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
        with trio.fail_after(0.5):
            await trio.to_thread.run_sync(time.sleep, 0.05)
        res.body = "done"

    assert replay(recorded(handler), untouched(handler, timeout=1)).empty


def test_the_clock_stands_while_somebody_says_so():
    clock = ReplayClock()
    clock.start_clock()
    work = [True]
    clock.wait_for(lambda: work[0])

    async def main():
        assert 0 < clock.deadline_to_sleep_time(5.0) < 1
        assert clock.current_time() == 0.0
        work[0] = False
        assert clock.deadline_to_sleep_time(5.0) == 0.0
        assert clock.current_time() == 5.0
        assert clock.deadline_to_sleep_time(float("inf")) == float("inf")

    trio.run(main)
    flowing = ReplayClock(flowing=True)
    flowing.start_clock()
    assert 0 < flowing.deadline_to_sleep_time(5.0) <= 5.0


def test_scheduling_is_steady_inside_and_as_before_outside():
    async def order():
        found = []

        async def one(number):
            await trio.lowlevel.checkpoint()
            found.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(one, number)
        return found

    def steady():
        with steady_scheduling():
            return trio.run(order)

    assert steady() == steady()
    core = sys.modules["trio._core._run"]
    before = core._ALLOW_DETERMINISTIC_SCHEDULING, core._r.getstate()
    with steady_scheduling():
        core._r.random()
        assert core._ALLOW_DETERMINISTIC_SCHEDULING is True
    assert (core._ALLOW_DETERMINISTIC_SCHEDULING, core._r.getstate()) == before


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


def body(value):
    return recorded(
        lambda req, res, lctx, gctx: (setattr(res, "body", value), lctx.set("kept", value)) and None
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 2),
        (1, 1.0),
        (True, 1),
        ("a", "b"),
        ([1], [1, 2]),
        ([1, 2], [1]),
        ({"a": 1}, {"b": 1}),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}),
        ({1, 2}, {1, 3}),
        (ValueError(1), ValueError(2)),
        ("2026-01-01", "x"),
        (None, "x"),
    ],
)
def test_a_difference_is_shown_and_an_equality_is_not(a, b):
    assert compare(body(a), body(a)).empty
    report = compare(body(a), body(b))
    assert report.response
    assert report.state
    assert report.lifecycle == report.calls == ()
    assert all(str(each) for each in report.response)


def test_times_and_ids_are_aside():
    def now():
        return {
            "text": datetime.now(UTC).isoformat(),
            "id": str(uuid.uuid4()),
            "objects": [datetime.now(UTC), uuid.uuid4()],
        }

    assert compare(body(now()), body(now())).empty
    assert not compare(body(str(uuid.uuid4())), body(datetime.now(UTC).isoformat())).empty
    assert not compare(body(uuid.uuid4()), body(datetime.now(UTC))).empty


def test_shared_values_and_sets_are_compared_by_what_they_are():
    def shared():
        inner = [1]
        cycle = {}
        cycle["self"] = cycle
        return [inner, inner, cycle, {"a", "b", "c"}, frozenset({("x", 1)}), open, Secret("text")]

    assert compare(body(shared()), body(shared())).empty


def test_a_lifecycle_and_an_outcome_differ():
    def failing(req, res, lctx, gctx):
        raise ValueError("no")

    recording = recorded(lambda req, res, lctx, gctx: None)
    report = compare(recording, recorded(failing))
    assert report.lifecycle[-1] == Difference("/outcome", "ok", "error")
    assert report.cause.startswith("response differs at /status")
    without = compare(recorded(failing), recorded(failing, hooks=[first]))
    assert without.cause == "lifecycle differs at (nothing) -> hook.start first"
    long = compare(body("a" * 1000), body("b" * 1000))
    assert "…" in str(long)
    assert compare(recording, recording).title == "GET /"


def test_a_recording_without_a_response_is_compared_too():
    async def main():
        from gnomon_context.testing import global_context, local_context

        live = Recorder(MemoryStore()).begin(global_context())
        return live.finish(local_context(live.gctx))

    one, two = trio.run(main), body(1)
    assert compare(one, one).empty
    assert compare(one, two).response[0].path == ""


# Many.


def pricey(req, res, lctx, gctx):
    res.body = gctx.modules.store.price(req.target)


def dearer(req, res, lctx, gctx):
    res.body = gctx.modules.store.price(req.target) + (req.target > "/b")


def strange(req, res, lctx, gctx):
    res.body = gctx.modules.store.price("other")


def make_dearer():
    return untouched(dearer)


def filled(count=120):
    async def main():
        store = MemoryStore()
        for number in range(count):
            recording = await app_of(pricey).serve(Asked(target=f"/{'abc'[number % 3]}{number}"))
            await store.put(recording.snapshot)
        await store.put(make_snapshot(1))
        return store

    return trio.run(main)


def test_many_are_replayed_and_grouped_by_cause():
    store = filled()
    seen = []

    async def main(app, **options):
        return await replay_all(store, app=app, progress=lambda *figures: seen.append(figures), **options)

    summary = trio.run(main, untouched(pricey))
    assert (summary.replayed, summary.equal, summary.skipped, summary.empty) == (120, 120, 1, True)
    assert seen[-1] == (120, 0)
    summary = trio.run(main, make_dearer)
    (cause,) = summary.causes
    assert (cause.cause, cause.count, len(cause.request_ids)) == ("response differs at /body", 80, 80)
    assert seen[-1] == (120, 80)
    assert "    80  response differs" in str(summary)
    written = summary.to_json()
    assert written["causes"][0]["example"]["cause"] == cause.cause
    summary = trio.run(main, untouched(strange))
    assert summary.causes[0].cause == "divergence at store.price: has no answer in the recording"


def test_what_cannot_be_replayed_is_a_cause_too():
    class Gone(MemoryStore.__mro__[0] if False else object):
        def __init__(self, inner):
            self.inner = inner

        async def list(self, query=None, *, limit=100, after=None):
            return await self.inner.list(query or Query(), limit=limit, after=after)

        async def get(self, request_id):
            return await MemoryStore().get(request_id)

    async def main():
        from gnomon_context.testing import global_context, local_context

        store = MemoryStore()
        live = Recorder(MemoryStore()).begin(global_context())
        await store.put(live.finish(local_context(live.gctx)).snapshot)
        one = await replay_all(store, app=untouched(pricey))
        two = await replay_all(Gone(store), app=untouched(pricey))
        return one, two

    one, two = trio.run(main)
    assert [cause.cause for cause in one.causes] == ["cannot be replayed: replay_error"]
    assert [cause.cause for cause in two.causes] == ["cannot be replayed: snapshot_not_found"]


def test_an_application_and_a_process_are_needed():
    with pytest.raises(ValueError, match="needs an application"):
        trio.run(replay_all, MemoryStore())


def test_no_more_ids_are_kept_than_anybody_reads(monkeypatch):
    monkeypatch.setattr(many, "_IDS", 2)
    tally = many._Tally(None)
    tally.add([many.Outcome(str(number), "why", "", None) for number in range(5)])
    (cause,) = tally.summary().causes
    assert (cause.count, cause.request_ids) == (5, ("0", "1"))


def test_a_process_of_the_pool_replays_what_it_is_given():
    data = [recorded(pricey, Asked(target="/c")).to_bytes(), capture_bytes()]
    many._begin(make_dearer, frozenset())
    one, two = many._run_there(data)
    assert (one.cause, two.cause) == ("response differs at /body", "snapshot_not_recorded")


def capture_bytes():
    from gnomon_context.testing import local_context

    return capture(local_context()).to_bytes()


PROGRAM = """
import trio
from gnomon_snapshot import MemoryStore, Recorder, replay_all
from gnomon_snapshot.testing import Application, Asked

def old(req, res, lctx, gctx):
    res.body = 1

def new(req, res, lctx, gctx):
    res.body = 2 if req.target == "/3" else 1

def make():
    return Application(new)

async def main():
    store = MemoryStore()
    for number in range(6):
        await store.put((await Application(old).serve(Asked(target=f"/{number}"))).snapshot)
    return await replay_all(store, app=make, processes=2)

if __name__ == "__main__":
    summary = trio.run(main)
    assert (summary.replayed, summary.equal) == (6, 5), summary
"""


def test_processes_of_a_pool_are_given_batches():
    make = functools.partial(Application, print)

    async def main():
        store = MemoryStore()
        for number in range(2):
            await store.put((await make().serve(Asked(target=f"/{number}"))).snapshot)
        return await replay_all(store, app=make, processes=2)

    assert trio.run(main).equal == 2


def test_several_processes_share_the_work(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    subprocess.run([sys.executable, str(tmp_path / "program.py")], check=True, timeout=60)


# The plugin.

PLUGIN = """
import pytest
from gnomon_snapshot.testing import Application

def changed(req, res, lctx, gctx):
    res.body = 2

def test_same(gnomon_recording):
    assert gnomon_recording("same.gnomon").empty

def test_changed(gnomon_recording):
    gnomon_recording("changed.gnomon")
"""
APPLICATION = """
from gnomon_snapshot.testing import Application

def handler(req, res, lctx, gctx):
    res.body = 1

app = Application(handler)
"""


class Reports:
    """Collects what the inner run of pytest reports."""

    def __init__(self):
        self.found = {}

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.found[report.nodeid.rpartition("::")[2]] = (report.outcome, str(report.longrepr))


def test_the_plugin_makes_a_test_of_a_recording(tmp_path):
    for name, value in (("same", 1), ("changed", 3)):
        recording = recorded(lambda req, res, lctx, gctx, value=value: setattr(res, "body", value))
        (tmp_path / f"{name}.gnomon").write_bytes(recording.to_bytes())
    (tmp_path / "served_to_the_plugin.py").write_text(APPLICATION)
    (tmp_path / "test_with_the_plugin.py").write_text(PLUGIN)

    def run(setting):
        (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = .\n{setting}\n")
        reports = Reports()
        options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", str(tmp_path)]
        pytest.main([*options, "-c", str(tmp_path / "pytest.ini"), str(tmp_path)], plugins=[reports])
        return reports.found

    found = run("gnomon_app = served_to_the_plugin:app")
    assert found["test_same"][0] == "passed"
    assert found["test_changed"][0] == "failed"
    assert "response    /body: 3 -> 1" in found["test_changed"][1]
    assert "recordings are replayed on an application" in run("")["test_same"][1]


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


def test_calls_between_that_are_the_same_are_no_difference():
    def asking(*skus):
        def handler(req, res, lctx, gctx):
            for sku in skus:
                gctx.modules.store.price(sku)

        return handler

    report = compare(recorded(asking("a", "b", "c")), recorded(asking("x", "b", "y")))
    assert [difference.path for difference in report.calls] == ["/0", "/2"]


def test_headers_of_the_response_are_compared_whatever_their_case():
    def answering(name, value):
        return recorded(lambda req, res, lctx, gctx: res.headers.update({name: value}))

    assert compare(answering("X-A", "1"), answering("x-a", "1")).empty
    assert compare(answering("x-a", "1"), answering("x-a", "2")).response[0].path == "/headers/x-a/0"


def test_a_header_more_is_a_difference():
    def answering(**headers):
        return recorded(lambda req, res, lctx, gctx: res.headers.update(headers))

    report = compare(answering(one="1"), answering(one="1", two="2"))
    assert report.response == (Difference("/headers/two", "(nothing)", ["2"]),)


# What requests share.


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
            res.body = "waiting"

    recording = Application(handler).record()
    assert recording.unrecorded == ("gctx.subscribe: the messages of a topic are not recorded (here 'news')",)


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
