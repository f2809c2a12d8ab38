"""Reading files in whatever state they are, and running nothing of them."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gnomon_manifest import Finding, Manifest, Position, _normal, build, render
from gnomon_manifest.testing import write_package

Build = Callable[..., Manifest]
GOOD = "from gnomon import get\n@get('/a')\ndef handle(req, res, lctx, gctx): ...\n"


def test_nothing_is_ever_executed(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    bomb = f"open({str(marker)!r}, 'w').write('x')"
    root = write_package(
        tmp_path,
        {
            "__init__.py": bomb,
            "conftest.py": bomb,
            "setup.py": bomb,
            "main.py": f"""
                from __future__ import annotations
                import dataclasses, enum, pathlib, typing
                from dataclasses import dataclass, field
                from typing import *
                from gnomon import *
                from gnomon_gtype import GType, Predicate
                from .meta import Meta, descriptor, default, factory
                {bomb}
                BOMB = {bomb!r}
                class Config:
                    {bomb}
                    value = {bomb}
                @{bomb}
                class Order(TypedDict, total={bomb} and False):
                    a: "{bomb}"
                    b: list["{bomb}"]
                    c: Annotated[int, {bomb}]
                    d: Annotated[int, Predicate(check)]
                    e: Literal[{bomb}]
                class Plain(TypedDict):
                    a: int
                def check(value): {bomb}
                Named = TypedDict("Named", {{"a": "{bomb}"}})
                Tupled = NamedTuple("Tupled", [("a", "{bomb}")])
                New = NewType("New", "{bomb}")
                Var = TypeVar("Var", "{bomb}", "int", bound="{bomb}")
                Unlinked = Annotated[int, pathlib.Path.unlink(pathlib.Path({str(tmp_path)!r}))]
                Written = Annotated[int, pathlib.Path({str(marker)!r}).write_text("x")]
                Typed = Annotated[int, GType({bomb!r})]
                class Shade(enum.Enum, metaclass=Meta):
                    RED = {bomb}
                    def __init_subclass__(cls): {bomb}
                @dataclass
                class Data:
                    a: int = descriptor
                    b: list = field(default_factory=factory)
                    c: list = field(default_factory=lambda: {bomb})
                    def __post_init__(self): {bomb}
                    def __set_name__(self, a, b): {bomb}

                @before({bomb})
                def hook(req={bomb}): {bomb}
                for name in ("Order", "Data", "Shade", "Named", "Tupled", "New", "Var", "Unlinked", "Written", "Typed"):
                    {bomb}
                @post({bomb}, roles=({bomb},), responses={{409: {bomb}}})
                def a(req: Request[Order, Data, Named], res: Response[Shade], lctx: {bomb}, gctx=({bomb})): {bomb}
                @post("/b")
                def b(req: Request[Tupled, New, Var], res: Response[Unlinked], lctx, gctx): ...
                @post("/c")
                def c(req: Request[Typed, Written, Data], res: Response["{bomb}"], lctx, gctx): ...
                """,
            "meta.py": f"class Meta(type):\n    def __new__(*a): {bomb}\n    def __prepare__(*a): {bomb}\nfactory = {bomb}",
        },
    )
    names = set(sys.modules)
    manifest = build(root)
    assert [handler.name for handler in manifest.handlers] == ["a", "b", "c"]
    assert manifest.findings
    assert not marker.exists()
    assert tmp_path.exists()
    assert {
        name for name in set(sys.modules) - names if name.partition(".")[0] in ("app", "meta", "main")
    } == set()


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"def broken(:\n", "syntax", 1),
        (b"x = 1\n  y = 2\n", "syntax", 2),
        (b"x = '\x00'\n", "syntax", 1),
        (b"\xff\xfe\n", "unreadable", 1),
        (b"# coding: nothing\n", "unreadable", 1),
        (b"x = " + b"(" * 5000 + b")" * 5000, None, 1),
        (b"x = " + b"-" * 100_000 + b"1", None, 1),
        (b"x = " + b"9" * 5000, "syntax", 1),
    ],
)
def test_a_broken_file_is_reported_and_the_others_are_read(
    tmp_path: Path, data: bytes, code: str | None, line: int
) -> None:
    manifest = build(write_package(tmp_path, {"bad.py": data, "good.py": GOOD, "worse.py": b"\xff"}))
    assert len(manifest.handlers) == 1
    first, second = manifest.findings
    assert (first.position.file, first.position.line, second.position.file) == ("bad.py", line, "worse.py")
    # how deep is too deep, and how it is said, differs between versions of Python
    assert first.code == code or (code is None and first.code in ("syntax", "too_deep"))


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf", b"# coding: latin-1\nname = '\xe9'\n", b"# -*- coding: cp1252 -*-\n"]
)
def test_marks_and_encodings_are_honoured(tmp_path: Path, data: bytes) -> None:
    assert len(build(write_package(tmp_path, {"a.py": data + GOOD.encode()})).handlers) == 1


def test_line_ends_do_not_matter(tmp_path: Path) -> None:
    one = build(write_package(tmp_path, {"a.py": GOOD.encode()}))
    assert (
        build(write_package(tmp_path, {"a.py": GOOD.replace("\n", "\r\n").encode()})).to_json()
        == one.to_json()
    )


def test_symlinks_in_a_circle_are_read_once(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"sub/__init__.py": "", "sub/a.py": GOOD})
    (root / "sub" / "loop").symlink_to(root)
    (root / "again").symlink_to(root / "sub")
    (root / "broken").symlink_to(root / "nowhere")
    (root / "broken.py").symlink_to(root / "nowhere.py")
    manifest = build(root)
    assert len(manifest.handlers) == 1
    assert [(finding.code, finding.position.file) for finding in manifest.findings] == [
        ("unreadable", "broken.py")
    ]


def test_what_can_not_be_imported_is_not_read(tmp_path: Path) -> None:
    other = {
        "__pycache__/a.py": GOOD,
        "a-b/c.py": GOOD,
        "d-e.py": GOOD,
        ".hidden/x.py": GOOD,
        "a.b.py": GOOD,
        "b.txt": GOOD,
    }
    assert build(write_package(tmp_path, other)).handlers == ()


def test_what_can_not_be_listed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_package(tmp_path, {"good.py": GOOD, "shut/a.py": GOOD})
    listed = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    manifest = build(root)
    assert len(manifest.handlers) == 1
    assert [(finding.code, finding.position.file) for finding in manifest.findings] == [
        ("unreadable", "shut")
    ]


def test_imports_and_types_in_circles(manifest_of: Build) -> None:
    manifest = manifest_of(
        a="from .b import *\nfrom .b import Two\nfrom typing import TypedDict\nclass One(TypedDict):\n  two: 'Two'",
        b="from .a import One, x\nfrom .a import *\nfrom typing import TypedDict\nclass Two(TypedDict):\n  one: list['One']",
        c="from .a import One, x\nfrom .b import y\nfrom gnomon import *\n@post('/a')\n"
        "def a(req: Request[One], res: Response[x], lctx, gctx): return y",
    )
    assert manifest.handlers[0].types.body is not None
    assert [finding.code for finding in manifest.findings] == ["unresolvable_type"]


def test_a_file_of_fifty_thousand_lines(tmp_path: Path) -> None:
    lines = "".join(f"\n\n\ndef f{number}(x):\n    return f{number - 1}(x)\n" for number in range(1, 10_000))
    text = "def f0(x): return x\n" + lines + GOOD.replace("...", "return f9999(req)")
    manifest = build(write_package(tmp_path, {"a.py": text}))
    assert [handler.source.line for handler in manifest.handlers] == [49_999]


@pytest.mark.parametrize(
    "expression",
    ["a" + ".b()" * 3000, "(" * 90 + "x" + ")" * 90, " + ".join(["x"] * 3000), "[" * 90 + "]" * 90],
)
def test_what_is_deep_is_read_or_reported(manifest_of: Build, expression: str) -> None:
    manifest = manifest_of(f"@get('/a')\ndef a(req, res, lctx, gctx):\n  return {expression}")
    if manifest.handlers:
        assert {finding.code for finding in manifest.findings} <= {"too_deep"}
    else:  # the parser of some versions gives up first
        assert [finding.code for finding in manifest.findings] == ["too_deep"]


def test_what_is_too_deep_for_the_normal_form_counts_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(self: object) -> None:
        raise RecursionError

    monkeypatch.setattr(_normal._Writer, "finish", give_up)
    one = build(write_package(tmp_path, {"a.py": GOOD}))
    two = build(write_package(tmp_path, {"a.py": GOOD.replace("...", "return 1")}))
    assert one.handlers[0].fingerprint != two.handlers[0].fingerprint
    assert [(finding.code, finding.position.line) for finding in one.findings] == [("too_deep", 3)]


def test_a_long_chain_of_elif_is_not_deep(manifest_of: Build) -> None:
    chain = "  if x == 0: y\n" + "".join(f"  elif x == {number}: y\n" for number in range(600))
    assert manifest_of(f"@get('/a')\ndef a(req, res, lctx, gctx):\n{chain}").findings == ()


def test_the_collector_of_cycles_is_left_as_it_was(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"a.py": GOOD})
    build(root)
    assert gc.isenabled()
    gc.disable()
    try:
        build(root)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    build(
        write_package(tmp_path, {"a.py": "", "b.py": ""}), progress=lambda done, of: told.append((done, of))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_finding_is_shown_with_its_line() -> None:
    finding = Finding(Position("a.py", 2, 3), "syntax", "wrong", "mend it")
    assert render(finding, "one\n\t two\n") == (
        "a.py:2:3: error[syntax]: wrong\n  2 | \t two\n    | \t ^\n  = mend: mend it"
    )
    assert render(finding._replace(code="lint_duplicate_id"), None) == (
        "a.py:2:3: warning[lint_duplicate_id]: wrong\n  = mend: mend it"
    )
    assert "|" not in render(finding, "")
