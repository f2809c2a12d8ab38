"""The packages on disk: which there are, what they depend on, in which order, and what a change affects.

``python tools/graph.py`` prints one line a package, lowest first; ``--affected REV`` prints those that a
change since ``REV`` touches, with everything above them.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Package:
    """One package folder and what its ``pyproject.toml`` says."""

    folder: Path

    @cached_property
    def metadata(self) -> dict[str, object]:
        """The whole ``pyproject.toml``."""
        return tomllib.loads((self.folder / "pyproject.toml").read_text())

    @property
    def project(self) -> dict[str, object]:
        """Its ``[project]`` table."""
        table = self.metadata["project"]
        assert isinstance(table, dict)
        return table

    @property
    def name(self) -> str:
        """The distribution name."""
        return str(self.project["name"])

    @property
    def version(self) -> str:
        """The version of the sources."""
        return str(self.project["version"])

    @property
    def import_name(self) -> str:
        """The name of the one importable package."""
        return self.name.replace("-", "_")

    @property
    def requirements(self) -> tuple[str, ...]:
        """The declared run-time requirements, optional ones left out."""
        listed = self.project.get("dependencies", [])
        assert isinstance(listed, list)
        return tuple(map(str, listed))

    @property
    def test_requirements(self) -> tuple[str, ...]:
        """What its tests need besides the package itself (dependency group ``test``)."""
        groups = self.metadata.get("dependency-groups", {})
        assert isinstance(groups, dict)
        return tuple(map(str, groups.get("test", [])))


def requirement_name(requirement: str) -> str:
    """The normalised project name of a requirement (PEP 503).

    >>> requirement_name("Gnomon_Context >=0.1,<0.2")
    'gnomon-context'
    """
    matched = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement.strip())
    if matched is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    return re.sub(r"[-_.]+", "-", matched[0]).lower()


def packages(root: Path = ROOT) -> dict[str, Package]:
    """Every package of the repository by name, each after those it depends on."""
    found = {
        p.name: p
        for p in map(Package, sorted((root / "packages").iterdir()))
        if (p.folder / "pyproject.toml").exists()
    }
    return {name: found[name] for name in order(found)}


def siblings(found: Mapping[str, Package]) -> dict[str, list[str]]:
    """For each package, the packages of this repository that it declares."""
    return {
        name: sorted(n for n in map(requirement_name, package.requirements) if n in found)
        for name, package in found.items()
    }


def closure(name: str, found: Mapping[str, Package]) -> list[str]:
    """A package and every sibling it needs, lowest first."""
    edges = siblings(found)
    needed, queue = {name}, [name]
    while queue:
        for below in edges[queue.pop()]:
            if below not in needed:
                needed.add(below)
                queue.append(below)
    return [n for n in order(found) if n in needed]


def order(found: Mapping[str, Package]) -> list[str]:
    """The names, each after those it depends on."""
    return list(TopologicalSorter(siblings(found)).static_order())


def affected(changed: Iterable[str], found: Mapping[str, Package]) -> list[str]:
    """The packages that files (paths from the root) belong to, and all that stand on them."""
    touched = {parts[1] for path in changed if len(parts := Path(path).parts) > 2 and parts[0] == "packages"}
    return [name for name in order(found) if touched & set(closure(name, found))]


def changed_since(revision: str, root: Path = ROOT) -> list[str]:
    """The files that differ from a git revision, those git does not track yet included."""

    def git(*arguments: str) -> list[str]:
        done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    return sorted({*git("diff", "--name-only", revision), *git("ls-files", "--others", "--exclude-standard")})


def main(arguments: list[str] | None = None) -> int:
    """Print the graph, or what a change affects."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--affected", metavar="REV", help="only the packages that a change since REV affects")
    options = parser.parse_args(arguments)
    found = packages()
    names = affected(changed_since(options.affected), found) if options.affected else list(found)
    edges = siblings(found)
    for name in names:
        print(f"{name} {found[name].version}" + (f"  <- {' '.join(edges[name])}" if edges[name] else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
