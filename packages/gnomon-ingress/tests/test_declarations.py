"""What a route declares about bodies: none, bytes as they are, items of a stream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from ingress_support import answers, without_interim
from trio.testing import MockClock, trio_test

from gnomon_ingress import (
    Event,
    FieldProblem,
    Request,
    RequestState,
    RequestValidator,
    Response,
    ResponseInvalid,
    ResponseValidator,
    Server,
    make_request,
)
from gnomon_ingress.testing import Client


@pytest.mark.parametrize("cut", range(1, 48, 7))
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]
)
def test_whether_a_body_is_there_does_not_depend_on_its_split(cut: int, framing: bytes) -> None:
    async def dispatch(req: Request, res: Response) -> None:
        with pytest.raises(RequestState, match=r"await req.read\(\) first"):
            _ = req.body
        assert req.raw_body is None
        RequestValidator(bodiless=True).validate(req)
        assert req.body is None
        assert await req.read() == b"{}"
        assert req.raw_body == b"{}"
        assert req.body is None
        res.text("fine")

    data = b"POST / HTTP/1.1\r\nHost: a\r\n" + framing
    whole = trio.run(answers, Server(dispatch), [data])
    assert b"200 OK" in whole
    assert without_interim(trio.run(answers, Server(dispatch), [data[:-cut], data[-cut:]])) == whole


def test_a_request_without_a_body() -> None:
    request = make_request("GET", "/")
    assert request.body == b""
    RequestValidator(bodiless=True).validate(request)
    assert request.body is None
    with pytest.raises(ValueError, match="leave one of the two out"):
        RequestValidator(bytes, bodiless=True)


def test_bytes_are_taken_as_they_are() -> None:
    validator = RequestValidator(bytes)
    assert validator.reads_body
    for media in ("application/octet-stream", "image/png", None):
        request = make_request("PUT", "/", headers={"content-type": media} if media else {}, body=b"\0\xff")
        validator.validate(request)
        assert request.body == b"\0\xff"


class Number:
    """A type of the shape a ``GType`` has."""

    def validate(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {"n": value["n"]}
        if not isinstance(value, int):
            error = ValueError("no number")
            error.problems = (FieldProblem("", "", "type", "no number", "a number"),)  # type: ignore[attr-defined]
            raise error
        return value

    def dump_json(self, value: Any) -> bytes:
        return b"number " + json.dumps(value).encode()


def test_a_status_without_a_body() -> None:
    validator = ResponseValidator({200: None, 201: Number()})
    for finish in (
        lambda res: res.empty(),
        lambda res: res.json(None),
        lambda res: res.text(""),
        lambda res: res.redirect("/elsewhere"),
        lambda res: res.status(404).json({"any": "thing"}),
        lambda res: res.status(201).json(3),
    ):
        response: Response[Any] = Response()
        finish(response)
        validator.validate(response)
    for finish in (lambda res: res.json({}), lambda res: res.text("x"), lambda res: res.stream(items())):
        response = Response()
        finish(response)
        with pytest.raises(ResponseInvalid, match="declared to have no body"):
            validator.validate(response)


async def items(*given: Any) -> AsyncIterator[Any]:
    for item in given:
        yield item


def test_items() -> None:
    reported: list[Any] = []
    lenient = ResponseValidator({200: Number()}, items=Number(), development=False, report=reported.extend)
    strict = ResponseValidator({200: Number()}, items=Number())
    for validator in (strict, lenient):
        validator.validate_item(3)
        validator.validate_item(Event(data=3))
        validator.validate_item({"n": 1})
        for wrong in ("three", Event(data="three")):
            with pytest.raises(ResponseInvalid, match="an item of the stream is not as declared") as invalid:
                validator.validate_item(wrong)
            assert invalid.value.status_code is None
    with pytest.raises(ResponseInvalid, match="/m: the type does not know this key"):
        strict.validate_item({"n": 1, "m": 2})
    lenient.validate_item({"n": 1, "m": 2})
    assert [problem.pointer for problem in reported] == ["/m"]
    ResponseValidator({}).validate_item("anything")


@trio_test
async def test_items_are_encoded_by_their_type(autojump_clock: MockClock) -> None:
    validator = ResponseValidator({200: Number()}, items=Number())

    async def dispatch(req: Request, res: Response) -> None:
        if req.path == "/lines":
            res.ndjson(items(1, 2))
        elif req.path == "/events":
            res.events(items(1, Event(data="text", event="kind"), Event(data=2)))
        else:
            res.stream(items(b"raw ", b"bytes"))
        # The items themselves, for whoever stands around them.
        assert hasattr(res.body, "__aiter__")
        validator.validate(res)

    async with Client(dispatch) as client:
        assert (await client.get("/lines")).body == b"number 1\nnumber 2\n"
        assert (await client.get("/events")).text == (
            "data: number 1\n\nevent: kind\ndata: text\n\ndata: number 2\n\n"
        )
        assert (await client.get("/raw")).body == b"raw bytes"
