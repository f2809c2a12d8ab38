"""The corners that no table reaches: builders that refuse, empty and odd classes, texts of errors."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
from typing import Annotated, Any, Literal, TypedDict

import annotated_types as at
import pytest

from gnomon_gtype import (
    AllowNonFinite,
    Digits,
    Discriminator,
    GType,
    Hidden,
    Length,
    Marker,
    MaxLength,
    Message,
    Min,
    MinLength,
    MultipleOf,
    Pattern,
    Problem,
    SchemaError,
    UniqueItems,
    UnsupportedAnnotation,
    UnsupportedSchema,
    UrlWith,
    ValidationError,
    g,
)
from gnomon_gtype import schema as n
from gnomon_gtype._interpret import REFUSED, Reading, interpret
from gnomon_gtype._lax import problems_of
from gnomon_gtype._serialize import build_serializer


class Colour(enum.Enum):
    RED = 1


class User(TypedDict):
    name: str


@dataclasses.dataclass
class Point:
    x: int


class Recursive(TypedDict):
    next: Recursive | None


REFUSED_BUILDERS: list[tuple[Any, str]] = [
    (lambda: g.array(g.optional(int)), "only a key"),
    (lambda: g.tuple(g.optional(int), str), "optional items behind it"),
    (lambda: g.template(g.string(min_length=1)), "a template has no part"),
    (lambda: g.template(g.array(int)), "a template has no part"),
    (lambda: g.pick(User, "age"), "has no key 'age'; it has name"),
    (lambda: g.omit(g.object({}), "age"), "it has none"),
    (lambda: g.partial(int), "only records"),
    (lambda: g.define(g.ref("A"), {}), "not defined"),
    (lambda: g.define(g.ref("A"), {"A": g.ref("A")}), "nothing around it"),
    (
        lambda: g.define(g.ref("A"), {"A": g.union(int, g.ref("B")), "B": g.sensitive(g.ref("A"))}),
        "nothing around it",
    ),
    (lambda: g.discriminated("kind", User, g.object({"name": str, "x": int})), "does not tell"),
    (lambda: n.Definitions(n.Ref("A")), "not defined"),
    (lambda: n.Definitions(n.Null(), (("A", n.Null()), ("A", n.Null()))), "stands twice"),
    (lambda: n.Definitions(n.Array(rest=n.Definitions(n.Null())), ()), "at the root only"),
    (lambda: n.Integer(minimum=1.5), "is an int"),
    (lambda: n.Integer(multiple_of=0), "above 0"),
    (lambda: n.Float(multiple_of=-1), "above 0"),
    (lambda: n.Float(multiple_of=float("inf")), "above 0"),
    (lambda: n.Float(minimum="1"), "int or float"),
    (lambda: n.Float(exclusive_minimum=True), "needs a minimum"),
    (lambda: n.DecimalNumber(minimum=decimal.Decimal("NaN")), "finite"),
    (lambda: n.DecimalNumber(multiple_of=decimal.Decimal(-1)), "above 0"),
    (lambda: n.DecimalNumber(max_digits=-1), "0 or more"),
    (lambda: n.String(min_length=-1), "0 or more"),
    (lambda: n.String(max_length="3"), "0 or more"),
    (lambda: n.Uuid(9), "1 to 8"),
    (lambda: n.FilePath("Posix"), "class of pathlib"),
    (lambda: n.IpAddress("host"), "address, network or interface"),
    (lambda: n.DateTime(zone="any", minimum=dt.datetime(2026, 1, 1)), "cannot be compared"),
    (lambda: n.Time(zone="utc"), "'aware', 'naive' or 'any'"),
    (lambda: n.Literal(([],)), "a literal is"),
]


@pytest.mark.parametrize(("build", "reason"), REFUSED_BUILDERS)
def test_builders_and_nodes_refuse_what_means_nothing(build, reason):
    with pytest.raises(SchemaError, match=reason):
        build()


def test_builders_that_the_tables_leave_out():
    assert g.date() == GType(dt.date).schema
    assert g.time(zone="naive") == n.Time(zone="naive")
    assert g.duration() == n.Duration()
    assert g.uuid(version=4) == n.Uuid(4)
    assert g.path() == n.FilePath()
    assert g.ip(version=6, kind="network") == n.IpAddress("network", 6)
    assert g.decimal(max_digits=3) == n.DecimalNumber(max_digits=3)
    assert g.describe(int, "d", title="t").meta == n.Meta(title="t", description="d")
    assert g.sensitive(g.sensitive(int)) == n.Sensitive(n.Integer())
    assert g.enum("a", 1) == n.literal("a", 1)
    assert g.float(minimum=1) == n.Float(minimum=1)
    assert g.object({"a": g.optional(g.optional(int))}) == g.object({"a": g.optional(int)})
    assert g.record(g.literal(1), int) == n.Map(n.literal(1), n.Integer())
    assert g.template(g.union(g.literal("a"), g.null()), "-", g.boolean()).patterns[0].startswith("^(?:")
    assert GType(g.template("v", g.number())).is_valid("v1.5e3")
    assert not GType(g.template("v", g.number())).is_valid("v1.")
    assert g.exclude(bool, g.literal(True)) == n.literal(False)
    assert g.extract(g.union(bool, str), bool) == n.Boolean()
    assert g.exclude(int, int) == n.Nothing()
    assert g.array(GType(Recursive)) == GType(list[Recursive]).schema


def test_utility_types_look_through():
    partial = g.partial(Recursive)
    assert GType(partial).is_valid({})
    assert GType(g.partial(g.sensitive(User))).is_valid({})
    assert g.partial(g.union(User, g.object({"x": int}))) == g.union(
        g.partial(User), g.partial(g.object({"x": int}))
    )
    assert g.partial(Point) == g.object({"x": g.optional(int)})
    assert g.readonly(User).fields[0].read_only
    nested = n.definitions(
        n.Ref("A"), {"A": n.Record((n.Field(name="a", schema=n.union(n.Ref("A"), n.Null())),))}
    )
    assert GType(g.omit(nested, "a")).is_valid({})


def test_markers_of_ones_own():
    class Even(Marker):
        def apply(self, node: n.Schema) -> n.Schema:
            return n.intersection(node, n.Integer(multiple_of=2))

    assert GType(Annotated[int, Even()]).schema == n.Integer(multiple_of=2)
    with pytest.raises(NotImplementedError):
        Marker().apply(n.Null())


MISPLACED: list[Any] = [
    Annotated[str, MultipleOf(2)],
    Annotated[int, Pattern("a")],
    Annotated[int, UniqueItems()],
    Annotated[int, AllowNonFinite()],
    Annotated[int, Digits(3)],
    Annotated[int, Discriminator("kind")],
    Annotated[Recursive, MinLength(-2)],
]


@pytest.mark.parametrize("annotation", MISPLACED)
def test_markers_in_the_wrong_place(annotation):
    with pytest.raises(UnsupportedAnnotation):
        GType(annotation)


CUSTOM: list[tuple[Any, Any]] = [
    (Annotated[int, Min(3, message="M")], 1),
    (Annotated[int, MultipleOf(3, message="M")], 1),
    (Annotated[str, Length(3, message="M")], "a"),
    (Annotated[str, MaxLength(1, message="M")], "ab"),
    (Annotated[str, Pattern("b", message="M")], "a"),
    (Annotated[list[int], UniqueItems(message="M")], [1, 1]),
    (Annotated[Annotated[str, Message("no")], Message("M")], 1),
    (Annotated[int, at.Ge(1), at.Le(3), at.Gt(0), at.Lt(9), Message("M")], 0),
]


@pytest.mark.parametrize(("annotation", "value"), CUSTOM)
def test_custom_messages(annotation, value):
    (problem,) = GType(annotation).problems(value)
    assert problem.message == "M"


def test_a_missing_key_may_have_a_message_of_its_own():
    class Form(TypedDict):
        name: Annotated[str, Message("Please tell your name.", "missing")]

    assert [problem.message for problem in GType(Form).problems({})] == ["Please tell your name."]


def test_translation():
    german = {"wrong_type": "Falsche Art.", "too_small": "Mindestens {limit}."}

    def catalogue(problem: Problem) -> str | None:
        text = german.get(problem.code)
        return None if text is None else text.format(limit=problem.limit)

    with pytest.raises(ValidationError) as caught:
        GType(list[Annotated[int, Min(3)] | str]).validate([1.5])
    translated = caught.value.translated(catalogue)
    assert translated.problems[0].message == caught.value.problems[0].message
    assert {branch[0].message for branch in translated.problems[0].branches} == {"Falsche Art."}
    with pytest.raises(ValidationError) as caught:
        GType(Annotated[int, Min(3)]).validate(1)
    assert str(caught.value.translated(catalogue)) == "Mindestens 3."


def test_places():
    problem = Problem(("a", 0, "b c", "x/y~z"), "missing", "m", "e", "a")
    assert problem.location == "a[0]['b c']['x/y~z']"
    assert problem.pointer == "/a/0/b c/x~1y~0z"
    assert str(problem) == "a[0]['b c']['x/y~z']: m"
    assert Problem((), "missing", "m", "e", "a").pointer == ""


SHOWN: list[tuple[Any, str]] = [
    (None, "None"),
    (1, "1"),
    (10**500, "a very long integer"),
    (1.5, "1.5"),
    ("a" * 300, "'" + "a" * 198 + "…"),
    (b"a", "b'a'"),
    ([1], "list of 1 item"),
    ((1, 2), "tuple of 2 items"),
    ({"a": 1}, "dict of 1 key"),
    (frozenset(), "frozenset of 0 items"),
    (dt.date(2026, 1, 2), "date datetime.date(2026, 1, 2)"),
    (Colour.RED, "Colour object"),
    (object(), "object object"),
    (decimal.Decimal(1), "Decimal Decimal('1')"),
]


@pytest.mark.parametrize(("value", "text"), SHOWN)
def test_what_was_found_is_shown_short(value, text):
    assert GType(Literal["nothing like it"]).problems(value)[0].actual == text


EXPECTED: list[tuple[Any, Any, str]] = [
    (n.IpAddress(), 1, "an IPv4 address"),
    (n.Opaque(id="x", core_schema={"type": "int"}), "a", "x"),
    (n.Not(n.String()), "a", "anything but text"),
    (n.Intersection((n.Not(n.String()), n.Not(n.Null()))), "a", "anything but text"),
    (n.Array((n.Null(),), container="sequence"), 1, "a list or tuple"),
    (n.Set(frozen=True), 1, "a frozenset"),
    (list[Recursive] | int, "a", "a list or an integer"),
    (Recursive | int, "a", "Recursive or an integer"),
    (n.literal(*[f"value {number}" for number in range(60)]), "a", "one of 'value 0'"),
    (Literal[True, "a"], 3, "true or 'a'"),
    (
        n.Union(
            (
                n.Intersection((n.Union((n.Union((n.Null(), n.String())), n.Not(n.Null()))), n.Boolean())),
                n.Null(),
            )
        ),
        1,
        "… ",
    ),
]


@pytest.mark.parametrize(("annotation", "value", "text"), EXPECTED)
def test_what_was_expected(annotation, value, text):
    problem = GType(annotation).problems(value)[0]
    assert len(problem.expected) <= 200
    assert all(word in problem.expected for word in text.split(" or ")[0:1]) or text == "… "


def test_the_errors_of_the_package():
    error = UnsupportedSchema("format", "/properties/a", "write a pattern")
    assert (error.keyword, error.pointer, error.reason) == ("format", "/properties/a", "write a pattern")
    assert str(error) == "'format' at /properties/a cannot be honoured exactly: write a pattern"
    assert str(UnsupportedSchema("not", "")) == "'not' at the root cannot be honoured exactly"


def test_the_interpreter_is_to_be_had_alone():
    assert interpret(n.Integer(), "a")[0] is REFUSED
    assert repr(REFUSED) == "REFUSED"
    (problem,) = problems_of(RecursionError(), n.Null())
    assert problem.code == "too_deep"


def test_what_two_engines_would_say():
    """Were the engine to refuse what the interpreter accepts, its own words would be used."""
    from gnomon_gtype._compile import build_validator
    from gnomon_gtype._entry import settled

    try:
        build_validator(n.Integer()).validate_python("a")
    except Exception as error:
        with pytest.raises(ValidationError) as caught:
            settled(n.String(), "a", error)
        assert caught.value.problems[0].code == "wrong_type"


def test_canonical_forms():
    class Odd:
        def __repr__(self) -> str:
            return "odd"

    def factory() -> list[int]:
        return []

    fields = [
        n.Field(name="a", schema=n.Anything(), default=value)
        for value in (
            "é",
            b"x",
            1.5,
            dt.date(2026, 1, 1),
            dt.timedelta(1),
            decimal.Decimal("1.0"),
            Odd(),
            [1],
            Odd,
            factory,
            None,
            True,
        )
    ]
    records = [n.Record((item,)) for item in fields]
    assert len({record.digest for record in records}) == len(records)
    assert all(record.layout() == n.Record(record.fields).layout() for record in records)
    assert n.Record((n.Field(name="a", schema=n.Anything(), default_factory=factory),)) != records[0]
    assert n.Integer() != 3
    assert "default=True" in repr(records[-1])
    assert repr(n.UNSET) == "UNSET"


def test_recursive_trees_print_walk_and_rebuild():
    tree = GType(Recursive).schema
    assert isinstance(tree, n.Definitions)
    assert list(tree.by_name) == ["Recursive"]
    assert [path for path, _ in tree.walk()][:3] == ["", "", "#Recursive"]
    assert tree.map_children(lambda node: node) is tree
    assert eval(repr(tree), {**vars(n)}) == tree
    changed = n.Array((n.Null(),), n.Null(), contains=((n.Null(), 1, None),)).map_children(
        lambda node: n.Boolean()
    )
    assert changed == n.Array((n.Boolean(),), n.Boolean(), contains=((n.Boolean(), 1, None),))
    record = n.Record(
        (n.Field(name="a", schema=n.Null()),),
        rest=n.Null(),
        patterns=(("x", n.Null()),),
        keys=n.String(),
        extra="keep",
    )
    assert [path for path, _ in record.walk()] == ["", ".a", ".*", "./x/", ".~"]
    assert record.map_children(lambda node: node) is record
    for node in (
        n.Map(n.String(), n.Null()),
        n.Set(n.Null()),
        n.Not(n.Null()),
        n.Union((n.Null(), n.String())),
        n.Ref("x"),
    ):
        assert node.map_children(lambda child: child) is node
        node.map_children(lambda child: n.Boolean())


def test_a_definition_of_one_name_in_two_parts():
    def linked(kind: n.Schema) -> n.Schema:
        return n.definitions(
            n.Ref("A"),
            {
                "A": n.Record(
                    (n.Field(name="x", schema=kind), n.Field(name="n", schema=n.union(n.Ref("A"), n.Null())))
                )
            },
        )

    both = n.definitions(
        n.Array((linked(n.Integer()), linked(n.String()), linked(n.Integer())), container="tuple"), {}
    )
    gtype = GType.from_schema(both)
    assert gtype.is_valid(({"x": 1, "n": None}, {"x": "a", "n": None}, {"x": 2, "n": {"x": 3, "n": None}}))
    assert not gtype.is_valid(
        ({"x": 1, "n": None}, {"x": "a", "n": {"x": 1, "n": None}}, {"x": 2, "n": None})
    )
    meta = n.definitions(n.Ref("B", meta=n.Meta(title="T")), {"B": n.Integer()})
    assert meta.meta == n.Meta(title="T")


def test_definitions_that_are_only_wrapped():
    tree = n.definitions(n.Array(rest=n.Ref("A")), {"A": n.Array(rest=n.Ref("A"))})
    assert GType.from_schema(tree).is_valid([[[]]])
    sensitive = n.definitions(n.Ref("A"), {"A": n.Array(rest=n.Sensitive(n.Ref("A")))})
    assert GType.from_schema(sensitive).problems([[1]])[0].actual == "(hidden)"
    build_serializer(sensitive)
    lists = n.definitions(n.Ref("A"), {"A": n.union(n.Array(rest=n.Ref("A")), n.Integer())})
    assert GType.from_schema(lists).dump_json([[1], 2]) == b"[[1],2]"


def test_mutual_recursion_has_a_fingerprint_without_names():
    def make(one: str, other: str) -> n.Schema:
        return n.definitions(
            n.Ref(one),
            {
                one: n.Record((n.Field(name="x", schema=n.union(n.Ref(other), n.Null())),)),
                other: n.Record((n.Field(name="y", schema=n.union(n.Ref(one), n.Null())),)),
            },
        )

    assert make("A", "B").digest == make("B", "A").digest == make("P", "Q").digest
    assert make("A", "B").digest != GType(Recursive).fingerprint
    three = n.definitions(
        n.Ref("A"),
        {
            name: n.Record((n.Field(name="n", schema=n.union(n.Ref(to), kind)),))
            for name, to, kind in (("A", "B", n.Null()), ("B", "C", n.Null()), ("C", "A", n.String()))
        },
    )
    assert three.digest not in (make("A", "B").digest, GType(Recursive).fingerprint)


def test_a_definition_that_is_another():
    tree = n.definitions(n.Ref("A"), {"A": n.Ref("B"), "B": n.Array(rest=n.Ref("A"))})
    assert GType.from_schema(tree).is_valid([[], [[]]])
    assert not GType.from_schema(tree).is_valid([1])
    assert GType.from_schema(tree).validate_json("[[]]") == [[]]
    nested = n.definitions(
        n.Array(rest=n.Ref("C")), {"C": n.Map(n.Ref("K"), n.union(n.Ref("C"), n.Null())), "K": n.Integer()}
    )
    assert GType.from_schema(nested).validate_json('[{"1":{"2":null}}]') == [{1: {2: None}}]


def test_recursive_keys():
    keys = n.definitions(
        n.Map(n.Ref("K"), n.Null()), {"K": n.union(n.Integer(), n.Array(rest=n.Ref("K"), container="tuple"))}
    )
    gtype = GType.from_schema(keys)
    assert gtype.validate_json('{"1":null}') == {1: None}
    with pytest.raises(ValidationError) as caught:
        gtype.validate_json('{"x":null}')
    assert caught.value.problems[0].code == "wrong_key"
    assert gtype.is_valid({(1, (2,)): None})


def test_every_kind_of_container_that_contains_itself():
    inner: Any = n.Array(rest=n.Ref("A"))
    tree = n.definitions(
        n.Ref("A"),
        {"A": n.union(inner, n.Map(n.String(), n.Ref("A")), n.Set(n.Ref("A"), frozen=True), n.Integer())},
    )
    gtype = GType.from_schema(tree)
    circle: list[Any] = []
    circle.append(circle)
    ring: dict[str, Any] = {}
    ring["a"] = ring
    deep: Any = frozenset()
    for _ in range(400):
        deep = frozenset({deep})
    for value in (circle, ring, deep):
        assert "too_deep" in repr(gtype.problems(value)), value
        assert len(repr(gtype.redact(value))) > 0


def test_defaults_beside_problems():
    record = n.Record(
        (
            n.Field(name="a", schema=n.Integer()),
            n.Field(name="b", schema=n.Array(rest=n.Null()), default_factory=list),
            n.Field(name="c", schema=n.Literal((1, 2)), required=False),
            n.Field(name="d", schema=n.String(), required=False),
        )
    )
    assert [p.location for p in GType.from_schema(record).problems({"a": "x", "c": 2, "d": "é"})] == ["a"]
    with pytest.raises(ValidationError) as caught:
        GType.from_schema(record).validate_strings({"a": "x"})
    assert [p.location for p in caught.value.problems] == ["a"]
    assert GType.from_schema(record).validate_strings({"a": "1"}) == {"a": 1, "b": []}


def test_times_beside_problems():
    record = g.object({"a": int, "t": dt.time, "d": dt.timedelta, "w": dt.datetime})
    with pytest.raises(ValidationError) as caught:
        GType(record).validate_json('{"a":"x","t":"01:02","d":"PT1S","w":"2026-01-02T03:04:05Z"}')
    assert [p.location for p in caught.value.problems] == ["a"]


def test_aliases_of_nothing_and_odd_generics():
    import typing_extensions as te

    bad = te.TypeAliasType("bad", "bad | int")
    with pytest.raises(UnsupportedAnnotation, match="nothing around it"):
        GType(bad)
    with pytest.raises(UnsupportedAnnotation, match="is not supported"):
        GType(te.Concatenate[int, ...])


def test_generics_in_generics():
    from typing import Generic, TypeVar

    T = TypeVar("T")

    class Inner(TypedDict, Generic[T]):
        x: T

    class Outer(TypedDict, Generic[T]):
        lists: Inner[list[T]]
        plain: Inner[T]

    assert GType(Outer[int]).is_valid({"lists": {"x": [1]}, "plain": {"x": 1}})
    assert not GType(Outer[int]).is_valid({"lists": {"x": ["a"]}, "plain": {"x": 1}})
    assert GType(Inner[Annotated[int, [1]]]).schema == GType(Inner[int]).schema


def test_a_class_that_cannot_be_asked_is_not_shown():
    class Meta(type):
        def __getattr__(cls, name: str) -> Any:
            raise RuntimeError(name)

    class Closed(metaclass=Meta):
        pass

    assert GType(int).problems(Closed())[0].actual == "an object that cannot be shown (RuntimeError)"
    assert GType(Any).redact([Closed()]) == ["(hidden)"]


def test_more_corners():
    assert n.Record(rest=n.Anything()) == n.Record()
    assert n.DecimalNumber(minimum=1).minimum == decimal.Decimal(1)
    assert n.Integer(multiple_of=1) == n.Integer()
    assert n.String() == n.intersection(n.String(), n.String(meta=n.Meta(title="t")))
    assert GType(Annotated[tuple[int, int], MaxLength(1)]).problems((1, 2))[0].code == "too_long"
    with pytest.raises(SchemaError):
        GType.from_schema(n.Opaque(id="x", core_schema={"type": "nothing"})).is_valid(1)
    refined = n.Array((n.Refined(n.Set(n.Bytes()), id="x", check=bool), n.Ref("S")), container="tuple")
    tree = n.definitions(refined, {"S": n.Array(rest=n.Ref("S"))})
    assert GType.from_schema(tree).dump_json(({b"\xff"}, [[]])) == b'[["/w=="],[[]]]'
    assert GType(n.Array((n.Boolean(),), container="tuple")).validate_strings(["1"]) == (True,)
    with pytest.raises(ValidationError):
        GType(n.Array((), container="tuple")).validate_strings(["1"])
    assert GType(Annotated[list[Literal[1, "a"]], Length(2)]).validate_strings(["1", "a"]) == [1, "a"]
    assert Hidden().apply(n.Sensitive(n.Null())) == n.Sensitive(n.Null())


def test_the_interpreter_on_its_own():
    for node, value in (
        (n.Time(), dt.time(1)),
        (n.Duration(), dt.timedelta(1)),
        (n.Literal((10**20, "x")), int("1" + "0" * 20)),
    ):
        assert interpret(node, value) == (value, ())


def test_what_is_too_deep_for_the_interpreter():
    for node, value in ((n.Array(rest=n.Null()), []), (n.Map(), {}), (n.Set(), set()), (n.Record(), {})):
        reading = Reading("python", {})
        reading.depth = 250
        assert reading.read(node, value, ()) is REFUSED
        assert [problem.code for problem in reading.problems] == ["too_deep"]


def test_a_definition_used_twice():
    pair = n.definitions(n.Array((n.Ref("I"), n.Ref("I"))), {"I": n.Integer()})
    assert pair == n.Array((n.Integer(), n.Integer()))
    tree = n.definitions(
        n.Ref("A"),
        {
            "A": n.Array(rest=n.union(n.Ref("A"), n.Ref("B"))),
            "B": n.union(n.Ref("A"), n.Null()),
            "C": n.Null(),
        },
    )
    assert GType.from_schema(tree).is_valid([None, [None]])


def test_writing_the_better_of_two_records():
    both = GType(g.union(g.object({"a": int}), g.object({"a": int, "b": g.optional(int)})))
    assert both.dump_json({"a": 1, "b": 2, "c": 3}) == b'{"a":1,"b":2}'


def test_bare_references_that_meet_again():
    tree = n.definitions(
        n.Ref("A"),
        {
            "A": n.union(n.Ref("B"), n.Ref("C")),
            "B": n.union(n.Ref("C"), n.Integer()),
            "C": n.Array(rest=n.Ref("A")),
        },
    )
    assert GType.from_schema(tree).is_valid([1, [2, []]])


def test_markers_compare_by_type_too():
    assert Min(1) == Min(1)
    assert hash(Min(1)) == hash(Min(1))
    assert Min(1) != Min(True)
    assert Min(1) != Min(1.0)
    assert Min(1) != 1
    assert UrlWith("ftp", "sftp") == UrlWith("SFTP", "ftp", "ftp") != UrlWith("ftp")
    assert GType(Annotated[int, Min(1)]).schema == GType(Annotated[int, Min(1.0)]).schema

    class Own(Marker):
        pass

    one = Own()
    assert one == one
    assert one != Own()


@pytest.mark.parametrize("schemes", [(), ("ftp://",), ("",), (1,), ("ftp", "s ftp")])
def test_schemes_of_a_url_are_schemes(schemes: tuple[Any, ...]):
    with pytest.raises(SchemaError, match="UrlWith takes schemes such as 'ftp', without '://', not tuple of"):
        UrlWith(*schemes)


def test_the_steps_of_a_path_are_numbers_as_far_as_the_engine_has_them():
    keys = (2**63 - 1, -(2**63) + 1, 2**63, -(2**63))
    found = [GType(dict[int, str]).problems({key: 1})[0].path for key in keys]
    assert found == [(2**63 - 1,), (-(2**63) + 1,), (str(2**63),), (str(-(2**63)),)]
