"""What a recorder writes down, and that a request does not notice it."""

import uuid

import pytest
import trio
import trio.lowlevel
from recordings import Cursor, Order, Point, Store, record
from replays import OrderNotFound
from trio.testing import MockClock

from gnomon_context import current_context
from gnomon_context.testing import local_context
from gnomon_snapshot import (
    Loss,
    Lost,
    MemoryStore,
    NotRecorded,
    Record,
    Recorder,
    Recording,
    SnapshotCorrupt,
    Types,
    capture,
)
from gnomon_snapshot._format import pack
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot.testing import Application, Asked


def test_sync_and_async_calls_with_arguments_results_and_exceptions():
    async def handler(req, res, lctx, gctx):
        store = gctx.modules.store
        assert store.price("apple", currency="SEK")["currency"] == "SEK"
        assert (await store.load(7)).total() == 14
        with pytest.raises(OrderNotFound) as caught:
            await store.load(-1)
        assert caught.value.args == (-1,)
        with pytest.raises(TypeError):
            store.price()

    recording = record(handler, recorder=Recorder(MemoryStore(), types=Types(Order, OrderNotFound)))
    one, two, three, four = recording.calls
    assert (str(one), one.mode, one.value) == (
        "store.price('apple', currency='SEK')",
        "sync",
        {"sku": "apple", "currency": "SEK"},
    )
    assert (two.args, two.mode, two.value) == ((7,), "async", Order(7))
    assert (three.outcome, type(three.value), three.value.args) == ("raised", OrderNotFound, (-1,))
    assert (four.outcome, type(four.value)) == ("raised", TypeError)
    assert [call.task for call in recording.calls] == [""] * 4


def test_special_methods_and_attributes_of_a_module():
    def handler(req, res, lctx, gctx):
        store = gctx.modules.store
        assert (store["ab"], "here" in store, store(), store.limit) == ("abab", True, "called", 3)
        assert store.Missing is OrderNotFound
        assert isinstance(store, Store)
        assert store.settings.name == "shop"
        with pytest.raises(AttributeError):
            store.nothing  # noqa: B018
        with pytest.raises(AttributeError):
            store.__nothing__  # noqa: B018
        store.limit = 4
        assert store.limit == 4
        del store.limit
        assert "store, recorded" in repr(store)
        assert not hasattr(store, "__len__")

    recording = record(handler)
    assert [(call.name, call.mode, call.outcome) for call in recording.calls] == [
        ("__getitem__", "sync", "returned"),
        ("__contains__", "sync", "returned"),
        ("__call__", "sync", "returned"),
        ("limit", "get", "returned"),
        ("Missing", "get", "class"),
        ("settings", "get", "returned"),
        ("nothing", "get", "raised"),
        ("__setattr__", "sync", "returned"),
        ("limit", "get", "returned"),
        ("__delattr__", "sync", "returned"),
    ]
    assert str(recording.calls[3]) == "store.limit"


def test_live_handles_are_recorded_through_their_own_calls():
    async def handler(req, res, lctx, gctx):
        store = gctx.modules.store
        async with store.begin() as transaction:
            await transaction.insert("row")
            # a handle that goes back into a module is the real one there
            assert store.take(transaction) == 1
            assert store.give(thing=transaction) is transaction
        cursor = store.cursor()
        assert (cursor.fetch(), cursor.limit) == (1, 10)
        assert cursor.itself() is cursor
        assert [item async for item in store.scan()] == [1, 2]
        assert list(store.lines()) == ["a"]
        assert store.lock().acquire(timeout=0) is True

    recording = record(handler)
    shown = [str(call) for call in recording.calls]
    assert shown[:6] == [
        "store.begin()",
        "store#1.__aenter__()",
        "store#1.insert('row')",
        "store.take(store#1)",
        "store.give(thing=store#1)",
        "store#1.__aexit__(None)",
    ]
    assert [call.outcome for call in recording.calls[:6]] == [
        "handle",
        "handle",
        "returned",
        "returned",
        "handle",
        "returned",
    ]
    assert {"store#2.fetch()", "store#2.limit", "store#3.__anext__()", "store#4.__next__()"} <= set(shown)
    assert recording.unrecorded == ()


def test_what_is_awaitable_and_a_context_manager_is_a_handle():
    class Answer:
        def __await__(self):
            return trio.lowlevel.checkpoint().__await__()

        async def __aenter__(self):
            return "inside"

        async def __aexit__(self, *error):
            return None

    class Session:
        def get(self):
            return Answer()

    async def handler(req, res, lctx, gctx):
        await gctx.modules.web.get()
        async with gctx.modules.web.get() as found:
            assert found == "inside"

    recording = record(handler, web=Session())
    assert [call.name for call in recording.calls] == [
        "get",
        "__await__",
        "get",
        "__aenter__",
        "__aexit__",
    ]


def test_what_cannot_be_written_is_refused_with_the_reason():
    def handler(req, res, lctx, gctx):
        gctx.modules.store.mixed()
        gctx.modules.store.take(lambda: None)

    recording = record(handler)
    mixed, callback = recording.calls
    assert "cannot be written (unencodable)" in mixed.refused
    assert [loss.reason for loss in mixed.losses] == ["unencodable"]
    assert "a function was handed" in callback.refused
    assert recording.unrecorded == (f"{mixed}: {mixed.refused}", f"{callback}: {callback.refused}")


def test_classes_of_data_are_no_handles():
    class Attributes:
        """Nothing but attributes."""

        def __init__(self):
            self.x = 1

    things = [
        Order(1),
        Point(2),
        Attributes(),
        {"a": 1},
        OrderNotFound(3),
        uuid.UUID(int=4),
        Lost("a", "", "size"),
    ]

    def handler(req, res, lctx, gctx):
        for thing in things:
            assert gctx.modules.store.give(thing) is thing

    assert {call.outcome for call in record(handler).calls} == {"returned"}


def test_a_registered_class_is_data_whatever_methods_it_has():
    def handler(req, res, lctx, gctx):
        assert type(gctx.modules.store.cursor()) is Cursor

    recording = record(handler, recorder=Recorder(MemoryStore(), types=Types(Cursor)))
    assert recording.calls[0].value.rows == [1, 2]


def test_concurrent_calls_belong_to_their_tasks():
    class Slow:
        async def get(self, delay):
            await trio.sleep(delay)
            return delay

    async def handler(req, res, lctx, gctx):
        async def fetch(delay):
            await gctx.modules.slow.get(delay)
            await gctx.modules.slow.get(delay + 10)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fetch, 2)
            nursery.start_soon(fetch, 1)
        lctx.start_soon(gctx.modules.slow.get, 3, name="later")

    recording = record(handler, slow=Slow(), clock=MockClock(autojump_threshold=0))
    tasks = {call.task for call in recording.calls}
    assert len(tasks) == 3
    assert all(name.rpartition("#")[0].endswith(("fetch", "later")) for name in tasks)
    first = next(call for call in recording.calls if call.args == (2,))
    assert (first.started, first.ended) == (0.0, 2.0)
    assert recording.duration == pytest.approx(17.0)


def test_calls_from_a_thread_and_cancelled_and_pending_calls():
    class Slow:
        def now(self):
            return 1

        async def get(self):
            await trio.sleep_forever()

        def given(self):
            return Given()

    class Given:
        def __await__(self):
            raise AssertionError("nobody awaits it")

    async def handler(req, res, lctx, gctx):
        await trio.to_thread.run_sync(gctx.modules.slow.now)
        with trio.move_on_after(1):
            await gctx.modules.slow.get()
        gctx.modules.slow.given().close()

    recording = record(handler, slow=Slow(), clock=MockClock(autojump_threshold=0.01))
    threaded, cancelled, pending = recording.calls
    assert threaded.task == "thread#1"
    assert (cancelled.outcome, cancelled.value) == ("cancelled", None)
    assert (pending.outcome, pending.ended) == ("pending", None)


def test_time_randomness_ids_and_configuration():
    def handler(req, res, lctx, gctx):
        lctx.now(), lctx.monotonic(), lctx.uuid()
        lctx.random.random()
        lctx.random.randint(1, 6)
        lctx.random.gauss(0, 1)
        assert len(lctx.random.randbytes(3)) == 3
        lctx.random.seed(1)
        with pytest.raises(NotImplementedError):
            lctx.random.getstate()
        with pytest.raises(NotImplementedError):
            lctx.random.setstate(None)
        with pytest.raises(ValueError, match="non-negative"):
            lctx.random.getrandbits(-1)
        assert gctx.config.shop.name == gctx.config["shop"]["name"] == "abc"
        assert gctx.config.shop is gctx.config.shop
        assert dict(gctx.config.limits) == {"a": 1, "b": 2}
        assert len(gctx.config.limits) == 2
        with pytest.raises(AttributeError, match="nothing"):
            gctx.config.shop.nothing  # noqa: B018

    app = Application(handler, config={"shop": {"name": "abc"}, "limits": {"a": 1, "b": 2}, "unread": 1})
    recording = app.record()
    draws = recording.node["draws"]
    assert {kind: bool(found) for kind, found in draws.items()} == dict.fromkeys(draws, True)
    read = {tuple(path): value for path, value in recording.node["config"]}
    assert read == {("shop", "name"): "abc", ("limits", "a"): 1, ("limits", "b"): 2}


def test_the_request_goes_on_with_the_context_it_has():
    seen = []

    def handler(req, res, lctx, gctx):
        seen.append(current_context().gctx is gctx is lctx.gctx)
        lctx.set("key", "value")

    recording = record(handler, request=Asked("POST", "/orders?x=1", {"host": "a"}, b"{}"))
    assert seen == [True]
    assert recording.request[:6] == ("POST", "/orders?x=1", (("host", "a"),), b"{}", None, "")
    assert recording.snapshot.state == {"key": "value"}
    assert recording.initial.state == {}
    assert (recording.initial.phase, recording.initial.request.body) == ("received", b"{}")
    assert recording.initial.meta == recording.snapshot.meta
    assert Snapshot.from_bytes(recording.initial.to_bytes()) == recording.initial
    assert recording.timeout is None
    assert recording.timeline is None
    assert str(recording.trace[-1]) == "request.finished handler [ok]"
    assert recording.request_id in repr(recording)


def test_a_recording_survives_its_bytes_and_a_store():
    async def handler(req, res, lctx, gctx):
        await gctx.modules.store.load(1)

    recording = record(handler)
    again = Recording.from_bytes(recording.to_bytes())
    assert again == recording
    assert hash(again) == hash(recording)
    assert again != "recording"
    assert again.digest == recording.digest
    (call,) = again.calls
    assert isinstance(call.value, Record)
    assert [loss.reason for loss in call.losses] == ["unregistered"]
    assert Loss("/recording/calls/0/value", "recordings.Order", "unregistered", "") in again.losses
    assert again.using(Types(Order)).calls[0].value == Order(1)

    async def through_a_store():
        store = MemoryStore()
        await store.put(recording.snapshot)
        return Recording.of(await store.get(recording.request_id))

    assert trio.run(through_a_store) == recording


def test_a_snapshot_alone_is_no_recording():
    with pytest.raises(NotRecorded, match="captured and not recorded"):
        Recording.from_bytes(capture(local_context()).to_bytes())
    with pytest.raises(TypeError, match="made by"):
        Recording()


def broken(change):
    recording = record(lambda req, res, lctx, gctx: gctx.modules.store.begin() and None)
    tree = recording.snapshot.tree
    part = {**recording.node, **change(recording.node)}
    return pack({**tree, "recording": part})


@pytest.mark.parametrize(
    "change",
    [
        lambda part: {"extra": 1},
        lambda part: {"calls": {}},
        lambda part: {"request": {}},
        lambda part: {"draws": {}},
        lambda part: {"draws": {**part["draws"], "now": 1}},
        lambda part: {"calls": [1]},
        lambda part: {"calls": [{}]},
        lambda part: {"calls": [{**part["calls"][0], "value": 1}]},
        lambda part: {"calls": [{**part["calls"][0], "value": {"path": 1}}]},
    ],
)
def test_a_recording_of_another_shape_is_refused(change):
    with pytest.raises(SnapshotCorrupt):
        Recording.from_bytes(broken(change))


def test_a_part_that_cannot_be_read_is_refused(monkeypatch):
    recording = record(lambda req, res, lctx, gctx: None)

    def fail(self):
        raise SnapshotCorrupt("another reason")

    monkeypatch.setattr(Recording, "_check", fail)
    with pytest.raises(SnapshotCorrupt, match="another reason"):
        Recording.of(recording.snapshot)


def test_a_recording_whose_tags_are_wrong_is_refused_as_a_snapshot_is():
    data = broken(lambda part: {"timeline": b"no timeline"})
    with pytest.raises(SnapshotCorrupt):
        Recording.from_bytes(data).timeline  # noqa: B018


# Secrets.
