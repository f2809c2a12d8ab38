"""Copies of values with the sensitive places blanked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon_gtype import _composites as c
from gnomon_gtype._interpret import REFUSED, Reading
from gnomon_gtype._problems import HIDDEN
from gnomon_gtype._read_composites import _nodes_for
from gnomon_gtype._schema import Schema

MAX_DEPTH = 200
"""Deeper than this, and in circles, a value is blanked whole rather than followed."""


def has_sensitive(tree: Schema) -> bool:
    """Whether anything in the tree is marked sensitive."""
    return any(isinstance(node, c.Sensitive) for _, node in tree.walk())


def redacted(tree: Schema, value: Any) -> Any:
    """A copy of `value` in which every sensitive place is `"(hidden)"`.

    The value need not be of the type. A place is blanked when any reading of the type makes it sensitive, so that a wrong
    value hides more rather than less.
    """
    known = tree.by_name if isinstance(tree, c.Definitions) else {}
    return _blank(tree.root if isinstance(tree, c.Definitions) else tree, value, known, 0)


def _blank(node: Schema, value: Any, known: Mapping[str, Schema], depth: int) -> Any:
    if type(value).__dict__.get("__sensitive__") is True or depth > MAX_DEPTH:
        return HIDDEN
    if isinstance(node, c.Sensitive):
        return HIDDEN
    if isinstance(node, c.Ref):
        return _blank(known[node.name], value, known, depth + 1)
    if isinstance(node, c.Refined):
        return _blank(node.base, value, known, depth)
    if isinstance(node, (c.Union, c.Intersection)):
        return _blank_members(node, value, known, depth)
    if isinstance(node, c.Record):
        return _blank_record(node, value, known, depth)
    if isinstance(node, c.Map) and isinstance(value, dict):
        hide_keys = any(isinstance(part, c.Sensitive) for _, part in node.keys.walk())
        return {
            (f"{HIDDEN} {number}" if hide_keys else key): _blank(node.values, item, known, depth + 1)
            for number, (key, item) in enumerate(value.items())
        }
    if isinstance(node, c.Array) and isinstance(value, (list, tuple)):
        return _blank_array(node, value, known, depth)
    if isinstance(node, c.Set) and isinstance(value, (set, frozenset, list)):
        if has_sensitive(node):
            return HIDDEN
    elif isinstance(node, (c.Map, c.Array)) and has_sensitive(node):
        return HIDDEN
    return value


def _blank_array(node: c.Array, value: Any, known: Mapping[str, Schema], depth: int) -> Any:
    parts = list(_nodes_for(node, len(value)))
    spare = [HIDDEN] * (len(value) - len(parts)) if has_sensitive(node) else list(value[len(parts) :])
    items = [_blank(part, item, known, depth + 1) for part, item in zip(parts, value, strict=False)] + spare
    return items if isinstance(value, list) else tuple(items)


def _blank_members(
    node: c.Union | c.Intersection, value: Any, known: Mapping[str, Schema], depth: int
) -> Any:
    """Blanked by each member that accepts the value, or by all when none does."""
    members = list(node.members)
    if isinstance(node, c.Union):
        accepting = [
            part
            for part in members
            if Reading("python", known, limit=1).attempt(part, value, ())[0] is not REFUSED
        ]
        members = accepting[:1] or members
    for member in members:
        value = _blank(member, value, known, depth + 1)
        if value is HIDDEN:
            return HIDDEN
    return value


def _blank_record(node: c.Record, value: Any, known: Mapping[str, Schema], depth: int) -> Any:
    if node.cls is not None and isinstance(value, node.cls):
        value = {item.name: getattr(value, item.name) for item in node.fields if hasattr(value, item.name)}
    if not isinstance(value, dict):
        return HIDDEN if has_sensitive(node) else value
    found = {}
    for key, item in value.items():
        field = node.field(key) if isinstance(key, str) else None
        if field is not None:
            found[key] = _blank(field.schema, item, known, depth + 1)
        elif node.rest is not None:
            found[key] = _blank(node.rest, item, known, depth + 1)
        else:
            hide = any(has_sensitive(part) for _, part in node.patterns)
            found[key] = HIDDEN if hide else item
    return found
