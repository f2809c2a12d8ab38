"""JSON Schema of the nodes without children. `lose(doc, what)` records what a document cannot say and a type does."""

from __future__ import annotations

import base64
import enum
import math
from collections.abc import Callable, Iterable
from typing import Any

from pydantic_core import to_jsonable_python

from gnomon_gtype import _checks as checks
from gnomon_gtype import _scalars as s
from gnomon_gtype._describe import count
from gnomon_gtype._formats import FORMATS
from gnomon_gtype._json_schema_numbers import spellings
from gnomon_gtype._json_schema_patterns import engine_to_ecma
from gnomon_gtype._schema import Schema

Doc = dict[str, Any]
Lose = Callable[..., None]

_DECIMAL_OUT = r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$"
_LARGE = 300
_ZONED = r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"


def scalar(node: Schema, *, output: bool, lose: Lose) -> Doc | None:
    """The document of a node without children; `None` for other nodes."""
    emit = _EMITTERS.get(type(node))
    return None if emit is None else emit(node, output, lose)


def jsonable(value: Any) -> Any:
    """A Python value as JSON writes it; `ValueError` for one that has no JSON form."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    found = to_jsonable_python(value, inf_nan_mode="constants")
    if isinstance(found, float) and not math.isfinite(found):
        raise ValueError("JSON has no word for it")
    return found


def one_of(values: Iterable[Any]) -> Doc:
    """The document of exactly these JSON values."""
    kept: dict[object, Any] = {}
    for value in values:
        kept[checks.json_key(value)] = _shorter(kept.get(checks.json_key(value), value), value)
    found = list(kept.values())
    if not found:
        return {"not": {}}
    return {"const": found[0]} if len(found) == 1 else {"enum": found}


def _shorter(left: Any, right: Any) -> Any:
    """Of two equal JSON values the one that is written shorter: `1` and not `1.0`, but `1e300`."""
    wanted = float if isinstance(left, (int, float)) and abs(left) >= 10**16 else int
    return right if type(right) is wanted else left


def said(limit: Any) -> str:
    """A limit in words; `str` of an integer has a limit of its own."""
    return "a very large number" if isinstance(limit, int) and limit.bit_length() > 2000 else str(limit)


def _numeric(node: s.Integer | s.Float | s.Number, _output: bool, lose: Lose) -> Doc:
    step = node.multiple_of
    whole = isinstance(node, s.Integer) or type(step) is int
    doc: Doc = {"type": "integer" if whole else "number"}
    doc.update(_limits(node))
    if step is not None and step != 1:
        doc["multipleOf"] = step
    if isinstance(node, s.Integer):
        lose(doc)  # 1.0 is an integer to JSON Schema
    return doc


def _limits(node: Any) -> Doc:
    doc = {}
    for name in ("minimum", "maximum"):
        limit = getattr(node, name)
        if limit is not None:
            exclusive = getattr(node, f"exclusive_{name}", False)
            doc[f"exclusive{name.capitalize()}" if exclusive else name] = limit
    return doc


def _decimal(node: s.DecimalNumber, output: bool, lose: Lose) -> Doc:
    texts: Doc = {"type": "string", "pattern": _DECIMAL_OUT if output else checks.DECIMAL}
    numbers: Doc = {"type": "number"}
    limits = _limits(node) | ({} if node.multiple_of is None else {"multipleOf": node.multiple_of})
    for keyword, limit in limits.items():
        if limit.adjusted() > _LARGE:
            continue
        if limit == int(limit):
            numbers[keyword] = int(limit)
        elif checks.json_equal(type(limit)(repr(float(limit))), limit):
            numbers[keyword] = float(limit)
    rest = [f"{keyword} {said(limit)}" for keyword, limit in limits.items()]
    if node.max_digits is not None:
        rest.append(f"at most {count(node.max_digits, 'digit')}")
    if node.decimal_places is not None:
        rest.append(f"at most {count(node.decimal_places, 'decimal place')}")
    doc = texts if output else {"anyOf": [numbers, texts]}
    if rest:
        lose(doc, f"as a decimal number: {', '.join(rest)}")
    return doc


def lengths(node: Any, noun: str) -> Doc:
    """`minItems`, `maxLength` and the like."""
    doc = {}
    if node.min_length:
        doc[f"min{noun}"] = node.min_length
    if node.max_length is not None:
        doc[f"max{noun}"] = node.max_length
    return doc


def _string(node: s.String, _output: bool, lose: Lose) -> Doc:
    if node.format is None:
        doc: Doc = {"type": "string", **lengths(node, "Length")}
        add_patterns(doc, list(node.patterns), lose)
        return doc
    item = FORMATS[node.format]
    longest = [limit for limit in (node.max_length, item.max_length) if limit is not None]
    both = s.String(max(node.min_length, item.min_length), min(longest, default=None))
    doc = {
        "type": "string",
        **_WORDS.get(item.name, {"format": item.standard or item.name}),
        **lengths(both, "Length"),
    }
    if item.check is not None:
        lose(doc, f"it is {item.expected}")
    add_patterns(doc, [pattern for pattern in (item.pattern, *node.patterns) if pattern], lose)
    return doc


_WORDS: dict[str, Doc] = {
    "json": {"contentMediaType": "application/json"},
    "base64": {"contentEncoding": "base64"},
}
"""Formats for which JSON Schema has other keywords than `format`."""


def add_patterns(doc: Doc, patterns: list[str], lose: Lose) -> None:
    """Patterns of the engine as `pattern`, the second and further ones under `allOf`."""
    written = []
    for pattern in patterns:
        translated = engine_to_ecma(pattern)
        if translated is None:
            lose(doc, f"the pattern {pattern}, in the syntax of the Rust regex crate, is found in it")
        else:
            written.append(translated)
    if written:
        doc["pattern"] = written[0]
    if written[1:]:
        doc["allOf"] = [{"pattern": pattern} for pattern in written[1:]]


def _bytes(node: s.Bytes, _output: bool, _lose: Lose) -> Doc:
    doc: Doc = {"type": "string", "contentEncoding": "base64", "pattern": checks.BASE64}
    choices = []
    if node.min_length:
        # n bytes make k groups of four characters, of which the last has p signs of padding
        groups = -(-node.min_length // 3)
        padding = 3 * groups - node.min_length
        doc["minLength"] = 4 * groups
        if padding < 2:
            choices.append([{"minLength": 4 * groups + 1}, {"pattern": "[^=]=?$" if padding else "[^=]$"}])
    if node.max_length is not None:
        groups = -(-node.max_length // 3)
        padding = 3 * groups - node.max_length
        doc["maxLength"] = 4 * groups
        if padding:
            choices.append([{"maxLength": 4 * groups - 1}, {"pattern": f"{'=' * padding}$"}])
    if len(choices) == 1:
        doc["anyOf"] = choices[0]
    elif choices:
        doc["allOf"] = [{"anyOf": choice} for choice in choices]
    return doc


def _literal(node: s.Literal, _output: bool, lose: Lose) -> Doc:
    values = [jsonable(value) for value in node.values]
    doc = one_of(values)
    if _half_spelled(values):
        lose(doc)
    return doc


def _half_spelled(values: list[Any]) -> bool:
    """Whether there is a 1 without 1.0, or the other way round: the two are one number to JSON Schema, and two to a type."""
    numbers = [value for value in values if type(value) in (int, float)]
    said = {(type(value), value) for value in numbers}
    return any((type(twin), twin) not in said for value in numbers for twin in spellings(value))


def _enum(node: s.EnumMember, _output: bool, lose: Lose) -> Doc:
    values = []
    for member in node.members:
        try:
            values.append(jsonable(member))
        except ValueError:
            continue  # JSON cannot say it
    doc = one_of(values)
    if _half_spelled(values) or any(isinstance(value, (list, dict)) for value in values):
        lose(doc)
    return doc


def _dated(pattern: str | None, word: str) -> Callable[[Any, bool, Lose], Doc]:
    def emit(node: Any, output: bool, lose: Lose) -> Doc:
        zone = getattr(node, "zone", "aware")
        doc: Doc = {"type": "string"}
        if zone != "any":
            doc["format"] = word if zone == "aware" else f"{word}-local"
        if pattern is not None and not output:
            zones = {"aware": f"{_ZONED}$", "naive": "$", "any": f"{_ZONED}?$"}
            doc["pattern"] = pattern.replace(f"{_ZONED}?$", zones[zone])
        limits = {f"{keyword} {said(limit)}" for keyword, limit in _limits(node).items()}
        lose(doc, *sorted(limits))
        return doc

    return emit


def _uuid(node: s.Uuid, _output: bool, _lose: Lose) -> Doc:
    pattern = checks.UUID
    if node.version is not None:
        digits = "[0-9A-Fa-f]"
        # RFC 9562: the version is the thirteenth digit, and the variant that has versions begins with 8 to B
        pattern = (
            f"^{digits}{{8}}-{digits}{{4}}-{node.version}{digits}{{3}}-[89ABab]{digits}{{3}}-{digits}{{12}}$"
        )
    return {"type": "string", "format": "uuid", "pattern": pattern}


def _ip(node: s.IpAddress, _output: bool, lose: Lose) -> Doc:
    word = f"ipv{node.version}" + ("" if node.kind == "address" else node.kind)
    doc = {"type": "string", "format": word}
    lose(doc)
    return doc


def _regex(_node: s.Regex, _output: bool, lose: Lose) -> Doc:
    doc: Doc = {"type": "string"}
    lose(doc, "it is a regular expression of Python's re")
    return doc


_EMITTERS: dict[type[Schema], Callable[[Any, bool, Lose], Doc]] = {
    s.Anything: lambda _node, _output, _lose: {},
    s.Nothing: lambda _node, _output, _lose: {"not": {}},
    s.Null: lambda _node, _output, _lose: {"type": "null"},
    s.Boolean: lambda _node, _output, _lose: {"type": "boolean"},
    s.Integer: _numeric,
    s.Float: _numeric,
    s.Number: _numeric,
    s.DecimalNumber: _decimal,
    s.String: _string,
    s.Bytes: _bytes,
    s.Literal: _literal,
    s.EnumMember: _enum,
    s.Date: _dated(checks.DATE, "date"),
    s.Time: _dated(checks.TIME, "time"),
    s.DateTime: _dated(checks.DATETIME, "date-time"),
    s.Duration: _dated(checks.DURATION, "duration"),
    s.Uuid: _uuid,
    s.FilePath: lambda _node, _output, _lose: {"type": "string", "format": "path", "pattern": r"^[^\x00]*$"},
    s.IpAddress: _ip,
    s.Regex: _regex,
}

_KEY_PATTERNS: dict[type[Schema], str] = {
    s.Integer: checks.INTEGER_KEY,
    s.Float: checks.NUMBER_KEY,
    s.Number: checks.NUMBER_KEY,
    s.DecimalNumber: checks.DECIMAL,
}


def key_texts(node: Schema, *, lose: Lose) -> Doc | None:
    """What text the keys of a map are, for key nodes that read another kind of value from it; `None` for other nodes."""
    if type(node) in _KEY_PATTERNS:
        doc: Doc = {"pattern": _KEY_PATTERNS[type(node)]}
        rest = ", ".join(f"{keyword} {said(limit)}" for keyword, limit in _limits(node).items())
        lose(doc, *([f"as a number: {rest}"] if rest else []))
        return doc
    if isinstance(node, s.Boolean):
        return {"enum": ["true", "false"]}
    if isinstance(node, s.Null):
        return {"const": "null"}
    if isinstance(node, (s.Literal, s.EnumMember)):
        values = node.values if isinstance(node, s.Literal) else node.members
        plain = [jsonable(value) for value in values]
        if all(isinstance(value, (str, bool, int)) for value in plain):
            return one_of([value if isinstance(value, str) else str(value).lower() for value in plain])
        doc = {}
        lose(doc, f"a key is one of {', '.join(map(repr, plain))[:200]}")
        return doc
    return None
