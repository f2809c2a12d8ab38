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
from gnomon_ingress import HttpError, Limits, Request, Response, WebSocket
from gnomon_manifest.declare import (
    after,
    before,
    catch,
    delete,
    get,
    group,
    handler,
    head,
    module,
    options,
    patch,
    post,
    put,
    websocket,
)
from gnomon_orchestrator import EventKind, LifecycleEvent, Listener

from ._app import App
from ._config import Config
from ._errors import (
    AppAlreadyOpen,
    AppNotRunning,
    GnomonError,
    HandlerUnusable,
    PolicyNotEnforced,
    SourceUnusable,
)
from ._policies import PolicyEnforcer
from ._routes import Route

__all__ = [
    "App",
    "AppAlreadyOpen",
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
    "PolicyEnforcer",
    "PolicyNotEnforced",
    "Request",
    "RequestOutcome",
    "RequestPhase",
    "Response",
    "Route",
    "SourceUnusable",
    "WebSocket",
    "after",
    "before",
    "catch",
    "current_context",
    "delete",
    "get",
    "group",
    "handler",
    "head",
    "module",
    "options",
    "patch",
    "post",
    "put",
    "websocket",
]

for _own in (
    App,
    AppAlreadyOpen,
    AppNotRunning,
    Config,
    GnomonError,
    HandlerUnusable,
    PolicyEnforcer,
    PolicyNotEnforced,
    Route,
    SourceUnusable,
):
    _own.__module__ = __name__
del _own
