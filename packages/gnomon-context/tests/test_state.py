"""State that requests share."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from gnomon_context import SharedState, StateError
from gnomon_context.testing import global_context


@given(
    operations=st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.sampled_from("abc"), st.integers()),
            st.tuples(st.just("delete"), st.sampled_from("abc"), st.none()),
            st.tuples(st.just("update"), st.sampled_from("abc"), st.integers()),
            st.tuples(st.just("fail"), st.sampled_from("abc"), st.none()),
        ),
        max_size=20,
    )
)
def test_shared_state_is_a_mapping(operations: list[tuple[str, str, Any]]) -> None:
    state, model = SharedState(), dict[str, Any]()
    for operation, key, value in operations:
        if operation == "set":
            state.set(key, value)
            model[key] = value
        elif operation == "update":
            model[key] = model.get(key, 0) + value
            assert state.update(key, lambda old, add=value: old + add, default=0) == model[key]
        elif operation == "fail":
            with pytest.raises(ZeroDivisionError):
                state.update(key, lambda old: 1 // 0)
        elif key in model:
            state.delete(key)
            del model[key]
        else:
            with pytest.raises(KeyError):
                state.delete(key)
        assert state.snapshot() == model and len(state) == len(model)
        assert state.get(key) == model.get(key) and (key in state) == (key in model)
    assert repr(state) == f"<SharedState of {len(model)} keys>"


def test_no_update_is_lost_between_threads() -> None:
    state = SharedState()

    def count() -> None:
        for _ in range(2000):
            state.update("count", lambda count: count + 1, default=0)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.get("count") == 8000


def test_no_update_is_lost_between_tasks() -> None:
    gctx = global_context()

    async def count() -> None:
        for _ in range(50):
            gctx.state.update("count", lambda count: count + 1, default=0)
            await trio.lowlevel.checkpoint()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(count)

    trio.run(main)
    assert gctx.state.get("count") == 1000


def test_an_update_that_could_lose_another_is_refused() -> None:
    state = SharedState()

    async def later(value: int) -> int:
        return value + 1

    def nested(value: Any) -> Any:
        state.set("b", 1)

    with pytest.raises(StateError, match="sync function"):
        state.update("a", later)
    for change in (nested, lambda _: state.update("a", lambda v: v), lambda _: state.delete("a")):
        with pytest.raises(StateError, match="inside an update"):
            state.update("a", change)
    assert state.update("a", lambda value: 1) == 1


def test_an_update_that_turns_out_async_changes_nothing() -> None:
    async def later(value: Any) -> int:
        return 1

    state = SharedState()
    with pytest.raises(StateError, match="takes a sync function"):
        state.update("a", lambda value: later(value))
    assert "a" not in state
