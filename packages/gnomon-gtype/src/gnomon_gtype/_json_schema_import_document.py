"""A JSON Schema document as a set of places: where its schemas stand, what they are called, and where references lead.

Nothing is ever fetched: a reference leads to a place of the document or is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from gnomon_gtype._errors import UnsupportedSchema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

DEEPEST = 48
"""How deep schemas, and the values of `const` and `enum`, may be nested in each other."""

MOST = 50_000
"""How many schemas a document may have, and how many nodes the tree that it becomes."""

ONE = frozenset(
    [
        "items",
        "contains",
        "additionalProperties",
        "propertyNames",
        "not",
        "if",
        "then",
        "else",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentSchema",
    ]
)
MANY = frozenset(("prefixItems", "allOf", "anyOf", "oneOf"))
NAMED = frozenset(("properties", "patternProperties", "dependentSchemas", "$defs", "definitions"))
VALUES = frozenset(("const", "enum", "default", "examples"))

_ANCHOR = re.compile(r"[A-Za-z_][-A-Za-z0-9._]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A schema of a document.

    Args:
        pointer: where it stands (RFC 6901).
        body: what stands there.
        base: the URI that its references are relative to, without a fragment.
        depth: how many schemas it stands in.
    """

    pointer: str
    body: dict[str, Any] | bool
    base: str
    depth: int


def step(pointer: str, *tokens: object) -> str:
    """The pointer to something below `pointer`."""
    return pointer + "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def is_text(value: object) -> bool:
    """Whether a value is text that JSON can carry."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """A few characters of what stands in a document, for a message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    text = repr(value) if not isinstance(value, int) or value.bit_length() < 200 else "a very large number"
    return text if len(text) <= 60 else f"{text[:59]}…"


class Document:
    """The places of a document, and where references lead.

    Raises:
        UnsupportedSchema: something that has to be a schema is none, an identifier is malformed or stands twice, or the
            document is too deep or too large.
    """

    def __init__(self, document: object) -> None:
        self.document = document
        self.places: dict[str, Place] = {}
        self.resources: dict[str, str] = {}
        self.anchors: dict[tuple[str, str], str] = {}
        self.dynamic: dict[str, list[str]] = {}
        if not isinstance(document, (dict, bool)):
            raise UnsupportedSchema(
                "$schema", "", f"a schema is an object or a boolean, not {shown(document)}"
            )
        self.resources[""] = ""
        self._walk(Place("", document, "", 0), identifiers=True)

    def _walk(self, start: Place, *, identifiers: bool) -> None:
        stack = [start]
        while stack:
            place = stack.pop()
            if place.depth > DEEPEST:
                keyword = place.pointer.rpartition("/")[2]
                raise UnsupportedSchema(
                    keyword, place.pointer, f"schemas are nested deeper than {DEEPEST} levels"
                )
            if len(self.places) >= MOST:
                raise UnsupportedSchema("$defs", "", f"the document has more than {MOST} schemas")
            body = place.body
            if isinstance(body, dict):
                place = self._identify(place, body, allowed=identifiers)
                stack.extend(reversed(self._below(place, body)))
            self.places[place.pointer] = place

    def _below(self, place: Place, body: dict[str, Any]) -> list[Place]:
        found = []

        def add(keyword: str, value: object, *tokens: object) -> None:
            if not isinstance(value, (dict, bool)):
                hint = "; items of single positions go to prefixItems" if keyword == "items" else ""
                reason = f"a schema is an object or a boolean, not {shown(value)}{hint}"
                raise UnsupportedSchema(keyword, place.pointer, reason)
            found.append(Place(step(place.pointer, keyword, *tokens), value, place.base, place.depth + 1))

        for keyword, value in body.items():
            if keyword in ONE:
                add(keyword, value)
            elif keyword in MANY:
                if not isinstance(value, list) or not value:
                    reason = (
                        f"it is an array of one schema or more, not {shown(value) if value != [] else '[]'}"
                    )
                    raise UnsupportedSchema(keyword, place.pointer, reason)
                for index, item in enumerate(value):
                    add(keyword, item, index)
            elif keyword in NAMED:
                if not isinstance(value, dict) or not all(map(is_text, value)):
                    reason = f"it is an object whose keys are text and whose values are schemas, not {shown(value)}"
                    raise UnsupportedSchema(keyword, place.pointer, reason)
                for name, item in value.items():
                    add(keyword, item, name)
        return found

    def _identify(self, place: Place, body: dict[str, Any], *, allowed: bool) -> Place:
        """Register what the schema is called; the place with the base that its own `$id` sets."""
        pointer = place.pointer
        if not allowed:
            for keyword in ("$id", "$anchor", "$dynamicAnchor"):
                if keyword in body:
                    raise UnsupportedSchema(keyword, pointer, "it stands where the standard knows no schema")
        if "$id" in body:
            place = Place(pointer, body, self._resource(place, body["$id"]), place.depth)
        if "$schema" in body and body["$schema"] not in (DIALECT, f"{DIALECT}#"):
            reason = f"only {DIALECT} is read, not {shown(body['$schema'])}"
            raise UnsupportedSchema("$schema", pointer, reason)
        for keyword in ("$anchor", "$dynamicAnchor"):
            if keyword in body:
                self._anchor(place, keyword, body[keyword])
        return place

    def _resource(self, place: Place, identifier: object) -> str:
        base, fragment = _join(place.base, str(identifier), place, "$id")
        if not is_text(identifier) or fragment:
            reason = f"it is a URI reference without a fragment, not {shown(identifier)}"
            raise UnsupportedSchema("$id", place.pointer, reason)
        if self.resources.setdefault(base, place.pointer) != place.pointer:
            raise UnsupportedSchema("$id", place.pointer, f"{shown(base)} names two schemas")
        return base

    def _anchor(self, place: Place, keyword: str, name: object) -> None:
        if not isinstance(name, str) or not _ANCHOR.fullmatch(name):
            reason = f"it is a name of letters, digits, '-', '.' and '_', not {shown(name)}"
            raise UnsupportedSchema(keyword, place.pointer, reason)
        if self.anchors.setdefault((place.base, name), place.pointer) != place.pointer:
            raise UnsupportedSchema(keyword, place.pointer, f"{name!r} names two schemas")
        if keyword == "$dynamicAnchor":
            self.dynamic.setdefault(name, []).append(place.pointer)

    def follow(self, place: Place, keyword: str, reference: object) -> Place:
        """The place that a `$ref` or `$dynamicRef` of `place` leads to."""
        if not is_text(reference):
            raise UnsupportedSchema(keyword, place.pointer, f"it is a URI reference, not {shown(reference)}")
        target, fragment = _join(place.base, str(reference), place, keyword)
        if target not in self.resources:
            reason = f"{shown(reference)} is outside of the document, and nothing is ever fetched"
            raise UnsupportedSchema(keyword, place.pointer, reason)
        try:
            fragment = unquote(fragment, errors="strict")
        except UnicodeDecodeError:
            raise self._lost(place, keyword, reference) from None
        if fragment and not fragment.startswith("/"):
            found = self.anchors.get((target, fragment))
            if found is None:
                raise self._lost(place, keyword, reference)
            if keyword == "$dynamicRef" and self.dynamic.get(fragment, [found]) != [found]:
                reason = f"{fragment!r} is a $dynamicAnchor of two schemas, and which is meant changes with the path to it"
                raise UnsupportedSchema(keyword, place.pointer, reason)
            return self.places[found]
        pointer = self.resources[target] + fragment
        return self.places.get(pointer) or self._discover(pointer, place, keyword, reference)

    def _discover(self, pointer: str, place: Place, keyword: str, reference: object) -> Place:
        """The place of a schema under a keyword that the standard does not know, such as `/components/schemas/User`."""
        at: Any = self.document
        known, here = self.places[""], ""
        tokens = pointer.split("/")[1:]
        for token in tokens:
            here = f"{here}/{token}"
            name = token.replace("~1", "/").replace("~0", "~")
            if known.pointer == here.rpartition("/")[0] and name in VALUES:
                raise self._lost(
                    place, keyword, reference, f"leads into the value of {name}, which is no schema"
                )
            if isinstance(at, dict) and name in at and not re.search("~(?![01])", token):
                at = at[name]
            elif isinstance(at, list) and re.fullmatch("0|[1-9][0-9]{0,8}", token) and int(token) < len(at):
                at = at[int(token)]
            else:
                raise self._lost(place, keyword, reference)
            known = self.places.get(here, known)
        if not isinstance(at, (dict, bool)):
            raise self._lost(place, keyword, reference, "leads to something that is no schema")
        self._walk(Place(pointer, at, known.base, known.depth + 1), identifiers=False)
        return self.places[pointer]

    @staticmethod
    def _lost(
        place: Place, keyword: str, reference: object, reason: str = "leads to nothing in the document"
    ) -> UnsupportedSchema:
        return UnsupportedSchema(keyword, place.pointer, f"{shown(reference)} {reason}")


def _join(base: str, reference: str, place: Place, keyword: str) -> tuple[str, str]:
    """A reference as a URI without its fragment, and the fragment."""
    try:
        # urljoin would lose a base such as urn:example:schema
        same = reference.startswith("#") or not reference
        found = urldefrag(base + reference if same else urljoin(base, reference))
    except ValueError as error:
        raise UnsupportedSchema(keyword, place.pointer, f"{shown(reference)} is no URI: {error}") from None
    return found.url, found.fragment
