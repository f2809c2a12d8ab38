"""The types of a handler: annotations of the source, given to `GType`, kept by the digest of their schema."""

from __future__ import annotations

import ast
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Collection,
    Mapping,
)
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, Final
from uuid import UUID

from gnomon_gtype import GType, UnsupportedAnnotation
from gnomon_gtype.schema import Schema

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


# how the runtime takes a body with a type, and any body at all
_JSON: Final = "application/json"
_TYPED: Final = (_JSON, "application/x-www-form-urlencoded", "multipart/form-data")
_ANY: Final = ("*/*",)
# what says that an answer is streamed; its argument is the type of the items
_STREAMS: Final = (AsyncIterator, AsyncIterable, AsyncGenerator)
# what can send a stream, and a body, by what the values may be; with the media type where the source names none
_OF_BYTES: Final = {"stream": "application/octet-stream"}
_OF_ITEMS: Final = {"ndjson": "application/x-ndjson", "events": "text/event-stream"}
_BODY: Final = {"json": _JSON}
_TEXT: Final = {"text": "text/plain"}
_BYTES: Final = {"bytes": "application/octet-stream", "stream": "", "file": ""}
_KINDS: Final = {"string": {"text"}, "literal": {"text"}, "enum": {"text"}, "bytes": {"bytes"}}
_OF_OTHERS: Final = frozenset({"union", "intersection", "refined", "sensitive"})
# these have no body, whatever is declared (RFC 9110, sections 15.3.5 and 15.3.6)
_BODILESS: Final = frozenset({204, 205})


@dataclass(frozen=True, slots=True)
class _Body:
    """What an annotation says of a body.

    Args:
        digest: of the type of the body, or of one item of a stream; None where nothing is checked.
        kinds: which of text and bytes the values may be, which can be sent as they are.
        raw: whether the runtime takes any bytes.
        stream: whether it is a stream.
    """

    digest: str | None = None
    kinds: frozenset[str] = frozenset()
    raw: bool = False
    stream: bool = False

    def media(self, sends: Collection[tuple[str, str]]) -> tuple[str, ...]:
        """The media types in which it can be sent, by what the reachable code calls."""
        if self.stream and self.digest is not None:
            known = _OF_BYTES if self.raw else _OF_ITEMS | (_OF_BYTES if "bytes" in self.kinds else {})
        elif self.stream:
            known = _OF_BYTES | _OF_ITEMS
        elif self.digest is None:
            return ()
        else:
            known = (
                _BODY | (_TEXT if "text" in self.kinds else {}) | (_BYTES if "bytes" in self.kinds else {})
            )
        found = {media for how, media in sends if how in known}
        return tuple(sorted(found or {media for media in known.values() if media}))


class Types:
    """Reads the types of handlers and collects their schemas."""

    def __init__(self, names: Names, reader: Reader) -> None:
        self.names = names
        self.reader = reader
        self.annotations = Annotations(names)
        self.kept: dict[str, GType[Any]] = {}
        self._entries: dict[str, tuple[GType[Any], TypeEntry]] = {}

    def body(self, node: ast.expr, module: Module, *, streams: bool = False) -> _Body:
        """What an annotation says of a body; nothing, and a finding, when it can not be read.

        The types themselves are left in `kept`.

        Args:
            node: the annotation.
            module: where it stands.
            streams: whether it may be a stream, `AsyncIterator[Item]`.
        """
        key = _form(node)
        if key is not None and (known := module.memory.get(("annotation:", key, streams))) is not None:
            body, gtype = known
            if gtype is not None:
                self.kept.setdefault(gtype.schema.digest, gtype)
            return body  # type: ignore[no-any-return]
        try:
            annotation = self.annotations.evaluate(node, module)
            stream = streams and (typing.get_origin(annotation) or annotation) in _STREAMS
            if stream:
                annotation = (*typing.get_args(annotation), Any)[0]
            # nothing is checked where nothing is declared: `Any`, and `None` for no body
            gtype = None if annotation in (None, NoneType, Any) else GType(annotation)
        except NotStatic as error:
            self.reader.not_static(error, "unresolvable_type")
            if error.module is not module:
                self.reader.report(
                    "unresolvable_type", f"the type can not be read: {error.reason}", node, module
                )
            return _Body()
        except UnsupportedAnnotation as error:
            self.reader.report("unresolvable_type", str(error), node, module)
            return _Body()
        digest = None if gtype is None else gtype.schema.digest
        kinds = frozenset[str]() if gtype is None else _kinds(gtype.schema)
        body = _Body(digest, kinds, annotation is bytes, stream)
        if key is not None:
            module.memory["annotation:", key, streams] = (body, gtype)
        if gtype is not None:
            self.kept.setdefault(gtype.schema.digest, gtype)
        return body

    def arguments(self, node: ast.expr | None, module: Module, wanted: str) -> list[TypeExpression] | None:
        """The arguments of `Request[...]`, `Response[...]` or `WebSocket[...]`; None, perhaps with a finding, for anything else."""
        for _ in range(20):
            if node is None:
                return None
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                try:
                    inner = ast.parse(node.value.strip(), mode="eval").body
                except (SyntaxError, ValueError):
                    self.reader.report(
                        "unresolvable_type", f"{node.value!r} is not an expression", node, module
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
            "unresolvable_type",
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
                "unresolvable_type", f"{name} is not the {wanted} of the runtime", node, module
            )
        return None

    def of_handler(
        self,
        declared: Declared,
        sent: Mapping[int, bool],
        sends: Collection[tuple[str, str]],
        *,
        bodiless: bool,
        plain: bool,
    ) -> HandlerTypes:
        """The types of a handler.

        Args:
            declared: the handler.
            sent: the statuses that the reachable code sends, and whether each was raised as an error.
            sends: how the reachable code finishes answers, and in which media type.
            bodiless: whether the handler is seen to answer without a body, and never with one.
            plain: whether the handler is seen to answer with a body and without a status, which is 200 then.
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
        parts = [self.body(item.node, item.module) for item in request[:3]]
        body, query, headers = (*parts, _Body(), _Body(), _Body())[:3]
        messages = self.arguments(annotations.get("ws"), module, "WebSocket") or []
        both = [self.body(item.node, item.module).digest for item in messages[:2]]
        receives, sends_ = (*both, None, None)[:2]
        response = self.arguments(annotations.get("res"), module, "Response") or []
        success = self.body(response[0].node, response[0].module, streams=True) if response else _Body()
        responses: dict[int, _Body] = {
            status: self.body(item.node, item.module)
            for status, item in declared.options["responses"].items()
        }
        good = [status for status, raised in sent.items() if 200 <= status < 400 and not raised]
        named = [status for status in good if status not in _BODILESS and status < 300]
        silent = not named and not bodiless and not any(200 <= status < 400 for status in responses)
        if (plain or silent) and "ws" not in annotations:
            good.append(200)
        for status in good:
            responses.setdefault(status, success if status < 300 and status not in _BODILESS else _Body())
        given = {status: found.media(sends) for status, found in sorted(responses.items())}
        return HandlerTypes(
            params=dict(sorted(self.parameters(declared).items())),
            body=body.digest,
            query=query.digest,
            headers=headers.digest,
            accepts=() if body.digest is None else _ANY if body.raw else _TYPED,
            responses={
                status: None if found.stream else found.digest for status, found in sorted(responses.items())
            },
            media={status: media for status, media in given.items() if media},
            stream=success.stream,
            items=success.digest if success.stream else None,
            receives=receives,
            sends=sends_,
        )

    def parameters(self, declared: Declared) -> dict[str, str]:
        """The types that the path pattern gives to its parameters."""
        found: dict[str, str] = {}
        for part in (declared.path or "").split("{")[1:]:
            name, _, converter = part.partition("}")[0].partition(":")
            if converter not in _PARAMETERS:
                self.reader.report(
                    "invalid_declaration",
                    f"{converter!r} is no type of a path parameter; there are {', '.join(sorted(filter(None, _PARAMETERS)))}",
                    declared.node,
                    declared.module,
                )
                continue
            gtype = _parameter(_PARAMETERS[converter])
            self.kept.setdefault(gtype.schema.digest, gtype)
            found[name] = gtype.schema.digest
        return found

    def entry(self, digest: str, gtype: GType[Any]) -> TypeEntry:
        """The schema of a type, for the manifest."""
        known = self._entries.get(digest)
        if known is None or known[0] is not gtype:
            document = _sorted(gtype.json_schema())
            root = document.get("$defs", {}).get(document.get("$ref", "").rpartition("/")[2], document)
            entry = TypeEntry(
                name=root.get("title"),
                validation=document,
                serialization=_sorted(gtype.json_schema(mode="serialization")),
            )
            known = self._entries[digest] = (gtype, entry)
        return known[1]


def _kinds(schema: Schema) -> frozenset[str]:
    """Which of text and bytes the values of a type may be."""
    if schema.tag in _OF_OTHERS:
        return frozenset().union(*(_kinds(inner) for _, inner in schema.children()))
    return frozenset(_KINDS.get(schema.tag, ()))


@cache
def _parameter(annotation: Any) -> GType[Any]:
    return GType(annotation)


def _form(node: ast.expr) -> Any:
    """A key of an annotation that is made of names, or None: equal keys in one module are one type."""
    kind = node.__class__
    if kind is ast.Name:
        return node.id  # type: ignore[attr-defined]
    if kind is ast.Constant:
        value = node.value  # type: ignore[attr-defined]
        return (value.__class__, value)
    if kind is ast.Attribute:
        inner = (".", node.attr, _form(node.value))  # type: ignore[attr-defined]
    elif kind is ast.Subscript:
        inner = ("[", _form(node.value), _form(node.slice))  # type: ignore[attr-defined]
    elif kind is ast.Tuple:
        inner = (",", *map(_form, node.elts))  # type: ignore[attr-defined]
    else:
        return None
    return None if None in inner else inner
