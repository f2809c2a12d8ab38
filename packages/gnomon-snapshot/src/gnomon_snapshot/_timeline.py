"""The snapshots of one request at its boundaries, kept as what changed from one to the next."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, final

from gnomon_snapshot._decode import raw
from gnomon_snapshot._errors import PatchError, SnapshotCorrupt
from gnomon_snapshot._format import PLAIN, pack, unpack
from gnomon_snapshot._patch import Operation, apply, differences, form
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._types import NO_TYPES, Types

_WHOLE_EVERY: Final = 16  # so that no step is further than this from a whole snapshot
MAGIC: Final = b"GNTL"


@final
class Timeline:
    """Keeps a snapshot for each step of a request and gives any of them back.

    Args:
        types: The classes that come back as themselves.

    Attributes:
        missed: How many further steps there were, for which there was no room.
        size: How many bytes the kept steps have.

    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import capture
    >>> lctx = LocalContext(GlobalContext())
    >>> timeline = Timeline()
    >>> for step in ("authenticate", "load", "handler"):
    ...     lctx.set("at", step)
    ...     _ = timeline.add(step, capture(lctx))
    >>> timeline.names, timeline.at(1).state
    (('authenticate', 'load', 'handler'), {'at': 'load'})
    """

    def __init__(self, *, types: Types = NO_TYPES) -> None:
        self._types = types
        self._names: list[str] = []
        # whole snapshots at every sixteenth step, patches in between
        self._steps: list[bytes] = []
        self._last: Any = None  # the form of the last snapshot
        self.missed: int = 0
        self.size: int = 0

    def add(self, name: str, snapshot: Snapshot) -> int:
        """Keep the snapshot of the next step.

        Args:
            name: What the step is called.
            snapshot: The request as it is there.

        Returns:
            The number of the step, from 0.
        """
        now = form(snapshot)
        if len(self._steps) % _WHOLE_EVERY == 0:
            step = snapshot.to_bytes()
        else:
            patch = [operation.to_json() for operation in differences(self._last, now)]
            step = json.dumps(patch, separators=(",", ":")).encode()
        self._steps.append(step)
        self._last = now
        self._names.append(name)
        self.size += len(step)
        return len(self._names) - 1

    @property
    def names(self) -> tuple[str, ...]:
        """The steps in their order."""
        return tuple(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def at(self, step: int) -> Snapshot:
        """Rebuild the snapshot of a step.

        Args:
            step: Its number; negative ones count from the end.

        Raises:
            IndexError: There is no such step.
            SnapshotCorrupt: What was read by `from_bytes` was none that `to_bytes` had written.
        """
        number = range(len(self._steps))[step]
        start = number - number % _WHOLE_EVERY
        snapshot = Snapshot.from_bytes(self._steps[start], types=self._types)
        try:
            for written in self._steps[start + 1 : number + 1]:
                patch = [Operation.from_json(operation) for operation in json.loads(written)]
                snapshot = apply(patch, snapshot)
        except (PatchError, ValueError, TypeError) as error:
            raise SnapshotCorrupt(f"step {number} of the timeline cannot be rebuilt: {error}") from error
        return snapshot

    def rewritten(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Timeline:
        """The same steps with other snapshots; for what may not be written.

        Args:
            change: Makes the tree of a snapshot of that which it has.
        """
        made = Timeline(types=self._types)
        for step, name in enumerate(self._names):
            made.add(name, Snapshot._of(change(self.at(step).tree), None, self._types))
        made.missed = self.missed
        return made

    def to_bytes(self) -> bytes:
        """Encode: as a snapshot is, but for the magic `GNTL`."""
        body: dict[str, Any] = {"names": list(self._names), "steps": list(self._steps)}
        if self.missed:
            body["missed"] = self.missed
        return pack(body, magic=MAGIC)

    @classmethod
    def from_bytes(cls, data: bytes, *, types: Types = NO_TYPES) -> Timeline:
        """Read what `to_bytes` returned.

        Raises:
            SnapshotCorrupt: The bytes are no timeline, or one that was changed or cut.
            SnapshotTooNew: A later release wrote it.
        """
        body = raw(unpack(bytes(data), magic=MAGIC, newest=PLAIN))
        names, steps, missed = body.get("names"), body.get("steps"), body.get("missed", 0)
        if (
            type(names) is not list
            or type(steps) is not list
            or len(names) != len(steps)
            or any(type(name) is not str for name in names)
            or any(type(step) is not bytes for step in steps)
            or type(missed) is not int
        ):
            raise SnapshotCorrupt("the body of a timeline has names and steps")
        made = cls(types=types)
        made._names, made._steps, made.missed = names, steps, missed
        made.size = sum(map(len, steps))
        made._last = form(made.at(-1)) if steps else None
        return made
