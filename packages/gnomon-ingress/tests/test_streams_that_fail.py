"""A stream that cannot be read is refused, or ends its connection: the next answer is never taken for it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import trio_test

from gnomon_ingress import Request, Response
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


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative: -5"):
        Response().stream(nothing(), length=-5)


@trio_test
async def test_the_answer_of_the_next_request_is_not_taken_for_a_stream_that_failed() -> None:
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
    assert received == b""
