"""The hooks of a request on its way out of `open_local_context`."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, trio_test

from gnomon_context import (
    Alert,
    GlobalContext,
    LocalContext,
    RequestPhase,
    open_global_context,
    open_local_context,
)
from gnomon_context.runtime import begin, end, join_tasks
from gnomon_context.testing import Trial, cancel_at_every_checkpoint, virtual_clock

KINDS = ["sync", "async", "raises", "hangs", "swallows", "cancels", "registers", "isolated"]


def hook_of(kind: str, lctx: LocalContext, point: str, name: str, ran: list[str]) -> Callable[..., Any]:
    """A hook of a certain kind that notes its start in `ran`."""

    async def asynchronous(gctx: GlobalContext[Any]) -> None:
        assert gctx is lctx.gctx
        ran.append(name)
        await trio.sleep(0.01)
        if kind == "hangs":
            await trio.sleep_forever()
        if kind == "swallows":
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                await trio.sleep_forever()

    def synchronous(**values: Any) -> None:
        assert values["lctx"] is lctx and ("error" in values) == (point == "catch")
        ran.append(name)
        if kind in ("raises", "isolated"):
            raise OSError(name)
        if kind == "cancels":
            lctx.cancel("explicit")
        if kind == "registers":
            getattr(lctx, point)(lambda: ran.append(f"{name} inner"))

    return asynchronous if kind in ("async", "hangs", "swallows") else synchronous


def in_order(kinds: list[str]) -> list[str]:
    order = []
    for index in reversed(range(len(kinds))):
        order.append(str(index))
        if kinds[index] == "registers":
            order.append(f"{index} inner")
    return order


@given(
    after=st.lists(st.sampled_from(KINDS), max_size=4),
    catch=st.lists(st.sampled_from(KINDS), max_size=4),
    reason=st.sampled_from(["error", "explicit", "shutdown", "disconnect"]),
)
def test_every_hook_of_a_failing_request_is_entered_once(
    after: list[str], catch: list[str], reason: Any
) -> None:
    ran: dict[str, list[str]] = {"after": [], "catch": []}
    error = ValueError("own")

    async def main() -> None:
        async with open_global_context() as gctx:
            gctx.on_alert(lambda alert: None)
            try:
                async with open_local_context(gctx) as lctx:
                    for point, kinds in (("after", after), ("catch", catch)):
                        for index, kind in enumerate(kinds):
                            hook = hook_of(kind, lctx, point, str(index), ran[point])
                            getattr(lctx, point)(hook, isolated=kind == "isolated")
                    if reason == "error":
                        raise error
                    lctx.cancel(reason)
                    await trio.sleep_forever()
            except ValueError as caught:
                assert caught is error
            # Five seconds for each of the two groups.
            assert trio.current_time() <= 10.1

    trio.run(main, clock=virtual_clock())
    heard = reason != "disconnect"
    assert ran == {"after": in_order(after) if heard else [], "catch": in_order(catch) if heard else []}


@given(after=st.lists(st.sampled_from(["sync", "async", "raises", "registers", "isolated"]), max_size=5))
def test_an_after_hook_that_fails_makes_the_request_fail_once(after: list[str]) -> None:
    ran: list[str] = []
    heard: list[BaseException] = []
    alerts: list[Alert] = []
    raised: list[OSError] = []

    async def main() -> None:
        async with open_global_context() as gctx:
            gctx.on_alert(alerts.append)
            try:
                async with open_local_context(gctx) as lctx:
                    lctx.catch(lambda error: heard.append(error))
                    for index, kind in enumerate(after):
                        hook = hook_of(kind, lctx, "after", str(index), ran)
                        lctx.after(hook, isolated=kind == "isolated")
            except OSError as error:
                raised.append(error)
            assert lctx.outcome is not None and lctx.outcome.kind == ("error" if raised else "ok")

    trio.run(main, clock=virtual_clock())
    assert ran == in_order(after)
    failing = [str(index) for index in reversed(range(len(after))) if after[index] == "raises"]
    assert [str(error) for error in raised] == failing[:1] and heard == raised
    quiet = [str(index) for index in range(len(after)) if after[index] == "isolated"]
    assert sorted(str(alert.error) for alert in alerts) == sorted(failing[1:] + quiet)
    assert {alert.kind for alert in alerts} <= {"after_hook_failed"}


@pytest.mark.parametrize(
    ("failures", "options", "times", "raised"),
    [
        (0, {}, [0], None),
        (1, {}, [0], OSError),
        (2, {"retries": 2, "backoff": 1}, [0, 1, 3], None),
        (3, {"retries": 2, "backoff": 1}, [0, 1, 3], OSError),
        (1, {"retries": 2, "retry_on": KeyError}, [0], OSError),
        (1, {"retries": 2, "retry_on": (KeyError, OSError)}, [0, 0], None),
    ],
)
@trio_test
async def test_retries(
    failures: int,
    options: Any,
    times: list[float],
    raised: type[Exception] | None,
    autojump_clock: MockClock,
) -> None:
    tried: list[float] = []

    async def flaky() -> None:
        tried.append(trio.current_time())
        if len(tried) <= failures:
            raise OSError

    async with open_global_context() as gctx:
        with pytest.raises(raised) if raised else trio.CancelScope():
            async with open_local_context(gctx) as lctx:
                lctx.after(flaky, **options)
    assert tried == times


@trio_test
async def test_a_timeout_of_its_own_is_an_error_and_may_be_tried_again(autojump_clock: MockClock) -> None:
    tried: list[float] = []

    async def slow() -> None:
        tried.append(trio.current_time())
        await trio.sleep(10)

    async with open_global_context() as gctx:
        with pytest.raises(trio.TooSlowError):
            async with open_local_context(gctx) as lctx:
                lctx.after(slow, timeout=2, retries=1)
        assert lctx.outcome is not None and lctx.outcome.kind == "error" and not lctx.deadline_passed
        assert tried == [0, 2]
        # A cancellation is never tried again, whatever `retry_on` says.
        with trio.move_on_after(1):
            async with open_local_context(gctx) as lctx:
                lctx.after(slow, retries=5, retry_on=BaseException)
    assert tried == [0, 2, 4]


@trio_test
async def test_a_hook_that_takes_what_is_not_there_is_told(autojump_clock: MockClock) -> None:
    ran: list[str] = []
    async with open_global_context() as gctx:
        with pytest.raises(TypeError, match=r"the hook 'stamp' takes res, and here there are lctx, gctx"):
            async with open_local_context(gctx) as lctx:
                lctx.after(lambda res: ran.append("never"), name="stamp")
        async with open_local_context(gctx) as lctx:
            lctx.after(lambda *, own="default", gctx: ran.append(own))
            # A builtin that tells nothing of itself is called with nothing.
            lctx.after(dict)
    assert ran == ["default"]


@trio_test
async def test_a_before_hook_in_the_block_is_an_alert(autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []
    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        async with open_local_context(gctx) as lctx:
            lctx.before(print)
    assert [(alert.kind, alert.detail["names"]) for alert in alerts] == [("hooks_skipped", ["print"])]


@trio_test
async def test_hooks_that_register_themselves_come_to_an_end(autojump_clock: MockClock) -> None:
    counter = itertools.count()
    async with open_global_context() as gctx:
        with pytest.raises(ValueError, match="own"):
            async with open_local_context(gctx) as lctx:

                def again() -> None:
                    next(counter)
                    lctx.catch(again)

                lctx.catch(again)
                raise ValueError("own")
    assert next(counter) == 1001


@pytest.mark.parametrize("point", ["after", "catch"])
def test_an_interrupt_in_a_hook_is_raised_when_everything_has_run(point: str) -> None:
    ran: list[str] = []

    def leave(number: int) -> Callable[[], None]:
        def hook() -> None:
            ran.append(str(number))
            raise SystemExit(number)

        return hook

    async def main() -> None:
        async with open_global_context() as gctx:
            gctx.on_alert(lambda alert: None)
            async with open_local_context(gctx) as lctx:
                lctx.on_cleanup(ran.append, "cleanup")
                getattr(lctx, point)(leave(2))
                getattr(lctx, point)(leave(1))
                lctx.cancel()
                await trio.sleep_forever()

    with pytest.raises(SystemExit) as caught:
        trio.run(main)
    assert caught.value.code == 1 and ran == ["1", "2", "cleanup"]


def test_cancelled_at_every_checkpoint() -> None:
    """Every hook is entered at most once, and exactly once where the outcome says that it is due."""

    def scenario(how: str) -> Callable[[Trial], Awaitable[None]]:
        async def run(trial: Trial) -> None:
            log: list[str] = []

            async def note(what: str) -> None:
                log.append(what)
                await trio.sleep(0.1)

            async with open_global_context() as gctx:
                gctx.on_alert(lambda alert: None)
                outer = trial if how == "from outside" else trio.CancelScope()
                with outer:
                    async with open_local_context(gctx) as lctx:
                        inner = trial.by(lambda: lctx.cancel("disconnect")) if how == "a disconnect" else None
                        lctx.after(lambda: note("after 1"))
                        lctx.after(lambda: note("after 2"))
                        lctx.catch(lambda: note("catch"))
                        lctx.on_cleanup(note, "cleanup")
                        if inner is None:
                            await trio.sleep(0.1)
                        else:
                            with inner:
                                await trio.sleep(0.1)
                                await trio.sleep(0.1)
            assert all(log.count(each) == 1 for each in log) and log[-1] == "cleanup"
            outcome = lctx.outcome
            assert outcome is not None
            if outcome.kind == "disconnect":
                assert log == ["cleanup"]
            else:
                assert {"after 1", "after 2"} <= set(log) and ("catch" in log) == (not outcome.ok)

        return run

    assert cancel_at_every_checkpoint(scenario("from outside")).checkpoints >= 4
    assert cancel_at_every_checkpoint(scenario("a disconnect")).checkpoints >= 2


@pytest.mark.parametrize("fails", [False, True])
@trio_test
async def test_a_hook_that_registers_itself_comes_to_an_end(fails: bool, autojump_clock: MockClock) -> None:
    alerts: list[Alert] = []
    calls = itertools.count()
    async with open_global_context() as gctx:
        gctx.on_alert(alerts.append)
        with pytest.raises(ValueError) if fails else contextlib.nullcontext():
            async with open_local_context(gctx, timeout=5) as lctx:

                def again() -> None:
                    next(calls)
                    lctx.after(again, name="again")

                lctx.after(again, name="again")
                if fails:
                    raise ValueError("the block failed")
        assert lctx.outcome is not None and lctx.outcome.ok is not fails
    assert [(alert.kind, alert.detail["names"]) for alert in alerts] == [("hooks_skipped", ["again"])]
    assert next(calls) == 1001


@trio_test
async def test_no_after_hook_runs_for_a_client_that_is_gone(autojump_clock: MockClock) -> None:
    async with open_global_context() as gctx:
        async with open_local_context(gctx) as lctx:
            lctx.after(lambda: pytest.fail("nobody hears the answer"))
            # Without a checkpoint after it, so that the block ends well.
            lctx.cancel("disconnect")
        assert lctx.outcome is not None and lctx.outcome.kind == "disconnect"


@trio_test
async def test_a_task_that_an_after_hook_starts_belongs_to_the_request(autojump_clock: MockClock) -> None:
    told: list[BaseException | None] = []
    ended: list[float] = []

    async def work(fails: bool) -> None:
        await trio.sleep(1)
        ended.append(trio.current_time())
        if fails:
            raise OSError("the task failed")

    async with open_global_context() as gctx:
        async with open_local_context(gctx) as lctx:
            lctx.after(lambda lctx: lctx.start_soon(work, False) and None)
        assert lctx.outcome is not None and lctx.outcome.ok and ended == [1]
        with pytest.raises(OSError, match="the task failed"):
            async with open_local_context(gctx) as lctx:
                lctx.after(lambda lctx: lctx.start_soon(work, True) and None)
                lctx.on_error(told.append)
        assert lctx.outcome is not None and lctx.outcome.error is told[0] is not None


@trio_test
async def test_the_failure_of_a_task_after_the_join_is_in_the_outcome(autojump_clock: MockClock) -> None:
    async def work() -> None:
        raise OSError("the task failed")

    async with open_global_context() as gctx:
        lctx = LocalContext(gctx)
        begin(lctx)
        lctx.on_cleanup(print)
        await join_tasks(lctx)
        task = lctx.start_soon(work)
        await task.wait()
        outcome = lctx.settle("ok")
        end(lctx)
    assert (outcome.kind, outcome.error) == ("error", task.error)


@pytest.mark.parametrize("moved", [None, RequestPhase.RESPONDING, RequestPhase.FAILED])
@pytest.mark.parametrize("fails", [False, True])
@trio_test
async def test_the_phase_follows_the_block(
    fails: bool, moved: RequestPhase | None, autojump_clock: MockClock
) -> None:
    seen: list[str] = []
    async with open_global_context() as gctx:
        with pytest.raises(ValueError) if fails else contextlib.nullcontext():
            async with open_local_context(gctx) as lctx:
                assert lctx.phase is RequestPhase.PROCESSING
                lctx.on_phase_change(lambda new, old: seen.append(new))
                lctx.after(lambda: seen.append("after"))
                lctx.catch(lambda: seen.append("catch"))
                lctx.on_cleanup(seen.append, "cleanup")
                if moved is not None:
                    lctx.advance(moved)
                if fails:
                    raise ValueError("the block failed")
    if moved is RequestPhase.FAILED:
        # By hand, and nothing follows it.
        assert seen == ["failed", *(["catch", "after"] if fails else ["after"]), "cleanup"]
    elif fails:
        before = [] if moved is None else ["responding"]
        assert seen == [*before, "failed", "catch", "after", "cleanup"]
    else:
        assert seen == ["responding", "after", "completed", "cleanup"]
