"""What is sensitive is shown nowhere: not in problems, messages, errors, and not in what `redact` gives."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_gtype import (
    Closed,
    DumpError,
    GType,
    MinLength,
    Open,
    Pattern,
    Predicate,
    Sensitive,
    ValidationError,
    g,
)
from gnomon_gtype import schema as n

SECRET = "hunter2-hunter2"


class Login(TypedDict):
    user: str
    password: Sensitive[Annotated[str, MinLength(20)]]


class Card(TypedDict):
    kind: Literal["card"]
    number: Sensitive[str]


class Cash(TypedDict):
    kind: Literal["cash"]
    amount: int


class Chain(TypedDict):
    key: Sensitive[str]
    next: NotRequired[Chain]


@dataclasses.dataclass
class Account:
    name: str
    pin: Sensitive[int]


class Entry(NamedTuple):
    name: str
    pin: Sensitive[int]


class Token:
    __sensitive__ = True

    def __repr__(self) -> str:
        return SECRET


def told(error: ValidationError) -> str:
    return str(error) + repr(error) + repr(error.problems)


WRONG: list[tuple[Any, Any]] = [
    (Login, {"user": "ada", "password": SECRET}),
    (Sensitive[Annotated[str, Pattern("^a$")]], SECRET),
    (Sensitive[int], SECRET),
    (Sensitive[Literal["a"]], SECRET),
    (Sensitive[list[int]], [SECRET]),
    (Sensitive[dict[int, int]], {SECRET: 1}),
    (dict[Sensitive[int], int], {SECRET: 1}),
    (Sensitive[Closed[Login]], {SECRET: SECRET}),
    (Sensitive[Card | Cash], {"kind": SECRET}),
    (Sensitive[int] | Sensitive[bool], SECRET),
    (Sensitive[n.Array(rest=n.Anything(), unique=True)], [SECRET, SECRET]),
    (Sensitive[set[int]], {SECRET}),
    (Sensitive[Annotated[str, Predicate(lambda value: 1 / 0 if value == "x" else False, id="p")]], SECRET),
]


@pytest.mark.parametrize(("annotation", "value"), WRONG)
def test_no_problem_shows_it(annotation, value):
    with pytest.raises(ValidationError) as caught:
        GType(annotation).validate(value)
    assert SECRET not in told(caught.value)


def test_no_problem_of_lax_mode_shows_it():
    with pytest.raises(ValidationError) as caught:
        GType(Login).validate({"user": "ada", "password": SECRET}, "lax")
    assert SECRET not in told(caught.value)


def test_no_problem_of_strings_shows_it():
    with pytest.raises(ValidationError) as caught:
        GType(Login).validate_strings({"user": "ada", "password": [SECRET, SECRET]})
    assert SECRET not in told(caught.value)
    with pytest.raises(ValidationError) as caught:
        GType(Sensitive[int]).validate_strings(SECRET)
    assert SECRET not in told(caught.value)


def test_the_length_is_not_told_either():
    (problem,) = GType(Login).problems({"user": "a", "password": SECRET})
    assert (problem.message, problem.actual) == ("Expected at least 20 characters.", "(hidden)")


def test_no_error_of_writing_shows_it():
    with pytest.raises(DumpError) as caught:
        GType(Sensitive[int]).dump_json(SECRET)  # type: ignore[arg-type]
    assert SECRET not in str(caught.value)


def test_an_object_that_is_sensitive_itself_is_not_shown():
    assert GType(int).problems(Token())[0].actual == "(hidden)"
    assert GType(dict[str, Any]).redact({"a": Token()}) == {"a": "(hidden)"}
    assert GType(Any).redact({"a": [Token()]}) == {"a": ["(hidden)"]}


REDACTED: list[tuple[Any, Any, Any]] = [
    (Login, {"user": "a", "password": "b"}, {"user": "a", "password": "(hidden)"}),
    (Login, {"user": "a", "password": 3, "x": 1}, {"user": "a", "password": "(hidden)", "x": 1}),
    (Login, "nonsense", "(hidden)"),
    (list[Login], [{"password": "b"}], [{"password": "(hidden)"}]),
    (list[Sensitive[str]], {"not": "a list"}, "(hidden)"),
    (list[int], {"a": 1}, {"a": 1}),
    (Login | None, None, None),
    (Card | Cash, {"kind": "card", "number": "1"}, {"kind": "card", "number": "(hidden)"}),
    (Card | Cash, {"kind": "cash", "amount": 1}, {"kind": "cash", "amount": 1}),
    (Card | Cash, {"kind": "cash", "number": "1"}, {"kind": "cash", "number": "(hidden)"}),
    (int | Sensitive[str], "a", "(hidden)"),
    (int | Sensitive[str], 1, 1),
    (int | Sensitive[str], 1.5, "(hidden)"),
    (Chain, {"key": "a", "next": {"key": "b"}}, {"key": "(hidden)", "next": {"key": "(hidden)"}}),
    (list[Chain], "nonsense", "(hidden)"),
    (Account, Account("a", 1), {"name": "a", "pin": "(hidden)"}),
    (Account, {"pin": 1}, {"pin": "(hidden)"}),
    (Entry, Entry("a", 1), ("a", "(hidden)")),
    (Entry, ["a", 1, 2], ["a", "(hidden)", "(hidden)"]),
    (tuple[str, Sensitive[int]], ("a", 1), ("a", "(hidden)")),
    (dict[str, Sensitive[int]], {"a": 1}, {"a": "(hidden)"}),
    (dict[str, Sensitive[int]], [1], "(hidden)"),
    (dict[Sensitive[str], int], {"a": 1, "b": 2}, {"(hidden) 0": 1, "(hidden) 1": 2}),
    (set[Sensitive[int]], {1}, "(hidden)"),
    (set[int], {1}, {1}),
    (Sensitive[Login], {"user": "a"}, "(hidden)"),
    (Annotated[Sensitive[str], Predicate(str.islower)], "a", "(hidden)"),
    (g.intersection(g.union(int, Sensitive[str]), g.union(bool, str)), "a", "(hidden)"),
    (Open[Login], {"password": "a", "x": 1}, {"password": "(hidden)", "x": 1}),
    (n.Record(rest=n.Sensitive(n.Integer()), extra="keep"), {"a": 1}, {"a": "(hidden)"}),
    (n.Record(patterns=(("^s", n.Sensitive(n.Integer())),)), {"sa": 1, "b": 2}, {"sa": "(hidden)", "b": 2}),
    (n.Array(rest=n.Anything(), contains=((n.Sensitive(n.Integer()), 0, None),)), [1, "a"], "(hidden)"),
    (n.Not(n.Sensitive(n.Integer())), 1, "(hidden)"),
    (Login, {1: 2, "password": "x"}, {1: 2, "password": "(hidden)"}),
]


@pytest.mark.parametrize(("annotation", "value", "blanked"), REDACTED)
def test_redact(annotation, value, blanked):
    assert GType(annotation).redact(value) == blanked


def test_redact_copies_and_leaves_the_value_alone():
    value = {"user": "a", "password": "b"}
    GType(Login).redact(value)
    assert value == {"user": "a", "password": "b"}


def test_what_goes_in_circles_is_blanked_whole():
    value: dict[str, Any] = {"key": "a"}
    value["next"] = value
    assert SECRET not in repr(GType(Chain).redact(value))
    endless: list[Any] = []
    endless.append(endless)
    GType(Any).redact(endless)


NESTED = st.recursive(
    st.sampled_from([SECRET, 1, None]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["key", "next", SECRET]), inner, max_size=3)
    ),
)


@given(NESTED)
def test_whatever_the_value_is_a_wholly_sensitive_type_shows_none_of_it(value):
    gtype = GType(Sensitive[Chain])
    try:
        gtype.validate(value)
    except ValidationError as error:
        assert SECRET not in told(error)
    assert SECRET not in repr(gtype.redact(value))
