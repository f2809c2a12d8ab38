"""What a runtime is told of the acceptance of a WebSocket."""

from __future__ import annotations

from trio.testing import trio_test

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
