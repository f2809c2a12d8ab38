"""From Python annotations to the schema tree."""

from __future__ import annotations

import collections
import collections.abc as abc
import datetime
import decimal
import enum
import ipaddress
import pathlib
import re
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import typing_extensions as te

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._annotated_generics import GENERICS, read_arguments
from gnomon_gtype._composites import union
from gnomon_gtype._errors import SchemaError, UnsupportedAnnotation
from gnomon_gtype._foreign import foreign_node
from gnomon_gtype._hashing import hashable
from gnomon_gtype._markers import apply_marker
from gnomon_gtype._recursion import definitions
from gnomon_gtype._scalars import literal
from gnomon_gtype._schema import Schema, kinds_of

_PLAIN: dict[Any, Schema] = {
    str: s.String(),
    int: s.Integer(),
    float: s.Float(),
    bool: s.Boolean(),
    bytes: s.Bytes(),
    None: s.Null(),
    types.NoneType: s.Null(),
    Any: s.Anything(),
    te.Any: s.Anything(),
    object: s.Anything(),
    typing.Never: s.Nothing(),
    typing.NoReturn: s.Nothing(),
    te.Never: s.Nothing(),
    list: c.Array(rest=s.Anything()),
    tuple: c.Array(rest=s.Anything(), container="tuple"),
    typing.Tuple: c.Array(rest=s.Anything(), container="tuple"),  # noqa: UP006 (others look like their classes)
    abc.Sequence: c.Array(rest=s.Anything(), container="sequence"),
    dict: c.Map(),
    abc.Mapping: c.Map(),
    set: c.Set(),
    abc.Set: c.Set(),
    frozenset: c.Set(frozen=True),
    datetime.datetime: s.DateTime(),
    datetime.date: s.Date(),
    datetime.time: s.Time(),
    datetime.timedelta: s.Duration(),
    decimal.Decimal: s.DecimalNumber(),
    uuid.UUID: s.Uuid(),
    re.Pattern: s.Regex(),
    ipaddress.IPv4Address: s.IpAddress(),
    ipaddress.IPv6Address: s.IpAddress(version=6),
    ipaddress.IPv4Network: s.IpAddress("network"),
    ipaddress.IPv6Network: s.IpAddress("network", 6),
    ipaddress.IPv4Interface: s.IpAddress("interface"),
    ipaddress.IPv6Interface: s.IpAddress("interface", 6),
    pathlib.Path: s.FilePath(),
    pathlib.PurePath: s.FilePath("PurePath"),
    pathlib.PurePosixPath: s.FilePath("PurePosixPath"),
    pathlib.PureWindowsPath: s.FilePath("PureWindowsPath"),
    pathlib.PosixPath: s.FilePath("PosixPath"),
    pathlib.WindowsPath: s.FilePath("WindowsPath"),
}
_UNIONS = (typing.Union, types.UnionType)
_LITERALS = (typing.Literal, te.Literal)
_QUALIFIERS = {
    item
    for name in ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
    for item in (getattr(typing, name, None), getattr(te, name, None))
    if item is not None
}
_FORMS: dict[Any, str] = {
    typing.Optional: "Optional[...] or ... | None",
    typing.Union: "Union[..., ...] or ... | ...",
    typing.Literal: "Literal['a', 'b']",
    te.Literal: "Literal['a', 'b']",
    te.Annotated: "Annotated[int, Min(1)]",
    te.Self: "the class by its name, in quotes",
    te.LiteralString: "str",
}
_ALIASES = tuple({te.TypeAliasType, getattr(typing, "TypeAliasType", te.TypeAliasType)})
_ADVICE: dict[Any, str] = {
    complex: "write a TypedDict or a tuple of two floats",
    bytearray: "write bytes",
    memoryview: "write bytes",
    abc.Callable: "a function is no data; leave it out of the type",
    type: "a class is no data; write a Literal of names",
    abc.Iterator: "an iterator can be read only once; write list[...]",
    abc.Generator: "a generator can be read only once; write list[...]",
    abc.Iterable: "write list[...] or Sequence[...]",
    abc.Collection: "write list[...], Sequence[...] or set[...]",
    abc.MutableMapping: "write dict[...]",
    abc.MutableSequence: "write list[...]",
    collections.deque: "write list[...]",
    **dict.fromkeys(
        (collections.OrderedDict, collections.defaultdict, collections.Counter, collections.ChainMap),
        "write dict[...]",
    ),
}


def tree_of(
    annotation: Any,
    *,
    namespace: Mapping[str, Any] | None = None,
    nearby: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Schema:
    """The schema tree of an annotation.

    Args:
        annotation: a type, or the text of one.
        namespace: where names in text are looked up first.
        nearby: where they are looked up when neither `namespace` nor the module of a class has them; before the module for
            a class that was made inside a function.
        name: how paths in errors begin.

    Raises:
        UnsupportedAnnotation: it cannot be served; says where in it and what to write instead.
    """
    own = getattr(annotation, "__name__", "") if isinstance(annotation, type) else ""
    return Annotations(namespace or {}, nearby or {}).whole(annotation, own if name is None else name)


class Annotations:
    """One reading of one annotation: the names being read, and the definitions found on the way."""

    def __init__(self, namespace: Mapping[str, Any], nearby: Mapping[str, Any]) -> None:
        self.namespace = namespace
        self.nearby = nearby
        self.spaces: list[dict[str, Any]] = []
        self.open: dict[Any, str] = {}
        self.done: dict[Any, Schema] = {}
        self.referred: set[str] = set()
        self.pool: dict[str, Schema] = {}

    def whole(self, annotation: Any, path: str) -> Schema:
        try:
            tree = self.read(annotation, path, {})
            plain = not self.pool and kinds_of(tree).isdisjoint((c.Ref, c.Definitions, c.Set, c.Map))
            return tree if plain else hashable(definitions(tree, self.pool), path)
        except SchemaError as error:
            raise UnsupportedAnnotation(path, str(error)) from error
        except RecursionError:
            raise UnsupportedAnnotation(path, "the annotation is nested too deeply") from None

    def read(self, annotation: Any, path: str, given: Mapping[Any, Any]) -> Schema:
        """The node of `annotation`; `given` maps type variables to what they stand for."""
        if isinstance(annotation, str | typing.ForwardRef):
            return self.read(self.evaluate(annotation, path), path, given)
        if _hashable(annotation) and (plain := _PLAIN.get(annotation)) is not None:
            return plain
        if _hashable(annotation) and annotation in _FORMS:  # some of them are classes in some Pythons
            name = _name(annotation)
            raise UnsupportedAnnotation(path, f"{name} is no type by itself: write {_FORMS[annotation]}")
        origin = te.get_origin(annotation)
        if origin is not None:
            return self.read_generic(annotation, origin, path, given)
        if isinstance(annotation, Schema):
            return annotation
        if isinstance(annotation, _ALIASES):
            return self.read_alias(annotation, (), path)
        if isinstance(annotation, typing.TypeVar | te.TypeVar):
            return self.read_variable(annotation, path, given)
        if isinstance(annotation, typing.NewType):
            return self.read(annotation.__supertype__, path, given)
        if isinstance(annotation, type):
            return self.read_class(annotation, (), path)
        schema = getattr(annotation, "schema", None)
        if isinstance(schema, Schema):
            return schema
        if _hashable(annotation) and annotation in _QUALIFIERS:
            raise UnsupportedAnnotation(path, f"{annotation} needs a type: write {_name(annotation)}[...]")
        raise UnsupportedAnnotation(
            path, f"{annotation!r} is not a type; write an annotation such as str or list[int]"
        )

    def evaluate(self, text: str | typing.ForwardRef, path: str) -> Any:
        source = text if isinstance(text, str) else text.__forward_arg__
        space: dict[str, Any] = dict(self.nearby)
        for each in self.spaces:
            space.update(each)
        space.update(self.namespace)
        try:
            return eval(source, {"__builtins__": __builtins__, **space})  # noqa: S307 (text of an annotation is code)
        except NameError as error:
            name = getattr(error, "name", None) or source
            reason = (
                f"the name {name!r} is not defined at run time where the annotation {source!r} stands: import it outside of "
                "`if TYPE_CHECKING`, and define it in the module and not in a function; GType(..., namespace={...}) gives others"
            )
            raise UnsupportedAnnotation(path, reason) from None
        except Exception as error:  # whatever the text does when it runs, it is no annotation
            raise UnsupportedAnnotation(path, f"the annotation {source!r} cannot be read: {error}") from error

    def read_variable(self, variable: Any, path: str, given: Mapping[Any, Any]) -> Schema:
        if variable in given:
            return self.read(given[variable], path, {})
        default = getattr(variable, "__default__", None)
        if default is not None and default is not te.NoDefault:
            return self.read(default, path, given)
        if variable.__constraints__:
            return union(*(self.read(item, path, given) for item in variable.__constraints__))
        return s.Anything() if variable.__bound__ is None else self.read(variable.__bound__, path, given)

    def read_generic(self, annotation: Any, origin: Any, path: str, given: Mapping[Any, Any]) -> Schema:
        arguments = te.get_args(annotation)
        if origin is te.Annotated:
            return self.read_annotated(annotation, path, given)
        if origin in _UNIONS:
            return union(*(self.read(item, path, given) for item in arguments))
        if origin in _LITERALS:
            return literal(*arguments)
        if origin in _QUALIFIERS:
            if _name(origin) == "ClassVar":
                raise UnsupportedAnnotation(path, "a ClassVar is no field of an instance")
            return self.read(arguments[0], path, given)
        if isinstance(origin, _ALIASES):
            return self.read_alias(origin, _substituted(arguments, given), path)
        if origin in GENERICS:
            return read_arguments(self, origin, arguments, path, given)
        if isinstance(origin, type):
            return self.read_class(origin, _substituted(arguments, given), path)
        raise UnsupportedAnnotation(path, f"{annotation!r} is not supported")

    def read_annotated(self, annotation: Any, path: str, given: Mapping[Any, Any]) -> Schema:
        node = self.read(annotation.__origin__, path, given)
        for marker in annotation.__metadata__:
            try:
                changed = self.marked(node, marker)
            except SchemaError as error:
                raise UnsupportedAnnotation(path, str(error)) from None
            if changed is not None:
                node = changed
            elif hasattr(type(marker), "__get_pydantic_core_schema__") or hasattr(
                marker, "__get_pydantic_core_schema__"
            ):
                node = foreign_node(marker, path, inner=node)
        return node

    def marked(self, node: Schema, marker: Any) -> Schema | None:
        """The node with a marker; one on a recursive type is put on a copy of its outermost level."""
        try:
            return apply_marker(node, marker)
        except SchemaError:
            if not isinstance(node, c.Ref):
                raise
            if node.name not in self.pool:
                message = f"a constraint cannot stand on {node.name} inside {node.name} itself; put it on a type of its own"
                raise SchemaError(message) from None
            return apply_marker(self.pool[node.name], marker)

    def read_alias(self, alias: Any, arguments: tuple[Any, ...], path: str) -> Schema:
        inner = dict(zip(alias.__type_params__, arguments, strict=False))
        return self.named((alias, arguments), alias.__name__, lambda: self.read(alias.__value__, path, inner))

    def read_class(self, cls: type, arguments: tuple[Any, ...], path: str) -> Schema:
        from gnomon_gtype import _annotated_classes as classes

        if issubclass(cls, enum.Enum):
            if cls.__module__ == "enum":
                raise UnsupportedAnnotation(
                    path, f"{cls.__name__} has no members: write an enumeration of one's own"
                )
            return s.EnumMember(cls)
        build = classes.builder_for(cls)
        if build is None:
            if hasattr(cls, "__get_pydantic_core_schema__"):
                return foreign_node(cls, path)
            raise UnsupportedAnnotation(path, _refusal(cls))
        given = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
        return self.named((cls, arguments), cls.__name__, lambda: build(self, cls, given, path))

    def named(self, key: Any, name: str, build: Callable[[], Schema]) -> Schema:
        """A type with a name: built once, and a reference to itself wherever it contains itself."""
        if not _hashable(key):
            return build()
        if key in self.done:
            return self.done[key]
        if key in self.open:
            self.referred.add(self.open[key])
            return c.Ref(self.open[key])
        unique, number = name, 2
        while unique in self.pool or unique in self.open.values():
            unique, number = f"{name}_{number}", number + 1
        self.open[key] = unique
        node = build()
        del self.open[key]
        if unique in self.referred:
            self.pool[unique] = node
            node = c.Ref(unique)
        elif not self.open:
            self.done[key] = node
        return node


def _hashable(item: Any) -> bool:
    """Metadata of `Annotated` may be anything, and then the annotation has no hash."""
    try:
        hash(item)
    except TypeError:
        return False
    return True


def _substituted(arguments: tuple[Any, ...], given: Mapping[Any, Any]) -> tuple[Any, ...]:
    """Arguments with outer type variables replaced by what they stand for."""
    return tuple(_substitute(item, given) for item in arguments)


def _substitute(item: Any, given: Mapping[Any, Any]) -> Any:
    if isinstance(item, typing.TypeVar | te.TypeVar):
        return given.get(item, item)
    inner = getattr(item, "__parameters__", ())
    if inner and not isinstance(item, type):
        return item[tuple(given.get(variable, variable) for variable in inner)]
    return item


def _name(item: Any) -> str:
    return str(getattr(item, "_name", None) or getattr(item, "__name__", item))


def _refusal(cls: type) -> str:
    for known, advice in _ADVICE.items():
        if cls is known:
            return f"{cls.__name__} is not supported: {advice}"
    return (
        f"{cls.__name__} is a plain class: make it a dataclass, a TypedDict or a NamedTuple, "
        "or give it __get_pydantic_core_schema__"
    )
