"""Profiles, and the switch for slow tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

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
