"""What runs when an application starts and stops, and whether it is well."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

import trio

from ._errors import StartupFailed
from ._extras import check_callback, name_of

HealthStatus: TypeAlias = Literal["healthy", "degraded", "unhealthy"]
_FROM_BEST: tuple[HealthStatus, ...] = ("healthy", "degraded", "unhealthy")

Alerts: TypeAlias = Callable[[str, BaseException | None, dict[str, Any]], None]


@final
@dataclass(frozen=True, slots=True)
class Callback:
    """A function that the application calls at one point of its life.

    Args:
        fn: called with the global context, or with nothing if it takes nothing; sync or async.
        name: shown in reports and errors.
        priority: higher ones run first; equal ones in the order of registration.
        timeout: seconds it may take.
    """

    fn: Callable[..., Any]
    name: str
    priority: int
    timeout: float
    takes_context: bool


@final
@dataclass(frozen=True, slots=True)
class HealthCheck:
    """What one check said, and how many seconds it took.

    >>> HealthCheck("database", "unhealthy", 5.0, "no answer within 5 s").status
    'unhealthy'
    """

    name: str
    status: HealthStatus
    duration: float
    detail: str = ""


@final
@dataclass(frozen=True, slots=True)
class HealthReport:
    """How the application is: as its worst check says.

    >>> import trio
    >>> from gnomon_context import GlobalContext
    >>> gctx = GlobalContext()
    >>> _ = gctx.on_health_check(lambda: "degraded", name="queue")
    >>> report = trio.run(gctx.health)
    >>> report.status, [check.name for check in report.checks]
    ('degraded', ['queue'])
    """

    status: HealthStatus
    checks: tuple[HealthCheck, ...]


def takes_argument(fn: Callable[..., Any]) -> bool:
    """Whether `fn` can be called with one positional argument, rather than with none.

    Raises:
        TypeError: it needs more than one.
    """
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):  # a builtin that tells nothing of itself
        return False
    try:
        signature.bind()
    except TypeError:
        try:
            signature.bind(None)
        except TypeError:
            raise TypeError(
                f"{name_of(fn)} is called with one argument or none, and takes {signature}"
            ) from None
        return True
    return False


def make_callback(fn: Callable[..., Any], name: str | None, priority: int, timeout: float) -> Callback:
    """Check and describe a callback."""
    check_callback(fn)
    if not timeout > 0:
        raise ValueError(f"the timeout of a callback is a positive number of seconds, not {timeout!r}")
    return Callback(fn, name or name_of(fn), priority, timeout, takes_argument(fn))


async def call(callback: Callback, argument: Any) -> Any:
    """Call `callback` with or without `argument`, and wait for what it returns."""
    result = callback.fn(argument) if callback.takes_context else callback.fn()
    return await result if inspect.isawaitable(result) else result


def in_order(callbacks: list[Callback]) -> list[Callback]:
    """By priority, then as registered."""
    return sorted(callbacks, key=lambda callback: -callback.priority)


async def run_startup(callbacks: list[Callback], gctx: Any) -> None:
    """Call each in order; the first failure ends it.

    Raises:
        StartupFailed: with the name of the callback, caused by its exception.
    """
    for callback in in_order(callbacks):
        patience = trio.move_on_after(callback.timeout)
        try:
            # Inside the `try`, here and below: the scope takes its own cancellation out of a group.
            with patience:
                await call(callback, gctx)
        except Exception as error:
            raise StartupFailed(
                f"the start-up callback {callback.name!r} failed: {type(error).__name__}: {error}"
            ) from error
        if patience.cancelled_caught:
            raise StartupFailed(
                f"the start-up callback {callback.name!r} took longer than {callback.timeout:g} s"
            )


async def run_shutdown(
    kind: str, callbacks: list[Callback], gctx: Any, deadline: float, alert: Alerts
) -> None:
    """Call each in order, whatever fails; each for its own timeout, all within `deadline` (trio clock).

    A failure becomes the alert `shutdown_callback_failed`. What is no Exception is raised when all have run.
    """
    fatal: BaseException | None = None
    for callback in in_order(callbacks):
        limit = min(deadline, trio.current_time() + callback.timeout)
        error: BaseException | None = None
        # Also when the application is cancelled already.
        patience = trio.CancelScope(shield=True, deadline=limit)
        try:
            with patience:
                await call(callback, gctx)
        except BaseException as raised:
            error = raised
        if error is not None or patience.cancelled_caught:
            detail = {"point": kind, "name": callback.name, "timed_out": patience.cancelled_caught}
            alert("shutdown_callback_failed", error, detail)
        if error is not None and not isinstance(error, Exception):
            fatal = fatal or error
    if fatal is not None:
        raise fatal


@final
@dataclass(frozen=True, slots=True)
class Check:
    """A health check: `fn` returns a status, a truth value, or None for healthy."""

    name: str
    fn: Callable[[], Awaitable[Any]]
    timeout: float
    critical: bool


def _status_of(answer: Any, critical: bool) -> tuple[HealthStatus, str]:
    failed: HealthStatus = "unhealthy" if critical else "degraded"
    if answer is None or answer is True:
        return "healthy", ""
    if answer is False:
        return failed, ""
    for status in _FROM_BEST:
        if answer == status:
            return status, ""
    return failed, f"the check returned a {type(answer).__qualname__}: it is a status, a boolean or None"


async def _run_check(check: Check, results: dict[int, HealthCheck], index: int) -> None:
    failed: HealthStatus = "unhealthy" if check.critical else "degraded"
    started = time.monotonic()
    status, detail = failed, ""
    patience = trio.move_on_after(check.timeout)
    try:
        with patience:
            status, detail = _status_of(await check.fn(), check.critical)
    except Exception as error:
        # The class only: a message may hold an address or a password.
        status, detail = failed, type(error).__name__
    if patience.cancelled_caught:
        status, detail = failed, f"no answer within {check.timeout:g} s"
    results[index] = HealthCheck(check.name, status, time.monotonic() - started, detail)


async def run_checks(checks: list[Check]) -> HealthReport:
    """Run all checks at once."""
    results: dict[int, HealthCheck] = {}
    async with trio.open_nursery() as nursery:
        for index, check in enumerate(checks):
            nursery.start_soon(_run_check, check, results, index, name=f"health check {check.name}")
    found = tuple(results[index] for index in range(len(checks)))
    worst = max((_FROM_BEST.index(each.status) for each in found), default=0)
    return HealthReport(_FROM_BEST[worst], found)
