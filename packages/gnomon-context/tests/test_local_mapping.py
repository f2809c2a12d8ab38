"""The mapping of a local context."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from gnomon_context import ContextClosed, ContextKey, LocalContext
from gnomon_context.runtime import begin, end
from gnomon_context.testing import global_context, local_context
from gnomon_context.testing.strategies import keys

VALUES = st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))


class LocalMapping(RuleBasedStateMachine):
    """Contexts of one application beside dictionaries: each is the mapping of its request alone."""

    contexts = Bundle("contexts")

    def __init__(self) -> None:
        super().__init__()
        self.gctx = global_context()
        self.models: dict[LocalContext, dict[str, Any]] = {}
        self.ended: set[LocalContext] = set()

    @rule(target=contexts)
    def open(self) -> LocalContext:
        lctx = local_context(self.gctx)
        begin(lctx)
        self.models[lctx] = {}
        return lctx

    @rule(lctx=contexts, key=keys(), value=VALUES, typed=st.booleans())
    def set(self, lctx: LocalContext, key: str, value: Any, typed: bool) -> None:
        if lctx in self.ended:
            with pytest.raises(ContextClosed):
                lctx.set(key, value)
            return
        lctx.set(ContextKey(key) if typed else key, value)
        self.models[lctx][key] = value

    @rule(lctx=contexts, key=keys(), typed=st.booleans())
    def get(self, lctx: LocalContext, key: str, typed: bool) -> None:
        if lctx in self.ended:
            with pytest.raises(ContextClosed):
                lctx.get(key)
            return
        name = ContextKey[Any](key) if typed else key
        model = self.models[lctx]
        assert lctx.get(name) is model.get(key)
        assert lctx.get(name, self) is model.get(key, self)
        assert (name in lctx) == (key in model)

    @rule(lctx=contexts, key=keys())
    def delete(self, lctx: LocalContext, key: str) -> None:
        if lctx in self.ended:
            with pytest.raises(ContextClosed):
                lctx.delete(key)
        elif key in self.models[lctx]:
            lctx.delete(key)
            del self.models[lctx][key]
        else:
            with pytest.raises(KeyError):
                lctx.delete(key)

    @rule(lctx=contexts)
    def clear(self, lctx: LocalContext) -> None:
        if lctx in self.ended:
            with pytest.raises(ContextClosed):
                lctx.clear()
        else:
            lctx.clear()
            self.models[lctx].clear()

    @rule(lctx=contexts)
    def close(self, lctx: LocalContext) -> None:
        if lctx not in self.ended:
            end(lctx)
            self.ended.add(lctx)

    def teardown(self) -> None:
        for lctx in self.models:
            if lctx not in self.ended:
                end(lctx)

    @invariant()
    def every_context_holds_what_its_own_request_put_there(self) -> None:
        for lctx, model in self.models.items():
            if lctx not in self.ended:
                assert list(lctx) == list(model)
                assert len(lctx) == len(model)
                assert {key: lctx.get(key) for key in lctx} == model


# get, set, delete, clear behave as a mapping that belongs to one request alone
TestLocalMapping = LocalMapping.TestCase
TestLocalMapping.pytestmark = [pytest.mark.property(23)]  # type: ignore[attr-defined]


def test_a_typed_key_is_its_name() -> None:
    user: ContextKey[int] = ContextKey("shop.user")
    lctx = local_context()
    lctx.set(user, 7)
    assert lctx.get("shop.user") == 7 and lctx.get(user) == 7
    assert user.name == "shop.user" and type(user.name) is str
    assert repr(user) == "ContextKey('shop.user')"


def test_an_empty_context_is_there() -> None:
    assert local_context()
    assert repr(local_context(method="GET", path="/a")) == "<LocalContext GET /a received>"


def test_a_hundred_thousand_keys() -> None:
    lctx = local_context()
    for number in range(100_000):
        lctx.set(f"key {number}", number)
    assert len(lctx) == 100_000
    assert all(lctx.get(f"key {number}") == number for number in range(0, 100_000, 997))
    lctx.clear()
    assert list(lctx) == []
