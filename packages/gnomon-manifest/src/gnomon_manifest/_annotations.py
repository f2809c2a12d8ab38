"""Annotations of the source, turned into the objects that they would be at run time.

An annotation is read like the interpreter would read it, but names lead to definitions of the source: a class of
the project becomes a shell of it (`_classes`), a name from outside becomes the real object when it belongs to the
few modules that types are made of, and everything else is `NotStatic`. What comes out is given to `GType`, so that
a schema read from the source and one made at run time are the same tree by construction.

Longer than most modules: every form of an annotation may stand inside of every other.
"""

from __future__ import annotations

import ast
import importlib
import operator
import typing
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import typing_extensions

import gnomon_gtype

from ._classes import make_class
from ._constants import NotStatic, constant
from ._names import Definition, Inside, Module, Names, Outside, dotted
from ._outside import TRUSTED

__all__ = ["Annotations", "Scope"]

_BUILTIN_TYPES: Final = frozenset(
    [
        "str",
        "int",
        "float",
        "bool",
        "bytes",
        "bytearray",
        "complex",
        "object",
        "list",
        "tuple",
        "dict",
        "set",
        "frozenset",
        "type",
        "None",
        "NotImplemented",
    ]
)
_TYPE_VARIABLES: Final = frozenset({"TypeVar", "TypeVarTuple"})
_ENUMS: Final = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"})
_MAKERS: Final = frozenset({"NewType", "TypeAliasType", "TypedDict", "NamedTuple", "namedtuple", *_ENUMS})
# what a type may call while it is read: constructors of plain values, which do nothing else
_VALUES: Final = frozenset(
    {
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "decimal.Decimal",
        "fractions.Fraction",
        "re.compile",
        "uuid.UUID",
    }
)
# made from names that are only known when they run, which type checkers do not follow
_TYPE_VAR: Final[Any] = typing_extensions.TypeVar
_TYPE_VAR_TUPLE: Final[Any] = typing_extensions.TypeVarTuple
_TYPE_ALIAS_TYPE: Final[Any] = typing_extensions.TypeAliasType
_CONSTRAINTS: Final = frozenset({"annotated_types", "gnomon_gtype"})


def trusted(name: str) -> str:
    """The qualified name under which a type of the runtime is really kept."""
    for alias in ("gnomon.types.", "gnomon_gtype.types."):
        if name.startswith(alias):
            return "gnomon_gtype." + name[len(alias) :]
    return name


def _is_constraint(function: Any) -> bool:
    """Whether a name of gtype makes a constraint. `GType` does not: it would evaluate text."""
    return isinstance(function, type) and issubclass(function, gnomon_gtype.Marker)


def _never(module: str, qualified: str) -> Callable[[], None]:
    """A function of the project by name alone; calling it would be a mistake of ours."""

    def never() -> None:
        raise AssertionError("the project is read, not run")  # pragma: no cover - nothing ever calls it

    never.__module__, never.__qualname__ = module, qualified
    never.__name__ = qualified.rpartition(".")[2]
    return never


class Scope:
    """Where an annotation stands: a module, the class around it, and the type parameters in force."""

    def __init__(
        self,
        home: Annotations,
        module: Module,
        *,
        qualified: str = "",
        parameters: dict[str, Any] | None = None,
        outer: Scope | None = None,
    ) -> None:
        self.home = home
        self.module = module
        self.qualified = qualified
        self.parameters = parameters or {}
        self.outer = outer

    def fail(self, reason: str, node: ast.AST) -> NotStatic:
        return NotStatic(reason, node, self.module)

    def resolve(self, node: ast.expr) -> Any:
        path = dotted(node)
        return self.home.names.resolve(self.module, path) if path else None

    def outside_name(self, node: ast.expr) -> str | None:
        """The qualified name of something that the project imports, else None."""
        found = self.resolve(node)
        return found.name if isinstance(found, Outside) else None

    def parse(self, node: ast.Constant) -> ast.expr:
        """An annotation that is written as a string; its nodes point at the string."""
        try:
            tree = ast.parse(str(node.value).strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise self.fail(f"the annotation {node.value!r} is not an expression", node) from error
        for inner in ast.walk(tree):
            ast.copy_location(inner, node)
        return tree

    def value(self, node: ast.expr) -> Any:
        """A value in a type: a constant, a member of an enum, a constraint, or a call of a trusted type."""
        if isinstance(node, ast.Call):
            return self.home.call(self, node)
        if isinstance(node, (ast.Tuple, ast.List)):
            items = [self.value(item) for item in node.elts]
            return tuple(items) if isinstance(node, ast.Tuple) else items
        found = self.resolve(node) if isinstance(node, (ast.Name, ast.Attribute)) else None
        if isinstance(found, Outside):
            return self.home.outside(self, found.name, node)
        if isinstance(found, Inside):
            binding = found.definition.binding
            if isinstance(binding, ast.ClassDef) and found.rest:
                try:
                    return self.annotation(node)  # a member of an enum
                except NotStatic:
                    return constant(node, self.module, self.home.names)
            # a constraint, or a maker of types, that has a name of its own
            if isinstance(binding, ast.ClassDef) or isinstance(getattr(binding, "value", None), ast.Call):
                return self.annotation(node)
        return constant(node, self.module, self.home.names)

    def annotation(self, node: ast.expr) -> Any:
        """What an annotation stands for."""
        return self.home.read(self, node)

    def base(self, node: ast.expr) -> Any:
        """A base class."""
        return self.home.read(self, node)

    def stand_in(self, node: ast.expr) -> Any:
        """A callable that is only known by name."""
        if isinstance(node, ast.Lambda):
            return _never(self.module.name, f"{self.qualified}.<lambda>")
        found = self.resolve(node)
        if isinstance(found, Outside):
            return self.home.outside(self, found.name, node)
        if isinstance(found, Inside):
            return self.home.stand_in(found)
        raise self.fail(
            "a function in a type needs a name; write it with def at the top level of a module", node
        )


class _Made:
    """A definition as the object that it is at run time, or why there is none.

    What the fields of a class say is only read when the class exists, so that a fault in them shows later: whoever
    uses it looks for faults in everything that it uses in turn.
    """

    __slots__ = ("fault", "sound", "uses", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self.fault: NotStatic | None = None
        self.uses: list[_Made] = []
        self.sound = False


def _look_for_faults(found: list[_Made]) -> None:
    """Raise the first fault in some definitions and what they use, in the order of the source."""
    seen: dict[int, _Made] = {}
    waiting = [item for item in reversed(found) if not item.sound]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        if item.fault is not None:
            raise item.fault
        waiting.extend(inner for inner in reversed(item.uses) if not inner.sound)
    for item in seen.values():
        item.sound = True


class Annotations:
    """Reads the annotations of one project; each definition is made once, and kept in its module."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._making: dict[str, Definition] = {}
        self._uses: list[_Made] = []
        self._fills: list[tuple[_Made, Callable[[], None]]] = []

    def evaluate(self, node: ast.expr, module: Module) -> Any:
        """Turn an annotation into the object that it is at run time.

        Raises:
            NotStatic: when the source does not say what the annotation is.
        """
        return self.complete(Scope(self, module), node)

    def complete(self, scope: Scope, node: ast.expr) -> Any:
        """Read an annotation, and fill in the fields of every class that came up on the way."""
        outer, self._uses = self._uses, []
        try:
            result = self.read(scope, node)
            used = self._uses
        finally:
            while self._fills:
                self._fill(*self._fills.pop(0))
            self._uses = outer
        _look_for_faults(used)
        return result

    def _fill(self, made: _Made, fill: Callable[[], None]) -> None:
        self._uses = made.uses
        try:
            fill()
        except NotStatic as error:
            made.fault = made.fault or error

    def read(self, scope: Scope, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                return self.read(scope, scope.parse(node))
            if node.value is None or node.value is Ellipsis:
                return node.value
        elif isinstance(node, (ast.Name, ast.Attribute)):
            return self.name(scope, node)
        elif isinstance(node, ast.Subscript):
            return self.subscript(scope, node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self.combine(scope, node)
        elif isinstance(node, (ast.Tuple, ast.List)):
            items = [self.read(scope, item) for item in node.elts]
            return tuple(items) if isinstance(node, ast.Tuple) else items
        elif isinstance(node, ast.Starred):
            return typing_extensions.Unpack[self.read(scope, node.value)]
        elif isinstance(node, ast.Call):
            return self.call(scope, node)
        raise scope.fail(f"{ast.unparse(node)[:80]!r} is no type", node)

    def combine(self, scope: Scope, node: ast.BinOp) -> Any:
        left, right = self.read(scope, node.left), self.read(scope, node.right)
        return typing.Union[left, right]  # noqa: UP007 - the sides are values here, and a side may be None

    def name(self, scope: Scope, node: ast.Name | ast.Attribute) -> Any:
        if isinstance(node, ast.Name):
            inner: Scope | None = scope
            while inner is not None:
                if node.id in inner.parameters:  # pragma: no cover - CPython 3.11 does not parse this
                    return inner.parameters[node.id]
                inner = inner.outer
        path = dotted(node)
        if path is None:
            raise scope.fail(f"{ast.unparse(node)[:80]!r} is no type", node)
        found = self.names.resolve(scope.module, path)
        if isinstance(found, Outside):
            return self.outside(scope, found.name, node)
        if isinstance(found, Inside):
            return self.definition(scope, found, node)
        if found is None:
            raise scope.fail(f"nothing in the source binds the name {'.'.join(path)!r}", node)
        raise scope.fail(f"{'.'.join(path)!r} is a module, not a type", node)

    def outside(self, scope: Scope, name: str, node: ast.expr) -> Any:
        """The real object behind a name from outside, when it belongs to the modules that types are made of."""
        home, _, attribute = trusted(name).rpartition(".")
        if home == "builtins" and attribute not in _BUILTIN_TYPES:
            raise scope.fail(f"{attribute!r} is no type", node)
        # a class of a trusted module, or a member of one; nothing further away
        member = None
        if home not in TRUSTED:
            home, _, owner = home.rpartition(".")
            attribute, member = owner, attribute
        if home not in TRUSTED:
            raise scope.fail(f"{name} comes from outside the project and is not read", node)
        found: Any = getattr(importlib.import_module(home), attribute, None)
        if member is not None:
            found = getattr(found, member, None) if isinstance(found, type) else None
        if found is None or isinstance(found, ModuleType):
            raise scope.fail(f"{name} is no type", node)
        return found

    def definition(self, scope: Scope, found: Inside, node: ast.expr) -> Any:
        definition = found.definition
        if definition.ambiguous:
            raise scope.fail(
                f"{definition.name!r} has several definitions, and which one counts is decided at run time",
                node,
            )
        key = ".".join((definition.key, *found.rest))
        memory = definition.module.memory
        made: _Made | None = memory.get(("type:", key))
        if made is None:
            if key in self._making:
                raise self._circle(key)
            made = _Made()
            outer, self._uses = self._uses, made.uses
            self._making[key] = definition
            try:
                made.value = self.make(found, made)
            except NotStatic as error:
                made.fault = error
            finally:
                del self._making[key]
                self._uses = outer
            memory["type:", key] = made
        if made.fault is not None:
            raise made.fault
        self._uses.append(made)
        return made.value

    def _circle(self, key: str) -> NotStatic:
        """Say that some definitions need each other to exist: the same, whichever of them was asked for."""
        keys = list(self._making)
        first = self._making[min(keys[keys.index(key) :])]
        scope = Scope(self, first.module)
        return scope.fail(f"{first.name!r} refers to itself before it exists", first.nodes[-1])

    def make(self, found: Inside, made: _Made) -> Any:
        definition, binding = found.definition, found.definition.binding
        scope = Scope(self, definition.module, qualified=definition.name)
        if isinstance(binding, ast.ClassDef):
            return self.make_class(scope, binding, found.rest, made)
        if found.rest:
            value = self.definition(scope, Inside(definition), binding)  # type: ignore[arg-type]
            try:
                return operator.attrgetter(".".join(found.rest))(value)
            except AttributeError:
                raise scope.fail(
                    f"{definition.name} has no {'.'.join(found.rest)}", binding or ast.Pass()
                ) from None
        if hasattr(ast, "TypeAlias") and isinstance(
            binding, ast.TypeAlias
        ):  # pragma: no cover - CPython 3.11 does not parse this
            return self.make_alias(scope, binding)
        value = getattr(binding, "value", None)
        if isinstance(binding, (ast.Assign, ast.AnnAssign)) and value is not None:
            return self.assigned(scope, value)
        raise scope.fail(f"{definition.name!r} is no type", binding or ast.Pass())

    def assigned(self, scope: Scope, value: ast.expr) -> Any:
        """The value of `Name = ...`: an alias, or a call that makes a type."""
        if isinstance(value, ast.Call):
            made = self.call(scope, value)
            if isinstance(made, type):
                made.__module__ = scope.module.name
            return made
        return self.read(scope, value)

    def make_class(self, scope: Scope, node: ast.ClassDef, rest: tuple[str, ...], made: _Made) -> Any:
        if rest:
            inner = next(
                (item for item in node.body if isinstance(item, ast.ClassDef) and item.name == rest[0]), None
            )
            if inner is not None:
                scope = Scope(self, scope.module, qualified=f"{scope.qualified}.{rest[0]}", outer=scope)
                return self.make_class(scope, inner, rest[1:], made)
            owner = self.definition(scope, Inside(self._definition_of(scope, node)), node)  # type: ignore[arg-type]
            try:
                return operator.attrgetter(".".join(rest))(owner)
            except AttributeError:
                raise scope.fail(f"{node.name} has no {'.'.join(rest)}", node) from None
        scope.parameters = self.type_parameters(scope, getattr(node, "type_params", []))
        value, fill = make_class(scope, node)
        self._fills.append((made, fill))
        return value

    def _definition_of(self, scope: Scope, node: ast.ClassDef) -> Definition:
        return scope.module.definitions[node.name]

    def type_parameters(self, scope: Scope, nodes: list[Any]) -> dict[str, Any]:
        """The type variables of `class Box[T]` and `type Pair[T]` (PEP 695)."""
        found: dict[str, Any] = {}
        inner = Scope(self, scope.module, parameters=found, outer=scope)
        for node in nodes:  # pragma: no cover - CPython 3.11 does not parse this
            default = getattr(node, "default_value", None)
            options = {"default": self.read(inner, default)} if default is not None else {}
            if type(node).__name__ == "TypeVarTuple":
                found[node.name] = _TYPE_VAR_TUPLE(node.name, **options)
            elif type(node).__name__ == "ParamSpec":
                raise scope.fail("a parameter specification is no type of data", node)
            else:
                bound = node.bound
                if isinstance(bound, ast.Tuple):
                    choices = [self.read(inner, choice) for choice in bound.elts]
                    found[node.name] = _TYPE_VAR(node.name, *choices, **options)
                elif bound is not None:
                    found[node.name] = _TYPE_VAR(node.name, bound=self.read(inner, bound), **options)
                else:
                    found[node.name] = _TYPE_VAR(node.name, **options)
        return found

    def make_alias(
        self, scope: Scope, node: Any
    ) -> Any:  # pragma: no cover - CPython 3.11 does not parse this
        """`type Name = value`, whose value is read when somebody asks, so that it may refer to itself."""
        name = node.name.id
        if any(
            getattr(item, "bound", None) or getattr(item, "default_value", None) for item in node.type_params
        ):
            parameters = self.type_parameters(scope, node.type_params)
            inner = Scope(self, scope.module, parameters=parameters, outer=scope)
            return _TYPE_ALIAS_TYPE(
                name, self.read(inner, node.value), type_params=tuple(parameters.values())
            )

        def value(*variables: Any) -> Any:
            given = dict(zip((item.name for item in node.type_params), variables, strict=True))
            return self.complete(Scope(self, scope.module, parameters=given, outer=scope), node.value)

        # the statement is the only way to a lazy alias; each name is an identifier, for the parser said so
        stars = {"TypeVarTuple": "*", "ParamSpec": "**"}
        written = ", ".join(stars.get(type(item).__name__, "") + item.name for item in node.type_params)
        names = ", ".join(item.name for item in node.type_params)
        head = f"type {name}[{written}]" if written else f"type {name}"
        namespace: dict[str, Any] = {"__value": value, "__name__": scope.module.name}
        exec(f"{head} = __value({names})", namespace)  # noqa: S102
        return namespace[name]

    def subscript(self, scope: Scope, node: ast.Subscript) -> Any:
        name = scope.outside_name(node.value)
        origin = self.read(scope, node.value)
        if name in ("typing.Literal", "typing_extensions.Literal"):
            items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            arguments: Any = tuple(self.literal(scope, item) for item in items)
        elif name in ("typing.Annotated", "typing_extensions.Annotated") and isinstance(
            node.slice, ast.Tuple
        ):
            first, *rest = node.slice.elts
            arguments = (self.read(scope, first), *(scope.value(item) for item in rest))
        elif isinstance(node.slice, ast.Tuple) and not node.slice.elts:
            arguments = ()
        else:
            arguments = self.read(scope, node.slice)
        try:
            return origin[arguments]
        except (TypeError, ValueError) as error:
            raise scope.fail(f"{ast.unparse(node)[:80]} is no type: {error}", node) from error

    def literal(self, scope: Scope, node: ast.expr) -> Any:
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            return self.read(scope, node)
        return constant(node, scope.module, self.names)

    def stand_in(self, found: Inside) -> Any:
        """A function or class of the project by name alone; calling it would be a mistake of ours."""
        key = ".".join((found.definition.key, *found.rest))
        memory = found.definition.module.memory
        if ("function:", key) not in memory:
            name = ".".join((found.definition.name, *found.rest))
            memory["function:", key] = _never(found.definition.module.name, name)
        return memory["function:", key]

    def call(self, scope: Scope, node: ast.Call) -> Any:
        """A call in a type: `NewType(...)`, `TypeVar(...)`, `TypedDict(...)`, `MinLength(3)`.

        Only what makes types, constraints and plain values is ever called.
        """
        name = trusted(scope.outside_name(node.func) or "")
        home, _, last = name.rpartition(".")
        makes = (
            home in ("typing", "typing_extensions", "enum", "collections")
            and last in _MAKERS | _TYPE_VARIABLES
        )
        if not (makes or name in _VALUES or home in _CONSTRAINTS):
            raise scope.fail(f"{ast.unparse(node)[:80]!r} is computed when the program runs", node)
        function = self.outside(scope, name, node.func)
        if home == "gnomon_gtype" and not _is_constraint(function):
            raise scope.fail(f"{name} can not be used in a type that is read from source", node)
        arguments = []
        for index, item in enumerate(node.args):
            arguments.append(self.part(scope, item, last) if makes and index else self.argument(scope, item))
        keywords = {}
        for word in node.keywords:
            if word.arg is None:
                raise scope.fail("the arguments are computed when the program runs", node)
            as_type = word.arg in ("bound", "default") and last in _TYPE_VARIABLES
            keywords[word.arg] = self.read(scope, word.value) if as_type else self.argument(scope, word.value)
        try:
            return function(*arguments, **keywords)
        except Exception as error:
            # a trusted constructor refused its arguments; the program would fail in the same place
            raise scope.fail(f"{ast.unparse(node)[:80]} fails: {error}", node) from error

    def argument(self, scope: Scope, node: ast.expr) -> Any:
        if isinstance(node, ast.Lambda):
            raise scope.fail(
                "a function in a type needs a name; write it with def at the top level of a module", node
            )
        if isinstance(node, (ast.Name, ast.Attribute)):
            found = scope.resolve(node)
            if isinstance(found, Inside) and isinstance(
                found.definition.binding, (ast.FunctionDef, ast.AsyncFunctionDef)
            ):
                return self.stand_in(found)
        return scope.value(node)

    def part(self, scope: Scope, node: ast.expr, maker: str) -> Any:
        """What a maker of types is given after the name: the types in it are read, text in it as well."""
        if maker in _ENUMS or maker == "namedtuple":
            return constant(node, scope.module, self.names)
        if maker == "TypedDict" and isinstance(node, ast.Dict):
            return {
                constant(key, scope.module, self.names): self.read(scope, value)
                for key, value in zip(node.keys, node.values, strict=True)
                if key is not None
            }
        if maker == "NamedTuple" and isinstance(node, (ast.List, ast.Tuple)):
            pairs = [
                item.elts
                for item in node.elts
                if isinstance(item, (ast.Tuple, ast.List)) and len(item.elts) == 2
            ]
            return [
                (constant(name, scope.module, self.names), self.read(scope, kind)) for name, kind in pairs
            ]
        return self.read(scope, node)
