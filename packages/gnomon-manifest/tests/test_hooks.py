"""Every hook that can run for a handler, and module dependencies."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gnomon_manifest import Handler, Hook, Manifest

Build = Callable[..., Manifest]


def only(manifest: Manifest) -> Handler:
    assert manifest.findings == ()
    (handler,) = manifest.handlers
    return handler


def order(handler: Handler) -> list[tuple[str, str, str]]:
    return [(hook.point, hook.level, hook.name.removeprefix("app.main.")) for hook in handler.hooks]


def test_hooks_stand_in_the_order_in_which_they_run(manifest_of: Build) -> None:
    handler = only(
        manifest_of(
            """
            @before
            def b1(req): ...
            @before(at="received")
            def b2(req): ...
            @after
            def a1(res): ...
            @after(requires=b1)
            def a2(res): ...
            @catch
            async def c1(error): ...
            def r1(req): ...
            @before(level="route", name="second")
            def r2(req): ...
            def r3(error): ...
            COMMON = [r1]

            @get("/a", before=COMMON + [r2], after=[*COMMON, r4], catch=(r3,))
            def a(req, res, lctx, gctx):
                lctx.after(late, timeout=2)
                lctx.before(late, name="x")
            def r4(res): ...
            def late(): ...
            """
        )
    )
    assert order(handler) == [
        ("before", "global", "b2"),
        ("before", "global", "b1"),
        ("before", "route", "r1"),
        ("before", "route", "second"),
        ("before", "local", "x"),
        ("after", "local", "late"),
        ("after", "route", "r4"),
        ("after", "route", "r1"),
        ("after", "global", "a2"),
        ("after", "global", "a1"),
        ("catch", "route", "r3"),
        ("catch", "global", "c1"),
    ]
    assert [hook.order for hook in handler.hooks] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    found = {hook.name.removeprefix("app.main."): hook for hook in handler.hooks if hook.point != "before"}
    assert found["a2"].requires == "app.main.b1"
    assert found["c1"].asynchronous
    assert found["late"].timeout == 2.0


def test_all_options_of_a_hook(manifest_of: Build) -> None:
    handler = only(
        manifest_of(
            """
            from .errors import Busy
            BOTH = (OSError, Busy)

            @before(name="n", timeout=1, retries=2, backoff=0.5, retry_on=BOTH, isolated=True, in_thread=True)
            def b(req): ...
            @after(retry_on=Busy, requires="n")
            def a(req): ...

            @get("/a")
            def handle(req, res, lctx, gctx): ...
            """,
            errors="class Busy(Exception): ...",
        )
    )
    assert handler.hooks[0] == Hook(
        name="n",
        point="before",
        level="global",
        order=0,
        timeout=1.0,
        retries=2,
        backoff=0.5,
        retry_on=("builtins.OSError", "app.errors.Busy"),
        isolated=True,
        in_thread=True,
        at=None,
        requires=None,
        asynchronous=False,
        source=handler.hooks[0].source,
    )
    assert (handler.hooks[1].requires, handler.hooks[1].retry_on) == ("n", ("app.errors.Busy",))


def test_global_hooks_go_by_module_and_line(manifest_of: Build) -> None:
    hook = "from gnomon import before\n@before\ndef hook(req): ...\n@before\ndef again(req): ..."
    handler = only(manifest_of("@get('/a')\ndef a(req, res, lctx, gctx): ...", z=hook, b=hook))
    assert [hook.name for hook in handler.hooks] == ["app.b.hook", "app.b.again", "app.z.hook", "app.z.again"]


def test_hooks_registered_while_a_request_runs(manifest_of: Build) -> None:
    handler = only(
        manifest_of(
            """
            from . import hooks
            @before
            def first(lctx):
                hooks.register(lctx)

            @get("/a")
            def a(req, res, lctx, gctx):
                def nested(res): ...
                @lctx.catch
                def decorated(error): ...
                async def inner():
                    lctx.after(nested)
                @other.after
                def not_a_hook(): ...
                other.after(nested)
                other.status(code)
            """,
            hooks="""
            from gnomon import LocalContext
            class Hooks:
                def method(self, res): ...
            def register(context: LocalContext):
                context.before(early)
                context.after(Hooks.method)
            def early(lctx):
                lctx.before(late)
            def late(): ...
            """,
        )
    )
    assert order(handler) == [
        ("before", "global", "first"),
        ("before", "local", "app.hooks.late"),
        ("before", "local", "app.hooks.early"),
        ("after", "local", "a.<locals>.nested"),
        ("after", "local", "app.hooks.Hooks.method"),
        ("catch", "local", "a.<locals>.decorated"),
    ]


@pytest.mark.parametrize("argument", ["make()", "lambda res: None", "print", "", "hooks[0]"])
def test_a_hook_that_is_computed_is_a_finding(manifest_of: Build, argument: str) -> None:
    manifest = manifest_of(f"@get('/a')\ndef a(req, res, lctx, gctx):\n  lctx.after({argument})")
    assert [finding.code for finding in manifest.findings] == ["dynamic_hook"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("timeout=make()", "dynamic_value"),
        ("retry_on=make()", "dynamic_value"),
        ("requires=make()", "dynamic_value"),
        ("**make()", "dynamic_value"),
        ("timeout=-1", "invalid_declaration"),
        ("nothing=1", "invalid_declaration"),
    ],
)
def test_options_that_are_not_static_are_findings(manifest_of: Build, options: str, code: str) -> None:
    manifest = manifest_of(
        f"def make(): ...\n@after({options})\ndef hook(res): ...\n@get('/a')\ndef a(req, res, lctx, gctx): ..."
    )
    assert [finding.code for finding in manifest.findings] == [code]
    assert len(manifest.handlers[0].hooks) == 1


@pytest.mark.parametrize(
    "body",
    [
        "gctx.modules.store.get(1)",
        "gctx.modules.store.get(1)\n  gctx.modules.store.get(2)",
        "self.x = m = gctx.modules\n  m.store",
        "modules = gctx.modules\n  modules.store.get(1)",
        "m = gctx.modules\n  def inner(): return m.store\n  return inner()",
        "store = gctx.modules.store\n  store.get(1)",
        "return helper(gctx)",
        "return [gctx.modules.store for x in req.body]",
        "return Uses(gctx).run()",
    ],
)
def test_module_dependencies_by_attribute(manifest_of: Build, body: str) -> None:
    handler = only(
        manifest_of(
            f"""
            def helper(app):
              return app.modules.store.get(2)
            class Uses:
              def __init__(self, gctx): self.gctx = gctx
              def run(self): return self.gctx.modules.store
            @get("/a")
            def a(req, res, lctx, gctx):
              {body.replace(chr(10), chr(10) + " " * 12)}
            """
        )
    )
    assert [(use.name, use.how) for use in handler.modules] == [("store", "attribute")]
    assert ("module", "store") in [(edge.kind, edge.name) for edge in handler.open_edges]


def test_module_dependencies_by_item_and_key(manifest_of: Build) -> None:
    handler = only(
        manifest_of(
            """
            import sys
            from .stores import Store
            @get("/a")
            def a(req, res, lctx, gctx):
                modules = gctx.modules
                gctx.modules[Store].get()
                modules["key"].get()
                sys.modules["x"]
                sys.modules.x
                values[1]
                req.body[0].modules
            """,
            stores="class Store: ...",
        )
    )
    assert [(use.name, use.how) for use in handler.modules] == [("'key'", "key"), ("Store", "item")]


def test_modules_that_are_passed_on_are_an_open_edge(manifest_of: Build) -> None:
    handler = only(
        manifest_of(
            "def use(modules): return modules.mail\n@get('/a')\ndef a(req, res, lctx, gctx):\n  use(gctx.modules)"
        )
    )
    assert [use.name for use in handler.modules] == ["mail"]
    assert ("dynamic", "gctx.modules") in [(edge.kind, edge.name) for edge in handler.open_edges]


def test_hooks_that_are_given_to_an_application_run_first(manifest_of: Build) -> None:
    source = """
        @get("/a")
        def a(req, res, lctx, gctx): ...
        @before
        def own(lctx): ...
        @before(level="route", timeout=1.0)
        def given(lctx):
            lctx.after(late)
        @catch
        def late(error): ...
        MORE = [late]
        """
    text = "import gnomon as g\nfrom . import main\nfrom .main import *\ndef make(): return g.App(main, hooks=[given, *MORE])"
    handler = only(manifest_of(source.replace("@catch", "@catch(level='route')"), z=text))
    assert order(handler) == [
        ("before", "global", "given"),
        ("before", "global", "own"),
        ("after", "local", "late"),
        ("catch", "global", "late"),
    ]
    assert handler.hooks[0].timeout == 1.0


@pytest.mark.parametrize(
    ("source", "code", "reason"),
    [
        ("App('a', hooks=make())", "dynamic_hook", "computed when the program runs"),
        ("App('a', hooks=[make()])", "dynamic_hook", "no function of the project"),
        ("App('a', **given)", "dynamic_hook", "hooks may be among them"),
        ("def plain(lctx): ...\nApp('a', hooks=[plain])", "invalid_declaration", "says not when it runs"),
    ],
)
def test_hooks_of_an_application_that_can_not_be_known_are_told(
    manifest_of: Build, source: str, code: str, reason: str
) -> None:
    (finding,) = manifest_of(source).findings
    assert (finding.code, reason in finding.message) == (code, True)


def test_another_thing_called_app_is_none(manifest_of: Build) -> None:
    source = "from flask import App\nApp(hooks=make())\nx.App(hooks=1)\nmake()(hooks=1)"
    assert manifest_of(other=source).findings == ()


def test_hooks_that_register_hooks(manifest_of: Build) -> None:
    handler = only(
        manifest_of(
            """
            @get("/a")
            def a(req, res, lctx, gctx):
                from .more import first
                lctx.before(first)
            """,
            more="""
            from . import deep
            SECOND = deep.Hooks.second
            def first(lctx): lctx.after(SECOND)
            """,
            deep="""
            from gnomon import LocalContext
            class Hooks:
                @staticmethod
                def second(lctx: LocalContext): lctx.catch(third)
            def third(error): ...
            """,
        )
    )
    assert [(hook.point, hook.level, hook.name) for hook in handler.hooks] == [
        ("before", "local", "app.more.first"),
        ("after", "local", "app.deep.Hooks.second"),
        ("catch", "local", "app.deep.third"),
    ]


def test_a_local_name_hides_a_function_of_that_name(manifest_of: Build) -> None:
    manifest = manifest_of(
        """
        def note(lctx): ...
        @get("/a")
        def a(req, res, lctx, gctx):
            for note in gctx.modules.notes:
                lctx.before(note)
        """
    )
    assert [finding.code for finding in manifest.findings] == ["dynamic_hook"]
    assert manifest.handlers[0].hooks == ()
