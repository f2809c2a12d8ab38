"""`contains`: the question, the search, and the check of the witness by the validators themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from typing import Literal as OneOf

from gnomon_gtype._composites import Definitions, Ref
from gnomon_gtype._containment._outcome import Budget, Empty, Exhausted, Unclear
from gnomon_gtype._containment._search import Goal, Search
from gnomon_gtype._gtype import GType
from gnomon_gtype._problems import written
from gnomon_gtype._schema import Schema

STEPS: Final = 1_000_000
"""The budget of a question, which it spends in a few seconds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Containment:
    """Whether one type contains another.

    Args:
        answer: `yes` when every value of the narrower type is a value of the wider, `no` when some value is not, `unknown` when
            it was not found out.
        witness: with `no`, a value that the narrower type accepts and the wider refuses (which may be `None`); else `None`.
        reason: with `unknown`, what stood in the way; else empty.
    """

    answer: OneOf["yes", "no", "unknown"]
    witness: Any = None
    reason: str = ""

    def __repr__(self) -> str:
        return f"Containment(answer={self.answer!r}, witness={written(self.witness)}, reason={self.reason!r})"


_YES: Final = Containment(answer="yes")


def contains(wider: GType[Any], narrower: GType[Any], *, budget: int = STEPS) -> Containment:
    """Decide whether every value that `narrower` accepts is accepted by `wider`, in strict mode.

    `yes` is proved, and `no` comes with a witness that both validators have been asked about. Patterns become automata, and
    code (predicates, foreign core schemas) cannot be looked into: there the answer may be `unknown`, and where the budget ends.

    Args:
        wider: the type that may contain the other.
        narrower: the type that may be contained.
        budget: how many steps to take at most; the standard takes a few seconds when all of it is used.

    The values are Python objects of exactly the classes that the types are made for. What strict mode accepts beyond them, by
    courtesy, is not held against the wider type: instances of subclasses, and keys that are no text in a record that drops
    them unread.

    >>> from typing import Annotated
    >>> from gnomon_gtype import GType, Max, Min
    >>> contains(GType(int | str), GType(int)).answer
    'yes'
    >>> contains(GType(Annotated[int, Max(9)]), GType(Annotated[int, Min(5)]))
    Containment(answer='no', witness=10, reason='')
    """
    if wider == narrower:
        return _YES
    known: dict[str, Schema] = {}
    goal = Goal(
        frozenset((_named_apart(narrower.schema, "narrower", known),)),
        frozenset((_named_apart(wider.schema, "wider", known),)),
    )
    try:
        outcome = Search(known, "python", Budget(budget)).settle(goal)
    except Exhausted:
        return _unknown(f"the budget of {budget:,} steps is spent")
    except RecursionError:
        return _unknown("the types have too many parts in one place")
    if isinstance(outcome, Empty):
        return _YES
    if isinstance(outcome, Unclear):
        return _unknown(outcome.reason)
    if not _proves(outcome.value, wider, narrower):
        return _unknown("the validators do not confirm the value that the search found")
    return Containment(answer="no", witness=outcome.value)


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


def _proves(value: Any, wider: GType[Any], narrower: GType[Any]) -> bool:
    """Whether a value is one of the narrower type and none of the wider, as the validators see it."""
    try:
        return narrower.is_valid(value) and not wider.is_valid(value)
    except Exception:  # whatever code of the user's raises
        return False
