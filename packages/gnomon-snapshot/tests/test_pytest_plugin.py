"""A recording that is a test."""

import pytest
from replays import recorded

PLUGIN = """
import pytest
from gnomon_snapshot.testing import Application

def changed(req, res, lctx, gctx):
    res.body = 2

def test_same(gnomon_recording):
    assert gnomon_recording("same.gnomon").empty

def test_changed(gnomon_recording):
    gnomon_recording("changed.gnomon")

def test_missing(gnomon_recording):
    gnomon_recording("missing.gnomon")

def test_wrong(gnomon_recording):
    gnomon_recording("pytest.ini")

def test_step(gnomon_recording):
    gnomon_recording("same.gnomon", from_step="nowhere")
"""


APPLICATION = """
from gnomon_snapshot.testing import Application

def handler(req, res, lctx, gctx):
    res.body = 1

app = Application(handler)
"""


class Reports:
    """Collects what the inner run of pytest reports."""

    def __init__(self):
        self.found = {}

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self.found[report.nodeid.rpartition("::")[2]] = (report.outcome, str(report.longrepr))


def test_the_plugin_makes_a_test_of_a_recording(tmp_path):
    for name, value in (("same", 1), ("changed", 3)):
        recording = recorded(lambda req, res, lctx, gctx, value=value: setattr(res, "body", value))
        (tmp_path / f"{name}.gnomon").write_bytes(recording.to_bytes())
    (tmp_path / "served_to_the_plugin.py").write_text(APPLICATION)
    (tmp_path / "test_with_the_plugin.py").write_text(PLUGIN)

    def run(setting):
        (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = .\n{setting}\n")
        reports = Reports()
        options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", str(tmp_path)]
        pytest.main([*options, "-c", str(tmp_path / "pytest.ini"), str(tmp_path)], plugins=[reports])
        return reports.found

    found = run("gnomon_app = served_to_the_plugin:app")
    assert found["test_same"][0] == "passed"
    assert found["test_changed"][0] == "failed"
    assert "response    /body: 3 -> 1" in found["test_changed"][1]
    for name, why in (
        ("missing", "the recording missing.gnomon cannot be replayed: [Errno 2]"),
        ("wrong", "these bytes are no snapshot"),
        ("step", "no step 'nowhere'"),
    ):
        outcome, text = found[f"test_{name}"]
        assert (outcome, why in text, "Traceback" in text) == ("failed", True, False), text
    assert "recordings are replayed on an application" in run("")["test_same"][1]
