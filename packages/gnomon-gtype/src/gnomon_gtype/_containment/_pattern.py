"""Regular expressions of the Rust `regex` dialect as syntax trees over sets of characters.

The parser is given patterns that the engine has compiled, so it refuses nothing for being malformed; what it does not model
(verbose mode, byte mode) raises `NotModelled`, which containment reports as `unknown`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NoReturn

from gnomon_gtype._containment._alphabet import EVERY, CharSet, char_set, complement, members_of, single


class NotModelled(Exception):
    """A pattern uses a feature for which no automaton is built here."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set."""

    chars: CharSet


@dataclass(frozen=True, slots=True)
class Sequence:
    """The parts one after the other; the empty sequence matches the empty text."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of the parts."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`part` from `fewest` to `most` times, without limit when `most` is `None`."""

    part: Part
    fewest: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    r"""A place between two characters.

    Args:
        kind: `start` and `end` of the text, `line-start` and `line-end`, `crlf-start` and `crlf-end` (`\r\n` is one line break),
            `word` and `not-word` (a boundary of a word and none), `word-start` and `word-end`, and the two `-half`s of these.
    """

    kind: str


Part = Chars | Sequence | Choice | Repeat | Edge


@dataclass(frozen=True, slots=True)
class _Flags:
    ignore_case: bool = False
    multi_line: bool = False
    dot_all: bool = False
    crlf: bool = False

    def prefix(self) -> str:
        shown = {"i": self.ignore_case, "m": self.multi_line, "s": self.dot_all, "R": self.crlf}
        return "".join(letter for letter, on in shown.items() if on)


_FLAG_NAMES = {"i": "ignore_case", "m": "multi_line", "s": "dot_all", "R": "crlf"}
_GROUP = re.compile(r"\(\?(?:P?<[^>]*>|([A-Za-z-]*)([:)]))")
_COUNT = re.compile(r"\{\s*([0-9]+)\s*(?:(,)\s*([0-9]+)?\s*)?\}")
_CODE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|[xuU]\{\s*([0-9A-Fa-f]+)\s*\})"
)
_PROPERTY = re.compile(r"\\[pP](?:\{[^}]*\}|.)")
_BOUNDARY = re.compile(r"\\b\{([a-z-]+)\}")
_PLAIN_CLASS = re.compile(r"\[(\^?)(\]?(?:[^\\\[\]&~-]|\\[^0-9A-Za-z<>]|-(?!-))*)\]", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_EDGES = {
    "A": "start",
    "z": "end",
    "b": "word",
    "B": "not-word",
    "<": "word-start",
    ">": "word-end",
}
_BOUNDARIES = {
    "start": "word-start",
    "end": "word-end",
    "start-half": "word-start-half",
    "end-half": "word-end-half",
}
_LINE_BREAK = char_set([(10, 10)])
_LINE_BREAKS = char_set([(10, 10), (13, 13)])


@lru_cache(maxsize=1024)
def parse(pattern: str) -> Part:
    """The syntax tree of a pattern that the engine has compiled.

    Raises:
        NotModelled: the pattern uses verbose mode, byte mode, or a form this parser does not know.
    """
    reader = _Reader(pattern)
    part = reader.choice(_Flags())
    if reader.place != len(pattern):
        reader.unknown()
    return part


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.place = 0
        self.depth = 0

    def unknown(self) -> NoReturn:
        raise NotModelled(
            f"the pattern {self.pattern[:200]!r} uses something at offset {self.place} that is not modelled"
        )

    def peek(self) -> str:
        return self.pattern[self.place : self.place + 1]

    def choice(self, flags: _Flags) -> Part:
        branches: list[Part] = []
        parts: list[Part] = []
        while self.place < len(self.pattern) and self.peek() != ")":
            if self.peek() == "|":
                self.place += 1
                branches.append(_sequence(parts))
                parts = []
                continue
            found = self.group(flags) if self.peek() == "(" else self.atom(flags)
            if isinstance(found, _Flags):
                flags = found
            else:
                parts.append(self.repeated(found))
        branches.append(_sequence(parts))
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def group(self, flags: _Flags) -> Part | _Flags:
        opening = _GROUP.match(self.pattern, self.place)
        if opening is None:
            self.place += 1
        else:
            letters = opening[1] or ""
            if set(letters) - set("imsRUu-") or "u" in letters.partition("-")[2]:
                self.unknown()
            self.place = opening.end()
            flags = _switched(flags, letters)
            if opening[2] == ")":
                return flags
        self.depth += 1
        if self.depth > 100:
            self.unknown()
        inner = self.choice(flags)
        self.depth -= 1
        self.place += 1
        return inner

    def repeated(self, part: Part) -> Part:
        while self.place < len(self.pattern):
            count = _COUNT.match(self.pattern, self.place)
            if count is not None:
                most = None if count[2] and not count[3] else int(count[3] or count[1])
                part, self.place = Repeat(part, int(count[1]), most), count.end()
            elif self.peek() in "*+?":
                fewest, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[self.peek()]
                part, self.place = Repeat(part, fewest, most), self.place + 1
            elif self.peek() == "{":
                self.unknown()
            else:
                break
            if self.peek() == "?":
                self.place += 1
        return part

    def atom(self, flags: _Flags) -> Part:
        char = self.peek()
        if char == "\\":
            return self.escape(flags)
        if char == "[":
            return self.bracket(flags)
        self.place += 1
        if char == ".":
            breaks = _LINE_BREAKS if flags.crlf else _LINE_BREAK
            return Chars(EVERY if flags.dot_all else complement(breaks))
        if char in "^$":
            side = "start" if char == "^" else "end"
            if flags.multi_line:
                return Edge(f"{'crlf' if flags.crlf else 'line'}-{side}")
            return Edge(side)
        return _char(char, flags)

    def escape(self, flags: _Flags) -> Part:
        boundary = _BOUNDARY.match(self.pattern, self.place)
        if boundary is not None and boundary[1] in _BOUNDARIES:
            self.place = boundary.end()
            return Edge(_BOUNDARIES[boundary[1]])
        letter = self.pattern[self.place + 1]
        if letter in _EDGES:
            self.place += 2
            return Edge(_EDGES[letter])
        named = _PROPERTY.match(self.pattern, self.place)
        if named is not None or letter in "dDwWsS":
            item = named[0] if named is not None else f"\\{letter}"
            self.place += len(item)
            return Chars(_asked(item, flags))
        code = _CODE.match(self.pattern, self.place)
        if code is not None:
            self.place = code.end()
            return _char(chr(int(next(digits for digits in code.groups() if digits), 16)), flags)
        if letter.isalnum() and letter not in _CONTROLS:
            self.unknown()
        self.place += 2
        return _char(_CONTROLS.get(letter, letter), flags)

    def bracket(self, flags: _Flags) -> Part:
        plain = None if flags.ignore_case else _PLAIN_CLASS.match(self.pattern, self.place)
        if plain is not None:
            chars = _plain_members(plain[2])
            if chars is not None:
                self.place = plain.end()
                return Chars(complement(chars) if plain[1] else chars)
        start = self.place
        self.skip_class()
        return Chars(_asked(self.pattern[start : self.place], flags))

    def skip_class(self) -> None:
        """Move behind the class that opens here; a `]` that comes first is a member."""
        self.place += 1
        if self.peek() == "^":
            self.place += 1
        while self.peek() == "-":
            self.place += 1
        if self.peek() == "]":
            self.place += 1
        while self.peek() != "]":
            if self.peek() == "[":
                named = re.compile(r"\[:\^?[a-z]+:\]").match(self.pattern, self.place)
                if named is not None:
                    self.place = named.end()
                else:
                    self.skip_class()
            else:
                named = _PROPERTY.match(self.pattern, self.place)
                self.place = named.end() if named is not None else self.place + 1 + (self.peek() == "\\")
        self.place += 1


def _sequence(parts: list[Part]) -> Part:
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def _switched(flags: _Flags, letters: str) -> _Flags:
    on, _, off = letters.partition("-")
    names = [(_FLAG_NAMES[letter], True) for letter in on if letter in _FLAG_NAMES]
    names += [(_FLAG_NAMES[letter], False) for letter in off if letter in _FLAG_NAMES]
    return replace(flags, **dict(names))


def _asked(item: str, flags: _Flags) -> CharSet:
    return members_of(f"(?{flags.prefix()}:{item})" if flags.ignore_case else item)


def _char(char: str, flags: _Flags) -> Part:
    if not flags.ignore_case:
        return Chars(single(char))
    if char.isascii() and char not in "kKsS":
        return Chars(char_set((ord(form), ord(form)) for form in {char.lower(), char.upper()}))
    # k and s have a third form each, the Kelvin sign and the long s
    return Chars(_asked(rf"\x{{{ord(char):x}}}", flags))


def _plain_members(text: str) -> CharSet | None:
    """The members of a class of single characters and ranges; `None` when it has to be asked of the engine."""
    ranges: list[tuple[int, int]] = []
    written = re.findall(r"\\?.", text, re.DOTALL)
    codes = [ord(item[-1]) for item in written]
    place = 0
    while place < len(codes):
        spans = place + 2 < len(codes) and written[place + 1] == "-"
        ranges.append((codes[place], codes[place + 2 * spans]))
        place += 1 + 2 * spans
    return char_set(ranges) if codes else None
