"""Every Python block of every page runs: the blocks of one page are one program, in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

import graph
import pytest

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted(
    path.relative_to(graph.ROOT).as_posix()
    for path in [
        graph.ROOT / "README.md",
        *graph.ROOT.glob("docs/**/*.md"),
        *graph.ROOT.glob("packages/*/README.md"),
    ]
    if BLOCK.search(path.read_text())
)


def program(text: str) -> str:
    """The blocks of a page, each on its own line numbers so that a traceback points into the page."""
    lines = [""] * len(text.splitlines())
    for match in BLOCK.finditer(text):
        first = text.count("\n", 0, match.start(1))
        for offset, line in enumerate(match[1].splitlines()):
            lines[first + offset] = line
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page: str, tmp_path: Path):
    script = tmp_path / "page.py"
    script.write_text(program((graph.ROOT / page).read_text()))
    # Imported, not run as a script: a page may show how a server is started.
    run = f"import runpy; runpy.run_path({str(script)!r})"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", run],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_blocks_keep_their_lines():
    assert (
        program("text\n```python\na = 1\n```\nmore\n```python\nb = a\n```\n") == "\n\na = 1\n\n\n\nb = a\n\n"
    )
