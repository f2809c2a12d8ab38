"""Tells live handles from data: what is used through its own calls from what is what it holds."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from types import GeneratorType
from typing import Any, Final

from gnomon_snapshot._graph import ATOMS
from gnomon_snapshot._readers import is_sensitive
from gnomon_snapshot._records import Lost
from gnomon_snapshot._types import BASES, Types, kind_of, name_of, native_base

# Types of which it is known that their instances are values.
_VALUES: Final = frozenset({*ATOMS, str, bytes, dict, list, tuple, set, frozenset})
_LIVE: Final = ("__aenter__", "__anext__", "__enter__", "__next__", "__await__")


def class_of(value: object) -> Any:
    return type(value)


def is_live(value: Any, types: Types) -> bool:
    """Whether a value is used through its own calls, so that writing it down would say nothing."""
    cls = class_of(value)
    if cls in _VALUES:
        return False
    try:
        if not _is_live_class(cls):
            return False
    except Exception:  # a class that cannot be looked at
        return False
    kind = kind_of(cls)
    return kind is None or types.find(name_of(cls), kind) is None


@functools.lru_cache(maxsize=2048)
def _is_live_class(cls: type) -> bool:
    if cls is Lost or issubclass(cls, BaseException) or is_sensitive(cls):
        return False  # what a secret answers to its own calls is not written down
    if issubclass(cls, GeneratorType) or any(getattr(cls, name, None) is not None for name in _LIVE):
        return True
    if _is_data(cls):
        return False
    return any(
        inspect.isfunction(held) and not name.startswith("_")
        for base in cls.__mro__
        for name, held in vars(base).items()
    )


def _is_data(cls: type) -> bool:
    """Classes whose instances are what they hold, methods or not."""
    return (
        kind_of(cls) != "object"
        or native_base(cls) in BASES
        or dataclasses.is_dataclass(cls)
        or hasattr(cls, "__fspath__")
        or cls.__module__.partition(".")[0] in sys.stdlib_module_names
        or any(hasattr(cls, mark) for mark in ("__attrs_attrs__", "__struct_fields__", "__pydantic_fields__"))
    )
