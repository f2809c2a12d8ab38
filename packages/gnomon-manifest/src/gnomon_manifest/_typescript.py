"""A TypeScript client of a manifest: types, a call for each operation, typed problems; no dependency.

Whatever a manifest says is written as a quoted literal or as a checked identifier, never as it is: a manifest may
come from anybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ._bodies import Form, ItemText, forms_of, is_raw, item_text, streamed
from ._components import Components, mapping, sequence
from ._manifest import Manifest
from ._model import HandlerTypes
from ._operations import Operation, accepted, call_names, operations
from ._plain import one_line
from ._typescript_runtime import RUNTIME

__all__ = ["expression", "typescript_client"]

_DEPTH: Final = 100
_PRIMITIVE: Final = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}
# a type with one of these names would hide what the client is written with
_TAKEN: Final = frozenset(
    [
        "Array",
        "ArrayBuffer",
        "AsyncGenerator",
        "Blob",
        "Client",
        "ClientOptions",
        "Error",
        "Errors",
        "Given",
        "Headers",
        "Problem",
        "ProblemError",
        "Promise",
        "RawBody",
        "ReadableStream",
        "RegExp",
        "Request",
        "RequestInit",
        "Response",
        "String",
        "TextDecoder",
        "URLSearchParams",
        "Uint8Array",
        "Values",
        "any",
        "as",
        "async",
        "await",
        "bigint",
        "boolean",
        "break",
        "case",
        "catch",
        "class",
        "const",
        "continue",
        "debugger",
        "declare",
        "default",
        "delete",
        "do",
        "else",
        "enum",
        "export",
        "extends",
        "false",
        "finally",
        "for",
        "from",
        "function",
        "if",
        "implements",
        "import",
        "in",
        "instanceof",
        "interface",
        "is",
        "keyof",
        "let",
        "module",
        "namespace",
        "never",
        "new",
        "null",
        "number",
        "object",
        "of",
        "package",
        "private",
        "protected",
        "public",
        "readonly",
        "return",
        "require",
        "static",
        "string",
        "super",
        "switch",
        "symbol",
        "this",
        "throw",
        "true",
        "try",
        "type",
        "typeof",
        "undefined",
        "unique",
        "unknown",
        "var",
        "void",
        "while",
        "with",
        "yield",
    ]
)


def _quoted(text: str) -> str:
    """A literal that nothing can end: ASCII, and without the characters that end a comment or a script."""
    return json.dumps(text).replace("/", "\\/").replace("<", "\\u003c")


def _comment(text: str) -> str:
    return one_line(text.replace("*/", "* /").replace("<", "&lt;"))


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", text)


def type_name(name: str) -> str:
    """The name of a definition in TypeScript."""
    found = _identifier(name)
    return f"{found}_" if found in _TAKEN or found.startswith("Problem") else found


def expression(schema: Any, prefix: str, depth: int = _DEPTH) -> str:
    """A JSON Schema as a TypeScript type; what the language can not say becomes wider.

    Args:
        schema: a schema whose references start with `prefix`.
        prefix: what references start with.
        depth: how deep to look; further down everything is `unknown`.
    """
    if schema is False:
        return "never"
    if not isinstance(schema, Mapping) or depth == 0:
        return "unknown"
    parts = [part for part in _parts(schema, prefix, depth - 1) if part != "unknown"]
    return (
        " & ".join(f"({part})" if " | " in part and len(parts) > 1 else part for part in parts) or "unknown"
    )


def _parts(schema: Mapping[str, Any], prefix: str, depth: int) -> list[str]:
    """What each keyword of a schema says; a value has to match all."""
    found: list[str] = []
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(prefix):
        found.append(type_name(reference.removeprefix(prefix)))
    if "const" in schema:
        found.append(_literal(schema["const"]))
    if "enum" in schema:
        found.append(" | ".join(_literal(value) for value in sequence(schema["enum"])) or "never")
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            members = dict.fromkeys(expression(item, prefix, depth) for item in sequence(schema[keyword]))
            found.append("unknown" if "unknown" in members else " | ".join(members) or "never")
    found += [expression(item, prefix, depth) for item in sequence(schema.get("allOf"))]
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else sequence(kinds)
    if kinds and "const" not in schema and "enum" not in schema:
        found.append(" | ".join(dict.fromkeys(_kind(str(kind), schema, prefix, depth) for kind in kinds)))
    return found


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    return json.dumps(value) if value is None or isinstance(value, (bool, int, float)) else "unknown"


def _kind(kind: str, schema: Mapping[str, Any], prefix: str, depth: int) -> str:
    if kind == "array":
        return _array(schema, prefix, depth)
    if kind == "object":
        return _object(schema, prefix, depth)
    return _PRIMITIVE.get(kind, "unknown")


def _array(schema: Mapping[str, Any], prefix: str, depth: int) -> str:
    first = [expression(item, prefix, depth) for item in sequence(schema.get("prefixItems"))]
    rest = schema.get("items", True)
    if not first:
        return f"Array<{expression(rest, prefix, depth)}>"
    least = schema.get("minItems")
    needed = least if isinstance(least, int) else 0
    shown = [part if index < needed else f"({part})?" for index, part in enumerate(first)]
    return f"[{', '.join([*shown, *([] if rest is False else [f'...Array<{expression(rest, prefix, depth)}>'])])}]"


def _object(schema: Mapping[str, Any], prefix: str, depth: int) -> str:
    required = sequence(schema.get("required"))
    fields = [
        f"{_quoted(name)}{'' if name in required else '?'}: {expression(inner, prefix, depth)}"
        for name, inner in mapping(schema.get("properties")).items()
    ]
    more = schema.get("additionalProperties")
    if isinstance(more, Mapping) or (more is True and not fields):
        # next to known fields, an index has to allow for all of them
        inner = expression(more, prefix, depth) if not fields else "unknown"
        fields.append(f"[name: string]: {inner}")
    return f"{{ {'; '.join(fields)} }}" if fields else "Record<string, never>" if more is False else "object"


def typescript_client(manifest: Manifest) -> str:
    """Write a client of a manifest in TypeScript, for `fetch`, without a dependency.

    Args:
        manifest: what to write a client of.

    >>> from gnomon_manifest import Manifest, typescript_client
    >>> "export class Client" in typescript_client(Manifest())
    True
    """
    components = Components(manifest, prefix="#/")
    names: set[str] = set()
    methods: list[str] = []
    errors: list[str] = []
    found = list(operations(manifest))
    components.prefer(operation.handler for operation in found)
    for operation in found:
        name = method_name(operation, names)
        methods.append(_method(operation, name, components))
        errors.append(f"  {_quoted(name)}: {_errors(operation, components)};\n")
    types = [
        f"export type {type_name(name)} = {expression(schema, components.prefix)};\n"
        for name, schema in components.schemas.items()
    ]
    head = "// Generated from a manifest; changes are lost when it is generated again.\n\n"
    constructor = (
        "  private readonly options: ClientOptions;\n\n"
        "  constructor(options: ClientOptions) {\n    this.options = options;\n  }\n"
    )
    listed = (
        "\n/** What each call can throw beside failures of the network. */\nexport interface Errors {\n"
        + "".join(errors)
        + "}\n"
    )
    client = "\nexport class Client {\n" + constructor + "".join(methods) + "}\n"
    return head + RUNTIME + "".join(f"\n{part}" for part in types) + listed + client


def method_name(operation: Operation, taken: set[str]) -> str:
    """A name for the call of an operation: the last part of its id, or all of it when that is taken."""
    names = map(_method_identifier, map(_identifier, call_names(operation, len(taken))))
    found = next(name for name in names if name not in taken)
    taken.add(found)
    return found


def _method_identifier(name: str) -> str:
    if not name or name[0].isdigit():
        return f"_{name}"
    return f"{name}_" if name in _TAKEN | {"constructor", "options"} else name


def _errors(operation: Operation, components: Components) -> str:
    """The problems of an operation as a union; a declared body of an error has its type."""
    types = operation.handler.types
    declared = types.responses
    found: list[str] = []
    # beside a stream, an answer of another kind is thrown
    others = {
        status for status in declared if status >= 400 or (types.stream and status not in streamed(types))
    }
    for status in sorted({*operation.errors, *others}):
        digest = declared.get(status)
        body = "ProblemDetails"
        if digest is not None:
            body = expression(components.schema(digest, "serialization"), components.prefix)
            body = f"{body} | ProblemDetails" if status in operation.errors else body
        found.append(f"ProblemError<{status}, {body}>")
    return " | ".join(found)


def _method(operation: Operation, name: str, components: Components) -> str:
    handler, types = operation.handler, operation.handler.types
    prefix = components.prefix
    fields: list[str] = []
    for name_of in dict.fromkeys(name for name, _ in _parameters(operation) if name is not None):
        known = types.params.get(name_of)
        shown = "string" if known is None else expression(components.schema(known, "validation"), prefix)
        fields.append(f"{_quoted(name_of)}: {shown}")
    given = [f"params: {{ {'; '.join(fields)} }}"] if fields else []
    passed: list[str] = []
    raw = is_raw(types)
    body = None if raw else types.body
    for part, digest in (("query", types.query), ("headers", types.headers), ("body", body)):
        if digest is not None:
            schema = components.resolved(digest, "validation")
            optional = "?" if part != "body" and not mapping(schema).get("required") else ""
            given.append(f"{part}{optional}: {expression(components.schema(digest, 'validation'), prefix)}")
            passed.append(part)
    if raw:
        given += ["body?: RawBody", "contentType?: string"]
        passed += ["contentType"]
    optional = "" if any(not part.partition(":")[0].endswith("?") for part in given) else " = {}"
    # an option that is there and undefined is another thing than one that is not there
    passed = [
        f"...(given.{part} === undefined ? {{}} : {{ {part}: given.{part} }})" for part in [*passed, "signal"]
    ]
    passed += ["...(given.body === undefined ? {} : { raw: given.body })"] if raw else []
    text = f"{handler.summary or operation.name}{' @deprecated' if handler.deprecated else ''}"
    taken = f"given: {{ {'; '.join([*given, 'signal?: AbortSignal'])} }}{optional}"
    return "\n".join(
        [
            "",
            f"  /** {_comment(text)} */",
            *_sent(operation, name, taken, ", ".join(passed), components),
            "  }",
            "",
        ]
    )


def _sent(operation: Operation, name: str, taken: str, passed: str, components: Components) -> list[str]:
    """The head of a call, and the statement that sends it."""
    types = operation.handler.types
    good = sorted(status for status in types.responses if 200 <= status < 400)
    accept = _quoted(accepted(operation))
    start = f"this.options, {_quoted(operation.method)}, {_path(operation)}, {accept}"
    if streams := streamed(types) if operation.method != "HEAD" else []:
        item, kind = _item(types, components)
        shown = f"AsyncGenerator<{item}, void, undefined>"
        return [
            f"  {name}({taken}): {shown} {{",
            f"    return items({start}, {json.dumps(streams)}, {_quoted(kind)}, {{ {passed} }}) as {shown};",
        ]
    forms = forms_of(types, components, good)
    answer = "unknown" if operation.method == "HEAD" else _answer(types, forms, good, components)
    return [
        f"  async {name}({taken}): Promise<{answer}> {{",
        f"    return (await call({start}, {json.dumps(good)}, {_quoted(' '.join(forms))}, {{ {passed} }})) as {answer};",
    ]


def _answer(types: HandlerTypes, forms: list[Form], good: list[int], components: Components) -> str:
    """The type of what a call gives."""
    found: dict[str, None] = {}
    for digest in (types.responses[status] for status in good):
        if "json" in forms:
            schema = None if digest is None else components.schema(digest, "serialization")
            found["unknown" if digest is None else expression(schema, components.prefix)] = None
    found |= {shown: None for form, shown in (("text", "string"), ("bytes", "Blob")) if form in forms}
    return "unknown" if "unknown" in found else " | ".join(found) or "unknown"


def _item(types: HandlerTypes, components: Components) -> tuple[str, ItemText]:
    """The type of the items of a stream, and how their text is read."""
    if forms_of(types, components, streamed(types)) == ["bytes"]:
        return "Uint8Array", "any"
    if types.items is None:
        return "unknown", "any"
    shown = expression(components.schema(types.items, "serialization"), components.prefix)
    return shown, item_text(components.resolved(types.items, "serialization"))


def _path(operation: Operation) -> str:
    """The path as an expression: literals and escaped parameters."""
    found: list[str] = []
    for name, rest in _parameters(operation):
        if name is None:
            found.append(_quoted(rest))
            continue
        value = f"given.params[{_quoted(name)}]"
        found.append(f"restOf({value})" if rest == "path" else f"encodeURIComponent(textOf({value}))")
    return " + ".join(found) or '""'


def _parameters(operation: Operation) -> Iterator[tuple[str | None, str]]:
    """The parts of a path: None and literal text, or the name of a parameter and its kind."""
    for index, piece in enumerate(re.split(r"\{([^{}]*)\}", operation.handler.path or "")):
        if index % 2:
            name, _, kind = piece.partition(":")
            yield name, kind
        elif piece:
            yield None, piece
