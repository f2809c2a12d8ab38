"""Errors: what was refused, why, and how to mend it."""

from __future__ import annotations

from typing import ClassVar


class SnapshotError(Exception):
    """Every error of this package."""

    code: ClassVar[str] = "snapshot_error"


class SnapshotCorrupt(SnapshotError, ValueError):
    """Bytes are no snapshot, or one that was damaged or cut."""

    code: ClassVar[str] = "snapshot_corrupt"


class SnapshotTooNew(SnapshotError, ValueError):
    """The snapshot was written in a format that this release does not know."""

    code: ClassVar[str] = "snapshot_too_new"


class TypesError(SnapshotError, TypeError):
    """A class cannot be registered."""

    code: ClassVar[str] = "snapshot_types"


class PatchError(SnapshotError, ValueError):
    """A patch does not fit the snapshot that it is applied to."""

    code: ClassVar[str] = "snapshot_patch"


class PauseOver(SnapshotError, RuntimeError):
    """A request was to be edited that a breakpoint holds no more."""

    code: ClassVar[str] = "snapshot_pause_over"


class SnapshotNotFound(SnapshotError, LookupError):
    """The store has no snapshot of that request."""

    code: ClassVar[str] = "snapshot_not_found"


class StoreError(SnapshotError, OSError):
    """The store could not do its work: disk full, read-only, locked, damaged, or closed."""

    code: ClassVar[str] = "snapshot_store"


class NotRecorded(SnapshotError, LookupError):
    """A snapshot carries no recording, so that its request cannot be replayed."""

    code: ClassVar[str] = "snapshot_not_recorded"


class ReplayDiverged(SnapshotError):
    """A replayed request asked the outside world for what its recording does not answer; raised where it asked."""

    code: ClassVar[str] = "replay_diverged"


class ReplayError(SnapshotError, ValueError):
    """A replay cannot be run as it was asked for."""

    code: ClassVar[str] = "replay_error"
