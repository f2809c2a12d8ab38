"""How values of recursive types come to an end. Imported by `gnomon_gtype.testing` alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from gnomon_gtype import _composites as c
from gnomon_gtype._schema import Schema


class Recursion:
    """What is recursive in a tree, and which way out is shortest.

    Args:
        known: the nodes that references name, which are all recursive.
    """

    def __init__(self, known: Mapping[str, Schema]) -> None:
        self.known = known
        self._inside: dict[Schema, bool] = {}
        self._heights: dict[str, float] | None = None
        ways = sum(isinstance(part, c.Ref) for node in known.values() for _, part in node.walk())
        self.levels = 8 if ways <= 1 else 5 if ways <= 3 else 3

    def inside(self, node: Schema) -> bool:
        """Whether a value of the node may hold one of a recursive type."""
        if not self.known:
            return False
        if node not in self._inside:
            self._inside[node] = any(isinstance(part, c.Ref) for _, part in node.walk())
        return self._inside[node]

    def shortest(self, members: Sequence[Schema]) -> list[Schema]:
        """The members that lead to an end in the fewest steps."""
        heights = [self.height(member) for member in members]
        return [member for member, height in zip(members, heights, strict=True) if height == min(heights)]

    def height(self, node: Schema) -> float:
        """How many references the flattest value of a node needs one inside the other; infinite when there is no value."""
        if self._heights is None:
            # a definition is as high as its flattest way out: found from the flattest ones upwards
            self._heights = dict.fromkeys(self.known, math.inf)
            while True:
                found = {name: self._height(body) for name, body in self.known.items()}
                if found == self._heights:
                    break
                self._heights = found
        return self._height(node)

    def _height(self, node: Schema) -> float:
        if isinstance(node, c.Ref):
            assert self._heights is not None
            return 1 + self._heights[node.name]
        if isinstance(node, c.Union):
            return min(map(self._height, node.members))
        return max(map(self._height, _needed(node)), default=0)


def _needed(node: Schema) -> Iterable[Schema]:
    """The parts that no value of the node is without."""
    if isinstance(node, c.Array):
        given = node.prefix if node.required is None else node.prefix[: node.required]
        longer = node.rest is not None and node.shortest > len(given) + len(node.suffix)
        return (*given, *node.suffix, *((node.rest,) if longer and node.rest is not None else ()))
    if isinstance(node, c.Record):
        return [item.schema for item in node.fields if item.required]
    if isinstance(node, c.Map):
        return (node.keys, node.values) if node.min_length else ()
    if isinstance(node, c.Set):
        return (node.items,) if node.min_length else ()
    if isinstance(node, c.Intersection):
        return node.members
    return (node.base,) if isinstance(node, (c.Sensitive, c.Refined)) else ()
