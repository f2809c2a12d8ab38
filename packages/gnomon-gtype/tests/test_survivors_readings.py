"""Small mistakes in reading values, merging nodes and naming definitions that no other test noticed: one test for each."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Annotated, Any, TypedDict

import pytest

from gnomon_gtype import Gt, GType, Lt, Max, Min, NaiveDatetime, Predicate, Sensitive, Timestamp
from gnomon_gtype import schema as n
from gnomon_gtype._compile import core_schema_of
from gnomon_gtype._formats import FORMATS
from gnomon_gtype._interpret import REFUSED, interpret
from gnomon_gtype._json import colons
from gnomon_gtype._json_schema_import_rewrite import _Rewriter
from gnomon_gtype._unions import preferred

read = GType.from_json_schema


class Key(TypedDict):
    a: int


class Keys(TypedDict):
    a: int
    b: int


@dataclasses.dataclass
class Filled:
    low: int
    wide: bool = dataclasses.field(init=False, default=False)


def test_one_record_has_nobody_to_compete_with():
    record = n.Record((n.Field(name="a", schema=n.Integer()),))
    assert core_schema_of(n.union(record, n.Integer()))["type"] == "union"
    assert (
        core_schema_of(n.union(record, n.Record((n.Field(name="b", schema=n.Integer()),))))["type"] != "union"
    )


def test_a_title_takes_no_example_away():
    node = n.String().with_meta(n.Meta(examples=("a",))).with_meta(n.Meta(title="T"))
    assert (node.meta.title, node.meta.examples) == ("T", ("a",))


def test_what_is_no_argument_of_a_class_is_kept():
    given = Filled(1)
    given.wide = True
    made = interpret(GType(Filled).schema, given)[0]
    assert made == given
    assert made.wide


def test_a_wrong_key_is_shown_unless_it_is_sensitive():
    for annotation, shown in ((dict[int, int], "'x'"), (dict[Sensitive[int], int], "(hidden)")):
        (problem,) = GType(annotation).problems({"x": 1})
        assert (problem.code, problem.actual) == ("wrong_key", shown)
    for keys, shown in ((n.Float(), "1.0"), (n.Sensitive(n.Float()), "(hidden)")):
        _, (problem,) = interpret(n.Map(keys, n.Integer()), {"1": 1, "1.0": 2}, channel="json")
        assert problem.code == "duplicate_key"
        assert shown in problem.actual


def test_what_a_check_says_is_cut():
    def fails(_value: object) -> bool:
        raise ValueError("x" * 300)

    (problem,) = GType(Annotated[int, Predicate(fails)]).problems(1)
    assert problem.message == "x" * 200


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_formats_with_lengths_come_back_from_their_documents(name):
    for node in (n.String(format=name), n.String(format=name, max_length=20)):
        back = read(GType(node).json_schema()).schema
        assert back == node or back.format is None
    assert read(GType(n.String(format="hostname")).json_schema()).schema == n.String(format="hostname")
    short = n.String(format="hostname", max_length=20)
    assert read(GType(short).json_schema()).schema == short


def test_text_of_a_format_may_be_as_long_as_the_format_says():
    host = ".".join(["a" * 63] * 4)[:253]
    for text, fits in ((host, True), (host + "a", False)):
        assert (interpret(n.String(format="hostname"), text)[0] is not REFUSED) == fits


def test_kinds_that_differ_are_not_merged():
    for one in (n.Bytes(min_length=1), n.String(min_length=1)):
        for other in (n.Integer(minimum=1), n.Array(min_length=1), n.Map(min_length=1), n.Set(min_length=1)):
            for pair in ((one, other), (other, one)):
                assert isinstance(n.intersection(*pair), (n.Intersection, n.Nothing))


def test_one_name_that_is_taken_renames_them_all():
    def tree(leaf: n.Schema, second: str) -> n.Schema:
        return n.definitions(
            n.Ref("A"),
            {
                "A": n.Array(rest=n.union(n.Ref(second), leaf)),
                second: n.Array(rest=n.union(n.Ref("A"), n.Null())),
            },
        )

    both = GType(n.Array(container="tuple", prefix=(tree(n.Integer(), "B"), tree(n.String(), "C"))))
    assert both.is_valid(([1], ["a"]))
    assert not both.is_valid((["a"], [1]))


def test_wrapped_members_are_tried_before_plain_ones():
    plain = [n.String(max_length=length) for length in range(1, 7)]
    wrapped = [n.Sensitive(n.String(min_length=length)) for length in range(1, 7)]
    order = preferred([*plain, *wrapped, n.Ref("A")], {"A": n.String()})
    assert all(isinstance(node, n.Sensitive) for node in order[:6])


def test_names_that_are_taken_are_numbered():
    def list_of(place: str) -> dict[str, Any]:
        return {"$defs": {"Tree": {"type": "array", "items": {"$ref": f"#/$defs/{place}/$defs/Tree"}}}}

    places = ["a", "b", "c"]
    document = {
        "prefixItems": [{"$ref": f"#/$defs/{place}/$defs/Tree"} for place in places],
        "$defs": {place: list_of(place) for place in places},
    }
    tree = GType.from_json_schema(document).schema
    assert {name for name, _ in tree.definitions} <= {"Tree", "Tree_2", "Tree_3"}
    assert len(tree.definitions) == 3


@pytest.mark.parametrize("turned", [False, True])
def test_records_are_apart_when_one_of_them_has_no_place_for_a_key(turned):
    pair = [{"type": "object", "required": ["a"]}, {"type": "object", "additionalProperties": False}]
    members = pair[::-1] if turned else pair
    assert read({"oneOf": members}).schema == read({"anyOf": members}).schema
    tagged = [
        {"type": "object", "required": ["k"], "properties": {"k": {"const": word}, "v": True}}
        for word in "ab"
    ]
    assert read({"oneOf": tagged}).schema == read({"anyOf": tagged}).schema
    assert _Rewriter({}).apart(n.Null(), n.String())
    assert not _Rewriter({}).apart(n.String(), n.String())


def test_the_end_of_an_array_is_read_behind_its_middle():
    node = n.Array(prefix=(n.Integer(),), rest=n.Boolean(), suffix=(n.String(),))
    for value in ([1, "a"], [1, True, "a"], [1, True, False, True, "a"]):
        assert interpret(node, value)[1] == ()
    for value in ([1, "a", True], [1, True, "a", "a"], [1]):
        assert interpret(node, value)[0] is REFUSED


def test_colons_of_rows_are_not_counted():
    record, other = GType(Key).schema, GType(Keys).schema
    for prefix in ((record, other), (record, n.Integer()), (n.Integer(), record)):
        count = colons(n.Array(prefix=prefix))
        assert count is not None
        assert count.of([{"a": 1}, {"a": 1, "b": 2}]) < 0
    assert not GType(tuple[Key, Keys]).problems(({"a": 1}, {"a": 1, "b": 2}))


def test_the_fewest_colons_are_those_of_keys_and_times():
    fields = (n.Field(name="at", schema=n.DateTime()), n.Field(name="a", schema=n.Integer(), required=False))
    count = colons(n.Record(fields))
    assert count is not None
    assert count.fewest == count.of({"at": None}) == 3


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Annotated[int, Min(3)], 1, "at least 3"),
        (Annotated[float, Gt(3)], 1.0, "more than 3"),
        (Annotated[int, Max(3)], 4, "at most 3"),
        (Annotated[float, Lt(3)], 4.0, "less than 3"),
        (Timestamp, datetime.datetime(2020, 1, 1), "a time zone"),
        (NaiveDatetime, datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), "no time zone"),
    ],
)
def test_what_was_expected_is_said(annotation, value, expected):
    (problem,) = GType(annotation).problems(value)
    assert problem.expected == expected
    assert problem.message == f"Expected {expected}."


def test_a_moment_is_no_date():
    assert interpret(n.Date(), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))[0] is REFUSED
    assert interpret(n.Date(), "2020-01-01")[0] is REFUSED
    assert interpret(n.Date(), datetime.date(2020, 1, 1))[1] == ()


@pytest.mark.parametrize("value", [[], [1], ["a", 1]])
def test_items_that_nothing_looks_at_are_unevaluated(value):
    assert read({"unevaluatedItems": False}).is_valid(value) == (not value)
    open_to_all = {"anyOf": [True, {"type": "string"}], "unevaluatedItems": False}
    assert read(open_to_all).is_valid(value) == (not value)


class Alike:
    def __repr__(self) -> str:
        return "Alike()"


def test_layouts_tell_values_apart_that_look_or_are_equal():
    assert n.Literal((0.0,)).layout() != n.Literal((-0.0,)).layout()
    one, other = (n.Record((n.Field(name="a", schema=n.Anything(), default=Alike()),)) for _ in "ab")
    assert one.layout() != other.layout()
