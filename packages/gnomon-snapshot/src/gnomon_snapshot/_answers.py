"""Answers a replayed request in the place of the outside world, from its recording."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, NoReturn, final, get_args

import trio

from gnomon_snapshot._calls import EXITS, key_of, refusal_of, shown_node
from gnomon_snapshot._errors import ReplayDiverged
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._match import HiddenCalls
from gnomon_snapshot._recording import Recording
from gnomon_snapshot._secrets import stand_for_secrets
from gnomon_snapshot._session import Session
from gnomon_snapshot._standin import SPECIAL, Owner, make_standin, named
from gnomon_snapshot._types import Kind
from gnomon_snapshot._within import class_named, is_handle, replaced

_PLAIN: Final = Limits()
_CONTAINERS: Final = frozenset(SPECIAL)


class Divergence(NamedTuple):
    """A call that the recording could not answer.

    Attributes:
        position: Which call of its task it was, from 0.
        task: The task of the request, empty for the one that runs handler and hooks.
        expected: The next call that the recording has for that task, empty if it has no more.
        actual: The call that was made.
        reason: Why it has no answer.
    """

    position: int
    task: str
    expected: str
    actual: str
    reason: str

    def __str__(self) -> str:
        where = f"call {self.position}" + (f" of task {self.task}" if self.task else "")
        expected = f"; recorded is {self.expected}" if self.expected else "; recorded is no further call"
        return f"{where}: {self.actual} {self.reason}{expected}"


@final
class Answers:
    """The backend of stand-ins in a replay: finds for each call the recorded one, by task, method and arguments.

    Args:
        recording: Where the answers stand.
        session: Where the replay is recorded in its turn.
        waits: Whether an answer comes when it came then, on the clock of the loop, or at once.
        skip: How many calls are over already, because the replay begins after them.
        reached: Called with the number of each recorded call before it is answered.
    """

    def __init__(
        self,
        recording: Recording,
        session: Session,
        *,
        waits: bool,
        skip: int,
        reached: Callable[[int], object],
    ) -> None:
        self.session = session
        self.divergences: list[Divergence] = []
        self._waits = waits
        self._reached = reached
        self._nodes = recording.node["calls"]
        self._values = recording.fresh()
        self._types = recording.snapshot._types
        self._names: dict[str, str] = recording.node["names"]
        self._gets: set[tuple[str, str]] = set()
        self._open: dict[bytes, deque[int]] = defaultdict(deque)
        self._by_task: dict[str, deque[int]] = {}
        self._first: dict[str, bytes] = {}
        self._answered = [number < skip for number in range(len(self._nodes))]
        self._bound: dict[str, str] = {"": ""}
        self._count: dict[str, int] = defaultdict(int)
        self._draws: dict[tuple[str, str], deque[tuple[int, Any]]] = defaultdict(deque)
        self._last: dict[str, Any] = {}
        self._handles: dict[str, Any] = {}
        self._hidden = HiddenCalls(self._nodes, skip, session.secrets)
        self._due: dict[int, tuple[int, float]] = {}
        for number, node in enumerate(self._nodes):
            key, task = key_of(node), node["task"]
            self._first.setdefault(task, key)
            if node["mode"] == "get":
                self._gets.add((node["on"], node["name"]))
            if number >= skip:
                self._open[key].append(number)
            self._by_task.setdefault(task, deque()).append(number)
        for kind, draws in self._values["draws"].items():
            for number, (task, value) in enumerate(draws):
                self._draws[kind, task].append((number, value))
                self._last.setdefault(kind, value)
                self._first.setdefault(task, b"")

    # What stand-ins ask for.

    def module(self, name: str, cls: type, protocols: frozenset[str] = _CONTAINERS) -> Any:
        """A stand-in for a module."""
        return make_standin(self, Owner(name, cls), protocols)

    def protocols(self, name: str) -> frozenset[str]:
        """The special methods that the recording has calls of, for a module whose class is not known."""
        return frozenset(
            node["name"] for node in self._nodes if node["on"] == name and node["name"] in _CONTAINERS
        )

    def attribute(self, owner: Owner, name: str) -> Any:
        """A recorded value, or a function that is answered when it is called."""
        if (owner.path, name) in self._gets:
            return self._answer(owner, name, "get", (), {})

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._answer(owner, name, "sync", args, kwargs)

        full = f"{owner.path}.{name}"
        self.session.names[full] = qualified = self._names.get(full, full)
        return named(call, name, qualified)

    def function(self, path: str) -> Callable[..., Any]:
        """The function of a call by its path, such as `orders.cancel`."""
        owner, _, name = path.rpartition(".")
        found: Callable[..., Any] = self.attribute(Owner(owner, object), name)
        return found

    def invoke(self, owner: Owner, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A special method."""
        return self._answer(owner, name, "sync", args, kwargs)

    def _answer(
        self, owner: Owner, name: str, mode: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        entry = self.session.begin(owner, name, mode, args, kwargs)
        key = key_of(entry)
        entry["task"] = task = self._task(entry["task"], key)
        number = self._find(task, key)
        if number is None:
            number = self._hidden.find(entry, self._answered)
        position = self._count[task]
        self._count[task] += 1
        if number is None:
            if name in EXITS and len(args) > 1 and isinstance(args[1], ReplayDiverged):
                # Left because of a divergence: that one is told, and a further one would hide it.
                self.session.end(entry, "returned", None)
                return _nothing() if name == "__aexit__" else None
            self._diverge(entry, position, task, "has no answer in the recording")
        self._reached(number)
        expected = self._expected(task)
        self._answered[number] = True
        node = self._nodes[number]
        entry["mode"] = node["mode"]
        reason = refusal_of(node)
        if reason:
            self._diverge(entry, position, task, f"cannot be answered: {reason}", expected)
        if node["mode"] == "async":
            return self._later(entry, number)
        return self._now(entry, number)

    def _find(self, task: str, key: bytes) -> int | None:
        """The first call of that task, or else of any, with that key that was not answered yet."""
        waiting = self._open.get(key, ())
        found = [number for number in waiting if not self._answered[number]]
        own = (number for number in found if self._nodes[number]["task"] == task)
        return next(own, found[0] if found else None)

    def _task(self, label: str, key: bytes) -> str:
        """The recorded task that a task of the replay is: of the same name, best with the same first call."""
        known = self._bound.get(label)
        if known is None:
            base = label.rpartition("#")[0]
            taken = set(self._bound.values())
            free = [
                task for task in self._first if task.rpartition("#")[0] == base and task and task not in taken
            ]
            alike = (task for task in free if key and self._first[task] == key)
            known = next(alike, free[0] if free else f"{label}, new")
            self._bound[label] = known
        return known

    def _expected(self, task: str) -> str:
        """The next call that the recording has for a task."""
        waiting = self._by_task.get(task, deque())
        while waiting and self._answered[waiting[0]]:
            waiting.popleft()
        return shown_node(self._nodes[waiting[0]]) if waiting else ""

    def _diverge(
        self, entry: dict[str, Any], position: int, task: str, reason: str, expected: str | None = None
    ) -> NoReturn:
        if expected is None:
            expected = self._expected(task)
        divergence = Divergence(position, task, expected, shown_node(entry), reason)
        self.divergences.append(divergence)
        error = ReplayDiverged(str(divergence))
        self.session.failed(entry, error)
        raise error

    def _now(self, entry: dict[str, Any], number: int) -> Any:
        """Give a recorded answer back, as a fresh object."""
        node, how = self._nodes[number], self._nodes[number]["how"]
        value = self._values["calls"][number]["value"]
        self.session.end(entry, how, node["value"])
        if how == "handle":
            return self._handle(value)
        if how == "class":
            for kind in get_args(Kind):
                cls = self._types.find(value, kind)
                if cls is not None:
                    return cls
            task = entry["task"]
            reason = f"is the class {value}, which is not registered: give it to Types"
            self._diverge(entry, self._count[task] - 1, task, reason)
        if how == "raised":
            raise (
                value
                if isinstance(value, BaseException)
                else ReplayDiverged(f"an exception was lost: {value}")
            )
        if how == "returned":
            given = replaced(value, self._held) if type(value) in (dict, list, tuple) else value
            return stand_for_secrets(given)
        # Cancelled while it ran without a suspension, or never ended: nothing can come back.
        raise ReplayDiverged(f"{shown_node(node)} did not end when it was recorded")

    def _handle(self, described: dict[str, Any]) -> Any:
        path = described["path"]
        if path not in self._handles:
            protocols = frozenset(described["protocols"]) & _CONTAINERS
            self._handles[path] = make_standin(self, Owner(path, class_named(described["type"])), protocols)
        return self._handles[path]

    def _held(self, value: Any) -> Any:
        return self._handle(value.fields) if is_handle(value) else value

    async def _later(self, entry: dict[str, Any], number: int) -> Any:
        """The same for an awaited call: it takes as long as it took then, and ends before those that ended later."""
        node = self._nodes[number]
        try:
            if node["how"] in ("cancelled", "pending"):
                await trio.sleep_forever()
            await trio.lowlevel.checkpoint()
            if self._waits:
                await self._wait(number, node["ended"], (node["ended"] - node["started"]) / 1e9)
        except trio.Cancelled as cancelled:
            self.session.failed(entry, cancelled)
            raise
        return self._now(entry, number)

    async def _wait(self, number: int, ended: int, seconds: float) -> None:
        # Code takes no time in a replay. What counts on it is how long a call takes, for a timeout around it, and which of
        # several that are under way at once ends first.
        self._due[number] = ended, trio.current_time() + seconds
        try:
            # Time is what is waited for, and what others wait for may move meanwhile.
            while (until := self._end(number)) > trio.current_time():  # noqa: ASYNC110
                await trio.sleep_until(until)
            while any(other < ended for other, _ in self._due.values()):  # noqa: ASYNC110
                await trio.sleep_until(self._end(number))
        finally:
            del self._due[number]

    def _end(self, number: int) -> float:
        """When a call under way ends: not before those that ended earlier."""
        ended, _ = self._due[number]
        return max(due for other, due in self._due.values() if other <= ended)

    # What sources ask for.

    def draw(self, kind: str) -> Any:
        """The next recorded value of a kind, or the last one when there are no more; `None` if there never was one."""
        waiting = () if self.session.paused else self._draws[kind, self._task(self.session.label(), b"")]
        if waiting:
            value = self._last[kind] = waiting.popleft()[1]
            return value
        return self._last.get(kind)

    def next_draw(self, kind: str) -> Any:
        """The next recorded value of a kind, `None` when there are no more."""
        waiting = self._draws[kind, self._task(self.session.label(), b"")]
        return waiting.popleft()[1] if waiting else None

    def pass_draws(self, over: Mapping[str, int]) -> None:
        """Leave out what was drawn before the place where the replay goes on.

        Args:
            over: How many times, random numbers and ids that was, by kind.
        """
        for (kind, _), waiting in self._draws.items():
            while waiting and waiting[0][0] < over[kind]:
                self._last[kind] = waiting.popleft()[1]


async def _nothing() -> None:
    await trio.lowlevel.checkpoint()
