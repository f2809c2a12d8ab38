"""The page about JSON Schema: its examples run, and the limits it names are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gnomon_gtype import _json_schema_import, _json_schema_import_document, _json_schema_import_rewrite
from gnomon_gtype._json_schema_import_kinds import KEYWORDS
from gnomon_gtype._json_schema_import_unevaluated import MOST_CASES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "gtype-json-schema.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the page is not part of the distribution")


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL) if PAGE.exists() else []


@pytest.mark.parametrize("block", blocks(), ids=range(len(blocks())))
def test_examples_run(block: str):
    exec(compile(block, "<example>", "exec"), {"__name__": "page"})


def test_every_keyword_is_named():
    page = PAGE.read_text("utf-8")
    known = {word for words in KEYWORDS.values() for word in words} | _json_schema_import_document.ONE
    known |= _json_schema_import_document.MANY | _json_schema_import_document.NAMED - {"definitions"}
    known |= set(_json_schema_import._OLDER) | _json_schema_import_document.VALUES
    known |= {
        "type",
        "const",
        "enum",
        "$ref",
        "$anchor",
        "$id",
        "$dynamicRef",
        "$dynamicAnchor",
        "dependentRequired",
        "format",
    }
    assert {word for word in known if f"`{word}`" not in page} == set()


def test_the_limits_are_those_of_the_code():
    page = " ".join(PAGE.read_text("utf-8").split())
    assert f"more than {MOST_CASES} combinations" in page
    assert f"{_json_schema_import_rewrite.MOST_MEMBERS} members of one `oneOf`" in page
    assert f"{_json_schema_import_document.DEEPEST} levels of nesting" in page
    assert f"{_json_schema_import_document.MOST:,} schemas" in page
    assert f"more than {_json_schema_import_rewrite.MOST_LEVELS} levels" in page
