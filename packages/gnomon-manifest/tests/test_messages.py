"""The messages of WebSockets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gnomon_gtype import GType
from gnomon_manifest import Manifest, build, check, markdown, openapi, python_client, typescript_client
from gnomon_manifest.testing import write_package

Build = Callable[..., Manifest]
SOURCE = """
from typing import TypedDict
from gnomon import websocket, Request, WebSocket

class Said(TypedDict):
    text: str

class Heard(Said):
    by: str

@websocket("/rooms/{id:int}", timeout=5.0)
async def room(req: Request[None], ws: WebSocket[Said, Heard], lctx, gctx):
    async for said in ws:
        await ws.send({**said, "by": "me"})

@websocket("/raw")
async def raw(req, ws: WebSocket[bytes, str], lctx, gctx): ...

@websocket("/half")
async def half(req, ws: "WebSocket[int]", lctx, gctx): ...

@websocket("/any")
async def bare(req, ws: WebSocket, lctx, gctx): ...
"""


def digest(kind: object) -> str:
    return GType(kind).schema.digest


def test_messages_are_in_the_manifest(tmp_path: Path) -> None:
    manifest = build(write_package(tmp_path, {"chat.py": SOURCE}))
    assert manifest.findings == ()
    bare, half, raw, room = manifest.handlers
    assert (bare.types.receives, bare.types.sends) == (None, None)
    assert (half.types.receives, half.types.sends) == (digest(int), None)
    assert (raw.types.receives, raw.types.sends) == (digest(bytes), digest(str))
    assert room.types.receives != room.types.sends
    assert {room.types.receives, room.types.sends} <= manifest.types.keys()
    assert room.types.responses == {}
    assert manifest.types[room.types.receives or ""].name == "Said"
    assert Manifest.from_json(manifest.to_json()) == manifest
    # neither OpenAPI nor a client over HTTP has words for them
    assert openapi(manifest)["paths"] == {}
    assert "room" not in python_client(manifest) + typescript_client(manifest)
    assert "| receives | `Said` |\n| sends | `Heard` |" in markdown(manifest)


def test_another_message_is_another_contract(manifest_of: Build) -> None:
    def contract(kinds: str) -> str:
        source = f"@websocket('/a')\ndef a(req, ws: WebSocket[{kinds}], lctx, gctx): ..."
        return manifest_of(source).handlers[0].contract

    assert len({contract("int, str"), contract("str, int"), contract("int, int"), contract("int")}) == 4


def test_what_is_no_message_is_a_finding(manifest_of: Build) -> None:
    manifest = manifest_of("@websocket('/a')\ndef a(req, ws: WebSocket[open, str], lctx, gctx): ...")
    assert [finding.code for finding in manifest.findings] == ["unresolvable_type"]


@pytest.mark.parametrize("other", ["Said, Said", "Heard, Said"])
def test_messages_are_compared_with_running_code(tmp_path: Path, other: str) -> None:
    package = write_package(tmp_path, {"chat.py": SOURCE})
    try:
        assert check(package) == ()
        changed = f"{SOURCE}\nroom.__annotations__['ws'] = WebSocket[{other}]\n"
        package = write_package(tmp_path / "more", {"chat.py": changed})
        _forget(package.name)
        told = " ".join(check(package))
        assert "sends is" in told
        assert ("receives is" in told) == (other == "Heard, Said")
    finally:
        _forget(package.name)


def _forget(package: str) -> None:
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]
