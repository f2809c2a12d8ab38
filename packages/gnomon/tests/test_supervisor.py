"""One process at a time: started, watched, ended, and none left behind."""

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from gnomon._supervisor import Supervisor, said


class Child:
    """A process that ends when it is told so often, or by itself at some poll."""

    def __init__(self, world: "World", *, deaf_to: int = 0, ends_with: int | None = None) -> None:
        self.world = world
        self.deaf_to = deaf_to
        self.returncode = ends_with
        assert not any(each.returncode is None for each in world.children), "two at a time"
        world.children.append(self)
        world.log.append("start")

    def poll(self) -> int | None:
        return self.returncode

    def terminate(self) -> None:
        self.world.log.append("terminate")
        self.deaf_to -= 1
        if self.deaf_to < 0:
            self.returncode = -signal.SIGTERM

    def kill(self) -> None:
        if self.returncode is None:
            self.world.log.append("kill")
            self.returncode = -signal.SIGKILL

    def wait(self) -> int:
        assert self.returncode is not None
        return self.returncode


class World:
    """What a supervisor sees: children, files, time; what happens in it is a script, one step for each time it sleeps."""

    def __init__(self, *script: Callable[[], object] | None, **child: int) -> None:
        self.children: list[Child] = []
        self.log: list[str] = []
        self.files = {"a.py": (0, 0, 0)}
        self.slept = 0.0
        self._child = child
        self._script: Iterator[Callable[[], object] | None] = iter(script)

    def run(self) -> list[str]:
        Supervisor(
            lambda: Child(self, **self._child),
            lambda: dict(self.files),
            tell=self.log.append,
            sleep=self.sleep,
        ).run()
        return self.log

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        step = next(self._script, interrupt if self.slept > 60 else None)
        if step is not None:
            step()

    def write(self, *names: str) -> Callable[[], object]:
        stamp = (len(self.log), int(self.slept * 1000), 1)
        return lambda: self.files.update(dict.fromkeys(names, stamp))


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_a_change_starts_another_process_when_the_first_has_ended():
    world = World()
    world._script = iter([None, world.write("a.py", "b.py"), None, None, interrupt])
    assert world.run() == [
        "start",
        "changed: a.py, b.py; starting again",
        "terminate",
        "start",
        "terminate",
    ]


def test_many_changes_are_told_in_a_line():
    world = World()
    world._script = iter([world.write(*(f"{number}.py" for number in range(5))), None, interrupt])
    assert "changed: 0.py, 1.py, 2.py and 2 more; starting again" in world.run()


def test_a_change_is_waited_for_until_all_of_it_is_there():
    world = World()
    world._script = iter(
        [world.write("a.py"), world.write("b.py"), world.write("c.py"), None, None, interrupt]
    )
    assert world.run().count("start") == 2
    assert "changed: a.py, b.py, c.py; starting again" in world.log


def test_a_process_that_ends_by_itself_waits_for_a_change():
    world = World(ends_with=1)
    world._script = iter([None, None, world.write("a.py"), None, None, interrupt])
    assert world.run() == [
        "start",
        "it ended with exit code 1; waiting for a change",
        "changed: a.py; starting again",
        "start",
        "it ended with exit code 1; waiting for a change",
    ]


def test_one_that_does_not_end_is_urged_and_killed():
    world = World(interrupt, deaf_to=9)
    assert world.run() == ["start", "terminate", "terminate", "it did not end, and is killed", "kill"]
    assert 8 < world.slept < 12


def test_one_that_ends_when_it_is_urged_is_not_killed():
    assert World(interrupt, deaf_to=1).run() == ["start", "terminate", "terminate"]


def test_an_interrupt_that_comes_with_a_change_ends_it():
    world = World()

    def both() -> None:
        world.write("a.py")()
        interrupt()

    world._script = iter([both])
    assert world.run() == ["start", "terminate"]


def test_each_further_signal_hastens_the_end():
    world = World(interrupt, interrupt, interrupt, deaf_to=9)
    assert world.run()[-1] == "kill"
    assert world.slept < 1


def test_an_interrupt_ends_the_wait_for_the_rest_of_a_change():
    world = World()
    world._script = iter([world.write("a.py"), interrupt])
    assert world.run()[-1] == "terminate"


def test_what_is_written_without_end_does_not_keep_it_from_ending():
    world = World()

    def both() -> None:
        world.write("b.py")()
        interrupt()

    world._script = iter([world.write("a.py"), both])
    assert world.run()[-1] == "terminate"


def test_whatever_fails_no_process_is_left_behind():
    world = World()

    def fail() -> None:
        raise LookupError

    world._script = iter([fail])
    with pytest.raises(LookupError):
        world.run()
    assert world.log == ["start", "kill"]


def test_signals_are_as_they_were_afterwards():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    World(interrupt).run()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize(("status", "words"), [(0, "exit code 0"), (1, "exit code 1"), (-9, "signal 9")])
def test_how_a_process_ended_is_told_in_words(status, words):
    assert said(status) == words
