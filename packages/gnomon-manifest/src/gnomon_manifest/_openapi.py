"""OpenAPI 3.1 from a manifest (https://spec.openapis.org/oas/v3.1.0)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from ._bodies import ANY, fits_forms, form_of, in_forms, is_raw, item_text
from ._components import Components, Mode, mapping, sequence
from ._examples import NOTHING, Examples
from ._manifest import Manifest
from ._operations import Operation, operations

__all__ = ["openapi"]

_PROBLEM: Final = {
    "type": "object",
    "description": "Problem details, RFC 9457.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON Pointer (RFC 6901) to the place."},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "expected": {"type": "string"},
                },
                "required": ["pointer", "code", "message"],
            },
        },
    },
    "required": ["status"],
}
# as RFC 9110 has them; older versions of Python have those of its predecessors
_PHRASES: Final = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
# what no schema can say more about; the format is that of the OpenAPI format registry
_BINARY: Final = {"type": "string", "format": "binary"}
_BEARER: Final = {"bearer": {"type": "http", "scheme": "bearer"}}


def phrase(status: int) -> str:
    """The reason phrase of a status, or its number."""
    if status in _PHRASES:
        return _PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def openapi(
    manifest: Manifest,
    *,
    title: str = "API",
    version: str = "0",
    servers: Sequence[str] = (),
    security: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe a manifest in OpenAPI 3.1.

    OpenAPI 3.1 can not describe the items of a stream: `x-itemSchema` has what OpenAPI 3.2 (sequential media types) has
    as `itemSchema`, and the schema, which tools apply to the text or to each item, demands nothing.

    Args:
        manifest: what to describe; websocket handlers have no place in OpenAPI and are left out.
        title: name of the API.
        version: version of the API.
        servers: URLs of servers.
        security: security schemes by name, of which a route with roles needs one; bearer tokens unless given.

    >>> from gnomon_manifest import Manifest, openapi
    >>> openapi(Manifest(), title="Orders", version="1")["info"]
    {'title': 'Orders', 'version': '1'}
    """
    components = Components(manifest, prefix="#/components/schemas/")
    components.schemas["Problem"] = _PROBLEM
    schemes = dict(_BEARER if security is None else security)
    examples = Examples(manifest)
    paths: dict[str, Any] = {}
    protected = False
    found = list(operations(manifest))
    components.prefer(operation.handler for operation in found)
    for operation in found:
        described = _Description(components, examples, operation).operation(sorted(schemes))
        protected = protected or "security" in described
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    document: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": title, "version": version}}
    if servers:
        document["servers"] = [{"url": url} for url in servers]
    document["paths"] = paths
    document["components"] = {"schemas": components.schemas}
    if protected:
        document["components"]["securitySchemes"] = schemes
    return document


class _Description:
    """Describes one operation."""

    def __init__(self, components: Components, examples: Examples, operation: Operation) -> None:
        self.components = components
        self.examples = examples
        self.item = operation
        self.handler = operation.handler

    def operation(self, schemes: Sequence[str]) -> dict[str, Any]:
        handler = self.handler
        found: dict[str, Any] = {"operationId": self.item.name}
        if handler.summary:
            found["summary"] = handler.summary
        if handler.description or isinstance(handler.deprecated, str):
            note = f"Deprecated: {handler.deprecated}" if isinstance(handler.deprecated, str) else ""
            found["description"] = "\n\n".join(part for part in (handler.description, note) if part)
        if handler.tags:
            found["tags"] = list(handler.tags)
        if handler.deprecated:
            found["deprecated"] = True
        if parameters := self.parameters():
            found["parameters"] = parameters
        body = handler.types.body
        if body is not None:
            raw = is_raw(handler.types)
            content = {"application/octet-stream": {"schema": _BINARY}, ANY: {}} if raw else self.taken(body)
            found["requestBody"] = {"required": not raw, "content": content}
        found["responses"] = self.responses()
        if handler.policies.roles:
            found["security"] = [{name: []} for name in schemes]
            found["x-roles"] = list(handler.policies.roles)
        found["x-contract"] = handler.contract
        return found

    def media(self, digest: str, mode: Mode) -> dict[str, Any]:
        found = {"schema": self.components.schema(digest, mode)}
        if (example := self.examples.of(digest, mode)) is not NOTHING:
            found["example"] = example
        return found

    def taken(self, body: str) -> dict[str, Any]:
        """The media types of a body with a type; a form where one can carry it."""
        resolved = self.components.resolved(body, "validation")
        found: dict[str, Any] = {}
        for media in self.handler.types.accepts:
            described = self.media(body, "validation")
            if media == "application/json":
                found[media] = described
            elif fits_forms(resolved):
                # an example with an empty array is none of a form
                form = in_forms(described["schema"], resolved)
                found[media] = (
                    {**described, "schema": form} if form is described["schema"] else {"schema": form}
                )
        return found

    def given(self, status: int, digest: str | None) -> dict[str, Any]:
        """The media types of the declared body of an answer, or of its stream."""
        types = self.handler.types
        found: dict[str, Any] = {}
        for media in types.media.get(status, ()):
            if digest is None:
                found[media] = self.sequence(media, types.items)
                continue
            schema = self.components.resolved(digest, "serialization")
            form = form_of(media, binary="contentEncoding" in mapping(schema), stream=False)
            found[media] = (
                self.media(digest, "serialization")
                if form == "json"
                else {"schema": _BINARY if form == "bytes" else {"type": "string"}}
            )
        return found

    def sequence(self, media: str, items: str | None) -> dict[str, Any]:
        form = form_of(media, binary=False, stream=True)
        if form == "bytes":
            return {"schema": _BINARY}
        item: Any = self.components.schema(items, "serialization") if items is not None else True
        if form == "lines":
            text = "One JSON value in each line; x-itemSchema describes it."
            return {"schema": {"description": text}, "x-itemSchema": item}
        resolved = self.components.resolved(items, "serialization") if items is not None else True
        data: dict[str, Any] = {"type": "string"}
        if item_text(resolved) == "json":
            data |= {"contentMediaType": "application/json", "contentSchema": item}
        elif item_text(resolved) == "text":
            data = item
        event = {
            "type": "object",
            "properties": {
                "data": data,
                "event": {"type": "string"},
                "id": {"type": "string"},
                "retry": {"type": "integer", "minimum": 0},
            },
            "required": ["data"],
        }
        text = "Server-sent events, as the HTML standard has them; x-itemSchema describes each."
        return {"schema": {"description": text}, "x-itemSchema": event}

    def parameters(self) -> list[dict[str, Any]]:
        found = [
            self.parameter(
                name,
                "path",
                self.components.schema(digest, "validation"),
                required=True,
                example=self.examples.of(digest, "validation"),
            )
            for name, digest in self.handler.types.params.items()
        ]
        places = (("query", self.handler.types.query), ("header", self.handler.types.headers))
        for place, digest in places:
            schema = mapping(self.components.resolved(digest, "validation") if digest is not None else None)
            required = sequence(schema.get("required"))
            example = mapping(self.examples.of(digest, "validation")) if digest is not None else {}
            for name, inner in mapping(schema.get("properties")).items():
                shown = example.get(name, NOTHING)
                # a server takes both spellings of a header field, and proxies drop the one with underscores
                field = name.replace("_", "-") if place == "header" else name
                described = self.parameter(field, place, inner, required=name in required, example=shown)
                if text := self.handler.parameters.get(name):
                    described["description"] = text
                found.append(described)
        return found

    def parameter(
        self, name: str, place: str, schema: Any, *, required: bool, example: Any
    ) -> dict[str, Any]:
        found = {"name": name, "in": place, "required": required, "schema": schema}
        if example is not NOTHING:
            found["example"] = example
        if text := self.handler.parameters.get(name):
            found["description"] = text
        return found

    def responses(self) -> dict[str, Any]:
        found: dict[int, Any] = {}
        for status, digest in self.handler.types.responses.items():
            found[status] = {"description": phrase(status)}
            if self.item.method != "HEAD" and (content := self.given(status, digest)):
                found[status]["content"] = content
        for status, codes in self.item.errors.items():
            answer = found.setdefault(status, {"description": phrase(status)})
            content = answer.setdefault("content", {})
            content["application/problem+json"] = self.problem(status, codes)
            if status in (429, 503):
                answer["headers"] = {
                    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}
                }
        return {str(status): found[status] for status in sorted(found)}

    def problem(self, status: int, codes: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
        if codes:
            title = phrase(status)
            found["examples"] = {
                f"{number}": {"value": {"title": title, "status": status, "code": code}}
                for number, code in enumerate(codes, 1)
            }
        return found
