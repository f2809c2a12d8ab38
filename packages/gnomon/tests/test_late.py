"""A request that does not end when it is told to is named, once, while everything waits for it."""

import logging
import types

import pytest
import trio
from trio.testing import trio_test

from gnomon import App, Config, get
from gnomon._late import serve_watched
from gnomon.testing import Client
from gnomon_ingress import Config as ServerConfig


@get("/orders/{id}", id="orders.read")
async def shielded(req, res, lctx, gctx):
    with trio.CancelScope(shield=True):
        await trio.sleep(float(req.params["id"]))
    res.text("at last")


class Draining:
    """A server whose drain has begun, and which ends with a client."""

    def __init__(self) -> None:
        self.drain_begun = trio.Event()
        self.config = ServerConfig(exit_timeout=2.0)
        self.ended = trio.Event()

    async def serve(self, listeners, *, tls) -> None:
        assert (listeners, tls) == ([], None)
        self.drain_begun.set()
        await self.ended.wait()


def names(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "gnomon"]


@trio_test
async def test_it_is_named_with_its_route_and_its_times(autojump_clock, caplog):
    caplog.set_level(logging.ERROR, logger="gnomon")
    server = Draining()
    app = App(shielded, config=Config(timeout=1.0))
    async with trio.open_nursery() as nursery:
        async with Client(app) as client:
            nursery.start_soon(serve_watched, server, [], None, app._gctx)
            answer = await client.get("/orders/60")
        server.ended.set()
    assert answer.status == 504
    [line] = names(caplog)
    assert line.startswith("GET /orders/{id} (orders.read, request ")
    assert "does not end: it has run for " in line
    assert "s ago (deadline); a shield without a deadline holds it, or a thread" in line


@trio_test
async def test_one_that_ends_in_time_is_not(autojump_clock, caplog):
    caplog.set_level(logging.ERROR, logger="gnomon")
    server = Draining()
    app = App(shielded, config=Config(timeout=1.0))
    async with trio.open_nursery() as nursery:
        async with Client(app) as client:
            nursery.start_soon(serve_watched, server, [], None, app._gctx)
            await client.get("/orders/2")
            await client.get("/nowhere/2")
        server.ended.set()
    assert names(caplog) == []


@trio_test
async def test_what_the_server_raises_comes_out_alone():
    async def fail(listeners, *, tls):
        raise OSError("no more")

    server = types.SimpleNamespace(serve=fail, drain_begun=trio.Event(), config=ServerConfig())
    with pytest.raises(OSError, match="no more"):
        await serve_watched(server, [], None, None)


@trio_test
async def test_a_cancellation_reaches_the_server_and_the_watch_goes_on(autojump_clock, caplog):
    caplog.set_level(logging.ERROR, logger="gnomon")
    server = Draining()
    app = App(shielded, config=Config(timeout=1.0))

    async def drain(listeners, *, tls) -> None:
        try:
            await trio.sleep_forever()
        finally:
            server.drain_begun.set()
            with trio.CancelScope(shield=True):
                await server.ended.wait()

    server.serve = drain
    async with trio.open_nursery() as nursery:
        async with Client(app) as client:
            serving = trio.CancelScope()

            async def serve() -> None:
                with serving:
                    await serve_watched(server, [], None, app._gctx)

            nursery.start_soon(serve)
            await trio.testing.wait_all_tasks_blocked()
            serving.cancel()
            await client.get("/orders/60")
        server.ended.set()
    assert len(names(caplog)) == 1
