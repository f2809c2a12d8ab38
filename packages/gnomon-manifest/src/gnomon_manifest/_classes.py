"""Shells of the project's classes: the same fields, made without running a line of the project.

A typed dict, dataclass, named tuple or enum is defined by names, annotations and constants. A shell of it is made
from those, with the name and module of the original, so that whatever reads types at run time reads the same.
Fields are filled in after the class exists, because they may refer back to it.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import types
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import typing_extensions

from ._constants import constant

if TYPE_CHECKING:
    from ._annotations import Scope

__all__ = ["make_class"]

_TYPED_DICTS: Final = (typing.TypedDict, typing_extensions.TypedDict)
_QUALIFIERS: Final[dict[str, Any]] = {
    f"{home}.{name}": getattr(typing_extensions, name)
    for home in ("typing", "typing_extensions")
    for name in ("Required", "NotRequired", "ReadOnly")
}


def placeholder(scope: Scope, node: ast.expr) -> Any:
    """What stands for an annotation until it is filled in: its qualifiers, around `object`."""
    name = scope.outside_name(node.value if isinstance(node, ast.Subscript) else node)
    if isinstance(node, ast.Subscript):
        if name in _QUALIFIERS:
            return _QUALIFIERS[name][placeholder(scope, node.slice)]
        if name in ("typing.Annotated", "typing_extensions.Annotated") and isinstance(node.slice, ast.Tuple):
            return placeholder(scope, node.slice.elts[0])
        if name in ("typing.ClassVar", "typing_extensions.ClassVar"):
            return typing.ClassVar[object]
        if name == "dataclasses.InitVar":
            return dataclasses.InitVar[object]
    if name == "dataclasses.KW_ONLY":
        return dataclasses.KW_ONLY
    if name in ("typing.ClassVar", "typing_extensions.ClassVar"):
        return typing.ClassVar
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return placeholder(scope, scope.parse(node))
    return object


def _fields(node: ast.ClassDef) -> list[tuple[str, ast.expr, ast.expr | None]]:
    return [
        (item.target.id, item.annotation, item.value)
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]


def _docstring(node: ast.ClassDef) -> str | None:
    return ast.get_docstring(node, clean=False)


class _Dataclass:
    """Reads `field(...)`, and the options of the decorator."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def default(self, value: ast.expr) -> Any:
        scope = self.scope
        if isinstance(value, ast.Call) and scope.outside_name(value.func) == "dataclasses.field":
            options = {}
            for keyword in value.keywords:
                if keyword.arg is None:
                    raise scope.fail("the options of field() are computed when the program runs", value)
                if keyword.arg == "default_factory":
                    options[keyword.arg] = scope.stand_in(keyword.value)
                elif keyword.arg != "metadata":
                    options[keyword.arg] = scope.value(keyword.value)
            return dataclasses.field(**options)
        return scope.value(value)


def _dataclass_options(scope: Scope, node: ast.ClassDef) -> dict[str, Any] | None:
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = scope.outside_name(call.func if call else decorator)
        if name == "dataclasses.dataclass":
            return {word.arg: scope.value(word.value) for word in call.keywords if word.arg} if call else {}
    return None


def _make(
    scope: Scope, node: ast.ClassDef, bases: tuple[Any, ...], namespace: dict[str, Any], **options: Any
) -> Any:
    outer = scope.qualified
    namespace = {
        "__module__": scope.module.name,
        "__qualname__": outer,
        "__doc__": _docstring(node),
        **namespace,
    }
    if scope.parameters:  # pragma: no cover - CPython 3.11 does not parse this
        bases = (*bases, typing.Generic[tuple(scope.parameters.values())])  # type: ignore[index]
    made: Any = types.new_class(node.name, bases, options, lambda body: body.update(namespace))
    made.__module__ = scope.module.name
    made.__qualname__ = outer
    return made


def _annotate(made: Any, name: str, annotation: Any) -> None:
    made.__annotations__[name] = annotation
    known = made.__dict__.get("__dataclass_fields__")
    if known is not None and name in known:
        known[name].type = annotation


def _is_enum(base: Any) -> bool:
    return isinstance(base, type) and issubclass(base, enum.Enum)


def _make_enum(scope: Scope, node: ast.ClassDef, bases: tuple[Any, ...]) -> Any:
    members: dict[str, Any] = {}
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name in (
            "_generate_next_value_",
            "__new__",
            "_missing_",
        ):
            raise scope.fail(f"the enum {node.name} computes its members in {item.name}", item)
        if isinstance(item, ast.Assign):
            for target in item.targets:
                if not isinstance(target, ast.Name):
                    raise scope.fail(f"a member of the enum {node.name} is unpacked", item)
                members[target.id] = _member(scope, item.value, members)

    def fill(body: Any) -> None:
        body["__module__"], body["__qualname__"] = scope.module.name, scope.qualified
        body["__doc__"] = _docstring(node)
        for name, value in members.items():
            body[name] = value

    try:
        return types.new_class(node.name, bases, {}, fill)
    except (TypeError, ValueError, AttributeError) as error:
        raise scope.fail(f"the enum {node.name} would not be made: {error}", node) from error


def _member(scope: Scope, node: ast.expr, members: dict[str, Any]) -> Any:
    if isinstance(node, ast.Call) and scope.outside_name(node.func) == "enum.auto":
        return enum.auto()
    if any(isinstance(part, ast.Name) and part.id in members for part in ast.walk(node)):
        return constant(node, scope.module, scope.home.names, local=members)
    return scope.value(node)


def make_class(scope: Scope, node: ast.ClassDef) -> tuple[Any, Callable[[], None]]:
    """Make the shell of a class, and give the function that fills its fields in.

    Raises:
        NotStatic: when the class is of another sort, or says something that only running it would tell.
    """
    bases = tuple(scope.base(base) for base in node.bases)
    keywords = {
        word.arg: scope.value(word.value) for word in node.keywords if word.arg and word.arg != "metaclass"
    }
    if any(_is_enum(base) for base in bases):
        return _make_enum(scope, node, bases), lambda: None
    fields = _fields(node)
    options = _dataclass_options(scope, node)
    typed_dict = any(
        base in _TYPED_DICTS or typing_extensions.is_typeddict(base) for base in map(_origin, bases)
    )
    named_tuple = any(base is typing.NamedTuple or base is typing_extensions.NamedTuple for base in bases)
    if not (typed_dict or named_tuple or options is not None):
        raise scope.fail(_other_class(node, scope), node)
    namespace: dict[str, Any] = {}
    reader = _Dataclass(scope)
    for name, _, value in fields:
        if value is not None:
            namespace[name] = reader.default(value) if options is not None else scope.value(value)
    namespace["__annotations__"] = {name: placeholder(scope, annotation) for name, annotation, _ in fields}
    try:
        made = _make(scope, node, bases, namespace, **keywords)
        if options is not None:
            made = dataclasses.dataclass(**options)(made)
    except (TypeError, ValueError, AttributeError) as error:
        raise scope.fail(f"the class {node.name} would not be made: {error}", node) from error

    def fill() -> None:
        for name, annotation, _ in fields:
            _annotate(made, name, scope.annotation(annotation))
        if typed_dict:
            for base in bases:
                inherited = getattr(_origin(base), "__annotations__", {})
                for name in inherited:
                    if name not in {field[0] for field in fields}:
                        made.__annotations__[name] = inherited[name]

    return made, fill


def _origin(base: Any) -> Any:
    return typing.get_origin(base) or base


def _other_class(node: ast.ClassDef, scope: Scope) -> str:
    names = [ast.unparse(base) for base in node.bases]
    if names:
        return f"the class {scope.qualified}({', '.join(names)}) says what it accepts only when it runs"
    return f"the plain class {scope.qualified} has no fields that can be checked"
