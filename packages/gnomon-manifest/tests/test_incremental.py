"""A tree that is read again gives what reading it for the first time would, whatever was edited in between."""

from __future__ import annotations

import ast
import gc
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from gnomon_manifest import SourceTree, _build, _cache, build, watch
from gnomon_manifest._source import parse
from gnomon_manifest.testing import Project, projects, write_package

MODULES = ("a", "b", "c", "sub.__init__", "sub.d")
IMPORTS = (
    "from app.{} import *",
    "from app.{} import Order, note, place, shop, helper, KIND",
    "from app import {}",
    "import app.{}",
    "from .{} import Order as Order, shop",
    "def helper(gctx):\n    from app.{} import helper as inner\n    inner(gctx)",
    "from app.{} import KIND as KIND, CIRCLE",
)
PIECES = (
    "class Order(TypedDict):\n    sku: str",
    "class Order(TypedDict):\n    sku: int\n    more: NotRequired[list['Order']]",
    "class Order(TypedDict):\n    wrong: Missing",
    "class Order:\n    pass",
    "class Outer(TypedDict):\n    order: Order",
    "KIND = str",
    "KIND = list[int]",
    "KIND = Order | None",
    "CIRCLE = list[LINE]\nLINE = list[CIRCLE]",
    "LINE = tuple[CIRCLE, KIND]",
    "shop = group('/shop', roles=('buyer',))",
    "shop = group(computed())",
    "shop = group('/other', rate_limit='nonsense')",
    "more = shop.group('/more', before=[note])",
    "shop = more.group('/x')",
    "@before\ndef note(lctx): ...",
    "@before(level='route', timeout=1.0)\ndef note(lctx):\n    lctx.after(late)",
    "@after(requires='app.a.note')\ndef late(res): ...",
    "@catch\ndef late(error, res):\n    res.problem(418)",
    "def helper(gctx):\n    return gctx.modules.store",
    "def helper(gctx):\n    raise HttpError(409, 'no')",
    "def helper(gctx):\n    return getattr(gctx, KIND)",
    "@get('/place')\nasync def place(req, res, lctx, gctx):\n    '''Place.'''\n    helper(gctx)",
    "@post('/orders')\nasync def order(req: Request[Order], res: Response[KIND], lctx, gctx):\n    helper(gctx)",
    "@put('/outer', responses={404: Outer})\ndef outer(req: Request[Outer], res, lctx, gctx):\n    res.status(404)",
    "@shop.post('/in', before=[note])\ndef inside(req: Request[KIND], res, lctx, gctx): ...",
    "@more.get('/{{id:int}}', id='same')\ndef deep(req: Request[CIRCLE], res, lctx, gctx): ...",
    "@get('/line', after=[late], id='same')\ndef line(req: 'Request[LINE]', res, lctx: GlobalContext, gctx): ...",
    "app = App('app', hooks=[late])",
    "app = App('app', hooks=[helper, *computed])",
    "if TYPE_CHECKING:\n    from app.c import Order",
    "__all__ = ['Order', 'shop']",
    "def broken(:",
)
HEAD = "from __future__ import annotations\nfrom typing import *\nfrom gnomon import *\n"
pieces = st.one_of(
    st.sampled_from(PIECES),
    st.builds(
        lambda form, module: form.format(module.removesuffix(".__init__")),
        st.sampled_from(IMPORTS),
        st.sampled_from(MODULES),
    ),
)
texts = st.lists(pieces, max_size=7).map(lambda found: HEAD + "\n".join(found) + "\n")


@st.composite
def edits(draw: Any) -> list[dict[str, str | None]]:
    """Steps, each of which writes some modules and takes others away (None)."""
    first = draw(st.dictionaries(st.sampled_from(MODULES), texts, min_size=1))
    step = st.dictionaries(st.sampled_from(MODULES), texts | st.none(), min_size=1, max_size=2)
    return [first, *draw(st.lists(step, min_size=1, max_size=3))]


def apply(root: Path, step: dict[str, str | None]) -> None:
    for module, text in step.items():
        file = root.joinpath(*module.split(".")).with_suffix(".py")
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)


@given(edits())
def test_after_any_edits_it_is_as_if_read_for_the_first_time(steps: list[dict[str, str | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write_package(Path(folder), {})
        tree = SourceTree(root)
        for step in steps:
            note(str(step))
            apply(root, step)
            assert tree.read().to_json() == build(root).to_json()


@given(edits())
@settings(max_examples=settings.default.max_examples // 2)
def test_with_a_cache_between_programs_as_well(steps: list[dict[str, str | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, cache = write_package(Path(folder), {}), Path(folder, "cache")
        for step in steps:
            note(str(step))
            apply(root, step)
            kept = SourceTree(root, cache=cache)
            assert kept.read().to_json() == build(root).to_json()
        apply(root, steps[0])
        assert kept.read().to_json() == build(root).to_json()
        assert build(root, cache=cache).to_json() == build(root).to_json()


@given(projects(), projects())
@settings(max_examples=settings.default.max_examples // 5)
def test_between_whole_projects_as_well(first: Project, second: Project) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write_package(Path(folder), first.files)
        tree = SourceTree(root)
        tree.read()
        for path, text in second.files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            assert tree.read().to_json() == build(root).to_json()


SOURCE = (
    HEAD
    + "class Order(TypedDict):\n    sku: str\n@post('/a')\ndef a(req: Request[Order], res, lctx, gctx): ...\n"
)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-20],
        lambda data: data.replace(b"/a", b"/b"),
        lambda data: b"[]" + data,
        lambda data: b"\xff\x00" * 100,
        lambda data: b"[" * 100_000,
        lambda data: forged(data, b'"looked_into"', b'"looked_at"'),
        lambda data: forged(data, b'"handlers":[', b'"handlers":["x",'),
        lambda data: data.replace(b'"all":false', b'"all":true'),
    ],
)
def test_a_cache_that_is_damaged_or_foreign_is_passed_over(tmp_path: Path, damage: Any) -> None:
    root, cache = write_package(tmp_path, {"a.py": SOURCE}), tmp_path / "cache"
    expected = build(root, cache=cache)
    good = cache.read_bytes()
    cache.write_bytes(damage(good))
    assert build(root, cache=cache) == expected
    assert cache.read_bytes() == good


def forged(data: bytes, old: bytes, new: bytes) -> bytes:
    """A file whose digest is right all the same."""
    head, _, body = data.partition(b"\n")
    body = body.replace(old, new)
    digest = json.loads(head) | {"body": hashlib.sha256(body).hexdigest()}
    return json.dumps(digest).encode() + b"\n" + body


def test_a_cache_of_other_installed_versions_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        SOURCE
        + "import annotated_types\n@get('/b')\ndef b(req, res, lctx, gctx):\n    annotated_types.Ge(1)\n"
    )
    root, cache = write_package(tmp_path, {"a.py": text}), tmp_path / "cache"
    expected = build(root, cache=cache)
    assert "annotated_types" in {edge.name for edge in expected.open_edges}
    monkeypatch.setattr(_cache, "installed_version", lambda name: "0")
    assert SourceTree(root, cache=cache)._cache.load() is None  # type: ignore[union-attr]
    assert build(root, cache=cache) == expected


def test_a_cache_that_can_not_be_written_is_no_failure(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"a.py": SOURCE})
    (tmp_path / "file").touch()
    assert build(root, cache=tmp_path / "file" / "cache") == build(root)


def test_a_cache_parses_nothing_that_has_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cache = write_package(tmp_path, {"a.py": SOURCE, "b.py": "import app.a"}), tmp_path / "cache"
    expected = build(root, cache=cache)
    parsed: list[str] = []

    def counted(data: Any, *, file: str, **rest: Any) -> Any:
        parsed.append(file)
        return parse(data, file=file, **rest)

    monkeypatch.setattr(_build, "parse", counted)
    assert build(root, cache=cache) == expected
    assert parsed == []
    (root / "b.py").write_text("import app.a as other")
    assert build(root, cache=cache) == expected
    assert parsed == ["b.py"]


def test_two_files_of_one_name_keep_their_places(tmp_path: Path) -> None:
    files = {"a.py": SOURCE, "a/__init__.py": "import os", "b.py": "from app.a import *"}
    root, cache = write_package(tmp_path, files), tmp_path / "cache"
    tree = SourceTree(root)
    for _ in range(2):
        assert tree.read() == build(root) == build(root, cache=cache)
    (root / "b.py").write_text("from app.a import Order")
    assert tree.read() == build(root) == build(root, cache=cache)
    (root / "a.py").rename(root / "c.py")
    assert tree.read() == build(root) == build(root, cache=cache)
    (root / "a" / "__init__.py").unlink()
    assert tree.read() == build(root) == build(root, cache=cache)


def test_a_file_that_becomes_readable_again_is_read(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"a.py": SOURCE})
    tree = SourceTree(root)
    (root / "b.py").symlink_to(tmp_path / "nowhere")
    assert [finding.code for finding in tree.read().findings] == ["unreadable"]
    assert not tree.changed()  # it is looked at again each time, for nothing tells when it appears
    assert tree.read() == build(root)
    (tmp_path / "nowhere").write_text(SOURCE)
    assert tree.changed()
    assert tree.read() == build(root)


def test_a_watch_tells_every_change_and_nothing_else(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"a.py": HEAD})
    file = root / "a.py"

    def same_size() -> None:
        status = file.stat()
        file.write_text(SOURCE.replace("/a", "/b"))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    def hide() -> None:
        root.rename(tmp_path / "away")

    def show() -> None:
        (tmp_path / "away").rename(root)

    acts = iter([lambda: file.write_text(SOURCE), lambda: None, same_size, hide, show, file.unlink, None])

    def wait() -> object:
        act = next(acts)
        return False if act is None else act() is None or True

    seen = [[handler.path for handler in manifest.handlers] for manifest in watch(root, wait=wait)]
    assert seen == [[], ["/a"], ["/b"], []]


def test_a_file_that_is_old_is_not_read_to_see_whether_it_changed(tmp_path: Path) -> None:
    root = write_package(tmp_path, {"a.py": SOURCE})
    for file in root.iterdir():
        os.utime(file, (1, 1))
    tree = SourceTree(root)
    tree.read()
    assert not tree.changed()
    os.utime(root / "a.py", (2, 2))
    assert tree.changed()
    tree.forget()
    assert tree.read() == build(root)


def test_a_type_is_named_by_the_module_that_comes_first_then(tmp_path: Path) -> None:
    root, cache = (
        write_package(tmp_path, {"a.py": SOURCE, "b.py": SOURCE.replace("Order", "Other")}),
        tmp_path / "c",
    )
    tree = SourceTree(root)
    assert {entry.name for entry in tree.read().types.values()} == {"Order"}
    assert build(root, cache=cache) == build(root)
    (root / "a.py").write_text(HEAD)
    expected = build(root)
    assert {entry.name for entry in expected.types.values()} == {"Other"}
    assert build(root, cache=cache) == tree.read() == expected


def test_a_folder_that_becomes_a_package(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.py").write_text(SOURCE)
    tree = SourceTree(tmp_path / "inner")
    assert [handler.id for handler in tree.read().handlers] == ["a.a"]
    (tmp_path / "inner" / "__init__.py").touch()
    assert [handler.id for handler in tree.read().handlers] == ["inner.a.a"]


def test_what_was_read_goes_without_a_look_for_garbage(tmp_path: Path) -> None:
    # a collector that walks through all syntax trees takes as long as reading them
    text = "from gnomon import get\n" + "\n".join(PIECES)
    handler = "@get('/a')\ndef a(req: Request[Order], res, lctx, gctx):\n    return [item for item in KIND]\n"
    write_package(
        tmp_path, {"a.py": f"{text}\n{handler}", "b.py": "from a import *\ndeco = a\n@deco\ndef b(): ..."}
    )

    def trees() -> int:
        return sum(isinstance(item, ast.Module) for item in gc.get_objects())

    build(tmp_path)
    gc.collect()
    before = trees()
    gc.disable()
    try:
        build(tmp_path)
        assert trees() == before
    finally:
        gc.enable()


def test_a_module_of_many_names_is_searched_for_ours_at_once(tmp_path: Path) -> None:
    names = "\n".join(f"name_{number} = {number}" for number in range(200))
    stray = "from gnomon import get\nroute = [get]\n"
    write_package(tmp_path, {"many.py": stray + names, "few.py": stray})
    found = build(tmp_path).findings
    assert [finding.position[:2] for finding in found] == [("app/few.py", 2), ("app/many.py", 2)]
