"""Schema trees into JSON Schema 2020-12.

A document accepts every JSON value that the type accepts. Where JSON Schema has no words for the rest of what a type says (a
function of the user's, a calendar), the document is wider there, and says so in `$comment` unless `format` does. Under `not`
and `maxContains` wider would be narrower, so those are left out then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Literal

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._checks import json_key
from gnomon_gtype._json_schema_emit_foreign import own_document, renamed, used_names
from gnomon_gtype._json_schema_emit_scalars import Doc, jsonable, key_texts, lengths, scalar
from gnomon_gtype._json_schema_import_document import DIALECT
from gnomon_gtype._json_schema_patterns import engine_to_ecma
from gnomon_gtype._schema import UNSET, Meta, Schema

Mode = Literal["validation", "serialization"]


def emit(schema: Schema, mode: Mode) -> dict[str, Any]:
    """The JSON Schema 2020-12 document of a tree.

    Args:
        schema: the tree.
        mode: `validation` for what `validate_json` accepts, `serialization` for what `dump_json` writes.

    >>> emit(s.Integer(minimum=1), "validation")
    {'$schema': 'https://json-schema.org/draft/2020-12/schema', 'type': 'integer', 'minimum': 1}
    """
    if mode not in ("validation", "serialization"):
        raise ValueError(f"mode is 'validation' or 'serialization', not {mode!r}")
    lossy: frozenset[str] = frozenset()
    while True:
        # a definition may be found to be wider than its type only after something negated it
        emitter = _Emitter(schema, output=mode == "serialization", lossy=lossy)
        document = emitter.document()
        if emitter.lossy == lossy:
            return document
        lossy = emitter.lossy


class _Emitter:
    def __init__(self, schema: Schema, *, output: bool, lossy: frozenset[str]) -> None:
        self.output = output
        self.root = schema.root if isinstance(schema, c.Definitions) else schema
        self.known: Mapping[str, Schema] = schema.by_name if isinstance(schema, c.Definitions) else {}
        self.assumed = lossy
        self.lossy = lossy
        self.losses = 0
        self.defs: dict[str, Doc] = {}
        self.names: dict[tuple[str, bool], str] = {}
        self.shared: dict[tuple[int, bool], tuple[str, bool]] = {}
        self.pending: list[tuple[str, Schema, bool]] = []
        self.foreign: dict[int, Doc] = {}

    def document(self) -> Doc:
        """The whole document."""
        top = self.placed(self.root, merged=False)
        while self.pending:
            name, node, merged = self.pending.pop(0)
            before = self.losses
            self.defs[name] = self.placed(node, merged=merged)
            if self.losses > before:
                self.lossy |= {name}
        used = used_names(top, self.defs)
        defs = {"$defs": {name: self.defs[name] for name in sorted(used)}} if used else {}
        return {"$schema": DIALECT, **top, **defs}

    def lose(self, doc: Doc, *said: str) -> None:
        """Record that `doc` is wider than its type, and in words, why."""
        self.losses += 1
        if said:
            doc["$comment"] = "; ".join([*([doc["$comment"]] if "$comment" in doc else []), *said])

    def at(self, node: Schema, *, merged: bool = False) -> Doc:
        """The document of a node below the root: a reference for what has a name of its own."""
        title = _title(node)
        if title is None or not isinstance(node, (c.Record, s.EnumMember)):
            return self.placed(node, merged=merged)
        key = (id(node), merged)
        if key not in self.shared:
            before = self.losses
            doc = self.placed(node, merged=merged)
            self.shared[key] = (self._define(title, doc), self.losses > before)
        name, lossy = self.shared[key]
        self.losses += lossy
        return _reference(name)

    def _define(self, title: str, doc: Doc) -> str:
        """The name under which an equal document stands in `$defs`, put there when there is none."""
        key = json_key(doc)
        for name in self._candidates(title):
            if name not in self.defs:
                self.defs[name] = doc
                return name
            if json_key(self.defs[name]) == key:
                return name
        raise AssertionError("the candidates have no end")  # pragma: no cover - the loop above returns

    @staticmethod
    def _candidates(title: str) -> Iterator[str]:
        plain = re.sub("[^A-Za-z0-9._-]+", "_", title).strip("_") or "Type"
        yield plain
        number = 2
        while True:
            yield f"{plain}_{number}"
            number += 1

    def placed(self, node: Schema, *, merged: bool = False) -> Doc:
        """The document of a node, where it stands."""
        doc = scalar(node, output=self.output, lose=self.lose)
        if doc is None:
            doc = self.composite(node, merged)
        return {**self.annotations(node.meta or Meta(), node), **doc}

    def annotations(self, meta: Meta, node: Schema) -> Doc:
        """What people read."""
        doc: Doc = {}
        title = _title(node)
        if title is not None:
            doc["title"] = title
        if meta.description is not None:
            doc["description"] = meta.description
        if meta.deprecated:
            doc["deprecated"] = True
        examples = [] if self.secret(node) else [_attempt(value) for value in meta.examples]
        if examples and UNSET not in examples:
            doc["examples"] = examples
        return doc

    def secret(self, node: Schema) -> bool:
        """Whether a value of the node may have a sensitive place."""
        parts = [part for _, part in node.walk()]
        if any(isinstance(part, c.Ref) for part in parts):
            parts += [part for tree in self.known.values() for _, part in tree.walk()]
        return any(isinstance(part, c.Sensitive) for part in parts)

    def composite(self, node: Schema, merged: bool) -> Doc:
        """The document of a node with children."""
        if isinstance(node, c.Record):
            return self.record(node, merged)
        if isinstance(node, c.Array):
            return self.array(node)
        if isinstance(node, c.Map):
            return self.map(node)
        if isinstance(node, c.Set):
            return self.set(node)
        if isinstance(node, c.Union):
            return {"anyOf": [self.at(member, merged=merged) for member in node.members]}
        if isinstance(node, c.Intersection):
            return {"allOf": [self.at(member, merged=True) for member in node.members]}
        if isinstance(node, c.Not):
            return self.negated(node)
        if isinstance(node, (c.Sensitive, c.Refined)):
            return self.wrapped(node, merged)
        if isinstance(node, c.Ref):
            return self.reference(node, merged)
        assert isinstance(node, c.Opaque)
        return self.opaque(node)

    def reference(self, node: c.Ref, merged: bool) -> Doc:
        key = (node.name, merged and self.output)
        if key not in self.names:
            taken = set(self.names.values())
            wanted = f"{node.name}_part" if key[1] else node.name
            name = next(
                name for name in self._candidates(wanted) if name not in taken and name not in self.defs
            )
            self.names[key] = name
            self.defs[name] = {}  # keeps the name until its turn comes
            self.pending.append((name, self.known[node.name], key[1]))
        self.losses += self.names[key] in self.assumed
        return _reference(self.names[key])

    def negated(self, node: c.Not) -> Doc:
        before = self.losses
        inner = self.at(node.base, merged=True)
        if (
            self.losses == before and not self.output
        ):  # what is not text in Python may be text once it is written
            return {"not": inner}
        doc: Doc = {}
        self.lose(doc, "some values are excluded that JSON Schema cannot tell")
        return doc

    def native(self, node: Schema) -> bool:
        """Whether values that differ in Python differ when they are written; bytes and text need not.

        Nor need records that lose keys or gain defaults, and integers that become the same float.
        """
        if not self.output:
            return True
        return all(_kept_apart(part) for tree in (node, *self.known.values()) for _, part in tree.walk())

    def wrapped(self, node: c.Sensitive | c.Refined, merged: bool) -> Doc:
        doc = self.at(node.base, merged=merged)
        if isinstance(node, c.Refined):
            doc = dict(doc)
            self.lose(doc, node.message or f"{node.id} decides too")
        return doc

    def opaque(self, node: c.Opaque) -> Doc:
        if id(node.cls) not in self.foreign:
            self.foreign[id(node.cls)] = self._adopted(own_document(node, output=self.output))
        doc = dict(self.foreign[id(node.cls)])
        self.lose(doc, f"{node.id} decides")
        return doc

    def _adopted(self, own: Doc) -> Doc:
        """A document that a class gave, its definitions moved to ours."""
        parts = own.pop("$defs", {})
        names: dict[str, str] = {}
        for name in parts:
            names[name] = next(free for free in self._candidates(name) if free not in self.defs)
            self.defs[names[name]] = {}
        for name, part in parts.items():
            self.defs[names[name]] = renamed(part, names)
        doc = renamed(own, names)
        return _reference(self._define(str(doc["title"]), doc)) if "title" in doc else doc

    def array(self, node: c.Array) -> Doc:
        doc: Doc = {"type": "array"}
        if node.prefix:
            doc["prefixItems"] = [self.at(item) for item in node.prefix]
        if node.suffix:
            assert node.rest is not None
            doc["items"] = self.at(c.union(node.rest, *node.suffix))
            self.lose(doc, f"the types of the last items count from the end: {len(node.suffix)} of them")
        elif node.rest is None and node.prefix:
            doc["items"] = False
        elif node.rest is None:
            doc["maxItems"] = 0
        elif not isinstance(node.rest, s.Anything):
            doc["items"] = self.at(node.rest)
        if node.shortest:
            doc["minItems"] = node.shortest
        if node.max_length is not None:
            doc["maxItems"] = node.max_length
        native = all(self.native(part) for _, part in node.children())
        if node.unique and native:
            doc["uniqueItems"] = True
        elif node.unique:
            self.lose(doc, "the items differ")
        counts = [self.contains(*each, native=native) for each in node.contains]
        if len(counts) == 1:
            doc.update(counts[0])
        elif counts:
            doc["allOf"] = counts
        return doc

    def contains(self, node: Schema, fewest: int, most: int | None, *, native: bool) -> Doc:
        before = self.losses
        doc: Doc = {"contains": self.at(node)}
        if fewest != 1:
            doc["minContains"] = fewest
        if most is not None and (self.losses > before or not native):
            self.lose(doc, f"at most {most} items are such")
        elif most is not None:
            doc["maxContains"] = most
        return doc

    def set(self, node: c.Set) -> Doc:
        doc: Doc = {"type": "array"}
        # a set compares its items as they are written, so floats are no loss; all parts of a date, a UUID are written
        if self.native(node.items) or isinstance(node.items, (s.Float, s.Bytes, s.Uuid, s.Date)):
            doc["uniqueItems"] = True
        if not isinstance(node.items, s.Anything):
            doc["items"] = self.at(node.items)
        doc.update(lengths(node, "Items"))
        if not isinstance(node.items, (s.String, s.Integer)):
            self.lose(doc)  # what is equal in Python, such as 1 and true, may differ in JSON
        return doc

    def map(self, node: c.Map) -> Doc:
        doc: Doc = {"type": "object"}
        keys = self.keys(node.keys, frozenset())
        if keys not in ({}, {"type": "string"}):
            doc["propertyNames"] = keys
        if not isinstance(node.values, s.Anything):
            doc["additionalProperties"] = self.at(node.values)
        return {**doc, **lengths(node, "Properties")}

    def keys(self, node: Schema, above: frozenset[str]) -> Doc:
        """What the keys of a map are as text."""
        if isinstance(node, (c.Sensitive, c.Refined)):
            if isinstance(node, c.Refined):
                self.losses += 1
            return self.keys(node.base, above)
        if isinstance(node, c.Union):
            return {"anyOf": [self.keys(member, above) for member in node.members]}
        if isinstance(node, c.Ref):
            return self.keys(self.known[node.name], above | {node.name}) if node.name not in above else {}
        texts = key_texts(node, lose=self.lose)
        return self.at(node) if texts is None else texts

    def record(self, node: c.Record, merged: bool) -> Doc:
        doc: Doc = {"type": "object"}
        fields = [item for item in node.fields if self.output or item.init]
        if fields:
            doc["properties"] = {item.name: self.field(item) for item in fields}
        required = [
            item.name
            for item in fields
            if item.required or (self.output and (item.has_default or node.cls is not None))
        ]
        if required:
            doc["required"] = required
        patterns = {}
        said_all = True
        for pattern, part in node.patterns:
            translated = engine_to_ecma(pattern)
            if translated is None or translated in patterns:
                said_all = False
                self.lose(doc, f"keys in which {pattern} is found have a type of their own")
            else:
                patterns[translated] = self.at(part)
        if patterns:
            doc["patternProperties"] = patterns
        drops = self.output and node.extra == "drop" and not node.patterns
        if said_all and (node.extra == "forbid" or (drops and not merged)):
            doc["additionalProperties"] = False
        elif said_all and node.rest is not None and not drops:
            doc["additionalProperties"] = self.at(node.rest)
        if node.keys is not None and not drops:
            doc["propertyNames"] = self.at(node.keys)
        if not (self.output and (node.extra == "drop" or any(item.has_default for item in fields))):
            doc.update(lengths(node, "Properties"))
        return doc

    def field(self, item: c.Field) -> Doc:
        doc = self.at(item.schema)
        if item.read_only:
            doc = {**doc, "readOnly": True}
        if item.default is not UNSET and not self.secret(item.schema):
            default = _attempt(item.default)
            if default is not UNSET:
                doc = {**doc, "default": default}
        return doc


_NATIVE = frozenset(
    (
        s.Nothing,
        s.Null,
        s.Boolean,
        s.Integer,
        s.Number,
        s.String,
        c.Array,
        c.Union,
        c.Intersection,
        c.Ref,
    )
)


def _kept_apart(node: Schema) -> bool:
    if isinstance(node, s.Literal):
        return not any(isinstance(value, (bytes, Enum)) for value in node.values)
    if isinstance(node, s.Float):
        limits = (node.minimum, node.maximum)
        return all(limit is not None and abs(limit) <= _EXACT_FLOAT for limit in limits)
    if isinstance(node, c.Record):
        kept = node.extra == "forbid" or (node.extra == "keep" and node.rest is not None)
        return kept and node.cls is None and not any(item.has_default for item in node.fields)
    return type(node) in _NATIVE


_EXACT_FLOAT = 1 << 53


def _reference(name: str) -> Doc:
    return {"$ref": f"#/$defs/{name}"}


def _title(node: Schema) -> str | None:
    """What the node is called: enums have the name of their class."""
    if node.meta is not None and node.meta.title is not None:
        return node.meta.title
    return node.cls.__name__ if isinstance(node, s.EnumMember) else None


def _attempt(value: Any) -> Any:
    """The JSON form of a default or an example, `UNSET` when it has none."""
    try:
        return jsonable(value)
    except ValueError:
        return UNSET
