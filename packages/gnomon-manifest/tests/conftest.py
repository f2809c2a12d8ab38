"""Profiles, and the switch for slow tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
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


TYPESCRIPT = "5.9.3"


@pytest.fixture(scope="session")
def tsc() -> str:
    """The compiler of TypeScript: the one in TSC or on the path, else one that npm fetches once."""
    found = os.environ.get("TSC") or shutil.which("tsc")
    if found is not None:
        return found
    folder = Path(tempfile.gettempdir(), f"gnomon-typescript-{TYPESCRIPT}")
    compiler = folder / "node_modules" / ".bin" / "tsc"
    if not compiler.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("needs the compiler of TypeScript as tsc or in TSC, or npm to fetch it")
        folder.mkdir(exist_ok=True)
        fetch = [npm, "install", "--prefix", str(folder), "--no-save", f"typescript@{TYPESCRIPT}"]
        if subprocess.run(fetch, capture_output=True, check=False).returncode:
            pytest.skip("npm could not fetch the compiler of TypeScript")
    return str(compiler)
