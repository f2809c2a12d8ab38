"""How the interpreter reads each node with children.

Longer than most modules: one function per class of node, and they call each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic_core import ValidationError as CoreValidationError
from pydantic_core import to_json

from gnomon_gtype import _checks as checks
from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._describe import count, describe, one_of
from gnomon_gtype._interpret import REFUSED, Path, Reading, reader
from gnomon_gtype._patterns import found_in
from gnomon_gtype._problems import HIDDEN, shown
from gnomon_gtype._read_scalars import _lengthy
from gnomon_gtype._schema import UNSET, Schema
from gnomon_gtype._sensitive import holds_sensitive
from gnomon_gtype._unions import preferred


def _items_of(reading: Reading, node: c.Array, value: Any) -> list[Any] | None:
    if reading.json:
        return list(value) if isinstance(value, list) else None
    if node.container == "list":
        good = isinstance(value, list)
    elif node.container == "tuple":
        good = isinstance(value, tuple)
    elif node.container == "sequence":
        good = isinstance(value, (list, tuple))
    else:
        assert node.cls is not None
        good = isinstance(value, node.cls)
    if not good:
        return None
    return list(list.__iter__(value) if issubclass(type(value), list) else tuple.__iter__(value))


def _nodes_for(node: c.Array, length: int) -> Iterator[Schema]:
    """One node per item of a sequence of an accepted length; shorter where no node is left."""
    middle = max(0, length - len(node.suffix))
    for index in range(length):
        if index < len(node.prefix):
            yield node.prefix[index]
        elif node.suffix and index >= max(middle, len(node.prefix)):
            yield node.suffix[index - max(middle, len(node.prefix))]
        elif node.rest is not None:
            yield node.rest
        else:
            return


@reader(c.Array)
def _array(reading: Reading, node: c.Array, value: Any, path: Path) -> Any:
    items = _items_of(reading, node, value)
    if items is None:
        return reading.wrong_type(node, value, path)
    with reading.inside(node, value, path) as going:
        if not going:
            return REFUSED
        good = _check_array_length(reading, node, items, value, path)
        found = []
        for index, (part, item) in enumerate(zip(_nodes_for(node, len(items)), items, strict=False)):
            result = reading.read(part, item, (*path, index))
            good = good and result is not REFUSED
            found.append(result)
        good = _check_unique(reading, node, items, path) and good
        good = _check_contains(reading, node, items, value, path) and good
    if not good:
        return REFUSED
    if node.cls is not None:
        return _construct(reading, node, value, path, lambda: node.cls(*found) if node.cls else None)
    as_tuple = node.container == "tuple" or (
        node.container == "sequence" and not issubclass(type(value), list)
    )
    return tuple(found) if as_tuple else found


def _check_array_length(reading: Reading, node: c.Array, items: list[Any], value: Any, path: Path) -> bool:
    low, high = node.shortest, node.longest
    if len(items) < low:
        wanted = f"at least {count(low, 'item')}" if high != low else f"exactly {count(low, 'item')}"
        message = f"Expected {wanted}{reading.found(len(items))}."
        reading.refuse(node, path, "too_short", message, value, expected=wanted, limit=low)
        return False
    if high is not None and len(items) > high:
        wanted = f"at most {count(high, 'item')}" if high != low else f"exactly {count(low, 'item')}"
        message = f"Expected {wanted}{reading.found(len(items))}."
        reading.refuse(node, path, "too_long", message, value, expected=wanted, limit=high)
        return False
    return True


def _check_unique(reading: Reading, node: c.Array, items: list[Any], path: Path) -> bool:
    if not node.unique:
        return True
    first: dict[object, int] = {}
    good = True
    for index, item in enumerate(items):
        before = first.setdefault(checks.json_key(item), index)
        if before != index:
            message = f"The item is equal to item {before}, and items must differ."
            reading.refuse(
                node, (*path, index), "duplicate_item", message, item, expected="items that differ"
            )
            good = False
    return good


def _check_contains(reading: Reading, node: c.Array, items: list[Any], value: Any, path: Path) -> bool:
    good = True
    for part, low, high in node.contains:
        number = sum(reading.attempt(part, item, path)[0] is not REFUSED for item in items)
        if number < low or (high is not None and number > high):
            bounds = f"at least {low}" if number < low else f"at most {high}"
            wanted = f"{bounds} of the items to be {describe(part, channel=reading.channel)}"
            reading.refuse(
                node, path, "contains", f"Expected {wanted}{reading.found(number)}.", value, expected=wanted
            )
            good = False
    return good


def _construct(reading: Reading, node: Schema, value: Any, path: Path, make: Any) -> Any:
    try:
        with reading.application():
            return make()
    except (ValueError, AssertionError) as error:
        return reading.refuse(node, path, "refused", _said(error, reading), value)


def _said(error: BaseException, reading: Reading) -> str:
    """What user code said about a refused value, which for a sensitive one might quote it."""
    return (
        "The value is refused."
        if reading.hidden_from is not None
        else (str(error)[:200] or "The value is refused.")
    )


@reader(c.Record)
def _record(reading: Reading, node: c.Record, value: Any, path: Path) -> Any:
    if node.cls is not None and not reading.json:
        if not isinstance(value, node.cls):
            return reading.wrong_type(node, value, path)
        entries = attributes_of(node, value)
    elif isinstance(value, dict):
        entries = _plain_entries(value)
    else:
        return reading.wrong_type(node, value, path)
    with reading.inside(node, value, path) as going:
        if not going:
            return REFUSED
        before = len(reading.problems)
        found = _read_fields(reading, node, entries, path)
        _read_others(reading, node, entries, found, path)
        _check_key_count(reading, node, entries, path)
        if len(reading.problems) > before:
            return REFUSED
    if node.cls is None:
        return found
    return _construct(reading, node, value, path, lambda: _make_dataclass(node, found))


def _plain_entries(value: dict[Any, Any]) -> dict[Any, Any]:
    """The entries under plain keys; a key that has its own idea of equality is wrapped, because no name can be its."""
    return {_Odd(key) if _compares_its_own_way(key) else key: item for key, item in dict.items(value)}


def _compares_its_own_way(key: Any) -> bool:
    return isinstance(key, _Odd) or (isinstance(key, str) and type(key).__eq__ is not str.__eq__)


class _Odd:
    """A key that is text and compares in its own way."""

    def __init__(self, key: Any) -> None:
        self.key = key


def attributes_of(node: c.Record, value: Any) -> dict[Any, Any]:
    """The fields of a dataclass instance that are set."""
    found = {}
    for item in node.fields:
        state = object.__getattribute__(value, item.name) if _has(value, item.name) else UNSET
        if state is not UNSET:
            found[item.name] = state
    return found


def _has(value: Any, name: str) -> bool:
    try:
        object.__getattribute__(value, name)
    except AttributeError:
        return False
    return True


def _make_dataclass(node: c.Record, found: dict[str, Any]) -> Any:
    assert node.cls is not None
    made = node.cls(
        **{item.name: found[item.name] for item in node.fields if item.init and item.name in found}
    )
    for item in node.fields:
        if not item.init and item.name in found:
            object.__setattr__(made, item.name, found[item.name])
    return made


def _read_fields(reading: Reading, node: c.Record, entries: dict[Any, Any], path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in node.fields:
        place = (*path, item.name)
        if not item.init and (reading.json or node.cls is None):
            continue
        if item.name in entries:
            found[item.name] = reading.read(item.schema, entries[item.name], place)
        elif item.required:
            wanted = describe(item.schema, channel=reading.channel)
            problem_of = item.schema if item.schema.meta is not None else node
            reading.refuse(
                problem_of, place, "missing", f"The key is missing; expected {wanted}.", None, expected=wanted
            )
        elif item.default is not UNSET:
            found[item.name] = item.default
        elif item.default_factory is not UNSET:
            with reading.application():
                found[item.name] = item.default_factory()
    return found


def _read_others(
    reading: Reading, node: c.Record, entries: dict[Any, Any], found: dict[str, Any], path: Path
) -> None:
    names = {item.name for item in node.fields if item.init or not reading.json}
    careless = node.extra == "drop" and node.rest is None and node.keys is None and not node.patterns
    secret = node.keys is not None and holds_sensitive(node.keys, reading.definitions)
    for key, item in entries.items():
        if not (isinstance(key, str) and checks.is_unicode(key)):
            if not careless or _compares_its_own_way(key):
                message = "A key of an object is text."
                reading.refuse(node, path, "wrong_key", message, key, expected="text")
            continue
        place = (*path, HIDDEN if secret else key)
        if node.keys is not None:
            _, why = reading.attempt(node.keys, key, place)
            if why:
                message = f"The key is not allowed: {why[0].message}"
                reading.refuse(node, place, "wrong_key", message, key, expected=why[0].expected)
        matched = False
        for pattern, part in node.patterns:
            if found_in(pattern, key):
                matched = True
                result = reading.read(part, item, place)
                if key not in names and node.extra != "drop":
                    found[key] = result
        if key in names or matched:
            continue
        if node.extra == "forbid":
            known = one_of(sorted(map(repr, names))) if names else "no keys"
            reading.refuse(node, place, "unknown_key", "The key is not allowed here.", item, expected=known)
        elif node.rest is not None:
            result = reading.read(node.rest, item, place)
            if node.extra == "keep":
                found[key] = result
        elif node.extra == "keep":
            found[key] = item


def _check_key_count(reading: Reading, node: Any, entries: dict[Any, Any], path: Path) -> None:
    if node.min_length or node.max_length is not None:
        _lengthy(reading, node, entries, path, "key")


@reader(c.Map)
def _map(reading: Reading, node: c.Map, value: Any, path: Path) -> Any:
    if not isinstance(value, dict):
        return reading.wrong_type(node, value, path)
    entries = dict(dict.items(value))
    with reading.inside(node, value, path) as going:
        if not going:
            return REFUSED
        before = len(reading.problems)
        found: dict[Any, Any] = {}
        _check_key_count(reading, node, entries, path)
        secret = holds_sensitive(node.keys, reading.definitions)
        for key, item in entries.items():
            place = (*path, HIDDEN if secret else step_of(key))
            new, why = read_key(reading, node.keys, key, place)
            result = reading.read(node.values, item, place)
            if why:
                message = f"The key is not allowed: {why[0].message}"
                shown_key = HIDDEN if secret else key
                reading.refuse(node, place, "wrong_key", message, shown_key, expected=why[0].expected)
            elif new in found:
                message = "The key is equal to another key."
                shown_key = HIDDEN if secret else key
                reading.refuse(node, place, "duplicate_key", message, shown_key, expected="keys that differ")
            else:
                found[new] = result
        return found if len(reading.problems) == before else REFUSED


def step_of(key: Any) -> str | int:
    """A key as a step of a path."""
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, int) and not isinstance(key, bool) and abs(key) < 1 << 63:
        return int.__int__(key)
    return shown(key)


def read_key(reading: Reading, node: Schema, key: Any, path: Path) -> tuple[Any, tuple[Any, ...]]:
    """A key of a map: from Python as it is, from JSON as the text of the key."""
    if not reading.json:
        return reading.attempt(node, key, path)
    return _key_from_text(reading, node, key, path)


def _key_from_text(reading: Reading, node: Schema, key: str, path: Path) -> tuple[Any, tuple[Any, ...]]:
    if isinstance(node, c.Ref):
        return _key_from_text(reading, reading.definitions[node.name], key, path)
    if isinstance(node, c.Union):
        for member in preferred(node.members, reading.definitions):
            result, why = _key_from_text(reading, member, key, path)
            if not why:
                return result, why
        return reading.attempt(node, key, path)
    problems: tuple[Any, ...] = ()
    for candidate in key_readings(node, key):
        result, problems = reading.attempt(node, candidate, path)
        if not problems:
            return result, problems
    return (REFUSED, problems) if problems else reading.attempt(node, key, path)


def key_readings(node: Schema, key: str) -> Iterator[Any]:
    """What the text of a JSON key may stand for, by the kind of the key node."""
    while isinstance(node, (c.Sensitive, c.Refined)):
        node = node.base
    spoken = isinstance(node, (s.Boolean, s.Null, s.Literal, s.EnumMember)) and key in (
        "true",
        "false",
        "null",
    )
    numeric = isinstance(node, (s.Integer, s.Float, s.Number, s.DecimalNumber, s.Literal, s.EnumMember))
    if isinstance(node, (s.Literal, s.EnumMember, c.Opaque)):
        yield key
    if spoken or (numeric and len(key) < 4300 and found_in(checks.NUMBER_KEY, key)):
        yield json.loads(key)


@reader(c.Set)
def _set(reading: Reading, node: c.Set, value: Any, path: Path) -> Any:
    kind: Any = list if reading.json else (frozenset if node.frozen else set)
    if not isinstance(value, kind):
        return reading.wrong_type(node, value, path)
    items = list(kind.__iter__(value))
    with reading.inside(node, value, path) as going:
        if not going:
            return REFUSED
        before = len(reading.problems)
        found: set[Any] = set()
        _lengthy(reading, node, items, path, "item")
        for index, item in enumerate(items):
            place = (*path, index)
            result = reading.read(node.items, item, place)
            if result is REFUSED:
                continue
            try:
                again = result in found
                found.add(result)
            except Exception:  # an item may raise anything when it is hashed
                message = "An item of a set must be hashable."
                reading.refuse(node, place, "unhashable", message, item, expected="a hashable value")
                continue
            if again:
                message = "The item is there twice, and a set has each item once."
                reading.refuse(node, place, "duplicate_item", message, item, expected="items that differ")
        if len(reading.problems) > before:
            return REFUSED
    return frozenset(found) if node.frozen else found


@reader(c.Intersection)
def _intersection(reading: Reading, node: c.Intersection, value: Any, path: Path) -> Any:
    results = [reading.read(member, value, path) for member in node.members]
    if any(result is REFUSED for result in results):
        return REFUSED
    first = results[0]
    if all(isinstance(result, dict) for result in results):
        merged: dict[Any, Any] = {}
        for result in reversed(results):
            merged.update(result)
        return merged
    return first


@reader(c.Not)
def _not(reading: Reading, node: c.Not, value: Any, path: Path) -> Any:
    _, why = reading.attempt(node.base, value, path)
    if why:
        return value
    return reading.refuse(
        node, path, "excluded", f"Expected {describe(node, channel=reading.channel)}.", value
    )


@reader(c.Sensitive)
def _sensitive(reading: Reading, node: c.Sensitive, value: Any, path: Path) -> Any:
    before = reading.hidden_from
    if before is None:
        reading.hidden_from = len(path)
    try:
        return reading.read(node.base, value, path)
    finally:
        reading.hidden_from = before


@reader(c.Spelled)
def _spelled(reading: Reading, node: c.Spelled, value: Any, path: Path) -> Any:
    if not isinstance(value, str):
        return reading.wrong_type(node, value, path)
    return reading.read(node.base, value, path)


@reader(c.Refined)
def _refined(reading: Reading, node: c.Refined, value: Any, path: Path) -> Any:
    result = reading.read(node.base, value, path)
    if result is REFUSED:
        return REFUSED
    try:
        with reading.application():
            verdict = node.check(result)
    except (ValueError, AssertionError) as error:
        return reading.refuse(node, path, "refused", node.message or _said(error, reading), value)
    if verdict is None or verdict:
        return result
    return reading.refuse(node, path, "refused", node.message or "The value is refused.", value)


@reader(c.Opaque)
def _opaque(reading: Reading, node: c.Opaque, value: Any, path: Path) -> Any:
    from gnomon_gtype._compile import foreign_validator

    validator = foreign_validator(node)
    try:
        with reading.application():
            if reading.json:
                return validator.validate_json(to_json(value))
            return validator.validate_python(value)
    except CoreValidationError as error:
        for line in error.errors(include_url=False, include_context=False):
            place = (*path, *(step_of(part) for part in line["loc"]))
            reading.refuse(node, place, "foreign", f"{line['msg']}.".replace("..", "."), line["input"])
        return REFUSED


@reader(c.Ref)
def _ref(reading: Reading, node: c.Ref, value: Any, path: Path) -> Any:
    return reading.read(reading.definitions[node.name], value, path)


@reader(c.Definitions)
def _definitions(reading: Reading, node: c.Definitions, value: Any, path: Path) -> Any:
    return reading.read(node.root, value, path)
