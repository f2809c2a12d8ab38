"""WebSockets beside each other, in nurseries, and under a drain."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, trio_test
from websocket_support import handled

from gnomon_ingress import Config, ConnectionEvent, Limits, Request, Response, WebSocket, WebSocketClosed
from gnomon_ingress.testing import Client


@trio_test
async def test_a_ping_during_a_send_is_answered_behind_it(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        await ws.send(b"x" * 3000)
        await trio.sleep_forever()

    config = Config(limits=Limits(ping_interval=1000, send_timeout=1000))
    async with Client(handled(handler), config=config) as client:
        async with client.websocket("/", capacity=1000) as socket:
            await trio.testing.wait_all_tasks_blocked()
            await socket.ping(b"well?")
            await trio.testing.wait_all_tasks_blocked()
            with trio.move_on_after(5):
                assert await socket.receive() == b"x" * 3000
                await socket.receive()
            assert socket.pongs == [b"well?"]
            socket.close_code = 1006


@trio_test
async def test_a_ping_before_more_messages_than_are_taken_is_answered(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        await ws.accept()
        await trio.sleep_forever()

    async with Client(handled(handler)) as client, client.websocket("/") as socket:
        await socket.stream.send_all(b"\x89\x81\0\0\0\0p" + b"\x82\x81\0\0\0\0x" * 40)
        with trio.move_on_after(5):
            await socket.receive()
        assert socket.pongs == [b"p"]
        socket.close_code = 1006


@trio_test
async def test_a_goodbye_out_of_a_nursery_is_no_crash(autojump_clock: MockClock) -> None:
    events: list[ConnectionEvent] = []

    async def handler(_req: Request, ws: WebSocket) -> None:
        async def take() -> None:
            while True:
                await ws.receive()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            nursery.start_soon(trio.sleep_forever)

    async with Client(handled(handler), config=Config(on_event=events.append)) as client:
        async with client.websocket("/") as socket:
            await socket.close(4000)
            assert socket.close_code == 4000
    assert events == []


@trio_test
async def test_the_loss_of_another_client_is_a_failure(autojump_clock: MockClock) -> None:
    events: list[ConnectionEvent] = []
    others: list[WebSocket] = []

    async def dispatch(req: Request, res: Response) -> None:
        ws = req.websocket
        if req.path == "/other":
            assert ws is not None
            others.append(ws)
            await ws.accept()
            await trio.sleep_forever()
        elif ws is not None:
            await ws.accept()
            await others[0].send("lost")
        else:
            await others[0].send("lost")

    async with Client(dispatch, config=Config(on_event=events.append)) as client:
        async with client.websocket("/other") as other:
            await other.stream.aclose()
            await trio.sleep(1)
            answer = await client.post("/")
            assert answer.status == 500
            async with client.websocket("/") as socket:
                with pytest.raises(WebSocketClosed) as closed:
                    await socket.receive()
                assert closed.value.close_code == 1011
            other.close_code = 1006
    assert [event.kind for event in events] == ["crashed", "crashed"]


@trio_test
async def test_a_drain_leaves_time_for_a_last_message(autojump_clock: MockClock) -> None:
    seen: list[Any] = []

    async def handler(req: Request, ws: WebSocket) -> None:
        if req.path == "/loops":
            async for _ in ws:
                pass
            seen.append((ws.draining, ws.closed))
            await trio.sleep(1)
            await ws.send("come back later")
        else:
            with pytest.raises(WebSocketClosed):
                await ws.receive()
            seen.append((ws.draining, ws.closed, ws.close_code))

    async with Client(handled(handler), config=Config(drain_grace=10)) as client:
        async with client.websocket("/loops") as loops, client.websocket("/receives") as receives:
            client.server.drain()
            await loops.send("too late")
            for socket, messages in ((loops, ["come back later"]), (receives, [])):
                assert [message async for message in socket] == messages
                assert (socket.close_code, socket.close_reason) == (1001, "the server is shutting down")
    assert seen == [(True, False), (True, True, 1001)]


@trio_test
async def test_a_drain_during_the_opening(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        assert ws.draining
        await ws.send("just in time")
        async for _ in ws:
            raise AssertionError

    async def dispatch(req: Request, res: Response) -> None:
        await trio.sleep(1)
        await handled(handler)(req, res)

    async with Client(dispatch, config=Config(drain_grace=10)) as client:
        async with trio.open_nursery() as nursery:

            async def drain() -> None:
                await trio.sleep(0.5)
                client.server.drain()

            nursery.start_soon(drain)
            async with client.websocket("/") as socket:
                assert [message async for message in socket] == ["just in time"]
                assert socket.close_code == 1001


@trio_test
async def test_a_request_that_is_over_aborts_no_other(autojump_clock: MockClock) -> None:
    kept: list[Request] = []

    async def dispatch(req: Request, res: Response) -> None:
        kept.append(req)
        if req.path == "/second":
            kept[0].abort("disconnect")
            await trio.sleep(1)
        res.text("done")

    async with Client(dispatch) as client:
        stream = client.connect()
        for path in (b"/first", b"/second"):
            await stream.send_all(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await stream.receive_some()).endswith(b"done")
