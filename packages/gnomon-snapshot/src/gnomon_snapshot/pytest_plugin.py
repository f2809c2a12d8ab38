"""The pytest plugin: `gnomon_recording("path")` makes a test of a recording.

The application is what the fixture `gnomon_app` returns: override it in a `conftest.py`, or name it in the settings of
pytest, `gnomon_app = "orders.app:app"`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gnomon_snapshot import ReplayReport


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting `gnomon_app`."""
    parser.addini(
        "gnomon_app", "The application that recordings are replayed on, as module:attribute.", default=""
    )


@pytest.fixture(scope="session")
def gnomon_app(request: pytest.FixtureRequest) -> Any:
    """The application that recordings are replayed on."""
    target = str(request.config.getini("gnomon_app"))
    module, _, attribute = target.partition(":")
    if not module or not attribute:
        raise pytest.UsageError(
            'recordings are replayed on an application: set gnomon_app = "module:attribute" in the settings of pytest, or '
            "write a fixture gnomon_app"
        )
    return getattr(importlib.import_module(module), attribute)


@pytest.fixture
def gnomon_recording(request: pytest.FixtureRequest, gnomon_app: Any) -> Callable[..., ReplayReport]:
    """A function that replays the recording in a file, and fails the test with the report if anything differs.

    The path is relative to the folder of the test; further arguments are those of `gnomon_snapshot.replay`.
    """

    def check(path: str | Path, **options: Any) -> ReplayReport:
        from gnomon_snapshot import Recording, SnapshotError, replay

        __tracebackhide__ = True
        try:
            recording = Recording.from_bytes((request.path.parent / path).read_bytes())
            report = replay(recording, gnomon_app, **options)
        except (OSError, SnapshotError) as error:
            pytest.fail(f"the recording {path} cannot be replayed: {error}", pytrace=False)
        if not report.empty:
            pytest.fail(str(report), pytrace=False)
        return report

    return check
