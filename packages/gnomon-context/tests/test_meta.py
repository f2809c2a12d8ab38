"""What is known of a request from its beginning."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from gnomon_context import _request_id, open_global_context, open_local_context
from gnomon_context._meta import parse_traceparent
from gnomon_context.testing import VirtualSources, local_context, virtual_clock
from gnomon_context.testing.strategies import metas, traceparents


@pytest.mark.property(27)
@given(fields=metas(), seconds=st.lists(st.floats(0, 5), max_size=3))
def test_metadata_is_complete_and_never_changes(fields: dict[str, Any], seconds: list[float]) -> None:
    async def main() -> None:
        async with open_global_context() as gctx, open_local_context(gctx, **fields) as lctx:
            first = lctx.meta
            shown = repr(first)
            assert re.fullmatch("[0-9a-f]{32}", first.request_id)
            for name in ("path", "version", "method", "route"):
                assert getattr(first, name) == fields.get(name, "")
            assert first.flags == fields.get("flags", ())
            for pause in seconds:
                await trio.sleep(pause)
                lctx.set("path", "/elsewhere")
                if not lctx.phase.ended:
                    lctx.advance(lctx.phase.following[0])
                assert lctx.meta is first and lctx.meta.request_id == lctx.request_id
            for name in ("request_id", "path", "version", "flags"):
                with pytest.raises(AttributeError):
                    setattr(lctx.meta, name, "another")
                with pytest.raises(AttributeError):
                    setattr(lctx, name if name == "request_id" else "meta", "another")
        assert lctx.meta is first and repr(first) == shown

    trio.run(main, clock=virtual_clock())


def test_flags_given_as_a_list_cannot_be_changed_later() -> None:
    flags: Any = ["canary"]
    lctx = local_context(flags=flags)
    # Before anybody has asked for the metadata.
    flags.append("late")
    assert lctx.meta.flags == ("canary",)
    assert local_context(flags=(flag for flag in ("a", "b"))).meta.flags == ("a", "b")


@pytest.mark.parametrize("flags", ["canary", ["canary", 1]])
def test_what_are_no_flags_is_refused(flags: Any) -> None:
    with pytest.raises(TypeError, match="flags are a sequence of strings"):
        local_context(flags=flags)


def test_a_timeout_is_a_number() -> None:
    with pytest.raises(ValueError, match="a number of seconds, not nan"):
        local_context(timeout=float("nan"))


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = []
    for _ in range(20):
        ids.append([local_context().request_id for _ in range(500)])
        time.sleep(0)
    flat = [each for batch in ids for each in batch]
    assert len(set(flat)) == len(flat)
    prefixes = [each[:12] for each in flat]
    assert prefixes == sorted(prefixes)
    made = datetime.fromtimestamp(int(flat[-1][:12], 16) / 1000, UTC)
    assert abs(datetime.now(UTC) - made) < timedelta(seconds=60)


def test_an_id_made_late_still_sorts_by_the_time_of_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    early = local_context()
    monkeypatch.setattr(_request_id.time, "monotonic", lambda: early._received + 1.0)
    wall = 1_900_000_000.0005
    monkeypatch.setattr(_request_id.time, "time", lambda: wall)
    monkeypatch.setattr(_request_id.ids, "millisecond", (0.0, 0.0, ""))
    assert int(early.request_id[:12], 16) == 1_899_999_999_000


def test_a_pause_between_the_clocks_does_not_put_an_id_out_of_order(monkeypatch: pytest.MonkeyPatch) -> None:
    early = local_context()
    # The process was stopped for three seconds between the first reading of the one and of the other.
    readings = iter([1.0, 4.0, 5.0, 5.00001])
    walls = iter([1_900_000_003.0, 1_900_000_004.0])
    monkeypatch.setattr(early, "_received", 0.5)
    monkeypatch.setattr(_request_id.time, "monotonic", lambda: next(readings))
    monkeypatch.setattr(_request_id.time, "time", lambda: next(walls))
    monkeypatch.setattr(_request_id.ids, "millisecond", (0.0, 0.0, ""))
    assert int(early.request_id[:12], 16) == 1_899_999_999_500
    # One that is paused at every reading takes the last.
    monkeypatch.setattr(_request_id.time, "monotonic", iter(range(1000)).__next__)
    monkeypatch.setattr(_request_id.time, "time", lambda: 1_900_000_000.0)
    assert int(_request_id.make_request_id(7.0)[:12], 16) > 0


def test_a_forked_child_makes_other_ids() -> None:
    # In a process of its own: the tests' own must not be forked.
    program = textwrap.dedent("""
        import os
        from gnomon_context.testing import local_context
        local_context().request_id
        child = os.fork()
        ids = [local_context().request_id[12:] for _ in range(300)]
        if child:
            os.waitpid(child, 0)
        print("\\n".join(ids), flush=True)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ids = done.stdout.split()
    assert len(ids) == 600 and len(set(ids)) == 600


def test_a_given_id_is_kept() -> None:
    assert local_context(request_id="x" * 32).meta.request_id == "x" * 32


@given(header=traceparents())
def test_the_trace_is_the_callers(header: str) -> None:
    meta = local_context(traceparent=header).meta
    assert [meta.trace_id, meta.parent_id] == header.split("-")[1:3]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    ],
)
def test_an_invalid_trace_is_dropped(header: str) -> None:
    meta = local_context(traceparent=header).meta
    assert (meta.trace_id, meta.parent_id) == (meta.request_id, None)


def test_a_later_version_of_the_trace_header_may_carry_more() -> None:
    assert parse_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more") is not None
    assert parse_traceparent(None) is None


def test_times() -> None:
    lctx = local_context()
    before = lctx.meta.elapsed
    assert lctx.meta.received_at.tzinfo is not None
    assert abs(datetime.now(UTC) - lctx.meta.received_at) < timedelta(seconds=60)
    assert 0 <= before <= lctx.meta.elapsed


def test_times_come_from_the_sources_of_the_request() -> None:
    async def main() -> None:
        async with (
            open_global_context(sources=VirtualSources()) as gctx,
            open_local_context(gctx) as lctx,
        ):
            await trio.sleep(1)
            assert lctx.meta.received_at == datetime(2030, 1, 1, tzinfo=UTC)
            await trio.sleep(1.5)
            assert lctx.meta.elapsed == 2.5
            assert int(lctx.request_id[:12], 16) == datetime(2030, 1, 1, tzinfo=UTC).timestamp() * 1000

    trio.run(main, clock=virtual_clock())


def test_the_pool_of_random_bytes_is_refilled() -> None:
    _request_id.ids.pool.clear()
    assert len({_request_id.make_request_id(1) for _ in range(1000)}) == 1000
    assert os.getpid()
