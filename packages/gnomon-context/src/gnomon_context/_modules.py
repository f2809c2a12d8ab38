"""The registry of modules: found by name, type or key; started in order, stopped in reverse."""

from __future__ import annotations

import inspect
import math
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import trio

from ._capabilities import Capabilities, check_declared
from ._errors import (
    ContextClosed,
    ContextError,
    DuplicateModule,
    ModuleCycle,
    ModuleError,
    ModuleNotFound,
    ModuleNotStarted,
    ModuleStartFailed,
)
from ._held import HeldManager
from ._keys import ModuleKey
from ._lifecycle import Check
from ._module import Module, ModuleRef, OpenedModule, takes_resources
from ._module_access import ModuleAccess, check_promise
from ._resources import Resources, SecretProvider
from ._tasks import split_cancelled

if TYPE_CHECKING:
    from ._application import Application

ModuleStatus: TypeAlias = Literal["registered", "running", "stopped", "failed"]


@final
class Entry:
    """One registered module, as it stands."""

    __slots__ = (
        "attempt",
        "error",
        "held",
        "leaving",
        "lock",
        "module",
        "name",
        "resources",
        "status",
        "value",
    )

    def __init__(self, name: str, module: Module, resources: Resources | None) -> None:
        self.name: str = name
        self.module: Module = module
        self.resources: Resources | None = resources
        self.status: ModuleStatus = "registered"
        self.value: Any = None
        self.held: HeldManager | None = None
        # What is being stopped at this moment.
        self.leaving: HeldManager | None = None
        self.error: BaseException | None = None
        # Held by whoever starts, stops or restarts the module.
        self.lock: trio.Lock = trio.Lock()
        self.attempt: int = 0


@final
class ModuleRegistry:
    """Registers, starts, stops and restarts modules for one application."""

    def __init__(self, secrets: SecretProvider | None) -> None:
        self.entries: dict[str, Entry] = {}
        # From the beginning of the shutdown on nothing starts any more, and what stops has its deadline.
        self.closed: bool = False
        self.deadline: float = math.inf
        self._starting: set[trio.CancelScope] = set()
        # What shows a running module, to be told when it stops.
        self._accesses: weakref.WeakSet[ModuleAccess] = weakref.WeakSet()
        self.access: ModuleAccess = self.view({}, None)
        # The running ones, as they came up.
        self.order: list[str] = []
        self._secrets = secrets

    def register(self, name: str, module: Module) -> None:
        """Add a module under `name`.

        Raises:
            DuplicateModule: the name is taken.
            CapabilityMissing: the module needs what it does not declare.
            ModuleError: the name cannot be one.
        """
        if not name or name.startswith("_"):
            raise ModuleError(
                f"{name!r} cannot name a module: a name is not empty and starts with no underscore"
            )
        if name in self.entries:
            raise DuplicateModule(
                f"a module {name!r} is registered already: names are unique, choose another"
            )
        resources = None
        if module.factory is not None:
            wants = takes_resources(module.factory)
            check_declared(name, module.capabilities, module.factory, wants)
            if wants:
                resources = Resources(name, module.capabilities or Capabilities(), self, self._secrets)
        self.entries[name] = Entry(name, module, resources)
        for access in self._accesses:
            # A type that named one module may now name two.
            access._forget()

    def find(self, key: object) -> Entry | None:
        """The entry for a name, a type or a key; None if there is none, or more than one has the type."""
        if isinstance(key, str):
            return self.entries.get(key)
        if isinstance(key, ModuleKey):
            return self.entries.get(key.name)
        exact = [entry for entry in self.entries.values() if entry.module.found_under is key]
        return exact[0] if len(exact) == 1 and isinstance(key, type) else None

    def require(self, key: object) -> Entry:
        """The entry for `key`.

        Raises:
            ModuleNotFound: there is none; the message lists what there is.
        """
        entry = self.find(key)
        if entry is not None:
            return entry
        same = [each.name for each in self.entries.values() if each.module.found_under is key]
        if same:
            raise ModuleNotFound(f"the modules {', '.join(same)} all have the type {key!r}: ask by name")
        shown = repr(key) if isinstance(key, (str, ModuleKey)) else getattr(key, "__qualname__", repr(key))
        raise ModuleNotFound(
            f"no module {shown} is registered; there are: {', '.join(self.entries) or 'none'}"
        )

    def value_of(self, entry: Entry) -> Any:
        """The value of a running module.

        Raises:
            ModuleNotStarted: it does not run.
        """
        if entry.status == "running":
            return entry.value
        if entry.status == "registered" and entry.module.lazy:
            raise ModuleNotStarted(
                f"the module {entry.name!r} is lazy: `await gctx.start_module({entry.name!r})` starts and returns it"
            )
        state = "not started" if entry.status == "registered" else entry.status
        cause = "" if entry.error is None else f" ({type(entry.error).__name__})"
        raise ModuleNotStarted(f"the module {entry.name!r} is {state}{cause}")

    def view(self, replaced: Mapping[str, Any], granted: frozenset[str] | None) -> ModuleAccess:
        """Another access to the same modules."""
        return ModuleAccess(self, replaced, granted)

    def note(self, access: ModuleAccess) -> None:
        """Tell an access when a module stops, for it shows one."""
        self._accesses.add(access)

    def show_values(self) -> None:
        """Let modules that are plain values be used without a start, for tests."""
        for entry in self.entries.values():
            if entry.module.factory is None:
                entry.value, entry.status = entry.module.value, "running"

    def dependencies(self, entry: Entry) -> list[Entry]:
        """The modules that `entry` depends on directly.

        Raises:
            ModuleNotFound: one of them is not registered.
        """
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
        if entry.name in chain:
            circle = [*chain[chain.index(entry.name) :], entry.name]
            raise ModuleCycle(f"modules depend on each other in a circle: {' -> '.join(circle)}")
        if entry.name not in done:
            for dependency in self.dependencies(entry):
                self._visit(dependency, [*chain, entry.name], done)
            done.add(entry.name)

    async def start_all(self, application: Application) -> None:
        """Start every module that is not lazy, independent ones concurrently."""
        self.check()
        eager = [entry for entry in self.entries.values() if not entry.module.lazy]
        await self._start_many(eager, application)

    async def _start_many(self, entries: list[Entry], application: Application) -> None:
        """Start all at once; when one fails the others are cancelled, and its own error comes out."""
        try:
            async with trio.open_nursery() as nursery:
                for entry in entries:
                    nursery.start_soon(self.start, entry, application, name=f"start module {entry.name}")
        except BaseExceptionGroup as group:
            cancelled, rest = split_cancelled(group)
            first = _first_leaf(rest or group)
            if cancelled is not None or not isinstance(first, ContextError):
                raise
            raise first from first.__cause__

    async def start(self, entry: Entry, application: Application) -> Any:
        """Start one module and what it depends on, once, however many ask; returns its value.

        Those who waited while an attempt failed share its error; a later call tries again.
        """
        attempt = entry.attempt
        async with entry.lock:
            if entry.status == "running":
                return entry.value
            if entry.attempt != attempt and entry.status == "failed" and isinstance(entry.error, ModuleError):
                raise entry.error
            self._check_open(entry)
            entry.attempt += 1
            try:
                await self._start_many(self.dependencies(entry), application)
                await self._open(entry, application)
            except ModuleError as error:
                entry.status, entry.error = "failed", error
                raise
            return entry.value

    def _check_open(self, entry: Entry) -> None:
        if self.closed:
            raise ContextClosed(f"the module {entry.name!r} is not started: the application is shutting down")

    async def _open(self, entry: Entry, application: Application) -> None:
        opened = OpenedModule(entry.name, entry.module, entry.resources)
        held = HeldManager(opened, lambda error: self._died(entry, held, application, error))
        value = await self._enter(entry, held, application.open_nursery())
        try:
            # Up after all while the shutdown began, which does not come by here again.
            self._check_open(entry)
            check_promise(entry.name, value, entry.module.promises)
        except ContextError:
            await held.stop(None, self._limit(entry))
            raise
        if held.is_over:
            # It fell over before it was noted as running, so that nobody was told.
            raise ModuleStartFailed(
                f"the module {entry.name!r} ended as soon as it had started"
            ) from held.failure
        entry.held, entry.value, entry.status, entry.error = held, value, "running", None
        self.order.append(entry.name)

    async def _enter(self, entry: Entry, held: HeldManager, nursery: trio.Nursery) -> Any:
        value: Any = None
        patience = trio.move_on_after(entry.module.start_timeout)
        self._starting.add(patience)
        try:
            # Inside the `try`: the scope takes its own cancellation out of a group that it is raised in.
            with patience:
                value = await held.start(nursery, f"module {entry.name}")
        except Exception as error:
            raise ModuleStartFailed(
                f"the module {entry.name!r} failed to start: {type(error).__name__}: {error}"
            ) from error
        finally:
            self._starting.discard(patience)
        if patience.cancelled_caught:
            self._check_open(entry)
            raise ModuleStartFailed(
                f"the module {entry.name!r} did not start within {entry.module.start_timeout:g} s"
            )
        return value

    def _forget(self, entry: Entry, status: ModuleStatus, error: BaseException | None) -> None:
        for access in self._accesses:
            access._hide(entry)
        self.order.remove(entry.name)
        entry.status, entry.error, entry.value, entry.held = status, error, None, None

    def _died(
        self, entry: Entry, held: HeldManager, application: Application, error: BaseException | None
    ) -> None:
        if entry.held is held:
            self._forget(entry, "failed", error)
            application.alert("module_died", error, {"module": entry.name})

    async def stop(self, entry: Entry, application: Application) -> None:
        """Stop one module; what its exit raises, or its overrunning, becomes an alert."""
        async with entry.lock:
            held = entry.held
            if held is None:
                return
            self._forget(entry, "stopped", None)
            entry.leaving = held
            try:
                entry.error = await held.stop(None, self._limit(entry))
            finally:
                entry.leaving = None
            if entry.error is not None:
                application.alert("module_stop_failed", entry.error, {"module": entry.name})

    def _limit(self, entry: Entry) -> float:
        return min(self.deadline, trio.current_time() + entry.module.stop_timeout)

    async def stop_all(self, application: Application, deadline: float) -> None:
        """Stop every running module in the reverse of the order in which they came up."""
        self.closed, self.deadline = True, deadline
        await self._end_moves(deadline)
        while self.order:
            entry = self.entries[self.order[-1]]
            # The application may be cancelled already; the second is for an exit that is cancelled at its
            # deadline and winds up.
            until = max(deadline, trio.current_time()) + 2.0
            with trio.CancelScope(shield=True, deadline=until) as patience:
                await self.stop(entry, application)
            if patience.cancelled_caught:
                held = entry.held
                assert held is not None, "what is in the order runs"
                # Whoever holds the lock may never come to stop it, and the application waits for it.
                held.abandon()
                self._forget(entry, "failed", None)
                application.alert("module_stop_failed", None, {"module": entry.name})

    async def _end_moves(self, deadline: float) -> None:
        """Let what others start and stop at this moment come to its end: modules below are in use by it."""
        for scope in self._starting:
            scope.cancel(reason="the application is shutting down")
        moving = [entry for entry in self.entries.values() if entry.lock.locked()]
        for entry in moving:
            if entry.leaving is not None:
                entry.leaving.hasten(deadline)
        # Half of what is left, so that one that hangs leaves time for those that run.
        now = trio.current_time()
        with trio.CancelScope(shield=True, deadline=now + (deadline - now) / 2):
            for entry in moving:
                async with entry.lock:
                    pass

    async def restart(self, entry: Entry, application: Application) -> Any:
        """Stop one module and start it again; those that depend on it stay as they are."""
        await self.stop(entry, application)
        return await self.start(entry, application)

    def health_checks(self) -> list[Check]:
        """One check for each module that has a health function or does not run as it should."""
        return [
            Check(f"module {entry.name}", _health_of(entry), entry.module.health_timeout, True)
            for entry in self.entries.values()
            if entry.module.health is not None or entry.status == "failed"
        ]


def _first_leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _health_of(entry: Entry) -> Any:
    async def check() -> Any:
        if entry.status == "failed":
            return "unhealthy"
        if entry.status != "running" or entry.module.health is None:
            return None
        answer = entry.module.health(entry.value)
        return await answer if inspect.isawaitable(answer) else answer

    return check
