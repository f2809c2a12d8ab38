"""The exceptions of the composition: what is wrong with an application before it serves anything."""

from __future__ import annotations


class GnomonError(RuntimeError):
    """The root of what this package raises on purpose."""

    code: str = "gnomon_error"


class SourceUnusable(GnomonError, LookupError):
    """A source of an application is not a handler, a hook, a module or the name of one."""

    code: str = "source_unusable"


class PolicyNotEnforced(GnomonError):
    """A route declares a policy and nothing in the application enforces it: it would be silently open."""

    code: str = "policy_not_enforced"


class AppNotRunning(GnomonError):
    """A request was dispatched before the application was started or after it was stopped."""

    code: str = "app_not_running"


class AppAlreadyOpen(GnomonError):
    """An application was opened that is open: it has one set of modules, and serves once."""

    code: str = "app_already_open"


class HandlerUnusable(GnomonError, TypeError):
    """A handler or hook cannot be used: its path cannot be read, or nothing can be checked by its annotations."""

    code: str = "handler_unusable"
