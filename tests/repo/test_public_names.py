"""Each public name has one public home, shows it, and costs what it may to import."""

import importlib
import inspect
import json
import pkgutil
import subprocess
import sys

import graph
import pytest

PACKAGES = graph.packages()
LIBRARIES = [name for name in PACKAGES if name != "gnomon"]
STDLIB = set(sys.stdlib_module_names)

# What importing a module may load besides the standard library, its own package and that of its siblings.
BUDGET = {
    "gnomon_gtype": {"pydantic_core", "annotated_types", "typing_extensions"},
    "gnomon_context": {
        "trio",
        "outcome",
        "sniffio",
        "attr",
        "attrs",
        "sortedcontainers",
        "idna",
        "cffi",
        "_cffi_backend",
    },
    "gnomon_router": set(),
    "gnomon_manifest.declare": set(),
}
NEVER = {
    "gnomon_gtype": {"trio", "pydantic", "hypothesis"},
    "gnomon_context": {"pydantic_core", "hypothesis"},
    "gnomon_orchestrator": {"pydantic_core", "hypothesis"},
    "gnomon_ingress": {"pydantic_core", "hypothesis"},
    "gnomon_snapshot": {"pydantic_core", "hypothesis"},
    "gnomon_manifest": {"trio", "hypothesis"},
    "gnomon": {"pydantic", "hypothesis"},
}


def public_modules(name: str):
    package = importlib.import_module(PACKAGES[name].import_name)
    yield package
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            try:
                yield importlib.import_module(found.name)
            except ModuleNotFoundError as missing:
                # an extra that is not installed
                assert not str(missing.name).startswith("gnomon")


@pytest.mark.parametrize("name", PACKAGES)
def test_what_is_exported_is_there_once_and_sorted_out(name):
    package = importlib.import_module(PACKAGES[name].import_name)
    assert package.__doc__
    assert len(package.__all__) == len(set(package.__all__))
    for exported in package.__all__:
        assert hasattr(package, exported)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_public_name_shows_its_public_module(name):
    package = importlib.import_module(PACKAGES[name].import_name)
    wrong = {}
    for exported in package.__all__:
        value = getattr(package, exported)
        if inspect.isclass(value) or inspect.isfunction(value):
            home = value.__module__
            if home != package.__name__:
                wrong[exported] = home
    assert wrong == {}


def test_a_public_name_has_one_home():
    homes: dict[str, set[str]] = {}
    for name in LIBRARIES:
        for module in public_modules(name):
            for exported in getattr(module, "__all__", ()):
                value = getattr(module, exported)
                if inspect.isclass(value) or inspect.isfunction(value):
                    homes.setdefault(f"{value.__module__}.{value.__qualname__}", set()).add(module.__name__)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def loaded_by(module: str) -> set[str]:
    ask = f"import sys, json; before = set(sys.modules); import {module}; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def own(module: str) -> set[str]:
    found = {package.import_name: package for package in PACKAGES.values()}
    name = found[module.partition(".")[0]].name
    return {PACKAGES[sibling].import_name for sibling in graph.closure(name, PACKAGES)}


@pytest.mark.parametrize("module", BUDGET)
def test_an_import_loads_what_its_budget_lists(module):
    assert loaded_by(module) - STDLIB - own(module) <= BUDGET[module]


@pytest.mark.parametrize("module", NEVER)
def test_an_import_never_loads(module):
    assert loaded_by(module) & NEVER[module] == set()
