"""Time and the order of tasks in a replay."""

import sys
import threading

import pytest
import trio

from gnomon_snapshot._clock import ReplayClock, steady_scheduling


def test_the_clock_stands_while_somebody_says_so():
    clock = ReplayClock()
    clock.start_clock()
    work = [True]
    clock.wait_for(lambda: work[0])

    async def main():
        assert 0 < clock.deadline_to_sleep_time(5.0) < 1
        assert clock.current_time() == 0.0
        work[0] = False
        assert clock.deadline_to_sleep_time(5.0) == 0.0
        assert clock.current_time() == 5.0
        assert clock.deadline_to_sleep_time(float("inf")) == float("inf")

    trio.run(main)
    flowing = ReplayClock(flowing=True)
    flowing.start_clock()
    assert 0 < flowing.deadline_to_sleep_time(5.0) <= 5.0


CORE = sys.modules["trio._core._run"]


def test_trio_still_has_the_switch_that_replays_use():
    """Fails with a trio that has none: then replays need another way, or run such tasks in any order."""
    assert hasattr(CORE, "_ALLOW_DETERMINISTIC_SCHEDULING")
    assert hasattr(CORE._r, "shuffle")


async def order():
    found = []

    async def one(number):
        for _ in range(3):
            await trio.lowlevel.checkpoint()
            found.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(one, number)
    return found


def steady():
    with steady_scheduling():
        return trio.run(order)


def test_tasks_run_in_the_order_in_which_they_were_made():
    # were it left to chance, one in two to the sixtieth would pass
    assert [steady() for _ in range(20)] == [[*range(20)] * 3] * 20


@pytest.mark.parametrize("before", [False, True])
def test_all_is_as_it_was_outside_and_afterwards(before, monkeypatch):
    monkeypatch.setattr(CORE, "_ALLOW_DETERMINISTIC_SCHEDULING", before)
    generator = CORE._r
    with steady_scheduling():
        with steady_scheduling():
            assert CORE._ALLOW_DETERMINISTIC_SCHEDULING is True
        assert trio.run(order) == [*range(20)] * 3
        assert 0 <= CORE._r.random() < 1  # what else trio asks of it
    assert CORE._r is generator
    assert CORE._ALLOW_DETERMINISTIC_SCHEDULING is before


def test_a_loop_in_another_thread_neither_disturbs_nor_is_disturbed():
    stop, others = threading.Event(), []

    def elsewhere():
        while not stop.is_set():
            others.append(tuple(trio.run(order)))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    try:
        while len(others) < 3:
            assert steady() == [*range(20)] * 3
        found = [steady() for _ in range(20)]
    finally:
        stop.set()
        thread.join()
    assert found == [[*range(20)] * 3] * 20
    assert len(set(others)) > 1


def test_replays_may_run_in_several_threads():
    found = []
    threads = [threading.Thread(target=lambda: found.extend(steady() for _ in range(5))) for _ in range(4)]
    generator = CORE._r
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[*range(20)] * 3] * 20
    assert CORE._r is generator
