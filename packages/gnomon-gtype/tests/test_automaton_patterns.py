r"""Patterns as automata: the same texts as the engine, shortest first, within a budget."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gnomon_gtype._containment._alphabet import (
    EVERY,
    char_set,
    classes_of,
    complement,
    contains_char,
    members_of,
    representative,
    single,
)
from gnomon_gtype._containment._automaton import Program, TextQuestion
from gnomon_gtype._containment._outcome import EMPTY, TOO_LARGE, Budget, Exhausted, Found, Unclear
from gnomon_gtype._containment._pattern import Chars, NotModelled, parse
from gnomon_gtype._patterns import check_pattern, found_in
from gnomon_gtype.schema import FORMATS

BUDGET = 1_000_000


def shortest(**asked: object) -> object:
    """The text found, `None` for none, or the reason."""
    sets = {name: frozenset(asked.pop(name, ())) for name in ("found", "missing", "excluded")}  # type: ignore[call-overload]
    outcome = TextQuestion(**sets, **asked).answer(Budget(BUDGET))  # type: ignore[arg-type]
    return outcome.value if isinstance(outcome, Found) else None if outcome == EMPTY else outcome


SAME = [
    "",
    "a",
    "^a$",
    "^a*$",
    "^(?:ab|ba)+$",
    "a{2}",
    "^a{2,3}$",
    "^a{2,}$",
    "^a{0}$",
    "^a{1, 2}$",
    "a**",
    "^a+?b??$",
    "|a",
    "^(|a)$",
    "(?:)",
    "()",
    "(?P<name>a)b",
    "(?<name>a)b",
    "(?i)ab",
    "(?i:a)b",
    "(?i)a(?-i)b",
    "(?i)[a-c]k",
    "(?i)é",
    "a(?i)b|c",
    "(?s).",
    ".",
    "(?U)a+",
    "(?R).",
    "(?m)^a$",
    "(?mR)^a$",
    "(?mR)^$",
    r"\Aa\z",
    r"\ba\b",
    r"\Ba",
    r"a\B",
    r"\<a",
    r"a\>",
    r"\b{start}a",
    r"a\b{end}",
    r"\b{start-half}a",
    r"a\b{end-half}",
    r"^\d\D$",
    r"^\w\W$",
    r"^\s\S$",
    r"^\p{Greek}$",
    r"^\pL$",
    r"^\PL$",
    r"^[\p{Greek}a]$",
    r"^[\]a]$",
    "^[]a]$",
    "^[^]a]$",
    "^[a-]$",
    "^[-a]$",
    "^[a-c]$",
    "^[^a-c]$",
    r"^[a\-c]$",
    r"^[\d-]$",
    "^[[:alpha:]]$",
    "^[[:^alpha:]b]$",
    "^[a-c&&[^b]]$",
    "^[a-c--b]$",
    "^[a-c~~b-d]$",
    "^[--a]$",
    "^[^-a]$",
    r"^[]\d]$",
    r"^[]\w-]$",
    r"^[^]\d]$",
    r"^[[a]\]]$",
    r"^\x61\x{62}\u0063\u{64}\U00000065\U{66}$",
    r"^\n\t\r\f\v\a$",
    r"^\.\-\ \_\/$",
    "^}$",
    "a$|^b",
    "^a|b$",
    "^^a$$",
    "(^a|b)+$",
    "a\nb",
    "x{0}a",
    "^(a{2}){2}$",
    *(item.pattern for item in FORMATS.values()),
]
ALPHABET = "abcdkKAB1_ -]\n\r\u212aéÉα²."


@pytest.mark.parametrize("pattern", SAME)
@settings(max_examples=max(10, settings().max_examples // 10))
@example("a")
@example("a\r\nb")
@example("b a b")
@given(st.text(st.sampled_from(ALPHABET), max_size=6) | st.text(max_size=4))
def test_a_text_is_found_exactly_when_the_engine_finds_it(pattern: str, text: str):
    alone = shortest(found=[rf"\A{re.escape(text)}\z" if text.isascii() else _spelled(text), pattern])
    assert (alone == text) is found_in(pattern, text)
    against = shortest(found=[_spelled(text)], missing=[pattern])
    assert (against == text) is not found_in(pattern, text)


def _spelled(text: str) -> str:
    return r"\A" + "".join(rf"\x{{{ord(char):x}}}" for char in text) + r"\z"


PIECES = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", "^", "$", r"\b", "(?:a|b)", "c"])


@st.composite
def patterns(draw: st.DrawFn) -> str:
    made = st.recursive(
        PIECES,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map("".join),
            st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{1,}"])).map(
                lambda p: f"(?:{p[0]}){p[1]}"
            ),
            st.lists(inner, min_size=2, max_size=2).map(lambda p: f"(?:{'|'.join(p)})"),
        ),
        max_leaves=6,
    )
    return draw(made)


@given(
    st.lists(patterns(), max_size=2),
    st.lists(patterns(), max_size=2),
    st.integers(0, 3),
    st.none() | st.integers(0, 4),
)
def test_what_is_found_is_what_was_asked_for(
    found: list[str], missing: list[str], fewest: int, most: int | None
):
    text = shortest(found=found, missing=missing, fewest=fewest, most=most)
    assert text is None or isinstance(text, str)
    if text is not None:
        assert all(found_in(pattern, text) for pattern in found)
        assert not any(found_in(pattern, text) for pattern in missing)
        assert fewest <= len(text) <= (len(text) if most is None else most)


@given(patterns(), patterns(), st.text("abc \n", max_size=5))
def test_nothing_is_overlooked(left: str, right: str, text: str):
    if found_in(left, text) and not found_in(right, text):
        found = shortest(found=[left], missing=[right])
        assert isinstance(found, str)
        assert len(found) <= len(text)


def test_the_shortest_and_most_legible_text_comes_first():
    assert shortest(found=[r"^\w+$"]) == "a"
    assert shortest(found=[r"^\w+$"], fewest=3) == "aaa"
    assert shortest(missing=["^[a-z]*$"]) == "0"
    assert shortest(missing=["^[a-z]*$"], excluded=["0", "A"]) == "1"
    assert shortest(excluded=["", "a", "b"]) == "c"
    assert shortest(found=["^[ab]$"], excluded=["a", "b"]) is None
    assert shortest(found=["^a*$"], excluded=["", "aa"]) == "a"


def test_limits():
    assert shortest(fewest=2, most=1) is None
    assert shortest(found=["a"], missing=["a"]) is None
    assert shortest(found=["^aaa$"], most=2) is None
    assert shortest(found=["^a*$"], fewest=1_000) == "a" * 1_000
    assert shortest(fewest=200_000) == TOO_LARGE


def test_formats_are_told_apart():
    assert shortest(found=[FORMATS["http-url"].pattern], missing=[FORMATS["url"].pattern]) is None
    assert shortest(found=[FORMATS["uuid"].pattern], missing=["^.{36}$"]) is None
    assert shortest(found=[FORMATS["slug"].pattern], missing=[FORMATS["hostname"].pattern], most=63) is None
    assert len(str(shortest(found=[FORMATS["slug"].pattern], missing=[FORMATS["hostname"].pattern]))) == 64


def test_a_budget_ends_what_is_too_large():
    question = TextQuestion(
        found=frozenset(["(a|b)*a(a|b){16}$"]),
        missing=frozenset(["(a|b)*a(a|b){16}b*$", "(b|a)*a(a|b){15}$"]),
    )
    budget = Budget(40_000)
    assert question.answer(budget) == Unclear("the automata of the patterns are too large for the budget")
    assert 0 < budget.left <= 30_000
    assert isinstance(shortest(found=["a{300}{300}"]), Unclear)
    with pytest.raises(Exhausted):
        Budget(1).spend(2)


@pytest.mark.parametrize("pattern", ["(?x)a b", r"(?-u:\w)", "(?-u)a", "(" * 101 + ")" * 101])
def test_what_is_not_modelled_is_said(pattern: str):
    check_pattern(pattern)
    with pytest.raises(NotModelled, match="not modelled"):
        parse(pattern)
    assert isinstance(shortest(found=[pattern]), Unclear)


@pytest.mark.parametrize("pattern", [r"\Q", "a{,3}", "a)", r"\b{x}"])
def test_what_the_engine_of_another_day_might_take_is_not_guessed_at(pattern: str):
    with pytest.raises(NotModelled):
        parse(pattern)


@pytest.mark.parametrize(
    "item", [r"\w", r"\d", r"\s", r"[[:punct:]]", "(?i:[a-z])", r"\p{Lu}", "[k-s&&[^m]]"]
)
def test_members_are_those_of_the_engine(item: str):
    chars = members_of(item)
    for low, high in chars:
        for code in {low, high, (low + high) // 2}:
            assert found_in(rf"\A{item}\z", chr(code))
        for code in (low - 1, high + 1):
            if contains_char(EVERY, code):
                assert not found_in(rf"\A{item}\z", chr(code))


def test_letters_without_case_are_known_without_asking():
    for code in map(ord, "akKsZ["):
        plain = parse(rf"(?i)\x{{{code:x}}}")
        assert isinstance(plain, Chars)
        assert plain.chars == members_of(rf"(?i:\x{{{code:x}}})")


@given(
    st.lists(st.tuples(st.integers(0, sys.maxunicode), st.integers(0, 3000)), max_size=5),
    st.integers(0, sys.maxunicode),
)
def test_sets_of_characters(pairs: list[tuple[int, int]], code: int):
    ranges = [(low, min(low + more, sys.maxunicode)) for low, more in pairs]
    chars = char_set(ranges)
    inside = any(low <= code <= high for low, high in ranges) and not 0xD800 <= code <= 0xDFFF
    assert contains_char(chars, code) is inside
    assert contains_char(complement(chars), code) is (not inside and not 0xD800 <= code <= 0xDFFF)
    assert complement(complement(chars)) == chars
    assert all(after[0] > before[1] + 1 for before, after in zip(chars, chars[1:], strict=False))


def test_classes_are_a_partition():
    parts = classes_of([single("a"), char_set([(97, 99)]), ()])
    assert sorted(mask for _, mask in parts) == [0, 2, 3]
    assert char_set(pair for chars, _ in parts for pair in chars) == EVERY
    assert representative(char_set([(0, 96)]))[1] == ord("0")
    assert representative(char_set([(0x4E00, 0x4E10)])) == (5, 0x4E00)


def test_programs_are_shared():
    assert len(Program("^(?:ab){2}$").code) == 7
