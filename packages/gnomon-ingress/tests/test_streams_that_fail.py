"""A stream that cannot be read is refused, or ends its connection: the next answer is never taken for it."""

from __future__ import annotations

import re

import pytest
import trio
from trio.testing import MockClock, trio_test

from gnomon_ingress import HttpError, Request, Response
from gnomon_ingress.testing import Client


class Broken:
    def __aiter__(self):
        raise RuntimeError("no iterator")


async def nothing():
    yield b""


@pytest.mark.parametrize("chunks", [[b"a"], None, (piece for piece in [b"a"]), nothing])
def test_what_cannot_be_iterated_is_refused_at_once(chunks) -> None:
    with pytest.raises(TypeError, match="res.stream takes an async iterable, not"):
        Response().stream(chunks)


def test_the_error_names_the_method_that_was_called_and_the_one_to_call() -> None:
    with pytest.raises(TypeError, match=r"res\.ndjson takes .* not list: .* res\.json"):
        Response().ndjson([1, 2])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"res\.events takes .* not list: .* res\.json"):
        Response().events([1, 2])  # type: ignore[arg-type]


@trio_test
async def test_a_client_of_tests_that_is_not_open_says_so() -> None:
    async def dispatch(req: Request, res: Response) -> None:
        res.empty()

    client = Client(dispatch)
    with pytest.raises(RuntimeError, match=r"not open: .*async with Client"):
        await client.get("/")
    async with client:
        assert (await client.get("/")).status == 204
    with pytest.raises(RuntimeError, match="not open"):
        client.connect()


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative: -5"):
        Response().stream(nothing(), length=-5)


@trio_test
async def test_the_answer_of_the_next_request_is_not_taken_for_a_stream_that_failed(
    autojump_clock: MockClock,
) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/broken":
            res.stream(Broken())
            with pytest.raises(RuntimeError, match="no iterator"):
                await res.send()
        else:
            res.text("second")

    async with Client(dispatch) as client:
        stream = client.connect()
        await stream.send_all(
            b"GET /broken HTTP/1.1\r\nhost: a\r\n\r\nGET /second HTTP/1.1\r\nhost: a\r\n\r\n"
        )
        received = b""
        with trio.move_on_after(10):
            while piece := await stream.receive_some():
                received += piece
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"500", b"200"]
    assert received.endswith(b"second")


async def fails_at_once(error: BaseException, *, after: float = 0):
    await trio.sleep(after)
    raise error
    yield b"never"


@pytest.mark.parametrize("kind", ["stream", "ndjson", "events"])
@trio_test
async def test_a_failure_before_the_first_chunk_is_an_answer(
    kind: str, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        error = HttpError(409, "no_luck") if req.path == "/refused" else KeyError("secret")
        res.header("x-kept", "yes")
        getattr(res, kind)(fails_at_once(error))
        if req.path == "/here":
            with pytest.raises(KeyError):
                await res.send()
            assert not res.started
            assert not res.finished
            res.status(503).text("another time")

    async with Client(dispatch) as client:
        for path, status, body in (
            ("/", 500, "internal_error"),
            ("/refused", 409, "no_luck"),
            ("/here", 503, "another time"),
        ):
            answer = await client.get(path)
            assert (answer.status, answer.headers["x-kept"]) == (status, "yes")
            assert body in answer.text


@trio_test
async def test_events_that_fail_late_are_cut(autojump_clock: MockClock) -> None:
    """A client of events is told that it is connected before the first one comes."""

    async def dispatch(req: Request, res: Response) -> None:
        res.events(fails_at_once(KeyError("secret"), after=3))

    async with Client(dispatch) as client:
        start = trio.current_time()
        async with client.stream("GET", "/") as answer:
            assert answer.status == 200
            assert trio.current_time() - start < 0.1
            with pytest.raises(trio.BrokenResourceError):
                await answer.read()


@trio_test
async def test_a_stream_that_is_cancelled_before_its_first_chunk(autojump_clock: MockClock) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        assert req.scope is not None
        req.scope.deadline = trio.current_time() + 1
        res.stream(fails_at_once(KeyError("never"), after=3))
        await res.send()

    async with Client(dispatch) as client:
        answer = await client.get("/")
        assert (answer.status, answer.json()["code"]) == (500, "cancelled")


@pytest.mark.parametrize("kind", ["stream", "ndjson", "events"])
@trio_test
async def test_a_stream_of_nothing_is_an_answer(kind: str, autojump_clock: MockClock) -> None:
    async def none():
        for item in ():
            yield item

    async def dispatch(_req: Request, res: Response) -> None:
        getattr(res, kind)(none())

    async with Client(dispatch) as client:
        answer = await client.get("/")
        assert (answer.status, answer.body) == (200, b"")
