"""The global context: what all requests of an application share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Generic, TypeVar, final

import trio

from ._application import Alert, Application
from ._errors import ContextClosed
from ._keys import ModuleKey
from ._module import Module, as_modules
from ._modules import ModuleRegistry
from ._sources import Sources

Modules = TypeVar("Modules")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


@final
class GlobalContext(Generic[Modules]):
    """What all requests share: modules, configuration, application lifecycle.

    Made before it is opened with `open_global_context`, so that modules and callbacks can be registered.

    Args:
        modules: services by name; a `Module` declares more than a value.
        sources: where requests take time, randomness and ids from; the real ones by default.
        max_detached: how many detached tasks may run at once.
    """

    __slots__ = ("__weakref__", "_application", "_registry", "_sources", "modules")

    modules: Modules

    def __init__(
        self,
        *,
        modules: Mapping[str, Any] | None = None,
        sources: Sources | None = None,
        max_detached: int = 1000,
    ) -> None:
        self._application = Application(max_detached=max_detached)
        self._registry = ModuleRegistry()
        self._sources = sources
        self.modules = self._registry.access  # type: ignore[assignment]  # stands in for the user's protocol
        for name, module in as_modules(modules or {}).items():
            self._registry.register(name, module)

    def register(self, key: str | ModuleKey[Any], module: Any) -> None:
        """Register a module: a `Module`, or a value to share as it is.

        Raises:
            DuplicateModule: the name is taken.
            ContextClosed: the application has started.
        """
        if self._application.nursery is not None:
            raise ContextClosed("modules are registered before the application starts")
        name = key.name if isinstance(key, ModuleKey) else key
        declared = module if isinstance(module, Module) else Module(value=module)
        self._registry.register(name, declared)

    async def start_module(self, key: str | type[T] | ModuleKey[T]) -> T:
        """Start a lazy module, once however many ask, and return it."""
        value: T = await self._registry.start(self._registry.require(key), self._application)
        return value

    def on_alert(self, fn: Callable[[Alert], object]) -> Callable[[Alert], object]:
        """Call `fn(alert)` whenever something goes wrong that no request can answer for."""
        self._application.alert_listeners.append(fn)
        return fn

    def alert(self, kind: str, error: BaseException | None, **detail: Any) -> None:
        """Raise an alert: `kind` says what, `error` why, `detail` where."""
        self._application.alert(kind, error, detail)


@final
class open_global_context(Generic[Modules]):  # noqa: N801 - used like a function: `async with open_global_context()`
    """Run an application: start-up, a nursery for its tasks, shutdown.

    Args:
        gctx: a global context made before; by default one is made from `modules`.
        modules: services by name.
        shutdown_timeout: seconds for the whole shutdown.
    """

    def __init__(
        self,
        gctx: GlobalContext[Modules] | None = None,
        *,
        modules: Mapping[str, Any] | None = None,
        shutdown_timeout: float = 30.0,
    ) -> None:
        if gctx is not None and modules is not None:
            raise ValueError("give the modules to the GlobalContext you pass in, or pass none")
        self._gctx: GlobalContext[Modules] = GlobalContext(modules=modules) if gctx is None else gctx
        self._shutdown_timeout = shutdown_timeout
        self._manager: Any = None

    async def __aenter__(self) -> GlobalContext[Modules]:
        gctx = self._gctx
        application = gctx._application
        if application.nursery is not None or application.draining:
            raise ContextClosed("a global context is opened once: make another for another run")
        self._manager = trio.open_nursery()
        nursery = await self._manager.__aenter__()
        application.nursery = nursery
        # Asked once: the lookup of the current clock would cost every deadline.
        application.clock = trio.lowlevel.current_clock().current_time
        try:
            nursery.start_soon(application.watch, name="gnomon watchdog")
            await gctx._registry.start_all(application)
        except BaseException as error:
            if not await self.__aexit__(type(error), error, error.__traceback__):
                raise
            raise  # pragma: no cover - a failed start-up is never swallowed
        return gctx

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        application = self._gctx._application
        nursery = application.open_nursery()
        deadline = trio.current_time() + self._shutdown_timeout
        # The application may be cancelled already; the shutdown runs all the same, until its deadline.
        with trio.CancelScope(shield=True, deadline=deadline):
            application.draining = True
            application.cancel_live("shutdown")
            await application.wait_idle()
            await application.drain_detached(deadline)
        with trio.CancelScope(shield=True, deadline=deadline + 1.0):
            await self._gctx._registry.stop_all(application, deadline)
        nursery.cancel_scope.cancel(reason="the application is shut down")
        try:
            return bool(await self._manager.__aexit__(kind, error, traceback))
        except BaseExceptionGroup as group:
            # The block raised, and nothing else did: it is not wrapped because there is a nursery here.
            if len(group.exceptions) == 1 and group.exceptions[0] is error:
                return False
            raise
        finally:
            application.nursery = None
