"""What is wrong with an application says where, and how to mend it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import pytest
from click.testing import CliRunner
from trio.testing import trio_test

from gnomon import (
    App,
    AppAlreadyOpen,
    Config,
    HandlerUnusable,
    Limits,
    Request,
    Response,
    SourceUnusable,
    before,
    get,
)
from gnomon.cli import main
from gnomon_gtype import Closed
from gnomon_ingress import Upload
from gnomon_orchestrator import Hook

if TYPE_CHECKING:
    from somewhere import NotThere


class Unknown(TypedDict):
    field: NotThere


@get("/fine")
async def fine(req, res, lctx, gctx): ...


def test_a_path_that_cannot_be_read_names_the_handler():
    @get("/users/{id:nothing}", id="users.read")
    async def read(req, res, lctx, gctx): ...

    with pytest.raises(
        HandlerUnusable, match=r"(?s)test_composition_errors.py:\d+: users.read: .*id:nothing"
    ):
        App(read)


def test_a_type_without_a_validator_names_the_handler():
    @get("/sockets", id="sockets.read")
    async def read(req: Request[socket.socket], res, lctx, gctx): ...

    with pytest.raises(HandlerUnusable, match=r"(?s)test_composition_errors.py:\d+: sockets.read: .*socket"):
        App(read)


class Stranger(Protocol):
    def swims(self) -> bool: ...


def test_hooks_call_things_what_they_are():
    def swapped(req: Response, res): ...

    def number(res: int): ...

    for hook in (swapped, number):
        for given in (before(hook), Hook(hook, "before")):
            with pytest.raises(HandlerUnusable, match=r"test_composition_errors.py:\d+: the hook .*; write"):
                App(fine, hooks=[given])

    @before
    def loose(req: object, res: Response[dict[str, int]]): ...

    @before
    def checked_by_nobody(req: NotThere, res: Stranger): ...

    @before
    def nowhere(req: socket.NotThere): ...

    class Callable:
        def __call__(self, req: int): ...

    App(fine, hooks=[loose, checked_by_nobody, nowhere, Hook(Callable(), "before")])


@trio_test
async def test_one_application_is_opened_once():
    app = App(fine)
    async with app.open():
        with pytest.raises(AppAlreadyOpen, match="make another App"):
            async with app.open():
                pass  # pragma: no cover


def test_modules_are_a_mapping():
    with pytest.raises(TypeError, match=r"modules= maps names to services.* this is a list"):
        App(fine, modules=[object()])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "app = 3",
            "served.web.app is a int and no App: make it one, or name what makes one, as in served.web:create_app",
        ),
        (
            "def app(): ...",
            "served.web.app is a function and no App: make it one, or name what makes one, as in served.web:app",
        ),
    ],
)
def test_something_else_called_app_is_no_app(write_package, source, said):
    write_package("served", web=source)
    done = CliRunner().invoke(main, ["serve", "served.web"])
    assert done.exit_code == 1
    assert said in done.output


def test_errors_of_the_packages_below_are_no_tracebacks(write_package):
    write_package(
        "twice",
        web="""
            from gnomon import get

            @get("/")
            async def one(req, res, lctx, gctx): ...

            @get("/")
            async def two(req, res, lctx, gctx): ...
        """,
    )
    done = CliRunner().invoke(main, ["routes", "twice"])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert "twice.web.two" in done.output


async def asynchronous(gctx): ...


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: App(fine, config={"timeout": 3}), "config= is a gnomon.Config; this is a dict"),
        (lambda: App(fine, recording=True), "recording= is a gnomon_snapshot.Recorder; this is a bool"),
        (lambda: App(fine, setup=3), "setup= is a function of the global context"),
        (lambda: App(fine, setup=asynchronous), "setup= .*: what is async goes into gctx.on_startup"),
        (
            lambda: App(fine, secrets={"key": "x"}),
            "secrets= is a function of a name; for a mapping give its .get",
        ),
        (lambda: Config(server=Limits()), "server= is a gnomon_ingress.Config.*; this is a Limits"),
        (lambda: Config(settings="production"), "settings= is a mapping or .*; this is a str"),
    ],
)
def test_arguments_of_another_kind_are_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_handler_that_would_never_be_reached_is_refused(path):
    @get(path)
    def probe(req, res, lctx, gctx): ...

    with pytest.raises(HandlerUnusable, match=f"the server answers {path} itself"):
        App(probe)


class WithFile(TypedDict):
    title: str
    photo: Upload | None


@pytest.mark.parametrize("body", [WithFile, Upload, list[Upload]])
def test_files_are_no_part_of_a_typed_body(body):
    @get("/photos")
    async def take(req, res, lctx, gctx): ...

    take.__annotations__["req"] = Request[body]
    with pytest.raises(HandlerUnusable, match=r"test_composition_errors.py:\d+: .*take: .*req.form\(\)"):
        App(take)


class Later(TypedDict):
    when: NotThere


Capitals = TypedDict("Capitals", {"X-Token": str})


def test_headers_have_keys_that_can_be_met():
    for headers in (Capitals, Closed[Capitals]):

        @get("/tokens")
        async def take(req, res, lctx, gctx): ...

        take.__annotations__["req"] = Request[Any, Any, headers]
        with pytest.raises(HandlerUnusable, match=r"take: no header meets .*'X-Token'.*write 'x-token'"):
            App(take)

    @get("/later")
    async def later(req: Request[Any, Any, Later], res, lctx, gctx): ...

    with pytest.raises(HandlerUnusable, match="NotThere"):
        App(later)


def test_a_global_hook_that_a_route_lists_again_is_named_with_the_route():
    @before
    def note(lctx): ...

    @get("/", id="home", before=[note])
    async def home(req, res, lctx, gctx): ...

    with pytest.raises(
        SourceUnusable, match=r"note runs for every request already, and home lists it once more"
    ):
        App(home, note)


def test_a_name_that_only_type_checkers_know_is_told_with_its_mend():
    @get("/", id="home")
    async def home(req: Request[Unknown], res, lctx, gctx): ...

    with pytest.raises(
        HandlerUnusable, match=r"'NotThere' is not defined at run time .* outside of `if TYPE_CHECKING`"
    ):
        App(home)
