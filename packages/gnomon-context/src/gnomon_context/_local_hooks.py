"""What a request registers on itself: hooks, callbacks, compensations and cleanups."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, TypeVar

from ._errors import IllegalPhase
from ._extras import Extras, HookPoint, LocalHook, RetryOn, Step, check_runs, name_of
from ._local_state import LocalState
from ._phase import RequestPhase

F = TypeVar("F", bound=Callable[..., Any])

# A before hook registered from here on would never run.
_ANSWERED = (RequestPhase.RESPONDING, RequestPhase.COMPLETED, RequestPhase.FAILED)


class HookMethods(LocalState):
    """Registration; who runs the request calls what was registered."""

    __slots__ = ()

    @property
    def extras(self) -> Extras | None:
        """None until this request uses hooks, tasks, callbacks, compensations, cleanups or topics."""
        return self._extras

    def local_hooks(self, point: HookPoint) -> tuple[LocalHook, ...]:
        """The hooks this request has registered at `point` (`before`, `after` or `catch`), in order."""
        if point not in ("before", "after", "catch"):
            raise ValueError(f"there is no hook point {point!r}: it is before, after or catch")
        if self._extras is None:
            return ()
        return tuple(getattr(self._extras, point))

    def before(
        self,
        fn: F,
        *,
        name: str | None = None,
        timeout: float | None = None,
        retries: int = 0,
        backoff: float = 0.0,
        retry_on: RetryOn = Exception,
        isolated: bool = False,
    ) -> F:
        """Run `fn` before the handler of this request, after the hooks that are already planned.

        Args:
            fn: a function of some of `req`, `res`, `lctx`, `gctx`, sync or async.
            name: shown in events and errors.
            timeout: seconds for one attempt; the deadline of the request bounds it in any case.
            retries: how many further attempts after a failure.
            backoff: seconds before the first retry; each further wait is twice the last.
            retry_on: which exceptions are worth another attempt.
            isolated: a failure is recorded and changes nothing.

        Raises:
            IllegalPhase: the request is being answered, the hook would never run.
        """
        if self._phase in _ANSWERED:
            raise IllegalPhase(
                f"a before hook registered while the request is {self._phase} would never run: "
                "register it in an earlier before hook"
            )
        self._more().before.append(_local_hook(fn, name, timeout, retries, backoff, retry_on, isolated))
        return fn

    def after(
        self,
        fn: F,
        *,
        name: str | None = None,
        timeout: float | None = None,
        retries: int = 0,
        backoff: float = 0.0,
        retry_on: RetryOn = Exception,
        isolated: bool = False,
    ) -> F:
        """Run `fn` when the answer of this request is made; arguments as for `before`."""
        self._open_for_hooks("an after hook").after.append(
            _local_hook(fn, name, timeout, retries, backoff, retry_on, isolated)
        )
        return fn

    def catch(
        self,
        fn: F,
        *,
        name: str | None = None,
        timeout: float | None = None,
        retries: int = 0,
        backoff: float = 0.0,
        retry_on: RetryOn = Exception,
        isolated: bool = False,
    ) -> F:
        """Run `fn` (which may also take `error`) if this request fails; arguments as for `before`."""
        self._open_for_hooks("a catch hook").catch.append(
            _local_hook(fn, name, timeout, retries, backoff, retry_on, isolated)
        )
        return fn

    def _open_for_hooks(self, what: str) -> Extras:
        extras = self._more()
        if extras.cleaning:
            raise IllegalPhase(
                f"{what} registered while the request is cleaned up would never run: register it earlier"
            )
        return extras

    def on_cleanup(self, fn: F, *args: Any, name: str | None = None, timeout: float | None = None) -> F:
        """Call `fn(*args)` once when the request ends, however it ends; last registered, first called.

        Args:
            fn: sync or async.
            args: what it is called with.
            name: shown in reports.
            timeout: seconds; by default a fair share of what all cleanups have together. An async cleanup
                that overruns is cancelled; a sync one can only be reported.
        """
        self._more().cleanups.append(_step(fn, args, name, timeout))
        return fn

    def on_error(self, fn: F, *, name: str | None = None, timeout: float | None = None) -> F:
        """Call `fn(error)` if the request fails otherwise than by its deadline."""
        self._open_for_hooks("an on_error callback").on_error.append(_step(fn, (), name, timeout))
        return fn

    def on_timeout(self, fn: F, *, name: str | None = None, timeout: float | None = None) -> F:
        """Call `fn(error)` if the deadline of the request passes."""
        self._open_for_hooks("an on_timeout callback").on_timeout.append(_step(fn, (), name, timeout))
        return fn

    def compensate(self, fn: F, *args: Any, name: str | None = None, timeout: float | None = None) -> F:
        """Call `fn(*args)` if the request fails before it is committed; last registered, first called.

        Raises:
            IllegalPhase: the answer is on its way or undone already, the compensation would never run.
        """
        extras = self._more()
        if extras.sealed:
            raise IllegalPhase(
                f"the compensation {name or name_of(fn)!r} comes after the request was committed or undone "
                "and would never run: register it before the answer is sent"
            )
        extras.compensations.append(_step(fn, args, name, timeout))
        return fn

    def commit(self) -> None:
        """Discard the compensations registered so far: what they would undo now stays."""
        if self._extras is not None:
            self._extras.compensations.clear()


def _local_hook(
    fn: Callable[..., Any],
    name: str | None,
    timeout: float | None,
    retries: int,
    backoff: float,
    retry_on: RetryOn,
    isolated: bool,
) -> LocalHook:
    if not callable(fn):
        raise TypeError(f"a hook is a function, not {fn!r}")
    check_runs(fn, "a hook")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"the timeout of a hook is a positive number of seconds, not {timeout!r}")
    if not (retries >= 0 and 0 <= backoff < inf):
        raise ValueError(f"retries and backoff are numbers from 0 on: got {retries!r} and {backoff!r}")
    kinds = retry_on if isinstance(retry_on, tuple) else (retry_on,)
    if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        raise TypeError(f"retry_on names classes of exceptions, not {retry_on!r}")
    return LocalHook(fn, name or name_of(fn), timeout, retries, backoff, kinds, isolated)


def _step(fn: Callable[..., Any], args: tuple[Any, ...], name: str | None, timeout: float | None) -> Step:
    if not callable(fn):
        raise TypeError(
            f"a callback is a function, not {fn!r}: give the function itself, and its arguments after it"
        )
    check_runs(fn, "a callback")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"the timeout of a callback is a positive number of seconds, not {timeout!r}")
    return Step(fn, args, name or name_of(fn), timeout)
