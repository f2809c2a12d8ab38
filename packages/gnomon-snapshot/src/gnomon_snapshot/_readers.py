"""Takes instances of classes apart, and shows what cannot be.

Attributes are read from slots and `__dict__`, the content of a subclass through its built-in base, so that no
method of the class runs. Exceptions are let out: the caller writes them down as losses.
"""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType, ModuleType, TracebackType
from typing import Any, NamedTuple, TypeAlias

from gnomon_context import GlobalContext, LocalContext
from gnomon_snapshot import _tags as tag
from gnomon_snapshot._records import Lost, Record, RecordedError
from gnomon_snapshot._standin import StandIn
from gnomon_snapshot._types import is_python_class, kind_of, members_of, name_of

TEXT = frozenset({str})
_MAX_FRAMES = 50
_NEVER = (LocalContext, GlobalContext, StandIn)  # the whole application hangs on these
_MAX_REACHED = 256  # objects looked at before a `repr` is trusted not to show a sensitive one
_OPAQUE = (type, ModuleType, FunctionType)  # a `repr` does not look into these


class ErrorParts(NamedTuple):
    arguments: tuple[Any, ...]
    cause: BaseException | None
    context: BaseException | None
    suppress: bool
    trace: list[Any]
    members: tuple[Any, ...] | None


# Readers: the tag, the name of the class, what is written besides its fields, and the fields. They may raise.

Parts: TypeAlias = tuple[int, str, Any, dict[str, Any]]


def _fields(value: Any, cls: type) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, descriptor in members_of(cls):
        try:
            held = descriptor.__get__(value, cls)
        except AttributeError:  # a slot that holds nothing
            continue
        if held is not None or is_python_class(descriptor.__objclass__):
            fields[name] = held
    try:
        fields.update(object.__getattribute__(value, "__dict__"))
    except AttributeError:  # a class with slots only
        pass
    if not TEXT.issuperset(map(type, fields)):
        raise TypeError("names of attributes that are not text")
    "".join(fields).encode()  # raises for what UTF-8 cannot hold
    return fields


def _read_object(value: Any, cls: type) -> Parts:
    return tag.OBJECT, name_of(cls), None, _fields(value, cls)


def _read_namedtuple(value: Any, cls: type) -> Parts:
    names = [str.__str__(name) for name in cls.__dict__["_fields"]]
    return tag.NAMEDTUPLE, name_of(cls), None, dict(zip(names, tuple.__iter__(value), strict=True))


def _read_enum(value: Any, cls: type) -> Parts:
    content = object.__getattribute__(value, "__dict__")
    name = content.get("_name_")  # a combination of flags may have none
    return tag.ENUM, name_of(cls), content["_value_"], {"name": name if type(name) is str else None}


def _read_subclass(value: Any, cls: type) -> Parts:
    base = next(base for base in cls.__mro__ if base in _CONTENT)
    return tag.SUBCLASS, name_of(cls), _CONTENT[base](value), _fields(value, cls)


def _read_exception(value: BaseException, cls: type) -> Parts:
    arguments = _ARGUMENTS(value)
    members = None
    fields = _fields(value, cls)
    name = name_of(cls)
    if isinstance(value, BaseExceptionGroup):
        arguments, members = arguments[:1], _MEMBERS(value)
    elif isinstance(value, RecordedError):
        name, fields, members = value.type, value.fields, value.members or None
    parts = ErrorParts(
        arguments, value.__cause__, value.__context__, value.__suppress_context__, _trace(value), members
    )
    return tag.EXCEPTION, name, parts, fields


def _read_record(value: Record, _cls: type) -> Parts:
    return _TAGS[value.kind], value.type, value.value, value.fields


def _read_lost(value: Lost, _cls: type) -> Parts:
    return tag.LOST, value.type, [value.repr, value.reason], {}


_ARGUMENTS = vars(BaseException)["args"].__get__
_MEMBERS = vars(BaseExceptionGroup)["exceptions"].__get__
_READERS: dict[str, Callable[[Any, type], Parts]] = {
    "object": _read_object,
    "namedtuple": _read_namedtuple,
    "enum": _read_enum,
    "subclass": _read_subclass,
    "exception": _read_exception,
}
_OURS: dict[type, Callable[[Any, type], Parts]] = {Record: _read_record, Lost: _read_lost}


def reader_of(cls: type) -> Callable[[Any, type], Parts] | None:
    """How an instance is taken apart, `None` if it is not."""
    if cls in _OURS:
        return _OURS[cls]
    kind = kind_of(cls)
    return None if kind is None or issubclass(cls, _NEVER) else _READERS[kind]


_TAGS: dict[str, int] = {
    "object": tag.OBJECT,
    "namedtuple": tag.NAMEDTUPLE,
    "enum": tag.ENUM,
    "subclass": tag.SUBCLASS,
}
# What a subclass holds as an instance of its base, past any method that the subclass defines.
_CONTENT: dict[type, Callable[[Any], Any]] = {
    OrderedDict: lambda value: dict(OrderedDict.items(value)),
    dict: dict.copy,
    list: list.copy,
    tuple: lambda value: tuple(tuple.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    str: lambda value: "".join(str.__iter__(value)),
    bytes: lambda value: bytes(bytes.__iter__(value)),
    int: int.__int__,
    float: float.__float__,
}


def _trace(error: BaseException) -> list[Any]:
    """File, line and function of the innermost frames, without their variables."""
    frames: list[Any] = []
    step: TracebackType | None = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        frames.append([code.co_filename[-200:], step.tb_lineno, code.co_qualname[:200]])
        step = step.tb_next
    return frames[-_MAX_FRAMES:]


def is_sensitive(cls: type) -> bool:
    """Whether a class says `__sensitive__`; one that does not let itself be asked counts as if it did."""
    try:
        return bool(getattr(cls, "__sensitive__", False))
    except Exception:
        return True


def shown_of(value: object, length: int) -> str:
    """A bounded `repr`, or the class alone where it could show something sensitive."""
    plain = f"<{name_of(type(value))} object>"
    if _reaches_sensitive(value):
        return plain
    try:
        shown = repr(value)
        return shown if len(shown) <= length else shown[:length] + "…"
    except Exception:
        return plain


def _reaches_sensitive(value: object) -> bool:
    """Whether anything sensitive hangs on an object, as far as the garbage collector knows; in doubt, yes."""
    reached = {id(value): value}
    waiting = [value]
    while waiting:
        for referent in gc.get_referents(waiting.pop()):
            if id(referent) in reached or isinstance(referent, _OPAQUE):
                continue
            if is_sensitive(type(referent)) or len(reached) >= _MAX_REACHED:
                return True
            reached[id(referent)] = referent
            waiting.append(referent)
    return False
