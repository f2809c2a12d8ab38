"""Schema nodes with children, and the functions that build them in their shortest form.

Longer than most modules: the nodes refer to each other, and their meaning is one idea (stated in `gnomon_gtype.schema`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import reduce
from types import MappingProxyType
from typing import Any, ClassVar, Self
from typing import Literal as OneOf

from gnomon_gtype._errors import SchemaError
from gnomon_gtype._merge import merge
from gnomon_gtype._patterns import check_pattern
from gnomon_gtype._problems import shown, written
from gnomon_gtype._scalars import Anything, Float, Integer, Literal, Nothing, Number, check_length
from gnomon_gtype._schema import UNSET, Form, Schema, canonical, layout_of


def _mapped(nodes: tuple[Schema, ...], change: Callable[[Schema], Schema]) -> tuple[Schema, ...]:
    changed = tuple(change(node) for node in nodes)
    return nodes if all(map(operator.is_, changed, nodes)) else changed


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Array(Schema):
    """Sequences: the items of `prefix`, then any number of `rest`, then the items of `suffix`.

    Args:
        prefix: one node per leading item.
        rest: the node of all further items, `None` when there are none.
        suffix: one node per trailing item; needs `rest` and a complete prefix.
        required: how many items of the prefix must be there; all of them when `None`.
        min_length: fewest items in all.
        max_length: most items in all.
        unique: no two items are equal as JSON values (`1` and `1.0` are equal, `1` and `True` are not).
        contains: `(node, fewest, most)` triples: so many items match the node; `most` may be `None`.
        container: what holds the items in Python: exactly a `list`, exactly a `tuple`, either (`sequence`), or `cls`.
        cls: the class of a `namedtuple` container.
        names: the field names of a `namedtuple` container.
    """

    tag: ClassVar[str] = "array"
    prefix: tuple[Schema, ...] = ()
    rest: Schema | None = None
    suffix: tuple[Schema, ...] = ()
    required: int | None = None
    min_length: int = 0
    max_length: int | None = None
    unique: bool = False
    contains: tuple[tuple[Schema, int, int | None], ...] = ()
    container: OneOf["list", "tuple", "sequence", "namedtuple"] = "list"
    cls: type | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_length(self.min_length, self.max_length)
        for _, fewest, most in self.contains:
            check_length(fewest, most, names=("the fewest of contains", "the most of contains"))
        if self.container not in ("list", "tuple", "sequence", "namedtuple"):
            raise SchemaError(f"container is list, tuple, sequence or namedtuple, not {self.container!r}")
        if (self.container == "namedtuple") != (self.cls is not None) or (
            self.cls is not None and len(self.names) != len(self.prefix)
        ):
            raise SchemaError("a namedtuple array has a class and one name per item, and no other array has")
        required = self.required
        if required is not None and not 0 <= required <= len(self.prefix):
            raise SchemaError(
                f"required is 0 to {len(self.prefix)}, the length of the prefix, not {shown(required)}"
            )
        if self.suffix and (self.rest is None or (required is not None and required < len(self.prefix))):
            raise SchemaError("a suffix needs a rest and a complete prefix")
        if required == len(self.prefix):
            object.__setattr__(self, "required", None)
        lowest = len(self.prefix) + len(self.suffix) if self.required is None else self.required
        if self.min_length <= lowest:
            object.__setattr__(self, "min_length", 0)
        if self.rest is None and self.max_length is not None and self.max_length >= len(self.prefix):
            object.__setattr__(self, "max_length", None)

    @property
    def shortest(self) -> int:
        """Fewest items an accepted sequence has."""
        lowest = len(self.prefix) + len(self.suffix) if self.required is None else self.required
        return max(lowest, self.min_length)

    @property
    def longest(self) -> int | None:
        """Most items an accepted sequence has, `None` for any number."""
        if self.rest is not None:
            return self.max_length
        return len(self.prefix) if self.max_length is None else min(len(self.prefix), self.max_length)

    def children(self) -> Iterator[tuple[str, Schema]]:
        for index, node in enumerate(self.prefix):
            yield f"[{index}]", node
        if self.rest is not None:
            yield "[]", self.rest
        for index, node in enumerate(self.suffix):
            yield f"[-{len(self.suffix) - index}]", node
        for index, (node, _, _) in enumerate(self.contains):
            yield f"[?{index}]", node

    def map_children(self, change: Callable[[Schema], Schema]) -> Self:
        prefix, suffix = _mapped(self.prefix, change), _mapped(self.suffix, change)
        rest = None if self.rest is None else change(self.rest)
        contains = tuple((change(node), low, high) for node, low, high in self.contains)
        same = prefix is self.prefix and suffix is self.suffix and rest is self.rest
        if same and all(new[0] is old[0] for new, old in zip(contains, self.contains, strict=True)):
            return self
        return replace(self, prefix=prefix, rest=rest, suffix=suffix, contains=contains)

    def _references(self) -> tuple[object, ...]:
        return () if self.cls is None else (self.cls,)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Field:
    """One key of a record.

    Args:
        name: the key.
        schema: the node of its value.
        required: whether the key must be there.
        read_only: a promise to type checkers and to JSON Schema; it changes nothing about validation.
        default: the value that a missing key gets; `UNSET` for none.
        default_factory: a function that makes it; `UNSET` for none.
        init: false for a dataclass field that is not given from outside: not read, only written.
        keyword_only: a dataclass field that is not positional.
    """

    name: str
    schema: Schema
    required: bool = True
    read_only: bool = False
    default: Any = UNSET
    default_factory: Any = UNSET
    init: bool = True
    keyword_only: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.schema, Schema):
            raise SchemaError(f"a field has a name and a schema, not {self.name!r} and {self.schema!r}")
        if self.has_default and self.required:
            object.__setattr__(self, "required", False)

    def __repr__(self) -> str:
        shown = [f"name={self.name!r}", f"schema={self.schema!r}"]
        for item in fields(self)[2:]:
            value = getattr(self, item.name)
            if value is not item.default:
                shown.append(f"{item.name}={written(value)}")
        return f"Field({', '.join(shown)})"

    @property
    def has_default(self) -> bool:
        """Whether a missing key gets a value."""
        return self.default is not UNSET or self.default_factory is not UNSET

    def form(self) -> Form:
        """The canonical form: without what only readers see (`read_only`, order)."""
        default = [canonical(self.default)] if self.default is not UNSET else []
        factory = [canonical(self.default_factory)] if self.default_factory is not UNSET else []
        return [self.name, self.schema.digest, self.required, default, factory, self.init]

    def layout(self) -> tuple[object, ...]:
        """The exact key of the field."""
        values = (self.default, self.default_factory)
        return (
            self.name,
            self.schema.layout(),
            self.required,
            self.init,
            self.keyword_only,
            *map(layout_of, values),
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Record(Schema):
    """A `dict` with known keys, or a dataclass instance.

    Args:
        fields: the known keys; no two have one name.
        extra: what happens to an unknown key: `drop` it, `forbid` it, or `keep` it.
        rest: the node of the values of unknown keys, which are then checked; with `drop` or `keep`.
        patterns: `(pattern, node)` pairs: the value of every key in which the pattern is found must match, known or not.
            A key that a pattern is found in is not unknown; unless it is a field too, it is kept or dropped like `extra` says
            (and kept when `extra` is `forbid`).
        keys: a node that every key must match, known or not.
        min_length: fewest keys in the input, unknown ones counted.
        max_length: most keys in the input, unknown ones counted.
        cls: a dataclass to make of it; `None` for a plain `dict`.
    """

    tag: ClassVar[str] = "record"
    fields: tuple[Field, ...] = ()
    extra: OneOf["drop", "forbid", "keep"] = "drop"
    rest: Schema | None = None
    patterns: tuple[tuple[str, Schema], ...] = ()
    keys: Schema | None = None
    min_length: int = 0
    max_length: int | None = None
    cls: type | None = None

    def __post_init__(self) -> None:
        check_length(self.min_length, self.max_length)
        if self.extra not in ("drop", "forbid", "keep"):
            raise SchemaError(f"extra is 'drop', 'forbid' or 'keep', not {self.extra!r}")
        names = [item.name for item in self.fields]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SchemaError(f"the field {twice!r} stands twice in one record")
        if self.rest is not None and self.extra == "forbid":
            raise SchemaError("a record that forbids unknown keys has no rest")
        for pattern, _ in self.patterns:
            check_pattern(pattern)
        plain = not (
            self.rest or self.patterns or self.keys or self.min_length or self.max_length is not None
        )
        if self.cls is not None and not (plain and self.extra in ("drop", "forbid")):
            raise SchemaError(
                "a dataclass has its fields and nothing else: no rest, patterns, keys or lengths, and no extra='keep'"
            )
        if isinstance(self.rest, Anything):
            object.__setattr__(self, "rest", None)

    def field(self, name: str) -> Field | None:
        """The field of that name, if there is one."""
        return next((item for item in self.fields if item.name == name), None)

    def children(self) -> Iterator[tuple[str, Schema]]:
        for item in self.fields:
            yield f".{item.name}", item.schema
        if self.rest is not None:
            yield ".*", self.rest
        for pattern, node in self.patterns:
            yield f"./{pattern}/", node
        if self.keys is not None:
            yield ".~", self.keys

    def map_children(self, change: Callable[[Schema], Schema]) -> Self:
        schemas = [change(item.schema) for item in self.fields]
        rest = None if self.rest is None else change(self.rest)
        patterns = tuple((pattern, change(node)) for pattern, node in self.patterns)
        keys = None if self.keys is None else change(self.keys)
        same = rest is self.rest and keys is self.keys
        same = same and all(new is item.schema for new, item in zip(schemas, self.fields, strict=True))
        if same and all(new[1] is old[1] for new, old in zip(patterns, self.patterns, strict=True)):
            return self
        fields = tuple(replace(item, schema=new) for new, item in zip(schemas, self.fields, strict=True))
        return replace(self, fields=fields, rest=rest, patterns=patterns, keys=keys)

    def _form(self) -> Form:
        fields = sorted((item.form() for item in self.fields), key=operator.itemgetter(0))
        patterns = sorted([pattern, node.digest] for pattern, node in self.patterns)
        others = [
            canonical(item) for item in (self.rest, self.keys, self.min_length, self.max_length, self.cls)
        ]
        return [fields, self.extra, patterns, *others]

    def _references(self) -> tuple[object, ...]:
        factories = (item.default_factory for item in self.fields if item.default_factory is not UNSET)
        return (*factories, *(() if self.cls is None else (self.cls,)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Map(Schema):
    """A `dict` from any number of keys of one type to values of another."""

    tag: ClassVar[str] = "map"
    keys: Schema = field(default_factory=Anything)
    values: Schema = field(default_factory=Anything)
    min_length: int = 0
    max_length: int | None = None

    def __post_init__(self) -> None:
        check_length(self.min_length, self.max_length)

    def children(self) -> Iterator[tuple[str, Schema]]:
        yield "{~}", self.keys
        yield "{}", self.values

    def map_children(self, change: Callable[[Schema], Schema]) -> Self:
        keys, values = change(self.keys), change(self.values)
        return (
            self if keys is self.keys and values is self.values else replace(self, keys=keys, values=values)
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Set(Schema):
    """A `set`, or a `frozenset` when `frozen`; in JSON, an array without duplicates."""

    tag: ClassVar[str] = "set"
    items: Schema = field(default_factory=Anything)
    min_length: int = 0
    max_length: int | None = None
    frozen: bool = False

    def __post_init__(self) -> None:
        check_length(self.min_length, self.max_length)

    def children(self) -> Iterator[tuple[str, Schema]]:
        yield "[]", self.items

    def map_children(self, change: Callable[[Schema], Schema]) -> Self:
        items = change(self.items)
        return self if items is self.items else replace(self, items=items)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Combined(Schema):
    """What unions and intersections share: members whose order does not count."""

    mark: ClassVar[str] = ""
    members: tuple[Schema, ...] = ()

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise SchemaError(f"{type(self).__name__} has two members or more; build it with {self.tag}(...)")

    def children(self) -> Iterator[tuple[str, Schema]]:
        for index, node in enumerate(self.members):
            yield f"{self.mark}{index}", node

    def map_children(self, change: Callable[[Schema], Schema]) -> Self:
        members = _mapped(self.members, change)
        return self if members is self.members else replace(self, members=members)

    def _form(self) -> Form:
        return sorted({node.digest for node in self.members})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Union(_Combined):
    """Values of any member. Build it with `union(...)`, which flattens and removes what is there twice."""

    tag: ClassVar[str] = "union"
    mark: ClassVar[str] = "|"

    @property
    def discriminator(self) -> str | None:
        """The key that alone decides which member a record belongs to, if there is one (see `discriminator_of`)."""
        return discriminator_of(self.members)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Intersection(_Combined):
    """Values of every member. Build it with `intersection(...)`, which flattens and removes what is there twice."""

    tag: ClassVar[str] = "intersection"
    mark: ClassVar[str] = "&"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Wrapper(Schema):
    """What nodes around one other node share."""

    base: Schema

    def children(self) -> Iterator[tuple[str, Schema]]:
        yield "", self.base

    def map_children(self, change: Callable[[Schema], Schema]) -> Self:
        base = change(self.base)
        return self if base is self.base else replace(self, base=base)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Not(_Wrapper):
    """Values that `base` refuses; the value itself is kept as it is."""

    tag: ClassVar[str] = "not"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sensitive(_Wrapper):
    """The values of `base`, which no diagnostic shows and `redact` blanks."""

    tag: ClassVar[str] = "sensitive"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Spelled(_Wrapper):
    """JSON text that stands for a value of `base`, which is a scalar. No type has it: it is what containment asks about in JSON."""

    tag: ClassVar[str] = "spelled"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Refined(_Wrapper):
    """The values of `base` for which a function of the user's is true.

    Args:
        id: the declared identity of the function, which is all that a fingerprint knows about it.
        check: takes the validated value; refuses by returning false or raising `ValueError` or `AssertionError`.
        message: what a problem says.
    """

    tag: ClassVar[str] = "refined"
    id: str
    check: Callable[[Any], object]
    message: str = ""

    def _form(self) -> Form:
        return [self.base.digest, self.id]

    def _references(self) -> tuple[object, ...]:
        return (self.check,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Opaque(Schema):
    """A type that another library describes with a core schema of its own.

    Args:
        id: its declared identity, which is all that a fingerprint knows about it.
        core_schema: what the engine is given.
        cls: the class it stands for, where there is one.
    """

    tag: ClassVar[str] = "opaque"
    id: str
    core_schema: Mapping[str, Any] = field(default_factory=dict)
    cls: type | None = None

    def _form(self) -> Form:
        return [self.id]

    def _references(self) -> tuple[object, ...]:
        return (self.core_schema if self.cls is None else self.cls,)

    def layout(self) -> tuple[object, ...]:
        return (Opaque, self.id, self.cls if self.cls is not None else layout_of(self.core_schema))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ref(Schema):
    """The definition of that name in the `Definitions` at the root."""

    tag: ClassVar[str] = "ref"
    name: str


_INTEGER, _FLOAT = Integer(), Float()


def union(*members: Schema) -> Schema:
    """The values of any of `members`, in its shortest form: flat, nothing twice, literals together, no `Nothing`."""
    flat: dict[Schema, Schema] = {}
    for member in _flatten(Union, members):
        if not isinstance(member, Nothing):
            flat.setdefault(member, member)
    if _INTEGER in flat and _FLOAT in flat:
        flat = {Number() if node == _INTEGER else node: node for node in flat if node != _FLOAT}
        flat = {node: node for node in flat}
    plain = [node for node in flat if isinstance(node, Literal)]
    if len(plain) > 1:
        merged = Literal(tuple(value for node in plain for value in node.values), meta=plain[0].meta)
        flat = {
            (merged if node is plain[0] else node): node
            for node in flat
            if node is plain[0] or node not in plain
        }
    nodes = tuple(flat)
    if not nodes:
        return Nothing()
    if any(type(node) is Anything for node in nodes):
        return Anything()
    return nodes[0] if len(nodes) == 1 else Union(nodes)


def intersection(*members: Schema) -> Schema:
    """The values of all of `members`: flat, nothing twice, no `Anything`, and one node where two of a kind can be one."""
    nodes: list[Schema] = []
    for member in _flatten(Intersection, members):
        if not isinstance(member, Anything) and member not in nodes:
            nodes = _merged_into(nodes, member)
    if any(isinstance(node, Nothing) for node in nodes):
        return Nothing()
    if not nodes:
        return Anything()
    return nodes[0] if len(nodes) == 1 else Intersection(tuple(nodes))


def _merged_into(nodes: list[Schema], new: Schema) -> list[Schema]:
    for index, node in enumerate(nodes):
        both = merge(node, new)
        if both is not None:
            return [*nodes[:index], both, *nodes[index + 1 :]]
    return [*nodes, new]


def _flatten(kind: type[_Combined], members: Iterable[Schema]) -> Iterator[Schema]:
    for member in members:
        if isinstance(member, kind):
            yield from member.members
        else:
            yield member


def discriminator_of(members: Iterable[Schema]) -> str | None:
    """The key whose literal values tell the records of a union apart, the first in the order of the first record.

    Every member must be a record without `cls` (`Sensitive` around it is looked through) that requires the key, each with
    other string literals.
    """
    return next(iter(discriminators_of(members)), None)


def discriminators_of(members: Iterable[Schema]) -> list[str]:
    """Every key that `discriminator_of` could name."""
    records = [unwrapped(node) for node in members]
    if len(records) < 2 or not all(isinstance(node, Record) and node.cls is None for node in records):
        return []
    tags = [_tags(node) for node in records if isinstance(node, Record)]
    shared = reduce(operator.and_, (set(each) for each in tags))

    def tells_apart(name: str) -> bool:
        return len(set().union(*(each[name] for each in tags))) == sum(len(each[name]) for each in tags)

    return [name for name in tags[0] if name in shared and tells_apart(name)]


def _tags(record: Record) -> dict[str, frozenset[str]]:
    found = {}
    for item in record.fields:
        node = item.schema
        if item.required and isinstance(node, Literal) and all(type(value) is str for value in node.values):
            found[item.name] = frozenset(value for value in node.values if isinstance(value, str))
    return found


def choices_of(node: Union, tag: str) -> Iterator[tuple[Schema, tuple[Any, ...]]]:
    """Each member of a union that `tag` discriminates, with the values there that lead to it."""
    for member in node.members:
        record = unwrapped(member)
        assert isinstance(record, Record)
        item = record.field(tag)
        assert item is not None
        assert isinstance(item.schema, Literal)
        yield member, item.schema.values


def unwrapped(node: Schema) -> Schema:
    """The node inside any `Sensitive` around it."""
    while isinstance(node, Sensitive):
        node = node.base
    return node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Definitions(Schema):
    """A tree that refers back into itself: its root, and the nodes that `Ref`s name. It stands at the root only.

    Build it with `definitions(root, {...})`, which keeps only what is needed. Names carry no meaning: two trees that differ
    in them alone are equal.
    """

    tag: ClassVar[str] = "definitions"
    root: Schema
    definitions: tuple[tuple[str, Schema], ...] = ()

    def __post_init__(self) -> None:
        known = dict(self.definitions)
        if len(known) != len(self.definitions):
            raise SchemaError("a definition of one name stands twice")
        for node in (self.root, *known.values()):
            for path, part in node.walk():
                if isinstance(part, Definitions):
                    raise SchemaError("Definitions stand at the root only; definitions(...) lifts them there")
                if isinstance(part, Ref) and part.name not in known:
                    raise SchemaError(f"{path or 'the root'} refers to {part.name!r}, which is not defined")

    @property
    def by_name(self) -> Mapping[str, Schema]:
        """The definitions as a mapping."""
        return MappingProxyType(dict(self.definitions))

    def children(self) -> Iterator[tuple[str, Schema]]:
        yield "", self.root
        for name, node in self.definitions:
            yield f"#{name}", node

    def map_children(self, change: Callable[[Schema], Schema]) -> Self:
        root = change(self.root)
        changed = tuple((name, change(node)) for name, node in self.definitions)
        same = root is self.root and all(
            new[1] is old[1] for new, old in zip(changed, self.definitions, strict=True)
        )
        return self if same else replace(self, root=root, definitions=changed)

    def _form(self) -> Form:
        from gnomon_gtype._recursion import form_of_definitions  # it needs the nodes of this module

        return form_of_definitions(self)
