"""What a module is registered with, and how its source becomes a context manager."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, TypeAlias, final

from ._capabilities import Capabilities
from ._errors import ModuleError
from ._extras import name_of
from ._keys import ModuleKey
from ._lifecycle import takes_argument
from ._resources import Resources, acting_module

ModuleRef: TypeAlias = "str | type[Any] | ModuleKey[Any]"

_MISSING: Any = object()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A service that requests share, with its own start and end.

    Args:
        value: the service itself, ready to use; or
        factory: a function that makes it: sync, async, or returning an async context manager. If it takes
            an argument it gets the brokers, `Resources`, and the module must declare `capabilities`.
        promises: the type it is found under and must be an instance of; by default that of `value`.
        depends_on: modules (name, type or key) that run before this one starts and until it has stopped.
        capabilities: what it may use through its brokers.
        health: called with the value; returns a status (`healthy`, `degraded`, `unhealthy`), a truth value,
            or None for healthy. Sync or async.
        lazy: started when first asked for with `start_module`, not at start-up.
        start_timeout: seconds it has to start.
        stop_timeout: seconds it has to stop.
        health_timeout: seconds its health check has.

    >>> Module(factory=dict, promises=dict).lazy
    False
    """

    value: Any = _MISSING
    factory: Callable[..., Any] | None = None
    promises: type[Any] | None = None
    depends_on: tuple[ModuleRef, ...] = ()
    capabilities: Capabilities | None = None
    health: Callable[[Any], Any] | None = None
    lazy: bool = False
    start_timeout: float = 30.0
    stop_timeout: float = 10.0
    health_timeout: float = 5.0

    def __post_init__(self) -> None:
        if (self.value is _MISSING) == (self.factory is None):
            raise ModuleError(
                "a module has either a value or a factory: Module(value=...) or Module(factory=...)"
            )
        if self.factory is not None and not callable(self.factory):
            raise ModuleError(f"the factory of a module is a function, not {self.factory!r}")
        if inspect.isasyncgenfunction(self.factory) or inspect.isgeneratorfunction(self.factory):
            raise ModuleError(
                f"{name_of(self.factory)} is a generator, and would be shared as one: decorate it with "
                "contextlib.asynccontextmanager, so that what it yields is the module"
            )
        if isinstance(self.depends_on, str):
            raise ModuleError(f"depends_on is a sequence of modules: write ({self.depends_on!r},)")
        if not (self.start_timeout > 0 and self.stop_timeout > 0 and self.health_timeout > 0):
            raise ModuleError("the timeouts of a module are positive numbers of seconds")
        object.__setattr__(self, "depends_on", tuple(self.depends_on))

    def promising(self, key: ModuleKey[Any]) -> Module:
        """This module, found under the type that `key` promises unless it promises one itself."""
        return (
            self
            if self.promises is not None or key.promises is None
            else replace(self, promises=key.promises)
        )

    @property
    def found_under(self) -> type[Any] | None:
        """The type this module is found under, if one is known."""
        if self.promises is None and self.value is not _MISSING:
            return type(self.value)
        return self.promises


def takes_resources(factory: Callable[..., Any]) -> bool:
    """Whether a factory wants the brokers: it has a parameter `resources`, or needs an argument.

    Other arguments that it can do without are its own.
    """
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # a builtin that tells nothing of itself
        return False
    return "resources" in parameters or takes_argument(factory)


def as_modules(modules: Mapping[str, Any]) -> dict[str, Module]:
    """Read the mapping a user gives: a `Module`, or a value to share as it is."""
    return {name: each if isinstance(each, Module) else Module(value=each) for name, each in modules.items()}


@final
class OpenedModule(AbstractAsyncContextManager[Any]):
    """Makes the value of a module, and holds it open if it is a context manager."""

    __slots__ = ("_inner", "_module", "_name", "_resources")

    def __init__(self, name: str, module: Module, resources: Resources | None) -> None:
        self._name = name
        self._module = module
        self._resources = resources
        self._inner: AbstractAsyncContextManager[Any] | None = None

    async def __aenter__(self) -> Any:
        # The task that holds the module open and the tasks it starts act for the module.
        acting_module.set(self._name)
        if self._module.factory is None:
            return self._module.value
        made = self._module.factory() if self._resources is None else self._module.factory(self._resources)
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
