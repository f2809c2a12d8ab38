"""The types of a handler: annotations of the source, given to `GType`, kept by the digest of their schema."""

from __future__ import annotations

import ast
from types import NoneType
from typing import Any, Final
from uuid import UUID

from gnomon_gtype import GType, UnsupportedAnnotation

from ._annotations import Annotations
from ._constants import NotStatic
from ._declared import Declared, Reader, TypeExpression
from ._model import HandlerTypes, TypeEntry
from ._names import Inside, Module, Names, Outside, dotted

__all__ = ["Types"]


def _sorted(document: Any) -> Any:
    """The same JSON with its keys in the order of canonical JSON, so that a manifest that is read back is equal."""
    if isinstance(document, dict):
        return {key: _sorted(document[key]) for key in sorted(document)}
    return [_sorted(item) for item in document] if isinstance(document, (list, tuple)) else document


_RUNTIMES: Final = ("gnomon", "gnomon_ingress")
_PARAMETERS: Final[dict[str, Any]] = {
    "": str,
    "str": str,
    "path": str,
    "int": int,
    "float": float,
    "uuid": UUID,
}


class Types:
    """Reads the types of handlers and collects their schemas."""

    def __init__(self, names: Names, reader: Reader) -> None:
        self.names = names
        self.reader = reader
        self.annotations = Annotations(names)
        self.gtypes: dict[str, GType[Any]] = {}
        self._known: dict[Any, str] = {}

    def digest(self, node: ast.expr, module: Module) -> str | None:
        """The digest of the schema of an annotation; None, and a finding, when it can not be read."""
        try:
            annotation = self.annotations.evaluate(node, module)
            # nothing is checked where nothing is declared: `Any`, and `None` for no body
            return None if annotation in (None, NoneType, Any) else self.known(annotation)
        except NotStatic as error:
            self.reader.not_static(error, "unresolvable-type")
            if error.module is not module:
                self.reader.report(
                    "unresolvable-type", f"the type can not be read: {error.reason}", node, module
                )
        except UnsupportedAnnotation as error:
            self.reader.report("unresolvable-type", str(error), node, module)
        return None

    def known(self, annotation: Any) -> str:
        try:
            found = self._known.get(annotation)
        except TypeError:  # Annotated with something that can not be hashed
            return self.keep(annotation)
        if found is None:
            found = self._known[annotation] = self.keep(annotation)
        return found

    def keep(self, annotation: Any) -> str:
        gtype: GType[Any] = GType(annotation)
        digest = gtype.schema.digest
        self.gtypes.setdefault(digest, gtype)
        return digest

    def arguments(self, node: ast.expr | None, module: Module, wanted: str) -> list[TypeExpression] | None:
        """The arguments of `Request[...]` or `Response[...]`; None, perhaps with a finding, for anything else."""
        for _ in range(20):
            if node is None:
                return None
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                try:
                    inner = ast.parse(node.value.strip(), mode="eval").body
                except (SyntaxError, ValueError):
                    self.reader.report(
                        "unresolvable-type", f"{node.value!r} is not an expression", node, module
                    )
                    return None
                for part in ast.walk(inner):
                    ast.copy_location(part, node)
                node = inner
            base = node.value if isinstance(node, ast.Subscript) else node
            path = dotted(base)
            found = self.names.resolve(module, path) if path else None
            if isinstance(found, Outside):
                return self.runtime_arguments(node, module, found.name, wanted)
            value = getattr(found.definition.binding, "value", None) if isinstance(found, Inside) else None
            if value is None or not isinstance(found, Inside) or isinstance(node, ast.Subscript):
                break
            node, module = value, found.definition.module  # an alias: Place = Request[NewOrder]
        assert node is not None
        self.reader.report(
            "unresolvable-type",
            f"{ast.unparse(node)[:80]!r} is not the {wanted} of the runtime",
            node,
            module,
        )
        return None

    def runtime_arguments(
        self, node: ast.expr, module: Module, name: str, wanted: str
    ) -> list[TypeExpression] | None:
        home, _, last = name.rpartition(".")
        if last == wanted and home.partition(".")[0] in _RUNTIMES:
            if not isinstance(node, ast.Subscript):
                return []
            items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return [TypeExpression(item, module) for item in items]
        if name not in ("typing.Any", "typing_extensions.Any", "builtins.object"):
            self.reader.report(
                "unresolvable-type", f"{name} is not the {wanted} of the runtime", node, module
            )
        return None

    def of_handler(self, declared: Declared, sent: dict[int, bool]) -> HandlerTypes:
        """The types of a handler.

        Args:
            declared: the handler.
            sent: the statuses that the reachable code sends, and whether each was raised as an error.
        """
        annotations = {
            argument.arg: argument.annotation
            for argument in (
                *declared.node.args.posonlyargs,
                *declared.node.args.args,
                *declared.node.args.kwonlyargs,
            )
        }
        module = declared.module
        request = self.arguments(annotations.get("req"), module, "Request") or []
        parts = [self.digest(item.node, item.module) for item in request[:3]] + [None, None, None]
        response = self.arguments(annotations.get("res"), module, "Response") or []
        success = self.digest(response[0].node, response[0].module) if response else None
        responses: dict[int, str | None] = {
            status: self.digest(item.node, item.module)
            for status, item in declared.options["responses"].items()
        }
        good = [status for status, raised in sent.items() if 200 <= status < 300 and not raised]
        if not good and not any(200 <= status < 400 for status in responses) and "ws" not in annotations:
            good = [200]
        for status in good:
            responses.setdefault(status, success)
        return HandlerTypes(
            params=dict(sorted(self.parameters(declared).items())),
            body=parts[0],
            query=parts[1],
            headers=parts[2],
            responses=dict(sorted(responses.items())),
        )

    def parameters(self, declared: Declared) -> dict[str, str]:
        """The types that the path pattern gives to its parameters."""
        found: dict[str, str] = {}
        for part in (declared.path or "").split("{")[1:]:
            name, _, converter = part.partition("}")[0].partition(":")
            if converter not in _PARAMETERS:
                self.reader.report(
                    "invalid-declaration",
                    f"{converter!r} is no type of a path parameter; there are {', '.join(sorted(filter(None, _PARAMETERS)))}",
                    declared.node,
                    declared.module,
                )
                continue
            found[name] = self.known(_PARAMETERS[converter])
        return found

    def entry(self, digest: str) -> TypeEntry:
        """The schema of a type, for the manifest."""
        gtype = self.gtypes[digest]
        document = _sorted(gtype.json_schema())
        root = document.get("$defs", {}).get(document.get("$ref", "").rpartition("/")[2], document)
        return TypeEntry(
            name=root.get("title"),
            validation=document,
            serialization=_sorted(gtype.json_schema(mode="serialization")),
        )
