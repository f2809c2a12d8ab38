"""The global context: what all requests of an application share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, final

import trio

from ._application import Alert, Application, MemoryWatch
from ._config import Config
from ._config_load import ConfigSources
from ._errors import ContextClosed
from ._extras import check_callback, check_sync, name_of
from ._keys import ModuleKey
from ._lifecycle import Check, HealthReport, call, make_callback, run_checks
from ._module import Module, as_modules
from ._modules import ModuleRegistry
from ._resources import SecretProvider
from ._sources import Sources
from ._state import SharedState
from ._topics import Delivery, OnTopic, Overflow, Subscription, both

if TYPE_CHECKING:
    # The type checkers know the default of a type variable (PEP 696) on every Python.
    from typing_extensions import TypeVar

    Modules = TypeVar("Modules", default=Any)
else:
    from typing import TypeVar

    Modules = TypeVar("Modules")

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


@final
class GlobalContext(Generic[Modules]):
    """What all requests share: modules, configuration, state, topics, the life of the application.

    It is made before it is opened with `open_global_context`, so that modules and callbacks can be
    registered. `GlobalContext[Modules]` types `modules` with a protocol of the user's.

    Args:
        modules: services by name; a `Module` declares more than a value.
        config: a `Config`, plain values, or the `ConfigSources` to load (and reload) it from.
        secrets: `provider(name)`, sync or async, from which modules get the secrets they declare.
        sources: where requests take time, randomness and ids from; the real ones by default.
        max_detached: how many detached tasks may run at once.

    Raises:
        ConfigError: the configuration cannot be read or is not valid.
        DuplicateModule, CapabilityMissing, ModuleError: a module is refused.
        TypeError: `secrets` is no function.

    >>> gctx = GlobalContext(modules={"answer": 42}, config={"debug": True})
    >>> gctx.config.debug
    True
    """

    __slots__ = (
        *(
            "__weakref__",
            "_application",
            "_config",
            "_on_detach",
            "_on_topic",
            "_registry",
            "_sources",
            "_state",
        ),
        "modules",
    )

    modules: Modules

    def __init__(
        self,
        *,
        modules: Mapping[str, Any] | None = None,
        config: Config | ConfigSources | Mapping[str, Any] | None = None,
        secrets: SecretProvider | None = None,
        sources: Sources | None = None,
        max_detached: int = 1000,
    ) -> None:
        if secrets is not None and not callable(secrets):
            raise TypeError(
                f"secrets is a function of a name, not a {type(secrets).__qualname__}: for a mapping give its .get"
            )
        self._application = Application(max_detached=max_detached)
        self._application.use_config(config)
        self._registry = ModuleRegistry(secrets)
        self._sources = sources
        # What a view puts in place of the application's configuration.
        self._config: Config | None = None
        self._state: Any = None
        self._on_topic: OnTopic | None = None
        self._on_detach: Callable[[str], bool] | None = None
        self.modules = self._registry.access  # type: ignore[assignment]  # stands in for the user's protocol
        for name, module in as_modules(modules or {}).items():
            self._registry.register(name, module)

    def view(
        self,
        *,
        modules: Mapping[str, Any] | None = None,
        only: Iterable[str] | None = None,
        config: Config | Mapping[str, Any] | None = None,
        sources: Sources | None = None,
        state: SharedState | None = None,
        on_topic: OnTopic | None = None,
        on_detach: Callable[[str], bool] | None = None,
    ) -> GlobalContext[Modules]:
        """A global context over the same application, with other access to it.

        Args:
            modules: values that stand in for modules of these names.
            only: the names of the modules that remain, beside the replaced ones; all by default.
            config: in place of the application's configuration.
            sources: in place of this context's.
            state: in place of what requests share, or what stands in for it.
            on_topic: called with `publish` or `subscribe` and the topic before it is done through this view,
                or through a view of it; the sync function may raise, and then it is not done.
            on_detach: asked with the name of work that is to be detached by a request of this view, or of a view of it;
                where one says no, the work is not run.

        >>> gctx = GlobalContext(modules={"answer": 42})
        >>> gctx.view(modules={"answer": 43}).modules.answer
        43
        """
        other: GlobalContext[Modules] = object.__new__(GlobalContext)
        other._application = self._application
        other._registry = self._registry
        other._sources = sources or self._sources
        other._config = self._config
        if config is not None:
            other._config = config if isinstance(config, Config) else Config(config)
        other._state = self._state if state is None else state
        other._on_topic = both(self._on_topic, on_topic)
        above = self._on_detach
        other._on_detach = on_detach or above
        if on_detach is not None and above is not None:
            other._on_detach = lambda name: on_detach(name) and above(name)
        if modules is None and only is None:
            other.modules = self.modules
        else:
            # A view of a view starts from what that one shows.
            access = self.modules._derive(dict(modules or {}), only)  # type: ignore[attr-defined]
            other.modules = access
        return other

    # Modules.

    def register(self, key: str | ModuleKey[Any], module: Any) -> None:
        """Register a module: a `Module`, or a value to share as it is.

        Raises:
            DuplicateModule: the name is taken.
            CapabilityMissing: the module needs what it does not declare.
            ContextClosed: the application has started.
        """
        if self._application.nursery is not None or self._application.draining:
            raise ContextClosed("modules are registered before the application starts")
        declared = module if isinstance(module, Module) else Module(value=module)
        if isinstance(key, ModuleKey):
            declared = declared.promising(key)
        self._registry.register(str(key.name) if isinstance(key, ModuleKey) else key, declared)

    async def start_module(self, key: str | type[T] | ModuleKey[T]) -> T:
        """Start a module that does not run (a lazy one, one that died), once however many ask; return it.

        Raises:
            ModuleNotFound: there is none under that key.
            ModuleStartFailed: it raised, took too long, or is not what its key promises.
            CapabilityDenied: this is a view that does not grant it.
        """
        # Asked of the view, so that it starts nothing that it does not grant, or that it replaces.
        entry = self.modules._entry(key)  # type: ignore[attr-defined]
        if entry is not None:
            await self._registry.start(entry, self._application)
        value: T = self.modules[key]  # type: ignore[index]
        return value

    async def restart_module(self, key: str | type[T] | ModuleKey[T]) -> T:
        """Stop one module and start it again.

        Modules that depend on it keep running, with the old value if they hold it; what asks `gctx.modules`
        gets the new one. Errors as for `start_module`.
        """
        entry = self.modules._entry(key)  # type: ignore[attr-defined]
        if entry is not None:
            await self._registry.restart(entry, self._application)
        value: T = self.modules[key]  # type: ignore[index]
        return value

    # Configuration and state.

    @property
    def config(self) -> Config:
        """The configuration, immutable at every depth."""
        return self._config if self._config is not None else self._application.config

    async def reload_config(self) -> Config:
        """Load the configuration again and tell `on_config_reload`; the old value never changes.

        Raises:
            ConfigError: the new one is not valid; the old one stays.
            ContextClosed: the configuration was given as values, there is nothing to load from.
            ContextError: it is called by what hears of a reload.
        """
        sources = self._application.config_sources
        if sources is None:
            raise ContextClosed("the configuration was given as values: give ConfigSources to reload from")
        # One at a time: a slow reading of older sources must not overwrite that of newer ones.
        async with self._application.lock_to_reload():
            new = await trio.to_thread.run_sync(sources.load)
            old, self._application.config = self._application.config, new
            # Still in turn, so that nobody hears of the newer value first; and whoever asked may be cancelled
            # by now, which does not keep it from the others.
            for fn, name, timeout in tuple(self._application.config_watchers):
                await self._application.call_bounded(
                    fn, (new, old), name, timeout, "config_watcher_failed", shield=True
                )
        return new

    def on_config_reload(self, fn: F, *, name: str | None = None, timeout: float = 10.0) -> F:
        """Call `fn(new, old)` after every reload; what it raises becomes an alert.

        Args:
            fn: sync or async.
            name: shown in alerts.
            timeout: seconds it may take.
        """
        check_callback(fn)
        if not timeout > 0:
            raise ValueError(f"the timeout of a callback is a positive number of seconds, not {timeout!r}")
        self._application.config_watchers.append((fn, name or name_of(fn), timeout))
        return fn

    @property
    def state(self) -> SharedState:
        """What requests share and change, one step at a time."""
        state: SharedState = self._application.state if self._state is None else self._state
        return state

    # Topics.

    async def publish(self, topic: str, payload: Any) -> Delivery:
        """Hand `payload` to every subscriber of `topic`, to all of them or, when cancelled, to none.

        Waits while the buffer of a subscriber with the policy `wait` is full.

        Raises:
            TopicFull: the buffer of a subscriber with the policy `refuse` is full; nobody got it.
            ContextClosed: the application has ended.
        """
        if self._on_topic is not None:
            self._on_topic("publish", topic)
        return await self._application.topics.publish(topic, payload)

    def publish_nowait(self, topic: str, payload: Any) -> Delivery:
        """As `publish`, but a full buffer with the policy `wait` is `TopicFull` too."""
        if self._on_topic is not None:
            self._on_topic("publish", topic)
        return self._application.topics.publish_nowait(topic, payload)

    def subscribe(self, topic: str, *, max_buffer: int = 100, overflow: Overflow = "wait") -> Subscription:
        """Subscribe to `topic` until the end of a `with` block: `with gctx.subscribe("x") as messages:`.

        Args:
            topic: the name.
            max_buffer: how many messages wait to be read.
            overflow: what happens when they are that many: the publisher waits (`wait`), the oldest is lost
                and counted (`drop_oldest`), or the publisher is refused (`refuse`).
        """
        if self._on_topic is not None:
            self._on_topic("subscribe", topic)
        return self._application.topics.subscribe(topic, max_buffer, overflow)

    # The life of the application.

    def on_startup(self, fn: F, *, name: str | None = None, priority: int = 0, timeout: float = 30.0) -> F:
        """Call `fn` (with this context, if it takes one) when all modules run; a failure stops the start.

        Args:
            fn: sync or async.
            name: shown in reports and errors.
            priority: higher ones run first.
            timeout: seconds it may take.
        """
        return self._callback("startup", fn, name, priority, timeout)

    def on_pre_shutdown(
        self, fn: F, *, name: str | None = None, priority: int = 0, timeout: float = 10.0
    ) -> F:
        """Call `fn` when the shutdown is announced, while requests are still served; arguments as above."""
        return self._callback("pre_shutdown", fn, name, priority, timeout)

    def on_shutdown(self, fn: F, *, name: str | None = None, priority: int = 0, timeout: float = 10.0) -> F:
        """Call `fn` when requests and detached work are done, before modules stop; arguments as above."""
        return self._callback("shutdown", fn, name, priority, timeout)

    def _callback(self, point: str, fn: F, name: str | None, priority: int, timeout: float) -> F:
        self._application.check_may_register(point)
        self._application.callbacks[point].append(make_callback(fn, name, priority, timeout))
        return fn

    def on_health_check(
        self,
        fn: F,
        *,
        name: str | None = None,
        priority: int = 0,
        timeout: float = 5.0,
        critical: bool = True,
    ) -> F:
        """Ask `fn` whenever somebody wants to know how the application is.

        Args:
            fn: returns `healthy`, `degraded`, `unhealthy`, a truth value, or None for healthy; sync or async.
            name: shown in the report.
            priority: higher ones come first in the report.
            timeout: seconds it may take; then it has failed.
            critical: its failure makes the application unhealthy, else degraded.
        """
        callback = make_callback(fn, name, priority, timeout)
        check = Check(callback.name, lambda: call(callback, self), timeout, critical)
        self._application.health_checks.append((priority, check))
        return fn

    async def health(self) -> HealthReport:
        """Run all health checks at once, those of the modules included."""
        application = self._application
        own = [check for _, check in sorted(application.health_checks, key=lambda each: -each[0])]
        return await run_checks([*application.own_checks(), *own, *self._registry.health_checks()])

    def on_memory_pressure(
        self,
        fn: F,
        *,
        name: str | None = None,
        threshold: float = 0.9,
        interval: float = 5.0,
        timeout: float = 10.0,
    ) -> F:
        """Call `fn(figures)` when the memory in use passes a threshold, and again after it had fallen below.

        Figures come from the control group if it has a limit, else from the process and the machine.

        Args:
            fn: sync or async; what it raises, or that it takes longer than `timeout`, becomes an alert.
            name: shown in alerts.
            threshold: share of the limit, from 0 to 1.
            interval: seconds between two readings.
            timeout: seconds it may take.

        Raises:
            ContextClosed: the application has ended.
        """
        check_callback(fn)
        if not (0 < threshold <= 1 and interval > 0 and timeout > 0):
            raise ValueError(
                "threshold is a share from 0 to 1, and interval and timeout are positive numbers of seconds: "
                f"got {threshold!r}, {interval!r} and {timeout!r}"
            )
        self._application.watch_memory(MemoryWatch(fn, name or name_of(fn), threshold, interval, timeout))
        return fn

    async def begin_shutdown(self, *, timeout: float = math.inf) -> None:
        """Announce the shutdown: health turns unhealthy, `on_pre_shutdown` runs; requests go on being served.

        Args:
            timeout: seconds for all callbacks together.
        """
        await self._application.begin_shutdown(self, trio.current_time() + timeout)

    def on_alert(self, fn: Callable[[Alert], object]) -> Callable[[Alert], object]:
        """Call the sync `fn(alert)` whenever something goes wrong that no request can answer for.

        Raises:
            TypeError: `fn` is no function, or async.

        >>> gctx = GlobalContext()
        >>> _ = gctx.on_alert(lambda alert: print(alert.kind, alert.detail))
        >>> gctx.alert("disk_full", None, path="/data")
        disk_full {'path': '/data'}
        """
        check_sync(fn, "on_alert")
        self._application.alert_listeners.append(fn)
        return fn

    def alert(self, kind: str, error: BaseException | None, **detail: Any) -> None:
        """Raise an alert: `kind` says what, `error` why, `detail` where."""
        self._application.alert(kind, error, detail)

    def __repr__(self) -> str:
        return f"<GlobalContext {self.modules!r}>"
