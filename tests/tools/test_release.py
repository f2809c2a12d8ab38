import pytest
import release
from packaging.version import Version


def planned(repository):
    return {r.package.name: str(r.version) for r in release.planned(repository.root)}


def test_the_first_release_is_the_version_as_written(repository):
    assert planned(repository) == {"low": "1.2.3", "high": "0.4.0"}


def test_what_did_not_change_is_not_released(repository):
    assert planned(repository.released()) == {}


def test_tests_alone_are_no_release(repository):
    repository.released().write("packages/low/tests/test_it.py", "")
    repository.commit()
    assert planned(repository) == {}


def test_a_change_without_a_fragment_is_refused(repository):
    repository.released().write("packages/low/src/low/more.py", "more = 1\n")
    repository.commit()
    with pytest.raises(release.Refused, match="low changed since 1.2.3 and has no fragment"):
        planned(repository)


def test_a_fragment_of_no_kind_is_refused(repository):
    repository.released().write("packages/low/changes/+x.feature.md", "x")
    with pytest.raises(release.Refused, match="must end in one of"):
        planned(repository)


@pytest.mark.parametrize(
    ("last", "kinds", "version"),
    [
        ("1.2.3", ["fixed"], "1.2.4"),
        ("1.2.3", ["internal"], "1.2.4"),
        ("1.2.3", ["fixed", "added"], "1.3.0"),
        ("1.2.3", ["deprecated"], "1.3.0"),
        ("1.2.3", ["added", "breaking"], "2.0.0"),
        ("0.2.3", ["added"], "0.2.4"),
        ("0.2.3", ["breaking"], "0.3.0"),
    ],
)
def test_fragments_decide_the_bump(last, kinds, version):
    assert release.next_version(Version(last), kinds) == Version(version)


def test_a_breaking_change_must_be_admitted(repository):
    repository.released().write(
        "packages/low/src/low/__init__.py", "def answer(question, asked_by):\n    return 42\n"
    )
    repository.write("packages/low/changes/+asker.fixed.md", "Knows who asks.\n")
    repository.commit()
    with pytest.raises(release.Refused, match="asked_by"):
        planned(repository)


def test_an_admitted_break_must_fit_the_ranges_above(repository):
    repository.released().write("packages/low/src/low/__init__.py", "")
    repository.write("packages/low/changes/+gone.breaking.md", "No more answers.\n")
    repository.commit()
    with pytest.raises(release.Refused, match=r"high requires low<2,>=1.2, which does not admit low 2.0.0"):
        planned(repository)


def test_bump_writes_versions_and_changelogs_and_tag_names_them(repository):
    repository.released().write("packages/low/src/low/more.py", "more = 1\n")
    repository.write("packages/low/changes/+more.added.md", "There is more.\n")
    repository.commit()
    assert "There is more." in release.notes(repository.root, "low")
    release.bump(repository.root)
    folder = repository.root / "packages/low"
    assert 'version = "1.3.0"' in (folder / "pyproject.toml").read_text()
    assert "There is more." in (folder / "CHANGELOG.md").read_text()
    assert not list((folder / "changes").glob("*.md"))
    with pytest.raises(release.Refused, match="commit first"):
        release.tag(repository.root)
    repository.commit()
    assert release.tag(repository.root) == ["low-v1.3.0"]
    assert release.tag(repository.root) == []
    assert planned(repository) == {}


def test_a_tag_waits_for_the_bump(repository):
    repository.write("packages/low/changes/+more.added.md", "There is more.\n")
    repository.commit()
    with pytest.raises(release.Refused, match="run bump first"):
        release.tag(repository.root)


def test_notes_of_what_is_not_released(repository):
    with pytest.raises(release.Refused, match="nothing to release"):
        release.notes(repository.released().root, "low")


def test_the_command_line_tells_plans_and_refusals(repository, capsys):
    assert release.main(["plan"], repository.root) == 0
    assert "low unreleased -> 1.2.3" in capsys.readouterr().out
    assert release.main(["plan"], repository.released().root) == 0
    assert "nothing to release" in capsys.readouterr().out
    assert release.main(["notes", "low"], repository.root) == 1
    assert "nothing to release" in capsys.readouterr().err
