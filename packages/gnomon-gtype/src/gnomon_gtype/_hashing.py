"""Sets and maps whose items or keys nothing can be, because no value of that type can be hashed."""

from __future__ import annotations

from collections.abc import Mapping

from gnomon_gtype import _composites as c
from gnomon_gtype._describe import describe
from gnomon_gtype._errors import UnsupportedAnnotation
from gnomon_gtype._schema import Schema
from gnomon_gtype._unions import resolved

MEND = (
    "write tuple[...] in place of list[...], frozenset[...] in place of set[...], a frozen dataclass or a NamedTuple in place"
    " of a record; or list[...] in place of the set"
)


def hashable(tree: Schema, path: str) -> Schema:
    """The same tree, once every set and every map in it can have an item.

    Args:
        tree: what an annotation has become.
        path: how paths in errors begin.

    Raises:
        UnsupportedAnnotation: a set or a map would only ever be empty.
    """
    known = tree.by_name if isinstance(tree, c.Definitions) else {}
    for step, node in tree.walk():
        inner, what = (
            (node.items, "an item of a set")
            if isinstance(node, c.Set)
            else (node.keys, "a key of a dict")
            if isinstance(node, c.Map)
            else (None, "")
        )
        if inner is not None and unhashable(inner, known):
            place = step.replace("{~}", "{key}")
            place = place[1:] if place.startswith("#") else path + place
            mark = "[]" if isinstance(node, c.Set) else "{key}"
            raise UnsupportedAnnotation(
                place + mark, f"{what} must be hashable, and never is {describe(inner)}: {MEND}"
            )
    return tree


def unhashable(node: Schema, known: Mapping[str, Schema], above: frozenset[int] = frozenset()) -> bool:
    """Whether no value of the node can be hashed. A node that might have one is given the benefit of the doubt."""
    node = resolved(node, known)
    if id(node) in above:
        return False
    above |= {id(node)}
    if isinstance(node, c.Map):
        return True
    if isinstance(node, c.Set):
        return not node.frozen
    if isinstance(node, c.Record):
        return node.cls is None or node.cls.__hash__ is None
    if isinstance(node, c.Array):
        always = (*node.prefix[: node.required], *node.suffix)
        return node.container == "list" or any(unhashable(part, known, above) for part in always)
    if isinstance(node, c.Union):
        return all(unhashable(member, known, above) for member in node.members)
    return isinstance(node, c.Intersection) and any(unhashable(part, known, above) for part in node.members)
