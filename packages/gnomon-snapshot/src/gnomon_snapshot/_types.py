"""The classes that a reader lets come back as themselves; nothing else is ever made, imported or called."""

from __future__ import annotations

import builtins
import enum
import functools
import struct
from collections import Counter, OrderedDict
from types import MemberDescriptorType, SimpleNamespace
from typing import Any, Literal, TypeAlias, TypeVar, final

from gnomon_snapshot._errors import TypesError

C = TypeVar("C", bound=type)
Kind: TypeAlias = Literal["object", "namedtuple", "enum", "exception", "subclass"]

_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement
# What a class may extend and still be written: its content is read through these, not through the class.
BASES: tuple[type, ...] = (dict, list, tuple, set, frozenset, str, bytes, int, float)


_module_of = type.__dict__["__module__"].__get__
_qualname_of = type.__dict__["__qualname__"].__get__


def name_of(cls: type) -> str:
    """Module and qualified name, bounded, past whatever a metaclass makes of attributes."""
    return f"{_module_of(cls)}.{_qualname_of(cls)}"[:200]


@functools.lru_cache(maxsize=2048)
def kind_of(cls: type) -> Kind | None:
    """How instances of a class are written, `None` if they are not."""
    if issubclass(cls, enum.Enum):
        return "enum"
    if issubclass(cls, BaseException):
        return "exception"
    native = native_base(cls)
    if native is tuple and isinstance(cls.__dict__.get("_fields"), tuple):
        return "namedtuple"
    if native in BASES or cls in (OrderedDict, Counter):
        return "subclass"
    if cls is SimpleNamespace:
        return "object"
    return "object" if native is object and _is_plain(cls) else None


def _is_plain(cls: type) -> bool:
    """Whether all that an instance holds is its `__dict__` and its slots, as the layout of the class tells."""
    pointers = 2 + len(members_of(cls)) + (cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0)
    return cls.__itemsize__ == 0 and cls.__basicsize__ <= pointers * struct.calcsize("P")


def native_base(cls: type) -> type:
    """The static base that decides the layout: it is its `__new__` that must be called."""
    base: type = cls
    while base.__flags__ & _HEAP:
        # of several bases the one with the layout, which need not be the first: class E(RuntimeError, TimeoutError)
        base = base.__base__ or object
    return base


def is_python_class(cls: type) -> bool:
    return bool(cls.__flags__ & _HEAP)


@functools.lru_cache(maxsize=2048)
def members_of(cls: type) -> tuple[tuple[str, Any], ...]:
    """The slots of a class: name and descriptor, read without calling code of the class."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if is_python_class(base) and "__slots__" not in base.__dict__:
            continue  # made in C, its members are not all that it holds
        for name, descriptor in base.__dict__.items():
            if name in _NOT_FIELDS or not isinstance(descriptor, MemberDescriptorType):
                continue
            if base is not BaseExceptionGroup:  # what a group holds cannot be set
                found.setdefault(name, descriptor)
    return tuple(found.items())


# `obj` of an AttributeError may be anything, up to the application itself
_NOT_FIELDS = frozenset({"__dict__", "__weakref__", "obj", "__suppress_context__"})

BUILTIN_ERRORS: dict[str, type] = {
    f"builtins.{name}": value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException) and value.__name__ == name
}


@final
class Types:
    """The classes that may come back from a snapshot.

    Everything built in comes back anyway, and so do the exceptions of `builtins`. An instance of any other
    class comes back as a `Record`, an exception as a `RecordedError`. Instances are made without calling
    `__init__`, `__new__` or `__setattr__` of the class, and only enums look their members up.

    Args:
        classes: Dataclasses, named tuples, enums, exceptions, plain classes, and subclasses of built-in
            containers, text and numbers.

    Raises:
        TypesError: One is not such a class, or two have the same name.

    >>> import dataclasses
    >>> @dataclasses.dataclass
    ... class Order:
    ...     id: int
    >>> "Order" in str(Types(Order))
    True
    """

    __slots__ = ("_classes",)

    def __init__(self, *classes: type) -> None:
        known: dict[str, type] = {
            "collections.OrderedDict": OrderedDict,
            "collections.Counter": Counter,
            "types.SimpleNamespace": SimpleNamespace,
        }
        for cls in classes:
            if not isinstance(cls, type):
                raise TypesError(f"only classes can be registered, not {cls!r}")
            if kind_of(cls) is None or cls in BASES or cls is object:
                raise TypesError(
                    f"{name_of(cls)} cannot be registered: what its instances hold is not visible from Python"
                )
            if known.setdefault(name_of(cls), cls) is not cls:
                raise TypesError(
                    f"two classes are named {name_of(cls)}: give one another name or module, snapshots know them by it"
                )
        self._classes = known

    def extended(self, *classes: type) -> Types:
        """A new registry with these classes and some more."""
        return Types(*self._classes.values(), *classes)

    def find(self, name: str, kind: Kind) -> type | None:
        """The registered class of that name, if its instances are of that kind."""
        cls = self._classes.get(name) or BUILTIN_ERRORS.get(name)
        return cls if cls is not None and kind_of(cls) == kind else None

    def __repr__(self) -> str:
        return f"Types({', '.join(sorted(self._classes))})"


NO_TYPES = Types()
