"""Names, files and dependencies of the repository are what the design says."""

import subprocess
import tomllib
from pathlib import Path

import graph
import pytest
import release

ROOT = graph.ROOT
PACKAGES = graph.packages()

# The design's graph. A package may declare fewer siblings than this, never others.
DESIGN = {
    "gnomon-gtype": set(),
    "gnomon-context": set(),
    "gnomon-router": set(),
    "gnomon-secrets": set(),
    "gnomon-manifest": {"gnomon-gtype"},
    "gnomon-snapshot": {"gnomon-context"},
    "gnomon-orchestrator": {"gnomon-context"},
    "gnomon-telemetry": {"gnomon-context"},
    "gnomon-ingress": {"gnomon-context"},
    "gnomon-policy": {"gnomon-context"},
    "gnomon-timescape": {"gnomon-gtype", "gnomon-manifest"},
}
DESIGN["gnomon"] = set(DESIGN)

every_package = pytest.mark.parametrize("name", PACKAGES)


def tracked() -> set[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def test_the_top_level_holds_what_it_should_and_nothing_else():
    visible = {path.split("/")[0] for path in tracked() if not path.startswith(".")}
    assert visible == {"noxfile.py", "packages", "tests", "tools", "docs", "README.md"}


@every_package
def test_directory_distribution_and_import_have_one_name(name):
    package = PACKAGES[name]
    assert package.folder.name == name
    assert [
        path.name
        for path in (package.folder / "src").iterdir()
        if path.is_dir() and path.suffix != ".egg-info"
    ] == [package.import_name]


@every_package
def test_a_package_has_its_files(name):
    folder = PACKAGES[name].folder
    wanted = [
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        f"src/{PACKAGES[name].import_name}/py.typed",
    ]
    assert [path for path in wanted if not (folder / path).is_file()] == []
    assert list((folder / "tests").glob("test_*.py"))
    assert (folder / "changes").is_dir()
    assert (folder / "LICENSE").read_text().startswith("MIT License")


@every_package
def test_metadata_follows_the_house(name):
    project = PACKAGES[name].project
    assert project["requires-python"] == ">=3.11"
    assert "dynamic" not in project
    assert project["license"] == "MIT"
    assert PACKAGES[name].metadata["build-system"]["build-backend"] == "hatchling.build"


@every_package
def test_siblings_are_part_of_the_design(name):
    assert set(graph.siblings(PACKAGES)[name]) <= DESIGN[name]


@every_package
def test_sibling_ranges_are_ranges_and_every_range_has_a_reason(name):
    text = (PACKAGES[name].folder / "pyproject.toml").read_text()
    table = text.partition("\ndependencies = [")[2].partition("\n]")[0]
    for requirement in PACKAGES[name].requirements:
        assert "==" not in requirement
        assert ">=" in requirement
    if PACKAGES[name].requirements:
        assert table.strip().startswith("#"), "the reason of each range stands in a comment above it"


@every_package
def test_modules_stay_small(name):
    for path in (PACKAGES[name].folder / "src").rglob("*.py"):
        lines = path.read_text().splitlines()
        assert len(lines) <= 800, f"{path.relative_to(ROOT)} has {len(lines)} lines"


@every_package
def test_a_changelog_fragment_is_of_a_kind(name):
    release.fragments(PACKAGES[name])


def test_no_shared_attic():
    forbidden = {"common", "utils", "util", "helpers", "types", "misc"}
    stems = {path.stem for package in PACKAGES.values() for path in (package.folder / "src").rglob("*.py")}
    assert stems & (forbidden - {"types"}) == set()
    assert not {name for name in PACKAGES if name.rpartition("-")[2] in forbidden}


def test_no_root_project_and_the_workspace_lists_the_packages():
    assert not (ROOT / "pyproject.toml").exists()
    workspace = tomllib.loads((ROOT / "tools/pyproject.toml").read_text())
    assert workspace["tool"]["hatch"]["envs"]["default"]["workspace"]["members"] == ["../packages/*"]


def test_no_file_names_a_machine():
    places = ("/" + "work/", "/" + "root/", "/" + "home/")
    for path in map(Path, sorted(tracked())):
        if path.suffix in {".py", ".md", ".toml", ".ini", ".txt", ""} and (ROOT / path).is_file():
            text = (ROOT / path).read_text(errors="replace")
            assert not [place for place in places if place in text], path
