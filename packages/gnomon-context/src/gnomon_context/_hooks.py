"""Runs the hooks that a request registered on itself, for programs without a runtime that does."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal

import trio

from ._ending import EXIT_LIMIT, MAX_ADDED, StepKind, run_step
from ._extras import LocalHook, Step

if TYPE_CHECKING:
    from ._local import LocalContext

_KINDS: dict[str, StepKind] = {"after": "after_hook", "catch": "catch_hook"}
_MOST_DOUBLINGS = 30


class Outward:
    """The hooks of one request on its way out: each is entered once, the last registered first."""

    def __init__(self, lctx: LocalContext) -> None:
        self._lctx = lctx
        self._entered: dict[str, set[int]] = {"after": set(), "catch": set()}
        # How many may be entered: those there were at first, and so many that they registered themselves.
        self._most: dict[str, int] = {
            point: len(lctx.local_hooks(point)) + MAX_ADDED for point in ("after", "catch")
        }

    def _next(self, point: Literal["after", "catch"]) -> LocalHook | None:
        entered = self._entered[point]
        hooks = self._lctx.local_hooks(point)
        if len(entered) >= self._most[point]:
            self._report([hook for index, hook in enumerate(hooks) if index not in entered])
            entered.update(range(len(hooks)))
        for index in range(len(hooks) - 1, -1, -1):
            if index not in entered:
                entered.add(index)
                return hooks[index]
        return None

    async def run_after(self) -> None:
        """Run the after hooks of a request that goes well, within its deadline.

        Raises:
            BaseException: what a hook raised that is not isolated; those that follow it are not entered.
        """
        while (hook := self._next("after")) is not None:
            try:
                await _run_hook(self._lctx, hook, {})
            except Exception as error:
                if not hook.isolated:
                    raise
                detail = {"name": hook.name, "status": "error", "request_id": self._lctx.request_id}
                self._lctx.gctx.alert("after_hook_failed", error, **detail)

    async def run_isolated(self, point: Literal["after", "catch"], error: BaseException | None) -> None:
        """Run the hooks of a request that failed, each shielded and bounded; a failure is an alert."""
        values = {"error": error} if point == "catch" else {}
        end = trio.current_time() + EXIT_LIMIT
        fatal: BaseException | None = None
        while (hook := self._next(point)) is not None:
            now = trio.current_time()
            # Half of what is left, so that one that hangs leaves time for each that follows.
            step = Step(_run_hook, (self._lctx, hook, values), hook.name, None)
            raised = await run_step(self._lctx, _KINDS[point], step, now + max(0.0, end - now) / 2, None)
            if raised is not None and not isinstance(raised, Exception):
                fatal = fatal or raised
        if fatal is not None:
            raise fatal

    def report_skipped(self) -> None:
        """Raise an alert for before hooks: what they would run before has run."""
        self._report(self._lctx.local_hooks("before"))

    def _report(self, hooks: Sequence[LocalHook]) -> None:
        if hooks:
            names = [hook.name for hook in hooks]
            self._lctx.gctx.alert("hooks_skipped", None, request_id=self._lctx.request_id, names=names)


async def _run_hook(lctx: LocalContext, hook: LocalHook, values: dict[str, Any]) -> None:
    arguments = _arguments(hook, {"lctx": lctx, "gctx": lctx.gctx, **values})
    attempt = 1
    while True:
        try:
            with nullcontext() if hook.timeout is None else trio.fail_after(hook.timeout):
                result: Any = hook.fn(**arguments)
                if inspect.isawaitable(result):
                    await result
            return
        except hook.retry_on as error:
            # A cancellation is never tried again.
            if attempt > hook.retries or not isinstance(error, Exception):
                raise
        await trio.sleep(hook.backoff * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))
        attempt += 1


def _arguments(hook: LocalHook, values: dict[str, Any]) -> dict[str, Any]:
    """What `hook` takes of `values`, by name.

    Raises:
        TypeError: it needs something else.
    """
    try:
        parameters = inspect.signature(hook.fn).parameters.values()
    except ValueError:  # a builtin that tells nothing of itself
        return {}
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return values
    named = [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    unknown = [each.name for each in named if each.default is each.empty and each.name not in values]
    if unknown:
        raise TypeError(
            f"the hook {hook.name!r} takes {', '.join(unknown)}, and here there are {', '.join(values)}: hooks are "
            "called by parameter name, and a request and a response are known to a runtime only"
        )
    return {each.name: values[each.name] for each in named if each.name in values}
