"""The reference page, the README and the docstrings say what is true: every example in them is tried."""

from __future__ import annotations

import ast
import datetime
import doctest
import enum
import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from ipaddress import IPv4Address
from math import inf, nan
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Never, NotRequired, TypedDict, get_args
from uuid import UUID

import pytest

import gnomon_gtype
from gnomon_gtype import (
    Closed,
    Code,
    Email,
    GType,
    GTypeError,
    Max,
    Min,
    MinLength,
    Open,
    Pattern,
    Sensitive,
    ValidationError,
    g,
)

PACKAGE = Path(__file__).parent.parent
PAGE = (PACKAGE.parent.parent / "docs" / "reference" / "gtype.md").read_text("utf-8")


class Colour(enum.Enum):
    RED = "red"


class User(TypedDict):
    name: str
    age: NotRequired[int]


@dataclass
class Point:
    x: int
    y: float = 0.0


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Cat(TypedDict):
    kind: Literal["cat"]


class Dog(TypedDict):
    kind: Literal["dog"]


class Node(TypedDict):
    next: NotRequired[Node]


SPACE = dict(globals())


def table(title: str) -> list[list[str]]:
    """The rows of the first table below a heading, cells as they stand."""
    section = PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines[2:]]
    return [[cell.replace("\\|", "|").strip() for cell in row] for row in rows]


def items(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


ANNOTATIONS = table("Annotations")


@pytest.mark.parametrize("row", ANNOTATIONS, ids=lambda row: row[0])
def test_annotations_accept_and_refuse_what_the_table_says(row):
    gtype = GType(eval(items(row[0])[0], SPACE))
    for text in items(row[1]):
        assert gtype.is_valid(eval(text, SPACE)), text
    for text in items(row[2]):
        assert not gtype.is_valid(eval(text, SPACE)), text
    for text in items(row[3]):
        gtype.validate_json(text)
    for text in items(row[4]):
        with pytest.raises(ValidationError):
            gtype.validate_json(text)


@pytest.mark.parametrize("row", table("TypeScript"), ids=lambda row: row[0])
def test_builders_and_annotations_give_equal_trees(row):
    tree = eval(items(row[1])[0], SPACE)
    GType.from_schema(tree).is_valid(None)
    if items(row[2]):
        assert tree == GType(eval(items(row[2])[0], SPACE)).schema


def test_every_builder_is_in_the_table():
    text = " ".join(row[1] for row in table("TypeScript"))
    others = {
        "date",
        "decimal",
        "describe",
        "duration",
        "ip",
        "path",
        "predicate",
        "sensitive",
        "time",
        "uuid",
    }
    assert {name for name in g.__all__ if f"g.{name}(" not in text} == others


def test_every_code_is_documented():
    assert [row[0].strip("`") for row in table("Problems")] == sorted(get_args(Code))


def test_every_error_class_is_documented():
    rows = {row[1].strip("`"): row[0].strip("`") for row in table("Errors")}
    classes = [
        item
        for item in vars(gnomon_gtype).values()
        if isinstance(item, type) and issubclass(item, GTypeError)
    ]
    assert rows == {cls.__name__: cls.code for cls in classes}


def test_every_marker_and_named_type_is_named():
    section = PAGE.split("\n## Markers and named types\n", 1)[1].split("\n## ", 1)[0]
    for name in gnomon_gtype.__all__:
        module = getattr(getattr(gnomon_gtype, name), "__module__", "")
        if isinstance(getattr(gnomon_gtype, name), type) and issubclass(
            getattr(gnomon_gtype, name), gnomon_gtype.Marker
        ):
            assert name in section or name in ("Marker", "Hidden"), (name, module)


def test_the_readme_runs():
    text = (PACKAGE / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    space: dict[str, Any] = {"__name__": "readme"}
    for block in blocks:
        exec(compile(ast.parse(block), "README.md", "exec"), space)


MODULES = [name for _, name, _ in pkgutil.walk_packages(gnomon_gtype.__path__, "gnomon_gtype.")]


@pytest.mark.parametrize("name", ["gnomon_gtype", *MODULES])
def test_docstrings_run(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).failed == 0


def test_exports_say_their_public_home():
    for module in (gnomon_gtype, gnomon_gtype.schema):
        for name in module.__all__:
            item = getattr(module, name)
            if isinstance(item, type):
                assert item.__module__ == module.__name__ or not item.__module__.startswith(
                    "gnomon_gtype._"
                ), name


_ = (
    Mapping,
    Sequence,
    UTC,
    date,
    Decimal,
    IPv4Address,
    inf,
    nan,
    Annotated,
    Never,
    UUID,
    datetime,
    Closed,
    Email,
    Max,
    Min,
    MinLength,
    Open,
    Pattern,
    Sensitive,
)
