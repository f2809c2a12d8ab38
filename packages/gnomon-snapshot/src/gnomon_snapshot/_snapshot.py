"""A snapshot: what a request was at one moment, apart from it for ever."""

from __future__ import annotations

from datetime import datetime
from typing import Any, final

from gnomon_context import Execution, RequestMeta, RequestPhase
from gnomon_snapshot._decode import decode, raw
from gnomon_snapshot._errors import SnapshotCorrupt, SnapshotError
from gnomon_snapshot._expand import expanded
from gnomon_snapshot._format import COMPACT, digest_of, pack, unpack, version_of
from gnomon_snapshot._losses import losses_of
from gnomon_snapshot._records import Loss
from gnomon_snapshot._types import NO_TYPES, Types
from gnomon_snapshot._views import PendingCompensation, RequestState, ResponseState, TaskState


@final
class Snapshot:
    """A request as it was when `capture` was called.

    What the properties return was made from the encoded snapshot: to change it changes neither the request nor the
    snapshot. Two snapshots are equal when they encode the same.

    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import capture
    >>> lctx = LocalContext(GlobalContext(), method="POST", path="/orders")
    >>> lctx.set("cart", ["apple"])
    >>> snapshot = capture(lctx)
    >>> lctx.get("cart").append("pear")
    >>> snapshot.state
    {'cart': ['apple']}
    >>> Snapshot.from_bytes(snapshot.to_bytes()) == snapshot
    True
    """

    __slots__ = ("_body", "_data", "_draft", "_losses", "_summary", "_tree", "_types", "_values")

    _tree: dict[str, Any] | None
    _data: bytes | None
    _types: Types
    _values: dict[str, Any] | None
    _losses: tuple[Loss, ...] | None
    # the body in the first format, once it was looked at
    _body: bytes | None
    # what a listing tells of it, where that was known already when it was made
    _summary: Any
    # what makes the bytes of it, where they were not made at once
    _draft: Any

    def __init__(self) -> None:
        raise TypeError("a snapshot is made by capture(), Snapshot.from_bytes() or a store")

    @classmethod
    def _of(cls, tree: dict[str, Any] | None, data: bytes | None, types: Types) -> Snapshot:
        made = object.__new__(cls)
        made._tree = tree
        made._data = data
        made._types = types
        made._values = None
        made._losses = None
        made._body = None
        made._summary = None
        made._draft = None
        return made

    @classmethod
    def from_bytes(cls, data: bytes, *, types: Types = NO_TYPES) -> Snapshot:
        """Read a snapshot.

        Args:
            data: What `to_bytes` returned, in this release or an earlier one.
            types: The classes that may come back as themselves.

        Raises:
            SnapshotCorrupt: The bytes are no snapshot, or one that was changed or cut.
            SnapshotTooNew: A later release wrote it.
        """
        made = cls._of(None, bytes(data), types)
        try:
            made._look_at_everything()
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            if isinstance(error, SnapshotError):
                raise
            raise SnapshotCorrupt(f"a part of the snapshot has another shape: {error}") from error
        return made

    def _look_at_everything(self) -> None:
        """Make every part once, so that one of another shape is refused here and not where it is used."""
        values = self._read()
        if type(values["captured_at"]) is not datetime or type(values["meta"]["request_id"]) is not str:
            raise TypeError("it is taken at a time, of a request with an id")
        for part, shape in (("state", dict), ("events", list), ("tasks", list), ("manifest", str)):
            if type(values[part]) is not shape:
                raise TypeError(f"{part} is a {shape.__name__}")
        for part in (
            "meta",
            "phase",
            "execution",
            "remaining",
            "outcome",
            "error",
            "tasks",
            "compensations",
            "request",
            "response",
            "events",
        ):
            getattr(self, part)

    def to_bytes(self) -> bytes:
        """Encode: an envelope with format version and SHA-256 digest around CBOR (RFC 8949)."""
        draft = self._draft  # asked first: another thread may be at it, which leaves it last
        if self._data is None:
            if draft is not None:
                self._data, self._summary = draft.build()
                self._draft = None
            else:
                assert self._tree is not None
                self._data = pack(self._tree)
        return self._data

    def _encoded(self) -> bytes:
        """The body, in the first format whatever it was written in."""
        if self._body is None:
            data = self.to_bytes()
            self._body = unpack(data)
            if version_of(data) == COMPACT:
                self._body, tree = expanded(self._body)
                self._tree = self._tree or tree
        return self._body

    def using(self, types: Types) -> Snapshot:
        """The same snapshot, read with other classes."""
        data = self._data if self._draft is None else self.to_bytes()
        return Snapshot._of(self._tree, data, types)

    @property
    def digest(self) -> str:
        """SHA-256 of format version and content, as 64 hexadecimal digits."""
        return digest_of(self.to_bytes())

    @property
    def tree(self) -> dict[str, Any]:
        """The encoded form before CBOR; for tools of this package, and not to be changed."""
        if self._tree is None and self._draft is not None:
            self._tree = self._draft.tree()
        if self._tree is None:
            body = self._encoded()
            self._tree = self._tree or raw(body)
        return self._tree

    @property
    def losses(self) -> tuple[Loss, ...]:
        """Everything that does not come back as it was, with its place; see `Loss`."""
        if self._losses is None:
            self._losses = losses_of(self.tree, self._types)
        return self._losses

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return self.meta.request_id

    @property
    def meta(self) -> RequestMeta:
        """What was known of the request from its beginning."""
        fields = self._read()["meta"]
        return RequestMeta(**{**fields, "flags": tuple(fields["flags"])})

    @property
    def captured_at(self) -> datetime:
        """When the snapshot was taken, by the clock of the request."""
        moment: datetime = self._read()["captured_at"]
        return moment

    @property
    def manifest(self) -> str:
        """The fingerprint of the manifest that the request was served by, empty if none was given."""
        return str(self._read()["manifest"])

    @property
    def phase(self) -> RequestPhase:
        """Where the request was."""
        return RequestPhase(self._read()["phase"])

    @property
    def execution(self) -> Execution | None:
        """What ran: handler id, version, step, hook id, level and attempt."""
        fields = self._read()["execution"]
        return None if fields is None else Execution(**fields)

    @property
    def remaining(self) -> float:
        """Seconds that were left until the deadline, infinite if there was none."""
        return float(self._read()["remaining"])

    @property
    def outcome(self) -> str | None:
        """How the request had ended: `ok`, `error`, …; `None` while it had not."""
        fields = self._read()["outcome"]
        return None if fields is None else str(fields["kind"])

    @property
    def error(self) -> Any:
        """The exception that ended the request, if one had."""
        fields = self._read()["outcome"]
        return None if fields is None else fields["error"]

    @property
    def state(self) -> dict[str, Any]:
        """What was stored in the local context."""
        state: dict[str, Any] = self._read()["state"]
        return state

    @property
    def tasks(self) -> tuple[TaskState, ...]:
        """The tasks of the request, oldest first."""
        return tuple(TaskState(**fields) for fields in self._read()["tasks"])

    @property
    def compensations(self) -> tuple[PendingCompensation, ...]:
        """The compensations that had not run, oldest first."""
        return tuple(
            PendingCompensation(fields["name"], tuple(fields["args"]), fields["timeout"])
            for fields in self._read()["compensations"]
        )

    @property
    def request(self) -> RequestState | None:
        """The request so far, if it was given to `capture`."""
        fields = self._read()["request"]
        return None if fields is None else RequestState(**{**fields, "headers": _pairs(fields["headers"])})

    @property
    def response(self) -> ResponseState | None:
        """The response so far, if it was given to `capture`."""
        fields = self._read()["response"]
        return None if fields is None else ResponseState(**{**fields, "headers": _pairs(fields["headers"])})

    @property
    def events(self) -> tuple[Any, ...]:
        """The lifecycle events so far, if they were given to `capture`."""
        return tuple(self._read()["events"])

    def _read(self) -> dict[str, Any]:
        if self._values is None:
            self._values = self.fresh()
        return self._values

    def fresh(self) -> dict[str, Any]:
        """All values once more, shared with nothing; the keys are the names of the parts."""
        values = decode(self._encoded(), self._types)
        if values.keys() - {"recording"} != PARTS:
            raise SnapshotCorrupt("the body of a snapshot has other parts")
        return values

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Snapshot):
            return NotImplemented
        return self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __repr__(self) -> str:
        return f"<Snapshot {self.request_id} {self.meta.method} {self.meta.path} {self.phase}>"


PARTS = frozenset(
    {
        "captured_at",
        "compensations",
        "cancel_reason",
        "events",
        "execution",
        "manifest",
        "meta",
        "outcome",
        "phase",
        "remaining",
        "request",
        "response",
        "state",
        "tasks",
    }
)


def _pairs(content: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in content)
