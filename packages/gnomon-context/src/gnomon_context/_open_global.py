"""An application from its start-up to its shutdown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, final

import trio

from ._async_only import AsyncOnly
from ._errors import ContextClosed
from ._global import GlobalContext, Modules
from ._lifecycle import run_shutdown, run_startup

if TYPE_CHECKING:
    from ._application import Application

# Seconds that cancelled tasks have at least to come to their end, if the shutdown has taken all of its time.
_LAST_GRACE = 1.0


@final
class open_global_context(AsyncOnly, Generic[Modules]):  # noqa: N801 - used like a function
    """Run an application: `async with open_global_context(...) as gctx`.

    Modules start, then the start-up callbacks run; a failure stops what had started, in reverse. At the end
    of the block the shutdown runs whole, whatever fails: `on_pre_shutdown`, live requests cancelled, detached
    work awaited, `on_shutdown`, topics closed, modules stopped in reverse. A task that ignores its cancellation
    beyond that (a shield without a deadline) keeps the block from ending, and is named by the alert `task_outlived`.

    Args:
        gctx: a global context made before; by default one is made from `options`.
        shutdown_timeout: seconds for the whole shutdown; a quarter of it each at most for the announcement,
            for requests and detached work, for callbacks, and what is left for modules.
        options: what `GlobalContext` takes.

    Raises:
        ModuleStartFailed, StartupFailed: the start failed.
        ContextClosed: the global context was opened before.

    >>> import trio
    >>> async def main():
    ...     async with open_global_context(modules={"answer": 42}) as gctx:
    ...         return gctx.modules.answer
    >>> trio.run(main)
    42
    """

    def __init__(
        self, gctx: GlobalContext[Modules] | None = None, *, shutdown_timeout: float = 30.0, **options: Any
    ) -> None:
        if gctx is not None and not isinstance(gctx, GlobalContext):
            raise TypeError(
                f"open_global_context takes a GlobalContext, not {gctx!r}: name its other arguments"
            )
        if gctx is not None and options:
            raise ValueError(f"{', '.join(options)} belong to the GlobalContext that is passed in")
        if not shutdown_timeout > 0:
            raise ValueError(f"shutdown_timeout is a positive number of seconds, not {shutdown_timeout!r}")
        self._gctx: GlobalContext[Modules] = GlobalContext(**options) if gctx is None else gctx
        self._shutdown_timeout = shutdown_timeout
        # Entered in one method and left in the other: both run in the task of the `async with` block.
        self._manager: Any = None
        self._outside: trio.Nursery
        self._inside: _ShieldedNursery

    async def __aenter__(self) -> GlobalContext[Modules]:
        gctx = self._gctx
        application = gctx._application
        if application.opened:
            raise ContextClosed("a global context is opened once: make another for another run")
        application.opened = True
        self._manager = trio.open_nursery()
        self._outside = await self._manager.__aenter__()
        self._inside = _ShieldedNursery()
        self._outside.start_soon(self._inside.run, name="gnomon application")
        application.start(await self._inside.opened())
        try:
            await gctx._registry.start_all(application)
            await run_startup(application.callbacks["startup"], gctx)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return gctx

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        application = self._gctx._application
        deadline = trio.current_time() + self._shutdown_timeout
        fatal: BaseException | None = None
        try:
            await self._shut_down(application)
        except BaseException as raised:
            # KeyboardInterrupt or its like from a callback; everything has run.
            fatal = raised
        application.stop()
        self._outside.start_soon(
            self._inside.name_stragglers, application, deadline, name="gnomon end of the application"
        )
        swallowed, left = False, None
        try:
            swallowed = bool(await self._manager.__aexit__(kind, error, traceback))
        except BaseExceptionGroup as group:
            if len(group.exceptions) != 1:
                raise
            # One exception alone has no group around it only because there is a nursery here.
            left = group.exceptions[0]
        if fatal is not None:
            raise fatal
        if left is not None and left is not error:
            raise left
        return swallowed

    async def _shut_down(self, application: Application) -> None:
        gctx = self._gctx
        started, quarter = trio.current_time(), self._shutdown_timeout / 4
        callbacks, alert = application.callbacks["shutdown"], application.alert
        steps: list[Callable[[], Awaitable[None]]] = [
            lambda: application.begin_shutdown(gctx, started + quarter),
            lambda: application.drain(started + 2 * quarter),
            lambda: run_shutdown("shutdown", callbacks, gctx, started + 3 * quarter, alert),
            lambda: self._stop_modules(application, started + 4 * quarter),
        ]
        fatal: BaseException | None = None
        for step in steps:
            try:
                await step()
            except BaseException as raised:
                # KeyboardInterrupt or its like from a callback; it spares nothing of the rest.
                fatal = fatal or raised
        if fatal is not None:
            raise fatal

    async def _stop_modules(self, application: Application, deadline: float) -> None:
        application.topics.close()
        await self._gctx._registry.stop_all(application, deadline)


@final
class _ShieldedNursery:
    """A nursery inside of another, which a cancellation from outside does not reach.

    What the application runs, detached work above all, ends with the shutdown, which is bounded, and not
    before it: a cancellation of the `async with` block only begins the shutdown.
    """

    __slots__ = ("_nursery", "_open", "_over")

    def __init__(self) -> None:
        self._open = trio.Event()
        self._over = trio.Event()
        self._nursery: trio.Nursery

    async def run(self) -> None:
        """Hold it open until it is cancelled itself."""
        failure: BaseException | None = None
        try:
            with trio.CancelScope(shield=True):
                async with trio.open_nursery() as self._nursery:
                    self._open.set()
                    await trio.sleep_forever()
        except BaseExceptionGroup as group:
            if len(group.exceptions) != 1:
                raise
            failure = group.exceptions[0]
        finally:
            self._over.set()
        if failure is not None:
            raise failure

    async def name_stragglers(self, application: Application, deadline: float) -> None:
        """Say which tasks ignore that they were cancelled, if there still are some after `deadline`.

        Nothing else can be done about them: trio, too, ends with its last task.
        """
        until = max(deadline, trio.current_time() + _LAST_GRACE)
        with trio.CancelScope(shield=True, deadline=until) as patience:
            await self._over.wait()
        if patience.cancelled_caught:
            names = sorted(task.name for task in self._nursery.child_tasks)
            application.alert("task_outlived", None, {"tasks": names})

    async def opened(self) -> trio.Nursery:
        """Wait until it is open, which takes one step of the scheduler."""
        with trio.CancelScope(shield=True):
            await self._open.wait()
        return self._nursery
