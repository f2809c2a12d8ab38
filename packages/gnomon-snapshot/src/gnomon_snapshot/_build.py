"""Makes values out of tags. Nothing is imported, and of a registered class only members of enums are looked up.

What can take part in a cycle is made in two steps, `create` and `fill`; everything else in one, `make`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._errors import SnapshotCorrupt
from gnomon_snapshot._records import Lost, Record, RecordedError
from gnomon_snapshot._types import Types, members_of, native_base

TWO_STEPS: Final = frozenset({tag.SET, tag.PAIRS, tag.OBJECT, tag.SUBCLASS, tag.EXCEPTION})
_MUTABLE: Final = (OrderedDict, dict, list, set)


class Builder:
    """Makes values, with the classes of one registry."""

    def __init__(self, types: Types) -> None:
        self.types = types

    def create(self, number: int, content: Any) -> Any:
        """An empty value that `fill` completes, or `None` where the value has to be made at once.

        Looks at names in `content` only; the rest of it may not be built yet.
        """
        if number == tag.SET:
            return set()
        if number == tag.PAIRS:
            return {}
        _items(content)
        if number == tag.OBJECT:
            return self._object(_text(content[0]), _map(content[1]))
        if number == tag.EXCEPTION:
            return self._exception(_text(content[0]), group=content[7] is not None)
        cls = self.types.find(_text(content[0]), "subclass")
        if cls is None or _is_lost(content[1]):
            return Record(_text(content[0]), {}, kind="subclass")
        base = next((base for base in cls.__mro__ if base in _MUTABLE), None)
        return None if base is None else base.__new__(cls)

    def fill(self, number: int, value: Any, content: Any) -> None:
        """Complete what `create` returned."""
        if number == tag.SET:
            value.update(_items(content))
        elif number == tag.PAIRS:
            value.update([(key, item) for key, item in _items(content)])
        elif number == tag.OBJECT:
            if type(value) is Record:
                value.fields = content[1]
            else:
                _set_fields(value, content[1])
        elif number == tag.EXCEPTION:
            _fill_exception(value, content)
        else:
            _fill_subclass(value, content)

    def make(self, number: int, content: Any) -> Any:
        """The value of a tag whose content is complete."""
        if number in TWO_STEPS:
            value = self.create(number, content)
            if value is not None:
                self.fill(number, value, content)
                return value
        maker = _MAKERS.get(number)
        return getattr(self, _METHODS[number])(content) if maker is None else maker(content)

    def _object(self, name: str, fields: dict[str, Any]) -> Any:
        cls = self.types.find(name, "object")
        if cls is None:
            return Record(name, {})
        if not cls.__dictoffset__ and not fields.keys() <= dict(members_of(cls)).keys():
            return Record(name, {})  # the class has other slots today
        return _new(cls)

    def _exception(self, name: str, *, group: bool) -> Any:
        cls = self.types.find(name, "exception")
        if cls is None:
            return RecordedError(name, (), {})
        if issubclass(cls, BaseExceptionGroup):
            return None if group else RecordedError(name, (), {})
        return _new(cls)

    def _group(self, content: Any) -> Any:
        """A group holds its members from the beginning."""
        cls = self.types.find(_text(content[0]), "exception")
        try:
            assert cls is not None
            value = _new(cls, *content[1], content[7])
        except (TypeError, ValueError):  # a member comes back as something that this group does not take
            value = RecordedError(_text(content[0]), (), {})
        _fill_exception(value, content)
        return value

    def _subclass(self, content: Any) -> Any:
        """A subclass of an immutable type."""
        name, held, fields = content
        cls = self.types.find(_text(name), "subclass")
        assert cls is not None
        base = native_base(cls)
        if type(held) is not base:
            return Record(name, _map(fields), kind="subclass", value=held)
        value = base.__new__(cls, held)
        _set_fields(value, fields)
        return value

    def _enum(self, content: Any) -> Any:
        type_name, name, held = _items(content)
        cls: Any = self.types.find(_text(type_name), "enum")
        if cls is not None:
            try:
                member = cls.__members__.get(name)
                return member if member is not None and member.value == held else cls(held)
            except Exception:  # today's class has no such member
                cls = None
        return Record(type_name, {"name": name}, kind="enum", value=held)

    def _namedtuple(self, content: Any) -> Any:
        name, fields = _items(content)
        cls: Any = self.types.find(_text(name), "namedtuple")
        if cls is None or tuple(_map(fields)) != tuple(cls._fields):
            return Record(name, _map(fields), kind="namedtuple")
        return tuple.__new__(cls, fields.values())


def _new(cls: Any, *arguments: Any) -> Any:
    """An instance without a call of anything that the class defines."""
    base: Any = native_base(cls)
    return base.__new__(cls, *arguments)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise SnapshotCorrupt(f"a name is text, not {value!r:.100}")
    return value


def _is_lost(content: Any) -> bool:
    """Whether a part was lost, built or not."""
    return type(content) is Lost or (type(content) is CBORTag and content.tag == tag.LOST)


def _set_fields(value: Any, fields: dict[str, Any]) -> None:
    """Set attributes past `__setattr__` and properties of the class."""
    cls: Any = type(value)
    slots = dict(members_of(cls))
    for name, item in fields.items():
        if name in slots:
            slots[name].__set__(value, item)
        else:
            object.__getattribute__(value, "__dict__")[name] = item


def _fill_exception(value: BaseException, content: Any) -> None:
    _, arguments, fields, cause, context, suppress, _, members = content
    if type(value) is RecordedError:
        value.args = tuple(arguments)
        value.fields = _map(fields)
        value.members = tuple(members or ())
    else:
        if members is None:  # the arguments of a group are its own
            value.args = tuple(arguments)
        _set_fields(value, fields)
    # Setting the cause suppresses the context, so that this comes first; a lost one leaves none.
    value.__cause__ = cause if isinstance(cause, BaseException) else None
    value.__context__ = context if isinstance(context, BaseException) else None
    value.__suppress_context__ = bool(suppress)


def _fill_subclass(value: Any, content: Any) -> None:
    _, held, fields = content
    if type(value) is Record:
        value.fields, value.value = _map(fields), held
        return
    if isinstance(value, dict):
        store: Any = OrderedDict.__setitem__ if isinstance(value, OrderedDict) else dict.__setitem__
        for key, item in held.items():
            store(value, key, item)
    elif isinstance(value, list):
        list.extend(value, held)
    else:
        set.update(value, held)
    _set_fields(value, fields)


def _zone(content: Any) -> tzinfo | None:
    if content is None:
        return None
    first, second = content[0], content[1]
    if type(first) is str:
        try:
            return ZoneInfo(first)
        except (LookupError, ValueError, OSError):  # this machine does not know it
            return timezone(timedelta(microseconds=second))
    offset = timedelta(microseconds=first)
    if second is not None:
        return timezone(offset, second)
    return timezone(offset) if offset else UTC


def _datetime(content: Any) -> datetime:
    year, month, day, hour, minute, second, microsecond, fold, zone = content
    return datetime(year, month, day, hour, minute, second, microsecond, _zone(zone), fold=fold)


def _time(content: Any) -> time:
    hour, minute, second, microsecond, fold, zone = content
    return time(hour, minute, second, microsecond, _zone(zone), fold=fold)


def _lost(content: Any) -> Lost:
    name, shown, reason = _items(content)
    return Lost(_text(name), _text(shown), _text(reason))


def _items(content: Any) -> list[Any]:
    if type(content) is not list:
        raise SnapshotCorrupt(f"a list is missing where {content!r:.100} stands")
    return content


def _map(content: Any) -> dict[str, Any]:
    if type(content) is not dict:
        raise SnapshotCorrupt(f"a map is missing where {content!r:.100} stands")
    return content


def _bytes(content: Any) -> bytes:
    # a number would make as many bytes
    if type(content) is not bytes:
        raise SnapshotCorrupt(f"bytes are missing where {content!r:.100} stands")
    return content


def _complex(content: Any) -> complex:
    real, imaginary = _items(content)
    return complex(real, imaginary)


# Values that hold no others; these refuse whatever is not of their own types.
LEAVES: Final[dict[int, Callable[[Any], Any]]] = {
    tag.LOST: _lost,
    tag.DATETIME: _datetime,
    tag.DATE: lambda content: date(*_items(content)),
    tag.TIME: _time,
    tag.DURATION: lambda content: timedelta(*_items(content)),
    tag.DECIMAL: lambda content: Decimal(_text(content)),
    tag.UUID: lambda content: UUID(bytes=_bytes(content)),
    tag.TEXT: lambda content: _bytes(content).decode("utf-8", "surrogatepass"),
    tag.BYTEARRAY: lambda content: bytearray(_bytes(content)),
    tag.COMPLEX: _complex,
}
_MAKERS: Final[dict[int, Callable[[Any], Any]]] = {
    **LEAVES,
    tag.TUPLE: lambda content: tuple(_items(content)),
    tag.FROZENSET: lambda content: frozenset(_items(content)),
}
_METHODS: dict[int, str] = {
    tag.ENUM: "_enum",
    tag.NAMEDTUPLE: "_namedtuple",
    tag.SUBCLASS: "_subclass",
    tag.EXCEPTION: "_group",
}
