import subprocess
import sys

import graph
import pytest


def test_packages_come_after_what_they_stand_on(repository):
    found = graph.packages(repository.root)
    assert list(found) == ["low", "high"]
    assert graph.siblings(found) == {"low": [], "high": ["low"]}
    assert graph.closure("high", found) == ["low", "high"]
    assert graph.closure("low", found) == ["low"]


@pytest.mark.parametrize(
    ("changed", "affected"),
    [
        (["packages/low/src/low/__init__.py"], ["low", "high"]),
        (["packages/high/README.md"], ["high"]),
        (["README.md", "tools/graph.py", "packages/stray.txt"], []),
    ],
)
def test_a_change_affects_its_package_and_those_above(repository, changed, affected):
    assert graph.affected(changed, graph.packages(repository.root)) == affected


def test_changed_files_count_those_git_does_not_know_yet(repository):
    repository.write("packages/low/new.txt", "new")
    repository.write("packages/high/CHANGELOG.md", "edited")
    assert graph.changed_since("HEAD", repository.root) == [
        "packages/high/CHANGELOG.md",
        "packages/low/new.txt",
    ]


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("trio>=0.31", "trio"), ("Gnomon_Context[x] ; extra", "gnomon-context"), (" a.b--c ~= 1", "a-b-c")],
)
def test_requirement_names_are_normalised(requirement, name):
    assert graph.requirement_name(requirement) == name


def test_what_is_no_requirement_is_refused():
    with pytest.raises(ValueError, match="not a requirement"):
        graph.requirement_name(">=1")


def test_the_script_prints_this_repository():
    done = subprocess.run([sys.executable, graph.__file__], capture_output=True, text=True, check=True)
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == list(graph.packages())
    assert names[-1] == "gnomon"
