"""What nodes ask of objects with keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gnomon_gtype._composites import Map, Record
from gnomon_gtype._patterns import found_in
from gnomon_gtype._schema import Schema


@dataclass(frozen=True, slots=True)
class Entries:
    """What a node asks of an object.

    Args:
        fields: the node of every known key, and whether the key must be there.
        closed: whether unknown keys are refused.
        rest: the node of the values of unknown keys.
        patterns: the nodes of the values of keys that a pattern is found in.
        keys: the node of every key.
        low: fewest keys.
        high: most keys.
        texts: whether a key that is no text is refused.
    """

    fields: Mapping[str, tuple[Schema, bool]]
    closed: bool = False
    rest: Schema | None = None
    patterns: tuple[tuple[str, Schema], ...] = ()
    keys: Schema | None = None
    low: int = 0
    high: int | None = None
    texts: bool = True

    def at(self, key: str) -> list[Schema] | None:
        """The nodes of the value at a key, `None` when the key is not allowed whatever its value; `keys` apart."""
        nodes = [node for pattern, node in self.patterns if found_in(pattern, key)]
        if key in self.fields:
            return [self.fields[key][0], *nodes]
        if nodes:
            return nodes
        if self.closed:
            return None
        return [] if self.rest is None else [self.rest]

    def requires(self, key: str) -> bool:
        """Whether the key must be there."""
        return key in self.fields and self.fields[key][1]


def entries_of(node: Schema) -> Entries:
    """What a record or a map asks for."""
    if isinstance(node, Map):
        return Entries({}, False, node.values, (), node.keys, node.min_length, node.max_length, texts=False)
    assert isinstance(node, Record)
    careless = node.extra == "drop" and node.rest is None and node.keys is None and not node.patterns
    return Entries(
        {
            item.name: (item.schema, item.required)
            for item in node.fields
            if item.init or node.cls is not None
        },
        node.extra == "forbid",
        node.rest,
        node.patterns,
        node.keys,
        node.min_length,
        node.max_length,
        texts=not careless,
    )
