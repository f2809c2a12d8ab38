"""What is passed to the composition is of the kind that it is for, or is refused with what was meant."""

from __future__ import annotations

import inspect
from typing import Any


def check_kind(name: str, value: Any, kind: type, meant: str) -> None:
    """Refuse an argument of another kind; None is none.

    Raises:
        TypeError: With what is meant.
    """
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name}= {meant}; this is a {type(value).__name__}")


def check_callable(name: str, value: Any, meant: str) -> None:
    """Refuse what cannot be called; None is none.

    Raises:
        TypeError: With what is meant.
    """
    if value is not None and not callable(value):
        raise TypeError(f"{name}= {meant}; this is a {type(value).__name__}")
    if name == "setup" and inspect.iscoroutinefunction(value):
        raise TypeError(f"{name}= {meant}: what is async goes into gctx.on_startup")
