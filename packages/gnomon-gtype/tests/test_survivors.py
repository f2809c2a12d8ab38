"""Small mistakes that no other test noticed when they were put into the code: one test for each."""

from __future__ import annotations

import sys
from typing import Annotated, Any, TypedDict

import annotated_types as at
import jsonschema_rs
import pytest

from gnomon_gtype import GType, Predicate, ValidationError, contains
from gnomon_gtype import schema as n
from gnomon_gtype._interpret import REFUSED, interpret


class Small(TypedDict):
    a: int


class Large(TypedDict):
    a: int
    b: int


def said(value: int) -> bool:
    if value > 9:
        raise ValueError("above nine")
    if value > 6:
        raise ValueError
    return value > 3


def test_what_a_check_says_is_said_unless_the_type_says_it_better():
    own, given = GType(Annotated[int, at.Predicate(said)]), GType(Annotated[int, Predicate(said, "no good")])
    for value, message in ((10, "above nine"), (7, "The value is refused."), (1, "The value is refused.")):
        assert [problem.message for problem in own.problems(value)] == [message]
        assert [problem.message for problem in given.problems(value)] == ["no good"]


def test_the_interpreter_counts_the_items_of_sets_itself():
    result, problems = interpret(n.Set(n.Integer(), max_length=1), {1, 2})
    assert result is REFUSED
    assert [problem.message for problem in problems] == ["Expected at most 1 item, found 2."]


@pytest.mark.parametrize("text", ['{"a": "x"}', "[]", '"a"'])
def test_what_is_no_record_does_not_compete(text):
    with pytest.raises(ValidationError) as caught:
        GType(int | Small | Large).validate_json(text)
    (problem,) = caught.value.problems
    assert (problem.code, len(problem.branches)) == ("no_match", 3)


def factory() -> Any:
    def made() -> int:
        return 1

    return made


def test_functions_are_fingerprinted_by_name():
    one, other = (n.Record((n.Field(name="a", schema=n.Integer(), default_factory=factory()),)) for _ in "ab")
    assert one.digest == other.digest
    assert one != other


def test_a_loop_that_the_first_name_is_no_part_of_is_found():
    names = {f"A{number}": n.union(n.Ref("B"), n.Array(rest=n.Ref(f"A{number}"))) for number in range(20)}
    root = n.Array(prefix=tuple(n.Ref(name) for name in names))
    loop = {"B": n.union(n.Ref("C"), n.String()), "C": n.union(n.Ref("B"), n.Integer())}
    with pytest.raises(ValueError, match="nothing around it"):
        n.definitions(root, {**names, **loop})


def test_the_last_whole_number_below_a_limit_that_is_none():
    below = n.Number(maximum=2.5, exclusive_maximum=True, multiple_of=1)
    found = contains(GType(n.Number(maximum=1, multiple_of=1)), GType(below))
    assert (found.answer, repr(found.witness)) == ("no", "2")
    assert contains(GType(n.Number(maximum=2, multiple_of=1)), GType(below)).answer == "yes"


def test_one_and_true_are_one_item_of_a_set():
    two = n.Set(n.Literal((1, True)), min_length=2)
    assert contains(GType(n.Nothing()), GType(two)).answer == "yes"


DOCUMENT = {
    "properties": {"a": True},
    "dependentSchemas": {"a": {"anyOf": [{"properties": {"b": True}}, {"minProperties": 1}]}},
    "unevaluatedProperties": False,
}


@pytest.mark.parametrize("value", [{"a": 1}, {"a": 1, "b": 2}, {"b": 2}, {"a": 1, "c": 3}])
def test_one_case_that_looks_at_nothing_takes_no_other_away(value):
    decided = jsonschema_rs.Draft202012Validator(DOCUMENT).is_valid(value)
    assert GType.from_json_schema(DOCUMENT).is_valid(value) == decided


def test_the_article_fits_the_kind_that_was_found():
    (problem,) = GType(str).problems(1)
    assert problem.message == "Expected text, found an int."


def circle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize("before", [[], circle()])
def test_what_is_deep_is_deep_after_others_too(before):
    lists = n.definitions(n.Ref("A"), {"A": n.Array(rest=n.Ref("A"))})
    deep: list[Any] = []
    for _ in range(255):
        deep = [deep]
    frames = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        _, problems = interpret(lists, [*(list(before) for _ in range(30)), deep])
    finally:
        sys.setrecursionlimit(frames)
    assert {problem.code for problem in problems} == {"too_deep"}
    assert len(problems[-1].path) == 250
    assert problems[-1].path[0] == 30


@pytest.mark.parametrize(
    ("record", "good"),
    [
        (n.Record(), True),
        (n.Record(rest=n.Integer()), False),
        (n.Record(keys=n.String()), False),
        (n.Record(patterns=(("a", n.Integer()),)), False),
        (n.Record(extra="forbid"), False),
        (n.Record(extra="keep"), False),
    ],
)
def test_a_record_that_says_nothing_about_keys_does_not_read_those_that_are_no_text(record, good):
    assert (interpret(record, {1: 2})[0] is not REFUSED) == good == GType.from_schema(record).is_valid({1: 2})


def test_foreign_types_read_json_as_json():
    foreign = n.Opaque("moment", {"type": "date", "strict": True})
    assert interpret(foreign, "2020-01-01", channel="json")[1] == ()
    assert interpret(foreign, "2020-01-01")[0] is REFUSED


def test_the_items_of_an_array_that_is_too_short_are_those_of_its_end():
    ends = GType.from_schema(n.Array(rest=n.Integer(), suffix=(n.String(), n.String())))
    assert [problem.code for problem in ends.problems([1])] == ["too_short", "wrong_type"]
    assert [problem.code for problem in ends.problems(["a"])] == ["too_short"]


def test_how_many_items_there_have_to_be():
    pair, some = (
        GType(tuple[int, int]),
        GType.from_schema(n.Array(rest=n.Integer(), min_length=2, max_length=3)),
    )
    assert [problem.message for problem in pair.problems((1,))] == ["Expected exactly 2 items, found 1."]
    assert [problem.message for problem in pair.problems((1, 2, 3))] == ["Expected exactly 2 items, found 3."]
    assert [problem.message for problem in some.problems([1])] == ["Expected at least 2 items, found 1."]
    assert [problem.message for problem in some.problems([1] * 4)] == ["Expected at most 3 items, found 4."]


def test_text_of_a_format_has_its_own_length_too():
    long = GType.from_schema(n.String(min_length=5, format="slug"))
    assert long.is_valid("abc-d")
    assert not long.is_valid("abc")


def test_a_step_on_one_side_is_the_step_of_both():
    for node in (n.Float, n.Number, n.Integer):
        both = node(minimum=1, multiple_of=2)
        assert n.intersection(node(multiple_of=2), node(minimum=1)) == both
        assert n.intersection(node(minimum=1), node(multiple_of=2)) == both
