"""What the decorators attach, and what they refuse."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import subprocess
import sys
from typing import Any

import pytest

from gnomon_manifest import declare
from gnomon_manifest.declare import (
    DeclarationError,
    HandlerDeclaration,
    RateLimit,
    SignatureError,
    after,
    before,
    catch,
    declaration_of,
    get,
    group,
    handler,
    hook_of,
    parse_rate_limit,
    post,
    websocket,
)


def declared(function: Any) -> HandlerDeclaration:
    found = declaration_of(function)
    assert found is not None
    return found


def stock(req: Any) -> None:
    """Check the stock."""


def log(error: Any) -> None:
    """Write the error down."""


def test_a_decorated_function_stays_the_plain_function() -> None:
    async def create(req: Any, res: Any, lctx: Any, gctx: Any) -> str:
        return "made"

    assert post("/orders")(create) is create
    assert inspect.iscoroutinefunction(create)
    assert declared(create).id == f"{__name__}.{create.__qualname__}"


def test_every_option_of_a_route_is_on_its_declaration() -> None:
    @post(
        "/orders/{id:int}",
        id="create",
        roles=["seller", "buyer"],
        rate_limit="100/minute",
        body_limit=1000,
        timeout=2,
        responses={409: dict[str, str]},
        before=[stock],
        after=[stock],
        catch=[log],
        tags=["orders"],
        version="2",
        deprecated="use the basket",
        summary="Place.",
        description="At length.",
    )
    def create(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        """Other words.

        Args:
            id: number of the order.
        """

    assert declared(create) == HandlerDeclaration(
        methods=("POST",),
        path="/orders/{id:int}",
        id="create",
        roles=("buyer", "seller"),
        rate_limit=RateLimit(100, 60.0, 100),
        body_limit=1000,
        timeout=2.0,
        responses={409: dict[str, str]},
        before=(stock,),
        after=(stock,),
        catch=(log,),
        summary="Place.",
        description="At length.",
        tags=("orders",),
        version="2",
        deprecated="use the basket",
        parameters={"id": "number of the order."},
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        declared(create).path = "/"  # type: ignore[misc]
    with pytest.raises(TypeError):
        declared(create).responses[1] = int  # type: ignore[index]


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_each_method_has_its_decorator(method: str) -> None:
    for holder, path in ((declare, "/a"), (group("/a"), "")):

        @getattr(holder, method)(path)
        def answer(req: Any, res: Any, lctx: Any, gctx: Any) -> None: ...

        assert (declared(answer).methods, declared(answer).path) == ((method.upper(),), "/a")


def test_handler_takes_several_methods() -> None:
    @handler("/a", methods=("GET", "PUT", "GET"))
    def one(req: Any, res: Any, lctx: Any, gctx: Any) -> None: ...

    @group("/b").handler("", methods=("GET",))
    def two(req: Any, res: Any, lctx: Any, gctx: Any) -> None: ...

    assert declared(one).methods == ("GET", "PUT")
    assert declared(two).methods == ("GET",)


def test_a_websocket_handler_takes_ws() -> None:
    @websocket("/live")
    async def live(req: Any, ws: Any, lctx: Any, gctx: Any) -> None: ...

    @group("/g").websocket("/live")
    async def other(req: Any, ws: Any, lctx: Any, gctx: Any) -> None: ...

    assert declared(live).websocket
    assert declared(live).methods == ("GET",)
    assert declared(other).path == "/g/live"
    with pytest.raises(SignatureError, match="a websocket handler takes exactly req, ws, lctx, gctx"):
        websocket("/live")(lambda req, res, lctx, gctx: None)  # type: ignore[misc]


def test_the_docstring_fills_what_the_decorator_left_open() -> None:
    @get("/a")
    def answer(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        """Answer
        the question.

        At length,
        and again.

        Deprecated: use b.

        Args:
            these are the arguments
            one (str): the first
                of them.
            two: the second.

        Back to prose.
        """

    found = declared(answer)
    assert found.summary == "Answer the question."
    assert found.description == "At length,\nand again.\n\nBack to prose."
    assert found.deprecated == "use b."
    assert found.parameters == {"one": "the first of them.", "two": "the second."}


def test_deprecation_needs_no_words() -> None:
    @get("/a")
    def answer(req: Any, res: Any, lctx: Any, gctx: Any) -> None:
        """Answer.

        Deprecated:
        """

    assert declared(answer).deprecated is True


def test_a_method_of_a_class_is_bound_beside_its_instance() -> None:
    class Orders:
        @get("/orders")
        def read(self, req: Any, res: Any, lctx: Any, gctx: Any) -> None: ...

        @staticmethod
        @get("/static")
        def plain(req: Any, res: Any, lctx: Any, gctx: Any) -> None: ...

        @before
        def check(self, req: Any) -> None: ...  # type: ignore[type-var]

    assert declared(Orders().read).path == "/orders"
    assert declared(Orders.plain).path == "/static"
    assert hook_of(Orders().check) is hook_of(Orders.check) is not None
    assert hook_of(Orders().read) is None
    assert declaration_of(Orders().check) is None
    with pytest.raises(SignatureError, match=r"write: def read\(self, req, res, lctx, gctx\)"):

        class Wrong:
            @get("/orders")  # type: ignore[type-var]
            def read(self, req: Any, res: Any, lctx: Any) -> None: ...


def test_a_function_that_was_wrapped_shows_its_own_signature() -> None:
    def traced(function: Any) -> Any:
        @functools.wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return inner

    @get("/a")
    @traced
    def answer(req: Any, res: Any, lctx: Any, gctx: Any) -> None: ...

    assert declared(answer).path == "/a"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("request, res, lctx, gctx", "'request' is not one of them (did you mean 'req'?); 'req' is missing"),
        ("req, res, lctx", "'gctx' is missing"),
        ("req, res, lctx, gctx, more=None", "'more' is not one of them"),
        ("req, res, lctx, /, gctx", "'req' is positional-only and can not be bound by name"),
        ("req, res, lctx, gctx, *args", "*args binds no name"),
        ("req, res, lctx, gctx, **rest", "**rest binds no name"),
        ("req, res, lctx, gctxx", "'gctxx' is not one of them (did you mean 'gctx'?)"),
        ("req, ws, lctx, gctx", "'ws' is not one of them"),
    ],
)
def test_a_wrong_parameter_is_told_with_the_line_and_the_right_form(parameters: str, words: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"async def answer({parameters}): ...", namespace)
    with pytest.raises(SignatureError) as caught:
        get("/a")(namespace["answer"])
    assert "<string>:1: answer(" in str(caught.value)
    assert words in str(caught.value)
    assert "write: async def answer(req, res, lctx, gctx)" in str(caught.value)


def test_the_line_is_that_of_the_name_not_of_a_decorator() -> None:
    with pytest.raises(SignatureError) as caught:

        @get("/a")  # type: ignore[type-var]
        # a comment between them
        def answer(req: Any, res: Any, lctx: Any) -> None: ...

    line = inspect.currentframe().f_lineno - 2  # type: ignore[union-attr]
    assert f"test_declare.py:{line}: def answer(req: Any, res: Any, lctx: Any) -> None: ..." in str(
        caught.value
    )


@pytest.mark.parametrize("thing", [len, functools.partial(stock), staticmethod(stock), int, None])
def test_only_a_plain_function_is_a_handler(thing: Any) -> None:
    with pytest.raises(SignatureError, match="a handler is a plain function"):
        get("/a")(thing)


def test_a_handler_does_not_yield() -> None:
    def one(req: Any, res: Any, lctx: Any, gctx: Any) -> Any:
        yield 1

    async def two(req: Any, res: Any, lctx: Any, gctx: Any) -> Any:
        yield 1

    for function in (one, two):
        with pytest.raises(SignatureError, match="does not yield"):
            get("/a")(function)


def test_a_function_is_declared_once() -> None:
    @get("/a")
    def answer(req: Any, res: Any, lctx: Any, gctx: Any) -> None: ...

    for decorate in (get("/b"), before):
        with pytest.raises(DeclarationError, match="declared already"):
            decorate(answer)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (1, "a path is a string"),
        ("a", "write '/a'"),
        ("", "is not empty"),
        ("/a b", "white space"),
        ("/a?b", "a query"),
        ("/{a", "do not pair"),
        ("/a}", "do not pair"),
        ("/{1}", "is no parameter"),
        ("/{a:}", "is no parameter"),
        ("/{a}/{a:int}", "twice"),
    ],
)
def test_a_path_that_can_not_be_meant_is_refused(path: Any, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        get(path)
    assert words in str(caught.value)


def test_a_forgotten_path_is_told() -> None:
    with pytest.raises(DeclarationError, match='write @get\\("/..."\\)'):
        get(stock)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"roles": "buyer"}, "write roles=('buyer',)"),
        ({"roles": ("",)}, "non-empty"),
        ({"rate_limit": "often"}, "is not a rate limit"),
        ({"rate_limit": "0/minute"}, "at least 1 call"),
        ({"rate_limit": "5/minute burst 6"}, "between 1 and its limit"),
        ({"rate_limit": 5}, "rate_limit is text"),
        ({"body_limit": -1}, "number of bytes"),
        ({"body_limit": True}, "number of bytes"),
        ({"timeout": 0}, "positive number of seconds"),
        ({"timeout": True}, "positive number of seconds"),
        ({"timeout": float("nan")}, "positive number of seconds"),
        ({"timeout": 10**400}, "far too large"),
        ({"timeout": -math.inf}, "positive number of seconds"),
        ({"responses": {100: int}}, "200 to 599"),
        ({"responses": {True: int}}, "200 to 599"),
        ({"tags": "a"}, "write tags=('a',)"),
        ({"tags": ("",)}, "non-empty"),
        ({"deprecated": 1}, "deprecated is True"),
        ({"before": stock}, "write before=[stock]"),
        ({"before": [log]}, "'error' is not one of them"),
        ({"timeot": 1}, "did you mean 'timeout'?"),
        ({"zzz": 1}, "it takes after, before"),
    ],
)
def test_an_option_that_can_not_be_meant_is_refused(option: dict[str, Any], words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        get("/a", **option)
    assert words in str(caught.value)


@pytest.mark.parametrize("methods", [(), ("get",), ("FETCH",), ""])
def test_methods_are_a_closed_list(methods: Any) -> None:
    with pytest.raises(DeclarationError):
        handler("/a", methods=methods)


def test_none_takes_a_shared_policy_away() -> None:
    shared = group("/a", timeout=1.0, rate_limit=RateLimit(1, 1.0, 1))

    @shared.get("", timeout=None, rate_limit=None)
    def answer(req: Any, res: Any, lctx: Any, gctx: Any) -> None: ...

    assert declared(answer).timeout is None
    assert declared(answer).rate_limit is None


def test_groups_add_hooks_tags_and_responses_and_replace_the_rest() -> None:
    outer = group("/a", roles=("x", "y"), tags=("t",), before=[stock], responses={404: int}, timeout=1)

    def more(req: Any) -> None: ...

    inner = outer.group("/b", tags=("u",), responses={409: str})

    @inner.get("/{id}", roles=("x",), before=[more, stock], responses={404: str}, timeout=2)
    def answer(req: Any, res: Any, lctx: Any, gctx: Any) -> None: ...

    found = declared(answer)
    assert (found.path, found.roles, found.tags, found.timeout) == ("/a/b/{id}", ("x",), ("t", "u"), 2.0)
    assert found.before == (stock, more)
    assert dict(found.responses) == {404: str, 409: str}
    assert inner.prefix == "/a/b"
    assert repr(inner) == "group('/a/b')"


@pytest.mark.parametrize("roles", [("y",), (), ("x", "y")])
def test_a_route_can_not_widen_the_roles_of_its_group(roles: tuple[str, ...]) -> None:
    with pytest.raises(DeclarationError, match="can only narrow"):
        group("/a", roles=("x",)).get("/b", roles=roles)


def test_a_group_refuses_what_only_a_route_can_say() -> None:
    with pytest.raises(DeclarationError, match="a group has no option 'id'"):
        group("/a", id="x")  # type: ignore[call-arg]
    with pytest.raises(DeclarationError, match="write '/a'"):
        group("/a/")


def test_hooks_work_bare_and_with_options() -> None:
    @before
    def bare() -> None: ...

    @before(
        name="b",
        level="global",
        timeout=1,
        retries=2,
        backoff=0.5,
        retry_on=OSError,
        isolated=True,
        at="received",
    )
    async def full(gctx: Any, req: Any) -> None: ...

    @after(requires=bare, retry_on=(OSError, KeyError), in_thread=True, level="route")
    def late(res: Any) -> None: ...

    @catch()
    def caught(error: Any, res: Any) -> None: ...

    one, two, three, four = (hook_of(hook) for hook in (bare, full, late, caught))
    assert one is not None and two is not None and three is not None and four is not None
    assert (one.point, one.level, one.retry_on, one.name) == (
        "before",
        "global",
        (Exception,),
        f"{__name__}.{bare.__qualname__}",
    )
    assert (two.name, two.timeout, two.retries, two.backoff, two.at) == ("b", 1.0, 2, 0.5, "received")
    assert two.isolated
    assert (three.requires, three.retry_on, three.in_thread, three.level) == (
        bare,
        (OSError, KeyError),
        True,
        "route",
    )
    assert four.point == "catch"


@pytest.mark.parametrize(
    ("decorate", "option", "words"),
    [
        (before, {"timeout": -1}, "timeout is a positive"),
        (before, {"backoff": 0}, "backoff is a positive"),
        (before, {"retries": -1}, "retries is a whole number"),
        (before, {"retries": True}, "retries is a whole number"),
        (before, {"retry_on": int}, "an exception class"),
        (before, {"retry_on": (OSError, 1)}, "an exception class"),
        (before, {"level": "local"}, "'global' or 'route'"),
        (before, {"at": "sent"}, "at is 'received'"),
        (before, {"at": "received", "level": "route"}, "only a global hook"),
        (after, {"requires": 1}, "requires is a hook"),
    ],
)
def test_a_hook_option_that_can_not_be_meant_is_refused(decorate: Any, option: Any, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        decorate(**option)
    assert words in str(caught.value)


def test_an_async_hook_does_not_move_to_a_thread() -> None:
    with pytest.raises(DeclarationError, match="is async"):

        @before(in_thread=True)
        async def hook(req: Any) -> None: ...


def test_only_a_catch_hook_takes_the_error() -> None:
    with pytest.raises(SignatureError, match="takes none, some or all of req, res, lctx, gctx"):
        before(log)  # type: ignore[type-var]
    catch(lambda error: None)


def test_a_route_takes_hooks_of_the_right_point_only() -> None:
    @after
    def late(res: Any) -> None: ...

    with pytest.raises(DeclarationError, match="is a hook for after"):
        get("/a", before=[late])
    get("/a", after=[late])


def test_a_rate_limit_is_read_from_words() -> None:
    assert parse_rate_limit(" 5 / 2 hours burst 3 ") == RateLimit(5, 7200.0, 3)
    assert parse_rate_limit("1/second") == RateLimit(1, 1.0, 1)


def test_declarations_load_the_standard_library_only() -> None:
    program = (
        "import sys; before = set(sys.modules); import gnomon_manifest.declare\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(loaded - set(sys.stdlib_module_names) - {'gnomon_manifest'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_export_shows_its_public_home() -> None:
    for name in declare.__all__:
        exported = getattr(declare, name)
        if hasattr(exported, "__qualname__"):
            assert exported.__module__ == "gnomon_manifest.declare"
