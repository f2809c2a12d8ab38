"""The mapping of a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, overload

from ._keys import ContextKey
from ._local_state import NOTHING, LocalState

T = TypeVar("T")
D = TypeVar("D")


class MappingMethods(LocalState):
    """What is stored under names, for one request alone."""

    __slots__ = ()

    @overload
    def get(self, key: ContextKey[T]) -> T | None: ...
    @overload
    def get(self, key: ContextKey[T], default: T | D) -> T | D: ...
    @overload
    def get(self, key: str, default: Any = None) -> Any: ...

    def get(self, key: str | ContextKey[Any], default: Any = None) -> Any:
        """The value under `key`, or `default`."""
        return self._values.get(key, default)

    @overload
    def set(self, key: ContextKey[T], value: T) -> None: ...
    @overload
    def set(self, key: str, value: Any) -> None: ...

    def set(self, key: str | ContextKey[Any], value: Any) -> None:
        """Put `value` under `key`, for this request alone."""
        if self._values is NOTHING:
            self._values = {}
        self._values[key] = value

    def delete(self, key: str | ContextKey[Any]) -> None:
        """Take `key` out.

        Raises:
            KeyError: there is nothing under `key`.
        """
        del self._values[key]

    def clear(self) -> None:
        """Take every key out."""
        self._values.clear()

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        # A context is there even while it holds nothing.
        return True
