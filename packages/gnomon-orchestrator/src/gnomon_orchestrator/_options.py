"""What an orchestrator and its plans are made of, refused where it is given and not where a request meets it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from numbers import Real
from typing import Any, TypeVar

from ._binding import is_async, name_of, yields
from ._errors import InvalidHook

T = TypeVar("T")


def is_seconds(value: object) -> bool:
    """Whether it is a finite number of seconds, 0 or more."""
    return isinstance(value, Real) and math.isfinite(value) and float(value) >= 0


def is_count(value: object) -> bool:
    """Whether it is a whole number, 0 or more."""
    return isinstance(value, int) and value >= 0


def check_seconds(**options: float | None) -> None:
    """Refuse limits that are no finite number of seconds above 0; ``None`` is none.

    Raises:
        InvalidHook: With the name of the option.
    """
    for option, value in options.items():
        if value is not None and not (is_seconds(value) and value > 0):
            raise InvalidHook(f"{option} is a number of seconds above 0, not {value!r}")


def several(things: Iterable[T], option: str) -> tuple[T, ...]:
    """All of ``things``.

    Raises:
        InvalidHook: It is one alone.
    """
    try:
        return tuple(things)
    except TypeError:
        raise InvalidHook(f"{option}= takes a sequence, not {things!r}: write [{option[:-1]}]") from None


def check_guard(guard: Any) -> None:
    """Refuse what could not be asked.

    Raises:
        InvalidHook: It has no ``check``, or one that does not take all four.
    """
    check = getattr(guard, "check", None)
    if not callable(check):
        raise InvalidHook(f"a guard has a `check(req, res, lctx, gctx)`, {guard!r} has none")
    try:
        signature = inspect.signature(check)
    except (TypeError, ValueError):  # a builtin that tells nothing of itself
        return
    try:
        signature.bind(None, None, None, None)
    except TypeError:
        raise InvalidHook(
            f"the guard {guard!r} is asked with req, res, lctx and gctx, by position, and its check takes {signature}"
        ) from None


def check_validator(validator: Any, option: str) -> None:
    """Refuse what could not be asked, or whose answer nobody would wait for.

    Raises:
        InvalidHook: It has no ``validate``, or an async one; or, for a request, does not say what it reads.
    """
    validate = getattr(validator, "validate", None)
    if not callable(validate) or (option == "request" and not hasattr(validator, "reads_body")):
        raise InvalidHook(f"{option}= takes a validator, with `validate` and `reads_body`, not {validator!r}")
    if is_async(validate) or yields(validate):
        raise InvalidHook(
            f"the validate of {option}={validator!r} is async, and would not be awaited: what has to wait is a guard "
            "or a before hook"
        )


def check_listener(listener: Any) -> None:
    """Refuse what could not hear.

    Raises:
        InvalidHook: It is no function with ``kinds``, or an async one.
    """
    if getattr(listener, "kinds", None) is None or not callable(listener):
        raise InvalidHook(f"a listener is callable and has `kinds`, {listener!r} does not: see listen()")
    function = getattr(listener, "function", listener)
    if is_async(function) or yields(function):
        raise InvalidHook(
            f"{listener!r} is async, and a listener is not awaited: give {name_of(function)} to a BoundedSink"
        )


def check_boundary(boundary: Any) -> None:
    """Refuse what could not stand there.

    Raises:
        InvalidHook: It lacks one of its two sides.
    """
    for side in ("before_step", "after_step"):
        if not callable(getattr(boundary, side, None)):
            raise InvalidHook(f"a boundary has `before_step` and `after_step`, {boundary!r} lacks {side}")
