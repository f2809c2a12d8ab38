"""mypy and pyright hold a success to the declared body, and other statuses to nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).parent / "typing" / "answers.py"
MARKED = {
    number for number, line in enumerate(SAMPLE.read_text().splitlines(), 1) if line.endswith("# error")
}


def test_mypy_refuses_exactly_the_marked_lines(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--cache-dir", str(tmp_path), str(SAMPLE)],
        capture_output=True,
        text=True,
        cwd=SAMPLE.parent,
    )
    found = {int(match[1]) for match in re.finditer(r"answers\.py:(\d+): error", done.stdout)}
    assert found == MARKED, done.stdout


def test_pyright_refuses_exactly_the_marked_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", str(SAMPLE)],
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout)["generalDiagnostics"]
    found = {entry["range"]["start"]["line"] + 1 for entry in report if entry["severity"] == "error"}
    assert found == MARKED, report
