"""Listeners made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from ._events import EVENT_KINDS, EventKind, LifecycleEvent


@final
class Listening:
    """A function as a listener, see ``listen``."""

    __slots__ = ("function", "kinds")

    def __init__(self, function: Callable[[LifecycleEvent], object], kinds: frozenset[EventKind]) -> None:
        self.function: Callable[[LifecycleEvent], object] = function
        self.kinds: frozenset[EventKind] = kinds

    def __call__(self, event: LifecycleEvent, /) -> object:
        return self.function(event)

    def __repr__(self) -> str:
        return f"<listener {getattr(self.function, '__qualname__', self.function)}>"


def listen(*kinds: EventKind) -> Callable[[Callable[[LifecycleEvent], object]], Listening]:
    """Make a listener of a function.

    Args:
        kinds: What it wants to hear; everything if none is named.

    >>> @listen("request.finished")
    ... def note(event):
    ...     print(event.name, event.detail.kind, event.duration)
    >>> sorted(note.kinds)
    ['request.finished']
    """
    return lambda function: Listening(function, frozenset(kinds) or EVENT_KINDS)
