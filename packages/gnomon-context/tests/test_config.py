"""Configuration: immutable at every depth, from layers, reloaded whole."""

from __future__ import annotations

import copy
import datetime
import itertools
import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import example, given
from trio.testing import MockClock, trio_test

from gnomon_context import (
    Alert,
    Config,
    ConfigError,
    ConfigSources,
    ContextClosed,
    GlobalContext,
    open_global_context,
)
from gnomon_context.runtime import read_through
from gnomon_context.testing import global_context
from gnomon_context.testing.strategies import configs


def plain(value: Any) -> Any:
    """An independent copy in ordinary types, to compare with later."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return set(value) if isinstance(value, (set, frozenset)) else value


def ravage(value: Any) -> Any:
    """Change every mutable thing below `value`."""
    if isinstance(value, dict):
        for each in value.values():
            ravage(each)
        value["ravaged"] = True
    elif isinstance(value, list):
        for each in value:
            ravage(each)
        value.append("ravaged")
    elif isinstance(value, set):
        value.add("ravaged")


MUTATORS = (
    "__setitem__ __delitem__ __setattr__ __delattr__ __iadd__ __ior__ __iand__ __isub__ __ixor__ __imul__ __init__ "
    "add append clear discard extend insert pop popitem remove reverse setdefault sort update "
    "difference_update intersection_update symmetric_difference_update"
).split()
ARGUMENTS = ((), ("a",), ("a", 1), (0,), (0, 1), ([1],), ({"a": 1},), ({1},), (({"a": 1},)))


def attack(value: Any) -> None:
    """Call everything that changes a value of any type, with arguments of many forms, at every depth."""
    for name in MUTATORS:
        for arguments in ARGUMENTS:
            method = getattr(type(value), name, None)
            if method is None:
                continue
            try:
                method(value, *arguments)
            except (AttributeError, TypeError, KeyError, IndexError, ValueError):
                pass
    for operation in ("a", 0, slice(None)):
        with pytest.raises((TypeError, AttributeError)):
            value[operation] = 1
        with pytest.raises((TypeError, AttributeError)):
            del value[operation]
    with pytest.raises((AttributeError, TypeError)):
        value.a = 1
    with pytest.raises((AttributeError, TypeError)):
        del value.a
    if isinstance(value, Mapping):
        for each in value.values():
            attack(each)
    elif isinstance(value, (tuple, frozenset)):
        for each in value:
            attack(each)


@pytest.mark.property(32)
@given(values=configs())
def test_nothing_changes_a_configuration(values: dict[str, Any]) -> None:
    before = plain(values)
    gctx = global_context(config=values)
    ravage(values)
    assert plain(gctx.config) == before
    attack(gctx.config)
    assert plain(gctx.config) == before
    with pytest.raises(AttributeError):
        gctx.config = Config()  # type: ignore[misc]


@given(values=configs())
@example(values={"get": 1, "items": {"keys": 2}})
def test_a_configuration_is_read_by_attribute_and_item(values: dict[str, Any]) -> None:
    config = Config(values)
    assert list(config) == list(values) and len(config) == len(values)
    for key, value in values.items():
        assert plain(config[key]) == plain(value)
        if key not in dir(Mapping):
            assert config[key] is getattr(config, key)
        assert key in dir(config)
    assert copy.copy(config) is config and copy.deepcopy(config) is config
    assert pickle.loads(pickle.dumps(config)) == config
    assert hash(Config(values)) == hash(config) and Config(values) == config


def test_what_is_missing_is_named() -> None:
    config = Config({"a": 1})
    for read in (lambda: config.b, lambda: config["b"]):
        with pytest.raises((AttributeError, KeyError), match="no 'b' here; it has: a"):
            read()
    assert config.get("b") is None and not hasattr(config, "b")


class Secret:
    __sensitive__ = True

    def __repr__(self) -> str:
        return "the secret"


def test_values_that_fit() -> None:
    config = Config(
        {"when": datetime.date(2030, 1, 1), "raw": bytearray(b"x"), "secret": Secret(), "sub": Config()}
    )
    assert config.raw == b"x" and type(config.raw) is bytes
    assert "the secret" not in repr(config) and "'secret': ..." in repr(config)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": {"b": [1, object()]}}, r"a\.b\.1 is a object"),
        ({"a": {1: 2}}, "keys are strings, not 1 under a"),
        ({1: 2}, "under the root"),
    ],
)
def test_values_without_an_immutable_form_are_refused(values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config(values)


def test_layers_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "app.toml"
    file.write_text('a = "file"\nb = "file"\nc = "file"\n[section]\nx = 1\ny = 2\n')
    config = ConfigSources(
        defaults={"a": "defaults", "z": "defaults", "section": {"w": 0, "x": 0}},
        file=file,
        environ={
            "GNOMON_B": "environment",
            "GNOMON_C": "environment",
            "GNOMON_SECTION__Y": "3",
            "OTHER": "no",
        },
        arguments={"c": "arguments", "section.v": 4},
    ).load()
    assert plain(config) == {
        "a": "file",
        "b": "environment",
        "c": "arguments",
        "z": "defaults",
        "section": {"w": 0, "x": 1, "y": 3, "v": 4},
    }


@pytest.mark.parametrize(
    ("default", "text", "expected"),
    [
        (True, "off", False),
        (False, "YES", True),
        (1, "42", 42),
        (1.5, "2", 2.0),
        (["a"], "b, c", ["b", "c"]),
        ((), "", []),
        ("x", "1", "1"),
        (None, "1", "1"),
    ],
)
def test_the_environment_is_read_as_what_it_replaces(default: Any, text: str, expected: Any) -> None:
    config = ConfigSources(defaults={"a": default}, environ={"GNOMON_A": text}).load()
    assert plain(config.a) == expected and type(plain(config.a)) is type(expected)


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"defaults": {"a": 1}, "environ": {"GNOMON_A": "s3cret"}}, "variable GNOMON_A is not an integer"),
        ({"defaults": {"a": True}, "environ": {"GNOMON_A": "s3cret"}}, "variable GNOMON_A is not a boolean"),
        ({"defaults": {"a": {"b": 1}}, "environ": {"GNOMON_A": "1"}}, "whole section a.*GNOMON_A__KEY"),
        ({"environ": {"GNOMON_A____B": "1"}}, "GNOMON_A____B has an empty part"),
        ({"file": "/nowhere/app.toml"}, "file .*app.toml does not exist"),
    ],
)
def test_a_layer_that_cannot_be_read_is_named(sources: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        ConfigSources(**{"environ": {}, **sources}).load()
    assert "s3cret" not in str(caught.value)


def test_a_file_may_be_optional_and_must_be_toml(tmp_path: Path) -> None:
    assert ConfigSources(file=tmp_path / "none.toml", optional_file=True, environ={}).load() == {}
    file = tmp_path / "app.toml"
    file.write_text("a = = 1")
    with pytest.raises(ConfigError, match=r"app\.toml cannot be read"):
        ConfigSources(file=file, environ={}).load()


def test_a_value_may_become_a_section_and_back() -> None:
    sources = ConfigSources(defaults={"a": 1, "b": {"c": {}}}, arguments={"a.x": 2, "b": 3}, environ={})
    assert plain(sources.load()) == {"a": {"x": 2}, "b": 3}
    # A key below a plain value makes a section of it.
    sources = ConfigSources(defaults={"a": 1}, environ={"GNOMON_A__B__C": "2"})
    assert plain(sources.load()) == {"a": {"b": {"c": "2"}}}


@dataclass
class Problem:
    pointer: str
    message: str


class Invalid(ValueError):
    def __init__(self, *problems: Problem) -> None:
        self.problems = problems


def test_a_validator_converts_and_its_problems_name_source_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    class Validator:
        def __init__(self, answer: Any) -> None:
            self.answer = answer

        def validate(self, value: Any) -> Any:
            if isinstance(self.answer, Exception):
                raise self.answer
            return {**value, **self.answer} if isinstance(self.answer, dict) else self.answer

    def sources(answer: Any) -> ConfigSources:
        return ConfigSources(defaults={"a": 1, "b/c": {"d": 1}}, validator=Validator(answer))

    monkeypatch.setenv("GNOMON_A", "2")
    assert plain(sources({"a": 3}).load()) == {"a": 3, "b/c": {"d": 1}}
    problems = Invalid(
        Problem("/a", "too small"), Problem("/b~1c/d/0", "wrong"), Problem("", "odd"), Problem("/x", "?")
    )
    with pytest.raises(ConfigError) as caught:
        sources(problems).load()
    assert str(caught.value) == (
        "the configuration is not valid: a (from environment variable GNOMON_A): too small; "
        "b/c.d.0 (from defaults): wrong; the whole (from no source): odd; x (from no source): ?"
    )
    with pytest.raises(ConfigError, match="not valid: simply wrong"):
        sources(ValueError("simply wrong")).load()
    with pytest.raises(ConfigError, match="validator returned a int"):
        sources(3).load()


def test_a_reload_is_a_new_value(tmp_path: Path) -> None:
    async def main() -> None:
        file = tmp_path / "app.toml"
        file.write_text("a = 1")
        told: list[tuple[Any, Any]] = []
        alerts: list[Alert] = []

        def fail(new: Config, old: Config) -> None:
            raise ValueError

        async with open_global_context(config=ConfigSources(file=file, environ={})) as gctx:
            gctx.on_alert(alerts.append)
            gctx.on_config_reload(fail)
            gctx.on_config_reload(lambda new, old: told.append((new, old)))
            old = gctx.config
            file.write_text("a = 2")
            assert gctx.config.a == 1
            new = await gctx.reload_config()
            assert (old.a, new.a, gctx.config.a) == (1, 2, 2) and gctx.config is new
            assert told == [(new, old)] and [alert.kind for alert in alerts] == ["config_watcher_failed"]
            file.write_text("nonsense")
            with pytest.raises(ConfigError):
                await gctx.reload_config()
            assert gctx.config is new
            file.write_text("a = 4")
            gctx.on_config_reload(lambda new, old: gctx.reload_config())
            await gctx.reload_config()
            assert gctx.config.a == 4 and str(alerts[-1].error).startswith(
                "what hears of a reload runs within"
            )
            assert gctx.view(config={"a": 3}).config.a == 3
        async with open_global_context(config=Config({"a": 1})) as gctx:
            with pytest.raises(ContextClosed, match="give ConfigSources"):
                await gctx.reload_config()

    trio.run(main)


@trio_test
async def test_reloads_at_once_end_with_the_newest_value() -> None:
    reads = itertools.count()

    class Counting:
        def validate(self, value: Any) -> Any:
            return {"read": next(reads)}

    seen: list[tuple[int, int]] = []
    gctx: GlobalContext[Any] = GlobalContext(config=ConfigSources(validator=Counting(), environ={}))
    gctx.on_config_reload(lambda new, old: seen.append((old.read, new.read)))
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(gctx.reload_config)
    assert seen == [(0, 1), (1, 2), (2, 3)] and gctx.config.read == 3


def test_a_typing_mistake_is_found_in_closed_layers(tmp_path: Path) -> None:
    file = tmp_path / "app.toml"
    file.write_text("[database]\npool_size = 5\nhost = 'a'\n")

    def load(environ: dict[str, str], arguments: dict[str, Any], *, closed: bool = True) -> Config:
        return ConfigSources(
            defaults={"debug": False, "proxy": None, "tags": {}},
            file=file,
            environ=environ,
            arguments=arguments,
            closed=closed,
        ).load()

    known = load({"GNOMON_DATABASE__POOL_SIZE": "7", "GNOMON_PROXY": "p"}, {"database.host": "b"})
    assert (known.database.pool_size, known.database.host, known.proxy) == (7, "b", "p")
    message = (
        "environment variable GNOMON_DATABASE__POOLSIZE: there is no database.poolsize in the configuration; "
        "did you mean database.pool_size?"
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        load({"GNOMON_DATABASE__POOLSIZE": "7"}, {})
    with pytest.raises(
        ConfigError, match="arguments: there is no colour in the configuration; there are: debug"
    ):
        load({}, {"colour": "red"})
    with pytest.raises(ConfigError, match="there is no database.host.name in the configuration"):
        load({"GNOMON_DATABASE__HOST__NAME": "a"}, {})
    assert load({"GNOMON_DATABASE__POOLSIZE": "7"}, {}, closed=False).database.poolsize == "7"


@trio_test
async def test_who_hears_of_a_reload_may_be_async_and_is_bounded(autojump_clock: MockClock) -> None:
    heard: list[tuple[int, int]] = []
    alerts: list[Alert] = []
    ports = iter([1, 2])
    gctx: GlobalContext[Any] = GlobalContext(config=ConfigSources(defaults=_Ports(ports), environ={}))
    gctx.on_alert(alerts.append)

    @gctx.on_config_reload
    async def hear(new: Config, old: Config) -> None:
        await trio.sleep(1)
        heard.append((new.port, old.port))

    async def hang(new: Config, old: Config) -> None:
        await trio.sleep_forever()

    gctx.on_config_reload(hang, name="hangs", timeout=3)
    await gctx.reload_config()
    assert heard == [(2, 1)]
    assert [(alert.kind, alert.detail) for alert in alerts] == [
        ("config_watcher_failed", {"name": "hangs", "timed_out": True})
    ]
    with pytest.raises(TypeError, match="a callback is a function"):
        gctx.on_config_reload(3)  # type: ignore[type-var]
    with pytest.raises(ValueError, match="a positive number of seconds"):
        gctx.on_config_reload(hear, timeout=0)


@trio_test
async def test_who_hears_of_reloads_hears_of_the_newest_last(autojump_clock: MockClock) -> None:
    heard: list[int] = []
    pauses = iter([5, 0, 5])
    ports = itertools.count()
    gctx: GlobalContext[Any] = GlobalContext(config=ConfigSources(defaults=_Ports(ports), environ={}))

    @gctx.on_config_reload
    async def slow(new: Config, old: Config) -> None:
        await trio.sleep(next(pauses))

    gctx.on_config_reload(lambda new, old: heard.append(new.port))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gctx.reload_config)
        nursery.start_soon(gctx.reload_config)
    assert heard == [1, 2]
    # Nor does it keep anything from anybody that whoever asked is cancelled.
    with trio.move_on_after(1):
        await gctx.reload_config()
    assert heard == [1, 2, 3]


class _Ports(dict[str, int]):
    """Defaults that are different at each reading."""

    def __init__(self, ports: Iterator[int]) -> None:
        super().__init__(port=0)
        self._ports = ports

    def items(self) -> Any:
        return [("port", next(self._ports))]


def test_a_configuration_reads_through_to_a_mapping_and_no_further_than_asked() -> None:
    class Vault(dict[str, Any]):
        __sensitive__ = True

    read: list[str] = []

    class Watched(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            read.append(key)
            return super().__getitem__(key)

    vault, odd = Vault(a=1), object()
    database = Watched(port=1, ports=[[1], {2}, bytearray(b"3"), {"x": 4}])
    held = Watched(hosts=["a", "b"], database=database, vault=vault, kept=Config({"x": 1}), odd=odd)
    config = read_through(held)
    assert read == [] and len(config) == 5 and list(config)[:2] == ["hosts", "database"]
    assert config.hosts == ("a", "b") and config["database"].port == 1 and config.kept.x == 1
    assert config.vault is vault and config.odd is odd
    assert read == ["hosts", "database", "port", "kept", "vault", "odd"]
    assert config.database.ports == ((1,), frozenset({2}), b"3", Config({"x": 4}))
    with pytest.raises(KeyError, match="'nothing' here"):
        config["nothing"]
    with pytest.raises(AttributeError, match="immutable"):
        config.hosts = ()
    held["hosts"] = ["c"]
    assert config.hosts == ("c",)
