"""What can go wrong with hooks, plans and requests; each error has a stable ``code``."""

from __future__ import annotations

from typing import ClassVar


class OrchestratorError(RuntimeError):
    """Root of every error this package raises."""

    code: ClassVar[str] = "orchestrator_error"


class BindingError(OrchestratorError, TypeError):
    """The parameters of a handler or hook are not the ones it is called with."""

    code = "binding"


class InvalidHook(OrchestratorError, ValueError):
    """The options of a hook, guard, listener or plan contradict each other or are out of range."""

    code = "invalid_hook"


class DuplicateHook(OrchestratorError, ValueError):
    """A hook of this name is registered already."""

    code = "duplicate_hook"


class UnknownHook(OrchestratorError, LookupError):
    """A hook requires another one that is not part of the plan."""

    code = "unknown_hook"


class HookTimeout(OrchestratorError, TimeoutError):
    """A hook took longer than its own ``timeout``.

    Args:
        name: The hook.
        timeout: What it was allowed, in seconds; ``None`` if that was its share of the time for the exit.
    """

    code = "hook_timeout"

    def __init__(self, name: str, timeout: float | None = None) -> None:
        allowed = "its share of the time for the exit" if timeout is None else f"its timeout of {timeout:g} s"
        super().__init__(f"hook {name!r} took longer than {allowed}")
        self.name = name
        self.timeout = timeout


class UnexpectedReturn(OrchestratorError, TypeError):
    """A handler or hook returned a value, which nothing would have looked at."""

    code = "unexpected_return"


class NoAnswer(OrchestratorError):
    """A handler returned without finishing the response."""

    code = "no_answer"


class ScopeLeaked(OrchestratorError):
    """A handler or hook left a cancel scope or nursery open that it had entered by hand."""

    code = "scope_leaked"


class RequestCancelled(OrchestratorError):
    """The request was cancelled: by ``lctx.cancel()``, by its client, by a drain or from outside.

    Args:
        reason: ``explicit``, ``disconnect``, ``shutdown`` or ``outside``.
    """

    code = "request_cancelled"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the request was cancelled ({reason})")
        self.reason = reason
