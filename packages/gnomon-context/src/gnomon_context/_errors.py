"""What can go wrong with a context; each error has a stable `code`."""

from __future__ import annotations

from typing import ClassVar


class ContextError(RuntimeError):
    """Root of every error this package raises."""

    code: ClassVar[str] = "context_error"


class ContextClosed(ContextError):
    """A context was used after its request (or application) had ended."""

    code = "context_closed"


class NoContext(ContextError, LookupError):
    """`current_context()` was called where no request runs."""

    code = "no_context"


class IllegalPhase(ContextError, ValueError):
    """A move that the lifecycle does not have, or a registration that comes too late to take effect."""

    code = "illegal_phase"


class DeadlineExceeded(ContextError, TimeoutError):
    """The deadline of the request passed."""

    code = "deadline_exceeded"


class DetachRefused(ContextError):
    """The application holds as many detached tasks as it admits, or is shutting down."""

    code = "detach_refused"


class ModuleError(ContextError):
    """Root of what goes wrong with modules."""

    code = "module_error"


class ModuleNotFound(ModuleError, LookupError):
    """No module is registered under that key."""

    code = "module_not_found"


class ModuleNotStarted(ModuleError):
    """The module is registered and does not run: it is lazy, has died, or was stopped."""

    code = "module_not_started"


class DuplicateModule(ModuleError, ValueError):
    """A module of that name is registered already."""

    code = "duplicate_module"


class ModuleCycle(ModuleError, ValueError):
    """Modules depend on each other in a circle."""

    code = "module_cycle"


class ModuleStartFailed(ModuleError):
    """A module raised while it started, took too long, or is not what its key promises."""

    code = "module_start_failed"


class TopicFull(ContextError):
    """A subscriber's buffer is full, and its policy or the way of publishing does not wait."""

    code = "topic_full"


class StateError(ContextError):
    """Shared state was asked for something it does not do."""

    code = "state_error"


class ConfigError(ContextError, ValueError):
    """Configuration cannot be read or is not valid; the message names source and key."""

    code = "config_error"


class CapabilityDenied(ModuleError, PermissionError):
    """A module asked a broker for a resource that it does not declare."""

    code = "capability_denied"


class CapabilityMissing(ModuleError, ValueError):
    """A module was registered without a declaration of what it needs."""

    code = "capability_missing"


class StartupFailed(ContextError):
    """A start-up callback raised or took too long."""

    code = "startup_failed"
