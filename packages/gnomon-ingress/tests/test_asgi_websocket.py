"""WebSockets under an ASGI server: one of our own making, message by message, and a real one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx
import hypercorn.config
import hypercorn.trio
import pytest
import trio
from trio.testing import MockClock, trio_test
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from gnomon_ingress import (
    ClientGone,
    HttpError,
    Limits,
    MessageInvalid,
    Request,
    Response,
    WebSocketClosed,
    asgi,
)


async def dispatch(req: Request, res: Response) -> None:
    ws = req.websocket
    if ws is None:
        raise HttpError(426, "websocket_only")
    match req.path:
        case "/refused":
            raise HttpError(409, "taken")
        case "/answered":
            res.status(401).text("who?")
            await res.send()
        case "/forgotten":
            return
        case "/aborted":
            req.bind_abort(lambda _reason: None)
            req.abort("disconnect")
        case "/declined":
            await ws.close()
        case "/fails":
            await ws.accept()
            raise KeyError("secret")
        case "/invalid":
            await ws.accept()
            raise MessageInvalid("received", ())
        case "/cancels":
            await ws.accept()
            assert req.scope is not None
            req.scope.cancel()
            await trio.sleep_forever()
        case "/closes":
            await ws.accept()
            await ws.close(4000, "enough")
            await ws.close()
            with pytest.raises(WebSocketClosed):
                await ws.send("too late")
            with pytest.raises(WebSocketClosed):
                await ws.receive()
        case "/lost":
            with pytest.raises((WebSocketClosed, ClientGone)):
                await ws.send("anybody?")
            assert req.abort_reason == "disconnect"
        case _:
            assert await req.read() == b""
            await ws.accept("v1" if ws.subprotocols else None, [("x-node", "a1")])
            async for message in ws:
                await ws.send(message)


class Server:
    """Plays the messages of a client, and keeps what the application sends."""

    def __init__(self, *messages: dict[str, Any], lost: bool = False) -> None:
        self.messages = [{"type": "websocket.connect"}, *messages]
        self.sent: list[dict[str, Any]] = []
        self.lost = lost

    async def receive(self) -> Any:
        await trio.lowlevel.checkpoint()
        return self.messages.pop(0) if self.messages else {"type": "websocket.disconnect", "code": 1006}

    async def send(self, message: Any) -> None:
        await trio.lowlevel.checkpoint()
        if self.lost and message["type"] == "websocket.send":
            raise OSError("gone")
        self.sent.append(message)


async def run(
    server: Server,
    path: str,
    *,
    extensions: Iterable[str] = ("websocket.http.response",),
    headers: Iterable[tuple[bytes, bytes]] = (),
    subprotocols: Iterable[str] = (),
    **options: Any,
) -> list[dict[str, Any]]:
    scope: dict[str, Any] = {
        "type": "websocket", "path": path, "query_string": b"", "headers": [(b"host", b"a"), *headers],
        "extensions": dict.fromkeys(extensions, {}), "subprotocols": list(subprotocols), "scheme": "ws",
    }  # fmt: skip
    await asgi(dispatch, **options)(scope, server.receive, server.send)
    return server.sent


@trio_test
async def test_messages(autojump_clock: MockClock) -> None:
    server = Server(
        {"type": "websocket.receive", "text": "é"},
        {"type": "websocket.receive", "bytes": b"\0", "text": None},
        {"type": "websocket.disconnect", "code": 1000, "reason": "done"},
    )
    assert await run(server, "/", subprotocols=["v1"]) == [
        {"type": "websocket.accept", "subprotocol": "v1", "headers": [(b"x-node", b"a1")]},
        {"type": "websocket.send", "text": "é"},
        {"type": "websocket.send", "bytes": b"\0"},
    ]
    # A disconnect without a code ends a loop as a close without one does.
    sent = await run(Server({"type": "websocket.disconnect"}), "/")
    assert [message["type"] for message in sent] == ["websocket.accept"]
    # One that came before anything else needs no answer.
    server = Server()
    server.messages = []
    assert await run(server, "/") == []


@trio_test
async def test_ends(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    for path, code in (("/fails", 1011), ("/invalid", 1007), ("/cancels", 1011), ("/closes", 4000)):
        sent = await run(Server(), path)
        assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
        assert sent[-1]["code"] == code
    big = {"type": "websocket.receive", "text": "é" * 50}
    sent = await run(Server(big), "/", limits=Limits(message_size=99))
    assert sent[-1]["code"] == 1009
    assert (await run(Server(big), "/", limits=Limits(message_size=100)))[-1]["type"] == "websocket.send"
    assert [message["type"] for message in await run(Server(lost=True), "/lost")] == ["websocket.accept"]
    assert "KeyError" in caplog.text


@trio_test
async def test_answers_instead(autojump_clock: MockClock) -> None:
    for path, status, body in (
        ("/refused", 409, b"taken"),
        ("/answered", 401, b"who?"),
        ("/forgotten", 500, b"no_response"),
        ("/declined", 403, b"websocket_refused"),
        ("/b%ad", 400, b"invalid_target"),
    ):
        sent = await run(Server(), path)
        assert [message["type"].rpartition(".")[2] for message in sent] == ["start", "body"]
        assert sent[0]["type"] == "websocket.http.response.start"
        assert sent[0]["status"] == status
        assert body in sent[1]["body"]
    assert await run(Server(), "/refused", extensions=()) == [{"type": "websocket.close", "code": 1008}]
    # One that was sent cannot be sent again, in whatever form.
    assert len(await run(Server(), "/answered", extensions=())) == 2
    assert await run(Server(), "/aborted") == []


@trio_test
async def test_origins(autojump_clock: MockClock) -> None:
    evil = [(b"origin", b"https://evil.example")]
    assert (await run(Server(), "/", headers=evil))[0]["status"] == 403
    assert (await run(Server(), "/", headers=evil, websocket_origins="*"))[0]["type"] == "websocket.accept"
    assert (await run(Server(), "/", headers=[(b"origin", b"https://a")]))[0]["type"] == "websocket.accept"


@trio_test
async def test_a_client_that_left_before_the_close(autojump_clock: MockClock) -> None:
    class Gone(Server):
        async def send(self, message: Any) -> None:
            if message["type"] == "websocket.close":
                raise OSError("gone")
            await super().send(message)

    sent = await run(Gone(), "/fails")
    assert [message["type"] for message in sent] == ["websocket.accept"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_under_a_real_server() -> None:
    """Hypercorn's trio worker, with clients that know nothing of either."""

    def use(port: int) -> None:
        with connect(f"ws://127.0.0.1:{port}/", subprotocols=["v1"]) as socket:  # type: ignore[list-item]
            assert socket.subprotocol == "v1"
            for message in ("héllo", b"\0" * 100_000):
                socket.send(message)
                assert socket.recv() == message
        with connect(f"ws://127.0.0.1:{port}/closes") as socket, pytest.raises(ConnectionClosed):
            socket.recv()
        assert socket.close_code == 4000
        with pytest.raises(InvalidStatus, match="409"):
            connect(f"ws://127.0.0.1:{port}/refused")
        answer = httpx.get(f"http://127.0.0.1:{port}/", headers={"x-a": "b"})
        assert (answer.status_code, answer.json()["code"]) == (426, "websocket_only")

    async def main() -> None:
        config = hypercorn.config.Config()
        config.bind = ["127.0.0.1:0"]
        config.accesslog = config.errorlog = None
        stop = trio.Event()
        application: Any = asgi(dispatch)
        async with trio.open_nursery() as nursery:
            urls = await nursery.start(
                lambda task_status: hypercorn.trio.serve(
                    application, config, shutdown_trigger=stop.wait, task_status=task_status
                )
            )
            with trio.fail_after(60):
                await trio.to_thread.run_sync(use, int(urls[0].rpartition(":")[2]))
            stop.set()

    trio.run(main)
