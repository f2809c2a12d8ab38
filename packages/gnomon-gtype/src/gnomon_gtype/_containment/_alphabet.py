r"""Sets of code points as sorted ranges, and the exact members of any character class of the engine's dialect.

What `\w` or `\p{Greek}` contains is asked of the engine itself, never of Python's tables, whose Unicode version may be another.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache

from gnomon_gtype._patterns import found_in

CharSet = tuple[tuple[int, int], ...]
"""Inclusive ranges of code points, ascending and never touching."""

EVERY: CharSet = ((0, 0xD7FF), (0xE000, 0x10FFFF))
"""All that text can contain: every code point but the surrogates."""

_BLOCK = 2048


def char_set(ranges: Iterable[tuple[int, int]]) -> CharSet:
    """`ranges` in ascending order, overlapping and touching ones joined, surrogates left out."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(_without_surrogates(ranges)):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def _without_surrogates(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for low, high in ranges:
        for floor, ceiling in EVERY:
            if max(low, floor) <= min(high, ceiling):
                yield max(low, floor), min(high, ceiling)


def complement(chars: CharSet) -> CharSet:
    """Every code point that is not in `chars`."""
    gaps, start = [], 0
    for low, high in chars:
        gaps.append((start, low - 1))
        start = high + 1
    gaps.append((start, EVERY[-1][1]))
    return char_set(gap for gap in gaps if gap[0] <= gap[1])


def contains_char(chars: CharSet, code: int) -> bool:
    """Whether `code` is in `chars`."""
    place = bisect_right(chars, (code, EVERY[-1][1])) - 1
    return place >= 0 and code <= chars[place][1]


def single(char: str) -> CharSet:
    """The set of one character."""
    return ((ord(char), ord(char)),)


@lru_cache(maxsize=512)
def members_of(item: str) -> CharSet:
    """The characters that `item`, a piece of pattern that matches exactly one character, matches.

    Blocks that match as a whole or not at all are settled by one question each, others are halved.
    """
    some, only = item, rf"\A(?:{item})*\z"
    found: list[tuple[int, int]] = []
    waiting = [
        (low, min(low + _BLOCK - 1, ceiling))
        for floor, ceiling in reversed(EVERY)
        for low in reversed(range(floor, ceiling + 1, _BLOCK))
    ]
    while waiting:
        low, high = waiting.pop()
        text = _text(low, high)
        if not found_in(some, text):
            continue
        if found_in(only, text):
            found.append((low, high))
            continue
        middle = (low + high) // 2
        waiting += [(middle + 1, high), (low, middle)]
    return char_set(found)


def _text(low: int, high: int) -> str:
    gap = 0 if high < EVERY[1][0] else EVERY[1][0] - EVERY[0][1] - 1
    return _every_character()[low - gap : high + 1 - gap]


@lru_cache(maxsize=1)
def _every_character() -> str:
    codes = array("I")
    for low, high in EVERY:
        codes.extend(array("I", range(low, high + 1)))
    return codes.tobytes().decode(f"utf-32-{sys.byteorder[0]}e")


def classes_of(sets: Iterable[CharSet]) -> list[tuple[CharSet, int]]:
    """The coarsest partition of all code points in which every given set is a union of parts.

    Returns:
        one representative-ready set of ranges per part, with a bit mask that says which of the sets, in order, contain it.
    """
    edges: dict[int, int] = {}
    for number, chars in enumerate(sets):
        for low, high in chars:
            edges[low] = edges.get(low, 0) ^ (1 << number)
            edges[high + 1] = edges.get(high + 1, 0) ^ (1 << number)
    surrogate = 1 << (max(edges.values(), default=0)).bit_length()
    for edge in (EVERY[0][1] + 1, EVERY[1][0]):
        edges[edge] = edges.get(edge, 0) ^ surrogate
    parts: dict[int, list[tuple[int, int]]] = {}
    start, mask = 0, 0
    for edge in [*sorted(edges), EVERY[-1][1] + 1]:
        if edge > start:
            parts.setdefault(mask, []).append((start, edge - 1))
            start = edge
        mask ^= edges.get(edge, 0)
    return [(tuple(ranges), mask) for mask, ranges in parts.items() if not mask & surrogate]


_PLEASANT = ("a", "z"), ("0", "9"), ("A", "Z"), (" ", "~"), ("\u00a1", "\u02af")


def representative(chars: CharSet) -> tuple[int, int]:
    """How unpleasant the most legible character of a set is to read, and that character."""
    for rank, (first, last) in enumerate(_PLEASANT):
        for low, high in chars:
            if low <= ord(last) and ord(first) <= high:
                return rank, max(low, ord(first))
    return len(_PLEASANT), chars[0][0]
