"""Properties of types for generated annotations and values: acceptance, diagnostics, fingerprints, validators shared."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gc
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_gtype import Closed, Email, GType, Max, Min, MinLength, Problem, Sensitive, ValidationError
from gnomon_gtype import schema as n
from gnomon_gtype._entry import _SHARED


class User(TypedDict):
    name: str
    age: NotRequired[int]


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


Accepts = Callable[[Any], bool]


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_float(value: Any) -> bool:
    return (is_int(value) and abs(value) < 10**300) or (
        isinstance(value, float) and abs(value) < float("inf")
    )


def is_user(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and is_text(value.get("name"))
        and ("age" not in value or is_int(value["age"]))
    )


def is_text(value: Any) -> bool:
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def is_literal(value: Any) -> bool:
    return (is_text(value) and value == "a") or (is_int(value) and value == 1)


LEAVES: list[tuple[Any, Accepts]] = [
    (None, lambda v: v is None),
    (bool, lambda v: isinstance(v, bool)),
    (int, is_int),
    (float, is_float),
    (int | float, lambda v: is_int(v) or is_float(v)),
    (str, is_text),
    (bytes, lambda v: isinstance(v, bytes)),
    (Any, lambda v: True),
    (Decimal, lambda v: isinstance(v, Decimal) and v.is_finite()),
    (Literal["a", 1], is_literal),
    (dt.date, lambda v: isinstance(v, dt.date) and not isinstance(v, dt.datetime)),
    (dt.datetime, lambda v: isinstance(v, dt.datetime) and v.tzinfo is not None),
    (dt.timedelta, lambda v: isinstance(v, dt.timedelta)),
    (UUID, lambda v: isinstance(v, UUID)),
    (User, is_user),
    (Closed[User], lambda v: is_user(v) and v.keys() <= {"name", "age"}),
    (Point, lambda v: isinstance(v, Point) and is_int(v.x) and is_float(v.y)),
    (Annotated[int, Min(1), Max(3)], lambda v: is_int(v) and 1 <= v <= 3),
    (Annotated[str, MinLength(2)], lambda v: is_text(v) and len(v) >= 2),
    (Email, lambda v: v == "ada@example.org"),
    (Sensitive[int], is_int),
]


def grow(inner: st.SearchStrategy[tuple[Any, Accepts]]) -> st.SearchStrategy[tuple[Any, Accepts]]:
    def lists(item: tuple[Any, Accepts]) -> tuple[Any, Accepts]:
        return list[item[0]], lambda v: isinstance(v, list) and all(map(item[1], v))  # type: ignore[name-defined]

    def dicts(item: tuple[Any, Accepts]) -> tuple[Any, Accepts]:
        def accepts(v: Any) -> bool:
            return isinstance(v, dict) and all(is_text(key) and item[1](each) for key, each in v.items())

        return dict[str, item[0]], accepts  # type: ignore[name-defined]

    def pairs(one: tuple[Any, Accepts], other: tuple[Any, Accepts]) -> tuple[Any, Accepts]:
        def accepts(v: Any) -> bool:
            return isinstance(v, tuple) and len(v) == 2 and one[1](v[0]) and other[1](v[1])

        return tuple[one[0], other[0]], accepts  # type: ignore[name-defined]

    def endless(item: tuple[Any, Accepts]) -> tuple[Any, Accepts]:
        return tuple[item[0], ...], lambda v: isinstance(v, tuple) and all(map(item[1], v))  # type: ignore[name-defined]

    def unions(one: tuple[Any, Accepts], other: tuple[Any, Accepts]) -> tuple[Any, Accepts]:
        from typing import Union

        return Union[one[0], other[0]], lambda v: one[1](v) or other[1](v)

    def records(one: tuple[Any, Accepts], other: tuple[Any, Accepts]) -> tuple[Any, Accepts]:
        def accepts(v: Any) -> bool:
            return isinstance(v, dict) and "a" in v and one[1](v["a"]) and ("b" not in v or other[1](v["b"]))

        return TypedDict("R", {"a": one[0], "b": NotRequired[other[0]]}), accepts  # type: ignore[operator, misc]

    return st.one_of(
        st.builds(lists, inner),
        st.builds(dicts, inner),
        st.builds(pairs, inner, inner),
        st.builds(endless, inner),
        st.builds(unions, inner, inner),
        st.builds(records, inner, inner),
    )


ANNOTATIONS = st.recursive(st.sampled_from(LEAVES), grow, max_leaves=4)
ATOMS = st.sampled_from(
    [
        None,
        True,
        1,
        2,
        7,
        10**400,
        1.5,
        float("nan"),
        "",
        "a",
        "ab",
        "\ud800",
        "ada@example.org",
        b"a",
        Decimal(1),
        Decimal("NaN"),
        dt.date(2026, 1, 2),
        dt.datetime(2026, 1, 2),
        dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        dt.timedelta(1),
        UUID(int=1),
        Point(1),
        Point("a"),
        {"name": "a"},
        {"name": "a", "age": 1},
        {"name": "a", "x": 1},
        {"name": 1},
        object(),
    ]  # type: ignore[arg-type]
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.tuples(inner, inner),
        st.dictionaries(st.sampled_from(["a", "b", "x", "\ud800"]), inner, max_size=2),
    ),
    max_leaves=5,
)


@pytest.mark.property(9)
@given(ANNOTATIONS, st.lists(VALUES, min_size=1, max_size=5))
def test_an_annotation_accepts_exactly_what_the_documentation_gives_to_it(pair, values):
    annotation, accepts = pair
    gtype = GType(annotation)
    for value in values:
        assert gtype.is_valid(value) == accepts(value)


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if dataclasses.is_dataclass(value):
            value = getattr(value, str(step))
        else:
            value = value[step]
    return value


def check_problem(problem: Problem, value: Any) -> None:
    assert problem.message and problem.expected
    assert problem.message.endswith((".", ")"))
    if problem.code == "missing":
        parent = at(value, problem.path[:-1])
        assert problem.path[-1] not in parent
    elif problem.code not in ("wrong_key", "too_many_problems"):
        found = at(value, problem.path)
        assert problem.actual == "(hidden)" or problem.actual
        if found is None or isinstance(found, bool):
            assert problem.actual in (repr(found), "(hidden)")
    for branch in problem.branches:
        assert branch
        for inner in branch:
            check_problem(inner, value)


@pytest.mark.property(12)
@given(ANNOTATIONS, VALUES)
def test_every_rejection_names_path_expectation_and_finding(pair, value):
    annotation, accepts = pair
    try:
        GType(annotation).validate(value)
    except ValidationError as error:
        assert error.problems
        for problem in error.problems:
            check_problem(problem, value)
    else:
        assert accepts(value)


@pytest.mark.property(10)
@given(ANNOTATIONS, VALUES)
def test_what_is_accepted_is_valid_still_and_what_is_refused_never_comes_out(pair, value):
    gtype: GType[Any] = GType(pair[0])
    try:
        result = gtype.validate(value)
    except ValidationError:
        assert not gtype.is_valid(value)
    else:
        assert gtype.is_valid(result)


NAMES = ["a", "b", "c", "d"]
FIELDS = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from(LEAVES).map(lambda pair: pair[0]), min_size=1
)


@given(FIELDS, st.randoms())
def test_fingerprints_do_not_see_order_or_words(fields, random):
    names = list(fields)
    random.shuffle(names)
    one = TypedDict("One", fields)  # type: ignore[misc]
    other = TypedDict("Other", {name: fields[name] for name in names})  # type: ignore[misc]
    other.__doc__ = "Words."
    assert GType(one).fingerprint == GType(other).fingerprint
    assert GType(one) == GType(other)
    assert hash(GType(one)) == hash(GType(other))
    members = [n.Array(rest=GType(fields[name]).schema) for name in names]
    assert n.union(*members).digest == n.union(*reversed(members)).digest


@given(FIELDS, FIELDS)
def test_fingerprints_see_every_change(one, other):
    left = n.Record(tuple(n.Field(name=name, schema=GType(hint).schema) for name, hint in one.items()))
    right = n.Record(tuple(n.Field(name=name, schema=GType(hint).schema) for name, hint in other.items()))
    same = one.keys() == other.keys() and all(
        GType(one[name]).schema == GType(other[name]).schema for name in one
    )
    assert (left.digest == right.digest) == same


def test_a_fingerprint_does_not_change_between_releases_and_pythons():
    tree = GType(User).schema
    assert GType(User).fingerprint == tree.digest
    assert n.Integer().digest == "fc66d7f8bc194392cd97f6ef3543936f9a0eeb011e67711adbb04ff496111a2d"
    assert tree.digest == "092c71b8410ac71bdc83f49f056892a3cfce0269e19729336dd6927f4af6e83f"


def test_equal_schemas_share_one_validator():
    one, other = GType(list[int]), GType(list[Annotated[int, "a note"]])
    assert one._handle.compiled() is other._handle.compiled()
    assert one._handle.compiled().python() is other._handle.compiled().python()
    assert GType(list[str])._handle.compiled() is not one._handle.compiled()


def test_a_type_that_is_not_used_costs_no_validator():
    gtype: GType[Any] = GType(dict[str, Annotated[int, Min(987_654)]])
    assert gtype._handle._compiled is None
    gtype.is_valid(1)
    compiled = gtype._handle.compiled()
    assert compiled._python is not None
    assert compiled._json is None
    assert compiled._serializer is None


def test_what_no_type_uses_any_more_is_forgotten():
    gtype: GType[Any] = GType(Annotated[int, Min(123_456)])
    key = gtype.schema.layout()
    gtype.is_valid(1)
    assert key in _SHARED
    del gtype
    gc.collect()
    assert key not in _SHARED


def test_entries_taken_before_the_first_use_are_the_same_functions():
    gtype = GType(int)
    validate, read = gtype.validate, gtype.validate_json
    gtype.validate(1)
    assert gtype.validate is validate
    assert gtype.validate_json is read
    assert read("1") == read(b"1") == 1


def test_types_are_values():
    import copy
    import pickle

    gtype = GType(User)
    again = pickle.loads(pickle.dumps(gtype))
    assert again == gtype
    assert again.validate({"name": "a"}) == {"name": "a"}
    assert copy.copy(gtype) == gtype
    assert gtype != 3
    assert repr(gtype) == "GType(User)"
    assert repr(GType(list[int])) == "GType(list[int])"
    assert repr(GType.from_schema(n.Integer())) == "GType(Integer())"
    assert GType.validate(gtype, {"name": "a"}) == {"name": "a"}
    assert GType.validate_json(gtype, '{"name":"a"}') == {"name": "a"}


def test_from_schema_takes_trees_alone():
    with pytest.raises(ValueError, match="made of the nodes"):
        GType.from_schema(int)  # type: ignore[arg-type]
    assert GType.from_schema(n.Array(rest=GType(User).schema)).is_valid([{"name": "a"}])


@given(
    st.recursive(
        st.sampled_from(["x", ":", '":', 1, None]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "b:", '"', "d"]), inner, max_size=3)
        ),
    ),
    st.booleans(),
    st.booleans(),
)
def test_a_key_is_found_twice_exactly_when_it_is(value, spaced, indented):
    text = json.dumps(value, separators=(" , ", " : ") if spaced else None, indent=1 if indented else None)
    for gtype in (GType(Any), GType(dict[str, Any] | list[Any] | str | int | None)):
        assert gtype.validate_json(text) == value
        assert gtype.validate_json(text.encode()) == value
    if isinstance(value, dict) and "a" in value:
        twice = text.replace("{", '{"a":0,', 1)
        for form in (twice, twice.encode(), bytearray(twice.encode())):
            with pytest.raises(ValidationError, match="stands twice"):
                GType(dict[str, Any]).validate_json(form)


class Stamped(TypedDict):
    at: dt.datetime
    time: dt.time
    x: NotRequired[int]
    tags: list[str]
    more: NotRequired[list[User]]


HIDDEN_COLONS = [
    r'{"at":"2026-01-02T03\u003a04\u003a05Z","time":"01:02","x":1,"x":2,"x":3,"tags":[]}',
    r'{"at":"2026-01-02T03:04:05Z","time":"01\u003a02","x":1,"x":2,"tags":[]}',
    r'{"at":"2026-01-02T03:04:05Z","time":"01:02","x":1,"x":2,"tags":[]}',
    r'{"at":"2026-01-02T03:04:05Z","time":"01:02","\u0078":1,"x":2,"tags":["a:b"]}',
    r'{"at":"2026-01-02T03:04:05Z","time":"01:02","tags":[],"more":[{"name":"a","name":"b"}]}',
]


@pytest.mark.parametrize("text", HIDDEN_COLONS)
def test_a_key_that_stands_twice_cannot_be_hidden_behind_escapes(text):
    for form in (text, text.encode()):
        with pytest.raises(ValidationError, match="stands twice"):
            GType(Stamped).validate_json(form)


def test_text_with_colons_is_read():
    text = (
        '{"at":"2026-01-02T03:04:05+00:00","time":"01:02:03","tags":["http://a:80/"],"more":[{"name":"a:b"}]}'
    )
    for form in (text, text.encode(), text.replace(":80", "\\u003a80")):
        assert GType(Stamped).validate_json(form)["tags"] == ["http://a:80/"]
