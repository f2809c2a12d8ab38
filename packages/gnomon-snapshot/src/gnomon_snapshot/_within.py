"""Live handles that stand in containers: a list of transactions, a dictionary with a cursor in it.

A handler gets a container of its own with stand-ins in it, and the module keeps the one that it has; a recording has in
their places records with their paths, and a replay stand-ins again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from gnomon_snapshot._calls import HANDLE
from gnomon_snapshot._records import Record
from gnomon_snapshot._standin import owner_of, protocols_of
from gnomon_snapshot._types import name_of

_CONTAINERS: Final = (list, tuple, dict)
_DEEPEST: Final = 16
_WHOLE: Final = frozenset({"path", "type", "protocols"})


def replaced(value: Any, replace: Callable[[Any], Any], depth: int = 0) -> Any:
    """A value with what `replace` makes of everything in it that is no container; the same one if that changes nothing.

    Args:
        value: Lists, tuples and dictionaries are looked into, up to a depth.
        replace: Called with each of the others.
        depth: How deep it stands.
    """
    cls = type(value)
    if cls not in _CONTAINERS:
        return replace(value)
    if depth >= _DEEPEST:
        return value
    items = value.values() if cls is dict else value
    made = [replaced(item, replace, depth + 1) for item in tuple(items)]
    if all(new is old for new, old in zip(made, items, strict=True)):
        return value
    return dict(zip(value, made, strict=True)) if cls is dict else cls(made)


def real(value: Any) -> Any:
    """A value with the real things in the places of their stand-ins."""
    return replaced(value, _real)


def _real(value: Any) -> Any:
    owner = owner_of(value)
    return value if owner is None else owner.target


def described(standin: Any) -> dict[str, Any]:
    """What a recording says of a handle: its path, its class, and the special methods that it has."""
    owner = owner_of(standin)
    assert owner is not None
    protocols = sorted(protocols_of(owner.cls))
    return {"path": owner.path, "type": name_of(owner.cls), "protocols": protocols}


def written(value: Any, *, whole: bool = False) -> Any:
    """A value with records in the places of stand-ins, as it is written.

    Args:
        value: The value.
        whole: Whether it is an answer, of which a stand-in has to be made again, and no argument.
    """

    def told(item: Any) -> Any:
        owner = owner_of(item)
        if owner is None:
            return item
        return Record(HANDLE, described(item) if whole else {"path": owner.path})

    return replaced(value, told)


def is_handle(value: Any) -> bool:
    """Whether that stands for a handle in a recorded answer."""
    return type(value) is Record and value.type == HANDLE and value.fields.keys() == _WHOLE


def class_named(name: str) -> type:
    """The class of a handle if its module is loaded, for `isinstance`; else an empty one of that name."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:cut]))
        for part in parts[cut:]:
            found = getattr(found, "__dict__", {}).get(part)
        if isinstance(found, type):
            return found
    return type(parts[-1] or "Handle", (), {})
