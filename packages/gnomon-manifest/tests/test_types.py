"""A type that is read from source has the same schema tree as the one that `GType` makes at run time."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import hypothesis
import jsonschema
import packaging
import pytest

from gnomon_gtype import GType
from gnomon_manifest import Finding, build
from gnomon_manifest._annotations import Annotations
from gnomon_manifest._constants import NotStatic
from gnomon_manifest._names import Module, Names, index
from gnomon_manifest._source import find_files, read
from gnomon_manifest.testing import write_package

SOURCE = '''
from __future__ import annotations
import collections, dataclasses, datetime as dt, enum, typing, uuid
import typing as t
from dataclasses import KW_ONLY, InitVar, dataclass, field
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import *
from typing import NotRequired as Maybe
import annotated_types as at
import typing_extensions as te
from annotated_types import Ge, Interval, Len, MinLen
import gnomon_gtype
from gnomon_gtype import Closed, Email, Max, MinLength, Pattern, Predicate, Sensitive
from .other import Far, Shade as Colour, T as FarT
from .other import *
from . import other

LIMIT = 3
T = TypeVar("T")
Bound = TypeVar("Bound", bound="Base")
Choice = TypeVar("Choice", int, "str")
UserId = NewType("UserId", int)
TextId = NewType("TextId", "str")

def even(value): return value % 2 == 0

class Level(enum.IntEnum):
    LOW = 1
    HIGH = LOW + 1
class Auto(enum.Enum):
    ONE = enum.auto()
    TWO = enum.auto()
    UNO = ONE
class Text(str, enum.Enum):
    """Text."""
    A = "a"
    when = dt.timedelta(seconds=1)
Fun = enum.Enum("Fun", "A B")
SMALL = Ge(LIMIT)

class Base(TypedDict, total=False):
    """A base."""
    a: int
    b: Required[Annotated[str, MinLen(LIMIT)]]
    kids: "list[Sub]"
class Sub(Base):
    c: Maybe[Colour]
    up: Base
    e: Email
    text: "te.Required[int]"
class Page(TypedDict, Generic[T]):
    items: list[T]
    next: Page[T] | None
class IntPage(Page[int]):
    count: "Annotated[Required[int], Ge(0)]"
class Over(Base):
    a: int
class Outer(TypedDict):
    inner: Level

@dataclass(frozen=True, kw_only=True)
class Data:
    x: int = 3
    y: list[int] = field(default_factory=list, metadata={"a": even})
    w: list[int] = field(default_factory=lambda: [])
    made: list[int] = field(default_factory=Far)
    n: "Optional[Data]" = None
    level: Level = Level.LOW
    span: dt.timedelta = dt.timedelta(seconds=LIMIT)
    given: int = field(default=LIMIT)
    shared: ClassVar[int] = 3
    bare: ClassVar = 4
@final
@dataclasses.dataclass
class Child(Base2 := object):
    z: int = -1
    _: KW_ONLY
    kw: str = "x"
class Holder:
    @dataclass
    class Kept:
        a: int
        def method(self): ...
    LIMIT = 3
class Tuple1(NamedTuple):
    q: UserId
    r: Data | None = None
Pair = NamedTuple("Pair", [("a", int), ("b", "str")])
Old = collections.namedtuple("Old", "a b")
Fn = TypedDict("Fn", {"a-b": int, "c": "Required[str]"}, total=False)
Alias = dict[str, Page[Sub]]
Again: TypeAlias = "Alias"
Explicit = te.TypeAliasType("Explicit", list[int])
'''.replace("class Child(Base2 := object):", "class Child:")
OTHER = """
import enum
from typing import TypedDict, TypeVar
__all__ = ["Star", "T"]
T = TypeVar("T")
class Shade(enum.Enum):
    RED = "red"
    BLUE = 2
class Far(TypedDict):
    near: "Shade"
class Star(TypedDict):
    far: Far
class Hidden(TypedDict):
    a: int
"""
ANNOTATIONS = """
int str bool float bytes None Any object list dict complex2 dt.datetime dt.date uuid.UUID Decimal IPv4Address Path
Base Sub Page[Sub] Page[Page[int]] IntPage Outer Data Child Holder.Kept Tuple1 Pair Fn Alias Again Explicit
Level Auto Text Fun Colour other.Shade Star Far UserId TextId Email gnomon_gtype.Email
list[Base] dict[str,int] tuple[int,...] tuple[()] tuple[int,*tuple[str,...],float] tuple[int,te.Unpack[tuple[str,...]]]
set[int] frozenset[str] t.Sequence[int] typing.Mapping[str,Data] List[int] Dict[str,int] Optional[Sub] Union[int,str,None]
int|None int|Literal["str"]|None "Sub" list["Sub"] Literal[1,"x",Level.LOW,None] Literal[-1] Literal[Literal[1],2] te.Literal["a"]
Annotated[int,Ge(1)] Annotated[str,Len(1,LIMIT)] Annotated[int,Interval(ge=1,lt=5)] Annotated[int,at.MultipleOf(2)]
Annotated[int,Predicate(even,"even")] Annotated[str,Pattern("^a")] Annotated[str,MinLength(Holder.LIMIT)] Annotated[int,Max(10**3)]
Sensitive[str] Closed[Sub] Annotated[int,Level] Annotated[int,SMALL] Literal[Fun.A] Over tuple[Annotated[int,Predicate(even)],Annotated[int,Predicate(even)]]
list[T] list[Bound] list[Choice] list[FarT] te.TypedDict2
Annotated[Decimal,Ge(Decimal("1.5"))] Annotated[dt.datetime,Ge(dt.datetime(2020,1,1,tzinfo=dt.timezone.utc))] Annotated[int,"a",1.5]
"""
ANNOTATIONS = [text for text in ANNOTATIONS.split() if not text.endswith("2")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Names, Any]]:
    root = write_package(
        tmp_path_factory.mktemp("types"), {"main.py": SOURCE, "other.py": OTHER}, name="typed"
    )
    names = Names(index(read(*found)) for found in find_files(root))
    sys.path.insert(0, str(root.parent))
    yield names, importlib.import_module("typed.main")
    sys.path.remove(str(root.parent))


@pytest.mark.parametrize("text", ANNOTATIONS)
def test_source_and_run_time_give_the_same_tree(project: tuple[Names, Any], text: str) -> None:
    names, live = project
    expected = GType(eval(text, vars(live)), namespace=vars(live)).schema
    node = ast.parse(text, mode="eval").body
    found = GType(Annotations(names).evaluate(node, names.modules["typed.main"])).schema
    assert found.digest == expected.digest
    assert GType.from_schema(found).json_schema() == GType.from_schema(expected).json_schema()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax of PEP 695")
def test_type_parameters_and_aliases(tmp_path: Path) -> None:
    default = " = int" if sys.version_info >= (3, 13) else ""
    source = f"""
        from dataclasses import dataclass
        from typing import *
        class Page[T{default}](TypedDict):
            items: list[T]
            next: "Page[T] | None"
        @dataclass
        class Box[T: int]:
            value: T
        class Two[A: (int, str), B{default}](TypedDict):
            a: A
            b: B
        type Json = dict[str, Json] | list[Json] | str
        type Many[T] = list[T] | T
        type Tree[T] = dict[str, Tree[T]] | T
        type Bounded[T: int] = list[T]
        type Later = list[Defined]
        class Defined(TypedDict):
            later: "Later"
        class Rest[*Ts]: ...
        class Spec[**P](TypedDict): ...
        """
    root = write_package(tmp_path, {"main.py": source}, name="typed695")
    names = Names(index(read(*found)) for found in find_files(root))
    sys.path.insert(0, str(tmp_path))
    live = importlib.import_module("typed695.main")
    sys.path.remove(str(tmp_path))
    for text in (
        "Page[str]",
        "Box[int]",
        "Two[int, bytes]",
        "Json",
        "Many[int]",
        "Tree[str]",
        "Bounded",
        "Later",
        "Defined",
        "list[Json]",
    ):
        node = ast.parse(text, mode="eval").body
        found = GType(Annotations(names).evaluate(node, names.modules["typed695.main"])).schema
        assert found.digest == GType(eval(text, vars(live)), namespace=vars(live)).schema.digest, text
    for text in ("Rest[int]", "Spec[int]"):
        with pytest.raises(NotStatic):
            Annotations(names).evaluate(ast.parse(text, mode="eval").body, names.modules["typed695.main"])


@pytest.mark.parametrize("package", [click, jsonschema], ids=lambda package: package.__name__)
def test_a_real_code_base_is_read(package: Any) -> None:
    root = Path(package.__file__).parent
    manifest = build(root, undecorated=True)
    assert [finding for finding in manifest.findings if not isinstance(finding, Finding)] == []
    names = Names(index(read(*found)) for found in find_files(root))
    live = importlib.import_module(package.__name__)
    for name in ("echo", "style", "validate"):
        resolved = names.resolve(names.modules[package.__name__], (name,))
        if hasattr(live, name):
            function = getattr(live, name)
            assert resolved.definition.key == f"{function.__module__}:{name}"  # type: ignore[union-attr]


def alike(annotation: Any) -> Any:
    """A key of an annotation: classes by name, and unions whichever way they are written."""
    origin = typing.get_origin(annotation)
    if origin is None:
        return [alike(item) for item in annotation] if isinstance(annotation, list) else repr(annotation)
    inner = [alike(item) for item in typing.get_args(annotation)]
    if origin in (typing.Union, types.UnionType):
        return ("union", frozenset(map(repr, inner)))
    return (repr(origin), repr(inner))


def records(package: Any, names: Names) -> Iterator[tuple[str, Module, Any]]:
    """Every class with fields that a code base has, as the interpreter made it."""
    for module in names.modules.values():
        for name, definition in module.definitions.items():
            if isinstance(definition.binding, ast.ClassDef) and not definition.ambiguous:
                try:
                    live = getattr(importlib.import_module(module.name), name)
                except (ImportError, AttributeError):  # a module for another system, or under TYPE_CHECKING
                    continue
                if dataclasses.is_dataclass(live) or hasattr(live, "_fields") or typing.is_typeddict(live):
                    yield name, module, live


@pytest.mark.parametrize(("package", "least"), [(packaging, 15), (hypothesis, 25), (httpx, 2)])
def test_the_types_of_a_real_code_base_are_those_of_run_time(package: Any, least: int) -> None:
    root = Path(package.__file__).parent
    names = Names(index(read(*found)) for found in find_files(root))
    annotations = Annotations(names)
    same = 0
    for name, module, live in records(package, names):
        try:
            hints = typing.get_type_hints(live, include_extras=True)
            shell = annotations.evaluate(ast.Name(name, lineno=1, col_offset=0), module)
        except (NotStatic, NameError):  # told as a finding; or named for type checkers alone
            continue
        found = typing.get_type_hints(shell, include_extras=True)
        assert {key: alike(value) for key, value in found.items()} == {
            key: alike(value) for key, value in hints.items()
        }, f"{module.name}.{name}"
        same += 1
    assert same >= least
