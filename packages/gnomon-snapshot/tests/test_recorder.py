"""A recorder makes no recording for which there is no room, keeps the context of a request, and writes many at once."""

from typing import Any

import trio
from trio.testing import MockClock, trio_test

from gnomon_context import LocalContext, open_global_context
from gnomon_context.runtime import begin, end
from gnomon_snapshot import (
    BackgroundWriter,
    Limits,
    MemoryStore,
    Page,
    Query,
    Recorder,
    Recording,
    Sampling,
    Snapshot,
    SqliteStore,
    capture,
    replay,
)
from gnomon_snapshot._format import COMPACT, version_of
from gnomon_snapshot._recorder import _AT_ONCE
from gnomon_snapshot.testing import Application, Asked, make_snapshot


class Gated:
    """A store that takes nothing until it is let."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.gate = trio.Event()

    async def put(self, *snapshots: Snapshot) -> None:
        self.batches.append(len(snapshots))
        await self.gate.wait()

    async def get(self, request_id: str) -> Snapshot:
        raise LookupError(request_id)

    async def list(self, query: Query = Query(), *, limit: int = 100, after: str | None = None) -> Page:  # noqa: B008
        return Page((), None)

    async def delete(self, request_id: str) -> bool:
        return False

    async def prune(self, retention: Any, *, now: Any = None) -> int:
        return 0

    async def aclose(self) -> None:
        pass


@trio_test
async def test_what_would_find_no_room_is_not_recorded_at_all(autojump_clock: MockClock) -> None:
    store = Gated()
    recorder = Recorder(store, sampling=Sampling(rate=1.0, failures=False), capacity=8)
    async with open_global_context() as gctx, trio.open_nursery() as nursery:
        assert recorder.sampling.rate == 1.0
        assert recorder.wants(LocalContext(gctx))  # nobody stores yet: whoever asks may keep it himself
        await nursery.start(recorder.run)
        for number in range(12):
            lctx = LocalContext(gctx)
            if not recorder.wants(lctx):
                break
            live = recorder.begin(gctx)
            live.take_over(lctx)
            lctx.settle("ok")
            assert recorder.offer(live.finish(lctx), lctx)
        assert number == 7  # seven eighths of the room
        statistics = recorder.statistics()
        assert statistics is not None
        assert (statistics.offered, statistics.dropped, statistics.queued) == (8, 1, 7)
        assert not statistics.healthy
        store.gate.set()
        await trio.sleep(1)
        assert recorder.wants(LocalContext(gctx))
        statistics = recorder.statistics()
        assert statistics is not None and statistics.healthy and statistics.written == 7
        await recorder.aclose()
        assert not recorder.wants(LocalContext(gctx))


@trio_test
async def test_a_request_that_is_kept_if_it_fails_is_recorded_also_where_there_is_no_room(
    autojump_clock: MockClock,
) -> None:
    recorder = Recorder(Gated(), sampling=Sampling(rate=0.0, failures=True), capacity=1)
    async with open_global_context() as gctx, trio.open_nursery() as nursery:
        await nursery.start(recorder.run)
        assert recorder._writer is not None and recorder._writer.offer(make_snapshot(0))
        assert not recorder._writer.has_room
        lctx = LocalContext(gctx)
        assert recorder.wants(lctx)
        live = recorder.begin(gctx)
        live.take_over(lctx)
        lctx.settle("error", ValueError("no"))
        assert not recorder.offer(live.finish(lctx), lctx)
        nursery.cancel_scope.cancel()


@trio_test
async def test_recordings_are_written_together(autojump_clock: MockClock) -> None:
    store = Gated()
    store.gate.set()
    recorder = Recorder(store)
    async with open_global_context() as gctx, trio.open_nursery() as nursery:
        await nursery.start(recorder.run)
        made: list[Recording] = []
        for _ in range(_AT_ONCE + 3):
            lctx = LocalContext(gctx)
            live = recorder.begin(gctx)
            live.take_over(lctx)
            lctx.settle("ok")
            request, response = Asked(), Answer()
            made.append(live.finish(lctx, request=request, response=response))
            recorder.offer(made[-1], lctx)
            await trio.sleep(0.001)
        assert store.batches == []
        encoded = [recording.snapshot._data is not None for recording in made]
        assert encoded == [True] * _AT_ONCE + [False] * 3
        assert made[-2].snapshot.tree["phase"] == "received" and made[-2].snapshot._data is None
        assert made[-1].snapshot.using(recorder.types) == made[-1].snapshot
        await trio.sleep(1)
        assert store.batches == [_AT_ONCE + 3]
        await recorder.aclose()
    assert all(version_of(recording.to_bytes()) == COMPACT for recording in made)


class Answer:
    status_code = 200
    body = None
    headers: dict[str, str] = {}


@trio_test
async def test_a_writer_lingers_for_a_batch_and_no_longer(autojump_clock: MockClock) -> None:
    store = Gated()
    store.gate.set()
    writer = BackgroundWriter(store, batch=4, capacity=100, linger=2.0)
    async with trio.open_nursery() as nursery:
        await nursery.start(writer.run)
        began = trio.current_time()
        writer.offer(make_snapshot(0))
        await trio.sleep(1.0)
        writer.offer(make_snapshot(1))
        await trio.testing.wait_all_tasks_blocked()
        assert store.batches == []
        await trio.sleep(1.5)
        assert store.batches == [2]
        for number in range(5):
            writer.offer(make_snapshot(number))
        await trio.testing.wait_all_tasks_blocked()
        assert store.batches == [2, 4]
        await writer.aclose()
        assert store.batches == [2, 4, 1] and trio.current_time() == began + 2.5


def test_a_request_that_was_taken_over_is_replayed() -> None:
    seen: list[Any] = []

    async def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        seen.append(lctx.meta.request_id)
        res.body = [lctx.monotonic(), lctx.monotonic(), str(lctx.uuid()), lctx.meta.elapsed]

    async def record() -> Recording:
        recorder = Recorder(MemoryStore())
        async with open_global_context() as gctx:
            lctx = LocalContext(gctx, method="GET", path="/", request_id="r-1", timeout=4.0)
            live = recorder.begin(gctx)
            live.take_over(lctx)
            assert lctx.gctx is live.gctx and lctx.request_id == "r-1" and lctx.remaining() <= 4.0
            begin(lctx)
            res = Answer()
            await handler(None, res, lctx, lctx.gctx)
            lctx.settle("ok")
            made = live.finish(lctx, request=Asked(), response=res)
            end(lctx)
            return made

    recording = trio.run(record)
    assert seen == ["r-1"]
    report = replay(recording, Application(handler))
    assert report.response == () and report.divergences == ()


def test_a_body_beyond_the_limit_is_told() -> None:
    def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        lctx.set("odd", (1,))

    recorder = Recorder(MemoryStore(), limits=Limits(text=10))
    recording = Application(handler, recorder=recorder).record(Asked("POST", "/", {}, b"x" * 20))
    assert recording.request is not None
    assert recording.request.missing == "its 20 bytes are more than the limit"


def test_headers_that_show_their_bytes_are_read_from_them() -> None:
    class Shown(dict[str, str]):
        raw = ((b"Host", b"a"), (b"X-Caf\xe9", b"\xe9"))

        def getall(self, name: str) -> tuple[str, ...]:
            return (self[name],)

    class Twice(Shown):
        raw = (*Shown.raw, (b"host", b"b"))

    async def main() -> list[Any]:
        async with open_global_context() as gctx:
            found: list[Any] = []
            for headers in (Shown({"host": "a", "x-caf\xe9": "\xe9"}), Twice({"host": "a, b", "x": "y"})):
                request = Asked("GET", "/", headers)
                state = capture(LocalContext(gctx), request=request).request
                assert state is not None
                found.append(state.headers)
            return found

    shown, twice = trio.run(main)
    assert shown == (("host", "a"), ("x-caf\xe9", "\xe9"))
    assert twice == (("host", "a, b"), ("x", "y"))


def test_a_batch_replaces_what_is_there_and_of_one_request_the_last_counts(tmp_path: Any) -> None:
    async def main() -> None:
        async with SqliteStore(tmp_path / "s.sqlite3") as store:
            first = [make_snapshot(number, state={"v": 1}) for number in range(70)]
            await store.put(*first)
            again = [make_snapshot(number, state={"v": 2}) for number in range(20, 60)]
            last = make_snapshot(59, state={"v": 3})
            await store.put(*again, last)
            assert len((await store.list(limit=1000)).summaries) == 70
            values = [(await store.get(snapshot.request_id)).state["v"] for snapshot in first]
            assert values == [1] * 20 + [2] * 39 + [3] + [1] * 10

    trio.run(main)


def test_a_rate_alone_decides_as_sampling_does() -> None:
    async def main() -> list[bool]:
        async with open_global_context() as gctx:
            found: list[bool] = []
            for rate in (0.0, 0.3, 1.0):
                sampling = Sampling(rate=rate, failures=False)
                recorder = Recorder(MemoryStore(), sampling=sampling)
                for number in range(100):
                    lctx = LocalContext(gctx, request_id=f"request {number} \ud800")
                    found.append(recorder.wants(lctx))
                    assert found[-1] == sampling.wants(lctx)
            return found

    found = trio.run(main)
    assert not any(found[:100]) and all(found[200:]) and 10 < sum(found[100:200]) < 60
