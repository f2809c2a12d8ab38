"""One snapshot with every kind of value; written once for each format version, read by every later release."""

import datetime
from collections import OrderedDict
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from gnomon_snapshot.testing import make_snapshot
from gnomon_snapshot.testing.strategies import Access, Bag, Colour, Label, Node, OrderNotFound, Point


def state():
    shared = ["shared"]
    node = Node(shared)
    node.right = node
    error = OrderNotFound(7, shop="corner")
    error.__cause__ = ExceptionGroup("two", [ValueError("a"), KeyError(b"b")])
    utc = datetime.timezone.utc
    return {
        "json": [None, True, 1, -(2**70), 1.5, float("inf"), "text", {"a": {}}],
        "binary": [b"bytes", bytearray(b"array")],
        "collections": [(1, (2,)), {3}, frozenset({4}), {5: "five", (6,): "six"}, OrderedDict(b=1, a=2)],
        "times": [
            datetime.datetime(2026, 1, 2, 3, 4, 5, 6),
            datetime.datetime(2026, 1, 2, tzinfo=utc),
            datetime.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
            datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=-3), "three")),
            datetime.date(2026, 1, 2),
            datetime.time(1, 2, 3, 4, tzinfo=utc),
            datetime.timedelta(days=-1, microseconds=5),
        ],
        "numbers": [Decimal("-1.50"), UUID(int=7), 1 + 2j],
        "instances": [Colour.BLUE, Access.READ | Access.RUN, Point(1, 2), node, Label("x"), Bag(a=1), error],
        "shared": shared,
        "surrogate": "\ud800",
        "lost": len,
    }


def golden():
    return make_snapshot(7, outcome="error", error=ValueError("melted"), state=state())
