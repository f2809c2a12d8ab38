"""Context managers that a request has entered: a transaction is committed before its answer goes out."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import trio_test

from gnomon_orchestrator import Hook


class Transaction:
    """Writes down how it was left, and what had been sent by then."""

    def __init__(self, bench, *, fails=None, takes=0.0, name="transaction"):
        self.bench = bench
        self.fails = fails
        self.takes = takes
        self.name = name
        self.told = "never left"
        self.sent = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        self.told = error
        self.sent = list(self.bench.res.sent)
        self.bench.ran.append(self.name)
        if self.takes:
            await trio.sleep(self.takes)
        if self.fails is not None and error is None:
            raise self.fails


def entering(bench, *managers, then=None):
    async def handler(req, res, lctx, gctx):
        for manager in managers:
            await lctx.enter(manager)
        lctx.compensate(bench.ran.append, "compensation")
        lctx.on_cleanup(bench.ran.append, "cleanup")
        if then is None:
            res.status(201).json("made")
        else:
            await then(res, lctx)

    return handler


@trio_test
async def test_it_is_left_before_the_first_byte_and_in_reverse_order(autojump_clock, bench):
    outer, inner = Transaction(bench, name="outer"), Transaction(bench, name="inner")
    hooks = [Hook(bench.note("after"), "after"), Hook(bench.note("first"), "after", at="first_byte")]
    outcome = await bench(entering(bench, outer, inner), hooks)
    assert outcome.kind == "ok"
    assert bench.ran == ["after", "inner", "outer", "first", "cleanup"]
    assert (outer.told, outer.sent) == (None, [])
    assert bench.res.sent == [201, "made"]


@trio_test
async def test_a_commit_that_fails_is_answered_as_a_failure(autojump_clock, bench):
    error = RuntimeError("conflict")
    outer, inner = Transaction(bench, name="outer"), Transaction(bench, name="inner", fails=error)
    hooks = [Hook(bench.note("after"), "after"), Hook(bench.note("catch"), "catch")]
    outcome = await bench(entering(bench, outer, inner), hooks)
    assert (outcome.kind, outcome.error) == ("error", error)
    # After hooks were entered already; what is left after the failure is told of it.
    assert bench.ran == ["after", "inner", "outer", "catch", "compensation", "cleanup"]
    assert outer.told is error
    assert bench.res.sent[0] == 500
    assert [event.error for event in bench.log.events if event.kind == "cleanup.error"] == [error]


@trio_test
async def test_a_second_failure_after_a_failed_commit_is_the_last(autojump_clock, bench):
    def refuse():
        raise KeyError

    async def catch(res, lctx):
        lctx.after(refuse)
        res.json("fine")

    outcome = await bench(entering(bench, Transaction(bench, fails=KeyError())), [Hook(catch, "catch")])
    assert outcome.kind == "error"
    assert bench.res.sent == [500, {"status": 500, "code": "internal_error", "detail": None, "errors": []}]


@trio_test
async def test_a_request_that_fails_leaves_it_with_the_error_before_compensations(autojump_clock, bench):
    error = KeyError()

    async def fail(res, lctx):
        raise error

    transaction = Transaction(bench)
    outcome = await bench(entering(bench, transaction, then=fail), [Hook(bench.note("catch"), "catch")])
    assert outcome.error is error
    assert transaction.told is error
    assert bench.ran == ["catch", "transaction", "compensation", "cleanup"]


@trio_test
async def test_what_an_after_hook_enters_while_a_request_fails_is_left_with_the_error(autojump_clock, bench):
    def fail(req, res, lctx, gctx):
        raise KeyError

    async def enter(lctx):
        await lctx.enter(transaction)

    transaction = Transaction(bench)
    await bench(fail, [Hook(enter, "after")])
    assert isinstance(transaction.told, KeyError)
    assert transaction.sent == []


@trio_test
async def test_a_stream_is_left_at_its_last_item(autojump_clock, bench):
    transaction = Transaction(bench)

    async def items():
        yield 1
        yield 2

    async def stream(res, lctx):
        res.stream(items())

    outcome = await bench(entering(bench, transaction, then=stream))
    assert outcome.kind == "ok"
    assert transaction.sent == [200, 1, 2]
    assert bench.res.sent == [200, 1, 2, bench.res.END]
    assert bench.ran == ["transaction", "cleanup"]


@pytest.mark.parametrize("listeners", [True, False])
@trio_test
async def test_what_a_stream_enters_and_registers_by_itself_is_left_and_run(autojump_clock, bench, listeners):
    transaction = Transaction(bench)

    def stream(req, res, lctx, gctx):
        async def items():
            await lctx.enter(transaction)
            lctx.on_cleanup(bench.ran.append, "cleanup")
            yield 1

        res.stream(items())

    outcome = await bench(stream, **({} if listeners else {"listeners": []}))
    assert outcome.kind == "ok"
    assert transaction.sent == [200, 1]
    assert bench.ran == ["transaction", "cleanup"]


@trio_test
async def test_a_commit_that_fails_at_the_end_of_a_stream_cuts_it(autojump_clock, bench):
    # A database has connections, too: one that breaks is no client that went away.
    error = trio.BrokenResourceError("the database is away")

    async def items():
        yield 1

    async def stream(res, lctx):
        res.stream(items())

    hooks = [Hook(bench.note("catch"), "catch")]
    outcome = await bench(entering(bench, Transaction(bench, fails=error), then=stream), hooks)
    assert (outcome.kind, outcome.error, outcome.truncated) == ("error", error, True)
    assert bench.res.sent == [200, 1]
    assert bench.ran == ["transaction", "catch", "compensation", "cleanup"]


@trio_test
async def test_a_connection_that_a_stream_reads_from_is_not_the_clients(autojump_clock, bench):
    error = trio.BrokenResourceError("upstream is away")

    def stream(req, res, lctx, gctx):
        async def items():
            yield 1
            raise error

        res.stream(items())

    outcome = await bench(stream)
    assert (outcome.kind, outcome.error) == ("error", error)


@trio_test
async def test_a_stream_that_answers_a_failure_has_its_own_left_among_the_cleanups(autojump_clock, bench):
    transaction = Transaction(bench)

    def fail(req, res, lctx, gctx):
        raise KeyError

    def catch(res, lctx):
        async def items():
            await lctx.enter(transaction)
            yield 1

        res.stream(items())

    outcome = await bench(fail, [Hook(catch, "catch")])
    assert (outcome.kind, outcome.recovered) == ("error", True)
    assert bench.res.sent == [200, 1, bench.res.END]
    assert isinstance(transaction.told, KeyError)


@trio_test
async def test_an_answer_without_items_is_left_all_the_same(autojump_clock, bench):
    transaction = Transaction(bench)

    async def items():
        yield 1  # pragma: no cover - the answer to HEAD has no body

    async def stream(res, lctx):
        res.stream(items())

    async def send_head(before=None):
        bench.res.sent.append(200)

    bench.res.send = send_head
    outcome = await bench(entering(bench, transaction, then=stream))
    assert outcome.kind == "ok"
    assert transaction.told is None


@trio_test
async def test_a_commit_is_bounded_and_the_deadline_of_the_request_does_not_break_it(autojump_clock, bench):
    transaction = Transaction(bench, takes=2.0)
    outcome = await bench(entering(bench, transaction), timeout=1.0)
    assert outcome.kind == "ok"
    bench.__init__()
    outcome = await bench(entering(bench, Transaction(bench, takes=99.0)), exit_timeout=3.0)
    assert outcome.kind == "error"
    assert isinstance(outcome.error, TimeoutError)
    assert bench.res.sent[0] == 500
    assert bench.ran == ["transaction", "compensation", "cleanup"]


@trio_test
async def test_a_client_that_leaves_during_the_commit_undoes_nothing(autojump_clock, bench):
    transaction = Transaction(bench, takes=1.0)

    async def leave(bench):
        await trio.sleep(0.5)
        bench.lctx.cancel("disconnect")

    outcome = await bench(entering(bench, transaction), during=leave)
    assert outcome.kind == "disconnect"
    # The transaction is committed: undoing the rest would leave half of the work.
    assert bench.ran == ["transaction", "cleanup"]


@trio_test
async def test_a_client_that_has_left_before_has_it_left_with_the_error(autojump_clock, bench):
    transaction = Transaction(bench)

    async def wait(res, lctx):
        await trio.sleep(9)

    async def leave(bench):
        await trio.sleep(0.5)
        bench.lctx.cancel("disconnect")

    outcome = await bench(entering(bench, transaction, then=wait), during=leave)
    assert outcome.kind == "disconnect"
    assert transaction.told.code == "request_cancelled"
    assert bench.ran == ["transaction", "compensation", "cleanup"]


@trio_test
async def test_managers_made_of_generators_see_the_error_where_they_stand(autojump_clock, bench):
    @asynccontextmanager
    async def transaction():
        try:
            yield
        except KeyError:
            bench.ran.append("rolled back")
            raise
        bench.ran.append("committed")  # pragma: no cover - it is not

    async def fail(res, lctx):
        raise KeyError

    await bench(entering(bench, transaction(), then=fail))
    assert bench.ran == ["rolled back", "compensation", "cleanup"]
