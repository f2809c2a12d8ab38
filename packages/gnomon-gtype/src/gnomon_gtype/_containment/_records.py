"""Objects with keys: which keys are there, which are not, and what is at each of them.

Every name that any node knows is a place of its own, there or not; any other key is *fresh*, and what a node says of it depends only
on the patterns it matches. An unwanted node is refused by the number of keys, by a key that is missing, by a key that is there
or by the value at one. These are tried in turn for each unwanted node; places that nobody decided on stay empty.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gnomon_gtype._composites import Map, Record
from gnomon_gtype._containment._distinct import MERGED, assign, merged, supply
from gnomon_gtype._containment._entries import Entries, entries_of
from gnomon_gtype._containment._nodes import Hashable, Same, any_of
from gnomon_gtype._containment._numbers import first_of
from gnomon_gtype._containment._outcome import EMPTY, MOST_PARTS, TOO_LARGE, Empty, Found, Outcome, Unclear
from gnomon_gtype._containment._search import Answer, Goal, Search, Steps, ask
from gnomon_gtype._scalars import Float, String
from gnomon_gtype._schema import Schema

_MOST_KEYS = 2_000
_GIVEN = Unclear("it depends on mappings whose keys are no text differing from each other")


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A key that no node knows by name.

    Args:
        key: the goal of the key.
        value: the goal of its value, as far as it does not depend on patterns.
    """

    key: Goal
    value: Goal

    def joined(self, other: _Fresh) -> _Fresh:
        """One key that is both."""
        return _Fresh(self.key.plus(*other.key), self.value.plus(*other.value))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What has been decided about an object so far.

    Args:
        there: the names that are there, each with the goal of its value.
        missing: the names that are not.
        fresh: other keys that are there.
        low: fewest keys.
        high: most keys.
    """

    there: Mapping[str, Goal]
    missing: frozenset[str] = frozenset()
    fresh: tuple[_Fresh, ...] = ()
    low: int = 0
    high: int | None = None

    @property
    def fewest(self) -> int:
        """How many keys are sure to be there."""
        return len(self.there) + len(self.fresh)


_Options = Generator[Goal, Answer, list[_Plan | Unclear]]


def objects(search: Search, _: Any, wanted: list[Any], unwanted: list[Any]) -> Steps:
    """Dicts."""
    alone = [node.value for node in wanted if isinstance(node, Same)]
    if alone:
        return first_of(search, alone, wanted, unwanted)
    shapes = [entries_of(node) for node in wanted]
    against = [entries_of(node) for node in unwanted if not isinstance(node, Same)]
    # what a record says about keys that are no text it says by the way; such keys are a matter of maps alone
    texts = search.channel == "json" or any(isinstance(node, Record) for node in wanted)
    outcome = yield from _Object(search, shapes, against, texts=texts).steps()
    maps = [node for node in wanted if isinstance(node, Map)]
    if isinstance(outcome, Empty) and not texts and not any(isinstance(node.keys, Float) for node in maps):
        keys = Goal(frozenset({Hashable(), *(node.keys for node in maps)}))
        nodes = [node.keys for node in unwanted if isinstance(node, Map)]
        return (yield from merged(search, nodes, keys, lambda *pair: dict.fromkeys(pair), wanted, unwanted))
    given = [node for node in unwanted if isinstance(node, Same)]
    if isinstance(outcome, Found) and any(search.accepts(node, outcome.value) for node in given):
        return _GIVEN
    return outcome


def instances(search: Search, kind: Any, wanted: list[Any], unwanted: list[Any]) -> Steps:
    """Instances of a dataclass: objects whose keys are their attributes, all there unless nobody asks for them."""
    shapes = [replace(entries_of(node), closed=False) for node in wanted if isinstance(node, Record)]
    shapes = [
        replace(shape, fields={name: (node, True) for name, (node, _) in shape.fields.items()})
        for shape in shapes
    ]
    against = [replace(entries_of(node), closed=False) for node in unwanted if isinstance(node, Record)]
    outcome = yield from _Object(search, shapes, against, texts=True).steps()
    if not isinstance(outcome, Found):
        return outcome
    made = object.__new__(kind[1])
    for name, value in outcome.value.items():
        object.__setattr__(made, name, value)
    if all(search.accepts(node, made) for node in wanted) and not any(
        search.accepts(node, made) for node in unwanted
    ):
        return Found(made, outcome.size)
    return Unclear(f"no instance of {kind[1].__name__} could be made that shows it")


@dataclass(slots=True)
class _Object:
    search: Search
    wanted: list[Entries]
    unwanted: list[Entries]
    texts: bool
    names: list[str] = field(init=False)
    goals: dict[str, Goal] = field(init=False)

    def __post_init__(self) -> None:
        self.names = list(
            dict.fromkeys(name for shape in (*self.wanted, *self.unwanted) for name in shape.fields)
        )
        self.goals = {}
        for name in self.names:
            goal = self._goal(name)
            if goal is not None:
                self.goals[name] = goal

    def _goal(self, name: str) -> Goal | None:
        """The goal of the value at a name, `None` when the name cannot be there."""
        nodes: set[Schema] = set()
        for shape in self.wanted:
            found = shape.at(name)
            if found is None or self._refuses_key(shape, name):
                return None
            nodes.update(found)
        return Goal(frozenset(nodes))

    def _refuses_key(self, shape: Entries, name: str) -> bool:
        return shape.keys is not None and self.search.accepts(shape.keys, name) is False

    def steps(self) -> Steps:
        """Settle the goal."""
        lows = [shape.low for shape in self.wanted]
        highs = [shape.high for shape in self.wanted if shape.high is not None]
        there: dict[str, Goal] = {}
        last: Outcome | None = None
        for name in self.names:
            if not any(shape.requires(name) for shape in self.wanted):
                continue
            if name not in self.goals:
                return EMPTY
            outcome = yield from ask(self.goals[name])
            if isinstance(outcome, Empty):
                return outcome
            last = outcome if isinstance(outcome, Unclear) else last
            there[name] = self.goals[name]
        if last is not None:
            return last
        plan = _Plan(there, low=max(lows, default=0), high=min(highs, default=None))
        return (yield from self._refuse(plan, self.unwanted))

    def _refuse(self, plan: _Plan, left: list[Entries]) -> Steps:
        """Give each shape that is left its reason to refuse, then fill in keys and values."""
        if plan.high is not None and max(plan.fewest, plan.low) > plan.high:
            return EMPTY
        if not left:
            return (yield from self._filled(plan))
        shape, *others = left
        if (yield from self._is_refused(plan, shape)):
            return (yield from self._refuse(plan, others))
        last: Outcome = EMPTY
        for option in (yield from self._options(plan, shape)):
            self.search.budget.spend()
            outcome = option if isinstance(option, Unclear) else (yield from self._refuse(option, others))
            if isinstance(outcome, Found):
                return outcome
            if isinstance(outcome, Unclear):
                last = outcome
        return last

    def _is_refused(self, plan: _Plan, shape: Entries) -> Generator[Goal, Answer, bool]:
        """Whether a shape refuses every object of the plan."""
        if plan.high is not None and plan.high < shape.low:
            return True
        if shape.high is not None and max(plan.low, plan.fewest) > shape.high:
            return True
        if any(shape.requires(name) for name in self.names if name in plan.missing or name not in self.goals):
            return True
        for name, goal in plan.there.items():
            nodes = shape.at(name)
            if nodes is None or self._refuses_key(shape, name):
                return True
            for node in nodes:
                answer = yield goal.plus((node,))
                if answer.firm and isinstance(answer.outcome, Empty):
                    return True
        return False

    def _options(self, plan: _Plan, shape: Entries) -> _Options:
        """Every way in which a shape can refuse an object, as plans in which it does."""
        found: list[_Plan | Unclear] = []
        for name in self.names:
            if name not in self.goals or name in plan.missing:
                continue
            if name not in plan.there and shape.requires(name):
                found.append(replace(plan, missing=plan.missing | {name}))
            found += yield from self._by_value(plan, shape, name)
        for key, values in self._by_fresh(shape):
            found += yield from self._with_fresh(plan, key, values)
        if shape.low:
            high = shape.low - 1 if plan.high is None else min(plan.high, shape.low - 1)
            found.append(replace(plan, high=high))
        if shape.high is not None:
            found.append(replace(plan, low=max(plan.low, shape.high + 1)))
        return found

    def _by_value(self, plan: _Plan, shape: Entries, name: str) -> _Options:
        """Plans in which a shape refuses a name that is there, or its value."""
        found: list[_Plan | Unclear] = []
        goal = plan.there.get(name, self.goals[name])
        nodes = shape.at(name)
        banned = nodes is None or self._refuses_key(shape, name)
        for extra in ((),) if banned else [(node,) for node in nodes or ()]:
            refusing = goal.plus((), extra)
            outcome = yield from ask(refusing)
            if isinstance(outcome, Found):
                found.append(replace(plan, there={**plan.there, name: refusing}))
            elif isinstance(outcome, Unclear):
                found.append(outcome)
        return found

    def _by_fresh(self, shape: Entries) -> Iterator[tuple[Goal, tuple[Schema, ...]]]:
        """What a fresh key and its value can be for a shape to refuse them: the key's goal, and nodes the value is not of."""
        if shape.keys is not None:
            yield Goal(frozenset(), frozenset((shape.keys,))), ()
        if shape.texts and not self.texts:
            yield Goal(frozenset(), frozenset((String(),))), ()
        for pattern, node in shape.patterns:
            yield Goal(frozenset((String(patterns=(pattern,)),))), (node,)
        if shape.closed or shape.rest is not None:
            unknown = frozenset(String(patterns=(pattern,)) for pattern, _ in shape.patterns)
            yield Goal(frozenset(), unknown), () if shape.rest is None else (shape.rest,)

    def _with_fresh(self, plan: _Plan, key: Goal, values: tuple[Schema, ...]) -> _Options:
        """Plans with one more fresh key, or with one of the fresh keys being this one too."""
        found: list[_Plan | Unclear] = []
        base = Goal(frozenset(), frozenset(values))
        alone = self._fresh().joined(_Fresh(key, base))
        sort = yield from self._pairs(alone, 1, ())
        if not sort.pairs:
            return [] if sort.more is None else [sort.more]
        found.append(replace(plan, fresh=(*plan.fresh, alone)))
        for place, known in enumerate(plan.fresh):
            both = known.joined(_Fresh(key, base))
            found.append(replace(plan, fresh=(*plan.fresh[:place], both, *plan.fresh[place + 1 :])))
        return found

    def _fresh(self) -> _Fresh:
        """Any key that no node knows by name."""
        nodes: set[Schema] = {shape.keys for shape in self.wanted if shape.keys is not None}
        nodes.add(String() if self.texts else Hashable())
        return _Fresh(Goal(frozenset(nodes), frozenset(any_of(self.names, like="python"))), Goal(frozenset()))

    def _pairs(self, fresh: _Fresh, number: int, taken: tuple[Any, ...]) -> Generator[Goal, Answer, _Pairs]:
        """Up to so many fresh keys that differ, each with a value.

        What the wanted nodes ask of the value depends on which of their patterns the key matches, so keys are looked for
        separately for every combination of these.
        """
        found = _Pairs()
        patterns = list(dict.fromkeys(pattern for shape in self.wanted for pattern, _ in shape.patterns))
        if len(patterns) > _MOST_PATTERNS:
            return _Pairs(more=_PATTERNS)
        for signs in itertools.product((False, True), repeat=len(patterns)):
            matched = {pattern for pattern, sign in zip(patterns, signs, strict=True) if sign}
            nodes = self._nodes_of(matched)
            if nodes is None:
                continue
            value = yield from ask(fresh.value.plus(nodes))
            if isinstance(value, Empty):
                continue
            key = fresh.key.plus(
                (String(patterns=(pattern,)) for pattern in sorted(matched)),
                (
                    *(String(patterns=(pattern,)) for pattern in patterns if pattern not in matched),
                    *any_of(taken, like="python"),
                ),
            )
            keys = yield from supply(key, number - len(found.pairs), like="python")
            if isinstance(value, Unclear):
                found.more = value if keys.values or keys.more else found.more
                continue
            found.pairs += [(item, value) for item in keys.values]
            if len(found.pairs) >= number:
                return found
            found.more = keys.more or found.more
        return found

    def _nodes_of(self, matched: set[str]) -> list[Schema] | None:
        """The nodes of the value at a fresh key that matches some patterns, `None` when such a key is not allowed."""
        nodes: list[Schema] = []
        for shape in self.wanted:
            own = [node for pattern, node in shape.patterns if pattern in matched]
            if not own and shape.closed:
                return None
            nodes += own if own or shape.rest is None else [shape.rest]
        return nodes

    def _filled(self, plan: _Plan) -> Steps:
        """The object, once every goal is known: with names and fresh keys added until there are enough."""
        entries: dict[Any, Found] = {}
        for name, goal in plan.there.items():
            outcome = yield from ask(goal)
            assert isinstance(
                outcome, Found
            )  # no goal enters a plan before it has been found to have a value
            entries[name] = outcome
        fresh = yield from self._assigned(plan.fresh)
        if not isinstance(fresh, list):
            return fresh
        entries.update((key.value, value) for key, value in fresh)
        if plan.low - len(entries) > _MOST_KEYS:
            return TOO_LARGE
        vague: Outcome = EMPTY
        for name in self.names:
            if (
                len(entries) < plan.low
                and name in self.goals
                and name not in entries
                and name not in plan.missing
            ):
                outcome = yield from ask(self.goals[name])
                if isinstance(outcome, Found):
                    entries[name] = outcome
                elif isinstance(outcome, Unclear):
                    vague = outcome
        if len(entries) < plan.low:
            more = yield from self._pairs(
                self._fresh(), plan.low - len(entries), tuple(key.value for key, _ in fresh)
            )
            if len(more.pairs) < plan.low - len(entries):
                return more.more or vague
            entries.update((key.value, value) for key, value in more.pairs)
        size = 1 + len(entries) + sum(item.size for item in entries.values())
        return (
            TOO_LARGE
            if size > MOST_PARTS
            else Found({key: item.value for key, item in entries.items()}, size)
        )

    def _assigned(self, fresh: tuple[_Fresh, ...]) -> Generator[Goal, Answer, list[_Pair] | Empty | Unclear]:
        """A key of its own, and a value, for each fresh key."""
        choices: list[list[_Pair]] = []
        more: Unclear | None = None
        for each in fresh:
            pairs = yield from self._pairs(each, len(fresh), ())
            choices.append(pairs.pairs)
            if len({key.value for key, _ in pairs.pairs}) < len(fresh):
                more = pairs.more or more
            if len({key.value for key, _ in pairs.pairs}) < len(pairs.pairs):
                more = MERGED
        chosen = assign(choices, lambda pair: pair[0].value, self.search.budget)
        return chosen if chosen is not None else more or EMPTY


_Pair = tuple[Found, Found]
_MOST_PATTERNS = 8
_PATTERNS = Unclear("it depends on more patterns of keys than are tried in combination")


@dataclass(slots=True)
class _Pairs:
    """Keys that differ, each with a value, and why there may be more of them, `None` when these are all."""

    pairs: list[_Pair] = field(default_factory=list)
    more: Unclear | None = None
