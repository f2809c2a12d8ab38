"""How the interpreter reads a union, and what it says of a value that no member accepts."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._describe import describe, one_of
from gnomon_gtype._interpret import Path, Reading, reader
from gnomon_gtype._problems import Problem
from gnomon_gtype._schema import Schema
from gnomon_gtype._unions import order_for, resolved

Branch = tuple[Schema, tuple[Problem, ...]]
"""A member, and why it does not accept the value."""

_TOLD = 3
_LONGEST = 160


@reader(c.Union)
def _union(reading: Reading, node: c.Union, value: Any, path: Path) -> Any:
    tag = node.discriminator
    if tag is not None and isinstance(value, dict):
        return _tagged(reading, node, value, path, tag)
    branches: list[Branch] = []
    for member in order_for(node.members, value, reading.definitions):
        result, why = reading.attempt(member, value, path)
        if not why:
            return result
        branches.append((member, why))
    return refuse_union(reading, node, value, path, branches)


def refuse_union(reading: Reading, node: c.Union, value: Any, path: Path, branches: Sequence[Branch]) -> Any:
    """List why no member accepts the value: in the words of the only member for values of its kind, where there is one."""
    near = [] if reading.hidden_from is not None else _nearest(reading, value, path, branches)
    told = node.meta is not None and not node.meta.messages.keys().isdisjoint(("no_match", "*"))
    if len(near) == 1 and not told:
        return reading.relist(near[0])
    message = f"Expected {describe(node, channel=reading.channel)}, found {reading.kind(value)}."
    if near:
        reasons = " ".join(
            f"({number}) {_shortened(str(why[0]))}" for number, why in enumerate(near[:_TOLD], 1)
        )
        message = f"Fits none of {len(near)} alternatives: {reasons}{' …' if len(near) > _TOLD else ''}"
    return reading.refuse(node, path, "no_match", message, value, branches=tuple(why for _, why in branches))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _nearest(
    reading: Reading, value: Any, path: Path, branches: Sequence[Branch]
) -> list[tuple[Problem, ...]]:
    """The reasons of the members for values of this kind; of the records whose constants the value has, if there are such."""
    near = []
    for member, why in branches:
        inner = resolved(member, reading.definitions)
        if not _of_another_kind(inner, value, path, why):
            near.append((_has_constants(inner, path, why), why))
    return [why for marked, why in near if marked] or [why for _, why in near]


def _of_another_kind(node: Schema, value: Any, path: Path, why: tuple[Problem, ...]) -> bool:
    first = why[0]
    if len(why) > 1 or first.path != path:
        return False
    if first.code == "not_one_of":
        return type(value) not in _kinds_of(node)
    if first.code == "no_match" and first.branches:
        return all(_of_another_kind(node, value, path, branch) for branch in first.branches)
    return first.code in ("wrong_type", "repeated")


def _kinds_of(node: Schema) -> set[type]:
    """The classes of the constants of a node."""
    if isinstance(node, s.EnumMember):
        return {type(member.value) for member in node.members}
    values = node.values if isinstance(node, s.Literal) else ()
    return {type(value.value if isinstance(value, enum.Enum) else value) for value in values}


def _has_constants(node: Schema, path: Path, why: tuple[Problem, ...]) -> bool:
    """Whether the node is a record with a key for constants, and the value has one of them there."""
    if not isinstance(node, c.Record):
        return False
    wrong = {problem.path for problem in why}
    constants = [item.name for item in node.fields if item.required and isinstance(item.schema, s.Literal)]
    return bool(constants) and not any((*path, name) in wrong for name in constants)


def _tagged(reading: Reading, node: c.Union, value: dict[Any, Any], path: Path, tag: str) -> Any:
    known: list[str] = []
    for member, values in c.choices_of(node, tag):
        if tag in value and isinstance(value[tag], str) and value[tag] in values:
            return reading.read(member, value, path)
        known.extend(map(repr, values))
    wanted = one_of(known)
    if tag not in value:
        message = f"The key is missing; expected {wanted}."
        return reading.refuse(node, (*path, tag), "missing", message, None, expected=wanted)
    return reading.refuse(
        node, (*path, tag), "unknown_tag", f"Expected {wanted}.", value[tag], expected=wanted
    )
