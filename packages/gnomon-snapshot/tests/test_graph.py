"""What is left out, why, and that nothing sensitive and no code of the user gets into it."""

import collections
import dataclasses
import enum
import functools
import threading
import types
from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_context import GlobalContext, LocalContext
from gnomon_snapshot import Limits, Loss, Lost, Record, RecordedError, Snapshot, Types, TypesError, capture
from gnomon_snapshot.testing import difference
from gnomon_snapshot.testing.strategies import (
    TYPES,
    Bag,
    Colour,
    Label,
    Money,
    Node,
    OrderNotFound,
    Point,
    values,
)

CANARY = "canary-5f1b"


def captured(value, *, limits=Limits(), types=TYPES):
    lctx = LocalContext(GlobalContext())
    lctx.set("x", value)
    return Snapshot.from_bytes(capture(lctx, limits=limits).to_bytes(), types=types)


def reasons(snapshot):
    return [(loss.path, loss.reason) for loss in snapshot.losses]


class Secret:
    __sensitive__ = True

    def __init__(self):
        self.value = CANARY

    def __repr__(self):
        return CANARY

    __str__ = __repr__

    def __hash__(self):
        return 1

    def __eq__(self, other):
        return True


class SecretText(str):
    __sensitive__ = True


class SecretError(Exception):
    __sensitive__ = True


class SecretEnum(enum.Enum):
    __sensitive__ = True
    A = CANARY


@dataclasses.dataclass
class Holder:
    item: object


def secrets():
    return st.sampled_from((Secret(), SecretText(CANARY), SecretError(CANARY), SecretEnum.A))


def hide(inner):
    """Everything a secret could hide in."""
    return (
        st.builds(lambda x: [x], inner)
        | st.builds(lambda x: {"k": x}, inner)
        | st.builds(lambda x: {1: x}, inner)
        | st.builds(lambda x: (x,), inner)
        | st.builds(Holder, inner)
        | st.builds(Point, inner, inner)
        | st.builds(ValueError, inner)
        | st.builds(OrderNotFound, inner)
        | st.builds(lambda x: functools.partial(print, x), inner)
        | st.builds(lambda x: collections.deque([x]), inner)
        | st.builds(lambda x: types.SimpleNamespace(x=x), inner)
        | st.builds(lambda x: types.MappingProxyType({"x": x}), inner)
        | st.builds(lambda x: lambda: x, inner)
        | st.builds(lambda x: iter([x]), inner)
        | st.builds(lambda x: Bag(x=x), inner)
        | st.builds(lambda x: functools.partial(Holder(x).__eq__, 1), inner)
        | st.builds(lambda x: collections.defaultdict(list, x=x), inner)
        | st.builds(noted, inner)
    )


def noted(x):
    error = KeyError(1)
    error.secret = x
    error.__cause__ = ValueError(x)
    return error


@given(st.recursive(secrets(), hide, max_leaves=6))
def test_sensitive_values_are_never_written_whatever_they_hide_in(value):
    lctx = LocalContext(GlobalContext())
    lctx.set("x", value)
    lctx.compensate(print, value)
    lctx.settle("error", ValueError(value))

    class Request:
        method, target, headers, body = "GET", "/", {"X-Api-Key": CANARY}, value

    snapshot = capture(lctx, request=Request(), response=None, events=[value])
    assert CANARY.encode() not in snapshot.to_bytes()
    assert CANARY not in repr(snapshot.losses)
    assert snapshot.losses


def test_sensitive_members_of_hashed_containers():
    for value in ({Secret()}, frozenset({Secret()}), {Secret(): 1}, {SecretText(CANARY): 1}):
        snapshot = captured(value)
        assert CANARY.encode() not in snapshot.to_bytes()
        assert [loss.reason for loss in snapshot.losses] == ["sensitive"]


def test_a_class_that_does_not_let_itself_be_asked_is_sensitive():
    class Meta(type):
        def __getattribute__(cls, name):
            raise RuntimeError

    class Odd(metaclass=Meta):
        def __init__(self):
            self.value = CANARY

    snapshot = captured(Odd())
    assert [loss.reason for loss in snapshot.losses] == ["sensitive"]
    assert CANARY.encode() not in snapshot.to_bytes()


def test_a_repr_that_might_show_too_much_is_not_asked_for():
    many = functools.partial(print, [object() for _ in range(1000)])
    assert captured(many).losses == (
        Loss("/state/x", "functools.partial", "unencodable", "<functools.partial object>"),
    )


def test_a_repr_that_raises_or_is_long():
    class Raising(collections.deque):
        def __repr__(self):
            raise RuntimeError(CANARY)

    class Long(collections.deque):
        def __repr__(self):
            return "x" * 1000

    (loss,) = captured(Raising()).losses
    assert loss.repr.startswith("<") and loss.repr.endswith("Raising object>")
    (loss,) = captured(Long(), limits=Limits(shown=10)).losses
    assert loss.repr == "x" * 10


def test_classes_that_lie():
    class Lying:
        def __init__(self):
            self.real = 1

        @property
        def __class__(self):
            return dict

        def __getattribute__(self, name):
            raise RuntimeError

        def __reduce__(self):
            raise RuntimeError

        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    value = captured([Lying(), Lying()]).state["x"]
    assert [(type(item), item.fields) for item in value] == [(Record, {"real": 1})] * 2


def test_what_fails_to_be_read_is_a_loss():
    odd = Holder(1)
    odd.__dict__[7] = "a name that is a number"
    surrogate = Holder(1)
    surrogate.__dict__["\ud800"] = 1
    snapshot = captured([odd, surrogate])
    assert reasons(snapshot) == [("/state/x/0", "failed"), ("/state/x/1", "failed")]


def test_contexts_are_not_followed():
    lctx = LocalContext(GlobalContext())
    lctx.set("self", lctx)
    lctx.set("app", lctx.gctx)
    assert reasons(capture(lctx)) == [("/state/self", "unencodable"), ("/state/app", "unencodable")]


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        len,
        (i for i in ()),
        Holder,
        types,
        object.__repr__,
        iter([]),
        memoryview(b""),
        range(3),
    ],
    ids=repr,
)
def test_what_cannot_be_written_is_a_loss(value):
    snapshot = captured({"a": [value]})
    assert reasons(snapshot) == [("/state/x/a/0", "unencodable")]
    assert type(snapshot.state["x"]["a"][0]) is Lost


# Bounds.


def test_depth():
    value = []
    for _ in range(100):
        value = [value]
    snapshot = captured(value, limits=Limits(depth=5))
    assert reasons(snapshot) == [("/state/x/0/0/0/0", "depth")]
    nodes = None
    for _ in range(1000):
        nodes = Node(nodes)
    assert [reason for _, reason in reasons(captured(nodes))] == ["depth"]
    for wrap in (lambda x: {"a": x}, lambda x: (x,), lambda x: {1: x}, Node, ValueError, lambda x: Bag(a=x)):
        value = wrap(wrap(wrap(1)))
        assert reasons(captured(value, limits=Limits(depth=3)))[0][1] == "depth"


def test_every_kind_of_container_can_be_nested_as_deep_as_the_bound():
    for wrap in (
        lambda x: [x],
        lambda x: {"a": x},
        lambda x: (x,),
        lambda x: {1: x},
        Node,
        ValueError,
        lambda x: Bag(a=x),
    ):
        value = shared = []
        for _ in range(61):
            value = wrap(value)
        assert difference([value, shared], captured([value, shared]).state["x"]) == ""


def test_count():
    big = list(range(1000))
    snapshot = captured(
        [big, [1], {"a": big}, set(big), dict.fromkeys(big), tuple(big)], limits=Limits(count=100)
    )
    assert reasons(snapshot) == [(f"/state/x/{place}", "count") for place in ("0", "2/a", "3", "4", "5")]
    assert snapshot.losses[0].repr == "1000 values"

    wide = Node()
    wide.__dict__.update({f"a{n}": n for n in range(1000)})
    wide.left = wide
    snapshot = captured([wide, wide], limits=Limits(count=100))
    assert {reason for _, reason in reasons(snapshot)} == {"count"}
    assert snapshot.state["x"][0] is snapshot.state["x"][1]
    assert snapshot.state["x"][0].repr == "1002 fields"


def test_size():
    long = "x" * 1000
    limits = Limits(text=100, size=500, shown=20)
    for value in (
        long,
        long.encode(),
        bytearray(long.encode()),
        Decimal("1" * 1000),
        2**100_000,
        Label(long),
    ):
        snapshot = captured([value, "short"], limits=limits)
        assert [reason for _, reason in reasons(snapshot)] == ["size"]
        assert all(len(loss.repr) <= 20 for loss in snapshot.losses)
    snapshot = captured({"a": "x" * 60, "b": "y" * 60, "c": 2**100_000}, limits=limits)
    assert snapshot.state["x"]["a"] == "x" * 60
    assert reasons(snapshot) == [("/state/x/c", "size")]
    snapshot = captured([["x" * 90] * 10, 2**100_000], limits=limits)
    assert 6 <= len(snapshot.losses) < 11
    assert reasons(captured(["x" * 200, 1, None], limits=limits)) == [("/state/x/0", "size")]
    snapshot = captured({"k" * 1000: 1}, limits=limits)
    assert snapshot.losses == (Loss("/state/x", "builtins.dict", "size", "names of keys"),)


@given(
    values(),
    st.builds(
        Limits,
        depth=st.integers(1, 6),
        count=st.integers(1, 12),
        size=st.integers(1, 60),
        text=st.integers(1, 30),
        shown=st.integers(1, 9),
    ),
)
def test_whatever_the_bounds_something_readable_comes_out(value, limits):
    snapshot = captured(value, limits=limits)
    assert bool(snapshot.losses) or difference(value, snapshot.state["x"]) == ""


def test_state_that_a_thread_changes_meanwhile():
    state = {"a": {str(n): n for n in range(100)}}
    stop = threading.Event()

    def change():
        number = 0
        while not stop.is_set():
            number += 1
            state["a"][f"k{number % 500}"] = number
            state["a"].pop(f"k{(number + 250) % 500}", None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            assert captured(state).losses == ()
    finally:
        stop.set()
        thread.join()


# Types.


def test_unregistered_instances_come_back_as_records():
    value = [Node(1, 2), Point(1, 2), Colour.RED, Bag(a=1), Label("x"), OrderNotFound("o", shop="s")]
    value[3].extra = 1
    snapshot = captured(value, types=Types())
    node, point, colour, bag, label, error = snapshot.state["x"]
    module = Node.__module__
    assert node == Record(f"{module}.Node", {"left": 1, "right": 2})
    assert point == Record(f"{module}.Point", {"x": 1, "y": 2}, kind="namedtuple")
    assert colour == Record(f"{module}.Colour", {"name": "RED"}, kind="enum", value=1)
    assert bag == Record(f"{module}.Bag", {"extra": 1}, kind="subclass", value={"a": 1})
    assert label == Record(f"{module}.Label", {}, kind="subclass", value="x")
    assert type(error) is RecordedError
    assert (error.type, error.args, error.fields) == (f"{module}.OrderNotFound", ("o",), {"shop": "s"})
    assert str(error) == f"{module}.OrderNotFound: o"
    assert [loss.reason for loss in snapshot.losses] == ["unregistered"] * 6
    assert [loss.path for loss in snapshot.losses] == [f"/state/x/{n}" for n in range(6)]
    # and are written again as what they were
    again = captured(snapshot.state["x"], types=TYPES)
    assert difference(value, again.state["x"]) == ""


def test_an_unregistered_group():
    class Several(ExceptionGroup):
        def derive(self, errors):
            return Several(self.message, errors)

    error = captured(Several("two", [ValueError(1), KeyError(2)])).state["x"]
    assert type(error) is RecordedError
    assert [repr(member) for member in error.members] == ["ValueError(1)", "KeyError(2)"]
    again = captured(error, types=TYPES.extended(Several)).state["x"]
    assert type(again) is Several
    assert again.message == "two"


def test_records_in_keys_and_sets():
    value = {Money(Decimal(1), "EUR"): 1, Colour.RED: 2}
    state = captured([value, {Colour.RED, Colour.BLUE}], types=Types()).state["x"]
    assert sorted(item for item in state[0].values()) == [1, 2]
    assert len(state[1]) == 2


def test_losses_of_a_record():
    assert Record("a.B", {}) != 1
    record = Record("a.B", {"x": 1})
    record.fields["self"] = record
    assert record == record
    assert repr(record) == "<a.B(x=1, self=...)>"
    assert repr(Record("a.E", {"name": "X"}, kind="enum", value=3)) == "<a.E(3, name='X')>"
    assert repr(Record("a.L", {}, kind="subclass", value="x")) == "<a.L('x')>"
    assert Lost("a", "b", "c") != 1
    assert hash(Lost("a", "b", "c")) == hash(Lost("a", "b", "c"))
    assert str(RecordedError("a.E", (), {})) == "a.E"
    assert difference(captured([Lost("a", "b", "depth")]).state["x"], [Lost("a", "b", "depth")]) == ""


def test_a_zone_of_another_kind_is_kept_as_its_offset():
    class Zone(tzinfo):
        def utcoffset(self, moment):
            return timedelta(hours=2)

    class Broken(tzinfo):
        def utcoffset(self, moment):
            raise RuntimeError

    class Empty(tzinfo):
        def utcoffset(self, moment):
            return None

    snapshot = captured(
        [datetime(2026, 1, 1, tzinfo=Zone()), time(1, tzinfo=Broken()), time(1, tzinfo=Empty())]
    )
    assert snapshot.state["x"][0].isoformat() == "2026-01-01T00:00:00+02:00"
    assert reasons(snapshot) == [
        ("/state/x/0", "time zone"),
        ("/state/x/1", "failed"),
        ("/state/x/2", "failed"),
    ]


def test_losses_inside_everything():
    lock = threading.Lock()
    error = ValueError(lock)
    error.__cause__ = KeyError(lock)
    error.extra = lock
    value = {
        "a/b~c": [lock],
        "t": (lock,),
        "k": {1: lock},
        "p": Point(lock, 1),
        "n": Node(lock),
        "b": Bag(x=lock),
        "e": error,
        "g": ExceptionGroup("g", [TypeError(lock)]),
        "m": Record("a.E", {"name": "A"}, kind="enum", value=lock),
    }
    value["again"] = value["n"]
    assert [loss.path for loss in captured(value).losses if loss.reason == "unencodable"] == [
        "/state/x/a~1b~0c/0",
        "/state/x/t/0",
        "/state/x/k/0/1",
        "/state/x/p/x",
        "/state/x/n/left",
        "/state/x/b/x",
        "/state/x/e/extra",
        "/state/x/e/args/0",
        "/state/x/e/cause/args/0",
        "/state/x/g/members/0/args/0",
        "/state/x/m/value",
    ]


def test_types_refuse_what_they_cannot_make():
    for cls in (
        threading.Lock().__class__,
        type,
        object,
        dict,
        collections.deque,
        functools.partial,
        memoryview,
    ):
        with pytest.raises(TypesError, match="cannot be registered"):
            Types(cls)
    with pytest.raises(TypesError, match="only classes"):
        Types(Node(1))
    other = type("Node", (), {"__module__": Node.__module__})
    with pytest.raises(TypesError, match="two classes are named"):
        Types(Node, other)
    assert str(Types(Node, Node)) == str(Types(Node)) == str(Types().extended(Node))


def test_names_of_odd_classes():
    cls = type("Odd", (), {"__module__": 7})
    assert captured(cls()).losses[0].type == "7.Odd"


def test_containers_of_the_standard_library():
    ordered = collections.OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    value = [ordered, collections.Counter("abca"), types.SimpleNamespace(a=[1]), bytearray(b"x")]
    value.append(value[3])
    assert difference(value, captured(value).state["x"]) == ""


class Stack(list):
    pass


class Tags(set):
    pass


def test_subclasses_of_containers_also_where_something_is_shared():
    types = TYPES.extended(Stack, Tags)
    stack, tags, bag = Stack([1]), Tags({2}), Bag({1: "a", (2, 3): ["b"]})
    stack.label = "x"
    stack.append(stack)
    for value in (
        [stack, tags, bag],
        [stack, stack, tags, tags, bag, bag, Bag({"a": 1})],
        [Stack([1]), tags],
    ):
        assert difference(value, captured(value, types=types).state["x"]) == ""


def test_text_that_utf8_cannot_hold_anywhere():
    value = {"a": ("\ud800", b"x"), "\udfff": [1], "b": {1: "\ud800"}}
    assert difference(value, captured(value).state["x"]) == ""


def test_the_same_snapshot_with_other_classes():
    snapshot = captured([Node(1)], types=Types())
    assert type(snapshot.state["x"][0]) is Record
    assert snapshot.using(TYPES).state["x"] == [Node(1)]
    assert snapshot.using(TYPES) == snapshot


def test_tuples_that_hold_each_other():
    inner = []
    first = (inner,)
    second = (first, [first])
    inner.append((second, [second]))
    for value in (first, second, inner, [second, first], {1: first, (2,): inner}):
        assert difference(value, captured(value).state["x"]) == ""
    bag = Bag()
    chain = (bag, Node(bag))
    bag["t"] = (chain, {1: chain})
    error = ValueError(chain)
    chain[1].right = error
    assert difference([chain, error], captured([chain, error]).state["x"]) == ""


def test_slots_that_hold_nothing():
    class Half:
        __slots__ = ("a", "b")

    half = Half()
    half.a = 1
    again = captured(half, types=Types(Half)).state["x"]
    assert again.a == 1
    assert not hasattr(again, "b")


# The comparison that these tests stand on.


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        (1, 1.0, ": int here, float there"),
        (0.0, -0.0, ": 0.0 here, -0.0 there"),
        ([1], [1, 2], ": 1 items here, 2 there"),
        ([1, 2], [1, 3], "[1]: 2 here, 3 there"),
        ({"a": 1}, {"b": 1}, " key 'a': 'a' here, 'b' there"),
        ({"a": 1}, {"a": 2}, "['a']: 1 here, 2 there"),
        ({1}, {2}, ": {1} here, {2} there"),
        (Node(1), Node(2), ".left: 1 here, 2 there"),
        (ValueError(1), ValueError(2), ".args[0]: 1 here, 2 there"),
        (Bag(a=1), Bag(a=2), "['a']: 1 here, 2 there"),
    ],
)
def test_difference(a, b, found):
    assert difference(a, b) == found
    assert difference(a, a) == ""


def test_difference_in_attributes_and_identity():
    one, other = Node(), Node()
    other.__dict__["more"] = 1
    assert "attributes" in difference(one, other)
    assert (
        difference([Record("a.B", {"x": 1})], [Record("a.B", {"x": 2})]) == "[0].fields['x']: 1 here, 2 there"
    )
    assert "one object here" in difference([one, one], [Node(), Node()])
    assert "one object here" in difference([Node(), Node()], [one, one])
    assert difference([(), (), frozenset(), frozenset()], [(), (), frozenset(), frozenset()]) == ""


class Overdue(RuntimeError, TimeoutError):
    """Its layout is that of its second base."""


def test_an_exception_with_the_layout_of_a_later_base_comes_back():
    error = Overdue("late")
    error.by = 2
    again = captured(error, types=Types(Overdue)).state["x"]
    assert (type(again), again.args, again.by) == (Overdue, ("late",), 2)
