"""A failure that nobody answers for is in the log, with its traceback, and nowhere near the client."""

from __future__ import annotations

import logging

from trio.testing import trio_test

from gnomon_orchestrator import Hook
from gnomon_orchestrator.testing import Refused


def failing(error):
    async def handler(req, res, lctx, gctx):
        raise error

    return handler


@trio_test
async def test_an_unexpected_failure_is_logged_with_its_traceback(bench, caplog):
    error = LookupError("a secret")
    await bench(failing(error))
    (record,) = caplog.records
    assert (record.levelno, record.name) == (logging.ERROR, "gnomon_orchestrator")
    assert record.exc_info[1] is error
    assert "no catch hook answered" in record.getMessage()


@trio_test
async def test_a_refusal_is_not_logged(bench, caplog):
    await bench(failing(Refused(404)))
    assert caplog.records == []


@trio_test
async def test_what_a_catch_hook_answers_is_not_logged(bench, caplog):
    def answer(res, error):
        res.status(503).json("later")

    await bench(failing(LookupError()), [Hook(answer, "catch")])
    assert caplog.records == []
