"""Differences between snapshots, and the way from one to the other."""

import copy
import json

import jsonpatch
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gnomon_context import GlobalContext, LocalContext
from gnomon_snapshot import Operation, PatchError, Snapshot, apply, capture, diff
from gnomon_snapshot._patch import form
from gnomon_snapshot.testing import make_snapshot
from gnomon_snapshot.testing.strategies import TYPES, graphs, values

# each example of these does the work of several
FEWER = settings(max_examples=settings().max_examples // 3)


def snapshots():
    json_like = st.recursive(
        st.none()
        | st.booleans()
        | st.integers(0, 3)
        | st.sampled_from((0.0, -0.0, 1.0, float("nan"), float("inf")))
        | st.text("ab$/~", max_size=2),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text("ab$/~", max_size=2), inner, max_size=4)
        ),
        max_leaves=12,
    )
    return st.dictionaries(st.text(), json_like | values() | graphs(), max_size=3).map(
        lambda state: make_snapshot(1, state=state)
    )


@FEWER
@given(st.dictionaries(st.text(max_size=3), values() | graphs(), max_size=3))
@example({"\ud800": 1})
@example({"a": ["\ud800", {"\ud801": "é"}, {1: "\ud800"}]})
def test_what_was_read_differs_in_nothing_from_what_was_captured(state):
    snapshot = make_snapshot(1, state=state)
    assert diff(snapshot, Snapshot.from_bytes(snapshot.to_bytes(), types=TYPES)) == ()


@FEWER
@given(snapshots(), snapshots())
def test_applying_the_difference_makes_the_other(a, b):
    patch = diff(a, b)
    assert apply(patch, a) == b
    assert (patch == ()) == (a == b)
    # and it survives JSON
    written = json.loads(json.dumps([operation.to_json() for operation in patch]))
    assert apply([Operation.from_json(operation) for operation in written], a) == b


@FEWER
@given(snapshots())
def test_nothing_differs_from_itself(a):
    assert diff(a, a) == ()
    assert diff(a, Snapshot.from_bytes(a.to_bytes())) == ()
    assert apply((), a) == a


@FEWER
@given(snapshots(), snapshots())
def test_the_patch_is_json_patch(a, b):
    """Another implementation of RFC 6902 makes the same of it, order of keys aside."""
    patch = [operation.to_json() for operation in diff(a, b) if operation.op != "order"]
    assert jsonpatch.apply_patch(form(a), copy.deepcopy(patch)) == form(b)


def steps(before, after):
    a, b = make_snapshot(1, state={"x": before}), make_snapshot(1, state={"x": after})
    return [(step.op, step.path.removeprefix("/state/x"), step.value) for step in diff(a, b)]


def test_differences_are_small():
    assert steps([1, 2, 3], [1, 2, 3, 4]) == [("add", "/3", 4)]
    assert steps([1, 2, 3], [2, 3]) == [("remove", "/0", None)]
    assert steps([1, 2, 3], [1, 9, 3]) == [("replace", "/1", 9)]
    assert steps({"a": 1, "b": 2}, {"a": 1}) == [("remove", "/b", None)]
    assert steps({"a": 1}, {"a": 1, "b/~": 2}) == [("add", "/b~1~0", 2)]
    assert steps({"a": 1, "b": 2}, {"b": 2, "a": 1}) == [("order", "", ["b", "a"])]
    assert steps(1, True) == [("replace", "", True)]
    assert steps(0.0, -0.0) == [("replace", "", -0.0)]
    assert steps(b"a", b"b") == [("replace", "/$bytes", "Yg==")]
    assert steps((1, 2), (1, 3)) == [("replace", "/$tuple/1", 3)]
    assert steps((1, 2), {1, 2}) == [("replace", "", {"$set": [1, 2]})]
    assert steps({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == [("replace", "/a/0/b", 2)]
    assert steps([{"a": 1, "b": 2}], [{"b": 2, "a": 1}]) == [("order", "/0", ["b", "a"])]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (Operation("add", "/state/new", 1), {"a": [1, 2], "b": "x", "new": 1}),
        (Operation("add", "/state/a/-", 3), {"a": [1, 2, 3], "b": "x"}),
        (Operation("add", "/state/a/0", 0), {"a": [0, 1, 2], "b": "x"}),
        (Operation("replace", "/state/b", {"$tuple": [1]}), {"a": [1, 2], "b": (1,)}),
        (Operation("replace", "/state/a/1", 9), {"a": [1, 9], "b": "x"}),
        (Operation("remove", "/state/a/0"), {"a": [2], "b": "x"}),
        (Operation("move", "/state/c", source="/state/b"), {"a": [1, 2], "c": "x"}),
        (Operation("copy", "/state/c", source="/state/a"), {"a": [1, 2], "b": "x", "c": [1, 2]}),
        (Operation("test", "/state/b", "x"), {"a": [1, 2], "b": "x"}),
        (Operation("order", "/state", ["b", "a"]), {"b": "x", "a": [1, 2]}),
    ],
)
def test_operations(operation, expected):
    before = make_snapshot(1, state={"a": [1, 2], "b": "x"})
    after = apply([operation], before)
    assert after.state == expected
    assert list(after.state) == list(expected)
    assert before.state == {"a": [1, 2], "b": "x"}
    assert Operation.from_json(operation.to_json()) == operation


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        (Operation("remove", "/state/none"), "nothing at '/state/none'"),
        (Operation("replace", "/state/none", 1), "nothing at"),
        (Operation("replace", "/state/a/2", 1), "nothing at"),
        (Operation("remove", "/state/a/2"), "nothing at"),
        (Operation("add", "/state/a/3", 1), "nothing at"),
        (Operation("add", "/state/a/x", 1), "no place in an array"),
        (Operation("add", "/state/a/01", 1), "no place in an array"),
        (Operation("add", "/state/a/٣", 1), "no place in an array"),
        (Operation("add", "/state/a/9999999999", 1), "no place in an array"),
        (Operation("add", "/state/b/x", 1), "nothing can be put"),
        (Operation("add", "/state/none/x", 1), "nothing at"),
        (Operation("add", "state", 1), "begins with a slash"),
        (Operation("test", "/state/b", "y"), "is not what the patch expects"),
        (Operation("move", "/state/c", source="/state/none"), "nothing at"),
        (Operation("order", "/state", ["a"]), "does not have the keys"),
        (Operation("order", "/state/a", ["a"]), "does not have the keys"),
        (Operation("order", "/state", "ab"), "does not have the keys"),
        (Operation("remove", "/state"), "is no snapshot"),
        (Operation("remove", ""), "is no snapshot"),
        (Operation("replace", "", {"a": 1}), "is no snapshot"),
        (Operation("add", "/state/c", {"$nothing": 1}), "no value that a snapshot can hold"),
        (Operation("add", "/state/c", {"$bytes": "?"}), "no value that a snapshot can hold"),
        (Operation("add", "/state/c", {"$float": []}), "no value that a snapshot can hold"),
        (Operation("add", "/state/c", {"$date": [1, 2]}), "is no snapshot"),
        (Operation("add", "/state/c", {"$ref": 7}), "is no snapshot"),
        (Operation("add", "/state/c", {1: 2}), "is no snapshot"),
    ],
)
def test_patches_that_do_not_fit(operation, problem):
    before = make_snapshot(1, state={"a": [1, 2], "b": "x"})
    with pytest.raises(PatchError, match=problem):
        apply([operation], before)


@pytest.mark.parametrize(
    "written",
    [
        None,
        [],
        {},
        {"op": "add"},
        {"op": "add", "path": 1, "value": 1},
        {"op": "steal", "path": ""},
        {"op": "add", "path": ""},
        {"op": "move", "path": ""},
    ],
)
def test_operations_that_are_none(written):
    with pytest.raises(PatchError, match="is no operation"):
        Operation.from_json(written)


def test_a_patched_snapshot_keeps_its_types():
    lctx = LocalContext(GlobalContext())
    from gnomon_snapshot.testing.strategies import Node

    lctx.set("n", Node(1))
    snapshot = capture(lctx, types=TYPES)
    path = next(step.path for step in diff(snapshot, make_snapshot(1)) if step.path.startswith("/state"))
    assert path == "/state/n"
    assert apply([Operation("replace", "/state/n/$object/1/left", 2)], snapshot).state == {"n": Node(2)}


def test_numbers_that_stay_are_no_difference():
    a, b = (make_snapshot(1, state={"x": 1.5, "zero": 0.0, "n": n}) for n in (1, 2))
    assert [step.path for step in diff(a, b)] == ["/state/n"]
    assert [step.path for step in diff(a, make_snapshot(1, state={"x": 1.5, "zero": -0.0, "n": 1}))] == [
        "/state/zero"
    ]
