"""A recording: how a request began, every answer that the outside world gave it, and how it ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, final

import trio

from gnomon_snapshot._calls import ENTRY, ModuleCall, make_call, refusal_of
from gnomon_snapshot._errors import NotRecorded, SnapshotCorrupt, SnapshotError
from gnomon_snapshot._graph import Graph
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._records import Loss, RecordedError
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._timeline import Timeline
from gnomon_snapshot._types import NO_TYPES, Types

PARTS: Final[Mapping[str, tuple[type, ...]]] = {
    "request": (dict, type(None)),
    "timeout": (float, int, type(None)),
    "ended": (int,),
    "cancelled": (str, type(None)),
    "calls": (list,),
    "names": (dict,),
    "draws": (dict,),
    "config": (list,),
    "trace": (list,),
    "places": (list,),
    "timeline": (bytes, type(None)),
}
_REQUEST: Final = frozenset({"method", "target", "headers", "client", "body", "value", "missing", "pieces"})
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{6,}")
_DRAWS: Final = frozenset({"now", "monotonic", "random", "uuid"})


class RecordedRequest(NamedTuple):
    """The request as it came, without its secrets.

    Attributes:
        method: The method.
        target: Path and query as sent.
        headers: Names and values; where a value carried credentials, `<withheld>` stands for them.
        body: The bytes, `None` if they are not in the recording.
        value: The parsed body in place of the bytes, where something in it was blanked.
        missing: Why there is neither, empty if there is one.
        client: The address of the client, if it was known.
        pieces: If the body was taken as a stream, its pieces with the seconds from the arrival of the request.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    value: Any
    missing: str
    client: str | None
    pieces: tuple[tuple[float, bytes], ...] | None = None


class Traced(NamedTuple):
    """One lifecycle event, without what differs from run to run.

    Attributes:
        kind: What happened, such as `hook.end`.
        name: The name of the step.
        id: Its id within the plan, `None` if it has none.
        attempt: Which attempt it was, from 1.
        error: Class and message of its exception, empty without one.
        detail: What else belongs to the kind, such as the outcome.
        problems: For a refused validation, pointer, code and message of each problem, and the part of the request that it
            is in.
    """

    kind: str
    name: str
    id: str | None
    attempt: int
    error: str
    detail: str
    problems: tuple[tuple[str, str, str, str], ...]

    def __str__(self) -> str:
        shown = f"{self.kind} {self.name}"
        if self.attempt > 1:
            shown += f" (attempt {self.attempt})"
        if self.detail:
            shown += f" [{self.detail}]"
        return f"{shown}: {self.error}" if self.error else shown


def traced(event: Any) -> Traced:
    """What a trace keeps of a lifecycle event: no time, no id of the request, no object.

    Args:
        event: Anything with the attributes of `gnomon_orchestrator.LifecycleEvent`.
    """
    node = trace_node(event)
    return Traced._make([*node[:6], tuple(map(tuple, node[6]))])


def trace_node(event: Any) -> list[Any]:
    """The same in its encoded form."""
    kind, error, detail = event.kind, event.error, event.detail
    if error is None and (detail is None or type(detail) is str):
        return [kind, str(event.name), event.id, event.attempt, "", detail or "", []]
    shown = "" if error is None else f"{_class_of(error)}: {_message(error)}"
    outcome = getattr(detail, "kind", None)
    if isinstance(outcome, str):
        detail = " ".join([outcome, *(flag for flag in ("truncated", "recovered") if getattr(detail, flag))])
    found = getattr(error, "problems", ()) if kind == "validation.error" else ()
    problems = [
        [str(getattr(problem, name, "")) for name in ("pointer", "code", "message", "source")]
        for problem in tuple(found)[:100]
    ]
    said = detail if isinstance(detail, str) else ""
    return [kind, str(event.name), event.id, event.attempt, shown[:500], said, problems]


def _class_of(error: BaseException) -> str:
    """The class, also of an exception that a replay gave back without knowing its class."""
    return error.type.rpartition(".")[2] if isinstance(error, RecordedError) else type(error).__qualname__


def _message(error: BaseException) -> str:
    if isinstance(error, trio.Cancelled):
        return "cancelled"  # who did it, and in which task, is told with addresses
    try:
        text = Exception.__str__(error) if isinstance(error, RecordedError) else str(error)
        return _ADDRESS.sub("0x…", text)
    except Exception:
        return ""


class RecordedStep(NamedTuple):
    """A place from which a replay can go on: a boundary that has a snapshot, or a module call.

    Attributes:
        kind: `boundary` or `call`.
        name: The id of the step (a hook, or `handler`), or the call as code would write it.
        number: Among its kind, from 0.
    """

    kind: str
    name: str
    number: int


@final
class Recording:
    """What a request was, what it asked of the outside world, and what it was answered.

    It is kept in a store as its final snapshot, `recording.snapshot`, which carries the rest: `Recording.of` finds it
    there again. Two recordings are equal when they encode the same.

    >>> import trio
    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import MemoryStore, Recorder
    >>> async def main():
    ...     store = MemoryStore()
    ...     live = Recorder(store).begin(GlobalContext())
    ...     lctx = LocalContext(live.gctx, path="/dice")
    ...     lctx.set("thrown", lctx.random.randint(1, 6))
    ...     await store.put(live.finish(lctx).snapshot)
    ...     return Recording.of(await store.get(lctx.request_id))
    >>> recording = trio.run(main)
    >>> recording.snapshot.meta.path, recording.calls
    ('/dice', ())
    >>> Recording.from_bytes(recording.to_bytes()) == recording
    True
    """

    __slots__ = ("snapshot",)

    #: The request at its end, which carries the recording into a store.
    snapshot: Snapshot

    def __init__(self) -> None:
        raise TypeError("a recording is made by a Recorder, Recording.from_bytes() or Recording.of()")

    @classmethod
    def of(cls, snapshot: Snapshot) -> Recording:
        """The recording that a snapshot carries.

        Raises:
            NotRecorded: It carries none: the request was captured and not recorded.
            SnapshotCorrupt: It carries something else.
        """
        if "recording" not in snapshot.tree:
            raise NotRecorded(
                f"the request {snapshot.request_id} was captured and not recorded: what the outside world answered it "
                "is not known, so it cannot be replayed"
            )
        made = cls._made(snapshot)
        try:
            made._check()
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            if isinstance(error, SnapshotError):
                raise
            raise SnapshotCorrupt(f"a part of the recording has another shape: {error}") from error
        return made

    @classmethod
    def _made(cls, snapshot: Snapshot) -> Recording:
        made = object.__new__(cls)
        made.snapshot = snapshot
        return made

    @classmethod
    def from_bytes(cls, data: bytes, *, types: Types = NO_TYPES) -> Recording:
        """Read a recording.

        Args:
            data: What `to_bytes` returned.
            types: The classes that may come back as themselves.

        Raises:
            NotRecorded: The bytes are a snapshot without a recording.
            SnapshotCorrupt: They are neither, or were changed or cut.
            SnapshotTooNew: A later release wrote them.
        """
        return cls.of(Snapshot.from_bytes(data, types=types))

    def to_bytes(self) -> bytes:
        """Encode: a snapshot with one part more."""
        return self.snapshot.to_bytes()

    def using(self, types: Types) -> Recording:
        """The same recording, read with other classes."""
        return Recording.of(self.snapshot.using(types))

    def _check(self) -> None:
        part = self.node
        if part.keys() != PARTS.keys():
            raise TypeError("it has other parts")
        for name, kinds in PARTS.items():
            if type(part[name]) not in kinds:
                raise TypeError(f"{name} is {kinds[0].__name__}")
        if part["request"] is not None and part["request"].keys() != _REQUEST:
            raise TypeError("the request has other parts")
        if part["request"] is not None:
            for at, piece in part["request"]["pieces"] or ():
                if type(at) is not int or type(piece) is not bytes:
                    raise TypeError("a piece of the body is a time and bytes")
        if part["draws"].keys() != _DRAWS or any(type(draws) is not list for draws in part["draws"].values()):
            raise TypeError("it has other draws")
        for entry in part["calls"]:
            if type(entry) is not dict or entry.keys() != ENTRY:
                raise TypeError("a call has other parts")
            if entry["how"] == "handle" and type(entry["value"]["path"]) is not str:
                raise TypeError("a handle has a path")

    @property
    def node(self) -> dict[str, Any]:
        """The encoded form of what is not in the snapshot; for tools of this package, and not to be changed."""
        part: dict[str, Any] = self.snapshot.tree["recording"]
        return part

    def fresh(self) -> dict[str, Any]:
        """All values of the recording once more, shared with nothing."""
        part: dict[str, Any] = self.snapshot.fresh()["recording"]
        return part

    def _read(self) -> dict[str, Any]:
        part: dict[str, Any] = self.snapshot._read()["recording"]
        return part

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return self.snapshot.request_id

    @property
    def digest(self) -> str:
        """SHA-256 of format version and content, as 64 hexadecimal digits."""
        return self.snapshot.digest

    @property
    def losses(self) -> tuple[Loss, ...]:
        """Everything that does not come back as it was, with its place."""
        return self.snapshot.losses

    @property
    def request(self) -> RecordedRequest | None:
        """The request as it came, `None` if it was not given to the recorder."""
        fields = self._read()["request"]
        if fields is None:
            return None
        headers = tuple((str(name), str(value)) for name, value in fields["headers"])
        pieces = fields["pieces"]
        if pieces is not None:
            pieces = tuple((at / 1e9, bytes(piece)) for at, piece in pieces)
        return RecordedRequest(**{**fields, "headers": headers, "pieces": pieces})

    @property
    def timeout(self) -> float | None:
        """Seconds that the request had from its arrival, `None` for no deadline."""
        timeout = self.node["timeout"]
        return None if timeout is None else float(timeout)

    @property
    def duration(self) -> float:
        """Seconds from the arrival of the request to its end."""
        return float(self.node["ended"] / 1e9)

    @property
    def calls(self) -> tuple[ModuleCall, ...]:
        """The calls on modules and their live handles, in the order in which they began."""
        types = self.snapshot._types
        pairs = zip(self._read()["calls"], self.node["calls"], strict=True)
        return tuple(make_call(entry, node, types) for entry, node in pairs)

    @property
    def trace(self) -> tuple[Traced, ...]:
        """The lifecycle events, without what differs from run to run."""
        return tuple(Traced._make([*entry[:6], tuple(map(tuple, entry[6]))]) for entry in self.node["trace"])

    @property
    def unrecorded(self) -> tuple[str, ...]:
        """What of the outside world went unseen, with the reason; empty if nothing did."""
        node = self.node
        found = [f"{name[:-1]}: {reason}" for name, reason in node["names"].items() if name[-1:] == "!"]
        request = node["request"]
        if request is not None and request["missing"]:
            found.append(f"the body of the request: {request['missing']}")
        if any(map(refusal_of, node["calls"])):
            found += [f"{call}: {call.refused}" for call in self.calls if call.refused]
        return tuple(found)

    @property
    def timeline(self) -> Timeline | None:
        """The snapshots at the boundaries of the request, `None` if none were kept."""
        data = self.node["timeline"]
        return None if data is None else Timeline.from_bytes(data, types=self.snapshot._types)

    @property
    def steps(self) -> tuple[RecordedStep, ...]:
        """The places from which a replay can go on, in the order in which the request passed them."""
        places, calls = self.node["places"], self.calls
        found = []
        passed = 0
        for number, (name, before, _) in enumerate(places):
            found += [RecordedStep("call", str(calls[at]), at) for at in range(passed, before)]
            passed = before
            found.append(RecordedStep("boundary", name, number))
        found += [RecordedStep("call", str(calls[at]), at) for at in range(passed, len(calls))]
        return tuple(found)

    @property
    def initial(self) -> Snapshot:
        """The snapshot of the request as it came, before anything ran for it."""
        snapshot, request = self.snapshot, self.request
        graph = Graph(Limits())
        tree = snapshot.tree
        arrived = {
            **{name: tree[name] for name in ("manifest", "meta")},
            "captured_at": graph.copy(snapshot.meta.received_at),
            "cancel_reason": None,
            "phase": "received",
            "execution": None,
            "remaining": float("inf") if self.timeout is None else self.timeout,
            "outcome": None,
            "state": {},
            "tasks": [],
            "compensations": [],
            "response": None,
            "events": [],
            "request": None
            if request is None
            else {
                "method": request.method,
                "target": request.target,
                "headers": [list(pair) for pair in request.headers],
                "body": graph.copy(request.value) if request.body is None else request.body,
            },
        }
        graph.finish(arrived)
        return Snapshot._of(arrived, None, snapshot._types)

    def __eq__(self, other: object) -> bool:
        return self.snapshot == other.snapshot if isinstance(other, Recording) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.snapshot)

    def __repr__(self) -> str:
        meta = self.snapshot.meta
        return f"<Recording {self.request_id} {meta.method} {meta.path} {self.snapshot.outcome}>"
