"""What the benchmarks need installed beside the packages: the ``REQUIRES`` of each module, read, not imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

BENCH = Path(__file__).parent / "bench"
NOT_BENCHMARKS = {"__init__", "harness", "servers"}


def modules() -> list[str]:
    """The names of the benchmark modules."""
    return sorted(path.stem for path in BENCH.glob("[!_]*.py") if path.stem not in NOT_BENCHMARKS)


def required(names: Iterable[str]) -> list[str]:
    """The requirements of the named modules together.

    Raises:
        SystemExit: A name that is no benchmark, with the names that are.
    """
    wanted: set[str] = set()
    for name in names:
        if name not in modules():
            raise SystemExit(f"no benchmark {name!r}; there are: {', '.join(modules())}")
        for node in ast.parse((BENCH / f"{name}.py").read_text()).body:
            match node:
                case (
                    ast.Assign(targets=[ast.Name("REQUIRES")], value=value)
                    | ast.AnnAssign(target=ast.Name("REQUIRES"), value=ast.expr() as value)
                ):
                    wanted |= set(ast.literal_eval(value))
    return sorted(wanted)
