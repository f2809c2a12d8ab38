"""Configuration that nothing changes: deeply immutable, by attribute and by item."""

from __future__ import annotations

import datetime
import decimal
import enum
import pathlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Set
from types import MappingProxyType
from typing import Any, NoReturn, final

from ._errors import ConfigError

_SCALARS = (
    str,
    bytes,
    bool,
    int,
    float,
    complex,
    type(None),
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    decimal.Decimal,
    enum.Enum,
    pathlib.PurePath,
    uuid.UUID,
)

_ABSENT = object()


@final
class Config(Mapping[str, Any]):
    """An immutable mapping, also at every depth: sections are `Config`, lists are tuples.

    A key that is named as a method of every mapping (`get items keys values`) is reached as an item only.

    Args:
        values: keys and values; nested mappings, lists and sets are taken over as immutable copies.

    Raises:
        ConfigError: a key is not a string, or a value has no immutable form.

    >>> config = Config({"database": {"hosts": ["a", "b"]}})
    >>> config.database.hosts
    ('a', 'b')
    """

    __slots__ = ("_hidden", "_values")
    _values: Mapping[str, Any]
    # The keys whose values are not shown.
    _hidden: frozenset[str]

    # Not in `__init__`, which anybody could call a second time.
    def __new__(cls, values: Mapping[str, Any] = MappingProxyType({})) -> Config:
        return _frozen(values, ())

    def __getitem__(self, key: str) -> Any:
        try:
            return self._values[key]
        except KeyError:
            raise KeyError(self._missing(key)) from None

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, "_values")[name]
        except KeyError:
            raise AttributeError(self._missing(name)) from None

    def _missing(self, key: str) -> str:
        return f"the configuration has no {key!r} here; it has: {', '.join(self._values) or 'nothing'}"

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"configuration is immutable: change the source of {name!r} and reload")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"configuration is immutable: change the source of {name!r} and reload")

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __copy__(self) -> Config:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Config:
        return self

    def __reduce__(self) -> tuple[Callable[..., Config], tuple[dict[str, Any], frozenset[str]]]:
        return _restored, (dict(self._values), self._hidden)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._values})

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{key!r}: {'...' if key in self._hidden else _shown(value)}"
            for key, value in self._values.items()
        )
        return f"Config({{{shown}}})"


def read_through(values: Mapping[str, Any]) -> Config:
    """A configuration that asks a mapping for each value when it is read, and never for all at once.

    Mappings that are read are sections, lists tuples and sets frozen, at every depth; any other value is handed
    on as it is. The mapping stays with whoever made it: the configuration has no way to change it.

    Args:
        values: asked for the keys that are read, iterated over when the configuration is.

    >>> class Asked(dict):
    ...     def __getitem__(self, key):
    ...         print("asked for", key)
    ...         return super().__getitem__(key)
    >>> read_through(Asked(debug=True, workers=4)).workers
    asked for workers
    4
    """
    return _section(_Asked(values))


@final
class _Asked(Mapping[str, Any]):
    """What a mapping says, in its immutable form."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return _fixed(self._values[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _fixed(value: Any) -> Any:
    if isinstance(value, (Config, *_SCALARS)) or getattr(type(value), "__sensitive__", False):
        return value
    if isinstance(value, Mapping):
        return read_through(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(_fixed, value))
    if isinstance(value, Set):
        return frozenset(map(_fixed, value))
    return bytes(value) if isinstance(value, bytearray) else value


def _shown(value: object) -> str:
    return "..." if getattr(type(value), "__sensitive__", False) else repr(value)


def hide(config: Config, shown: Any) -> Config:
    """The same configuration, showing only what is the same in a copy of it that may be shown.

    Args:
        config: the values.
        shown: the copy, in which what is sensitive was replaced.

    >>> hide(Config({"user": "ada", "password": "hunter2"}), {"user": "ada", "password": "(hidden)"})
    Config({'user': 'ada', 'password': ...})
    """
    values, hidden = {}, set()
    for key, value in config.items():
        other = shown.get(key, _ABSENT) if isinstance(shown, Mapping) else _ABSENT
        values[key] = hide(value, other) if isinstance(value, Config) else value
        if isinstance(value, Config):
            if not isinstance(other, Mapping):
                hidden.add(key)
        elif other is _ABSENT or _fixed(other) != value:
            hidden.add(key)
    return _section(MappingProxyType(values), frozenset(hidden))


def _restored(values: Mapping[str, Any], hidden: frozenset[str]) -> Config:
    return _section(Config(values)._values, hidden)


def _section(values: Mapping[str, Any], hidden: frozenset[str] = frozenset()) -> Config:
    made = object.__new__(Config)
    object.__setattr__(made, "_values", values)
    object.__setattr__(made, "_hidden", hidden)
    return made


def _frozen(values: Mapping[Any, Any], path: tuple[str, ...]) -> Config:
    frozen = {}
    for key, value in values.items():
        if not isinstance(key, str):
            raise ConfigError(
                f"configuration keys are strings, not {key!r} under {'.'.join(path) or 'the root'}"
            )
        frozen[str(key)] = _freeze(value, (*path, key))
    # The dict behind the proxy is known to nobody else.
    return _section(MappingProxyType(frozen))


def _freeze(value: Any, path: tuple[str, ...]) -> Any:
    # A secret keeps itself: it may be rotated from within, and shows itself to nobody.
    if isinstance(value, (Config, *_SCALARS)) or getattr(type(value), "__sensitive__", False):
        return value
    if isinstance(value, Mapping):
        return _frozen(value, path)
    if isinstance(value, (list, tuple)):
        return tuple(_freeze(each, (*path, str(index))) for index, each in enumerate(value))
    if isinstance(value, Set):
        return frozenset(_freeze(each, path) for each in value)
    if isinstance(value, bytearray):
        return bytes(value)
    raise ConfigError(
        f"the configuration value {'.'.join(path)} is a {type(value).__qualname__}, which has no immutable "
        "form here: use strings, numbers, dates, lists and tables"
    )
