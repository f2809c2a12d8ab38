import subprocess
from pathlib import Path

import pytest

PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "{version}"
dependencies = [{dependencies}]

[tool.towncrier]
directory = "changes"
filename = "CHANGELOG.md"
title_format = "## {{version}} ({{project_date}})"
underlines = ["", "", ""]
start_string = "<!-- towncrier release notes start -->\\n"
[[tool.towncrier.type]]
directory = "breaking"
name = "Breaking changes"
showcontent = true
[[tool.towncrier.type]]
directory = "added"
name = "Added"
showcontent = true
[[tool.towncrier.type]]
directory = "fixed"
name = "Fixed"
showcontent = true
"""


class Repository:
    """A small repository of two packages, the upper one standing on the lower."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Somebody")
        self.git("config", "user.email", "somebody@example.org")
        self.package("low", "1.2.3", [])
        self.package("high", "0.4.0", ["low>=1.2,<2"])
        self.commit()

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout

    def package(self, name: str, version: str, dependencies: list[str]) -> None:
        listed = ", ".join(f'"{d}"' for d in dependencies)
        self.write(
            f"packages/{name}/pyproject.toml",
            PYPROJECT.format(name=name, version=version, dependencies=listed),
        )
        self.write(f"packages/{name}/src/{name}/__init__.py", "def answer(question):\n    return 42\n")
        self.write(f"packages/{name}/CHANGELOG.md", "# Changes\n\n<!-- towncrier release notes start -->\n")
        self.write(f"packages/{name}/changes/.gitignore", "!.gitignore\n")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a change")

    def released(self) -> "Repository":
        self.git("tag", "low-v1.2.3")
        self.git("tag", "high-v0.4.0")
        return self


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)
