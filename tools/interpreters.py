"""The CPython interpreters of this machine that the packages support, each version once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST = (3, 11)
NEWEST_TRIED = 16


def running() -> str:
    """The version that runs this, such as ``3.11``."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _candidates() -> Iterator[str]:
    yield sys.executable
    for minor in range(OLDEST[1], NEWEST_TRIED):
        if found := shutil.which(f"python3.{minor}"):
            yield found
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted((root / "versions").glob("3.*/bin/python")))


def _version(executable: str) -> tuple[int, int] | None:
    ask = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    try:
        done = subprocess.run([executable, "-c", ask], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None  # a shim without an interpreter behind it
    name, major, minor = done.stdout.split()
    return (int(major), int(minor)) if name == "cpython" else None


def interpreters() -> dict[str, str]:
    """Version to executable, oldest first; the running one is preferred for its own version."""
    found: dict[tuple[int, int], str] = {}
    for executable in _candidates():
        version = _version(executable)
        if version is not None and version >= OLDEST:
            found.setdefault(version, executable)
    return {f"{major}.{minor}": found[major, minor] for major, minor in sorted(found)}


def path(search: str) -> str:
    """A search path with the folders of all interpreters at its end, where nox looks for them by version."""
    folders = dict.fromkeys(str(Path(executable).parent) for executable in interpreters().values())
    known = search.split(os.pathsep)
    return os.pathsep.join([*known, *(folder for folder in folders if folder not in known)])


if __name__ == "__main__":
    for version, executable in interpreters().items():
        print(version, executable)
