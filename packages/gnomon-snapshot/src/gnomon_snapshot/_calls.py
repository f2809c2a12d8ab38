"""One call of a module as a recording holds it, and the key by which a replay finds it."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, TypeAlias

import cbor2
from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._json import to_json
from gnomon_snapshot._losses import losses_of
from gnomon_snapshot._records import Loss, Record
from gnomon_snapshot._types import NO_TYPES, Types

CallMode: TypeAlias = Literal["sync", "async", "get"]
CallOutcome: TypeAlias = Literal["returned", "raised", "handle", "class", "cancelled", "pending"]

HANDLE: Final = (
    "gnomon_snapshot.Handle"  # the type of the record that stands where a live handle was an argument
)
ENTRY: Final = frozenset(
    {"task", "on", "name", "mode", "args", "kwargs", "started", "ended", "how", "value", "refused", "live"}
)
# Losses after which there is nothing to give back; of the others something comes back that says what it is.
_HARD: Final = frozenset({"unencodable", "depth", "count", "size", "failed"})
EXITS: Final = frozenset({"__exit__", "__aexit__"})


class ModuleCall(NamedTuple):
    """One call that a request made on a module.

    Attributes:
        task: The task of the request that made it, empty for the one that runs handler and hooks.
        on: The module, or its live handle, such as `orders` or `orders#1`.
        name: The method or attribute; `__aenter__` and its like for what is done without naming one.
        mode: `sync`, `async`, or `get` for the reading of an attribute.
        args: The arguments by position.
        kwargs: The arguments by name.
        started: Seconds from the arrival of the request.
        ended: The same for its end, `None` if it had not ended.
        outcome: `returned`, `raised`, `handle` (a live handle, whose own calls are recorded), `class`, `cancelled`,
            or `pending` if it had not ended with the request.
        value: What it returned, the exception it raised, the path of the handle, the name of the class.
        refused: Why a replay cannot give the answer back, empty if it can.
        losses: What of arguments and value does not come back as it was.
    """

    task: str
    on: str
    name: str
    mode: CallMode
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    started: float
    ended: float | None
    outcome: CallOutcome
    value: Any
    refused: str
    losses: tuple[Loss, ...]

    def __str__(self) -> str:
        return shown_call(self.on, self.name, self.mode, self.args, self.kwargs)


def make_call(entry: dict[str, Any], node: dict[str, Any], types: Types) -> ModuleCall:
    """A call of its decoded entry, and of the node that was decoded."""
    losses = losses_of({name: node[name] for name in ("args", "kwargs", "value")}, types)
    value = entry["value"]["path"] if entry["how"] == "handle" else entry["value"]
    return ModuleCall(
        entry["task"],
        entry["on"],
        entry["name"],
        entry["mode"],
        tuple(entry["args"]),
        entry["kwargs"],
        entry["started"] / 1e9,
        None if entry["ended"] is None else entry["ended"] / 1e9,
        entry["how"],
        value,
        refusal_of(node),
        losses,
    )


def refusal_of(node: dict[str, Any]) -> str:
    """Why the answer of a call cannot be given back, empty if it can."""
    if node["refused"]:
        return str(node["refused"])
    if type(node["value"]) not in (CBORTag, dict, list):
        return ""
    for loss in losses_of(node["value"], NO_TYPES):
        if loss.reason in _HARD:
            where = f" at {loss.path}" if loss.path else ""
            return f"its answer holds a {loss.type}{where}, which cannot be written ({loss.reason})"
    return ""


def key_of(node: dict[str, Any]) -> bytes:
    """What is equal for two calls of one method with equal arguments, whatever holds their order apart."""
    arguments = {"args": node["args"], "kwargs": node["kwargs"]}
    return canonical([node["on"], node["name"], arguments])


def canonical(node: Any) -> bytes:
    """Bytes that are equal for equal values: no order of keys and members, no traces, no addresses."""
    return cbor2.dumps(_plain(node, {}), canonical=True)


def _plain(node: Any, numbers: dict[int, int]) -> Any:
    cls = type(node)
    if cls is dict:
        return {_plain(key, numbers): _plain(item, numbers) for key, item in node.items()}
    if cls is list:
        return [_plain(item, numbers) for item in node]
    if cls is str:
        # text that UTF-8 cannot hold has another form once it was written
        return node if node.isascii() else node.encode("utf-8", "surrogatepass").decode("latin-1")
    if cls is not CBORTag:
        return node
    number, content = node.tag, node.value
    if number == tag.TEXT:
        return content.decode("latin-1")
    if number == tag.PAIRS:
        pairs = [(_plain(key, numbers), _plain(item, numbers)) for key, item in content]
        if all(type(key) is str for key, _ in pairs):
            return dict(pairs)
        return CBORTag(number, sorted(cbor2.dumps(pair, canonical=True) for pair in pairs))
    if number == tag.LOST:
        # one secret is like another: in a replay a stand-in takes the place of the object
        return CBORTag(number, ["" if content[2] == "sensitive" else content[0], content[2]])
    if number == tag.SHARED:
        return CBORTag(number, [numbers.setdefault(content[0], len(numbers)), _plain(content[1], numbers)])
    if number == tag.REF:
        return CBORTag(number, numbers.setdefault(content, len(numbers)))
    if number in (tag.SET, tag.FROZENSET):
        return CBORTag(number, sorted(canonical(item) for item in content))
    if number == tag.EXCEPTION:
        # where it was raised, and what it was raised from, is part of the code and not of the call
        return CBORTag(number, [content[0], _plain(content[1], numbers), _plain(content[2], numbers)])
    return CBORTag(number, _plain(content, numbers))


def arguments_of(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments that count: the exits of a context manager get the exception three times over."""
    return args[1:2] if name in EXITS else args


def shown_call(on: str, name: str, mode: str, args: Any, kwargs: dict[str, Any]) -> str:
    """A call as code would write it, bounded."""
    if mode == "get":
        return f"{on}.{name}"
    shown = [*map(_shown, args), *(f"{key}={_shown(value)}" for key, value in kwargs.items())]
    return f"{on}.{name}({', '.join(shown)})"[:500]


def shown_node(node: dict[str, Any]) -> str:
    """The same of an entry that is not decoded."""
    args, kwargs = to_json(node["args"]), to_json(node["kwargs"])
    return shown_call(node["on"], node["name"], node["mode"], args, kwargs)


def _shown(value: Any) -> str:
    if type(value) is Record and value.type == HANDLE:
        return str(value.fields["path"])
    if type(value) is dict and len(value) == 1:
        ((name, content),) = value.items()
        if name == "$exception":
            return f"{content[0]}({', '.join(map(repr, content[1]))})"[:200]
        if name == "$object" and content[0] == HANDLE:
            return str(content[1]["path"])
        if name == "$lost":
            return f"<{content[0]}, {content[2]}>"
    shown = repr(value)
    return shown if len(shown) <= 200 else shown[:200] + "…"
