"""How much memory is in use: of the control group if there is a limit, else of the process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, final


@final
@dataclass(frozen=True, slots=True)
class MemoryFigures:
    """Memory in bytes: `used` of `limit`, and where the figures come from (`cgroup` or `process`).

    >>> MemoryFigures(used=50, limit=200, source="cgroup").pressure
    0.25
    """

    used: int
    limit: int
    source: str

    @property
    def pressure(self) -> float:
        """The share that is in use, from 0 to 1."""
        return self.used / self.limit if self.limit > 0 else 0.0


ReadMemory: TypeAlias = Callable[[], MemoryFigures | None]


def read_memory(root: Path = Path("/")) -> MemoryFigures | None:
    """Read the figures of this process's control group (v2, then v1), else its resident size.

    Of groups within groups, the one nearest to its limit counts. Pages that the kernel can drop at once
    (inactive files) do not count as used in a group.

    Args:
        root: where `/proc` and `/sys` are found.

    Returns:
        None where the system tells neither.
    """
    return _group_v2(root) or _group_v1(root) or _process(root)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def _number(path: Path) -> int | None:
    text = (_read(path) or "").strip()
    return int(text) if text.isdigit() else None


def _own_group(root: Path, controller: str) -> str:
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            return path.lstrip("/")
    return ""


def _reclaimable(folder: Path, key: str) -> int:
    for line in (_read(folder / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == key and value.strip().isdigit():
            return int(value)
    return 0


def _group(base: Path, own: str, usage: str, limit: str, stat: str) -> MemoryFigures | None:
    # The limit of any group above binds too; in a container the own group is usually mounted as the root.
    parts = [part for part in own.split("/") if part not in ("", "..")]
    found = []
    for depth in range(len(parts), -1, -1):
        folder = base.joinpath(*parts[:depth])
        used, most = _number(folder / usage), _number(folder / limit)
        # No limit is the word "max" in v2, and a number beyond any machine in v1.
        if used is not None and most is not None and 0 < most < 1 << 60:
            found.append(MemoryFigures(max(0, used - _reclaimable(folder, stat)), most, "cgroup"))
    return max(found, key=lambda figures: figures.pressure, default=None)


def _group_v2(root: Path) -> MemoryFigures | None:
    return _group(
        root / "sys/fs/cgroup", _own_group(root, ""), "memory.current", "memory.max", "inactive_file"
    )


def _group_v1(root: Path) -> MemoryFigures | None:
    return _group(
        root / "sys/fs/cgroup/memory",
        _own_group(root, "memory"),
        "memory.usage_in_bytes",
        "memory.limit_in_bytes",
        "total_inactive_file",
    )


def _process(root: Path) -> MemoryFigures | None:
    resident = (_read(root / "proc/self/statm") or "").split()
    for line in (_read(root / "proc/meminfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal" and len(resident) > 1:
            pages = int(resident[1]) * os.sysconf("SC_PAGE_SIZE")
            return MemoryFigures(pages, int(value.split()[0]) * 1024, "process")
    return None
