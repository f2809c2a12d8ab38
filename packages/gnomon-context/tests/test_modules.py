"""The module registry: found by name, type and key; started in order, stopped in reverse."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from trio.testing import MockClock, trio_test

from gnomon_context import (
    Alert,
    CapabilityDenied,
    ContextClosed,
    DuplicateModule,
    GlobalContext,
    Module,
    ModuleCycle,
    ModuleError,
    ModuleKey,
    ModuleLookup,
    ModuleNotFound,
    ModuleNotStarted,
    ModuleStartFailed,
    open_global_context,
)
from gnomon_context._held import HeldManager
from gnomon_context.testing import Trial, cancel_at_every_checkpoint, global_context, virtual_clock

NAMES = ["a", "b", "c", "orders", "e-mail"]


class Service:
    """A service with a class of its own, so that it can be found by type."""


TYPES = [type(f"Service{number}", (Service,), {}) for number in range(3)]


class Registry(RuleBasedStateMachine):
    """A registry beside a dictionary: every registered module is found, none that was not."""

    def __init__(self) -> None:
        super().__init__()
        self.gctx: GlobalContext[Any] = GlobalContext()
        self.model: dict[str, Any] = {}

    @rule(
        name=st.sampled_from(NAMES),
        kind=st.sampled_from(TYPES),
        how=st.sampled_from(["value", "module", "key"]),
    )
    def register(self, name: str, kind: type[Service], how: str) -> None:
        value = kind()
        key: Any = ModuleKey(name, kind) if how == "key" else name
        module = Module(value=value) if how == "module" else value
        if name in self.model:
            with pytest.raises(DuplicateModule, match=f"'{name}' is registered already"):
                self.gctx.register(key, module)
        else:
            self.gctx.register(key, module)
            self.model[name] = value

    @invariant()
    def every_registered_module_is_found_and_none_that_was_not(self) -> None:
        self.gctx._registry.show_values()
        modules = self.gctx.modules
        assert list(modules) == list(self.model) == list(dict.fromkeys(modules)) and len(modules) == len(
            self.model
        )
        assert dir(modules) == sorted(self.model)
        for name in NAMES:
            assert (name in modules) == hasattr(modules, name) == (name in self.model)
            if name in self.model:
                value = self.model[name]
                assert modules[name] is getattr(modules, name) is value
                assert modules[ModuleKey(name)] is modules[ModuleKey(name, type(value))] is value
                assert ModuleKey[Any](name) in modules
            else:
                for key in (name, ModuleKey[Any](name)):
                    with pytest.raises(ModuleNotFound, match=f"{name}.*is registered; there are: "):
                        modules[key]
                assert getattr(modules, name, None) is None
        for kind in TYPES:
            found = [value for value in self.model.values() if type(value) is kind]
            assert (kind in modules) == (len(found) == 1)
            if len(found) == 1:
                assert modules[kind] is found[0]
            else:
                with pytest.raises(ModuleNotFound, match="ask by name" if found else "no module"):
                    modules[kind]


# Every registered module can be found, none that was not, and duplicates are refused
TestRegistry = Registry.TestCase
# Five names: longer histories only register what is there.
TestRegistry.settings = settings(stateful_step_count=15)
TestRegistry.pytestmark = [pytest.mark.property(28)]  # type: ignore[attr-defined]


@pytest.mark.property(4)
@given(
    values=st.lists(
        st.one_of(st.integers(), st.text(), st.floats(), st.lists(st.none()), st.booleans()), max_size=4
    ),
    promised=st.lists(st.sampled_from([int, str, float, list, bool, object, None]), max_size=4),
    lazy=st.booleans(),
)
def test_a_module_comes_back_as_the_type_its_key_promises(
    values: list[Any], promised: list[type[Any] | None], lazy: bool
) -> None:
    async def main() -> None:
        gctx: GlobalContext[Any] = GlobalContext()
        pairs = list(zip(values, promised, strict=False))
        keys: list[ModuleKey[Any]] = [ModuleKey(f"m{number}", kind) for number, (_, kind) in enumerate(pairs)]
        for key, (value, _) in zip(keys, pairs, strict=True):
            gctx.register(key, Module(factory=lambda value=value: value, lazy=lazy))
        broken = [
            key
            for key, (value, kind) in zip(keys, pairs, strict=True)
            if kind and not isinstance(value, kind)
        ]
        if broken and not lazy:
            with pytest.raises(ModuleStartFailed, match="its key promises"):
                async with open_global_context(gctx):
                    pytest.fail("a broken promise was kept")  # pragma: no cover
            return
        async with open_global_context(gctx):
            for key, (value, kind) in zip(keys, pairs, strict=True):
                if key in broken:
                    with pytest.raises(ModuleStartFailed, match="its key promises"):
                        await gctx.start_module(key)
                    continue
                if lazy:
                    assert await gctx.start_module(key) is value
                found = gctx.modules[key]
                assert found is value and (kind is None or isinstance(found, kind))
                with pytest.raises(ModuleStartFailed):
                    gctx.modules[ModuleKey(key.name, Service)]

    trio.run(main)


def test_keys() -> None:
    assert ModuleKey("a", int) == ModuleKey("a", int) != ModuleKey("a") and ModuleKey("a") != "a"
    assert len({ModuleKey("a", int), ModuleKey("a", int), ModuleKey("a")}) == 2
    assert repr(ModuleKey("a", int)) == "ModuleKey('a', int)" and repr(ModuleKey("a")) == "ModuleKey('a')"
    with pytest.raises(AttributeError, match="immutable"):
        ModuleKey("a").name = "b"
    with pytest.raises(AttributeError, match="immutable"):
        del ModuleKey("a").name


class Modules(ModuleLookup, Protocol):
    answer: int


def test_access_is_read_only_and_typed() -> None:
    gctx: GlobalContext[Modules] = global_context(modules={"answer": 42})
    assert gctx.modules.answer + gctx.modules[int] + gctx.modules[ModuleKey("answer", int)] == 126
    with pytest.raises(AttributeError, match="not assigned"):
        gctx.modules.answer = 43
    with pytest.raises(AttributeError, match="not deleted"):
        del gctx.modules.answer
    assert repr(gctx) == "<GlobalContext <modules: answer>>"
    assert not hasattr(gctx.modules, "_private")
    with pytest.raises(ModuleNotFound):
        gctx.modules[["unhashable"]]  # type: ignore[call-overload]
    assert repr(GlobalContext().modules) == "<modules: none>"
    with pytest.raises(ModuleNotStarted):
        global_context(modules={"made": Module(factory=dict)}).modules.made


def yielding() -> Any:
    yield 1


async def yielding_later() -> Any:
    yield 1


@pytest.mark.parametrize("factory", [yielding, yielding_later])
def test_a_factory_that_is_a_bare_generator_is_refused(factory: Callable[..., Any]) -> None:
    with pytest.raises(ModuleError, match=f"{factory.__name__} is a generator.*asynccontextmanager"):
        Module(factory=factory)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Module(), "either a value or a factory"),
        (lambda: Module(value=1, factory=int), "either a value or a factory"),
        (lambda: Module(factory=3), "is a function"),  # type: ignore[arg-type]
        (lambda: Module(value=1, depends_on="db"), r"write \('db',\)"),  # type: ignore[arg-type]
        (lambda: Module(value=1, start_timeout=0), "positive numbers"),
        (lambda: GlobalContext(modules={"_private": 1}), "starts with no underscore"),
        (lambda: GlobalContext(modules={"": 1}), "not empty"),
    ],
)
def test_bad_modules_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ModuleError, match=message):
        make()


class Log:
    """Modules that note when they start and stop."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def module(
        self, name: str, *depends_on: Any, pause: float = 0.0, fail: str = "", **options: Any
    ) -> Module:
        @asynccontextmanager
        async def factory() -> AsyncIterator[str]:
            await trio.sleep(pause)
            if fail == "start":
                raise OSError(f"{name} cannot start")
            if fail == "hang in start":
                await trio.sleep_forever()
            self.lines.append(f"+{name}")
            async with trio.open_nursery() as nursery:
                if fail == "die":
                    nursery.start_soon(self.die, name)
                try:
                    yield name
                finally:
                    with trio.CancelScope(shield=True, deadline=trio.current_time() + 50):
                        if fail == "hang in stop":
                            nursery.cancel_scope.shield = False
                        await trio.lowlevel.checkpoint()
                    if fail == "hang in stop":
                        await trio.sleep_forever()
                    if fail == "stop":
                        raise OSError(f"{name} cannot stop")
                    self.lines.append(f"-{name}")

        return Module(factory=factory, depends_on=depends_on, **options)

    async def die(self, name: str) -> None:
        await trio.sleep(5)
        raise OSError(f"{name} died")


@given(
    edges=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=10),
    pauses=st.lists(st.floats(0, 1), min_size=6, max_size=6),
)
def test_modules_start_in_dependency_order_and_stop_in_reverse(
    edges: list[tuple[int, int]], pauses: list[float]
) -> None:
    log = Log()
    wanted = {(max(pair), min(pair)) for pair in edges if pair[0] != pair[1]}
    modules = {
        f"m{number}": log.module(
            f"m{number}", *(f"m{below}" for above, below in wanted if above == number), pause=pauses[number]
        )
        for number in range(6)
    }

    async def main() -> float:
        async with open_global_context(modules=modules) as gctx:
            started = list(log.lines)
            up = list(gctx._registry.order)
            took = trio.current_time()
        assert sorted(started) == [f"+m{number}" for number in range(6)]
        for above, below in wanted:
            assert started.index(f"+m{below}") < started.index(f"+m{above}")
            assert up.index(f"m{below}") < up.index(f"m{above}")
        assert log.lines[6:] == [f"-{name}" for name in reversed(up)]
        return took

    took = trio.run(main, clock=virtual_clock())

    def path(number: int) -> float:
        return pauses[number] + max((path(below) for above, below in wanted if above == number), default=0.0)

    # Independent ones start at the same time: the whole takes as long as the longest chain.
    assert took == pytest.approx(max(path(number) for number in range(6)))


def test_a_circle_is_refused_with_its_chain() -> None:
    log = Log()
    modules = {"a": log.module("a", "b"), "b": log.module("b", "c"), "c": log.module("c", "b"), "d": 1}

    async def main() -> None:
        async with open_global_context(modules=modules):
            pytest.fail("it started")  # pragma: no cover

    with pytest.raises(ModuleCycle, match="b -> c -> b"):
        trio.run(main)
    with pytest.raises(ModuleNotFound, match="'a' depends on one that is missing: no module 'b'"):
        trio.run(lambda: start({"a": log.module("a", "b")}))


async def start(modules: dict[str, Any]) -> None:
    async with open_global_context(modules=modules):
        pass


@trio_test
async def test_a_module_that_fails_to_start_stops_the_others(autojump_clock: MockClock) -> None:
    log = Log()
    modules = {
        "a": log.module("a"),
        "b": log.module("b", "a"),
        "slow": log.module("slow", pause=60),
        "bad": log.module("bad", "b", pause=1, fail="start"),
    }
    with pytest.raises(ModuleStartFailed, match="'bad' failed to start: OSError: bad cannot start") as caught:
        await start(modules)
    assert isinstance(caught.value.__cause__, OSError)
    assert log.lines == ["+a", "+b", "-b", "-a"] and trio.current_time() == 1


@trio_test
async def test_a_module_that_hangs_at_its_start(autojump_clock: MockClock) -> None:
    log = Log()
    with pytest.raises(ModuleStartFailed, match="'bad' did not start within 2 s"):
        await start({"a": log.module("a"), "bad": log.module("bad", fail="hang in start", start_timeout=2)})
    assert log.lines == ["+a", "-a"] and trio.current_time() == 2


@trio_test
async def test_modules_that_fail_or_hang_at_their_stop_are_alerts(autojump_clock: MockClock) -> None:
    log, alerts = Log(), list[Alert]()
    modules = {
        "a": log.module("a"),
        "fails": log.module("fails", "a", fail="stop"),
        "hangs": log.module("hangs", "fails", fail="hang in stop", stop_timeout=3),
    }
    async with open_global_context(modules=modules) as gctx:
        gctx.on_alert(alerts.append)
    assert log.lines == ["+a", "+fails", "+hangs", "-a"]
    assert [(alert.kind, alert.detail["module"]) for alert in alerts] == [
        ("module_stop_failed", "hangs"),
        ("module_stop_failed", "fails"),
    ]
    assert trio.current_time() == 3


@trio_test
async def test_a_module_that_dies_is_an_alert_and_can_be_started_again(autojump_clock: MockClock) -> None:
    log, alerts = Log(), list[Alert]()
    async with open_global_context(
        modules={"a": log.module("a"), "dies": log.module("dies", "a", fail="die")}
    ) as gctx:
        gctx.on_alert(alerts.append)
        assert gctx.modules.dies == gctx.modules[ModuleKey("dies")] == "dies"
        await trio.sleep(6)
        assert [(alert.kind, alert.detail) for alert in alerts] == [("module_died", {"module": "dies"})]
        for key in ("dies", ModuleKey[Any]("dies")):
            with pytest.raises(ModuleNotStarted, match=r"'dies' is failed \("):
                gctx.modules[key]
        report = await gctx.health()
        assert (report.status, [check.name for check in report.checks]) == ("unhealthy", ["module dies"])
        assert await gctx.start_module("dies") == "dies"
        assert (await gctx.health()).status == "healthy"
    assert log.lines == ["+a", "+dies", "-dies", "+dies", "-dies", "-a"]


def test_a_module_that_ends_as_soon_as_it_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    start_module = HeldManager.start

    async def start_and_look_away(self: HeldManager, nursery: trio.Nursery, name: str) -> Any:
        value = await start_module(self, nursery, name)
        # As when the scheduler lets the module's task run first.
        await trio.testing.wait_all_tasks_blocked()
        return value

    monkeypatch.setattr(HeldManager, "start", start_and_look_away)

    @asynccontextmanager
    async def factory() -> AsyncIterator[int]:
        with trio.CancelScope() as scope:
            scope.cancel()
            yield 1

    with pytest.raises(ModuleStartFailed, match="ended as soon as it had started"):
        trio.run(lambda: start({"a": Module(factory=factory)}))


@pytest.mark.parametrize("first", ["a", "b"])
@trio_test
async def test_a_module_that_nobody_lets_go_of(first: str, autojump_clock: MockClock) -> None:
    log, alerts = Log(), list[Alert]()
    second = "b" if first == "a" else "a"
    modules = {first: log.module(first), second: log.module(second, first)}
    async with open_global_context(modules=modules, shutdown_timeout=4) as gctx:
        gctx.on_alert(alerts.append)
        entry = gctx._registry.entries["a"]
        held = entry.held
        assert held is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold, entry.lock, held)
            await trio.testing.wait_all_tasks_blocked()
            # Until the end of the shutdown, and not longer.
            await gctx._registry.stop_all(gctx._application, trio.current_time() + 4)
            assert [alert.detail for alert in alerts] == [{"module": "a"}]
            assert trio.current_time() <= 6.1
    assert sorted(log.lines) == ["+a", "+b", "-a", "-b"]


async def hold(lock: trio.Lock, held: Any) -> None:
    async with lock:
        await trio.sleep(10)
        # Let go of by the shutdown meanwhile, so that the application could end.
        assert held.is_over


@trio_test
async def test_a_lazy_module_starts_once_however_many_ask(autojump_clock: MockClock) -> None:
    log = Log()
    modules = {
        "lazy": log.module("lazy", "below", pause=1, lazy=True),
        "below": log.module("below", lazy=True),
        "never": log.module("never", lazy=True),
    }
    got: list[str] = []
    async with open_global_context(modules=modules) as gctx:
        with pytest.raises(ModuleNotStarted, match="is lazy: `await gctx.start_module"):
            gctx.modules.lazy

        async def ask() -> None:
            got.append(await gctx.start_module("lazy"))

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(ask)
            await trio.sleep(0.5)
            # One who asked and went away stops it for nobody.
            with trio.move_on_after(0.1):
                await gctx.start_module("lazy")
        assert got == ["lazy"] * 50 and gctx.modules.lazy == "lazy"
        assert log.lines == ["+below", "+lazy"]
    assert log.lines[2:] == ["-lazy", "-below"]


@trio_test
async def test_those_who_wait_for_a_failing_start_share_its_failure(autojump_clock: MockClock) -> None:
    attempts = 0

    async def factory() -> str:
        nonlocal attempts
        attempts += 1
        await trio.sleep(1)
        if attempts == 1:
            raise OSError
        return "up"

    errors: list[ModuleStartFailed] = []
    async with open_global_context(modules={"lazy": Module(factory=factory, lazy=True)}) as gctx:

        async def ask() -> None:
            try:
                await gctx.start_module("lazy")
            except ModuleStartFailed as error:
                errors.append(error)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask)
        assert len(errors) == 5 and attempts == 1 and trio.current_time() == 1
        assert await gctx.start_module("lazy") == "up"


@trio_test
async def test_the_first_who_asks_is_cancelled(autojump_clock: MockClock) -> None:
    log = Log()
    async with open_global_context(modules={"lazy": log.module("lazy", pause=1, lazy=True)}) as gctx:
        with trio.move_on_after(0.5):
            await gctx.start_module("lazy")
        with pytest.raises(ModuleNotStarted, match="is lazy"):
            gctx.modules.lazy
        assert await gctx.start_module("lazy") == "lazy"


@trio_test
async def test_one_module_restarts_without_the_others(autojump_clock: MockClock) -> None:
    log = Log()
    modules = {"a": log.module("a"), "b": log.module("b", "a"), "c": log.module("c", "b")}
    async with open_global_context(modules=modules) as gctx:
        view = gctx.view(only=["b"])
        assert view.modules.b == "b"
        assert await gctx.restart_module("b") == "b"
        assert log.lines == ["+a", "+b", "+c", "-b", "+b"]
        assert view.modules.b == gctx.modules.b == "b"
        with pytest.raises(ModuleNotFound):
            await gctx.restart_module("x")
    assert log.lines[5:] == ["-b", "-c", "-a"]
    with pytest.raises(ModuleNotStarted, match="'a' is stopped"):
        gctx.modules.a
    with pytest.raises(ContextClosed, match="shutting down"):
        await gctx.restart_module("a")


@trio_test
async def test_factories_of_every_kind(autojump_clock: MockClock) -> None:
    class Plain:
        pass

    async def later() -> str:
        await trio.sleep(1)
        return "async"

    async def manager_later() -> Any:
        return log.module("x").factory()  # type: ignore[misc]

    log = Log()
    modules = {
        "plain": Module(factory=Plain),
        "builtin": Module(factory=dict),
        "later": Module(factory=later),
        "manager": log.module("manager"),
        "manager_later": Module(factory=manager_later),
        "value": Module(value="value"),
        "none": None,
    }
    async with open_global_context(modules=modules) as gctx:
        assert isinstance(gctx.modules.plain, Plain) and gctx.modules.builtin == {}
        assert [gctx.modules[name] for name in ("later", "manager", "manager_later", "value", "none")] == [
            "async",
            "manager",
            "x",
            "value",
            None,
        ]


@trio_test
async def test_modules_are_registered_before_the_start(autojump_clock: MockClock) -> None:
    gctx: GlobalContext[Any] = GlobalContext()
    gctx.register("a", 1)
    with pytest.raises(ModuleNotStarted, match="'a' is not started"):
        gctx.modules.a
    async with open_global_context(gctx):
        with pytest.raises(ContextClosed, match="before the application starts"):
            gctx.register("b", 1)
        with pytest.raises(ContextClosed, match="opened once"):
            await open_global_context(gctx).__aenter__()
    with pytest.raises(ContextClosed, match="before the application starts"):
        gctx.register("b", 1)


@trio_test
async def test_a_view_replaces_and_grants(autojump_clock: MockClock) -> None:
    key = ModuleKey("a", int)
    async with open_global_context(modules={"a": 1, "b": "two", "c": 3.0}, config={"x": 1}) as gctx:
        view = gctx.view(modules={"a": 10, "new": 5}, config={"x": 2})
        assert (view.modules.a, view.modules[key], view.modules[int], view.modules.b) == (10, 10, 10, "two")
        assert view.modules.new == 5 and "new" in view.modules and "new" not in gctx.modules
        assert (gctx.modules.a, gctx.config.x, view.config.x) == (1, 1, 2)
        assert list(view.modules) == ["a", "b", "c", "new"]
        granted = view.view(only=["a", "b"])
        assert list(granted.modules) == ["a", "b"] and granted.modules.a == 10 and granted.config.x == 2
        with pytest.raises(CapabilityDenied, match="'c' is not granted here; granted are: a, b"):
            granted.modules.c
        with pytest.raises(CapabilityDenied):
            granted.modules[float]
        assert "c" not in granted.modules and float not in granted.modules
        narrower = granted.view(only=["b", "c"], modules={"d": 4})
        assert list(narrower.modules) == ["b", "d"]
        with pytest.raises(CapabilityDenied):
            narrower.modules.a
        with pytest.raises(ModuleStartFailed):
            gctx.view(modules={"a": "text"}).modules[key]
        same = gctx.view()
        assert same.modules is gctx.modules and isinstance(same, GlobalContext)
        # One application: state, topics, live requests are the same.
        assert view.state is gctx.state and view._application is gctx._application
        await gctx.restart_module("a")
        assert view.modules.a == 10


def test_lazy_start_and_restart_cancelled_at_every_checkpoint() -> None:
    async def scenario(trial: Trial) -> None:
        log = Log()
        modules = {
            "a": log.module("a", pause=0.1),
            "b": log.module("b", "a", pause=0.1, lazy=True),
            "c": log.module("c", "b", lazy=True),
        }
        async with open_global_context(modules=modules) as gctx:
            with trial:
                await gctx.start_module("c")
                await gctx.restart_module("b")
            # Whatever was cut off can be taken up again.
            assert await gctx.start_module("c") == "c" and await gctx.start_module("b") == "b"
        for name in "abc":
            assert 1 <= log.lines.count(f"+{name}") == log.lines.count(f"-{name}")

    assert cancel_at_every_checkpoint(scenario).checkpoints > 5


def test_start_up_cancelled_at_every_checkpoint() -> None:
    async def scenario(trial: Trial) -> None:
        log = Log()
        modules = {
            "a": log.module("a", pause=0.1),
            "b": log.module("b", "a", pause=0.1),
            "c": log.module("c", "a"),
            "d": log.module("d", "c", "b"),
        }
        with trial:
            async with open_global_context(modules=modules):
                await trio.sleep(1)
        starts = [line[1:] for line in log.lines if line.startswith("+")]
        stops = [line[1:] for line in log.lines if line.startswith("-")]
        assert sorted(stops) == sorted(starts)
        for above, below in ("ba", "ca", "dc", "db"):
            if above in stops:
                assert stops.index(above) < stops.index(below)

    assert cancel_at_every_checkpoint(scenario).checkpoints > 10


@trio_test
async def test_a_view_starts_nothing_that_it_does_not_grant_or_that_it_replaces() -> None:
    started: list[str] = []
    lazy = Module(factory=lambda: started.append("a"), lazy=True)
    async with open_global_context(modules={"a": lazy, "b": 1}) as gctx:
        view = gctx.view(only=["b"])
        for start in (view.start_module, view.restart_module):
            with pytest.raises(CapabilityDenied):
                await start("a")
        view = gctx.view(modules={"a": 5})
        assert await view.start_module("a") == await view.restart_module("a") == 5
    assert started == []


@trio_test
async def test_a_view_shows_a_module_no_longer_when_it_stops() -> None:
    async with open_global_context(modules={"a": Module(value=1), "b": Module(value=2)}) as gctx:
        view = gctx.view(modules={"b": 3})
        assert (view.modules.a, view.modules["b"], view.modules.b) == (1, 3, 3)
    assert (view.modules["b"], view.modules.b) == (3, 3)
    with pytest.raises(ModuleNotStarted, match="'a' is stopped"):
        _ = view.modules.a
