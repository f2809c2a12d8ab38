"""Hook plans, timeouts, retries, compensation and lifecycle events around a handler, on trio."""

from ._describe import PlanDescription, StepDescription
from ._errors import (
    BindingError,
    DuplicateHook,
    HookTimeout,
    InvalidHook,
    NoAnswer,
    OrchestratorError,
    RequestCancelled,
    ScopeLeaked,
    UnexpectedReturn,
    UnknownHook,
)
from ._events import EVENT_KINDS, EventKind, LifecycleEvent
from ._hook import Hook
from ._listen import Listening, listen
from ._orchestrator import Orchestrator, Plan, WebSocketPlan
from ._sink import BoundedSink, SinkStatistics
from ._steps import Step
from ._threads import ThreadStatistics
from .protocols import (
    Answer,
    Boundary,
    Guard,
    ItemValidator,
    Listener,
    Problem,
    Question,
    Socket,
    StatusError,
    Validator,
)

__all__ = [
    "EVENT_KINDS",
    "Answer",
    "BindingError",
    "Boundary",
    "BoundedSink",
    "DuplicateHook",
    "EventKind",
    "Guard",
    "Hook",
    "HookTimeout",
    "InvalidHook",
    "ItemValidator",
    "LifecycleEvent",
    "Listener",
    "Listening",
    "NoAnswer",
    "Orchestrator",
    "OrchestratorError",
    "Plan",
    "PlanDescription",
    "Problem",
    "Question",
    "RequestCancelled",
    "ScopeLeaked",
    "SinkStatistics",
    "Socket",
    "StatusError",
    "Step",
    "StepDescription",
    "ThreadStatistics",
    "UnexpectedReturn",
    "UnknownHook",
    "Validator",
    "WebSocketPlan",
    "listen",
]

_name = ""
for _name in __all__:
    if hasattr(globals()[_name], "__module__"):
        globals()[_name].__module__ = __name__
del _name
