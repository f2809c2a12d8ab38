"""Under an ASGI server: a client that leaves is noticed, a quiet stream shows that it lives, and there is a start and an end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, trio_test

from gnomon_ingress import Request, Response, asgi


class Exchange:
    """One request as a server tells it: messages in, messages out with their times."""

    def __init__(self, *pieces: bytes, path: str = "/", method: str = "GET", **scope: Any) -> None:
        body = b"".join(pieces)
        headers = [(b"host", b"localhost")]
        if body:
            headers.append((b"content-length", b"%d" % len(body)))
        self.scope = {
            **{
                "type": "http",
                "method": method,
                "path": path,
                "raw_path": path.encode(),
                "query_string": b"",
            },
            **{"headers": headers, "client": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1"},
            **scope,
        }
        self.pieces = list(pieces) or [b""]
        self.gone = trio.Event()
        self.sent: list[tuple[float, Any]] = []

    async def receive(self) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append((trio.current_time(), message))


@pytest.mark.parametrize(
    "exchange",
    [
        {},
        {"http_version": "2"},
        {"method": "POST"},
    ],
)
@trio_test
async def test_a_client_that_leaves_is_noticed(autojump_clock: MockClock, exchange: dict[str, Any]) -> None:
    reasons: list[tuple[float, str | None]] = []

    async def dispatch(req: Request, res: Response) -> None:
        try:
            await trio.sleep(60)
        finally:
            reasons.append((trio.current_time(), req.abort_reason))

    client = Exchange(**exchange)
    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asgi(dispatch), client.scope, client.receive, client.send)
        await trio.sleep(1)
        client.gone.set()
    assert reasons == [(pytest.approx(started + 1), "disconnect")]
    assert client.sent == []


@trio_test
async def test_a_body_that_was_read_hides_no_disconnect(autojump_clock: MockClock) -> None:
    read: list[bytes] = []

    async def dispatch(req: Request, res: Response) -> None:
        read.append(await req.read())
        await trio.sleep(60)

    client = Exchange(b"one", b"two", method="POST")
    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asgi(dispatch), client.scope, client.receive, client.send)
        await trio.sleep(1)
        client.gone.set()
    assert read == [b"onetwo"] and trio.current_time() == pytest.approx(started + 1)


@trio_test
async def test_a_stream_ends_with_its_client(autojump_clock: MockClock) -> None:
    closed: list[int] = []

    async def ticks() -> AsyncIterator[int]:
        number = 0
        try:
            while True:
                yield number
                number += 1
                await trio.sleep(0.1)
        finally:
            closed.append(number)

    async def dispatch(req: Request, res: Response) -> None:
        res.events(ticks())

    client = Exchange()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asgi(dispatch), client.scope, client.receive, client.send)
        await trio.sleep(1.05)
        client.gone.set()
    assert len(closed) == 1 and 9 <= closed[0] <= 11


@trio_test
async def test_a_quiet_stream_of_events_shows_that_it_lives(autojump_clock: MockClock) -> None:
    async def one() -> AsyncIterator[str]:
        await trio.sleep(3)
        yield "late"

    async def dispatch(req: Request, res: Response) -> None:
        res.events(one(), heartbeat=1)

    client = Exchange()
    started = trio.current_time()
    await asgi(dispatch)(client.scope, client.receive, client.send)
    kinds = [(round(when - started, 1), message.get("body")) for when, message in client.sent]
    assert kinds[0] == (0.1, None) or kinds[0] == (0.0, None)
    assert [body for _, body in kinds[1:]] == [b":\n\n", b":\n\n", b"data: late\n\n", b""]


class Lifespan:
    """The messages of a server's life."""

    def __init__(self) -> None:
        self.stop = trio.Event()
        self.asked = 0
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        if self.asked == 1:
            return {"type": "lifespan.startup"}
        await self.stop.wait()
        return {"type": "lifespan.shutdown"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        self.stop.set()


async def nothing(req: Request, res: Response) -> None: ...


@trio_test
async def test_the_life_of_the_application_is_that_of_the_server() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        log.append("up")
        yield
        log.append("down")

    server = Lifespan()
    await asgi(nothing, lifespan=life)({"type": "lifespan"}, server.receive, server.send)
    assert log == ["up", "down"]
    assert [message["type"] for message in server.sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


@pytest.mark.parametrize("stage", ["startup", "shutdown"])
@trio_test
async def test_a_life_that_fails_is_told(stage: str, caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        if stage == "startup":
            raise OSError("no database")
        yield
        raise OSError("no database")

    server = Lifespan()
    await asgi(nothing, lifespan=life)({"type": "lifespan"}, server.receive, server.send)
    assert server.sent[-1] == {"type": f"lifespan.{stage}.failed", "message": "no database"}
    assert f"the {stage} of the application failed" in caplog.text
