"""State that requests share, changed in one step."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar, final

from ._errors import StateError

T = TypeVar("T")

_ASYNC = "update({!r}) takes a sync function: others could change the state while an async one waits"


@final
class SharedState:
    """Values under names, for all requests; `update` changes one in a single step.

    Reads and writes are safe from threads too. Values are shared as they are: keep immutable ones, and
    let `update` make the next from the last.

    >>> state = SharedState()
    >>> state.update("visits", lambda visits: visits + 1, default=0)
    1
    """

    __slots__ = ("_lock", "_updating", "_values")

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._updating = False

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default`."""
        return self._values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Put `value` under `key`."""
        with self._lock:
            self._refuse_inside(key)
            self._values[key] = value

    def delete(self, key: str) -> None:
        """Take `key` out.

        Raises:
            KeyError: there is nothing under `key`.
        """
        with self._lock:
            self._refuse_inside(key)
            del self._values[key]

    def update(self, key: str, fn: Callable[[Any], T], *, default: Any = None) -> T:
        """Replace the value under `key` by `fn(value)`, with nobody in between; returns the new one.

        Args:
            key: the name.
            fn: a sync function without side effects, quick: others wait for it. If it raises, nothing changes.
            default: what `fn` gets when there is nothing under `key`.

        Raises:
            StateError: `fn` is async, or changes the state itself.
        """
        if inspect.iscoroutinefunction(fn):
            raise StateError(_ASYNC.format(key))
        with self._lock:
            self._refuse_inside(key)
            self._updating = True
            try:
                value = fn(self._values.get(key, default))
            finally:
                self._updating = False
            if inspect.iscoroutine(value):
                # From a lambda or an object, which do not look async.
                value.close()
                raise StateError(_ASYNC.format(key))
            self._values[key] = value
        return value

    def _refuse_inside(self, key: str) -> None:
        # The lock admits its own thread again: a change from inside an update would be overwritten by it.
        if self._updating:
            raise StateError(
                f"{key!r} was changed from inside an update: return the new value from its function"
            )

    def snapshot(self) -> dict[str, Any]:
        """A copy of all values at this moment."""
        with self._lock:
            return dict(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<SharedState of {len(self._values)} keys>"
