"""Strategies of schema trees, and of pairs of them, for the questions of containment."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from made_classes import Colour, Deep, Level, Pair, Point, Right, Word, limits

from gnomon_gtype import schema as n

lengths = st.builds(
    lambda low, more: {"min_length": low, "max_length": None if more is None else low + more},
    st.integers(0, 3),
    st.none() | st.integers(0, 2),
)
bounds = st.sampled_from([-3, -1, 0, 0.5, 1, 2.25, 4, 7])
steps = st.none() | st.sampled_from([1, 2, 3, 0.5, 0.1, 6])
LITERALS = ["a", "b", "", 0, 1, 2, True, False, 1.0, 1.5, None, b"a", Colour.RED, Word.A, Level.LOW]
moments = st.sampled_from(
    [datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2021, 6, 1, tzinfo=datetime.UTC)]
)
texts = st.builds(lambda size: n.String(**size), lengths)
numbers = st.one_of(
    st.builds(
        n.Integer,
        st.none() | st.integers(-3, 3),
        st.none() | st.integers(1, 9),
        st.none() | st.integers(1, 6),
    ),
    st.builds(lambda limit, step: n.Number(**limit, multiple_of=step), limits(bounds), steps),
)
scalars: st.SearchStrategy[n.Schema] = st.one_of(
    st.sampled_from([n.Null(), n.Boolean(), n.String(), n.Integer(), n.Number(), n.Anything()]),
    texts,
    numbers,
    st.lists(st.sampled_from(LITERALS), min_size=1, max_size=4).map(lambda found: n.literal(*found)),
)
others: st.SearchStrategy[n.Schema] = st.one_of(
    st.builds(lambda limit, finite: n.Float(**limit, finite=finite), limits(bounds), st.booleans()),
    st.sampled_from([n.EnumMember(cls) for cls in (Colour, Word, Level, Right)]),
    st.sampled_from(
        [
            n.Uuid(),
            n.Uuid(4),
            n.Uuid(7),
            n.Regex(),
            n.FilePath(),
            n.FilePath("PurePath"),
            n.FilePath("PurePosixPath"),
        ]
    ),
    st.sampled_from(
        [n.IpAddress(kind, version) for kind in ("address", "network", "interface") for version in (4, 6)]
    ),
    st.builds(lambda size: n.Bytes(**size), lengths),
    st.builds(
        lambda limit: n.Date(**limit),
        limits(st.sampled_from([datetime.date(2020, 1, 1), datetime.date(2020, 1, 3)])),
    ),
    st.builds(lambda limit: n.DateTime(**limit), limits(moments)),
    st.sampled_from(
        [
            n.DateTime(zone="any"),
            n.DateTime(zone="naive"),
            n.Time(),
            n.Time(zone="aware"),
            n.Time(zone="naive"),
        ]
    ),
    st.builds(
        lambda limit: n.Time(**limit, zone="naive"),
        limits(st.sampled_from([datetime.time(1), datetime.time(2)])),
    ),
    st.builds(
        lambda limit: n.Duration(**limit),
        limits(st.sampled_from([datetime.timedelta(0), datetime.timedelta(1)])),
    ),
    st.builds(
        lambda limit: n.DecimalNumber(**limit),
        limits(st.sampled_from([decimal.Decimal(1), decimal.Decimal("2.5")])),
    ),
)
NAMES = st.sampled_from(["a", "b", "c"])


def records(parts: st.SearchStrategy[n.Schema]) -> st.SearchStrategy[n.Schema]:
    def build(
        fields: dict[str, tuple[n.Schema, bool]], extra: Any, rest: n.Schema | None, size: dict[str, Any]
    ) -> n.Schema:
        listed = tuple(
            n.Field(name=name, schema=node, required=need) for name, (node, need) in fields.items()
        )
        return n.Record(listed, extra=extra, rest=None if extra == "forbid" else rest, **size)

    sizes = st.just({}) | lengths
    known = st.dictionaries(NAMES, st.tuples(parts, st.booleans()), max_size=3)
    return st.builds(build, known, st.sampled_from(["drop", "forbid", "keep"]), st.none() | parts, sizes)


def arrays(parts: st.SearchStrategy[n.Schema]) -> st.SearchStrategy[n.Schema]:
    containers = st.sampled_from(["list", "tuple", "sequence"])
    few = st.lists(parts, max_size=2).map(tuple)
    whole = st.builds(
        lambda prefix, rest, suffix, size, container, unique: n.Array(
            prefix, rest, suffix, container=container, unique=unique, **size
        ),
        few,
        parts,
        few,
        lengths,
        containers,
        st.sampled_from([False, False, True]),
    )
    fixed = st.builds(lambda prefix, container: n.Array(prefix, container=container), few, containers)
    short = st.builds(
        lambda prefix, rest: n.Array(prefix, rest, required=len(prefix) // 2), few, st.none() | parts
    )
    counted = st.builds(
        lambda rest, part, low, high, size: n.Array(rest=rest, contains=((part, low, high),), **size),
        parts,
        parts,
        st.integers(0, 2),
        st.none() | st.integers(0, 2),
        lengths,
    )
    return whole | fixed | short | counted


def composites(parts: st.SearchStrategy[n.Schema]) -> st.SearchStrategy[n.Schema]:
    many = st.lists(parts, min_size=2, max_size=3)
    tagged = st.lists(st.tuples(parts, st.booleans()), min_size=1, max_size=3).map(
        lambda found: n.union(
            *(
                n.Record(
                    (
                        n.Field(name="tag", schema=n.literal(tag)),
                        n.Field(name="a", schema=node, required=need),
                    )
                )
                for tag, (node, need) in zip("xyz", found, strict=False)
            )
        )
    )
    return st.one_of(
        records(parts),
        arrays(parts),
        tagged,
        many.map(lambda found: n.union(*found)),
        many.map(lambda found: n.intersection(*found)),
        parts.map(n.Not),
        parts.map(n.Sensitive),
        st.builds(
            lambda items, size, frozen: n.Set(items, frozen=frozen, **size), parts, lengths, st.booleans()
        ),
        st.builds(
            lambda keys, found, size: n.Map(keys, found, **size), texts | numbers | parts, parts, lengths
        ),
        st.builds(
            lambda x, y: n.Record(
                (n.Field(name="x", schema=x), n.Field(name="y", schema=y, required=False)), cls=Point
            ),
            parts,
            parts,
        ),
        st.builds(
            lambda x, z: n.Record((n.Field(name="x", schema=x), n.Field(name="z", schema=z)), cls=Deep),
            parts,
            parts,
        ),
        st.builds(
            lambda left, right: n.Array(
                (left, right), container="namedtuple", cls=Pair, names=("left", "right")
            ),
            parts,
            parts,
        ),
    )


trees = st.recursive(scalars | others, composites, max_leaves=6)
RECURSIVE = st.recursive(
    scalars | st.just(n.Ref("A")) | st.just(n.Ref("B")),
    lambda parts: (
        records(parts)
        | arrays(parts)
        | st.lists(parts, min_size=2, max_size=3).map(lambda found: n.union(*found))
    ),
    max_leaves=5,
)


@st.composite
def recursive_trees(draw: st.DrawFn) -> n.Schema:
    bodies = {name: draw(RECURSIVE) for name in ("A", "B")}
    try:
        return n.definitions(n.Ref("A"), bodies)
    except ValueError:
        assume(False)
        raise


@st.composite
def neighbours(draw: st.DrawFn, sort: st.SearchStrategy[n.Schema]) -> tuple[n.Schema, n.Schema]:
    """Two trees, the second often made of the first, so that containment is not always a plain no."""
    first = draw(sort)
    return first, draw(
        st.one_of(
            sort,
            sort.map(lambda node: n.union(first, node)),
            changed(first),
            sort.map(lambda node: n.intersection(first, node)),
        )
    )


def changed(tree: n.Schema) -> st.SearchStrategy[n.Schema]:
    """The tree with one scalar in it loosened or replaced."""
    places = [
        node
        for _, node in tree.walk()
        if isinstance(node, (n.Integer, n.Number, n.String, n.Literal, n.Boolean))
    ]
    if not places:
        return st.just(tree)

    def build(old: n.Schema, new: n.Schema) -> n.Schema:
        def swap(node: n.Schema) -> n.Schema:
            return new if node is old else node.map_children(swap)

        return swap(tree)

    return st.builds(
        build,
        st.sampled_from(places),
        st.sampled_from([n.Number(), n.String(), n.Anything(), n.Integer(minimum=0)]),
    )
