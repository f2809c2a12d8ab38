"""What is generated from manifests, given to the compilers of both languages."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon_manifest import Manifest, build, python_client, typescript_client
from gnomon_manifest.testing import Project, projects, write_package

TOGETHER = 100
# what mypy knows of the standard library and httpx; in the environment of the tests, for the next run
MYPY_CACHE = Path(sys.prefix, "lib", f"mypy-{version('mypy')}")
words = st.one_of(
    st.sampled_from(
        ["class", "await", "constructor", "__proto__", "int", "Any", "Client", "body", "Map", ""]
    ),
    st.text(max_size=6),
    st.text("_1a-", max_size=3),
)


def renamed(manifest: Manifest, draw: Any) -> Manifest:
    """The same manifest, with names that anybody may have written into it."""
    handlers = tuple(
        replace(handler, id=draw(words), summary=draw(words), path=f"/{draw(words)}/{{{draw(words)}}}")
        if draw(st.booleans())
        else handler
        for handler in manifest.handlers
    )
    return replace(manifest, handlers=handlers, types=dict(_titled(manifest, draw)))


def _titled(manifest: Manifest, draw: Any) -> Any:
    for digest, entry in manifest.types.items():
        document = entry.validation
        if isinstance(document, dict) and draw(st.booleans()):
            document = document | {"title": draw(words)}
            if "properties" in document:
                document |= {"properties": document["properties"] | {draw(words): {"type": "string"}}}
        yield digest, replace(entry, validation=document, name=draw(st.none() | words))


@st.composite
def manifests(draw: Any, folder: Path) -> Manifest:
    project: Project = draw(projects())
    root = folder / "source"
    for file in root.rglob("*.py"):
        file.unlink()
    found = build(write_package(root, project.files))
    return renamed(found, draw) if draw(st.booleans()) else found


def compiled(folder: Path, tsc: list[str], clients: list[tuple[str, str]]) -> str:
    """What the compilers say about clients; nothing when they accept all of them."""
    for number, (python, typescript) in enumerate(clients):
        (folder / f"client{number}.py").write_text(python, encoding="utf-8")
        (folder / f"client{number}.ts").write_text(typescript, encoding="utf-8")
    numbers = range(len(clients))
    commands = (
        # the declarations that come with the compiler are not ours to judge
        [*tsc, "--strict", "--erasableSyntaxOnly", "--noEmit", "--target", "es2022", "--skipLibCheck"]
        + [f"client{number}.ts" for number in numbers],
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(MYPY_CACHE)]
        + [f"client{number}.py" for number in numbers],
    )
    runs = [
        subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for command in commands
    ]
    told = [run.communicate()[0] for run in runs]
    return "".join(text for text, run in zip(told, runs, strict=True) if run.returncode)


@pytest.mark.property(5)
def test_the_types_generated_from_any_manifest_pass_their_own_compilers(
    tmp_path: Path, tsc: list[str]
) -> None:
    """The compilers start slowly, so many manifests are compiled in one run of each, and equal clients once."""
    (tmp_path / "source").mkdir()
    found: dict[tuple[str, str], None] = {}

    @given(manifests(tmp_path))
    def collect(manifest: Manifest) -> None:
        found[python_client(manifest), typescript_client(manifest)] = None

    collect()
    clients = list(found)
    for start in range(0, len(clients), TOGETHER):
        assert compiled(tmp_path, tsc, clients[start : start + TOGETHER]) == ""
