"""The compiled validator and the plain reading of the tree agree on every value, from Python and from JSON."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_classes import Colour, Level, limits

from gnomon_gtype import GType, ValidationError
from gnomon_gtype import schema as n
from gnomon_gtype._interpret import REFUSED, interpret
from gnomon_gtype._json import parse


class Mixed(enum.Enum):
    ONE = 1
    YES = True
    TEXT = "1"


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    name: str
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(kw_only=True)
class Checked:
    low: int
    high: int
    wide: bool = dataclasses.field(init=False, default=False)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


class Pair(NamedTuple):
    left: int
    right: str = "r"


UTC = datetime.UTC
WORDS = st.sampled_from(
    ["", "a", "ab", "abc", "1", "true", "null", "1.0", "red", "é", "x\n", "a-b", "2020-01-01", "YWI="]
)
NUMBERS = st.one_of(
    st.integers(-4, 12),
    st.sampled_from([0.0, -0.0, 0.3, 1.0, 2.5, 1e300, 2**53, 2**53 + 1, -(2**63), 10**30, 0.1, 7.0]),
)


def fields_of(cls: Any, *, extra: str = "drop") -> n.Record:
    tree = GType(cls).schema
    assert isinstance(tree, n.Record)
    return dataclasses.replace(tree, extra=extra)


lengths = st.fixed_dictionaries(
    {"min_length": st.integers(0, 2), "max_length": st.none() | st.integers(1, 3)}
)
finite = st.one_of(st.integers(-3, 9), st.sampled_from([0.5, 2.25, 2**53 + 1, -1e18]))
steps = st.none() | st.sampled_from([1, 2, 0.1, 0.5, 3])
moments = st.sampled_from(
    [datetime.datetime(2020, 1, 1, tzinfo=UTC), datetime.datetime(2021, 6, 1, 12, tzinfo=UTC)]
)
dates = st.sampled_from([datetime.date(2020, 1, 1), datetime.date(2021, 6, 1)])

SCALARS: st.SearchStrategy[n.Schema] = st.one_of(
    st.sampled_from([n.Anything(), n.Null(), n.Boolean(), n.String(), n.Integer(), n.Float(), n.Number()]),
    st.sampled_from([n.Regex(), n.FilePath(), n.FilePath("PurePosixPath"), n.Uuid(), n.Uuid(4), n.Nothing()]),
    st.sampled_from([n.IpAddress(k, v) for k in ("address", "network", "interface") for v in (4, 6)]),
    st.sampled_from([n.EnumMember(Colour), n.EnumMember(Level), n.EnumMember(Mixed)]),
    st.builds(
        n.Integer,
        st.none() | st.integers(-3, 3),
        st.none() | st.integers(2, 9),
        st.none() | st.integers(1, 3),
    ),
    st.builds(lambda b, m, f: n.Float(**b, multiple_of=m, finite=f), limits(finite), steps, st.booleans()),
    st.builds(lambda b, m: n.Number(**b, multiple_of=m), limits(finite), steps),
    st.builds(
        lambda b, d, p: n.DecimalNumber(**b, max_digits=d, decimal_places=p),
        limits(st.sampled_from([decimal.Decimal("0.5"), decimal.Decimal(3)])),
        st.none() | st.integers(1, 4),
        st.none() | st.integers(0, 2),
    ),
    st.builds(
        lambda s, p: n.String(**s, patterns=p),
        lengths,
        st.sampled_from([(), ("a",), ("^a", "b"), ("^[0-9]*$",)]),
    ),
    st.builds(lambda f: n.String(format=f), st.sampled_from(sorted(n.FORMATS))),
    st.builds(lambda s: n.Bytes(**s), lengths),
    st.lists(
        st.sampled_from(
            ["a", "1", "", 1, 2, True, False, 1.5, 1.0, b"ab", Colour.RED, Level.LOW, Mixed.YES, None]
        ),
        min_size=1,
        max_size=4,
    ).map(lambda values: n.literal(*values)),
    st.builds(lambda b: n.Date(**b), limits(dates)),
    st.builds(lambda b: n.DateTime(**b), limits(moments)),
    st.sampled_from(
        [n.DateTime(zone="naive"), n.DateTime(zone="any"), n.Time(), n.Time(zone="aware"), n.Duration()]
    ),
    st.builds(lambda b: n.Duration(**b), limits(st.just(datetime.timedelta(hours=1)))),
    st.builds(lambda b: n.Time(**b, zone="naive"), limits(st.just(datetime.time(12)))),
    st.sampled_from(
        [fields_of(Point), fields_of(Slotted, extra="forbid"), fields_of(Checked), GType(Pair).schema]
    ),
)
NAMES = st.sampled_from(["a", "b", "kind", "é"])


def even(value: Any) -> bool:
    return hash(repr(value)) % 2 == 0 if not isinstance(value, int) else value % 2 == 0


def is_short(value: Any) -> bool:
    return len(repr(value)) % 2 == 0


def containers(inner: st.SearchStrategy[n.Schema]) -> st.SearchStrategy[n.Schema]:
    parts = st.lists(inner, max_size=2).map(tuple)
    kinds = st.sampled_from(["list", "tuple", "sequence"])

    @st.composite
    def arrays(draw: st.DrawFn) -> n.Schema:
        prefix, rest = draw(parts), draw(st.none() | inner)
        suffix = draw(parts) if rest is not None else ()
        required = draw(st.none() | st.integers(0, len(prefix))) if not suffix else None
        contains = draw(st.sampled_from([(), (), ((n.Integer(), 1, 2),)]))
        return n.Array(
            prefix,
            rest,
            suffix,
            required,
            unique=draw(st.booleans()),
            contains=contains,
            container=draw(kinds),
            **draw(lengths),
        )

    @st.composite
    def records(draw: st.DrawFn) -> n.Schema:
        names = draw(st.lists(NAMES, max_size=3, unique=True))
        known = tuple(
            n.Field(
                name=name,
                schema=draw(
                    st.sampled_from([n.literal("a"), n.literal("b"), n.literal("1", "ab")])
                    if name == "kind"
                    else inner
                ),
                required=draw(st.booleans()),
            )
            for name in names
        )
        extra = draw(st.sampled_from(["drop", "forbid", "keep"]))
        rest = draw(st.none() | inner) if extra != "forbid" else None
        if draw(st.booleans()):
            return n.Record(known, extra=extra, rest=rest)
        patterns = draw(st.sampled_from([(), (("a", n.Integer()),)]))
        return n.Record(
            known,
            extra=extra,
            rest=rest,
            patterns=patterns,
            keys=draw(st.none() | st.just(n.String(max_length=2))),
            **draw(lengths),
        )

    keys = st.one_of(
        inner,
        st.sampled_from(
            [n.String(), n.Integer(), n.Uuid(), n.Float(), n.Date(), n.literal(1, "1"), n.Boolean()]
        ),
    )
    return st.one_of(
        st.builds(lambda item, size: n.Array(rest=item, **size), inner, lengths),
        arrays(),
        records(),
        records(),
        st.builds(lambda k, v, size: n.Map(k, v, **size), keys, inner, lengths),
        st.builds(
            lambda item, size, frozen: n.Set(item, **size, frozen=frozen), inner, lengths, st.booleans()
        ),
        st.lists(inner, min_size=2, max_size=3).map(lambda nodes: n.union(*nodes)),
        st.lists(records(), min_size=2, max_size=3).map(lambda nodes: n.union(*nodes)),
        st.lists(inner, min_size=2, max_size=2).map(lambda nodes: n.intersection(*nodes)),
        st.builds(n.Not, inner),
        st.builds(n.Sensitive, inner),
        st.builds(lambda node: n.Refined(node, id="short", check=is_short), inner),
    )


TREES = st.recursive(SCALARS, containers, max_leaves=6)
RECURSIVE = st.builds(
    lambda node, more: n.definitions(
        n.Ref("N"),
        {
            "N": n.Record(
                (
                    n.Field(name="a", schema=node),
                    n.Field(name="b", schema=n.union(n.Ref("N"), n.Null(), more), required=False),
                )
            )
        },
    ),
    SCALARS,
    SCALARS,
)
ANY_TREE = st.one_of(TREES, RECURSIVE)

LOOSE = st.one_of(
    WORDS,
    NUMBERS,
    st.none(),
    st.booleans(),
    st.sampled_from(
        [
            b"",
            b"ab",
            float("nan"),
            float("inf"),
            "\ud800",
            Colour.RED,
            Level.LOW,
            Mixed.YES,
            Mixed.ONE,
            10**400,
        ]
    ),
    st.sampled_from(
        [decimal.Decimal("1.50"), decimal.Decimal("NaN"), decimal.Decimal(2), uuid.UUID(int=5), uuid.uuid4()]
    ),
    st.sampled_from(
        [datetime.date(2020, 5, 5), datetime.datetime(2020, 5, 5), datetime.datetime(2020, 5, 5, tzinfo=UTC)]
    ),
    st.sampled_from(
        [datetime.time(1), datetime.time(12, tzinfo=UTC), datetime.timedelta(hours=2), Pair(1), (1, "a")]
    ),
    st.sampled_from(
        [Point(1), Point(1, 2), Slotted("a"), Slotted(1), Checked(low=1, high=2), object, object()]
    ),  # type: ignore[arg-type]
)


FITS = st.sampled_from((True, True, False))


def mostly(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Two of three are of these values. Chosen by a draw, because strategies that are joined are all made and validated."""
    return FITS.flatmap(lambda fits: values if fits else LOOSE)


def fitting(node: n.Schema, known: Mapping[str, n.Schema], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that are often of the node, and JSON-like forms of them."""

    def near(child: n.Schema) -> st.SearchStrategy[Any]:
        if depth > 3:
            return LOOSE
        return mostly(fitting(child, known, depth + 1))

    if isinstance(node, n.Definitions):
        return fitting(node.root, node.by_name, depth)
    if isinstance(node, n.Ref):
        return fitting(known[node.name], known, depth + 1) if depth < 5 else LOOSE
    if isinstance(node, (n.Sensitive, n.Refined, n.Not)):
        return fitting(node.base, known, depth)
    if isinstance(node, (n.Union, n.Intersection)):
        return st.one_of([near(member) for member in node.members])
    if isinstance(node, n.Array):
        nodes = [*node.prefix, *([node.rest] * 2 if node.rest else []), *node.suffix]
        items = st.tuples(*map(near, nodes)) if nodes else st.just(())
        listed = st.one_of(
            items,
            st.lists(near(node.rest), max_size=4) if node.rest else st.lists(LOOSE, max_size=3),
            items.map(lambda v: v[:-1]),
        )
        return listed.map(list if node.container == "list" else tuple)
    if isinstance(node, n.Set):
        made = st.lists(near(node.items), max_size=4)
        return made.map(lambda v: _hashed(v, frozenset if node.frozen else set))
    if isinstance(node, n.Map):
        return st.lists(st.tuples(near(node.keys), near(node.values)), max_size=3).map(_as_dict)
    if isinstance(node, n.Record):
        given = {item.name: near(item.schema) for item in node.fields}
        extra = st.dictionaries(st.sampled_from(["a", "b", "z", "kind", "long"]), LOOSE, max_size=2)
        full = st.fixed_dictionaries(given)
        return st.one_of(
            full,
            st.builds(lambda a, b: {**b, **a}, full, extra),
            extra,
            st.fixed_dictionaries({}, optional=given),
        )
    if isinstance(node, n.Literal):
        return st.sampled_from(node.values)
    if isinstance(node, n.EnumMember):
        return st.sampled_from(node.members)
    return LOOSE


def _hashed(values: list[Any], kind: Any) -> Any:
    try:
        return kind(values)
    except TypeError:
        return values


def _as_dict(pairs: list[tuple[Any, Any]]) -> Any:
    try:
        return dict(pairs)
    except TypeError:
        return [pair[1] for pair in pairs]


def as_json(value: Any) -> Any:
    """Something that `json.dumps` can write and that often is the JSON form of `value`."""
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else json.dumps(as_json(key)).strip('"'): as_json(item)
            for key, item in value.items()
        }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return as_json({item.name: getattr(value, item.name) for item in dataclasses.fields(value)})
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(item) for item in value]
    if isinstance(value, enum.Enum):
        return as_json(value.value)
    if isinstance(value, bytes):
        return "YWI="
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return "PT2H"
    if value is None or isinstance(value, (bool, int, str)):
        return 7 if isinstance(value, int) and abs(value) > 10**40 else value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return str(value)[:100]


def told_apart(value: Any) -> Any:
    """A form in which values of different types differ, and NaN is equal to itself."""
    if isinstance(value, dict):
        return ("dict", [(told_apart(key), told_apart(item)) for key, item in value.items()])
    if isinstance(value, (list, tuple)):
        return (type(value), [told_apart(item) for item in value])
    if isinstance(value, (set, frozenset)):
        return (type(value), sorted(map(repr, map(told_apart, value))))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return (
            type(value),
            [told_apart(getattr(value, item.name, None)) for item in dataclasses.fields(value)],
        )
    if isinstance(value, datetime.datetime):
        return ("datetime", value.isoformat())
    return (type(value), repr(value))


def compiled(call: Any, value: Any) -> Any:
    try:
        return call(value)
    except ValidationError:
        return REFUSED


@pytest.mark.property(13)
@settings(suppress_health_check=list(HealthCheck))
@given(st.data())
def test_compiled_and_interpreted_agree_on_python_values(data: st.DataObject) -> None:
    tree = data.draw(ANY_TREE)
    gtype = GType.from_schema(tree)
    candidates = mostly(fitting(gtype.schema, {}))
    for _ in range(4):
        value = data.draw(candidates)
        by_engine = compiled(gtype.validate, value)
        by_reading, problems = interpret(gtype.schema, value)
        assert told_apart(by_engine) == told_apart(by_reading), (value, problems)
        assert bool(problems) == (by_reading is REFUSED)


@pytest.mark.property(13)
@settings(suppress_health_check=list(HealthCheck))
@given(st.data())
def test_compiled_and_interpreted_agree_on_json(data: st.DataObject) -> None:
    tree = data.draw(ANY_TREE)
    gtype = GType.from_schema(tree)
    candidates = mostly(fitting(gtype.schema, {}))
    for _ in range(4):
        value = as_json(data.draw(candidates))
        text = json.dumps(value)
        by_engine = compiled(gtype.validate_json, text)
        parsed, wrong = parse(text)
        by_reading = REFUSED if wrong else interpret(gtype.schema, parsed, channel="json")[0]
        assert told_apart(by_engine) == told_apart(by_reading), text


@pytest.mark.parametrize("value", [Point(1), Slotted("a", ["b"]), Checked(low=1, high=2)])
def test_dataclasses_need_no_second_reading(value: Any):
    # an error of the engine's own is made good by the interpreter, at its price
    compiled = GType(type(value))._handle.compiled()
    assert compiled.python().validate_python(value) == value
    given = {"x": 1, "name": "a", "tags": ["b"], "low": 1, "high": 2}
    assert compiled.json().validate_json(json.dumps(given)) == value
