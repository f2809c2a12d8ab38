"""Values that can be known from the source: literals, and module-level constants made of literals."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from ._names import Definition, Inside, Module, Names, Outside, dotted

__all__ = ["NotStatic", "binding_value", "constant"]

_MOST: Final = 100_000
_BITS: Final = 10_000
_OPERATORS: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitOr: operator.or_,
}


class NotStatic(Exception):
    """Something that the source does not say; carries the node to point at."""

    def __init__(self, reason: str, node: ast.AST, module: Module) -> None:
        super().__init__(reason)
        self.reason = reason
        self.node = node
        self.module = module


def binding_value(definition: Definition) -> ast.expr | None:
    """The expression that a name is bound to by a plain assignment, else None."""
    binding = definition.binding
    if definition.ambiguous or len(definition.nodes) > 1:
        return None
    if (
        isinstance(binding, ast.Assign)
        and len(binding.targets) == 1
        and isinstance(binding.targets[0], ast.Name)
    ):
        return binding.value
    return binding.value if isinstance(binding, ast.AnnAssign) else None


class _Reader:
    def __init__(
        self, names: Names, seen: tuple[str, ...] = (), local: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self.names = names
        self.seen = seen
        self.local = local

    def fail(self, reason: str, node: ast.AST, module: Module) -> NotStatic:
        return NotStatic(reason, node, module)

    def named(self, node: ast.expr, module: Module) -> Any:
        path = dotted(node)
        if path is not None and len(path) == 1 and path[0] in self.local:
            return self.local[path[0]]
        found = self.names.resolve(module, path) if path else None
        if isinstance(found, Outside):
            home, _, name = found.name.rpartition(".")
            if home == "math" and name in ("inf", "nan"):
                return getattr(math, name)
            if home == "http.HTTPStatus" and name in HTTPStatus.__members__:
                return HTTPStatus[name].value
        if isinstance(found, Inside) and not found.rest:
            value = binding_value(found.definition)
            if value is not None and found.definition.key not in self.seen:
                return _Reader(self.names, (*self.seen, found.definition.key)).read(
                    value, found.definition.module
                )
        if isinstance(found, Inside) and len(found.rest) == 1:
            return self.member(found, node, module)
        raise self.fail(
            f"{ast.unparse(node)!r} is not a constant that can be read from the source", node, module
        )

    def member(self, found: Inside, node: ast.expr, module: Module) -> Any:
        """A constant in the body of a class."""
        binding = found.definition.binding
        if isinstance(binding, ast.ClassDef) and not found.definition.ambiguous:
            for item in binding.body:
                name = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
                if isinstance(name, ast.Name) and name.id == found.rest[0] and getattr(item, "value", None):
                    return self.read(item.value, found.definition.module)  # type: ignore[attr-defined]
        raise self.fail(
            f"{ast.unparse(node)!r} is not a constant that can be read from the source", node, module
        )

    def elements(self, nodes: list[ast.expr], module: Module) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found.extend(self.read(node.value, module))
            else:
                found.append(self.read(node, module))
        return found

    def read(self, node: ast.expr, module: Module) -> Any:
        if isinstance(node, ast.Constant):
            return self.sized(node.value, node, module)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self.named(node, module)
        if isinstance(node, ast.Tuple):
            return tuple(self.elements(node.elts, module))
        if isinstance(node, ast.List):
            return self.elements(node.elts, module)
        if isinstance(node, ast.Set):
            return set(self.elements(node.elts, module))
        if isinstance(node, ast.Dict):
            return self.mapping(node, module)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd, ast.Not)):
            value = self.read(node.operand, module)
            if isinstance(node.op, ast.Not):
                return not value
            if isinstance(value, (int, float)):
                return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            return self.binary(node, module)
        if isinstance(node, ast.Call) and self.is_infinity(node, module):
            return math.inf
        if isinstance(node, ast.JoinedStr):
            return "".join(self.piece(value, module) for value in node.values)
        raise self.fail(f"{ast.unparse(node)[:80]!r} is computed when the program runs", node, module)

    def is_infinity(self, node: ast.Call, module: Module) -> bool:
        """Whether a call is `float("inf")`."""
        given = node.args[0] if len(node.args) == 1 and not node.keywords else None
        found = self.names.resolve(module, dotted(node.func) or ("",))
        return (
            found == Outside("builtins.float")
            and isinstance(given, ast.Constant)
            and isinstance(given.value, str)
            and given.value.strip().lower() in ("inf", "infinity", "+inf", "+infinity")
        )

    def sized(self, value: Any, node: ast.expr, module: Module) -> Any:
        """A value, unless it is a number with so many digits that Python writes none of them."""
        if isinstance(value, int) and value.bit_length() > _BITS:
            raise self.fail(f"the number has more than {_BITS} bits", node, module)
        return value

    def mapping(self, node: ast.Dict, module: Module) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                found.update(self.read(value, module))
            else:
                found[self.read(key, module)] = self.read(value, module)
        return found

    def piece(self, node: ast.expr, module: Module) -> str:
        if isinstance(node, ast.FormattedValue) and node.conversion == -1 and node.format_spec is None:
            value = self.read(node.value, module)
            if isinstance(value, (str, int)):
                return str(value)
        elif isinstance(node, ast.Constant):
            return str(node.value)
        raise self.fail("the formatted text is computed when the program runs", node, module)

    def binary(self, node: ast.BinOp, module: Module) -> Any:
        left, right = self.read(node.left, module), self.read(node.right, module)
        compute = _OPERATORS.get(type(node.op))
        sized = [len(side) for side in (left, right) if isinstance(side, (str, bytes, tuple, list))]
        numbers = [abs(side) for side in (left, right) if isinstance(side, (int, float))]
        # nothing here may take long or much memory, whatever the source says
        harmless = not sized or (
            isinstance(node.op, (ast.Add, ast.Mult)) and not (numbers and max(numbers) > _MOST)
        )
        if isinstance(node.op, ast.Pow):
            harmless = bool(numbers) and max(numbers) <= 1024
        if compute is not None and harmless:
            try:
                result = compute(left, right)
            except (TypeError, ValueError, ArithmeticError):
                pass
            else:
                if not isinstance(result, (str, bytes, tuple, list)) or len(result) <= _MOST:
                    return self.sized(result, node, module)
        raise self.fail(f"{ast.unparse(node)[:80]!r} can not be computed from the source", node, module)


def constant(
    node: ast.expr, module: Module, names: Names, *, local: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    """Read the value of an expression that is made of literals.

    Args:
        node: the expression.
        module: where its names are looked up.
        names: what the names of the project stand for.
        local: names that stand for values already, as in the body of an enum.

    Raises:
        NotStatic: when the value is only known when the program runs.
    """
    try:
        return _Reader(names, local=local).read(node, module)
    except (TypeError, ValueError) as error:  # an unhashable key, a star over what can not be iterated
        raise NotStatic(f"the value is not a constant: {error}", node, module) from error
