"""Local and global context for requests on trio: state, hooks, tasks, modules, application lifecycle."""

from ._application import Alert
from ._current import current_context
from ._errors import (
    ContextClosed,
    ContextError,
    DeadlineExceeded,
    DetachRefused,
    DuplicateModule,
    IllegalPhase,
    ModuleCycle,
    ModuleError,
    ModuleNotFound,
    ModuleNotStarted,
    ModuleStartFailed,
    NoContext,
)
from ._extras import LocalHook
from ._global import GlobalContext, open_global_context
from ._keys import ContextKey, ModuleKey
from ._local import LocalContext
from ._meta import RequestMeta
from ._module import Module
from ._open_local import open_local_context
from ._outcome import Execution, RequestOutcome
from ._phase import RequestPhase
from ._sources import Sources, SystemSources
from ._tasks import TrackedTask

__all__ = [
    "Alert",
    "ContextClosed",
    "ContextError",
    "ContextKey",
    "DeadlineExceeded",
    "DetachRefused",
    "DuplicateModule",
    "Execution",
    "GlobalContext",
    "IllegalPhase",
    "LocalContext",
    "LocalHook",
    "Module",
    "ModuleCycle",
    "ModuleError",
    "ModuleKey",
    "ModuleNotFound",
    "ModuleNotStarted",
    "ModuleStartFailed",
    "NoContext",
    "RequestMeta",
    "RequestOutcome",
    "RequestPhase",
    "Sources",
    "SystemSources",
    "TrackedTask",
    "current_context",
    "open_global_context",
    "open_local_context",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
