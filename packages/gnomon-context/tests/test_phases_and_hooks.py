"""Phases, hooks and callbacks as a local context keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from gnomon_context import Alert, IllegalPhase, LocalHook, RequestOutcome, RequestPhase, TrackedTask
from gnomon_context.runtime import commit, pass_through, rebuild
from gnomon_context.testing import global_context, local_context

LIFECYCLE = "received routed authorized validated processing responding completed".split()


def legal(old: str, new: str) -> bool:
    """The lifecycle in words: the next phase; an early answer; failure, unless it is answered already."""
    if old in ("completed", "failed"):
        return False
    if new == "failed":
        return True
    position, target = LIFECYCLE.index(old), LIFECYCLE.index(new)
    return target == position + 1 or (new == "responding" and position < target)


@given(moves=st.lists(st.sampled_from(RequestPhase), max_size=12))
def test_a_phase_moves_only_along_the_lifecycle(moves: list[RequestPhase]) -> None:
    lctx = local_context()
    seen: list[tuple[RequestPhase, RequestPhase]] = []
    lctx.on_phase_change(lambda new, old: seen.append((new, old)))
    expected = []
    phase = RequestPhase.RECEIVED
    for move in moves:
        if legal(phase, move):
            lctx.advance(move)
            expected.append((move, phase))
            phase = move
        else:
            with pytest.raises(IllegalPhase, match=f"from {phase} to {move}"):
                lctx.advance(move)
        assert lctx.phase is phase
    assert seen == expected


@given(start=st.sampled_from(RequestPhase), target=st.sampled_from(RequestPhase), watched=st.booleans())
def test_passing_through_is_a_row_of_moves(start: RequestPhase, target: RequestPhase, watched: bool) -> None:
    lctx = local_context()
    seen: list[str] = []
    for name in LIFECYCLE[1 : LIFECYCLE.index(start) + 1] if start in LIFECYCLE else ["failed"]:
        lctx.advance(RequestPhase(name))
    if watched:
        lctx.on_phase_change(lambda new, old: seen.append(new.value))
    if start in LIFECYCLE and target in LIFECYCLE[LIFECYCLE.index(start) + 1 :]:
        pass_through(lctx, target)
        assert seen == (
            LIFECYCLE[LIFECYCLE.index(start) + 1 : LIFECYCLE.index(target) + 1] if watched else []
        )
    elif legal(start, target):
        pass_through(lctx, target)
    else:
        with pytest.raises(IllegalPhase):
            pass_through(lctx, target)
        return
    assert lctx.phase is target


def test_a_watcher_that_fails_is_an_alert() -> None:
    alerts: list[Alert] = []
    gctx = global_context()
    gctx.on_alert(alerts.append)
    lctx = local_context(gctx)
    seen: list[str] = []

    @lctx.on_phase_change
    def fail(new: RequestPhase, old: RequestPhase) -> None:
        raise ValueError

    lctx.on_phase_change(lambda new, old: seen.append(str(new)))
    lctx.advance(RequestPhase.ROUTED)
    assert seen == ["routed"] and [alert.kind for alert in alerts] == ["phase_watcher_failed"]


async def async_hook(**_: Any) -> None: ...


def sync_hook(**_: Any) -> None: ...


Point = Literal["before", "after", "catch"]


@pytest.mark.property(24)
@given(
    registrations=st.lists(
        st.tuples(
            st.sampled_from(["before", "after", "catch"]),
            st.sampled_from([async_hook, sync_hook]),
            st.none() | st.floats(0.001, 1e6),
            st.integers(0, 50),
            st.floats(0, 60),
            st.none() | st.text(min_size=1, max_size=5),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_hooks_of_every_kind_can_be_registered(
    registrations: list[tuple[Point, Callable[..., Any], float | None, int, float, str | None, bool]],
) -> None:
    lctx = local_context()
    assert lctx.extras is None
    expected: dict[str, list[LocalHook]] = {"before": [], "after": [], "catch": []}
    for point, fn, timeout, retries, backoff, name, isolated in registrations:
        register = getattr(lctx, point)
        returned = register(
            fn,
            timeout=timeout,
            retries=retries,
            backoff=backoff,
            name=name,
            isolated=isolated,
            retry_on=OSError,
        )
        assert returned is fn
        shown = name or fn.__qualname__
        expected[point].append(LocalHook(fn, shown, timeout, retries, backoff, (OSError,), isolated))
    for point in ("before", "after", "catch"):
        assert lctx.local_hooks(point) == tuple(expected[point])  # type: ignore[arg-type]


def test_a_hook_registers_more_hooks() -> None:
    lctx = local_context()

    @lctx.before
    def first() -> None:
        lctx.before(lambda: None, name="second")

    first()
    assert [hook.name.rpartition(".")[2] for hook in lctx.local_hooks("before")] == ["first", "second"]


@pytest.mark.parametrize("phase", [RequestPhase.RESPONDING, RequestPhase.FAILED])
def test_a_before_hook_that_would_never_run_is_refused(phase: RequestPhase) -> None:
    lctx = local_context()
    lctx.advance(phase)
    with pytest.raises(IllegalPhase, match="would never run"):
        lctx.before(sync_hook)
    lctx.after(sync_hook)


def test_bad_hooks_are_refused() -> None:
    lctx = local_context()
    not_a_function: Any = 3
    for register in (lctx.before, lctx.after, lctx.catch, lctx.on_cleanup, lctx.on_error, lctx.on_timeout):
        with pytest.raises(TypeError, match="is a function"):
            register(not_a_function)
        with pytest.raises(ValueError, match="positive number of seconds"):
            register(sync_hook, timeout=0)
    with pytest.raises(ValueError, match="numbers from 0 on"):
        lctx.before(sync_hook, retries=-1)
    with pytest.raises(ValueError, match="no hook point 'around'"):
        lctx.local_hooks("around")  # type: ignore[arg-type]


def test_names_of_what_has_none() -> None:
    from functools import partial

    class Callback:
        def __call__(self) -> None: ...

    lctx = local_context()
    lctx.after(partial(partial(sync_hook, a=1), b=2))
    lctx.after(Callback())
    assert [hook.name.rpartition(".")[2] for hook in lctx.local_hooks("after")] == ["sync_hook", "Callback"]


def test_a_compensation_after_the_commit_is_refused() -> None:
    lctx = local_context()
    lctx.commit()
    lctx.compensate(sync_hook)
    lctx.commit()
    lctx.compensate(sync_hook)
    commit(lctx)
    with pytest.raises(IllegalPhase, match=r"'sync_hook'.*would never run"):
        lctx.compensate(sync_hook)
    untouched = local_context()
    commit(untouched)
    with pytest.raises(IllegalPhase, match=r"'sync_hook'.*would never run"):
        untouched.compensate(sync_hook)


def test_a_context_is_rebuilt() -> None:
    was = local_context(path="/a", client_id="c")
    was.compensate(sync_hook, 1)
    task = TrackedTask("task", False, trio.CancelScope())
    lctx = local_context()
    rebuild(lctx)
    assert lctx.extras is None and lctx.phase is RequestPhase.RECEIVED
    assert was.extras is not None
    rebuild(
        lctx,
        meta=was.meta,
        phase=RequestPhase.FAILED,
        cancel_reason="disconnect",
        outcome=RequestOutcome("disconnect"),
        tasks=[task],
        compensations=was.extras.compensations,
    )
    assert lctx.meta is was.meta and lctx.request_id == was.request_id
    assert (lctx.phase, lctx.cancel_reason, lctx.outcome) == (
        "failed",
        "disconnect",
        RequestOutcome("disconnect"),
    )
    assert lctx.tasks == (task,) and lctx.extras is not None
    assert [(step.fn, step.args) for step in lctx.extras.compensations] == [(sync_hook, (1,))]


def test_deadlines_outside_of_a_run() -> None:
    lctx = local_context(timeout=5)
    assert lctx.remaining() == lctx.deadline == 5


def test_the_first_outcome_stays() -> None:
    lctx = local_context()
    for flag in (lctx.truncated, lctx.recovered):
        with pytest.raises(IllegalPhase, match="settle"):
            flag()
    error = ValueError()
    assert lctx.settle("error", error) == RequestOutcome("error", error)
    lctx.recovered()
    lctx.truncated()
    assert lctx.settle("ok") == RequestOutcome("error", error, truncated=True, recovered=True)
    assert lctx.outcome is not None and str(lctx.outcome) == "error" and not lctx.outcome.ok


@given(reasons=st.lists(st.sampled_from(["deadline", "disconnect", "shutdown", "explicit"]), max_size=4))
def test_the_first_reason_to_cancel_is_the_outcome(reasons: list[Any]) -> None:
    lctx = local_context()
    kinds = {
        "deadline": "timeout",
        "disconnect": "disconnect",
        "shutdown": "shutdown",
        "explicit": "cancelled",
    }
    for reason in reasons:
        lctx.cancel(reason)
    assert lctx.cancel_reason == (reasons[0] if reasons else None)
    assert lctx.settle("ok").kind == (kinds[reasons[0]] if reasons else "ok")
    assert lctx.deadline_passed == (reasons[:1] == ["deadline"])


def test_an_unknown_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="no cancel reason 'boredom'"):
        local_context().cancel("boredom")  # type: ignore[arg-type]
