"""The command `gnomon`: `serve`, `routes`, and what installed packages add through `gnomon.commands`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path

import click

from gnomon_context import ContextError
from gnomon_manifest.declare import declaration_of
from gnomon_orchestrator import OrchestratorError
from gnomon_router import RouterError

from ._app import App, Route
from ._errors import GnomonError, SourceUnusable

GROUP = "gnomon.commands"


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


@click.command("gnomon", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gnomon", prog_name="gnomon")
def main() -> None:
    """Serve and inspect applications written with gnomon.

    TARGET is a package or module with an App in `app` (or one that only declares handlers), or `module:attribute`.
    """


@main.command()
@click.argument("target")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
def serve(target: str, host: str, port: int) -> None:
    """Serve TARGET over HTTP until Ctrl-C."""
    app = _loaded(target)
    try:
        app.run(
            host=host, port=port, ready=lambda url: click.echo(f"serving {target} on {url} (Ctrl-C stops)")
        )
    except ContextError as error:
        # What failed is the user's own code: where it did is what has to be seen.
        if error.__cause__ is not None:
            click.echo("".join(traceback.format_exception(error.__cause__)), err=True, nl=False)
        raise click.ClickException(f"{target} did not start: {error}") from error
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error


@main.command()
@click.argument("target")
@click.option("--hooks", is_flag=True, help="Also everything that runs for each route, in order.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def routes(target: str, hooks: bool, as_json: bool) -> None:
    """List the routes of TARGET."""
    found = _loaded(target).routes
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


_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*)?")


def load_app(target: str) -> App:
    """The application that a target on the command line names.

    Args:
        target: `module:attribute`, or a module with an App in `app`, in its submodule `app`, or with handlers.

    Raises:
        SourceUnusable: There is no such module or attribute, or nothing in it can be served.
    """
    if not _TARGET.fullmatch(target) or target.endswith(".py"):
        hint = f"; write {Path(target).stem}" if target.endswith(".py") else ""
        raise SourceUnusable(f"{target!r} is no dotted name of a module, nor module:attribute{hint}")
    module, _, attribute = target.partition(":")
    if attribute:
        return _attribute(_module(module), attribute)
    app = getattr(_module(module), "app", None)
    if isinstance(app, App):
        return app
    if hasattr(_module(module), "__path__") and importlib.util.find_spec(f"{module}.app") is not None:
        return _attribute(_module(f"{module}.app"), "app")
    if app is not None and not inspect.ismodule(app) and declaration_of(app) is None:
        name = "app" if callable(app) else "create_app"
        raise SourceUnusable(
            f"{module}.app is a {type(app).__name__} and no App: make it one, or name what makes one, "
            f"as in {module}:{name}"
        )
    made = {name: each for name, each in vars(_module(module)).items() if isinstance(each, App)}
    if len(made) > 1:
        raise SourceUnusable(
            f"{module} has several Apps ({', '.join(made)}) and none of the name app: say which, "
            f"as in {module}:{next(iter(made))}"
        )
    return next(iter(made.values())) if made else App(module)


def _loaded(target: str) -> App:
    sys.path.insert(0, str(Path.cwd()))
    try:
        return load_app(target)
    except (GnomonError, ContextError, RouterError, OrchestratorError) as error:
        raise click.ClickException(str(error)) from error


def _module(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise
        raise SourceUnusable(
            f"there is no module {name!r} here: run this in the folder that holds it"
        ) from error


def _attribute(module: object, name: str) -> App:
    found = getattr(module, name, None)
    if callable(found) and not isinstance(found, App) and declaration_of(found) is None:
        found = found()
    if isinstance(found, App):
        return found
    shown = getattr(module, "__name__", repr(module))
    raise SourceUnusable(f"{shown}:{name} is no App, and no function that returns one")
