"""The table of the lifecycle, one case per row."""

from __future__ import annotations

import trio
from gnomon_orchestrator import Hook
from trio.testing import trio_test


class Refused(Exception):
    def __init__(self, status, code="refused", detail=None, headers=None, errors=()):
        self.status, self.code, self.detail, self.headers, self.errors = status, code, detail, headers, errors


@trio_test
async def test_all_is_well(bench, autojump_clock):
    async def handler(req, res, lctx, gctx):
        res.status(201).json({"a": 1})

    outcome = await bench(handler)
    assert outcome.kind == "ok"
    assert bench.res.sent == [201, {"a": 1}]


@trio_test
async def test_deadline(bench, autojump_clock):
    async def handler(req, res, lctx, gctx):
        await trio.sleep(10)

    outcome = await bench(handler, timeout=1.0)
    assert outcome.kind == "timeout"
    assert bench.res.sent[0] == 504
    assert trio.current_time() <= 1.1


@trio_test
async def test_no_such_route(bench, autojump_clock):
    ran = []
    hooks = [
        Hook(lambda: ran.append("before"), "before", name="b"),
        Hook(lambda: ran.append("received"), "before", at="received", name="r"),
        Hook(lambda error: ran.append(error), "catch", name="c"),
        Hook(lambda res: res.header("x", "y") and None, "after", name="a"),
    ]
    error = Refused(404)
    outcome = await bench(None, hooks, refusal=lambda: error)
    assert outcome.kind == "error"
    assert outcome.error is error
    assert ran == ["received", error]
    assert bench.res.sent[0] == 404
    assert bench.res.headers == {"x": "y"}
