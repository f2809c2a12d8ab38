"""Requests and answers that are streamed, recorded piece by piece and replayed."""

from collections.abc import AsyncIterator
from typing import TypedDict

import trio

from gnomon import App, Response, get, post
from gnomon._replay import _Collected
from gnomon._streams import shown_item
from gnomon.testing import Client
from gnomon_gtype import Sensitive
from gnomon_ingress import Event, make_request
from gnomon_snapshot import Difference, Edit, MemoryStore, Recorder, Recording, Snapshot, replay


def recorded(*sources, **options) -> tuple[Recording, bytes]:
    """A request's recording, and the bytes of the answer."""

    async def main() -> tuple[Snapshot, bytes]:
        store = MemoryStore()
        async with Client(App(*sources, recording=Recorder(store))) as client:
            answer = await client.request(options.pop("method", "GET"), options.pop("target", "/"), **options)
        (summary,) = (await store.list()).summaries
        return await store.get(summary.request_id), answer.body

    snapshot, body = trio.run(main)
    return Recording.from_bytes(snapshot.to_bytes()), body


def numbers(count, make):
    async def items():
        for number in range(count):
            yield make(number)

    return items()


def of_kind(kind, count, make=lambda number: {"n": number}):
    @get("/")
    def handler(req, res, lctx, gctx):
        getattr(res, kind)(numbers(count, make))

    return handler


def test_lines_of_json_are_recorded_as_items_and_compared_one_by_one():
    recording, body = recorded(of_kind("ndjson", 2))
    assert body == b'{"n":0}\n{"n":1}\n'
    assert recording.snapshot.response.body == [{"n": 0}, {"n": 1}]
    assert replay(recording, App(of_kind("ndjson", 2))).empty
    report = replay(recording, App(of_kind("ndjson", 3, lambda number: {"n": -number})))
    assert report.response == (
        Difference("/body/1/n", 1, -1),
        Difference("/body/2", "(nothing)", {"n": -2}),
    )


def test_events_are_recorded_by_their_fields():
    def make(number):
        return Event(data={"n": number}, id=str(number), event="tick") if number else "plain"

    recording, body = recorded(of_kind("events", 2, make))
    assert body == b'data: plain\n\nevent: tick\nid: 1\ndata: {"n":1}\n\n'
    assert recording.snapshot.response.body == ["plain", {"event": "tick", "id": "1", "data": {"n": 1}}]
    assert recording.losses == ()
    assert replay(recording, App(of_kind("events", 2, make))).empty


def test_bytes_are_recorded_chunk_by_chunk():
    def make(number):
        return bytearray([65 + number]) if number else b"first"

    recording, body = recorded(of_kind("stream", 3, make))
    assert body == b"firstBC"
    assert recording.snapshot.response.body == [b"first", b"B", b"C"]
    assert replay(recording, App(of_kind("stream", 3, make))).empty


class Token(TypedDict):
    user: str
    token: Sensitive[str]


def test_what_the_type_of_an_item_calls_sensitive_is_blanked():
    @get("/")
    def handler(req, res: Response[AsyncIterator[Token]], lctx, gctx):
        res.ndjson(numbers(2, lambda number: {"user": "ada", "token": f"opensesame-{number}"}))

    @get("/wrong")
    def wrong(req, res: Response[AsyncIterator[Token]], lctx, gctx):
        res.ndjson(numbers(1, lambda _: 7))

    recording, body = recorded(handler)
    assert b"opensesame-1" in body
    assert b"opensesame" not in recording.to_bytes()
    assert recording.snapshot.response.body == [{"user": "ada", "token": "(hidden)"}] * 2
    assert replay(recording, App(handler)).empty
    recording, _ = recorded(wrong, target="/wrong")
    assert replay(recording, App(wrong)).empty


@post("/")
async def counting(req, res, lctx, gctx):
    sizes = [len(piece) async for piece in req.stream()]
    res.json(sizes)


CHUNKED = {"transfer-encoding": "chunked"}


def test_a_streamed_body_is_given_back_piece_by_piece():
    for options in ({"body": b"whole"}, {"body": b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "headers": CHUNKED}):
        recording, body = recorded(counting, method="POST", **options)
        assert recording.unrecorded == ()
        assert str(recording.snapshot.response.body).replace(" ", "").encode() == body
        report = replay(recording, App(counting))
        assert report.empty, str(report)
        assert replay(report.replayed, App(counting)).empty
    report = replay(recording, App(counting), edit=Edit(body=b"other", headers={"transfer-encoding": None}))
    assert report.replayed.snapshot.response.body == [5]


def test_code_that_reads_a_streamed_body_whole_gets_it_and_the_other_way_round():
    @post("/")
    async def reading(req, res, lctx, gctx):
        res.json([len(await req.read())])

    assert replay(recorded(counting, method="POST", body=b"whole")[0], App(reading)).response == ()
    assert replay(recorded(reading, method="POST", body=b"whole")[0], App(counting)).response == ()


def test_a_body_that_nobody_read_is_a_divergence_for_who_reads_it_today():
    @post("/")
    def ignoring(req, res, lctx, gctx):
        res.json("ignored")

    recording, _ = recorded(ignoring, method="POST", body=b"whole")
    assert recording.unrecorded == ("the body of the request: nobody read it",)
    assert replay(recording, App(ignoring)).empty
    report = replay(recording, App(counting))
    assert report.cause == "divergence at the body of the request: is not all there: nobody read it"


def test_an_answer_that_failed_before_its_first_item_is_the_one_that_was_sent():
    class Broken:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise ValueError("nothing there")

    @get("/")
    def handler(req, res, lctx, gctx):
        res.stream(Broken())

    recording, body = recorded(handler)
    assert recording.snapshot.response.body["status"] == 500
    assert b"internal_error" in body
    assert replay(recording, App(handler)).empty


def test_an_item_that_its_type_cannot_blank_is_hidden():
    class Failing:
        def redact(self, value):
            raise TypeError(value)

    assert shown_item({"token": "sesame"}, Failing()) == "(hidden)"
    assert shown_item(Event(data=7), Failing()) == {"data": "(hidden)"}


def test_a_stream_of_a_replay_goes_nowhere():
    class Pieces:
        def __init__(self, *pieces):
            self.pieces = iter(pieces)

        def __aiter__(self):
            return self

        async def __anext__(self):
            for piece in self.pieces:
                return piece
            raise StopAsyncIteration

    for pieces in ((), (b"one", b"two")):
        response = Response()
        trio.run(_Collected(make_request()).deliver_stream, response, Pieces(*pieces), None)
        assert response.started
