"""Conditions on snapshots."""

import datetime
import enum
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_context import Execution, GlobalContext, LocalContext
from gnomon_snapshot import Condition, Types, capture
from gnomon_snapshot.testing import make_snapshot


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Order:
    id: int


class Secret:
    __sensitive__ = True


class Sly:
    def __eq__(self, other):
        raise AssertionError("nothing of a user runs")

    __hash__ = None


STATE = {
    "n": 7,
    "x": 1.5,
    "yes": True,
    "none": None,
    "text": "hello",
    "cart": ["apple", {"sku": "x"}],
    "pair": (1, 2),
    "order": Order(3),
    "colour": Colour.RED,
    "secret": Secret(),
    "sly": Sly(),
    "total": Decimal("12.5"),
    "at": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    "ordered": OrderedDict(a=1),
    "data": b"abc",
    "a/b~c": 1,
    "set": {1, 2},
}


def taken():
    lctx = LocalContext(GlobalContext(), method="POST", path="/orders", route="/orders")
    lctx.execution = Execution("create_order", "1")
    for key, value in STATE.items():
        lctx.set(key, value)
    request = SimpleNamespace(
        method="POST", target="/", headers={"Accept": "a/b", "Authorization": "x"}, body={"q": 100}
    )
    response = SimpleNamespace(status_code=201, headers={"etag": "1"}, body=None)
    return capture(lctx, request=request, response=response, types=Types(Order, Colour))


SNAPSHOT = taken()


@pytest.mark.parametrize(
    ("field", "operator", "value", "holds"),
    [
        ("/state/n", "==", 7, True),
        ("/state/n", "==", 7.0, True),
        ("/state/n", "!=", 8, True),
        ("/state/n", "<", 8, True),
        ("/state/n", "<=", 7, True),
        ("/state/n", ">", 7, False),
        ("/state/n", ">=", 7, True),
        ("/state/n", ">", "7", False),
        ("/state/n", "in", [1, 7], True),
        ("/state/n", "in", [True], False),
        ("/state/n", "in", "7", False),
        ("/state/n", "starts with", "7", False),
        ("/state/yes", "==", True, True),
        ("/state/yes", "==", 1, False),
        ("/state/none", "==", None, True),
        ("/state/none", "contains", 1, False),
        ("/state/text", "in", "hello world", True),
        ("/state/text", "contains", "ell", True),
        ("/state/text", "contains", 1, False),
        ("/state/text", "starts with", "he", True),
        ("/state/text", "ends with", "lo", True),
        ("/state/text", "ends with", 1, False),
        ("/state/cart/0", "==", "apple", True),
        ("/state/cart/1/sku", "==", "x", True),
        ("/state/cart/2", "exists", True, False),
        ("/state/cart/01", "==", "apple", False),
        ("/state/cart/x", "exists", False, True),
        ("/state/cart", "contains", "apple", True),
        ("/state/cart", "contains", {"sku": "x"}, True),
        ("/state/pair", "==", [1, 2], True),
        ("/state/pair", "==", (1, 2), True),
        ("/state/pair/1", "==", 2, True),
        ("/state/order/id", "==", 3, True),
        ("/state/order/name", "exists", True, False),
        ("/state/colour", "==", "red", True),
        ("/state/secret", "exists", True, True),
        ("/state/secret", "!=", 1, False),
        ("/state/sly", "==", 1, False),
        ("/state/total", "<=", 12.5, True),
        ("/state/at", "<", "2026-02-01T00:00:00+00:00", True),
        ("/state/at", "<", "soon", False),
        ("/state/at", "<", "2026-02-01", False),  # without a zone nobody knows
        ("/state/ordered/a", "==", 1, True),
        ("/state/data", "contains", "a", False),
        ("/state/a~1b~0c", "==", 1, True),
        ("/state/set", "contains", 2, True),
        ("/state/n/deeper", "==", 7, False),
        ("/state/missing", "!=", 7, False),
        ("/state/missing", "exists", False, True),
        ("/meta/route", "==", "/orders", True),
        ("/execution/handler_id", "==", "create_order", True),
        ("/request/headers/accept", "==", "a/b", True),
        ("/request/headers/ACCEPT", "==", "a/b", True),
        ("/request/headers/authorization", "==", "x", False),
        ("/request/headers/authorization", "exists", True, True),
        ("/request/headers/none", "exists", True, False),
        ("/request/body/q", ">", 99, True),
        ("/response/headers/etag", "==", "1", True),
        ("/response/status_code", "==", 201, True),
        ("/outcome/kind", "==", "ok", False),
        ("/phase", "==", "received", True),
    ],
)
def test_operators(field, operator, value, holds):
    assert Condition(field, operator, value).holds(SNAPSHOT) is holds


def test_headers_of_a_request_that_was_not_given():
    assert not Condition("/request/headers/accept", "exists").holds(make_snapshot(1))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("/state/x", "~=", 1), "no operator"),
        (("state/x", "==", 1), "no place"),
        (("/nothing", "==", 1), "no place"),
        (("", "==", 1), "no place"),
        ((7, "==", 1), "no place"),
        (("/state/x", "==", {1}), "one of JSON, not set"),
        (("/state/x", "==", [{1: 2}]), "one of JSON"),
        (("/state/x", "==", lambda: 1), "one of JSON, not function"),
        (("/state/x", "in", 7), "a list or a text"),
    ],
)
def test_what_is_no_condition(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        Condition(*arguments)


def test_values_have_a_depth():
    value = []
    for _ in range(100):
        value = [value]
    with pytest.raises(ValueError, match="one of JSON"):
        Condition("/state/x", "==", value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(
    JSON, JSON, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "contains", "starts with", "ends with"])
)
def test_any_condition_is_answered(stored, value, operator):
    snapshot = make_snapshot(1, state={"x": stored})
    holds = Condition("/state/x", operator, value).holds(snapshot)
    assert type(holds) is bool
    if operator == "==":
        assert holds != Condition("/state/x", "!=", value).holds(snapshot)
        assert Condition("/state/x", "==", stored).holds(snapshot)
        assert Condition("/state/x", "in", [value]).holds(snapshot) == holds
