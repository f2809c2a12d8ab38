"""The command `gnomon replay`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import trio

from gnomon_snapshot import Recording, ReplayError, SnapshotError, SqliteStore
from gnomon_snapshot import replay as replay_recording

from ._app import App
from ._errors import GnomonError
from ._targets import explained, load_app


@click.command()
@click.argument("request_id")
@click.option(
    "--app",
    "target",
    help="The application: a package, module, or module:attribute. By default the package of the handler.",
)
@click.option(
    "--path",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder to import it from, such as another checkout. By default this one.",
)
@click.option(
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    default="snapshots.sqlite3",
    show_default=True,
    envvar="GNOMON_SNAPSHOTS",
    show_envvar=True,
    help="The file the recording is in.",
)
@click.option(
    "--live", multiple=True, metavar="MODULE", help="A module to start and ask, instead of the recording."
)
@click.option("--from-step", metavar="STEP", help="Where to go on: a number or name that --steps shows.")
@click.option("--steps", is_flag=True, help="Only list the places from which a replay can go on.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def replay(
    request_id: str,
    target: str | None,
    path: Path | None,
    store: Path,
    live: tuple[str, ...],
    from_step: str | None,
    steps: bool,
    as_json: bool,
) -> None:
    """Run the recorded request REQUEST_ID again, against today's code, and show what differs.

    REQUEST_ID may also be a file that holds one recording.

    Exit status: 0 when nothing differs, 1 when something does or there is no such recording, 2 when the command itself
    is wrong or the application cannot be loaded, 3 when the store or the file could not be read.
    """
    try:
        recording = _load(request_id, store)
        if steps:
            _show_steps(recording, as_json=as_json)
            return
        app = _load_app(target or _package_of(recording), path or Path.cwd())
        step = int(from_step) if from_step is not None and from_step.isdecimal() else from_step
        report = replay_recording(recording, app, allow_live=live, from_step=step)
    except (SnapshotError, GnomonError, OSError) as error:
        raise _failure(error) from error
    click.echo(json.dumps(report.to_json(), indent=2, default=str) if as_json else str(report))
    sys.exit(0 if report.empty else 1)


class _Wrong(click.ClickException):
    """The command or the application is not as it has to be."""

    exit_code = 2


class _Unreadable(click.ClickException):
    """The store or a file could not be read."""

    exit_code = 3


def _failure(error: Exception) -> click.ClickException:
    """What is told of an exception, so that no failure is taken for a difference."""
    if isinstance(error, (ReplayError, GnomonError)):
        return _Wrong(str(error))
    if isinstance(error, LookupError):  # no such recording
        return click.ClickException(str(error))
    return _Unreadable(str(error))


def _load(request_id: str, store: Path) -> Recording:
    file = Path(request_id)
    if file.is_file():
        return Recording.from_bytes(file.read_bytes())
    if not store.exists():
        raise click.UsageError(f"there is no store {store}: name one with --store or GNOMON_SNAPSHOTS")

    async def get() -> Recording:
        async with SqliteStore(store) as opened:
            return Recording.of(await opened.get(request_id))

    return trio.run(get)


def _show_steps(recording: Recording, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([step._asdict() for step in recording.steps], indent=2))
        return
    for number, step in enumerate(recording.steps):
        click.echo(f"{number:>4}  {step.kind:<8}  {step.name}")


def _package_of(recording: Recording) -> str:
    execution = recording.snapshot.execution
    package = "" if execution is None else execution.handler_id.partition(".")[0]
    if not package or package == "refusal":
        raise click.UsageError("no handler served this request, so its application is not known: give --app")
    return package


def _load_app(target: str, folder: Path) -> App:
    sys.path.insert(0, str(folder.resolve()))
    try:
        return load_app(target)
    except Exception as error:
        # Whatever its modules raise: it is the user's, and no difference of a replay.
        raise _Wrong(explained(error, f"{target} cannot be imported").format_message()) from error
