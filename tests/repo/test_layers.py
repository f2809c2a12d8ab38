"""The layer map is enforced: an import against it is found."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import graph
import pytest

CONFIG = graph.ROOT / "tools" / "importlinter.ini"


def lint(sources: Path, elsewhere: Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(str(path / "src") for path in sorted(sources.iterdir()))
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", CONFIG, "--no-cache"],
        env={**os.environ, "PYTHONPATH": paths}, cwd=elsewhere, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def sources(tmp_path):
    def only_sources(folder, names):
        return [name for name in names if Path(folder).parent == graph.ROOT / "packages" and name != "src"]

    shutil.copytree(graph.ROOT / "packages", tmp_path / "packages", ignore=only_sources)
    for folder in [*(tmp_path / "packages").iterdir()]:
        if not (folder / "src").is_dir():
            shutil.rmtree(folder, ignore_errors=True)
    return tmp_path / "packages"


def test_the_packages_keep_to_their_layers(sources, tmp_path):
    done = lint(sources, tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("package", "planted", "contract"),
    [
        ("gnomon_context", "import gnomon_ingress", "A package imports only layers below its own"),
        ("gnomon_router", "import gnomon_orchestrator", "A package imports only layers below its own"),
        ("gnomon_gtype", "def late():\n    import gnomon", "A package imports only layers below its own"),
        ("gnomon_orchestrator", "import gnomon_gtype", "What stands on the context knows no types"),
        ("gnomon_ingress", "import gnomon_router", "Layer 2 stands on the context alone"),
        ("gnomon_manifest", "import gnomon_context", "What reads types knows no requests"),
        ("gnomon", "import pydantic_core", "The engine of types is imported by gtype only"),
    ],
)
def test_a_planted_import_is_found(sources, tmp_path, package, planted, contract):
    name = package.replace("_", "-")
    (sources / name / "src" / package / "_planted.py").write_text(planted + "\n")
    done = lint(sources, tmp_path)
    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout
