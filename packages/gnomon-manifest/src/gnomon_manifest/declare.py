"""Declarations of routes, hooks and modules: decorators that attach data to a function and change nothing else.

This module loads the standard library only. A decorated function is still the plain function; a runtime reads
what was declared with `declaration_of`, `hook_of` and `module_of`, and static analysis reads the same from the source.
"""

from __future__ import annotations

from ._declarations import HandlerDeclaration, HookDeclaration, Level, Point, declaration_of, hook_of
from ._errors import DeclarationError, SignatureError
from ._hooks import after, before, catch
from ._policy import RateLimit, parse_rate_limit
from ._routes import (
    Group,
    GroupOptions,
    RouteOptions,
    delete,
    get,
    group,
    handler,
    head,
    options,
    patch,
    post,
    put,
    websocket,
)
from ._services import (
    AuthenticatorDeclaration,
    ModuleDeclaration,
    authenticator,
    authenticator_of,
    module,
    module_of,
)
from ._shapes import AnyHandler, AnyHook, AnyWebSocketHandler, CatchHook

__all__ = [
    "AnyHandler",
    "AnyHook",
    "AnyWebSocketHandler",
    "AuthenticatorDeclaration",
    "CatchHook",
    "DeclarationError",
    "Group",
    "GroupOptions",
    "HandlerDeclaration",
    "HookDeclaration",
    "Level",
    "ModuleDeclaration",
    "Point",
    "RateLimit",
    "RouteOptions",
    "SignatureError",
    "after",
    "authenticator",
    "authenticator_of",
    "before",
    "catch",
    "declaration_of",
    "delete",
    "get",
    "group",
    "handler",
    "head",
    "hook_of",
    "module",
    "module_of",
    "options",
    "parse_rate_limit",
    "patch",
    "post",
    "put",
    "websocket",
]

for _name in __all__:
    # tracebacks and documentation show the public home; a type alias has no module of its own
    if hasattr(globals()[_name], "__qualname__"):
        globals()[_name].__module__ = __name__
