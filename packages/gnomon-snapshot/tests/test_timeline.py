"""Snapshots at every boundary of a request, and any of them again."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon_snapshot import Snapshot, SnapshotCorrupt, Timeline
from gnomon_snapshot._format import pack
from gnomon_snapshot.testing import make_snapshot
from gnomon_snapshot.testing.strategies import TYPES, graphs, values

# each example of these does the work of several
FEWER = settings(max_examples=settings().max_examples // 3)


@FEWER
@given(st.lists(st.dictionaries(st.text(max_size=2), values() | graphs(), max_size=2), max_size=6))
def test_every_step_comes_back(states):
    snapshots = [make_snapshot(1, state=state) for state in states]
    timeline = Timeline(types=TYPES)
    for number, snapshot in enumerate(snapshots):
        assert timeline.add(f"step {number}", snapshot) == number
    again = Timeline.from_bytes(timeline.to_bytes())
    for each in (timeline, again):
        assert len(each) == len(snapshots)
        assert each.names == tuple(f"step {number}" for number in range(len(snapshots)))
        assert [each.at(number) for number in range(len(snapshots))] == snapshots
    if snapshots:
        assert again.at(-1) == snapshots[-1]
        again.add("more", snapshots[0])
        assert again.at(len(snapshots)) == snapshots[0]


def test_many_steps_are_kept_as_what_changed():
    timeline = Timeline()
    state = {"big": "x" * 10_000, "n": 0}
    for number in range(40):
        state["n"] = number
        timeline.add("step", make_snapshot(1, state=state))
    assert [timeline.at(number).state["n"] for number in range(40)] == list(range(40))
    assert len(timeline.to_bytes()) < 5 * 10_000


def test_steps_that_are_not_there():
    timeline = Timeline()
    with pytest.raises(IndexError):
        timeline.at(0)
    timeline.add("one", make_snapshot(1))
    with pytest.raises(IndexError):
        timeline.at(1)


def test_types_of_a_timeline():
    from gnomon_snapshot.testing.strategies import Node

    timeline = Timeline()
    timeline.add("one", make_snapshot(1, state={"n": Node(1)}))
    timeline.add("two", make_snapshot(1, state={"n": Node(2)}))
    assert Timeline.from_bytes(timeline.to_bytes(), types=TYPES).at(1).state == {"n": Node(2)}


def test_damage():
    timeline = Timeline()
    timeline.add("one", make_snapshot(1))
    timeline.add("two", make_snapshot(2))
    data = timeline.to_bytes()
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x55
        with pytest.raises(SnapshotCorrupt):
            Timeline.from_bytes(bytes(damaged))
    with pytest.raises(SnapshotCorrupt, match="begins with GNTL"):
        Timeline.from_bytes(make_snapshot(1).to_bytes())
    with pytest.raises(SnapshotCorrupt):
        Snapshot.from_bytes(data)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"names": [], "steps": None},
        {"names": ["a"], "steps": []},
        {"names": [1], "steps": [b""]},
        {"names": ["a"], "steps": ["x"]},
        {"names": ["a"], "steps": [b"x"]},
        {"names": ["a", "b"], "steps": [make_snapshot(1).to_bytes(), b"{"]},
        {"names": ["a", "b"], "steps": [make_snapshot(1).to_bytes(), b"7"]},
        {
            "names": ["a", "b"],
            "steps": [make_snapshot(1).to_bytes(), json.dumps([{"op": "remove", "path": "/x"}]).encode()],
        },
    ],
)
def test_bodies_that_are_none(body):
    with pytest.raises(SnapshotCorrupt):
        Timeline.from_bytes(pack(body, magic=b"GNTL"))
