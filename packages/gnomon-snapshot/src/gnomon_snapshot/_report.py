"""What differs between two recordings of one request: what was, and what a replay made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, final

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._answers import Divergence
from gnomon_snapshot._calls import key_of, shown_node
from gnomon_snapshot._json import to_json
from gnomon_snapshot._losses import escaped
from gnomon_snapshot._recording import Recording, Traced
from gnomon_snapshot._records import Loss

# Text that is a time or an id as a whole: RFC 9562, RFC 3339, and the ids of requests.
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_ASIDE: Final = frozenset({"$datetime", "$uuid"})
_MISSING: Final = "(nothing)"
_MANY: Final = 200
_MOST_NODES: Final = 1_000_000  # of one snapshot with everything shared written out


class Difference(NamedTuple):
    """One thing that is not what it was.

    Attributes:
        path: Where, as a JSON pointer (RFC 6901); for calls and events the number in their order.
        recorded: What it was, in the JSON form of snapshots.
        replayed: What it is.
    """

    path: str
    recorded: Any
    replayed: Any

    def __str__(self) -> str:
        return f"{self.path or '/'}: {_shown(self.recorded)} -> {_shown(self.replayed)}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What a replay found: everything that differs from the recording, times and ids aside.

    Args:
        request_id: The id of the request.
        title: Method and path.
        response: What differs in status, headers and body.
        lifecycle: What differs in the events of the lifecycle and in how it ended.
        calls: What differs in the calls on modules.
        state: What differs in the state that the request left.
        divergences: The calls that the recording could not answer.
        problems: If the request is refused today and was not then: pointer, code and message of each problem.
        recorded: The recording that was replayed.
        replayed: The replay, as a recording of its own.

    A report is empty if and only if nothing differs.
    """

    request_id: str
    title: str
    response: tuple[Difference, ...] = ()
    lifecycle: tuple[Difference, ...] = ()
    calls: tuple[Difference, ...] = ()
    state: tuple[Difference, ...] = ()
    divergences: tuple[Divergence, ...] = ()
    problems: tuple[tuple[str, str, str], ...] = ()
    recorded: Recording = field(repr=False)
    replayed: Recording

    @property
    def unrecorded(self) -> tuple[str, ...]:
        """What of the outside world the recording had not seen, with the reason."""
        return self.recorded.unrecorded

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What the recording does not give back as it was."""
        return self.recorded.losses

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not (
            self.response or self.lifecycle or self.calls or self.state or self.divergences or self.problems
        )

    @property
    def cause(self) -> str:
        """Why it differs, in words that are the same for all requests that differ alike; empty if nothing does."""
        if self.problems:
            pointer, code, _ = self.problems[0]
            return f"the request no longer validates: {code} at {pointer or '/'}"
        if self.divergences:
            first = self.divergences[0]
            return f"divergence at {first.actual.partition('(')[0]}: {first.reason}"
        for name, differences in self._sections():
            if differences:
                return f"{name} differs at {_general(name, differences[0])}"
        return ""

    def _sections(self) -> tuple[tuple[str, tuple[Difference, ...]], ...]:
        return (
            ("response", self.response),
            ("lifecycle", self.lifecycle),
            ("calls", self.calls),
            ("state", self.state),
        )

    def to_json(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "request_id": self.request_id,
            "request": self.title,
            "empty": self.empty,
            "cause": self.cause,
            **{
                name: [difference._asdict() for difference in differences]
                for name, differences in self._sections()
            },
            "divergences": [divergence._asdict() for divergence in self.divergences],
            "problems": [
                {"pointer": pointer, "code": code, "message": message}
                for pointer, code, message in self.problems
            ],
            "unrecorded": list(self.unrecorded),
        }

    def __str__(self) -> str:
        """The report as people read it."""
        lines = [f"{self.title}  {self.request_id}", "  no difference" if self.empty else f"  {self.cause}"]
        for pointer, code, message in self.problems:
            lines.append(f"  problem     {pointer or '/'}: {message} ({code})")
        lines += [f"  divergence  {divergence}" for divergence in self.divergences]
        for name, differences in self._sections():
            lines += [f"  {name:<11} {difference}" for difference in differences[:_MANY]]
        lines += [f"  unrecorded  {reason}" for reason in self.unrecorded]
        return "\n".join(lines)


def compare(
    recorded: Recording,
    replayed: Recording,
    *,
    divergences: Iterable[Divergence] = (),
    skipped_calls: int = 0,
) -> ReplayReport:
    """What differs between two recordings of a request, such as two replays on two versions of a handler.

    Text that is a time or an id as a whole is aside, where both have one.

    Args:
        recorded: What it was.
        replayed: What it is.
        divergences: What the second one could not be answered.
        skipped_calls: How many calls the second one did not have to make, because it began after them.

    >>> import trio
    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import MemoryStore, Recorder
    >>> def run(discount):
    ...     async def main():
    ...         live = Recorder(MemoryStore()).begin(GlobalContext())
    ...         lctx = LocalContext(live.gctx, path="/total")
    ...         lctx.set("total", 100 - discount)
    ...         return live.finish(lctx)
    ...     return trio.run(main)
    >>> compare(run(0), run(0)).empty
    True
    >>> compare(run(0), run(5)).state
    (Difference(path='/total', recorded=100, replayed=95),)
    """
    a, b = recorded.snapshot.tree, replayed.snapshot.tree
    response: tuple[Difference, ...] = ()
    state: tuple[Difference, ...] = ()
    if not (_is_same(a["response"], b["response"]) and _is_same(a["state"], b["state"])):
        was, is_ = _Values(a), _Values(b)
        response = tuple(_differences(_response(was, a["response"]), _response(is_, b["response"]), ""))
        state = tuple(_differences(was.form(a["state"]), is_.form(b["state"]), ""))
    same_trace = a["recording"]["trace"] == b["recording"]["trace"]
    lifecycle = [] if same_trace else list(_sequence(*_traces(recorded, replayed), ""))
    outcomes = _outcome(a), _outcome(b)
    if outcomes[0] != outcomes[1]:
        lifecycle.append(Difference("/outcome", *outcomes))
    meta = a["meta"]
    return ReplayReport(
        request_id=str(meta["request_id"]),
        title=f"{meta['method']} {meta['path']}",
        response=response,
        lifecycle=tuple(lifecycle),
        calls=tuple(_calls(recorded.node["calls"][skipped_calls:], replayed.node["calls"])),
        state=state,
        divergences=tuple(divergences),
        problems=() if same_trace or _refusals(recorded.trace) else _refusals(replayed.trace),
        recorded=recorded,
        replayed=replayed,
    )


def _outcome(tree: dict[str, Any]) -> str | None:
    outcome = tree["outcome"]
    return None if outcome is None else str(outcome["kind"])


def _traces(recorded: Recording, replayed: Recording) -> tuple[list[str], list[str]]:
    return list(map(str, recorded.trace)), list(map(str, replayed.trace))


def _is_same(a: Any, b: Any) -> bool:
    """Whether two parts encode the same and refer to no other part; else they have to be looked at."""
    waiting = [(a, b)]
    while waiting:
        one, two = waiting.pop()
        cls = type(one)
        if cls is not type(two):
            return False
        if cls is dict:
            if one.keys() != two.keys():
                return False
            waiting += [(item, two[key]) for key, item in one.items()]
        elif cls is list:
            if len(one) != len(two):
                return False
            waiting += zip(one, two, strict=True)
        elif cls is CBORTag:
            if one.tag != two.tag or one.tag == tag.REF:
                return False
            waiting.append((one.value, two.value))
        elif one is not two and (one != two or cls is float):
            return False
    return True


def _refusals(trace: Iterable[Traced]) -> tuple[tuple[str, str, str], ...]:
    """What was wrong with the request, if its validation refused it."""
    for entry in trace:
        if entry.kind == "validation.error" and entry.id == "validation:request":
            return entry.problems or (("", "refused", entry.error),)
    return ()


def _response(values: _Values, node: Any) -> Any:
    if node is None:
        return None
    headers: dict[str, Any] = {}
    for name, value in node["headers"]:
        headers.setdefault(str(name).lower(), []).append(values.form(value))
    return {"status": node["status_code"], "headers": headers, "body": values.form(node["body"])}


def _calls(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> Iterator[Difference]:
    """By task: concurrent tasks have no order among each other."""
    tasks = dict.fromkeys(entry["task"] for entry in (*a, *b))
    for task in tasks:
        mine = [entry for entry in a if entry["task"] == task]
        other = [entry for entry in b if entry["task"] == task]
        keys = [key_of(entry) for entry in mine], [key_of(entry) for entry in other]
        shown = list(map(shown_node, mine)), list(map(shown_node, other))
        yield from _sequence(*keys, f"/{escaped(task)}" if task else "", shown=shown)


def _sequence(
    a: list[Any], b: list[Any], path: str, *, shown: tuple[list[str], list[str]] | None = None
) -> Iterator[Difference]:
    """What was taken out, put in and replaced: what both begin or end with stays, of the rest what is equal in order."""
    shown_a, shown_b = (a, b) if shown is None else shown
    start = next(
        (index for index, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    left = min(len(a), len(b)) - start
    end = next((index for index in range(left) if a[-1 - index] != b[-1 - index]), left)
    first, second = range(start, len(a) - end), range(start, len(b) - end)
    for index in range(start, max(first.stop, second.stop)):
        here = shown_a[index] if index in first else _MISSING
        there = shown_b[index] if index in second else _MISSING
        if index not in first or index not in second or a[index] != b[index]:
            yield Difference(f"{path}/{index}", here, there)


class _Values:
    """The JSON form of parts of a snapshot, with what is shared written out wherever it stands, and without traces.

    One part may hold only a reference to what another holds; each is compared for itself.
    """

    def __init__(self, tree: dict[str, Any]) -> None:
        self._shared: dict[int, Any] = {}
        self._find(tree)
        self._left = _MOST_NODES

    def _find(self, root: Any) -> None:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            cls = type(node)
            if cls is dict:
                waiting += node.values()
            elif cls is list:
                waiting += node
            elif cls is CBORTag:
                if node.tag == tag.SHARED:
                    self._shared[node.value[0]] = node.value[1]
                waiting.append(node.value)

    def form(self, node: Any) -> Any:
        """The JSON form of one part."""
        return to_json(self._steady(node, ()))

    def _steady(self, node: Any, inside: tuple[int, ...]) -> Any:
        self._left -= 1
        cls = type(node)
        if cls is dict:
            return {key: self._steady(item, inside) for key, item in node.items()}
        if cls is list:
            return [self._steady(item, inside) for item in node]
        if cls is not CBORTag:
            return node
        number, content = node.tag, node.value
        if number in (tag.SHARED, tag.REF):
            identity = content[0] if number == tag.SHARED else content
            if identity in inside or self._left < 0:
                # a circle: how far up it leads, which is the same wherever it was entered
                return CBORTag(tag.REF, inside[::-1].index(identity) if identity in inside else -1)
            return self._steady(self._shared.get(identity), (*inside, identity))
        if number == tag.TEXT:  # text that UTF-8 cannot hold has this form once it was written
            return content.decode("utf-8", "surrogatepass")
        if number == tag.LOST:
            return CBORTag(number, ["" if content[2] == "sensitive" else content[0], "", content[2]])
        if number in (tag.SET, tag.FROZENSET):
            return CBORTag(number, sorted((self._steady(item, inside) for item in content), key=repr))
        if number == tag.EXCEPTION:
            content = [*content[:6], [], *content[7:]]
        return CBORTag(number, self._steady(content, inside))


def _differences(a: Any, b: Any, path: str) -> Iterator[Difference]:
    if type(a) is dict and type(b) is dict:
        if len(a) == len(b) == 1 and a.keys() == b.keys() and a.keys() <= _ASIDE:
            return
        for key in dict.fromkeys((*a, *b)):
            step = f"{path}/{escaped(key)}"
            if key not in a or key not in b:
                yield Difference(step, a.get(key, _MISSING), b.get(key, _MISSING))
            else:
                yield from _differences(a[key], b[key], step)
    elif type(a) is list and type(b) is list:
        for index in range(max(len(a), len(b))):
            if index >= len(a) or index >= len(b):
                here = a[index] if index < len(a) else _MISSING
                there = b[index] if index < len(b) else _MISSING
                yield Difference(f"{path}/{index}", here, there)
            else:
                yield from _differences(a[index], b[index], f"{path}/{index}")
    elif (type(a) is not type(b) or repr(a) != repr(b)) and not _is_aside(a, b):
        yield Difference(path, a, b)


def _is_aside(a: Any, b: Any) -> bool:
    """Whether both are times, or both ids."""
    if type(a) is not str or type(b) is not str:
        return False
    return any(form.fullmatch(a) and form.fullmatch(b) for form in (_UUID, _TIME))


def _general(name: str, difference: Difference) -> str:
    """A place without what belongs to one request."""
    if name in ("calls", "lifecycle"):
        sides = (difference.recorded, difference.replayed)
        return " -> ".join(side if side == _MISSING else str(side).partition("(")[0] for side in sides)
    return re.sub(r"/\d+(?=/|$)", "/*", difference.path) or "/"


def _shown(value: Any) -> str:
    shown = value if type(value) is str else json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 300 else shown[:300] + "…"
