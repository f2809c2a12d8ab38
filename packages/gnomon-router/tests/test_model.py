"""The router against a linear, slow one that is easy to believe."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from gnomon_router import MethodNotAllowed, RouteConflict, RouteNotFound, Router, RouterError
from gnomon_router.testing import ReferenceRouter, methods, paths, patterns


def answer(router, method, path):
    try:
        return router.match(method, path)
    except RouteNotFound:
        return "not found"
    except MethodNotAllowed as error:
        return error.allowed


class RouterMachine(RuleBasedStateMachine):
    """Routes come in any order, also between matches."""

    def __init__(self):
        super().__init__()
        self.router = Router()
        self.reference = ReferenceRouter()
        self.numbers = itertools.count()
        self.routes = set()

    @rule(method=methods(), pattern=patterns())
    def add(self, method, pattern):
        number = next(self.numbers)
        try:
            self.reference.add(method, pattern, number)
        except RouteConflict as expected:
            with pytest.raises(RouteConflict) as caught:
                self.router.add(method, pattern, number)
            assert caught.value.args == expected.args
        else:
            self.router.add(method, pattern, number)
            self.routes.add((method, pattern, number))

    @rule(method=methods(), path=paths())
    def match(self, method, path):
        assert answer(self.router, method, path) == answer(self.reference, method, path)

    @rule(path=paths())
    def allowed_is_exactly_what_match_accepts(self, path):
        accepted = {
            method
            for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PURGE")
            if not isinstance(answer(self.router, method, path), str)
            and answer(self.router, method, path)[0] in range(10**6)
        }
        assert set(self.router.allowed(path)) == accepted

    @rule()
    def lists_what_was_added(self):
        assert {route[:3] for route in self.router.routes()} == self.routes


TestRouter = RouterMachine.TestCase


@given(
    st.lists(st.tuples(methods(), patterns()), max_size=8, unique=True),
    st.lists(paths(), max_size=5),
    st.randoms(),
)
def test_the_order_of_additions_never_matters(routes, asked, random):
    first, second = Router(), Router()
    kept = []
    for method, pattern in routes:
        try:
            first.add(method, pattern, (method, pattern))
        except RouteConflict:
            continue
        kept.append((method, pattern))
    random.shuffle(kept)
    for method, pattern in kept:
        second.add(method, pattern, (method, pattern))
    assert first.routes() == second.routes()
    for path in asked:
        for method in ("GET", "HEAD", "DELETE"):
            assert answer(first, method, path) == answer(second, method, path)


@given(patterns(), st.text(), st.integers(0, 40))
def test_any_text_is_a_pattern_or_is_refused_with_a_position(pattern, text, position):
    mangled = pattern[:position] + text + pattern[position:]
    for candidate in (text, mangled):
        try:
            Router().add("GET", candidate, None)
        except RouterError as error:
            assert 0 <= error.position <= len(candidate)


@pytest.mark.parametrize(
    ("kind", "text"), [("float", "1e999"), ("float", "1" * 65), ("int", "9" * 19), ("uuid", "no")]
)
def test_the_reference_refuses_what_is_out_of_range(kind, text):
    from gnomon_router.testing import _value

    assert _value(kind, text) is None
