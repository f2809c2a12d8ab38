"""Snapshots of requests: capture, restore, encode, store, compare."""

from types import FunctionType

from gnomon_snapshot._answers import Divergence
from gnomon_snapshot._background import BackgroundWriter, WriterStatistics
from gnomon_snapshot._breakpoints import Breakpoint, Debugger, DebugSession, Paused
from gnomon_snapshot._calls import ModuleCall
from gnomon_snapshot._capture import CREDENTIAL_HEADERS, Redactor, RequestLike, ResponseLike, capture
from gnomon_snapshot._conditions import Condition
from gnomon_snapshot._differences import Difference
from gnomon_snapshot._errors import (
    NotRecorded,
    PatchError,
    PauseOver,
    ReplayDiverged,
    ReplayError,
    SnapshotCorrupt,
    SnapshotError,
    SnapshotNotFound,
    SnapshotTooNew,
    StoreError,
    TypesError,
)
from gnomon_snapshot._exchange import export_snapshots, import_snapshots
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._patch import Operation, apply, diff
from gnomon_snapshot._protect import protect
from gnomon_snapshot._recorded import LiveRecording
from gnomon_snapshot._recorder import Recorder
from gnomon_snapshot._recording import RecordedRequest, RecordedStep, Recording, Traced, traced
from gnomon_snapshot._records import Loss, Lost, Record, RecordedError
from gnomon_snapshot._replay import Replayable, Stage, replay, replay_async, run_on
from gnomon_snapshot._replay_all import Cause, ReplaySummary, replay_all
from gnomon_snapshot._replay_run import ReplayRun
from gnomon_snapshot._report import ReplayReport, RequestProblem, compare
from gnomon_snapshot._restore import restore
from gnomon_snapshot._sampling import Sampling
from gnomon_snapshot._secrets import Withheld
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._sqlite import SqliteStore
from gnomon_snapshot._start import Edit
from gnomon_snapshot._store import MemoryStore, Page, Query, Retention, SnapshotStore, Summary
from gnomon_snapshot._streamed import Streamed, Taken
from gnomon_snapshot._timeline import Timeline
from gnomon_snapshot._travel import EventLike, StepLike, TimeTravel
from gnomon_snapshot._types import Types
from gnomon_snapshot._views import PendingCompensation, RequestState, ResponseState, TaskState

__all__ = [
    "CREDENTIAL_HEADERS",
    "BackgroundWriter",
    "Breakpoint",
    "Cause",
    "Condition",
    "DebugSession",
    "Debugger",
    "Difference",
    "Divergence",
    "Edit",
    "EventLike",
    "Limits",
    "LiveRecording",
    "Loss",
    "Lost",
    "MemoryStore",
    "ModuleCall",
    "NotRecorded",
    "Operation",
    "Page",
    "PatchError",
    "PauseOver",
    "Paused",
    "PendingCompensation",
    "Query",
    "Record",
    "RecordedError",
    "RecordedRequest",
    "RecordedStep",
    "Recorder",
    "Recording",
    "Redactor",
    "ReplayDiverged",
    "ReplayError",
    "ReplayReport",
    "ReplayRun",
    "ReplaySummary",
    "Replayable",
    "RequestLike",
    "RequestProblem",
    "RequestState",
    "ResponseLike",
    "ResponseState",
    "Retention",
    "Sampling",
    "Snapshot",
    "SnapshotCorrupt",
    "SnapshotError",
    "SnapshotNotFound",
    "SnapshotStore",
    "SnapshotTooNew",
    "SqliteStore",
    "Stage",
    "StepLike",
    "StoreError",
    "Streamed",
    "Summary",
    "Taken",
    "TaskState",
    "TimeTravel",
    "Timeline",
    "Traced",
    "Types",
    "TypesError",
    "Withheld",
    "WriterStatistics",
    "apply",
    "capture",
    "compare",
    "diff",
    "export_snapshots",
    "import_snapshots",
    "protect",
    "replay",
    "replay_all",
    "replay_async",
    "restore",
    "run_on",
    "traced",
]

for _name in __all__:
    if isinstance(_export := globals()[_name], (type, FunctionType)):
        _export.__module__ = __name__
