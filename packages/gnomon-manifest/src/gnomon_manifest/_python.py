"""A Python client of a manifest, on httpx: typed calls, blocking or async (trio and asyncio).

Whatever a manifest says is written as a string literal or as a checked identifier, never as it is: a manifest may
come from anybody.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ._bodies import Form, forms_of, is_raw, item_text, streamed
from ._components import Components, mapping, sequence
from ._manifest import Manifest
from ._model import HandlerTypes
from ._operations import Operation, accepted, call_names, operations
from ._python_runtime import CLIENT, HEAD, RUNTIME

__all__ = ["python_client"]

_DEPTH: Final = 100
_PRIMITIVE: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_TAKEN: Final = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "self", "body", "query", "headers"}) | {
    "Any", "AbstractAsyncContextManager", "AbstractContextManager", "AsyncClient", "AsyncGenerator", "AsyncIterable",
    "AsyncIterator", "Client", "Generator", "Iterable", "Iterator", "Literal", "Mapping", "NamedTuple", "NotRequired",
    "ProblemError", "TypeAlias", "TypedDict", "asynccontextmanager", "cast", "content_type", "contextmanager", "httpx",
    "json", "quote", "re",
}  # fmt: skip
# an argument may hide a builtin, which only annotations are written with
_TAKEN_BY_ARGUMENTS: Final = _TAKEN - frozenset(dir(builtins)) | frozenset(keyword.kwlist)


def _identifier(text: str, taken: frozenset[str] = _TAKEN) -> str:
    found = re.sub(r"[^A-Za-z0-9_]", "_", text)
    found = f"p_{found}" if not found or found[0].isdigit() or found[0] == "_" else found
    return f"{found}_" if found in taken else found


def _expression(schema: Any, prefix: str, depth: int = _DEPTH) -> str:
    """A JSON Schema as a Python type of its JSON; what the language can not say becomes `Any`."""
    if not isinstance(schema, Mapping) or depth == 0:
        return "Any"
    depth -= 1
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(prefix):
        return _identifier(reference.removeprefix(prefix))
    if "const" in schema or "enum" in schema:
        return _union(
            _literal(value)
            for value in ([schema["const"]] if "const" in schema else sequence(schema["enum"]))
        )
    for keyword_ in ("anyOf", "oneOf"):
        if keyword_ in schema:
            return _union(_expression(item, prefix, depth) for item in sequence(schema[keyword_]))
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else sequence(kinds)
    return _union(_kind(kind, schema, prefix, depth) for kind in kinds)


def _union(members: Iterator[str]) -> str:
    found = list(dict.fromkeys(members))
    return "Any" if not found or "Any" in found else " | ".join(found)


def _literal(value: Any) -> str:
    if value is None or isinstance(value, (bool, int)):
        return f"Literal[{value!r}]"
    return f"Literal[{value!a}]" if isinstance(value, str) else "Any"


def _kind(kind: Any, schema: Mapping[str, Any], prefix: str, depth: int) -> str:
    if kind == "array":
        items = [*sequence(schema.get("prefixItems"))]
        if schema.get("items") is not False:
            items.append(schema.get("items", True))
        return f"list[{_union(_expression(item, prefix, depth) for item in items)}]"
    if kind == "object":
        more = schema.get("additionalProperties")
        known = mapping(schema.get("properties"))
        inner = _expression(more, prefix, depth) if isinstance(more, Mapping) and not known else "Any"
        return f"dict[str, {inner}]"
    return _PRIMITIVE.get(kind, "Any") if isinstance(kind, str) else "Any"


def _definition(name: str, schema: Any, prefix: str) -> str:
    shown = _identifier(name)
    if (
        not isinstance(schema, Mapping)
        or schema.get("type") != "object"
        or not mapping(schema.get("properties"))
    ):
        return f"{shown}: TypeAlias = {_expression(schema, prefix)!a}\n"
    required = sequence(schema.get("required"))
    fields = []
    for field, inner in schema["properties"].items():
        kind = _expression(inner, prefix)
        fields.append(f"{field!a}: {kind if field in required else f'NotRequired[{kind}]'!a}")
    return f"{shown} = TypedDict({shown!a}, {{{', '.join(fields)}}})\n"


def python_client(manifest: Manifest) -> str:
    """Write a client of a manifest in Python, for httpx.

    Args:
        manifest: what to write a client of.

    >>> from gnomon_manifest import Manifest, python_client
    >>> "class AsyncClient:" in python_client(Manifest())
    True
    """
    components = Components(manifest, prefix="#/")
    found = list(operations(manifest))
    components.prefer(operation.handler for operation in found)
    for operation in found:
        _Method(operation, components, set())
    # now every type has its name, and a call of the same name would hide it inside of the client
    names = {_identifier(name) for name in components.schemas}
    methods = [_Method(operation, components, names) for operation in found]
    parts = [
        HEAD,
        RUNTIME,
        *(_definition(name, schema, components.prefix) for name, schema in components.schemas.items()),
    ]
    parts += [
        CLIENT.format_map(words) + "".join(method.text(words) for method in methods)
        for words in (_BLOCKING, _ASYNC)
    ]
    return "\n".join(parts)


_BLOCKING: Final = {
    "name": "Client",
    "asynchronous": "",
    "wait": "",
    "kind": "",
    "prefix": "",
    "manager": "contextmanager",
    "given": "Any, None, None",
}
_ASYNC: Final = {
    "name": "AsyncClient",
    "asynchronous": "async ",
    "wait": "await ",
    "kind": "Async",
    "prefix": "a",
    "manager": "asynccontextmanager",
    "given": "Any, None",
}


class _Method:
    """One call of the client."""

    def __init__(self, operation: Operation, components: Components, taken: set[str]) -> None:
        self.operation = operation
        self.name = self._free(operation, taken)
        types, prefix = operation.handler.types, components.prefix
        self.passed: list[str] = []
        given: list[str] = []
        self.raw = is_raw(types)
        if self.raw:
            given.append("body: bytes | {kind}Iterable[bytes] | None = None")
        elif types.body is not None:
            given.append(f"body: {_expression(components.schema(types.body, 'validation'), prefix)}")
        given.append("*")
        self.places = list(self._places(operation.handler.path or ""))
        for name, shown in dict.fromkeys((name, shown) for name, shown, _ in self.places if shown):
            digest = types.params.get(name)
            kind = "str" if digest is None else _expression(components.schema(digest, "validation"), prefix)
            given.append(f"{shown}: {kind}")
        for part, digest in (("query", types.query), ("headers", types.headers)):
            if digest is not None:
                kind = _expression(components.schema(digest, "validation"), prefix)
                needed = mapping(components.resolved(digest, "validation")).get("required")
                given.append(f"{part}: {kind}" if needed else f"{part}: {kind} | None = None")
                # a typed dict is no Mapping[str, Any] to a type checker, and it is one
                self.passed.append(f"{part}=cast(Any, {part})")
        if types.body is not None:
            self.passed.append("body=body, has_body=True")
        if self.raw:
            given.append('content_type: str = "application/octet-stream"')
            self.passed.append("content_type=content_type, raw=True")
        self.given = ", ".join(given if given[-1] != "*" else given[:-1])
        streams = streamed(types) if operation.method != "HEAD" else []
        good = sorted(status for status in types.responses if 200 <= status < 400)
        self.success = tuple(streams or good)
        self.item: str | None = None
        forms = forms_of(types, components, list(self.success))
        self.item_text = "any"
        if streams:
            self.item = "bytes" if forms == ["bytes"] else "Any"
            if types.items is not None and forms != ["bytes"]:
                self.item = _expression(components.schema(types.items, "serialization"), prefix)
                self.item_text = item_text(components.resolved(types.items, "serialization"))
        else:
            self.passed.append(f"forms={tuple(forms)!r}")
        self.answer = "Any" if operation.method == "HEAD" else _answer(types, forms, good, components)

    @staticmethod
    def _free(operation: Operation, taken: set[str]) -> str:
        names = map(_identifier, call_names(operation, len(taken)))
        found = next(name for name in names if name not in taken)
        taken.add(found)
        return found

    @staticmethod
    def _places(path: str) -> Iterator[tuple[str, str, str]]:
        """The parts of a path: literal text without a name, or a parameter with its argument and its writer."""
        known: dict[str, str] = {}
        for index, piece in enumerate(re.split(r"\{([^{}]*)\}", path)):
            name, _, kind = piece.partition(":")
            if index % 2:
                while name not in known:
                    shown = _identifier(name, _TAKEN_BY_ARGUMENTS)
                    known[name] = shown if shown not in known.values() else f"{shown}_{len(known)}"
                yield name, known[name], "_rest" if kind == "path" else "_part"
            elif piece:
                yield piece, "", ""

    def text(self, words: Mapping[str, str]) -> str:
        """The call, in the words of a client that blocks or of one that does not."""
        path = (
            " + ".join(f"{writer}({shown})" if shown else ascii(name) for name, shown, writer in self.places)
            or '""'
        )
        first = [ascii(self.operation.method), path, repr(self.success), ascii(accepted(self.operation))]
        call = f"_Call({', '.join([*first, *self.passed])})"
        # only the type of a body that is sent as it is differs between the two
        taken = self.given.replace("{kind}Iterable", f"{words['kind']}Iterable") if self.raw else self.given
        handler = self.operation.handler
        note = " (deprecated)" if handler.deprecated else ""
        start, answer, made = f"{words['asynchronous']}def", self.answer, f"{words['wait']}self._send({call})"
        if self.item is not None:
            kind = words["kind"]
            start, made = "def", f"self._stream({call}, {self.item_text!a})"
            answer = f"Abstract{kind}ContextManager[{kind}Iterator[{self.item}]]"
        return (
            f"\n    {start} {self.name}(self{f', {taken}' if taken else ''}) -> {answer}:\n"
            f"        {(handler.summary or self.operation.name) + note!a}\n"
            f"        return cast({answer!a}, {made})\n"
        )


def _answer(types: HandlerTypes, forms: list[Form], good: list[int], components: Components) -> str:
    """The type of what a call gives."""
    found: list[str] = []
    if "json" in forms:
        for digest in (types.responses[status] for status in good):
            schema = None if digest is None else components.schema(digest, "serialization")
            found.append("Any" if digest is None else _expression(schema, components.prefix))
    found += [shown for form, shown in (("text", "str"), ("bytes", "bytes")) if form in forms]
    return _union(iter(found))
