"""A recording of one version against a version that takes another shape is reported as such, with the problems."""

from typing import Any, TypedDict

import pytest
import trio

from gnomon import App, Request, get, post, put
from gnomon.testing import Client
from gnomon_snapshot import MemoryStore, Recorder, Recording, replay, replay_all


class Old(TypedDict):
    sku: str


class New(TypedDict):
    sku: int
    quantity: int


class Lines(TypedDict):
    lines: list[int]


class Words(TypedDict):
    lines: list[str]


class Page(TypedDict):
    page: int


async def store_of(*asked, source):
    store = MemoryStore()
    async with Client(App(source, recording=Recorder(store))) as client:
        for method, target, options in asked:
            await client.request(method, target, **options)
    return store


def recorded(source, method="POST", target="/orders/abc?page=one", **options) -> Recording:
    async def main():
        store = await store_of((method, target, options), source=source)
        (summary,) = (await store.list()).summaries
        return await store.get(summary.request_id)

    return Recording.from_bytes(trio.run(main).to_bytes())


@post("/orders/{id}")
async def taken(req: Request[Old], res, lctx, gctx):
    res.json(req.body)


@post("/orders/{id}")
async def other_body(req: Request[New], res, lctx, gctx):
    res.json(1)


@post("/orders/{id}")
async def other_query(req: Request[Any, Page], res, lctx, gctx):
    res.json(1)


@post("/orders/{id}")
async def other_headers(req: Request[Any, Any, Page], res, lctx, gctx):
    res.json(1)


@post("/orders/{id:int}")
async def other_params(req, res, lctx, gctx):
    res.json(1)


@put("/orders/{id}")
async def other_method(req, res, lctx, gctx):
    res.json(1)


@post("/elsewhere")
async def other_route(req, res, lctx, gctx):
    res.json(1)


@post("/orders/{id}", body_limit=3)
async def other_limit(req: Request[Old], res, lctx, gctx):
    res.json(1)


@pytest.mark.parametrize(
    ("today", "found", "cause"),
    [
        (
            other_body,
            [("body", "/sku", "wrong_type"), ("body", "/quantity", "missing")],
            "the request no longer validates: wrong_type at /sku",
        ),
        (
            other_query,
            [("query", "/page", "wrong_type")],
            "the request no longer validates: wrong_type at /page of the query",
        ),
        (
            other_headers,
            [("headers", "/page", "missing")],
            "the request no longer validates: missing at /page of the headers",
        ),
        (
            other_params,
            [("request", "", "route_not_found")],
            "the request is no longer taken: route_not_found",
        ),
        (
            other_method,
            [("request", "", "method_not_allowed")],
            "the request is no longer taken: method_not_allowed",
        ),
        (
            other_route,
            [("request", "", "route_not_found")],
            "the request is no longer taken: route_not_found",
        ),
        (other_limit, [("request", "", "body_too_large")], "the request is no longer taken: body_too_large"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_another_shape_is_reported_with_its_problems(today, found, cause):
    report = replay(recorded(taken, json={"sku": "apple"}), App(today))
    assert [(each.source, each.pointer, each.code) for each in report.problems] == found
    assert all(each.message for each in report.problems)
    assert (report.cause, report.empty) == (cause, False)
    assert report.calls == report.divergences == ()
    shown = str(report)
    for problem in report.problems:
        assert f"problem     {problem.source}{problem.pointer or '/'}: {problem.message}" in shown
    assert report.to_json()["problems"][0]["source"] == found[0][0]


def test_a_body_that_was_refused_keeps_its_bytes_and_is_taken_where_it_fits():
    recording = recorded(
        other_body, body=b'{"sku": "apple", "sku2": \xff', headers={"content-type": "application/json"}
    )
    assert recording.snapshot.response.status_code == 400
    assert recording.request.body == b'{"sku": "apple", "sku2": \xff'
    assert replay(recording, App(other_body)).empty
    recording = recorded(other_body, json={"sku": "apple"})
    assert (recording.snapshot.response.status_code, recording.request.body) == (400, b'{"sku": "apple"}')
    assert recording.unrecorded == ()
    again = replay(recording, App(other_body))
    assert again.empty, str(again)
    report = replay(recording, App(taken))
    assert report.problems == ()
    assert report.replayed.snapshot.response.body == {"sku": "apple"}
    assert report.cause == "response differs at /status"


def test_what_was_refused_by_no_route_is_no_problem_of_today():
    recording = recorded(taken, target="/nowhere")
    assert replay(recording, App(taken)).empty
    assert replay(recording, App(other_route)).empty

    @post("/nowhere")
    async def somewhere(req, res, lctx, gctx):
        res.json(1)

    report = replay(recording, App(somewhere))
    assert (report.problems, report.cause) == ((), "response differs at /status")


def test_a_day_of_another_shape_is_one_cause_for_each_problem():
    @post("/lines")
    async def then(req: Request[Lines], res, lctx, gctx):
        res.json(len(req.body["lines"]))

    @post("/lines")
    async def today(req: Request[Words], res, lctx, gctx):
        res.json(len(req.body["lines"]))

    async def main():
        asked = [("POST", "/lines", {"json": {"lines": [*range(count)]}}) for count in (1, 2, 3)]
        return await replay_all(await store_of(*asked, source=then), app=App(today))

    (cause,) = trio.run(main).causes
    assert (cause.cause, cause.count) == ("the request no longer validates: wrong_type at /lines/*", 3)


def test_a_hook_that_refuses_is_a_difference_and_no_other_shape():
    from gnomon import HttpError, before

    @before
    def closed(req):
        raise HttpError(503, "closed")

    @get("/")
    def handler(req, res, lctx, gctx):
        res.text("open")

    report = replay(recorded(handler, "GET", "/"), App(handler, closed))
    assert (report.problems, report.cause) == ((), "response differs at /status")
