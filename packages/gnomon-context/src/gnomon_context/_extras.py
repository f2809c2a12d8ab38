"""What a request rarely needs, in one object made on first use."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import trio

from ._errors import ContextError

if TYPE_CHECKING:
    from ._held import HeldManager
    from ._phase import RequestPhase
    from ._tasks import TrackedTask
    from ._topics import Topics

HookPoint: TypeAlias = Literal["before", "after", "catch"]
_YIELDS = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
# What `types.coroutine` makes of a generator.
_AWAITED = inspect.CO_ITERABLE_COROUTINE

RetryOn: TypeAlias = "type[BaseException] | tuple[type[BaseException], ...]"


def name_of(fn: object) -> str:
    """The name a function shows in reports."""
    named: Any = fn
    while isinstance(named, partial):
        named = named.func
    return str(getattr(named, "__qualname__", None) or type(named).__qualname__)


@final
@dataclass(frozen=True, slots=True)
class LocalHook:
    """A hook that one request registered for itself.

    Args:
        fn: the function, sync or async.
        name: shown in events and errors.
        timeout: seconds for one attempt, or None for the deadline of the request alone.
        retries: how many further attempts after a failure.
        backoff: seconds before the first retry; each further wait is twice the last.
        retry_on: which exceptions are worth another attempt.
        isolated: a failure is recorded and changes nothing.

    >>> from gnomon_context.testing import local_context
    >>> lctx = local_context()
    >>> _ = lctx.after(print, name="log", retries=2, backoff=0.1)
    >>> lctx.local_hooks("after")[0].retries
    2
    """

    fn: Callable[..., Any]
    name: str
    timeout: float | None = None
    retries: int = 0
    backoff: float = 0.0
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    isolated: bool = False


@final
@dataclass(slots=True, eq=False)
class Step:
    """A callback that runs when the request ends: called with `args`, for at most `timeout` seconds."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    name: str
    timeout: float | None
    held: HeldManager | None = None


def check_runs(fn: object, what: str) -> None:
    """Refuse a generator: calling it runs nothing of it, and nobody would iterate over it.

    Raises:
        TypeError: `fn` contains a `yield`.
    """
    inner: Any = fn
    while isinstance(inner, partial):
        inner = inner.func
    code = getattr(inner, "__code__", None)
    # Read here: `inspect` asks so much about a function that each registration would cost twice as much.
    if isinstance(code, CodeType) and code.co_flags & _YIELDS and not code.co_flags & _AWAITED:
        raise TypeError(
            f"{what} is called, and {name_of(fn)} contains a yield, so that nothing of it would run: split it "
            "in two functions, or make it an async context manager"
        )


def check_callback(fn: object) -> None:
    """Refuse what the application could not call.

    Raises:
        TypeError: it is no function, or a generator.
    """
    if not callable(fn):
        raise TypeError(f"a callback is a function, not {fn!r}")
    check_runs(fn, "a callback")


def check_async(fn: object, method: str) -> None:
    """Refuse what cannot be started as a task.

    Raises:
        TypeError: it is no function.
    """
    if callable(fn):
        return
    mend = ""
    if inspect.iscoroutine(fn):
        fn.close()
        mend = f": write {method}(fn, argument), not {method}(fn(argument))"
    raise TypeError(f"{method} takes an async function and its arguments, not {fn!r}{mend}")


def check_thread(method: str) -> None:
    """Refuse what only the event loop can do, if this is another thread.

    Raises:
        ContextError: it is.
    """
    if not trio.lowlevel.in_trio_run():
        raise ContextError(
            f"{method}() belongs to the thread of the event loop: in a thread that trio has started write "
            f"trio.from_thread.run_sync(lctx.{method}, ...)"
        )


def check_sync(fn: object, method: str) -> None:
    """Refuse what cannot be called in the middle of a step.

    Raises:
        TypeError: it is no function, or async.
    """
    if not callable(fn) or inspect.iscoroutinefunction(fn):
        raise TypeError(
            f"{method} takes a sync function, which is called at once and not awaited, not {fn!r}"
        )


async def await_call(fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What an async function returns; one that turns out not to be async is named."""
    result = fn(*args)
    if not hasattr(result, "__await__"):
        raise TypeError(
            f"{name_of(fn)} is to be an async function, and returned an object of type {type(result).__qualname__}"
        )
    return await result


def abandon(steps: list[Step]) -> None:
    """Give up `steps` without running them; context managers among them are cancelled, not left open."""
    for step in steps:
        if step.held is not None:
            step.held.abandon()
    steps.clear()


@final
class Extras:
    """Hooks, tasks, callbacks, compensations, cleanups and topics of one request."""

    __slots__ = (
        "after",
        "before",
        "catch",
        "cleaning",
        "cleanups",
        "compensations",
        "failures",
        "idle",
        "joining",
        "on_error",
        "on_timeout",
        "pending",
        "phase_watchers",
        "sealed",
        "tasks",
        "topics",
    )

    def __init__(self) -> None:
        self.before: list[LocalHook] = []
        self.after: list[LocalHook] = []
        self.catch: list[LocalHook] = []
        self.on_error: list[Step] = []
        self.on_timeout: list[Step] = []
        self.compensations: list[Step] = []
        self.cleanups: list[Step] = []
        self.phase_watchers: list[Callable[[RequestPhase, RequestPhase], object]] = []
        self.tasks: list[TrackedTask] = []
        self.pending: int = 0
        self.idle: trio.Event | None = None
        # What tasks that are not isolated raised, the first first.
        self.failures: list[BaseException] = []
        self.joining: bool = False
        self.sealed: bool = False
        self.cleaning: bool = False
        self.topics: Topics | None = None
