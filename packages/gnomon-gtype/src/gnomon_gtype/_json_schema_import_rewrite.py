"""From what a document says literally to a tree of the usual shape: `oneOf` spelled out, kinds that cannot meet dropped.

A schema without `type` speaks of all kinds of values, so what is read first is full of members that another keyword rules out.
Here `{"type": "string", "anyOf": [{"minLength": 3}, …]}` becomes text with one of those lengths again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._errors import UnsupportedSchema
from gnomon_gtype._interpret import REFUSED, interpret
from gnomon_gtype._json_schema_import_document import MOST
from gnomon_gtype._json_schema_import_kinds import BARE
from gnomon_gtype._patterns import found_in
from gnomon_gtype._schema import Form, Schema

ALL_KINDS = frozenset((*BARE, "other"))
"""The kinds of JSON values, and `other` for what only Python has."""

MOST_MEMBERS = 300
"""How many members of one `oneOf`, and how many definitions that recur, are read."""

MOST_LEVELS = 150
"""How deep a tree may be once its references are in place."""

_KINDS: dict[type[Schema], str] = {type(node): kind for kind, node in BARE.items()}
_PURE = {node: kind for kind, node in BARE.items()}
_LOOKS = 8


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExactlyOne(c._Combined):
    """Values that exactly one member accepts; it lives only until it is spelled out."""

    tag: ClassVar[str] = "exactly-one"

    def _form(self) -> Form:
        return sorted(node.digest for node in self.members)


def rewrite(
    root: Schema, pool: Mapping[str, Schema], pointers: Mapping[str, str]
) -> tuple[Schema, dict[str, Schema]]:
    """The root, and the definitions that recur, in the usual shape; all other references are put in place.

    Args:
        root: the node of the document.
        pool: the node of every name that a reference uses.
        pointers: where the schema of that name stands.
    """
    rewriter = _Rewriter(pool)
    looping = _looping(pool)
    if len(looping) > MOST_MEMBERS:
        raise UnsupportedSchema("$ref", "", f"more than {MOST_MEMBERS} definitions refer to each other")
    placed = _Placing(rewriter, pool, looping, pointers)
    top = placed.measured(rewriter.change(root), "")
    return top, {
        name: placed.measured(rewriter.change(pool[name]), pointers[name]) for name in sorted(looping)
    }


class _Rewriter:
    def __init__(self, pool: Mapping[str, Schema]) -> None:
        self.pool = pool
        self.known: dict[str, frozenset[str]] = {}

    def change(self, node: Schema) -> Schema:
        """The node in its usual shape, children first."""
        node = node.map_children(self.change)
        changed = self._shaped(node)
        return changed if node.meta is None or changed is node else changed.with_meta(node.meta)

    def _shaped(self, node: Schema) -> Schema:
        if isinstance(node, ExactlyOne):
            return self._exactly_one(node.members)
        if isinstance(node, c.Intersection):
            return self._meet(*node.members)
        if isinstance(node, c.Union):
            return c.union(*node.members)
        if isinstance(node, c.Not):
            return self._not(node.base)
        return node

    def _not(self, base: Schema) -> Schema:
        if isinstance(base, s.Anything):
            return s.Nothing()
        if isinstance(base, s.Nothing):
            return s.Anything()
        return base.base if isinstance(base, c.Not) else c.Not(base)

    def _meet(self, *members: Schema) -> Schema:
        """The intersection, without union members of kinds that another member refuses."""
        whole = c.intersection(*members)
        if not isinstance(whole, c.Intersection):
            return whole
        parts = list(whole.members)
        kinds = ALL_KINDS.intersection(*map(self.kinds, parts))
        if not kinds:
            return s.Nothing()
        parts = list(dict.fromkeys(self._narrowed(part, kinds) for part in parts))
        for part in tuple(parts):
            others = [other for other in parts if other is not part]
            if part in _PURE and others and ALL_KINDS.intersection(*map(self.kinds, others)) <= {_PURE[part]}:
                parts = others
        return c.intersection(*parts)

    def _narrowed(self, node: Schema, kinds: frozenset[str]) -> Schema:
        """A node that is the same among values of these kinds; something beside it refuses all others."""
        own = self.kinds(node)
        if not own & kinds:
            return s.Nothing()
        if isinstance(node, c.Not):
            return self._not(self._narrowed(node.base, kinds))
        if own <= kinds:
            return node
        members = node.members if isinstance(node, (c.Union, c.Intersection)) else ()
        narrowed = [self._narrowed(member, kinds) for member in members]
        if isinstance(node, c.Union):
            return c.union(*narrowed)
        return self._meet(*narrowed) if isinstance(node, c.Intersection) else node

    def kinds(self, node: Schema) -> frozenset[str]:
        """Kinds of values that the node accepts at most."""
        if isinstance(node, s.Literal):
            return frozenset("string" if isinstance(v, str) else _boolean_or_number(v) for v in node.values)
        if isinstance(node, (c.Union, ExactlyOne)):
            return frozenset().union(*map(self.kinds, node.members))
        if isinstance(node, c.Intersection):
            return ALL_KINDS.intersection(*map(self.kinds, node.members))
        if isinstance(node, c.Ref):
            if node.name not in self.known:
                self.known[node.name] = ALL_KINDS  # what it is while it is being found out
                self.known[node.name] = self.kinds(self.pool[node.name])
            return self.known[node.name]
        if isinstance(node, s.Nothing):
            return frozenset()
        return frozenset((_KINDS[type(node)],)) if type(node) in _KINDS else ALL_KINDS

    def _exactly_one(self, members: tuple[Schema, ...]) -> Schema:
        groups: list[list[Schema]] = []
        for member in members:
            touching = [group for group in groups if not all(self.apart(member, other) for other in group)]
            groups = [group for group in groups if group not in touching]
            groups.append([other for group in touching for other in group] + [member])
        return c.union(*map(self._one_of_group, groups))

    def _one_of_group(self, members: list[Schema]) -> Schema:
        """Exactly one of members that may overlap: one of the first half and none of the second, or the other way round."""
        if len(members) == 1:
            return members[0]
        middle = len(members) // 2
        left, right = members[:middle], members[middle:]
        return c.union(
            self._meet(self._one_of_group(left), self._not(c.union(*right))),
            self._meet(self._not(c.union(*left)), self._one_of_group(right)),
        )

    def apart(self, left: Schema, right: Schema, *, depth: int = 0) -> bool:
        """Whether it is certain that no JSON value matches both."""
        if not self.kinds(left) & self.kinds(right):
            return True
        if depth >= _LOOKS:
            return False
        for one, other in ((left, right), (right, left)):
            if isinstance(one, c.Ref):
                return self.apart(self.pool[one.name], other, depth=depth + 1)
            if isinstance(one, (c.Union, ExactlyOne)):
                return all(self.apart(member, other, depth=depth + 1) for member in one.members)
            if isinstance(one, c.Intersection):
                return any(self.apart(member, other, depth=depth + 1) for member in one.members)
        if isinstance(left, c.Record) and isinstance(right, c.Record):
            return self._records_apart(left, right, depth) or self._records_apart(right, left, depth)
        if isinstance(left, s.Number) and isinstance(right, s.Number):
            return _below(left, right) or _below(right, left)
        return _values_apart(left, right) or _values_apart(right, left)

    def _records_apart(self, left: c.Record, right: c.Record, depth: int) -> bool:
        """Whether a key that `left` requires has no place, or other values, in `right`."""
        for field in left.fields:
            if field.required:
                other = right.field(field.name)
                if other is not None and self.apart(field.schema, other.schema, depth=depth + 1):
                    return True
                unknown = other is None and not any(
                    found_in(pattern, field.name) for pattern, _ in right.patterns
                )
                if unknown and right.extra == "forbid":
                    return True
        return False


def _boolean_or_number(value: object) -> str:
    return "boolean" if isinstance(value, bool) else "number"


def _below(left: s.Number, right: s.Number) -> bool:
    if left.maximum is None or right.minimum is None:
        return False
    open_end = left.exclusive_maximum or right.exclusive_minimum
    return bool(left.maximum < right.minimum or (open_end and left.maximum == right.minimum))


def _values_apart(left: Schema, right: Schema) -> bool:
    """Whether `left` are constants that the scalar `right` refuses."""
    if not isinstance(left, s.Literal) or not isinstance(right, (s.Literal, s.String, s.Number)):
        return False
    return all(interpret(right, value, channel="json")[0] is REFUSED for value in left.values)


def _names(node: Schema) -> set[str]:
    return {part.name for _, part in node.walk() if isinstance(part, c.Ref)}


def _looping(pool: Mapping[str, Schema]) -> set[str]:
    """The names that lead back to themselves: Tarjan's strongly connected components, without recursion."""
    edges = {name: sorted(_names(node)) for name, node in pool.items()}
    looping = {name for name, targets in edges.items() if name in targets}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    for start in pool:
        work = [(start, 0)] if start not in index else []
        while work:
            name, at = work.pop()
            if at == 0:
                index[name] = low[name] = len(index)
                stack.append(name)
            else:
                low[name] = min(low[name], low[edges[name][at - 1]])
            for position in range(at, len(edges[name])):
                target = edges[name][position]
                if target not in index:
                    work += [(name, position + 1), (target, 0)]
                    break
                if target in stack:
                    low[name] = min(low[name], index[target])
            else:
                if low[name] == index[name]:
                    component = stack[stack.index(name) :]
                    del stack[stack.index(name) :]
                    looping.update(component if len(component) > 1 else ())
    return looping


class _Placing:
    """Puts definitions that do not recur in place of their references, as long as the tree stays of a sane size."""

    def __init__(
        self,
        rewriter: _Rewriter,
        pool: Mapping[str, Schema],
        looping: Iterable[str],
        pointers: Mapping[str, str],
    ) -> None:
        self.rewriter = rewriter
        self.pool = pool
        self.looping = looping
        self.pointers = pointers
        self.done: dict[str, tuple[Schema, int, int]] = {}

    def measured(self, node: Schema, pointer: str) -> Schema:
        """The node with references put in place, which may let more of it be dropped."""
        return self.rewriter.change(self._place(node, pointer, 0)[0])

    def _place(self, node: Schema, pointer: str, chain: int) -> tuple[Schema, int, int]:
        """The node with references put in place, how many nodes that makes, and how deep it is."""
        size, deepest = 0, 0
        stack = [(node, 1)]
        while stack:
            part, depth = stack.pop()
            more, further = 1, 0
            if isinstance(part, c.Ref) and part.name not in self.looping:
                _, more, further = self._definition(part.name, pointer, chain)
            size, deepest = size + more, max(deepest, depth + further)
            if size > MOST or deepest > MOST_LEVELS:
                reason = f"it makes a tree of more than {MOST} nodes or {MOST_LEVELS} levels"
                raise UnsupportedSchema("$ref" if self.pool else "$schema", pointer, reason)
            stack.extend((child, depth + 1) for _, child in part.children())

        def put(part: Schema) -> Schema:
            if isinstance(part, c.Ref) and part.name not in self.looping:
                found = self.done[part.name][0]
                return found if part.meta is None else found.with_meta(part.meta)
            return part.map_children(put)

        return put(node), size, deepest

    def _definition(self, name: str, pointer: str, chain: int) -> tuple[Schema, int, int]:
        if name not in self.done:
            if chain >= MOST_LEVELS:
                raise UnsupportedSchema(
                    "$ref", pointer, f"more than {MOST_LEVELS} references lead to each other"
                )
            body = self.rewriter.change(self.pool[name])
            self.done[name] = self._place(body, self.pointers[name], chain + 1)
        return self.done[name]
