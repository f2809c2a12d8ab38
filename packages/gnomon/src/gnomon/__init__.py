"""The request runtime: every request is typed, cancellable, versioned and replayable."""

from gnomon_context import (
    ContextKey,
    GlobalContext,
    LocalContext,
    Module,
    ModuleKey,
    RequestOutcome,
    RequestPhase,
    current_context,
)
from gnomon_ingress import HttpError, Limits, Request, Response
from gnomon_manifest.declare import (
    after,
    before,
    catch,
    delete,
    get,
    group,
    handler,
    head,
    options,
    patch,
    post,
    put,
)
from gnomon_orchestrator import EventKind, LifecycleEvent, Listener

from ._app import App, Route
from ._config import Config
from ._errors import AppNotRunning, GnomonError, HandlerUnusable, PolicyNotEnforced, SourceUnusable

__all__ = [
    "App",
    "AppNotRunning",
    "Config",
    "ContextKey",
    "EventKind",
    "GlobalContext",
    "GnomonError",
    "HandlerUnusable",
    "HttpError",
    "LifecycleEvent",
    "Limits",
    "Listener",
    "LocalContext",
    "Module",
    "ModuleKey",
    "PolicyNotEnforced",
    "Request",
    "RequestOutcome",
    "RequestPhase",
    "Response",
    "Route",
    "SourceUnusable",
    "after",
    "before",
    "catch",
    "current_context",
    "delete",
    "get",
    "group",
    "handler",
    "head",
    "options",
    "patch",
    "post",
    "put",
]

for _own in (
    App,
    AppNotRunning,
    Config,
    GnomonError,
    HandlerUnusable,
    PolicyNotEnforced,
    Route,
    SourceUnusable,
):
    _own.__module__ = __name__
del _own
