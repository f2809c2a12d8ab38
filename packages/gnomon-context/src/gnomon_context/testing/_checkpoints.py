"""Run a scenario once per checkpoint, cancelling it at that one."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, final

import trio
import trio.testing
from outcome import Error


@final
class Trial(trio.abc.Instrument):
    """One run of a scenario; `with trial:` marks the part that is cancelled.

    `number` counts from 1: the block is cancelled when its tasks have gone to sleep for the
    `number`th time. `cancelled` tells whether that point was reached.
    """

    def __init__(self, number: int) -> None:
        self.number: int = number
        self.cancelled: bool = False
        self.entered: bool = False
        self._seen = 0
        self._counting = False
        self._scope = trio.CancelScope()
        self._cancel: Callable[[], object] = self._cancel_scope
        self._tasks: set[trio.lowlevel.Task] = set()

    def by(self, cancel: Callable[[], object]) -> Trial:
        """Cancel by calling `cancel` (such as `lctx.cancel`) instead of cancelling the block itself."""
        self._cancel = cancel
        return self

    def __enter__(self) -> Trial:
        if self.entered:
            raise RuntimeError("a trial has one block: it was entered before")
        self.entered = True
        self._scope.__enter__()
        self._counting = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._counting = False
        return self._scope.__exit__(kind, error, traceback)

    def _cancel_scope(self) -> None:
        self._scope.cancel(reason=f"cancelled at checkpoint {self.number}")

    def left_over(self) -> list[str]:
        """The names of the tasks that are still there."""
        return sorted(task.name for task in self._tasks)

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """Part of trio's instrument interface."""
        self._tasks.add(task)

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """Part of trio's instrument interface."""
        self._tasks.discard(task)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Part of trio's instrument interface."""
        if self._counting and task in self._tasks:
            self._seen += 1
            if self._seen == self.number:
                self.cancelled = True
                self._cancel()


@final
@dataclass(frozen=True, slots=True)
class Trials:
    """What `cancel_at_every_checkpoint` did: how many checkpoints the block had, each cancelled once."""

    checkpoints: int


def cancel_at_every_checkpoint(
    scenario: Callable[[Trial], Awaitable[object]], *, time_limit: float = 3600.0, max_trials: int = 10_000
) -> Trials:
    """Run `scenario(trial)` on a virtual clock again and again, cancelled at each of its checkpoints in turn.

    The scenario marks with `with trial:` what is cancelled, and asserts at its end whatever must hold
    wherever the cancellation fell. A last run goes through without one. Checkpoints of every task are
    counted while the block is open, not of the scenario's own task alone.

    Args:
        scenario: an async function of one `Trial`, run in a fresh `trio.run` each time.
        time_limit: virtual seconds after which a run counts as hanging.
        max_trials: more checkpoints than this count as a scenario without an end.

    Returns:
        how many checkpoints there were.

    Raises:
        AssertionError: a run left a task behind, hung, or had no `with trial:` block with a checkpoint in
            it; and what the scenario itself raises, with a note that names the checkpoint.

    >>> import trio
    >>> async def scenario(trial):
    ...     closed = False
    ...     with trial:
    ...         try:
    ...             await trio.sleep(1)
    ...             await trio.sleep(1)
    ...         finally:
    ...             closed = True
    ...     assert closed
    >>> cancel_at_every_checkpoint(scenario)
    Trials(checkpoints=2)
    """
    for number in range(1, max_trials + 1):
        trial = Trial(number)
        clock = trio.testing.MockClock(autojump_threshold=0)
        try:
            trio.run(_run_trial, scenario, trial, time_limit, clock=clock, instruments=[trial])
        except BaseException as error:
            where = f"at checkpoint {number}" if trial.cancelled else "without a cancellation"
            error.add_note(f"trial {number}: the scenario ran {where}")
            raise
        if not trial.entered:
            raise AssertionError(
                "the scenario never entered its trial: mark what is cancelled with `with trial:`"
            )
        if not trial.cancelled:
            if number == 1:
                raise AssertionError("the block of the trial has no checkpoint: there is nothing to cancel")
            return Trials(number - 1)
    raise AssertionError(f"the block of the trial has more than {max_trials} checkpoints")


async def _break_shields(trial: Trial, seconds: float) -> None:
    """Wake what hangs in a shield for ever, which no cancellation reaches, with an error; again and again."""
    await trio.sleep(seconds)
    while True:
        for task in tuple(trial._tasks):
            with contextlib.suppress(AssertionError):  # it is awake already
                trio.lowlevel.reschedule(
                    task, Error(AssertionError(f"the task {task.name!r} hung in a shield"))
                )
        await trio.sleep(1.0)


async def _run_trial(scenario: Callable[[Trial], Awaitable[Any]], trial: Trial, time_limit: float) -> None:
    own = trio.lowlevel.current_task()
    trio.lowlevel.spawn_system_task(_break_shields, trial, time_limit + 1.0)
    trial._tasks.clear()
    trial._tasks.add(own)
    with trio.move_on_after(time_limit) as patience:
        await scenario(trial)
    if patience.cancelled_caught:
        raise AssertionError(f"the scenario hung for {time_limit:g} virtual seconds")
    trial._tasks.discard(own)
    if left := trial.left_over():
        raise AssertionError(f"tasks were left behind: {', '.join(left)}")
