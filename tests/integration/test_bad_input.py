"""Bad input and faults through a real socket: the status of the design, problem details, and a server that goes on."""

import json
from typing import Annotated, TypedDict

import pytest
import trio
from serving import serving
from trio.testing import trio_test

from gnomon import App, Config, before, get, post
from gnomon.types import Email, Max, Min
from gnomon_ingress import Config as ServerConfig
from gnomon_ingress import Limits, Request, Response


class Booking(TypedDict):
    email: Email
    seats: Annotated[int, Min(1), Max(9)]


class Search(TypedDict):
    page: int


seen: list[object] = []


@post("/bookings")
async def book(req: Request[Booking], res: Response[Booking], lctx, gctx):
    seen.append(req.body)
    res.status(201).json(req.body)


@get("/search")
async def search(req: Request[None, Search], res, lctx, gctx):
    res.json({"page": req.query["page"]})


@get("/broken")
async def broken(req, res, lctx, gctx):
    raise RuntimeError("the password is hunter2")


@get("/wrong-answer")
async def wrong_answer(req, res: Response[Booking], lctx, gctx):
    res.json({"email": "not an address", "seats": 1})


@get("/slow", timeout=0.2)
async def slow(req, res, lctx, gctx):
    await trio.sleep(30)


@get("/silent")
async def silent(req, res, lctx, gctx):
    pass


@before
async def broken_hook(req):
    if req.headers.get("x-break") == "hook":
        raise ValueError("a secret of the hook")


def make_app() -> App:
    limits = Limits(body_size=2000)
    config = Config(server=ServerConfig(limits=limits))
    return App(book, search, broken, wrong_answer, slow, silent, broken_hook, config=config)


JSON = {"content-type": "application/json"}
GOOD = {"email": "ada@example.org", "seats": 2}

CASES = {
    "invalid json": (("POST", "/bookings", JSON, b"{"), 400, [""]),
    "empty body": (("POST", "/bookings", JSON, b""), 400, [""]),
    "duplicate keys": (
        ("POST", "/bookings", JSON, b'{"email": "a@b.cd", "seats": 1, "seats": 2}'),
        400,
        None,
    ),
    "wrong types": (("POST", "/bookings", JSON, b'{"email": 1, "seats": "2"}'), 400, ["/email", "/seats"]),
    "out of range": (
        ("POST", "/bookings", JSON, b'{"email": "a@example.org", "seats": 10}'),
        400,
        ["/seats"],
    ),
    "not an object": (("POST", "/bookings", JSON, b"[]"), 400, [""]),
    "too deep": (("POST", "/bookings", JSON, b"[" * 1000), 400, None),
    "wrong media type": (("POST", "/bookings", {"content-type": "text/plain"}, b"x"), 415, None),
    "body over the limit": (("POST", "/bookings", JSON, b" " * 3000), 413, None),
    "query missing": (("GET", "/search", {}, b""), 400, ["/page"]),
    "query of the wrong type": (("GET", "/search?page=one", {}, b""), 400, ["/page"]),
    "unknown route": (("GET", "/nowhere", {}, b""), 404, None),
    "wrong method": (("DELETE", "/bookings", {}, b""), 405, None),
    "a handler that raises": (("GET", "/broken", {}, b""), 500, None),
    "a hook that raises": (("GET", "/search?page=1", {"x-break": "hook"}, b""), 500, None),
    "an answer of the wrong type": (("GET", "/wrong-answer", {}, b""), 500, None),
    "a handler past its timeout": (("GET", "/slow", {}, b""), 504, None),
    "a handler that answers nothing": (("GET", "/silent", {}, b""), 500, None),
}


@pytest.mark.parametrize("case", CASES)
@trio_test
async def test_bad_input_gets_its_status_and_the_server_goes_on(case):
    (method, target, headers, content), status, pointers = CASES[case]
    seen.clear()
    async with serving(make_app()) as client:
        answer = await client.request(method, target, headers=headers, content=content)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status
        if pointers is not None:
            assert sorted(error["pointer"] for error in problem["errors"]) == pointers
            assert all(
                {"pointer", "code", "message", "expected"} <= set(error) for error in problem["errors"]
            )
        for internal in ("hunter2", "secret", "Traceback", "RuntimeError", ".py"):
            assert internal not in answer.text
        assert seen == []
        again = await client.post("/bookings", json=GOOD)
        assert (again.status_code, again.json()) == (201, GOOD)


@trio_test
async def test_a_wrong_method_says_which_are_right():
    async with serving(make_app()) as client:
        answer = await client.put("/bookings")
    assert answer.headers["allow"] == "POST"


@trio_test
async def test_an_unknown_key_is_dropped():
    async with serving(make_app()) as client:
        answer = await client.post("/bookings", content=json.dumps({**GOOD, "note": "x"}), headers=JSON)
    assert answer.json() == GOOD
