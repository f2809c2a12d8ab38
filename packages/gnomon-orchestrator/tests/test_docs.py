"""Every example of the documentation runs, and its lists are the lists of the code."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import gnomon_orchestrator
import gnomon_orchestrator.testing
from gnomon_context import RequestPhase

ROOT = Path(__file__).parents[3]
README = Path(__file__).parents[1] / "README.md"
REFERENCE = ROOT / "docs" / "reference" / "orchestrator.md"
PAGE = ROOT / "docs" / "explanation" / "lifecycle.md"
MODULES = [
    info.name
    for package in (gnomon_orchestrator, gnomon_orchestrator.testing)
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
]


@pytest.mark.parametrize("name", ["gnomon_orchestrator", *MODULES])
def test_examples_of_a_module(name):
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0


def test_the_examples_of_exports_are_found():
    assert doctest.testmod(gnomon_orchestrator).attempted >= 8


def test_the_reference():
    text = REFERENCE.read_text()
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, str(REFERENCE), "exec"), {})
    section = text.split("## Events")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    kinds = [kind for row in rows for kind in re.findall(r"`(.*?)`", row)]
    assert sorted(kinds) == sorted(gnomon_orchestrator.EVENT_KINDS)
    section = text.split("## Options of a hook")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    options = {option for row in rows for option in re.findall(r"`(.*?)`", row)}
    assert options == {field.name for field in dataclasses.fields(gnomon_orchestrator.Hook)} - {"fn"}


def test_examples_of_the_readme(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(compile(block, str(README), "exec"), {})
    said = re.findall(r"^# (.*)$", block, re.MULTILINE)
    assert capsys.readouterr().out.splitlines()[-len(said) :] == said


@pytest.mark.parametrize("module", [gnomon_orchestrator, gnomon_orchestrator.testing])
def test_exports_show_the_public_module(module):
    for name in module.__all__:
        export = getattr(module, name)
        if hasattr(export, "__module__"):
            assert export.__module__ == module.__name__


def test_every_error_has_a_code_of_its_own():
    errors = [
        export
        for export in vars(gnomon_orchestrator).values()
        if isinstance(export, type) and issubclass(export, gnomon_orchestrator.OrchestratorError)
    ]
    assert len({error.code for error in errors}) == len(errors) == 10


def test_the_diagram_shows_the_moves_of_the_lifecycle():
    diagram = re.search(r"```mermaid\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    drawn = {tuple(line.split(" --> ")) for line in map(str.strip, diagram.splitlines()) if "-->" in line}
    moves = {(str(phase), str(following)) for phase in RequestPhase for following in phase.following}
    ends = {(str(phase), "[*]") for phase in RequestPhase if phase.ended}
    assert drawn == moves | ends | {("[*]", "received")}


def test_each_phase_has_its_row():
    section = PAGE.read_text().split("## Phases")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(.*?)` \|", section, re.MULTILINE) == [str(phase) for phase in RequestPhase]
