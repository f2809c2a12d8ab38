"""One request while it is recorded: every answer that the outside world gives it, in order."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CoroutineType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    WrapperDescriptorType,
)
from typing import Any, Final

import trio
from cbor2 import CBORTag

from gnomon_context import LocalContext, SharedState
from gnomon_snapshot import _tags as tag
from gnomon_snapshot._calls import EXITS, HANDLE, arguments_of, canonical
from gnomon_snapshot._detached import DETACHED, is_detached
from gnomon_snapshot._graph import ATOMS, PLAIN, Graph, NotPlain, copy_plain
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._live import is_live
from gnomon_snapshot._secrets import Secrets, withheld_node
from gnomon_snapshot._standin import (
    Owner,
    named,
    owner_of,
    real_method,
    standin_for,
)
from gnomon_snapshot._types import Types, name_of
from gnomon_snapshot._within import described, real, replaced, written

# Far from the numbers that the snapshot itself gives to what is shared in it.
_FIRST_NUMBER: Final = 1 << 24
_BIG: Final = 2**63
_SHORT: Final = 256
_NO_HANDLES: Final = PLAIN | {dict, list}
_HELD: Final = (
    "an object in its answer holds a live handle, whose own calls are not seen: return it by itself, in a list, tuple or "
    "dictionary, or give its class to Types"
)
# The types of what `inspect.isroutine` finds, and of what stands for a function.
_ROUTINES: Final = (
    FunctionType,
    MethodType,
    BuiltinFunctionType,
    MethodWrapperType,
    WrapperDescriptorType,
    MethodDescriptorType,
    ClassMethodDescriptorType,
    functools.partial,
)


class Session:
    """Records through stand-ins; it changes nothing of what it sees.

    Args:
        clock: Seconds, on the clock that deadlines use.
        types: The classes that come back as themselves: their instances are values, never live handles.
        limits: Bounds of each single call.
        secrets: What must not be written.
        secret_modules: The modules of which no answer is written.
        redactors: By place, `modules.<module>.<method>.result` or `.arguments`.
    """

    __slots__ = (
        *("_copied", "_handle_count", "_handles", "_label_count", "_labels", "_main", "_numbers", "_short"),
        *("began", "calls", "clock", "config", "detaches", "draws", "lctx", "limits", "loose", "names"),
        *("paused", "redactors", "secret_modules", "secrets", "types"),
    )

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        types: Types,
        limits: Limits,
        secrets: Secrets,
        secret_modules: frozenset[str],
        redactors: dict[str, Any],
    ) -> None:
        self.clock: Callable[[], float] = clock
        self.began: float = clock()
        self.types: Types = types
        self.limits: Limits = limits
        self.secrets: Secrets = secrets
        self.secret_modules: frozenset[str] = secret_modules
        self.redactors: dict[str, Any] = redactors
        self.calls: list[dict[str, Any]] = []
        self.loose: list[dict[str, Any]] = []
        self.names: dict[str, str] = {}  # what methods are called in traces
        self.draws: dict[str, list[list[Any]]] = {"now": [], "monotonic": [], "random": [], "uuid": []}
        self.config: list[list[Any]] = []
        self.paused: bool = False  # while what records asks for the time itself
        self._short: int = min(_SHORT, limits.text, limits.size)
        self._numbers = _FIRST_NUMBER
        self._handles: dict[int, Any] = {}
        self._copied: list[object] = []
        self._handle_count: dict[str, int] = {}
        self.lctx: LocalContext | None = None  # that of the request, while it runs
        self.detaches = False  # whether the request has handed work to the application
        self._main = self.task()
        self._labels: dict[object, str] = {}
        self._label_count: dict[str, int] = {}

    def close(self) -> None:
        """Let go of the stand-ins, which hold the session: or both would wait for the garbage collector."""
        self._handles.clear()
        self.lctx = None

    # Where and when.

    def task(self) -> object:
        """The task that runs now, `None` in a thread."""
        try:
            return trio.lowlevel.current_task()
        except RuntimeError:
            return None

    def label(self) -> str:
        """What the task that runs now is called in this recording."""
        task = self.task()
        if task is self._main:
            return ""
        known = self._labels.get(task)
        if known is None and self.detaches:
            now = is_detached(self.lctx)
            if now is None:  # it has not its context yet
                return DETACHED
            if now:
                known = self._labels[task] = DETACHED
        if known is None:
            name = "thread" if task is None else str(getattr(task, "name", ""))
            count = self._label_count[name] = self._label_count.get(name, 0) + 1
            known = self._labels[task] = f"{name}#{count}"
        return known

    def at(self) -> int:
        """Nanoseconds since the request came."""
        return round((self.clock() - self.began) * 1e9)

    # Values.

    def graph(self) -> Graph:
        return Graph(self.limits, first=self._numbers)

    def finish(self, graph: Graph, root: dict[str, Any]) -> None:
        graph.finish(root)
        self._numbers += len(graph.numbers)

    def _is_plain(self, value: Any) -> bool:
        """Whether a value is its own node, within every bound, and no secret: most arguments and many answers."""
        cls = type(value)
        if cls is str:
            return len(value) <= self._short
        if cls is int:
            return bool(-_BIG < value < _BIG)
        return cls in ATOMS

    def write(self, value: Any, *, place: str = "", secret: bool = False) -> Any:
        """The node of one value."""
        if not secret and place not in self.redactors and self._is_plain(value):
            return value
        self.secrets.learn(value, everything=secret)
        if secret and value is not None:
            return withheld_node(value)
        graph = self.graph()
        redactor = self.redactors.get(place)
        if redactor is not None:
            try:
                value = redactor.redact(value)
            except Exception as error:
                return CBORTag(tag.LOST, [type(error).__name__, "", "failed"])
        root = {"value": graph.copy(value)}
        self.finish(graph, root)
        self._copied = graph.kept
        return root["value"]

    # Calls.

    def begin(
        self,
        owner: Owner,
        name: str,
        mode: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        plain: bool | None = None,
    ) -> dict[str, Any]:
        """Write down that a call begins, with its arguments as they are now."""
        given = arguments_of(name, args) if name in EXITS else args
        refused = ""
        if self.redactors and self._redacts(owner, name, "arguments"):
            node = self._redacted_arguments(owner, name, given, kwargs)
            shown, keywords = node["args"], node["kwargs"]
        elif self._are_plain(given, kwargs) if plain is None else plain:
            shown, keywords = list(given), kwargs.copy()
        else:
            node = self._arguments(given, kwargs)
            shown, keywords = node["args"], node["kwargs"]
            if owner.cls is not SharedState and any(
                isinstance(value, _ROUTINES) for value in (*given, *kwargs.values())
            ):  # the function of an update has no effects, and what it made is the answer
                refused = (
                    "a function was handed to the module, and what the module did with it cannot be repeated"
                )
        entry = {
            "task": self.label(),
            "on": owner.path,
            "name": name,
            "mode": mode,
            "args": shown,
            "kwargs": keywords,
            "started": self.at(),
            "ended": None,
            "how": "pending",
            "value": None,
            "refused": refused,
            "live": owner.target is not None,
        }
        if entry["task"] is not DETACHED:
            self.calls.append(entry)
        return entry

    def _are_plain(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether all arguments are their own nodes."""
        for value in args:
            if not self._is_plain(value):
                return False
        return not kwargs or all(map(self._is_plain, kwargs.values()))

    def _loose(self, entry: dict[str, Any], value: Any) -> Any:
        """The node of a value that holds nothing but JSON values, whatever its size; see `bound`.

        Raises:
            NotPlain: It holds something else, or something twice.
        """
        node = copy_plain(value, set())
        self.loose.append(entry)
        return node

    def bound(self) -> None:
        """Hold the bounds for the values of calls that were copied without looking at their size."""
        for entry in self.loose:
            entry["value"] = self.graph().copy(entry["value"])
        self.loose.clear()

    def _redacts(self, owner: Owner, name: str, part: str) -> bool:
        return bool(self.redactors) and f"modules.{owner.module}.{name}.{part}" in self.redactors

    def _arguments(self, given: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        for value in (*given, *kwargs.values()):
            self.secrets.learn(value)
        graph = self.graph()
        node = {
            "args": [_argument(graph, value) for value in given],
            "kwargs": {key: _argument(graph, value) for key, value in kwargs.items()},
        }
        self.finish(graph, node)
        return node

    def _redacted_arguments(
        self, owner: Owner, name: str, given: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        for value in (*given, *kwargs.values()):
            self.secrets.learn(value)
        place = f"modules.{owner.module}.{name}.arguments"
        written = self.write([list(given), kwargs], place=place)
        return {"args": written if type(written) is list else [written], "kwargs": {}}

    def end(self, entry: dict[str, Any], how: str, value: Any) -> None:
        """Write down how a call ended."""
        entry["ended"], entry["how"], entry["value"] = self.at(), how, value

    def failed(self, entry: dict[str, Any], error: BaseException) -> None:
        """Write down that a call raised."""
        if isinstance(error, Exception):
            self.end(entry, "raised", self.write(error))
        else:
            self.end(entry, "cancelled", None)

    def attribute(self, owner: Owner, name: str) -> Any:
        """An attribute of the real thing: a method that is recorded when it is called, a handle, or a value."""
        try:
            value = getattr(owner.target, name)
        except Exception as error:  # there is none, or it is a property that raises
            self.failed(self.begin(owner, name, "get", (), {}), error)
            raise
        if isinstance(value, _ROUTINES):
            return self.method(owner, name, value)
        entry = self.begin(owner, name, "get", (), {})
        return self.returned(entry, owner, value)

    def method(self, owner: Owner, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that calls another and records it."""

        def call(*args: Any, **kwargs: Any) -> Any:
            return self.call(owner, name, function, args, kwargs)

        qualified = getattr(function, "__qualname__", None) or f"{owner.path}.{name}"
        self.names[f"{owner.path}.{name}"] = qualified
        return named(call, name, qualified)

    def invoke(self, owner: Owner, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A special method of the real thing."""
        return self.call(owner, name, real_method(owner.target, name), args, kwargs)

    def call(
        self,
        owner: Owner,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call the real thing, sync or async, and record what it answers."""
        plain = name not in EXITS and self._are_plain(args, kwargs)
        entry = self.begin(owner, name, "sync", args, kwargs, plain=plain)
        try:
            if plain:
                result = function(*args, **kwargs)
            else:
                result = function(*map(real, args), **{key: real(value) for key, value in kwargs.items()})
        except BaseException as error:
            self.failed(entry, error)
            raise
        if type(result) is CoroutineType or (
            inspect.isawaitable(result) and not hasattr(type(result), "__aenter__")
        ):
            entry["mode"] = "async"
            return self._wait(entry, owner, result, args, kwargs, plain)
        if not plain:
            self._look_again(entry, owner, args, kwargs)
        return self.returned(entry, owner, result)

    async def _wait(
        self,
        entry: dict[str, Any],
        owner: Owner,
        result: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        plain: bool,
    ) -> Any:
        try:
            value = await result
        except BaseException as error:
            self.failed(entry, error)
            raise
        if not plain:
            self._look_again(entry, owner, args, kwargs)
        return self.returned(entry, owner, value)

    def _look_again(
        self, entry: dict[str, Any], owner: Owner, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Tell if an argument was changed while the call ran: a replay gives back answers and changes nothing."""
        name = entry["name"]
        if name in EXITS or self._redacts(owner, name, "arguments"):
            return
        before = {"args": entry["args"], "kwargs": entry["kwargs"]}
        now = self._arguments(args, kwargs)
        if now != before and canonical(now) != canonical(before):
            self.names[f"{owner.path}.{name}!"] = (
                "an argument was changed while it ran, and a replay changes none"
            )

    def returned(self, entry: dict[str, Any], owner: Owner, value: Any) -> Any:
        """Write down what a call returned, and give the handler what it gets: the value, or a stand-in."""
        if type(value) in _NO_HANDLES and not self.secret_modules and not self.redactors:
            try:
                node = value if self._is_plain(value) else self._loose(entry, value)
            except NotPlain:
                pass
            else:
                self.end(entry, "returned", node)
                return value
        if isinstance(value, type):
            self.end(entry, "class", name_of(value))
            return value
        secret = owner.module in self.secret_modules
        known = self._handles.get(id(value))
        if known is None and (secret or not is_live(value, self.types)):
            place = f"modules.{owner.module}.{entry['name']}.result"
            given = value if secret else replaced(value, lambda item: self._held(owner, item))
            told = value if given is value else written(given, whole=True)
            node = self.write(told, place=place, secret=secret)
            if secret or not _is_unencodable(node):
                if not secret and any(is_live(each, self.types) for each in self._copied):
                    entry["refused"] = _HELD
                self._copied = []
                self.end(entry, "returned", node)
                return given
        return self.handle(entry, owner, value)

    def handle(self, entry: dict[str, Any], owner: Owner, value: Any) -> Any:
        """Give a stand-in for a live handle, the same one for the same handle."""
        standin = self._standin(owner, value)
        self.end(entry, "handle", described(standin))
        return standin

    def _standin(self, owner: Owner, value: Any) -> Any:
        standin = self._handles.get(id(value))
        if standin is None:
            count = self._handle_count[owner.module] = self._handle_count.get(owner.module, 0) + 1
            standin = self.adopt(f"{owner.module}#{count}", value)
        return standin

    def _held(self, owner: Owner, value: Any) -> Any:
        """What a handler gets of something that stands in a container."""
        live = id(value) in self._handles or is_live(value, self.types)
        return self._standin(owner, value) if live else value

    def adopt(self, path: str, value: Any) -> Any:
        """A stand-in for a module or a handle."""
        # the owner keeps the value alive, so that its identity is nobody else's
        standin = self._handles[id(value)] = standin_for(self, path, value)
        return standin

    # What is no call.

    def draw(self, kind: str, value: Any) -> None:
        """Write down a time, a random number or an id that was handed out."""
        if not self.paused and (label := self.label()) is not DETACHED:
            self.draws[kind].append([label, value])

    def read(self, path: tuple[str, ...], value: Any) -> None:
        """Write down a value of the configuration that was read."""
        if self.label() is not DETACHED:
            self.config.append([list(path), self.write(value)])


def _argument(graph: Graph, value: Any) -> Any:
    owner = owner_of(value)
    if owner is not None:
        return CBORTag(tag.OBJECT, [HANDLE, {"path": owner.path}])
    return graph.copy(written(value), 1)


def _is_unencodable(node: Any) -> bool:
    return type(node) is CBORTag and node.tag == tag.LOST and node.value[2] == "unencodable"
