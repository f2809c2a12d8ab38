"""Copies of values with the sensitive places blanked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon_gtype import _composites as c
from gnomon_gtype._interpret import REFUSED, Reading
from gnomon_gtype._patterns import found_in
from gnomon_gtype._problems import HIDDEN
from gnomon_gtype._read_composites import _nodes_for
from gnomon_gtype._scalars import Anything
from gnomon_gtype._schema import Schema
from gnomon_gtype._sensitive import declares_itself, holds_sensitive

MAX_DEPTH = 200
"""What lies deeper, or goes in circles, is blanked whole rather than followed."""

Known = Mapping[str, Schema]


def redacted(tree: Schema, value: Any) -> Any:
    """A copy of `value` in which every sensitive place is `"(hidden)"`.

    The value need not be of the type. Where it is not, a part that could be sensitive is blanked whole, so that a wrong
    value hides more rather than less.
    """
    known = tree.by_name if isinstance(tree, c.Definitions) else {}
    return _blank(tree.root if isinstance(tree, c.Definitions) else tree, value, known, 0)


def _blank(node: Schema, value: Any, known: Known, depth: int) -> Any:
    if declares_itself(value) or depth > MAX_DEPTH:
        return HIDDEN
    if not holds_sensitive(node, known):
        return _blank_objects(value, depth)
    try:
        return _blank_parts(node, value, known, depth)
    except Exception:  # of a method of the value: what cannot be looked into is not shown
        return HIDDEN


def _blank_parts(node: Schema, value: Any, known: Known, depth: int) -> Any:
    if isinstance(node, c.Ref):
        return _blank(known[node.name], value, known, depth + 1)
    if isinstance(node, c.Refined):
        return _blank(node.base, value, known, depth)
    if isinstance(node, (c.Union, c.Intersection)):
        return _blank_members(node, value, known, depth)
    if isinstance(node, c.Record):
        return _blank_record(node, value, known, depth)
    if isinstance(node, c.Map) and isinstance(value, dict):
        secret = holds_sensitive(node.keys, known)
        return {
            (f"{HIDDEN} {number}" if secret else key): _blank(node.values, item, known, depth + 1)
            for number, (key, item) in enumerate(value.items())
        }
    if isinstance(node, c.Array) and isinstance(value, (list, tuple)) and not node.contains:
        return _blank_array(node, value, known, depth)
    return HIDDEN


def _blank_objects(value: Any, depth: int) -> Any:
    """A part that no type calls sensitive: only objects that say so themselves are blanked."""
    if declares_itself(value) or depth > MAX_DEPTH:
        return HIDDEN
    if type(value) is dict:
        return {key: _blank_objects(item, depth + 1) for key, item in value.items()}
    if type(value) is list or type(value) is tuple:
        return type(value)(_blank_objects(item, depth + 1) for item in value)
    return value


def _blank_array(node: c.Array, value: Any, known: Known, depth: int) -> Any:
    parts = list(_nodes_for(node, len(value)))
    items = [_blank(part, item, known, depth + 1) for part, item in zip(parts, value, strict=False)]
    items += [HIDDEN] * (len(value) - len(parts))
    return items if isinstance(value, list) else tuple(items)


def _blank_members(node: c.Union | c.Intersection, value: Any, known: Known, depth: int) -> Any:
    """Blanked by the member that accepts the value, or by all of them when none does."""
    members = list(node.members)
    if isinstance(node, c.Union):
        reading = Reading("python", known, limit=1)
        accepting = [part for part in members if reading.attempt(part, value, ())[0] is not REFUSED]
        members = accepting or members
    for member in members:
        value = _blank(member, value, known, depth + 1)
    return value


def _blank_record(node: c.Record, value: Any, known: Known, depth: int) -> Any:
    if node.cls is not None and isinstance(value, node.cls):
        value = {item.name: getattr(value, item.name) for item in node.fields if hasattr(value, item.name)}
    if not isinstance(value, dict) or (node.keys is not None and holds_sensitive(node.keys, known)):
        return HIDDEN
    found = {}
    for key, item in value.items():
        text = key if isinstance(key, str) else ""
        field = node.field(text)
        nodes = [part for pattern, part in node.patterns if found_in(pattern, text)]
        if field is not None:
            nodes.append(field.schema)
        elif not nodes:
            nodes.append(node.rest or Anything())
        for part in nodes:
            item = _blank(part, item, known, depth + 1)
        found[key] = item
    return found
