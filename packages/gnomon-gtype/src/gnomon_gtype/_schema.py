"""The base of every schema node: identity, printing, walking, rebuilding.

A node is a frozen dataclass. Its *digest* is a SHA-256 over its own canonical form and the digests of its children (a
Merkle tree), so equality, hashing and fingerprints cost one pass over the tree and are cached on each node.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

from gnomon_gtype._problems import written


class Unset(enum.Enum):
    """Marks the absence of a default, which `None` could not."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset.UNSET

Form = Any
"""A JSON-serialisable canonical form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What people read about a type. It never changes which values a node accepts, and is no part of equality.

    Args:
        title: a name to print and to put into `$defs`.
        description: a sentence or more.
        examples: values that show what is meant.
        deprecated: true when new code should not use it.
        messages: a problem code to the message to show instead of the standard one.
    """

    title: str | None = None
    description: str | None = None
    examples: tuple[Any, ...] = ()
    deprecated: bool = False
    messages: Mapping[str, str] = field(default_factory=dict)

    def merged(self, other: Meta) -> Meta:
        """`self`, completed and overridden by what `other` says."""
        return Meta(
            title=other.title or self.title,
            description=other.description or self.description,
            examples=other.examples or self.examples,
            deprecated=other.deprecated or self.deprecated,
            messages={**self.messages, **other.messages},
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Schema:
    """One node of a schema tree. The concrete classes are listed in `gnomon_gtype.schema`; there are no others.

    Two nodes are equal when they mean the same: the order of record fields and of union members, and `meta`, do not count.
    """

    tag: ClassVar[str]

    meta: Meta | None = field(default=None, kw_only=True)
    _digest: str | None = field(default=None, init=False)
    _live: frozenset[int] | None = field(default=None, init=False)

    def children(self) -> Iterator[tuple[str, Schema]]:
        """The direct child nodes, each with the step that leads to it (`.name`, `[]`, `[0]`, `{}`, `|0`, `&0`, `#Name`)."""
        return iter(())

    def map_children(self, change: Callable[[Schema], Schema]) -> Self:  # noqa: ARG002 (nodes with children use it)
        """The same node over changed children; `self` when nothing changed."""
        return self

    def walk(self) -> Iterator[tuple[str, Schema]]:
        """Every node of the tree with its path, parents first."""
        stack: list[tuple[str, Schema]] = [("", self)]
        while stack:
            path, node = stack.pop()
            yield path, node
            stack.extend(reversed([(path + step, child) for step, child in node.children()]))

    def with_meta(self, meta: Meta) -> Self:
        """The same node with `meta` merged into what it has."""
        return replace(self, meta=self.meta.merged(meta) if self.meta else meta)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, as 64 hexadecimal digits."""
        known = self._digest
        if known is None:
            known = digest_of([self.tag, self._form()])
            object.__setattr__(self, "_digest", known)
        return known

    def live(self) -> frozenset[int]:
        """The identities of the classes and functions in the tree: what tells two types apart that have one name."""
        known = self._live
        if known is None:
            own = frozenset(id(item) for item in self._references())
            known = own.union(*(child.live() for _, child in self.children()))
            object.__setattr__(self, "_live", known)
        return known

    def layout(self) -> tuple[object, ...]:
        """A key of everything but `meta`, in the order written: equal layouts can share one compiled validator."""
        return (
            type(self),
            *(layout_of(getattr(self, name)) for name in _meant(type(self))),
        )

    def _form(self) -> Form:
        """The canonical form of the node's own arguments, children as digests."""
        return [canonical(getattr(self, name)) for name in _meant(type(self))]

    def _references(self) -> tuple[object, ...]:
        return ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schema):
            return NotImplemented
        return self is other or (self.digest == other.digest and self.live() == other.live())

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        shown = []
        for item in fields(self):
            if item.name in ("_digest", "_live"):
                continue
            value = getattr(self, item.name)
            if not (same_value(value, item.default)):
                shown.append(f"{item.name}={written(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


_UNMEANT = frozenset({"meta", "_digest", "_live"})
_MEANT: dict[type, tuple[str, ...]] = {}


def _meant(kind: type[Schema]) -> tuple[str, ...]:
    """The arguments of a kind of node that say which values it accepts."""
    known = _MEANT.get(kind)
    if known is None:
        known = _MEANT[kind] = tuple(item.name for item in fields(kind) if item.name not in _UNMEANT)
    return known


def kinds_of(tree: Schema) -> set[type[Schema]]:
    """The kinds of node that a tree is made of: most are plain, and a search in them can be left out."""
    found: set[type[Schema]] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        found.add(type(node))
        waiting.extend([child for _, child in node.children()])
    return found


def same_value(left: object, right: object) -> bool:
    """Equal in type and value, so that `1`, `1.0` and `True` stay apart."""
    return left is right or (type(left) is type(right) and left == right)


def digest_of(form: Form) -> str:
    """SHA-256 of the canonical JSON text of `form`."""
    return hashlib.sha256(_CANONICAL_JSON(form).encode("ascii")).hexdigest()


_CANONICAL_JSON = json.JSONEncoder(
    ensure_ascii=True, separators=(",", ":"), sort_keys=True, allow_nan=False
).encode


def qualified_name(item: object) -> str:
    """`module:qualname` of a class or function, the name it is fingerprinted by."""
    return f"{getattr(item, '__module__', '?')}:{getattr(item, '__qualname__', type(item).__qualname__)}"


def canonical(value: object) -> Form:
    """A JSON-serialisable form in which values differ exactly when they mean something different."""
    if isinstance(value, Schema):
        return ["node", value.digest]
    if isinstance(value, tuple):
        return [canonical(item) for item in value]
    if value is None or type(value) in (bool, str):
        return value if not isinstance(value, str) or value.isascii() else ["str", ascii(value)]
    if type(value) is int:
        return ["int", hex(value)]
    if type(value) is float:
        return ["float", value.hex()]
    if type(value) is bytes:
        return ["bytes", value.hex()]
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return [type(value).__name__, value.isoformat()]
    if isinstance(value, datetime.timedelta):
        return ["timedelta", value.days, value.seconds, value.microseconds]
    if isinstance(value, decimal.Decimal):
        return ["decimal", str(value.normalize())]
    if isinstance(value, type) or callable(value):
        return ["ref", qualified_name(value)]
    return ["repr", qualified_name(type(value)), repr(value)]


def layout_of(value: object) -> object:
    """A hashable key of one argument: exact about type, order and identity."""
    if isinstance(value, Schema):
        return value.layout()
    if isinstance(value, tuple):
        return tuple(layout_of(item) for item in value)
    layout = getattr(value, "layout", None)
    if layout is not None and not isinstance(value, type):
        return layout()
    try:
        hash(value)
    except TypeError:
        return (type(value), id(value))
    return (type(value), repr(value) if isinstance(value, float) else value)
