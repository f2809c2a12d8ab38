"""Compares two graphs of objects: types, values, order, and which objects are one."""

from __future__ import annotations

from typing import Any

from gnomon_snapshot import Lost, Record
from gnomon_snapshot._types import members_of

_CONTAINERS = (dict, list, tuple, set, frozenset)


def difference(a: Any, b: Any) -> str:
    """Where two graphs differ first, empty if they do not.

    Containers, exceptions and instances must be shared in the same way; values without identity (text, numbers,
    times) need only be equal and of one type. Sets are compared by equality where their items have no identity.

    >>> shared = [1]
    >>> difference([shared, shared], [[1], [1]])
    '[1]: one object here, two there'
    >>> difference([shared, shared], [shared, shared])
    ''
    """
    return _Comparison().compare(a, b, "")


class _Comparison:
    def __init__(self) -> None:
        self.pairs: dict[int, int] = {}
        self.back: dict[int, int] = {}
        self.kept: list[object] = []

    def compare(self, a: Any, b: Any, path: str) -> str:
        if type(a) is not type(b):
            return f"{path}: {type(a).__qualname__} here, {type(b).__qualname__} there"
        fields = _fields(a)
        if fields is None and not isinstance(a, _CONTAINERS):
            return "" if repr(a) == repr(b) else f"{path}: {a!r} here, {b!r} there"
        if id(a) in self.pairs or id(b) in self.back:
            met = self.pairs.get(id(a)) == id(b) and self.back.get(id(b)) == id(a)
            return "" if met else f"{path}: one object here, two there"
        if a != () and a != frozenset():  # there may be only one of each
            self.pairs[id(a)], self.back[id(b)] = id(b), id(a)
            self.kept += (a, b)
        found = self._items(a, b, path) if isinstance(a, _CONTAINERS) else ""
        return found or self.compare_fields(fields or {}, _fields(b) or {}, path)

    def compare_fields(self, a: dict[str, Any], b: dict[str, Any], path: str) -> str:
        if a.keys() != b.keys():
            return f"{path}: attributes {sorted(a)} here, {sorted(b)} there"
        return next(filter(None, (self.compare(a[name], b[name], f"{path}.{name}") for name in a)), "")

    def _items(self, a: Any, b: Any, path: str) -> str:
        if len(a) != len(b):
            return f"{path}: {len(a)} items here, {len(b)} there"
        if isinstance(a, dict):
            keys = zip(a, b, strict=True)
            found = next(filter(None, (self.compare(x, y, f"{path} key {x!r}") for x, y in keys)), "")
            values = zip(a.items(), b.values(), strict=True)
            return found or next(
                filter(None, (self.compare(x, y, f"{path}[{key!r}]") for (key, x), y in values)), ""
            )
        if isinstance(a, (set, frozenset)):
            return "" if _equal_sets(a, b) else f"{path}: {a!r} here, {b!r} there"
        pairs = enumerate(zip(a, b, strict=True))
        return next(filter(None, (self.compare(x, y, f"{path}[{index}]") for index, (x, y) in pairs)), "")


def _equal_sets(a: Any, b: Any) -> bool:
    return bool(a == b) or sorted(map(repr, a)) == sorted(map(repr, b))


def _fields(value: Any) -> dict[str, Any] | None:
    """The attributes of an instance, `None` for what has no identity."""
    cls: Any = type(value)
    if isinstance(value, BaseException):
        fields: dict[str, Any] = {
            "args": list(value.args),
            "cause": value.__cause__,
            "context": value.__context__,
            "suppress": value.__suppress_context__,
            **value.__dict__,
        }
        return fields
    if cls is Record:
        return {"type": value.type, "kind": value.kind, "value": value.value, "fields": value.fields}
    if cls is Lost or cls.__module__ in ("datetime", "decimal", "uuid", "zoneinfo", "builtins", "enum"):
        return None
    if hasattr(cls, "__members__"):
        return None
    slots = {name: getattr(value, name) for name, _ in members_of(cls) if hasattr(value, name)}
    return {**slots, **getattr(value, "__dict__", {})}
