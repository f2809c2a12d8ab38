"""What a runtime is told of the acceptance of a WebSocket, and what a plain request is told where there is one."""

from __future__ import annotations

from trio.testing import trio_test

from gnomon_ingress import HttpError
from gnomon_ingress.testing import Client


@trio_test
async def test_it_is_told_once_however_the_websocket_is_accepted(autojump_clock):
    for explicit in (True, False):
        told = []

        async def dispatch(req, res):
            ws = req.websocket
            ws.bind_accept(lambda: told.append(ws.accepted))
            if explicit:
                await ws.accept()
            await ws.accept()
            await ws.send("hello")

        async with Client(dispatch) as client, client.websocket("/") as socket:
            assert await socket.receive() == "hello"
        assert told == [True]


@trio_test
async def test_a_plain_request_is_told_to_what_it_may_upgrade(autojump_clock):
    async def dispatch(req, res):
        raise HttpError(426, "websocket_only")

    async with Client(dispatch) as client:
        answer = await client.get("/")
        assert answer.headers["upgrade"] == "websocket"
        assert answer.headers["connection"] == "upgrade"
        last = await client.get("/", headers={"connection": "close"})
        assert last.headers["connection"] == "upgrade, close"
