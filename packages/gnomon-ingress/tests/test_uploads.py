"""Bodies of requests: invited, read, streamed, limited, left unread."""

from __future__ import annotations

import re

import trio
from ingress_support import everything, head
from trio.testing import MockClock, trio_test, wait_all_tasks_blocked

from gnomon_ingress import (
    Config,
    HttpError,
    Limits,
    Request,
    Response,
)
from gnomon_ingress.testing import Client, MemoryStream


@trio_test
async def test_expectations(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/no":
            raise HttpError(403, "no")
        if req.path == "/big":
            req.body_limit = 2
        res.text((await req.read()).decode())

    expecting = b"Expect: 100-continue", b"Content-Length: 3"
    async with Client(dispatch) as client:
        stream = client.connect()
        await stream.send_all(head(b"/", *expecting, method=b"POST"))
        assert await stream.receive_some() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send_all(b"abc")
        assert (await stream.receive_some()).endswith(b"abc")
        for target, status in ((b"/no", b"403"), (b"/big", b"413")):
            stream = client.connect()
            await stream.send_all(head(target, *expecting, method=b"POST"))
            data = await stream.receive_some()
            assert data.startswith(b"HTTP/1.1 " + status)
            assert b"connection: close" in data


@trio_test
async def test_unread_bodies(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/some":
            async for _ in req.stream():
                break
        res.text("ok")

    limits = Limits(discard_size=1000)
    chunks = b"3\r\nabc\r\n0\r\n\r\n"
    async with Client(dispatch, config=Config(limits=limits)) as client:
        for target in (b"/", b"/some"):
            post = head(target, b"Content-Length: 500", method=b"POST")
            stream = client.connect()
            await stream.send_all(post + b"x" * 100)
            await wait_all_tasks_blocked()
            await stream.send_all(b"x" * 400 + head(b"/", b"Connection: close"))
            assert (await everything(stream)).count(b"200 OK") == 2, "a small rest is dropped"
            stream = client.connect()
            await stream.send_all(head(target, b"Content-Length: 5000", method=b"POST") + b"x" * 100)
            data = await stream.receive_some()
            assert b"connection: close" in data, "a large rest closes"
            stream = client.connect()
            pieces = head(target, b"Transfer-Encoding: chunked", method=b"POST") + chunks
            await stream.send_all(pieces + head(b"/", b"Connection: close"))
            assert (await everything(stream)).count(b"200 OK") == (1 if target == b"/" else 2)
            stream = client.connect()
            await stream.send_all(post + b"x" * 100)
            await wait_all_tasks_blocked()
            await stream.send_eof()
            assert (await everything(stream)).count(b"200 OK") == 1


@trio_test
async def test_streamed_bodies_pull(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        total = 0
        if req.path == "/read":
            assert await req.read() == await req.read()
        async for piece in req.stream():
            total += len(piece)
            await trio.sleep(0.1)
        res.json(total)

    async with Client(dispatch) as client:
        assert (await client.post("/", body=b"x" * 500_000)).json() == 500_000
        assert (await client.post("/read", body=b"x" * 500_000)).json() == 500_000
        assert (await client.post("/", body=b"small")).json() == 5
        assert (await client.post("/")).json() == 0
        stream = client.connect()
        await stream.send_all(head(b"/", b"Transfer-Encoding: chunked", method=b"POST") + b"3\r\nabc\r\n")
        await wait_all_tasks_blocked()
        await stream.send_all(b"2\r\nde\r\n0\r\nT: x\r\n\r\n" + head(b"/", b"Connection: close"))
        assert re.findall(rb"\r\n\r\n([0-9])", await everything(stream)) == [b"5", b"0"]


@trio_test
async def test_limits_of_a_body(autojump_clock: MockClock) -> None:
    pieces: list[bytes] = []

    async def dispatch(req: Request, res: Response) -> None:
        assert req.body_limit == 10
        if req.path == "/route":
            req.body_limit = 20
        if req.path == "/stream":
            async for piece in req.stream():
                pieces.append(piece)
        res.json(len(await req.read()))

    async with Client(dispatch, config=Config(limits=Limits(body_size=10))) as client:
        assert (await client.post("/", body=b"x" * 10)).status == 200
        answer = await client.post("/", body=b"x" * 11)
        assert (answer.status, answer.json()["code"]) == (413, "body_too_large")
        assert (await client.post("/", body=b"x" * 200_000)).status == 413
        assert (await client.post("/route", body=b"x" * 20)).status == 200
        assert (await client.post("/stream", body=b"x" * 11)).status == 413
        assert pieces == []
        stream = client.connect()
        await stream.send_all(
            head(b"/stream", b"Transfer-Encoding: chunked", method=b"POST") + b"4\r\nabcd\r\n"
        )
        await wait_all_tasks_blocked()
        await stream.send_all(b"9\r\n123456789\r\n")
        assert b" 413 " in await stream.receive_some()
        assert pieces == [b"abcd"]


@trio_test
async def test_a_stream_that_is_not_taken_holds_its_client_back(autojump_clock: MockClock) -> None:
    taken = 0
    go_on = trio.Event()

    async def dispatch(req: Request, res: Response) -> None:
        nonlocal taken
        req.body_limit = 10_000_000
        async for piece in req.stream():
            taken += len(piece)
            await go_on.wait()
        res.json(taken)

    async with Client(dispatch) as client:
        for lines in ((b"Content-Length: 5000000",), (b"Transfer-Encoding: chunked",)):
            chunked = b"chunked" in lines[0]
            taken, go_on = 0, trio.Event()
            stream = client.connect(capacity=2**16)
            sent = 0

            async def send(stream: MemoryStream, chunked: bool) -> None:
                nonlocal sent
                for _ in range(500):
                    await stream.send_all(b"2710\r\n" + b"x" * 10_000 + b"\r\n" if chunked else b"x" * 10_000)
                    sent += 10_000
                await stream.send_all(b"0\r\n\r\n" if chunked else b"")

            async with trio.open_nursery() as nursery:
                await stream.send_all(head(b"/", *lines, method=b"POST"))
                nursery.start_soon(send, stream, chunked)
                await wait_all_tasks_blocked()
                # What was taken, one buffer on the way, and one that is half filled.
                assert sent <= taken + 2 * 2**16
                assert taken <= 2**16
                go_on.set()
            assert (await stream.receive_some()).endswith(b"5000000")


@trio_test
async def test_trailers_are_read_and_dropped(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        before = req.headers.raw
        body = await req.read()
        assert req.headers.raw == before
        res.json([body.decode(), "x-trailer" in req.headers, req.headers.get("content-length")])

    async with Client(dispatch) as client:
        stream = client.connect()
        post = head(b"/", b"Transfer-Encoding: chunked", b"Trailer: X-Trailer", method=b"POST")
        await stream.send_all(post + b"3\r\nabc\r\n0\r\nX-Trailer: y\r\nContent-Length: 7\r\n\r\n")
        await stream.send_all(head(b"/", b"Connection: close"))
        data = await everything(stream)
        assert data.count(b"200 OK") == 2
        assert b'["abc",false,null]' in data
        assert b'["",false,null]' in data
