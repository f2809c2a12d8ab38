"""What the report of a replay calls a difference."""

import uuid
from datetime import UTC, datetime

import pytest
import trio
from replays import Secret, first, recorded

from gnomon_snapshot import (
    Difference,
    MemoryStore,
    Recorder,
    Recording,
    compare,
)


def body(value):
    return recorded(
        lambda req, res, lctx, gctx: (setattr(res, "body", value), lctx.set("kept", value)) and None
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 2),
        (1, 1.0),
        (True, 1),
        ("a", "b"),
        ([1], [1, 2]),
        ([1, 2], [1]),
        ({"a": 1}, {"b": 1}),
        ({"a": {"b": [1]}}, {"a": {"b": [2]}}),
        ({1, 2}, {1, 3}),
        (ValueError(1), ValueError(2)),
        ("2026-01-01", "x"),
        (None, "x"),
    ],
)
def test_a_difference_is_shown_and_an_equality_is_not(a, b):
    assert compare(body(a), body(a)).empty
    report = compare(body(a), body(b))
    assert report.response
    assert report.state
    assert report.lifecycle == report.calls == ()
    assert all(str(each) for each in report.response)


def test_times_and_ids_are_aside():
    def now():
        return {
            "text": datetime.now(UTC).isoformat(),
            "id": str(uuid.uuid4()),
            "objects": [datetime.now(UTC), uuid.uuid4()],
        }

    assert compare(body(now()), body(now())).empty
    assert not compare(body(str(uuid.uuid4())), body(datetime.now(UTC).isoformat())).empty
    assert not compare(body(uuid.uuid4()), body(datetime.now(UTC))).empty


def test_shared_values_and_sets_are_compared_by_what_they_are():
    def shared():
        inner = [1]
        cycle = {}
        cycle["self"] = cycle
        return [inner, inner, cycle, {"a", "b", "c"}, frozenset({("x", 1)}), open, Secret("text")]

    assert compare(body(shared()), body(shared())).empty


def test_a_lifecycle_and_an_outcome_differ():
    def failing(req, res, lctx, gctx):
        raise ValueError("no")

    recording = recorded(lambda req, res, lctx, gctx: None)
    report = compare(recording, recorded(failing))
    assert report.lifecycle[-1] == Difference("/outcome", "ok", "error")
    assert report.cause.startswith("response differs at /status")
    without = compare(recorded(failing), recorded(failing, hooks=[first]))
    assert without.cause == "lifecycle differs at (nothing) -> hook.start first"
    long = compare(body("a" * 1000), body("b" * 1000))
    assert "…" in str(long)
    assert compare(recording, recording).title == "GET /"


def test_a_recording_without_a_response_is_compared_too():
    async def main():
        from gnomon_context.testing import global_context, local_context

        live = Recorder(MemoryStore()).begin(global_context())
        return live.finish(local_context(live.gctx))

    one, two = trio.run(main), body(1)
    assert compare(one, one).empty
    assert compare(one, two).response[0].path == ""


# Many.


def test_calls_between_that_are_the_same_are_no_difference():
    def asking(*skus):
        def handler(req, res, lctx, gctx):
            for sku in skus:
                gctx.modules.store.price(sku)

        return handler

    report = compare(recorded(asking("a", "b", "c")), recorded(asking("x", "b", "y")))
    assert [difference.path for difference in report.calls] == ["/0", "/2"]


def test_headers_of_the_response_are_compared_whatever_their_case():
    def answering(name, value):
        return recorded(lambda req, res, lctx, gctx: res.headers.update({name: value}))

    assert compare(answering("X-A", "1"), answering("x-a", "1")).empty
    assert compare(answering("x-a", "1"), answering("x-a", "2")).response[0].path == "/headers/x-a/0"


def test_a_header_more_is_a_difference():
    def answering(**headers):
        return recorded(lambda req, res, lctx, gctx: res.headers.update(headers))

    report = compare(answering(one="1"), answering(one="1", two="2"))
    assert report.response == (Difference("/headers/two", "(nothing)", ["2"]),)


# What requests share.


@pytest.mark.parametrize(
    ("body", "code"), [({"code": "no_route"}, "no_route"), ("not found", "404"), (None, "refused")]
)
def test_a_request_that_nothing_takes_any_more_is_reported_as_such(body, code):
    def handler(req, res, lctx, gctx):
        res.status_code, res.body = 404, body

    then = recorded(lambda req, res, lctx, gctx: None)
    today = recorded(handler)
    part = today.node
    part["trace"] = [[*part["trace"][-1][:4], "HttpError: 404", "error", []]]
    if body is None:
        today.snapshot.tree["response"] = None
        today = Recording.from_bytes(today.to_bytes())
    report = compare(then, today)
    (problem,) = report.problems
    assert problem == ("", code, "HttpError: 404", "request")
    assert report.cause == f"the request is no longer taken: {code}"
    assert compare(today, today).problems == ()
    part = today.node
    part["trace"] = []
    assert compare(then, today).problems == ()
