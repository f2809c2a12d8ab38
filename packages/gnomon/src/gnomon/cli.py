"""The command `gnomon`: its own commands, and what installed packages add through `gnomon.commands`."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path

import click
from click.core import ParameterSource

from gnomon_context import ConfigError, ContextError

from ._check_command import check
from ._development import develop, serving
from ._errors import GnomonError
from ._routes import Route
from ._targets import check_target, explained, load_app, loaded, show_own

__all__ = ["GROUP", "load_app", "main"]

GROUP = "gnomon.commands"

_HOST = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
_PORT = click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
# What other runtimes call it.
_MEANT = {
    "run": "serve",
    "start": "serve",
    "reload": "dev",
    "watch": "dev",
    "develop": "dev",
    "lint": "check",
}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _octal(value: str) -> int:
    try:
        return int(value, 8)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not octal, as 660 is") from None


class _Commands(click.Group):
    """The built-in commands, and one for each entry point; those are loaded only when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *(entry.name for entry in entry_points(group=GROUP))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (built_in := super().get_command(ctx, cmd_name)) is not None:
            return built_in
        for entry in entry_points(group=GROUP, name=cmd_name):
            command = entry.load()
            if isinstance(command, click.Command):
                return command
            raise click.ClickException(f"{entry.value} is no click command, so {cmd_name!r} cannot be run")
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None:
            near = [_MEANT[name]] if name in _MEANT else get_close_matches(name, self.list_commands(ctx), 1)
            ctx.fail(f"there is no command {name!r}" + "".join(f"; did you mean {each}?" for each in near))
        return super().resolve_command(ctx, args)


@click.command("gnomon", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gnomon", prog_name="gnomon")
def main() -> None:
    """Serve and inspect applications written with gnomon.

    TARGET is a package or module with an App in `app` (or one that only declares handlers), or `module:attribute`.
    """


@main.command()
@click.argument("target")
@_HOST
@_PORT
@click.option(
    "--uds",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Listen on a Unix socket, in place of host and port; it is removed at the end.",
)
@click.option(
    "--uds-mode",
    type=_octal,
    default="600",
    show_default=True,
    metavar="OCTAL",
    help="Who may use that socket.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Processes on one port; one that dies is replaced, SIGHUP replaces all.",
)
@click.option(
    "--tls-cert", type=_FILE, metavar="FILE", help="Serve HTTPS with this chain of certificates, in PEM."
)
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its private key, if it is in another file.")
@click.option("--reload", is_flag=True, hidden=True)
@click.pass_context
def serve(
    context: click.Context,
    target: str,
    host: str,
    port: int,
    uds: Path | None,
    uds_mode: int,
    workers: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    reload: bool,
) -> None:
    """Serve TARGET over HTTP until Ctrl-C.

    The first Ctrl-C, or SIGTERM, lets what runs finish; a second one ends its time. The exit status is 0 after that, 1 if
    TARGET cannot be imported or started, or the address cannot be had, and 2 if the command itself is wrong.
    """
    if reload:
        raise click.UsageError(f"to serve again after every change is another command: gnomon dev {target}")
    if uds is not None:
        for name, value in (("host", host), ("port", port)):
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
                raise click.UsageError(f"--uds {uds} is in place of --{name} {value}: leave one of them out")
        if workers > 1:
            raise click.UsageError("--workers share a port, not a Unix socket: leave --uds or --workers out")
    if workers > 1 and not port:
        raise click.UsageError("--workers need one port for all: name it with --port")
    tls = _tls(tls_cert, tls_key)
    app = loaded(target)
    with _starting(target, f"{uds or f'{host}:{port}'}"):
        app.run(
            host=host,
            port=port,
            uds=uds,
            uds_mode=uds_mode,
            tls=tls,
            workers=workers,
            ready=lambda url: click.echo(serving(target, url)),
        )


def _tls(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None:
        if key is not None:
            raise click.UsageError("--tls-key needs --tls-cert, the certificate it belongs to")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except (ssl.SSLError, OSError) as error:
        raise click.ClickException(
            f"{cert}{f' with the key {key}' if key else ''} cannot be used: {error.strerror or error}; both are files in PEM, "
            "and the key is that of the first certificate"
        ) from error
    return context


@contextmanager
def _starting(target: str, address: str) -> Iterator[None]:
    """Tell what keeps an application from being served, and where in the user's code."""
    try:
        yield
    except ContextError as error:
        # What failed is the user's own code: where it did is what has to be seen.
        if error.__cause__ is not None and not isinstance(error, ConfigError):
            show_own(error.__cause__)
        raise click.ClickException(f"{target} did not start: {error}") from error
    except socket.gaierror as error:
        raise click.ClickException(f"cannot listen on {address}: {error.strerror}") from error
    except OSError as error:
        if error.filename is None or error.errno is None:
            raise explained(error, f"{target} did not start") from error
        raise click.ClickException(f"cannot listen on {address}: {os.strerror(error.errno)}") from error
    except Exception as error:
        raise explained(error, f"{target} ended with an error") from error


@main.command()
@click.argument("target")
@_HOST
@_PORT
@click.option(
    "--watch",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="Another file, or a folder with all its files, beside the Python files in this folder; may be given again.",
)
def dev(target: str, host: str, port: int, watch: tuple[Path, ...]) -> None:
    """Serve TARGET for development: again after every change.

    A change of a Python file in this folder, or of what --watch names, ends the process that serves and starts another one.
    The port stays open in between: requests wait. Config(development=...) is on unless the application says otherwise.
    """
    try:
        check_target(target)
    except GnomonError as error:
        raise explained(error, target) from error
    with _starting(target, f"{host}:{port}"):
        develop(target, host, port, watch, tell=lambda text: click.echo(f"gnomon dev: {text}", err=True))


@main.command()
@click.argument("target")
@click.option("--hooks", is_flag=True, help="Also everything that runs for each route, in order.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def routes(target: str, hooks: bool, as_json: bool) -> None:
    """List the routes of TARGET."""
    found = loaded(target).routes
    if as_json:
        click.echo(json.dumps([_as_json(route) for route in found], indent=2))
        return
    width = max((len(route.path) for route in found), default=0)
    for route in found:
        click.echo(f"{'WS' if route.websocket else route.method:<7} {route.path:<{width}}  {route.id}")
        if hooks:
            click.echo("".join(f"        {line}\n" for line in route.describe().splitlines()), nl=False)


def _as_json(route: Route) -> dict[str, object]:
    shown: dict[str, object] = {"method": route.method, "path": route.path, "id": route.id}
    return {**shown, "websocket": True} if route.websocket else shown


main.add_command(check)
