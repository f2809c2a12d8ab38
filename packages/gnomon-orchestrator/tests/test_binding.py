"""Handlers and hooks are bound by name, at registration."""

from __future__ import annotations

import functools
import inspect
import itertools
import types

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import trio_test

from gnomon_orchestrator import BindingError, Hook, InvalidHook, Orchestrator
from gnomon_orchestrator.testing import Bench

FOUR = ("req", "res", "lctx", "gctx")
KINDS = inspect.Parameter


@st.composite
def signatures(draw):
    """A parameter list as text, valid Python, and whether it takes exactly the four names."""
    names = draw(
        st.one_of(
            st.permutations(FOUR),
            st.lists(st.sampled_from([*FOUR, "error", "request", "self", "ctx"]), unique=True, max_size=6),
        )
    )
    kinds = draw(
        st.lists(
            st.sampled_from([KINDS.POSITIONAL_ONLY, KINDS.POSITIONAL_OR_KEYWORD, KINDS.KEYWORD_ONLY]),
            min_size=len(names),
            max_size=len(names),
        )
    )
    parameters = [KINDS(name, kind) for name, kind in zip(names, sorted(kinds), strict=True)]
    if draw(st.integers(0, 5)) == 0:
        parameters.append(KINDS("rest", KINDS.VAR_KEYWORD))
    if parameters and draw(st.booleans()) and parameters[-1].kind is not KINDS.VAR_KEYWORD:
        parameters[-1] = parameters[-1].replace(default=None)
    return str(inspect.Signature(parameters)), {p.name for p in parameters} == set(FOUR)


@pytest.mark.property(1)
@given(signature=signatures(), is_async=st.booleans())
def test_a_function_is_a_handler_if_and_only_if_it_takes_exactly_the_four(signature, is_async):
    text, right = signature
    prefix = "async def" if is_async else "def"
    namespace = {}
    exec(f"{prefix} handler{text}:\n    seen.append((req, res, lctx, gctx))\n    res.json('fine')", namespace)
    handler = namespace["handler"]
    seen = namespace["seen"] = []
    if not right:
        with pytest.raises(BindingError, match="takes exactly these four, in any order"):
            Orchestrator().plan(handler)
        return
    import trio

    bench = Bench()
    assert trio.run(bench, handler).kind == "ok"
    assert seen == [(bench.req, bench.res, bench.lctx, bench.gctx)]


@pytest.mark.parametrize(
    "names", [names for size in range(6) for names in itertools.combinations((*FOUR, "error"), size)]
)
def test_a_hook_takes_the_names_it_needs(names):
    function = eval(f"lambda {', '.join(reversed(names))}: None")
    assert Hook(function, "catch").fn is function
    if "error" in names:
        with pytest.raises(BindingError, match="unknown name 'error'"):
            Hook(function, "before")
    else:
        assert Hook(function, "after").fn is function


def test_the_error_shows_the_place_and_the_right_form():
    async def handler(request, res, lctx, gctx):
        pass

    with pytest.raises(BindingError) as caught:
        Orchestrator().plan(handler)
    text = str(caught.value)
    assert f'test_binding.py", line {handler.__code__.co_firstlineno}' in text
    assert "unknown name 'request' (did you mean 'req'?); missing 'req'" in text
    assert text.endswith("async def handler(req, res, lctx, gctx)")
    assert isinstance(caught.value, TypeError)

    with pytest.raises(
        BindingError, match=r"unknown name 'x'; missing .* def handler\(req, res, lctx, gctx\)$"
    ):
        Orchestrator().plan(lambda x: None)
    with pytest.raises(BindingError, match=r"\*\*rest hides which names it takes"):
        Hook(lambda **rest: None)
    with pytest.raises(BindingError, match="a before hook is a function, not 3"):
        Hook(3)
    with pytest.raises(BindingError, match="type: the signature of this before hook is unknown"):
        Hook(type)


class Callable:
    def __init__(self):
        self.seen = []

    async def __call__(self, req, res, lctx, gctx):
        res.json("called")

    def method(self, gctx, *, lctx, res, req):
        res.json("method")

    async def bad(self, what):
        pass


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def extended(extra, req, res, lctx, gctx, *, more):
    res.json((extra, more))


async def extended_async(req, res, lctx, gctx, *, more):
    res.json(more)


CALLABLES = {
    "object": (Callable(), "called"),
    "method": (Callable().method, "method"),
    "decorated": (decorated(Callable().__call__), "called"),
    "partial": (functools.partial(extended, 1, more=2), (1, 2)),
    "partial of partial": (functools.partial(functools.partial(extended, 1), more=2), (1, 2)),
    "async partial": (functools.partial(extended_async, more=3), 3),
}


@pytest.mark.parametrize("name", CALLABLES)
@trio_test
async def test_other_callables(name, autojump_clock):
    function, answer = CALLABLES[name]
    bench = Bench()
    assert (await bench(function)).kind == "ok"
    assert bench.res.sent == [200, answer]
    assert bench.log.names()


def test_other_callables_are_named_in_errors():
    with pytest.raises(BindingError, match=r"Callable.bad \(.*test_binding.py"):
        Hook(Callable().bad)

    class Wrong:
        def __call__(self, what):
            pass

    with pytest.raises(BindingError, match=r"Wrong \(.*test_binding.py"):
        Hook(Wrong())
    with pytest.raises(BindingError, match="len: unknown name 'obj'"):
        Hook(len)
    with pytest.raises(BindingError, match="extended .*missing 'req'"):
        Orchestrator().plan(functools.partial(extended, 1, 2, more=2))


def generator(req, res, lctx, gctx):
    yield


async def async_generator(req, res, lctx, gctx):
    yield


class Generating:
    def __call__(self, req, res, lctx, gctx):
        yield


@pytest.mark.parametrize("function", [generator, async_generator, Generating(), functools.partial(generator)])
def test_a_generator_is_refused_for_nothing_of_it_would_run(function):
    with pytest.raises(
        BindingError, match=r"test_binding.py.*contains a yield, so that nothing of it would run"
    ):
        Orchestrator().plan(function)
    for point in ("before", "after", "catch"):
        with pytest.raises(BindingError, match="contains a yield"):
            Hook(function, point)


@trio_test
async def test_what_types_coroutine_makes_of_a_generator_is_awaited(autojump_clock):
    @types.coroutine
    def handler(req, res, lctx, gctx):
        yield from trio.sleep(0).__await__()
        res.json("fine")

    bench = Bench()
    assert (await bench(handler)).kind == "ok"
    assert bench.res.sent == [200, "fine"]


@trio_test
async def test_local_hooks_are_bound_when_they_run(autojump_clock):
    seen = []

    def handler(req, res, lctx, gctx):
        lctx.after(lambda res: seen.append(res))
        lctx.after(functools.partial(lambda lctx, more: seen.append(more), more=1))
        lctx.after(decorated(lambda: seen.append("decorated")))
        res.json("fine")

    bench = Bench()
    assert (await bench(handler)).kind == "ok"
    assert seen == ["decorated", 1, bench.res]

    def wrong(req, res, lctx, gctx):
        lctx.catch(lambda what: None)
        lctx.after(lambda error: None)
        res.json("fine")

    bench = Bench()
    outcome = await bench(wrong)
    assert isinstance(outcome.error, BindingError)
    assert bench.res.sent[0] == 500


def test_in_thread_is_for_sync_functions():
    async def handler(req, res, lctx, gctx):
        pass

    with pytest.raises(InvalidHook, match="sync functions"):
        Orchestrator().plan(handler, in_thread=True)
