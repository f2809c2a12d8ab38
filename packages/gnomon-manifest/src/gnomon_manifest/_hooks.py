"""The decorators `before`, `after` and `catch`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, overload

from ._declarations import HookDeclaration, Level, Point, attach, hook_of
from ._errors import DeclarationError
from ._policy import positive_seconds
from ._shapes import AnyHook, CatchHook
from ._signature import CATCH, HOOK, check

__all__ = ["after", "before", "catch", "check_route_hooks"]

HookT = TypeVar("HookT", bound=AnyHook)
CatchT = TypeVar("CatchT", bound=CatchHook)
Retried = type[BaseException] | tuple[type[BaseException], ...]


def _check_options(point: Point, values: dict[str, Any]) -> dict[str, Any]:
    if values["timeout"] is not None:
        values["timeout"] = positive_seconds(values["timeout"], "timeout")
    values["backoff"] = positive_seconds(values["backoff"], "backoff")
    if isinstance(values["retries"], bool) or not isinstance(values["retries"], int) or values["retries"] < 0:
        raise DeclarationError(f"retries is a whole number from 0, not {values['retries']!r}")
    retried = values["retry_on"]
    values["retry_on"] = retried if isinstance(retried, tuple) else (retried,)
    if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in values["retry_on"]):
        raise DeclarationError(f"retry_on is an exception class or a tuple of them, not {retried!r}")
    if values["level"] not in ("global", "route"):
        raise DeclarationError(f"the level of a hook is 'global' or 'route', not {values['level']!r}")
    if values.get("at") not in (None, "received"):
        raise DeclarationError(f"at is 'received' or left out, not {values['at']!r}")
    if values.get("at") and values["level"] == "route":
        raise DeclarationError("a route is not known yet at 'received'; only a global hook runs there")
    return {"point": point, **values}


def _declare(function: Any, point: Point, options: dict[str, Any]) -> Any:
    check(function, CATCH if point == "catch" else HOOK)
    if options["in_thread"] and inspect.iscoroutinefunction(function):
        raise DeclarationError(
            f"{function.__qualname__} is async; in_thread=True moves only a sync hook to a thread"
        )
    name = options.pop("name") or f"{function.__module__}.{function.__qualname__}"
    attach(function, HookDeclaration(name=name, **options))
    return function


def _decorator(point: Point, function: Any, values: dict[str, Any]) -> Any:
    options = _check_options(point, values)
    if function is not None:
        return _declare(function, point, options)
    return lambda late: _declare(late, point, dict(options))


def check_route_hooks(point: Point, hooks: Sequence[Callable[..., Any]]) -> tuple[Callable[..., Any], ...]:
    """Take the hooks that a route lists for one point.

    Raises:
        DeclarationError: when one is declared for another point, or is no function that can be bound.
    """
    if callable(hooks):
        raise DeclarationError(
            f"{point} is a sequence of hooks; write {point}=[{getattr(hooks, '__name__', hooks)}]"
        )
    for hook in hooks:
        declared = hook_of(hook)
        if declared is None:
            check(getattr(hook, "__func__", hook), CATCH if point == "catch" else HOOK)
        elif declared.point != point:
            raise DeclarationError(
                f"{declared.name} is a hook for {declared.point}; it can not stand in {point}=[...]"
            )
    return tuple(hooks)


@overload
def before(hook: HookT, /) -> HookT: ...
@overload
def before(
    *,
    name: str | None = None,
    level: Level = "global",
    timeout: float | None = None,
    retries: int = 0,
    backoff: float = 0.1,
    retry_on: Retried = Exception,
    isolated: bool = False,
    in_thread: bool = False,
    at: Literal["received"] | None = None,
) -> Callable[[HookT], HookT]: ...
def before(
    hook: Any = None,
    /,
    *,
    name: str | None = None,
    level: Level = "global",
    timeout: float | None = None,
    retries: int = 0,
    backoff: float = 0.1,
    retry_on: Retried = Exception,
    isolated: bool = False,
    in_thread: bool = False,
    at: Literal["received"] | None = None,
) -> Any:
    """Declare a hook that runs before the handler; works bare and with options.

    Args:
        hook: the function, when the decorator stands bare.
        name: name of the hook; `module.qualified_name` unless given.
        level: `global`, or `route` for a hook that runs only where a route lists it.
        timeout: seconds that one attempt may take.
        retries: further attempts after a failure.
        backoff: seconds before the first retry; each further one waits twice as long.
        retry_on: exceptions that are worth a further attempt.
        isolated: whether a failure is recorded and goes no further.
        in_thread: whether a sync hook runs in a thread.
        at: `received` runs a global hook ahead of the guards, when the body can not be read yet.

    Raises:
        SignatureError: when the function takes other parameters than `req, res, lctx, gctx`.
        DeclarationError: when an option is out of its range.

    >>> from gnomon_manifest.declare import before, hook_of
    >>> @before
    ... def note_start(lctx):
    ...     lctx.set("started", lctx.monotonic())
    >>> hook_of(note_start).point
    'before'
    """
    values: dict[str, Any] = {"name": name, "level": level, "timeout": timeout, "retries": retries, "at": at}
    values |= {"backoff": backoff, "retry_on": retry_on, "isolated": isolated, "in_thread": in_thread}
    return _decorator("before", hook, values)


@overload
def after(hook: HookT, /) -> HookT: ...
@overload
def after(
    *,
    name: str | None = None,
    level: Level = "global",
    timeout: float | None = None,
    retries: int = 0,
    backoff: float = 0.1,
    retry_on: Retried = Exception,
    isolated: bool = False,
    in_thread: bool = False,
    requires: Callable[..., Any] | str | None = None,
) -> Callable[[HookT], HookT]: ...
def after(
    hook: Any = None,
    /,
    *,
    name: str | None = None,
    level: Level = "global",
    timeout: float | None = None,
    retries: int = 0,
    backoff: float = 0.1,
    retry_on: Retried = Exception,
    isolated: bool = False,
    in_thread: bool = False,
    requires: Callable[..., Any] | str | None = None,
) -> Any:
    """Declare a hook that runs after the handler and may edit the answer; works bare and with options.

    Args:
        hook: the function, when the decorator stands bare.
        name: name of the hook; `module.qualified_name` unless given.
        level: `global`, or `route` for a hook that runs only where a route lists it.
        timeout: seconds that one attempt may take.
        retries: further attempts after a failure.
        backoff: seconds before the first retry; each further one waits twice as long.
        retry_on: exceptions that are worth a further attempt.
        isolated: whether a failure is recorded and goes no further.
        in_thread: whether a sync hook runs in a thread.
        requires: the hook, as function or name, without whose run this one is skipped.

    Raises:
        SignatureError: when the function takes other parameters than `req, res, lctx, gctx`.
        DeclarationError: when an option is out of its range.

    >>> from gnomon_manifest.declare import after, hook_of
    >>> @after(requires="start the clock")
    ... def stop_the_clock(res, lctx): ...
    >>> hook_of(stop_the_clock).requires
    'start the clock'
    """
    if requires is not None and not isinstance(requires, str) and not callable(requires):
        raise DeclarationError(f"requires is a hook or the name of one, not {requires!r}")
    values: dict[str, Any] = {"name": name, "level": level, "timeout": timeout, "retries": retries}
    values |= {"backoff": backoff, "retry_on": retry_on, "isolated": isolated, "in_thread": in_thread}
    return _decorator("after", hook, {**values, "requires": requires})


@overload
def catch(hook: CatchT, /) -> CatchT: ...
@overload
def catch(
    *,
    name: str | None = None,
    level: Level = "global",
    timeout: float | None = None,
    retries: int = 0,
    backoff: float = 0.1,
    retry_on: Retried = Exception,
    isolated: bool = False,
    in_thread: bool = False,
) -> Callable[[CatchT], CatchT]: ...
def catch(
    hook: Any = None,
    /,
    *,
    name: str | None = None,
    level: Level = "global",
    timeout: float | None = None,
    retries: int = 0,
    backoff: float = 0.1,
    retry_on: Retried = Exception,
    isolated: bool = False,
    in_thread: bool = False,
) -> Any:
    """Declare a hook that runs when a request fails, and may answer it; works bare and with options.

    Args:
        hook: the function, when the decorator stands bare.
        name: name of the hook; `module.qualified_name` unless given.
        level: `global`, or `route` for a hook that runs only where a route lists it.
        timeout: seconds that one attempt may take.
        retries: further attempts after a failure.
        backoff: seconds before the first retry; each further one waits twice as long.
        retry_on: exceptions that are worth a further attempt.
        isolated: whether a failure is recorded and goes no further.
        in_thread: whether a sync hook runs in a thread.

    Raises:
        SignatureError: when the function takes other parameters than `req, res, lctx, gctx, error`.
        DeclarationError: when an option is out of its range.

    >>> from gnomon_manifest.declare import catch, hook_of
    >>> @catch
    ... def explain(error, res):
    ...     if isinstance(error, KeyError):
    ...         res.problem(404, code="not-found")
    >>> hook_of(explain).point
    'catch'
    """
    values: dict[str, Any] = {"name": name, "level": level, "timeout": timeout, "retries": retries}
    values |= {"backoff": backoff, "retry_on": retry_on, "isolated": isolated, "in_thread": in_thread}
    return _decorator("catch", hook, values)
