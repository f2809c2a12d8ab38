"""Exceptions that nurseries of ours have wrapped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lone_error() -> Iterator[None]:
    """Raise a lone exception out of its groups, with its own cause; a group of several passes as it is.

    For a function that has a nursery inside: that is nobody's concern, and who calls it wants to write
    ``except ValueError``.

    Raises:
        BaseException: What was inside, where it is one alone.

    >>> with lone_error():
    ...     raise ExceptionGroup("unhandled errors", [ExceptionGroup("inner", [ValueError("out of stock")])])
    Traceback (most recent call last):
    ValueError: out of stock
    """
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        context = error.__context__
        try:
            raise error
        finally:
            # The groups are no part of what happened.
            error.__context__ = context
            del error, group
