"""Where in the source something is, for errors that somebody has to mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gnomon_gtype import UnsupportedAnnotation
from gnomon_router import PatternError

from ._errors import HandlerUnusable


def place_of(function: Callable[..., Any]) -> str:
    """File and line of a function."""
    return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"


@contextmanager
def blaming(handler: Callable[..., Any], name: str) -> Iterator[None]:
    """Add to what goes wrong inside where the handler is that it goes wrong for.

    Raises:
        HandlerUnusable: Its path cannot be read, or no validator can be made of one of its types.
    """
    try:
        yield
    except (UnsupportedAnnotation, PatternError) as error:
        raise HandlerUnusable(f"{place_of(handler)}: {name}: {error}") from error
