"""What is captured comes back as it was, through bytes."""

from hypothesis import given

from gnomon_context import GlobalContext, LocalContext
from gnomon_snapshot import Snapshot, capture
from gnomon_snapshot._build import Builder
from gnomon_snapshot._decode import _Rebuild, raw
from gnomon_snapshot._format import unpack
from gnomon_snapshot.testing import difference
from gnomon_snapshot.testing.strategies import TYPES, graphs, values


def through_bytes(value):
    lctx = LocalContext(GlobalContext())
    lctx.set("value", value)
    return Snapshot.from_bytes(capture(lctx).to_bytes(), types=TYPES)


@given(values())
def test_every_type_comes_back(value):
    snapshot = through_bytes(value)
    assert difference(value, snapshot.state["value"]) == ""
    assert snapshot.losses == ()


@given(graphs())
def test_sharing_and_cycles_come_back(graph):
    snapshot = through_bytes(graph)
    assert difference(graph, snapshot.state["value"]) == ""
    assert snapshot.losses == ()


@given(values())
def test_both_ways_of_reading_agree(value):
    """Bodies without shared nodes are read by the CBOR library, the others node by node."""
    snapshot = through_bytes(value)
    slow = _Rebuild(Builder(TYPES), raw(unpack(snapshot.to_bytes()))).body
    assert difference(snapshot.fresh(), slow) == ""
