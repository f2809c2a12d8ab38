"""Which parameters a handler or hook may have, for live functions and for functions that were only read.

Handlers and hooks are bound by parameter name. The same judgement serves the decorators, which see a
function object, and the static analysis, which sees a syntax tree: both bring their parameters as `Shape`s.
"""

from __future__ import annotations

import difflib
import inspect
import linecache
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

from ._errors import SignatureError

__all__ = ["CATCH", "HANDLER", "HOOK", "WEBSOCKET", "Shape", "check", "describe", "faults"]

Kind = Literal["positional-only", "plain", "keyword-only", "*", "**"]


class Shape(NamedTuple):
    """One parameter: its name and how it can be given."""

    name: str
    kind: Kind


class Form(NamedTuple):
    """What the parameters of one sort of function must be."""

    noun: str
    names: tuple[str, ...]
    all_of_them: bool


HANDLER: Final = Form("a handler", ("req", "res", "lctx", "gctx"), True)
WEBSOCKET: Final = Form("a websocket handler", ("req", "ws", "lctx", "gctx"), True)
HOOK: Final = Form("a hook", ("req", "res", "lctx", "gctx"), False)
CATCH: Final = Form("a catch hook", ("req", "res", "lctx", "gctx", "error"), False)

_MEANT: Final = {
    "request": "req",
    "response": "res",
    "resp": "res",
    "websocket": "ws",
    "socket": "ws",
    "ctx": "lctx",
    "context": "lctx",
    "local": "lctx",
    "local_context": "lctx",
    "global_context": "gctx",
    "app": "gctx",
    "exc": "error",
    "err": "error",
    "exception": "error",
}
_KINDS: Final[dict[Any, Kind]] = {
    inspect.Parameter.POSITIONAL_ONLY: "positional-only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "plain",
    inspect.Parameter.KEYWORD_ONLY: "keyword-only",
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


def _fault(shape: Shape, form: Form) -> str | None:
    name = shape.name
    if shape.kind in ("*", "**"):
        return f"{shape.kind}{name} binds no name"
    if name not in form.names:
        meant = _MEANT.get(name) or next(iter(difflib.get_close_matches(name, form.names, 1, 0.5)), None)
        hint = f" (did you mean {meant!r}?)" if meant in form.names else ""
        return f"{name!r} is not one of them{hint}"
    if shape.kind == "positional-only":
        return f"{name!r} is positional-only and can not be bound by name"
    return None


def faults(shapes: Sequence[Shape], form: Form) -> tuple[str, ...]:
    """Say everything that keeps these parameters from being bound; an empty tuple when nothing does."""
    found = [fault for shape in shapes if (fault := _fault(shape, form))]
    if form.all_of_them:
        missing = [name for name in form.names if name not in {shape.name for shape in shapes}]
        found += [f"{name!r} is missing" for name in missing]
    return tuple(found)


def describe(
    form: Form, found: Sequence[str], *, name: str, asynchronous: bool, owner: str | None = None
) -> str:
    """Put faults into words, followed by the form that works."""
    amount = "takes exactly" if form.all_of_them else "takes none, some or all of"
    names = ", ".join(form.names if owner is None else (owner, *form.names))
    prefix = "async def" if asynchronous else "def"
    return (
        f"{form.noun} {amount} {', '.join(form.names)}, by name: {'; '.join(found)}\n"
        f"  write: {prefix} {name}({names})"
    )


def _is_method(function: Callable[..., Any]) -> bool:
    outside, _, _ = function.__qualname__.rpartition(".")
    return bool(outside) and not outside.endswith("<locals>")


def _where(function: Callable[..., Any]) -> str:
    code = inspect.unwrap(function).__code__
    first = code.co_firstlineno
    # a decorated function starts at its first decorator; people look for the line with its name
    for number in range(first, first + 100):
        line = linecache.getline(code.co_filename, number).strip()
        if line.startswith(("def ", "async def ", "lambda")):
            return f"{code.co_filename}:{number}: {line}"
    return f"{code.co_filename}:{first}: {function.__qualname__}{inspect.signature(function)}"


def check(function: Callable[..., Any], form: Form) -> None:
    """Refuse a function whose parameters can not be bound by name.

    A function defined in a class body is a method: its first parameter is the instance.

    Raises:
        SignatureError: with the line of the function, each fault, and the form that works.
    """
    if not inspect.isfunction(function):
        raise SignatureError(
            f"{form.noun} is a plain function, not {type(function).__name__}: {function!r}\n"
            "  write the decorator directly above `def`, below @staticmethod and @classmethod"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise SignatureError(
            f"{_where(function)}\n  {form.noun} does not yield; hand an iterator to res.stream"
        )
    shapes = [Shape(p.name, _KINDS[p.kind]) for p in inspect.signature(function).parameters.values()]
    owner = None
    if (
        _is_method(function)
        and shapes
        and shapes[0].name not in form.names
        and shapes[0].kind != "keyword-only"
    ):
        owner = shapes.pop(0).name
    if found := faults(shapes, form):
        message = describe(
            form,
            found,
            name=function.__name__,
            asynchronous=inspect.iscoroutinefunction(function),
            owner=owner,
        )
        raise SignatureError(f"{_where(function)}\n  {message}")
