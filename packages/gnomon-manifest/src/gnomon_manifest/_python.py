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

from ._components import Components, mapping, sequence
from ._manifest import Manifest
from ._operations import Operation, call_names, operations

__all__ = ["python_client"]

_DEPTH: Final = 100
_PRIMITIVE: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_TAKEN: Final = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "self", "body", "query", "headers"}) | {
    "Any", "AsyncClient", "Client", "Literal", "Mapping", "NamedTuple", "NotRequired", "ProblemError", "TypeAlias",
    "TypedDict", "cast", "httpx", "json", "quote",
}  # fmt: skip
_HEAD: Final = '''\
"""Generated from a manifest; changes are lost when it is generated again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, NotRequired, TypeAlias, TypedDict, cast
from urllib.parse import quote

import httpx

'''
_RUNTIME: Final = '''\
class ProblemError(Exception):
    """An answer that the operation does not declare as a success; `problem` has its JSON (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("title") or f"status {status}")
        self.status = status
        self.problem = problem


class _Call(NamedTuple):
    method: str
    path: str
    success: tuple[int, ...]
    query: Mapping[str, Any] | None = None
    headers: Mapping[str, Any] | None = None
    body: Any = None
    has_body: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again after the connection failed (RFC 9110, section 9.2.2)."""
        return self.method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _part(value: Any) -> str:
    return quote(_text(value), safe="")


def _rest(value: Any) -> str:
    return quote(_text(value), safe="/")


def _options(call: _Call) -> dict[str, Any]:
    found: dict[str, Any] = {"headers": {name: _text(value) for name, value in (call.headers or {}).items()}}
    query = [
        (name, _text(item))
        for name, value in (call.query or {}).items()
        for item in (value if isinstance(value, list) else [value])
    ]
    if query:
        found["params"] = query
    if call.has_body:
        found["content"] = json.dumps(call.body).encode()
        found["headers"]["content-type"] = "application/json"
    return found


def _answer(call: _Call, response: httpx.Response) -> Any:
    if response.status_code in call.success:
        return response.json() if response.content else None
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    raise ProblemError(response.status_code, problem if isinstance(problem, dict) else {})
'''
_CLIENT: Final = '''\
class {name}:
    """Calls the API through a client of httpx, which has its base URL.

    A call that may be repeated is sent again up to `retries` times when the connection fails.
    """

    def __init__(self, http: httpx.{name}, *, retries: int = 0) -> None:
        self._http = http
        self._retries = retries

    {asynchronous}def _send(self, call: _Call) -> Any:
        left = self._retries if call.repeatable else 0
        while True:
            try:
                return _answer(call, {wait}self._http.request(call.method, call.path, **_options(call)))
            except httpx.TransportError:
                if left == 0:
                    raise
                left -= 1
'''


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
    for operation in found:
        _Method(operation, components, set())
    # now every type has its name, and a call of the same name would hide it inside of the client
    names = {_identifier(name) for name in components.schemas}
    methods = [_Method(operation, components, names) for operation in found]
    parts = [
        _HEAD,
        _RUNTIME,
        *(_definition(name, schema, components.prefix) for name, schema in components.schemas.items()),
    ]
    for name, asynchronous, wait in (("Client", "", ""), ("AsyncClient", "async ", "await ")):
        text = _CLIENT.format(name=name, asynchronous=asynchronous, wait=wait)
        parts.append(text + "".join(method.text(asynchronous, wait) for method in methods))
    return "\n".join(parts)


class _Method:
    """One call of the client."""

    def __init__(self, operation: Operation, components: Components, taken: set[str]) -> None:
        self.operation = operation
        self.name = self._free(operation, taken)
        types, prefix = operation.handler.types, components.prefix
        self.passed: list[str] = []
        given: list[str] = []
        if types.body is not None:
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
        self.given = ", ".join(given if given[-1] != "*" else given[:-1])
        self.success = tuple(sorted(status for status in types.responses if 200 <= status < 400))
        digests = [types.responses[status] for status in self.success]
        self.answer = _union(
            "Any" if digest is None else _expression(components.schema(digest, "serialization"), prefix)
            for digest in digests
        )

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

    def text(self, asynchronous: str, wait: str) -> str:
        path = (
            " + ".join(f"{writer}({shown})" if shown else ascii(name) for name, shown, writer in self.places)
            or '""'
        )
        arguments = ", ".join([ascii(self.operation.method), path, repr(self.success), *self.passed])
        given = f", {self.given}" if self.given else ""
        handler = self.operation.handler
        note = " (deprecated)" if handler.deprecated else ""
        return (
            f"\n    {asynchronous}def {self.name}(self{given}) -> {self.answer}:\n"
            f"        {(handler.summary or self.operation.name) + note!a}\n"
            f"        return cast({self.answer!a}, {wait}self._send(_Call({arguments})))\n"
        )
