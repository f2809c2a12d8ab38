"""From the setup of an application to its end: what is registered, when it runs, and what readiness says of it."""

import os
import signal
import threading
import traceback
import urllib.error
import urllib.request

import pytest
import trio
from trio.testing import trio_test

from gnomon import App, Config, Module, get, module
from gnomon.testing import Client
from gnomon_context import ModuleStartFailed, Resources
from gnomon_ingress import Config as ServerConfig


@get("/hello")
async def hello(req, res, lctx, gctx):
    res.text("hello")


@trio_test
async def test_setup_registers_before_the_start(autojump_clock):
    told = []

    def setup(gctx):
        gctx.on_startup(lambda: told.append("startup"))
        gctx.on_pre_shutdown(lambda: told.append("announced"))
        gctx.on_shutdown(lambda: told.append("shutdown"))
        gctx.on_alert(lambda alert: told.append(alert.kind))

    app = App(hello, setup=setup)
    for _ in range(2):  # each time it is opened
        async with app.open() as gctx:
            gctx.alert("disk_full", None)
        assert told == ["startup", "disk_full", "announced", "shutdown"]
        told.clear()


@trio_test
async def test_modules_get_the_secrets_they_may_have(autojump_clock):
    @module("payments", secrets=["payment_key"])
    async def payments(resources: Resources):
        return await resources.secret("payment_key")

    @get("/key")
    async def length(req, res, lctx, gctx):
        res.json(len(gctx.modules.payments))

    async with Client(App(length, payments, secrets={"payment_key": "12345"}.get)) as client:
        assert (await client.get("/key")).json() == 5


@trio_test
async def test_detached_work_is_bounded_in_number(autojump_clock):
    @get("/twice")
    async def twice(req, res, lctx, gctx):
        lctx.detach(trio.sleep, 1)
        lctx.detach(trio.sleep, 1)
        res.text("never")

    async with Client(App(twice, config=Config(max_detached=1))) as client:
        assert (await client.get("/twice")).status == 500


@pytest.mark.parametrize("health", [lambda value: False, lambda value: 1 / 0])
@trio_test
async def test_an_unhealthy_application_is_not_ready(autojump_clock, health):
    app = App(hello, modules={"database": Module(value=1, health=health)})
    async with Client(app) as client:
        assert (await client.get("/readyz")).status == 503
        assert (await client.get("/livez")).status == 200
        assert (await client.get("/hello")).status == 200


@pytest.mark.parametrize("asynchronous", [False, True])
@trio_test
async def test_a_readiness_of_ones_own_is_asked_too(autojump_clock, asynchronous):
    ready = True

    def is_ready():
        return ready

    async def is_ready_later():
        return ready

    server = ServerConfig(is_ready=is_ready_later if asynchronous else is_ready)
    async with Client(App(hello, config=Config(server=server))) as client:
        assert (await client.get("/readyz")).status == 200
        ready = False
        assert (await client.get("/readyz")).status == 503


@trio_test
async def test_an_application_that_is_not_open_is_not_ready():
    assert not await App(hello).server_config.is_ready()


def statuses(url, *paths):
    found = []
    for path in paths:
        try:
            with urllib.request.urlopen(url + path, timeout=10) as answer:
                found.append(answer.status)
        except urllib.error.HTTPError as error:
            found.append(error.code)
    return found


def test_a_signal_announces_the_end_while_requests_are_served_and_detached_work_finishes():
    told = []
    url = ""

    @get("/mail")
    async def mail(req, res, lctx, gctx):
        lctx.detach(send)
        res.text("queued")

    async def send():
        await trio.sleep(0.2)
        told.append("sent")

    def setup(gctx):
        @gctx.on_pre_shutdown
        async def announced():
            told.append(await trio.to_thread.run_sync(statuses, url, "/readyz", "/hello"))

        gctx.on_shutdown(lambda: told.append("shutdown"))

    def stop():
        statuses(url, "/mail")
        os.kill(os.getpid(), signal.SIGTERM)

    def ready(found):
        nonlocal url
        url = found
        threading.Thread(target=stop).start()

    App(hello, mail, setup=setup).run(port=0, ready=ready)
    assert sorted(told, key=str) == [[503, 200], "sent", "shutdown"]
    assert told[-1] == "shutdown"


def test_a_signal_during_the_start_ends_it():
    told = []

    def setup(gctx):
        @gctx.on_startup
        async def interrupted():
            os.kill(os.getpid(), signal.SIGTERM)
            try:
                await trio.sleep_forever()
            finally:
                told.append("left")

        gctx.on_shutdown(lambda: told.append("shutdown"))

    App(hello, setup=setup).run(port=0)
    assert told == ["left", "shutdown"]


def test_a_module_that_does_not_start_tells_its_own_story():
    def connect():
        raise OSError("no database")

    with pytest.raises(ModuleStartFailed, match="db") as caught:
        App(hello, modules={"db": Module(factory=connect)}).run(port=0)
    cause = caught.value.__cause__
    assert isinstance(cause, OSError)
    assert str(cause) == "no database"
    assert "Exception Group" not in "".join(traceback.format_exception(caught.value))
