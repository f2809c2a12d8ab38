"""Patterns between ECMA-262 and the engine: the same texts, or a refusal."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon_gtype._json_schema_pattern_tokens import UntranslatablePattern
from gnomon_gtype._json_schema_patterns import ecma_to_engine, engine_to_ecma, engine_to_python
from gnomon_gtype.schema import FORMATS, check_pattern, found_in

ROWS: list[tuple[str, list[str], list[str]]] = [
    (r"^\d+$", ["12"], ["", "٣", "12\n"]),  # digits are ASCII to ECMA-262, and $ is the end
    (r"^\D$", ["٣", "a", "\n"], ["1", ""]),
    (r"^\w$", ["a", "_", "0"], ["é", "-", ""]),
    (r"^\W$", ["é", " "], ["a"]),
    (r"^\s$", [" ", "\t", "\n", "\u00a0", "\ufeff", "\u2028", "\u3000"], ["\u0085", "\u180e", "a"]),
    (r"^\S$", ["\u0085", "a"], ["\ufeff"]),
    (r"^[\s\d]+$", [" 1\ufeff"], ["a"]),
    (r"^[^\s\d]$", ["a", "٣"], ["1", "\ufeff"]),
    (r"^[\D]$", ["a"], ["1"]),
    (r"^.$", ["a", "\u0085", "😀"], ["\n", "\r", "\u2028", "\u2029", ""]),
    (r"\bfoo\b", ["a foo", "éfoo"], ["afoo"]),  # é is no word character
    (r"a\B.", ["ab"], ["a b", "a"]),
    (r"^\cA\cz$", ["\x01\x1a"], ["A"]),
    (r"^\0\t\n\v\f\r$", ["\0\t\n\v\f\r"], []),
    (r"^\x41\u0042\u{43}\u{1F600}\uD83D\uDE00$", ["ABC😀😀"], ["abc"]),
    (r"^[\uD83D\uDE00-\uD83D\uDE02]$", ["😁"], ["\U0001f610"]),
    (r"^\^\$\\\.\*\+\?\(\)\[\]\{\}\|\/$", ["^$\\.*+?()[]{}|/"], []),
    (r"^\-\_\@\ $", ["-_@ "], []),
    (r"^[\b]$", ["\b"], ["b"]),
    (r"^[a\-z]+$", ["a-z"], ["b"]),
    (r"^[a-]+$", ["a-"], ["b"]),
    (r"^[-a]+$", ["-a"], ["b"]),
    (r"^[\w-]+$", ["a-b"], ["é"]),
    (r"^[+--]$", [",", "+", "-"], ["."]),
    (r"^[^^]$", ["a"], ["^"]),
    (r"^[a^]+$", ["^a"], ["b"]),
    (r"^[\^a]+$", ["^a"], ["b"]),
    (r"^[&&~~[]+$", ["&~["], ["a"]),
    (r"^[\]]$", ["]"], ["["]),
    ("[]", [], ["", "a"]),
    ("^[^]$", ["a", "\n", "😀"], ["", "ab"]),
    (r"^\p{L}\P{Lu}$", ["Éé", "ab"], ["aB", "1b"]),
    (r"^\p{Script=Greek}\p{gc=Nd}$", ["α1"], ["a1"]),
    (r"^[\p{L}\d]+$", ["é1"], ["-"]),
    (r"^(?<year>[0-9]{4})$", ["2026"], ["26"]),
    (r"^(?:a|b)+?c{2,}d{1,2}e{3}$", ["abccdeee"], ["cdeee"]),
    (r"^]}$", ["]}"], []),
    ("", ["", "a"], []),
    ("😀|é", ["x😀", "é"], ["e"]),
    (r"a{0}", [""], []),
]


@pytest.mark.parametrize(("pattern", "found", "missed"), ROWS, ids=[row[0] for row in ROWS])
def test_ecma_patterns_keep_their_meaning(pattern: str, found: list[str], missed: list[str]):
    engine = ecma_to_engine(pattern)
    for text in found:
        assert found_in(engine, text), (engine, text)
    for text in missed:
        assert not found_in(engine, text), (engine, text)
    again = engine_to_ecma(engine)
    if again is None:
        assert "(?-u:" in engine  # the edges of words
    else:
        assert ecma_to_engine(again) == engine


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", r"\1", r"\k<a>", "(?i:a)", "(?P<a>b)", "(?#x)", "(?",
        "a**", "a+?+", "a?*", "^*", "*", "+a", "(*a)", "|*", "a{", "{", "{2}", "a{,5}", "a{2", "a{99999999999}", "a{2,1}",
        "(", ")", "[", "[a", "[a-", "[z-a]", r"[a-\d]", r"[\d-a]", r"[\w-.]",
        "\\", r"\a", r"\e", r"\Z", r"\A", r"\z", r"\é", r"\01", r"\c", r"\c1", r"[\c]",
        r"\x4", r"\xg1", r"\x{41}", r"\u12", r"\u{110000}", r"\u{}", r"\u{d800}", r"\uD800", r"\uDE00", r"\uD83Dx",
        r"\p{Greek}", r"\p{l}", r"\p{Nope}", r"\pL", r"\p{Script=Nope}", "\ud800", "[\ud800]", "a" * 20_001, "(a{1000}){1000}",
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused(pattern: str):
    with pytest.raises(UntranslatablePattern):
        ecma_to_engine(pattern)


ENGINE_ROWS: list[tuple[str, str | None, list[str]]] = [
    ("^[a-z]+$", "^[a-z]+$", ["abc"]),
    (r"\Aab\z", "^ab$", ["ab"]),
    (r"^\d$", r"^\p{Nd}$", ["٣"]),
    (r"^\D$", r"^\P{Nd}$", ["a"]),
    (r"^\s\S$", r"^\p{White_Space}\P{White_Space}$", ["\u0085a"]),
    (r"^\w$", r"^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$", ["é"]),
    (r"^\W$", r"^[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$", ["-"]),
    (r"^[\w-]$", r"^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}-]$", ["é"]),
    (r"[\W\d]", None, []),
    (r"^.$", r"^[^\n]$", ["\r"]),
    (r"^[]a]$", r"^[\]a]$", ["]"]),
    (r"^[^]a]$", r"^[^\]a]$", ["b"]),
    (r"(?P<name>a)(?<other>b)", "(a)(b)", ["ab"]),
    (r"\x41\u0042\U00000043", None, []),
    (r"\x{41}\u{42}\x7f\u0100\x{1F600}", "AB\\x7fĀ😀", ["AB\x7fĀ😀"]),
    (r"\x{10ffff}\x{2028}\t", "\U0010ffff\\u2028\\t", ["\U0010ffff\u2028\t"]),
    (r"\bword", None, []),
    (r"\<word\>", None, []),
    (r"(?i)a", None, []),
    (r"(?x) a", None, []),
    (r"[a&&b]", None, []),
    (r"[a--b]", None, []),
    (r"[[:alpha:]]", None, []),
    (r"\p{Greek}", None, []),
    (r"\pL", None, []),
    (r"a++", None, []),
    (r"\x{d800}", None, []),
    (r"\x{zz}", None, []),
]


@pytest.mark.parametrize(("pattern", "ecma", "found"), ENGINE_ROWS, ids=[row[0] for row in ENGINE_ROWS])
def test_engine_patterns_are_written_in_ecma_or_not_at_all(pattern: str, ecma: str | None, found: list[str]):
    assert engine_to_ecma(pattern) == ecma
    for text in found:
        assert found_in(pattern, text)
        assert found_in(ecma_to_engine(ecma or ""), text)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_survive_the_way_there_and_back(name: str):
    written = engine_to_ecma(FORMATS[name].pattern)
    assert written is not None
    check_pattern(ecma_to_engine(written))
    assert engine_to_ecma(ecma_to_engine(written)) == written


@pytest.mark.parametrize(
    ("pattern", "python"),
    [
        (r"^a.\d\w\s[\p{L}_-]$", r"\Aa[^\n]\d\w\s"),
        (r"[\D\W\S]", r"[\D\W\S]"),
        (r"\p{Greek}", None),
        (r"\p{Sc}", None),
        (r"\P{L}", None),
        (r"(?i)a", None),
    ],
)
def test_examples_are_made_with_a_pattern_of_python(pattern: str, python: str | None):
    written = engine_to_python(pattern)
    if python is None:
        assert written is None
    else:
        assert written is not None
        re.compile(written)


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("node") is None, reason="needs Node.js, whose engine is a reading of ECMA-262"
)
def test_patterns_find_what_the_engine_of_a_browser_finds():
    rows = [(pattern, [*found, *missed]) for pattern, found, missed in ROWS]
    rows += [(ecma, ["a", "é", "٣", "_", "-"]) for _, ecma, _ in ENGINE_ROWS if ecma]
    rows += [
        (str(engine_to_ecma(item.pattern)), ["a@b.c", "http://a.b", "abc-d", "QQ==", "a b"])
        for item in FORMATS.values()
    ]

    @settings(max_examples=1000, deadline=None, database=None)
    @given(PATTERNS, st.lists(st.text(CHARACTERS, max_size=5), min_size=1, max_size=5))
    def collect(pattern: str, texts: list[str]) -> None:
        rows.append((pattern.replace("\\-", "[-]"), texts))  # \- outside of a class is none of ECMA-262

    collect()
    program = """
        const rows = JSON.parse(require('fs').readFileSync(0, 'utf8'))
        const found = ([pattern, texts]) => { const it = new RegExp(pattern, 'u'); return texts.map(text => it.test(text)) }
        console.log(JSON.stringify(rows.map(row => { try { return found(row) } catch (error) { return null } })))
    """
    run = ["node", "-e", program]
    answer = subprocess.run(run, input=json.dumps(rows), capture_output=True, text=True, check=True).stdout
    refused = 0
    for (pattern, texts), expected in zip(rows, json.loads(answer), strict=True):
        if expected is None:
            refused += 1
            continue
        assert [found_in(ecma_to_engine(pattern), text) for text in texts] == expected, pattern
    assert refused <= 3  # escaped punctuation and single brackets, which are read as themselves


CHARACTERS = st.sampled_from("ab1é \n\r-^]\u2028😀_\u0085٣")
PIECES = st.one_of(
    CHARACTERS.map(lambda char: "\\" + char if char in "-^]" else char),
    st.sampled_from(
        [
            ".",
            r"\d",
            r"\D",
            r"\w",
            r"\W",
            r"\s",
            r"\S",
            "[ab]",
            "[^a]",
            r"[\d_]",
            r"[^\s-]",
            r"\p{L}",
            r"[\p{Lu}a]",
            "^",
            "$",
        ]
    ),
)
PATTERNS = st.recursive(
    st.lists(PIECES, max_size=4).map("".join),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("|".join),
        st.tuples(st.just("(?:"), inner, st.sampled_from([")", ")*", ")?", "){1,2}"])).map("".join),
    ),
    max_leaves=4,
)


@given(PATTERNS, st.lists(st.text(CHARACTERS, max_size=5), min_size=1, max_size=5))
def test_there_and_back_is_the_same_pattern(pattern: str, texts: list[str]):
    engine = ecma_to_engine(pattern)
    ecma = engine_to_ecma(engine)
    assert ecma is not None
    again = ecma_to_engine(ecma)
    for text in texts:
        assert found_in(engine, text) == found_in(again, text)
    assert engine_to_ecma(again) == ecma
