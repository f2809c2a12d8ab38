"""Graphs, read by the parser of Mermaid itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon_manifest import Handler, Manifest, build, mermaid
from gnomon_manifest.testing import write_package

# what cleans the labels of a page needs a browser, and has no part in reading the graph
PROGRAM = """
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const load = (file) => import(pathToFileURL(`${process.argv[2]}/${file}`));
const { default: purify } = await load("dompurify/dist/purify.es.mjs");
Object.assign(purify, { addHook: () => {}, sanitize: (text) => text });
const { default: mermaid } = await load("mermaid/dist/mermaid.core.mjs");
const faults = [];
for (const text of JSON.parse(readFileSync(0, "utf8"))) {
  try { faults.push((await mermaid.parse(text)).diagramType === "flowchart-v2" ? null : "another diagram"); }
  catch (error) { faults.push(String(error)); }
}
console.log(JSON.stringify(faults));
"""
SOURCE = """
from gnomon import after, before, catch, get, post

@before
def first(req): ...

@catch(level="route", name='end"] --> x; click a "b" %%')
def last(error): ...

@get("/a/{id:int}", catch=[last])
async def a(req, res, lctx, gctx): await gctx.modules.store.read()

@post("/a")
async def b(req, res, lctx, gctx): gctx.modules["subgraph end"].write()
"""


def faults(node: str, modules: Path, folder: Path, texts: Sequence[str]) -> list[str | None]:
    program = folder / "read.mjs"
    program.write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [node, str(program), str(modules)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    found: list[str | None] = json.loads(done.stdout)
    return found


def test_mermaid_reads_every_graph(node: str, mermaid_modules: Path, tmp_path: Path) -> None:
    manifest = build(write_package(tmp_path, {"main.py": SOURCE}))
    assert len(manifest.handlers) == 2
    golden = (Path(__file__).parent / "golden" / "graph.mmd").read_text(encoding="utf-8")
    texts = [mermaid(Manifest()), mermaid(manifest), golden]
    texts += [mermaid(renamed(manifest, name)) for name in names()]
    found = faults(node, mermaid_modules, tmp_path, [*texts, 'flowchart LR\n    a["x" --> b'])
    # the last one is none, or nothing would have been read
    assert found[-1] is not None
    assert [(fault, text) for fault, text in zip(found, texts, strict=False) if fault is not None] == []


def renamed(manifest: Manifest, name: str) -> Manifest:
    """The manifest with the name of something in the place of every name."""

    def change(handler: Handler) -> Handler:
        hooks = tuple(replace(hook, name=name) for hook in handler.hooks)
        modules = tuple(replace(module, name=name) for module in handler.modules)
        return replace(handler, id=name, path=f"/{name}", hooks=hooks, modules=modules)

    return replace(manifest, handlers=tuple(map(change, manifest.handlers)))


def names() -> list[str]:
    """Names that a manifest may hold, whoever wrote it: what ends a label, a word of Mermaid, and any text at all."""
    found = [
        "",
        "end",
        "graph",
        "`",
        '"',
        "#quot;",
        "a\nb",
        "%%{init: {}}%%",
        "-->",
        "]",
        "\\",
        "<b>",
        "é",
        "①",
        "--- title: x",
    ]
    drawn: list[str] = []

    @settings(max_examples=60, derandomize=True, database=None, deadline=None)
    @given(st.text(max_size=12))
    def draw(text: str) -> None:
        drawn.append(text)

    draw()
    return [*found, *drawn]
