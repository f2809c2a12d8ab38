"""Which test proves which of the 47 properties, read from the sources of the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import graph

COUNT = 47
PENDING = Path(__file__).parent / "pending_properties.txt"


def numbers_in(text: str) -> set[int]:
    """The numbers of a pending list: the first word of each line that is not a comment."""
    return {int(line.split()[0]) for line in text.splitlines() if line.strip() and not line.startswith("#")}


def _marked(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield from ((number, node.name) for mark in node.decorator_list for number in _numbers(mark))
            case ast.Assign(targets=[target], value=value):  # a test class that a state machine makes
                yield from (
                    (number, ast.unparse(target).removesuffix(".pytestmark")) for number in _numbers(value)
                )


def _numbers(expression: ast.expr) -> Iterator[int]:
    for node in ast.walk(expression):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="property"),
                args=[ast.Constant(value=int(number)), *_],
            ):
                yield number


def table(root: Path = graph.ROOT) -> dict[int, list[str]]:
    """Property number to the tests that are marked with it."""
    found: dict[int, list[str]] = {}
    for path in sorted([*root.glob("packages/*/tests/**/*.py"), *root.glob("tests/**/*.py")]):
        for number, name in _marked(path):
            found.setdefault(number, []).append(f"{path.relative_to(root)}::{name}")
    return found
