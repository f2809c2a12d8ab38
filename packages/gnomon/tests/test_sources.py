import importlib

import pytest

from gnomon import SourceUnusable, after, before, get
from gnomon._sources import collect


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
