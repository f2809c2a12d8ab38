"""The command that reads again after every edit, as a user and as a program sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gnomon_manifest import SourceTree, cli, watch
from gnomon_manifest.testing import write_package

GOOD = "from gnomon_manifest.declare import get\n@get('/a')\ndef a(req, res, lctx, gctx): ...\n"
MORE = GOOD + "@get('/b')\ndef b(req, res, lctx, gctx): ...\n"
BAD = GOOD.replace("'/a'", "path()")


def run(monkeypatch: pytest.MonkeyPatch, acts: Iterator[Callable[[], object]], *arguments: object) -> Result:
    """Run the command; one act takes the place of each wait, and Ctrl-C comes after the last."""

    def sleep(_: float) -> None:
        act = next(acts, None)
        if act is None:
            raise KeyboardInterrupt
        act()

    monkeypatch.setattr(cli.time, "sleep", sleep)
    return CliRunner().invoke(cli.main, ["watch", *map(str, arguments)])


def test_the_command_tells_what_each_edit_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_package(tmp_path, {"main.py": GOOD})
    acts = [lambda text=text: (root / "main.py").write_text(text) for text in (MORE, MORE, BAD, GOOD)]
    done = run(monkeypatch, iter(acts), root)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "handlers: 1, findings: 0",
        "handlers: 2, findings: 0",
        "added           app.main.b",
        "handlers: 1, findings: 1",
        "contract        app.main.a",
        "removed         app.main.b",
        "handlers: 1, findings: 0",
        "contract        app.main.a",
    ]
    assert "main.py:2:6: error[dynamic_value]" in done.stderr


def test_a_program_reads_a_line_for_each_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cache = write_package(tmp_path, {"main.py": GOOD}), tmp_path / "cache"
    acts = [lambda text=text: (root / "main.py").write_text(text) for text in (BAD, MORE)]
    done = run(monkeypatch, iter(acts), root, "--json", "--cache", cache, "--interval", "0.05")
    assert (done.exit_code, done.stderr) == (0, "")
    first, second, third = map(json.loads, done.stdout.splitlines())
    assert first == {"handlers": 1, "changes": [{"kind": "added", "id": "app.main.a"}], "findings": []}
    assert second["changes"] == [{"kind": "contract", "id": "app.main.a"}]
    assert [(item["code"], item["position"]["line"]) for item in second["findings"]] == [("dynamic_value", 2)]
    assert [item["kind"] for item in third["changes"]] == ["contract", "added"]
    assert cache.exists()


def test_a_target_that_goes_away_first_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_package(tmp_path, {"main.py": GOOD})
    found = cli.locate(str(root))
    monkeypatch.setattr(cli, "locate", lambda _: found / "gone")
    done = run(monkeypatch, iter(()), root)
    assert (done.exit_code, "there is no file or folder" in done.stderr) == (1, True)


def test_what_goes_away_after_the_look_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_package(tmp_path, {"main.py": GOOD})
    changed = SourceTree.changed

    def changed_and_gone(tree: SourceTree) -> bool:
        found = changed(tree)
        if found and not (tmp_path / "away").exists():
            root.rename(tmp_path / "away")
        return found

    acts: Iterator[Any] = iter(
        [
            lambda: (root / "main.py").write_text(MORE),
            lambda: ((tmp_path / "away").rename(root), (tmp_path / "away").mkdir()),
        ]
    )

    def wait() -> bool:
        act = next(acts, None)
        return act is not None and (act(), True)[1]

    monkeypatch.setattr(SourceTree, "changed", changed_and_gone)
    assert [len(manifest.handlers) for manifest in watch(root, wait=wait)] == [1, 2]


@pytest.fixture
def interrupts() -> Iterator[None]:
    """What starts here takes SIGINT as at a terminal; it is ignored where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
@pytest.mark.skipif(sys.platform == "win32", reason="a process of its own can not be sent Ctrl-C there")
def test_a_process_that_watches_ends_quietly_at_ctrl_c(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"main.py": GOOD})
    process = subprocess.Popen(
        [sys.executable, "-m", "gnomon_manifest", "watch", str(root), "--json", "--interval", "0.01"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )
    with process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["handlers"] == 1
        (root / "main.py").write_text(MORE)
        assert json.loads(process.stdout.readline())["handlers"] == 2
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest, errors) == (0, "", "")
