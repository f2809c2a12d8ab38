"""Local and global context for requests on trio: state, hooks, tasks, modules, application lifecycle."""

from ._application import Alert
from ._capabilities import Capabilities, host_matches, needs
from ._config import Config
from ._config_load import ConfigSources, ConfigValidator
from ._current import current_context
from ._errors import (
    CapabilityDenied,
    CapabilityMissing,
    ConfigError,
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
    StartupFailed,
    StateError,
    TopicFull,
)
from ._extras import LocalHook
from ._global import GlobalContext
from ._keys import ContextKey, ModuleKey
from ._lifecycle import HealthCheck, HealthReport
from ._local import LocalContext
from ._meta import RequestMeta
from ._module import Module
from ._module_access import ModuleLookup
from ._open_global import open_global_context
from ._open_local import open_local_context
from ._outcome import Execution, RequestOutcome
from ._phase import RequestPhase
from ._pressure import MemoryFigures
from ._resources import Resources
from ._sources import Sources, SystemSources
from ._state import SharedState
from ._tasks import TrackedTask
from ._topics import Delivery, Subscription

__all__ = [
    "Alert",
    "Capabilities",
    "CapabilityDenied",
    "CapabilityMissing",
    "Config",
    "ConfigError",
    "ConfigSources",
    "ConfigValidator",
    "ContextClosed",
    "ContextError",
    "ContextKey",
    "DeadlineExceeded",
    "Delivery",
    "DetachRefused",
    "DuplicateModule",
    "Execution",
    "GlobalContext",
    "HealthCheck",
    "HealthReport",
    "IllegalPhase",
    "LocalContext",
    "LocalHook",
    "MemoryFigures",
    "Module",
    "ModuleCycle",
    "ModuleError",
    "ModuleKey",
    "ModuleLookup",
    "ModuleNotFound",
    "ModuleNotStarted",
    "ModuleStartFailed",
    "NoContext",
    "RequestMeta",
    "RequestOutcome",
    "RequestPhase",
    "Resources",
    "SharedState",
    "Sources",
    "StartupFailed",
    "StateError",
    "Subscription",
    "SystemSources",
    "TopicFull",
    "TrackedTask",
    "current_context",
    "host_matches",
    "needs",
    "open_global_context",
    "open_local_context",
]

_name = ""
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
