"""The command `gnomon-manifest`, and `gnomon manifest` beside the other commands of the runtime."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from ._build import build, watch
from ._compare import check, compare
from ._errors import ManifestError
from ._findings import Finding, render
from ._manifest import Manifest
from ._openapi import openapi
from ._python import python_client
from ._reports import markdown, mermaid, sarif, table
from ._typescript import typescript_client
from ._wire import encode

__all__ = ["main", "manifest"]

_TARGET = click.argument("target")
_BROKEN = frozenset({"syntax", "unreadable"})
_OUTPUT = click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file."
)

_CACHE = click.option(
    "--cache",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep what was read in this file, and analyse only what changed since.",
)


def locate(target: str) -> Path:
    """The place of a target: a path, or the dotted name of a package or module, which is looked for, not imported.

    Raises:
        click.UsageError: when the target is empty.
        click.ClickException: when there is neither.
    """
    if not target:
        raise click.UsageError("TARGET is empty; write . for this folder")
    path = Path(target)
    if path.exists():
        return path
    if all(part.isidentifier() for part in target.split(".")):
        for entry in [".", *sys.path]:
            found = Path(entry or ".", *target.split("."))
            for candidate in (found, found.with_suffix(".py")):
                if candidate.exists():
                    return candidate
    raise click.ClickException(f"there is no path and no module {target!r}")


def _read(target: str, cache: Path | None = None) -> tuple[Manifest, Path]:
    path = locate(target)

    def progress(done: int, of: int) -> None:
        if of >= 200 and sys.stderr.isatty() and (done % 50 == 0 or done == of):
            click.echo(f"\rreading {done} of {of} files", err=True, nl=done == of)

    try:
        return build(path, cache=cache, progress=progress), path
    except ManifestError as error:
        raise click.ClickException(str(error)) from error


def _saved(target: str) -> Manifest:
    try:
        return Manifest.from_json(Path(target).read_bytes())
    except (OSError, ManifestError) as error:
        raise click.ClickException(f"{target}: {error}") from error


def _load(target: str) -> Manifest:
    """A manifest that was written to a file, or that of a source tree.

    Files that could not be read are reported, and then there is no answer: it would leave their handlers out.
    """
    if target.endswith(".json"):
        return _saved(target)
    found, path = _read(target)
    broken = [finding for finding in found.findings if finding.code in _BROKEN]
    if broken:
        _report(broken, path)
        raise click.exceptions.Exit(1)
    return found


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output} can not be written: {error.strerror}") from error


def _report(findings: Iterable[Finding], path: Path) -> None:
    root = path if path.is_dir() else path.parent
    for finding in findings:
        try:
            source = (root / finding.position.file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            source = None
        click.echo(render(finding, source), err=True)


@click.command()
@_TARGET
@click.option("--json", "form", flag_value="json", help="The whole manifest, as canonical JSON.")
@click.option("--sarif", "form", flag_value="sarif", help="The findings, as SARIF 2.1.0.")
@click.option("--strict", is_flag=True, help="Exit with 1 when there is a finding.")
@_CACHE
@_OUTPUT
def manifest(target: str, form: str | None, strict: bool, cache: Path | None, output: Path | None) -> None:
    """Say what TARGET exposes, without importing it.

    TARGET is a package, a folder, a .py file, or the dotted name of a module. A file that can not be read, such as one
    with a syntax error, makes it exit with 1; the others are read all the same.
    """
    found, path = _read(target, cache)
    forms: dict[str | None, Callable[[], str]] = {
        "json": found.to_json,
        "sarif": lambda: json.dumps(sarif(found.findings), indent=2),
        None: lambda: table(found),
    }
    _write(forms[form](), output)
    if form != "sarif":
        _report(found.findings, path)
    if any(strict or finding.code in _BROKEN for finding in found.findings):
        raise click.exceptions.Exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gnomon-manifest")
def main() -> None:
    """Read source code, without importing it, into manifests of handlers, hooks and types.

    Exit status: 0 when all is well, 1 when the answer is no (a file that can not be read, findings with --strict, a
    disagreement, a changed contract, nothing at TARGET), 2 when the command itself is wrong.
    """


main.add_command(manifest, "build")


@main.command("watch")
@_TARGET
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each manifest, for programs.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.01),
    default=0.3,
    show_default=True,
    help="Seconds between two looks.",
)
@_CACHE
def watch_command(target: str, as_json: bool, interval: float, cache: Path | None) -> None:
    """Read TARGET again whenever a file of it changes, and say what became of its handlers; Ctrl-C ends it.

    Faults of the source are told and the watch goes on. A line of JSON has the number of handlers, every change since the
    line before (since nothing, for the first) and all findings.
    """
    path = locate(target)
    before: Manifest | None = None
    show = _show_json if as_json else _show
    try:
        looks = watch(path, cache=cache, wait=lambda: time.sleep(interval))
        for found in looks:  # pragma: no branch - only Ctrl-C ends it
            if found != before:  # a file can be written without a change
                show(before, found, path)
            before = found
    except ManifestError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        return  # the way to end it


def _show_json(before: Manifest | None, found: Manifest, _: Path) -> None:
    changes = [{"kind": item.kind, "id": item.id} for item in compare(before or Manifest(), found)]
    line = {"handlers": len(found.handlers), "changes": changes, "findings": encode(found.findings)}
    click.echo(json.dumps(line))


def _show(before: Manifest | None, found: Manifest, path: Path) -> None:
    click.echo(f"handlers: {len(found.handlers)}, findings: {len(found.findings)}")
    for item in compare(before, found) if before else ():  # at first everything is new
        click.echo(f"{item.kind:<14}  {item.id}")
    _report(found.findings, path)


@main.command("openapi")
@_TARGET
@click.option("--title", default="API", show_default=True, help="Name of the API.")
@click.option("--api-version", default="0", show_default=True, help="Version of the API.")
@click.option("--server", multiple=True, help="URL of a server; may be given again.")
@_OUTPUT
def openapi_command(
    target: str, title: str, api_version: str, server: tuple[str, ...], output: Path | None
) -> None:
    """Describe TARGET (source, or a manifest in a .json file) in OpenAPI 3.1."""
    document = openapi(_load(target), title=title, version=api_version, servers=server)
    _write(json.dumps(document, indent=2), output)


@main.command("docs")
@_TARGET
@click.option("--title", default="API", show_default=True, help="Heading of the page.")
@_OUTPUT
def docs_command(target: str, title: str, output: Path | None) -> None:
    """Write a reference of TARGET in Markdown."""
    _write(markdown(_load(target), title=title), output)


@main.command("client")
@click.argument("language", type=click.Choice(["python", "typescript"]))
@_TARGET
@_OUTPUT
def client_command(language: str, target: str, output: Path | None) -> None:
    """Write a client of TARGET in LANGUAGE."""
    writers = {"python": python_client, "typescript": typescript_client}
    _write(writers[language](_load(target)), output)


@main.command("graph")
@_TARGET
@_OUTPUT
def graph_command(target: str, output: Path | None) -> None:
    """Draw the hooks, handlers and modules of TARGET, in Mermaid."""
    _write(mermaid(_load(target)), output)


@main.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def diff_command(old: str, new: str, as_json: bool) -> None:
    """Say which handlers of NEW differ from those of OLD; exits with 1 when a contract changed or went."""
    found = compare(_load(old), _load(new))
    if as_json:
        rows: list[dict[str, Any]] = [{"kind": item.kind, "id": item.id} for item in found]
        click.echo(json.dumps(rows, indent=2))
    else:
        for item in found:
            click.echo(f"{item.kind:<14}  {item.id}")
    if any(item.kind in ("contract", "removed") for item in found):
        raise click.exceptions.Exit(1)


@main.command("check")
@_TARGET
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def check_command(target: str, as_json: bool) -> None:
    """Import TARGET, on purpose, and prove that its manifest and its declarations agree."""
    path = locate(target)
    try:
        found = check(path)
    except Exception as error:
        # whatever the project raises while it is imported is its own, and is told as such
        raise click.ClickException(
            f"{target} can not be imported: {type(error).__name__}: {error}"
        ) from error
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(found), nl=as_json or bool(found))
    if found:
        raise click.exceptions.Exit(1)
