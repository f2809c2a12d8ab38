"""Every example of the documentation runs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import gnomon_router

MODULES = [
    "gnomon_router",
    *(f"gnomon_router.{info.name}" for info in pkgutil.iter_modules(gnomon_router.__path__)),
]
README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name):
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0


def test_examples_of_the_readme():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(README), "exec"), {})


def test_the_examples_of_exports_are_found():
    # an export says that it lives in the package, so that doctest finds its examples there only
    assert doctest.testmod(gnomon_router).attempted > 5


def test_exports_show_the_public_module():
    for name in gnomon_router.__all__:
        export = getattr(gnomon_router, name)
        if isinstance(export, type):
            assert export.__module__ == "gnomon_router"


def test_every_error_has_a_code_of_its_own():
    errors = [
        export
        for export in (getattr(gnomon_router, name) for name in gnomon_router.__all__)
        if isinstance(export, type) and issubclass(export, gnomon_router.RouterError)
    ]
    assert len({error.code for error in errors}) == len(errors) == 6
