"""A dispatch under ASGI, and ASGI under a dispatch: one through the other is the same as neither."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, trio_test

from gnomon_ingress import ClientGone, HttpError, Limits, Request, Response, asgi, mount
from gnomon_ingress.testing import Client


class Once:
    """A stream that has nothing to close."""

    def __init__(self) -> None:
        self.pieces = [b"ab"]

    def __aiter__(self) -> Once:
        return self

    async def __anext__(self) -> bytes:
        if not self.pieces:
            raise StopAsyncIteration
        return self.pieces.pop()

    async def nothing(self) -> AsyncIterator[bytes]:
        for piece in ():
            yield piece

    async def failure(self) -> AsyncIterator[bytes]:
        raise KeyError("the secret")
        yield b""


async def dispatch(req: Request, res: Response) -> None:
    match req.path:
        case "/a/stream":

            async def pieces() -> AsyncIterator[bytes]:
                yield b"one"
                yield b"two"

            res.stream(pieces(), media_type="text/plain")
            await res.send(lambda: None)
        case "/a/upload":
            sizes = [len(piece) async for piece in req.stream()]
            res.json(sum(sizes))
        case "/a/empty":
            res.empty()
        case "/a/error":
            raise HttpError(409, "taken")
        case "/a/crash":
            raise RuntimeError("the secret")
        case "/a/late":
            res.text("x")
            await res.send()
            raise RuntimeError("late")
        case "/a/nothing":
            return
        case "/a/cut":

            async def failing() -> AsyncIterator[bytes]:
                yield b"one"
                raise RuntimeError("cut")

            res.stream(failing())
            await res.send()
        case "/a/none":
            res.stream(Once().nothing())
        case "/a/fails":
            res.stream(Once().failure())
        case "/a/sized":
            res.stream(Once(), length=2)
        case _:
            assert req.client is not None
            res.header("x-a", "b").cookie("c", "d").json(
                [req.method, req.path, req.query, req.client.host, req.scheme, req.headers.get("x-in")]
            )


@trio_test
async def test_through_both(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    through = mount("/a", asgi(dispatch, limits=Limits(body_size=500_000)))
    async with Client(through) as client, Client(dispatch) as direct:
        for method, target, options in [
            ("GET", "/a/x%20y%2Fz?q=1&q=2", {"headers": {"x-in": "1"}}),
            ("POST", "/a/upload", {"body": b"x" * 400_000}),
            ("GET", "/a/stream", {}),
            ("GET", "/a/empty", {}),
            ("GET", "/a/error", {}),
            ("GET", "/a/crash", {}),
            ("GET", "/a/nothing", {}),
            ("HEAD", "/a/x", {}),
            ("GET", "/a", {}),
            ("GET", "/a/sized", {}),
            ("GET", "/a/none", {}),
            ("GET", "/a/fails", {}),
            ("POST", "/a/upload", {"body": b"x", "headers": {"content-encoding": "gzip"}}),
        ]:
            there = await client.request(method, target, **options)
            here = await direct.request(method, target, **options)
            assert (there.status, there.body) == (here.status, here.body), target
            for name in ("content-type", "x-a", "set-cookie"):
                assert there.headers.get(name) == here.headers.get(name), (target, name)
        assert (await client.post("/a/upload", body=b"x" * 600_000)).status == 413
        assert (await client.get("/b")).status == 404
        assert (await client.get("/ab")).status == 404
        with pytest.raises(trio.BrokenResourceError):
            await client.get("/a/cut")
        assert (await client.get("/a/late")).text == "x"
    with pytest.raises(ValueError, match="slash"):
        mount("a", asgi(dispatch))


async def run(app: Any, scope: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    waiting, sent = list(messages), []

    async def receive() -> dict[str, Any]:
        if not waiting:
            await trio.sleep_forever()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@trio_test
async def test_lifespan_and_others(autojump_clock: MockClock) -> None:
    app = asgi(dispatch)
    sent = await run(app, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    with pytest.raises(NotImplementedError):
        await run(app, {"type": "telnet"})


HTTP = {"type": "http", "method": "POST", "path": "/a/upload", "query_string": b"", "headers": []}


@trio_test
async def test_odd_scopes(autojump_clock: MockClock) -> None:
    async def scheme(req: Request, res: Response) -> None:
        res.json([req.client, req.scheme])

    sent = await run(asgi(scheme), HTTP)
    assert sent[1]["body"] == b'[null,"http"]'
    encoded = HTTP | {"headers": [(b"content-encoding", b"gzip")]}
    assert (await run(asgi(dispatch), encoded))[0]["status"] == 415
    for raw in (b"/%zz", b"/\xff"):
        sent = await run(asgi(scheme), HTTP | {"raw_path": raw})
        assert sent[0]["status"] == 400


@trio_test
async def test_a_disconnect_in_the_body(autojump_clock: MockClock) -> None:
    part = {"type": "http.request", "body": b"abc", "more_body": True}
    empty = {"type": "http.request", "body": b"", "more_body": True}
    upload = HTTP | {"headers": [(b"transfer-encoding", b"chunked")]}
    assert await run(asgi(dispatch), upload, part, empty, {"type": "http.disconnect"}) == []

    async def bound(req: Request, res: Response) -> None:
        req.bind_abort(lambda reason: None)
        await req.read()

    assert await run(asgi(bound), upload, part, {"type": "http.disconnect"}) == []


@trio_test
async def test_a_client_that_left_before_its_answer(autojump_clock: MockClock) -> None:
    async def stream(_req: Request, res: Response) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            raise ClientGone("as a mounted application would see it")
            yield b""

        res.stream(chunks())

    with pytest.raises(ClientGone):
        await run(asgi(stream), HTTP)


@trio_test
async def test_applications_that_misbehave(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    messages: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/raises":
            raise RuntimeError("before")
        if path == "/nothing":
            return
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"Content-Length", b"9"), (b"X", b" y ")],
            }
        )
        if path == "/no-body":
            return
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        if path == "/waits":
            await receive()
            await receive()
        if path == "/lingers":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            await receive()
            messages.append(await receive())
            await send({"type": "http.response.body", "body": b"too late"})
            return
        if path == "/raises-late":
            raise RuntimeError("late")

    async with Client(mount("/", app)) as client:
        for path in ("/raises", "/nothing", "/no-body"):
            assert (await client.get(path)).status == 500, path
        for path in ("/cut", "/raises-late"):
            with pytest.raises(trio.BrokenResourceError):
                await client.get(path)
        assert (await client.get("/lingers")).text == "part"
        await trio.sleep(1)
        assert messages == [{"type": "http.disconnect"}]
        async with client.stream("GET", "/waits") as answer:
            assert answer.headers["x"] == "y"
        await trio.sleep(1)
        assert client.server.statistics().connections == 0
