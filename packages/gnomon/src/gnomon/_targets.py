"""From a target on the command line to the application it names, and what is said when that goes wrong."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType

import click

from gnomon_manifest.declare import declaration_of

from ._app import App
from ._errors import SourceUnusable

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*)?")

_OURS = frozenset(
    {"gnomon"}
    | {
        f"gnomon_{part}"
        for part in ("context", "gtype", "ingress", "manifest", "orchestrator", "router", "snapshot")
    }
)

# Whose frames say nothing about the code of a user: they lead to it.
_MACHINERY = _OURS | {"click", "importlib", "runpy", "trio", "outcome", "contextlib"}


def check_target(target: str) -> None:
    """Check that a target is written as one; nothing is imported.

    Raises:
        SourceUnusable: It is neither the dotted name of a module, nor `module:attribute`.
    """
    if not _TARGET.fullmatch(target) or target.endswith(".py"):
        dotted = ".".join(part for part in Path(target.removesuffix(".py")).parts if part not in (".", "/"))
        hint = f"; write {dotted}" if _TARGET.fullmatch(dotted) else ""
        raise SourceUnusable(f"{target!r} is no dotted name of a module, nor module:attribute{hint}")


def load_app(target: str) -> App:
    """The application that a target on the command line names.

    Args:
        target: `module:attribute`, or a module with an App in `app`, in its submodule `app`, or with handlers.

    Raises:
        SourceUnusable: There is no such module or attribute, or nothing in it can be served.
    """
    check_target(target)
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
    made = _apps(_module(module))
    if len(made) > 1:
        raise SourceUnusable(
            f"{module} has several Apps ({', '.join(made)}) and none of the name app: say which, "
            f"as in {module}:{next(iter(made))}"
        )
    return next(iter(made.values())) if made else App(module)


def loaded(target: str) -> App:
    """The application of a target in the current folder, or what is wrong with it, told as a command tells it.

    Raises:
        click.ClickException: It cannot be imported or assembled; the traceback of the user's own code was shown.
    """
    sys.path.insert(0, str(Path.cwd()))
    try:
        return load_app(target)
    except Exception as error:
        raise explained(error, f"{target} cannot be imported") from error


def explained(error: BaseException, what: str) -> click.ClickException:
    """What a command ends with: an error of ours is a sentence with its place, one of the user's code is shown where it is.

    Args:
        error: What was raised.
        what: What could not be done, for an error that is not ours.
    """
    if _is_ours(error):
        place = _user_place(error.__traceback__)
        shown = place is None or place.partition(":")[0] in str(error)
        return click.ClickException(str(error) if shown else f"{place}: {error}")
    show_own(error)
    return click.ClickException(what)


def show_own(error: BaseException) -> None:
    """Write the traceback of an exception to stderr, without what led to the user's code."""
    click.echo("".join(traceback.format_exception(_trimmed(error))), err=True, nl=False)


def _trimmed(error: BaseException) -> BaseException:
    seen: BaseException | None = error
    while seen is not None:
        trace = seen.__traceback__
        while trace is not None and _is_machinery(trace):
            trace = trace.tb_next
        seen.__traceback__ = trace
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return error


def _is_ours(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _OURS


def _is_machinery(trace: TracebackType) -> bool:
    code = trace.tb_frame.f_code
    module = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
    return module in _MACHINERY or code.co_filename.startswith("<frozen ")


def _user_place(trace: TracebackType | None) -> str | None:
    """File and line of the innermost frame that is the user's."""
    place = None
    while trace is not None:
        if not _is_machinery(trace):
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _apps(module: object) -> dict[str, App]:
    return {name: each for name, each in vars(module).items() if isinstance(each, App)}


def _module(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name
        if missing is None or not (name == missing or name.startswith(f"{missing}.")):
            raise
        raise SourceUnusable(
            f"there is no module {missing!r} here{_near_module(missing)}: run this in the folder that holds it"
        ) from error


def _near_module(missing: str) -> str:
    parent, _, leaf = missing.rpartition(".")
    above = sys.modules.get(parent)
    if isinstance(getattr(above, leaf, None), App):
        return _meant([f"{parent}:{leaf}"])
    folders = getattr(above, "__path__", []) if parent else [sys.path[0]]
    near = get_close_matches(leaf, [found.name for found in pkgutil.iter_modules(folders)], 1)
    return _meant(f"{parent}.{name}" if parent else name for name in near)


def _meant(names: Iterable[str]) -> str:
    return "".join(f" (did you mean {name}?)" for name in names)


def _attribute(module: object, name: str) -> App:
    found = getattr(module, name, None)
    if callable(found) and not isinstance(found, App) and declaration_of(found) is None:
        found = found()
    if isinstance(found, App):
        return found
    shown = getattr(module, "__name__", repr(module))
    near = get_close_matches(name, _apps(module), 1)
    hint = _meant(f"{shown}:{each}" for each in near) if found is None else ""
    raise SourceUnusable(f"{shown}:{name} is no App, and no function that returns one{hint}")
