"""Regular expressions as tokens that mean the same in every dialect, read from ECMA-262 or from the engine's own (Rust `regex`).

ECMA-262 is read with its `u` flag, as JSON Schema 2020-12 core section 6.4 asks. What has no exact counterpart is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 20_000
"""Longest pattern that is translated, in code points."""

_LAST = 0x10FFFF
SYNTAX = frozenset(r"^$\.*+?()[]{}|")
_PUNCTUATION = frozenset("!\"#%&',-/:;<=>@_`~ ")
_CONTROLS = {"f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09, "v": 0x0B}
_QUANTIFIER = re.compile(r"(?:[*+?]|\{[0-9]{1,9}(?:,(?:[0-9]{1,9})?)?\})\??")
_PROPERTY = re.compile(r"[pP]\{([A-Za-z_0-9=]+)\}")

# ECMA-262 22.2.2.9: \d, \w and \s with the u flag and without i
_DIGIT = ((0x30, 0x39),)
_WORD = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE = (
    (0x09, 0x0D),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
)
_LINE_ENDS = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))

# names that both dialects know by the same spelling; the engine also knows looser ones, which ECMA-262 does not
_CATEGORIES = frozenset(
    [
        "L",
        "Lu",
        "Ll",
        "Lt",
        "LC",
        "Lm",
        "Lo",
        "M",
        "Mn",
        "Mc",
        "Me",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Ps",
        "Pe",
        "Pi",
        "Pf",
        "Po",
        "S",
        "Sm",
        "Sc",
        "Sk",
        "So",
        "Z",
        "Zs",
        "Zl",
        "Zp",
        "C",
        "Cc",
        "Cf",
        "Co",
    ]
)
_BINARY = frozenset(
    [
        "Alphabetic",
        "Uppercase",
        "Lowercase",
        "White_Space",
        "ASCII",
        "Any",
        "ID_Start",
        "ID_Continue",
        "Join_Control",
        "Emoji",
    ]
)
_VALUED = re.compile(r"(?:Script|sc|Script_Extensions|scx|General_Category|gc)=[A-Z][A-Za-z_]*")

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Property:
    r"""One Unicode property. The name `word` stands for the engine's `\w`, which is five of them together."""

    name: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a class."""

    items: tuple[Range | Property, ...]
    negated: bool = False


Token = str | int | Chars
"""Structure and quantifiers as text, one literal character as its code point, or a class."""


class UntranslatablePattern(ValueError):
    """The pattern says something that the other dialect has no words for, or is no pattern at all."""


class PatternReader:
    """Reads one pattern from left to right."""

    def __init__(self, pattern: str, *, ecma: bool) -> None:
        if len(pattern) > LONGEST:
            raise UntranslatablePattern(f"it is longer than {LONGEST} characters")
        self.text = pattern
        self.at = 0
        self.ecma = ecma

    def refuse(self, reason: str) -> UntranslatablePattern:
        return UntranslatablePattern(f"{reason} at character {self.at}")

    def peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def take(self, length: int = 1) -> str:
        taken = self.peek(length)
        if len(taken) < length:
            raise self.refuse("it ends too early")
        self.at += length
        return taken

    def tokens(self) -> Iterator[Token]:
        repeatable = False
        while self.at < len(self.text):
            quantifier = _QUANTIFIER.match(self.text, self.at)
            if quantifier:
                if not repeatable:
                    raise self.refuse("a quantifier has nothing to repeat")
                self.at = quantifier.end()
                yield quantifier[0]
                repeatable = False
                continue
            found = self.read_one()
            repeatable = not isinstance(found, str) or found == ")"
            yield found

    def read_one(self) -> Token:
        char = self.take()
        if char == "\\":
            return self.escape()
        if char == "[":
            return self.bracket()
        if char == "(":
            return self.group()
        if char == ".":
            return Chars(_LINE_ENDS if self.ecma else ((0x0A, 0x0A),), negated=True)
        if char in "^$|)":
            return char
        if char in "{*+?":
            raise self.refuse(f"{char!r} stands alone (a literal one is written \\{char})")
        return self.literal(char)

    def literal(self, char: str) -> int:
        if 0xD800 <= ord(char) <= 0xDFFF:
            raise self.refuse("a lone surrogate is in no text")
        return ord(char)

    def group(self) -> str:
        if self.peek() != "?":
            return "("
        if self.peek(2) == "?:":
            self.at += 2
            return "(?:"
        named = re.compile(r"\?P?<[A-Za-z_][A-Za-z0-9_]*>").match(self.text, self.at)
        if named and not (self.ecma and named[0].startswith("?P")):
            self.at = named.end()
            return "("
        raise self.refuse("a group looks around, sets flags or has a name that is not plain")

    def escape(self) -> Token:
        char = self.take()
        if char in "bB" and self.ecma:
            return "\\" + char
        if char in "Az" and not self.ecma:
            return "^" if char == "A" else "$"
        if not self.ecma and char in "<>":
            raise self.refuse("an edge of a word has no counterpart")
        found = self.shared_escape(char)
        return found if isinstance(found, int) else Chars(found)

    def shared_escape(self, char: str) -> int | tuple[Range | Property, ...]:
        """An escape that means the same inside and outside of brackets, after its backslash."""
        if char in "dDwWsS":
            return self.perl_class(char)
        if char in "pP":
            return (self.property(),)
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in SYNTAX or char in _PUNCTUATION:
            return ord(char)
        if char in "xu":
            return self.code_point(char)
        if self.ecma and char == "c" and self.peek().isascii() and self.peek().isalpha():
            return ord(self.take()) % 32
        if self.ecma and char == "0" and not self.peek().isdigit():
            return 0
        raise self.refuse(f"\\{char} has no exact counterpart")

    def perl_class(self, char: str) -> tuple[Range | Property, ...]:
        kind, negated = char.lower(), char.isupper()
        if not self.ecma:
            return (Property({"d": "Nd", "w": "word", "s": "White_Space"}[kind], negated),)
        ranges = {"d": _DIGIT, "w": _WORD, "s": _SPACE}[kind]
        return tuple(_complement(ranges)) if negated else ranges

    def property(self) -> Property:
        self.at -= 1
        found = _PROPERTY.match(self.text, self.at)
        name = found[1] if found else ""
        if not found or not (name in _CATEGORIES or name in _BINARY or _VALUED.fullmatch(name)):
            raise self.refuse("the Unicode property is not one that both dialects know by that name")
        self.at = found.end()
        return Property(name, found[0].startswith("P"))

    def code_point(self, kind: str) -> int:
        if self.peek() == "{" and not (self.ecma and kind == "x"):
            braced = re.compile(r"\{([0-9A-Fa-f]{1,8})\}").match(self.text, self.at)
            if not braced:
                raise self.refuse("a code point is not hexadecimal")
            self.at = braced.end()
            value = int(braced[1], 16)
        else:
            value = self.hexadecimal(2 if kind == "x" else 4)
        if 0xD800 <= value <= 0xDBFF and self.ecma and re.match(r"\\u[dD][c-fC-F]", self.peek(4)):
            self.at += 2
            value = 0x10000 + ((value - 0xD800) << 10) + (self.hexadecimal(4) - 0xDC00)
        if 0xD800 <= value <= 0xDFFF or value > _LAST:
            raise self.refuse("a code point is a lone surrogate or too large")
        return value

    def hexadecimal(self, length: int) -> int:
        digits = self.take(length)
        if not re.fullmatch("[0-9A-Fa-f]+", digits):
            raise self.refuse("a code point is not hexadecimal")
        return int(digits, 16)

    def bracket(self) -> Chars:
        negated = self.peek() == "^"
        self.at += negated
        items: list[Range | Property] = []
        if not self.ecma and self.peek() == "]":
            self.at += 1
            items.append((0x5D, 0x5D))
        while self.peek() != "]":
            first = self.class_atom()
            if self.peek() == "-" and self.peek(2) != "-]":
                self.at += 1
                last = self.class_atom()
                if not (isinstance(first, int) and isinstance(last, int) and first <= last):
                    raise self.refuse("a range of a class does not go from one character up to another")
                items.append((first, last))
            elif isinstance(first, int):
                items.append((first, first))
            else:
                items.extend(first)
        self.at += 1
        return Chars(tuple(items), negated)

    def class_atom(self) -> int | tuple[Range | Property, ...]:
        if not self.ecma and (self.peek() == "[" or self.peek(2) in ("&&", "--", "~~")):
            raise self.refuse("operations on classes have no counterpart")
        char = self.take()
        if char != "\\":
            return self.literal(char)
        escaped = self.take()
        if escaped == "b" and self.ecma:
            return 0x08
        return self.shared_escape(escaped)


def _complement(ranges: tuple[Range, ...]) -> Iterator[Range]:
    """All other characters; the ranges are in order, apart, and without the first and the last character."""
    start = 0
    for low, high in ranges:
        yield start, low - 1
        start = high + 1
    yield start, _LAST
