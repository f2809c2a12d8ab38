"""Text and bytes: lengths, patterns, formats and single texts that are not meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gnomon_gtype import _checks as checks
from gnomon_gtype._composites import Spelled
from gnomon_gtype._containment._automaton import TextQuestion
from gnomon_gtype._containment._nodes import any_of
from gnomon_gtype._containment._numbers import Range, first_of, literals, solve
from gnomon_gtype._containment._outcome import EMPTY, MOST_PARTS, TOO_LARGE, Empty, Found, Outcome, Unclear
from gnomon_gtype._containment._search import Goal, Search
from gnomon_gtype._formats import FORMATS
from gnomon_gtype._scalars import (
    Date,
    DateTime,
    DecimalNumber,
    Duration,
    IpAddress,
    Literal,
    String,
    Time,
)
from gnomon_gtype._schema import Schema
from gnomon_gtype._serialize import jsonable

_TRIES = 8
# every JSON text has this form, and some others do: a check tells them apart
_JSON_FORM = (
    r"^[ \t\n\r]*(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null"
    r'|"(?s:.*)"|\[(?s:.*)\]|\{(?s:.*)\})[ \t\n\r]*$'
)
_SAMPLES = ("(", "null", "0", "[]", "{}", '""', "true", "[0]", '"a"', "[[]]", "10", "[0,0]")


def texts(search: Search, _: Any, wanted: list[Any], unwanted: list[Any]) -> Outcome:
    """Strings."""
    given = literals(wanted, str)
    if given is not None:
        return first_of(search, given, wanted, unwanted)
    checked = any(
        node.format is not None and FORMATS[node.format].check for node in _strings([*wanted, *unwanted])
    ) or any(isinstance(node, Spelled) for node in unwanted)
    if checked:
        sample = first_of(search, _SAMPLES, wanted, unwanted)
        if isinstance(sample, Found):
            return sample
    excluded = {
        value for node in unwanted if isinstance(node, Literal) for value in node.values if type(value) is str
    }
    spelled = [node for node in wanted if isinstance(node, Spelled)]
    outcome = _written_out(search, wanted, unwanted, _TRIES + len(excluded)) if spelled else None
    if outcome is not None:
        return outcome
    question = TextQuestion(excluded=frozenset(excluded))
    forms = (FORMS.get(type(node.base), "") for node in spelled)
    for node in (*_strings(wanted), *(String(patterns=(form,)) for form in forms if form)):
        question = _also(question, node)
    return _any(search, question, [*_strings(unwanted)], wanted, unwanted)


FORMS: dict[type[Schema], str] = {
    Date: checks.DATE,
    Time: checks.TIME,
    DateTime: checks.DATETIME,
    Duration: checks.DURATION,
    DecimalNumber: checks.DECIMAL,
}
"""What the text of values has to look like, beside standing for one."""


def _written_out(search: Search, wanted: list[Any], unwanted: list[Any], tries: int) -> Outcome | None:
    """A text that stands for a value, found as that value; `None` when the value alone does not settle it."""
    spelled = [node.base for node in wanted if isinstance(node, Spelled)]
    family = _family(spelled[0])
    own = frozenset(node for node in spelled if _family(node) == family)
    others = (node.base for node in unwanted if isinstance(node, Spelled))
    goal = Goal(own, frozenset(node for node in others if _family(node) == family))
    values = Search({}, "python", search.budget)
    tried: list[Any] = []
    for _ in range(tries):
        outcome = values.settle(goal.plus((), any_of(tried, like="itself")))
        if not isinstance(outcome, Found):
            # two texts may stand for one value, unless it is a date
            certain = isinstance(outcome, Empty) and (not tried or isinstance(spelled[0], Date))
            return outcome if certain else None
        text = jsonable(spelled[0], outcome.value, {})
        if isinstance(first_of(search, (text,), wanted, unwanted), Found):
            return Found(text)
        tried.append(outcome.value)
    return None


def _family(node: Schema) -> Any:
    """What has to be the same for two nodes to read every text in the same way."""
    return (node.kind, node.version) if isinstance(node, IpAddress) else type(node)


def _strings(nodes: list[Any]) -> Iterator[String]:
    return (node for node in nodes if isinstance(node, String))


def _also(question: TextQuestion, node: String) -> TextQuestion:
    """The question with everything that a node demands, but for the check of its format."""
    question = _within(question, node.min_length, node.max_length)
    question = replace(question, found=question.found.union(node.patterns))
    if node.format is None:
        return question
    item = FORMATS[node.format]
    question = _within(question, item.min_length, item.max_length)
    pattern = _JSON_FORM if item.name == "json" else item.pattern
    return replace(question, found=question.found | {pattern})


def _within(question: TextQuestion, fewest: int, most: int | None) -> TextQuestion:
    if most is not None and question.most is not None:
        most = min(most, question.most)
    return replace(
        question, fewest=max(question.fewest, fewest), most=question.most if most is None else most
    )


def _any(
    search: Search, question: TextQuestion, left: list[String], wanted: list[Any], unwanted: list[Any]
) -> Outcome:
    """A text that answers the question and that none of the nodes that are left accepts."""
    if (question.most is not None and question.most < question.fewest) or question.found & question.missing:
        return EMPTY
    if not left:
        return _confirmed(search, question, wanted, unwanted)
    last: Outcome = EMPTY
    for alternative in _refusals(question, left[0]):
        search.budget.spend()
        outcome = _any(search, alternative, left[1:], wanted, unwanted)
        if isinstance(outcome, Found):
            return outcome
        if isinstance(outcome, Unclear):
            last = outcome
    return last


def _refusals(question: TextQuestion, node: String) -> Iterator[TextQuestion]:
    """The question, narrowed in each of the ways in which a node can refuse a text."""
    item = None if node.format is None else FORMATS[node.format]
    patterns = [*node.patterns, *([item.pattern] if item is not None and item.check is None else [])]
    fewest = max(node.min_length, 0 if item is None else item.min_length)
    longest = [
        most for most in (node.max_length, None if item is None else item.max_length) if most is not None
    ]
    refused = question.missing.intersection(patterns)
    if refused or (question.most is not None and question.most < fewest):
        yield question
        return
    if fewest > 0:
        yield _within(question, 0, fewest - 1)
    if longest:
        yield _within(question, min(longest) + 1, None)
    for pattern in patterns:
        yield replace(question, missing=question.missing | {pattern})
    if item is not None and item.check is not None:
        yield question


def _confirmed(search: Search, question: TextQuestion, wanted: list[Any], unwanted: list[Any]) -> Outcome:
    """An answer that keeps the checks of formats too, which no automaton knows."""
    for _ in range(_TRIES):
        outcome = question.answer(search.budget)
        if not isinstance(outcome, Found) or isinstance(
            first_of(search, (outcome.value,), wanted, unwanted), Found
        ):
            return outcome
        question = replace(question, excluded=question.excluded | {outcome.value})
    return Unclear("it depends on a format that is no regular language")


def blobs(search: Search, _: Any, wanted: list[Any], unwanted: list[Any]) -> Outcome:
    """Bytes, which only their length and literals tell apart."""
    given = literals(wanted, bytes)
    if given is not None:
        return first_of(search, given, wanted, unwanted)
    points = {
        value
        for node in unwanted
        if isinstance(node, Literal)
        for value in node.values
        if type(value) is bytes
    }
    ranges = [Range(node.min_length, node.max_length) for node in unwanted if not isinstance(node, Literal)]
    owned = [Range(0, None), *(Range(node.min_length, node.max_length) for node in wanted)]
    full = {
        length
        for length in {len(point) for point in points}
        if sum(len(p) == length for p in points) == 256**length
    }
    outcome = solve(owned, ranges, full, search.budget)
    if not isinstance(outcome, Found):
        return outcome
    if outcome.value > MOST_PARTS:
        return TOO_LARGE
    return Found(next(blob for blob in _blobs(outcome.value) if blob not in points))


def _blobs(length: int) -> Iterator[bytes]:
    number = 0
    while True:
        yield bytes(length - min(length, 8)) + (number.to_bytes(8, "big")[8 - min(length, 8) :])
        number += 1
