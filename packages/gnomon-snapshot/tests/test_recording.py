"""What a recorder writes down, what it leaves out, and that a request does not notice it."""

import dataclasses
import functools
import random
import threading
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gnomon_context import Module, current_context
from gnomon_context.testing import global_context, local_context
from gnomon_snapshot import (
    Limits,
    Loss,
    Lost,
    MemoryStore,
    NotRecorded,
    Record,
    Recorder,
    Recording,
    Sampling,
    SnapshotCorrupt,
    Types,
    Withheld,
    capture,
    traced,
)
from gnomon_snapshot._format import pack
from gnomon_snapshot._recording import Traced
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._standin import owner_of
from gnomon_snapshot.testing import Application, Asked, difference
from gnomon_snapshot.testing.strategies import TYPES, graphs, values

CANARY = "canary-7f3a-sesame"


class OrderNotFound(LookupError):
    pass


class Secret:
    __sensitive__ = True

    def __init__(self, text):
        self._text = text

    def reveal(self):
        return self._text


@dataclasses.dataclass
class Order:
    id: int

    def total(self):
        return self.id * 2


class Point(NamedTuple):
    x: int


class Cursor:
    """A live handle of which only the methods tell."""

    def __init__(self, rows):
        self.rows = rows
        self.limit = 10

    def fetch(self):
        return self.rows.pop(0)

    def itself(self):
        return self


class Transaction:
    def __init__(self, log):
        self.log = log

    async def __aenter__(self):
        self.log.append("begin")
        return self

    async def __aexit__(self, kind, error, trace):
        self.log.append("commit" if error is None else "rollback")

    async def insert(self, row):
        self.log.append(row)
        return len(self.log)


class Store:
    Missing = OrderNotFound
    limit = 3

    def __init__(self):
        self.log = []
        self.settings = SimpleNamespace(name="shop")

    def price(self, sku, *, currency="EUR"):
        return {"sku": sku, "currency": currency}

    async def load(self, number):
        if number < 0:
            raise OrderNotFound(number)
        return Order(number)

    def begin(self):
        return Transaction(self.log)

    def cursor(self):
        return Cursor([1, 2])

    async def scan(self):
        yield 1
        yield 2

    def lines(self) -> Iterator[str]:
        yield "a"

    def lock(self):
        return threading.Lock()

    def mixed(self):
        return [1, print]

    def take(self, *things):
        return len(things)

    def give(self, thing):
        return thing

    def __getitem__(self, key):
        return key * 2

    def __contains__(self, key):
        return key == "here"

    def __call__(self):
        return "called"


def record(handler, *, recorder=None, request=None, clock=None, **modules):
    app = Application(handler, modules=modules or {"store": Store()}, recorder=recorder)
    recording = app.record(request, clock=clock)
    assert recording.snapshot.error is None, recording.snapshot.error  # an assertion of the handler
    return recording


def calls_of(recording):
    return [(str(call), call.mode, call.outcome, call.value) for call in recording.calls]


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
            return trio.sleep(0).__await__()

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
        lctx.now(), lctx.monotonic(), lctx.uuid()  # noqa: B018
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
    assert Loss("/recording/calls/0/value", f"{__name__}.Order", "unregistered", "") in again.losses
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


def leaky(req, res, lctx, gctx):
    """Carries a secret to every place that it can think of."""
    secret = gctx.modules.vault.get("database")
    text = secret.reveal()
    gctx.modules.store.take(secret, text, f"password={text}", text.encode(), [secret, {"deep": text}])
    gctx.modules.store.give({"token": text, text: 1})
    lctx.set("held", secret)
    lctx.set("leaked", text)
    lctx.set("nested", [{"a": (text, bytearray(text.encode()))}])
    lctx.set("header", req.headers["authorization"].partition(" ")[2])
    lctx.set("key", gctx.modules.keys.of("signing"))
    gctx.config.password  # noqa: B018
    res.headers["x-leak"] = text
    res.body = {"error": f"cannot connect with {text}"}
    raise RuntimeError(text)


class Vault:
    def get(self, name):
        return Secret(CANARY)


class Keys:
    """Gives text, so that only the recorder can be told."""

    def of(self, name):
        return f"key-{CANARY}"

    def raw(self, name):
        return {"bytes": f"key-{CANARY}".encode(), "list": [1, f"key-{CANARY}"], "n": 3}

    def none(self):
        return None


@pytest.mark.parametrize("steps", [False, True])
def test_a_secret_is_in_no_byte_that_is_written(steps):
    recorder = Recorder(MemoryStore(), secrets=["keys"], steps=steps)
    app = Application(
        leaky,
        hooks=[lambda req, res, lctx, gctx: lctx.set("early", gctx.modules.vault.get("x").reveal())],
        modules={"vault": Vault(), "store": Store(), "keys": Keys()},
        config={"password": Secret(CANARY + "-config")},
        recorder=recorder,
    )
    headers = {
        "authorization": f"Bearer {CANARY}-token",
        "cookie": f"session={CANARY}-cookie; flag",
        "x-api-key": CANARY,
    }
    recording = app.record(Asked("POST", "/", headers, b"{}"))
    data = recording.to_bytes()
    assert CANARY.encode() not in data
    assert CANARY.encode() not in recording.initial.to_bytes()
    assert dict(recording.request.headers) == {
        "authorization": "Bearer <withheld>",
        "cookie": "session=<withheld>;<withheld>",
        "x-api-key": "<withheld>",
    }
    by_name = {call.name: call for call in recording.calls}
    assert (by_name["get"].args, by_name["of"].args) == (
        ("database",) if not steps else by_name["get"].args,
        ("signing",),
    )
    assert by_name["of"].value == Lost("builtins.str", "", "sensitive")
    assert recording.snapshot.state["leaked"] == "<withheld>"


def test_short_texts_are_no_secrets_that_are_searched_for():
    def handler(req, res, lctx, gctx):
        gctx.modules.keys.none()
        gctx.modules.keys.raw("a")
        gctx.modules.pins.of()
        lctx.set("text", "abc")
        lctx.set("found", f"a key-{CANARY} b")

    class Pins:
        def of(self):
            return Secret("abc")

    recording = record(handler, recorder=Recorder(MemoryStore(), secrets=["keys"]), keys=Keys(), pins=Pins())
    assert recording.snapshot.state == {"text": "abc", "found": "a <withheld> b"}
    assert recording.calls[0].value is None


def test_a_sensitive_object_that_cannot_be_read_is_not_written_either():
    class Odd:
        __sensitive__ = True
        __slots__ = ("held",)

        @property
        def __dict__(self):
            raise RuntimeError

    class Container:
        __sensitive__ = True

        def __init__(self):
            self.held = {"a": [f"{CANARY}-1", (b"no utf-8 \xff", {f"{CANARY}-2"})], "lock": threading.Lock()}

    class Sources:
        def of(self, what):
            return what

    container = Container()

    def handler(req, res, lctx, gctx):
        gctx.modules.odd.of(Odd())
        gctx.modules.odd.of([container])
        lctx.set("leaked", container.held["a"][0])
        lctx.set("again", container.held["a"][1][1])

    data = record(handler, odd=Sources()).to_bytes()
    assert CANARY.encode() not in data


def test_classes_that_raise_where_they_are_looked_at_do_no_harm():
    class Meta(type):
        def __getattr__(cls, name):
            raise RuntimeError(name)

    class Odd(metaclass=Meta):
        pass

    class Choosy(type):
        def __getattr__(cls, name):
            if name in ("__aenter__", "__await__"):
                raise RuntimeError(name)
            raise AttributeError(name)

    class Asked(metaclass=Choosy):
        pass

    class Hostile(dict):
        __sensitive__ = True

        def values(self):
            raise RuntimeError

    things = [Odd(), Asked(), Hostile(a=1)]

    def handler(req, res, lctx, gctx):
        for thing in things:
            assert gctx.modules.store.give(thing) is thing
            gctx.modules.store.take(thing)

    assert record(handler).snapshot.outcome == "ok"


def test_withheld_shows_nothing():
    secret = Withheld("shop.Secret")
    assert (secret.reveal(), secret.anything("x")) == ("<withheld>", "<withheld>")
    assert repr(secret) == "<shop.Secret, withheld>"
    assert not hasattr(secret, "__len__")


class Blank:
    """A redactor."""

    def redact(self, value):
        return {**value, "password": "(hidden)"} if isinstance(value, dict) else value


class Failing:
    def redact(self, value):
        raise RuntimeError


def test_redactors_blank_what_they_know():
    redactors = {
        "request.body": Blank(),
        "modules.store.give.result": Blank(),
        "modules.store.price.arguments": Failing(),
        "modules.store.take.arguments": SimpleNamespace(redact=lambda value: [[], {}]),
        "request.target": SimpleNamespace(redact=lambda value: "/redacted"),
    }

    def handler(req, res, lctx, gctx):
        gctx.modules.store.give({"password": CANARY})
        gctx.modules.store.price(CANARY)
        gctx.modules.store.take(CANARY)

    request = Asked("POST", f"/?q={CANARY}", {}, CANARY.encode(), body={"password": CANARY, "user": "ada"})
    recording = record(handler, recorder=Recorder(MemoryStore(), redactors=redactors), request=request)
    assert recording.request.value == {"password": "(hidden)", "user": "ada"}
    assert (recording.request.body, recording.request.target) == (None, "/redacted")
    assert recording.initial.request.body == {"password": "(hidden)", "user": "ada"}
    assert recording.calls[0].value == {"password": "(hidden)"}
    assert recording.calls[1].args == (Lost("RuntimeError", "", "failed"),)
    assert recording.calls[2].args == ([], {})


def test_a_body_that_cannot_be_blanked_is_not_written():
    def body(redactor, raw=b"{}"):
        recorder = Recorder(MemoryStore(), redactors={"request.body": redactor} if redactor else {})
        return record(
            lambda req, res, lctx, gctx: None, recorder=recorder, request=Asked(raw_body=raw, body={})
        ).request

    assert "RuntimeError" in body(Failing()).missing
    assert body(Failing(), b"").missing == ""
    assert body(SimpleNamespace(redact=lambda value: value)).body == b"{}"
    assert "as a stream" in body(None, None).missing
    recording = record(lambda req, res, lctx, gctx: None, request=Asked(raw_body=None))
    assert recording.unrecorded == (
        "the body of the request: the handler took it as a stream, or never read it",
    )
    large = Recorder(MemoryStore(), limits=Limits(text=10))
    recording = record(lambda req, res, lctx, gctx: None, recorder=large, request=Asked(raw_body=b"x" * 11))
    assert "11 bytes" in recording.request.missing


# What a recorder chooses.


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
