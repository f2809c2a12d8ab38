"""What people get wrong at first is refused where it is written, in words that say how to mend it."""

from __future__ import annotations

import pytest

from gnomon_orchestrator import Hook, InvalidHook, Orchestrator, listen
from gnomon_orchestrator.testing import FakeGuard, FakeValidator


def handler(req, res, lctx, gctx):
    res.json("fine")


def note():
    pass


async def hear(event):
    pass


def hear_late(event):
    yield


class Async:
    kinds = frozenset({"request.finished"})

    async def __call__(self, event):
        pass


class AsyncValidator:
    reads_body = False

    async def validate(self, subject):
        raise AssertionError("nobody awaits it")


class Undecided:
    def validate(self, subject):
        pass


class Half:
    async def before_step(self, step, lctx):
        pass


def plan(**options):
    return lambda: Orchestrator().plan(handler, **options)


def orchestrator(*args, **options):
    return lambda: Orchestrator(*args, **options)


MISTAKES = [
    (lambda: Hook(note, timeout="5"), "'note'.*timeout is a number of seconds above 0, not '5'"),
    (lambda: Hook(note, retries="2"), "retries is a whole number, 0 or more, not '2'"),
    (lambda: Hook(note, retries=1.5), "retries is a whole number"),
    (lambda: Hook(note, backoff=None), "backoff is a number of seconds, 0 or more, not None"),
    (plan(timeout="2"), "timeout is a number of seconds above 0, not '2'"),
    (plan(stream_timeout=1j), "stream_timeout is a number of seconds"),
    (plan(hooks=Hook(note)), r"hooks= takes a sequence, not Hook.*: write \[hook\]"),
    (plan(hooks=[note]), "hooks= takes Hook objects"),
    (plan(guards=FakeGuard(handler)), r"guards= takes a sequence, .*: write \[guard\]"),
    (plan(guards=[note]), r"a guard has a `check\(req, res, lctx, gctx\)`, <function note.* has none"),
    (plan(guards=[FakeGuard(lambda req: None)]), r"by position, and its check takes \(req\)"),
    (plan(request=note), "request= takes a validator, with `validate` and `reads_body`, not <function note"),
    (plan(request=Undecided()), "with `validate` and `reads_body`"),
    (plan(request=AsyncValidator()), "the validate of request=.* is async, and would not be awaited"),
    (plan(response=AsyncValidator()), "the validate of response=.* is async"),
    (plan(response=3), "response= takes a validator"),
    (orchestrator(Hook(note)), "hooks= takes a sequence"),
    (orchestrator(exit_timeout="3"), "exit_timeout is a number of seconds above 0, not '3'"),
    (orchestrator(threads="3"), "threads is 1 or more, not '3'"),
    (orchestrator(listeners=listen()(note)), "listeners= takes a sequence"),
    (orchestrator(listeners=[listen()(hear)]), "<listener hear> is async.*: give hear to a BoundedSink"),
    (orchestrator(listeners=[listen()(hear_late)]), "<listener hear_late> is async"),
    (orchestrator(listeners=[Async()]), "is async, and a listener is not awaited"),
    (orchestrator(boundaries=[Half()]), "a boundary has .* lacks after_step"),
    (lambda: Orchestrator().refusal(KeyError("x"), name="gone"), "make_error is a function .*, not KeyError"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_a_mistake_is_told_where_it_is_made(mistake, message):
    with pytest.raises(InvalidHook, match=message):
        mistake()


def test_what_tells_nothing_of_itself_is_taken_at_its_word():
    guard = FakeGuard(max)
    assert "guard" in str(Orchestrator(guards=[guard]).plan(handler).describe())
    # A response has no body to read.
    Orchestrator().plan(handler, response=Undecided())
    Orchestrator().plan(handler, request=FakeValidator(bool), timeout=2, guards=iter([guard]))
