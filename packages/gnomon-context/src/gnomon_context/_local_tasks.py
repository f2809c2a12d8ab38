"""What a request starts: tasks, work it hands over, context managers it holds open."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import trio

from ._ending import EXIT_LIMIT
from ._errors import ContextClosed, ContextError
from ._extras import Extras, Step, check_async, check_thread, name_of
from ._held import HeldManager
from ._local_ending import EndingMethods
from ._local_meta import MetaMethods
from ._tasks import TrackedTask, run_tracked

if TYPE_CHECKING:
    from ._local import LocalContext

T = TypeVar("T")


class TaskMethods(MetaMethods, EndingMethods):
    """Tasks, detached work, entered context managers."""

    __slots__ = ()

    async def enter(self, manager: AbstractAsyncContextManager[T], *, name: str | None = None) -> T:
        """Enter `manager` and tie it to this request: it is left with the outcome of the request.

        It is held open in a task of its own. After a success it is left as after a block that ended well,
        before the answer goes out and before the cleanups; if its exit fails then, the request has failed.
        Else it is left with the error of the request. Several are left last in, first out.

        Returns:
            what the manager's `__aenter__` returned.

        Raises:
            ContextClosed: the request is cleaned up already, or was by the time the manager was entered.
            TypeError: `manager` is no async context manager.
            BaseException: what the manager's `__aenter__` raised.
        """
        if not hasattr(type(manager), "__aenter__"):
            raise TypeError(
                f"enter takes an async context manager, not {manager!r}: use a sync one in a `with` block, or "
                "register its close with on_cleanup"
            )
        extras = self._open_for_tasks("a context manager")
        shown = name or name_of(manager)
        held = HeldManager(manager, lambda error: self._held_died(shown, error))
        value: T = await held.start(self.gctx._application.open_nursery(), shown)
        if extras.cleaning:
            # Nobody would leave it, and the application would wait for that for ever.
            late = ContextClosed(f"the request ended while the context manager {shown!r} was entered")
            await held.stop(late, trio.current_time() + EXIT_LIMIT)
            raise late
        extras.cleanups.append(Step(held.stop, (), shown, None, held))
        return value

    def _held_died(self, name: str, error: BaseException | None) -> None:
        self._child_failed(
            name, error or ContextError(f"the context manager {name!r} ended before the request")
        )

    def start_soon(
        self, fn: Callable[..., Awaitable[Any]], *args: Any, name: str | None = None, isolated: bool = False
    ) -> TrackedTask:
        """Start `await fn(*args)` as a task of this request, which does not end before the task has.

        A failing task cancels the handler and counts as its raising, unless it is isolated. Tasks are
        awaited within the deadline of the request, then cancelled.

        Args:
            fn: an async function.
            args: what it is called with.
            name: shown in `tasks` and in reports.
            isolated: a failure is recorded on the task and changes nothing else.

        Raises:
            ContextClosed: the request is cleaned up already, or the application does not run.
            ContextError: it is called in another thread than that of the event loop.
            TypeError: `fn` is no function.
        """
        check_async(fn, "start_soon")
        extras = self._open_for_tasks("a task")
        nursery = self.gctx._application.open_nursery()
        check_thread("start_soon")
        shown = name or name_of(fn)
        task = TrackedTask(shown, isolated, trio.CancelScope(deadline=self._deadline))
        nursery.start_soon(run_tracked, cast("LocalContext", self), task, fn, args, name=shown)
        extras.tasks.append(task)
        extras.pending += 1
        return task

    def detach(
        self,
        fn: Callable[..., Awaitable[Any]],
        *args: Any,
        name: str | None = None,
        timeout: float = math.inf,
    ) -> None:
        """Hand `await fn(*args)` over to the application: it goes on when this request is over.

        It has a small context of its own (a new request id, the same trace), counts against the
        application's `max_detached`, and has the time of the shutdown to finish. Its failure is the alert
        `detached_failed`.

        Args:
            fn: an async function; the context of this request must not be used in it.
            args: what it is called with.
            name: shown in alerts.
            timeout: seconds it may take.

        Raises:
            ContextError: it is called in another thread than that of the event loop.
            DetachRefused: too many are running, or the application is shutting down.
            TypeError: `fn` is no function.
        """
        check_async(fn, "detach")
        check_thread("detach")
        asked = self.gctx._on_detach
        if asked is not None and not asked(name or name_of(fn)):
            return
        trace = self.meta.trace_id
        self.gctx._application.detach(
            self.gctx,
            fn,
            args,
            name or name_of(fn),
            method="detached",
            path=self._path,
            route=self._route,
            version=self._version,
            flags=self._flags,
            client_id=self._client_id,
            traceparent=f"00-{trace}-{self.meta.parent_id or trace[-16:]}-01",
            timeout=timeout,
            sources=self._sources,
        )

    def _open_for_tasks(self, what: str) -> Extras:
        extras = self._more()
        if extras.cleaning:
            raise ContextClosed(f"{what} cannot be started while the request is cleaned up: use detach()")
        return extras

    @property
    def tasks(self) -> tuple[TrackedTask, ...]:
        """The tasks this request has started, oldest first."""
        return () if self._extras is None else tuple(self._extras.tasks)

    def _child_failed(self, name: str, error: BaseException) -> None:
        extras = self._more()
        extras.failures.append(error)
        if len(extras.failures) > 1:
            return
        if self._outcome is None and self._cause is None and self.cancel_reason is None:
            self._cause = "error"
        self._cancel_tasks()
        # While the request waits for its tasks there is nothing else to cancel.
        if not extras.joining and self.scope is not None:
            self.scope.cancel(reason=f"{name!r}, a task of the request, failed")
