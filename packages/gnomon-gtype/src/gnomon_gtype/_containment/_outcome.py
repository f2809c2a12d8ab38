"""What a search for a value can end with, and the budget it lives on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Found:
    """There is a value, and here is one.

    Args:
        value: the value.
        size: how many parts it has, itself included.
    """

    value: Any
    size: int = 1


@dataclass(frozen=True, slots=True)
class Empty:
    """There is no value."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """It could not be found out.

    Args:
        reason: why not, in words for the person who asked.
    """

    reason: str


Outcome = Found | Empty | Unclear
EMPTY: Final = Empty()

MOST_PARTS = 100_000
"""The largest witness that is built; a value of more parts, or a longer text, shows nothing to anybody."""

TOO_LARGE: Final = Unclear(f"the smallest value that could prove it has more than {MOST_PARTS:,} parts")


class Exhausted(Exception):
    """The budget is spent."""


class Budget:
    """A number of steps that may be taken, shared by everything that one question starts.

    Args:
        steps: how many; a step takes about a microsecond to ten.
    """

    __slots__ = ("left", "steps")

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Take some steps.

        Raises:
            Exhausted: there are none left.
        """
        self.left -= steps
        if self.left < 0:
            raise Exhausted

    def part(self, share: int) -> Budget:
        """A budget for one sub-question: at most a `share`-th of what was given at first, and never more than is left."""
        return Budget(max(0, min(self.left, self.steps // share)))
