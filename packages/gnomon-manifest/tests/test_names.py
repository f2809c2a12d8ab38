"""What names stand for, in the corners of imports and conditions."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gnomon
import gnomon_ingress
import gnomon_manifest
from gnomon_gtype import GType
from gnomon_manifest import Manifest, build
from gnomon_manifest._outside import exported_names
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


@pytest.mark.parametrize(
    "decorator",
    [
        "@thing",
        "@thing.post('/a')",
    ],
)
def test_other_decorators_are_none_of_ours(tmp_path: Path, decorator: str) -> None:
    text = f"from .b import other\nthing = 3\n{decorator}\ndef a(req, res, lctx, gctx): ..."
    manifest = build(write_package(tmp_path, {"a.py": text, "b.py": "from .a import other"}))
    assert (manifest.handlers, manifest.findings) == ((), ())


def test_a_star_import_takes_the_place_of_what_was_bound_before(tmp_path: Path) -> None:
    files = {
        "a.py": "from gnomon import *\nOrder = int\nAny = int\nfrom .b import *\nfrom typing import *\n"
        "kept = str\n@post('/a')\ndef a(req: Request[Order, Any, kept], res, lctx, gctx): ...",
        "b.py": "Order = kept = list[str]",
    }
    manifest = build(write_package(tmp_path, files))
    types = manifest.handlers[0].types
    assert types.body == GType(list[str]).schema.digest
    assert types.query is None
    assert types.headers == GType(str).schema.digest


def test_a_group_that_can_not_be_read_is_told_once(tmp_path: Path) -> None:
    text = "from gnomon import *\nfrom .b import shop\n" + "".join(
        f"@shop.get('/{name}')\ndef {name}(req, res, lctx, gctx): ...\n" for name in "ab"
    )
    files = {"a.py": text, "b.py": "from gnomon import group\nshop = group(computed())", "c.py": text}
    manifest = build(write_package(tmp_path, files))
    assert [
        (finding.code, str(finding.position)) for finding in manifest.findings if not finding.is_lint
    ] == [("dynamic_value", "b.py:2:14")]


def test_a_star_import_of_the_runtime_binds_what_is_there() -> None:

    assert set(exported_names("gnomon") or ()) - set(exported_names("gnomon_manifest.declare") or ()) <= set(
        gnomon.__all__
    )
    assert set(exported_names("gnomon_ingress") or ()) <= set(gnomon_ingress.__all__)
