"""The registry of modules: found by name, type or key; started in order, stopped in reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, TypeVar, final

import trio

from ._errors import (
    DuplicateModule,
    ModuleCycle,
    ModuleNotFound,
    ModuleNotStarted,
    ModuleStartFailed,
)
from ._held import HeldManager
from ._keys import ModuleKey
from ._module import Module, ModuleRef
from ._tasks import without_cancelled

if TYPE_CHECKING:
    from ._application import Application

T = TypeVar("T")
ModuleStatus: TypeAlias = Literal["registered", "starting", "running", "stopping", "stopped", "failed"]


@final
class Entry:
    """One registered module, as it stands."""

    __slots__ = ("error", "held", "module", "name", "started", "status", "value")

    def __init__(self, name: str, module: Module) -> None:
        self.name = name
        self.module = module
        self.status: ModuleStatus = "registered"
        self.value: Any = None
        self.held: HeldManager | None = None
        self.error: BaseException | None = None
        # Set when the start that runs at this moment is over.
        self.started: trio.Event | None = None


@final
class ModuleAccess:
    """What handlers see: running modules as attributes, and by name, type or key as items."""

    # A running module is an entry of the instance's own `__dict__`: as fast as Python has it, and nothing
    # else on this class may have a name a module could have.
    def __init__(self, registry: ModuleRegistry) -> None:
        self.__dict__["__registry"] = registry
        self.__dict__["__running"] = {}

    def __getitem__(self, key: Any) -> Any:
        try:
            return self.__dict__["__running"][key]
        except KeyError:
            pass
        return self.__dict__["__registry"].missing(key)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.__dict__["__registry"].missing(name)
        except ModuleNotFound as error:
            # Absent, as far as hasattr() and getattr() with a default are concerned.
            raise AttributeError(str(error)) from None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"modules are registered before the start, not assigned: {name!r}")

    def __contains__(self, key: object) -> bool:
        return self.__dict__["__registry"].find(key) is not None

    def __iter__(self) -> Any:
        return iter(self.__dict__["__registry"].entries)

    def __len__(self) -> int:
        return len(self.__dict__["__registry"].entries)

    def __dir__(self) -> list[str]:
        return sorted(self.__dict__["__registry"].entries)

    def __repr__(self) -> str:
        return f"<modules {', '.join(self.__dict__['__registry'].entries) or 'none'}>"


@final
class ModuleRegistry:
    """Registers, starts, stops and restarts modules for one application."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.access = ModuleAccess(self)
        self.order: list[str] = []

    def register(self, name: str, module: Module) -> None:
        """Add a module under `name`.

        Raises:
            DuplicateModule: the name is taken.
        """
        if name in self.entries:
            raise DuplicateModule(
                f"a module {name!r} is registered already: names are unique, choose another"
            )
        self.entries[name] = Entry(name, module)

    def find(self, key: object) -> Entry | None:
        """The entry for a name, a type or a key; None if there is none, or more than one has the type."""
        if isinstance(key, str):
            return self.entries.get(key)
        if isinstance(key, ModuleKey):
            entry = self.entries.get(key.name)
            if entry is None or key.promises is None or entry.module.promised is None:
                return entry
            return entry if issubclass(entry.module.promised, key.promises) else None
        if isinstance(key, type):
            exact = [entry for entry in self.entries.values() if entry.module.promised is key]
            return exact[0] if len(exact) == 1 else None
        return None

    def require(self, key: object) -> Entry:
        """The entry for `key`.

        Raises:
            ModuleNotFound: there is none; the message lists what there is.
        """
        entry = self.find(key)
        if entry is None:
            shown = key if isinstance(key, str) else getattr(key, "__qualname__", key)
            known = ", ".join(self.entries) or "none"
            raise ModuleNotFound(f"no module {shown!r} is registered; there are: {known}")
        return entry

    def missing(self, key: object) -> Any:
        """What access answers for a key that is not among the running ones yet."""
        entry = self.require(key)
        if entry.status == "running":
            self._check_promise(entry, key)
            self.access.__dict__["__running"][key] = entry.value
            return entry.value
        if entry.status == "registered" and entry.module.lazy:
            raise ModuleNotStarted(
                f"the module {entry.name!r} is lazy: `await gctx.start_module({entry.name!r})` starts it and returns it"
            )
        cause = "" if entry.error is None else f" ({type(entry.error).__name__})"
        raise ModuleNotStarted(f"the module {entry.name!r} is not running, it is {entry.status}{cause}")

    def _check_promise(self, entry: Entry, key: object) -> None:
        promised = key.promises if isinstance(key, ModuleKey) else entry.module.promises
        if promised is not None and not isinstance(entry.value, promised):
            raise ModuleStartFailed(
                f"the module {entry.name!r} is a {type(entry.value).__qualname__}, "
                f"and its key promises {promised.__qualname__}"
            )

    def dependencies(self, entry: Entry) -> list[Entry]:
        """The modules that `entry` depends on directly."""
        return [self._dependency(entry, ref) for ref in entry.module.depends_on]

    def _dependency(self, entry: Entry, ref: ModuleRef) -> Entry:
        try:
            return self.require(ref)
        except ModuleNotFound as error:
            raise ModuleNotFound(
                f"the module {entry.name!r} depends on one that is missing: {error}"
            ) from None

    def check(self) -> None:
        """Refuse unknown dependencies and circles.

        Raises:
            ModuleNotFound: a dependency is not registered.
            ModuleCycle: with the chain in the message.
        """
        done: set[str] = set()
        for entry in self.entries.values():
            self._visit(entry, [], done)

    def _visit(self, entry: Entry, chain: list[str], done: set[str]) -> None:
        if entry.name in done:
            return
        if entry.name in chain:
            circle = [*chain[chain.index(entry.name) :], entry.name]
            raise ModuleCycle(f"modules depend on each other in a circle: {' -> '.join(circle)}")
        for dependency in self.dependencies(entry):
            self._visit(dependency, [*chain, entry.name], done)
        done.add(entry.name)

    async def start_all(self, application: Application) -> None:
        """Start every module that is not lazy, independent ones concurrently."""
        self.check()
        eager = [entry for entry in self.entries.values() if not entry.module.lazy]
        try:
            async with trio.open_nursery() as nursery:
                for entry in eager:
                    nursery.start_soon(self.start, entry, application, name=f"start module {entry.name}")
        except BaseExceptionGroup as group:
            rest = without_cancelled(group)
            if rest is None:  # pragma: no cover - trio takes its own Cancelled out
                raise
            raise rest from None

    async def start(self, entry: Entry, application: Application) -> Any:
        """Start one module and what it depends on, once, however many ask; returns its value."""
        while entry.status == "starting":
            assert entry.started is not None
            await entry.started.wait()
        if entry.status == "running":
            return entry.value
        entry.status, entry.started = "starting", trio.Event()
        try:
            async with trio.open_nursery() as nursery:
                for dependency in self.dependencies(entry):
                    nursery.start_soon(self.start, dependency, application)
            await self._open(entry, application)
        except BaseException as error:
            entry.status, entry.error = "failed", without_cancelled(error)
            if isinstance(error, BaseExceptionGroup) and entry.error is not None:
                raise entry.error from None
            raise
        finally:
            entry.started.set()
        return entry.value

    async def _open(self, entry: Entry, application: Application) -> None:
        held = HeldManager(entry.module.open(), lambda error: self._died(entry, application, error))
        timeout = entry.module.start_timeout
        with trio.move_on_after(timeout) as patience:
            try:
                entry.value = await held.start(application.open_nursery())
            except Exception as error:
                raise ModuleStartFailed(
                    f"the module {entry.name!r} failed to start: {type(error).__name__}: {error}"
                ) from error
        if patience.cancelled_caught:
            raise ModuleStartFailed(f"the module {entry.name!r} did not start within {timeout:g} s")
        entry.held = held
        try:
            self._check_promise(entry, entry.name)
        except ModuleStartFailed:
            await held.stop(None, trio.current_time() + entry.module.stop_timeout)
            raise
        entry.status, entry.error = "running", None
        self.order.append(entry.name)
        self.access.__dict__[entry.name] = entry.value
        self.access.__dict__["__running"][entry.name] = entry.value

    def show_values(self) -> None:
        """Make modules that are plain values usable without a start, for tests."""
        for entry in self.entries.values():
            if entry.module.factory is None:
                entry.value, entry.status = entry.module.value, "running"
                self.access.__dict__[entry.name] = entry.value

    def _forget(self, entry: Entry) -> None:
        self.access.__dict__.pop(entry.name, None)
        running = self.access.__dict__["__running"]
        for key in [key for key, value in running.items() if value is entry.value]:
            del running[key]
        if entry.name in self.order:
            self.order.remove(entry.name)

    def _died(self, entry: Entry, application: Application, error: BaseException | None) -> None:
        if entry.status != "running":
            return
        self._forget(entry)
        entry.status, entry.error = "failed", error
        application.alert("module_died", error, {"module": entry.name})

    async def stop(self, entry: Entry, application: Application, deadline: float) -> None:
        """Stop one module; what its exit raises, or its overrunning, becomes an alert."""
        if entry.status != "running" or entry.held is None:
            return
        self._forget(entry)
        entry.status = "stopping"
        limit = min(deadline, trio.current_time() + entry.module.stop_timeout)
        error = await entry.held.stop(None, limit)
        entry.status, entry.error, entry.value = "stopped", error, None
        if error is not None:
            application.alert("module_stop_failed", error, {"module": entry.name})

    async def stop_all(self, application: Application, deadline: float) -> None:
        """Stop every running module in the reverse of the order in which they came up."""
        for name in reversed(tuple(self.order)):
            await self.stop(self.entries[name], application, deadline)
