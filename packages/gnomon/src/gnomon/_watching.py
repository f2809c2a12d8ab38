"""Which files of some folders have changed, found by looking at their times."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

# By path: what cannot stay the same when a file is written.
Look: TypeAlias = Mapping[str, tuple[int, int, int]]

# Folders of other programs, in which there may be ten thousands of files.
_FOREIGN = frozenset({"__pycache__", "node_modules", "site-packages"})


def look(folders: Iterable[Path], others: Iterable[Path] = ()) -> Look:
    """Look at every file without reading it.

    Args:
        folders: Their Python files count; hidden folders, environments and packages of other languages do not.
        others: Files, and folders of which every file that is not hidden counts.
    """
    found: dict[str, tuple[int, int, int]] = {}
    for folder in folders:
        found.update(_files(folder, ".py"))
    for other in others:
        found.update(_files(other, ""))
    return found


def changes(before: Look, after: Look) -> list[str]:
    """The files that were written, made or removed between two looks, sorted."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def _files(place: Path, suffix: str) -> Iterator[tuple[str, tuple[int, int, int]]]:
    if place.is_file():
        yield from _stamped(place)
        return
    for folder, below, files in os.walk(place):
        below[:] = [name for name in below if not _is_foreign(folder, name)]
        for name in files:
            if name.endswith(suffix) and not name.startswith("."):
                yield from _stamped(Path(folder, name))


def _is_foreign(folder: str, name: str) -> bool:
    return name.startswith(".") or name in _FOREIGN or Path(folder, name, "pyvenv.cfg").exists()


def _stamped(path: Path) -> Iterator[tuple[str, tuple[int, int, int]]]:
    try:
        found = path.stat()
    except OSError:
        # It went away after it was listed, or is a link to nothing.
        return
    yield str(path), (found.st_mtime_ns, found.st_size, found.st_ino)
