"""What a validator calls sensitive is in no repr of a configuration, nor of its sources."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from gnomon_context import Config, ConfigError, ConfigSources

DEFAULTS = {
    "user": "ada",
    "password": "hunter2",
    "database": {"url": "hunter3", "size": 4},
    "keys": ["hunter4"],
    "vault": {"name": "hunter5"},
    "plain": {},
}


class Redacting:
    """Accepts everything, and hides what it is told to."""

    def __init__(self, shown: Any) -> None:
        self.shown = shown

    def validate(self, value: Any) -> Any:
        return value

    def redact(self, value: Any) -> Any:
        if isinstance(self.shown, Exception):
            raise self.shown
        return self.shown


def load(shown: Any) -> Config:
    return ConfigSources(defaults=DEFAULTS, environ={}, validator=Redacting(shown)).load()


BLANKED = {
    **DEFAULTS,
    "password": "(hidden)",
    "database": {"url": "(hidden)", "size": 4},
    "keys": ["(hidden)"],
    "vault": "(hidden)",
}
SHOWN = (
    "Config({'user': 'ada', 'password': ..., 'database': Config({'url': ..., 'size': 4}), "
    "'keys': ..., 'vault': ..., 'plain': Config({})})"
)


def test_what_was_blanked_is_not_shown_and_can_be_read():
    config = load(BLANKED)
    assert repr(config) == str(config) == f"{config}" == SHOWN
    assert (config.password, config.database.url, config.keys, config["keys"]) == (
        "hunter2",
        "hunter3",
        config.keys,
        ("hunter4",),
    )
    assert repr(config.vault) == "Config({'name': ...})"


def test_a_copy_hides_the_same():
    config = load(BLANKED)
    for other in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert repr(other) == SHOWN
        assert other == config
        assert hash(other) == hash(config)


@pytest.mark.parametrize("shown", [RuntimeError("cannot say"), None, "(hidden)", {}])
def test_where_nobody_knows_what_may_be_shown_nothing_is(shown):
    config = load(shown)
    assert "hunter" not in repr(config)
    assert "ada" not in repr(config)
    assert config.user == "ada"


def test_the_sources_do_not_show_what_they_hold():
    sources = ConfigSources(
        defaults=DEFAULTS, environ={"GNOMON_USER": "hunter6"}, arguments={"user": "hunter7"}
    )
    assert "hunter" not in repr(sources)


def test_what_commands_read_is_no_configuration():
    environ = {"GNOMON_SNAPSHOTS": "/var/lib/snapshots.sqlite3"}
    assert ConfigSources(environ=environ, closed=True).load() == {}
    assert ConfigSources(environ=environ, reserved=()).load().snapshots == "/var/lib/snapshots.sqlite3"
    with pytest.raises(ConfigError, match="there is no mine"):
        ConfigSources(environ={"GNOMON_MINE": "1"}, closed=True).load()
    assert ConfigSources(environ={"GNOMON_MINE": "1"}, closed=True, reserved=("GNOMON_MINE",)).load() == {}
