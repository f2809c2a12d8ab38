"""`contains`: the question, the search, and the check of the witness by the validators themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from typing import Literal as OneOf

from gnomon_gtype._composites import Definitions, Ref
from gnomon_gtype._containment._outcome import Budget, Empty, Exhausted, Unclear
from gnomon_gtype._containment._search import Goal, Search
from gnomon_gtype._containment._shapes import Shapes
from gnomon_gtype._gtype import GType
from gnomon_gtype._interpret import Channel
from gnomon_gtype._problems import ValidationError, written
from gnomon_gtype._schema import Schema

STEPS: Final = 1_000_000
"""The budget of a question, which it spends in a few seconds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Containment:
    """Whether one type contains another.

    Args:
        answer: `yes` when every value of the narrower type is a value of the wider, `no` when some value is not, `unknown` when
            it was not found out.
        witness: with `no`, a value that the narrower type accepts and the wider refuses (which may be `None`), or JSON text of
            which that is true when the question was about JSON; else `None`.
        reason: with `unknown`, what stood in the way; else empty.
    """

    answer: OneOf["yes", "no", "unknown"]
    witness: Any = None
    reason: str = ""

    def __repr__(self) -> str:
        return f"Containment(answer={self.answer!r}, witness={written(self.witness)}, reason={self.reason!r})"


_YES: Final = Containment(answer="yes")


def contains(
    wider: GType[Any], narrower: GType[Any], *, channel: Channel = "python", budget: int = STEPS
) -> Containment:
    """Decide whether every value that `narrower` accepts is accepted by `wider`, in strict mode.

    `yes` is proved, and `no` comes with a witness that both validators have been asked about. Patterns become automata, and
    code (predicates, foreign core schemas) cannot be looked into: there the answer may be `unknown`, and where the budget ends.

    Args:
        wider: the type that may contain the other.
        narrower: the type that may be contained.
        channel: what is meant by a value: with `python` a Python object, with `json` JSON text.
        budget: how many steps to take at most; the standard takes a few seconds when all of it is used.

    The values are Python objects of exactly the classes that the types are made for. What strict mode accepts beyond them, by
    courtesy, is not held against the wider type: instances of subclasses, and keys that are no text in a record that drops
    them unread.

    With `json` every JSON text that `validate_json` of the narrower type accepts is accepted by that of the wider, or the
    witness is such a text. This is what matters between two programs that send each other JSON: the text of a `UUID` is text.

    Raises:
        TypeError: one of the two is no `GType`.
        ValueError: there is no such channel.

    >>> from typing import Annotated
    >>> from uuid import UUID
    >>> from gnomon_gtype import GType, Max, Min
    >>> contains(GType(int | str), GType(int)).answer
    'yes'
    >>> contains(GType(Annotated[int, Max(9)]), GType(Annotated[int, Min(5)]))
    Containment(answer='no', witness=10, reason='')
    >>> contains(GType(str), GType(UUID)).answer, contains(GType(str), GType(UUID), channel="json").answer
    ('no', 'yes')
    """
    for side, given in (("wider", wider), ("narrower", narrower)):
        if not isinstance(given, GType):
            raise TypeError(f"{side} is a GType, not {given!r}: write contains(GType(...), GType(...))")
    if channel not in ("python", "json"):
        raise ValueError(f"channel is 'python' or 'json', not {channel!r}")
    if wider == narrower:
        return _YES
    known: dict[str, Schema] = {}
    small, large = (
        _named_apart(tree, side, known)
        for tree, side in ((narrower.schema, "narrower"), (wider.schema, "wider"))
    )
    try:
        if channel == "json":
            shapes = Shapes(known)
            small, large, known = shapes.of(small), shapes.of(large), shapes.definitions()
        outcome = Search(known, channel, Budget(budget)).settle(
            Goal(frozenset((small,)), frozenset((large,)))
        )
    except Exhausted:
        return _unknown(f"the budget of {budget:,} steps is spent")
    except RecursionError:
        return _unknown("the types have too many parts in one place")
    if isinstance(outcome, Empty):
        return _YES
    if isinstance(outcome, Unclear):
        return _unknown(outcome.reason)
    witness = outcome.value if channel == "python" else _text(outcome.value)
    reads = _is_valid if channel == "python" else _is_valid_json
    if not (reads(narrower, witness) is True and reads(wider, witness) is False):
        return _unknown("the validators do not confirm the value that the search found")
    return Containment(answer="no", witness=witness)


def _unknown(reason: str) -> Containment:
    return Containment(answer="unknown", reason=reason)


def _named_apart(tree: Schema, side: str, known: dict[str, Schema]) -> Schema:
    """The root of a tree, with its definitions added to those known under names that no other tree has."""
    if not isinstance(tree, Definitions):
        return tree
    names = {name: f"{side}:{name}" for name, _ in tree.definitions}
    known.update((names[name], _renamed(node, names)) for name, node in tree.definitions)
    return _renamed(tree.root, names)


def _renamed(node: Schema, names: Mapping[str, str]) -> Schema:
    if isinstance(node, Ref):
        return Ref(names[node.name])
    return node.map_children(lambda child: _renamed(child, names))


def _text(value: Any) -> str:
    """The JSON text of parsed JSON; empty, which no type reads, when an integer in it is too long to be written."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except ValueError:
        return ""


def _is_valid(gtype: GType[Any], value: Any) -> bool | None:
    """Whether a type accepts a value as its validator sees it, `None` when code of the user's raises."""
    try:
        return gtype.is_valid(value)
    except Exception:
        return None


def _is_valid_json(gtype: GType[Any], text: str) -> bool | None:
    """The same for JSON text."""
    try:
        gtype.validate_json(text)
    except ValidationError:
        return False
    except Exception:
        return None
    return True
