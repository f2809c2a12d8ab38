"""Binding by parameter name: decided once, at registration, so that a request costs a direct call."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ._errors import BindingError

ARGUMENTS = ("req", "res", "lctx", "gctx")
SOCKET_ARGUMENTS = ("req", "ws", "lctx", "gctx")
# What people write who come from elsewhere.
_MEANT = {
    "request": ["req"],
    "response": ["res"],
    "res": ["ws"],
    "socket": ["ws"],
    "websocket": ["ws"],
    "ws": ["res"],
    "ctx": ["lctx"],
    "context": ["lctx"],
    "exc": ["error"],
    "exception": ["error"],
}
CATCH_ARGUMENTS = (*ARGUMENTS, "error")


@dataclass(frozen=True, slots=True)
class Binding:
    """How to call one function: ``call`` is the text of its arguments, such as ``"res, gctx=gctx"``."""

    function: Callable[..., object]
    names: tuple[str, ...]
    arguments: str
    is_async: bool

    def adapter(self) -> Callable[..., Any]:
        """A function of all names that makes the call; for places that are not compiled."""
        return _adapter(self.arguments)(self.function)


@functools.cache
def _adapter(arguments: str) -> Callable[..., Callable[..., Any]]:
    # The text is made of the six known names only, see bind().
    source = f"lambda function: lambda req, res, lctx, gctx, error, ws=None: function({arguments})"
    return eval(source, {})  # type: ignore[no-any-return]  # noqa: S307


def bind(function: Callable[..., object], *, allowed: Sequence[str], exactly: bool, role: str) -> Binding:
    """Find out how to call ``function``.

    Args:
        function: A function, sync or async, or any other callable.
        allowed: The names it may take.
        exactly: Whether it has to take all of them.
        role: What the function is, for the error.

    Raises:
        BindingError: It takes other names, its signature cannot be known, or it is a generator.
    """
    if not callable(function):
        raise BindingError(f"a {role} is a function, not {function!r}")
    try:
        parameters = _parameters(function)
    except (TypeError, ValueError) as error:
        raise BindingError(f"{_place(function)}: the signature of this {role} is unknown: {error}") from None
    _check(function, parameters, allowed=allowed, exactly=exactly, role=role)
    if yields(function):
        raise BindingError(
            f"{_place(function)}: a {role} is called, and this one contains a yield, so that nothing of it would "
            "run: what surrounds a handler is a before hook and an after hook, and a stream goes into res.stream()"
        )
    arguments = ", ".join(
        f"{p.name}={p.name}" if p.kind is inspect.Parameter.KEYWORD_ONLY else p.name for p in parameters
    )
    return Binding(function, tuple(p.name for p in parameters), arguments, is_async(function))


def is_async(function: Callable[..., object]) -> bool:
    """Whether a call of ``function`` returns a coroutine, as far as can be known without calling it."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or (
        not inspect.isroutine(function) and inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
    )


def yields(function: Callable[..., object]) -> bool:
    """Whether a call of ``function`` makes a generator that nobody would iterate over."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = getattr(function, "__call__", function)  # noqa: B004
    # What types.coroutine makes of a generator is awaited.
    return inspect.isasyncgenfunction(function) or (
        inspect.isgeneratorfunction(function)
        and not function.__code__.co_flags & inspect.CO_ITERABLE_COROUTINE
    )


def name_of(function: Callable[..., object]) -> str:
    """What to call a function for people."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    bound: set[str] = set()
    inner = function
    while isinstance(inner, functools.partial):
        bound |= inner.keywords.keys()
        inner = inner.func
    return [p for p in inspect.signature(function).parameters.values() if p.name not in bound]


def _check(
    function: Callable[..., object],
    parameters: Sequence[inspect.Parameter],
    *,
    allowed: Sequence[str],
    exactly: bool,
    role: str,
) -> None:
    wrong = []
    for p in parameters:
        if p.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            wrong.append(f"{p} hides which names it takes")
        elif p.name not in allowed:
            meant = [name for name in _MEANT.get(p.name, ()) if name in allowed]
            near = [*meant, *difflib.get_close_matches(p.name, allowed, n=1, cutoff=0.5)]
            wrong.append(f"unknown name {p.name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    names = {p.name for p in parameters}
    missing = [name for name in allowed if name not in names] if exactly else []
    if missing:
        wrong.append("missing " + ", ".join(repr(name) for name in missing))
    if not wrong:
        return
    prefix = "async def" if is_async(function) else "def"
    name = getattr(function, "__name__", "handler")
    form = f"{prefix} {name if name.isidentifier() else 'handler'}({', '.join(allowed)})"
    rule = (
        "takes exactly these four, in any order" if exactly else "takes those of these it needs, in any order"
    )
    raise BindingError(f"{_place(function)}: {'; '.join(wrong)}. A {role} {rule}: {form}")


def _place(function: Callable[..., object]) -> str:
    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    inner = inspect.unwrap(getattr(inner, "__func__", inner))
    if not hasattr(inner, "__code__"):
        inner = vars(type(inner)).get("__call__", inner)
    code = getattr(inner, "__code__", None)
    name = name_of(function)
    return name if code is None else f'{name} ("{code.co_filename}", line {code.co_firstlineno})'
