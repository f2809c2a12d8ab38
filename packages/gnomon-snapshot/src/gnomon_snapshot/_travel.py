"""Time travel: a snapshot at every boundary of the requests that are wanted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, Protocol, TypeAlias, final
from weakref import WeakKeyDictionary, ref

from gnomon_context import ContextClosed, LocalContext, NoContext, current_context
from gnomon_snapshot._capture import capture
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._timeline import Timeline
from gnomon_snapshot._types import NO_TYPES, Types

_FINISHED: Final = "request.finished"
Reference: TypeAlias = Callable[[], Any]


class StepLike(Protocol):
    """What is read of a step at its boundaries: the `Step` of gnomon_orchestrator is one."""

    @property
    def kind(self) -> str:
        """`handler`, `hook`, or another."""
        ...

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def id(self) -> str:
        """Its id within its plan."""
        ...

    @property
    def req(self) -> Any:
        """The request."""
        ...

    @property
    def res(self) -> Any:
        """The response."""
        ...


class EventLike(Protocol):
    """What is read of a lifecycle event: the `LifecycleEvent` of gnomon_orchestrator is one."""

    @property
    def kind(self) -> str:
        """Such as `request.finished`."""
        ...

    @property
    def request_id(self) -> str:
        """Whose it is."""
        ...


@final
class TimeTravel:
    """Keeps a `Timeline` of each request that is wanted: a snapshot at both sides of every step.

    It has the shape of a boundary and of a listener of gnomon_orchestrator, and is given to it as both. The steps of a
    timeline are called `before ID`, then `after ID` or `failed ID`, with the id of the hook or `handler`, and `finished`.
    It costs a request that it wants some milliseconds, and every other one the question.

    Args:
        wants: Which requests; asked at each boundary until it says yes. `Sampling(...).wants` is one.
        finished: Called with request id and timeline at the end of a request, which is then forgotten here.
        take: How a snapshot is made: `capture`, or a `functools.partial` of it with redactors, bounds, types.
        kinds: The kinds of events that snapshots hold; `request.finished` is always taken.
        keep: How many requests are kept. The oldest that is over makes room for a new one; where all still run,
            a new one is not begun, and counted in `refused`.
        steps: How many steps of one request are kept; further ones are counted in `Timeline.missed`.
        size: How many bytes are kept of all requests together; the oldest that are over go first.
        types: The classes that come back as themselves.

    Raises:
        ValueError: A bound is less than 1.

    >>> from gnomon_context import GlobalContext, LocalContext
    >>> travel = TimeTravel()
    >>> lctx = LocalContext(GlobalContext())
    >>> for stock in (3, 2):
    ...     lctx.set("stock", stock)
    ...     _ = travel.keep(lctx, f"call stock.take")
    >>> travel.timeline(lctx.request_id).at(0).state
    {'stock': 3}
    """

    def __init__(
        self,
        *,
        wants: Callable[[LocalContext], bool] = lambda _: True,
        finished: Callable[[str, Timeline], object] | None = None,
        take: Callable[..., Snapshot] = capture,
        kinds: Collection[str] = (),
        keep: int = 64,
        steps: int = 1000,
        size: int = 64 * 2**20,
        types: Types = NO_TYPES,
    ) -> None:
        if min(keep, steps, size) < 1:
            raise ValueError("every bound of time travel is at least 1")
        self.kinds: frozenset[str] = frozenset({_FINISHED, *kinds})
        self._wants = wants
        self._finished = finished
        self._take = take
        self._keep = keep
        self._steps = steps
        self._size = size
        self._types = types
        self._requests: dict[str, _Travelled] = {}  # oldest first
        self._held = 0
        self.refused: int = 0
        # What the last step had of requests that are not wanted, or not yet; a request may hold its context.
        self._passed: WeakKeyDictionary[LocalContext, tuple[Reference, Reference]] = WeakKeyDictionary()

    async def before_step(self, step: StepLike, lctx: LocalContext, /) -> None:
        """Keep a snapshot before a step; never waits."""
        self._at(f"before {step.id}", lctx, step)

    async def after_step(self, step: StepLike, lctx: LocalContext, error: BaseException | None, /) -> None:
        """Keep a snapshot after a step; never waits."""
        self._at(f"{'after' if error is None else 'failed'} {step.id}", lctx, step)

    def keep(self, lctx: LocalContext, name: str) -> int | None:
        """Keep a snapshot of a request at any moment: for module calls.

        Args:
            lctx: The context of the request.
            name: What the step is called, such as `call orders.create`.

        Returns:
            The number of the step; `None` if the request is not wanted, is over, or has all the steps it may have.
        """
        return self._at(name, lctx, None)

    def __call__(self, event: EventLike, /) -> None:
        """Take note of a lifecycle event; the last one of a request ends its timeline."""
        travelled = self._requests.get(event.request_id)
        if event.kind != _FINISHED:
            if travelled is None:
                travelled = self._begun(event.request_id)
            if travelled is not None:
                travelled.events.append(event)
        elif travelled is not None and travelled.lctx is not None:
            travelled.events.append(event)
            self._at("finished", travelled.lctx, None)
            travelled.lctx = travelled.req = travelled.res = None
            if self._finished is not None:
                self.forget(event.request_id)
                self._finished(event.request_id, travelled.timeline)

    def timeline(self, request_id: str) -> Timeline | None:
        """The timeline of a request, as far as it has got; `None` if there is none any more."""
        travelled = self._requests.get(request_id)
        return None if travelled is None else travelled.timeline

    def forget(self, request_id: str) -> bool:
        """Let go of a request; whether there was something."""
        travelled = self._requests.pop(request_id, None)
        if travelled is None:
            return False
        self._held -= travelled.timeline.size
        return True

    @property
    def request_ids(self) -> tuple[str, ...]:
        """The requests that are kept, oldest first."""
        return tuple(self._requests)

    def _begun(self, request_id: str) -> _Travelled | None:
        """An event says of whom it is and no more: the context is the one that runs."""
        try:
            lctx = current_context()
        except NoContext:
            return None
        return self._wanted(lctx) if lctx.request_id == request_id else None

    def _wanted(self, lctx: LocalContext) -> _Travelled | None:
        travelled = self._requests.get(lctx.request_id)
        if travelled is not None or not self._wants(lctx):
            return travelled
        if len(self._requests) >= self._keep and not self._make_room():
            self.refused += 1
            return None
        travelled = self._requests[lctx.request_id] = _Travelled(lctx, Timeline(types=self._types))
        if lctx in self._passed:
            travelled.req, travelled.res = (of() for of in self._passed.pop(lctx))
        return travelled

    def _make_room(self) -> bool:
        """Forget the oldest request that is over; whether there was one."""
        return any(travelled.over and self.forget(name) for name, travelled in [*self._requests.items()])

    def _at(self, name: str, lctx: LocalContext, step: StepLike | None) -> int | None:
        try:
            travelled = self._wanted(lctx)
            if travelled is None:
                if step is not None:
                    self._passed[lctx] = _reference(step.req), _reference(step.res)
                return None
            timeline = travelled.timeline
            if len(timeline) >= self._steps or (self._held >= self._size and not self._make_room()):
                timeline.missed += 1
                return None
            if step is not None:
                travelled.req, travelled.res = step.req, step.res
            snapshot = self._take(
                lctx, request=travelled.req, response=travelled.res, events=travelled.events
            )
        except ContextClosed:  # a call of a module that outlived its request
            return None
        before = timeline.size
        number = timeline.add(name, snapshot)
        self._held += timeline.size - before
        return number


def _reference(value: Any) -> Reference:
    """A weak reference, to nothing where there can be none."""
    try:
        return ref(value)
    except TypeError:
        return lambda: None


class _Travelled:
    """A request on its way."""

    __slots__ = ("events", "lctx", "req", "res", "timeline")

    def __init__(self, lctx: LocalContext, timeline: Timeline) -> None:
        self.lctx: LocalContext | None = lctx
        self.timeline = timeline
        self.events: list[EventLike] = []
        self.req: Any = None
        self.res: Any = None

    @property
    def over(self) -> bool:
        """Whether the request has ended, also where no event told."""
        if self.lctx is None:
            return True
        try:
            self.lctx.get("", None)
        except ContextClosed:
            return True
        return False
