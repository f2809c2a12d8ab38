"""Regular expressions between dialects: ECMA-262 (what JSON Schema says), the engine's own (Rust `regex`), and Python's `re`.

A pattern is read into tokens that mean the same everywhere, and written again. What has no exact counterpart is refused by
`ecma_to_engine` and answered with `None` by `engine_to_ecma`: never a pattern that means something near it.
ECMA-262 is read with its `u` flag, as JSON Schema 2020-12 core section 6.4 asks.
"""

from __future__ import annotations

import re

from gnomon_gtype._errors import SchemaError
from gnomon_gtype._json_schema_pattern_tokens import (
    SYNTAX,
    Chars,
    PatternReader,
    Property,
    Range,
    Token,
    UntranslatablePattern,
)
from gnomon_gtype._patterns import check_pattern


def ecma_to_engine(pattern: str) -> str:
    """The engine's pattern that is found in exactly the texts that an ECMA-262 pattern is found in.

    Raises:
        UntranslatablePattern: it looks around or back, is malformed, or is too large to be matched in linear time.
    """
    text = "".join(_write_engine(token) for token in PatternReader(pattern, ecma=True).tokens())
    try:
        check_pattern(text)
    except SchemaError as error:
        raise UntranslatablePattern(str(error)) from None
    return text


def engine_to_ecma(pattern: str) -> str | None:
    """The ECMA-262 pattern (for the `u` flag) of the engine's `pattern`, `None` if it cannot be said exactly."""
    try:
        return "".join(_write_ecma(token) for token in PatternReader(pattern, ecma=False).tokens())
    except UntranslatablePattern:
        return None


def engine_to_python(pattern: str) -> str | None:
    """A pattern for Python's `re` that finds *some* of what the engine's finds: a way to make examples, not to judge them."""
    try:
        return "".join(_write_python(token) for token in PatternReader(pattern, ecma=False).tokens())
    except UntranslatablePattern:
        return None


def _write_engine(token: Token) -> str:
    if isinstance(token, str):
        return f"(?-u:{token})" if token.startswith("\\") else token
    if isinstance(token, int):
        return _character(token, SYNTAX, "\\x{%x}")
    if not token.items:
        return rf"[{'' if token.negated else '^'}\x{{0}}-\x{{10ffff}}]"
    short = {"Nd": "d", "White_Space": "s", "word": "w"}

    def write(item: Range | Property) -> str:
        if not isinstance(item, Property):
            return _range(item, _CLASS_SYNTAX | {"&", "~"}, "\\x{%x}")
        if item.name in short:
            letter = short[item.name]
            return "\\" + (letter.upper() if item.negated else letter)
        return f"\\{'P' if item.negated else 'p'}{{{item.name}}}"

    return _class(token, [write(item) for item in token.items])


def _write_ecma(token: Token) -> str:
    if isinstance(token, str):
        return token
    if isinstance(token, int):
        return _character(token, SYNTAX, "")
    if token.items == (Property("word", True),):
        token = Chars((Property("word"),), not token.negated)
    shown = []
    for item in token.items:
        if not isinstance(item, Property):
            shown.append(_range(item, _CLASS_SYNTAX, ""))
        elif item.name != "word":
            shown.append(f"\\{'P' if item.negated else 'p'}{{{item.name}}}")
        elif item.negated:
            raise UntranslatablePattern("what is no word character beside others has no counterpart")
        else:
            # UTS 18 annex C, which is how the engine defines \w
            shown.extend(f"\\p{{{name}}}" for name in ("Alphabetic", "M", "Nd", "Pc", "Join_Control"))
    return _class(token, shown)


# a part of each is enough to make examples
_PYTHON_PROPERTIES = {
    "Nd": r"\d",
    "White_Space": r"\s",
    "word": r"\w",
    "L": "A-Za-zÀ-ÖØ-öø-ÿ",
    "Alphabetic": "A-Za-zÀ-ÖØ-öø-ÿ",
    "Lu": "A-ZÀ-ÖØ-Þ",
    "Uppercase": "A-ZÀ-ÖØ-Þ",
    "Ll": "a-zß-öø-ÿ",
    "Lowercase": "a-zß-öø-ÿ",
}


def _write_python(token: Token) -> str:
    if isinstance(token, str):
        return {"^": r"\A", "$": r"\Z"}.get(token, token)
    if isinstance(token, int):
        return re.escape(chr(token))
    shown = []
    for item in token.items:
        if not isinstance(item, Property):
            shown.append("-".join(re.escape(chr(end)) for end in item))
        elif not item.negated and item.name in _PYTHON_PROPERTIES:
            shown.append(_PYTHON_PROPERTIES[item.name])
        elif item.negated and item.name in ("Nd", "White_Space", "word"):
            shown.append(_PYTHON_PROPERTIES[item.name].upper())
        else:
            raise UntranslatablePattern(f"Python's re does not know \\p{{{item.name}}}")
    return f"[{'^' if token.negated else ''}{''.join(shown)}]"


_CLASS_SYNTAX = frozenset("\\][^-")


def _class(token: Chars, shown: list[str]) -> str:
    if shown and shown[-1] == "\\-":
        shown[-1] = "-"  # at the end every dialect reads it as itself, and people do too
    if token.negated or (shown and not shown[0].startswith("\\^")):
        shown = ["^" if text == "\\^" else text for text in shown]
    alone = len(shown) == 1 and len(token.items) == 1 and isinstance(token.items[0], Property)
    if alone and not token.negated:
        return shown[0]
    return f"[{'^' if token.negated else ''}{''.join(shown)}]"


def _range(item: Range, syntax: frozenset[str], code: str) -> str:
    low, high = (_character(end, syntax, code) for end in item)
    return low if item[0] == item[1] else f"{low}-{high}"


def _character(point: int, syntax: frozenset[str], code: str) -> str:
    """One character; `code` is how a dialect writes one that is not printed, ECMA-262's own two ways when empty."""
    char = chr(point)
    if char in syntax:
        return "\\" + char
    if char.isprintable():
        return char
    if code:
        return code % point
    if char in "\n\r\t":
        return {"\n": r"\n", "\r": r"\r", "\t": r"\t"}[char]
    if point > 0xFFFF:
        return char
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"
