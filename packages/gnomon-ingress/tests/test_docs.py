"""Every example in a docstring and in the README runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import gnomon_ingress

MODULES = sorted(name for _, name, _ in pkgutil.walk_packages(gnomon_ingress.__path__, "gnomon_ingress."))
README = Path(__file__).parent.parent / "README.md"


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    failed, _ = doctest.testmod(module, optionflags=flags)
    assert failed == 0


def test_readme() -> None:
    names: dict[str, object] = {"__name__": "readme"}
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)):
        exec(compile(block, f"README block {number}", "exec"), names)


def test_exports_have_one_public_home() -> None:
    for name in gnomon_ingress.__all__:
        thing = getattr(gnomon_ingress, name)
        assert name in ("AsgiApp", "Dispatch") or thing.__module__ == "gnomon_ingress"
