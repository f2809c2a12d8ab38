"""JSON Schema 2020-12 into schema trees: every keyword exactly as the standard says, or `UnsupportedSchema`.

Imported types keep what they are given: objects keep every key, numbers stay the `int` or `float` they are. `integer` is
`Number(multiple_of=1)`, which lets `1.0` in; a constant `1` is both spellings of it. Annotations change nothing; `title`,
`description`, `examples` and `deprecated` become `Meta`. A reference becomes a `Ref`, and `definitions` puts in place what does
not recur.
"""

from __future__ import annotations

from typing import Any

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._errors import SchemaError, UnsupportedSchema
from gnomon_gtype._json_schema_import_document import Document, Place, shown, step
from gnomon_gtype._json_schema_import_kinds import BARE, read_constants, read_kinds, read_names
from gnomon_gtype._json_schema_import_rewrite import MOST_MEMBERS, ExactlyOne, rewrite
from gnomon_gtype._json_schema_import_unevaluated import Unevaluated
from gnomon_gtype._recursion import definitions
from gnomon_gtype._schema import Meta, Schema

_OLDER = {
    "additionalItems": "items, beside prefixItems",
    "dependencies": "dependentRequired or dependentSchemas",
    "$recursiveRef": "$dynamicRef",
    "$recursiveAnchor": "$dynamicAnchor",
    "nullable": 'type: [..., "null"]',
}
"""Keywords of older drafts and dialects that 2020-12 does not know: to ignore them would be exact, and not what was meant."""


def read(document: object) -> Schema:
    """The schema tree of a JSON Schema 2020-12 document.

    Args:
        document: the parsed document: a `dict`, or `True` or `False`.

    Raises:
        UnsupportedSchema: a keyword cannot be honoured exactly, is malformed, or refers to something outside.

    The source is JSON Schema 2020-12, core and validation. `format` and the `content` keywords are annotations, as there.

    >>> read({"type": "integer", "minimum": 0})
    Number(minimum=0, multiple_of=1)
    """
    known = Document(document)
    reader = Reader(known)
    try:
        root = reader.read_all()
        top, pool = rewrite(root, reader.pool, reader.pointers)
        return definitions(top, pool)
    except SchemaError as error:
        # the tree's own words about a definition that is only itself; it names it first
        name = next((name for name in reader.pool if f"{name!r} is defined as itself" in str(error)), None)
        pointer = reader.pointers.get(name, "") if name is not None else ""
        raise UnsupportedSchema("$ref", pointer, str(error)) from None
    except RecursionError:
        raise UnsupportedSchema("$ref", "", "the schemas are nested too deeply") from None


class Reader:
    """Reads the places of one document; what references lead to waits in `pending` until the rest is read."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.pool: dict[str, Schema] = {}
        self.names: dict[str, str] = {}
        self.pointers: dict[str, str] = {}
        self.pending: list[tuple[str, Place]] = []
        self.unevaluated = Unevaluated(self)

    def read_all(self) -> Schema:
        """The node of the document, with what its references lead to in `pool`."""
        root = self.read(self.document.places[""])
        while self.pending:
            name, place = self.pending.pop()
            self.pool[name] = self.read(place) if place.pointer else root
        return c.Ref(self.names[""]) if "" in self.names else root

    def child(self, place: Place, keyword: str, *tokens: object) -> Schema:
        """The node of the schema below a keyword of `place`."""
        return self.read(self.below(place, keyword, *tokens))

    def below(self, place: Place, keyword: str, *tokens: object) -> Place:
        """The place below a keyword of `place`."""
        return self.document.places[step(place.pointer, keyword, *tokens)]

    def read(self, place: Place) -> Schema:
        """The node of a place."""
        body = place.body
        if isinstance(body, bool):
            return s.Anything() if body else s.Nothing()
        for keyword, better in _OLDER.items():
            if keyword in body:
                raise UnsupportedSchema(keyword, place.pointer, f"2020-12 does not know it; write {better}")
        return _annotated(c.intersection(*self._parts(place, body)), place, body)

    def _parts(self, place: Place, body: dict[str, Any]) -> list[Schema]:
        """The nodes that a value must match all of."""
        parts = [
            read_kinds(place, body, lambda *below: self.child(place, *below)),
            *read_constants(place, body),
        ]
        parts.extend(self.reference(place, keyword) for keyword in ("$ref", "$dynamicRef") if keyword in body)
        parts.extend(self.members(place, body, "allOf"))
        if "anyOf" in body:
            parts.append(c.union(*self.members(place, body, "anyOf")))
        if "oneOf" in body:
            if len(body["oneOf"]) > MOST_MEMBERS:
                raise UnsupportedSchema("oneOf", place.pointer, f"it has more than {MOST_MEMBERS} schemas")
            members = self.members(place, body, "oneOf")
            parts.append(ExactlyOne(tuple(members)) if len(members) > 1 else members[0])
        if "not" in body:
            parts.append(c.Not(self.child(place, "not")))
        if "if" in body and ("then" in body or "else" in body):
            parts.append(self.conditional(place, body))
        parts.extend(self.dependent_required(place, body))
        parts.extend(
            c.union(lacks(name), self.child(place, "dependentSchemas", name))
            for name in body.get("dependentSchemas", ())
        )
        if "unevaluatedItems" in body or "unevaluatedProperties" in body:
            parts.append(self.unevaluated.node(place, body))
        return parts

    def reference(self, place: Place, keyword: str) -> Schema:
        """A `Ref` to what the keyword leads to."""
        assert isinstance(place.body, dict)
        return self.refer(self.document.follow(place, keyword, place.body[keyword]))

    def refer(self, target: Place) -> Schema:
        """A `Ref` to a place, which is read later."""
        if isinstance(target.body, bool):
            return self.read(target)
        name = self.names.get(target.pointer)
        if name is None:
            name = self._new_name(target.pointer)
            self.names[target.pointer] = name
            self.pointers[name] = target.pointer
            self.pending.append((name, target))
        return c.Ref(name)

    def _new_name(self, pointer: str) -> str:
        last = pointer.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~") or "Root"
        name, number = last, 2
        while name in self.pointers:
            name, number = f"{last}_{number}", number + 1
        return name

    def members(self, place: Place, body: dict[str, Any], keyword: str) -> list[Schema]:
        """The nodes of `allOf`, `anyOf` or `oneOf`."""
        return [self.child(place, keyword, index) for index in range(len(body.get(keyword, ())))]

    def conditional(self, place: Place, body: dict[str, Any]) -> Schema:
        """The node of `if` with `then` and `else`."""
        condition = self.child(place, "if")
        then = self.child(place, "then") if "then" in body else s.Anything()
        other = self.child(place, "else") if "else" in body else s.Anything()
        return c.union(c.intersection(condition, then), c.intersection(c.Not(condition), other))

    def dependent_required(self, place: Place, body: dict[str, Any]) -> list[Schema]:
        """One node for each key of `dependentRequired`."""
        value = body.get("dependentRequired", {})
        if not isinstance(value, dict):
            reason = f"it is an object whose values are arrays of keys, not {shown(value)}"
            raise UnsupportedSchema("dependentRequired", place.pointer, reason)
        read_names(place, "dependentRequired", list(value))
        found = []
        for name, needed in value.items():
            keys = read_names(place, "dependentRequired", needed)
            if keys:
                has = c.Record(tuple(c.Field(name=key, schema=s.Anything()) for key in keys), extra="keep")
                found.append(c.union(lacks(name), has))
        return found


def lacks(name: str) -> Schema:
    """Every value but the objects that have the key `name`."""
    without = c.Record((c.Field(name=name, schema=s.Nothing(), required=False),), extra="keep")
    return c.union(*(node for kind, node in BARE.items() if kind != "object"), without)


def _annotated(node: Schema, place: Place, body: dict[str, Any]) -> Schema:
    """`node` with the annotations that people read."""
    kinds = {"title": str, "description": str, "examples": list, "deprecated": bool}
    found: dict[str, Any] = {}
    for keyword, kind in kinds.items():
        if keyword in body:
            if not isinstance(body[keyword], kind):
                reason = (
                    f"it is {'text' if kind is str else f'a {kind.__name__}'}, not {shown(body[keyword])}"
                )
                raise UnsupportedSchema(keyword, place.pointer, reason)
            found[keyword] = tuple(body[keyword]) if kind is list else body[keyword]
    return node.with_meta(Meta(**found)) if found else node
