"""Conditions on a snapshot, as data: a field, an operator, a value. Nothing of the request or of a user runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, final, get_args

from gnomon_snapshot._records import Lost, Record
from gnomon_snapshot._snapshot import PARTS, Snapshot
from gnomon_snapshot._types import NO_TYPES

Operator: TypeAlias = Literal[
    "==", "!=", "<", "<=", ">", ">=", "in", "contains", "starts with", "ends with", "exists"
]
_OPERATORS: Final = get_args(Operator)
_MISSING: Final = object()
_DEEPEST: Final = 64


@final
@dataclass(frozen=True, slots=True)
class Condition:
    """Something that a snapshot must hold.

    A field that is not there, or whose value was not written because it is sensitive, meets `exists` at most; so do values that
    cannot be compared. Numbers are equal across their types, but `True` is not 1.

    A member of an enum is compared by its value, a time with text as ISO 8601 writes it.

    Args:
        field: A JSON pointer (RFC 6901) into the snapshot: `/state/cart/0`, `/meta/route`, `/request/headers/accept`,
            `/response/status_code`, `/execution/hook_id`.
        operator: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in` (the field is one of the value), `contains` (the value is in the
            field), `starts with`, `ends with` (texts), `exists` (or, with the value `False`, does not).
        value: A JSON value.

    Raises:
        ValueError: The field is no pointer into a snapshot, there is no such operator, or the value is not of JSON.

    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import capture
    >>> lctx = LocalContext(GlobalContext(), path="/orders")
    >>> lctx.set("cart", ["apple"])
    >>> Condition("/state/cart", "contains", "apple").holds(capture(lctx))
    True
    """

    field: str
    operator: Operator
    value: Any = True

    def __post_init__(self) -> None:
        if self.operator not in _OPERATORS:
            raise ValueError(
                f"there is no operator {self.operator!r:.50}: it is one of {', '.join(_OPERATORS)}"
            )
        if (
            type(self.field) is not str
            or not self.field.startswith("/")
            or _steps(self.field)[0] not in PARTS
        ):
            raise ValueError(
                f"{self.field!r:.200} is no place in a snapshot: it begins with one of"
                f" {', '.join('/' + part for part in sorted(PARTS))}"
            )
        if not _is_json(self.value, _DEEPEST):
            raise ValueError(f"the value of a condition is one of JSON, not {type(self.value).__name__}")
        if self.operator == "in" and type(self.value) not in (list, tuple, str):
            raise ValueError("what a field is in is a list or a text")

    def holds(self, snapshot: Snapshot) -> bool:
        """Whether the snapshot meets it."""
        return all_hold((self,), snapshot)


def all_hold(conditions: tuple[Condition, ...], snapshot: Snapshot) -> bool:
    """Whether a snapshot meets every condition; it is read once, and without classes of the user."""
    if not conditions:
        return True
    values = snapshot.using(NO_TYPES).fresh()
    return all(_holds(condition, values) for condition in conditions)


def _holds(condition: Condition, values: dict[str, Any]) -> bool:
    found = _look_up(values, _steps(condition.field))
    if condition.operator == "exists":
        return (found is not _MISSING) == bool(condition.value)
    if found is _MISSING or type(found) is Lost:
        return False
    value = condition.value
    try:
        if isinstance(found, datetime) and type(value) is str:
            value = datetime.fromisoformat(value)
        return _COMPARE[condition.operator](found, value)
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        return False


def _equal(found: Any, value: Any) -> bool:
    if type(found) is tuple:
        found = list(found)
    if type(value) is tuple:
        value = list(value)
    return (type(found) is bool) == (type(value) is bool) and bool(found == value)


_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": _equal,
    "!=": lambda found, value: not _equal(found, value),
    "<": lambda found, value: bool(found < value),
    "<=": lambda found, value: bool(found <= value),
    ">": lambda found, value: bool(found > value),
    ">=": lambda found, value: bool(found >= value),
    "in": lambda found, value: (
        found in value if type(value) is str else any(_equal(found, one) for one in value)
    ),
    "contains": lambda found, value: (
        value in found if type(found) in (str, bytes) else any(_equal(one, value) for one in found)
    ),
    "starts with": lambda found, value: type(found) is str and found.startswith(value),
    "ends with": lambda found, value: type(found) is str and found.endswith(value),
}


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _look_up(values: Any, steps: list[str]) -> Any:
    found: Any = values
    for number, step in enumerate(steps):
        if number == 2 and steps[1] == "headers" and steps[0] in ("request", "response"):
            pairs: Any = found
            found = {name.lower(): value for name, value in reversed(pairs) if type(name) is str}
            step = step.lower()
        found = _child(found, step)
        if found is _MISSING:
            break
        if type(found) is Record and found.kind in ("enum", "subclass"):
            found = found.value
    return found


def _child(owner: Any, step: str) -> Any:
    if type(owner) is Record:
        owner = owner.fields
    if isinstance(owner, dict):
        return owner.get(step, _MISSING)
    if isinstance(owner, (list, tuple)) and step.isascii() and step.isdecimal() and len(step) < 10:
        return owner[int(step)] if int(step) < len(owner) else _MISSING
    return _MISSING


def _is_json(value: Any, depth: int) -> bool:
    if type(value) in (list, tuple):
        return depth > 0 and all(_is_json(one, depth - 1) for one in value)
    if type(value) is dict:
        return depth > 0 and all(
            type(name) is str and _is_json(one, depth - 1) for name, one in value.items()
        )
    return type(value) in (str, int, float, bool, type(None))
