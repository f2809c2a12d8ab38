"""Finite automata over text: which texts match all of some patterns and none of others, within limits of length.

Every pattern becomes a nondeterministic program, as in Thompson's construction (Communications of the ACM 11, 1968). Its subset
automaton is made while it is walked, the product of all of them is searched breadth first, and so the first text found is
a shortest one. Complement is free, because the subset automata are deterministic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from gnomon_gtype._containment._alphabet import (
    CharSet,
    classes_of,
    members_of,
    representative,
    single,
)
from gnomon_gtype._containment._outcome import (
    EMPTY,
    MOST_PARTS,
    TOO_LARGE,
    Budget,
    Exhausted,
    Found,
    Outcome,
    Unclear,
)
from gnomon_gtype._containment._pattern import Chars, Choice, Edge, NotModelled, Part, Repeat, Sequence, parse

_MOST_INSTRUCTIONS = 20_000

_WORD = r"\w"
_LINE_FEED, _CARRIAGE_RETURN = single("\n"), single("\r")


@dataclass(frozen=True, slots=True)
class _Take:
    """Consume one character of a set, then go on."""

    chars: int
    after: int


@dataclass(frozen=True, slots=True)
class _Fork:
    """Go on at each of these places."""

    after: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """Go on if this edge is here."""

    kind: str
    after: int


_Instruction = _Take | _Fork | _Look | None
"""`None` is the end: the pattern has matched."""


class Program:
    """A pattern as instructions.

    Args:
        pattern: a pattern that the engine has compiled.

    Raises:
        NotModelled: the pattern has a feature that is not modelled, or more parts than are sensible.
    """

    def __init__(self, pattern: str) -> None:
        self.code: list[_Instruction] = [None]
        self.sets: dict[CharSet, int] = {}
        self.edges: set[str] = set()
        self.start = self._emit(parse(pattern), 0)

    def _add(self, instruction: _Instruction) -> int:
        if len(self.code) >= _MOST_INSTRUCTIONS:
            raise NotModelled(f"a pattern unfolds to more than {_MOST_INSTRUCTIONS:,} states")
        self.code.append(instruction)
        return len(self.code) - 1

    def _emit(self, part: Part, after: int) -> int:
        match part:
            case Chars():
                return self._add(_Take(self.sets.setdefault(part.chars, len(self.sets)), after))
            case Edge():
                self.edges.add(part.kind)
                return self._add(_Look(part.kind, after))
            case Sequence():
                for piece in reversed(part.parts):
                    after = self._emit(piece, after)
                return after
            case Choice():
                return self._add(_Fork(tuple(self._emit(piece, after) for piece in part.parts)))
            case _:
                return self._repeat(part, after)

    def _repeat(self, part: Repeat, after: int) -> int:
        if part.most is None:
            loop = self._add(_Fork(()))
            self.code[loop] = _Fork((self._emit(part.part, loop), after))
            after = loop
        else:
            end = after
            for _ in range(part.most - part.fewest):
                after = self._add(_Fork((self._emit(part.part, after), end)))
        for _ in range(part.fewest):
            after = self._emit(part.part, after)
        return after


@lru_cache(maxsize=256)
def program(pattern: str) -> Program:
    """The program of a pattern, kept for the next question."""
    return Program(pattern)


@dataclass(frozen=True, slots=True)
class _Side:
    """What an edge can see of the character on one side of it; both sides of the text itself are `edge`."""

    edge: bool = False
    word: bool = False
    feed: bool = False
    carriage: bool = False


_OUTSIDE = _Side(edge=True)


def _holds(kind: str, before: _Side, after: _Side) -> bool:
    match kind:
        case "start":
            return before.edge
        case "end":
            return after.edge
        case "line-start":
            return before.edge or before.feed
        case "line-end":
            return after.edge or after.feed
        case "crlf-start":
            return before.edge or before.feed or (before.carriage and not after.feed)
        case "crlf-end":
            return after.edge or after.carriage or (after.feed and not before.carriage)
        case "word":
            return before.word != after.word
        case "not-word":
            return before.word == after.word
        case "word-start":
            return not before.word and after.word
        case "word-end":
            return before.word and not after.word
        case "word-start-half":
            return not before.word
        case _:
            return not after.word


_State = tuple[frozenset[int], _Side]
_MATCHED: _State = (frozenset(), _OUTSIDE)
"""Once found, a pattern stays found, whatever follows."""


class _Walker:
    """The subset automaton of one program over the classes of characters of one question."""

    def __init__(
        self, code: Program, members: list[frozenset[int]], sides: list[_Side], budget: Budget
    ) -> None:
        self.program = code
        self.members = members
        self.sides = sides
        self.budget = budget
        self.known: dict[tuple[_State, int], _State] = {}
        self.first: _State = (frozenset((code.start,)), _OUTSIDE)
        self.looks = bool(code.edges - {"start", "end"})
        self.restarts = "start" not in code.edges or self._can_begin_inside()

    def _can_begin_inside(self) -> bool:
        """Whether a match can begin anywhere but at the start of the text."""
        for before in {*self.sides, _Side()}:
            for after in {*self.sides, _OUTSIDE}:
                taken, matched = self._reach(frozenset((self.program.start,)), before, after)
                if taken or matched:
                    return True
        return False

    def _reach(self, places: frozenset[int], before: _Side, after: _Side) -> tuple[list[_Take], bool]:
        """What can be consumed from some places without consuming anything first, and whether the end is among them."""
        seen = set(places)
        waiting = list(places)
        taken: list[_Take] = []
        matched = False
        while waiting:
            found = self.program.code[waiting.pop()]
            match found:
                case None:
                    matched = True
                    continue
                case _Take():
                    taken.append(found)
                    continue
                case _Fork():
                    following = found.after
                case _:
                    following = (found.after,) if _holds(found.kind, before, after) else ()
            for place in following:
                if place not in seen:
                    seen.add(place)
                    waiting.append(place)
        self.budget.spend(1 + len(seen) // 4)
        return taken, matched

    def step(self, state: _State, symbol: int) -> _State:
        """The state after one more character of a class."""
        if state is _MATCHED:
            return state
        known = self.known.get((state, symbol))
        if known is None:
            known = self.known[state, symbol] = self._stepped(state, symbol)
        return known

    def _stepped(self, state: _State, symbol: int) -> _State:
        places, before = state
        taken, matched = self._reach(places, before, self.sides[symbol])
        if matched:
            return _MATCHED
        after = {take.after for take in taken if take.chars in self.members[symbol]}
        if self.restarts:
            after.add(self.program.start)
        return frozenset(after), self.sides[symbol] if self.looks else _Side()

    def matches_at_end(self, state: _State) -> bool:
        """Whether the pattern has been found when the text ends here."""
        return state is _MATCHED or self._reach(*state, _OUTSIDE)[1]


class _Words:
    """Some whole texts, as a tree of their beginnings: which of them, if any, is being read."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.following: list[dict[str, int]] = [{}]
        self.whole: set[int] = set()
        for text in texts:
            place = 0
            for char in text:
                if char not in self.following[place]:
                    self.following[place][char] = len(self.following)
                    self.following.append({})
                place = self.following[place][char]
            self.whole.add(place)

    def step(self, place: int, char: str) -> int:
        """The place after one more character, -1 once no text can be meant any more."""
        return -1 if place < 0 else self.following[place].get(char, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextQuestion:
    """Which texts are asked for.

    Args:
        fewest: fewest code points.
        most: most code points, `None` for any number.
        found: patterns that are found in the text.
        missing: patterns that are not found in it.
        excluded: texts that are not meant.
    """

    fewest: int = 0
    most: int | None = None
    found: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    def answer(self, budget: Budget) -> Outcome:
        """A shortest text, or that there is none, or that the patterns are too large for the budget."""
        if (self.most is not None and self.most < self.fewest) or self.found & self.missing:
            return EMPTY
        if self.fewest > MOST_PARTS:
            return TOO_LARGE
        own = budget.part(4)
        given = own.left
        try:
            text = _Product(self, own).shortest()
        except NotModelled as reason:
            return Unclear(str(reason))
        except Exhausted:
            return Unclear("the automata of the patterns are too large for the budget")
        finally:
            budget.spend(given - max(0, own.left))
        return EMPTY if text is None else Found(text)


class _Product:
    """All automata of one question, walked side by side."""

    def __init__(self, question: TextQuestion, budget: Budget) -> None:
        self.question = question
        self.budget = budget
        programs = [program(pattern) for pattern in (*question.found, *question.missing)]
        edges = set().union(*(each.edges for each in programs))
        words = members_of(_WORD) if any("word" in kind for kind in edges) else ()
        breaks = (
            [_LINE_FEED, _CARRIAGE_RETURN]
            if any("line" in kind or "crlf" in kind for kind in edges)
            else [(), ()]
        )
        letters = sorted(set().union(*question.excluded))
        sets = [words, *breaks, *(chars for each in programs for chars in each.sets), *map(single, letters)]
        symbols = [(representative(chars), chars, mask) for chars, mask in classes_of(sets)]
        self.symbols = [(chr(code), mask) for (_, code), _, mask in sorted(symbols)]
        sides = [_Side(False, bool(mask & 1), bool(mask & 2), bool(mask & 4)) for _, mask in self.symbols]
        self.walkers = []
        place = 3
        for each in programs:
            members = [
                frozenset(number for number in range(len(each.sets)) if mask >> (place + number) & 1)
                for _, mask in self.symbols
            ]
            self.walkers.append(_Walker(each, members, sides, budget))
            place += len(each.sets)
        self.words = _Words(question.excluded)
        self.wanted = len(question.found)

    def shortest(self) -> str | None:
        """A shortest text that is asked for, `None` when there is none."""
        fewest, most = self.question.fewest, self.question.most
        begin = (tuple(walker.first for walker in self.walkers), 0, 0)
        came: dict[object, tuple[object, str] | None] = {begin: None}
        layer, length = [begin], 0
        while layer:
            for node in layer:
                if length >= fewest and self._accepts(node[0], node[1]):
                    return _spelled(came, node)
            if length == most:
                return None
            length += 1
            following = []
            for states, word, _ in layer:
                for symbol, (char, _) in enumerate(self.symbols):
                    self.budget.spend(1 + len(states))
                    after = tuple(
                        walker.step(state, symbol) for walker, state in zip(self.walkers, states, strict=True)
                    )
                    node = (after, self.words.step(word, char), min(length, fewest))
                    if node not in came and not self._hopeless(after):
                        came[node] = ((states, word, min(length - 1, fewest)), char)
                        following.append(node)
            layer = following
        return None

    def _hopeless(self, states: tuple[_State, ...]) -> bool:
        """Whether a wanted pattern cannot be found any more, or one that must be missing has been found."""
        dead = any(not state[0] and state is not _MATCHED for state in states[: self.wanted])
        return dead or any(state is _MATCHED for state in states[self.wanted :])

    def _accepts(self, states: tuple[_State, ...], word: int) -> bool:
        if word in self.words.whole:
            return False
        return all(
            walker.matches_at_end(state) == (number < self.wanted)
            for number, (walker, state) in enumerate(zip(self.walkers, states, strict=True))
        )


def _spelled(came: dict[object, tuple[object, str] | None], node: object) -> str:
    letters: deque[str] = deque()
    step = came[node]
    while step is not None:
        letters.appendleft(step[1])
        step = came[step[0]]
    return "".join(letters)
