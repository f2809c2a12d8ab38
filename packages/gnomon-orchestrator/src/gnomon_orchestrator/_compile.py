"""From a plan to straight-line code: what is decided at registration costs a request nothing.

The text that is compiled here is made of fixed lines, numbers, and argument names that ``bind`` has checked;
names given by users enter it only as ``repr`` of a string. A success without frills runs through it to its
end; everything else leaves it for ``conclude``, with the number of the step it had come to.
"""

from __future__ import annotations

import functools
import itertools
import linecache
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import trio

from gnomon_context import RequestOutcome, RequestPhase
from gnomon_context.runtime import begin, end, move_deadline, pass_through

from ._cause import Overdue
from ._ending import Ending, conclude
from ._errors import HookTimeout
from ._events import LifecycleEvent
from ._leaks import LEAKS_SHOW, leaked
from ._observer import direct, give_up
from ._run import Run, settle_result
from ._sockets import SocketEnding

if TYPE_CHECKING:
    from ._entries import Entry
    from ._orchestrator import Plan, WebSocketPlan

Runner = Callable[[Any, Any, Any, Any], Awaitable[RequestOutcome]]

_numbers = itertools.count(1)
_NAMES: dict[str, Any] = {
    "Event": LifecycleEvent,
    "HookTimeout": HookTimeout,
    "Overdue": Overdue,
    "Run": Run,
    "begin": begin,
    "conclude": conclude,
    "current_task": trio.lowlevel.current_task,
    "end": end,
    "give_up": give_up,
    "inf": math.inf,
    "leaked": leaked,
    "move_deadline": move_deadline,
    "move_on_after": trio.move_on_after,
    "new": tuple.__new__,
    "partial": functools.partial,
    "pass_through": pass_through,
    "now": trio.current_time,
    "settle_result": settle_result,
    "time": time.time,
    **{phase.name: phase for phase in RequestPhase},
}


def compile_plan(plan: Plan | WebSocketPlan) -> Runner:
    """Write the code of ``plan`` and return the function that runs one request."""
    writer = _Writer(plan)
    source = "\n".join(writer.lines()) + "\n"
    filename = f"<plan {next(_numbers)} {plan.name!r}>"
    # Tracebacks and debuggers find the text here, as for any file.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = {**_NAMES, **writer.constants}
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 - see the top of this module
    run: Runner = namespace["run"]
    return run


class _Writer:
    """Writes the code of one plan, for requests that are observed or for ones that nobody hears of."""

    def __init__(self, plan: Plan | WebSocketPlan) -> None:
        self.plan = plan
        self.observed = bool(plan.table)
        self.constants: dict[str, Any] = {
            "plan": plan,
            "clock": plan.clock_ns,
            "watch": plan.watch,
            "Ending": SocketEnding if plan.websocket else Ending,
        }
        self.hears = [f"hear{position}" for position in range(len(plan.listeners))] if self.observed else []
        self.constants |= {
            f"{hear}_": direct(listener) for hear, listener in zip(self.hears, plan.listeners, strict=False)
        }
        # Whether the object for what is more than a bare call is made at the start, not only when needed.
        self.keeps_run = not all(self._is_inline(entry) for entry in plan.entries)
        self.phase = RequestPhase.RECEIVED
        self.pending: list[RequestPhase] = []
        # Whether the clock has been read since user code ran last: then `n` still tells the time.
        self.fresh = False

    def lines(self) -> Iterator[str]:
        """The text of the whole function."""
        plan = self.plan
        if plan.websocket:
            yield "async def run(req, ws, lctx, gctx):"
            yield "    res = ws.answer"
        else:
            yield "async def run(req, res, lctx, gctx):"
        if plan.timeout is not None:
            yield f"    if lctx.deadline == inf: move_deadline(lctx, now() + {float(plan.timeout)!r})"
        yield "    begin(lctx)"
        yield "    advance = lctx.advance"
        yield "    step = -1"
        if LEAKS_SHOW:
            yield "    task = current_task()"
            yield "    status = task._cancel_status"
        yield "    done, t = 0, -1"
        if plan.watch is not None:
            yield "    watch.install()"
        if self.observed:
            yield "    id_ = lctx.request_id"
            yield "    epoch = time()"
            yield "    n = began = clock()"
            self.fresh = True
            yield from (f"    {hear} = {hear}_" for hear in self.hears)
        if self.keeps_run:
            yield from _indent(1, self._make_run())
        yield from _indent(1, self._event("request.received", plan.name))
        yield "    try:"
        yield from _indent(2, self._body())
        yield "    except BaseException as failure:"
        yield from _indent(2, self._leave("failure"))
        yield from _indent(1, self._leave("None"))

    def _make_run(self) -> Iterator[str]:
        status, ws = "status" if LEAKS_SHOW else "None", ", ws" if self.plan.websocket else ""
        yield f"request = Run(plan, req, res, lctx, gctx, {status}{ws})"
        if self.observed:
            yield f"request.observe(({', '.join(self.hears)},), id_, epoch, began)"

    def _leave(self, failure: str) -> Iterator[str]:
        if not self.keeps_run:
            yield from self._make_run()
        yield "request.done |= done"
        yield f"return await conclude(Ending(request, step), t, {failure})"

    # Every step is one of these two.

    def _is_inline(self, entry: Entry) -> bool:
        # A timeout alone is inlined where nobody hears of it: the frames of Run.step cost a third of its scope.
        silent = "hook.timeout" not in self.plan.table and not self._is_heard(entry)
        plain = entry.plain or (entry.timeout is not None and silent)
        return plain and not self.plan.boundaries

    def _is_heard(self, entry: Entry) -> bool:
        """Whether a listener hears of a step that needs no second attempt: only then its times are taken."""
        return any(f"{entry.event}.{side}" in self.plan.table for side in ("start", "end", "error"))

    def _step(self, entry: Entry) -> Iterator[str]:
        yield from self._arrive()
        yield f"step = {entry.index}"
        if self._is_inline(entry):
            yield from self._inline(entry)
        else:
            self.fresh = False
            yield f"await request.step({self._constant('e', entry.index, entry)})"
            if entry.provides:
                yield "done |= request.done"
            # A listener may have been given up there.
            if self.observed:
                yield f"{', '.join(self.hears)}, = request.observer.listeners"

    def _inline(self, entry: Entry) -> Iterator[str]:
        yield f"lctx.execution = {self._constant('x', entry.index, entry.execution)}"
        heard = self._is_heard(entry)
        if heard:
            yield from self._read_clock("t")
            yield from self._event(f"{entry.event}.start", entry.name, entry)
        self.fresh = False
        function = self._constant("h", entry.index, entry.binding.function)
        call = f"{'await ' if entry.is_async else ''}{function}({entry.binding.arguments})"
        if entry.kind == "validation":
            yield call
        else:
            yield from self._call(entry, call)
        if heard:
            if f"{entry.event}.end" in self.plan.table:
                yield from self._read_clock()
                detail = "None"
                if self.plan.watch is not None:
                    detail = f"watch.held_ns(t, n) if n - t > {self.plan.watch.threshold_ns} else None"
                yield from self._event(
                    f"{entry.event}.end", entry.name, entry, duration="n - t", detail=detail
                )
            yield "t = -1"
        if entry.provides:
            yield f"done |= {entry.provides}"

    def _read_clock(self, also: str | None = None) -> Iterator[str]:
        names = "n" if also is None else f"n = {also}"
        if not self.fresh:
            yield f"{names} = clock()"
        elif also is not None:
            yield f"{also} = n"
        self.fresh = True

    def _call(self, entry: Entry, call: str) -> Iterator[str]:
        subject = "ws" if self.plan.websocket and entry.kind == "handler" else "res"
        lines = [
            f"r = {call}",
            f"if r is not None and r is not {subject}: await settle_result(r, res, {entry.name!r})",
        ]
        if entry.timeout is None:
            yield from lines
            return
        yield f"with move_on_after({entry.timeout!r}) as scope:"
        yield from _indent(1, iter(lines))
        yield f"if scope.cancelled_caught: raise HookTimeout({entry.name!r}, {entry.timeout!r})"

    def _event(
        self,
        kind: str,
        name: str,
        entry: Entry | None = None,
        *,
        duration: str = "None",
        detail: str = "None",
    ) -> Iterator[str]:
        """Build one event, at the time ``n``, and hand it to those who want it."""
        positions = self.plan.table.get(kind, ())
        if not positions:
            return
        where = "None, None, None" if entry is None else f"{entry.id!r}, {entry.level!r}, {entry.point!r}"
        error = "outcome.error" if kind == "request.finished" else "None"
        fields = f"{kind!r}, id_, n, epoch, {str(name)!r}, {where}, 1, {duration}, {error}, {detail}"
        yield f"event = new(Event, ({fields}))"
        for position in positions:
            hear = self.hears[position]
            yield f"try: {hear}(event)"
            also = f"request.observer.listeners[{position}] = " if self.keeps_run else ""
            yield f"except Exception as error: {hear} = {also}give_up({hear}_, id_, error)"

    def _advance(self, phase: RequestPhase) -> Iterator[str]:
        if "phase" in self.plan.table:
            yield f"advance({phase.name})"
            yield from self._read_clock()
            yield from self._event("phase", phase.value, detail=repr(self.phase.value))
        else:
            self.pending.append(phase)
        self.phase = phase

    def _arrive(self) -> Iterator[str]:
        """Make the moves that are due, before anything runs that could see the phase."""
        if len(self.pending) == 1:
            yield f"advance({self.pending[0].name})"
        elif self.pending:
            yield f"pass_through(lctx, {self.pending[-1].name})"
        self.pending.clear()

    def _constant(self, kind: str, index: int, value: object) -> str:
        name = f"{kind}{index}"
        self.constants[name] = value
        return name

    # The parts of the lifecycle.

    def _body(self) -> Iterator[str]:
        # Not loops: blocks that can be left early.
        yield "while True:"
        yield from _indent(1, self._way_in())
        yield "    break"
        if self.plan.refusal_entry is None and not self.plan.websocket:
            yield "while lctx.extras is None and res.finished:"
            yield from _indent(1, self._way_out())

    def _way_in(self) -> Iterator[str]:
        plan = self.plan
        yield "if lctx.cancel_reason is not None: raise Overdue"
        for entry in plan.received:
            yield from self._step(entry)
            yield "if res.finished: break"
        if plan.refusal_entry is not None:
            index = plan.refusal_entry.index
            yield f"step = {index}"
            yield f"raise {self._constant('h', index, plan.refusal_entry.binding.function)}()"
            return
        yield from self._advance(RequestPhase.ROUTED)
        for entry in plan.guards:
            yield from self._step(entry)
            yield "if res.finished: break"
        yield from self._advance(RequestPhase.AUTHORIZED)
        if plan.body_entry is not None:
            yield from self._arrive()
            yield f"step = {plan.body_entry.index}"
            yield "await req.read()"
            self.fresh = False
        if plan.request_entry is not None:
            yield from self._step(plan.request_entry)
        yield from self._advance(RequestPhase.VALIDATED)
        yield from self._advance(RequestPhase.PROCESSING)
        for entry in plan.before:
            yield from self._step(entry)
            yield "if res.finished: break"
        if plan.received or plan.guards or plan.before:
            yield from self._arrive()
            yield "if lctx.extras is not None:"
            yield from _indent(1, self._local_before())
        if plan.websocket:
            # With the handshake the answer is given: the messages have no deadline.
            yield "if lctx.deadline != inf: ws.bind_accept(partial(move_deadline, lctx, inf))"
        yield from self._step(plan.handler_entry)

    def _local_before(self) -> Iterator[str]:
        if not self.keeps_run:
            yield from self._make_run()
        self.fresh = False
        yield "await request.local_hooks_before()"
        if self.observed:
            yield f"{', '.join(self.hears)}, = request.observer.listeners"
        yield "if res.finished: break"

    def _way_out(self) -> Iterator[str]:
        plan = self.plan
        # Hooks may have been skipped on the way here.
        self.fresh = False
        # A guard or hook that answered has not failed, whatever happens from here on.
        yield f"step = {plan.handler_entry.index}"
        yield "if lctx.cancel_reason is not None: raise Overdue"
        yield "if lctx.deadline != inf and lctx.deadline <= now(): raise Overdue"
        for entry in plan.after:
            if entry.needs:
                yield f"if done & {entry.needs}:"
            yield from _indent(1 if entry.needs else 0, self._step(entry))
            self.fresh = self.fresh and not entry.needs
            yield "if lctx.extras is not None: break"
        if plan.first_byte or plan.last_byte or plan.stream_timeout is not None:
            # These need what only the interpreter has.
            yield "break"
            return
        # User code runs while a stream is sent, and may ask for anything.
        yield "if hasattr(res.body, '__aiter__'): break"
        if plan.response_entry is not None:
            yield from self._step(plan.response_entry)
        if plan.after or plan.response_entry is not None:
            yield "if lctx.cancel_reason is not None: raise Overdue"
        if LEAKS_SHOW:
            yield "if task._cancel_status is not status: raise leaked(plan.name)"
        yield f"step = {plan.send_index}"
        # Whether the answer came from a hook on the way in decides what the phase was.
        if "phase" in plan.table:
            yield "before = lctx.phase.value"
        yield f"advance({RequestPhase.RESPONDING.name})"
        if "phase" in plan.table:
            yield from self._read_clock()
            yield from self._event("phase", "responding", detail="before")
        yield "if lctx.deadline != inf: move_deadline(lctx, inf)"
        yield "await res.send()"
        self.fresh = False
        yield "outcome = lctx.settle('ok')"
        self.phase = RequestPhase.RESPONDING
        yield from self._advance(RequestPhase.COMPLETED)
        yield from self._arrive()
        if "request.finished" in plan.table:
            yield from self._read_clock()
            yield from self._event("request.finished", plan.name, duration="n - began", detail="outcome")
        yield "end(lctx)"
        yield "return outcome"


def _indent(depth: int, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield "    " * depth + line
