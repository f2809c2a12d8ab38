"""Sequences and sets: lengths first, then a place for every refusal, then the items themselves.

An unwanted array is refused by the length, by one item, by two equal items, or by how many items are of some type. For each length
that makes a difference these are tried in turn, item by item. Places in the middle of arrays, where every node asks the same of
all, are alike, so only one untouched place of them is tried.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any

from gnomon_gtype import _checks as checks
from gnomon_gtype._composites import Set
from gnomon_gtype._containment._distinct import MERGED, Supply, assign, merged, supply
from gnomon_gtype._containment._nodes import Hashable
from gnomon_gtype._containment._outcome import EMPTY, MOST_PARTS, TOO_LARGE, Empty, Found, Outcome, Unclear
from gnomon_gtype._containment._rows import Counts, Shape, lengths, shape_of
from gnomon_gtype._containment._search import LISTED, NUMBERLESS, SIMPLE, Answer, Goal, Search, Steps, ask
from gnomon_gtype._scalars import Float
from gnomon_gtype._schema import Schema

_MOST_COUNTED = 4
_MOST_WAYS = 512
_MOST_DIFFERENT = 2_000
_EQUAL_AS_ITEMS = 4
"""How many values may be equal as items, for all that is tried: `1`, `1.0`, and each in a list and in a tuple."""
_COUNTED = Unclear("it depends on how many items of an array match, in more ways than are tried")
_NUMERIC = Unclear("it depends on whether two items of different types can be equal, such as 1 and 1.0")


def arrays(search: Search, kind: Any, wanted: list[Any], unwanted: list[Any]) -> Steps:
    """Values of a class of sequences or sets."""
    hashable = kind in ("set", "frozenset") or any(isinstance(node, Hashable) for node in wanted)
    shapes = [shape_of(node) for node in wanted if not isinstance(node, Hashable)]
    against = [shape_of(node) for node in unwanted]
    last: Outcome = EMPTY
    for length in lengths(kind, shapes, against):
        outcome = yield from _Row(search, kind, shapes, against, length, hashable=hashable).steps()
        if isinstance(outcome, Found):
            return outcome
        if isinstance(outcome, Unclear):
            last = outcome
        if outcome is TOO_LARGE:
            break
    plain = any(isinstance(node, Set) and isinstance(node.items, Float) for node in wanted)
    if kind not in _CLASSES or plain or isinstance(last, Unclear):
        return last
    items = Goal(frozenset({Hashable(), *(node.items for node in wanted if isinstance(node, Set))}))
    nodes = [node.items for node in unwanted]
    return (yield from merged(search, nodes, items, lambda *pair: _CLASSES[kind](pair), wanted, unwanted))


_CLASSES: dict[Any, type[Any]] = {"set": set, "frozenset": frozenset}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What has been decided about the items so far.

    Args:
        goals: the goal of each place.
        touched: the places that a refusal stands at.
        twins: pairs of places that hold equal items.
        counts: `(node, fewest, most)` triples that the items keep.
    """

    goals: tuple[Goal, ...]
    touched: frozenset[int] = frozenset()
    twins: tuple[tuple[int, int], ...] = ()
    counts: Counts = ()

    def same(self, place: int) -> frozenset[int]:
        """The places that hold an item equal to the one at a place, itself included."""
        found = {place}
        for _ in self.twins:
            for pair in self.twins:
                found |= {*pair} if found & {*pair} else set()
        return frozenset(found)

    def with_goal(self, place: int, goal: Goal) -> _Plan:
        """The plan with another goal at a place, and at those that hold an equal item."""
        same = self.same(place)
        goals = tuple(goal if index in same else each for index, each in enumerate(self.goals))
        return replace(self, goals=goals, touched=self.touched | same)


@dataclass(slots=True)
class _Row:
    """The sequences of one length.

    Places are those of the shortest sequence that has all sorts of them; `filler` more are like the last in the middle.
    """

    search: Search
    kind: Any
    wanted: list[Shape]
    unwanted: list[Shape]
    length: int
    hashable: bool
    places: list[int] = field(init=False)
    alike: range = field(init=False)
    filler: int = field(init=False)

    def __post_init__(self) -> None:
        shapes = [*self.wanted, *(shape for shape in self.unwanted if shape.takes(self.length))]
        start = min(self.length, max((len(shape.prefix) for shape in shapes), default=0))
        end = max(start, self.length - max((len(shape.suffix) for shape in shapes), default=0))
        counted = any(shape.contains for shape in shapes)
        needed = _MOST_DIFFERENT + 1 if counted else sum(1 + 2 * shape.unique for shape in self.unwanted)
        shown = min(end - start, needed)
        self.search.budget.spend(1 + start + shown + self.length - end)
        self.places = [*range(start + shown), *range(end, self.length)]
        self.alike = range(start, start + shown)
        self.filler = end - start - shown

    @property
    def different(self) -> bool:
        """Whether all items must differ."""
        return self.kind in ("set", "frozenset") or any(shape.unique for shape in self.wanted)

    def steps(self) -> Steps:
        """Settle this length."""
        if len(self.places) > _MOST_DIFFERENT:
            return TOO_LARGE
        goals = tuple(self._goal(index) for index in self.places)
        last: Outcome | None = None
        for goal in (*goals, *([self._goal(self.alike.start)] if self.filler else [])):
            outcome = yield from ask(goal)
            if isinstance(outcome, Empty):
                return outcome
            last = outcome if isinstance(outcome, Unclear) else last
        if last is not None:
            return last
        counts = tuple(count for shape in self.wanted for count in shape.contains)
        left = [shape for shape in self.unwanted if shape.takes(self.length)]
        return (yield from self._refuse(_Plan(goals, counts=counts), left))

    def _goal(self, index: int) -> Goal:
        nodes = {shape.at(self.length, index) for shape in self.wanted}
        return Goal(frozenset(nodes | {Hashable()} if self.hashable else nodes))

    def _refuse(self, plan: _Plan, left: list[Shape]) -> Steps:
        """Give each shape that is left its reason to refuse, then fill in the items."""
        if not left:
            return (yield from self._filled(plan))
        shape, *others = left
        nodes = [shape.at(self.length, index) for index in self.places]
        for goal, node in zip(plan.goals, nodes, strict=True):
            answer = yield goal.plus((node,))
            if answer.firm and isinstance(answer.outcome, Empty):
                return (yield from self._refuse(plan, others))
        last: Outcome = EMPTY
        for option in (yield from self._options(plan, shape, nodes)):
            self.search.budget.spend()
            outcome = option if isinstance(option, Unclear) else (yield from self._refuse(option, others))
            if isinstance(outcome, Found):
                return outcome
            if isinstance(outcome, Unclear):
                last = outcome
        return last

    def _options(self, plan: _Plan, shape: Shape, nodes: list[Schema]) -> _Options:
        """Every way in which a shape can refuse the items, as plans in which it does."""
        found: list[_Plan | Unclear] = []
        untouched = False
        for place, node in enumerate(nodes):
            if self.places[place] in self.alike and place not in plan.touched:
                if untouched:
                    continue
                untouched = True
            goal = plan.goals[place].plus((), (node,))
            outcome = yield from ask(goal)
            if isinstance(outcome, Found):
                found.append(plan.with_goal(place, goal))
            elif isinstance(outcome, Unclear):
                found.append(outcome)
        for node, fewest, most in shape.contains:
            if fewest:
                found.append(replace(plan, counts=(*plan.counts, (node, 0, fewest - 1))))
            if most is not None:
                found.append(replace(plan, counts=(*plan.counts, (node, most + 1, None))))
        if shape.unique and not self.different:
            found += yield from self._twins(plan)
        return found

    def _twins(self, plan: _Plan) -> _Options:
        """Plans in which two places hold equal items."""
        found: list[_Plan | Unclear] = []
        spare = [
            place
            for place, index in enumerate(self.places)
            if index in self.alike and place not in plan.touched
        ]
        pairs = itertools.combinations(
            [place for place in range(len(self.places)) if place not in spare[2:]], 2
        )
        for one, other in pairs:
            joint = Goal(
                plan.goals[one].wanted | plan.goals[other].wanted,
                plan.goals[one].unwanted | plan.goals[other].unwanted,
            )
            outcome = yield from ask(joint)
            if isinstance(outcome, Found):
                linked = replace(plan, twins=(*plan.twins, (one, other)))
                found.append(linked.with_goal(one, joint))
            elif isinstance(outcome, Unclear):
                found.append(outcome)
            else:
                if not (yield from self._never_equal(plan.goals[one], plan.goals[other])):
                    found.append(_NUMERIC)
        return found

    def _never_equal(self, one: Goal, other: Goal) -> Generator[Goal, Answer, bool]:
        """Whether no value of one goal is equal to a value of another that it is not the same as."""
        outside = []
        for nodes in ((SIMPLE,), (NUMBERLESS,), (LISTED,)):
            left = yield from ask(one.plus((), nodes))
            right = yield from ask(other.plus((), nodes))
            outside.append([not isinstance(each, Empty) for each in (left, right)])
        simple, numberless, listed = outside
        return not all(simple) or (not all(numberless) and not any(listed))

    def _filled(self, plan: _Plan) -> Steps:
        """The items, once every goal is known."""
        if not plan.counts:
            return (yield from self._items(plan))
        if len(plan.counts) > _MOST_COUNTED:
            return _COUNTED
        uncounted = yield from self._items(plan)
        if not isinstance(uncounted, Found):
            return uncounted
        plans, complete = yield from self._counted(plan)
        for counted in plans:
            outcome = yield from self._items(counted)
            if not isinstance(outcome, Empty):
                return outcome
        return EMPTY if complete else _COUNTED

    def _items(self, plan: _Plan) -> Steps:
        if self.different:
            return (yield from self._different(plan))
        filler = [self._goal(self.alike.start)] if self.filler else []
        parts: list[Found] = []
        for goal in (*plan.goals, *filler):
            parts += [(yield from self._known(goal))]
        place = len(plan.goals)
        return self._built(parts[:place], parts[place:] * min(self.filler, MOST_PARTS))

    def _known(self, goal: Goal) -> Generator[Goal, Answer, Found]:
        """The value of a goal: no goal enters a plan before it has been found to have one."""
        outcome = yield from ask(goal)
        assert isinstance(outcome, Found)
        return outcome

    def _different(self, plan: _Plan) -> Steps:
        """Items of which no two are equal."""
        if self.length > _MOST_DIFFERENT:
            return TOO_LARGE
        goals = [*plan.goals, *(self._goal(self.alike.start) for _ in range(self.filler))]
        # values that differ and are equal as items, such as a list and a tuple, leave too few: then more are asked for, once
        for number in (self.length, self.length * _EQUAL_AS_ITEMS):
            outcome = yield from self._chosen(plan, goals, number)
            if outcome is not MERGED:
                break
        return outcome

    def _chosen(self, plan: _Plan, goals: list[Goal], number: int) -> Steps:
        """Different items out of so many values of each goal."""
        supplies: dict[Goal, Supply] = {}
        python = self.kind in ("set", "frozenset")
        for goal in goals:
            if goal not in supplies:
                supplies[goal] = yield from supply(goal, number, like="python" if python else "json")
        key = _by_value if python else checks.json_key
        chosen = assign(
            [supplies[goal].values for goal in goals], lambda item: key(item.value), self.search.budget
        )
        if chosen is not None:
            return self._built(chosen[: len(plan.goals)], chosen[len(plan.goals) :])
        some = supplies.values()
        if all(each.more is None and len(each.values) < number for each in some):
            return EMPTY  # these are all values that there are
        if any(len({key(item.value) for item in each.values}) < len(each.values) for each in some):
            return MERGED
        unclear = [each.more for each in some if each.more and len(each.values) < number]
        return unclear[0] if unclear else EMPTY

    def _counted(self, plan: _Plan) -> Generator[Goal, Answer, tuple[list[_Plan], bool]]:
        """Plans in which every place either matches each counted node or does not, so that all counts are kept.

        Where items need not differ one such plan is as good as any; else there is one for every way, if these are not too many.
        """
        groups: list[tuple[int, list[tuple[tuple[bool, ...], Goal]]]] = []
        complete = True
        for place in range(len(plan.goals)):
            group = plan.same(place)
            if min(group) == place:
                options, clear = yield from self._signs(plan.goals[place], plan.counts)
                groups.append((len(group), options))
                complete = complete and clear
        every = self.different and math.prod(len(options) for _, options in groups) <= _MOST_WAYS
        # how many items match, counted up to where more make no difference, and what was chosen for each group to come there
        enough = [fewest if most is None else most + 1 for _, fewest, most in plan.counts]
        reached: dict[tuple[int, ...], list[tuple[Goal, ...]]] = {(0,) * len(enough): [()]}
        for size, options in groups:
            following: dict[tuple[int, ...], list[tuple[Goal, ...]]] = {}
            for numbers, ways in reached.items():
                for signs, goal in options:
                    self.search.budget.spend(len(ways))
                    after = tuple(
                        min(number + size * sign, most)
                        for number, sign, most in zip(numbers, signs, enough, strict=True)
                    )
                    known = following.setdefault(after, [])
                    known.extend((*way, goal) for way in (ways if every else ways[: 1 - len(known)]))
            reached = following
        leaders = [place for place in range(len(plan.goals)) if min(plan.same(place)) == place]
        plans = []
        for numbers, ways in reached.items():
            if all(
                fewest <= number and (most is None or number <= most)
                for number, (_, fewest, most) in zip(numbers, plan.counts, strict=True)
            ):
                for way in ways:
                    made = plan
                    for place, goal in zip(leaders, way, strict=True):
                        made = made.with_goal(place, goal)
                    plans.append(made)
        return plans, complete and (every or not self.different or not plans)

    def _signs(
        self, goal: Goal, counts: Counts
    ) -> Generator[Goal, Answer, tuple[list[tuple[tuple[bool, ...], Goal]], bool]]:
        """The ways in which an item can match some of the counted nodes and not the others, and whether that is all of them."""
        clear = True
        nodes = [node for node, _, _ in counts]
        found: list[tuple[tuple[bool, ...], Goal]] = []
        for signs in itertools.product((False, True), repeat=len(nodes)):
            pairs = list(zip(nodes, signs, strict=True))
            signed = goal.plus(
                (node for node, sign in pairs if sign), (node for node, sign in pairs if not sign)
            )
            outcome = yield from ask(signed)
            if isinstance(outcome, Found):
                found.append((signs, signed))
            clear = clear and not isinstance(outcome, Unclear)
        return found, clear

    def _built(self, parts: list[Found], filler: list[Found]) -> Outcome:
        """The value of some items."""
        place = self.alike.stop
        items = [*parts[:place], *filler, *parts[place:]]
        size = 1 + sum(item.size for item in items)
        if size > MOST_PARTS:
            return TOO_LARGE
        return Found(
            _CONTAINERS[self.kind[0] if isinstance(self.kind, tuple) else self.kind](
                self.kind, [item.value for item in items]
            ),
            size,
        )


_Options = Generator[Goal, Answer, list[_Plan | Unclear]]
_CONTAINERS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "list": lambda _, items: items,
    "tuple": lambda _, items: tuple(items),
    "set": lambda _, items: set(items),
    "frozenset": lambda _, items: frozenset(items),
    "namedtuple": lambda kind, items: tuple.__new__(kind[1], items),
}


def _by_value(value: Any) -> Any:
    return value
