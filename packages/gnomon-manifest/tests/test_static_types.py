"""A type that is read from the source is the type that the program has when it runs."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from gnomon_gtype import GType, ValidationError
from gnomon_gtype.testing import values
from gnomon_manifest import SourceTree
from gnomon_manifest.testing import write_package

HEAD = """
{future}
import datetime as dt
import enum
import typing as t
from dataclasses import dataclass, field
from decimal import Decimal
from typing import *
from typing import Literal as L
from uuid import UUID
from annotated_types import Ge, Le, MinLen
from gnomon_ingress import Request
from gnomon_manifest.declare import post

LOW = 2
class Shade(enum.Enum):
    RED = "red"
    BLUE = LOW + 1
class Level(enum.IntEnum):
    UP = enum.auto()
    DOWN = enum.auto()
T = TypeVar("T")
"""
SCALARS = (
    "int",
    "str",
    "bool",
    "float",
    "bytes",
    "None",
    "dt.date",
    "dt.datetime",
    "UUID",
    "Decimal",
    "Shade",
    "Level",
    "L['a', 1, None]",
    "Annotated[str, MinLen(LOW)]",
    "t.Annotated[int, Ge(LOW), Le(LOW * 9)]",
)
FORMS = [
    "class {name}(TypedDict):\n{fields}",
    "class {name}(t.TypedDict, total=False):\n{fields}",
    "@dataclass\nclass {name}:\n{fields}",
    "@dataclass(frozen=True, kw_only=True)\nclass {name}:\n{fields}\n    last: int = 3",
    "class {name}(NamedTuple):\n{fields}",
    "class {name}(TypedDict, Generic[T]):\n    own: T\n{fields}",
    "{name} = {one}",
    '{name}: TypeAlias = "{one} | None"',
    "{name} = NewType('{name}', {one})",
    "{name} = TypedDict('{name}', {{'a-b': {one}, 'c': NotRequired[{two}]}})",
    "class {name}(TypedDict):\n    inner: NotRequired['list[{name}]']\n{fields}",
    *(
        ["type {name} = {one}", "class {name}[U](TypedDict):\n    own: U\n{fields}"]
        if sys.version_info >= (3, 12)
        else []
    ),
]


class Source:
    """Two modules, of which the second uses types of the first."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.types: list[str] = []
        future = "from __future__ import annotations" if draw(st.booleans()) else ""
        self.first = HEAD.format(future=future) + self.definitions("A")
        how = draw(
            st.sampled_from(["from app.first import *", "from . import first as f\nfrom .first import *"])
        )
        self.second = HEAD.format(future=future) + how + "\n" + self.definitions("B")
        self.annotations = [self.annotation(2) for _ in range(draw(st.integers(1, 3)))]
        for number, annotation in enumerate(self.annotations):
            self.second += f"\n@post('/{number}', id='{number}')\ndef h{number}(req: Request[{annotation}], res, lctx, gctx): ...\n"

    def annotation(self, depth: int) -> str:
        one = self.draw(st.sampled_from([*SCALARS, *self.types]))
        if depth == 0:
            return one
        two = self.annotation(depth - 1)
        shapes = [
            one,
            f"list[{two}]",
            f"dict[str, {two}]",
            f"tuple[{one}, {two}]",
            f"tuple[{two}, ...]",
            f"Optional[{two}]",
            f"Union[{one}, {two}]",
            f"Annotated[{two}, 'a note']",
            f"frozenset[{one}]",
        ]
        return str(self.draw(st.sampled_from(shapes)))

    def definitions(self, stem: str) -> str:
        text = ""
        for number in range(self.draw(st.integers(0, 3))):
            name = f"{stem}{number}"
            form = self.draw(st.sampled_from(FORMS))
            fields = [f"    f{field}: {self.annotation(1)}" for field in range(self.draw(st.integers(1, 2)))]
            one, two = self.annotation(1), self.annotation(0)
            text += "\n" + form.format(name=name, fields="\n".join(fields), one=one, two=two) + "\n"
            generic = "Generic[T]" in form or "[U]" in form
            self.types.append(f"{name}[{two}]" if generic else name)
        return text


sources = st.composite(lambda draw: Source(draw))()


def accepts(gtype: GType[Any], text: bytes) -> bool:
    try:
        gtype.validate_json(text)
    except ValidationError:
        return False
    return True


@pytest.mark.property(9)
@given(sources, st.data())
def test_a_type_read_from_the_source_accepts_exactly_what_it_accepts_at_run_time(
    source: Source, data: st.DataObject
) -> None:
    note(source.first + source.second)
    with tempfile.TemporaryDirectory() as folder:
        root = write_package(Path(folder), {"first.py": source.first, "second.py": source.second})
        sys.path.insert(0, folder)
        try:
            try:
                space = vars(importlib.import_module("app.second"))
                live = [GType(eval(text, space), namespace=space) for text in source.annotations]
            except (TypeError, ValueError):
                return  # Python or GType refuses it; what then happens to the source has tests of its own
            tree = SourceTree(root)
            manifest = tree.read()
            types = tree._units["app.second"].types
            for handler in manifest.handlers:
                gtype = live[int(handler.id)]
                if gtype.annotation in (None, type(None)):  # no body
                    assert handler.types.body is None
                    continue
                assert handler.types.body == gtype.schema.digest, manifest.findings
                read = types[handler.types.body]
                # a value of one of the types, and often one that is none of this
                other = data.draw(st.sampled_from(live))
                for kind in (gtype, other):
                    text = kind.dump_json(data.draw(values(kind)))
                    assert accepts(read, text) == accepts(gtype, text)
        finally:
            sys.path.remove(folder)
            for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
                del sys.modules[name]
