"""Input made to break things: always problems or a clear error, never a crash, a hang or a recursion error."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_gtype import (
    Closed,
    DumpError,
    GType,
    MaxLength,
    MinLength,
    Pattern,
    Problem,
    SchemaError,
    UniqueItems,
    UnsupportedAnnotation,
    ValidationError,
)
from gnomon_gtype import schema as n


class Node(TypedDict):
    next: NotRequired[Node]
    items: NotRequired[list[Node]]
    value: NotRequired[int]


class Simple(TypedDict):
    a: int
    b: NotRequired[str]


@dataclasses.dataclass
class Link:
    next: Link | None = None


class Angry:
    def _raise(self, *args: object) -> Any:
        raise RuntimeError("no")

    __eq__ = __hash__ = __len__ = __iter__ = __repr__ = __bool__ = __index__ = __int__ = __float__ = (
        __str__
    ) = _raise  # type: ignore[assignment]
    __getattr__ = __getitem__ = __contains__ = keys = _raise


class AngryDict(dict):
    __len__ = __iter__ = __getitem__ = __contains__ = keys = items = get = Angry._raise  # type: ignore[assignment]


class AngryKey(str):
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")


TYPES: list[Any] = [
    None,
    bool,
    int,
    float,
    int | float,
    str,
    bytes,
    Any,
    Literal["a", 1],
    list[int],
    tuple[int, str],
    set[str],
    dict[str, int],
    dict[int, Any],
    Simple,
    Closed[Simple],
    Node,
    Link,
    Simple | Node | None,
    Annotated[list[Any], UniqueItems()],
    n.Not(n.Integer()),
    n.Record(patterns=(("a", n.Integer()),), extra="keep", max_length=3),
]
BOTTOMLESS: list[Any] = []
BOTTOMLESS.append(BOTTOMLESS)
CIRCLE: dict[str, Any] = {}
CIRCLE["next"] = CIRCLE
RING = Link()
RING.next = RING


def deep(levels: int) -> Any:
    value: Any = {"value": 1}
    for _ in range(levels):
        value = {"next": value}
    return value


VALUES: list[Any] = [
    Angry(),
    [Angry()],
    {"a": Angry()},
    {Angry.__name__: Angry()},
    AngryDict(a=1),
    {AngryKey("a"): 1},
    BOTTOMLESS,
    CIRCLE,
    RING,
    deep(100_000),
    10**5000,
    -(10**5000),
    "\ud800",
    {"\ud800": "\udfff"},
    {1: 2, None: 3, (1, 2): 4},
    {"__proto__": 1, "__class__": 2, "__dict__": 3},
    "x" * 5_000_000,
    float("nan"),
    object,
    type,
    lambda: None,
]


@pytest.mark.parametrize("annotation", TYPES, ids=str)
def test_python_values(annotation):
    gtype = GType(annotation)
    for value in VALUES:
        problems = gtype.problems(value)
        check(problems)
        assert gtype.is_valid(value) == (not problems)
        gtype.redact(value)


@pytest.mark.parametrize("annotation", TYPES, ids=str)
def test_the_other_entries(annotation):
    gtype = GType(annotation)
    for value in VALUES:
        entries = (gtype.dump_json, gtype.validate_strings, lambda each: gtype.validate(each, "lax"))
        for entry in entries:
            with contextlib.suppress(ValidationError, DumpError):
                entry(value)
        with contextlib.suppress(ValidationError):
            gtype.validate_strings({"a": value, "items": [value]})


def check(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        assert problem.message and len(problem.message) < 700
        assert len(problem.actual) <= 200
        assert isinstance(problem.pointer, str)
        assert isinstance(str(problem), str)
        for branch in problem.branches:
            check(branch)


TEXTS: list[Any] = [
    b"[" * 100_000,
    b'{"next":' * 100_000,
    b'{"next":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"a":' * 150 + b"1" + b"}" * 150,
    b'{"next":' * 150 + b"{}" + b"}" * 150,
    b'{"next":' * 150 + b'"x"' + b"}" * 150,
    b"[" * 150 + b"]" * 150,
    b"1" * 5_000,
    b"-" + b"1" * 4_000,
    b"1e999999",
    b'"\\ud800"',
    b'{"\\ud800":1}',
    b'"\xff"',
    b"\xef\xbb\xbf1",
    b"",
    b" ",
    b"nul",
    b"NaN",
    b"[NaN]",
    b'{"a":Infinity}',
    b"{'a':1}",
    b"[1,]",
    b"// comment\n1",
    b'{"__proto__":1,"__proto__":2}',
    b'{"a":1,"a":1}',
    b'{"a" : 1, "\\u0061": 1}',
    b'"' + b"x" * 5_000_000 + b'"',
    b"[" + b"1," * 50_000 + b"1]",
    b'"\x00"',
    bytearray(b"1"),
    "1",
    "é",
    "\ud800",
]


@pytest.mark.parametrize("annotation", TYPES, ids=str)
def test_json_text(annotation):
    gtype = GType(annotation)
    for text in TEXTS:
        try:
            gtype.validate_json(text)
        except ValidationError as error:
            check(error.problems)


def test_json_text_that_is_no_text():
    for data in (None, 3, ["1"], object()):
        with pytest.raises(ValidationError) as caught:
            GType(int).validate_json(data)  # type: ignore[arg-type]
        assert caught.value.problems[0].code == "json_invalid"
        with pytest.raises(ValidationError):
            GType(Simple).validate_json(data)  # type: ignore[arg-type]


def test_recursive_values_from_python():
    gtype = GType(Node)
    assert [p.code for p in gtype.problems(CIRCLE)] == ["too_deep"]
    assert [p.code for p in gtype.problems(deep(100_000))] == ["too_deep"]
    assert gtype.is_valid(deep(100))
    (problem,) = GType(Link).problems(RING)
    assert (problem.code, problem.pointer) == ("too_deep", "/next")


def test_writing_what_goes_in_circles():
    for annotation, value in ((Node, CIRCLE), (list[Any], BOTTOMLESS), (Any, Angry()), (Node, deep(100_000))):
        with pytest.raises(DumpError):
            GType(annotation).dump_json(value)


def test_a_pattern_and_a_subject_that_explode_elsewhere():
    gtype = GType(Annotated[str, Pattern(r"^(([a-z])+.)+[A-Z]([a-z])+$")])
    assert not gtype.is_valid("a" * 100_000)


def test_fifty_megabytes():
    text = "x" * 50_000_000
    (problem,) = GType(int).problems(text)
    assert len(problem.actual) <= 200
    assert GType(str).is_valid(text)
    assert GType(str).validate_json(json.dumps(text)) == text


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_any_bytes_and_any_text(data):
    for annotation in (int, Simple, Any, Closed[Simple] | None):
        try:
            GType(annotation).validate_json(data)
        except ValidationError as error:
            check(error.problems)


HUGE = 10**5_000


@pytest.mark.parametrize(
    "make",
    [
        lambda: GType(Annotated[str, MaxLength(HUGE)]),
        lambda: GType(Annotated[list[int], MinLength(HUGE)]),
        lambda: GType(Annotated[set[int], MaxLength(2**62 + 1)]),
        lambda: n.String(max_length=HUGE),
        lambda: n.Bytes(min_length=-HUGE),
        lambda: n.Map(max_length=HUGE),
        lambda: n.Record(min_length=HUGE),
        lambda: n.Array(rest=n.Integer(), contains=((n.Integer(), HUGE, None),)),
        lambda: n.Array(rest=n.Integer(), contains=((n.Integer(), 0, HUGE),)),
        lambda: n.Array(prefix=(n.Integer(),), required=HUGE),
        lambda: n.DecimalNumber(max_digits=-HUGE),
        lambda: n.Integer(multiple_of=-HUGE),
        lambda: n.Float(multiple_of=-HUGE),
    ],
)
def test_a_length_that_nothing_has_is_refused_when_the_type_is_made(make: Any):
    with pytest.raises((SchemaError, UnsupportedAnnotation), match="at most 2|0 to 1|0 or more|above 0"):
        make()


def test_the_largest_length_can_be_used():
    longest = 2**62
    for node in (n.String, n.Bytes, n.Map, n.Set, n.Array):
        assert GType.from_schema(node(max_length=longest)).problems(None)
        assert GType.from_schema(node(min_length=longest)).problems(None)
    assert GType.from_json_schema({"type": "string", "maxLength": HUGE}).is_valid("a")


@pytest.mark.parametrize("node", [n.Integer, n.Float, n.Number])
def test_a_step_of_many_digits_is_said_in_words(node: Any):
    (problem,) = GType.from_schema(node(multiple_of=HUGE)).problems(4)
    assert problem.message == "Expected a multiple of a very large number."
