"""Handlers and hooks of running code and of a manifest, in the same words: one for each field of a declaration."""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from types import NoneType
from typing import Any, Final

from gnomon_gtype import GType, UnsupportedAnnotation

from ._declarations import HandlerDeclaration, HookDeclaration, hook_of
from ._model import Handler, Hook

__all__ = ["hook_name", "live_handler", "live_hook", "read_handler", "read_hook"]

_HANDLER: Final = ("path", "methods", "websocket", "summary", "description", "tags", "version", "deprecated")
_POLICIES: Final = ("roles", "rate_limit", "body_limit", "timeout")
_POINTS: Final = ("before", "after", "catch")
_HOOK: Final = ("point", "timeout", "retries", "backoff", "isolated", "in_thread", "at")
_STREAMS: Final = (AsyncIterator, AsyncIterable, AsyncGenerator)
_BODILESS: Final = (204, 205)


def hook_name(hook: Any) -> str:
    """The name of a hook, which may be a plain function."""
    declared = hook_of(hook)
    return declared.name if declared else f"{hook.__module__}.{hook.__qualname__}"


def live_handler(function: Any, declared: HandlerDeclaration, statuses: Iterable[int]) -> dict[str, Any]:
    """What a function declares.

    Args:
        function: the handler.
        declared: what its decorator left on it.
        statuses: those that the manifest says it answers with.
    """
    found = {name: getattr(declared, name) for name in (*_HANDLER, *_POLICIES)}
    found |= {point: tuple(map(hook_name, getattr(declared, point))) for point in _POINTS}
    found |= {"parameters": dict(declared.parameters), "async": inspect.iscoroutinefunction(function)}
    return found | _live_types(function, declared, statuses)


def read_handler(handler: Handler) -> dict[str, Any]:
    """What a manifest says of a handler."""
    found = {name: getattr(handler, name) for name in _HANDLER}
    found |= {name: getattr(handler.policies, name) for name in _POLICIES}
    own = [hook for hook in handler.hooks if hook.level == "route"]
    for point in _POINTS:
        names = [hook.name for hook in own if hook.point == point]
        # out of the handler they run in reverse, and a declaration has them in the order of registration
        found[point] = tuple(names if point == "before" else reversed(names))
    found |= {"parameters": dict(handler.parameters), "async": handler.asynchronous}
    types = handler.types
    for name in ("body", "query", "headers", "stream", "items", "receives", "sends"):
        found[name] = getattr(types, name)
    return found | {"responses": dict(types.responses)}


def live_hook(hook: Any, declared: HookDeclaration) -> dict[str, Any]:
    """What a function declares as a hook."""
    found = {name: getattr(declared, name) for name in _HOOK}
    needed = declared.requires
    found["requires"] = needed if isinstance(needed, str | None) else hook_name(needed)
    found["retry_on"] = tuple(f"{kind.__module__}.{kind.__qualname__}" for kind in declared.retry_on)
    return found | {"async": inspect.iscoroutinefunction(hook)}


def read_hook(hook: Hook) -> dict[str, Any]:
    """What a manifest says of a hook; exceptions by the name that they have where they are defined."""
    found = {name: getattr(hook, name) for name in (*_HOOK, "requires")}
    return found | {"retry_on": tuple(map(_at_home, hook.retry_on)), "async": hook.asynchronous}


def _at_home(name: str) -> str:
    """The name of a class where it is defined, by any name that it is imported under."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:end]))
            for part in parts[end:]:
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return f"{found.__module__}.{found.__qualname__}" if isinstance(found, type) else name
    return name


def _live_types(function: Any, declared: HandlerDeclaration, statuses: Iterable[int]) -> dict[str, Any]:
    """The digests of the types that the runtime checks with, from the annotations of a function."""
    request = [*_arguments(function, "req", "Request"), Any, Any, Any][:3]
    success = [*_arguments(function, "res", "Response"), Any][0]
    stream = (typing.get_origin(success) or success) in _STREAMS
    items = (*typing.get_args(success), Any)[0] if stream else Any
    responses = {
        status: None if stream or not 200 <= status < 300 or status in _BODILESS else _digest(success)
        for status in statuses
    }
    responses |= {status: _digest(kind) for status, kind in declared.responses.items()}
    found: dict[str, Any] = dict(zip(("body", "query", "headers"), map(_digest, request), strict=True))
    messages = [*_arguments(function, "ws", "WebSocket"), Any, Any][:2]
    found |= dict(zip(("receives", "sends"), map(_digest, messages), strict=True))
    return found | {"stream": stream, "items": _digest(items), "responses": responses}


def _arguments(function: Any, name: str, generic: str) -> tuple[Any, ...]:
    """The arguments of `Request[...]`, `Response[...]` or `WebSocket[...]`; what only type checkers can see is not there to compare."""
    annotation = getattr(function, "__annotations__", {}).get(name, Any)
    holder = type("holder", (), {"__annotations__": {name: annotation}})
    try:
        found = typing.get_type_hints(holder, globalns=function.__globals__, include_extras=True)[name]
    except (NameError, AttributeError):
        return ()
    origin = typing.get_origin(found)
    return typing.get_args(found) if getattr(origin, "__name__", "") == generic else ()


def _digest(annotation: Any) -> str | None:
    if annotation in (Any, None, NoneType):
        return None
    try:
        return GType(annotation).schema.digest
    except UnsupportedAnnotation:
        return None
