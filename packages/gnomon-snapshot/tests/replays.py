"""A service whose requests the tests of replays record: its store, what it raises, what must not be touched."""

import pytest
import trio

from gnomon_context import Module
from gnomon_snapshot import (
    MemoryStore,
    Recorder,
    Types,
)
from gnomon_snapshot.testing import Application


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
