"""WebSockets of mounted applications, first of one that we did not write."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as TheirRequest
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket as TheirSocket
from starlette.websockets import WebSocketDisconnect
from trio.testing import MockClock, trio_test, wait_all_tasks_blocked

from gnomon_ingress import AsgiApp, Config, ConnectionEvent, WebSocketClosed, mount
from gnomon_ingress.testing import Client, SocketRefused

seen: list[Any] = []


async def about(request: TheirRequest) -> JSONResponse:
    body = await request.body()
    return JSONResponse({"path": request.url.path, "root": request.scope["root_path"], "body": body.decode()})


async def count(request: TheirRequest) -> StreamingResponse:
    async def numbers() -> Any:
        for number in range(3):
            yield f"{number}\n"
            await trio.sleep(1)

    return StreamingResponse(numbers(), media_type="text/plain")


async def echo(socket: TheirSocket) -> None:
    seen.append([socket.url.scheme, socket.url.path, dict(socket.query_params), socket.scope["subprotocols"]])
    await socket.accept(subprotocol="b", headers=[(b"X-Room", b"one")])
    try:
        while True:
            text = await socket.receive_text()
            if text == "bytes":
                await socket.send_bytes(await socket.receive_bytes())
            elif text == "close":
                await socket.close(4000, "as asked")
                return
            elif text == "fail":
                raise RuntimeError("on purpose")
            else:
                await socket.send_json({"echo": text})
    except WebSocketDisconnect:
        pass
    finally:
        seen.append("over")


async def push(socket: TheirSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text("tick")
        await trio.sleep(1)


async def listen(socket: TheirSocket) -> None:
    await socket.accept()
    with pytest.raises(WebSocketDisconnect) as left:
        await socket.receive_text()
    seen.append((left.value.code, left.value.reason))


async def refuse(socket: TheirSocket) -> None:
    raise HTTPException(418, "no tea", headers={"x-tea": "none"})


async def close_early(socket: TheirSocket) -> None:
    await socket.close(1008)


app: Any = Starlette(routes=[
    Route("/about", about, methods=["POST"]), Route("/count", count), WebSocketRoute("/echo", echo),
    WebSocketRoute("/push", push), WebSocketRoute("/listen", listen), WebSocketRoute("/refuse", refuse),
    WebSocketRoute("/close-early", close_early),
])  # fmt: skip


@pytest.fixture(autouse=True)
def forget() -> None:
    seen.clear()


@trio_test
async def test_requests(autojump_clock: MockClock) -> None:
    async with Client(mount("/old", app)) as client:
        answer = await client.post("/old/about", body=b"body")
        assert answer.json() == {"path": "/old/about", "root": "/old", "body": "body"}
        assert (await client.get("/old/count")).text == "0\n1\n2\n"
        assert (await client.get("/old/nothing")).status == 404
        assert (await client.get("/elsewhere")).json()["code"] == "not_found"


@trio_test
async def test_messages_in_both_directions(autojump_clock: MockClock) -> None:
    async with Client(mount("/old", app)) as client:
        async with client.websocket("/old/echo?a=1", subprotocols=("a", "b")) as socket:
            assert socket.subprotocol == "b"
            assert socket.headers["x-room"] == "one"
            await socket.send("héllo")
            assert await socket.receive_json() == {"echo": "héllo"}
            await socket.send("bytes")
            await socket.send(b"\0" * 100_000)
            assert await socket.receive() == b"\0" * 100_000
            await socket.send("close")
            with pytest.raises(WebSocketClosed, match="as asked"):
                await socket.receive()
            assert socket.close_code == 4000
        assert seen == [["ws", "/old/echo", {"a": "1"}, ["a", "b"]], "over"]


@trio_test
async def test_how_they_end(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    events: list[ConnectionEvent] = []
    async with Client(mount("/", app), config=Config(on_event=events.append)) as client:
        async with client.websocket("/echo", subprotocols=("b",)) as socket:
            await socket.close(1000)
        await wait_all_tasks_blocked()
        assert seen.pop() == "over"
        async with client.websocket("/listen") as socket:
            await socket.close(4321, "enough")
        await wait_all_tasks_blocked()
        assert seen.pop() == (4321, "enough")
        async with client.websocket("/push") as socket:
            assert await socket.receive() == "tick"
            await socket.close()
        async with client.websocket("/push") as socket:
            socket.stream.close()
        await trio.sleep(2)
        assert events == []
        async with client.websocket("/echo", subprotocols=("b",)) as socket:
            await socket.send("fail")
            with pytest.raises(WebSocketClosed, match="1011"):
                await socket.receive()
        assert [event.kind for event in events] == ["crashed"]
        assert "on purpose" in caplog.text


@trio_test
async def test_what_declines(autojump_clock: MockClock) -> None:
    async with Client(mount("/", app)) as client:
        for path, status in (("/refuse", 418), ("/close-early", 403), ("/nothing", 403)):
            with pytest.raises(SocketRefused) as refused:
                async with client.websocket(path):
                    pass
            assert refused.value.status == status
            if status == 418:
                assert (refused.value.body, refused.value.headers["x-tea"]) == (b"no tea", "none")


@trio_test
async def test_a_drain_reaches_them(autojump_clock: MockClock) -> None:
    async with Client(mount("/", app)) as client:
        async with client.websocket("/listen") as first, client.websocket("/push") as second:
            client.server.drain()
            assert [message async for message in first] == []
            assert {message async for message in second} == {"tick"}
            assert (first.close_code, second.close_code) == (1001, 1001)
    assert seen == [(1001, "the server is shutting down")]


def speaks(*messages: MutableMapping[str, Any]) -> AsgiApp:
    async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        for message in messages:
            await send(message)
            seen.append(message["type"])

    return application


@trio_test
async def test_applications_that_break_the_rules(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    start = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"X", b"y")]}
    pieces = [{"type": "websocket.http.response.body", "body": b"a", "more_body": True}]
    for messages, status, words in [
        ((), 500, "neither accepted nor declined"),
        (({"type": "http.response.start"},), 500, "over a WebSocket"),
        (({"type": "websocket.accept", "headers": [(b"x", b"a\nb")]},), 500, "control character"),
        (({"type": "websocket.accept", "subprotocol": "other"},), 500, "the client offers"),
        ((start, *pieces), 500, "neither accepted nor declined"),
        ((start, *pieces, {"type": "websocket.http.response.body"}), 401, ""),
    ]:
        caplog.clear()
        async with Client(mount("/", speaks(*messages))) as client:
            with pytest.raises(SocketRefused) as refused:
                async with client.websocket("/"):
                    pass
        assert refused.value.status == status
        assert words in caplog.text


@trio_test
async def test_a_client_that_leaves_before_it_is_accepted(autojump_clock: MockClock) -> None:
    async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await receive()
        try:
            await receive()
        except trio.Cancelled:
            seen.append("cancelled")
            raise

    async with Client(mount("/", application)) as client:
        stream = client.connect()
        await stream.send_all(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await trio.sleep(1)
        stream.close()
        await trio.sleep(1)
    assert seen == ["cancelled"]


@trio_test
async def test_sending_to_a_client_that_is_gone_is_an_os_error(autojump_clock: MockClock) -> None:
    async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        with pytest.raises(OSError, match="closed"):
            await send({"type": "websocket.send", "text": "late", "bytes": None})
        await send({"type": "websocket.close"})
        seen.append("done")

    async with Client(mount("/", application)) as client:
        async with client.websocket("/"):
            pass
        await wait_all_tasks_blocked()
    assert seen == ["done"]


@trio_test
async def test_a_failure_behind_the_end_is_still_one(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        raise ValueError("while cleaning up")

    events: list[ConnectionEvent] = []
    async with Client(mount("/", application), config=Config(on_event=events.append)) as client:
        async with client.websocket("/"):
            pass
        await wait_all_tasks_blocked()
    assert [str(event.error) for event in events] == ["while cleaning up"]
    assert "while cleaning up" in caplog.text
