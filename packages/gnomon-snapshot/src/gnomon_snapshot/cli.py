"""The command `gnomon-snapshot`, and `gnomon snapshot` beside the other commands of the runtime."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import trio

from gnomon_snapshot._errors import SnapshotError, SnapshotNotFound
from gnomon_snapshot._exchange import export_snapshots, import_snapshots
from gnomon_snapshot._patch import diff
from gnomon_snapshot._render import USUAL, changes, chosen, show, snapshot_as_json, summary_as_json, table
from gnomon_snapshot._snapshot import PARTS
from gnomon_snapshot._sqlite import SqliteStore
from gnomon_snapshot._store import MAX_PAGE, Query, Retention

__all__ = ["snapshot"]

T = TypeVar("T")

_OUTCOMES: Final = ("ok", "error", "timeout", "disconnect", "cancelled", "shutdown")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES: Final = {
    "": 1, "B": 1,
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip


class _Failure(click.ClickException):
    """The store or a file could not do what was asked."""

    exit_code = 3


def _age(value: str) -> float:
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smhdw])", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no length of time: write 30s, 10m, 12h, 7d or 2w")
    return float(found[1]) * _SECONDS[found[2]]


def _size(value: str) -> int:
    found = re.fullmatch(r"(\d{1,18})\s*([a-zA-Z]*)", value)
    if found is None or found[2] not in _BYTES:
        raise click.BadParameter(f"{value!r} is no size: write 1000, 500kB, 10MB, 2GiB")
    return int(found[1]) * _BYTES[found[2]]


def _moment(value: str) -> datetime:
    try:
        if value[:1].isdigit() and value[-1:] in _SECONDS:
            return datetime.now(UTC) - timedelta(seconds=_age(value))
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is no time: write 2026-03-01, 2026-03-01T12:00+01:00, or 2h for two hours ago"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose snapshots."""
    for option in reversed(
        (
            click.option(
                "--since",
                type=_moment,
                metavar="TIME",
                help="Taken at this time or later (UTC), or so long ago: 2h.",
            ),
            click.option(
                "--until", type=_moment, metavar="TIME", help="Taken before this time, or longer ago."
            ),
            click.option("--route", help="Of this route, such as /orders/{id}."),
            click.option("--version", help="Served by this version."),
            click.option("--outcome", type=click.Choice(_OUTCOMES), help="Ended so."),
            click.option("--text", default="", help="Words of method, path, route, handler, error."),
        )
    ):
        command = option(command)
    return command


def _places(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG001
    """Refuse what leads nowhere: a part that is not there would differ in nothing."""
    for pointer in value:
        first = pointer.split("/")[1:2]
        if pointer and (pointer[0] != "/" or first[0] not in {*PARTS, "recording", "*"}):
            raise click.BadParameter(
                f"{pointer!r} is no place in a snapshot: it begins with /{', /'.join(sorted(PARTS))}"
            )
    return value


_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
_PROGRESS = click.option(
    "--progress/--no-progress",
    default=None,
    help="Say on stderr how far it is; if that is a terminal, by default.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gnomon-snapshot")
@click.option(
    "--store",
    "store_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default="snapshots.sqlite3",
    show_default=True,
    envvar="GNOMON_SNAPSHOTS",
    show_envvar=True,
    help="The file of the store.",
)
@click.pass_context
def snapshot(ctx: click.Context, store_path: Path) -> None:
    """List, show, compare, move and prune the snapshots of requests.

    Exit status: 0 when all is well, 1 when the answer is no (no such request, a difference), 2 when the command
    itself is wrong, 3 when the store or a file could not be read or written.
    """
    ctx.obj = store_path


def _with_store(work: Callable[[SqliteStore], Awaitable[T]], *, make: bool = False) -> T:
    """Open the store for some work; what fails is told in a sentence."""
    path: Path = click.get_current_context().obj
    if not make and not path.exists():
        raise click.UsageError(f"there is no store at {path}: give one with --store or GNOMON_SNAPSHOTS")

    async def main() -> T:
        async with SqliteStore(path) as store:
            return await work(store)

    try:
        return trio.run(main)
    except SnapshotNotFound as error:
        raise click.ClickException(str(error)) from error
    except (SnapshotError, OSError) as error:
        raise _Failure(str(error)) from error


def _teller(verb: str, progress: bool | None) -> Callable[[int], None] | None:
    """What says how many are done, on one line."""
    if progress is None:
        progress = sys.stderr.isatty()
    return (lambda count: click.echo(f"\r{verb} {count:,}", err=True, nl=False)) if progress else None


def _tell_done(verb: str, key: str, count: int, tell: object, as_json: bool) -> None:
    if tell is not None:
        click.echo("\r\x1b[K" if sys.stderr.isatty() else "", err=True, nl=not sys.stderr.isatty())
    click.echo(json.dumps({key: count}) if as_json else f"{verb} {count:,} snapshots")


@snapshot.command("list")
@_filters
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most.")
@_JSON
def list_command(limit: int, as_json: bool, **conditions: Any) -> None:
    """List snapshots, newest first; with --json one object a line."""

    async def work(store: SqliteStore) -> None:
        left, after, first = limit, None, True
        while left:
            page = await store.list(Query(**conditions), limit=min(left, MAX_PAGE), after=after)
            left -= len(page.summaries)
            if as_json:
                for summary in page.summaries:
                    click.echo(json.dumps(summary_as_json(summary)))
            elif page.summaries:
                click.echo("\n".join(table(page.summaries, heads=first)))
            first, after = False, page.next
            if after is None:
                return
        click.echo(f"there are more than {limit:,}: see --limit", err=True)

    _with_store(work)


@snapshot.command("show")
@click.argument("request_id")
@_JSON
def show_command(request_id: str, as_json: bool) -> None:
    """Show the snapshot of REQUEST_ID."""

    async def told(store: SqliteStore) -> str:
        found = await store.get(request_id)
        return json.dumps(snapshot_as_json(found), indent=2) if as_json else "\n".join(show(found))

    click.echo(_with_store(told))


@snapshot.command("diff")
@click.argument("before")
@click.argument("after")
@click.option(
    "--only",
    multiple=True,
    callback=_places,
    metavar="POINTER",
    help="Only below this place, such as /state; may be given again.",
)
@click.option(
    "--ignore",
    multiple=True,
    callback=_places,
    metavar="POINTER",
    help="Not below this place; * is any one step.",
)
@click.option("--exact", is_flag=True, help="Also the times and ids that differ between any two requests.")
@_JSON
def diff_command(
    before: str, after: str, only: tuple[str, ...], ignore: tuple[str, ...], exact: bool, as_json: bool
) -> None:
    """Say how the snapshot of request AFTER differs from that of BEFORE; exits with 1 when it does.

    With --json a JSON Patch (RFC 6902).
    """

    async def work(store: SqliteStore) -> Any:
        return await store.get(before), await store.get(after)

    old, new = _with_store(work)
    found = chosen(diff(old, new), only, ignore if exact else (*ignore, *USUAL))
    if as_json:
        click.echo(json.dumps([operation.to_json() for operation in found], indent=2))
    else:
        colours = {"+": "green", "-": "red", "~": "yellow"}
        for sign, line in changes(found, old):
            click.secho(f"{sign} {line}", fg=colours[sign])
    if found:
        raise click.exceptions.Exit(1)


@snapshot.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_filters
@_PROGRESS
@_JSON
def export_command(file: Path, progress: bool | None, as_json: bool, **conditions: Any) -> None:
    """Write snapshots into one FILE, which is there when it is complete."""
    tell = _teller("exported", progress)

    async def work(store: SqliteStore) -> int:
        try:
            return await export_snapshots(store, file, query=Query(**conditions), progress=tell)
        except OSError as error:  # a full disk is told without the name of the file
            if error.errno is None or error.filename is not None:
                raise
            raise OSError(error.errno, error.strerror, str(file)) from error

    count = _with_store(work)
    _tell_done("exported", "exported", count, tell, as_json)


@snapshot.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_PROGRESS
@_JSON
def import_command(file: Path, progress: bool | None, as_json: bool) -> None:
    """Put the snapshots of FILE into the store, which is made if it is not there."""
    tell = _teller("imported", progress)
    count = _with_store(lambda store: import_snapshots(store, file, progress=tell), make=True)
    _tell_done("imported", "imported", count, tell, as_json)


@snapshot.command("prune")
@click.option("--age", type=_age, metavar="AGE", help="Keep what is younger: 30s, 10m, 12h, 7d, 2w.")
@click.option("--count", type=click.IntRange(0), help="Keep so many.")
@click.option("--bytes", "size", type=_size, metavar="SIZE", help="Keep so much: 500kB, 10MB, 2GiB.")
@_PROGRESS
@_JSON
def prune_command(
    age: float | None, count: int | None, size: int | None, progress: bool | None, as_json: bool
) -> None:
    """Forget the oldest snapshots beyond the bounds that are given."""
    if age is None and count is None and size is None:
        raise click.UsageError("say what to keep: --age, --count or --bytes")
    tell = _teller("forgot", progress)
    gone = _with_store(lambda store: store.prune(Retention(age=age, count=count, size=size), progress=tell))
    _tell_done("forgot", "forgotten", gone, tell, as_json)
