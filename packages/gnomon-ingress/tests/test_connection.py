"""What a connection does: answers, deadlines, disconnects, drains; all in memory, under a virtual clock."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, trio_test, wait_all_tasks_blocked

from gnomon_ingress import (
    ClientGone,
    Config,
    ConnectionEvent,
    HttpError,
    Limits,
    Request,
    RequestInvalid,
    Response,
    ResponseState,
)
from gnomon_ingress.testing import Client, MemoryStream


async def everything(stream: MemoryStream) -> bytes:
    data = b""
    while piece := await stream.receive_some():
        data += piece
    return re.sub(rb"date: [^\r]*\r\n", b"", data)


def head(target: bytes = b"/", *lines: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", b"Host: a", *lines, b"", b""])


async def hello(req: Request, res: Response) -> None:
    res.text("hello")


@trio_test
async def test_a_bare_dispatch(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/nothing":
            return
        if req.path == "/error":
            raise HttpError(
                409, "taken", "It is taken.", headers={"retry-after": "3"}, errors=[{"pointer": "/a"}]
            )
        if req.path == "/invalid":
            raise RequestInvalid([])
        res.header("x-a", "b").json({"path": req.path, "query": req.query})

    async with Client(dispatch) as client:
        answer = await client.get("/a", params={"b": ["c", "d"]})
        assert (answer.status, answer.json()) == (200, {"path": "/a", "query": {"b": ["c", "d"]}})
        assert answer.headers["x-a"] == "b"
        assert "date" in answer.headers
        assert (await client.get("/nothing")).json()["code"] == "no_response"
        answer = await client.get("/error")
        assert answer.headers["retry-after"] == "3"
        assert answer.json() == {
            "type": "about:blank", "title": "Conflict", "status": 409, "code": "taken", "detail": "It is taken.",
            "errors": [{"pointer": "/a"}],
        }  # fmt: skip
        assert (await client.get("/invalid")).status == 400


@trio_test
async def test_an_exception_is_a_500_that_says_nothing_and_closes(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[ConnectionEvent] = []

    async def dispatch(req: Request, res: Response) -> None:
        res.header("x-kept", "1").json({"secret": 1})
        raise RuntimeError("the secret")

    with caplog.at_level(logging.ERROR):
        async with Client(dispatch, config=Config(on_event=events.append)) as client:
            stream = client.connect()
            await stream.send_all(head() * 2)
            data = await everything(stream)
    assert data.count(b"HTTP/1.1 500") == 1
    assert b"connection: close" in data
    assert b"x-kept: 1" in data
    assert b"secret" not in data
    assert [event.kind for event in events] == ["crashed"]
    assert "the secret" in caplog.text


@trio_test
async def test_an_unencodable_body_is_a_500(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.json(object())
        if req.path == "/early":
            await res.send()

    async with Client(dispatch) as client:
        assert (await client.get("/")).json()["code"] == "internal_error"
        assert (await client.get("/early")).status == 500
        assert (await client.head("/")).status == 500
    assert "object" in caplog.text


@trio_test
async def test_an_exception_after_the_answer_closes(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.text("sent")
        await res.send()
        await res.send()
        with pytest.raises(ResponseState):
            res.text("again")
        raise RuntimeError("late")

    async with Client(dispatch) as client:
        stream = client.connect()
        await stream.send_all(head() * 2)
        data = await everything(stream)
    assert data.count(b"HTTP/1.1") == 1
    assert data.endswith(b"sent")
    assert "late" in caplog.text


@trio_test
async def test_pipelined_requests_yield(autojump_clock: MockClock) -> None:
    turns = 0
    served = 0

    async def dispatch(req: Request, res: Response) -> None:
        nonlocal served
        served += 1
        res.text("x")

    async with Client(dispatch, config=Config(limits=Limits(pipeline_depth=4))) as client:
        stream = client.connect()
        await stream.send_all(head() * 40)
        while served < 40:
            turns += 1
            await trio.lowlevel.checkpoint()
    assert turns >= 8


@trio_test
async def test_requests_per_connection(autojump_clock: MockClock) -> None:
    async with Client(hello, config=Config(limits=Limits(requests_per_connection=2))) as client:
        stream = client.connect()
        await stream.send_all(head() * 3)
        data = await everything(stream)
    assert data.count(b"HTTP/1.1 200") == 2
    assert data.count(b"connection: close") == 1


@trio_test
async def test_deadlines_of_a_head(autojump_clock: MockClock) -> None:
    events: list[ConnectionEvent] = []
    config = Config(limits=Limits(idle_timeout=60, head_timeout=10), on_event=events.append)
    async with Client(hello, config=config) as client:
        started = trio.current_time()
        idle = client.connect()
        assert await everything(idle) == b""
        assert 60 <= trio.current_time() - started < 60.3

        slow = client.connect()
        started = trio.current_time()

        async def drip() -> None:
            with trio.CancelScope() as scope:
                scopes.append(scope)
                for byte in head():
                    await slow.send_all(bytes([byte]))
                    await trio.sleep(1)

        scopes: list[trio.CancelScope] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip)
            data = b""
            while b"slow_request" not in data:
                data += await slow.receive_some()
            scopes[0].cancel()
        assert data.startswith(b"HTTP/1.1 408 ")
        assert 10 <= trio.current_time() - started < 12

        used = client.connect()
        await used.send_all(head())
        await used.receive_some()
        await trio.sleep(59)
        await used.send_all(head())
        assert b"200 OK" in await used.receive_some()
    assert [event.code for event in events if event.kind == "timeout"] == ["idle", "head"]


@trio_test
async def test_the_deadline_of_a_body_allows_for_its_size(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.json(len(await req.read()))

    limits = Limits(body_timeout=5, body_rate=100, body_size=10_000)
    async with Client(dispatch, config=Config(limits=limits)) as client:
        for rate, status in ((1, 408), (1000, 200)):
            stream = client.connect()
            await stream.send_all(head(b"/", b"Content-Length: 10000", method=b"POST"))
            started = trio.current_time()

            async def drip(stream: MemoryStream = stream, rate: int = rate) -> None:
                try:
                    for _ in range(10_000 // rate):
                        await trio.sleep(1)
                        await stream.send_all(b"x" * rate)
                except trio.BrokenResourceError:
                    pass

            async with trio.open_nursery() as nursery:
                nursery.start_soon(drip)
                assert f"HTTP/1.1 {status}".encode() in await stream.receive_some()
                nursery.cancel_scope.cancel()
            assert trio.current_time() - started == pytest.approx(5 if status == 408 else 10, abs=0.3)


@trio_test
async def test_a_reader_that_does_not_read_is_cut(autojump_clock: MockClock) -> None:
    seen: list[BaseException] = []
    payload = b"x" * 10_000_000

    async def dispatch(req: Request, res: Response) -> None:
        res.bytes(payload)
        try:
            await res.send()
        except ClientGone as error:
            seen.append(error)
            raise

    async with Client(dispatch, config=Config(limits=Limits(send_timeout=5, send_rate=1e9))) as client:
        stream = client.connect(capacity=1000)
        started = trio.current_time()
        await stream.send_all(head())
        while not seen:
            await trio.sleep(0.1)
        assert trio.current_time() - started == pytest.approx(5, abs=0.3)
        assert isinstance(seen[0], trio.BrokenResourceError)
        trickle = client.connect(capacity=1000)
        await trickle.send_all(head())
        received = 0
        with trio.move_on_after(60):
            while piece := await trickle.receive_some(100):
                received += len(piece)
                await trio.sleep(1)
        assert 0 < received < 2000
        assert len(seen) == 2


@trio_test
async def test_a_small_answer_to_a_full_pipe(autojump_clock: MockClock) -> None:
    async with Client(hello) as client:
        stream = client.connect(capacity=50)
        await stream.send_all(head())
        data = b""
        while not data.endswith(b"hello"):
            await trio.sleep(1)
            data += await stream.receive_some()


@pytest.mark.parametrize("bound", [False, True])
def test_disconnect_reaches_the_request_within_a_quarter_second(bound: bool) -> None:
    @trio_test
    async def test(autojump_clock: MockClock) -> None:
        ended: list[tuple[str | None, float]] = []

        async def dispatch(req: Request, res: Response) -> None:
            scope = trio.CancelScope() if bound else req.scope
            assert scope is not None
            if bound:
                req.bind_abort(lambda reason: scope.cancel())
            try:
                with scope if bound else trio.CancelScope():
                    await trio.sleep(100)
            finally:
                ended.append((req.abort_reason, trio.current_time()))

        async with Client(dispatch) as client:
            stream = client.connect()
            await stream.send_all(head())
            await trio.sleep(1)
            left = trio.current_time()
            await stream.send_eof()
            await trio.sleep(1)
            assert await everything(stream) == b""
            await trio.sleep(1)
            assert client.server.statistics().connections == 0
        [(reason, when)] = ended
        assert reason == "disconnect"
        assert when - left <= 0.25

    test(autojump_clock=MockClock(autojump_threshold=0))


@trio_test
async def test_half_close_is_no_disconnect_where_it_is_allowed(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        await trio.sleep(10)
        res.text("late")

    async with Client(dispatch, config=Config(half_close=True)) as client:
        stream = client.connect()
        await stream.send_all(head())
        await stream.send_eof()
        assert (await everything(stream)).endswith(b"late")


def test_abort_before_it_is_bound() -> None:
    from gnomon_ingress.testing import make_request

    request = make_request(scope=trio.CancelScope())
    request.abort("disconnect")
    request.abort("shutdown")
    assert request.scope is not None
    assert request.scope.cancel_called
    reasons: list[str] = []
    request.bind_abort(reasons.append)
    assert reasons == ["disconnect"]
    make_request().abort("shutdown")


@trio_test
async def test_the_client_leaves_in_the_middle_of_the_body(autojump_clock: MockClock) -> None:
    errors: list[BaseException] = []

    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/bound":
            req.bind_abort(lambda reason: None)
        try:
            await req.read()
        except BaseException as error:
            errors.append(error)
            raise

    async with Client(dispatch) as client:
        for target in (b"/", b"/bound"):
            stream = client.connect()
            await stream.send_all(head(target, b"Content-Length: 10", method=b"POST") + b"abc")
            await wait_all_tasks_blocked()
            await stream.send_eof()
            assert await everything(stream) == b""
    assert isinstance(errors[0], trio.Cancelled)
    assert isinstance(errors[1], ClientGone)


@trio_test
async def test_a_request_that_touches_its_scope_is_answered_and_leaves_a_fresh_one(
    autojump_clock: MockClock,
) -> None:
    scopes: list[trio.CancelScope | None] = []

    async def dispatch(req: Request, res: Response) -> None:
        scopes.append(req.scope)
        scope = req.scope
        assert scope is not None
        match req.path:
            case "/deadline":
                scope.deadline = trio.current_time() + 50
                res.text("ok")
            case "/swallowed":
                scope.cancel()
                try:
                    await trio.sleep(1)
                except trio.Cancelled:
                    res.text("answered")
            case "/cancelled":
                scope.cancel()
                await trio.sleep(1)
            case "/finished":
                res.text("finished before")
                scope.cancel()
                await trio.sleep(1)
            case "/afterwards":
                scope.cancel()
                res.bytes(b"x" * 100_000)
            case _:
                await trio.sleep(100)
                res.text("alive")

    async with Client(dispatch) as client:
        stream = client.connect()
        targets = [
            b"/deadline",
            b"/a",
            b"/swallowed",
            b"/a",
            b"/cancelled",
            b"/a",
            b"/finished",
            b"/afterwards",
            b"/a",
        ]
        await stream.send_all(
            b"".join(head(target) for target in targets[:-1]) + head(b"/a", b"Connection: close")
        )
        data = await everything(stream)
    assert re.findall(rb"HTTP/1.1 ([0-9]+)", data) == [b"200"] * 4 + [b"500"] + [b"200"] * 4
    assert data.count(b"alive") == 4
    assert len(set(map(id, scopes))) >= 5


@trio_test
async def test_a_scope_cancelled_between_requests_does_no_harm(autojump_clock: MockClock) -> None:
    scopes: list[Any] = []

    async def dispatch(req: Request, res: Response) -> None:
        scopes.append(req.scope)
        res.text("ok")

    async with Client(dispatch) as client:
        stream = client.connect()
        await stream.send_all(head() + b"GET / HT")
        await wait_all_tasks_blocked()
        scopes[0].cancel()
        await wait_all_tasks_blocked()
        await stream.send_all(b"TP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await everything(stream)).count(b"200 OK") == 2


@trio_test
async def test_drain_lets_requests_finish_and_closes_the_rest(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        await trio.sleep(5)
        res.text("done")

    async with Client(dispatch) as client:
        idle, busy, partial = client.connect(), client.connect(), client.connect()
        await busy.send_all(head())
        await partial.send_all(b"GET / HTTP/1.1\r\n")
        await trio.sleep(1)
        client.server.drain()
        assert await everything(idle) == b""
        data = await everything(busy)
        assert b"connection: close" in data
        assert data.endswith(b"done")
        assert b"408" in await everything(partial)
    assert client.server.statistics().draining


@trio_test
async def test_drain_past_its_grace(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/deaf":
            req.bind_abort(lambda reason: None)
        if req.path == "/stream":
            res.bytes(b"x" * 10_000_000)
            return
        await trio.sleep(1000)

    config = Config(drain_grace=3, exit_timeout=2, limits=Limits(send_timeout=1000))
    async with Client(dispatch, config=config) as client:
        busy, partial, deaf, unread = (
            client.connect(),
            client.connect(),
            client.connect(),
            client.connect(capacity=10),
        )
        await busy.send_all(head())
        await deaf.send_all(head(b"/deaf"))
        await unread.send_all(head(b"/stream"))
        await partial.send_all(b"GET / HTTP/1.1\r\n")
        await trio.sleep(1)
        started = trio.current_time()
        client.server.drain()
        data = await everything(busy)
        assert data.startswith(b"HTTP/1.1 503")
        assert b"connection: close" in data
        assert trio.current_time() - started == pytest.approx(3, abs=0.1)
        assert await everything(partial) == b""
        assert await everything(deaf) == b""
        assert trio.current_time() - started == pytest.approx(5, abs=0.1)


@trio_test
async def test_health(autojump_clock: MockClock) -> None:
    ready = True
    release = trio.Event()

    async def dispatch(req: Request, res: Response) -> None:
        await release.wait()
        res.text(req.path)

    async with Client(dispatch, config=Config(is_ready=lambda: ready, ready_path="/ready")) as client:
        assert (await client.get("/livez")).text == "ok\n"
        assert (await client.get("/ready")).status == 200
        ready = False
        answer = await client.get("/ready")
        assert (answer.status, answer.json()["code"]) == (503, "not_ready")
        ready = True
        stream = client.connect()
        await stream.send_all(head() + head(b"/ready"))
        await wait_all_tasks_blocked()
        client.server.drain()
        release.set()
        assert (await everything(stream)).count(b"HTTP/1.1") == 1
    release.set()
    async with Client(dispatch, config=Config(live_path=None, ready_path=None)) as client:
        assert (await client.get("/livez")).text == "/livez"


@trio_test
async def test_a_listener_of_events_that_raises(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    def bad(event: ConnectionEvent) -> None:
        raise RuntimeError("observer")

    async with Client(hello, config=Config(on_event=bad)) as client:
        stream = client.connect()
        await stream.send_all(b"x\r\n\r\n")
        assert (await everything(stream)).startswith(b"HTTP/1.1 400")
    assert "observer" in caplog.text


class Counted:
    def __init__(self, *chunks: bytes, error: Exception | None = None, pause: float = 0) -> None:
        self.chunks = list(chunks)
        self.error = error
        self.pause = pause
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep(self.pause)
        if self.chunks:
            return self.chunks.pop(0)
        if self.error is not None:
            raise self.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


@trio_test
async def test_streams(autojump_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    sources: list[Counted] = []
    commits: list[str] = []

    async def dispatch(req: Request, res: Response) -> None:
        error = RuntimeError("cut") if req.path == "/cut" else None
        source = Counted(b"one", b"", b"two", error=error)
        sources.append(source)
        res.stream(source, media_type="text/plain")
        if req.path == "/empty":
            res.status(204)
        await res.send(lambda: commits.append(req.path))

    async with Client(dispatch) as client:
        answer = await client.get("/")
        assert answer.body == b"onetwo"
        assert answer.headers["transfer-encoding"] == "chunked"
        answer = await client.head("/")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert (await client.get("/empty")).status == 204
        assert commits == ["/", "/", "/empty"]

        stream = client.connect()
        await stream.send_all(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        data = await everything(stream)
        assert data.endswith(b"\r\n\r\nonetwo")
        assert b"transfer-encoding" not in data
        assert b"connection: close" in data

        stream = client.connect()
        await stream.send_all(head(b"/cut") + head())
        data = await everything(stream)
        assert b"two" in data
        assert not data.endswith(b"0\r\n\r\n"), "a stream that fails has no clean end"
        assert data.count(b"HTTP/1.1") == 1
        assert "cut" in caplog.text
    assert all(source.closed for source in sources)
    assert commits == ["/", "/", "/empty", "/"]


@trio_test
async def test_a_stream_whose_client_leaves(autojump_clock: MockClock) -> None:
    source = Counted(*[b"x"] * 100, pause=1)

    async def dispatch(req: Request, res: Response) -> None:
        res.stream(source)

    async with Client(dispatch) as client:
        async with client.stream("GET", "/") as answer:
            assert answer.status == 200
            async for piece in answer:
                assert piece == b"x"
                break
        await trio.sleep(1)
        assert source.closed
        assert len(source.chunks) >= 97


@trio_test
async def test_a_streamed_answer_read_whole(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.stream(Counted(b"a", b"b"))

    async with Client(dispatch) as client:
        async with client.stream("GET", "/") as answer:
            assert await answer.read() == b"ab"
        assert client.server.statistics().connections == 1


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
async def test_head_and_bodiless_answers(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/empty":
            res.empty()
        elif req.path == "/304":
            res.text("not sent")
            res.status(304)
        elif req.path == "/redirect":
            res.redirect("/there", status=308)
        else:
            res.bytes(b"x" * 100_000)

    async with Client(dispatch) as client:
        answer = await client.head("/")
        assert (answer.headers["content-length"], answer.body) == ("100000", b"")
        assert len((await client.get("/")).body) == 100_000
        for target, status in (("/empty", 204), ("/304", 304)):
            answer = await client.get(target)
            assert (answer.status, answer.body) == (status, b"")
            assert "content-length" not in answer.headers
            assert "transfer-encoding" not in answer.headers
        answer = await client.get("/redirect")
        assert (answer.status, answer.headers["location"], answer.headers["content-length"]) == (
            308,
            "/there",
            "0",
        )


@trio_test
async def test_shared_fields(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/own":
            res.header("date", "Mon, 01 Jan 2024 00:00:00 GMT")
        res.text("x")

    async with Client(dispatch, config=Config(server_header="gnomon")) as client:
        answer = await client.get("/")
        assert answer.headers["server"] == "gnomon"
        assert answer.headers["date"].endswith("GMT")
        assert (await client.get("/own")).headers.getall("date") == ("Mon, 01 Jan 2024 00:00:00 GMT",)
        for number in range(600):
            client.server.heads[200, f"x/y{number}"]
        assert len(client.server.heads) <= 512


@trio_test
async def test_the_client_behind_proxies(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        assert req.client is not None
        assert req.client == req.client
        res.json([req.client.host, req.scheme])

    config = Config(trusted_proxies=("10.0.0.0/8", "::1/128"))
    rows = [
        ("10.0.0.1", {}, "10.0.0.1", "http"),
        (
            "10.0.0.1",
            {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"},
            "203.0.113.7",
            "https",
        ),
        ("10.0.0.1", {"x-forwarded-for": "6.6.6.6, 203.0.113.7, 10.2.3.4"}, "203.0.113.7", "http"),
        ("10.0.0.1", {"x-forwarded-for": "203.0.113.7:4711"}, "203.0.113.7", "http"),
        ("::1", {"x-forwarded-for": "[2001:db8::1]:80"}, "2001:db8::1", "http"),
        ("::ffff:10.0.0.1", {"x-forwarded-for": "203.0.113.7"}, "203.0.113.7", "http"),
        ("10.0.0.1", {"x-forwarded-for": "1.2.3.4, unknown"}, "10.0.0.1", "http"),
        ("10.0.0.1", {"x-forwarded-proto": "gopher"}, "10.0.0.1", "http"),
        ("", {"x-forwarded-for": "203.0.113.7"}, "203.0.113.7", "http"),
        ("203.0.113.1", {"x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https"}, "203.0.113.1", "http"),
    ]
    for peer, headers, host, scheme in rows:
        async with Client(dispatch, config=config, client=(peer, 1)) as client:
            assert (await client.get("/", headers=headers)).json() == [host, scheme], (peer, headers)
            assert (await client.get("/")).json() == [peer, "http"]
