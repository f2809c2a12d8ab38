"""The command line, its exit codes, and a manifest beside running code."""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings

from gnomon_manifest import Manifest, build, check, cli, compare
from gnomon_manifest.testing import Project, projects, write_package

GOOD = "from gnomon_manifest.declare import get\n@get('/a')\ndef a(req, res, lctx, gctx): ...\n"
BAD = "from gnomon_manifest.declare import get\n@get(path())\ndef a(req, res, lctx, gctx): ...\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def test_build_shows_a_table_json_or_sarif(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"main.py": GOOD})
    shown = run("build", root)
    assert shown.exit_code == 0
    assert shown.stdout.split()[:3] == ["GET", "/a", "app.main.a"]
    assert Manifest.from_json(run("build", root, "--json").stdout) == build(root)
    assert json.loads(run("build", root, "--sarif").stdout)["version"] == "2.1.0"
    target = tmp_path / "out.json"
    assert run("build", root, "--json", "-o", target).stdout == ""
    assert Manifest.from_json(target.read_text()) == build(root)
    assert run("build", root, "-o", tmp_path).exit_code == 2
    refused = run("build", root, "-o", tmp_path / "no" / "where")
    assert (refused.exit_code, "can not be written" in refused.stderr) == (1, True)


def test_findings_are_shown_with_their_lines_and_fail_on_demand(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"main.py": BAD, "worse.py": b"\xff"})
    shown = run("build", root)
    assert shown.exit_code == 1  # a file was not read
    assert "main.py:2:6: error[dynamic_value]" in shown.stderr
    assert "  2 | @get(path())" in shown.stderr
    assert "worse.py:1:1: error[unreadable]" in shown.stderr
    assert run("build", root, "--strict").exit_code == 1
    assert run("build", root / "main.py").exit_code == 0
    assert run("build", root / "main.py", "--strict").exit_code == 1
    assert run("build", root, "--sarif").stderr == ""


@pytest.mark.parametrize(
    "command", [("openapi",), ("client", "python"), ("docs",), ("graph",), ("diff", "{}")]
)
def test_what_leaves_handlers_out_is_not_made(tmp_path: Path, command: tuple[str, ...]) -> None:
    root = write_package(tmp_path, {"main.py": GOOD, "worse.py": "def broken(:"})
    assert run("build", root).exit_code == 1
    done = run(*(part.format(root) for part in command), root)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "worse.py:1:12: error[syntax]" in done.stderr


def test_an_empty_target_is_refused() -> None:
    done = run("build", "")
    assert (done.exit_code, "TARGET is empty" in done.stderr) == (2, True)


def test_a_cache_gives_the_same(tmp_path: Path) -> None:
    root, cache = write_package(tmp_path, {"main.py": GOOD}), tmp_path / "kept" / "cache"
    first = run("build", root, "--json", "--cache", cache)
    assert cache.exists()
    assert run("build", root, "--json", "--cache", cache).stdout == first.stdout


def test_a_target_is_a_path_or_the_name_of_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_package(tmp_path, {"main.py": GOOD})
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert cli.locate("app") == root
    assert cli.locate("app.main") == root / "main.py"
    assert run("build", "app.main").exit_code == 0
    for missing in ("app.nothing", "no/where"):
        done = run("build", missing)
        assert (done.exit_code, "there is no path and no module" in done.stderr) == (1, True)


def test_nothing_to_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "pipe").symlink_to("/dev/null")
    done = run("build", tmp_path / "pipe")
    assert (done.exit_code, "there is no file or folder" in done.stderr) == (1, True)


def test_long_runs_show_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_package(tmp_path, {f"m{number}.py": "" for number in range(220)})
    monkeypatch.setattr(cli.sys.stderr.__class__, "isatty", lambda self: True, raising=False)
    told: list[str] = []
    monkeypatch.setattr(cli.sys, "stderr", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr(cli.click, "echo", lambda text, **_: told.append(text))
    cli._read(str(root))
    assert told[-1] == "\rreading 221 of 221 files"
    assert len(told) == 5


def test_documents_come_from_source_or_from_a_manifest(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"main.py": GOOD})
    saved = tmp_path / "saved.json"
    saved.write_text(build(root).to_json())
    for target in (root, saved):
        document = json.loads(
            run("openapi", target, "--title", "T", "--api-version", "2", "--server", "https://x").stdout
        )
        assert document["info"] == {"title": "T", "version": "2"}
        assert run("docs", target, "--title", "T").stdout.startswith("# T\n")
        assert "class AsyncClient" in run("client", "python", target).stdout
        assert "export class Client" in run("client", "typescript", target).stdout
        assert run("graph", target).stdout.startswith("flowchart LR\n")
    saved.write_text("{}")
    assert run("graph", saved).exit_code == 1
    assert run("graph", tmp_path / "none.json").exit_code == 1


def test_diff_tells_a_new_promise_from_a_new_implementation(tmp_path: Path) -> None:
    one = write_package(
        tmp_path / "one", {"main.py": GOOD + "@get('/b')\ndef b(req, res, lctx, gctx): ...\n"}
    )
    two = write_package(tmp_path / "two", {"main.py": GOOD.replace("...", "return 1")})
    three = write_package(tmp_path / "three", {"main.py": GOOD.replace("/a", "/c")})
    assert run("diff", one, one).stdout == ""
    done = run("diff", one, two)
    assert (done.exit_code, done.stdout.split()) == (
        1,
        ["implementation", "app.main.a", "removed", "app.main.b"],
    )
    done = run("diff", two, one)
    assert (done.exit_code, done.stdout.split()) == (
        0,
        ["implementation", "app.main.a", "added", "app.main.b"],
    )
    done = run("diff", two, three, "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (1, [{"kind": "contract", "id": "app.main.a"}])
    assert compare(build(two), build(two)) == ()


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
        del sys.modules[name]


def test_check_agrees_with_the_running_code(tmp_path: Path) -> None:
    source = '''
        from gnomon_manifest.declare import *
        def one(req): ...
        @before(level="route", name="n")
        def two(req): ...
        def late(res): ...
        def later(res): ...
        @before
        def always(req): ...
        def decorate(f): return f
        @module("store", hosts=("example.org",))
        def open_store(resources): ...
        class Orders:
            @module("files", files=("/srv",))
            class Files:
                """Files."""
            class Inner:
                @get("/b")
                def b(self, req, res, lctx, gctx): ...
            @staticmethod
            @get("/c")
            def c(req, res, lctx, gctx): ...
        @post("/a", roles=("x",), before=[one, two], after=[late, later], timeout=1, tags=("t",), rate_limit="1/day")
        def a(req, res, lctx, gctx):
            """A."""
        '''
    root = write_package(tmp_path, {"main.py": source, "sub/deep.py": GOOD})
    try:
        assert check(root) == ()
        forget()
        assert check(root / "main.py") == ()
        assert str(tmp_path) not in sys.path
        assert run("check", root).exit_code == 0
    finally:
        forget()


def test_check_tells_where_they_differ(tmp_path: Path) -> None:
    source = """
        from gnomon_manifest.declare import get
        for path in ("/x",):
            def x(req, res, lctx, gctx): ...
            get(path)(x)
        from gnomon_manifest.declare import module
        def later(value): return value
        @module("store", hosts=later(("example.org",)))
        def open_store(resources): ...
        @get("/a", timeout=later(1))
        def a(req, res, lctx, gctx): ...
        @get("/b")
        def b(req, res, lctx, gctx): ...
        del b
        """
    root = write_package(tmp_path, {"main.py": source})
    try:
        assert check(root) == (
            "handler app.main.a: timeout is None in the source and 1.0 in the running code",
            "handler app.main.b is in the source and not in the running code",
            "handler app.main.x is in the running code and not in the source",
            "module store is in the running code and not in the source",
        )
        forget()
        done = run("check", root, "--json")
        assert (done.exit_code, len(json.loads(done.stdout))) == (1, 4)
        forget()
        assert len(run("check", root).stdout.splitlines()) == 4
    finally:
        forget()


def test_check_tells_what_can_not_be_imported(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"main.py": "1 / 0"})
    try:
        done = run("check", root)
        assert (done.exit_code, "can not be imported: ZeroDivisionError" in done.stderr) == (1, True)
        (tmp_path / "empty").mkdir()
        assert check(tmp_path / "empty") == ()
    finally:
        forget()


@settings(max_examples=10)
@given(projects())
def test_check_agrees_for_every_generated_project(
    tmp_path_factory: pytest.TempPathFactory, project: Project
) -> None:
    root = write_package(tmp_path_factory.mktemp("p"), project.files)
    try:
        assert check(root) == ()
    finally:
        forget()


def test_the_commands_can_be_found() -> None:
    (found,) = entry_points(group="gnomon.commands", name="manifest")
    assert found.load() is cli.manifest
    assert run("--help").exit_code == 0
