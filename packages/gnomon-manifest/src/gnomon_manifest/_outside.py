"""What is known about modules outside the project without running any of theirs."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Final

__all__ = ["TRUSTED", "exported_names"]

# importing one of these runs no code of the project that is read
TRUSTED: Final = frozenset(
    {
        "annotated_types",
        "builtins",
        "collections",
        "collections.abc",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "gnomon_gtype",
        "ipaddress",
        "numbers",
        "pathlib",
        "re",
        "types",
        "typing",
        "typing_extensions",
        "uuid",
    }
)
_VERBS: Final = frozenset(
    [
        "after",
        "authenticator",
        "before",
        "catch",
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
)
# what a handler may speak of; any other name is found where it is imported by name
_RUNTIME: Final = frozenset(
    [
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
        "current_context",
    ]
)
_INGRESS: Final = frozenset(
    [
        "Client",
        "ClientGone",
        "Config",
        "Event",
        "Form",
        "Headers",
        "HttpError",
        "Limits",
        "MutableHeaders",
        "Part",
        "Request",
        "RequestInvalid",
        "Response",
        "ResponseInvalid",
        "Upload",
        "WebSocket",
        "WebSocketClosed",
    ]
)
_KNOWN: Final = {"gnomon_manifest.declare": _VERBS, "gnomon": _VERBS | _RUNTIME, "gnomon_ingress": _INGRESS}


@cache
def exported_names(module: str) -> frozenset[str] | None:
    """What `from module import *` binds; None when that can not be known."""
    if module in TRUSTED or module == "gnomon.types":
        found = importlib.import_module("gnomon_gtype" if module == "gnomon.types" else module)
        return frozenset(getattr(found, "__all__", [name for name in dir(found) if not name.startswith("_")]))
    return _KNOWN.get(module)
