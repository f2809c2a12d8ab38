"""Opening requests: what is refused, what is accepted, what goes with it, what is answered instead."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock, trio_test
from websocket_support import KEY, echo, handled, opening, until_closed

from gnomon_ingress import (
    Config,
    ConnectionEvent,
    InvalidHeader,
    Request,
    Response,
    ResponseState,
    WebSocket,
)
from gnomon_ingress.testing import Client, SocketRefused


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"method": "POST"}, 400, "invalid_opening"),
        ({"method": "HEAD"}, 400, "invalid_opening"),
        ({"content-length": "3"}, 400, "invalid_opening"),
        ({"transfer-encoding": "chunked"}, 400, "invalid_opening"),
        ({"connection": None}, 400, "invalid_opening"),
        ({"connection": "keep-alive"}, 400, "invalid_opening"),
        ({"sec-websocket-version": None}, 426, "unknown_websocket_version"),
        ({"sec-websocket-version": "8"}, 426, "unknown_websocket_version"),
        ({"sec-websocket-version": "13, 8"}, 426, "unknown_websocket_version"),
        ({"sec-websocket-key": None}, 400, "invalid_opening"),
        ({"sec-websocket-key": KEY[:-2]}, 400, "invalid_opening"),
        ({"sec-websocket-key": KEY + ", " + KEY}, 400, "invalid_opening"),
        # Not canonical base64: two keys would be one.
        ({"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZR=="}, 400, "invalid_opening"),
        ({"sec-websocket-protocol": "a, a"}, 400, "invalid_opening"),
        ({"sec-websocket-protocol": "a b"}, 400, "invalid_opening"),
        ({"origin": "https://evil.example"}, 403, "origin_not_allowed"),
        ({"origin": "null"}, 403, "origin_not_allowed"),
        # These ask for no WebSocket, and the handler answers.
        ({"version": "1.0"}, 426, "websocket_only"),
        ({"upgrade": "h2c"}, 426, "websocket_only"),
        ({"upgrade": None}, 426, "websocket_only"),
        ({"upgrade": "websockets"}, 426, "websocket_only"),
        ({}, 101, ""),
        ({"upgrade": "h2c, websocket"}, 101, ""),
        ({"origin": "https://testserver"}, 101, ""),
        ({"origin": "http://TESTSERVER"}, 101, ""),
    ],
)
@trio_test
async def test_opening_requests(
    changes: dict[str, str | None], status: int, code: str, autojump_clock: MockClock
) -> None:
    events: list[ConnectionEvent] = []
    async with Client(handled(echo), config=Config(on_event=events.append)) as client:
        stream = client.connect()
        await stream.send_all(opening(**changes))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await stream.receive_some()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert int(head.split()[1]) == status
        if status == 101:
            assert b"\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
            assert b"sec-websocket-extensions" not in head
        else:
            assert json.loads(body or await stream.receive_some())["code"] == code
        if code not in ("", "websocket_only"):
            assert b"connection: close" in head
            assert [(event.kind, event.status, event.code) for event in events] == [("refused", status, code)]
        if status == 426:
            assert b"sec-websocket-version: 13" in head


@trio_test
async def test_every_split_of_an_opening_request_is_the_same(autojump_clock: MockClock) -> None:
    data = opening() + b"\x81\x82\0\0\0\0hi"
    async with Client(handled(echo)) as client:
        answers = set()
        for cut in range(1, len(data)):
            stream = client.connect()
            await stream.send_all(data[:cut])
            await trio.testing.wait_all_tasks_blocked()
            await stream.send_all(data[cut:])
            await trio.testing.wait_all_tasks_blocked()
            await stream.send_all(b"\x88\x80\0\0\0\0")
            answers.add((await until_closed(stream)).partition(b"\r\n\r\n")[2])
        assert answers == {b"\x81\x02hi\x88\x00"}


@trio_test
async def test_other_origins_by_configuration(autojump_clock: MockClock) -> None:
    async def outcome(origins: Any, origin: str) -> int:
        async with Client(handled(echo), config=Config(websocket_origins=origins)) as client:
            try:
                async with client.websocket("/", headers={"origin": origin}):
                    return 101
            except SocketRefused as refused:
                assert refused.headers["content-type"] == "application/problem+json"
                return refused.status

    app = "https://app.example"
    assert await outcome([app], app) == 101
    assert await outcome([app], app + ":8443") == 403
    assert await outcome("*", "null") == 101
    assert await outcome(lambda origin: origin.endswith(".example"), app) == 101
    assert await outcome(lambda origin: origin.endswith(".test"), app) == 403
    # The server's own pages always may.
    assert await outcome([], "https://testserver") == 101


@trio_test
async def test_what_goes_with_the_acceptance(autojump_clock: MockClock) -> None:
    async def handler(_req: Request, ws: WebSocket) -> None:
        assert ws.subprotocols == ("v2", "v1")
        assert ws.subprotocol is None
        ws.answer.cookie("seen", "1")
        with pytest.raises(ValueError, match="not 'v3'"):
            await ws.accept("v3")
        with pytest.raises(InvalidHeader):
            await ws.accept("v1", [("x-bad", "a\r\nb")])
        with pytest.raises(InvalidHeader):
            await ws.accept("v1", [("sec-websocket-accept", "mine")])
        assert not ws.accepted
        await ws.accept("v1", [("x-node", "a1")])
        assert (ws.subprotocol, ws.accepted, ws.answer.status_code) == ("v1", True, 101)
        await ws.accept("v2")
        with pytest.raises(ResponseState):
            ws.answer.text("too late")

    async with Client(handled(handler)) as client:
        async with client.websocket("/", subprotocols=["v2", "v1"]) as socket:
            assert socket.subprotocol == "v1"
            assert socket.headers["x-node"] == "a1"
            assert socket.headers["set-cookie"].startswith("seen=1;")
            assert "date" in socket.headers


@trio_test
async def test_an_opening_request_that_is_declined(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        ws = req.websocket
        assert ws is not None
        if req.path == "/closed":
            await ws.close(1008, "not you")
            await ws.close(1008, "not you")
        elif req.path == "/answered":
            res.status(401).text("who are you?")
            await res.send()
            await ws.close()
            with pytest.raises(ResponseState):
                await ws.accept()
        elif req.path == "/broken":
            raise KeyError("secret")

    async with Client(dispatch) as client:
        for path, status, body in (
            ("/closed", 403, b'"detail":"not you"'),
            ("/answered", 401, b"who are you?"),
            ("/broken", 500, b"internal_error"),
            ("/forgotten", 500, b"no_response"),
        ):
            with pytest.raises(SocketRefused) as refused:
                # What comes behind is never taken for a request.
                async with client.websocket(path, behind=b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"):
                    raise AssertionError
            assert refused.value.status == status
            assert body in refused.value.body
            assert refused.value.headers["connection"] == "close"
    assert "KeyError" in caplog.text
