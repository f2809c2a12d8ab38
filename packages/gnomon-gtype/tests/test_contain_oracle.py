"""Containment against an independent decision procedure: the canonical form of `jsonschema-rs`, on generated JSON Schemas."""

from __future__ import annotations

import collections
import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnomon_gtype import GType, contains

jsonschema_rs = pytest.importorskip("jsonschema_rs", exc_type=ImportError)
if not hasattr(jsonschema_rs, "canonicalize"):  # pragma: no cover - a version before 0.60
    pytest.skip("jsonschema-rs before 0.60 decides no containment", allow_module_level=True)

Document = dict[str, Any] | bool
TALLY: collections.Counter[tuple[str, str]] = collections.Counter()
PATTERNS = ["^a", "b$", "^[ab]*$", "^a+b?$", "."]


def some(strategies: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=strategies)


def of_type(name: str, keywords: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Document]:
    return some(keywords).map(lambda found: {"type": name, **found})


def scalars(patterns: bool) -> st.SearchStrategy[Document]:
    limit = st.sampled_from([-2, 0, 0.5, 1, 2.5, 4])
    numeric = dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), limit)
    numeric["multipleOf"] = st.sampled_from([2, 3, 0.5, 1.5, 6])
    text: dict[str, st.SearchStrategy[Any]] = {"minLength": st.integers(0, 2), "maxLength": st.integers(0, 3)}
    if patterns:
        text["pattern"] = st.sampled_from(PATTERNS)
    plain = st.sampled_from([None, True, False, 0, 1, 2, 1.5, "", "a", "ab"])
    return st.one_of(
        of_type("integer", numeric),
        of_type("number", numeric),
        of_type("string", text),
        st.sampled_from([{"type": "null"}, {"type": "boolean"}, {"type": ["string", "null"]}, True]),
        st.lists(plain, min_size=1, max_size=3).map(lambda found: {"enum": found}),
        plain.map(lambda found: {"const": found}),
    )


def composites(parts: st.SearchStrategy[Document], patterns: bool) -> st.SearchStrategy[Document]:
    names = st.sampled_from(["a", "b", "c"])
    few = st.lists(parts, min_size=2, max_size=3)
    keyed: dict[str, st.SearchStrategy[Any]] = {
        "properties": st.dictionaries(names, parts, max_size=2),
        "required": st.lists(names, unique=True, max_size=2),
        "additionalProperties": st.just(False) | parts,
        "minProperties": st.integers(0, 2),
        "maxProperties": st.integers(0, 2),
        "propertyNames": st.integers(0, 2).map(lambda most: {"maxLength": most}),
    }
    if patterns:
        keyed["patternProperties"] = st.dictionaries(st.sampled_from(PATTERNS), parts, max_size=2)
    return st.one_of(
        of_type(
            "array",
            {
                "prefixItems": st.lists(parts, min_size=1, max_size=2),
                "items": st.just(False) | parts,
                "minItems": st.integers(0, 2),
                "maxItems": st.integers(0, 2),
                "uniqueItems": st.booleans(),
                "contains": parts,
            },
        ),
        of_type("object", keyed),
        few.map(lambda found: {"anyOf": found}),
        few.map(lambda found: {"allOf": found}),
        parts.map(lambda found: {"not": found}),
    )


def documents(*, patterns: bool) -> st.SearchStrategy[Document]:
    return st.recursive(scalars(patterns), lambda parts: composites(parts, patterns), max_leaves=6)


@st.composite
def pairs(draw: st.DrawFn, *, patterns: bool) -> tuple[Document, Document]:
    """Two documents; half the time the second is the first with a keyword taken out, so that containment is a near thing."""
    first = draw(documents(patterns=patterns))
    if draw(st.booleans()):
        return first, draw(documents(patterns=patterns))
    second = copy.deepcopy(first)
    objects = [found for found in walk(second) if set(found) - {"type"}]
    if objects:
        chosen = draw(st.sampled_from(objects))
        del chosen[draw(st.sampled_from(sorted(set(chosen) - {"type"})))]
    return first, second


def walk(document: Any) -> list[dict[str, Any]]:
    inner = (
        document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    )
    return [
        *([document] if isinstance(document, dict) else []),
        *(found for each in inner for found in walk(each)),
    ]


def compare(wider: Document, narrower: Document) -> str:
    """Our answer, after it has been held against the other's."""
    answer = contains(GType.from_json_schema(wider), GType.from_json_schema(narrower)).answer
    try:
        covers = jsonschema_rs.canonicalize(wider).covers(jsonschema_rs.canonicalize(narrower)).value
    except ValueError:
        covers = "unknown"
    TALLY[answer, covers] += 1
    assert (answer, covers) not in {("yes", "no"), ("no", "yes")}
    return answer


relaxed = settings(max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(pairs(patterns=False), st.booleans())
def test_without_patterns_both_agree_and_nothing_is_unknown(pair: tuple[Document, Document], turned: bool):
    assert compare(*(reversed(pair) if turned else pair)) != "unknown"


@relaxed
@given(pairs(patterns=True), st.booleans())
def test_with_patterns_both_agree(pair: tuple[Document, Document], turned: bool):
    assert compare(*(reversed(pair) if turned else pair)) != "unknown"


def test_the_shares(capsys: pytest.CaptureFixture[str]):
    total = sum(TALLY.values()) or 1
    with capsys.disabled():
        print(
            "\ncontainment, ours and that of jsonschema-rs:",
            {pair: f"{number / total:.1%}" for pair, number in TALLY.items()},
        )
    assert sum(number for (ours, _), number in TALLY.items() if ours == "unknown") == 0
