"""What passes through the streams of a request: the pieces of its body, and the items of its answer."""

from types import SimpleNamespace

import pytest
import trio
from trio.testing import trio_test

from gnomon_context.testing import global_context, local_context
from gnomon_snapshot import (
    Edit,
    Limits,
    Lost,
    MemoryStore,
    Recorder,
    Recording,
    ReplayDiverged,
    ReplayRun,
    SnapshotCorrupt,
    replay,
)
from gnomon_snapshot.testing import Application, Asked


def sent(*items, **limits):
    async def main():
        live = Recorder(MemoryStore(), limits=Limits(**limits)).begin(global_context())
        sending = live.sending()
        for item in items:
            sending.add(item)
            if isinstance(item, list):
                item.append("later")
        response = SimpleNamespace(status_code=200, headers={}, body=object(), finished=True, started=True)
        return live.finish(local_context(live.gctx), response=response, sent=sending)

    snapshot = Recording.from_bytes(trio.run(main).to_bytes()).snapshot
    assert snapshot.response.finished
    return snapshot


def test_every_item_of_an_answer_is_what_it_was_when_it_passed():
    same = [1]
    assert sent(b"one", {"n": 2}, same, same).response.body == [b"one", {"n": 2}, [1], [1, "later"]]
    assert sent().response.body == []


def test_items_beyond_the_bounds_are_lost_by_name():
    snapshot = sent(b"abc", b"d" * 8, b"e", size=10)
    assert snapshot.response.body == [b"abc", Lost("builtins.bytes", repr(b"d" * 8), "size"), b"e"]
    assert [loss.path for loss in snapshot.losses] == ["/response/body/1"]
    snapshot = sent(1, 2, 3, 4, count=2)
    assert snapshot.response.body == [1, 2, Lost("stream", "2 more items", "count")]
    assert [loss.path for loss in snapshot.losses] == ["/response/body/2"]


class Secret:
    __sensitive__ = True

    def __init__(self):
        self.text = "sesame-open"


def test_a_secret_in_an_item_is_not_written():
    snapshot = sent({"token": Secret()}, "sesame-open is here")
    assert b"sesame-open" not in snapshot.to_bytes()


@trio_test
async def test_what_was_taken_out_of_an_item_is_written_nowhere_else():
    live = Recorder(MemoryStore()).begin(global_context())
    lctx = local_context(live.gctx)
    lctx.set("leaked", "sesame-open")
    sending = live.sending()
    sending.add({"token": "(hidden)"}, of={"token": "sesame-open"})
    assert b"sesame-open" not in live.finish(lctx, sent=sending).to_bytes()


@trio_test
async def test_a_request_that_has_no_response_has_no_items():
    live = Recorder(MemoryStore()).begin(global_context())
    assert live.finish(local_context(live.gctx), sent=live.sending()).snapshot.response is None


def taken(*pieces, limits=None):
    """A recording of a request whose body was taken in pieces, a tenth of a second apart."""

    async def main():
        recorder = Recorder(MemoryStore(), limits=limits or Limits())
        live = recorder.begin(global_context())
        for piece in pieces:
            live.took().add(piece)
            await trio.sleep(0.1)
        live.took()
        return live.finish(local_context(live.gctx), request=Asked(raw_body=None))

    recording = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return Recording.from_bytes(recording.to_bytes())


def test_the_pieces_of_a_body_are_recorded_with_their_times():
    recording = taken(b"ab", b"c", b"")
    pieces = recording.request.pieces
    assert [piece for _, piece in pieces] == [b"ab", b"c"]
    assert [round(at, 1) for at, _ in pieces] == [0.0, 0.1]
    assert (recording.request.body, recording.unrecorded) == (None, ())


def test_a_body_that_is_not_all_there_says_why():
    assert taken().unrecorded == ("the body of the request: nobody read it",)
    assert taken(b"ab").unrecorded == (
        "the body of the request: the handler took 2 bytes of it as a stream, and not the rest",
    )
    recording = taken(b"ab", b"cde", b"f", b"", limits=Limits(size=4))
    assert recording.unrecorded == (
        "the body of the request: it was streamed, and its 6 bytes are more than the limit",
    )
    assert [piece for _, piece in recording.request.pieces] == [b"ab"]


def test_pieces_of_another_shape_are_refused():
    recording = taken(b"ab", b"")
    for wrong in ([[0, "text"]], [["0", b"bytes"]], [[0]], [7]):
        recording.snapshot.tree["recording"]["request"]["pieces"] = wrong
        with pytest.raises(SnapshotCorrupt):
            Recording.of(recording.snapshot)


def streamed_again(recording, *, edit=None, **options):
    """What a replay gives a handler that takes the body piece by piece, and the report."""
    found = []

    class Run(Application):
        def open_replay(self, *, live):
            return _opened(super().open_replay(live=live), holder)

    holder = {}

    async def handler(req, res, lctx, gctx):
        body = holder["run"].body()
        if isinstance(body, bytes):
            found.append(body)
            return
        began = trio.current_time()
        async for piece in body:
            found.append((round(trio.current_time() - began, 1), piece))

    report = replay(recording, Run(handler, modules={"live": 1}), edit=edit, **options)
    return found, report


class _opened:  # noqa: N801 - reads as the function that it stands for
    def __init__(self, manager, holder):
        self._manager = manager
        self._holder = holder

    async def __aenter__(self):
        stage = await self._manager.__aenter__()
        run = stage.run

        async def remember(replayed):
            self._holder["run"] = replayed
            await run(replayed)

        stage.run = remember
        return stage

    async def __aexit__(self, *error):
        return await self._manager.__aexit__(*error)


def test_a_replay_tells_of_its_own_streams():
    run = ReplayRun(
        Application(lambda *_: None).record(),
        Recorder(MemoryStore()),
        live=frozenset(),
        from_step=None,
        edit=None,
    )

    async def main():
        run.view(global_context(), classes={})
        run.took().add(b"")
        run.sending().add(1)
        return run.took().missing

    assert trio.run(main) == ""


def test_a_replay_gives_the_pieces_back_when_they_came():
    found, report = streamed_again(taken(b"ab", b"c", b""))
    assert found == [(0.0, b"ab"), (0.1, b"c")]
    assert report.divergences == ()
    found, _ = streamed_again(taken(b"ab", b""), edit=Edit(body=b"other"))
    assert found == [b"other"]
    found, _ = streamed_again(taken(b"ab", b""), allow_live={"live"})
    assert found == [(0.0, b"ab")]


def test_a_replay_that_wants_more_of_a_body_than_there_is_diverges():
    found, report = streamed_again(taken(b"ab"))
    assert found == [(0.0, b"ab")]
    (divergence,) = report.divergences
    assert divergence.position == 1
    assert str(divergence).startswith(
        "call 1: the body of the request is not all there: the handler took 2 bytes of it as a stream"
    )
    assert isinstance(report.replayed.snapshot.error, ReplayDiverged) or report.replayed.snapshot.error


def test_a_body_whose_client_left_is_waited_for_until_it_leaves_again():
    recording = taken(b"ab")
    part = recording.snapshot.tree["recording"]
    part["cancelled"] = "disconnect"
    found, report = streamed_again(Recording.of(recording.snapshot))
    assert (found, report.divergences) == ([(0.0, b"ab")], ())
    assert report.replayed.node["cancelled"] is None or report.replayed.snapshot.outcome == "disconnect"
