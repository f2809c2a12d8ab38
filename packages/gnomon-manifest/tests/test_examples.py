"""Every example in a docstring and in the README runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path
from types import FunctionType

import pytest

import gnomon_manifest

README = Path(__file__).parents[1] / "README.md"
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(gnomon_manifest.__path__, "gnomon_manifest.")
)


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    for value in list(vars(module).values()):
        # exports name their public home as their module; here they are looked for where they are written
        if not isinstance(value, (type, FunctionType)):
            continue
        if isinstance(value, FunctionType) and value.__code__.co_filename != module.__file__:
            continue
        for example in doctest.DocTestFinder(recurse=isinstance(value, type)).find(
            value, globs=dict(vars(module))
        ):
            runner = doctest.DocTestRunner(verbose=False)
            assert runner.run(example).failed == 0


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL))
def test_readme(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
