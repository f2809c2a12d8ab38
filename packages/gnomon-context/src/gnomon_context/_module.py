"""What a module is registered with, and how its source becomes a context manager."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias, final

from ._errors import ModuleError
from ._keys import ModuleKey

ModuleRef: TypeAlias = "str | type[Any] | ModuleKey[Any]"

_MISSING: Any = object()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A service that requests share, with its own start and end.

    Args:
        value: the service itself, ready to use; or
        factory: a function that makes it: sync, async, or returning an async context manager.
        type: the type it is found under and must be an instance of; by default that of `value`.
        depends_on: modules (name, type or key) that run before this one starts and until it has stopped.
        lazy: started when first asked for with `start_module`, not at start-up.
        start_timeout: seconds it has to start.
        stop_timeout: seconds it has to stop.

    >>> Module(factory=dict, type=dict).lazy
    False
    """

    value: Any = _MISSING
    factory: Callable[..., Any] | None = None
    type: builtins.type[Any] | None = None
    depends_on: tuple[ModuleRef, ...] = ()
    lazy: bool = False
    start_timeout: float = 30.0
    stop_timeout: float = 10.0

    def __post_init__(self) -> None:
        if (self.value is _MISSING) == (self.factory is None):
            raise ModuleError(
                "a module has either a value or a factory: Module(value=...) or Module(factory=...)"
            )
        if self.factory is not None and not callable(self.factory):
            raise ModuleError(f"the factory of a module is a function, not {self.factory!r}")
        if not (self.start_timeout > 0 and self.stop_timeout > 0):
            raise ModuleError("start_timeout and stop_timeout are positive numbers of seconds")
        object.__setattr__(self, "depends_on", tuple(self.depends_on))

    @property
    def promised(self) -> builtins.type[Any] | None:
        """The type this module is found under."""
        if self.type is None and self.value is not _MISSING:
            return builtins.type(self.value)
        return self.type

    def open(self) -> AbstractAsyncContextManager[Any]:
        """A context manager that makes the value, and holds it open if it is a context manager."""
        return _Opening(self)


@final
class _Opening(AbstractAsyncContextManager[Any]):
    __slots__ = ("_inner", "_module")

    def __init__(self, module: Module) -> None:
        self._module = module
        self._inner: AbstractAsyncContextManager[Any] | None = None

    async def __aenter__(self) -> Any:
        if self._module.factory is None:
            return self._module.value
        made = self._module.factory()
        if inspect.isawaitable(made):
            made = await made
        if isinstance(made, AbstractAsyncContextManager):
            self._inner = made
            return await made.__aenter__()
        return made

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if self._inner is None:
            return None
        return await self._inner.__aexit__(kind, error, traceback)


def as_modules(modules: Mapping[str, Any]) -> dict[str, Module]:
    """Read the mapping a user gives: a `Module`, or a value to share as it is."""
    return {name: each if isinstance(each, Module) else Module(value=each) for name, each in modules.items()}
