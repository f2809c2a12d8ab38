"""Whether a node has anything sensitive in it."""

from __future__ import annotations

from collections.abc import Mapping

from gnomon_gtype._composites import Ref, Sensitive
from gnomon_gtype._schema import Schema


def holds_sensitive(node: Schema, known: Mapping[str, Schema]) -> bool:
    """Whether `node`, or what it refers to, is or contains a `Sensitive`."""
    seen: set[str] = set()
    waiting = [node]
    while waiting:
        for _, part in waiting.pop().walk():
            if isinstance(part, Sensitive):
                return True
            if isinstance(part, Ref) and part.name not in seen and part.name in known:
                seen.add(part.name)
                waiting.append(known[part.name])
    return False


def declares_itself(value: object) -> bool:
    """Whether the class of an object says that its instances are sensitive (`__sensitive__ = True`)."""
    try:
        return getattr(type(value), "__sensitive__", False) is True
    except Exception:  # a metaclass may raise anything; what cannot be asked is not shown
        return True
