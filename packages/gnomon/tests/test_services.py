"""Modules that declare themselves in a source, with what they may use."""

import sys
from contextlib import asynccontextmanager

import pytest
from trio.testing import trio_test

from gnomon import App, Module, SourceUnusable, get, module
from gnomon.testing import Client
from gnomon_context import Capabilities, CapabilityMissing


@module("rates", hosts=["rates.example.com"])
@asynccontextmanager
async def open_rates(resources):
    yield {"open": True}


@module("clock")
class Clock:
    def now(self):
        return 12


@module("report", modules=["clock"])
def make_report(resources):
    return resources


@get("/now")
async def now(req, res, lctx, gctx):
    res.json({"clock": gctx.modules.clock.now(), "rates": gctx.modules.rates["open"]})


@trio_test
async def test_a_source_brings_its_modules():
    async with Client(App(now, open_rates, Clock)) as client:
        assert (await client.get("/now")).json() == {"clock": 12, "rates": True}


@trio_test
async def test_a_class_is_found_by_its_type():
    @get("/")
    def handler(req, res, lctx, gctx):
        res.json(gctx.modules[Clock].now())

    async with Client(App(handler, Clock)) as client:
        assert (await client.get("/")).json() == 12


@trio_test
async def test_one_that_is_given_takes_the_place_of_the_declared():
    class Noon:
        def now(self):
            return 0

    async with Client(App(now, open_rates, Clock, modules={"clock": Noon()})) as client:
        assert (await client.get("/now")).json()["clock"] == 0


@trio_test
async def test_what_is_given_may_be_what_declares():
    async with Client(App(now, modules={"clock": Clock, "rates": Module(factory=open_rates)})) as client:
        assert (await client.get("/now")).json() == {"clock": 12, "rates": True}


def registered(app, name):
    return app._modules[name]


def test_the_declaration_says_what_a_module_may_use():
    app = App(now, open_rates, Clock, make_report)
    assert registered(app, "rates").capabilities == Capabilities(hosts=("rates.example.com",))
    assert registered(app, "report").depends_on == ("clock",)
    own = Capabilities(hosts=("other.example.com",))
    app = App(now, modules={"rates": Module(factory=open_rates, capabilities=own)})
    assert registered(app, "rates").capabilities == own


@trio_test
async def test_brokers_without_a_declaration_are_refused():
    app = App(now, modules={"rates": Module(factory=lambda resources: resources)})
    with pytest.raises(CapabilityMissing):
        async with app.open():
            raise AssertionError("not reached")  # pragma: no cover - it is refused


def test_two_modules_of_one_name_are_refused():
    @module("clock")
    class Other: ...

    with pytest.raises(SourceUnusable, match=r"two modules are declared with the name 'clock'.*Other"):
        App(now, Clock, Other)


def test_a_module_is_given_under_its_own_name():
    with pytest.raises(SourceUnusable, match=r"Clock declares a module 'clock', and it is given as 'watch'"):
        App(now, modules={"watch": Clock})


def test_a_whole_source_is_searched_for_modules():
    assert set(App(sys.modules[__name__])._modules) == {"rates", "clock", "report"}
