"""Every emitter against a file that a person has looked at; `GOLDEN=write` writes them anew."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gnomon_manifest import (
    Manifest,
    build,
    markdown,
    mermaid,
    openapi,
    python_client,
    render,
    sarif,
    typescript_client,
)

FOLDER = Path(__file__).parent / "golden"
EMITTERS: dict[str, Callable[[Manifest], str]] = {
    "manifest.json": lambda manifest: json.dumps(json.loads(manifest.to_json()), indent=1),
    "openapi.json": lambda manifest: json.dumps(openapi(manifest, title="Shop", version="1"), indent=1),
    "client.py.txt": python_client,
    "client.ts.txt": typescript_client,
    "reference.md": lambda manifest: markdown(manifest, title="Shop"),
    "graph.mmd": mermaid,
    "findings.sarif": lambda manifest: json.dumps(sarif(manifest.findings), indent=1),
    "findings.txt": lambda manifest: "\n".join(
        render(finding, (FOLDER / "shop" / finding.position.file).read_text())
        for finding in manifest.findings
    ),
}


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    found = build(FOLDER / "shop")
    # what is installed, and in which version, differs from machine to machine
    handlers = tuple(
        replace(
            handler,
            open_edges=tuple(replace(edge, version=None) for edge in handler.open_edges),
        )
        for handler in found.handlers
    )
    edges = tuple(replace(edge, version=None) for edge in found.open_edges)
    return replace(found, handlers=handlers, open_edges=edges)


@pytest.mark.parametrize("name", EMITTERS)
def test_what_is_emitted_is_what_was_looked_at(manifest: Manifest, name: str) -> None:
    text = EMITTERS[name](manifest).rstrip("\n") + "\n"
    file = FOLDER / name
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
