"""What names stand for, in the corners of imports and conditions."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gnomon_manifest
from gnomon_manifest import Manifest, build
from gnomon_manifest.testing import write_package

Build = Callable[..., Manifest]
HANDLER = "\n@get('/a')\ndef a(req, res, lctx, gctx): return NAME\n"


@pytest.mark.parametrize(
    "source",
    [
        "if not TYPE_CHECKING:\n  NAME = 1\nelse:\n  NAME = 2",
        "try:\n  from .other import NAME\nexcept ImportError:\n  NAME = 2",
        "NAME = 1\ntry:\n  from .other import NAME\nexcept ImportError: ...",
        "from .other import NAME\nNAME = 2",
        "NAME = 2\nfrom .other import NAME",
        "NAME, *more = 1, 2",
        "NAME = []\nawait NAME.append(1)",
        "NAME = []\nunknown.append(1)\nunknown.x = 2\njson.x = 1\nmake().x = 1\ndel unknown\nprint(1)",
        "for NAME in make():\n  import json\n  json.dumps(1)",
        "from elsewhere import *\nfrom nowhere import *",
        "from .other import *\nfrom typing import *",
        "from .space.inner import NAME",
        "from . import space as NAME",
        "import app.space.inner\nNAME = app.space.inner.NAME",
        "from .space import nothing as NAME",
        "from .other import _hidden as NAME",
    ],
)
def test_every_way_to_bind_a_name_is_followed(tmp_path: Path, source: str) -> None:
    files = {
        "main.py": f"from typing import TYPE_CHECKING\nfrom gnomon import get\n{source}{HANDLER}",
        "other.py": "NAME = 3\n_hidden = 4\n",
        "space/inner.py": "NAME = 5\n",
    }
    manifest = build(write_package(tmp_path, files))
    assert [handler.id for handler in manifest.handlers] == ["app.main.a"]
    assert manifest.findings == ()


def test_the_exports_are_listed_and_others_are_told() -> None:
    assert "build" in dir(gnomon_manifest)
    assert gnomon_manifest.build.__module__ == "gnomon_manifest"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        gnomon_manifest.nothing  # noqa: B018
    for name in gnomon_manifest.__all__:
        assert getattr(gnomon_manifest, name) is not None


def test_the_module_is_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gnomon-manifest", "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("gnomon_manifest", run_name="__main__")
    assert caught.value.code == 0
    assert "gnomon-manifest" in capsys.readouterr().out
    runpy.run_module("gnomon_manifest", run_name="other")
