"""Every example of the documentation runs, and what is public says so."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gnomon_snapshot
import gnomon_snapshot.testing

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize(
    "module", [gnomon_snapshot, gnomon_snapshot.testing], ids=lambda module: module.__name__
)
def test_examples_of_exports(module):
    """An export says that it lives in the package, so that doctest finds its examples there."""
    outcome = doctest.testmod(module)
    assert outcome.failed == 0
    assert outcome.attempted > 4


@pytest.mark.parametrize("name", [info.name for info in pkgutil.iter_modules(gnomon_snapshot.__path__)])
def test_examples_of_a_module(name):
    assert doctest.testmod(importlib.import_module(f"gnomon_snapshot.{name}")).failed == 0


def test_examples_of_the_readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(README), "exec"), {"__name__": "__main__"})


def test_exports_show_the_public_module():
    for name in gnomon_snapshot.__all__:
        export = getattr(gnomon_snapshot, name)
        if isinstance(export, type):
            assert export.__module__ == "gnomon_snapshot"


def test_every_error_has_a_code_of_its_own():
    errors = [
        export
        for export in (getattr(gnomon_snapshot, name) for name in gnomon_snapshot.__all__)
        if isinstance(export, type) and issubclass(export, gnomon_snapshot.SnapshotError)
    ]
    assert len({error.code for error in errors}) == len(errors) > 8


def test_importing_the_package_imports_no_extra():
    code = "import sys, gnomon_snapshot, gnomon_snapshot.testing; assert 'hypothesis' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
