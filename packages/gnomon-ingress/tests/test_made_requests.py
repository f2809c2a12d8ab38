"""Requests that came over no connection, and bodies that are looked at while they are streamed."""

import pytest
import trio
from trio.testing import trio_test

import gnomon_ingress
from gnomon_ingress import HttpError, RequestState, make_request
from gnomon_ingress.testing import Client


class pieces:  # noqa: N801 - reads as the function that it stands for; a generator would have to be closed
    def __init__(self, *given):
        self._given = iter(given)

    def __aiter__(self):
        return self

    async def __anext__(self):
        await trio.lowlevel.checkpoint()
        for piece in self._given:
            return piece
        raise StopAsyncIteration


def test_repeated_fields_and_the_client_are_as_they_are_given():
    request = make_request(headers=[("x-a", "1"), ("X-A", "2")], client=gnomon_ingress.Client("10.0.0.1", 7))
    assert request.headers.getall("x-a") == ("1", "2")
    assert request.client == ("10.0.0.1", 7)
    assert make_request(headers={"x-a": "1"}).client is None


@trio_test
async def test_a_body_in_pieces_is_streamed_or_read_within_the_limit():
    assert await make_request(body=pieces(b"ab", b"c")).read() == b"abc"
    assert [piece async for piece in make_request(body=pieces(b"ab", b"c")).stream()] == [b"ab", b"c"]
    request = make_request(body=pieces(b"ab", b"c"))
    assert request.raw_body is None
    request.body_limit = 2
    with pytest.raises(HttpError, match="larger than 2"):
        await request.read()
    request = make_request(body=pieces(b"a"))
    request.stream()
    with pytest.raises(RequestState):
        request.stream()


@trio_test
async def test_what_is_streamed_is_seen_and_what_is_read_is_not():
    seen = []

    async def dispatch(req, res):
        req.watch_body(seen.append)
        if req.path == "/read":
            res.bytes(await req.read() + (req.raw_body or b""))
        elif req.path == "/none":
            res.text("nothing")
        else:
            res.bytes(b"".join([piece async for piece in req.stream()]))

    async with Client(dispatch) as client:
        assert (await client.post("/", body=b"whole")).body == b"whole"
        assert seen == [b"whole", b""]
        seen.clear()
        chunked = {"transfer-encoding": "chunked"}
        body = b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
        assert (await client.post("/", body=body, headers=chunked)).body == b"abc"
        assert (b"".join(seen), seen[-1]) == (b"abc", b"")
        seen.clear()
        assert (await client.post("/read", body=b"two")).body == b"twotwo"
        assert (await client.get("/none")).body == b"nothing"
        assert (await client.post("/none", body=b"unread")).body == b"nothing"
        assert seen == []


@trio_test
async def test_a_body_that_is_taken_already_is_not_watched():
    seen = []
    request = make_request(body=pieces(b"a"))
    taken = request.stream()
    request.watch_body(seen.append)
    assert [piece async for piece in taken] == [b"a"]
    assert seen == []
