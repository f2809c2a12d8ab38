"""Examples that run, and what importing the package costs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gnomon_context
from gnomon_context import ContextError, runtime, testing

HERE = Path(__file__).parent.parent
MODULES = [
    module.name
    for module in pkgutil.walk_packages(gnomon_context.__path__, "gnomon_context.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    assert doctest.testmod(module, optionflags=flags).failed == 0


PAGES = [
    page
    for page in (
        HERE / "README.md",
        HERE.parents[1] / "docs/reference/context.md",
        HERE.parents[1] / "docs/explanation/tasks-and-cancellation.md",
    )
    if page.exists()  # the pages are not part of a source distribution
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_in_pages(page: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page.name, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("module", [gnomon_context, testing])
def test_exports_have_one_home(module: object) -> None:
    for name in module.__all__:  # type: ignore[attr-defined]
        export = getattr(module, name)
        assert export.__module__ == module.__name__  # type: ignore[attr-defined]
        assert export.__doc__
    assert list(module.__all__) == sorted(module.__all__)  # type: ignore[attr-defined]


def test_the_runtime_interface_is_documented() -> None:
    for name in runtime.__all__:
        assert hasattr(runtime, name)


def test_every_error_has_a_code_of_its_own() -> None:
    errors = [
        export
        for name in gnomon_context.__all__
        if isinstance(export := getattr(gnomon_context, name), type) and issubclass(export, ContextError)
    ]
    codes = [error.code for error in errors]
    assert len(errors) > 15 and len(set(codes)) == len(codes)


def test_importing_does_not_load_extras() -> None:
    program = "import gnomon_context, gnomon_context.testing, sys; print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
