"""Which files count, and what is a change of one."""

import os
from pathlib import Path

import pytest

from gnomon._watching import changes, look


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "app.py", "shop/web.py", "shop/page.html", "shop/__pycache__/web.py", ".git/hook.py", ".hidden.py",
        "env/pyvenv.cfg", "env/lib/x.py", "node_modules/x/y.py", "settings.toml",
    ):  # fmt: skip
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    return tmp_path


def test_python_files_count_but_those_of_others(tree):
    assert sorted(look([Path()])) == ["app.py", "shop/web.py"]


def test_what_is_named_counts_with_all_its_files(tree):
    assert sorted(look([], [Path("shop"), Path("settings.toml")])) == [
        "settings.toml",
        "shop/page.html",
        "shop/web.py",
    ]


def test_writing_making_and_removing_are_changes(tree):
    before = look([Path()])
    assert changes(before, look([Path()])) == []
    os.utime("app.py", ns=(1, 1))
    Path("new.py").touch()
    Path("shop/web.py").unlink()
    assert changes(before, look([Path()])) == ["app.py", "new.py", "shop/web.py"]


def test_what_is_no_file_any_more_is_passed_over(tree):
    Path("link.py").symlink_to("nowhere.py")
    assert "link.py" not in look([Path()])
    assert look([Path("gone")], [Path("gone.toml")]) == {}
