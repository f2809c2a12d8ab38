"""The lifecycle, read aloud: a plain interpreter of the design's table, to compare plans with.

It knows nothing of trio, contexts or compiled code. It keeps a clock of its own, writes down what would
happen, and is as slow and as simple as it can be. One module in spite of its length, because it is one text
to be read beside the design.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from ._scenario import EXIT, Act, Callback, Child, Part, Scenario, Trace, milliseconds

REASONS = {"deadline": "timeout", "disconnect": "disconnect", "shutdown": "shutdown", "explicit": "cancelled"}
ERRORS = {
    "timeout": "DeadlineExceeded",
    "disconnect": "RequestCancelled",
    "shutdown": "RequestCancelled",
    "cancelled": "RequestCancelled",
}
DEFAULTS = {"timeout": 504, "shutdown": 503, "cancelled": 500}


class Failed(Exception):
    """A step failed: ``error`` is the name of the class, ``status`` what it asks to be answered with."""

    def __init__(self, error: str, status: int = 500) -> None:
        self.error = error
        self.status = status
        # Not let in at all: no route, or a guard said no.
        self.refused = False


class Cut(Failed):
    """A step was cancelled."""

    def __init__(self) -> None:
        super().__init__("Cancelled")


class Model:
    """One run of one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.now = 0.0
        self.events: list[tuple[object, ...]] = []
        self.phase = "received"
        self.status: int | None = None
        self.started = False
        # Whether the WebSocket is open: from then on there is no answer any more.
        self.accepted = False
        self.sent: list[object] = []
        self.compensations: list[Callback] = []
        # With what was entered and not left yet among them.
        self.cleanups: list[Callback] = []
        self.on_error: list[Callback] = []
        self.on_timeout: list[Callback] = []
        # Whether the request uses more than plain steps, and whether its compensations have been run.
        self.extras = False
        self.sealed = False
        self.locals: dict[str, list[Part]] = {"before": [], "after": [], "catch": []}
        self.calls: dict[str, int] = {}
        self.completed: set[str] = set()
        self.entered: set[str] = set()
        self.children: list[tuple[float, Child]] = []
        # When and why what runs is cancelled; nothing is while the way out is shielded.
        self.cancelled: tuple[float, str] | None = None
        self.shielded = False
        self.limits: list[float] = []
        self.exit_at = math.inf
        self.deadline = scenario.deadline

    # Events and time.

    def tell(
        self,
        kind: str,
        name: str,
        attempt: int = 1,
        error: str | None = None,
        detail: object = None,
        *,
        timed: bool = True,
    ) -> None:
        at = milliseconds(self.now) if timed else None
        self.events.append((kind, name, attempt, error, detail, at))

    def move(self, phase: str) -> None:
        self.tell("phase", phase, detail=self.phase)
        self.phase = phase

    def interruptions(self) -> Iterator[tuple[float, str]]:
        """What cancels the request from now on, with its time."""
        if self.cancelled is not None:
            yield self.cancelled
        if self.deadline < math.inf:
            yield self.deadline, "deadline"
        if self.scenario.interruption is not None:
            yield self.scenario.interruption.at, self.scenario.interruption.kind
        for began, child in self.children:
            if child.fails and not child.isolated:
                yield began + child.delay, "child"

    def sleep(self, seconds: float) -> None:
        """Pass the time; raises ``Cut`` when something interrupts, at the time when it does."""
        end = self.now + seconds
        first = min([time for time, _ in self.interruptions()], default=math.inf)
        if self.shielded:
            first = math.inf
        limit = min([first, *self.limits])
        if limit <= end:
            self.now = max(self.now, limit)
            raise Cut
        self.now = end

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Give what is inside so many seconds; raises ``TimeoutError`` when they are over."""
        mine = self.now + seconds
        self.limits.append(mine)
        try:
            yield
        except Cut:
            outer = [time for time, _ in self.interruptions() if not self.shielded]
            if self.now < mine or min([*outer, *self.limits[:-1]], default=math.inf) <= self.now:
                raise
            raise TimeoutError from None
        finally:
            self.limits.pop()

    # One step.

    def call(self, part: Part) -> None:
        """One call of one function."""
        number = self.calls.get(part.name, 0)
        self.calls[part.name] = number + 1
        act = part.act(number)
        if number == 0:
            self.extras |= bool(part.registers or part.hooks or part.children)
            for callback in part.registers:
                if callback.kind == "compensation" and self.sealed:
                    raise Failed("IllegalPhase")
                if callback.kind != "entered":
                    {
                        "compensation": self.compensations,
                        "cleanup": self.cleanups,
                        "on_error": self.on_error,
                        "on_timeout": self.on_timeout,
                    }[callback.kind].append(callback)
            for hook in part.hooks:
                self.locals[hook.point].append(hook)
            self.children += [(self.now, child) for child in part.children]
            for callback in part.registers:
                if callback.kind == "entered":
                    self.sleep(0.0)
                    self.cleanups.append(callback)
        if act.accepts and not self.accepted:
            self.sleep(0.0)
            self.accepted = True
            self.deadline = math.inf
            self.sent.append("accepted")
        self.do(act)

    def do(self, act: Act) -> None:
        if act.cancels and self.cancelled is None:
            self.cancelled = (self.now, "explicit")
        if act.delay:
            self.sleep(act.delay)
        if act.then == "answer":
            self.status = act.status
        elif act.then == "raise":
            raise Failed("Broken")
        elif act.then == "refuse":
            raise Failed("Refused", act.status)

    def step(self, part: Part, *, limit: float | None = None) -> None:
        """One step with its events and options."""
        family = "handler" if part.point == "handler" else "hook"
        self.entered.add(part.name)
        self.tell(f"{family}.start", part.name)
        attempt = [1]
        try:
            if limit is None:
                self.attempts(part, attempt)
            else:
                try:
                    with self.limit(limit):
                        self.attempts(part, attempt)
                except TimeoutError:
                    self.tell("hook.timeout", part.name, attempt[0], "HookTimeout")
                    raise Failed("HookTimeout") from None
        except Failed as failed:
            self.tell(f"{family}.error", part.name, attempt[0], failed.error)
            if part.isolated and not isinstance(failed, Cut):
                return
            raise
        self.tell(f"{family}.end", part.name, attempt[0])
        self.completed.add(part.name)

    def attempts(self, part: Part, attempt: list[int]) -> None:
        while True:
            try:
                if part.timeout is None:
                    self.call(part)
                else:
                    try:
                        with self.limit(part.timeout):
                            self.call(part)
                    except TimeoutError:
                        self.tell("hook.timeout", part.name, attempt[0], "HookTimeout")
                        raise Failed("HookTimeout") from None
                return
            except Cut:
                raise
            except Failed as failed:
                delay = part.backoff * 2 ** (attempt[0] - 1)
                left = [*self.limits] if self.shielded else [*self.limits, self.deadline]
                done_for = not self.shielded and self.cancelled_by() is not None
                if attempt[0] > part.retries or done_for or self.now + delay >= min(left, default=math.inf):
                    raise
                self.tell("hook.retry", part.name, attempt[0] + 1, failed.error, delay)
                self.sleep(delay)
                attempt[0] += 1

    # The way in.

    def way_in(self) -> None:
        scenario = self.scenario
        for part in scenario.of("before"):
            if part.received and self.status is None:
                self.step(part)
        if self.status is not None:
            return
        if scenario.refusal:
            nowhere = Failed("Refused", 404)
            nowhere.refused = True
            raise nowhere
        self.move("routed")
        for part in scenario.of("guard"):
            try:
                self.step(part)
            except Failed as failed:
                failed.refused = True
                raise
            if self.status is not None:
                return
        self.move("authorized")
        if scenario.request is not None:
            self.tell("validation.start", "request")
            if scenario.request == "refuse":
                self.tell("validation.error", "request", 1, "Invalid")
                raise Failed("Invalid", 400)
            self.tell("validation.end", "request")
        self.move("validated")
        self.move("processing")
        for level in ("global", "route"):
            for part in scenario.of("before", level):
                if not part.received and self.status is None:
                    self.step(part)
        ran = 0
        while ran < len(self.locals["before"]) and self.status is None:
            self.step(self.locals["before"][ran])
            ran += 1
        if self.status is None:
            (handler,) = scenario.of("handler")
            self.step(handler)

    def join(self) -> None:
        """Step 1 of a request that has not failed."""
        while True:
            running = [
                began + child.delay for began, child in self.children if began + child.delay > self.now
            ]
            if not running:
                return
            self.sleep(max(running) - self.now)

    def cancelled_by(self) -> str | None:
        """What has interrupted the request by now, if anything; the first cause wins."""
        due = sorted((time, kind) for time, kind in self.interruptions() if time <= self.now)
        return due[0][1] if due else None

    # The way out.

    def after_hooks(self, *, shared: bool, only_global: bool) -> None:
        while True:
            part = self.next_out("after", only_global=only_global)
            if part is None:
                return
            self.step(part, limit=(self.exit_at - self.now) / 2 if shared else None)

    def next_out(self, point: str, *, only_global: bool = False) -> Part | None:
        """The next hook on the way out: local, route, global, each in reverse order of registration."""
        levels = [self.locals[point], self.scenario.of(point, "route"), self.scenario.of(point, "global")]
        for parts in levels[2:] if only_global else levels:
            for part in reversed(parts):
                if part.name not in self.entered:
                    if part.requires is None or part.requires in self.completed:
                        return part
                    self.entered.add(part.name)
        return None

    def validate_response(self) -> None:
        refused = self.scenario.response
        if refused is None:
            return
        self.tell("validation.start", "response")
        if self.status in refused:
            self.tell("validation.error", "response", 1, "Invalid")
            raise Failed("Invalid")
        self.tell("validation.end", "response")

    def leave(self, total: float) -> str | None:
        """Leave what was entered, last in first out; returns the first error of an exit."""
        end = self.now + total
        first = None
        while entered := [callback for callback in self.cleanups if callback.kind == "entered"]:
            callback = entered.pop()
            self.cleanups.remove(callback)
            error = self.bounded("cleanup", callback, end, more=bool(entered))
            first = first or error
        return first

    def leave_well(self) -> None:
        """Just before the first byte: a commit that fails makes another answer of it."""
        if any(callback.kind == "entered" for callback in self.cleanups):
            self.shielded = True
            error = self.leave(EXIT)
            self.shielded = False
            if error is not None:
                raise Failed(error)
            self.compensations.clear()
            self.sealed = True

    def send(self) -> None:
        self.sleep(0.0)
        self.sent.append(self.status)
        self.started = True
        if self.scenario.send_delay:
            self.sleep(self.scenario.send_delay)
        self.sent.append("body")

    def callbacks(self, kind: str, callbacks: list[Callback], total: float) -> None:
        """Compensations, cleanups, callbacks: each isolated, each with half of the time that is left."""
        end = self.now + total
        while callbacks:
            callback = callbacks.pop()
            self.bounded(kind, callback, end, more=bool(callbacks))

    def bounded(self, kind: str, callback: Callback, end: float, *, more: bool) -> str | None:
        """One of them, isolated and told; returns its error."""
        family = "hook" if kind == "callback" else kind
        self.tell(f"{family}.start", callback.name, timed=False)
        left = max(0.0, end - self.now)
        error = None
        try:
            with self.limit(left / 2 if more else left):
                self.do(callback.act)
        except TimeoutError:
            error = "TimeoutError" if callback.kind == "entered" else "HookTimeout"
            if family == "hook":
                self.tell("hook.timeout", callback.name, 1, error, timed=False)
        except Failed as failed:
            error = failed.error
        result = "end" if error is None else "error"
        self.tell(f"{family}.{result}", callback.name, 1, error, timed=False)
        if kind == "compensation" and error is not None:
            self.tell("compensation.alert", callback.name, 1, error, timed=False)
        return error

    def run(self) -> Trace:
        """The whole request."""
        self.tell("request.received", "here")
        kind, error, again, truncated, recovered = "ok", None, False, False, False
        stage = "in"
        try:
            self.way_in()
            self.join()
            if self.cancelled_by() is not None:
                raise Cut
            if self.accepted:
                self.leave_well()
                self.move("responding")
                kind = REASONS.get(self.cancelled_by() or "", "ok")
                truncated = kind == "disconnect"
                if not truncated:
                    self.sent.append("closed 1001" if kind == "shutdown" else "closed 1000")
            else:
                if self.status is None:
                    raise Failed("NoAnswer")
                stage = "after"
                self.after_hooks(shared=False, only_global=False)
                self.validate_response()
                if self.cancelled_by() is not None:
                    raise Cut
                self.deadline = math.inf
                self.leave_well()
                stage = "sending"
                self.move("responding")
                self.compensations.clear()
                self.sealed = self.extras
                self.send()
        except Failed as failed:
            kind, error, again, truncated, recovered = self.failure(failed, stage)
        self.shielded = True
        self.callbacks("cleanup", self.cleanups, EXIT)
        if self.phase != "failed":
            self.move("completed")
        self.tell("request.finished", "here", 1, error, (kind, truncated, recovered))
        raised = "Cancelled" if again else None
        return Trace(
            tuple(self.events), None if again else kind, (truncated, recovered), tuple(self.sent), raised
        )

    def failure(self, failed: Failed, stage: str) -> tuple[str, str | None, bool, bool, bool]:
        """Steps 1 to 6 after a failure; returns kind, error, whether it is raised again, and the flags."""
        kind, error, status, again = "error", failed.error, failed.status, False
        reason = self.cancelled_by()
        if reason == "child":
            error, status = "ChildFailed", 500
        elif reason == "outside" and isinstance(failed, Cut):
            kind, error, again = "cancelled", "RequestCancelled", True
        elif reason is not None and reason != "outside":
            kind = REASONS[reason]
            error = ERRORS[kind]
        self.shielded = True
        self.deadline = math.inf
        self.exit_at = self.now + EXIT
        self.children = []
        self.move("failed")
        truncated = self.started
        if kind == "disconnect":
            self.undo()
            return kind, error, again, truncated or self.accepted, False
        if truncated or self.accepted:
            self.call_back(kind)
            self.catch(observing=True)
            self.undo()
            if self.accepted:
                self.sent.append("closed 1001" if kind == "shutdown" else "closed 1011")
            return kind, error, again, truncated, False
        recovered = self.answer(kind, status, returned=stage != "in", refused=failed.refused)
        self.shielded = False
        interrupted = self.cancelled_by() is not None or kind in ("timeout", "cancelled", "shutdown")
        self.shielded = interrupted
        try:
            self.send()
        except Cut:
            truncated = self.started
            again = again or self.cancelled_by() == "outside"
        return kind, error, again, truncated, recovered

    def answer(self, kind: str, status: int, *, returned: bool, refused: bool) -> bool:
        """Steps 2 to 5 and the one return to 2; returns whether a catch hook made a success of it."""
        self.call_back(kind)
        while True:
            self.status = None
            self.catch()
            caught = self.status is not None
            if self.status is None:
                self.status = DEFAULTS.get(kind, status)
            self.undo()
            try:
                self.after_hooks(shared=True, only_global=refused)
                self.validate_response()
            except Failed as failed:
                if returned:
                    self.undo()
                    self.status = 500
                    return False
                returned, kind, status = True, "error", failed.status if failed.error == "Refused" else 500
                continue
            self.undo()
            assert self.status is not None
            return caught and self.status < 400

    def call_back(self, kind: str) -> None:
        callbacks = self.on_timeout if kind == "timeout" else self.on_error
        self.callbacks("callback", callbacks[::-1], (self.exit_at - self.now) / 2)

    def catch(self, *, observing: bool = False) -> None:
        while self.status is None or observing:
            part = self.next_out("catch")
            if part is None:
                return
            try:
                self.step(part, limit=(self.exit_at - self.now) / 2)
            except Failed:
                pass

    def undo(self) -> None:
        self.leave((self.exit_at - self.now) / 2)
        self.sealed = self.extras
        self.callbacks("compensation", self.compensations, (self.exit_at - self.now) / 2)


def expected(scenario: Scenario) -> Trace:
    """How ``scenario`` goes by the book."""
    return Model(scenario).run()


__all__ = ["Model", "expected"]
