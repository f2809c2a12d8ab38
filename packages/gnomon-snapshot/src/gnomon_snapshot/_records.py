"""What stands in a restored graph for what could not come back as itself."""

from __future__ import annotations

import reprlib
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeAlias, final

from gnomon_snapshot._errors import SnapshotError

RecordKind: TypeAlias = Literal["object", "namedtuple", "enum", "subclass"]
LossReason: TypeAlias = Literal[
    "unencodable", "sensitive", "depth", "count", "size", "failed", "time zone", "unregistered"
]

#: The text that stands for a secret, alone or within other text.
WITHHELD: Final = "<withheld>"


class Loss(NamedTuple):
    """One thing that a snapshot does not give back as it was.

    Attributes:
        path: Where, as a JSON pointer (RFC 6901) that begins with the part of the snapshot, such as `/state/user`.
        type: The class it had.
        reason: `unencodable`, `sensitive`, `failed` (reading it raised), `time zone` (kept as its offset),
            `unregistered` (comes back as a `Record`), or the bound that was passed: `depth`, `count`, `size`.
        repr: What it showed, bounded; empty for sensitive values.
    """

    path: str
    type: str
    reason: LossReason
    repr: str


@final
class Lost:
    """Stands where something could not be written; equal to another that lost the same.

    >>> Lost("_thread.lock", "<unlocked _thread.lock object>", "unencodable")
    <lost: _thread.lock, unencodable>
    """

    __slots__ = ("reason", "repr", "type")

    def __init__(self, type: str, repr: str, reason: str) -> None:  # noqa: A002 - as the attributes
        self.type: str = type
        self.repr: str = repr
        self.reason: str = reason

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lost):
            return NotImplemented
        return (self.type, self.repr, self.reason) == (other.type, other.repr, other.reason)

    def __hash__(self) -> int:
        return hash((self.type, self.repr, self.reason))

    def __repr__(self) -> str:
        return f"<lost: {self.type}, {self.reason}>"


@final
class Record:
    """An instance of a class that the reader did not register: its name and what it held.

    Attributes:
        type: Module and qualified name of the class.
        fields: The attributes by name; the fields of a named tuple; empty for a member of an enum.
        kind: `object`, `namedtuple`, `enum` or `subclass` (of a built-in type such as `dict`).
        value: The value of a member of an enum (its name is in `fields`), or what the built-in base held.

    >>> Record("shop.Order", {"id": 7})["id"]
    7
    """

    __slots__ = ("fields", "kind", "type", "value")

    def __init__(
        self,
        type: str,  # noqa: A002 - as the attribute
        fields: dict[str, Any],
        *,
        kind: RecordKind = "object",
        value: Any = None,
    ) -> None:
        self.type: str = type
        self.fields: dict[str, Any] = fields
        self.kind: RecordKind = kind
        self.value: Any = value

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        if self is other:
            return True
        return (self.type, self.kind, self.fields, self.value) == (
            other.type,
            other.kind,
            other.fields,
            other.value,
        )

    def __hash__(self) -> int:
        # Fields may be unhashable; a record can still be a key, as what it stands for could.
        return hash((self.type, self.kind))

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.fields.items())
        if self.kind in ("enum", "subclass"):
            shown = f"{self.value!r}{', ' if shown else ''}{shown}"
        return f"<{self.type}({shown})>"


@final
class RecordedError(SnapshotError):
    """An exception of a class that the reader did not register; cause, context and notes are in their places.

    Attributes:
        type: Module and qualified name of the class.
        fields: What the exception carried besides its arguments.
        members: The exceptions of a group.
    """

    code: ClassVar[str] = "recorded_error"

    def __init__(
        self,
        type: str,  # noqa: A002 - as the attribute
        args: tuple[Any, ...],
        fields: dict[str, Any],
        members: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(*args)
        self.type: str = type
        self.fields: dict[str, Any] = fields
        self.members: tuple[Any, ...] = members

    def __str__(self) -> str:
        message = super().__str__()
        return f"{self.type}: {message}" if message else self.type
