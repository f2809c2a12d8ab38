"""`gnomon check`: what is wrong with an application, before it is served."""

import json

import pytest
from click.testing import CliRunner, Result

from gnomon.cli import main

GOOD = """
from gnomon import App, before, get

@get("/a/{id:int}")
async def read(req, res, lctx, gctx):
    res.json(req.params["id"])
"""


@pytest.fixture
def check(write_package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(target: str, *options: str, **modules: str) -> Result:
        write_package(target.partition(":")[0].partition(".")[0], **modules)
        return CliRunner().invoke(main, ["check", target, *options])

    return run


def test_nothing_is_found_in_an_application_that_is_well(check):
    done = check("well", web=GOOD)
    assert (done.exit_code, done.output) == (0, "well: 1 route, 0 errors, 0 warnings\n")
    done = CliRunner().invoke(main, ["check", "well", "--json"])
    assert json.loads(done.output) == {"routes": 1, "findings": []}


def test_routes_in_conflict_are_found_from_the_source_and_by_assembling(check):
    done = check("conflict", web=GOOD + '\n@get("/a/{number:int}")\ndef other(req, res, lctx, gctx): ...\n')
    assert done.exit_code == 1
    assert "conflict/web.py:" in done.output
    assert "warning[lint_route_conflict]" in done.output
    assert "error[route_conflict]" in done.output
    assert done.output.endswith("conflict: not assembled, 1 error, 1 warning\n")


def test_roles_without_a_guard_are_found(check):
    done = check("roles", web=GOOD.replace('int}"', 'int}", roles=("clerk",)'))
    assert done.exit_code == 1
    assert "error[policy_not_enforced]" in done.output
    assert "/a/{id:int} demands roles=('clerk',)" in done.output


def test_a_configuration_that_cannot_be_read_is_found(check):
    app = """
from gnomon import App, Config
from gnomon_context import ConfigSources
app = App("settings.web", config=Config(settings=ConfigSources(file="nowhere.toml")))
"""
    done = check("settings", "--json", web=GOOD, app=app)
    assert done.exit_code == 1
    assert json.loads(done.output) == {
        "routes": 1,
        "findings": [
            {
                "level": "error",
                "code": "config_error",
                "message": "the configuration file nowhere.toml does not exist",
                "where": None,
            }
        ],
    }


def test_modules_that_need_each_other_are_found_and_none_is_started(check):
    app = """
from gnomon import App, Module
def start(): raise SystemExit
app = App("circle.web", modules={
    "a": Module(factory=start, depends_on=("b",)), "b": Module(factory=start, depends_on=("a",)),
})
"""
    done = check("circle", web=GOOD, app=app)
    assert done.exit_code == 1
    assert "error[module_cycle]: modules depend on each other in a circle: a -> b -> a" in done.output


def test_a_module_that_fails_while_it_is_imported_is_shown_where_it_does(check, tmp_path):
    done = check("failing", web=GOOD + "\n1 / 0\n")
    assert done.exit_code == 1
    assert done.stderr.startswith(f'Traceback (most recent call last):\n  File "{tmp_path}/failing/web.py"')
    assert "error[import_failed]: failing cannot be imported" in done.stdout


def test_source_that_is_no_python_is_found(check):
    done = check("broken", web="def (\n")
    assert done.exit_code == 1
    assert "broken/web.py:1:5: error[syntax]" in done.output


def test_a_file_that_is_no_text_is_found_without_its_line(check, tmp_path):
    check("unread", web=GOOD)
    (tmp_path / "unread" / "other.py").write_bytes(b"\xff\xfe\x00")
    done = CliRunner().invoke(main, ["check", "unread"])
    assert done.exit_code == 1
    assert "unread/other.py:" in done.output


def test_warnings_count_if_they_are_to(check):
    body = GOOD.replace("async def read(req", "async def read(req: Request[int]").replace("App,", "Request,")
    assert check("doubtful", web=body).exit_code == 0
    done = CliRunner().invoke(main, ["check", "doubtful", "--strict"])
    assert done.exit_code == 1
    assert "warning[lint_body_on_get]" in done.output


@pytest.mark.parametrize(
    ("target", "message"), [("there.py", "write there"), ("nowhere", "no module 'nowhere'")]
)
def test_a_target_that_is_none_is_refused(tmp_path, monkeypatch, target, message):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["check", target])
    assert done.exit_code == 1
    assert message in done.output


def test_an_error_while_it_is_read_is_a_finding(check, monkeypatch):
    import gnomon_manifest

    def fail(place):
        raise gnomon_manifest.ManifestError("cannot be listed")

    monkeypatch.setattr(gnomon_manifest, "build", fail)
    done = check("listed", web=GOOD)
    assert done.exit_code == 1
    assert "cannot be listed" in done.output
