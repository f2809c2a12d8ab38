"""The search for a value: goals, what they are made of, and the loop that settles them.

A *goal* is a pair of sets of nodes: is there a value that every wanted node accepts and no unwanted one? Containment of N in W
is the goal that wants N and does not want W, found empty. Unions, intersections, negations and references are taken apart
here, until only nodes of one kind of value are left, which `_kinds` hands to the module that knows about it; that module may
ask further goals about the parts of the value.

A goal that is asked for again while it is being settled is answered `EMPTY` for the time being. A smallest value of a goal has no
smaller value of the same goal inside, so nothing is lost by this; it is the coinductive rule that settles recursive types.
What rests on such an assumption is kept only while the assumption holds.

Goals live on a stack of generators and not on Python's own, so that the depth of a type is no limit.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gnomon_gtype._composites import (
    Array,
    Intersection,
    Map,
    Not,
    Opaque,
    Record,
    Ref,
    Refined,
    Sensitive,
    Set,
    Union,
)
from gnomon_gtype._containment._nodes import Doubt, Hashable, Plainly, Same, any_of
from gnomon_gtype._containment._outcome import EMPTY, Budget, Empty, Found, Outcome, Unclear
from gnomon_gtype._interpret import Channel, Reading
from gnomon_gtype._scalars import Anything, DecimalNumber, Nothing, Number, String
from gnomon_gtype._schema import Schema

_TRIES = 8
"""How many values are tried against code that cannot be looked into."""


_NUMBERS = Union((Number(), DecimalNumber()))
_PARTED = Union((Array(rest=Anything(), container="sequence"), Set(), Set(frozen=True), Map()))

SIMPLE = Not(Union((_NUMBERS, _PARTED)))
"""Values that are equal to nothing but values of their own type."""
LISTED = Ref("listed")
"""Values that have no tuple, set or decimal inside, which a value of another type could be equal to."""
NUMBERLESS = Ref("numberless")
"""Values of which the same is true, and that have no number inside that could be an `int` here and a `float` there."""

_OWN = {
    "listed": Union((SIMPLE, Number(), Array(rest=LISTED), Map(String(), LISTED))),
    "numberless": Union((SIMPLE, Array(rest=NUMBERLESS), Map(String(), NUMBERLESS))),
}


class Goal(NamedTuple):
    """Is there a value that every `wanted` node accepts and no `unwanted` one?"""

    wanted: frozenset[Schema]
    unwanted: frozenset[Schema] = frozenset()

    def plus(self, wanted: Iterable[Schema] = (), unwanted: Iterable[Schema] = ()) -> Goal:
        """The goal with more nodes on each side."""
        return Goal(self.wanted.union(wanted), self.unwanted.union(unwanted))


class Answer(NamedTuple):
    """What a goal came to.

    Args:
        outcome: that.
        firm: whether it holds by itself; false while it rests on the assumption that a goal still being settled is empty.
    """

    outcome: Outcome
    firm: bool = True


Steps = Generator[Goal, Answer, Outcome]
"""Yields goals about parts of the value, is sent their answers, and returns its own outcome."""


def ask(goal: Goal) -> Steps:
    """The outcome of a goal."""
    return (yield goal).outcome


@dataclass(slots=True)
class _Frame:
    goal: Goal
    steps: Steps
    lowest: int
    resting: list[Goal] = field(default_factory=list)


class Search:
    """One question and everything it has found out so far.

    Args:
        definitions: the nodes that references name.
        channel: whether values are Python objects or parsed JSON.
        budget: how many steps it may take.
    """

    def __init__(self, definitions: Mapping[str, Schema], channel: Channel, budget: Budget) -> None:
        self.definitions = {**definitions, **_OWN}
        self.channel: Channel = channel
        self.budget = budget
        self.settled: dict[Goal, Outcome] = {}
        self._resting: dict[Goal, tuple[Outcome, int]] = {}
        self._open: dict[Goal, int] = {}
        self._numbers: dict[Schema, int] = {}

    def ordered(self, nodes: Iterable[Schema]) -> list[Schema]:
        """Nodes in the order in which they were met first: the same in every run."""
        found = list(nodes)
        for node in sorted(
            (node for node in found if node not in self._numbers), key=lambda node: node.digest
        ):
            self._numbers[node] = len(self._numbers)
        return sorted(found, key=self._numbers.__getitem__)

    def accepts(self, node: Schema, value: object) -> bool | None:
        """Whether a node accepts a value; `None` when code of the user's breaks over it."""
        if isinstance(node, Same):
            return type(node.value) is type(value) and bool(node.value == value)
        try:
            if isinstance(node, Hashable):
                return hash(value) is not None
            return not Reading(self.channel, self.definitions).attempt(node, value, ())[1]
        except Exception:  # whatever a predicate, a constructor or a hash of the user's raises
            return False if isinstance(node, Hashable) else None

    def settle(self, goal: Goal) -> Outcome:
        """Settle a goal and all that it leads to.

        Raises:
            Exhausted: the budget is spent.
        """
        stack = [self._frame(goal, 0)]
        answer: Answer | None = None
        while True:
            frame = stack[-1]
            try:
                asked = frame.steps.send(answer) if answer is not None else next(frame.steps)
            except StopIteration as end:
                answer = self._close(stack, end.value)
                if not stack:
                    return answer.outcome
                continue
            answer = self._known(asked, frame)
            if answer is None:
                stack.append(self._frame(asked, len(stack)))

    def _frame(self, goal: Goal, depth: int) -> _Frame:
        self._open[goal] = depth
        return _Frame(goal, self._steps(goal), depth)

    def _known(self, goal: Goal, asker: _Frame) -> Answer | None:
        self.budget.spend()
        if goal in self.settled:
            return Answer(self.settled[goal])
        if goal in self._open:
            asker.lowest = min(asker.lowest, self._open[goal])
            return Answer(EMPTY, firm=False)
        if goal in self._resting:
            outcome, lowest = self._resting[goal]
            asker.lowest = min(asker.lowest, lowest)
            return Answer(outcome, firm=False)
        return None

    def _close(self, stack: list[_Frame], outcome: Outcome) -> Answer:
        frame = stack.pop()
        depth = len(stack)
        del self._open[frame.goal]
        if isinstance(outcome, Found) or frame.lowest >= depth:
            self.settled[frame.goal] = outcome
            for goal in frame.resting:
                rested, _ = self._resting.pop(goal)
                if isinstance(outcome, Empty):
                    self.settled[goal] = rested
            return Answer(outcome)
        above = stack[-1]
        above.lowest = min(above.lowest, frame.lowest)
        if not isinstance(outcome, Empty):
            for goal in frame.resting:
                del self._resting[goal]
            frame.resting.clear()
        self._resting[frame.goal] = (outcome, frame.lowest)
        for goal in frame.resting:
            self._resting[goal] = (self._resting[goal][0], min(self._resting[goal][1], frame.lowest))
        above.resting += [frame.goal, *frame.resting]
        return Answer(outcome, firm=False)

    def _steps(self, goal: Goal) -> Steps:
        atoms = _Atoms(self)
        if not atoms.take(goal):
            return EMPTY
        if atoms.choices:
            return (yield from self._each(atoms.goal(), atoms.choices[0]))
        if not atoms.code and not atoms.doubted:
            return (yield from self._simple(atoms.goal()))
        return (yield from self._tried(atoms))

    def _each(self, goal: Goal, choice: tuple[tuple[Schema, bool], ...]) -> Steps:
        """Any one of the alternatives will do."""
        unclear: Outcome = EMPTY
        for node, wanted in choice:
            outcome = yield from ask(goal.plus((node,), ()) if wanted else goal.plus((), (node,)))
            if isinstance(outcome, Found):
                return outcome
            if isinstance(outcome, Unclear):
                unclear = outcome
        return unclear

    def _simple(self, goal: Goal) -> Steps:
        from gnomon_gtype._containment._kinds import by_kind  # it needs the types of this module

        return by_kind(self, goal)

    def _tried(self, atoms: _Atoms) -> Steps:
        """Solve what can be looked into, and try a few solutions against the code that cannot."""
        goal = Goal(frozenset(atoms.wanted), frozenset(atoms.unwanted))
        tried: list[object] = []
        certain = True
        for _ in range(_TRIES):
            outcome = yield from self._simple(goal.plus((), any_of(tried, like="itself")))
            if not isinstance(outcome, Found):
                return outcome if certain else atoms.hidden()
            said = {self.accepts(node, outcome.value) for node in atoms.code}
            unsaid = {self.accepts(node, outcome.value) for node in atoms.doubted}
            if said <= {True} and unsaid <= {False}:
                return outcome
            certain = certain and (False in said or True in unsaid)
            tried.append(outcome.value)
        return atoms.hidden()


def has_code(cls: type | None) -> bool:
    """Whether making an instance of a class runs code of the user's, which may refuse it."""
    if cls is None:
        return False
    if issubclass(cls, tuple):
        code = getattr(cls.__new__, "__code__", None)
        return cls.__init__ is not object.__init__ or code is None or code.co_filename != _namedtuple_source
    params = getattr(cls, "__dataclass_params__", None)
    plain = params is not None and params.init and "__dataclass_fields__" in vars(cls)
    return not plain or hasattr(cls, "__post_init__") or cls.__new__ is not object.__new__


_namedtuple_source = namedtuple("_namedtuple_source", "item").__new__.__code__.co_filename


class _Atoms:
    """The nodes of a goal, taken apart."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.wanted: set[Schema] = set()
        self.unwanted: set[Schema] = set()
        self.code: list[Schema] = []
        self.doubted: list[Schema] = []
        self.choices: list[tuple[tuple[Schema, bool], ...]] = []
        self.whole: list[tuple[Schema, bool]] = []

    def take(self, goal: Goal) -> bool:
        """Take a goal apart; false when it is plainly empty."""
        if goal.wanted & goal.unwanted:
            return False
        waiting = [(node, True) for node in reversed(self.search.ordered(goal.wanted))]
        waiting += [(node, False) for node in reversed(self.search.ordered(goal.unwanted))]
        seen = set()
        while waiting:
            item = waiting.pop()
            if item in seen:
                continue
            seen.add(item)
            self.search.budget.spend()
            if not self._take(*item, waiting):
                return False
        for node in self.code:
            if node in self.doubted:
                return False
        return not self.wanted & self.unwanted

    def _take(self, node: Schema, wanted: bool, waiting: list[tuple[Schema, bool]]) -> bool:
        match node:
            case Sensitive():
                waiting.append((node.base, wanted))
            case Ref():
                waiting.append((self.search.definitions[node.name], wanted))
            case Not():
                waiting.append((node.base, not wanted))
            case Anything():
                return wanted
            case Nothing():
                return not wanted
            case Union() | Intersection():
                if isinstance(node, Intersection) is wanted:
                    waiting.extend((member, wanted) for member in reversed(node.members))
                else:
                    self._choose(node, wanted, tuple((member, wanted) for member in node.members))
            case Refined():
                if wanted:
                    self.code.append(node)
                    waiting.append((node.base, True))
                else:
                    self._choose(node, wanted, ((node.base, False), (Doubt(node), True)))
            case Opaque():
                (self.code if wanted else self.doubted).append(node)
            case Doubt():
                self.doubted.append(node.base)
                if isinstance(node.base, Refined):
                    waiting.append((node.base.base, True))
                else:
                    waiting.append((Plainly(node.base), True))
            case Record() | Array() if has_code(node.cls):
                if wanted:
                    self.code.append(node)
                    waiting.append((Plainly(node), True))
                else:
                    self._choose(node, wanted, ((Plainly(node), False), (Doubt(node), True)))
            case _:
                (self.wanted if wanted else self.unwanted).add(node)
        return True

    def _choose(self, node: Schema, wanted: bool, choice: tuple[tuple[Schema, bool], ...]) -> None:
        self.choices.append(choice)
        self.whole.append((node, wanted))

    def goal(self) -> Goal:
        """The goal again, without its first choice."""
        wanted, unwanted = self.wanted.copy(), self.unwanted.copy()
        wanted.update(self.code)
        wanted.update(Doubt(node) for node in self.doubted)
        for node, positive in self.whole[1:]:
            (wanted if positive else unwanted).add(node)
        return Goal(frozenset(wanted), frozenset(unwanted))

    def hidden(self) -> Unclear:
        """What to say when only running the code could tell."""
        names = ", ".join(
            sorted({getattr(node, "id", type(node).__name__) for node in (*self.code, *self.doubted)})
        )
        return Unclear(f"it depends on code that cannot be looked into: {names}")
