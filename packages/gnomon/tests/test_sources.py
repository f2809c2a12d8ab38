import importlib

import pytest
from trio.testing import trio_test

from gnomon import App, SourceUnusable, after, before, get
from gnomon._sources import collect
from gnomon.testing import Client
from gnomon_orchestrator import DuplicateHook


@get("/a")
async def read_a(req, res, lctx, gctx): ...


@before
def note(lctx): ...


HANDLERS = """
from gnomon import after, get, post

@post("/{name}")
async def second(req, res, lctx, gctx): ...

@get("/{name}")
async def first(req, res, lctx, gctx): ...

@after
def stamp(res): ...

def plain(): ...
"""


def ids(declared):
    return [declaration.id for _, declaration in declared.handlers]


def test_functions_are_sources():
    declared = collect([read_a, note])
    assert [function for function, _ in declared.handlers] == [read_a]
    assert [function for function, _ in declared.hooks] == [note]


def test_a_module_gives_its_functions_by_line(write_package):
    module = importlib.import_module(f"{write_package('shop', web=HANDLERS)}.web")
    declared = collect([module])
    assert ids(declared) == ["shop.web.second", "shop.web.first"]
    assert [declaration.name for _, declaration in declared.hooks] == ["shop.web.stamp"]


def test_a_package_gives_its_modules_by_name(write_package):
    modules = {"b": HANDLERS, "a": HANDLERS, "sub.__init__": "", "sub.c": HANDLERS, "sub.__main__": "1 / 0"}
    name = write_package("shop", **modules)
    found = [identity.rpartition(".")[0] for identity in ids(collect([name]))]
    assert found == ["shop.a", "shop.a", "shop.b", "shop.b", "shop.sub.c", "shop.sub.c"]


def test_what_is_imported_counts_where_it_is_written_and_once(write_package):
    name = write_package("shop", a="from shop.web import first", web=HANDLERS)
    assert ids(collect([name, f"{name}.web"])) == ["shop.web.second", "shop.web.first"]


def test_a_route_hook_in_no_route_is_refused():
    @before(level="route")
    def must_be_admin(req): ...

    @get("/admin", before=[must_be_admin])
    async def admin(req, res, lctx, gctx): ...

    assert [function for function, _ in collect([admin, must_be_admin]).handlers] == [admin]
    with pytest.raises(SourceUnusable, match=r"no route names it: write before=\[must_be_admin\]"):
        collect([read_a, must_be_admin])


def test_sources_keep_the_order_given():
    @after
    def one(res): ...

    @after
    def two(res): ...

    assert [function for function, _ in collect([two, one, two]).hooks] == [two, one]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no_such_package.anywhere", "there is no module 'no_such_package.anywhere'"),
        ("json", "'json' declares no handler and no hook"),
        (test_functions_are_sources, "function test_functions_are_sources declares no handler"),
        (7, "7 is no source"),
    ],
)
def test_what_is_no_source_is_refused(source, message):
    with pytest.raises(SourceUnusable, match=message):
        collect([source])


def test_a_missing_import_inside_a_source_is_shown_as_it_is(write_package):
    name = write_package("shop", a="import no_such_thing")
    with pytest.raises(ModuleNotFoundError, match="no_such_thing"):
        collect([name])


COUNTER = """
    from gnomon import before, get

    class Counter:
        def __init__(self, start=0):
            self.count = start

        @before
        def add(self, lctx):
            self.count += 1

        @get("/count")
        async def show(self, req, res, lctx, gctx):
            res.json(self.count)

        @staticmethod
        @get("/name")
        def name(req, res, lctx, gctx):
            res.text("counter")
"""


@trio_test
async def test_methods_of_an_object_are_handlers_and_hooks(write_package):
    write_package("counting", web=COUNTER)
    from counting.web import Counter

    async with Client(App(Counter(5))) as client:
        assert (await client.get("/count")).json() == 6
        assert (await client.get("/name")).text == "counter"
        assert (await client.get("/count")).json() == 8


@trio_test
async def test_an_object_that_a_module_makes_is_found_once(write_package):
    write_package("counted", web=COUNTER + "\n    counter = again = Counter()\n")
    async with Client(App("counted")) as client:
        assert (await client.get("/count")).json() == 1
    assert [route.path for route in App("counted").routes] == ["/count", "/name"]


def test_a_class_with_handlers_and_without_an_object_is_refused(write_package):
    write_package("forgotten", web=COUNTER)
    message = r"Counter\.\w+ is decorated, and there is no object of that class: .*counter = Counter\(\)"
    with pytest.raises(SourceUnusable, match=message):
        App("forgotten")
    from forgotten.web import Counter

    with pytest.raises(SourceUnusable, match=message):
        App(Counter)
    with pytest.raises(DuplicateHook):
        App(Counter(), Counter())
