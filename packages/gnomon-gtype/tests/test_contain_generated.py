"""Containment on generated pairs: against sampled values, against the validators, and with no `unknown` outside patterns."""

from __future__ import annotations

import collections
import warnings
from typing import Any

import pytest
from generated_trees import neighbours, recursive_trees, trees
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnomon_gtype import Containment, DumpError, GType, ValidationError, contains
from gnomon_gtype import schema as n
from gnomon_gtype.testing import values

TALLY: collections.Counter[str] = collections.Counter()


def decided(wider: GType[Any], narrower: GType[Any]) -> Containment:
    """The answer, with everything checked about it that can be checked without another decision procedure."""
    found = contains(wider, narrower)
    TALLY[found.answer] += 1
    assert found.answer != "unknown", found.reason
    if found.answer == "no":
        assert narrower.is_valid(found.witness)
        assert not wider.is_valid(found.witness)
    return found


def written(gtype: GType[Any], value: Any) -> bytes | None:
    """The JSON text of a value, if it has one that the type reads."""
    try:
        text = gtype.dump_json(value)
    except DumpError:
        return None
    return text if reads(gtype, text) else None


def reads(gtype: GType[Any], text: bytes) -> bool:
    try:
        gtype.validate_json(text)
    except ValidationError:
        return False
    return True


def sampled_yes(wider: GType[Any], narrower: GType[Any], data: st.DataObject) -> None:
    if decided(wider, narrower).answer == "yes":
        for value in sample(narrower, data):
            assert wider.is_valid(value), value
            text = written(narrower, value)
            assert text is None or excludes(wider) or reads(wider, text), text


def excludes(gtype: GType[Any]) -> bool:
    """Whether the type takes something out: a list is no set, and the text of both is one text."""
    return any(isinstance(node, n.Not) for _, node in gtype.schema.walk())


def test_what_is_taken_out_is_taken_out_as_text_too():
    wider, narrower = GType.from_schema(n.Not(n.Set())), GType(list[int])
    assert contains(wider, narrower).answer == "yes"
    assert wider.validate([]) == []
    assert not reads(wider, b"[]")


def sample(gtype: GType[Any], data: st.DataObject) -> list[Any]:
    """A value of the type, if it is not known to accept nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        strategy = values(gtype)
        return [] if strategy.is_empty else [data.draw(strategy)]


relaxed = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@relaxed
@given(neighbours(trees), st.booleans(), st.data())
def test_no_value_of_the_narrower_is_refused_by_a_wider(
    pair: tuple[n.Schema, n.Schema], turned: bool, data: st.DataObject
):
    narrower, wider = (GType.from_schema(node) for node in (reversed(pair) if turned else pair))
    sampled_yes(wider, narrower, data)


@relaxed
@given(neighbours(recursive_trees()), st.booleans(), st.data())
def test_recursive_types(pair: tuple[n.Schema, n.Schema], turned: bool, data: st.DataObject):
    narrower, wider = (GType.from_schema(node) for node in (reversed(pair) if turned else pair))
    sampled_yes(wider, narrower, data)


@relaxed
@given(trees | recursive_trees(), trees)
def test_laws(one: n.Schema, other: n.Schema):
    left, both = GType.from_schema(one), GType.from_schema(n.union(one, other))
    assert decided(both, left).answer == "yes"
    assert decided(GType(Any), left).answer == "yes"
    assert decided(left, GType.from_schema(n.intersection(one, other))).answer == "yes"
    assert decided(left, GType.from_schema(n.Sensitive(one))).answer == "yes"


@relaxed
@given(st.lists(trees, min_size=3, max_size=3))
def test_containment_is_transitive(nodes: list[n.Schema]):
    small, middle, large = (
        GType.from_schema(node) for node in (nodes[0], n.union(*nodes[:2]), n.union(*nodes))
    )
    assert (
        decided(middle, small).answer
        == decided(large, middle).answer
        == decided(large, small).answer
        == "yes"
    )


def test_the_share_of_unknown(capsys: pytest.CaptureFixture[str]):
    total = sum(TALLY.values())
    shares = {answer: TALLY[answer] / total for answer in ("yes", "no", "unknown")} if total else {}
    with capsys.disabled():
        print(
            "\ncontainment on generated pairs without patterns:",
            {name: f"{share:.1%}" for name, share in shares.items()},
        )
    assert TALLY["unknown"] == 0
