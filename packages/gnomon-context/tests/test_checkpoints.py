"""The driver that cancels at every checkpoint."""

from __future__ import annotations

import pytest
import trio

from gnomon_context.testing import Trial, Trials, cancel_at_every_checkpoint


def test_every_checkpoint_is_cancelled_once() -> None:
    reached: list[int] = []

    async def scenario(trial: Trial) -> None:
        step = 0
        with trial:
            for step in range(1, 5):
                await trio.sleep(1)
            step = 5
        reached.append(step)

    assert cancel_at_every_checkpoint(scenario) == Trials(4)
    assert reached == [1, 2, 3, 4, 5]


def test_checkpoints_of_child_tasks_count() -> None:
    async def scenario(trial: Trial) -> None:
        with trial:
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(trio.sleep, 1)

    assert cancel_at_every_checkpoint(scenario).checkpoints >= 4


def test_another_way_to_cancel() -> None:
    async def scenario(trial: Trial) -> None:
        with trio.CancelScope() as scope, trial.by(scope.cancel):
            await trio.sleep(1)
        assert scope.cancelled_caught == trial.cancelled

    assert cancel_at_every_checkpoint(scenario) == Trials(1)


def test_an_error_names_the_checkpoint() -> None:
    async def scenario(trial: Trial) -> None:
        with trial:
            await trio.sleep(1)
            await trio.sleep(1)
        assert trial.number != 2

    with pytest.raises(AssertionError) as caught:
        cancel_at_every_checkpoint(scenario)
    assert caught.value.__notes__ == ["trial 2: the scenario ran at checkpoint 2"]

    async def fails_uncancelled(trial: Trial) -> None:
        with trial:
            await trio.sleep(1)
        assert trial.cancelled

    with pytest.raises(AssertionError) as caught:
        cancel_at_every_checkpoint(fails_uncancelled)
    assert caught.value.__notes__ == ["trial 2: the scenario ran without a cancellation"]


def test_a_task_left_behind_is_found() -> None:
    async def scenario(trial: Trial) -> None:
        with trial:
            await trio.sleep(1)
        trio.lowlevel.spawn_system_task(trio.sleep, 5, name="leaked")

    with pytest.raises(AssertionError, match="leaked"):
        cancel_at_every_checkpoint(scenario)


def test_a_hang_is_found() -> None:
    async def scenario(trial: Trial) -> None:
        with trial:
            await trio.sleep(1)
        if not trial.cancelled:
            await trio.sleep_forever()

    with pytest.raises(AssertionError, match="hung for 3600 virtual seconds"):
        cancel_at_every_checkpoint(scenario)


def test_a_hang_in_a_shield_is_found() -> None:
    async def scenario(trial: Trial) -> None:
        with trial:
            await trio.sleep(1)
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()

    with pytest.raises(AssertionError, match="hung in a shield"):
        cancel_at_every_checkpoint(scenario)


def test_scenarios_that_prove_nothing_are_refused() -> None:
    async def never_entered(trial: Trial) -> None:
        await trio.sleep(1)

    async def no_checkpoint(trial: Trial) -> None:
        with trial:
            pass

    async def endless(trial: Trial) -> None:
        with trial:
            for _ in range(10):
                await trio.sleep(1)

    async def twice(trial: Trial) -> None:
        with trial:
            pass
        with trial:
            pass

    with pytest.raises(AssertionError, match="never entered"):
        cancel_at_every_checkpoint(never_entered)
    with pytest.raises(AssertionError, match="no checkpoint"):
        cancel_at_every_checkpoint(no_checkpoint)
    with pytest.raises(AssertionError, match="more than 4 checkpoints"):
        cancel_at_every_checkpoint(endless, max_trials=4)
    with pytest.raises(RuntimeError, match="one block"):
        cancel_at_every_checkpoint(twice)
