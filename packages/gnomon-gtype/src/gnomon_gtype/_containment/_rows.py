"""What nodes ask of sequences and sets, and the lengths that can make a difference between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gnomon_gtype._composites import Array, Set
from gnomon_gtype._schema import Schema

Counts = tuple[tuple[Schema, int, int | None], ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a node asks of a sequence."""

    prefix: tuple[Schema, ...]
    rest: Schema | None
    suffix: tuple[Schema, ...]
    low: int
    high: int | None
    unique: bool = False
    contains: Counts = ()

    def at(self, length: int, index: int) -> Schema:
        """The node of one item of a sequence of an accepted length."""
        if index < len(self.prefix):
            return self.prefix[index]
        place = index - (length - len(self.suffix))
        found = self.suffix[place] if place >= 0 else self.rest
        assert found is not None
        return found

    def takes(self, length: int) -> bool:
        """Whether a length is accepted."""
        return self.low <= length and (self.high is None or length <= self.high)


def shape_of(node: Schema) -> Shape:
    """What an array or a set asks for."""
    if isinstance(node, Set):
        return Shape((), node.items, (), node.min_length, node.max_length)
    assert isinstance(node, Array)
    return Shape(node.prefix, node.rest, node.suffix, node.shortest, node.longest, node.unique, node.contains)


def lengths(kind: Any, wanted: list[Shape], unwanted: list[Shape]) -> Iterator[int]:
    """The lengths that can make a difference, ascending: all up to where only limits tell lengths apart, and those at limits."""
    if isinstance(kind, tuple):
        fixed = len(kind[1]._fields)
        yield from (fixed for _ in range(1) if all(shape.takes(fixed) for shape in wanted))
        return
    low = max(
        (fewest for shape in wanted for fewest in (shape.low, *(count[1] for count in shape.contains))),
        default=0,
    )
    highs = [shape.high for shape in wanted if shape.high is not None]
    shapes = [*wanted, *unwanted]
    enough = max((len(shape.prefix) for shape in shapes), default=0) + max(
        (len(shape.suffix) for shape in shapes), default=0
    )
    enough += sum(1 + 2 * shape.unique for shape in unwanted)
    enough += sum(fewest for shape in wanted for _, fewest, _ in shape.contains)
    enough += sum(most + 1 for shape in unwanted for _, _, most in shape.contains if most is not None)
    edges = {edge for shape in unwanted for edge in (shape.low - 1, shape.low)}
    edges |= {edge for shape in unwanted if shape.high is not None for edge in (shape.high, shape.high + 1)}
    top = max(low, enough)
    every = itertools.chain(range(low, top + 1), sorted(edge for edge in edges if edge > top))
    yield from every if not highs else itertools.takewhile(lambda length: length <= min(highs), every)
