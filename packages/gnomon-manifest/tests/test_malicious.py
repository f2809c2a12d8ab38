"""Manifests that anybody may have written: refused with the reason, or harmless in everything that is made of them."""

from __future__ import annotations

import ast
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gnomon_manifest import (
    Finding,
    Manifest,
    ManifestRefused,
    Position,
    build,
    compare,
    markdown,
    mermaid,
    openapi,
    python_client,
    render,
    sarif,
    typescript_client,
)
from gnomon_manifest._reports import table

BASE = json.loads(build(Path(__file__).parent / "golden" / "shop").to_json())
TEXTS = [
    "",
    "x\"'`*/ ${a} </script> \u2028\u2029 \n\r\0 // {a} 1 é",
    "\ud800",
    "a|b",
    "a\\|b``|c",
    '"]; click --> [(',
    "#quot;end",
    "{",
    "{a:b:c}/{a}",
    "__proto__",
    "constructor",
    "`" * 5,
    "```\n",
    "%s %d {0}",
    "\\",
    "\x1b[31m\x9b31m",
    "\u202e\u2066",
    "a" * 2000,
    "class",
    "None",
    "𝒜ﬁ",
    "subgraph x",
    "end",
    "%%{init}%%",
    "<b>-->",
    "GET\r\nX: y",
    "#/components/schemas/x",
    "Problem",
    "Client",
    "\ufeff",
    "1",
    "_",
    "body",
]
NUMBERS = [0, -1, 1, 10**18, 10**30, -(10**30), 1.5, 1e308, True, None, [], {}, [[]] * 50]
SCHEMAS: list[Any] = [
    True,
    False,
    {},
    {"$ref": "#/$defs/x"},
    {"$ref": 1},
    {"type": ["string", "object", 1]},
    {"type": {"a": 1}},
    {"properties": []},
    {"type": "object", "properties": {"a": 1}},
    {"enum": 1},
    {"enum": [{}, [], 1e308, None]},
    {"const": {"a": 1}},
    {"anyOf": {}},
    {"allOf": [[]]},
    {"$defs": {"x": {"$ref": "#/$defs/x"}}, "$ref": "#/$defs/x"},
    {"$defs": [], "$ref": "#/$defs/x"},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    {"title": 1},
    {"title": ""},
    {"type": "array", "prefixItems": [{}], "minItems": 10**40},
    {"type": "array", "minItems": 10**9, "items": {}},
    {"type": "string", "pattern": "(a+)+$", "minLength": 10**12},
    {"type": "string", "pattern": "("},
    {"type": "integer", "minimum": 10**300},
    {"type": "object", "required": [["a"]], "properties": {"a": {}}},
    {"type": "number", "multipleOf": 0},
    {"type": "string", "format": 5},
    {"contentEncoding": []},
    {"type": "object", "patternProperties": {"(": {}}},
    {"type": "object", "properties": {text: {"type": "string"} for text in TEXTS}, "required": TEXTS},
]


def places(node: Any, path: tuple[Any, ...] = ()) -> Any:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, value in inner:
        yield (*path, step)
        yield from places(value, (*path, step))


PLACES = list(places(BASE))
OF_TYPES = [place for place in PLACES if place[0] == "types" and len(place) > 2]


def changed(draw: Any, document: Any, place: tuple[Any, ...]) -> None:
    *outer, last = place
    try:
        for step in outer:
            document = document[step]
        value = document[last]
    except (LookupError, TypeError):
        return  # another change took it away
    if place in OF_TYPES:
        document[last] = draw(st.sampled_from([*SCHEMAS, *TEXTS]))
    elif isinstance(value, str):
        document[last] = draw(st.sampled_from(TEXTS))
    elif isinstance(value, int | float):
        document[last] = draw(st.sampled_from(NUMBERS))
    elif isinstance(value, dict):
        document[last] = {
            **value,
            draw(st.sampled_from(TEXTS)): draw(st.sampled_from([*value.values(), None])),
        }
    elif isinstance(value, list):
        document[last] = [*value, *draw(st.sampled_from([value, [], TEXTS]))]


@st.composite
def documents(draw: Any) -> str:
    document = copy.deepcopy(BASE)
    for _ in range(draw(st.integers(1, 4))):
        changed(draw, document, draw(st.sampled_from(PLACES) | st.sampled_from(OF_TYPES)))
    return json.dumps(document)


TABLES = MarkdownIt("commonmark").enable("table")


def harmless(manifest: Manifest) -> None:
    """Everything that is made of a manifest is made, can be written, and is what it seems."""
    assert Manifest.from_json(manifest.to_json()) == manifest
    json.dumps(openapi(manifest), allow_nan=False).encode()
    json.dumps(sarif(manifest.findings)).encode()
    python = python_client(manifest)
    tree = ast.parse(python)
    calls = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert calls.isdisjoint({"eval", "exec", "print", "__import__"})
    python.encode()
    typescript_client(manifest).encode()
    table(manifest).encode()
    assert compare(manifest, manifest) == ()
    reference = markdown(manifest)
    assert not any(ord(sign) < 32 and sign != "\n" for sign in reference)
    sorts = {token.type for token in TABLES.parse(reference) if token.nesting >= 0}
    assert sorts <= {
        *("heading_open", "inline", "paragraph_open", "table_open", "thead_open", "tbody_open"),
        *("tr_open", "th_open", "td_open"),
    }
    cells = [len(line) for line in rows(reference)]
    assert set(cells) <= {2}
    graph = mermaid(manifest).splitlines()
    assert all(line.count('"') in (0, 2) for line in graph)
    for finding in manifest.findings:
        text = render(finding, "a\n" * 99)
        assert not any(ord(sign) < 32 and sign != "\n" for sign in text)
        assert len(text.splitlines()) in (2, 4)


def rows(reference: str) -> list[list[str]]:
    """The cells of the tables in a reference."""
    found: list[list[str]] = []
    for token in TABLES.parse(reference):
        if token.type == "tr_open":
            found.append([])
        elif token.type == "inline" and found and token.level >= 4:
            found[-1].append(token.content)
    return found


@given(documents())
def test_a_manifest_from_anybody_is_refused_or_harmless(text: str) -> None:
    try:
        manifest = Manifest.from_json(text)
    except ManifestRefused as error:
        assert str(error)
        return
    harmless(manifest)


def test_the_manifest_that_is_changed_is_harmless() -> None:
    harmless(Manifest.from_json(json.dumps(BASE)))


@pytest.mark.parametrize("part", ["params", "query", "headers", "body", "items", "responses"])
def test_a_type_that_is_not_there_is_refused(part: str) -> None:
    document = copy.deepcopy(BASE)
    types = document["handlers"][0]["types"]
    types[part] = {"id": "x"} if part == "params" else {"200": "x"} if part == "responses" else "x"
    with pytest.raises(ManifestRefused, match="at /handlers/0/types: the type 'x' is not among /types"):
        Manifest.from_json(json.dumps(document))


def test_a_bar_does_not_end_a_cell() -> None:
    document = copy.deepcopy(BASE)
    for handler in document["handlers"]:
        handler["id"] = "a|b"
        handler["policies"]["roles"] = ["x`|`y"]
        handler["modules"] = [{"how": "key", "name": "m|n", "source": handler["source"]}]
        for hook in handler["hooks"]:
            hook["name"] = "|h|"
    found = rows(markdown(Manifest.from_json(json.dumps(document))))
    values = [cells[1] for cells in found]
    assert "`|h|` (global)" in values
    assert "`m|n`" in values
    assert "`` x`|`y ``" in values


def test_what_would_act_on_a_terminal_is_shown_as_a_sign() -> None:
    finding = Finding(Position("a\x1b]0;x\x07.py", 2, 3), "dynamic_value", "evil \x1b[2J\nnext", "mend\u202e")
    text = render(finding, "one\x0c\u2028\n\tx = '\x1b[31m'\r\n")
    assert text.split("\n") == [
        "a�]0;x�.py:2:3: error[dynamic_value]: evil �[2J next",
        "  2 | \tx = '�[31m'",
        "    | \t ^",
        "  = mend: mend�",
    ]
