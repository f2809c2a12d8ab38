"""What differs between two recordings of one request: what was, and what a replay made of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, final

from gnomon_snapshot._answers import Divergence
from gnomon_snapshot._calls import key_of, shown_node
from gnomon_snapshot._differences import MISSING, Difference, Values, differences, is_same, sequence
from gnomon_snapshot._losses import escaped
from gnomon_snapshot._recording import Recording
from gnomon_snapshot._records import Loss

_MANY: Final = 200


class RequestProblem(NamedTuple):
    """Why a request is refused today.

    Attributes:
        pointer: Where, as a JSON pointer (RFC 6901) into that part of the request.
        code: What it is, as code would ask for it.
        message: The same in words.
        source: The part: `body`, `query`, `headers`, `params`; `request` if nothing looked at its parts, because no route
            takes it, or it is too large; empty if that is not known.
    """

    pointer: str
    code: str
    message: str
    source: str

    def __str__(self) -> str:
        return f"{self.source}{self.pointer or '/'}: {self.message} ({self.code})"


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
        problems: If the request is refused today and was not then: why.
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
    problems: tuple[RequestProblem, ...] = ()
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
            pointer, code, _, source = self.problems[0]
            if source == "request":
                return f"the request is no longer taken: {code}"
            where = f" of the {source}" if source not in ("", "body") else ""
            return f"the request no longer validates: {code} at {_steady_path(pointer)}{where}"
        if self.divergences:
            first = self.divergences[0]
            return f"divergence at {first.actual.partition('(')[0]}: {first.reason}"
        for name, found in self._sections():
            if found:
                return f"{name} differs at {_general(name, found[0])}"
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
            **{name: [difference._asdict() for difference in found] for name, found in self._sections()},
            "divergences": [divergence._asdict() for divergence in self.divergences],
            "problems": [problem._asdict() for problem in self.problems],
            "unrecorded": list(self.unrecorded),
        }

    def __str__(self) -> str:
        """The report as people read it."""
        lines = [f"{self.title}  {self.request_id}", "  no difference" if self.empty else f"  {self.cause}"]
        lines += [f"  problem     {problem}" for problem in self.problems]
        lines += [f"  divergence  {divergence}" for divergence in self.divergences]
        for name, found in self._sections():
            lines += [f"  {name:<11} {difference}" for difference in found[:_MANY]]
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
    if not (is_same(a["response"], b["response"]) and is_same(a["state"], b["state"])):
        was, is_ = Values(a), Values(b)
        response = tuple(differences(_response(was, a["response"]), _response(is_, b["response"]), ""))
        state = tuple(differences(was.form(a["state"]), is_.form(b["state"]), ""))
    same_trace = a["recording"]["trace"] == b["recording"]["trace"]
    lifecycle = [] if same_trace else list(sequence(*_traces(recorded, replayed), ""))
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
        problems=() if same_trace or _refusals(recorded) else _refusals(replayed),
        recorded=recorded,
        replayed=replayed,
    )


def _outcome(tree: dict[str, Any]) -> str | None:
    outcome = tree["outcome"]
    return None if outcome is None else str(outcome["kind"])


def _traces(recorded: Recording, replayed: Recording) -> tuple[list[str], list[str]]:
    return list(map(str, recorded.trace)), list(map(str, replayed.trace))


def _refusals(recording: Recording) -> tuple[RequestProblem, ...]:
    """What was wrong with the request, if it was refused before anything ran for it."""
    trace = recording.trace
    for entry in trace:
        if entry.kind == "validation.error" and entry.id == "validation:request":
            if not entry.problems:
                return (RequestProblem("", "refused", entry.error, ""),)
            return tuple(map(RequestProblem._make, entry.problems))
    error = trace[-1].error if trace else ""
    if not error or any(entry.kind in ("hook.start", "handler.start") for entry in trace):
        return ()
    return (RequestProblem("", _code_of(recording), error, "request"),)


def _code_of(recording: Recording) -> str:
    """What the answer calls its problem (RFC 9457), else its status."""
    response = recording.snapshot.response
    code = response.body.get("code") if response is not None and isinstance(response.body, dict) else None
    return str(code or (response.status_code if response is not None else "refused"))


def _response(values: Values, node: Any) -> Any:
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
        yield from sequence(*keys, f"/{escaped(task)}" if task else "", shown=shown)


def _general(name: str, difference: Difference) -> str:
    """A place without what belongs to one request."""
    if name in ("calls", "lifecycle"):
        sides = (difference.recorded, difference.replayed)
        return " -> ".join(side if side == MISSING else str(side).partition("(")[0] for side in sides)
    return _steady_path(difference.path)


def _steady_path(path: str) -> str:
    return re.sub(r"/\d+(?=/|$)", "/*", path) or "/"
