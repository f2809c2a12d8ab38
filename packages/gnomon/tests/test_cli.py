import json
import re
import runpy
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gnomon.cli import load_app, main

HANDLERS = """
from gnomon import before, get

@get("/a/{id}")
async def read(req, res, lctx, gctx):
    res.text(req.params["id"])

@before
def note(lctx): ...
"""
APP = """
from gnomon import App
app = App("shop.web")
def make():
    return app
other = 7
"""


@pytest.fixture
def shop(write_package):
    return write_package("shop", web=HANDLERS, app=APP)


@pytest.mark.parametrize("target", ["shop", "shop.app", "shop.app:app", "shop.app:make", "shop.web"])
def test_a_target_is_found(shop, target):
    assert [route.path for route in load_app(target).routes] == ["/a/{id}"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such", "there is no module 'no_such' here"),
        ("shop.app:other", "shop.app:other is no App"),
        ("shop.app:missing", "shop.app:missing is no App"),
        ("json", "'json' declares no handler"),
        ("./shop.py", "'./shop.py' is no dotted name of a module, nor module:attribute; write shop"),
        ("shop/web.py", "nor module:attribute; write shop.web"),
        ("shop/", "nor module:attribute; write shop"),
        ("shop.py", "'shop.py' is no dotted name of a module, nor module:attribute; write shop"),
        ("", "'' is no dotted name"),
        (":app", "':app' is no dotted name"),
        ("shop.web:read", "shop.web:read is no App"),
    ],
)
def test_a_target_that_is_none_is_refused_in_a_line(shop, target, message):
    done = CliRunner().invoke(main, ["routes", target])
    assert done.exit_code == 1
    assert message in done.output
    assert "Traceback" not in done.output


def test_routes_are_listed(shop):
    done = CliRunner().invoke(main, ["routes", shop])
    assert (done.exit_code, done.output) == (0, "GET     /a/{id}  shop.web.read\n")
    hooks = CliRunner().invoke(main, ["routes", shop, "--hooks"])
    assert "shop.web.note" in hooks.output
    as_json = CliRunner().invoke(main, ["routes", shop, "--json"])
    assert json.loads(as_json.output) == [{"method": "GET", "path": "/a/{id}", "id": "shop.web.read"}]


def test_help_lists_what_packages_add():
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0
    assert {"serve", "routes", "manifest"} <= set(re.findall(r"^  (\w+) ", done.output, re.MULTILINE))


def test_a_command_that_is_none_is_refused():
    assert CliRunner().invoke(main, ["nothing"]).exit_code == 2


def test_an_entry_point_that_is_no_command_is_refused(monkeypatch):
    class Entry:
        name, value = "odd", "json:dumps"

        def load(self):
            return json.dumps

    monkeypatch.setattr("gnomon.cli.entry_points", lambda **_: [Entry()])
    done = CliRunner().invoke(main, ["odd"])
    assert done.exit_code == 1
    assert "json:dumps is no click command" in done.output


def test_the_version_is_that_of_the_package():
    assert re.fullmatch(r".*\d+\.\d+\.\d+\n", CliRunner().invoke(main, ["--version"]).output)


def test_serve_runs_until_it_is_interrupted(tmp_path):
    (tmp_path / "hello.py").write_text(HANDLERS)
    command = [sys.executable, "-m", "gnomon", "serve", "hello", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert re.fullmatch(r"serving hello on http://127\.0\.0\.1:\d+ \(Ctrl-C stops\)\n", line)
    assert (process.returncode, errors) == (0, "")


def test_the_module_is_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gnomon", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("gnomon", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("gnomon, version ")


def test_a_missing_import_inside_a_target_is_shown_as_it_is(write_package):
    write_package("shop", app="import no_such_thing")
    with pytest.raises(ModuleNotFoundError, match="no_such_thing"):
        load_app("shop.app")


def test_the_one_app_of_a_module_is_meant_whatever_its_name(write_package):
    write_package("named", web=HANDLERS + "\nfrom gnomon import App\nservice = App(read)\n")
    assert load_app("named.web") is sys.modules["named.web"].service


def test_one_of_several_apps_has_to_be_named(write_package):
    write_package("several", web=HANDLERS + "\nfrom gnomon import App\none = App(read)\ntwo = App(read)\n")
    done = CliRunner().invoke(main, ["serve", "several.web"])
    assert done.exit_code == 1
    assert "several.web has several Apps (one, two)" in done.output
    assert "as in several.web:one" in done.output


BROKEN = """
from gnomon import App, Module, get

def connect():
    raise OSError("no database")

@get("/")
def hello(req, res, lctx, gctx): ...

app = App(hello, modules={"db": Module(factory=connect)})
"""


def test_a_module_that_does_not_start_is_shown_where_it_failed(write_package):
    write_package("broken", web=BROKEN)
    done = CliRunner().invoke(main, ["serve", "broken.web", "--port", "0"])
    assert done.exit_code == 1
    assert 'in connect\n    raise OSError("no database")' in done.output
    assert (
        "Error: broken.web did not start: the module 'db' failed to start: OSError: no database"
        in done.output
    )
    assert "ExceptionGroup" not in done.output


def test_a_configuration_that_is_wrong_is_told_in_a_line(write_package, monkeypatch):
    monkeypatch.setenv("SHOP_NONSENSE", "1")
    source = BROKEN.replace(
        "modules=", "config=Config(settings=ConfigSources(prefix='SHOP_', closed=True)), modules="
    )
    write_package(
        "misread",
        web="from gnomon import Config\nfrom gnomon_context import ConfigSources\n" + source,
    )
    done = CliRunner().invoke(main, ["serve", "misread.web", "--port", "0"])
    assert done.exit_code == 1
    assert "did not start" in done.output
    assert "Traceback" not in done.output


def test_a_command_that_is_misspelt_is_named():
    done = CliRunner().invoke(main, ["sevre", "shop"])
    assert done.exit_code == 2
    assert "there is no command 'sevre'; did you mean serve?" in done.output
    assert (
        "there is no command 'run'; did you mean serve?" in CliRunner().invoke(main, ["run", "shop"]).output
    )
    assert "there is no command 'x'\n" in CliRunner().invoke(main, ["x"]).output


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("shpo", "there is no module 'shpo' here (did you mean shop?)"),
        ("shop.wbe", "there is no module 'shop.wbe' here (did you mean shop.web?)"),
        (
            "shop.app:apq",
            "shop.app:apq is no App, and no function that returns one (did you mean shop.app:app?)",
        ),
        ("single.app", "there is no module 'single.app' here (did you mean single:app?)"),
    ],
)
def test_a_target_that_is_misspelt_is_named(shop, tmp_path, monkeypatch, target, meant):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "single.py").write_text("from gnomon import App\napp = App('shop.web')\n")
    try:
        done = CliRunner().invoke(main, ["routes", target])
    finally:
        sys.modules.pop("single", None)
    assert done.exit_code == 1
    assert meant in done.output


def shown(write_package, source: str, *, name: str = "wrong") -> str:
    write_package(name, web=source)
    done = CliRunner().invoke(main, ["serve", f"{name}.web", "--port", "0"])
    assert done.exit_code == 1
    return done.output


def test_the_traceback_of_a_failed_import_is_that_of_the_user(write_package):
    lines = shown(write_package, "def load():\n    return 1 / 0\n\nload()\n").splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert 'wrong/web.py", line 4, in <module>' in lines[1]
    assert "ZeroDivisionError: division by zero" in lines
    assert lines[-1] == "Error: wrong.web cannot be imported"


def test_what_led_to_an_error_is_trimmed_too(write_package):
    source = """
try:
    import nothing_there
except ImportError as error:
    raise RuntimeError("no driver") from error
"""
    output = shown(write_package, source)
    assert "ModuleNotFoundError: No module named 'nothing_there'" in output
    assert "RuntimeError: no driver" in output
    assert "importlib" not in output
    hidden = source.replace("from error", "from None")
    assert "nothing_there" not in shown(write_package, hidden, name="wrong2").replace(
        "import nothing_there", ""
    )


def test_source_that_is_no_python_is_shown_where_it_is_none(write_package):
    output = shown(write_package, "def (\n")
    assert 'wrong/web.py", line 1' in output
    assert "SyntaxError: invalid syntax\nError: wrong.web cannot be imported\n" in output
    assert "frozen" not in output


def test_an_error_of_ours_is_a_sentence_with_the_place_of_the_user(write_package):
    output = shown(
        write_package, "from gnomon import get\n\n@get('no-slash')\ndef f(req, res, lctx, gctx): ...\n"
    )
    assert "Traceback" not in output
    assert re.search(r"Error: \S+/wrong/web.py:3: the path 'no-slash' does not start with a slash", output)


def test_an_end_with_an_error_is_shown_where_it_came_from(write_package, monkeypatch):
    from gnomon import App

    def run(self, **options):
        raise error

    monkeypatch.setattr(App, "run", run)
    write_package("ending", web=HANDLERS)
    for error, said in (
        (ZeroDivisionError("oh"), "ending.web ended with an error"),
        (OSError("no number"), "ending.web did not start"),
    ):
        done = CliRunner().invoke(main, ["serve", "ending.web"])
        assert done.exit_code == 1
        assert f"{type(error).__name__}: {error}" in done.output
        assert f"Error: {said}" in done.output
