"""Classes of every kind that types are made of, for tests of more than one module, and limits for generated nodes."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, NamedTuple

from hypothesis import strategies as st


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Word(enum.StrEnum):
    A = "a"
    LONG = "long"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Right(enum.Flag):
    READ = 1
    WRITE = 2


Many = enum.Flag("Many", [f"F{number}" for number in range(12)])


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


@dataclasses.dataclass
class Deep(Point):
    z: Any = 0


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any


@dataclasses.dataclass
class Checked:
    x: int

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("below 0")


class Pair(NamedTuple):
    left: Any
    right: Any


def limits(bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The four limits of a bounded node."""

    def build(low: Any, high: Any, x: bool, y: bool) -> dict[str, Any]:
        return {
            "minimum": low,
            "maximum": high,
            "exclusive_minimum": x and low is not None,
            "exclusive_maximum": y and high is not None,
        }

    return st.builds(build, st.none() | bounds, st.none() | bounds, st.booleans(), st.booleans())
