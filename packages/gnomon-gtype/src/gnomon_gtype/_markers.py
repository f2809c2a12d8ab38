"""Markers for `Annotated`: constraints, handling of unknown keys, sensitivity, and how each changes a schema node.

Longer than most modules: most of it is the documentation of two dozen small public classes.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Annotated, Any, TypeVar

import annotated_types as at
import typing_extensions as te

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._composites import intersection, union
from gnomon_gtype._errors import SchemaError
from gnomon_gtype._problems import shown
from gnomon_gtype._schema import Meta, Schema, qualified_name

T = TypeVar("T")


class Marker:
    """Base of the markers of this package; a subclass of one's own changes a node in `apply`.

    Markers compare by the types of their arguments as well: `typing` keeps equal annotations in a cache, in which `Min(1)`
    must not stand for `Min(True)`.
    """

    __slots__ = ()

    def _key(self) -> tuple[object, ...]:
        values = [getattr(self, item.name) for item in fields(self)] if is_dataclass(self) else [id(self)]
        return (type(self), *((type(value), value) for value in values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Marker) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def apply(self, node: Schema) -> Schema:
        """The node with this marker on it; raises `SchemaError` where it has no meaning."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Min(Marker):
    """At least this much (`>=`).

    Args:
        limit: a number, or a date, time, datetime or timedelta for those types.
        message: said instead of the standard message.
    """

    limit: Any
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        return _said(_limited(node, "minimum", self.limit, exclusive=False), "too_small", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class Max(Marker):
    """At most this much (`<=`).

    Args:
        limit: a number, or a date, time, datetime or timedelta for those types.
        message: said instead of the standard message.
    """

    limit: Any
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        return _said(_limited(node, "maximum", self.limit, exclusive=False), "too_large", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class Gt(Marker):
    """More than this (`>`).

    Args:
        limit: a number, or a date, time, datetime or timedelta for those types.
        message: said instead of the standard message.
    """

    limit: Any
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        return _said(_limited(node, "minimum", self.limit, exclusive=True), "too_small", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class Lt(Marker):
    """Less than this (`<`).

    Args:
        limit: a number, or a date, time, datetime or timedelta for those types.
        message: said instead of the standard message.
    """

    limit: Any
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        return _said(_limited(node, "maximum", self.limit, exclusive=True), "too_large", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class MultipleOf(Marker):
    """A whole multiple of a number above 0, by decimal value: `0.3` is a multiple of `0.1`.

    Args:
        step: the number.
        message: said instead of the standard message.
    """

    step: int | float | decimal.Decimal
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        return _said(_on_members(node, self._step), "not_multiple", self.message)

    def _step(self, node: Schema) -> Schema:
        if not isinstance(node, (s.Integer, s.Float, s.Number, s.DecimalNumber)):
            raise _misplaced("MultipleOf", node, "numbers")
        step: Any = self.step
        if isinstance(node, s.DecimalNumber) and isinstance(step, (int, float)):
            step = decimal.Decimal(repr(step))
        return intersection(replace(node, multiple_of=None), replace(node, multiple_of=step))


@dataclass(frozen=True, slots=True, eq=False)
class MinLength(Marker):
    """At least so many characters, bytes, items or keys.

    Args:
        length: how many.
        message: said instead of the standard message.
    """

    length: int
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        return _said(_sized(node, self.length, None), "too_short", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class MaxLength(Marker):
    """At most so many characters, bytes, items or keys.

    Args:
        length: how many.
        message: said instead of the standard message.
    """

    length: int
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        return _said(_sized(node, 0, self.length), "too_long", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class Length(Marker):
    """Between two numbers of characters, bytes, items or keys, or exactly one.

    Args:
        shortest: the fewest; with `longest` left out, the exact number.
        longest: the most.
        message: said instead of the standard messages.
    """

    shortest: int
    longest: int | None = None
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        longest = self.shortest if self.longest is None else self.longest
        if longest < self.shortest:
            raise SchemaError(f"nothing has a length of at least {self.shortest} and at most {longest}")
        sized = _sized(node, self.shortest, longest)
        return _said(_said(sized, "too_short", self.message), "too_long", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class Pattern(Marker):
    """Text in which a regular expression is found (write `^…$` to match it whole).

    Args:
        pattern: in the dialect of the Rust `regex` crate: linear time, no look-around.
        message: said instead of the standard message.
    """

    pattern: str
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        def add(part: Schema) -> Schema:
            if not isinstance(part, s.String):
                raise _misplaced("Pattern", part, "text")
            return replace(part, patterns=(*part.patterns, self.pattern))

        return _said(_on_members(node, add), "pattern", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class TextFormat(Marker):
    """Text of a named format.

    Args:
        name: a key of `gnomon_gtype.schema.FORMATS`.
        message: said instead of the standard message.
    """

    name: str
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        def add(part: Schema) -> Schema:
            if not isinstance(part, s.String) or part.format not in (None, self.name):
                raise _misplaced("TextFormat", part, "text without another format")
            return replace(part, format=self.name)

        return _said(_on_members(node, add), "format", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class UniqueItems(Marker):
    """A list or tuple in which no two items are equal as JSON values.

    Args:
        message: said instead of the standard message.
    """

    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        def add(part: Schema) -> Schema:
            if not isinstance(part, c.Array):
                raise _misplaced("UniqueItems", part, "lists and tuples")
            return replace(part, unique=True)

        return _said(_on_members(node, add), "duplicate_item", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class Predicate(Marker):
    """A check of one's own, after all others.

    Args:
        check: gets the validated value; refuses it by returning false or raising `ValueError`.
        message: what the problem says.
        id: the identity that a fingerprint knows the check by: change it when its meaning changes. The module and name of
            the function when left out, which a lambda has not.
    """

    check: Callable[[Any], object]
    message: str | None = None
    id: str | None = None

    def apply(self, node: Schema) -> Schema:
        if not callable(self.check):
            raise SchemaError(f"a Predicate takes a function of the value, not {shown(self.check)}")
        name = self.id
        if name is None:
            name = qualified_name(self.check)
            if "<lambda>" in name:
                raise SchemaError("a Predicate over a lambda needs an id=, because its name says nothing")
        return c.Refined(node, id=name, check=self.check, message=self.message or "")


@dataclass(frozen=True, slots=True, eq=False)
class UnknownKeys(Marker):
    """What a record does with keys that it does not know.

    Args:
        extra: `drop`, `forbid` or `keep`.
        message: said instead of the standard message.
    """

    extra: Any
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        def change(part: Schema) -> Schema:
            if not isinstance(part, c.Record):
                raise _misplaced("UnknownKeys", part, "records")
            return replace(part, extra=self.extra)

        return _said(_on_members(node, change), "unknown_key", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class Hidden(Marker):
    """The value is sensitive: no diagnostic shows it, and `redact` blanks it."""

    def apply(self, node: Schema) -> Schema:
        return node if isinstance(node, c.Sensitive) else c.Sensitive(node, meta=node.meta)


@dataclass(frozen=True, slots=True, eq=False)
class Zone(Marker):
    """Whether a datetime or time has a time zone.

    Args:
        zone: `aware`, `naive` or `any`.
        message: said instead of the standard message.
    """

    zone: Any
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        def change(part: Schema) -> Schema:
            if not isinstance(part, (s.DateTime, s.Time)):
                raise _misplaced("Zone", part, "datetimes and times")
            return replace(part, zone=self.zone)

        return _said(_on_members(node, change), "timezone", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class AllowNonFinite(Marker):
    """A float that may be NaN or infinite, from Python only: JSON has no word for them."""

    def apply(self, node: Schema) -> Schema:
        def change(part: Schema) -> Schema:
            if not isinstance(part, s.Float):
                raise _misplaced("AllowNonFinite", part, "floats")
            return replace(part, finite=False)

        return _on_members(node, change)


@dataclass(frozen=True, slots=True, eq=False)
class Digits(Marker):
    """How precise a `Decimal` may be.

    Args:
        most: most digits in all.
        places: most digits right of the point.
        message: said instead of the standard message.
    """

    most: int | None = None
    places: int | None = None
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        def change(part: Schema) -> Schema:
            if not isinstance(part, s.DecimalNumber):
                raise _misplaced("Digits", part, "Decimal")
            return replace(part, max_digits=self.most, decimal_places=self.places)

        return _said(_on_members(node, change), "precision", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class UuidVersion(Marker):
    """A UUID of one version.

    Args:
        version: 1 to 8.
        message: said instead of the standard message.
    """

    version: int
    message: str | None = None

    def apply(self, node: Schema) -> Schema:
        def change(part: Schema) -> Schema:
            if not isinstance(part, s.Uuid):
                raise _misplaced("UuidVersion", part, "uuid.UUID")
            return replace(part, version=self.version)

        return _said(_on_members(node, change), "format", self.message)


@dataclass(frozen=True, slots=True, eq=False)
class Discriminator(Marker):
    """A promise that one key tells the members of a union apart; it is found without being told, and checked when told.

    Args:
        key: the key, a field of string literals in every member.
    """

    key: str

    def apply(self, node: Schema) -> Schema:
        inner = c.unwrapped(node)
        if not isinstance(inner, c.Union):
            raise _misplaced("Discriminator", node, "unions")
        if inner.discriminator is None or self.key not in c.discriminators_of(inner.members):
            raise SchemaError(
                f"{self.key!r} does not tell the members apart: each must be a record that requires it, with string literals of its own"
            )
        return node


@dataclass(frozen=True, slots=True, eq=False)
class Message(Marker):
    """Says something of one's own instead of the standard messages.

    Args:
        text: what to say.
        code: of which problem; of every problem of this node when left out.
    """

    text: str
    code: str = "*"

    def apply(self, node: Schema) -> Schema:
        return node.with_meta(Meta(messages={self.code: self.text}))


@dataclass(frozen=True, slots=True, eq=False)
class Describe(Marker):
    """What people read about a type; it changes nothing about validation.

    Args:
        description: a sentence or more.
        title: a name.
        examples: values that show what is meant.
        deprecated: true when new code should not use it.
    """

    description: str | None = None
    title: str | None = None
    examples: tuple[Any, ...] = ()
    deprecated: bool = False

    def apply(self, node: Schema) -> Schema:
        meta = Meta(
            title=self.title, description=self.description, examples=self.examples, deprecated=self.deprecated
        )
        return node.with_meta(meta)


Sensitive = Annotated[T, Hidden()]
"""`Sensitive[str]`: text that no diagnostic, snapshot or log shows."""

Closed = Annotated[T, UnknownKeys("forbid")]
"""`Closed[User]`: a record that refuses unknown keys."""

Open = Annotated[T, UnknownKeys("keep")]
"""`Open[User]`: a record that keeps unknown keys."""


def _misplaced(name: str, node: Schema, where: str) -> SchemaError:
    return SchemaError(f"{name} belongs on {where}, not on {type(node).__name__}")


def _said(node: Schema, code: str, message: str | None) -> Schema:
    if message is None:
        return node

    def add(part: Schema) -> Schema:
        return part.with_meta(Meta(messages={code: message}))

    return _on_members(node, add)


def _on_members(node: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """Change the node a marker is meant for: behind wrappers, and each member of a union but `None`."""
    if isinstance(node, (c.Sensitive, c.Refined)):
        return replace(node, base=_on_members(node.base, change))
    if isinstance(node, c.Union):
        changed = [part if isinstance(part, s.Null) else _on_members(part, change) for part in node.members]
        return union(*changed)
    return change(node)


def _limited(node: Schema, name: str, limit: Any, *, exclusive: bool) -> Schema:
    def narrow(part: Schema) -> Schema:
        if isinstance(part, s.Integer):
            return intersection(part, _integer_limit(name, limit, exclusive=exclusive))
        if not isinstance(part, s.Bounded):
            raise _misplaced("a limit", part, "numbers, dates and times")
        value = (
            decimal.Decimal(repr(limit))
            if isinstance(part, s.DecimalNumber) and isinstance(limit, (int, float))
            else limit
        )
        bare: Any = replace(
            part, minimum=None, maximum=None, exclusive_minimum=False, exclusive_maximum=False
        )
        return intersection(part, replace(bare, **{name: value, f"exclusive_{name}": exclusive}))

    return _on_members(node, narrow)


def _integer_limit(name: str, limit: Any, *, exclusive: bool) -> s.Integer:
    if isinstance(limit, bool) or not isinstance(limit, (int, float, decimal.Decimal)) or limit != limit:
        raise SchemaError(f"a limit of an integer is a number, not {limit!r}")
    if name == "minimum":
        return s.Integer(minimum=math.floor(limit) + 1 if exclusive else math.ceil(limit))
    return s.Integer(maximum=math.ceil(limit) - 1 if exclusive else math.floor(limit))


_SIZED = (s.String, s.Bytes, c.Array, c.Map, c.Set, c.Record)


def _sized(node: Schema, shortest: int, longest: int | None) -> Schema:
    def narrow(part: Schema) -> Schema:
        if not isinstance(part, _SIZED):
            raise _misplaced("a length", part, "text, bytes and collections")
        both = [item for item in (longest, part.max_length) if item is not None]
        if isinstance(part, c.Array) and part.rest is None and longest is not None:
            both = [longest]
        low = max(shortest, part.min_length) if type(shortest) is int and shortest >= 0 else shortest
        return replace(part, min_length=low, max_length=min(both) if both else None)

    return _on_members(node, narrow)


def apply_marker(node: Schema, marker: Any) -> Schema | None:
    """The node with one item of `Annotated` metadata applied; `None` when it is not ours to read."""
    if isinstance(marker, Marker):
        return marker.apply(node)
    if isinstance(marker, type) and issubclass(marker, Marker):
        raise SchemaError(f"write {marker.__name__}(...), an instance, not the class")
    if isinstance(marker, re.Pattern):
        return Pattern(marker.pattern).apply(node)
    if te.get_origin(marker) is te.Annotated:
        raise SchemaError(
            "a type stands among the metadata of Annotated, where it would do nothing: write Sensitive[int] for"
            " Annotated[int, Sensitive], and Email alone for Annotated[str, Email]"
        )
    changed = _apply_annotated_type(node, marker)
    # a protocol, and slow to ask
    if changed is None and isinstance(marker, at.GroupedMetadata):
        for part in marker:
            found = apply_marker(node, part)
            node = node if found is None else found
        return node
    return changed


def _apply_annotated_type(node: Schema, marker: Any) -> Schema | None:
    if isinstance(marker, at.Ge):
        return Min(marker.ge).apply(node)
    if isinstance(marker, at.Le):
        return Max(marker.le).apply(node)
    if isinstance(marker, at.Gt):
        return Gt(marker.gt).apply(node)
    if isinstance(marker, at.Lt):
        return Lt(marker.lt).apply(node)
    if isinstance(marker, at.MultipleOf):
        return MultipleOf(marker.multiple_of).apply(node)  # type: ignore[arg-type]
    if isinstance(marker, at.MinLen):
        return MinLength(marker.min_length).apply(node)
    if isinstance(marker, at.MaxLen):
        return MaxLength(marker.max_length).apply(node)
    if isinstance(marker, at.Timezone):
        return _annotated_zone(marker.tz).apply(node)
    if isinstance(marker, at.Predicate):
        return Predicate(marker.func).apply(node)
    if isinstance(marker, (at.DocInfo, te.Doc)):
        return Describe(marker.documentation).apply(node)
    return None


def _annotated_zone(zone: Any) -> Zone:
    if zone is None:
        return Zone("naive")
    if zone is ...:
        return Zone("aware")
    raise SchemaError(
        f"a fixed time zone such as {zone!r} is not supported: use Timezone(...) for any zone, or a Predicate"
    )
