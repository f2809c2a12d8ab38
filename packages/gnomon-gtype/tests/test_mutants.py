"""Small mistakes put into the modules that decide meaning: some test must fail for each of them.

A driver of its own, because the tools for this either change the sources in place (this tree is installed editable, and others
work in it) or cannot follow frozen dataclasses with slots and registries of decorated functions. Each mutant is a copy of the
package with one change, and the tests named for its module are run against it; what survives them meets all tests. Survivors
that have been looked at stand in `mutants.toml` with the reason; any other survivor fails.

    HYPOTHESIS_PROFILE=slow MUTANT_SECONDS=3600 python -m pytest tests/test_mutants.py
"""

from __future__ import annotations

import ast
import os
import random
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src" / "gnomon_gtype"
SECONDS = float(os.environ.get("MUTANT_SECONDS", "900"))
SEED = os.environ.get("MUTANT_SEED", "gnomon")
CONTAINMENT = ("test_contain*.py", "test_automaton_patterns.py", "test_survivors.py")
READING = (
    "test_scalars.py",
    "test_text.py",
    "test_literals.py",
    "test_times.py",
    "test_collections.py",
    "test_records.py",
    "test_classes.py",
    "test_unions.py",
    "test_compiled_equals_interpreted.py",
    "test_edges.py",
    "test_bad_input.py",
    "test_sensitive.py",
    "test_every_name.py",
    "test_identifiers.py",
    "test_hostile_objects.py",
    "test_survivors.py",
    "test_survivors_documents.py",
    "test_survivors_readings.py",
)
DOCUMENTS = (
    "test_json_schema_import.py",
    "test_json_schema_refusals.py",
    "test_json_schema_differential.py",
    "test_survivors.py",
    "test_survivors_documents.py",
    "test_survivors_readings.py",
)
TREES = (
    "test_schema.py",
    "test_properties.py",
    "test_identifiers.py",
    "test_edges.py",
    "test_annotations.py",
    "test_unions.py",
    "test_survivors.py",
    "test_survivors_documents.py",
    "test_survivors_readings.py",
)
MODULES: dict[str, tuple[str, ...]] = {
    **{
        f"_containment/{name}.py": CONTAINMENT
        for name in (
            "_alphabet _arrays _automaton _decimals _decide _distinct _entries _finite _floats _kinds"
            " _nodes _numbers _pattern _records _rows _search _shapes _shapes_decimals _texts _times"
        ).split()
    },
    **{
        f"{name}.py": READING
        for name in "_interpret _read_scalars _read_composites _read_unions _checks _compile".split()
    },
    **{
        f"{name}.py": DOCUMENTS
        for name in (
            "_json_schema_import _json_schema_import_document _json_schema_import_kinds"
            " _json_schema_import_rewrite _json_schema_import_unevaluated"
        ).split()
    },
    **{f"{name}.py": TREES for name in "_schema _merge _merge_records _unions _recursion".split()},
    "_json.py": (
        "test_properties.py",
        "test_bad_input.py",
        "test_edges.py",
        "test_survivors_documents.py",
        "test_survivors_readings.py",
    ),
}

Change = tuple[ast.AST, str, Callable[[], None], Callable[[], None]]
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}


def parts(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when values are judged: no annotations, decorators, texts of errors, or assertions."""
    skipped = {"annotation", "returns", "decorator_list", "type_params"}
    for name, value in ast.iter_fields(tree):
        for item in value if isinstance(value, list) else [value]:
            if name in skipped or not isinstance(item, ast.AST) or isinstance(item, (ast.Raise, ast.Assert)):
                continue
            yield item
            yield from parts(item)


def _swap(node: ast.AST, name: str, old: object, new: object, told: str) -> Change:
    return node, told, lambda: setattr(node, name, new), lambda: setattr(node, name, old)


def changes(tree: ast.AST) -> Iterator[Change]:
    """Every small mistake that could be made: where, which, how to make it and how to take it back."""
    for node in parts(tree):
        if isinstance(node, ast.Compare):
            for index, operator in enumerate(node.ops):
                other = COMPARISONS[type(operator)]()
                ops = [*node.ops[:index], other, *node.ops[index + 1 :]]
                told = f"{type(operator).__name__} to {type(other).__name__}"
                yield _swap(node, "ops", node.ops, ops, told)
        elif isinstance(node, ast.BoolOp):
            other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield _swap(node, "op", node.op, other_op, f"to {type(other_op).__name__}")
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            made = OPERATORS[type(node.op)]()
            yield _swap(node, "op", node.op, made, f"{type(node.op).__name__} to {type(made).__name__}")
        elif isinstance(node, ast.Constant) and type(node.value) in (int, bool):
            value = not node.value if isinstance(node.value, bool) else int(str(node.value)) + 1
            yield _swap(node, "value", node.value, value, f"{node.value} to {value}")
        elif isinstance(node, (ast.If, ast.IfExp, ast.While)) and not isinstance(node.test, ast.Compare):
            negated = ast.UnaryOp(ast.Not(), node.test)
            yield _swap(node, "test", node.test, negated, "condition negated")
        elif isinstance(node, ast.Name) and node.id in NAMES:
            yield _swap(node, "id", node.id, NAMES[node.id], f"{node.id} to {NAMES[node.id]}")
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            yield _swap(node, "attr", node.attr, NAMES[node.attr], f"{node.attr} to {NAMES[node.attr]}")
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield _swap(node, "value", node.value, ast.Constant(None), "call left out")


def mutants(module: str) -> list[tuple[str, str]]:
    """The name and the text of every mutant of a module."""
    text = (SOURCE / module).read_text("utf-8")
    lines, tree = text.splitlines(), ast.parse(text)
    found = []
    for node, told, make, take_back in changes(tree):
        make()
        mutated = ast.unparse(ast.fix_missing_locations(tree))
        take_back()
        line = lines[getattr(node, "lineno", 1) - 1].strip()
        found.append((f"{module}: {line}: {told}", mutated))
    return found


class Ground:
    """A copy of the package and its tests in which mutants are tried.

    Args:
        folder: where the copy is made.
    """

    def __init__(self, folder: Path) -> None:
        self.package = folder / "src" / "gnomon_gtype"
        self.tests = folder / "packages" / "gnomon-gtype" / "tests"
        shutil.copytree(SOURCE, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(HERE, self.tests, ignore=shutil.ignore_patterns("__pycache__", "test_mutants.py"))
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(HERE.parent / name, self.tests.parent)
        shutil.copytree(HERE.parents[2] / "docs", folder / "docs")
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HYPOTHESIS_PROFILE": "quick",
            "CI": "1",
        }

    def fails(self, patterns: tuple[str, ...], *, seconds: float) -> bool:
        """Whether a test fails, or does not end in time."""
        files = [str(path) for pattern in patterns for path in sorted(self.tests.glob(pattern))]
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files]
        folder = self.tests.parent
        try:
            done = subprocess.run(  # noqa: S603 (our own tests)
                command, cwd=folder, env=self.environment, capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return True
        return done.returncode != 0

    def survives(self, module: str, text: str) -> bool:
        """Whether no test notices that the module reads so."""
        target = self.package / module
        kept = target.read_text("utf-8")
        target.write_text(text, "utf-8")
        try:
            return not (self.fails(MODULES[module], seconds=120) or self.fails(("test_*.py",), seconds=400))
        finally:
            target.write_text(kept, "utf-8")


@pytest.mark.slow
def test_every_mutant_is_noticed_or_explained(tmp_path: Path) -> None:
    explained = tomllib.loads((HERE / "mutants.toml").read_text("utf-8"))["mutants"]
    names = [name for module in MODULES for name in {name for name, _ in mutants(module)}]
    assert not {row["name"] for row in explained} - set(names), (
        "explained, but there is no such mutant any more"
    )
    known = {row["name"] for row in explained}
    ground = Ground(tmp_path)
    assert not ground.fails(("test_*.py",), seconds=400), "the tests fail without a mutant"
    every = [
        (module, name, text) for module in MODULES for name, text in mutants(module) if name not in known
    ]
    random.Random(SEED).shuffle(every)  # noqa: S311 (a sample, no secret)
    survivors, tried, ends = [], 0, time.monotonic() + SECONDS
    for module, name, text in every:
        if time.monotonic() > ends:
            break
        tried += 1
        if ground.survives(module, text):
            survivors.append(name)
            print(f"survived: {name}", flush=True)
    print(f"{tried} of {len(every)} mutants tried, {len(survivors)} survived", flush=True)
    assert not survivors, "\n".join(survivors)
