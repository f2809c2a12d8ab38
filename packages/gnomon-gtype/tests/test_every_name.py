"""One row for every annotation, builder, named type and constraint: from Python, from JSON and against the JSON Schema.

The tables of the other modules go into depth; this one leaves nothing out, and a test counts the names. It is long because it
is one table.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress as ip
import json
import pathlib
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    Never,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    TypeVar,
    Union,
)

import annotated_types as at
import jsonschema_rs
import pytest
from typing_extensions import ReadOnly, TypeAliasType

import gnomon_gtype as gt
from gnomon_gtype import GType, ValidationError, g

T = TypeVar("T")
Age = NewType("Age", int)
Items = TypeAliasType("Items", list[T], type_params=(T,))
Tree = TypeAliasType("Tree", "dict[str, Tree]")
ID = uuid.UUID("12345678-1234-4678-9234-567812345678")
NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
MOMENT = '"2026-01-02T12:00:00Z"'


class Plain(enum.Enum):
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    A = "a"


class Bits(enum.Flag):
    ONE = 1


class IntBits(enum.IntFlag):
    ONE = 1


class Total(TypedDict):
    a: int
    b: NotRequired[int]


class Loose(TypedDict, total=False):
    a: Required[int]
    b: ReadOnly[int]


class Page(TypedDict, Generic[T]):
    items: list[T]


class Cat(TypedDict):
    kind: Literal["cat"]


class Dog(TypedDict):
    kind: Literal["dog"]


class Left(TypedDict):
    right: NotRequired[Right]


class Right(TypedDict):
    left: NotRequired[Left]


@dataclasses.dataclass(slots=True)
class Slotted:
    a: int
    b: int = 0


@dataclasses.dataclass(kw_only=True)
class Worded:
    a: int
    made: int = dataclasses.field(default=1, init=False)


class Pair(NamedTuple):
    a: int


def even(value: int) -> bool:
    return value % 2 == 0


class Doubled:
    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        return {"type": "int", "strict": True}


# name: the type; values it has and has not; JSON texts it has and has not
ANNOTATIONS: dict[str, tuple[Any, list[Any], list[Any], list[str], list[str]]] = {
    "str": (str, ["é"], [1, b"a"], ['"é"'], ["1"]),
    "int": (int, [5], [True, 1.0, "1"], ["5"], ["1.5", "true", '"1"']),
    "float": (float, [1.5, 2.0], [True, float("nan")], ["1.5", "2"], ['"1"', "true"]),
    "bool": (bool, [True], [1], ["true"], ["1"]),
    "None": (None, [None], [0], ["null"], ["0"]),
    "bytes": (bytes, [b"ab"], ["ab"], ['"YWI="'], ['"YWI"', "1"]),
    "Any": (Any, [1, "a"], [], ["[1]"], []),
    "object": (object, [1, "a"], [], ["[1]"], []),
    "Never": (Never, [], [None], [], ["null"]),
    "list": (list[int], [[1]], [(1,), ["a"]], ["[1]"], ['["a"]', "{}"]),
    "tuple fixed": (tuple[int, str], [(1, "a")], [(1,), [1, "a"]], ['[1,"a"]'], ["[1]", '["a",1]']),
    "tuple variadic": (tuple[int, ...], [(), (1, 2)], [(1, "a"), [1]], ["[1,2]"], ['["a"]']),
    "tuple middle": (
        tuple[int, *tuple[str, ...], bool],
        [(1, "a", True)],
        [(1,), (1, 2, True)],
        ['[1,"a",true]'],
        ["[1]"],
    ),
    "dict": (dict[str, int], [{"a": 1}], [{1: 1}, []], ['{"a":1}'], ['{"a":"b"}', "[]"]),
    "Mapping": (Mapping[str, int], [{"a": 1}], [{"a": "b"}], ['{"a":1}'], ['{"a":"b"}']),
    "set": (set[int], [{1}], [[1], frozenset({1})], ["[1,2]"], ["[1,1]", '["a"]']),
    "frozenset": (frozenset[int], [frozenset({1})], [{1}], ["[1,2]"], ["[1,1]"]),
    "Sequence": (Sequence[int], [[1], (1,)], ["a", {1}], ["[1]"], ['"a"']),
    "Literal": (Literal["a", 1], ["a", 1], [True, "b"], ['"a"', "1"], ["true", '"b"']),
    "Enum": (Plain, [Plain.A], ["a"], ['"a"'], ['"A"']),
    "IntEnum": (Number, [Number.ONE], [1], ["1"], ["2", "true"]),
    "StrEnum": (Word, [Word.A], ["a"], ['"a"'], ['"b"']),
    "Flag": (Bits, [Bits.ONE], [1], ["1"], ["4"]),
    "IntFlag": (IntBits, [IntBits.ONE], [1], ["1"], ["4"]),
    "Union": (Union[int, str], [1, "a"], [1.5], ["1", '"a"'], ["1.5"]),  # noqa: UP007 (this very form)
    "|": (int | list[str], [1, ["a"]], ["a"], ["1", '["a"]'], ['"a"']),
    "Optional": (Optional[int], [1, None], ["a"], ["1", "null"], ['"a"']),  # noqa: UP045 (this very form)
    "discriminated": (
        Cat | Dog,
        [{"kind": "cat"}],
        [{"kind": "cow"}, {}],
        ['{"kind":"dog"}'],
        ['{"kind":1}'],
    ),
    "TypedDict": (Total, [{"a": 1}], [{}, {"a": 1, "b": None}], ['{"a":1,"b":2}'], ["{}", '{"a":"x"}']),
    "total=False": (Loose, [{"a": 1}], [{"b": 1}, {"a": 1, "b": "x"}], ['{"a":1}'], ['{"b":1}']),
    "generic TypedDict": (
        Page[int],
        [{"items": [1]}],
        [{"items": ["a"]}],
        ['{"items":[1]}'],
        ['{"items":["a"]}'],
    ),
    "dataclass slots": (Slotted, [Slotted(1)], [{"a": 1}], ['{"a":1}'], ["{}", '{"a":"x"}']),
    "dataclass kw_only": (Worded, [Worded(a=1)], [{"a": 1}], ['{"a":1}'], ["{}"]),
    "NamedTuple": (Pair, [Pair(1)], [(1,)], ["[1]"], ["[]", '["a"]']),
    "NewType": (Age, [1], ["a"], ["1"], ['"a"']),
    "TypeVar": (T, [1, "a"], [], ["1"], []),
    "alias": (Items[int], [[1]], [["a"]], ["[1]"], ['["a"]']),
    "recursive alias": (Tree, [{"a": {}}], [{"a": 1}], ['{"a":{"b":{}}}'], ['{"a":1}']),
    "mutually recursive": (
        Left,
        [{"right": {"left": {}}}],
        [{"right": {"left": 1}}],
        ['{"right":{"left":{}}}'],
        ['{"right":1}'],
    ),
    "forward reference": ("list[Total]", [[{"a": 1}]], [[{}]], ['[{"a":1}]'], ["[{}]"]),
    "datetime": (dt.datetime, [NOON], [dt.datetime(2026, 1, 2)], [MOMENT], ['"2026-01-02T12:00:00"', "0"]),
    "date": (dt.date, [dt.date(2026, 1, 2)], [NOON], ['"2026-01-02"'], ['"soon"', "0"]),
    "time": (dt.time, [dt.time(1)], ["01:00"], ['"01:00"'], ['"1"', "0"]),
    "timedelta": (dt.timedelta, [dt.timedelta(1)], [1], ['"P1D"'], ['"P1M"', "1"]),
    "UUID": (uuid.UUID, [ID], [str(ID)], [f'"{ID}"'], [f'"{ID.hex}"', "1"]),
    "Decimal": (decimal.Decimal, [decimal.Decimal(1)], [1, 1.0], ['"1.5"', "1"], ['"x"', "true"]),
    "Path": (pathlib.Path, [pathlib.Path("a")], ["a"], ['"a"'], ["1"]),
    "PurePath": (pathlib.PurePath, [pathlib.PurePath("a")], ["a"], ['"a"'], ["1"]),
    "PurePosixPath": (pathlib.PurePosixPath, [pathlib.PurePosixPath("a")], ["a"], ['"a"'], ["1"]),
    "PureWindowsPath": (pathlib.PureWindowsPath, [pathlib.PureWindowsPath("a")], ["a"], ['"a"'], ["1"]),
    "IPv4Address": (ip.IPv4Address, [ip.IPv4Address(1)], ["0.0.0.1"], ['"1.2.3.4"'], ['"1.2"', "1"]),
    "IPv6Address": (ip.IPv6Address, [ip.IPv6Address(1)], ["::1"], ['"::1"'], ['"1.2.3.4"', "1"]),
    "IPv4Network": (
        ip.IPv4Network,
        [ip.IPv4Network("10.0.0.0/8")],
        ["x"],
        ['"10.0.0.0/8"'],
        ['"10.0.0.1/8"'],
    ),
    "IPv6Network": (ip.IPv6Network, [ip.IPv6Network("fe80::/10")], ["x"], ['"fe80::/10"'], ['"fe80::1/10"']),
    "IPv4Interface": (ip.IPv4Interface, [ip.IPv4Interface("10.0.0.1/8")], ["x"], ['"10.0.0.1/8"'], ['"x"']),
    "IPv6Interface": (ip.IPv6Interface, [ip.IPv6Interface("::1/64")], ["x"], ['"::1/64"'], ['"x"']),
    "re.Pattern": (re.Pattern, [re.compile("a")], ["a", re.compile(b"a")], ['"a+"'], ['"("', "1"]),
    "annotated_types": (Annotated[int, at.Interval(ge=1, lt=3)], [1, 2], [0, 3], ["2"], ["3"]),
    "foreign": (Doubled, [1], ["a"], ["1"], ['"a"']),
}
NAMED: dict[str, tuple[Any, list[Any], list[Any], list[str], list[str]]] = {
    "Email": (gt.Email, ["a@b.de"], ["a", 1], ['"a@b.de"'], ['"a"', "1"]),
    "Url": (gt.Url, ["https://a.de/x"], ["ftp://a.de"], ['"http://a.de"'], ['"ftp://a.de"']),
    "UrlWith": (
        Annotated[str, gt.UrlWith("ftp")],
        ["ftp://a.de"],
        ["http://a.de"],
        ['"ftp://a.de"'],
        ['"x"'],
    ),
    "Uuid": (gt.Uuid, [str(ID)], [ID, ID.hex], [f'"{ID}"'], [f'"{ID.hex}"']),
    "Slug": (gt.Slug, ["a-b"], ["a--b"], ['"a-b"'], ['"A"']),
    "Hostname": (gt.Hostname, ["a.de"], ["a..b"], ['"a.de"'], ['"a..b"']),
    "Port": (gt.Port, [1, 65535], [0, 65536], ["80"], ["0", "65536"]),
    "Base64": (gt.Base64, ["YWI="], ["YWI"], ['"YWI="'], ['"YWI"']),
    "JsonString": (gt.JsonString, ["{}"], ["{"], ['"{}"'], ['"{"']),
    "NonEmpty": (gt.NonEmpty, ["a"], [""], ['"a"'], ['""']),
    "Positive": (gt.Positive, [1], [0], ["1"], ["0"]),
    "NonNegative": (gt.NonNegative, [0], [-1], ["0"], ["-1"]),
    "PositiveFloat": (gt.PositiveFloat, [0.5], [0.0], ["0.5"], ["0"]),
    "Percentage": (gt.Percentage, [0.0, 100.0], [100.1], ["50"], ["101", "-1"]),
    "Timestamp": (gt.Timestamp, [NOON], [NOON.replace(tzinfo=None)], [MOMENT], ['"2026-01-02T12:00:00"']),
    "NaiveDatetime": (
        gt.NaiveDatetime,
        [dt.datetime(2026, 1, 2)],
        [NOON],
        ['"2026-01-02T12:00:00"'],
        [MOMENT],
    ),
}
CONSTRAINTS: dict[str, tuple[Any, list[Any], list[Any], list[str], list[str]]] = {
    "Min": (Annotated[int, gt.Min(1)], [1], [0], ["1"], ["0"]),
    "Max": (Annotated[int, gt.Max(1)], [1], [2], ["1"], ["2"]),
    "Gt": (Annotated[float, gt.Gt(1)], [1.5], [1.0], ["1.5"], ["1"]),
    "Lt": (Annotated[float, gt.Lt(1)], [0.5], [1.0], ["0.5"], ["1"]),
    "MultipleOf": (Annotated[int, gt.MultipleOf(3)], [9], [10], ["9"], ["10"]),
    "MinLength": (Annotated[str, gt.MinLength(2)], ["ab"], ["a"], ['"ab"'], ['"a"']),
    "MaxLength": (Annotated[list[int], gt.MaxLength(1)], [[1]], [[1, 2]], ["[1]"], ["[1,2]"]),
    "Length": (Annotated[str, gt.Length(1, 2)], ["a"], ["", "abc"], ['"ab"'], ['""', '"abc"']),
    "Pattern": (Annotated[str, gt.Pattern("^a$")], ["a"], ["a\n", "b"], ['"a"'], ['"b"']),
    "TextFormat": (Annotated[str, gt.TextFormat("slug")], ["a"], ["A"], ['"a"'], ['"A"']),
    "UniqueItems": (Annotated[list[Any], gt.UniqueItems()], [[1, True]], [[1, 1.0]], ["[1,true]"], ["[1,1]"]),
    "Predicate": (Annotated[int, gt.Predicate(even, "must be even")], [2], [1], ["2"], ["1"]),
    "Digits": (
        Annotated[decimal.Decimal, gt.Digits(2)],
        [decimal.Decimal(12)],
        [decimal.Decimal(123)],
        ["12"],
        ["123"],
    ),
    "Zone": (
        Annotated[dt.time, gt.Zone("aware")],
        [dt.time(1, tzinfo=dt.UTC)],
        [dt.time(1)],
        ['"01:00Z"'],
        ['"01:00"'],
    ),
    "UuidVersion": (
        Annotated[uuid.UUID, gt.UuidVersion(4)],
        [ID],
        [uuid.UUID(int=1)],
        [f'"{ID}"'],
        [f'"{uuid.UUID(int=1)}"'],
    ),
    "AllowNonFinite": (Annotated[float, gt.AllowNonFinite()], [float("inf")], ["a"], ["1.5"], ['"a"']),
    "Sensitive": (gt.Sensitive[int], [1], ["a"], ["1"], ['"a"']),
    "Hidden": (Annotated[int, gt.Hidden()], [1], ["a"], ["1"], ['"a"']),
    "Closed": (gt.Closed[Total], [{"a": 1}], [{"a": 1, "x": 1}], ['{"a":1}'], ['{"a":1,"x":1}']),
    "Open": (gt.Open[Total], [{"a": 1, "x": 1}], [{}], ['{"a":1,"x":1}'], ["{}"]),
    "UnknownKeys": (
        Annotated[Total, gt.UnknownKeys("forbid")],
        [{"a": 1}],
        [{"a": 1, "x": 1}],
        ['{"a":1}'],
        ['{"a":1,"x":1}'],
    ),
    "Discriminator": (
        Annotated[Cat | Dog, gt.Discriminator("kind")],
        [{"kind": "cat"}],
        [{}],
        ['{"kind":"cat"}'],
        ["{}"],
    ),
    "Message": (Annotated[int, gt.Message("no")], [1], ["a"], ["1"], ['"a"']),
    "Describe": (Annotated[int, gt.Describe("a number")], [1], ["a"], ["1"], ['"a"']),
}
BUILDERS: dict[str, tuple[Any, list[Any], list[Any], list[str], list[str]]] = {
    "string": (g.string(min_length=1), ["a"], [""], ['"a"'], ['""']),
    "number": (g.number(minimum=1), [1, 1.5], [0.5], ["1.5"], ["0.5"]),
    "float": (g.float(), [1.5], ["a"], ["1.5"], ['"a"']),
    "integer": (g.integer(minimum=1), [1], [0], ["1"], ["0"]),
    "bigint": (g.bigint(), [10**30], [1.0], [str(10**30)], ["1.5"]),
    "boolean": (g.boolean(), [True], [1], ["true"], ["1"]),
    "null": (g.null(), [None], [0], ["null"], ["0"]),
    "undefined": (
        g.object({"a": g.union(int, g.undefined())}),
        [{}, {"a": 1}],
        [{"a": None}],
        ["{}"],
        ['{"a":null}'],
    ),
    "optional": (g.object({"a": g.optional(int)}), [{}, {"a": 1}], [{"a": None}], ["{}"], ['{"a":null}']),
    "any": (g.any(), [1], [], ["1"], []),
    "unknown": (g.unknown(), [1], [], ["1"], []),
    "never": (g.never(), [], [1], [], ["1"]),
    "literal": (g.literal("a", 1), ["a", 1], [True], ["1"], ["true"]),
    "template": (g.template("u-", g.integer()), ["u-1"], ["u-x"], ['"u-1"'], ['"u-x"']),
    "enum": (g.enum(Plain), [Plain.A], ["a"], ['"a"'], ['"b"']),
    "array": (g.array(int), [[1]], [["a"]], ["[1]"], ['["a"]']),
    "tuple": (g.tuple(int, g.optional(str), rest=bool), [(1,), (1, "a", True)], [()], ["[1]"], ["[1,true]"]),
    "object": (
        g.object({"a": int}, extra="forbid"),
        [{"a": 1}],
        [{"a": 1, "b": 1}],
        ['{"a":1}'],
        ['{"a":1,"b":1}'],
    ),
    "record": (g.record(str, int), [{"a": 1}], [{"a": "b"}], ['{"a":1}'], ['{"a":"b"}']),
    "map": (g.map(int, str), [{1: "a"}], [{"1": "a"}], ['{"1":"a"}'], ['{"x":"a"}']),
    "set": (g.set(str), [{"a"}], [["a"]], ['["a"]'], ['["a","a"]']),
    "frozenset": (g.frozenset(str), [frozenset("a")], [{"a"}], ['["a"]'], ['["a","a"]']),
    "datetime": (g.datetime(), [NOON], ["x"], [MOMENT], ['"x"']),
    "date": (g.date(), [dt.date(2026, 1, 2)], [NOON], ['"2026-01-02"'], ['"x"']),
    "time": (g.time(), [dt.time(1)], ["x"], ['"01:00"'], ['"x"']),
    "duration": (g.duration(), [dt.timedelta(1)], [1], ['"P1D"'], ['"x"']),
    "decimal": (g.decimal(), [decimal.Decimal(1)], [1], ["1"], ['"x"']),
    "uuid": (g.uuid(), [ID], ["x"], [f'"{ID}"'], ['"x"']),
    "path": (g.path(), [pathlib.Path("a")], ["a"], ['"a"'], ["1"]),
    "ip": (g.ip(), [ip.IPv4Address(1)], ["x"], ['"1.2.3.4"'], ['"x"']),
    "bytes": (g.bytes(), [b"a"], ["a"], ['"YWI="'], ['"YWI"']),
    "regex": (g.regex(), [re.compile("a")], ["a"], ['"a"'], ['"("']),
    "union": (g.union(int, str), [1, "a"], [1.5], ["1"], ["1.5"]),
    "discriminated": (g.discriminated("kind", Cat, Dog), [{"kind": "cat"}], [{}], ['{"kind":"cat"}'], ["{}"]),
    "intersection": (
        g.intersection(g.object({"a": int}), g.object({"b": int})),
        [{"a": 1, "b": 1}],
        [{"a": 1}],
        ['{"a":1,"b":1}'],
        ['{"a":1}'],
    ),
    "ref": (g.define(g.ref("N"), {"N": g.array(g.ref("N"))}), [[[]]], [[1]], ["[[]]"], ["[1]"]),
    "define": (g.define(g.ref("N"), {"N": g.record(str, g.ref("N"))}), [{"a": {}}], [1], ['{"a":{}}'], ["1"]),
    "partial": (g.partial(Cat), [{}], [{"kind": 1}], ["{}"], ['{"kind":1}']),
    "required": (g.required(Total), [{"a": 1, "b": 1}], [{"a": 1}], ['{"a":1,"b":1}'], ['{"a":1}']),
    "readonly": (g.readonly(Total), [{"a": 1}], [{}], ['{"a":1}'], ["{}"]),
    "pick": (g.pick(Total, "b"), [{}], [{"b": "x"}], ["{}"], ['{"b":"x"}']),
    "omit": (g.omit(Total, "a"), [{}], [{"b": "x"}], ["{}"], ['{"b":"x"}']),
    "exclude": (g.exclude(g.literal("a", "b"), g.literal("b")), ["a"], ["b"], ['"a"'], ['"b"']),
    "extract": (g.extract(g.union(int, str), str), ["a"], [1], ['"a"'], ["1"]),
    "non_nullable": (g.non_nullable(g.union(str, None)), ["a"], [None], ['"a"'], ["null"]),
    "keyof": (g.keyof(Total), ["a", "b"], ["c"], ['"a"'], ['"c"']),
    "predicate": (g.predicate(int, even, "must be even"), [2], [1], ["2"], ["1"]),
    "sensitive": (g.sensitive(int), [1], ["a"], ["1"], ['"a"']),
    "describe": (g.describe(int, "a number"), [1], ["a"], ["1"], ['"a"']),
}
ROWS = [
    pytest.param(name, *row, id=f"{kind}: {name}")
    for kind, table in (
        ("annotation", ANNOTATIONS),
        ("named type", NAMED),
        ("constraint", CONSTRAINTS),
        ("builder", BUILDERS),
    )
    for name, row in table.items()
]
WIDER = {
    "foreign",
    # JSON Schema has no words for these, and its document says so in a comment or is simply wider
    "IPv4Network",
    "IPv6Network",
    "IPv4Interface",
    "IPv6Interface",
    "IPv4Address",
    "IPv6Address",
    "ip",
    "re.Pattern",
    "regex",
    "JsonString",
    "Predicate",
    "predicate",
    "Digits",
}


@pytest.mark.parametrize(("name", "annotation", "good", "bad", "texts", "wrong"), ROWS)
def test_row(name, annotation, good, bad, texts, wrong):
    gtype: GType[Any] = GType(annotation, namespace=globals())
    for value in good:
        result = gtype.validate(value)
        assert type(result) is type(value) and result == value
    for value in bad:
        assert gtype.problems(value), value
    reader = jsonschema_rs.Draft202012Validator(gtype.json_schema())
    writer = jsonschema_rs.Draft202012Validator(gtype.json_schema(mode="serialization"))
    for text in texts:
        result = gtype.validate_json(text)
        assert gtype.is_valid(result)
        assert reader.is_valid(json.loads(text)), text
        again = gtype.dump_json(result)
        assert writer.is_valid(json.loads(again)), again
        assert gtype.validate_json(again) == result
    for text in wrong:
        with pytest.raises(ValidationError):
            gtype.validate_json(text)
    accepted = [text for text in wrong if reader.is_valid(json.loads(text))]
    assert bool(accepted) == (name in WIDER), accepted


def test_no_name_is_left_out():
    markers = {
        name
        for name, item in vars(gt).items()
        if isinstance(item, type) and issubclass(item, gt.Marker) and item is not gt.Marker
    }
    assert markers - set(NAMED) <= set(CONSTRAINTS)
    assert set(g.__all__) == set(BUILDERS)
    named = set(gt.__all__) - set(CONSTRAINTS) - {"Marker", "Code", "Containment", "GType", "Problem"}
    named -= {name for name in named if name.endswith("Error") or name.startswith("Unsupported")}
    assert named - {"contains", "g"} == set(NAMED)
