"""Damaged, hostile and foreign bytes; the envelope; the closed list of tags."""

import dataclasses
import enum
import hashlib
import random
import runpy
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cbor2 import CBORTag
from hypothesis import given
from hypothesis import strategies as st

from gnomon_context import GlobalContext, LocalContext
from gnomon_snapshot import (
    Lost,
    Record,
    RecordedError,
    Snapshot,
    SnapshotCorrupt,
    SnapshotTooNew,
    TaskState,
    Types,
    capture,
    restore,
)
from gnomon_snapshot import _tags as tag
from gnomon_snapshot._format import pack
from gnomon_snapshot._snapshot import PARTS
from gnomon_snapshot.testing import difference, make_snapshot
from gnomon_snapshot.testing.strategies import TYPES, Colour, Money, Point, graphs

DATA = Path(__file__).parent / "data"
golden = runpy.run_path(str(Path(__file__).parent / "golden.py"))


def sample():
    lctx = LocalContext(GlobalContext(), path="/orders")
    shared = [1.5, None, b"x", "é"]
    lctx.set("a", {"shared": shared, "again": (shared, {2}), "point": Point(1, 2), "colour": Colour.RED})
    return capture(lctx)


def envelope(body, *, version=1, encoded=None):
    data = cbor2.dumps(body) if encoded is None else encoded
    head = bytes((version,))
    return b"GNSN" + head + hashlib.sha256(head + data).digest() + data


def with_state(state):
    """A well-formed snapshot whose state holds any node at all."""
    return envelope({**sample().tree, "state": {"x": state}})


def state_of(node, types=TYPES):
    return Snapshot.from_bytes(with_state(node), types=types).state["x"]


def test_every_flipped_byte_is_noticed():
    data = sample().to_bytes()
    for place in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[place] ^= flip
            with pytest.raises(SnapshotCorrupt):
                Snapshot.from_bytes(bytes(damaged))


def test_every_truncation_is_noticed():
    data = sample().to_bytes()
    for length in range(len(data)):
        with pytest.raises(SnapshotCorrupt):
            Snapshot.from_bytes(data[:length])
    with pytest.raises(SnapshotCorrupt):
        Snapshot.from_bytes(data + b"\0")


def test_versions():
    body = sample().tree
    assert Snapshot.from_bytes(envelope(body)) == sample_like(body)
    with pytest.raises(SnapshotTooNew, match="version 3, and this release reads up to 2"):
        Snapshot.from_bytes(envelope(body, version=3))
    with pytest.raises(SnapshotCorrupt, match="another shape"):
        Snapshot.from_bytes(envelope(body, version=2))
    with pytest.raises(SnapshotCorrupt, match="version 0"):
        Snapshot.from_bytes(envelope(body, version=0))


def sample_like(body):
    return Snapshot.from_bytes(envelope(body))


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x01",
        b"\x80",
        b"\xf7",
        b"\xa0",
        b"\xa1aaa",
        b"\x81" * 100_000,
        b"\x9b\x00\x00\xff\xff\xff\xff\xff\xff",
        b"\xbb\x00\x00\xff\xff\xff\xff\xff\xff",
        b"\x5b\x00\x00\xff\xff\xff\xff\xff\xff",
        b"\xbf\xff",
        b"\xa2\x61a\x01\x61a\x02",
        b"\xa1\x01\x02",
        b"\xff",
        b"\xd8\x1c\x81\xd8\x1d\x00",
    ],
)
def test_bodies_that_are_none(encoded):
    with pytest.raises(SnapshotCorrupt):
        Snapshot.from_bytes(envelope(None, encoded=encoded))


@pytest.mark.parametrize(
    "number",
    [0, 1, 4, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000, 55799, 47121, 2**40],
)
def test_tags_of_others_are_refused(number):
    contents = ([], "x", b"x", 1, {"a": 1}, [1, 2], "2026-01-01", "[*]", b"\x00" * 16)
    for content in contents:
        with pytest.raises(SnapshotCorrupt):
            state_of(CBORTag(number, content))


@pytest.mark.parametrize("node", [cbor2.undefined, cbor2.CBORSimpleValue(99)])
def test_simple_values_that_json_has_not_are_refused(node):
    shared = CBORTag(tag.SHARED, [1, []])
    for state in (
        node,
        [node],
        {"a": node},
        CBORTag(tag.TUPLE, [node]),
        [shared, node],
        [shared, CBORTag(tag.TUPLE, [node])],
    ):
        with pytest.raises(SnapshotCorrupt):
            state_of(state)


NODES = (
    [CBORTag(number, content) for number in range(tag.FIRST, tag.LAST + 1) for content in (
        None, 1, -1, "x", b"x", [], {}, [1], ["x"], [None, None], ["x", {}], ["x", 1], [1, 2, 3], ["builtins.KeyError"], [[1, 2, 3]],
        ["x", {}, {}], ["a", "b", "c"], [9999, 1, 1], [2026, 13, 1], [25, 0, 0, 0, 0, None], [1, 1, 1, 1, 1, 1, 1, 0, None],
        [2026, 1, 1, 1, 1, 1, 1, 0, ["no/zone", 0]], [2026, 1, 1, 1, 1, 1, 1, 0, ["../../etc/passwd", 0]], [2026, 1, 1, 1, 1, 1, 1, 0, [10**30, None]],
        ["builtins.KeyError", 1, {}, None, None, False, [], None], ["builtins.ExceptionGroup", ["x"], {}, None, None, False, [], []],
        ["collections.OrderedDict", 1, {}], ["collections.OrderedDict", {}, 1],
    )]
)  # fmt: skip


@pytest.mark.parametrize("node", NODES, ids=repr)
def test_wrong_content_is_refused_or_read(node):
    """Whatever a tag holds: a value, or a clear refusal; the same in both ways of reading where both read it."""
    for state in (node, [CBORTag(tag.SHARED, [1, []]), node]):
        try:
            state_of(state)
        except SnapshotCorrupt as error:
            assert str(error)


@pytest.mark.parametrize("number", range(tag.LOST, tag.LAST + 1))
@pytest.mark.parametrize("content", [2**40, -1, "abc", None, 1.5, True], ids=repr)
def test_content_of_another_type_is_never_taken_for_a_size_or_a_sequence(number, content):
    if number == tag.DECIMAL:
        content = "abc"
    for state in (CBORTag(number, content), [CBORTag(tag.SHARED, [1, []]), CBORTag(number, content)]):
        with pytest.raises(SnapshotCorrupt):
            state_of(state)


@pytest.mark.parametrize(
    "node",
    [
        CBORTag(tag.REF, 1),
        CBORTag(tag.REF, "x"),
        [CBORTag(tag.SHARED, [1, []]), CBORTag(tag.REF, 2)],
        CBORTag(tag.SHARED, ["x", []]),
        CBORTag(tag.SHARED, [1, 7]),
        CBORTag(tag.SHARED, [1, CBORTag(tag.REF, 1)]),
        CBORTag(tag.SHARED, [1, CBORTag(tag.SHARED, [2, []])]),
        CBORTag(tag.SHARED, [1, CBORTag(tag.TUPLE, [CBORTag(tag.REF, 1)])]),
        CBORTag(tag.SHARED, [1, CBORTag(tag.FROZENSET, [CBORTag(tag.TUPLE, [CBORTag(tag.REF, 1)])])]),
        [CBORTag(tag.SHARED, [1, []]), CBORTag(tag.SET, [[]])],
    ],
)
def test_references_that_lead_nowhere(node):
    with pytest.raises(SnapshotCorrupt):
        state_of(node)


@pytest.mark.parametrize("key", [1, b"x", None, (1,), True, 1.5])
@pytest.mark.parametrize("wrap", [lambda node: node, lambda node: CBORTag(tag.TUPLE, [node])])
def test_keys_of_maps_are_text(key, wrap):
    with pytest.raises(SnapshotCorrupt, match="keys of a map in a snapshot are text|map key must be"):
        state_of(wrap({key: 1}))
    # as pairs they may be anything, and are read beside it
    pairs = CBORTag(tag.PAIRS, [[CBORTag(tag.TUPLE, [1]) if type(key) is tuple else key, 1]])
    read = state_of(wrap(pairs))
    assert read in ({key: 1}, ({key: 1},))
    with pytest.raises(SnapshotCorrupt, match="keys of a map in a snapshot are text|map key must be"):
        state_of([wrap(pairs), {key: 1}])


@pytest.mark.parametrize("part", ["outcome", "tasks", "compensations", "meta"])
def test_a_snapshot_of_no_request_is_not_restored(part):
    """What reading lets pass, because it is shown as it stands, restoring may refuse, and says so."""
    broken = {
        "outcome": {"kind": "error", "error": None},
        "tasks": [dict.fromkeys(TaskState._fields, 1) | {"extra": 1}],
        "compensations": [{"name": "x", "args": 7, "timeout": None}],
        "meta": {},
    }
    tree = {**sample().tree, part: broken[part]}
    with pytest.raises(SnapshotCorrupt):
        restore(Snapshot.from_bytes(envelope(tree)))


def test_a_reference_bomb_stays_small():
    """Ten times ten times … one list: a graph of a few objects, as it was written."""
    node = CBORTag(tag.SHARED, [0, ["boom"]])
    for number in range(1, 30):
        node = CBORTag(tag.SHARED, [number, [node, *[CBORTag(tag.REF, number - 1)] * 9]])
    value = state_of(node)
    assert value[0] is value[9]
    assert value[0][0] is value[0][9]


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data):
    for candidate in (data, b"GNSN" + data, envelope(None, encoded=data)):
        with pytest.raises((SnapshotCorrupt, SnapshotTooNew)):
            Snapshot.from_bytes(candidate)


@given(graphs(), st.randoms(use_true_random=False))
def test_any_damage_behind_a_right_digest_is_read_or_refused(graph, random):
    encoded = bytearray(cbor2.dumps(make_snapshot(1, state={"x": graph}).tree))
    for _ in range(random.randint(1, 4)):
        encoded[random.randrange(len(encoded))] = random.randrange(256)
    try:
        Snapshot.from_bytes(envelope(None, encoded=bytes(encoded)), types=TYPES)
    except SnapshotCorrupt as error:
        assert str(error)


def test_nothing_is_imported_or_called():
    called = []

    class Watching:
        def __init__(self, *args):
            called.append("init")

        def __new__(cls, *args):
            called.append("new")
            return super().__new__(cls)

        def __setattr__(self, name, value):
            called.append("setattr")

        def __init_subclass__(cls):
            called.append("subclass")

    watching = object.__new__(Watching)
    watching.__dict__["a"] = 1
    lctx = LocalContext(GlobalContext())
    lctx.set("x", watching)
    data = capture(lctx).to_bytes()
    assert type(Snapshot.from_bytes(data).state["x"]) is Record
    again = Snapshot.from_bytes(data, types=Types(Watching)).state["x"]
    assert type(again) is Watching
    assert again.__dict__ == {"a": 1}
    assert called == []
    for name in ("os.system", "subprocess.Popen", "builtins.eval", "builtins.type", "builtins.object"):
        assert type(state_of(CBORTag(tag.OBJECT, [name, {"a": 1}]))) is Record


# Reading with another version of the code.


def test_a_class_with_other_slots_today_comes_back_as_a_record():
    @dataclasses.dataclass(slots=True)
    class Item:
        name: str

    name = f"{Item.__module__}.{Item.__qualname__}"
    assert state_of(CBORTag(tag.OBJECT, [name, {"name": "x"}]), Types(Item)) == Item("x")
    assert state_of(CBORTag(tag.OBJECT, [name, {"old": 1}]), Types(Item)) == Record(name, {"old": 1})


def test_an_enum_that_lost_a_member():
    class Size(enum.Enum):
        SMALL = 1

    name = f"{Size.__module__}.{Size.__qualname__}"
    types = Types(Size)
    assert state_of(CBORTag(tag.ENUM, [name, "SMALL", 1]), types) is Size.SMALL
    assert state_of(CBORTag(tag.ENUM, [name, "LITTLE", 1]), types) is Size.SMALL
    assert state_of(CBORTag(tag.ENUM, [name, "HUGE", 9]), types) == Record(
        name, {"name": "HUGE"}, kind="enum", value=9
    )


def test_a_named_tuple_with_other_fields():
    name = f"{Point.__module__}.Point"
    assert state_of(CBORTag(tag.NAMEDTUPLE, [name, {"x": 1, "y": 2}])) == Point(1, 2)
    other = state_of(CBORTag(tag.NAMEDTUPLE, [name, {"x": 1, "z": 2}]))
    assert other == Record(name, {"x": 1, "z": 2}, kind="namedtuple")


def test_a_name_that_is_another_kind_of_class_today():
    name = f"{Money.__module__}.Money"
    node = CBORTag(tag.EXCEPTION, [name, ["x"], {}, None, None, False, [], None])
    assert type(state_of(node)) is RecordedError
    group = CBORTag(tag.EXCEPTION, ["builtins.ExceptionGroup", ["x"], {}, None, None, False, [], None])
    assert type(state_of(group)) is RecordedError
    assert state_of(CBORTag(tag.SUBCLASS, ["collections.OrderedDict", {"a": 1}, {}])) == {"a": 1}


def test_a_subclass_whose_base_changed():
    class Label(str):
        pass

    name = f"{Label.__module__}.{Label.__qualname__}"
    assert state_of(CBORTag(tag.SUBCLASS, [name, "x", {"a": 1}]), Types(Label)) == "x"
    assert state_of(CBORTag(tag.SUBCLASS, [name, 7, {}]), Types(Label)) == Record(
        name, {}, kind="subclass", value=7
    )


def test_a_group_with_a_member_that_was_lost():
    lost = CBORTag(tag.LOST, ["shop.Token", "", "sensitive"])
    node = CBORTag(tag.EXCEPTION, ["builtins.ExceptionGroup", ["x"], {}, lost, None, True, [], [lost]])
    error = state_of(node)
    assert type(error) is RecordedError
    assert error.members == (Lost("shop.Token", "", "sensitive"),)
    assert error.__cause__ is None


def test_a_zone_that_this_machine_does_not_know():
    moment = state_of(CBORTag(tag.DATETIME, [2026, 1, 2, 3, 4, 5, 6, 0, ["Mars/Olympus", 3_600_000_000]]))
    assert moment.isoformat() == "2026-01-02T03:04:05.000006+01:00"


def test_a_body_that_is_a_shared_value():
    for body in (CBORTag(tag.SHARED, [1, {}]), CBORTag(tag.TUPLE, []), [CBORTag(tag.SHARED, [1, {}])]):
        with pytest.raises(SnapshotCorrupt, match="is a map"):
            Snapshot.from_bytes(envelope(body))


def test_the_first_format_is_still_read():
    """Never regenerate the file: what was written once has to be readable."""
    snapshot = Snapshot.from_bytes(bytes.fromhex((DATA / "format-1.hex").read_text()), types=TYPES)
    expected = golden["state"]()
    lost = expected.pop("lost")
    assert snapshot.state.pop("lost") == Lost(
        "builtins.builtin_function_or_method", repr(lost), "unencodable"
    )
    assert difference(expected, snapshot.state) == ""
    assert snapshot.meta == golden["golden"]().meta
    assert (snapshot.outcome, repr(snapshot.error)) == ("error", "ValueError('melted')")


@pytest.mark.parametrize("part", sorted(PARTS - {"cancel_reason"}))
def test_parts_of_another_shape_are_refused(part):
    body = sample().tree
    for other in (7, [7], {"a": 7}, CBORTag(tag.TUPLE, [1]), "text"):
        if (part, other) in (("remaining", 7), ("events", [7])) or (part, other) == ("manifest", "text"):
            continue
        if part == "state" and type(other) is dict:
            continue
        with pytest.raises(SnapshotCorrupt):
            Snapshot.from_bytes(envelope({**body, part: other}))


def test_other_parts_are_refused():
    body = sample().tree
    for parts in ({**body, "more": 1}, {key: value for key, value in body.items() if key != "state"}):
        with pytest.raises(SnapshotCorrupt, match="other parts"):
            Snapshot.from_bytes(envelope(parts))


@pytest.mark.slow
def test_random_damage_for_a_long_time():
    generator = random.Random(7)
    encoded = cbor2.dumps(sample().tree)
    for _ in range(200_000):
        damaged = bytearray(encoded)
        for _ in range(generator.randint(1, 6)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        try:
            Snapshot.from_bytes(envelope(None, encoded=bytes(damaged)), types=TYPES)
        except SnapshotCorrupt:
            continue


@pytest.mark.parametrize("length", [0, 1, 23, 24, 255, 256, 65535, 65536])
def test_a_trace_of_known_rows_is_encoded_as_any_other(length: int) -> None:
    rows: list[list[Any]] = [
        ["hook.start", f"hook {n % 7}", None, 1, "", "", []] if n % 3 else ["x", "y", "z", 2, "E: no", "", []]
        for n in range(length)
    ]
    for _ in range(2):
        for part in ({"trace": rows, "calls": []}, {"trace": [["short"], *rows]}, {"trace": None}, {}):
            body = {"state": {"a": 1}, "recording": part}
            assert pack(body).endswith(cbor2.dumps(body))
