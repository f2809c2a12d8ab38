"""Clients that leave, and scopes that requests touch."""

from __future__ import annotations

import re
from typing import Any

import pytest
import trio
from ingress_support import everything, head
from trio.testing import MockClock, trio_test, wait_all_tasks_blocked

from gnomon_ingress import (
    ClientGone,
    Config,
    Request,
    Response,
)
from gnomon_ingress.testing import Client


@pytest.mark.parametrize("bound", [False, True])
def test_disconnect_reaches_the_request_within_a_quarter_second(bound: bool) -> None:
    @trio_test
    async def test(autojump_clock: MockClock) -> None:
        ended: list[tuple[str | None, float]] = []

        async def dispatch(req: Request, res: Response) -> None:
            scope = trio.CancelScope() if bound else req.scope
            assert scope is not None
            if bound:
                req.bind_abort(lambda reason: scope.cancel())
            try:
                with scope if bound else trio.CancelScope():
                    await trio.sleep(100)
            finally:
                ended.append((req.abort_reason, trio.current_time()))

        async with Client(dispatch) as client:
            stream = client.connect()
            await stream.send_all(head())
            await trio.sleep(1)
            left = trio.current_time()
            await stream.send_eof()
            await trio.sleep(1)
            assert await everything(stream) == b""
            await trio.sleep(1)
            assert client.server.statistics().connections == 0
        [(reason, when)] = ended
        assert reason == "disconnect"
        assert when - left <= 0.25

    test(autojump_clock=MockClock(autojump_threshold=0))


@trio_test
async def test_half_close_is_no_disconnect_where_it_is_allowed(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        await trio.sleep(10)
        res.text("late")

    async with Client(dispatch, config=Config(half_close=True)) as client:
        stream = client.connect()
        await stream.send_all(head())
        await stream.send_eof()
        assert (await everything(stream)).endswith(b"late")


def test_abort_before_it_is_bound() -> None:
    from gnomon_ingress import make_request

    request = make_request(scope=trio.CancelScope())
    request.abort("disconnect")
    request.abort("shutdown")
    assert request.scope is not None
    assert request.scope.cancel_called
    reasons: list[str] = []
    request.bind_abort(reasons.append)
    assert reasons == ["disconnect"]
    make_request().abort("shutdown")


@trio_test
async def test_the_client_leaves_in_the_middle_of_the_body(autojump_clock: MockClock) -> None:
    errors: list[BaseException] = []

    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/bound":
            req.bind_abort(lambda reason: None)
        try:
            await req.read()
        except BaseException as error:
            errors.append(error)
            raise

    async with Client(dispatch) as client:
        for target in (b"/", b"/bound"):
            stream = client.connect()
            await stream.send_all(head(target, b"Content-Length: 10", method=b"POST") + b"abc")
            await wait_all_tasks_blocked()
            await stream.send_eof()
            assert await everything(stream) == b""
    assert isinstance(errors[0], trio.Cancelled)
    assert isinstance(errors[1], ClientGone)


@trio_test
async def test_a_request_that_touches_its_scope_is_answered_and_leaves_a_fresh_one(
    autojump_clock: MockClock,
) -> None:
    scopes: list[trio.CancelScope | None] = []

    async def dispatch(req: Request, res: Response) -> None:
        scopes.append(req.scope)
        scope = req.scope
        assert scope is not None
        match req.path:
            case "/deadline":
                scope.deadline = trio.current_time() + 50
                res.text("ok")
            case "/swallowed":
                scope.cancel()
                try:
                    await trio.sleep(1)
                except trio.Cancelled:
                    res.text("answered")
            case "/cancelled":
                scope.cancel()
                await trio.sleep(1)
            case "/finished":
                res.text("finished before")
                scope.cancel()
                await trio.sleep(1)
            case "/afterwards":
                scope.cancel()
                res.bytes(b"x" * 100_000)
            case _:
                await trio.sleep(100)
                res.text("alive")

    async with Client(dispatch) as client:
        stream = client.connect()
        targets = [
            b"/deadline",
            b"/a",
            b"/swallowed",
            b"/a",
            b"/cancelled",
            b"/a",
            b"/finished",
            b"/afterwards",
            b"/a",
        ]
        await stream.send_all(
            b"".join(head(target) for target in targets[:-1]) + head(b"/a", b"Connection: close")
        )
        data = await everything(stream)
    assert re.findall(rb"HTTP/1.1 ([0-9]+)", data) == [b"200"] * 4 + [b"500"] + [b"200"] * 4
    assert data.count(b"alive") == 4
    assert len(set(map(id, scopes))) >= 5


@trio_test
async def test_a_scope_cancelled_between_requests_does_no_harm(autojump_clock: MockClock) -> None:
    scopes: list[Any] = []

    async def dispatch(req: Request, res: Response) -> None:
        scopes.append(req.scope)
        res.text("ok")

    async with Client(dispatch) as client:
        stream = client.connect()
        await stream.send_all(head() + b"GET / HT")
        await wait_all_tasks_blocked()
        scopes[0].cancel()
        await wait_all_tasks_blocked()
        await stream.send_all(b"TP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await everything(stream)).count(b"200 OK") == 2
