"""What a connection does with a dispatch, its failures, and one request after the other."""

from __future__ import annotations

import logging

import pytest
import trio
from ingress_support import everything, head, hello
from trio.testing import MockClock, trio_test

from gnomon_ingress import (
    Config,
    ConnectionEvent,
    HttpError,
    Limits,
    Request,
    RequestInvalid,
    Response,
    ResponseState,
)
from gnomon_ingress.testing import Client


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
            assert client.server.heads[200, f"x/y{number}", number].endswith(b"length: %d\r\n\r\n" % number)
        assert len(client.server.heads) <= 512
        assert len(client.server.heads._beginnings) <= 512


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
