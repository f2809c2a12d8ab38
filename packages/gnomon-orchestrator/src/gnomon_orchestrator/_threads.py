"""Steps in threads: limited in number, abandoned at their deadline, and then cut off from the request."""

from __future__ import annotations

import contextvars
import inspect
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from gnomon_context import ContextClosed

if TYPE_CHECKING:
    from ._entries import Entry
    from ._run import Run


@dataclass(frozen=True, slots=True)
class ThreadStatistics:
    """How many threads the steps of an orchestrator hold.

    Args:
        limit: How many there may be at once; a further step waits for its turn within its deadline.
        running: How many there are now, abandoned ones included.
        abandoned: How many of them run on after their step was given up.
        abandoned_total: How many were given up so far.
    """

    limit: int
    running: int
    abandoned: int
    abandoned_total: int


class Threads:
    """The threads of one orchestrator."""

    def __init__(self, limit: int) -> None:
        self.limiter: trio.CapacityLimiter = trio.CapacityLimiter(limit)
        self._lock = threading.Lock()
        self._abandoned = 0
        self._abandoned_total = 0

    def statistics(self) -> ThreadStatistics:
        """The figures of this moment."""
        return ThreadStatistics(
            int(self.limiter.total_tokens),
            self.limiter.borrowed_tokens,
            self._abandoned,
            self._abandoned_total,
        )

    def give_up(self, lease: Lease) -> None:
        """Cut a thread off that goes on without its step."""
        with self._lock:
            lease.cut = True
            if lease.running:
                self._abandoned += 1
                self._abandoned_total += 1

    def enter(self, lease: Lease) -> bool:
        """Note that the thread has begun; whether it still has something to do."""
        with self._lock:
            lease.running = not lease.cut
            return lease.running

    def leave(self, lease: Lease) -> None:
        """Note that the thread is over."""
        with self._lock:
            lease.running = False
            if lease.cut:
                self._abandoned -= 1


class Lease:
    """What a thread may do with the request as long as its step is waited for."""

    __slots__ = ("cut", "name", "running")

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.cut: bool = False
        self.running: bool = False

    def check(self) -> None:
        """Refuse if the step was given up."""
        if self.cut:
            raise ContextClosed(
                f"{self.name} runs in a thread that was given up at its deadline: "
                "it can no longer touch the request"
            )


class Leased:
    """Stands for the context, the request or the response in a thread, until the lease is cut."""

    __slots__ = ("_lease", "_target")

    def __init__(self, target: Any, lease: Lease) -> None:
        object.__setattr__(self, "_target", target)
        object.__setattr__(self, "_lease", lease)

    def __getattr__(self, name: str) -> Any:
        self._lease.check()
        value = getattr(self._target, name)
        if not inspect.ismethod(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            # Checked again: the method may have been taken long before it is called.
            self._lease.check()
            result = value(*args, **kwargs)
            return self if result is self._target else result

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        self._lease.check()
        setattr(self._target, name, value)

    def __contains__(self, key: object) -> bool:
        self._lease.check()
        return key in self._target

    def __iter__(self) -> Any:
        self._lease.check()
        return iter(self._target)

    def __len__(self) -> int:
        self._lease.check()
        return len(self._target)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{self._target!r} in a thread>"


async def run_in_thread(run: Run, entry: Entry, error: BaseException | None) -> object:
    """Run a sync step in a thread and return what it returned; cancelled, the thread is given up."""
    threads = run.plan.threads
    lease = Lease(entry.name)
    req, res, lctx = (Leased(target, lease) for target in (run.req, run.res, run.lctx))

    def work() -> object:
        if not threads.enter(lease):
            return None
        try:
            # In the thread, too, current_context() shows the lease and not what stands behind it.
            context = contextvars.Context()
            for variable, value in contextvars.copy_context().items():
                context.run(variable.set, lctx if value is run.lctx else value)
            return context.run(entry.call, req, res, lctx, run.gctx, error)
        finally:
            threads.leave(lease)

    try:
        result = await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=threads.limiter)
    except trio.Cancelled:
        threads.give_up(lease)
        raise
    return None if result is res else result
