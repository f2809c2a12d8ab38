"""Every example in the docstrings of public names runs; an export lives in its public module, so it is found there."""

import doctest
import importlib
import pkgutil

import graph
import pytest

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
PACKAGES = graph.packages()


def public_modules(name):
    package = importlib.import_module(name)
    yield package
    for found in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            yield importlib.import_module(found.name)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_examples_of_a_package_run(name):
    attempted = 0
    for module in public_modules(PACKAGES[name].import_name):
        result = doctest.testmod(module, optionflags=FLAGS)
        assert result.failed == 0, module.__name__
        attempted += result.attempted
    assert attempted > 0
