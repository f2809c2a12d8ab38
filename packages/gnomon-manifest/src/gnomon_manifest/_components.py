"""Named JSON Schemas for documents and clients, made of the schemas in a manifest, each meaning under one name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from ._manifest import Manifest
from ._model import Handler

__all__ = ["Components", "Mode", "mapping", "sequence"]

Mode = Literal["validation", "serialization"]
_LOCAL: Final = "#/$defs/"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _references(schema: Any) -> set[str]:
    """The names of the definitions that a schema refers to."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith(_LOCAL):
                found.add(reference.removeprefix(_LOCAL))
            waiting.extend(node.values())
        elif isinstance(node, (list, tuple)):
            waiting.extend(node)
    return found


def mapping(value: Any) -> Mapping[str, Any]:
    """An object of a schema; a manifest may come from anybody, and then anything may stand there."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: Any) -> Sequence[Any]:
    """An array of a schema; anything else counts as an empty one."""
    return value if isinstance(value, (list, tuple)) else ()


class Components:
    """Collects the definitions of all types of a manifest that are asked for.

    Args:
        manifest: where the types are.
        prefix: what a reference starts with, such as `#/components/schemas/`.
    """

    def __init__(self, manifest: Manifest, *, prefix: str) -> None:
        self.manifest = manifest
        self.prefix = prefix
        self.schemas: dict[str, Any] = {}
        self._names: dict[str, str] = {}

    def prefer(self, handlers: Iterable[Handler]) -> None:
        """Give what requests are made of the plain names; what answers hold is told apart from it."""
        for handler in handlers:
            for digest in (handler.types.body, handler.types.query, handler.types.headers):
                if digest is not None:
                    self.schema(digest, "validation")

    def schema(self, digest: str, mode: Mode) -> Any:
        """The schema of a type, with references to the collected definitions."""
        entry = self.manifest.types[digest]
        document = entry.validation if mode == "validation" else entry.serialization
        if not isinstance(document, Mapping):
            return document
        definitions = mapping(document.get("$defs"))
        body = {key: value for key, value in document.items() if key not in ("$schema", "$defs")}
        if isinstance(body.get("title"), str) and "$ref" not in body:
            return {"$ref": self.prefix + self._put(body["title"], body, definitions, mode)}
        return self._rewritten(body, definitions, mode)

    def resolved(self, digest: str, mode: Mode) -> Any:
        """The schema of a type; one that is only a reference is replaced by what it refers to."""
        schema = self.schema(digest, mode)
        for _ in range(len(self.schemas) + 1):
            reference = schema.get("$ref") if isinstance(schema, Mapping) and len(schema) == 1 else None
            if not isinstance(reference, str):
                break
            schema = self.schemas[reference.removeprefix(self.prefix)]
        return schema

    def _rewritten(self, node: Any, definitions: Mapping[str, Any], mode: Mode) -> Any:
        if isinstance(node, Mapping):
            found = {key: self._rewritten(value, definitions, mode) for key, value in node.items()}
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith(_LOCAL):
                name = reference.removeprefix(_LOCAL)
                found["$ref"] = self.prefix + self._put(name, definitions.get(name, True), definitions, mode)
            return found
        if isinstance(node, (list, tuple)):
            return [self._rewritten(item, definitions, mode) for item in node]
        return node

    def _put(self, name: str, schema: Any, definitions: Mapping[str, Any], mode: Mode) -> str:
        """Keep a definition, and give the name under which it is kept: one meaning has one name."""
        reached: dict[str, Any] = {}
        waiting = _references(schema)
        while waiting:
            inner = waiting.pop()
            if inner not in reached:
                reached[inner] = definitions.get(inner, True)
                waiting |= _references(reached[inner])
        key = _text([name, schema, reached])
        if key not in self._names:
            chosen = self._names[key] = self._free(re.sub(r"[^A-Za-z0-9_]", "_", name), mode)
            self.schemas[chosen] = {}
            self.schemas[chosen] = self._rewritten(schema, definitions, mode)
        return self._names[key]

    def _free(self, name: str, mode: Mode) -> str:
        candidate = f"_{name}" if not name or name[0].isdigit() else name
        if candidate in self.schemas and mode == "serialization":
            candidate = f"{candidate}Output"
        number = 2
        base = candidate
        while candidate in self.schemas:
            candidate, number = f"{base}{number}", number + 1
        return candidate
