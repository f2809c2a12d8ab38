"""The second format says of an ordinary recording what the first one says, and no other recording is written in it."""

import datetime
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_context import Execution
from gnomon_snapshot import Limits, MemoryStore, Recorder, Recording, Snapshot, SnapshotCorrupt
from gnomon_snapshot import _recorded as recorder_module
from gnomon_snapshot._compact import Frames, _raw
from gnomon_snapshot._expand import FRAME, VALUES
from gnomon_snapshot._format import COMPACT, PLAIN, seal, unpack, version_of
from gnomon_snapshot._graph import NotPlain
from gnomon_snapshot._json import to_json
from gnomon_snapshot._store import summarise
from gnomon_snapshot.testing import Application, Asked

DATA = Path(__file__).parent / "data"
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


class Store:
    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    async def find(self, *args: Any, **kwargs: Any) -> Any:
        return self.answer

    def now(self) -> Any:
        return self.answer


def record(handler: Any, *, request: Asked | None = None, store: Any = None, **options: Any) -> Recording:
    recorder = Recorder(MemoryStore(), manifest="m-1", **options)
    app = Application(handler, modules={"store": store or Store()}, recorder=recorder, timeout=5.0)
    return app.record(request or Asked("POST", "/orders?x=1", {"host": "a", "x-y": "b"}, b"{}"))


def version(recording: Recording) -> int:
    return version_of(recording.to_bytes())


def both(handler: Any, **options: Any) -> tuple[Recording, Recording]:
    """One request, written in the second format and in the first."""
    made: list[Recording] = []
    finish = recorder_module.LiveRecording.finish

    def twice(live: Any, *args: Any, **kwargs: Any) -> Recording:
        first = finish(live, *args, **kwargs)
        with mock.patch.object(recorder_module, "compact", side_effect=NotPlain):
            made.extend((first, finish(live, *args, **kwargs)))
        return first

    with mock.patch.object(recorder_module.LiveRecording, "finish", twice):
        record(handler, **options)
    return made[0], made[1]


def without_times(tree: dict[str, Any]) -> Any:
    part = {**tree["recording"], "ended": 0}
    return to_json({**tree, "recording": part, "captured_at": None, "remaining": 0})


@given(JSON, JSON, JSON, st.text(max_size=5))
def test_both_formats_say_the_same(body: Any, stored: Any, answer: Any, name: str) -> None:
    async def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        req.body = body
        lctx.set(name, stored)
        await gctx.modules.store.find(body, key=stored)
        await gctx.modules.store.find("x")
        gctx.modules.store.now()
        lctx.uuid(), lctx.now(), lctx.monotonic(), lctx.random.random(), gctx.config.get("none")
        res.body, res.headers = answer, {"content-type": "text/plain", "set-cookie": "a=secret-in-a-cookie"}

    headers = {"host": "a", "authorization": "Bearer sesame-open", "x": "y"}
    request = Asked("POST", "/orders", headers, b"\x00\xff")
    compact, plain = both(handler, request=request, store=Store(answer))
    assert version(plain) == PLAIN
    assert without_times(compact.snapshot.tree) == without_times(plain.snapshot.tree)
    again = Recording.from_bytes(compact.to_bytes())
    assert again == compact and [call._replace(losses=()) for call in again.calls] == [
        call._replace(losses=()) for call in plain.calls
    ]
    assert again.snapshot.tree == compact.snapshot.tree
    assert summarise(again.snapshot) == summarise(compact.snapshot)
    for written in (compact.to_bytes(), plain.to_bytes()):
        assert b"sesame-open" not in written and b"secret-in-a-cookie" not in written


class Fields(dict[str, str]):
    """Header fields as a server has them."""

    def __init__(self, raw: Any) -> None:
        super().__init__({_text(name).lower(): _text(value) for name, value in raw})
        self.raw = tuple(raw)

    def getall(self, name: str) -> list[str]:
        return [_text(value) for found, value in self.raw if _text(found).lower() == name]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


@pytest.mark.parametrize(
    "raw",
    [
        [
            (b"Host", b"a"),
            (b"Authorization", b"Bearer sesame-open"),
            (b"X-Y", b"\xe4"),
            (b"Set-Cookie", b"s=sesame-open"),
        ],
        [(b"X-Y", b"1"), (b"x-y", b"2")],
        [],
    ],
)
def test_header_fields_as_they_came(raw: Any) -> None:
    def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        req.headers, res.headers = Fields(raw), Fields(raw)

    compact, plain = both(handler)
    assert (version(compact), version(plain)) == (COMPACT, PLAIN)
    assert without_times(compact.snapshot.tree) == without_times(plain.snapshot.tree)
    assert [pair[0] for pair in compact.snapshot.tree["request"]["headers"]] == [
        _text(name).lower() for name, _ in raw
    ]
    assert b"sesame-open" not in compact.to_bytes()


def test_header_fields_that_are_no_bytes_are_read_at_once() -> None:
    assert _raw(Fields([("x-y", "1")])) is None
    assert _raw(Fields([(b"x-y", b"1"), (b"x-z", "1")])) is None
    assert _raw(Fields([(b"x-y", b"1"), (b"X-Z", b"2")])) == (b"x-y", b"1", b"X-Z", b"2")


def test_an_ordinary_recording_is_short() -> None:
    async def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        lctx.set("user", {"id": 7})
        res.body = {"left": await gctx.modules.store.find("apple", count=2)}

    compact, plain = both(handler, store=Store([1, {"a": [2]}]))
    assert (version(compact), version(plain)) == (COMPACT, PLAIN)
    assert len(compact.to_bytes()) < 0.6 * len(plain.to_bytes())
    assert compact.losses == () and compact.calls[0].value == [1, {"a": [2]}]
    assert compact.snapshot.request is not None and compact.snapshot.request.target == "/orders?x=1"


class Odd(Exception):
    pass


def hold(value: Any) -> Any:
    def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        lctx.set("held", value)

    return handler


SHARED: list[int] = [1]
CYCLE: list[Any] = []
CYCLE.append(CYCLE)
DEEP: list[Any] = []
for _ in range(40):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "value",
    [
        *((1, 2), {1}, {1: 2}, [SHARED, SHARED], {"a": CYCLE}, DEEP, "\ud800", [{"\ud800": 1}]),
        *(2**40000, [Odd()], datetime.datetime(2026, 1, 1), "x" * 60000, ["y" * 300] * 300),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_more_than_json_is_written_in_the_first_format(value: Any) -> None:
    recording = record(hold(value))
    assert version(recording) == PLAIN
    assert Recording.from_bytes(recording.to_bytes()).snapshot.state.keys() == {"held"}


def test_what_is_short_is_written_in_the_second_format() -> None:
    assert version(record(hold(["x" * 5000]))) == COMPACT
    assert version(record(hold([2**64] * 600))) == COMPACT


def test_a_value_of_a_call_is_bounded_in_the_first_format_too() -> None:
    async def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        await gctx.modules.store.find()

    recording = record(handler, store=Store({"a": ["x" * 90]}), limits=Limits(text=80))
    assert version(recording) == PLAIN
    assert [(loss.path, loss.reason) for loss in recording.losses] == [
        ("/recording/calls/0/value/a/0", "size")
    ]


def no_body(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
    req.raw_body = None


def odd_target(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
    req.target = 5


def odd_header(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
    req.headers = {"host": 5}


def odd_answer(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
    res.headers = {"x": 5}


def odd_status(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
    res.status_code = "200"


def fails(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
    raise Odd("no")


def compensates(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
    lctx.compensate(print, 1)


def works_beside(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
    async def work() -> None:
        pass

    lctx.start_soon(work)


@pytest.mark.parametrize(
    "handler",
    [no_body, odd_target, odd_header, odd_answer, odd_status, fails, compensates, works_beside],
    ids=lambda handler: handler.__name__,
)
def test_what_is_not_ordinary_is_written_in_the_first_format(handler: Any) -> None:
    recording = record(handler)
    assert version(recording) == PLAIN
    assert recording.snapshot.outcome == ("error" if handler is fails else "ok")


def test_a_request_that_used_its_context_is_ordinary() -> None:
    def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        lctx.on_cleanup(lambda: None)

    assert version(record(handler)) == COMPACT


def test_other_clocks_than_utc_are_written_in_the_first_format() -> None:
    with mock.patch("gnomon_snapshot._outside.RecordedSources.now") as now:
        now.return_value = datetime.datetime(
            2026, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))
        )
        assert version(record(hold(1))) == PLAIN


def test_what_a_request_has_no_body_of_is_its_bytes() -> None:
    class Unparsed(Asked):
        @property
        def body(self) -> Any:
            raise ValueError("not parsed")

        @body.setter
        def body(self, value: Any) -> None:
            pass

    recording = record(hold(1), request=Unparsed("POST", "/", {}, b"raw"))
    assert version(recording) == COMPACT
    assert recording.snapshot.request is not None and recording.snapshot.request.body == b"raw"


def test_a_secret_that_was_met_is_not_written_in_either_format() -> None:
    def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        res.body = {"token": "sesame-open"}

    request = Asked("GET", "/", {"authorization": "Bearer sesame-open"}, b"")
    recording = record(handler, request=request)
    assert version(recording) == PLAIN and b"sesame-open" not in recording.to_bytes()


def test_a_short_secret_that_stands_alone_is_not_written_in_either_format() -> None:
    finish = recorder_module.LiveRecording.finish

    def hiding(live: Any, *args: Any, **kwargs: Any) -> Recording:
        live.secrets.hide("73")
        return finish(live, *args, **kwargs)

    with mock.patch.object(recorder_module.LiveRecording, "finish", hiding):
        recording = record(hold("73"))
    assert version(recording) == PLAIN and recording.snapshot.state["held"] != "73"


def test_redactors_are_asked() -> None:
    class Blank:
        def redact(self, value: Any) -> Any:
            return "(hidden)"

    recording = record(hold("sesame"), redactors={"state.held": Blank()})
    assert version(recording) == PLAIN and b"sesame" not in recording.to_bytes()


class Event(NamedTuple):
    kind: str
    error: Any = None
    detail: Any = None
    name: str = "step"
    id: str | None = None
    attempt: int = 1


COMMON = ("GET", "/", "", (), "", "completed", "ok", False, False)


class Other(NamedTuple):
    kind: str = "phase"


def test_events_of_any_class_are_read() -> None:
    frames, event = Frames(), Event("phase")
    objects = tuple(SimpleNamespace(**event._asdict()) for _ in range(2))
    assert frames.encoded(COMMON, None, (event, event)) == frames.encoded(COMMON, None, objects)
    assert frames.encoded(COMMON, None, (event, objects[0])) == frames.encoded(COMMON, None, objects)
    with pytest.raises(AttributeError):
        frames.encoded(COMMON, None, (Other(),))


def test_frames_are_remembered_within_a_bound() -> None:
    frames = Frames()
    first = frames.encoded(COMMON, None, (Event("hook.start"),))
    assert frames.encoded(COMMON, None, (Event("hook.start"),)) is first
    with mock.patch("gnomon_snapshot._compact._MOST_FRAMES", 3):
        for number in range(5):
            frames.encoded(COMMON, None, (Event(f"hook.{number}"),))
            assert len(frames._known) <= 3
    assert frames.encoded(COMMON, Execution("h"), (Event("hook.start"),)) != first
    assert frames.encoded(COMMON, None, (Event("hook.start"),)) == first


@pytest.mark.parametrize("event", [Event("a", error=Odd()), Event("a", detail=0.5), Event("a", detail=[])])
def test_what_differs_from_request_to_request_is_not_remembered(event: Event) -> None:
    frames = Frames()
    assert b"trace" in frames.encoded(COMMON, None, (event,))
    assert not frames._known


def test_text_that_utf8_cannot_hold_is_written_in_a_frame_too() -> None:
    assert "\ud800".encode("utf-8", "surrogatepass") in Frames().encoded(COMMON, None, (Event("\ud800"),))


def test_a_retried_hook_is_written_in_the_first_format() -> None:
    finish = recorder_module.LiveRecording.finish

    def with_retry(live: Any, *args: Any, **options: Any) -> Recording:
        options["events"] = [*options["events"], Event("hook.retry", error=Odd("once"), detail=0.5)]
        return finish(live, *args, **options)

    with mock.patch.object(recorder_module.LiveRecording, "finish", with_retry):
        recording = record(hold(1))
    assert version(recording) == PLAIN and recording.trace[-1].error == "Odd: once"


def test_what_was_given_is_not_looked_at_later() -> None:
    held = {"a": [1]}
    request = Asked("POST", "/", {"host": "a"}, b"")

    def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        lctx.set("held", held)
        req.body, res.body = held["a"], {"b": [2]}
        res.headers["x"] = "1"
        request.response = res  # type: ignore[attr-defined]

    app = Application(handler, recorder=Recorder(MemoryStore()))
    recording = app.record(request)
    held["a"].append(2)
    request.headers["host"] = "b"
    response = request.response  # type: ignore[attr-defined]
    response.body["b"].append(3)
    response.headers["x"] = "2"
    snapshot = recording.snapshot
    assert snapshot.state == {"held": {"a": [1]}}
    assert snapshot.request is not None and snapshot.request.headers == (("host", "a"),)
    assert snapshot.response is not None and snapshot.response.headers == (("x", "1"),)
    assert snapshot.response.body == {"b": [2]}


def test_bounds_hold_for_every_part_of_what_is_too_long() -> None:
    long = "z" * 300

    async def handler(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        lctx.set("held", long)
        lctx.set("fits", {"a": 1})
        req.body, res.body = [long], {"b": long}
        res.headers = {"x": long}
        await gctx.modules.store.find()
        gctx.modules.store.answer = (1, datetime.timedelta(1))
        await gctx.modules.store.find()

    request = Asked("POST", f"/{long}", {"host": long, "cookie": f"a={long}"}, long.encode())
    recording = record(handler, request=request, store=Store({"c": long}), limits=Limits(text=200))
    assert version(recording) == PLAIN and recording.snapshot.state["fits"] == {"a": 1}
    assert {loss.path for loss in recording.losses if loss.reason == "size"} >= {
        "/state/held",
        "/request/target",
        "/request/headers/0/1",
        "/request/body/0",
        "/response/headers/0/1",
        "/response/body/b",
        "/recording/calls/0/value/c",
        "/recording/request/target",
        "/recording/request/headers/0/1",
    }
    assert recording.calls[-1].value == (1, datetime.timedelta(1))
    assert recording.request is not None and "more than the limit" in recording.request.missing


# Reading.


def parts() -> tuple[dict[str, Any], dict[str, Any]]:
    body = cbor2.loads(unpack(record(hold({"a": 1})).to_bytes()))
    frame = cbor2.loads(body["frame"])
    return dict(zip(FRAME, frame["frame"], strict=True)), dict(zip(VALUES, body["values"], strict=True))


def read(common: dict[str, Any], own: dict[str, Any], *, trace: Any = ()) -> Recording:
    frame = cbor2.dumps({"frame": list(common.values()), "trace": list(trace)})
    return Recording.from_bytes(seal(cbor2.dumps({"frame": frame, "values": list(own.values())}), COMPACT))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("calls", [1]),
            ("calls", 5),
            ("draws", [9, "", 1]),
            ("draws", ["x"]),
            ("fields", 1),
            ("fields", [1, 2, 3]),
        ),
        *(("captured", "x"), ("captured", 10**30), ("received", None), ("state", []), ("answered", ["a"])),
        *(
            ("request_id", 5),
            ("names", 3),
            ("config", 7),
            ("ended", "x"),
            ("timeout", []),
            ("execution", [1]),
        ),
        *(("phase", "nowhere"), ("flags", 4), ("draws", [3, "", "no bytes"])),
    ],
)
def test_parts_of_another_shape_are_refused(name: str, value: Any) -> None:
    common, own = parts()
    assert read(common, own).snapshot.state == {"held": {"a": 1}}
    (common if name in common else own)[name] = value
    with pytest.raises(SnapshotCorrupt):
        read(common, own)


def test_bodies_of_another_shape_are_refused() -> None:
    common, own = parts()
    for body in (
        {},
        {"frame": b"", "values": []},
        {"frame": b"\xa0", "values": []},
        {"frame": 5, "values": []},
    ):
        with pytest.raises(SnapshotCorrupt):
            Snapshot.from_bytes(seal(cbor2.dumps(body), COMPACT))
    with pytest.raises(SnapshotCorrupt):
        read(common, own, trace=[1])
    own["surplus"] = 1
    with pytest.raises(SnapshotCorrupt):
        read(common, own)


def test_every_flipped_byte_is_noticed() -> None:
    data = record(hold(1)).to_bytes()
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1 << position % 8
        with pytest.raises(SnapshotCorrupt):
            Snapshot.from_bytes(bytes(damaged))
        with pytest.raises(SnapshotCorrupt):
            Snapshot.from_bytes(data[:position])


def test_the_second_format_is_still_read() -> None:
    """Never regenerate the files: what was written once has to be readable."""
    data = bytes.fromhex((DATA / "format-2.hex").read_text())
    assert hashlib.sha256(data[4:5] + data[37:]).digest() == data[5:37]
    recording = Recording.from_bytes(data)
    assert to_json(recording.snapshot.tree) == json.loads((DATA / "format-2.json").read_text())
    assert [str(call) for call in recording.calls] == ["store.find('apple', count=2)", "store.now()"]
    assert recording.request is not None and recording.request.headers[1] == (
        "authorization",
        "Bearer <withheld>",
    )
