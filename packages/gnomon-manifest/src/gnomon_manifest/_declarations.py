"""What a decorator leaves on a function: plain, immutable data that a runtime reads at registration."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from ._docstring import parse_docstring
from ._errors import DeclarationError
from ._policy import RateLimit

__all__ = [
    "HandlerDeclaration",
    "HookDeclaration",
    "Level",
    "Point",
    "check_path",
    "declaration_of",
    "hook_of",
]

Point: TypeAlias = Literal["before", "after", "catch"]
Level: TypeAlias = Literal["global", "route"]

_PARAMETER: Final = re.compile(r"\{([^{}]*)\}")
_FOREIGN: Final = re.compile(r"[\s?#]")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?::[a-z]+)?")
_HANDLER: Final = "__gnomon_handler__"
_HOOK: Final = "__gnomon_hook__"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerDeclaration:
    """What a route decorator says about a handler.

    Args:
        methods: HTTP methods in upper case, in the order given; `("GET",)` for a websocket.
        path: path pattern with the prefixes of its groups, such as `/orders/{id:int}`.
        id: name of the handler, unique within an application; `module.qualified_name` unless given.
        websocket: whether the handler speaks WebSocket and takes `ws` instead of `res`.
        roles: roles of which a caller needs one, sorted; empty when the route demands none.
        rate_limit: how often one client may call the route.
        body_limit: largest request body in bytes.
        timeout: seconds from the first byte of the request to the end of the answer; infinity for no deadline.
        responses: type of the body for each further status the route answers with.
        before, after, catch: hooks of this route, in registration order.
        summary, description, tags, version: what the documentation shows.
        deprecated: False, True, or what to use instead.
        parameters: descriptions of parameters by name, from the docstring.
    """

    methods: tuple[str, ...]
    path: str
    id: str
    websocket: bool = False
    roles: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    body_limit: int | None = None
    timeout: float | None = None
    responses: Mapping[int, Any] = field(default_factory=lambda: MappingProxyType({}))
    before: tuple[Callable[..., Any], ...] = ()
    after: tuple[Callable[..., Any], ...] = ()
    catch: tuple[Callable[..., Any], ...] = ()
    summary: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    version: str | None = None
    deprecated: bool | str = False
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDeclaration:
    """What a hook decorator says about a hook.

    Args:
        point: when the hook runs: before the handler, after it, or in catch of a failure.
        name: name of the hook; `module.qualified_name` unless given.
        level: `global` runs for every route of the source; `route` only where a route lists the hook.
        timeout: seconds that one attempt may take; None leaves it to the request deadline.
        retries: further attempts after a failure.
        backoff: seconds before the first retry; each further one waits twice as long.
        retry_on: exceptions that are worth a further attempt.
        isolated: whether a failure of the hook is recorded and goes no further.
        in_thread: whether a sync hook runs in a thread.
        at: `received` runs a global before hook ahead of the guards.
        requires: for an after hook, the hook that must have run, as function or name.
    """

    point: Point
    name: str
    level: Level = "global"
    timeout: float | None = None
    retries: int = 0
    backoff: float = 0.1
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    isolated: bool = False
    in_thread: bool = False
    at: Literal["received"] | None = None
    requires: Callable[..., Any] | str | None = None


def check_path(path: str, *, prefix: bool = False) -> str:
    """Take a path pattern, or the prefix of a group, which starts with a slash or is empty.

    Raises:
        DeclarationError: when the pattern can not be a path, or names a parameter twice.
    """
    if not isinstance(path, str):
        raise DeclarationError(f"a path is a string, not {path!r}")
    if path and not path.startswith("/"):
        raise DeclarationError(f"the path {path!r} does not start with a slash; write {'/' + path!r}")
    if prefix and path.endswith("/"):
        raise DeclarationError(f"the prefix {path!r} ends with a slash; write {path.rstrip('/')!r}")
    if _FOREIGN.search(path):
        raise DeclarationError(f"the path {path!r} holds white space, a query or a fragment")
    parameters = _PARAMETER.findall(path)
    if "{" in (rest := _PARAMETER.sub("", path)) or "}" in rest:
        raise DeclarationError(f"the braces in {path!r} do not pair; write '{{name}}' or '{{name:int}}'")
    for parameter in parameters:
        if not _NAME.fullmatch(parameter):
            raise DeclarationError(
                f"{{{parameter}}} in {path!r} is no parameter; write '{{name}}' or '{{name:int}}'"
            )
    names = [parameter.partition(":")[0] for parameter in parameters]
    if len(set(names)) < len(names):
        raise DeclarationError(f"the path {path!r} names a parameter twice")
    return path


def documented(function: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    """Fill what the decorator left open from the docstring."""
    documentation = parse_docstring(function.__doc__)
    if values["summary"] is None:
        values["summary"] = documentation.summary
    if values["description"] is None:
        values["description"] = documentation.description
    if values["deprecated"] is None:
        text = documentation.deprecated
        values["deprecated"] = False if text is None else text or True
    values["parameters"] = MappingProxyType(dict(documentation.parameters))
    return values


def check_responses(responses: Mapping[Any, Any] | None) -> Mapping[int, Any]:
    """Take the further answers of a route, by status.

    Raises:
        DeclarationError: when a key is no HTTP status of a final answer (RFC 9110, section 15).
    """
    for status in responses or {}:
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise DeclarationError(f"responses is keyed by a final HTTP status, 200 to 599, not {status!r}")
    return MappingProxyType(dict(responses or {}))


def check_words(words: Iterable[Any], what: str) -> tuple[str, ...]:
    """Take a sequence of strings, and refuse one bare string.

    Raises:
        DeclarationError: for anything else.
    """
    if isinstance(words, str):
        raise DeclarationError(f"{what} is a sequence of strings; write {what}=({words!r},)")
    found = tuple(words)
    if not all(isinstance(word, str) and word for word in found):
        raise DeclarationError(f"each of {what} is a non-empty string: {found!r}")
    return found


def attach(function: Any, declaration: HandlerDeclaration | HookDeclaration) -> None:
    """Leave a declaration on a function, which carries one at most.

    Raises:
        DeclarationError: when the function carries one already.
    """
    if hasattr(function, _HANDLER) or hasattr(function, _HOOK):
        raise DeclarationError(
            f"{function.__qualname__} is declared already; write handler(path, methods=(...)) for several methods, "
            "and a function of its own for another path or point"
        )
    setattr(function, _HANDLER if isinstance(declaration, HandlerDeclaration) else _HOOK, declaration)


def declaration_of(function: object) -> HandlerDeclaration | None:
    """Give what a route decorator left on a function, or None.

    >>> from gnomon_manifest.declare import declaration_of, get
    >>> @get("/health")
    ... def health(req, res, lctx, gctx):
    ...     res.json({"ok": True})
    >>> declaration_of(health).methods
    ('GET',)
    """
    found = inspect.getattr_static(function, _HANDLER, None)
    if found is None and inspect.ismethod(function):
        found = getattr(function.__func__, _HANDLER, None)
    return found if isinstance(found, HandlerDeclaration) else None


def hook_of(function: object) -> HookDeclaration | None:
    """Give what a hook decorator left on a function, or None.

    >>> from gnomon_manifest.declare import before, hook_of
    >>> @before(timeout=0.5)
    ... async def check_stock(req, gctx): ...
    >>> hook_of(check_stock).timeout
    0.5
    """
    found = inspect.getattr_static(function, _HOOK, None)
    if found is None and inspect.ismethod(function):
        found = getattr(function.__func__, _HOOK, None)
    return found if isinstance(found, HookDeclaration) else None
