"""The command `gnomon check`: what is wrong with an application, found before it is served."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gnomon_context import ContextError

from ._app import App
from ._errors import GnomonError
from ._targets import check_target, explained, loaded

if TYPE_CHECKING:
    from gnomon_manifest import Finding


@dataclass(frozen=True, slots=True)
class _Found:
    level: str
    code: str
    message: str
    where: str | None = None
    #: As a compiler would show it.
    text: str | None = None

    def __str__(self) -> str:
        return self.text or f"{self.level}[{self.code}]: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"level": self.level, "code": self.code, "message": self.message, "where": self.where}


@click.command()
@click.argument("target")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def check(target: str, strict: bool, as_json: bool) -> None:
    """Look for what is wrong with TARGET without serving it.

    First its source is read, without importing it; then it is imported and assembled, and its configuration is read as it
    would be here: routes in conflict, policies that nothing enforces, types that nothing can be checked by, modules that
    need each other. No module is started. Exits with 1 if there is an error.
    """
    try:
        check_target(target)
    except GnomonError as error:
        raise explained(error, target) from error
    found = _read(target.partition(":")[0].partition(".")[0])
    app, wrong = _assembled(target)
    found += wrong
    errors = sum(each.level == "error" for each in found)
    if as_json:
        routes = None if app is None else len(app.routes)
        click.echo(json.dumps({"routes": routes, "findings": [each.as_json() for each in found]}, indent=2))
    else:
        for each in found:
            click.echo(str(each))
        routes_said = "not assembled" if app is None else _counted(len(app.routes), "route")
        warnings = len(found) - errors
        click.echo(f"{target}: {routes_said}, {_counted(errors, 'error')}, {_counted(warnings, 'warning')}")
    if errors or (strict and found):
        raise click.exceptions.Exit(1)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _read(name: str) -> list[_Found]:
    """What the source of a package in the current folder shows without being imported."""
    # The analysis takes its time to import, and no other command needs it.
    from gnomon_manifest import ManifestError, build

    place = next((path for path in (Path(name), Path(f"{name}.py")) if path.exists()), None)
    if place is None:
        # It is installed, or not there at all: then the import says so.
        return []
    try:
        findings = build(place).findings
    except ManifestError as error:
        return [_Found("error", error.code, str(error))]
    return [_from_source(finding, place if place.is_dir() else place.parent) for finding in findings]


def _from_source(finding: Finding, root: Path) -> _Found:
    from gnomon_manifest import render

    file = root / finding.position.file
    shown = finding._replace(position=finding.position._replace(file=str(file)))
    try:
        source = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        source = None
    level = "warning" if finding.is_lint else "error"
    return _Found(level, finding.code, finding.message, str(shown.position), render(shown, source))


def _assembled(target: str) -> tuple[App | None, list[_Found]]:
    try:
        app = loaded(target)
    except click.ClickException as error:
        code = getattr(error.__cause__, "code", "import_failed")
        return None, [_Found("error", code if isinstance(code, str) else "import_failed", error.message)]
    try:
        app.check()
    except ContextError as error:
        return app, [_Found("error", error.code, str(error))]
    return app, []
