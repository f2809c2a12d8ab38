"""Records from classes: TypedDict, dataclass, NamedTuple."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any

import typing_extensions as te

from gnomon_gtype import _scalars as s
from gnomon_gtype._composites import Array, Field, Record
from gnomon_gtype._errors import UnsupportedAnnotation
from gnomon_gtype._schema import UNSET, Meta, Schema

Build = Callable[[Any, type, Mapping[Any, Any], str], Schema]


def builder_for(cls: type) -> Build | None:
    """How a class is read, if it is one of those that say their fields."""
    if te.is_typeddict(cls):
        return _typed_dict
    if dataclasses.is_dataclass(cls) and not hasattr(cls, "__pydantic_core_schema__"):
        return _dataclass
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _named_tuple
    return None


def _hints(reader: Any, cls: type, path: str) -> dict[str, Any]:
    """The annotations of a class and its bases, text evaluated where it was written."""
    found: dict[str, Any] = {}
    for base in reversed(_bases(cls)):
        module = sys.modules.get(base.__module__)
        space = dict(vars(module)) if module is not None else {}
        if "<locals>" in base.__qualname__:
            space.update(reader.nearby)
        space.update({variable.__name__: variable for variable in getattr(base, "__type_params__", ())})
        space.setdefault(base.__name__, base)
        space.setdefault(cls.__name__, cls)
        reader.spaces.append(space)
        for name, value in _own_annotations(base).items():
            found[name] = _evaluated(reader, value, f"{path}.{name}", space)
    return found


def _bases(cls: type) -> list[type]:
    if te.is_typeddict(cls):
        seen: list[type] = [cls]
        for base in te.get_original_bases(cls):
            origin = te.get_origin(base) or base
            if te.is_typeddict(origin) and isinstance(origin, type):
                seen.extend(item for item in _bases(origin) if item not in seen)
        return seen
    return [base for base in cls.__mro__ if base is not object]


def _own_annotations(cls: type) -> dict[str, Any]:
    return dict(vars(cls).get("__annotations__", {}))


def _evaluated(reader: Any, value: Any, path: str, space: dict[str, Any]) -> Any:
    """Text at the top of an annotation evaluated; text inside it is left to the reader, which knows the same names."""
    del space
    while isinstance(value, str | typing.ForwardRef):
        value = reader.evaluate(value, path)
    return value


def _meta(cls: type) -> Meta:
    text = vars(cls).get("__doc__")
    generated = isinstance(text, str) and text.startswith(f"{cls.__name__}(")
    return Meta(title=cls.__name__, description=None if generated or not text else text.strip())


def _typed_dict(reader: Any, cls: type, given: Mapping[Any, Any], path: str) -> Schema:
    depth = len(reader.spaces)
    hints = _hints(reader, cls, path)
    inherited = _variables(cls, given)
    required_keys: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
    fields = []
    for name, hint in hints.items():
        required, read_only = name in required_keys, False
        while (word := _qualifier(hint)) is not None:
            required = True if word == "Required" else False if word == "NotRequired" else required
            read_only = read_only or word == "ReadOnly"
            hint = _evaluated(reader, te.get_args(hint)[0], f"{path}.{name}", {})
        schema = reader.read(hint, f"{path}.{name}", inherited)
        fields.append(Field(name=name, schema=schema, required=required, read_only=read_only))
    del reader.spaces[depth:]
    if getattr(cls, "__closed__", None):
        return Record(tuple(fields), extra="forbid", meta=_meta(cls))
    extra_items = getattr(cls, "__extra_items__", None)
    if extra_items is not None and extra_items is not te.NoExtraItems:
        rest = reader.read(extra_items, f"{path}.*", inherited)
        return Record(tuple(fields), extra="keep", rest=rest, meta=_meta(cls))
    return Record(tuple(fields), meta=_meta(cls))


def _qualifier(hint: Any) -> str | None:
    origin = te.get_origin(hint)
    if origin is None:
        return None
    name = getattr(origin, "_name", None) or getattr(origin, "__name__", None)
    return name if name in ("Required", "NotRequired", "ReadOnly") else None


def _variables(cls: type, given: Mapping[Any, Any]) -> dict[Any, Any]:
    """What type variables of the bases stand for: `class Page(Base[int])` says that Base's `T` is `int`."""
    found = dict(given)
    waiting = [cls]
    while waiting:
        for base in te.get_original_bases(waiting.pop()):
            origin = te.get_origin(base)
            if origin is None or origin is typing.Generic:
                if isinstance(base, type) and base is not object and base not in (tuple, dict):
                    waiting.append(base)
                continue
            for variable, value in zip(
                getattr(origin, "__parameters__", ()), te.get_args(base), strict=False
            ):
                found.setdefault(
                    variable, found.get(value, value) if isinstance(value, typing.TypeVar) else value
                )
            waiting.append(origin)
    return found


def _dataclass(reader: Any, cls: type, given: Mapping[Any, Any], path: str) -> Schema:
    depth = len(reader.spaces)
    hints = _hints(reader, cls, path)
    inherited = _variables(cls, given)
    fields = []
    for item in dataclasses.fields(cls):
        hint = hints[item.name]
        schema = reader.read(hint, f"{path}.{item.name}", inherited)
        default: Any = UNSET if item.default is dataclasses.MISSING else item.default
        factory: Any = UNSET if item.default_factory is dataclasses.MISSING else item.default_factory
        if not item.init:
            default = factory = UNSET
        required = item.init and default is UNSET and factory is UNSET
        fields.append(
            Field(
                name=item.name,
                schema=schema,
                required=required,
                default=default,
                default_factory=factory,
                init=item.init,
                keyword_only=item.kw_only is True,
            )
        )
    del reader.spaces[depth:]
    for name, hint in hints.items():
        if isinstance(hint, dataclasses.InitVar) or hint is dataclasses.InitVar:
            raise UnsupportedAnnotation(
                f"{path}.{name}", "an InitVar is not kept by the instance; write a plain field"
            )
    return Record(tuple(fields), cls=cls, meta=_meta(cls))


def _named_tuple(reader: Any, cls: Any, given: Mapping[Any, Any], path: str) -> Schema:
    depth = len(reader.spaces)
    hints = _hints(reader, cls, path)
    inherited = _variables(cls, given)
    names = tuple(cls._fields)
    nodes = tuple(
        reader.read(hints[name], f"{path}.{name}", inherited) if name in hints else s.Anything()
        for name in names
    )
    del reader.spaces[depth:]
    required = len(names) - len(cls._field_defaults)
    return Array(nodes, required=required, container="namedtuple", cls=cls, names=names, meta=_meta(cls))
