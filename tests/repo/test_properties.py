"""Each of the 47 properties is tested, or stands on a list that may only shrink."""

import subprocess

import properties
import pytest
from properties import COUNT, PENDING, numbers_in, table

ALL = set(range(1, COUNT + 1))


def test_every_property_is_tested_or_pending_and_not_both():
    tested, pending = set(table()), numbers_in(PENDING.read_text())
    assert tested | pending == ALL, f"neither tested nor pending: {sorted(ALL - tested - pending)}"
    assert tested & pending == set(), f"tested now, so take it off the list: {sorted(tested & pending)}"


def test_the_pending_list_only_shrinks():
    root, name = properties.graph.ROOT, "tests/repo/pending_properties.txt"

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
        return done.stdout

    now = numbers_in(PENDING.read_text())
    for revision in git("log", "--format=%H", "--", name).split():
        before = numbers_in(git("show", f"{revision}:{name}"))
        assert now <= before, f"added since {revision[:10]}: {sorted(now - before)}"


def test_marks_are_read_from_the_source(tmp_path):
    folder = tmp_path / "packages" / "x" / "tests"
    folder.mkdir(parents=True)
    (folder / "test_x.py").write_text(
        "import pytest\n@pytest.mark.property(7)\nasync def test_a(): ...\n@pytest.mark.slow\ndef test_b(): ...\n"
        "TestM = pytest.mark.property(8)(Machine.TestCase)\nTestM.pytestmark = [pytest.mark.property(9)]\n"
    )
    where = "packages/x/tests/test_x.py::"
    assert table(tmp_path) == {7: [f"{where}test_a"], 8: [f"{where}TestM"], 9: [f"{where}TestM"]}


@pytest.mark.parametrize(("text", "numbers"), [("", set()), ("# 1\n2 why\n\n13\n", {2, 13})])
def test_the_pending_list_has_a_number_a_line(text, numbers):
    assert numbers_in(text) == numbers
