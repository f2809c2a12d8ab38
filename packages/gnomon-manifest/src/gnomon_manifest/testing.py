"""Source trees for tests: written to a folder, or generated together with what a manifest must say about them.

`projects` needs Hypothesis, which the extra `gnomon-manifest[testing]` brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["ExpectedHandler", "ExpectedHook", "Project", "projects", "write_package"]


def write_package(folder: Path, files: Mapping[str, str | bytes], *, name: str = "app") -> Path:
    """Write a package and give its folder.

    Args:
        folder: an existing folder.
        files: text or bytes by path inside the package; text is dedented.
        name: name of the package.

    >>> import tempfile
    >>> from gnomon_manifest.testing import write_package
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(path.name for path in write_package(Path(folder), {"api.py": "x = 1"}).iterdir())
    ['__init__.py', 'api.py']
    """
    root = folder / name
    for path, text in {"__init__.py": "", **files}.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    return root


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedHook:
    """What a manifest must say about a hook of a generated project."""

    name: str
    point: str
    level: str
    timeout: float | None
    retries: int
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedHandler:
    """What a manifest must say about a handler of a generated project.

    Args:
        hooks: by point and then in the order in which they run.
        annotation: source of the body type, to be evaluated in the imported module.
    """

    id: str
    path: str
    methods: tuple[str, ...]
    roles: tuple[str, ...]
    rate_limit: str | None
    timeout: float | None
    modules: tuple[str, ...]
    file: str
    line: int
    module: str
    annotation: str
    hooks: tuple[ExpectedHook, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A generated source tree."""

    files: Mapping[str, str]
    handlers: tuple[ExpectedHandler, ...]


def projects() -> SearchStrategy[Project]:
    """Packages called `app` of several modules with handlers, hooks and types, written in many ways.

    The modules can be imported as well: what they declare is valid.
    """
    from hypothesis import strategies as st

    from ._projects import Writer

    @st.composite
    def draw(draw: Any) -> Project:
        return Writer(draw).project()

    return draw()
