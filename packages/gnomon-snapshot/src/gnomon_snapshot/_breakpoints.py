"""Breakpoints: requests that are held at a boundary, looked at, edited, and let go."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias, final

import trio

from gnomon_context import LocalContext
from gnomon_context.runtime import move_deadline
from gnomon_snapshot._capture import capture
from gnomon_snapshot._conditions import Condition, all_hold
from gnomon_snapshot._edits import edit
from gnomon_snapshot._errors import PauseOver
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._travel import StepLike

When: TypeAlias = Literal["before", "after"]
Ending: TypeAlias = Literal["proceeded", "aborted", "timeout", "cancelled", "detached"]
_FIELDS = frozenset({"handler", "hook", "when", "match", "timeout", "times"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Breakpoint:
    """Where to hold which requests.

    Args:
        handler: Name or id of a handler, `*` for any.
        hook: Name or id of a hook or guard, `*` for any; instead of a handler.
        when: `before` it runs, or `after` it has returned or failed.
        match: What the snapshot taken there must hold: conditions, or triples of field, operator and value.
        timeout: Seconds that a request is held at most; then it goes on.
        times: How many requests are held in all, `None` for no bound.

    Raises:
        ValueError: There is a handler and a hook or neither, or another argument is not as described.

    >>> Breakpoint(handler="create_order", match=[("/request/body/quantity", ">", 100)]).match
    (Condition(field='/request/body/quantity', operator='>', value=100),)
    """

    handler: str | None = None
    hook: str | None = None
    when: When = "before"
    match: Iterable[Condition | tuple[Any, ...]] = ()
    timeout: float = 60.0
    times: int | None = 1

    def __post_init__(self) -> None:
        if (self.handler is None) == (self.hook is None):
            raise ValueError("a breakpoint is at a handler or at a hook: give one of them")
        if self.when not in ("before", "after"):
            raise ValueError(f"a breakpoint is 'before' or 'after', not {self.when!r:.50}")
        if not 0 < self.timeout < math.inf:
            raise ValueError(
                f"a request is held for some time and not for ever: {self.timeout} s is no timeout"
            )
        if self.times is not None and self.times < 1:
            raise ValueError("a breakpoint that holds no request is none")
        conditions = tuple(one if isinstance(one, Condition) else Condition(*one) for one in self.match)
        object.__setattr__(self, "match", conditions)

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Breakpoint:
        """Read a breakpoint: an object with the arguments, the conditions being lists of field, operator and value.

        Raises:
            ValueError: It is none.

        >>> Breakpoint.from_json({"hook": "authenticate", "match": [["/meta/method", "==", "POST"]]}).hook
        'authenticate'
        """
        if unknown := written.keys() - _FIELDS:
            raise ValueError(f"a breakpoint has no {', '.join(sorted(map(repr, unknown)))}")
        try:
            return cls(**written)
        except TypeError as error:
            raise ValueError(f"that is no breakpoint: {error}") from error

    def stands_at(self, step: StepLike, when: When, lctx: LocalContext) -> bool:
        """Whether it is at this side of this step; its conditions are another question."""
        if when != self.when:
            return False
        if self.handler is None:
            return step.kind in ("hook", "guard") and self.hook in ("*", step.name, step.id)
        if step.kind != "handler":
            return False
        execution = lctx.execution
        return self.handler in ("*", step.name) or (
            execution is not None and self.handler == execution.handler_id
        )


@final
class Paused:
    """A request that is held; made by a debugger.

    Attributes:
        request_id: Whose request it is.
        breakpoint: What holds it.
        step: Where, such as `before handler`.
        snapshot: The request as it was when it was held.
        error: What the step had failed with, `None` before it and after a success.
        lctx: Its live context.
        request: The live request.
        response: The live response.
        ending: Why it is held no more: `proceeded`, `aborted`, `timeout`, `cancelled` (its client went away, or the server
            stops), `detached` (the session is over); `None` while it is held.

    >>> import trio
    >>> from types import SimpleNamespace
    >>> from gnomon_context import GlobalContext, LocalContext
    >>> async def main():
    ...     debugger, lctx = Debugger(), LocalContext(GlobalContext())
    ...     hook = SimpleNamespace(kind="hook", name="load", id="load", req=None, res=None)
    ...     async with trio.open_nursery() as nursery:
    ...         with debugger.attach(Breakpoint(hook="load", when="after")) as session:
    ...             nursery.start_soon(debugger.after_step, hook, lctx, LookupError("no cart"))
    ...             paused = await session.next()
    ...             print(paused.step, repr(paused.error), paused.ending)
    ...             paused.edit("/state/cart", [])
    ...             print(paused.look().state, paused.proceed(), paused.ending)
    >>> trio.run(main)
    after load LookupError('no cart') None
    {'cart': []} True proceeded
    """

    def __init__(
        self, at: Breakpoint, step: StepLike, lctx: LocalContext, error: BaseException | None, take: Take
    ) -> None:
        self.breakpoint = at
        self.request_id: str = lctx.request_id
        self.step: str = f"{at.when} {step.id}"
        self.lctx = lctx
        self.request: Any = step.req
        self.response: Any = step.res
        self.error = error
        self.ending: Ending | None = None
        self._take = take
        self._released = trio.Event()
        self.snapshot: Snapshot = self.look()

    def look(self) -> Snapshot:
        """Take a snapshot of the request as it is now, edits included."""
        return self._take(self.lctx, request=self.request, response=self.response)

    def edit(self, path: str, value: Any) -> None:
        """Change the request.

        Args:
            path: A JSON pointer: `/state/KEY`, `/request/body`, `/request/method`, `/request/target`,
                `/request/headers/NAME`, `/response/status_code`, `/response/body`, `/response/headers/NAME`; for state and
                bodies also into dictionaries and lists, where `-` is the end of a list.
            value: What to put there. It is copied. What was validated before is not validated again.

        Raises:
            PauseOver: The request is held no more.
            PatchError: There is no such place, or the value does not fit.
        """
        self._check()
        edit(path, value, self.lctx, self.request, self.response)

    def proceed(self) -> bool:
        """Let the request go on; whether it was held still."""
        return self._end("proceeded")

    def abort(self) -> bool:
        """Cancel the request, as `lctx.cancel()` does; whether it was held still."""
        if self.ending is None:
            self.lctx.cancel()
        return self._end("aborted")

    def _end(self, ending: Ending) -> bool:
        if self.ending is not None:
            return False
        self.ending = ending
        self._released.set()
        return True

    def _check(self) -> None:
        if self.ending is not None:
            raise PauseOver(f"the request {self.request_id} is held no more ({self.ending})")

    async def _wait(self) -> None:
        """Be held: the deadline of the request stands still meanwhile."""
        lctx = self.lctx
        left = lctx.deadline - trio.current_time()
        if lctx.deadline != math.inf:
            move_deadline(lctx, math.inf)
        try:
            with trio.move_on_after(self.breakpoint.timeout):
                await self._released.wait()
            self._end("timeout")
        finally:
            self._end("cancelled")
            if left != math.inf and lctx.deadline == math.inf:
                move_deadline(lctx, trio.current_time() + left)

    def __repr__(self) -> str:
        return f"<Paused {self.request_id} {self.step}, {self.ending or 'held'}>"


Take: TypeAlias = Callable[..., Snapshot]


@final
class Debugger:
    """Holds requests at breakpoints for as long as a session is attached; without one it costs a call.

    It has the shape of a boundary of gnomon_orchestrator: `Orchestrator(..., boundaries=[debugger])`.

    Args:
        take: How a snapshot is made: `capture`, or a `functools.partial` of it with redactors, bounds, types.

    >>> import trio
    >>> from types import SimpleNamespace
    >>> from gnomon_context import GlobalContext, LocalContext
    >>> debugger = Debugger()
    >>> async def request(lctx):
    ...     handler = SimpleNamespace(kind="handler", name="create", id="handler", req=None, res=None)
    ...     await debugger.before_step(handler, lctx)
    ...     print("the handler finds", lctx.get("cart"))
    >>> async def main():
    ...     lctx = LocalContext(GlobalContext())
    ...     lctx.set("cart", ["apple"])
    ...     async with trio.open_nursery() as nursery:
    ...         with debugger.attach(Breakpoint(handler="create")) as session:
    ...             nursery.start_soon(request, lctx)
    ...             paused = await session.next()
    ...             print(paused.step, paused.snapshot.state)
    ...             paused.edit("/state/cart/0", "pear")
    ...             paused.proceed()
    >>> trio.run(main)
    before handler {'cart': ['apple']}
    the handler finds ['pear']
    """

    def __init__(self, *, take: Take = capture) -> None:
        self._take = take
        self._sessions: list[DebugSession] = []

    def attach(self, *breakpoints: Breakpoint, at_once: int = 16) -> DebugSession:
        """Make a session, which holds requests between the begin and the end of its `with` block.

        Args:
            breakpoints: Where to hold which requests.
            at_once: How many requests may be held at one time; others pass, and are counted.

        Raises:
            ValueError: `at_once` is less than 1.
        """
        if at_once < 1:
            raise ValueError("a session that may hold no request is none")
        return DebugSession(self, breakpoints, at_once)

    async def before_step(self, step: StepLike, lctx: LocalContext, /) -> None:
        """Hold the request here if a breakpoint says so."""
        if self._sessions:
            await self._hold("before", step, lctx, None)

    async def after_step(self, step: StepLike, lctx: LocalContext, error: BaseException | None, /) -> None:
        """Hold the request here if a breakpoint says so; not where it was cancelled, or the process stops."""
        if self._sessions and (error is None or isinstance(error, Exception)):
            await self._hold("after", step, lctx, error)

    async def _hold(
        self, when: When, step: StepLike, lctx: LocalContext, error: BaseException | None
    ) -> None:
        if trio.current_effective_deadline() == -math.inf:
            return  # what is cancelled has to end
        for session in self._sessions:
            for at in session.breakpoints:
                if not at.stands_at(step, when, lctx) or session._had_enough(at):
                    continue
                paused = Paused(at, step, lctx, error, self._take)
                if all_hold(at.match, paused.snapshot) and session._has_room():  # type: ignore[arg-type]
                    await session._hold(paused)
                    return


@final
class DebugSession:
    """What a debugger holds, while the `with` block runs; made by `Debugger.attach`.

    `async for paused in session` gives requests as they are held, those that were let go meanwhile left out. Whatever ends the block
    lets all of them go.

    Attributes:
        breakpoints: What it holds requests at.
        passed: How many requests passed a breakpoint because too many were held.

    >>> with Debugger().attach(Breakpoint(handler="*")) as session:
    ...     session.paused, session.passed
    ((), 0)
    """

    def __init__(self, debugger: Debugger, breakpoints: tuple[Breakpoint, ...], at_once: int) -> None:
        self.breakpoints: Final = breakpoints
        self.passed: int = 0
        self._debugger = debugger
        self._at_once = at_once
        self._held: list[Paused] = []
        self._times: dict[int, int] = {}  # by identity: equal ones count apart
        self._send, self._receive = trio.open_memory_channel[Paused](math.inf)

    @property
    def paused(self) -> tuple[Paused, ...]:
        """The requests that are held now, the first one first."""
        return tuple(self._held)

    async def next(self) -> Paused:
        """Wait for a request that is held, and was not given before.

        Raises:
            trio.EndOfChannel: The session is over.
        """
        while True:
            paused = await self._receive.receive()
            if paused.ending is None:
                return paused

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Paused:
        try:
            return await self.next()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def __enter__(self) -> Self:
        self._debugger._sessions = [*self._debugger._sessions, self]
        return self

    def __exit__(self, *_error: object) -> None:
        self._debugger._sessions = [one for one in self._debugger._sessions if one is not self]
        self._send.close()
        for paused in self.paused:
            paused._end("detached")

    def _had_enough(self, at: Breakpoint) -> bool:
        return at.times is not None and self._times.get(id(at), 0) >= at.times

    def _has_room(self) -> bool:
        if len(self._held) < self._at_once:
            return True
        self.passed += 1
        return False

    async def _hold(self, paused: Paused) -> None:
        key = id(paused.breakpoint)
        self._times[key] = self._times.get(key, 0) + 1
        self._held.append(paused)
        self._send.send_nowait(paused)
        try:
            await paused._wait()
        finally:
            self._held.remove(paused)
