"""`unevaluatedProperties` and `unevaluatedItems`: what the keywords beside them did not look at.

Which properties have been looked at depends on which subschemas accept the value. So a schema is split into *cases*: a
condition, and what has been looked at where it holds. Cases may overlap: the one that knows most is always among them, and
more looked at never refuses more, so a value is refused exactly when every case that holds refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._errors import UnsupportedSchema
from gnomon_gtype._json_schema_import_document import Place
from gnomon_gtype._json_schema_import_kinds import BARE, read_pattern
from gnomon_gtype._schema import Schema

if TYPE_CHECKING:
    from gnomon_gtype._json_schema_import import Reader

MOST_CASES = 64
"""How many cases a schema may have before it is refused."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the keywords of a schema have looked at.

    Args:
        names: properties by name.
        patterns: properties whose name an (engine's) pattern is found in.
        every_property: all properties.
        items: that many items from the start.
        every_item: all items.
        matching: items that one of these nodes accepts.
    """

    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    every_property: bool = False
    items: int = 0
    every_item: bool = False
    matching: frozenset[Schema] = frozenset()

    def __or__(self, other: Seen) -> Seen:
        return Seen(
            self.names | other.names,
            self.patterns | other.patterns,
            self.every_property or other.every_property,
            max(self.items, other.items),
            self.every_item or other.every_item,
            self.matching | other.matching,
        )


NOTHING_SEEN = Seen()
Case = tuple[Schema, Seen]
NO_CONDITION: Case = (s.Anything(), NOTHING_SEEN)


class Unevaluated:
    """Says for the schemas of a document what the two keywords demand."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.known: dict[str, list[Case]] = {}

    def node(self, place: Place, body: dict[str, Any]) -> Schema:
        """What `unevaluatedProperties` and `unevaluatedItems` of a schema demand."""
        cases = self._split(place, body, frozenset())
        return c.union(
            *(c.intersection(condition, *self._rest(place, body, seen)) for condition, seen in cases)
        )

    def _rest(self, place: Place, body: dict[str, Any], seen: Seen) -> Iterator[Schema]:
        """What the two keywords demand where that has been looked at."""
        others = [node for kind, node in BARE.items() if kind not in ("array", "object")]
        if "unevaluatedProperties" in body and not seen.every_property:
            node = self.reader.child(place, "unevaluatedProperties")
            closed = isinstance(node, s.Nothing)
            record = c.Record(
                tuple(c.Field(name=name, schema=s.Anything(), required=False) for name in sorted(seen.names)),
                extra="forbid" if closed else "keep",
                rest=None if closed else node,
                patterns=tuple((pattern, s.Anything()) for pattern in sorted(seen.patterns)),
            )
            yield c.union(*others, BARE["array"], record)
        if "unevaluatedItems" in body and not seen.every_item:
            matching = sorted(seen.matching, key=lambda node: node.digest)
            rest = c.union(*matching, self.reader.child(place, "unevaluatedItems"))
            closed = isinstance(rest, s.Nothing)
            array = c.Array(prefix=(s.Anything(),) * seen.items, rest=None if closed else rest, required=0)
            yield c.union(*others, array, BARE["object"])

    def _cases(self, place: Place, chain: frozenset[str]) -> list[Case]:
        """The cases of a schema for the schemas around it: what its own two keywords look at is seen too."""
        body = place.body
        if isinstance(body, bool):
            return [NO_CONDITION]
        if place.pointer in chain:
            raise UnsupportedSchema("$ref", place.pointer, "the schema refers to itself in place")
        if place.pointer not in self.known:
            own = Seen(every_property="unevaluatedProperties" in body, every_item="unevaluatedItems" in body)
            cases = [(condition, seen | own) for condition, seen in self._split(place, body, chain)]
            self.known[place.pointer] = list(dict.fromkeys(cases))
        return self.known[place.pointer]

    def _split(self, place: Place, body: dict[str, Any], chain: frozenset[str]) -> list[Case]:
        """The cases of a schema, its own two keywords left out."""
        chain |= {place.pointer}
        found: list[Case] = [(s.Anything(), self._own(place, body))]
        for group in self._groups(place, body, chain):
            if group != [NO_CONDITION]:
                found = _combined(place, found, group)
        return found

    def _own(self, place: Place, body: dict[str, Any]) -> Seen:
        """What the keywords of the schema itself look at."""
        patterns = body.get("patternProperties", ())
        contains = [self.reader.refer(self.reader.below(place, "contains"))] if "contains" in body else []
        return Seen(
            frozenset(body.get("properties", ())),
            frozenset(read_pattern(place, "patternProperties", pattern) for pattern in patterns),
            "additionalProperties" in body,
            len(body.get("prefixItems", ())),
            "items" in body,
            frozenset(contains),
        )

    def _groups(self, place: Place, body: dict[str, Any], chain: frozenset[str]) -> Iterator[list[Case]]:
        """Groups of cases: a schema's cases are one of each group, combined."""
        reader = self.reader
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in body:
                yield self._cases(reader.document.follow(place, keyword, body[keyword]), chain)
        for member in self._members(place, body, "allOf"):
            yield self._cases(member, chain)
        for member in self._members(place, body, "anyOf"):
            yield [NO_CONDITION, *self._when(reader.refer(member), member, chain)]
        yield [
            NO_CONDITION,
            *(
                case
                for member in self._members(place, body, "oneOf")
                for case in self._when(reader.refer(member), member, chain)
            ),
        ]
        if "if" in body:
            yield self._conditional(place, body, chain)
        for name in body.get("dependentSchemas", ()):
            has = c.Record((c.Field(name=name, schema=s.Anything()),), extra="keep")
            yield [NO_CONDITION, *self._when(has, reader.below(place, "dependentSchemas", name), chain)]

    def _members(self, place: Place, body: dict[str, Any], keyword: str) -> list[Place]:
        return [self.reader.below(place, keyword, index) for index in range(len(body.get(keyword, ())))]

    def _when(self, condition: Schema, place: Place, chain: frozenset[str]) -> list[Case]:
        """The cases of a schema that counts where `condition` holds; none when it never looks at anything."""
        cases = self._cases(place, chain)
        if all(seen == NOTHING_SEEN for _, seen in cases):
            return []
        return [(c.intersection(condition, inner), seen) for inner, seen in cases]

    def _conditional(self, place: Place, body: dict[str, Any], chain: frozenset[str]) -> list[Case]:
        test = self.reader.below(place, "if")
        holds = self.reader.refer(test)
        found = [NO_CONDITION]
        yes = self._cases(test, chain)
        if "then" in body:
            yes = _combined(place, yes, self._cases(self.reader.below(place, "then"), chain))
        found.extend((c.intersection(holds, inner), seen) for inner, seen in yes if seen != NOTHING_SEEN)
        if "else" in body:
            found.extend(self._when(c.Not(holds), self.reader.below(place, "else"), chain))
        return found


def _combined(place: Place, left: list[Case], right: list[Case]) -> list[Case]:
    """One case for every pair."""
    if len(left) * len(right) > MOST_CASES:
        body = place.body
        keyword = next(
            (word for word in ("allOf", "anyOf", "oneOf", "if") if isinstance(body, dict) and word in body),
            "$ref",
        )
        reason = f"what the unevaluated keywords leave depends on more than {MOST_CASES} combinations of subschemas"
        raise UnsupportedSchema(keyword, place.pointer, reason)
    return [(c.intersection(one, other), seen | more) for (one, seen), (other, more) in product(left, right)]
