"""Types from strings alone: query, path and header values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon_gtype import _composites as c
from gnomon_gtype import _scalars as s
from gnomon_gtype._describe import describe
from gnomon_gtype._interpret import REFUSED, Path, Reading, TooManyProblems
from gnomon_gtype._problems import Problem
from gnomon_gtype._read_composites import _check_key_count, _read_others, read_key
from gnomon_gtype._read_unions import Branch, refuse_union
from gnomon_gtype._schema import UNSET, Schema
from gnomon_gtype._unions import resolved

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def read_strings(tree: Schema, value: Any) -> tuple[Any, tuple[Problem, ...]]:
    """The value that strings stand for, or `REFUSED` and all problems."""
    known = tree.by_name if isinstance(tree, c.Definitions) else {}
    reading = Reading("json", known)
    root = tree.root if isinstance(tree, c.Definitions) else tree
    try:
        plain = _made_plain(value)
    except Exception:  # whatever methods of the value's own raise, it is no mapping of strings
        reading.wrong_type(root, value, ())
        return REFUSED, tuple(reading.problems)
    try:
        result = _read(reading, root, plain, ())
    except TooManyProblems:
        result = REFUSED
    return (REFUSED, tuple(reading.problems)) if result is REFUSED else (result, ())


def _made_plain(value: Any) -> Any:
    """Mappings, lists and strings without methods of their own; what is none of these as it is."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {_made_plain(key): _made_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_made_plain(item) for item in value]
    return value


def _read(reading: Reading, node: Schema, value: Any, path: Path) -> Any:
    inner = resolved(node, reading.definitions)
    if isinstance(inner, c.Record) and isinstance(value, Mapping):
        return _read_record(reading, node, inner, value, path)
    many = _takes_many(node, reading.definitions)
    if isinstance(value, str):
        return _read_items(reading, node, [value], path) if many else _read_text(reading, node, value, path)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        if many:
            return _read_items(reading, node, value, path)
        if len(value) == 1:
            return _read_text(reading, node, value[0], path)
        message = f"Expected one value, found {len(value)}."
        return reading.refuse(node, path, "repeated", message, value, expected="one value")
    return reading.wrong_type(node, value, path)


def _takes_many(node: Schema, known: Mapping[str, Schema]) -> bool:
    """Whether a key may be repeated: the type is a list, a tuple or a set, or nothing else but null."""
    inner = resolved(node, known)
    if isinstance(inner, c.Union):
        return any(_takes_many(member, known) for member in inner.members)
    return isinstance(inner, (c.Array, c.Set))


def _read_text(reading: Reading, node: Schema, text: str, path: Path) -> Any:
    if isinstance(resolved(node, reading.definitions), s.Boolean):
        return reading.read(node, _BOOLEANS.get(text, text), path)
    result, why = read_key(reading, node, text, path)
    reading.problems.extend(why)
    return REFUSED if why else result


def _read_items(reading: Reading, node: Schema, texts: list[str], path: Path) -> Any:
    """Each text as its item would read it, then the whole as JSON would be read."""
    inner = resolved(node, reading.definitions)
    if isinstance(inner, c.Union):
        branches: list[Branch] = []
        for member in inner.members:
            result, why = _attempt(reading, member, texts, path)
            if not why:
                return result
            branches.append((member, tuple(why)))
        return refuse_union(reading, inner, texts, path, branches)
    items = [_plain(reading, inner, text, index, len(texts)) for index, text in enumerate(texts)]
    return reading.read(node, items, path)


def _attempt(reading: Reading, node: Schema, texts: list[str], path: Path) -> tuple[Any, list[Problem]]:
    kept, reading.problems = reading.problems, []
    result = _read(reading, node, texts, path)
    found, reading.problems = reading.problems, kept
    return result, found


def _plain(reading: Reading, node: Schema, text: str, index: int, length: int) -> Any:
    """The JSON value that one item stands for: the text itself unless its node reads another kind."""
    from gnomon_gtype._read_composites import _nodes_for, key_readings

    part: Schema | None
    if isinstance(node, c.Set):
        part = node.items
    else:
        assert isinstance(node, c.Array)
        part = next((each for place, each in enumerate(_nodes_for(node, length)) if place == index), None)
    if part is None:
        return text
    options = [part, *(part.members if isinstance(part, c.Union) else ())]
    for option in options:
        inner = resolved(option, reading.definitions)
        readings = (
            [_BOOLEANS[text]]
            if isinstance(inner, s.Boolean) and text in _BOOLEANS
            else key_readings(inner, text)
        )
        for candidate in readings:
            if not reading.attempt(part, candidate, ())[1]:
                return candidate
    return text


def _read_record(
    reading: Reading, node: Schema, record: c.Record, value: Mapping[Any, Any], path: Path
) -> Any:
    entries = dict(value.items())
    before = len(reading.problems)
    found: dict[str, Any] = {}
    for item in record.fields:
        if item.name in entries and item.init:
            found[item.name] = _read(reading, item.schema, entries[item.name], (*path, item.name))
        elif item.init and item.required:
            message = f"The key is missing; expected {describe(item.schema, channel='json')}."
            reading.refuse(item.schema, (*path, item.name), "missing", message, None)
        elif item.default is not UNSET:
            found[item.name] = item.default
        elif item.default_factory is not UNSET:
            found[item.name] = item.default_factory()
    _read_others(reading, record, entries, found, path)
    _check_key_count(reading, record, entries, path)
    if len(reading.problems) > before:
        return REFUSED
    if record.cls is None and node is record:
        return found
    # wrappers around the record and its class look at the whole
    if record.cls is not None:
        from gnomon_gtype._read_composites import _construct, _make_dataclass

        found = _construct(reading, node, value, path, lambda: _make_dataclass(record, found))
    while isinstance(node, c.Refined) and found is not REFUSED:
        checked = c.Refined(s.Anything(), id=node.id, check=node.check, message=node.message, meta=node.meta)
        found = reading.read(checked, found, path)
        node = node.base
    return found
