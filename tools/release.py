"""Release what changed: ``release.py plan | bump | notes NAME | tag``.

A package changed when its sources or its metadata differ from its last tag ``NAME-vX.Y.Z``. The suffixes of
its changelog fragments decide the next version. ``plan`` and ``bump`` refuse a change without a fragment, a
range that no longer admits a sibling, and a breaking change that no fragment admits to.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import graph
from change import KINDS
from packaging.requirements import Requirement
from packaging.version import Version

RELEASED_FILES = ("src", "pyproject.toml", "README.md", "LICENSE")


class Refused(Exception):
    """The repository is not ready; the message says what to mend."""


@dataclass(frozen=True)
class Release:
    """One package that would be released."""

    package: graph.Package
    last: Version | None
    version: Version
    kinds: tuple[str, ...]


def git(root: Path, *arguments: str) -> str:
    """The output of a git command."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def last_release(root: Path, name: str) -> Version | None:
    """The newest tagged version of a package, or ``None`` before its first release."""
    tags = git(root, "tag", "--list", f"{name}-v*").split()
    versions = [
        Version(tag.removeprefix(f"{name}-v")) for tag in tags if re.fullmatch(rf"{name}-v\d+(\.\d+)*", tag)
    ]
    return max(versions, default=None)


def fragments(package: graph.Package) -> dict[Path, str]:
    """The changelog fragments of a package and the kind of each.

    Raises:
        Refused: A file whose suffix is no kind.
    """
    found = {}
    for path in sorted((package.folder / "changes").glob("*.md")):
        kind = path.name.removesuffix(".md").rpartition(".")[2]
        if kind not in KINDS:
            raise Refused(f"{path}: the name must end in one of {', '.join(f'.{k}.md' for k in KINDS)}")
        found[path] = kind
    return found


def next_version(last: Version, kinds: Iterable[str]) -> Version:
    """The version that these kinds of change ask for; before 1.0 a minor release may break (semver 2.0, §4).

    >>> str(next_version(Version("1.4.2"), ["fixed", "added"]))
    '1.5.0'
    >>> str(next_version(Version("0.4.2"), ["breaking"]))
    '0.5.0'
    """
    major, minor, patch = last.release
    stable = major > 0
    if "breaking" in kinds:
        return Version(f"{major + 1}.0.0" if stable else f"0.{minor + 1}.0")
    if stable and {"added", "deprecated"} & set(kinds):
        return Version(f"{major}.{minor + 1}.0")
    return Version(f"{major}.{minor}.{patch + 1}")


def has_changed(root: Path, package: graph.Package, last: Version) -> bool:
    """Whether what a release contains differs from the last one."""
    paths = [str((package.folder / part).relative_to(root)) for part in RELEASED_FILES]
    return bool(git(root, "diff", "--name-only", f"{package.name}-v{last}", "--", *paths).strip())


def planned(root: Path) -> list[Release]:
    """What would be released, lowest package first.

    Raises:
        Refused: With every reason at once.
    """
    found = graph.packages(root)
    releases, reasons = [], []
    for package in found.values():
        kinds = tuple(fragments(package).values())
        last = last_release(root, package.name)
        if last is None:
            releases.append(Release(package, None, Version(package.version), kinds))
            continue
        if not has_changed(root, package, last):
            continue
        if not kinds:
            reasons.append(
                f"{package.name} changed since {last} and has no fragment in {package.folder.name}/changes"
            )
            continue
        releases.append(Release(package, last, next_version(last, kinds), kinds))
    for release in releases:
        reasons += undeclared_breaks(root, release)
    reasons += closed_ranges(found, {release.package.name: release.version for release in releases})
    if reasons:
        raise Refused("\n".join(reasons))
    return releases


def closed_ranges(found: Mapping[str, graph.Package], versions: Mapping[str, Version]) -> list[str]:
    """Every declared range that the versions to come fall outside of."""
    reasons = []
    for package in found.values():
        for requirement in map(Requirement, package.requirements):
            sibling = found.get(graph.requirement_name(requirement.name))
            if sibling is None:
                continue
            version = versions.get(sibling.name, Version(sibling.version))
            if not requirement.specifier.contains(version, prereleases=True):
                reasons.append(
                    f"{package.name} requires {requirement}, which does not admit {sibling.name} {version}"
                )
    return reasons


def undeclared_breaks(root: Path, release: Release) -> list[str]:
    """Breaking changes of the public names since the last tag, unless a ``.breaking`` fragment admits them."""
    if release.last is None or "breaking" in release.kinds:
        return []
    import griffe

    name = release.package.import_name
    sources = release.package.folder / "src"
    tag = f"{release.package.name}-v{release.last}"
    old = griffe.load_git(name, ref=tag, repo=root, search_paths=[str(sources.relative_to(root))])
    new = griffe.load(name, search_paths=[sources], allow_inspection=False)
    return [
        f"{release.package.name}: {breakage.explain(griffe.ExplanationStyle.ONE_LINE)}"
        " (add a .breaking fragment, or take it back)"
        for breakage in griffe.find_breaking_changes(old, new)
    ]


def towncrier(release: Release, *arguments: str) -> str:
    """Build the changelog of one package, or a draft of it."""
    command = ["towncrier", "build", "--dir", str(release.package.folder), "--version", str(release.version)]
    done = subprocess.run(
        [sys.executable, "-m", *command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=release.package.folder,
    )
    if done.returncode:
        raise Refused(done.stderr.strip())
    return done.stdout


def bump(root: Path) -> list[Release]:
    """Write the versions and the changelogs of everything planned."""
    releases = planned(root)
    for release in releases:
        path = release.package.folder / "pyproject.toml"
        text = path.read_text()
        old = f'version = "{release.package.version}"'
        path.write_text(text.replace(old, f'version = "{release.version}"', 1))
        if release.kinds:
            towncrier(release, "--yes")
    return releases


def tag(root: Path) -> list[str]:
    """Tag HEAD for each package whose version has no tag yet.

    Raises:
        Refused: Something is not committed, or fragments are left that ``bump`` would have consumed.
    """
    if git(root, "status", "--porcelain").strip():
        raise Refused("commit first: a tag must name what was tested")
    made = []
    for package in graph.packages(root).values():
        last = last_release(root, package.name)
        if last is not None and Version(package.version) <= last:
            continue
        if fragments(package):
            raise Refused(f"{package.name} has fragments left: run bump first")
        git(
            root, "tag", "-a", f"{package.name}-v{package.version}", "-m", f"{package.name} {package.version}"
        )
        made.append(f"{package.name}-v{package.version}")
    return made


def notes(root: Path, name: str) -> str:
    """The release notes of one planned package."""
    for release in planned(root):
        if release.package.name == name:
            return towncrier(release, "--draft")
    raise Refused(f"{name} has nothing to release")


def main(arguments: list[str] | None = None, root: Path = graph.ROOT) -> int:
    """The command line of this script."""
    parser = argparse.ArgumentParser(description="Release what changed.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plan", help="what would be released, and every reason that forbids it")
    commands.add_parser("bump", help="write versions and changelogs")
    commands.add_parser("notes", help="release notes of one package").add_argument("name")
    commands.add_parser("tag", help="tag HEAD for each version that has no tag")
    options = parser.parse_args(arguments)
    try:
        if options.command == "tag":
            print("\n".join(tag(root)) or "nothing to tag")
        elif options.command == "notes":
            print(notes(root, options.name))
        else:
            releases = bump(root) if options.command == "bump" else planned(root)
            for release in releases:
                print(f"{release.package.name} {release.last or 'unreleased'} -> {release.version}")
            if not releases:
                print("nothing to release")
    except Refused as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
