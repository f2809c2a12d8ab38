"""A service whose requests the tests of recordings record: what it returns, its handles, and its store."""

import dataclasses
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import NamedTuple

from replays import OrderNotFound

from gnomon_snapshot.testing import Application

CANARY = "canary-7f3a-sesame"


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
